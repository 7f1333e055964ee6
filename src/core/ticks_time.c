/*-------------------------------------------------------------------------
 *
 * ticks_time.c
 *		Round times on an axis.
 *
 * Times are microseconds since 2000-01-01.  Steps are those of the clock and
 * of the calendar as a time zone shows them: a day's tick is at midnight
 * there, also when the clock was changed.  The finest step is taken whose
 * labels have room.  A label says the time of day, the day, the month or the
 * year; what it leaves out is the tick's "period" (the day, the year), which
 * the picture writes below where it changes.
 *
 * Dates are found by arithmetic of our own, since an axis may begin before
 * the first time that the server knows.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_ticks.h"

#include "datatype/timestamp.h"

#define DAY_2000		730425	/* 2000-01-01, days from 0000-03-01 */
#define LEAST_ROOM		56.0	/* pixels a label */
#define SPACE			18.0	/* pixels between labels */

/* A step of an axis: microseconds, or months. */
typedef struct TimeStep
{
	int64		usec;
	int64		months;
	int64		origin;			/* one of its ticks, microseconds */
} TimeStep;

#define USEC(step)	{(step), 0, 0}
#define MONTHS(step) {0, (step), 0}
#define WEEKS(step) {(step) * 7 * USECS_PER_DAY, 0, 2 * USECS_PER_DAY}	/* from a Monday */
#define EACH(unit)	USEC(unit), USEC(2 * (unit)), USEC(5 * (unit))
#define SIXTY(unit) EACH(unit), USEC(10 * (unit)), USEC(15 * (unit)), USEC(30 * (unit))
#define YEARS(unit) MONTHS(12 * (unit)), MONTHS(24 * (unit)), MONTHS(60 * (unit))

static const TimeStep steps[] = {
	EACH(INT64CONST(1)), EACH(INT64CONST(10)), EACH(INT64CONST(100)),
	EACH(INT64CONST(1000)), EACH(INT64CONST(10000)), EACH(INT64CONST(100000)),
	SIXTY(USECS_PER_SEC), SIXTY(USECS_PER_MINUTE),
	USEC(USECS_PER_HOUR), USEC(2 * USECS_PER_HOUR), USEC(3 * USECS_PER_HOUR),
	USEC(6 * USECS_PER_HOUR), USEC(12 * USECS_PER_HOUR),
	USEC(USECS_PER_DAY), USEC(2 * USECS_PER_DAY), WEEKS(1), WEEKS(2),
	MONTHS(1), MONTHS(2), MONTHS(3), MONTHS(6),
	YEARS(1), YEARS(10), YEARS(100), YEARS(1000), YEARS(10000), YEARS(100000)
};

static const char months[][4] = {
	"Jan", "Feb", "Mar", "Apr", "May", "Jun",
	"Jul", "Aug", "Sep", "Oct", "Nov", "Dec"
};

/* Divide, rounding down; b > 0. */
static int64
floor_div(int64 a, int64 b)
{
	return a / b - (a % b < 0 ? 1 : 0);
}

/* Return the year, month (1 to 12) and day of days since 2000-01-01. */
static void
civil_of(int64 days, int64 *year, int *month, int *day)
{
	int64		z = days + DAY_2000;	/* from 0000-03-01 */
	int64		era = floor_div(z, 146097);
	int64		doe = z - era * 146097;
	int64		yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64		doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64		mp = (5 * doy + 2) / 153;

	*day = (int) (doy - (153 * mp + 2) / 5 + 1);
	*month = (int) (mp < 10 ? mp + 3 : mp - 9);
	*year = yoe + era * 400 + (*month <= 2 ? 1 : 0);
}

/* Return the days from 2000-01-01 to the first of a month since 2000-01. */
static int64
days_of_month(int64 number)
{
	int64		year = 2000 + floor_div(number, 12);
	int64		month = number - floor_div(number, 12) * 12;	/* 0: January */
	int64		mp = (month + 10) % 12;
	int64		y = month < 2 ? year - 1 : year;
	int64		era = floor_div(y, 400);
	int64		yoe = y - era * 400;

	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 +
		(153 * mp + 2) / 5 - DAY_2000;
}

/* Return the sum of two times, or the nearest one that there is. */
static int64
add_times(int64 a, int64 b)
{
	if (b > 0 && a > PG_INT64_MAX - b)
		return PG_INT64_MAX;
	if (b < 0 && a < PG_INT64_MIN - b)
		return PG_INT64_MIN;
	return a + b;
}

/* Return how far a zone's clock is ahead at an instant. */
static int64
offset_at(int64 t, pg_tz *zone)
{
	pg_time_t	seconds = (pg_time_t) floor_div(t, USECS_PER_SEC) +
		(pg_time_t) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY;
	struct pg_tm *shown = zone ? pg_localtime(&seconds, zone) : NULL;

	return shown ? (int64) shown->tm_gmtoff * USECS_PER_SEC : 0;
}

