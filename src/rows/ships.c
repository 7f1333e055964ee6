/*-------------------------------------------------------------------------
 *
 * ships.c
 *		ad_ships: what a plan fetches from foreign servers, and why not less.
 *
 * What ships is read off the plan that the server would run, and nothing is
 * planned here: a foreign scan that returns an aggregate has it in the list of
 * what the wrapper returns.  Only the reason, where rows come instead, is
 * looked for in the way that postgres_fdw looks at expressions: it sends calls
 * of built-in functions, and of those of the extensions that the server's
 * option names, that are IMMUTABLE, and whose collation is a foreign column's.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_compat.h"
#include "core/ad_core.h"
#include "rows/ad_ships.h"
#include "sql/ad_result.h"
#include "sql/ad_text.h"

#include "access/transam.h"
#include "catalog/dependency.h"
#include "catalog/partition.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "executor/executor.h"
#include "foreign/foreign.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "optimizer/cost.h"
#include "parser/parsetree.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/regproc.h"
#include "utils/varlena.h"

PG_FUNCTION_INFO_V1(ad_ships);

#define WRAPPER		"postgres_fdw"
#define HINT_VIEW	"Compute it on the servers, in a view that the foreign table reads."

/* The columns of ad_ships(). */
enum
{
	SHIPS_SCAN,
	SHIPS_SERVER,
	SHIPS_SHIPS,
	SHIPS_REASON,
	SHIPS_HINT,
	SHIPS_COLUMNS
};

/* A plan as it is walked. */
typedef struct Walk
{
	const PlannedStmt *stmt;
	List	   *ships;			/* of AdShip */
	const Agg  *agg;			/* the aggregate above; NULL: none */
	bool		joins;			/* something between them joins */
} Walk;

/* An expression that is looked at for what cannot be sent. */
typedef struct Culprit
{
	const ForeignServer *server;	/* where it is to be sent */
	char	   *listed;			/* its option "extensions"; NULL: none */
	List	   *extensions;		/* their OIDs */
	char	   *reason;			/* NULL: nothing found */
	char	   *hint;
} Culprit;

/* Whether an aggregate is somewhere in an expression. */
static bool
has_aggregate(Node *node, void *unused)
{
	if (node == NULL)
		return false;
	if (IsA(node, Aggref))
		return true;
	return expression_tree_walker(node, has_aggregate, unused);
}

/* Whether an expression has a column of a collation. */
static bool
has_collated_column(Node *node, void *collation)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var))
		return ((Var *) node)->varcollid == *(Oid *) collation;
	return expression_tree_walker(node, has_collated_column, collation);
}

/* Look at the call of a function; true: it cannot be sent. */
static bool
is_call_kept(Oid function, Oid collation, List *args, Culprit *c)
{
	Oid			extension = function < FirstNormalObjectId ? InvalidOid :
		getExtensionOfObject(ProcedureRelationId, function);
	bool		ours = OidIsValid(extension) &&
		extension == get_extension_oid("anomaly", true);

	if (function >= FirstNormalObjectId &&
		!list_member_oid(c->extensions, extension))
	{
		c->reason = psprintf("function %s is not known to be on the server",
							 format_procedure(function));
		if (OidIsValid(extension))
			c->hint = psprintf("If it is: ALTER SERVER %s OPTIONS (%s extensions '%s%s%s').",
							   quote_identifier(c->server->servername),
							   c->listed ? "SET" : "ADD",
							   c->listed ? c->listed : "",
							   c->extensions != NIL ? ", " : "",
							   get_extension_name(extension));
		return true;
	}
	if (func_volatile(function) != PROVOLATILE_IMMUTABLE)
	{
		bool		by_name = ours && args != NIL &&
			exprType(linitial(args)) == TEXTOID;

		c->reason = psprintf("function %s is not IMMUTABLE",
							 format_procedure(function));
		if (by_name)
			c->hint = "Give the bytes of the model: (SELECT ad_model('name')) in place of its name.";
		else
			c->hint = HINT_VIEW;
		return true;
	}
	if (OidIsValid(collation) &&
		!has_collated_column((Node *) args, &collation))
	{
		c->reason = psprintf("function %s takes its collation from no foreign column, but from a text constant",
							 format_procedure(function));
		c->hint = ours ? "Give a spec as jsonb, such as ad_iforest()." :
			HINT_VIEW;
		return true;
	}
	return false;
}

