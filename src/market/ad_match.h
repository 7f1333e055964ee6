/*-------------------------------------------------------------------------
 *
 * ad_match.h
 *		Which placement a cancel ends.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_MATCH_H
#define AD_MATCH_H

#include "market/ad_event.h"

/* match.c: cancels find the placements they end, first in, first out */
typedef struct AdMatchEntry AdMatchEntry;

typedef struct AdMatcher
{
	MemoryContext mcxt;
	AdMatchEntry *entries;		/* stable indices; freed ones are chained */
	uint32		nentries;		/* in use or freed */
	uint32		capacity;
	uint32		free;			/* first freed, or AD_NO_POSITION */
	uint32		live;			/* in use */
	uint32	   *buckets;		/* first entry of each chain */
	uint32		nbuckets;		/* a power of two */
	uint32		max_entries;	/* refuse more */
	int64		forget;			/* forget keys idle for longer; 0: never */
	uint32		sweep_at;		/* sweep idle keys at this many entries */
	uint64		seed;
	bool		owns_ids;		/* long ids are copied */
} AdMatcher;

extern void ad_match_init(AdMatcher *m, MemoryContext mcxt, uint64 seed,
						  bool owns_ids, int64 forget, uint32 max_entries);
extern void ad_match_order(AdMatcher *m, AdTape *tape, uint32 pos);
extern uint32 ad_match_cancel(AdMatcher *m, AdTape *tape, uint32 pos);
extern void ad_match_expire(AdMatcher *m, AdTape *tape, uint32 pos);
extern void ad_match_restore(AdMatcher *m, const AdEvent *key, uint32 count);
extern uint32 ad_match_next_expired(const AdMatcher *m, uint32 *index,
									AdEvent *key);
extern void ad_match_prefetch(const AdMatcher *m, const AdTape *tape,
							  AdEvent *e, int step);

/* Prefetch for the events of an array that are about to be matched. */
#define AD_MATCH_PREFETCH(m, tape, events, i, n) \
	do { \
		if ((i) + 12 < (n)) \
		{ \
			ad_match_prefetch(m, tape, &(events)[(i) + 12], 0); \
			ad_match_prefetch(m, tape, &(events)[(i) + 8], 1); \
			ad_match_prefetch(m, tape, &(events)[(i) + 4], 2); \
		} \
	} while (0)
extern void ad_match_all(AdTape *tape, uint64 seed, uint32 max_entries);

#endif							/* AD_MATCH_H */
