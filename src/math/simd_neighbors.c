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

#include "port/pg_bitutils.h"

#ifdef AD_HAVE_X86
#include <immintrin.h>
#endif

#define LANES		AD_BLOCK_LANES

AdBlockKernel ad_block_kernel;
AdScanKernel ad_scan_kernel[AD_NORMS];
AdScanSelect ad_scan_select;

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

/* The body of the portable scan kernels. */
static pg_attribute_always_inline void
scan_body(const uint8 *codes, const uint32 *squares, Size blocks, int groups,
		  const uint8 *q, uint32 square, uint32 *sums, uint32 *lane_min,
		  AdNorm norm)
{
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
	 const uint8 *q, uint32 square, uint32 *sums, uint32 *lane_min) \
{ \
	body(codes, squares, blocks, groups, q, square, sums, lane_min, norm); \
}

/* The same, whose loop over so few groups as these is none. */
#define SCAN_KERNEL_BY_GROUPS(name, body, norm, attribute) \
attribute static void \
name(const uint8 *codes, const uint32 *squares, Size blocks, int groups, \
	 const uint8 *q, uint32 square, uint32 *sums, uint32 *lane_min) \
{ \
	switch (groups) \
	{ \
		case 1: \
			body(codes, squares, blocks, 1, q, square, sums, lane_min, norm); \
			break; \
		case 2: \
			body(codes, squares, blocks, 2, q, square, sums, lane_min, norm); \
			break; \
		case 3: \
			body(codes, squares, blocks, 3, q, square, sums, lane_min, norm); \
			break; \
		case 4: \
			body(codes, squares, blocks, 4, q, square, sums, lane_min, norm); \
			break; \
		case 5: \
			body(codes, squares, blocks, 5, q, square, sums, lane_min, norm); \
			break; \
		case 6: \
			body(codes, squares, blocks, 6, q, square, sums, lane_min, norm); \
			break; \
		default: \
			body(codes, squares, blocks, groups, q, square, sums, lane_min, \
				 norm); \
	} \
}

#define PORTABLE
BLOCK_KERNEL(block_portable, PORTABLE)
SCAN_KERNEL(scan_2, scan_body, AD_NORM_2, PORTABLE)
SCAN_KERNEL(scan_1, scan_body, AD_NORM_1, PORTABLE)
SCAN_KERNEL(scan_max, scan_body, AD_NORM_MAX, PORTABLE)

/* Portable: write each index and count those that stay. */
static Size
select_portable(const uint32 *v, Size n, uint32 low, uint32 high, uint32 base,
				uint32 *out)
{
	Size		found = 0;

	for (Size i = 0; i < n; i++)
	{
		out[found] = base + (uint32) i;
		found += v[i] - low <= high - low;
	}
	return found;
}

#ifdef AD_HAVE_X86

#define FOR_AVX2	__attribute__((target("avx2")))
#define FOR_AVX512	__attribute__((target("avx512f,avx512vl,avx512bw,avx512dq")))

/*
 * Of (x - q)^2 the sum begins with x^2 + q^2, and what is multiplied and added
 * up in pairs is added to it by -2 each: so nothing is left to be done.
 */
#define PAIRS(norm)		((norm) == AD_NORM_2 ? -2 : 1)

/* Four bytes of a row, for every lane. */
static inline int32
four_of(const uint8 *q, int group)
{
	int32		four;

	memcpy(&four, q + 4 * group, 4);
	return four;
}

FOR_AVX2 static pg_attribute_always_inline __m256i
begin_avx2(const uint32 *squares, uint32 square, AdNorm norm)
{
	if (norm != AD_NORM_2)
		return _mm256_setzero_si256();
	return _mm256_add_epi32(_mm256_set1_epi32((int) square),
							_mm256_loadu_si256((const __m256i *) squares));
}

