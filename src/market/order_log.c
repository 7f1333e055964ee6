/*-------------------------------------------------------------------------
 *
 * order_log.c
 *		The layering rules over an order log that is read piece by piece.
 *
 * Where a scan begins can decide what it finds, so it must not depend on
 * when the log was read.  The log is cut into periods, of a UTC day each;
 * where the windows together (the horizon) are longer than a day, of as many
 * days as they are.  A period has a scan of its own, from one horizon before
 * it to one horizon after it, and has the sequences that start in it.
 *
 * Events come in their order, each once.  ad_order_log_settle() says up to
 * which time none will come any more, and gives out the sequences that this
 * decides: of rule anchored those whose trade is there, of the others those
 * whose first order is a horizon old, for no later event can change them.
 * However the log was cut into pieces, what is found, its metrics and its
 * numbers are those of one look at the whole scan (test/t/market_order_log.pl).
 *
 * That time may be wrong, where a log of long ago is loaded bit by bit.  So
 * what is forgotten is decided by the events that were read, and not by it:
 * events that come in spite of it still meet all that they may belong to, but
 * for the sequences that were given out.
 *
 * Between two pieces a scan holds the events of the last horizon, with what the
 * order book made of them, what its rule has used up, and the open orders.
 * The book and the anchored rule are built again from this for each piece.  So
 * there is one form of the state, in memory as in bytes.
 *
 * The rows at one time come in one piece: duplicates are known by that.
 *
 *-------------------------------------------------------------------------
 */
#include "market/ad_order_log.h"

#define DAY				INT64CONST(86400000000)

/* The length of a period. */
int64
ad_order_log_period(const AdLayeringConfig *c)
{
	return Max((ad_layering_horizon(c) + DAY - 1) / DAY, 1) * DAY;
}

static int64
floor_div(int64 a, int64 b)
{
	return a / b - (a % b < 0);
}

/*
 * The first time that is read where sequences are wanted from floor on: a
 * horizon before floor's period.
 */
int64
ad_order_log_first(const AdLayeringConfig *c, int64 floor)
{
	int64		period = ad_order_log_period(c);

	if (floor == PG_INT64_MIN)
		return floor;
	return ad_time_sub(floor_div(floor, period) * period,
					   ad_layering_horizon(c));
}

/* An empty log; lives in mcxt. */
AdOrderLog *
ad_order_log_create(MemoryContext mcxt, const AdLayeringConfig *c,
					int64 floor)
{
	AdOrderLog *log = MemoryContextAllocZero(mcxt, sizeof(AdOrderLog));

	log->mcxt = mcxt;
	log->c = *c;
	log->horizon = ad_layering_horizon(c);
	log->period = ad_order_log_period(c);
	log->floor = floor;
	ad_dedup_init(&log->dedup, mcxt, c->seed, false);
	return log;
}

/* The last time that belongs to a scan. */
static int64
scan_end(const AdOrderLog *log, const AdScan *scan)
{
	return ad_time_add(scan->start, log->period + log->horizon);
}

/* Give out a sequence that a scan found, unless it is another one's. */
static void
give_out(AdOrderLog *log, AdScan *scan, const AdSequence *s)
{
	AdTape		tape = {scan->events, PG_UINT32_MAX, 0, scan->n};
	uint32		last = ad_tape_first_after(&tape, s->end, s->trade) - 1;
	AdDecided  *d;

	if (!ad_sequence_reported(s, &log->c))
		return;
	scan->given++;
	if (s->start < scan->start || s->start >= scan->start + log->period ||
		s->start < log->floor)
		return;
	if (log->ndecided == log->max_decided)
	{
		Size		n = Max(log->max_decided, 4) * (Size) 2;

		if (log->decided)
			log->decided = repalloc_huge(log->decided,
										 ad_mul_size(n, sizeof(AdDecided)));
		else
			log->decided = MemoryContextAlloc(log->mcxt,
											  n * sizeof(AdDecided));
		log->max_decided = (uint32) n;
	}
	d = &log->decided[log->ndecided++];
	d->s = *s;
	d->number = scan->given;
	d->skipped = scan->names[last].skipped;
	d->first = scan->names[s->first];
	d->trade = scan->names[s->trade];
}

/*
 * Keep of a scan the events from a position on, looked at up to another, and
 * the open orders.
 */
static void
keep_from(AdOrderLog *log, AdScan *scan, uint32 from, uint32 looked,
		  const AdBook *b)
{
	StringInfoData book;
	MemoryContext old = MemoryContextSwitchTo(log->mcxt);

	initStringInfo(&book);
	ad_book_write(b, from, &book);
	scan->book = (const uint8 *) book.data;
	scan->book_len = book.len;
	scan->clock = b->clock;
	MemoryContextSwitchTo(old);

	for (uint32 pos = from; pos < looked; pos++)
	{
		AdEvent    *e = &scan->events[pos];

		AD_CHECK_EVERY_1024(pos);
		if ((e->flags & AD_EVENT_MATCHED) && e->link >= from)
			e->link -= from;
		else
		{
			e->flags &= ~AD_EVENT_MATCHED;
			e->link = AD_NO_POSITION;
		}
	}
	scan->n -= from;
	scan->held = looked - from;
	scan->before += from;
	memmove(scan->events, scan->events + from, scan->n * sizeof(AdEvent));
	memmove(scan->names, scan->names + from, scan->n * sizeof(AdRowName));
	for (int s = 0; s < 2; s++)
		scan->cursor[s] -= Min(scan->cursor[s], from);
}

