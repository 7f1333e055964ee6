/*-------------------------------------------------------------------------
 *
 * periods.c
 *		Which periods does a series have, and how strong are they?
 *
 * After AUTOPERIOD (Vlachos, Yu & Castelli 2005, "On periodicity detection
 * and structural periodic similarity"): peaks of the periodogram propose
 * periods, the autocorrelation confirms them.  What is added makes it hold
 * on operations data:
 *
 *	- each candidate P is judged on the series less its moving mean over P
 *	  points, with wild values clipped: trend, slower seasons and level
 *	  shifts are gone whatever they are, and a random walk has nothing left;
 *	- calendar candidates (an hour, a day, a week; a year of months) are
 *	  always judged, and a candidate next to one is taken for it;
 *	- the strength is the autocorrelation at P, confirmed at 2 P; it must
 *	  exceed a bar that rises as the series has fewer cycles;
 *	- a divisor of P that does as well as P is the period; a multiple of a
 *	  period found before must stand out from the multiples between;
 *	- a period found is removed as the local mean of each phase and the
 *	  search starts again; at the end each is tried anew on the series
 *	  without the others.
 *
 * This file runs the search; periods_pick.c chooses one period of a series,
 * periods_spectrum.c makes what it judges by.
 *
 * Long series are searched twice: their newest points in full resolution,
 * and the whole in averages for long periods.
 *
 *-------------------------------------------------------------------------
 */
#include "series/ad_periods.h"
#include "series/ad_periods_search.h"
#include "series/ad_series.h"

#define MAX_FOUND		3		/* periods of one search */
#define RETRIES			2		/* rounds in which each is tried anew */
#define LONGEST			((Size) 32768)	/* points of one search */
#define FINE_LIMIT		((Size) 4096)	/* longer periods: coarse search */
#define MIN_POINTS		8		/* of a series, and with a value */
#define MIN_CALENDAR	4		/* points of a calendar period */
#define CALENDAR_ROUND	0.1		/* points it may be off a whole number */

/* Cycles to each side of a phase's mean: more make it less noisy, fewer
 * follow a season that changes. */
#define SIDE_CYCLES		9

/*
 * Wild values are clipped in the whole series, for a level that they do not
 * move, and then around the local level (the mean of a twentieth, or of five
 * points), so that no shift of level counts as wild.
 */
#define WILD			4		/* deviations */
#define WILD_LOCAL		5		/* deviations from the local level */
#define LEVEL_PART		20
#define LEVEL_POINTS	5

/* A search on its way: each season found is taken out of the rest. */
typedef struct Progress
{
	AdPeriodSearch s;
	double	   *rest;			/* the series without the seasons */
	int			count;			/* periods found */
	Size	   *period;			/* in order of finding */
	double	   *strength;
	double	   *season[MAX_FOUND];
} Progress;

/* Set up a search; false if there are too few values to find anything in. */
static bool
begin_search(Progress *p, const double *values, Size n, const Size *calendar,
			 int ncalendar)
{
	AdPeriodSearch *s = &p->s;
	bool	   *present = ad_palloc_array(bool, n);
	Size		npresent = 0;
	Size		length = 16;

	memset(s, 0, sizeof(AdPeriodSearch));
	p->count = 0;
	p->rest = ad_palloc_array(double, n);
	for (Size i = 0; i < n; i++)
	{
		present[i] = isfinite(values[i]);
		p->rest[i] = present[i] ? values[i] : 0;
		npresent += present[i];
	}
	if (npresent < MIN_POINTS)
		return false;
	s->n = n;
	s->present = present;
	while (length < 2 * n)
		length *= 2;
	ad_fft_init(&s->fft, length);
	s->re = ad_palloc_array(double, length);
	s->im = ad_palloc_array(double, length);
	s->x = ad_palloc_array(double, n);
	s->sorted = ad_palloc_array(double, n);
	s->sums = ad_palloc_array(double, n + 1);
	s->counts = ad_palloc_array(uint32, n + 1);
	for (int c = 0; c < ncalendar; c++)
		if (calendar[c] >= MIN_CALENDAR && 2 * calendar[c] <= n)
			s->calendar[s->ncalendar++] = calendar[c];
	return true;
}

