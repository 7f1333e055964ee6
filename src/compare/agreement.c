/*-------------------------------------------------------------------------
 *
 * agreement.c
 *		How far a ranking of rows agrees with those of other detectors.
 *
 * It is Spearman's rank correlation of a spec's scores with the mean of the
 * other specs' ranks.  Its own ranks are not in that mean, or of two specs each
 * would agree with itself.  Equal scores have the mean of their places.
 *
 *-------------------------------------------------------------------------
 */
#include "compare/ad_compare.h"

#include "math/ad_math.h"

/* Replace n scores by their ranks, from 1. */
static void
rank(double *v, Size n, double *sorted, uint32 *row, uint64 *scratch)
{
	for (Size i = 0; i < n; i++)
	{
		sorted[i] = v[i];
		row[i] = (uint32) i;
	}
	ad_sort_with(sorted, row, n, scratch);
	for (Size i = 0; i < n;)
	{
		Size		end = i + 1;

		while (end < n && sorted[end] == sorted[i])
			end++;
		for (Size k = i; k < end; k++)
			v[row[k]] = (double) (i + 1 + end) / 2;
		i = end;
	}
}

/* The correlation of ranks with the sum of all less these; NaN: there is none. */
static double
correlation(const double *own, const double *sum, int others, Size n)
{
	double		mean = (double) (n + 1) / 2;
	double		xx = 0;
	double		yy = 0;
	double		xy = 0;

	for (Size i = 0; i < n; i++)
	{
		double		x = own[i] - mean;
		double		y = (sum[i] - own[i]) - mean * others;

		AD_CHECK_EVERY_1024(i);
		xx += x * x;
		yy += y * y;
		xy += x * y;
	}
	return xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : NAN;
}

/*
 * The agreement of each spec's scores of n rows, which become ranks, with the
 * others'.  Specs without scores (NULL) have NaN, as has one alone.
 */
void
ad_compare_agreement(double *const *scores, int nspecs, Size n,
					 double *agreement)
{
	double	   *sum = ad_palloc0_array(double, n);
	double	   *sorted = ad_palloc_array(double, n);
	uint32	   *row = ad_palloc_array(uint32, n);
	uint64	   *scratch = ad_palloc_array(uint64, ad_mul_size(n, 2));
	int			present = 0;

	for (int s = 0; s < nspecs; s++)
	{
		CHECK_FOR_INTERRUPTS();
		if (scores[s] == NULL)
			continue;
		rank(scores[s], n, sorted, row, scratch);
		for (Size i = 0; i < n; i++)
			sum[i] += scores[s][i];
		present++;
	}
	for (int s = 0; s < nspecs; s++)
		agreement[s] = scores[s] == NULL || present < 2 ? NAN :
			correlation(scores[s], sum, present - 1, n);
	pfree(sum);
	pfree(sorted);
	pfree(row);
	pfree(scratch);
}
