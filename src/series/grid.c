/*-------------------------------------------------------------------------
 *
 * grid.c
 *		Rows with times onto an equally spaced grid.
 *
 * The step is given, or the median spacing of the distinct times; if most
 * spacings are others, as with times that jitter or of which many are
 * missing, it is found from the densest spacings by a walk that keeps in phase
 * with the times, and is a round length if that keeps in phase as well.
 * Spacings of 28 to 31 days, 90 to 92 or 365 to 366 are calendar months,
 * quarters and years: their grid counts months, so that it does not drift
 * against the calendar.
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
#define MEAN_MONTH	30.436875	/* days */

/* Of times that jitter: spacings that tell; how many of them are looked at
 * for the densest, and times for their phase; the share of spacings that are
 * of one step; how far off half of them may be, in steps; what a walk corrects
 * of that, and how many there are. */
#define FEWEST_SPACINGS	4
#define DENSEST_OF		((Size) 4096)
#define PHASES_OF		((Size) 65536)
#define SINGLE_SHARE	0.2
#define JITTER_SHARE	0.15
#define WALK_GAIN		0.1
#define WALKS			3

/* Of a round length: how far it may be from the step found, in steps and in
 * spacings' jitter for each; how much worse the times may keep to it, and few
 * of them. */
#define ROUND_OFF		0.02
#define ROUND_JITTER	6.0
#define ROUND_WORSE		1.25
#define ROUND_FEW		3.0
#define ROUND_TENS		12

/* what step_of() takes of a row while it works */
#define STEP_BYTES		(sizeof(uint64) + 2 * sizeof(double))

#define MAX_RANGE	4e18		/* of times: less than half of what int64
								 * holds */

/* Return the calendar months of a spacing, or 0 if it is not one of months. */
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

/*
 * Return the months since 2000-01 of a time in microseconds, with a part of a
 * month.
 */
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

/* Return the time of a point of the grid. */
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
 * Find the points of a span of time on a grid of n points and the given step.
 * False, with the problem, if it is too long or not a whole number of steps;
 * of a series too short for two of it, whose step may be known roughly, the
 * nearest number does.
 */
bool
ad_grid_span(const AdSpan *span, Size n, int64 step, int months, Size *points,
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
			(double) span->usec / ((double) ONE_DAY * MEAN_MONTH);

		exact = length / months;
	}
	else
		exact = ((double) span->months * MEAN_MONTH * (double) ONE_DAY +
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
	if (fabs(exact - rint(exact)) > 0.1 && span->months == 0 &&
		2 * rint(exact) <= (double) n)
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
		problem->detail = "The step is the usual spacing of the times.";
		return false;
	}
	*points = (Size) rint(exact);
	return true;
}

/* Find the first and the last time of the rows; false if no row has a time. */
static bool
time_range(const int64 *t, Size n, int64 *first, int64 *last)
{
	int64		min = PG_INT64_MAX;
	int64		max = PG_INT64_MIN;

	for (Size i = 0; i < n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		if (t[i] != AD_NO_TIME)
		{
			min = Min(min, t[i]);
			max = Max(max, t[i]);
		}
	}
	*first = min;
	*last = max;
	return min <= max;
}

/* Return the middle of the densest of k spacings: the half-sample mode. */
static double
densest(const double *spacing, Size k)
{
	double		sorted[DENSEST_OF];
	Size		m = Min(k, DENSEST_OF);
	Size		from = 0;

	for (Size i = 0; i < m; i++)
		sorted[i] = spacing[i * k / m];
	ad_sort_doubles(sorted, m);
	while (m > 2)
	{
		Size		half = (m + 1) / 2;
		Size		best = from;

		for (Size i = from; i + half <= from + m; i++)
			if (sorted[i + half - 1] - sorted[i] <
				sorted[best + half - 1] - sorted[best])
				best = i;
		from = best;
		m = half;
	}
	return (sorted[from] + sorted[from + m - 1]) / 2;
}

