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
#define MANY		8192		/* values that are worth dealing */
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

static int
compare_int64(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

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
ad_sort_int64(int64 *v, Size n)
{
	qsort(v, n, sizeof(int64), compare_int64);
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
 * Deal v into buckets of equal width between its least and greatest value;
 * false if their distance is not a usable number.  start[b] is where bucket
 * b begins in "dealt".
 */
static bool
deal(const double *v, Size n, double *dealt, uint32 *start)
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

#define BUCKET_OF(x) Min((int) (((x) - least) * per_width), BUCKETS - 1)
	for (Size i = 0; i < n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		start[BUCKET_OF(v[i])]++;
	}
	for (int b = 0; b < BUCKETS; b++)
	{
		uint32		count = start[b];

		start[b] = sum;
		sum += count;
	}
	for (Size i = 0; i < n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		dealt[start[BUCKET_OF(v[i])]++] = v[i];
	}
#undef BUCKET_OF
	/* each start has moved to the next one's: move them back */
	memmove(start + 1, start, BUCKETS * sizeof(uint32));
	start[0] = 0;
	return true;
}

/* The k-th smallest of values dealt into buckets (or into one). */
static double
order_statistic(double *v, Size n, const uint32 *start, int buckets, Size k)
{
	int			lo = 0;
	int			hi = buckets - 1;

	if (buckets == 1)
	{
		ad_select(v, n, k);
		return v[k];
	}
	/* the last bucket that begins at or before k */
	while (lo < hi)
	{
		int			middle = (lo + hi + 1) / 2;

		if (start[middle] <= k)
			lo = middle;
		else
			hi = middle - 1;
	}
	ad_select(v + start[lo], start[lo + 1] - start[lo], k - start[lo]);
	return v[k];
}

/*
 * Quantiles q in [0, 1] of n > 0 values by linear interpolation between
 * order statistics (R's type 7, numpy's default, percentile_cont).
 * Rearranges v.
 *
 * Many values are first dealt into buckets of equal width, so that each
 * order statistic is selected among few.
 */
void
ad_quantiles(double *v, Size n, const double *q, int nq, double *result)
{
	uint32		start[BUCKETS + 1] = {0};
	double	   *dealt = v;
	int			buckets = 1;

	if (n >= MANY && n <= PG_UINT32_MAX)
	{
		dealt = ad_palloc_array(double, n);
		if (deal(v, n, dealt, start))
			buckets = BUCKETS;
		else
		{
			pfree(dealt);
			dealt = v;
		}
	}
	for (int i = 0; i < nq; i++)
	{
		double		at = q[i] * (double) (n - 1);
		Size		k = (Size) at;
		double		fraction = at - (double) k;
		double		low = order_statistic(dealt, n, start, buckets, k);

		/* weights, not a difference, which could overflow */
		result[i] = (fraction == 0 || k + 1 >= n) ? low :
			low * (1.0 - fraction) +
			order_statistic(dealt, n, start, buckets, k + 1) * fraction;
	}
	if (dealt != v)
		pfree(dealt);
}

/* One quantile; see ad_quantiles(). */
double
ad_quantile(double *v, Size n, double q)
{
	double		result;

	ad_quantiles(v, n, &q, 1, &result);
	return result;
}
