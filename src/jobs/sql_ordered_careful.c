/*-------------------------------------------------------------------------
 *
 * sql_ordered_careful.c
 *		Reading the rows of a batch when some cannot be read.
 *
 * An error in the source (a division by zero, a cast) is of some row.  Rows
 * are told apart by their time and id, which are read without the others.  So
 * the time is halved until all rows but those at one time can be read, and
 * these are read one by one.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_ordered.h"
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
AdOrderedReader *
ad_ordered_try(AdOrdered *o, const AdOrderedRange *range, ErrorData **error)
{
	MemoryContext mcxt = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	AdOrderedReader *r = range->into ? range->into : ad_ordered_reader(o);
	volatile bool done = false;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(mcxt);
	PG_TRY();
	{
		ad_ordered_read(r, range);
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
ask(const AdOrdered *o, const char *sql, int64 after, int64 upto)
{
	Oid			type = ad_place_param_type(o->source.type);
	Oid			types[] = {type, type};
	Datum		values[] = {ad_ordered_bound(o, after), ad_ordered_bound(o, upto)};

	PushActiveSnapshot(GetTransactionSnapshot());
	if (SPI_execute_with_args(sql, lengthof(types), types, values, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_with_args failed");
	PopActiveSnapshot();
}

/* The place of the n-th row after one, or that of the last up to another. */
static int64
place_of_row(const AdOrdered *o, int64 after, int64 upto, int64 n)
{
	bool		isnull;
	Datum		d;

	ask(o, psprintf("SELECT pg_catalog.max(s.t) FROM (SELECT %s AS t FROM (\n%s\n) q WHERE %s OPERATOR(pg_catalog.>) $1 "
					"AND %s OPERATOR(pg_catalog.<=) $2 ORDER BY %s LIMIT " INT64_FORMAT ") s",
					o->time, o->source.sql, o->time, o->time, o->time, n),
		after, upto);
	d = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	if (!isnull)
		upto = ad_place_of(SPI_gettypeid(SPI_tuptable->tupdesc, 1), d);
	SPI_freetuptable(SPI_tuptable);
	return upto;
}

/* Note that a row cannot be read. */
static void
note(AdOrdered *o, const char *id, int64 place, const ErrorData *e)
{
	AdModelBatch m = {.b = o->b,.run = o->b->sweep};
	AdVersion	v = {id, id ? (int) strlen(id) : 0, true, place};

	m.source = o->source;
	ad_bad_row(&m, &v, e->message, e->sqlerrcode);
}

/* The id of rows as text, in SQL. */
static const char *
id_text(const AdOrdered *o)
{
	return o->id_text ? o->id_text : "NULL::pg_catalog.text";
}

/*
 * Read the rows at one place id by id, in their order; those that cannot be
 * are noted.  Without ids all of them are one.
 */
static AdOrderedReader *
read_singly(AdOrdered *o, int64 after, int64 place)
{
	AdOrderedReader *all = ad_ordered_reader(o);
	ErrorData  *error;
	SPITupleTable *ids;
	int			n;
	int64		rows = 0;

	ask(o, psprintf("SELECT s.id, pg_catalog.count(*) FROM (SELECT (%s) COLLATE pg_catalog.\"C\" AS id, pg_catalog.row_number() OVER (%s%s) AS i FROM (\n%s\n) q "
					"WHERE %s OPERATOR(pg_catalog.>) $1 AND %s OPERATOR(pg_catalog.<=) $2) s GROUP BY s.id ORDER BY pg_catalog.min(s.i)",
					id_text(o), o->sort ? "ORDER BY " : "", o->sort ? o->sort : "",
					o->source.sql, o->time, o->time),
		after, place);
	n = (int) SPI_processed;
	ids = SPI_tuptable;
	for (int i = 0; i < n; i++)
	{
		AdOrderedRange one = {after, place, 0, true, NULL, all};
		bool		isnull;

		CHECK_FOR_INTERRUPTS();
		one.id = SPI_getvalue(ids->vals[i], ids->tupdesc, 1);
		rows += DatumGetInt64(SPI_getbinval(ids->vals[i], ids->tupdesc, 2, &isnull));
		if (ad_ordered_try(o, &one, &error) == NULL)
			note(o, one.id, place, error);
	}
	/* what cannot be read does not come too late either */
	o->b->state->forgotten += rows - all->rows;
	return all;
}

/*
 * Read the rows of a range as far as they can be read, or those at the one
 * place at which some cannot.  *upto is set to where it ends.
 */
AdOrderedReader *
ad_ordered_read_carefully(AdOrdered *o, int64 after, int64 *upto, int64 limit,
						  ErrorData *error)
{
	while (true)
	{
		AdOrderedRange range = {after, 0, 0, false, NULL, NULL};
		AdOrderedReader *r;

		limit = Max(limit / 2, 1);
		range.upto = *upto = place_of_row(o, after, *upto, limit);
		r = ad_ordered_try(o, &range, &error);
		if (r)
			return r;
		if (limit == 1)
			return read_singly(o, after, *upto);
	}
}

/* Note the rows without a time, those that were not noted before. */
void
ad_ordered_timeless(AdOrdered *o)
{
	AdBatch    *b = o->b;
	Oid			types[] = {INT4OID, TEXTARRAYOID, INT4OID};
	Datum		values[lengthof(types)];
	AdModelBatch m = {.b = b,.run = b->sweep};
	SPITupleTable *rows;
	uint64		n;
	bool		isnull;

	ask(o, psprintf("SELECT pg_catalog.array_agg(s.id) FROM (SELECT %s AS id FROM (\n%s\n) q WHERE %s IS NULL "
					"AND $1 IS NOT NULL AND $2 IS NOT NULL LIMIT %d) s",
					id_text(o), o->source.sql, o->time,
					o->id_text ? AD_MAX_BAD_ROWS + 1 : 1), 0, 0);
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
	m.source = o->source;
	for (uint64 i = 0; i < n; i++)
	{
		char	   *key = SPI_getvalue(rows->vals[i], rows->tupdesc, 1);
		AdVersion	v = {key, key ? (int) strlen(key) : 0, false, 0};

		ad_bad_row(&m, &v, "watermark is NULL", ERRCODE_NULL_VALUE_NOT_ALLOWED);
	}
}
