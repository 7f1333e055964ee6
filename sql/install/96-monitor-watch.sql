-- Monitoring that acts: all of health, what becomes of a change, schedules.
-- What is remembered is in 87-monitor-log.sql.

CREATE FUNCTION @extschema@.ad_alter_model(name text, changes jsonb)
RETURNS text
AS 'MODULE_PATHNAME', 'ad_alter_model'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION @extschema@.ad_alter_model(text, jsonb) IS
'Changes settings of a model and returns its name. name: the model. changes: an object with health, an '
'object of limits at which ad_health() warns about the model and its jobs; null sets the default, and '
'what is not named is kept. Raises 22004 for a NULL argument, 42704 if there is no such model, 42501 if '
'the caller does not own it, 22023 for an invalid limit.';

CREATE FUNCTION @extschema@.ad_model_health(name text)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'ad_model_health'
LANGUAGE C STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION @extschema@.ad_model_health(text) IS
'Returns the limits at which ad_health() warns about a model and its jobs, with all defaults, as JSON; '
'null means by the rule of the job or by the setting. name: the model. NULL if the name is NULL or the '
'caller has no privilege on such a model. Raises no errors of its own.';

CREATE FUNCTION _anomaly._ad_job_fault(job_id integer)
RETURNS text
AS 'MODULE_PATHNAME', 'ad_job_fault'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 10000;
COMMENT ON FUNCTION _anomaly._ad_job_fault(integer) IS
'why a job of the current user''s cannot run, as far as can be told without a row of its source: a table, column or model that is not there, or no longer of its type; NULL: nothing is known';

-- Models are read in turns: at most 32 MB a call, beginning with another one
-- each minute.
CREATE FUNCTION _anomaly._ad_health_faults()
RETURNS TABLE ("check" text, object text, status text, weight double precision, detail text, hint text)
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH model AS (
        SELECT v.name, v.bytes, row_number() OVER (ORDER BY v.name) AS n, count(*) OVER () AS models
        FROM _anomaly._ad_visible_model v WHERE v.active),
    turn AS (
        SELECT m.name, sum(m.bytes) OVER (ORDER BY (m.n + extract(epoch FROM clock_timestamp())::bigint / 60) % m.models) - m.bytes < 32 * 1024 * 1024 AS looked
        FROM model m),
    looked AS MATERIALIZED (
        SELECT t.name, t.looked, CASE WHEN t.looked THEN _anomaly._ad_model_fault(t.name) END AS fault FROM turn t)
    SELECT 'model bytes', l.name, CASE WHEN l.looked THEN 'critical' END, 0::float8,
           format('The bytes of model "%s" are damaged. %s', l.name, l.fault),
           'Train it again with ad_train(), activate another version with ad_activate(), or restore its row from a backup; and look at the storage.'
    FROM looked l WHERE l.fault IS NOT NULL OR NOT l.looked
    UNION ALL
    SELECT 'job columns', j.name, 'critical', 0, format('Job %s cannot run: %s.', j.name, rtrim(j.fault, '.')),
           'Give the job another source, other features or another model with ad_alter_job(), or train the model again on what there is.'
    FROM (SELECT o.name, _anomaly._ad_job_fault(o.id) AS fault FROM _anomaly._ad_own_job o) j WHERE j.fault IS NOT NULL
    UNION ALL
    SELECT 'measured drift', d.model, CASE d.verdict WHEN 'significant' THEN 'critical' ELSE 'warning' END,
           CASE d.verdict WHEN 'significant' THEN 2 ELSE 1 END,
           format('The drift of model "%s", measured %s ago, is %s%s', d.model, date_trunc('second', clock_timestamp() - d.at), d.verdict, coalesce(': ' || d.reason, '.')),
           'See ad_drift_results; if the rows have changed for good, train the model again.'
    FROM _anomaly._ad_visible_drift d WHERE d.active AND d.verdict <> 'stable' AND d.at > clock_timestamp() - interval '30 days'
$$;
COMMENT ON FUNCTION _anomaly._ad_health_faults() IS
'the checks of ad_health() on damaged models, jobs that cannot run, and drift that was measured, one row per check and object';

