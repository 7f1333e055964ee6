/*-------------------------------------------------------------------------
 *
 * sql_decompose.c
 *		ad_decompose(): the decomposition of a query's rows, gaps filled in.
 *
 * The query gives (time, value) or (series, time, value).  It runs through
 * a cursor, ordered by series and time; each series is collected,
 * decomposed and written out as one row per point of its grid, so points
 * that the query lacks appear with what was expected of them.
 *
 *-------------------------------------------------------------------------
 */
#include "series/ad_series_run.h"
#include "series/ad_series_sql.h"
#include "sql/ad_result.h"

#include <ctype.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#define OUT_COLUMNS		14
#define BATCH			1000	/* rows a fetch */

/* What a call keeps; its head is that of ad_series_short_notice. */
typedef struct DecomposeCall
{
	bool		said;
	AdStlOptions o;
	pg_tz	   *zone;
	MemoryContext series;		/* reset after each */
	TupleDesc	desc;
	Tuplestorestate *store;
} DecomposeCall;

/* The rows of one series, growing. */
typedef struct Rows
{
	Size		n;
	Size		capacity;
	double	   *value;
	int64	   *time;
} Rows;

/* The query without what may not stand inside parentheses. */
static char *
bare_query(const char *query)
{
	char	   *q = pstrdup(query);
	Size		len = strlen(q);

	while (len > 0 && (q[len - 1] == ';' || isspace((unsigned char) q[len - 1])))
		q[--len] = '\0';
	return q;
}

/* The columns of a query. */
static int
column_count(const char *query)
{
	SPIPlanPtr	plan = SPI_prepare(query, 0, NULL);
	Portal		portal;
	int			n;

	if (plan == NULL || !SPI_is_cursor_plan(plan))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("query to decompose does not return rows")));
	portal = SPI_cursor_open(NULL, plan, NULL, NULL, true);
	n = portal->tupDesc->natts;
	SPI_cursor_close(portal);
	SPI_freeplan(plan);
	return n;
}

/* The time of a point of the grid as a true instant. */
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

/* Decompose one series and store its points. */
static void
emit(FunctionCallInfo fcinfo, DecomposeCall *call, const char *name,
	 const Rows *rows)
{
	AdSeriesProblem problem;
	AdSeriesRun run;
	int64	   *times;
	const AdStlResult *r = &run.result;

	if (rows->n == 0)
		return;
	memset(&problem, 0, sizeof(problem));
	if (!ad_series_run(&call->o, AD_TIME_TZ, call->zone,
					   rows->value, rows->time, rows->n, ad_stl_scratch_enter(), &run,
					   &problem))
	{
		if (call->o.on_error == AD_ON_ERROR_RAISE)
			ad_series_raise(&problem);
		/* a series that cannot be decomposed: its rows, and nothing else */
		for (Size i = 0; i < rows->n; i++)
		{
			Datum		values[OUT_COLUMNS] = {0};
			bool		nulls[OUT_COLUMNS];

			memset(nulls, true, sizeof(nulls));
			if (name)
			{
				values[0] = CStringGetTextDatum(name);
				nulls[0] = false;
			}
			values[1] = TimestampTzGetDatum(rows->time[i]);
			nulls[1] = false;
			if (!isnan(rows->value[i]))
			{
				values[2] = Float8GetDatum(rows->value[i]);
				nulls[2] = false;
			}
			values[3] = BoolGetDatum(true);
			nulls[3] = false;
			tuplestore_putvalues(call->store, call->desc, values, nulls);
		}
		return;
	}
	ad_series_short_notice(fcinfo->flinfo, &run.result);

	/* a point that has a row keeps that row's time */
	times = ad_palloc_array(int64, run.grid.n);
	for (Size i = 0; i < run.grid.n; i++)
		times[i] = AD_NO_TIME;
	for (Size i = 0; i < rows->n; i++)
		if (run.grid.n > 0 && run.grid.slot[i] != AD_NO_SLOT &&
			times[run.grid.slot[i]] == AD_NO_TIME)
			times[run.grid.slot[i]] = rows->time[i];

	for (Size i = 0; i < run.grid.n; i++)
	{
		Datum		values[OUT_COLUMNS] = {0};
		bool		nulls[OUT_COLUMNS] = {false};
		double		v = run.grid.y[i];
		double		fit = r->trend[i] + r->season[i];
		Datum		seasons[AD_SERIES_MAX_SEASONS];
		int			k = Max(r->nseasons, 1);
		bool		missing = isnan(v);

		AD_CHECK_EVERY_1024(i);
		nulls[0] = name == NULL;
		if (name)
			values[0] = CStringGetTextDatum(name);
		values[1] = TimestampTzGetDatum(times[i] != AD_NO_TIME ? times[i] :
										point_time(call, &run.grid, i));
		values[2] = Float8GetDatum(v);
		values[3] = BoolGetDatum(times[i] != AD_NO_TIME);
		values[4] = Float8GetDatum(r->trend[i]);
		values[5] = Float8GetDatum(r->season[i]);
		for (int s = 0; s < k; s++)
			seasons[s] = Float8GetDatum(r->nseasons > 1 ? r->seasons[s][i] :
										r->season[i]);
		values[6] = PointerGetDatum(construct_array(seasons, k, FLOAT8OID, 8,
													FLOAT8PASSBYVAL, 'd'));
		values[7] = Float8GetDatum(run.remainder[i]);
		values[8] = Float8GetDatum(r->weight[i]);
		values[9] = Float8GetDatum(fit + r->low);
		values[10] = Float8GetDatum(fit + r->high);
		values[11] = Float8GetDatum(ad_stl_score(r, run.remainder[i]));
		values[12] = Float8GetDatum(run.window[i]);
		values[13] = Int16GetDatum((int16) ad_stl_side(r, run.remainder[i]));
		nulls[2] = nulls[7] = nulls[11] = nulls[12] = nulls[13] = missing;
		if (r->empty)
			nulls[4] = nulls[5] = nulls[6] = nulls[7] = nulls[9] = nulls[10] =
				nulls[11] = nulls[12] = nulls[13] = true;
		tuplestore_putvalues(call->store, call->desc, values, nulls);
	}
}

