/*-------------------------------------------------------------------------
 *
 * ranks.c
 *		Finding a number's place among many sorted ones, and sorting them.
 *
 * A table of equal-width buckets says where to begin; a search that takes
 * the same number of steps whatever the number does the rest, so that no
 * branch is mispredicted and the look-ups of several columns overlap.
 *
 * Columns are sorted by their bits, least significant digits first: a few
 * passes over memory, whatever the values, with a look for a cancel between
 * them.
 *
 *-------------------------------------------------------------------------
 */
#include "math/ad_math.h"

#include "port/pg_bitutils.h"

#define MAX_BUCKETS		16384
#define DIGIT_BITS		11
#define DIGITS			6		/* 6 * 11 >= 64 */
#define RADIX			(1 << DIGIT_BITS)
#define LOW_BITS		UINT64CONST(0x1FFFFFFF) /* of a double: no float's */
#define FEW				512		/* values better sorted by comparing */
#define MANY			2048	/* values better sorted by long digits */

/*
 * Make ranks of n values, ascending and distinct, none of them NaN or
 * infinite.  The values are the ranks' from now on and may move; everything
 * is in the current context.  O(n).
 */
void
ad_ranks_build(AdRanks *r, double *values, uint32 n)
{
	uint32		fullest = 0;
	double		width = n > 0 ? values[n - 1] - values[0] : 0;
	uint32	   *bucket;

	memset(r, 0, sizeof(*r));
	r->n = n;
	r->nbuckets = 1;
	while (r->nbuckets < n && r->nbuckets < MAX_BUCKETS)
		r->nbuckets *= 2;
	r->low = n > 0 ? values[0] : 0;
	r->per_width = width > 0 ? r->nbuckets / width : 0;
	if (!isfinite(r->per_width))
		r->per_width = 0;		/* one bucket holds all */

	/* counts, and then what is before: nobody can tell how many are in one */
	bucket = ad_palloc0_array(uint32, r->nbuckets);
	for (uint32 i = 0; i < n; i++)
		bucket[ad_ranks_bucket(r, values[i])]++;
	for (uint32 b = 0, before = 0; b < r->nbuckets; b++)
	{
		uint32		count = bucket[b];

		bucket[b] = before;
		before += count;
		fullest = Max(fullest, count);
	}
	r->bucket = bucket;
	r->values = values;
	r->steps = -1;
	ad_ranks_widen(r, fullest == 0 ? 0 : pg_leftmost_one_pos32(fullest) + 1);
}

/* Let searches take at least so many steps. */
void
ad_ranks_widen(AdRanks *r, int steps)
{
	double	   *values;

	if (steps <= r->steps)
		return;
	/* a search may look this far past the last value */
	values = ad_repalloc_array((double *) r->values, double,
							   (Size) r->n + ((Size) 1 << steps));
	for (Size i = 0; i < (Size) 1 << steps; i++)
		values[r->n + i] = INFINITY;
	r->values = values;
	r->steps = steps;
}

/* The double of such a number. */
static inline double
unsortable(uint64 u)
{
	double		v;

	u ^= ((u >> 63) - 1) | (UINT64CONST(1) << 63);
	memcpy(&v, &u, 8);
	return v;
}

/*
 * Sort ascending by the bits from low_bit on, those that are equal in these
 * in any order.  scratch has room for n.  Cancellable.
 */
void
ad_sort_bits(uint64 *v, Size n, int low_bit, uint64 *scratch)
{
	int			digits = (64 - low_bit + DIGIT_BITS - 1) / DIGIT_BITS;
	Size	   *count;
	uint64	   *from = v;
	uint64	   *to = scratch;

	if (n < FEW)
	{
		ad_sort_u64(v, n);
		return;
	}
	count = ad_palloc0_array(Size, digits * RADIX);
#define DIGIT(u, d) (((u) >> (low_bit + (d) * DIGIT_BITS)) & (RADIX - 1))
	for (Size i = 0; i < n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		for (int d = 0; d < digits; d++)
			count[d * RADIX + DIGIT(v[i], d)]++;
	}
	for (int d = 0; d < digits; d++)
	{
		Size	   *start = count + d * RADIX;
		Size		sum = 0;
		uint64	   *swap = from;

		CHECK_FOR_INTERRUPTS();
		if (start[DIGIT(from[0], d)] == n)
			continue;
		for (int b = 0; b < RADIX; b++)
		{
			Size		c = start[b];

			start[b] = sum;
			sum += c;
		}
		for (Size i = 0; i < n; i++)
		{
			if ((i & 0xFFFF) == 0)
				CHECK_FOR_INTERRUPTS();
			to[start[DIGIT(from[i], d)]++] = from[i];
		}
		from = to;
		to = swap;
	}
#undef DIGIT
	if (from != v)
		memcpy(v, from, n * sizeof(uint64));
	pfree(count);
}

