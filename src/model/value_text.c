/*-------------------------------------------------------------------------
 *
 * value_text.c
 *		Values of features as text, for people.
 *
 * Nothing depends on a session's settings: timestamps are in ISO form and in
 * the model's time zone, numbers have a point and commas, money has two
 * decimals.
 *
 *-------------------------------------------------------------------------
 */
#include "model/ad_value_text.h"

#include "datatype/timestamp.h"
#include "utils/float.h"

/* Return what a feature's values are. */
AdValueKind
ad_value_kind(AdClass class, const char *type)
{
	switch (class)
	{
		case AD_CLASS_CATEGORY:
			return AD_VALUE_CATEGORY;
		case AD_CLASS_TIME:
			return AD_VALUE_TIME;
		case AD_CLASS_INTERVAL:
			return AD_VALUE_INTERVAL;
		case AD_CLASS_TIMESTAMP:
			if (strcmp(type, "date") == 0)
				return AD_VALUE_DATE;
			if (strcmp(type, "timestamp with time zone") == 0)
				return AD_VALUE_TIMESTAMPTZ;
			return AD_VALUE_TIMESTAMP;
		default:
			if (strcmp(type, "money") == 0)
				return AD_VALUE_MONEY;
			if (strcmp(type, "boolean") == 0)
				return AD_VALUE_BOOLEAN;
			return AD_VALUE_NUMBER;
	}
}

const double ad_powers_of_ten[AD_VALUE_DECIMALS + 1] = {
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13,
	1e14, 1e15
};

/*
 * Append a whole number below 1e18 with a point before that many of its digits,
 * and commas between thousands.  This is done for every value shown: digits go
 * where they belong, from the last one on.
 */
static void
append_digits(StringInfo buf, bool negative, double number, int decimals)
{
	uint64		whole = (uint64) number;
	double		limit = ad_powers_of_ten[decimals] * 10;
	int			thousands;
	int			len = 1;
	char	   *p;

	for (; number >= limit; limit *= 10)
		len++;
	thousands = (len - 1) / 3;
	len += thousands + negative + (decimals > 0 ? decimals + 1 : 0);
	enlargeStringInfo(buf, len);
	p = buf->data + buf->len + len;
	buf->len += len;
	*p = '\0';
	for (int i = decimals; i > 1; i -= 2, whole /= 100)
	{
		uint64		pair = whole % 100;

		*--p = (char) ('0' + pair % 10);
		*--p = (char) ('0' + pair / 10);
	}
	if (decimals % 2 == 1)
	{
		*--p = (char) ('0' + whole % 10);
		whole /= 10;
	}
	if (decimals > 0)
		*--p = '.';
	for (; thousands > 0; thousands--)
	{
		for (int i = 0; i < 3; i++, whole /= 10)
			*--p = (char) ('0' + whole % 10);
		*--p = ',';
	}
	do
	{
		*--p = (char) ('0' + whole % 10);
		whole /= 10;
	} while (whole > 0);
	if (negative)
		*--p = '-';
}

/*
 * Append a number with that many decimals (at most 15) and commas between
 * thousands; if it is large, in powers of ten with AD_VALUE_DIGITS digits, or
 * with -decimals of them if that is negative.
 */
static void
append_number(StringInfo buf, double v, int decimals)
{
	double		scaled;

	if (isinf(v))
	{
		appendStringInfoString(buf, v > 0 ? "infinity" : "-infinity");
		return;
	}
	scaled = decimals < 0 ? INFINITY :
		rint(fabs(v) * ad_powers_of_ten[decimals]);
	/* what is not 0 is not to be read as 0, which has no sign */
	if (scaled == 0 && v != 0)
		appendStringInfo(buf, "%.3g", v);
	else if (!(scaled < 1e18) || fabs(v) >= AD_VALUE_LARGE)
		appendStringInfo(buf, "%.*g", decimals < 0 ? -decimals :
						 fabs(v) >= AD_VALUE_LARGE ? AD_VALUE_DIGITS :
						 AD_VALUE_MAX_DIGITS, v + 0.0);
	/* what rounds to zero has no sign */
	else
		append_digits(buf, v < 0 && scaled > 0, scaled, decimals);
}

