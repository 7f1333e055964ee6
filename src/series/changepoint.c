/*-------------------------------------------------------------------------
 *
 * changepoint.c
 *		Changes of level: PELT with the cost of a Gaussian mean.
 *
 * Killick, Fearnhead & Eckley (2012), "Optimal detection of changepoints
 * with a linear computational cost", JASA 107: the exact optimum over all
 * segmentations of sum of squared deviations from each segment's mean plus
 * a penalty per change, by dynamic programming with pruning.  Deviations
 * are in units of a robust estimate of the noise (the median absolute
 * difference of neighbours), so the penalty has no unit.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_elementary.h"
#include "series/ad_shape.h"
#include "series/ad_smoother.h"

#define FARTHEST		1e6		/* units of noise; beyond all are equally far */

/*
 * The dynamic programme over the m points that have a value.  "End" t means
 * that the first t points are segmented; arrays have an entry for each.
 */
typedef struct Pelt
{
	Size		m;				/* points */
	Size		min_segment;	/* points of a segment, at least */
	double		penalty;		/* of a change */
	double	   *s1;				/* sum of the first t points, in noise units */
	double	   *s2;				/* and of their squares */
	double	   *cost;			/* least cost up to an end */
	uint32	   *previous;		/* the end before it, of the least cost */
	uint32	   *live;			/* ends that may still be the one before */
	uint32	   *expires;		/* of a live one: the end it is dropped at */
	Size		nlive;
} Pelt;

/*
 * Return the noise of m values: the median absolute difference of neighbours,
 * and of mostly constant ones a mean, so that any step stands out.  "scratch"
 * has room for them.
 */
static double
noise_scale(const double *x, Size m, double *scratch)
{
	double		scale;
	double		sum = 0;

	for (Size i = 1; i < m; i++)
		scratch[i - 1] = fabs(x[i] / 2 - x[i - 1] / 2) * 2;
	scale = AD_NORMAL_MAD * ad_series_median(scratch, m - 1) / sqrt(2.0);
	if (scale > 0)
		return scale;
	for (Size i = 1; i < m; i++)
		sum += fabs(x[i] / (double) m - x[i - 1] / (double) m);
	return sum > 0 ? sum : 1;
}

/* Sum up the values, in units of their noise from their median. */
static void
sum_up(Pelt *p, const double *x, double *scratch)
{
	double		scale = noise_scale(x, p->m, scratch);
	double		center;

	memcpy(scratch, x, p->m * sizeof(double));
	center = ad_series_median(scratch, p->m);
	p->s1[0] = p->s2[0] = 0;
	for (Size i = 0; i < p->m; i++)
	{
		double		z = (x[i] - center) / scale;

		z = Max(Min(z, FARTHEST), -FARTHEST);
		p->s1[i + 1] = p->s1[i] + z;
		p->s2[i + 1] = p->s2[i] + z * z;
	}
}

/* Return the cost up to end s and of one segment from there to end t. */
static inline double
cost_from(const double *s1, const double *s2, const double *cost, Size s,
		  Size t)
{
	double		sum = s1[t] - s1[s];
	double		segment = s2[t] - s2[s] - sum * sum / (double) (t - s);

	return cost[s] + Max(segment, 0);
}

/* Find the best end before t among the live ones. */
static void
choose(Pelt *p, Size t)
{
	const double *s1 = p->s1;
	const double *s2 = p->s2;
	const double *cost = p->cost;
	const uint32 *live = p->live;
	double		penalty = p->penalty;
	double		best = INFINITY;
	uint32		from = 0;

	for (Size k = 0; k < p->nlive; k++)
	{
		double		all = cost_from(s1, s2, cost, live[k], t) + penalty;

		if (all < best)
		{
			best = all;
			from = live[k];
		}
	}
	p->cost[t] = best;
	p->previous[t] = from;
}

/*
 * Drop what cannot win any more, since a change at t would be better: from
 * the first end that is far enough from t for one.
 */
static void
prune(Pelt *p, Size t)
{
	const double *s1 = p->s1;
	const double *s2 = p->s2;
	const double *cost = p->cost;
	uint32	   *live = p->live;
	uint32	   *expires = p->expires;
	double		best = cost[t];
	uint32		last = (uint32) (t + p->min_segment);
	Size		kept = 0;

	for (Size k = 0; k < p->nlive; k++)
	{
		uint32		s = live[k];

		if (cost_from(s1, s2, cost, s, t) > best)
			expires[k] = Min(expires[k], last);
		if (t + 1 < expires[k])
		{
			expires[kept] = expires[k];
			live[kept++] = s;
		}
	}
	p->nlive = kept;
}

/* Find the best segmentation up to each end. */
static void
run(Pelt *p)
{
	p->nlive = 0;
	p->cost[0] = -p->penalty;
	for (Size t = 1; t <= p->m; t++)
	{
		CHECK_FOR_INTERRUPTS();
		if (t >= p->min_segment)
		{
			Size		s = t - p->min_segment;

			/* a change at s leaves either side long enough */
			if (s == 0 || s >= p->min_segment)
			{
				p->expires[p->nlive] = PG_UINT32_MAX;
				p->live[p->nlive++] = (uint32) s;
			}
		}
		if (p->nlive == 0)
		{
			p->cost[t] = INFINITY;
			continue;
		}
		choose(p, t);
		prune(p, t);
	}
}

/* Write the changes of the best segmentation, ascending; their number. */
static Size
trace_back(const Pelt *p, const uint32 *place, uint32 *out)
{
	Size		count = 0;
	Size		k;

	for (Size t = p->m; p->previous[t] > 0; t = p->previous[t])
		count++;
	k = count;
	for (Size t = p->m; p->previous[t] > 0; t = p->previous[t])
		out[--k] = place[p->previous[t]];
	return count;
}

/*
 * Fill out (room for n) with the first point of each segment but the first,
 * ascending; return their number.  penalty NaN: 3 ln n.  Missing points (NaN)
 * belong to the segment around them and cost nothing.
 */
Size
ad_changepoints_pelt(const double *y, Size n, double penalty, Size min_segment,
					 uint32 *out)
{
	MemoryContext mcxt = AllocSetContextCreate(CurrentMemoryContext,
											   "anomaly change points",
											   ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(mcxt);
	double	   *x = ad_palloc_array(double, n + 1);
	uint32	   *place = ad_palloc_array(uint32, n + 1);
	Pelt		p;
	Size		m = 0;
	Size		count = 0;

	/* the points that are there */
	for (Size i = 0; i < n; i++)
		if (isfinite(y[i]))
		{
			x[m] = y[i];
			place[m++] = (uint32) i;
		}
	if (m >= 2 * min_segment)
	{
		p.m = m;
		p.min_segment = min_segment;
		p.penalty = isnan(penalty) ? 3.0 * ad_log((double) m) : penalty;
		p.s1 = ad_palloc_array(double, m + 1);
		p.s2 = ad_palloc_array(double, m + 1);
		p.cost = ad_palloc_array(double, m + 1);
		p.previous = ad_palloc0_array(uint32, m + 1);
		p.live = ad_palloc_array(uint32, m + 1);
		p.expires = ad_palloc_array(uint32, m + 1);
		/* the costs are not there yet: their place is room to sort in */
		sum_up(&p, x, p.cost);
		run(&p);
		count = trace_back(&p, place, out);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(mcxt);
	return count;
}