/* What an expression is called that postgres_fdw does not know. */
static const char *
kept_word(const Node *node)
{
	switch (nodeTag(node))
	{
		case T_CoalesceExpr:
			return "COALESCE";
		case T_CaseExpr:
			return "CASE";
		case T_NullIfExpr:
			return "NULLIF";
		case T_MinMaxExpr:
			return "GREATEST or LEAST";
		case T_BooleanTest:
			return "IS TRUE or FALSE";
		case T_CoerceViaIO:
			return "a conversion through text";
		case T_SQLValueFunction:
			return "the time or role of the statement";
		default:
			return "an expression of this kind";
	}
}

/* Find what cannot be sent in an expression; true: found. */
static bool
find_culprit(Node *node, void *context)
{
	Culprit    *c = context;
	bool		found = false;

	if (node == NULL)
		return false;
	check_stack_depth();
	switch (nodeTag(node))
	{
		case T_FuncExpr:
			found = is_call_kept(((FuncExpr *) node)->funcid,
								 ((FuncExpr *) node)->inputcollid,
								 ((FuncExpr *) node)->args, c);
			break;
		case T_OpExpr:
		case T_DistinctExpr:
			found = is_call_kept(get_opcode(((OpExpr *) node)->opno),
								 ((OpExpr *) node)->inputcollid,
								 ((OpExpr *) node)->args, c);
			break;
		case T_ScalarArrayOpExpr:
			found = is_call_kept(get_opcode(((ScalarArrayOpExpr *) node)->opno),
								 ((ScalarArrayOpExpr *) node)->inputcollid,
								 ((ScalarArrayOpExpr *) node)->args, c);
			break;
		case T_Aggref:
			found = is_call_kept(((Aggref *) node)->aggfnoid,
								 ((Aggref *) node)->inputcollid,
								 ((Aggref *) node)->args, c);
			break;
		case T_Var:
			if (((Var *) node)->varattno == 0 ||
				type_is_rowtype(((Var *) node)->vartype))
				found = true;
			if (found)
				c->reason = "a whole row is not sent";
			break;
		case T_RowExpr:
			c->reason = "a row is not sent";
			found = true;
			break;
		case T_SubPlan:
			c->reason = "a subquery that depends on the row is not sent";
			return true;
		case T_Const:
		case T_Param:
		case T_SubscriptingRef:
		case T_RelabelType:
		case T_BoolExpr:
		case T_NullTest:
		case T_ArrayExpr:
		case T_List:
		case T_TargetEntry:
#if PG_VERSION_NUM >= 150000
		case T_CaseExpr:
		case T_CaseWhen:
		case T_CaseTestExpr:
#endif
			break;
		default:
			c->reason = psprintf("%s is not sent", kept_word(node));
			c->hint = HINT_VIEW;
			return true;
	}
	if (found)
	{
		if (c->hint == NULL)
			c->hint = "Give columns, or ad_row() of columns.";
		return true;
	}
	return expression_tree_walker(node, find_culprit, context);
}

/* Find what cannot be sent in the aggregates of an expression; true: found. */
static bool
find_in_aggregates(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Aggref))
		return find_culprit(node, context);
	return expression_tree_walker(node, find_in_aggregates, context);
}

/* Begin to look at what a server could be sent. */
static Culprit
look_at(const ForeignServer *server)
{
	Culprit		c = {server, NULL, NIL, NULL, NULL};
	ListCell   *lc;

	foreach(lc, server->options)
	{
		DefElem    *option = lfirst(lc);
		List	   *names;
		ListCell   *name;

		if (strcmp(option->defname, "extensions") != 0)
			continue;
		c.listed = defGetString(option);
		if (!SplitIdentifierString(pstrdup(c.listed), ',', &names))
			continue;
		foreach(name, names)
			c.extensions = lappend_oid(c.extensions,
									   get_extension_oid(lfirst(name), true));
	}
	return c;
}

