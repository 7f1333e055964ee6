-- Gaussian mixture: equal to scikit-learn's GaussianMixture.
\set SHOW_CONTEXT never
\pset format unaligned

-- real data and its golden scores (test/golden/linear.py)
\set data `gzip -dc "${PG_ABS_SRCDIR:-.}/test/data/satellite.csv.gz"`
\set golden `gzip -dc "${PG_ABS_SRCDIR:-.}/test/data/golden/linear_satellite.csv.gz"`
CREATE TABLE gmm_satellite AS
SELECT n - 1 AS row, x[1:cardinality(x) - 1] AS x
FROM unnest(string_to_array(:'data', E'\n')) WITH ORDINALITY t(line, n),
     LATERAL (SELECT string_to_array(line, ',')::float8[] AS x) v
WHERE n > 1 AND line <> '';
CREATE TABLE gmm_satellite_golden AS
SELECT g[1] AS row, g
FROM unnest(string_to_array(:'golden', E'\n')) WITH ORDINALITY t(line, n),
     LATERAL (SELECT string_to_array(line, ',')::float8[] AS g) v
WHERE n > 1 AND line <> '';
SELECT 'gmm1' AS golden, count(*), max(abs(s - g[3]) / abs(g[3])) < 1e-9 AS equal
FROM gmm_satellite_golden JOIN (SELECT row, ad_outlier(ad_gmm(), x[17:20]) OVER () AS s FROM gmm_satellite WHERE row % 5 = 1) o USING (row);
SELECT 'gmm3' AS golden, count(*), max(abs(s - g[4]) / abs(g[4])) < 1e-9 AS equal
FROM gmm_satellite_golden JOIN (SELECT row, ad_outlier(ad_gmm(3, init => 'first'), x[17:20]) OVER () AS s FROM gmm_satellite WHERE row % 5 = 1) o USING (row);

