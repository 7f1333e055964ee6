/*-------------------------------------------------------------------------
 *
 * sql_sequences.c
 *		ad_layering_sequences(): the layering rules over a query.
 *
 * The query is read through an ordered cursor into one partition at a time,
 * so memory is that of the largest partition, and rows go straight from the
 * executor's slot into events, without the copies that a window's
 * tuplestore or SPI's result table would make.
 *
 * Columns are found by name.  The query becomes a subquery of one that
 * orders by the partition columns, ts and the row id; the planner pulls it
 * up and can use an index for the order.
 *
 *-------------------------------------------------------------------------
 */
#include "market/ad_query_reader.h"
#include "sql/ad_result.h"

#include "access/tupdesc.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "tcop/pquery.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/portal.h"
#include "utils/typcache.h"

#define FETCH_ROWS		100000

PG_FUNCTION_INFO_V1(ad_layering_sequences);

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

/* A column that must exist. */
static int
need_column(TupleDesc desc, const char *name)
{
	int			i = find_column(desc, name);

	if (i < 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("query has no column \"%s\"", ad_quote_clip(name)),
				 errhint("The query must have columns event_type, side, price, quantity, ts and the partition columns; order_id and a row id are optional.")));
	return i;
}

/* Fill the names of the partition columns from an array, or the defaults. */
static void
partition_columns(AdQueryReader *r, ArrayType *given, TupleDesc desc)
{
	static const char *const defaults[][2] = {
		{"account_id", "product_id"}, {"account", "product"}
	};

	if (given)
	{
		Datum	   *elements;
		bool	   *nulls;
		int			n;

		deconstruct_array(given, TEXTOID, -1, false, TYPALIGN_INT, &elements,
						  &nulls, &n);
		if (n < 1 || n > AD_MAX_KEYS)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("partition_by must name 1 to %d columns", AD_MAX_KEYS)));
		for (int i = 0; i < n; i++)
		{
			if (nulls[i])
				ereport(ERROR,
						(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						 errmsg("partition_by cannot hold null")));
			r->keys[i].name = ad_text_argument(elements[i], "partition_by",
											   AD_MAX_WORD_LENGTH);
			(void) need_column(desc, r->keys[i].name);
		}
		r->nkeys = n;
		return;
	}
	for (int d = 0; d < (int) lengthof(defaults); d++)
		if (find_column(desc, defaults[d][0]) >= 0 &&
			find_column(desc, defaults[d][1]) >= 0)
		{
			for (int i = 0; i < 2; i++)
				r->keys[i].name = pstrdup(defaults[d][i]);
			r->nkeys = 2;
			return;
		}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("query has no columns \"account_id\" and \"product_id\""),
			 errhint("Name the partition columns: partition_by => ARRAY['...'].")));
}

/*
 * Find the columns of a query that are read: those of events, those that
 * partitions are told apart by, and the row's id.  A missing one is an error.
 */
void
ad_query_columns(AdQueryReader *r, ArrayType *partition_by,
				 const char *order_by, TupleDesc desc)
{
	partition_columns(r, partition_by, desc);
	r->ncolumns = find_column(desc, ad_row_names[AD_COLUMN_ORDER_ID]) >= 0 ?
		AD_COLUMNS : AD_COLUMN_ORDER_ID;
	for (int i = 0; i < r->ncolumns; i++)
		(void) need_column(desc, ad_row_names[i]);
	if (order_by != NULL)
		(void) need_column(desc, order_by);
	else if (find_column(desc, "id") >= 0)
		order_by = "id";
	r->order_by = order_by ? pstrdup(order_by) : NULL;
	r->has_id = order_by != NULL;
}

/* Append the columns that are read, in our order, of a query with alias q. */
void
ad_query_list(const AdQueryReader *r, StringInfo buf)
{
	static const char *const casts[AD_COLUMNS] = {
		"::pg_catalog.text", "::pg_catalog.text", "", "",
		"::pg_catalog.timestamptz", "::pg_catalog.text"
	};

	for (int i = 0; i < r->nkeys; i++)
		appendStringInfo(buf, "q.%s, ", quote_identifier(r->keys[i].name));
	for (int i = 0; i < r->ncolumns; i++)
		appendStringInfo(buf, "%sq.%s%s", i > 0 ? ", " : "", ad_row_names[i],
						 casts[i]);
	if (r->has_id)
		appendStringInfo(buf, ", q.%s", quote_identifier(r->order_by));
}

