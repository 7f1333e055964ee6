/*-------------------------------------------------------------------------
 *
 * sql_layering_rows.c
 *		The rows of a layering job, and what a partition does with them.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_layering_job.h"

#define WHAT			"state of a layering job"

/* A row of a batch. */
typedef struct LayeringRow
{
	AdOrderedRow head;			/* must be first */
	AdEvent		e;
	AdRowName	name;
	AdBadRow	bad;			/* only e.ts is set then */
} LayeringRow;

/* Append what a state depends on. */
static void
write_options(const AdOrdered *o, StringInfo w)
{
	const AdQueryReader *q = ((const AdLayering *) o)->q;
	const AdLayeringConfig *c = &q->options.layering;

	ad_wr_u8(w, (uint8) c->rule);
	ad_wr_u8(w, (uint8) c->trade_rule);
	ad_wr_u8(w, c->causal);
	ad_wr_u32(w, (uint32) c->min_orders);
	ad_wr_u32(w, (uint32) c->min_cancels);
	ad_wr_u64(w, (uint64) c->orders_window);
	ad_wr_u64(w, (uint64) c->cancel_window);
	ad_wr_u64(w, (uint64) c->trade_window);
	ad_wr_u64(w, (uint64) c->forget);
	for (int i = 0; i < q->nkeys; i++)
		ad_wr_string(w, q->keys[i].name, strlen(q->keys[i].name));
	if (q->order_by)
		ad_wr_string(w, q->order_by, strlen(q->order_by));
}

/* It begins with the period of the floor. */
static int64
first(const AdOrdered *o, int64 floor)
{
	int64		place = ad_order_log_first(&((const AdLayering *) o)->q->options.layering, floor);

	return place > AD_PLACE_LEAST ? place - 1 : place;
}

static void
list(const AdOrdered *o, StringInfo buf)
{
	ad_query_list(((const AdLayering *) o)->q, buf);
}

static void
describe(AdOrdered *o, TupleDesc desc)
{
	ad_query_describe(((AdLayering *) o)->q, desc);
}

/* The id of a row; one that is too long is a bad row's. */
static bool
read_name(AdLayering *l, Datum value, bool isnull, AdRowName *name)
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
note_bad_row(AdOrderedReader *r, const LayeringRow *row, const Datum *values,
			 const bool *nulls)
{
	AdQueryReader *q = ((AdLayering *) r->o)->q;
	MemoryContext mcxt = CurrentMemoryContext;
	Oid			types[AD_READ_COLUMNS];

	if (q->options.skip_bad)
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
static void
take(AdOrderedReader *r, AdOrderedRow *head, const Datum *values,
	 const bool *nulls)
{
	LayeringRow *row = (LayeringRow *) head;
	AdLayering *l = (AdLayering *) r->o;
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
	else if (row->e.idlen > 0)
		row->e.id = ad_arena_copy(&l->arena, row->e.id, row->e.idlen);
}

/* Go on with the order log of a partition. */
static bool
advance(AdOrdered *o, AdOrderedStep *step)
{
	AdLayering *l = (AdLayering *) o;
	AdOrderLog *log = ad_order_log_create(CurrentMemoryContext,
										  &l->q->options.layering, o->place.floor);

	if (step->state)
		ad_order_log_read(log, step->state, step->state_len);
	if (step->read)
		for (uint32 i = 0; i < step->read->n; i++)
		{
			const LayeringRow *row = (const LayeringRow *) ad_ordered_row(o, step->read, i);

			if (row->head.bad)
				ad_order_log_skip(log, row->e.ts);
			else
				ad_order_log_add(log, &row->e, &row->name);
		}
	ad_order_log_settle(log, o->place.known, o->place.complete);
	if (log->ndecided > 0)
	{
		char	   *texts[AD_ORDERED_KEYS];

		ad_part_texts(WHAT, step->keys, step->keys_len, o->nkeys, texts);
		for (uint32 i = 0; i < log->ndecided; i++)
			ad_layering_decided(l, texts, &log->decided[i]);
	}
	step->due = log->due;
	step->ends = log->ends;
	if (log->nscans == 0)
		return false;
	ad_order_log_write(log, step->out);
	return true;
}

StaticAssertDecl(AD_ORDERED_KEYS == AD_MAX_KEYS, "keys are as many");

const AdOrderedKind ad_layering_ordered = {
	.what = WHAT,
	.magic = 0x504c4441,		/* "ADLP" */
	.version = 1,
	.row_size = sizeof(LayeringRow),
	.options = write_options,
	.first = first,
	.list = list,
	.describe = describe,
	.take = take,
	.advance = advance
};
