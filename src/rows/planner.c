/*-------------------------------------------------------------------------
 *
 * planner.c
 *		What the planner learns of a model, and of a parallel fit.
 *
 * The functions over a model have a support function.  If the model is a
 * constant it gives the cost of its detector, and for ad_is_anomaly() the
 * share of rows that are anomalies.  Of one that is not it notes where it
 * comes from (model_origin.c).
 *
 * A condition on a score, ad_score(model, …) > 0.7, is an operator's, which
 * asks no support function.  It looks for statistics of the expression on its
 * left, and finds them only in what is there for everybody: an index or
 * extended statistics over the expression.  Those have to be real, since
 * other extensions walk the planner's lists and look up what they find, so
 * they are left to the user, and nothing is hooked.
 *
 * What workers gain in a fit is the reading of rows; what they cost is that
 * their samples are written, sent, read and merged, and that each loads the
 * library.  So that is the cost of combining two states, in the planner's own
 * prices for a row that is sent and a worker that is started.
 *
 *-------------------------------------------------------------------------
 */
#include "model/ad_glance.h"
#include "operate/ad_citus.h"
#include "rows/ad_origin.h"
#include "rows/ad_planner.h"

#include "catalog/pg_type.h"
#include "nodes/pathnodes.h"
#include "nodes/primnodes.h"
#include "nodes/supportnodes.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "utils/guc.h"

#define OPERATORS_A_MICROSECOND 60	/* of cpu_operator_cost, about */
#define ANOMALIES_OF_UNKNOWN	0.1 /* share of rows */
#define SAMPLE_ROWS		20480	/* of most fits: AD_ENOUGH_ROWS */
#define USUAL_WIDTH		80		/* bytes of a row at the price of sending it */
#define LOADING			0.5		/* of starting a worker: it loads the library */

PG_FUNCTION_INFO_V1(ad_model_support);
PG_FUNCTION_INFO_V1(ad_combine_support);
PG_FUNCTION_INFO_V1(ad_columns_support);

static bool planner_support = true;

/* The value of a call's first argument if that is a constant model. */
static struct varlena *
constant_model(List *args)
{
	Const	   *c = args == NIL ? NULL : (Const *) linitial(args);

	if (c == NULL || !IsA(c, Const) || c->constisnull ||
		c->consttype != BYTEAOID)
		return NULL;
	return (struct varlena *) DatumGetPointer(c->constvalue);
}

/*
 * The support function of the functions over a model and a row.  It is asked
 * for every partition and path, so it does not load the model, and it has no
 * errors: scoring has.
 */
Datum
ad_model_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);

	if (!planner_support)
		PG_RETURN_POINTER(NULL);
	if (IsA(request, SupportRequestCost))
	{
		SupportRequestCost *r = (SupportRequestCost *) request;
		struct varlena *model;
		double		time;

		if (r->node == NULL || !IsA(r->node, FuncExpr))
			PG_RETURN_POINTER(NULL);
		model = constant_model(((FuncExpr *) r->node)->args);
		time = model ? ad_glance_time(model) : 0;
		if (time == 0)
			PG_RETURN_POINTER(NULL);
		r->startup = 0;
		r->per_tuple = time * OPERATORS_A_MICROSECOND * cpu_operator_cost;
		PG_RETURN_POINTER(r);
	}
	if (IsA(request, SupportRequestSelectivity))
	{
		/* ad_is_anomaly(): the only one that returns a boolean */
		SupportRequestSelectivity *r = (SupportRequestSelectivity *) request;
		struct varlena *model = constant_model(r->args);
		double		share = model ? ad_glance_anomalies(model) : NAN;

		r->selectivity = isnan(share) ? ANOMALIES_OF_UNKNOWN : share;
		PG_RETURN_POINTER(r);
	}
	if (IsA(request, SupportRequestSimplify))
	{
		SupportRequestSimplify *r = (SupportRequestSimplify *) request;

		PG_RETURN_POINTER(ad_model_origin(r->root, r->fcall));
	}
	PG_RETURN_POINTER(NULL);
}

/*
 * The rows that a query reads, and their width, as far as the planner knows
 * while it looks at aggregates: of its tables the largest, if they are joined.
 */
static void
input_size(PlannerInfo *root, double *rows, double *width)
{
	*rows = 0;
	*width = 0;
	for (int i = 1; root != NULL && i < root->simple_rel_array_size; i++)
	{
		RelOptInfo *rel = root->simple_rel_array[i];

		if (rel == NULL || rel->reloptkind != RELOPT_BASEREL)
			continue;
		*rows = Max(*rows, rel->rows);
		*width += rel->reltarget->width;
	}
}

/* The support function of what merges the samples of parallel workers. */
Datum
ad_combine_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);
	SupportRequestCost *r = (SupportRequestCost *) request;
	double		rows;
	double		width;

	if (!planner_support || !IsA(request, SupportRequestCost))
		PG_RETURN_POINTER(NULL);
	input_size(r->root, &rows, &width);
	rows = rows > 0 ? Min(rows, SAMPLE_ROWS) : SAMPLE_ROWS;
	r->startup = 0;
	r->per_tuple = LOADING * parallel_setup_cost +
		rows * parallel_tuple_cost * Max(width / USUAL_WIDTH, 1);
	PG_RETURN_POINTER(r);
}

/*
 * The support function of the transitions that read columns.  It has nothing to
 * say of what they cost, but is asked before Citus takes the query apart.
 */
Datum
ad_columns_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);

	if (IsA(request, SupportRequestCost))
		ad_citus_check_columns(((SupportRequestCost *) request)->root);
	PG_RETURN_POINTER(NULL);
}

/* Define the setting; at load. */
void
ad_planner_init(void)
{
	DefineCustomBoolVariable("anomaly.planner_support",
							 "Sets whether the planner uses the cost of scores and the share of anomalies.",
							 NULL,
							 &planner_support,
							 true, PGC_USERSET, GUC_EXPLAIN, NULL, NULL, NULL);
}
