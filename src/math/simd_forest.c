/*-------------------------------------------------------------------------
 *
 * simd_forest.c
 *		Walking the trees of a forest, one row at a time.
 *
 * What costs time in a forest is the chain of dependent loads down each
 * tree.  Four levels of a tree are one block, a line of the cache: fifteen
 * thresholds and the numbers of the columns they are compared with.  The
 * row's values are turned into ranks among a column's thresholds beforehand
 * (by the caller), so that no precision is lost and sixteen columns are one
 * register.  One permutation of it fetches every threshold's key, one
 * comparison decides all fifteen, and a table turns the bits into the child:
 * two blocks decide eight levels, and nothing is gathered.  All trees take
 * their first block, then all take their second: none waits for another.
 *
 * Measured for 100 trees of depth 8 and ten columns, ns a row, on a Xeon of
 * 2023: portable code 500, AVX2 200, AVX-512 140.
 *
 *-------------------------------------------------------------------------
 */
#include "math/ad_simd.h"

#ifdef AD_HAVE_X86
#include <immintrin.h>
#endif
#ifdef AD_HAVE_NEON
#include <arm_neon.h>
#endif

#define LEVELS		AD_FOREST_LEVELS
#define CHILDREN	AD_FOREST_CHILDREN
#define TOGETHER	6			/* trees that the portable code interleaves */

/* Of pairs of trees: what a loop needs beside them is a tenth of a walk. */
#define UNROLL		_Pragma("GCC unroll 5")

AdForestWalk ad_forest_walk[AD_FOREST_WIDTHS];

/* The child that the bits of a block's nodes lead to; bit 15 is never set. */
static uint8 child_of[1 << (CHILDREN - 1)];

/* Make what walking needs beside the blocks. */
void
ad_forest_begin(void)
{
	/* the child of no bits is 0, that of all 15 */
	if (child_of[lengthof(child_of) - 1] != 0)
		return;
	for (uint32 bits = 0; bits < lengthof(child_of); bits++)
	{
		uint32		at = 0;

		for (int s = 0; s < LEVELS; s++)
			at = 2 * at + 1 + ((bits >> at) & 1);
		child_of[bits] = (uint8) (at - (CHILDREN - 1));
	}
}

/* The number of blocks that a tree has in its second row of blocks. */
static inline Size
second_fan(int depth)
{
	return (Size) 1 << ((depth - 1) % LEVELS + 1);
}

/*
 * The portable code: one comparison a level, n trees in turn.  leaf[] says
 * which of its "fan" blocks each tree is in, and then which child.
 */
static pg_attribute_always_inline void
step_portable(const AdForestBlock *blocks, Size fan, const int16 *key,
			  uint32 *leaf, bool narrow, const int n)
{
	const AdForestBlock *b[TOGETHER];
	Size		at[TOGETHER];

	for (int j = 0; j < n; j++)
	{
		b[j] = blocks + j * fan + leaf[j];
		at[j] = 0;
	}
	for (int s = 0; s < LEVELS; s++)
		for (int j = 0; j < n; j++)
		{
			Size		column = b[j]->column[at[j]];

			if (narrow)
				column = (uint8) column;
			at[j] = 2 * at[j] + 1 + (key[column] > b[j]->threshold[at[j]]);
		}
	for (int j = 0; j < n; j++)
		leaf[j] = leaf[j] * CHILDREN + (uint32) at[j] - (CHILDREN - 1);
}

static pg_attribute_always_inline void
walk_portable(const AdForestBlock *blocks, int trees, int depth,
			  const int16 *key, uint32 *leaf, bool narrow)
{
	Size		fan = 1;

	memset(leaf, 0, trees * sizeof(uint32));
	for (int left = depth; left > 0; left -= LEVELS)
	{
		int			t = 0;

		for (; t + TOGETHER <= trees; t += TOGETHER)
			step_portable(blocks + t * fan, fan, key, leaf + t, narrow,
						  TOGETHER);
		for (; t < trees; t += 2)
			step_portable(blocks + t * fan, fan, key, leaf + t, narrow, 2);
		blocks += trees * fan;
		fan = fan == 1 ? second_fan(depth) : fan * CHILDREN;
	}
}

static void
walk_scalar(const AdForestBlock *blocks, int trees, int depth,
			const int16 *key, uint32 *leaf)
{
	walk_portable(blocks, trees, depth, key, leaf, true);
}

static void
walk_wide(const AdForestBlock *blocks, int trees, int depth,
		  const int16 *key, uint32 *leaf)
{
	walk_portable(blocks, trees, depth, key, leaf, false);
}

#if defined(AD_HAVE_X86) || defined(AD_HAVE_NEON)

/* The block whose first child is "first", without a product. */
static inline const AdForestBlock *
block_below(const AdForestBlock *blocks, uint32 first)
{
	return (const AdForestBlock *)
		((const char *) blocks + (Size) first * (sizeof(AdForestBlock) / CHILDREN));
}

