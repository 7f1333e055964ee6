/*-------------------------------------------------------------------------
 *
 * ad_stuffing.h
 *		Quote stuffing: bursts of orders and cancels.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_STUFFING_H
#define AD_STUFFING_H

#include "market/ad_event.h"

typedef struct AdStuffingConfig
{
	int64		window;			/* microseconds */
	int			min_messages;	/* in a window */
	double		min_cancel_rate;	/* 0 to 1 */
} AdStuffingConfig;

/* Counts of the messages in a window. */
typedef struct AdBurst
{
	uint32		messages;
	uint32		orders;
	uint32		cancels;
} AdBurst;

typedef struct AdStuffing		/* an episode */
{
	uint32		first_row;		/* rows of the first and the last message */
	uint32		last_row;
	int64		start;
	int64		end;
	AdBurst		burst;			/* all of its messages */
	uint32		buys;			/* messages by side */
	uint32		sells;
	uint32		trades;			/* rows between the first and the last */
	AdQuantity	placed_qty;
	AdQuantity	traded_qty;
	uint32		peak;			/* most messages of one window */
	uint32		windows;		/* joined into this episode */
} AdStuffing;

typedef struct AdStuffings
{
	MemoryContext mcxt;
	AdStuffing *items;
	uint32		n;
	uint32		capacity;
} AdStuffings;

/* stuffing.c */
extern double ad_stuffing_cancel_rate(const AdBurst *b);
extern void ad_stuffing_find(const AdEvent *events, uint32 n,
							 const AdStuffingConfig *c, AdStuffings *out);

#endif							/* AD_STUFFING_H */
