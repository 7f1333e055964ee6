/*-------------------------------------------------------------------------
 *
 * grid.c
 *		Rows with times onto an equally spaced grid.
 *
 * The step is the median spacing of the distinct times.  Spacings of 28 to
 * 31 days, 90 to 92 or 365 to 366 are calendar months, quarters and years:
 * their grid counts months, so that it does not drift against the calendar.
 * The grid's phase is the median phase of the rows, so that jitter around
 * round times does not split neighbours unevenly.  Points without a row are
 * missing (NaN); rows that share a point are duplicates.
 *
 * Times come twice: "t" is what the phase follows (local wall clock if the
 * user named a time zone, else the same as utc) and "utc" the true instant.
 * Rows that share a point only because the clock was set back are averaged
 * whatever the option says about duplicates.
 *
 *-------------------------------------------------------------------------
 */
#include "math/ad_math.h"
#include "series/ad_grid.h"
#include "series/ad_smoother.h"

#include "utils/timestamp.h"
#include "utils/datetime.h"

#define ONE_DAY		INT64CONST(86400000000)

/* The calendar months of a spacing, or 0 if it is not one of months. */
static int
months_of(int64 step)
{
	double		days = (double) step / (double) ONE_DAY;
	static const int candidates[] = {1, 2, 3, 4, 6, 12};

	for (int i = 0; i < (int) lengthof(candidates); i++)
	{
		int			m = candidates[i];

		double		mean = m * 30.4375;

		/* narrow where whole weeks are near: 4 weeks, 52 weeks */
		if (days >= mean - (m == 3 || m == 4 || m == 6 ? 1.7 : .75) &&
			days <= mean + 1.7)
			return m;
	}
	return 0;
}

/* Months since 2000-01 of a time in microseconds, with a part of a month. */
static double
month_number(int64 t)
{
	int64		days = t / ONE_DAY - (t % ONE_DAY < 0 ? 1 : 0);
	int			year,
				month,
				day;

	j2date((int) (days + POSTGRES_EPOCH_JDATE), &year, &month, &day);
	return (year - 2000) * 12.0 + (month - 1) +
		((double) (day - 1) + (double) (t - days * ONE_DAY) / (double) ONE_DAY) / 31.0;
}

/* The time of a point of the grid. */
int64
ad_grid_time(const AdGrid *grid, Size i)
{
	int64		days;
	int64		rest;
	int			year,
				month,
				day;

	if (grid->months == 0)
		return grid->start + (int64) i * grid->step;

	/* the same day of a later month, or that month's last */
	days = grid->start / ONE_DAY - (grid->start % ONE_DAY < 0 ? 1 : 0);
	rest = grid->start - days * ONE_DAY;
	j2date((int) (days + POSTGRES_EPOCH_JDATE), &year, &month, &day);
	month = month - 1 + (int) i * grid->months;
	year += month / 12;
	month %= 12;
	day = Min(day, day_tab[isleap(year) ? 1 : 0][month]);
	days = date2j(year, month + 1, day) - POSTGRES_EPOCH_JDATE;
	return days * ONE_DAY + rest;
}

/*
 * Points of a span of time on a grid of the given step.  False, with the
 * problem, if it is not a whole number of steps or too long.
 */