/* Append the decimals of a second, without trailing zeros. */
static void
append_microseconds(StringInfo buf, int microseconds)
{
	char		digits[16];
	int			n = 6;

	if (microseconds == 0)
		return;
	snprintf(digits, sizeof(digits), "%06d", microseconds);
	while (digits[n - 1] == '0')
		n--;
	appendStringInfoChar(buf, '.');
	appendBinaryStringInfo(buf, digits, n);
}

/* Append seconds that are no moment, or too far from all others. */
static void
append_seconds(StringInfo buf, double v)
{
	append_number(buf, v, -AD_VALUE_DIGITS);
	if (isfinite(v))
		appendStringInfoString(buf, " s");
}

/*
 * Append seconds since 1970 as a date, with the time of day if wanted, in a
 * zone; NULL: UTC.
 */
static void
append_moment(StringInfo buf, double v, AdValueKind kind, pg_tz *zone,
			  bool weekday)
{
	static const char *const days[] = {
		"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"
	};
	pg_time_t	t;
	int			microseconds;
	struct pg_tm *tm;

	/* beyond what SQL's timestamps reach, or no number at all */
	if (!(fabs(v) < 1e13))
	{
		append_seconds(buf, v);
		return;
	}
	t = (pg_time_t) floor(v);
	microseconds = (int) rint((v - floor(v)) * USECS_PER_SEC);
	if (microseconds == USECS_PER_SEC)
	{
		t++;
		microseconds = 0;
	}
	tm = kind == AD_VALUE_TIMESTAMPTZ && zone ?
		pg_localtime(&t, zone) : pg_gmtime(&t);
	if (tm == NULL)
	{
		append_seconds(buf, v);
		return;
	}
	if (weekday)
		appendStringInfo(buf, "%s ", days[tm->tm_wday]);
	appendStringInfo(buf, "%04d-%02d-%02d",
					 tm->tm_year + 1900 > 0 ? tm->tm_year + 1900 :
					 1 - (tm->tm_year + 1900),
					 tm->tm_mon + 1, tm->tm_mday);
	if (kind != AD_VALUE_DATE)
	{
		appendStringInfo(buf, " %02d:%02d:%02d",
						 tm->tm_hour, tm->tm_min, tm->tm_sec);
		append_microseconds(buf, microseconds);
	}
	if (kind == AD_VALUE_TIMESTAMPTZ)
	{
		int			minutes = (int) (labs(tm->tm_gmtoff) / SECS_PER_MINUTE);
		int			seconds = (int) (labs(tm->tm_gmtoff) % SECS_PER_MINUTE);

		appendStringInfo(buf, "%c%02d", tm->tm_gmtoff < 0 ? '-' : '+',
						 minutes / MINS_PER_HOUR);
		if (minutes % MINS_PER_HOUR != 0 || seconds != 0)
			appendStringInfo(buf, ":%02d", minutes % MINS_PER_HOUR);
		/* local mean time, before there were zones */
		if (seconds != 0)
			appendStringInfo(buf, ":%02d", seconds);
	}
	if (tm->tm_year + 1900 <= 0)
		appendStringInfoString(buf, " BC");
}

