-- ad_prepare(reduce => …): principal components in place of columns, for every detector.
\set SHOW_CONTEXT never
\pset format unaligned

-- eight columns, of which three things are the cause
CREATE TABLE wide AS
SELECT i, ARRAY[a, b, c, a + b, a - b, b + c, a + c, 2 * a + 0.01 * ad_random(4, i, 'normal')] AS x, (ARRAY['red', 'green', 'blue'])[1 + i % 3] AS colour,
       timestamp '2025-01-01' + i * interval '1 hour' AS at
FROM generate_series(1, 600) i, LATERAL (SELECT ad_random(1, i, 'normal') AS a, 3 * ad_random(2, i, 'normal') AS b, ad_random(3, i, 'normal') AS c) v;
CREATE TABLE detectors AS SELECT name, jsonb_build_object('detector', name) AS spec FROM unnest(_anomaly._ad_detectors()) name
UNION ALL VALUES ('ensemble', ad_ensemble(ARRAY[ad_iforest(), ad_pca(), ad_ecod()]));

-- the components and the share of the variance that they hold
SELECT asked, ad_info(m) -> 'columns' AS columns, ad_info(m) #> '{reduction,components}' AS components,
       round((ad_info(m) #>> '{reduction,explained_variance}')::numeric, 4) AS share, ad_info(m) #> '{spec,prepare,reduce}' AS said
FROM (VALUES (1), (2), (3), (8), (100), (0.5), (0.9), (0.99999)) o(asked), LATERAL (SELECT ad_fit(ad_zscore() || ad_prepare(reduce => asked), x) AS m FROM wide) f;
-- equal to the definition: scores by hand, along axes that pca finds; all components hold all distances
SELECT max(abs(p - w)) < 1e-9 AS pca, max(abs(k - n)) < 1e-9 AS distances
FROM (SELECT ad_score(a, x) AS p, ad_score(b, x) AS w, ad_score(c, x[1:3]) AS k, ad_score(d, x[1:3]) AS n FROM wide,
	(SELECT ad_fit(ad_pca(2), x) AS a, ad_fit(ad_pca() || ad_prepare(reduce => 2), x) AS b,
		ad_fit(ad_knn(5), x[1:3]) AS c, ad_fit(ad_knn(5) || ad_prepare(reduce => 3), x[1:3]) AS d FROM wide) f) s;

-- every detector: finite scores of ordinary, far, infinite, missing and unseen values; p-values, explanations that add up, the
-- same bytes in any order; an ensemble's members reduce, and it does not
CREATE TABLE models AS
SELECT name, spec, ad_fit(spec || ad_prepare(reduce => 0.9, calendar => true) || ad_calibrate(), x[1], x[2], x[4], x[5], x[8], colour, at) AS m,
       ad_fit(spec || ad_prepare(reduce => 0.9, calendar => true) || ad_calibrate(), x[1], x[2], x[4], x[5], x[8], colour, at ORDER BY x[3], i) AS other
FROM wide, detectors GROUP BY name, spec;
CREATE TABLE probes AS
SELECT 'usual' AS what, 0.1::float8 AS a, 0.2::float8 AS b, 0.3::float8 AS ab, -0.1::float8 AS ba, 0.2::float8 AS aa, 'red' AS colour, timestamp '2025-01-10 12:00' AS at
UNION ALL SELECT what, a, b, ab, ba, aa, colour, at::timestamp FROM (VALUES ('far', 50::float8, -70::float8, -20::float8, 120::float8, 100::float8, 'red', '2025-01-10 12:00'), ('infinite', 'Infinity', 0.2, 'Infinity', '-Infinity', 0.2, 'blue', '2025-01-10'),
	('against', 'Infinity', 'Infinity', 0, 0, '-Infinity', 'blue', 'infinity'), ('missing', NULL, NULL, 0.3, -0.1, NULL, NULL, NULL),
	('unseen', 0.1, 0.2, 0.3, -0.1, 0.2, 'black', '2030-01-01'), ('huge', 1e308, -1e308, 1e308, 1e300, 1e308, 'green', '2025-01-10')) v(what, a, b, ab, ba, aa, colour, at);
SELECT name, m = other AS same_bytes, bool_and(s > '-Infinity' AND s < 'Infinity') AS finite, bool_and(p > 0 AND p <= 1) AS p_values,
       min(s) FILTER (WHERE what = 'far') >= max(s) FILTER (WHERE what = 'usual') AS far_is_far
FROM models, probes, LATERAL (SELECT ad_score(m, a, b, ab, ba, aa, colour, at) AS s, ad_pvalue(m, a, b, ab, ba, aa, colour, at) AS p) v
GROUP BY name, m, other ORDER BY name;
SELECT name, max(abs(difference - first)) < 1e-9 * max(size) AS adds_up
FROM (SELECT name, method, score - sum AS difference, first_value(score - sum) OVER (PARTITION BY name, method ORDER BY what) AS first, size
	FROM models, probes, unnest('{shap,path}'::text[]) method, LATERAL (SELECT ad_score(m, a, b, ab, ba, aa, colour, at) AS score) s,
		LATERAL (SELECT sum(contribution) AS sum, max(abs(contribution)) + 1 AS size
			FROM ad_explain(m, jsonb_build_object('method', method), a, b, ab, ba, aa, colour, at)) e
	WHERE what IN ('usual', 'far', 'missing', 'unseen')) d GROUP BY name ORDER BY name;
SELECT name, ad_info(m) -> 'reduction' IS NOT NULL AS reduced, jsonb_path_query_array(ad_info(m), '$.members[*].reduction.components') AS members
FROM models WHERE name IN ('ensemble', 'knn') ORDER BY name;
-- explained in the features: what breaks what the others have in common
SELECT method, (SELECT array_agg(feature ORDER BY abs(contribution) DESC, feature) FROM ad_explain(m, jsonb_build_object('method', method), 0, 0, 0, 0, 9)) AS first
FROM (SELECT ad_fit(ad_mahalanobis() || ad_prepare(reduce => 2), x[1], x[2], x[4], x[5], x[8]) AS m FROM wide) f, unnest('{shap,path}'::text[]) method;

-- the scores of in-sample rows, and of the same instructions
SELECT d, max(abs(o - s)) < 1e-9 AS in_sample
FROM (SELECT d, ad_outlier(jsonb_build_object('detector', d) || ad_prepare(reduce => 3), x) OVER (PARTITION BY d) AS o,
	ad_score((SELECT ad_fit(jsonb_build_object('detector', d) || ad_prepare(reduce => 3), x) FROM wide), x) AS s
	FROM wide, unnest('{knn,pca,iforest,ecod}'::text[]) d) q GROUP BY d ORDER BY d;
SELECT sum(ad_score(m, x)) AS widest INTO TEMP sums FROM wide, (SELECT ad_fit(ad_knn() || ad_prepare(reduce => 3), x) AS m FROM wide) f;
SET anomaly.simd = off;
SELECT sum(ad_score(m, x)) = widest AS same FROM wide, sums, (SELECT ad_fit(ad_knn() || ad_prepare(reduce => 3), x) AS m FROM wide) f GROUP BY widest;
RESET anomaly.simd;
-- an offset of whole numbers changes nothing: the signs of the axes are those of the rows
SELECT max(abs(ad_score(m, a, b) - ad_score(n, a + 1099511627776, b))) < 1e-9 AS same
FROM (SELECT ad_fit(ad_iforest(20) || ad_prepare(reduce => 2), a, b) AS m, ad_fit(ad_iforest(20) || ad_prepare(reduce => 2), a + 1099511627776, b) AS n
	FROM generate_series(1, 100) i, LATERAL (SELECT i * 37::bigint % 101 AS a, i * i * 7 % 97 AS b) v) f,
	generate_series(1, 100) i, LATERAL (SELECT i * 37::bigint % 101 AS a, i * i * 7 % 97 AS b) v;
-- rows that a model holds become short
SELECT (ad_info(ad_fit(ad_knn(), x)) ->> 'bytes')::int / 1024 AS kb, (ad_info(ad_fit(ad_knn() || ad_prepare(reduce => 2), x)) ->> 'bytes')::int / 1024 AS reduced_kb FROM wide;
-- values beyond all of the fit count as they do without
SELECT ad_score(m, ARRAY[1000, 0, 0, 0, 0, 0, 0, 0]) > ad_score(m, ARRAY[100, 0, 0, 0, 0, 0, 0, 0]) AS counts
FROM (SELECT ad_fit(ad_ecod() || ad_prepare(reduce => 2, beyond_range => true), x) AS m FROM wide) f;

-- edges: one row, equal rows, one column, columns without values, few rows
SELECT what, ad_info(m) #> '{reduction}' AS reduction, ad_score(m, 1, 2) < 'Infinity' AS finite
FROM (SELECT what, ad_fit(ad_kmeans() || ad_prepare(reduce => 0.9), a, b) AS m
	FROM (VALUES ('one row', 1, 1, 2), ('equal', 9, 0, 0), ('nothing', 9, NULL, NULL), ('half nothing', 9, 1, NULL), ('two rows', 2, 1, 1)) e(what, n, fa, fb),
		generate_series(1, n) i, LATERAL (SELECT fa * i AS a, fb * i AS b) v GROUP BY what) f ORDER BY what COLLATE "C";
SELECT ad_info(ad_fit(ad_iforest() || ad_prepare(reduce => 5), i)) -> 'reduction' AS one_column FROM generate_series(1, 50) i;
-- equal rows, of which every direction is as good as another, are scored by all columns as without
SELECT d, ad_info(m) -> 'reduction' IS NULL AS none, ad_score(m, 5, 6, 8) = ad_score(plain, 5, 6, 8) AS one, ad_score(m, 5, 9, 7) = ad_score(plain, 5, 9, 7) AS three,
       ad_score(m, 50, 6, 7) = ad_score(plain, 50, 6, 7) AS many
FROM (SELECT d, ad_fit(jsonb_build_object('detector', d) || ad_prepare(reduce => 2), 5, 6, 7) AS m,
		ad_fit(jsonb_build_object('detector', d) || ad_prepare(scale => 'standard'), 5, 6, 7) AS plain
	FROM unnest(_anomaly._ad_detectors() || '{auto}'::text[]) d, generate_series(1, 20) GROUP BY d) f ORDER BY d;
SELECT n, ad_score(m, 5, 6, 8) AS one, ad_score(m, 5, 9, 7) AS three, ad_score(m, 50, 6, 7) AS many
FROM (SELECT n, ad_fit(ad_knn() || ad_prepare(reduce => r), 5, 6, 7) AS m FROM (VALUES (1, 2), (20, 1), (21, 0.5)) e(n, r), generate_series(1, n) GROUP BY n, r) f ORDER BY n;
SELECT ad_prepare(reduce => 0);
SELECT ad_prepare(reduce => 1.5);
SELECT ad_prepare(reduce => 2049);
SELECT ad_prepare(reduce => 'NaN');
SELECT ad_fit(ad_iforest() || ad_prepare(reduce => 2, scale => 'none'), i * 1e306, i) FROM generate_series(1, 100) i;
SELECT ad_fit(ad_iforest() || ad_prepare(reduce => 2), array_fill(i % 7, ARRAY[2049])::float8[]) FROM generate_series(1, 10) i;
DROP TABLE wide, models;
