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
#define PIECE			4096	/* windows projected between interrupts */

/* LAPACK: eigenvalues and eigenvectors of a symmetric matrix. */
extern void dsyev_(const char *jobz, const char *uplo, const int *n,
				   double *a, const int *lda, double *w, double *work,
				   const int *lwork, int *info);

/* The windows of a series and their principal components. */
typedef struct Subpca
{
	Size		n;				/* points */
	Size		m;				/* points of a window, and components */
	Size		windows;
	double	   *x;				/* the points, levelled, gaps filled, padded */
	double	   *mean;			/* of each column: the windows' t-th points */
	double	   *cov;			/* m x m covariances, then the components */
	double	   *variance;		/* of the components, ascending */
	double	   *sum;			/* of each window: its score */
} Subpca;

/*
 * Copy the points, centred and scaled to 1; false if there is no variation
 * but rounding.  At least one is finite.
 */
static bool
level_series(Subpca *p, const double *y, Size present)
{
	double	   *x = p->x;
	double		largest = 0;
	double		center = 0;
	double		scale = 0;

	for (Size i = 0; i < p->n; i++)
		if (isfinite(y[i]))
			largest = Max(largest, fabs(y[i]));
	if (largest <= 0)
		return false;
	for (Size i = 0; i < p->n; i++)
		if (isfinite(y[i]))
			center += y[i] / largest / (double) present;
	for (Size i = 0; i < p->n; i++)
		if (isfinite(y[i]))
		{
			x[i] = y[i] / largest - center;
			scale = Max(scale, fabs(x[i]));
		}
	if (scale < 64 * DBL_EPSILON)
		return false;
	for (Size i = 0; i < p->n; i++)
		x[i] /= scale;
	return true;
}

/* Fill points without a value by straight lines between their neighbours. */
static void
fill_gaps(Subpca *p, const double *y)
{
	double	   *x = p->x;

	for (Size i = 0; i < p->n;)
	{
		Size		to = i;

		while (to < p->n && !isfinite(y[to]))
			to++;
		for (Size j = i; j < to; j++)
		{
			double		a = i > 0 ? x[i - 1] : to < p->n ? x[to] : 0;
			double		b = to < p->n ? x[to] : a;

			x[j] = a + (b - a) * (double) (j - i + 1) / (double) (to - i + 1);
		}
		i = to + 1;
	}
}

/* Compute column means, then covariances: entry (a + 1, b + 1) from (a, b). */
static void
covariances(Subpca *p)
{
	const double *x = p->x;
	double	   *mean = p->mean;
	double	   *cov = p->cov;
	Size		m = p->m;
	Size		windows = p->windows;

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
}

/* Replace the covariances by their components, ascending by variance. */
static void
components(Subpca *p)
{
	int			dim = (int) p->m;
	int			lwork = 40 * dim;
	double	   *work = ad_palloc_array(double, lwork);
	int			info;

	CHECK_FOR_INTERRUPTS();
	dsyev_("V", "U", &dim, p->cov, &dim, p->variance, work, &lwork, &info);
	if (info != 0)
		elog(ERROR, "eigenvalues of a window's covariance did not converge");
	CHECK_FOR_INTERRUPTS();
}

/* Add to each window's score its square on each component that counts. */
static void
project(Subpca *p)
{
	const AdLoessKernels *kernels = ad_loess_kernels(ad_simd_width());
	double	   *projection = ad_palloc_array(double, PIECE);
	double		largest = p->variance[p->m - 1];

	for (Size k = 0; k < p->m; k++)
	{
		const double *shape = p->cov + k * p->m;
		double		offset = 0;
		double		weight;

		if (p->variance[k] < LEAST_SHARE * largest)
			continue;
		weight = 1.0 / p->variance[k];
		for (Size t = 0; t < p->m; t++)
			offset += shape[t] * p->mean[t];
		for (Size from = 0; from < p->windows; from += PIECE)
		{
			Size		count = Min(PIECE, p->windows - from);
			double	   *sum = p->sum + from;

			CHECK_FOR_INTERRUPTS();
			kernels->filter(shape, p->m, p->x + from, 1, count, projection);
			for (Size i = 0; i < count; i++)
			{
				double		d = projection[i] - offset;

				sum[i] += d * d * weight;
			}
		}
	}
}

/*
 * Score each finite point by the mean over the windows that hold it.  The
 * running sum starts afresh now and then, so that rounding does not pile up.
 */
static void
average_windows(const Subpca *p, const double *y, double *score)
{
	double		s = 0;
	Size		holding = 0;	/* windows that hold the point */
	Size		first = 0;

	for (Size i = 0; i < p->n; i++)
	{
		Size		from = i + 1 > p->m ? i + 1 - p->m : 0;

		AD_CHECK_EVERY_1024(i);
		if (i < p->windows)
		{
			s += p->sum[i];
			holding++;
		}
		if (from > first)
		{
			s -= p->sum[first];
			holding--;
			first = from;
		}
		if (i % 1024 == 1023)
		{
			s = 0;
			for (Size j = first; j <= i && j < p->windows; j++)
				s += p->sum[j];
		}
		if (isfinite(y[i]))
			score[i] = Max(s, 0) / (double) Max(holding, 1) / (double) p->m;
	}
}

/*
 * Score the points by their windows; false if the series has no shape.
 */
static bool
score_points(Subpca *p, const double *y, Size present, double *score)
{
	p->x = ad_palloc0_array(double, p->n + AD_LOESS_PAD);
	if (!level_series(p, y, present))
		return false;
	fill_gaps(p, y);
	p->cov = ad_palloc0_array(double, p->m * p->m);
	p->variance = ad_palloc_array(double, p->m);
	p->mean = ad_palloc_array(double, p->m);
	p->sum = ad_palloc0_array(double, p->windows);
	covariances(p);
	components(p);
	if (p->variance[p->m - 1] <= 0)
		return false;
	if (isnan(p->variance[p->m - 1]))
		return true;			/* no scores can be had */
	project(p);
	average_windows(p, y, score);
	return true;
}

/*
 * Set the scores of n points (NaN or infinite: missing, filled by a straight
 * line, scored NaN), windows of 2 <= m <= AD_SUBPCA_MAX_WINDOW points.
 */
void
ad_subpca_scores(const double *y, Size n, Size m, double *score)
{
	MemoryContext mcxt;
	MemoryContext old;
	Subpca		p;
	Size		present = 0;

	for (Size i = 0; i < n; i++)
	{
		score[i] = NAN;
		present += isfinite(y[i]) ? 1 : 0;
	}
	if (n < 2 * m || present == 0)
		return;
	mcxt = AllocSetContextCreate(CurrentMemoryContext, "anomaly subpca",
								 ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(mcxt);
	p.n = n;
	p.m = m;
	p.windows = n - m + 1;
	if (!score_points(&p, y, present, score))
		for (Size i = 0; i < n; i++)
			score[i] = isfinite(y[i]) ? 0 : NAN;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(mcxt);
}