/*
 * The walk of the vector variants, two trees at a time.  PAIR(a, b) gives the
 * bits of two blocks, those of b in the upper half.
 */
#define WALK_PAIRS(PAIR) \
	do { \
		Size		fan = second_fan(depth); \
		const uint32 *end = leaf + trees; \
\
		UNROLL \
		for (uint32 *to = leaf; to < end; to += 2, blocks += 2) \
		{ \
			uint32		bits = PAIR(blocks, blocks + 1); \
\
			to[0] = child_of[(uint16) bits]; \
			to[1] = child_of[bits >> 16]; \
		} \
		for (int left = depth - LEVELS; left > 0; left -= LEVELS) \
		{ \
			for (uint32 *to = leaf; to < end; to++) \
				*to *= CHILDREN; \
			UNROLL \
			for (uint32 *to = leaf; to < end; to += 2) \
			{ \
				const AdForestBlock *other = blocks + fan; \
				const AdForestBlock *a = block_below(blocks, to[0]); \
				const AdForestBlock *b = block_below(other, to[1]); \
				uint32		bits = PAIR(a, b); \
\
				to[0] += child_of[(uint16) bits]; \
				to[1] += child_of[bits >> 16]; \
				blocks = other + fan; \
			} \
			fan *= CHILDREN; \
		} \
	} while (0)

#endif

#ifdef AD_HAVE_NEON

/* The bits of a block; see compare_16(). */
static inline uint32
compare_neon(const AdForestBlock *b, uint8x16_t low, uint8x16_t high)
{
	const		uint8x16_t weights = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
	uint8x8_t	greater[2];
	uint8x16_t	bits;

	for (int h = 0; h < 2; h++)
	{
		uint8x16_t	column = vld1q_u8((const uint8 *) (b->column + 8 * h));
		uint8x16_t	k = vorrq_u8(vqtbl1q_u8(low, column),
								 vqtbl1q_u8(high, veorq_u8(column, vdupq_n_u8(0x80))));

		greater[h] = vmovn_u16(vcgtq_s16(vreinterpretq_s16_u8(k),
										 vld1q_s16(b->threshold + 8 * h)));
	}
	bits = vandq_u8(vcombine_u8(greater[0], greater[1]), weights);
	return vaddv_u8(vget_low_u8(bits)) | (uint32) vaddv_u8(vget_high_u8(bits)) << 8;
}

static void
walk_neon_16(const AdForestBlock *blocks, int trees, int depth,
			 const int16 *key, uint32 *leaf)
{
	uint8		bytes[2][16];
	uint8x16_t	low;
	uint8x16_t	high;

	for (int i = 0; i < 16; i++)
	{
		bytes[0][i] = (uint8) key[i];
		bytes[1][i] = (uint8) ((uint16) key[i] >> 8);
	}
	low = vld1q_u8(bytes[0]);
	high = vld1q_u8(bytes[1]);
#define PAIR(a, b) (compare_neon(a, low, high) | compare_neon(b, low, high) << 16)
	WALK_PAIRS(PAIR);
#undef PAIR
}

#endif							/* AD_HAVE_NEON */

#ifdef AD_HAVE_X86

/* The low or the high bytes of sixteen keys, in both halves of a register. */
__attribute__((target("avx2")))
static inline __m256i
key_bytes(const int16 *key, int shift)
{
	uint8		bytes[16];

	for (int i = 0; i < 16; i++)
		bytes[i] = (uint8) ((uint16) key[i] >> shift);
	return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *) bytes));
}

/*
 * Sixteen columns: a byte of a column's number with its top bit set fetches
 * zero, so that the number itself fetches the low bytes of the keys, and with
 * those bits flipped the high ones.
 */
__attribute__((target("avx2")))
static inline __m256i
compare_16(const AdForestBlock *b, __m256i low, __m256i high)
{
	__m256i		column = _mm256_load_si256((const __m256i *) b->column);
	__m256i		flipped = _mm256_xor_si256(column, _mm256_set1_epi16((short) 0x8080));
	__m256i		k = _mm256_or_si256(_mm256_shuffle_epi8(low, column),
									_mm256_shuffle_epi8(high, flipped));

	return _mm256_cmpgt_epi16(k, _mm256_load_si256((const __m256i *) b->threshold));
}

/* The bits of two comparisons. */
__attribute__((target("avx2")))
static inline uint32
bits_of(__m256i a, __m256i b)
{
	__m256i		packed = _mm256_packs_epi16(a, b);

	return (uint32) _mm256_movemask_epi8(_mm256_permute4x64_epi64(packed, 0xd8));
}

__attribute__((target("avx2")))
static void
walk_avx2_16(const AdForestBlock *blocks, int trees, int depth,
			 const int16 *key, uint32 *leaf)
{
	const __m256i low = key_bytes(key, 0);
	const __m256i high = key_bytes(key, 8);

#define PAIR(a, b) \
	bits_of(compare_16(a, low, high), compare_16(b, low, high))
	WALK_PAIRS(PAIR);
#undef PAIR
}

