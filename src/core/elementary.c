/*-------------------------------------------------------------------------
 *
 * elementary.c
 *		Logarithm, exponential, sine, cosine, normal quantile and error function,
 *		bit-equal everywhere.
 *
 * The C library picks its own variants by processor (with and without
 * fused multiply-add), which may differ in the last bit.  Models are
 * stored and scores compared across machines, so what enters a stored
 * model or a score is computed here, from additions, multiplications and
 * divisions alone.  Errors are below 1 unit in the last place.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_elementary.h"

#include <float.h>

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
	/* from the last term to the first, so that none is divided out here */
	static const double atanh_series[] = {
		2.0 / 23, 2.0 / 21, 2.0 / 19, 2.0 / 17, 2.0 / 15, 2.0 / 13,
		2.0 / 11, 2.0 / 9, 2.0 / 7, 2.0 / 5, 2.0 / 3
	};
	const uint64 mantissa_mask = UINT64CONST(0x000fffffffffffff);
	const uint64 half_root = UINT64CONST(0x0006a09e667f3bcd);	/* of sqrt(1/2) */
	uint64		bits;
	uint64		below;
	int			k = -1022;
	double		m,
				f,
				s,
				z,
				p,
				hfsq;

	if (unlikely(!(x >= DBL_MIN && x <= DBL_MAX)))
	{
		if (isnan(x) || x < 0)
			return NAN;
		if (x == 0)
			return -INFINITY;
		if (isinf(x))
			return x;
		x *= 18014398509481984.0;	/* 2^54, exact: x is subnormal */
		k -= 54;
	}

	/*
	 * The two halves of the range are told apart without a branch: on random
	 * x the processor would guess wrong every other time.
	 */
	memcpy(&bits, &x, sizeof(bits));
	below = (bits & mantissa_mask) < half_root;
	k += (int) (bits >> 52) - (int) below;
	bits = (bits & mantissa_mask) | ((1022 + below) << 52);
	memcpy(&m, &bits, sizeof(m));
	f = m - 1.0;
	s = f / (2.0 + f);
	z = s * s;
	p = atanh_series[0];
	for (int i = 1; i < (int) lengthof(atanh_series); i++)
		p = p * z + atanh_series[i];
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
	const double to_whole = 6755399441055744.0; /* 1.5 * 2^52 */
	double		n,
				t,
				p,
				power;
	uint64		bits;

	if (isnan(x))
		return x;
	if (x > 1100)
		return INFINITY;
	if (x < -1100)
		return 0;
	/* the nearest whole number: nothing smaller is left of the sum */
	n = (x + to_whole) - to_whole;
	t = (x - n) * 0.69314718055994530942;
	p = inverse_factorial[13];
	for (int i = 12; i >= 0; i--)
		p = p * t + inverse_factorial[i];

	/* beyond these the power is no normal number, or the result may be none */
	if (unlikely(n < -1020 || n > 1022))
		return ldexp(p, (int) n);
	bits = (uint64) (1023 + (int) n) << 52;
	memcpy(&power, &bits, sizeof(power));
	return p * power;
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

/* A polynomial of degree 7, lowest coefficient first. */
static inline double
polynomial7(const double *c, double x)
{
	double		p = c[7];

	for (int i = 6; i >= 0; i--)
		p = p * x + c[i];
	return p;
}

/*
 * The standard normal quantile of p in (0, 1); -Inf at 0, Inf at 1, NaN
 * outside.  Wichura's AS 241 (1988), whose three rational functions leave a
 * relative error of about 1e-16.
 */
