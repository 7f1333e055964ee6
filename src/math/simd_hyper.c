/*-------------------------------------------------------------------------
 *
 * simd_hyper.c
 *		Walking trees whose splits are on two columns, one row at a time.
 *
 * Three levels of a tree are one block, two lines of the cache: the seven
 * splits in single precision, and what is below.  What they say is taken
 * only where it is certain: where a row is nearer to a split than rounding
 * may have moved either, the caller goes on from the block in double
 * precision (detectors/iforest_hyper.c says how near that is).  So leaves are
 * those of the stored splits, whatever the variant.
 *
 * The trees of a batch take a block each in turn, and those that arrive are
 * taken off the list: without a branch, which would be mispredicted, and a
 * while after they took their block, so that nothing waits for what it said.
 *
 *-------------------------------------------------------------------------
 */
#include "math/ad_simd.h"

#ifdef AD_HAVE_X86
#include <immintrin.h>
#endif

#define BATCH		256			/* trees that walk together */
#define LAG			9			/* trees, until one is taken off the list */
#define SPLITS		(AD_HYPER_LANES - 1)

AdHyperWalk ad_hyper_walk[AD_HYPER_WIDTHS];

/*
 * The walk, whatever the instructions.  SEE(b, near) gives the way out of a
 * block, and sets near if that is not certain.
 */
#define WALK(SEE) \
	for (int first = 0; first < trees; first += BATCH) \
	{ \
		int			n = Min(trees - first, BATCH); \
		uint32	   *at = leaf + first; \
		uint8		list[BATCH + LAG]; \
\
		n = first_list(blocks, at, roots + first, list, n); \
		while (n > 0) \
		{ \
			int			left = 0; \
			int			early = Min(n, LAG); \
\
			for (int i = 0; i < early; i++) \
				STEP(SEE, list[i]); \
			for (int i = early; i < n; i++) \
			{ \
				STEP(SEE, list[i]); \
				KEEP(list[i - LAG]); \
			} \
			for (int i = n - early; i < n; i++) \
				KEEP(list[i]); \
			n = left; \
		} \
	}

/* Take a tree's next block. */
#define STEP(SEE, tree) \
	do { \
		uint32	   *to = &at[tree]; \
		const AdHyperBlock *b = &blocks[*to]; \
		bool		near; \
		uint32		way = SEE(b, near); \
\
		if (unlikely(near)) \
			*to |= AD_HYPER_LEAF | AD_HYPER_UNSURE; \
		else \
			*to = b->way[way]; \
	} while (0)

/* Leave a tree on the list unless it has arrived. */
#define KEEP(tree) \
	do { \
		uint8		t = (tree); \
\
		uint32		next = at[t]; \
		uint32		arrived = next >> 31; \
\
		list[left] = t; \
		left += !arrived; \
		ad_prefetch(&blocks[next & (arrived - 1)]); \
		ad_prefetch(blocks[next & (arrived - 1)].columns); \
	} while (0)

/* Begin at the roots: fill the list, and return its length. */
static inline int
first_list(const AdHyperBlock *blocks, uint32 *at, const uint32 *roots, uint8 *list, int n)
{
	int			left = 0;

	for (int i = 0; i < n; i++)
	{
		at[i] = roots[i];
		KEEP((uint8) i);
	}
	return left;
}

/* The way out of a block, in portable code. */
static inline uint32
see_scalar(const AdHyperBlock *b, const float *y, float margin, bool *near)
{
	float		limit = margin + b->threshold[SPLITS];
	Size		at = 0;
	bool		unsure = false;

	for (int s = 0; s < AD_HYPER_LEVELS; s++)
	{
		Size		columns = b->columns[at];
		float		d = (b->ratio[at] * y[columns >> 16] + y[columns & 0xffff]) -
			b->threshold[at];

		unsure |= fabsf(d) <= limit;
		at = 2 * at + 1 + (d > 0);
	}
	*near = unsure;
	return (uint32) at - SPLITS;
}

static void
hyper_scalar(const AdHyperBlock *blocks, const uint32 *roots, int trees,
			 const float *y, float margin, uint32 *leaf)
{
#define SEE(b, near)	see_scalar(b, y, margin, &near)
	WALK(SEE);
#undef SEE
}

#ifdef AD_HAVE_X86

#define AVX2	__attribute__((target("avx2")))
#define AVX512	__attribute__((target("avx512f,avx512vl,avx512bw,avx512dq")))

/*
 * The way out, by the signs of what a block's splits give: a bit that is set
 * leads to the first child.  The last lane says nothing.
 */
static const uint8 way_out[1 << AD_HYPER_LANES] = {
#define AT_1(b)		(~(b) & 1)
#define AT_2(b)		(2 * AT_1(b) + ((~(b) >> (1 + AT_1(b))) & 1))
#define AT_3(b)		(2 * AT_2(b) + ((~(b) >> (3 + AT_2(b))) & 1))
#define FOUR(b)		AT_3(b), AT_3((b) + 1), AT_3((b) + 2), AT_3((b) + 3)
#define SIXTEEN(b)	FOUR(b), FOUR((b) + 4), FOUR((b) + 8), FOUR((b) + 12)
#define HALF(b)		SIXTEEN(b), SIXTEEN((b) + 16), SIXTEEN((b) + 32), \
					SIXTEEN((b) + 48), SIXTEEN((b) + 64), \
					SIXTEEN((b) + 80), SIXTEEN((b) + 96), \
					SIXTEEN((b) + 112)
	HALF(0), HALF(128)
};

