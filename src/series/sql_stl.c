/*-------------------------------------------------------------------------
 *
 * sql_stl.c
 *		ad_stl() OVER (...): decomposition of a partition, row by row.
 *
 * The first row of a partition pulls every row's value and time, lays them
 * on a grid, decomposes it and keeps the outcome in the partition's memory;
 * every row then reads its point.  What the rows cost besides is the server
 * forming a tuple, so a result without NULLs is written in one piece after
 * a head that heap_form_tuple() made once.
 *
 *-------------------------------------------------------------------------
 */
#include "series/ad_series_run.h"
#include "series/ad_series_sql.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/timestamp.h"
#include "windowapi.h"

#define POINT_COLUMNS	10		/* of ad_stl_point */

/* What a call site keeps. */
typedef struct StlCall
{
	bool		said;			/* the notice; see ad_series_short_notice */
	AdTimeKind	kind;			/* of the time argument */
	TupleDesc	desc;			/* ad_stl_point, blessed */
	HeapTupleHeader header;		/* of a row that is NULL throughout */
	Jsonb	   *options;		/* parsed last */
	AdStlOptions o;
	pg_tz	   *zone;			/* of o.timezone, or NULL */
	MemoryContext mcxt;			/* of the options */
} StlCall;

/* What a partition keeps. */
typedef struct StlPartition
{
	bool		ready;
	bool		null;			/* every row is NULL: on_error */
	Size		n;				/* rows */
	double	   *value;			/* of a row; NaN: NULL */
	AdSeriesRun run;			/* its outcome */
} StlPartition;

/* The kind of time a type is. */
static AdTimeKind
time_kind(Oid type)
{
	switch (type)
	{
		case TIMESTAMPTZOID:
			return AD_TIME_TZ;
		case TIMESTAMPOID:
			return AD_TIME_LOCAL;
		default:
			return AD_TIME_NUMBER;
	}
}

/* The call site's state, with these options parsed. */
static StlCall *
call_state(FunctionCallInfo fcinfo, Jsonb *options)
{
	StlCall    *call = (StlCall *) fcinfo->flinfo->fn_extra;
	MemoryContext old;

	if (call == NULL)
	{
		TupleDesc	desc;
		Datum		values[POINT_COLUMNS] = {0};
		bool		nulls[POINT_COLUMNS];

		old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
		call = palloc0(sizeof(StlCall));
		call->kind = time_kind(get_fn_expr_argtype(fcinfo->flinfo, 1));
		if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "return type must be a row type");
		call->desc = BlessTupleDesc(desc);
		memset(nulls, true, sizeof(nulls));
		call->header = heap_form_tuple(call->desc, values, nulls)->t_data;
		call->mcxt = AllocSetContextCreate(CurrentMemoryContext,
										   "anomaly series options",
										   ALLOCSET_SMALL_SIZES);
		MemoryContextSwitchTo(old);
		fcinfo->flinfo->fn_extra = call;
	}
	if (call->options == NULL ||
		VARSIZE(call->options) != VARSIZE(options) ||
		memcmp(call->options, options, VARSIZE(options)) != 0)
	{
		call->options = NULL;
		MemoryContextReset(call->mcxt);
		old = MemoryContextSwitchTo(call->mcxt);
		ad_series_parse(options, &call->o);
		call->zone = NULL;
		if (call->o.timezone)
		{
			if (call->kind != AD_TIME_TZ)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("option \"%s\" needs times of type %s",
								"timezone", "timestamp with time zone")));
			call->zone = ad_series_zone(call->o.timezone);
		}
		call->options = (Jsonb *) palloc(VARSIZE(options));
		memcpy(call->options, options, VARSIZE(options));
		MemoryContextSwitchTo(old);
	}
	return call;
}

/* Pull all rows: values, and times as true instants. */
static void
pull_rows(WindowObject winobj, Size n, double *value, int64 *time)
{
	bool		null,
				out;

	for (Size i = 0; i < n; i++)
	{
		Datum		d;

		/* the server looks for a cancel in each call */
		d = WinGetFuncArgInPartition(winobj, 0, (int) i, WINDOW_SEEK_HEAD,
									 false, &null, &out);
		value[i] = null ? NAN : DatumGetFloat8(d);
		d = WinGetFuncArgInPartition(winobj, 1, (int) i, WINDOW_SEEK_HEAD,
									 false, &null, &out);
		time[i] = null ? AD_NO_TIME : DatumGetInt64(d);
	}
}

/* Decompose the partition; called at its first row. */
static void
prepare(FunctionCallInfo fcinfo, WindowObject winobj, StlCall *call,
		StlPartition *part)
{
	const AdStlOptions *o = &call->o;
	AdSeriesProblem problem;
	Size		n = (Size) WinGetPartitionRowCount(winobj);
	MemoryContext mcxt = GetMemoryChunkContext(part);
	MemoryContext old;
	int64	   *time;
	bool		good;

	memset(&problem, 0, sizeof(problem));
	part->ready = true;
	part->n = n;
	if (n > AD_SERIES_MAX_POINTS)
	{
		problem.code = ERRCODE_PROGRAM_LIMIT_EXCEEDED;
		problem.message = psprintf("series has too many rows: %zu", n);
		problem.detail = psprintf("The limit is %zu.", AD_SERIES_MAX_POINTS);
		if (o->on_error == AD_ON_ERROR_RAISE)
			ad_series_raise(&problem);
		part->null = true;
		return;
	}
	/* of what the rows alone need; the grid may have more points or fewer */
	if (!ad_series_affordable(n * 4 * sizeof(double), n, &problem))
	{
		if (o->on_error == AD_ON_ERROR_RAISE)
			ad_series_raise(&problem);
		part->null = true;
		return;
	}

	old = MemoryContextSwitchTo(mcxt);
	part->value = ad_palloc_array(double, n);
	time = ad_palloc_array(int64, n);
	pull_rows(winobj, n, part->value, time);
	good = ad_series_run(o, call->kind, call->zone,
						 part->value, time, n, ad_stl_scratch_enter(), &part->run,
						 &problem);
	pfree(time);
	if (!good)
	{
		if (o->on_error == AD_ON_ERROR_RAISE)
			ad_series_raise(&problem);
		part->null = true;
	}
	else if (part->run.remainder)
	{
		ad_series_short_notice(fcinfo->flinfo, &part->run.result);
		pfree(part->run.remainder);
		pfree(part->run.grid.y);
	}
	MemoryContextSwitchTo(old);
}