/*
 * Return what a zone's clock shows at an instant, as the instant at which it
 * would in UTC.  No zone (NULL): the time is one that was shown.
 */
int64
ad_time_shown(int64 t, pg_tz *zone)
{
	return add_times(t, offset_at(t, zone));
}

/* Append the date of a time that is shown. */
void
ad_append_date(StringInfo out, int64 shown)
{
	int64		year;
	int			month;
	int			day;

	civil_of(floor_div(shown, USECS_PER_DAY), &year, &month, &day);
	appendStringInfo(out, "%04d-%02d-%02d%s",
					 (int) (year > 0 ? year : 1 - year), month, day,
					 year > 0 ? "" : " BC");
}

/* Append the time of day of a time that is shown, with what digits it has. */
void
ad_append_time(StringInfo out, int64 shown)
{
	int64		us = shown - floor_div(shown, USECS_PER_DAY) * USECS_PER_DAY;
	int			seconds = (int) (us / USECS_PER_SEC % 60);
	int			fraction = (int) (us % USECS_PER_SEC);

	appendStringInfo(out, "%02d:%02d", (int) (us / USECS_PER_HOUR),
					 (int) (us / USECS_PER_MINUTE % 60));
	if (seconds != 0 || fraction != 0)
		appendStringInfo(out, ":%02d", seconds);
	if (fraction % 1000 != 0)
		appendStringInfo(out, ".%06d", fraction);
	else if (fraction != 0)
		appendStringInfo(out, ".%03d", fraction / 1000);
}

/* Return the decimals of seconds that a step's labels have. */
static int
decimals_of(const TimeStep *step)
{
	int			decimals = 6;

	for (int64 unit = 10; unit <= USECS_PER_SEC && step->usec % unit == 0;
		 unit *= 10)
		decimals--;
	return decimals;
}

/* Return the characters of a step's labels, at most. */
static int
characters_of(const TimeStep *step)
{
	if (step->months >= 12)
		return 7;				/* 4713 BC */
	if (step->months > 0)
		return 3;
	if (step->usec >= USECS_PER_DAY)
		return 6;
	if (step->usec >= USECS_PER_MINUTE)
		return 5;
	return step->usec >= USECS_PER_SEC ? 8 : 9 + decimals_of(step);
}

/* Write the day that a time is in, or the year, or nothing: see AdTick. */
static void
write_period(const TimeStep *step, int64 shown, char *period)
{
	StringInfoData text;
	int64		year;
	int			month;
	int			day;

	period[0] = '\0';
	civil_of(floor_div(shown, USECS_PER_DAY), &year, &month, &day);
	if (step->months >= 12)
		return;
	if (step->months > 0 || step->usec >= USECS_PER_DAY)
	{
		snprintf(period, AD_TICK_LENGTH, "%d%s",
				 (int) (year > 0 ? year : 1 - year), year > 0 ? "" : " BC");
		return;
	}
	initStringInfo(&text);
	ad_append_date(&text, shown);
	strlcpy(period, text.data, AD_TICK_LENGTH);
	pfree(text.data);
}

/* Write the label of a time that is shown. */
static void
write_label(const TimeStep *step, int64 shown, char *label)
{
	int64		us = shown - floor_div(shown, USECS_PER_DAY) * USECS_PER_DAY;
	int			hours = (int) (us / USECS_PER_HOUR);
	int			minutes = (int) (us / USECS_PER_MINUTE % 60);
	int			seconds = (int) (us / USECS_PER_SEC % 60);
	int			decimals = decimals_of(step);
	int64		year;
	int			month;
	int			day;

	civil_of(floor_div(shown, USECS_PER_DAY), &year, &month, &day);
	if (step->months >= 12)
		snprintf(label, AD_TICK_LENGTH, "%d%s",
				 (int) (year > 0 ? year : 1 - year), year > 0 ? "" : " BC");
	else if (step->months > 0)
		snprintf(label, AD_TICK_LENGTH, "%s", months[month - 1]);
	else if (step->usec >= USECS_PER_DAY)
		snprintf(label, AD_TICK_LENGTH, "%s %d", months[month - 1], day);
	else if (step->usec >= USECS_PER_MINUTE)
		snprintf(label, AD_TICK_LENGTH, "%02d:%02d", hours, minutes);
	else if (step->usec >= USECS_PER_SEC)
		snprintf(label, AD_TICK_LENGTH, "%02d:%02d:%02d", hours, minutes,
				 seconds);
	else
	{
		int			fraction = (int) (us % USECS_PER_SEC);

		for (int i = decimals; i < 6; i++)
			fraction /= 10;
		snprintf(label, AD_TICK_LENGTH, "%02d:%02d:%02d.%0*d", hours, minutes,
				 seconds, decimals, fraction);
	}
}

