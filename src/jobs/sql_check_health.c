/*-------------------------------------------------------------------------
 *
 * sql_check_health.c
 *		ad_check_health(): what has changed of ad_health(), kept and told.
 *
 * The state of a check and an object is the last line of it in the log; each
 * role has its own, since each sees its own.  Two calls of a role wait for
 * each other.  Any role may listen, so a notification has no name of an object
 * and no detail.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_job_define.h"
#include "operate/ad_own.h"
#include "sql/ad_text.h"

#include "catalog/pg_type.h"
#include "commands/async.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "tcop/utility.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/json.h"

PG_FUNCTION_INFO_V1(ad_check_health);

#define MAX_NOTE		7000	/* bytes of a notification, of at most 8000 */

/* What ad_health() says: columns of rows, and the lines among them. */
typedef struct State
{
	uint64		n;
	Datum		columns[4];		/* text[]: check, object, status, detail */
	int			nlines;
	char	  **line;			/* check */
	char	  **line_status;
} State;

/* Two calls of a role are one after the other. */
static void
lock_state(void)
{
	LOCKTAG		tag;

	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, ad_own_relation(AD_REL_HEALTH_LOG),
					   GetUserId(), 0);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
}

/* Ask ad_health(), as the current user. */
static void
read_state(State *s)
{
	SPITupleTable *rows;
	uint64		n;
	Datum	   *items;
	bool	   *nulls;
	int			lower = 1;

	if (SPI_execute(psprintf("SELECT h.\"check\", h.object, h.status, left(h.detail, 2000), h.line FROM %s._ad_health_all() h",
							 ad_internal_schema()), false, 0) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute failed");
	rows = SPI_tuptable;
	n = SPI_processed;
	items = ad_palloc_array(Datum, n);
	nulls = ad_palloc_array(bool, n);
	s->line = ad_palloc_array(char *, n);
	s->line_status = ad_palloc_array(char *, n);
	for (int c = 0; c < 4; c++)
	{
		int			dim = 0;

		for (uint64 i = 0; i < n; i++)
		{
			bool		isnull;
			bool		line = DatumGetBool(SPI_getbinval(rows->vals[i], rows->tupdesc, 5, &isnull));
			bool		no_object;

			(void) SPI_getbinval(rows->vals[i], rows->tupdesc, 2, &no_object);
			if (c == 0 && line)
			{
				s->line[s->nlines] = SPI_getvalue(rows->vals[i], rows->tupdesc, 1);
				s->line_status[s->nlines++] = SPI_getvalue(rows->vals[i], rows->tupdesc, 3);
			}
			/* the line of a check whose objects have rows of their own */
			if (no_object)
				continue;
			items[dim] = SPI_getbinval(rows->vals[i], rows->tupdesc, c + 1, &nulls[dim]);
			dim++;
		}
		s->columns[c] = PointerGetDatum(construct_md_array(items, nulls, 1, &dim, &lower, TEXTOID,
														   -1, false, TYPALIGN_INT));
		s->n = dim;
	}
}

/* Write what has changed; the checks that have are in SPI_tuptable. */
static uint64
write_changes(const State *s)
{
	Oid			types[] = {TEXTOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, OIDOID};
	Datum		values[lengthof(types)];

	values[0] = CStringGetTextDatum(GetUserNameFromId(GetUserId(), false));
	for (int i = 0; i < 4; i++)
		values[i + 1] = s->columns[i];
	values[5] = ObjectIdGetDatum(GetUserId());
	return ad_own_run("WITH now AS (SELECT * FROM unnest($2, $3, $4, $5) n(\"check\", object, status, detail)), "
					  "was AS (SELECT DISTINCT ON (l.\"check\", l.object) l.\"check\", l.object, l.to_status "
					  "FROM %s._ad_health_log l WHERE l.role::oid = $6 ORDER BY l.\"check\", l.object, l.id DESC), "
					  "changed AS (SELECT coalesce(n.\"check\", w.\"check\") AS \"check\", coalesce(n.object, w.object) AS object, w.to_status AS was, "

	/*
	 * what was not looked at stays as it was, what is not there any more is
	 * well
	 */
					  "CASE WHEN n.\"check\" IS NULL THEN 'ok' ELSE coalesce(n.status, w.to_status, 'ok') END AS status, n.detail "
					  "FROM now n FULL JOIN was w ON w.\"check\" = n.\"check\" AND w.object = n.object), "
					  "written AS (INSERT INTO %s._ad_health_log (role, \"check\", object, from_status, to_status, detail, at) "
					  "SELECT $1::%s._ad_role, c.\"check\", c.object, coalesce(c.was, 'ok'), c.status, c.detail, clock_timestamp() "
					  "FROM changed c WHERE c.status <> coalesce(c.was, 'ok') RETURNING \"check\") "
					  "SELECT DISTINCT w.\"check\" FROM written w ORDER BY 1",
					  lengthof(types), types, values, NULL);
}

/* Forget what is old, or too much, but for what is the state. */
static void
forget(void)
{
	Oid			types[] = {OIDOID};
	Datum		values[1] = {ObjectIdGetDatum(GetUserId())};

	(void) ad_own_run("DELETE FROM %s._ad_health_log l WHERE l.role::oid = $1 "
					  "AND (l.at < clock_timestamp() - interval '90 days' "
					  "OR l.id <= (SELECT o.id FROM %s._ad_health_log o WHERE o.role::oid = $1 ORDER BY o.id DESC OFFSET 10000 LIMIT 1)) "
					  "AND (l.to_status = 'ok' OR EXISTS (SELECT FROM %s._ad_health_log n WHERE n.role::oid = $1 "
					  "AND n.\"check\" = l.\"check\" AND n.object = l.object AND n.id > l.id))",
					  1, types, values, NULL);
}

/* Tell who listens which checks have changed, and how they stand. */
static void
notify(const State *s, const SPITupleTable *rows, uint64 n)
{
	StringInfoData note;
	const char *comma = "";

	initStringInfo(&note);
	appendStringInfoString(&note, "{\"role\": ");
	escape_json(&note, GetUserNameFromId(GetUserId(), false));
	appendStringInfoString(&note, ", \"changes\": [");
	for (uint64 i = 0; i < n && note.len < MAX_NOTE; i++)
	{
		char	   *check = SPI_getvalue(rows->vals[i], rows->tupdesc, 1);
		const char *status = "ok";

		for (int k = 0; k < s->nlines; k++)
			if (strcmp(s->line[k], check) == 0)
				status = s->line_status[k];
		appendStringInfo(&note, "%s{\"check\": ", comma);
		escape_json(&note, check);
		appendStringInfo(&note, ", \"status\": \"%s\"}", status);
		comma = ", ";
	}
	appendStringInfoString(&note, "]}");
	Async_Notify("ad_health", note.data);
}

static Datum
check_health(FunctionCallInfo fcinfo)
{
	State		s = {0};
	uint64		n;
	SPITupleTable *rows;
	int			nestlevel = NewGUCNestLevel();

	(void) fcinfo;
	PreventCommandIfReadOnly("ad_check_health()");
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	SPI_connect();
	lock_state();
	read_state(&s);
	n = write_changes(&s);
	rows = SPI_tuptable;
	if (n > 0)
		notify(&s, rows, n);
	forget();
	SPI_finish();
	AtEOXact_GUC(true, nestlevel);
	return (Datum) 0;
}

/* ad_check_health() */
Datum
ad_check_health(PG_FUNCTION_ARGS)
{
	ad_check_public(fcinfo->flinfo->fn_oid);
	return ad_call_door(check_health, fcinfo);
}