-- pg_cron shows a role its own entries alone. What it runs without fail, and
-- fails, a job has in its own log.
CREATE FUNCTION _anomaly._ad_health_schedules()
RETURNS TABLE ("check" text, object text, status text, weight double precision, detail text, hint text)
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH entry AS MATERIALIZED (SELECT * FROM _anomaly._ad_cron_entries()),
    fault AS MATERIALIZED (SELECT _anomaly._ad_cron_fault() AS text WHERE EXISTS (SELECT FROM _anomaly._ad_visible_schedule)),
    known AS (
        SELECT s.*, CASE s.kind WHEN 'health' THEN 'health' ELSE s.kind || ' ' || s.name END AS object, e.jobname IS NOT NULL AS is_there, e.active, e.last_status, e.last_message,
               CASE WHEN e.logged OR s.kind = 'job' THEN greatest(e.last_run, r.last_run) END AS last_run, e.logged,
               _anomaly._ad_cron_due(s.schedule, 3) AS due
        FROM _anomaly._ad_visible_schedule s
             LEFT JOIN entry e ON e.jobname = s.jobname AND e.username = s.role
             LEFT JOIN LATERAL (SELECT max(o.started) AS last_run FROM _anomaly._ad_own_run o JOIN _anomaly._ad_own_job j ON j.id = o.job_id
                                WHERE s.kind = 'job' AND j.name = s.name) r ON true
        WHERE s.role = current_user OR (SELECT u.rolsuper FROM pg_roles u WHERE u.rolname = current_user)),
    judged AS (
        SELECT k.object, CASE WHEN f.text IS NOT NULL THEN 1 WHEN NOT k.is_there THEN 2
                              WHEN NOT k.active THEN NULL
                              WHEN k.at < k.due AND coalesce(k.last_run < k.due, k.logged OR k.kind = 'job') AND k.last_status IS DISTINCT FROM 'running' THEN 3
                              WHEN k.last_status = 'failed' AND (k.kind <> 'job' OR k.last_message NOT LIKE 'ERROR:%') THEN 4 END AS what,
               f.text AS fault, k.last_run, k.due, k.last_message, k.kind, k.role
        FROM known k LEFT JOIN fault f ON true)
    SELECT 'schedule', j.object, CASE WHEN j.what = 4 THEN 'warning' ELSE 'critical' END, 4 - j.what,
           CASE j.what WHEN 1 THEN format('Nothing runs %s, which is scheduled. %s', j.object, j.fault)
                       WHEN 2 THEN format('pg_cron has no entry for %s, which is scheduled.', j.object)
                       WHEN 3 THEN format('%s was last run by pg_cron %s, and has been due three times since.', j.object, coalesce('at ' || date_trunc('second', j.last_run), 'never'))
                       ELSE format('The last run of %s by pg_cron failed: %s', j.object, left(j.last_message, 300)) END,
           CASE j.what WHEN 1 THEN 'See shared_preload_libraries and cron.database_name, and the log of the server.'
                       WHEN 2 THEN format('Schedule it again, as role "%s", or unschedule it. A dump has no entries of pg_cron.', j.role)
                       WHEN 3 THEN 'See cron.job_run_details, cron.host, pg_hba.conf and the log of the server.'
                       ELSE 'See cron.job_run_details.' END
    FROM judged j WHERE j.what IS NOT NULL
$$;
COMMENT ON FUNCTION _anomaly._ad_health_schedules() IS
'the check of ad_health() on what is scheduled and does not run, one row per schedule';

-- Its queries are long and look at few rows: to compile them takes longer.
CREATE FUNCTION _anomaly._ad_health_all()
RETURNS TABLE ("check" text, object text, status text, detail text, hint text, line boolean)
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
    WITH found AS MATERIALIZED (
        SELECT * FROM _anomaly._ad_health_runs()
        UNION ALL SELECT * FROM _anomaly._ad_health_accuracy()
        UNION ALL SELECT * FROM _anomaly._ad_health_faults()
        UNION ALL SELECT * FROM _anomaly._ad_health_schedules()),
    worst AS (
        SELECT DISTINCT ON (f."check") f.*, count(*) FILTER (WHERE f.status <> 'ok') OVER (PARTITION BY f."check") AS bad
        FROM found f WHERE f.status IS NOT NULL
        ORDER BY f."check", array_position('{critical,warning,ok}', f.status), f.weight DESC NULLS LAST, f.object),
    lines AS (
        -- in this order
        SELECT l.place, l.n, l."check", coalesce(w.status, 'ok') AS status,
               coalesce(CASE WHEN w.bad > 1 THEN format('%s; %s more beyond the limit.', rtrim(w.detail, '.'), w.bad - 1) ELSE w.detail END, l.fine) AS detail, w.hint
        FROM (VALUES (3, 1, 'job lag', 'There is no job.'),
                     (3, 2, 'failing job', 'There is no job.'),
                     (3, 3, 'alert flood', 'There is no job.'),
                     (9, 4, 'paused job', 'No job is paused.'),
                     (9, 5, 'precision', 'No job is known to alert in vain.'),
                     (9, 6, 'alert rate', 'No job alerts more often than it should.'),
                     (9, 7, 'unlabelled alerts', 'No queue of alerts is unattended.'),
                     (9, 8, 'missing labels', 'Where alerts are labelled, they still are.'),
                     (9, 9, 'score drift', 'Scores of jobs are as their models expect.'),
                     (9, 10, 'measured drift', 'No drift is known that was measured.'),
                     (9, 11, 'model bytes', 'The models that were looked at are whole.'),
                     (9, 12, 'job columns', 'Every job finds its source, its columns and its model.'),
                     (9, 13, 'schedule', 'What is scheduled runs.')) l(place, n, "check", fine)
             LEFT JOIN worst w ON w."check" = l."check"
        UNION ALL SELECT 1, row_number() OVER (), s."check", s.status, s.detail, s.hint FROM _anomaly._ad_health_scoring() s
        UNION ALL SELECT 2, row_number() OVER (), s."check", s.status, s.detail, s.hint FROM _anomaly._ad_health_models() s
        UNION ALL SELECT 4, row_number() OVER (), s."check", s.status, s.detail, s.hint FROM _anomaly._ad_health_watermarks() s
        UNION ALL SELECT 5, row_number() OVER (), s."check", s.status, s.detail, s.hint FROM _anomaly._ad_health_rules() s
        UNION ALL SELECT 5, 1000, s."check", s.status, s.detail, s.hint FROM _anomaly._ad_health_series() s
        UNION ALL SELECT 5, 1001, s."check", s.status, s.detail, s.hint FROM _anomaly._ad_health_watches() s
        UNION ALL SELECT 6, row_number() OVER (), s."check", s.status, s.detail, s.hint FROM _anomaly._ad_health_schema() s
        UNION ALL SELECT 7, row_number() OVER (), s."check", s.status, s.detail, s.hint FROM _anomaly._ad_health_storage() s)
    SELECT a."check", a.object, a.status, a.detail, a.hint, a.line
    FROM (SELECT l."check", CASE WHEN l.place NOT IN (3, 9) THEN '' END AS object, l.status, l.detail, l.hint, true AS line, l.place, l.n FROM lines l
          UNION ALL
          SELECT f."check", f.object, f.status, f.detail, f.hint, false, 10, row_number() OVER () FROM found f) a
    ORDER BY a.place, a.n
