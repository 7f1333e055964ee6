/*-------------------------------------------------------------------------
 *
 * model_origin.c
 *		Where the bytes of a model come from that a call is given.
 *
 * A model in memory is known again by all of its bytes, unless something
 * proves that they cannot be others (AdTrust).  A constant's address does,
 * which the call shows.  Of two other cases only the planner can tell, since
 * they depend on what is around the call, and both are usual:
 *
 *		SELECT ad_score(m, ...) FROM t, (SELECT ad_fit(...) AS m ...) f
 *		SELECT ad_score($1, ...) FROM t
 *
 * In the first the value is what ad_fit() returned, through whatever nodes
 * of the plan: it is a column of a subquery or a common table expression,
 * or a subquery itself, whose expression is that call.  So its digest
 * is right, and its header says which model it is; as far as a call site
 * has been given it before, since a foreign server may have computed it.
 *
 * In the second the parameter stays what it is while the query runs.  That
 * is not so where PL/pgSQL evaluates an expression without a query, over and
 * over, with what the variable is then; such an expression has no FROM.
 *
 * The planner asks the functions' support function to simplify a call, and
 * gets it back with the argument marked: relabelled as the type that it is,
 * with a type modifier that bytea cannot have.  That costs nothing to
 * execute, is in no EXPLAIN, goes to parallel workers with the plan, and
 * cannot be written in SQL.
 *
 *-------------------------------------------------------------------------
 */
#include "rows/ad_origin.h"

#include "access/htup_details.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "nodes/supportnodes.h"
#include "parser/parse_relation.h"
#include "parser/parsetree.h"
#include "utils/syscache.h"

/* The marks; -1 is a value without a modifier. */
#define MARK_FIXED		(-2)
#define MARK_MADE		(-3)

/* A query, and the one that it is in. */
typedef struct Level
{
	const Query *query;
	const struct Level *outer;
} Level;

static bool is_made(Node *node, const Level *level);

/* Whether a function is one of ours. */
static bool
is_ours(Oid function, PGFunction address)
{
	FmgrInfo	flinfo;

	fmgr_info(function, &flinfo);
	return flinfo.fn_addr == address;
}

/* Whether an aggregate returns what ad_fit() does. */
static bool
is_fit(Oid aggregate)
{
	HeapTuple	tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(aggregate));
	Oid			final;

	if (!HeapTupleIsValid(tuple))
		return false;			/* a window function */
	final = ((Form_pg_aggregate) GETSTRUCT(tuple))->aggfinalfn;
	ReleaseSysCache(tuple);
	return OidIsValid(final) && is_ours(final, ad_fit_finalfn);
}

/* The query that is so many levels out, or NULL. */
static const Level *
level_up(const Level *level, Index up)
{
	while (level && up-- > 0)
		level = level->outer;
	return level;
}

/* Whether a column that a query returns is a model that ad_fit() made. */
static bool
returns_made(const Query *query, AttrNumber column, const Level *outer)
{
	Level		level = {query, outer};
	TargetEntry *entry;

	if (query->commandType != CMD_SELECT || query->setOperations != NULL)
		return false;
	entry = get_tle_by_resno(query->targetList, column);
	return entry && !entry->resjunk && is_made((Node *) entry->expr, &level);
}

/* The same of a column of a common table expression, by name. */
static bool
cte_returns_made(const RangeTblEntry *rte, AttrNumber column,
				 const Level *level)
{
	ListCell   *lc;

	level = level_up(level, rte->ctelevelsup);
	if (level == NULL)
		return false;
	foreach(lc, level->query->cteList)
	{
		CommonTableExpr *cte = lfirst(lc);

		if (strcmp(cte->ctename, rte->ctename) == 0)
			return !cte->cterecursive && IsA(cte->ctequery, Query) &&
				returns_made((Query *) cte->ctequery, column, level);
	}
	return false;
}

/* The same of a column of a query's range table. */
static bool
is_column_made(const Var *var, const Level *level)
{
	RangeTblEntry *rte;

	level = level_up(level, var->varlevelsup);
	if (level == NULL || var->varattno <= 0 || var->varno < 1 ||
		(int) var->varno > list_length(level->query->rtable))
		return false;
	rte = rt_fetch(var->varno, level->query->rtable);
	switch (rte->rtekind)
	{
		case RTE_SUBQUERY:
			return rte->subquery &&
				returns_made(rte->subquery, var->varattno, level);
		case RTE_CTE:
			return cte_returns_made(rte, var->varattno, level);
		case RTE_JOIN:
			return var->varattno <= list_length(rte->joinaliasvars) &&
				is_made(list_nth(rte->joinaliasvars, var->varattno - 1), level);
		default:
			return false;
	}
}

