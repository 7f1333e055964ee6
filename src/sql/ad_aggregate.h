/*-------------------------------------------------------------------------
 *
 * ad_aggregate.h
 *		The memory context that the state of an aggregate lives in.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_AGGREGATE_H
#define AD_AGGREGATE_H

#include "postgres.h"

#include "fmgr.h"

extern MemoryContext ad_aggregate_context(FunctionCallInfo fcinfo);

#endif							/* AD_AGGREGATE_H */
