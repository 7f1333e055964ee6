/*-------------------------------------------------------------------------
 *
 * judge.c
 *		From remainders to scores and anomalies.
 *
 * The score is the standardised remainder |r - center| / scale, with the
 * center and scale of the threshold's method:
 *
 *	mad		median and 1.4826 times the median absolute deviation
 *	iqr		median and the interquartile range / 1.349; the bounds are the
 *			quartiles plus or minus "threshold" interquartile ranges
 *	sigma	mean and standard deviation of the remainders within six median
 *			absolute deviations (the cut of STL's own robustness weights;
 *			else one wild point would hide behind the deviation it makes)
 *	pot		as mad, the bounds from a generalised Pareto fit to each tail,
 *			exceeded with the risk "threshold"
 *
 * The method "tail" is in tail.c.
 *
 * The scale never goes below what rounding alone leaves behind, so a
 * constant series has no anomalies and a constant one with a spike has one.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_elementary.h"
#include "series/ad_pareto.h"
#include "series/ad_smoother.h"
#include "series/ad_stl.h"
#include "series/ad_verdict.h"

#include <float.h>

#define NORMAL_IQR		1.3489795003921634
#define POT_LEVEL		0.98	/* share of remainders below the peaks */
#define POT_PEAKS		10		/* least number of peaks */
#define POT_SHORT		5.0		/* deviations, of a series too short for peaks */
#define SIGMA_CUT		6.0		/* median absolute deviations */
#define DEFAULT_SIDE	((Size) 100)	/* points to each side of a window */
#define EPISODES		2e-3	/* share of points that alarm, at most */
#define SCORE_CAP		1e6		/* scores grow slower beyond, inside a mean */

static const double default_threshold[] = {
	NAN,						/* tail: has a rate of its own */
	4.0,						/* mad: standard deviations */
	3.0,						/* iqr: interquartile ranges */
	4.0,						/* sigma: standard deviations */
	1e-4						/* pot: risk */
};

/* Set the remainders: NaN where y is missing, infinite where y is. */
void
ad_stl_remainder(const AdStlResult *result, const double *y,
				 double *remainder)
{
	for (Size i = 0; i < result->n; i++)
		remainder[i] = y[i] - result->season[i] - result->trend[i];
}

/*
 * Return the bound of the upper tail of n finite deviations, exceeded with
 * the given risk; "values" is scratch with the deviations in it.
 */
static double
upper_bound(double *values, Size n, double risk, double floor)
{
	AdParetoTail tail;
	Size		peaks = Max((Size) ((1.0 - POT_LEVEL) * (double) n),
							POT_PEAKS);
	Size		rank = n - peaks - 1;

	tail.level = ad_series_select(values, n, rank);
	for (Size i = 0; i < peaks; i++)
		values[rank + 1 + i] -= tail.level;
	ad_pareto_fit(values + rank + 1, peaks, &tail);
	tail.share = (double) peaks / (double) n;
	return Max(ad_pareto_quantile(&tail, risk), tail.level + floor);
}

/* Remainders on their way to center, scale and bounds of the result. */
typedef struct Judging
{
	AdStlResult *result;
	const double *remainder;
	double	   *values;			/* scratch: the finite ones, in some form */
	Size		n;				/* how many they are */
	double		threshold;
	double		mad;			/* median absolute deviation */
	double		floor;			/* of the scale: what rounding leaves */
} Judging;

/* Set bounds that are so many scales from the center. */
static void
symmetric_bounds(AdStlResult *result, double scales)
{
	result->low = result->center - scales * result->scale;
	result->high = result->center + scales * result->scale;
}

/* Set the result to one that finds nothing, for want of finite remainders. */
static void
judge_nothing(AdStlResult *result)
{
	result->center = 0;
	result->scale = result->inverse = 1;
	result->low = -INFINITY;
	result->high = INFINITY;
}

/* Judge by mean and standard deviation of what is not cut off. */
static void
judge_sigma(const Judging *j)
{
	AdStlResult *result = j->result;
	double		cut = SIGMA_CUT * Max(j->mad, j->floor);
	double		sum = 0;
	double		squares = 0;
	Size		m = 0;

	for (Size i = 0; i < result->n; i++)
	{
		double		d = j->remainder[i] - result->center;

		if (fabs(d) <= cut)
		{
			sum += d;
			squares += d * d;
			m++;
		}
	}
	if (m > 1)
	{
		double		mean = sum / (double) m;
		double		variance = (squares - sum * mean) / (double) (m - 1);

		result->center += mean;
		result->scale = Max(sqrt(Max(variance, 0)), j->floor);
	}
	symmetric_bounds(result, j->threshold);
}

