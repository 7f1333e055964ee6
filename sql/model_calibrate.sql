-- From a score to a decision: thresholds, p-values, probabilities.
\set SHOW_CONTEXT never

CREATE TABLE normal AS
SELECT i, ad_random(1, i, 'normal') AS a, ad_random(2, i, 'normal') AS b, ad_random(3, i, 'normal') AS c
FROM generate_series(1, 10000) i;
CREATE TABLE fresh AS
SELECT i, ad_random(4, i, 'normal') AS a, ad_random(5, i, 'normal') AS b, ad_random(6, i, 'normal') AS c
FROM generate_series(1, 4000) i;

-- what an analyst writes
CREATE TABLE models AS
SELECT ad_fit(ad_iforest(trees => 50) || ad_calibrate(contamination => 0.01), a, b, c) AS model FROM normal;
SELECT f.a, f.b, f.c, round(ad_score(model, f.a, f.b, f.c)::numeric, 3) AS score,
       round(ad_pvalue(model, f.a, f.b, f.c)::numeric, 5) AS p, ad_is_anomaly(model, f.a, f.b, f.c) AS is_anomaly,
       round(ad_probability(model, f.a, f.b, f.c)::numeric, 4) AS probability
FROM models, (VALUES (0, 0, 0), (1, 1, 1), (2, -2, 2), (4, 4, 4), (NULL, 0, 0), (NULL, NULL, NULL)) f(a, b, c);
SELECT ad_calibrate(), ad_calibrate(0.1, 0.001);
SELECT (ad_info(model) -> 'calibration'), ad_info(model) -> 'contamination' AS contamination,
       ad_info(model) -> 'spec' -> 'calibrate' AS spec FROM models;

-- the threshold is the percentile of the training rows' scores: here every row was fitted to, and scored
CREATE FUNCTION pg_temp.worst_threshold(spec jsonb, shares float8[]) RETURNS float8 LANGUAGE sql AS $$
	WITH m AS (SELECT ad_fit(spec, a, b, c) AS model FROM normal WHERE i <= 8000),
	     s AS (SELECT ad_score(model, a, b, c) AS score FROM m, normal WHERE i <= 8000)
	SELECT max(abs(ad_threshold(model, k) - (SELECT percentile_cont(1 - k) WITHIN GROUP (ORDER BY score) FROM s)))
	FROM m, unnest(shares) k $$;
SELECT spec ->> 'detector' AS detector, spec -> 'calibrate' AS calibrate,
       pg_temp.worst_threshold(spec, '{0.0001,0.001,0.01,0.0125,0.1,0.128}') < 1e-12 AS tail,
       pg_temp.worst_threshold(spec, '{0.2,0.3333,0.5}') < 0.002 AS below
FROM (VALUES (ad_zscore() || ad_calibrate(share => 0)), (ad_pca() || ad_calibrate(share => 0))) v(spec);
SELECT pg_temp.worst_threshold('{"detector": "zscore"}', '{0.0001,0.001,0.01,0.0125,0.1}') < 1e-12 AS tail_and_own,
       pg_temp.worst_threshold('{"detector": "zscore"}', '{0.05,0.2,0.3333,0.5}') < 0.02 AS below;
SELECT count(*) FILTER (WHERE ad_is_anomaly(model, a, b, c)) AS anomalies, count(*)
FROM normal, (SELECT ad_fit(ad_pca() || ad_calibrate(share => 0, contamination => 0.05), a, b, c) AS model FROM normal) m;
SELECT ad_threshold(model) = ad_threshold(model, 0.01) AS of_the_model, ad_threshold(model, NULL) = ad_threshold(model) AS null_is_the_model_s,
       ad_threshold(NULL::bytea) FROM models;

