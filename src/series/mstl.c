/*-------------------------------------------------------------------------
 *
 * mstl.c
 *		A series into trend, one or several seasons, and what remains.
 *
 * Bandara, Hyndman & Bergmeir (2021), "MSTL: a seasonal-trend decomposition
 * algorithm for time series with multiple seasonal patterns": periods in
 * ascending order, each season taken by STL from the series without the
 * other seasons, for a few rounds; the trend is the last STL's.  Without a
 * season the trend alone is smoothed, robustly if asked.
 *
 * Here also: parameters that were left open get the values of R's stl(),
 * points without a finite value become missing ones, and a series of huge
 * values is scaled by a power of two, so that no sum overflows.
 *
 *-------------------------------------------------------------------------
 */
#include "series/ad_smoother.h"
#include "series/ad_stl.h"

#include <float.h>

#define EXTREME_EXPONENT 300	/* of two: values beyond, or below 2^-300, get
								 * scaled */

/* Return the next odd whole number not below x. */
static Size
next_odd(double x)
{
	Size		w = (Size) ceil(x);

	return w | 1;
}

/* Return a tenth of a window, at least one: R's default jump. */
static Size
default_jump(int given, Size window)
{
	return given > 0 ? (Size) given : (window + 9) / 10;
}

/*
 * Resolve the parameters for one of the periods; windows are by rank of
 * period.
 */
static void
resolve(const AdStlOptions *o, Size n, Size period, int rank,
		AdStlParams *p)
{
	double		s;

	p->period = period;
	p->periodic = false;
	if (o->nwindows > 0)
		p->s_window = o->windows[Min(rank, o->nwindows - 1)];
	else
		p->s_window = 11 + 4 * (Size) rank;
	p->s_degree = o->seasonal_degree;
	if (p->s_window == 0)
	{
		p->periodic = true;
		p->s_window = 10 * n + 1;
		p->s_degree = 0;
	}
	s = (double) p->s_window;
	p->s_jump = default_jump(o->seasonal_jump, p->s_window);
	p->t_window = o->trend_window > 0 ? (Size) o->trend_window :
		next_odd(1.5 * (double) period / (1.0 - 1.5 / s));
	p->t_degree = o->trend_degree;
	p->t_jump = default_jump(o->trend_jump, p->t_window);
	p->l_window = o->lowpass_window > 0 ? (Size) o->lowpass_window : (period | 1);
	p->l_degree = o->lowpass_degree >= 0 ? o->lowpass_degree : o->trend_degree;
	p->l_jump = default_jump(o->lowpass_jump, p->l_window);
	p->inner = o->inner_iterations > 0 ? o->inner_iterations : o->robust ? 1 : 2;
	p->outer = ad_stl_outer(o);
	p->plain = NULL;
	/* a window of one value would leave no neighbour to smooth with */
	p->s_window = Max(p->s_window, 3);
	p->l_window = Max(p->l_window, 3);
	p->t_window = Max(p->t_window, 3);
}

/* Return the window of a trend without season, if none is given. */
Size
ad_stl_trend_window(Size n)
{
	return next_odd(Min(Max((double) n / 10.0, 7.0), 1001.0));
}

/* Return the bytes that ad_stl_decompose() needs at most for n points. */
Size
ad_stl_bytes(Size n, const Size *periods, int nperiods)
{
	Size		longest = 0;

	/* several seasons are fitted a second time, plain, if the first is robust */
	Size		arrays = 9 + (nperiods > 1 ? (Size) nperiods + 2 : 0);

	for (int i = 0; i < nperiods; i++)
		if (2 * periods[i] <= n)
			longest = Max(longest, periods[i]);
	return ad_add_size(ad_mul_size(ad_stl_work_doubles(n, longest),
								   sizeof(double)),
					   ad_mul_size(n + AD_LOESS_PAD,
								   arrays * sizeof(double)));
}

/* Return n zeros and a pad, in the current context. */
static double *
zeros(Size n)
{
	/* fresh pages take their time */
	CHECK_FOR_INTERRUPTS();
	return ad_palloc0_array(double, n + AD_LOESS_PAD);
}

/* Fill points without a value by straight lines between their neighbours. */
static void
fill_missing(double *y, Size n, const uint32 *missing, Size nmissing)
{
	Size		m = 0;

	while (m < nmissing)
	{
		Size		from = missing[m];
		Size		to = from;
		double		a,
					b;

		while (m < nmissing && missing[m] == to)
		{
			m++;
			to++;
		}
		/* [from, to) is missing */
		if (from == 0)
			a = b = y[to];
		else if (to == n)
			a = b = y[from - 1];
		else
		{
			a = y[from - 1];
			b = y[to];
		}
		for (Size i = from; i < to; i++)
			y[i] = a + (b - a) * (double) (i - from + 1) /
				(double) (to - from + 1);
		CHECK_FOR_INTERRUPTS();
	}
}

