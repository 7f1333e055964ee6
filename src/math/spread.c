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
#include "math/ad_spread.h"

#include <float.h>

#define MAX_WHOLE	9007199254740992.0	/* 2^53 */
#define TOO_LARGE	1e145		/* squares and sums may overflow */
#define TOO_SMALL	1e-145		/* squares may vanish */

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
 * Mean, and standard deviation with a divisor, of n > 0 finite numbers.  They
 * are brought near 1 by a power of two, if they are so large or so small that
 * a square would overflow or vanish; a standard deviation beyond float8 is
 * infinite.
 */
void
ad_spread(const double *v, Size n, Size stride, double divisor, AdSpread *s)
{
	double		width;
	double		largest;

	s->least = s->greatest = v[0];
	for (Size i = 1; i < n; i++)
	{
		double		x = v[i * stride];

		AD_CHECK_EVERY_1024(i);
		s->least = Min(s->least, x);
		s->greatest = Max(s->greatest, x);
	}
	largest = Max(fabs(s->least), fabs(s->greatest));
	width = s->greatest - s->least;
	s->whole = ad_all_whole(v, n, stride);
	if (width == 0)
	{
		s->mean = s->least;
		s->sd = 0;
		return;
	}
	if (largest < TOO_LARGE && width > TOO_SMALL)
		plain_moments(v, n, stride, divisor, s);
	else
	{
		int			exponent = 0;

		/* of the width, lest what is narrow vanish beside what is far */
		(void) frexp(width <= DBL_MAX ? width : largest, &exponent);
		scaled_moments(v, n, stride, exponent, divisor, s);
	}
	/* rounding must not put the mean outside */
	s->mean = Max(s->least, Min(s->mean, s->greatest));
	if (ad_width(s->least, s->greatest, s->whole) == 0)
		s->sd = 0;
}
