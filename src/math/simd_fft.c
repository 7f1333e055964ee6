/*-------------------------------------------------------------------------
 *
 * simd_fft.c
 *		The stages of the Fourier transform at every SIMD level the compiler
 *		can make.
 *
 * As simd_loess.c: one body compiled for several widths.  Every number comes
 * from the same operations at all of them, so they agree to the bit.
 *
 *-------------------------------------------------------------------------
 */
#include "math/ad_fft.h"

#define KERNEL_BODY "math/simd_fft_impl.h"
#include "math/simd_widths_impl.h"

/* Take the kernels of a width, as ad_simd_width() gives it. */
void
ad_fft_kernels(AdFft *fft, AdSimdWidth width)
{
	fft->down = VARIANT_OF(width, down);
	fft->up = VARIANT_OF(width, up);
}
