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
#include "market/ad_wash.h"

/* Totals of the trades in a window. */
typedef struct Totals
{
	uint32		count[2];		/* by side */
	AdQuantity	qty[2];
	uint32		switches;		/* side changes */
} Totals;

static void
totals_add(Totals *t, const AdEvent *e)
{
	t->count[e->side]++;
	t->qty[e->side] = ad_quantity_add(t->qty[e->side], ad_event_units(e));
}

static void
totals_remove(Totals *t, const AdEvent *e)
{
	t->count[e->side]--;
	t->qty[e->side] -= ad_event_units(e);
}

/* Report the trades [i, j) of a list of positions. */
static void
report(const AdEvent *ev, const uint32 *list, uint32 i, uint32 j,
	   const Totals *t, uint32 starts, const AdWashConfig *c, AdWashes *out)
{
	const AdEvent *first = &ev[list[i]];
	const AdEvent *last = &ev[list[j - 1]];
	AdWash	   *w;

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
	w = &out->items[out->n++];
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
	w->alternation = (double) t->switches / (double) (j - i - 1) * 100.0;
	w->first_price = first->price;
	w->last_price = last->price;
	w->price_change = fabs((last->price - first->price) / first->price) *
		100.0;
	if (!(w->price_change >= c->price_change))
		w->price_change = (double) NAN;
}

/* Totals of the trades [i, j), for a merged window. */
static Totals
totals_of(const AdEvent *ev, const uint32 *list, uint32 i, uint32 j)
{
	Totals		t;

	memset(&t, 0, sizeof(t));
	for (uint32 k = i; k < j; k++)
	{
		AD_CHECK_EVERY_1024(k);
		totals_add(&t, &ev[list[k]]);
		if (k > i && ev[list[k]].side != ev[list[k - 1]].side)
			t.switches++;
	}
	return t;
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
	uint32		ntrades = 0;
	uint32	   *list;
	uint32		j = 0;
	uint32		run_start = 0;	/* merge: the run being joined */
	uint32		run_end = 0;
	uint32		run_starts = 0;
	Totals		t;

	for (uint32 i = 0; i < n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		if (i > 0 && events[i].ts < events[i - 1].ts)
			ad_tape_unordered(i);
		ntrades += events[i].kind == AD_EVENT_TRADE;
	}
	list = ad_palloc_array(uint32, Max(ntrades, 1));
	ntrades = 0;
	for (uint32 i = 0; i < n; i++)
		if (events[i].kind == AD_EVENT_TRADE)
			list[ntrades++] = i;

	memset(&t, 0, sizeof(t));
	for (uint32 i = 0; i < ntrades; i++)
	{
		const AdEvent *e = &events[list[i]];
		int64		limit = ad_time_add(e->ts, c->window);
		uint32		size;

		AD_CHECK_EVERY_1024(i);
		while (j < ntrades && events[list[j]].ts <= limit)
		{
			totals_add(&t, &events[list[j]]);
			if (j > i && events[list[j]].side != events[list[j - 1]].side)
				t.switches++;
			j++;
			AD_CHECK_EVERY_1024(j);
		}
		size = j - i;
		if (size >= 2 &&
			t.count[AD_BUY] >= (uint32) c->min_buy_trades &&
			t.count[AD_SELL] >= (uint32) c->min_sell_trades &&
			ad_quantity_add(t.qty[AD_BUY], t.qty[AD_SELL]) >= c->min_volume &&
			(double) t.switches / (double) (size - 1) * 100.0 >=
			c->min_alternation)
		{
			if (!c->merge)
				report(events, list, i, j, &t, 1, c, out);
			else
			{
				if (run_starts > 0 && i >= run_end)
				{
					Totals		whole = totals_of(events, list, run_start,
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
		totals_remove(&t, e);
		if (i + 1 < j && e->side != events[list[i + 1]].side)
			t.switches--;
	}
	if (run_starts > 0)
	{
		Totals		whole = totals_of(events, list, run_start, run_end);

		report(events, list, run_start, run_end, &whole, run_starts, c, out);
	}
	pfree(list);
}
