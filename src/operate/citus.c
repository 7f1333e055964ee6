/*-------------------------------------------------------------------------
 *
 * citus.c
 *		Tables that Citus keeps on other servers, as far as we care.
 *
 * Nothing here needs Citus to be built with: where the extension is installed,
 * its catalog says which tables have shards.  It lets an aggregate be computed
 * on each shard if its arguments and its state have types of their own, which
 * is so for ad_fit(jsonb, ad_row) and not for ad_fit(jsonb, VARIADIC "any").
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_compat.h"
#include "operate/ad_copy.h"
#include "operate/ad_citus.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "nodes/plannodes.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/rel.h"

/*
 * Whether a table's rows are spread over shards; then the column that says
 * which.
 */
static bool
is_distributed(Oid table, AttrNumber *by)
{
	Oid			catalog = ad_citus_catalog("pg_dist_partition");
	AttrNumber	columns[3] = {InvalidAttrNumber};
	Relation	rel;
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;
	bool		found = false;

	if (OidIsValid(catalog))
	{
		columns[0] = get_attnum(catalog, "logicalrelid");
		columns[1] = get_attnum(catalog, "partmethod");
		columns[2] = get_attnum(catalog, "partkey");
	}
	for (int i = 0; i < (int) lengthof(columns); i++)
		if (columns[i] == InvalidAttrNumber)
			return false;
	rel = table_open(catalog, AccessShareLock);
	ScanKeyInit(&key, columns[0], BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(table));
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool		no_method;
		bool		no_column;
		Datum		method = heap_getattr(tuple, columns[1],
										  RelationGetDescr(rel), &no_method);
		Datum		column = heap_getattr(tuple, columns[2],
										  RelationGetDescr(rel), &no_column);

		/* n: in one piece */
		found = !no_method && DatumGetChar(method) != 'n' && !no_column;
		if (found && by != NULL)
		{
			Node	   *node = stringToNode(TextDatumGetCString(column));

			*by = IsA(node, Var) ? ((Var *) node)->varattno : InvalidAttrNumber;
		}
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return found;
}

/* Whether a part of a query reads a table with shards. */
static bool
reads_distributed(Node *node, void *unused)
{
	if (node == NULL)
		return false;
	if (IsA(node, RangeTblEntry))
		return ((RangeTblEntry *) node)->rtekind == RTE_RELATION &&
			is_distributed(((RangeTblEntry *) node)->relid, NULL);
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, reads_distributed, unused,
								 QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, reads_distributed, unused);
}

/* Whether a query, or one in it, reads a table whose rows are on shards. */
bool
ad_citus_reads(Query *query)
{
	return OidIsValid(ad_citus_catalog("pg_dist_partition")) &&
		reads_distributed((Node *) query, NULL);
}

/* Whether an expression has a call of an aggregate that Citus merges parts by. */
static bool
merges_parts(Node *node, void *unused)
{
	if (node == NULL)
		return false;
	if (IsA(node, Aggref))
	{
		const char *name = get_func_name(((Aggref *) node)->aggfnoid);

		return name != NULL && strncmp(name, "coord_", 6) == 0 &&
			strstr(name, "combine_agg") != NULL;
	}
	return expression_tree_walker(node, merges_parts, unused);
}

/* Whether an expression has an aggregate. */
static bool
has_aggregate(Node *node, void *unused)
{
	if (node == NULL)
		return false;
	if (IsA(node, Aggref))
		return true;
	return expression_tree_walker(node, has_aggregate, unused);
}

/*
 * Where the one aggregate of a query is computed.  What Citus computes elsewhere
 * is not in the plan.
 */
AdCitusFit
ad_citus_fit_of(SPIPlanPtr plan)
{
	CachedPlan *cached = SPI_plan_get_cached_plan(plan);
	AdCitusFit	fit = AD_CITUS_AS_A_WHOLE;
	const Plan *top;

	if (cached == NULL)
		elog(ERROR, "query has several plans");
	top = linitial_node(PlannedStmt, cached->stmt_list)->planTree;
	while (top != NULL && !IsA(top, Agg))
		top = top->lefttree;
	if (top != NULL && has_aggregate((Node *) top->targetlist, NULL))
		fit = merges_parts((Node *) top->targetlist, NULL) ?
			AD_CITUS_IN_PARTS : AD_CITUS_HERE;
	ad_release_plan(cached);
	return fit;
}

/* A distributed table of a query, whose rows an aggregate is given. */
typedef struct Given
{
	Index		relation;
	Oid			table;
	AttrNumber	by;				/* the column that says which shard */
} Given;

/* Whether an expression has the column that says which shard a row is on. */
static bool
has_shard_column(Node *node, void *context)
{
	const Given *given = context;

	if (node == NULL)
		return false;
	if (IsA(node, Var))
		return (Index) ((Var *) node)->varno == given->relation &&
			((Var *) node)->varattno == given->by;
	return expression_tree_walker(node, has_shard_column, context);
}

/*
 * Find an aggregate of VARIADIC "any" over rows in no order, whose state has no
 * type of its own; true: found.
 */
static bool
find_columns(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Aggref))
	{
		const Aggref *a = (const Aggref *) node;

		if (a->aggtranstype != INTERNALOID || a->aggorder != NIL ||
			get_func_variadictype(a->aggfnoid) != ANYOID)
			return false;
		*(const Aggref **) context = a;
		return true;
	}
	return expression_tree_walker(node, find_columns, context);
}

/*
 * Raise an error for a query that gives ad_fit() or ad_sketch() columns of a
 * distributed table, where Citus would raise one that nobody understands: it
 * would compute parts of the aggregate on the shards, as the setting says that
 * its releases after 14 have, and there compare types with VARIADIC "any".  Not
 * so where a group, or all that is read, is on one shard.
 */
void
ad_citus_check_columns(PlannerInfo *root)
{
	const char *on = GetConfigOption("citus.allow_aggregate_worker_combine_on_internal_types",
									 true, false);
	Query	   *query = root == NULL ? NULL : root->parse;
	Given		given = {0};
	const Aggref *aggregate = NULL;
	ListCell   *lc;

	if (on == NULL || strcmp(on, "on") != 0 || query == NULL)
		return;
	foreach(lc, query->rtable)
	{
		const RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		given.relation++;
		if (rte->rtekind != RTE_RELATION ||
			!is_distributed(rte->relid, &given.by))
			continue;
		given.table = rte->relid;
		break;
	}
	if (!OidIsValid(given.table) ||
		has_shard_column((Node *) query->jointree, &given))
		return;
	foreach(lc, query->groupClause)
		if (has_shard_column((Node *) get_sortgroupclause_tle(lfirst(lc), query->targetList)->expr,
							 &given))
		return;
	if (!find_columns((Node *) query->targetList, &aggregate) &&
		!find_columns(query->havingQual, &aggregate))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("columns of distributed table \"%s\" cannot be given to %s() one by one",
					get_rel_name(given.table), get_func_name(aggregate->aggfnoid)),
			 errdetail("This version of Citus computes aggregates on the shards only if all of their arguments have a type of their own."),
			 errhint("Give them as one row: %s(spec, ad_row(ARRAY['a', 'b'], a, b)). Or let all rows come here: SET citus.allow_aggregate_worker_combine_on_internal_types = off.",
					 get_func_name(aggregate->aggfnoid))));
}
