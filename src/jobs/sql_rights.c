/*-------------------------------------------------------------------------
 *
 * sql_rights.c
 *		What an owner does with a job as a whole: grants, another name, its
 *		end, and the end of what it keeps.
 *
 * Each function locks the row of the job, so that nothing is written of a job
 * that is being dropped, and writes as the owner of the tables.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_job_define.h"
#include "operate/ad_operate.h"
#include "operate/ad_own.h"
#include "sql/ad_text.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(ad_drop_job);
PG_FUNCTION_INFO_V1(ad_rename_job);
PG_FUNCTION_INFO_V1(ad_purge_job);
PG_FUNCTION_INFO_V1(ad_grant_job);
PG_FUNCTION_INFO_V1(ad_revoke_job);
PG_FUNCTION_INFO_V1(ad_model_jobs);

/* Delete of a job what a word says (sql_rows.c); how many rows that count. */
static int64
delete_of(int32 job, const char *what, Datum before)
{
	Oid			types[] = {INT4OID, TEXTOID, TIMESTAMPTZOID};
	Datum		values[3];
	char		nulls[] = "   ";
	bool		isnull;

	values[0] = Int32GetDatum(job);
	values[1] = CStringGetTextDatum(what);
	values[2] = before;
	nulls[2] = before == (Datum) 0 ? 'n' : ' ';
	if (SPI_execute_with_args(psprintf("SELECT %s._ad_job_delete($1, $2, $3)",
									   ad_internal_schema()),
							  lengthof(types), types, values, nulls, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_with_args failed");
	return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0],
									   SPI_tuptable->tupdesc, 1, &isnull));
}

/* Drop a job, which is locked; how many alerts are gone. */
static int64
drop(const AdJobRow *job)
{
	ad_job_forget_schedules(job);
	return delete_of(job->id, "job", (Datum) 0);
}

static Datum
drop_job(FunctionCallInfo fcinfo)
{
	AdJobRow	job;
	int64		n;

	SPI_connect();
	/* waits for a batch that is being done, and a label that is being written */
	ad_job_own(PG_GETARG_DATUM(0), PG_ARGISNULL(0), "FOR UPDATE", &job);
	n = drop(&job);
	SPI_finish();
	return Int64GetDatum(n);
}

/* ad_drop_job(name) -> how many alerts are gone. */
Datum
ad_drop_job(PG_FUNCTION_ARGS)
{
	return ad_call_door(drop_job, fcinfo);
}

/* Raise the error of a model that jobs use; "names": those that may be told. */
static void
in_use(const char *model, const char *names, int nnames, bool others)
{
	if (nnames == 1 && !others)
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("cannot drop model \"%s\" because job %s uses it",
						model, names),
				 errhint("Drop the job or give it another model first, or use ad_drop_model(name, cascade => true).")));
	ereport(ERROR,
			(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
			 errmsg("cannot drop model \"%s\" because jobs use it", model),
			 nnames == 0 ? errdetail("They are not for the current user to see.") :
			 others ? errdetail("They are %s, and some that are not for the current user to see.",
								names) :
			 errdetail("They are %s.", names),
			 errhint("Drop the jobs or give them another model first, or use ad_drop_model(name, cascade => true).")));
}

/*
 * Look at the jobs that use a model, which the current user owns.  Raise an
 * error if there are some; or drop those of his own, and leave those of others
 * without their model: he has no right to their alerts.  How many are dropped.
 */
static int64
drop_jobs_of(Datum model, bool cascade)
{
	Oid			types[1] = {TEXTOID};
	uint64		n = ad_own_run("SELECT j.id, j.owner::oid, j.name FROM %s._ad_job j WHERE j.options ->> 'model' = $1 ORDER BY j.name FOR UPDATE",
							   1, types, &model, NULL);
	SPITupleTable *rows = SPI_tuptable;
	StringInfoData names;
	int			nnames = 0;
	int64		dropped = 0;
	bool		others = false;

	initStringInfo(&names);
	for (uint64 i = 0; i < n; i++)
	{
		AdJobRow	job;
		bool		isnull;

		job.id = DatumGetInt32(SPI_getbinval(rows->vals[i], rows->tupdesc, 1, &isnull));
		job.owner = DatumGetObjectId(SPI_getbinval(rows->vals[i], rows->tupdesc, 2, &isnull));
		job.name = SPI_getvalue(rows->vals[i], rows->tupdesc, 3);
		if (cascade && ad_job_is_own(job.owner))
		{
			(void) drop(&job);
			dropped++;
		}
		else if (cascade || !ad_job_is_seen(&job))
			others = true;
		else
			appendStringInfo(&names, "%s\"%s\"", nnames++ > 0 ? ", " : "",
							 job.name);
	}
	if (cascade && others)
		ereport(NOTICE,
				(errmsg("jobs of other roles use model \"%s\" and stay without it",
						ad_text_quote(model)),
				 errdetail("Their runs fail until their owners give them another model.")));
	else if (!cascade && (nnames > 0 || others))
		in_use(TextDatumGetCString(model), names.data, nnames, others);
	return dropped;
}

/*
 * _ad_model_jobs(model, cascade) -> jobs dropped with a model; an error if jobs
 * use it and they may not be.  Strict.
 */
