-- Detectors that look at columns one by one: zscore (also MAD and IQR), hbos,
-- ecod, copod; and at the edges of values loda, which has its own test besides.
\set SHOW_CONTEXT never
\pset format unaligned

-- scores that numpy and scipy made from the definitions (test/golden/univariate.py)
\set glass `gzip -dc "${PG_ABS_SRCDIR:-.}/test/data/glass.csv.gz"`
\set ionosphere `gzip -dc "${PG_ABS_SRCDIR:-.}/test/data/ionosphere.csv.gz"`
CREATE TABLE rows AS
SELECT dataset, (n - 1)::int AS i, row[1:cardinality(row) - 1] AS x
FROM (VALUES ('glass', :'glass'), ('ionosphere', :'ionosphere')) f(dataset, csv),
     regexp_split_to_table(csv, E'\n') WITH ORDINALITY l(line, n),
     LATERAL (SELECT string_to_array(line, ',', '')::float8[] AS row OFFSET 0) r
WHERE n > 1 AND line <> '';
\set golden `gzip -dc "${PG_ABS_SRCDIR:-.}/test/data/golden/univariate.csv.gz"`
CREATE TABLE golden AS
WITH lines AS (
	SELECT string_to_array(line, ',') AS f, n
	FROM regexp_split_to_table(:'golden', E'\n') WITH ORDINALITY l(line, n) WHERE line <> '')
SELECT l.f[1] AS dataset, l.f[2]::int AS i, h.f[k] AS col, l.f[k]::float8 AS expected
FROM lines l, (SELECT f FROM lines WHERE n = 1) h, generate_series(3, cardinality(h.f)) k
WHERE l.n > 1;
CREATE FUNCTION pg_temp.differ(float8, float8) RETURNS boolean LANGUAGE sql AS
	'SELECT $1 IS NULL OR abs($1 - $2) > 1e-9 * greatest(abs($2), 1e-3)';

-- fitted to all rows of a set, or to the first half; all are scored
SELECT c.name, c.col, dataset, count(*) AS rows,
       count(*) FILTER (WHERE pg_temp.differ(ad_score(model, x), expected)) AS differ
FROM (VALUES
		('zscore', 'zscore_max', ad_zscore(), false),
		('zscore', 'zscore_mean', ad_zscore(combine => 'mean'), false),
		('zscore', 'mad', ad_zscore('mad', zero_spread => 'skip'), false),
		('zscore', 'mad_mean', ad_zscore('mad', zero_spread => 'mean'), false),
		('zscore', 'iqr', ad_zscore('iqr', zero_spread => 'skip'), false),
		('zscore', 'iqr_mean', ad_zscore('iqr', zero_spread => 'mean'), false),
		('hbos', 'hbos', ad_hbos(), false),
		('hbos', 'hbos_pyod', ad_hbos(counting => 'pyod'), false),
		('hbos', 'hbos_auto', ad_hbos(0), false),
		('hbos', 'hbos_half', ad_hbos(), true),
		('hbos', 'hbos_pyod_half', ad_hbos(7, 0.5, 0.1, 'pyod'), true),
		('ecod', 'ecod', ad_ecod(), false),
		('ecod', 'ecod_half', ad_ecod(), true),
		('ecod', 'paper', ad_ecod('paper'), false),
		('ecod', 'paper_half', ad_ecod('paper'), true),
		('copod', 'copod', ad_copod(), false),
		('copod', 'copod_half', ad_copod(), true),
		('copod', 'paper', ad_copod('paper'), false),
		('copod', 'paper_half', ad_copod('paper'), true)) c(name, col, spec, half)
     CROSS JOIN LATERAL (
		SELECT dataset, ad_fit(spec, x) FILTER (WHERE NOT half OR i <= n / 2) AS model
		FROM rows JOIN (SELECT dataset, count(*) AS n FROM rows GROUP BY dataset) s USING (dataset)
		GROUP BY dataset) m
     JOIN rows USING (dataset) JOIN golden g USING (dataset, i)
WHERE g.col = c.col GROUP BY c.name, c.col, dataset ORDER BY c.name, c.col, dataset;
-- in-sample
SELECT c.col, dataset, count(*) AS rows, count(*) FILTER (WHERE pg_temp.differ(score, expected)) AS differ
FROM (VALUES ('zscore_max', ad_zscore()), ('hbos', ad_hbos()), ('ecod', ad_ecod()), ('copod', ad_copod())) c(col, spec)
     CROSS JOIN LATERAL (
		SELECT dataset, i, ad_outlier(spec, x) OVER (PARTITION BY dataset) AS score FROM rows) o
     JOIN golden g USING (dataset, i)
