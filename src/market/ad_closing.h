/*-------------------------------------------------------------------------
 *
 * ad_closing.h
 *		Marking the close: one-sided trading just before the reference time.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_CLOSING_H
#define AD_CLOSING_H

#include "market/ad_event.h"

typedef struct AdClosingConfig
{
	int64		close;			/* the time of events */
	int64		window;			/* before it, microseconds */
	int			min_trades;
	double		min_imbalance;	/* 0 to 1 */
	double		min_volume_share;	/* 0 to 1 */
	double		min_move_bps;	/* 0: not asked */
} AdClosingConfig;

typedef struct AdClosing
{
	uint32		first_row;		/* rows of the first and the last trade */
	uint32		last_row;
	int64		start;
	int64		end;
	uint8		side;			/* the larger one */
	uint32		trades;
	AdQuantity	qty[2];			/* by side */
	double		imbalance;
	double		volume_share;	/* of the session's quantity */
	double		reference_price;	/* NaN: none */
	double		last_price;		/* of the side; NaN: none */
	double		move_bps;		/* in favour of the side; NaN: none */
	uint32		orders;			/* in the window, both sides */
	uint32		cancels;
} AdClosing;

/* closing.c */
extern bool ad_closing_find(const AdEvent *events, uint32 n,
							const AdClosingConfig *c, AdClosing *out);

#endif							/* AD_CLOSING_H */
