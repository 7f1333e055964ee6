/*-------------------------------------------------------------------------
 *
 * distinct.c
 *		How many distinct values there are, about, in 16 kB.
 *
 * HyperLogLog (Flajolet, Fusy, Gandouet & Meunier 2007) of 2^14 registers,
 * with the estimator of Ertl 2017, "New cardinality estimation algorithms for
 * HyperLogLog sketches" (arXiv:1702.01284), which has no bias to be corrected
 * from tables.  Its relative error is .8 %, and less of few values.
 *
 * Values come as hashes of 64 bits with a seed that is always the same, so an
 * estimate depends on the values alone.
 *
 *-------------------------------------------------------------------------
 */
#include "sketch/ad_distinct.h"

#define REST_BITS	(64 - AD_DISTINCT_BITS)

/* The sum of x^(2^k) 2^(k - 1) for all k >= 0, and x. */
static double
sigma(double x)
{
	double		y = 1;
	double		z = x;
	double		before;

	if (x == 1)
		return INFINITY;
	do
	{
		x *= x;
		before = z;
		z += x * y;
		y += y;
	} while (z != before);
	return z;
}

/* A third of 1 - x less the sum of (1 - x^(2^-k))^2 2^-k for all k > 0. */
static double
tau(double x)
{
	double		y = 1;
	double		z = 1 - x;
	double		before;

	if (x == 0 || x == 1)
		return 0;
	do
	{
		x = sqrt(x);
		before = z;
		y *= 0.5;
		z -= (1 - x) * (1 - x) * y;
	} while (z != before);
	return z / 3;
}

/* How many distinct values were added, about. */
double
ad_distinct_estimate(const AdDistinct *d)
{
	const double m = AD_DISTINCT_REGISTERS;
	uint32		count[REST_BITS + 2] = {0};
	double		z;

	for (int i = 0; i < AD_DISTINCT_REGISTERS; i++)
		count[d->rank[i]]++;
	z = m * tau(1 - count[REST_BITS + 1] / m);
	for (int k = REST_BITS; k >= 1; k--)
		z = 0.5 * (z + count[k]);
	z += m * sigma(count[0] / m);
	return m / (2 * log(2.0)) * m / z;
}
