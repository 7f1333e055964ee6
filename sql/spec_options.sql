-- Specs: constructors, defaults, composition, and every way to get one wrong.
\set SHOW_CONTEXT never

-- SQLSTATE, message, detail and hint of what a statement raises.
CREATE FUNCTION pg_temp.expect_error(sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state text; message text; detail text; hint text;
BEGIN
	EXECUTE sql;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' | ', state || ': ' || message,
		nullif(detail, ''), nullif(hint, ''));
END $$;
\pset format unaligned

CREATE TABLE rows AS SELECT i AS id, i % 10 AS a FROM generate_series(1, 50) i;

-- constructors write out every option that has a default
SELECT ad_iforest();
SELECT ad_prepare();
SELECT ad_sampling();
SELECT ad_iforest(trees => 7, max_features => 0.25), ad_iforest(50, 128, 2, 0.1);
SELECT ad_prepare(scale => 'robust', drop_correlated => 0.95, timezone => 'Europe/Vienna');
SELECT ad_sampling(seed => 9007199254740991, keyed => true);

-- NULL means the default
SELECT ad_iforest(trees => NULL), ad_prepare(timezone => NULL, scale => NULL);
SELECT ad_fit(ad_iforest() || '{"trees": null}', a) = ad_fit('iforest', a) AS same
FROM rows;

-- they compose; of two parts of one kind the later one counts, whole
SELECT ad_iforest(trees => 10) || ad_prepare(scale => 'minmax')
       || ad_sampling(rows => 1000, seed => 7);
SELECT (ad_prepare(scale => 'minmax') || ad_prepare(impute => 'zero')) #>> '{prepare,scale}'
       AS scale;

-- what a model stores is the canonical form of what was asked for
SELECT jsonb_pretty(ad_info(ad_fit(ad_iforest() || ad_prepare(scale => 'robust'), a))
                    -> 'spec')
FROM rows;
SELECT ad_info(ad_fit('iforest', a)) -> 'spec' =
       ad_iforest() || ad_prepare() || ad_sampling() || '{"prepare": {"drop_correlated": null}}'
       AS different, -- || does not merge below the first level
       jsonb_strip_nulls(ad_info(ad_fit('iforest', a)) -> 'spec') =
       ad_iforest() || ad_prepare() || ad_sampling() AS same
FROM rows;
SELECT ad_fit('iforest', a) = ad_fit(ad_iforest(), a) AS constructor,
       ad_fit('iforest', a) = ad_fit(ad_iforest() || ad_prepare() || ad_sampling(), a) AS parts,
       ad_fit('iforest', a) = ad_fit('{"detector": "iforest"}'::jsonb, a) AS json
FROM rows;

-- out of range
SELECT pg_temp.expect_error(s) FROM unnest(ARRAY[
$$SELECT ad_iforest(trees => 0)$$,
$$SELECT ad_iforest(trees => 10001)$$,
$$SELECT ad_iforest(sample_size => 1)$$,
$$SELECT ad_iforest(sample_size => 65537)$$,
$$SELECT ad_iforest(ndim => 0)$$,
$$SELECT ad_iforest(ndim => 4097)$$,
$$SELECT ad_iforest(sample_size => 0)$$,
$$SELECT ad_iforest(sample_size => 2.5)$$,
$$SELECT ad_iforest(sample_size => 'NaN')$$,
$$SELECT ad_iforest(max_features => 0)$$,
$$SELECT ad_iforest(max_features => 1.01)$$,
$$SELECT ad_iforest(max_features => 5000)$$,
$$SELECT ad_fair_forest(max_features => 5000)$$,
$$SELECT ad_prepare(reduce => 5000)$$,
$$SELECT ad_iforest(max_features => 'NaN')$$,
$$SELECT ad_iforest(max_features => '-Infinity')$$,
$$SELECT ad_prepare(onehot_max => -1)$$,
$$SELECT ad_prepare(onehot_max => 1001)$$,
$$SELECT ad_prepare(drop_correlated => 0)$$,
$$SELECT ad_prepare(drop_correlated => 1.5)$$,
$$SELECT ad_sampling(rows => 0)$$,
$$SELECT ad_sampling(rows => 10000001)$$,
$$SELECT ad_sampling(memory_mb => 0)$$,
$$SELECT ad_sampling(memory_mb => 1025)$$,
$$SELECT ad_sampling(seed => -1)$$,
$$SELECT ad_sampling(seed => 9007199254740992)$$,
$$SELECT ad_fit(ad_iforest() || '{"trees": 1e400}', a) FROM rows$$,
$$SELECT ad_fit(ad_iforest(10000, 65536), a) FROM rows$$
]) s;

