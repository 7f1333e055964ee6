/*-------------------------------------------------------------------------
 *
 * sql_layering_rows.c
 *		What a partition of a layering job does with its events.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_layering_job.h"

#define WHAT			"state of a layering job"

/* Append what a state depends on. */
static void
write_options(const AdOrdered *o, StringInfo w)
{
	const AdLayeringConfig *c = &((const AdEventBatch *) o)->q->options.layering;

	ad_wr_u8(w, AD_ORDER_LOG_VERSION);
	ad_wr_u8(w, (uint8) c->rule);
	ad_wr_u8(w, (uint8) c->trade_rule);
	ad_wr_u8(w, c->causal);
	ad_wr_u32(w, (uint32) c->min_orders);
	ad_wr_u32(w, (uint32) c->min_cancels);
	ad_wr_u64(w, (uint64) c->orders_window);
	ad_wr_u64(w, (uint64) c->cancel_window);
	ad_wr_u64(w, (uint64) c->trade_window);
	ad_wr_u64(w, (uint64) c->forget);
	ad_wr_u8(w, c->amend);
	ad_wr_u8(w, c->dedup);
	ad_wr_f64(w, c->min_imbalance);
	ad_wr_u32(w, (uint32) c->min_price_levels);
	ad_event_write_columns(o, w);
}

/* It begins with the period of the floor. */
static int64
first(const AdOrdered *o, int64 floor)
{
	int64		place = ad_order_log_first(&((const AdEventBatch *) o)->q->options.layering, floor);

	return place > AD_PLACE_LEAST ? place - 1 : place;
}

/* Go on with the order log of a partition. */
static bool
advance(AdOrdered *o, AdOrderedStep *step)
{
	AdEventBatch *l = (AdEventBatch *) o;
	AdOrderLog *log = ad_order_log_create(CurrentMemoryContext,
										  &l->q->options.layering, o->place.floor);

	if (step->state)
		ad_order_log_read(log, step->state, step->state_len);
	if (step->read)
		for (uint32 i = 0; i < step->read->n; i++)
		{
			const AdEventRow *row = (const AdEventRow *) ad_ordered_row(o, step->read, i);

			if (row->head.bad)
				ad_order_log_skip(log, row->e.ts, row->bad != AD_ROW_IGNORED);
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

const AdOrderedKind ad_layering_ordered = {
	.what = WHAT,
	.magic = 0x504c4441,		/* "ADLP" */
	.version = 1,
	.row_size = sizeof(AdEventRow),
	.options = write_options,
	.first = first,
	.list = ad_event_list,
	.describe = ad_event_describe,
	.take = ad_event_take,
	.advance = advance
};
