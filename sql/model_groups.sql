-- Groups: however small one is, and whatever it lacks, it has a model.
\set SHOW_CONTEXT never
SET timezone = 'UTC';
\pset format unaligned

-- every detector, and forms of them that ask for many rows
CREATE TABLE specs AS
SELECT name AS label, jsonb_build_object('detector', name) AS spec FROM unnest(_anomaly._ad_detectors()) name
UNION ALL VALUES ('kmeans 20', ad_kmeans(20)), ('cblof', ad_kmeans(20, method => 'cblof', use_weights => true)),
	('kmeans first', ad_kmeans(20, init => 'first')), ('spread', ad_kmeans(scale_by_spread => true)),
	('pca 3', ad_pca(3)), ('reconstruction', ad_pca(method => 'reconstruction')),
	('reconstruction 3', ad_pca(3, 'reconstruction')),
	('robust', ad_mahalanobis(true)), ('gmm 20', ad_gmm(20)), ('gmm without', ad_gmm(3, reg_covar => 0)),
	('knn 50', ad_knn(50)), ('lof 50', ad_lof(50)), ('dbscan 20', ad_dbscan(min_samples => 20)),
	('inne 64', ad_inne(sample_size => 64)), ('extended', ad_iforest(ndim => 3)),
	('nu', ad_ocsvm(nu => 0.001)), ('linear', ad_ocsvm(kernel => 'linear', exact_rows => 1)),
	('hbos auto', ad_hbos(bins => 0)), ('loda impute', ad_loda(missing => 'impute')),
	('minmax', ad_knn() || ad_prepare(scale => 'minmax', onehot_max => 0, drop_correlated => 0.5, calendar => true)),
	('mean', ad_ensemble(ARRAY[ad_kmeans(), ad_pca(), ad_gmm(3)])),
	('pvalue', ad_ensemble(ARRAY[ad_kmeans(), ad_lof()], 'pvalue'));
SELECT count(*) > 36 AS many FROM specs;

CREATE TABLE groups AS
SELECT kind, size, i,
       CASE WHEN kind = 'nothing' THEN NULL WHEN kind = 'equal' THEN 1.1 WHEN kind = 'infinite' THEN 'Infinity'
            ELSE sin(7 * i + size) END::float8 AS x,
       CASE WHEN kind IN ('number', 'nothing', 'infinite') OR (kind = 'some' AND i % 2 = 1) THEN NULL
            WHEN kind = 'equal' THEN 0.07 ELSE cos(3 * i + size) END::float8 AS y,
       CASE WHEN kind IN ('category', 'nothing') OR (kind = 'some' AND i % 3 > 0) THEN NULL WHEN kind = 'equal' THEN 'u'
            ELSE substr('uvw', i % 3 + 1, 1) END AS c,
       CASE WHEN kind NOT IN ('category', 'nothing') THEN timestamp '2024-01-01' + i * interval '7 hours' END AS t
FROM unnest(ARRAY['usual', 'number', 'category', 'nothing', 'equal', 'some', 'infinite']) kind,
     generate_series(1, 12) size, generate_series(1, size) i;

-- What is wrong with the fit of a group, NULL: nothing. Beside its own rows it
-- scores what it has not seen, and where it has seen nothing.
CREATE FUNCTION pg_temp.fault(spec jsonb, kind text, size int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	model bytea;
	said text;
BEGIN
	SELECT ad_fit(spec, x, y, c, t) INTO STRICT model FROM groups g WHERE g.kind = $2 AND g.size = $3;
	SELECT string_agg(s::text, ', ') INTO said
	FROM (SELECT ad_score(model, x, y, c, t) AS s FROM groups g WHERE g.kind = $2 AND g.size = $3
	      UNION ALL SELECT ad_outlier(spec, x, y, c, t) OVER () FROM groups g WHERE g.kind = $2 AND g.size = $3
	      UNION ALL SELECT ad_score(model, x, y, c, t)
	      FROM (VALUES (float8 '5', float8 '5', 'zz', timestamp '2030-01-01'), (NULL, NULL, NULL, NULL),
	            ('Infinity', '-Infinity', 'u', 'infinity')) v(x, y, c, t)) scores
	WHERE s IS NULL OR s IN ('NaN', 'Infinity', '-Infinity');
	RETURN said;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ': ' || SQLERRM;
END $$;
SELECT label, calibrate <> '{}' AS calibrated, kind, fault, min(size) AS smallest, count(*)
FROM specs, unnest(ARRAY['{}', ad_calibrate()]) calibrate, (SELECT DISTINCT kind, size FROM groups) g,
     LATERAL (SELECT pg_temp.fault(spec || calibrate, kind, size) AS fault OFFSET 0) f
WHERE fault IS NOT NULL GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;

CREATE TYPE pg_temp.reading AS (x float8, y float8, c text);
-- a feature without values counts nothing, whatever it is given later
SELECT kind, string_agg(encoding, ', ' ORDER BY position) AS encodings
FROM (SELECT kind, ad_fit('iforest', x, y, c, t) AS m FROM groups WHERE size = 12 GROUP BY kind) f, ad_features(m)
WHERE encoding = 'no values' GROUP BY kind ORDER BY kind;
SELECT label
FROM specs, LATERAL (SELECT ad_fit(spec, x, y, c, t) AS m FROM groups WHERE kind = 'number' AND size = 12) f
WHERE ad_score(m, 0.5, 7, 'u', NULL) <> ad_score(m, 0.5, NULL, 'u', NULL)
   OR (SELECT contribution FROM ad_explain(m, 0.5, 7, 'u', NULL) WHERE feature = 'feature 2') <> 0;
SELECT feature, value, contribution, direction, typical
FROM ad_explain((SELECT ad_fit('knn', x, y, c, t) FROM groups WHERE kind = 'nothing' AND size = 12), 0.5, 7, 'u', NULL)
ORDER BY feature;
-- in the other forms, and of a sketch
SELECT ad_score(named, ROW(0.5, 7, 'u')::pg_temp.reading) = ad_score(m, 0.5, NULL, 'u') AS named,
       ad_score(numbers, ARRAY[0.5, 7]) = ad_score(numbers, ARRAY[0.5, NULL]) AS numbers,
       ad_fit_sketch('knn', s) = m AS sketched
FROM (SELECT ad_fit('knn', x, y, c) AS m, ad_fit('knn', ROW(x, y, c)::pg_temp.reading) AS named,
             ad_fit('knn', ARRAY[x, y]) AS numbers, ad_sketch(x, y, c) AS s
      FROM groups WHERE kind = 'number' AND size = 12) f;

DROP TABLE specs, groups;