$$;
COMMENT ON FUNCTION _anomaly._ad_health_all() IS
'the lines of ad_health(), of which those that are about no object in particular have an empty one, and a row for each object of a check';

CREATE FUNCTION @extschema@.ad_health()
RETURNS TABLE ("check" text, status text, detail text, hint text, check_name text)
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT h."check", h.status, h.detail, h.hint, h."check" FROM _anomaly._ad_health_all() h WHERE h.line
$$;
COMMENT ON FUNCTION @extschema@.ad_health() IS
'Returns one row per check with its name (check_name, and check, which needs quotes), its status (ok, '
'warning or critical), the facts, and a hint, which is NULL if the status is ok. Limits are the settings '
'anomaly.health_*, and those of jobs and models. There are no arguments. Raises no errors of its own.';

-- What was ad_health() in 0.2.0, for what depends on it.
CREATE FUNCTION _anomaly._ad_health()
RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT h."check", h.status, h.detail, h.hint FROM _anomaly._ad_health_all() h WHERE h.line
$$;
COMMENT ON FUNCTION _anomaly._ad_health() IS
'ad_health() of version 0.2.0, for objects that depend on it';

CREATE PROCEDURE _anomaly._ad_check_health()
AS 'MODULE_PATHNAME', 'ad_check_health'
LANGUAGE C;
COMMENT ON PROCEDURE _anomaly._ad_check_health() IS 'does what ad_check_health() says';

CREATE PROCEDURE @extschema@.ad_check_health()
AS 'MODULE_PATHNAME', 'ad_check_health'
LANGUAGE C;
COMMENT ON PROCEDURE @extschema@.ad_check_health() IS
'Compares ad_health() with its result at the last call by the same role, writes the changes to '
'ad_health_log, and sends the notification ad_health with the role and the checks, without names of '
'objects. There are no arguments, and no NULL results. Raises the errors of ad_health().';

CREATE VIEW @extschema@.ad_health_log WITH (security_barrier) AS
SELECT l.at, l.role::text AS role, l."check", nullif(l.object, '') AS object, l.from_status, l.to_status,
       CASE WHEN pg_has_role(l.role, 'USAGE') THEN l.detail END AS detail, l."check" AS check_name
FROM _anomaly._ad_health_log l
WHERE l.role::text <> '' AND (pg_has_role(l.role, 'USAGE') OR pg_has_role('pg_monitor', 'USAGE'))
ORDER BY l.id
OFFSET 0;
COMMENT ON VIEW @extschema@.ad_health_log IS
'Changes of health found by ad_check_health(), of the last 90 days and at most 10,000 per role: those of '
'roles whose privileges the current user has, or all without details for members of pg_monitor.';
COMMENT ON COLUMN @extschema@.ad_health_log.at IS 'Time at which the change was found.';
COMMENT ON COLUMN @extschema@.ad_health_log.role IS 'Role that called ad_check_health().';
COMMENT ON COLUMN @extschema@.ad_health_log."check" IS 'Same as check_name; needs quotes.';
COMMENT ON COLUMN @extschema@.ad_health_log.check_name IS 'Name of the check, as in ad_health().';
COMMENT ON COLUMN @extschema@.ad_health_log.object IS
'Job, model, or kind and name of the schedule; NULL if the check is about no particular object.';
COMMENT ON COLUMN @extschema@.ad_health_log.from_status IS 'Previous status.';
COMMENT ON COLUMN @extschema@.ad_health_log.to_status IS 'New status.';
COMMENT ON COLUMN @extschema@.ad_health_log.detail IS
'Detail as in ad_health(); NULL for members of pg_monitor without the privileges of the role, and if the '
'object no longer exists.';
GRANT SELECT ON @extschema@.ad_health_log TO PUBLIC;
