-- Makes a database as people have it: named models with versions and grants,
-- jobs with alerts, labels and runs, and objects of theirs that depend on
-- functions of the extension. Its dump, made by the version that is to be
-- kept, is <version>.dump.sql.gz:
--
--   createdb kept; psql -X -d kept -f database.sql; pg_dump -d kept | gzip -9n
--
-- The roles are ad_kept_alice (owns models and jobs), ad_kept_bob (labels) and
-- ad_kept_carol (scores).

\set ON_ERROR_STOP on
SET timezone = 'UTC';
SELECT format('CREATE ROLE %I', r) FROM unnest('{ad_kept_alice,ad_kept_bob,ad_kept_carol}'::text[]) r
WHERE to_regrole(r) IS NULL \gexec
CREATE EXTENSION anomaly;

CREATE TABLE payment (
	id bigint PRIMARY KEY, customer text, amount numeric(9,2), country text, ts timestamptz NOT NULL);
INSERT INTO payment
SELECT i, 'C' || i % 7, (i * 37 % 101 + i * 53 % 97 + i * 71 % 89) / 3.0 * CASE WHEN i % 250 = 0 THEN 20 ELSE 1 END,
       (ARRAY['AT', 'CH', 'DE', 'DE'])[1 + i % 4], timestamptz '2026-03-02 08:00+00' + i * interval '1 minute'
FROM generate_series(1, 2000) i;
CREATE TABLE flow (id bigint PRIMARY KEY, account_id text, product_id text, event_type text, side text, price numeric, quantity bigint, ts timestamptz NOT NULL);
INSERT INTO flow
SELECT row_number() OVER (ORDER BY t, e), 'A' || b % 20, 'P' || b % 3,
       CASE WHEN e <= 5 THEN 'NEW' WHEN e <= 10 THEN 'CANCEL' ELSE 'FILL' END,
       CASE WHEN (e = 11) = (b % 2 = 0) THEN 'SELL' ELSE 'BUY' END, 100 + e % 5, 100 + b % 7 * 50, t
FROM generate_series(0, 59) b, generate_series(1, 11) e,
     LATERAL (SELECT timestamptz '2026-01-10 00:00+00' + b * interval '6 minutes' + (b * 37 % 300 + e * (0.3 + b % 5 * 0.25)) * interval '1 second' AS t) x;
GRANT SELECT ON payment, flow TO ad_kept_alice, ad_kept_carol;

SET SESSION AUTHORIZATION ad_kept_alice;
SELECT ad_train('payments', 'SELECT amount, country FROM payment WHERE id % 250 <> 0', ad_zscore() || ad_calibrate());
SELECT ad_train('payments', 'SELECT amount, country FROM payment WHERE id % 250 <> 0', ad_iforest(trees => 20, sample_size => 64) || ad_calibrate(), notes => 'second');
SELECT ad_activate('payments', 1);
SELECT ad_train('rows', 'SELECT ARRAY[amount, id]::float8[] FROM payment', ad_ecod());
SELECT ad_grant_model('payments', 'ad_kept_carol', 'score');
SELECT ad_grant_model('payments', 'ad_kept_bob', 'read');
SELECT ad_grant_model('rows', 'public', 'score');
SELECT ad_create_job('fraud', 'payments', 'payment', 'id', 'ts', rule => '{"p_value": 0.01}', entity => 'customer',
                     batch_size => 700, lag => '10 minutes', cooldown => '1 second', limit_per_hour => 50);
CALL ad_run_job('fraud');
SELECT ad_create_layering_job('layers', 'flow', rule => '{"score": 0}');
CALL ad_run_job('layers');
SELECT ad_grant_job('fraud', 'ad_kept_bob', 'label');
SELECT ad_label('fraud', key, true, 'seen') FROM ad_alert WHERE job = 'fraud' ORDER BY key LIMIT 3;
SET SESSION AUTHORIZATION ad_kept_bob;
SELECT ad_label('fraud', key, false) FROM ad_alert WHERE job = 'fraud' ORDER BY key DESC LIMIT 2;
SET SESSION AUTHORIZATION ad_kept_carol;
SELECT ad_create_job('mine', 'payments', 'payment', 'id', 'ts', rule => '{"score": 100}');
RESET SESSION AUTHORIZATION;

-- of theirs, over functions of the extension
CREATE TABLE model AS SELECT ad_fit(ad_ecod() || ad_calibrate(), amount, id) AS m FROM payment;
CREATE VIEW scored AS SELECT id, ad_score(m, amount, id) AS score, ad_pvalue(m, amount, id) AS p, ad_score('payments', amount, country) AS named
FROM payment, model;
CREATE MATERIALIZED VIEW strange AS SELECT id, score FROM scored ORDER BY score DESC, id LIMIT 20;
CREATE VIEW decomposed AS SELECT id, (d).score FROM (SELECT id, ad_stl(amount::float8, ts, '{"period": 24}') OVER (ORDER BY ts) AS d FROM payment) s;
CREATE VIEW layers AS SELECT id, (l).severity FROM (SELECT id, ad_layering(ad_order_event(event_type, side, price, quantity, ts, id::text)) OVER (PARTITION BY account_id, product_id ORDER BY ts, id) AS l FROM flow) s;
CREATE VIEW seen AS SELECT name, version, detector, privilege FROM ad_models;
CREATE VIEW alerts AS SELECT job, key, label FROM ad_alert;
SELECT format($$
CREATE TABLE checked (
	a float8, b float8, CONSTRAINT usual CHECK (ad_score(%1$L::bytea, a, b) < 1000),
	score float8 GENERATED ALWAYS AS (ad_score(%1$L::bytea, a, b)) STORED)$$, ad_fit('zscore', amount, id)) FROM payment \gexec
INSERT INTO checked (a, b) SELECT amount, id FROM payment LIMIT 50;
CREATE INDEX checked_score ON checked (score);