/* The way out of a block, of whose splits the values have been fetched. */
AVX2
static inline uint32
see_fetched(const AdHyperBlock *b, __m256 pivot, __m256 other, __m256 margin,
			bool *near)
{
	const __m256i splits = _mm256_setr_epi32(-1, -1, -1, -1, -1, -1, -1, 0);
	__m256		limit = _mm256_add_ps(margin, _mm256_broadcast_ss(&b->threshold[SPLITS]));
	__m256		sum = _mm256_add_ps(_mm256_mul_ps(_mm256_load_ps(b->ratio), other), pivot);
	__m256		d = _mm256_sub_ps(sum, _mm256_load_ps(b->threshold));
	__m256		size = _mm256_andnot_ps(_mm256_set1_ps(-0.0f), d);

	/* negative where the size is less */
	*near = !_mm256_testz_ps(_mm256_sub_ps(size, limit),
							 _mm256_castsi256_ps(splits));
	return way_out[_mm256_movemask_ps(d)];
}

/* Up to eight columns are one register, and up to sixteen two. */
AVX2
static void
hyper_avx2_8(const AdHyperBlock *blocks, const uint32 *roots, int trees,
			 const float *y, float margin, uint32 *leaf)
{
	const		__m256 margins = _mm256_set1_ps(margin);
	const		__m256 values = _mm256_loadu_ps(y);

#define SEE(b, near) \
	({ \
		__m256i		pivot = _mm256_load_si256((const __m256i *) (b)->columns); \
		__m256i		other = _mm256_srli_epi32(pivot, 16); \
\
		see_fetched(b, _mm256_permutevar8x32_ps(values, pivot), \
						   _mm256_permutevar8x32_ps(values, other), \
						   margins, &near); \
	})
	WALK(SEE);
#undef SEE
}

AVX2
static inline __m256
fetch_16(__m256 first, __m256 second, __m256i column)
{
	return _mm256_blendv_ps(_mm256_permutevar8x32_ps(first, column),
							_mm256_permutevar8x32_ps(second, column),
							_mm256_castsi256_ps(_mm256_slli_epi32(column, 28)));
}

AVX2
static void
hyper_avx2_16(const AdHyperBlock *blocks, const uint32 *roots, int trees,
			  const float *y, float margin, uint32 *leaf)
{
	const		__m256 margins = _mm256_set1_ps(margin);
	const		__m256 first_values = _mm256_loadu_ps(y);
	const		__m256 second_values = _mm256_loadu_ps(y + 8);

#define SEE(b, near) \
	({ \
		__m256i		pivot = _mm256_load_si256((const __m256i *) (b)->columns); \
		__m256i		other = _mm256_srli_epi32(pivot, 16); \
\
		see_fetched(b, fetch_16(first_values, second_values, pivot), \
						   fetch_16(first_values, second_values, other), \
						   margins, &near); \
	})
	WALK(SEE);
#undef SEE
}

/* More are fetched from memory. */
AVX2
static void
hyper_avx2(const AdHyperBlock *blocks, const uint32 *roots, int trees,
		   const float *y, float margin, uint32 *leaf)
{
	const		__m256 margins = _mm256_set1_ps(margin);

#define SEE(b, near) \
	({ \
		__m256i		pivot = _mm256_load_si256((const __m256i *) (b)->columns); \
		__m256i		other = _mm256_srli_epi32(pivot, 16); \
\
		pivot = _mm256_and_si256(pivot, _mm256_set1_epi32(0xffff)); \
		see_fetched(b, _mm256_i32gather_ps(y, pivot, 4), \
						   _mm256_i32gather_ps(y, other, 4), margins, &near); \
	})
	WALK(SEE);
#undef SEE
}

AVX512
static void
hyper_avx512_16(const AdHyperBlock *blocks, const uint32 *roots, int trees,
				const float *y, float margin, uint32 *leaf)
{
	const		__m256 margins = _mm256_set1_ps(margin);
	const		__m256 first_values = _mm256_loadu_ps(y);
	const		__m256 second_values = _mm256_loadu_ps(y + 8);

#define SEE(b, near) \
	({ \
		__m256i		pivot = _mm256_load_si256((const __m256i *) (b)->columns); \
		__m256i		other = _mm256_srli_epi32(pivot, 16); \
\
		see_fetched(b, \
						   _mm256_permutex2var_ps(first_values, pivot, second_values), \
						   _mm256_permutex2var_ps(first_values, other, second_values), \
						   margins, &near); \
	})
	WALK(SEE);
#undef SEE
}

#endif							/* AD_HAVE_X86 */

/* Use the variants of a level. */
void
ad_hyper_choose(AdSimdLevel level pg_attribute_unused())
{
	for (int w = 0; w < AD_HYPER_WIDTHS; w++)
		ad_hyper_walk[w] = hyper_scalar;
#ifdef AD_HAVE_X86
	if (level >= AD_SIMD_AVX2)
	{
		ad_hyper_walk[AD_HYPER_8] = hyper_avx2_8;
		ad_hyper_walk[AD_HYPER_16] =
			level == AD_SIMD_AVX512 ? hyper_avx512_16 : hyper_avx2_16;
		ad_hyper_walk[AD_HYPER_WIDE] = hyper_avx2;
	}
#endif
}
