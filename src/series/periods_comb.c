/*-------------------------------------------------------------------------
 *
 * periods_comb.c
 *		Finding periods: about the strength at all lengths at once.
 *
 * The comb of a length is the correlation of the series with itself at all
 * multiples of the length.  For long lengths it comes from the correlation
 * at all lags; for short ones, of which there are few, from the sums of the
 * phases: the square of a sum is all products of two points of a phase.
 *
 *-------------------------------------------------------------------------
 */
#include "series/ad_periods_search.h"

#define TINY			1e-300	/* instead of a divisor of 0 */
#define SOME			0.5		/* pairs: more than none */

/* Return how many pairs of "points" without a gap are a multiple apart. */
static double
pairs_of(Size points, Size period)
{
	double		most = points > 0 ? (double) ((points - 1) / period) : 0;

	return most * (double) points - (double) period * most * (most + 1) / 2;
}

/*
 * Set comb[p - from] for p in from .. to, from the products of points at all
 * lags and the number of pairs there, both times one factor; pairs is NULL
 * and that factor any if there are so many points and none between is missing.
 * -1 where there is no pair.
 */
void
ad_periods_comb(const AdPeriodSearch *s, const double *products,
				const double *pairs, Size points, Size from, Size to,
				double *comb)
{
	Size		n = s->n;
	double		first = products[0] /
		(pairs != NULL ? Max(pairs[0], TINY) : Max((double) points, 1));
	double		some = pairs != NULL ? SOME * (double) s->fft.n : SOME;

	for (Size p = from; p <= to; p++)
	{
		double		product = 0;
		double		count = 0;

		for (Size lag = p; lag < n; lag += p)
			product += products[lag];
		if (pairs == NULL)
			count = pairs_of(points, p);
		else
			for (Size lag = p; lag < n; lag += p)
				count += pairs[lag];
		comb[p - from] = count > some && first > 0 ?
			product / count / first : -1;
	}
}

/* Set comb[p - from] for short lengths p in from .. to, of s->x. */
void
ad_periods_comb_short(AdPeriodSearch *s, Size from, Size to, double *comb)
{
	const double *weights = ad_periods_complete(s) ? NULL :
		ad_periods_weights(s, s->from, s->to);
	double		points = s->counts[s->to] - s->counts[s->from];
	double		total = 0;
	double		first;

	for (Size i = s->from; i < s->to; i++)
		total += s->x[i] * s->x[i];
	first = total / Max(points, 1);
	for (Size p = from; p <= to; p++)
	{
		double		product = -total;
		double		count = -points;

		CHECK_FOR_INTERRUPTS();
		ad_periods_fold_sum(s->x, s->n, p, s->sum);
		for (Size i = 0; i < p; i++)
			product += s->sum[i] * s->sum[i];
		if (weights != NULL)
		{
			ad_periods_fold_sum(weights, s->n, p, s->count);
			for (Size i = 0; i < p; i++)
				count += s->count[i] * s->count[i];
		}
		else
			count = 2 * pairs_of((Size) points, p);
		comb[p - from] = count / 2 > SOME && first > 0 ?
			product / count / first : -1;
	}
}

/* Copy n values to where they are correlated, with zeros behind. */
void
ad_periods_lay(const AdPeriodSearch *s, const double *x, double *out)
{
	memcpy(out, x, s->n * sizeof(double));
	memset(out + s->n, 0, (s->fft.n - s->n) * sizeof(double));
}
