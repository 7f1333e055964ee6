/*-------------------------------------------------------------------------
 *
 * ad_model_call.h
 *		Calls over a model, and a row: which model, whose statistics.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_MODEL_CALL_H
#define AD_MODEL_CALL_H

#include "model/ad_cache.h"
#include "operate/ad_operate.h"
#include "operate/ad_stats.h"
#include "rows/ad_args.h"

/* How argument 0 of a function over a model says which. */
typedef enum AdModelForm
{
	AD_MODEL_UNKNOWN,			/* not looked at yet */
	AD_MODEL_BY_BYTES,
	AD_MODEL_BY_NAME
} AdModelForm;

/* All that decides what the registry says to a call. */
typedef struct AdMoment
{
	Oid			user;
	CommandId	curcid;
	TransactionId xmin;
	TransactionId xmax;
	uint32		xcnt;
	uint64		completed;		/* transactions, when the snapshot was taken */
	SubTransactionId subtransaction;
	TimestampTz transaction;	/* its start */
} AdMoment;

/* The model argument of a call site; zeroed at first. */
typedef struct AdModelArg
{
	AdModelRef	ref;
	AdModelForm form;
	int32		version;		/* resolved; 0: none yet, or not a name */
	AdMoment	moment;			/* when it was resolved */
	Size		name_length;
	char		name[AD_MAX_MODEL_NAME];
	bool		takes_groups;	/* the call says of which entity a row is */
	struct AdGroupCall *group;	/* if the name has a model per entity */
} AdModelArg;

struct AdGroups;				/* ad_groups.h */
struct AdModelCall;

extern void ad_model_argument_form(FunctionCallInfo fcinfo, AdModelArg *arg);
extern AdModel *ad_model_argument_named(FunctionCallInfo fcinfo,
										AdModelArg *arg, MemoryContext owner,
										AdPrivilege need);
extern const char *ad_model_argument_name(const AdModelArg *arg);

/*
 * Return the model that argument 0 (not NULL) names or is, held until the
 * owner context is reset.  need is what the user must be granted if it is a
 * name.
 */
static inline AdModel *
ad_model_argument(FunctionCallInfo fcinfo, AdModelArg *arg,
				  MemoryContext owner, AdPrivilege need)
{
	if (unlikely(arg->form != AD_MODEL_BY_BYTES))
	{
		if (arg->form == AD_MODEL_UNKNOWN)
			ad_model_argument_form(fcinfo, arg);
		if (arg->form == AD_MODEL_BY_NAME)
			return ad_model_argument_named(fcinfo, arg, owner, need);
	}
	return ad_model_get(&arg->ref,
						(struct varlena *) DatumGetPointer(PG_GETARG_DATUM(0)),
						owner);
}

/*
 * A call site of a function over a model and a row, in fn_extra: the model
 * held in the cache, and how the arguments become its features.  Who gets a
 * row must end the call with ad_stat_score() or ad_stat_none().
 */
typedef struct AdModelCall
{
	AdModelArg	model;
	AdModel    *matched;		/* model the arguments are matched to */
	uint64		changes;		/* of it: an address may come back for another */
	AdArgs		args;
	MemoryContext args_mcxt;	/* of them, if they were resolved anew */
	AdStatSite	stat;			/* counts of the call site */
	bool		ready;			/* the arguments are resolved */
	bool		json;			/* the row is a jsonb */
	void	   *extra;			/* the function's own; NULL at first */
} AdModelCall;

extern AdModel *ad_model_call_row(FunctionCallInfo fcinfo, int first,
								  AdModelCall **call);
extern AdModel *ad_model_call_json(FunctionCallInfo fcinfo,
								   AdModelCall **call);
extern AdModelCall *ad_model_call_new(FunctionCallInfo fcinfo);
extern void ad_model_call_resolve(FunctionCallInfo fcinfo, int first,
								  AdModelCall *call);
extern AdModel *ad_model_call_held(FunctionCallInfo fcinfo,
								   AdModelCall *call);
extern bool ad_model_argument_is_noted(FunctionCallInfo fcinfo,
									   const AdModelArg *arg);
extern void ad_model_argument_note(FunctionCallInfo fcinfo, AdModelArg *arg);
extern AdModel *ad_model_call_any(FunctionCallInfo fcinfo, int first,
								  AdModelCall **call);

/* group_call.c: the models of a name that has one per entity */
extern void ad_group_call_set(AdModelArg *arg, const struct AdGroups *groups,
							  MemoryContext owner);
extern AdModel *ad_group_call_model(FunctionCallInfo fcinfo, int first,
									bool any, AdModelCall *call);
extern int	ad_group_call_columns(FunctionCallInfo fcinfo, int first,
								  AdModelCall *call);
extern void ad_group_call_match(AdModelCall *call, const AdModel *m,
								bool anew);

#endif							/* AD_MODEL_CALL_H */
