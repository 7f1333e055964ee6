/*-------------------------------------------------------------------------
 *
 * aggregate.c
 *		The memory context that the state of an aggregate lives in.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_core.h"
#include "sql/ad_aggregate.h"

/* Return the context of the aggregate that calls, or raise an error. */
MemoryContext
ad_aggregate_context(FunctionCallInfo fcinfo)
{
	MemoryContext mcxt;

	if (!AggCheckCallContext(fcinfo, &mcxt))
		elog(ERROR, "function %u called in non-aggregate context",
			 fcinfo->flinfo->fn_oid);
	return mcxt;
}
