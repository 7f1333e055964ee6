/*-------------------------------------------------------------------------
 *
 * periods_pick.c
 *		Finding periods: the one that explains a series best.
 *
 * Candidates are the calendar's and the spectrum's (periods_spectrum.c).
 * Each is judged by the autocorrelation of the series detrended for it; the
 * best one is then replaced by a part of itself that does as well, and its
 * length made exact.  Only if no candidate is a period are twice and three
 * times each of them tried: the common multiple of two seasons repeats even
 * if neither does on its own.
 *
 * The constants below were not derived.  Each trades finding a weak period
 * against reporting one that is not there, or the period against a multiple
 * of it; sql/series_periods.sql tests what they give together: eight real
 * series, a hundred generated ones with one or two periods, white noise and
 * random walks.
 *
 *-------------------------------------------------------------------------
 */
#include "series/ad_periods_search.h"

#define MAX_CANDIDATES	(AD_PERIODS_CALENDAR + AD_PERIODS_PROPOSED)
#define MAX_MULTIPLE	3		/* of a candidate, tried if none is a period */
#define MAX_TRIED		(MAX_MULTIPLE * MAX_CANDIDATES)
#define MIN_PERIOD		3		/* points; two can only alternate */

/*
 * A period must have this autocorrelation with endless cycles, and the more
 * the fewer there are (this over the cycles), since few agree by chance: a
 * lower bar finds periods in noise and random walks, a higher one misses
 * noisy seasons.
 */
#define BAR				0.45
#define BAR_CYCLES		1.3

/*
 * When two lengths are the same but for rounding and a drifting phase, as of
 * a candidate and the calendar's period, or of a lag and a multiple.
 */
#define SAME_POINTS		1.0		/* at least */
#define SAME_SHARE		0.02	/* of the length */

/*
 * A lag is a peak if it rises so far over both sides within a quarter of it:
 * what decays only, as a random walk does, has none.
 */
#define PEAK_RISE		0.05
#define PEAK_PART		4

/*
 * A multiple of a period found before must rise so far over the multiples
 * between its quarter and three quarters; all are about equal if it is
 * nothing of its own.
 */
#define MULTIPLE_RISE	0.15

/*
 * Twice a period must correlate as well, up to this slack, if it lies within
 * seven tenths of the series: further out, too few pairs are left to tell.
 */
#define TWICE_SLACK		0.1
#define TWICE_TENTHS	7

/*
 * Around the strongest lag, the period is refined where the sum over its
 * first multiples is greatest: as many as fit in this share of the series
 * but no more than six, in steps of a quarter point, within this share of
 * the lag.  Far multiples sharpen the length but have few pairs.
 */
#define REFINE_SERIES	0.6
#define REFINE_MULTIPLES 6.0
#define REFINE_SHARE	0.05
#define REFINE_STEP		0.25
#define REFINE_TIE		1e-12	/* sums that differ less are equal */

/* What a calendar period's strength counts for against another's. */
#define CALENDAR_WEIGHT	1.02

/* A period that is tried anew may be longer than before by this. */
#define RETRY_LONGER	1.06

/*
 * Part of a common multiple: a candidate shorter than seven tenths of it,
 * with this share of the bar (the other season disturbs it), whose multiple
 * meets it within these limits.  The part is taken instead, so that both
 * seasons are found, one after the other.
 */
#define PART_TENTHS		7
#define PART_BAR		0.6
#define PART_POINTS		2.0
#define PART_SHARE		0.03

/*
 * A divisor is the period if its autocorrelation is this share of the
 * multiple's; a calendar one is taken sooner.  Lower, and a day made of two
 * unequal halves becomes half a day; higher, and noise makes a multiple of
 * the period win.
 */
#define AS_GOOD			0.93
#define AS_GOOD_CALENDAR 0.85
#define MAX_DIVISOR		5		/* of those that the spectrum did not propose */

/*
 * Longer periods get an exact length: the one whose phase means hold most
 * energy, among those within this share.  A short one is exact already.
 */
#define EXACT_ABOVE		20
#define EXACT_SHARE		0.04

/* One candidate that was judged. */
typedef struct Judged
{
	Size		period;
	double		strength;		/* confirmed at twice the period */
	double		at;				/* autocorrelation at the period */
	int			multiple;		/* of a candidate; 1: itself */
	double	   *acf;			/* of the series detrended for it, n lags */
} Judged;

