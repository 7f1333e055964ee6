/*-------------------------------------------------------------------------
 *
 * principal.c
 *		Principal axes of rows, and how many of them count.
 *
 * An axis along which rows have less than 1e-9 of the greatest variance is one
 * in which they do not differ: rounding leaves some variance.
 *
 *-------------------------------------------------------------------------
 */
#include "math/ad_linalg.h"

#define NULL_VARIANCE	1e-9	/* of the greatest one */

/*
 * Fill in the mean of n rows, the eigenvectors of their covariance (divisor
 * n - 1), one a row and leading first, and their variances, none negative.
 * Returns whether all sums are numbers; else there are no axes.  Cancellable.
 */
bool
ad_principal_axes(const double *x, Size n, int cols, double *mean,
				  double *axes, double *variances)
{
	ad_column_means(x, n, cols, mean);
	/* of one row it is 0, whatever the divisor */
	ad_covariance(x, n, cols, mean, (double) Max(n - 1, 1), axes);
	if (!ad_all_finite(axes, (Size) cols * cols))
		return false;
	ad_eigen(axes, cols, variances);

	/* they ascend */
	for (int i = 0, j = cols - 1; i < j; i++, j--)
	{
		double		t = variances[i];

		variances[i] = variances[j];
		variances[j] = t;
		for (int c = 0; c < cols; c++)
		{
			t = axes[(Size) i * cols + c];
			axes[(Size) i * cols + c] = axes[(Size) j * cols + c];
			axes[(Size) j * cols + c] = t;
		}
	}
	for (int i = 0; i < cols; i++)
		variances[i] = Max(variances[i], 0);
	return true;
}

/* Return along how many axes rows differ; variances descend. */
int
ad_principal_varying(const double *variances, int cols)
{
	int			n = 0;

	while (n < cols && variances[n] > NULL_VARIANCE * variances[0])
		n++;
	return n;
}

/* Return how few axes hold a share of the variance; variances descend. */
int
ad_principal_count(const double *variances, int cols, double share)
{
	double		total = 0;
	double		sum = 0;

	for (int i = 0; i < cols; i++)
		total += variances[i];
	for (int k = 0; k < cols; k++)
	{
		sum += variances[k];
		if (sum >= share * total)
			return k + 1;
	}
	return cols;
}
