/*-------------------------------------------------------------------------
 *
 * planner.c
 *		What the planner learns of a constant model.
 *
 * The functions over a model have a support function.  If the model is a
 * constant it gives the cost of its detector, and for ad_is_anomaly() the
 * share of rows that are anomalies.
 *
 * A condition on a score, ad_score(model, …) > 0.7, is an operator's, which
 * asks no support function.  It looks for statistics of the expression on its
 * left, and finds them only in what is there for everybody: an index or
 * extended statistics over the expression.  Those have to be real, since
 * other extensions walk the planner's lists and look up what they find, so
 * they are left to the user, and nothing is hooked.
 *
 *-------------------------------------------------------------------------
 */
#include "api/ad_api.h"

#include "catalog/pg_type.h"
#include "nodes/primnodes.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"

#define OPERATORS_A_MICROSECOND 60	/* of cpu_operator_cost, about */

PG_FUNCTION_INFO_V1(ad_model_support);

/*
 * The model of a call's first argument if that is a constant, or NULL.  It is
 * held as long as the planner's memory.  Errors as loading has.
 */
static AdModel *
constant_model(List *args)
{
	Const	   *c = args == NIL ? NULL : (Const *) linitial(args);
	AdModelRef *ref;

	if (c == NULL || !IsA(c, Const) || c->constisnull ||
		c->consttype != BYTEAOID)
		return NULL;
	ref = palloc0(sizeof(AdModelRef));
	return ad_model_get(ref, (struct varlena *) DatumGetPointer(c->constvalue),
						CurrentMemoryContext);
}

/* The time of a score, in microseconds. */
static double
score_time(const AdModel *m)
{
	double		time = m->detector->time;

	for (int k = 0; k < m->nmembers; k++)
		time += score_time(m->members[k]);
	return time;
}

/* The support function of the functions over a model and a row. */
Datum
ad_model_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);

	if (IsA(request, SupportRequestCost))
	{
		SupportRequestCost *r = (SupportRequestCost *) request;
		AdModel    *m;

		if (r->node == NULL || !IsA(r->node, FuncExpr))
			PG_RETURN_POINTER(NULL);
		m = constant_model(((FuncExpr *) r->node)->args);
		if (m == NULL)
			PG_RETURN_POINTER(NULL);
		r->startup = 0;
		r->per_tuple = score_time(m) * OPERATORS_A_MICROSECOND *
			cpu_operator_cost;
		PG_RETURN_POINTER(r);
	}
	if (IsA(request, SupportRequestSelectivity))
	{
		SupportRequestSelectivity *r = (SupportRequestSelectivity *) request;
		AdModel    *m = constant_model(r->args);

		/* ad_is_anomaly(): the only one that returns a boolean */
		r->selectivity = 0.1;
		if (m != NULL && m->has_scores)
			r->selectivity =
				ad_scores_share_above(&m->calibration.training,
									  m->calibration.threshold);
		PG_RETURN_POINTER(r);
	}
	PG_RETURN_POINTER(NULL);
}
