/*-------------------------------------------------------------------------
 *
 * tail.c
 *		The bound that a stated share of noise exceeds, from the noise.
 *
 * The greatest deviations, 40 or 1 % of them, follow a Pareto tail over
 * their level (Siffer et al. 2017).  Its shape is not fitted: one fitted to
 * 40 points swings so far that spikes are missed or noise is flagged, while
 * one of two, by how far the bulk reaches, serves light and heavy tails
 * (docs/series.md has the figures).  The scale is the mean excess without
 * the points that the bound itself calls anomalies: they count as much as
 * the greatest other one, and the expected values of the order statistics
 * say what that takes from the mean.
 *
 * Values that are all multiples of a step stand for any value that would be
 * rounded to them; they are spread evenly over that range first, else
 * hundreds of equal deviations would have no excess.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_elementary.h"
#include "core/ad_random.h"
#include "math/ad_math.h"
#include "series/ad_pareto.h"
#include "series/ad_smoother.h"
#include "series/ad_verdict.h"

#include <float.h>

#define LIGHT_SHAPE		0.2		/* of what is as a normal deviate up to there */
#define SHAPE			0.3
#define LIGHT			1.03	/* times the normal quantile: no farther */
#define HEAVY			1.3
#define LEAST_PEAKS		((Size) 40)
#define PEAK_SHARE		100		/* one in so many is a peak */
#define SHORT			((Size) 20) /* no tail below so many points */
#define SHORT_BOUND		8.0		/* deviations, of so many; more, of fewer */
#define SAMPLE			1023	/* values that find a level below the peaks */
#define STEP_POINTS		((Size) 256)	/* points that show the step */
#define STEP_RANGE		1e6		/* more steps than this are no step */
#define LEAST_MOVES		((Size) 8)	/* of a series with a step */
#define CAUTION			0.72	/* of the rate: what kinds of noise differ by */

/*
 * Return the step that all finite values are multiples of, from the least
 * one; 0 if there is none.  Values without a step end the search early.
 */
double
ad_series_step(const double *y, Size n)
{
	double		step = DBL_MAX;
	double		origin = NAN;
	double		last = NAN;
	Size		seen = 0;
	Size		moves = 0;

	for (Size i = 0; i < n && seen < STEP_POINTS; i++)
	{
		double		d = fabs(y[i] - last);

		if (!isfinite(y[i]))
			continue;
		if (isnan(origin))
			origin = y[i];
		else if (d > 0)
			step = Min(step, d);
		last = y[i];
		seen++;
	}
	if (!(step < DBL_MAX))
		return 0;
	for (Size i = 0; i < n; i++)
	{
		double		steps = (y[i] - origin) / step;

		AD_CHECK_EVERY_1024(i);
		if (isfinite(y[i]) &&
			!(fabs(steps) <= STEP_RANGE && fabs(steps - rint(steps)) < 1e-4))
			return 0;
		moves += (i > 0 && y[i] != y[i - 1]);
	}
	/* a spike in a flat series is no step of it */
	return moves >= Max(LEAST_MOVES, n / 100) ? step : 0;
}

/*
 * Return the share of points of noise that may be flagged by default: about
 * one in 10,000 of a long series and one in four series of any length.
 */
double
ad_tail_rate(Size n)
{
	return 9e-5 + 0.255 / (double) Max(n, 500);
}

/* Return how many of n deviations make the tail. */
static inline Size
peaks_of(Size n)
{
	return Min(Max(LEAST_PEAKS, n / PEAK_SHARE), n / 4);
}

/*
 * Put the "peaks" greatest of n values and the next one into scratch, which
 * may hold others below that; return how many are there.
 */
static Size
collect(const double *values, Size n, Size peaks, double *scratch)
{
	if (n > 4 * SAMPLE)
	{
		double		sample[SAMPLE];
		Size		stride = n / SAMPLE;
		Size		above = peaks * SAMPLE / n;
		double		level;
		Size		m = 0;

		above = Min(2 * above + 16, SAMPLE - 1);
		for (Size i = 0; i < SAMPLE; i++)
			sample[i] = values[i * stride];
		level = ad_series_select(sample, SAMPLE, SAMPLE - 1 - above);
		for (Size i = 0; i < n; i++)
		{
			scratch[m] = values[i];
			m += (values[i] >= level);
		}
		if (m > peaks)
			return m;
	}
	memcpy(scratch, values, n * sizeof(double));
	return n;
}

/*
 * Return the scale of the tail of the given excesses in ascending order,
 * the "out" greatest of which count as the next one.
 */
static double
tail_scale(const double *excess, Size peaks, Size out, double shape)
{
	double		sum = 0;
	double		mean = 0;
	double		g = 1;
	double		first = 0;

	for (Size i = 0; i < peaks - out; i++)
		sum += excess[i];
	sum += (double) out * excess[peaks - out - 1];
	/* g is E exp(shape E(j)), but for the factor that the last one tells */
	for (Size j = 1; j <= peaks; j++)
	{
		if (j == out + 1)
			first = g;
		if (j > out)
			mean += g;
		g *= ((double) j - shape) / (double) j;
	}
	mean = ((mean + (double) out * first) / g - (double) peaks) / shape;
	return sum / mean;
}

