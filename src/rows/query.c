/*-------------------------------------------------------------------------
 *
 * query.c
 *		A user's query as text, put into queries over its rows.
 *
 * The text is parsed alone first and must be one SELECT that does not write;
 * then it is put, as it was written, into
 *
 *		… FROM (<query>) _q(_c1, _c2, …), LATERAL (SELECT _q._c2 AS b, …) _f
 *
 * so that its columns have names that cannot be ambiguous, and _f is the row
 * of features with the names that a model keeps.  Of tables with shards it is a
 * packed row that brings the names, _anomaly._ad_pack('{b,…}', _q._c2, …), since
 * rows lose theirs on the way and would all come here.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_options.h"
#include "operate/ad_own.h"
#include "rows/ad_args.h"
#include "operate/ad_citus.h"
#include "rows/ad_query.h"
#include "sketch/ad_sketch.h"
#include "sql/ad_source_text.h"
#include "sql/ad_text.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "parser/parse_coerce.h"
#include "parser/scansup.h"
#include "miscadmin.h"
#include "tcop/pquery.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"

#define MAX_LISTED	20			/* columns that an error names */

PG_FUNCTION_INFO_V1(ad_query);

/* The columns of _ad_query(). */
enum
{
	QUERY_TEXT,
	QUERY_NAMES,
	QUERY_TYPES,
	QUERY_COLUMNS
};

/* Raise an error for text that is not one query. */
static void
not_a_query(const char *what, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s must be one SELECT", what),
			 errdetail_internal("%s", detail)));
}

/*
 * Parse text that must be one SELECT that does not write by itself, or the
 * name of a table; "what" calls it by name in errors.  Within SPI.  All of its columns are features
 * until ad_query_features() says otherwise.
 */
void
ad_query_read(const char *sql, const char *what, AdQuery *out)
{
	List	   *statements;
	RawStmt    *raw;
	const char *start;
	const char *end;
	SPIPlanPtr	plan;
	CachedPlanSource *source;
	Query	   *query;

	sql = ad_source_query(unconstify(char *, sql), what);
	statements = ad_source_parse(sql, what);
	if (list_length(statements) != 1)
		not_a_query(what, psprintf("It has %d statements.",
								   list_length(statements)));
	raw = linitial_node(RawStmt, statements);
	memset(out, 0, sizeof(*out));
	out->what = what;
	out->key = -1;
	/* from 18 on it begins at its first word; so it does here before */
	start = sql + raw->stmt_location;
	end = raw->stmt_len > 0 ? start + raw->stmt_len : start + strlen(start);
	while (start < end && scanner_isspace(*start))
		start++;
	out->text = pnstrdup(start, end - start);

	plan = SPI_prepare(out->text, 0, NULL);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	source = linitial(SPI_plan_get_plan_sources(plan));
	if (list_length(source->query_list) != 1)
		not_a_query(what, "It is rewritten to several.");
	query = linitial_node(Query, source->query_list);
	if (query->commandType != CMD_SELECT)
		not_a_query(what, "It is another statement.");
	if (query->hasModifyingCTE)
		not_a_query(what, "It changes data in a WITH clause.");
	if (query->rowMarks != NIL)
		not_a_query(what, "It locks rows.");
	if (source->resultDesc == NULL || source->resultDesc->natts == 0)
		not_a_query(what, "It has no columns.");
	out->columns = CreateTupleDescCopy(source->resultDesc);
	out->distributed = ad_citus_reads(query);
	SPI_freeplan(plan);
}

/*
 * Raise an error: no column of a query has a name; say which it may have meant.
 * No role: it was to be excluded.
 */
static void
no_column(const AdQuery *q, const char *name, const char *role)
{
	int			n = q->columns->natts;
	const char **names = ad_palloc_array(const char *, n);
	const char *nearest = NULL;

	name = ad_quote_clip(name);
	for (int i = 0; i < n; i++)
	{
		names[i] = NameStr(TupleDescAttr(q->columns, i)->attname);
		if (pg_strcasecmp(names[i], name) == 0)
			nearest = names[i];
	}
	if (nearest == NULL)
		nearest = ad_nearest(name, names, n);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 role ? errmsg("query has no column \"%s\" to be the %s", name, role) :
			 errmsg("query has no column \"%s\" to exclude", name),
			 nearest ? errhint("Did you mean \"%s\"?", nearest) :
			 n <= MAX_LISTED ?
			 errhint("Its columns are %s.", ad_quoted_list(names, n)) : 0));
}

/*
 * The column of a query that has a name; "role" says in an error what it was
 * to be.
 */
int
ad_query_find(const AdQuery *q, const char *name, const char *role)
{
	int			found = -1;

	for (int i = 0; i < q->columns->natts; i++)
		if (strcmp(NameStr(TupleDescAttr(q->columns, i)->attname), name) == 0)
		{
			if (found >= 0)
				ereport(ERROR,
						(errcode(ERRCODE_AMBIGUOUS_COLUMN),
						 errmsg("query has two columns \"%s\"", name),
						 errhint("Name them with AS.")));
			found = i;
		}
	if (found < 0)
		no_column(q, name, role);
	return found;
}

