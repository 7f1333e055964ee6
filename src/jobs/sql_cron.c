/*-------------------------------------------------------------------------
 *
 * sql_cron.c
 *		Entries of pg_cron that the extension makes.
 *
 * pg_cron runs an entry as the role that it names, so an entry is its owner's.
 * It is looked for, taken away and made as that role, whose rights the caller
 * was asked for, by statements of ours in the server's search path.  What
 * pg_cron was told stands in _ad_schedule as well: a dump has that, and
 * ad_health() compares the two.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_compat.h"
#include "jobs/ad_cron.h"
#include "jobs/ad_job_define.h"
#include "operate/ad_own.h"
#include "sql/ad_result.h"
#include "sql/ad_text.h"

#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(ad_cron_entries);
PG_FUNCTION_INFO_V1(ad_cron_due);
PG_FUNCTION_INFO_V1(ad_cron_fault);

#define CRON_COLUMNS	7

/* What pg_cron knows of an entry. */
typedef struct Found
{
	int64		id;
	char	   *schedule;
	bool		active;
} Found;

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

/* The name that pg_cron has for an entry; that of a job has no word before. */
static char *
entry_name(const AdEntry *entry)
{
	if (strcmp(entry->kind, "job") == 0)
		return psprintf("anomaly %s", entry->name);
	return entry->name[0] == '\0' ? psprintf("anomaly-%s", entry->kind) :
		psprintf("anomaly-%s %s", entry->kind, entry->name);
}

/* The role that looks for an entry: pg_cron shows each its own, superusers all. */
static Oid
looker(const AdEntry *entry)
{
	return superuser() ? GetUserId() : entry->role;
}

/* Find an entry; false if there is none. */
static bool
find_entry(const AdEntry *entry, Found *out)
{
	Oid			types[] = {TEXTOID, TEXTOID};
	Datum		values[2];
	char	   *owner = entry->role == AD_ROLE_NOBODY ? NULL :
		GetUserNameFromId(entry->role, true);
	bool		isnull;

	if (owner == NULL || !OidIsValid(get_extension_oid("pg_cron", true)))
		return false;
	values[0] = CStringGetTextDatum(entry_name(entry));
	values[1] = CStringGetTextDatum(owner);
	if (!superuser() && !may_schedule(entry->role))
		return false;
	if (run_as(looker(entry),
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

/* Make an entry, or give one another schedule; its number. */
static Datum
make_entry(const AdEntry *entry, const char *schedule)
{
	Oid			types[] = {TEXTOID, TEXTOID, TEXTOID};
	Datum		values[3];
	bool		isnull;

	values[0] = CStringGetTextDatum(entry_name(entry));
	values[1] = CStringGetTextDatum(schedule);
	values[2] = CStringGetTextDatum(entry->command);
	if (run_as(entry->role, "SELECT cron.schedule($1, $2, $3)", lengthof(types),
			   types, values) != 1)
		elog(ERROR, "cron.schedule() returned nothing");
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
						 &isnull);
}

/* Take an entry away. */
static void
remove_entry(const AdEntry *entry, int64 id)
{
	Oid			types[1] = {INT8OID};
	Datum		values[1] = {Int64GetDatum(id)};

	(void) run_as(looker(entry), "SELECT cron.unschedule($1)", 1, types, values);
}

/* The parameters of statements over _ad_schedule; $1 kind, $2 name, $3 role. */
static void
note_parameters(const AdEntry *entry, Datum *values)
{
	values[0] = CStringGetTextDatum(entry->kind);
	values[1] = CStringGetTextDatum(entry->name);
	values[2] = ObjectIdGetDatum(entry->role);
}

/* Note what pg_cron was told; schedule NULL: to do so no more. */
static uint64
note_entry(const AdEntry *entry, const char *schedule)
{
	Oid			types[] = {TEXTOID, TEXTOID, OIDOID, TEXTOID, TEXTOID};
	Datum		values[5];
	uint64		n;

	note_parameters(entry, values);
	n = ad_own_run("DELETE FROM %s._ad_schedule WHERE kind = $1 AND name = $2 AND role::oid = $3",
				   3, types, values, NULL);
	if (schedule == NULL)
		return n;
	values[2] = CStringGetTextDatum(GetUserNameFromId(entry->role, false));
	types[2] = TEXTOID;
	values[3] = CStringGetTextDatum(schedule);
	values[4] = CStringGetTextDatum(entry->command);
	(void) ad_own_run("INSERT INTO %s._ad_schedule (kind, name, role, schedule, command, at) "
					  "VALUES ($1, $2, $3::%s._ad_role, $4, $5, clock_timestamp())",
					  lengthof(types), types, values, NULL);
	return n;
}

/* Take something from the schedule; whether it was there.  Within SPI. */
bool
ad_cron_unschedule(const AdEntry *entry)
{
	Found		found;
	bool		was = find_entry(entry, &found);

	if (was)
		remove_entry(entry, found.id);
	return note_entry(entry, NULL) > 0 || was;
}

/*
 * An entry that was switched off stays so, where the current user may do that:
 * pg_cron lets nobody, unless he was granted it; before 1.4 nobody at all.
 */
static void
switch_off(const char *what, Datum id)
{
	Oid			types[1] = {INT8OID};
	bool		isnull;

	(void) run_as(GetUserId(), "SELECT coalesce(has_function_privilege(to_regprocedure('cron.alter_job(bigint, text, text, text, text, boolean)')::oid, 'EXECUTE'), false)",
				  0, NULL, NULL);
	if (!DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0],
									SPI_tuptable->tupdesc, 1, &isnull)))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("schedule of %s is switched off and cannot follow it",
						what),
				 errhint("Take it from the schedule first, with the ad_unschedule function of its kind.")));
	(void) run_as(GetUserId(), "SELECT cron.alter_job($1, active => false)", 1,
				  types, &id);
}

