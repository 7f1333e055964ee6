-- Series as a job: points are scored once, as they come.
\set SHOW_CONTEXT never
SET timezone = 'UTC';
SET intervalstyle = 'postgres';
SET datestyle = 'ISO';

-- six hosts, a reading every hour, two odd ones on host 3 and a level that stays on host 5
CREATE TABLE readings (host text, ts timestamptz, v float8);
INSERT INTO readings SELECT 'h' || h, timestamptz '2026-01-01 00:00+00' + i * interval '1 hour',
	20 + 5 * sin(i * 2 * pi() / 24) + 0.3 * ad_random(1, h * 100000 + i, 'normal')
	+ CASE WHEN h = 3 AND i IN (300, 350) THEN 15 WHEN h = 5 AND i >= 330 THEN -6 ELSE 0 END
FROM generate_series(1, 6) h, generate_series(1, 400) i;
SELECT ad_create_series_job(name => 'hosts', source => 'readings', value_column => 'v', time_column => 'ts', series_columns => ARRAY['host'],
	options => ad_stream_options(period => '1 day'), cooldown => '1 day', lag => '0');
CALL ad_run_job('hosts', until => '2026-01-08');
CALL ad_run_job('hosts', until => '2026-01-13 11:30+00');
SELECT count(*) FROM ad_alerts;
CALL ad_run_job('hosts');
CALL ad_run_job('hosts');
SELECT key, entity, event_at, watermark, round(score) > 10 AS high, explanation ->> 'what' AS what, explanation #>> '{parts,0,part}' AS part,
       (explanation ->> 'value')::float8 NOT BETWEEN (explanation ->> 'expected_low')::float8 AND (explanation ->> 'expected_high')::float8 AS outside
FROM ad_alerts ORDER BY event_at, key;
SELECT regexp_replace(explanation ->> 'why', '[0-9]+[.][0-9]+', 'N', 'g') AS why, "row" - 'v' AS row FROM ad_alerts WHERE watermark = '2026-01-13 12:00:00+00';
-- the same as one look at each series
SELECT count(*) FILTER (WHERE a.key IS NULL) AS missed, count(*) FILTER (WHERE s.host IS NULL) AS more, count(*) FILTER (WHERE a.score <> (d).score) AS different
FROM (SELECT host, ts, d FROM (SELECT host, ts, ad_stream(v, ts, ad_stream_options(period => '1 day')) OVER (PARTITION BY host ORDER BY ts) AS d FROM readings) r
      WHERE (d).anomaly <> 0 AND (host, ts) IN (('h3', '2026-01-13 12:00+00'), ('h3', '2026-01-15 14:00+00'), ('h5', '2026-01-14 18:00+00'))) s
     FULL JOIN ad_alerts a ON a.key = s.host AND a.event_at = s.ts;
SELECT run, batches, rows, alerts, suppressed > 0 AS suppressed, status FROM ad_job_runs ORDER BY run;
SELECT series, points, first_time, last_time, step, repeated, dead_since, bytes BETWEEN 500 AND 2000 AS small FROM ad_job_series ORDER BY series;
SELECT watermark, watermark_column, kind, rule, lag FROM ad_jobs;

-- late and repeated points, a new series, one that comes back, values that are none
INSERT INTO readings VALUES ('h1', '2026-01-17 16:30+00', 20), ('h1', '2026-01-17 17:00+00', 20), ('h1', '2026-01-17 17:00+00', 90), ('h1', '2026-01-10 00:30+00', 20),
	('h2', '2026-01-17 17:00+00', NULL), ('h2', '2026-01-17 18:00+00', 'NaN'), ('new', '2026-01-17 18:00+00', 1), (NULL, '2026-01-17 18:00+00', 1),
	(repeat('x', 10000), '2026-01-17 18:00+00', 1), ('h3', '2026-01-17 18:00+00', 'infinity'), ('h4', 'infinity', 1), ('h4', '-infinity', 1), ('h4', NULL, 1);
SET client_min_messages = error;
CALL ad_run_job('hosts');
RESET client_min_messages;
SELECT left(series, 10) AS series, points, repeated, last_time, dead_since FROM ad_job_series ORDER BY series COLLATE "C";
SELECT key, explanation ->> 'value' AS value, explanation ->> 'what' AS what, explanation -> 'missing_before' AS missing FROM ad_alerts ORDER BY event_at DESC LIMIT 1;
SELECT key, watermark, message FROM ad_job_errors;
SELECT count(*) > 10 AS all FROM ad_health();
SELECT late_rows FROM ad_jobs;
SELECT status, detail FROM ad_health() WHERE "check" = 'job series';

