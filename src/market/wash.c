/*-------------------------------------------------------------------------
 *
 * wash.c
 *		Wash trading: busy two-sided trading that changes nothing.
 *
 * Every trade starts a window of the trades that follow within window_size;
 * the window is reported if it has enough buys, sells, volume and changes
 * of side.  Both ends of the window only move forward, and counts and sums
 * are kept while they do, so the whole partition costs O(n).
 *
 * With merge, windows that share a trade are joined: the result is one row
 * for every maximal run of overlapping windows, measured as a whole.
 *
 *-------------------------------------------------------------------------
 */
#include "market/ad_rows.h"
#include "market/ad_wash.h"

/* Take another trade into a window; "before" is the one before it, or NULL. */
void
ad_wash_add(AdWashTotals *t, const AdEvent *before, const AdEvent *e)
{
	t->count[e->side]++;
	t->qty[e->side] = ad_quantity_add(t->qty[e->side], ad_event_units(e));
	if (before && before->side != e->side)
		t->switches++;
}

/* Take the first trade out of a window; "after" is the next one, or NULL. */
void
ad_wash_remove(AdWashTotals *t, const AdEvent *e, const AdEvent *after)
{
	t->count[e->side]--;
	t->qty[e->side] -= ad_event_units(e);
	if (after && after->side != e->side)
		t->switches--;
}

/* Whether a window is one of wash trading. */
bool
ad_wash_qualifies(const AdWashTotals *t, const AdWashConfig *c)
{
	uint32		size = t->count[AD_BUY] + t->count[AD_SELL];

	return size >= 2 &&
		t->count[AD_BUY] >= (uint32) c->min_buy_trades &&
		t->count[AD_SELL] >= (uint32) c->min_sell_trades &&
		ad_quantity_add(t->qty[AD_BUY], t->qty[AD_SELL]) >= c->min_volume &&
		(double) t->switches / (double) (size - 1) * 100.0 >= c->min_alternation;
}

/* What is said of a window from its totals, its first and its last trade. */
void
ad_wash_measure(AdWash *w, const AdEvent *first, const AdEvent *last,
				const AdWashTotals *t, uint32 starts, const AdWashConfig *c)
{
	w->first_row = first->row;
	w->last_row = last->row;
	w->start = first->ts;
	w->end = last->ts;
	w->starts = starts;
	w->buys = t->count[AD_BUY];
	w->sells = t->count[AD_SELL];
	w->switches = t->switches;
	w->buy_qty = t->qty[AD_BUY];
	w->sell_qty = t->qty[AD_SELL];
	w->alternation = (double) t->switches /
		(double) (t->count[AD_BUY] + t->count[AD_SELL] - 1) * 100.0;
	w->first_price = first->price;
	w->last_price = last->price;
	w->price_change = first->price > 0 && last->price > 0 ?
		fabs((last->price - first->price) / first->price) * 100.0 : (double) NAN;
	if (!(w->price_change >= c->price_change))
		w->price_change = (double) NAN;
}

/* Report the trades [i, j) of a list of positions. */
static void
report(const AdEvent *ev, const uint32 *list, uint32 i, uint32 j,
	   const AdWashTotals *t, uint32 starts, const AdWashConfig *c,
	   AdWashes *out)
{
	if (out->n == out->capacity)
	{
		out->capacity = out->capacity == 0 ? 4 : out->capacity * 2;
		if (out->items == NULL)
			out->items = MemoryContextAlloc(out->mcxt,
											out->capacity * sizeof(AdWash));
		else
			out->items = repalloc_huge(out->items,
									   ad_mul_size(out->capacity,
												   sizeof(AdWash)));
	}
	ad_wash_measure(&out->items[out->n++], &ev[list[i]], &ev[list[j - 1]], t,
					starts, c);
}

/* Totals of the trades [i, j), for a merged window. */
static AdWashTotals
totals_of(const AdEvent *ev, const uint32 *list, uint32 i, uint32 j)
{
	AdWashTotals t;

	memset(&t, 0, sizeof(t));
	for (uint32 k = i; k < j; k++)
	{
		AD_CHECK_EVERY_1024(k);
		ad_wash_add(&t, k > i ? &ev[list[k - 1]] : NULL, &ev[list[k]]);
	}
	return t;
}

/* The positions of the trades among events, without duplicates if so asked. */
static uint32 *
list_trades(const AdEvent *events, uint32 n, const AdWashConfig *c,
			uint32 *ntrades)
{
	uint32		max_trades = 0;
	uint32		k = 0;
	uint32	   *list;
	AdDedup		seen;

	for (uint32 i = 0; i < n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		if (i > 0 && events[i].ts < events[i - 1].ts)
			ad_tape_unordered(i);
		max_trades += events[i].kind == AD_EVENT_TRADE;
	}
	list = ad_palloc_array(uint32, Max(max_trades, 1));
	ad_dedup_init(&seen, CurrentMemoryContext, c->seed, false);
	for (uint32 i = 0; i < n; i++)
		if (events[i].kind == AD_EVENT_TRADE &&
			!(c->dedup && ad_dedup_seen(&seen, &events[i])))
			list[k++] = i;
	if (seen.rows)
	{
		pfree(seen.rows);
		pfree(seen.slots);
	}
	*ntrades = k;
	return list;
}

/*
 * Find the windows of a partition in the order of their first trades.
 * out->mcxt is the caller's, the rest of *out is set here.  Times must not
 * decrease.
 */
void
ad_wash_find(const AdEvent *events, uint32 n, const AdWashConfig *c,
			 AdWashes *out)
{
	uint32		ntrades;
	uint32	   *list = list_trades(events, n, c, &ntrades);
	uint32		j = 0;
	uint32		run_start = 0;	/* merge: the run being joined */
	uint32		run_end = 0;
	uint32		run_starts = 0;
	AdWashTotals t;

	memset(&t, 0, sizeof(t));
	for (uint32 i = 0; i < ntrades; i++)
	{
		const AdEvent *e = &events[list[i]];
		int64		limit = ad_time_add(e->ts, c->window);

		AD_CHECK_EVERY_1024(i);
		while (j < ntrades && events[list[j]].ts <= limit)
		{
			ad_wash_add(&t, j > i ? &events[list[j - 1]] : NULL, &events[list[j]]);
			j++;
			AD_CHECK_EVERY_1024(j);
		}
		if (ad_wash_qualifies(&t, c))
		{
			if (!c->merge)
				report(events, list, i, j, &t, 1, c, out);
			else
			{
				if (run_starts > 0 && i >= run_end)
				{
					AdWashTotals whole = totals_of(events, list, run_start,
												   run_end);

					report(events, list, run_start, run_end, &whole,
						   run_starts, c, out);
					run_starts = 0;
				}
				if (run_starts++ == 0)
					run_start = i;
				run_end = j;
			}
		}
		ad_wash_remove(&t, e, i + 1 < j ? &events[list[i + 1]] : NULL);
	}
	if (run_starts > 0)
	{
		AdWashTotals whole = totals_of(events, list, run_start, run_end);

		report(events, list, run_start, run_end, &whole, run_starts, c, out);
	}
	pfree(list);
}
