/*-------------------------------------------------------------------------
 *
 * simd_loess.c
 *		The LOESS kernels at every SIMD level the compiler can make.
 *
 * One body (simd_loess_kernels.h) is compiled for one, two, four and eight
 * doubles at a time with the compiler's vector types; the wider ones carry
 * a target attribute and are reached only through ad_loess_kernels(), so
 * the binary as a whole needs no more than its architecture's base.  All
 * sums run over the same eight lanes and nothing is contracted to a fused
 * multiply-add, so the levels agree to the bit.
 *
 *-------------------------------------------------------------------------
 */
#include "math/ad_loess.h"

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
#include "math/simd_loess_kernels.h"

/* two: SSE2, NEON, or what the compiler makes of it */
#define KERNEL(name)	name##_base
#define TARGET
#define VT				ad_v2
#define VI				ad_i2
#define WIDTH			2
#define ZERO			((ad_v2) {0, 0})
#define ONE				((ad_v2) {1, 1})
#define SELECT			VECTOR_SELECT
#include "math/simd_loess_kernels.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define HAVE_WIDE 1

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
#include "math/simd_loess_kernels.h"

/* eight */
#define KERNEL(name)	name##_avx512
#define TARGET			__attribute__((target("avx512f")))
#define VT				ad_v8
#define VI				ad_i8
#define WIDTH			8
#define ZERO			((ad_v8) {0, 0, 0, 0, 0, 0, 0, 0})
#define ONE				((ad_v8) {1, 1, 1, 1, 1, 1, 1, 1})
#define SELECT			VECTOR_SELECT
#include "math/simd_loess_kernels.h"
#endif

/* The kernels of a width, as ad_simd_width() gives it. */
const AdLoessKernels *
ad_loess_kernels(AdSimdWidth width)
{
	switch (width)
	{
		case AD_WIDTH_ONE:
			return &kernels_scalar;
		case AD_WIDTH_TWO:
			return &kernels_base;
#ifdef HAVE_WIDE
		case AD_WIDTH_FOUR:
			return &kernels_avx2;
		case AD_WIDTH_EIGHT:
			return &kernels_avx512;
#endif
		default:
			return &kernels_base;
	}
}
