/*-------------------------------------------------------------------------
 *
 * beta.c
 *		Beta distributions, for bounds on shares, and Student's t with them.
 *
 * With them go Clopper and Pearson's bounds: of x successes in n trials the
 * share is with probability 1 - a above the quantile a of Beta(x, n - x + 1),
 * and below the quantile 1 - a of Beta(x + 1, n - x).  The distribution
 * function is the continued fraction of Numerical Recipes (6.4), which is
 * halved on; where both parameters are large a normal distribution is as good.
 *
 *-------------------------------------------------------------------------
 */
#include "math/ad_math.h"

#include <float.h>

#define LARGE		1e4			/* parameters from which it is normal */
#define MAX_STEPS	100000

/* The continued fraction of the incomplete beta function. */
static double
fraction(double a, double b, double x)
{
	double		c = 1;
	double		d = 1 - (a + b) * x / (a + 1);
	double		h;

	d = 1 / (fabs(d) < DBL_MIN ? DBL_MIN : d);
	h = d;
	for (int m = 1; m <= MAX_STEPS; m++)
	{
		double		even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
		double		odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
		double		change;

		d = 1 + even * d;
		c = 1 + even / c;
		d = 1 / (fabs(d) < DBL_MIN ? DBL_MIN : d);
		c = fabs(c) < DBL_MIN ? DBL_MIN : c;
		h *= d * c;
		d = 1 + odd * d;
		c = 1 + odd / c;
		d = 1 / (fabs(d) < DBL_MIN ? DBL_MIN : d);
		c = fabs(c) < DBL_MIN ? DBL_MIN : c;
		change = d * c;
		h *= change;
		if (fabs(change - 1) < 1e-14)
			break;
	}
	return h;
}

/* The distribution function of Beta(a, b) at x, 0 < x < 1. */
double
ad_beta_distribution(double a, double b, double x)
{
	double		front;

	if (a > LARGE && b > LARGE)
	{
		double		mean = a / (a + b);
		double		sd = sqrt(mean * (1 - mean) / (a + b + 1));

		return 0.5 * erfc((mean - x) / (sd * M_SQRT2));
	}
	front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) +
				b * log1p(-x));
	return x < (a + 1) / (a + b + 2) ? front * fraction(a, b, x) / a :
		1 - front * fraction(b, a, 1 - x) / b;
}

/*
 * The quantile p, 0 to 1, of Beta(a, b), a and b greater than 0 and finite.
 */
double
ad_beta_quantile(double p, double a, double b)
{
	double		low = 0;
	double		high = 1;

	for (int i = 0; i < 100 && high - low > 1e-12 * high; i++)
	{
		double		x = (low + high) / 2;

		if (ad_beta_distribution(a, b, x) < p)
			low = x;
		else
			high = x;
	}
	return (low + high) / 2;
}

/*
 * The chance that Student's t with so many degrees of freedom, at least 1, is
 * as far from 0 as t or farther; t may be infinite.
 */
double
ad_student_beyond(double t, double degrees)
{
	double		square = t * t;

	if (!(square > 0 && isfinite(square)))
		return square == 0 ? 1 : 0;
	/* of two shares that are 1 together, the one whose x is exact */
	if (square < degrees)
		return 1 - ad_beta_distribution(0.5, degrees / 2, square / (degrees + square));
	return ad_beta_distribution(degrees / 2, 0.5, degrees / (degrees + square));
}

/* What |t| exceeds with a chance, between 0 and 1: the inverse of that. */
double
ad_student_limit(double chance, double degrees)
{
	double		x = ad_beta_quantile(chance, degrees / 2, 0.5);

	return sqrt(degrees * (1 - x) / x);
}