-- more series than there may be: dead ones make room
SELECT ad_alter_job('hosts', '{"max_series": 9}');
INSERT INTO readings SELECT 'n' || i, '2026-01-18 10:00+00', 1 FROM generate_series(1, 12) i;
CALL ad_run_job('hosts');
SELECT count(*), count(dead_since) FROM ad_job_series;
INSERT INTO readings SELECT 'z' || i, '2026-01-18 11:00+00', 1 FROM generate_series(1, 2) i;
CALL ad_run_job('hosts');
SELECT status, detail FROM ad_health() WHERE "check" = 'job series';
SELECT ad_alter_job('hosts', '{"max_series": 100000}');

-- labels, and learning anew without what they say; other options
SELECT count(*) FROM ad_alerts;
SELECT ad_label('hosts', 'h3', '2026-01-13 12:00:00+00', true);
SELECT ad_retrain('hosts') - 'reasons';
CALL ad_run_job('hosts');
SELECT count(*), count(*) FILTER (WHERE label) AS labelled FROM ad_alerts;
SELECT ad_alter_job('hosts', '{"lag": "1 minute", "rule": {"score": 6}}');
SELECT ad_alter_job('hosts', '{"options": {"q": 0.01}}');
SELECT ad_alter_job('hosts', '{"series_columns": ["ts"]}');
SELECT ad_alter_job('hosts', '{"method": "series"}');
SELECT ad_rescan('hosts', '2026-01-17') > 2400 AS again;
CALL ad_run_job('hosts');

-- the picture of an alert
SELECT left(p, 4) AS svg, p LIKE '%<circle%' AS ring, p LIKE '%above%' AS marks, length(p) < 30000 AS short FROM ad_alert_plot('hosts', 'h3', '2026-01-15 14:00:00+00') p;
SELECT ad_alert_plot('hosts', 'h4');
SELECT ad_alert_plot('hosts', 'h3', points => 5);
SELECT ad_alert_plot('nothing', 'h3');

-- times and values of every type; no series, two columns, numbers that are equal
CREATE TABLE kinds AS SELECT i, i AS n, date '2020-01-01' + i AS d, timestamp '2026-01-01' + i * interval '1 minute' AS t, i % 2 AS a, 'b' || i % 3 AS b,
	CASE WHEN i % 2 = 0 THEN 1.0 ELSE 1.00 END AS num, CASE WHEN i = 500 THEN 100 ELSE (i * 7) % 5 END AS v FROM generate_series(1, 600) i;
SELECT ad_create_series_job('int', 'kinds', 'v', 'n');
SELECT ad_create_series_job('date', 'SELECT d, v::numeric, num FROM kinds', 'v', 'd', ARRAY['num']);
SELECT ad_create_series_job('timestamp', 'SELECT t, v * interval ''1 min'' AS v, a, b FROM kinds', 'v', 't', '{a,b}');
SELECT ad_create_series_job('real', 'SELECT t, v::real, b FROM kinds', 'v', 't', '{b}', rule => '{"window_score": 2}', limit_per_hour => 1);
CALL ad_run_job('int');
CALL ad_run_job('date');
CALL ad_run_job('timestamp');
CALL ad_run_job('real');
SELECT job, key, watermark, "row" FROM ad_alerts WHERE job IN ('int', 'date', 'timestamp', 'real') ORDER BY job;
SELECT job, series, points, first_time, last_time, step FROM ad_job_series WHERE job <> 'hosts' ORDER BY job, series;

-- columns that disappear or change their type: the job goes on when they are mended
ALTER TABLE kinds RENAME v TO w;
INSERT INTO kinds (n, w) VALUES (601, 3);
CALL ad_run_job('int');
ALTER TABLE kinds RENAME w TO v;
ALTER TABLE kinds ALTER v TYPE text;
CALL ad_run_job('int');
ALTER TABLE kinds ALTER v TYPE int USING v::int;
ALTER TABLE kinds ALTER n TYPE timestamp USING timestamp '2026-01-01' + n * interval '1 hour';
CALL ad_run_job('int');
ALTER TABLE kinds ALTER n TYPE int USING extract(epoch FROM n - timestamp '2026-01-01') / 3600;
CALL ad_run_job('int');
SELECT points FROM ad_job_series WHERE job = 'int';

