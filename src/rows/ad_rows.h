/*-------------------------------------------------------------------------
 *
 * ad_rows.h
 *		What the SQL-callable functions share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_ROWS_H
#define AD_ROWS_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "sql/ad_text.h"
#include "fmgr.h"
#include "model/ad_model.h"
#include "nodes/primnodes.h"
#include "operate/ad_operate.h"
#include "operate/ad_stats.h"

/* The three forms that features arrive in. */
typedef enum AdForm
{
	AD_FORM_COLUMNS,			/* one argument a feature */
	AD_FORM_ARRAY,				/* one array, an element a feature */
	AD_FORM_ROW					/* one row, an attribute a feature */
} AdForm;

/*
 * Feature arguments of a call site, resolved once by type.  After
 * ad_args_next(), x and category hold a row's values by feature.
 */
typedef struct AdArgs
{
	MemoryContext mcxt;			/* of everything below */
	AdForm		form;
	int			first;			/* argument the features begin at */
	int			nfeatures;		/* array: 0 until the first row */
	AdSource   *sources;		/* per feature; array: one for all */
	char	  **names;			/* per feature; "" but in the row form */
	bool		numbers_only;	/* no feature is a category */
	bool		float8_only;	/* columns, all of them float8 */
	double	   *x;				/* NaN: missing; categories: 0 */
	AdCategory *category;		/* s NULL: missing */

	/* array form */
	Oid			element;
	int16		typlen;
	bool		typbyval;
	char		typalign;
	bool		has_cast;		/* to an array, first */
	FmgrInfo	cast;
	int			cast_nargs;

	/* row form */
	MemoryContext row_mcxt;		/* of what follows, in a score */
	Oid			row_type;		/* InvalidOid until the first row */
	int32		row_typmod;
	TupleDesc	desc;
	int		   *attribute;		/* per feature: index in desc */
	Datum	   *values;
	bool	   *nulls;
} AdArgs;

extern void ad_args_init(AdArgs *a, FunctionCallInfo fcinfo, int first,
						 MemoryContext mcxt);
extern bool ad_args_next(AdArgs *a, FunctionCallInfo fcinfo,
						 const AdModel *m);
extern AdFeature *ad_args_features(const AdArgs *a);

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
} AdModelArg;

extern text *ad_model_name_argument(Datum value);
extern AdModel *ad_model_argument_slow(FunctionCallInfo fcinfo,
									   AdModelArg *arg, MemoryContext owner,
									   AdPrivilege need);

extern const char *ad_model_argument_name(const AdModelArg *arg);

/*
 * The model that argument 0 (not NULL) says, as bytes or by name; held until
 * the owner context is reset.  need is what the user must be granted when it
 * is a name.
 */
static inline AdModel *
ad_model_argument(FunctionCallInfo fcinfo, AdModelArg *arg,
				  MemoryContext owner, AdPrivilege need)
{
	if (likely(arg->form == AD_MODEL_BY_BYTES))
		return ad_model_get(&arg->ref,
							(struct varlena *) DatumGetPointer(PG_GETARG_DATUM(0)),
							owner);
	return ad_model_argument_slow(fcinfo, arg, owner, need);
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
	AdStatSite	stat;			/* counts of the call site */
	void	   *extra;			/* the function's own; NULL at first */
} AdModelCall;

extern AdModel *ad_model_call_row(FunctionCallInfo fcinfo, int first,
								  AdModelCall **call);

/* job_lock.c */
extern const char *ad_job_running(void);

/* planner.c */
extern void ad_planner_init(void);

/* model_origin.c */
struct PlannerInfo;
extern Node *ad_model_origin(struct PlannerInfo *root, FuncExpr *call);
extern AdTrust ad_model_origin_trust(const FmgrInfo *flinfo);

/* The addresses by which the planner knows what makes models. */
extern PGDLLEXPORT Datum ad_fit_finalfn(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum ad_fit_sketch(PG_FUNCTION_ARGS);

extern void ad_spec_from_value(struct varlena *value, bool is_text,
							   bool need_detector, AdSpec *spec);
extern Jsonb *ad_jsonb_from_text(const char *text);

#endif							/* AD_ROWS_H */
