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

/* Vectors aligned like a double, which may alias one. */
typedef double ad_v2 __attribute__((vector_size(16), aligned(8), may_alias));
typedef int64 ad_i2 __attribute__((vector_size(16), aligned(8), may_alias));

#define VECTOR_SELECT(m, a, b) \
	((VT) (((VI) (m) & (VI) (a)) | (~(VI) (m) & (VI) (b))))

/* scalar */
#define KERNEL(name)	name##_scalar
#define TARGET
#define VT				double
#define VI				int64
#define WIDTH			1
#define ZERO			0.0
#define ONE				1.0
#define SELECT(m, a, b) ((m) ? (a) : (b))
#define NONE			0
#define ANY(m)			((m) != 0)
#include "math/simd_profile_kernel.h"

/* two: SSE2, NEON, or what the compiler makes of it */
#define KERNEL(name)	name##_base
#define TARGET
#define VT				ad_v2
#define VI				ad_i2
#define WIDTH			2
#define ZERO			((ad_v2) {0, 0})
#define ONE				((ad_v2) {1, 1})
#define SELECT			VECTOR_SELECT
#define NONE			((ad_i2) {0, 0})
#define ANY(m)			(((m)[0] | (m)[1]) != 0)
#include "math/simd_profile_kernel.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define HAVE_WIDE 1

#include <immintrin.h>

typedef double ad_v4 __attribute__((vector_size(32), aligned(8), may_alias));
typedef int64 ad_i4 __attribute__((vector_size(32), aligned(8), may_alias));
typedef double ad_v8 __attribute__((vector_size(64), aligned(8), may_alias));
typedef int64 ad_i8 __attribute__((vector_size(64), aligned(8), may_alias));

/* four */
#define KERNEL(name)	name##_avx2
#define TARGET			__attribute__((target("avx2")))
#define VT				ad_v4
#define VI				ad_i4
#define WIDTH			4
#define ZERO			((ad_v4) {0, 0, 0, 0})
#define ONE				((ad_v4) {1, 1, 1, 1})
#define SELECT			VECTOR_SELECT
#define NONE			((ad_i4) {0, 0, 0, 0})
#define ANY(m)			(_mm256_movemask_pd((__m256d) (m)) != 0)
#include "math/simd_profile_kernel.h"

/* eight */
#define KERNEL(name)	name##_avx512
#define TARGET			__attribute__((target("avx512f")))
#define VT				ad_v8
#define VI				ad_i8
#define WIDTH			8
#define ZERO			((ad_v8) {0, 0, 0, 0, 0, 0, 0, 0})
#define ONE				((ad_v8) {1, 1, 1, 1, 1, 1, 1, 1})
#define SELECT			VECTOR_SELECT
#define NONE			((ad_i8) {0, 0, 0, 0, 0, 0, 0, 0})
#define ANY(m)			(_mm512_test_epi64_mask((__m512i) (m), (__m512i) (m)) != 0)
#include "math/simd_profile_kernel.h"
#endif

/* The row function of a width, as ad_simd_width() gives it. */
AdProfileRow
ad_profile_row(AdSimdWidth width)
{
	switch (width)
	{
		case AD_WIDTH_ONE:
			return row_scalar;
		case AD_WIDTH_TWO:
			return row_base;
#ifdef HAVE_WIDE
		case AD_WIDTH_FOUR:
			return row_avx2;
		case AD_WIDTH_EIGHT:
			return row_avx512;
#endif
		default:
			return row_base;
	}
}
