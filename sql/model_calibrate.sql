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
-- cross: every row is held out in one of five folds, also where scores grow with the rows of a fit
SELECT d AS detector, avg((p <= 0.1)::int) BETWEEN 0.08 AND 0.106 AS tenth, avg((p <= 0.01)::int) < 0.0125 AS hundredth
FROM (SELECT d, ad_pvalue(model, ad_random(seed, -i, 'normal'), ad_random(seed + 100, -i, 'normal')) AS p
      FROM (SELECT d, seed, ad_fit(jsonb_build_object('detector', d) || ad_calibrate(method => 'cross'),
                                   ad_random(seed, i, 'normal'), ad_random(seed + 100, i, 'normal')) AS model
            FROM unnest(ARRAY['loda', 'ocsvm']) d, generate_series(1, 20) seed, generate_series(1, 500) i GROUP BY d, seed) m,
           generate_series(1, 1000) i) s
GROUP BY d ORDER BY d;
SELECT method, d AS detector, bool_and(valid) AS valid
FROM unnest(ARRAY['iforest', 'knn', 'lof', 'pca', 'zscore', 'gmm', 'ecod']) d, (VALUES ('cross', 1000), ('split', 200)) v(method, n),
     LATERAL pg_temp.valid(jsonb_build_object('detector', d) || ad_calibrate(method => method), 1000, n)
GROUP BY d, method ORDER BY method, d;
-- how many rows are held out of few, and the least p-value of any row
SELECT n, share, method, ad_info(model) -> 'calibration' AS calibration, ad_pvalue(model, 1e9) AS least
FROM (SELECT n, share, method, ad_fit(ad_zscore() || ad_calibrate(share, method => method), a) AS model
      FROM unnest(ARRAY[1, 2, 3, 7, 8, 30]) n, unnest('{0.2,0.5}'::float8[]) share, unnest('{cross,split}'::text[]) method,
           LATERAL (SELECT a FROM normal WHERE i <= n) r GROUP BY n, share, method) m
WHERE method = 'split' OR (share = 0.2 AND n <> 7) ORDER BY method, share, n;

-- a value that half of the rows have has p of at least a half, with every detector: though a fit to other rows than those
-- held out sees a difference, and rounding makes one of values that score 0
CREATE TABLE half AS
SELECT spec, n, ad_fit(spec || ad_calibrate(method => method), i % 2 = 0) AS model
FROM unnest((SELECT array_agg(jsonb_build_object('detector', d)) FROM unnest(_anomaly._ad_detectors()) d) ||
            ARRAY[ad_kmeans(method => 'cblof'), ad_pca(components => 0.5, method => 'reconstruction'), ad_mahalanobis(robust => true),
                  ad_zscore('mad'), ad_hbos(bins => 0), ad_ocsvm(kernel => 'linear') || ad_prepare(scale => 'none'),
                  ad_ensemble(ARRAY[ad_kmeans(), ad_knn(), ad_pca(components => 0.5, method => 'reconstruction')]),
                  ad_ensemble(ARRAY[ad_zscore(), ad_iforest()], 'pvalue')]) spec,
     unnest('{split,cross}'::text[]) method, unnest('{2,10,100,999,2000}'::int[]) n, generate_series(1, n) i
WHERE method = 'split' OR n = 100 GROUP BY spec, method, n;
SELECT n, count(*) FILTER (WHERE p < 0.499) AS too_low FROM (SELECT n, ad_pvalue(model, b) AS p FROM half, (VALUES (true), (false)) v(b)) p GROUP BY n ORDER BY n;
DROP TABLE half;
-- one value in four, in any unit
SELECT detector, min(p) >= 0.25 AS fourth
FROM (SELECT detector, ad_pvalue(model, x * unit) AS p
      FROM (SELECT d AS detector, unit, ad_fit(jsonb_build_object('detector', d) || ad_prepare(scale => 'none') || ad_calibrate(), i % 4 * unit) AS model
            FROM unnest('{dbscan,inne,kmeans,knn,lof,pca,zscore}'::text[]) d, unnest('{1e-7,0.1,1e15,1e100}'::float8[]) unit,
                 generate_series(1, 400) i GROUP BY d, unit) m, generate_series(0, 3) x) p GROUP BY detector ORDER BY detector;
-- what rounding leaves of equal scores is no spread: an ensemble does not divide by it
SELECT round(max(abs(ad_score(model, x)))::numeric, 6) AS greatest, round(max(ad_score(model, 0.31))::numeric, 6) AS another
FROM (SELECT ad_fit(ad_ensemble(ARRAY[ad_kmeans(3), ad_knn(), ad_kmeans(3, restarts => 1)]) || ad_calibrate(), i % 3 * 0.1) AS model
      FROM generate_series(1, 300) i) m, (VALUES (0), (0.1), (0.2)) v(x);

-- which rows are held out depends on the rows, and not on their order or on how many there are: over fits the same ranks
-- would be, and p-values of all fits be wrong on one side
SELECT k, abs(avg(low) - k) < 3 * stddev(low) / sqrt(count(*)) + 0.005 AS valid
FROM (SELECT s, k, avg((p <= k)::int) AS low
      FROM (SELECT s, ad_pvalue(model, ad_random(21, s * 1000 + i, 'normal')) AS p
            FROM (SELECT s, ad_fit(ad_zscore() || ad_calibrate(), ad_random(20, s * 1000 + i, 'normal')) AS model
                  FROM generate_series(1, 50) s, generate_series(1, 999) i GROUP BY s) m, generate_series(1, 200) i) p,
           unnest('{0.1,0.05}'::float8[]) k GROUP BY s, k) s GROUP BY k ORDER BY k;