bool
ad_grid_span(const AdSpan *span, int64 step, int months, Size *points,
			 AdSeriesProblem *problem)
{
	double		exact;

	if (span->points > 0)
	{
		*points = span->points;
		return true;
	}
	if (months > 0)
	{
		double		length = (double) span->months +
			(double) span->usec / ((double) ONE_DAY * 30.436875);

		exact = length / months;
	}
	else
		exact = ((double) span->months * 30.436875 * (double) ONE_DAY +
				 (double) span->usec) / (double) Max(step, 1);

	if (!(exact <= (double) AD_SERIES_MAX_PERIOD))
	{
		problem->code = ERRCODE_PROGRAM_LIMIT_EXCEEDED;
		problem->message = psprintf("period \"%s\" has too many points: %.0f",
									span->text, exact);
		problem->detail = psprintf("The limit is %zu.", AD_SERIES_MAX_PERIOD);
		return false;
	}
	/* months on a grid of days are never whole: the mean length rounds */
	if (fabs(exact - rint(exact)) > 0.1 && span->months == 0)
	{
		problem->code = ERRCODE_INVALID_PARAMETER_VALUE;
		problem->message = psprintf("period \"%s\" is %.3f steps of the series, not a whole number",
									span->text, exact);
		problem->hint = "Aggregate the series to a step that divides the period, or give the period in points.";
		return false;
	}
	if (rint(exact) < 2)
	{
		problem->code = ERRCODE_INVALID_PARAMETER_VALUE;
		problem->message = psprintf("period \"%s\" is shorter than two steps of the series",
									span->text);
		problem->detail = "The step is the median spacing of the times.";
		return false;
	}
	*points = (Size) rint(exact);
	return true;
}

/* The median spacing of distinct times, 0 if there are fewer than two. */
static int64
median_step(const int64 *t, Size n)
{
	int64	   *sorted = ad_palloc_array(int64, n);
	double	   *spacing = ad_palloc_array(double, n);
	bool		in_order = true;
	Size		m = 0;
	Size		k = 0;
	int64		step = 0;

	for (Size i = 0; i < n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		if (t[i] != AD_NO_TIME)
		{
			if (m > 0 && t[i] < sorted[m - 1])
				in_order = false;
			sorted[m++] = t[i];
		}
	}
	CHECK_FOR_INTERRUPTS();
	if (!in_order)
		ad_sort_int64(sorted, m);
	for (Size i = 1; i < m; i++)
	{
		AD_CHECK_EVERY_1024(i);
		if (sorted[i] != sorted[i - 1])
			spacing[k++] = (double) (sorted[i] - sorted[i - 1]);
	}
	if (k > 0)
	{
		double		first = spacing[0];
		bool		all_equal = true;

		for (Size i = 1; i < k && all_equal; i++)
			all_equal = (spacing[i] == first);
		step = (int64) (all_equal ? first :
						ad_series_select(spacing, k, (k - 1) / 2));
	}
	pfree(sorted);
	pfree(spacing);
	return step;
}

/* The median phase of the rows against the first one, within half a step. */
static int64
median_phase(const int64 *t, Size n, int64 start, int64 step)
{
	double	   *phase = ad_palloc_array(double, n);
	Size		m = 0;
	bool		exact = true;
	int64		result = 0;

	for (Size i = 0; i < n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		if (t[i] != AD_NO_TIME)
		{
			int64		p = (t[i] - start) % step;

			if (p > step / 2)
				p -= step;
			if (p != 0)
				exact = false;
			phase[m++] = (double) p;
		}
	}
	if (!exact)
		result = (int64) ad_series_select(phase, m, (m - 1) / 2);
	pfree(phase);
	return result;
}

/* The grid has more points than allowed. */
static bool
too_long(double points, Size rows, AdSeriesProblem *problem)
{
	problem->code = ERRCODE_PROGRAM_LIMIT_EXCEEDED;
	problem->message = psprintf("series of %zu rows would need a grid of %.0f points",
								rows, points);
	problem->detail = psprintf("The limit is %zu.", AD_SERIES_MAX_POINTS);
	problem->hint = "The step is the median spacing of the times; look for stray times far from the others.";
	return false;
}

/*
 * Lay n rows on a grid.  t[i] = AD_NO_TIME: the row has no place.
 * "calendar": the times are microseconds, so months may be recognised.
 * "each": bytes that the caller will need for each point of the grid.
 * Arrays of the grid are palloc'd in the current context, and need not
 * exist if false is returned with the problem.
 */
