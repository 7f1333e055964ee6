-- Mahalanobis distance: equal to EmpiricalCovariance and MinCovDet, singular cases.
\set SHOW_CONTEXT never
\pset format unaligned

-- real data and its golden scores (test/golden/linear.py)
\set data `gzip -dc "${PG_ABS_SRCDIR:-.}/test/data/breast_cancer.csv.gz"`
\set golden `gzip -dc "${PG_ABS_SRCDIR:-.}/test/data/golden/linear_breast_cancer.csv.gz"`
CREATE TABLE maha_breast_cancer AS
SELECT n - 1 AS row, x[1:cardinality(x) - 1] AS x
FROM unnest(string_to_array(:'data', E'\n')) WITH ORDINALITY t(line, n),
     LATERAL (SELECT string_to_array(line, ',')::float8[] AS x) v
WHERE n > 1 AND line <> '';
CREATE TABLE maha_breast_cancer_golden AS
SELECT g[1] AS row, g
FROM unnest(string_to_array(:'golden', E'\n')) WITH ORDINALITY t(line, n),
     LATERAL (SELECT string_to_array(line, ',')::float8[] AS g) v
WHERE n > 1 AND line <> '';
\set data `gzip -dc "${PG_ABS_SRCDIR:-.}/test/data/satellite.csv.gz"`
\set golden `gzip -dc "${PG_ABS_SRCDIR:-.}/test/data/golden/linear_satellite.csv.gz"`
CREATE TABLE maha_satellite AS
SELECT n - 1 AS row, x[1:cardinality(x) - 1] AS x
FROM unnest(string_to_array(:'data', E'\n')) WITH ORDINALITY t(line, n),
     LATERAL (SELECT string_to_array(line, ',')::float8[] AS x) v
WHERE n > 1 AND line <> '';
CREATE TABLE maha_satellite_golden AS
SELECT g[1] AS row, g
FROM unnest(string_to_array(:'golden', E'\n')) WITH ORDINALITY t(line, n),
     LATERAL (SELECT string_to_array(line, ',')::float8[] AS g) v
WHERE n > 1 AND line <> '';
SELECT 'mahalanobis' AS golden, count(*), max(abs(s - g[5]) / abs(g[5])) < 1e-9 AS equal
FROM maha_breast_cancer_golden JOIN (SELECT row, ad_outlier(ad_mahalanobis(), x) OVER () AS s FROM maha_breast_cancer) o USING (row);
SELECT 'mahalanobis' AS golden, count(*), max(abs(s - g[5]) / abs(g[5])) < 1e-9 AS equal
FROM maha_satellite_golden JOIN (SELECT row, ad_outlier(ad_mahalanobis(), x[17:20]) OVER () AS s FROM maha_satellite WHERE row % 5 = 1) o USING (row);
SELECT 'mcd' AS golden, count(*), max(abs(s - g[2]) / abs(g[2])) < 1e-9 AS equal
FROM maha_satellite_golden JOIN (SELECT row, ad_outlier(ad_mahalanobis(robust => true), x[17:20]) OVER () AS s FROM maha_satellite WHERE row % 5 = 1) o USING (row);

SELECT ad_info(ad_fit(ad_mahalanobis(), x)) -> 'mahalanobis' AS classical FROM maha_breast_cancer;
SELECT ad_info(ad_fit(ad_mahalanobis(true), x[17:20])) -> 'mahalanobis' AS robust FROM maha_satellite WHERE row % 5 = 1;
-- another seed finds the same subset
SELECT max(abs(s - g[2]) / g[2]) < 1e-9 AS equal
FROM maha_satellite_golden JOIN (SELECT row, ad_outlier(ad_mahalanobis(true) || ad_sampling(seed => 7), x[17:20]) OVER () AS s
	FROM maha_satellite WHERE row % 5 = 1) o USING (row);
