/*-------------------------------------------------------------------------
 *
 * sql_narrow.c
 *		Queries over a job's source that ask for few of its columns.
 *
 * Which versions there are, and how many rows, is to be known where a column
 * cannot be computed for some row.  The planner leaves out what is not asked
 * for, but not what calls a volatile function, as one in PL/pgSQL is unless
 * somebody says otherwise.  So that is taken out of the tree before it plans:
 * the column becomes NULL, in a subquery and in those below it.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_job_source.h"

#include "executor/spi.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "utils/plancache.h"

#define MAX_DEPTH	64			/* of subqueries */

/* Which columns of one table in its FROM a query uses. */
typedef struct Uses
{
	int			table;			/* from 1 on */
	Index		level;			/* of the query that is looked at, below it */
	bool		all;
	Bitmapset  *columns;
} Uses;

static bool
find_uses(Node *node, void *context)
{
	Uses	   *u = context;

	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		Var		   *v = (Var *) node;

		if (v->varlevelsup != u->level || (int) v->varno != u->table)
			return false;
		if (v->varattno <= 0)
			u->all = true;
		else
			u->columns = bms_add_member(u->columns, v->varattno);
		return false;
	}
	if (IsA(node, Query))
	{
		bool		result;

		u->level++;
		result = query_tree_walker((Query *) node, find_uses, context, 0);
		u->level--;
		return result;
	}
	return expression_tree_walker(node, find_uses, context);
}

/* Take out of the subqueries of a query what it does not use. */
static void
narrow(Query *query, int depth)
{
	ListCell   *cell;
	ListCell   *entry;
	Uses		u = {0};

	/* what is united is used by place, not by name */
	if (query->setOperations != NULL || depth > MAX_DEPTH)
		return;
	foreach(cell, query->rtable)
	{
		RangeTblEntry *rte = lfirst(cell);

		u.table++;
		if (rte->rtekind != RTE_SUBQUERY || rte->subquery == NULL)
			continue;
		u.level = 0;
		u.all = false;
		u.columns = NULL;
		(void) query_tree_walker(query, find_uses, &u, 0);
		if (u.all || rte->subquery->setOperations != NULL ||
			rte->subquery->distinctClause != NIL)
			continue;
		foreach(entry, rte->subquery->targetList)
		{
			TargetEntry *t = lfirst(entry);
			Node	   *e = (Node *) t->expr;

			if (t->resjunk || t->ressortgroupref != 0 ||
				bms_is_member(t->resno, u.columns) || expression_returns_set(e))
				continue;
			t->expr = (Expr *) makeNullConst(exprType(e), exprTypmod(e),
											 exprCollation(e));
		}
		narrow(rte->subquery, depth + 1);
	}
}

/*
 * Run a query that reads, without what it does not ask for; the rows are in
 * SPI_tuptable.  Within SPI.
 */
void
ad_execute_narrow(const char *sql, int n, Oid *types, Datum *values)
{
	SPIPlanPtr	plan = SPI_prepare(sql, n, types);
	CachedPlanSource *prepared;
	MemoryContext old;

	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	prepared = linitial(SPI_plan_get_plan_sources(plan));
	old = MemoryContextSwitchTo(prepared->query_context);
	narrow(linitial_node(Query, prepared->query_list), 0);
	MemoryContextSwitchTo(old);
	if (SPI_execute_plan(plan, values, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_plan failed");
	SPI_freeplan(plan);
}
