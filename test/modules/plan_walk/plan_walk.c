/*-------------------------------------------------------------------------
 *
 * plan_walk.c
 *		Looks at all that the planner has, as extensions do that take hints,
 *		suggest indexes or log plans.
 *
 * In each of the planner's hooks every list of every relation is walked, and
 * what it names must exist: an index has a name, a row in pg_index for this
 * table and can be opened; a statistics object has a row in
 * pg_statistic_ext; a foreign key is between tables.  So must what the
 * finished plan names.  Anything else is an error, where such an extension
 * would crash.
 *
 * With plan_walk.hypothetical an index may be hypothetical, if it has an OID,
 * as those of hypopg.  With plan_walk.report each planning says what it
 * walked, and how much memory was allocated from beginning to end.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "catalog/pg_index.h"
#include "catalog/pg_statistic_ext.h"
#include "fmgr.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "nodes/plannodes.h"
#include "optimizer/paths.h"
#include "optimizer/plancat.h"
#include "optimizer/planner.h"
#include "parser/parsetree.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

static bool hypothetical = false;
static bool report = false;

/* Of the planning that is going on. */
static int	depth = 0;
static int	relations;
static int	indexes;
static int	statistics;
static int	foreign_keys;
static int	paths;
static List *tolerated = NIL;	/* OIDs of hypothetical indexes */

static planner_hook_type next_planner = NULL;
static get_relation_info_hook_type next_relation_info = NULL;
static set_rel_pathlist_hook_type next_rel_pathlist = NULL;
static set_join_pathlist_hook_type next_join_pathlist = NULL;
static create_upper_paths_hook_type next_upper_paths = NULL;

/* An index of a relation of the query, or of any if relation is invalid. */
static void
check_index(Oid index, Oid relation, bool is_hypothetical)
{
	HeapTuple	tuple;
	Oid			of;

	indexes++;
	if (hypothetical && is_hypothetical && OidIsValid(index) &&
		get_rel_name(index) == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

		tolerated = list_append_unique_oid(tolerated, index);
		MemoryContextSwitchTo(old);
		return;
	}
	if (hypothetical && list_member_oid(tolerated, index))
		return;
	if (get_rel_name(index) == NULL)
		elog(ERROR, "plan_walk: an index of \"%s\" has no name, its OID is %u",
			 OidIsValid(relation) ? get_rel_name(relation) : "?", index);
	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "plan_walk: \"%s\" is no index", get_rel_name(index));
	of = ((Form_pg_index) GETSTRUCT(tuple))->indrelid;
	ReleaseSysCache(tuple);
	if (OidIsValid(relation) && of != relation)
		elog(ERROR, "plan_walk: index \"%s\" is of another table than \"%s\"",
			 get_rel_name(index), get_rel_name(relation));
	index_close(index_open(index, NoLock), NoLock);
}

/* The lists that a relation begins with. */
static void
walk_relation(PlannerInfo *root, RelOptInfo *rel)
{
	RangeTblEntry *rte;
	ListCell   *lc;

	relations++;
	if (!IS_SIMPLE_REL(rel))
		return;
	rte = planner_rt_fetch(rel->relid, root);
	if (rte->rtekind != RTE_RELATION)
		return;
	if (get_rel_name(rte->relid) == NULL)
		elog(ERROR, "plan_walk: a table has no name, its OID is %u",
			 rte->relid);
	foreach(lc, rel->indexlist)
	{
		IndexOptInfo *index = lfirst_node(IndexOptInfo, lc);
		ListCell   *expression;
		int			n = 0;

		check_index(index->indexoid, rte->relid, index->hypothetical);
		if (index->rel != rel)
			elog(ERROR, "plan_walk: index \"%s\" is of another relation",
				 get_rel_name(index->indexoid));
		for (int i = 0; i < index->ncolumns; i++)
			if (index->indexkeys[i] == 0)
				n++;
		foreach(expression, index->indexprs)
		{
			(void) exprType((Node *) lfirst(expression));
			n--;
		}
		if (n != 0)
			elog(ERROR, "plan_walk: index \"%s\" has %d expressions too few",
				 get_rel_name(index->indexoid), n);
	}
	foreach(lc, rel->statlist)
	{
		StatisticExtInfo *info = lfirst_node(StatisticExtInfo, lc);
		HeapTuple	tuple = SearchSysCache1(STATEXTOID,
											ObjectIdGetDatum(info->statOid));

		statistics++;
		if (!HeapTupleIsValid(tuple))
			elog(ERROR, "plan_walk: statistics of \"%s\" do not exist, their OID is %u",
				 get_rel_name(rte->relid), info->statOid);
		if (((Form_pg_statistic_ext) GETSTRUCT(tuple))->stxrelid != rte->relid)
			elog(ERROR, "plan_walk: statistics of \"%s\" are of another table",
				 get_rel_name(rte->relid));
		ReleaseSysCache(tuple);
	}
}

