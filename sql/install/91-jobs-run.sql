-- Jobs and alerts: running.
--
-- A run is a procedure that commits after every batch: src/jobs/sql_run.c. What
-- a batch reads and when it settles is in src/jobs/sql_batch.c.
--
-- A source means what it means to the job's owner, so it is run in the search
-- path that he had. What stands between the two set_config() is found in that
-- path: nothing but an EXECUTE of text that is there, with plain variables.
-- An operator, a function, a type or a collation could be somebody else's.

CREATE FUNCTION _anomaly._ad_job_lock(id integer)
RETURNS boolean
AS 'MODULE_PATHNAME', 'ad_job_lock'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION _anomaly._ad_job_lock(integer) IS
'takes the lock of a job of one''s own for this session, until the run ends or a transaction fails; false if it is taken';

CREATE FUNCTION _anomaly._ad_job_begin(name text, OUT id integer, OUT run integer)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	j _anomaly._ad_own_job;
	holder integer;
	pause record;
BEGIN
	j := _anomaly._ad_job_get($1);
	-- the query is the owner's: it must not run with the rights of others
	IF j.owner::text = '' THEN
		RAISE EXCEPTION 'job "%" has no owner, so nobody can run it', j.name
			USING ERRCODE = 'insufficient_privilege',
			DETAIL = 'It was restored by a role without the privileges of its owner, or its owner was dropped.',
			HINT = 'A superuser who has read its query can give it one: ad_alter_job(name, ''{"owner": "..."}'').';
	END IF;
	IF j.owner::oid <> (SELECT oid FROM pg_roles WHERE rolname = current_user) THEN
		RAISE EXCEPTION 'job "%" is run by its owner only', j.name
			USING ERRCODE = 'insufficient_privilege',
			DETAIL = CASE WHEN EXISTS (SELECT FROM pg_roles r WHERE r.oid = j.owner::oid)
						THEN format('It belongs to role "%s", the current user is "%s".', j.owner, current_user)
						ELSE 'Its owner is gone.' END,
			HINT = 'SET ROLE, or let ad_alter_job() give it another owner.';
	END IF;
	-- it is not dropped while this writes what would stay behind
	PERFORM FROM _anomaly._ad_own_job o WHERE o.id = j.id FOR KEY SHARE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'job "%" does not exist', $1 USING ERRCODE = 'undefined_object';
	END IF;
	SELECT date_trunc('second', s.paused_until) AS until, s.failures INTO pause
	FROM _anomaly._ad_own_state s WHERE s.job_id = j.id AND s.paused_until > clock_timestamp();
	IF pause.until IS NOT NULL THEN
		RAISE NOTICE 'job "%" is paused until %', j.name, pause.until
			USING DETAIL = format('Its last %s failed. The error was: %s', CASE pause.failures WHEN 1 THEN 'run' ELSE pause.failures || ' runs' END,
					coalesce((SELECT r.error FROM _anomaly._ad_own_run r WHERE r.job_id = j.id AND r.error IS NOT NULL ORDER BY r.run DESC LIMIT 1), 'not logged')),
				HINT = 'When the cause is fixed, ad_resume_job() lets the job run at once.';
		RETURN;
	END IF;
	IF NOT _anomaly._ad_job_lock(j.id) THEN
		SELECT l.pid INTO holder FROM pg_locks l
		WHERE l.locktype = 'object' AND l.classid = '_anomaly._ad_job'::regclass AND l.objid = j.id::oid AND l.granted
			AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database());
		RAISE NOTICE 'job "%" is already running', j.name
			USING DETAIL = coalesce(format('It runs in the server process with PID %s.', holder), '');
		RETURN;
	END IF;
	UPDATE _anomaly._ad_own_run r
	SET finished = clock_timestamp(), error = 'the server process ended', error_code = '57P01'
	WHERE r.job_id = j.id AND r.finished IS NULL;
	PERFORM _anomaly._ad_job_delete(j.id, 'run', clock_timestamp() - interval '30 days');
	id := j.id;
	SELECT coalesce(max(r.run), 0) + 1 INTO run FROM _anomaly._ad_own_run r WHERE r.job_id = j.id;
	INSERT INTO _anomaly._ad_own_run (job_id, run, pid, started)
	VALUES (j.id, $3, pg_backend_pid(), clock_timestamp());