WHERE g.col = c.col GROUP BY c.col, dataset ORDER BY c.col, dataset;

-- What is missing, infinite, beyond: against 1 to 9. Constant: against nine
-- sevens, a one beside each. Single: against one seven.
CREATE TABLE spec AS SELECT * FROM (VALUES
	(1, 'zscore', ad_zscore()),
	(2, 'mad', ad_zscore('mad')),
	(3, 'iqr', ad_zscore('iqr', 'mean')),
	(4, 'hbos', ad_hbos()),
	(5, 'hbos pyod', ad_hbos(0, counting => 'pyod')),
	(6, 'ecod', ad_ecod()),
	(7, 'ecod paper', ad_ecod('paper')),
	(8, 'copod', ad_copod()),
	(9, 'copod paper', ad_copod('paper')),
	(10, 'loda', ad_loda()),
	(11, 'loda random', ad_loda(widths => 'random', bins => 5))) s(n, name, spec);
CREATE VIEW edge AS
SELECT n, name, round(least(score, 1e6)::numeric, 6) AS score, part, o,
       form || ' ' || coalesce(v::text, 'NULL') AS value
FROM (
	SELECT n, name, ad_score(m, v) AS score, 1 AS part, o, 'varied' AS form, v
	FROM (SELECT n, name, ad_fit(spec, i::float8) AS m FROM spec, generate_series(1, 9) i GROUP BY n, name) f,
	     unnest('{NULL, NaN, -Infinity, -1e308, 0, 0.9, 1, 5, 9, 9.1, 1e308, Infinity}'::float8[]) WITH ORDINALITY u(v, o)
	UNION ALL
	SELECT n, name, ad_score(m, v, 1), 2, o, 'constant', v
	FROM (SELECT n, name, ad_fit(spec, 7.0::float8, 1) AS m FROM spec, generate_series(1, 9) i GROUP BY n, name) f,
	     unnest('{7, 8, Infinity, NULL}'::float8[]) WITH ORDINALITY u(v, o)
	UNION ALL
	SELECT n, name, ad_score(m, v), 3, o, 'single', v
	FROM (SELECT n, name, ad_fit(spec, 7.0::float8) AS m FROM spec GROUP BY n, name) f,
	     unnest('{7, 8, -Infinity}'::float8[]) WITH ORDINALITY u(v, o)) s;
\pset format aligned
SELECT value, name, score, n FROM edge WHERE n <= 5 ORDER BY part, o, n
\crosstabview value name score n
SELECT value, name, score, n FROM edge WHERE n > 5 ORDER BY part, o, n
\crosstabview value name score n
\pset format unaligned
-- numbers whose distance is not a float8: hbos refuses them (spec_magnitude)
SELECT name, v, ad_score(m, v) AS not_finite
FROM (SELECT name, ad_fit(spec, CASE i WHEN 1 THEN -1.7e308 WHEN 2 THEN 1.7e308 ELSE i END::float8) AS m
      FROM spec, generate_series(1, 50) i WHERE spec ->> 'detector' <> 'hbos' GROUP BY name) f,
     unnest('{-Infinity, -1.7e308, 0, 1e308, 1.7e308, Infinity}'::float8[]) v
WHERE ad_score(m, v) BETWEEN -1e301 AND 1e301 IS NOT TRUE;

-- zscore: a column that varies though its MAD is 0 is left out, or measured by its mean deviation
SELECT zero_spread, round(ad_score(m, 10)::numeric, 6) AS score, ad_info(m) -> 'zscore' AS info
FROM (SELECT zero_spread, ad_fit(ad_zscore('mad', zero_spread => zero_spread), CASE WHEN i = 1 THEN 10 ELSE 0 END) AS m
      FROM generate_series(1, 10) i, unnest('{skip,mean}'::text[]) zero_spread GROUP BY zero_spread) f ORDER BY 1;

-- by default it is measured, so that columns of which most values are equal tell their outliers
SELECT method, ad_score(m, 10) > 3 * ad_score(m, 1) AS told FROM unnest('{mad,iqr}'::text[]) method,
	LATERAL (SELECT ad_fit(ad_zscore(method), CASE WHEN i <= 20 THEN i % 2 ELSE 0 END) AS m FROM generate_series(1, 100) i) f;
