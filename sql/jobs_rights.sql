-- Jobs: whose they are, who sees what they found, and as whom they run.
\set SHOW_CONTEXT never
SET timezone = 'UTC';

CREATE ROLE jobs_owner;
CREATE ROLE jobs_clerk;
CREATE ROLE jobs_other;
CREATE ROLE jobs_team IN ROLE jobs_owner;
CREATE ROLE jobs_super SUPERUSER;
CREATE TABLE account (id int PRIMARY KEY, a float8, b float8, tenant text, at timestamptz NOT NULL);
INSERT INTO account SELECT i, i * 37 % 101, i * 53 % 97, CASE WHEN i % 2 = 0 THEN 'jobs_owner' ELSE 'jobs_other' END, timestamptz '2026-01-01' + i * interval '1 minute'
FROM generate_series(1, 1000) i;
UPDATE account SET a = 5000 WHERE id IN (500, 501, 502, 503);
GRANT SELECT ON account TO jobs_owner, jobs_other;
ALTER TABLE account ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON account TO PUBLIC USING (tenant = current_user);

-- the owner makes it; it sees the rows that its owner sees
SET ROLE jobs_owner;
SELECT ad_train('j_model', 'SELECT a, b FROM account WHERE a < 5000', ad_zscore() || ad_calibrate(share => 0.5));
SELECT ad_create_job('j', 'j_model', 'account', 'id', 'at', rule => '{"score": 10}');
CALL ad_run_job('j');
SELECT key, "row" ->> 'tenant' AS tenant FROM ad_alert ORDER BY key;
SELECT rows FROM ad_job_run;

-- others see nothing and can do nothing
SET ROLE jobs_other;
SELECT (SELECT count(*) FROM ad_jobs) AS jobs, (SELECT count(*) FROM ad_alert) AS alerts, (SELECT count(*) FROM ad_job_run) AS runs,
       (SELECT count(*) FROM ad_job_stats) AS stats, (SELECT count(*) FROM ad_labels) AS labels, (SELECT count(*) FROM _anomaly._ad_job_privilege) AS privileges,
       (SELECT count(*) FROM _anomaly._ad_own_job) AS own_jobs, (SELECT count(*) FROM _anomaly._ad_own_state) AS states, (SELECT count(*) FROM _anomaly._ad_own_seen) AS seen,
       (SELECT count(*) FROM _anomaly._ad_own_run) AS own_runs, (SELECT count(*) FROM _anomaly._ad_own_alert) AS own_alerts, (SELECT count(*) FROM ad_job_grants) AS grants;