/* Raise an error: a column cannot be the label, because of its type. */
void
ad_query_wrong_label(const char *name, Oid type)
{
	const char *column = quote_identifier(name);
	bool		is_word = TypeCategory(type) == TYPCATEGORY_STRING ||
		TypeCategory(type) == TYPCATEGORY_ENUM;

	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("label column \"%s\" is of type %s", name, format_type_be(type)),
			 errdetail("Expected boolean, or a number that is 1 for an anomaly and 0 for a normal row."),
			 is_word ? errhint("Compare it in the query: SELECT ..., %s = 'fraud' AS %s FROM ...",
							   column, column) : 0));
}

/* Let columns be no features, by their names, NULL after the last. */
void
ad_query_exclude(AdQuery *q, char **names)
{
	bool	   *by = ad_palloc0_array(bool, q->columns->natts);

	for (int i = 0; q->by != NULL && i < q->columns->natts; i++)
		by[i] = q->by[i];
	for (int n = 0; names[n] != NULL; n++)
		by[ad_query_find(q, names[n], NULL)] = true;
	q->by = by;
}

/* The column of a query that is its key, by name; -1 if there is no name (NULL). */
int
ad_query_key(const AdQuery *q, const char *name)
{
	return name == NULL ? -1 : ad_query_find(q, name, "key");
}

/* Whether a column is no feature. */
static bool
is_key(const AdQuery *q, int column)
{
	return column == q->key || (q->by != NULL && q->by[column]);
}

/* The features as a packed row, with the key as its first field if it is to be. */
static char *
packed(const AdQuery *q, bool keyed)
{
	StringInfoData names;
	StringInfoData fields;

	initStringInfo(&names);
	initStringInfo(&fields);
	for (int i = keyed ? -1 : 0; i < q->columns->natts; i++)
	{
		int			column = i < 0 ? q->key : i;

		if (i >= 0 && is_key(q, i))
			continue;
		appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "",
						 quote_literal_cstr(NameStr(TupleDescAttr(q->columns, column)->attname)));
		appendStringInfo(&fields, ", _q._c%d", column + 1);
	}
	return psprintf("%s._ad_pack(ARRAY[%s]::pg_catalog.text[]%s)",
					ad_internal_schema(), names.data, fields.data);
}

/*
 * Say which column of a query is no feature but a key, or -1.  The other
 * columns must have names of their own; a single one may be an array or a
 * row of features itself.
 */
void
ad_query_features(AdQuery *q, int key)
{
	TupleDesc	columns = q->columns;
	int			last = -1;
	int			n = 0;

	q->key = key;
	for (int i = 0; i < columns->natts; i++)
	{
		if (is_key(q, i))
			continue;
		n++;
		last = i;
		for (int j = 0; j < i; j++)
			if (!is_key(q, j) &&
				strcmp(NameStr(TupleDescAttr(columns, i)->attname),
					   NameStr(TupleDescAttr(columns, j)->attname)) == 0)
				ereport(ERROR,
						(errcode(ERRCODE_DUPLICATE_COLUMN),
						 errmsg("%s has two columns \"%s\"", q->what,
								NameStr(TupleDescAttr(columns, i)->attname)),
						 errhint("Name them with AS.")));
	}
	if (n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s has no column that is a feature", q->what),
				 errdetail("A key, a label, a fold, an entity or what is excluded is none.")));
	/* a packed row is made of its names, the key and the features */
	q->gathered |= q->distributed && n + (key >= 0) + 1 > FUNC_MAX_ARGS;
	/* with the star, since a column may have that name too */
	q->features = q->distributed && !q->gathered ? packed(q, false) : "_f.*";
	if (n == 1)
	{
		AdSource	source;

		if (!ad_source_init(&source, TupleDescAttr(columns, last)->atttypid,
							CurrentMemoryContext))
		{
			Oid			type = TupleDescAttr(columns, last)->atttypid;

			q->features = psprintf("_q._c%d", last + 1);
			if (q->distributed && type_is_array_domain(type))
				q->features = psprintf("%s._ad_pack(%s)", ad_internal_schema(),
									   q->features);
			/* no shard can add a key to it, nor keep the names of a row */
			q->gathered |= q->distributed && (key >= 0 || type_is_rowtype(type));
		}
	}
}

/*
 * The key and the features of a query as a query of its own, with one more
 * column; -1: none.
 */
char *
ad_query_of_features(const AdQuery *q, int also)
{
	StringInfoData sql;
	const char *comma = "";

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT ");
	for (int i = 0; i < q->columns->natts; i++)
	{
		if (i != q->key && i != also && is_key(q, i))
			continue;
		appendStringInfo(&sql, "%s%s", comma,
						 quote_identifier(NameStr(TupleDescAttr(q->columns, i)->attname)));
		comma = ", ";
	}
	/* a comment may end the query, so a line ends it too */
	appendStringInfo(&sql, " FROM (\n%s\n) AS q", q->text);
	return sql.data;
}

/*
 * The expression that merges a column of sketches, of either type; NULL if it
 * is none.
 */
