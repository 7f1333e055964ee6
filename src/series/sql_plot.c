/*-------------------------------------------------------------------------
 *
 * sql_plot.c
 *		ad_stl_plot(): a series' decomposition as SVG text.
 *
 * The series is an array, values with times, or a query.  What has no type
 * in a query, '{"period": 24}', would be options as well as times, and
 * '{1,2,3}' an array as well as a query; the server takes such a literal for
 * a text if it may.  So there is a form of the functions that takes the
 * options as text, and a query that begins like an array is one.
 *
 *-------------------------------------------------------------------------
 */
#include "series/ad_series_plot.h"
#include "series/ad_series_query.h"
#include "series/ad_series_run.h"
#include "series/ad_series_sql.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#define FIRST_CAPACITY	1024	/* rows of a series, at first */

/* Return a text of the plot, or NULL. */
static char *
label_argument(FunctionCallInfo fcinfo, int arg, const char *name)
{
	return PG_ARGISNULL(arg) ? NULL :
		ad_text_argument(PG_GETARG_DATUM(arg), name, AD_MAX_TITLE_LENGTH);
}

/* Read title, width and height, which are arguments from here on. */
static void
read_page(FunctionCallInfo fcinfo, int arg, AdSeriesPlot *plot)
{
	plot->width = PG_ARGISNULL(arg + 1) ? 900 : PG_GETARG_INT32(arg + 1);
	plot->height = PG_ARGISNULL(arg + 2) ? 560 : PG_GETARG_INT32(arg + 2);
	if (plot->width < 200 || plot->width > 10000 || plot->height < 200 ||
		plot->height > 10000)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("size of the plot is out of range: %d by %d",
						plot->width, plot->height),
				 errdetail("Allowed values are at least 200 and at most 10000 each way.")));
	plot->title = label_argument(fcinfo, arg, "title");
}

/* Return the options in an argument, jsonb or the text of one. */
static const AdStlOptions *
read_options(FunctionCallInfo fcinfo, int arg, bool literal)
{
	Datum		given = PG_GETARG_DATUM(arg);

	if (literal)
		given = DirectFunctionCall1(jsonb_in,
									CStringGetDatum(ad_text_argument(given, "options",
																	 AD_MAX_OPTIONS_LENGTH)));
	return ad_series_call_options(fcinfo->flinfo, ad_series_call(fcinfo, false),
								  ad_jsonb_argument(given, "options"),
								  &ad_stl_reader);
}

/* Return a picture as a value. */
static Datum
drawn(const AdSeriesPlot *plot)
{
	StringInfoData out;

	initStringInfo(&out);
	ad_series_plot(&out, plot);
	return PointerGetDatum(cstring_to_text_with_len(out.data, out.len));
}

/* Return NULL for a series at fault, or raise what it is. */
static Datum
at_fault(FunctionCallInfo fcinfo, const AdStlOptions *o,
		 const AdSeriesProblem *problem)
{
	ad_series_fault(o->on_error, problem);
	PG_RETURN_NULL();
}

/* Draw a series of numbered points. */
static Datum
plot_numbered(FunctionCallInfo fcinfo, const AdStlOptions *o, const double *y,
			  Size n, AdSeriesPlot *plot)
{
	AdSeriesCall *call = ad_series_call(fcinfo, false);
	AdStlResult result = {0};
	AdStlScratch *scratch;
	AdSeriesProblem problem = {0};
	Size		periods[AD_SERIES_MAX_SEASONS];
	int			nperiods;
	double	   *remainder;

	if (n == 0)
		PG_RETURN_NULL();
	if (!ad_series_array_periods(o, y, n, periods, &nperiods, &problem) ||
		!ad_series_affordable(ad_stl_bytes(n, periods, nperiods) +
							  2 * n * sizeof(double), n, &problem))
	{
		ad_series_fault(o->on_error, &problem);
		PG_RETURN_NULL();
	}
	scratch = ad_stl_scratch_enter();
	ad_stl_decompose(y, n, o, periods, nperiods, scratch, &result);
	ad_series_short_notice(&call->said, &result);
	remainder = ad_palloc_array(double, n);
	ad_stl_remainder(&result, y, remainder);
	ad_stl_judge(&result, o, y, remainder, scratch);
	ad_stl_scratch_leave(scratch);
	plot->y = y;
	plot->n = n;
	plot->result = &result;
	plot->remainder = remainder;
	if (plot->first == NULL && plot->last == NULL)
		plot->caption = "point";
	return drawn(plot);
}

