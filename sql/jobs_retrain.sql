-- Training again: a new version takes over only if nothing speaks against it.
\set SHOW_CONTEXT never
SET timezone = 'UTC';

CREATE TABLE trade (id int PRIMARY KEY, a float8, b float8, kind text, at timestamptz NOT NULL, was_fraud bool);
INSERT INTO trade SELECT i, ad_random(1, i, 'normal'), ad_random(2, i, 'normal'), 'k' || i % 3, timestamptz '2026-01-01' + i * interval '1 minute', false
FROM generate_series(1, 3000) i;
UPDATE trade SET was_fraud = true, a = 8, b = -8 WHERE id % 100 = 0;
CREATE FUNCTION decision(d jsonb) RETURNS text LANGUAGE sql AS $$
	SELECT array_to_string(format('%s -> %s, activated: %s', d ->> 'champion', d ->> 'version', d ->> 'activated') ||
		ARRAY(SELECT regexp_replace(r, '\d+\.\d+', '#', 'g') FROM jsonb_array_elements_text(d -> 'reasons') r), '; ') $$;

SELECT ad_train('t', 'SELECT a, b, kind FROM trade', ad_zscore() || ad_calibrate());
SELECT ad_create_job('t', 't', 'trade', 'id', 'at', rule => '{"score": 5}');
CALL ad_run_job('t');
SELECT count(*) FROM ad_alert;

-- no labels: the same data, so it takes over
SELECT decision(ad_retrain('t'));
-- the reasons as they are
SELECT key, jsonb_typeof(value) FROM jsonb_each(ad_retrain('t')) ORDER BY key;
SELECT name, version, active, notes FROM ad_models ORDER BY name, version;

