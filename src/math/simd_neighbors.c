/*-------------------------------------------------------------------------
 *
 * simd_neighbors.c
 *		Distances from one row to many.
 *
 * Two kinds.  A block kernel gives the distances to the 16 rows of a block
 * of doubles, stored column by column; each lane adds its columns in order
 * and without fused operations, so every variant gives the same bits: they
 * are one body, compiled for several targets.  A scan kernel adds up the
 * differences of one-byte codes in whole numbers, 16 rows at a time; the
 * search derives lower bounds of distances from them.  Of squares it adds up
 * (x - q)^2 = x^2 + q^2 - 2 x q, where only the last part is work.
 *
 *-------------------------------------------------------------------------
 */
#include "math/ad_simd.h"

#ifdef AD_HAVE_X86
#include <immintrin.h>
#endif

#define LANES		AD_BLOCK_LANES

AdBlockKernel ad_block_kernel;
AdScanKernel ad_scan_kernel[AD_NORMS];

/* The body of all block kernels. */
static pg_attribute_always_inline void
block_body(const double *block, int cols, const double *q, double *out)
{
	double		sum[LANES];

	for (int l = 0; l < LANES; l++)
		sum[l] = 0;
	for (int c = 0; c < cols; c++, block += LANES)
		for (int l = 0; l < LANES; l++)
		{
			double		d = q[c] - block[l];

			sum[l] += d * d;
		}
	for (int l = 0; l < LANES; l++)
		out[l] = sum[l];
}

/* The sum of the squares of a row's codes. */
static inline uint32
square_of(const uint8 *q, int groups)
{
	uint32		sum = 0;

	for (int c = 0; c < 4 * groups; c++)
		sum += (uint32) q[c] * q[c];
	return sum;
}

/* The body of the portable scan kernels. */
static pg_attribute_always_inline void
scan_body(const uint8 *codes, const uint32 *squares, Size blocks, int groups,
		  const uint8 *q, uint32 *sums, uint32 *lane_min, AdNorm norm)
{
	uint32		square = norm == AD_NORM_2 ? square_of(q, groups) : 0;

	for (int l = 0; l < LANES; l++)
		lane_min[l] = PG_UINT32_MAX;
	for (Size b = 0; b < blocks; b++, sums += LANES)
	{
		uint32		sum[LANES] = {0};

		for (int g = 0; g < groups; g++, codes += 4 * LANES)
			for (int l = 0; l < LANES; l++)
				for (int j = 0; j < 4; j++)
				{
					int			d = (int) codes[4 * l + j] - q[4 * g + j];

					d = d < 0 ? -d : d;
					if (norm == AD_NORM_2)
						sum[l] += (uint32) codes[4 * l + j] * q[4 * g + j];
					else if (norm == AD_NORM_1)
						sum[l] += d;
					else
						sum[l] = Max(sum[l], (uint32) d);
				}
		for (int l = 0; l < LANES; l++)
		{
			if (norm == AD_NORM_2)
				sum[l] = squares[b * LANES + l] + square - 2 * sum[l];
			sums[l] = sum[l];
			lane_min[l] = Min(lane_min[l], sum[l]);
		}
	}
}

#define BLOCK_KERNEL(name, attribute) \
attribute static void \
name(const double *block, int cols, const double *q, double *out) \
{ \
	block_body(block, cols, q, out); \
}

#define SCAN_KERNEL(name, body, norm, attribute) \
attribute static void \
name(const uint8 *codes, const uint32 *squares, Size blocks, int groups, \
	 const uint8 *q, uint32 *sums, uint32 *lane_min) \
{ \
	body(codes, squares, blocks, groups, q, sums, lane_min, norm); \
}

#define PORTABLE
BLOCK_KERNEL(block_portable, PORTABLE)
SCAN_KERNEL(scan_2, scan_body, AD_NORM_2, PORTABLE)
SCAN_KERNEL(scan_1, scan_body, AD_NORM_1, PORTABLE)
SCAN_KERNEL(scan_max, scan_body, AD_NORM_MAX, PORTABLE)

