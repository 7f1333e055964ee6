/*-------------------------------------------------------------------------
 *
 * spread.c
 *		Mean and standard deviation of numbers, however far from zero.
 *
 * Sums are of differences from the first number, then of what is left from
 * the mean that they give: so the mean of equal numbers is that number, and
 * whole numbers lose nothing to an offset.  The sum of squares is corrected
 * for what rounding of the mean left (the two-pass formula of Chan, Golub
 * and LeVeque 1983).
 *
 * Numbers such as 0.1 and 0.3 - 0.2 are meant to be equal, and a spread of
 * that size divides real differences into nonsense.  So a width of at most
 * AD_ROUNDING (eight times 2^-52) times the greater of its ends, in absolute
 * terms, counts as none: that is 8 to 16 units in the last place.  Numbers
 * that are all whole and below 2^53 have no rounding, and every difference
 * between them is real, at 1e15 too.
 *
 *-------------------------------------------------------------------------
 */
#include "math/ad_linalg.h"
#include "math/ad_spread.h"

#include <float.h>

#define MAX_WHOLE	9007199254740992.0	/* 2^53 */
#define TOO_LARGE	1e145		/* squares and sums may overflow */
#define TOO_SMALL	1e-145		/* squares may vanish */

#define BLOCK_VALUES	16384	/* between checks for a cancel */

/* high - low, or 0 if that is rounding of numbers that are not all whole. */
double
ad_width(double low, double high, bool whole)
{
	double		width = high - low;

	if (!whole && width <= AD_ROUNDING * Max(fabs(low), fabs(high)))
		return 0;
	return width;
}

/* Return whether n numbers are all whole and below 2^53. */
bool
ad_all_whole(const double *v, Size n, Size stride)
{
	for (Size i = 0; i < n; i++)
	{
		double		x = v[i * stride];

		AD_CHECK_EVERY_1024(i);
		if (x != rint(x) || fabs(x) >= MAX_WHOLE)
			return false;
	}
	return true;
}

/* Mean and standard deviation of numbers times 2^-exponent, scaled back. */
static void
scaled_moments(const double *v, Size n, Size stride, int exponent,
			   double divisor, AdSpread *s)
{
	double		shift = ldexp(v[0], -exponent);
	double		mean = 0;
	double		residue = 0;
	double		squares = 0;

	for (Size i = 0; i < n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		mean += ldexp(v[i * stride], -exponent) - shift;
	}
	mean = shift + mean / (double) n;
	for (Size i = 0; i < n; i++)
	{
		double		d = ldexp(v[i * stride], -exponent) - mean;

		AD_CHECK_EVERY_1024(i);
		residue += d;
		squares += d * d;
	}
	squares -= residue * residue / (double) n;
	s->mean = ldexp(mean + residue / (double) n, exponent);
	s->sd = ldexp(sqrt(Max(squares, 0) / divisor), exponent);
}

/* The same of numbers whose squares are float8s. */
static void
plain_moments(const double *v, Size n, Size stride, double divisor,
			  AdSpread *s)
{
	double		shift = v[0];
	double		mean = 0;
	double		residue = 0;
	double		squares = 0;

	for (Size i = 0; i < n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		mean += v[i * stride] - shift;
	}
	mean = shift + mean / (double) n;
	for (Size i = 0; i < n; i++)
	{
		double		d = v[i * stride] - mean;

		AD_CHECK_EVERY_1024(i);
		residue += d;
		squares += d * d;
	}
	squares -= residue * residue / (double) n;
	s->mean = mean + residue / (double) n;
	s->sd = sqrt(Max(squares, 0) / divisor);
}

/*
 * What follows from the sums: bring the mean, which rounding must not put
 * outside, and the standard deviation, which is of a width that may be none.
 */
static void
settle(AdSpread *s)
{
	s->mean = Max(s->least, Min(s->mean, s->greatest));
	if (ad_width(s->least, s->greatest, s->whole) == 0)
		s->sd = 0;
}

/*
 * The moments of numbers whose squares are not all float8s, or that are all
 * equal; false for others, which plain sums will do for.
 */