/* Add a tick at an instant, in order, once, if the axis has it. */
static void
add(AdTicks *ticks, const TimeStep *step, int64 low, int64 high, int64 t,
	pg_tz *zone)
{
	double		span = (double) high - (double) low;
	double		at = span > 0 ? ((double) t - (double) low) / span : 0.5;
	int			place = ticks->n;
	AdTick	   *tick;

	if (t < low || t > high || ticks->n == AD_MAX_TICKS)
		return;
	while (place > 0 && ticks->items[place - 1].at > at)
		place--;
	if (place > 0 && ticks->items[place - 1].at == at)
		return;
	memmove(ticks->items + place + 1, ticks->items + place,
			(Size) (ticks->n - place) * sizeof(AdTick));
	ticks->n++;
	tick = &ticks->items[place];
	tick->at = at;
	write_label(step, ad_time_shown(t, zone), tick->label);
	write_period(step, ad_time_shown(t, zone), tick->period);
}

/* Return the finest step whose labels have room. */
static const TimeStep *
choose(double span, double pixels, double per_character)
{
	const TimeStep *step = steps;
	int			last = (int) lengthof(steps) - 1;

	for (int i = 0; i <= last; i++)
	{
		double		length;
		double		room;

		step = &steps[i];
		length = step->months > 0 ?
			(double) step->months * 30.436875 * (double) USECS_PER_DAY :
			(double) step->usec;
		room = Max(characters_of(step) * per_character + SPACE, LEAST_ROOM);
		room = Max(room, pixels / (AD_MAX_TICKS - 2));
		if (span / length * room <= pixels)
			break;
	}
	return step;
}

/* Return what is shown at tick number i of a step, or the nearest time. */
static int64
shown_at(const TimeStep *step, int64 i)
{
	double		near;

	if (step->months > 0)
	{
		int64		days = days_of_month(i * step->months);

		return days > PG_INT64_MAX / USECS_PER_DAY ? PG_INT64_MAX :
			days < PG_INT64_MIN / USECS_PER_DAY ? PG_INT64_MIN :
			days * USECS_PER_DAY;
	}
	near = (double) i * (double) step->usec;
	return near >= 9.2e18 ? PG_INT64_MAX : near <= -9.2e18 ? PG_INT64_MIN :
		add_times(i * step->usec, step->origin);
}

/* Return the number of the last tick of a step that is not after a time. */
static int64
number_of(const TimeStep *step, int64 shown)
{
	int64		year;
	int			month;
	int			day;

	if (step->months == 0)
		return floor_div(add_times(shown, -step->origin), step->usec);
	civil_of(floor_div(shown, USECS_PER_DAY), &year, &month, &day);
	return floor_div((year - 2000) * 12 + month - 1, step->months);
}

/*
 * Add the instants, none, one or two, at which a zone's clock shows a time:
 * it is set back and forth.
 */
static void
add_shown(AdTicks *ticks, const TimeStep *step, int64 low, int64 high,
		  int64 shown, pg_tz *zone)
{
	for (int side = -1; side <= 1; side += 2)
	{
		int64		near = add_times(shown, side * USECS_PER_DAY);
		int64		t = add_times(shown, -offset_at(near, zone));

		if (ad_time_shown(t, zone) == shown)
			add(ticks, step, low, high, t, zone);
	}
}

/* Set the only tick of an axis that is but a moment. */
static void
write_moment(AdTicks *ticks, int64 shown)
{
	StringInfoData text;

	initStringInfo(&text);
	ad_append_time(&text, shown);
	strlcpy(ticks->items[0].label, text.data, AD_TICK_LENGTH);
	pfree(text.data);
	write_period(&steps[0], shown, ticks->period);
	strlcpy(ticks->items[0].period, ticks->period, AD_TICK_LENGTH);
	ticks->items[0].at = 0.5;
	ticks->n = 1;
}

/*
 * Set the ticks of an axis of so many pixels between two instants, low <=
 * high, shown by a zone's clock, or (NULL) as they are.  per_character is the
 * room that a character of a label takes.
 */
void
ad_ticks_time(int64 low, int64 high, double pixels, double per_character,
			  pg_tz *zone, AdTicks *ticks)
{
	const TimeStep *step = choose((double) high - (double) low, pixels,
								  per_character);
	int64		offset = offset_at(low, zone);

	/* steps of up to an hour go on through a change of the clock */
	bool		even = step->usec > 0 && step->usec <= USECS_PER_HOUR;
	int64		slack = zone && !even ? USECS_PER_DAY : 0;
	int64		from = add_times(add_times(low, offset), -slack);
	int64		to = add_times(add_times(high, offset), slack);
	int64		number = number_of(step, from);

	ticks->n = 0;
	if (low == high)
	{
		write_moment(ticks, add_times(low, offset));
		return;
	}
	write_period(step, add_times(low, offset), ticks->period);
	for (;; number++)
	{
		int64		shown = shown_at(step, number);

		if (shown > to || shown == PG_INT64_MAX)
			break;
		if (slack > 0)
			add_shown(ticks, step, low, high, shown, zone);
		else
			add(ticks, step, low, high, add_times(shown, -offset), zone);
	}
}
