/*-------------------------------------------------------------------------
 *
 * decide.c
 *		From a score to a decision: p-value, probability, threshold, yes or no.
 *
 *-------------------------------------------------------------------------
 */
#include "rows/ad_model_call.h"
#include "sql/ad_result.h"

#include "utils/float.h"

PG_FUNCTION_INFO_V1(ad_pvalue);
PG_FUNCTION_INFO_V1(ad_pvalue_row);
PG_FUNCTION_INFO_V1(ad_pvalue_randomized);
PG_FUNCTION_INFO_V1(ad_probability);
PG_FUNCTION_INFO_V1(ad_is_anomaly);
PG_FUNCTION_INFO_V1(ad_is_anomaly_row);
PG_FUNCTION_INFO_V1(ad_threshold);

/* Raise an error unless a model remembers scores of its fit. */
static void
need_scores(const AdModel *m)
{
	if (!m->has_scores)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("model does not hold the scores of its fit"),
				 errhint("It is of format 1; fit it again.")));
}

/* Raise an error unless a model has scores of rows held out of its fit. */
static void
need_held_out(const AdModel *m)
{
	if (m->calibration.method == AD_CALIBRATION_NONE)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("model has no calibration rows, so no p-values"),
				 errhint("Fit it with ad_calibrate() in its spec: ad_%s(...) || ad_calibrate().",
						 m->detector->name)));
}

/* The score of a call's row, counted. */
static double
score_row(AdModelCall *call, AdModel *m)
{
	double		score = ad_model_score(m, call->args.x);

	ad_stat_score(&call->stat, score);
	return score;
}

/* The p-value of a call's row; NULL: there is no model. */
static inline Datum
pvalue(FunctionCallInfo fcinfo, AdModelCall *call, AdModel *m)
{
	double		score;

	if (m == NULL)
		PG_RETURN_NULL();
	need_held_out(m);
	score = score_row(call, m);
	PG_RETURN_FLOAT8(ad_scores_pvalue(&m->calibration.held_out, score));
}

/*
 * ad_pvalue(model, VARIADIC "any") -> float8.  NULL as ad_score() is;
 * 55000 without calibration rows.
 */
Datum
ad_pvalue(PG_FUNCTION_ARGS)
{
	AdModelCall *call = NULL;
	AdModel    *m = ad_model_call_row(fcinfo, 1, &call);

	return pvalue(fcinfo, call, m);
}

/* ad_pvalue_row(model, row jsonb) -> float8: the same of a JSON row. */
Datum
ad_pvalue_row(PG_FUNCTION_ARGS)
{
	AdModelCall *call = NULL;
	AdModel    *m = ad_model_call_json(fcinfo, &call);

	return pvalue(fcinfo, call, m);
}

/*
 * ad_pvalue_randomized(model, u float8, VARIADIC "any") -> float8.  NULL as
 * ad_score() is, and for a NULL u; 22003 for one that is not 0 to 1.
 */
Datum
ad_pvalue_randomized(PG_FUNCTION_ARGS)
{
	AdModelCall *call;
	AdModel    *m = PG_ARGISNULL(1) ? NULL :
		ad_model_call_row(fcinfo, 2, &call);
	double		u;
	double		score;

	if (m == NULL)
		PG_RETURN_NULL();
	need_held_out(m);
	u = PG_GETARG_FLOAT8(1);
	if (!(u >= 0 && u <= 1))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("u is out of range: %s", float8out_internal(u)),
				 errdetail("Allowed values are at least 0 and at most 1.")));
	score = score_row(call, m);
	PG_RETURN_FLOAT8(ad_scores_pvalue_random(&m->calibration.held_out, score,
											 u));
}

/* ad_probability(model, VARIADIC "any") -> float8.  NULL as ad_score(). */
Datum
ad_probability(PG_FUNCTION_ARGS)
{
	AdModelCall *call;
	AdModel    *m = ad_model_call_row(fcinfo, 1, &call);
	double		score;

	if (m == NULL)
		PG_RETURN_NULL();
	need_scores(m);
	score = score_row(call, m);
	PG_RETURN_FLOAT8(ad_scores_probability(&m->calibration.training, score));
}

/* Whether a call's row is an anomaly; NULL: there is no model. */
static inline Datum
is_anomaly(FunctionCallInfo fcinfo, AdModelCall *call, AdModel *m)
{
	double		score;

	if (m == NULL)
		PG_RETURN_NULL();
	need_scores(m);
	score = score_row(call, m);
	PG_RETURN_BOOL(score > m->calibration.threshold);
}

/* ad_is_anomaly(model, VARIADIC "any") -> boolean.  NULL as ad_score(). */
Datum
ad_is_anomaly(PG_FUNCTION_ARGS)
{
	AdModelCall *call = NULL;
	AdModel    *m = ad_model_call_row(fcinfo, 1, &call);

	return is_anomaly(fcinfo, call, m);
}

/* ad_is_anomaly_row(model, row jsonb) -> boolean: the same of a JSON row. */
Datum
ad_is_anomaly_row(PG_FUNCTION_ARGS)
{
	AdModelCall *call = NULL;
	AdModel    *m = ad_model_call_json(fcinfo, &call);

	return is_anomaly(fcinfo, call, m);
}

/*
 * ad_threshold(model, contamination float8) -> float8.  NULL
 * contamination: the model's; NULL model: NULL.
 */
Datum
ad_threshold(PG_FUNCTION_ARGS)
{
	AdModelArg *arg = fcinfo->flinfo->fn_extra;
	AdModel    *m;
	double		share;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	if (arg == NULL)
		arg = fcinfo->flinfo->fn_extra =
			MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt,
								   sizeof(AdModelArg));
	m = ad_model_argument(fcinfo, arg, fcinfo->flinfo->fn_mcxt,
						  AD_PRIVILEGE_SCORE);
	need_scores(m);
	if (PG_ARGISNULL(1))
		PG_RETURN_FLOAT8(m->calibration.threshold);
	share = PG_GETARG_FLOAT8(1);
	ad_check_contamination(share);
	if (share == m->calibration.contamination)
		PG_RETURN_FLOAT8(m->calibration.threshold);
	PG_RETURN_FLOAT8(ad_scores_threshold(&m->calibration.training, share));
}
