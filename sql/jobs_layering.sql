-- Layering as a job: sequences become alerts once their windows have closed.
\set SHOW_CONTEXT never
SET timezone = 'UTC';
SET intervalstyle = 'postgres';		-- as jobs write it
SET datestyle = 'ISO';

-- made-up order flow: 20 accounts, bursts of orders, cancels and opposite trades over three days
CREATE TABLE flow (id bigint PRIMARY KEY, account_id text, product_id text, event_type text, side text, price numeric, quantity bigint, ts timestamptz NOT NULL);
INSERT INTO flow
SELECT row_number() OVER (ORDER BY t, e), 'A' || b % 20, 'P' || b % 3,
       CASE WHEN e <= 5 THEN 'NEW' WHEN e <= 10 THEN 'CANCEL' ELSE 'FILL' END,
       CASE WHEN (e = 11) = (b % 2 = 0) THEN 'SELL' ELSE 'BUY' END, 100 + e % 5, 100 + b % 7 * 50, t
FROM generate_series(0, 719) b, generate_series(1, 11) e,
     LATERAL (SELECT timestamptz '2026-01-10 00:00+00' + b * interval '6 minutes' + (b * 37 % 300 + e * (0.3 + b % 5 * 0.25)) * interval '1 second' AS t) x
WHERE b % 11 <> 0 OR e <> 7;
CREATE INDEX ON flow (ts);
CREATE TABLE expected AS SELECT first_id, account, start_time, severity, to_jsonb(s) AS s
FROM ad_layering_sequences('SELECT * FROM flow', order_by => 'id') s;
-- by days, each with 17 seconds before and after it: the same sequences (metrics match cancels to orders that are still open,
-- so they may differ where an order was left open days ago)
CREATE TABLE by_days AS SELECT first_id, to_jsonb(s) - 'first_row' - 'trade_row' - 'sequence_no' AS s
FROM generate_series(timestamptz '2026-01-10', '2026-01-12', '1 day') d, LATERAL ad_layering_sequences(format(
	'SELECT * FROM flow WHERE ts >= %L::timestamptz - interval ''17 s'' AND ts <= %L::timestamptz + interval ''1 day 17 s''', d, d), order_by => 'id') s
WHERE start_time >= d AND start_time < d + interval '1 day';
SELECT count(*) > 300 AS many, count(DISTINCT start_time::date) AS days FROM expected;

-- run after run, at odd moments, as if by a timer: what is reported does not depend on when
SELECT ad_create_layering_job('layers', 'flow', lag => '30 seconds');
CALL ad_run_job('layers', until => '2026-01-10 00:00:02+00');
CALL ad_run_job('layers', until => '2026-01-10 03:17:41+00');
CALL ad_run_job('layers', until => '2026-01-10 03:17:43+00');
CALL ad_run_job('layers', until => '2026-01-10 12:01:59.5+00');
CALL ad_run_job('layers', until => '2026-01-11 00:00:05+00');
CALL ad_run_job('layers', until => '2026-01-11 00:00:48+00');
SELECT watermark FROM ad_jobs;
SELECT count(*) FILTER (WHERE a.key IS NULL) AS missed, count(*) FILTER (WHERE e.first_id IS NULL) AS more, max(e.start_time) FROM
	(SELECT * FROM expected WHERE start_time <= '2026-01-11 00:00:48+00'::timestamptz - interval '47 seconds') e
	FULL JOIN (SELECT * FROM ad_alert) a ON a.key = e.first_id;
CALL ad_run_job('layers');
CALL ad_run_job('layers');
SELECT count(*) FILTER (WHERE a.key IS NULL) AS missed, count(*) FILTER (WHERE e.first_id IS NULL) AS more,
       count(*) FILTER (WHERE a.entity <> e.account OR a.event_at <> e.start_time) AS different
FROM expected e FULL JOIN ad_alert a ON a.key = e.first_id;
SELECT count(*) FILTER (WHERE a.key IS NULL) AS missed, count(*) FILTER (WHERE e.first_id IS NULL) AS more,
       count(*) FILTER (WHERE a."row" - 'first_row' - 'trade_row' - 'sequence_no' <> e.s OR a.score <> (e.s ->> 'severity')::float8) AS different
FROM by_days e FULL JOIN ad_alert a ON a.key = e.first_id;
SELECT run, batches, rows, status FROM ad_job_run ORDER BY run;

-- the windows must close: 17 seconds and the lag after the first order
CREATE TABLE live (LIKE flow);
INSERT INTO live SELECT i, 'X', 'P', CASE WHEN i <= 3 THEN 'NEW' WHEN i <= 6 THEN 'CANCEL' ELSE 'FILL' END, CASE WHEN i = 7 THEN 'SELL' ELSE 'BUY' END,
	100, 10, timestamptz '2026-02-01 10:00+00' + i * interval '1 second' FROM generate_series(1, 6) i;
SELECT ad_create_layering_job('live', 'live', lag => '1 minute');
CALL ad_run_job('live', until => '2026-02-01 10:01:17.9+00');
SELECT count(*), (SELECT watermark FROM ad_jobs WHERE name = 'live') FROM ad_alert WHERE job = 'live';
-- the trade comes late, but within the lag
INSERT INTO live SELECT 7, 'X', 'P', 'FILL', 'SELL', 100, 10, timestamptz '2026-02-01 10:00:07+00';
CALL ad_run_job('live', until => '2026-02-01 10:01:18+00');
SELECT key, entity, event_at FROM ad_alert WHERE job = 'live';

