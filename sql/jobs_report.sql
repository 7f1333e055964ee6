-- ad_report(): a report on a model or a job, for a file.
\set VERBOSITY default
\set SHOW_CONTEXT errors
\pset format unaligned
SET client_min_messages = warning;
SET timezone = 'Asia/Tokyo';
-- a report without what differs from run to run
CREATE FUNCTION steady(report text) RETURNS text LANGUAGE sql AS $$
SELECT regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace($1, '\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC', 'TIME', 'g'),
    'by [^.|]*\..*', 'by ROLE.', 'n'), '\| owner \| [^|]* \|', '| owner | ROLE |'), 'base64,[A-Za-z0-9+/=]+', 'base64,PICTURE', 'g'),
    '(Not known: (no score|scoring)|The mean of).*', 'DRIFT', 'n') $$;

CREATE TABLE report_rows AS
SELECT i, 'e' || i % 5 AS who, CASE WHEN i % 20 = 0 THEN 100 + i ELSE i % 7 END::float8 AS x, (i % 3)::float8 AS y FROM generate_series(1, 200) i;
SELECT ad_train('report', 'SELECT x, y FROM report_rows', ad_zscore() || ad_calibrate());
SELECT ad_create_job('reported', 'report', 'report_rows', 'i', 'i', rule => '{"score": 2}', entity => 'who');
SELECT ad_create_job('report', 'report', 'SELECT * FROM report_rows WHERE i < 10', 'i', 'i', rule => '{"score": 2}');

-- nothing has run: no alert, no picture
SELECT steady(ad_report('reported', top => 3));
SELECT ad_report('reported', format => 'svg') IS NULL AS no_picture;

-- alerts, with labels
CALL ad_run_job('reported');
SELECT count(ad_label('reported', key, "row" ->> 'x' > '250')) FROM ad_alerts WHERE job = 'reported' AND key::int > 60;
SELECT steady(ad_report('reported', top => 3));

-- a model: all its jobs; the same each time
SELECT line FROM regexp_split_to_table(steady(ad_report('report', 'model', top => 1)), '\n') line WHERE line ~ '^(#|\| (rep|confirmed)|Al)';
SELECT ad_report('report', 'model') = ad_report('report', 'model') AS same;

-- pictures: within, in a file of their own, and in HTML
SELECT regexp_matches(ad_report('reported', picture => 'img/report-1.svg'), '!\[.*?\)', 'g');
SELECT left(s, 42) AS begins, right(s, 12) AS ends, length(s) < 40000 AS short, (SELECT count(*) FROM regexp_matches(s, '<svg', 'g')) AS pictures
FROM ad_report('reported', format => 'svg') s WHERE s LIKE '<svg%'
UNION ALL SELECT left(s, 15), right(s, 7), length(s) < 60000, (SELECT count(*) FROM regexp_matches(s, '<svg', 'g')) FROM ad_report('reported', format => 'html') s;

-- a kind without a model: its options, and the row in place of reasons
CREATE TABLE report_events (id bigint PRIMARY KEY, account_id text, product_id text, event_type text, side text, price numeric, quantity bigint, ts timestamptz NOT NULL);
INSERT INTO report_events
SELECT i, 'A', 'X', CASE WHEN i <= 4 THEN 'NEW' WHEN i <= 8 THEN 'CANCEL' ELSE 'FILL' END, CASE WHEN i = 9 THEN 'SELL' ELSE 'BUY' END,
       100 - i % 4, 1000, timestamptz '2026-03-02 09:31:00Z' + i * interval '1 second'
FROM generate_series(1, 9) i;
SELECT ad_create_layering_job('layers', 'report_events', ad_layering_options(trade_rule => 'either'), rule => '{"score": 50}', lag => '30 seconds');
CALL ad_run_job('layers');
SELECT left(line, 60) FROM regexp_split_to_table(ad_report('layers'), '\n') line WHERE line ~ '^(#|\| (layers|without)|Al|     +"min_orders)';
SELECT ad_report('layers', format => 'svg') IS NULL AS no_picture, ad_drop_job('layers');

-- what nothing may break out of
CREATE TABLE report_odd (k text, n int, "a|b`<script>alert(1)</script>" float8, w text);
INSERT INTO report_odd SELECT E'</td>|<img src=x onerror=alert(1)>`x`\n# head [l](javascript:alert(1)) ' || i, i, CASE WHEN i > 95 THEN 100 * i ELSE i % 5 END,
    repeat('x', 300) FROM generate_series(1, 100) i;
