/*-------------------------------------------------------------------------
 *
 * watch_calendar.c
 *		Where the periods of a watch begin.
 *
 * Periods are of the wall clock: a day is from midnight to midnight, whatever
 * hours it has, a week begins on Monday.  Those of an hour and less have their
 * length whatever the clock does, so that an hour which it shows twice is two
 * periods; longer parts of a day grow or shrink with the clock.
 *
 * A period's number is that of the wall clock too.  It is the time of streams,
 * so that Monday is a Monday and nine o'clock is nine; of an hour that comes
 * twice the second has the number of the first, and is not judged.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_watch.h"

#define WEEK		(7 * USECS_PER_DAY)
#define MONDAY		(2 * USECS_PER_DAY) /* after 1 January 2000 */

/*
 * Read how long a period is; false if it is none: a part of a day that
 * divides it, of at least a minute, a day, or 7 days.
 */
bool
ad_calendar_init(AdCalendar *c, const Interval *period)
{
	const int64 day = USECS_PER_DAY;

	if (period->month != 0 || period->day < 0 || period->day > 7 ||
		period->time < 0 || period->time > day ||
		(period->day != 0 && period->time != 0))
		return false;
	c->length = period->day * day + period->time;
	c->origin = c->length == WEEK ? MONDAY : 0;
	return c->length == WEEK ||
		(c->length >= USECS_PER_MINUTE && c->length <= day &&
		 day % c->length == 0);
}

/* Whole periods of the wall clock until a time that it shows, rounded down. */
static int64
whole(const AdCalendar *c, int64 wall)
{
	int64		since = wall - c->origin;

	return since / c->length - (since % c->length < 0 ? 1 : 0);
}

/* What the wall clock shows at a place. */
static int64
wall_of(const AdCalendar *c, int64 place)
{
	return c->type == AD_PLACE_TIMESTAMPTZ ?
		ad_place_clock(AD_PLACE_TIMESTAMP, c->zone, place) : place;
}

/* The place at which the wall clock shows so many periods. */
static int64
place_of(const AdCalendar *c, int64 number)
{
	int64		wall = number * c->length + c->origin;

	return c->type == AD_PLACE_TIMESTAMPTZ ?
		ad_place_time(wall, AD_PLACE_TIMESTAMP, c->zone) : wall;
}

/* The beginning of the period that a place is in. */
int64
ad_calendar_start(const AdCalendar *c, int64 place)
{
	int64		wall = wall_of(c, place);
	int64		number = whole(c, wall);
	int64		start;

	if (c->type != AD_PLACE_TIMESTAMPTZ)
		return place_of(c, number);
	if (c->length <= USECS_PER_HOUR)
		return place - (wall - (number * c->length + c->origin));
	/* a beginning that the clock shows twice is the second time */
	start = place_of(c, number);
	return start <= place ? start : place_of(c, number - 1);
}

/* The beginning of the period after one. */
int64
ad_calendar_next(const AdCalendar *c, int64 start)
{
	int64		next;

	if (c->type == AD_PLACE_TIMESTAMPTZ && c->length > USECS_PER_HOUR)
	{
		next = place_of(c, whole(c, wall_of(c, start)) + 1);
		return next > start ? next : start + c->length;
	}
	next = start + c->length;
	if (c->type == AD_PLACE_TIMESTAMPTZ)
	{
		/* where the clock is changed by a part of a period, it is cut */
		int64		aligned = ad_calendar_start(c, next);

		if (aligned > start)
			next = aligned;
	}
	return next;
}

/* The beginning of the period so many before one. */
int64
ad_calendar_before(const AdCalendar *c, int64 start, int64 periods)
{
	return ad_calendar_start(c, start - periods * c->length);
}

/* The number of a period, by the wall clock. */
int64
ad_calendar_number(const AdCalendar *c, int64 start)
{
	return whole(c, wall_of(c, start));
}

/* The seasons that there may be, in periods; how many they are. */
int
ad_calendar_seasons(const AdCalendar *c, uint32 *points)
{
	int			n = 0;

	if (c->length < USECS_PER_DAY)
		points[n++] = (uint32) (USECS_PER_DAY / c->length);
	if (c->length >= USECS_PER_HOUR && c->length < WEEK)
		points[n++] = (uint32) (WEEK / c->length);
	return n;
}
