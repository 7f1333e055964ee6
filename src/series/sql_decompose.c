/*-------------------------------------------------------------------------
 *
 * sql_decompose.c
 *		ad_decompose(): the decomposition of a query's rows, gaps filled in.
 *
 * The query gives (value, time) or (series, value, time), or with the time
 * before the value, as 0.2.0 had it; their types tell.  It runs through a
 * cursor, ordered by series and time; each series is collected, decomposed
 * and written out as one row per point of its grid, so points that the query
 * lacks appear with what was expected of them.
 *
 *-------------------------------------------------------------------------
 */
#include "series/ad_series_query.h"
#include "series/ad_series_run.h"
#include "series/ad_series_sql.h"
#include "series/ad_stl_point.h"
#include "sql/ad_result.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#define FIRST_CAPACITY	1024	/* rows of a series, at first */

/* The columns of ad_decompose(): these, then those of ad_stl_point. */
enum
{
	OUT_SERIES,
	OUT_TIME,
	OUT_VALUE,
	OUT_OBSERVED,
	OUT_POINT,
	OUT_COLUMNS = OUT_POINT + AD_STL_COLUMNS
};

/* What a call keeps. */
typedef struct DecomposeCall
{
	bool		said;			/* see ad_series_short_notice() */
	AdStlOptions o;
	pg_tz	   *zone;			/* of o.timezone, or NULL */
	MemoryContext mcxt;			/* of one series, reset after each */
	TupleDesc	desc;			/* of the result */
	Tuplestorestate *store;		/* the result */
	bool		started;		/* there is a series: */
	char	   *name;			/* its name, or NULL */
	Datum		label;			/* the same as a text */
	bool		null;			/* it is too long: its rows go by, on_error */
	AdSeriesRows rows;			/* its rows */
} DecomposeCall;

/* Tell whether a type is one of times. */
static bool
is_time(Oid type)
{
	return TypeCategory(type) == TYPCATEGORY_DATETIME;
}

/* Return the time of a point of the grid as a true instant. */
static int64
point_time(const DecomposeCall *call, const AdGrid *grid, Size i)
{
	int64		t = ad_grid_time(grid, i);

	if (call->zone)
		t = DatumGetTimestampTz(DirectFunctionCall2(timestamp_zone,
													PointerGetDatum(cstring_to_text(call->o.timezone)),
													TimestampGetDatum(t)));
	return t;
}

/* Set the columns before those of the decomposition; value NaN: NULL. */
static void
row_values(const DecomposeCall *call, int64 time, double value, bool observed,
		   Datum *values, bool *nulls)
{
	nulls[OUT_SERIES] = call->name == NULL;
	values[OUT_SERIES] = call->label;
	nulls[OUT_TIME] = false;
	values[OUT_TIME] = TimestampTzGetDatum(time);
	nulls[OUT_VALUE] = isnan(value);
	values[OUT_VALUE] = Float8GetDatum(value);
	nulls[OUT_OBSERVED] = false;
	values[OUT_OBSERVED] = BoolGetDatum(observed);
}

/* Store a row of a series that cannot be decomposed, and nothing else. */
static void
store_row(const DecomposeCall *call, int64 time, double value)
{
	Datum		values[OUT_COLUMNS] = {0};
	bool		nulls[OUT_COLUMNS];

	memset(nulls, true, sizeof(nulls));
	row_values(call, time, value, true, values, nulls);
	tuplestore_putvalues(call->store, call->desc, values, nulls);
}

/* Store the rows collected of such a series. */
static void
store_rows(const DecomposeCall *call)
{
	for (Size i = 0; i < call->rows.n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		store_row(call, call->rows.time[i], call->rows.value[i]);
	}
}

/* Return the times of the grid's points that have a row, else AD_NO_TIME. */
static int64 *
observed_times(const AdGrid *grid, const AdSeriesRows *rows)
{
	int64	   *times = ad_palloc_array(int64, grid->n);

	for (Size i = 0; i < grid->n; i++)
		times[i] = AD_NO_TIME;
	if (grid->n == 0)
		return times;
	for (Size i = 0; i < rows->n; i++)
	{
		uint32		slot = grid->slot[i];

		/* of several rows, the first one's */
		if (slot != AD_NO_SLOT && times[slot] == AD_NO_TIME)
			times[slot] = rows->time[i];
	}
	return times;
}

