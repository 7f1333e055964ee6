-- What "make demo" shows, in a new database. Variables: data, the folder test/data;
-- picture, a file to write; bold, dim and plain; processors. DEMO_PICTURE is that
-- file again, DEMO_DRAWN the picture as the checkout has it. A statement that the
-- reader should see ends in \p \g instead of ";". At most 100 columns.

\set QUIET on
\pset border 1
\pset footer off
\pset linestyle ascii
SET client_min_messages = warning;

-- For the report only; the extension does not need them.
CREATE FUNCTION pg_temp.n(x numeric) RETURNS text
LANGUAGE sql AS $$ SELECT to_char(x, 'FM999,999,999,990') $$;

CREATE EXTENSION anomaly;
\cd :data
CREATE TABLE taxi (ts timestamp, passengers float8, label int);
\copy taxi FROM PROGRAM 'gzip -dc series/nab_nyc_taxi.csv.gz' WITH (FORMAT csv, HEADER)
CREATE TABLE shuttle (time float8, sensor_1 float8, sensor_2 float8, sensor_3 float8,
                      sensor_4 float8, sensor_5 float8, sensor_6 float8, sensor_7 float8,
                      sensor_8 float8, label int);
\copy shuttle FROM PROGRAM 'gzip -dc shuttle.csv.gz' WITH (FORMAT csv, HEADER)
VACUUM ANALYZE;

SELECT current_setting('server_version') AS version \gset
\echo :bold'anomaly: what does not belong, and why, inside PostgreSQL':plain
\echo 'PostgreSQL' :version 'on' :processors 'processors'

\echo
\echo :bold'1. A reason for every verdict':plain
\echo '20,000 payments, two of them made up by a thief. One statement trains a model, without labels,'
\echo 'and the columns may be of any type; ad_why tells what is unusual about a row.'
CREATE TABLE payments AS
SELECT id, (ARRAY['bakery', 'garage', 'jeweller'])[1 + id % 3] AS merchant,
       (ARRAY['AT', 'DE', 'DE', 'DE', 'CH'])[1 + id % 5] AS country,
       round((ARRAY[8, 40, 90])[1 + id % 3] * exp(ad_random(1, id, 'normal', 0, 0.15))::numeric, 2)
           AS amount,
       paid_at, paid_at::time(0) AS time
FROM generate_series(1, 20000) id,
     LATERAL (SELECT date '2026-03-01' + id / 200 + time '09:00'
                     + ad_random(2, id) * interval '9 hours') AS t(paid_at);
INSERT INTO payments VALUES
    (20001, 'garage',   'DE', 9999.00, '2026-06-10 11:40', '11:40'),
    (20002, 'jeweller', 'AT',   88.40, '2026-06-10 03:07', '03:07');
\echo :dim
SELECT ad_train('payments', 'SELECT merchant, country, amount, time FROM payments') AS version
\p
\gset
\echo
SELECT id, merchant, amount, ad_why('payments', p) AS why
FROM payments p ORDER BY ad_score('payments', p) DESC LIMIT 2
\p
\echo :plain
\g

\echo :bold'2. Alerts that mean something':plain
\echo 'A p-value of 0.0005 is what one normal payment in 2,000 has, on any data. A job scores each new'
\echo 'row once, whatever crashes, and raises one alert per row that is rarer. pg_cron can run it.'
\echo :dim
SELECT ad_create_job('watch', 'payments', 'payments', key => 'id', watermark => 'paid_at',
                     rule => '{"p_value": 0.0005}', since => '2026-06-12') AS job
\p
\gset
INSERT INTO payments
SELECT 200000 + id, (ARRAY['bakery', 'garage', 'jeweller'])[1 + id % 3],
       (ARRAY['AT', 'DE', 'DE', 'DE', 'CH'])[1 + id % 5],
       round((ARRAY[8, 40, 90])[1 + id % 3] * exp(ad_random(3, id, 'normal', 0, 0.15))::numeric, 2),
       paid_at, paid_at::time(0)
FROM generate_series(1, 2000) id,
     LATERAL (SELECT date '2026-06-12' + id / 200 + time '09:00'
                     + ad_random(4, id) * interval '9 hours') AS t(paid_at);
INSERT INTO payments VALUES (202001, 'garage', 'KP', 39.00, '2026-06-13 11:20', '11:20');
\echo
\echo '2,001 new payments arrive, one of them not from here. One false alarm would be no surprise.'
\echo
CALL ad_run_job('watch')
\p
\g

\echo
SELECT key, round(p_value::numeric, 5) AS p_value, ad_why_row('payments', a.row) AS why
FROM ad_alerts a ORDER BY p_value, key
\p
\echo :plain
\g