static void walk_path(Path *path);

static void
walk_paths(List *list)
{
	ListCell   *lc;

	foreach(lc, list)
		walk_path((Path *) lfirst(lc));
}

/* A path, and what of it names an index. */
static void
walk_path(Path *path)
{
	paths++;
	switch (nodeTag(path))
	{
		case T_IndexPath:
			{
				IndexOptInfo *index = ((IndexPath *) path)->indexinfo;

				check_index(index->indexoid, InvalidOid, index->hypothetical);
				break;
			}
		case T_BitmapHeapPath:
			walk_path(((BitmapHeapPath *) path)->bitmapqual);
			break;
		case T_BitmapAndPath:
			walk_paths(((BitmapAndPath *) path)->bitmapquals);
			break;
		case T_BitmapOrPath:
			walk_paths(((BitmapOrPath *) path)->bitmapquals);
			break;
		case T_AppendPath:
			walk_paths(((AppendPath *) path)->subpaths);
			break;
		case T_MergeAppendPath:
			walk_paths(((MergeAppendPath *) path)->subpaths);
			break;
		default:
			break;
	}
}

/* A relation with its paths. */
static void
walk_paths_of(RelOptInfo *rel)
{
	ListCell   *lc;

	walk_paths(rel->pathlist);
	walk_paths(rel->partial_pathlist);
	walk_paths(rel->cheapest_parameterized_paths);
	foreach(lc, rel->ppilist)
		(void) lfirst_node(ParamPathInfo, lc);
	foreach(lc, rel->baserestrictinfo)
		(void) exprType((Node *) lfirst_node(RestrictInfo, lc)->clause);
	foreach(lc, rel->joininfo)
		(void) exprType((Node *) lfirst_node(RestrictInfo, lc)->clause);
}

/* All that there is. */
static void
walk_root(PlannerInfo *root)
{
	ListCell   *lc;

	for (int i = 1; i < root->simple_rel_array_size; i++)
	{
		RelOptInfo *rel = root->simple_rel_array[i];

		if (rel == NULL)
			continue;
		walk_relation(root, rel);
		walk_paths_of(rel);
		for (int p = 0; rel->part_rels && p < rel->nparts; p++)
			if (rel->part_rels[p])
				walk_relation(root, rel->part_rels[p]);
	}
	foreach(lc, root->join_rel_list)
		walk_paths_of(lfirst_node(RelOptInfo, lc));
	foreach(lc, root->fkey_list)
	{
		ForeignKeyOptInfo *key = lfirst_node(ForeignKeyOptInfo, lc);

		foreign_keys++;
		if (get_rel_name(planner_rt_fetch(key->con_relid, root)->relid) == NULL ||
			get_rel_name(planner_rt_fetch(key->ref_relid, root)->relid) == NULL)
			elog(ERROR, "plan_walk: a foreign key is of no table");
	}
	foreach(lc, root->append_rel_list)
		(void) lfirst_node(AppendRelInfo, lc);
}

/* The hooks. */

static void
relation_info(PlannerInfo *root, Oid relation, bool inhparent,
			  RelOptInfo *rel)
{
	if (next_relation_info)
		next_relation_info(root, relation, inhparent, rel);
	walk_relation(root, rel);
}

static void
rel_pathlist(PlannerInfo *root, RelOptInfo *rel, Index rti,
			 RangeTblEntry *rte)
{
	if (next_rel_pathlist)
		next_rel_pathlist(root, rel, rti, rte);
	walk_root(root);
}