SELECT ad_train(E'odd |`<b>\n# x', 'SELECT "a|b`<script>alert(1)</script>" FROM report_odd /* </pre><script>alert(2)</script>
```
# not a head */', ad_zscore(), notes => '<i>|`');
SELECT ad_create_job(E'job |`<b>\n# x', E'odd |`<b>\n# x', 'report_odd', 'k', 'n', rule => '{"score": 1}', entity => 'w');
CALL ad_run_job(E'job |`<b>\n# x');
-- in Markdown every line of code is indented, and of the rest nothing means anything
SELECT count(*) FILTER (WHERE line ~ '[<`]' AND line !~ '^    ') AS markup, count(*) FILTER (WHERE line ~ '^#') AS heads,
       string_agg(DISTINCT (length(line) - length(replace(line, '|', '')))::text, ',') FILTER (WHERE line ~ '^\| job') AS bars
FROM regexp_split_to_table(ad_report(E'job |`<b>\n# x'), '\n') line;
SELECT line FROM regexp_split_to_table(steady(ad_report(E'job |`<b>\n# x', top => 1)), '\n') line WHERE line ~ '^(\| (job|key|entity|why)|# )';
-- HTML is a document, with no tags but its own
SELECT string_agg(DISTINCT t[1], ' ') AS tags FROM ad_report(E'job |`<b>\n# x', format => 'html') h,
    LATERAL regexp_matches(h, '<([a-z0-9]+)', 'g') t;

-- who may see what
CREATE ROLE report_reader;
CREATE ROLE report_other;
SELECT ad_grant_job('reported', 'report_reader', 'read');
SET ROLE report_reader;
SELECT line FROM regexp_split_to_table(ad_report('reported'), '\n') line WHERE line ~ '^(#|[A-Z])';
SELECT ad_report('report');
RESET ROLE;
SELECT ad_grant_model('report', 'report_reader', 'score');
SET ROLE report_reader;
SELECT line FROM regexp_split_to_table(ad_report('report'), '\n') line WHERE line ~ '^(#|Tr|Al| +SELECT)';
SET ROLE report_other;
SELECT ad_report('reported');
SELECT ad_report('reported', 'model');
RESET ROLE;

-- arguments
SELECT ad_report('report');
SELECT ad_report(NULL);
SELECT ad_report('report', 'table');
SELECT ad_report('report', 'job', 'pdf');
SELECT ad_report('report', 'job', NULL);
SELECT ad_report('report', 'job', top => -1);
SELECT ad_report('report', 'job', top => 1001);
SELECT ad_report('report', 'job', picture => 'a) <b>');
SELECT ad_report('', 'job');

-- scores of any size
UPDATE _anomaly._ad_alert SET score = CASE key WHEN '20' THEN 'Infinity' WHEN '40' THEN '-Infinity' WHEN '60' THEN 'NaN' WHEN '80' THEN 1e308 WHEN '100' THEN 1e-308 ELSE score END,
    event_at = CASE key WHEN '20' THEN 'infinity' ELSE event_at END
WHERE job = 'reported';
SELECT line FROM regexp_split_to_table(steady(ad_report('reported', top => 10)), '\n') line WHERE line ~ '^(\| (rep|confirmed|not|without)|Al|Av)';
UPDATE _anomaly._ad_alert SET score = -1e308 WHERE job = 'reported' AND key = '120';
SELECT ad_report('reported', format => 'html') ~ '<svg' AS pictures;

-- pictures of anything, as everybody may ask for them
SELECT _anomaly._ad_report_scores(0, 1, '{1e308}', '{0}', '{0}', NULL);
SELECT _anomaly._ad_report_scores(0, 1, '{0}', '{-1}', '{0}', NULL);
SELECT _anomaly._ad_report_scores(0, 1, '{0,1}', '{0}', '{0}', NULL);
SELECT _anomaly._ad_report_scores(0, 1, '{NaN}', '{0}', '{0}', NULL);
SELECT _anomaly._ad_report_scores(0, 1, '{}', '{}', '{}', NULL);
SELECT _anomaly._ad_report_scores(l, h, '{1}', '{0}', '{0}', t) IS NULL AS none
FROM (VALUES (0::float8, 0::float8, 0::float8), ('-1e308', '1e308', 0), ('NaN', 1, 0), (0, 'Infinity', 0), (1, 2, 'NaN'), (1, 1.0000000000000002, 'Infinity'), (NULL, 1, 1)) v(l, h, t);
SELECT length(_anomaly._ad_report_curve('{0,1}', '{1,0.5}')) > 0 AS drawn;
SELECT _anomaly._ad_report_curve('{0,1}', '{1}');
SELECT _anomaly._ad_report_curve('{1,0}', '{1,1}');
SELECT _anomaly._ad_report_curve('{0,NULL}', '{1,1}');
SELECT _anomaly._ad_report_curve(array_fill(0::float8, ARRAY[1001]), array_fill(0::float8, ARRAY[1001]));

SELECT ad_drop_job('report'), ad_drop_job('reported'), ad_drop_job(E'job |`<b>\n# x');
SELECT ad_drop_model('report'), ad_drop_model(E'odd |`<b>\n# x');
DROP TABLE report_rows, report_odd, report_events;
DROP FUNCTION steady;
DROP ROLE report_reader, report_other;
