-- Jobs and alerts: the schedule, by pg_cron (src/jobs/sql_schedule.c).

CREATE FUNCTION @extschema@.ad_schedule_job(name text, schedule text)
RETURNS bigint
AS 'MODULE_PATHNAME', 'ad_schedule_job'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION @extschema@.ad_schedule_job(text, text) IS
'lets pg_cron run a job, by a schedule as in crontab(5), in the time zone of pg_cron, which is GMT unless cron.timezone says another; returns the number pg_cron gave it';

CREATE FUNCTION @extschema@.ad_unschedule_job(name text)
RETURNS boolean
AS 'MODULE_PATHNAME', 'ad_unschedule_job'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION @extschema@.ad_unschedule_job(text) IS
'takes a job from pg_cron''s schedule; returns whether it was there';

CREATE FUNCTION @extschema@.ad_schedule_health(schedule text)
RETURNS bigint
AS 'MODULE_PATHNAME', 'ad_schedule_health'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION @extschema@.ad_schedule_health(text) IS
'lets pg_cron call ad_check_health() as the current user; the schedule is one of ad_schedule_job(); returns the number pg_cron gave it';

CREATE FUNCTION @extschema@.ad_unschedule_health()
RETURNS boolean
AS 'MODULE_PATHNAME', 'ad_unschedule_health'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION @extschema@.ad_unschedule_health() IS
'takes the current user''s ad_check_health() from pg_cron''s schedule; returns whether it was there';

CREATE FUNCTION @extschema@.ad_schedule_retrain(model text, schedule text, margin double precision DEFAULT 0.02,
    max_drift double precision DEFAULT 0.2, min_labels integer DEFAULT 20)
RETURNS bigint
AS 'MODULE_PATHNAME', 'ad_schedule_retrain'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION @extschema@.ad_schedule_retrain(text, text, double precision, double precision, integer) IS
'lets pg_cron call ad_retrain() as the current user, who must own the model, or the job whose name it is; follows it to another name, and ends with it; the schedule is one of ad_schedule_job(); returns the number pg_cron gave it';

CREATE FUNCTION @extschema@.ad_unschedule_retrain(model text)
RETURNS boolean
AS 'MODULE_PATHNAME', 'ad_unschedule_retrain'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION @extschema@.ad_unschedule_retrain(text) IS
'takes the current user''s ad_retrain() of a model or job from pg_cron''s schedule; returns whether it was there';

