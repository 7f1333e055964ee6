-- One call: a query's rows, judged.
\set SHOW_CONTEXT never

CREATE TABLE payments AS
SELECT 'p' || i AS id, round((20 + 5 * ad_random(1, i, 'normal'))::numeric, 2) * CASE WHEN i % 250 = 0 THEN 20 ELSE 1 END AS amount,
       (ARRAY['DE', 'FR', 'AT'])[1 + i % 3] AS country, i % 24 AS hour
FROM generate_series(1, 2000) i;

SELECT key, round(score::numeric, 3) AS score, round(p_value::numeric, 4) AS p, is_anomaly,
       explanation -> 0 ->> 'feature' AS feature, explanation -> 0 ->> 'direction' AS direction
FROM ad_detect('SELECT id, amount, country, hour FROM payments', ad_iforest(), contamination => 0.004, key => 'id')
WHERE is_anomaly ORDER BY score DESC, key;
SELECT jsonb_array_elements(explanation) - 'contribution' AS explanation
FROM ad_detect('SELECT * FROM payments', ad_zscore(), 0.004, 'id') WHERE key = 'p1750';

-- every row comes back once, in the query's order, under its key; wherever the key stands
SELECT count(*), count(DISTINCT d.key), bool_and(d.key = 'p' || n) AS in_order, count(explanation) = count(*) FILTER (WHERE is_anomaly) AS explained
FROM ad_detect('SELECT amount, hour, id FROM payments ORDER BY substr(id, 2)::int -- as they came', ad_zscore(), key => 'id', top => 0) WITH ORDINALITY d(key, score, p_value, is_anomaly, explanation, why, n);
-- also rows that hold nothing, or have no key
SELECT key, score IS NOT NULL AS scored, p_value FROM ad_detect('SELECT id, amount FROM payments WHERE hour = 1 UNION ALL SELECT NULL, NULL', ad_zscore(), key => 'id', top => 0)
WHERE key IS NULL;
SELECT count(*), count(score) FROM ad_detect('SELECT id, CASE WHEN hour > 5 THEN ARRAY[amount, hour] END FROM payments', ad_pca(), key => 'id', top => 0);
-- columns may be called as the query around them calls its own
SELECT DISTINCT e ->> 'feature' AS feature FROM ad_detect('SELECT id, amount AS _f, hour AS _q FROM payments', ad_zscore(), 0.01, 'id'), jsonb_array_elements(explanation) e ORDER BY 1;
SELECT * FROM ad_detect('SELECT id, amount FROM payments WHERE false', ad_zscore());
-- all of them NULL is no fit
SELECT * FROM ad_detect('SELECT NULL::payments FROM payments', ad_zscore());
SELECT * FROM ad_detect('SELECT id, NULL::float8[] AS x FROM payments', ad_zscore(), key => 'id');
-- a detector's name, or a spec without a type, is as good; the contamination is the call's
SELECT count(*) AS rows, count(DISTINCT s) AS specs, sum(anomalies) AS anomalies
FROM (SELECT key, count(DISTINCT score) AS s, count(*) FILTER (WHERE is_anomaly) AS anomalies
      FROM (SELECT * FROM ad_detect('SELECT id, amount FROM payments', 'zscore', 0.01, 'id')
            UNION ALL SELECT * FROM ad_detect('SELECT id, amount FROM payments', '{"detector": "zscore"}', 0.01, 'id')
            UNION ALL SELECT * FROM ad_detect('SELECT id, amount FROM payments', spec => 'zscore', contamination => 0.01, key => 'id')
            UNION ALL SELECT * FROM ad_detect('SELECT id, amount FROM payments', ad_zscore() || ad_calibrate(contamination => 0.4), 0.01, 'id')) d
      GROUP BY key) k;
SELECT * FROM ad_detect('SELECT id, amount FROM payments', 'zcore');
SELECT * FROM ad_detect('SELECT id, amount FROM payments', '{"detector": "zscore"');
-- without a key every column is a feature, and rows have no number
SELECT count(*), count(key), count(score) FROM ad_detect('SELECT amount, hour FROM payments', ad_zscore(), top => 0);
-- as the spec says: without p-values, as an ensemble, with the key to sample by
SELECT count(p_value), count(*) FILTER (WHERE is_anomaly) AS anomalies
FROM ad_detect('SELECT id, amount FROM payments', ad_zscore() || ad_calibrate(share => 0), 0.05, 'id');
SELECT count(*) FILTER (WHERE is_anomaly) > 0 AS found
FROM ad_detect('SELECT id, amount, hour FROM payments', ad_ensemble(ARRAY[ad_iforest(), ad_hbos()], 'max') || ad_sampling(rows => 500, keyed => true), contamination => 0.1, key => 'id');
-- the scores are those of the model that the same rows and spec make
SELECT max(abs(d.score - ad_score(m, p))) AS difference
FROM ad_detect('SELECT id, amount, hour FROM payments', ad_iforest(), 0.01, 'id') d JOIN payments p ON p.id = d.key,
     (SELECT ad_fit(ad_iforest() || ad_calibrate(contamination => 0.01), t) AS m FROM (SELECT amount, hour FROM payments) t) f;

