/*-------------------------------------------------------------------------
 *
 * sql_schedule.c
 *		What pg_cron runs: jobs, health, training again, drift.
 *
 * A job is run by its owner only, so its entry is the owner's and follows the
 * job: to another owner, to another name, to its end.  The other entries are of
 * who made them, and those of a model follow it to its name and its end.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_compat.h"
#include "jobs/ad_cron.h"
#include "jobs/ad_job_define.h"
#include "operate/ad_operate.h"
#include "operate/ad_own.h"
#include "sql/ad_text.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(ad_schedule_job);
PG_FUNCTION_INFO_V1(ad_unschedule_job);
PG_FUNCTION_INFO_V1(ad_schedule_health);
PG_FUNCTION_INFO_V1(ad_unschedule_health);
PG_FUNCTION_INFO_V1(ad_schedule_retrain);
PG_FUNCTION_INFO_V1(ad_unschedule_retrain);
PG_FUNCTION_INFO_V1(ad_schedule_drift);
PG_FUNCTION_INFO_V1(ad_unschedule_drift);
PG_FUNCTION_INFO_V1(ad_model_schedules);

#define MAX_SCHEDULE		((Size) 255)

/* The entry of a job; by its private name, so it calls no procedure of another. */
static AdEntry
job_entry(const char *name, Oid owner)
{
	AdEntry		entry = {"job", name, owner, NULL};

	entry.command = psprintf("CALL _anomaly._ad_run_job(%s, NULL)",
							 quote_literal_cstr(name));
	return entry;
}

/*
 * The command of an entry for another name of its model or job.  The name is the
 * first literal of the command, which was made here.
 */
static char *
renamed_command(const char *command, const char *from, const char *to)
{
	char	   *literal = quote_literal_cstr(from);
	const char *at = strstr(command, literal);

	if (at == NULL)
		elog(ERROR, "command of a schedule does not name what it is about");
	return psprintf("%.*s%s%s", (int) (at - command), command,
					quote_literal_cstr(to), at + strlen(literal));
}

/* Whether ad_retrain() takes a name for that of a model. */
static bool
is_model(const char *name)
{
	AdRegistryName row;

	return strlen(name) <= AD_MAX_MODEL_NAME &&
		ad_registry_name(cstring_to_text(name), NULL, &row);
}

/*
 * Let the training that is scheduled of a job, by its owner, follow it to
 * another name or owner; with no name it goes.
 */
static void
move_training(const AdJobRow *job, const char *name, Oid owner)
{
	AdEntry		from = {"retrain", job->name, job->owner, NULL};
	AdEntry		to = {"retrain", name, owner, NULL};
	Oid			types[] = {TEXTOID, OIDOID};
	Datum		values[2];

	values[0] = CStringGetTextDatum(job->name);
	values[1] = ObjectIdGetDatum(job->owner);
	if (is_model(job->name) ||
		ad_own_run("SELECT s.command FROM %s._ad_schedule s WHERE s.kind = 'retrain' AND s.name = $1 AND s.role::oid = $2",
				   lengthof(types), types, values, NULL) == 0)
		return;
	if (name == NULL)
	{
		(void) ad_cron_unschedule(&from);
		return;
	}
	to.command = renamed_command(SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1),
								 job->name, name);
	ad_cron_move(&from, &to, psprintf("training of job \"%s\"", job->name));
}

/* Take a job from the schedule; whether it was there.  Within SPI. */
bool
ad_job_unschedule(const AdJobRow *job)
{
	AdEntry		entry = job_entry(job->name, job->owner);

	return ad_cron_unschedule(&entry);
}

/* Take a job that is dropped from all schedules.  Within SPI. */
void
ad_job_forget_schedules(const AdJobRow *job)
{
	(void) ad_job_unschedule(job);
	move_training(job, NULL, InvalidOid);
}

/*
 * Let the schedules of a job, if it has any, follow it to another name or
 * owner; an error that says what to do where they cannot.  Within SPI.
 */
