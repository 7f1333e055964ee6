/*-------------------------------------------------------------------------
 *
 * anchored.c
 *		The causal layering rule, fed one event at a time.
 *
 * At a trade y of one side, Z holds the placements of the other side whose
 * cancel came in time and before y and which no sequence has used; Z' is
 * what of Z was placed within orders_window of its newest.  The rule fires
 * if Z' is large enough and its latest cancel is at most
 * opposite_trade_window before y; Z' is then used.
 *
 * The state is a ring of the events of the last orders_window +
 * cancel_window + opposite_trade_window: nothing older can be in a sequence
 * that still may fire, for its cancel is at most cancel_window after its
 * placement, Z' reaches at most orders_window back from one whose cancel is
 * recent.  Beside it there are the open orders (book.c), which option
 * forget_after bounds.  Where the events are an array already, that is the
 * ring, and nothing is copied.
 *
 *-------------------------------------------------------------------------
 */
#include "market/ad_book.h"
#include "market/ad_kept.h"
#include "market/ad_layering.h"

#define FIRST_RING	256

typedef struct TradeSum			/* trades of one side, for sums */
{
	int64		ts;
	AdQuantity	before;			/* quantity of all earlier trades */
} TradeSum;

typedef struct TradeRing
{
	TradeSum   *items;
	uint32		capacity;		/* a power of two */
	uint32		head;
	uint32		end;
	AdQuantity	total;
} TradeRing;

struct AdAnchored
{
	MemoryContext mcxt;
	AdLayeringConfig c;
	AdTape		tape;			/* a ring of tape.mask + 1 slots, or an array */
	AdBook		book;
	AdKept		kept[2];		/* by the placements' side */
	int64		last_kept[2];	/* latest cancel that kept a placement */
	TradeRing	trades[2];		/* by the trades' side */
	int64		horizon;
	AdScratch	scratch;
	AdCredit	credit;
};

/* A rule without events, for a ring or an array of a capacity. */
static AdAnchored *
create(MemoryContext mcxt, const AdLayeringConfig *c, uint32 capacity,
	   bool owns_ids)
{
	AdAnchored *a = MemoryContextAllocZero(mcxt, sizeof(AdAnchored));

	a->mcxt = mcxt;
	a->c = *c;
	a->horizon = ad_layering_horizon(c);
	ad_book_init(&a->book, mcxt, c->seed, owns_ids, c->forget, c->max_events);
	for (int s = 0; s < 2; s++)
	{
		ad_kept_reset(&a->kept[s], mcxt, capacity);
		a->last_kept[s] = PG_INT64_MIN;
		a->trades[s].capacity = 64;
		a->trades[s].items = MemoryContextAlloc(mcxt, 64 * sizeof(TradeSum));
	}
	a->scratch.mcxt = mcxt;
	a->credit = AD_CREDIT_START;
	return a;
}

/* A rule without events, to be fed; lives in mcxt. */
AdAnchored *
ad_anchored_create(MemoryContext mcxt, const AdLayeringConfig *c)
{
	AdAnchored *a = create(mcxt, c, FIRST_RING, true);

	a->tape.events = MemoryContextAlloc(mcxt, FIRST_RING * sizeof(AdEvent));
	a->tape.mask = FIRST_RING - 1;
	return a;
}

/* Drop the events that nothing can refer to any more. */
static void
expire(AdAnchored *a, int64 now)
{
	AdTape	   *t = &a->tape;
	int64		oldest = ad_time_sub(now, a->horizon);

	while (t->head < t->end && AD_AT(t, t->head)->ts < oldest)
	{
		AdEvent    *e = AD_AT(t, t->head);

		if (e->kind == AD_EVENT_ORDER)
			ad_kept_remove_front(&a->kept[e->side], t->head);
		t->head++;
	}
	for (int s = 0; s < 2; s++)
	{
		TradeRing  *r = &a->trades[s];

		while (r->head < r->end &&
			   r->items[r->head & (r->capacity - 1)].ts < oldest)
			r->head++;
	}
}

