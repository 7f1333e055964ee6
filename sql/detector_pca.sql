-- Principal components: equal to the definition by numpy, options, edges.
\set SHOW_CONTEXT never
\pset format unaligned

-- real data and its golden scores (test/golden/linear.py)
\set data `gzip -dc "${PG_ABS_SRCDIR:-.}/test/data/breast_cancer.csv.gz"`
\set golden `gzip -dc "${PG_ABS_SRCDIR:-.}/test/data/golden/linear_breast_cancer.csv.gz"`
CREATE TABLE pca_breast_cancer AS
SELECT n - 1 AS row, x[1:cardinality(x) - 1] AS x
FROM unnest(string_to_array(:'data', E'\n')) WITH ORDINALITY t(line, n),
     LATERAL (SELECT string_to_array(line, ',')::float8[] AS x) v
WHERE n > 1 AND line <> '';
CREATE TABLE pca_breast_cancer_golden AS
SELECT g[1] AS row, g
FROM unnest(string_to_array(:'golden', E'\n')) WITH ORDINALITY t(line, n),
     LATERAL (SELECT string_to_array(line, ',')::float8[] AS g) v
WHERE n > 1 AND line <> '';
SELECT 'pca_all' AS golden, count(*), max(abs(s - g[2]) / abs(g[2])) < 1e-9 AS equal
FROM pca_breast_cancer_golden JOIN (SELECT row, ad_outlier(ad_pca(), x) OVER () AS s FROM pca_breast_cancer) o USING (row);
SELECT 'pca_recon' AS golden, count(*), max(abs(s - g[3]) / abs(g[3])) < 1e-9 AS equal
FROM pca_breast_cancer_golden JOIN (SELECT row, ad_outlier(ad_pca(method => 'reconstruction'), x) OVER () AS s FROM pca_breast_cancer) o USING (row);
SELECT 'pca_recon3' AS golden, count(*), max(abs(s - g[4]) / abs(g[4])) < 1e-9 AS equal
FROM pca_breast_cancer_golden JOIN (SELECT row, ad_outlier(ad_pca(3, 'reconstruction'), x) OVER () AS s FROM pca_breast_cancer) o USING (row);

SELECT ad_info(ad_fit(ad_pca(0.9), x)) -> 'pca' AS leading FROM pca_breast_cancer;
-- of all components in which the rows differ one is left out, or no row would score above 0; of only one, the score is the
-- squared distance from the mean
SELECT what, components, count(DISTINCT round(s::numeric, 9)) > 40 AS differ, round(max(s)::numeric, 4) AS greatest
FROM (SELECT what, i, ad_info(m) #>> '{pca,components}' AS components, ad_score(m, x) AS s
	FROM (SELECT what, components, ad_fit(ad_pca(components, 'reconstruction'), x) AS m, array_agg(x ORDER BY i) AS xs
		FROM (SELECT what, i, CASE what WHEN 'one column' THEN ARRAY[a] WHEN 'two' THEN ARRAY[a, b] WHEN 'a constant' THEN ARRAY[a, 7]
				WHEN 'multiples' THEN ARRAY[a, 2 * a, -a] WHEN 'a sum' THEN ARRAY[a, b, a + b] ELSE ARRAY[a, b, c] END AS x
			FROM generate_series(1, 100) i, unnest('{one column,two,a constant,multiples,a sum,three}'::text[]) what,
				LATERAL (SELECT (i * 7919 % 101)::float8 AS a, (i * 104729 % 97)::float8 AS b, (i * i % 89)::float8 AS c) v) r,
			(VALUES (NULL::float8), (1), (3), (0.9999)) c(components)
		GROUP BY what, components) f, LATERAL (SELECT i, ARRAY(SELECT unnest(xs[i:i])) AS x FROM generate_series(1, 100) i) r) s
GROUP BY what, components ORDER BY what COLLATE "C", components;

-- wide enough to be factorised in steps: over the rows of the fit the squared coordinates of each component add up to
-- rows - 1; also where rows are fewer, columns are independent, equal or constant, and numbers are near the ends of their range
SELECT kind, ad_info(m) -> 'pca' -> 'components' AS components,
	round((sum / (rows - 1) / (ad_info(m) -> 'pca' ->> 'components')::int)::numeric, 9) AS unit
