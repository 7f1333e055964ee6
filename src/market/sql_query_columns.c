/*-------------------------------------------------------------------------
 *
 * sql_query_columns.c
 *		Which columns of a query are read, and in which order its rows come.
 *
 * A query's columns are found by the names that ad_row_names[] has, or by
 * those that an object "columns" says in their place: {"ts": "transact_time"}.
 * The same object may name what partitions and rows are told apart by if
 * nobody says otherwise (account_id, product_id, account, product, id), so
 * partition_by and order_by know both, its names and the query's own.
 *
 * Whatever somebody gave as a name is quoted, and is that of a column of the
 * query before it goes into SQL.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_options.h"
#include "market/ad_query_reader.h"

#include "catalog/pg_type.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#define MAX_KNOWN		(AD_READ_COLUMNS + 5)

/* When a column is read. */
typedef enum When
{
	ALWAYS,						/* a query without it is an error */
	IF_THERE,
	IF_MAPPED					/* only if "columns" names it */
} When;

/* What is read as what. */
static const struct
{
	const char *cast;
	When		when;
}			columns_read[AD_READ_COLUMNS] = {

	[AD_COLUMN_EVENT_TYPE] = {"::pg_catalog.text", ALWAYS},
	[AD_COLUMN_SIDE] = {"::pg_catalog.text", ALWAYS},
	[AD_COLUMN_PRICE] = {"", ALWAYS},
	[AD_COLUMN_QUANTITY] = {"", ALWAYS},
	[AD_COLUMN_TS] = {"::pg_catalog.timestamptz", ALWAYS},
	[AD_COLUMN_ORDER_ID] = {"::pg_catalog.text", IF_THERE},
	[AD_COLUMN_NEW_ORDER_ID] = {"::pg_catalog.text", IF_MAPPED},
	[AD_COLUMN_EVENT_ID] = {"::pg_catalog.text", IF_MAPPED}
};

/* Names that mean something without being a column of events. */
static const char *const also_known[] = {
	"account_id", "product_id", "account", "product", "id"
};

StaticAssertDecl(lengthof(also_known) == MAX_KNOWN - AD_READ_COLUMNS,
				 "names that columns may be mapped from");

/* All names that an object "columns" may map. */
static int
known_names(const char **names)
{
	int			n = 0;

	for (int i = 0; i < AD_READ_COLUMNS; i++)
		names[n++] = ad_row_names[i];
	for (int i = 0; i < (int) lengthof(also_known); i++)
		names[n++] = also_known[i];
	return n;
}

/* Whether a JSON string is one of some names. */
static bool
is_known(const JsonbValue *v, const char *const *known, int n)
{
	for (int i = 0; v->type == jbvString && i < n; i++)
		if (strlen(known[i]) == (size_t) v->val.string.len &&
			memcmp(known[i], v->val.string.val, v->val.string.len) == 0)
			return true;
	return false;
}

/* Check an object "columns": names that are known, strings that may be names. */
void
ad_columns_check(Jsonb *columns)
{
	const char *known[MAX_KNOWN];
	int			nknown = known_names(known);
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	key;
	JsonbValue	value;

	if (columns == NULL)
		return;
	if (!JB_ROOT_IS_OBJECT(columns))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("columns must be a JSON object"),
				 errhint("It names columns of the query in place of those that are expected: {\"ts\": \"transact_time\"}.")));
	it = JsonbIteratorInit(&columns->root);
	while ((token = JsonbIteratorNext(&it, &key, true)) != WJB_DONE)
	{
		char	   *name;

		if (token != WJB_KEY)
			continue;
		(void) JsonbIteratorNext(&it, &value, true);
		name = ad_quote_clip_len(key.val.string.val, key.val.string.len);
		if (!is_known(&key, known, nknown))
		{
			const char *nearest = ad_nearest(name, known, nknown);

			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("columns cannot map \"%s\"", name),
					 nearest ? errhint("Did you mean \"%s\"?", nearest) :
					 is_known(&value, known, nknown) ?
					 errhint("It is the other way round: {\"%s\": \"%s\"}.",
							 ad_option_text(&value), name) :
					 errhint("The columns that can be mapped are %s.", ad_quoted_list(known, nknown))));
		}
		if (value.type != jbvString && value.type != jbvNull)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("columns cannot map \"%s\" to %s", name,
							ad_option_text(&value)),
					 errdetail("Expected the name of a column of the query, as a string.")));
	}
}

