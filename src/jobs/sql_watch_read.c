/*-------------------------------------------------------------------------
 *
 * sql_watch_read.c
 *		The rows of the periods of a batch, in one scan.
 *
 * Rows come in whatever order the source has them: each goes to the summary
 * of its period.  So a table without an index on the time column is read once
 * for many periods, and one with it is not sorted.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_watch.h"
#include "sql/ad_receiver.h"
#include "sql/ad_text.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "tcop/pquery.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/portal.h"
#include "utils/snapmgr.h"

#define SAMPLE			8192	/* rows of a period */
#define SAMPLE_MB		64		/* of all columns together */
#define FETCH_ROWS		100000
#define ROWS_AT_A_TIME	256		/* before what they took is freed */
#define BYTES_AT_A_TIME	(1024 * 1024)

/* Reads rows into periods. */
typedef struct Reader
{
	DestReceiver pub;			/* must be first */
	AdWatch    *w;
	MemoryContext row_mcxt;
	int64		rows;
	int			at;				/* period of the last row */
	double	   *x;				/* a row's numbers */
	AdCategory *categories;
} Reader;

/* Look for a column among those of the source. */
static void
look_for(const AdWatch *w, AdWatchColumn *c)
{
	TupleDesc	desc = w->source.columns;

	c->feature = -1;
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute a = TupleDescAttr(desc, i);

		if (strcmp(NameStr(a->attname), c->name) != 0)
			continue;
		if (c->there)
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_COLUMN),
					 errmsg("source has two columns \"%s\"", c->name),
					 errhint("Name them with AS.")));
		c->there = true;
		c->has_values = ad_source_init(&c->source, a->atttypid,
									   CurrentMemoryContext);
		if (c->has_values)
			c->class = c->source.class;
	}
}

/* Find out which columns are watched, and what they are. */
void
ad_watch_columns(AdWatch *w)
{
	const AdJob *j = w->b->job;
	TupleDesc	desc = w->source.columns;
	int			nfeatures = 0;

	w->columns = ad_palloc0_array(AdWatchColumn, AD_WATCH_COLUMNS);
	if (j->watched != NULL)
		for (int i = 0; j->watched[i] != NULL && i < AD_WATCH_COLUMNS; i++)
			w->columns[w->ncolumns++].name = j->watched[i];
	else
		for (int i = 0; i < desc->natts && w->ncolumns < AD_WATCH_COLUMNS; i++)
			if (i != w->source.watermark)
				w->columns[w->ncolumns++].name =
					pstrdup(NameStr(TupleDescAttr(desc, i)->attname));
	for (int i = 0; i < w->ncolumns; i++)
	{
		look_for(w, &w->columns[i]);
		if (w->columns[i].has_values)
			w->columns[i].feature = nfeatures++;
	}
}

/* A sketch of the columns that have values; NULL: there is none. */
static AdSketch *
new_sketch(const AdWatch *w)
{
	AdSampling	sampling = {.rows = SAMPLE,.memory_mb = SAMPLE_MB,.seed = 1};
	AdFeature	features[AD_WATCH_COLUMNS];
	int			n = 0;

	for (int i = 0; i < w->ncolumns; i++)
		if (w->columns[i].feature >= 0)
		{
			features[n].name = w->columns[i].name;
			features[n].type = w->columns[i].source.name;
			features[n++].class = w->columns[i].class;
		}
	return n == 0 ? NULL :
		ad_sketch_create(&sampling, features, n, CurrentMemoryContext);
}

/* Begin the summary of a period. */
static void
begin_period(const AdWatch *w, AdWatchPeriod *p)
{
	p->rows = 0;
	for (int i = 0; i < AD_WATCH_SLOTS; i++)
	{
		p->first[i] = AD_PLACE_GREATEST;
		p->last[i] = AD_PLACE_LEAST;
	}
	p->seen = ad_palloc0_array(AdWatchSeen, Max(w->ncolumns, 1));
	p->sketch = new_sketch(w);
}

