/*-------------------------------------------------------------------------
 *
 * ad_cache_counts.h
 *		What the model caches of all processes hold and did, together.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_CACHE_COUNTS_H
#define AD_CACHE_COUNTS_H

#include "model/ad_cache.h"

extern Size ad_cache_counts_size(void);
extern void ad_cache_counts_startup(void);
extern void ad_cache_counts_tell(void);
extern bool ad_cache_counts_all(AdCacheCounts *out);
extern void ad_cache_counts_reset(void);

#endif							/* AD_CACHE_COUNTS_H */
