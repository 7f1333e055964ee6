-- Values beyond all that a fit saw: they are said, whatever the score.
\set SHOW_CONTEXT never
\pset null NULL
\pset format unaligned

CREATE TABLE payments AS
SELECT i AS id, round((0.89 + 364.11 * ((i * 7919 % 1000) / 999.0) ^ 3)::numeric, 2) AS amount, i % 10 AS items,
       CASE WHEN i % 10 < 7 THEN 'DE' ELSE 'FR' END AS country, i % 50 <> 0 AS known, i * 0.001::float8 AS weight,
       date '2026-01-01' + i % 100 AS day, time '08:00' + i % 600 * interval '1 minute' AS tod, i % 90 * interval '1 minute' AS took,
       timestamptz '2026-01-01 00:00+00' + i * interval '1 hour' AS at, (i % 300)::money AS fee,
       CASE WHEN i % 20 <> 0 THEN i % 7 END AS visits, 5 AS version, 0.3::float8 AS rate
FROM generate_series(1, 1000) i;
-- One value of a row at a time.
CREATE FUNCTION pg_temp.why(feature text, value text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	said text;
BEGIN
	EXECUTE format('SELECT ad_why(m, r) FROM (SELECT ad_fit(''iforest'', t) AS m FROM (SELECT %1$I, id FROM payments) t) f,
		LATERAL (SELECT r FROM (SELECT CAST(%2$L AS %3$s) AS %1$I, 500 AS id) r) q', feature, value,
		(SELECT atttypid::regtype FROM pg_attribute WHERE attrelid = 'payments'::regclass AND attname = feature)) INTO said;
	RETURN regexp_replace(said, '(; )?id [^;]*', '');
END $$;
SELECT feature, value, pg_temp.why(feature, value)
FROM (VALUES ('amount', '99999'), ('amount', '0.88'), ('amount', '365.01'), ('amount', '365'), ('amount', '-0.5'), ('amount', NULL), ('items', '10'),
	('items', '9'), ('items', '-2147483648'), ('country', 'KP'), ('country', NULL), ('known', NULL), ('weight', '1.0000000001'),
	('weight', 'Infinity'), ('weight', '-Infinity'), ('weight', 'NaN'), ('weight', '1e300'), ('day', '2026-04-11'), ('day', '2026-04-10'),
	('day', '-infinity'), ('tod', '23:00'), ('tod', '07:59:59.5'), ('took', '1 day'), ('took', '-1 second'), ('at', '2030-01-01 00:00+00'),
	('at', 'infinity'), ('fee', '1234.5'), ('visits', NULL), ('visits', '-1'), ('version', '6'), ('version', '5'), ('rate', '0.30000000000000004'),
	('rate', '0.31')) v(feature, value);
-- an infinity where the fit had infinities
SELECT ad_why(m, 'Infinity'::float8), ad_why(m, 101) FROM (SELECT ad_fit('zscore', CASE WHEN i % 50 = 0 THEN 'Infinity' ELSE i::float8 END) FROM generate_series(1, 100) i) f(m);

-- Whatever the score and the contribution: every detector, and two ensembles. The second feature is dropped, since it says what the first does.
CREATE TABLE specs AS
SELECT name, jsonb_build_object('detector', name) AS spec FROM unnest(_anomaly._ad_detectors()) name
UNION ALL VALUES ('mean', ad_ensemble(ARRAY[ad_iforest(), ad_knn(), ad_ecod()])), ('vote', ad_ensemble(ARRAY[ad_iforest(), ad_pca()], 'vote'));
CREATE TABLE twice AS SELECT ARRAY[amount::float8, amount::float8 * 2, items, sin(id), cos(id * id)] AS x FROM payments;
SELECT count(*) >= 18 AS many, bool_and(ad_why(m, ARRAY[20, 99999, 5, 0.1, 0.1]) ~ 'feature 2 99,999.* above all seen in training, 1.78-730') AS said,
	bool_and((SELECT sum(contribution) FROM ad_explain(m, ARRAY[20, 99999, 5, 0.1, 0.1]) WHERE feature = 'feature 2') = 0) AS no_contribution,
	bool_and((SELECT typical ~ '\(seen: 1.78-730.00\)$' FROM ad_explain(m, '{"top": 1, "beyond": true}'::jsonb, ARRAY[20, 99999, 5, 0.1, 0.1]) ORDER BY rank DESC LIMIT 1)) AS shown,
	bool_and(ad_why(m, ARRAY[20, 40, 5, 0.1, 0.1]) !~ 'training') AS not_of_usual_rows
FROM (SELECT name, ad_fit(spec || ad_prepare(drop_correlated => 0.95), x) AS m FROM specs, twice GROUP BY name) f;
-- The range is that of all rows, whatever the sample holds.
SELECT ad_why(m, 0) AS below, ad_why(m, 10001) AS above, ad_why(m, 1) !~ 'training' AND ad_why(m, 10000) !~ 'training' AS within
FROM (SELECT ad_fit(ad_iforest() || ad_sampling(rows => 256), i) AS m FROM generate_series(1, 10000) i) f;
-- Many at once.
SELECT ad_why(m, array_fill(-1, ARRAY[9])), ad_why(m, array_fill(-1, ARRAY[7])::int[] || ARRAY[1, 1])
FROM (SELECT ad_fit('zscore', array_fill(i, ARRAY[9])) AS m FROM generate_series(1, 100) i) f;

-- What a job writes of a row: what contributes most, and what is beyond all that the model was trained on.
SELECT ad_train('beyond', 'SELECT amount, items, country, fee FROM payments', 'zscore') AS version;
CREATE TABLE arrivals AS SELECT id, at, amount, 99999 AS items, country, 200000::money AS fee FROM payments WHERE id IN (7, 8);
UPDATE arrivals SET items = 4, fee = 5::money WHERE id = 7;
SELECT ad_create_job('beyond', 'beyond', 'arrivals', key => 'id', watermark => 'at', rule => '{"score": 0}', explain => 1);
CALL ad_run_job('beyond');
SELECT key, e ->> 'feature' AS feature, e ->> 'value' AS value, e ->> 'direction' AS direction, e ->> 'typical' AS typical
FROM ad_alert, jsonb_array_elements(explanation) WITH ORDINALITY x(e, n) ORDER BY key, n;
SELECT ad_drop_job('beyond'), ad_drop_model('beyond');

-- With beyond_range they count by themselves. Among 29 ordinary features one is absurd: every detector, and ensembles.
INSERT INTO specs VALUES ('pvalue', ad_ensemble(ARRAY[ad_iforest(), ad_zscore()], 'pvalue')),
	('members', ad_ensemble(ARRAY[ad_iforest() || ad_prepare(beyond_range => true), ad_pca()]));
CREATE TABLE wide AS
SELECT id, 0.89 + 364.11 * (id % 300 / 299.0) ^ 3 AS amount, ARRAY(SELECT sin(id * k * k) + sin(id * (k + 0.3)) FROM generate_series(1, 28) k) AS x FROM generate_series(1, 300) id;
CREATE TABLE counted AS
SELECT name, ad_fit(spec || ad_calibrate(method => 'cross'), x || amount::float8) AS plain, ad_fit(spec || ad_prepare(beyond_range => true) || ad_calibrate(method => 'cross'), x || amount::float8) AS m
FROM specs, wide WHERE id <> 150 GROUP BY name;
CREATE TABLE judged AS
SELECT name, amount, ad_score(plain, p.x || amount::float8) AS own, ad_score(m, p.x || amount::float8) AS score, ad_pvalue(m, p.x || amount::float8) AS p,
       ad_probability(m, p.x || amount::float8) AS probability, ad_is_anomaly(m, p.x || amount::float8) AS is_anomaly, e.contribution, e.feature, (ad_info(m) ->> 'beyond_unit')::float8 AS unit
FROM counted, (SELECT x FROM wide WHERE id = 150) p, unnest('{-1e300,-99999,-500,-90,0.89,40,365,400,470,700,5000,99999,1e300,Infinity,NULL}'::float8[]) amount,
	LATERAL (SELECT sum(contribution) AS contribution, max(feature) FILTER (WHERE rank = 1) AS feature FROM ad_explain(m, p.x || amount::float8)) e;
SELECT count(DISTINCT name) > 19 AS many, bool_and(p < 0.0034) AS least_p, bool_and(probability = 1) AS probability, bool_and(is_anomaly) AS is_anomaly,
	bool_and(feature = 'feature 29') AS explained, bool_and(abs(score) < 'Infinity') AS finite
FROM judged WHERE abs(amount) >= 5000;
-- within, or beyond by less than a standard deviation, which is about 100: as without it
SELECT bool_and(score = own) AS within FROM judged WHERE name <> 'members' AND (amount BETWEEN -90 AND 400 OR amount IS NULL);
-- what is added: the unit, times how many standard deviations beyond, less one
SELECT bool_and(abs((score - own) / unit - ((amount - 365) / sd - 1)) < 1e-6 * (amount / sd)) AS formula, count(*) > 30 AS many
FROM judged, (SELECT stddev_pop(amount) AS sd FROM wide WHERE id <> 150) s WHERE amount IN (470, 700, 5000) AND name <> 'members';
-- contributions add up to the score, less one baseline; farther out is never less, and p never more
SELECT bool_and(abs(j.score - j.contribution - b.score + b.contribution) <= 1e-9 * greatest(1, abs(j.score))) AS adds_up
FROM judged j JOIN judged b USING (name) WHERE b.amount = 40;
SELECT name FROM (SELECT name, score < lag(score) OVER w AS falls, p > lag(p) OVER w AS rises FROM judged WHERE amount >= 470
                  WINDOW w AS (PARTITION BY name ORDER BY amount)) t
WHERE falls OR rises;
SELECT name, max(unit) FROM judged WHERE unit IS NULL OR unit <= 0 GROUP BY name;

-- types, and features without a spread: another value counts, and how much is bounded by what the constant is
CREATE TABLE typed AS
SELECT at, day, tod, took, fee, known, items, country, version, rate, 0 AS never, id * 1e-300 AS tiny, id * 1e300 AS huge FROM payments;
CREATE FUNCTION pg_temp.units(feature text, value text) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
	units float8;
BEGIN
	EXECUTE format('SELECT (ad_score(m, r) - ad_score(n, r)) / (ad_info(m) ->> ''beyond_unit'')::float8
		FROM (SELECT ad_fit(ad_iforest() || ad_prepare(beyond_range => true), t) AS m, ad_fit(ad_iforest(), t) AS n FROM (SELECT %1$I, items AS other FROM typed) t) f,
		LATERAL (SELECT r FROM (SELECT CAST(%2$L AS %3$s) AS %1$I, 5 AS other) r) q', feature, value,
		(SELECT atttypid::regtype FROM pg_attribute WHERE attrelid = 'typed'::regclass AND attname = feature)) INTO units;
	RETURN round(units::numeric, 4 - greatest(0, log(greatest(units, 1))::int));
END $$;
SELECT feature, value, pg_temp.units(feature, value)
FROM (VALUES ('at', '2030-01-01 00:00+00'), ('at', '2026-02-12 00:00+00'), ('day', '2027-01-01'), ('tod', '18:30'), ('tod', '23:00'), ('tod', '03:00'), ('took', '1 day'),
	('took', '-3 days'), ('fee', '5000'), ('known', 'false'), ('items', '10'), ('items', '99'), ('country', 'KP'), ('version', '6'), ('version', '5'), ('version', '500'), ('version', '-5'),
	('rate', '0.30000000000000004'), ('rate', '0.31'), ('rate', '300'), ('never', '1'), ('never', '-7'), ('tiny', '1e-297'), ('tiny', '5e-297'), ('huge', '1e305'), ('huge', '-1.7e308')) v(feature, value);
-- the range is that of all rows; scores are those of any plan, form and order
SELECT round(ad_score(m, 10000) - ad_score(n, 10000)) AS greatest, ad_score(m, 10001 + 2800) = ad_score(n, 10001 + 2800) AS near, ad_score(m, 20000) > ad_score(n, 20000) AS far
FROM (SELECT ad_fit(ad_iforest() || ad_sampling(rows => 256) || ad_prepare(beyond_range => true), i) AS m, ad_fit(ad_iforest() || ad_sampling(rows => 256), i) AS n FROM generate_series(1, 10000) i) f;
SELECT count(DISTINCT m) AS models FROM (
	SELECT ad_fit(ad_iforest() || ad_prepare(beyond_range => true), t) AS m FROM typed t
	UNION ALL SELECT ad_fit(ad_iforest() || ad_prepare(beyond_range => true), t) FROM (SELECT * FROM typed ORDER BY fee, at) t
	UNION ALL SELECT ad_fit_sketch(ad_iforest() || ad_prepare(beyond_range => true), ad_merge(s)) FROM (SELECT ad_sketch(t) AS s FROM typed t GROUP BY items) t
	UNION ALL SELECT ad_fit(('{"detector": "iforest", "prepare": {"beyond_range": true}}')::jsonb, t) FROM typed t) f;
SELECT ad_score(m, ARRAY[5, 400]) = ad_score(m, 5, 400) AS array, ad_score(m, 5, 400) > 1 AS above_1
FROM (SELECT ad_fit(ad_iforest() || ad_prepare(beyond_range => true), items, version) AS m FROM payments) f;
-- of a dropped feature too; not of one without values
SELECT ad_score(m, 5, 10, 1) = ad_score(m, 5, 10, NULL) AS no_values, ad_score(m, 5, 1000, 1) > ad_score(m, 5, 10, 1) + 1 AS dropped
FROM (SELECT ad_fit(ad_zscore() || ad_prepare(beyond_range => true, drop_correlated => 0.9), items, items * 2, NULL::int) AS m FROM payments) f;

-- one absurd value of the fit does not hide itself, whatever row has it, nor the next: it is left out of the range
CREATE TABLE planted AS
SELECT id, exp(ad_random(1, id, 'normal')) AS amount, ARRAY(SELECT exp(ad_random(k, id, 'normal')) FROM generate_series(2, 8) k) AS x FROM generate_series(1, 1000) id;
CREATE FUNCTION pg_temp.plant(at int, value float8) RETURNS text LANGUAGE sql AS $$
	SELECT format('SELECT id, x || CASE WHEN id = %s THEN %L::float8 ELSE amount END AS x FROM planted', at, value)
$$;
SELECT bool_and(first) AS first, bool_and(least_p) AS least_p, count(*)
FROM (SELECT at, value, (array_agg(key ORDER BY score DESC))[1] = at::text AS first, min(p_value) = min(p_value) FILTER (WHERE key = at::text) AS least_p
	FROM unnest('{1,7,100,222,350,500,501,777,999,1000}'::int[]) at, unnest('{1e4,-1e4}'::float8[]) value,
		LATERAL (SELECT * FROM ad_detect(pg_temp.plant(at, value), key => 'id') d) d GROUP BY at, value) t;
-- under every detector, new and in-sample alike; the other rows as they were, the one with the greatest usual value too
CREATE TABLE hidden AS
SELECT name, ad_fit(spec || ad_prepare(beyond_range => true) || ad_calibrate(), amount, other) AS m, ad_fit(spec || ad_calibrate(), amount, other) AS plain
FROM specs, (SELECT CASE WHEN id = 7 THEN 100000 ELSE amount END AS amount, x[1] AS other FROM planted) t WHERE name <> 'members' GROUP BY name;
SELECT count(*) > 18 AS many, bool_and(ad_pvalue(m, 99999, 1) = (ad_info(m) #>> '{calibration,least_p}')::float8) AS least_p,
	bool_and(ad_score(m, 100000, 1) > ad_score(m, 99999, 1)) AS farther, bool_and(ad_score(m, 20, 1) = ad_score(plain, 20, 1)) AS within,
	bool_and(ad_why(m, 99999, 1) ~ '^feature 1 99,999' AND ad_why(m, 99999, 1) !~ 'training' AND ad_why(m, 100001, 1) ~ 'above all seen in training') AS why
FROM hidden;
-- where the sample has it not; of both ends; of two equal ones none is left out
SELECT kind, round(ad_score(m, 99999) - ad_score(n, 99999)) > 1 AS above, round(ad_score(m, -99999) - ad_score(n, -99999)) > 1 AS below, ad_score(m, 500) = ad_score(n, 500) AS within
FROM (SELECT kind, ad_fit(ad_iforest() || ad_sampling(rows => 256) || ad_prepare(beyond_range => true), v) AS m, ad_fit(ad_iforest() || ad_sampling(rows => 256), v) AS n
	FROM unnest('{neither,high,low,both,twice}'::text[]) kind, generate_series(1, 3000) i,
		LATERAL (SELECT CASE WHEN i = 100 AND kind IN ('high', 'both', 'twice') OR i = 101 AND kind = 'twice' THEN 1e6 WHEN i = 102 AND kind IN ('low', 'both') THEN -1e6 ELSE i % 1000 END) w(v)
	GROUP BY kind) f ORDER BY kind;
-- beside a constant: what is left is one, which has a range only where constants have
SELECT ad_score(m, 1e6, 0) > ad_score(m, 5, 0) + 1 AS counted, ad_score(m, 5, 0) > ad_score(m, 0, 0) + 1 AS itself, ad_score(a, 1e6, 0) > ad_score(a, 5, 0) + 1 AS auto_counted, ad_score(a, 5, 0) < 100 AS auto_not_itself
FROM (SELECT ad_fit(ad_iforest() || ad_prepare(beyond_range => true), CASE WHEN id = 7 THEN 5 ELSE 0 END, x[1]) AS m, ad_fit('auto', CASE WHEN id = 7 THEN 5 ELSE 0 END, x[1]) AS a FROM planted) f;
-- few values, and merged sketches
SELECT n, ad_score(m, 1e6) = ad_score(p, 1e6) AS as_without FROM (
	SELECT n, ad_fit(ad_zscore() || ad_prepare(beyond_range => true), v) AS m, ad_fit(ad_zscore(), v) AS p
	FROM unnest('{1,2,3,4,9}'::int[]) n, generate_series(1, n) i, LATERAL (SELECT CASE WHEN i = n THEN 1e6 ELSE i END) w(v) GROUP BY n) f ORDER BY n;
SELECT count(DISTINCT m) AS models FROM (
	SELECT ad_fit(ad_iforest() || ad_prepare(beyond_range => true), amount) AS m FROM planted
	UNION ALL SELECT ad_fit(ad_iforest() || ad_prepare(beyond_range => true), amount ORDER BY amount) FROM planted
	UNION ALL SELECT ad_fit_sketch(ad_iforest() || ad_prepare(beyond_range => true), ad_merge(s)) FROM (SELECT ad_sketch(amount) AS s FROM planted GROUP BY id % 3) t) f;
DROP TABLE planted, hidden;

-- ad_outlier: a row of the partition is beyond all others of it, under every detector
SELECT count(*) > 18 AS many, bool_and(greatest = 301) AS absurd, bool_and(same) AS others_as_they_were
FROM (SELECT name, (array_agg(id ORDER BY counted DESC))[1] AS greatest, bool_and(counted = own OR id = 301) AS same
	FROM (SELECT name, id, ad_outlier(spec || ad_prepare(beyond_range => true), x) OVER (PARTITION BY name) AS counted, ad_outlier(spec, x) OVER (PARTITION BY name) AS own
		FROM specs, (SELECT id, x[1:5] || amount::float8 AS x FROM wide UNION ALL SELECT 301, x[1:5] || 99999::float8 FROM wide WHERE id = 150) t WHERE name <> 'members') o
	GROUP BY name) q;
-- a job
SELECT ad_train('beyond', 'SELECT amount, items, country, fee FROM payments', ad_iforest() || ad_prepare(beyond_range => true) || ad_calibrate(method => 'cross')) AS version;
SELECT ad_create_job('beyond', 'beyond', 'arrivals', key => 'id', watermark => 'at', rule => '{"p_value": 0.001}', explain => 2);
CALL ad_run_job('beyond');
SELECT key, p_value < 0.001 AS least_p, explanation @? '$[*] ? (@.feature == "items" && @.contribution > 1)' AS explained FROM ad_alert;
SELECT ad_drop_job('beyond'), ad_drop_model('beyond');

DROP TABLE payments, specs, twice, arrivals, wide, counted, judged, typed;