char *
ad_query_sketch(const AdQuery *q, int column)
{
	const char *internal = ad_internal_schema();
	Oid			type = getBaseType(TupleDescAttr(q->columns, column)->atttypid);

	if (type == BYTEAOID)
		return psprintf("%s._ad_merge(_q._c%d)", internal, column + 1);
	if (ad_args_is_sketch(type))
		return psprintf("%s._ad_merge(%s._ad_sketch_bytes(_q._c%d))",
						internal, internal, column + 1);
	return NULL;
}

/* What an aggregate takes after the spec: the key, if it is to be, and features. */
char *
ad_query_rows(const AdQuery *q, bool keyed)
{
	if (!keyed)
		return pstrdup(q->features);
	if (q->distributed && !q->gathered)
		return packed(q, true);
	return psprintf("_q._c%d, %s", q->key + 1, q->features);
}

/* The FROM clause over a query's rows; see the file's head. */
char *
ad_query_from(const AdQuery *q)
{
	StringInfoData sql;
	const char *comma = "";

	initStringInfo(&sql);
	/* a comment may end the query, so a line ends it too */
	if (q->gathered)
		appendStringInfo(&sql, " FROM (SELECT _o.* FROM (\n%s\n) _o OFFSET 0) _q(", q->text);
	else
		appendStringInfo(&sql, " FROM (\n%s\n) _q(", q->text);
	for (int i = 0; i < q->columns->natts; i++)
		appendStringInfo(&sql, "%s_c%d", i > 0 ? ", " : "", i + 1);
	appendStringInfoChar(&sql, ')');
	if (strcmp(q->features, "_f.*") != 0 && q->distributed)
		return sql.data;
	appendStringInfoString(&sql, ", LATERAL (SELECT ");
	for (int i = 0; i < q->columns->natts; i++)
	{
		const char *name = NameStr(TupleDescAttr(q->columns, i)->attname);

		if (is_key(q, i))
			continue;
		appendStringInfo(&sql, "%s_q._c%d AS %s", comma, i + 1,
						 quote_identifier(name));
		comma = ", ";
	}
	appendStringInfoString(&sql, ") _f");
	return sql.data;
}

/*
 * The key as an SQL expression, made text by nobody's code that has not the
 * rights of the caller; in SPI's memory.  NULL as text without a key.
 */
char *
ad_query_key_text(const AdQuery *q)
{
	Oid			types[2] = {TEXTOID, REGTYPEOID};
	Datum		values[2];

	if (q->key < 0)
		return "NULL::pg_catalog.text";
	values[0] = CStringGetTextDatum(psprintf("_q._c%d", q->key + 1));
	values[1] = ObjectIdGetDatum(TupleDescAttr(q->columns, q->key)->atttypid);
	if (SPI_execute_with_args(psprintf("SELECT %s._ad_text_of($1, $2)",
									   ad_internal_schema()),
							  2, types, values, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_with_args failed");
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
}

/*
 * _ad_query(query text, what text) -> the query alone, for use as
 * a subquery, and its columns; an error unless it is one SELECT.
 */
static Datum
run_query(FunctionCallInfo fcinfo)
{
	AdQuery		query;
	char	   *what = ad_text_argument(PG_GETARG_DATUM(1), "name of the query", AD_MAX_WORD_LENGTH);
	char	   *sql = ad_text_argument(PG_GETARG_DATUM(0), what,
									   AD_MAX_QUERY_LENGTH);
	MemoryContext mcxt = CurrentMemoryContext;
	MemoryContext old;
	TupleDesc	desc;
	Datum	   *names;
	Datum	   *types;
	Datum		values[QUERY_COLUMNS];
	bool		nulls[QUERY_COLUMNS] = {false};
	int			n;
	HeapTuple	tuple;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	SPI_connect();
	ad_query_read(sql, what, &query);
	old = MemoryContextSwitchTo(mcxt);
	n = query.columns->natts;
	names = ad_palloc_array(Datum, n);
	types = ad_palloc_array(Datum, n);
	for (int i = 0; i < n; i++)
	{
		Form_pg_attribute att = TupleDescAttr(query.columns, i);

		names[i] = CStringGetTextDatum(NameStr(att->attname));
		types[i] = ObjectIdGetDatum(att->atttypid);
	}
	values[QUERY_TEXT] = CStringGetTextDatum(query.text);
	values[QUERY_NAMES] = PointerGetDatum(construct_array(names, n, TEXTOID, -1, false,
														  TYPALIGN_INT));
	values[QUERY_TYPES] = PointerGetDatum(construct_array(types, n, REGTYPEOID,
														  sizeof(Oid), true,
														  TYPALIGN_INT));
	tuple = heap_form_tuple(BlessTupleDesc(desc), values, nulls);
	MemoryContextSwitchTo(old);
	SPI_finish();
	PG_RETURN_DATUM(HeapTupleGetDatum(tuple));
}

/* The same; what fails repeats little of the query. */
Datum
ad_query(PG_FUNCTION_ARGS)
{
	return ad_call_clipped(run_query, fcinfo);
}