-- a tenth of the rows far away: they hide from the classical distance
CREATE TABLE masked AS SELECT i, CASE WHEN i <= 20 THEN 100 ELSE 0 END + sin(i) AS a, cos(i * 2) AS b, i <= 20 AS anomaly FROM generate_series(1, 200) i;
SELECT anomaly, round(min(c)::numeric, 1) AS least, round(max(c)::numeric, 1) AS greatest, min(r) > 1000 AS robust_far
FROM (SELECT anomaly, ad_outlier(ad_mahalanobis(), a, b) OVER () AS c, ad_outlier(ad_mahalanobis(true), a, b) OVER () AS r FROM masked) o
GROUP BY anomaly ORDER BY anomaly;
-- more than half of the rows on a line: rows off it are far, not infinitely so
SELECT anomaly, bool_and(s < 1e12) AS finite, bool_and(s > 1000) AS far
FROM (SELECT i % 10 = 0 AS anomaly, ad_outlier(ad_mahalanobis(true), i, CASE WHEN i % 10 = 0 THEN 2 * i + 500 ELSE 2 * i END) OVER () AS s
	FROM generate_series(1, 200) i) o GROUP BY anomaly ORDER BY anomaly;

-- no score is NaN or infinite: constant and equal columns, one column, equal rows, infinities, missing values
CREATE TABLE maha_edges AS
SELECT i, (i * 7919 % 101)::float8 AS a, 5.0::float8 AS constant, (i * 104729 % 97)::float8 AS b FROM generate_series(1, 100) i;
SELECT what, count(*), bool_and(s > '-Infinity' AND s < 'Infinity') AS finite
FROM maha_edges, (VALUES ('typical', 50, 5, 50), ('missing', NULL, NULL, NULL), ('off the constant', 50, 6, 50),
	('infinite', float8 'Infinity', 5, float8 '-Infinity'), ('infinite constant', 50, float8 '-Infinity', 50),
	('huge', 1e308, 5, -1e308), ('far', 1e200, 1e200, 1e200)) p(what, pa, pc, pb),
	LATERAL (SELECT pa::float8 AS qa, pc::float8 AS qc, pb::float8 AS qb) q,
	(SELECT ad_fit(ad_mahalanobis(), a, constant, b) AS mixed, ad_fit(ad_mahalanobis(), a, a, b) AS equal_columns,
		ad_fit(ad_mahalanobis(), a) AS one, ad_fit(ad_mahalanobis(), constant) AS constants,
		ad_fit(ad_mahalanobis(), floor(i / 10), floor(i / 10)) AS duplicates FROM maha_edges) m,
	LATERAL (VALUES (ad_score(mixed, qa, qc, qb)), (ad_score(equal_columns, qa, qc, qb)), (ad_score(one, qa)),
		(ad_score(constants, qc)), (ad_score(duplicates, qa, qb))) v(s)
WHERE i = 1 GROUP BY what ORDER BY what COLLATE "C";
-- an infinite value has the greatest score there is
SELECT ad_score(ad_fit(ad_mahalanobis(), a, b), float8 'Infinity', 1) = 1.7976931348623157e308 AS greatest FROM maha_edges;
-- the same rows in any order: the same bytes
SELECT ad_fit(ad_mahalanobis(), a, b ORDER BY i) = ad_fit(ad_mahalanobis(), a, b ORDER BY b, a DESC) AS same_bytes FROM maha_edges;
-- every instruction set: the same scores
SELECT sum(ad_score(m, a, constant, b)) AS portable INTO TEMP maha_sums FROM maha_edges, (SELECT ad_fit(ad_mahalanobis(), a, constant, b) AS m FROM maha_edges) f;
SET anomaly.simd = off;
SELECT sum(ad_score(m, a, constant, b)) = portable AS same_scores FROM maha_edges, maha_sums, (SELECT ad_fit(ad_mahalanobis(), a, constant, b) AS m FROM maha_edges) f GROUP BY portable;
SET anomaly.simd = avx2;
SELECT sum(ad_score(m, a, constant, b)) = portable AS same_scores FROM maha_edges, maha_sums, (SELECT ad_fit(ad_mahalanobis(), a, constant, b) AS m FROM maha_edges) f GROUP BY portable;
RESET anomaly.simd;

