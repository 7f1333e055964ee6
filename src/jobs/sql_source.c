/*-------------------------------------------------------------------------
 *
 * sql_source.c
 *		The source of a job: its query, its columns, the tables below it.
 *
 * The query is prepared in the search path that its writer had, and what is
 * asked about it is read from the tree that the server made of it, with views
 * expanded: which tables it reads, and whose column the watermark is.  To
 * prepare it locks them against being truncated until the batch ends.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_job_source.h"
#include "operate/ad_citus.h"
#include "operate/ad_own.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_relation.h"
#include "parser/parsetree.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/syscache.h"

#define MAX_DEPTH	64			/* of subqueries that a column is followed
								 * through */

/* Set the search path until the batch ends. */
void
ad_job_path(const char *search_path)
{
	(void) set_config_option("search_path", search_path, PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

/* Add the tables of a query's tree to a list of OIDs. */
static bool
collect_tables(Node *node, void *context)
{
	List	  **tables = context;

	if (node == NULL)
		return false;
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *rte = (RangeTblEntry *) node;

		if (rte->rtekind == RTE_RELATION &&
			get_rel_relkind(rte->relid) != RELKIND_VIEW)
			*tables = list_append_unique_oid(*tables, rte->relid);
		return false;
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, collect_tables, context,
								 QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, collect_tables, context);
}

/* Whether rows of a join can come with NULLs in place of a side. */
static bool
has_outer_join(Node *node)
{
	ListCell   *cell;

	if (node == NULL)
		return false;
	if (IsA(node, JoinExpr))
	{
		JoinExpr   *j = (JoinExpr *) node;

		return j->jointype != JOIN_INNER || has_outer_join(j->larg) ||
			has_outer_join(j->rarg);
	}
	if (IsA(node, FromExpr))
		foreach(cell, ((FromExpr *) node)->fromlist)
			if (has_outer_join(lfirst(cell)))
			return true;
	return false;
}

static void trace_column(Query *query, int column, int depth, AdJobSource *s);

/* Follow an expression to the column of a table that it is, if it is one. */
static void
trace_expression(Query *query, Node *node, int depth, AdJobSource *s)
{
	Var		   *var;
	RangeTblEntry *rte;
	ListCell   *cell;

	while (node != NULL && IsA(node, RelabelType))
		node = (Node *) ((RelabelType *) node)->arg;
	if (node == NULL || !IsA(node, Var) || ((Var *) node)->varlevelsup > 0 ||
		((Var *) node)->varattno <= 0 || depth > MAX_DEPTH)
	{
		s->not_null = false;
		return;
	}
	var = (Var *) node;
	rte = rt_fetch(var->varno, query->rtable);
	switch (rte->rtekind)
	{
		case RTE_RELATION:
			s->origins = list_append_unique_oid(s->origins, rte->relid);
			if (s->not_null)
			{
				HeapTuple	row = SearchSysCache2(ATTNUM, ObjectIdGetDatum(rte->relid),
												  Int16GetDatum(var->varattno));

				s->not_null = HeapTupleIsValid(row) &&
					((Form_pg_attribute) GETSTRUCT(row))->attnotnull;
				if (HeapTupleIsValid(row))
					ReleaseSysCache(row);
			}
			return;
		case RTE_SUBQUERY:
			trace_column(rte->subquery, var->varattno, depth + 1, s);
			return;
		case RTE_JOIN:
			trace_expression(query, list_nth(rte->joinaliasvars, var->varattno - 1),
							 depth + 1, s);
			return;
		case RTE_CTE:
			if (rte->ctelevelsup == 0 && !rte->self_reference)
				foreach(cell, query->cteList)
			{
				CommonTableExpr *cte = lfirst(cell);

				if (strcmp(cte->ctename, rte->ctename) == 0 &&
					!cte->cterecursive && IsA(cte->ctequery, Query))
				{
					trace_column((Query *) cte->ctequery, var->varattno,
								 depth + 1, s);
					return;
				}
			}
			s->not_null = false;
			return;
		default:
			s->not_null = false;
	}
}

/* Follow a column of a query to the tables that it comes from. */
static void
trace_column(Query *query, int column, int depth, AdJobSource *s)
{
	TargetEntry *entry;
	ListCell   *cell;

	if (query->setOperations != NULL)
	{
		s->not_null = false;
		foreach(cell, query->rtable)
		{
			RangeTblEntry *rte = lfirst(cell);

			if (rte->rtekind == RTE_SUBQUERY && depth < MAX_DEPTH)
				trace_column(rte->subquery, column, depth + 1, s);
		}
		return;
	}
	if (query->groupingSets != NIL || has_outer_join((Node *) query->jointree))
		s->not_null = false;
	entry = get_tle_by_resno(query->targetList, column);
	trace_expression(query, entry == NULL ? NULL : (Node *) entry->expr, depth, s);
}

/* Whether Citus spreads a table over other servers. */
static bool
is_distributed(Oid table)
{
	Oid			types[] = {OIDOID};
	Datum		values[] = {ObjectIdGetDatum(table)};

	if (!OidIsValid(get_relname_relid("pg_dist_partition", PG_CATALOG_NAMESPACE)))
		return false;
	return ad_own_run("SELECT FROM pg_catalog.pg_dist_partition WHERE logicalrelid = $1",
					  1, types, values, NULL) > 0;
}

/* Tables and their children, which are locked as reading does. */
static List *
with_children(List *tables)
{
	List	   *all = NIL;
	ListCell   *cell;

	foreach(cell, tables)
		all = list_concat_unique_oid(all, find_all_inheritors(lfirst_oid(cell),
															  AccessShareLock, NULL));
	return all;
}

/*
 * Add the children of tables to them, and find out whether all are plain
 * tables here.
 */
static void
expand_tables(AdJobSource *s)
{
	ListCell   *cell;

	s->tables = with_children(s->tables);
	s->origins = with_children(s->origins);
	s->local = s->tables != NIL;
	foreach(cell, s->tables)
		if (get_rel_relkind(lfirst_oid(cell)) == RELKIND_FOREIGN_TABLE ||
			is_distributed(lfirst_oid(cell)))
		s->local = false;
}

/* The columns of what is asked of a source, in SQL. */
enum
{
	SOURCE_SQL, SOURCE_WATERMARK, SOURCE_KEY, SOURCE_KEY_TEXT,
	SOURCE_ENTITY_TEXT, SOURCE_COLUMNS
};

#define SOURCE_QUERY \
	"SELECT q.sql, _anomaly._ad_job_column(q.columns, q.types, $3, 'watermark')::oid, k.type::oid, " \
	"_anomaly._ad_text_of(format('_q.%I', $4), k.type), " \
	"CASE WHEN $5 IS NOT NULL THEN _anomaly._ad_text_of(format('_q.%I', $5), _anomaly._ad_job_column(q.columns, q.types, $5, 'entity')) END " \
	"FROM _anomaly._ad_job_source($1, $2) q, " \
	"LATERAL (SELECT CASE WHEN $4 IS NOT NULL THEN _anomaly._ad_job_column(q.columns, q.types, $4, 'key') END AS type) k"

/* Whether equal values of a type are equal as texts, and how they sort known. */
static bool
sorts_as_text(Oid type, Oid collation)
{
	switch (type)
	{
		case BOOLOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case OIDOID:
		case UUIDOID:
		case DATEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
		case BYTEAOID:
			return true;
		case TEXTOID:
		case VARCHAROID:
			return get_collation_isdeterministic(collation);
		default:
			return false;
	}
}

/* Ask SQL for the query and its columns, in the path of our own. */
static void
read_source(const AdJob *j, AdJobSource *s, Oid *key_type)
{
	MemoryContext mcxt = CurrentMemoryContext;
	MemoryContext old;
	Oid			types[] = {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID};
	const char *texts[] = {j->source, j->search_path, j->watermark, j->key, j->entity};
	Datum		values[lengthof(types)];
	char		nulls[lengthof(types)];
	char	   *found[SOURCE_COLUMNS];

	for (int i = 0; i < (int) lengthof(types); i++)
	{
		nulls[i] = texts[i] == NULL ? 'n' : ' ';
		values[i] = texts[i] == NULL ? (Datum) 0 : CStringGetTextDatum(texts[i]);
	}
	if (SPI_execute_with_args(SOURCE_QUERY, lengthof(types), types, values,
							  nulls, false, 1) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "SPI_execute_with_args failed");
	old = MemoryContextSwitchTo(mcxt);
	for (int i = 0; i < SOURCE_COLUMNS; i++)
	{
		found[i] = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i + 1);
		if (found[i] != NULL)
			found[i] = pstrdup(found[i]);
	}
	MemoryContextSwitchTo(old);
	SPI_freetuptable(SPI_tuptable);
	s->sql = found[SOURCE_SQL];
	s->watermark_type = atooid(found[SOURCE_WATERMARK]);
	*key_type = found[SOURCE_KEY] == NULL ? InvalidOid : atooid(found[SOURCE_KEY]);
	s->key_text = found[SOURCE_KEY_TEXT];
	s->entity_text = found[SOURCE_ENTITY_TEXT];
}