#ifdef AD_HAVE_X86

#define FOR_AVX2	__attribute__((target("avx2")))
#define FOR_AVX512	__attribute__((target("avx512f,avx512vl,avx512bw,avx512dq")))

FOR_AVX2 static inline __m256i
step_avx2(__m256i sum, __m256i a, __m256i b, AdNorm norm)
{
	__m256i		d = _mm256_or_si256(_mm256_subs_epu8(a, b),
									_mm256_subs_epu8(b, a));

	if (norm == AD_NORM_MAX)
		return _mm256_max_epu8(sum, d);
	if (norm == AD_NORM_2)
		d = _mm256_maddubs_epi16(a, b);
	else
		d = _mm256_maddubs_epi16(d, _mm256_set1_epi8(1));
	return _mm256_add_epi32(sum, _mm256_madd_epi16(d, _mm256_set1_epi16(1)));
}

FOR_AVX2 static inline __m256i
finish_avx2(__m256i sum, const uint32 *squares, __m256i square, AdNorm norm)
{
	if (norm == AD_NORM_2)
		return _mm256_sub_epi32(_mm256_add_epi32(square,
												 _mm256_loadu_si256((const __m256i *) squares)),
								_mm256_add_epi32(sum, sum));
	if (norm == AD_NORM_MAX)
	{
		/* the greatest of the four bytes of each lane */
		sum = _mm256_max_epu8(sum, _mm256_srli_epi32(sum, 16));
		sum = _mm256_max_epu8(sum, _mm256_srli_epi32(sum, 8));
		sum = _mm256_and_si256(sum, _mm256_set1_epi32(255));
	}
	return sum;
}

FOR_AVX2 static inline void
scan_body_avx2(const uint8 *codes, const uint32 *squares, Size blocks,
			   int groups, const uint8 *q, uint32 *sums, uint32 *lane_min,
			   AdNorm norm)
{
	const __m256i square = _mm256_set1_epi32(norm == AD_NORM_2 ?
											 square_of(q, groups) : 0);
	__m256i		least_low = _mm256_set1_epi32(-1);
	__m256i		least_high = least_low;

	for (Size b = 0; b < blocks; b++, sums += LANES)
	{
		__m256i		low = _mm256_setzero_si256();
		__m256i		high = _mm256_setzero_si256();

		for (int g = 0; g < groups; g++, codes += 4 * LANES)
		{
			int32		four;
			__m256i		x;

			memcpy(&four, q + 4 * g, 4);
			x = _mm256_set1_epi32(four);
			low = step_avx2(low, _mm256_loadu_si256((const __m256i *) codes),
							x, norm);
			high = step_avx2(high, _mm256_loadu_si256((const __m256i *) (codes + 32)),
							 x, norm);
		}
		low = finish_avx2(low, squares, square, norm);
		high = finish_avx2(high, squares + LANES / 2, square, norm);
		if (norm == AD_NORM_2)
			squares += LANES;
		_mm256_storeu_si256((__m256i *) sums, low);
		_mm256_storeu_si256((__m256i *) (sums + LANES / 2), high);
		least_low = _mm256_min_epu32(least_low, low);
		least_high = _mm256_min_epu32(least_high, high);
	}
	_mm256_storeu_si256((__m256i *) lane_min, least_low);
	_mm256_storeu_si256((__m256i *) (lane_min + LANES / 2), least_high);
}