FROM (SELECT kind, count(*) AS rows, ad_fit(ad_pca() || ad_prepare(scale => 'none'), x) AS m, array_agg(x) AS xs
	FROM (SELECT kind, x FROM unnest(ARRAY['dense', 'few', 'independent', 'equal', 'tiny', 'huge']) kind, generate_series(1, 300) i,
			LATERAL (SELECT array_agg(CASE kind
				WHEN 'independent' THEN CASE WHEN i % 140 = g THEN 1 + g % 7 ELSE 0 END
				WHEN 'equal' THEN CASE WHEN g > 100 THEN 7 ELSE r * (1 + g % 20) END
				WHEN 'tiny' THEN r * 1e-150 WHEN 'huge' THEN r * 1e148 ELSE r * g END ORDER BY g) AS x
				FROM (SELECT g, hashint8(CASE kind WHEN 'equal' THEN i ELSE g * 7919 + i * 104729 END)::float8 / 2147483648 AS r
					FROM generate_series(1, 140) g) v) w
			WHERE kind <> 'few' OR i <= 50) t
	GROUP BY kind) f,
	LATERAL (SELECT sum(ad_score(m, ARRAY(SELECT unnest(xs[i:i])))) FROM generate_series(1, rows) i) s
ORDER BY kind;

-- no score is NaN or infinite: constant and equal columns, one column, equal rows, infinities, missing values
CREATE TABLE pca_edges AS
SELECT i, (i * 7919 % 101)::float8 AS a, 5.0::float8 AS constant, (i * 104729 % 97)::float8 AS b FROM generate_series(1, 100) i;
SELECT what, count(*), bool_and(s > '-Infinity' AND s < 'Infinity') AS finite
FROM pca_edges, (VALUES ('typical', 50, 5, 50), ('missing', NULL, NULL, NULL), ('off the constant', 50, 6, 50),
	('infinite', float8 'Infinity', 5, float8 '-Infinity'), ('infinite constant', 50, float8 '-Infinity', 50),
	('huge', 1e308, 5, -1e308), ('far', 1e200, 1e200, 1e200)) p(what, pa, pc, pb),
	LATERAL (SELECT pa::float8 AS qa, pc::float8 AS qc, pb::float8 AS qb) q,
	(SELECT ad_fit(ad_pca(), a, constant, b) AS mixed, ad_fit(ad_pca(), a, a, b) AS equal_columns,
		ad_fit(ad_pca(), a) AS one, ad_fit(ad_pca(), constant) AS constants,
		ad_fit(ad_pca(), floor(i / 10), floor(i / 10)) AS duplicates FROM pca_edges) m,
	LATERAL (VALUES (ad_score(mixed, qa, qc, qb)), (ad_score(equal_columns, qa, qc, qb)), (ad_score(one, qa)),
		(ad_score(constants, qc)), (ad_score(duplicates, qa, qb))) v(s)
WHERE i = 1 GROUP BY what ORDER BY what COLLATE "C";
-- an infinite value has the greatest score there is
SELECT ad_score(ad_fit(ad_pca(), a, b), float8 'Infinity', 1) = 1.7976931348623157e308 AS greatest FROM pca_edges;
-- the same rows in any order: the same bytes
SELECT ad_fit(ad_pca(), a, b ORDER BY i) = ad_fit(ad_pca(), a, b ORDER BY b, a DESC) AS same_bytes FROM pca_edges;
-- every instruction set: the same scores
SELECT sum(ad_score(m, a, constant, b)) AS portable INTO TEMP pca_sums FROM pca_edges, (SELECT ad_fit(ad_pca(), a, constant, b) AS m FROM pca_edges) f;
SET anomaly.simd = off;
SELECT sum(ad_score(m, a, constant, b)) = portable AS same_scores FROM pca_edges, pca_sums, (SELECT ad_fit(ad_pca(), a, constant, b) AS m FROM pca_edges) f GROUP BY portable;
SET anomaly.simd = avx2;
SELECT sum(ad_score(m, a, constant, b)) = portable AS same_scores FROM pca_edges, pca_sums, (SELECT ad_fit(ad_pca(), a, constant, b) AS m FROM pca_edges) f GROUP BY portable;
RESET anomaly.simd;