/*
 * Return the mean of the spacings that are one step of about the given
 * length; 0 if few are.
 */
static double
single_step(const double *spacing, Size k, double step)
{
	double		total = 0;
	Size		singles = 0;

	for (Size i = 0; i < k; i++)
		if (fabs(spacing[i] - step) < step / 2)
		{
			total += spacing[i];
			singles++;
		}
	return (double) singles < SINGLE_SHARE * (double) k ? 0 :
		total / (double) singles;
}

/*
 * Walk past all times in steps of about the given length, in phase with
 * them: jitter does not add up, and a time that is there twice or between two
 * steps is no step.  Return the mean step of the walk.
 */
static double
walk(const double *spacing, Size k, double step)
{
	double		ahead = 0;		/* of the walk against the last time */
	double		length = 0;
	double		steps = 0;

	for (Size i = 0; i < k; i++)
	{
		double		taken = rint((spacing[i] - ahead) / step);

		AD_CHECK_EVERY_1024(i);
		length += spacing[i];
		steps += taken;
		ahead += taken * step - spacing[i];
		ahead -= WALK_GAIN * ahead;
	}
	return steps > 0 ? (length + ahead) / steps : step;
}

/* Return how far half of the spacings are from a multiple of the step. */
static double
spacings_off(const double *spacing, Size k, double step, double *scratch)
{
	for (Size i = 0; i < k; i++)
		scratch[i] = fabs(spacing[i] - rint(spacing[i] / step) * step);
	return ad_series_select(scratch, k, (k - 1) / 2);
}

/*
 * Return how far half of m times since the first are from their grid of the
 * step.
 */
static double
times_off(const uint64 *since, Size m, double step, double *scratch)
{
	Size		n = Min(m, PHASES_OF);
	double		middle;

	for (Size i = 0; i < n; i++)
	{
		double		t = (double) since[i * m / n];

		scratch[i] = t - rint(t / step) * step;
	}
	middle = ad_series_select(scratch, n, (n - 1) / 2);
	for (Size i = 0; i < n; i++)
	{
		double		off = scratch[i] - middle;

		scratch[i] = fabs(off - rint(off / step) * step);
	}
	return ad_series_select(scratch, n, (n - 1) / 2);
}

/*
 * Return the roundest length about the step whose grid m times keep to as
 * well, else the step; "jitter" is that of their spacings.
 */
static double
round_step(const uint64 *since, Size m, double step, double jitter,
		   double *scratch)
{
	static const double units[] = {86400, 3600, 900, 300, 60, 15, 5, 1};
	double		near = Max(ROUND_OFF * step, ROUND_JITTER * jitter / (double) m);
	double		off = times_off(since, m, step, scratch) *
		(ROUND_WORSE + ROUND_FEW / sqrt((double) m));
	double		tens = 1e12;
	double		last = 0;

	for (int i = 0; i <= ROUND_TENS; i++, tens /= 10)
		for (int u = 0; u < (int) lengthof(units); u++)
		{
			double		unit = units[u] * tens;
			double		candidate = rint(step / unit) * unit;

			if (candidate == last || !(fabs(candidate - step) <= near))
				continue;
			last = candidate;
			if (times_off(since, m, candidate, scratch) <=
				Min(off, JITTER_SHARE * candidate))
				return candidate;
		}
	return step;
}

/*
 * Return the step of m times since the first, whose k spacings are given and
 * not mostly equal: the median if they have no other.  The scratch has room
 * for m.
 */
static double
jittered_step(const uint64 *since, Size m, const double *spacing, Size k,
			  double median, double *scratch)
{
	double		step = single_step(spacing, k, densest(spacing, k));
	double		jitter;

	if (step == 0)
		return median;
	for (int i = 0; i < WALKS; i++)
		step = walk(spacing, k, step);
	jitter = spacings_off(spacing, k, step, scratch);
	if (jitter > JITTER_SHARE * step)
		return median;
	return round_step(since, m, step, jitter, scratch);
}