FOR_AVX2 static pg_attribute_always_inline __m256i
step_avx2(__m256i sum, const uint8 *codes, __m256i x, AdNorm norm)
{
	__m256i		c = _mm256_loadu_si256((const __m256i *) codes);
	__m256i		d;

	if (norm == AD_NORM_2)
		d = _mm256_maddubs_epi16(x, c);
	else
	{
		d = _mm256_or_si256(_mm256_subs_epu8(c, x), _mm256_subs_epu8(x, c));
		if (norm == AD_NORM_MAX)
			return _mm256_max_epu8(sum, d);
		d = _mm256_maddubs_epi16(d, _mm256_set1_epi8(1));
	}
	return _mm256_add_epi32(sum,
							_mm256_madd_epi16(d, _mm256_set1_epi16(PAIRS(norm))));
}

FOR_AVX2 static pg_attribute_always_inline __m256i
finish_avx2(__m256i sum, AdNorm norm)
{
	if (norm == AD_NORM_MAX)
	{
		/* the greatest of the four bytes of each lane */
		sum = _mm256_max_epu8(sum, _mm256_srli_epi32(sum, 16));
		sum = _mm256_max_epu8(sum, _mm256_srli_epi32(sum, 8));
		sum = _mm256_and_si256(sum, _mm256_set1_epi32(255));
	}
	return sum;
}