-- a detector of neighbours does not count a training row as its own
SELECT d AS detector, abs(ad_threshold(model, 0.05) - outlier) < 1e-12 AS as_in_sample
FROM (VALUES ('knn'), ('lof')) v(d),
     LATERAL (SELECT ad_fit(d, a, b, c) AS model FROM normal WHERE i <= 1500) m,
     LATERAL (SELECT percentile_cont(0.95) WITHIN GROUP (ORDER BY o) AS outlier
              FROM (SELECT ad_outlier(d, a, b, c) OVER () AS o FROM normal WHERE i <= 1500) s) o;

-- p-values are valid: of fresh normal rows no more than a share of alpha has p <= alpha, for every detector,
-- within three standard errors of the calibration rows and the fresh ones
CREATE FUNCTION pg_temp.valid(spec jsonb, rows int, n int)
RETURNS TABLE (alpha float8, share float8, valid boolean) LANGUAGE plpgsql AS $$
DECLARE
	m bytea;
BEGIN
	EXECUTE 'SELECT ad_fit($1, a, b, c) FROM normal WHERE i <= $2' INTO m USING spec, rows;
	RETURN QUERY EXECUTE 'SELECT k, avg((p <= k)::int)::float8, avg((p <= k)::int) - k <
		3 * sqrt(k * (1 - k) * (1.0 / $2 + 1.0 / count(*))) FROM (SELECT ad_pvalue($1, a, b, c) AS p FROM fresh) f,
		(VALUES (0.1::float8), (0.05), (0.01), (0.001)) v(k) GROUP BY k' USING m, n;
END $$;
SELECT count(*) = cardinality(_anomaly._ad_detectors()) AS every_detector,
       array_agg(detector) FILTER (WHERE NOT valid) AS not_valid, array_agg(detector) FILTER (WHERE NOT not_idle) AS idle
FROM (SELECT d AS detector, bool_and(valid) AS valid, bool_or(alpha = 0.1 AND share > 0.08) AS not_idle
      FROM unnest(_anomaly._ad_detectors()) d,
           LATERAL pg_temp.valid(jsonb_build_object('detector', d) || ad_calibrate(share => 0.5), 10000, 5000)
      GROUP BY d) v;
-- with few rows, every row is held out in one of five folds: also where scores grow with the rows of a fit
SELECT d AS detector, avg((p <= 0.1)::int) BETWEEN 0.08 AND 0.106 AS tenth, avg((p <= 0.01)::int) < 0.0125 AS hundredth
FROM (SELECT d, ad_pvalue(model, ad_random(seed, -i, 'normal'), ad_random(seed + 100, -i, 'normal')) AS p
      FROM (SELECT d, seed, ad_fit(jsonb_build_object('detector', d) || ad_calibrate(),
                                   ad_random(seed, i, 'normal'), ad_random(seed + 100, i, 'normal')) AS model
            FROM unnest(ARRAY['loda', 'ocsvm']) d, generate_series(1, 20) seed, generate_series(1, 500) i GROUP BY d, seed) m,
           generate_series(1, 1000) i) s
GROUP BY d ORDER BY d;
SELECT d AS detector, bool_and(valid) AS valid
FROM unnest(ARRAY['iforest', 'knn', 'lof', 'pca', 'zscore', 'gmm', 'ecod']) d,
     LATERAL pg_temp.valid(jsonb_build_object('detector', d) || ad_calibrate(), 1000, 1000)
GROUP BY d ORDER BY d;
SELECT ad_info(ad_fit(ad_zscore() || ad_calibrate(), a)) -> 'calibration' AS few FROM normal WHERE i <= 30;

-- a p-value is a count over the calibration rows, and falls as the score rises
SELECT bool_and(abs(p * 2001 - round(p * 2001)) < 1e-9) AS counts, min(p * 2001) AS least, bool_and(p <= before) AS falls
FROM (SELECT ad_pvalue(model, a, b, c) AS p, lag(ad_pvalue(model, a, b, c), 1, float8 '1') OVER (ORDER BY ad_score(model, a, b, c)) AS before
      FROM models, (SELECT a, b, c FROM normal UNION ALL SELECT 9, 9, 9) s) t;

