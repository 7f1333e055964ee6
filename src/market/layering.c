/*-------------------------------------------------------------------------
 *
 * layering.c
 *		The layering rules over a whole partition.
 *
 * window: the partition is walked with a cursor.  A placement of side s at
 * t0 opens a window; the orders of s up to t0 + orders_window, the cancels
 * of s up to cancel_window after the last of them and the first trade of
 * the other side that stands in the right place make a sequence, and the
 * cursor moves past its orders.  Placements, cancels and trades of each side
 * are lists of positions, and every bound is a pointer into a list that
 * only moves forward: t0, the last order, the last cancel and so the trade
 * searched for never go back within a side.  Hence O(n), also when every
 * event lies in one window.
 *
 * strict: the order book links placements and the cancels by which they
 * count as cancelled first (book.c).  The windows
 * run over the placements cancelled in time, per side; the latest of their
 * cancels is a sliding maximum, kept in a queue.  O(n log n).
 *
 * anchored: fed to anchored.c event by event.
 *
 *-------------------------------------------------------------------------
 */
#include "market/ad_book.h"
#include "market/ad_layering.h"
#include "market/ad_rows.h"

/* One side's events, by kind: positions in the partition, ascending. */
typedef struct Side
{
	uint32	   *orders;
	uint32	   *cancels;
	uint32	   *trades;
	uint32		norders;
	uint32		ncancels;
	uint32		ntrades;

	/* rule window: pointers that only move forward */
	uint32		rank;			/* placements of this side walked over */
	uint32		order_end;		/* first placement after orders_window */
	uint32		cancel_lo;		/* first cancel at or after t0 */
	uint32		cancel_hi;		/* first after last order + cancel_window */
	uint32		trade_after;	/* first opposite trade at or after c_last */
	uint32		trade_quorum;	/* ... at or after the min_orders-th order */
	uint32		cancel_trade;	/* first cancel at or after that trade */
} Side;

/*
 * Split the events by side and kind.  All lists share one array, which the
 * first side's orders start: freed by pfree(sides[0].orders).
 */
static void
split(const AdEvent *events, uint32 n, Side sides[2])
{
	uint32		count[2][AD_EVENT_KINDS] = {{0}};
	uint32	   *at[2][AD_EVENT_KINDS];
	uint32	   *p;

	memset(sides, 0, 2 * sizeof(Side));
	for (uint32 i = 0; i < n; i++)
		count[events[i].side][events[i].kind]++;
	p = ad_palloc_array(uint32, Max(n, 1));
	for (int s = 0; s < 2; s++)
		for (int k = 0; k < AD_EVENT_KINDS; k++)
		{
			at[s][k] = p;
			p += count[s][k];
		}
	for (int s = 0; s < 2; s++)
	{
		sides[s].orders = at[s][AD_EVENT_ORDER];
		sides[s].cancels = at[s][AD_EVENT_CANCEL];
		sides[s].trades = at[s][AD_EVENT_TRADE];
		sides[s].norders = count[s][AD_EVENT_ORDER];
		sides[s].ncancels = count[s][AD_EVENT_CANCEL];
		sides[s].ntrades = count[s][AD_EVENT_TRADE];
	}
	for (uint32 i = 0; i < n; i++)
		*at[events[i].side][events[i].kind]++ = i;
}

/* Move i to the first position of a list with a time of ts or later. */
static inline uint32
advance_to(const AdEvent *events, const uint32 *list, uint32 n, uint32 i,
		   int64 ts)
{
	while (i < n && events[list[i]].ts < ts)
	{
		i++;
		AD_CHECK_EVERY_1024(i);
	}
	return i;
}

/* Move i to the first position of a list with a time after ts. */
static inline uint32
advance_past(const AdEvent *events, const uint32 *list, uint32 n, uint32 i,
			 int64 ts)
{
	while (i < n && events[list[i]].ts <= ts)
	{
		i++;
		AD_CHECK_EVERY_1024(i);
	}
	return i;
}

/*
 * Rule window: return the first opposite trade from the last cancel on, if it
 * comes in time, or AD_NO_POSITION.
 */
static inline uint32
find_trade_after(const AdEvent *ev, const AdLayeringConfig *c, Side *own,
				 const Side *other, int64 last_cancel)
{
	uint32		trade;

	own->trade_after = advance_to(ev, other->trades, other->ntrades,
								  own->trade_after, last_cancel);
	if (own->trade_after >= other->ntrades)
		return AD_NO_POSITION;
	trade = other->trades[own->trade_after];
	return ev[trade].ts <= ad_time_add(last_cancel, c->trade_window) ?
		trade : AD_NO_POSITION;
}

