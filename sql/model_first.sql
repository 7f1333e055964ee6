-- The statements a newcomer tries first: fit, store, score, a model a group,
-- sketch, merge, refit, inspect, constrain.
\set SHOW_CONTEXT never
SET timezone = 'UTC';

CREATE TABLE payments AS
SELECT i AS id, date '2024-03-01' + i / 100 AS day,
       (ARRAY['bakery', 'garage', 'kiosk'])[1 + i % 3] AS merchant,
       round((i * 37 % 100 + i * 53 % 97 + i * 71 % 89 + i * 29 % 83) / 4.0, 2)
           AS amount,
       (ARRAY['AT', 'CH', 'DE', 'DE', 'DE', 'FR', 'FR'])[1 + i % 7] AS country,
       timestamptz '2024-03-01 08:00+00' + i % 12 * interval '1 hour' +
           i / 100 * interval '1 day' AS ts,
       8 + i % 12 AS hour
FROM generate_series(1, 999) i;
-- two payments that should not be there
UPDATE payments SET amount = 4711, country = 'KY', ts = ts - interval '20 days' WHERE id = 500;
UPDATE payments SET amount = 3999, ts = ts + interval '20 days' WHERE id = 700;

-- columns of mixed types
CREATE TABLE models (name text PRIMARY KEY, model bytea NOT NULL);
INSERT INTO models
SELECT 'fraud', ad_fit(ad_iforest(trees => 200), amount, country, ts) AS model
FROM payments;
SELECT ad_info(model) - 'digest' - 'bytes' - 'spec' - 'iforest' - 'threshold' AS info
FROM models WHERE name = 'fraud';
SELECT ad_info(model) -> 'spec' ->> 'trees' AS trees FROM models;

-- a row: names are kept
INSERT INTO models
SELECT 'named', ad_fit('iforest', p)
FROM (SELECT amount, country, ts FROM payments) p;
SELECT name, (ad_features(model)).* FROM models ORDER BY models.name, position;

-- arrays
CREATE TABLE docs AS
SELECT id, ARRAY[amount, hour, id % 7]::float8[] AS embedding,
       ARRAY[amount, hour, id % 7]::float4[] AS small
FROM payments;
SELECT ad_info(ad_fit(ad_iforest(), embedding)) ->> 'features' AS float8,
       ad_info(ad_fit(ad_iforest(), small)) ->> 'features' AS float4
FROM docs;

-- score: the two come first
SELECT id, score > 0.6 AS high
FROM (SELECT id, ad_score(m.model, amount, country, ts) AS score
      FROM payments, models m WHERE m.name = 'fraud' ORDER BY 2 DESC LIMIT 2) t
ORDER BY id;
SELECT id
FROM (SELECT id FROM payments p
      ORDER BY ad_score((SELECT model FROM models WHERE name = 'named'), p) DESC LIMIT 2) t
ORDER BY id;

-- a model per group
CREATE TABLE merchants AS
SELECT merchant, ad_fit(ad_iforest(), amount, hour) AS model
FROM payments GROUP BY merchant;
SELECT merchant, ad_info(model) ->> 'rows' AS rows,
       (SELECT max FROM ad_features(model) WHERE position = 1) AS max
FROM merchants ORDER BY merchant;
SELECT DISTINCT ON (merchant) merchant, id
FROM payments JOIN merchants m USING (merchant)
WHERE merchant <> 'bakery'
ORDER BY merchant, ad_score(m.model, amount, hour) DESC, id;

-- sketch, merge, refit
CREATE TABLE daily AS
SELECT day, ad_sketch(amount, country, ts) AS sketch FROM payments GROUP BY day;
SELECT count(*) FROM daily;
SELECT ad_fit_sketch(ad_iforest(trees => 200), ad_merge(sketch)) =
       (SELECT model FROM models WHERE name = 'fraud') AS same_model
FROM daily;
SELECT count(ad_fit_sketch(ad_iforest(), sketch)) FROM daily;
SELECT ad_merge(s) IS NOT NULL AS merged
FROM (SELECT day, ad_sketch(amount, country, ts) s FROM payments GROUP BY day) d;

-- a model guards a table
DO $$
BEGIN
	EXECUTE format('ALTER TABLE payments ADD CONSTRAINT usual CHECK '
				   '(ad_score(%L::bytea, amount, country, ts) < 0.8)', model)
	FROM models WHERE name = 'fraud';
	EXECUTE format('ALTER TABLE payments ADD CONSTRAINT quite_usual CHECK '
				   '(ad_score(%L::bytea, amount, country, ts) < 0.63) NOT VALID', model)
	FROM models WHERE name = 'fraud';
END $$;
INSERT INTO payments SELECT 1000, day, merchant, amount, country, ts, hour
FROM payments WHERE id = 1;
\set VERBOSITY sqlstate
INSERT INTO payments
SELECT 1001, day, merchant, 4711, 'KY', ts, hour FROM payments WHERE id = 500;
\set VERBOSITY default

DROP TABLE payments, models, docs, merchants, daily;
