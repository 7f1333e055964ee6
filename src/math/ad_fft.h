/*-------------------------------------------------------------------------
 *
 * ad_fft.h
 *		Fast Fourier transform of lengths that are powers of two.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_FFT_H
#define AD_FFT_H

#include "core/ad_core.h"

/* Tables for one length. */
typedef struct AdFft
{
	Size		n;				/* a power of two */
	double	   *cosine;			/* of 2 pi k / n, k < n / 2 */
	double	   *sine;
} AdFft;

extern void ad_fft_init(AdFft *fft, Size n);
extern void ad_fft_forward(const AdFft *fft, double *re, double *im);

#endif							/* AD_FFT_H */
