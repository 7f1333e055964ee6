-- ad_benchmark_report: a run as a page.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
CREATE SCHEMA compare_report;
SET search_path = compare_report, public;
CREATE TABLE pay AS SELECT features[1] AS a, features[2] AS b, is_anomaly AS y FROM ad_generate_blobs(400, seed => 2);
CREATE TABLE run AS
SELECT * FROM ad_benchmark('pay', ad_grid(ad_zscore(), combine => '{max,mean}') || ad_mahalanobis() || ad_knn() || (ad_ecod() || ad_prepare(impute => 'error')), label => 'y');
-- costs are another machine's on each
UPDATE run SET fit_rows_per_second = 1234567 * n, score_rows_per_second = 7654321.5 / n, model_bytes = 10000 * n, peak_memory = 1048576 * n;

-- the page without its picture
SELECT ad_benchmark_report('run', picture => 'run.svg');
-- another figure; where lower is better; html; the picture
SELECT line FROM regexp_split_to_table(ad_benchmark_report('run', metric => 'false_positive_rate', picture => 'x.svg'), E'\n') line WHERE line ~ '^The best';
SELECT line FROM regexp_split_to_table(ad_benchmark_report('SELECT * FROM run WHERE n < 3', 'roc_auc', 'html'), E'\n') line WHERE line ~ '^(<h1|<h2|<p|<tr>)';
SELECT line FROM regexp_split_to_table(ad_benchmark_report('run', format => 'svg'), E'\n') line WHERE line ~ '^<text';
SELECT ad_benchmark_report('run') LIKE '%![a figure of each spec with its interval](data:image/svg+xml;base64,%' AS within;
-- one call, without labels; a fit that fails
SELECT line FROM regexp_split_to_table(ad_benchmark_report($$SELECT * FROM ad_benchmark('SELECT a, CASE WHEN a > 1 THEN b END AS b FROM pay',
    ARRAY[ad_zscore(), ad_ecod(), ad_hbos(), ad_knn() || ad_prepare(impute => 'error')])$$, picture => 'x.svg'), E'\n') line WHERE line ~ '^(Of|Closest|## Fits)|[|] knn.*missing';

-- whatever is in a run
CREATE TABLE odd AS SELECT * FROM run;
UPDATE odd SET spec = jsonb_build_object('detector', E'<script>|`x`\n# h ![i](http://x) ' || n, 'o', n), error = E'</td> | a\n## b', average_precision = 'NaN', roc_auc = 1e308,
    f1 = '-Infinity', rows = -1, anomalies = NULL, average_precision_interval = NULL, fit_rows_per_second = 'Infinity', score_rows_per_second = 1e300, peak_memory = NULL WHERE n < 3;
UPDATE odd SET spec = '[1]', average_precision_interval = '{1e300,NaN}' WHERE n = 3;
UPDATE odd SET spec = NULL WHERE n = 4;
SELECT ad_benchmark_report('odd', picture => 'x.svg');
SELECT ad_benchmark_report('SELECT * FROM odd WHERE n < 3', format => 'svg') IS NULL AS no_picture;
SELECT length(ad_benchmark_report('SELECT r.* FROM run r, generate_series(1, 100)', picture => 'x.svg')) BETWEEN 5000 AND 20000 AS bounded;

-- errors
SELECT ad_benchmark_report(NULL);
SELECT ad_benchmark_report('run', format => NULL);
SELECT ad_benchmark_report('run', format => 'pdf');
SELECT ad_benchmark_report('run', metric => 'roc_uac');
SELECT ad_benchmark_report('run', metric => 'x');
SELECT ad_benchmark_report('run', picture => 'x.svg) <b>');
SELECT ad_benchmark_report('SELECT * FROM run WHERE false');
SELECT ad_benchmark_report('pay');
SELECT ad_benchmark_report('SELECT spec::text, * FROM run');
SELECT ad_benchmark_report('nowhere');
SELECT ad_benchmark_report('DROP TABLE run');
SELECT _anomaly._ad_benchmark_picture('t', '{a,b}', '{1}', '{1,2}', '{1,2}');
SELECT _anomaly._ad_benchmark_picture('t', '{a}', '{NaN}', '{1}', '{1}');
SELECT _anomaly._ad_benchmark_picture('t', '{}', '{}', '{}', '{}');
SET client_min_messages = warning;
DROP SCHEMA compare_report CASCADE;
