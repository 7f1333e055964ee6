/*-------------------------------------------------------------------------
 *
 * periods.c
 *		Which periods does a series have, and how strong are they?
 *
 * One period after the other is found and taken out, until nothing is left:
 *
 *	- each length is judged on the series less its moving mean over that
 *	  length, with wild values clipped, by how much of it the OTHER cycles
 *	  foretell; it must exceed a bar that rises as there are fewer cycles;
 *	- lengths to judge are the maxima of the correlation at all multiples of
 *	  a length, of the series and of its events (short pulses are wild values
 *	  and clipped away);
 *	- a multiple of a period gives way to the period, and a season inside a
 *	  longer one (a day in a week) comes first;
 *	- the length is made exact by the season's harmonics, and taken for the
 *	  calendar's (an hour, a day, a week, a year) if it cannot be told from
 *	  that and the times say what the step is.
 *
 * This file runs the search; periods_pick.c chooses one period of a series,
 * periods_comb.c looks for lengths, periods_fold.c judges a length,
 * periods_length.c makes it exact.
 *
 * Long series are searched twice: their newest points in full resolution,
 * and the whole in averages for long periods.
 *
 *-------------------------------------------------------------------------
 */
#include "series/ad_periods.h"
#include "series/ad_periods_search.h"
#include "series/ad_series.h"
#include "series/ad_smoother.h"

#define MAX_FOUND		3		/* periods of one search; drop_multiple()
								 * compares three */
#define LONGEST			((Size) 32768)	/* points of one search */
#define FINE_LIMIT		((Size) 4096)	/* longer periods: coarse search */
#define MIN_POINTS		8		/* of a series, and with a value */
#define MIN_CYCLES		2.9		/* of a period */
#define MIN_CALENDAR	4		/* points of a calendar period */
#define CALENDAR_ROUND	0.1		/* points it may be off a whole number */
#define YEAR_DAYS		365		/* steps of a year of days */
#define LEAST_SCALE		1e-308	/* of values, to divide by */
#define NOTHING_LEFT	1e-4	/* of the first spread */

/*
 * Set the series to the values less their median, on a scale on which no
 * square overflows; false if they are all the same.
 */
static bool
scale_values(AdPeriodSearch *s, const double *values)
{
	double		greatest = LEAST_SCALE;
	double		middle;
	bool		differ = false;
	Size		m = 0;

	for (Size i = 0; i < s->n; i++)
		if (s->present[i])
			greatest = Max(greatest, fabs(values[i]));
	for (Size i = 0; i < s->n; i++)
		if (s->present[i])
			s->scratch[m++] = values[i] / greatest;
	middle = ad_series_median(s->scratch, m);
	for (Size i = 0; i < s->n; i++)
	{
		s->y[i] = s->present[i] ? values[i] / greatest - middle : 0;
		differ = differ || s->y[i] != 0;
	}
	ad_periods_total(s);
	return differ;
}

/* Set up a search; false if there is nothing to find anything in. */
static bool
begin_search(AdPeriodSearch *s, const double *values, Size n,
			 const Size *calendar, int ncalendar)
{
	bool	   *present = ad_palloc_array(bool, n);
	Size		length = 16;

	memset(s, 0, sizeof(AdPeriodSearch));
	for (Size i = 0; i < n; i++)
	{
		present[i] = isfinite(values[i]);
		s->npresent += present[i] ? 1 : 0;
	}
	if (s->npresent < MIN_POINTS)
		return false;
	s->n = n;
	s->present = present;
	s->longest = (Size) ((double) n / MIN_CYCLES);
	while (length < 2 * n)
		length *= 2;
	ad_fft_init(&s->fft, length);
	s->re = ad_palloc_array(double, length);
	s->im = ad_palloc_array(double, length);
	s->y = ad_palloc_array(double, n);
	s->x = ad_palloc_array(double, n);
	s->weight = ad_palloc_array(double, n);
	s->counts = ad_palloc_array(double, n + 1);
	s->totals = ad_palloc_array(double, n + 1);
	s->events = ad_palloc_array(double, n);
	s->sum = ad_palloc_array(double, n);
	s->square = ad_palloc_array(double, n);
	s->count = ad_palloc_array(double, n);
	s->scratch = ad_palloc_array(double, n);
	s->values = ad_palloc_array(double, n);
	s->distance = ad_palloc_array(double, n);
	s->sums = ad_palloc_array(double, n + 1);
	s->counts[0] = 0;
	for (Size i = 0; i < n; i++)
	{
		s->weight[i] = present[i] ? 1 : 0;
		s->counts[i + 1] = s->counts[i] + s->weight[i];
	}
	for (int c = 0; c < ncalendar; c++)
		if (calendar[c] >= MIN_CALENDAR && calendar[c] <= s->longest)
			s->calendar[s->ncalendar++] = calendar[c];
	return scale_values(s, values);
}

/* Return the least common multiple. */
static Size
common_multiple(Size a, Size b)
{
	Size		x = a;
	Size		y = b;

	while (y > 0)
	{
		Size		rest = x % y;

		x = y;
		y = rest;
	}
	return a / x * b;
}

/*
 * Drop a period that is the common multiple of two others: together they
 * repeat with it, and it says nothing more.  Return how many are left.
 */
static int
drop_multiple(Size *period, double *strength, int count)
{
	for (int i = 0; i < count && count == MAX_FOUND; i++)
	{
		Size		a = period[(i + 1) % MAX_FOUND];
		Size		b = period[(i + 2) % MAX_FOUND];

		if (period[i] == a || period[i] == b ||
			period[i] != common_multiple(a, b))
			continue;
		count--;
		for (int j = i; j < count; j++)
		{
			period[j] = period[j + 1];
			strength[j] = strength[j + 1];
		}
	}
	return count;
}

/*
 * Search n <= LONGEST points (NaN: missing) for periods in order of finding;
 * return their number, at most MAX_FOUND.
 */
static int
search(const double *values, Size n, const Size *calendar, int ncalendar,
	   Size *period, double *strength)
{
	AdPeriodSearch s;
	AdPeriodsFound found = {period, 0};
	double		first;

	if (n < MIN_POINTS || !begin_search(&s, values, n, calendar, ncalendar))
		return 0;
	first = ad_periods_spread(&s);
	while (found.n < MAX_FOUND)
	{
		Size		p = ad_periods_pick(&s, &found, &strength[found.n]);

		if (p == 0)
			break;
		period[found.n++] = p;
		ad_periods_take_out(&s, p);
		if (ad_periods_spread(&s) <= NOTHING_LEFT * first)
			break;
	}
	return drop_multiple(period, strength, found.n);
}

/*
 * Find the calendar's periods of a step: an hour, a day and a week of
 * microseconds, a year of days or of months.  Return their number.
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
	if (months == 0 && step == USECS_PER_DAY)
		calendar[count++] = YEAR_DAYS;
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
