/*-------------------------------------------------------------------------
 *
 * sql_lock.c
 *		The lock of a job that runs.
 *
 * A run is many transactions, so the lock is the session's.  It is not an
 * advisory lock, since anybody could take that and so stop a job: it is one on
 * an object, the row of the job, which only who has the rights of the job's
 * owner gets.  A run catches the errors of its batches; so an abort means
 * that the run is over, and lets the lock go.
 *
 * In pg_locks it has locktype object, classid _ad_job and objid the job's
 * number.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_core.h"
#include "jobs/ad_jobs.h"
#include "operate/ad_own.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lock.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

PG_FUNCTION_INFO_V1(ad_job_lock);
PG_FUNCTION_INFO_V1(ad_job_unlock);

static bool held = false;
static LOCKTAG held_tag;		/* if held */
static char held_name[NAMEDATALEN]; /* of the job, if held; cut to fit */

/* Let go of the lock, if there is one. */
static void
release(void)
{
	if (held)
	{
		held = false;
		(void) LockRelease(&held_tag, ExclusiveLock, true);
	}
}

/* The name of the job that this session runs, or NULL. */
const char *
ad_job_running(void)
{
	return held ? held_name : NULL;
}

/* A session that ends between two transactions still has it. */
static void
at_exit(int code, Datum arg)
{
	(void) code;
	(void) arg;
	release();
}

/* A transaction that fails ends the run. */
static void
at_transaction_end(XactEvent event, void *arg)
{
	(void) arg;
	if (event == XACT_EVENT_ABORT)
		release();
}

/*
 * _ad_job_lock(id) -> whether the lock is this session's now; false if it is
 * another's, or this session's already.  Raises an error for who does not own
 * the job.
 */
Datum
ad_job_lock(PG_FUNCTION_ARGS)
{
	static bool registered = false;
	Oid			types[1] = {INT4OID};
	Datum		values[1] = {PG_GETARG_DATUM(0)};
	Oid			rel = ad_own_relation(AD_REL_JOB);
	LOCKTAG		tag;
	char		name[NAMEDATALEN];

	PreventCommandIfReadOnly("ad_run_job()");
	SPI_connect();
	if (SPI_execute_with_args(psprintf("SELECT o.name FROM %s._ad_own_job o WHERE o.id OPERATOR(pg_catalog.=) $1",
									   ad_own_schema()),
							  1, types, values, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_with_args failed");
	if (SPI_processed != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for job %d", PG_GETARG_INT32(0))));
	strlcpy(name, SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1),
			sizeof(name));
	SPI_finish();

	if (held)
		PG_RETURN_BOOL(false);
	if (!registered)
	{
		RegisterXactCallback(at_transaction_end, NULL);
		before_shmem_exit(at_exit, (Datum) 0);
		registered = true;
	}
	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, rel, (Oid) PG_GETARG_INT32(0), 0);
	if (LockAcquire(&tag, ExclusiveLock, true, true) == LOCKACQUIRE_NOT_AVAIL)
		PG_RETURN_BOOL(false);
	held_tag = tag;
	strlcpy(held_name, name, sizeof(held_name));
	held = true;
	PG_RETURN_BOOL(true);
}

/* The run is over: let go of the lock, if this session has it. */
void
ad_job_release(void)
{
	release();
}

/* _ad_job_unlock() of 0.2.0: the run is over. */
Datum
ad_job_unlock(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	release();
	PG_RETURN_VOID();
}
