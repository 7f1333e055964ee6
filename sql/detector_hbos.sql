-- The histogram-based outlier score.
\set SHOW_CONTEXT never
\pset format unaligned

-- scores that numpy and scipy made from the definitions (test/golden/univariate.py)
\set glass `gzip -dc "${PG_ABS_SRCDIR:-.}/test/data/glass.csv.gz"`
\set ionosphere `gzip -dc "${PG_ABS_SRCDIR:-.}/test/data/ionosphere.csv.gz"`
CREATE TABLE rows AS
SELECT dataset, (n - 1)::int AS i, row[1:cardinality(row) - 1] AS x, row[cardinality(row)] = 1 AS anomaly
FROM (VALUES ('glass', :'glass'), ('ionosphere', :'ionosphere')) f(dataset, csv),
     regexp_split_to_table(csv, E'\n') WITH ORDINALITY l(line, n),
     LATERAL (SELECT string_to_array(line, ',', '')::float8[] AS row OFFSET 0) r
WHERE n > 1 AND line <> '';
\set golden `gzip -dc "${PG_ABS_SRCDIR:-.}/test/data/golden/univariate.csv.gz"`
CREATE TABLE golden AS
WITH lines AS (SELECT string_to_array(line, ',') AS f, n FROM regexp_split_to_table(:'golden', E'\n') WITH ORDINALITY l(line, n) WHERE line <> '')
SELECT l.f[1] AS dataset, l.f[2]::int AS i, h.f[k] AS col, l.f[k]::float8 AS expected
FROM lines l, (SELECT f FROM lines WHERE n = 1) h, generate_series(3, cardinality(h.f)) k WHERE l.n > 1;
CREATE FUNCTION pg_temp.differ(float8, float8) RETURNS boolean LANGUAGE sql AS
	'SELECT $1 IS NULL OR abs($1 - $2) > 1e-9 * greatest(abs($2), 1e-3)';
SELECT c.col, dataset, count(*) AS rows, count(*) FILTER (WHERE pg_temp.differ(ad_score(model, x), expected)) AS differ
FROM (VALUES ('hbos', ad_hbos(), false),
             ('hbos_pyod', ad_hbos(counting => 'pyod'), false),
             ('hbos_auto', ad_hbos(0), false),
             ('hbos_half', ad_hbos(), true),
             ('hbos_pyod_half', ad_hbos(7, 0.5, 0.1, 'pyod'), true)) c(col, spec, half)
     CROSS JOIN LATERAL (SELECT dataset, ad_fit(spec, x) FILTER (WHERE NOT half OR i <= n / 2) AS model
                         FROM rows JOIN (SELECT dataset, count(*) AS n FROM rows GROUP BY dataset) s USING (dataset)
                         GROUP BY dataset) m
     JOIN rows USING (dataset) JOIN golden g USING (dataset, i)
WHERE g.col = c.col GROUP BY c.col, dataset ORDER BY c.col, dataset;
-- in-sample
SELECT dataset, count(*) FILTER (WHERE pg_temp.differ(score, expected)) AS differ
FROM (SELECT dataset, i, ad_outlier(ad_hbos(), x) OVER (PARTITION BY dataset) AS score FROM rows) o
     JOIN golden USING (dataset, i) WHERE col = 'hbos' GROUP BY dataset ORDER BY dataset;

-- what is missing, infinite, beyond, constant, single
SELECT v, round(least(ad_score(m, v), 1e6)::numeric, 6) AS score
FROM (SELECT ad_fit(ad_hbos(), i::float8) AS m FROM generate_series(1, 9) i) f,
     unnest('{NULL, NaN, -Infinity, -1e308, 0, 0.9, 1, 5, 9, 9.1, 1e308, Infinity}'::float8[]) v;
SELECT v, round(least(ad_score(m, v, 1), 1e6)::numeric, 6) AS score
FROM (SELECT ad_fit(ad_hbos(), 7.0::float8, 1) AS m FROM generate_series(1, 9) i) f, unnest('{7, 8, Infinity, NULL}'::float8[]) v;
SELECT v, round(least(ad_score(m, v), 1e6)::numeric, 6) AS score
FROM (SELECT ad_fit(ad_hbos(), 7.0::float8) AS m) f, unnest('{7, 8, -Infinity}'::float8[]) v;
-- numbers whose distance is not a float8
SELECT v, ad_score(m, v) BETWEEN -1e301 AND 1e301 AS finite
FROM (SELECT ad_fit(ad_hbos(), CASE i WHEN 1 THEN -1.7e308 WHEN 2 THEN 1.7e308 ELSE i END::float8) AS m FROM generate_series(1, 50) i) f,
     unnest('{-Infinity, -1.7e308, 0, 1e308, 1.7e308, Infinity}'::float8[]) v;

-- what is missing, infinite, beyond, constant, single
SELECT v, round(least(ad_score(m, v), 1e6)::numeric, 6) AS score
FROM (SELECT ad_fit(ad_hbos(0, counting => 'pyod'), i::float8) AS m FROM generate_series(1, 9) i) f,
     unnest('{NULL, NaN, -Infinity, -1e308, 0, 0.9, 1, 5, 9, 9.1, 1e308, Infinity}'::float8[]) v;
SELECT v, round(least(ad_score(m, v, 1), 1e6)::numeric, 6) AS score
FROM (SELECT ad_fit(ad_hbos(0, counting => 'pyod'), 7.0::float8, 1) AS m FROM generate_series(1, 9) i) f, unnest('{7, 8, Infinity, NULL}'::float8[]) v;
SELECT v, round(least(ad_score(m, v), 1e6)::numeric, 6) AS score
FROM (SELECT ad_fit(ad_hbos(0, counting => 'pyod'), 7.0::float8) AS m) f, unnest('{7, 8, -Infinity}'::float8[]) v;
-- numbers whose distance is not a float8
SELECT v, ad_score(m, v) BETWEEN -1e301 AND 1e301 AS finite
FROM (SELECT ad_fit(ad_hbos(0, counting => 'pyod'), CASE i WHEN 1 THEN -1.7e308 WHEN 2 THEN 1.7e308 ELSE i END::float8) AS m FROM generate_series(1, 50) i) f,
     unnest('{-Infinity, -1.7e308, 0, 1e308, 1.7e308, Infinity}'::float8[]) v;

-- on an inner edge: counted on its right, by PyOD looked up on its left
SELECT counting, v, round(ad_score(m, v)::numeric, 6) AS score
FROM (SELECT counting, ad_fit(ad_hbos(2, counting => counting), x) AS m
      FROM unnest('{0, 1, 1, 1, 2}'::float8[]) x, unnest('{consistent,pyod}'::text[]) counting GROUP BY counting) f,
     unnest('{0, 0.9, 1, 1.1, 2}'::float8[]) v ORDER BY 1, 2;
SELECT ad_info(ad_fit(ad_hbos(b), i, i * i)) -> 'hbos' AS info FROM generate_series(1, 100) i, unnest('{0, 1, 10000}'::int[]) b GROUP BY b ORDER BY b;

-- options
SELECT ad_hbos();
SELECT ad_hbos(-1);
SELECT ad_hbos(alpha => 0);
SELECT ad_hbos(tol => 2);
SELECT ad_hbos(counting => 'numpy');

DROP TABLE rows, golden;
