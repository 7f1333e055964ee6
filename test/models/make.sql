-- Makes a fixture of models and sketches as the installed version writes
-- them, with the scores it gives: run it with psql -X -A -t -q under the
-- version that is to be kept, and store the output as <version>.tsv.gz.
-- Columns: name, model or sketch (hex), scores of the probes (float8, hex).

\pset fieldsep '\t'
CREATE TEMP TABLE rows AS
SELECT i, ad_random(1, i, 'normal') AS x, (i * 7919 % 101)::float8 AS y,
       (ARRAY['red', 'green', 'blue', 'red'])[1 + i % 4] AS colour,
       timestamptz '2026-01-01 00:00+00' + i * interval '1 hour' AS ts
FROM generate_series(1, 300) i;
CREATE TEMP TABLE probes AS
SELECT i, x, y, colour, ts FROM rows WHERE i <= 10
UNION ALL VALUES (11, 9, -500, 'violet', timestamptz '2030-05-05 03:00+00'), (12, NULL, NULL, NULL, NULL);

CREATE TEMP TABLE spec (name text, spec jsonb);
INSERT INTO spec VALUES
	('iforest', ad_iforest(10, 64)), ('iforest, extended', ad_iforest(10, 64, 2)),
	('iforest, calendar', ad_iforest(5, 32) || ad_prepare(calendar => true, timezone => 'Europe/Vienna')),
	('iforest, frequency, robust', ad_iforest(5, 32) || ad_prepare(onehot_max => 0, scale => 'robust')),
	('zscore', ad_zscore()), ('hbos', ad_hbos()), ('ecod', ad_ecod()), ('copod', ad_copod()), ('pca', ad_pca()),
	('mahalanobis', ad_mahalanobis()), ('mahalanobis, robust', ad_mahalanobis(true)), ('knn', ad_knn()), ('lof', ad_lof()),
	('kmeans', ad_kmeans()), ('cblof', ad_kmeans(method => 'cblof')), ('dbscan', ad_dbscan()), ('ocsvm', ad_ocsvm()),
	('ocsvm, random features', ad_ocsvm(exact_rows => 10, features => 30)), ('gmm', ad_gmm(2)), ('loda', ad_loda(10)),
	('inne', ad_inne(5, 8)), ('fair_forest', ad_fair_forest(5, 32));
WITH model AS (
	SELECT name, (SELECT ad_fit(spec, r) FROM (SELECT x, y, colour, ts FROM rows) r) AS m FROM spec)
SELECT name, encode(m, 'hex'),
       (SELECT string_agg(encode(float8send(ad_score(m, p)), 'hex'), ' ' ORDER BY i) FROM probes p)
FROM model ORDER BY name;
SELECT 'sketch', encode(ad_sketch(r), 'hex'), '' FROM (SELECT x, y, colour, ts FROM rows) r;
SELECT 'sketch, sampled', encode(ad_sketch(ad_sampling(rows => 64, keyed => true), i, x, y, colour, ts), 'hex'), '' FROM rows;