/*
 * Sort n doubles ascending, none of them NaN; negative zeros become zeros.
 * scratch has room for n.  Cancellable.
 */
void
ad_sort_many(double *v, Size n, uint64 *scratch)
{
	uint64	   *words = (uint64 *) v;

	StaticAssertStmt(sizeof(uint64) == sizeof(double), "doubles have 64 bits");
	if (n < FEW)
	{
		for (Size i = 0; i < n; i++)
			v[i] += 0.0;
		ad_sort_doubles(v, n);
		return;
	}
	for (Size i = 0; i < n; i++)
	{
		uint64		u = ad_sortable(v[i]);

		AD_CHECK_EVERY_1024(i);
		memcpy(&v[i], &u, 8);
	}
	ad_sort_bits(words, n, 0, scratch);
	for (Size i = 0; i < n; i++)
	{
		uint64		u;

		memcpy(&u, &v[i], 8);
		v[i] = unsortable(u);
	}
}

/*
 * ad_sort_with() of n >= FEW doubles that may all be floats, each of which is
 * sorted as one word with its number; false: they are not floats.
 */
static bool
sort_floats_with(double *v, uint32 *with, Size n, uint64 *scratch)
{
	for (Size i = 0; i < n; i++)
	{
		float		single = (float) v[i] + 0.0F;	/* one zero only */
		uint32		u;

		AD_CHECK_EVERY_1024(i);
		if (single != v[i])
			return false;
		memcpy(&u, &single, 4);
		u ^= (uint32) ((int32) u >> 31) | (UINT32_C(1) << 31);
		scratch[i] = (uint64) u << 32 | with[i];
	}
	ad_sort_bits(scratch, n, 32, scratch + n);
	for (Size i = 0; i < n; i++)
	{
		uint32		u = (uint32) (scratch[i] >> 32);
		float		single;

		u ^= ((u >> 31) - 1) | (UINT32_C(1) << 31);
		memcpy(&single, &u, 4);
		v[i] = single;
		with[i] = (uint32) scratch[i];
	}
	return true;
}

/*
 * Sort n doubles ascending, none of them NaN, and a number with each; negative
 * zeros become zeros.  Equal ones stay in order.  scratch has room for 2 n.
 */
void
ad_sort_with(double *v, uint32 *with, Size n, uint64 *scratch)
{
	uint32		count[8][256] = {{0}};
	uint64	   *from = (uint64 *) v;
	uint64	   *to = scratch;
	uint32	   *with_from = with;
	uint32	   *with_to = (uint32 *) (scratch + n);
	uint64		low = 0;		/* bits that a float4 has not */
	int			first;

	for (Size i = 0; i < n; i++)
		low |= from[i] & LOW_BITS;
	if (low == 0 && n >= MANY && sort_floats_with(v, with, n, scratch))
		return;
	first = low == 0 ? 3 : 0;
	for (Size i = 0; i < n; i++)
	{
		uint64		u = ad_sortable(v[i]);

		AD_CHECK_EVERY_1024(i);
		memcpy(&from[i], &u, 8);
		for (int d = first; d < 8; d++)
			count[d][(u >> (8 * d)) & 0xff]++;
	}
	for (int d = first; n > 0 && d < 8; d++)
	{
		uint32		start[256];
		uint32		sum = 0;

		/* all in one */
		if (count[d][(from[0] >> (8 * d)) & 0xff] == n)
			continue;
		for (int b = 0; b < 256; b++)
		{
			start[b] = sum;
			sum += count[d][b];
		}
		CHECK_FOR_INTERRUPTS();
		for (Size i = 0; i < n; i++)
		{
			uint32		at = start[(from[i] >> (8 * d)) & 0xff]++;

			to[at] = from[i];
			with_to[at] = with_from[i];
		}
		{
			uint64	   *swap = from;
			uint32	   *with_swap = with_from;

			from = to;
			to = swap;
			with_from = with_to;
			with_to = with_swap;
		}
	}
	if (with_from != with)
		memcpy(with, with_from, n * sizeof(uint32));
	for (Size i = 0; i < n; i++)
	{
		double		x = unsortable(from[i]);

		memcpy(&v[i], &x, 8);
	}
}