-- no score is NaN or infinite: constant and equal columns, one column, equal rows, infinities, missing values
CREATE TABLE pca_r_edges AS
SELECT i, (i * 7919 % 101)::float8 AS a, 5.0::float8 AS constant, (i * 104729 % 97)::float8 AS b FROM generate_series(1, 100) i;
SELECT what, count(*), bool_and(s > '-Infinity' AND s < 'Infinity') AS finite
FROM pca_r_edges, (VALUES ('typical', 50, 5, 50), ('missing', NULL, NULL, NULL), ('off the constant', 50, 6, 50),
	('infinite', float8 'Infinity', 5, float8 '-Infinity'), ('infinite constant', 50, float8 '-Infinity', 50),
	('huge', 1e308, 5, -1e308), ('far', 1e200, 1e200, 1e200)) p(what, pa, pc, pb),
	LATERAL (SELECT pa::float8 AS qa, pc::float8 AS qc, pb::float8 AS qb) q,
	(SELECT ad_fit(ad_pca(1, 'reconstruction'), a, constant, b) AS mixed, ad_fit(ad_pca(1, 'reconstruction'), a, a, b) AS equal_columns,
		ad_fit(ad_pca(1, 'reconstruction'), a) AS one, ad_fit(ad_pca(1, 'reconstruction'), constant) AS constants,
		ad_fit(ad_pca(1, 'reconstruction'), floor(i / 10), floor(i / 10)) AS duplicates FROM pca_r_edges) m,
	LATERAL (VALUES (ad_score(mixed, qa, qc, qb)), (ad_score(equal_columns, qa, qc, qb)), (ad_score(one, qa)),
		(ad_score(constants, qc)), (ad_score(duplicates, qa, qb))) v(s)
WHERE i = 1 GROUP BY what ORDER BY what COLLATE "C";
-- an infinite value has the greatest score there is
SELECT ad_score(ad_fit(ad_pca(1, 'reconstruction'), a, b), float8 'Infinity', 1) = 1.7976931348623157e308 AS greatest FROM pca_r_edges;
-- the same rows in any order: the same bytes
SELECT ad_fit(ad_pca(1, 'reconstruction'), a, b ORDER BY i) = ad_fit(ad_pca(1, 'reconstruction'), a, b ORDER BY b, a DESC) AS same_bytes FROM pca_r_edges;
-- every instruction set: the same scores
SELECT sum(ad_score(m, a, constant, b)) AS portable INTO TEMP pca_r_sums FROM pca_r_edges, (SELECT ad_fit(ad_pca(1, 'reconstruction'), a, constant, b) AS m FROM pca_r_edges) f;
SET anomaly.simd = off;
SELECT sum(ad_score(m, a, constant, b)) = portable AS same_scores FROM pca_r_edges, pca_r_sums, (SELECT ad_fit(ad_pca(1, 'reconstruction'), a, constant, b) AS m FROM pca_r_edges) f GROUP BY portable;
SET anomaly.simd = avx2;
SELECT sum(ad_score(m, a, constant, b)) = portable AS same_scores FROM pca_r_edges, pca_r_sums, (SELECT ad_fit(ad_pca(1, 'reconstruction'), a, constant, b) AS m FROM pca_r_edges) f GROUP BY portable;
RESET anomaly.simd;

SELECT ad_pca(0);
SELECT ad_pca(2.5);
SELECT ad_fit(ad_pca(2.5), a, b) FROM pca_edges;
-- no more components than columns, or than there are axes between rows
SELECT ad_info(ad_fit(ad_pca(3), a, b)) #> '{pca,components}' AS columns,
       ad_info(ad_fit(ad_pca(3, 'reconstruction'), a, b, i * i) FILTER (WHERE i <= 2)) #> '{pca,components}' AS two_rows
FROM pca_edges;
SELECT ad_pca(method => 'weigthed');
SELECT method, ad_info(m) #> '{pca,components}' AS components, ad_score(m, 1, 2) AS same, ad_score(m, 4, 2) AS other
FROM unnest(ARRAY['weighted', 'reconstruction']) method, LATERAL (SELECT ad_fit(ad_pca(method => method), i, 2 * i) AS m FROM generate_series(1, 1) i) f;
SELECT ad_fit(ad_pca() || ad_prepare(scale => 'none'), i * 1e306, i) FROM generate_series(1, 100) i;
SELECT ad_fit(ad_pca(), array_fill(i % 7, ARRAY[2049])::float8[]) FROM generate_series(1, 10) i;