-- wrong words and wrong types
SELECT pg_temp.expect_error(s) FROM unnest(ARRAY[
$$SELECT ad_prepare(impute => 'medium')$$,
$$SELECT ad_prepare(scale => 'MinMax')$$,
$$SELECT ad_prepare(timezone => 'Europe/Viena')$$,
$$SELECT ad_prepare(timezone => '')$$,
$$SELECT ad_fit(ad_iforest() || '{"trees": "many"}', a) FROM rows$$,
$$SELECT ad_fit(ad_iforest() || '{"trees": 1.5}', a) FROM rows$$,
$$SELECT ad_fit(ad_iforest() || '{"trees": [1]}', a) FROM rows$$,
$$SELECT ad_fit(ad_iforest() || '{"max_features": true}', a) FROM rows$$,
$$SELECT ad_fit(ad_iforest() || '{"prepare": 3}', a) FROM rows$$,
$$SELECT ad_fit(ad_iforest() || '{"prepare": []}', a) FROM rows$$,
$$SELECT ad_fit(ad_iforest() || '{"prepare": {"calendar": 1}}', a) FROM rows$$,
$$SELECT ad_fit(ad_iforest() || '{"prepare": {"timezone": 1}}', a) FROM rows$$,
$$SELECT ad_fit(ad_iforest() || '{"sampling": {"keyed": "yes"}}', a) FROM rows$$,
$$SELECT ad_fit(ad_iforest() || jsonb_build_object('prepare', jsonb_build_object('scale', repeat('x', 1000))), a) FROM rows$$
]) s;

-- unknown keys and detectors, with the nearest that there is
SELECT pg_temp.expect_error(s) FROM unnest(ARRAY[
$$SELECT ad_fit('iforst', a) FROM rows$$,
$$SELECT ad_fit('Iforest', a) FROM rows$$,
$$SELECT ad_fit('{"detector": "isoforest"}'::jsonb, a) FROM rows$$,
$$SELECT ad_fit(ad_iforest() || '{"tree": 3}', a) FROM rows$$,
$$SELECT ad_fit(ad_iforest() || '{"sample": 3}', a) FROM rows$$,
$$SELECT ad_fit(ad_iforest() || '{"zzzzzzzzz": 3}', a) FROM rows$$,
$$SELECT ad_fit(ad_iforest() || '{"contamination": 0.1}', a) FROM rows$$,
$$SELECT ad_fit(ad_pca() || '{"threshold": 3}', a) FROM rows$$,
$$SELECT ad_fit(ad_knn() || '{"seed": 1}', a) FROM rows$$,
$$SELECT ad_fit(ad_ensemble(ARRAY[ad_knn()]) || '{"threshold": 1}', a) FROM rows$$,
$$SELECT ad_ensemble(ARRAY['{"detector": "zscore", "impute": "mean"}'::jsonb])$$,
$$SELECT ad_fit(ad_iforest() || '{"preparation": {}}', a) FROM rows$$,
$$SELECT ad_fit(ad_iforest() || '{"prepare": {"scales": "none"}}', a) FROM rows$$,
$$SELECT ad_fit(ad_iforest() || '{"sampling": {"row": 10}}', a) FROM rows$$,
$$SELECT ad_sketch('{"trees": 3}'::jsonb, a) FROM rows$$
]) s;
-- every detector, "auto" and an ensemble say where an option of another part belongs, and that a threshold is none
SELECT o, count(*) AS detectors, count(*) FILTER (WHERE e NOT LIKE format('%%unknown option "%s" for ad_%s()%%', o, d)) AS accepted, array_agg(DISTINCT split_part(e, ' | ', 2)) AS hints
FROM (SELECT d, o, pg_temp.expect_error(format('SELECT ad_fit(%L::jsonb, a) FROM rows', spec || jsonb_build_object(o, 0.1))) AS e
	FROM unnest(_anomaly._ad_detectors() || '{auto,ensemble}'::text[]) d, unnest('{contamination,threshold,share,seed,impute,beyond_range}'::text[]) o,
		LATERAL (SELECT jsonb_build_object('detector', d) || CASE WHEN d = 'ensemble' THEN '{"specs": [{"detector": "iforest"}]}' ELSE '{}' END::jsonb AS spec) s) q
GROUP BY o ORDER BY o;
-- what others call a detector, in any spelling; whose an option is
SELECT d, pg_temp.expect_error(format('SELECT ad_fit(%L, a) FROM rows', d)) FROM unnest('{IsolationForest,isolation_forest,isolationforest,LOF,local_outlier_factor,
	LocalOutlierFactor,one_class_svm,OneClassSVM,elliptic_envelope,EllipticEnvelope,KNN,k-nearest-neighbors,HBOS,mad,MCD,IForest,GaussianMixture,Z-Score,CBLOF}'::text[]) d;
SELECT d, e FROM (SELECT d, n, pg_temp.expect_error(format('SELECT ad_fit(%L::jsonb, a) FROM rows', jsonb_build_object('detector', d, n, 1))) AS e
	FROM unnest(_anomaly._ad_detectors() || 'auto'::text) d, unnest('{clip,rotate,trees,bins,nu,neighbors,eps}'::text[]) n) q
