/*-------------------------------------------------------------------------
 *
 * sql_place.c
 *		Watermarks as one integer, a place.
 *
 * An integer is itself, a time the microseconds that PostgreSQL stores: of a
 * timestamptz in UTC, of a timestamp and of a date those of the wall clock.
 * -infinity and infinity are the two ends, and so are dates for which there
 * is no timestamp.  All arithmetic stops at the ends.
 *
 * A wall clock goes through the hour [a, b) twice when it is put back, so
 * what is in that hour may come a second time until it is over: as long as
 * the place less the lag lies within it, the place to read from is a.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_place.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(ad_place);
PG_FUNCTION_INFO_V1(ad_place_as_text);
PG_FUNCTION_INFO_V1(ad_place_as_time);

/* Within these there are timestamps, a century and a year from the ends. */
#define SAFE_LEAST		(MIN_TIMESTAMP + INT64CONST(101) * 366 * USECS_PER_DAY)
#define SAFE_GREATEST	(END_TIMESTAMP - INT64CONST(101) * 366 * USECS_PER_DAY)

static const char *const type_names[] = {
	[AD_PLACE_INTEGER] = "integer",
	[AD_PLACE_TIMESTAMPTZ] = "timestamptz",
	[AD_PLACE_TIMESTAMP] = "timestamp",
	[AD_PLACE_DATE] = "date"
};

/* What watermarks of an SQL type are; false if it can be none. */
bool
ad_place_type(Oid type, AdPlaceType *out)
{
	switch (type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
			*out = AD_PLACE_INTEGER;
			return true;
		case TIMESTAMPTZOID:
			*out = AD_PLACE_TIMESTAMPTZ;
			return true;
		case TIMESTAMPOID:
			*out = AD_PLACE_TIMESTAMP;
			return true;
		case DATEOID:
			*out = AD_PLACE_DATE;
			return true;
		default:
			return false;
	}
}

/* As it stands in _ad_job_state.type. */
const char *
ad_place_type_name(AdPlaceType type)
{
	return type_names[type];
}

/* The same the other way; false: it is none. */
bool
ad_place_type_named(const char *name, AdPlaceType *out)
{
	for (int i = 0; i < (int) lengthof(type_names); i++)
		if (strcmp(name, type_names[i]) == 0)
		{
			*out = (AdPlaceType) i;
			return true;
		}
	return false;
}

/* The SQL type that a place is given as, to be compared with a watermark. */
Oid
ad_place_param_type(AdPlaceType type)
{
	switch (type)
	{
		case AD_PLACE_TIMESTAMPTZ:
			return TIMESTAMPTZOID;
		case AD_PLACE_TIMESTAMP:
			return TIMESTAMPOID;
		case AD_PLACE_DATE:
			return DATEOID;
		default:
			return INT8OID;
	}
}

/* The place of a date. */
static int64
date_place(DateADT date)
{
	if (DATE_IS_NOBEGIN(date) || date < DATETIME_MIN_JULIAN - POSTGRES_EPOCH_JDATE)
		return AD_PLACE_LEAST;
	if (DATE_IS_NOEND(date) || date >= TIMESTAMP_END_JULIAN - POSTGRES_EPOCH_JDATE)
		return AD_PLACE_GREATEST;
	return (int64) date * USECS_PER_DAY;
}

/* The place of a watermark of an SQL type that ad_place_type() takes. */
int64
ad_place_of(Oid type, Datum value)
{
	switch (type)
	{
		case INT2OID:
			return DatumGetInt16(value);
		case INT4OID:
			return DatumGetInt32(value);
		case DATEOID:
			return date_place(DatumGetDateADT(value));
		default:
			return DatumGetInt64(value);
	}
}

/* A place as a value of ad_place_param_type(); a date is that of the day. */
Datum
ad_place_value(AdPlaceType type, int64 place)
{
	int64		day;

	if (type != AD_PLACE_DATE)
		return Int64GetDatum(place);
	if (place == AD_PLACE_LEAST)
		return DateADTGetDatum(DATEVAL_NOBEGIN);
	if (place == AD_PLACE_GREATEST)
		return DateADTGetDatum(DATEVAL_NOEND);
	/* the first day that is not before it */
	day = place / USECS_PER_DAY;
	if (place > day * USECS_PER_DAY)
		day++;
	return DateADTGetDatum((DateADT) day);
}