/* Judge by the quartiles, and so many of their distances from them. */
static void
judge_iqr(const Judging *j)
{
	AdStlResult *result = j->result;
	double	   *values = j->values;
	Size		n = j->n;
	Size		m = 0;
	double		q1;
	double		q3;

	for (Size i = 0; i < result->n; i++)
		if (isfinite(j->remainder[i]))
			values[m++] = j->remainder[i];
	q1 = ad_series_select(values, n, (n - 1) / 4);
	q3 = ad_series_select(values, n, (3 * (n - 1) + 3) / 4);
	result->scale = Max((q3 - q1) / NORMAL_IQR, j->floor);
	result->low = q1 - j->threshold * NORMAL_IQR * result->scale;
	result->high = q3 + j->threshold * NORMAL_IQR * result->scale;
}

/* Judge by the bound of each tail that the risk gives. */
static void
judge_pot(const Judging *j)
{
	AdStlResult *result = j->result;

	if (j->n < 4 * POT_PEAKS)
	{
		/* too short for a tail: what a normal tail would give */
		symmetric_bounds(result, POT_SHORT);
		return;
	}
	for (int side = -1; side <= 1; side += 2)
	{
		double		bound;
		Size		m = 0;

		for (Size i = 0; i < result->n; i++)
			if (isfinite(j->remainder[i]))
				j->values[m++] = side * (j->remainder[i] - result->center);
		bound = upper_bound(j->values, j->n, j->threshold, j->floor);
		if (side < 0)
			result->low = result->center - bound;
		else
			result->high = result->center + bound;
	}
}

/* Judge by what the rest of the series says of each point. */
static void
judge_tail(AdStlResult *result, const AdStlOptions *o, const double *y,
		   const double *remainder, AdStlScratch *scratch)
{
	Size		n = result->n;
	AdVerdict	v = {0};

	v.y = y;
	v.n = n;
	v.whole = result->nmissing == 0 && result->largest < DBL_MAX / 16;
	v.lent = scratch;
	v.rate = isnan(o->alarm_rate) ? ad_tail_rate(n) : o->alarm_rate;
	v.step = result->nseasons == 0 ? ad_series_step(y, n) : 0;
	ad_verdict_leave_out(&v, o, result, remainder);
	ad_verdict_episodes(&v, isnan(o->alarm_rate) ? EPISODES : o->alarm_rate);
	result->expected = v.expected;
	result->center = v.center;
	result->scale = v.scale;
	result->inverse = 1.0 / v.scale;
	result->low = v.center - v.bound / v.kept;
	result->high = v.center + v.bound / v.kept;
	result->alarms = v.alarms;
	result->nalarms = v.nalarms;
	if (v.own)
		pfree(v.own);
	if (v.suspect)
		pfree(v.suspect);
}

/*
 * Set center, scale and bounds of the result from its remainders; false if
 * most of them are nothing but rounding.
 */
static bool
judge_remainders(AdStlResult *result, const AdStlOptions *o,
				 const double *remainder, AdStlScratch *scratch)
{
	double	   *values;
	double	   *other;
	Size		n = 0;
	double		largest = 0;
	Judging		j;

	values = ad_stl_scratch(scratch, 2 * result->n + 1);
	other = values + result->n + 1;
	for (Size i = 0; i < result->n; i++)
	{
		values[n] = remainder[i];
		n += (fabs(remainder[i]) <= DBL_MAX);
		largest = Max(largest, fabs(result->trend[i]));
	}
	CHECK_FOR_INTERRUPTS();
	if (n == 0)
	{
		judge_nothing(result);
		return false;
	}

	result->center = ad_series_median_of(values, n, other);
	for (Size i = 0; i < n; i++)
		values[i] = fabs(values[i] - result->center);
	CHECK_FOR_INTERRUPTS();
	j.result = result;
	j.remainder = remainder;
	j.values = values;
	j.n = n;
	j.threshold = isnan(o->threshold) ?
		default_threshold[o->threshold_method] : o->threshold;
	j.mad = ad_series_median_of(values, n, other);
	j.floor = Max(1e3 * DBL_EPSILON * largest, DBL_MIN);
	result->scale = Max(AD_NORMAL_MAD * j.mad, j.floor);
	switch ((AdThresholdMethod) o->threshold_method)
	{
		case AD_THRESHOLD_TAIL:
			Assert(result->empty);	/* else judge_tail() */
			break;
		case AD_THRESHOLD_MAD:
			symmetric_bounds(result, j.threshold);
			break;
		case AD_THRESHOLD_SIGMA:
			judge_sigma(&j);
			break;
		case AD_THRESHOLD_IQR:
			judge_iqr(&j);
			break;
		case AD_THRESHOLD_POT:
			judge_pot(&j);
			break;
	}
	result->inverse = 1.0 / result->scale;
	return j.mad > j.floor;
}

