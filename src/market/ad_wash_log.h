/*-------------------------------------------------------------------------
 *
 * ad_wash_log.h
 *		The trades of a partition, read piece by piece.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_WASH_LOG_H
#define AD_WASH_LOG_H

#include "market/ad_order_log.h"
#include "market/ad_rows.h"
#include "market/ad_wash.h"

/* A trade that is still needed. */
typedef struct AdWashTrade
{
	AdEvent		e;
	AdRowName	name;			/* the id of its row */
} AdWashTrade;

/* A window that is decided. */
typedef struct AdWashDecided
{
	AdWash		w;
	AdRowName	first;			/* the ids of its first and last trade */
	AdRowName	last;
	int64		decided;		/* when no trade could join it any more */
	bool		again;			/* shares a trade with one before */
} AdWashDecided;

typedef struct AdWashLog
{
	MemoryContext mcxt;
	AdWashConfig c;
	AdDedup		dedup;			/* rows of one time come together */
	int64		floor;			/* windows that start earlier are not given
								 * out */
	AdWashTrade *trades;		/* those whose windows are not decided, and
								 * after them those of the same windows */
	uint32		n;
	uint32		capacity;
	uint32		burst;			/* of these, the first so many are of windows
								 * that were found */
	uint32		starts;			/* option merge: windows that were joined ... */
	AdWashTrade first;			/* ... their first trade ... */
	AdWashTotals run;			/* ... and from it on, before these trades */
	unsigned int side;			/* of the last of those, if starts > 0 */
	int64		due;			/* when something is decided if nothing comes */
	AdWashDecided *decided;
	uint32		ndecided;
	uint32		max_decided;
} AdWashLog;

/* wash_log.c */
extern AdWashLog *ad_wash_log_create(MemoryContext mcxt, const AdWashConfig *c,
									 int64 floor);
extern void ad_wash_log_add(AdWashLog *log, const AdEvent *event,
							const AdRowName *name);
extern void ad_wash_log_settle(AdWashLog *log, int64 complete);

extern void ad_wash_log_write(const AdWashLog *log, StringInfo w);
extern void ad_wash_log_read(AdWashLog *log, const uint8 *data, Size len);

#endif							/* AD_WASH_LOG_H */
