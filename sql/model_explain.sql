-- Why a row scores what it scores: contributions that add up, and sentences.
\set SHOW_CONTEXT never
\pset null NULL

CREATE TABLE payments AS
SELECT i AS id, round((3.10 + 208.90 * ((i * 7919 % 1000) / 999.0) ^ 2)::numeric, 2) AS amount,
       CASE WHEN i % 10 < 7 THEN 'DE' WHEN i % 10 < 9 OR i % 100 = 9 THEN 'FR' ELSE 'NL' END AS country,
       timestamptz '2024-03-01 08:00+00' + (i / 10) * interval '1 day' + (i % 10) * interval '1 hour' AS at,
       i % 200 = 0 AS foreign_card, i % 5 AS retries
FROM generate_series(1, 1000) i;
INSERT INTO payments VALUES (1001, 40, 'KP', '2024-03-03 12:00+00', false, 2), (1002, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE models AS
SELECT 'forest' AS name, ad_fit(ad_iforest(), t) AS model FROM (SELECT amount, country, at, foreign_card, retries FROM payments) t;
CREATE TABLE strange AS
SELECT * FROM (VALUES
	(1, 9870.00, 'DE', timestamptz '2024-03-20 10:00+00', false, 2),
	(2, 55.10, 'KP', timestamptz '2024-03-20 10:00+00', true, 2),
	(3, -0.01, 'XX', timestamptz '2025-06-01 03:04:05.25+00', false, 40),
	(4, NULL, NULL, NULL, NULL, NULL),
	(5, 30.00, 'DE', timestamptz '2024-03-20 10:00+00', false, 2)) v(id, amount, country, at, foreign_card, retries);

-- one row per feature, the greatest contribution first
SELECT s.id, e.rank, e.feature, e.value, sign(e.contribution), e.direction, e.typical
FROM strange s, models, ad_explain(model, s) e
WHERE s.id IN (1, 2, 3, 4) AND (e.rank <= 2 OR e.direction <> 'within' AND e.direction <> 'usual')
ORDER BY s.id, e.rank;
-- in a sentence
SELECT s.id, ad_why(model, s) FROM strange s, models ORDER BY s.id;
-- ranked by size, and every feature is there once
SELECT bool_and(ranked), bool_and(complete) FROM (
	SELECT array_agg(rank ORDER BY abs(contribution) DESC, rank) = ARRAY[1, 2, 3, 4, 5] AS ranked,
	       array_agg(feature ORDER BY feature) = '{amount,at,country,foreign_card,retries}' AS complete
	FROM strange s, models, ad_explain(model, s) GROUP BY s.id) q;

-- NULL model, array or row: nothing
SELECT count(*) FROM ad_explain(NULL, 1, 2);
SELECT ad_why(NULL, 1, 2) IS NULL AS model, ad_why(m, NULL::float8[]) IS NULL AS array,
       (SELECT count(*) FROM ad_explain(m, NULL::float8[])) AS rows
FROM (SELECT ad_fit('iforest', ARRAY[i, i % 7]) FROM generate_series(1, 100) i) f(m);
-- columns and arrays have no names
SELECT rank, feature, value, direction, typical
FROM (SELECT ad_fit('zscore', i % 100, i % 7) FROM generate_series(1, 700) i) f(m), ad_explain(m, 170, 3);
SELECT ad_why(m, ARRAY[4.5, 1e20]) FROM (SELECT ad_fit('zscore', ARRAY[i % 100, i % 7]) FROM generate_series(1, 700) i) f(m);

-- options
SELECT rank, feature FROM strange s, models, ad_explain(model, '{"top": 2, "method": "shap"}'::jsonb, s) WHERE s.id = 1;
SELECT max(abs(difference)) < 1e-9 AS path_adds_up_too, bool_or(abs(one_feature) > 1e-6) AS but_differs FROM (
	SELECT sum(a.contribution) - sum(b.contribution) AS difference, max(a.contribution - b.contribution) AS one_feature
	FROM strange s, models, ad_explain(model, s) a JOIN LATERAL ad_explain(model, '{"method": "path"}'::jsonb, s) b USING (feature)
	GROUP BY s.id) q;
SELECT count(*) FROM strange s, models, ad_explain(model, NULL::jsonb, s) WHERE s.id = 1;
-- options may change from row to row
SELECT top, (SELECT count(*) FROM ad_explain(model, jsonb_build_object('top', top), s))
FROM strange s, models, (VALUES (1), (3), (NULL), (4096), (2)) t(top) WHERE s.id = 1;

-- errors
SELECT ad_explain(model, '{"methods": "path"}'::jsonb, 1, 'a'::text, now(), true, 1) FROM models;
-- a literal needs a cast
SELECT ad_explain(model, '{"method": "path"}', 1, 'a'::text, now(), true, 1) FROM models;
SELECT ad_explain(model, '{"method": "saabas"}'::jsonb, 1, 'a'::text, now(), true, 1) FROM models;
SELECT ad_explain(model, '{"top": 0}'::jsonb, 1, 'a'::text, now(), true, 1) FROM models;
SELECT ad_explain(model, '[]'::jsonb, 1, 'a'::text, now(), true, 1) FROM models;
SELECT ad_explain(model, '{"top": 1}'::jsonb) FROM models;
SELECT ad_explain(model, 1::numeric) FROM models;
SELECT ad_explain(model, s.amount, s.country, s.at, s.foreign_card, s.country) FROM models, strange s;
SELECT ad_explain(model, '{}'::jsonb, 1, 'a'::text, now(), true, '[]'::jsonb) FROM models;
SELECT ad_explain(model, t) FROM models, (SELECT 1 AS amount) t;
SELECT ad_explain('not a model'::bytea, 1::int);
SELECT ad_why('not a model'::bytea, 1);
SELECT ad_why(m, NULL::float8, 1.0) FROM (SELECT ad_fit(ad_iforest() || ad_prepare(impute => 'error'), i, i % 7) FROM generate_series(1, 100) i) f(m);

-- Every detector: contributions are finite and add up to the score less a
-- baseline that is the same for all rows, whatever the rows.
CREATE TABLE rows (i int, x float8, y float8, n int, ts timestamptz, colour text, who text, flag boolean);
INSERT INTO rows SELECT i, sin(i) + i % 3 * 4, cos(i * 1.7) * (1 + i % 2), i % 17, timestamptz '2024-03-30 00:00+00' + i * interval '1 hour',
	(ARRAY['red', 'green', 'blue', NULL])[1 + i % 4], 'user ' || i * 7 % 30, i % 3 = 0 FROM generate_series(1, 300) i;
CREATE TABLE probes AS SELECT * FROM rows WHERE i % 10 = 0;
INSERT INTO probes VALUES (1001, 0.5, 3, 3, '2024-04-02 05:05+00', 'red', 'user 7', true),
	(1002, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
	(1003, 'Infinity', 0, 2147483647, 'infinity', 'unseen', '', false),
	(1004, '-Infinity', 'Infinity', -2147483648, '-infinity', '', 'user', true),
	(1005, 1e308, -1e308, 0, '294276-12-31', repeat('long', 100), 'user 1', false),
	(1006, 7, 4, 60, '2024-06-01', 'violet', 'somebody', NULL);
CREATE FUNCTION pg_temp.additivity(spec jsonb, method text, OUT rows bigint, OUT off bigint, OUT unfinite bigint)
LANGUAGE sql AS $$
WITH f AS MATERIALIZED (SELECT ad_fit(spec, t) AS m FROM (SELECT x, y, n, ts, colour, who, flag FROM rows) t),
e AS MATERIALIZED (
	SELECT p.i, ad_score(m, p) AS score, s.contribution, s.unfinite
	FROM f, probes p, LATERAL (
		SELECT sum(contribution) AS contribution, count(*) FILTER (WHERE NOT abs(contribution) < 'Infinity') AS unfinite
		FROM ad_explain(m, jsonb_build_object('method', method), p)) s)
SELECT count(*), count(*) FILTER (WHERE NOT abs(score - contribution - baseline) <= 1e-9 * greatest(1, abs(score), abs(baseline))),
	sum(unfinite)
FROM e, (SELECT score - contribution AS baseline FROM e WHERE i = 1001) b $$;
CREATE TABLE found AS SELECT name, method, a.* FROM (
	SELECT name, jsonb_build_object('detector', name) AS spec FROM unnest(_anomaly._ad_detectors()) name
	UNION ALL
	VALUES ('iforest, calendar', ad_iforest() || ad_prepare(calendar => true, scale => 'robust')),
		('iforest, extended', ad_iforest(ndim => 3)),
		('iforest, a tree of ten rows', ad_iforest(trees => 1, sample_size => 10)),
		('iforest, large', ad_iforest(trees => 2, sample_size => 60000) || ad_prepare(onehot_max => 40)),
		('fair_forest, one column', ad_fair_forest(ndim => 1)),
		('zscore, mad, mean', ad_zscore('mad', 'mean', 'mean')),
		('ecod, paper', ad_ecod('paper')), ('copod, paper', ad_copod('paper')),
		('hbos, pyod', ad_hbos(0, counting => 'pyod')),
		('pca, reconstruction', ad_pca(2, 'reconstruction')), ('pca, residual', ad_pca(0.9, 'reconstruction')),
		('mahalanobis, robust', ad_mahalanobis(robust => true)),
		('mahalanobis, fewer columns', ad_mahalanobis() || ad_prepare(drop_correlated => 0.5)),
		('cblof', ad_kmeans(method => 'cblof', use_weights => true)),
		('gmm, three', ad_gmm(components => 3)),
		('loda, imputed', ad_loda(widths => 'random', missing => 'impute'))) d(name, spec),
	(VALUES ('shap'), ('path')) m(method), pg_temp.additivity(spec, method) a
WHERE method = 'shap' OR name LIKE '%forest%';
SELECT count(DISTINCT name) - cardinality(_anomaly._ad_detectors()) AS variants, min(rows) AS rows FROM found;
SELECT * FROM found WHERE rows <> 36 OR off > 0 OR unfinite > 0 ORDER BY name COLLATE "C", method;
-- and they have names that are those of the features, whatever became of them
SELECT string_agg(e.feature || CASE e.contribution WHEN 0 THEN ' (none)' ELSE '' END, ', ' ORDER BY e.feature COLLATE "C")
FROM (SELECT ad_fit(ad_mahalanobis() || ad_prepare(drop_correlated => 0.9, calendar => true), t) AS m
      FROM (SELECT x, x * 2 AS twice, ts, colour FROM rows) t) f, ad_explain(m, (SELECT t FROM (SELECT 9.5 AS x, 2.5 AS twice, ts, 'grey' AS colour FROM rows WHERE i = 7) t)) e;

-- What they are, where it can be reckoned by hand.
-- zscore: the greatest deviation, shared: the smaller one in two halves, the rest is the greater's
SELECT feature, round(contribution::numeric, 6) AS contribution, round(ad_score(m, 2.0, 6.0)::numeric, 6) AS score
FROM (SELECT ad_fit('zscore', (i % 2) * 2 - 1, (i % 2) * 2 - 1) FROM generate_series(1, 1000) i) f(m),
	ad_explain(m, 2.0, 6.0);
-- mahalanobis of uncorrelated features: the squared distance of each
SELECT feature, round(contribution::numeric, 6) AS contribution
FROM (SELECT ad_fit('mahalanobis', (i % 2) * 2 - 1, (i / 2 % 2) * 2 - 1) FROM generate_series(1, 1000) i) f(m), ad_explain(m, 3.0, -4.0);
-- ecod: -ln of the tail, less its mean
SELECT feature, round(contribution::numeric, 6) AS contribution,
	round(ad_score(m, 3.0)::numeric, 6) AS score
FROM (SELECT ad_fit('ecod', v) FROM (VALUES (1), (1), (1), (3)) t(v)) f(m), ad_explain(m, 3.0);
SELECT round((-ln(1 / 4.0) - (3 * -ln(3 / 4.0) - ln(1 / 4.0)) / 4)::numeric, 6) AS expected;
-- knn: what the distance loses when a feature becomes its median
SELECT feature, round(contribution::numeric, 6) AS contribution, round(ad_score(m, 40, 50)::numeric, 6) AS score,
	round(ad_score(m, 5, 50)::numeric, 6) AS without_1, round(ad_score(m, 40, 5)::numeric, 6) AS without_2, round(ad_score(m, 5, 5)::numeric, 6) AS typical
FROM (SELECT ad_fit(ad_knn(neighbors => 1) || ad_prepare(scale => 'none'), i, i) FROM generate_series(0, 10) i) f(m), ad_explain(m, 40, 50);

-- How values are printed, and that no setting matters.
CREATE TABLE typed AS
SELECT (i * 123)::money AS price, date '2024-01-01' + i AS day, time '08:00' + i * interval '30 seconds' AS tod,
       timestamp '2024-01-01 12:00' + i * interval '1 day' AS moment, timestamptz '2024-07-01 12:00+00' + i * interval '1 hour' AS instant,
       i * interval '90 minutes' AS duration, i > 5 AS flag, i * 1000 AS whole, i / 1e6 AS small, i * 1e20 AS huge, 7 AS constant, 'same' AS word
FROM generate_series(1, 1000) i;
CREATE TABLE odd AS
SELECT '-$5.00'::money AS price, date '2030-02-03' AS day, time '23:59:59.5' AS tod, timestamp '0044-03-15 12:00 BC' AS moment,
       timestamptz '2024-12-24 18:00+00' AS instant, interval '-1 day -00:00:01' AS duration, false AS flag, 2000000 AS whole,
       0.0000001 AS small, 1e300 AS huge, 8 AS constant, 'other' AS word;
CREATE TABLE typed_model AS
SELECT ad_fit(ad_hbos() || ad_prepare(timezone => 'Asia/Kolkata', calendar => true), t) AS model FROM typed t;
SELECT feature, value, direction, typical FROM typed_model, odd o, ad_explain(model, o) ORDER BY feature COLLATE "C";
CREATE TABLE before AS SELECT e.*, ad_why(model, o) FROM typed_model, odd o, ad_explain(model, o) e;
SET DateStyle = 'German'; SET IntervalStyle = 'iso_8601'; SET TimeZone = 'America/New_York'; SET extra_float_digits = -5; SET lc_monetary = 'C';
SELECT count(*) AS different FROM (SELECT * FROM before EXCEPT SELECT e.*, ad_why(model, o) FROM typed_model, odd o, ad_explain(model, o) e) q;
RESET DateStyle; RESET IntervalStyle; RESET TimeZone; RESET extra_float_digits; RESET lc_monetary;
-- as close to the range as it gets, and beyond all numbers
SELECT v, value, direction, typical
FROM (SELECT ad_fit('zscore', i / 100.0) FROM generate_series(1, 1000) i) f(m),
	(VALUES (9.51::float8), (9.5101), (0.5), (0.4999), ('Infinity'), ('-Infinity'), (-0.001), (1e15), (123456.789)) t(v), ad_explain(m, v);
-- many categories: some are named, and none is rare for being one of many
SELECT value, direction, typical
FROM (SELECT ad_fit('ecod', 'user ' || i % 300) FROM generate_series(1, 3000) i) f(m),
	(VALUES ('user 17'), ('user 300')) t(v), ad_explain(m, v::text);

-- a value within whole numbers has the digits that tell it from them, five significant ones of the range's width
SELECT v, (ad_explain(m, v)).value, ad_why(m, v)
FROM (SELECT ad_fit('zscore', CASE WHEN i % 3 = 0 THEN 20 ELSE 5 + i % 46 END::float8) FROM generate_series(1, 2000) i) f(m),
	unnest(ARRAY[20, 20.01, 19.9999999, 100 / 3.0, 7.5, 2000.01]::float8[]) v;
SELECT ad_why(m, v) FROM (SELECT ad_fit('zscore', i % 46) FROM generate_series(1, 2000) i) f(m), unnest(ARRAY[40, 40.5]) v;

-- a text of 127 bytes and more stands in a row in another form than a shorter one: what is usual, values and names of
-- all lengths come back, and the columns before and after them
CREATE TABLE lengths AS
SELECT n, i, (ARRAY['a', 'b', 'c'])[width_bucket(i % 20, ARRAY[0, 8, 15])] || repeat('x', n) AS w,
	i % 10 AS thirty_five_bytes_with_their_header, i % 10 AS with_their_header_these_are_36_bytes,
	i % 10 AS as_long_as_the_name_of_a_column_can_be_which_is_sixty_three_byt
FROM generate_series(0, 62) n, generate_series(1, 100) i;
SELECT feature, count(*), min(length(typical)), max(length(typical)),
	bool_and(rank BETWEEN 1 AND 4 AND contribution BETWEEN 0 AND 9) AS numbers,
	bool_and(CASE feature WHEN 'w' THEN (value, direction, typical) = ('b' || x, 'usual', format('a%1$s, b%1$s, c%1$s', x))
		ELSE (value, direction, typical) = ('12', 'above', '0-9 (seen: 0-9)') END) AS texts
FROM (SELECT n, repeat('x', n) AS x, ad_fit('zscore', (SELECT r FROM (SELECT w, thirty_five_bytes_with_their_header,
		with_their_header_these_are_36_bytes, as_long_as_the_name_of_a_column_can_be_which_is_sixty_three_byt) r)) AS m
	FROM lengths l GROUP BY n) f,
	ad_explain(m, (SELECT r FROM (SELECT 'b' || x AS w, 12 AS thirty_five_bytes_with_their_header,
		12 AS with_their_header_these_are_36_bytes,
		12 AS as_long_as_the_name_of_a_column_can_be_which_is_sixty_three_byt) r))
GROUP BY feature ORDER BY feature COLLATE "C";
DROP TABLE lengths;

-- over many rows, several models, and as a target list
CREATE TABLE by_country AS SELECT country, ad_fit('ecod', amount, retries) AS model FROM payments WHERE country IN ('DE', 'FR') GROUP BY country;
SELECT country, count(*), count(DISTINCT feature), bool_and(rank IN (1, 2)) FROM payments JOIN by_country USING (country), ad_explain(model, amount, retries)
GROUP BY country ORDER BY country;
SELECT (ad_explain(model, 500.00, 1)).feature FROM by_country WHERE country = 'DE';
SELECT (e).direction, (e).rank FROM (SELECT ad_explain(model, '{"top": 1}'::jsonb, amount, 1) AS e FROM by_country, (VALUES (500.00), (-3)) v(amount) WHERE country = 'DE') q;

-- A call site that has let go of a model knows it from another at the same address: nothing is cached, and the second
-- model gets no row, so that nothing is said of it.
SET anomaly.model_cache_size = 0;
CREATE TABLE narrow_wide AS
SELECT 1 AS n, ad_fit('zscore', ARRAY[i, 0]) AS model, ARRAY[500, 0] AS row FROM generate_series(1, 100) i
UNION ALL SELECT 2, ad_fit('zscore', ARRAY[i, 0, 0]), NULL FROM generate_series(1, 100) i
UNION ALL SELECT 3, ad_fit('zscore', array_fill(0, ARRAY[39]) || i), array_fill(0, ARRAY[39]) || 500 FROM generate_series(1, 100) i;
SELECT n, ad_why(model, row) FROM (SELECT * FROM narrow_wide ORDER BY n OFFSET 0) q;
SELECT n, e.* FROM (SELECT * FROM narrow_wide ORDER BY n OFFSET 0) q, ad_explain(model, '{"top": 1}'::jsonb, row) e;
RESET anomaly.model_cache_size;

-- An ensemble would leave b out, its member does not: b is to blame, as without the ensemble's ad_prepare().
SELECT o, feature, direction FROM (VALUES (1, ad_prepare()), (2, ad_prepare(drop_correlated => 0.9))) p(o, prepare), LATERAL (
	SELECT ad_fit(ad_ensemble(ARRAY[ad_zscore() || ad_prepare(scale => 'standard')], 'max') || prepare, r)
	FROM (SELECT i AS a, 2 * i AS b, i % 11 AS c FROM generate_series(1, 100) i) r) f(m),
	ad_explain(m, '{"top": 1}'::jsonb, (SELECT r FROM (SELECT 50 AS a, 1000 AS b, 5 AS c) r))
ORDER BY o;

DROP TABLE narrow_wide, payments, strange, models, rows, probes, found, typed, odd, typed_model, before, by_country;
-- what is not 0 does not read as 0: the sign is the point
SELECT v, ad_why(m, v) FROM (SELECT ad_fit('iforest', (10 + (i * 37 % 101) / 4.0)::numeric(9, 2)) AS m FROM generate_series(1, 1000) i) f, (VALUES (-0.01), (-0.49), (0.004), (0)) v(v);

-- as many digits as tell a value from what is usual, however far from zero
SELECT what, ad_why(m, v) FROM (
	SELECT what, ad_fit('zscore', b + u * (i * 37 % 101)) AS m FROM (VALUES ('great', 9007199254740992, 4), ('offset', 1e9, 1e-6), ('less', 1e6, 1e-4), ('minus', -1e15, 1), ('constant', 1e16, 0)) o(what, b, u),
		generate_series(1, 200) i, LATERAL (SELECT b::float8, u::float8) f(fb, fu) GROUP BY what) f
JOIN (VALUES ('great', 9007199254740990), ('great', 9007199254742000), ('great', 1e17), ('offset', 999999999.99999), ('offset', 1000000000.00012), ('less', 1000000.01234),
	('minus', -1000000000010000), ('constant', 10000000000000002)) p(what, v) USING (what) ORDER BY what, v;
