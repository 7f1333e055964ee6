/*-------------------------------------------------------------------------
 *
 * simd.c
 *		Which SIMD variants to use: anomaly.simd.
 *
 *-------------------------------------------------------------------------
 */
#include "math/ad_dense.h"
#include "math/ad_kernel.h"
#include "math/ad_simd.h"
#include "math/ad_linalg.h"

#include <limits.h>

#include "utils/guc.h"

/* Values of anomaly.simd. */
enum
{
	SIMD_OFF, SIMD_AUTO, SIMD_AVX2
};

static const struct config_enum_entry simd_choices[] = {
	{"auto", SIMD_AUTO, false},
	{"avx2", SIMD_AVX2, false},
	{"off", SIMD_OFF, false},
	{NULL, 0, false}
};

static int	simd_setting = SIMD_AUTO;

/* The best level the processor has, at most what a setting allows. */
static AdSimdLevel
level_of(int setting)
{
#ifdef AD_HAVE_X86
	if (setting == SIMD_OFF)
		return AD_SIMD_SCALAR;
	__builtin_cpu_init();
	if (setting == SIMD_AUTO &&
		__builtin_cpu_supports("avx512f") &&
		__builtin_cpu_supports("avx512vl") &&
		__builtin_cpu_supports("avx512bw") &&
		__builtin_cpu_supports("avx512dq"))
		return AD_SIMD_AVX512;
	if (__builtin_cpu_supports("avx2"))
		return AD_SIMD_AVX2;
#endif
#ifdef AD_HAVE_NEON
	if (setting == SIMD_AUTO)
		return AD_SIMD_NEON;
#endif
	return AD_SIMD_SCALAR;
}

/* The level in use. */
AdSimdLevel
ad_simd_level(void)
{
	return level_of(simd_setting);
}

/* Point every kernel at its variant of a new setting. */
static void
assign_simd(int newval, void *extra pg_attribute_unused())
{
	ad_forest_choose(level_of(newval));
	ad_hyper_choose(level_of(newval));
	ad_kernel_choose(level_of(newval));
	ad_neighbors_choose(level_of(newval));
	ad_tree_choose(level_of(newval));
	ad_linear_choose(level_of(newval));
	ad_draws_choose(level_of(newval));
	ad_balls_choose(level_of(newval));
	ad_dense_choose(level_of(newval));
}

/* Define the setting and choose. */
void
ad_simd_init(void)
{
	DefineCustomEnumVariable("anomaly.simd",
							 "Selects the SIMD instructions that kernels may use.",
							 "Every choice gives the same results; this is for comparing speed.",
							 &simd_setting, SIMD_AUTO, simd_choices,
							 PGC_USERSET, 0, NULL, assign_simd, NULL);
	assign_simd(simd_setting, NULL);
}
