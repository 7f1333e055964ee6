/*-------------------------------------------------------------------------
 *
 * simd_uniform.c
 *		Uniform random numbers by position, at several SIMD levels.
 *
 * Lanes are positions: all arithmetic is that of whole numbers, until the one
 * conversion, which is exact, so all levels give the same bits.
 *
 *-------------------------------------------------------------------------
 */
#include "math/ad_loess.h"
#include "math/ad_uniform.h"

#define KERNEL_BODY "math/simd_uniform_impl.h"
#include "math/simd_widths_impl.h"

/*
 * Fill in n numbers between location and location + scale: for each position
 * from first on, the first of its stream (see evaluate/generate.c).
 */
void
ad_uniform_fill(uint64 key, int64 first, Size n, double location, double scale,
				double *out)
{
	AdSimdWidth width = ad_simd_width();
	uint64		start = key + AD_UNIFORM_STEP * (uint64) first;
	Size		whole = n / 8 * 8;

	VARIANT_OF(width, uniform) (start, whole, location, scale, out);
	uniform_scalar(start + AD_UNIFORM_STEP * (uint64) whole, n - whole,
				   location, scale, out + whole);
}
