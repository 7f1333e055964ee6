/*-------------------------------------------------------------------------
 *
 * planner.c
 *		What the planner learns of scores: how many rows pass, what a call costs.
 *
 * The functions over a model have a support function.  If the model is a
 * constant it gives the cost of its detector, and for ad_is_anomaly() the
 * share of rows that are anomalies.
 *
 * A condition on a score, ad_score(model, …) > 0.7, is an operator's, whose
 * estimate no support function is asked for; the planner looks for statistics
 * of the expression on its left.  It finds such statistics in an index over
 * the expression.  So each relation is shown an index that does not exist,
 * over the scores of a constant model in the query's conditions (as an index
 * advisor does), with the model's own distribution of scores for a histogram.
 * The index has a predicate that nothing implies, so no path uses it.
 *
 * The two hooks are set when the library is loaded, which the support
 * function sees to: it is called while a query's expressions are simplified,
 * before its relations are looked at.
 *
 *-------------------------------------------------------------------------
 */
#include "api/ad_api.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_statistic.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "optimizer/appendinfo.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/plancat.h"
#include "rewrite/rewriteManip.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/selfuncs.h"

#define HISTOGRAM_BINS	2000
#define OPERATORS_A_MICROSECOND 60	/* of cpu_operator_cost, about */
#define MAX_EXPRESSIONS	8			/* conditions on scores considered */

PG_FUNCTION_INFO_V1(ad_model_support);

static get_relation_info_hook_type next_relation_info = NULL;
static get_index_stats_hook_type next_index_stats = NULL;

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

/* Whether a call is ad_score() of a constant model. */
static bool
is_score(Node *node)
{
	FuncExpr   *f = (FuncExpr *) node;
	Const	   *c;
	Oid			support;
	FmgrInfo	flinfo;

	if (node == NULL || !IsA(node, FuncExpr) ||
		f->funcresulttype != FLOAT8OID || f->args == NIL)
		return false;
	c = (Const *) linitial(f->args);
	if (!IsA(c, Const) || c->constisnull || c->consttype != BYTEAOID)
		return false;
	support = get_func_support(f->funcid);
	if (!OidIsValid(support))
		return false;
	fmgr_info(support, &flinfo);
	if (flinfo.fn_addr != ad_model_support)
		return false;
	fmgr_info(f->funcid, &flinfo);
	return flinfo.fn_addr == ad_score;
}

/* Calls of ad_score() that conditions compare. */
typedef struct FoundScores
{
	List	   *calls;
} FoundScores;

static bool
find_scores(Node *node, void *context)
{
	FoundScores *found = context;

	if (node == NULL)
		return false;
	if (IsA(node, OpExpr) || IsA(node, ScalarArrayOpExpr))
	{
		List	   *args = IsA(node, OpExpr) ? ((OpExpr *) node)->args :
			((ScalarArrayOpExpr *) node)->args;
		ListCell   *lc;

		foreach(lc, args)
			if (list_length(found->calls) < MAX_EXPRESSIONS &&
				is_score((Node *) lfirst(lc)))
				found->calls = list_append_unique(found->calls, lfirst(lc));
	}
	return expression_tree_walker(node, find_scores, context);
}

/*
 * The calls that are of a relation's columns alone; those of a child are
 * those of its parent, translated.
 */
static List *
scores_of(PlannerInfo *root, Index relid)
{
	AppendRelInfo *child = root->append_rel_array ?
		root->append_rel_array[relid] : NULL;
	FoundScores found = {NIL};
	List	   *result = NIL;
	ListCell   *lc;

	if (child != NULL)
		return (List *) adjust_appendrel_attrs(root,
											   (Node *) scores_of(root, child->parent_relid),
											   1, &child);
	find_scores((Node *) root->parse->jointree, &found);
	foreach(lc, found.calls)
	{
		Node	   *call = copyObject(lfirst(lc));
		Bitmapset  *relids = ad_pull_varnos(root, call);
		int			only;

#if PG_VERSION_NUM >= 160000
		/* columns know of the outer joins above; statistics do not */
		call = remove_nulling_relids(call, relids, NULL);
		relids = ad_pull_varnos(root, call);
#endif
		if (bms_get_singleton_member(relids, &only) && only == (int) relid)
			result = lappend(result, call);
	}
	return result;
}

