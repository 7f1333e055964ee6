/*-------------------------------------------------------------------------
 *
 * shards.c
 *		A training query over foreign tables, as one that sends sketches.
 *
 * postgres_fdw fetches the rows of a query over a partitioned table, unless it
 * groups by the partition key and a setting is on; and a key that is as good as
 * unique (PARTITION BY HASH (id)) cannot be grouped by.  So the query is taken
 * apart, one part for each partition,
 *
 *		SELECT ad_sketch(spec, _q._c1, ...)
 *		FROM (SELECT a, b FROM (SELECT <columns> FROM ONLY part) t WHERE ...) _q
 *		UNION ALL ...
 *
 * of which postgres_fdw sends each to its server.  That is the same rows if the
 * query reads one table and does no more with its rows than choose them and
 * compute from them.  Where the caller may read the table, but not its
 * partitions, or row security is on, a LIST partitioned table is asked as a
 * whole, by groups of its key.
 *
 * Whether it would be so is read off the plan, which is then run: see ships.c.
 * What comes are sketches without names, and with the types that columns have
 * on their servers; the query knows them.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_compat.h"
#include "model/ad_spec.h"
#include "operate/ad_own.h"
#include "operate/ad_progress.h"
#include "operate/ad_citus.h"
#include "rows/ad_ships.h"
#include "sketch/ad_sketch.h"
#include "sql/ad_receiver.h"
#include "sql/ad_try.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "parser/scanner.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/rel.h"
#include "utils/resowner.h"
#include "utils/rls.h"

#define NOT_FOREIGN		"it reads no foreign table"

/* A training query that is to be taken apart. */
typedef struct Shards
{
	const AdQuery *query;
	const char *text;			/* of the query, TABLE written as SELECT */
	const char *spec;			/* an SQL literal */
	Oid			table;
	List	   *parts;			/* OIDs of what has its rows */
	int			foreign;		/* of them foreign tables */
	const char *alias;			/* of the table in the query, quoted */
	bool		is_named;		/* the query names it so */
	int			first;			/* where its first column begins, */
	int			start;			/* where the name of the table does, */
	int			end;			/* and what follows that */
	SPIPlanPtr	plan;			/* NULL: none */
	char	   *sql;
	MemoryContext mcxt;			/* of this and what it points to */
	const char *reason;			/* why it does not ship */
	const char *hint;
} Shards;

/* Where the sketches go that come. */
typedef struct Merge
{
	DestReceiver pub;
	Shards	   *shards;
	AdSketch   *sketch;			/* of those so far; NULL: none */
	bool		fits;			/* none has other types than the query */
	int64		n;				/* that came from servers */
	int64		bytes;			/* of these */
} Merge;

/* The word of ad_train() for it. */
AdShards
ad_shards_by_name(const char *word)
{
	if (strcmp(word, "auto") == 0)
		return AD_SHARDS_AUTO;
	if (strcmp(word, "only") == 0)
		return AD_SHARDS_ONLY;
	if (strcmp(word, "off") == 0)
		return AD_SHARDS_OFF;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown value \"%s\" of shards", ad_quote_clip(word)),
			 errdetail("Expected one of \"auto\", \"only\", \"off\".")));
}

/* Note the tables that have the rows of a table. */
static void
find_parts(Shards *s)
{
	ListCell   *lc;

	foreach(lc, find_all_inheritors(s->table, AccessShareLock, NULL))
	{
		char		kind = get_rel_relkind(lfirst_oid(lc));

		if (kind == RELKIND_PARTITIONED_TABLE)
			continue;
		s->parts = lappend_oid(s->parts, lfirst_oid(lc));
		if (kind == RELKIND_FOREIGN_TABLE)
			s->foreign++;
	}
}

/* Whether a query, or one in it, reads a foreign table. */
static bool
reads_foreign(Node *node, void *unused)
{
	if (node == NULL)
		return false;
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *rte = (RangeTblEntry *) node;
		Shards		s = {0};

		if (rte->rtekind != RTE_RELATION)
			return false;
		s.table = rte->relid;
		find_parts(&s);
		return s.foreign > 0;
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, reads_foreign, unused,
								 QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, reads_foreign, unused);
}

