-- Numbers so large or small that differences or squares of them are none: a
-- model tells them apart, or its fit is refused, with one message whatever the
-- detector. Every detector of the catalogue, and every scale.
\set SHOW_CONTEXT never
\pset format unaligned

CREATE TABLE shape AS
SELECT factor, i, ad_random(1, i, 'normal') AS x, (i - 50)::float8 AS even
FROM unnest('{1, 3.5e306, 1e306, 1e300, 1e200, 1e160, 1e-160, 1e-200, 1e-300, 1e-310, 5e-324}'::float8[]) factor,
     generate_series(1, 100) i;
CREATE TABLE spec AS
SELECT detector AS name, jsonb_build_object('detector', detector) AS spec FROM unnest(_anomaly._ad_detectors()) detector
UNION ALL VALUES ('iforest, extended', ad_iforest(ndim => 2)), ('zscore, mad', ad_zscore('mad')), ('hbos, automatic', ad_hbos(bins => 0)),
	('pca, reconstruction', ad_pca(1, 'reconstruction')), ('mahalanobis, robust', ad_mahalanobis(true)), ('cblof', ad_kmeans(method => 'cblof')),
	('ocsvm, linear', ad_ocsvm(kernel => 'linear')), ('ocsvm, approximate', ad_ocsvm(exact_rows => 0, features => 64)),
	('fair_forest, one column', ad_fair_forest(ndim => 1)), ('ensemble', ad_ensemble(ARRAY[ad_knn(), ad_iforest()]));

-- What becomes of a shape under a spec: what the fit says, or whether a far value scores above one in the middle.
CREATE FUNCTION pg_temp.verdict(fitted jsonb, f float8, evenly boolean) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	m bytea; middle float8; far float8;
BEGIN
	SELECT ad_fit(fitted, factor * CASE WHEN evenly THEN even ELSE round(x * 15) END) INTO m FROM shape WHERE factor = f;
	middle := ad_score(m, 0.0::float8);
	far := ad_score(m, CASE WHEN f >= 1e306 THEN 1.797e308 ELSE 200 * f END);
	RETURN CASE WHEN far > middle THEN 'told apart' WHEN far = middle THEN 'equal' ELSE 'reversed' END;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
CREATE TABLE verdict AS
SELECT name, scale, factor, even, pg_temp.verdict(spec || ad_prepare(scale => scale), factor, even) AS verdict
FROM spec, unnest('{auto, none, standard, robust, minmax}'::text[]) scale, (SELECT DISTINCT factor FROM shape) f, unnest('{f, t}'::boolean[]) even;
SELECT verdict, count(*) FROM verdict WHERE factor = 1 GROUP BY verdict ORDER BY verdict;
-- they are refused, or score as such numbers of usual size do
SELECT v.name, v.scale, v.factor, v.even, v.verdict, u.verdict AS usual
FROM verdict v JOIN verdict u USING (name, scale, even)
WHERE u.factor = 1 AND v.verdict <> u.verdict AND v.verdict NOT LIKE '22003 %' AND v.verdict <> 'told apart' AND
      -- edges of bins, where rounding decides, and trees that cut nothing off
      NOT (v.even AND (v.name LIKE 'hbos%' OR v.name LIKE 'fair_forest%' AND u.verdict <> 'told apart')) ORDER BY 1, 2, 3, 4;
SELECT DISTINCT verdict, factor > 1 AS large FROM verdict WHERE verdict LIKE '22003 %' ORDER BY 1;
-- who refuses what with its own choice of scale
SELECT factor, count(*) FILTER (WHERE verdict LIKE '22003 %') AS refused, count(*) AS specs,
       string_agg(DISTINCT name, ', ' ORDER BY name) FILTER (WHERE verdict LIKE '22003 %') AS who
FROM verdict WHERE scale = 'auto' AND NOT even GROUP BY factor ORDER BY factor;
-- nobody, once scaled, what has differences
SELECT DISTINCT name, scale FROM verdict
WHERE scale IN ('standard', 'robust', 'minmax') AND factor < 1e305 AND verdict LIKE '22003 %' ORDER BY 1, 2;
-- what differs by infinity is not to be scaled where that cannot help
CREATE FUNCTION pg_temp.hint(fitted jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE hint text;
BEGIN
	PERFORM ad_fit(fitted, 3.5e306::float8 * even) FROM shape WHERE factor = 1;
	RETURN 'none';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN hint;
END $$;
SELECT DISTINCT hint FROM spec, unnest('{auto, standard, robust}'::text[]) scale, pg_temp.hint(spec || ad_prepare(scale => scale)) hint ORDER BY 1;
-- a feature of least numbers beside an ordinary one refuses nothing
SELECT count(ad_score(m, 0, 0)) AS specs
FROM (SELECT ad_fit(spec, x * 1e-310::float8, even) AS m FROM shape, spec WHERE factor = 1 GROUP BY name) f;

DROP TABLE shape, spec, verdict;