/*
 * Rules window and strict: decide what starts a horizon before complete or
 * earlier.  Returns when the next decision may be due.
 */
static int64
settle_lists(AdOrderLog *log, AdScan *scan, int64 known, int64 complete,
			 AdSequences *out)
{
	AdTape		tape = {scan->events, PG_UINT32_MAX, 0, scan->n};
	int64		closed = ad_time_sub(complete, log->horizon);
	int64		last = scan->start + log->period;
	AdStretch	stretch = {.limit = Min(closed, last),
		.cursor = {scan->cursor[0], scan->cursor[1]},.before = scan->before,
	.spent = scan->spent};
	AdSequences next = {.mcxt = CurrentMemoryContext};
	AdBook		b;
	uint32		from;

	ad_book_init(&b, CurrentMemoryContext, log->c.seed, false, log->c.forget,
				 log->c.max_events);
	ad_book_read(&b, scan->book, scan->book_len, scan->events, scan->held,
				 scan->n, scan->clock);
	for (uint32 pos = scan->held; pos < scan->n; pos++)
	{
		AD_CHECK_EVERY_1024(pos);
		(void) ad_book_feed(&b, &tape, pos);
	}
	ad_layering_find_stretch(&tape, &log->c, &stretch, out);
	for (uint32 i = 0; i < out->n; i++)
		give_out(log, scan, &out->items[i]);
	scan->spent = stretch.spent;
	scan->cursor[0] = stretch.cursor[0];
	scan->cursor[1] = stretch.cursor[1];

	/* what would be found if nothing came any more */
	stretch.limit = last;
	stretch.only_look = true;
	if (closed < last)
		ad_layering_find_stretch(&tape, &log->c, &stretch, &next);

	from = ad_tape_first_after(&tape, ad_time_sub(known, log->horizon), 0);
	keep_from(log, scan, from, scan->n, &b);
	return next.n > 0 ? ad_time_add(next.items[0].start, log->horizon) :
		PG_INT64_MAX;
}

/* Rule anchored: look at the events up to a time. */
static void
settle_anchored(AdOrderLog *log, AdScan *scan, int64 known,
				AdSequences *out)
{
	AdTape		events = {scan->events, PG_UINT32_MAX, 0, scan->n};
	uint32		to = ad_tape_first_after(&events, known, scan->n);
	AdAnchored *a = ad_anchored_attach(CurrentMemoryContext, &log->c,
									   scan->events, scan->n, scan->held);
	const AdTape *tape = ad_anchored_tape(a);
	AdBook	   *b = ad_anchored_book(a);
	AdCredit   *credit = ad_anchored_credit(a);
	AdCredit	earned = AD_CREDIT_START +
		((AdCredit) scan->before + scan->held) * AD_CREDIT_PER_EVENT;

	ad_book_read(b, scan->book, scan->book_len, scan->events, scan->held,
				 scan->n, scan->clock);
	*credit = earned - scan->spent;
	ad_layering_feed(a, to, &log->c, out);
	for (uint32 i = 0; i < out->n; i++)
		give_out(log, scan, &out->items[i]);
	scan->spent = earned - *credit +
		(AdCredit) (to - scan->held) * AD_CREDIT_PER_EVENT;
	for (uint32 pos = tape->head; pos < tape->end; pos++)
		if (scan->events[pos].kind == AD_EVENT_ORDER &&
			ad_anchored_used(a, pos))
			scan->events[pos].flags |= AD_EVENT_USED;
	keep_from(log, scan, tape->head, to, b);
}

/*
 * Give out what is decided of a scan if no event comes up to a time, complete,
 * of which those up to another are known.  Returns when the next decision may
 * be due.
 */
