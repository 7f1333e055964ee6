-- A job that scores rows by the models of their entities.
\set SHOW_CONTEXT never
SET timezone = 'UTC';

CREATE TABLE pay (id int PRIMARY KEY, merchant text, amount float8, hour float8, at timestamptz NOT NULL);
INSERT INTO pay SELECT i, 'm' || i % 4, 10 ^ (i % 4) * (1 + 0.1 * ad_random(1, i, 'normal')), ad_random(2, i, 'normal'), timestamptz '2026-01-01' + i * interval '6 seconds'
FROM generate_series(1, 12000) i;
SELECT fitted, failed FROM ad_train_groups('per merchant', 'SELECT merchant, amount, hour FROM pay', by => 'merchant', spec => ad_zscore() || ad_calibrate(share => 0.5));
SELECT ad_train('common', 'SELECT amount, hour FROM pay', ad_zscore() || ad_calibrate(share => 0.5));

SELECT ad_create_job('by merchant', 'per merchant', 'pay', 'id', 'at', rule => '{"p_value": 0.01}', model_by => 'merchant', since => '2026-01-02 00:00');
SELECT name, entity, model_by, rule FROM ad_jobs;
-- 1000 is usual for m3, and far from it for m1; what m1 pays is nothing for m3; and nobody knows m9
INSERT INTO pay VALUES (20001, 'm3', 1000, 0, '2026-01-02 10:00'), (20002, 'm1', 1000, 0, '2026-01-02 10:01'), (20003, 'm3', 10, 0, '2026-01-02 10:02'),
	(20004, 'm9', 1000000, 0, '2026-01-02 10:03'), (20005, NULL, 1000000, 0, '2026-01-02 10:04');
CALL ad_run_job('by merchant');
SELECT key, entity, explanation -> 0 ->> 'feature' AS feature, model_version, score = ad_score('per merchant', entity, (row ->> 'amount')::float8, (row ->> 'hour')::float8) AS score
FROM ad_alerts WHERE key::int > 20000 ORDER BY key;
SELECT status, rows, fallback, unscored FROM ad_job_runs;

-- with a common model those of nobody are scored by it
SELECT kept FROM ad_train_groups('per merchant', 'SELECT merchant, amount, hour FROM pay WHERE id <= 12000', by => 'merchant', spec => ad_zscore() || ad_calibrate(share => 0.5), fallback => 'common');
INSERT INTO pay VALUES (30001, 'm9', 1e9, 0, '2026-01-02 11:00'), (30002, 'm9', 100, 0, '2026-01-02 11:01'), (30003, NULL, 1e9, 0, '2026-01-02 11:02'), (30004, 'm0', 1.01, 0, '2026-01-02 11:03');
CALL ad_run_job('by merchant');
SELECT key, entity, score = ad_score('common', (row ->> 'amount')::float8, 0) AS score FROM ad_alerts WHERE key::int > 30000 ORDER BY key;
SELECT run, status, rows, fallback, unscored FROM ad_job_runs ORDER BY run;

-- columns of other names; a false discovery rate over all entities
INSERT INTO pay SELECT 35000 + i, 'm' || i % 2, 1e6, 0, timestamptz '2026-01-02 12:00' + i * interval '1 second' FROM generate_series(1, 200) i;
SELECT ad_create_job('named', 'per merchant', 'SELECT id, merchant AS shop, amount AS a, hour AS h, at FROM pay', 'id', 'at', rule => '{"fdr": 0.5}', model_by => 'shop', features => '{a,h}', explain => 1, since => '2026-01-02 11:59');
CALL ad_run_job('named');
SELECT count(*) > 100 AS many, count(DISTINCT entity) > 1 AS entities FROM ad_alerts WHERE job = 'named';
-- the row has the column that the model wants: no more has to be said
SELECT ad_create_job('by row', 'per merchant', 'pay', 'id', 'at', rule => '{"score": 6}');
CALL ad_run_job('by row');
SELECT array_agg(key ORDER BY key) AS keys, count(entity) AS entities FROM ad_alerts WHERE job = 'by row' AND key::int > 20000 AND key::int NOT BETWEEN 35000 AND 35999;

