/*-------------------------------------------------------------------------
 *
 * ad_fft.h
 *		Correlation of arrays with themselves by fast Fourier transform.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_FFT_H
#define AD_FFT_H

#include "core/ad_core.h"
#include "math/ad_loess.h"

/* Tables for one length, and the kernels of a SIMD width. */
typedef struct AdFft
{
	Size		n;				/* a power of two */
	double	   *turns;			/* per stage: cosines, then sines, of 2 pi k /
								 * length, k < length / 4 */
	void		(*down) (double *re, double *im, Size n, Size length,
						 const double *turns);
	void		(*up) (double *re, double *im, Size n, Size length,
					   const double *turns);
} AdFft;

/* fft.c */
extern void ad_fft_init(AdFft *fft, Size n);
extern void ad_fft_correlate(const AdFft *fft, double *a, double *b);

/* simd_fft.c */
extern void ad_fft_kernels(AdFft *fft, AdSimdWidth width);

#endif							/* AD_FFT_H */