void
ad_job_reschedule(const AdJobRow *job, const char *name, Oid owner)
{
	AdEntry		from = job_entry(job->name, job->owner);
	AdEntry		to = job_entry(name, owner);

	ad_cron_move(&from, &to, psprintf("job \"%s\"", job->name));
	move_training(job, name, owner);
}

/* The schedule that an argument is. */
static char *
schedule_argument(FunctionCallInfo fcinfo, int n)
{
	if (PG_ARGISNULL(n))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("schedule cannot be NULL")));
	return ad_text_argument(PG_GETARG_DATUM(n), "schedule", MAX_SCHEDULE);
}

/* Let pg_cron run a job of the current user. */
static Datum
schedule_job(FunctionCallInfo fcinfo)
{
	AdJobRow	job;
	AdEntry		entry;
	char	   *schedule;
	int64		id;

	SPI_connect();
	ad_job_own(PG_GETARG_DATUM(0), PG_ARGISNULL(0), NULL, &job);
	schedule = schedule_argument(fcinfo, 1);
	if (job.owner != GetUserId())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("job \"%s\" is scheduled by its owner only", job.name),
				 job.owner == AD_ROLE_NOBODY ?
				 errhint("It has none: ad_alter_job() can give it one.") :
				 errhint("SET ROLE %s first.",
						 quote_identifier(GetUserNameFromId(job.owner, false)))));
	entry = job_entry(job.name, job.owner);
	id = ad_cron_schedule(&entry, psprintf("job \"%s\"", job.name), schedule,
						  psprintf("CALL ad_run_job(%s)", quote_literal_cstr(job.name)));
	SPI_finish();
	return Int64GetDatum(id);
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

static Datum
schedule_health(FunctionCallInfo fcinfo)
{
	AdEntry		entry = {"health", "", GetUserId(), "CALL _anomaly._ad_check_health()"};
	char	   *schedule = schedule_argument(fcinfo, 0);
	int64		id;

	SPI_connect();
	id = ad_cron_schedule(&entry, "health", schedule, "CALL ad_check_health()");
	SPI_finish();
	return Int64GetDatum(id);
}

/* ad_schedule_health(schedule) -> the number that pg_cron gave it. */
Datum
ad_schedule_health(PG_FUNCTION_ARGS)
{
	return ad_call_door(schedule_health, fcinfo);
}

/* Take an entry of the current user from the schedule. */
static Datum
unschedule(const char *kind, const char *name)
{
	AdEntry		entry = {kind, name, GetUserId(), NULL};
	bool		found;

	SPI_connect();
	found = ad_cron_unschedule(&entry);
	SPI_finish();
	return BoolGetDatum(found);
}

static Datum
unschedule_health(FunctionCallInfo fcinfo)
{
	(void) fcinfo;
	return unschedule("health", "");
}

/* ad_unschedule_health() -> whether it was scheduled by the current user. */
Datum
ad_unschedule_health(PG_FUNCTION_ARGS)
{
	return ad_call_door(unschedule_health, fcinfo);
}

/* The model that argument 0 names, on which the current user has a privilege. */
static char *
model_argument(FunctionCallInfo fcinfo, AdPrivilege need)
{
	AdRegistryName row;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("model cannot be NULL")));
	ad_registry_check(ad_health_model_name(PG_GETARG_DATUM(0)), NULL, need, &row);
	return text_to_cstring(PG_GETARG_TEXT_PP(0));
}

/* Raise an error unless a share is from 0 to 1. */
static void
check_share(const char *name, double value)
{
	if (!(value >= 0 && value <= 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is %g, must be 0 to 1", name, value)));
}

/*
 * What ad_retrain() is to train, as argument 0 names it: a model on which the
 * current user has a privilege, or else a job of his own.
 */
static char *
trained_argument(FunctionCallInfo fcinfo, AdPrivilege need)
{
	AdJobRow	job;

	if (PG_ARGISNULL(0) || ad_raw_length(PG_GETARG_DATUM(0)) > AD_MAX_MODEL_NAME ||
		is_model(TextDatumGetCString(PG_GETARG_DATUM(0))) ||
		!ad_job_exists(PG_GETARG_DATUM(0)))
		return model_argument(fcinfo, need);
	ad_job_own(PG_GETARG_DATUM(0), false, NULL, &job);
	if (job.owner != GetUserId())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("job \"%s\" is scheduled by its owner only", job.name)));
	return job.name;
}

