/*-------------------------------------------------------------------------
 *
 * measure.c
 *		What is measured about one layering sequence.
 *
 * Everything comes from the sequence's own partition, from the events with
 * times in [start, end]; no book data is needed.  One pass over them
 * gathers counts, quantities and prices; the median time to cancel is a
 * radix selection and the number of price levels a hash set, so the cost is
 * linear in the events read.  docs/market.md defines each figure.
 *
 * Severity is 100 times the mean of those of six ratios that exist, each
 * clamped to 0..1.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_random.h"
#include "market/ad_layering.h"

#define AD_NAN		((double) NAN)
#define AD_INFINITY ((double) INFINITY)
#define SECOND		1000000.0
#define SMALL_SORT	32
#define FIRST_SET	64

/* Add a time to cancel. */
static void
add_time(AdScratch *s, int64 t)
{
	if (s->ntimes == s->max_times)
	{
		Size		n = s->max_times == 0 ? 64 : s->max_times * 2;

		if (s->times == NULL)
			s->times = MemoryContextAlloc(s->mcxt, n * sizeof(int64));
		else
			s->times = repalloc_huge(s->times, ad_mul_size(n, sizeof(int64)));
		s->max_times = n;
	}
	s->times[s->ntimes++] = t;
}

static inline Size
price_slot(const AdScratch *s, double price)
{
	uint64		bits;

	memcpy(&bits, &price, sizeof(bits));
	return (Size) (ad_mix64(bits) & (s->max_prices - 1));
}

/* Put a price into a set that has room. */
static void
put_price(AdScratch *s, double price)
{
	Size		i = price_slot(s, price);

	while (s->prices[i] != 0)
	{
		if (s->prices[i] == price)
			return;
		i = (i + 1) & (s->max_prices - 1);
	}
	s->prices[i] = price;
	s->nprices++;
}

/* Add a price to the set of price levels. */
static void
add_price(AdScratch *s, double price)
{
	if (s->nprices * 2 >= s->max_prices)
	{
		double	   *old = s->prices;
		Size		n = s->max_prices;

		s->max_prices = Max(FIRST_SET, n * 2);
		s->prices = MemoryContextAllocExtended(s->mcxt,
											   ad_mul_size(s->max_prices,
														   sizeof(double)),
											   MCXT_ALLOC_HUGE |
											   MCXT_ALLOC_ZERO);
		s->nprices = 0;
		for (Size i = 0; i < n; i++)
			if (old[i] != 0)
				put_price(s, old[i]);
		if (old)
			pfree(old);
	}
	put_price(s, price);
}

/* Empty the scratch; a large set is given back. */
static void
reset_scratch(AdScratch *s)
{
	s->ntimes = 0;
	if (s->max_prices > 1024)
	{
		pfree(s->prices);
		s->prices = NULL;
		s->max_prices = 0;
	}
	else if (s->prices)
		memset(s->prices, 0, s->max_prices * sizeof(double));
	s->nprices = 0;
}

/*
 * The k-th smallest (0-based) of n times >= 0, by their bytes from the top;
 * rearranges them.  O(n) whatever the values.
 */
static int64
select_time(int64 *t, Size n, Size k)
{
	uint64		all = 0;
	int			shift = 0;

	for (Size i = 0; i < n; i++)
		all |= (uint64) t[i];
	while (shift < 56 && (all >> shift) > 255)
		shift += 8;

	while (n > SMALL_SORT)
	{
		Size		count[256] = {0};
		Size		kept = 0;
		int			b = 0;

		CHECK_FOR_INTERRUPTS();
		for (Size i = 0; i < n; i++)
			count[((uint64) t[i] >> shift) & 255]++;
		while (k >= count[b])
			k -= count[b++];
		for (Size i = 0; i < n; i++)
			if ((((uint64) t[i] >> shift) & 255) == (uint64) b)
				t[kept++] = t[i];
		n = kept;
		if (shift == 0)
			return t[0];
		shift -= 8;
	}

	for (Size i = 1; i < n; i++)
	{
		int64		v = t[i];
		Size		j = i;

		for (; j > 0 && t[j - 1] > v; j--)
			t[j] = t[j - 1];
		t[j] = v;
	}
	return t[k];
}