/* Store the points of a decomposed series, and keep nothing of their rows. */
static void
store_points(const DecomposeCall *call, const AdSeriesRun *run)
{
	const AdGrid *grid = &run->grid;
	const int64 *times = observed_times(grid, &call->rows);
	MemoryContext mcxt = AllocSetContextCreate(CurrentMemoryContext,
											   "anomaly decompose rows",
											   ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(mcxt);

	for (Size i = 0; i < grid->n; i++)
	{
		Datum		values[OUT_COLUMNS];
		bool		nulls[OUT_COLUMNS];
		bool		observed = times[i] != AD_NO_TIME;

		if (i % 1024 == 0)
		{
			CHECK_FOR_INTERRUPTS();
			MemoryContextReset(mcxt);
		}
		row_values(call, observed ? times[i] : point_time(call, grid, i),
				   grid->y[i], observed, values, nulls);
		ad_stl_point_values(&run->result, i, values + OUT_POINT,
							nulls + OUT_POINT);
		if (!isnan(grid->y[i]) && !run->result.empty)
			ad_stl_verdict_values(&run->result, i, grid->y[i], run->remainder[i],
								  run->window[i], values + OUT_POINT,
								  nulls + OUT_POINT);
		tuplestore_putvalues(call->store, call->desc, values, nulls);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(mcxt);
}

/* Decompose the series that was collected, and store its points. */
static void
decompose(DecomposeCall *call)
{
	AdSeriesProblem problem = {0};
	AdSeriesRun run;
	AdSeriesRows *rows = &call->rows;

	if (rows->n == 0 || call->null)
		return;
	if (ad_series_run(&call->o, AD_TIME_TZ, call->zone, rows->value,
					  rows->time, rows->n, ad_stl_scratch_enter(), &run,
					  &problem))
	{
		ad_series_short_notice(&call->said, &run.result);
		store_points(call, &run);
		return;
	}
	ad_series_fault(call->o.on_error, &problem);
	store_rows(call);
}

/* End the series that was collected, if any. */
static void
finish_series(DecomposeCall *call)
{
	MemoryContext old;

	if (!call->started)
		return;
	old = MemoryContextSwitchTo(call->mcxt);
	decompose(call);
	MemoryContextSwitchTo(old);
	MemoryContextReset(call->mcxt);
	call->started = false;
}

/* Open a cursor over the query's rows: series, time, value, in order. */
static Portal
open_rows(const char *query)
{
	TupleDesc	desc = ad_series_query_columns(query, "query to decompose does not return rows");
	int			columns = desc->natts;
	bool		time_last;

	if (columns != 2 && columns != 3)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("query to decompose has %d columns", columns),
				 errdetail("Expected (value, time) or (series, value, time).")));
	time_last = is_time(TupleDescAttr(desc, columns - 1)->atttypid) &&
		!is_time(TupleDescAttr(desc, columns - 2)->atttypid);
	return ad_series_query_open(psprintf("SELECT %s::pg_catalog.text, t::pg_catalog.timestamptz, v::pg_catalog.float8 FROM (%s\n) AS q(%s%s) ORDER BY 1, 2",
										 columns == 3 ? "s" : "NULL", query,
										 columns == 3 ? "s, " : "",
										 time_last ? "v, t" : "t, v"));
}

/*
 * Add a row to the series; those of one that is too long go by, if they may
 * have no decomposition.
 */
static void
add_row(DecomposeCall *call, int64 time, double value)
{
	AdSeriesProblem problem = {0};

	if (!call->null &&
		ad_series_rows_add(&call->rows, time, value, &problem))
		return;
	if (!call->null)
	{
		ad_series_fault(call->o.on_error, &problem);
		store_rows(call);
		call->null = true;
	}
	store_row(call, time, value);
}

/* Take a row in, after the series before it if it begins another. */
static void
take_row(DecomposeCall *call, HeapTuple tuple, TupleDesc desc)
{
	bool		null_time;
	bool		null_value;
	char	   *name = SPI_getvalue(tuple, desc, 1);
	Datum		time = SPI_getbinval(tuple, desc, 2, &null_time);
	Datum		value = SPI_getbinval(tuple, desc, 3, &null_value);

	if (call->started && ((name == NULL) != (call->name == NULL) ||
						  (name && strcmp(name, call->name) != 0)))
		finish_series(call);
	if (!call->started)
	{
		MemoryContext old = MemoryContextSwitchTo(call->mcxt);

		call->name = name ? pstrdup(name) : NULL;
		call->label = name ? CStringGetTextDatum(name) : (Datum) 0;
		MemoryContextSwitchTo(old);
		ad_series_rows_init(&call->rows, call->mcxt, FIRST_CAPACITY);
		call->null = false;
		call->started = true;
	}
	if (name)
		pfree(name);
	if (!null_time && !TIMESTAMP_NOT_FINITE(DatumGetInt64(time)))
		add_row(call, DatumGetInt64(time),
				null_value ? NAN : DatumGetFloat8(value));
}

/* Make what the call keeps, in memory that lives as long as the query. */
static DecomposeCall *
begin(FunctionCallInfo fcinfo)
{
	ReturnSetInfo *info = ad_result_info(fcinfo);
	Jsonb	   *options = ad_jsonb_argument(PG_GETARG_DATUM(1), "options");
	MemoryContext mcxt = info->econtext->ecxt_per_query_memory;
	MemoryContext old = MemoryContextSwitchTo(mcxt);
	DecomposeCall *call = palloc0(sizeof(DecomposeCall));

	ad_series_parse(options, &call->o);
	call->zone = ad_series_time_zone(call->o.timezone, AD_TIME_TZ);
	call->mcxt = AllocSetContextCreate(mcxt, "anomaly decompose",
									   ALLOCSET_DEFAULT_SIZES);
	call->store = ad_result_begin(fcinfo, OUT_COLUMNS, &call->desc);
	MemoryContextSwitchTo(old);
	return call;
}

PG_FUNCTION_INFO_V1(ad_decompose);

/* Decompose what a query returns. */
static Datum
run_decompose(FunctionCallInfo fcinfo)
{
	char	   *query = ad_series_bare_query(PG_GETARG_DATUM(0));
	DecomposeCall *call = begin(fcinfo);
	Portal		portal;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	portal = open_rows(query);
	for (;;)
	{
		SPI_cursor_fetch(portal, true, AD_SERIES_BATCH);
		if (SPI_processed == 0)
			break;
		for (uint64 i = 0; i < SPI_processed; i++)
			take_row(call, SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
		SPI_freetuptable(SPI_tuptable);
	}
	finish_series(call);
	SPI_cursor_close(portal);
	SPI_finish();
	MemoryContextDelete(call->mcxt);
	return (Datum) 0;
}

/* Decompose what a query returns; what fails repeats little of the query. */
Datum
ad_decompose(PG_FUNCTION_ARGS)
{
	return ad_call_clipped(run_decompose, fcinfo);
}
