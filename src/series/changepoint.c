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

#define NORMAL_MAD		1.4826022185056018

/*
 * Fill out (room for n) with the first point of each segment but the first,
 * ascending; returns their number.  penalty NaN: 3 ln n.  Missing points
 * (NaN) belong to the segment around them and cost nothing.
 */
Size
ad_changepoints_pelt(const double *y, Size n, double penalty, Size least,
					 uint32 *out)
{
	MemoryContext mcxt = AllocSetContextCreate(CurrentMemoryContext,
											   "anomaly change points",
											   ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(mcxt);
	double	   *x = ad_palloc_array(double, n + 1);
	uint32	   *place = ad_palloc_array(uint32, n + 1);
	double	   *s1,
			   *s2,
			   *cost,
			   *diff;
	uint32	   *previous;
	uint32	   *live;
	uint32	   *expires;
	Size		nlive = 0;
	Size		m = 0;
	Size		count = 0;
	double		scale;
	double		center = 0;

	/* the points that are there */
	for (Size i = 0; i < n; i++)
		if (isfinite(y[i]))
		{
			x[m] = y[i];
			place[m++] = (uint32) i;
		}
	if (m < 2 * least)
	{
		MemoryContextSwitchTo(old);
		MemoryContextDelete(mcxt);
		return 0;
	}
	diff = ad_palloc_array(double, m);
	for (Size i = 1; i < m; i++)
		diff[i - 1] = fabs(x[i] / 2 - x[i - 1] / 2) * 2;
	scale = NORMAL_MAD * ad_series_median(diff, m - 1) / sqrt(2.0);
	if (!(scale > 0))
	{
		/* mostly constant: any step stands out */
		double		sum = 0;

		for (Size i = 1; i < m; i++)
			sum += fabs(x[i] / (double) m - x[i - 1] / (double) m);
		scale = sum > 0 ? sum : 1;
	}
	memcpy(diff, x, m * sizeof(double));
	center = ad_series_median(diff, m);
	if (isnan(penalty))
		penalty = 3.0 * ad_log((double) m);

	s1 = ad_palloc_array(double, m + 1);
	s2 = ad_palloc_array(double, m + 1);
	cost = ad_palloc_array(double, m + 1);
	previous = ad_palloc0_array(uint32, m + 1);
	live = ad_palloc_array(uint32, m + 1);
	expires = ad_palloc_array(uint32, m + 1);
	s1[0] = s2[0] = 0;
	for (Size i = 0; i < m; i++)
	{
		double		z = (x[i] - center) / scale;

		/* beyond this all are equally far */
		z = Max(Min(z, 1e6), -1e6);
		s1[i + 1] = s1[i] + z;
		s2[i + 1] = s2[i] + z * z;
	}

	cost[0] = -penalty;
	for (Size t = 1; t <= m; t++)
	{
		double		best = INFINITY;
		uint32		from = 0;
		Size		kept = 0;

		CHECK_FOR_INTERRUPTS();
		if (t >= least)
		{
			Size		s = t - least;

			/* a change at s leaves either side long enough */
			if (s == 0 || s >= least)
			{
				expires[nlive] = PG_UINT32_MAX;
				live[nlive++] = (uint32) s;
			}
		}
		if (nlive == 0)
		{
			cost[t] = INFINITY;
			continue;
		}
		for (Size k = 0; k < nlive; k++)
		{
			Size		s = live[k];
			double		sum = s1[t] - s1[s];
			double		segment = s2[t] - s2[s] - sum * sum / (double) (t - s);
			double		all = cost[s] + Max(segment, 0) + penalty;

			if (all < best)
			{
				best = all;
				from = (uint32) s;
			}
		}

		/*
		 * What cannot win any more, since a change here would be better: from
		 * the first end that is far enough from here for one.
		 */
		for (Size k = 0; k < nlive; k++)
		{
			Size		s = live[k];
			double		sum = s1[t] - s1[s];
			double		segment = s2[t] - s2[s] - sum * sum / (double) (t - s);

			if (cost[s] + Max(segment, 0) > best)
				expires[k] = Min(expires[k], (uint32) (t + least));
			if (t + 1 < expires[k])
			{
				expires[kept] = expires[k];
				live[kept++] = (uint32) s;
			}
		}
		nlive = kept;
		cost[t] = best;
		previous[t] = from;
	}

	for (Size t = m; previous[t] > 0; t = previous[t])
		count++;
	{
		Size		k = count;

		for (Size t = m; previous[t] > 0; t = previous[t])
			out[--k] = place[previous[t]];
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(mcxt);
	return count;
}