/* What an object "columns" maps a name to; NULL if it does not. */
static char *
mapped_name(Jsonb *columns, const char *name)
{
	JsonbValue	v;

	if (columns == NULL ||
		getKeyJsonValueFromContainer(&columns->root, name, (int) strlen(name),
									 &v) == NULL || v.type != jbvString)
		return NULL;
	return pnstrdup(v.val.string.val, v.val.string.len);
}

/* The column of a query that a known name stands for. */
char *
ad_columns_name(Jsonb *columns, const char *name)
{
	char	   *mapped = mapped_name(columns, name);

	return mapped ? mapped : pstrdup(name);
}

/* A column of a descriptor by name, 0-based; -1 if there is none. */
static int
find_column(TupleDesc desc, const char *name)
{
	for (int i = 0; i < desc->natts; i++)
		if (!TupleDescAttr(desc, i)->attisdropped &&
			strcmp(NameStr(TupleDescAttr(desc, i)->attname), name) == 0)
			return i;
	return -1;
}

/* The column of a query that is nearest to a name; NULL if none is near. */
static const char *
nearest_column(TupleDesc desc, const char *name)
{
	const char **names = ad_palloc_array(const char *, Max(desc->natts, 1));
	int			n = 0;

	for (int i = 0; i < desc->natts; i++)
		if (!TupleDescAttr(desc, i)->attisdropped)
			names[n++] = NameStr(TupleDescAttr(desc, i)->attname);
	return ad_nearest(ad_quote_clip(name), names, n);
}

/*
 * A column that must exist, and only once.  "known" is the name that was
 * mapped to it, or NULL.
 */
static int
need_column(TupleDesc desc, const char *name, const char *known)
{
	int			i = find_column(desc, name);
	const char *nearest;

	if (i < 0)
	{
		nearest = nearest_column(desc, name);
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("query has no column \"%s\"", ad_quote_clip(name)),
				 known ? errdetail("Argument \"columns\" names it in place of \"%s\".", known) : 0,
				 nearest ? errhint("Did you mean \"%s\"?", nearest) :
				 errhint("The query must have columns event_type, side, price, quantity, ts and the partition columns; order_id and a row id are optional. Argument \"columns\" names others in their place.")));
	}
	for (int k = i + 1; k < desc->natts; k++)
		if (strcmp(NameStr(TupleDescAttr(desc, k)->attname), name) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_AMBIGUOUS_COLUMN),
					 errmsg("query has more than one column \"%s\"",
							ad_quote_clip(name))));
	return i;
}

/* Whether values of a type can be sorted, and told apart. */
static bool
is_sortable(Oid type)
{
	TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_LT_OPR |
											  TYPECACHE_EQ_OPR);

	return OidIsValid(entry->lt_opr) && OidIsValid(entry->eq_opr);
}

static Oid
column_type(TupleDesc desc, int i)
{
	return TupleDescAttr(desc, i)->atttypid;
}

/* A column of the query in SQL; palloc'd. */
static char *
column_sql(const char *name, const char *cast)
{
	return psprintf("q.%s%s", quote_identifier(name), cast);
}

/*
 * Take a column that partitions are told apart by.  "shown" is how it is
 * called in their keys.  What cannot be sorted is told apart by its text.
 */
static void
add_key(AdQueryReader *r, Jsonb *columns, const char *shown, TupleDesc desc)
{
	AdKeyColumn *k = &r->keys[r->nkeys++];
	char	   *mapped = mapped_name(columns, shown);
	int			i = need_column(desc, mapped ? mapped : shown,
								mapped ? shown : NULL);

	k->name = pstrdup(shown);
	k->sql = column_sql(mapped ? mapped : shown,
						is_sortable(column_type(desc, i)) ? "" :
						"::pg_catalog.text");
}

/* How many names there are; an error if they are too many. */
static int
count_names(char *const *names, const char *what)
{
	int			n = 0;

	while (names && names[n])
		n++;
	if (n > AD_MAX_KEYS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must name at most %d columns", what, AD_MAX_KEYS)));
	return n;
}

/* Find the partition columns: those that were named, or the usual ones. */
static void
partition_columns(AdQueryReader *r, Jsonb *columns, char *const *partition_by,
				  TupleDesc desc)
{
	static const char *const defaults[][2] = {
		{"account_id", "product_id"}, {"account", "product"}
	};

	r->nkeys = 0;
	if (partition_by)
	{
		int			n = count_names(partition_by, "partition_by");

		for (int i = 0; i < n; i++)
			add_key(r, columns, partition_by[i], desc);
		return;
	}
	for (int d = 0; d < (int) lengthof(defaults); d++)
	{
		const char *const *names = defaults[d];

		if ((mapped_name(columns, names[0]) || find_column(desc, names[0]) >= 0) &&
			(mapped_name(columns, names[1]) || find_column(desc, names[1]) >= 0))
		{
			add_key(r, columns, names[0], desc);
			add_key(r, columns, names[1], desc);
			return;
		}
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("query has no columns \"account_id\" and \"product_id\""),
			 errhint("Name the partition columns: partition_by => ARRAY['...'], or '{}' if there are none.")));
}