SELECT count(DISTINCT model) AS models
FROM (SELECT ad_fit(ad_zscore() || ad_calibrate(), a) AS model FROM normal WHERE i <= 100
      UNION ALL SELECT ad_fit(ad_zscore() || ad_calibrate(), a ORDER BY a) FROM normal WHERE i <= 100
      UNION ALL SELECT ad_fit(ad_zscore() || ad_calibrate(), a ORDER BY -i) FROM normal WHERE i <= 100) m;

-- the randomised p-value is at most k with probability k, of discrete data too; ad_pvalue is what it is at most
SELECT k, round(avg(low), 3) AS share, abs(avg(low) - k) < 3 * stddev(low) / sqrt(count(*)) AS exact
FROM (SELECT s, k, avg((p <= k)::int) AS low
      FROM (SELECT s, ad_pvalue_randomized(model, ad_random(31, s * 1000 + i), ad_random(32, s * 1000 + i) < 0.5) AS p
            FROM (SELECT s, ad_fit(ad_zscore() || ad_calibrate(), ad_random(30, s * 1000 + i) < 0.5) AS model
                  FROM generate_series(1, 100) s, generate_series(1, 200) i GROUP BY s) m, generate_series(1, 200) i) p,
           unnest('{0.5,0.1,0.01}'::float8[]) k GROUP BY s, k) s GROUP BY k ORDER BY k;
SELECT bool_and(ad_pvalue_randomized(model, 1, a, b, c) = ad_pvalue(model, a, b, c)) AS at_most,
       bool_and(ad_pvalue_randomized(model, 0, a, b, c) <= ad_pvalue_randomized(model, 0.5, a, b, c)) AS rises,
       min(ad_pvalue_randomized(model, 0, a, b, c)) AS least, count(ad_pvalue_randomized(model, NULL, a, b, c)) AS of_null
FROM models, (SELECT a, b, c FROM fresh UNION ALL SELECT 9, 9, 9) f;
SELECT ad_pvalue_randomized(model, -0.1, 1, 1, 1) FROM models;
SELECT ad_pvalue_randomized(model, 1.5, 1, 1, 1) FROM models;
SELECT ad_pvalue_randomized(model, 1.0000000000000002, 1, 1, 1) FROM models;
SELECT ad_pvalue_randomized(model, 'NaN', 1, 1, 1) FROM models;
SELECT ad_pvalue_randomized(ad_fit('zscore', a), 0.5, 1) FROM normal;

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
SELECT ad_calibrate(method => 'folds');
SELECT ad_fit(ad_zscore() || '{"calibrate": {"shares": 1}}', a) FROM normal;
SELECT ad_fit(ad_zscore() || '{"calibrate": 1}', a) FROM normal;
SELECT ad_pvalue(model, 1, 2) FROM models;
SELECT ad_pvalue(NULL::bytea, 1) IS NULL AS p, ad_is_anomaly(NULL::bytea, 1) IS NULL AS is_anomaly,
       ad_probability(NULL::bytea, 1) IS NULL AS probability;

-- a calibrated model for each of thousands of groups
SELECT method, count(*) AS groups, max(ad_pvalue(model, 50)) < CASE method WHEN 'cross' THEN 0.033 ELSE 0.143 END AS all_know_an_outlier,
       max(length(model)) < 2000 AS small
FROM (SELECT method, i % 3000 AS g, ad_fit(ad_zscore() || ad_calibrate(method => method), a) AS model
      FROM (SELECT i, ad_random(9, i, 'normal') AS a FROM generate_series(1, 90000) i) r, unnest('{cross,split}'::text[]) method GROUP BY g, method) m
GROUP BY method ORDER BY method;

-- a group of one row is no error; it says nothing of how rare a score is
SELECT d ->> 'detector' AS detector, ad_pvalue(model, 1e9) AS p, ad_threshold(model) IS NOT NULL AS threshold, ad_info(model) -> 'calibration' AS calibration
FROM (SELECT d, ad_fit(d || ad_calibrate(), a) AS model
      FROM unnest(ARRAY[ad_iforest(), ad_zscore(), ad_knn(), ad_ensemble(ARRAY[ad_ecod(), ad_loda()], 'pvalue')]) d, normal WHERE i = 1 GROUP BY d) m ORDER BY 1;

-- constant data: nothing is anomalous, all is as usual
SELECT d, ad_is_anomaly(model, 7.0) AS is_anomaly, ad_pvalue(model, 7.0) AS p, ad_probability(model, 7.0) AS probability
FROM (SELECT d, ad_fit(jsonb_build_object('detector', d) || ad_calibrate(), 7.0::float8) AS model
      FROM unnest(ARRAY['hbos', 'iforest', 'knn', 'lof', 'zscore']) d, generate_series(1, 100) GROUP BY d) m ORDER BY d;

DROP TABLE normal, fresh, models;
