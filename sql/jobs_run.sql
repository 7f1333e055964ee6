-- Jobs: new rows are scored, once, and what is strange becomes an alert.
\set SHOW_CONTEXT never
SET timezone = 'UTC';
SET datestyle = 'ISO';

-- a payment a minute; every 500th is strange
CREATE TABLE payment (
	id bigint PRIMARY KEY, customer text, amount numeric(9,2), country text, ts timestamptz NOT NULL);
CREATE FUNCTION pay(first int, last int, at timestamptz DEFAULT '2026-03-02 08:00+00') RETURNS void LANGUAGE sql AS $$
	INSERT INTO payment
	SELECT i, 'C' || i % 7, (i * 37 % 101 + i * 53 % 97 + i * 71 % 89) / 3.0 * CASE WHEN i % 500 = 0 THEN 20 ELSE 1 END,
	       (ARRAY['AT', 'CH', 'DE', 'DE'])[1 + i % 4], at + i * interval '1 minute'
	FROM generate_series(first, last) i $$;
SELECT pay(1, 5000);
SELECT ad_train('payments', 'SELECT amount, country FROM payment WHERE id % 500 <> 0', ad_zscore() || ad_calibrate()) AS version;
CREATE VIEW alert AS SELECT job, key, entity, p_value <= 0.002 AS rare, "row" ->> 'amount' AS amount, model_version AS version, event_at, label
FROM ad_alert;

-- from the first row on, in small batches
SELECT ad_create_job('fraud', 'payments', 'payment', key => 'id', watermark => 'ts', rule => '{"p_value": 0.002}',
                     entity => 'customer', batch_size => 700, lag => '10 minutes');
CALL ad_run_job('fraud');
SELECT key, entity, rare, amount, version, event_at FROM alert ORDER BY event_at;
SELECT run, status, batches, rows, alerts, suppressed FROM ad_job_run;
SELECT watermark, failures FROM ad_jobs;
-- the same as a query says
SELECT count(*) AS rows, count(*) FILTER (WHERE a.key IS NULL) AS missed, count(*) FILTER (WHERE a.score <> ad_score('payments', p)) AS other_score
FROM payment p LEFT JOIN ad_alert a ON a.key = p.id::text WHERE ad_pvalue('payments', amount, country) <= 0.002;

-- nothing new, nothing to do; new rows, and one that comes late, within the lag and beyond it
CALL ad_run_job('fraud');
SELECT pay(5001, 5600);
CALL ad_run_job('fraud');
INSERT INTO payment VALUES (10001, 'late', 9000, 'DE', '2026-03-06 05:15+00'), (10002, 'too late', 9000, 'DE', '2026-03-06 05:09+00');
CALL ad_run_job('fraud');
SELECT key, entity, event_at FROM alert WHERE key::int > 5000 ORDER BY event_at;
SELECT run, status, batches, rows, alerts FROM ad_job_run ORDER BY run;

-- rows of one watermark fall into several batches, and none is lost or doubled
SELECT ad_alter_job('fraud', '{"batch_size": 7, "lag": "0"}');
INSERT INTO payment SELECT 20000 + i, 'C' || i, 9000, 'DE', '2026-03-07 00:00+00' FROM generate_series(1, 50) i;
CALL ad_run_job('fraud');
INSERT INTO payment SELECT 20000 + i, 'C' || i, 9000, 'DE', '2026-03-07 00:00+00' FROM generate_series(51, 60) i;
CALL ad_run_job('fraud');
SELECT count(*), count(DISTINCT key) FROM alert WHERE key::int > 20000;
SELECT batches, rows, alerts FROM ad_job_run ORDER BY run DESC LIMIT 2;
SELECT ad_alter_job('fraud', '{"batch_size": 1000, "lag": "1 hour"}');

-- a row of the future is scored, and hides nothing that comes before it
INSERT INTO payment VALUES (30001, 'future', 9000, 'DE', '2999-01-01'), (30002, 'forever', 9000, 'DE', 'infinity');
CALL ad_run_job('fraud');
SELECT key, event_at FROM alert WHERE key::int > 30000 ORDER BY key;
SELECT watermark::timestamp < now() + interval '1 day' AS not_beyond_the_clock FROM ad_jobs;
INSERT INTO payment VALUES (30003, 'now', 9000, 'DE', now());
CALL ad_run_job('fraud');
CALL ad_run_job('fraud');
SELECT key, entity FROM alert WHERE key::int > 30000 ORDER BY key;
SELECT rows, alerts FROM ad_job_run ORDER BY run DESC LIMIT 3;

-- a model trained meanwhile is the one that scores, and is named in the alert
SELECT ad_train('payments', 'SELECT amount, country FROM payment WHERE id % 500 <> 0 AND id < 9000', ad_zscore() || ad_calibrate()) AS version;
INSERT INTO payment VALUES (30004, 'x', 9000, 'DE', now());
CALL ad_run_job('fraud');
SELECT key, version FROM alert WHERE key = '30004';