/*
 * Return the shape of the tail beyond a level that the given share of all
 * deviations exceeds.  The shape of so few points cannot be told from them;
 * but where the bulk ends nearer than that of normal noise of this scale
 * would, or as near, the tail is not a heavy one.  Scale 0: not known.
 */
static double
tail_shape(double level, double scale, double share)
{
	double		normal = -ad_normal_quantile(share / 2);
	double		heavy = (level / (scale * normal) - LIGHT) / (HEAVY - LIGHT);

	heavy = scale > 0 && level > 0 ? Max(Min(heavy, 1), 0) : 1;
	return LIGHT_SHAPE + heavy * (SHAPE - LIGHT_SHAPE);
}

/*
 * Return the bound that the given share of n deviations >= 0 exceeds, and
 * the greatest of them (infinite: of too few); scratch has room for n + 1.
 */
static double
tail_bound(double *values, Size n, double scale, double rate,
		   double *scratch, double *farthest)
{
	Size		peaks = peaks_of(n);
	Size		out = 1;
	Size		m;
	double	   *excess;
	double		level;
	double		bound;
	AdParetoTail unit = {0};	/* of excesses whose scale is 1 */
	double		factor;

	*farthest = INFINITY;
	if (n < 5)
		return INFINITY;
	if (n < SHORT)
		return SHORT_BOUND * AD_NORMAL_MAD * (double) SHORT / (double) n *
			ad_series_median_of(values, n, scratch);
	m = collect(values, n, peaks, scratch);
	CHECK_FOR_INTERRUPTS();
	level = ad_series_select(scratch, m, m - peaks - 1);
	excess = scratch + m - peaks;
	for (Size i = 0; i < peaks; i++)
		excess[i] -= level;
	ad_sort_doubles(excess, peaks);
	*farthest = level + excess[peaks - 1];
	unit.scale = 1;
	unit.share = (double) peaks / (double) n;
	unit.shape = tail_shape(level, scale, unit.share);
	factor = ad_pareto_quantile(&unit, rate * CAUTION);
	for (;;)
	{
		Size		beyond = 0;

		bound = factor * tail_scale(excess, peaks, out, unit.shape);
		while (beyond < peaks && excess[peaks - 1 - beyond] > bound)
			beyond++;
		if (beyond <= out || beyond > peaks / 2)
			break;
		out = beyond;
	}
	return level + bound;
}

/* Return the deviation of a point, as a fit with it in would leave. */
static inline double
deviation_within(const AdVerdict *v, Size i)
{
	return v->suspect[i] ? v->off[i] * v->kept : v->off[i];
}

/*
 * Put the finite deviations into "values", and return how many they are.
 * Suspects are of the tail too: without them its next bound would make more
 * of them.  Only if too many are beyond the bound so far, for the tail to
 * pass over them, they are left out here.
 */
static Size
gather(const AdVerdict *v, double *values)
{
	double		limit = INFINITY;
	Size		gone = 0;
	Size		m = 0;

	if (v->nsuspects == 0)
	{
		for (Size i = 0; i < v->n; i++)
		{
			values[m] = v->off[i];
			m += fabs(v->off[i]) <= DBL_MAX;
		}
		return m;
	}
	for (Size i = 0; i < v->n; i++)
		gone += v->suspect[i] &&
			fabs(deviation_within(v, i) - v->center) > v->bound;
	if (gone > peaks_of(v->n) / 4)
		limit = v->bound;
	for (Size i = 0; i < v->n; i++)
	{
		double		d = deviation_within(v, i);

		values[m] = d;
		m += fabs(d) <= DBL_MAX &&
			(!v->suspect[i] || fabs(d - v->center) <= limit);
	}
	return m;
}

/* Spread deviations over what would be rounded to the same step. */
static void
spread_steps(double *values, Size n, double step)
{
	for (Size i = 0; i < n; i++)
	{
		values[i] = fabs(values[i] + step * (ad_unit_double(ad_mix64(i)) - 0.5));
	}
}

/*
 * Set center, scale and bound from the deviations, and the farthest of them.
 */
void
ad_verdict_bound(AdVerdict *v)
{
	const double *from;
	double	   *values = ad_stl_scratch(v->lent, 2 * v->n + 2);
	double	   *other = values + v->n + 1;
	Size		m = v->n;

	from = v->whole && v->nsuspects == 0 ? v->off : values;
	if (from == values)
		m = gather(v, values);
	CHECK_FOR_INTERRUPTS();
	v->center = 0;
	v->scale = v->floor;
	v->bound = v->floor;
	v->farthest = 0;
	if (m == 0)
		return;
	v->center = ad_series_median_of(from, m, other);
	for (Size i = 0; i < m; i++)
		values[i] = fabs(from[i] - v->center);
	if (v->step > 0)
		spread_steps(values, m, v->step);
	CHECK_FOR_INTERRUPTS();
	v->scale = Max(AD_NORMAL_MAD * ad_series_median_of(values, m, other),
				   v->floor);
	v->bound = tail_bound(values, m, v->scale > v->floor ? v->scale : 0,
						  v->rate, other, &v->farthest) +
		v->step / 2 + v->floor;
	v->farthest += v->step / 2;
}
