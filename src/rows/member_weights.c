/*-------------------------------------------------------------------------
 *
 * member_weights.c
 *		Weights of an ensemble's members, from labelled rows: private functions
 *		that queries of ours over such rows call.
 *
 *-------------------------------------------------------------------------
 */
#include "model/ad_weigh.h"
#include "rows/ad_model_call.h"
#include "rows/ad_spec_value.h"
#include "sql/ad_aggregate.h"
#include "sql/ad_text.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/float.h"

PG_FUNCTION_INFO_V1(ad_member_scores);
PG_FUNCTION_INFO_V1(ad_weigh_transfn);
PG_FUNCTION_INFO_V1(ad_weigh_finalfn);

/* The state of _ad_weigh(). */
typedef struct WeighState
{
	AdModel    *model;
	AdWeigher  *weigher;
} WeighState;

/*
 * _ad_member_scores(model bytea, VARIADIC "any") -> float8[]: what each member
 * of an ensemble says of a row.  NULL where ad_score() is, and for a model
 * without members.
 */
Datum
ad_member_scores(PG_FUNCTION_ARGS)
{
	AdModelCall *call;
	AdModel    *m = ad_model_call_row(fcinfo, 1, &call);
	Datum		scores[AD_MAX_MEMBERS];

	if (m == NULL)
		PG_RETURN_NULL();
	for (int k = 0; k < m->nmembers; k++)
		scores[k] = Float8GetDatum(ad_model_score(m->members[k], call->args.x));
	ad_stat_none(&call->stat, true);
	if (m->nmembers == 0)
		PG_RETURN_NULL();
	PG_RETURN_ARRAYTYPE_P(construct_array(scores, m->nmembers, FLOAT8OID,
										  sizeof(float8), FLOAT8PASSBYVAL,
										  TYPALIGN_DOUBLE));
}

/* Begin with the model of the first row. */
static WeighState *
create_state(MemoryContext mcxt, bytea *bytes)
{
	MemoryContext old = MemoryContextSwitchTo(mcxt);
	WeighState *state = palloc0(sizeof(WeighState));

	state->model = ad_model_read((const uint8 *) VARDATA_ANY(bytes),
								 VARSIZE_ANY_EXHDR(bytes));
	if (state->model->nmembers > 0)
		state->weigher = ad_weigher_create(state->model);
	MemoryContextSwitchTo(old);
	return state;
}

/*
 * _ad_weigh(state, model bytea, scores float8[], label float8) -> state.  A
 * row without scores or label is skipped.
 */
Datum
ad_weigh_transfn(PG_FUNCTION_ARGS)
{
	MemoryContext mcxt = ad_aggregate_context(fcinfo);
	WeighState *state = PG_ARGISNULL(0) ? NULL : (WeighState *) PG_GETARG_POINTER(0);
	ArrayType  *scores;
	double		label;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_ARGISNULL(3))
	{
		if (state == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state);
	}
	label = PG_GETARG_FLOAT8(3);
	if (label != 0 && label != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("label is %s", float8out_internal(label)),
				 errdetail(AD_LABEL_EXPECTED)));
	if (state == NULL)
		state = create_state(mcxt, PG_GETARG_BYTEA_PP(1));
	scores = PG_GETARG_ARRAYTYPE_P(2);
	if (ARR_NDIM(scores) != 1 || ARR_HASNULL(scores) ||
		ARR_ELEMTYPE(scores) != FLOAT8OID ||
		ARR_DIMS(scores)[0] != state->model->nmembers)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("scores are not those of the model's %d members",
						state->model->nmembers)));
	for (int k = 0; k < state->model->nmembers; k++)
		if (!isfinite(((double *) ARR_DATA_PTR(scores))[k]))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("score of a member is not finite")));
	ad_weigher_add(state->weigher, (double *) ARR_DATA_PTR(scores), label == 1);
	PG_RETURN_POINTER(state);
}

/* Append numbers as an array in JSON, or null. */
static void
append_numbers(StringInfo buf, const double *x, int n, bool are_there)
{
	if (!are_there)
		appendStringInfoString(buf, "null");
	for (int k = 0; are_there && k < n; k++)
		appendStringInfo(buf, "%s%.6g%s", k == 0 ? "[" : ", ", x[k],
						 k == n - 1 ? "]" : "");
}

/*
 * _ad_weigh(state) -> jsonb: labels, anomalies among them, and of each member
 * the ROC AUC and the weight, null without both kinds of labels; the weights
 * also if they are equal.  No labels: NULL.
 */
Datum
ad_weigh_finalfn(PG_FUNCTION_ARGS)
{
	WeighState *state = PG_ARGISNULL(0) ? NULL : (WeighState *) PG_GETARG_POINTER(0);
	AdWeighed	said;
	StringInfoData buf;
	int			n;

	(void) ad_aggregate_context(fcinfo);
	if (state == NULL || state->weigher == NULL)
		PG_RETURN_NULL();
	n = state->model->nmembers;
	ad_weigher_finish(state->weigher, &said);
	initStringInfo(&buf);
	appendStringInfo(&buf, "{\"labels\": " UINT64_FORMAT ", \"anomalies\": " UINT64_FORMAT ", \"roc_auc\": ",
					 said.rows[0] + said.rows[1], said.rows[1]);
	append_numbers(&buf, said.roc_auc, n, said.both);
	appendStringInfoString(&buf, ", \"weights\": ");
	append_numbers(&buf, said.weights, n, said.both && !said.equal);
	appendStringInfoChar(&buf, '}');
	PG_RETURN_JSONB_P(ad_jsonb_from_text(buf.data));
}
