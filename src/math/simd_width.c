/*-------------------------------------------------------------------------
 *
 * simd_width.c
 *		How many doubles at a time the series kernels take.
 *
 * Without wide instructions the kernels still take two at a time, which
 * every 64-bit architecture has in its base; the scalar twins are for
 * anomaly.simd = off.  All widths give the same bits.
 *
 *-------------------------------------------------------------------------
 */
#include "math/ad_loess.h"

#include "math/ad_simd.h"
#include "utils/guc.h"

/* The width to use now. */
AdSimdWidth
ad_simd_width(void)
{
	const char *setting;

	switch (ad_simd_level())
	{
		case AD_SIMD_AVX512:
			return AD_WIDTH_EIGHT;
		case AD_SIMD_AVX2:
			return AD_WIDTH_FOUR;
		default:
			break;
	}
	setting = GetConfigOption("anomaly.simd", true, false);
	return setting && strcmp(setting, "off") == 0 ? AD_WIDTH_ONE : AD_WIDTH_TWO;
}