/* The query that is run: its columns in our order, its rows in ours. */
static char *
ordered_query(AdQueryReader *r, const char *query, bool presorted)
{
	StringInfoData buf;
	int			len = (int) strlen(query);

	while (len > 0 && strchr("; \t\r\n", query[len - 1]))
		len--;
	initStringInfo(&buf);
	appendStringInfoString(&buf, "SELECT ");
	ad_query_list(r, &buf);
	appendStringInfo(&buf, " FROM (%.*s\n) q", len, query);
	if (!presorted)
	{
		appendStringInfoString(&buf, " ORDER BY ");
		for (int i = 0; i < r->nkeys; i++)
			appendStringInfo(&buf, "q.%s, ",
							 quote_identifier(r->keys[i].name));
		appendStringInfoString(&buf, "q.ts");
		if (r->has_id)
			appendStringInfo(&buf, ", q.%s", quote_identifier(r->order_by));
	}
	return buf.data;
}

/* The descriptor of a prepared query that must return rows. */
static TupleDesc
plan_desc(SPIPlanPtr plan)
{
	List	   *sources = SPI_plan_get_plan_sources(plan);
	CachedPlanSource *source;

	if (list_length(sources) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("query must be a single statement")));
	source = linitial(sources);
	if (source->resultDesc == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("query must return rows")));
	return source->resultDesc;
}

/* Prepare a query; SPI has raised an error if it cannot be. */
static SPIPlanPtr
prepare(const char *query)
{
	SPIPlanPtr	plan = SPI_prepare(query, 0, NULL);

	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s",
			 SPI_result_code_string(SPI_result));
	return plan;
}

/* Look up what is to be known about the columns that are read. */
void
ad_query_describe(AdQueryReader *r, TupleDesc desc)
{
	Oid			out;
	bool		varlena;

	for (int i = 0; i < r->nkeys; i++)
	{
		AdKeyColumn *k = &r->keys[i];
		Form_pg_attribute att = TupleDescAttr(desc, i);
		TypeCacheEntry *type = lookup_type_cache(att->atttypid,
												 TYPECACHE_EQ_OPR_FINFO);

		if (!OidIsValid(type->eq_opr_finfo.fn_oid))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_FUNCTION),
					 errmsg("could not identify an equality operator for type %s",
							format_type_be(att->atttypid))));
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
	ad_row_types(&r->row, TupleDescAttr(desc, r->nkeys + AD_COLUMN_PRICE)->atttypid,
				 TupleDescAttr(desc, r->nkeys + AD_COLUMN_QUANTITY)->atttypid);
	if (r->has_id)
	{
		Form_pg_attribute att = TupleDescAttr(desc, r->nkeys + r->ncolumns);

		r->id_len = att->attlen;
		r->id_byval = att->attbyval;
		getTypeOutputInfo(att->atttypid, &out, &varlena);
		fmgr_info_cxt(out, &r->id_out, r->mcxt);
	}
}

/*
 * ad_layering_sequences(query, options, partition_by, order_by, presorted):
 * the sequences of every partition of a query.
 */
static Datum
run_layering_sequences(FunctionCallInfo fcinfo)
{
	AdQueryReader *r;
	char	   *query;
	char	   *order_by = NULL;
	bool		presorted = !PG_ARGISNULL(4) && PG_GETARG_BOOL(4);
	SPIPlanPtr	plan;
	Portal		portal;
	TupleDesc	desc;

	(void) ad_result_info(fcinfo);
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("query cannot be null")));
	query = ad_text_argument(PG_GETARG_DATUM(0), "query", AD_MAX_QUERY_LENGTH);

	r = ad_query_reader_create();
	ad_market_options(PG_ARGISNULL(1) ? NULL :
					  ad_jsonb_argument(PG_GETARG_DATUM(1), "options"),
					  AD_OWNER_LAYERING, &r->options);
	r->result = ad_result_begin(fcinfo, AD_FRONT_COLUMNS + AD_SEQUENCE_COLUMNS,
								&r->result_desc);

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	desc = plan_desc(prepare(query));
	if (!PG_ARGISNULL(3))
		order_by = ad_text_argument(PG_GETARG_DATUM(3), "order_by", AD_MAX_WORD_LENGTH);
	ad_query_columns(r, PG_ARGISNULL(2) ? NULL : PG_GETARG_ARRAYTYPE_P(2),
					 order_by, desc);

	/* read only: a query that writes is refused */
	plan = prepare(ordered_query(r, query, presorted));
	portal = SPI_cursor_open(NULL, plan, NULL, NULL, true);
	ad_query_describe(r, portal->tupDesc);
	while (PortalRunFetch(portal, FETCH_FORWARD, FETCH_ROWS, &r->pub) > 0)
		CHECK_FOR_INTERRUPTS();
	ad_partition_finish(r);
	SPI_cursor_close(portal);
	SPI_finish();

	if (r->all_skipped > 0)
		ereport(WARNING,
				(errmsg("skipped " INT64_FORMAT " of " INT64_FORMAT
						" rows of the query that are not order events",
						r->all_skipped, r->all_rows)));
	PG_RETURN_NULL();
}

/* The same; what fails repeats little of the query. */
Datum
ad_layering_sequences(PG_FUNCTION_ARGS)
{
	return ad_call_clipped(run_layering_sequences, fcinfo);
}