static Datum
schedule_retrain(FunctionCallInfo fcinfo)
{
	char	   *model;
	char	   *schedule = schedule_argument(fcinfo, 1);
	AdEntry		entry = {"retrain", NULL, GetUserId(), NULL};
	char		margin[DOUBLE_SHORTEST_DECIMAL_LEN];
	char		drift[DOUBLE_SHORTEST_DECIMAL_LEN];
	int64		id;

	for (int i = 2; i < 5; i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("margin, max_drift and min_labels cannot be NULL")));
	check_share("margin", PG_GETARG_FLOAT8(2));
	check_share("max_drift", PG_GETARG_FLOAT8(3));
	if (PG_GETARG_INT32(4) < 2)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("min_labels is %d, must be at least 2", PG_GETARG_INT32(4))));
	double_to_shortest_decimal_buf(PG_GETARG_FLOAT8(2), margin);
	double_to_shortest_decimal_buf(PG_GETARG_FLOAT8(3), drift);
	SPI_connect();
	model = trained_argument(fcinfo, AD_PRIVILEGE_OWN);
	entry.name = model;
	entry.command = psprintf("CALL _anomaly._ad_retrain_model(%s, %s, %s, %d)",
							 quote_literal_cstr(model), margin, drift,
							 PG_GETARG_INT32(4));
	id = ad_cron_schedule(&entry, psprintf("training of \"%s\"", model), schedule,
						  psprintf("SELECT ad_retrain(%s)", quote_literal_cstr(model)));
	SPI_finish();
	return Int64GetDatum(id);
}

/* ad_schedule_retrain(model, schedule, margin, max_drift, min_labels) */
Datum
ad_schedule_retrain(PG_FUNCTION_ARGS)
{
	return ad_call_door(schedule_retrain, fcinfo);
}

static Datum
unschedule_retrain(FunctionCallInfo fcinfo)
{
	MemoryContext caller = CurrentMemoryContext;
	char	   *name;

	SPI_connect();
	name = MemoryContextStrdup(caller, trained_argument(fcinfo, AD_PRIVILEGE_SCORE));
	SPI_finish();
	return unschedule("retrain", name);
}

/* ad_unschedule_retrain(model) -> whether it was scheduled. */
Datum
ad_unschedule_retrain(PG_FUNCTION_ARGS)
{
	return ad_call_door(unschedule_retrain, fcinfo);
}

/*
 * Let pg_cron measure drift, of a query as it means now, or of the newest rows
 * of a job.
 */
static Datum
schedule_drift(FunctionCallInfo fcinfo)
{
	char	   *model = model_argument(fcinfo, AD_PRIVILEGE_READ);
	char	   *schedule = schedule_argument(fcinfo, 1);
	AdEntry		entry = {"drift", model, GetUserId(), NULL};
	char	   *by_hand;
	int64		id;

	if (PG_ARGISNULL(2) == PG_ARGISNULL(3))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("drift is measured on a query or on a job"),
				 errhint("Give one of them: query => 'SELECT ...', or job => 'name'.")));
	SPI_connect();
	if (PG_ARGISNULL(2))
	{
		AdJobRow	job;

		ad_job_own(PG_GETARG_DATUM(3), false, NULL, &job);
		entry.command = psprintf("CALL _anomaly._ad_measure_drift(%s, NULL, NULL, %d)",
								 quote_literal_cstr(model), job.id);
		by_hand = psprintf("SELECT ad_check_drift(%s, job => %s)", quote_literal_cstr(model),
						   quote_literal_cstr(job.name));
	}
	else
	{
		char	   *query = ad_text_argument(PG_GETARG_DATUM(2), "query",
											 AD_MAX_QUERY_LENGTH);

		entry.command = psprintf("CALL _anomaly._ad_measure_drift(%s, %s, %s, NULL)",
								 quote_literal_cstr(model), quote_literal_cstr(query),
								 quote_literal_cstr(namespace_search_path));
		by_hand = psprintf("SELECT ad_check_drift(%s, query => '...')", quote_literal_cstr(model));
	}
	id = ad_cron_schedule(&entry, psprintf("drift of model \"%s\"", model), schedule,
						  by_hand);
	SPI_finish();
	return Int64GetDatum(id);
}

