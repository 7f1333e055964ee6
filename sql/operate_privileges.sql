-- Named models: who may score with them, read them, own them.
\set SHOW_CONTEXT never
\set VERBOSITY terse
\pset format unaligned
CREATE ROLE ad_test_alice;
CREATE ROLE ad_test_bob;
CREATE ROLE ad_test_team;
CREATE ROLE "ad test; ""odd""";
CREATE TABLE payments AS
SELECT i AS id, (i * 37 % 101 + i * 53 % 97)::float8 AS amount, i % 2 AS region FROM generate_series(1, 1000) i;

-- the training query runs as the caller, under the caller's rights and row security
SET ROLE ad_test_alice;
SELECT ad_train('fraud', 'SELECT amount FROM payments', 'hbos');
RESET ROLE;
GRANT SELECT ON payments TO ad_test_alice, ad_test_bob;
ALTER TABLE payments ENABLE ROW LEVEL SECURITY;
CREATE POLICY by_region ON payments FOR SELECT USING (region = 0 OR current_user <> 'ad_test_alice');
SET ROLE ad_test_alice;
SELECT ad_train('fraud', 'SELECT amount FROM payments', ad_hbos(), notes => 'secret');
SELECT name, version, rows, trained_by, privilege, query FROM ad_models;
SELECT * FROM ad_model_grants ORDER BY name, role COLLATE "C", privilege;
SELECT ad_score('fraud', 100) IS NOT NULL AS scored, length(ad_model('fraud')) > 0 AS bytes;
-- the tables themselves are nobody's
SELECT count(*) FROM _anomaly._ad_model_version;
SELECT count(*) FROM _anomaly._ad_model_name;
INSERT INTO _anomaly._ad_model_grant VALUES ('fraud', 'public', 'own');

-- bob has nothing
SET ROLE ad_test_bob;
SELECT ad_score('fraud', 100);
SELECT ad_info('fraud');
SELECT * FROM ad_features('fraud');
SELECT ad_model('fraud');
SELECT ad_model('fraud', 1);
SELECT ad_train('fraud', 'SELECT amount FROM payments', 'hbos');
SELECT ad_activate('fraud', 1);
SELECT ad_drop_model('fraud');
SELECT ad_rename_model('fraud', 'mine');
SELECT ad_grant_model('fraud', 'ad_test_bob', 'own');
SELECT ad_revoke_model('fraud', 'ad_test_alice', 'own');
SELECT * FROM ad_compare('fraud', 1, 1, 'TABLE payments');
SELECT count(*) AS models, (SELECT count(*) FROM ad_model_grants) AS grants FROM ad_models;
-- a function of his in the condition sees no hidden row
CREATE FUNCTION pg_temp.spy(text) RETURNS bool LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN RAISE NOTICE 'saw %', $1; RETURN true; END $$;
SELECT name FROM ad_models WHERE pg_temp.spy(name);
SELECT name FROM ad_models WHERE pg_temp.spy(notes);

-- score lets score, and says what it is; no more
SET ROLE ad_test_alice;
SELECT ad_grant_model('fraud', 'ad_test_bob', 'score');
SET ROLE ad_test_bob;
SELECT ad_score('fraud', 100) IS NOT NULL AS scored;
SELECT name, version, detector, privilege, query IS NULL AS hidden FROM ad_models;
SELECT ad_model('fraud');
SELECT ad_info('fraud');
SELECT * FROM ad_features('fraud');
SELECT ad_train('fraud', 'SELECT amount FROM payments', 'hbos');
SELECT * FROM ad_model_grants ORDER BY name, role COLLATE "C", privilege;
-- read lets read
SET ROLE ad_test_alice;
SELECT ad_grant_model('fraud', 'ad_test_team', 'read');
RESET ROLE;
GRANT ad_test_team TO ad_test_bob;
SET ROLE ad_test_bob;
SELECT length(ad_model('fraud')) > 0 AS bytes, ad_info('fraud') ->> 'detector' AS info, ad_score('fraud', 100) IS NOT NULL AS scored;
SELECT privilege, query FROM ad_models;
SELECT ad_activate('fraud', 1);
SET ROLE ad_test_alice;
SELECT ad_revoke_model('fraud', 'ad_test_alice', 'own');
-- own lets own: train, activate, grant, and take away
SET ROLE ad_test_alice;
SELECT ad_grant_model('fraud', 'ad_test_team', 'own');
SET ROLE ad_test_bob;
SELECT ad_train('fraud', 'SELECT amount FROM payments WHERE id < 500', 'zscore');
SELECT ad_revoke_model('fraud', 'ad_test_alice', 'own');
SET ROLE ad_test_alice;
SELECT ad_score('fraud', 100);
SET ROLE ad_test_team;
SELECT ad_grant_model('fraud', 'ad_test_alice', 'own');
RESET ROLE;
REVOKE ad_test_team FROM ad_test_bob;
SET ROLE ad_test_bob;
SELECT ad_score('fraud', 100) IS NOT NULL AS scored;
SELECT ad_model('fraud');
-- public
SET ROLE ad_test_alice;
SELECT ad_revoke_model('fraud', 'ad_test_bob', 'score'), ad_revoke_model('fraud', 'ad_test_bob', 'score');
SET ROLE ad_test_bob;
SELECT ad_score('fraud', 100);
SET ROLE ad_test_alice;
SELECT ad_grant_model('fraud', 'public', 'score'), ad_grant_model('fraud', 'ad test; "odd"', 'read');
SET ROLE ad_test_bob;
SELECT ad_score('fraud', 100) IS NOT NULL AS scored;
SELECT ad_model('fraud');
SELECT * FROM ad_model_grants ORDER BY name, role COLLATE "C", privilege;
-- wrong words
SET ROLE ad_test_alice;
SELECT ad_grant_model('fraud', 'ad_test_nobody', 'score');
SELECT ad_grant_model('fraud', 'ad_test_bob', 'write');
SELECT ad_grant_model('nobody', 'ad_test_bob', 'score');
SELECT ad_revoke_model('fraud', 'public', 'score');