FOR_AVX2 static pg_attribute_always_inline void
scan_body_avx2(const uint8 *codes, const uint32 *squares, Size blocks,
			   int groups, const uint8 *q, uint32 square, uint32 *sums,
			   uint32 *lane_min, AdNorm norm)
{
	__m256i		least_low = _mm256_set1_epi32(-1);
	__m256i		least_high = least_low;

	for (Size b = 0; b < blocks; b++, sums += LANES)
	{
		__m256i		low = begin_avx2(squares, square, norm);
		__m256i		high = begin_avx2(squares + LANES / 2, square, norm);

#pragma GCC unroll 8
		for (int g = 0; g < groups; g++, codes += 4 * LANES)
		{
			__m256i		x = _mm256_set1_epi32(four_of(q, g));

			low = step_avx2(low, codes, x, norm);
			high = step_avx2(high, codes + 2 * LANES, x, norm);
		}
		low = finish_avx2(low, norm);
		high = finish_avx2(high, norm);
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

FOR_AVX512 static pg_attribute_always_inline __m512i
step_avx512(__m512i sum, const uint8 *codes, __m512i x, AdNorm norm)
{
	__m512i		c = _mm512_loadu_si512(codes);
	__m512i		d;

	if (norm == AD_NORM_2)
		d = _mm512_maddubs_epi16(x, c);
	else
	{
		d = _mm512_or_si512(_mm512_subs_epu8(c, x), _mm512_subs_epu8(x, c));
		if (norm == AD_NORM_MAX)
			return _mm512_max_epu8(sum, d);
		d = _mm512_maddubs_epi16(d, _mm512_set1_epi8(1));
	}
	return _mm512_add_epi32(sum,
							_mm512_madd_epi16(d, _mm512_set1_epi16(PAIRS(norm))));
}

FOR_AVX512 static pg_attribute_always_inline void
scan_body_avx512(const uint8 *codes, const uint32 *squares, Size blocks,
				 int groups, const uint8 *q, uint32 square, uint32 *sums,
				 uint32 *lane_min, AdNorm norm)
{
	__m512i		lanes = _mm512_set1_epi32(-1);

	for (Size b = 0; b < blocks; b++, sums += LANES)
	{
		__m512i		sum = _mm512_setzero_si512();

		if (norm == AD_NORM_2)
			sum = _mm512_add_epi32(_mm512_set1_epi32((int) square),
								   _mm512_loadu_si512(squares + b * LANES));
#pragma GCC unroll 8
		for (int g = 0; g < groups; g++, codes += 4 * LANES)
			sum = step_avx512(sum, codes, _mm512_set1_epi32(four_of(q, g)),
							  norm);
		if (norm == AD_NORM_MAX)
		{
			sum = _mm512_max_epu8(sum, _mm512_srli_epi32(sum, 16));
			sum = _mm512_max_epu8(sum, _mm512_srli_epi32(sum, 8));
			sum = _mm512_and_si512(sum, _mm512_set1_epi32(255));
		}
		_mm512_storeu_si512(sums, sum);
		lanes = _mm512_min_epu32(lanes, sum);
	}
	_mm512_storeu_si512(lane_min, lanes);
}

FOR_AVX2 static Size
select_avx2(const uint32 *v, Size n, uint32 low, uint32 high, uint32 base,
			uint32 *out)
{
	const __m256i from = _mm256_set1_epi32((int) low);
	const __m256i range = _mm256_set1_epi32((int) (high - low));
	Size		found = 0;

	for (Size i = 0; i < n; i += 8)
	{
		__m256i		x = _mm256_sub_epi32(_mm256_loadu_si256((const __m256i *) (v + i)),
										 from);
		__m256i		in = _mm256_cmpeq_epi32(_mm256_min_epu32(x, range), x);
		uint32		mask = (uint32) _mm256_movemask_ps(_mm256_castsi256_ps(in));

		for (; mask != 0; mask &= mask - 1)
			out[found++] = base + (uint32) i + pg_rightmost_one_pos32(mask);
	}
	return found;
}

FOR_AVX512 static Size
select_avx512(const uint32 *v, Size n, uint32 low, uint32 high, uint32 base,
			  uint32 *out)
{
	const __m512i from = _mm512_set1_epi32((int) low);
	const __m512i range = _mm512_set1_epi32((int) (high - low));
	__m512i		index = _mm512_add_epi32(_mm512_set1_epi32((int) base),
										 _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13,
														   14, 15));
	Size		found = 0;

	for (Size i = 0; i < n; i += LANES)
	{
		__m512i		x = _mm512_sub_epi32(_mm512_loadu_si512(v + i), from);
		__mmask16	in = _mm512_cmple_epu32_mask(x, range);

		_mm512_storeu_si512(out + found,
							_mm512_maskz_compress_epi32(in, index));
		found += (Size) __builtin_popcount(in);
		index = _mm512_add_epi32(index, _mm512_set1_epi32(LANES));
	}
	return found;
}

BLOCK_KERNEL(block_avx2, FOR_AVX2)
BLOCK_KERNEL(block_avx512, FOR_AVX512)
SCAN_KERNEL_BY_GROUPS(scan_2_avx2, scan_body_avx2, AD_NORM_2, FOR_AVX2)
SCAN_KERNEL_BY_GROUPS(scan_1_avx2, scan_body_avx2, AD_NORM_1, FOR_AVX2)
SCAN_KERNEL_BY_GROUPS(scan_max_avx2, scan_body_avx2, AD_NORM_MAX, FOR_AVX2)
SCAN_KERNEL_BY_GROUPS(scan_2_avx512, scan_body_avx512, AD_NORM_2, FOR_AVX512)
SCAN_KERNEL_BY_GROUPS(scan_1_avx512, scan_body_avx512, AD_NORM_1, FOR_AVX512)
SCAN_KERNEL_BY_GROUPS(scan_max_avx512, scan_body_avx512, AD_NORM_MAX, FOR_AVX512)

#endif							/* AD_HAVE_X86 */

/* Use the variants of a level. */
void
ad_neighbors_choose(AdSimdLevel level)
{
	ad_block_kernel = block_portable;
	ad_scan_kernel[AD_NORM_2] = scan_2;
	ad_scan_kernel[AD_NORM_1] = scan_1;
	ad_scan_kernel[AD_NORM_MAX] = scan_max;
	ad_scan_select = select_portable;
#ifdef AD_HAVE_X86
	if (level == AD_SIMD_AVX2)
	{
		ad_block_kernel = block_avx2;
		ad_scan_kernel[AD_NORM_2] = scan_2_avx2;
		ad_scan_kernel[AD_NORM_1] = scan_1_avx2;
		ad_scan_kernel[AD_NORM_MAX] = scan_max_avx2;
		ad_scan_select = select_avx2;
	}
	else if (level == AD_SIMD_AVX512)
	{
		ad_block_kernel = block_avx512;
		ad_scan_kernel[AD_NORM_2] = scan_2_avx512;
		ad_scan_kernel[AD_NORM_1] = scan_1_avx512;
		ad_scan_kernel[AD_NORM_MAX] = scan_max_avx512;
		ad_scan_select = select_avx512;
	}
#endif
}