-- no score is NaN or infinite: constant and equal columns, one column, equal rows, infinities, missing values
CREATE TABLE mcd_edges AS
SELECT i, (i * 7919 % 101)::float8 AS a, 5.0::float8 AS constant, (i * 104729 % 97)::float8 AS b FROM generate_series(1, 100) i;
SELECT what, count(*), bool_and(s > '-Infinity' AND s < 'Infinity') AS finite
FROM mcd_edges, (VALUES ('typical', 50, 5, 50), ('missing', NULL, NULL, NULL), ('off the constant', 50, 6, 50),
	('infinite', float8 'Infinity', 5, float8 '-Infinity'), ('infinite constant', 50, float8 '-Infinity', 50),
	('huge', 1e308, 5, -1e308), ('far', 1e200, 1e200, 1e200)) p(what, pa, pc, pb),
	LATERAL (SELECT pa::float8 AS qa, pc::float8 AS qc, pb::float8 AS qb) q,
	(SELECT ad_fit(ad_mahalanobis(true), a, constant, b) AS mixed, ad_fit(ad_mahalanobis(true), a, a, b) AS equal_columns,
		ad_fit(ad_mahalanobis(true), a) AS one, ad_fit(ad_mahalanobis(true), constant) AS constants,
		ad_fit(ad_mahalanobis(true), floor(i / 10), floor(i / 10)) AS duplicates FROM mcd_edges) m,
	LATERAL (VALUES (ad_score(mixed, qa, qc, qb)), (ad_score(equal_columns, qa, qc, qb)), (ad_score(one, qa)),
		(ad_score(constants, qc)), (ad_score(duplicates, qa, qb))) v(s)
WHERE i = 1 GROUP BY what ORDER BY what COLLATE "C";
-- an infinite value has the greatest score there is
SELECT ad_score(ad_fit(ad_mahalanobis(true), a, b), float8 'Infinity', 1) = 1.7976931348623157e308 AS greatest FROM mcd_edges;
-- the same rows in any order: the same bytes
SELECT ad_fit(ad_mahalanobis(true), a, b ORDER BY i) = ad_fit(ad_mahalanobis(true), a, b ORDER BY b, a DESC) AS same_bytes FROM mcd_edges;
-- every instruction set: the same scores
SELECT sum(ad_score(m, a, constant, b)) AS portable INTO TEMP mcd_sums FROM mcd_edges, (SELECT ad_fit(ad_mahalanobis(true), a, constant, b) AS m FROM mcd_edges) f;
SET anomaly.simd = off;
SELECT sum(ad_score(m, a, constant, b)) = portable AS same_scores FROM mcd_edges, mcd_sums, (SELECT ad_fit(ad_mahalanobis(true), a, constant, b) AS m FROM mcd_edges) f GROUP BY portable;
SET anomaly.simd = avx2;
SELECT sum(ad_score(m, a, constant, b)) = portable AS same_scores FROM mcd_edges, mcd_sums, (SELECT ad_fit(ad_mahalanobis(true), a, constant, b) AS m FROM mcd_edges) f GROUP BY portable;
RESET anomaly.simd;

-- of one row the place is known
SELECT robust, ad_info(m) #> '{mahalanobis,rank}' AS rank, ad_score(m, 1) AS same, ad_score(m, 4) AS other
FROM unnest(ARRAY[false, true]) robust, LATERAL (SELECT ad_fit(ad_mahalanobis(robust), i) AS m FROM generate_series(1, 1) i) f;
SELECT ad_score(ad_fit(ad_mahalanobis(true), x, 14.62), 0.07, 14.62) AS equal_rows FROM unnest(array_fill(0.07, ARRAY[1000])) x;
SELECT ad_mahalanobis(robust => NULL);
SELECT ad_fit(ad_mahalanobis(), i * 1e306, i) FROM generate_series(1, 100) i;
SELECT ad_fit(ad_mahalanobis(true), array_fill((i * i) % 7, ARRAY[513])::float8[]) FROM generate_series(1, 10) i;
