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

/* Add the size of an order. */
static void
add_order_size(AdScratch *s, double size)
{
	if (s->nsizes == s->max_sizes)
	{
		Size		n = s->max_sizes == 0 ? 64 : s->max_sizes * 2;

		if (s->sizes == NULL)
			s->sizes = MemoryContextAlloc(s->mcxt, n * sizeof(double));
		else
			s->sizes = repalloc_huge(s->sizes, ad_mul_size(n, sizeof(double)));
		s->max_sizes = n;
	}
	s->sizes[s->nsizes++] = size;
}

/* Put a price, by its key, into a set that has room. */
static void
put_price(AdScratch *s, uint64 key)
{
	Size		i = (Size) (ad_mix64(key) & (s->max_prices - 1));

	while (s->prices[i] != 0)
	{
		if (s->prices[i] == key)
			return;
		i = (i + 1) & (s->max_prices - 1);
	}
	s->prices[i] = key;
	s->nprices++;
}

/* Add a price to the set of price levels, where no key is 0. */
static void
add_price(AdScratch *s, double price)
{
	if (s->nprices * 2 >= s->max_prices)
	{
		uint64	   *old = s->prices;
		Size		n = s->max_prices;

		s->max_prices = Max(FIRST_SET, n * 2);
		s->prices = MemoryContextAllocExtended(s->mcxt,
											   ad_mul_size(s->max_prices,
														   sizeof(uint64)),
											   MCXT_ALLOC_HUGE |
											   MCXT_ALLOC_ZERO);
		s->nprices = 0;
		for (Size i = 0; i < n; i++)
			if (old[i] != 0)
				put_price(s, old[i]);
		if (old)
			pfree(old);
	}
	put_price(s, ad_price_bits(price) ^ ad_price_bits((double) NAN));
}

