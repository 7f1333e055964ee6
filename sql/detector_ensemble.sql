-- Ensembles: several detectors as one model.
\set SHOW_CONTEXT never

CREATE TABLE readings AS
SELECT i, ad_random(1, i, 'normal') + CASE WHEN i <= 20 THEN 6 ELSE 0 END AS a, ad_random(2, i, 'exponential') AS b,
       (ARRAY['north', 'south', 'east'])[1 + i % 3] AS region
FROM generate_series(1, 3000) i;

CREATE TABLE ensembles AS
SELECT ad_fit(ad_ensemble(ARRAY[ad_iforest(), ad_knn(), ad_ecod()]) || ad_calibrate(contamination => 0.01), t) AS model
FROM (SELECT a, b, region FROM readings) t;
SELECT round(ad_score(model, r)::numeric, 3) AS score, ad_is_anomaly(model, r) AS is_anomaly, ad_pvalue(model, r) < 0.01 AS rare
FROM ensembles, (SELECT a, b, region FROM readings WHERE i IN (1, 1000, 2000) ORDER BY i) r;
SELECT ad_info(model) -> 'detector' AS detector, ad_info(model) -> 'spec' ->> 'combine' AS combine,
       jsonb_path_query_array(ad_info(model), '$.members[*].detector') AS members,
       ad_info(model) -> 'contains_rows' AS contains_rows FROM ensembles;
SELECT round(ad_roc_auc(ad_score(model, r), i <= 20)::numeric, 3) AS roc_auc FROM ensembles, readings r;

-- equal to what SQL makes of the members fitted one by one (none of these draws random numbers)
CREATE TABLE alone AS
SELECT i, s1, s2, s3, (s1 - avg(s1) OVER ()) / stddev_pop(s1) OVER () AS z1, (s2 - avg(s2) OVER ()) / stddev_pop(s2) OVER () AS z2,
       (s3 - avg(s3) OVER ()) / stddev_pop(s3) OVER () AS z3, (s1 > t1)::int + (s2 > t2)::int + (s3 > t3)::int AS votes
FROM (SELECT i, ad_score(m1, a, b) AS s1, ad_score(m2, a, b) AS s2, ad_score(m3, a, b) AS s3,
             ad_threshold(m1) AS t1, ad_threshold(m2) AS t2, ad_threshold(m3) AS t3
      FROM readings, (SELECT ad_fit('zscore', a, b) AS m1, ad_fit('pca', a, b) AS m2, ad_fit('hbos', a, b) AS m3 FROM readings) m) s;