/* Append seconds as a time of day, or as days and a time. */
static void
append_span(StringInfo buf, double v, bool interval)
{
	double		days = 0;
	int64		us;

	if (!(fabs(v) < 1e11))
	{
		append_seconds(buf, v);
		return;
	}
	if (v < 0)
		appendStringInfoChar(buf, '-');
	us = (int64) rint(fabs(v) * USECS_PER_SEC);
	if (interval)
	{
		days = (double) (us / USECS_PER_DAY);
		us %= USECS_PER_DAY;
		if (days > 0)
		{
			append_number(buf, days, 0);
			appendStringInfoString(buf, days == 1 ? " day" : " days");
			if (us == 0)
				return;
			appendStringInfoChar(buf, ' ');
		}
	}
	appendStringInfo(buf, "%02d:%02d:%02d", (int) (us / USECS_PER_HOUR),
					 (int) (us / USECS_PER_MINUTE % MINS_PER_HOUR),
					 (int) (us / USECS_PER_SEC % SECS_PER_MINUTE));
	append_microseconds(buf, (int) (us % USECS_PER_SEC));
}

/*
 * Append a number of a kind; moments in a zone (NULL: UTC), after their weekday
 * if wanted.
 */
void
ad_value_write(StringInfo buf, AdValueKind kind, double v, int decimals,
			   pg_tz *zone, bool weekday)
{
	switch (kind)
	{
		case AD_VALUE_MONEY:
			append_number(buf, v / 100, decimals);
			break;
		case AD_VALUE_BOOLEAN:
			appendStringInfoString(buf, v != 0 ? "true" : "false");
			break;
		case AD_VALUE_DATE:
		case AD_VALUE_TIMESTAMP:
		case AD_VALUE_TIMESTAMPTZ:
			append_moment(buf, v, kind, zone, weekday);
			break;
		case AD_VALUE_TIME:
		case AD_VALUE_INTERVAL:
			append_span(buf, v, kind == AD_VALUE_INTERVAL);
			break;
		default:
			append_number(buf, v, decimals);
			break;
	}
}

/* Append seconds as an interval that reads back: each part has the sign. */
static void
append_interval(StringInfo buf, double v)
{
	int64		us;

	if (!(fabs(v) < 1e11))
	{
		append_seconds(buf, v);
		return;
	}
	us = (int64) rint(v * USECS_PER_SEC);
	if (us / USECS_PER_DAY != 0)
		appendStringInfo(buf, INT64_FORMAT " days%s", us / USECS_PER_DAY,
						 us % USECS_PER_DAY != 0 ? " " : "");
	if (us / USECS_PER_DAY == 0 || us % USECS_PER_DAY != 0)
		append_span(buf, (double) (us % USECS_PER_DAY) / USECS_PER_SEC, false);
}

/*
 * Append a number of a feature as a text that reads back in the feature's own
 * type: no commas, no weekday, and of a number all its digits.
 */
void
ad_value_literal(StringInfo buf, const AdModel *m, int feature, double v)
{
	AdValueKind kind = ad_value_kind(m->features[feature].class,
									 m->features[feature].type);

	switch (kind)
	{
		case AD_VALUE_DATE:
		case AD_VALUE_TIMESTAMP:
		case AD_VALUE_TIMESTAMPTZ:
			if (isinf(v))
				appendStringInfoString(buf, v > 0 ? "infinity" : "-infinity");
			else
				append_moment(buf, v, kind, m->timezone, false);
			break;
		case AD_VALUE_TIME:
			append_span(buf, v, false);
			break;
		case AD_VALUE_INTERVAL:
			append_interval(buf, v);
			break;
		case AD_VALUE_BOOLEAN:
			/* a median may lie between the two */
			appendStringInfoString(buf, v > 0.5 ? "true" : "false");
			break;
		case AD_VALUE_MONEY:
			appendStringInfo(buf, "%.2f", v / 100);
			break;
		default:
			/* a whole number reads back as one of any type */
			if (v == rint(v) && fabs(v) < 1e18)
				appendStringInfo(buf, "%.0f", v);
			else
				appendStringInfoString(buf, float8out_internal(v));
			break;
	}
}

/* Append a number of a feature of a kind, in the model's own units. */
void
ad_value_append(StringInfo buf, const AdModel *m, int feature,
				AdValueKind kind, double v, int decimals)
{
	ad_value_write(buf, kind, v, decimals, m->timezone,
				   m->features[feature].encoding == AD_ENC_CALENDAR);
}