-- No SET search_path: a query means what it means to the caller.
CREATE FUNCTION @extschema@.ad_schedule_drift(model text, schedule text, query text DEFAULT NULL, job text DEFAULT NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'ad_schedule_drift'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.ad_schedule_drift(text, text, text, text) IS
'lets pg_cron call ad_check_drift() as the current user, who must be allowed to read the model; follows it to another name, and ends with it; the schedule is one of ad_schedule_job(); returns the number pg_cron gave it';

CREATE FUNCTION @extschema@.ad_unschedule_drift(model text)
RETURNS boolean
AS 'MODULE_PATHNAME', 'ad_unschedule_drift'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION @extschema@.ad_unschedule_drift(text) IS
'takes the current user''s ad_check_drift() of a model from pg_cron''s schedule; returns whether it was there';

CREATE FUNCTION _anomaly._ad_model_schedules(model text, new_name text, role text)
RETURNS void
AS 'MODULE_PATHNAME', 'ad_model_schedules'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION _anomaly._ad_model_schedules(text, text, text) IS
'gives what is scheduled of a model of one''s own its new name, or removes it where that is NULL; with a role, removes what that role may not do with the model any more';

-- What pg_cron runs besides jobs; by private names, so nothing of another.
CREATE PROCEDURE _anomaly._ad_retrain_model(model text, margin double precision, max_drift double precision, min_labels integer)
AS 'MODULE_PATHNAME', 'ad_retrain_scheduled'
LANGUAGE C;
COMMENT ON PROCEDURE _anomaly._ad_retrain_model(text, double precision, double precision, integer) IS
'calls ad_retrain(), and warns if the new version is not activated';

CREATE PROCEDURE _anomaly._ad_measure_drift(model text, query text, search_path text, job_id integer)
AS 'MODULE_PATHNAME', 'ad_measure_drift'
LANGUAGE C;
COMMENT ON PROCEDURE _anomaly._ad_measure_drift(text, text, text, integer) IS
'does what ad_check_drift() says, on a query that is read with a search path, or on a job by its number';

-- No SET search_path: the query means what it means to the caller.
CREATE FUNCTION @extschema@.ad_check_drift(model text, query text DEFAULT NULL, job text DEFAULT NULL)
RETURNS text
AS 'MODULE_PATHNAME', 'ad_check_drift'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.ad_check_drift(text, text, text) IS
'compares the rows of a query or table, or the newest 10,000 of a job of one''s own, with the active version of a model, as ad_drift() does, and keeps the verdict for ad_health() and ad_drift_results; needs the privilege read; returns the verdict: stable, moderate or significant';

CREATE FUNCTION _anomaly._ad_cron_entries(OUT jobname text, OUT username text, OUT active boolean, OUT last_run timestamptz,
    OUT last_status text, OUT last_message text, OUT logged boolean)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'ad_cron_entries'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION _anomaly._ad_cron_entries() IS
'what pg_cron has of entries of the extension, as it shows the current user; no rows where it is not installed, or not for the user';

CREATE FUNCTION _anomaly._ad_cron_due(schedule text, k integer)
RETURNS timestamptz
AS 'MODULE_PATHNAME', 'ad_cron_due'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _anomaly._ad_cron_due(text, integer) IS
'the k-th last time at which a schedule was due, in the time zone of pg_cron; NULL if it was none in 100 days, or the schedule is not understood';

CREATE FUNCTION _anomaly._ad_cron_fault()
RETURNS text
AS 'MODULE_PATHNAME', 'ad_cron_fault'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION _anomaly._ad_cron_fault() IS
'why pg_cron runs nothing in this database, as far as the current user may know; NULL: nothing is known to be wrong';

CREATE VIEW _anomaly._ad_visible_schedule WITH (security_barrier) AS
SELECT s.kind, s.name, s.role::text AS role, s.schedule, s.at,
       CASE WHEN s.kind = 'job' THEN 'anomaly ' || s.name WHEN s.name = '' THEN 'anomaly-' || s.kind ELSE 'anomaly-' || s.kind || ' ' || s.name END AS jobname
FROM _anomaly._ad_schedule s
WHERE s.role::text <> '' AND (pg_has_role(s.role, 'USAGE') OR pg_has_role('pg_monitor', 'USAGE'))
OFFSET 0;
COMMENT ON VIEW _anomaly._ad_visible_schedule IS 'what pg_cron was told, by roles that the current user has the rights of, or with pg_monitor by all';
GRANT SELECT ON _anomaly._ad_visible_schedule TO PUBLIC;

-- The body of a view is its owner's; what pg_cron shows is the reader's, so it
-- is asked by a function that runs as him.
CREATE VIEW @extschema@.ad_schedules WITH (security_barrier) AS
SELECT s.kind, nullif(s.name, '') AS name, s.role, s.schedule, s.at AS scheduled_at, e.active, e.last_run, e.last_status,
       CASE WHEN pg_catalog.pg_has_role(s.role, 'USAGE') THEN e.last_message END AS last_message
FROM _anomaly._ad_visible_schedule s
     LEFT JOIN _anomaly._ad_cron_entries() e ON e.jobname OPERATOR(pg_catalog.=) s.jobname AND e.username OPERATOR(pg_catalog.=) s.role;
COMMENT ON VIEW @extschema@.ad_schedules IS
'what pg_cron was told to run by ad_schedule_job(), _health(), _retrain() and _drift(): one''s own, or with pg_monitor all; what pg_cron made of it only where pg_cron shows that: to the role itself, and to superusers';
COMMENT ON COLUMN @extschema@.ad_schedules.kind IS 'job, health, retrain or drift';
COMMENT ON COLUMN @extschema@.ad_schedules.name IS 'of the job or the model; NULL for health';
COMMENT ON COLUMN @extschema@.ad_schedules.role IS 'as which it runs';
COMMENT ON COLUMN @extschema@.ad_schedules.schedule IS 'as in crontab(5)';
COMMENT ON COLUMN @extschema@.ad_schedules.scheduled_at IS 'when it was scheduled';
COMMENT ON COLUMN @extschema@.ad_schedules.active IS 'whether pg_cron has it switched on; NULL: pg_cron does not have it, or does not show it';
COMMENT ON COLUMN @extschema@.ad_schedules.last_run IS 'when pg_cron last began it';
COMMENT ON COLUMN @extschema@.ad_schedules.last_status IS 'of that run, as in cron.job_run_details';
COMMENT ON COLUMN @extschema@.ad_schedules.last_message IS 'of that run, as in cron.job_run_details';
GRANT SELECT ON @extschema@.ad_schedules TO PUBLIC;

CREATE VIEW _anomaly._ad_visible_drift WITH (security_barrier) AS
SELECT d.model, d.version, d.role::text AS role, d.at, d.verdict, d.psi, d.rows,
       CASE WHEN pg_has_role(d.role, 'USAGE') THEN d.reason END AS reason,
       CASE WHEN pg_has_role(d.role, 'USAGE') THEN d.source END AS source,
       d.version = n.active AS active
FROM _anomaly._ad_drift_result d JOIN _anomaly._ad_model_name n ON n.name = d.model
WHERE d.role::text <> '' AND (pg_has_role(d.role, 'USAGE') OR pg_has_role('pg_monitor', 'USAGE'))
OFFSET 0;
COMMENT ON VIEW _anomaly._ad_visible_drift IS 'what ad_drift_results shows, for our own use';
GRANT SELECT ON _anomaly._ad_visible_drift TO PUBLIC;

CREATE VIEW @extschema@.ad_drift_results WITH (security_barrier) AS
SELECT model, version, role, at, verdict, reason, psi, rows, source FROM _anomaly._ad_visible_drift;
COMMENT ON VIEW @extschema@.ad_drift_results IS
'the last drift that each role measured of a model with ad_check_drift(): one''s own, or with pg_monitor all';
COMMENT ON COLUMN @extschema@.ad_drift_results.model IS 'its name';
COMMENT ON COLUMN @extschema@.ad_drift_results.version IS 'that was active';
COMMENT ON COLUMN @extschema@.ad_drift_results.role IS 'that measured';
COMMENT ON COLUMN @extschema@.ad_drift_results.at IS 'when';
COMMENT ON COLUMN @extschema@.ad_drift_results.verdict IS 'over all: stable, moderate or significant';
COMMENT ON COLUMN @extschema@.ad_drift_results.reason IS 'of the verdict; NULL for stable, and to others than the role';
COMMENT ON COLUMN @extschema@.ad_drift_results.psi IS 'population stability index of the scores; NULL where it is not defined';
COMMENT ON COLUMN @extschema@.ad_drift_results.rows IS 'that were read';
COMMENT ON COLUMN @extschema@.ad_drift_results.source IS 'the query, or the job; NULL to others than the role';
GRANT SELECT ON @extschema@.ad_drift_results TO PUBLIC;
