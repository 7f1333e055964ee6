/*-------------------------------------------------------------------------
 *
 * sql_benchmark_report.c
 *		ad_benchmark_report(): a run of ad_benchmark() as a page to read.
 *
 * The run is a table, a view or a query of the caller's, read as the caller
 * and read-only.  What is in it is anybody's: its columns are checked here,
 * and what the page quotes is escaped by sql/install/99-reports-benchmark.sql,
 * which puts it together.
 *
 *-------------------------------------------------------------------------
 */
#include "compare/ad_compare.h"
#include "operate/ad_own.h"
#include "rows/ad_query.h"
#include "sql/ad_result.h"
#include "sql/ad_text.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(ad_benchmark_report);

enum
{
	ARG_RUN, ARG_METRIC, ARG_FORMAT, ARG_PICTURE, ARGS
};

/* A column of a run that is read. */
typedef struct RunColumn
{
	const char *name;
	Oid			type;
} RunColumn;

static const RunColumn columns[] = {
	{"spec", JSONBOID}, {"rows", INT8OID}, {"labelled", INT8OID},
	{"anomalies", INT8OID}, {"folds", INT4OID}, {"fit_rows_per_second", FLOAT8OID},
	{"score_rows_per_second", FLOAT8OID}, {"model_bytes", INT8OID},
	{"peak_memory", INT8OID}, {"error", TEXTOID}
};

/* Append a column of the run to a select list, if it is what it has to be. */
static void
append_column(StringInfo sql, const AdQuery *q, const char *name, Oid type)
{
	int			at = SPI_fnumber(q->columns, name);

	if (at <= 0 || SPI_gettypeid(q->columns, at) != type)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("run is not what ad_benchmark() returned"),
				 at <= 0 ? errdetail("It has no column \"%s\".", name) :
				 errdetail("Its column \"%s\" is of type %s, not %s.", name,
						   format_type_be(SPI_gettypeid(q->columns, at)),
						   format_type_be(type)),
				 errhint("Store one with CREATE TABLE ... AS SELECT * FROM ad_benchmark(...).")));
	appendStringInfo(sql, "%s_q.%s", sql->len > 0 ? ", " : "", name);
}

/* The columns of a run that are read, as a select list. */
static char *
select_list(const AdQuery *q)
{
	StringInfoData sql;

	initStringInfo(&sql);
	for (int i = 0; i < (int) lengthof(columns); i++)
		append_column(&sql, q, columns[i].name, columns[i].type);
	for (int i = 0; i < AD_COMPARE_METRICS; i++)
	{
		const char *name = ad_compare_metrics[i];

		append_column(&sql, q, name, FLOAT8OID);
		append_column(&sql, q, psprintf("%s_deviation", name), FLOAT8OID);
		append_column(&sql, q, psprintf("%s_interval", name), FLOAT8ARRAYOID);
	}
	return sql.data;
}

/* Raise an error unless the arguments are ones. */
static void
check_arguments(FunctionCallInfo fcinfo)
{
	static const char *const formats[] = {"markdown", "html", "svg", NULL};
	char	   *metric;
	const char *nearest;

	if (PG_ARGISNULL(ARG_RUN) || PG_ARGISNULL(ARG_FORMAT))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("run and format cannot be NULL")));
	ad_check_word("format", ad_text_argument(PG_GETARG_DATUM(ARG_FORMAT), "format", AD_MAX_WORD_LENGTH),
				  formats, "markdown, html or svg");
	if (!PG_ARGISNULL(ARG_PICTURE))
		ad_check_file_name(ad_text_argument(PG_GETARG_DATUM(ARG_PICTURE), "picture",
											AD_MAX_WORD_LENGTH));
	if (PG_ARGISNULL(ARG_METRIC))
		return;
	metric = ad_text_argument(PG_GETARG_DATUM(ARG_METRIC), "metric", AD_MAX_WORD_LENGTH);
	for (int i = 0; i < AD_COMPARE_METRICS; i++)
		if (strcmp(metric, ad_compare_metrics[i]) == 0)
			return;
	metric = ad_quote_clip(metric);
	nearest = ad_nearest(metric, ad_compare_metrics, AD_COMPARE_METRICS);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown metric \"%s\"", metric),
			 nearest ? errhint("Did you mean \"%s\"?", nearest) :
			 errhint("The metrics are %s.", ad_quoted_list(ad_compare_metrics, AD_COMPARE_METRICS))));
}

static Datum
report(FunctionCallInfo fcinfo)
{
	Oid			types[] = {TEXTOID, TEXTOID, TEXTOID};
	Datum		values[lengthof(types)];
	char		nulls[] = "   ";
	MemoryContext caller = CurrentMemoryContext;
	bool		was_read_only = XactReadOnly;
	AdQuery		query;
	bool		isnull;

	check_arguments(fcinfo);
	SPI_connect();
	ad_query_read(ad_text_argument(PG_GETARG_DATUM(ARG_RUN), "run",
								   AD_MAX_QUERY_LENGTH), "run", &query);
	for (int i = 0; i < (int) lengthof(types); i++)
	{
		values[i] = PG_GETARG_DATUM(ARG_METRIC + i);
		nulls[i] = PG_ARGISNULL(ARG_METRIC + i) ? 'n' : ' ';
	}
	/* an error ends the (sub)transaction, which puts this back */
	XactReadOnly = true;
	/* a comment may end the query, so a line ends it too */
	if (SPI_execute_with_args(psprintf("SELECT _t.run IS NULL, CASE WHEN _t.run IS NOT NULL THEN %s._ad_benchmark_text(_t.run, $1, $2, $3) END "
									   "FROM (SELECT pg_catalog.jsonb_agg(pg_catalog.to_jsonb(_r)) AS run FROM "
									   "(SELECT %s FROM (\n%s\n) _q LIMIT %d) _r) _t",
									   ad_internal_schema(), select_list(&query),
									   query.text, AD_MAX_COMPARED_SPECS),
							  lengthof(types), types, values, nulls, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_with_args failed");
	XactReadOnly = was_read_only;
	if (DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("run has no rows")));
	return ad_spi_finish_with(fcinfo, 2, caller);
}

/*
 * ad_benchmark_report(run, metric, format, picture) -> Markdown, HTML or SVG;
 * NULL for the picture of a run without figures.
 */
Datum
ad_benchmark_report(PG_FUNCTION_ARGS)
{
	return ad_call_door(report, fcinfo);
}
