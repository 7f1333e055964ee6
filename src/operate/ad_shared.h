/*-------------------------------------------------------------------------
 *
 * ad_shared.h
 *		Shared memory of the library, there if it was preloaded.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_SHARED_H
#define AD_SHARED_H

#include "core/ad_core.h"

#include "storage/lwlock.h"

/* What every part of the shared memory needs; NULL if not preloaded. */
typedef struct AdShared
{
	LWLock	   *stats_lock;		/* stats_table.c: of its structure */
	LWLock	   *progress_lock;	/* progress.c: of the slots' owners */
} AdShared;

extern AdShared *ad_shared;

extern void ad_shared_init(void);
extern void ad_shared_require(const char *what);

#endif							/* AD_SHARED_H */
