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
 * needs one pass per lag, not one per pair of columns, and a projection of
 * all windows is a filter along the series.  A sum of squares does not change
 * when its directions are turned, so the filters are those of a triangle,
 * with half the products: the inverse of the covariances' Cholesky factor,
 * or, where components do not count, a QR factor of those that do.
 *
 *-------------------------------------------------------------------------
 */
#include "math/ad_loess.h"
#include "series/ad_shape.h"

#include <float.h>

#define LEAST_SHARE		1e-9	/* of the largest variance: noise below */
#define DEFAULT_WINDOW	((Size) 100)	/* points */
#define LEAST_WINDOWS	6		/* times it fits into the series */
#define PIECE			4096	/* windows projected between interrupts */

/*
 * LAPACK: eigenvalues and eigenvectors of a symmetric matrix, its Cholesky
 * factor, the inverse of that, and a QR factor.
 */
extern void dsyev_(const char *jobz, const char *uplo, const int *n,
				   double *a, const int *lda, double *w, double *work,
				   const int *lwork, int *info);
extern void dpotrf_(const char *uplo, const int *n, double *a,
					const int *lda, int *info);
extern void dtrtri_(const char *uplo, const char *diag, const int *n,
					double *a, const int *lda, int *info);
extern void dgeqrf_(const int *m, const int *n, double *a, const int *lda,
					double *tau, double *work, const int *lwork, int *info);

/* A weighted sum of some of a window's points. */
typedef struct Filter
{
	const double *weight;
	Size		first;			/* point of the window */
	Size		count;
} Filter;

/* The windows of a series and their principal components. */
typedef struct Subpca
{
	Size		n;				/* points */
	Size		m;				/* points of a window */
	Size		windows;
	double	   *x;				/* the points, levelled, gaps filled, padded */
	double	   *mean;			/* of each column: the windows' t-th points */
	double	   *cov;			/* m x m covariances */
	Filter	   *filter;			/* a window's score is the sum of their
								 * squares */
	Size		nfilters;
	double	   *sum;			/* of each window: its score */
} Subpca;

/*
 * Copy the points, centred and scaled to 1; false if there is no variation
 * but rounding.  At least one is finite.
 */