FOR_AVX512 static inline void
scan_body_avx512(const uint8 *codes, const uint32 *squares, Size blocks,
				 int groups, const uint8 *q, uint32 *sums, uint32 *lane_min,
				 AdNorm norm)
{
	const __m512i square = _mm512_set1_epi32(norm == AD_NORM_2 ?
											 square_of(q, groups) : 0);
	__m512i		lanes = _mm512_set1_epi32(-1);
	const __m512i ones8 = _mm512_set1_epi8(1);
	const __m512i ones16 = _mm512_set1_epi16(1);

	for (Size b = 0; b < blocks; b++, sums += LANES)
	{
		__m512i		sum = _mm512_setzero_si512();

		for (int g = 0; g < groups; g++, codes += 4 * LANES)
		{
			int32		four;
			__m512i		x,
						c,
						d;

			memcpy(&four, q + 4 * g, 4);
			x = _mm512_set1_epi32(four);
			c = _mm512_loadu_si512(codes);
			d = _mm512_or_si512(_mm512_subs_epu8(c, x),
								_mm512_subs_epu8(x, c));
			if (norm == AD_NORM_MAX)
			{
				sum = _mm512_max_epu8(sum, d);
				continue;
			}
			if (norm == AD_NORM_2)
				d = _mm512_maddubs_epi16(c, x);
			else
				d = _mm512_maddubs_epi16(d, ones8);
			sum = _mm512_add_epi32(sum, _mm512_madd_epi16(d, ones16));
		}
		if (norm == AD_NORM_MAX)
		{
			sum = _mm512_max_epu8(sum, _mm512_srli_epi32(sum, 16));
			sum = _mm512_max_epu8(sum, _mm512_srli_epi32(sum, 8));
			sum = _mm512_and_si512(sum, _mm512_set1_epi32(255));
		}
		if (norm == AD_NORM_2)
			sum = _mm512_sub_epi32(_mm512_add_epi32(square,
													_mm512_loadu_si512(squares + b * LANES)),
								   _mm512_add_epi32(sum, sum));
		_mm512_storeu_si512(sums, sum);
		lanes = _mm512_min_epu32(lanes, sum);
	}
	_mm512_storeu_si512(lane_min, lanes);
}

BLOCK_KERNEL(block_avx2, FOR_AVX2)
BLOCK_KERNEL(block_avx512, FOR_AVX512)
SCAN_KERNEL(scan_2_avx2, scan_body_avx2, AD_NORM_2, FOR_AVX2)
SCAN_KERNEL(scan_1_avx2, scan_body_avx2, AD_NORM_1, FOR_AVX2)
SCAN_KERNEL(scan_max_avx2, scan_body_avx2, AD_NORM_MAX, FOR_AVX2)
SCAN_KERNEL(scan_2_avx512, scan_body_avx512, AD_NORM_2, FOR_AVX512)
SCAN_KERNEL(scan_1_avx512, scan_body_avx512, AD_NORM_1, FOR_AVX512)
SCAN_KERNEL(scan_max_avx512, scan_body_avx512, AD_NORM_MAX, FOR_AVX512)

#endif							/* AD_HAVE_X86 */

/* Use the variants of a level. */
void
ad_neighbors_choose(AdSimdLevel level)
{
	ad_block_kernel = block_portable;
	ad_scan_kernel[AD_NORM_2] = scan_2;
	ad_scan_kernel[AD_NORM_1] = scan_1;
	ad_scan_kernel[AD_NORM_MAX] = scan_max;
#ifdef AD_HAVE_X86
	if (level == AD_SIMD_AVX2)
	{
		ad_block_kernel = block_avx2;
		ad_scan_kernel[AD_NORM_2] = scan_2_avx2;
		ad_scan_kernel[AD_NORM_1] = scan_1_avx2;
		ad_scan_kernel[AD_NORM_MAX] = scan_max_avx2;
	}
	else if (level == AD_SIMD_AVX512)
	{
		ad_block_kernel = block_avx512;
		ad_scan_kernel[AD_NORM_2] = scan_2_avx512;
		ad_scan_kernel[AD_NORM_1] = scan_1_avx512;
		ad_scan_kernel[AD_NORM_MAX] = scan_max_avx512;
	}
#endif
}
