-- Wash trades as a job: windows become alerts once they have closed.
\set SHOW_CONTEXT never
SET timezone = 'UTC';
SET intervalstyle = 'postgres';
SET datestyle = 'ISO';

CREATE FUNCTION try(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	h text;
BEGIN
	EXECUTE statement;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS h = PG_EXCEPTION_HINT;
	RETURN concat_ws(' | ', SQLERRM, nullif(h, ''));
END $$;

-- 12 accounts; bursts of 10 trades an hour and a half apart, busy or not
CREATE TABLE trades (id bigint PRIMARY KEY, account_id text, product_id int, event_type text, side text, price numeric, quantity int, ts timestamptz NOT NULL);
INSERT INTO trades
SELECT row_number() OVER (ORDER BY t, a, i), 'A' || a, a % 2, CASE WHEN i % 10 = 0 THEN 'ORDER_PLACED' ELSE 'TRADE_EXECUTED' END,
	CASE WHEN (i + (a % 3 = 0 AND i % 3 = 0)::int) % 2 = 0 THEN 'BUY' ELSE 'SELL' END, 100 + a * (i % 10) * 0.1, 400 + 200 * i, t
FROM generate_series(1, 12) a, generate_series(0, 39) i, LATERAL (SELECT timestamptz '2026-01-10 08:00+00' + a * interval '7 minutes'
	+ i / 10 * interval '90 minutes' + i % 10 * (a % 4 + 1) * interval '70 seconds' AS t) x;
CREATE INDEX ON trades (ts);
CREATE VIEW expected AS SELECT id, account_id, ts, w FROM (
	SELECT id, account_id, ts, ad_wash_trade(event_type, side, price, quantity, ts) OVER (PARTITION BY account_id, product_id ORDER BY ts, id) AS w FROM trades) s
WHERE (w).trades IS NOT NULL;

-- run after run, at odd moments: what is reported does not depend on when
SELECT ad_create_wash_trade_job('all', 'trades', per_burst => false, lag => '30 seconds');
CALL ad_run_job('all', until => '2026-01-10 08:00:02+00');
CALL ad_run_job('all', until => '2026-01-10 08:47:41+00');
CALL ad_run_job('all', until => '2026-01-10 08:47:43+00');
CALL ad_run_job('all', until => '2026-01-10 10:01:59.5+00');
-- no window is told before it has closed, half an hour and the lag after its first trade
SELECT count(*) FILTER (WHERE a.key IS NULL) AS missed, count(*) FILTER (WHERE e.id IS NULL) AS more, count(*) > 5 AS some
FROM (SELECT * FROM expected WHERE ts + interval '30 minutes 30 seconds' <= '2026-01-10 10:01:59.5+00') e FULL JOIN ad_alerts a ON a.key = e.id::text;
CALL ad_run_job('all');
CALL ad_run_job('all');
SELECT count(*) FILTER (WHERE a.key IS NULL) AS missed, count(*) FILTER (WHERE e.id IS NULL) AS more,
	count(*) FILTER (WHERE a.entity <> e.account_id OR a.event_at <> e.ts OR a.score <> (e.w).alternation_percentage) AS other,
	count(*) FILTER (WHERE a."row" - '{account,product,partition_key,first_id,last_id}'::text[] <> to_jsonb(e.w) - '{window_no,first_row,last_row,skipped_rows}'::text[]) AS figures
FROM expected e FULL JOIN ad_alerts a ON a.key = e.id::text;
SELECT run, batches, rows, status FROM ad_job_run ORDER BY run;

-- why: every condition that it meets
SELECT key, entity, score, jsonb_pretty("row") AS "row" FROM ad_alerts ORDER BY event_at LIMIT 1;
SELECT r ->> 'figure' AS figure, r ->> 'value' AS value, r ->> 'at_least' AS at_least
FROM (SELECT explanation FROM ad_alerts ORDER BY event_at LIMIT 1) a, jsonb_array_elements(explanation) r;

-- one alert per burst, unless said otherwise: the first window of a run of windows that share trades; merge measures such a run as a whole
SELECT ad_create_wash_trade_job('bursts', 'trades');
SELECT ad_create_wash_trade_job('merged', 'trades', ad_wash_trade_options(merge => true));
SELECT ad_create_wash_trade_job('quiet', 'trades', per_burst => false, cooldown => '1 hour', rule => '{"score": 90}', partition_by => '{account_id}', order_by => ARRAY['id', 'price']);
CALL ad_run_job('bursts');
CALL ad_run_job('merged');
CALL ad_run_job('quiet');
SELECT job, count(*), min(score) >= 90 AS high FROM ad_alerts GROUP BY job ORDER BY job;
SELECT count(*) FILTER (WHERE b.key IS NULL OR m.key IS NULL) AS other, sum((m."row" ->> 'windows')::int) AS windows
FROM (SELECT * FROM ad_alerts WHERE job = 'bursts') b FULL JOIN (SELECT * FROM ad_alerts WHERE job = 'merged') m ON b.key = m.key;

-- changed options: it goes on with the windows from its watermark on, and tells none twice
SELECT ad_alter_job('bursts', '{"per_burst": false, "options": {"window_size": 1200}}');
CALL ad_run_job('bursts');
SELECT options ->> 'window_size' AS window_size, options ->> 'min_total_volume' AS volume, per_burst FROM ad_jobs WHERE name = 'bursts';
SELECT count(*) AS alerts, count(DISTINCT key) AS keys FROM ad_alerts WHERE job = 'bursts';

-- labels, a rescan, and what came too late
SELECT ad_label('merged', min(key), true, 'same owner') FROM ad_alerts WHERE job = 'merged';
SELECT count(*), bool_and(label) AS label FROM ad_alerts WHERE label IS NOT NULL;
INSERT INTO trades SELECT id + 1000, 'late', product_id, event_type, side, price, quantity, ts FROM trades WHERE account_id = 'A2';
CALL ad_run_job('all');
SELECT count(*) >= 0 AS looked FROM ad_health();
SELECT late_rows FROM ad_jobs WHERE name = 'all';
SELECT ad_rescan('all', '2026-01-10 08:00+00') > 0 AS again;
CALL ad_run_job('all');
SELECT count(*) FILTER (WHERE a.key IS NULL) AS missed, count(*) FILTER (WHERE e.id IS NULL) AS more, count(*) FILTER (WHERE e.account_id = 'late') > 0 AS late
FROM expected e FULL JOIN (SELECT * FROM ad_alerts WHERE job = 'all') a ON a.key = e.id::text;

-- rows that are no events, equal times, no row at all, one row
CREATE TABLE ugly (LIKE trades);
INSERT INTO ugly SELECT i, 'X', 1, CASE WHEN i = 5 THEN 'SWAP' ELSE 'FILL' END, CASE WHEN i % 2 = 0 THEN 'B' ELSE 's' END,
	CASE WHEN i = 7 THEN 'NaN'::numeric ELSE 10 END, CASE WHEN i = 8 THEN -1 ELSE 3000 END, '2026-01-10 08:00+00' FROM generate_series(1, 20) i;
SELECT ad_create_wash_trade_job('ugly', 'ugly', partition_by => '{}');
SELECT ad_create_wash_trade_job('none', 'SELECT * FROM ugly WHERE false');
SELECT ad_create_wash_trade_job('skip', 'ugly', ad_wash_trade_options(on_bad => 'skip'));
CALL ad_run_job('ugly');
CALL ad_run_job('none');
CALL ad_run_job('skip');
SELECT job, key, entity, "row" ->> 'trades' AS trades, "row" ->> 'partition_key' AS partition FROM ad_alerts WHERE job IN ('ugly', 'none', 'skip') ORDER BY job;
SELECT job, key, left(message, 30) AS message FROM ad_job_errors ORDER BY job, key::int;

-- refused
SELECT c, try(format('SELECT ad_create_wash_trade_job(''x'', ''trades'', %s)', c)) FROM unnest(ARRAY['rule => ''{"p_value": 0.1}''', 'options => ''{"merged": true}''', 'options => ''[]''',
	'columns => ''{"ts": "id"}''', 'columns => ''{"tss": "id"}''', 'columns => ''{"price": "account_id"}''', 'lag => NULL', 'lag => ''soon''', 'per_burst => NULL',
	'partition_by => ''{firm}''', 'order_by => ''nr''', 'limit_per_hour => 0', 'since => ''soon''', 'on_error => ''stop''']) c;
SELECT try($$SELECT ad_create_wash_trade_job('all', 'trades')$$);
SELECT try($$SELECT ad_create_wash_trade_job('x', 'SELECT 1 AS ts')$$);
SELECT try($$SELECT ad_create_wash_trade_job('x', 'nothing')$$);
SELECT try($$SELECT ad_create_wash_trade_job(NULL, 'trades')$$);
SELECT try($$SELECT ad_alter_job('all', '{"per_burst": "often"}')$$);
SELECT try($$SELECT ad_alter_job('all', '{"partition_by": ["id"]}')$$);

-- a log with rows that are in it twice: one alert per row that a window begins with, the first of them, and counted once
CREATE VIEW replayed AS SELECT * FROM trades UNION ALL SELECT * FROM trades WHERE id % 3 = 0;
SELECT ad_create_wash_trade_job('replayed', 'replayed', per_burst => false);
CALL ad_run_job('replayed');
SELECT (SELECT count(*) FROM ad_alerts a WHERE a.job = r.job) = r.alerts AS counted, r.alerts > 5 AS some FROM ad_job_runs r WHERE job = 'replayed';
SELECT count(*) FILTER (WHERE a.key IS NULL OR e.id IS NULL OR a.trades <> e.trades) AS other
FROM (SELECT key, ("row" ->> 'trades')::int AS trades FROM ad_alerts WHERE job = 'replayed') a
FULL JOIN (SELECT id, max((w).trades) AS trades FROM (
	SELECT id, ad_wash_trade(event_type, side, price, quantity, ts) OVER (PARTITION BY account_id, product_id ORDER BY ts, id) AS w FROM replayed) s
	WHERE (w).trades IS NOT NULL GROUP BY id) e ON a.key = e.id::text;
SELECT ad_drop_job('replayed') > 0 AS dropped;
DROP VIEW replayed;

SELECT name, ad_drop_job(name) > 0 AS dropped FROM ad_jobs ORDER BY name;
SELECT count(*) FROM _anomaly._ad_job_part;

DROP TABLE trades, ugly CASCADE;
DROP FUNCTION try(text);
