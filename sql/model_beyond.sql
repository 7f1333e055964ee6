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

DROP TABLE payments, specs, twice, arrivals;