/* What a query does with rows beyond choosing and computing, or NULL. */
static const char *
not_simple(const SelectStmt *stmt, const Query *query)
{
	Node	   *from = list_length(stmt->fromClause) == 1 ?
		linitial(stmt->fromClause) : NULL;

	if (stmt->op != SETOP_NONE)
		return "it is a UNION, INTERSECT or EXCEPT";
	if (stmt->withClause != NULL)
		return "it has a WITH clause";
	if (stmt->distinctClause != NIL)
		return "it has DISTINCT";
	if (stmt->groupClause != NIL || stmt->havingClause != NULL || query->hasAggs)
		return "it has groups or aggregates";
	if (stmt->windowClause != NIL || query->hasWindowFuncs)
		return "it has window functions";
	if (query->hasTargetSRFs)
		return "it has a set-returning function among its columns";
	if (stmt->sortClause != NIL)
		return "it has ORDER BY";
	if (stmt->limitCount != NULL || stmt->limitOffset != NULL)
		return "it has LIMIT or OFFSET";
	if (list_length(stmt->fromClause) > 1 || (from && IsA(from, JoinExpr)))
		return "it joins tables";
	if (from && IsA(from, RangeTableSample))
		return "it has TABLESAMPLE";
	if (from == NULL || !IsA(from, RangeVar))
		return "it reads from something else than a table";
	if (!((RangeVar *) from)->inh)
		return "it has ONLY";
	return NULL;
}

/*
 * Find the name of the table in the text of the query.  False if it is not
 * where the parser says.
 */
static bool
find_name(Shards *s, const RangeVar *from)
{
	int			words = 1 + (from->schemaname ? 2 : 0) + (from->catalogname ? 2 : 0);
	core_yy_extra_type extra;
	core_YYSTYPE value;
	YYLTYPE		at = 0;
	core_yyscan_t scanner = scanner_init(s->text, &extra, &ScanKeywords,
										 ScanKeywordTokens);
	int			token;

	s->start = from->location;
	s->end = -1;
	while ((token = core_yylex(&value, &at, scanner)) != 0 && at < s->start)
		CHECK_FOR_INTERRUPTS();
	if (token != 0 && at == s->start)
	{
		while (token != 0 && words-- > 0)
			token = core_yylex(&value, &at, scanner);
		/* as FROM tx *, of old */
		if (token == '*')
			token = core_yylex(&value, &at, scanner);
		s->end = token == 0 ? (int) strlen(s->text) : at;
	}
	scanner_finish(scanner);
	return s->end >= 0;
}

/* The columns that are sketched, the row key first if there is one. */
static void
append_columns(StringInfo sql, const AdQuery *q)
{
	if (q->key >= 0)
		appendStringInfo(sql, ", _q._c%d", q->key + 1);
	if (strcmp(q->features, "_f.*") != 0)
	{
		appendStringInfo(sql, ", %s", q->features);
		return;
	}
	for (int i = 0; i < q->columns->natts; i++)
		if (i != q->key && (q->by == NULL || !q->by[i]))
			appendStringInfo(sql, ", _q._c%d", i + 1);
}

/* The names of the columns of a subquery _q, after one that is no column of the query. */
static void
append_names(StringInfo sql, const AdQuery *q, const char *before)
{
	appendStringInfo(sql, " _q(%s", before);
	for (int i = 0; i < q->columns->natts; i++)
		appendStringInfo(sql, "%s_c%d", i > 0 ? ", " : "", i + 1);
}

/* Add the columns of the whole table, from a part of it, in its place. */
static void
append_part(StringInfo sql, const Shards *s, Oid part)
{
	Relation	rel = table_open(s->table, NoLock);
	TupleDesc	columns = RelationGetDescr(rel);
	const char *comma = "";

	appendStringInfoString(sql, "(SELECT ");
	for (int i = 0; i < columns->natts; i++)
	{
		if (TupleDescAttr(columns, i)->attisdropped)
			continue;
		appendStringInfo(sql, "%s%s", comma,
						 quote_identifier(NameStr(TupleDescAttr(columns, i)->attname)));
		comma = ", ";
	}
	appendStringInfo(sql, " FROM ONLY %s)",
					 quote_qualified_identifier(get_namespace_name(get_rel_namespace(part)),
												get_rel_name(part)));
	if (!s->is_named)
		appendStringInfo(sql, " AS %s", s->alias);
	appendStringInfoChar(sql, ' ');
	table_close(rel, NoLock);
}

