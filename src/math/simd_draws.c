/*-------------------------------------------------------------------------
 *
 * simd_draws.c
 *		The nearest row of each of many small samples, in single precision.
 *
 * Lanes are draws, so the least of a draw's rows needs no step across lanes.
 * Each lane adds its columns in order and without fused operations, and
 * square roots are rounded correctly, so every variant gives the same bits.
 *
 *-------------------------------------------------------------------------
 */
#include "math/ad_simd.h"

#ifdef AD_HAVE_X86
#include <immintrin.h>
#endif

AdDrawKernel ad_draw_kernel;

/* scalar */
#define KERNEL(name)	name##_scalar
#define TARGET
#define VT				ad_f1
#define WIDTH			1
#define MIN(a, b)		((a) < (b) ? (a) : (b))
#define MAX(a, b)		((a) > (b) ? (a) : (b))
#define SQRT(a)			sqrtf(a)
typedef float ad_f1;
#include "math/simd_draws_impl.h"

#ifdef AD_HAVE_NEON
#include <arm_neon.h>

typedef float ad_f4 __attribute__((vector_size(16), aligned(4), may_alias));

#define KERNEL(name)	name##_neon
#define TARGET
#define VT				ad_f4
#define WIDTH			4
#define MIN(a, b)		((ad_f4) vminq_f32((float32x4_t) (a), (float32x4_t) (b)))
#define MAX(a, b)		((ad_f4) vmaxq_f32((float32x4_t) (a), (float32x4_t) (b)))
#define SQRT(a)			((ad_f4) vsqrtq_f32((float32x4_t) (a)))
#include "math/simd_draws_impl.h"
#endif

#ifdef AD_HAVE_X86

/* Vectors aligned like a float, which may alias one. */
typedef float ad_f8 __attribute__((vector_size(32), aligned(4), may_alias));
typedef float ad_f16 __attribute__((vector_size(64), aligned(4), may_alias));

#define KERNEL(name)	name##_avx2
#define TARGET			__attribute__((target("avx2")))
#define VT				ad_f8
#define WIDTH			8
#define MIN(a, b)		((ad_f8) _mm256_min_ps((__m256) (a), (__m256) (b)))
#define MAX(a, b)		((ad_f8) _mm256_max_ps((__m256) (a), (__m256) (b)))
#define SQRT(a)			((ad_f8) _mm256_sqrt_ps((__m256) (a)))
#include "math/simd_draws_impl.h"

#define KERNEL(name)	name##_avx512
#define TARGET			__attribute__((target("avx512f,avx512vl,avx512bw,avx512dq")))
#define VT				ad_f16
#define WIDTH			16
#define MIN(a, b)		((ad_f16) _mm512_min_ps((__m512) (a), (__m512) (b)))
#define MAX(a, b)		((ad_f16) _mm512_max_ps((__m512) (a), (__m512) (b)))
#define SQRT(a)			((ad_f16) _mm512_sqrt_ps((__m512) (a)))
#include "math/simd_draws_impl.h"
#endif

/* Use the variant of a level. */
void
ad_draws_choose(AdSimdLevel level)
{
	ad_draw_kernel = nearest_scalar;
#ifdef AD_HAVE_NEON
	if (level == AD_SIMD_NEON)
		ad_draw_kernel = nearest_neon;
#endif
#ifdef AD_HAVE_X86
	if (level == AD_SIMD_AVX2)
		ad_draw_kernel = nearest_avx2;
	else if (level == AD_SIMD_AVX512)
		ad_draw_kernel = nearest_avx512;
#endif
}
