/*-------------------------------------------------------------------------
 *
 * simd_tree.c
 *		Walking a k-d tree, and the list of the nearest rows found.
 *
 * Nodes have up to 16 children, whose boxes are compared at a time, and
 * leaves blocks of 16 rows; so one body serves every level.  Each lane adds
 * its columns in order and without fused operations: every variant gives the
 * same bits.
 *
 * The nearest rows so far are a sorted list.  A new one is put into it by
 * comparing it with all of them: what is greater moves on by one place.  For
 * so few that is less work than a heap, whose branches nobody can predict,
 * and they need no sorting in the end.
 *
 *-------------------------------------------------------------------------
 */
#include "math/neighbors_impl.h"

#include <float.h>

#include "port/pg_bitutils.h"

#ifdef AD_HAVE_X86
#include <immintrin.h>
#endif

AdTreeWalk	ad_tree_walk[AD_NORMS + 1];
AdListInsert ad_list_insert;

/* Count rows that were put into the list. */
static inline void
count_found(AdNeighborScratch *s, int taken)
{
	s->found = Min(s->found + taken, s->k);
	if (s->list_d[s->k - 1] < s->worst)
		s->worst = s->list_d[s->k - 1];
}

/* Offer the rows of a leaf that are in the mask, one by one. */
static void
offer_each(const AdNeighbors *nb, AdNeighborScratch *s, const double *d,
		   const uint32 *ids, uint64 mask)
{
	for (; mask != 0; mask &= mask - 1)
	{
		int			l = pg_rightmost_one_pos64(mask);

		if (d[l] <= s->worst)
			ad_neighbors_offer(nb, s, d[l], ids[l]);
	}
}

/* Return whether a row at a distance may be the one to leave out. */
static inline bool
may_be_self(const AdNeighborScratch *s, double d, uint32 id)
{
	return (d == 0 && s->find_self) || id == s->self;
}

/* Put a row that is not beyond the worst into the list, one by one. */
static void
list_insert_base(AdNeighborScratch *s, double x, uint32 id)
{
	double	   *d = s->list_d;
	int64	   *i = s->list_i;
	int			at = s->list_size - 1;

	if (!(x < d[at] || (x == d[at] && id < i[at])))
		return;
	while (at > 0 && (x < d[at - 1] || (x == d[at - 1] && id < i[at - 1])))
	{
		d[at] = d[at - 1];
		i[at] = i[at - 1];
		at--;
	}
	d[at] = x;
	i[at] = id;
	count_found(s, 1);
}

/* portable */
typedef double ad_v2 __attribute__((vector_size(16), aligned(8), may_alias));
typedef int64 ad_i2 __attribute__((vector_size(16), aligned(8), may_alias));

static inline ad_v2
select_2(ad_i2 mask, ad_v2 a, ad_v2 b)
{
	return (ad_v2) ((mask & (ad_i2) a) | (~mask & (ad_i2) b));
}

/* The bits of two lanes that are all ones or zeros. */
static inline uint32
bits_2(ad_i2 mask)
{
	return (uint32) (mask[0] & 1) | (uint32) (mask[1] & 2);
}

/* Bits of the distance to a child's box that are the child's number. */
#define BOX_CHILD		INT64CONST(15)

/* The number of a child, from the distance to its box, which is left. */
static inline uint32
box_child(double *d)
{
	int64		bits;
	uint32		child;

	memcpy(&bits, d, sizeof(bits));
	child = (uint32) (bits & BOX_CHILD);
	bits &= ~BOX_CHILD;
	memcpy(d, &bits, sizeof(bits));
	return child;
}

/* The least of sixteen lanes. */
static inline double
least_base(const ad_v2 * d)
{
	const double *lane = (const double *) d;
	double		least[4] = {lane[0], lane[1], lane[2], lane[3]};

	for (int l = 4; l < AD_BLOCK_LANES; l += 4)
		for (int i = 0; i < 4; i++)
			least[i] = lane[l + i] < least[i] ? lane[l + i] : least[i];
	least[0] = least[1] < least[0] ? least[1] : least[0];
	least[2] = least[3] < least[2] ? least[3] : least[2];
	return least[2] < least[0] ? least[2] : least[0];
}