/* Clip wild values about the local level. */
static void
tame(Progress *p)
{
	AdPeriodSearch *s = &p->s;
	double	   *level = ad_palloc_array(double, s->n);

	memcpy(s->x, p->rest, s->n * sizeof(double));
	ad_periods_clip(s, s->x, WILD);
	ad_periods_moving_mean(s, s->x,
						   Max(s->n / LEVEL_PART, LEVEL_POINTS) | 1, level);
	for (Size i = 0; i < s->n; i++)
		p->rest[i] = s->present[i] ? p->rest[i] - level[i] : 0;
	ad_periods_clip(s, p->rest, WILD_LOCAL);
	for (Size i = 0; i < s->n; i++)
		p->rest[i] = s->present[i] ? p->rest[i] + level[i] : 0;
}

/*
 * Set season to the mean of each phase of y, less its moving mean, over the
 * cycles around: so it follows a season that changes.
 */
static void
phase_means(AdPeriodSearch *s, const double *y, Size period, double *season)
{
	Size		n = s->n;
	Size		side = SIDE_CYCLES * period;

	ad_periods_detrend(s, y, period);
	for (Size p = 0; p < period && p < n; p++)
	{
		double		sum = 0;
		double		m = 0;
		Size		next = p;

		for (Size i = p; i < n; i += period)
		{
			for (; next < n && next <= i + side; next += period)
				if (s->present[next])
				{
					sum += s->x[next];
					m += 1;
				}
			if (i > side + p && i - side >= period && s->present[i - side - period])
			{
				sum -= s->x[i - side - period];
				m -= 1;
			}
			season[i] = m > 0 ? sum / m : 0;
		}
	}
}

/* Take the season of period number j out of the rest. */
static void
take_out(Progress *p, int j)
{
	phase_means(&p->s, p->rest, p->period[j], p->season[j]);
	for (Size i = 0; i < p->s.n; i++)
		p->rest[i] -= p->season[j][i];
}

/* Find periods one after the other until nothing is left, or enough are. */
static void
find_first(Progress *p)
{
	while (p->count < MAX_FOUND)
	{
		int			j = p->count;
		AdPeriodsFound found = {p->period, p->count};
		Size		period = ad_periods_pick(&p->s, p->rest, &found, 0,
											 &p->strength[j]);

		if (period == 0)
			break;
		p->period[j] = period;
		p->season[j] = ad_palloc_array(double, p->s.n);
		take_out(p, j);
		p->count++;
	}
}

/*
 * Try period number j anew on the series without the others; false if it is
 * none then, and forgotten.
 */
static bool
retry(Progress *p, int j)
{
	Size		others[MAX_FOUND];
	AdPeriodsFound found = {others, 0};
	Size		period;

	for (int i = 0; i < p->count; i++)
		if (i != j)
			others[found.n++] = p->period[i];
	for (Size i = 0; i < p->s.n; i++)
		p->rest[i] += p->season[j][i];
	period = ad_periods_pick(&p->s, p->rest, &found, p->period[j],
							 &p->strength[j]);
	if (period > 0)
	{
		p->period[j] = period;
		take_out(p, j);
		return true;
	}
	p->count--;
	for (int i = j; i < p->count; i++)
	{
		p->period[i] = p->period[i + 1];
		p->strength[i] = p->strength[i + 1];
		p->season[i] = p->season[i + 1];
	}
	return false;
}

/*
 * Search n <= LONGEST points (NaN: missing) for periods in order of finding;
 * return their number, at most MAX_FOUND.
 */
static int
search(const double *values, Size n, const Size *calendar, int ncalendar,
	   Size *period, double *strength)
{
	Progress	p;

	p.period = period;
	p.strength = strength;
	if (n < MIN_POINTS || !begin_search(&p, values, n, calendar, ncalendar))
		return 0;
	tame(&p);
	find_first(&p);
	if (p.count > 1)
		for (int round = 0; round < RETRIES; round++)
			for (int j = 0; j < p.count;)
				j += retry(&p, j) ? 1 : 0;
	return p.count;
}

/*
 * Find the calendar's periods of a step: an hour, a day and a week of
 * microseconds, a year of months.  Return their number.
 */
static int
calendar_periods(Size n, int64 step, int months, Size *calendar)
{
	static const int64 spans[] = {
		INT64CONST(3600000000), INT64CONST(86400000000),
		INT64CONST(604800000000)
	};
	int			count = 0;

	if (months > 0 && 12 % months == 0 && 12 / months >= MIN_CALENDAR)
		calendar[count++] = 12 / (Size) months;
	else if (months == 0 && step > 0)
		for (int i = 0; i < (int) lengthof(spans); i++)
		{
			double		exact = (double) spans[i] / (double) step;

			if (exact >= MIN_CALENDAR - CALENDAR_ROUND &&
				exact <= (double) n &&
				fabs(exact - rint(exact)) <= CALENDAR_ROUND)
				calendar[count++] = (Size) rint(exact);
		}
	return count;
}

