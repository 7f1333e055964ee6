/*-------------------------------------------------------------------------
 *
 * sql_event_rows.c
 *		The rows of a job over order events.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_event_job.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#define USUAL_BATCH		100000	/* rows, where a job of 0.2.0 says 1 */

StaticAssertDecl(AD_ORDERED_KEYS == AD_MAX_KEYS, "keys are as many");

/* The columns that rows of one time are sorted by, in SQL; NULL: none. */
static char *
sort_list(const AdQueryReader *q)
{
	StringInfoData buf;

	if (q->nsort == 0)
		return NULL;
	initStringInfo(&buf);
	for (int i = 0; i < q->nsort; i++)
		appendStringInfo(&buf, "%s%s", i > 0 ? ", " : "", q->sort[i]);
	return buf.data;
}

/* Find out about the source of a batch and its columns. */
void
ad_event_source(AdEventBatch *l, AdBatch *b, AdMarketOwner owner,
				const AdOrderedKind *kind)
{
	const AdJob *j = b->job;
	AdOrdered  *o = &l->o;
	AdQueryReader *q = ad_query_reader_create();

	o->kind = kind;
	ad_job_source(j, &o->source);
	if (o->source.watermark_type != TIMESTAMPTZOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("watermark has type %s",
						format_type_be(o->source.watermark_type)),
				 errhint("The column \"%s\" of order events is a timestamptz.", j->watermark)));
	ad_lag_read(j->lag, AD_PLACE_TIMESTAMPTZ, &o->lag);
	l->q = q;
	l->arena.mcxt = CurrentMemoryContext;
	ad_market_options(j->options, owner, &q->options);
	ad_query_columns(q, j->columns, j->partition_by, j->order_by,
					 o->source.columns);
	o->limit = j->batch_size > 1 ? j->batch_size : USUAL_BATCH;
	o->nkeys = q->nkeys;
	o->sort = sort_list(q);
	if (q->has_id)
		o->id_text = psprintf("%s::pg_catalog.text", q->sort[0]);
}

/* Append the columns that a state depends on. */
void
ad_event_write_columns(const AdOrdered *o, StringInfo w)
{
	const AdQueryReader *q = ((const AdEventBatch *) o)->q;

	for (int i = 0; i < q->nkeys; i++)
		ad_wr_string(w, q->keys[i].sql, strlen(q->keys[i].sql));
	if (o->sort)
		ad_wr_string(w, o->sort, strlen(o->sort));
}

/* As AdOrderedKind has them. */
void
ad_event_list(const AdOrdered *o, StringInfo buf)
{
	ad_query_list(((const AdEventBatch *) o)->q, buf);
}

void
ad_event_describe(AdOrdered *o, TupleDesc desc)
{
	ad_query_describe(((AdEventBatch *) o)->q, desc);
}

/* The id of a row; one that is too long is a bad row's. */
static bool
read_name(AdEventBatch *l, Datum value, bool isnull, AdRowName *name)
{
	char	   *s;

	memset(name, 0, sizeof(AdRowName));
	if (isnull)
		return true;
	s = OutputFunctionCall(&l->q->id_out, value);
	name->len = (uint32) strlen(s);
	if (name->len > AD_MAX_ROW_NAME)
		return false;
	name->name = ad_arena_copy(&l->arena, s, name->len);
	return true;
}

/*
 * Keep what is wrong with a row, unless such rows are to be passed over.
 * Nothing but messages is made between the braces.
 */
static void
note_bad_row(AdOrderedReader *r, const AdEventRow *row, const Datum *values,
			 const bool *nulls)
{
	AdQueryReader *q = ((AdEventBatch *) r->o)->q;
	MemoryContext mcxt = CurrentMemoryContext;
	Oid			types[AD_READ_COLUMNS];

	if (q->options.skip_bad || row->bad == AD_ROW_IGNORED)
		return;
	for (int c = 0; c < q->ncolumns; c++)
		types[c] = ad_row_type(&q->row, q->columns[c]);
	PG_TRY();
	{
		ad_row_refuse(row->bad, &q->options.words,
					  ad_row_content(values, nulls, types, q->columns,
									 q->ncolumns));
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(r->mcxt);
		error = CopyErrorData();
		FlushErrorState();
		ad_ordered_refuse(r, row->head.place, row->name.name, (int) row->name.len, error);
		MemoryContextSwitchTo(mcxt);
	}
	PG_END_TRY();
}

/* Take one row. */
void
ad_event_take(AdOrderedReader *r, AdOrderedRow *head, const Datum *values,
			  const bool *nulls)
{
	AdEventRow *row = (AdEventRow *) head;
	AdEventBatch *l = (AdEventBatch *) r->o;
	AdQueryReader *q = l->q;

	/* the time first: it tells where a bad row stands */
	head->place = row->e.ts = DatumGetTimestampTz(values[AD_COLUMN_TS]);
	for (int c = 0; c < q->ncolumns && row->bad == AD_ROW_GOOD; c++)
		row->bad = ad_row_column(&q->row, q->columns[c], values[c], nulls[c],
								 &row->e);
	if (q->has_id && !read_name(l, values[q->ncolumns], nulls[q->ncolumns],
								&row->name))
		row->bad = AD_ROW_ID_LONG;
	if (unlikely(row->bad != AD_ROW_GOOD))
	{
		head->bad = true;
		note_bad_row(r, row, values, nulls);
	}
	else
		ad_row_ids(&l->arena, &q->row, &row->e);
}
