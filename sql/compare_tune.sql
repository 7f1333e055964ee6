-- ad_tune: specs ranked on a table with labels.
\set SHOW_CONTEXT never
CREATE SCHEMA compare_tune;
SET search_path = compare_tune, public;

-- a is b but for noise, and anomalies are where it is not: a detector that looks at
-- columns one by one cannot see them; the label of every fourth row is not known
CREATE TABLE pairs AS
SELECT i AS id, x + 0.1 * e AS a, CASE WHEN y THEN -x ELSE x END + 0.1 * f AS b, CASE WHEN i % 4 > 0 THEN y END AS y
FROM generate_series(1, 800) i,
     LATERAL (SELECT ad_random(1, i, 'normal') * 2 AS x, ad_random(2, i, 'normal') AS e, ad_random(3, i, 'normal') AS f,
                     i % 11 = 0 AS y) r;

-- the planted best is found; without a budget nothing depends on the clock
SELECT rank, spec->>'detector' AS detector, chosen, round(mean::numeric, 3) AS mean, round(deviation::numeric, 3) AS deviation,
       round(difference::numeric, 3) AS difference, round(p_value::numeric, 3) AS p_value, rows, folds, status, error
FROM ad_tune('SELECT a, b, y FROM pairs', 'y', ARRAY[ad_zscore(), ad_mahalanobis(), ad_ecod()], budget => NULL);

-- a query or a table's name, labels as numbers, names of detectors, a key, any order of the rows
CREATE VIEW numbered AS SELECT id, a, b, y::int AS label FROM pairs;
CREATE TABLE runs AS
SELECT 1 AS run, t.* FROM ad_tune('compare_tune.numbered', 'label', '{zscore,mahalanobis}', key => 'id', budget => NULL) t
UNION ALL
SELECT 2, t.* FROM ad_tune('SELECT * FROM numbered ORDER BY a', 'label', ARRAY['mahalanobis', 'zscore'], key => 'id', budget => '1 day') t;
SELECT count(*), count(DISTINCT (spec->>'detector', rank, chosen, mean, deviation, difference, p_value, rows, folds, model_bytes, status))
FROM runs;

-- a grid, by each metric
SELECT metric, count(*), bool_and(mean BETWEEN 0 AND 1) AS shares, bool_and(folds = 6) AS all_folds
FROM unnest('{roc_auc,average_precision,precision_at_n,f1,balanced_accuracy}'::text[]) metric,
     LATERAL ad_tune('SELECT a, b, y FROM pairs', 'y',
                     ad_grid(ad_mahalanobis(), '{"calibrate": {"contamination": [0.05, 0.1]}}', robust => '{f,t}'),
                     metric => metric, folds => 3, repeats => 2, budget => NULL) t
GROUP BY metric ORDER BY metric;

-- of specs that are as good as the best, less noise, the smallest model is chosen
CREATE TABLE far AS SELECT ad_random(1, i) AS a, CASE WHEN i % 10 = 0 THEN i ELSE 0 END + ad_random(2, i) AS b, i % 10 = 0 AS y
FROM generate_series(1, 300) i;
SELECT rank, spec->>'trees' AS trees, chosen, round(difference::numeric, 3) AS difference, round(p_value::numeric, 3) AS p_value
FROM ad_tune('far', 'y', ad_grid(ad_iforest(), trees => '{200,100,20}'), budget => NULL);

-- a spec that cannot be fitted ends nothing; there is none to choose if all fail
CREATE TABLE words AS SELECT CASE WHEN i % 20 = 0 THEN NULL ELSE i % 7 END AS a, i % 5 AS b, i % 10 = 0 AS y FROM generate_series(1, 100) i;
SELECT rank, spec->>'detector' AS detector, chosen, mean IS NULL AS no_mean, folds, status, error
FROM ad_tune('words', 'y', ARRAY[ad_knn() || ad_prepare(impute => 'error'), ad_zscore()], budget => NULL);
SELECT rank, chosen, mean, rows, folds, status, error IS NOT NULL AS says_why
FROM ad_tune('words', 'y', ARRAY[ad_knn() || ad_prepare(impute => 'error')], budget => NULL);