-- a cooldown holds each entity back, a limit all of them
CREATE TABLE burst AS SELECT i AS id, 'C' || i % 3 AS customer, 9000.0 AS amount, 'DE' AS country,
	timestamp '2026-01-01' + i * interval '5 minutes' AS ts FROM generate_series(0, 47) i;
SELECT ad_create_job('cool', 'payments', 'burst', key => 'id', watermark => 'ts', entity => 'customer', cooldown => '1 hour', batch_size => 5);
SELECT ad_create_job('limited', 'payments', 'burst', key => 'id', watermark => 'ts', limit_per_hour => 2, batch_size => 5);
CALL ad_run_job('cool');
CALL ad_run_job('limited');
SELECT entity, string_agg(to_char(event_at, 'HH24:MI'), ' ' ORDER BY event_at) FROM alert WHERE job = 'cool' GROUP BY entity ORDER BY 1;
SELECT string_agg(to_char(event_at, 'HH24:MI'), ' ' ORDER BY event_at) FROM alert WHERE job = 'limited';
SELECT job, rows, alerts, suppressed FROM ad_job_run WHERE job IN ('cool', 'limited') ORDER BY job;

-- an integer for a watermark, and only from a row on; a query for a source; other names for the columns
SELECT ad_create_job('by id', 'payments', 'SELECT id, amount * 1 AS sum, country AS land, customer FROM payment -- all of them;',
                     key => 'id', watermark => 'id', since => '20041', features => '{sum,land}', rule => '{"score": 10}', lag => '5');
CALL ad_run_job('by id');
SELECT count(*), min(key::int), bool_and("row" ? 'land') AS row, bool_and(event_at = scored_at) AS now FROM ad_alert WHERE job = 'by id';
SELECT watermark FROM ad_jobs WHERE name = 'by id';
INSERT INTO payment VALUES (29998, 'z', 9000, 'DE', now()), (29999, 'z', 9000, 'DE', now());
CALL ad_run_job('by id');
SELECT rows FROM ad_job_run WHERE job = 'by id' ORDER BY run DESC LIMIT 1;

-- the false discovery rate over all runs: as the levels of the stream have it
SELECT ad_create_job('rate', 'payments', 'SELECT * FROM payment WHERE id % 50 = 0 AND id <= 5000', key => 'id', watermark => 'ts', rule => '{"fdr": 0.05}', batch_size => 30);
CALL ad_run_job('rate');
WITH p AS (SELECT id, ts, ad_pvalue('payments', amount, country) AS p FROM payment WHERE id % 50 = 0 AND id <= 5000),
l AS (SELECT id, p <= ad_fdr_level(p, 'lord', jsonb_build_object('q', 0.05, 'half_life', 1000000, 'least_p', ad_info('payments') #> '{calibration,least_p}'))
	OVER (ORDER BY ts, id) AS found FROM p)
SELECT count(*) > 0 AS found, count(*) FILTER (WHERE a.key IS NULL) AS missed, (SELECT count(*) FROM ad_alert WHERE job = 'rate') - count(*) AS more
FROM l LEFT JOIN ad_alert a ON a.job = 'rate' AND a.key = l.id::text WHERE found;

-- only up to a time
SELECT ad_create_job('until', 'payments', 'payment', key => 'id', watermark => 'ts');
CALL ad_run_job('until', until => '2026-03-03 00:00+00');
SELECT watermark FROM ad_jobs WHERE name = 'until';
CALL ad_run_job('until', until => '2026-03-03 01:00+00');
SELECT run, rows FROM ad_job_run WHERE job = 'until' ORDER BY run;
CALL ad_run_job('by id', until => now());

-- explanations: as many features as asked for
SELECT ad_alter_job('until', '{"explain": 1}');
CALL ad_run_job('until', until => '2026-03-03 12:00+00');
SELECT key, jsonb_array_length(explanation) AS features, explanation #>> '{0,feature}' AS most, explanation #>> '{0,value}' AS value
FROM ad_alert WHERE job = 'until' ORDER BY event_at;

-- in a transaction block there can be no batches
BEGIN;
CALL ad_run_job('fraud');
ROLLBACK;
CALL ad_run_job('fraud');

-- alerts can go, and do not come back
SELECT ad_purge_job('fraud', 'infinity') > 60 AS gone;
CALL ad_run_job('fraud');
SELECT count(*) FROM alert WHERE job = 'fraud';
SELECT ad_drop_job('limited');
SELECT name FROM ad_jobs ORDER BY name;
SELECT count(*) FROM _anomaly._ad_job_seen s WHERE NOT EXISTS (SELECT FROM _anomaly._ad_job j WHERE j.id = s.job_id);

SELECT ad_drop_job(name) IS NOT NULL AS dropped FROM ad_jobs;
SELECT ad_drop_model('payments');
DROP TABLE payment, burst;
DROP VIEW alert;
DROP FUNCTION pay;
