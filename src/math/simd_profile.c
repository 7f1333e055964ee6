/*-------------------------------------------------------------------------
 *
 * simd_profile.c
 *		The matrix profile's row at every SIMD level the compiler can make.
 *
 * As simd_loess.c: one body compiled for several widths, eight lanes in all
 * of them, reached through a function pointer, equal to the bit.
 *
 *-------------------------------------------------------------------------
 */
#include "math/ad_profile.h"

#define KERNEL_BODY "math/simd_profile_impl.h"
#include "math/simd_widths_impl.h"

/* The row function of a width, as ad_simd_width() gives it. */
AdProfileRow
ad_profile_row(AdSimdWidth width)
{
	return VARIANT_OF(width, row);
}