/*
 * Let a schedule, if there is one, follow to another name or role; an error
 * that says what to do where it cannot.  Within SPI.
 */
void
ad_cron_move(const AdEntry *from, const AdEntry *to, const char *what)
{
	Found		found;
	Datum		id;

	if (!find_entry(from, &found))
	{
		Oid			types[] = {TEXTOID, TEXTOID, OIDOID, TEXTOID, OIDOID};
		Datum		values[5];

		/* what is noted follows, whatever pg_cron has of it */
		note_parameters(from, values);
		values[3] = CStringGetTextDatum(to->name);
		values[4] = ObjectIdGetDatum(to->role);
		(void) ad_own_run("DELETE FROM %s._ad_schedule WHERE kind = $1 AND (name, role::oid) = ($4, $5) AND (name, role::oid) <> ($2, $3)",
						  lengthof(types), types, values, NULL);
		if (from->role == to->role)
			(void) ad_own_run("UPDATE %s._ad_schedule SET name = $4 WHERE kind = $1 AND name = $2 AND role::oid = $3",
							  lengthof(types), types, values, NULL);
		else
			(void) note_entry(from, NULL);
		return;
	}
	if (!may_schedule(to->role))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("cannot give scheduled %s to role \"%s\"",
						what, GetUserNameFromId(to->role, false)),
				 errdetail("Its schedule cannot follow: the role has no privilege on schema cron."),
				 errhint("Run GRANT USAGE ON SCHEMA cron TO %s, or take it from the schedule first, with the ad_unschedule function of its kind.",
						 quote_identifier(GetUserNameFromId(to->role, false)))));
	remove_entry(from, found.id);
	(void) note_entry(from, NULL);
	id = make_entry(to, found.schedule);
	(void) note_entry(to, found.schedule);
	if (!found.active)
		switch_off(what, id);
}

/* Raise an error without pg_cron, with what to do. */
static void
no_cron(const AdEntry *entry, const char *what, const char *schedule,
		const char *by_hand)
{
	const char *elsewhere = GetConfigOption("cron.database_name", true, false);
	char	   *database = get_database_name(MyDatabaseId);

	if (elsewhere != NULL && strcmp(elsewhere, database) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot schedule %s without pg_cron", what),
				 errdetail("pg_cron is loaded, for database \"%s\".", elsewhere),
				 errhint("A superuser can run there: SELECT cron.schedule_in_database(%s, %s, %s, %s, %s)",
						 quote_literal_cstr(entry_name(entry)),
						 quote_literal_cstr(schedule),
						 quote_literal_cstr(entry->command),
						 quote_literal_cstr(database),
						 quote_literal_cstr(GetUserNameFromId(entry->role, false)))));
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("cannot schedule %s without pg_cron", what),
			 errdetail("The extension pg_cron is not installed in this database."),
			 errhint("Add pg_cron to shared_preload_libraries, set cron.database_name, restart the server and CREATE EXTENSION pg_cron; or let a timer of the system run: %s",
					 by_hand)));
}

/*
 * Let pg_cron run something as its role, which is the current user.  "what" and
 * "by_hand" are for messages.  The number that pg_cron gave it.  Within SPI.
 */
