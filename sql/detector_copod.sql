-- COPOD: tails of empirical distribution functions.
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
FROM (VALUES ('copod', ad_copod(), false),
             ('copod_half', ad_copod(), true),
             ('paper', ad_copod('paper'), false),
             ('paper_half', ad_copod('paper'), true)) c(col, spec, half)
     CROSS JOIN LATERAL (SELECT dataset, ad_fit(spec, x) FILTER (WHERE NOT half OR i <= n / 2) AS model
                         FROM rows JOIN (SELECT dataset, count(*) AS n FROM rows GROUP BY dataset) s USING (dataset)
                         GROUP BY dataset) m
     JOIN rows USING (dataset) JOIN golden g USING (dataset, i)
WHERE g.col = c.col GROUP BY c.col, dataset ORDER BY c.col, dataset;
-- in-sample
SELECT dataset, count(*) FILTER (WHERE pg_temp.differ(score, expected)) AS differ
FROM (SELECT dataset, i, ad_outlier(ad_copod(), x) OVER (PARTITION BY dataset) AS score FROM rows) o
     JOIN golden USING (dataset, i) WHERE col = 'copod' GROUP BY dataset ORDER BY dataset;

-- what is missing, infinite, beyond, constant, single
SELECT v, round(least(ad_score(m, v), 1e6)::numeric, 6) AS score
FROM (SELECT ad_fit(ad_copod(), i::float8) AS m FROM generate_series(1, 9) i) f,
     unnest('{NULL, NaN, -Infinity, -1e308, 0, 0.9, 1, 5, 9, 9.1, 1e308, Infinity}'::float8[]) v;
SELECT v, round(least(ad_score(m, v, 1), 1e6)::numeric, 6) AS score
FROM (SELECT ad_fit(ad_copod(), 7.0::float8, 1) AS m FROM generate_series(1, 9) i) f, unnest('{7, 8, Infinity, NULL}'::float8[]) v;
SELECT v, round(least(ad_score(m, v), 1e6)::numeric, 6) AS score
FROM (SELECT ad_fit(ad_copod(), 7.0::float8) AS m) f, unnest('{7, 8, -Infinity}'::float8[]) v;
-- numbers whose distance is not a float8
SELECT v, ad_score(m, v) BETWEEN -1e301 AND 1e301 AS finite
FROM (SELECT ad_fit(ad_copod(), CASE i WHEN 1 THEN -1.7e308 WHEN 2 THEN 1.7e308 ELSE i END::float8) AS m FROM generate_series(1, 50) i) f,
     unnest('{-Infinity, -1.7e308, 0, 1e308, 1.7e308, Infinity}'::float8[]) v;

-- what is missing, infinite, beyond, constant, single
SELECT v, round(least(ad_score(m, v), 1e6)::numeric, 6) AS score
FROM (SELECT ad_fit(ad_copod('paper'), i::float8) AS m FROM generate_series(1, 9) i) f,
     unnest('{NULL, NaN, -Infinity, -1e308, 0, 0.9, 1, 5, 9, 9.1, 1e308, Infinity}'::float8[]) v;
SELECT v, round(least(ad_score(m, v, 1), 1e6)::numeric, 6) AS score
FROM (SELECT ad_fit(ad_copod('paper'), 7.0::float8, 1) AS m FROM generate_series(1, 9) i) f, unnest('{7, 8, Infinity, NULL}'::float8[]) v;
SELECT v, round(least(ad_score(m, v), 1e6)::numeric, 6) AS score
FROM (SELECT ad_fit(ad_copod('paper'), 7.0::float8) AS m) f, unnest('{7, 8, -Infinity}'::float8[]) v;
-- numbers whose distance is not a float8
SELECT v, ad_score(m, v) BETWEEN -1e301 AND 1e301 AS finite
FROM (SELECT ad_fit(ad_copod('paper'), CASE i WHEN 1 THEN -1.7e308 WHEN 2 THEN 1.7e308 ELSE i END::float8) AS m FROM generate_series(1, 50) i) f,
     unnest('{-Infinity, -1.7e308, 0, 1e308, 1.7e308, Infinity}'::float8[]) v;

-- a row's score depends on the model alone: with what it is scored does not matter
SELECT count(*) FILTER (WHERE alone <> together) AS differ
FROM (SELECT ad_score(model, x) AS together, (SELECT ad_score(model, r.x)) AS alone
      FROM rows r, (SELECT ad_fit('copod', x) AS model FROM rows WHERE dataset = 'glass' AND i <= 100) m WHERE dataset = 'glass') s;
-- an unseen category is rarer than all that were seen
SELECT ad_score(m, 'new') > ad_score(m, 'c') AND ad_score(m, 'c') > ad_score(m, 'a') AS rarer
FROM (SELECT ad_fit('copod', CASE WHEN i = 1 THEN 'c' WHEN i % 2 = 0 THEN 'b' ELSE 'a' END) AS m FROM generate_series(1, 101) i) f;
SELECT ad_info(ad_fit('copod', i, i % 10)) -> 'copod' AS info FROM generate_series(1, 100) i;

-- options
SELECT ad_copod();
SELECT ad_copod('max');

DROP TABLE rows, golden;
