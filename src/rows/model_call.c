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
#include "operate/ad_groups.h"
#include "rows/ad_model_call.h"
#include "rows/ad_origin.h"
#include "rows/ad_registry.h"

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
 * Find out, once per call site, what argument 0 is declared as: bytea or
 * text; and of bytes, how they are recognized.  The declaration is asked,
 * which is there however the function is called.
 */
void
ad_model_argument_form(FunctionCallInfo fcinfo, AdModelArg *arg)
{
	Oid		   *types;
	int			n;

	(void) get_func_signature(fcinfo->flinfo->fn_oid, &types, &n);
	if (n < 1)
		elog(ERROR, "function %u has no model argument",
			 fcinfo->flinfo->fn_oid);
	arg->form = types[0] == TEXTOID ? AD_MODEL_BY_NAME : AD_MODEL_BY_BYTES;
	if (arg->form == AD_MODEL_BY_BYTES)
		arg->ref.trust = ad_model_origin_trust(fcinfo->flinfo);
	pfree(types);
}

/* Whether the name in argument 0 and all that decides what it means are as noted. */
static inline bool
is_noted(const AdModelArg *arg, const text *name, const AdMoment *now)
{
	return same_moment(now, &arg->moment) &&
		VARSIZE_ANY_EXHDR(name) == arg->name_length &&
		memcmp(VARDATA_ANY(name), arg->name, arg->name_length) == 0;
}

/* Note the name in argument 0, which can be one, and the moment. */
void
ad_model_argument_note(FunctionCallInfo fcinfo, AdModelArg *arg)
{
	text	   *name = DatumGetTextPP(PG_GETARG_DATUM(0));

	arg->name_length = VARSIZE_ANY_EXHDR(name);
	Assert(arg->name_length <= AD_MAX_MODEL_NAME);
	memcpy(arg->name, VARDATA_ANY(name), arg->name_length);
	this_moment(&arg->moment);
}

/* Whether it is as noted. */
bool
ad_model_argument_is_noted(FunctionCallInfo fcinfo, const AdModelArg *arg)
{
	AdMoment	now;

	this_moment(&now);
	return is_noted(arg, DatumGetTextPP(PG_GETARG_DATUM(0)), &now);
}

/*
 * Return the model whose name argument 0 is; NULL: it has a model per entity,
 * and the call takes that, see arg->group.  Errors: no such model, no active
 * version, no privilege, damaged bytes.
 */
AdModel *
ad_model_argument_named(FunctionCallInfo fcinfo, AdModelArg *arg,
						MemoryContext owner, AdPrivilege need)
{
	AdMoment	now;
	text	   *name = ad_model_name_argument(PG_GETARG_DATUM(0));
	AdGroups   *groups = NULL;
	Datum		value;
	int32		version = AD_VERSION_ACTIVE;

	this_moment(&now);
	if (arg->version != 0 && is_noted(arg, name, &now))
		return arg->group ? NULL : arg->ref.model;

	arg->version = 0;
	if (arg->takes_groups)
		ad_registry_find(name, &version, need, &value, &groups);
	else
		value = ad_registry_model(name, &version, need);
	if (groups != NULL)
		ad_group_call_set(arg, groups, owner);
	else
	{
		arg->group = NULL;
		(void) ad_model_get(&arg->ref, (struct varlena *) DatumGetPointer(value),
							owner);
	}
	pfree(DatumGetPointer(value));

	/* a model that exists has a name that fits */
	arg->name_length = VARSIZE_ANY_EXHDR(name);
	Assert(arg->name_length <= AD_MAX_MODEL_NAME);
	memcpy(arg->name, VARDATA_ANY(name), arg->name_length);
	arg->moment = now;
	arg->version = version;
	return arg->group ? NULL : arg->ref.model;
}

/* The name that a call site last gave, palloc'd, or NULL if it gave bytes. */
const char *
ad_model_argument_name(const AdModelArg *arg)
{
	if (arg->form != AD_MODEL_BY_NAME || arg->version == 0)
		return NULL;
	return pnstrdup(arg->name, arg->name_length);
}

/* Make a call site, which is kept in fn_extra. */
AdModelCall *
ad_model_call_new(FunctionCallInfo fcinfo)
{
	MemoryContext mcxt = fcinfo->flinfo->fn_mcxt;
	AdModelCall *call = MemoryContextAllocZero(mcxt, sizeof(AdModelCall));

	ad_stat_attach(&call->stat, mcxt);
	call->model.takes_groups = true;
	fcinfo->flinfo->fn_extra = call;
	return call;
}

/*
 * Resolve the arguments of a call site by their types, from "first" on; anew, if
 * they were from another on.
 */
void
ad_model_call_resolve(FunctionCallInfo fcinfo, int first, AdModelCall *call)
{
	MemoryContext mcxt = fcinfo->flinfo->fn_mcxt;

	call->matched = NULL;
	if (call->args.mcxt != NULL)
	{
		/* a name for another, of which the features begin elsewhere */
		if (call->args_mcxt == NULL)
			call->args_mcxt = AllocSetContextCreate(mcxt, "anomaly arguments",
													ALLOCSET_DEFAULT_SIZES);
		call->ready = false;
		memset(&call->args, 0, sizeof(call->args));
		MemoryContextReset(call->args_mcxt);
		mcxt = call->args_mcxt;
	}
	if (call->json)
		ad_json_init(&call->args, first, mcxt);
	else
		ad_args_init(&call->args, fcinfo, first, mcxt);
	call->ready = true;
}