/* The table that a partition or child is one of, the outermost; else itself. */
static Oid
root_table(const PlannedStmt *stmt, int relation)
{
	for (bool up = true; up;)
	{
		ListCell   *lc;

		up = false;
		foreach(lc, stmt->appendRelations)
		{
			AppendRelInfo *a = lfirst(lc);
			RangeTblEntry *parent = rt_fetch(a->parent_relid, stmt->rtable);

			if ((int) a->child_relid == relation &&
				parent->rtekind == RTE_RELATION)
			{
				relation = a->parent_relid;
				up = true;
				break;
			}
		}
	}
	return rt_fetch(relation, stmt->rtable)->relid;
}

/* Say why an aggregate over a scan is not on its server. */
static void
why_no_aggregate(const Walk *w, const ForeignScan *scan, int relation,
				 AdShip *ship, const ForeignServer *server)
{
	Culprit		c = look_at(server);
	Oid			table = rt_fetch(relation, w->stmt->rtable)->relid;
	Oid			root = root_table(w->stmt, relation);

	if (find_in_aggregates((Node *) w->agg->plan.targetlist, &c) ||
		find_in_aggregates((Node *) w->agg->plan.qual, &c) ||
		find_culprit((Node *) scan->scan.plan.targetlist, &c))
	{
		ship->reason = c.reason;
		ship->hint = c.hint;
	}
	else if (w->joins)
	{
		ship->reason = "its rows are joined here";
		ship->hint = "Join on the servers, in a view that the foreign table reads.";
	}
	else if (root != table && !enable_partitionwise_aggregate)
	{
		ship->reason = "setting enable_partitionwise_aggregate is off";
		ship->hint = psprintf("Turn it on, and group by the key of table \"%s\"; ad_train() does without.",
							  get_rel_name(root));
	}
	else if (root != table)
	{
		ship->reason = psprintf("groups are not those of the partitions of table \"%s\", or the planner takes rows for cheaper",
								get_rel_name(root));
		ship->hint = "Group by all of the partition key; ANALYZE the foreign tables. ad_train() does without.";
	}
	else
	{
		ship->reason = "the planner takes rows for cheaper";
		ship->hint = "ANALYZE the foreign table.";
	}
}

/* Note what a foreign scan brings. */
static void
note_scan(Walk *w, const ForeignScan *scan)
{
	AdShip	   *ship = palloc0(sizeof(AdShip));
	ForeignServer *server = GetForeignServer(scan->fs_server);
	ForeignDataWrapper *wrapper = GetForeignDataWrapper(server->fdwid);
	Culprit		c = look_at(server);
	StringInfoData names;
	int			relation = -1;
	int			first = 0;
	int			n = 0;

	initStringInfo(&names);
	while ((relation = bms_next_member(scan->fs_relids, relation)) >= 0)
	{
		RangeTblEntry *rte = rt_fetch(relation, w->stmt->rtable);

		if (rte->rtekind != RTE_RELATION)
			continue;
		if (n++ == 0)
			first = relation;
		appendStringInfo(&names, "%s%s", n > 1 ? ", " : "",
						 quote_qualified_identifier(get_namespace_name(get_rel_namespace(rte->relid)),
													get_rel_name(rte->relid)));
	}
	ship->scan = names.data;
	ship->server = server->servername;
	ship->aggregate = scan->scan.scanrelid == 0 &&
		has_aggregate((Node *) scan->fdw_scan_tlist, NULL);
	ship->ships = ship->aggregate ? "aggregate" :
		scan->scan.scanrelid == 0 ? "joined rows" :
		scan->fdw_recheck_quals != NIL ? "filtered rows" : "rows";
	if (ship->aggregate)
		 /* nothing more to wish for */ ;
	else if (strcmp(wrapper->fdwname, WRAPPER) != 0)
		ship->reason = psprintf("foreign-data wrapper \"%s\" is not known to send expressions",
								wrapper->fdwname);
	else if (find_culprit((Node *) scan->scan.plan.qual, &c))
	{
		ship->reason = psprintf("a condition is checked here: %s", c.reason);
		ship->hint = c.hint;
	}
	else if (w->agg != NULL && first > 0)
		why_no_aggregate(w, scan, first, ship, server);
	w->ships = lappend(w->ships, ship);
}

