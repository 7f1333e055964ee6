/*-------------------------------------------------------------------------
 *
 * score_early.c
 *		Scores before the sort that a GROUP BY or a window needs.
 *
 * In a query like
 *
 *		SELECT d, g, avg(s)
 *		FROM (SELECT d, g, ad_score(m, f) AS s
 *			  FROM t, (SELECT d, ad_fit(d, f) AS m FROM ... GROUP BY d) q) r
 *		GROUP BY d, g
 *
 * the planner pulls the inner SELECT up and computes what an aggregate is
 * given above the sort.  So the sort carries the model with every row: not a
 * pointer to it, as it would of one in a table, but all of its bytes.  A
 * subquery of which it knows that it must not be computed there is, to it, a
 * PlaceHolderVar: an expression that is evaluated as soon as all tables are
 * joined that it needs.  The score becomes one.
 *
 * So does a model that a correlated subquery fits, as in
 *
 *		SELECT s, ad_score(m, f)
 *		FROM (SELECT s, (SELECT ad_fit(..., f) FROM t) AS m
 *			  FROM generate_series(1, 20) s) q, t
 *
 * where it would be fitted again for each row of the join; unless a condition
 * chooses which rows are joined, for then some might need no model at all.
 *
 * Not that of a row that the query would not have scored, which might raise
 * an error or take time for nothing.  So all tables of the query are needed
 * for it, there are no outer joins, and the score is an argument that an
 * aggregate or window function evaluates for every row, wherever it occurs
 * outside of WHERE: not in CASE and its like, nor under FILTER, nor above
 * groups, whose grouping sets may have made its columns NULL.  Then it is
 * also not beside an expression of GROUP BY that would have to equal it:
 * no two PlaceHolderVars do.  Nor is the model seen elsewhere, where a
 * function that will be inlined may hide another call; the sort carries it
 * then anyhow.  And nothing in the call returns a set: that is for a node of
 * the plan that looks at no PlaceHolderVar.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_compat.h"
#include "rows/ad_origin.h"

#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/placeholder.h"
#include "optimizer/tlist.h"
#include "utils/lsyscache.h"

/* A search for the places of a call. */
typedef struct Places
{
	Oid			function;
	Oid			support;		/* of functions over a model */
	const Node *model;
	bool		alone;			/* the model may not be elsewhere */
	bool		grouped;		/* window functions see groups, not rows */
	bool		always;			/* what is looked at is evaluated for each row */
	int			good;			/* places found that are */
	int			other;			/* places found that may be not */
} Places;

/* An expression without what relabels it. */
static const Node *
plain(const Node *node)
{
	while (node && IsA(node, RelabelType))
		node = (const Node *) ((const RelabelType *) node)->arg;
	return node;
}

static bool find_places(Node *node, Places *p);

/* Look into an expression that is evaluated for each row, or may not be. */
static void
look(void *node, bool always, Places *p)
{
	bool		before = p->always;

	p->always = always;
	(void) find_places(node, p);
	p->always = before;
}

/* Count the places of the call in an expression; a walker. */
static bool
find_places(Node *node, Places *p)
{
	bool		before = p->always;

	if (node == NULL)
		return false;
	if (p->alone && equal(plain(node), p->model))
	{
		p->other++;
		return false;
	}
	switch (nodeTag(node))
	{
		case T_Aggref:
			{
				Aggref	   *agg = (Aggref *) node;

				look(agg->args, agg->aggfilter == NULL, p);
				look(agg->aggdirectargs, false, p);
				look(agg->aggfilter, false, p);
				return false;
			}
		case T_WindowFunc:
			{
				WindowFunc *f = (WindowFunc *) node;

				look(f->args, !p->grouped && f->aggfilter == NULL, p);
				look(f->aggfilter, false, p);
				return false;
			}
		case T_FuncExpr:
			{
				FuncExpr   *f = (FuncExpr *) node;

				if (f->args == NIL ||
					!equal(plain(linitial(f->args)), p->model) ||
					get_func_support(f->funcid) != p->support)
					break;
				if (f->funcid != p->function)
					 /* it does as it likes */ ;
				else if (p->always)
					p->good++;
				else
					p->other++;
				look(list_copy_tail(f->args, 1), p->always, p);
				return false;
			}
			/* what evaluates all that it is given */
		case T_List:
		case T_TargetEntry:
		case T_OpExpr:
		case T_DistinctExpr:
		case T_NullTest:
		case T_RowExpr:
		case T_ArrayExpr:
		case T_RelabelType:
		case T_CoerceViaIO:
		case T_PlaceHolderVar:
			break;
		default:
			p->always = false;
	}
	(void) expression_tree_walker(node, find_places, (void *) p);
	p->always = before;
	return false;
}

/* Whether a query groups its rows. */
static bool
is_grouped(const Query *query)
{
	return query->hasAggs || query->groupClause != NIL ||
		query->groupingSets != NIL;
}

/*
 * Whether a query wants a call evaluated for each of its rows; and, if it must
 * be alone, has no other use for the model.
 */
