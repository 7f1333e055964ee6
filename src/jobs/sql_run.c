/*-------------------------------------------------------------------------
 *
 * sql_run.c
 *		ad_run_job(): batches of a job, a transaction each, until none is left.
 *
 * A procedure in C, so that what fails is told without the functions within.
 * Each batch is a subtransaction: what an error takes back, it takes back
 * together, and the transaction around it writes it into the log.  So does a
 * commit that fails.  A session that is killed leaves the line of its run
 * open; the next run closes it, and goes on with what is stored.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_job_define.h"
#include "jobs/ad_run.h"
#include "operate/ad_own.h"
#include "operate/ad_progress.h"
#include "sql/ad_text.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/async.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "nodes/parsenodes.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(ad_run_job);

/* What is done in a subtransaction of its own. */
typedef struct Step
{
	bool		(*work) (AdRun *run, struct Step *step);
	text	   *name;			/* of the job */
	bool		has_until;
	TimestampTz until;
	ErrorData  *error;			/* of a batch that failed */
} Step;

/* A column of the first row of a query; the text of it, or NULL. */
static char *
ask(const char *sql, int nargs, Oid *types, Datum *values, const char *nulls)
{
	int			result = SPI_execute_with_args(sql, nargs, types, values, nulls, false, 1);

	if (result < 0)
		elog(ERROR, "SPI_execute_with_args failed: %s", SPI_result_code_string(result));
	return SPI_processed == 0 ? NULL :
		SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
}

/*
 * Lock the job and begin a line of the log; false: it runs already.
 */
static bool
begin(AdRun *run, Step *step)
{
	Oid			types[] = {TEXTOID};
	Datum		values[] = {PointerGetDatum(step->name)};
	bool		isnull;

	run->name = MemoryContextStrdup(run->mcxt, text_to_cstring(step->name));
	if (SPI_execute_with_args("SELECT b.id, b.run FROM _anomaly._ad_job_begin($1) b WHERE b.id IS NOT NULL",
							  1, types, values, NULL, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_with_args failed");
	if (SPI_processed == 0)
		return false;
	run->job = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0],
										   SPI_tuptable->tupdesc, 1, &isnull));
	run->number = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0],
											  SPI_tuptable->tupdesc, 2, &isnull));
	return true;
}

/* Note a run that was refused, if it is one of a job of the caller's. */
static bool
note_refusal(AdRun *run, Step *step)
{
	Oid			types[] = {TEXTOID, TEXTOID, TEXTOID};
	Datum		values[lengthof(types)];

	(void) run;
	values[0] = PointerGetDatum(step->name);
	values[1] = CStringGetTextDatum(unpack_sql_state(step->error->sqlerrcode));
	values[2] = CStringGetTextDatum(step->error->message == NULL ? "" : step->error->message);
	(void) ask("SELECT _anomaly._ad_job_refused($1, $2, $3)", lengthof(types), types,
			   values, NULL);
	return true;
}