/* The period of a place, which one of them has. */
static AdWatchPeriod *
period_of(Reader *r, int64 place)
{
	const AdWatch *w = r->w;
	int			low = 0;
	int			high = w->nperiods - 1;

	if (place >= w->periods[r->at].start && place < w->periods[r->at].end)
		return &w->periods[r->at];
	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (place < w->periods[middle].end)
			high = middle;
		else
			low = middle + 1;
	}
	r->at = low;
	return &w->periods[low];
}

/* Note when a row came. */
static void
see_time(AdWatchPeriod *p, int64 place)
{
	double		part = (double) (place - p->start) / (double) (p->end - p->start);
	int			slot = Max(Min((int) (part * AD_WATCH_SLOTS), AD_WATCH_SLOTS - 1), 0);

	p->first[slot] = Min(p->first[slot], place);
	p->last[slot] = Max(p->last[slot], place);
	p->rows++;
}

/* Take in a number; NaN counts as NULL. */
static void
see_number(AdWatchSeen *seen, double v)
{
	uint64		bits;

	if (isnan(v))
	{
		seen->nulls++;
		return;
	}
	v += 0.0;					/* no other zero */
	memcpy(&bits, &v, sizeof(bits));
	ad_distinct_add(seen->distinct, ad_mix64(bits ^ UINT64CONST(0x9e3779b97f4a7c15)));
	if (isinf(v))
		return;
	seen->n++;
	/* neither of which is beyond a double */
	seen->mean += v / (double) seen->n - seen->mean / (double) seen->n;
}

/* Take in the columns of a row. */
static void
see_columns(Reader *r, AdWatchPeriod *p, TupleTableSlot *slot)
{
	AdWatch    *w = r->w;
	int			at = 1;			/* the time comes first */

	for (int i = 0; i < w->ncolumns; i++)
	{
		AdWatchColumn *c = &w->columns[i];
		AdWatchSeen *seen = &p->seen[i];
		bool		isnull;
		Datum		value;

		if (!c->there)
			continue;
		value = slot->tts_values[at];
		isnull = slot->tts_isnull[at++];
		if (c->feature < 0)
		{
			seen->nulls += isnull;
			continue;
		}
		if (seen->distinct == NULL)
			seen->distinct = MemoryContextAllocZero(w->b->mcxt, sizeof(AdDistinct));
		r->categories[c->feature].s = NULL;
		r->x[c->feature] = c->class == AD_CLASS_CATEGORY ? 0 : NAN;
		if (isnull)
			seen->nulls++;
		else if (c->class == AD_CLASS_CATEGORY)
		{
			AdCategory	category = ad_source_category(&c->source, value);

			r->categories[c->feature] = category;
			ad_distinct_add(seen->distinct, ad_hash64(category.s, category.len, 0));
		}
		else
		{
			r->x[c->feature] = ad_source_number(&c->source, value);
			see_number(seen, r->x[c->feature]);
		}
	}
	if (p->sketch != NULL)
		ad_sketch_add(p->sketch, r->x, r->categories, 0);
}

/* Take one row. */
static bool
receive_slot(TupleTableSlot *slot, DestReceiver *self)
{
	Reader	   *r = (Reader *) self;
	MemoryContext old = MemoryContextSwitchTo(r->row_mcxt);
	AdWatchPeriod *p;
	int64		place;

	slot_getallattrs(slot);
	place = ad_place_of(r->w->source.watermark_type, slot->tts_values[0]);
	p = period_of(r, place);
	see_time(p, place);
	see_columns(r, p, slot);
	MemoryContextSwitchTo(old);
	CHECK_FOR_INTERRUPTS();
	if (++r->rows % ROWS_AT_A_TIME == 0 ||
		MemoryContextMemAllocated(r->row_mcxt, false) > BYTES_AT_A_TIME)
		MemoryContextReset(r->row_mcxt);
	return true;
}