WHERE e LIKE '%unknown option%' AND e NOT LIKE '% | It is one of ad_%().';
SELECT pg_temp.expect_error(s) FROM unnest(ARRAY[
$$SELECT ad_fit(ad_knn() || '{"clip": 3}', a) FROM rows$$,
$$SELECT ad_fit(ad_knn() || '{"trees": 3}', a) FROM rows$$,
$$SELECT ad_fit(ad_iforest() || '{"rotate": true}', a) FROM rows$$,
$$SELECT ad_prepare(reduce => 1.5)$$,
$$SELECT ad_pca(components => 1.5)$$,
$$SELECT ad_prepare(reduce => 2049)$$
]) s;
SELECT pg_temp.expect_error($$SELECT ad_fit('zzz', a) FROM rows$$) ~
       '^22023: unknown detector "zzz" \| The detectors are "' AS lists_detectors;
SELECT d, e FROM unnest(_anomaly._ad_detectors()) d, pg_temp.expect_error(format('SELECT ad_fit(%L::jsonb, a) FROM rows',
	jsonb_build_object('detector', d, 'zzzzzzzzz', 1))) e
WHERE e NOT LIKE '22023: unknown option "zzzzzzzzz" for ad_' || d || '() | The options are "%", "prepare", "sampling", "calibrate".';

-- not a spec at all
SELECT pg_temp.expect_error(s) FROM unnest(ARRAY[
$$SELECT ad_fit('[]'::jsonb, a) FROM rows$$,
$$SELECT ad_fit('"iforest"'::jsonb, a) FROM rows$$,
$$SELECT ad_fit('{}'::jsonb, a) FROM rows$$,
$$SELECT ad_fit('{"detector": 7}'::jsonb, a) FROM rows$$,
$$SELECT ad_fit(ad_prepare(), a) FROM rows$$,
$$SELECT ad_fit('{"detector": "iforest"}', a) FROM rows$$,
$$SELECT ad_fit(NULL::jsonb, a) FROM rows$$,
$$SELECT ad_fit(NULL::text, a) FROM rows$$,
$$SELECT ad_sketch(NULL::jsonb, a) FROM rows$$,
$$SELECT ad_sketch('{"sampling": {"rows": 10}}', a) FROM rows$$
]) s;
-- a sketch takes the spec of a fit, and parts of one
SELECT ad_sketch(ad_iforest() || ad_sampling(rows => 10), a) =
       ad_sketch(ad_sampling(rows => 10), a) AS same FROM rows;

-- which detectors have samples and numbers of columns; the tests below are of all of these
SELECT argument, string_agg(proname, ' ' ORDER BY proname) AS constructors
FROM pg_proc, unnest(proargnames) argument
WHERE argument IN ('sample_size', 'max_features') AND proname = ANY (SELECT 'ad_' || d FROM unnest(_anomaly._ad_detectors()) d) AND pronamespace = 'public'::regnamespace
GROUP BY argument ORDER BY argument;
-- samples as shares, columns as numbers, of every detector that has them: of 50 rows half are 25, and 1.0 is all
CREATE FUNCTION pg_temp.payload(spec jsonb) RETURNS text LANGUAGE sql AS
	$$SELECT right(encode(ad_fit(spec, id, id % 7, id % 5, id % 3), 'hex'), 900) FROM rows$$;
SELECT name, share, pg_temp.payload(spec || jsonb_build_object('sample_size', share)) = pg_temp.payload(spec || jsonb_build_object('sample_size', n)) AS same
FROM unnest('{fair_forest,iforest,inne}'::text[]) name, (VALUES (0.5, 25), (1.0, 50), (0.001, 2), (0.02, 2), (0.98, 49)) o(share, n),
	LATERAL (SELECT jsonb_build_object('detector', name) AS spec) s ORDER BY name, share;
SELECT name, n, pg_temp.payload(spec || jsonb_build_object('max_features', n)) = pg_temp.payload(spec || jsonb_build_object('max_features', least(n / 4.0, 1))) AS same,
	pg_temp.payload(spec || jsonb_build_object('max_features', n)) = pg_temp.payload(spec) AS all_of_them
FROM unnest('{fair_forest,iforest}'::text[]) name, generate_series(1, 5) n, LATERAL (SELECT jsonb_build_object('detector', name) AS spec) s ORDER BY name, n;
SELECT ad_iforest(sample_size => 0.5), ad_iforest(sample_size => 1.0), ad_fair_forest(sample_size => 0.25, max_features => 3), ad_inne(sample_size => 0.1);
-- 1 is a number of rows, and too few
SELECT name, pg_temp.expect_error(format('SELECT ad_fit(%L::jsonb, id) FROM rows', jsonb_build_object('detector', name, 'sample_size', 1))) AS one
FROM unnest('{fair_forest,iforest,inne}'::text[]) name;
-- what a model says of itself is a spec that makes it again
SELECT name, ad_fit(ad_info(m) -> 'spec', id) = m AS again
FROM rows, (SELECT name, ad_fit(jsonb_build_object('detector', name, 'sample_size', 1.0), id) AS m FROM rows, unnest('{fair_forest,iforest,inne}'::text[]) name GROUP BY name) f
GROUP BY name, m ORDER BY name;

DROP TABLE rows;