/* The query that takes the table apart. */
static void
write_parts(Shards *s)
{
	const char *text = s->text;
	StringInfoData sql;
	ListCell   *lc;

	initStringInfo(&sql);
	foreach(lc, s->parts)
	{
		bool		foreign = get_rel_relkind(lfirst_oid(lc)) == RELKIND_FOREIGN_TABLE;

		if (lc != list_head(s->parts))
			appendStringInfoString(&sql, " UNION ALL ");
		appendStringInfo(&sql, "SELECT %s._ad_sketch(%s", ad_internal_schema(),
						 s->spec);
		append_columns(&sql, s->query);
		appendStringInfo(&sql, ") AS _c1, %s AS _c2 FROM (\n%.*s",
						 foreign ? "true" : "false", s->start, text);
		append_part(&sql, s, lfirst_oid(lc));
		/* a comment may end the query, so a line ends it too */
		appendStringInfo(&sql, "%s\n)", text +s->end);
		append_names(&sql, s->query, "");
		appendStringInfoChar(&sql, ')');
	}
	s->sql = sql.data;
}

/* Let aggregates be of partitions, until the nest level of settings ends. */
static void
set_partitionwise(void)
{
	(void) set_config_option("enable_partitionwise_aggregate", "on",
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
							 true, 0, false);
}

/* Note that a scan brings rows. */
static void
note_rows(Shards *s, const AdShip *ship)
{
	s->reason = psprintf("of %s on server \"%s\" %s would come, as %s",
						 ship->scan, ship->server, ship->ships,
						 ship->reason ? ship->reason : "nothing is aggregated");
	s->hint = ship->hint;
}

/* Plan the query, and keep the plan if all that it fetches are sketches. */
static void
plan_query(void *arg)
{
	Shards	   *s = arg;
	ListCell   *lc;
	bool		ships = true;

	s->plan = ad_query_prepare(s->sql, 0, NULL);
	foreach(lc, ad_ships_of_plan(s->plan))
	{
		const AdShip *ship = lfirst(lc);

		if (ship->aggregate || !ships)
			continue;
		ships = false;
		note_rows(s, ship);
	}
	if (!ships)
		s->plan = NULL;
}

/* The same; a query of ours that cannot be planned is none that ships. */
static void
try_plan(Shards *s)
{
	ErrorData  *error = ad_try(plan_query, s);

	if (error == NULL)
		return;
	s->plan = NULL;
	s->reason = psprintf("it could not be planned by parts: %s", error->message);
	s->hint = NULL;
}

/* Whether the caller may read the parts of a table as he may read the table. */
static bool
may_read_parts(Shards *s)
{
	ListCell   *lc;

	if (check_enable_rls(s->table, InvalidOid, true) == RLS_ENABLED)
	{
		s->reason = psprintf("row security is on for table \"%s\"",
							 get_rel_name(s->table));
		s->hint = NULL;
		return false;
	}
	foreach(lc, s->parts)
	{
		if (lfirst_oid(lc) == s->table)
			continue;
		if (pg_class_aclcheck(lfirst_oid(lc), GetUserId(), ACL_SELECT) == ACLCHECK_OK &&
			check_enable_rls(lfirst_oid(lc), InvalidOid, true) != RLS_ENABLED)
			continue;
		s->reason = psprintf("role \"%s\" may not read partition \"%s\" by itself",
							 GetUserNameFromId(GetUserId(), false),
							 get_rel_name(lfirst_oid(lc)));
		s->hint = psprintf("GRANT SELECT ON %s TO %s.",
						   quote_qualified_identifier(get_namespace_name(get_rel_namespace(lfirst_oid(lc))),
													  get_rel_name(lfirst_oid(lc))),
						   quote_identifier(GetUserNameFromId(GetUserId(), false)));
		return false;
	}
	return true;
}

/*
 * The query that asks for groups of the partition key; false if that is not one
 * column of a LIST.
 */
static bool
write_groups(Shards *s)
{
	const char *text = s->text;
	Relation	rel = table_open(s->table, NoLock);
	PartitionKey key = rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE ?
		RelationGetPartitionKey(rel) : NULL;
	bool		is_list = key != NULL &&
		get_partition_strategy(key) == PARTITION_STRATEGY_LIST &&
		get_partition_col_attnum(key, 0) > 0;
	StringInfoData sql;

	if (is_list)
	{
		initStringInfo(&sql);
		appendStringInfo(&sql, "SELECT %s._ad_sketch(%s", ad_internal_schema(),
						 s->spec);
		append_columns(&sql, s->query);
		appendStringInfo(&sql, ") AS _c1, true AS _c2 FROM (\n%.*s%s.%s, %s\n)",
						 s->first, text, s->alias,
						 quote_identifier(get_attname(s->table, get_partition_col_attnum(key, 0), false)),
						 text +s->first);
		append_names(&sql, s->query, "_key, ");
		appendStringInfoString(&sql, ") GROUP BY _q._key");
		s->sql = sql.data;
	}
	table_close(rel, NoLock);
	return is_list;
}

