-- Makes a fixture of models, sketches and stream states as the installed
-- version writes them, with the scores it gives: run it with psql -X -A -t -q
-- under the version that is to be kept, and store the output, compressed, as
-- <version>.tsv.gz. Columns: name, bytes (hex), and what to expect of them
-- (float8, hex): of a model scores of the probes, of a stream ("stream, ...")
-- scores of the next 100 points, of a sketch nothing. Since 0.2.0 models are
-- calibrated, and p-values and the threshold follow the scores after a "/".

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
	('zscore, reduced', ad_zscore() || ad_prepare(reduce => 2)),
	('zscore', ad_zscore()), ('hbos', ad_hbos()), ('ecod', ad_ecod()), ('ecod, rotated', ad_ecod(rotate => true)), ('copod', ad_copod()), ('pca', ad_pca()),
	('mahalanobis', ad_mahalanobis()), ('mahalanobis, robust', ad_mahalanobis(true)), ('knn', ad_knn()), ('lof', ad_lof()),
	('kmeans', ad_kmeans()), ('cblof', ad_kmeans(method => 'cblof')), ('dbscan', ad_dbscan()), ('ocsvm', ad_ocsvm()),
	('ocsvm, random features', ad_ocsvm(exact_rows => 10, features => 30)), ('gmm', ad_gmm(2)), ('loda', ad_loda(10)),
	('inne', ad_inne(5, 8)), ('subknn', ad_subknn(5, 8)), ('autoencoder', ad_autoencoder(ARRAY[6, 2], members => 2)), ('vae', ad_vae(ARRAY[6], 2, members => 2)), ('fair_forest', ad_fair_forest(5, 32)),
	('ensemble', ad_ensemble(ARRAY[ad_iforest(5, 32), ad_zscore(), ad_knn()])),
	('ensemble, weighted', ad_ensemble(ARRAY[ad_iforest(5, 32), ad_zscore(), ad_knn()], 'top', weights => '{1,2,3}'));
UPDATE spec SET spec = spec || ad_calibrate(share => 0.3, contamination => 0.05);
-- as those of 0.1.0, with no rows held out
INSERT INTO spec VALUES ('iforest, not calibrated', ad_iforest(10, 64)), ('ecod, not calibrated', ad_ecod());
WITH model AS (
	SELECT name, (SELECT ad_fit(spec, r) FROM (SELECT x, y, colour, ts FROM rows) r) AS m FROM spec)
SELECT name, encode(m, 'hex'),
       (SELECT string_agg(encode(float8send(ad_score(m, p)), 'hex'), ' ' ORDER BY i) FROM probes p) ||
       CASE WHEN name LIKE '%not calibrated' THEN '' ELSE
       ' / ' || (SELECT string_agg(encode(float8send(ad_pvalue(m, p)), 'hex'), ' ' ORDER BY i) FROM probes p) ||
       ' ' || encode(float8send(ad_threshold(m)), 'hex') END
FROM model ORDER BY name;
SELECT 'sketch', encode(ad_sketch(r), 'hex'), '' FROM (SELECT x, y, colour, ts FROM rows) r;
SELECT 'sketch, sampled', encode(ad_sketch(ad_sampling(rows => 64, keyed => true), i, x, y, colour, ts), 'hex'), '' FROM rows;

CREATE TEMP TABLE points AS
SELECT i, timestamptz '2026-01-01 00:00+00' + i * interval '1 hour' AS ts,
       10 * (i % 24)::float8 / 24 + (i * 7919 % 101) / 50.0::float8 + CASE WHEN i IN (700, 1020) THEN 40 ELSE 0 END AS v
FROM generate_series(1, 1100) i;
WITH stream(name, options) AS (VALUES
	('stream, defaults', '{}'::jsonb), ('stream, a season in time', '{"period": "1 day"}'),
	('stream, a season in steps', '{"period": 24, "step": "1 hour", "trend": 0.01}')),
state AS (
	SELECT name, (ad_stream_update(NULL, (SELECT array_agg(ts ORDER BY i) FROM points WHERE i <= 1000),
	                               (SELECT array_agg(v ORDER BY i) FROM points WHERE i <= 1000), options)).new_state AS s
	FROM stream)
SELECT name, encode(s, 'hex'),
       (SELECT string_agg(encode(float8send(x), 'hex'), ' ' ORDER BY o)
        FROM ad_stream_update(s, (SELECT array_agg(ts ORDER BY i) FROM points WHERE i > 1000),
                              (SELECT array_agg(v ORDER BY i) FROM points WHERE i > 1000)) u, unnest(u.scores) WITH ORDINALITY n(x, o))
FROM state ORDER BY name;
-- since 0.3.0: all that a state can hold, and the combined scores of the next points behind the others, after a "/"
WITH stream(name, options) AS (VALUES
	('stream, two seasons on a clock', '{"period": ["1 day", "7 days"], "timezone": "Europe/Vienna", "shape": 16}'::jsonb),
	('stream, periods looked for', '{"period": "auto", "shape": 32, "score_window": 20, "memory": 500}'),
	('stream, late is an error', '{"period": 12, "step": "1 hour", "late": "error", "q": 0.001, "clip": 5}')),
state AS (
	SELECT name, (ad_stream_array(NULL, (SELECT array_agg(v ORDER BY i) FROM points WHERE i <= 1000),
	                              (SELECT array_agg(ts ORDER BY i) FROM points WHERE i <= 1000), options)).new_state AS s
	FROM stream)
SELECT name, encode(s, 'hex'),
       (SELECT string_agg(encode(float8send(x), 'hex'), ' ' ORDER BY o) || ' / ' || string_agg(encode(float8send(y), 'hex'), ' ' ORDER BY o)
        FROM ad_stream_array(s, (SELECT array_agg(v ORDER BY i) FROM points WHERE i > 1000), (SELECT array_agg(ts ORDER BY i) FROM points WHERE i > 1000)) u,
             ROWS FROM (unnest(u.scores), unnest(u.combined_scores)) WITH ORDINALITY n(x, y, o))
FROM state ORDER BY name;