/* The choice of one period. */
typedef struct Pick
{
	AdPeriodSearch *s;
	const double *y;			/* the series without what was found */
	const AdPeriodsFound *found;
	int			ncandidates;
	double		period[MAX_CANDIDATES];
	double		spread[MAX_CANDIDATES]; /* how far off each may be */
	int			ntried;
	Judged		tried[MAX_TRIED];
} Pick;

/*
 * Tell whether a difference is within so many points, or a share of a length.
 */
static inline bool
within(double difference, double points, double share, double length)
{
	return fabs(difference) <= Max(points, share * length);
}

/* Return the greatest autocorrelation at a lag and next to it. */
static inline double
peak_at(const double *r, Size lag)
{
	return Max(Max(r[lag - 1], r[lag]), r[lag + 1]);
}

/* Return the calendar period near a lag, or the lag itself. */
static Size
snap(const AdPeriodSearch *s, Size lag)
{
	for (int c = 0; c < s->ncalendar; c++)
		if (within((double) lag - (double) s->calendar[c], SAME_POINTS,
				   SAME_SHARE, (double) s->calendar[c]) &&
			2 * s->calendar[c] <= s->n)
			return s->calendar[c];
	return lag;
}

/*
 * Return the length near a lag whose multiples have the greatest
 * autocorrelations.
 */
static Size
refine(const double *r, Size n, Size lag)
{
	double		fitting = REFINE_SERIES * (double) n / (double) lag;
	int			multiples = (int) Max(1.0, Min(REFINE_MULTIPLES, fitting));
	double		width = Max(1.0, REFINE_SHARE * (double) lag);
	double		last = Min((double) lag + width, (double) (n / 2));
	double		best = -INFINITY;
	double		from = 0;
	double		to = 0;

	/* several lengths may round to the same lags: take their middle */
	for (double g = Max(2.0, (double) lag - width); g <= last + 0.01;
		 g += REFINE_STEP)
	{
		double		sum = 0;

		for (int m = 1; m <= multiples; m++)
			sum += r[Min((Size) rint(m * g), n - 1)];
		if (sum > best + REFINE_TIE)
		{
			best = sum;
			from = to = g;
		}
		else if (sum > best - REFINE_TIE)
			to = g;
	}
	return (Size) rint((from + to) / 2);
}

/*
 * Return the lag of the strongest autocorrelation within spread of a period,
 * with the multiples' help; r is filled for the series detrended for it.  0
 * if there is no such lag.
 */
static Size
best_lag(const Pick *pick, double period, double spread, double *r)
{
	Size		n = pick->s->n;
	double		lo = Max(2.0, floor(period - spread));
	double		hi = Min(ceil(period + spread), (double) (n / 2));
	Size		lag;

	if (hi < lo)
		return 0;
	ad_periods_detrend(pick->s, pick->y, (Size) rint(period));
	ad_periods_autocorrelation(pick->s, r);
	lag = (Size) lo;
	for (Size l = (Size) lo; l <= (Size) hi; l++)
		if (r[l] > r[lag])
			lag = l;
	return spread > 0 ? refine(r, n, lag) : lag;
}

/* Return the least strength of a period: more with fewer cycles. */
static double
bar(const AdPeriodSearch *s, Size period)
{
	return BAR + BAR_CYCLES * (double) period / (double) s->n;
}

/* Tell whether the autocorrelation rises at a lag from what is around it. */
static bool
is_peak(const double *r, Size n, Size lag)
{
	Size		reach = Max(lag / PEAK_PART, 1);
	double		left = lag > 1 ? INFINITY : -1;
	double		right = INFINITY;

	for (Size l = lag > reach ? lag - reach : 1; l < lag; l++)
		left = Min(left, r[l]);
	for (Size l = lag + 1; l < Min(lag + reach + 1, n); l++)
		right = Min(right, r[l]);
	if (isinf(right))
		right = -1;
	return !(r[lag] - Max(left, right) < PEAK_RISE);
}

/*
 * Tell whether a lag is only one among the about equal multiples of a period
 * found.
 */
