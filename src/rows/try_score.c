/*-------------------------------------------------------------------------
 *
 * try_score.c
 *		Scores for guards: NULL in place of an error of the model or the row.
 *
 * A trigger or a constraint that scores must not refuse rows because a model
 * was dropped or damaged.  ad_try_score() and ad_try_pvalue() return NULL
 * then, and count it.
 *
 * What is caught is what this library says of a model or of a row that does
 * not fit it, by SQLSTATE (is_caught()).  Whoever raises one of those has done
 * nothing but to read, in its own memory, and holds nothing; so no
 * subtransaction is needed, which would cost more than the score, and could
 * not be had in a parallel worker.  A cast to an array may run anybody's code: it
 * is made before anything is caught.
 *
 * A row that can be seen to raise no error goes the way that it goes in
 * ad_score().
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_fingerprint.h"
#include "rows/ad_model_call.h"
#include "sql/ad_text.h"

PG_FUNCTION_INFO_V1(ad_try_score);
PG_FUNCTION_INFO_V1(ad_try_pvalue);

/* What a call site remembers, in AdModelCall.extra. */
typedef struct Try
{
	uint64		safe;			/* AdModelCall.changes, if the model in use
								 * then refuses no row that fits */
	bool		refused;		/* the types of the arguments are no features */

	/* the last model that could not be had */
	bool		is_bad;
	AdModelArg	bad_name;
	struct varatt_external bad_toast;
	AdFingerprint bad_print;
} Try;

/* A call, for what may be interrupted by an error. */
typedef struct Attempt
{
	FunctionCallInfo fcinfo;
	AdModelCall *call;
	AdModel    *m;				/* NULL: the result is NULL */
	double		score;
} Attempt;

/* Whether an error is the model's, or that of a row which does not fit it. */
static bool
is_caught(int code)
{
	static const int codes[] = {
		ERRCODE_UNDEFINED_OBJECT,	/* no such model */
		ERRCODE_INSUFFICIENT_PRIVILEGE, /* none that the role may use */
		ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,	/* no active version */
		ERRCODE_INVALID_BINARY_REPRESENTATION,	/* damaged, or no model */
		ERRCODE_FEATURE_NOT_SUPPORTED,	/* of a later release */
		ERRCODE_INVALID_PARAMETER_VALUE,	/* another number of features */
		ERRCODE_DATATYPE_MISMATCH,	/* another type */
		ERRCODE_UNDEFINED_COLUMN,	/* a row without a feature */
		ERRCODE_DUPLICATE_COLUMN,	/* a row with two of a name */
		ERRCODE_ARRAY_SUBSCRIPT_ERROR,	/* an array of arrays */
		ERRCODE_NULL_VALUE_NOT_ALLOWED, /* missing, and not to be imputed */
		ERRCODE_PROGRAM_LIMIT_EXCEEDED	/* too many features */
	};

	for (int i = 0; i < (int) lengthof(codes); i++)
		if (code == codes[i])
			return true;
	return false;
}

/* Whether a model, or a member of it, refuses rows with missing values. */
static bool
may_refuse(const AdModel *m)
{
	if (m->impute == AD_IMPUTE_ERROR)
		return true;
	for (int i = 0; i < m->nmembers; i++)
		if (may_refuse(m->members[i]))
			return true;
	return false;
}

/* Whether a literal without a type is among the features. */
static bool
has_untyped(const AdArgs *a)
{
	bool		has_types = a->form == AD_FORM_COLUMNS ||
		a->form == AD_FORM_PACKED;

	for (int j = 0; has_types && j < a->nfeatures; j++)
		if (a->sources[j].kind == AD_SRC_UNKNOWN)
			return true;
	return false;
}

/* The call site's memory, made if need be. */
static Try *
memory_of(FunctionCallInfo fcinfo, AdModelCall *call)
{
	if (call->extra == NULL)
		call->extra = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt,
											 sizeof(Try));
	return call->extra;
}

/* Remember that the model in argument 0 could not be had. */
static void
remember_bad(FunctionCallInfo fcinfo, const AdModelCall *call, Try *t)
{
	struct varlena *value =
		(struct varlena *) DatumGetPointer(PG_GETARG_DATUM(0));

	/* of a name that is too long for any no more is read */
	t->is_bad = call->model.form != AD_MODEL_BY_NAME ||
		ad_raw_length(PG_GETARG_DATUM(0)) <= AD_MAX_MODEL_NAME;
	if (!t->is_bad)
		return;
	if (call->model.form == AD_MODEL_BY_NAME)
		ad_model_argument_note(fcinfo, &t->bad_name);
	else if (VARATT_IS_EXTERNAL_ONDISK(value))
		VARATT_EXTERNAL_GET_POINTER(t->bad_toast, value);
	else
	{
		t->bad_toast.va_valueid = InvalidOid;
		t->bad_print = ad_fingerprint(value, VARSIZE_ANY(value));
	}
}

