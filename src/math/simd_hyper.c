/*-------------------------------------------------------------------------
 *
 * simd_hyper.c
 *		Walking trees whose splits are on two columns, one row at a time.
 *
 * Three levels of a tree are one block, two lines of the cache: the seven
 * splits in single precision, and what is below.  What they say is taken
 * only where it is certain: where a row is nearer to a split than rounding
 * may have moved either, the caller walks the tree in double precision
 * (detectors/iforest_hyper.c says how near that is).  So leaves are those of
 * the stored splits, whatever the variant.
 *
 * Several trees are walked in turn, so that none waits for another.  Where a
 * tree has arrived, the next begins in its place: without a branch, which
 * would be mispredicted.
 *
 *-------------------------------------------------------------------------
 */
#include "math/ad_simd.h"

#include <float.h>

#ifdef AD_HAVE_X86
#include <immintrin.h>
#endif

#define TOGETHER	AD_HYPER_TOGETHER
#define SPLITS		(AD_HYPER_LANES - 1)

/* No loop over the trees that are walked in turn: their places are known. */
#define UNROLL		_Pragma("GCC unroll 12")

AdHyperWalk ad_hyper_walk[AD_HYPER_WIDTHS];

/* The block that a way leads to. */
static inline const AdHyperBlock *
block_of(const AdHyperBlock *blocks, uint32 way)
{
	StaticAssertStmt(sizeof(AdHyperBlock) << AD_HYPER_ENTRY_SHIFT == (uint64) 1 << 32,
					 "a shift leaves the entry out");
	return (const AdHyperBlock *)
		((const char *) blocks + (uint32) (way * (uint32) sizeof(AdHyperBlock)));
}

/*
 * Where a tree has arrived, put the next in its place.  Compilers make a
 * branch of it if they may.
 */
static pg_attribute_always_inline void
replace_arrived(uint32 *way, uint32 *tree, uint32 next_way, uint32 next_tree)
{
#ifdef AD_HAVE_X86
	__asm__("testl %0, %0\n\tcmovs %2, %0\n\tcmovs %3, %1"
:			"+&r"(*way), "+&r"(*tree)
:			"rm"(next_way), "r"(next_tree)
:			"cc");
#else
	uint32		arrived = (uint32) ((int32) *way >> 31);

	*way ^= (*way ^ next_way) & arrived;
	*tree ^= (*tree ^ next_tree) & arrived;
#endif
}

/*
 * The walk, whatever the instructions.  SEE(b, entry, near) gives the way out
 * of a block, and sets near if that is not certain.
 */
#define WALK(SEE) \
	do { \
		uint32		at[TOGETHER]; \
		const AdHyperBlock *block[TOGETHER]; \
		uint32		tree[TOGETHER]; \
		uint32		next_tree = TOGETHER; \
\
		for (uint32 i = 0; i < TOGETHER; i++) \
		{ \
			at[i] = roots[i]; \
			block[i] = block_of(blocks, roots[i]); \
			tree[i] = i; \
		} \
		while (next_tree < (uint32) trees + TOGETHER) \
			UNROLL \
			for (int i = 0; i < TOGETHER; i++) \
			{ \
				const AdHyperBlock *b = block[i]; \
				bool		near; \
				uint32		way = SEE(b, at[i] >> AD_HYPER_ENTRY_SHIFT, near); \
				uint32		next = b->way[way]; \
				uint32		arrived; \
				uint32		its_tree = tree[i]; \
\
				if (unlikely(near)) \
					next = AD_HYPER_LEAF | AD_HYPER_UNSURE; \
				leaf[its_tree] = next; \
				arrived = next >> 31; \
				replace_arrived(&next, &its_tree, roots[next_tree], next_tree); \
				tree[i] = its_tree; \
				at[i] = next; \
				next_tree += arrived; \
				b = block_of(blocks, next); \
				block[i] = b; \
				ad_prefetch(b); \
				ad_prefetch(b->columns); \
			} \
	} while (0)

/* The way out of a block, in portable code; few: at most 256 columns. */
static pg_attribute_always_inline uint32
see_scalar(const AdHyperBlock *b, uint32 entry, const float *y, float margin,
		   bool few, bool *near)
{
	float		limit = margin + b->ratio[SPLITS];
	float		nearest = FLT_MAX;
	Size		at = 0;
	uint32		second[AD_HYPER_LEVELS] = {(0x64 >> entry) & 1, (0x50 >> entry) & 1, 0};

	/* splits above that of the entry are not there: they lead to the first */
	for (int s = 0; s < AD_HYPER_LEVELS; s++)
	{
		uint32		mask = few ? 0xff : 0x7fff;
		Size		pivot = b->columns[at] & mask;
		Size		other = b->columns[at] >> 16 & mask;
		float		d = (b->ratio[at] * y[other] + y[pivot]) - b->threshold[at];

		nearest = fabsf(d) < nearest ? fabsf(d) : nearest;
		at = 2 * at + 1 + ((d > 0) | second[s]);
	}
	*near = nearest <= limit;
	return (uint32) at - SPLITS;
}

static void
hyper_scalar(const AdHyperBlock *blocks, const uint32 *roots, int trees,
			 const float *y, float margin, uint32 *leaf)
{
#define SEE(b, entry, near)	see_scalar(b, entry, y, margin, true, &near)
	WALK(SEE);
#undef SEE
}

static void
hyper_wide(const AdHyperBlock *blocks, const uint32 *roots, int trees,
		   const float *y, float margin, uint32 *leaf)
{
#define SEE(b, entry, near)	see_scalar(b, entry, y, margin, false, &near)
	WALK(SEE);
#undef SEE
}

#ifdef AD_HAVE_X86

#define AVX2	__attribute__((target("avx2,fma")))
#define AVX512	__attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,fma")))

