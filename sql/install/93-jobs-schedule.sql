-- Jobs and alerts: the schedule, by pg_cron (src/jobs/sql_schedule.c).

CREATE FUNCTION @extschema@.ad_schedule_job(name text, schedule text)
RETURNS bigint
AS 'MODULE_PATHNAME', 'ad_schedule_job'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION @extschema@.ad_schedule_job(text, text) IS
'Schedules a job with pg_cron and returns the number of the entry. name: the job. schedule: as in '
'crontab(5), in the time zone of pg_cron, or an interval such as 30 seconds. Raises 22004 for a NULL '
'argument, 42704 if there is no such job, 42501 if the caller does not own it or may not use pg_cron, '
'55000 without pg_cron in this database, 22023 for an invalid schedule.';

CREATE FUNCTION @extschema@.ad_unschedule_job(name text)
RETURNS boolean
AS 'MODULE_PATHNAME', 'ad_unschedule_job'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION @extschema@.ad_unschedule_job(text) IS
'Removes the schedule of a job and returns whether there was one. name: the job. Raises 22004 for a NULL '
'name, 42704 if there is no such job, 42501 if the caller does not own it.';

CREATE FUNCTION @extschema@.ad_schedule_health(schedule text)
RETURNS bigint
AS 'MODULE_PATHNAME', 'ad_schedule_health'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION @extschema@.ad_schedule_health(text) IS
'Schedules CALL ad_check_health() as the caller with pg_cron and returns the number of the entry. '
'schedule: as in ad_schedule_job(). Raises 22004 for a NULL schedule, 42501 if the caller may not use '
'pg_cron, 55000 without pg_cron in this database, 22023 for an invalid schedule.';

CREATE FUNCTION @extschema@.ad_unschedule_health()
RETURNS boolean
AS 'MODULE_PATHNAME', 'ad_unschedule_health'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION @extschema@.ad_unschedule_health() IS
'Removes the caller''s schedule of ad_check_health() and returns whether there was one, never NULL. There '
'are no arguments. Raises 42501 if the caller may not use pg_cron.';

CREATE FUNCTION @extschema@.ad_schedule_retrain(model text, schedule text, margin double precision DEFAULT 0.02,
    max_drift double precision DEFAULT 0.2, min_labels integer DEFAULT 20)
RETURNS bigint
AS 'MODULE_PATHNAME', 'ad_schedule_retrain'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION @extschema@.ad_schedule_retrain(text, text, double precision, double precision, integer) IS
'Schedules ad_retrain() as the caller with pg_cron and returns the number of the entry, which is renamed '
'and dropped with the model. model: a model that the caller owns, or the name of a job. schedule: as in '
'ad_schedule_job(). margin, max_drift, min_labels: as in ad_retrain(). Raises 22004 if an argument is '
'NULL, 42704 if there is no such model or job, 42501 if the caller does not own it, 55000 without pg_cron '
'in this database.';

CREATE FUNCTION @extschema@.ad_unschedule_retrain(model text)
RETURNS boolean
AS 'MODULE_PATHNAME', 'ad_unschedule_retrain'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION @extschema@.ad_unschedule_retrain(text) IS
'Removes the caller''s schedule of ad_retrain() for a model or job and returns whether there was one. '
'model: the model or job. Raises 22004 for a NULL model, 42704 if there is none of that name.';

-- No SET search_path: a query means what it means to the caller.
CREATE FUNCTION @extschema@.ad_schedule_drift(model text, schedule text, query text DEFAULT NULL, job text DEFAULT NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'ad_schedule_drift'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.ad_schedule_drift(text, text, text, text) IS
'Schedules ad_check_drift() as the caller with pg_cron and returns the number of the entry, which is '
'renamed and dropped with the model. model: the model. schedule: as in ad_schedule_job(). query, job: as '
'in ad_check_drift(), one of them NULL. Raises 22004 for a NULL model or schedule, 42704 if there is no '
'such model, 42501 without the privilege read on it, 55000 without pg_cron in this database.';

CREATE FUNCTION @extschema@.ad_unschedule_drift(model text)
RETURNS boolean
AS 'MODULE_PATHNAME', 'ad_unschedule_drift'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION @extschema@.ad_unschedule_drift(text) IS
'Removes the caller''s schedule of ad_check_drift() for a model and returns whether there was one. model: '
'the model. Raises 22004 for a NULL model, 42704 if there is no such model.';

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
'Compares the rows of a query or of a job with the active version of a model, like ad_drift(), stores the '
'verdict for ad_health() and ad_drift_results, and returns it: stable, moderate or significant. model: '
'the model. query: a table or query, run with the privileges of the caller. job: one of the caller''s '
'jobs, of which the newest 10000 rows are read. One of query and job must be NULL. Raises 22004 for a '
'NULL model, 42704 if there is no such model, 42501 without the privilege read on it.';

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
'Schedules set with ad_schedule_job(), _health(), _retrain() and _drift(): the caller''s own, or all for '
'members of pg_monitor; the state in pg_cron is shown only to the role itself and to superusers.';
COMMENT ON COLUMN @extschema@.ad_schedules.kind IS 'job, health, retrain or drift.';
COMMENT ON COLUMN @extschema@.ad_schedules.name IS 'Name of the job or model; NULL for health.';
COMMENT ON COLUMN @extschema@.ad_schedules.role IS 'Role as which it runs.';
COMMENT ON COLUMN @extschema@.ad_schedules.schedule IS 'Schedule as in crontab(5).';
COMMENT ON COLUMN @extschema@.ad_schedules.scheduled_at IS 'Time at which it was scheduled.';
COMMENT ON COLUMN @extschema@.ad_schedules.active IS
'Whether it is active in pg_cron; NULL if pg_cron does not have it, or does not show it.';
COMMENT ON COLUMN @extschema@.ad_schedules.last_run IS 'Start of the last run by pg_cron.';
COMMENT ON COLUMN @extschema@.ad_schedules.last_status IS 'Status of the last run, as in cron.job_run_details.';
COMMENT ON COLUMN @extschema@.ad_schedules.last_message IS 'Message of the last run, as in cron.job_run_details.';
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
'Last result of ad_check_drift() per role and model: the caller''s own, or all for members of pg_monitor.';
COMMENT ON COLUMN @extschema@.ad_drift_results.model IS 'Name of the model.';
COMMENT ON COLUMN @extschema@.ad_drift_results.version IS 'Active version at that time.';
COMMENT ON COLUMN @extschema@.ad_drift_results.role IS 'Role that measured the drift.';
COMMENT ON COLUMN @extschema@.ad_drift_results.at IS 'Time of the measurement.';
COMMENT ON COLUMN @extschema@.ad_drift_results.verdict IS 'Overall verdict: stable, moderate or significant.';
COMMENT ON COLUMN @extschema@.ad_drift_results.reason IS
'Reason of the verdict; NULL if it is stable, or unless the current user is the role.';
COMMENT ON COLUMN @extschema@.ad_drift_results.psi IS
'Population stability index of the scores; NULL if it is undefined.';
COMMENT ON COLUMN @extschema@.ad_drift_results.rows IS 'Rows read.';
COMMENT ON COLUMN @extschema@.ad_drift_results.source IS 'Query or job; NULL unless the current user is the role.';
GRANT SELECT ON @extschema@.ad_drift_results TO PUBLIC;