/* Fit the trend of a series without season, robust in p->outer passes. */
static void
fit_trend(const AdStlWork *work, const AdStlOptions *o, double *y, Size n,
		  const uint32 *missing, Size nmissing, AdStlResult *result)
{
	AdLoess		l;
	Size		window = o->trend_window > 0 ? (Size) o->trend_window :
		ad_stl_trend_window(n);
	int			outer = ad_stl_outer(o);

	ad_loess_init(&l, window, o->trend_degree, default_jump(o->trend_jump, window), n);
	/* the caller's memory may hold anything */
	memset(result->season, 0, n * sizeof(double));
	for (Size i = 0; i < n; i++)
		result->weight[i] = 1;
	for (Size i = 0; i < nmissing; i++)
		result->weight[missing[i]] = 0;
	for (int pass = 0;; pass++)
	{
		double		h;
		Size		present = 0;
		Size		m = 0;

		ad_loess_smooth(&l, work->kernels, y, n,
						pass > 0 || nmissing > 0 ? result->weight : NULL,
						result->trend);
		for (Size i = 0; i < nmissing; i++)
			y[missing[i]] = result->trend[missing[i]];
		if (pass >= outer)
			break;
		if (pass == 0 && result->plain)
			memcpy(result->plain, result->trend, n * sizeof(double));
		work->kernels->absolute(y, result->trend, result->season, n,
								work->detrended);
		for (Size i = 0; i < n; i++)
		{
			if (m < nmissing && missing[m] == i)
				m++;
			else
				work->low[present++] = work->detrended[i];
		}
		h = 6.0 * ad_series_median_of(work->low, present, work->pass);
		work->kernels->bisquare(work->detrended, h, n, result->weight);
		for (Size i = 0; i < nmissing; i++)
			result->weight[missing[i]] = 0;
	}
}

/*
 * Keep the periods that the series holds twice, and count the others;
 * returns the longest kept.
 */
static Size
keep_periods(const Size *periods, int nperiods, AdStlResult *result)
{
	Size		longest = 0;

	result->nseasons = 0;
	result->ndropped = 0;
	result->dropped = 0;
	for (int i = 0; i < nperiods; i++)
	{
		if (2 * periods[i] <= result->n)
		{
			result->periods[result->nseasons++] = periods[i];
			longest = Max(longest, periods[i]);
		}
		else
		{
			result->ndropped++;
			result->dropped = periods[i];
		}
	}
	return longest;
}

/* Allocate the arrays of the result that the caller did not provide. */
static void
allocate(const AdStlOptions *o, AdStlResult *result)
{
	Size		n = result->n;

	if (result->trend == NULL)
		result->trend = zeros(n);
	if (result->season == NULL)
		result->season = zeros(n);
	if (result->weight == NULL)
		result->weight = zeros(n);
	for (int s = 0; s < result->nseasons; s++)
		result->seasons[s] = result->nseasons == 1 ? result->season : zeros(n);
	/* a season that is made periodic afterwards is not the one before */
	if (o->threshold_method == AD_THRESHOLD_TAIL && ad_stl_outer(o) > 0 &&
		(result->nseasons == 0 ||
		 (result->nseasons == 1 && !(o->nwindows > 0 && o->windows[0] == 0))))
		result->plain = zeros(n);
}

/*
 * Copy the n points into "copy"; return the numbers of those that are not
 * finite, and sets the largest of the others.
 */
static uint32 *
copy_points(const double *y, Size n, double *copy, Size *nmissing,
			double *largest)
{
	uint32	   *missing;
	double		max = 0;
	Size		absent = 0;
	Size		m = 0;

	memset(copy + n, 0, AD_LOESS_PAD * sizeof(double));
	for (Size i = 0; i < n; i++)
	{
		double		a = fabs(y[i]);

		copy[i] = y[i];
		if (a <= DBL_MAX)
			max = Max(max, a);
		else
			absent++;
	}
	missing = ad_palloc_array(uint32, absent);
	if (absent > 0)
		for (Size i = 0; i < n; i++)
			if (!isfinite(y[i]))
				missing[m++] = (uint32) i;
	CHECK_FOR_INTERRUPTS();
	*nmissing = absent;
	*largest = max;
	return missing;
}

