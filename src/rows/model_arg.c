/*-------------------------------------------------------------------------
 *
 * model_arg.c
 *		The model argument of every function over a model: bytes, or a name.
 *
 * A name is resolved under the snapshot of the running query.  A call site
 * keeps what it resolved while nothing that decides it can have changed:
 * the snapshot, the user and the name.  That has to be looked at on every
 * call, since a call site may outlive its statement (in PL/pgSQL) or be
 * run as another user; comparing takes nanoseconds, resolving microseconds.
 *
 *-------------------------------------------------------------------------
 */
#include "rows/ad_rows.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

/*
 * Whether two moments are one, as far as what is visible goes.  The
 * subtransaction is part of it: rolling one back changes what is seen, but
 * need not change the numbers of the next snapshot.
 */
static inline bool
same_moment(const AdMoment *a, const AdMoment *b)
{
	return a->user == b->user &&
		a->curcid == b->curcid &&
		a->xmin == b->xmin &&
		a->xmax == b->xmax &&
		a->xcnt == b->xcnt &&
		a->completed == b->completed &&
		a->subtransaction == b->subtransaction &&
		a->transaction == b->transaction;
}

/* Now, as same_moment() compares it. */
static inline void
this_moment(AdMoment *now)
{
	Snapshot	snapshot;

	if (unlikely(!ActiveSnapshotSet()))
		elog(ERROR, "cannot look up a model without a snapshot");
	snapshot = GetActiveSnapshot();
	now->user = GetUserId();
	now->curcid = snapshot->curcid;
	now->xmin = snapshot->xmin;
	now->xmax = snapshot->xmax;
	now->xcnt = snapshot->xcnt;
#if PG_VERSION_NUM >= 140000
	now->completed = snapshot->snapXactCompletionCount;
#else
	/* on a standby the transactions that run are counted as subtransactions */
	now->completed = (uint64) snapshot->subxcnt;
#endif
	now->subtransaction = GetCurrentSubTransactionId();
	now->transaction = GetCurrentTransactionStartTimestamp();
}

/*
 * Find out once a call site what argument 0 is declared as: bytea or text;
 * and of bytes, how they are known again.  The declaration is asked, which is
 * there however the function is called.
 */
static void
resolve_form(FunctionCallInfo fcinfo, AdModelArg *arg)
{
	Oid			function = fcinfo->flinfo->fn_oid;
	Oid		   *types;
	int			n;

	(void) get_func_signature(function, &types, &n);
	if (n < 1)
		elog(ERROR, "function %u has no model argument", function);
	arg->form = types[0] == TEXTOID ? AD_MODEL_BY_NAME : AD_MODEL_BY_BYTES;
	if (arg->form == AD_MODEL_BY_BYTES)
		arg->ref.trust = ad_model_origin_trust(fcinfo->flinfo);
	pfree(types);
}

/*
 * What ad_model_argument() does when argument 0 is not known to be bytes.
 * Errors: no such model, no active version, no privilege, damaged bytes.
 */
AdModel *
ad_model_argument_slow(FunctionCallInfo fcinfo, AdModelArg *arg,
					   MemoryContext owner, AdPrivilege need)
{
	AdMoment	now;
	text	   *name;
	Datum		value;
	int32		version = AD_VERSION_ACTIVE;

	if (arg->form == AD_MODEL_UNKNOWN)
		resolve_form(fcinfo, arg);
	if (arg->form == AD_MODEL_BY_BYTES)
		return ad_model_get(&arg->ref,
							(struct varlena *) DatumGetPointer(PG_GETARG_DATUM(0)),
							owner);

	name = ad_model_name_argument(PG_GETARG_DATUM(0));
	this_moment(&now);
	if (arg->version != 0 && same_moment(&now, &arg->moment) &&
		VARSIZE_ANY_EXHDR(name) == arg->name_length &&
		memcmp(VARDATA_ANY(name), arg->name, arg->name_length) == 0)
		return arg->ref.model;

	arg->version = 0;
	value = ad_registry_model(name, &version, need);
	(void) ad_model_get(&arg->ref, (struct varlena *) DatumGetPointer(value),
						owner);
	pfree(DatumGetPointer(value));

	/* a model that exists has a name that fits */
	arg->name_length = VARSIZE_ANY_EXHDR(name);
	Assert(arg->name_length <= AD_MAX_MODEL_NAME);
	memcpy(arg->name, VARDATA_ANY(name), arg->name_length);
	arg->moment = now;
	arg->version = version;
	return arg->ref.model;
}

/* The name that a call site last gave, palloc'd, or NULL if it gave bytes. */
const char *
ad_model_argument_name(const AdModelArg *arg)
{
	if (arg->form != AD_MODEL_BY_NAME || arg->version == 0)
		return NULL;
	return pnstrdup(arg->name, arg->name_length);
}
