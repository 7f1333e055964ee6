/*-------------------------------------------------------------------------
 *
 * simd_shapley.c
 *		The sums of Shapley values, at several SIMD levels.
 *
 * Lanes are points of a quadrature, which never meet, so that all levels give
 * the same bits.  There are four at a time: eight would be too many for the
 * trees of most forests, so that AVX-512 has no variant of its own.
 *
 *-------------------------------------------------------------------------
 */
#include "math/ad_loess.h"
#include "math/ad_shapley.h"

#define KERNEL_BODY "math/simd_shapley_impl.h"
#include "math/simd_widths_impl.h"

/* The kernel to use now. */
AdShapleyKernel
ad_shapley_kernel(void)
{
	switch (ad_simd_width())
	{
		case AD_WIDTH_ONE:
			return shapley_scalar;
#ifdef AD_HAVE_X86
		case AD_WIDTH_FOUR:
		case AD_WIDTH_EIGHT:
			return shapley_avx2;
#endif
		default:
			return shapley_base;
	}
}