/* Empty the scratch; a large set is given back. */
static void
reset_scratch(AdScratch *s)
{
	s->ntimes = 0;
	s->nsizes = 0;
	if (s->max_prices > 1024)
	{
		pfree(s->prices);
		s->prices = NULL;
		s->max_prices = 0;
	}
	else if (s->prices)
		memset(s->prices, 0, s->max_prices * sizeof(uint64));
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

/*
 * (own - other) / (own + other), correctly rounded where both are whole
 * numbers that a double holds: a filter compares it.
 */
static double
imbalance(AdQuantity own, AdQuantity other)
{
	AdQuantity	one = (AdQuantity) ad_pow10_int[AD_QTY_DECIMALS];

	if (own == 0 && other == 0)
		return AD_NAN;
	if (own % one == 0 && other % one == 0)
	{
		own /= one;
		other /= one;
		return (double) (own - other) / (double) (own + other);
	}
	return ((double) own - (double) other) / ((double) own + (double) other);
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

/* What one pass over the events of a sequence gathers beside its metrics. */
typedef struct Pass
{
	AdQuantity	opp_placed;		/* placements of the other side */
	AdQuantity	after;			/* cancelled at or after the first trade */
	AdQuantity	same_time;		/* cancelled at the last cancel's time */
	int64		fills;			/* trades of the orders' side */
	int64		first_order;
	int64		last_order;
	int64		last_cancel;
	int64		longest;		/* time to cancel */
	double		lowest;			/* prices of the orders */
	double		highest;
	double		sizes;			/* of the orders, summed */
	double		size;			/* of those with a price */
	double		value;			/* price times size, summed */
	double		opp_size;		/* the same of the other side's trades */
	double		opp_value;
	bool		not_positive;	/* one of these prices is */
} Pass;

/* Count a placement of the sequence's side. */
static inline void
count_order(const AdTape *tape, const AdEvent *e, AdSequence *s, Pass *pass,
			AdScratch *scratch)
{
	AdMetrics  *m = &s->m;
	double		size = ad_event_size(e);

	if (m->placed_orders++ == 0)
		pass->first_order = e->ts;
	pass->last_order = e->ts;
	m->placed_qty = ad_quantity_add(m->placed_qty, ad_event_units(e));
	pass->sizes += size;
	add_order_size(scratch, size);
	if (!isnan(e->price))
	{
		pass->size += size;
		pass->value += size * e->price;
		pass->lowest = Min(pass->lowest, e->price);
		pass->highest = Max(pass->highest, e->price);
		pass->not_positive |= e->price <= 0;
		add_price(scratch, e->price);
	}
	if (e->flags & AD_EVENT_MATCHED)
	{
		int64		cancelled = AD_AT(tape, e->link)->ts;

		if (cancelled <= s->end)
		{
			add_time(scratch, cancelled - e->ts);
			pass->longest = Max(pass->longest, cancelled - e->ts);
		}
	}
}

/* Count a cancel of the sequence's side. */
static inline void
count_cancel(const AdEvent *e, AdMetrics *m, Pass *pass)
{
	AdQuantity	units = ad_event_units(e);

	m->cancelled_orders++;
	m->cancelled_qty = ad_quantity_add(m->cancelled_qty, units);
	pass->same_time = e->ts == pass->last_cancel ? pass->same_time + units :
		units;
	pass->last_cancel = e->ts;
	if (m->opp_trades > 0)
		pass->after += units;
}

/* Count a trade of the other side. */
static inline void
count_opposite_trade(const AdEvent *e, AdMetrics *m, Pass *pass)
{
	double		size = ad_event_size(e);

	/* cancels at the very time of the first trade count as after */
	if (m->opp_trades++ == 0 && pass->last_cancel == e->ts)
		pass->after = pass->same_time;
	m->opp_trade_qty = ad_quantity_add(m->opp_trade_qty, ad_event_units(e));
	if (!isnan(e->price))
	{
		pass->opp_size += size;
		pass->opp_value += size * e->price;
		pass->not_positive |= e->price <= 0;
	}
}

/* Gather the counts, quantities and prices of the events in [lo, hi). */
static void
gather(const AdTape *tape, uint32 lo, uint32 hi, AdSequence *s, Pass *pass,
	   AdScratch *scratch)
{
	AdMetrics  *m = &s->m;

	memset(pass, 0, sizeof(Pass));
	pass->last_cancel = PG_INT64_MIN;
	pass->lowest = AD_INFINITY;
	pass->highest = -AD_INFINITY;
	for (uint32 pos = lo; pos < hi; pos++)
	{
		const AdEvent *e = AD_AT(tape, pos);
		bool		same = e->side == s->side;

		AD_CHECK_EVERY_1024(pos);
		if (e->kind == AD_EVENT_ORDER && same)
			count_order(tape, e, s, pass, scratch);
		else if (e->kind == AD_EVENT_ORDER)
			pass->opp_placed = ad_quantity_add(pass->opp_placed,
											   ad_event_units(e));
		else if (e->kind == AD_EVENT_CANCEL && same)
			count_cancel(e, m, pass);
		else if (e->kind == AD_EVENT_TRADE && same)
		{
			pass->fills++;
			m->spoof_side_fill_qty = ad_quantity_add(m->spoof_side_fill_qty,
													 ad_event_units(e));
		}
		else if (e->kind == AD_EVENT_TRADE)
			count_opposite_trade(e, m, pass);
	}
	m->matched_cancels = (int64) scratch->ntimes;
	m->price_levels = (int64) scratch->nprices;
}

/* Set the ratios and means that follow from what was gathered. */
static void
set_ratios(AdSequence *s, const Pass *pass, AdScratch *scratch)
{
	AdMetrics  *m = &s->m;
	double		placed = ad_quantity_double(m->placed_qty);
	double		traded = ad_quantity_double(m->opp_trade_qty);

	m->cancel_ratio = ratio((double) m->matched_cancels,
							(double) m->placed_orders);
	m->cancel_qty_ratio = ratio(ad_quantity_double(m->cancelled_qty), placed);
	m->price_span_bps = pass->size > 0 && pass->lowest > 0 ?
		(pass->highest - pass->lowest) / pass->lowest * 10000 : AD_NAN;
	m->median_time_to_cancel_s = median_time(scratch) / SECOND;
	m->max_time_to_cancel_s = scratch->ntimes > 0 ?
		(double) pass->longest / SECOND : AD_NAN;
	m->opp_trade_vwap = ratio(pass->opp_value, pass->opp_size);
	m->spoof_to_trade_qty_ratio = ratio(placed, traded);
	m->spoof_side_fill_ratio =
		ratio(ad_quantity_double(m->spoof_side_fill_qty), placed);
	m->own_order_imbalance = imbalance(m->placed_qty, pass->opp_placed);
	m->order_to_trade_ratio =
		ratio((double) (m->placed_orders + m->cancelled_orders),
			  (double) (m->opp_trades + pass->fills));
	m->cancel_to_trade_gap_s =
		m->cancelled_orders > 0 && s->found != AD_FOUND_BEFORE ?
		(double) (s->end - pass->last_cancel) / SECOND : AD_NAN;
	m->cancelled_after_trade_qty_ratio =
		ratio(ad_quantity_double(pass->after),
			  ad_quantity_double(m->cancelled_qty));
	m->mean_distance_bps = AD_NAN;
	if (pass->opp_size > 0 && pass->size > 0 && !pass->not_positive)
		m->mean_distance_bps = (s->side == AD_BUY ? 1 : -1) *
			(m->opp_trade_vwap - pass->value / pass->size) /
			m->opp_trade_vwap * 10000;
	m->mean_placement_gap_s = m->placed_orders > 1 ?
		(double) (pass->last_order - pass->first_order) /
		(double) (m->placed_orders - 1) / SECOND : AD_NAN;
}

/*
 * Return the deviation of the sizes of the orders over their mean, in a second
 * pass: no cancellation.  There is at least one.
 */
static double
size_variation(const AdScratch *scratch, double mean)
{
	double		squares = 0;

	for (Size i = 0; i < scratch->nsizes; i++)
	{
		double		d = scratch->sizes[i] - mean;

		AD_CHECK_EVERY_1024(i);
		squares += d * d;
	}
	return sqrt(squares / (double) scratch->nsizes) / mean;
}

/* Return the severity, from ratios that are set; NaN if none exists. */
static double
severity(const AdMetrics *m, const AdLayeringConfig *c)
{
	double		sum = 0;
	int			parts = 0;

	add_part(m->cancel_ratio, &sum, &parts);
	if (m->placed_orders > 0)
		add_part((double) (m->price_levels - 1) / 4, &sum, &parts);
	add_part(m->spoof_to_trade_qty_ratio / 10, &sum, &parts);
	add_part(1 - m->median_time_to_cancel_s /
			 ((double) c->cancel_window / SECOND), &sum, &parts);
	add_part(fabs(m->own_order_imbalance), &sum, &parts);
	add_part(1 - m->spoof_side_fill_ratio, &sum, &parts);
	return parts > 0 ? 100 * sum / parts : AD_NAN;
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
	Pass		pass;

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

	gather(tape, lo, hi, s, &pass, scratch);
	set_ratios(s, &pass, scratch);
	m->size_cv = m->placed_orders > 0 ?
		size_variation(scratch, pass.sizes / (double) m->placed_orders) :
		AD_NAN;
	m->severity = severity(m, c);
}