/*
 * Look at a training query, and plan it as one that fetches sketches: the plan
 * is NULL if that cannot be.  Within SPI, in settings of its own.
 */
static void
plan_shards(Shards *s)
{
	RawStmt    *raw = linitial_node(RawStmt, pg_parse_query(s->query->text));
	SelectStmt *stmt = (SelectStmt *) raw->stmt;
	const Query *query = ad_ships_query(ad_query_prepare(s->query->text, 0, NULL));
	const char *reason;
	const char *hint;
	RangeVar   *from;

	s->foreign = reads_foreign((Node *) query, NULL);
	s->reason = s->foreign ? not_simple(stmt, query) : NOT_FOREIGN;
	if (s->reason != NULL)
	{
		s->hint = s->foreign ? "Put it into a view on the servers, and let a foreign table read that." : NULL;
		return;
	}
	from = linitial_node(RangeVar, stmt->fromClause);
	s->table = RangeVarGetRelid(from, AccessShareLock, true);
	if (!OidIsValid(s->table) || get_rel_relkind(s->table) == RELKIND_VIEW)
	{
		s->reason = psprintf("\"%s\" is not a table", from->relname);
		s->hint = "Read the foreign table, or the partitioned one, itself.";
		return;
	}
	s->foreign = 0;
	find_parts(s);
	if (s->foreign == 0)
	{
		s->reason = "the foreign table is in a subquery";
		return;
	}
	s->is_named = from->alias != NULL;
	s->alias = quote_identifier(s->is_named ? from->alias->aliasname : from->relname);
	s->text = s->query->text;
	s->first = linitial_node(ResTarget, stmt->targetList)->location;
	if (s->first < 0)
	{
		s->text = psprintf("SELECT * FROM %s", s->text +from->location);
		s->first = (int) strlen("SELECT ");
		from->location = (int) strlen("SELECT * FROM ");
	}
	if (!find_name(s, from))
		elog(ERROR, "table of training query not found");
	if (may_read_parts(s))
	{
		write_parts(s);
		try_plan(s);
	}
	reason = s->reason;
	hint = s->hint;
	if (s->plan == NULL && write_groups(s))
	{
		set_partitionwise();
		try_plan(s);
	}
	/* what hinders the parts is what can be mended */
	s->reason = reason;
	s->hint = hint;
}

/* A spec as an SQL literal of type jsonb. */
static char *
spec_literal(Datum spec, Oid type)
{
	StringInfoData json;

	initStringInfo(&json);
	if (type == JSONBOID)
		(void) JsonbToCString(&json, &DatumGetJsonbP(spec)->root, -1);
	else
		appendStringInfoString(&json, ad_detector_spec(TextDatumGetCString(spec)));
	return psprintf("%s::pg_catalog.jsonb", quote_literal_cstr(json.data));
}

/*
 * Whether values of a type on a server are those that postgres_fdw would make
 * values of the type that the foreign table has.
 */
static bool
same_values(const AdFeature *there, const AdSource *here)
{
	static const char *const exact[] = {
		"smallint", "integer", "bigint", "numeric", "double precision"
	};
	bool		known = false;
	bool		wanted = false;

	if (there->class != here->class)
		return false;
	if (strcmp(there->type, here->name) == 0)
		return true;
	/* char(n) is a category without the spaces at its end */
	if (here->class == AD_CLASS_CATEGORY)
		return strcmp(there->type, "character") != 0 &&
			here->kind != AD_SRC_BPCHAR;
	if (here->class != AD_CLASS_NUMBER)
		return false;
	for (int i = 0; i < (int) lengthof(exact); i++)
	{
		known |= strcmp(there->type, exact[i]) == 0;
		wanted |= strcmp(here->name, exact[i]) == 0;
	}
	return known && wanted;
}

