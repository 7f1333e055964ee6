/*-------------------------------------------------------------------------
 *
 * chi_square.c
 *		The upper tail of the chi-square distribution.
 *
 * With k degrees of freedom it is the regularised upper incomplete gamma
 * function Q(k / 2, x / 2), which for whole k is a finite sum of positive
 * terms: Q(a + 1, y) = Q(a, y) + y^a e^-y / Gamma(a + 1), from Q(1, y) = e^-y
 * or Q(1/2, y) = erfc(sqrt(y)) on.
 *
 *-------------------------------------------------------------------------
 */
#include "math/ad_math.h"

/*
 * Return the probability of more than x, for x >= 0 and a whole number of
 * degrees of freedom of at least 1.  O(degrees).
 */
double
ad_chi_square_tail(double x, int degrees)
{
	double		y = x / 2;
	double		a = degrees % 2 == 0 ? 1 : 0.5;
	double		tail;
	double		term;			/* logarithm of y^a e^-y / Gamma(a + 1) */

	if (!(y > 0))
		return 1;
	tail = degrees % 2 == 0 ? exp(-y) : erfc(sqrt(y));
	term = a * log(y) - y - (degrees % 2 == 0 ? 0 : log(sqrt(M_PI) / 2));
	for (; a < degrees / 2.0 - 0.25; a++)
	{
		tail += exp(term);
		term += log(y) - log(a + 1);
	}
	return Min(tail, 1);
}
