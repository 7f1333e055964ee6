-- knn, lof, dbscan and inne: scikit-learn's scores, a naive oracle in SQL,
-- duplicates, too few rows, infinities, options.
\set SHOW_CONTEXT never
\pset format unaligned

-- scikit-learn, on real data stirred a little against ties
-- (test/golden/neighbours.py)
\set data `gzip -dc "${PG_ABS_SRCDIR:-.}/test/data/breast_cancer.csv.gz"`
\set golden `gzip -dc "${PG_ABS_SRCDIR:-.}/test/data/golden/neighbours.csv.gz"`
CREATE TABLE cells AS
SELECT (n - 2)::int AS row,
       (SELECT array_agg(v + sin(31 * (n - 2) + c - 1) / 100000 ORDER BY c)
        FROM unnest(f[1:cardinality(f) - 1]) WITH ORDINALITY u(v, c)) AS x
FROM regexp_split_to_table(:'data', E'\n') WITH ORDINALITY l(line, n),
     LATERAL (SELECT string_to_array(line, ',')::float8[] AS f OFFSET 0) r
WHERE n > 1 AND line <> '';
CREATE TABLE golden AS
SELECT f[1]::int AS row, f[2] AS metric, f[3]::float8 AS knn10_largest, f[4]::float8 AS knn10_mean,
       f[5]::float8 AS knn10_median, f[6]::float8 AS lof20, f[7]::float8 AS knn5_new,
       f[8]::float8 AS lof20_new, f[9]::float8 AS eps, f[10] = '1' AS core, f[11] = '1' AS noise
FROM regexp_split_to_table(:'golden', E'\n') WITH ORDINALITY l(line, n),
     LATERAL (SELECT string_to_array(line, ',', '') AS f OFFSET 0) r
WHERE n > 1 AND line <> '';
SELECT (SELECT count(*) FROM cells) AS rows, count(*) AS expected FROM golden;

CREATE TABLE in_sample AS
SELECT row, metric,
       ad_outlier(ad_knn(10, 'largest', metric, p => 3), x) OVER w AS knn10_largest,
       ad_outlier(ad_knn(10, 'mean', metric, p => 3), x) OVER w AS knn10_mean,
       ad_outlier(ad_knn(10, 'median', metric, p => 3), x) OVER w AS knn10_median,
       ad_outlier(ad_lof(20, metric, p => 3), x) OVER w AS lof20,
       ad_outlier(ad_dbscan(eps, 10, metric, p => 3), x) OVER w AS dbscan
FROM golden JOIN cells USING (row) WINDOW w AS (PARTITION BY metric);
CREATE FUNCTION pg_temp.near(a float8, b float8) RETURNS boolean LANGUAGE sql AS
	'SELECT abs(a - b) <= 1e-9 * abs(b)';
SELECT metric, count(*) AS rows,
       bool_and(pg_temp.near(s.knn10_largest, g.knn10_largest)) AS largest,
       bool_and(pg_temp.near(s.knn10_mean, g.knn10_mean)) AS mean,
       bool_and(pg_temp.near(s.knn10_median, g.knn10_median)) AS median,
       bool_and(pg_temp.near(s.lof20, g.lof20)) AS lof,
       bool_and((s.dbscan = 0) = g.core) AS core, bool_and((s.dbscan > 1) = g.noise) AS noise,
       count(*) FILTER (WHERE g.noise) > 0 AND count(*) FILTER (WHERE NOT g.core) > count(*) FILTER (WHERE g.noise) AS all_kinds
FROM in_sample s JOIN golden g USING (row, metric) GROUP BY metric ORDER BY metric;

-- new rows: fitted on the first half
CREATE TABLE models AS
SELECT metric, ad_fit(ad_knn(5, metric => metric, p => 3), x) AS knn,
       ad_fit(ad_lof(20, metric, p => 3), x) AS lof
FROM (SELECT DISTINCT metric FROM golden) m, cells
WHERE row < (SELECT count(*) / 2 FROM cells) GROUP BY metric;
SELECT metric, count(*) AS rows, bool_and(pg_temp.near(ad_score(knn, x), knn5_new)) AS knn,
       bool_and(pg_temp.near(ad_score(lof, x), lof20_new)) AS lof
FROM golden JOIN cells USING (row) JOIN models USING (metric)
WHERE knn5_new IS NOT NULL GROUP BY metric ORDER BY metric;
SELECT metric, ad_info(knn) -> 'contains_rows' AS contains_rows, ad_info(lof) -> 'lof' AS lof
FROM models ORDER BY metric;
-- DBSCAN by a model: a core point is scored by the nearest other, noise stays noise
SELECT metric, bool_or(ad_score(model, x) > 0 AND core) AS core, bool_and((ad_score(model, x) > 1) = noise) AS noise
FROM (SELECT metric, ad_fit(ad_dbscan(eps, 10, metric, p => 3), x) AS model
      FROM golden JOIN cells USING (row) GROUP BY metric, eps) m JOIN golden USING (metric) JOIN cells USING (row)
