-- k-means and CBLOF: equal to scikit-learn's KMeans and PyOD's CBLOF.
\set SHOW_CONTEXT never
\pset format unaligned

-- real data and its golden scores (test/golden/linear.py)
\set data `gzip -dc "${PG_ABS_SRCDIR:-.}/test/data/breast_cancer.csv.gz"`
\set golden `gzip -dc "${PG_ABS_SRCDIR:-.}/test/data/golden/linear_breast_cancer.csv.gz"`
CREATE TABLE kmeans_breast_cancer AS
SELECT n - 1 AS row, x[1:cardinality(x) - 1] AS x
FROM unnest(string_to_array(:'data', E'\n')) WITH ORDINALITY t(line, n),
     LATERAL (SELECT string_to_array(line, ',')::float8[] AS x) v
WHERE n > 1 AND line <> '';
CREATE TABLE kmeans_breast_cancer_golden AS
SELECT g[1] AS row, g
FROM unnest(string_to_array(:'golden', E'\n')) WITH ORDINALITY t(line, n),
     LATERAL (SELECT string_to_array(line, ',')::float8[] AS g) v
WHERE n > 1 AND line <> '';
SELECT 'kmeans' AS golden, count(*), max(abs(s - g[6]) / greatest(g[6], 1e-3)) < 1e-9 AS equal
FROM kmeans_breast_cancer_golden JOIN (SELECT row, ad_outlier(ad_kmeans(init => 'first', tol => 0), x) OVER () AS s FROM kmeans_breast_cancer) o USING (row);
SELECT 'cblof' AS golden, count(*), max(abs(s - g[7]) / greatest(g[7], 1e-3)) < 1e-9 AS equal
FROM kmeans_breast_cancer_golden JOIN (SELECT row, ad_outlier(ad_kmeans(init => 'first', tol => 0, method => 'cblof'), x) OVER () AS s FROM kmeans_breast_cancer) o USING (row);
SELECT 'cblof_w' AS golden, count(*), max(abs(s - g[8]) / greatest(g[8], 1e-3)) < 1e-9 AS equal
FROM kmeans_breast_cancer_golden JOIN (SELECT row, ad_outlier(ad_kmeans(init => 'first', tol => 0, method => 'cblof', use_weights => true), x) OVER () AS s FROM kmeans_breast_cancer) o USING (row);

SELECT ad_info(ad_fit(ad_kmeans(init => 'first', tol => 0, method => 'cblof'), x)) -> 'kmeans' AS cblof FROM kmeans_breast_cancer;
-- two clusters that nobody can miss, one ten times as wide: their spread matters when asked for
CREATE TABLE blobs AS SELECT CASE WHEN i % 2 = 0 THEN sin(i) ELSE 1000 + 10 * sin(i) END AS a FROM generate_series(1, 400) i;
SELECT scale, round(ad_score(m, 3)::numeric, 3) AS near_narrow, round(ad_score(m, 1003)::numeric, 3) AS near_wide
FROM (SELECT scale, ad_fit(ad_kmeans(2, scale_by_spread => scale) || ad_prepare(scale => 'none'), a) AS m
	FROM blobs, (VALUES (false), (true)) v(scale) GROUP BY scale) f ORDER BY scale;
-- fewer distinct rows than clusters: one each
SELECT ad_info(ad_fit(ad_kmeans(8), i % 3)) -> 'kmeans' AS three FROM generate_series(1, 90) i;
SELECT ad_info(ad_fit(ad_kmeans(8, init => 'first'), i % 3)) -> 'kmeans' AS three FROM generate_series(1, 90) i;

-- no score is NaN or infinite: constant and equal columns, one column, equal rows, infinities, missing values
CREATE TABLE kmeans_edges AS
SELECT i, (i * 7919 % 101)::float8 AS a, 5.0::float8 AS constant, (i * 104729 % 97)::float8 AS b FROM generate_series(1, 100) i;
SELECT what, count(*), bool_and(s > '-Infinity' AND s < 'Infinity') AS finite
FROM kmeans_edges, (VALUES ('typical', 50, 5, 50), ('missing', NULL, NULL, NULL), ('off the constant', 50, 6, 50),
	('infinite', float8 'Infinity', 5, float8 '-Infinity'), ('infinite constant', 50, float8 '-Infinity', 50),
	('huge', 1e308, 5, -1e308), ('far', 1e200, 1e200, 1e200)) p(what, pa, pc, pb),
	LATERAL (SELECT pa::float8 AS qa, pc::float8 AS qc, pb::float8 AS qb) q,
	(SELECT ad_fit(ad_kmeans(), a, constant, b) AS mixed, ad_fit(ad_kmeans(), a, a, b) AS equal_columns,
		ad_fit(ad_kmeans(), a) AS one, ad_fit(ad_kmeans(), constant) AS constants,
		ad_fit(ad_kmeans(), floor(i / 10), floor(i / 10)) AS duplicates FROM kmeans_edges) m,
	LATERAL (VALUES (ad_score(mixed, qa, qc, qb)), (ad_score(equal_columns, qa, qc, qb)), (ad_score(one, qa)),
		(ad_score(constants, qc)), (ad_score(duplicates, qa, qb))) v(s)
