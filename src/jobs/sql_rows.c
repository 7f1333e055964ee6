/*-------------------------------------------------------------------------
 *
 * sql_rows.c
 *		Rows of a job's tables that C writes and deletes: labels, and all
 *		that belongs to a job.
 *
 * A label's row decides about the retraining of a model, so it is read from
 * the alert or from the source of the job, and never given by the user.
 *
 * What belongs to a job is deleted here.  It could be through the views that
 * show each role its own, but who has the privilege to DELETE from a view may
 * lock it, and the tables below, in any mode.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_core.h"
#include "operate/ad_own.h"
#include "sql/ad_text.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(ad_label_store);
PG_FUNCTION_INFO_V1(ad_job_delete);

/* Run SQL as the current user; the first column of its first row. */
static Datum
ask(const char *sql, int nargs, Oid *types, Datum *values, bool *isnull)
{
	*isnull = true;
	if (SPI_execute_with_args(sql, nargs, types, values, NULL, false, 1) !=
		SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_with_args failed");
	return SPI_processed == 0 ? (Datum) 0 :
		SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, isnull);
}

/* The same as the owner of the tables; "%s" is their schema. */
static Datum
ask_as_owner(const char *sql, int nargs, Oid *types, Datum *values,
			 bool *isnull)
{
	*isnull = true;
	return ad_own_run(sql, nargs, types, values, NULL) == 0 ? (Datum) 0 :
		SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, isnull);
}

/* The parameters of the statements that store a label: $1, ... */
enum
{
	LABEL_JOB,
	LABEL_KEY,
	LABEL_IS_ANOMALY,
	LABEL_ROW,
	LABEL_NOTE,
	LABEL_BY,
	LABEL_PARAMETERS
};

/* Raise an error unless the current user may label rows of a job. */
static void
check_may_label(Oid *types, Datum *values)
{
	bool		isnull;
	Datum		d = ask(psprintf("SELECT p.privilege FROM %s._ad_job_privilege p WHERE p.job_id OPERATOR(pg_catalog.=) $1",
								 ad_internal_schema()),
						LABEL_JOB + 1, types, values, &isnull);
	char	   *privilege = isnull ? "none" : TextDatumGetCString(d);

	if (strcmp(privilege, "own") != 0 && strcmp(privilege, "label") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for the job"),
				 errdetail("The privilege \"label\" is needed.")));
}

/* Return the name of a job, which cannot be dropped from then on. */
static char *
lock_job(Oid *types, Datum *values)
{
	bool		isnull;
	Datum		name = ask_as_owner("SELECT j.name FROM %s._ad_job j WHERE j.id = $1 FOR KEY SHARE",
									LABEL_JOB + 1, types, values, &isnull);

	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("job %d does not exist",
						DatumGetInt32(values[LABEL_JOB]))));
	return TextDatumGetCString(name);
}

/* Whether the current user owns a job whose source has rows to label. */
static bool
reads_source(Datum job)
{
	Oid			types[] = {INT4OID, OIDOID};
	Datum		values[] = {job, ObjectIdGetDatum(GetUserId())};
	bool		isnull;

	(void) ask_as_owner("SELECT j.id FROM %s._ad_job j "
						"WHERE j.id = $1 AND j.kind = 'model' AND j.owner::oid = $2",
						lengthof(types), types, values, &isnull);
	return !isnull;
}

/*
 * Return the row to label: that of the alert, else, for the owner of the job,
 * of the source, else of the label that there is.
 */
static Datum
row_to_label(const char *job, Oid *types, Datum *values)
{
	bool		reads = reads_source(values[LABEL_JOB]);
	bool		isnull;
	Datum		row;

	row = ask_as_owner("SELECT a.\"row\" FROM %s._ad_alert a WHERE a.job_id = $1 AND a.key = $2",
					   LABEL_KEY + 1, types, values, &isnull);
	if (isnull && reads)
		row = ask(psprintf("SELECT %s._ad_job_row($1, $2)",
						   ad_internal_schema()),
				  LABEL_KEY + 1, types, values, &isnull);
	if (isnull)
		row = ask_as_owner("SELECT l.\"row\" FROM %s._ad_label l WHERE l.job_id = $1 AND l.key = $2",
						   LABEL_KEY + 1, types, values, &isnull);
	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("job \"%s\" has no alert with key \"%s\"", job,
						ad_text_quote(values[LABEL_KEY])),
				 reads ? errdetail("There is no such row in its source either.") :
				 errdetail("Rows without an alert can be labelled by its owner.")));
	return row;
}

/*
 * _ad_label_store(job_id, key, is_anomaly, note): label the row with a key,
 * NULL: take a label back.  Errors: no privilege to label, no such row, the
 * job is gone.
 */