/* The p-values that a run has counted, as bigint[]; false: none. */
static bool
bins_of(const AdRun *run, Datum *bins)
{
	Datum		items[AD_P_BINS];
	int64		n = 0;

	for (int i = 0; i < AD_P_BINS; i++)
	{
		items[i] = Int64GetDatum(run->bins[i]);
		n += run->bins[i];
	}
	*bins = PointerGetDatum(construct_array(items, AD_P_BINS, INT8OID, 8,
											FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	return n > 0;
}

/* Add a batch to the line of its run, and tell who listens. */
static void
log_batch(AdRun *run, const AdBatch *b)
{
	Oid			types[] = {INT4OID, INT4OID, INT8OID, INT8OID, INT8OID, INT8ARRAYOID, FLOAT8OID, INT8OID, INT8OID};
	Datum		values[lengthof(types)];
	char		nulls[] = "         ";
	StringInfoData note;

	/* to see that there is nothing left is no batch */
	if (b->rows == 0 && b->alerts == 0 && b->suppressed == 0)
		return;
	values[0] = Int32GetDatum(run->job);
	values[1] = Int32GetDatum(run->number);
	values[2] = Int64GetDatum(b->rows);
	values[3] = Int64GetDatum(b->alerts);
	values[4] = Int64GetDatum(b->suppressed);
	nulls[5] = bins_of(run, &values[5]) ? ' ' : 'n';
	values[6] = Float8GetDatum(run->least_p);
	nulls[6] = run->least_p > 0 ? ' ' : 'n';
	values[7] = Int64GetDatum(b->fallback);
	values[8] = Int64GetDatum(b->unscored);
	(void) ad_own_run("UPDATE %s._ad_job_run SET batches = batches + 1, rows = rows + $3, "
					  "alerts = alerts + $4, suppressed = suppressed + $5, p_bins = $6, least_p = $7, "
					  "fallback = fallback + $8, unscored = unscored + $9 WHERE job_id = $1 AND run = $2",
					  lengthof(types), types, values, nulls);
	run->rows += b->rows;
	if (b->alerts == 0)
		return;
	/* any role hears it */
	initStringInfo(&note);
	appendStringInfoString(&note, "{\"job\": ");
	escape_json(&note, b->job->name);
	appendStringInfo(&note, ", \"alerts\": " INT64_FORMAT "}", b->alerts);
	Async_Notify("ad_alert", note.data);
}

/* Do one batch; whether there may be more. */
static bool
batch(AdRun *run, Step *step)
{
	AdBatch		b = {0};
	bool		more;
	AdJob	   *j = ad_job_read(run->job);

	/* another may have got it since the last batch */
	if (j == NULL || j->owner != GetUserId())
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("job was dropped or given to another role while it ran")));
	ad_job_show_progress(j->name, run->rows);
	b.job = j;
	b.state = ad_state_own(j);
	b.run = run->number;
	b.has_until = step->has_until;
	b.until = step->until;
	b.mcxt = CurrentMemoryContext;
	b.sweep = run;
	more = j->kind->batch(&b);
	ad_state_write(j, b.state, run->seen == NULL ? 0 : ad_seen_count(run->seen));
	log_batch(run, &b);
	return more;
}

/* End the line of the run in the log. */
static bool
end(AdRun *run, Step *step)
{
	Oid			types[] = {INT4OID, INT4OID, TEXTOID, TEXTOID};
	Datum		values[lengthof(types)];
	char		nulls[] = {' ', ' ', 'n', 'n'};

	values[0] = Int32GetDatum(run->job);
	values[1] = Int32GetDatum(run->number);
	values[2] = values[3] = (Datum) 0;
	if (step->error != NULL)
	{
		nulls[2] = nulls[3] = ' ';
		values[2] = CStringGetTextDatum(unpack_sql_state(step->error->sqlerrcode));
		values[3] = CStringGetTextDatum(step->error->message == NULL ? "" : step->error->message);
	}
	(void) ask("SELECT _anomaly._ad_job_end($1, $2, $3, $4)", lengthof(types), types,
			   values, nulls);
	if (step->error != NULL)
		ad_job_pause(run->job);
	else
		(void) ad_job_resume(run->job);
	return true;
}

/* Count what came too late, if that is due. */
static bool
count(AdRun *run, Step *step)
{
	AdJob	   *j = ad_job_read(run->job);
	int64		late;

	(void) step;
	if (j == NULL || j->owner != GetUserId() || !ad_late_is_due(j))
		return true;
	late = ad_late_count(run->job);
	if (late > 0)
		ereport(WARNING,
				(errmsg(late == 1 ? "%s row came too late for job \"%s\"" :
						"%s rows came too late for job \"%s\"",
						psprintf(INT64_FORMAT, late), run->name),
				 errhint("To score them, run ad_rescan(job, since).")));
	return true;
}

/* An error as the caller of the run sees it: without what is within. */
static ErrorData *
plain(ErrorData *e)
{
	e->context = NULL;
	e->cursorpos = 0;
	e->internalpos = 0;
	e->internalquery = NULL;
	return e;
}

/*
 * Do a step of a run in a subtransaction, and commit.  An error is kept in the
 * step, in the run's context, and undoes it; false is returned then.
 */