/*
 * Rule window: return the first opposite trade from the min_orders-th order
 * on, if it comes in time and enough cancels follow it, or AD_NO_POSITION.
 * Only the first such trade can do: the cancels after a later one are no
 * more.
 */
static inline uint32
find_trade_before(const AdEvent *ev, const AdLayeringConfig *c, Side *own,
				  const Side *other, uint32 first, int64 last_order)
{
	int64		quorum = ev[own->orders[first + c->min_orders - 1]].ts;
	uint32		trade;
	uint32		from;

	own->trade_quorum = advance_to(ev, other->trades, other->ntrades,
								   own->trade_quorum, quorum);
	if (own->trade_quorum >= other->ntrades)
		return AD_NO_POSITION;
	trade = other->trades[own->trade_quorum];
	if (ev[trade].ts > ad_time_add(last_order, c->cancel_window))
		return AD_NO_POSITION;

	own->cancel_trade = advance_to(ev, own->cancels, own->ncancels,
								   own->cancel_trade, ev[trade].ts);
	from = Max(own->cancel_trade, own->cancel_lo);
	return own->cancel_hi > from &&
		own->cancel_hi - from >= (uint32) c->min_cancels ?
		trade : AD_NO_POSITION;
}

/* Add a sequence that a trade ends, without orders. */
static AdSequence *
add_sequence(const AdEvent *ev, uint32 first, uint32 trade, int64 end,
			 AdFound found, uint32 norders, AdSequences *out)
{
	AdSequence *seq = ad_sequences_add(out);

	seq->first = first;
	seq->first_row = ev[first].row;
	seq->start = ev[first].ts;
	seq->end = end;
	seq->trade = trade;
	seq->trade_row = ev[trade].row;
	seq->trade_time = ev[trade].ts;
	seq->side = ev[first].side;
	seq->found = found;
	seq->norders = norders;
	seq->order_times = MemoryContextAllocHuge(out->mcxt,
											  ad_mul_size(norders,
														  sizeof(int64)));
	return seq;
}

/* Rule window: find the sequences, without what only metrics need. */
static void
find_window(const AdEvent *ev, uint32 n, const AdLayeringConfig *c,
			Side sides[2], AdStretch *stretch, AdSequences *out)
{
	uint32		cursor = stretch->cursor[0];

	for (uint32 pos = 0; pos < n; pos++)
	{
		Side	   *own = &sides[ev[pos].side];
		const Side *other = &sides[1 - ev[pos].side];
		int64		start = ev[pos].ts;
		int64		last_order;
		int64		last_cancel;
		int64		end = 0;
		uint32		first;
		uint32		trade = AD_NO_POSITION;
		AdFound		found = AD_FOUND_AFTER;
		AdSequence *seq;

		AD_CHECK_EVERY_1024(pos);
		if (start > stretch->limit)
			break;
		if (ev[pos].kind != AD_EVENT_ORDER)
			continue;
		first = own->rank++;
		if (pos < cursor)
			continue;

		own->order_end = advance_past(ev, own->orders, own->norders,
									  own->order_end,
									  ad_time_add(start, c->orders_window));
		if (own->order_end - first < (uint32) c->min_orders)
			continue;
		last_order = ev[own->orders[own->order_end - 1]].ts;

		own->cancel_lo = advance_to(ev, own->cancels, own->ncancels,
									own->cancel_lo, start);
		own->cancel_hi = advance_past(ev, own->cancels, own->ncancels,
									  own->cancel_hi,
									  ad_time_add(last_order,
												  c->cancel_window));
		if (own->cancel_hi < own->cancel_lo ||
			own->cancel_hi - own->cancel_lo < (uint32) c->min_cancels)
			continue;
		last_cancel = ev[own->cancels[own->cancel_hi - 1]].ts;

		if (c->trade_rule != AD_TRADE_BEFORE)
		{
			trade = find_trade_after(ev, c, own, other, last_cancel);
			if (trade != AD_NO_POSITION)
				end = ev[trade].ts;
		}
		if (trade == AD_NO_POSITION && c->trade_rule != AD_TRADE_AFTER)
		{
			trade = find_trade_before(ev, c, own, other, first, last_order);
			found = AD_FOUND_BEFORE;
			end = last_cancel;
		}
		if (trade == AD_NO_POSITION)
			continue;

		seq = add_sequence(ev, pos, trade, end, found, own->order_end - first,
						   out);
		for (uint32 i = 0; i < seq->norders; i++)
			seq->order_times[i] = ev[own->orders[first + i]].ts;
		if (out->want_members)
			for (uint32 i = 0; i < seq->norders; i++)
				ad_sequences_member(out, own->orders[first + i], out->n - 1);
		cursor = own->orders[own->order_end - 1] + 1;
	}
	stretch->cursor[0] = cursor;
}