Datum
ad_model_jobs(PG_FUNCTION_ARGS)
{
	text	   *model = PG_GETARG_TEXT_PP(0);
	AdRegistryName row;
	int64		n;

	ad_registry_check(model, NULL, AD_PRIVILEGE_OWN, &row);
	SPI_connect();
	n = drop_jobs_of(PointerGetDatum(model), PG_GETARG_BOOL(1));
	SPI_finish();
	PG_RETURN_INT64(n);
}

/* Give a job another name; an error where another job has it. */
static void
rename_to(const AdJobRow *job, const char *name)
{
	Oid			types[] = {INT4OID, TEXTOID};
	Datum		values[2];
	MemoryContext mcxt = CurrentMemoryContext;

	values[0] = Int32GetDatum(job->id);
	values[1] = CStringGetTextDatum(name);
	PG_TRY();
	{
		(void) ad_own_run("UPDATE %s._ad_job SET name = $2 WHERE id = $1",
						  lengthof(types), types, values, NULL);
		(void) ad_own_run("UPDATE %s._ad_alert SET job = $2 WHERE job_id = $1",
						  lengthof(types), types, values, NULL);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(mcxt);
		if (geterrcode() != ERRCODE_UNIQUE_VIOLATION)
			PG_RE_THROW();
		FlushErrorState();
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("job \"%s\" already exists", name)));
	}
	PG_END_TRY();
}

static Datum
rename_job(FunctionCallInfo fcinfo)
{
	AdJobRow	job;
	char	   *name;
	Datum		result;

	SPI_connect();
	name = ad_job_new_name(PG_GETARG_DATUM(1), PG_ARGISNULL(1));
	ad_job_own(PG_GETARG_DATUM(0), PG_ARGISNULL(0), "FOR UPDATE", &job);
	if (strcmp(name, job.name) != 0)
	{
		rename_to(&job, name);
		ad_job_reschedule(&job, name, job.owner);
	}
	result = ad_job_name_result(name);
	SPI_finish();
	return result;
}

/* ad_rename_job(name, new_name) -> the new name. */
Datum
ad_rename_job(PG_FUNCTION_ARGS)
{
	return ad_call_door(rename_job, fcinfo);
}

static Datum
purge_job(FunctionCallInfo fcinfo)
{
	AdJobRow	job;
	int64		n;

	SPI_connect();
	ad_job_own(PG_GETARG_DATUM(0), false, NULL, &job);
	n = delete_of(job.id, "alert", PG_GETARG_DATUM(1));
	SPI_finish();
	return Int64GetDatum(n);
}

/* ad_purge_job(name, before) -> how many alerts are gone.  Strict. */
Datum
ad_purge_job(PG_FUNCTION_ARGS)
{
	return ad_call_door(purge_job, fcinfo);
}

/* Grant or revoke what the arguments of a call say; how many rows it is. */
static int64
change_grant(FunctionCallInfo fcinfo, const char *statement)
{
	AdJobRow	job;
	char	   *role = ad_text_argument(PG_GETARG_DATUM(1), "role",
										AD_MAX_ROLE_LENGTH);
	char	   *privilege = ad_text_argument(PG_GETARG_DATUM(2), "privilege",
											 AD_MAX_ROLE_LENGTH);
	Oid			types[] = {INT4OID, TEXTOID, TEXTOID};
	Datum		values[3];
	int64		n;

	SPI_connect();
	ad_job_own(PG_GETARG_DATUM(0), false, "FOR KEY SHARE", &job);
	if (strcmp(privilege, "read") != 0 && strcmp(privilege, "label") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("privilege is \"%s\", must be \"read\" or \"label\"",
						ad_quote_clip(privilege))));
	if (strcmp(role, "public") != 0)
		(void) get_role_oid(role, false);
	values[0] = Int32GetDatum(job.id);
	values[1] = CStringGetTextDatum(role);
	values[2] = CStringGetTextDatum(privilege);
	n = (int64) ad_own_run(statement, lengthof(types), types, values, NULL);
	SPI_finish();
	return n;
}

static Datum
grant_job(FunctionCallInfo fcinfo)
{
	return Int64GetDatum(change_grant(fcinfo,
									  "INSERT INTO %s._ad_job_grant (job_id, role, privilege) "
									  "VALUES ($1, $2::%s._ad_role, $3) ON CONFLICT DO NOTHING"));
}

/* ad_grant_job(name, role, privilege) -> how many grants are new.  Strict. */
Datum
ad_grant_job(PG_FUNCTION_ARGS)
{
	return ad_call_door(grant_job, fcinfo);
}

static Datum
revoke_job(FunctionCallInfo fcinfo)
{
	return Int64GetDatum(change_grant(fcinfo,
									  "DELETE FROM %s._ad_job_grant WHERE job_id = $1 "
									  "AND role::oid = $2::%s._ad_role::oid AND privilege = $3"));
}

/* ad_revoke_job(name, role, privilege) -> how many grants are gone.  Strict. */
Datum
ad_revoke_job(PG_FUNCTION_ARGS)
{
	return ad_call_door(revoke_job, fcinfo);
}