static bool
level_series(Subpca *p, const double *y)
{
	double	   *x = p->x;
	Size		present = 0;
	double		largest = 0;
	double		center = 0;
	double		scale = 0;

	for (Size i = 0; i < p->n; i++)
		if (isfinite(y[i]))
		{
			present++;
			largest = Max(largest, fabs(y[i]));
		}
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

/*
 * Set sum[lag], for AD_LOESS_LANES lags from the given one, to the sum of the
 * products of the windows' first points with those so many points later.
 */
static void
lag_products(const Subpca *p, const AdLoessKernels *kernels, Size lag,
			 double *sum)
{
	double		part[AD_LOESS_LANES];

	memset(sum, 0, sizeof(part));
	for (Size from = 0; from < p->windows; from += PIECE)
	{
		const double *x = p->x + from;

		CHECK_FOR_INTERRUPTS();
		kernels->filter(x, Min(PIECE, p->windows - from), x + lag, 1,
						AD_LOESS_LANES, part);
		for (Size k = 0; k < AD_LOESS_LANES; k++)
			sum[k] += part[k];
	}
}

/* Compute column means, then covariances: entry (a + 1, b + 1) from (a, b). */
static void
covariances(Subpca *p)
{
	const AdLoessKernels *kernels = ad_loess_kernels(ad_simd_width());
	const double *x = p->x;
	double	   *mean = p->mean;
	double	   *cov = p->cov;
	Size		m = p->m;
	Size		windows = p->windows;
	double		products[AD_LOESS_LANES];

	mean[0] = 0;
	for (Size i = 0; i < windows; i++)
		mean[0] += x[i];
	for (Size a = 1; a < m; a++)
		mean[a] = mean[a - 1] + x[a - 1 + windows] - x[a - 1];
	for (Size a = 0; a < m; a++)
		mean[a] /= (double) windows;
	for (Size lag = 0; lag < m; lag++)
	{
		double		c;

		/* lags of no use at the end read zeros behind the points */
		if (lag % AD_LOESS_LANES == 0)
			lag_products(p, kernels, lag, products);
		c = products[lag % AD_LOESS_LANES];
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

/*
 * Make the filters of all components: the rows of the inverse of a Cholesky
 * factor.  False, with the covariances as they were, unless it is sure that
 * all components count.
 */
static bool
whole_filters(Subpca *p)
{
	int			dim = (int) p->m;
	double	   *a = ad_palloc_array(double, p->m * p->m);
	int			info;
	double		trace = 0;
	double		inverse = 0;	/* trace of the inverse */

	memcpy(a, p->cov, p->m * p->m * sizeof(double));
	for (Size t = 0; t < p->m; t++)
		trace += a[t * p->m + t];
	dpotrf_("U", &dim, a, &dim, &info);
	if (info == 0)
		dtrtri_("U", "N", &dim, a, &dim, &info);
	if (info != 0)
		return false;
	for (Size t = 0; t < p->m; t++)
		for (Size k = 0; k <= t; k++)
			inverse += a[t * p->m + k] * a[t * p->m + k];
	/* the largest variance over the least one is no more than this */
	if (!(trace * inverse <= 1 / LEAST_SHARE))
		return false;
	for (Size t = 0; t < p->m; t++)
		p->filter[t] = (Filter)
	{
		a + t * p->m, 0, t + 1
	};
	p->nfilters = p->m;
	return true;
}

/*
 * Make the filters of the components that count: the rows of a triangle with
 * the same sum of squares as they have, each over its deviation.  False if
 * the series has no shape; none if no scores can be had.
 */
static bool
component_filters(Subpca *p)
{
	int			dim = (int) p->m;
	int			lwork = 40 * dim;
	double	   *work = ad_palloc_array(double, lwork);
	double	   *variance = ad_palloc_array(double, p->m);
	double	   *tau = ad_palloc_array(double, p->m);
	double	   *a = ad_palloc_array(double, p->m * p->m);
	double	   *rows = ad_palloc_array(double, p->m * p->m);
	double		largest;
	int			kept = 0;
	int			info;

	CHECK_FOR_INTERRUPTS();
	dsyev_("V", "U", &dim, p->cov, &dim, variance, work, &lwork, &info);
	if (info != 0)
		elog(ERROR, "eigenvalues of a window's covariance did not converge");
	CHECK_FOR_INTERRUPTS();
	largest = variance[p->m - 1];
	if (largest <= 0)
		return false;
	for (Size k = 0; k < p->m; k++)
		kept += variance[k] >= LEAST_SHARE * largest ? 1 : 0;
	for (Size k = p->m - (Size) kept; k < p->m; k++)
		for (Size t = 0; t < p->m; t++)
			a[t * (Size) kept + k - (p->m - (Size) kept)] =
				p->cov[k * p->m + t] / sqrt(variance[k]);
	if (kept == 0)
		return true;
	dgeqrf_(&kept, &dim, a, &kept, tau, work, &lwork, &info);
	if (info != 0)
		elog(ERROR, "components of a window could not be turned");
	for (Size k = 0; k < (Size) kept; k++)
	{
		for (Size t = k; t < p->m; t++)
			rows[k * p->m + t] = a[t * (Size) kept + k];
		p->filter[k] = (Filter)
		{
			rows + k * p->m + k, k, p->m - k
		};
	}
	p->nfilters = (Size) kept;
	return true;
}

/* Add to each window's score the squares of its filters. */
static void
project(Subpca *p)
{
	const AdLoessKernels *kernels = ad_loess_kernels(ad_simd_width());
	double	   *projection = ad_palloc_array(double, PIECE);

	for (Size from = 0; from < p->windows; from += PIECE)
	{
		Size		count = Min(PIECE, p->windows - from);
		double	   *sum = p->sum + from;

		for (Size k = 0; k < p->nfilters; k++)
		{
			const Filter *f = &p->filter[k];
			double		offset = 0;

			for (Size t = 0; t < f->count; t++)
				offset += f->weight[t] * p->mean[f->first + t];
			CHECK_FOR_INTERRUPTS();
			kernels->filter(f->weight, f->count, p->x + from + f->first, 1,
							count, projection);
			for (Size i = 0; i < count; i++)
			{
				double		d = projection[i] - offset;

				sum[i] += d * d;
			}
		}
	}
}

/*
 * Mark the windows that have more than "most" points without a value: their
 * score is NaN.
 */
static void
leave_out_filled(Subpca *p, const double *y, Size most)
{
	Size		filled = 0;

	for (Size i = 0; i < p->n; i++)
	{
		filled += isfinite(y[i]) ? 0 : 1;
		if (i + 1 < p->m)
			continue;
		if (filled > most)
			p->sum[i + 1 - p->m] = NAN;
		filled -= isfinite(y[i + 1 - p->m]) ? 0 : 1;
	}
}

/* Add a window's score to a sum, or take it out again (-1), if it counts. */
static inline void
add_window(double sum, int sign, double *s, Size *holding)
{
	if (isnan(sum))
		return;
	*s += sign * sum;
	*holding += sign;
}

/*
 * Score each finite point by the mean over the windows that hold it and count;
 * NaN if there are none.  The running sum starts afresh now and then, so that
 * rounding does not pile up.
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
			add_window(p->sum[i], 1, &s, &holding);
		if (from > first)
		{
			add_window(p->sum[first], -1, &s, &holding);
			first = from;
		}
		if (i % 1024 == 1023)
		{
			s = 0;
			holding = 0;
			for (Size j = first; j <= i && j < p->windows; j++)
				add_window(p->sum[j], 1, &s, &holding);
		}
		if (isfinite(y[i]) && holding > 0)
			score[i] = Max(s, 0) / (double) holding / (double) p->m;
	}
}

/*
 * Score the points by their windows; false if the series has no shape.
 * "filled" and "most" are those of ad_subpca_scores().
 */
static bool
score_points(Subpca *p, const double *y, const double *filled, Size most,
			 double *score)
{
	p->x = ad_palloc0_array(double, p->n + AD_LOESS_PAD);
	if (!level_series(p, filled))
		return false;
	fill_gaps(p, filled);
	p->cov = ad_palloc0_array(double, p->m * p->m);
	p->filter = ad_palloc_array(Filter, p->m);
	p->mean = ad_palloc_array(double, p->m);
	p->sum = ad_palloc0_array(double, p->windows);
	covariances(p);
	p->nfilters = 0;
	if (!whole_filters(p) && !component_filters(p))
		return false;
	if (p->nfilters == 0)
		return true;			/* no scores can be had */
	project(p);
	leave_out_filled(p, y, most);
	average_windows(p, y, score);
	return true;
}

/*
 * Return the points of a window by default: a hundred, or a sixth of a short
 * series, which has to show its shapes several times (docs/series.md).
 */
Size
ad_subpca_window(Size n)
{
	return Max(Min(DEFAULT_WINDOW, n / LEAST_WINDOWS), 2);
}

/*
 * Return how many windows of m of n points have no more than "most" points
 * without a value.
 */
Size
ad_subpca_known(const double *y, Size n, Size m, Size most)
{
	Size		known = 0;
	Size		missing = 0;

	for (Size i = 0; i < n; i++)
	{
		missing += isfinite(y[i]) ? 0 : 1;
		if (i + 1 < m)
			continue;
		known += missing <= most ? 1 : 0;
		missing -= isfinite(y[i + 1 - m]) ? 0 : 1;
	}
	return known;
}

/*
 * Set the scores of n points (NaN or infinite: missing, scored NaN), windows of
 * 2 <= m <= AD_SUBPCA_MAX_WINDOW points.  "filled" has what the missing points
 * are taken for, NaN for a straight line between their neighbours.  Windows of
 * more than "most" missing points do not count.
 */
void
ad_subpca_scores(const double *y, const double *filled, Size n, Size m,
				 Size most, double *score)
{
	MemoryContext mcxt;
	MemoryContext old;
	Subpca		p;
	bool		any = false;

	for (Size i = 0; i < n; i++)
	{
		score[i] = NAN;
		any = any || isfinite(y[i]);
	}
	if (n < 2 * m || !any)
		return;
	mcxt = AllocSetContextCreate(CurrentMemoryContext, "anomaly subpca",
								 ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(mcxt);
	p.n = n;
	p.m = m;
	p.windows = n - m + 1;
	if (!score_points(&p, y, filled, most, score))
		for (Size i = 0; i < n; i++)
			score[i] = isfinite(y[i]) ? 0 : NAN;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(mcxt);
}
