/*-------------------------------------------------------------------------
 *
 * elementary.c
 *		Logarithm, exponential, sine and cosine, bit-equal everywhere.
 *
 * The C library picks its own variants by processor (with and without
 * fused multiply-add), which may differ in the last bit.  Models are
 * stored and scores compared across machines, so what enters a stored
 * model or a score is computed here, from additions, multiplications and
 * divisions alone.  Errors are below 1 unit in the last place.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_core.h"

#define LN2_HI	6.93147180369123816490e-01
#define LN2_LO	1.90821492927058770002e-10

/*
 * ln(x) for finite x > 0; -Inf for 0, NaN below, +Inf for +Inf.
 *
 * x = 2^k (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)); with s = f / (2 + f),
 * ln(1 + f) = 2 atanh(s), a series in s^2 whose eleven terms leave less
 * than 1e-17 since s^2 < 0.0295.
 */
double
ad_log(double x)
{
	int			k;
	double		m,
				f,
				s,
				z,
				p,
				hfsq;

	if (isnan(x) || x < 0)
		return NAN;
	if (x == 0)
		return -INFINITY;
	if (isinf(x))
		return x;

	m = frexp(x, &k);			/* [0.5, 1) */
	if (m < 0.70710678118654752440)
	{
		m *= 2;
		k--;
	}
	f = m - 1.0;
	s = f / (2.0 + f);
	z = s * s;
	p = 2.0 / 23.0;
	for (int i = 21; i >= 3; i -= 2)
		p = p * z + 2.0 / i;
	/* ln(1+f) = f - hfsq + s (hfsq + z p), with little cancellation */
	hfsq = 0.5 * f * f;
	return k * LN2_HI - ((hfsq - (s * (hfsq + z * p) + k * LN2_LO)) - f);
}

/*
 * 2^x.  The fraction r in [-0.5, 0.5] goes through the Taylor series of
 * exp(r ln 2), thirteen terms leaving less than 1e-17, the rest is an
 * exponent.
 */
double
ad_exp2(double x)
{
	static const double inverse_factorial[] = {
		1.0, 1.0, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720,
		1.0 / 5040, 1.0 / 40320, 1.0 / 362880, 1.0 / 3628800,
		1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800.0
	};
	double		n,
				t,
				p;

	if (isnan(x))
		return x;
	if (x > 1100)
		return INFINITY;
	if (x < -1100)
		return 0;
	n = rint(x);
	t = (x - n) * 0.69314718055994530942;
	p = inverse_factorial[13];
	for (int i = 12; i >= 0; i--)
		p = p * t + inverse_factorial[i];
	return ldexp(p, (int) n);
}

/*
 * Sine and cosine of a turn (1.0 is a full circle).  The angle is brought
 * into an eighth of a turn around a multiple of a quarter, where nine terms
 * of either Taylor series leave less than 1e-17.
 */
void
ad_sincos_turn(double turn, double *s, double *c)
{
	double		quarter = rint(turn * 4.0);
	double		t = (turn - quarter / 4.0) * 6.28318530717958647693;
	double		z = t * t;
	double		sine = 1.0;
	double		cosine = 1.0;

	if (!isfinite(turn))
	{
		*s = *c = 0;
		return;
	}
	for (int i = 17; i >= 3; i -= 2)
		sine = 1.0 - sine * z / (i * (i - 1));
	for (int i = 16; i >= 2; i -= 2)
		cosine = 1.0 - cosine * z / (i * (i - 1));
	sine *= t;
	switch ((int) fmod(quarter, 4.0) & 3)
	{
		case 0:
			*s = sine;
			*c = cosine;
			break;
		case 1:
			*s = cosine;
			*c = -sine;
			break;
		case 2:
			*s = -sine;
			*c = -cosine;
			break;
		default:
			*s = -cosine;
			*c = sine;
			break;
	}
}