static bool
in_transaction(AdRun *run, Step *step)
{
	MemoryContext mcxt = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile bool result = false;
	volatile bool committing = false;
	int			nestlevel;

	/* each batch has a snapshot of its own, whatever the default is */
	if (XactIsoLevel != XACT_READ_COMMITTED)
		(void) set_config_option("transaction_isolation", "read committed",
								 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL,
								 true, 0, false);
	BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		nestlevel = NewGUCNestLevel();
		SPI_connect();
		ad_job_path("pg_catalog, pg_temp");
		result = step->work(run, step);
		SPI_finish();
		AtEOXact_GUC(true, nestlevel);
		ReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(mcxt);
		CurrentResourceOwner = owner;
		committing = true;
		SPI_commit();
		SPI_start_transaction();
	}
	PG_CATCH();
	{
		ad_takes_end();
		MemoryContextSwitchTo(run->mcxt);
		step->error = plain(CopyErrorData());
		FlushErrorState();
		result = false;
		if (!committing)
		{
			RollbackAndReleaseCurrentSubTransaction();
			MemoryContextSwitchTo(mcxt);
			CurrentResourceOwner = owner;
		}
	}
	PG_END_TRY();
	MemoryContextSwitchTo(mcxt);
	return result;
}

/* Raise the error of a run that could not begin, once it is in the log. */
static void
refuse(AdRun *run, const Step *step)
{
	Step		note = *step;

	ad_job_release();
	note.work = note_refusal;
	(void) in_transaction(run, &note);
	ReThrowError(step->error);
}

/* Tell of watermarks that were set aside. */
static void
warn(const AdRun *run)
{
	if (run->aside > 0)
		ereport(WARNING,
				(errmsg(run->aside == 1 ?
						"%s row of job \"%s\" has a watermark beyond the clock, infinite, or far above the others" :
						"%s rows of job \"%s\" have watermarks beyond the clock, infinite, or far above the others",
						psprintf(INT64_FORMAT, run->aside), run->name),
				 errdetail("The first is %s.", run->first_aside),
				 errhint("They were scored, and the job goes on from where it was.")));
	if (run->bad > 0)
		ereport(WARNING,
				(errmsg(run->bad == 1 ? "%d row of job \"%s\" could not be scored" :
						"%d rows of job \"%s\" could not be scored",
						run->bad, run->name),
				 errhint("Look at ad_job_errors.")));
}

/* Raise an error where a run could not commit. */
static void
check_alone(FunctionCallInfo fcinfo)
{
	if (fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) ||
		((CallContext *) fcinfo->context)->atomic || IsTransactionBlock())
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("job cannot be run inside a transaction block"),
				 errdetail("Each batch of it is a transaction of its own."),
				 errhint("End the transaction first. In a client that begins transactions automatically, turn on autocommit.")));
}

/*
 * ad_run_job(name, until): do what there is to do for a job.  A run of the job
 * in another session is told of, and is none of this one.
 */
Datum
ad_run_job(PG_FUNCTION_ARGS)
{
	AdRun	   *run;
	Step		step = {0};
	MemoryContext mcxt;
	bool		more = true;

	ad_check_public(fcinfo->flinfo->fn_oid);
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("name of the job cannot be NULL")));
	check_alone(fcinfo);
	SPI_connect_ext(SPI_OPT_NONATOMIC);
	mcxt = AllocSetContextCreate(PortalContext, "anomaly run of a job",
								 ALLOCSET_DEFAULT_SIZES);
	run = MemoryContextAllocZero(mcxt, sizeof(AdRun));
	run->mcxt = mcxt;
	run->end_mcxt = AllocSetContextCreate(mcxt, "anomaly end of a batch",
										  ALLOCSET_SMALL_SIZES);
	step.name = MemoryContextAlloc(mcxt, VARSIZE_ANY(PG_GETARG_TEXT_PP(0)));
	memcpy(step.name, PG_GETARG_TEXT_PP(0), VARSIZE_ANY(PG_GETARG_TEXT_PP(0)));
	step.has_until = !PG_ARGISNULL(1);
	step.until = step.has_until ? PG_GETARG_TIMESTAMPTZ(1) : 0;

	SPI_commit();
	SPI_start_transaction();
	step.work = begin;
	if (!in_transaction(run, &step))
	{
		if (step.error != NULL)
			refuse(run, &step);
		SPI_finish();
		PG_RETURN_VOID();
	}
	step.work = batch;
	while (more)
		more = in_transaction(run, &step);
	warn(run);
	{
		Step		last = step;

		if (step.error == NULL)
		{
			last.work = count;
			if (!in_transaction(run, &last))
				step.error = last.error;
		}
		last = step;
		last.work = end;
		if (!in_transaction(run, &last) && step.error == NULL)
			step.error = last.error;
	}
	ad_job_release();
	if (step.error != NULL)
		ReThrowError(step.error);
	MemoryContextDelete(mcxt);
	SPI_finish();
	PG_RETURN_VOID();
}