/* ad_schedule_drift(model, schedule, query, job) */
Datum
ad_schedule_drift(PG_FUNCTION_ARGS)
{
	return ad_call_door(schedule_drift, fcinfo);
}

static Datum
unschedule_drift(FunctionCallInfo fcinfo)
{
	return unschedule("drift", model_argument(fcinfo, AD_PRIVILEGE_SCORE));
}

/* ad_unschedule_drift(model) -> whether it was scheduled. */
Datum
ad_unschedule_drift(PG_FUNCTION_ARGS)
{
	return ad_call_door(unschedule_drift, fcinfo);
}

/* Whether a role may still do with a model what an entry does. */
static bool
may_still(const AdEntry *entry)
{
	return ad_registry_privilege(cstring_to_text(entry->name), NULL, entry->role) >=
		(strcmp(entry->kind, "retrain") == 0 ? AD_PRIVILEGE_OWN : AD_PRIVILEGE_READ);
}

/*
 * Give what is scheduled of a model, by whomever, another name of it; without
 * one remove it, of a role only what it may not do any more.
 */
static void
move_schedules(const char *name, const char *new_name, Oid role)
{
	Oid			types[] = {TEXTOID, OIDOID};
	Datum		values[2];
	uint64		n;
	SPITupleTable *rows;

	values[0] = CStringGetTextDatum(name);
	values[1] = ObjectIdGetDatum(role);
	n = ad_own_run("SELECT s.kind, s.role::oid, s.command FROM %s._ad_schedule s "
				   "WHERE s.kind IN ('retrain', 'drift') AND s.name = $1 AND ($2 = 0 OR s.role::oid = $2) ORDER BY 1, 2",
				   lengthof(types), types, values, NULL);
	rows = SPI_tuptable;
	for (uint64 i = 0; i < n; i++)
	{
		bool		isnull;
		AdEntry		from = {NULL, name, InvalidOid, NULL};
		AdEntry		to;

		from.kind = SPI_getvalue(rows->vals[i], rows->tupdesc, 1);
		from.role = DatumGetObjectId(SPI_getbinval(rows->vals[i], rows->tupdesc, 2, &isnull));
		if (new_name == NULL)
		{
			if (!OidIsValid(role) || !may_still(&from))
				(void) ad_cron_unschedule(&from);
			continue;
		}
		to = from;
		to.name = new_name;
		to.command = renamed_command(SPI_getvalue(rows->vals[i], rows->tupdesc, 3),
									 name, new_name);
		ad_cron_move(&from, &to, psprintf("model \"%s\"", name));
	}
}

/*
 * _ad_model_schedules(model, new_name, role): what is scheduled of a model that
 * the current user owns gets its new name, and goes with it if there is none;
 * with a role only that goes which the role may not do any more.
 */
Datum
ad_model_schedules(PG_FUNCTION_ARGS)
{
	char	   *name;
	char	   *new_name = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));
	Oid			role = InvalidOid;

	if (PG_ARGISNULL(2))
		name = model_argument(fcinfo, AD_PRIVILEGE_OWN);
	else
	{
		role = get_role_oid(text_to_cstring(PG_GETARG_TEXT_PP(2)), true);
		if (!OidIsValid(role) || PG_ARGISNULL(0))
			PG_RETURN_VOID();
		name = text_to_cstring(PG_GETARG_TEXT_PP(0));
		new_name = NULL;
	}
	SPI_connect();
	move_schedules(name, new_name, role);
	SPI_finish();
	PG_RETURN_VOID();
}