/* The median of the times gathered, in microseconds; NaN if there are none. */
static double
median_time(AdScratch *s)
{
	Size		n = s->ntimes;
	int64	   *copy;
	int64		upper;
	int64		lower = PG_INT64_MIN;
	Size		smaller = 0;

	if (n == 0)
		return AD_NAN;
	if (n == 1)
		return (double) s->times[0];
	copy = ad_palloc_array(int64, n);
	memcpy(copy, s->times, n * sizeof(int64));
	upper = select_time(copy, n, n / 2);
	pfree(copy);
	if (n % 2 == 1)
		return (double) upper;

	/* the element before: the largest below, unless upper itself repeats */
	for (Size i = 0; i < n; i++)
		if (s->times[i] < upper)
		{
			smaller++;
			lower = Max(lower, s->times[i]);
		}
	if (smaller < n / 2)
		lower = upper;
	return ((double) lower + (double) upper) / 2;
}

static double
ratio(double a, double b)
{
	return b > 0 ? a / b : AD_NAN;
}

/* Add a part of the severity, clamped; NaN is left out. */
static void
add_part(double x, double *sum, int *n)
{
	if (isnan(x))
		return;
	*sum += Min(1.0, Max(0.0, x));
	(*n)++;
}

/* Every ratio of a sequence that is not measured. */
static void
set_unmeasured(AdMetrics *m)
{
	m->cancel_ratio = m->cancel_qty_ratio = m->price_span_bps =
		m->median_time_to_cancel_s = m->max_time_to_cancel_s =
		m->opp_trade_vwap = m->spoof_to_trade_qty_ratio =
		m->spoof_side_fill_ratio = m->own_order_imbalance =
		m->order_to_trade_ratio = m->cancel_to_trade_gap_s =
		m->cancelled_after_trade_qty_ratio = m->mean_distance_bps =
		m->mean_placement_gap_s = m->size_cv = m->severity = AD_NAN;
}

/*
 * Fill s->m.  Placements must have been matched up to the last event of
 * the tape.  If the credit does not cover the events of the sequence,
 * s->m.measured is false and only the duration is set.
 */