/* The query of the rows of some periods. */
static char *
query_of(const AdWatch *w)
{
	char	   *time = pstrdup(quote_identifier(w->b->job->watermark));
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfo(&buf, "SELECT _q.%s", time);
	for (int i = 0; i < w->ncolumns; i++)
		if (w->columns[i].there)
			appendStringInfo(&buf, ", _q.%s", quote_identifier(w->columns[i].name));
	appendStringInfo(&buf, " FROM (\n%s\n) _q WHERE _q.%s OPERATOR(pg_catalog.>=) $1 "
					 "AND _q.%s OPERATOR(pg_catalog.<) $2", w->source.sql, time, time);
	return buf.data;
}

/* Read the rows of the periods of a batch.  Within SPI. */
void
ad_watch_read(AdWatch *w)
{
	Oid			type = ad_place_param_type(w->source.type);
	Oid			types[] = {type, type};
	Datum		values[] = {
		ad_place_value(w->source.type, w->periods[0].start),
		ad_place_value(w->source.type, w->periods[w->nperiods - 1].end)
	};
	Reader		r;
	SPIPlanPtr	plan;
	Portal		portal;

	for (int i = 0; i < w->nperiods; i++)
		begin_period(w, &w->periods[i]);
	memset(&r, 0, sizeof(r));
	r.w = w;
	r.x = ad_palloc_array(double, Max(w->ncolumns, 1));
	r.categories = ad_palloc0_array(AdCategory, Max(w->ncolumns, 1));
	r.row_mcxt = AllocSetContextCreate(CurrentMemoryContext, "anomaly rows",
									   ALLOCSET_DEFAULT_SIZES);
	ad_receiver_init(&r.pub, receive_slot);
	ad_job_path(w->b->job->search_path);
	plan = SPI_prepare(query_of(w), lengthof(types), types);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	/* read only: a query that writes is refused */
	PushActiveSnapshot(GetTransactionSnapshot());
	portal = SPI_cursor_open(NULL, plan, values, NULL, true);
	while (PortalRunFetch(portal, FETCH_FORWARD, FETCH_ROWS, &r.pub) > 0)
		CHECK_FOR_INTERRUPTS();
	SPI_cursor_close(portal);
	PopActiveSnapshot();
	SPI_freeplan(plan);
	MemoryContextDelete(r.row_mcxt);
	w->b->rows += r.rows;
}

/*
 * The least or greatest place of the source's rows from one on and below
 * another; false: there is none.  Within SPI.
 */
bool
ad_watch_edge(AdWatch *w, const AdJob *j, bool greatest, int64 from,
			  int64 below, int64 *out)
{
	Oid			type = ad_place_param_type(w->source.type);
	Oid			types[] = {type, type};
	Datum		values[] = {ad_place_value(w->source.type, from),
		ad_place_value(w->source.type, below)
	};
	char	   *time = pstrdup(quote_identifier(j->watermark));
	bool		isnull;
	Datum		d;

	ad_job_path(j->search_path);
	PushActiveSnapshot(GetTransactionSnapshot());
	ad_execute_narrow(psprintf("SELECT pg_catalog.%s(_q.%s) FROM (\n%s\n) _q "
							   "WHERE _q.%s OPERATOR(pg_catalog.>=) $1 AND _q.%s OPERATOR(pg_catalog.<) $2",
							   greatest ? "max" : "min", time, w->source.sql, time, time),
					  lengthof(types), types, values);
	PopActiveSnapshot();
	d = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	if (!isnull)
		*out = ad_place_of(w->source.watermark_type, d);
	SPI_freetuptable(SPI_tuptable);
	return !isnull;
}

/* How many rows the source has from one place on and below another. */
int64
ad_watch_rows(const AdWatch *w, const AdJob *j, int64 from, int64 below)
{
	int64		rows;

	PushActiveSnapshot(GetTransactionSnapshot());
	rows = ad_source_rows(j, &w->source, from, below, false);
	PopActiveSnapshot();
	return rows;
}
