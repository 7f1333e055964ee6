/*-------------------------------------------------------------------------
 *
 * sql_pause.c
 *		A job that fails again and again waits, longer each time.
 *
 * After pause_after failed runs in a row a run begins no work until a minute
 * has passed, after the next failure two minutes, and so on to an hour.  A run
 * that is good ends that, and so does whoever changes the job or resumes it:
 * the next run is tried at once.  What is refused before a run begins (another
 * role called it) is logged and counted, but pauses nothing.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_job_define.h"
#include "jobs/ad_run.h"
#include "operate/ad_own.h"
#include "sql/ad_text.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(ad_resume_job);

/* Set until when a job waits that has failed once more.  Within SPI. */
void
ad_job_pause(int32 id)
{
	Oid			types[] = {INT4OID};
	Datum		values[] = {Int32GetDatum(id)};

	(void) ad_own_run("UPDATE %s._ad_job_state s SET paused_until = clock_timestamp() + "
					  "least(interval '1 minute' * power(2, least(s.failures - p.n, 6)), interval '1 hour') "
					  "FROM %s._ad_job j, LATERAL (SELECT coalesce((j.options ->> 'pause_after')::integer, 5) AS n) p "
					  "WHERE s.job_id = $1 AND j.id = $1 AND p.n > 0 AND s.failures >= p.n",
					  lengthof(types), types, values, NULL);
}

/* Lift the pause of a job; whether there was one.  Within SPI. */
bool
ad_job_resume(int32 id)
{
	Oid			types[] = {INT4OID};
	Datum		values[] = {Int32GetDatum(id)};

	return ad_own_run("WITH was AS (SELECT paused_until > clock_timestamp() AS paused FROM %s._ad_job_state WHERE job_id = $1), "
					  "lifted AS (UPDATE %s._ad_job_state SET paused_until = NULL WHERE job_id = $1 AND paused_until IS NOT NULL) "
					  "SELECT FROM was WHERE paused",
					  lengthof(types), types, values, NULL) > 0;
}

static Datum
resume_job(FunctionCallInfo fcinfo)
{
	AdJobRow	job;
	bool		paused;

	SPI_connect();
	ad_job_own(PG_GETARG_DATUM(0), PG_ARGISNULL(0), NULL, &job);
	paused = ad_job_resume(job.id);
	SPI_finish();
	return BoolGetDatum(paused);
}

/* ad_resume_job(name) -> whether it was paused. */
Datum
ad_resume_job(PG_FUNCTION_ARGS)
{
	return ad_call_door(resume_job, fcinfo);
}