/* Draw n values with times, which are not kept. */
static Datum
plot_timed(FunctionCallInfo fcinfo, const AdStlOptions *o, AdTimeKind kind,
		   const double *value, int64 *time, Size n, AdSeriesPlot *plot)
{
	pg_tz	   *zone = NULL;
	AdSeriesProblem problem = {0};
	AdSeriesRun run;

	if (o->timezone && kind != AD_TIME_TZ)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"%s\" needs times of type %s",
						"timezone", "timestamp with time zone")));
	if (o->timezone)
		zone = ad_series_zone(o->timezone);
	if (!ad_series_run(o, kind, zone, value, time, n, ad_stl_scratch_enter(),
					   &run, &problem))
		return at_fault(fcinfo, o, &problem);
	if (run.grid.n == 0)
		PG_RETURN_NULL();
	ad_series_short_notice(&ad_series_call(fcinfo, false)->said, &run.result);
	plot->y = run.grid.y;
	plot->n = run.grid.n;
	plot->result = &run.result;
	plot->remainder = run.remainder;
	plot->grid = &run.grid;
	plot->calendar = kind != AD_TIME_NUMBER;
	if (kind == AD_TIME_TZ)
	{
		/* the grid of a zone of its own is what its clock shows */
		plot->zone = zone ? NULL : session_timezone;
		plot->caption = pg_get_timezone_name(zone ? zone : session_timezone);
	}
	return drawn(plot);
}

/* Draw an array of values, with the labels of the axis' ends. */
static Datum
plot_array(FunctionCallInfo fcinfo, bool literal)
{
	AdSeriesPlot plot = {0};
	const AdStlOptions *o;
	const double *y;
	Size		n;
	Size		nmissing;
	AdSeriesProblem problem = {0};

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	read_page(fcinfo, 2, &plot);
	plot.first = label_argument(fcinfo, 5, "first_label");
	plot.last = label_argument(fcinfo, 6, "last_label");
	o = read_options(fcinfo, 1, literal);
	if (!ad_series_values(PG_GETARG_ARRAYTYPE_P(0), &y, &n, &nmissing,
						  &problem))
		return at_fault(fcinfo, o, &problem);
	return plot_numbered(fcinfo, o, y, n, &plot);
}

PG_FUNCTION_INFO_V1(ad_stl_plot);
PG_FUNCTION_INFO_V1(ad_stl_plot_literal);

/*
 * ad_stl_plot(series float8[], options jsonb, title, width, height,
 * first_label, last_label)
 */
Datum
ad_stl_plot(PG_FUNCTION_ARGS)
{
	return plot_array(fcinfo, false);
}

/* The same, with the options as text. */
Datum
ad_stl_plot_literal(PG_FUNCTION_ARGS)
{
	return plot_array(fcinfo, true);
}

/* Return the kind of time that a type is, or raise an error. */
static AdTimeKind
kind_of(Oid type)
{
	switch (type)
	{
		case TIMESTAMPTZOID:
			return AD_TIME_TZ;
		case TIMESTAMPOID:
		case DATEOID:
			return AD_TIME_LOCAL;
		case INT8OID:
			return AD_TIME_NUMBER;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("times cannot be of type %s", format_type_be(type)),
					 errdetail("Expected timestamp with time zone, timestamp, date or bigint.")));
	}
	pg_unreachable();
}

/* Return the times of an array, AD_NO_TIME for NULL; a copy. */
static int64 *
read_times(ArrayType *array, Size n)
{
	const char *p = ARR_DATA_PTR(array);
	bits8	   *nulls = ARR_NULLBITMAP(array);
	int64	   *time = ad_palloc_array(int64, n);

	for (Size i = 0; i < n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		time[i] = AD_NO_TIME;
		if (nulls && (nulls[i / 8] & (1 << (i % 8))) == 0)
			continue;
		memcpy(&time[i], p, sizeof(int64));
		p += sizeof(int64);
	}
	return time;
}