/* Return the means of each "width" points that are finite; NaN where none is. */
static double *
averages(const double *y, Size n, Size width)
{
	Size		count = n / width;
	double	   *result = ad_palloc_array(double, count);

	for (Size i = 0; i < count; i++)
	{
		double		sum = 0;
		Size		k = 0;

		for (Size j = 0; j < width; j++)
			if (isfinite(y[i * width + j]))
			{
				sum += y[i * width + j];
				k++;
			}
		result[i] = k > 0 ? sum / (double) k : NAN;
	}
	return result;
}

/*
 * Search a series of more than LONGEST points as a whole, in averages, and
 * add the long periods to those found; return the new number.
 */
static int
add_long_periods(const double *y, Size n, const Size *calendar, int ncalendar,
				 Size *period, double *strength, int count)
{
	Size		width = (n + LONGEST - 1) / LONGEST;
	Size		coarse_calendar[AD_PERIODS_CALENDAR];
	int			ncoarse = 0;
	Size		coarse_period[MAX_FOUND];
	double		coarse_strength[MAX_FOUND];
	int			found;

	for (int c = 0; c < ncalendar; c++)
		if (calendar[c] % width == 0)
			coarse_calendar[ncoarse++] = calendar[c] / width;
	found = search(averages(y, n, width), n / width, coarse_calendar, ncoarse,
				   coarse_period, coarse_strength);
	for (int i = 0; i < found && count < AD_SERIES_MAX_SEASONS; i++)
	{
		AdPeriodsFound known = {period, count};
		Size		p = coarse_period[i] * width;

		for (int c = 0; c < ncalendar; c++)
			if (fabs((double) p - (double) calendar[c]) <= (double) width)
				p = calendar[c];
		if (p > FINE_LIMIT && !ad_periods_among(&known, p))
		{
			period[count] = p;
			strength[count++] = coarse_strength[i];
		}
	}
	return count;
}

/* Sort a few periods strongest first; equal ones stay in their order. */
static void
sort_by_strength(Size *period, double *strength, int count)
{
	for (int i = 1; i < count; i++)
		for (int j = i; j > 0 && strength[j - 1] < strength[j]; j--)
		{
			Size		p = period[j];
			double		s = strength[j];

			period[j] = period[j - 1];
			strength[j] = strength[j - 1];
			period[j - 1] = p;
			strength[j - 1] = s;
		}
}

/*
 * Find the periods of n points (NaN: missing).  step: microseconds of a step,
 * or 0; months: calendar months of a step, or 0.  Fill period and strength
 * (room for AD_SERIES_MAX_SEASONS) strongest first; return their number.
 */
int
ad_periods_find(const double *y, Size n, int64 step, int months,
				Size *period, double *strength)
{
	MemoryContext mcxt = AllocSetContextCreate(CurrentMemoryContext,
											   "anomaly period search",
											   ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(mcxt);
	Size		calendar[AD_PERIODS_CALENDAR] = {0};
	int			ncalendar = calendar_periods(n, step, months, calendar);
	Size		newest = Min(n, LONGEST);
	int			count;

	count = search(y + (n - newest), newest, calendar, ncalendar, period,
				   strength);
	if (n > LONGEST)
		count = add_long_periods(y, n, calendar, ncalendar, period, strength,
								 count);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(mcxt);

	/* pairs at the lag may vary a little more than all points do */
	for (int i = 0; i < count; i++)
		strength[i] = Min(strength[i], 1.0);
	sort_by_strength(period, strength, count);
	return count;
}

/* Find the periods to decompose with, ascending; return their number. */
int
ad_periods_auto(const double *y, Size n, int64 step, int months, Size *periods)
{
	double		strength[AD_SERIES_MAX_SEASONS];
	int			count = ad_periods_find(y, n, step, months, periods, strength);

	return ad_periods_sort(periods, count);
}

/* Compare for ascending order of periods, for qsort. */
static int
by_length(const void *a, const void *b)
{
	Size		x = *(const Size *) a;
	Size		y = *(const Size *) b;

	return (x > y) - (x < y);
}

/* Sort ascending and drop repeats; return how many are left. */
int
ad_periods_sort(Size *periods, int n)
{
	int			m = 0;

	qsort(periods, n, sizeof(Size), by_length);
	for (int i = 0; i < n; i++)
		if (m == 0 || periods[i] != periods[m - 1])
			periods[m++] = periods[i];
	return m;
}
