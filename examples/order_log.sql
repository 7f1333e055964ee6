-- An order log: from an export of messages to a case for the file.
-- Run it in an empty database:  psql -aqX -d orders -f order_log.sql
-- What it prints is in order_log.out.

CREATE EXTENSION anomaly;
SET timezone = 'UTC';

-- 1. The data, as a gateway logs it: FIX execution types (0 new, 4 canceled, F trade) and sides (1 buy, 2 sell).
--    Twenty accounts make markets in one product for an hour; ACC-13 also does something else, five
--    times: it shows large buy orders it does not mean, sells a little, and takes them back.
CREATE TABLE messages (id bigint PRIMARY KEY, account text, symbol text, exec_type text, side text, price numeric, quantity bigint, at timestamptz, order_id text);
INSERT INTO messages
SELECT row_number() OVER (ORDER BY at, account, order_id, exec_type), account, 'XYZ', exec_type, side, price, quantity, at, order_id
FROM (
    -- an order every minute or so, canceled after some while or traded
    SELECT account, e.exec_type, side, price, quantity, at + e.later AS at, order_id
    FROM (SELECT 'ACC-' || lpad(a::text, 2, '0') AS account, CASE WHEN ad_random(1, a * 1000 + n) < 0.5 THEN '1' ELSE '2' END AS side,
                 round((100 + 0.01 * floor(10 * ad_random(2, a * 1000 + n)))::numeric, 2) AS price, (1 + floor(9 * ad_random(3, a * 1000 + n))::int) * 100 AS quantity,
                 timestamptz '2026-02-03 09:00+00' + (n * 60 + 40 * ad_random(4, a * 1000 + n)) * interval '1 second' AS at, a || '-' || n AS order_id,
                 ad_random(5, a * 1000 + n) < 0.4 AS trades, (20 + 60 * ad_random(6, a * 1000 + n)) * interval '1 second' AS life
          FROM generate_series(1, 20) a, generate_series(0, 59) n) o,
         LATERAL (VALUES ('0', interval '0'), (CASE WHEN trades THEN 'F' ELSE '4' END, life)) e(exec_type, later)
    UNION ALL
    SELECT 'ACC-13', exec_type, side, price, quantity * (9 + k) / 10, timestamptz '2026-02-03 09:07+00' + k * interval '11 minutes' + s * interval '1 second', 'x' || k || oid
    FROM generate_series(0, 4) k, (VALUES ('0', '1', 100.02, 2400, 0.0, 'a'), ('0', '1', 100.01, 2800, 0.3, 'b'), ('0', '1', 100.00, 3100, 0.7, 'c'),
        ('0', '1', 99.99, 3600, 1.2, 'd'), ('0', '2', 100.05, 300, 1.9, 's'), ('4', '1', 100.02, 2400, 2.6, 'a'), ('4', '1', 100.01, 2800, 2.7, 'b'),
        ('4', '1', 100.00, 3100, 2.9, 'c'), ('4', '1', 99.99, 3600, 3.1, 'd'), ('F', '2', 100.05, 300, 4.0, 's')) v(exec_type, side, price, quantity, s, oid)
) m;
SELECT count(*) AS messages, count(DISTINCT account) AS accounts, count(DISTINCT order_id) AS orders FROM messages;

-- 2. Every sequence of layering, by an exact rule: several orders of one side, canceled within
--    seconds, and a trade of the other side. The words of the log are known (dialect => 'fix').
CREATE TABLE found AS
SELECT id, account, symbol, (l).*
FROM (SELECT id, account, symbol, ad_layering(exec_type, side, price, quantity, at, ad_layering_options(dialect => 'fix', rule => 'strict')) OVER w AS l
      FROM messages WINDOW w AS (PARTITION BY account, symbol ORDER BY at, id)) m
WHERE l IS NOT NULL;
SELECT account, start_time::time(1) AS start, side, orders, cancelled_qty, opposite_qty, round(severity) AS severity FROM found ORDER BY severity DESC, start_time;

-- 3. One number per account: is it once, or a habit?
SELECT account, count(*) AS sequences, round(avg(severity)) AS severity, sum(cancelled_qty) AS shown, sum(opposite_qty) AS traded
FROM found GROUP BY account ORDER BY 2 DESC, 3 DESC;

-- 4. The case to file, of the gravest sequence: every figure with its percentile among the account's
--    own sequences, the messages it consists of, the rules it may break, and a picture.
CREATE TABLE cases AS
SELECT account, symbol, (c).*
FROM (SELECT account, symbol, ad_layering_case(
          array_agg(ad_order_event(exec_type, side, price, quantity, at, order_id, ad_layering_options(dialect => 'fix')) ORDER BY at, id),
          ad_layering_options(rule => 'strict'), sequence_no => 5, title => format('%s in %s', account, symbol)) AS c
      FROM messages WHERE account = 'ACC-13' GROUP BY account, symbol) x;
SELECT report ->> 'title' AS title, report ->> 'sequence_no' AS no, report ->> 'sequences' AS of, round((report ->> 'severity')::numeric) AS severity,
       jsonb_array_length(report -> 'events') AS messages, report ->> 'trade_time' AS traded FROM cases;
SELECT key AS metric, round((value ->> 'value')::numeric, 2) AS value, round((value ->> 'percentile')::numeric) AS percentile
FROM cases, jsonb_each(report -> 'metrics') WHERE key IN ('placed_qty', 'duration_s', 'max_time_to_cancel_s', 'spoof_to_trade_qty_ratio') ORDER BY 1;
SELECT value ->> 'reference' AS rule FROM cases, jsonb_array_elements(report -> 'regulations') ORDER BY 1;

-- 5. To the file: the report as JSON and the picture.
\pset tuples_only on
\pset format unaligned
\o order_log_case.json
SELECT jsonb_pretty(report) FROM cases;
\o order_log_case.svg
SELECT picture FROM cases;
\o
