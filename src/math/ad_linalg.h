/*-------------------------------------------------------------------------
 *
 * ad_linalg.h
 *		Dense linear algebra: linear maps, scatter matrices, factorisations,
 *		clusters.
 *
 * What every row goes through (maps, distances to centres, scatter) is here
 * and gives the same bits on every machine; factorisations, which only a fit
 * needs, are LAPACK's.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_LINALG_H
#define AD_LINALG_H

#include "core/ad_bytes.h"
#include "math/ad_simd.h"

#define AD_LANES			8	/* outputs that a kernel computes together */
#define AD_PAD_LANES(n)		(((Size) (n) + AD_LANES - 1) / AD_LANES * AD_LANES)
#define AD_LINALG_MAX_COLUMNS 2048	/* of a matrix to factorise */

/*
 * A map y = W (x - mean).  The rows of W stand in blocks of AD_LANES, a
 * block column by column, so that a kernel keeps a block's outputs in
 * registers.
 */
typedef struct AdMap
{
	int			cols;			/* inputs */
	int			outputs;
	int			blocks;			/* of AD_LANES outputs */
	int		   *limit;			/* per block: columns up to the last nonzero */
	double	   *w;				/* blocks x cols x AD_LANES */
	double	   *mean;			/* cols */
	double	   *d;				/* scratch: x - mean */
	double	   *y;				/* scratch: outputs of the last row, padded */
} AdMap;

/* Points to measure distances to, in blocks as a map's rows are. */
typedef struct AdCenters
{
	int			cols;
	int			n;
	int			blocks;
	double	   *c;				/* blocks x cols x AD_LANES */
	double	   *d2;				/* scratch: squared distances of a row, padded */
} AdCenters;

/* map_bytes.c */
extern void ad_map_write(StringInfo buf, const double *mean, const double *w,
						 int outputs, int cols);
extern AdMap *ad_map_read(AdReader *r, int cols);

/* principal.c: the axes along which rows vary most */
extern bool ad_principal_axes(const double *x, Size n, int cols, double *mean,
							  double *axes, double *variances);
extern int	ad_principal_varying(const double *variances, int cols);
extern int	ad_principal_count(const double *variances, int cols,
							   double share);

/* linalg.c: maps and centres */
extern AdMap *ad_map_create(int cols, int outputs);
extern void ad_map_set(AdMap *m, int output, const double *row);
extern void ad_map_finish(AdMap *m);
extern const double *ad_map_apply(const AdMap *m, const double *x);
extern void ad_map_share(const AdMap *m, const double *x,
						 const double *parts, double *shares);
extern void ad_map_transpose(const AdMap *m, double *out);
extern AdCenters *ad_centers_create(int cols, int n);
extern void ad_centers_set(AdCenters *c, int i, const double *x);
extern void ad_centers_get(const AdCenters *c, int i, double *x);

/*
 * simd_linear.c: kernels.  ad_map_norms: the squared length of each row's
 * outputs; DBL_MAX for a row with an infinite value or a length that is not
 * a finite number.  ad_centers_nearest: the nearest centre (of equal ones the
 * first) and the squared distance to it, which may be +Infinity.
 * ad_scatter_add: s += sum of weight (x - mean)(x - mean)', upper blocks only,
 * cols x AD_PAD_LANES(cols); weight may be NULL.
 */
typedef void (*AdMapNorms) (const AdMap *m, const double *x, Size n,
							double *norms);
typedef void (*AdCentersNearest) (const AdCenters *c, const double *x, Size n,
								  double *d2, int *nearest);
typedef void (*AdScatterAdd) (const double *x, Size n, int cols,
							  const double *mean, const double *weight,
							  double *s);

/*
 * Of each column of n rows: ad_column_ranges lowers its least and raises its
 * greatest value, ad_column_sums adds differences from a number and their
 * squares in the order of the rows, ad_column_counts adds how many values are
 * at most a limit.  NaN is neither less nor greater than anything, and in the
 * sums of its column alone.
 */
typedef void (*AdColumnRanges) (const double *x, Size n, int cols,
								double *least, double *greatest);
typedef void (*AdColumnSums) (const double *x, Size n, int cols,
							  const double *from, double *sum,
							  double *squares);
typedef void (*AdColumnCounts) (const double *x, Size n, int cols,
								const double *limit, int64 *count);

extern AdMapNorms ad_map_norms;
extern AdCentersNearest ad_centers_nearest;
extern AdScatterAdd ad_scatter_add;
extern AdColumnRanges ad_column_ranges;
extern AdColumnSums ad_column_sums;
extern AdColumnCounts ad_column_counts;
extern void ad_linear_choose(AdSimdLevel level);

/* linalg.c: fits.  n x n matrices are row by row and symmetric. */
extern void ad_check_columns(int cols, const char *detector);
extern void ad_column_means(const double *x, Size n, int cols, double *mean);
extern void ad_count_at_most(const double *x, Size n, int cols,
							 const double *limit, int64 *count);
extern void ad_covariance(const double *x, Size n, int cols,
						  const double *mean, double divisor, double *cov);
extern bool ad_all_finite(const double *v, Size n);
extern void ad_too_large(const char *detector) pg_attribute_noreturn();
extern void ad_too_small(const char *detector) pg_attribute_noreturn();
extern double ad_chi2_quantile(double df, double p);

/* factor.c: factorisations, cancellable */
extern void ad_eigen(double *a, int n, double *values);
extern bool ad_cholesky(double *a, int n);
extern void ad_lower_inverse(double *l, int n);

/* cluster.c: k-means */
typedef struct AdKmeans
{
	int			clusters;		/* in: wanted; out: found, at most as many as
								 * there are distinct rows */
	int			restarts;		/* of the seeding */
	int			max_iter;
	double		tol;			/* stop when the centres move less, times the
								 * mean variance; 0: until labels stay */
	bool		first;			/* seed with the least distinct rows */
	uint64		seed;
	AdCenters  *centers;		/* out */
	int		   *labels;			/* out, per row */
	double		inertia;		/* out: sum of squared distances */
} AdKmeans;

extern void ad_kmeans_run(AdKmeans *k, const double *x, Size n, int cols);

#endif							/* AD_LINALG_H */