/* The model of a call's row has changed: match the arguments to it. */
static void
match(AdModelCall *call, AdModel *m)
{
	bool		anew = call->matched == NULL;

	call->matched = NULL;
	if (call->model.group)
		ad_group_call_match(call, m, anew);
	else
	{
		ad_stat_model(&call->stat, m, ad_model_argument_name(&call->model),
					  call->model.version);
		ad_args_match(&call->args, m);
	}
	call->matched = m;
	call->changes++;
}

/* Read the row of a call that has its model; NULL: the one array or row is. */
static inline AdModel *
read_row(FunctionCallInfo fcinfo, AdModelCall *call, AdModel *m)
{
	AdArgs	   *a = &call->args;

	if (!ad_args_next(a, fcinfo, m))
	{
		ad_stat_none(&call->stat, true);
		return NULL;
	}
	if (!a->numbers_only)
		for (int j = 0; j < m->nfeatures; j++)
		{
			const AdDict *dict = &m->features[j].dict;
			int64		code;

			if (m->features[j].class != AD_CLASS_CATEGORY)
				continue;
			if (a->category[j].s == NULL)
			{
				a->x[j] = NAN;
				continue;
			}
			code = ad_dict_find(dict, a->category[j].s, a->category[j].len);
			a->x[j] = code >= 0 ? (double) code : (double) dict->n;
		}
	return m;
}

/*
 * The same as ad_model_call_row() where it can be seen that no error is raised
 * before the row is scored: the call site holds the model, and the arguments
 * are matched to it and fit; else NULL, and nothing was done.
 */
AdModel *
ad_model_call_held(FunctionCallInfo fcinfo, AdModelCall *call)
{
	AdModelArg *arg = &call->model;
	AdModel    *m = NULL;

	if (arg->form == AD_MODEL_BY_BYTES)
		m = ad_model_held(&arg->ref,
						  (struct varlena *) DatumGetPointer(PG_GETARG_DATUM(0)));
	else if (arg->version != 0 && arg->group == NULL &&
			 ad_model_argument_is_noted(fcinfo, arg))
		m = arg->ref.model;
	if (m == NULL || m != call->matched ||
		(call->args.form != AD_FORM_COLUMNS &&
		 !ad_args_will_fit(&call->args, fcinfo, m)))
		return NULL;
	ad_stat_enter(&call->stat);
	ad_stat_found(&call->stat);
	return read_row(fcinfo, call, m);
}

/* Read the row of a call; any: of whichever entity there is a model for. */
static inline AdModel *
call_row(FunctionCallInfo fcinfo, int first, bool any, AdModelCall **result)
{
	AdModelCall *call = fcinfo->flinfo->fn_extra;
	AdModel    *m;

	if (PG_ARGISNULL(0))
		return NULL;
	if (unlikely(call == NULL))
		call = ad_model_call_new(fcinfo);
	*result = call;
	ad_stat_enter(&call->stat);
	if (unlikely(!call->ready))
	{
		if (call->model.form == AD_MODEL_UNKNOWN)
			ad_model_argument_form(fcinfo, &call->model);
		/* of a name only the model tells where the features begin */
		if (call->model.form == AD_MODEL_BY_BYTES)
			ad_model_call_resolve(fcinfo, first, call);
	}

	m = ad_model_argument(fcinfo, &call->model, fcinfo->flinfo->fn_mcxt,
						  AD_PRIVILEGE_SCORE);
	if (unlikely(call->model.group != NULL))
	{
		m = ad_group_call_model(fcinfo, first, any, call);
		first += ad_group_call_columns(fcinfo, first, call);
		if (m == NULL)
		{
			ad_stat_none(&call->stat, false);
			return NULL;
		}
	}
	if (unlikely(!call->ready || call->args.first != first))
		ad_model_call_resolve(fcinfo, first, call);
	ad_stat_found(&call->stat);
	if (unlikely(m != call->matched))
		match(call, m);
	return read_row(fcinfo, call, m);
}

/*
 * Read the row of a call f(model bytea or text, ..., features).  Return the
 * model, with the raw row in (*call)->args.x, a category as its code in the
 * model; or NULL when the result is NULL, the model being NULL or the one
 * array or row.  Features begin at argument "first", or, of a name that has a
 * model per entity, after the entity; NULL too if there is no model for that.
 * What is resolved once per call site is kept in fn_extra.
 */
AdModel *
ad_model_call_row(FunctionCallInfo fcinfo, int first, AdModelCall **call)
{
	return call_row(fcinfo, first, false, call);
}

/* The same with a model of any entity, in place of the row's. */
AdModel *
ad_model_call_any(FunctionCallInfo fcinfo, int first, AdModelCall **call)
{
	return call_row(fcinfo, first, true, call);
}

/*
 * The same of a call f(model bytea or text, row jsonb, ...): features, and what
 * names the entity, are read from the keys of the row.
 */
AdModel *
ad_model_call_json(FunctionCallInfo fcinfo, AdModelCall **call)
{
	if (fcinfo->flinfo->fn_extra == NULL)
		ad_model_call_new(fcinfo)->json = true;
	return call_row(fcinfo, 1, false, call);
}