static void
list_take_base(const AdNeighbors *nb, AdNeighborScratch *s, const double *d,
			   const uint32 *ids, uint64 mask)
{
	for (; mask != 0; mask &= mask - 1)
	{
		int			l = pg_rightmost_one_pos64(mask);

		if (unlikely(may_be_self(s, d[l], ids[l])))
			ad_neighbors_offer(nb, s, d[l], ids[l]);
		else
			list_insert_base(s, d[l], ids[l]);
	}
}

/* How many numbers are less than x. */
static inline int
rank_base(const double *d, int nv, double x)
{
	const		ad_v2 *pair = (const ad_v2 *) d;
	const		ad_v2 splat = {x, x};
	ad_i2		sum = {0};

	for (int v = 0; v < nv; v++)
		sum -= (ad_i2) (pair[v] < splat);
	return (int) (sum[0] + sum[1]);
}

#define KERNEL(name)	name##_base
#define TARGET
#define VT				ad_v2
#define IT				ad_i2
#define LANES_FROM(i)	((ad_i2) {i, i + 1})
#define WIDTH			2
#define MIN(a, b)		select_2((a) < (b), a, b)
#define MAX(a, b)		select_2((a) > (b), a, b)
#define SQRT(a)			((ad_v2) {sqrt((a)[0]), sqrt((a)[1])})
#define AT_MOST(a, b)	bits_2((a) <= (b))
#define LEAST(d)		least_base(d)
#define GREATEST(v)		((v)[0] > (v)[1] ? (v)[0] : (v)[1])
#define RANK(d, nv, x)	rank_base(d, nv, x)
#define SPLAT(x)		((ad_v2) {x, x})
#include "math/simd_tree_impl.h"

#ifdef AD_HAVE_X86

#define FOR_AVX2	__attribute__((target("avx2")))
#define FOR_AVX512	__attribute__((target("avx512f,avx512vl,avx512bw,avx512dq")))

typedef double ad_v4 __attribute__((vector_size(32), aligned(8), may_alias));
typedef double ad_v8 __attribute__((vector_size(64), aligned(8), may_alias));
typedef int64 ad_i4 __attribute__((vector_size(32), aligned(8), may_alias));
typedef int64 ad_i8 __attribute__((vector_size(64), aligned(8), may_alias));

/* What is in a list one place before "at", where "low" comes before it. */
static FOR_AVX2 inline __m256d
before_4(__m256d low, __m256d at)
{
	return _mm256_shuffle_pd(_mm256_permute2f128_pd(low, at, 0x21), at, 5);
}

static FOR_AVX2 inline double
least_avx2(const ad_v4 * d)
{
	__m256d		least = _mm256_min_pd(_mm256_min_pd((__m256d) d[0], (__m256d) d[1]),
									  _mm256_min_pd((__m256d) d[2], (__m256d) d[3]));
	__m128d		two = _mm_min_pd(_mm256_castpd256_pd128(least),
								 _mm256_extractf128_pd(least, 1));

	return _mm_cvtsd_f64(_mm_min_sd(two, _mm_unpackhi_pd(two, two)));
}

static FOR_AVX2 inline double
greatest_avx2(__m256d v)
{
	__m128d		two = _mm_max_pd(_mm256_castpd256_pd128(v),
								 _mm256_extractf128_pd(v, 1));

	return _mm_cvtsd_f64(_mm_max_sd(two, _mm_unpackhi_pd(two, two)));
}

static FOR_AVX2 inline int
rank_avx2(const double *d, int nv, double x)
{
	__m256i		sum = _mm256_setzero_si256();
	__m128i		two;

	for (int v = 0; v < nv; v++)
		sum = _mm256_sub_epi64(sum,
							   _mm256_castpd_si256(_mm256_cmp_pd(_mm256_loadu_pd(d + 4 * v),
																 _mm256_set1_pd(x), _CMP_LT_OQ)));
	two = _mm_add_epi64(_mm256_castsi256_si128(sum),
						_mm256_extracti128_si256(sum, 1));
	return _mm_cvtsi128_si32(_mm_add_epi64(two, _mm_unpackhi_epi64(two, two)));
}