/* Count the spacings of a length. */
static Size
count_of(const double *spacing, Size k, double step)
{
	Size		equal = 0;

	for (Size i = 0; i < k; i++)
		equal += (spacing[i] == step) ? 1 : 0;
	return equal;
}

/*
 * Set "since" to the distinct times since the first, ascending; return their
 * number.  The scratch has room for as many.
 */
static Size
distinct_times(const int64 *t, Size n, int64 first, uint64 *since,
			   double *scratch)
{
	bool		in_order = true;
	Size		m = 0;
	Size		k = 0;

	for (Size i = 0; i < n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		if (t[i] != AD_NO_TIME)
		{
			since[m] = (uint64) (t[i] - first);
			if (m > 0 && since[m] < since[m - 1])
				in_order = false;
			m++;
		}
	}
	if (!in_order)
		ad_sort_bits(since, m, 0, (uint64 *) scratch);
	for (Size i = 0; i < m; i++)
	{
		AD_CHECK_EVERY_1024(i);
		if (k == 0 || since[i] != since[k - 1])
			since[k++] = since[i];
	}
	return k;
}

/*
 * Return the first spacing of times that ascend, if it is that of most; else
 * 0.  Takes no memory, and most series no more than this.
 */
static int64
usual_spacing(const int64 *t, Size n)
{
	int64		first = 0;
	Size		equal = 0;
	Size		all = 0;

	if (n == 0 || t[0] == AD_NO_TIME)
		return 0;
	for (Size i = 1; i < n; i++)
	{
		int64		spacing;

		AD_CHECK_EVERY_1024(i);
		if (t[i] < t[i - 1])
			return 0;
		spacing = t[i] - t[i - 1];
		if (first == 0)
			first = spacing;
		all += spacing != 0;
		equal += spacing == first;
	}
	return 2 * equal > all ? first : 0;
}

/*
 * Return the step of the distinct times, of which the first is given; 0 if
 * there are fewer than two.
 */
static int64
step_of(const int64 *t, Size n, int64 first)
{
	uint64	   *since;
	double	   *spacing;
	double	   *scratch;
	int64		usual = usual_spacing(t, n);
	double		step = 0;
	Size		m;
	Size		k;

	if (usual > 0)
		return usual;
	since = ad_palloc_array(uint64, n);
	spacing = ad_palloc_array(double, n);
	scratch = ad_palloc_array(double, n);
	m = distinct_times(t, n, first, since, scratch);
	k = m > 0 ? m - 1 : 0;
	for (Size i = 0; i < k; i++)
		spacing[i] = scratch[i] = (double) (since[i + 1] - since[i]);
	if (k > 0)
	{
		CHECK_FOR_INTERRUPTS();
		step = ad_series_select(scratch, k, (k - 1) / 2);
		if (k >= FEWEST_SPACINGS && 2 * count_of(spacing, k, step) < k)
			step = jittered_step(since, m, spacing, k, step, scratch);
	}
	pfree(since);
	pfree(spacing);
	pfree(scratch);
	return (int64) rint(step);
}

/*
 * Return the step of n times, each of which is one: 0 if they are all the same,
 * or so far apart that it cannot be worked out.
 */
int64
ad_grid_step(const int64 *t, Size n)
{
	int64		first;
	int64		last;

	if (!time_range(t, n, &first, &last) ||
		(double) last - (double) first > MAX_RANGE)
		return 0;
	return step_of(t, n, first);
}

/*
 * Return the median phase of the rows against the first one, within half a
 * step.
 */
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

/* Say that the grid has more points than allowed. */
static bool
too_long(double points, Size rows, AdSeriesProblem *problem)
{
	problem->code = ERRCODE_PROGRAM_LIMIT_EXCEEDED;
	problem->message = psprintf("series of %zu rows would need a grid of %.0f points",
								rows, points);
	problem->detail = psprintf("The limit is %zu.", AD_SERIES_MAX_POINTS);
	problem->hint = "The step is the usual spacing of the times; look for stray times far from the others.";
	return false;
}

