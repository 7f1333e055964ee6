/*-------------------------------------------------------------------------
 *
 * drift_edges.c
 *		Where the bins of numbers end.
 *
 *-------------------------------------------------------------------------
 */
#include "operate/ad_drift_compare.h"

/*
 * The upper edges of all bins but the last, which has none: quantiles; or if
 * the distinct numbers are few, each with what is just below it before it,
 * so that a bin is one number, and others are in bins between.  Returns how
 * many, at most 2 * bins.
 */
int
ad_drift_edges(const double *x, Size n, int bins, double *edges)
{
	int			distinct = 0;
	int			k = 0;

	for (Size i = 0; i < n && distinct <= bins; i++)
		if (i == 0 || x[i] != x[i - 1])
		{
			if (distinct < bins)
			{
				edges[2 * distinct] = ad_drift_below(x[i]);
				edges[2 * distinct + 1] = x[i];
			}
			distinct++;
		}
	if (distinct <= bins)
		return 2 * distinct;
	for (int i = 1; i < bins; i++)
	{
		double		at = (double) i / bins * (double) (n - 1);
		Size		low = (Size) at;
		double		e = x[low];

		/* equal neighbours give just that number */
		if (low + 1 < n && x[low + 1] != e)
			e = e * (1 - (at - (double) low)) + x[low + 1] * (at - (double) low);
		if (k == 0 || e > edges[k - 1])
			edges[k++] = e;
	}
	return k;
}
