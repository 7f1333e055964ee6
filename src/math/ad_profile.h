/*-------------------------------------------------------------------------
 *
 * ad_profile.h
 *		The inner loop of the matrix profile, at several SIMD widths.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_PROFILE_H
#define AD_PROFILE_H

#include "core/ad_core.h"
#include "math/ad_loess.h"

/*
 * One row i of the profile's upper triangle: for k < n, where j = i + first
 * + k stands at position k of every array but cov,
 *		cov[k] += df_i dg[k] + df[k] dg_i
 *		c = cov[k] inv_i inv[k] + penalty[k]
 *		best[k], index[k] = c, i if c is greater
 * and *row_best, *row_index = greatest c and its k (least k of equals), if
 * greater than *row_best was.
 */
typedef void (*AdProfileRow) (double *cov, Size n, double df_i, double dg_i,
							  double inv_i, const double *df,
							  const double *dg, const double *inv,
							  const double *penalty, double *best,
							  double *index, double i, double *row_best,
							  double *row_index);

extern AdProfileRow ad_profile_row(AdSimdWidth width);

#endif							/* AD_PROFILE_H */
