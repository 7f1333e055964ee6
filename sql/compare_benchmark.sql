-- Specs compared by cross-validation, and two runs with each other.
\set SHOW_CONTEXT never
\pset format unaligned
CREATE SCHEMA compare_benchmark;
SET search_path = compare_benchmark, public;

-- SQLSTATE, message, detail and hint of what a statement raises.
CREATE FUNCTION pg_temp.expect_error(sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state text; message text; detail text; hint text;
BEGIN
	EXECUTE sql;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' | ', state || ': ' || message,
		nullif(detail, ''), nullif(hint, ''));
END $$;

CREATE TABLE payment AS
SELECT i AS id, features[1] AS amount, features[2] AS balance, 'shop ' || i % 3 AS shop, is_anomaly AS is_fraud,
       i % 4 AS part
FROM ad_generate_blobs(600, features => 2, contamination => 0.1, seed => 7, spread => 5);

-- what is measured, beside the same by hand; no label is a feature
CREATE TABLE run AS
SELECT * FROM ad_benchmark('payment', ARRAY[ad_iforest(), ad_knn(), ad_zscore() || ad_calibrate(contamination => 0.2)],
                           label => 'is_fraud', key => 'id', fold => 'part');
CREATE TABLE model AS
SELECT n, k, ad_fit(spec || ad_sampling(keyed => true), id, amount, balance, shop) AS m
FROM run, payment, generate_series(0, 3) k WHERE part <> k GROUP BY n, k;
CREATE VIEW by_hand AS
SELECT n, avg(auc) AS roc_auc, avg(ap) AS average_precision, avg((c).f1) AS f1,
       avg((c).balanced_accuracy) AS balanced_accuracy, avg((c).fp / ((c).fp + (c).tn)::float8) AS false_positive_rate,
       stddev_samp(auc) AS deviation
FROM (SELECT n, k, ad_roc_auc(s, is_fraud) AS auc, ad_average_precision(s, is_fraud) AS ap,
             ad_confusion(p, is_fraud) AS c
      FROM (SELECT n, k, is_fraud, ad_score(m, amount, balance, shop) AS s, ad_is_anomaly(m, amount, balance, shop) AS p
            FROM model JOIN payment ON part = k OFFSET 0) s GROUP BY n, k) f
GROUP BY n;
SELECT n, abs(r.roc_auc - h.roc_auc) < 1e-12 AS roc_auc,
       abs(r.average_precision - h.average_precision) < 1e-12 AS average_precision,
       abs(r.f1 - h.f1) < 1e-12 AS f1, abs(r.balanced_accuracy - h.balanced_accuracy) < 1e-12 AS balanced_accuracy,
       abs(r.false_positive_rate - h.false_positive_rate) < 1e-12 AS false_positive_rate,
       abs(r.roc_auc_deviation - h.deviation) < 1e-12 AS deviation
FROM run r JOIN by_hand h USING (n) ORDER BY n;
SELECT n, spec->>'detector' AS detector, rows, labelled, anomalies, folds, round(roc_auc::numeric, 3) AS roc_auc,
       round(average_precision::numeric, 3) AS average_precision, round(precision_at_n::numeric, 3) AS precision_at_n,
       round(agreement::numeric, 3) AS agreement, error,
       fit_rows_per_second > 0 AND score_rows_per_second > 0 AND model_bytes > 0 AND peak_memory > 0 AS costs
FROM run ORDER BY n;

-- the interval: s² (1/n + rows scored / rows fitted), here 1/4 + 1/3, with 3 degrees of freedom
SELECT n, abs(roc_auc_interval[2] - roc_auc - 3.182446305 * sqrt(1 / 4.0 + 1 / 3.0) * roc_auc_deviation) < 1e-6
       OR roc_auc_interval[2] = 1 AS as_told FROM run ORDER BY n;

-- fold by fold
SELECT f->>'repeat' AS repeat, f->>'fold' AS fold, f->>'rows' AS rows, f->>'anomalies' AS anomalies,
       f->>'fit_rows' AS fit_rows,
       round((f->>'roc_auc')::numeric, 3) AS roc_auc
FROM run, jsonb_array_elements(fold_results) f WHERE n = 1;

-- folds that are drawn: each row once, with its share of anomalies, in any order of the rows, however often
CREATE FUNCTION pg_temp.shape(source text, folds int, repeats int, holdout float8, key text DEFAULT 'id')
RETURNS TABLE (rows text, anomalies text, fit_rows text, auc numeric, split text)
LANGUAGE sql AS $$
SELECT string_agg(f->>'rows', ' '), string_agg(f->>'anomalies', ' '), string_agg(f->>'fit_rows', ' '),
       round(min(b.roc_auc)::numeric, 12), min(b.split)