/*
 * Take a column that rows of one time are sorted by; the first is their id.
 * "known" is the name that was mapped to it, or NULL.
 */
static void
add_sort(AdQueryReader *r, const char *name, const char *known, TupleDesc desc)
{
	int			i = need_column(desc, name, known);

	if (!is_sortable(column_type(desc, i)))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("column \"%s\" of order_by has type %s, which cannot be sorted",
						ad_quote_clip(name),
						format_type_be(column_type(desc, i))),
				 errhint("Cast it in the query: %s::text.", quote_identifier(name))));
	if (r->nsort == 0)
		r->order_by = pstrdup(name);
	r->sort[r->nsort++] = column_sql(name, "");
}

/*
 * Find the columns that rows of one time are sorted by.  The time among them
 * changes nothing, and is no id where there is another.
 */
static void
sort_columns(AdQueryReader *r, Jsonb *columns, char *const *order_by,
			 TupleDesc desc)
{
	char	   *ts = ad_columns_name(columns, ad_row_names[AD_COLUMN_TS]);
	char	   *id = mapped_name(columns, "id");
	int			n = count_names(order_by, "order_by");

	r->nsort = 0;
	r->order_by = NULL;
	for (int i = 0; i < n; i++)
	{
		char	   *mapped = mapped_name(columns, order_by[i]);
		const char *name = mapped ? mapped : order_by[i];

		if (n == 1 || strcmp(name, ts) != 0)
			add_sort(r, name, mapped ? order_by[i] : NULL, desc);
	}
	if (n == 0 && (id || find_column(desc, "id") >= 0))
		add_sort(r, id ? id : "id", id ? "id" : NULL, desc);
	r->has_id = r->nsort > 0;
}

/* Raise an error unless a price or a quantity can be read from a column. */
static void
check_number(AdRowColumn column, const char *name, Oid type)
{
	Oid			numeric = NUMERICOID;
	Oid			base = getBaseType(type);
	bool		same = strcmp(name, ad_row_names[column]) == 0;

	if (base == NUMERICOID || base == FLOAT8OID || base == FLOAT4OID ||
		base == INT8OID || base == INT4OID || base == INT2OID)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 same ? errmsg("%s cannot be of type %s", ad_row_names[column],
						   format_type_be(type)) :
			 errmsg("%s cannot be of type %s, as column \"%s\" is",
					ad_row_names[column], format_type_be(type),
					ad_quote_clip(name)),
			 errdetail("Expected numeric, bigint, integer, smallint, double precision or real."),
			 can_coerce_type(1, &base, &numeric, COERCION_EXPLICIT) ?
			 errhint("Cast it in the query: %s::numeric.", quote_identifier(name)) : 0));
}

/* The cast that a time is read with; an error if there is none. */
static const char *
time_cast(const char *name, Oid type)
{
	Oid			timestamptz = TIMESTAMPTZOID;

	if (type == TIMESTAMPTZOID)
		return "";
	if (!can_coerce_type(1, &type, &timestamptz, COERCION_EXPLICIT))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("ts cannot be of type %s", format_type_be(type)),
				 errdetail("Expected timestamp with time zone, in column \"%s\".", ad_quote_clip(name)),
				 errhint("Convert it in the query, seconds since 1970 with to_timestamp().")));
	return columns_read[AD_COLUMN_TS].cast;
}

/* Find the columns of events. */
static void
event_columns(AdQueryReader *r, Jsonb *columns, TupleDesc desc)
{
	r->ncolumns = 0;
	for (AdRowColumn c = 0; c < AD_READ_COLUMNS; c++)
	{
		char	   *mapped = mapped_name(columns, ad_row_names[c]);
		const char *name = mapped ? mapped : ad_row_names[c];
		const char *cast = columns_read[c].cast;
		Oid			type;

		if (!mapped && (columns_read[c].when == IF_MAPPED ||
						(columns_read[c].when == IF_THERE &&
						 find_column(desc, name) < 0)))
			continue;
		type = column_type(desc, need_column(desc, name,
											 mapped ? ad_row_names[c] : NULL));
		if (c == AD_COLUMN_PRICE || c == AD_COLUMN_QUANTITY)
			check_number(c, name, type);
		if (c == AD_COLUMN_TS)
			cast = time_cast(name, type);
		r->sql[r->ncolumns] = column_sql(name, cast);
		r->columns[r->ncolumns++] = c;
	}
}