static bool
odd_moments(const double *v, Size n, Size stride, double divisor,
			AdSpread *s)
{
	double		width = s->greatest - s->least;
	double		largest = Max(fabs(s->least), fabs(s->greatest));
	int			exponent = 0;

	if (width == 0)
	{
		s->mean = s->least;
		s->sd = 0;
		return true;
	}
	if (largest < TOO_LARGE && width > TOO_SMALL)
		return false;
	/* of the width, lest what is narrow vanish beside what is far */
	(void) frexp(width <= DBL_MAX ? width : largest, &exponent);
	scaled_moments(v, n, stride, exponent, divisor, s);
	settle(s);
	return true;
}

/*
 * Mean, and standard deviation with a divisor, of n > 0 finite numbers.  They
 * are brought near 1 by a power of two, if they are so large or so small that
 * a square would overflow or vanish; a standard deviation beyond float8 is
 * infinite.
 */
void
ad_spread(const double *v, Size n, Size stride, double divisor, AdSpread *s)
{
	s->least = s->greatest = v[0];
	for (Size i = 1; i < n; i++)
	{
		double		x = v[i * stride];

		AD_CHECK_EVERY_1024(i);
		s->least = Min(s->least, x);
		s->greatest = Max(s->greatest, x);
	}
	s->whole = ad_all_whole(v, n, stride);
	if (odd_moments(v, n, stride, divisor, s))
		return;
	plain_moments(v, n, stride, divisor, s);
	settle(s);
}

/* The same of those values of a column that are not NaN, if there are any. */
static void
spread_present(const double *x, Size n, Size stride, double less,
			   AdSpread *s)
{
	double	   *v = ad_palloc_array(double, n);
	Size		found = 0;

	for (Size i = 0; i < n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		v[found] = x[i * stride];
		found += !isnan(v[found]);
	}
	if (found > 0)
		ad_spread(v, found, 1, Max((double) found - less, 1), s);
	pfree(v);
}

/*
 * The same of each column of a matrix of n > 0 rows, to the same bits.  The
 * divisor is less than the values of the column that are not NaN by 0 or 1.
 * A column without any is left out.
 */
void
ad_spread_columns(const double *x, Size n, int cols, double less,
				  AdSpread *s)
{
	Size		block = Max(BLOCK_VALUES / cols, 1);
	double	   *least = ad_palloc_array(double, cols);
	double	   *greatest = ad_palloc_array(double, cols);
	double	   *mean = ad_palloc_array(double, cols);
	double	   *sum = ad_palloc0_array(double, cols);
	double	   *squares = ad_palloc0_array(double, cols);

	memcpy(least, x, cols * sizeof(double));
	memcpy(greatest, x, cols * sizeof(double));
	for (int pass = 0; pass < 3; pass++)
	{
		for (int j = 0; pass == 2 && j < cols; j++)
		{
			mean[j] = x[j] + sum[j] / (double) n;
			sum[j] = squares[j] = 0;
		}
		for (Size i = 0; i < n; i += block)
		{
			Size		rows = Min(block, n - i);

			CHECK_FOR_INTERRUPTS();
			if (pass == 0)
				ad_column_ranges(x + i * cols, rows, cols, least, greatest);
			else
				ad_column_sums(x + i * cols, rows, cols, pass == 1 ? x : mean,
							   sum, squares);
		}
	}
	for (int j = 0; j < cols; j++)
	{
		if (isnan(mean[j]))
		{
			/* a value is NaN, or they are so large that sums are */
			spread_present(x + j, n, cols, less, &s[j]);
			continue;
		}
		s[j].least = least[j];
		s[j].greatest = greatest[j];
		s[j].whole = ad_all_whole(x + j, n, cols);
		if (odd_moments(x + j, n, cols, Max((double) n - less, 1), &s[j]))
			continue;
		s[j].mean = mean[j] + sum[j] / (double) n;
		squares[j] -= sum[j] * sum[j] / (double) n;
		s[j].sd = sqrt(Max(squares[j], 0) / Max((double) n - less, 1));
		settle(&s[j]);
	}
	pfree(least);
	pfree(greatest);
	pfree(mean);
	pfree(sum);
	pfree(squares);
}
