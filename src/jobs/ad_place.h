/*-------------------------------------------------------------------------
 *
 * ad_place.h
 *		Watermarks as one integer.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_PLACE_H
#define AD_PLACE_H

#include "core/ad_core.h"

#include "datatype/timestamp.h"
#include "pgtime.h"

#define AD_PLACE_LEAST		PG_INT64_MIN	/* -infinity */
#define AD_PLACE_GREATEST	PG_INT64_MAX	/* infinity */

/* What a watermark is. */
typedef enum AdPlaceType
{
	AD_PLACE_INTEGER,			/* as it is */
	AD_PLACE_TIMESTAMPTZ,		/* microseconds, in UTC */
	AD_PLACE_TIMESTAMP,			/* the wall clock of the job's zone */
	AD_PLACE_DATE				/* its midnight by that */
} AdPlaceType;

/* How late a row may come: of a time an interval, else a number. */
typedef struct AdLag
{
	int64		number;			/* of an integer; of a date microseconds of
								 * whole days */
	Interval	interval;		/* of a time */
} AdLag;

extern bool ad_place_type(Oid type, AdPlaceType *out);
extern const char *ad_place_type_name(AdPlaceType type);
extern bool ad_place_type_named(const char *name, AdPlaceType *out);
extern Oid	ad_place_param_type(AdPlaceType type);
extern int64 ad_place_of(Oid type, Datum value);
extern Datum ad_place_value(AdPlaceType type, int64 place);
extern int64 ad_place_add(int64 place, int64 by);
extern int64 ad_place_shift(int64 place, const Interval *by, int sign);
extern void ad_lag_read(const char *text, AdPlaceType type, AdLag *out);
extern int64 ad_place_from(int64 place, AdPlaceType type, const AdLag *lag,
						   pg_tz *zone);
extern int64 ad_place_day(int64 place);
extern int64 ad_place_since(const char *text, AdPlaceType type);
extern int64 ad_place_clock(AdPlaceType type, pg_tz *zone, TimestampTz at);
extern TimestampTz ad_place_time(int64 place, AdPlaceType type, pg_tz *zone);
extern char *ad_place_text(int64 place, AdPlaceType type);

#endif							/* AD_PLACE_H */