static int64
settle_scan(AdOrderLog *log, AdScan *scan, int64 known, int64 complete)
{
	MemoryContext scratch = AllocSetContextCreate(log->mcxt,
												  "anomaly order log",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	AdSequences out = {.mcxt = log->mcxt};
	int64		due = PG_INT64_MAX;

	if (log->c.rule == AD_RULE_ANCHORED)
		settle_anchored(log, scan, known, &out);
	else
		due = settle_lists(log, scan, known, complete, &out);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	return due;
}

/* Forget a scan that is at its end. */
static void
drop_scan(AdOrderLog *log, int i)
{
	if (log->scans[i].events)
	{
		pfree(log->scans[i].events);
		pfree(log->scans[i].names);
	}
	memmove(&log->scans[i], &log->scans[i + 1],
			(log->nscans - i - 1) * sizeof(AdScan));
	log->nscans--;
}

/* Make room for another event of a scan at a time. */
static void
make_room(AdOrderLog *log, AdScan *scan, int64 ts)
{
	uint32		limit = log->c.max_events;
	Size		capacity = Max(32, (Size) scan->capacity * 2);

	if (scan->n >= limit)
	{
		(void) settle_scan(log, scan, ts - 1, ts - 1);
		if (scan->n >= limit)
			ereport(ERROR,
					(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
					 errmsg("the windows hold more than %u events of a partition",
							limit),
					 errhint("Raise option \"max_partition_rows\", or make the windows shorter.")));
	}
	if (scan->n < scan->capacity)
		return;
	if (scan->events)
	{
		scan->events = repalloc_huge(scan->events,
									 ad_mul_size(capacity, sizeof(AdEvent)));
		scan->names = repalloc_huge(scan->names,
									ad_mul_size(capacity, sizeof(AdRowName)));
	}
	else
	{
		scan->events = MemoryContextAlloc(log->mcxt,
										  capacity * sizeof(AdEvent));
		scan->names = MemoryContextAlloc(log->mcxt,
										 capacity * sizeof(AdRowName));
	}
	scan->capacity = (uint32) capacity;
}

/*
 * Make the scans of a log those that a row at a time belongs to: close what
 * is over, begin what is missing.
 */
static void
scans_at(AdOrderLog *log, int64 ts)
{
	int64		period = log->period;
	int64		first = -floor_div(-(ts - log->horizon - period), period);
	int64		last = floor_div(ts + log->horizon, period);
	AdScan	   *newest;

	while (log->nscans > 0 && scan_end(log, &log->scans[0]) < ts)
	{
		(void) settle_scan(log, &log->scans[0], ts - 1, ts - 1);
		drop_scan(log, 0);
	}
	for (int64 k = first; k <= last; k++)
	{
		newest = log->nscans > 0 ? &log->scans[log->nscans - 1] : NULL;
		if ((k + 1) * period <= log->floor ||
			(newest && newest->start >= k * period))
			continue;
		if (log->nscans == AD_MAX_SCANS)
			elog(ERROR, "too many scans of an order log");
		newest = &log->scans[log->nscans++];
		memset(newest, 0, sizeof(AdScan));
		newest->start = k * period;
	}
}

/* Count another row of a scan. */
static uint32
count_row(AdScan *scan)
{
	if (scan->rows >= AD_MAX_POSITIONS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a partition can have at most %u rows",
						AD_MAX_POSITIONS)));
	return scan->rows++;
}

/* Put an event into a scan. */
static void
add_event(AdOrderLog *log, AdScan *scan, const AdEvent *event, uint32 row,
		  const AdRowName *name)
{
	AdEvent    *e;

	make_room(log, scan, event->ts);
	if (scan->n > 0 && scan->events[scan->n - 1].ts > event->ts)
		ad_tape_unordered(row);
	e = &scan->events[scan->n];
	*e = *event;
	e->row = row;
	e->flags &= AD_EVENT_NO_QTY;
	scan->names[scan->n] = *name;
	scan->names[scan->n++].skipped = scan->skipped;
}

/*
 * Take the next row, an event, and its id.  Both point to what must live as
 * long as the log.  Times must not decrease.
 */
void
ad_order_log_add(AdOrderLog *log, const AdEvent *event,
				 const AdRowName *name)
{
	AdEvent		halves[2];

	if (log->c.dedup && ad_dedup_seen(&log->dedup, event))
	{
		ad_order_log_skip(log, event->ts, false);
		return;
	}
	scans_at(log, event->ts);
	for (int i = 0; i < log->nscans; i++)
	{
		AdScan	   *scan = &log->scans[i];
		uint32		row = count_row(scan);

		if (event->kind == AD_EVENT_REPLACE && !log->c.amend)
		{
			ad_row_halves(event, halves);
			add_event(log, scan, &halves[0], row, name);
			add_event(log, scan, &halves[1], row, name);
		}
		else
			add_event(log, scan, event, row, name);
	}
}

/* Pass over a row that is to be ignored, or is bad: no event. */
void
ad_order_log_skip(AdOrderLog *log, int64 ts, bool bad)
{
	scans_at(log, ts);
	for (int i = 0; i < log->nscans; i++)
	{
		(void) count_row(&log->scans[i]);
		log->scans[i].skipped += bad;
	}
}

/*
 * No event up to a time, complete, will come any more, of which those up to
 * another, known, were added or belong to other logs: add what that decides to
 * log->decided.  A log without scans is as good as a new one.
 */
void
ad_order_log_settle(AdOrderLog *log, int64 known, int64 complete)
{
	int			i = 0;

	log->due = log->ends = PG_INT64_MAX;
	while (i < log->nscans)
	{
		AdScan	   *scan = &log->scans[i];
		int64		due = settle_scan(log, scan, known, complete);

		if (known >= scan_end(log, scan))
			drop_scan(log, i);
		else
		{
			log->due = Min(log->due, due);
			log->ends = scan_end(log, scan);
			i++;
		}
	}
}
