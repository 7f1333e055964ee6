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
