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
 * Columns are found by name (sql_query_columns.c).  The query becomes a
 * subquery of one that orders by the partition columns, ts and the row id;
 * the planner pulls it up and can use an index for the order.
 *
 *-------------------------------------------------------------------------
 */
#include "market/ad_query_reader.h"
#include "sql/ad_result.h"
#include "sql/ad_source_text.h"

#include "executor/spi.h"
#include "tcop/pquery.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/portal.h"

#define FETCH_ROWS		100000

PG_FUNCTION_INFO_V1(ad_layering_sequences);

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
		ad_query_order(r, true, &buf);
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

/* The columns that an argument names; NULL: none is said. */
static char **
names_argument(FunctionCallInfo fcinfo, int arg, const char *what)
{
	if (PG_ARGISNULL(arg))
		return NULL;
	return ad_names_argument(PG_GETARG_DATUM(arg),
							 get_fn_expr_argtype(fcinfo->flinfo, arg), what);
}

/*
 * ad_layering_sequences(query, options, partition_by, order_by, presorted,
 * columns): the sequences of every partition of a query.  Until 0.2.0 the last
 * was not there.
 */
static Datum
run_layering_sequences(FunctionCallInfo fcinfo)
{
	AdQueryReader *r;
	char	   *query;
	Jsonb	   *columns = NULL;
	bool		presorted = !PG_ARGISNULL(4) && PG_GETARG_BOOL(4);
	SPIPlanPtr	plan;
	Portal		portal;
	TupleDesc	desc;

	(void) ad_result_info(fcinfo);
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("query cannot be null")));
	query = ad_source_query(ad_text_argument(PG_GETARG_DATUM(0), "query",
											 AD_MAX_QUERY_LENGTH), "query");

	r = ad_query_reader_create();
	ad_market_options(PG_ARGISNULL(1) ? NULL :
					  ad_jsonb_argument(PG_GETARG_DATUM(1), "options"),
					  AD_OWNER_LAYERING, &r->options);
	if (PG_NARGS() > 5 && !PG_ARGISNULL(5))
		columns = ad_jsonb_argument(PG_GETARG_DATUM(5), "columns");
	r->result = ad_result_begin(fcinfo, AD_FRONT_COLUMNS + AD_SEQUENCE_COLUMNS,
								&r->result_desc);

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	desc = plan_desc(prepare(query));
	ad_query_columns(r, columns, names_argument(fcinfo, 2, "partition_by"),
					 names_argument(fcinfo, 3, "order_by"), desc);

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