/*
 * Give a sketch the names and types of the query's columns.  False, with a
 * reason, if a column is of another type on its server, so that rows would have
 * made another model.
 */
static bool
name_features(Shards *s, AdSketch *sketch)
{
	const AdQuery *q = s->query;
	int			j = 0;

	if (strcmp(q->features, "_f.*") != 0)
		return true;
	for (int i = 0; i < q->columns->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(q->columns, i);
		AdSource	source;

		if (i == q->key || (q->by != NULL && q->by[i]))
			continue;
		if (j >= sketch->nfeatures ||
			!ad_source_init(&source, att->atttypid, sketch->mcxt) ||
			!same_values(&sketch->features[j], &source))
		{
			s->reason = MemoryContextStrdup(s->mcxt,
											psprintf("column \"%s\" is of type %s here, and of type %s on a server",
													 NameStr(att->attname),
													 format_type_be(att->atttypid),
													 j < sketch->nfeatures ? sketch->features[j].type : "unknown"));
			s->hint = "Give the columns of the foreign tables the types that they have on the servers, or let them read views there that cast them.";
			return false;
		}
		sketch->features[j].name = MemoryContextStrdup(sketch->mcxt,
													   NameStr(att->attname));
		sketch->features[j].type = source.name;
		j++;
	}
	return true;
}

/* Merge a sketch that came, unless it is of other types. */
static bool
take_sketch(TupleTableSlot *slot, DestReceiver *self)
{
	Merge	   *m = (Merge *) self;
	MemoryContext mcxt;
	MemoryContext old;
	AdSketch   *sketch;
	bytea	   *bytes;

	slot_getallattrs(slot);
	if (slot->tts_isnull[0])
		return true;
	mcxt = AllocSetContextCreate(m->shards->mcxt, "anomaly sketch",
								 ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(mcxt);
	bytes = DatumGetByteaPP(slot->tts_values[0]);
	if (DatumGetBool(slot->tts_values[1]))
	{
		m->n++;
		m->bytes += VARSIZE_ANY_EXHDR(bytes);
	}
	sketch = ad_sketch_read((const uint8 *) VARDATA_ANY(bytes),
							VARSIZE_ANY_EXHDR(bytes), mcxt, NULL);
	if ((Pointer) bytes != DatumGetPointer(slot->tts_values[0]))
		pfree(bytes);
	m->fits = name_features(m->shards, sketch);
	if (m->fits && m->sketch == NULL)
		m->sketch = sketch;
	else
	{
		if (m->fits)
			ad_sketch_merge(m->sketch, sketch);
		MemoryContextDelete(mcxt);
	}
	MemoryContextSwitchTo(old);
	return m->fits;
}

/*
 * Run the plan: the sketch of all rows, or NULL; says what came.  False, with a
 * reason, if those are not to be merged.
 */
static bool
run_shards(Shards *s, const char *name, bytea **sketch)
{
	bool		was_read_only = XactReadOnly;
	Merge		m = {.shards = s,.fits = true};

	ad_receiver_init(&m.pub, take_sketch);
	m.pub.mydest = DestTuplestore;	/* the rows are not discarded */
	ad_progress_phase(ad_progress_around_fit, "reading rows");
	XactReadOnly = true;
	ad_query_stream(s->plan, 0, NULL, NULL, &m.pub);
	XactReadOnly = was_read_only;
	*sketch = NULL;
	if (!m.fits)
		return false;
	if (m.sketch != NULL)
		*sketch = ad_sketch_write(m.sketch, NULL, 0);
	ereport(NOTICE,
			(errmsg_plural("model \"%s\": %lld sketch of %lld bytes came from foreign servers, and no rows",
						   "model \"%s\": %lld sketches of %lld bytes came from foreign servers, and no rows",
						   (unsigned long) m.n, name, (long long) m.n,
						   (long long) m.bytes)));
	return true;
}

/* Raise, or say, that rows come, and why. */
static void
say_rows(const Shards *s, const char *name, AdShards shards)
{
	if (shards == AD_SHARDS_ONLY)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("training query of model \"%s\" cannot be run as sketches of foreign servers",
						name),
				 errdetail("It does not ship: %s.", s->reason),
				 s->hint ? errhint("%s", s->hint) : 0));
	if (s->foreign > 0)
		ereport(NOTICE,
				(errmsg("training query of model \"%s\" fetches rows from foreign servers, and not sketches",
						name),
				 errdetail("It does not ship: %s.", s->reason),
				 s->hint ? errhint("%s", s->hint) : 0));
}

