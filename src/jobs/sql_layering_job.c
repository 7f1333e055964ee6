/*-------------------------------------------------------------------------
 *
 * sql_layering_job.c
 *		The kind "layering": sequences of order events become alerts.
 *
 * A batch reads events that it has not read, each once, in the order of time,
 * and only up to a time before which nothing is expected any more: a lag before
 * the clock, once the transactions have ended that held a writer's lock when
 * the clock said so.  So it needs neither to remember rows nor to read them
 * again.  What comes later than that, but after all that was read, is read too;
 * what comes below is counted as late.  The rules go on from the state of each partition (market's
 * order_log.c, sql_layering_parts.c), so that what is found is what one look
 * at each day finds, whenever and however often the job ran.
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
#include "jobs/ad_reading.h"
#include "core/ad_bytes.h"
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

#define MAGIC			0x504c4441	/* "ADLP" */
#define VERSION			1
#define WHAT			"state of a layering job"
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
	AdBatch    *b;
	AdJobSource source;
	AdQueryReader *q;
	AdLayeringPlace place;
	AdLag		lag;
	TupleDesc	desc;			/* of a sequence; NULL: not asked for yet */
	FmgrInfo	to_jsonb;
	Hit		   *hits;
	int			n;
	int			max;
} LayeringBatch;

/* Find out about the source and its columns. */
static void
look_at_source(LayeringBatch *l)
{
	const AdJob *j = l->b->job;
	ArrayType  *partition_by = NULL;

	ad_job_source(j, &l->source);
	if (l->source.watermark_type != TIMESTAMPTZOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("watermark has type %s",
						format_type_be(l->source.watermark_type)),
				 errhint("The column \"ts\" of order events is a timestamptz.")));
	ad_lag_read(j->lag, AD_PLACE_TIMESTAMPTZ, &l->lag);
	l->q = ad_query_reader_create();
	ad_market_options(j->options, AD_OWNER_LAYERING, &l->q->options);
	if (j->partition_by)
	{
		Datum	   *names = ad_palloc_array(Datum, j->npartition_by);

		for (int i = 0; i < j->npartition_by; i++)
			names[i] = CStringGetTextDatum(j->partition_by[i]);
		partition_by = construct_array(names, j->npartition_by, TEXTOID, -1,
									   false, TYPALIGN_INT);
	}
	ad_query_columns(l->q, partition_by, j->order_by, l->source.columns);
}

/* Append what a state depends on: with other options it is none. */
static void
write_options(const LayeringBatch *l, StringInfo w)
{
	const AdLayeringConfig *c = &l->q->options.layering;

	ad_wr_u8(w, (uint8) c->rule);
	ad_wr_u8(w, (uint8) c->trade_rule);
	ad_wr_u8(w, c->causal);
	ad_wr_u32(w, (uint32) c->min_orders);
	ad_wr_u32(w, (uint32) c->min_cancels);
	ad_wr_u64(w, (uint64) c->orders_window);
	ad_wr_u64(w, (uint64) c->cancel_window);
	ad_wr_u64(w, (uint64) c->trade_window);
	ad_wr_u64(w, (uint64) c->forget);
	for (int i = 0; i < l->q->nkeys; i++)
		ad_wr_string(w, l->q->keys[i].name, strlen(l->q->keys[i].name));
	if (l->q->order_by)
		ad_wr_string(w, l->q->order_by, strlen(l->q->order_by));
}

/* The place of a batch as bytes. */
static bytea *
write_place(const LayeringBatch *l)
{
	const AdLayeringPlace *p = &l->place;
	StringInfoData options;
	StringInfoData w;

	initStringInfo(&options);
	write_options(l, &options);
	initStringInfo(&w);
	appendStringInfoSpaces(&w, VARHDRSZ);
	ad_wr_u32(&w, MAGIC);
	ad_wr_u16(&w, VERSION);
	ad_wr_u64(&w, (uint64) p->known);
	ad_wr_u64(&w, (uint64) p->ready);
	ad_wr_u64(&w, (uint64) p->floor);
	ad_wr_u64(&w, (uint64) p->after);
	ad_wr_string(&w, options.data, options.len);
	SET_VARSIZE(w.data, w.len);
	return (bytea *) w.data;
}