-- hbos: automatic bins of few rows: the row that is alone scores highest; whole numbers, a heavy tail, copies
SELECT n, what, ad_info(m) #>> '{hbos,bins}' AS bins, ad_score(m, far) > (SELECT max(ad_score(m, v)) FROM unnest(vs) v WHERE v < far) AS told
FROM (SELECT n, what, max(v) AS far, ad_fit(ad_hbos(bins => 0), v ORDER BY i) AS m, array_agg(v) AS vs
	FROM unnest('{4,20,50,100,199}'::int[]) n, unnest('{copies,tail,whole}'::text[]) what, generate_series(1, n) i,
		LATERAL (SELECT CASE WHEN i = n THEN 40 WHEN what = 'copies' THEN 0 WHEN what = 'whole' THEN i % 5 ELSE (i::float8 / n) ^ -0.5 END) r(v)
	WHERE what <> 'tail' OR n < 40 GROUP BY n, what) f ORDER BY n, what;
-- a few absurd values do not hide themselves, nor what is rare among the others: at either end, at both, beside equal values; PyOD's are alike
SELECT counting, bins, count(*) FILTER (WHERE ad_score(m, far) > ad_score(m, 9) + 0.001 AND ad_score(m, 9) > ad_score(m, 5)) AS told, count(*)
FROM (SELECT counting, bins, far, ad_fit(ad_hbos(bins, counting => counting), CASE WHEN i > k THEN (i * 37 % 101 + i * 53 % 97) / 20.0 WHEN ends AND i % 2 = 0 THEN -far ELSE far END) AS m
	FROM unnest('{0,10,50}'::int[]) bins, unnest('{99999,-1e6,1e140,60}'::float8[]) far, unnest('{consistent,pyod}'::text[]) counting, unnest('{1,5,8}'::int[]) k, unnest('{f,t}'::boolean[]) ends, generate_series(1, 1000) i
	GROUP BY counting, bins, far, k, ends) f GROUP BY counting, bins ORDER BY counting, bins;
SELECT n, ad_info(m) #>> '{hbos,bins}' AS bins, ad_score(m, 1e6) > 3 AS told, ad_score(m, 7) < -2 AS usual FROM unnest('{10,1000}'::int[]) n,
	LATERAL (SELECT ad_fit(ad_hbos(), CASE i WHEN 1 THEN 1e6 ELSE 7 END) AS m FROM generate_series(1, n) i) f;
-- PyOD's number of bins, if it is followed
SELECT ad_info(ad_fit(ad_hbos(0, counting => 'pyod'), i)) #>> '{hbos,bins}' AS pyod, ad_info(ad_fit(ad_hbos(0), i)) #>> '{hbos,bins}' AS bins FROM generate_series(1, 20) i;
-- ecod on axes, too: of two columns they are the sum and the difference of what is standardised; what is odd only in the combination is told
CREATE TABLE turned AS
SELECT i, x, y, (x - avg(x) OVER ()) / stddev_pop(x) OVER () + (y - avg(y) OVER ()) / stddev_pop(y) OVER () AS plus,
       (x - avg(x) OVER ()) / stddev_pop(x) OVER () - (y - avg(y) OVER ()) / stddev_pop(y) OVER () AS minus
FROM generate_series(0, 400) i, LATERAL (SELECT ad_random(1, i, 'normal') AS z) a,
     LATERAL (SELECT CASE i WHEN 0 THEN 1.5 ELSE z END AS x, CASE i WHEN 0 THEN -7 ELSE 5 * z + ad_random(2, i, 'normal') END AS y) b;
SELECT variant, max(abs(r - p - q)) FILTER (WHERE variant = 'dimensionwise') < 1e-9 AS by_hand,
       count(*) FILTER (WHERE r >= r0) < 40 AS told, count(*) FILTER (WHERE p >= p0) < 40 AS plainly
FROM (SELECT variant, ad_score(rotated, x, y) AS r, ad_score(plain, x, y) AS p, ad_score(axes, plus, minus) AS q,
		ad_score(rotated, 1.5, -7) AS r0, ad_score(plain, 1.5, -7) AS p0
	FROM turned, (SELECT variant, ad_fit(ad_ecod(variant, rotate => true), x, y) AS rotated, ad_fit(ad_ecod(variant), x, y) AS plain, ad_fit(ad_ecod(variant), plus, minus) AS axes
		FROM turned, unnest('{dimensionwise,paper}'::text[]) variant GROUP BY variant) f) s GROUP BY variant;