/* The sum of a place and a number, which ends at the ends. */
int64
ad_place_add(int64 place, int64 by)
{
	int64		sum;

	if (place == AD_PLACE_LEAST || place == AD_PLACE_GREATEST)
		return place;
	if (pg_add_s64_overflow(place, by, &sum))
		return by < 0 ? AD_PLACE_LEAST : AD_PLACE_GREATEST;
	return sum;
}

/*
 * A time and, by the sign 1 or -1, an interval of at most a century.  A
 * century from the ends of what there is, it is the end.
 */
int64
ad_place_shift(int64 place, const Interval *by, int sign)
{
	Timestamp	at;

	if (place == AD_PLACE_LEAST || place == AD_PLACE_GREATEST)
		return place;
	if (place <= SAFE_LEAST)
		return sign < 0 ? AD_PLACE_LEAST : place;
	if (place >= SAFE_GREATEST)
		return sign > 0 ? AD_PLACE_GREATEST : place;
	at = DatumGetTimestamp(sign > 0 ?
						   DirectFunctionCall2(timestamp_pl_interval,
											   TimestampGetDatum(place),
											   IntervalPGetDatum(by)) :
						   DirectFunctionCall2(timestamp_mi_interval,
											   TimestampGetDatum(place),
											   IntervalPGetDatum(by)));
	return at;
}

/* Read a lag that was checked when it was given. */
void
ad_lag_read(const char *text, AdPlaceType type, AdLag *out)
{
	memset(out, 0, sizeof(*out));
	if (type == AD_PLACE_INTEGER)
	{
		out->number = DatumGetInt64(DirectFunctionCall1(int8in,
														CStringGetDatum(text)));
		return;
	}
	out->interval = *DatumGetIntervalP(DirectFunctionCall3(interval_in,
														   CStringGetDatum(text),
														   ObjectIdGetDatum(InvalidOid),
														   Int32GetDatum(-1)));
	if (type == AD_PLACE_DATE)
	{
		/* whole days, rounded up; a month has as many as it can */
		int64		days = (int64) out->interval.month * 31 + out->interval.day +
			(out->interval.time + USECS_PER_DAY - 1) / USECS_PER_DAY;

		out->number = days * USECS_PER_DAY;
	}
}

/*
 * If a wall clock in a zone shows a time twice, the beginning of what it
 * shows twice; else the time.
 */