/*
 * Whether an expression is a model that ad_fit() or ad_fit_sketch() made,
 * as it is.
 */
static bool
is_made(Node *node, const Level *level)
{
	check_stack_depth();
	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_Aggref:
			return is_fit(((Aggref *) node)->aggfnoid);
		case T_WindowFunc:
			return is_fit(((WindowFunc *) node)->winfnoid);
		case T_FuncExpr:
			return is_ours(((FuncExpr *) node)->funcid, ad_fit_sketch);
		case T_Var:
			return is_column_made((Var *) node, level);
		case T_SubLink:
			{
				SubLink    *link = (SubLink *) node;

				return link->subLinkType == EXPR_SUBLINK &&
					IsA(link->subselect, Query) &&
					returns_made((Query *) link->subselect, 1, level);
			}
		case T_RelabelType:
			return is_made((Node *) ((RelabelType *) node)->arg, level);
		case T_CoerceToDomain:
			return is_made((Node *) ((CoerceToDomain *) node)->arg, level);
		case T_PlaceHolderVar:
			level = level_up(level, ((PlaceHolderVar *) node)->phlevelsup);
			return level != NULL &&
				is_made((Node *) ((PlaceHolderVar *) node)->phexpr, level);
		default:
			return false;
	}
}

/* Whether a query, or one that it is in, reads from anything. */
static bool
has_from(const PlannerInfo *root)
{
	for (; root; root = root->parent_root)
	{
		ListCell   *lc;

		foreach(lc, root->parse->rtable)
			if (lfirst_node(RangeTblEntry, lc)->rtekind != RTE_RESULT)
			return true;
	}
	return false;
}

/* The levels of a query being planned, from it outwards. */
static const Level *
levels_of(const PlannerInfo *root)
{
	Level	   *level = palloc(sizeof(Level));

	level->query = root->parse;
	level->outer = root->parent_root ? levels_of(root->parent_root) : NULL;
	return level;
}

/*
 * A call of a function whose first argument is a model, with that argument
 * marked; NULL if there is nothing to say about it.
 */
Node *
ad_model_origin(PlannerInfo *root, FuncExpr *call)
{
	Node	   *arg = call->args == NIL ? NULL : linitial(call->args);
	int32		mark;
	FuncExpr   *marked;

	if (root == NULL || arg == NULL || exprType(arg) != BYTEAOID ||
		IsA(arg, Const) || exprTypmod(arg) < -1)
		return NULL;
	if (IsA(arg, Param) && ((Param *) arg)->paramkind == PARAM_EXTERN &&
		has_from(root))
		mark = MARK_FIXED;
	else if (is_made(arg, levels_of(root)))
		mark = MARK_MADE;
	else
		return NULL;

	marked = makeNode(FuncExpr);
	*marked = *call;
	marked->args = lcons(makeRelabelType((Expr *) arg, BYTEAOID, mark,
										 InvalidOid, COERCE_IMPLICIT_CAST),
						 list_copy_tail(call->args, 1));
	return mark == MARK_MADE ? ad_score_early(root, marked) : (Node *) marked;
}

/* What proves that a call's first argument is the value it was before. */
AdTrust
ad_model_origin_trust(const FmgrInfo *flinfo)
{
	FuncExpr   *call = (FuncExpr *) flinfo->fn_expr;
	Node	   *arg;

	if (call == NULL || !IsA(call, FuncExpr) || call->args == NIL)
		return AD_TRUST_NONE;
	arg = linitial(call->args);
	while (IsA(arg, RelabelType))
	{
		RelabelType *r = (RelabelType *) arg;

		if (r->resulttypmod == MARK_FIXED)
			return AD_TRUST_ADDRESS;
		if (r->resulttypmod == MARK_MADE)
			return AD_TRUST_MADE;
		arg = (Node *) r->arg;
	}
	if (IsA(arg, Const))
		return AD_TRUST_ADDRESS;
	if (IsA(arg, Var) || IsA(arg, Param))
		return AD_TRUST_HABIT;
	return AD_TRUST_NONE;
}