-- fewer anomalies than folds; a budget that ends before anything begins
SELECT rank, spec->>'detector' AS detector, folds, status
FROM ad_tune('SELECT a, b, y AND id < 36 AS y FROM pairs', 'y', '{zscore,ecod}'::text[], budget => NULL);
SELECT rank, spec->>'detector' AS detector, chosen, mean, difference, p_value, rows, folds, model_bytes, seconds, status, error
FROM ad_tune('pairs', 'y', '{zscore,ecod}'::text[], key => 'id', budget => '1 microsecond');

-- extreme values, constant columns, missing values, texts
SELECT rank, spec->>'detector' AS detector, mean IS NOT NULL AS has_mean, status
FROM ad_tune($$SELECT CASE i % 5 WHEN 0 THEN float8 'Infinity' WHEN 1 THEN 'NaN' WHEN 2 THEN 1e308 WHEN 3 THEN -1e-308 END AS a,
               7 AS b, NULL::float8 AS c, 'x' || i % 3 AS d, i % 9 = 0 AS y FROM generate_series(1, 90) i$$,
             'y', '{zscore,iforest}'::text[], budget => NULL) ORDER BY detector;

-- errors
SELECT * FROM ad_tune(NULL, 'y');
SELECT * FROM ad_tune('pairs', NULL);
SELECT * FROM ad_tune('pairs', 'z');
SELECT * FROM ad_tune('SELECT a, b FROM pairs', 'y');
SELECT * FROM ad_tune('SELECT a, b, NULL::bool AS y FROM pairs', 'y');
SELECT * FROM ad_tune('SELECT a, b, true AS y FROM pairs', 'y');
SELECT * FROM ad_tune('SELECT a, b, id AS y FROM pairs', 'y');
SELECT * FROM ad_tune('SELECT a, b, b::text AS y FROM pairs', 'y');
SELECT * FROM ad_tune('SELECT y FROM pairs', 'y');
SELECT * FROM ad_tune('SELECT * FROM pairs WHERE false', 'y');
SELECT * FROM ad_tune('nowhere', 'y');
SELECT * FROM ad_tune('DELETE FROM pairs', 'y');
SELECT * FROM ad_tune('SELECT a, b, y FROM pairs; DROP TABLE pairs', 'y');
SELECT * FROM ad_tune('pairs', 'y', '{}');
SELECT * FROM ad_tune('pairs', 'y', 7);
SELECT * FROM ad_tune('pairs', 'y', NULL, folds => 1);
SELECT * FROM ad_tune('pairs', 'y', ARRAY[ad_zscore(), NULL]);
SELECT * FROM ad_tune('pairs', 'y', ARRAY[ad_prepare()]);
SELECT * FROM ad_tune('pairs', 'y', '{zscroe}'::text[]);
SELECT * FROM ad_tune('pairs', 'y', folds => 1);
SELECT * FROM ad_tune('pairs', 'y', folds => NULL);
SELECT * FROM ad_tune('pairs', 'y', repeats => 0);
SELECT * FROM ad_tune('pairs', 'y', metric => 'average_precison');
SELECT * FROM ad_tune('pairs', 'y', metric => 'false_positive_rate');
SELECT * FROM ad_tune('pairs', 'y', metric => NULL);
SELECT * FROM ad_tune('pairs', 'y', budget => '0');
SELECT * FROM ad_tune('pairs', 'y', budget => '-1 hour');
SELECT * FROM ad_tune('pairs', 'y', memory_mb => 0);
SELECT * FROM ad_tune('pairs', 'y', key => 'y');
\set VERBOSITY terse
SELECT * FROM ad_tune('SELECT i AS a, i % 9 = 0 AS y FROM generate_series(1, 400000) i', 'y', memory_mb => 2);
\set VERBOSITY default

-- it leaves the transaction as it was
BEGIN;
CREATE TEMP TABLE kept ON COMMIT DROP AS
SELECT * FROM ad_tune('SELECT a, b, y FROM pairs', 'y', '{zscore}'::text[], budget => NULL);
SELECT count(*) FROM kept;
COMMIT;
SET client_min_messages = warning;
DROP SCHEMA compare_tune CASCADE;