/* Set the result of a series without any finite value. */
static void
set_empty(AdStlResult *result)
{
	result->empty = true;
	result->nseasons = 0;
	for (Size i = 0; i < result->n; i++)
	{
		result->trend[i] = result->season[i] = NAN;
		result->weight[i] = 0;
	}
}

/*
 * Fit several seasons, each to the series without the others.  y becomes
 * what is left without any of them.
 */
static void
fit_seasons(const AdStlWork *work, const AdStlOptions *o, double *y, Size n,
			const uint32 *missing, Size nmissing, AdStlResult *result)
{
	for (int round = 0; round < o->iterations; round++)
		for (int s = 0; s < result->nseasons; s++)
		{
			AdStlParams p;
			double	   *season = result->seasons[s];

			resolve(o, n, result->periods[s], s, &p);
			for (Size i = 0; i < n; i++)
				y[i] += season[i];
			ad_stl_fit(work, &p, y, n, missing, nmissing, season,
					   result->trend, result->weight);
			for (Size i = 0; i < n; i++)
				y[i] -= season[i];
		}
	for (Size i = 0; i < n; i++)
	{
		double		sum = 0;

		for (int s = 0; s < result->nseasons; s++)
			sum += result->seasons[s][i];
		result->season[i] = sum;
	}
}

/* Fit the trend and the seasons that there are; y has no gap, and is lost. */
static void
fit(const AdStlWork *work, const AdStlOptions *o, double *y, Size n,
	const uint32 *missing, Size nmissing, AdStlResult *result)
{
	AdStlParams p;

	if (result->nseasons == 0)
		fit_trend(work, o, y, n, missing, nmissing, result);
	else if (result->nseasons == 1)
	{
		resolve(o, n, result->periods[0], 0, &p);
		p.plain = result->plain;
		ad_stl_fit(work, &p, y, n, missing, nmissing, result->season,
				   result->trend, result->weight);
	}
	else
		fit_seasons(work, o, y, n, missing, nmissing, result);
}

/* Multiply n values by a power of two, which is exact. */
static void
shift(double *values, Size n, int exponent)
{
	for (Size i = 0; i < n; i++)
		values[i] = ldexp(values[i], exponent);
}

/* Give the parts of a series that was scaled their size. */
static void
scale_back(AdStlResult *result, int exponent)
{
	shift(result->trend, result->n, exponent);
	if (result->plain)
		shift(result->plain, result->n, exponent);
	for (int s = 0; s < result->nseasons; s++)
		shift(result->seasons[s], result->n, exponent);
	if (result->nseasons > 1)
		shift(result->season, result->n, exponent);
}

/*
 * Decompose y (NaN: missing, infinite: missing for the fit) with the given
 * ascending periods.  Those longer than half the series are dropped and
 * counted.  Arrays of the result that the caller did not provide are
 * allocated in the current context.
 */
void
ad_stl_decompose(const double *y, Size n, const AdStlOptions *o,
				 const Size *periods, int nperiods, AdStlScratch *lent,
				 AdStlResult *result)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext scratch;
	Size		longest;
	double	   *copy;
	uint32	   *missing;
	Size		nmissing;
	double		largest;
	int			exponent = 0;
	AdStlWork	work;

	result->n = n;
	result->empty = false;
	longest = keep_periods(periods, nperiods, result);
	allocate(o, result);
	CHECK_FOR_INTERRUPTS();

	scratch = AllocSetContextCreate(caller, "anomaly decomposition",
									ALLOCSET_SMALL_SIZES);
	MemoryContextSwitchTo(scratch);
	copy = ad_stl_scratch(lent, n + AD_LOESS_PAD +
						  ad_stl_work_doubles(n, longest));
	missing = copy_points(y, n, copy, &nmissing, &largest);
	result->nmissing = nmissing;
	result->largest = largest;
	if (nmissing == n)
		set_empty(result);
	else
	{
		(void) frexp(largest, &exponent);
		exponent = abs(exponent) > EXTREME_EXPONENT ? exponent : 0;
		if (exponent != 0)
			shift(copy, n, -exponent);
		CHECK_FOR_INTERRUPTS();
		fill_missing(copy, n, missing, nmissing);
		ad_stl_work_init(&work, n, longest, copy + n + AD_LOESS_PAD);
		fit(&work, o, copy, n, missing, nmissing, result);
		if (exponent != 0)
			scale_back(result, exponent);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(scratch);
}
