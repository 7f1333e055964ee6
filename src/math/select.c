/*-------------------------------------------------------------------------
 *
 * select.c
 *		Selection and sorting of numbers.
 *
 * Introselect: quickselect with a median-of-three pivot that falls back to
 * sorting the range when it does not shrink fast enough, so that no input
 * makes it quadratic.  Values must not be NaN.
 *
 *-------------------------------------------------------------------------
 */
#include "math/ad_math.h"

static int
compare_doubles(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return (x > y) - (x < y);
}

static int
compare_u64(const void *a, const void *b)
{
	uint64		x = *(const uint64 *) a;
	uint64		y = *(const uint64 *) b;

	return (x > y) - (x < y);
}

/* Sort ascending; no NaN. */
void
ad_sort_doubles(double *v, Size n)
{
	qsort(v, n, sizeof(double), compare_doubles);
}

/*
 * One body for both types.  Rearranges v so that v[k] is the value a sort
 * would put there, none before it is larger and none after it smaller.
 * O(n) expected, O(n log n) at worst.
 */
#define SELECT_BODY(type, compare) \
	Size		lo = 0; \
	Size		hi = n - 1; \
	int			budget = 64; \
 \
	while (hi > lo) \
	{ \
		type		pivot, \
					a = v[lo], \
					b = v[lo + (hi - lo) / 2], \
					c = v[hi], \
					swap; \
		Size		i = lo, \
					j = hi; \
 \
		if (budget-- == 0) \
		{ \
			qsort(v + lo, hi - lo + 1, sizeof(type), compare); \
			return; \
		} \
		pivot = a < b ? (b < c ? b : (a < c ? c : a)) \
			: (a < c ? a : (b < c ? c : b)); \
		for (;;) \
		{ \
			while (v[i] < pivot) \
				i++; \
			while (v[j] > pivot) \
				j--; \
			if (i >= j) \
				break; \
			swap = v[i]; \
			v[i++] = v[j]; \
			v[j--] = swap; \
		} \
		/* v[lo..i-1] <= pivot <= v[j+1..hi]; if i is j, v[i] is in place */ \
		if (i == j) \
		{ \
			if (k == j) \
				return; \
			if (k < j) \
				hi = j - 1; \
			else \
				lo = j + 1; \
		} \
		else if (k <= j) \
			hi = j; \
		else \
			lo = j + 1; \
	}

/* Put the k-th smallest of n doubles at v[k]; see SELECT_BODY. */
void
ad_select(double *v, Size n, Size k)
{
	SELECT_BODY(double, compare_doubles)
}

/* The same for unsigned 64-bit integers. */
void
ad_select_u64(uint64 *v, Size n, Size k)
{
	SELECT_BODY(uint64, compare_u64)
}

/*
 * Quantile q in [0, 1] of n > 0 values by linear interpolation between
 * order statistics (R's type 7, numpy's default, percentile_cont).
 * Rearranges v.
 */
double
ad_quantile(double *v, Size n, double q)
{
	double		at = q * (double) (n - 1);
	Size		k = (Size) at;
	double		fraction = at - (double) k;
	double		low,
				high;

	ad_select(v, n, k);
	low = v[k];
	if (fraction == 0 || k + 1 >= n)
		return low;
	high = v[k + 1];
	for (Size i = k + 2; i < n; i++)
		if (v[i] < high)
			high = v[i];
	/* weights, not a difference, which could overflow */
	return low * (1.0 - fraction) + high * fraction;
}