int64
ad_cron_schedule(const AdEntry *entry, const char *what, const char *schedule,
				 const char *by_hand)
{
	Datum		id;

	if (!OidIsValid(get_extension_oid("pg_cron", true)))
		no_cron(entry, what, schedule, by_hand);
	if (!may_schedule(entry->role))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for schema cron"),
				 errhint("GRANT USAGE ON SCHEMA cron TO %s",
						 quote_identifier(GetUserNameFromId(entry->role, false)))));
	id = make_entry(entry, schedule);
	(void) note_entry(entry, schedule);
	return DatumGetInt64(id);
}

/*
 * _ad_cron_entries(): what pg_cron has of entries of the extension in this
 * database, as it shows the current user; no rows where it is not installed or
 * may not be looked at.
 */
Datum
ad_cron_entries(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	Tuplestorestate *store = ad_result_begin(fcinfo, CRON_COLUMNS, &desc);
	const char *log_run = GetConfigOption("cron.log_run", true, false);

	if (!OidIsValid(get_extension_oid("pg_cron", true)))
		return (Datum) 0;
	SPI_connect();
	if (may_schedule(GetUserId()) &&
		run_as(GetUserId(), "SELECT j.jobname::text, j.username::text, j.active, coalesce(r.start_time, r.end_time), "
			   "r.status, r.return_message "
			   "FROM cron.job j LEFT JOIN LATERAL (SELECT * FROM cron.job_run_details d WHERE d.jobid = j.jobid ORDER BY d.runid DESC LIMIT 1) r ON true "
			   "WHERE j.jobname LIKE 'anomaly%' AND j.database = current_database()",
			   0, NULL, NULL) > 0)
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			Datum		values[CRON_COLUMNS];
			bool		nulls[CRON_COLUMNS];

			heap_deform_tuple(SPI_tuptable->vals[i], SPI_tuptable->tupdesc,
							  values, nulls);
			values[CRON_COLUMNS - 1] = BoolGetDatum(log_run == NULL || strcmp(log_run, "on") == 0);
			nulls[CRON_COLUMNS - 1] = false;
			tuplestore_putvalues(store, desc, values, nulls);
		}
	SPI_finish();
	return (Datum) 0;
}

/*
 * _ad_cron_due(schedule, k) -> the k-th last time that a schedule was due;
 * NULL if that is not known.  Strict.
 */
Datum
ad_cron_due(PG_FUNCTION_ARGS)
{
	char	   *schedule = text_to_cstring(PG_GETARG_TEXT_PP(0));
	const char *name = GetConfigOption("cron.timezone", true, false);
	pg_tz	   *zone = pg_tzset(name == NULL ? "GMT" : name);
	AdCron		cron;
	pg_time_t	t;

	if (zone == NULL || PG_GETARG_INT32(1) < 1 || !ad_cron_read(schedule, &cron))
		PG_RETURN_NULL();
	t = ad_cron_before(&cron, timestamptz_to_time_t(GetCurrentTimestamp()), zone,
					   PG_GETARG_INT32(1));
	if (t == 0)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(time_t_to_timestamptz(t));
}

/*
 * _ad_cron_fault() -> why pg_cron runs nothing in this database, as far as the
 * current user may know; NULL: nothing is known to be wrong.
 */
Datum
ad_cron_fault(PG_FUNCTION_ARGS)
{
	const char *database = GetConfigOption("cron.database_name", true, false);
	const char *libraries = GetConfigOption("shared_preload_libraries", false, false);
	bool		runs = true;
	bool		isnull;

	(void) fcinfo;
	if (!OidIsValid(get_extension_oid("pg_cron", true)))
		PG_RETURN_TEXT_P(cstring_to_text("The extension pg_cron is not installed in this database."));
	if (database == NULL || strstr(libraries, "pg_cron") == NULL)
		PG_RETURN_TEXT_P(cstring_to_text("The library pg_cron is not in shared_preload_libraries."));
	if (strcmp(database, get_database_name(MyDatabaseId)) != 0)
		PG_RETURN_TEXT_P(cstring_to_text(psprintf("pg_cron runs in database \"%s\": cron.database_name is not this one.",
												  database)));
	SPI_connect();
	if (run_as(GetUserId(), "SELECT count(*) > 0 OR NOT pg_has_role('pg_read_all_stats', 'USAGE') FROM pg_stat_activity a "
			   "WHERE a.application_name = 'pg_cron scheduler' OR a.backend_type = 'pg_cron launcher'",
			   0, NULL, NULL) == 1)
		runs = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0],
										  SPI_tuptable->tupdesc, 1, &isnull));
	SPI_finish();
	if (runs)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text("The process of pg_cron, its launcher, does not run."));
}