\echo :bold'3. A case for the compliance desk':plain
\echo 'A log of 100,000 order events of 500 accounts. Exact rules look for orders that were never meant'
\echo 'to trade: placed on one side, gone before the trade on the other.'
CREATE TABLE orders AS
SELECT i * 10 + leg AS id, 'A' || i % 500 AS account, 'XYZ' AS product,
       CASE WHEN leg = 0 THEN 'ORDER_PLACED' WHEN ad_random(5, i) < 0.5 THEN 'TRADE_EXECUTED'
            ELSE 'ORDER_CANCELLED' END AS event_type,
       CASE WHEN ad_random(6, i) < 0.5 THEN 'BUY' ELSE 'SELL' END AS side,
       round(100 + ad_random(7, i, 'normal', 0, 0.05)::numeric, 2) AS price,
       100 + i * 37 % 900 AS quantity,
       timestamptz '2025-10-27 08:00Z' + i * interval '0.5 s'
           + leg * (5 + 60 * ad_random(8, i)) * interval '1 s' AS ts, 'o' || i AS order_id
FROM generate_series(1, 50000) i, generate_series(0, 1) leg;
INSERT INTO orders
SELECT id, 'A7', 'XYZ', type, side, price, quantity,
       timestamptz '2025-10-27 16:31:00Z' + s * interval '1 second', oid
FROM (VALUES
    (900001, 'ORDER_PLACED',    'BUY',  100.00, 2200, 4.0, 'L1'),
    (900002, 'ORDER_PLACED',    'BUY',   99.99, 2600, 4.3, 'L2'),
    (900003, 'ORDER_PLACED',    'BUY',   99.98, 3000, 4.7, 'L3'),
    (900004, 'ORDER_PLACED',    'BUY',   99.97, 3400, 5.0, 'L4'),
    (900005, 'ORDER_CANCELLED', 'BUY',  100.00, 2200, 7.4, 'L1'),
    (900006, 'ORDER_CANCELLED', 'BUY',   99.99, 2600, 7.5, 'L2'),
    (900007, 'ORDER_CANCELLED', 'BUY',   99.98, 3000, 7.7, 'L3'),
    (900008, 'ORDER_CANCELLED', 'BUY',   99.97, 3400, 7.8, 'L4'),
    (900009, 'TRADE_EXECUTED',  'SELL', 100.03,  400, 9.1, 'T1')
) v(id, type, side, price, quantity, s, oid);
VACUUM ANALYZE orders;
SELECT extract(epoch FROM clock_timestamp()) AS start \gset
\echo :dim
CREATE TABLE found AS
SELECT account, (l).*
FROM (SELECT account,
             ad_layering(ad_order_event(event_type, side, price, quantity, ts, order_id))
                 OVER (PARTITION BY account, product ORDER BY ts, id) AS l FROM orders) s
WHERE l IS NOT NULL
\p
\g
SELECT round((extract(epoch FROM clock_timestamp()) - :start)::numeric, 1) AS seconds \gset
SELECT count(*) AS events, pg_temp.n(count(*)) AS shown FROM orders \gset
SELECT count(*) AS sequences, count(*) FILTER (WHERE severity > 70) AS severe FROM found \gset
\echo :plain
\echo :shown 'events in' :seconds 'seconds; sequences found:' :sequences', with a severity above 70:' :severe'.'
\echo 'The most severe one, and its events, as ad_layering_case puts them into a report for the file:'
\echo
SELECT account, side, orders, duration, cancelled_qty, opposite_qty,
       round(severity) AS severity
FROM found ORDER BY found.severity DESC LIMIT 1;
SELECT to_char(e.ts AT TIME ZONE 'UTC', 'HH24:MI:SS.MS') AS time, e.event_type AS event, e.side,
       e.price, e.quantity, repeat('#', (e.quantity / 100)::int) AS "how much of it was shown"
FROM (SELECT account, sequence_no FROM found ORDER BY severity DESC LIMIT 1) f,
     LATERAL (SELECT ad_layering_case(
                  array_agg(ad_order_event(event_type, o.side, price, quantity, ts, order_id)
                            ORDER BY ts, id), sequence_no => f.sequence_no::int) AS c
              FROM orders o WHERE o.account = f.account) s,
     jsonb_to_recordset((s.c).report -> 'events')
         AS e(ts timestamptz, event_type text, side text, price numeric, quantity numeric);

\echo :bold'4. A series, and its picture':plain
\echo 'Passengers of New York''s taxis, every half hour. No season is named, and the labels (marathon,'
\echo 'Thanksgiving, Christmas, New Year, snow storm) are not looked at:'
\echo :dim
SELECT ts::date AS day, round(max((s).score)::numeric, 1) AS score,
       CASE max(label) WHEN 1 THEN 'yes' ELSE 'no' END AS labelled