PG_FUNCTION_INFO_V1(ad_stl_plot_times);

/*
 * ad_stl_plot(series float8[], times, options, title, width, height); times are
 * an array of timestamptz, timestamp or bigint.
 */
Datum
ad_stl_plot_times(PG_FUNCTION_ARGS)
{
	AdSeriesPlot plot = {0};
	const AdStlOptions *o;
	ArrayType  *times;
	AdTimeKind	kind;
	const double *value;
	Size		n;
	Size		nmissing;
	Size		ntimes;
	AdSeriesProblem problem = {0};

	for (int i = 0; i < 3; i++)
		if (PG_ARGISNULL(i))
			PG_RETURN_NULL();
	read_page(fcinfo, 3, &plot);
	o = read_options(fcinfo, 2, false);
	if (!ad_series_values(PG_GETARG_ARRAYTYPE_P(0), &value, &n, &nmissing,
						  &problem))
		return at_fault(fcinfo, o, &problem);
	times = PG_GETARG_ARRAYTYPE_P(1);
	kind = kind_of(ARR_ELEMTYPE(times));
	if (ARR_NDIM(times) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("times must be a one-dimensional array, not one of %d dimensions",
						ARR_NDIM(times))));
	ntimes = ARR_NDIM(times) == 0 ? 0 : (Size) ARR_DIMS(times)[0];
	if (n != ntimes)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("number of times is %zu, but there are %zu values",
						ntimes, n)));
	if (n == 0)
		PG_RETURN_NULL();
	if (!ad_series_affordable(n * 4 * sizeof(double), n, &problem))
		return at_fault(fcinfo, o, &problem);
	return plot_timed(fcinfo, o, kind, value, read_times(times, n), n, &plot);
}

/* What the columns of a query to draw are. */
typedef struct QueryColumns
{
	int			value;			/* number of the column, from 1 */
	int			time;			/* the same; 0: none */
	AdTimeKind	kind;			/* of the times */
} QueryColumns;

/* Return the columns of a query; an error if they cannot be drawn. */
static QueryColumns
columns_of(const char *query)
{
	TupleDesc	desc = ad_series_query_columns(query, "query to draw does not return rows");
	QueryColumns c = {1, 0, AD_TIME_NUMBER};
	bool		known = desc->natts == 1 || desc->natts == 2;
	Oid			types[2];

	for (int i = 0; known && i < desc->natts; i++)
		types[i] = getBaseType(TupleDescAttr(desc, i)->atttypid);
	if (known && desc->natts == 2)
	{
		/* the types say which is which; of two numbers the value is first */
		c.value = TypeCategory(types[0]) == TYPCATEGORY_DATETIME ? 2 : 1;
		c.time = 3 - c.value;
		if (TypeCategory(types[c.time - 1]) == TYPCATEGORY_DATETIME)
			c.kind = kind_of(types[c.time - 1]);
		else
			known = TypeCategory(types[c.time - 1]) == TYPCATEGORY_NUMERIC;
	}
	if (desc->natts != 1 && desc->natts != 2)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("query to draw has %d columns", desc->natts),
				 errdetail("Expected (value, time), or the values in their order.")));
	if (!known || TypeCategory(types[c.value - 1]) != TYPCATEGORY_NUMERIC)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("columns of the query to draw cannot be drawn"),
				 errdetail("Expected (value, time): a number and a time, or an integer.")));
	return c;
}

/*
 * Read the rows of a query; those without a time are left out.  False with
 * the problem if they are too many.
 */
