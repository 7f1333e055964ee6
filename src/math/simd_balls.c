/*-------------------------------------------------------------------------
 *
 * simd_balls.c
 *		Which ball of each of many small samples holds a row.
 *
 * Lanes are samples, so the first ball that holds the row needs no step
 * across lanes.  Each lane adds its columns in order and without fused
 * operations: every variant gives the same bits.
 *
 *-------------------------------------------------------------------------
 */
#include "math/ad_loess.h"
#include "math/ad_simd.h"

#define KERNEL_BODY "math/simd_balls_impl.h"
#include "math/simd_widths_impl.h"

AdBallKernel ad_ball_kernel;

/* Use the variant of a level. */
void
ad_balls_choose(AdSimdLevel level)
{
	AdSimdWidth width = level == AD_SIMD_AVX512 ? AD_WIDTH_EIGHT :
		level == AD_SIMD_AVX2 ? AD_WIDTH_FOUR :
		level == AD_SIMD_NEON ? AD_WIDTH_TWO : AD_WIDTH_ONE;

	ad_ball_kernel = VARIANT_OF(width, balls);
}