SELECT ad_info(ad_fit(ad_gmm(3, init => 'first'), x[17:20])) -> 'gmm' AS mixture FROM gmm_satellite WHERE row % 5 = 1;
-- more starts are never worse
SELECT (ad_info(ad_fit(ad_gmm(5, restarts => 5), x[17:20])) #>> '{gmm,mean_log_likelihood}')::float8 >=
	(ad_info(ad_fit(ad_gmm(5), x[17:20])) #>> '{gmm,mean_log_likelihood}')::float8 AS not_worse FROM gmm_satellite WHERE row % 5 = 1;

-- no score is NaN or infinite: constant and equal columns, one column, equal rows, infinities, missing values
CREATE TABLE gmm_edges AS
SELECT i, (i * 7919 % 101)::float8 AS a, 5.0::float8 AS constant, (i * 104729 % 97)::float8 AS b FROM generate_series(1, 100) i;
SELECT what, count(*), bool_and(s > '-Infinity' AND s < 'Infinity') AS finite
FROM gmm_edges, (VALUES ('typical', 50, 5, 50), ('missing', NULL, NULL, NULL), ('off the constant', 50, 6, 50),
	('infinite', float8 'Infinity', 5, float8 '-Infinity'), ('infinite constant', 50, float8 '-Infinity', 50),
	('huge', 1e308, 5, -1e308), ('far', 1e200, 1e200, 1e200)) p(what, pa, pc, pb),
	LATERAL (SELECT pa::float8 AS qa, pc::float8 AS qc, pb::float8 AS qb) q,
	(SELECT ad_fit(ad_gmm(), a, constant, b) AS mixed, ad_fit(ad_gmm(), a, a, b) AS equal_columns,
		ad_fit(ad_gmm(), a) AS one, ad_fit(ad_gmm(), constant) AS constants,
		ad_fit(ad_gmm(), floor(i / 10), floor(i / 10)) AS duplicates FROM gmm_edges) m,
	LATERAL (VALUES (ad_score(mixed, qa, qc, qb)), (ad_score(equal_columns, qa, qc, qb)), (ad_score(one, qa)),
		(ad_score(constants, qc)), (ad_score(duplicates, qa, qb))) v(s)
WHERE i = 1 GROUP BY what ORDER BY what COLLATE "C";
-- an infinite value has the greatest score there is
SELECT ad_score(ad_fit(ad_gmm(), a, b), float8 'Infinity', 1) = 1.7976931348623157e308 AS greatest FROM gmm_edges;
-- the same rows in any order: the same bytes
SELECT ad_fit(ad_gmm(), a, b ORDER BY i) = ad_fit(ad_gmm(), a, b ORDER BY b, a DESC) AS same_bytes FROM gmm_edges;
-- every instruction set: the same scores
SELECT sum(ad_score(m, a, constant, b)) AS portable INTO TEMP gmm_sums FROM gmm_edges, (SELECT ad_fit(ad_gmm(), a, constant, b) AS m FROM gmm_edges) f;
SET anomaly.simd = off;
SELECT sum(ad_score(m, a, constant, b)) = portable AS same_scores FROM gmm_edges, gmm_sums, (SELECT ad_fit(ad_gmm(), a, constant, b) AS m FROM gmm_edges) f GROUP BY portable;
SET anomaly.simd = avx2;
SELECT sum(ad_score(m, a, constant, b)) = portable AS same_scores FROM gmm_edges, gmm_sums, (SELECT ad_fit(ad_gmm(), a, constant, b) AS m FROM gmm_edges) f GROUP BY portable;
RESET anomaly.simd;

-- no score is NaN or infinite: constant and equal columns, one column, equal rows, infinities, missing values
CREATE TABLE gmm4_edges AS
SELECT i, (i * 7919 % 101)::float8 AS a, 5.0::float8 AS constant, (i * 104729 % 97)::float8 AS b FROM generate_series(1, 100) i;
SELECT what, count(*), bool_and(s > '-Infinity' AND s < 'Infinity') AS finite
FROM gmm4_edges, (VALUES ('typical', 50, 5, 50), ('missing', NULL, NULL, NULL), ('off the constant', 50, 6, 50),
	('infinite', float8 'Infinity', 5, float8 '-Infinity'), ('infinite constant', 50, float8 '-Infinity', 50),
	('huge', 1e308, 5, -1e308), ('far', 1e200, 1e200, 1e200)) p(what, pa, pc, pb),
	LATERAL (SELECT pa::float8 AS qa, pc::float8 AS qc, pb::float8 AS qb) q,
	(SELECT ad_fit(ad_gmm(4), a, constant, b) AS mixed, ad_fit(ad_gmm(4), a, a, b) AS equal_columns,
		ad_fit(ad_gmm(4), a) AS one, ad_fit(ad_gmm(4), constant) AS constants,
		ad_fit(ad_gmm(4), floor(i / 10), floor(i / 10)) AS duplicates FROM gmm4_edges) m,
	LATERAL (VALUES (ad_score(mixed, qa, qc, qb)), (ad_score(equal_columns, qa, qc, qb)), (ad_score(one, qa)),
		(ad_score(constants, qc)), (ad_score(duplicates, qa, qb))) v(s)
WHERE i = 1 GROUP BY what ORDER BY what COLLATE "C";
-- an infinite value has the greatest score there is
SELECT ad_score(ad_fit(ad_gmm(4), a, b), float8 'Infinity', 1) = 1.7976931348623157e308 AS greatest FROM gmm4_edges;
-- the same rows in any order: the same bytes
SELECT ad_fit(ad_gmm(4), a, b ORDER BY i) = ad_fit(ad_gmm(4), a, b ORDER BY b, a DESC) AS same_bytes FROM gmm4_edges;
-- every instruction set: the same scores
SELECT sum(ad_score(m, a, constant, b)) AS portable INTO TEMP gmm4_sums FROM gmm4_edges, (SELECT ad_fit(ad_gmm(4), a, constant, b) AS m FROM gmm4_edges) f;
SET anomaly.simd = off;
SELECT sum(ad_score(m, a, constant, b)) = portable AS same_scores FROM gmm4_edges, gmm4_sums, (SELECT ad_fit(ad_gmm(4), a, constant, b) AS m FROM gmm4_edges) f GROUP BY portable;
SET anomaly.simd = avx2;
SELECT sum(ad_score(m, a, constant, b)) = portable AS same_scores FROM gmm4_edges, gmm4_sums, (SELECT ad_fit(ad_gmm(4), a, constant, b) AS m FROM gmm4_edges) f GROUP BY portable;
RESET anomaly.simd;

-- no more components than rows
SELECT ad_info(ad_fit(ad_gmm(3), i)) #> '{gmm,components}' AS components FROM generate_series(1, 2) i;
SELECT ad_gmm(components => 0);
SELECT ad_gmm(tol => -1);
-- a singular covariance gets a little of each variance
SELECT round(ad_score(ad_fit(ad_gmm(reg_covar => 0), a, a), 50, 50)) AS along,
       round(ad_score(ad_fit(ad_gmm(reg_covar => 0), a, a), 50, 51)) AS off
FROM gmm_edges;
SELECT ad_fit(ad_gmm(1000), array_fill((i * i) % 7, ARRAY[500])::float8[]) FROM generate_series(1, 1001) i;
SELECT ad_fit(ad_gmm() || ad_prepare(scale => 'none'), i * 1e306, i) FROM generate_series(1, 100) i;