/* The first index of a list of positions with a time of ts or later. */
static uint32
find_first(const AdEvent *ev, const uint32 *list, uint32 n, int64 ts)
{
	uint32		lo = 0;
	uint32		hi = n;

	while (lo < hi)
	{
		uint32		mid = lo + (hi - lo) / 2;

		if (ev[list[mid]].ts < ts)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/*
 * Rule strict, one side: q holds its placements cancelled in time; those
 * before position *used are used up.
 */
static void
find_strict_side(const AdEvent *ev, const AdLayeringConfig *c,
				 const uint32 *q, uint32 nq, const uint32 *trades,
				 uint32 ntrades, int64 last, uint32 *used, AdSequences *out)
{
	uint32	   *queue = ad_palloc_array(uint32, Max(nq, 1));
	uint32		queue_lo = 0;	/* indices of q, cancel times decreasing */
	uint32		queue_hi = 0;
	uint32		end = 0;

#define CANCEL_TS(i)	(ev[ev[q[i]].link].ts)

	for (uint32 i = 0; i < nq && ev[q[i]].ts <= last; i++)
	{
		int64		limit = ad_time_add(ev[q[i]].ts, c->orders_window);
		int64		last_cancel;
		uint32		trade;
		AdSequence *seq;

		AD_CHECK_EVERY_1024(i);
		while (end < nq && ev[q[end]].ts <= limit)
		{
			int64		v = CANCEL_TS(end);

			while (queue_hi > queue_lo && CANCEL_TS(queue[queue_hi - 1]) <= v)
				queue_hi--;
			queue[queue_hi++] = end++;
			AD_CHECK_EVERY_1024(end);
		}
		while (queue_lo < queue_hi && queue[queue_lo] < i)
			queue_lo++;
		if (q[i] < *used || end - i < (uint32) c->min_orders)
			continue;
		last_cancel = CANCEL_TS(queue[queue_lo]);
		trade = find_first(ev, trades, ntrades, last_cancel);
		if (trade == ntrades ||
			ev[trades[trade]].ts > ad_time_add(last_cancel, c->trade_window))
			continue;
		trade = trades[trade];

		seq = add_sequence(ev, q[i], trade, ev[trade].ts, AD_FOUND_STRICT,
						   end - i, out);
		seq->ncancels = seq->norders;
		for (uint32 j = i; j < end; j++)
		{
			seq->order_times[j - i] = ev[q[j]].ts;
			seq->cancel_qty = ad_quantity_add(seq->cancel_qty, ev[q[j]].part);
		}
		*used = q[end - 1] + 1;
	}
#undef CANCEL_TS
	pfree(queue);
}

static int
compare_first(const void *a, const void *b)
{
	const AdSequence *x = a;
	const AdSequence *y = b;

	CHECK_FOR_INTERRUPTS();
	return x->first < y->first ? -1 : x->first > y->first;
}

/* Rule strict: both sides, then in the order of the first orders. */
static void
find_strict(const AdEvent *ev, const AdLayeringConfig *c, Side sides[2],
			AdStretch *stretch, AdSequences *out)
{
	for (int s = 0; s < 2; s++)
	{
		uint32	   *q = sides[s].orders;
		uint32		nq = 0;

		/* the list of orders becomes the list of those cancelled in time */
		for (uint32 i = 0; i < sides[s].norders; i++)
		{
			const AdEvent *p = &ev[sides[s].orders[i]];

			AD_CHECK_EVERY_1024(i);
			if ((p->flags & AD_EVENT_MATCHED) &&
				ev[p->link].ts <= ad_time_add(p->ts, c->cancel_window))
				q[nq++] = sides[s].orders[i];
		}
		find_strict_side(ev, c, q, nq, sides[1 - s].trades,
						 sides[1 - s].ntrades, stretch->limit,
						 &stretch->cursor[s], out);
	}
	if (out->n > 1)
		qsort(out->items, out->n, sizeof(AdSequence), compare_first);
}

/*
 * Add the cancels and trades of a sequence to its members, and for rule
 * strict the orders; what a rule counts, so that the members' quantities
 * add up to the sequence's.
 */
static void
add_members(const AdTape *tape, const AdLayeringConfig *c, uint32 index,
			AdSequences *out)
{
	AdSequence *s = &out->items[index];
	uint32		lo = ad_tape_first_at(tape, s->start, s->first);
	uint32		hi = ad_tape_first_after(tape, s->end, s->trade);
	uint32		norders = 0;

	for (uint32 pos = lo; pos < hi; pos++)
	{
		const AdEvent *e = AD_AT(tape, pos);

		if (e->kind == AD_EVENT_TRADE && e->side != s->side)
			ad_sequences_member(out, pos, index);
		else if (c->rule == AD_RULE_WINDOW &&
				 e->kind == AD_EVENT_CANCEL && e->side == s->side)
			ad_sequences_member(out, pos, index);
	}
	if (c->rule != AD_RULE_STRICT)
		return;
	for (uint32 pos = s->first; norders < s->norders; pos++)
	{
		const AdEvent *e = AD_AT(tape, pos);

		if (e->kind == AD_EVENT_ORDER && e->side == s->side &&
			(e->flags & AD_EVENT_MATCHED) &&
			AD_AT(tape, e->link)->ts <= ad_time_add(e->ts, c->cancel_window))
		{
			ad_sequences_member(out, pos, index);
			ad_sequences_member(out, e->link, index);
			norders++;
		}
	}
}

/* Prefix sums of the quantities of a list of positions: n + 1 of them. */
static AdQuantity *
prefix_sums(const AdEvent *ev, const uint32 *list, uint32 n)
{
	AdQuantity *sum = MemoryContextAllocHuge(CurrentMemoryContext,
											 ad_mul_size((Size) n + 1,
														 sizeof(AdQuantity)));

	sum[0] = 0;
	for (uint32 i = 0; i < n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		sum[i + 1] = ad_quantity_add(sum[i], ad_event_units(&ev[list[i]]));
	}
	return sum;
}

/* How many events of a list lie in [start, end], and their quantity. */
static uint32
count_between(const AdEvent *ev, const uint32 *list, uint32 n,
			  const AdQuantity *sum, int64 start, int64 end, AdQuantity *qty)
{
	uint32		lo = find_first(ev, list, n, start);
	uint32		hi = end == PG_INT64_MAX ? n : find_first(ev, list, n, end + 1);

	*qty = sum[hi] - sum[lo];
	return hi - lo;
}

/*
 * Measure a sequence of a stretch.  The credit is that of the events up to
 * the time at which the sequence was decided, in however many stretches they
 * came; of a whole partition, of all of them.
 */
static void
measure_one(AdTape *tape, const AdLayeringConfig *c, AdStretch *stretch,
			AdSequence *s, AdScratch *scratch)
{
	uint32		known = tape->end;
	AdCredit	credit;
	AdCredit	left;

	if (stretch->limit != PG_INT64_MAX)
		known = ad_tape_first_after(tape, ad_time_add(s->start,
													  ad_layering_horizon(c)),
									s->trade);
	left = credit = AD_CREDIT_START - stretch->spent +
		(stretch->before + known) * AD_CREDIT_PER_EVENT;
	ad_measure(tape, c, s, scratch, &left);
	stretch->spent += credit - left;
}

/*
 * Measure the sequences of rules window and strict.  What the rule itself
 * counts is taken from the metrics while the credit lasts, else from prefix
 * sums, which are only made then.
 */
static void
measure_all(AdTape *tape, const AdLayeringConfig *c, Side sides[2],
			AdStretch *stretch, AdSequences *out)
{
	const AdEvent *ev = tape->events;
	AdScratch	scratch = {0};
	AdQuantity *cancelled[2] = {NULL, NULL};
	AdQuantity *traded[2] = {NULL, NULL};

	scratch.mcxt = CurrentMemoryContext;
	for (uint32 i = 0; i < out->n; i++)
	{
		AdSequence *s = &out->items[i];
		Side	   *own = &sides[s->side];
		Side	   *other = &sides[1 - s->side];

		measure_one(tape, c, stretch, s, &scratch);
		if (s->m.measured)
		{
			s->opp_qty = s->m.opp_trade_qty;
			if (c->rule == AD_RULE_WINDOW)
			{
				s->ncancels = (uint32) s->m.cancelled_orders;
				s->cancel_qty = s->m.cancelled_qty;
			}
		}
		else
		{
			if (!traded[1 - s->side])
				traded[1 - s->side] = prefix_sums(ev, other->trades,
												  other->ntrades);
			(void) count_between(ev, other->trades, other->ntrades,
								 traded[1 - s->side], s->start, s->end,
								 &s->opp_qty);
			if (c->rule == AD_RULE_WINDOW)
			{
				if (!cancelled[s->side])
					cancelled[s->side] = prefix_sums(ev, own->cancels,
													 own->ncancels);
				s->ncancels = count_between(ev, own->cancels, own->ncancels,
											cancelled[s->side], s->start,
											s->end, &s->cancel_qty);
			}
		}
		if (out->want_members)
			add_members(tape, c, i, out);
	}
}

/*
 * Rule anchored: take the events of the array that it is attached to, up to a
 * position, and measure what is found.  The rows at the time of the last event
 * are all there.
 */
void
ad_layering_feed(AdAnchored *a, uint32 to, const AdLayeringConfig *c,
				 AdSequences *out)
{
	const AdTape *tape = ad_anchored_tape(a);
	const AdBook *book = ad_anchored_book(a);
	AdEvent    *events = tape->events;
	uint32		measured = out->n;

	for (uint32 i = tape->end; i < to; i++)
	{
		AdSequence	s;

		AD_CHECK_EVERY_1024(i);

		/* metrics take in the peers of the trade, unless causal */
		if (measured < out->n &&
			(c->causal || events[i].ts > out->items[measured].end))
			while (measured < out->n)
				ad_anchored_measure(a, &out->items[measured++]);
		AD_BOOK_PREFETCH(book, tape, events, i, to);
		if (ad_anchored_next(a, &s, out->want_members ? out : NULL, out->n))
		{
			int64	   *times = MemoryContextAllocHuge(out->mcxt,
													   s.norders *
													   sizeof(int64));

			memcpy(times, s.order_times, s.norders * sizeof(int64));
			pfree(s.order_times);
			s.order_times = times;
			*ad_sequences_add(out) = s;
		}
	}
	while (measured < out->n)
		ad_anchored_measure(a, &out->items[measured++]);
}

/* Rules window and strict, over a whole partition. */
static void
find_by_lists(AdEvent *events, uint32 n, const AdLayeringConfig *c,
			  AdSequences *out)
{
	AdTape		tape = {events, PG_UINT32_MAX, 0, n};
	AdStretch	whole = {.limit = PG_INT64_MAX};

	if (c->rule == AD_RULE_STRICT)
		ad_book_feed_all(&tape, c->seed, c->forget);
	else
		whole.unmatched = true;
	ad_layering_find_stretch(&tape, c, &whole, out);
}

/*
 * Rules window and strict: find the sequences whose first orders are in a
 * stretch, and measure them unless they are only looked for.  The events are
 * matched, or stretch->unmatched says that they are to be, once there is
 * something to measure.  Scratch is allocated in the current context.
 */
void
ad_layering_find_stretch(AdTape *tape, const AdLayeringConfig *c,
						 AdStretch *stretch, AdSequences *out)
{
	AdEvent    *events = tape->events;
	Side		sides[2];

	split(events, tape->end, sides);
	if (c->rule == AD_RULE_STRICT)
		find_strict(events, c, sides, stretch, out);
	else
		find_window(events, tape->end, c, sides, stretch, out);
	if (out->n > 0 && stretch->unmatched)
		ad_book_feed_all(tape, c->seed, c->forget);
	if (out->n > 0 && !stretch->only_look)
		measure_all(tape, c, sides, stretch, out);
	pfree(sides[0].orders);
}

/*
 * Find the sequences of a partition by any rule, with their metrics, in
 * the order of the rows that report them (first order; for anchored, the
 * trade).  out->mcxt and out->want_members are the caller's, the rest of
 * *out is set here.  Amendments and duplicates make the events others than the
 * rows: out->events, in out->mcxt unless they are the rows, whose links, parts
 * and flags are used.  Scratch is allocated in the current context and freed.
 * Times must not decrease.
 */
void
ad_layering_find(AdEvent *rows, uint32 n, const AdLayeringConfig *c,
				 AdSequences *out)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext,
												  "anomaly layering",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	AdEvent    *events = ad_rows_events(out->mcxt, rows, &n, c->dedup,
										!c->amend, c->seed);

	out->events = events;
	out->nevents = n;
	if (c->rule == AD_RULE_ANCHORED)
		ad_layering_feed(ad_anchored_attach(scratch, c, events, n, 0), n, c,
						 out);
	else
		find_by_lists(events, n, c, out);
	ad_sequences_filter(out, c);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	if (out->want_members)
		ad_sequences_sort(out);
}