GROUP BY metric ORDER BY metric;

-- the same rows in another order give the same model
SELECT count(DISTINCT model) AS models FROM (
	SELECT ad_fit(spec, x ORDER BY row) AS model, spec FROM cells,
	(VALUES (ad_knn()), (ad_lof()), (ad_dbscan()), (ad_inne())) v(spec) GROUP BY spec
	UNION ALL
	SELECT ad_fit(spec, x ORDER BY -row), spec FROM cells,
	(VALUES (ad_knn()), (ad_lof()), (ad_dbscan()), (ad_inne())) v(spec) GROUP BY spec) f;
-- the instructions used make no difference
SET anomaly.simd = off;
SELECT count(*) AS differ FROM in_sample s JOIN cells USING (row)
JOIN (SELECT row, metric, ad_outlier(ad_lof(20, metric, p => 3), x) OVER (PARTITION BY metric) AS lof20
      FROM golden JOIN cells USING (row)) t USING (row, metric) WHERE s.lof20 <> t.lof20;
RESET anomaly.simd;

-- a naive oracle: few rows, all metrics, by the definitions
CREATE FUNCTION pg_temp.distance(a float8[], b float8[], metric text, p float8) RETURNS float8 LANGUAGE sql AS $$
	SELECT CASE metric WHEN 'euclidean' THEN sqrt(sum((x - y) ^ 2)) WHEN 'manhattan' THEN sum(abs(x - y))
	       WHEN 'chebyshev' THEN max(abs(x - y)) WHEN 'minkowski' THEN sum(abs(x - y) ^ p) ^ (1 / p)
	       ELSE 1 - sum(x * y) / sqrt(sum(x * x) * sum(y * y)) END
	FROM unnest(a, b) u(x, y)
$$;
CREATE TABLE few AS
SELECT i, ARRAY[sin(i), cos(i * i), i % 5 + sin(3 * i)]::float8[] AS x FROM generate_series(1, 40) i;
CREATE TABLE pairs AS
SELECT metric, p, a.i, b.i AS j, d, row_number() OVER (PARTITION BY metric, p, a.i ORDER BY d) AS rank
FROM few a JOIN few b ON a.i <> b.i,
     (VALUES ('euclidean', 2), ('manhattan', 2), ('chebyshev', 2), ('cosine', 2), ('minkowski', 1),
             ('minkowski', 1.5), ('minkowski', 2), ('minkowski', 4), ('minkowski', 33.3)) m(metric, p),
     LATERAL (SELECT pg_temp.distance(a.x, b.x, metric, p) AS d OFFSET 0) d;
CREATE TABLE densities AS
SELECT metric, p, n.i, max(n.d) FILTER (WHERE n.rank = 5) AS reach,
       1 / (avg(greatest(n.d, r.d)) + 1e-10) AS density
FROM pairs n JOIN pairs r USING (metric, p)
WHERE n.rank <= 5 AND r.i = n.j AND r.rank = 5 GROUP BY metric, p, n.i;
WITH expected AS (
	SELECT metric, p, n.i, max(reach) FILTER (WHERE n.rank = 1) AS knn, avg(o.density / d.density) AS lof
	FROM pairs n JOIN densities d USING (metric, p, i) JOIN (SELECT metric, p, i AS j, density FROM densities) o USING (metric, p, j)
	WHERE n.rank <= 5 GROUP BY metric, p, n.i),
found AS (
	SELECT metric, p, i,
	       ad_outlier(ad_knn(5, metric => metric, p => p) || ad_prepare(scale => 'none'), x) OVER w AS knn,
	       ad_outlier(ad_lof(5, metric, p => p) || ad_prepare(scale => 'none'), x) OVER w AS lof
	FROM few, (SELECT DISTINCT metric, p FROM pairs) m WINDOW w AS (PARTITION BY metric, p))
SELECT metric, p, count(*) AS rows, bool_and(abs(f.knn - e.knn) < 1e-12) AS knn,
       bool_and(abs(f.lof - e.lof) < 1e-9) AS lof
FROM expected e JOIN found f USING (metric, p, i) GROUP BY metric, p ORDER BY metric, p;

