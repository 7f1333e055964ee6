/*-------------------------------------------------------------------------
 *
 * simd_widths_impl.h
 *		Includes KERNEL_BODY, a header, once per SIMD level the compiler can
 *		make.
 *
 * For the body it defines
 *		KERNEL(name)	the function's name at this level
 *		TARGET			its target attribute, or nothing
 *		VT, VI			vectors of WIDTH doubles and WIDTH int64
 *		WIDTH			1, 2, 4 or 8 doubles
 *		ZERO, ONE		a VT of these
 *		SELECT(m,a,b)	a where the mask m is set, b elsewhere
 *		NONE			a VI of zeros
 *		ANY(m)			is any lane of the mask m set?
 * and after it, for the file that includes this,
 *		VARIANT_OF(width, name)
 *
 *-------------------------------------------------------------------------
 */
#include "math/ad_simd.h"

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
#include KERNEL_BODY
#undef KERNEL
#undef TARGET
#undef VT
#undef VI
#undef WIDTH
#undef ZERO
#undef ONE
#undef SELECT
#undef NONE
#undef ANY

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
#include KERNEL_BODY
#undef KERNEL
#undef TARGET
#undef VT
#undef VI
#undef WIDTH
#undef ZERO
#undef ONE
#undef SELECT
#undef NONE
#undef ANY

#ifdef AD_HAVE_X86
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
#include KERNEL_BODY
#undef KERNEL
#undef TARGET
#undef VT
#undef VI
#undef WIDTH
#undef ZERO
#undef ONE
#undef SELECT
#undef NONE
#undef ANY

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
#include KERNEL_BODY
#undef KERNEL
#undef TARGET
#undef VT
#undef VI
#undef WIDTH
#undef ZERO
#undef ONE
#undef SELECT
#undef NONE
#undef ANY

/* The variant of a name for a width, as ad_simd_width() gives it. */
#define VARIANT_OF(width, name) \
	((width) == AD_WIDTH_ONE ? name##_scalar : \
	 (width) == AD_WIDTH_FOUR ? name##_avx2 : \
	 (width) == AD_WIDTH_EIGHT ? name##_avx512 : name##_base)
#else
#define VARIANT_OF(width, name) \
	((width) == AD_WIDTH_ONE ? name##_scalar : name##_base)
#endif