-- only the severe, other windows, partitions of one's own; another name for an account
SELECT ad_create_layering_job('severe', 'SELECT f.*, left(account_id, 2) AS firm FROM flow f', ad_layering_options(rule => 'anchored'),
                              rule => '{"score": 60}', partition_by => '{firm,product_id}', order_by => 'id', cooldown => '10 hours');
CALL ad_run_job('severe');
SELECT count(*) > 10 AS some, min(score) >= 60 AS severe, min("row" ->> 'rule') AS rule, bool_and(length(entity) = 2) AS firms FROM ad_alert WHERE job = 'severe';
SELECT min(next - event_at) >= '10 hours' AS apart FROM (SELECT event_at, lead(event_at) OVER (PARTITION BY entity ORDER BY event_at) AS next FROM ad_alert WHERE job = 'severe') a;

-- changed options are completed, as those of a new job are; the job goes on with the sequences from its watermark on
SELECT ad_create_layering_job('altered', 'flow', lag => '30 seconds');
CALL ad_run_job('altered', until => '2026-01-11 12:00+00');
SELECT ad_alter_job('altered', '{"options": {"trade_rule": "either"}}') IS NOT NULL AS altered;
CALL ad_run_job('altered');
SELECT ad_create_layering_job('either', 'flow', ad_layering_options(trade_rule => 'either'), lag => '30 seconds');
CALL ad_run_job('either');
SELECT count(*) > 100 AS some, count(*) FILTER (WHERE a.key IS NULL) AS missed, count(*) FILTER (WHERE e.key IS NULL) AS more
FROM (SELECT * FROM ad_alert WHERE job = 'altered' AND event_at > '2026-01-11 12:00+00') a
FULL JOIN (SELECT * FROM ad_alert WHERE job = 'either' AND event_at > '2026-01-11 12:00+00') e ON a.key = e.key;

-- equal partitions in other digits, all events at one time
CREATE TABLE tied AS SELECT i AS id, CASE WHEN i % 2 = 0 THEN 1.0 ELSE 1.00 END AS account_id, 1 AS product_id,
	CASE WHEN i <= 3 THEN 'NEW' WHEN i <= 6 THEN 'CANCEL' ELSE 'FILL' END AS event_type, CASE WHEN i = 7 THEN 'SELL' ELSE 'BUY' END AS side,
	100 AS price, 10 AS quantity, timestamptz '2026-02-01 10:00+00' AS ts FROM generate_series(1, 7) i;
SELECT ad_create_layering_job('tied', 'tied');
CALL ad_run_job('tied');
SELECT key, entity, "row" -> 'orders' AS orders FROM ad_alert WHERE job = 'tied';

-- rows that are no events, without a time, and that cannot be computed, do not stop a job
CREATE TABLE bad AS SELECT id::int, 'X' AS account_id, 'P' AS product_id, event_type, side, price, quantity, ts, 1 AS divisor FROM tied;
UPDATE bad SET ts = ts + id * interval '1 s';
INSERT INTO bad VALUES (11, 'X', 'P', 'WHAT', 'BUY', 1, 1, '2026-02-01 10:00:03+00', 1), (12, 'X', 'P', 'NEW', 'BUY', 1, 1, NULL, 1),
	(13, 'X', 'P', 'NEW', 'BUY', 1, 1, '2026-02-01 10:00:04+00', 0);
SELECT ad_create_layering_job('bad', 'SELECT id, account_id, product_id, event_type, side, price, quantity / divisor AS quantity, ts FROM bad');
SET client_min_messages = error;
CALL ad_run_job('bad');
CALL ad_run_job('bad');
RESET client_min_messages;
SELECT key, watermark, message, error_code FROM _anomaly._ad_job_error e JOIN _anomaly._ad_job j ON j.id = e.job_id WHERE j.name = 'bad' ORDER BY key;
SELECT key, "row" -> 'orders' AS orders, "row" -> 'skipped_rows' AS skipped FROM ad_alert WHERE job = 'bad';
SELECT count(*) >= 0 AS health FROM ad_health();
SELECT late_rows FROM ad_jobs WHERE name = 'bad';

-- a state that is damaged is refused by name
UPDATE _anomaly._ad_job_part SET state = substr(state, 1, length(state) - 1) WHERE job_id = (SELECT id FROM _anomaly._ad_job WHERE name = 'tied');
INSERT INTO tied SELECT id + 10, account_id, product_id, event_type, side, price, quantity, ts + interval '1 s' FROM tied;
CALL ad_run_job('tied');

-- what is refused
SELECT ad_create_layering_job('x', 'SELECT id, account_id FROM flow');
SELECT ad_create_layering_job('x', 'SELECT ts::date AS ts, account_id, product_id, event_type, side, price, quantity FROM flow');
SELECT ad_create_layering_job('x', 'SELECT ts FROM flow');
SELECT ad_create_layering_job('x', 'flow', '{"windows": 3}');
SELECT ad_create_layering_job('x', 'flow', '[]');
SELECT ad_create_layering_job('x', 'flow', rule => '{"p_value": 0.1}');
SELECT ad_create_layering_job('x', 'flow', rule => '{"score": 100.5}');
SELECT ad_create_layering_job('x', 'flow', lag => NULL);
SELECT ad_create_layering_job('x', 'flow', partition_by => '{nothing}');
SELECT ad_drop_job(name) > 0 AS dropped FROM ad_jobs WHERE name <> 'x' ORDER BY name;
SELECT name FROM ad_jobs;
SELECT count(*) FROM _anomaly._ad_job_part;
DROP TABLE flow, live, expected, by_days, tied, bad;