-- duplicates: more than k equal rows have finite scores
SELECT i < 31 AS equal, count(*) AS rows, bool_and(lof < 'Infinity' AND lof > 0) AS finite, min(knn) AS least, max(knn) AS greatest,
       bool_and(lof = 1) AS lof_1
FROM (SELECT i, ad_outlier(ad_lof(5), v) OVER () AS lof,
             ad_outlier(ad_knn(5) || ad_prepare(scale => 'none'), v) OVER () AS knn
      FROM (SELECT i, CASE WHEN i < 31 THEN 7 ELSE 10 * i END AS v FROM generate_series(1, 33) i) d) s
GROUP BY 1 ORDER BY 1;
-- a constant feature, one feature, few rows
SELECT n, ad_outlier(ad_knn(), 1) OVER w AS knn, ad_outlier(ad_lof(), 1) OVER w AS lof,
       ad_outlier(ad_dbscan(), 1) OVER w < 1e308 AS core, ad_outlier(ad_inne(), 1) OVER w AS inne
FROM (VALUES (1), (2), (6)) v(n), generate_series(1, n) i WINDOW w AS (PARTITION BY n)
ORDER BY n;
SELECT n, ad_score(ad_fit('knn', i), 1) AS knn, round(ad_score(ad_fit('lof', i), 1)::numeric, 6) AS lof,
       ad_score(ad_fit(ad_dbscan(0.5, 3), i), 1) AS dbscan, ad_score(ad_fit('inne', i), 1) AS inne
FROM (VALUES (1), (2), (3)) v(n), generate_series(1, n) i GROUP BY n ORDER BY n;
-- infinities: the greatest score there is, never NaN
SELECT detector, spec, v, ad_score(model, v, 3) AS score
FROM (SELECT detector, spec, ad_fit(s, x[1], x[2]) AS model
      FROM cells, (VALUES ('knn', 'mean', ad_knn(method => 'mean')), ('knn', 'median', ad_knn(method => 'median')),
                          ('knn', 'cosine', ad_knn(metric => 'cosine')), ('lof', '', ad_lof()),
                          ('lof', 'minkowski', ad_lof(metric => 'minkowski', p => 3)),
                          ('dbscan', '', ad_dbscan()), ('inne', '', ad_inne())) d(detector, spec, s)
      GROUP BY detector, spec, s) m, (VALUES ('Infinity'::float8), ('-Infinity'), (1e308)) v(v)
WHERE spec <> 'cosine' ORDER BY detector, spec, v;
-- cosine: towards infinity there is still a direction; a row of zeros has none
SELECT v, round(ad_score(m, v, 0)::numeric, 6) AS score
FROM (SELECT ad_fit(ad_knn(1, metric => 'cosine') || ad_prepare(scale => 'none'), a, b) AS m
      FROM (VALUES (1, 0), (0, 2)) v(a, b)) m,
     (VALUES ('Infinity'::float8), ('-Infinity'), (0), (-3)) v(v);

-- reference_rows bounds a model; in-sample scores use all rows
SELECT (info -> 'knn' ->> 'reference_rows')::int AS reference_rows, (info ->> 'bytes')::int < 5000 AS small
FROM (SELECT ad_info(ad_fit(ad_knn(3, reference_rows => 100), i, -i)) AS info FROM generate_series(1, 5000) i) m;
-- eps by the distances: two dense clusters and a few far rows
SELECT count(*) FILTER (WHERE s > 1) AS noise, min(s) FILTER (WHERE i > 400) > max(s) FILTER (WHERE i <= 400) AS the_far_ones
FROM (SELECT i, ad_outlier(ad_dbscan(), v, w) OVER () AS s
      FROM (SELECT i, CASE WHEN i > 400 THEN 20 + 9 * (i - 400) ELSE sin(i) + i % 2 * 8 END AS v,
                   cos(i * 1.7) AS w FROM generate_series(1, 405) i) d) f;
-- without an eps a group of anomalies is noise unless it has as many rows as the root of all; with one, five make a cluster
SELECT spec ->> 'min_samples' AS min_samples, ad_info(m) #>> '{dbscan,min_samples}' AS used, ad_score(m, 20.02) > 1 AS noise, ad_score(m, 0.5) > 1 AS usual
FROM (SELECT spec, ad_fit(spec, CASE WHEN i <= 20 THEN 20 + i * 0.001 ELSE sin(i) END) AS m FROM generate_series(1, 1000) i,
	unnest(ARRAY[ad_dbscan(), ad_dbscan(min_samples => 5), ad_dbscan(0.1), ad_dbscan(0.1, 30)]) spec GROUP BY spec) f ORDER BY 1, 2;