-- a view's functions run as who asks, a SECURITY DEFINER function as its owner
RESET ROLE;
CREATE VIEW scored AS SELECT id, ad_score('fraud', amount) AS score FROM payments;
ALTER VIEW scored OWNER TO ad_test_alice;
GRANT SELECT ON scored TO ad_test_bob;
CREATE FUNCTION payment_score(float8) RETURNS float8 LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp AS 'SELECT ad_score(''fraud'', $1)';
ALTER FUNCTION payment_score OWNER TO ad_test_alice;
SET ROLE ad_test_bob;
SELECT payment_score(100) IS NOT NULL AS scored;
SELECT ad_score('fraud', 100);
SELECT count(score) FROM scored;
SET ROLE ad_test_alice;
SELECT count(score) FROM scored;
-- one call site, two users: what the first may, the second may not
RESET ROLE;
CREATE FUNCTION as_whom(as_alice bool) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	IF as_alice THEN SET LOCAL ROLE ad_test_alice; ELSE SET LOCAL ROLE ad_test_bob; END IF;
	RETURN ad_score('fraud', 100) IS NOT NULL;
EXCEPTION WHEN insufficient_privilege THEN
	RETURN SQLSTATE;
END $$;
SELECT as_whom(true) AS alice, as_whom(false) AS bob, as_whom(true) AS alice;
-- a superuser may everything
SELECT ad_score('fraud', 100) IS NOT NULL AS scored, (SELECT count(*) FROM ad_models) AS models;

-- grants follow a role that is renamed, and end with one that is dropped
SELECT ad_grant_model('fraud', 'ad_test_bob', 'score');
ALTER ROLE ad_test_bob RENAME TO ad_test_robert;
SET ROLE ad_test_robert;
SELECT ad_score('fraud', 100) IS NOT NULL AS scored;
RESET ROLE;
SELECT role, privilege FROM ad_model_grants ORDER BY role, privilege;
DROP OWNED BY ad_test_robert;
DROP ROLE ad_test_robert;
CREATE ROLE ad_test_bob;
SET ROLE ad_test_bob;
SELECT ad_score('fraud', 100);
RESET ROLE;
SELECT role, privilege FROM ad_model_grants ORDER BY role, privilege;
SELECT ad_grant_model('fraud', 'ad_test_team', 'own');
-- what a dump has of a role that is gone, or is not there when restored
SELECT count(*) FROM _anomaly._ad_model_grant WHERE role::text = '';
COPY _anomaly._ad_model_grant FROM stdin;
fraud		score
fraud	ad_test_gone	score
\.
SELECT name, role, privilege FROM _anomaly._ad_model_grant ORDER BY role::text, privilege;
-- the owner of a database may write these tables, to restore a dump: a name too long for a model is none
INSERT INTO _anomaly._ad_model_version SELECT repeat('x', 1000), version, model, spec, query, rows, features, digest, trained_at, trained_by
FROM _anomaly._ad_model_version;
INSERT INTO _anomaly._ad_model_name VALUES (repeat('x', 1000), 1, 1);
SELECT ad_score(repeat('x', 1000), 100);
DELETE FROM _anomaly._ad_model_name WHERE name <> 'fraud';
DELETE FROM _anomaly._ad_model_version WHERE name <> 'fraud';

SELECT ad_drop_model('fraud');
DROP FUNCTION payment_score, as_whom;
DROP VIEW scored;
DROP TABLE payments;
DROP OWNED BY ad_test_alice, ad_test_bob, ad_test_team;
DROP ROLE ad_test_alice, ad_test_bob, ad_test_team, "ad test; ""odd""";
