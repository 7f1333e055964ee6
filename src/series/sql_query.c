/*-------------------------------------------------------------------------
 *
 * sql_query.c
 *		A user's query, put into queries over its rows.
 *
 * It runs with the rights of the caller, through a cursor that reads only.
 *
 *-------------------------------------------------------------------------
 */
#include "series/ad_series_query.h"
#include "series/ad_series_sql.h"
#include "sql/ad_source_text.h"

#include <ctype.h>

#include "executor/spi.h"

/*
 * Return a query without what may not stand inside parentheses; of a table's
 * name, the query of its rows.
 */
char *
ad_series_bare_query(Datum query)
{
	char	   *q = ad_text_argument(query, "query", AD_MAX_QUERY_LENGTH);
	Size		len = strlen(q);

	while (len > 0 && (q[len - 1] == ';' || isspace((unsigned char) q[len - 1])))
		q[--len] = '\0';
	return ad_source_query(q, "query");
}

/*
 * Return the columns of a query; an error with the given message if it
 * returns no rows.  Within SPI.
 */
TupleDesc
ad_series_query_columns(const char *query, const char *no_rows)
{
	SPIPlanPtr	plan = SPI_prepare(query, 0, NULL);
	Portal		portal;
	TupleDesc	columns;

	if (plan == NULL || !SPI_is_cursor_plan(plan))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s", no_rows)));
	portal = SPI_cursor_open(NULL, plan, NULL, NULL, true);
	columns = CreateTupleDescCopy(portal->tupDesc);
	SPI_cursor_close(portal);
	SPI_freeplan(plan);
	return columns;
}

/* Open a cursor over a query of ours around the user's.  Within SPI. */
Portal
ad_series_query_open(const char *sql)
{
	SPIPlanPtr	plan = SPI_prepare(sql, 0, NULL);

	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s",
			 SPI_result_code_string(SPI_result));
	return SPI_cursor_open(NULL, plan, NULL, NULL, true);
}