/*
 * Find the columns of a query that are read: those of events, those that
 * partitions are told apart by, and those that rows of one time are sorted
 * by.  NULL: the usual names; partition_by and order_by end in NULL.  A
 * missing one is an error, as is a type that cannot be read.
 */
void
ad_query_columns(AdQueryReader *r, Jsonb *columns, char *const *partition_by,
				 char *const *order_by, TupleDesc desc)
{
	const char *known[MAX_KNOWN];
	int			nknown = known_names(known);

	ad_columns_check(columns);
	(void) count_names(order_by, "order_by");
	partition_columns(r, columns, partition_by, desc);
	event_columns(r, columns, desc);
	sort_columns(r, columns, order_by, desc);

	/* what is mapped for nothing must be there too */
	for (int i = 0; i < nknown; i++)
	{
		char	   *mapped = mapped_name(columns, known[i]);

		if (mapped)
			(void) need_column(desc, mapped, known[i]);
	}
}

/* A column of events in SQL; NULL if the query does not have it. */
const char *
ad_query_column(const AdQueryReader *r, AdRowColumn column)
{
	for (int i = 0; i < r->ncolumns; i++)
		if (r->columns[i] == column)
			return r->sql[i];
	return NULL;
}

/* Append the columns that are read, in our order, of a query with alias q. */
void
ad_query_list(const AdQueryReader *r, StringInfo buf)
{
	for (int i = 0; i < r->nkeys; i++)
		appendStringInfo(buf, "%s, ", r->keys[i].sql);
	for (int i = 0; i < r->ncolumns; i++)
		appendStringInfo(buf, "%s%s", i > 0 ? ", " : "", r->sql[i]);
	if (r->has_id)
		appendStringInfo(buf, ", %s", r->sort[0]);
}

/* Append what rows are ordered by: time and id, partitions first if asked for. */
void
ad_query_order(const AdQueryReader *r, bool partitions, StringInfo buf)
{
	appendStringInfoString(buf, " ORDER BY ");
	for (int i = 0; partitions && i < r->nkeys; i++)
		appendStringInfo(buf, "%s, ", r->keys[i].sql);
	appendStringInfoString(buf, ad_query_column(r, AD_COLUMN_TS));
	for (int i = 0; i < r->nsort; i++)
		appendStringInfo(buf, ", %s", r->sort[i]);
}

/* Look up what is to be known about the columns of the list. */
void
ad_query_describe(AdQueryReader *r, TupleDesc desc)
{
	Oid			out;
	bool		varlena;
	Oid			price = InvalidOid;
	Oid			quantity = InvalidOid;

	for (int i = 0; i < r->nkeys; i++)
	{
		AdKeyColumn *k = &r->keys[i];
		Form_pg_attribute att = TupleDescAttr(desc, i);
		TypeCacheEntry *type = lookup_type_cache(att->atttypid,
												 TYPECACHE_EQ_OPR_FINFO);

		k->type = att->atttypid;
		k->len = att->attlen;
		k->byval = att->attbyval;
		k->eq = &type->eq_opr_finfo;
		k->collation = att->attcollation;
		k->number = k->type == INT2OID || k->type == INT4OID ||
			k->type == INT8OID;
		getTypeOutputInfo(k->type, &out, &varlena);
		fmgr_info_cxt(out, &k->out, r->mcxt);
	}
	for (int i = 0; i < r->ncolumns; i++)
		if (r->columns[i] == AD_COLUMN_PRICE)
			price = column_type(desc, r->nkeys + i);
		else if (r->columns[i] == AD_COLUMN_QUANTITY)
			quantity = column_type(desc, r->nkeys + i);
	ad_row_types(&r->row, price, quantity);
	if (r->has_id)
	{
		Form_pg_attribute att = TupleDescAttr(desc, r->nkeys + r->ncolumns);

		r->id_len = att->attlen;
		r->id_byval = att->attbyval;
		getTypeOutputInfo(att->atttypid, &out, &varlena);
		fmgr_info_cxt(out, &r->id_out, r->mcxt);
	}
}
