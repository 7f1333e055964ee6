/*-------------------------------------------------------------------------
 *
 * simd_shapley.c
 *		The sums of Shapley values, at several SIMD levels.
 *
 * Lanes are points of a quadrature, which never meet, so that all levels give
 * the same bits.  There are four at a time: eight would be too many for the
 * trees of most forests, so that AVX-512 has no variant of its own.  Two at a
 * time are in the base of every 64-bit architecture, and what a split's points
 * have in common is the half of its work: so anomaly.simd = off takes two, too.
 *
 *-------------------------------------------------------------------------
 */
#include "math/ad_shapley.h"

#define KERNEL_BODY "math/simd_shapley_impl.h"
#include "math/simd_widths_impl.h"

/* The kernel to use now. */
AdShapleyKernel
ad_shapley_kernel(void)
{
#ifdef AD_HAVE_X86
	if (ad_simd_level() >= AD_SIMD_AVX2)
		return shapley_avx2;
#endif
	return shapley_base;
}
