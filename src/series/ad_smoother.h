/*-------------------------------------------------------------------------
 *
 * ad_smoother.h
 *		LOESS smoothing of a series, and medians.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_SMOOTHER_H
#define AD_SMOOTHER_H

#include "math/ad_loess.h"
#include "series/ad_series.h"

/* loess.c */

/* One LOESS smoother: Cleveland & Devlin's with tricube weights. */
typedef struct AdLoess
{
	Size		window;			/* points of a window, odd */
	Size		half;			/* (window - 1) / 2 */
	int			degree;			/* 0 or 1 */
	Size		jump;			/* distance between evaluated points */
	Size		nblocks;		/* blocks of eight that hold a window */
	double	   *tricube;		/* weights of an interior window, padded */
	double	   *filter;			/* the same, summing to 1 */
	double	   *edge;			/* scratch: weights of another window */
} AdLoess;

extern void ad_loess_init(AdLoess *l, Size window, int degree, Size jump,
						  Size n);
extern bool ad_loess_edge(const AdLoess *l, Size n, int64 xs, Size left,
						  Size right, bool weighted, double *limit);
extern double ad_loess_limit(Size n);
extern void ad_loess_smooth(const AdLoess *l, const AdLoessKernels *k,
							const double *y, Size n, const double *r,
							double *out);

/* median.c */

/* Median absolute deviations of a normal distribution in a standard one. */
#define AD_NORMAL_MAD	1.4826022185056018

extern double ad_series_select(double *a, Size n, Size rank);
extern double ad_series_median(double *a, Size n);
extern double ad_series_median_of(const double *a, Size n, double *scratch);
extern double ad_series_median_near(const double *a, Size n, double guess,
									double reach, double *scratch);

#endif							/* AD_SMOOTHER_H */
