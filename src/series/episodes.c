/*-------------------------------------------------------------------------
 *
 * episodes.c
 *		Verdicts of a series whose points are not independent.
 *
 * What is far off in real series comes in episodes: an outage, a holiday, a
 * leak.  Their points are no sample of the noise, so the tail fitted to them
 * says only that episodes like these are usual, and flags none.  Where
 * neighbouring points are off together the bound is therefore four robust
 * deviations, an episode counts once, at its farthest point, and only so
 * many of the farthest are reported.  The extremes of dependent series are
 * declustered in the same way (Ferro & Segers 2003); with a fixed gap here,
 * since one found from few exceedances swings between 2 and 240 points.
 *
 *-------------------------------------------------------------------------
 */
#include "series/ad_smoother.h"
#include "series/ad_verdict.h"

#include <float.h>

#define FAR			4.0			/* deviations: so far off is of an episode */
#define GAP			24			/* points within that end no episode */
#define LEAST_CORRELATION 0.1	/* of neighbours that depend on each other */
#define SURE		4.0			/* standard errors of it */
#define BLOCK		((Size) 64) /* points in a row that are looked at */
#define BLOCKS		((Size) 512)	/* at most, spread over the series */

/*
 * Whether neighbours are off together: their correlation, with what is
 * beyond the bound clipped, is more than independent points would show.
 * Its error is that of the very products, few of which may make it.
 */
static bool
neighbours_depend(const AdVerdict *v)
{
	double		inverse = 1.0 / v->bound;
	double		sum = 0;
	double		squares = 0;
	double		products = 0;
	double		spread = 0;
	double		pairs = 0;
	double		excess;
	Size		stride = Max(v->n / BLOCKS, BLOCK);

	for (Size begin = 0; begin < v->n; begin += stride)
	{
		Size		end = Min(begin + BLOCK, v->n);
		double		last = NAN;

		for (Size i = begin; i < end; i++)
		{
			double		d = (v->off[i] - v->center) * inverse;
			double		product;

			d = Max(-1, Min(1, d)); /* NaN stays */
			product = d * last;
			if (!isnan(product))
			{
				sum += d;
				squares += d * d;
				products += product;
				spread += product * product;
				pairs++;
			}
			last = d;
		}
	}
	if (pairs == 0)
		return false;
	excess = products - sum * sum / pairs;
	return excess > LEAST_CORRELATION * (squares - sum * sum / pairs) &&
		excess > SURE * sqrt(spread);
}

/*
 * Put the farthest points of the episodes into "peaks", and how far they are
 * off into "heights"; return how many there are.
 */
static Size
find_episodes(const AdVerdict *v, double far, Size *peaks, double *heights)
{
	Size		count = 0;
	Size		last = 0;		/* point of the last episode */

	for (Size i = 0; i < v->n; i++)
	{
		double		d = fabs(v->off[i] - v->center);

		AD_CHECK_EVERY_1024(i);
		if (!(d > far))
			continue;
		if (count == 0 || i - last > GAP)
		{
			peaks[count] = i;
			heights[count++] = d;
		}
		else if (d > heights[count - 1])
		{
			peaks[count - 1] = i;
			heights[count - 1] = d;
		}
		last = i;
	}
	return count;
}

/*
 * Set the alarms of a series whose neighbours depend on each other, and the
 * bound that goes with them; leave v as it is for any other.  "share" is the
 * share of points that may be alarms.
 */
void
ad_verdict_episodes(AdVerdict *v, double share)
{
	Size		most = Max((Size) (share * (double) v->n), 1);
	Size		count;
	double	   *heights;
	double	   *ordered;

	/* deviations at the floor are rounding, not episodes */
	if (!(v->bound > FAR * v->scale && v->scale > v->floor) ||
		!neighbours_depend(v))
		return;
	v->bound = FAR * v->scale;
	v->kept = 1;
	v->alarms = ad_palloc_array(Size, v->n / (GAP + 1) + 1);
	heights = ad_palloc_array(double, 2 * (v->n / (GAP + 1) + 1));
	count = find_episodes(v, v->bound, v->alarms, heights);
	if (count > most)
	{
		Size		kept = 0;

		ordered = heights + count;
		memcpy(ordered, heights, count * sizeof(double));
		v->bound = Min(ad_series_select(ordered, count, count - most - 1),
					   DBL_MAX);
		for (Size i = 0; i < count; i++)
			if (heights[i] > v->bound)
				v->alarms[kept++] = v->alarms[i];
		count = kept;
	}
	v->nalarms = count;
	pfree(heights);
}