/* Walk a plan down to its scans. */
static void
walk_plan(Walk *w, const Plan *plan)
{
	Walk		above = *w;
	List	   *children = NIL;
	ListCell   *lc;

	if (plan == NULL)
		return;
	check_stack_depth();
	switch (nodeTag(plan))
	{
		case T_ForeignScan:
			note_scan(w, (const ForeignScan *) plan);
			break;
		case T_Append:
			children = ((const Append *) plan)->appendplans;
			break;
		case T_MergeAppend:
			children = ((const MergeAppend *) plan)->mergeplans;
			break;
		case T_CustomScan:
			children = ((const CustomScan *) plan)->custom_plans;
			break;
		case T_SubqueryScan:
			children = list_make1(((const SubqueryScan *) plan)->subplan);
			break;
		case T_Agg:
			w->agg = (const Agg *) plan;
			w->joins = false;
			break;
		case T_NestLoop:
		case T_MergeJoin:
		case T_HashJoin:
			w->joins = true;
			break;
		default:
			break;
	}
	foreach(lc, children)
		walk_plan(w, lfirst(lc));
	walk_plan(w, plan->lefttree);
	walk_plan(w, plan->righttree);
	w->agg = above.agg;
	w->joins = above.joins;
}

/* The query of a plan of one, as it was rewritten. */
const Query *
ad_ships_query(SPIPlanPtr plan)
{
	CachedPlanSource *source = linitial(SPI_plan_get_plan_sources(plan));

	return linitial_node(Query, source->query_list);
}

/*
 * Say of each foreign scan of a plan, without parameters and of one query, what
 * it brings: a list of AdShip.  Within SPI.
 */
List *
ad_ships_of_plan(SPIPlanPtr plan)
{
	CachedPlan *cached = SPI_plan_get_cached_plan(plan);
	Walk		w = {0};
	ListCell   *lc;

	if (cached == NULL)
		elog(ERROR, "query has several plans");
	foreach(lc, cached->stmt_list)
	{
		ListCell   *sub;

		w.stmt = lfirst_node(PlannedStmt, lc);
		/* as EXPLAIN, say nothing of what the caller may not read */
		(void) ad_check_plan_rights(w.stmt);
		walk_plan(&w, w.stmt->planTree);
		foreach(sub, w.stmt->subplans)
			walk_plan(&w, lfirst(sub));
	}
	ad_release_plan(cached);
	return w.ships;
}

static Datum
run_ships(FunctionCallInfo fcinfo)
{
	char	   *sql = ad_text_argument(PG_GETARG_DATUM(0), "query", AD_MAX_QUERY_LENGTH);
	TupleDesc	desc;
	Tuplestorestate *rows = ad_result_begin(fcinfo, SHIPS_COLUMNS, &desc);
	AdQuery		query;
	SPIPlanPtr	plan;
	ListCell   *lc;

	SPI_connect();
	ad_query_read(sql, "query", &query);
	plan = ad_query_prepare(query.text, 0, NULL);
	foreach(lc, ad_ships_of_plan(plan))
	{
		const AdShip *ship = lfirst(lc);
		const char *const given[SHIPS_COLUMNS] = {ship->scan, ship->server,
		ship->ships, ship->reason, ship->hint};
		Datum		values[SHIPS_COLUMNS];
		bool		nulls[SHIPS_COLUMNS];

		for (int i = 0; i < SHIPS_COLUMNS; i++)
		{
			nulls[i] = given[i] == NULL;
			values[i] = nulls[i] ? (Datum) 0 : CStringGetTextDatum(given[i]);
		}
		tuplestore_putvalues(rows, desc, values, nulls);
	}
	SPI_finish();
	return (Datum) 0;
}

/* ad_ships(query) -> scan, server, ships, reason, hint.  Strict. */
Datum
ad_ships(PG_FUNCTION_ARGS)
{
	return ad_call_clipped(run_ships, fcinfo);
}