/*
 * Set how far the remainders of a robust fit usually are, for its window
 * scores: the plain fit that "tail" judges by follows an episode that lasts,
 * the robust one does not.  Where most remainders are nothing but rounding, no
 * point near a spike has a weight, so that the robust fit follows the spike.
 */
static void
measure_remainders(AdStlResult *result, const AdStlOptions *o,
				   const double *remainder, AdStlScratch *scratch)
{
	AdStlOptions mad = *o;
	AdStlResult own = *result;

	mad.threshold_method = AD_THRESHOLD_MAD;
	mad.threshold = NAN;
	result->by_remainder = judge_remainders(&own, &mad, remainder, scratch);
	result->remainder_center = own.center;
	result->remainder_inverse = own.inverse;
}

/* Set center, scale and bounds of the result. */
void
ad_stl_judge(AdStlResult *result, const AdStlOptions *o, const double *y,
			 const double *remainder, AdStlScratch *scratch)
{
	result->by_remainder = false;
	if (o->threshold_method != AD_THRESHOLD_TAIL || result->empty)
	{
		(void) judge_remainders(result, o, remainder, scratch);
		return;
	}
	if (ad_stl_outer(o) > 0)
		measure_remainders(result, o, remainder, scratch);
	judge_tail(result, o, y, remainder, scratch);
}

/* Return whether a point that is beyond the bounds is one of the alarms. */
bool
ad_stl_alarm(const AdStlResult *result, Size point)
{
	Size		from = 0;
	Size		to = result->nalarms;

	while (from < to)
	{
		Size		middle = from + (to - from) / 2;

		if (result->alarms[middle] < point)
			from = middle + 1;
		else
			to = middle;
	}
	return from < result->nalarms && result->alarms[from] == point;
}

/*
 * Return the score of a point inside a window's mean; NaN if its value is
 * missing.  Beyond SCORE_CAP it grows with the logarithm, so that what rounding
 * leaves of it is small and greater scores stay greater.
 */
static inline double
point_score(const AdStlResult *result, const double *y,
			const double *remainder, Size i)
{
	double		z = result->by_remainder ?
		fabs(remainder[i] - result->remainder_center) * result->remainder_inverse :
		ad_stl_score(result,
					 ad_stl_deviation(result, i, y[i], remainder[i]));

	if (likely(!(z > SCORE_CAP)))
		return z;
	return SCORE_CAP * (1 + ad_log(Min(z, DBL_MAX) / SCORE_CAP));
}

/*
 * Set out to the mean score of the points within o->score_window points to
 * either side (if not given 100, or a twentieth of a short series); NaN where
 * the remainder is.
 */
void
ad_stl_window_score(const AdStlResult *result, const AdStlOptions *o,
					const double *y, const double *remainder, double *out)
{
	Size		n = result->n;
	Size		half = (Size) o->score_window;
	Size		chunk;

	if (half == 0)
		half = Max(Min(DEFAULT_SIDE, n / 20), 1);

	/*
	 * Running sums that start afresh every so many points, so that what a
	 * wild score leaves behind in rounding is soon forgotten.
	 */
	chunk = Max(half, 1024);
	for (Size begin = 0; begin < n; begin += chunk)
	{
		Size		end = Min(begin + chunk, n);
		Size		first = begin > half ? begin - half : 0;
		Size		next = first;
		Size		count = 0;
		double		sum = 0;

		CHECK_FOR_INTERRUPTS();
		for (Size i = begin; i < end; i++)
		{
			Size		from = i > half ? i - half : 0;
			Size		to = Min(i + half + 1, n);

			while (next < to)
			{
				double		z = point_score(result, y, remainder, next++);

				if (!isnan(z))
				{
					sum += z;
					count++;
				}
			}
			while (first < from)
			{
				double		z = point_score(result, y, remainder, first++);

				if (!isnan(z))
				{
					sum -= z;
					count--;
				}
			}
			out[i] = isnan(remainder[i]) ? NAN :
				Max(sum, 0) / (double) count;
		}
	}
}
