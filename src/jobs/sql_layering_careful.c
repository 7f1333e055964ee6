/*-------------------------------------------------------------------------
 *
 * sql_layering_careful.c
 *		Reading the events of a layering job when some cannot be read.
 *
 * An error in the source (a division by zero, a cast) is of some row.  Rows
 * are told apart by their time and id, which are read without the others.  So
 * the time is halved until all rows but those at one time can be read, and
 * these are read one by one.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_layering_job.h"
#include "jobs/ad_reading.h"
#include "operate/ad_own.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

/*
 * Read in a subtransaction of its own; NULL: an error, which is of a row.  An
 * error of another kind goes on.
 */
AdLayeringReader *
ad_layering_try(AdQueryReader *q, const char *sql, const AdLayeringRange *range,
				ErrorData **error)
{
	MemoryContext mcxt = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	AdLayeringReader *r = range->into ? range->into : ad_layering_reader(q);
	volatile bool done = false;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(mcxt);
	PG_TRY();
	{
		ad_layering_read(r, sql, range);
		ReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(mcxt);
		CurrentResourceOwner = owner;
		done = true;
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(mcxt);
		*error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(mcxt);
		CurrentResourceOwner = owner;
	}
	PG_END_TRY();
	if (!done && !ad_is_of_row(*error))
		ReThrowError(*error);
	return done ? r : NULL;
}

/* Run a query over times and ids of the source, read only, newest snapshot. */
static void
ask(const char *sql, int64 after, int64 upto)
{
	Oid			types[] = {TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		values[] = {TimestampTzGetDatum(after), TimestampTzGetDatum(upto)};

	PushActiveSnapshot(GetTransactionSnapshot());
	if (SPI_execute_with_args(sql, lengthof(types), types, values, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_with_args failed");
	PopActiveSnapshot();
}

/* The time of the n-th row after a time, or that of the last up to another. */
static int64
time_of_row(const char *sql, int64 after, int64 upto, int64 n)
{
	bool		isnull;
	Datum		d;

	ask(psprintf("SELECT pg_catalog.max(s.ts) FROM (SELECT q.ts FROM (\n%s\n) q WHERE q.ts OPERATOR(pg_catalog.>) $1 "
				 "AND q.ts OPERATOR(pg_catalog.<=) $2 ORDER BY q.ts LIMIT " INT64_FORMAT ") s", sql, n),
		after, upto);
	d = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	SPI_freetuptable(SPI_tuptable);
	return isnull ? upto : DatumGetTimestampTz(d);
}

/* Note that a row cannot be read. */
static void
note(AdBatch *b, const AdJobSource *source, const char *id, int64 ts,
	 const ErrorData *e)
{
	AdModelBatch m = {.b = b,.run = b->sweep};
	AdVersion	v = {id, id ? (int) strlen(id) : 0, true, ts};

	m.source = *source;
	ad_bad_row(&m, &v, e->message, e->sqlerrcode);
}

/* The id of rows as text, in SQL. */
static char *
id_text(const AdQueryReader *q)
{
	return q->has_id ?
		psprintf("q.%s::pg_catalog.text", quote_identifier(q->order_by)) :
		pstrdup("NULL::pg_catalog.text");
}

/*
 * Read the rows at one time one by one; those that cannot be are noted.
 * Without ids all of them are one.
 */
static AdLayeringReader *
read_singly(AdBatch *b, AdQueryReader *q, const AdJobSource *source,
			int64 after, int64 ts)
{
	AdLayeringReader *all = ad_layering_reader(q);
	ErrorData  *error;
	char	  **ids;
	int			n;

	ask(psprintf("SELECT %s FROM (\n%s\n) q WHERE q.ts OPERATOR(pg_catalog.>) $1 "
				 "AND q.ts OPERATOR(pg_catalog.<=) $2 ORDER BY q.%s",
				 id_text(q), source->sql,
				 q->has_id ? pstrdup(quote_identifier(q->order_by)) : "ts"),
		after, ts);
	n = (int) SPI_processed;
	ids = ad_palloc_array(char *, Max(n, 1));
	for (int i = 0; i < n; i++)
		ids[i] = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);
	for (int i = 0; i < n; i++)
	{
		AdLayeringRange one = {after, ts, 0, true, ids[i], all};

		CHECK_FOR_INTERRUPTS();
		/* equal ids are read together */
		if (i > 0 && (ids[i] == NULL ? ids[i - 1] == NULL :
					  ids[i - 1] && strcmp(ids[i], ids[i - 1]) == 0))
			continue;
		if (ad_layering_try(q, source->sql, &one, &error) == NULL)
			note(b, source, ids[i], ts, error);
	}
	/* what cannot be read does not come too late either */
	b->state->forgotten += n - all->rows;
	return all;
}

/*
 * Read the events of a range as far as they can be read, or those at the one
 * time at which some cannot.  *upto is set to where it ends.
 */
AdLayeringReader *
ad_layering_read_carefully(AdBatch *b, AdQueryReader *q,
						   const AdJobSource *source, int64 after, int64 *upto,
						   int64 limit, ErrorData *error)
{
	while (true)
	{
		AdLayeringRange range = {after, 0, 0, false, NULL, NULL};
		AdLayeringReader *r;

		limit = Max(limit / 2, 1);
		range.upto = *upto = time_of_row(source->sql, after, *upto, limit);
		r = ad_layering_try(q, source->sql, &range, &error);
		if (r)
			return r;
		if (limit == 1)
			return read_singly(b, q, source, after, *upto);
	}
}

/* Note the rows without a time, those that were not noted before. */
void
ad_layering_timeless(AdBatch *b, AdQueryReader *q, const AdJobSource *source)
{
	Oid			types[] = {INT4OID, TEXTARRAYOID, INT4OID};
	Datum		values[lengthof(types)];
	AdModelBatch m = {.b = b,.run = b->sweep};
	SPITupleTable *rows;
	uint64		n;
	bool		isnull;

	ask(psprintf("SELECT pg_catalog.array_agg(s.id) FROM (SELECT %s AS id FROM (\n%s\n) q WHERE q.ts IS NULL "
				 "AND $1 IS NOT NULL AND $2 IS NOT NULL LIMIT %d) s",
				 id_text(q), source->sql, q->has_id ? AD_MAX_BAD_ROWS + 1 : 1), 0, 0);
	values[1] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	if (isnull)
		return;
	values[0] = Int32GetDatum(b->job->id);
	values[2] = Int32GetDatum(b->state->generation);
	(void) ad_own_run("SELECT i FROM unnest($2) i WHERE NOT EXISTS (SELECT FROM %s._ad_job_error e WHERE e.job_id = $1 "
					  "AND e.generation = $3 AND e.place IS NULL AND e.key IS NOT DISTINCT FROM i)",
					  lengthof(types), types, values, NULL);
	rows = SPI_tuptable;
	n = SPI_processed;
	m.source = *source;
	for (uint64 i = 0; i < n; i++)
	{
		char	   *key = SPI_getvalue(rows->vals[i], rows->tupdesc, 1);
		AdVersion	v = {key, key ? (int) strlen(key) : 0, false, 0};

		ad_bad_row(&m, &v, "watermark is NULL", ERRCODE_NULL_VALUE_NOT_ALLOWED);
	}
}