FROM (SELECT ts, label, ad_series_score(passengers, ts) OVER (ORDER BY ts) AS s FROM taxi) t
GROUP BY day ORDER BY score DESC LIMIT 8
\p
\echo :plain
\g
\pset format unaligned
\pset tuples_only on
\o :picture
SELECT ad_stl_plot('SELECT passengers, ts FROM taxi',
                   ad_stl_options(period => ARRAY[48, 336], robust => true),
                   'NYC taxi passengers every half hour: day and week removed');
\o
\! if cmp -s "$DEMO_PICTURE" "$DEMO_DRAWN"; then echo "ad_stl_plot() drew it, to the byte as in"; else echo "ad_stl_plot() drew it; an earlier one is"; fi; echo "$DEMO_DRAWN"

\echo
\echo :bold'5. How fast, and how right':plain
\echo 'Readings of nine sensors of the Space Shuttle, eleven times over. Engineers labelled those that are'
\echo 'not as usual; the forest never sees the labels.'
CREATE TABLE flights AS
SELECT f AS flight, s.* FROM shuttle s, generate_series(1, 11) f;
VACUUM ANALYZE flights;
SELECT count(*) AS rows, pg_temp.n(count(*)) AS shown FROM flights \gset
SET max_parallel_workers_per_gather = 0;
SELECT extract(epoch FROM clock_timestamp()) AS start \gset
\echo :dim
CREATE TABLE models AS
SELECT ad_fit('iforest', time, sensor_1, sensor_2, sensor_3, sensor_4, sensor_5, sensor_6, sensor_7,
              sensor_8) AS model
FROM flights
\p
\g
ALTER TABLE models ALTER COLUMN model SET STORAGE EXTERNAL;
SELECT (extract(epoch FROM clock_timestamp()) - :start)::numeric AS fit \gset
\echo
SELECT extract(epoch FROM clock_timestamp()) AS start \gset
SELECT max(ad_score((SELECT model FROM models), time, sensor_1, sensor_2, sensor_3, sensor_4,
                    sensor_5, sensor_6, sensor_7, sensor_8)) AS highest
FROM flights
\p
\o /dev/null
\g
\o
SELECT (extract(epoch FROM clock_timestamp()) - :start)::numeric AS one \gset
RESET max_parallel_workers_per_gather;
SELECT extract(epoch FROM clock_timestamp()) AS start \gset
\o /dev/null
SELECT max(ad_score((SELECT model FROM models), time, sensor_1, sensor_2, sensor_3, sensor_4,
                    sensor_5, sensor_6, sensor_7, sensor_8)) AS highest
FROM flights;
\o
SELECT (extract(epoch FROM clock_timestamp()) - :start)::numeric AS planned \gset
\echo :plain
\pset format aligned
\pset tuples_only off
SELECT step, round(seconds, 2) AS seconds, pg_temp.n(:rows / seconds) AS "rows a second"
FROM (VALUES ('fit, one process', :fit), ('score, one process', :one),
             ('score, by the plan that PostgreSQL chooses', :planned)) t(step, seconds);
SELECT round(ad_roc_auc(score, label = 1)::numeric, 4) AS "ROC AUC",
       round(avg(label) FILTER (WHERE place <= 1000), 2) AS "anomalies among the first 1,000",
       round(avg(label), 2) AS "among all"
FROM (SELECT label, score, row_number() OVER (ORDER BY score DESC) AS place
      FROM (SELECT label, ad_score((SELECT model FROM models), time, sensor_1, sensor_2, sensor_3,
                                   sensor_4, sensor_5, sensor_6, sensor_7, sensor_8) AS score
            FROM shuttle) s) r;

\echo :bold'6. Somebody watches':plain
\echo 'The library is preloaded, so the server counts what is scored, for everybody to see:'
\echo
SELECT model, detector, calls, pg_temp.n(rows) AS rows,
       round(row_mean_us::numeric, 2) AS "us a row"
FROM ad_stat_models WHERE database = current_database() AND rows > 0
ORDER BY ad_stat_models.rows DESC LIMIT 3;
SELECT count(*) AS checks, count(*) FILTER (WHERE status = 'ok') AS good FROM ad_health() \gset
\echo 'Is anything wrong? Of' :checks 'checks of ad_health()' :good 'are ok; some of them, and those that are not:'
\echo
SELECT h."check", status, left(detail, 66) AS detail
FROM ad_health() h
WHERE status <> 'ok'
   OR h."check" IN ('error rate', 'stale model', 'job lag', 'late rows', 'alert flood');