/* Why a query over a distributed table fetches rows, not sketches; or NULL. */
static const char *
why_citus_fetches(const AdQuery *query, SPIPlanPtr plan)
{
	AdCitusFit	fit = ad_citus_fit_of(plan);
	RawStmt    *raw;

	if (fit == AD_CITUS_IN_PARTS)
		return NULL;
	if (query->gathered)
		return "a key and an array, a row, or more than 98 columns, are not packed on the shards";
	if (fit == AD_CITUS_HERE)
		return "Citus aggregates its rows here";
	/* it is one task: all on one shard, or over rows that have come before */
	raw = linitial_node(RawStmt, pg_parse_query(query->text));
	return not_simple((SelectStmt *) raw->stmt,
					  ad_ships_query(ad_query_prepare(query->text, 0, NULL)));
}

/*
 * Say, or raise, that the rows of a query over a distributed table come here,
 * and not sketches of its shards: Citus decides that.  Within SPI.
 */
void
ad_shards_check(const char *name, const AdQuery *query, const char *fit,
				AdShards shards, Oid spec_type)
{
	SPIPlanPtr	plan;
	const char *reason;

	if (shards == AD_SHARDS_OFF)
		return;
	plan = ad_query_prepare(fit, 1, &spec_type);
	reason = why_citus_fetches(query, plan);
	SPI_freeplan(plan);
	if (reason != NULL)
		ereport(shards == AD_SHARDS_ONLY ? ERROR : NOTICE,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("training query of model \"%s\" fetches rows from shards, and not sketches",
						name),
				 errdetail("It does not ship: %s.", reason)));
}

/*
 * Run a query that fits sketches of a training query, which may be made where
 * the rows are: with the setting on that lets them be.  Within SPI.
 */
bytea *
ad_shards_merge(const char *name, const char *fit, AdShards shards, Datum spec,
				Oid spec_type)
{
	Shards		s = {.reason = NOT_FOREIGN};
	int			nestlevel = NewGUCNestLevel();
	SPIPlanPtr	plan = ad_query_prepare(fit, 1, &spec_type);
	bytea	   *model;
	ListCell   *lc;

	if (reads_foreign((Node *) ad_ships_query(plan), NULL))
	{
		s.foreign = 1;
		s.reason = NULL;
		set_partitionwise();
		foreach(lc, ad_ships_of_plan(plan))
		{
			const AdShip *ship = lfirst(lc);

			/* a table of sketches ships as it is */
			if (!ship->aggregate && ship->reason && s.reason == NULL)
				note_rows(&s, ship);
		}
	}
	SPI_freeplan(plan);
	if (s.reason != NULL)
		say_rows(&s, name, shards);
	model = ad_query_fit(fit, spec_type, spec);
	AtEOXact_GUC(true, nestlevel);
	return model;
}

/*
 * Fit the rows of a training query from sketches of its foreign tables, if they
 * ship: then *done is set, and the model's bytes are returned, or NULL if there
 * were no rows.  Within SPI.
 */
bytea *
ad_shards_fit(const char *name, const AdQuery *query, AdShards shards,
			  Datum spec, Oid spec_type, bool *done)
{
	Shards		s = {.query = query,.mcxt = CurrentMemoryContext};
	int			nestlevel = NewGUCNestLevel();
	bytea	   *sketch = NULL;
	bool		isnull;

	*done = false;
	s.spec = spec_literal(spec, spec_type);
	plan_shards(&s);
	if (s.plan != NULL)
		*done = run_shards(&s, name, &sketch);
	AtEOXact_GUC(true, nestlevel);
	if (sketch != NULL)
	{
		Oid			types[] = {spec_type, BYTEAOID};
		Datum		values[] = {spec, PointerGetDatum(sketch)};
		Datum		model;

		ad_progress_phase(ad_progress_around_fit, "fitting");
		if (SPI_execute_with_args(psprintf("SELECT %s._ad_fit_sketch($1, $2)",
										   ad_internal_schema()),
								  lengthof(types), types, values, NULL, true, 1) != SPI_OK_SELECT)
			elog(ERROR, "SPI_execute_with_args failed");
		model = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
							  &isnull);
		return isnull ? NULL : DatumGetByteaP(model);
	}
	if (!*done)
		say_rows(&s, name, shards);
	return NULL;
}
