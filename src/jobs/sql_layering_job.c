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
 * at their trade, of the others when their windows have closed.  Cooldown and
 * limit see that order, however the log was cut.
 *
 * Without a state, as of a job of an older release, of one whose options have
 * changed or that is told to look again, the day is read from its beginning,
 * and sequences that start before the watermark are not told again.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_layering_job.h"
#include "operate/ad_own.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "nodes/makefuncs.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#define USUAL_BATCH		100000	/* rows, where a job of 0.2.0 says 1 */

/* A sequence that becomes an alert, and where it stands among others. */
typedef struct Hit
{
	AdHit		hit;
	int64		decided;
	char	   *partition;
} Hit;

typedef struct LayeringBatch
{
	AdLayering	head;			/* must be first */
	TupleDesc	desc;			/* of a sequence; NULL: not asked for yet */
	FmgrInfo	to_jsonb;
	Hit		   *hits;
	int			n;
	int			max;
} LayeringBatch;

/* Find out about the source and its columns. */
static void
look_at_source(LayeringBatch *l, AdBatch *b)
{
	const AdJob *j = b->job;
	AdOrdered  *o = &l->head.o;
	AdQueryReader *q = ad_query_reader_create();
	char	   *order_by[] = {j->order_by, NULL};

	o->kind = &ad_layering_ordered;
	ad_job_source(j, &o->source);
	if (o->source.watermark_type != TIMESTAMPTZOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("watermark has type %s",
						format_type_be(o->source.watermark_type)),
				 errhint("The column \"ts\" of order events is a timestamptz.")));
	ad_lag_read(j->lag, AD_PLACE_TIMESTAMPTZ, &o->lag);
	l->head.q = q;
	l->head.arena.mcxt = CurrentMemoryContext;
	ad_market_options(j->options, AD_OWNER_LAYERING, &q->options);
	ad_query_columns(q, NULL, j->partition_by, j->order_by ? order_by : NULL,
					 o->source.columns);
	o->limit = j->batch_size > 1 ? j->batch_size : USUAL_BATCH;
	o->nkeys = q->nkeys;
	if (q->has_id)
	{
		o->sort = psprintf("q.%s", quote_identifier(q->order_by));
		o->id_text = psprintf("q.%s::pg_catalog.text", quote_identifier(q->order_by));
	}
}

/* What a row of ad_layering_sequences() looks like. */
static void
describe_sequence(LayeringBatch *l)
{
	MemoryContext mcxt = CurrentMemoryContext;
	SPIPlanPtr	plan = SPI_prepare(psprintf("SELECT * FROM %s._ad_layering_sequences(NULL, NULL, NULL, NULL, NULL)",
											ad_internal_schema()),
								   0, NULL);
	CachedPlanSource *source;
	Node	   *argument;

	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s",
			 SPI_result_code_string(SPI_result));
	source = linitial(SPI_plan_get_plan_sources(plan));
	MemoryContextSwitchTo(l->head.o.b->mcxt);
	l->desc = BlessTupleDesc(CreateTupleDescCopy(source->resultDesc));
	fmgr_info_cxt(F_TO_JSONB, &l->to_jsonb, l->head.o.b->mcxt);
	argument = (Node *) makeNullConst(RECORDOID, -1, InvalidOid);
	fmgr_info_set_expr((Node *) makeFuncExpr(F_TO_JSONB, JSONBOID,
											 list_make1(argument), InvalidOid,
											 InvalidOid, COERCE_EXPLICIT_CALL),
					   &l->to_jsonb);
	MemoryContextSwitchTo(mcxt);
	SPI_freeplan(plan);
	if (l->desc->natts != AD_FRONT_COLUMNS + AD_SEQUENCE_COLUMNS)
		elog(ERROR, "ad_layering_sequences has other columns");
}

/* A name of a row as text; NULL if there is none. */
static char *
name_copy(const AdRowName *name)
{
	return name->name ? pnstrdup(name->name, name->len) : NULL;
}

static void
set_text(Datum *values, bool *nulls, int i, const char *s)
{
	nulls[i] = s == NULL;
	values[i] = s ? CStringGetTextDatum(s) : (Datum) 0;
}

