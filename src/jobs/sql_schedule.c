/*-------------------------------------------------------------------------
 *
 * sql_schedule.c
 *		The schedule of a job, by pg_cron.
 *
 * pg_cron runs a job as the role that its entry names, and a job is run by its
 * owner only, so the entry is the owner's and follows the job: to another
 * owner, to another name, to its end.  The entry is looked for, taken away and
 * made as that role, whose rights the caller was asked for, by statements of
 * ours in the server's search path.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_compat.h"
#include "jobs/ad_job_define.h"
#include "operate/ad_own.h"
#include "sql/ad_text.h"

#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"

PG_FUNCTION_INFO_V1(ad_schedule_job);
PG_FUNCTION_INFO_V1(ad_unschedule_job);

#define MAX_SCHEDULE		((Size) 255)

/* An entry of pg_cron. */
typedef struct Entry
{
	int64		id;
	char	   *schedule;
	bool		active;
} Entry;

/* Run a statement as a role; how many rows it is about. */
static uint64
run_as(Oid role, const char *sql, int nargs, Oid *types, Datum *values)
{
	Oid			user;
	int			context;
	int			result;

	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(role, context | SECURITY_LOCAL_USERID_CHANGE);
	result = SPI_execute_with_args(sql, nargs, types, values, NULL, false, 0);
	if (result < 0)
		elog(ERROR, "SPI_execute_with_args failed: %s",
			 SPI_result_code_string(result));
	SetUserIdAndSecContext(user, context);
	return SPI_processed;
}

/* Whether a role may use pg_cron, which is installed. */
static bool
may_schedule(Oid role)
{
	Oid			types[1] = {OIDOID};
	Datum		values[1] = {ObjectIdGetDatum(role)};
	bool		isnull;

	if (run_as(GetUserId(), "SELECT has_schema_privilege($1, 'cron', 'USAGE')",
			   1, types, values) != 1)
		return false;
	return DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0],
									  SPI_tuptable->tupdesc, 1, &isnull)) && !isnull;
}

/* The name of a job's entry. */
static Datum
entry_name(const char *job)
{
	return CStringGetTextDatum(psprintf("anomaly %s", job));
}

/* What pg_cron runs; by its private name, so no procedure of another. */
static char *
entry_command(const char *job)
{
	return psprintf("CALL _anomaly._ad_run_job(%s, NULL)",
					quote_literal_cstr(job));
}

/* Find the entry of a job, which is its owner's; false if there is none. */
static bool
find_entry(const AdJobRow *job, Entry *out)
{
	Oid			types[] = {TEXTOID, TEXTOID};
	Datum		values[2];
	char	   *owner = job->owner == AD_ROLE_NOBODY ? NULL :
		GetUserNameFromId(job->owner, true);
	bool		isnull;

	if (owner == NULL || !OidIsValid(get_extension_oid("pg_cron", true)))
		return false;
	values[0] = entry_name(job->name);
	values[1] = CStringGetTextDatum(owner);
	/* pg_cron shows each role its own, superusers all */
	if (!superuser() && !may_schedule(job->owner))
		return false;
	if (run_as(superuser() ? GetUserId() : job->owner,
			   "SELECT j.jobid, j.schedule, j.active FROM cron.job j "
			   "WHERE j.jobname = $1 AND j.username = $2 AND j.database = current_database()",
			   lengthof(types), types, values) == 0)
		return false;
	out->id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0],
										  SPI_tuptable->tupdesc, 1, &isnull));
	out->schedule = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2);
	out->active = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0],
											 SPI_tuptable->tupdesc, 3, &isnull));
	return true;
}

/* Make an entry for a role; its number. */
static Datum
make_entry(Oid role, const char *job, const char *schedule)
{
	Oid			types[] = {TEXTOID, TEXTOID, TEXTOID};
	Datum		values[3];
	bool		isnull;

	values[0] = entry_name(job);
	values[1] = CStringGetTextDatum(schedule);
	values[2] = CStringGetTextDatum(entry_command(job));
	if (run_as(role, "SELECT cron.schedule($1, $2, $3)", lengthof(types), types,
			   values) != 1)
		elog(ERROR, "cron.schedule() returned nothing");
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
						 &isnull);
}

/* Take an entry away. */
static void
remove_entry(Oid role, int64 id)
{
	Oid			types[1] = {INT8OID};
	Datum		values[1] = {Int64GetDatum(id)};

	(void) run_as(role, "SELECT cron.unschedule($1)", 1, types, values);
}

/* Take a job from the schedule; whether it was there.  Within SPI. */
bool
ad_job_unschedule(const AdJobRow *job)
{
	Entry		entry;

	if (!find_entry(job, &entry))
		return false;
	remove_entry(superuser() ? GetUserId() : job->owner, entry.id);
	return true;
}

/*
 * An entry that was switched off stays so, where the current user may do that:
 * pg_cron lets nobody, unless he was granted it; before 1.4 nobody at all.
 */