/* Double the ring, and lay out the kept sets anew. */
static void
grow(AdAnchored *a)
{
	AdTape	   *t = &a->tape;
	AdTape		old = *t;
	Size		capacity = ((Size) t->mask + 1) * 2;
	AdKept		kept[2];

	if (capacity > (Size) a->c.max_events * 2)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("the windows hold more than %u events of a partition",
						a->c.max_events),
				 errhint("Raise option \"max_partition_rows\", or make the windows shorter.")));
	CHECK_FOR_INTERRUPTS();
	t->events = MemoryContextAllocHuge(a->mcxt,
									   ad_mul_size(capacity, sizeof(AdEvent)));
	t->mask = (uint32) (capacity - 1);
	for (uint32 pos = t->head; pos < t->end; pos++)
		*AD_AT(t, pos) = *AD_AT(&old, pos);
	memcpy(kept, a->kept, sizeof(kept));
	for (int s = 0; s < 2; s++)
	{
		memset(&a->kept[s], 0, sizeof(AdKept));
		ad_kept_reset(&a->kept[s], a->mcxt, (uint32) capacity);
	}

	/* cancels in order: their placements enter as they did at first */
	for (uint32 pos = t->head; pos < t->end; pos++)
	{
		AdEvent    *e = AD_AT(t, pos);

		if (e->kind == AD_EVENT_CANCEL && (e->flags & AD_EVENT_MATCHED) &&
			e->link >= t->head)
		{
			uint8		side = AD_AT(t, e->link)->side;

			if (ad_kept_has(&kept[side], e->link))
				ad_kept_insert(&a->kept[side], e->link, e->ts);
		}
	}
	pfree(old.events);
	for (int s = 0; s < 2; s++)
	{
		pfree(kept[s].bits);
		for (int l = 0; l < kept[s].nlevels; l++)
		{
			pfree(kept[s].count[l]);
			pfree(kept[s].newest[l]);
		}
	}
}

/* Add a trade to its side's sums. */
static void
add_trade(AdAnchored *a, const AdEvent *e)
{
	TradeRing  *r = &a->trades[e->side];
	TradeSum   *item;

	if (r->end - r->head == r->capacity)
	{
		TradeSum   *items;
		Size		capacity = (Size) r->capacity * 2;

		items = MemoryContextAllocHuge(a->mcxt,
									   ad_mul_size(capacity, sizeof(TradeSum)));
		for (uint32 i = r->head; i < r->end; i++)
			items[i & (capacity - 1)] = r->items[i & (r->capacity - 1)];
		pfree(r->items);
		r->items = items;
		r->capacity = (uint32) capacity;
	}
	item = &r->items[r->end++ & (r->capacity - 1)];
	item->ts = e->ts;
	item->before = r->total;
	r->total = ad_quantity_add(r->total, ad_event_units(e));
}

/* Quantity of the trades of a side since a time. */
static AdQuantity
traded_since(const TradeRing *r, int64 ts)
{
	uint32		lo = r->head;
	uint32		hi = r->end;
	uint32		step = 1;

	/* it is near the end as a rule */
	while (hi - lo > step &&
		   r->items[(hi - step) & (r->capacity - 1)].ts >= ts)
	{
		hi -= step;
		step *= 2;
	}
	if (hi - lo > step)
		lo = hi - step + 1;
	while (lo < hi)
	{
		uint32		mid = lo + (hi - lo) / 2;

		if (r->items[mid & (r->capacity - 1)].ts < ts)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == r->end)
		return 0;
	return r->total - r->items[lo & (r->capacity - 1)].before;
}

/* Evaluate the rule at the newest event, a trade. */
static bool
evaluate(AdAnchored *a, AdSequence *out, AdSequences *members, uint32 seq)
{
	AdTape	   *t = &a->tape;
	uint32		y = t->end - 1;
	AdEvent    *e = AD_AT(t, y);
	uint8		side = e->side == AD_BUY ? AD_SELL : AD_BUY;
	AdKept	   *k = &a->kept[side];
	int64		newest;
	uint32		lo;
	uint32		n;
	uint32		i = 0;

	if (k->total < (uint32) a->c.min_orders ||
		ad_time_add(a->last_kept[side], a->c.trade_window) < e->ts)
		return false;
	lo = ad_tape_first_at(t, ad_time_sub(AD_AT(t, k->top)->ts,
										 a->c.orders_window), k->top);
	lo = Max(lo, k->bottom);
	n = ad_kept_count(k, t, lo, &newest);
	if (n < (uint32) a->c.min_orders ||
		ad_time_add(newest, a->c.trade_window) < e->ts)
		return false;

	memset(out, 0, sizeof(AdSequence));
	out->order_times = ad_palloc_array(int64, n);
	for (uint32 pos = ad_kept_next(k, lo); pos != AD_NO_POSITION;
		 pos = ad_kept_next(k, pos + 1))
	{
		const AdEvent *p = AD_AT(t, pos);

		if (i == 0)
		{
			out->first = pos;
			out->first_row = p->row;
			out->start = p->ts;
		}
		out->order_times[i++] = p->ts;
		out->cancel_qty = ad_quantity_add(out->cancel_qty, p->part);
		if (members)
		{
			ad_sequences_member(members, pos, seq);
			ad_sequences_member(members, p->link, seq);
		}
		ad_kept_remove(k, pos);
	}
	ad_kept_settle(k, t, lo);
	out->norders = out->ncancels = n;
	out->side = side;
	out->end = out->trade_time = e->ts;
	out->trade = y;
	out->trade_row = e->row;
	out->found = AD_FOUND_ANCHORED;
	out->opp_qty = traded_since(&a->trades[e->side], out->start);
	if (members)
		for (uint32 pos = ad_tape_first_at(t, out->start, out->first);
			 pos <= y; pos++)
			if (AD_AT(t, pos)->kind == AD_EVENT_TRADE &&
				AD_AT(t, pos)->side == e->side)
				ad_sequences_member(members, pos, seq);
	return true;
}

