-- One call with next to nothing said: the highest scores, with reasons, and what
-- of them is an anomaly.
\set SHOW_CONTEXT never

CREATE SCHEMA detect_top;
SET search_path = detect_top, public;
CREATE TABLE payments AS
SELECT 'p' || i AS id, round((20 + 5 * ad_random(1, i, 'normal'))::numeric, 2) * CASE WHEN i % 250 = 0 THEN 20 ELSE 1 END AS amount,
       (ARRAY['DE', 'FR', 'AT'])[1 + i % 3] AS country, i % 24 AS hour, i % 250 = 0 AS is_fraud
FROM generate_series(1, 2000) i;

-- a table is enough; a label among its columns gives itself away
SELECT count(*), count(why) AS explained, bool_and(score <= least_before) AS descending
FROM (SELECT *, coalesce(min(score) OVER (ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 'Infinity') AS least_before
      FROM ad_detect('payments') WITH ORDINALITY d(key, score, p_value, is_anomaly, explanation, why, n)) r;
SELECT key, is_anomaly, why FROM ad_detect('payments', key => 'id', exclude => ARRAY['is_fraud'], top => 10) ORDER BY length(key), key;
-- the same by each way to write the table
SELECT count(DISTINCT keys) AS answers, min(n) AS anomalies
FROM (SELECT string_agg(d.key, ' ' ORDER BY d.key) AS keys, count(*) AS n
      FROM unnest(ARRAY['payments', ' detect_top . payments ', '"payments"', 'PAYMENTS', 'SELECT * FROM payments', 'TABLE payments', 'SELECT * FROM payments;']) WITH ORDINALITY s(source, i),
           ad_detect(source, key => 'id', exclude => '{is_fraud}') d WHERE is_anomaly GROUP BY i) a;
-- every row, in the query's order, with anomalies explained
SELECT count(*), bool_and(key = 'p' || n) AS in_order, count(*) FILTER (WHERE is_anomaly) AS anomalies, count(why) AS explained, count(explanation) AS in_numbers
FROM ad_detect('SELECT id, amount, hour FROM payments', key => 'id', top => 0) WITH ORDINALITY d(key, score, p_value, is_anomaly, explanation, why, n);
-- with a contamination it is that share, of all rows; and those asked for are explained
SELECT count(*), count(*) FILTER (WHERE is_anomaly) AS anomalies, count(why) AS explained
FROM ad_detect('SELECT id, amount, hour FROM payments', 'zscore', contamination => 0.05, key => 'id');
SELECT count(*), count(*) FILTER (WHERE is_anomaly) AS anomalies, count(why) AS explained
FROM ad_detect('SELECT id, amount, hour FROM payments', 'zscore', contamination => 0.05, key => 'id', top => 200);
-- more anomalies than are returned
SELECT count(*) FROM ad_detect('SELECT id, amount * CASE WHEN i % 50 = 0 THEN 100 ELSE 1 END AS amount FROM (SELECT *, substr(id, 2)::int AS i FROM payments) p',
	'zscore', key => 'id');
SELECT count(*) FROM ad_detect('SELECT id, amount * CASE WHEN i % 50 = 0 THEN 100 ELSE 1 END AS amount FROM (SELECT *, substr(id, 2)::int AS i FROM payments) p',
	'zscore', key => 'id', top => 20);

-- names as tables have them; views and the like
CREATE TABLE "My ""own"" Table" AS SELECT i AS "Key Of It", i % 7 AS "A b", (i * 7 % 31)::float8 AS "c'd" FROM generate_series(1, 100) i;
CREATE VIEW mornings AS SELECT id, amount FROM payments WHERE hour < 12;
CREATE MATERIALIZED VIEW kept AS SELECT id, amount FROM payments;
CREATE TABLE parted (LIKE payments) PARTITION BY LIST (country);
CREATE TABLE parted_de PARTITION OF parted FOR VALUES IN ('DE');
CREATE TABLE parted_rest PARTITION OF parted DEFAULT;
INSERT INTO parted SELECT * FROM payments;
CREATE TEMP TABLE passing AS SELECT id, amount FROM payments;
SELECT source, count(*), count(why) AS explained
FROM (VALUES ('"My ""own"" Table"', '"c''d"'), ('mornings', 'id'), ('kept', 'id'), ('parted', 'id'), ('pg_temp.passing', 'id'), ('detect_top."kept"', 'id')) s(source, key),
     ad_detect(source, 'zscore', key => CASE key WHEN '"c''d"' THEN 'Key Of It' ELSE key END, top => 5) d
GROUP BY source ORDER BY source COLLATE "C";

-- as training query too, and wherever else a query is taken
SELECT ad_train('detect_top', 'payments', 'zscore', exclude => ARRAY['is_fraud', 'id']);
SELECT query, features FROM ad_models WHERE name = 'detect_top';
SELECT ad_train('detect_top', 'payments', ad_ensemble(ARRAY[ad_zscore(), ad_ecod()]), labels => 'is_fraud', exclude => '{id,country}');
SELECT query, labels FROM ad_models WHERE name = 'detect_top' AND active;
SELECT ad_train('detect_top', 'mornings', 'zscore', exclude => '{}');
SELECT count(*) > 5 AS recommended FROM ad_recommend('payments');
SELECT count(*) AS compared FROM ad_benchmark('payments', ARRAY['zscore', 'IQR'], label => 'is_fraud', key => 'id');
SELECT spec ->> 'detector' AS tuned FROM ad_tune('payments', 'is_fraud', 'z-score', key => 'id');
SELECT ad_train_groups('detect_groups', 'payments', by => 'country', detector => 'zscore') IS NOT NULL AS trained;

-- features that say little
SELECT count(*) FROM ad_detect('SELECT *, 1 AS one, NULL::int AS nothing, substr(id, 2)::int AS nr FROM payments', 'zscore', top => 3);
SELECT count(*) FROM ad_detect('SELECT *, substr(id, 2)::int + 0.5 AS time FROM payments', 'zscore', key => 'id', exclude => '{is_fraud}', top => 3);
SELECT count(*) FROM ad_detect('SELECT amount, md5(id)::uuid AS u FROM payments', 'zscore', exclude => '{u}', top => 3);

-- what is wrong
SELECT * FROM ad_detect('payment');
SELECT * FROM ad_detect('detect_top.payment', 'zscore');
SELECT * FROM ad_detect('nowhere.payments');
SELECT ad_train('m', '"Payments"');
SELECT * FROM ad_recommend('a.b.c.d');
SELECT * FROM ad_detect('the payments, please');
SELECT * FROM ad_detect('payments', exclude => '{is_frauds}');
SELECT * FROM ad_detect('payments', exclude => '{unrelated}');
SELECT * FROM ad_detect('payments', exclude => ARRAY[NULL]);
SELECT * FROM ad_detect('kept', key => 'id', exclude => '{amount}');
SELECT * FROM ad_detect('payments', top => -1);
SELECT * FROM ad_detect('payments', risk => 0);
SELECT * FROM ad_detect('payments', risk => NULL);
SELECT ad_train('m', 'payments', exclude => '{is_frauds}');
SELECT ad_score('detect_tops', 1);
SELECT ad_score('nothing of the kind', 1);
CREATE ROLE regress_ad_blind;
GRANT USAGE ON SCHEMA detect_top TO regress_ad_blind;
SET ROLE regress_ad_blind;
SELECT ad_score('detect_tops', 1);
SELECT * FROM ad_detect('payments');
RESET ROLE;
-- nothing to find fault with
SELECT count(*) FROM ad_detect('SELECT * FROM payments WHERE false');
SELECT count(*), count(score), count(*) FILTER (WHERE is_anomaly) AS anomalies FROM ad_detect('SELECT amount FROM payments LIMIT 1', 'zscore');
BEGIN READ ONLY;
SELECT count(*) FROM ad_detect('payments', 'zscore', exclude => '{id,is_fraud}');
COMMIT;

DROP OWNED BY regress_ad_blind;
DROP ROLE regress_ad_blind;
SELECT ad_drop_model('detect_top'), ad_drop_model('detect_groups');
SET client_min_messages = warning;
DROP SCHEMA detect_top CASCADE;
