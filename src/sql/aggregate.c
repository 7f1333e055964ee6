/*-------------------------------------------------------------------------
 *
 * aggregate.c
 *		The memory context that the state of an aggregate lives in, and the
 *		release that made a state which comes from elsewhere.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_core.h"
#include "sql/ad_aggregate.h"

#define STATE_FORMAT	2		/* until 0.2.0 a state began with 0 or 1 */
#define MAX_RELEASE_LENGTH 31	/* bytes of a release's number */

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

/*
 * Begin the bytes of a state.  They go to another process, and with some
 * engines to another server, which may have another release.
 */
void
ad_aggregate_write_release(StringInfo buf)
{
	ad_wr_u8(buf, STATE_FORMAT);
	ad_wr_string(buf, AD_RELEASE, strlen(AD_RELEASE));
}

/* Raise an error unless the bytes of a state are those of this release. */
void
ad_aggregate_check_release(AdReader *r)
{
	const char *release = "before 0.3.0";
	Size		len = strlen(release);

	if (ad_rd_u8(r) == STATE_FORMAT)
	{
		release = ad_rd_string(r, MAX_RELEASE_LENGTH, &len);
		ad_rd_text_check(r, release, len);
	}
	if (len == strlen(AD_RELEASE) && memcmp(release, AD_RELEASE, len) == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("aggregate state was made by version %s of the anomaly extension, this server has %s",
					ad_quote_clip_len(release, len), AD_RELEASE),
			 errhint("Install the same version on all servers.")));
}