/* A sequence as the row that ad_layering_sequences() would give, in jsonb. */
static Jsonb *
sequence_row(LayeringBatch *l, char *const *keys, Datum partition,
			 const AdDecided *d)
{
	Datum		values[AD_FRONT_COLUMNS + AD_SEQUENCE_COLUMNS];
	bool		nulls[AD_FRONT_COLUMNS + AD_SEQUENCE_COLUMNS];
	HeapTuple	row;

	if (l->desc == NULL)
		describe_sequence(l);
	memset(nulls, 0, sizeof(nulls));
	set_text(values, nulls, AD_FRONT_ACCOUNT, keys[0]);
	set_text(values, nulls, AD_FRONT_PRODUCT, keys[1]);
	values[AD_FRONT_PARTITION_KEY] = partition;
	set_text(values, nulls, AD_FRONT_FIRST_ID, name_copy(&d->first));
	set_text(values, nulls, AD_FRONT_TRADE_ID, name_copy(&d->trade));
	ad_sequence_values(&d->s, d->number, d->skipped, values + AD_FRONT_COLUMNS,
					   nulls + AD_FRONT_COLUMNS);
	row = heap_form_tuple(l->desc, values, nulls);
	return DatumGetJsonbP(FunctionCall1(&l->to_jsonb,
										HeapTupleGetDatum(row)));
}

/* Take a sequence that is decided, if it is severe enough. */
void
ad_layering_decided(AdLayering *head, char *const *keys, const AdDecided *d)
{
	LayeringBatch *l = (LayeringBatch *) head;
	const AdQueryReader *q = head->q;
	MemoryContext old;
	Datum		partition;
	Hit		   *h;
	double		severity = d->s.m.severity;

	if (severity < l->head.o.b->job->rule_value)
		return;
	old = MemoryContextSwitchTo(l->head.o.b->mcxt);
	if (l->n == l->max)
	{
		int			max = Max(64, l->max * 2);

		l->hits = l->hits ? repalloc_huge(l->hits, ad_mul_size(max, sizeof(Hit))) :
			palloc(max * sizeof(Hit));
		l->max = max;
	}
	h = &l->hits[l->n++];
	memset(h, 0, sizeof(Hit));
	partition = ad_partition_key(q->keys, q->nkeys, keys);
	h->partition = JsonbToCString(NULL, &DatumGetJsonbP(partition)->root, 0);
	h->decided = q->options.layering.rule == AD_RULE_ANCHORED ? d->s.end :
		ad_time_add(d->s.start, ad_layering_horizon(&q->options.layering));
	h->hit.watermark = ad_place_text(d->s.start, AD_PLACE_TIMESTAMPTZ);
	h->hit.key = name_copy(&d->first);
	if (h->hit.key == NULL)
		h->hit.key = psprintf("%s %s %s", h->partition,
							  ad_side_word(d->s.side),
							  timestamptz_to_str(d->s.start));
	h->hit.place = d->s.start;
	h->hit.entity = keys[0] ? pstrdup(keys[0]) : NULL;
	h->hit.has_event_at = true;
	h->hit.event_at = d->s.start;
	h->hit.score = severity;
	h->hit.p_value = NAN;
	h->hit.row = sequence_row(l, keys, partition, d);
	MemoryContextSwitchTo(old);
}

/* By when they were decided, then so that the order is always the same. */
static int
compare_hits(const void *a, const void *b)
{
	const Hit  *x = a;
	const Hit  *y = b;
	int			c;

	if (x->decided != y->decided)
		return x->decided < y->decided ? -1 : 1;
	if (x->hit.place != y->hit.place)
		return x->hit.place < y->hit.place ? -1 : 1;
	c = strcmp(x->hit.key, y->hit.key);
	return c != 0 ? c : strcmp(x->partition, y->partition);
}

/* Write the alerts of a batch. */
static void
raise_alerts(LayeringBatch *l)
{
	AdHit	   *hits = ad_palloc_array(AdHit, Max(l->n, 1));

	if (l->n > 1)
		qsort(l->hits, l->n, sizeof(Hit), compare_hits);
	for (int i = 0; i < l->n; i++)
		hits[i] = l->hits[i].hit;
	ad_job_alert(l->head.o.b, hits, l->n);
}

/*
 * Set the watermark: sequences that start before it are decided.  It goes no
 * further than the log, so that events of long ago may still be loaded.
 */
static void
set_watermark(const AdLayering *l)
{
	AdJobState *s = l->o.b->state;
	const AdOrderedPlace *p = &l->o.place;
	int64		decided = ad_time_sub(p->complete,
									  ad_layering_horizon(&l->q->options.layering));

	if (p->known == p->after)
		return;
	s->has_w = s->has_m = true;
	s->w = s->m = Max(Min(decided, p->known) + 1, p->floor);
}

/*
 * Forget the partitions of whose scans all are over, if there may be any since
 * the batch before.
 */
static void
end_partitions(const AdLayering *l)
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
	look_at_source(l, b);
	more = ad_ordered_batch(&l->head.o, b);
	end_partitions(&l->head);
	raise_alerts(l);
	set_watermark(&l->head);
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
