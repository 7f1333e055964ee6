/*-------------------------------------------------------------------------
 *
 * score.c
 *		ad_score: one row through a model.
 *
 * A row costs recognising the model (model/cache.c), the
 * conversions (both in ad_model_call_row()), the preparation and the
 * detector's score.
 *
 *-------------------------------------------------------------------------
 */
#include "rows/ad_model_call.h"

PG_FUNCTION_INFO_V1(ad_score);
PG_FUNCTION_INFO_V1(ad_score_row);
PG_FUNCTION_INFO_V1(ad_fits);

/* The score of a call's row, counted; NULL: there is no model. */
static inline Datum
score(FunctionCallInfo fcinfo, AdModelCall *call, AdModel *m)
{
	double		score;

	if (m == NULL)
		PG_RETURN_NULL();
	score = ad_model_score(m, call->args.x);
	ad_stat_score(&call->stat, score);
	PG_RETURN_FLOAT8(score);
}

/*
 * ad_score(model bytea or text, VARIADIC "any") -> float8.  NULL model, or NULL in
 * place of the one array or row: NULL.  A NULL feature is missing.
 */
Datum
ad_score(PG_FUNCTION_ARGS)
{
	AdModelCall *call = NULL;
	AdModel    *m = ad_model_call_row(fcinfo, 1, &call);

	return score(fcinfo, call, m);
}

/* ad_score_row(model bytea or text, row jsonb) -> float8. */
Datum
ad_score_row(PG_FUNCTION_ARGS)
{
	AdModelCall *call = NULL;
	AdModel    *m = ad_model_call_json(fcinfo, &call);

	return score(fcinfo, call, m);
}

/*
 * _ad_fits(model text, VARIADIC "any") -> boolean: true, or the error that
 * ad_score() raises of every row with columns of these types.  Nothing is
 * scored or counted.
 */
Datum
ad_fits(PG_FUNCTION_ARGS)
{
	AdModelCall *call;

	if (ad_model_call_any(fcinfo, 1, &call) != NULL)
		ad_stat_none(&call->stat, true);
	PG_RETURN_BOOL(true);
}