END $$;
COMMENT ON FUNCTION _anomaly._ad_job_begin(text) IS
'locks a job for this session and begins a line of its log; NULL if it is running or paused';

CREATE FUNCTION _anomaly._ad_job_end(id integer, run integer, error_code text, error text)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
UPDATE _anomaly._ad_own_run r SET finished = clock_timestamp(), error_code = $3, error = $4
WHERE r.job_id = $1 AND r.run = $2;
UPDATE _anomaly._ad_own_state s SET failures = CASE WHEN $3 IS NULL THEN 0 ELSE s.failures + 1 END
WHERE s.job_id = $1;
SELECT _anomaly._ad_progress_end('job', j.name) FROM _anomaly._ad_own_job j WHERE j.id = $1
$$;
COMMENT ON FUNCTION _anomaly._ad_job_end(integer, integer, text, text) IS 'ends the line of a run in the log';

CREATE FUNCTION _anomaly._ad_job_refused(name text, error_code text, error text)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
INSERT INTO _anomaly._ad_own_run (job_id, run, pid, started, finished, error_code, error)
SELECT o.id, (SELECT coalesce(max(r.run), 0) + 1 FROM _anomaly._ad_own_run r WHERE r.job_id = o.id), pg_backend_pid(),
	clock_timestamp(), clock_timestamp(), $2, $3
FROM _anomaly._ad_own_job o WHERE o.name = $1;
UPDATE _anomaly._ad_own_state s SET failures = s.failures + 1
FROM _anomaly._ad_own_job o WHERE o.name = $1 AND s.job_id = o.id
$$;
COMMENT ON FUNCTION _anomaly._ad_job_refused(text, text, text) IS 'notes in the log of a job of one''s own that a run was refused';

CREATE FUNCTION _anomaly._ad_job_takes(key text, watermark "any")
RETURNS boolean
AS 'MODULE_PATHNAME', 'ad_job_takes'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1;
COMMENT ON FUNCTION _anomaly._ad_job_takes(text, "any") IS
'whether the batch of a job that is being read takes a version of a row; an error anywhere else';

CREATE PROCEDURE _anomaly._ad_run_job(name text, until timestamptz)
AS 'MODULE_PATHNAME', 'ad_run_job'
LANGUAGE C;
COMMENT ON PROCEDURE _anomaly._ad_run_job(text, timestamptz) IS 'does what ad_run_job() says';

CREATE PROCEDURE @extschema@.ad_run_job(name text, until timestamptz DEFAULT NULL)
AS 'MODULE_PATHNAME', 'ad_run_job'
LANGUAGE C;
COMMENT ON PROCEDURE @extschema@.ad_run_job(text, timestamptz) IS
'Runs a job until there are no more rows, in batches of one transaction each. name: the job. until: '
'leaves rows after this time to later runs; NULL means none. Raises 22004 for a NULL name, 25001 in a '
'transaction block, 42704 if there is no such job, 42501 if the caller is not its owner, and the errors '
'of its source and model unless on_error is skip.';

CREATE FUNCTION @extschema@.ad_resume_job(name text)
RETURNS boolean
AS 'MODULE_PATHNAME', 'ad_resume_job'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION @extschema@.ad_resume_job(text) IS
'Ends the pause of a job after failed runs, and returns whether it was paused. name: the job. Raises '
'22004 for a NULL name, 42704 if there is no such job, 42501 if the caller does not own it.';

CREATE FUNCTION _anomaly._ad_job_late(job_id integer)
RETURNS bigint
AS 'MODULE_PATHNAME', 'ad_job_late'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION _anomaly._ad_job_late(integer) IS
'counts the rows that came too late for a job of the current user, and notes how many; NULL: it is another''s, it is busy, or its source cannot be read';

CREATE FUNCTION @extschema@.ad_rescan(job text, since text)
RETURNS bigint
AS 'MODULE_PATHNAME', 'ad_rescan'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.ad_rescan(text, text) IS
'Makes the next run of a job read its source again from a watermark on, so that late rows are scored and '
'bad rows are tried again, and returns the number of these rows; no version of a row raises two alerts. '
'job: the job. since: the watermark, as text. Raises 22004 for a NULL argument, 22023 for a value that is '
'not a watermark, 42704 if there is no such job, 42501 if the caller does not own it.';