-- trained again: entities whose rows have changed
SELECT d ->> 'activated' AS activated, d -> 'fitted' AS fitted, d -> 'kept' AS kept FROM ad_retrain('by merchant') d;
-- many rows of entities without a model are a warning
INSERT INTO pay SELECT 40000 + i, 'n' || i, 100, 0, timestamptz '2026-01-03' + i * interval '1 second' FROM generate_series(1, 3000) i;
CALL ad_run_job('by merchant');
SELECT status, detail FROM ad_health() WHERE "check" = 'entity models';

-- a report has what all entities have in common
SELECT line FROM regexp_split_to_table(ad_report('by merchant', 'job', top => 0), '\n') line WHERE line ~ '^#';
SELECT regexp_replace(line, '^.*(It has [^.]*)\..*$', '\1') AS entities FROM regexp_split_to_table(ad_report('per merchant', 'model', top => 1), '\n') line WHERE line ~ 'It has';

-- a rule that no model of an entity can fulfil is told, unless there is a fallback that may
SELECT fitted FROM ad_train_groups('few rows', 'SELECT merchant, amount, hour FROM pay WHERE id <= 400', by => 'merchant', spec => ad_zscore() || ad_calibrate(share => 0.5));
SELECT ad_create_job('in vain', 'few rows', 'pay', 'id', 'at', model_by => 'merchant');
SELECT fitted, kept FROM ad_train_groups('few rows', 'SELECT merchant, amount, hour FROM pay WHERE id <= 400', by => 'merchant', spec => ad_zscore() || ad_calibrate(share => 0.5), fallback => 'common');
SELECT ad_alter_job('in vain', '{"batch_size": 1000}'), ad_drop_job('in vain'), ad_drop_model('few rows');

-- what cannot be
SELECT ad_create_job('x', 'per merchant', 'pay', 'id', 'at', model_by => 'shop');
SELECT ad_create_job('x', 'common', 'pay', 'id', 'at', model_by => 'merchant');
SELECT ad_create_job('x', 'per merchant', 'pay', 'id', 'at', features => '{amount,hour}');
SELECT ad_create_job('x', 'per merchant', 'SELECT id, at, amount, hour FROM pay', 'id', 'at');
SELECT ad_create_job('x', 'per merchant', 'SELECT id, merchant, at, amount FROM pay', 'id', 'at', model_by => 'merchant');
SELECT ad_create_job('x', 'per merchant', 'pay', 'id', 'at', model_by => 'at');
SELECT ad_alter_job('by merchant', '{"model": "common"}');
SELECT ad_train('per merchant', 'SELECT amount, hour FROM pay', 'zscore');
INSERT INTO pay VALUES (90001, 'm1', 1, 1, '2026-01-04');
CALL ad_run_job('by merchant');
SELECT ad_alter_job('by merchant', '{"model_by": null, "rule": {"score": 100}}');
CALL ad_run_job('by merchant');
SELECT status FROM ad_job_runs WHERE job = 'by merchant' ORDER BY run DESC LIMIT 1;
-- a fallback that has gone is an error of the rows that need it
SELECT fitted FROM ad_train_groups('per merchant', 'SELECT merchant, amount, hour FROM pay', by => 'merchant', detector => 'zscore', fallback => 'common');
SELECT ad_drop_model('common');
SELECT ad_alter_job('by merchant', '{"model_by": "merchant"}');
INSERT INTO pay VALUES (90002, 'm1', 1, 1, '2026-01-05'), (90003, 'nobody', 1, 1, '2026-01-05');
CALL ad_run_job('by merchant');
SELECT key, message FROM ad_job_errors WHERE job = 'by merchant';

SELECT ad_drop_job(name) >= 0 FROM ad_jobs;
SELECT ad_drop_model('per merchant') > 0;
DROP TABLE pay;
