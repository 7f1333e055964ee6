-- What a role without any right tries with jobs: to make others' health, labels or metrics say what it likes, to see
-- what is theirs, to leave something behind.
\set SHOW_CONTEXT never
SET timezone = 'UTC';
CREATE ROLE abuse_owner;
CREATE ROLE abuse_mallory;
CREATE ROLE abuse_monitor IN ROLE pg_monitor;
CREATE TABLE pay (id int PRIMARY KEY, who text, a float8, b float8, at timestamptz NOT NULL);
INSERT INTO pay SELECT i, 'w' || i % 5, i * 37 % 101, i * 53 % 97, timestamptz '2026-01-01' + i * interval '1 minute' FROM generate_series(1, 500) i;
GRANT SELECT ON pay TO abuse_owner;
SET ROLE abuse_owner;
SELECT ad_train('abused', 'SELECT a, b FROM pay', ad_zscore() || ad_calibrate(0.3));
SELECT ad_create_job('secret', 'abused', 'pay', 'id', 'at', '{"score": 1.6}', entity => 'who');
CALL ad_run_job('secret');
SELECT ad_label('secret', key, true) FROM ad_alerts ORDER BY key::int LIMIT 1;
RESET ROLE;
SELECT id AS secret FROM _anomaly._ad_job WHERE name = 'secret' \gset