static bool
read_rows(const char *query, const QueryColumns *c, MemoryContext mcxt,
		  AdSeriesRows *rows, AdSeriesProblem *problem)
{
	static const char *const types[] = {"timestamptz", "timestamp", "int8"};
	char	   *time = c->time == 0 ? "NULL" : psprintf("q.c%d", c->time);
	Portal		portal =
		ad_series_query_open(psprintf("SELECT q.c%d::pg_catalog.float8, %s::pg_catalog.%s FROM (%s\n) AS q(%s)",
									  c->value, time, types[c->kind], query,
									  c->time == 0 ? "c1" : "c1, c2"));

	ad_series_rows_init(rows, mcxt, FIRST_CAPACITY);
	for (;;)
	{
		SPI_cursor_fetch(portal, true, AD_SERIES_BATCH);
		if (SPI_processed == 0)
			break;
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			TupleDesc	desc = SPI_tuptable->tupdesc;
			HeapTuple	tuple = SPI_tuptable->vals[i];
			bool		null_value;
			bool		null_time;
			Datum		value = SPI_getbinval(tuple, desc, 1, &null_value);
			Datum		at = SPI_getbinval(tuple, desc, 2, &null_time);

			if ((c->time == 0 || !null_time) &&
				!ad_series_rows_add(rows, c->time == 0 ? 0 : DatumGetInt64(at),
									null_value ? NAN : DatumGetFloat8(value),
									problem))
				return false;
		}
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
	return true;
}

/* Return a text that is an array of values as one, else NULL. */
static ArrayType *
array_literal(Datum value)
{
	struct varlena *head = PG_DETOAST_DATUM_SLICE(value, 0, 64);
	const char *p = VARDATA_ANY(head);
	const char *end = p + VARSIZE_ANY_EXHDR(head);

	while (p < end && strchr(" \t\r\n", *p) && *p != '\0')
		p++;
	if (p == end || (*p != '{' && *p != '['))
		return NULL;
	return DatumGetArrayTypeP(OidFunctionCall3(F_ARRAY_IN,
											   CStringGetDatum(TextDatumGetCString(value)),
											   ObjectIdGetDatum(FLOAT8OID),
											   Int32GetDatum(-1)));
}

/* Draw what a query returns. */
static Datum
plot_query(FunctionCallInfo fcinfo, bool literal)
{
	AdSeriesPlot plot = {0};
	const AdStlOptions *o;
	ArrayType  *array;
	AdSeriesRows rows;
	QueryColumns c;
	char	   *query;
	MemoryContext mcxt = CurrentMemoryContext;
	AdSeriesProblem problem = {0};

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	read_page(fcinfo, 2, &plot);
	o = read_options(fcinfo, 1, literal);
	array = array_literal(PG_GETARG_DATUM(0));
	if (array)
	{
		Size		n;
		Size		nmissing;
		const double *y;

		if (!ad_series_values(array, &y, &n, &nmissing, &problem))
			return at_fault(fcinfo, o, &problem);
		return plot_numbered(fcinfo, o, y, n, &plot);
	}
	query = ad_series_bare_query(PG_GETARG_DATUM(0));
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	c = columns_of(query);
	if (!read_rows(query, &c, mcxt, &rows, &problem))
	{
		/* what it says lies in SPI's memory */
		ad_series_fault(o->on_error, &problem);
		SPI_finish();
		PG_RETURN_NULL();
	}
	SPI_finish();
	if (c.time == 0)
		return plot_numbered(fcinfo, o, rows.value, rows.n, &plot);
	if (rows.n == 0)
		PG_RETURN_NULL();
	return plot_timed(fcinfo, o, c.kind, rows.value, rows.time, rows.n, &plot);
}

static Datum
run_plot_query(FunctionCallInfo fcinfo)
{
	return plot_query(fcinfo, false);
}

static Datum
run_plot_query_literal(FunctionCallInfo fcinfo)
{
	return plot_query(fcinfo, true);
}

PG_FUNCTION_INFO_V1(ad_stl_plot_query);
PG_FUNCTION_INFO_V1(ad_stl_plot_query_literal);

/*
 * ad_stl_plot(query text, options jsonb, title, width, height); what fails
 * repeats little of the query.
 */
Datum
ad_stl_plot_query(PG_FUNCTION_ARGS)
{
	return ad_call_clipped(run_plot_query, fcinfo);
}

/* The same, with the options as text. */
Datum
ad_stl_plot_query_literal(PG_FUNCTION_ARGS)
{
	return ad_call_clipped(run_plot_query_literal, fcinfo);
}
