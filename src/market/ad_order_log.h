/*-------------------------------------------------------------------------
 *
 * ad_order_log.h
 *		The order log of a partition, read piece by piece.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_ORDER_LOG_H
#define AD_ORDER_LOG_H

#include "core/ad_bytes.h"
#include "market/ad_book.h"
#include "market/ad_layering.h"
#include "market/ad_rows.h"
#include "lib/stringinfo.h"

#define AD_MAX_ROW_NAME		1000	/* bytes of a row's id */
#define AD_MAX_SCANS		4	/* of a partition at a time */
#define AD_ORDER_LOG_VERSION 2	/* of the state; another one is read anew */

typedef struct AdRowName
{
	const char *name;			/* not terminated; NULL: none */
	uint32		len;
	uint32		skipped;		/* rows of the scan before that are no events */
} AdRowName;

/* The scan of one period: what of it may still be needed. */
typedef struct AdScan
{
	int64		start;			/* of the period */
	uint32		rows;			/* read, with those passed over */
	uint32		skipped;		/* those that are no events */
	uint32		before;			/* events that are held no more */
	uint32		given;			/* sequences found */
	AdCredit	spent;			/* by measuring them */
	uint32		cursor[2];		/* as in AdStretch */
	uint32		held;			/* events that have been looked at */
	uint32		n;				/* and those that came since */
	uint32		capacity;
	AdEvent    *events;
	AdRowName  *names;			/* the ids of their rows */
	uint32		clock;			/* AdBook.clock after the held events */
	const uint8 *book;			/* the open orders then */
	Size		book_len;
} AdScan;

/* A sequence that is decided. */
typedef struct AdDecided
{
	AdSequence	s;
	int64		number;			/* in its scan, from 1 */
	int64		skipped;		/* rows passed over before its end */
	AdRowName	first;			/* of its first order */
	AdRowName	trade;
} AdDecided;

typedef struct AdOrderLog
{
	MemoryContext mcxt;
	AdLayeringConfig c;
	int64		horizon;
	int64		period;
	int64		floor;			/* earlier sequences are not given out */
	int64		due;			/* when something is decided if nothing comes;
								 * set by ad_order_log_settle() */
	int64		ends;			/* when an event that comes belongs to no scan */
	int			nscans;
	AdScan		scans[AD_MAX_SCANS];
	AdDedup		dedup;
	AdDecided  *decided;
	uint32		ndecided;
	uint32		max_decided;
} AdOrderLog;

/* order_log.c */
extern int64 ad_order_log_period(const AdLayeringConfig *c);
extern int64 ad_order_log_first(const AdLayeringConfig *c, int64 floor);
extern AdOrderLog *ad_order_log_create(MemoryContext mcxt,
									   const AdLayeringConfig *c, int64 floor);
extern void ad_order_log_add(AdOrderLog *log, const AdEvent *event,
							 const AdRowName *name);
extern void ad_order_log_skip(AdOrderLog *log, int64 ts, bool bad);
extern void ad_order_log_settle(AdOrderLog *log, int64 known, int64 complete);

/* order_log_bytes.c */
extern void ad_order_log_write(const AdOrderLog *log, StringInfo w);
extern void ad_order_log_read(AdOrderLog *log, const uint8 *data, Size len);

/* book_bytes.c */
extern void ad_book_write(const AdBook *b, uint32 from, StringInfo w);
extern void ad_book_read(AdBook *b, const uint8 *data, Size len,
						 const AdEvent *events, uint32 held, uint32 n,
						 uint32 clock);

/* Quantities in bytes. */
extern void ad_wr_units(StringInfo w, AdQuantity units);
extern AdQuantity ad_rd_units(AdReader *r);

#endif							/* AD_ORDER_LOG_H */