-- slow series: the last points together. Sales of three years, with holidays of the third
CREATE TABLE sales AS SELECT day, 1000 + CASE WHEN extract(isodow FROM day) IN (6, 7) THEN 400 ELSE 0 END + 20 * ad_random(5, i, 'normal')
	- CASE WHEN to_char(day, 'MM-DD') IN ('12-25', '07-04') AND day >= '2025-01-01' THEN 700 ELSE 0 END AS sold
FROM generate_series(0, 1090) i, LATERAL (SELECT date '2023-01-01' + i AS day) d;
SELECT ad_create_series_job('sales', 'sales', 'sold', 'day', method => 'series', window_points => 730, options => ad_series_score_options(period => '1 week'));
CALL ad_run_job('sales');
SELECT watermark, explanation ->> 'what' AS what FROM ad_alerts WHERE job = 'sales' ORDER BY watermark;
SELECT series, points, step, bytes FROM ad_job_series WHERE job = 'sales';
SELECT left(ad_alert_plot('sales', 'series'), 4);

-- alerts begin at since, and learn from before
SELECT ad_create_series_job('late', 'readings', 'v', 'ts', '{host}', ad_stream_options(period => '1 day'), since => '2026-01-15', history => '10 days');
CALL ad_run_job('late');
SELECT key, watermark FROM ad_alerts WHERE job = 'late' AND event_at < '2026-01-16' ORDER BY 2;
SELECT min(first_time) FROM ad_job_series WHERE job = 'late';

-- what is refused
SELECT ad_create_series_job('x', 'readings', 'host', 'ts');
SELECT ad_create_series_job('x', 'readings', 'v', 'v');
SELECT ad_create_series_job('x', 'readings', 'nothing', 'ts');
SELECT ad_create_series_job('x', 'readings', NULL, 'ts');
SELECT ad_create_series_job('x', 'readings', 'v', 'ts', '{nothing}');
SELECT ad_create_series_job('x', 'readings', 'v', 'ts', '{host,host}');
SELECT ad_create_series_job('x', 'readings', 'v', 'ts', '{host}', '{"periods": 3}');
SELECT ad_create_series_job('x', 'readings', 'v', 'ts', '{host}', '[]');
SELECT ad_create_series_job('x', 'kinds', 'v', 'n', options => ad_stream_options(period => '1 day'));
SELECT ad_create_series_job('x', 'kinds', 'v', 't', options => ad_stream_options(timezone => 'Europe/Berlin'));
SELECT ad_create_series_job('x', 'readings', 'v', 'ts', rule => '{"p_value": 0.1}');
SELECT ad_create_series_job('x', 'readings', 'v', 'ts', rule => '{"verdict": "odd"}');
SELECT ad_create_series_job('x', 'readings', 'v', 'ts', rule => '{"shape_score": 3}');
SELECT ad_create_series_job('x', 'readings', 'v', 'ts', method => 'other');
SELECT ad_create_series_job('x', 'readings', 'v', 'ts', method => 'series', rule => '{"combined_score": 3}');
SELECT ad_create_series_job('x', 'readings', 'v', 'ts', dead_after => 'soon');
SELECT ad_create_series_job('x', 'readings', 'v', 'ts', dead_after => '-1 day');
SELECT ad_create_series_job('x', 'kinds', 'v', 'n', dead_after => '1 day');
SELECT ad_create_series_job('x', 'readings', 'v', 'ts', max_series => 0);
SELECT ad_create_series_job('x', 'readings', 'v', 'ts', window_points => 5);

-- others see no series of a job, but of one that is granted; the source is the owner's
CREATE ROLE series_reader;
GRANT SELECT ON readings TO series_reader;
SET ROLE series_reader;
SELECT count(*) FROM ad_job_series;
RESET ROLE;
SELECT ad_grant_job('hosts', 'series_reader', 'read');
SET ROLE series_reader;
SELECT DISTINCT job FROM ad_job_series;
SELECT ad_alert_plot('hosts', 'h3');
SELECT ad_retrain('hosts');
SELECT status, detail FROM ad_health() WHERE "check" = 'job series';
RESET ROLE;
SELECT name, ad_drop_job(name) > 0 AS dropped FROM ad_jobs ORDER BY name;
SELECT count(*) FROM _anomaly._ad_job_part;
DROP OWNED BY series_reader;
DROP ROLE series_reader;
DROP TABLE readings, kinds, sales;
