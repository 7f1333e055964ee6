/*-------------------------------------------------------------------------
 *
 * ad_cron.h
 *		Schedules of pg_cron, and its entries.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_CRON_H
#define AD_CRON_H

#include "core/ad_core.h"
#include "pgtime.h"

#define AD_CRON_FIELDS	5

/* A schedule; bit i of a field: i is allowed. */
typedef struct AdCron
{
	uint64		allowed[AD_CRON_FIELDS];
	bool		any[AD_CRON_FIELDS];	/* the field begins with a star */
	bool		last_day;		/* of the month, too */
	int			seconds;		/* every so many; 0: the fields count */
} AdCron;

/* What pg_cron runs for somebody; "name" is of a job or a model, or empty. */
typedef struct AdEntry
{
	const char *kind;			/* job, health, retrain or drift */
	const char *name;
	Oid			role;
	const char *command;		/* NULL where it is not needed */
} AdEntry;

/* cron.c */
extern bool ad_cron_read(const char *text, AdCron *c);
extern pg_time_t ad_cron_before(const AdCron *c, pg_time_t now, pg_tz *zone,
								int k);

/* sql_cron.c */
extern int64 ad_cron_schedule(const AdEntry *entry, const char *what,
							  const char *schedule, const char *by_hand);
extern bool ad_cron_unschedule(const AdEntry *entry);
extern void ad_cron_move(const AdEntry *from, const AdEntry *to,
						 const char *what);

#endif							/* AD_CRON_H */