-- nothing is written past the functions
SET ROLE abuse_mallory;
CREATE FUNCTION pg_temp.try(sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	EXECUTE sql;
	GET DIAGNOSTICS n = ROW_COUNT;
	RETURN format('done, %s rows', n);
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ': ' || SQLERRM;
END $$;
CREATE TEMP TABLE mine AS SELECT i AS id, i * 37 % 101 AS a, i * 53 % 97 AS b, timestamptz '2026-01-01' + i * interval '1 minute' AS at FROM generate_series(1, 100) i;
SELECT r AS relation, p AS privilege FROM (SELECT c.oid::regclass::text AS r, c.oid FROM pg_class c WHERE c.relnamespace = '_anomaly'::regnamespace AND c.relkind IN ('r', 'v', 'S')
	AND (c.relname LIKE '%job%' OR c.relname LIKE '%alert%' OR c.relname LIKE '%label%' OR c.relname LIKE '%grant%')) c, unnest('{INSERT,DELETE,UPDATE,TRUNCATE}'::text[]) p
WHERE NOT (r ~ '_ad_job_id$') AND has_table_privilege(oid, p) AND r !~ '_ad_own_(run|alert|state)$' ORDER BY 1, 2;
SELECT sql, pg_temp.try(sql) FROM unnest(ARRAY[
	'INSERT INTO _anomaly._ad_job (name, owner, kind, source, options, search_path, timezone, created_at) VALUES (''x'', ''abuse_mallory'', ''model'', ''pay'', ''{}'', '''', ''UTC'', ''infinity'')',
	'INSERT INTO _anomaly._ad_own_job (name) VALUES (''x'')',
	'UPDATE _anomaly._ad_own_job SET created_at = ''infinity''',
	'INSERT INTO _anomaly._ad_label VALUES (1, ''1'', true, ''{}'', NULL, ''x'', now())',
	'INSERT INTO _anomaly._ad_job_grant VALUES (1, ''abuse_mallory'', ''label'')',
	'SELECT nextval(''_anomaly._ad_job_id'')']) sql;
SELECT place, regexp_replace(pg_temp.try(format('INSERT INTO _anomaly._ad_own_%s VALUES (%s)', place, values)), 'job \d+', 'job N') FROM (VALUES
	('state', :'secret'), ('run', :'secret' || ', 9, 1, now()'), ('alert', :'secret' || ', ''9'', NULL, 1, NULL, NULL, ''{}'', NULL, now(), now(), 1, 1, NULL, ''secret''')) v(place, values);

-- nor seen: names, keys, rows, errors, grants
SELECT (SELECT count(*) FROM ad_jobs) AS jobs, (SELECT count(*) FROM ad_alerts) AS alerts, (SELECT count(*) FROM ad_alert) AS alerts0, (SELECT count(*) FROM ad_job_runs) AS runs,
	(SELECT count(*) FROM ad_job_run) AS runs0, (SELECT count(*) FROM ad_job_errors) AS errors, (SELECT count(*) FROM ad_job_grants) AS grants, (SELECT count(*) FROM ad_labels) AS labels,
	(SELECT count(*) FROM ad_job_stats) AS stats, (SELECT count(*) FROM _anomaly._ad_own_job) AS own, (SELECT count(*) FROM _anomaly._ad_job_health) AS health;
SELECT job, call, pg_temp.try(format(call, job)) FROM unnest(ARRAY['SELECT ad_drop_job(%L)', 'SELECT ad_alter_job(%L, ''{}'')', 'SELECT ad_rename_job(%L, ''y'')', 'SELECT ad_grant_job(%L, ''abuse_mallory'')',
	'SELECT ad_revoke_job(%L, ''public'')', 'SELECT ad_purge_job(%L, now())', 'SELECT ad_purge_subject(%L, key => ''1'')', 'SELECT ad_label(%L, ''1'', true)', 'SELECT ad_label(%L, ''1'', now(), true)',
	'SELECT ad_schedule_job(%L, ''* * * * *'')', 'SELECT ad_unschedule_job(%L)', 'SELECT ad_rescan(%L, ''2026-01-01'')']) WITH ORDINALITY c(call, i), unnest('{secret,none}'::text[]) job
WHERE pg_temp.try(format(call, job)) <> format('42704: job "%s" does not exist', job) ORDER BY i, job;
-- nor who owns what, by a function of one's own that a view calls first
CREATE FUNCTION pg_temp.leak(text) RETURNS bool LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN RAISE NOTICE 'leaked %', $1; RETURN true; END $$;
SELECT count(*) FROM ad_job_grants WHERE pg_temp.leak(role);
SELECT count(*) FROM ad_job_errors WHERE pg_temp.leak(message);
SELECT count(*) FROM ad_job_runs WHERE pg_temp.leak(job);
SELECT count(*) FROM ad_alerts WHERE pg_temp.leak(key) AND pg_temp.leak(job);
DROP FUNCTION pg_temp.leak;

-- who may only score does not decide what the owner's ad_retrain() says, and does not stop it
SET ROLE abuse_owner;
SELECT ad_grant_model('abused', 'abuse_mallory', 'score');
SET ROLE abuse_mallory;
SELECT ad_create_job('trap', 'abused', 'mine', 'id', 'at', '{"score": 0}');
CALL ad_run_job('trap');
SELECT ad_grant_job('trap', 'abuse_owner');
SELECT sum(ad_label('trap', id, id % 2 = 0)) AS labelled FROM generate_series(1, 40) id;
SET ROLE abuse_owner;
SELECT r -> 'labels' AS labels FROM ad_retrain('abused', min_labels => 2) r;
-- nor keeps it from being dropped
SELECT ad_drop_model('abused');

-- numbers in the log of a job of one's own break nothing for those who look
SET ROLE abuse_mallory;
INSERT INTO _anomaly._ad_own_run (job_id, run, pid, started, finished, rows, alerts, suppressed, fallback, unscored)
SELECT o.id, 100 + i, 1, now(), now(), n, n, n, n, n
FROM _anomaly._ad_own_job o, (VALUES (1, 9223372036854775807), (2, 9223372036854775807), (3, -9223372036854775808), (4, -9223372036854775808)) v(i, n)
WHERE o.name = 'trap';
SET ROLE abuse_monitor;
SELECT job, rows > 0 AS rows, alerts > 0 AS alerts, suppressed > 0 AS suppressed FROM ad_stat_jobs WHERE job = 'trap';
SELECT job, rows > 0 AS rows, alerts > 0 AS alerts FROM ad_job_accuracy WHERE job = 'trap';
SELECT count(*) > 0 AS checks FROM ad_health();
CALL ad_check_health();
SELECT count(*) > 0 AS logged FROM ad_health_log;
SET ROLE abuse_mallory;
SELECT job, rows > 0 AS rows FROM ad_job_stats WHERE job = 'trap';
SELECT length(ad_report('trap')) > 0 AS report;

-- an infinite watermark breaks nothing for those who look
RESET ROLE;
INSERT INTO pay VALUES (1000, 'w1', 9000, 1, 'infinity'), (1001, 'w2', 9000, 1, '-infinity');
SET ROLE abuse_owner;
SET client_min_messages = error;
CALL ad_run_job('secret');
RESET client_min_messages;
SELECT job, alerts > 1 AS alerts, max_time_to_alert IS NOT NULL AS measured FROM ad_job_stats WHERE job = 'secret';
-- what an error says is its owner's, also to who monitors
RESET ROLE;
ALTER TABLE pay RENAME b TO "patient Smith";
SET ROLE abuse_owner;
CALL ad_run_job('secret');
SET ROLE abuse_monitor;
SELECT "check", detail ~ 'Smith' AS leaks FROM ad_health() WHERE "check" ~ 'job' ORDER BY 1;
SELECT count(*) FROM ad_jobs;
RESET ROLE;
ALTER TABLE pay RENAME "patient Smith" TO b;

-- a job of another role's name is not made, whoever may write the tables: its query would run with rights that the inserter has not
GRANT USAGE ON SCHEMA _anomaly TO abuse_mallory;
GRANT SELECT, INSERT ON _anomaly._ad_job, _anomaly._ad_job_state TO abuse_mallory;
SET ROLE abuse_mallory;
SELECT pg_temp.try($$ INSERT INTO _anomaly._ad_job (name, owner, kind, source, options, search_path, timezone, created_at)
	VALUES ('planted', 'abuse_owner', 'model', 'pay', '{}', '', 'UTC', now()) $$);
RESET ROLE;
REVOKE SELECT, INSERT ON _anomaly._ad_job, _anomaly._ad_job_state FROM abuse_mallory;

-- a job without its state, as after a restore of some tables: neither run nor read again
BEGIN;
DELETE FROM _anomaly._ad_job_state WHERE job_id = :secret;
SET LOCAL ROLE abuse_owner;
SELECT ad_rescan('secret', '2026-01-01');
ROLLBACK;
-- nor is one without an owner, by a superuser either
BEGIN;
UPDATE _anomaly._ad_job SET owner = '' WHERE id = :secret;
SELECT ad_rescan('secret', '2026-01-01');
ROLLBACK;
SELECT ad_rescan('secret', '2026-01-01');

-- a job that is dropped leaves nothing
SET ROLE abuse_owner;
SELECT ad_drop_job('secret') > 0 AS dropped;
RESET ROLE;
WITH belongs AS MATERIALIZED (
	SELECT c.oid::regclass AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'job_id'
	WHERE c.relnamespace = '_anomaly'::regnamespace AND c.relkind = 'r')
SELECT count(*) > 5 AS tables, count(*) FILTER (WHERE n <> '0') AS "left" FROM (
	SELECT (xpath('/row/n/text()', query_to_xml(format('SELECT count(*) AS n FROM %s WHERE job_id = %s', name, :secret), false, true, '')))[1]::text AS n FROM belongs) b;
SELECT ad_drop_model('abused', cascade => true);
SELECT count(ad_drop_job(name)) FROM ad_jobs;
DROP FUNCTION pg_temp.try;
DROP TABLE pay, mine;
DELETE FROM _anomaly._ad_health_log;
REVOKE ALL ON SCHEMA _anomaly FROM abuse_mallory;
DROP ROLE abuse_owner, abuse_mallory, abuse_monitor;
