-- Watches: metrics of a table by period, learnt and bounded.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS anomaly;
SET timezone = 'UTC';
SET datestyle = 'ISO';

-- 140 days of about 200 orders, 60 at weekends
CREATE TABLE orders AS
SELECT d * 1000 + k AS id, timestamptz '2026-01-05' + d * interval '1 day' + k * interval '5 minutes' AS ts,
	round((20 + 5 * ad_random(1, d * 1000 + k, 'normal'))::numeric, 2) AS amount,
	CASE WHEN ad_random(2, d * 1000 + k) >= 0.02 THEN 'C' || floor(ad_random(3, d * 1000 + k) * 4) END AS country, '{}'::jsonb AS extra
FROM generate_series(0, 139) d, generate_series(1, (CASE WHEN d % 7 >= 5 THEN 60 ELSE 200 END * (1 + 0.05 * ad_random(4, d, 'normal')))::int) k;
CREATE INDEX ON orders (ts);

SELECT ad_create_watch('orders', 'orders', time_column => 'ts', bounds => '{"rows": {"min": 1}, "freshness": {"max": "30 hours"}}');
SELECT kind, watermark_column, rule, lag, watermark FROM ad_jobs;
SELECT options ->> 'period' AS period, options -> 'columns' AS columns, options -> 'history' AS history, options -> 'keep' AS keep FROM ad_jobs;
-- the first run learns, and says nothing
CALL ad_run_job('orders', until => '2026-05-11 06:00');
SELECT watermark, settled FROM ad_jobs;
SELECT verdict, count(DISTINCT metric) AS metrics, count(DISTINCT period) AS periods FROM ad_watch_metrics
WHERE metric NOT LIKE 'new_share%' GROUP BY verdict ORDER BY verdict;
SELECT count(*) AS alerts FROM ad_alerts;
SELECT metric, verdict FROM ad_watch_metrics WHERE period = '2026-05-10' ORDER BY metric;
SELECT rows FROM ad_job_runs;

-- a day with faults: half of the rows, NULLs, another unit
DELETE FROM orders WHERE ts >= '2026-05-12' AND ts < '2026-05-13' AND id % 2 = 0;
UPDATE orders SET amount = amount * 100 WHERE ts >= '2026-05-13' AND ts < '2026-05-14';
UPDATE orders SET country = CASE WHEN id % 2 = 0 THEN 'XX' END WHERE ts >= '2026-05-14' AND ts < '2026-05-15';
CALL ad_run_job('orders', until => '2026-05-15 06:00');
SELECT key, entity, watermark, event_at, score > 5 AS far, explanation ->> 'verdict' AS verdict FROM ad_alerts ORDER BY event_at, key;
SELECT (explanation ->> 'seen')::float8 < (explanation ->> 'lower')::float8 AS below, (explanation ->> 'lower')::float8 < (explanation ->> 'expected')::float8 AS lower,
	explanation ->> 'text' ~ '^The number of rows was \d+; expected was \d+, from \d+ to \d+\.$' AS sentence, "row" - 'expected' - 'seen' AS "row"
FROM ad_alerts WHERE key = 'rows';
-- again: nothing is new
CALL ad_run_job('orders', until => '2026-05-15 06:00');
SELECT run, rows > 0 AS read, alerts > 0 AS alerted, status FROM ad_job_runs ORDER BY run;

-- no row for too long is said before the day is over; then by the day, once
DELETE FROM orders WHERE ts >= '2026-05-15 12:00';
CALL ad_run_job('orders', until => '2026-05-16 20:00');
SELECT key, watermark, explanation ->> 'verdict' AS verdict, explanation ->> 'text' AS text, "row" ->> 'until' AS until
FROM ad_alerts WHERE event_at >= '2026-05-15' AND key <> 'gap' ORDER BY event_at, key;
CALL ad_run_job('orders', until => '2026-05-17 00:10');
SELECT key, watermark, explanation ->> 'verdict' AS verdict FROM ad_alerts WHERE event_at >= '2026-05-16' ORDER BY event_at, key;

-- late rows are counted; a rescan reads the periods again, and says nothing twice
SELECT count(*) AS alerts FROM ad_alerts \gset before_
INSERT INTO orders SELECT id + 1000000, ts, amount, country, extra FROM orders WHERE ts >= '2026-05-12' AND ts < '2026-05-13';
SELECT detail FROM ad_health() WHERE "check" = 'late rows';
SELECT late_rows FROM ad_jobs;
SELECT ad_rescan('orders', '2026-05-12') > 0 AS again;
CALL ad_run_job('orders', until => '2026-05-17 00:10');
SELECT count(*) - :before_alerts AS more FROM ad_alerts;
SELECT metric, verdict FROM ad_watch_metrics WHERE period = '2026-05-12' AND metric IN ('rows', 'unique_share.id') ORDER BY metric;
SELECT count(*) AS health FROM ad_health() WHERE "check" = 'late rows' AND status <> 'ok';

