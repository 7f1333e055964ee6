/*-------------------------------------------------------------------------
 *
 * simd_loess.c
 *		The LOESS kernels at every SIMD level the compiler can make.
 *
 * One body (simd_loess_impl.h) is compiled for one, two, four and eight
 * doubles at a time with the compiler's vector types; the wider ones carry
 * a target attribute and are reached only through ad_loess_kernels(), so
 * the binary as a whole needs no more than its architecture's base.  All
 * sums run over the same eight lanes and nothing is contracted to a fused
 * multiply-add, so the levels agree to the bit.
 *
 *-------------------------------------------------------------------------
 */
#include "math/ad_loess.h"

#define KERNEL_BODY "math/simd_loess_impl.h"
#include "math/simd_widths_impl.h"

/* The kernels of a width, as ad_simd_width() gives it. */
const AdLoessKernels *
ad_loess_kernels(AdSimdWidth width)
{
	return VARIANT_OF(width, &kernels);
}