/* Show a relation an index over scores, of which there are statistics. */
static void
relation_info(PlannerInfo *root, Oid relation, bool inhparent,
			  RelOptInfo *rel)
{
	List	   *calls;
	IndexOptInfo *index;
	int			n;

	if (next_relation_info)
		next_relation_info(root, relation, inhparent, rel);
	if (root->parse->commandType == CMD_UTILITY || root->parse->jointree == NULL)
		return;
	calls = scores_of(root, rel->relid);
	if (calls == NIL)
		return;
	n = list_length(calls);
	index = makeNode(IndexOptInfo);
	index->indexoid = InvalidOid;
	index->rel = rel;
	index->tree_height = -1;
	index->ncolumns = index->nkeycolumns = n;
	index->indexkeys = palloc0(n * sizeof(int));	/* 0: an expression */
	index->indexcollations = palloc0(n * sizeof(Oid));
	index->opfamily = palloc0(n * sizeof(Oid));
	index->opcintype = palloc0(n * sizeof(Oid));
	index->canreturn = palloc0(n * sizeof(bool));
	index->indexprs = calls;
	index->indpred = list_make1(makeBoolConst(false, false));
	index->hypothetical = true;
	rel->indexlist = lappend(rel->indexlist, index);
}

/* A row of pg_statistic that says how a model's scores are distributed. */
static HeapTuple
score_statistics(const AdScores *s)
{
	Datum		values[Natts_pg_statistic] = {0};
	bool		nulls[Natts_pg_statistic];
	int			bins = (int) Max(1, Min((uint64) HISTOGRAM_BINS, s->n - 1));
	Datum	   *bounds = palloc((bins + 1) * sizeof(Datum));
	Relation	statistic;
	HeapTuple	tuple;

	for (int i = 0; i <= bins; i++)
		bounds[i] =
			Float8GetDatum(ad_scores_threshold(s, 1 - (double) i / bins));
	memset(nulls, true, sizeof(nulls));
	for (int i = 0; i < Anum_pg_statistic_stanumbers1 - 1; i++)
		nulls[i] = false;		/* the fixed columns, of which most are 0 */
	values[Anum_pg_statistic_stawidth - 1] = Int32GetDatum(sizeof(float8));
	values[Anum_pg_statistic_stanullfrac - 1] = Float4GetDatum(0);
	values[Anum_pg_statistic_stadistinct - 1] = Float4GetDatum(-1);
	values[Anum_pg_statistic_stakind1 - 1] =
		Int16GetDatum(STATISTIC_KIND_HISTOGRAM);
	values[Anum_pg_statistic_staop1 - 1] = ObjectIdGetDatum(Float8LessOperator);
	nulls[Anum_pg_statistic_stavalues1 - 1] = false;
	values[Anum_pg_statistic_stavalues1 - 1] =
		PointerGetDatum(construct_array(bounds, bins + 1, FLOAT8OID,
										sizeof(float8), FLOAT8PASSBYVAL, 'd'));

	statistic = table_open(StatisticRelationId, AccessShareLock);
	tuple = heap_form_tuple(RelationGetDescr(statistic), values, nulls);
	table_close(statistic, AccessShareLock);
	return tuple;
}

/* The statistics of the index that relation_info() made up. */
static bool
index_stats(PlannerInfo *root, Oid index, AttrNumber column,
			VariableStatData *vardata)
{
	AdModel    *m;

	if (OidIsValid(index) || !is_score(vardata->var))
		return next_index_stats ?
			next_index_stats(root, index, column, vardata) : false;
	m = constant_model(((FuncExpr *) vardata->var)->args);
	if (m != NULL && m->has_scores)
	{
		vardata->statsTuple = score_statistics(&m->calibration.training);
		vardata->freefunc = heap_freetuple;
		/* they tell of the model, not of the table */
		vardata->acl_ok = true;
	}
	return true;
}

/* Set the hooks; at load. */
void
ad_planner_init(void)
{
	next_relation_info = get_relation_info_hook;
	get_relation_info_hook = relation_info;
	next_index_stats = get_index_stats_hook;
	get_index_stats_hook = index_stats;
}
