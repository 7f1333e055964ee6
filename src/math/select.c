/*-------------------------------------------------------------------------
 *
 * select.c
 *		Selection and sorting of numbers.
 *
 * Introselect: quickselect with a median-of-three pivot that falls back to
 * sorting the range when it does not shrink fast enough, so that no input
 * makes it quadratic.  Values must not be NaN.  All of it can be cancelled.
 *
 *-------------------------------------------------------------------------
 */
#include "math/ad_math.h"

#define BUCKETS		2048
#define MANY		4096		/* values that are worth counting */
#define FEW			65536		/* values that are sorted in no time */

static int
compare_doubles(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	CHECK_FOR_INTERRUPTS();
	return (x > y) - (x < y);
}

static int
compare_u64(const void *a, const void *b)
{
	uint64		x = *(const uint64 *) a;
	uint64		y = *(const uint64 *) b;

	CHECK_FOR_INTERRUPTS();
	return (x > y) - (x < y);
}

/* Few doubles are sorted without a look for a cancel, which costs a little. */
#if PG_VERSION_NUM >= 140000
#define ST_SORT sort_few_doubles
#define ST_ELEMENT_TYPE double
#define ST_COMPARE(a, b) ((*(a) > *(b)) - (*(a) < *(b)))
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

#define ST_SORT sort_doubles
#define ST_ELEMENT_TYPE double
#define ST_COMPARE(a, b) ((*(a) > *(b)) - (*(a) < *(b)))
#define ST_CHECK_FOR_INTERRUPTS
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

#define ST_SORT sort_words
#define ST_ELEMENT_TYPE uint64
#define ST_COMPARE(a, b) ((*(a) > *(b)) - (*(a) < *(b)))
#define ST_CHECK_FOR_INTERRUPTS
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"
#endif

/* Sort ascending; no NaN. */
void
ad_sort_doubles(double *v, Size n)
{
#if PG_VERSION_NUM >= 140000
	if (n < FEW)
		sort_few_doubles(v, n);
	else
		sort_doubles(v, n);
#else
	qsort(v, n, sizeof(double), compare_doubles);
#endif
}

/* Sort ascending. */
void
ad_sort_u64(uint64 *v, Size n)
{
#if PG_VERSION_NUM >= 140000
	sort_words(v, n);
#else
	qsort(v, n, sizeof(uint64), compare_u64);
#endif
}

#define SELECT select_u64
#define SELECT_SCOPE static
#define SELECT_TYPE uint64
#define SELECT_COMPARE compare_u64
#include "math/select_impl.h"

#define SELECT ad_select
#define SELECT_SCOPE
#define SELECT_TYPE double
#define SELECT_COMPARE compare_doubles
#include "math/select_impl.h"

/*
 * The k-th smallest (from 0) of n unsigned 64-bit integers, which are left
 * as they are.  Made for values that are spread evenly: a histogram finds
 * the bucket that holds it, and the selection is among those few.
 */
uint64
ad_select_u64(const uint64 *v, Size n, Size k)
{
	uint32		count[BUCKETS] = {0};
	uint64		greatest = 0;
	uint64	   *few;
	uint64		result;
	Size		inside = 0;
	int			shift = 0;
	int			b = 0;

	for (Size i = 0; i < n; i++)
		greatest = Max(greatest, v[i]);
	while ((greatest >> shift) >= BUCKETS)
		shift++;
	for (Size i = 0; i < n; i++)
		count[v[i] >> shift]++;
	while (k >= count[b])
		k -= count[b++];
	few = ad_palloc_array(uint64, count[b]);
	for (Size i = 0; i < n; i++)
		if ((v[i] >> shift) == (uint64) b)
			few[inside++] = v[i];
	select_u64(few, inside, k);
	result = few[k];
	pfree(few);
	return result;
}

/*
 * Order statistics of many values, counted into buckets of equal width: those
 * in the few buckets that are wanted, sorted, are all that is looked at.
 */
typedef struct Buckets
{
	uint32		start[BUCKETS + 1]; /* values before each bucket */
	uint32		skipped[BUCKETS];	/* of these, in buckets not wanted */
	bool		wanted[BUCKETS];
	double	   *few;
} Buckets;

/*
 * Count n values into buckets between their least and greatest, and note the
 * bucket of each; false if the distance of these is not a usable number.
 */