static bool
is_echo(const double *r, Size lag, Size found)
{
	Size		k = (Size) rint((double) lag / (double) found);
	double		lowest = INFINITY;

	if (found == lag)
		return true;
	if (k < 2 || !within((double) lag - (double) (k * found), SAME_POINTS,
						 SAME_SHARE, (double) lag))
		return false;
	for (Size j = 1; j < k; j++)
		if (4 * j * found >= lag && 4 * j * found <= 3 * lag)
			lowest = Min(lowest, r[j * found]);
	return r[lag] - lowest < MULTIPLE_RISE;
}

/*
 * Judge a lag by its autocorrelation.  False if it is no peak at all, or
 * nothing but a multiple of a period found before.
 */
static bool
judge(const Pick *pick, const double *r, Size lag, Judged *out)
{
	Size		n = pick->s->n;

	if (lag < 2 || lag >= n)
		return false;
	if (!is_peak(r, n, lag))
		return false;
	for (int f = 0; f < pick->found->n; f++)
		if (is_echo(r, lag, pick->found->period[f]))
			return false;

	out->period = lag;
	out->at = r[lag];
	out->strength = r[lag];
	if (10 * 2 * lag < TWICE_TENTHS * n)
		out->strength = Min(r[lag], peak_at(r, 2 * lag) + TWICE_SLACK);
	return true;
}

/* Collect the candidates: the calendar's, exact, and the spectrum's. */
static void
collect_candidates(Pick *pick)
{
	const AdPeriodSearch *s = pick->s;
	int			count = 0;

	for (int c = 0; c < s->ncalendar; c++)
	{
		pick->period[count] = (double) s->calendar[c];
		pick->spread[count++] = 0;
	}
	pick->ncandidates = count +
		ad_periods_propose(pick->s, pick->y, pick->period + count,
						   pick->spread + count);
}

/* Tell whether a period was judged already. */
static bool
was_tried(const Pick *pick, Size period)
{
	for (int t = 0; t < pick->ntried; t++)
		if (pick->tried[t].period == period)
			return true;
	return false;
}

/* Judge a multiple of every candidate that is not over the longest length. */
static void
try_candidates(Pick *pick, int multiple, double longest)
{
	const AdPeriodSearch *s = pick->s;
	double		n = (double) s->n;

	for (int c = 0; c < pick->ncandidates; c++)
	{
		double		p = pick->period[c] * multiple;
		Judged	   *judged = &pick->tried[pick->ntried];
		double	   *r;
		Size		lag;
		Size		snapped;

		/* two cycles, and three of what nothing proposed */
		if (p > longest || p < MIN_PERIOD || 2 * p > n ||
			(multiple > 1 && 3 * p > n))
			continue;
		CHECK_FOR_INTERRUPTS();
		r = ad_palloc_array(double, s->n);
		lag = best_lag(pick, p, pick->spread[c] * multiple, r);
		snapped = lag > 0 ? snap(s, lag) : 0;
		if (snapped != lag)
			lag = best_lag(pick, (double) snapped, 0, r);
		if (lag == 0 || was_tried(pick, lag) || !judge(pick, r, lag, judged))
		{
			pfree(r);
			continue;
		}
		judged->multiple = multiple;
		judged->acf = r;
		pick->ntried++;
	}
}

/* Return the strength of a candidate against the others'. */
static double
weight(const Pick *pick, const Judged *judged)
{
	return judged->strength *
		(ad_periods_is_calendar(pick->s, judged->period) ?
		 CALENDAR_WEIGHT : 1.0);
}

/*
 * Return the strongest over the bar among the multiples of candidates; NULL:
 * none.
 */
static const Judged *
best_of(const Pick *pick, int multiple)
{
	const Judged *best = NULL;

	for (int t = 0; t < pick->ntried; t++)
	{
		const Judged *judged = &pick->tried[t];

		if (judged->multiple == multiple &&
			judged->strength >= bar(pick->s, judged->period) &&
			(best == NULL || weight(pick, judged) > weight(pick, best)))
			best = judged;
	}
	return best;
}

/*
 * Return the strongest candidate that a common multiple is made of, or
 * itself.
 */
static const Judged *
strongest_part(const Pick *pick, const Judged *multiple)
{
	double		whole = (double) multiple->period;
	const Judged *part = NULL;

	for (int t = 0; t < pick->ntried; t++)
	{
		const Judged *judged = &pick->tried[t];
		Size		d = judged->period;
		double		k = rint(whole / (double) d);

		if (judged->multiple == 1 && 10 * d < PART_TENTHS * multiple->period &&
			judged->strength >= PART_BAR * bar(pick->s, d) &&
			within(whole - k * (double) d, PART_POINTS, PART_SHARE, whole) &&
			(part == NULL || judged->strength > part->strength))
			part = judged;
	}
	return part ? part : multiple;
}