Datum
ad_label_store(PG_FUNCTION_ARGS)
{
	Oid			types[LABEL_PARAMETERS] = {INT4OID, TEXTOID, BOOLOID,
		JSONBOID, TEXTOID, TEXTOID
	};
	Datum		values[LABEL_PARAMETERS];
	char		nulls[LABEL_PARAMETERS];
	char	   *job;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("job and key cannot be NULL")));
	values[LABEL_JOB] = PG_GETARG_DATUM(0);
	values[LABEL_KEY] = PG_GETARG_DATUM(1);
	SPI_connect();
	check_may_label(types, values);
	/* it cannot be dropped until the label is there to be dropped with it */
	job = lock_job(types, values);
	values[LABEL_ROW] = row_to_label(job, types, values);

	(void) ad_own_run("DELETE FROM %s._ad_label WHERE job_id = $1 AND key = $2",
					  LABEL_KEY + 1, types, values, NULL);
	if (!PG_ARGISNULL(2))
	{
		memset(nulls, ' ', sizeof(nulls));
		values[LABEL_IS_ANOMALY] = PG_GETARG_DATUM(2);
		values[LABEL_NOTE] = PG_ARGISNULL(3) ? (Datum) 0 : PG_GETARG_DATUM(3);
		nulls[LABEL_NOTE] = PG_ARGISNULL(3) ? 'n' : ' ';
		values[LABEL_BY] =
			CStringGetTextDatum(GetUserNameFromId(GetUserId(), false));
		(void) ad_own_run("INSERT INTO %s._ad_label (job_id, key, is_anomaly, \"row\", note, labelled_by, labelled_at) "
						  "VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp())",
						  LABEL_PARAMETERS, types, values, nulls);
	}
	SPI_finish();
	PG_RETURN_VOID();
}

/*
 * What _ad_job_delete() deletes, by name.  $1 is the job, $2 a time, $3 a
 * role, $4 a privilege, $5 some keys.
 */
static const struct
{
	const char *what;
	const char *sql;
	bool		counts;			/* whether its rows count in the result */
}			deletions[] = {
	{"alert", "DELETE FROM %s._ad_alert WHERE job = (SELECT name FROM %s._ad_job WHERE id = $1) AND scored_at < $2", true},
	{"run", "DELETE FROM %s._ad_job_run WHERE job_id = $1 AND started < $2", true},
	{"run", "DELETE FROM %s._ad_job_error WHERE job_id = $1 AND at < $2", false},
	{"grant", "DELETE FROM %s._ad_job_grant WHERE job_id = $1 AND role::oid = $3 AND privilege = $4", true},
	{"subject", "DELETE FROM %s._ad_alert WHERE job_id = $1 AND key = ANY ($5)", true},
	{"subject", "DELETE FROM %s._ad_label WHERE job_id = $1 AND key = ANY ($5)", true},
	{"subject", "DELETE FROM %s._ad_job_error WHERE job_id = $1 AND key = ANY ($5)", false},
	{"subject", "DELETE FROM %s._ad_job_seen WHERE job_id = $1 AND keys <@ $5", false},
	{"subject", "UPDATE %s._ad_job_seen SET (keys, places) = (SELECT array_agg(k ORDER BY i), array_agg(p ORDER BY i) "
	"FROM unnest(keys, places) WITH ORDINALITY u(k, p, i) WHERE k IS NULL OR k <> ALL ($5)) WHERE job_id = $1 AND keys && $5", false},
	{"job", "DELETE FROM %s._ad_job_state WHERE job_id = $1", false},
	{"job", "DELETE FROM %s._ad_job_seen WHERE job_id = $1", false},
	{"job", "DELETE FROM %s._ad_job_run WHERE job_id = $1", false},
	{"job", "DELETE FROM %s._ad_job_error WHERE job_id = $1", false},
	{"job", "DELETE FROM %s._ad_alert WHERE job_id = $1", true},
	{"job", "DELETE FROM %s._ad_label WHERE job_id = $1", false},
	{"job", "DELETE FROM %s._ad_job_grant WHERE job_id = $1", false},
	{"job", "DELETE FROM %s._ad_job WHERE id = $1", false}
};

/*
 * _ad_job_delete(job_id, what, before, role, privilege, keys) -> how many rows are gone, those that count.  What is NULL deletes nothing.
 * Raises an error for who does not own the job.
 */
Datum
ad_job_delete(PG_FUNCTION_ARGS)
{
	/* of the parameters $1, ...: their types, and which arguments they are */
	Oid			types[] = {INT4OID, TIMESTAMPTZOID, OIDOID, TEXTOID, TEXTARRAYOID};
	static const int argument[] = {0, 2, 3, 4, 5};
	Datum		values[lengthof(argument)];
	char		nulls[lengthof(argument)];
	char	   *what;
	bool		isnull;
	bool		known = false;
	int64		n = 0;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("job and what to delete of it cannot be NULL")));
	for (int i = 0; i < (int) lengthof(argument); i++)
	{
		nulls[i] = PG_ARGISNULL(argument[i]) ? 'n' : ' ';
		values[i] = PG_ARGISNULL(argument[i]) ? (Datum) 0 :
			PG_GETARG_DATUM(argument[i]);
	}
	what = text_to_cstring(PG_GETARG_TEXT_PP(1));
	SPI_connect();
	(void) ask(psprintf("SELECT o.id FROM %s._ad_own_job o WHERE o.id OPERATOR(pg_catalog.=) $1",
						ad_internal_schema()), 1, types, values, &isnull);
	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for job %d", PG_GETARG_INT32(0))));
	for (int i = 0; i < (int) lengthof(deletions); i++)
	{
		uint64		rows;

		if (strcmp(deletions[i].what, what) != 0)
			continue;
		known = true;
		rows = ad_own_run(deletions[i].sql, lengthof(types), types, values,
						  nulls);
		if (deletions[i].counts)
			n += (int64) rows;
	}
	if (!known)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot delete \"%s\" of a job", what)));
	SPI_finish();
	PG_RETURN_INT64(n);
}
