/*-------------------------------------------------------------------------
 *
 * json_time.c
 *		Dates and times in JSON strings, which are in ISO 8601.
 *
 * The server's own readers ask settings (DateStyle, TimeZone, abbreviations),
 * know words such as "now", and read what may be meant in two ways.  A score is
 * IMMUTABLE, so what is read here is what to_jsonb() and drivers write, and
 * means one thing.  A time without a zone is in UTC, as a timestamp without
 * time zone is to a model.
 *
 *-------------------------------------------------------------------------
 */
#include "rows/ad_args.h"

#include <ctype.h>

#include "common/int.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

/* What is left to read. */
typedef struct Text
{
	const char *s;
	const char *end;
} Text;

/* Read a number of min to max digits. */
static bool
digits(Text *t, int min, int max, int *value)
{
	int			n = 0;

	*value = 0;
	for (; n < max && t->s < t->end && isdigit((unsigned char) *t->s); n++)
		*value = *value * 10 + (*t->s++ - '0');
	return n >= min;
}

/* Pass over a text if it comes next. */
static bool
pass(Text *t, const char *word)
{
	Size		len = strlen(word);

	if ((Size) (t->end - t->s) < len || pg_strncasecmp(t->s, word, len) != 0)
		return false;
	t->s += len;
	return true;
}

/* Read a fraction of a second, if there is one, in microseconds. */
static bool
fraction(Text *t, int64 *usec)
{
	char		buf[32] = "0.";
	int			n = 2;

	if (!pass(t, "."))
		return true;
	for (; t->s < t->end && isdigit((unsigned char) *t->s); t->s++)
		if (n < (int) sizeof(buf) - 1)
			buf[n++] = *t->s;
	*usec += (int64) rint(strtod(buf, NULL) * USECS_PER_SEC);
	return n > 2;
}

/* Read HH:MM[:SS[.fraction]], at most 24:00:00, in microseconds. */
static bool
clock_time(Text *t, int64 *usec)
{
	int			hour;
	int			minute;
	int			second = 0;

	*usec = 0;
	if (!digits(t, 2, 2, &hour) || !pass(t, ":") || !digits(t, 2, 2, &minute))
		return false;
	if (pass(t, ":") &&
		(!digits(t, 2, 2, &second) || !fraction(t, usec)))
		return false;
	if (minute >= MINS_PER_HOUR || second > SECS_PER_MINUTE)
		return false;
	*usec += ((hour * (int64) MINS_PER_HOUR + minute) * SECS_PER_MINUTE +
			  second) * USECS_PER_SEC;
	return *usec <= USECS_PER_DAY;
}

/* Read a zone, if there is one: Z or ±HH[[:]MM[:SS]], in seconds. */
static bool
zone(Text *t, int *seconds)
{
	int			sign;
	int			hour;
	int			minute = 0;
	int			second = 0;

	*seconds = 0;
	if (pass(t, "Z"))
		return true;
	if (t->s == t->end || (*t->s != '+' && *t->s != '-'))
		return true;
	sign = *t->s++ == '-' ? -1 : 1;
	if (!digits(t, 2, 2, &hour) || hour > MAX_TZDISP_HOUR)
		return false;
	if (pass(t, ":") ? !digits(t, 2, 2, &minute) :
		!digits(t, 0, 2, &minute))
		return false;
	if (pass(t, ":") && !digits(t, 2, 2, &second))
		return false;
	if (minute >= MINS_PER_HOUR || second >= SECS_PER_MINUTE)
		return false;
	*seconds = sign * ((hour * MINS_PER_HOUR + minute) * SECS_PER_MINUTE +
					   second);
	return true;
}

/* Read YYYY-MM-DD. */
static bool
calendar_date(Text *t, int *year, int *month, int *day)
{
	return digits(t, 4, 7, year) && pass(t, "-") &&
		digits(t, 2, 2, month) && pass(t, "-") &&
		digits(t, 2, 2, day);
}

/* The day of a date, since 2000; false: there is none. */
static bool
day_of(int year, int month, int day, bool bc, int *result)
{
	if (year < 1)
		return false;
	if (bc)
		year = 1 - year;
	if (month < 1 || month > MONTHS_PER_YEAR || day < 1 ||
		day > day_tab[isleap(year)][month - 1] ||
		!IS_VALID_JULIAN(year, month, day))
		return false;
	*result = date2j(year, month, day) - POSTGRES_EPOCH_JDATE;
	return true;
}

/*
 * Read a date, or a date and a time, as to_jsonb() writes them: a DateADT or a
 * Timestamp in UTC.  Returns false if it is neither.
 */
bool
ad_iso_timestamp(const char *s, int len, bool *is_date, Datum *value)
{
	Text		t = {s, s + len};
	int			year;
	int			month;
	int			day;
	int			offset = 0;
	int64		usec = 0;
	Timestamp	result;
	bool		bc;

	*is_date = false;
	if (pass(&t, "infinity") || pass(&t, "-infinity"))
	{
		TIMESTAMP_NOEND(result);
		if (*s == '-')
			TIMESTAMP_NOBEGIN(result);
		*value = TimestampGetDatum(result);
		return t.s == t.end;
	}
	if (!calendar_date(&t, &year, &month, &day))
		return false;
	*is_date = !(pass(&t, "T") ||
				 (t.end - t.s > 1 && isdigit((unsigned char) t.s[1]) &&
				  pass(&t, " ")));
	if (!*is_date && (!clock_time(&t, &usec) || !zone(&t, &offset)))
		return false;
	bc = pass(&t, " BC");
	if (t.s != t.end || !day_of(year, month, day, bc, &day))
		return false;
	*value = DateADTGetDatum(day);
	if (*is_date)
		return IS_VALID_DATE(day);
	if (pg_mul_s64_overflow(day, USECS_PER_DAY, &result) ||
		pg_add_s64_overflow(result, usec - offset * USECS_PER_SEC, &result) ||
		!IS_VALID_TIMESTAMP(result))
		return false;
	*value = TimestampGetDatum(result);
	return true;
}

/* Read a time of day: a TimeADT.  Returns false if it is none. */
bool
ad_iso_time(const char *s, int len, Datum *value)
{
	Text		t = {s, s + len};
	int64		usec;

	if (!clock_time(&t, &usec) || t.s != t.end)
		return false;
	*value = TimeADTGetDatum(usec);
	return true;
}