/* The column of a name, of which there is one; -1 if the name is NULL. */
static int
column_of(TupleDesc columns, const char *name)
{
	if (name != NULL)
		for (int i = 0; i < columns->natts; i++)
			if (strcmp(NameStr(TupleDescAttr(columns, i)->attname), name) == 0)
				return i;
	return -1;
}

/*
 * Find out all about the source of a job.  Leaves the search path that of the
 * source.  Errors: there is no such table, column, ...  Within SPI.
 */
void
ad_job_source(const AdJob *j, AdJobSource *out)
{
	SPIPlanPtr	plan;
	CachedPlanSource *prepared;
	Query	   *query;
	Oid			key_type;

	memset(out, 0, sizeof(*out));
	ad_job_path("pg_catalog, pg_temp");
	read_source(j, out, &key_type);
	if (!ad_place_type(out->watermark_type, &out->type))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("watermark has type %s", format_type_be(out->watermark_type)),
				 errhint("It is a timestamptz, timestamp, date, bigint, integer or smallint that grows.")));

	ad_job_path(j->search_path);
	/* a comment may end the query, so a line ends it too */
	plan = SPI_prepare(psprintf("SELECT _q.* FROM (\n%s\n) _q", out->sql), 0, NULL);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	prepared = linitial(SPI_plan_get_plan_sources(plan));
	query = linitial_node(Query, prepared->query_list);
	out->columns = CreateTupleDescCopy(prepared->resultDesc);
	out->watermark = column_of(out->columns, j->watermark);
	out->key = column_of(out->columns, j->key);
	out->key_sorts = out->key >= 0 &&
		sorts_as_text(key_type, TupleDescAttr(out->columns, out->key)->attcollation);
	out->not_null = true;
	trace_column(query, out->watermark + 1, 0, out);
	(void) collect_tables((Node *) query, &out->tables);
	expand_tables(out);
	out->distributed = ad_citus_reads(query);
	/* what the lists are made of must outlast the plan */
	SPI_freeplan(plan);
}

/*
 * The rows of a source from one place to before another; unseen: those that
 * are taken (ad_takes_begin()).
 */
int64
ad_source_rows(const AdJob *j, const AdJobSource *source, int64 least, int64 below,
			   bool unseen)
{
	Oid			type = ad_place_param_type(source->type);
	Oid			types[] = {type, type};
	Datum		values[] = {ad_place_value(source->type, least),
		ad_place_value(source->type, below)
	};
	char	   *watermark = pstrdup(quote_identifier(j->watermark));
	bool		isnull;
	int64		n;

	if (least >= below)
		return 0;
	ad_job_path(j->search_path);
	ad_execute_narrow(psprintf("SELECT pg_catalog.count(*) FROM (\n%s\n) _q "
							   "WHERE _q.%s OPERATOR(pg_catalog.>=) $1 AND _q.%s OPERATOR(pg_catalog.<) $2%s",
							   source->sql, watermark, watermark, unseen ?
							   psprintf(" AND _anomaly._ad_job_takes(%s, _q.%s)",
										source->key_text, watermark) : ""),
					  lengthof(types), types, values);
	n = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
									1, &isnull));
	SPI_freetuptable(SPI_tuptable);
	return n;
}