static void
join_pathlist(PlannerInfo *root, RelOptInfo *joinrel, RelOptInfo *outerrel,
			  RelOptInfo *innerrel, JoinType jointype,
			  JoinPathExtraData *extra)
{
	if (next_join_pathlist)
		next_join_pathlist(root, joinrel, outerrel, innerrel, jointype, extra);
	walk_root(root);
	walk_paths_of(joinrel);
}

static void
upper_paths(PlannerInfo *root, UpperRelationKind stage, RelOptInfo *input_rel,
			RelOptInfo *output_rel, void *extra)
{
	if (next_upper_paths)
		next_upper_paths(root, stage, input_rel, output_rel, extra);
	walk_root(root);
	walk_paths_of(output_rel);
}

/* The indexes of a plan. */
static void
walk_plan(Plan *plan)
{
	ListCell   *lc;
	List	   *children = NIL;

	if (plan == NULL)
		return;
	switch (nodeTag(plan))
	{
		case T_IndexScan:
			check_index(((IndexScan *) plan)->indexid, InvalidOid, false);
			break;
		case T_IndexOnlyScan:
			check_index(((IndexOnlyScan *) plan)->indexid, InvalidOid, false);
			break;
		case T_BitmapIndexScan:
			check_index(((BitmapIndexScan *) plan)->indexid, InvalidOid, false);
			break;
		case T_BitmapAnd:
			children = ((BitmapAnd *) plan)->bitmapplans;
			break;
		case T_BitmapOr:
			children = ((BitmapOr *) plan)->bitmapplans;
			break;
		case T_Append:
			children = ((Append *) plan)->appendplans;
			break;
#if PG_VERSION_NUM < 140000
		case T_ModifyTable:
			children = ((ModifyTable *) plan)->plans;
			break;
#endif
		case T_MergeAppend:
			children = ((MergeAppend *) plan)->mergeplans;
			break;
		case T_SubqueryScan:
			walk_plan(((SubqueryScan *) plan)->subplan);
			break;
		default:
			break;
	}
	foreach(lc, children)
		walk_plan((Plan *) lfirst(lc));
	walk_plan(plan->lefttree);
	walk_plan(plan->righttree);
}

/* Plan, and walk what comes of it. */
static PlannedStmt *
plan(Query *parse, const char *query_string, int options,
	 ParamListInfo params)
{
	PlannedStmt *result;
	ListCell   *lc;
	Size		before = MemoryContextMemAllocated(CurrentMemoryContext, true);
	Size		after;

	if (depth == 0)
		relations = indexes = statistics = foreign_keys = paths = 0;
	depth++;
	PG_TRY();
	{
		result = next_planner ?
			next_planner(parse, query_string, options, params) :
			standard_planner(parse, query_string, options, params);
	}
	PG_FINALLY();
	{
		depth--;
	}
	PG_END_TRY();
	after = MemoryContextMemAllocated(CurrentMemoryContext, true);

	walk_plan(result->planTree);
	foreach(lc, result->subplans)
		walk_plan((Plan *) lfirst(lc));
	foreach(lc, result->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind == RTE_RELATION && get_rel_name(rte->relid) == NULL)
			elog(ERROR, "plan_walk: the plan has a table without a name, its OID is %u",
				 rte->relid);
	}
	if (report && depth == 0)
		elog(INFO, "plan_walk: relations %d, indexes %d, statistics %d, foreign keys %d, paths %d, memory %zu",
			 relations, indexes, statistics, foreign_keys, paths,
			 after - before);
	return result;
}

void
_PG_init(void)
{
	DefineCustomBoolVariable("plan_walk.hypothetical",
							 "Sets whether indexes may be hypothetical.", NULL,
							 &hypothetical, false, PGC_USERSET, 0,
							 NULL, NULL, NULL);
	DefineCustomBoolVariable("plan_walk.report",
							 "Sets whether each planning says what it walked.",
							 NULL, &report, false, PGC_USERSET, 0,
							 NULL, NULL, NULL);
	next_planner = planner_hook;
	planner_hook = plan;
	next_relation_info = get_relation_info_hook;
	get_relation_info_hook = relation_info;
	next_rel_pathlist = set_rel_pathlist_hook;
	set_rel_pathlist_hook = rel_pathlist;
	next_join_pathlist = set_join_pathlist_hook;
	set_join_pathlist_hook = join_pathlist;
	next_upper_paths = create_upper_paths_hook;
	create_upper_paths_hook = upper_paths;
}