/*
 * Return the shortest candidate that divides another and does about as well.
 */
static const Judged *
shortest_divisor(const Pick *pick, const Judged *best)
{
	Size		whole = best->period;
	const Judged *chosen = best;

	for (int t = 0; t < pick->ntried; t++)
	{
		const Judged *judged = &pick->tried[t];
		Size		d = judged->period;
		double		k = rint((double) whole / (double) d);

		if (d < chosen->period && k >= 2 &&
			judged->strength >= bar(pick->s, d) &&
			within((double) whole - k * (double) d, SAME_POINTS, SAME_SHARE,
				   (double) whole) &&
			judged->at >= peak_at(judged->acf, whole) *
			(ad_periods_is_calendar(pick->s, d) ? AS_GOOD_CALENDAR : AS_GOOD))
			chosen = judged;
	}
	return chosen;
}

/*
 * Return a divisor of a period that does about as well and that nothing
 * proposed, the shortest first; the period itself if there is none.
 */
static Size
hidden_divisor(const Pick *pick, Size whole, double *strength)
{
	double	   *r = ad_palloc_array(double, pick->s->n);

	for (int k = MAX_DIVISOR; k >= 2; k--)
	{
		double		d = (double) whole / k;
		Size		lag;

		if (rint(d) < MIN_PERIOD)
			continue;
		lag = best_lag(pick, d, 1, r);
		if (lag < MIN_PERIOD || ad_periods_among(pick->found, lag))
			continue;
		if (r[lag] >= AS_GOOD * peak_at(r, whole) &&
			r[lag] >= bar(pick->s, lag))
		{
			*strength = r[lag];
			return lag;
		}
	}
	return whole;
}

/* Return the length near a period whose phase means hold most energy. */
static Size
exact_length(const Pick *pick, Size period)
{
	AdPeriodSearch *s = pick->s;
	Size		width = Max((Size) (EXACT_SHARE * (double) period), 1);
	double		highest = -1;
	Size		result = period;

	ad_periods_detrend(s, pick->y, period);
	for (Size q = period - width; q <= period + width; q++)
	{
		double		energy;

		CHECK_FOR_INTERRUPTS();
		if (2 * q > s->n || ad_periods_among(pick->found, q))
			continue;
		energy = ad_periods_fold_energy(s, q);
		if (energy > highest)
		{
			highest = energy;
			result = q;
		}
	}
	return result;
}

/* Return the period that the best candidate stands for, and its strength. */
static Size
settle(const Pick *pick, const Judged *best, double *strength)
{
	const Judged *chosen;
	Size		result;

	if (best->multiple > 1)
		best = strongest_part(pick, best);
	chosen = shortest_divisor(pick, best);
	result = chosen->period;
	*strength = chosen->strength;
	if (chosen == best && !ad_periods_is_calendar(pick->s, result))
		result = hidden_divisor(pick, result, strength);
	if (!ad_periods_is_calendar(pick->s, result) && result > EXACT_ABOVE)
		result = exact_length(pick, result);
	return result;
}

/*
 * Pick the one period of y that explains it best, 0 if there is none, with
 * its strength; "found" are those removed before, "limit" (if not 0) the
 * longest to look for.
 */
Size
ad_periods_pick(AdPeriodSearch *s, const double *y,
				const AdPeriodsFound *found, Size limit, double *strength)
{
	MemoryContext mcxt = AllocSetContextCreate(CurrentMemoryContext,
											   "anomaly periods",
											   ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(mcxt);
	double		longest = limit > 0 ? RETRY_LONGER * (double) limit :
		(double) s->n;
	Pick		pick;
	const Judged *best = NULL;
	Size		result = 0;

	pick.s = s;
	pick.y = y;
	pick.found = found;
	pick.ntried = 0;
	collect_candidates(&pick);
	for (int multiple = 1; multiple <= MAX_MULTIPLE && best == NULL; multiple++)
	{
		try_candidates(&pick, multiple, longest);
		best = best_of(&pick, multiple);
	}
	if (best)
		result = settle(&pick, best, strength);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(mcxt);
	return result;
}
