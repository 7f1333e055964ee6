/*-------------------------------------------------------------------------
 *
 * ad_wash.h
 *		Wash trades.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_WASH_H
#define AD_WASH_H

#include "market/ad_event.h"

/* wash.c */
typedef struct AdWashConfig
{
	int			min_buy_trades;
	int			min_sell_trades;
	double		min_alternation;	/* percent */
	AdQuantity	min_volume;		/* units */
	int64		window;			/* microseconds */
	double		price_change;	/* percent, for reporting only */
	bool		merge;			/* maximal windows instead of every start */
	bool		dedup;			/* drop exact duplicates */
	uint32		max_events;
	uint64		seed;			/* of hash tables; never shows in results */
} AdWashConfig;

/* Totals of the trades in a window. */
typedef struct AdWashTotals
{
	uint32		count[2];		/* by side */
	AdQuantity	qty[2];
	uint32		switches;		/* side changes */
} AdWashTotals;

typedef struct AdWash
{
	uint32		first_row;		/* row of the first trade */
	uint32		last_row;		/* row of the last trade */
	int64		start;
	int64		end;
	uint32		starts;			/* windows merged into this one */
	uint32		buys;
	uint32		sells;
	uint32		switches;		/* side changes */
	AdQuantity	buy_qty;
	AdQuantity	sell_qty;
	double		alternation;	/* percent */
	double		price_change;	/* percent; NaN: below the threshold */
	double		first_price;	/* NaN: none */
	double		last_price;
} AdWash;

typedef struct AdWashes
{
	MemoryContext mcxt;
	AdWash	   *items;
	uint32		n;
	uint32		capacity;
} AdWashes;

extern void ad_wash_add(AdWashTotals *t, const AdEvent *before,
						const AdEvent *e);
extern void ad_wash_remove(AdWashTotals *t, const AdEvent *e,
						   const AdEvent *after);
extern bool ad_wash_qualifies(const AdWashTotals *t, const AdWashConfig *c);
extern void ad_wash_measure(AdWash *w, const AdEvent *first,
							const AdEvent *last, const AdWashTotals *t,
							uint32 starts, const AdWashConfig *c);
extern void ad_wash_find(const AdEvent *events, uint32 n,
						 const AdWashConfig *c, AdWashes *out);

#endif							/* AD_WASH_H */
