-- "auto": what a version takes where nothing is known of the data.
\set SHOW_CONTEXT never
\pset format unaligned

CREATE TABLE payments AS
SELECT i AS id, exp(ad_random(1, i, 'normal')) AS amount, CASE WHEN i % 7 > 0 THEN ad_random(2, i, 'normal') END AS score,
       (ARRAY['AT', 'CH', 'DE', 'DE'])[1 + i % 4] AS country, time '08:00' + i % 600 * interval '1 minute' AS at
FROM generate_series(1, 2000) i;

-- a spec of its own, a name, and what models keep: what it stands for
SELECT ad_auto(), ad_auto('speed'), ad_auto(NULL) AS by_default, ad_auto() || ad_sampling(seed => 7) AS composed;
SELECT ad_fit('auto', amount, score) = ad_fit(ad_auto(), amount, score) AS name, ad_fit(ad_auto('speed'), amount, score) = ad_fit('iforest', amount, score) AS speed,
       ad_fit(ad_auto(), amount, score) = ad_fit('{"detector": "auto"}'::jsonb, amount, score) AS literal,
       ad_fit(ad_auto(), amount, score) = ad_fit_sketch('auto', ad_sketch(amount, score)) AS sketch
FROM payments;
SELECT spec ->> 'detector' AS detector, spec ->> 'combine' AS combine, spec -> 'k' AS k, jsonb_path_query_array(spec, '$.specs[*].detector') AS members,
       spec #> '{prepare,beyond_range}' AS beyond_range, jsonb_path_query_array(spec, '$.specs[*].prepare.beyond_range') AS of_members, ad_info(m) ->> 'detector' AS detector
FROM (SELECT m, ad_info(m) -> 'spec' AS spec FROM (SELECT ad_fit('auto', amount, score) AS m FROM payments) f) s;
SELECT ad_fit(spec, amount, score) = m AS kept
FROM payments, (SELECT m, ad_info(m) -> 'spec' AS spec FROM (SELECT ad_fit(ad_auto() || ad_calibrate(), amount, score) AS m FROM payments) f) s GROUP BY spec, m;
-- its preparation is replaced as a whole, as every part is
SELECT ad_info(ad_fit(ad_auto() || ad_prepare(impute => 'mean'), amount, score)) #> '{spec,prepare}' ->> 'beyond_range' AS beyond_range FROM payments;
SELECT ad_info(ad_fit(ad_auto() || ad_prepare(impute => 'mean', beyond_range => true), amount, score)) #> '{spec,prepare}' ->> 'beyond_range' AS beyond_range FROM payments;

-- what is taken where no spec is given, calibrated
SELECT ad_train('usual', 'SELECT amount, score, country FROM payments');
SELECT version, detector, spec -> 'calibrate' AS calibrate, jsonb_path_query_array(spec, '$.specs[*].detector') AS members FROM ad_models WHERE name = 'usual';
-- trained again, a model stays what it is
SELECT ad_retrain('usual') IS NOT NULL AS retrained;
SELECT count(DISTINCT spec) AS specs, count(*) AS versions FROM _anomaly._ad_model_version WHERE name = 'usual';
SELECT ad_drop_model('usual');
SELECT count(*), bool_and(d IS NOT DISTINCT FROM e) AS same
FROM (SELECT row_number() OVER () AS n, d FROM ad_detect('SELECT amount, score, country FROM payments', top => 0) d) d
JOIN (SELECT row_number() OVER () AS n, d AS e FROM ad_detect('SELECT amount, score, country FROM payments', ad_auto() || ad_calibrate(), top => 0) d) e USING (n);
SELECT count(*) AS rows, sum(is_anomaly::int) BETWEEN 5 AND 40 AS few, count(explanation) = sum(is_anomaly::int) AS explained
FROM ad_detect('SELECT * FROM payments', key => 'id', contamination => 0.01);

