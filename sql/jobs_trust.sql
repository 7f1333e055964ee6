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
SELECT ad_label('trust job', id, false) AS labelled FROM trust.thing WHERE id = 7;
SELECT key, is_anomaly FROM ad_labels ORDER BY key;
-- without a spec it is a calibrated ad_auto()
RESET ROLE;
SELECT ad_train('usual', 'SELECT a, a % 7 AS b FROM trust.thing');
SELECT detector, spec -> 'calibrate' IS NOT NULL AS calibrated FROM ad_models WHERE name = 'usual';
SELECT ad_drop_model('usual');
SELECT ad_train('plain', 'SELECT a, a % 7 AS b FROM trust.thing', ad_iforest() || ad_calibrate());

-- nor do the labels of a job count whose owner may only score: that takes the privilege label
UPDATE _anomaly._ad_job SET options = options || '{"model": "plain"}' WHERE name = 'trust job';
SELECT ad_retrain('plain') -> 'labels' AS labels;
SELECT ad_grant_model('plain', 'trust_mallory', 'score');
SELECT ad_retrain('plain') -> 'labels' AS labels;
SELECT ad_grant_model('plain', 'trust_mallory', 'label');
SELECT ad_retrain('plain') -> 'labels' AS labels;
-- a label whose row no longer fits the features does not stop it
UPDATE _anomaly._ad_label SET "row" = '{"a": "abc", "b": 1}' WHERE key = '7';
SELECT r -> 'labels' AS labels, r -> 'reasons' AS reasons FROM ad_retrain('plain', min_labels => 2) r;

-- nor does what a column's type brings with it: checks of domains, casts
SET ROLE trust_mallory;
CREATE FUNCTION trust.checked(text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN PERFORM trust.note(); RETURN true; END $$;
CREATE DOMAIN trust.amount AS float8 CHECK (trust.checked(VALUE::text));
CREATE DOMAIN trust.place AS text CHECK (trust.checked(VALUE));
CREATE TYPE trust.kind AS ENUM ('x', 'y', 'z');
CREATE TYPE trust.pair AS (kind trust.kind, place trust.place);
CREATE TYPE trust.span AS RANGE (subtype = trust.amount);
CREATE FUNCTION trust.as_text(trust.kind) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM trust.note(); RETURN 'k'; END $$;
CREATE FUNCTION trust.as_json(trust.kind) RETURNS json LANGUAGE plpgsql AS $$ BEGIN PERFORM trust.note(); RETURN '1'; END $$;
CREATE CAST (trust.kind AS text) WITH FUNCTION trust.as_text;
CREATE CAST (trust.kind AS json) WITH FUNCTION trust.as_json;
CREATE TABLE trust.typed AS SELECT i AS id, (i % 9)::trust.amount AS amount, ('p' || i % 3)::trust.place AS place,
	('{x,y,z}'::trust.kind[])[1 + i % 3] AS kind, ARRAY['q' || i % 3]::trust.place[] AS places,
	numrange(i % 3, 5)::text::trust.span AS span, ROW (('{x,y,z}'::trust.kind[])[1 + i % 3], 'r')::trust.pair AS pair,
	timestamptz '2026-03-02' + i * interval '1 minute' AS ts FROM generate_series(1, 300) i;
CREATE TABLE trust.events (id bigint, account_id trust.place, product_id text, event_type text, side text, price trust.amount,
	quantity bigint, ts timestamptz NOT NULL);
RESET ROLE;
TRUNCATE ran_as;
SELECT ad_train('typed', 'SELECT amount, place, kind FROM trust.typed', ad_zscore());
SELECT ad_create_job('typed ' || e, 'typed', 'trust.typed', CASE e WHEN 'place' THEN 'pair' ELSE 'id' END, 'ts', '{"score": 0.01}', entity => e)
FROM unnest('{amount,place,kind,places,span,pair}'::text[]) e;
CALL ad_run_job('typed amount');
CALL ad_run_job('typed place');
CALL ad_run_job('typed kind');
CALL ad_run_job('typed places');
CALL ad_run_job('typed span');
CALL ad_run_job('typed pair');
SELECT job, min(key) AS key, count(*) > 100 AS many, min(entity) AS entity,
	(SELECT "row" - 'ts' FROM ad_alert b WHERE b.job = a.job ORDER BY event_at LIMIT 1) AS "row"
FROM ad_alert a WHERE job LIKE 'typed %' GROUP BY job ORDER BY job;
-- labels of rows that have no alert, so that the entity is looked for in the row
SELECT ad_purge_job(job, 'infinity') > 0 AS purged FROM (SELECT DISTINCT job FROM ad_labels RIGHT JOIN ad_alert USING (job) WHERE job LIKE 'typed %') j;
SELECT count(ad_label(job, id::text, id % 2 = 0)) AS labels
FROM generate_series(1, 6) id, (SELECT name AS job FROM ad_jobs WHERE name LIKE 'typed %' AND key = 'id') j;
SELECT ad_retrain('typed', min_labels => 2) -> 'labels' AS labels;
SELECT ad_purge_subject('typed amount', entity => '1') AS amount, ad_purge_subject('typed kind', entity => 'y') AS kind,
	ad_purge_subject('typed places', entity => '{q1}') AS places, ad_purge_subject('typed span', entity => '[1,5)') AS span;
SELECT ad_create_layering_job('typed layers', 'trust.events');
SELECT min(key), max(key) FROM ad_detect('SELECT kind, amount FROM trust.typed', ad_zscore(), key => 'kind', top => 0);
SELECT * FROM ran_as;
SELECT count(ad_drop_job(name)) FROM ad_jobs WHERE name LIKE 'typed %';
SELECT ad_drop_model('typed');

SELECT ad_drop_job(name) IS NOT NULL AS dropped FROM ad_jobs WHERE name LIKE 'trust%';
SELECT ad_drop_model('trust'), ad_drop_model('plain');
DROP TABLE ran_as;
SET client_min_messages = warning;
DROP SCHEMA trust CASCADE;
DROP ROLE trust_mallory, trust_bob;