/* The same for 32 columns: bit 4 of a column's number chooses the table. */
__attribute__((target("avx2")))
static inline __m256i
compare_32(const AdForestBlock *b, const __m256i *low, const __m256i *high)
{
	__m256i		column = _mm256_load_si256((const __m256i *) b->column);
	__m256i		flipped = _mm256_xor_si256(column, _mm256_set1_epi16((short) 0x8080));
	__m256i		second = _mm256_slli_epi16(column, 3);
	__m256i		first_k = _mm256_or_si256(_mm256_shuffle_epi8(low[0], column),
										  _mm256_shuffle_epi8(high[0], flipped));
	__m256i		second_k = _mm256_or_si256(_mm256_shuffle_epi8(low[1], column),
										   _mm256_shuffle_epi8(high[1], flipped));

	return _mm256_cmpgt_epi16(_mm256_blendv_epi8(first_k, second_k, second),
							  _mm256_load_si256((const __m256i *) b->threshold));
}

__attribute__((target("avx2")))
static void
walk_avx2_32(const AdForestBlock *blocks, int trees, int depth,
			 const int16 *key, uint32 *leaf)
{
	const __m256i low[2] = {key_bytes(key, 0), key_bytes(key + 16, 0)};
	const __m256i high[2] = {key_bytes(key, 8), key_bytes(key + 16, 8)};

#define PAIR(a, b) \
	bits_of(compare_32(a, low, high), compare_32(b, low, high))
	WALK_PAIRS(PAIR);
#undef PAIR
}

#define AVX512	__attribute__((target("avx512f,avx512vl,avx512bw,avx512dq")))

/* The bits of a block of whose nodes the keys have been fetched. */
AVX512
static inline uint32
compare_512(const AdForestBlock *b, __m256i k)
{
	return _mm256_cmpgt_epi16_mask(k, _mm256_load_si256((const __m256i *) b->threshold));
}

AVX512
static inline __m256i
columns_of(const AdForestBlock *b)
{
	return _mm256_load_si256((const __m256i *) b->column);
}

/* The permutations take as many bits of a column's number as they need. */
AVX512
static void
walk_avx512_16(const AdForestBlock *blocks, int trees, int depth,
			   const int16 *key, uint32 *leaf)
{
	const __m256i keys = _mm256_loadu_si256((const __m256i *) key);

#define ONE(b) compare_512(b, _mm256_permutexvar_epi16(columns_of(b), keys))
#define PAIR(a, b) (ONE(a) | ONE(b) << 16)
	WALK_PAIRS(PAIR);
#undef ONE
}

AVX512
static void
walk_avx512_32(const AdForestBlock *blocks, int trees, int depth,
			   const int16 *key, uint32 *leaf)
{
	const __m512i keys = _mm512_loadu_si512(key);

#define ONE(b) \
	compare_512(b, _mm512_castsi512_si256(_mm512_permutexvar_epi16(_mm512_castsi256_si512(columns_of(b)), keys)))
	WALK_PAIRS(PAIR);
#undef ONE
}

AVX512
static void
walk_avx512_64(const AdForestBlock *blocks, int trees, int depth,
			   const int16 *key, uint32 *leaf)
{
	const __m512i first = _mm512_loadu_si512(key);
	const __m512i second = _mm512_loadu_si512(key + 32);

#define ONE(b) \
	compare_512(b, _mm512_castsi512_si256(_mm512_permutex2var_epi16(first, _mm512_castsi256_si512(columns_of(b)), second)))
	WALK_PAIRS(PAIR);
#undef ONE
#undef PAIR
}

#endif							/* AD_HAVE_X86 */

/* Use the variants of a level. */
void
ad_forest_choose(AdSimdLevel level pg_attribute_unused())
{
	ad_forest_walk[AD_FOREST_16] = walk_scalar;
	ad_forest_walk[AD_FOREST_32] = walk_scalar;
	ad_forest_walk[AD_FOREST_64] = walk_scalar;
	ad_forest_walk[AD_FOREST_WIDE] = walk_wide;
#ifdef AD_HAVE_NEON
	if (level == AD_SIMD_NEON)
		ad_forest_walk[AD_FOREST_16] = walk_neon_16;
#endif
#ifdef AD_HAVE_X86
	if (level == AD_SIMD_AVX2)
	{
		ad_forest_walk[AD_FOREST_16] = walk_avx2_16;
		ad_forest_walk[AD_FOREST_32] = walk_avx2_32;
	}
	else if (level == AD_SIMD_AVX512)
	{
		ad_forest_walk[AD_FOREST_16] = walk_avx512_16;
		ad_forest_walk[AD_FOREST_32] = walk_avx512_32;
		ad_forest_walk[AD_FOREST_64] = walk_avx512_64;
	}
#endif
}
