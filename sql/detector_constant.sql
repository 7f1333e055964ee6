-- Which constant a column has, and how far from zero whole numbers lie, changes
-- nothing, for any detector of the catalogue and some forms with options.
\pset format unaligned
CREATE TEMP TABLE form AS
SELECT name AS form, jsonb_build_object('detector', name) AS spec FROM unnest(_anomaly._ad_detectors()) name
UNION ALL VALUES ('mad', ad_zscore(method => 'mad')), ('hbos 0', ad_hbos(bins => 0)), ('hbos 50', ad_hbos(bins => 50)),
	('ndim 2', ad_iforest(ndim => 2)), ('robust', ad_mahalanobis(robust => true)),
	('reconstruction', ad_pca(method => 'reconstruction')), ('cblof', ad_kmeans(method => 'cblof')),
	('scale robust', ad_knn() || ad_prepare(scale => 'robust')), ('scale minmax', ad_knn() || ad_prepare(scale => 'minmax')),
	('ensemble', ad_ensemble(ARRAY[ad_kmeans(), ad_knn()])), ('fisher', ad_ensemble(ARRAY[ad_zscore(), ad_knn()], 'pvalue'));
CREATE TEMP TABLE r AS SELECT i, ad_random(14, i, 'normal') AS x FROM generate_series(1, 200) i;
-- the unit of a form's scores: their greatest size
CREATE FUNCTION pg_temp.unit(s float8[]) RETURNS float8 LANGUAGE sql AS 'SELECT greatest(max(abs(v)), 1e-9) FROM unnest(s) v';

-- a constant in all rows, one that imputation makes, and beside it a step
CREATE TEMP TABLE constant AS
SELECT form, k, sparse, step, array_agg(ad_score(m, p, k + step) ORDER BY p) AS s
FROM (SELECT form, k, sparse, ad_fit(spec, x, CASE WHEN NOT sparse OR i % 20 = 0 THEN k END) AS m
      FROM form, unnest('{0, 0.07, 14.62, 333333333.3333333, 1e12}'::float8[]) k, unnest('{f, t}'::bool[]) sparse, r
      GROUP BY form, spec, k, sparse) f, unnest('{-4, -1, 0, 0.5, 2, 4}'::float8[]) p, unnest('{0, 0.01, 1}'::float8[]) step
GROUP BY form, k, sparse, step;
SELECT DISTINCT c.form AS constant_counts, c.k
FROM constant c JOIN constant z ON (z.form, z.sparse, z.step, z.k) = (c.form, c.sparse, c.step, 0), unnest(c.s, z.s) AS t(a, b)
WHERE abs(a - b) > 1e-3 * pg_temp.unit(z.s) AND (c.k < 1e12 OR c.step <> 0.01);

-- a column that differs by rounding alone is a constant; 8 deviations are more
SELECT form AS rounding_counts
FROM (SELECT form, ad_fit(spec, CASE WHEN i % 10 = 0 THEN 0.8::float8 - 0.7::float8 ELSE 0.1::float8 END, x) AS m
      FROM form, r GROUP BY form, spec) f
WHERE ad_score(m, 0.1::float8, 0) <> ad_score(m, 0.8::float8 - 0.7::float8, 0)
	OR ad_score(m, 0.8::float8 - 0.7::float8, 0) > ad_score(m, 0.1::float8, 8);

-- constants are no copies of each other
SELECT form AS dropped FROM (SELECT form, ad_fit(spec || ad_prepare(drop_correlated => 0.95), x, 0.1::float8, 0.7::float8, 5) AS m
                             FROM form, r GROUP BY form, spec) f, ad_features(m) WHERE encoding LIKE 'dropped%';

-- a row like all rows of the fit is as usual as can be
SELECT form AS unusual, n, k FROM (SELECT form, n, k, ad_fit(spec || ad_calibrate(), 1.1::float8, k) AS m
	FROM form, unnest('{100, 1000}'::int[]) n, unnest('{0.07, -0.137}'::float8[]) k, generate_series(1, n) i
	GROUP BY form, spec, n, k) f
WHERE ad_probability(m, 1.1::float8, k) <> 0 OR ad_pvalue(m, 1.1::float8, k) <> 1;

-- an ensemble makes no standard deviation out of the rounding of scores
SELECT ad_score(m, true) AS t, ad_score(m, false) AS f
FROM (SELECT ad_fit(ad_ensemble(ARRAY[ad_kmeans(), ad_knn()]), i % 2 = 0) AS m FROM generate_series(1, 500) i) f;

-- whole numbers, below 2^53 before and after: the same ranking at any offset
CREATE TEMP TABLE w AS
SELECT i, shape, CASE shape WHEN 'digits' THEN i % 10 WHEN 'bits' THEN i % 2 ELSE round(30 * exp(0.5 * ad_random(15, i, 'normal'))) END::bigint AS a,
	CASE shape WHEN 'digits' THEN i * 7 % 11 WHEN 'bits' THEN i / 2 % 3 ELSE round(40 * ad_random(16, i, 'normal')) END::bigint AS b
FROM generate_series(1, 300) i, unnest('{digits, bits, skewed}'::text[]) shape;
CREATE TEMP TABLE far AS
SELECT form, shape, o, p.i, rank() OVER (PARTITION BY form, shape, o ORDER BY ad_score(m, o + p.a, o + p.b)::float4) AS place
FROM (SELECT form, shape, o, ad_fit(spec, o + a, o + b) AS m
      FROM form, w, unnest('{0, 1000000, 1000000000000, 1000000000000000, -4503599627370496}'::bigint[]) o
      GROUP BY form, spec, shape, o) f, (SELECT i, i * 5 % 37 - 10 AS a, i * 3 % 29 - 8 AS b FROM generate_series(1, 40) i) p;
SELECT f.form AS moved, f.shape, f.o, round(corr(f.place, z.place)::numeric, 2)
FROM far f JOIN far z ON (z.form, z.shape, z.i, z.o) = (f.form, f.shape, f.i, 0) GROUP BY 1, 2, 3
HAVING NOT corr(f.place, z.place) > 0.98 AND (stddev(f.place) > 0 OR stddev(z.place) > 0);

-- a difference of one is one
SELECT form AS not_seen FROM (SELECT form, ad_fit(spec, 1000000000000000 + (i = 1)::int) AS m FROM form, generate_series(1, 500) i GROUP BY form, spec) f
WHERE form IN ('zscore', 'ecod', 'copod', 'mahalanobis', 'knn', 'iforest') AND NOT ad_score(m, 1000000000000001) > ad_score(m, 1000000000000000);
-- the column counts, however far it lies
SELECT off, round(ad_score(m, off + 3, 3)::numeric, 2) AS inside, ad_score(m, 0::float8, 3) > 1e10 AS far, ad_info(m) #> '{mahalanobis,singular}' AS singular
FROM (SELECT off, ad_fit(ad_mahalanobis(robust => true), off + i % 10, i * 7 % 11) AS m
      FROM generate_series(1, 500) i, unnest('{1e12, 1e15}'::float8[]) off GROUP BY off) f ORDER BY off;
