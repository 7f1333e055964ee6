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
 * recent.  Beside it there is one entry per order key that is still open,
 * because first-in-first-out matching has to remember it (orders that were
 * filled never see a cancel); option forget_after bounds that as well.
 *
 *-------------------------------------------------------------------------
 */
#include "market/ad_kept.h"
#include "market/ad_layering.h"
#include "market/ad_match.h"

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
	AdTape		tape;			/* a ring of tape.mask + 1 slots */
	AdMatcher	matcher;
	AdKept		kept[2];		/* by the placements' side */
	int64		last_kept[2];	/* latest cancel that kept a placement */
	TradeRing	trades[2];		/* by the trades' side */
	int64		horizon;
	AdScratch	scratch;
	AdCredit	credit;
};

/* A rule without events; lives in mcxt. */
AdAnchored *
ad_anchored_create(MemoryContext mcxt, const AdLayeringConfig *c)
{
	AdAnchored *a = MemoryContextAllocZero(mcxt, sizeof(AdAnchored));

	a->mcxt = mcxt;
	a->c = *c;
	a->horizon = ad_layering_horizon(c);
	a->tape.events = MemoryContextAlloc(mcxt, FIRST_RING * sizeof(AdEvent));
	a->tape.mask = FIRST_RING - 1;
	ad_match_init(&a->matcher, mcxt, c->seed, true, c->forget, c->max_events);
	for (int s = 0; s < 2; s++)
	{
		ad_kept_reset(&a->kept[s], mcxt, FIRST_RING);
		a->last_kept[s] = PG_INT64_MIN;
		a->trades[s].capacity = 64;
		a->trades[s].items = MemoryContextAlloc(mcxt, 64 * sizeof(TradeSum));
	}
	a->scratch.mcxt = mcxt;
	a->credit = AD_CREDIT_START;
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
		{
			ad_match_expire(&a->matcher, t, t->head);
			ad_kept_remove_front(&a->kept[e->side], t->head);
		}
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
		out->cancel_qty = ad_quantity_add(out->cancel_qty,
										  ad_event_units(AD_AT(t, p->link)));
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

/* Put an event behind the newest, making room for it. */
static AdEvent *
append(AdAnchored *a, const AdEvent *event)
{
	AdTape	   *t = &a->tape;
	uint32		pos = t->end;
	AdEvent    *e;

	while (pos - (t->head & ~(ad_kept_block(t->mask + 1) - 1)) > t->mask)
		grow(a);
	t->end++;
	e = AD_AT(t, pos);
	*e = *event;
	e->flags = 0;
	return e;
}

/* Match the newest event, a cancel; keep the placement if it came in time. */
static void
take_cancel(AdAnchored *a)
{
	AdTape	   *t = &a->tape;
	uint32		pos = t->end - 1;
	const AdEvent *e = AD_AT(t, pos);
	uint32		placed = ad_match_cancel(&a->matcher, t, pos);
	AdEvent    *p;

	if (placed == AD_NO_POSITION)
		return;
	p = AD_AT(t, placed);
	if (e->ts > ad_time_add(p->ts, a->c.cancel_window) ||
		(p->flags & AD_EVENT_DONE))
		return;
	ad_kept_insert(&a->kept[p->side], placed, e->ts);
	a->last_kept[p->side] = e->ts;
}

/*
 * Take an event that another rule held when it was saved (see
 * ad_anchored_held()): its flag AD_EVENT_DONE says what became of it, and no
 * sequence is looked for.
 */
void
ad_anchored_resume(AdAnchored *a, const AdEvent *event)
{
	AdEvent    *e = append(a, event);
	bool		done = (event->flags & AD_EVENT_DONE) != 0;

	if (e->kind == AD_EVENT_ORDER)
	{
		ad_match_order(&a->matcher, &a->tape, a->tape.end - 1);
		if (done)
			e->flags |= AD_EVENT_DONE;
	}
	else if (e->kind == AD_EVENT_TRADE)
		add_trade(a, e);
	else if (!done)
		take_cancel(a);
}

/*
 * The events that are held, and the matcher with the placements that were
 * open when they left; *credit is what measuring may still read.
 */
const AdTape *
ad_anchored_held(AdAnchored *a, AdMatcher **matcher, AdCredit **credit)
{
	*matcher = &a->matcher;
	*credit = &a->credit;
	return &a->tape;
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

/*
 * Take the next event.  True if it completes a sequence, which is put into
 * out without metrics (ad_anchored_measure), its order times palloc'd in
 * the current context; its members go to members, unless NULL, as those of
 * sequence seq.  Times must not decrease.
 */
bool
ad_anchored_feed(AdAnchored *a, const AdEvent *event, AdSequence *out,
				 AdSequences *members, uint32 seq)
{
	AdTape	   *t = &a->tape;
	uint32		pos = t->end;
	AdEvent    *e;

	if (t->end > t->head && event->ts < AD_AT(t, pos - 1)->ts)
		ad_tape_unordered(pos);
	if (pos >= AD_MAX_POSITIONS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a partition can have at most %u events",
						AD_MAX_POSITIONS)));
	expire(a, event->ts);
	e = append(a, event);
	a->credit += AD_CREDIT_PER_EVENT;

	switch (e->kind)
	{
		case AD_EVENT_ORDER:
			ad_match_order(&a->matcher, t, pos);
			break;
		case AD_EVENT_CANCEL:
			take_cancel(a);
			break;
		default:
			add_trade(a, e);
			return evaluate(a, out, members, seq);
	}
	return false;
}

/* Prepare the cache for event i of an array whose events are fed in turn. */
void
ad_anchored_prefetch(const AdAnchored *a, AdEvent *events, uint32 i, uint32 n)
{
	AD_MATCH_PREFETCH(&a->matcher, &a->tape, events, i, n);
}

/* Measure a sequence that fed events just completed. */
void
ad_anchored_measure(AdAnchored *a, AdSequence *s)
{
	ad_measure(&a->tape, &a->c, s, &a->scratch, &a->credit);
}