/*
 * The way out, by the split that a walk enters by and the signs of what all
 * give: a bit that is set leads to the first child.  The last lane says
 * nothing.
 */
static const uint8 way_out[1 << AD_HYPER_LANES][AD_HYPER_LANES] = {
#define BELOW(b, at)	(2 * (at) + 1 + ((~(b) >> (at)) & 1))
#define WAY_3(b, at)	(BELOW(b, at) - SPLITS)
#define WAY_2(b, at)	WAY_3(b, BELOW(b, at))
#define ONE(b) \
	{WAY_2(b, BELOW(b, 0)), WAY_2(b, 1), WAY_2(b, 2), \
	WAY_3(b, 3), WAY_3(b, 4), WAY_3(b, 5), WAY_3(b, 6)}
#define FOUR(b)		ONE(b), ONE((b) + 1), ONE((b) + 2), ONE((b) + 3)
#define SIXTEEN(b)	FOUR(b), FOUR((b) + 4), FOUR((b) + 8), FOUR((b) + 12)
#define HALF(b)		SIXTEEN(b), SIXTEEN((b) + 16), SIXTEEN((b) + 32), \
					SIXTEEN((b) + 48), SIXTEEN((b) + 64), \
					SIXTEEN((b) + 80), SIXTEEN((b) + 96), \
					SIXTEEN((b) + 112)
	HALF(0), HALF(128)
};

/*
 * The way out of a block, of whose splits the values have been fetched.  The
 * sum is not rounded as that of the portable code: where that would matter,
 * the way is not certain.
 */
AVX2
static inline uint32
see_fetched(const AdHyperBlock *b, uint32 entry, __m256 pivot, __m256 other,
			__m256 margin, bool *near)
{
	__m256		limit = _mm256_add_ps(margin, _mm256_broadcast_ss(&b->ratio[SPLITS]));
	__m256		rest = _mm256_sub_ps(pivot, _mm256_load_ps(b->threshold));
	__m256		d = _mm256_fmadd_ps(_mm256_load_ps(b->ratio), other, rest);
	__m256		size = _mm256_andnot_ps(_mm256_set1_ps(-0.0f), d);

	*near = _mm256_movemask_ps(_mm256_cmp_ps(size, limit, _CMP_LE_OQ)) != 0;
	return way_out[_mm256_movemask_ps(d)][entry];
}

/* Up to eight columns are one register, and up to sixteen two. */
AVX2
static void
hyper_avx2_8(const AdHyperBlock *blocks, const uint32 *roots, int trees,
			 const float *y, float margin, uint32 *leaf)
{
	const		__m256 margins = _mm256_set1_ps(margin);
	const		__m256 values = _mm256_loadu_ps(y);

#define SEE(b, entry, near) \
	({ \
		__m256i		pivot = _mm256_load_si256((const __m256i *) (b)->columns); \
		__m256i		other = _mm256_srli_epi32(pivot, 16); \
\
		see_fetched(b, entry, _mm256_permutevar8x32_ps(values, pivot), \
						   _mm256_permutevar8x32_ps(values, other), \
						   margins, &near); \
	})
	WALK(SEE);
#undef SEE
}

/* Bit 31 chooses the register. */
AVX2
static inline __m256
fetch_16(__m256 first, __m256 second, __m256i column)
{
	return _mm256_blendv_ps(_mm256_permutevar8x32_ps(first, column),
							_mm256_permutevar8x32_ps(second, column),
							_mm256_castsi256_ps(column));
}

AVX2
static void
hyper_avx2_16(const AdHyperBlock *blocks, const uint32 *roots, int trees,
			  const float *y, float margin, uint32 *leaf)
{
	const		__m256 margins = _mm256_set1_ps(margin);
	const __m256i halves = _mm256_broadcastsi128_si256(
													   _mm_setr_epi8(2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13));
	const		__m256 first_values = _mm256_loadu_ps(y);
	const		__m256 second_values = _mm256_loadu_ps(y + 8);

#define SEE(b, entry, near) \
	({ \
		__m256i		pivot = _mm256_load_si256((const __m256i *) (b)->columns); \
		__m256i		other = _mm256_shuffle_epi8(pivot, halves); \
\
		see_fetched(b, entry, fetch_16(first_values, second_values, pivot), \
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

#define SEE(b, entry, near) \
	({ \
		__m256i		pivot = _mm256_load_si256((const __m256i *) (b)->columns); \
		__m256i		other = _mm256_srli_epi32(pivot, 16); \
\
		pivot = _mm256_and_si256(pivot, _mm256_set1_epi32(0x7fff)); \
		other = _mm256_and_si256(other, _mm256_set1_epi32(0x7fff)); \
		see_fetched(b, entry, _mm256_i32gather_ps(y, pivot, 4), \
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

#define SEE(b, entry, near) \
	({ \
		__m256i		pivot = _mm256_load_si256((const __m256i *) (b)->columns); \
		__m256i		other = _mm256_srli_epi32(pivot, 16); \
\
		see_fetched(b, entry, \
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
	ad_hyper_walk[AD_HYPER_8] = hyper_scalar;
	ad_hyper_walk[AD_HYPER_16] = hyper_scalar;
	ad_hyper_walk[AD_HYPER_WIDE] = hyper_wide;
#ifdef AD_HAVE_X86
	if (level >= AD_SIMD_AVX2 && __builtin_cpu_supports("fma"))
	{
		ad_hyper_walk[AD_HYPER_8] = hyper_avx2_8;
		ad_hyper_walk[AD_HYPER_16] =
			level == AD_SIMD_AVX512 ? hyper_avx512_16 : hyper_avx2_16;
		ad_hyper_walk[AD_HYPER_WIDE] = hyper_avx2;
	}
#endif
}