static void
switch_off(const AdJobRow *job, Datum id)
{
	Oid			types[1] = {INT8OID};
	bool		isnull;

	(void) run_as(GetUserId(), "SELECT coalesce(has_function_privilege(to_regprocedure('cron.alter_job(bigint, text, text, text, text, boolean)')::oid, 'EXECUTE'), false)",
				  0, NULL, NULL);
	if (!DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0],
									SPI_tuptable->tupdesc, 1, &isnull)))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("schedule of job \"%s\" is switched off and cannot follow it",
						job->name),
				 errhint("Take the job from the schedule first with ad_unschedule_job().")));
	(void) run_as(GetUserId(), "SELECT cron.alter_job($1, active => false)", 1,
				  types, &id);
}

/*
 * Let the schedule of a job, if it has one, follow it to another name or
 * owner; an error that says what to do where it cannot.  Within SPI.
 */
void
ad_job_reschedule(const AdJobRow *job, const char *name, Oid owner)
{
	Entry		entry;
	Datum		id;

	if (!find_entry(job, &entry))
		return;
	if (!may_schedule(owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("cannot give scheduled job \"%s\" to role \"%s\"",
						job->name, GetUserNameFromId(owner, false)),
				 errdetail("Its schedule cannot follow: the role has no privilege on schema cron."),
				 errhint("Say GRANT USAGE ON SCHEMA cron TO %s, or take the job from the schedule first with ad_unschedule_job().",
						 quote_identifier(GetUserNameFromId(owner, false)))));
	remove_entry(superuser() ? GetUserId() : job->owner, entry.id);
	id = make_entry(owner, name, entry.schedule);
	if (!entry.active)
		switch_off(job, id);
}

/* Raise an error without pg_cron, with what to do. */
static void
no_cron(const AdJobRow *job, const char *schedule)
{
	const char *elsewhere = GetConfigOption("cron.database_name", true, false);
	char	   *database = get_database_name(MyDatabaseId);
	char	   *command = entry_command(job->name);

	if (elsewhere != NULL && strcmp(elsewhere, database) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot schedule job \"%s\" without pg_cron", job->name),
				 errdetail("pg_cron is loaded, for database \"%s\".", elsewhere),
				 errhint("There, a superuser can say: SELECT cron.schedule_in_database(%s, %s, %s, %s, %s)",
						 quote_literal_cstr(psprintf("anomaly %s", job->name)),
						 quote_literal_cstr(schedule),
						 quote_literal_cstr(command),
						 quote_literal_cstr(database),
						 quote_literal_cstr(GetUserNameFromId(job->owner, false)))));
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("cannot schedule job \"%s\" without pg_cron", job->name),
			 errdetail("The extension pg_cron is not installed in this database."),
			 errhint("Add pg_cron to shared_preload_libraries, set cron.database_name, restart the server and CREATE EXTENSION pg_cron; or let a timer of the system run: CALL ad_run_job(%s)",
					 quote_literal_cstr(job->name))));
}

/* Let pg_cron run a job of the current user. */
static Datum
schedule_job(FunctionCallInfo fcinfo)
{
	AdJobRow	job;
	char	   *schedule;
	Datum		id;

	SPI_connect();
	ad_job_own(PG_GETARG_DATUM(0), PG_ARGISNULL(0), NULL, &job);
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("schedule cannot be NULL")));
	schedule = ad_text_argument(PG_GETARG_DATUM(1), "schedule", MAX_SCHEDULE);
	if (job.owner != GetUserId())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("job \"%s\" is scheduled by its owner only", job.name),
				 job.owner == AD_ROLE_NOBODY ?
				 errhint("It has none: ad_alter_job() can give it one.") :
				 errhint("SET ROLE %s first.",
						 quote_identifier(GetUserNameFromId(job.owner, false)))));
	if (!OidIsValid(get_extension_oid("pg_cron", true)))
		no_cron(&job, schedule);
	if (!may_schedule(job.owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for schema cron"),
				 errhint("GRANT USAGE ON SCHEMA cron TO %s",
						 quote_identifier(GetUserNameFromId(job.owner, false)))));
	id = make_entry(job.owner, job.name, schedule);
	SPI_finish();
	return id;
}

/* ad_schedule_job(name, schedule) -> the number that pg_cron gave it. */
Datum
ad_schedule_job(PG_FUNCTION_ARGS)
{
	return ad_call_door(schedule_job, fcinfo);
}

static Datum
unschedule_job(FunctionCallInfo fcinfo)
{
	AdJobRow	job;
	bool		found;

	SPI_connect();
	ad_job_own(PG_GETARG_DATUM(0), PG_ARGISNULL(0), NULL, &job);
	found = ad_job_unschedule(&job);
	SPI_finish();
	return BoolGetDatum(found);
}

/* ad_unschedule_job(name) -> whether it was scheduled. */
Datum
ad_unschedule_job(PG_FUNCTION_ARGS)
{
	return ad_call_door(unschedule_job, fcinfo);
}
