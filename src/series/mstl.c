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

#define HUGE_VALUE_EXPONENT 300 /* of two: values above get scaled */

/* The next odd whole number not below x. */
static Size
next_odd(double x)
{
	Size		w = (Size) ceil(x);

	return w | 1;
}

/* A tenth of a window, at least one: R's default jump. */
static Size
default_jump(int given, Size window)
{
	return given > 0 ? (Size) given : (window + 9) / 10;
}

/* The parameters for one of the periods; windows are by rank of period. */
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
	p->outer = o->outer_iterations >= 0 ? o->outer_iterations : o->robust ? 15 : 0;
	/* a window of one value would leave no neighbour to smooth with */
	p->s_window = Max(p->s_window, 3);
	p->l_window = Max(p->l_window, 3);
	p->t_window = Max(p->t_window, 3);
}

/* Bytes that ad_stl_decompose() needs at most for n points. */
Size
ad_stl_bytes(Size n, const Size *periods, int nperiods)
{
	Size		longest = 0;
	Size		arrays = 6 + (nperiods > 1 ? (Size) nperiods : 0);

	for (int i = 0; i < nperiods; i++)
		if (2 * periods[i] <= n)
			longest = Max(longest, periods[i]);
	return ad_add_size(ad_mul_size(ad_stl_work_doubles(n, longest),
								   sizeof(double)),
					   ad_mul_size(n + AD_LOESS_PAD,
								   arrays * sizeof(double)));
}

/* n zeros and a pad, in the current context. */
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

/* The trend of a series without season, robust in p->outer passes. */
static void
fit_trend(const AdStlWork *work, const AdStlOptions *o, double *y, Size n,
		  const uint32 *missing, Size nmissing, AdStlResult *result)
{
	AdLoess		l;
	Size		window = o->trend_window > 0 ? (Size) o->trend_window :
		next_odd(Min(Max((double) n / 10.0, 7.0), 1001.0));
	int			outer = o->outer_iterations >= 0 ? o->outer_iterations : o->robust ? 15 : 0;

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
	double	   *work_y;
	uint32	   *missing;
	Size		nmissing = 0;
	double		largest = 0;
	int			exponent = 0;
	AdStlWork	work;
	Size		longest = 0;

	result->n = n;
	result->nseasons = 0;
	result->ndropped = 0;
	result->dropped = 0;
	result->empty = false;
	for (int i = 0; i < nperiods; i++)
	{
		if (2 * periods[i] <= n)
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
	if (result->trend == NULL)
		result->trend = zeros(n);
	if (result->season == NULL)
		result->season = zeros(n);
	if (result->weight == NULL)
		result->weight = zeros(n);
	for (int s = 0; s < result->nseasons; s++)
		result->seasons[s] = result->nseasons == 1 ? result->season : zeros(n);

	CHECK_FOR_INTERRUPTS();
	scratch = AllocSetContextCreate(caller, "anomaly decomposition",
									ALLOCSET_SMALL_SIZES);
	MemoryContextSwitchTo(scratch);
	work_y = ad_stl_scratch(lent, n + AD_LOESS_PAD +
							ad_stl_work_doubles(n, longest));
	memset(work_y + n, 0, AD_LOESS_PAD * sizeof(double));
	for (Size i = 0; i < n; i++)
	{
		double		a = fabs(y[i]);

		work_y[i] = y[i];
		if (a <= DBL_MAX)
			largest = Max(largest, a);
		else
			nmissing++;
	}
	missing = ad_palloc_array(uint32, nmissing);
	if (nmissing > 0)
	{
		Size		m = 0;

		for (Size i = 0; i < n; i++)
			if (!isfinite(y[i]))
				missing[m++] = (uint32) i;
	}
	CHECK_FOR_INTERRUPTS();

	if (nmissing == n)
	{
		result->empty = true;
		result->nseasons = 0;
		for (Size i = 0; i < n; i++)
		{
			result->trend[i] = result->season[i] = NAN;
			result->weight[i] = 0;
		}
		MemoryContextSwitchTo(caller);
		MemoryContextDelete(scratch);
		return;
	}

	(void) frexp(largest, &exponent);
	exponent = exponent > HUGE_VALUE_EXPONENT ? exponent : 0;
	if (exponent > 0)
		for (Size i = 0; i < n; i++)
			work_y[i] = ldexp(work_y[i], -exponent);
	CHECK_FOR_INTERRUPTS();
	fill_missing(work_y, n, missing, nmissing);
	ad_stl_work_init(&work, n, longest, work_y + n + AD_LOESS_PAD);

	if (result->nseasons == 0)
		fit_trend(&work, o, work_y, n, missing, nmissing, result);
	else if (result->nseasons == 1)
	{
		AdStlParams p;

		resolve(o, n, result->periods[0], 0, &p);
		ad_stl_fit(&work, &p, work_y, n, missing, nmissing,
				   result->season, result->trend, result->weight);
	}
	else
	{
		double	   *rest = work_y;	/* the series less all current seasons */

		for (int round = 0; round < o->iterations; round++)
			for (int s = 0; s < result->nseasons; s++)
			{
				AdStlParams p;
				double	   *season = result->seasons[s];

				resolve(o, n, result->periods[s], s, &p);
				for (Size i = 0; i < n; i++)
					rest[i] += season[i];
				ad_stl_fit(&work, &p, rest, n, missing, nmissing, season,
						   result->trend, result->weight);
				for (Size i = 0; i < n; i++)
					rest[i] -= season[i];
			}
		for (Size i = 0; i < n; i++)
		{
			double		sum = 0;

			for (int s = 0; s < result->nseasons; s++)
				sum += result->seasons[s][i];
			result->season[i] = sum;
		}
	}
	if (exponent > 0)
	{
		for (Size i = 0; i < n; i++)
			result->trend[i] = ldexp(result->trend[i], exponent);
		for (int s = 0; s < result->nseasons; s++)
			for (Size i = 0; i < n; i++)
				result->seasons[s][i] = ldexp(result->seasons[s][i], exponent);
		if (result->nseasons > 1)
			for (Size i = 0; i < n; i++)
				result->season[i] = ldexp(result->season[i], exponent);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(scratch);
}