PG_FUNCTION_INFO_V1(ad_decompose);

/* Decompose what a query returns. */
static Datum
run_decompose(FunctionCallInfo fcinfo)
{
	ReturnSetInfo *info = ad_result_info(fcinfo);
	char	   *query = bare_query(ad_text_argument(PG_GETARG_DATUM(0), "query",
													AD_MAX_QUERY_LENGTH));
	Jsonb	   *options = ad_jsonb_argument(PG_GETARG_DATUM(1), "options");
	DecomposeCall *call;
	MemoryContext mcxt;
	MemoryContext old;
	int			columns;
	char	   *ordered;
	SPIPlanPtr	plan;
	Portal		portal;
	char	   *name = NULL;
	bool		started = false;
	Rows		rows;

	mcxt = info->econtext->ecxt_per_query_memory;
	old = MemoryContextSwitchTo(mcxt);
	call = palloc0(sizeof(DecomposeCall));
	fcinfo->flinfo->fn_extra = call;
	ad_series_parse(options, &call->o);
	if (call->o.timezone)
		call->zone = ad_series_zone(call->o.timezone);
	call->series = AllocSetContextCreate(mcxt, "anomaly decompose",
										 ALLOCSET_DEFAULT_SIZES);
	call->store = ad_result_begin(fcinfo, OUT_COLUMNS, &call->desc);
	MemoryContextSwitchTo(old);

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	columns = column_count(query);
	if (columns != 2 && columns != 3)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("query to decompose has %d columns", columns),
				 errdetail("Expected (time, value) or (series, time, value).")));
	ordered = psprintf(columns == 3 ?
					   "SELECT s::pg_catalog.text, t::pg_catalog.timestamptz, v::pg_catalog.float8 FROM (%s\n) AS q(s, t, v) ORDER BY 1, 2" :
					   "SELECT NULL::pg_catalog.text, t::pg_catalog.timestamptz, v::pg_catalog.float8 FROM (%s\n) AS q(t, v) ORDER BY 2",
					   query);
	plan = SPI_prepare(ordered, 0, NULL);
	if (plan == NULL)
		elog(ERROR, "could not prepare the query to decompose");
	portal = SPI_cursor_open(NULL, plan, NULL, NULL, true);

	memset(&rows, 0, sizeof(rows));
	for (;;)
	{
		SPI_cursor_fetch(portal, true, BATCH);
		if (SPI_processed == 0)
			break;
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			HeapTuple	tuple = SPI_tuptable->vals[i];
			TupleDesc	desc = SPI_tuptable->tupdesc;
			bool		null;
			char	   *s = SPI_getvalue(tuple, desc, 1);
			Datum		t = SPI_getbinval(tuple, desc, 2, &null);
			Datum		v;

			if (started && ((s == NULL) != (name == NULL) ||
							(s && strcmp(s, name) != 0)))
			{
				old = MemoryContextSwitchTo(call->series);
				emit(fcinfo, call, name, &rows);
				MemoryContextSwitchTo(old);
				MemoryContextReset(call->series);
				started = false;
			}
			if (!started)
			{
				name = s ? MemoryContextStrdup(call->series, s) : NULL;
				rows.n = 0;
				rows.capacity = 1024;
				rows.value = MemoryContextAlloc(call->series, 1024 * sizeof(double));
				rows.time = MemoryContextAlloc(call->series, 1024 * sizeof(int64));
				started = true;
			}
			if (s)
				pfree(s);
			if (null || TIMESTAMP_NOT_FINITE(DatumGetInt64(t)))
				continue;
			if (rows.n == rows.capacity)
			{
				if (rows.n >= AD_SERIES_MAX_POINTS)
					ereport(ERROR,
							(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
							 errmsg("series has too many rows: %zu", rows.n + 1),
							 errdetail("The limit is %zu.", AD_SERIES_MAX_POINTS)));
				ad_series_need(rows.n, 4 * sizeof(double));
				rows.capacity *= 2;
				rows.value = ad_repalloc_array(rows.value, double, rows.capacity);
				rows.time = ad_repalloc_array(rows.time, int64, rows.capacity);
			}
			rows.time[rows.n] = DatumGetInt64(t);
			v = SPI_getbinval(tuple, desc, 3, &null);
			rows.value[rows.n++] = null ? NAN : DatumGetFloat8(v);
		}
		SPI_freetuptable(SPI_tuptable);
	}
	if (started)
	{
		old = MemoryContextSwitchTo(call->series);
		emit(fcinfo, call, name, &rows);
		MemoryContextSwitchTo(old);
	}
	SPI_cursor_close(portal);
	SPI_finish();
	MemoryContextDelete(call->series);
	fcinfo->flinfo->fn_extra = NULL;
	return (Datum) 0;
}

/* The same; what fails repeats little of the query. */
Datum
ad_decompose(PG_FUNCTION_ARGS)
{
	return ad_call_clipped(run_decompose, fcinfo);
}
