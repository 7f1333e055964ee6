/*-------------------------------------------------------------------------
 *
 * median.c
 *		Order statistics of arrays of doubles without NaN.
 *
 * STL's robustness weights need the exact median of n residuals after every
 * outer iteration.  For long arrays a stride sample brackets the median,
 * one branch-free pass counts what lies below and collects what lies
 * inside, and only the inside (about a tenth) is selected from (after Floyd
 * & Rivest 1975).  A bracket that misses costs time, never correctness.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_random.h"
#include "series/ad_smoother.h"

#define SAMPLE		1023		/* values that bracket the median */
#define MARGIN		64			/* ranks of the sample to each side */

/*
 * Return the rank-th smallest (from 0) of n values, reordering them: smaller
 * ones end up before it, larger ones behind.
 */
double
ad_series_select(double *a, Size n, Size rank)
{
	Size		lo = 0;
	Size		hi = n - 1;
	uint64		step = 0;

	while (lo < hi)
	{
		/* median of three spread by a counter, so no order is bad for long */
		Size		width = hi - lo;
		double		x = a[lo + ad_mix64(++step) % (width + 1)];
		double		y = a[lo + width / 2];
		double		z = a[lo + ad_mix64(step + 77) % (width + 1)];
		double		pivot = Max(Min(x, y), Min(Max(x, y), z));
		Size		i = lo;
		Size		j = hi;

		CHECK_FOR_INTERRUPTS();
		for (;;)
		{
			double		t;

			while (a[i] < pivot)
				i++;
			while (a[j] > pivot)
				j--;
			if (i >= j)
				break;
			t = a[i];
			a[i++] = a[j];
			a[j--] = t;
		}
		/* everything before i is <= pivot, everything behind j >= pivot */
		if (i == j && a[i] == pivot)
		{
			if (rank == i)
				return pivot;
			if (rank < i)
				hi = i - 1;
			else
				lo = i + 1;
		}
		else if (rank < i)
			hi = i - 1;
		else
			lo = i;
	}
	return a[rank];
}

/*
 * Return the mean of the two middle values (or the middle one), reordering them.
 */
double
ad_series_median(double *a, Size n)
{
	double		upper = ad_series_select(a, n, n / 2);
	double		lower;

	if (n % 2 == 1)
		return upper;
	lower = a[0];
	for (Size i = 1; i < n / 2; i++)
		lower = Max(lower, a[i]);
	return lower + (upper - lower) / 2;
}

/*
 * Set *median to that of n values if it lies between lo and hi, with a look at
 * each value and a selection among those between; else return false.  scratch
 * has room for n.
 */
static bool
median_between(const double *a, Size n, double lo, double hi, double *scratch,
			   double *median)
{
	Size		below = 0;
	Size		inside = 0;
	Size		upper = n / 2;
	Size		lower = (n - 1) / 2;
	double		u,
				v;

	for (Size i = 0; i < n; i++)
	{
		double		x = a[i];

		scratch[inside] = x;
		below += (x < lo);
		inside += (x >= lo) & (x <= hi);
	}
	if (lower < below || upper >= below + inside)
		return false;
	u = v = ad_series_select(scratch, inside, upper - below);
	if (lower != upper)
	{
		v = scratch[0];
		for (Size i = 1; i < upper - below; i++)
			v = Max(v, scratch[i]);
	}
	*median = v + (u - v) / 2;
	return true;
}

/*
 * Return the same without touching the n >= 1 values; scratch has room for
 * as many.
 */
double
ad_series_median_of(const double *a, Size n, double *scratch)
{
	if (n >= 4 * SAMPLE)
	{
		double		sample[SAMPLE];
		Size		stride = n / SAMPLE;
		double		lo,
					hi,
					median;

		for (Size i = 0; i < SAMPLE; i++)
			sample[i] = a[i * stride];
		lo = ad_series_select(sample, SAMPLE, SAMPLE / 2 - MARGIN);
		hi = ad_series_select(sample, SAMPLE, SAMPLE / 2 + MARGIN);
		if (median_between(a, n, lo, hi, scratch, &median))
			return median;
	}
	memcpy(scratch, a, n * sizeof(double));
	return ad_series_median(scratch, n);
}

/*
 * Return the same median, in less time if it is within reach of a guess and
 * few values are.
 */
double
ad_series_median_near(const double *a, Size n, double guess, double reach,
					  double *scratch)
{
	double		median;

	if (reach > 0 &&
		median_between(a, n, guess - reach, guess + reach, scratch, &median))
		return median;
	return ad_series_median_of(a, n, scratch);
}