void
ad_measure(const AdTape *tape, const AdLayeringConfig *c, AdSequence *s,
		   AdScratch *scratch, AdCredit *credit)
{
	AdMetrics  *m = &s->m;
	uint32		lo = ad_tape_first_at(tape, s->start, s->first);
	uint32		hi = ad_tape_first_after(tape, s->end, s->trade);
	AdQuantity	opp_placed = 0; /* placements of the other side */
	AdQuantity	after = 0;		/* cancelled at or after the first trade */
	AdQuantity	same_time = 0;	/* cancelled at the last cancel's time */
	int64		fills = 0;		/* trades of the orders' side */
	int64		first_order = 0;
	int64		last_order = 0;
	int64		last_cancel = PG_INT64_MIN;
	int64		longest = 0;
	double		lowest = AD_INFINITY;
	double		highest = 0;
	double		sum_size = 0;
	double		sum_value = 0;
	double		opp_size = 0;
	double		opp_value = 0;
	double		size_deviation = 0;
	double		placed;
	double		traded;
	double		other;
	double		sum = 0;
	int			parts = 0;

	memset(m, 0, sizeof(AdMetrics));
	m->duration_s = (double) (s->end - s->start) / SECOND;
	if (*credit < (AdCredit) (hi - lo) * 2)
	{
		set_unmeasured(m);
		return;
	}
	*credit -= (AdCredit) (hi - lo) * 2;
	m->measured = true;
	if (!scratch->mcxt)
		scratch->mcxt = CurrentMemoryContext;
	reset_scratch(scratch);

	for (uint32 pos = lo; pos < hi; pos++)
	{
		const AdEvent *e = AD_AT(tape, pos);
		bool		same = e->side == s->side;

		AD_CHECK_EVERY_1024(pos);
		if (e->kind == AD_EVENT_ORDER && same)
		{
			double		size = ad_event_size(e);

			if (m->placed_orders++ == 0)
				first_order = e->ts;
			last_order = e->ts;
			m->placed_qty = ad_quantity_add(m->placed_qty, ad_event_units(e));
			sum_size += size;
			sum_value += size * e->price;
			lowest = Min(lowest, e->price);
			highest = Max(highest, e->price);
			add_price(scratch, e->price);
			if (e->flags & AD_EVENT_MATCHED)
			{
				int64		cancelled = AD_AT(tape, e->link)->ts;

				if (cancelled <= s->end)
				{
					add_time(scratch, cancelled - e->ts);
					longest = Max(longest, cancelled - e->ts);
				}
			}
		}
		else if (e->kind == AD_EVENT_ORDER)
			opp_placed = ad_quantity_add(opp_placed, ad_event_units(e));
		else if (e->kind == AD_EVENT_CANCEL && same)
		{
			AdQuantity	units = ad_event_units(e);

			m->cancelled_orders++;
			m->cancelled_qty = ad_quantity_add(m->cancelled_qty, units);
			same_time = e->ts == last_cancel ? same_time + units : units;
			last_cancel = e->ts;
			if (m->opp_trades > 0)
				after += units;
		}
		else if (e->kind == AD_EVENT_TRADE && same)
		{
			fills++;
			m->spoof_side_fill_qty = ad_quantity_add(m->spoof_side_fill_qty,
													 ad_event_units(e));
		}
		else if (e->kind == AD_EVENT_TRADE)
		{
			double		size = ad_event_size(e);

			/* cancels at the very time of the first trade count as after */
			if (m->opp_trades++ == 0 && last_cancel == e->ts)
				after = same_time;
			m->opp_trade_qty = ad_quantity_add(m->opp_trade_qty,
											   ad_event_units(e));
			opp_size += size;
			opp_value += size * e->price;
		}
	}

	placed = ad_quantity_double(m->placed_qty);
	traded = ad_quantity_double(m->opp_trade_qty);
	other = ad_quantity_double(opp_placed);
	m->matched_cancels = (int64) scratch->ntimes;
	m->price_levels = (int64) scratch->nprices;
	m->cancel_ratio = ratio((double) m->matched_cancels,
							(double) m->placed_orders);
	m->cancel_qty_ratio = ratio(ad_quantity_double(m->cancelled_qty), placed);
	m->price_span_bps = m->placed_orders > 0 ?
		(highest - lowest) / lowest * 10000 : AD_NAN;
	m->median_time_to_cancel_s = median_time(scratch) / SECOND;
	m->max_time_to_cancel_s = scratch->ntimes > 0 ?
		(double) longest / SECOND : AD_NAN;
	m->opp_trade_vwap = ratio(opp_value, opp_size);
	m->spoof_to_trade_qty_ratio = ratio(placed, traded);
	m->spoof_side_fill_ratio =
		ratio(ad_quantity_double(m->spoof_side_fill_qty), placed);
	m->own_order_imbalance = placed + other > 0 ?
		(placed - other) / (placed + other) : AD_NAN;
	m->order_to_trade_ratio =
		ratio((double) (m->placed_orders + m->cancelled_orders),
			  (double) (m->opp_trades + fills));
	m->cancel_to_trade_gap_s =
		m->cancelled_orders > 0 && s->found != AD_FOUND_BEFORE ?
		(double) (s->end - last_cancel) / SECOND : AD_NAN;
	m->cancelled_after_trade_qty_ratio =
		ratio(ad_quantity_double(after), ad_quantity_double(m->cancelled_qty));
	m->mean_distance_bps = AD_NAN;
	if (m->opp_trades > 0 && m->placed_orders > 0)
		m->mean_distance_bps = (s->side == AD_BUY ? 1 : -1) *
			(m->opp_trade_vwap - sum_value / sum_size) /
			m->opp_trade_vwap * 10000;
	m->mean_placement_gap_s = m->placed_orders > 1 ?
		(double) (last_order - first_order) /
		(double) (m->placed_orders - 1) / SECOND : AD_NAN;

	/* sizes about their mean, in a second pass: no cancellation */
	m->size_cv = AD_NAN;
	if (m->placed_orders > 0)
	{
		double		mean = sum_size / (double) m->placed_orders;

		for (uint32 pos = lo; pos < hi; pos++)
		{
			const AdEvent *e = AD_AT(tape, pos);

			AD_CHECK_EVERY_1024(pos);
			if (e->kind == AD_EVENT_ORDER && e->side == s->side)
			{
				double		d = ad_event_size(e) - mean;

				size_deviation += d * d;
			}
		}
		m->size_cv = sqrt(size_deviation / (double) m->placed_orders) / mean;
	}

	add_part(m->cancel_ratio, &sum, &parts);
	if (m->placed_orders > 0)
		add_part((double) (m->price_levels - 1) / 4, &sum, &parts);
	add_part(m->spoof_to_trade_qty_ratio / 10, &sum, &parts);
	add_part(1 - m->median_time_to_cancel_s /
			 ((double) c->cancel_window / SECOND), &sum, &parts);
	add_part(fabs(m->own_order_imbalance), &sum, &parts);
	add_part(1 - m->spoof_side_fill_ratio, &sum, &parts);
	m->severity = parts > 0 ? 100 * sum / parts : AD_NAN;
}
