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

#include "core/ad_bytes.h"
#include "fmgr.h"

extern MemoryContext ad_aggregate_context(FunctionCallInfo fcinfo);
extern void ad_aggregate_write_release(StringInfo buf);
extern void ad_aggregate_check_release(AdReader *r);

#endif							/* AD_AGGREGATE_H */