#define KERNEL(name)	name##_avx2
#define TARGET			FOR_AVX2
#define VT				ad_v4
#define IT				ad_i4
#define LANES_FROM(i)	((ad_i4) {i, i + 1, i + 2, i + 3})
#define WIDTH			4
#define MIN(a, b)		((ad_v4) _mm256_min_pd((__m256d) (a), (__m256d) (b)))
#define MAX(a, b)		((ad_v4) _mm256_max_pd((__m256d) (a), (__m256d) (b)))
#define SQRT(a)			((ad_v4) _mm256_sqrt_pd((__m256d) (a)))
#define AT_MOST(a, b)	_mm256_movemask_pd(_mm256_cmp_pd((__m256d) (a), (__m256d) (b), _CMP_LE_OQ))
#define EQUAL(a, b)		_mm256_movemask_pd(_mm256_cmp_pd((__m256d) (a), (__m256d) (b), _CMP_EQ_OQ))
#define LEAST(d)		least_avx2(d)
#define GREATEST(v)		greatest_avx2((__m256d) (v))
#define RANK(d, nv, x)	rank_avx2(d, nv, x)
#define BEYOND(a, b)	_mm256_cmp_pd((__m256d) (a), (__m256d) (b), _CMP_GT_OQ)
#define BLEND(m, a, b)	((ad_v4) _mm256_blendv_pd((__m256d) (b), (__m256d) (a), m))
#define BEFORE(low, at) ((ad_v4) before_4((__m256d) (low), (__m256d) (at)))
#define SPLAT(x)		((ad_v4) _mm256_set1_pd(x))
#define SPLAT_ID(x)		((ad_v4) _mm256_set1_epi64x(x))
#include "math/simd_tree_impl.h"

static FOR_AVX512 inline double
least_avx512(const ad_v8 * d)
{
	return _mm512_reduce_min_pd(_mm512_min_pd((__m512d) d[0], (__m512d) d[1]));
}

static FOR_AVX512 inline int
rank_avx512(const double *d, int nv, double x)
{
	uint64		less = 0;

	for (int v = 0; v < nv; v++)
		less |= (uint64) _mm512_cmp_pd_mask(_mm512_loadu_pd(d + 8 * v),
											_mm512_set1_pd(x),
											_CMP_LT_OQ) << (8 * v);
	return __builtin_popcountll(less);
}

#define KERNEL(name)	name##_avx512
#define TARGET			FOR_AVX512
#define VT				ad_v8
#define IT				ad_i8
#define LANES_FROM(i)	((ad_i8) {i, i + 1, i + 2, i + 3, i + 4, i + 5, i + 6, i + 7})
#define WIDTH			8
#define MIN(a, b)		((ad_v8) _mm512_min_pd((__m512d) (a), (__m512d) (b)))
#define MAX(a, b)		((ad_v8) _mm512_max_pd((__m512d) (a), (__m512d) (b)))
#define SQRT(a)			((ad_v8) _mm512_sqrt_pd((__m512d) (a)))
#define AT_MOST(a, b)	_mm512_cmp_pd_mask((__m512d) (a), (__m512d) (b), _CMP_LE_OQ)
#define EQUAL(a, b)		_mm512_cmp_pd_mask((__m512d) (a), (__m512d) (b), _CMP_EQ_OQ)
#define LEAST(d)		least_avx512(d)
#define GREATEST(v)		_mm512_reduce_max_pd((__m512d) (v))
#define RANK(d, nv, x)	rank_avx512(d, nv, x)
#define BEYOND(a, b)	_mm512_cmp_pd_mask((__m512d) (a), (__m512d) (b), _CMP_GT_OQ)
#define BLEND(m, a, b)	((ad_v8) _mm512_mask_mov_pd((__m512d) (b), m, (__m512d) (a)))
#define BEFORE(low, at) ((ad_v8) _mm512_alignr_epi64((__m512i) (at), (__m512i) (low), 7))
#define SPLAT(x)		((ad_v8) _mm512_set1_pd(x))
#define SPLAT_ID(x)		((ad_v8) _mm512_set1_epi64(x))
#include "math/simd_tree_impl.h"

#endif							/* AD_HAVE_X86 */

/* Use the variant of a level. */
void
ad_tree_choose(AdSimdLevel level)
{
	choose_base();
#ifdef AD_HAVE_X86
	if (level == AD_SIMD_AVX2)
		choose_avx2();
	else if (level == AD_SIMD_AVX512)
		choose_avx512();
#endif
}