WHERE i = 1 GROUP BY what ORDER BY what COLLATE "C";
-- an infinite value has the greatest score there is
SELECT ad_score(ad_fit(ad_kmeans(), a, b), float8 'Infinity', 1) = 1.7976931348623157e308 AS greatest FROM kmeans_edges;
-- the same rows in any order: the same bytes
SELECT ad_fit(ad_kmeans(), a, b ORDER BY i) = ad_fit(ad_kmeans(), a, b ORDER BY b, a DESC) AS same_bytes FROM kmeans_edges;
-- every instruction set: the same scores
SELECT sum(ad_score(m, a, constant, b)) AS portable INTO TEMP kmeans_sums FROM kmeans_edges, (SELECT ad_fit(ad_kmeans(), a, constant, b) AS m FROM kmeans_edges) f;
SET anomaly.simd = off;
SELECT sum(ad_score(m, a, constant, b)) = portable AS same_scores FROM kmeans_edges, kmeans_sums, (SELECT ad_fit(ad_kmeans(), a, constant, b) AS m FROM kmeans_edges) f GROUP BY portable;
SET anomaly.simd = avx2;
SELECT sum(ad_score(m, a, constant, b)) = portable AS same_scores FROM kmeans_edges, kmeans_sums, (SELECT ad_fit(ad_kmeans(), a, constant, b) AS m FROM kmeans_edges) f GROUP BY portable;
RESET anomaly.simd;

-- no score is NaN or infinite: constant and equal columns, one column, equal rows, infinities, missing values
CREATE TABLE cblof_edges AS
SELECT i, (i * 7919 % 101)::float8 AS a, 5.0::float8 AS constant, (i * 104729 % 97)::float8 AS b FROM generate_series(1, 100) i;
SELECT what, count(*), bool_and(s > '-Infinity' AND s < 'Infinity') AS finite
FROM cblof_edges, (VALUES ('typical', 50, 5, 50), ('missing', NULL, NULL, NULL), ('off the constant', 50, 6, 50),
	('infinite', float8 'Infinity', 5, float8 '-Infinity'), ('infinite constant', 50, float8 '-Infinity', 50),
	('huge', 1e308, 5, -1e308), ('far', 1e200, 1e200, 1e200)) p(what, pa, pc, pb),
	LATERAL (SELECT pa::float8 AS qa, pc::float8 AS qc, pb::float8 AS qb) q,
	(SELECT ad_fit(ad_kmeans(method => 'cblof', use_weights => true), a, constant, b) AS mixed, ad_fit(ad_kmeans(method => 'cblof', use_weights => true), a, a, b) AS equal_columns,
		ad_fit(ad_kmeans(method => 'cblof', use_weights => true), a) AS one, ad_fit(ad_kmeans(method => 'cblof', use_weights => true), constant) AS constants,
		ad_fit(ad_kmeans(method => 'cblof', use_weights => true), floor(i / 10), floor(i / 10)) AS duplicates FROM cblof_edges) m,
	LATERAL (VALUES (ad_score(mixed, qa, qc, qb)), (ad_score(equal_columns, qa, qc, qb)), (ad_score(one, qa)),
		(ad_score(constants, qc)), (ad_score(duplicates, qa, qb))) v(s)
WHERE i = 1 GROUP BY what ORDER BY what COLLATE "C";
-- an infinite value has the greatest score there is
SELECT ad_score(ad_fit(ad_kmeans(method => 'cblof', use_weights => true), a, b), float8 'Infinity', 1) = 1.7976931348623157e308 AS greatest FROM cblof_edges;
-- the same rows in any order: the same bytes
SELECT ad_fit(ad_kmeans(method => 'cblof', use_weights => true), a, b ORDER BY i) = ad_fit(ad_kmeans(method => 'cblof', use_weights => true), a, b ORDER BY b, a DESC) AS same_bytes FROM cblof_edges;
-- every instruction set: the same scores
SELECT sum(ad_score(m, a, constant, b)) AS portable INTO TEMP cblof_sums FROM cblof_edges, (SELECT ad_fit(ad_kmeans(method => 'cblof', use_weights => true), a, constant, b) AS m FROM cblof_edges) f;
SET anomaly.simd = off;
SELECT sum(ad_score(m, a, constant, b)) = portable AS same_scores FROM cblof_edges, cblof_sums, (SELECT ad_fit(ad_kmeans(method => 'cblof', use_weights => true), a, constant, b) AS m FROM cblof_edges) f GROUP BY portable;
SET anomaly.simd = avx2;
SELECT sum(ad_score(m, a, constant, b)) = portable AS same_scores FROM cblof_edges, cblof_sums, (SELECT ad_fit(ad_kmeans(method => 'cblof', use_weights => true), a, constant, b) AS m FROM cblof_edges) f GROUP BY portable;
RESET anomaly.simd;

-- no more clusters than rows
SELECT ad_info(ad_fit(ad_kmeans(), i)) #> '{kmeans,clusters}' AS clusters FROM generate_series(1, 7) i;
SELECT ad_kmeans(clusters => 0);
SELECT ad_kmeans(alpha => 0.4);
SELECT ad_kmeans(beta => 0.5);
SELECT ad_kmeans(init => 'last');
SELECT ad_fit(ad_kmeans() || ad_prepare(scale => 'none'), i * 1e306, i) FROM generate_series(1, 100) i;
