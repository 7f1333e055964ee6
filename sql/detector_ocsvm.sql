-- The one-class support vector machine: equal to scikit-learn
-- (test/golden/other.py), its approximate form, and what it does at the edges.
\set SHOW_CONTEXT never
\pset format unaligned

\set glass `gzip -dc "${PG_ABS_SRCDIR:-.}/test/data/glass.csv.gz"`
\set ionosphere `gzip -dc "${PG_ABS_SRCDIR:-.}/test/data/ionosphere.csv.gz"`
\set golden `gzip -dc "${PG_ABS_SRCDIR:-.}/test/data/golden/ocsvm.csv.gz"`
CREATE TABLE labelled AS
SELECT dataset, n - 2 AS row, values[1:cardinality(values) - 1] AS x
FROM (VALUES ('glass', :'glass'), ('ionosphere', :'ionosphere')) f(dataset, csv),
     regexp_split_to_table(csv, E'\n') WITH ORDINALITY l(line, n),
     LATERAL (SELECT string_to_array(line, ',', '')::float8[] AS values OFFSET 0) r
WHERE n > 1 AND line <> '';
CREATE TABLE golden AS
SELECT v[1] AS dataset, v[2]::int AS row, kind, v[2 + kind]::float8 AS score
FROM regexp_split_to_table(:'golden', E'\n') WITH ORDINALITY l(line, n),
     LATERAL (SELECT string_to_array(line, ',') AS v OFFSET 0) r, generate_series(1, 4) kind
WHERE n > 1 AND line <> '';
SELECT dataset, kind, count(*) AS rows FROM golden GROUP BY dataset, kind ORDER BY dataset, kind;

-- within 1e-3 of the score range at the default tolerance, 1e-6 at a fine one
CREATE TABLE fitted AS
SELECT dataset, kind, what, tolerance,
       ad_fit(ad_ocsvm(nu => nu, gamma => gamma, kernel => kernel, tolerance => tolerance) ||
              ad_prepare(scale => scale), x) AS model
FROM labelled,
     (VALUES (1, 'rbf, nu 0.5', 0.5, NULL, 'rbf', 'auto'), (2, 'rbf, nu 0.1', 0.1, NULL, 'rbf', 'auto'),
             (3, 'rbf, gamma', 0.2, 0.5, 'rbf', 'standard'), (4, 'linear', 0.5, NULL, 'linear', 'none'))
         k(kind, what, nu, gamma, kernel, scale),
     unnest('{0.0001, 1e-7}'::float8[]) tolerance
GROUP BY dataset, kind, what, tolerance, nu, gamma, kernel, scale;
SELECT dataset, what, tolerance,
       max(abs(ad_score(model, x) - score)) <=
           CASE WHEN tolerance < 1e-6 THEN 1e-6 ELSE 1e-3 END * (max(score) - min(score)) AS equal
FROM labelled JOIN golden USING (dataset, row) JOIN fitted USING (dataset, kind)
GROUP BY dataset, kind, what, tolerance ORDER BY dataset, kind, tolerance DESC;

-- nu bounds the share of rows outside from above
SELECT nu, count(*) FILTER (WHERE ad_score(model, x) > 1e-3) <= nu * count(*) AS bounded,
       count(*) FILTER (WHERE ad_score(model, x) > 0) >= 0.9 * nu * count(*) - 5 AS reached
FROM (SELECT nu, ad_fit(ad_ocsvm(nu => nu), x) AS model
      FROM labelled, unnest('{0.01, 0.1, 0.5, 0.9, 1}'::float8[]) nu
      WHERE dataset = 'ionosphere' GROUP BY nu) f, labelled
WHERE dataset = 'ionosphere' GROUP BY nu ORDER BY nu;

