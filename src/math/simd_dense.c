/*-------------------------------------------------------------------------
 *
 * simd_dense.c
 *		The kernels of dense layers at every SIMD level the compiler can make.
 *
 * One body (simd_dense_impl.h) is compiled for vectors of 4, 8 and 16 floats.
 * The lanes of a vector are different outputs, and each adds its terms in one
 * order, so the levels agree to the bit; the products and sums are not
 * contracted.  Four floats at a time is what every 64-bit architecture has in
 * its base: the scalar twin, and what a 64-bit ARM uses.
 *
 * The hyperbolic tangent is a ratio of polynomials, of degree 13 and 6, whose
 * error is near single precision; beyond TANH_LIMIT it is what it is there.
 *
 *-------------------------------------------------------------------------
 */
#include "math/ad_dense.h"

#define DECAY1			0.9f
#define DECAY2			0.999f
#define LEAST_MOMENT	1e-32f
#define TANH_LIMIT		7.90531110763549805f

#define TANH_RATIO(x, z, type) \
	((x) * (((((((type) -2.76076847742355e-16 * (z) + \
				 (type) 2.00018790482477e-13) * (z) + \
				(type) -8.60467152213735e-11) * (z) + \
			   (type) 5.12229709037114e-08) * (z) + \
			  (type) 1.48572235717979e-05) * (z) + \
			 (type) 6.37261928875436e-04) * (z) + \
			(type) 4.89352455891786e-03) / \
	 ((((type) 1.19825839466702e-06 * (z) + \
		(type) 1.18534705686654e-04) * (z) + \
	   (type) 2.26843463243900e-03) * (z) + \
	  (type) 4.89352518554385e-03))

/* Vectors aligned like a number, which may alias one. */
#define VECTOR(type, name, bytes) \
typedef type name __attribute__((vector_size(bytes), aligned(sizeof(type)), \
								 may_alias))

VECTOR(float, F4, 16);
VECTOR(double, D2, 16);
VECTOR(int32, I4, 16);

#define KERNEL(name)	name##_scalar
#define TARGET
#define WIDTH			4
#define VF				F4
#define VD				D2
#define VI				I4
#define ROWS			2
#define VECTORS			4
#include "math/simd_dense_impl.h"
#undef KERNEL
#undef TARGET
#undef WIDTH
#undef VF
#undef VD
#undef VI
#undef ROWS
#undef VECTORS

#ifdef AD_HAVE_X86
VECTOR(float, F8, 32);
VECTOR(double, D4, 32);
VECTOR(int32, I8, 32);

#define KERNEL(name)	name##_avx2
#define TARGET			__attribute__((target("avx2")))
#define WIDTH			8
#define VF				F8
#define VD				D4
#define VI				I8
#define ROWS			4
#define VECTORS			2
#include "math/simd_dense_impl.h"
#undef KERNEL
#undef TARGET
#undef WIDTH
#undef VF
#undef VD
#undef VI
#undef ROWS
#undef VECTORS

VECTOR(float, F16, 64);
VECTOR(double, D8, 64);
VECTOR(int32, I16, 64);

#define KERNEL(name)	name##_avx512
#define TARGET			__attribute__((target("avx512f,avx512vl,avx512bw,avx512dq")))
#define WIDTH			16
#define VF				F16
#define VD				D8
#define VI				I16
#define ROWS			4
#define VECTORS			4
#include "math/simd_dense_impl.h"
#endif

const AdDenseKernels *ad_dense_kernels = &kernels_scalar;

/* Use the variants of a level. */
void
ad_dense_choose(AdSimdLevel level pg_attribute_unused())
{
	ad_dense_kernels = &kernels_scalar;
#ifdef AD_HAVE_X86
	if (level == AD_SIMD_AVX2)
		ad_dense_kernels = &kernels_avx2;
	else if (level == AD_SIMD_AVX512)
		ad_dense_kernels = &kernels_avx512;
#endif
}
