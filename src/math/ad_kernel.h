/*-------------------------------------------------------------------------
 *
 * ad_kernel.h
 *		Kernels of one point with many; see simd_kernel.c.
 *
 * points: column by column, "stride" floats apart; n of them are used.
 * Every variant gives the same bits.  No number is NaN unless a difference
 * of two infinities is.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_KERNEL_H
#define AD_KERNEL_H

#include "math/ad_simd.h"

typedef struct AdKernels
{
	/* out[k] = exp(-|point k - x|^2) */
	void		(*rbf) (const float *points, Size stride, Size n, int cols,
						const float *x, float *out);

	/* out[k] = point k . x */
	void		(*dot) (const float *points, Size stride, Size n, int cols,
						const float *x, float *out);

	/* the sum of weight[k] exp(-|point k - x|^2) */
	double		(*rbf_sum) (const float *points, Size stride, Size n,
							int cols, const float *x, const double *weight);

	/* out[k] = cosine of (phase[k] + point k . x) turns; 0 beyond 2^22 */
	void		(*cosines) (const float *points, Size stride, Size n,
							int cols, const float *x, const float *phase,
							float *out);

	/* g[k] += a p[k] + b q[k] */
	void		(*add) (double *g, Size n, double a, const float *p,
						double b, const float *q);
} AdKernels;

extern const AdKernels *ad_kernels;
extern void ad_kernel_choose(AdSimdLevel level);

#endif							/* AD_KERNEL_H */
