/*-------------------------------------------------------------------------
 *
 * ad_ticks.h
 *		Round places on an axis, and what stands at them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_TICKS_H
#define AD_TICKS_H

#include "core/ad_core.h"
#include "lib/stringinfo.h"
#include "pgtime.h"

#define AD_MAX_TICKS	40
#define AD_TICK_LENGTH	40		/* of a label, with its end */

/* One tick. */
typedef struct AdTick
{
	double		at;				/* share of the axis, 0 to 1 */
	char		label[AD_TICK_LENGTH];
	char		period[AD_TICK_LENGTH]; /* that a time is in: its day, its
										 * year; or empty */
} AdTick;

/* The ticks of an axis, from its beginning to its end. */
typedef struct AdTicks
{
	int			n;
	AdTick		items[AD_MAX_TICKS];
	char		period[AD_TICK_LENGTH]; /* that the axis begins in */
} AdTicks;

/* A round step: once, twice or five times a power of ten. */
typedef struct AdStep
{
	int			multiple;
	int			exponent;		/* of ten */
	double		length;
} AdStep;

/* ticks.c */
extern bool ad_step_choose(double low, double high, int most, bool whole,
						   AdStep *step);
extern double ad_step_times(const AdStep *step, double k);
extern void ad_step_label(const AdStep *step, double k, double largest,
						  char label[AD_TICK_LENGTH]);
extern void ad_ticks_number(double low, double high, int most, bool whole,
							AdTicks *ticks);

/* ticks_time.c */
extern void ad_ticks_time(int64 low, int64 high, double pixels,
						  double per_character, pg_tz *zone, AdTicks *ticks);
extern int64 ad_time_shown(int64 t, pg_tz *zone);
extern void ad_append_date(StringInfo out, int64 shown);
extern void ad_append_time(StringInfo out, int64 shown);

#endif							/* AD_TICKS_H */