FROM ad_benchmark($1, ARRAY['iforest'], label => 'is_fraud', key => $5, folds => $2, repeats => $3, holdout => $4) b,
     jsonb_array_elements(b.fold_results) f $$;
SELECT rows, anomalies, fit_rows FROM pg_temp.shape('payment', 7, 1, NULL);
SELECT rows, anomalies, fit_rows FROM pg_temp.shape('payment', 2, 3, NULL);
SELECT rows, anomalies, fit_rows FROM pg_temp.shape('payment', 5, 3, 0.3);
SELECT a = b AS same
FROM pg_temp.shape('payment', 5, 2, NULL) a, pg_temp.shape('SELECT * FROM payment ORDER BY amount', 5, 2, NULL) b;
SELECT a = b AS same
FROM pg_temp.shape('SELECT amount, balance, is_fraud FROM payment', 5, 2, NULL, NULL) a,
     pg_temp.shape('SELECT amount, balance, is_fraud FROM payment ORDER BY balance', 5, 2, NULL, NULL) b;
SELECT a.split = b.split AS same_folds_of_other_features, a.auc = b.auc AS same
FROM pg_temp.shape('payment', 5, 2, NULL) a, pg_temp.shape('SELECT id, amount, is_fraud FROM payment', 5, 2, NULL) b;

-- rows that are all the same are still told apart
SELECT rows, folds, round(roc_auc::numeric, 3) AS roc_auc
FROM ad_benchmark('SELECT 1 AS a, i % 10 = 0 AS y FROM generate_series(1, 100) i', ARRAY['zscore'], label => 'y');

-- rows without a label are fitted to, and count in no metric
SELECT rows, labelled, anomalies, round(roc_auc::numeric, 3) AS roc_auc,
       (SELECT sum((f->>'rows')::int) FROM jsonb_array_elements(fold_results) f) AS scored
FROM ad_benchmark('SELECT id, amount, balance, CASE WHEN id % 3 = 0 THEN is_fraud END AS y FROM payment',
                  ARRAY['iforest'], label => 'y', key => 'id');

-- a row without a fold is in every fit, and never scored
SELECT folds, f->>'fold' AS fold, f->>'rows' AS rows, f->>'fit_rows' AS fit_rows, roc_auc_deviation
FROM ad_benchmark('SELECT amount, balance, is_fraud, CASE WHEN id > 400 THEN 11 END AS part FROM payment',
                  ARRAY['iforest'], label => 'is_fraud', fold => 'part'), jsonb_array_elements(fold_results) f;

-- without labels
SELECT spec->>'detector' AS detector, labelled, roc_auc, f1, round(agreement::numeric, 3) AS agreement
FROM ad_benchmark('SELECT amount, balance FROM payment', ARRAY['iforest', 'knn', 'ecod']);
SELECT agreement FROM ad_benchmark('SELECT amount, balance FROM payment', ARRAY['iforest']);

-- labels as numbers, features as an array, and what is missing or infinite
SELECT round(roc_auc::numeric, 3) AS roc_auc
FROM ad_benchmark('SELECT features, is_anomaly::int AS y FROM ad_generate_blobs(300, seed => 1)',
                  ARRAY['knn'], label => 'y');
