/*-------------------------------------------------------------------------
 *
 * sql_layering_job.c
 *		The kind "layering": sequences of order events become alerts.
 *
 * Events are read once, in the order of time (sql_ordered.c).  The rules go on
 * from the state of each partition (market's order_log.c), so that what is
 * found is what one look at each day finds, whenever and however often the job
 * ran.
 *
 * Sequences are told in the order in which they are decided: of rule anchored
 * at their trade, of the others when their windows have closed.
 *
 * Without a state, as of a job of an older release, of one whose options have
 * changed or that is told to look again, the day is read from its beginning,
 * and sequences that start before the watermark are not told again.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_layering_job.h"
#include "operate/ad_own.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/plancache.h"

typedef struct LayeringBatch
{
	AdEventBatch head;			/* must be first */
	TupleDesc	desc;			/* of a sequence; NULL: not asked for yet */
} LayeringBatch;

/* What a row of ad_layering_sequences() looks like. */
static void
describe_sequence(LayeringBatch *l)
{
	MemoryContext mcxt = CurrentMemoryContext;
	SPIPlanPtr	plan = SPI_prepare(psprintf("SELECT * FROM %s._ad_layering_sequences(NULL, NULL, NULL, NULL, NULL)",
											ad_internal_schema()),
								   0, NULL);
	CachedPlanSource *source;

	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s",
			 SPI_result_code_string(SPI_result));
	source = linitial(SPI_plan_get_plan_sources(plan));
	MemoryContextSwitchTo(l->head.o.b->mcxt);
	l->desc = BlessTupleDesc(CreateTupleDescCopy(source->resultDesc));
	MemoryContextSwitchTo(mcxt);
	SPI_freeplan(plan);
	if (l->desc->natts != AD_FRONT_COLUMNS + AD_SEQUENCE_COLUMNS)
		elog(ERROR, "ad_layering_sequences has other columns");
}

/* A sequence as the row that ad_layering_sequences() would give, in jsonb. */
static Jsonb *
sequence_row(LayeringBatch *l, char *const *keys, const AdDecided *d)
{
	Datum		values[AD_FRONT_COLUMNS + AD_SEQUENCE_COLUMNS];
	bool		nulls[AD_FRONT_COLUMNS + AD_SEQUENCE_COLUMNS];

	if (l->desc == NULL)
		describe_sequence(l);
	memset(nulls, 0, sizeof(nulls));
	ad_set_text(values, nulls, AD_FRONT_ACCOUNT, keys[0]);
	ad_set_text(values, nulls, AD_FRONT_PRODUCT, keys[1]);
	values[AD_FRONT_PARTITION_KEY] = ad_partition_key(l->head.q->keys,
													  l->head.q->nkeys, keys);
	ad_set_text(values, nulls, AD_FRONT_FIRST_ID, ad_event_name(&d->first));
	ad_set_text(values, nulls, AD_FRONT_TRADE_ID, ad_event_name(&d->trade));
	ad_sequence_values(&d->s, d->number, d->skipped, values + AD_FRONT_COLUMNS,
					   nulls + AD_FRONT_COLUMNS);
	return ad_event_json(&l->head, l->desc, values, nulls);
}

/* Take a sequence that is decided, if it is severe enough. */
void
ad_layering_decided(AdEventBatch *l, char *const *keys, const AdDecided *d)
{
	const AdLayeringConfig *c = &l->q->options.layering;
	MemoryContext old = CurrentMemoryContext;
	AdEventHit *h;

	if (d->s.m.severity < l->o.b->job->rule_value)
		return;
	h = ad_event_hit(l, keys, &d->first, d->s.side, d->s.start);
	h->decided = c->rule == AD_RULE_ANCHORED ? d->s.end :
		ad_time_add(d->s.start, ad_layering_horizon(c));
	h->hit.score = d->s.m.severity;
	h->hit.row = sequence_row((LayeringBatch *) l, keys, d);
	MemoryContextSwitchTo(old);
}

/*
 * Forget the partitions of whose scans all are over, if there may be any since
 * the batch before.
 */
static void
end_partitions(const AdEventBatch *l)
{
	const AdLayeringConfig *c = &l->q->options.layering;
	int64		before = l->o.before;
	int64		known = l->o.place.known;

	if (ad_order_log_first(c, before) != ad_order_log_first(c, known) ||
		ad_order_log_first(c, ad_time_sub(before, ad_layering_horizon(c))) !=
		ad_order_log_first(c, ad_time_sub(known, ad_layering_horizon(c))))
		ad_parts_end(l->o.b->job->id, known);
}

/* One batch of a layering job; whether there may be more to do. */
bool
ad_layering_batch(AdBatch *b)
{
	LayeringBatch *l = palloc0(sizeof(LayeringBatch));
	bool		more;

	ad_batch_formats("UTC");
	ad_event_source(&l->head, b, AD_OWNER_LAYERING, &ad_layering_ordered);
	more = ad_ordered_batch(&l->head.o, b);
	end_partitions(&l->head);
	ad_event_alerts(&l->head);
	ad_event_watermark(&l->head,
					   ad_layering_horizon(&l->head.q->options.layering));
	return more;
}

/* As AdJobKind has it. */
int64
ad_layering_passed(const AdJob *j, const AdJobState *s)
{
	return ad_ordered_passed(&ad_layering_ordered, j, s);
}

/* The same: sequences that start at a place or later are found again. */
int64
ad_layering_rescan(const AdJob *j, AdJobState *s, int64 from)
{
	AdMarketOptions options;

	ad_market_options(j->options, AD_OWNER_LAYERING, &options);
	return ad_ordered_rescan(&ad_layering_ordered, j, s, from,
							 ad_order_log_first(&options.layering, from));
}
