/*-------------------------------------------------------------------------
 *
 * clock.c
 *		Times of day that lie around midnight.
 *
 * As seconds, 23:59 and 00:01 are a day apart: what happens from 22:00 to
 * 02:00 has its mean and its median at noon.  So the shortest stretch of the
 * clock that holds nine times in ten is looked for, and the day cut opposite
 * of its middle.  Where the 5th to 95th percentile from there on goes over
 * midnight, and is shorter by a tenth than that of the seconds, it is what is
 * usual.  Else that of the seconds is: a day that is busy throughout begins
 * at midnight for people.
 *
 *-------------------------------------------------------------------------
 */
#include "math/ad_math.h"
#include "model/ad_model.h"

#include "datatype/timestamp.h"

#define DAY			((double) SECS_PER_DAY)
#define USUAL		0.9			/* share of the values */
#define SHORTER		0.9			/* than between the quantiles */

/* Half a day before the middle of the shortest stretch of n sorted times. */
static double
opposite(const double *t, Size n)
{
	Size		usual = (Size) ceil(USUAL * (double) n);
	double		shortest = INFINITY;
	double		middle = 0;

	for (Size i = 0; i < n; i++)
	{
		Size		last = i + usual - 1;
		double		length = last < n ? t[last] - t[i] :
			t[last - n] + DAY - t[i];

		AD_CHECK_EVERY_1024(i);
		if (length < shortest)
		{
			shortest = length;
			middle = t[i] + length / 2;
		}
	}
	return middle - DAY / 2;
}

/* Where the usual values of times of day lie, if they lie around midnight. */
void
ad_clock_arc(const AdView *v, int feature, AdArc *arc)
{
	static const double levels[] = {0.05, 0.5, 0.95};
	const AdViewFeature *s = &v->features[feature];
	double	   *t = ad_palloc_array(double, v->n);
	double		ends[lengthof(levels)];
	double		q[lengthof(levels)];
	double		cut;
	Size		n = 0;

	arc->low = arc->high = arc->middle = NAN;
	for (Size i = 0; i < v->n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		if (!isnan(v->x[i * v->nfeatures + feature]))
			t[n++] = v->x[i * v->nfeatures + feature];
	}
	if (n > 0)
	{
		ad_sort_doubles(t, n);
		cut = opposite(t, n);
		for (Size i = 0; i < n; i++)
		{
			AD_CHECK_EVERY_1024(i);
			t[i] -= cut + DAY * floor((t[i] - cut) / DAY);
		}
		ad_quantiles(t, n, levels, lengthof(levels), q);
		for (Size i = 0; i < lengthof(levels); i++)
			ends[i] = q[i] + cut - DAY * floor((q[i] + cut) / DAY);
		if (q[2] - q[0] < SHORTER * (s->q95 - s->q05) && ends[0] > ends[2])
		{
			arc->low = ends[0];
			arc->middle = ends[1];
			arc->high = ends[2];
		}
	}
	pfree(t);
}