/* Rows on their way onto a grid. */
typedef struct Laying
{
	const int64 *t;				/* times that the phase follows */
	const int64 *utc;			/* true instants */
	const double *v;			/* values; NaN: none */
	Size		n;				/* rows */
	AdDuplicates duplicates;	/* what becomes of them */
	const AdSpan *step;			/* as given; nothing: found */
	double		first_month;	/* of the first row, if the grid counts months */
	uint32	   *count;			/* values of each point */
	int64	   *seen;			/* instant of a point's value, or NULL */
} Laying;

/*
 * Set the step of the grid, and its months: as given, in the unit that the
 * times have, or of the rows' times.  False, with the problem, if it is in
 * another.
 */
static bool
set_step(const Laying *l, bool calendar, int64 first, AdGrid *grid,
		 AdSeriesProblem *problem)
{
	const AdSpan *given = l->step;

	if (given->text == NULL && given->points == 0)
	{
		grid->step = step_of(l->t, l->n, first);
		if (calendar && grid->step > 0)
			grid->months = months_of(grid->step);
		return true;
	}
	if (calendar != (given->text !=NULL))
	{
		problem->code = ERRCODE_INVALID_PARAMETER_VALUE;
		problem->message = calendar ?
			psprintf("step %zu needs numbers, not times", given->points) :
			psprintf("step \"%s\" needs times, not numbers", given->text);
		problem->hint = calendar ? "Give the step as an interval." :
			"Give the step as a number.";
		return false;
	}
	if (!calendar)
		grid->step = (int64) given->points;
	else
	{
		grid->step = given->usec +
			(int64) ((double) given->months * MEAN_MONTH * (double) ONE_DAY);
		if (given->usec == 0)
			grid->months = (int) given->months;
	}
	return true;
}

/*
 * Set the start of the grid from the rows' times; return how many points it
 * would have.
 */
static double
measure(Laying *l, int64 first, int64 last, AdGrid *grid)
{
	grid->start = first;
	if (grid->step == 0)
	{
		/* all rows at one time */
		grid->step = 1;
		return 1;
	}
	if (grid->months > 0)
	{
		l->first_month = month_number(first);
		return (month_number(last) - l->first_month) / grid->months + 1.5;
	}
	grid->start += median_phase(l->t, l->n, first, grid->step);
	/* the first row must round to point 0 */
	if (grid->start - first > grid->step / 2)
		grid->start -= grid->step;
	return (double) (last - grid->start) / (double) grid->step + 1.5;
}

/* Return the point of the grid that a time is nearest to. */
static inline Size
point_of(const Laying *l, const AdGrid *grid, int64 t)
{
	Size		point;

	if (grid->months > 0)
		point = (Size) ((month_number(t) - l->first_month) / grid->months + 0.5);
	else
	{
		int64		d = t - grid->start + grid->step / 2;

		point = d < 0 ? 0 : (Size) (d / grid->step);
	}
	return Min(point, grid->n - 1);
}

/* Note when each point was first seen, by the rows before row i. */
static void
note_instants(Laying *l, const AdGrid *grid, Size i)
{
	l->seen = ad_palloc_array(int64, grid->n + 1);
	for (Size j = 0; j < i; j++)
		if (grid->slot[j] != AD_NO_SLOT && !isnan(l->v[j]))
			l->seen[grid->slot[j]] = l->utc[j];
}

/* Say that a point is repeated. */
static void
repeated(Size point, AdSeriesProblem *problem)
{
	problem->code = ERRCODE_UNIQUE_VIOLATION;
	problem->message = "series has more than one value at a time";
	problem->detail = psprintf("The first repeated point is number %zu of the grid.",
							   point + 1);
	problem->hint = "Option \"duplicates\" can be \"mean\" or \"last\".";
}

/*
 * Add the value of row i to its point.  False, with the problem, if the
 * point has one and may have no other.
 */