double
ad_normal_quantile(double p)
{
	static const double a[] = {
		3.3871328727963666080e0, 1.3314166789178437745e+2,
		1.9715909503065514427e+3, 1.3731693765509461125e+4,
		4.5921953931549871457e+4, 6.7265770927008700853e+4,
		3.3430575583588128105e+4, 2.5090809287301226727e+3
	};
	static const double b[] = {
		1.0, 4.2313330701600911252e+1,
		6.8718700749205790830e+2, 5.3941960214247511077e+3,
		2.1213794301586595867e+4, 3.9307895800092710610e+4,
		2.8729085735721942674e+4, 5.2264952788528545610e+3
	};
	static const double c[] = {
		1.42343711074968357734e0, 4.63033784615654529590e0,
		5.76949722146069140550e0, 3.64784832476320460504e0,
		1.27045825245236838258e0, 2.41780725177450611770e-1,
		2.27238449892691845833e-2, 7.74545014278341407640e-4
	};
	static const double d[] = {
		1.0, 2.05319162663775882187e0,
		1.67638483018380384940e0, 6.89767334985100004550e-1,
		1.48103976427480074590e-1, 1.51986665636164571966e-2,
		5.47593808499534494600e-4, 1.05075007164441684324e-9
	};
	static const double e[] = {
		6.65790464350110377720e0, 5.46378491116411436990e0,
		1.78482653991729133580e0, 2.96560571828504891230e-1,
		2.65321895265761230930e-2, 1.24266094738807843860e-3,
		2.71155556874348757815e-5, 2.01033439929228813265e-7
	};
	static const double f[] = {
		1.0, 5.99832206555887937690e-1,
		1.36929880922735805310e-1, 1.48753612908506148525e-2,
		7.86869131145613259100e-4, 1.84631831751005468180e-5,
		1.42151175831644588870e-7, 2.04426310338993978564e-15
	};
	double		q = p - 0.5;
	double		r;

	if (fabs(q) <= 0.425)
	{
		r = 0.180625 - q * q;
		return q * polynomial7(a, r) / polynomial7(b, r);
	}
	if (!(p >= 0 && p <= 1))
		return NAN;
	if (p == 0 || p == 1)
		return p == 0 ? -INFINITY : INFINITY;
	r = sqrt(-ad_log(Min(p, 1 - p)));
	if (r <= 5)
		r = polynomial7(c, r - 1.6) / polynomial7(d, r - 1.6);
	else
		r = polynomial7(e, r - 5) / polynomial7(f, r - 5);
	return q < 0 ? -r : r;
}

/* A ratio of polynomials, highest coefficient first. */
static inline double
ratio(const double *p, const double *q, int n, double x)
{
	double		a = p[0];
	double		b = q[0];

	for (int i = 1; i < n; i++)
	{
		a = a * x + p[i];
		b = b * x + q[i];
	}
	return a / b;
}

/*
 * The error function.  Cody's rational approximations (1969) on the three
 * ranges of |x|: below 15/32, below 4, and above.
 */
double
ad_erf(double x)
{
	static const double a[] = {
		1.85777706184603153e-1, 3.16112374387056560e0,
		1.13864154151050156e2, 3.77485237685302021e2,
		3.20937758913846947e3
	};
	static const double b[] = {
		1.0, 2.36012909523441209e1, 2.44024637934444173e2,
		1.28261652607737228e3, 2.84423683343917062e3
	};
	static const double c[] = {
		2.15311535474403846e-8, 5.64188496988670089e-1,
		8.88314979438837594e0, 6.61191906371416295e1,
		2.98635138197400131e2, 8.81952221241769090e2,
		1.71204761263407058e3, 2.05107837782607147e3,
		1.23033935479799725e3
	};
	static const double d[] = {
		1.0, 1.57449261107098347e1, 1.17693950891312499e2,
		5.37181101862009858e2, 1.62138957456669019e3,
		3.29079923573345963e3, 4.36261909014324716e3,
		3.43936767414372164e3, 1.23033935480374942e3
	};
	static const double e[] = {
		1.63153871373020978e-2, 3.05326634961232344e-1,
		3.60344899949804439e-1, 1.25781726111229246e-1,
		1.60837851487422766e-2, 6.58749161529837803e-4
	};
	static const double f[] = {
		1.0, 2.56852019228982242e0, 1.87295284992346047e0,
		5.27905102951428412e-1, 6.05183413124413191e-2,
		2.33520497626869185e-3
	};
	double		y = fabs(x);
	double		rest;

	if (isnan(x))
		return x;
	if (y <= 0.46875)
		return x * ratio(a, b, lengthof(a), y * y);
	if (y > 6)
		return x < 0 ? -1 : 1;
	if (y <= 4)
		rest = ratio(c, d, lengthof(c), y);
	else
	{
		double		z = 1 / (y * y);

		rest = (5.6418958354775628695e-1 -
				z * ratio(e, f, lengthof(e), z)) / y;
	}
	rest = 1 - rest * ad_exp2(-y * y * 1.44269504088896340736);
	return x < 0 ? -rest : rest;
}