static bool
is_for_each_row(const Query *query, const FuncExpr *call, const Node *model,
				bool alone)
{
	bool		grouped = is_grouped(query);
	Places		p = {
		.function = call->funcid,
		.support = get_func_support(call->funcid),
		.model = model,
		.alone = alone,
		.grouped = grouped
	};
	ListCell   *lc;

	foreach(lc, query->targetList)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, lc);
		bool		always = grouped ?
			get_sortgroupref_clause_noerr(entry->ressortgroupref,
										  query->groupClause) != NULL :
			query->limitCount == NULL;

		look(entry->expr, always, &p);
	}
	look(query->havingQual, false, &p);
	return p.good > 0 && p.other == 0;
}

/*
 * Add the tables of a FROM to a set.  Returns whether a row of the FROM is
 * one of each: there is nothing but inner joins.
 */
static bool
add_tables(Node *from, Relids *tables)
{
	ListCell   *lc;

	check_stack_depth();
	switch (nodeTag(from))
	{
		case T_RangeTblRef:
			*tables = bms_add_member(*tables, ((RangeTblRef *) from)->rtindex);
			return true;
		case T_FromExpr:
			foreach(lc, ((FromExpr *) from)->fromlist)
				if (!add_tables(lfirst(lc), tables))
				return false;
			return true;
		case T_JoinExpr:
			return ((JoinExpr *) from)->jointype == JOIN_INNER &&
				add_tables(((JoinExpr *) from)->larg, tables) &&
				add_tables(((JoinExpr *) from)->rarg, tables);
		default:
			return false;
	}
}

/* Whether one of the conditions that are ANDed is of given tables and others. */
static bool
is_of_both(PlannerInfo *root, Node *quals, Relids given)
{
	List	   *each;
	ListCell   *lc;
	Relids		used;

	check_stack_depth();
	if (quals != NULL && (IsA(quals, List) || is_andclause(quals)))
	{
		each = IsA(quals, List) ? (List *) quals : ((BoolExpr *) quals)->args;
		foreach(lc, each)
			if (is_of_both(root, lfirst(lc), given))
			return true;
		return false;
	}
	used = ad_pull_varnos(root, quals);
	return bms_overlap(used, given) && !bms_is_subset(used, given);
}

/*
 * Whether conditions of a FROM with inner joins choose which rows of the given
 * tables are joined with those of others.
 */
static bool
are_chosen(PlannerInfo *root, Node *from, Relids given)
{
	Node	   *quals = NULL;
	ListCell   *lc;

	check_stack_depth();
	if (IsA(from, FromExpr))
	{
		foreach(lc, ((FromExpr *) from)->fromlist)
			if (are_chosen(root, lfirst(lc), given))
			return true;
		quals = ((FromExpr *) from)->quals;
	}
	else if (IsA(from, JoinExpr))
	{
		if (are_chosen(root, ((JoinExpr *) from)->larg, given) ||
			are_chosen(root, ((JoinExpr *) from)->rarg, given))
			return true;
		quals = ((JoinExpr *) from)->quals;
	}
	return is_of_both(root, quals, given);
}

/*
 * Let a call take the model of a correlated subquery from where the tables are
 * read that the subquery depends on, if the features are of others: else it
 * would be fitted anew for each row that these are joined with.
 */
static void
fit_early(PlannerInfo *root, FuncExpr *call, Node *features, Relids tables)
{
	Node	   *arg = linitial(call->args);
	Node	   *model = (Node *) plain(arg);
	RelabelType *marked;
	Relids		used;

	if (!IsA(model, SubLink) || contain_volatile_functions(model))
		return;
	used = ad_pull_varnos(root, model);
	if (bms_is_empty(used) || !bms_is_subset(used, tables) ||
		bms_overlap(used, ad_pull_varnos(root, features)) ||
		are_chosen(root, (Node *) root->parse->jointree, used) ||
		!is_for_each_row(root->parse, call, model, false))
		return;
	marked = makeNode(RelabelType);
	*marked = *castNode(RelabelType, arg);
	marked->arg = (Expr *) make_placeholder_expr(root, (Expr *) model, used);
	linitial(call->args) = marked;
}

/*
 * A call over a model that the query makes, marked as such; itself, or as it is
 * to be planned.  It may be changed.
 */
Node *
ad_score_early(PlannerInfo *root, FuncExpr *call)
{
	const Query *query = root->parse;
	const Node *model = plain(linitial(call->args));
	Node	   *features = (Node *) list_copy_tail(call->args, 1);
	Node	   *result = (Node *) call;
	Relids		tables = NULL;

	/* of what is in no SubLink yet: others must not be looked into */
	if ((query->commandType != CMD_SELECT &&
		 query->commandType != CMD_INSERT) ||
		contain_subplans(features) || contain_agg_clause(features) ||
		contain_window_function(features) ||
		contain_volatile_functions(features) ||
		expression_returns_set(features) ||
		!add_tables((Node *) query->jointree, &tables))
		return result;
	fit_early(root, call, features, tables);
	if ((is_grouped(query) || query->hasWindowFuncs) &&
		!(IsA(model, Var) && ((const Var *) model)->varlevelsup != 0) &&
		(IsA(model, Var) || model != plain(linitial(call->args))) &&
		is_for_each_row(query, call, model, true) &&
		bms_equal(tables, ad_pull_varnos(root, result)))
		result = (Node *) make_placeholder_expr(root, (Expr *) call, tables);
	return result;
}
