/*-------------------------------------------------------------------------
 *
 * simd_row_sums.c
 *		Sums of some rows of a table, at several SIMD levels.
 *
 * Lanes are columns, which never meet, so that all levels give the same bits.
 * The rows are few and lie anywhere: they cost more to load than to add, and
 * eight at a time would gain nothing over four.  As for Shapley values, two at
 * a time are what is portable.
 *
 *-------------------------------------------------------------------------
 */
#include "math/ad_row_sums.h"

#define KERNEL_BODY "math/simd_row_sums_impl.h"
#include "math/simd_widths_impl.h"

/* The kernel to use now. */
AdRowSums
ad_row_sums(void)
{
#ifdef AD_HAVE_X86
	if (ad_simd_level() >= AD_SIMD_AVX2)
		return row_sums_avx2;
#endif
	return row_sums_base;
}