bool
ad_grid_build(const int64 *t, const int64 *utc, const double *v, Size n,
			  AdDuplicates duplicates, bool calendar, Size each,
			  AdGrid *grid, AdSeriesProblem *problem)
{
	int64		first = PG_INT64_MAX;
	int64		last = PG_INT64_MIN;
	double		points;
	double		month0 = 0;
	uint32	   *count;
	int64	   *seen;

	memset(grid, 0, sizeof(AdGrid));
	for (Size i = 0; i < n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		if (t[i] != AD_NO_TIME)
		{
			first = Min(first, t[i]);
			last = Max(last, t[i]);
		}
	}
	if (first > last)
		return true;			/* no row has a time */

	/* so that no difference of two times overflows */
	if ((double) last - (double) first > 4e18)
		return too_long((double) last - (double) first, n, problem);
	grid->step = median_step(t, n);
	grid->start = first;
	if (grid->step == 0)
	{
		grid->step = 1;
		points = 1;
	}
	else
	{
		if (calendar)
			grid->months = months_of(grid->step);
		if (grid->months > 0)
		{
			month0 = month_number(first);
			points = (month_number(last) - month0) / grid->months + 1.5;
		}
		else
		{
			grid->start += median_phase(t, n, first, grid->step);
			/* the first row must round to point 0 */
			if (grid->start - first > grid->step / 2)
				grid->start -= grid->step;
			points = ((double) last - (double) grid->start) /
				(double) grid->step + 1.5;
		}
	}
	if (!(points <= (double) AD_SERIES_MAX_POINTS))
		return too_long(points, n, problem);
	grid->n = (Size) points;
	if (!ad_series_affordable(ad_mul_size(grid->n, each + sizeof(double)) +
							  n * (2 * sizeof(double) + sizeof(uint32)),
							  grid->n, problem))
		return false;

	grid->y = ad_palloc0_array(double, grid->n + 1 + AD_LOESS_PAD);
	grid->slot = ad_palloc_array(uint32, n);
	count = ad_palloc0_array(uint32, grid->n + 1);
	seen = NULL;
	for (Size i = 0; i < n; i++)
	{
		Size		s;

		AD_CHECK_EVERY_1024(i);
		if (t[i] == AD_NO_TIME)
		{
			grid->slot[i] = AD_NO_SLOT;
			continue;
		}
		if (grid->months > 0)
			s = (Size) ((month_number(t[i]) - month0) / grid->months + 0.5);
		else
		{
			int64		d = t[i] - grid->start + grid->step / 2;

			s = d < 0 ? 0 : (Size) (d / grid->step);
		}
		s = Min(s, grid->n - 1);
		grid->slot[i] = (uint32) s;
		if (isnan(v[i]))
			continue;
		if (count[s] > 0)
		{
			if (duplicates != AD_DUPLICATES_MEAN && seen == NULL)
			{
				/* when was each point first seen: rarely needed, so late */
				seen = ad_palloc_array(int64, grid->n + 1);
				for (Size j = 0; j < i; j++)
					if (grid->slot[j] != AD_NO_SLOT && !isnan(v[j]))
						seen[grid->slot[j]] = utc[j];
			}
			/* within half a step of each other: a true duplicate */
			if (duplicates != AD_DUPLICATES_MEAN &&
				llabs(utc[i] - seen[s]) <= grid->step / 2)
			{
				if (duplicates == AD_DUPLICATES_ERROR)
				{
					problem->code = ERRCODE_UNIQUE_VIOLATION;
					problem->message = "series has more than one value at a time";
					problem->detail = psprintf("The first repeated point is number %zu of the grid.",
											   s + 1);
					problem->hint = "Option \"duplicates\" can be \"mean\" or \"last\".";
					return false;
				}
				grid->y[s] = v[i];
				count[s] = 1;
				seen[s] = utc[i];
				continue;
			}
		}
		if (seen)
			seen[s] = utc[i];
		grid->y[s] += v[i];
		count[s]++;
	}
	for (Size s = 0; s < grid->n; s++)
	{
		if (count[s] == 0)
			grid->y[s] = NAN;
		else if (count[s] > 1)
			grid->y[s] /= count[s];
	}
	memset(grid->y + grid->n, 0, AD_LOESS_PAD * sizeof(double));
	pfree(count);
	if (seen)
		pfree(seen);
	return true;
}
