/*-------------------------------------------------------------------------
 *
 * sql_rows.c
 *		Rows of a job's tables that C deletes: all that belongs to a job.
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

/* A detail of health may be the text of an error, with values of rows. */
#define FORGET_DETAILS \
	"UPDATE %s._ad_health_log SET detail = NULL WHERE object = (SELECT name FROM %s._ad_job WHERE id = $1) " \
	"AND \"check\" IN ('failing job', 'paused job', 'job columns') AND detail IS NOT NULL"

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
	{"subject", FORGET_DETAILS, false},
	{"job", FORGET_DETAILS, false},
	{"job", "DELETE FROM %s._ad_job_state WHERE job_id = $1", false},
	{"job", "DELETE FROM %s._ad_job_seen WHERE job_id = $1", false},
	{"job", "DELETE FROM %s._ad_job_part WHERE job_id = $1", false},
	{"job", "DELETE FROM %s._ad_job_watch WHERE job_id = $1", false},
	{"job", "DELETE FROM %s._ad_job_metric WHERE job_id = $1", false},
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
