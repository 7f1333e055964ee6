/*-------------------------------------------------------------------------
 *
 * score.c
 *		ad_score: one row through a model.
 *
 * What is resolved once a call site is kept in fn_extra: the model held in
 * the cache, and how the arguments become its features.  A row then costs
 * recognising the model (by toast pointer or digest), the conversions, the
 * preparation and the detector's score.
 *
 *-------------------------------------------------------------------------
 */
#include "api/ad_api.h"

typedef struct ScoreCall
{
	AdModelArg	model;
	AdModel    *matched;		/* model the arguments are matched to */
	AdArgs		args;
} ScoreCall;

PG_FUNCTION_INFO_V1(ad_score);

/*
 * ad_score(model bytea or text, VARIADIC "any") -> float8.  NULL model, or NULL in
 * place of the one array or row: NULL.  A NULL feature is missing.
 */
Datum
ad_score(PG_FUNCTION_ARGS)
{
	ScoreCall  *call = fcinfo->flinfo->fn_extra;
	AdModel    *m;
	AdArgs	   *a;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	if (unlikely(call == NULL))
	{
		MemoryContext mcxt = fcinfo->flinfo->fn_mcxt;

		call = MemoryContextAllocZero(mcxt, sizeof(ScoreCall));
		ad_args_init(&call->args, fcinfo, 1, mcxt);
		fcinfo->flinfo->fn_extra = call;
	}
	a = &call->args;

	m = ad_model_argument(fcinfo, &call->model, fcinfo->flinfo->fn_mcxt,
						  AD_PRIVILEGE_SCORE);
	if (unlikely(m != call->matched))
	{
		call->matched = NULL;
		ad_args_match(a, m);
		call->matched = m;
	}
	if (!ad_args_next(a, fcinfo, m))
		PG_RETURN_NULL();
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
	PG_RETURN_FLOAT8(ad_model_score(m, a->x));
}