/* Keep the placement that the newest event, a cancel, is of if it came in time. */
static void
keep(AdAnchored *a, uint32 placed, const AdEvent *e)
{
	const AdEvent *p = AD_AT(&a->tape, placed);

	if (e->ts > ad_time_add(p->ts, a->c.cancel_window))
		return;
	ad_kept_insert(&a->kept[p->side], placed, e->ts);
	a->last_kept[p->side] = e->ts;
}

/*
 * A rule over an array of events, of which the first ones were looked at
 * before: their flags and links are set, their orders are to be restored in
 * the book.  ad_anchored_next() takes the others.
 */
AdAnchored *
ad_anchored_attach(MemoryContext mcxt, const AdLayeringConfig *c,
				   AdEvent *events, uint32 n, uint32 held)
{
	Size		capacity = FIRST_RING;
	AdAnchored *a;

	while (capacity < n)
		capacity *= 2;
	if (capacity > (Size) 1 << 31)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a partition can have at most %u events",
						(uint32) 1 << 31)));
	a = create(mcxt, c, (uint32) capacity, false);
	a->tape.events = events;
	a->tape.mask = PG_UINT32_MAX;
	for (uint32 pos = 0; pos < held; pos++)
	{
		const AdEvent *e = &events[pos];

		AD_CHECK_EVERY_1024(pos);
		a->tape.end++;
		if (e->kind == AD_EVENT_TRADE)
			add_trade(a, e);
		else if (e->kind == AD_EVENT_CANCEL && (e->flags & AD_EVENT_MATCHED) &&
				 !(events[e->link].flags & AD_EVENT_USED))
			keep(a, e->link, e);
	}
	return a;
}

/* The events that are held. */
const AdTape *
ad_anchored_tape(const AdAnchored *a)
{
	return &a->tape;
}

/* The open orders. */
AdBook *
ad_anchored_book(AdAnchored *a)
{
	return &a->book;
}

/* What measuring may still read. */
AdCredit *
ad_anchored_credit(AdAnchored *a)
{
	return &a->credit;
}

/* Whether a sequence has used a placement that is held. */
bool
ad_anchored_used(const AdAnchored *a, uint32 pos)
{
	const AdTape *t = &a->tape;
	const AdEvent *e = AD_AT(t, pos);

	return (e->flags & AD_EVENT_MATCHED) &&
		AD_AT(t, e->link)->ts <= ad_time_add(e->ts, a->c.cancel_window) &&
		!ad_kept_has(&a->kept[e->side], pos);
}

/* Take the newest event.  True if it completes a sequence. */
static bool
take(AdAnchored *a, AdSequence *out, AdSequences *members, uint32 seq)
{
	uint32		pos = a->tape.end - 1;
	AdEvent    *e = AD_AT(&a->tape, pos);
	uint32		placed = ad_book_feed(&a->book, &a->tape, pos);

	a->credit += AD_CREDIT_PER_EVENT;
	if (placed != AD_NO_POSITION)
		keep(a, placed, e);
	if (e->kind != AD_EVENT_TRADE)
		return false;
	add_trade(a, e);
	return evaluate(a, out, members, seq);
}

/*
 * Take the next event.  True if it completes a sequence, which is put into
 * out without metrics (ad_anchored_measure), its order times palloc'd in
 * the current context.  Times must not decrease.
 */
bool
ad_anchored_feed(AdAnchored *a, const AdEvent *event, AdSequence *out)
{
	AdTape	   *t = &a->tape;
	uint32		pos = t->end;

	if (t->end > t->head && event->ts < AD_AT(t, pos - 1)->ts)
		ad_tape_unordered(pos);
	if (pos >= AD_MAX_POSITIONS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a partition can have at most %u events",
						AD_MAX_POSITIONS)));
	expire(a, event->ts);
	while (pos - (t->head & ~(ad_kept_block(t->mask + 1) - 1)) > t->mask)
		grow(a);
	*AD_AT(t, pos) = *event;
	t->end++;
	return take(a, out, NULL, 0);
}

/*
 * Take the next event of the array that the rule is attached to; the members
 * of a sequence that it completes go to members, unless NULL, as those of
 * sequence seq.
 */
bool
ad_anchored_next(AdAnchored *a, AdSequence *out, AdSequences *members,
				 uint32 seq)
{
	expire(a, a->tape.events[a->tape.end].ts);
	a->tape.end++;
	return take(a, out, members, seq);
}

/* Measure a sequence that fed events just completed. */
void
ad_anchored_measure(AdAnchored *a, AdSequence *s)
{
	ad_measure(&a->tape, &a->c, s, &a->scratch, &a->credit);
}
