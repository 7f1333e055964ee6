/*-------------------------------------------------------------------------
 *
 * ad_rows.h
 *		Rows of an order log before they are events: duplicates, amendments.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_ROWS_H
#define AD_ROWS_H

#include "market/ad_event.h"

typedef struct AdDedup			/* the rows of one time */
{
	MemoryContext mcxt;
	MemoryContext ids;			/* copies; NULL: they stay where they are */
	uint64		seed;
	AdEvent    *rows;			/* at least half as many as slots */
	uint32		n;
	uint32	   *slots;			/* 1 + index of a row, by hash; 0: none */
	uint32		nslots;			/* a power of two */
} AdDedup;

extern void ad_dedup_init(AdDedup *d, MemoryContext mcxt, uint64 seed,
						  bool owns_ids);
extern bool ad_dedup_seen(AdDedup *d, const AdEvent *e);
extern void ad_row_halves(const AdEvent *row, AdEvent out[2]);
extern AdEvent *ad_rows_events(MemoryContext mcxt, AdEvent *rows, uint32 *n,
							   bool dedup, bool split, uint64 seed);

#endif							/* AD_ROWS_H */