-- whatever nu, rows, kernel, solver and ties: never more rows outside than that
CREATE TABLE shape AS
SELECT n, i, ad_random(1, i) AS u, ad_random(2, i) AS v, ad_random(3, i, 'normal') AS x, i % 5 AS k
FROM unnest('{1, 2, 3, 10, 57, 1000}'::int[]) n, generate_series(1, n) i;
WITH model AS (
	SELECT n, nu, kernel, exact_rows, data,
	       CASE data WHEN 'uniform' THEN ad_fit(spec, u, v) WHEN 'mixed' THEN ad_fit(spec, x, k) ELSE ad_fit(spec, k, -k) END AS m
	FROM shape, unnest('{1, 0.5, 0.3, 0.1, 0.01, 0.001, 1e-6, 1e-300}'::float8[]) nu, unnest('{rbf, linear}'::text[]) kernel,
	     unnest('{0, 10000}'::int[]) exact_rows, unnest('{uniform, mixed, ties}'::text[]) data,
	     LATERAL (SELECT ad_ocsvm(nu => nu, kernel => kernel, exact_rows => exact_rows, features => 32) ||
	                     ad_prepare(scale => CASE kernel WHEN 'rbf' THEN 'auto' ELSE 'none' END) AS spec) s
	GROUP BY n, nu, kernel, exact_rows, data),
outside AS (
	SELECT n, nu, kernel, exact_rows, data, count(*) AS rows,
	       count(*) FILTER (WHERE CASE data WHEN 'uniform' THEN ad_score(m, u, v) WHEN 'mixed' THEN ad_score(m, x, k)
	                              ELSE ad_score(m, k, -k) END > 0) AS outside
	FROM model JOIN shape USING (n) GROUP BY n, nu, kernel, exact_rows, data)
SELECT kernel, exact_rows, count(*) AS models, count(*) FILTER (WHERE outside > nu * rows) AS too_many,
       -- and not many less, where rows differ
       count(*) FILTER (WHERE outside < 0.9 * nu * rows - 5 AND data = 'uniform' AND nu < 1) AS too_few
FROM outside GROUP BY kernel, exact_rows ORDER BY kernel, exact_rows;
-- below 1 / rows nu is but a unit of the scores
SELECT count(*) FILTER (WHERE abs(ad_score(a, u, v) / 1e-6 - ad_score(b, u, v) / 1e-4) > 1e-5) AS different, count(*) AS rows
FROM shape, (SELECT ad_fit(ad_ocsvm(nu => 1e-6), u, v) AS a, ad_fit(ad_ocsvm(nu => 1e-4), u, v) AS b FROM shape WHERE n = 1000) f
WHERE n = 1000;
DROP TABLE shape;

