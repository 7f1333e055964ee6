-- Fifty metrics with gaps: from raw points to alerts and a dashboard.
-- Run it in an empty database:  psql -aqX -d metrics -f fifty_metrics.sql
-- What it prints is in fifty_metrics.out.

CREATE EXTENSION anomaly;
SET timezone = 'UTC';

-- 1. The data: processor load of fifty hosts for two weeks, every ten minutes and up to half a
--    minute late. A tenth of the points never came, five hosts were silent for half a day, and
--    there are three things to find: a spike, a dip, and a host that stays busy.
CREATE TABLE metrics AS
SELECT host, at, load + CASE WHEN host = 'web-07' AND i = 1700 THEN 25 WHEN host = 'db-03' AND i = 1800 THEN -22
                             WHEN host = 'web-31' AND i >= 1900 THEN 14 ELSE 0 END AS load
FROM (SELECT i, h, CASE WHEN h % 10 = 3 THEN 'db-' ELSE 'web-' END || lpad(h::text, 2, '0') AS host,
             timestamptz '2026-05-04' + i * interval '10 minutes' + ad_random(1, h * 10000 + i) * interval '30 seconds' AS at,
             40 + h % 7 + 12 * sin(2 * pi() * i / 144) + 1.5 * ad_random(2, h * 10000 + i, 'normal') AS load
      FROM generate_series(1, 50) h, generate_series(0, 2015) i
      WHERE ad_random(3, h * 10000 + i) > 0.1 AND NOT (h % 10 = 5 AND i BETWEEN 900 AND 970)) points;
CREATE INDEX ON metrics (at);
SELECT count(*) AS points, count(DISTINCT host) AS hosts, min(at)::date AS first, max(at)::date AS last FROM metrics;

-- 2. One job for all hosts. It learns each host's day by itself, from the past first; alerts begin
--    in the second week. Gaps are no alert: what is expected after one is only less certain.
SELECT ad_create_series_job('load', 'metrics', value_column => 'load', time_column => 'at', series_columns => ARRAY['host'],
                            options => ad_stream_options(period => '1 day', step => '10 minutes'),
                            since => '2026-05-11');
CALL ad_run_job('load');

-- 3. What it found. With pg_cron, SELECT ad_schedule_job('load', '*/5 * * * *') does it from now on.
SELECT key AS host, event_at::timestamp(0) AS at, explanation ->> 'what' AS what, explanation ->> 'why' AS why
FROM ad_alerts WHERE job = 'load' ORDER BY abs(score) DESC;
SELECT count(*) AS alerts, count(DISTINCT key) AS hosts FROM ad_alerts WHERE job = 'load';

-- 4. Which hosts there are, and how much of each is missing.
SELECT series AS host, points, step, last_time::timestamp(0) AS last FROM ad_job_series WHERE job = 'load' ORDER BY points, 1 LIMIT 3;

-- 5. Panels for Grafana, with PostgreSQL as the data source. There, write $__timeFilter(at) in place
--    of the times below, and '$host' in place of the host.
--    Time series, one line per host:
SELECT count(*) AS rows_of_the_panel
FROM (SELECT at AS "time", host AS metric, load AS value FROM metrics
      WHERE at BETWEEN '2026-05-17' AND '2026-05-18' AND host IN ('web-07', 'web-31') ORDER BY 1) panel;
--    Annotations, a mark where an alert is:
SELECT event_at::timestamp(0) AS "time", key || ': ' || (explanation ->> 'what') AS text, 'anomaly' AS tags
FROM ad_alerts WHERE job = 'load' AND event_at BETWEEN '2026-05-15' AND '2026-05-17' ORDER BY 1;
--    Stat, alerts of the last day; and a bar chart, by host:
SELECT date_trunc('day', event_at)::date AS day, count(*) AS alerts FROM ad_alerts WHERE job = 'load' GROUP BY 1 ORDER BY 1;

-- 6. A picture of the greatest alert, and of the host that stays busy, to send or to file.
\pset tuples_only on
\pset format unaligned
\o fifty_metrics_alert.svg
SELECT ad_alert_plot('load', key, watermark, points => 288, title => key || ': ' || (explanation ->> 'what'))
FROM ad_alerts WHERE job = 'load' ORDER BY abs(score) DESC LIMIT 1;
\o fifty_metrics_host.svg
SELECT ad_stl_plot('SELECT load, at FROM metrics WHERE host = ''web-31''', ad_stl_options(period => '1 day', step => '10 minutes', robust => true),
                   'web-31: load without its day');
\o