-- an absurd amount among 29 ordinary features: p is at its least, which a forest alone does not see
CREATE TABLE wide AS
SELECT id, ARRAY(SELECT ad_random(k, id, 'normal') ^ (1 + k % 2 * 2) FROM generate_series(1, 28) k) AS x, exp(ad_random(99, id, 'normal')) AS amount FROM generate_series(1, 2000) id;
SELECT name, bool_and(p = least_p) AS least_p
FROM (SELECT name, (ad_info(m) #>> '{calibration,least_p}')::float8 AS least_p, ad_pvalue(m, x || absurd) AS p
      FROM (SELECT name, ad_fit(spec || ad_calibrate(), x || amount) AS m FROM wide, (VALUES ('auto', ad_auto()), ('forest', ad_auto('speed'))) v(name, spec) GROUP BY name) f,
           wide, unnest('{99999,-99999,1e300,Infinity}'::float8[]) absurd WHERE id <= 50) s
GROUP BY name ORDER BY name;

-- categories, missing values, times, infinities and few rows, as in every detector
SELECT count(s) AS scored, bool_and(abs(s) < 'Infinity') AS finite
FROM (SELECT ad_fit('auto', t) AS m FROM (SELECT amount, score, country, at FROM payments) t) f,
     (VALUES (1.0::float8, 0.5::float8, 'AT', '10:00'::time), (NULL, NULL, NULL, NULL), ('Infinity', '-Infinity', 'never seen', '03:00'), ('NaN', 'NaN', '', '23:59')) r(amount, score, country, at),
     LATERAL ad_score(m, r.amount::float8, r.score::float8, r.country, r.at) s;
SELECT n, count(s) AS scored, min(p) > 0 AS p
FROM (SELECT n, ad_fit(ad_auto() || ad_calibrate(), amount, score, country) AS m FROM unnest('{1,2,3,5,16}'::int[]) n, payments WHERE id <= n GROUP BY n) f, payments,
     LATERAL (SELECT ad_score(m, amount, score, country) AS s, ad_pvalue(m, amount, score, country) AS p) s
WHERE id <= 20 GROUP BY n ORDER BY n;
SELECT ad_score(m, 5, 'x') AS equal, ad_score(m, 6, 'x') > ad_score(m, 5, 'x') AS other FROM (SELECT ad_fit('auto', 5, 'x'::text) AS m FROM generate_series(1, 50)) f;

-- beside a constant nothing is beyond: which constant it is changes no score
SELECT count(DISTINCT s) AS scores FROM (
	SELECT k, round(ad_score(ad_fit('auto', score, CASE WHEN id % 9 > 0 THEN k END), 0.5, k + 1)::numeric, 9) AS s FROM payments, unnest('{0,5,333333333}'::int[]) k GROUP BY k) c;
SELECT ad_info(m) #> '{spec,prepare,varying_only}' AS kept, ad_score(m, 1, 6) = ad_score(n, 1, 6) AS trained_again, ad_score(m, 1, 6) < ad_score(c, 1, 6) AS not_by_itself
FROM (SELECT m, (SELECT ad_fit(ad_info(m) -> 'spec', score, 5) FROM payments) AS n, (SELECT ad_fit(ad_auto() || ad_prepare(beyond_range => true), score, 5) FROM payments) AS c
      FROM (SELECT ad_fit('auto', score, 5) AS m FROM payments) f) f;
SELECT min(o) > -10 AND max(o) < 1e6 AS in_sample FROM (SELECT ad_outlier('auto', score, CASE WHEN id = 7 THEN 1e9 ELSE 0 END) OVER () AS o FROM payments) s;

-- explained: contributions add up to the score, less what is the same for all rows
SELECT count(*) AS rows, max(base) - min(base) < 1e-9 * max(score) AS adds_up, max(top) FILTER (WHERE id = 0) AS top, max(why) FILTER (WHERE id = 0) ~ '^amount 5,000' AS why
FROM (SELECT ad_fit('auto', t) AS m FROM (SELECT amount, score, country FROM payments) t) f,
     LATERAL (SELECT id, ad_score(m, r) AS score, ad_why(m, r) AS why, ad_score(m, r) - sum(e.contribution) AS base, min(feature) FILTER (WHERE rank = 1) AS top
              FROM (SELECT id, amount, score, country FROM payments WHERE id <= 5 UNION ALL VALUES (0, 5000, 0, 'DE')) r, ad_explain(m, r) e GROUP BY r, id) s;
-- in-sample, the least usual of a partition first
SELECT country, (array_agg(id ORDER BY o DESC))[1] AS first
FROM (SELECT id, country, ad_outlier('auto', amount, score) OVER (PARTITION BY country) AS o
      FROM (SELECT id, country, score, CASE WHEN id IN (100, 101, 102) THEN 1e6 ELSE amount END AS amount FROM payments) p) s
GROUP BY country ORDER BY country;

-- what cannot be
SELECT ad_auto('fast');
SELECT ad_fit('{"detector": "auto", "trees": 5}'::jsonb, amount) FROM payments;
SELECT ad_fit('atuo', amount) FROM payments;
SELECT ad_ensemble(ARRAY[ad_auto('speed'), ad_auto()]);

DROP TABLE payments, wide;
