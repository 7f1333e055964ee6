/*-------------------------------------------------------------------------
 *
 * ad_kept.h
 *		Placements that were cancelled in time and are not used yet.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_KEPT_H
#define AD_KEPT_H

#include "market/ad_event.h"

/* kept.c: the placements that were cancelled in time and are not used yet */
#define AD_KEPT_LEVELS	4

typedef struct AdKept
{
	uint64	   *bits;			/* by ring slot */
	int			nlevels;		/* of blocks in use */
	uint32	   *count[AD_KEPT_LEVELS];	/* kept in a block of 64^(level+1) */
	int64	   *newest[AD_KEPT_LEVELS]; /* latest cancel in the block */
	uint32		mask;			/* ring slots - 1 */
	uint32		total;
	uint32		top;			/* highest position, if total > 0 */
	uint32		bottom;			/* no position is lower */
} AdKept;

extern void ad_kept_reset(AdKept *k, MemoryContext mcxt, uint32 capacity);
extern uint32 ad_kept_block(uint32 capacity);
extern void ad_kept_insert(AdKept *k, uint32 pos, int64 cancel_ts);
extern void ad_kept_remove_front(AdKept *k, uint32 pos);
extern bool ad_kept_has(const AdKept *k, uint32 pos);
extern uint32 ad_kept_count(const AdKept *k, const AdTape *tape, uint32 lo,
							int64 *newest);
extern uint32 ad_kept_next(const AdKept *k, uint32 pos);
extern void ad_kept_remove(AdKept *k, uint32 pos);
extern void ad_kept_settle(AdKept *k, const AdTape *tape, uint32 lo);

#endif							/* AD_KEPT_H */