/* The seasons of a point as an array in memory of the given address. */
static void
fill_seasons(char *place, const AdStlResult *result, Size slot)
{
	int			k = Max(result->nseasons, 1);
	double	   *data = (double *) (place + ARR_OVERHEAD_NONULLS(1));

	ad_series_array_header((ArrayType *) place, FLOAT8OID, (Size) k,
						   (Size) k, sizeof(double), 1, 1);
	if (result->nseasons <= 1)
		data[0] = result->season[slot];
	else
		for (int s = 0; s < k; s++)
			data[s] = result->seasons[s][slot];
}

/* A row without NULLs, in one piece. */
static Datum
whole_row(const StlCall *call, const StlPartition *part, Size slot, double v)
{
	const AdStlResult *r = &part->run.result;
	Size		hoff = MAXALIGN(SizeofHeapTupleHeader);
	Size		seasons = ARR_OVERHEAD_NONULLS(1) +
		(Size) Max(r->nseasons, 1) * sizeof(double);
	Size		length = hoff + 2 * sizeof(double) + seasons +
		6 * sizeof(double) + sizeof(int16);
	char	   *tuple = palloc(MAXALIGN(length));
	HeapTupleHeader td = (HeapTupleHeader) tuple;
	double	   *p;
	double		fit = r->trend[slot] + r->season[slot];
	double		remainder = v - r->season[slot] - r->trend[slot];

	memcpy(td, call->header, SizeofHeapTupleHeader);
	HeapTupleHeaderSetDatumLength(td, length);
	td->t_infomask = (td->t_infomask & ~HEAP_HASNULL) | HEAP_HASVARWIDTH;
	td->t_hoff = (uint8) hoff;
	p = (double *) (tuple + hoff);
	p[0] = r->trend[slot];
	p[1] = r->season[slot];
	fill_seasons((char *) (p + 2), r, slot);
	p = (double *) ((char *) (p + 2) + seasons);
	p[0] = remainder;
	p[1] = r->weight[slot];
	p[2] = fit + r->low;
	p[3] = fit + r->high;
	p[4] = ad_stl_score(r, remainder);
	p[5] = isnan(part->run.window[slot]) ? p[4] : part->run.window[slot];
	*(int16 *) (p + 6) = (int16) ad_stl_side(r, remainder);
	return HeapTupleHeaderGetDatum(td);
}

/* A row of a missing point: what was expected, and nothing of the value. */
static Datum
partial_row(const StlCall *call, const StlPartition *part, Size slot)
{
	const AdStlResult *r = &part->run.result;
	Datum		values[POINT_COLUMNS] = {0};
	bool		nulls[POINT_COLUMNS];
	Size		seasons = ARR_OVERHEAD_NONULLS(1) +
		(Size) Max(r->nseasons, 1) * sizeof(double);

	memset(nulls, true, sizeof(nulls));
	nulls[4] = false;
	values[4] = Float8GetDatum(r->empty ? 0.0 : r->weight[slot]);
	if (!r->empty)
	{
		double		fit = r->trend[slot] + r->season[slot];
		char	   *array = palloc(seasons);

		fill_seasons(array, r, slot);
		values[0] = Float8GetDatum(r->trend[slot]);
		values[1] = Float8GetDatum(r->season[slot]);
		values[2] = PointerGetDatum(array);
		values[5] = Float8GetDatum(fit + r->low);
		values[6] = Float8GetDatum(fit + r->high);
		nulls[0] = nulls[1] = nulls[2] = nulls[5] = nulls[6] = false;
	}
	return HeapTupleGetDatum(heap_form_tuple(call->desc, values, nulls));
}

PG_FUNCTION_INFO_V1(ad_stl);

/* The decomposition of the current row. */
Datum
ad_stl(PG_FUNCTION_ARGS)
{
	WindowObject winobj = PG_WINDOW_OBJECT();
	StlPartition *part;
	StlCall    *call = (StlCall *) fcinfo->flinfo->fn_extra;
	Size		row;
	Size		slot;

	part = WinGetPartitionLocalMemory(winobj, sizeof(StlPartition));
	if (!part->ready)
	{
		bool		null;
		Datum		options = WinGetFuncArgCurrent(winobj, 2, &null);

		if (null)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("options of %s cannot be NULL", "ad_stl")));
		call = call_state(fcinfo, ad_jsonb_argument(options, "options"));
		prepare(fcinfo, winobj, call, part);
	}
	row = (Size) WinGetCurrentPosition(winobj);
	if (part->null || part->run.grid.n == 0 || row >= part->n)
		PG_RETURN_NULL();
	slot = part->run.grid.slot[row];
	if (slot == AD_NO_SLOT)
		PG_RETURN_NULL();
	if (isnan(part->value[row]) || part->run.result.empty)
		return partial_row(call, part, slot);
	return whole_row(call, part, slot, part->value[row]);
}