static int64
autumn(int64 place, pg_tz *zone)
{
	const int64 epoch = ((int64) POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY;
	int64		at = place / USECS_PER_SEC - (place % USECS_PER_SEC < 0 ? 1 : 0) + epoch;
	pg_time_t	t = (pg_time_t) at - 2 * SECS_PER_DAY;

	for (;;)
	{
		long		before;
		long		after;
		int			before_dst;
		int			after_dst;
		pg_time_t	boundary;

		if (pg_next_dst_boundary(&t, &before, &before_dst, &boundary, &after,
								 &after_dst, zone) <= 0 ||
			boundary > at + 2 * SECS_PER_DAY)
			return place;
		if (after < before && at >= boundary + after && at < boundary + before)
			return ((int64) boundary + after - epoch) * USECS_PER_SEC;
		t = boundary;
	}
}

/* The place to read from, when all before a place has settled. */
int64
ad_place_from(int64 place, AdPlaceType type, const AdLag *lag, pg_tz *zone)
{
	int64		from;

	if (type == AD_PLACE_INTEGER || type == AD_PLACE_DATE)
		return ad_place_add(place, -lag->number);
	from = ad_place_shift(place, &lag->interval, -1);
	if (type == AD_PLACE_TIMESTAMP && zone != NULL && from > SAFE_LEAST &&
		from < SAFE_GREATEST)
		from = autumn(from, zone);
	return from;
}

/* The midnight that a place is at or after; the ends are what they are. */
int64
ad_place_day(int64 place)
{
	int64		day = place / USECS_PER_DAY - (place % USECS_PER_DAY < 0 ? 1 : 0);

	return place == AD_PLACE_LEAST || place == AD_PLACE_GREATEST ? place :
		day * USECS_PER_DAY;
}

/* The place of a watermark as text, as "since" has it, in the session's zone. */
int64
ad_place_since(const char *text, AdPlaceType type)
{
	Datum		at;

	if (type == AD_PLACE_INTEGER)
		return DatumGetInt64(DirectFunctionCall1(int8in, CStringGetDatum(text)));
	at = DirectFunctionCall3(type == AD_PLACE_TIMESTAMPTZ ? timestamptz_in : timestamp_in,
							 CStringGetDatum(text), ObjectIdGetDatum(InvalidOid),
							 Int32GetDatum(-1));
	return type == AD_PLACE_DATE ? ad_place_day(DatumGetTimestamp(at)) :
		DatumGetTimestamp(at);
}

/* Shift between UTC and the wall clock of a zone at an instant. */
static int64
offset_at(TimestampTz at, pg_tz *zone)
{
	const int64 epoch = ((int64) POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY;
	pg_time_t	t = (pg_time_t) (at / USECS_PER_SEC + epoch);
	struct pg_tm *tm = pg_localtime(&t, zone);

	return tm == NULL ? 0 : (int64) tm->tm_gmtoff * USECS_PER_SEC;
}

/* What a clock shows at an instant; the greatest of all for an integer. */
int64
ad_place_clock(AdPlaceType type, pg_tz *zone, TimestampTz at)
{
	switch (type)
	{
		case AD_PLACE_TIMESTAMPTZ:
			return at;
		case AD_PLACE_TIMESTAMP:
		case AD_PLACE_DATE:
			return ad_place_add(at, offset_at(at, zone));
		default:
			return AD_PLACE_GREATEST;
	}
}

/* A place that is a time as an instant. */
TimestampTz
ad_place_time(int64 place, AdPlaceType type, pg_tz *zone)
{
	struct pg_tm tm;
	fsec_t		fsec;

	if (type == AD_PLACE_TIMESTAMPTZ || place == AD_PLACE_LEAST ||
		place == AD_PLACE_GREATEST ||
		timestamp2tm(place, NULL, &tm, &fsec, NULL, NULL) != 0)
		return place;
	return ad_place_add(place, (int64) DetermineTimeZoneOffset(&tm, zone) * USECS_PER_SEC);
}

/* A place as text; of a time in ISO style, of a timestamptz in UTC. */
char *
ad_place_text(int64 place, AdPlaceType type)
{
	char		buf[MAXDATELEN + 1];
	struct pg_tm tm;
	fsec_t		fsec;

	if (type == AD_PLACE_INTEGER)
		return psprintf(INT64_FORMAT, place);
	if (TIMESTAMP_NOT_FINITE(place))
		return pstrdup(place < 0 ? "-infinity" : "infinity");
	if (timestamp2tm(place, NULL, &tm, &fsec, NULL, NULL) != 0)
		return psprintf(INT64_FORMAT, place);
	if (type == AD_PLACE_DATE)
		EncodeDateOnly(&tm, USE_ISO_DATES, buf);
	else
		EncodeDateTime(&tm, fsec, false, 0, NULL, USE_ISO_DATES, buf);
	return pstrdup(buf);
}

/* _ad_place(watermark "any") -> its place.  Strict. */
Datum
ad_place(PG_FUNCTION_ARGS)
{
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, 0);
	AdPlaceType unused;

	if (!OidIsValid(type) || !ad_place_type(type, &unused))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("watermark has type %s",
						OidIsValid(type) ? format_type_be(type) : "unknown"),
				 errhint("It is a timestamptz, timestamp, date, bigint, integer or smallint that grows.")));
	PG_RETURN_INT64(ad_place_of(type, PG_GETARG_DATUM(0)));
}

/* The type of places of a name; an error if it is none. */
static AdPlaceType
type_argument(Datum name)
{
	char	   *s = text_to_cstring(DatumGetTextPP(name));
	AdPlaceType type = AD_PLACE_INTEGER;

	if (!ad_place_type_named(s, &type))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("type of a watermark is \"%s\", must be integer, timestamptz, timestamp or date",
						ad_quote_clip(s))));
	return type;
}

/* _ad_place_text(place, type) -> as ad_jobs shows it.  Strict. */
Datum
ad_place_as_text(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(ad_place_text(PG_GETARG_INT64(0),
												   type_argument(PG_GETARG_DATUM(1)))));
}

/* _ad_place_time(place) -> the place of a timestamptz as that.  Strict. */
Datum
ad_place_as_time(PG_FUNCTION_ARGS)
{
	TimestampTz at = PG_GETARG_INT64(0);

	if (!IS_VALID_TIMESTAMP(at) && !TIMESTAMP_NOT_FINITE(at))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range")));
	PG_RETURN_TIMESTAMPTZ(at);
}
