-- Jobs and alerts: the schedule, by pg_cron.

CREATE FUNCTION @extschema@.ad_schedule_job(name text, schedule text)
RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	j _anomaly._ad_own_job;
	command text;
	cron_id bigint;
	fits boolean;
BEGIN
	j := _anomaly._ad_job_get($1);
	IF $2 IS NULL THEN
		RAISE EXCEPTION 'schedule cannot be NULL' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	fits := _anomaly._ad_check_length($2, 'schedule', 255);
	IF j.owner::oid <> (SELECT oid FROM pg_roles WHERE rolname = current_user) THEN
		RAISE EXCEPTION 'job "%" is scheduled by its owner only', j.name
			USING ERRCODE = 'insufficient_privilege', HINT = format('SET ROLE %s first.', quote_ident(j.owner::text));
	END IF;
	-- by its private name: a procedure of somebody else is not entered
	command := format('CALL _anomaly._ad_run_job(%L, NULL)', j.name);
	IF NOT EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'pg_cron') THEN
		RAISE EXCEPTION 'cannot schedule job "%" without pg_cron', j.name
			USING ERRCODE = 'object_not_in_prerequisite_state',
			DETAIL = CASE WHEN current_setting('cron.database_name', true) <> current_database()
				THEN format('pg_cron is loaded, for database "%s".', current_setting('cron.database_name', true))
				ELSE 'The extension pg_cron is not installed in this database.' END,
			HINT = CASE WHEN current_setting('cron.database_name', true) <> current_database()
				THEN format('There, a superuser can say: SELECT cron.schedule_in_database(%L, %L, %L, %L, %L)',
					'anomaly ' || j.name, $2, command, current_database(), j.owner::text)
				ELSE format('Add pg_cron to shared_preload_libraries, set cron.database_name, restart the server and CREATE EXTENSION pg_cron; or let a timer of the system run: CALL ad_run_job(%L)', j.name) END;
	END IF;
	IF NOT has_schema_privilege('cron', 'USAGE') THEN
		RAISE EXCEPTION 'permission denied for schema cron'
			USING ERRCODE = 'insufficient_privilege', HINT = format('GRANT USAGE ON SCHEMA cron TO %s', quote_ident(current_user));
	END IF;
	EXECUTE 'SELECT cron.schedule($1, $2, $3)' INTO cron_id USING 'anomaly ' || j.name, $2, command;
	RETURN cron_id;
END $$;
COMMENT ON FUNCTION @extschema@.ad_schedule_job(text, text) IS
'lets pg_cron run a job, by a schedule as in crontab(5); returns the number pg_cron gave it';

CREATE FUNCTION _anomaly._ad_job_unschedule(name text)
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found bigint;
BEGIN
	IF NOT EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'pg_cron') OR NOT has_schema_privilege('cron', 'USAGE') THEN
		RETURN false;
	END IF;
	EXECUTE 'SELECT jobid FROM cron.job WHERE jobname = $1 AND username = current_user AND database = current_database()'
		INTO found USING 'anomaly ' || $1;
	IF found IS NULL THEN
		RETURN false;
	END IF;
	EXECUTE 'SELECT cron.unschedule($1)' USING found;
	RETURN true;
END $$;
COMMENT ON FUNCTION _anomaly._ad_job_unschedule(text) IS 'takes a job of the current user from pg_cron''s schedule';

CREATE FUNCTION @extschema@.ad_unschedule_job(name text)
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN _anomaly._ad_job_unschedule((_anomaly._ad_job_get($1)).name);
END $$;
COMMENT ON FUNCTION @extschema@.ad_unschedule_job(text) IS
'takes a job from pg_cron''s schedule; returns whether it was there';
