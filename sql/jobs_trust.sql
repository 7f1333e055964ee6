-- What one role wrote does not run with the rights of another, nor can it
-- stop another's job.
\set SHOW_CONTEXT never
SET timezone = 'UTC';

CREATE ROLE trust_mallory;
CREATE ROLE trust_bob;
CREATE SCHEMA trust AUTHORIZATION trust_mallory;
CREATE TABLE ran_as (who text);
GRANT ALL ON ran_as TO PUBLIC;

-- a trap that is sprung when a query that has it is planned
SET ROLE trust_mallory;
CREATE FUNCTION trust.note() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO public.ran_as VALUES (current_user);
EXCEPTION WHEN read_only_sql_transaction THEN
	RAISE NOTICE 'ran as %', current_user;
END $$;
CREATE FUNCTION trust.trap() RETURNS timestamptz IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM trust.note(); RETURN '2026-01-01'; END $$;
CREATE TABLE trust.flow (id bigint, account_id text, product_id text, event_type text, side text, price numeric, quantity bigint, ts timestamptz NOT NULL);
CREATE TABLE trust.thing AS SELECT i AS id, i * 37 % 101 AS a, timestamptz '2026-01-02' + i * interval '1 minute' AS ts FROM generate_series(1, 300) i;
SELECT ad_create_layering_job('trust layers', 'SELECT * FROM trust.flow WHERE ts > trust.trap()');
\set VERBOSITY terse
SELECT ad_train('trust', 'SELECT a FROM trust.thing WHERE ts > trust.trap()', 'zscore');
\set VERBOSITY default
SELECT ad_create_job('trust job', 'trust', 'SELECT * FROM trust.thing WHERE ts > trust.trap()', 'id', 'ts', rule => '{"score": 1.5}');
CALL ad_run_job('trust job');
RESET ROLE;
SELECT DISTINCT who FROM ran_as;
TRUNCATE ran_as;

SELECT ad_alter_job('trust layers', '{"lag": "2 minutes"}');
SELECT ad_alter_job('trust job', '{"lag": "2 minutes"}');
SELECT ad_label('trust job', '1', true);
\set VERBOSITY terse
SELECT ad_retrain('trust');
CALL ad_run_job('trust job');
\set VERBOSITY default
SELECT ad_alter_job('trust layers', format('{"owner": "%s"}', current_user)::jsonb);
SELECT * FROM ran_as;
-- training again is for owners
SELECT ad_grant_model('trust', 'trust_bob', 'read');
SET ROLE trust_bob;
SELECT ad_retrain('trust');
RESET ROLE;
-- an owner is not trusted by another owner either
SELECT ad_grant_model('trust', 'trust_bob', 'own');
SET ROLE trust_bob;
SELECT ad_retrain('trust');
RESET ROLE;
-- but whoever has the rights of the caller is
GRANT trust_bob TO trust_mallory;
GRANT USAGE ON SCHEMA trust TO trust_bob;
GRANT SELECT ON trust.thing TO trust_bob;
SET ROLE trust_bob;
SELECT ad_retrain('trust') ->> 'version' AS version;
RESET ROLE;
TRUNCATE ran_as;
-- what a restore brought without a name is of nobody
UPDATE _anomaly._ad_job SET owner = 'trust_nobody' WHERE name = 'trust job';
CALL ad_run_job('trust job');
SELECT ad_alter_job('trust job', '{"owner": "trust_mallory"}');
BEGIN;
UPDATE _anomaly._ad_model_version SET trained_by = '' WHERE name = 'trust';
-- its detail names the superuser
\set VERBOSITY terse
SELECT ad_retrain('trust');
\set VERBOSITY default
ROLLBACK;

-- the lock of a running job is for who owns the job
SELECT id AS job_id FROM _anomaly._ad_job WHERE name = 'trust job' \gset
SET ROLE trust_bob;
\set VERBOSITY sqlstate
SELECT _anomaly._ad_job_lock(:job_id) IS NULL AS never;
\set VERBOSITY default
-- a run that cannot even write its log lets go of it
RESET ROLE;
CREATE FUNCTION trust.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE disk_full; END $$;
CREATE TRIGGER refuse BEFORE UPDATE ON _anomaly._ad_job_run FOR EACH ROW WHEN (NEW.finished IS NOT NULL) EXECUTE FUNCTION trust.refuse();
SET ROLE trust_mallory;
CALL ad_run_job('trust job');
SELECT count(*) FROM pg_locks WHERE locktype IN ('object', 'advisory') AND pid = pg_backend_pid();
RESET ROLE;
DROP TRIGGER refuse ON _anomaly._ad_job_run;
-- an alert that cannot be written: the batch is undone, the run is in the log, the next run writes it, once
CREATE TRIGGER refuse BEFORE INSERT ON _anomaly._ad_alert FOR EACH ROW EXECUTE FUNCTION trust.refuse();
SET ROLE trust_mallory;
INSERT INTO trust.thing VALUES (1000, 5000, '2026-01-03');
CALL ad_run_job('trust job');
RESET ROLE;
DROP TRIGGER refuse ON _anomaly._ad_alert;
SET ROLE trust_mallory;
CALL ad_run_job('trust job');
CALL ad_run_job('trust job');
SELECT run, status, rows, alerts, error_code FROM ad_job_run WHERE job = 'trust job' ORDER BY run;
SELECT key FROM ad_alert WHERE key = '1000';

-- a key that is a number is given as one
SELECT ad_label('trust job', 1000, true);
SELECT ad_label('trust job', id, false) IS NULL AS labelled FROM trust.thing WHERE id = 7;
SELECT key, is_anomaly FROM ad_labels ORDER BY key;
-- without a detector it is a calibrated isolation forest
RESET ROLE;
SELECT ad_train('plain', 'SELECT a, a % 7 AS b FROM trust.thing');
SELECT detector, spec -> 'calibrate' IS NOT NULL AS calibrated FROM ad_models WHERE name = 'plain';

-- nor do the labels of a job count whose owner may only score: that takes the privilege label
SET ROLE trust_mallory;
UPDATE _anomaly._ad_own_job SET model = 'plain' WHERE name = 'trust job';
RESET ROLE;
SELECT ad_retrain('plain') -> 'labels' AS labels;
SELECT ad_grant_model('plain', 'trust_mallory', 'score');
SELECT ad_retrain('plain') -> 'labels' AS labels;
SELECT ad_grant_model('plain', 'trust_mallory', 'label');
SELECT ad_retrain('plain') -> 'labels' AS labels;
-- a label whose row no longer fits the features does not stop it
UPDATE _anomaly._ad_label SET "row" = '{"a": "abc", "b": 1}' WHERE key = '7';
SELECT r -> 'labels' AS labels, r -> 'reasons' AS reasons FROM ad_retrain('plain', min_labels => 2) r;

SELECT ad_drop_job(name) IS NOT NULL AS dropped FROM ad_jobs WHERE name LIKE 'trust%';
SELECT ad_drop_model('trust'), ad_drop_model('plain');
DROP TABLE ran_as;
DROP SCHEMA trust CASCADE;
DROP ROLE trust_mallory, trust_bob;