/* Whether argument 0 is the model that could not be had. */
static bool
is_bad(FunctionCallInfo fcinfo, const AdModelCall *call, const Try *t)
{
	struct varlena *value =
		(struct varlena *) DatumGetPointer(PG_GETARG_DATUM(0));
	AdFingerprint print;

	if (!t->is_bad)
		return false;
	if (call->model.form == AD_MODEL_BY_NAME)
		return ad_raw_length(PG_GETARG_DATUM(0)) <= AD_MAX_MODEL_NAME &&
			ad_model_argument_is_noted(fcinfo, &t->bad_name);
	/* a value in memory is told by its bytes */
	if (VARATT_IS_EXTERNAL_ONDISK(value))
	{
		struct varatt_external p;

		VARATT_EXTERNAL_GET_POINTER(p, value);
		return p.va_valueid == t->bad_toast.va_valueid &&
			p.va_toastrelid == t->bad_toast.va_toastrelid;
	}
	if (OidIsValid(t->bad_toast.va_valueid) || VARATT_IS_EXTERNAL(value))
		return false;
	print = ad_fingerprint(value, VARSIZE_ANY(value));
	return ad_fingerprint_equal(&print, &t->bad_print);
}

/* Resolve the arguments, or else read and score a row; any error may end it. */
static void
attempt(Attempt *a)
{
	if (!a->call->ready)
	{
		ad_model_call_resolve(a->fcinfo, 1, a->call);
		return;
	}
	a->m = ad_model_call_row(a->fcinfo, 1, &a->call);
	if (a->m != NULL)
		a->score = ad_model_score(a->m, a->call->args.x);
}

/* Attempt that; false: an error was caught. */
static bool
survives(Attempt *a)
{
	MemoryContext mcxt = CurrentMemoryContext;
	volatile bool result = true;

	PG_TRY();
	{
		attempt(a);
	}
	PG_CATCH();
	{
		a->call->args.is_cast = false;
		MemoryContextSwitchTo(mcxt);
		if (!is_caught(geterrcode()))
			PG_RE_THROW();
		FlushErrorState();
		result = false;
	}
	PG_END_TRY();
	return result;
}

/* The slow way: a new call site or model, or a row that may not fit. */
static bool
try_slowly(Attempt *a)
{
	FunctionCallInfo fcinfo = a->fcinfo;
	AdModelCall *call = a->call ? a->call : ad_model_call_new(fcinfo);
	Try		   *t = memory_of(fcinfo, call);
	uint32		before = call->stat.found;
	const AdStatCounts *counts = call->stat.now;
	bool		found;

	a->call = call;
	if (!call->ready && !t->refused)
		t->refused = !survives(a);
	if (t->refused || is_bad(fcinfo, call, t))
	{
		ad_stat_enter(&call->stat);
		ad_stat_caught(&call->stat, false);
		return false;
	}
	ad_args_cast(&call->args, fcinfo);
	if (survives(a))
	{
		if (a->m && !may_refuse(a->m) && !has_untyped(&call->args))
			t->safe = call->changes;
		return a->m != NULL;
	}

	/* it had its model if that was counted, or counted as another one's */
	found = call->stat.found != before || call->stat.now != counts;
	if (!found)
		remember_bad(fcinfo, call, t);
	ad_stat_caught(&call->stat, found);
	return false;
}

/* The model of a row that is going to be scored without an error; else NULL. */
static inline AdModel *
safe_model(FunctionCallInfo fcinfo, AdModelCall *call)
{
	if (unlikely(call == NULL || call->extra == NULL || PG_ARGISNULL(0) ||
				 ((Try *) call->extra)->safe != call->changes))
		return NULL;
	return ad_model_call_held(fcinfo, call);
}

/*
 * Score the row of a call f(model bytea or text, features).  NULL: the
 * result is, and what is to be counted was.  p_value: the model needs
 * rows held out of its fit.
 */
static inline AdModel *
try_row(FunctionCallInfo fcinfo, bool p_value, double *score)
{
	AdModelCall *call = fcinfo->flinfo->fn_extra;
	AdModel    *m = safe_model(fcinfo, call);

	if (likely(m != NULL))
		*score = ad_model_score(m, call->args.x);
	else
	{
		Attempt		a = {fcinfo, call, NULL, 0};

		if (PG_ARGISNULL(0) || !try_slowly(&a))
			return NULL;
		call = a.call;
		m = a.m;
		*score = a.score;
	}
	if (p_value && m->calibration.method == AD_CALIBRATION_NONE)
	{
		ad_stat_caught(&call->stat, true);
		return NULL;
	}
	ad_stat_score(&call->stat, *score);
	return m;
}

/*
 * ad_try_score(model bytea or text, VARIADIC "any") -> float8: ad_score(), or
 * NULL in place of an error that is_caught().
 */
Datum
ad_try_score(PG_FUNCTION_ARGS)
{
	double		score;

	if (try_row(fcinfo, false, &score) == NULL)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(score);
}

/* ad_try_pvalue(model, VARIADIC "any") -> float8: the same of ad_pvalue(). */
Datum
ad_try_pvalue(PG_FUNCTION_ARGS)
{
	double		score;
	AdModel    *m = try_row(fcinfo, true, &score);

	if (m == NULL)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(ad_scores_pvalue(&m->calibration.held_out, score));
}