-- Gaussian scaling, with the error function as a series
CREATE FUNCTION pg_temp.erf(x float8) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	term float8 := x;
	total float8 := x;
BEGIN
	IF x > 5 THEN RETURN 1; END IF;
	FOR n IN 1 .. 120 LOOP
		EXIT WHEN abs(term) < 1e-30;
		term := -term * x * x / n;
		total := total + term / (2 * n + 1);
	END LOOP;
	RETURN total * 2 / sqrt(pi());
END $$;
WITH m AS (SELECT ad_fit(ad_pca() || ad_calibrate(share => 0), a, b, c) AS model FROM normal),
     t AS (SELECT avg(ad_score(model, a, b, c)) AS mean, stddev_pop(ad_score(model, a, b, c)) AS sd FROM m, normal)
SELECT max(abs(ad_probability(model, a, b, c) - greatest(0, pg_temp.erf((ad_score(model, a, b, c) - mean) / sd / sqrt(2))))) < 1e-9 AS equal,
       min(ad_probability(model, a, b, c)) AS least, max(ad_probability(model, a, b, c)) > 0.99 AS most
FROM m, t, fresh;

-- what has no answer
SELECT ad_pvalue(ad_fit('zscore', a), 1) FROM normal;
SELECT ad_pvalue(ad_fit(ad_zscore() || ad_calibrate(share => 0), a), 1) FROM normal;
SELECT ad_threshold(model, 0) FROM models;
SELECT ad_threshold(model, 0.51) FROM models;
SELECT ad_threshold(model, 'NaN') FROM models;
SELECT ad_calibrate(contamination => 0);
SELECT ad_calibrate(contamination => 0.6);
SELECT ad_calibrate(share => 0.9);
SELECT ad_calibrate(share => 'NaN');
SELECT ad_fit(ad_zscore() || '{"calibrate": {"shares": 1}}', a) FROM normal;
SELECT ad_fit(ad_zscore() || '{"calibrate": 1}', a) FROM normal;
SELECT ad_pvalue(model, 1, 2) FROM models;
SELECT ad_pvalue(NULL::bytea, 1) IS NULL AS p, ad_is_anomaly(NULL::bytea, 1) IS NULL AS is_anomaly,
       ad_probability(NULL::bytea, 1) IS NULL AS probability;

-- a calibrated model for each of thousands of groups
SELECT count(*) AS groups, bool_and(ad_pvalue(model, 50) <= 0.05) AS all_know_an_outlier, max(length(model)) < 2000 AS small
FROM (SELECT i % 3000 AS g, ad_fit(ad_zscore() || ad_calibrate(), a) AS model
      FROM (SELECT i, ad_random(9, i, 'normal') AS a FROM generate_series(1, 90000) i) r GROUP BY g) m;

-- a group of one row is no error; it says nothing of how rare a score is
SELECT d ->> 'detector' AS detector, ad_pvalue(model, 1e9) AS p, ad_threshold(model) IS NOT NULL AS threshold, ad_info(model) -> 'calibration' AS calibration
FROM (SELECT d, ad_fit(d || ad_calibrate(), a) AS model
      FROM unnest(ARRAY[ad_iforest(), ad_zscore(), ad_knn(), ad_ensemble(ARRAY[ad_ecod(), ad_loda()], 'pvalue')]) d, normal WHERE i = 1 GROUP BY d) m ORDER BY 1;

-- constant data: nothing is anomalous, all is as usual
SELECT d, ad_is_anomaly(model, 7.0) AS is_anomaly, ad_pvalue(model, 7.0) AS p, ad_probability(model, 7.0) AS probability
FROM (SELECT d, ad_fit(jsonb_build_object('detector', d) || ad_calibrate(), 7.0::float8) AS model
      FROM unnest(ARRAY['hbos', 'iforest', 'knn', 'lof', 'zscore']) d, generate_series(1, 100) GROUP BY d) m ORDER BY d;

DROP TABLE normal, fresh, models;