/* Read the place of a job; whether it was reached with the options of now. */
static bool
read_place(const bytea *stream, AdLayeringPlace *p, const StringInfo options)
{
	AdReader	r;
	uint16		version;
	Size		len;
	const char *then;

	ad_rd_init(&r, VARDATA(stream), VARSIZE(stream) - VARHDRSZ, WHAT);
	if (ad_rd_u32(&r) != MAGIC)
		ad_rd_corrupt(&r, "it does not begin as one");
	version = ad_rd_u16(&r);
	if (version != VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("state of a layering job has format version %d, this release reads up to %d",
						version, VERSION),
				 errhint("Upgrade the extension.")));
	p->known = (int64) ad_rd_u64(&r);
	p->ready = (int64) ad_rd_u64(&r);
	p->floor = (int64) ad_rd_u64(&r);
	p->after = (int64) ad_rd_u64(&r);
	then = ad_rd_string(&r, AD_MAX_OPTIONS_LENGTH, &len);
	ad_rd_end(&r);
	if (p->after > p->known)
		ad_rd_corrupt(&r, "a time is out of range");
	return options == NULL || (len == (Size) options->len &&
							   memcmp(then, options->data, len) == 0);
}

/*
 * Where the job has come to.  Without a state it begins with the period of its
 * watermark, or of option since, whichever is later.
 */
static void
find_place(LayeringBatch *l)
{
	const AdJob *j = l->b->job;
	AdJobState *s = l->b->state;
	AdLayeringPlace *p = &l->place;
	StringInfoData options;

	initStringInfo(&options);
	write_options(l, &options);
	s->type = pstrdup(ad_place_type_name(AD_PLACE_TIMESTAMPTZ));
	if (s->stream && read_place(s->stream, p, &options))
		return;
	memset(p, 0, sizeof(AdLayeringPlace));
	p->floor = s->has_w ? s->w : AD_PLACE_LEAST;
	if (j->since != NULL)
		p->floor = Max(p->floor, ad_place_since(j->since, AD_PLACE_TIMESTAMPTZ));
	p->known = ad_order_log_first(&l->q->options.layering, p->floor);
	if (p->known > AD_PLACE_LEAST)
		p->known--;
	p->after = p->ready = p->known;
	s->forgotten = 0;
	ad_parts_clear(j->id);
}

/*
 * Find out up to when events may be read.  Who holds a writer's lock now may
 * still add below the mark; the mark is ready when all of these have ended,
 * looked up before the snapshot that is read with.
 */