-- labels of both kinds: metrics are compared; as good as before takes over
SELECT ad_label('t', key, true) IS NULL FROM ad_alert ORDER BY key::int LIMIT 1;
SELECT count(ad_label('t', id::text, was_fraud)) FROM trade WHERE id % 50 = 0 AND id <> 100;
SELECT decision(ad_retrain('t'));
-- worse than the champion: to one that knows only chaos, fraud is nothing strange
UPDATE trade SET a = ad_random(3, id, 'uniform', -200, 400), b = ad_random(4, id, 'uniform', -200, 400);
SELECT decision(ad_retrain('t', max_drift => 1));
-- and drifted
SELECT decision(ad_retrain('t', margin => 1));
SELECT version, active FROM ad_models WHERE active;
-- nothing may be against it: so it takes over
SELECT decision(ad_retrain('t', max_drift => 1, margin => 1));
-- the metrics are those of the labelled rows, as a query computes them
SELECT decision(d) IS NOT NULL AS decided, (d -> 'labels')::int AS labels,
       abs((d #>> '{average_precision,0}')::float8 - ap) < 1e-12 AS average_precision, abs((d #>> '{roc_auc,0}')::float8 - auc) < 1e-12 AS roc_auc
FROM (SELECT ad_average_precision(ad_score('t', (row ->> 'a')::float8, (row ->> 'b')::float8, row ->> 'kind'), is_anomaly) AS ap,
             ad_roc_auc(ad_score('t', (row ->> 'a')::float8, (row ->> 'b')::float8, row ->> 'kind'), is_anomaly) AS auc FROM ad_labels) q,
     LATERAL (SELECT ad_retrain('t', max_drift => 1, margin => 1) AS d WHERE ap > 0) r;
-- too few labels do not count
SELECT decision(ad_retrain('t', max_drift => 1, min_labels => 1000));
-- another type of a feature is no like for like
ALTER TABLE trade ALTER a TYPE text;
SELECT decision(ad_retrain('t', max_drift => 1));

-- what cannot be
TRUNCATE trade;
SELECT ad_retrain('t');
DROP TABLE trade;
SELECT ad_retrain('t');
SELECT ad_retrain('nobody');
SELECT ad_retrain(NULL);
SELECT ad_retrain('t', margin => -1);
SELECT ad_retrain('t', max_drift => 'NaN');
SELECT ad_retrain('t', min_labels => 1);
CREATE ROLE jobs_reader;
SELECT ad_grant_model('t', 'jobs_reader', 'read');
SET ROLE jobs_reader;
SELECT ad_retrain('t');
RESET ROLE;

-- from stored daily sketches, as a query over them says
CREATE TABLE daily AS
SELECT day, ad_sketch(f) AS sketch
FROM (SELECT i / 500 AS day, ad_random(1, i, 'normal') AS a, ad_random(2, i, 'normal') AS b FROM generate_series(0, 4999) i) t,
     LATERAL (SELECT a, b) f GROUP BY day;
SELECT ad_train('s', 'SELECT sketch FROM daily WHERE day < 5', 'iforest');
SELECT ad_model('s') = ad_fit_sketch('iforest', ad_merge(sketch)) AS same, ad_info('s') ->> 'rows' AS rows FROM daily WHERE day < 5;
SELECT jsonb_path_query_array(ad_info('s'), '$.features') IS NOT NULL AS ok, array_agg(name) FROM ad_features('s');
SELECT decision(ad_retrain('s'));
-- features without names
SELECT ad_train('u', 'SELECT ad_sketch(a, b) FROM generate_series(1, 300) i, LATERAL (SELECT ad_random(1, i, ''normal'') AS a, ad_random(2, i, ''normal'') AS b) f', 'zscore');
SELECT decision(ad_retrain('u'));
SELECT ad_drop_model('u');
SELECT ad_train('s', 'SELECT sketch FROM daily WHERE false', 'iforest');
SELECT ad_train('s', 'SELECT ''no sketch''::bytea', 'iforest');

-- the name of a job: what it judges by
CREATE TABLE trade2 AS SELECT i AS id, ad_random(1, i, 'normal') AS a, timestamptz '2026-01-01' + i * interval '1 minute' AS at FROM generate_series(1, 500) i;
SELECT ad_train('model of job', 'SELECT a FROM trade2', 'zscore');
SELECT ad_create_job('job of model', 'model of job', 'trade2', 'id', 'at', rule => '{"score": 5}');
SELECT d - 'score_drift' FROM ad_retrain('job of model') d;
CREATE TABLE flow (id bigint, account_id text, product_id text, event_type text, side text, quantity numeric, price numeric, ts timestamptz);
SELECT ad_create_layering_job('lay', 'flow', lag => '30 seconds');
SELECT ad_retrain('lay');
SET ROLE jobs_reader;
SELECT ad_retrain('job of model');
RESET ROLE;
SELECT ad_grant_job('job of model', 'jobs_reader', 'read');
SET ROLE jobs_reader;
SELECT ad_retrain('job of model');
RESET ROLE;
-- errors do not show what is inside
\set SHOW_CONTEXT always
SELECT ad_retrain('nobody');
SELECT ad_retrain('s', margin => 2);
ALTER TABLE trade2 RENAME a TO other;
SELECT ad_retrain('model of job');
ALTER TABLE trade2 RENAME other TO a;
-- nor does the warning of labelled rows that do not fit any more
SELECT ad_label('job of model', id, id % 2 = 0) FROM trade2 WHERE id <= 4;
ALTER TABLE trade2 ALTER a TYPE text USING CASE WHEN id = 5 THEN 'x' ELSE a::text END;
SELECT ad_label('job of model', 5, true);
ALTER TABLE trade2 ALTER a TYPE float8 USING CASE WHEN id = 5 THEN 1 ELSE a::float8 END;
SELECT d - 'score_drift' - 'average_precision' - 'roc_auc' - 'reasons' FROM ad_retrain('model of job', min_labels => 2) d;
\set SHOW_CONTEXT never
SELECT ad_drop_job('lay'), ad_drop_job('job of model'), ad_drop_model('model of job');
DROP TABLE trade2, flow;

SELECT ad_drop_job('t'), ad_drop_model('t') > 5 AS versions, ad_drop_model('s');
DROP TABLE daily;
DROP FUNCTION decision;
DROP ROLE jobs_reader;