-- labels; learning anew leaves out what was an anomaly
SELECT ad_label('orders', 'mean.amount', '2026-05-13 00:00:00+00', true, 'cents');
SELECT label, note FROM ad_alerts WHERE key = 'mean.amount';
SELECT ad_retrain('orders') - 'reasons' AS retrained;
CALL ad_run_job('orders', until => '2026-05-17 00:10');
SELECT count(*) - :before_alerts AS more FROM ad_alerts;
SELECT metric, verdict FROM ad_watch_metrics WHERE period = '2026-05-13' AND metric IN ('rows', 'mean.amount') ORDER BY metric;

-- a column that is gone is said once, and the others go on; one that becomes another type begins anew
ALTER TABLE orders DROP COLUMN country;
ALTER TABLE orders ALTER amount TYPE text;
CALL ad_run_job('orders', until => '2026-05-18 00:10');
CALL ad_run_job('orders', until => '2026-05-19 00:10');
SELECT key, watermark, explanation ->> 'text' AS text FROM ad_alerts WHERE key LIKE 'column%' ORDER BY key;
SELECT status, detail FROM ad_health() WHERE "check" = 'watched column';
SELECT ad_create_watch('named', 'orders', 'ts', columns => '{amount,extra}', metrics => '{null_share,distinct}', history => 3, since => '2026-05-01');
CALL ad_run_job('named', until => '2026-05-04 00:10');
ALTER TABLE orders DROP COLUMN extra;
CALL ad_run_job('named', until => '2026-05-05 00:10');
SELECT key, watermark FROM ad_alerts WHERE job = 'named';
SELECT status, detail, hint FROM ad_health() WHERE "check" = 'watched column';
SELECT metric, min(period) AS first, count(*) FROM ad_watch_metrics WHERE job = 'named' GROUP BY metric ORDER BY metric;
SELECT ad_alter_job('named', '{"columns": ["amount"], "bounds": {"distinct": {"min": 1000}}}');
CALL ad_run_job('named', until => '2026-05-06 00:10');
SELECT key, explanation ->> 'bound' AS bound, explanation ->> 'expected' AS expected, explanation ->> 'verdict' AS verdict FROM ad_alerts WHERE job = 'named' AND key LIKE 'distinct%';
SELECT status FROM ad_health() WHERE "check" = 'watched column';
-- a query that names a column which is gone fails
SELECT ad_create_watch('query', 'SELECT ts, amount AS a FROM orders WHERE amount <> ''''', 'ts');
ALTER TABLE orders RENAME amount TO price;
CALL ad_run_job('query', until => '2026-05-06 00:10');
SELECT failures FROM ad_jobs WHERE name = 'query';

-- what is refused
SELECT ad_create_watch('x', 'orders', NULL);
SELECT ad_create_watch('x', 'orders', 'id');
SELECT ad_create_watch('x', 'orders', 'nothing');
SELECT ad_create_watch('x', 'orders', 'ts', period => '2 days');
SELECT ad_create_watch('x', 'orders', 'ts', period => '7 hours');
SELECT ad_create_watch('x', 'orders', 'ts', period => '1 month');
SELECT ad_create_watch('x', 'SELECT ts::date AS day FROM orders', 'day', period => '1 hour');
SELECT ad_create_watch('x', 'orders', 'ts', columns => '{id,nothing}');
SELECT ad_create_watch('x', 'orders', 'ts', metrics => '{rows,median.price}');
SELECT ad_create_watch('x', 'orders', 'ts', bounds => '[]');
SELECT ad_create_watch('x', 'orders', 'ts', bounds => '{"row": {"min": 1}}');
SELECT ad_create_watch('x', 'orders', 'ts', bounds => '{"rows.id": {"min": 1}}');
SELECT ad_create_watch('x', 'orders', 'ts', bounds => '{"mean.nothing": {"min": 1}}');
SELECT ad_create_watch('x', 'orders', 'ts', bounds => '{"rows": 1}');
SELECT ad_create_watch('x', 'orders', 'ts', bounds => '{"rows": {"least": 1}}');
SELECT ad_create_watch('x', 'orders', 'ts', bounds => '{"rows": {"min": "many"}}');
SELECT ad_create_watch('x', 'orders', 'ts', bounds => '{"rows": {"min": 2, "max": 1}}');
SELECT ad_create_watch('x', 'orders', 'ts', rule => '{"fdr": 0.1}');
SELECT ad_create_watch('x', 'orders', 'ts', rule => '{"p_value": 0.1}');
SELECT ad_create_watch('x', 'orders', 'ts', rule => '{"score": 0}');
SELECT ad_create_watch('x', 'orders', 'ts', history => -1);
SELECT ad_create_watch('x', 'orders', 'ts', keep => 0);
SELECT ad_alter_job('query', '{"period": "1 hour"}');
-- a damaged state is refused by name
UPDATE _anomaly._ad_job_watch SET state = substr(state, 1, 20) WHERE subject = 'amount';
CALL ad_run_job('named', until => '2026-05-07 00:10');
SELECT count(ad_drop_job(name)) FROM ad_jobs;
SELECT (SELECT count(*) FROM _anomaly._ad_job_watch) AS states, (SELECT count(*) FROM _anomaly._ad_job_metric) AS metrics;

-- many columns, all kinds of values
SELECT format('CREATE TABLE wide AS SELECT timestamptz %L + i * interval ''1 hour'' AS ts, %s FROM generate_series(0, 99) i', '2026-01-01',
	string_agg(format('i + %s AS c%s', c, c), ', ')) AS wide FROM generate_series(1, 150) c \gset
:wide;
SET client_min_messages = notice;
SELECT ad_create_watch('wide', 'wide', 'ts', since => '2026-01-01');
SELECT ad_create_watch('wide2', 'wide', 'ts', columns => ARRAY(SELECT 'c' || c FROM generate_series(1, 101) c));
CALL ad_run_job('wide', until => '2026-01-06');
SELECT count(DISTINCT split_part(metric, '.', 2)) - 1 AS columns, count(DISTINCT period) AS periods FROM ad_watch_metrics;
SELECT ad_drop_job('wide');
CREATE TABLE ugly (ts timestamp, f float8, n numeric, t text, a int[], i interval, d date, e timestamptz, b bytea);
SELECT ad_create_watch('ugly', 'ugly', 'ts', since => '2026-01-01');
CALL ad_run_job('ugly', until => '2026-01-03 00:10');
INSERT INTO ugly VALUES (NULL), ('-infinity'), ('infinity'), ('2026-01-03');
INSERT INTO ugly SELECT '2026-01-03 23:00', f::float8, n, t, a, i, d, e, b FROM (VALUES
	('NaN'::text, 'NaN'::numeric, ''::text, NULL::int[], NULL::interval, NULL::date, NULL::timestamptz, NULL::bytea),
	('Infinity', 1e300, repeat('x', 100000), '{1}', '1000 years', 'infinity', '-infinity', '\x00'),
	('-Infinity', -1e300, 'a', NULL, NULL, NULL, NULL, NULL),
	('1e308', 0, NULL, NULL, NULL, '2026-01-01', NULL, NULL),
	('-1e308', 1e-300, NULL, NULL, NULL, NULL, '2026-01-01', NULL)) v(f, n, t, a, i, d, e, b);
CALL ad_run_job('ugly', until => '2026-01-04 00:10');
SELECT metric, round(value::numeric, 3) AS value FROM ad_watch_metrics WHERE period = '2026-01-03' AND (metric ~ '^(rows|freshness|gap|null_share|distinct|unique_share|top_share)') ORDER BY metric;
SELECT count(*) FILTER (WHERE value = 'NaN' OR abs(value) > 1e308) AS odd FROM ad_watch_metrics;
SELECT ad_drop_job('ugly');

-- days of dates and weeks; hours while the clock is put back and forward
CREATE TABLE days AS SELECT date '2026-01-05' + d AS day, k FROM generate_series(0, 60) d, generate_series(1, 20) k WHERE d <> 40;
SELECT ad_create_watch('days', 'days', 'day', bounds => '{"rows": {"min": 1}}', since => '2026-01-05', lag => '6 hours'),
	ad_create_watch('weeks', 'days', 'day', period => '7 days', since => '2026-01-07');
CALL ad_run_job('days', until => '2026-03-07 05:00');
CALL ad_run_job('weeks', until => '2026-03-07 05:00');
SELECT job, count(DISTINCT period), min(period), max(period), max(value) FROM ad_watch_metrics WHERE metric = 'rows' GROUP BY job ORDER BY job;
SELECT job, key, watermark, explanation ->> 'verdict' AS verdict FROM ad_alerts ORDER BY job, key;
SELECT count(ad_drop_job(name)) FROM ad_jobs;
SET timezone = 'Europe/Vienna';
CREATE TABLE ticks AS SELECT ts FROM generate_series(timestamptz '2026-03-28', timestamptz '2026-10-26', '10 minutes') ts;
SELECT ad_create_watch('day', 'ticks', 'ts', since => '2026-03-28'),
	ad_create_watch('hour', 'ticks', 'ts', '1 hour', since => '2026-03-28'),
	ad_create_watch('part', 'ticks', 'ts', '6 hours', since => '2026-03-28');
CALL ad_run_job('day', until => '2026-10-26 00:10');
CALL ad_run_job('hour', until => '2026-10-26 00:10');
CALL ad_run_job('part', until => '2026-10-26 00:10');
SELECT job, value, count(*), min(period), max(period) FROM ad_watch_metrics WHERE metric = 'rows' GROUP BY job, value ORDER BY job, value;
SELECT period, verdict FROM ad_watch_metrics
WHERE job = 'hour' AND metric = 'rows' AND period BETWEEN '2026-10-25 01:00' AND '2026-10-25 03:00' ORDER BY period;
SELECT job, key, watermark FROM ad_alerts ORDER BY 1, 2, 3;
SELECT count(ad_drop_job(name)) FROM ad_jobs;
DROP TABLE orders, wide, ugly, days, ticks;