static void
find_ready(LayeringBatch *l)
{
	AdJobState *s = l->b->state;
	TimestampTz now = GetCurrentTimestamp();
	int64		mark;
	List	   *holders;

	if (l->b->has_until)
		now = Min(now, l->b->until);
	mark = ad_place_shift(now, &l->lag.interval, -1);
	holders = l->source.local ? ad_holders(l->source.tables) : NIL;
	if (s->has_mark && ad_holders_ended(&s->holders, holders))
	{
		l->place.ready = Max(l->place.ready, s->mark);
		s->has_mark = false;
	}
	if (s->has_mark)
		return;
	if (holders == NIL)
	{
		l->place.ready = Max(l->place.ready, mark);
		return;
	}
	s->has_mark = true;
	s->mark = mark;
	s->holders = holders;
	s->marked_at = GetCurrentTimestamp();
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
	MemoryContextSwitchTo(l->b->mcxt);
	l->desc = BlessTupleDesc(CreateTupleDescCopy(source->resultDesc));
	fmgr_info_cxt(F_TO_JSONB, &l->to_jsonb, l->b->mcxt);
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
static void
take_sequence(void *arg, char *const *keys, const AdDecided *d)
{
	LayeringBatch *l = arg;
	MemoryContext old;
	Datum		partition;
	Hit		   *h;
	double		severity = d->s.m.severity;

	if (severity < l->b->job->rule_value)
		return;
	old = MemoryContextSwitchTo(l->b->mcxt);
	if (l->n == l->max)
	{
		int			max = Max(64, l->max * 2);

		l->hits = l->hits ? repalloc_huge(l->hits, ad_mul_size(max, sizeof(Hit))) :
			palloc(max * sizeof(Hit));
		l->max = max;
	}
	h = &l->hits[l->n++];
	memset(h, 0, sizeof(Hit));
	partition = ad_partition_key(l->q->keys, l->q->nkeys, keys);
	h->partition = JsonbToCString(NULL, &DatumGetJsonbP(partition)->root, 0);
	h->decided = l->q->options.layering.rule == AD_RULE_ANCHORED ? d->s.end :
		ad_time_add(d->s.start, ad_layering_horizon(&l->q->options.layering));
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
	ad_job_alert(l->b, hits, l->n);
}

/* Note the rows that are no events. */
static void
note_bad_rows(LayeringBatch *l, AdLayeringReader *r)
{
	AdModelBatch m = {.b = l->b,.run = l->b->sweep};
	ListCell   *cell;

	m.source = l->source;
	foreach(cell, r->bad)
	{
		AdLayeringBad *bad = lfirst(cell);
		AdVersion	v = {bad->name.name, (int) bad->name.len, true, bad->ts};

		ad_bad_row(&m, &v, bad->error->detail ?
				   psprintf("%s. %s", bad->error->message, bad->error->detail) :
				   bad->error->message, bad->error->sqlerrcode);
	}
}

/*
 * Read the events after those that were read, as many as a batch has or a few
 * more, never a part of those at one time.  Moves the place; whether there are
 * more.
 */
static bool
read_events(LayeringBatch *l, AdLayeringReader **reader)
{
	AdLayeringPlace *p = &l->place;
	int			size = l->b->job->batch_size;
	AdLayeringRange range = {.after = p->known,.upto = p->ready,
	.limit = size > 1 ? size : USUAL_BATCH};
	AdLayeringReader *r;
	ErrorData  *error;
	bool		full = false;

	p->complete = p->ready;
	if (p->ready <= p->known)
		r = ad_layering_reader(l->q);
	else if ((r = ad_layering_try(l->q, l->source.sql, &range, &error)) == NULL)
	{
		r = ad_layering_read_carefully(l->b, l->q, &l->source, range.after,
									   &range.upto, range.limit, error);
		r->last = range.upto;
		full = true;
	}
	else if (r->rows >= range.limit && r->first == r->last)
	{
		/* more at one time than a batch has */
		range.upto = r->last;
		range.limit = 0;
		r = ad_layering_reader(l->q);
		ad_layering_read(r, l->source.sql, &range);
		full = true;
	}
	else if (r->rows >= range.limit)
	{
		ad_layering_forget(r);
		full = true;
	}
	*reader = r;
	if (full || r->rows > 0)
		p->known = r->last;
	if (full)
		p->complete = p->known;
	l->b->state->forgotten += r->rows;
	return full;
}

/*
 * Set the watermark: sequences that start before it are decided.  It goes no
 * further than the log, so that events of long ago may still be loaded.
 */
static void
set_watermark(LayeringBatch *l)
{
	AdJobState *s = l->b->state;
	const AdLayeringPlace *p = &l->place;
	int64		decided = ad_time_sub(p->complete,
									  ad_layering_horizon(&l->q->options.layering));

	if (p->known == p->after)
		return;
	s->has_w = s->has_m = true;
	s->w = s->m = Max(Min(decided, p->known) + 1, p->floor);
}

/* One batch of a layering job; whether there may be more to do. */
bool
ad_layering_batch(AdBatch *b)
{
	LayeringBatch *l = palloc0(sizeof(LayeringBatch));
	AdLayeringReader *r;
	int64		before;
	bool		more;

	l->b = b;
	ad_batch_formats("UTC");
	look_at_source(l);
	find_place(l);
	find_ready(l);
	before = l->place.known;
	if (!b->sweep->nulls_looked && !l->source.not_null)
		ad_layering_timeless(b, l->q, &l->source);
	b->sweep->nulls_looked = true;
	more = read_events(l, &r);
	note_bad_rows(l, r);
	ad_parts_advance(b, r, &l->place, take_sequence, l);
	ad_parts_end(b->job->id, &l->q->options.layering, before, l->place.known);
	b->rows = r->rows - list_length(r->bad);
	raise_alerts(l);
	set_watermark(l);
	b->state->stream = write_place(l);
	return more;
}

/*
 * How many rows the source has up to the last event that was read, since where
 * the job began; those that were not read came too late.  Within SPI.
 */
int64
ad_layering_passed(const AdJob *j, const AdJobState *s)
{
	AdLayeringPlace p;
	AdJobSource source;
	int64		there;

	if (s->stream == NULL)
		return 0;
	(void) read_place(s->stream, &p, NULL);
	ad_job_source(j, &source);
	PushActiveSnapshot(GetTransactionSnapshot());
	there = ad_source_rows(j, &source, p.after + 1, p.known + 1, false);
	PopActiveSnapshot();
	return there;
}

/*
 * Let a job find the sequences that start at a place or later again: those
 * that have an alert get no other.  Returns how many rows are read again.
 * Within SPI.
 */
int64
ad_layering_rescan(const AdJob *j, AdJobState *s, int64 from)
{
	AdMarketOptions options;
	AdLayeringPlace p;
	AdJobSource source;
	int64		again;

	if (s->stream == NULL)
		return 0;
	(void) read_place(s->stream, &p, NULL);
	if (from > p.known)
		return 0;
	ad_market_options(j->options, AD_OWNER_LAYERING, &options);
	ad_job_source(j, &source);
	PushActiveSnapshot(GetTransactionSnapshot());
	again = ad_source_rows(j, &source,
						   ad_order_log_first(&options.layering, from),
						   p.known + 1, false);
	PopActiveSnapshot();
	s->stream = NULL;
	s->has_w = true;
	s->w = from;
	return again;
}