-- what ad_info() tells
SELECT what, i -> 'contains_rows' AS contains_rows, i #> '{ocsvm,form}' AS form, i #> '{ocsvm,rows_used}' AS rows_used,
       round((i #>> '{ocsvm,gamma}')::numeric, 6) AS gamma
FROM (SELECT what, ad_info(ad_fit(spec, x)) AS i
      FROM labelled, (VALUES ('exact', ad_ocsvm()), ('linear', ad_ocsvm(kernel => 'linear')),
                             ('many rows', ad_ocsvm(exact_rows => 100, features => 50)),
                             ('many rows, linear', ad_ocsvm(kernel => 'linear', exact_rows => 0)),
                             ('gamma', ad_ocsvm(gamma => 2))) s(what, spec)
      WHERE dataset = 'glass' GROUP BY what) f ORDER BY what;

-- beyond exact_rows: about the order of the exact machine
SELECT dataset, round(corr(exact_rank, rough_rank)::numeric, 1) >= 0.9 AS same_order,
       abs(avg((rough > 0)::int) - 0.5) < 0.02 AS half_outside
FROM (SELECT dataset, ad_score(r.model, x) AS rough,
             rank() OVER (PARTITION BY dataset ORDER BY ad_score(e.model, x)) AS exact_rank,
             rank() OVER (PARTITION BY dataset ORDER BY ad_score(r.model, x)) AS rough_rank
      FROM labelled JOIN fitted e USING (dataset)
      JOIN (SELECT dataset, ad_fit(ad_ocsvm(exact_rows => 0, features => 1000), x) AS model
            FROM labelled GROUP BY dataset) r USING (dataset)
      WHERE kind = 1 AND tolerance = 0.0001) s GROUP BY dataset ORDER BY dataset;
-- and the same rows and seed give the same bytes, whatever the order of rows
SELECT spec - 'detector' AS spec,
       ad_fit(spec, x ORDER BY row) = ad_fit(spec, x ORDER BY row DESC) AS same,
       ad_fit(spec, x) = ad_fit(spec || ad_sampling(seed => 1), x) AS other_seed
FROM labelled, (VALUES (1, '{"detector": "ocsvm", "exact_rows": 0}'::jsonb),
                       (2, '{"detector": "ocsvm"}')) s(i, spec)
WHERE dataset = 'glass' GROUP BY i, spec ORDER BY i;

-- every SIMD variant gives the same bits
SELECT array_agg(ad_score(model, x) ORDER BY row, kind, tolerance) AS fastest
FROM labelled JOIN fitted USING (dataset) \gset
CREATE TABLE fastest AS
SELECT dataset, exact_rows, ad_fit(ad_ocsvm(exact_rows => exact_rows), x) AS model
FROM labelled, unnest('{0, 10000}'::int[]) exact_rows GROUP BY dataset, exact_rows;
SET anomaly.simd = off;
SELECT array_agg(ad_score(model, x) ORDER BY row, kind, tolerance) = :'fastest'::float8[] AS equal
FROM labelled JOIN fitted USING (dataset);
SELECT exact_rows, bool_and(f.model = (SELECT ad_fit(ad_ocsvm(exact_rows => exact_rows), x)
                                       FROM labelled l WHERE l.dataset = f.dataset)) AS same_fit
FROM fastest f GROUP BY exact_rows ORDER BY exact_rows;
RESET anomaly.simd;

-- edges: one row, one value, duplicates, one feature, a constant feature
SELECT what, n, round(ad_score(m, 1, 1)::numeric, 4) AS at_data, ad_score(m, 1, 1) <= ad_score(m, 9, 9) AS farther
FROM (SELECT what, count(*) AS n, ad_fit(ad_ocsvm(), a, b) AS m
      FROM (VALUES ('one row', 1, 1), ('duplicates', 1, 1), ('duplicates', 1, 1), ('duplicates', 1, 1),
                   ('a constant', 1, 1), ('a constant', 2, 1), ('a constant', 3, 1)) v(what, a, b)
      GROUP BY what) f ORDER BY what;
SELECT round(ad_score(ad_fit(ad_ocsvm(nu => 0.5), i), 5)::numeric, 4) <
       ad_score(ad_fit(ad_ocsvm(nu => 0.5), i), 50) AS one_feature FROM generate_series(1, 10) i;
-- an infinite value gets the highest score there is
SELECT kernel, exact_rows, ad_score(m, 'Infinity'::float8, 1) = ad_score(m, '-Infinity'::float8, '-Infinity'::float8) AS equal,
       ad_score(m, 'Infinity'::float8, 1) >= ad_score(m, 1e9, 1e9) AS highest,
       ad_score(m, 'Infinity'::float8, 1) < 'Infinity'::float8 AS finite, ad_score(m, NULL, 1) = ad_score(m, 25.5, 1) AS missing
FROM (SELECT kernel, exact_rows,
             ad_fit(ad_ocsvm(kernel => kernel, exact_rows => exact_rows), i::float8, (i % 7)::float8) AS m
      FROM generate_series(1, 50) i, unnest('{rbf, linear}'::text[]) kernel, unnest('{10, 1000}'::int[]) exact_rows
      GROUP BY kernel, exact_rows) f ORDER BY kernel, exact_rows;

-- errors
SELECT ad_ocsvm(nu => 0);
SELECT ad_ocsvm(kernel => 'poly');
SELECT ad_ocsvm(gamma => -1);
SELECT ad_ocsvm(exact_rows => 1000000);
SELECT ad_fit(ad_ocsvm(gamma => 1) || ad_prepare(scale => 'none'), x) FROM (VALUES (1e300), (-1e300), (0)) v(x);

DROP TABLE labelled, golden, fitted, fastest;
