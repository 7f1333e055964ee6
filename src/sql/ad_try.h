/*-------------------------------------------------------------------------
 *
 * ad_try.h
 *		An error that is no end.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_TRY_H
#define AD_TRY_H

#include "core/ad_core.h"

/*
 * Call function(arg) in a subtransaction.  If it raises an error, what it did
 * is undone, and the error is returned, without its context, palloc'd in the
 * current memory context.  A cancel or a shutdown goes on.  NULL: no error.
 */
extern ErrorData *ad_try(void (*function) (void *arg), void *arg);

#endif							/* AD_TRY_H */
