-- Equal rows: neighbours of rows that are kept once with a count are those of
-- all rows, and a row of the fit leaves itself out.
\set SHOW_CONTEXT never
\pset format unaligned

-- few distinct rows, most of them many times; every tenth is one of a kind
CREATE TABLE grid AS
SELECT i, CASE WHEN i % 10 = 0 THEN sin(i) ELSE i % 3 END::float8 AS x,
       CASE WHEN i % 10 = 0 THEN cos(i * i) ELSE i * 7 % 4 / 2.0 END::float8 AS y
FROM generate_series(1, 120) i;
-- the oracle: every pair of rows, copies beside each other
CREATE TABLE pairs AS
SELECT a.i, a.x, a.y, b.x AS bx, b.y AS by, d,
       row_number() OVER (PARTITION BY a.i ORDER BY d, b.first, b.i) AS rank
FROM grid a JOIN (SELECT *, min(i) OVER (PARTITION BY x, y) AS first FROM grid) b ON a.i <> b.i,
     LATERAL (SELECT sqrt((a.x - b.x) ^ 2 + (a.y - b.y) ^ 2) AS d OFFSET 0) d;
CREATE TABLE models AS
SELECT k, ad_fit(ad_knn(k) || plain, x, y) AS largest, ad_fit(ad_knn(k, 'mean') || plain, x, y) AS mean,
       ad_fit(ad_dbscan(0.4, k) || plain, x, y) AS within, ad_fit(ad_dbscan(NULL, k) || plain, x, y) AS knee
FROM grid, ad_prepare(scale => 'none') plain, (VALUES (1), (3), (12), (200)) v(k) GROUP BY k;
CREATE FUNCTION pg_temp.near(a float8, b float8) RETURNS boolean LANGUAGE sql AS
	'SELECT abs(a - b) <= 1e-9 * greatest(abs(b), 1)';

-- knn, by a model and in-sample: the k nearest of all other rows
WITH expected AS (
	SELECT k, i, max(d) FILTER (WHERE rank <= k) AS largest, avg(d) FILTER (WHERE rank <= k) AS mean
	FROM pairs, models GROUP BY k, i),
found AS (
	SELECT k, i, ad_score(largest, x, y) AS largest, ad_score(mean, x, y) AS mean,
	       ad_outlier(ad_knn(k, 'mean') || ad_prepare(scale => 'none'), x, y) OVER (PARTITION BY k) AS in_sample
	FROM grid, models)
SELECT k, count(*) AS rows, bool_and(pg_temp.near(f.largest, e.largest)) AS largest,
       bool_and(pg_temp.near(f.mean, e.mean)) AS mean, bool_and(pg_temp.near(in_sample, e.mean)) AS in_sample
FROM expected e JOIN found f USING (k, i) GROUP BY k ORDER BY k;
-- a new row beside them has all of them as neighbours
SELECT k, pg_temp.near(ad_score(mean, 0.1, 0), avg(d)) AS mean
FROM models, LATERAL (SELECT sqrt((x - 0.1) ^ 2 + y ^ 2) AS d, row_number() OVER (ORDER BY (x - 0.1) ^ 2 + y ^ 2) AS rank FROM grid) n
WHERE rank <= k GROUP BY k, mean ORDER BY k;
-- dbscan: copies count for core points, as many as they are; a core point is scored by the nearest other, an equal one if there is
WITH core AS (
	SELECT k, i, count(*) FILTER (WHERE d <= 0.4) + 1 >= k AS core, min(d) AS nearest FROM pairs, models GROUP BY k, i)
SELECT k, count(*) FILTER (WHERE core) AS core, bool_and(CASE WHEN core THEN ad_score(within, x, y) <= 1 AND (ad_score(within, x, y) = 0) = (nearest = 0) ELSE ad_score(within, x, y) > 0 END) AS found,
       bool_and((in_sample = 0) = core) AS in_sample, (ad_info(within) #>> '{dbscan,core_points}')::int AS core_points
FROM core JOIN models USING (k) JOIN grid USING (i)
     JOIN (SELECT k, i, ad_outlier(ad_dbscan(0.4, k) || ad_prepare(scale => 'none'), x, y) OVER (PARTITION BY k) AS in_sample
           FROM grid, models) o USING (k, i)
GROUP BY k, within ORDER BY k;
-- a model holds equal rows once, whatever their order and the sign of zero
SELECT detector, count(DISTINCT m) AS models, bool_and((ad_info(m) ->> 'bytes')::int < 8000) AS small, min(ad_info(m) #>> ARRAY[detector, 'distinct_rows']) AS distinct_rows
FROM (SELECT detector, ad_fit(detector, CASE WHEN i % 2 = 0 THEN '-0'::float8 ELSE 0 END * s, i % 3 ORDER BY i * s) AS m
      FROM (VALUES ('knn'), ('lof')) v(detector), (VALUES (1), (-1)) o(s), generate_series(1, 3000) i GROUP BY detector, s) f
GROUP BY detector ORDER BY detector;
-- every row alike, two rows, one row
SELECT n, detector, ad_score(m, 1) AS equal, ad_score(m, 3) > 1 AS other
FROM (SELECT n, detector, ad_fit(detector, 1) AS m FROM (VALUES ('knn'), ('lof'), ('dbscan')) v(detector), (VALUES (1), (2), (100)) c(n), generate_series(1, n) i
      GROUP BY n, detector) f ORDER BY detector, n;

CREATE TABLE points AS SELECT sin(i) AS x, cos(i * i) AS y FROM generate_series(1, 60) i;
-- ocsvm takes equal rows together: the machine of rows that come three times is that of the rows, thrice as steep
SELECT v, ad_info(once) #>> '{ocsvm,form}' AS form,
       ad_info(once) #> '{ocsvm,support_vectors}' = ad_info(thrice) #> '{ocsvm,support_vectors}' AS support_vectors,
       (SELECT bool_and(abs(ad_score(thrice, x, y) - 3 * ad_score(once, x, y)) < 0.02) FROM points) AS scores,
       (SELECT count(*) FROM points WHERE ad_score(thrice, x, y) > 0) <= 0.1 * 60 AS outside
FROM (SELECT v, ad_fit(spec, sin(i), cos(i * i)) FILTER (WHERE j = 1) AS once, ad_fit(spec, sin(i), cos(i * i)) AS thrice
      FROM generate_series(1, 60) i, generate_series(1, 3) j,
           (VALUES ('rbf', ad_ocsvm(nu => 0.1, exact_rows => 60)), ('linear', ad_ocsvm(nu => 0.1, kernel => 'linear', exact_rows => 60))) s(v, spec) GROUP BY v) f ORDER BY v;

-- a threshold finds its share of the rows that it was made of
SELECT detector, sum((ad_score(m, x, y) > ad_threshold(m))::int) AS above
FROM (SELECT d AS detector, ad_fit(jsonb_build_object('detector', d) || ad_calibrate(share => 0, contamination => 0.05), sin(i), cos(i * i)) AS m
      FROM generate_series(1, 500) i, (VALUES ('knn'), ('lof')) v(d) GROUP BY d) f, (SELECT sin(i) AS x, cos(i * i) AS y FROM generate_series(1, 500) i) r
GROUP BY detector ORDER BY detector;
DROP TABLE grid, pairs, models, points;
