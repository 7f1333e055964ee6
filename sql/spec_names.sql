-- Detectors by the names that people type; what is not here says so.
\set SHOW_CONTEXT never

CREATE FUNCTION understood(name text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	hint text;
	spec jsonb;
	d jsonb;
BEGIN
	SELECT ad_info(ad_fit(name, x, y)) INTO d FROM (VALUES (1.0, 2), (2.5, 3), (4, 9), (7, 2), (1, 1)) v(x, y);
	spec := d -> 'spec';
	-- options that are not those of the detector's defaults
	RETURN (d ->> 'detector') || coalesce((SELECT string_agg(format(' %s: %s', s.key, s.value), ',') FROM jsonb_each(spec) s,
		LATERAL (SELECT ad_info(ad_fit(d ->> 'detector', x, y)) -> 'spec' AS dflt FROM (VALUES (1.0, 2), (2.5, 3), (4, 9), (7, 2), (1, 1)) v(x, y)) f
		WHERE f.dflt -> s.key <> s.value), '');
EXCEPTION WHEN invalid_parameter_value THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN '-- ' || regexp_replace(hint, 'The detectors are .*', 'The detectors are ...');
END $$;

-- scikit-learn's
SELECT name, understood(name) FROM unnest(ARRAY['IsolationForest', 'isolation_forest', 'isolation-forest', 'ISOLATION FOREST', 'isolationforest', 'LocalOutlierFactor', 'OneClassSVM', 'one_class_svm',
	'one-class SVM', 'SGDOneClassSVM', 'EllipticEnvelope', 'elliptic_envelope', 'MinCovDet', 'GaussianMixture', 'gaussian_mixture', 'BayesianGaussianMixture', 'DBSCAN', 'HDBSCAN', 'OPTICS',
	'KMeans', 'MiniBatchKMeans', 'PCA', 'KernelPCA', 'NearestNeighbors', 'KernelDensity']) name;
-- PyOD's models, by class or file
SELECT name, understood(name) FROM unnest(ARRAY['ABOD', 'AE1SVM', 'ALAD', 'AnoGAN', 'AutoEncoder', 'auto_encoder', 'CBLOF', 'CD', 'COF', 'COPOD', 'DeepSVDD', 'DevNet', 'DIF', 'ECOD', 'FeatureBagging', 'GMM',
	'HBOS', 'IForest', 'INNE', 'KDE', 'KNN', 'AvgKNN', 'MedKNN', 'KPCA', 'LMDD', 'LOCI', 'LODA', 'LOF', 'LSCP', 'LUNAR', 'MAD', 'MCD', 'MO_GAAL', 'OCSVM', 'PCA', 'QMCD', 'RGraph', 'ROD', 'Sampling',
	'SOD', 'SO_GAAL', 'SOS', 'SUOD', 'VAE', 'XGBOD']) name;
-- others, and our own in other dress
SELECT name, understood(name) FROM unnest(ARRAY['Extended Isolation Forest', 'fair-cut forest', 'FairForest', 'Z-Score', 'iqr', 'RRCF', 'Variational AutoEncoder', 'LeSiNN', 'mahalanobis distance']) name;
-- every detector by its name, in capitals and with dashes
SELECT count(*) > 15 AS detectors, bool_and(understood(upper(d)) = d AND understood(replace(d, '_', '-')) = d) AS folded FROM unnest(_anomaly._ad_detectors()) d;
SELECT ad_fit('AUTO', i, i * i % 7) = ad_fit(ad_auto(), i, i * i % 7) AS auto FROM generate_series(1, 40) i;
-- misspelled: near enough to be meant, at most a third of the letters
SELECT left(name, 20) AS name, understood(name) FROM unnest(ARRAY['iforst', 'ifrest', 'zcore', 'mahalanobi', 'forest', 'tree', 'lo', 'xx', '', ' ', 'кнн', 'hboß', 'isolation_forrest', repeat('x', 1000), 'knm', 'ocsv']) name;

-- in specs, whoever takes them; what is said of an option counts, and the canonical name is kept
SELECT ad_info(ad_fit('{"detector": "EllipticEnvelope", "robust": false}'::jsonb, i, i * i)) -> 'spec' ->> 'robust' AS robust,
       ad_info(ad_fit('{"detector": "MAD", "combine": "mean"}'::jsonb, i)) -> 'spec' ->> 'method' AS method
FROM generate_series(1, 9) i;
SELECT ad_info(ad_fit(ad_ensemble(ARRAY['{"detector": "LOF"}'::jsonb, '{"detector": "MCD"}']), i, i * i % 7)) -> 'spec' -> 'specs' @> '[{"detector": "lof"}, {"detector": "mahalanobis", "robust": true}]' AS members
FROM generate_series(1, 40) i;
SELECT ad_fit_sketch('IsolationForest', s) = ad_fit_sketch(ad_iforest(), s) AS same
FROM (SELECT ad_sketch(i::float8) AS s FROM generate_series(1, 100) i) q;
SELECT ad_train('spec_names', 'SELECT i % 9 AS i, i % 7 AS j FROM generate_series(1, 100) i', 'Local Outlier Factor');
SELECT detector, spec ->> 'detector' AS in_spec FROM ad_models WHERE name = 'spec_names';
SELECT ad_drop_model('spec_names');
SELECT count(*) AS specs, count(DISTINCT ad_info(m) ->> 'detector') AS detectors
FROM (SELECT ad_fit(spec, i) AS m FROM unnest(ad_grid('{"detector": "IsolationForest"}', '{"trees": [10, 20]}')) spec, generate_series(1, 20) i GROUP BY spec) f;
SELECT spec ->> 'detector' AS detector FROM ad_tune('SELECT i % 13 AS x, i % 7 AS y, i % 20 = 0 AS bad FROM generate_series(1, 200) i', 'bad', ARRAY['OneClassSVM', 'z-score'], budget => NULL) ORDER BY 1;
SELECT count(*) > 0 AS compared FROM ad_benchmark('SELECT i % 13 AS x, i % 7 AS y, i % 20 = 0 AS bad FROM generate_series(1, 200) i', ARRAY['HBOS', 'MCD'], label => 'bad');
-- options are of the detector that is meant
SELECT ad_fit('{"detector": "IsolationForest", "tree": 3}'::jsonb, i) FROM generate_series(1, 9) i;
SELECT ad_fit('{"detector": "LOF", "trees": 3}'::jsonb, i) FROM generate_series(1, 9) i;
SELECT ad_fit('{"detector": "LOF", "unrelated": 3}'::jsonb, i) FROM generate_series(1, 9) i;
SELECT ad_fit('{"detector": "ensemble"}'::jsonb, i) FROM generate_series(1, 9) i;

DROP FUNCTION understood;