-- in any order, unit and place; contributions are of columns and add up; far, infinite and missing values, constants and equal rows
SELECT ad_fit(ad_ecod(rotate => true), x, y ORDER BY i) = ad_fit(ad_ecod(rotate => true), x, y ORDER BY y) AS same_bytes FROM turned;
SELECT max(abs(ad_score(m, x, y) - ad_score(n, x * 1024 + 4096, y / 64))) < 1e-9 AS unit_and_place
FROM turned, (SELECT ad_fit(ad_ecod(rotate => true), x, y) AS m, ad_fit(ad_ecod(rotate => true), x * 1024 + 4096, y / 64) AS n FROM turned) f;
SELECT what, variant, ad_info(m) #> '{ecod,axes}' AS axes, bool_and(s > '-Infinity' AND s < 'Infinity') AS finite, max(s - sum) - min(s - sum) < 1e-9 AS adds_up
FROM (SELECT what, variant, ad_fit(ad_ecod(variant, true), a, b, c) AS m
	FROM unnest('{dimensionwise,paper}'::text[]) variant, (VALUES ('mixed', 100), ('constant', 100), ('equal', 100), ('huge', 100), ('one row', 1)) k(what, n), generate_series(1, n) i,
		LATERAL (SELECT CASE what WHEN 'equal' THEN 3 WHEN 'huge' THEN i * 1e306 ELSE i END::float8 AS a, CASE what WHEN 'equal' THEN 4 ELSE i * i END::float8 AS b,
			CASE what WHEN 'mixed' THEN i * 7 % 13 ELSE 5 END::float8 AS c) v GROUP BY what, variant) f,
	(VALUES (1::float8, 2::float8, 5::float8), (-1e308, 1e308, 1e308), ('Infinity', '-Infinity', 'Infinity'), (NULL, NULL, NULL)) p(a, b, c),
	LATERAL (SELECT ad_score(m, a, b, c) AS s) v, LATERAL (SELECT sum(contribution) FROM ad_explain(m, a, b, c)) e GROUP BY what, variant, m ORDER BY what, variant;
SET anomaly.simd = off;
SELECT sum(ad_score(m, x, y)) AS portable INTO TEMP turned_sum FROM turned, (SELECT ad_fit(ad_ecod(rotate => true), x, y) AS m FROM turned) f;
RESET anomaly.simd;
SELECT sum(ad_score(m, x, y)) = portable AS same FROM turned, turned_sum, (SELECT ad_fit(ad_ecod(rotate => true), x, y) AS m FROM turned) f GROUP BY portable;
-- hbos: on an inner edge: counted on its right, by PyOD looked up on its left
SELECT counting, v, round(ad_score(m, v)::numeric, 6) AS score
FROM (SELECT counting, ad_fit(ad_hbos(2, counting => counting), x) AS m
      FROM unnest('{0, 1, 1, 1, 2}'::float8[]) x, unnest('{consistent,pyod}'::text[]) counting GROUP BY counting) f,
     unnest('{0, 0.9, 1, 1.1, 2}'::float8[]) v ORDER BY 1, 2;
SELECT ad_info(ad_fit(ad_hbos(b), i, i * i)) -> 'hbos' AS info
FROM generate_series(1, 100) i, unnest('{0, 1, 10000}'::int[]) b GROUP BY b ORDER BY b;

-- ecod, copod: a row's score depends on the model alone: with what it is scored does not matter
SELECT d, count(*) FILTER (WHERE alone <> together) AS differ
FROM (SELECT d, ad_score(model, x) AS together, (SELECT ad_score(model, r.x)) AS alone
      FROM rows r, (SELECT d, ad_fit(d, x) AS model FROM rows, unnest('{ecod,copod}'::text[]) d
                    WHERE dataset = 'glass' AND i <= 100 GROUP BY d) m WHERE dataset = 'glass') s GROUP BY d ORDER BY d;
-- an unseen category is rarer than all that were seen
SELECT d, ad_score(m, 'new') > ad_score(m, 'c') AND ad_score(m, 'c') > ad_score(m, 'a') AS rarer
FROM (SELECT d, ad_fit(d, CASE WHEN i = 1 THEN 'c' WHEN i % 2 = 0 THEN 'b' ELSE 'a' END) AS m
      FROM generate_series(1, 101) i, unnest('{ecod,copod}'::text[]) d GROUP BY d) f ORDER BY d;
SELECT d, ad_info(ad_fit(d, i, i % 10)) -> d AS info
FROM generate_series(1, 100) i, unnest('{ecod,copod}'::text[]) d GROUP BY d ORDER BY d;

-- options
SELECT ad_zscore(), ad_hbos(), ad_ecod(), ad_copod();
SELECT ad_zscore('modified');
SELECT ad_zscore(combine => 'sum');
SELECT ad_fit('{"detector": "zscore", "metod": "mad"}'::jsonb, 1);
SELECT ad_hbos(-1);
SELECT ad_hbos(alpha => 0);
SELECT ad_hbos(tol => 2);
SELECT ad_hbos(counting => 'numpy');
SELECT ad_ecod('max');
SELECT ad_copod('max');

DROP VIEW edge;
DROP TABLE rows, golden, spec;
