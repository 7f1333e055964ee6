/*-------------------------------------------------------------------------
 *
 * subpca.c
 *		Sub-sequence PCA: how far is each window from the usual shapes?
 *
 * All windows of m points are taken as vectors; their principal components
 * are the shapes the series is made of.  A window's score is the sum of its
 * squared components, each divided by that component's variance (Shyu et
 * al. 2003, "A novel anomaly detection scheme based on principal component
 * classifier"), so what is rare in a minor direction counts as much as what
 * is large in a major one.  A point's score is the mean over the windows
 * that hold it.  The method leads TSB-AD-U (Liu & Paparrizos 2024).
 *
 * Neighbouring windows share all but one point, so the covariance matrix
 * needs one pass per lag, not one per pair of columns; projecting all
 * windows on a component is a filter along the series.
 *
 *-------------------------------------------------------------------------
 */
#include "math/ad_loess.h"
#include "series/ad_shape.h"

#include <float.h>

#define LEAST_SHARE		1e-9	/* of the largest variance: noise below */
#define PIECE			4096

/* LAPACK: eigenvalues and eigenvectors of a symmetric matrix. */
extern void dsyev_(const char *jobz, const char *uplo, const int *n,
				   double *a, const int *lda, double *w, double *work,
				   const int *lwork, int *info);

/*
 * Scores of n points (NaN or infinite: missing, filled by a straight line,
 * scored NaN), windows of 2 <= m <= AD_SUBPCA_MAX_WINDOW points.
 */
void
ad_subpca_scores(const double *y, Size n, Size m, double *score)
{
	MemoryContext mcxt;
	MemoryContext old;
	AdLoessKernels const *kernels = ad_loess_kernels(ad_simd_width());
	Size		windows;
	double	   *x,
			   *cov,
			   *value,
			   *work,
			   *sum,
			   *projection,
			   *mean;
	double		center = 0;
	double		scale = 0;
	Size		present = 0;
	int			dim = (int) m;
	int			lwork = 40 * dim;
	int			info;
	double		largest = 0;

	for (Size i = 0; i < n; i++)
		score[i] = NAN;
	if (n < 2 * m)
		return;
	windows = n - m + 1;
	mcxt = AllocSetContextCreate(CurrentMemoryContext, "anomaly subpca",
								 ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(mcxt);
	x = ad_palloc0_array(double, n + AD_LOESS_PAD);
	cov = ad_palloc0_array(double, m * m);
	value = ad_palloc_array(double, m);
	mean = ad_palloc_array(double, m);
	work = ad_palloc_array(double, lwork);
	sum = ad_palloc0_array(double, windows);
	projection = ad_palloc_array(double, PIECE);

	for (Size i = 0; i < n; i++)
		if (isfinite(y[i]))
		{
			largest = Max(largest, fabs(y[i]));
			present++;
		}
	if (present == 0 || largest <= 0)
		goto done;
	for (Size i = 0; i < n; i++)
		if (isfinite(y[i]))
			center += y[i] / largest / (double) present;
	for (Size i = 0; i < n; i++)
		if (isfinite(y[i]))
		{
			x[i] = y[i] / largest - center;
			scale = Max(scale, fabs(x[i]));
		}
	/* constant up to rounding: no shape */
	if (scale < 64 * DBL_EPSILON)
		goto done;
	for (Size i = 0; i < n; i++)
		x[i] /= scale;
	for (Size i = 0; i < n;)
	{
		Size		to = i;

		while (to < n && !isfinite(y[to]))
			to++;
		for (Size j = i; j < to; j++)
		{
			double		a = i > 0 ? x[i - 1] : to < n ? x[to] : 0;
			double		b = to < n ? x[to] : a;

			x[j] = a + (b - a) * (double) (j - i + 1) / (double) (to - i + 1);
		}
		i = to + 1;
	}

	/* column means, then covariances: entry (a + 1, b + 1) from (a, b) */
	mean[0] = 0;
	for (Size i = 0; i < windows; i++)
		mean[0] += x[i];
	for (Size a = 1; a < m; a++)
		mean[a] = mean[a - 1] + x[a - 1 + windows] - x[a - 1];
	for (Size a = 0; a < m; a++)
		mean[a] /= (double) windows;
	for (Size lag = 0; lag < m; lag++)
	{
		double		c = 0;

		CHECK_FOR_INTERRUPTS();
		for (Size i = 0; i < windows; i++)
		{
			AD_CHECK_EVERY_1024(i);
			c += x[i] * x[i + lag];
		}
		for (Size a = 0; a + lag < m; a++)
		{
			if (a > 0)
				c += x[a - 1 + windows] * x[a - 1 + windows + lag] -
					x[a - 1] * x[a - 1 + lag];
			cov[a * m + a + lag] = cov[(a + lag) * m + a] =
				c / (double) windows - mean[a] * mean[a + lag];
		}
	}

	CHECK_FOR_INTERRUPTS();
	dsyev_("V", "U", &dim, cov, &dim, value, work, &lwork, &info);
	if (info != 0)
		elog(ERROR, "eigenvalues of a window's covariance did not converge");
	CHECK_FOR_INTERRUPTS();
	largest = value[m - 1];
	if (!(largest > 0))
		goto done;

	for (Size k = 0; k < m; k++)
	{
		const double *shape = cov + k * m;
		double		offset = 0;
		double		weight;

		if (value[k] < LEAST_SHARE * largest)
			continue;
		weight = 1.0 / value[k];
		for (Size t = 0; t < m; t++)
			offset += shape[t] * mean[t];
		for (Size from = 0; from < windows; from += PIECE)
		{
			Size		count = Min(PIECE, windows - from);

			CHECK_FOR_INTERRUPTS();
			kernels->filter(shape, m, x + from, 1, count, projection);
			for (Size i = 0; i < count; i++)
			{
				double		p = projection[i] - offset;

				sum[from + i] += p * p * weight;
			}
		}
	}
	{
		/* the mean over the windows that hold a point, afresh now and then */
		double		s = 0;
		Size		held = 0;
		Size		first = 0;

		for (Size i = 0; i < n; i++)
		{
			Size		from = i + 1 > m ? i + 1 - m : 0;

			AD_CHECK_EVERY_1024(i);
			if (i < windows)
			{
				s += sum[i];
				held++;
			}
			if (from > first)
			{
				s -= sum[first];
				held--;
				first = from;
			}
			if (i % 1024 == 1023)
			{
				s = 0;
				for (Size j = first; j <= i && j < windows; j++)
					s += sum[j];
			}
			if (isfinite(y[i]))
				score[i] = Max(s, 0) / (double) Max(held, 1) / (double) m;
		}
	}
done:
	if (present > 0 && (largest <= 0 || scale < 64 * DBL_EPSILON))
		for (Size i = 0; i < n; i++)
			score[i] = isfinite(y[i]) ? 0 : NAN;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(mcxt);
}