static bool
count_buckets(Buckets *b, const double *v, Size n, uint16 *bucket)
{
	double		least = v[0];
	double		greatest = v[0];
	double		per_width;
	uint32		sum = 0;

	for (Size i = 1; i < n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		least = Min(least, v[i]);
		greatest = Max(greatest, v[i]);
	}
	per_width = BUCKETS / (greatest - least);
	if (!isfinite(per_width) || per_width == 0)
		return false;
	for (Size i = 0; i < n; i++)
	{
		int			at = (int) ((v[i] - least) * per_width);

		AD_CHECK_EVERY_1024(i);
		bucket[i] = (uint16) Min(at, BUCKETS - 1);
		b->start[bucket[i]]++;
	}
	for (int k = 0; k <= BUCKETS; k++)
	{
		uint32		count = b->start[k];

		b->start[k] = sum;
		sum += count;
	}
	return true;
}

/* The bucket of the k-th smallest value: the last that begins before k + 1. */
static int
bucket_of_rank(const Buckets *b, Size k)
{
	int			lo = 0;
	int			hi = BUCKETS - 1;

	while (lo < hi)
	{
		int			middle = (lo + hi + 1) / 2;

		if (b->start[middle] <= k)
			lo = middle;
		else
			hi = middle - 1;
	}
	return lo;
}

/* Sort the values of the buckets that are wanted. */
static void
sort_wanted(Buckets *b, const double *v, Size n, const uint16 *bucket)
{
	uint64	   *scratch;
	Size		total = 0;
	Size		found = 0;
	uint32		skipped = 0;

	for (int k = 0; k < BUCKETS; k++)
	{
		uint32		count = b->start[k + 1] - b->start[k];

		b->skipped[k] = skipped;
		if (b->wanted[k])
			total += count;
		else
			skipped += count;
	}
	/* one more: every value is written, and only some stay */
	b->few = ad_palloc_array(double, total + 1);
	for (Size i = 0; i < n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		b->few[found] = v[i];
		found += b->wanted[bucket[i]];
	}
	scratch = ad_palloc_array(uint64, total);
	ad_sort_many(b->few, total, scratch);
	pfree(scratch);
}

/*
 * Make the buckets that hold quantiles q ready to be looked at; NULL if the
 * values cannot be counted into buckets.
 */
static Buckets *
bucket_quantiles(const double *v, Size n, const double *q, int nq)
{
	Buckets    *b = palloc0(sizeof(Buckets));
	uint16	   *bucket = ad_palloc_array(uint16, n);
	bool		usable = count_buckets(b, v, n, bucket);

	if (usable)
	{
		for (int i = 0; i < nq; i++)
		{
			Size		k = (Size) (q[i] * (double) (n - 1));

			b->wanted[bucket_of_rank(b, k)] = true;
			b->wanted[bucket_of_rank(b, Min(k + 1, n - 1))] = true;
		}
		sort_wanted(b, v, n, bucket);
	}
	pfree(bucket);
	if (usable)
		return b;
	pfree(b);
	return NULL;
}

/* The k-th smallest of n values, in buckets or, if these are NULL, in v. */
static double
order_statistic(double *v, Size n, const Buckets *b, Size k)
{
	if (b)
		return b->few[k - b->skipped[bucket_of_rank(b, k)]];
	ad_select(v, n, k);
	return v[k];
}

/*
 * Quantiles q in [0, 1] of n > 0 values by linear interpolation between
 * order statistics (R's type 7, numpy's default, percentile_cont).
 * Rearranges v.
 */
void
ad_quantiles(double *v, Size n, const double *q, int nq, double *result)
{
	Buckets    *b = NULL;

	if (n >= MANY && n <= PG_UINT32_MAX)
		b = bucket_quantiles(v, n, q, nq);
	for (int i = 0; i < nq; i++)
	{
		double		at = q[i] * (double) (n - 1);
		Size		k = (Size) at;
		double		fraction = at - (double) k;
		double		low = order_statistic(v, n, b, k);

		/* weights, not a difference, which could overflow */
		result[i] = (fraction == 0 || k + 1 >= n) ? low :
			low * (1.0 - fraction) +
			order_statistic(v, n, b, k + 1) * fraction;
	}
	if (b)
	{
		pfree(b->few);
		pfree(b);
	}
}

/* One quantile; see ad_quantiles(). */
double
ad_quantile(double *v, Size n, double q)
{
	double		result;

	ad_quantiles(v, n, &q, 1, &result);
	return result;
}