CREATE FUNCTION pg_temp.worst(combine text, expected text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	worst float8;
BEGIN
	EXECUTE format('SELECT max(abs(ad_score(m, a, b) - (%s))) FROM readings JOIN alone USING (i),
		(SELECT ad_fit(ad_ensemble(ARRAY[ad_zscore(), ad_pca(), ad_hbos()], %s), a, b) AS m FROM readings) e', expected, combine) INTO worst;
	RETURN worst;
END $$;
SELECT pg_temp.worst('''mean''', '(z1 + z2 + z3) / 3') < 1e-9 AS mean, pg_temp.worst('''max''', 'greatest(z1, z2, z3)') < 1e-9 AS max,
       pg_temp.worst('''median''', 'z1 + z2 + z3 - greatest(z1, z2, z3) - least(z1, z2, z3)') < 1e-9 AS median,
       pg_temp.worst('''vote''', 'votes / 3.0') < 1e-9 AS vote;
-- the highest two, one, three, and all if there are fewer than are asked for
SELECT pg_temp.worst('''top''', '(z1 + z2 + z3 - least(z1, z2, z3)) / 2') < 1e-9 AS top, pg_temp.worst('''top'', 1', 'greatest(z1, z2, z3)') < 1e-9 AS one,
       pg_temp.worst('''top'', 3', '(z1 + z2 + z3) / 3') < 1e-9 AS three, pg_temp.worst('''top'', k => 32', '(z1 + z2 + z3) / 3') < 1e-9 AS all_of_them;
-- equal votes are ranked by the mean, which changes no order of unequal ones
SELECT bool_and(rank_of_votes >= before) AS in_order, count(DISTINCT score) > 2000 AS few_ties
FROM (SELECT score, rank_of_votes, lag(rank_of_votes, 1, 0::bigint) OVER (ORDER BY score) AS before
      FROM (SELECT ad_score(m, a, b) AS score, rank() OVER (ORDER BY votes, round((z1 + z2 + z3)::numeric, 4)) AS rank_of_votes
            FROM readings JOIN alone USING (i), (SELECT ad_fit(ad_ensemble(ARRAY[ad_zscore(), ad_pca(), ad_hbos()], 'vote'), a, b) AS m FROM readings) e) s) t;
-- p-values are combined by Fisher's method: the mean of -ln p; members hold rows out for it
SELECT max(abs(ad_score(e, a, b) - (-ln(ad_pvalue(m1, a, b)) - ln(ad_pvalue(m2, a, b))) / 2)) < 1e-12 AS fisher
FROM readings, (SELECT ad_fit(ad_ensemble(ARRAY[ad_zscore(), ad_pca()], 'pvalue'), a, b) AS e,
                       ad_fit(ad_zscore() || ad_calibrate(), a, b) AS m1, ad_fit(ad_pca() || ad_calibrate(), a, b) AS m2
                FROM readings WHERE i <= 1000) m;

-- members prepare for themselves, unless the ensemble says how
SELECT jsonb_path_query_array(ad_info(ad_fit(ad_ensemble(ARRAY[ad_iforest(), ad_iforest() || ad_prepare(scale => 'minmax')]) ||
       ad_prepare(impute => 'mean'), a, b)), '$.spec.specs[*].prepare') AS prepare FROM readings;
-- the same detector twice draws different random numbers
SELECT count(DISTINCT ad_score(m, a, b)) > 1 AS differ, (ad_info(m) #> '{members,0,digest}') <> (ad_info(m) #> '{members,1,digest}') AS two
FROM (SELECT ad_fit(ad_ensemble(ARRAY[ad_iforest(5), ad_iforest(5)]), a, b) AS m FROM readings) m, readings GROUP BY m;

-- a member can have a seed of its own, and ask for fewer rows of the sample that all have
SELECT ad_info(m) #> '{spec,specs}' @> '[{"sampling": {"rows": 500, "seed": 7}}, {"sampling": {"rows": 65536, "seed": 9}}]' AS kept,
       (ad_info(m) #> '{spec,specs,2}') ? 'sampling' AS of_the_ensemble, ad_info(m) #>> '{members,0,knn,reference_rows}' AS knn_rows
FROM (SELECT ad_fit(ad_ensemble(ARRAY[ad_knn(reference_rows => 2000) || ad_sampling(rows => 500, seed => 7), ad_hbos() || ad_sampling(seed => 9), ad_ecod()]), a, b) AS m
      FROM readings) f;
SELECT ad_fit(spec, a, b) = ad_fit_sketch(spec, ad_sketch(a, b)) AS sketch,
       ad_info(ad_fit(spec, a, b)) #> '{members,0,digest}' = ad_info(ad_fit(ad_ensemble(ARRAY[ad_iforest(5)]) || ad_sampling(seed => 7), a, b)) #> '{members,0,digest}' AS the_seed
FROM readings, (VALUES (ad_ensemble(ARRAY[ad_iforest(5) || ad_sampling(seed => 7)]))) v(spec) GROUP BY spec;
SELECT ad_fit(ad_info(model) -> 'spec', a, b) = model AS stored
FROM readings, (SELECT ad_fit(ad_ensemble(ARRAY[ad_iforest(5) || ad_sampling(rows => 500, seed => 7), ad_iforest(5)], 'top', 1), a, b) AS model FROM readings) f GROUP BY model;
-- so many rows are sampled as a member asks for
SELECT (ad_info(m) -> 'sampled')::int AS sampled FROM (
	SELECT ad_fit(ad_ensemble(ARRAY[ad_zscore(), ad_hbos() || ad_sampling(rows => rows)]), i) AS m FROM generate_series(1, 60000) i, (VALUES (100), (30000), (100000)) v(rows) GROUP BY rows) f
ORDER BY 1;
SELECT count(DISTINCT o) > 1000 AS in_sample
FROM (SELECT ad_outlier(ad_ensemble(ARRAY[ad_knn() || ad_sampling(rows => 100), ad_zscore()], 'max'), a, b) OVER () AS o FROM readings) s;

-- explanations add up to the score, less what is the same for all rows
SELECT combine, max(base) - min(base) < 1e-9 AS adds_up, min(features) AS features, max(top) FILTER (WHERE i = 1) AS top
FROM (VALUES ('mean'), ('max'), ('median'), ('vote'), ('pvalue'), ('top')) v(combine),
     LATERAL (SELECT ad_fit(ad_ensemble(ARRAY[ad_iforest(), ad_ecod(), ad_knn()], combine), t) AS m
              FROM (SELECT a, b, region FROM readings) t) f,
     LATERAL (SELECT i, ad_score(m, r) - sum(e.contribution) AS base, count(*) AS features, min(feature) FILTER (WHERE rank = 1) AS top
              FROM readings r, ad_explain(m, r) e WHERE i IN (1, 2, 77, 500) GROUP BY i, ad_score(m, r)) s
GROUP BY combine ORDER BY combine;

-- in-sample, and from a sketch
SELECT count(*), bool_and(o IS NOT NULL) AS complete
FROM (SELECT ad_outlier(ad_ensemble(ARRAY[ad_knn(), ad_lof()], 'max'), a, b) OVER (PARTITION BY region) AS o FROM readings) s;
SELECT ad_fit(spec, a, b) = ad_fit_sketch(spec, ad_sketch(a, b)) AS equal
FROM readings, (VALUES (ad_ensemble(ARRAY[ad_iforest(), ad_loda()]))) v(spec) GROUP BY spec;

-- the seeds of members are some that a spec may ask for: fitted by the spec that is stored, a member is what it was
SELECT name, k, (member #>> '{spec,sampling,seed}')::numeric BETWEEN 0 AND 9007199254740991 AS allowed,
       member - 'digest' = ad_info(ad_fit(member -> 'spec', a, b)) - 'digest' AS same
FROM (SELECT name, ad_info(ad_fit(spec, a, b)) -> 'members' AS members
	FROM readings, (VALUES ('auto', ad_auto()), ('seed', ad_auto() || ad_sampling(seed => 9007199254740991)),
		('twice', ad_ensemble(ARRAY[ad_iforest(9), ad_iforest(9), ad_inne(9), ad_iforest(9)]))) v(name, spec) GROUP BY name) f,
	jsonb_array_elements(members) WITH ORDINALITY e(member, k), readings
GROUP BY name, k, member ORDER BY name, k;

-- what cannot be
SELECT ad_ensemble(ARRAY[]::jsonb[]);
SELECT ad_ensemble(NULL);
SELECT ad_ensemble(ARRAY[NULL]::jsonb[]);
SELECT ad_ensemble(ARRAY['1'::jsonb]);
SELECT ad_ensemble(ARRAY['{"detector": "iforst"}'::jsonb]);
SELECT ad_ensemble(ARRAY[ad_ensemble(ARRAY[ad_iforest()])]);
SELECT ad_ensemble(ARRAY[ad_iforest() || ad_sampling(rows => 1000)]) || ad_sampling(rows => 999) AS spec \gset
SELECT ad_fit(:'spec'::jsonb, a) FROM readings;
SELECT ad_ensemble(ARRAY[ad_iforest() || ad_sampling(keyed => true)]);
SELECT ad_ensemble(ARRAY[ad_iforest()], 'top', 0);
SELECT ad_ensemble(ARRAY[ad_iforest()], 'top', 33);
-- what would be ignored
SELECT ad_ensemble(ARRAY[ad_iforest()], 'mean', k => 1);
SELECT ad_ensemble(ARRAY[ad_iforest()], 'pvalue', k => 3);
SELECT ad_ensemble(ARRAY[ad_iforest()], 'median', k => 2) ->> 'k' AS dflt;
SELECT ad_ensemble(ARRAY[ad_ecod(), ad_iforest() || ad_sampling(memory_mb => 3)]);
SELECT ad_ensemble(ARRAY[ad_zscore(), ad_auto()]);
SELECT ad_ensemble(ARRAY[ad_iforest() || ad_calibrate()]);
SELECT ad_ensemble(ARRAY[ad_iforest()], 'sum');
SELECT ad_ensemble(array_fill(ad_zscore(), ARRAY[33]));
SELECT ad_fit('ensemble', a) FROM readings;
SELECT ad_score(ad_fit(ad_ensemble(ARRAY[ad_zscore()], 'pvalue'), a), 1e9) AS one_row FROM readings WHERE i = 1;

DROP TABLE readings, ensembles, alone;