-- no core point: all is noise
SELECT DISTINCT ad_outlier(ad_dbscan(1e-9, 3), i) OVER () AS score FROM generate_series(1, 20) i;
-- inne: 0 within a dense set to 1 far away; the seed matters and nothing else
SELECT ad_score(m, 0.5) < 0.7 AS inside, ad_score(m, 1e6) AS far, m = n AS same, m = o AS same_seed
FROM (SELECT ad_fit('inne', v) AS m, ad_fit(ad_inne(), v) AS n, ad_fit(ad_inne() || ad_sampling(seed => 1), v) AS o
      FROM (SELECT sin(i) AS v FROM generate_series(1, 1000) i) s) f;

-- options
SELECT ad_knn(), ad_lof(), ad_dbscan(), ad_inne();
SELECT ad_knn(0);
-- how many neighbours there are unless it is said: the root of the rows that are kept, from 5 to 50
SELECT n, ad_info(m) #> '{knn,neighbors}' AS neighbors, ad_info(m) #> '{spec,neighbors}' AS said, m = given AS as_given
FROM unnest('{1,4,5,6,35,36,100,2499,2500,12000}'::int[]) n, LATERAL (SELECT ad_fit(ad_knn(), sin(i), i % 7) AS m,
	ad_fit(ad_knn() || ad_knn(NULL, metric => NULL), sin(i), i % 7) AS given FROM generate_series(1, n) i) f ORDER BY n;
SELECT bool_and(abs(o - s) < 1e-12) AS in_sample FROM (SELECT ad_outlier(ad_knn(), x, y) OVER () AS o,
	ad_score((SELECT ad_fit('knn', sin(i), i % 7) FROM generate_series(1, 400) i), x, y) AS s
	FROM (SELECT sin(i) AS x, i % 7 AS y FROM generate_series(1, 400) i) r) t;
-- a cluster of twenty anomalies among a thousand rows
SELECT min(s) FILTER (WHERE i > 980) > max(s) FILTER (WHERE i <= 980) AS told
FROM (SELECT i, ad_outlier(ad_knn(), x, y) OVER () AS s FROM generate_series(1, 1000) i,
	LATERAL (SELECT CASE WHEN i > 980 THEN 8 ELSE 0 END + sin(i * 7) AS x, CASE WHEN i > 980 THEN 8 ELSE 0 END + cos(i * i) AS y) v) o;
-- dbscan without an eps: nine rows in ten are core points, but for copies; one far row is no matter
SELECT what, round((ad_info(m) #>> '{dbscan,eps}')::numeric, 6) AS eps, ad_info(m) #> '{dbscan,core_points}' AS core
FROM (SELECT what, ad_fit(ad_dbscan() || ad_prepare(scale => 'none'), x) AS m
	FROM unnest('{copies,constant,growing,growing and far,mostly copies,one row}'::text[]) what, generate_series(1, 100) i,
		LATERAL (SELECT CASE what WHEN 'copies' THEN i % 10 WHEN 'constant' THEN 5 WHEN 'growing' THEN i * i
			WHEN 'growing and far' THEN CASE WHEN i = 100 THEN 1e9 ELSE i * i END
			WHEN 'mostly copies' THEN greatest(i - 95, 0) ELSE 3 END::float8) v(x)
	WHERE what <> 'one row' OR i = 1 GROUP BY what) f ORDER BY what COLLATE "C";
-- farther than squares reach: as far from all rows, which of them is by their order
SELECT metric, ad_info(m) #>> '{lof,search}' AS search,
       round((ad_score(m, 1e160, 1500) / ad_score(m, 1e150, 1500) / 1e10)::numeric, 6) AS ratio
FROM (SELECT metric, ad_fit(ad_lof(5, metric => metric, p => 3) || ad_prepare(scale => 'none'), a, b) AS m
	FROM unnest('{chebyshev,minkowski}'::text[]) metric, generate_series(1, 1000) i,
		LATERAL (SELECT (i * 7919 % 1009) / 1e6, i * (1 + i % 7 * 0.01) * CASE WHEN i > 500 THEN 5 ELSE 1 END) v(a, b)
	GROUP BY metric) f ORDER BY metric;
SELECT ad_knn(method => 'max');
SELECT ad_lof(metric => 'hamming');
SELECT ad_lof(neighbors => 1001);
SELECT ad_knn(metric => 'minkowski', p => 0.5);
SELECT ad_dbscan(eps => 0);
SELECT ad_dbscan(min_samples => 0);
SELECT ad_inne(sample_size => 1);
SELECT ad_fit(ad_inne(10000, 1024), i) FROM generate_series(1, 10) i;
DROP TABLE cells, golden, in_sample, models, few, pairs, densities;
