/*-------------------------------------------------------------------------
 *
 * quantity.c
 *		Exact decimal quantities.
 *
 * A quantity is mantissa * 10^-scale with a 64-bit mantissa and no trailing
 * zeros after the point, so equal quantities have equal representations:
 * the first-in-first-out matching compares them.  Sums are kept in 128-bit
 * units of 10^-18 (64-bit units of 10^-4 where the compiler has no 128-bit
 * integers), which holds 1.7e20: no rounding, and overflow is an error.
 *
 *-------------------------------------------------------------------------
 */
#include "market/ad_event.h"

#include "common/shortest_dec.h"

const int64 ad_pow10_int[19] = {
	INT64CONST(1), INT64CONST(10), INT64CONST(100), INT64CONST(1000),
	INT64CONST(10000), INT64CONST(100000), INT64CONST(1000000),
	INT64CONST(10000000), INT64CONST(100000000), INT64CONST(1000000000),
	INT64CONST(10000000000), INT64CONST(100000000000),
	INT64CONST(1000000000000), INT64CONST(10000000000000),
	INT64CONST(100000000000000), INT64CONST(1000000000000000),
	INT64CONST(10000000000000000), INT64CONST(100000000000000000),
	INT64CONST(1000000000000000000)
};

const double ad_pow10_double[23] = {
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12,
	1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22
};

/* Say that a sum of quantities does not fit. */
void
ad_quantity_overflow(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("sum of quantities is out of range"),
			 errdetail("The sum of the quantities of a partition can be at most %s.",
					   ad_quantity_text(AD_QTY_MAX))));
}

/*
 * Bring mantissa * 10^exponent into normal form.  False if it is not a
 * positive quantity with at most AD_QTY_DECIMALS decimals that fits.
 */
bool
ad_quantity_from_digits(int64 mantissa, int exponent,
						int64 *qty, uint8 *scale)
{
	if (mantissa <= 0)
		return false;
	while (exponent < 0 && mantissa % 10 == 0)
	{
		mantissa /= 10;
		exponent++;
	}
	while (exponent > 0)
	{
		if (mantissa > PG_INT64_MAX / 10)
			return false;
		mantissa *= 10;
		exponent--;
	}
	if (exponent < -AD_QTY_DECIMALS)
		return false;
	*qty = mantissa;
	*scale = (uint8) -exponent;
#ifndef HAVE_INT128
	if (mantissa > AD_QTY_MAX / ad_pow10_int[AD_QTY_DECIMALS + exponent])
		return false;
#endif
	return true;
}

/*
 * Read a decimal such as 12.50 or 1e3, the whole string.  False as for
 * ad_quantity_from_digits(), and for text that is not a decimal.
 */
bool
ad_quantity_from_text(const char *s, int64 *qty, uint8 *scale)
{
	int64		mantissa = 0;
	int			exponent = 0;
	bool		point = false;
	bool		digits = false;

	if (*s == '+')
		s++;
	for (; *s; s++)
	{
		if (*s == '.' && !point)
			point = true;
		else if (*s >= '0' && *s <= '9')
		{
			int			d = *s - '0';

			digits = true;
			if (mantissa > (PG_INT64_MAX - d) / 10)
			{
				/* beyond 64 bits only zeros after the point may follow */
				if (d != 0 || !point)
					return false;
				continue;
			}
			mantissa = mantissa * 10 + d;
			if (point)
				exponent--;
		}
		else
			break;
	}
	if (!digits)
		return false;
	if (*s == 'e' || *s == 'E')
	{
		char	   *end;
		long		e = strtol(s + 1, &end, 10);

		if (end == s + 1 || e < -400 || e > 400)
			return false;
		exponent += (int) e;
		s = end;
	}
	if (*s != '\0')
		return false;
	return ad_quantity_from_digits(mantissa, exponent, qty, scale);
}

/*
 * Take the shortest decimal that reads back as the double, rounded to
 * AD_QTY_DECIMALS.  False as for ad_quantity_from_digits().
 */
bool
ad_quantity_from_double(double d, int64 *qty, uint8 *scale)
{
	char		buf[DOUBLE_SHORTEST_DECIMAL_LEN];

	if (!(d > 0) || isinf(d))
		return false;
	if (d < 9007199254740992.0 && d == floor(d))
	{
		*qty = (int64) d;
		*scale = 0;
		return true;
	}
	double_to_shortest_decimal_buf(d, buf);
	if (ad_quantity_from_text(buf, qty, scale))
		return true;

	/* more decimals than are kept: round */
	if (d < 1.0)
	{
		double		units = rint(d * (double) ad_pow10_int[AD_QTY_DECIMALS]);

		return ad_quantity_from_digits((int64) units, -AD_QTY_DECIMALS,
									   qty, scale);
	}
	return false;
}

/* True if the units are a whole number that fits 64 bits. */
bool
ad_quantity_is_int64(AdQuantity units, int64 *value)
{
	AdQuantity	one = (AdQuantity) ad_pow10_int[AD_QTY_DECIMALS];

	if (units % one != 0 || units / one > (AdQuantity) PG_INT64_MAX)
		return false;
	*value = (int64) (units / one);
	return true;
}

/* Units as decimal text without trailing zeros, palloc'd.  units >= 0. */
char *
ad_quantity_text(AdQuantity units)
{
	char		buf[64];
	char	   *p = buf + sizeof(buf);
	int			decimals = AD_QTY_DECIMALS;

	*--p = '\0';
	while (decimals > 0 && units % 10 == 0)
	{
		units /= 10;
		decimals--;
	}
	for (int i = 0; i < decimals; i++)
	{
		*--p = (char) ('0' + (int) (units % 10));
		units /= 10;
	}
	if (decimals > 0)
		*--p = '.';
	do
	{
		*--p = (char) ('0' + (int) (units % 10));
		units /= 10;
	} while (units > 0);
	return pstrdup(p);
}

/* Units as a double. */
double
ad_quantity_double(AdQuantity units)
{
	return (double) units / ad_pow10_double[AD_QTY_DECIMALS];
}