-- the caller's rights, read-only
CREATE FUNCTION spoil(text) RETURNS text LANGUAGE sql VOLATILE AS $$ DELETE FROM payments WHERE id = $1 RETURNING id $$;
SELECT * FROM ad_detect('SELECT spoil(id), amount FROM payments', ad_zscore());
SELECT * FROM ad_detect('DELETE FROM payments RETURNING id, amount', ad_zscore());
SELECT * FROM ad_detect('WITH d AS (DELETE FROM payments RETURNING id, amount) SELECT * FROM d', ad_zscore());
SELECT * FROM ad_detect('SELECT id, amount FROM payments FOR UPDATE', ad_zscore());
SELECT * FROM ad_detect('SELECT id, amount INTO elsewhere FROM payments', ad_zscore());
SELECT * FROM ad_detect('SELECT 1; DROP TABLE payments', ad_zscore());
SELECT * FROM ad_detect('SELECT id, amount FROM payments) t; DROP TABLE payments; --', ad_zscore());
SELECT * FROM ad_detect('', ad_zscore());
SELECT * FROM ad_detect('VALUES', ad_zscore());
CREATE ROLE regress_ad_reader;
SET ROLE regress_ad_reader;
SELECT * FROM ad_detect('SELECT id, amount FROM payments', ad_zscore());
RESET ROLE;
DROP ROLE regress_ad_reader;
SELECT count(*) FROM payments;

-- what else is wrong is said by name; a transaction that it fails in can still write after
SELECT * FROM ad_detect('SELECT id, amount FROM payments', ad_zscore(), key => 'nr');
SELECT * FROM ad_detect('SELECT id FROM payments', ad_zscore(), key => 'id');
SELECT * FROM ad_detect('SELECT amount FROM payments', ad_zscore() || ad_sampling(keyed => true));
SELECT * FROM ad_detect('SELECT id, id, amount FROM payments', ad_zscore(), key => 'id');
SELECT * FROM ad_detect('SELECT id, amount, hour AS amount FROM payments', ad_zscore());
SELECT * FROM ad_detect('SELECT id, point(1, 2) AS at, amount FROM payments', ad_zscore());
SELECT * FROM ad_detect('SELECT id, amount FROM payments', ad_zscore(), 0);
SELECT * FROM ad_detect('SELECT id, amount FROM payments', ad_zscore(), 'NaN');
SELECT * FROM ad_detect('SELECT id, amount FROM payments', '{"detector": "zscores"}');
SELECT * FROM ad_detect('SELECT id, amount FROM payments', NULL);
SELECT * FROM ad_detect(NULL, ad_zscore());
SELECT * FROM ad_detect('SELECT id, 1 / (hour - 7) AS a FROM payments', ad_zscore());
DO $$
BEGIN
	BEGIN
		PERFORM ad_detect('SELECT id, 1 / (hour - 7) AS a FROM payments', ad_zscore());
	EXCEPTION WHEN division_by_zero THEN
		RAISE NOTICE 'division by zero';
	END;
	DELETE FROM payments WHERE id = 'p1';
END $$;
SELECT count(*) FROM payments;

DROP TABLE payments;
DROP FUNCTION spoil;
-- an infinite score hides no other
SELECT key, is_anomaly FROM ad_detect($$SELECT i AS id, CASE WHEN i = 300 THEN 'Infinity'::float8 WHEN i < 4 THEN 1e6 + i ELSE ad_random(1, i, 'normal') END AS a,
	ad_random(2, i, 'normal') AS b FROM generate_series(1, 1000) i$$, 'lof', key => 'id', top => 4) ORDER BY key;
-- whole numbers read back
SELECT name, min_text::bigint AS min, max_text::bigint AS max FROM ad_features((SELECT ad_fit(ad_zscore(), t) FROM (SELECT 1700000001000000 + i AS us FROM generate_series(0, 9) i) t));
