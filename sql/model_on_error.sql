-- on_error: a group whose data are at fault does not fail the others.
\set SHOW_CONTEXT never
\pset format unaligned
-- the first group is the first one
SET enable_hashagg = off;

-- it has no model, and one warning counts all of them
CREATE TABLE readings AS
SELECT i % 20 AS g, CASE WHEN i % 20 IN (3, 7) THEN i * 1e305 ELSE i END::float8 AS x,
       CASE WHEN i % 20 <> 5 OR i > 30 THEN i * i % 17 END AS y
FROM generate_series(0, 399) i;
CREATE VIEW models AS
SELECT g, ad_fit(ad_pca() || ad_prepare(scale => 'none', impute => 'error', on_error => 'null'), x, y) AS m
FROM readings GROUP BY g;
SELECT g, ad_fit(ad_pca() || ad_prepare(scale => 'none'), x, y) IS NULL AS none FROM readings GROUP BY g ORDER BY g;
SELECT g, ad_fit(ad_pca() || ad_prepare(impute => 'error', on_error => 'error'), x, y) IS NULL AS none
FROM readings WHERE g < 7 GROUP BY g ORDER BY g;
SELECT count(m) AS models, array_agg(g ORDER BY g) FILTER (WHERE m IS NULL) AS without FROM models;
SELECT count(score) AS scores, array_agg(DISTINCT g) FILTER (WHERE score IS NULL) AS without
FROM (SELECT g, ad_outlier(ad_pca() || ad_prepare(scale => 'none', on_error => 'null'), x, y)
                OVER (PARTITION BY g) AS score
      FROM readings) o;
SELECT array_agg(g ORDER BY g) FILTER (WHERE m IS NULL) AS without
FROM (SELECT g, ad_fit_sketch(ad_mahalanobis() || ad_prepare(on_error => 'null'), s) AS m
      FROM (SELECT g, ad_sketch(x, y) AS s FROM readings GROUP BY g) s OFFSET 0) f;
-- of an ensemble, what it says itself
SELECT array_agg(g ORDER BY g) FILTER (WHERE m IS NULL) AS without
FROM (SELECT g, ad_fit(ad_ensemble(ARRAY[ad_pca(), ad_kmeans()]) || ad_prepare(scale => 'none', on_error => 'null'),
                       x, y) AS m FROM readings GROUP BY g) f;
-- a detector that has an error of its own
SELECT ad_fit(ad_ocsvm(gamma => 1) || ad_prepare(scale => 'none', on_error => 'null'), i * 1e30::float8) IS NULL AS none
FROM generate_series(1, 20) i;
-- workers that gather, and one warning of a statement with many
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
SELECT count(m) AS models FROM models;
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size;
DO $$
BEGIN
	FOR i IN 0..9 LOOP
		PERFORM FROM models WHERE g = i AND m IS NULL;
	END LOOP;
END $$;
BEGIN;
DECLARE failed CURSOR FOR SELECT g FROM models WHERE m IS NULL ORDER BY g;
FETCH failed;
CLOSE failed;
COMMIT;
-- none of a statement that fails
SELECT g, CASE WHEN g = 19 THEN 1 / (g - 19) END, m IS NULL AS none FROM models ORDER BY g;
-- a wrong spec, a changing one, and memory are errors whatever it says
SELECT ad_fit(ad_pca(2.5) || ad_prepare(on_error => 'null'), x, y) FROM readings WHERE g = 1;
SELECT ad_fit(ad_pca() || ad_prepare(scale => CASE WHEN g < 9 THEN 'none' END, on_error => 'null'), x, y)
FROM readings;
SELECT ad_fit(ad_gmm(1000) || ad_prepare(on_error => 'null'), array_fill((i * i) % 7, ARRAY[500])::float8[])
FROM generate_series(1, 1001) i;
SELECT ad_prepare(on_error => 'skip');
-- one fit says why it failed
SELECT count(*)
FROM ad_detect('SELECT x, y FROM readings', ad_pca() || ad_prepare(scale => 'none', on_error => 'null'));
SELECT ad_train('groups', 'SELECT x, y FROM readings', ad_pca() || ad_prepare(scale => 'none', on_error => 'null'));
-- what depended on ad_prepare() before it took on_error and beyond_range still can
SELECT _anomaly._ad_prepare(scale => 'none') = ad_prepare(scale => 'none') #- '{prepare,on_error}' #- '{prepare,beyond_range}' AS same;

DROP VIEW models;
DROP TABLE readings;