CALL ad_run_job('j');
SELECT ad_drop_job('j');
SELECT ad_alter_job('j', '{"rule": {"score": 0}}');
SELECT ad_label('j', '500', true);
SELECT ad_grant_job('j', 'jobs_other');
SELECT ad_create_job('mine', 'j_model', 'account', 'id', 'at', rule => '{"score": 10}');
SELECT ad_schedule_job('j', '* * * * *');
-- nor by the tables and views behind
\set VERBOSITY terse
SELECT count(*) FROM _anomaly._ad_alert;
SELECT count(*) FROM _anomaly._ad_job;
INSERT INTO _anomaly._ad_job (id, name) VALUES (1, 'x');
SELECT nextval('_anomaly._ad_job_id');
RESET ROLE;
SELECT id AS j_id FROM _anomaly._ad_job WHERE name = 'j' \gset
INSERT INTO _anomaly._ad_job_grant VALUES (:j_id, 'jobs_clerk', 'read');
SET ROLE jobs_other;
\set VERBOSITY sqlstate
INSERT INTO _anomaly._ad_own_alert (job_id, key, score, "row", event_at, scored_at) VALUES (:j_id, 'forged', 1, '{}', now(), now());
INSERT INTO _anomaly._ad_job_grant VALUES (:j_id, 'jobs_other', 'label');
\set VERBOSITY terse
-- nor tells an error, or that there is none, which keys and jobs there are: taken, free and no such job are alike
CREATE FUNCTION pg_temp.probe(job int, stmt text, VARIADIC keys text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	key text;
	found text[] := '{}';
	tail text;
BEGIN
	FOREACH key IN ARRAY keys LOOP
		FOREACH tail IN ARRAY ARRAY['', ' ON CONFLICT DO NOTHING'] LOOP
			BEGIN
				EXECUTE format(stmt, job, key) || tail;
				found := found || 'no error'::text;
			EXCEPTION WHEN OTHERS THEN
				found := found || replace(SQLERRM, job::text, 'N');
			END;
		END LOOP;
	END LOOP;
	RETURN (SELECT string_agg(DISTINCT f, ', ') FROM unnest(found) f);
END $$;
SELECT place, pg_temp.probe(job, 'INSERT INTO _anomaly._ad_own_' || place || format, VARIADIC keys)
FROM (VALUES
	('alert', ' (job_id, job, key, score, "row", event_at, scored_at) VALUES (%s, ''j'', %L, 1, ''{}'', now(), now())', '{500,501}'),
	('run', ' (job_id, run, pid, started) VALUES (%s, %s, 1, now())', '{1,77}'),
	('state', ' (job_id) VALUES (%s)', '{1}')) v(place, format, k), LATERAL CAST(k AS text[]) keys,
	unnest(ARRAY[:j_id, 2000000000]) job ORDER BY place, job;
DROP FUNCTION pg_temp.probe;
-- a job of another is not reached by its name: who inserts cannot update
INSERT INTO _anomaly._ad_own_job (name) VALUES ('j') ON CONFLICT (name) DO UPDATE SET owner = 'jobs_other';
INSERT INTO _anomaly._ad_label VALUES (:j_id, '500', false, '{}', NULL, current_user, now());
UPDATE _anomaly._ad_own_state SET failures = 99;
DELETE FROM _anomaly._ad_own_alert;
\set VERBOSITY sqlstate
SELECT _anomaly._ad_job_delete(:j_id, 'alert', 'infinity');
\set VERBOSITY default
-- a leak through a view would show here
CREATE FUNCTION pg_temp.leak(text) RETURNS bool LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN RAISE NOTICE 'leaked %', $1; RETURN true; END $$;
SELECT count(*) FROM ad_alert WHERE pg_temp.leak(key);
SELECT count(*) FROM _anomaly._ad_own_alert WHERE pg_temp.leak(key);
SELECT count(*) FROM ad_jobs WHERE pg_temp.leak(name);
DROP FUNCTION pg_temp.leak;

-- granted: read shows alerts and log, not the query
SET ROLE jobs_owner;
SELECT ad_grant_job('j', 'jobs_clerk');
SELECT ad_grant_job('j', 'jobs_clerk', 'own');
SELECT ad_grant_job('j', 'no_such_role');
SET ROLE jobs_clerk;
SELECT name, owner, source, privilege FROM ad_jobs;
SELECT key FROM ad_alert ORDER BY key;
SELECT ad_label('j', '500', true);
SELECT ad_purge_job('j', 'infinity');
CALL ad_run_job('j');
-- label: also labels
SET ROLE jobs_owner;
SELECT ad_grant_job('j', 'jobs_clerk', 'label');
SET ROLE jobs_clerk;
SELECT ad_label('j', '500', true, 'called the customer');
SELECT ad_label('j', '502', true);
SELECT ad_label('j', '4', true);
\set VERBOSITY terse
DELETE FROM _anomaly._ad_label;
\set VERBOSITY sqlstate
SELECT _anomaly._ad_job_delete(:j_id, 'job');
\set VERBOSITY default
SET ROLE jobs_owner;
SELECT ad_label('j', '502', false);
SELECT ad_label('j', '4', true);
SELECT ad_label('j', '5', true);
SELECT key, is_anomaly, note, labelled_by FROM ad_labels ORDER BY key;
SELECT alerts, labelled, confirmed, precision, missed FROM ad_job_stats;
SELECT ad_label('j', '4', NULL);
SELECT count(*) FROM ad_labels;
SELECT ad_revoke_job('j', 'jobs_clerk'), ad_revoke_job('j', 'jobs_clerk', 'label');
SET ROLE jobs_clerk;
SELECT count(*) FROM ad_alert;

-- it runs as its owner: not as a member, not as a superuser, whose rights its query would get
SET ROLE jobs_team;
SELECT key, label FROM ad_alert ORDER BY key;
CALL ad_run_job('j');
SET ROLE jobs_super;
CALL ad_run_job('j');
SELECT ad_schedule_job('j', '* * * * *');
SELECT ad_alter_job('j', '{"owner": "nobody_at_all"}');
SET ROLE jobs_owner;
SELECT ad_alter_job('j', '{"owner": "jobs_other"}');
-- given to another, it runs with the other's rights
RESET ROLE;
SELECT ad_grant_model('j_model', 'jobs_other', 'score');
SELECT ad_alter_job('j', '{"owner": "jobs_other", "explain": 0}');
SET ROLE jobs_other;
CALL ad_run_job('j');
SELECT error FROM ad_job_run ORDER BY run DESC LIMIT 1;
RESET ROLE;
INSERT INTO account SELECT i, 9000, 1, CASE WHEN i % 2 = 0 THEN 'jobs_owner' ELSE 'jobs_other' END, timestamptz '2026-02-01' FROM generate_series(2001, 2002) i;
SET ROLE jobs_other;
CALL ad_run_job('j');
SELECT key, "row" ->> 'tenant' AS tenant FROM ad_alert WHERE key > '2' ORDER BY key;
-- without the model it cannot go on
RESET ROLE;
INSERT INTO account VALUES (2003, 9000, 1, 'jobs_other', '2026-02-02');
SELECT ad_revoke_model('j_model', 'jobs_other', 'score');
SET ROLE jobs_other;
CALL ad_run_job('j');
SELECT status, error FROM ad_job_run ORDER BY run DESC LIMIT 1;
-- nor without the table
RESET ROLE;
SELECT ad_grant_model('j_model', 'jobs_other', 'score');
REVOKE SELECT ON account FROM jobs_other;
SET ROLE jobs_other;
CALL ad_run_job('j');
RESET ROLE;

-- the source means what it meant where it was written, and a search path is no trap
CREATE SCHEMA jobs_here;
CREATE TABLE jobs_here.thing AS SELECT i AS id, i * 37 % 101 AS a, i * 53 % 97 AS b, now() AS at FROM generate_series(1, 100) i;
SET search_path = jobs_here, public;
SELECT ad_create_job('here', 'j_model', 'SELECT * FROM thing', 'id', 'at', rule => '{"score": 10}');
CREATE FUNCTION jobs_here.trap(text, text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped'; END $$;
CREATE OPERATOR jobs_here.= (LEFTARG = text, RIGHTARG = text, FUNCTION = jobs_here.trap);
CREATE OPERATOR jobs_here.->> (LEFTARG = jsonb, RIGHTARG = text, FUNCTION = jsonb_object_field_text);
SET search_path = jobs_here, pg_catalog, public;
CALL ad_run_job('here');
RESET search_path;
SELECT rows, status FROM ad_job_run WHERE job = 'here';
SELECT ad_drop_job('here');
DROP SCHEMA jobs_here CASCADE;

-- what an error says may be data: it is the owner's, others get its class
CREATE ROLE jobs_monitor IN ROLE pg_monitor;
CREATE TABLE patient (id int, note text, b float8, at timestamptz NOT NULL);
INSERT INTO patient VALUES (1, 'Smith, HIV', 1, '2026-01-01');
GRANT SELECT ON patient TO jobs_owner;
CREATE FUNCTION full_disk(note text) RETURNS float8 LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'no room for "%"', note USING ERRCODE = 'disk_full';
END $$;
SET ROLE jobs_owner;
SELECT ad_create_job('leaky', 'j_model', 'SELECT id, full_disk(note) AS a, b, at FROM patient', 'id', 'at', rule => '{"score": 10}');
SELECT ad_grant_job('leaky', 'jobs_clerk', 'label');
\set VERBOSITY terse
CALL ad_run_job('leaky');
\set VERBOSITY default
CREATE FUNCTION pg_temp.errors() RETURNS TABLE (who text, what text) LANGUAGE sql AS $$
	SELECT 'ad_jobs', last_error FROM ad_jobs WHERE name = 'leaky'
	UNION ALL SELECT 'ad_job_run', error FROM ad_job_run WHERE job = 'leaky'
	UNION ALL SELECT 'ad_health', detail FROM ad_health() WHERE "check" = 'failing job'
	UNION ALL SELECT '_ad_job_health', error FROM _anomaly._ad_job_health WHERE name = 'leaky' $$;
SELECT * FROM pg_temp.errors();
SET ROLE jobs_team;
SELECT * FROM pg_temp.errors();
SET ROLE jobs_clerk;
SELECT * FROM pg_temp.errors();
SET ROLE jobs_monitor;
SELECT * FROM pg_temp.errors();
-- nor by a code that is none
SET ROLE jobs_owner;
UPDATE _anomaly._ad_own_run r SET error_code = E'\n<b>' FROM _anomaly._ad_own_job j WHERE j.id = r.job_id AND j.name = 'leaky';
SET ROLE jobs_monitor;
SELECT error FROM _anomaly._ad_job_health WHERE name = 'leaky';
SET ROLE jobs_owner;
SELECT ad_drop_job('leaky');
RESET ROLE;
DROP FUNCTION full_disk(text);
DROP TABLE patient;
DROP ROLE jobs_monitor;

-- a role that is dropped leaves its job to nobody but superusers
DROP OWNED BY jobs_other, jobs_owner, jobs_clerk, jobs_team;
DROP ROLE jobs_other;
SELECT name, owner FROM ad_jobs;
SELECT ad_drop_job('j');
SELECT ad_drop_model('j_model');
DROP TABLE account;
DROP ROLE jobs_owner, jobs_clerk, jobs_team, jobs_super;