static inline bool
add_value(Laying *l, AdGrid *grid, Size i, AdSeriesProblem *problem)
{
	Size		point = grid->slot[i];

	if (l->count[point] > 0 && l->duplicates != AD_DUPLICATES_MEAN)
	{
		/* rarely needed, so late */
		if (l->seen == NULL)
			note_instants(l, grid, i);
		/* within half a step of each other: a true duplicate */
		if (llabs(l->utc[i] - l->seen[point]) <= grid->step / 2)
		{
			if (l->duplicates == AD_DUPLICATES_ERROR)
			{
				repeated(point, problem);
				return false;
			}
			grid->y[point] = l->v[i];
			l->count[point] = 1;
			l->seen[point] = l->utc[i];
			return true;
		}
	}
	if (l->seen)
		l->seen[point] = l->utc[i];
	grid->y[point] += l->v[i];
	l->count[point]++;
	return true;
}

/*
 * Lay the rows on the grid's points, which get the mean of their values.
 * False, with the problem, if the rows have duplicates and may have none.
 */
static bool
lay(Laying *l, AdGrid *grid, AdSeriesProblem *problem)
{
	grid->y = ad_palloc0_array(double, grid->n + 1 + AD_LOESS_PAD);
	grid->slot = ad_palloc_array(uint32, l->n);
	l->count = ad_palloc0_array(uint32, grid->n + 1);
	l->seen = NULL;
	for (Size i = 0; i < l->n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		if (l->t[i] == AD_NO_TIME)
		{
			grid->slot[i] = AD_NO_SLOT;
			continue;
		}
		grid->slot[i] = (uint32) point_of(l, grid, l->t[i]);
		if (!isnan(l->v[i]) && !add_value(l, grid, i, problem))
			return false;
	}
	for (Size p = 0; p < grid->n; p++)
	{
		if (l->count[p] == 0)
			grid->y[p] = NAN;
		else if (l->count[p] > 1)
			grid->y[p] /= l->count[p];
	}
	memset(grid->y + grid->n, 0, AD_LOESS_PAD * sizeof(double));
	pfree(l->count);
	if (l->seen)
		pfree(l->seen);
	return true;
}

/*
 * Lay n rows on a grid.  t[i] = AD_NO_TIME: the row has no place.
 * "calendar": the times are microseconds, so months may be recognised.
 * "step": as the user gave it; without text and points: found.
 * "each": bytes that the caller will need for each point of the grid; what
 * the rows hold, AD_GRID_ROW_BYTES, is charged here.
 * Arrays of the grid are palloc'd in the current context, and need not
 * exist if false is returned with the problem.
 */
bool
ad_grid_build(const int64 *t, const int64 *utc, const double *v, Size n,
			  AdDuplicates duplicates, bool calendar, const AdSpan *step,
			  Size each, AdGrid *grid, AdSeriesProblem *problem)
{
	Laying		l = {t, utc, v, n, duplicates, step, 0, NULL, NULL};
	int64		first;
	int64		last;
	double		points;
	Size		held = ad_mul_size(n, utc == t ? AD_GRID_ROW_BYTES :
								   AD_GRID_ROW_BYTES + sizeof(int64));

	memset(grid, 0, sizeof(AdGrid));
	if (!ad_series_affordable(held + ad_mul_size(n, STEP_BYTES), n, problem))
		return false;
	if (!time_range(t, n, &first, &last))
		return true;
	/* so that no difference of two times overflows */
	if ((double) last - (double) first > MAX_RANGE)
		return too_long((double) last - (double) first, n, problem);
	if (!set_step(&l, calendar, first, grid, problem))
		return false;
	points = measure(&l, first, last, grid);
	if (!(points <= (double) AD_SERIES_MAX_POINTS))
		return too_long(points, n, problem);
	grid->n = (Size) points;
	if (!ad_series_affordable(held + ad_mul_size(grid->n, each + sizeof(double)),
							  grid->n, problem))
		return false;
	return lay(&l, grid, problem);
}
