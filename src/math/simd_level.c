/*-------------------------------------------------------------------------
 *
 * simd_level.c
 *		Which SIMD level the kernels run at.
 *
 * The binary is built for the plain architecture; wider kernels are
 * compiled by function attribute and chosen here at run time.  The setting
 * anomaly.simd (auto, off, and for comparing also base, avx2, avx512)
 * lowers the choice; it never raises it above what the processor has.  All
 * levels give the same bits, so the setting changes speed only.
 *
 *-------------------------------------------------------------------------
 */
#include "math/ad_loess.h"

#include "utils/guc.h"

/* The widest level this processor runs. */
AdSimdLevel
ad_simd_best(void)
{
#if defined(__x86_64__) && defined(__GNUC__)
	static int	best = -1;

	if (best < 0)
	{
		__builtin_cpu_init();
		if (__builtin_cpu_supports("avx512f"))
			best = AD_SIMD_AVX512;
		else if (__builtin_cpu_supports("avx2"))
			best = AD_SIMD_AVX2;
		else
			best = AD_SIMD_BASE;
	}
	return (AdSimdLevel) best;
#else
	return AD_SIMD_BASE;
#endif
}

/* The level to use now: the best one, lowered by anomaly.simd. */
AdSimdLevel
ad_simd_level(void)
{
	const char *setting = GetConfigOption("anomaly.simd", true, false);
	AdSimdLevel wanted = AD_SIMD_AVX512;

	if (setting != NULL)
	{
		if (strcmp(setting, "off") == 0)
			wanted = AD_SIMD_SCALAR;
		else if (strcmp(setting, "base") == 0)
			wanted = AD_SIMD_BASE;
		else if (strcmp(setting, "avx2") == 0)
			wanted = AD_SIMD_AVX2;
	}
	return Min(wanted, ad_simd_best());
}
