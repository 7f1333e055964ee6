/*-------------------------------------------------------------------------
 *
 * stuffing.c
 *		Quote stuffing: bursts of messages that cancel each other out.
 *
 * Every message, an order placed, cancelled or amended, starts a window of
 * those that follow within window_size; an amendment is an order and a
 * cancel.  A window counts if it has enough
 * messages and about as many cancels as orders: the rate is the smaller
 * number over the larger one, so that neither a book that is set up nor one
 * that is cleared is a burst.  Windows that share a message are one episode.
 *
 * Both ends of the window only move forward, and episodes do not overlap:
 * the partition costs O(n).
 *
 *-------------------------------------------------------------------------
 */
#include "market/ad_stuffing.h"

/* Whether an event is a message, and not what the market made of one. */
static inline bool
is_message(const AdEvent *e)
{
	return e->kind == AD_EVENT_ORDER || e->kind == AD_EVENT_CANCEL ||
		e->kind == AD_EVENT_REPLACE;
}

/* Take a message into a window (by 1) or out of it (by -1). */
static inline void
count_message(AdBurst *b, const AdEvent *e, int by)
{
	b->messages += (uint32) by;
	if (e->kind != AD_EVENT_CANCEL)
		b->orders += (uint32) by;
	if (e->kind != AD_EVENT_ORDER)
		b->cancels += (uint32) by;
}

/* The smaller of orders and cancels over the larger; there is a message. */
double
ad_stuffing_cancel_rate(const AdBurst *b)
{
	return (double) Min(b->orders, b->cancels) /
		(double) Max(b->orders, b->cancels);
}

static bool
qualifies(const AdBurst *b, const AdStuffingConfig *c)
{
	return b->messages >= (uint32) c->min_messages &&
		ad_stuffing_cancel_rate(b) >= c->min_cancel_rate;
}

/* Add the episode of the events [first, last], which are both messages. */
static void
add_episode(const AdEvent *events, uint32 first, uint32 last, uint32 peak,
			uint32 windows, AdStuffings *out)
{
	AdStuffing *s;

	if (out->n == out->capacity)
	{
		out->capacity = out->capacity == 0 ? 4 : out->capacity * 2;
		if (out->items == NULL)
			out->items = MemoryContextAlloc(out->mcxt, out->capacity *
											sizeof(AdStuffing));
		else
			out->items = repalloc_huge(out->items,
									   ad_mul_size(out->capacity,
												   sizeof(AdStuffing)));
	}
	s = &out->items[out->n++];
	memset(s, 0, sizeof(AdStuffing));
	s->first_row = events[first].row;
	s->last_row = events[last].row;
	s->start = events[first].ts;
	s->end = events[last].ts;
	s->peak = peak;
	s->windows = windows;
	for (uint32 i = first; i <= last; i++)
	{
		const AdEvent *e = &events[i];

		AD_CHECK_EVERY_1024(i);
		if (e->kind == AD_EVENT_TRADE)
		{
			s->trades++;
			s->traded_qty = ad_quantity_add(s->traded_qty, ad_event_units(e));
		}
		if (!is_message(e))
			continue;
		count_message(&s->burst, e, 1);
		s->buys += e->side == AD_BUY;
		s->sells += e->side == AD_SELL;
		if (e->kind != AD_EVENT_CANCEL)
			s->placed_qty = ad_quantity_add(s->placed_qty, ad_event_units(e));
	}
}

/*
 * Find the episodes of a partition in the order of time.  out->mcxt is the
 * caller's, the rest of *out starts zeroed.  Times must not decrease.
 */
void
ad_stuffing_find(const AdEvent *events, uint32 n, const AdStuffingConfig *c,
				 AdStuffings *out)
{
	AdBurst		b = {0, 0, 0};
	uint32		j = 0;			/* the window's end */
	uint32		newest = 0;		/* the last message before j */
	uint32		first = 0;		/* the episode: its first and last message */
	uint32		last = 0;
	uint32		peak = 0;
	uint32		windows = 0;	/* 0: no episode */

	for (uint32 i = 0; i < n; i++)
	{
		const AdEvent *e = &events[i];

		AD_CHECK_EVERY_1024(i);
		if (i > 0 && e->ts < events[i - 1].ts)
			ad_tape_unordered(i);
		if (!is_message(e))
			continue;
		for (; j < n && events[j].ts <= ad_time_add(e->ts, c->window); j++)
		{
			AD_CHECK_EVERY_1024(j);
			if (j > 0 && events[j].ts < events[j - 1].ts)
				ad_tape_unordered(j);
			if (is_message(&events[j]))
			{
				count_message(&b, &events[j], 1);
				newest = j;
			}
		}
		if (qualifies(&b, c))
		{
			if (windows > 0 && i > last)
			{
				add_episode(events, first, last, peak, windows, out);
				windows = 0;
			}
			if (windows++ == 0)
			{
				first = i;
				peak = 0;
			}
			last = newest;
			peak = Max(peak, b.messages);
		}
		count_message(&b, e, -1);
	}
	if (windows > 0)
		add_episode(events, first, last, peak, windows, out);
}
