/*-------------------------------------------------------------------------
 *
 * ad_distinct.h
 *		How many distinct values there are, about.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_DISTINCT_H
#define AD_DISTINCT_H

#include "core/ad_core.h"

#define AD_DISTINCT_BITS		14
#define AD_DISTINCT_REGISTERS	(1 << AD_DISTINCT_BITS)

typedef struct AdDistinct
{
	uint8		rank[AD_DISTINCT_REGISTERS];	/* greatest seen, 0: none */
} AdDistinct;

/* Add a value by its hash. */
static inline void
ad_distinct_add(AdDistinct *d, uint64 hash)
{
	uint32		at = (uint32) (hash >> (64 - AD_DISTINCT_BITS));
	uint8		rank = 1;

	/* a bit that is always set ends the search */
	hash = (hash << AD_DISTINCT_BITS) | (UINT64CONST(1) << (AD_DISTINCT_BITS - 1));
	while (hash >> 63 == 0)
	{
		hash <<= 1;
		rank++;
	}
	if (rank > d->rank[at])
		d->rank[at] = rank;
}

extern double ad_distinct_estimate(const AdDistinct *d);

#endif							/* AD_DISTINCT_H */