SELECT rows, folds, error
FROM ad_benchmark('SELECT CASE i % 5 WHEN 0 THEN NULL WHEN 1 THEN float8 ''nan'' WHEN 2 THEN float8 ''inf''
                          WHEN 3 THEN 1e308 ELSE i END AS a,
                   CASE WHEN i % 7 > 0 THEN i::text END AS b FROM generate_series(1, 200) i', ARRAY['iforest', 'ecod']);

-- a spec that cannot be fitted does not end the run
SELECT n, folds, roc_auc IS NULL AS none, round(agreement::numeric, 3) AS agreement, error
FROM ad_benchmark('SELECT amount, balance, shop, is_fraud FROM payment',
                  ARRAY[ad_iforest(), ad_iforest() || ad_prepare(impute => 'error')],
                  label => 'is_fraud')
UNION ALL
SELECT n, folds, roc_auc IS NULL, round(agreement::numeric, 3), error
FROM ad_benchmark('SELECT nullif(id, 7) AS id, amount, is_fraud FROM payment',
                  ARRAY[ad_iforest(), ad_iforest() || ad_prepare(impute => 'error', on_error => 'null'), ad_knn()],
                  label => 'is_fraud');

-- every detector, if none is named
SELECT count(*) = (SELECT count(*) + 1 FROM unnest(_anomaly._ad_detectors())) AS all_of_them, count(error) AS errors
FROM ad_benchmark('SELECT amount, balance, is_fraud FROM payment', label => 'is_fraud', folds => 2);

-- specs in whatever form: a literal, NULL and a parameter are read as text
PREPARE try AS SELECT string_agg(spec->>'detector', ' ' ORDER BY n) FROM ad_benchmark('payment', $1, label => 'is_fraud', folds => 2);
EXECUTE try('knn');
EXECUTE try(' {zscore, "ecod"}');
EXECUTE try(' { "detector\"" : "knn"}');
EXECUTE try(' { "detector" : "knn"}');
EXECUTE try('{"{\"detector\": \"knn\"}"}');
EXECUTE try('{}');
EXECUTE try('{');
EXECUTE try('{"\');
CREATE DOMAIN words AS varchar[];
SELECT string_agg(spec->>'detector', ' ' ORDER BY n) FROM ad_benchmark('payment', ad_zscore(), label => 'is_fraud', folds => 2);
SELECT string_agg(spec->>'detector', ' ' ORDER BY n) FROM ad_benchmark('payment', '{zscore,ecod}'::words, label => 'is_fraud', folds => 2);
SELECT string_agg(spec->>'detector', ' ' ORDER BY n) FROM ad_benchmark('payment', label => 'is_fraud', folds => 2, specs => ARRAY[ad_zscore(), ad_ecod()]);
SELECT count(*) > 10 AS all_of_them FROM ad_benchmark('payment', NULL, label => 'is_fraud', folds => 2);
SELECT count(*) > 10 AS all_of_them FROM ad_benchmark('payment', NULL::jsonb[], label => 'is_fraud', folds => 2);

-- two runs: the same, and one with less to go by
CREATE TABLE less AS
SELECT * FROM ad_benchmark('SELECT id, id * 7919 % 1000 AS noise, part, is_fraud FROM payment',
                           ARRAY['iforest', 'knn', 'hbos'], label => 'is_fraud', key => 'id', fold => 'part');
SELECT spec->>'detector' AS detector, min(p_value) AS p, bool_and(paired) AS paired,
       string_agg(DISTINCT verdict, ' ') AS verdict
FROM ad_benchmark_compare('run', 'SELECT * FROM run') GROUP BY 1 ORDER BY 1;
SELECT spec->>'detector' AS detector, metric, round(difference::numeric, 3) AS difference, folds, paired,
       round(p_value::numeric, 4) AS p, verdict
FROM ad_benchmark_compare('run', 'less') WHERE metric IN ('roc_auc', 'average_precision') ORDER BY verdict, 1, metric;
-- the paired test by hand
SELECT round(c.p_value::numeric, 9) = round(h.p::numeric, 9) AS p_value, abs(c.difference - h.d) < 1e-12 AS difference
FROM ad_benchmark_compare('run', 'less') c,
     (SELECT avg(x - y) AS d, -- two-sided t with three degrees of freedom
             1 - 2 / pi() * (atan(t / sqrt(3.0)) + t / sqrt(3.0) / (1 + t * t / 3)) AS p
      FROM (SELECT x, y, abs(avg(x - y) OVER () / (stddev_samp(x - y) OVER () * sqrt(1 / 4.0 + 1 / 3.0))) AS t
            FROM (SELECT (b.f->>'roc_auc')::float8 AS x, (a.f->>'roc_auc')::float8 AS y
                  FROM (SELECT f FROM run, jsonb_array_elements(fold_results) f WHERE n = 1) a
                  JOIN (SELECT f FROM less, jsonb_array_elements(fold_results) f WHERE n = 1) b
                  ON a.f->'fold' = b.f->'fold') p) q GROUP BY t) h
WHERE c.metric = 'roc_auc' AND c.spec->>'detector' = 'iforest';
-- other folds: not in pairs
SELECT metric, folds, paired, p_value BETWEEN 0 AND 1 AS p
FROM ad_benchmark_compare('run', $$SELECT * FROM ad_benchmark('payment', ARRAY['iforest'], label => 'is_fraud',
                                                              key => 'id')$$)
WHERE spec->>'detector' = 'iforest' AND metric = 'roc_auc';
-- two specs of one run
SELECT metric, round(difference::numeric, 3) AS difference, paired, verdict
FROM ad_benchmark_compare($$SELECT '"x"'::jsonb AS spec, split, fold_results FROM run WHERE n = 1$$,
                          $$SELECT '"x"'::jsonb AS spec, split, fold_results FROM run WHERE n = 3$$)
WHERE metric IN ('roc_auc', 'false_positive_rate');

-- errors
SELECT pg_temp.expect_error('SELECT ad_benchmark(' || arguments || ')') FROM (VALUES
	('NULL'), ($$'nowhere'$$), ($$'SELECT 1; SELECT 2'$$), ($$'DELETE FROM payment'$$), ($$'payment', ARRAY[]::jsonb[]$$),
	($$'payment', ARRAY[NULL]::jsonb[]$$), ($$'payment', ARRAY['iforrest']$$),
	($$'payment', ARRAY['{"detector": "knn", "k": 0}']$$),
	($$'payment', 5$$), ($$'payment', ARRAY[5]$$), ($$'payment', '{"detector": "knn"}'::json$$), ($$'payment', 'is_fraud'$$),
	($$'payment', label => 'fraud'$$), ($$'payment', label => 'IS_FRAUD'$$), ($$'payment', label => 'whatever it is'$$),
	($$'payment', label => 'amount'$$), ($$'SELECT id, amount, ''NaN''::real AS y FROM payment', label => 'y'$$), ($$'payment', label => 'shop'$$), ($$'SELECT ''x''::name AS "Mix", 1 AS a', label => 'Mix'$$),
	($$'SELECT now() AS at, 1 AS a', label => 'at'$$),
	($$'payment', key => 'nokey'$$), ($$'payment', fold => 'amount'$$), ($$'payment', label => 'id', key => 'id'$$),
	($$'payment', folds => 1$$), ($$'payment', folds => NULL$$), ($$'payment', repeats => 0$$),
	($$'payment', holdout => 1$$),
	($$'payment', holdout => 'nan'$$), ($$'payment', fold => 'part', repeats => 2$$), ($$'payment', seed => NULL$$),
	($$'payment', memory_mb => 0$$), ($$'SELECT id, is_fraud FROM payment', label => 'is_fraud', key => 'id'$$),
	($$'SELECT point(1, 2) AS at, 1 AS a'$$), ($$'SELECT 1 AS a'$$), ($$'SELECT 1 AS a WHERE false'$$),
	($$'SELECT ''{1,2}''::float8[] AS a UNION ALL SELECT ''{1}'''$$), ($$'SELECT NULL::float8[] AS a'$$),
	($$'SELECT 1 AS a, 2 AS a'$$), ($$'SELECT id, NULL::int AS part FROM payment', fold => 'part'$$),
	($$'SELECT id FROM payment LIMIT 9', holdout => 0.01$$)) v(arguments);
SELECT pg_temp.expect_error('SELECT ad_benchmark_compare(' || arguments || ')') FROM (VALUES
	('NULL, ''run'''), ('''payment'', ''run'''), ('''run'', ''nowhere'''), ('''run'', ''run'', 0'),
	('''SELECT * FROM run WHERE false'', ''run'''),
	('''SELECT spec, split, NULL::jsonb AS fold_results FROM run'', ''run'''),
	('''SELECT spec, split, to_jsonb(1) AS fold_results FROM run'', ''run'''),
	('''SELECT spec, split, ''''[1, {}]''''::jsonb AS fold_results FROM run'', ''run'''),
	('''SELECT spec, split::name, fold_results FROM run'', ''run''')) v(arguments);

-- tables of any name, written as SQL has it
CREATE TABLE "my ""own"" table.x" AS SELECT amount, is_fraud AS "a ""label""" FROM payment;
SELECT name, count(*), sum(labelled) AS labelled
FROM (VALUES ('"my ""own"" table.x"'), (E' compare_benchmark\t. "my ""own"" table.x" ')) v(name),
     ad_benchmark(name, ARRAY['zscore'], label => 'a "label"', folds => 2)
GROUP BY name ORDER BY name;
SELECT pg_temp.expect_error(format('SELECT ad_benchmark(%L)', name))
FROM unnest('{"\"\"\"",payment.,.payment,payment..x,payment x}'::text[]) name;

-- labels of one class
SELECT folds, roc_auc, false_positive_rate IS NOT NULL AS false_positive_rate
FROM ad_benchmark('SELECT amount, false AS y FROM payment', ARRAY['zscore'], label => 'y');
SELECT folds, round(roc_auc::numeric, 3) AS roc_auc, roc_auc_deviation IS NULL AS one_fold
FROM ad_benchmark('SELECT amount, id = 1 AS y FROM payment', ARRAY['zscore'], label => 'y');

SET client_min_messages = warning;
DROP SCHEMA compare_benchmark CASCADE;
