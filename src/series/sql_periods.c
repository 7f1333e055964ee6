/*-------------------------------------------------------------------------
 *
 * sql_periods.c
 *		ad_periods(): the periods of a series, as an aggregate.
 *
 * Rows may come in any order; the state is two growing arrays, the final
 * function lays them on a grid.  Order does not matter except among rows at
 * one time, whose mean is the same either way up to rounding, so parts from
 * parallel workers could be joined; but a partial state is as large as its
 * rows, so there is no combine function.
 *
 *-------------------------------------------------------------------------
 */
#include "series/ad_periods.h"
#include "series/ad_series_run.h"
#include "series/ad_series_sql.h"
#include "sql/ad_aggregate.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

/* The rows seen so far. */
typedef struct PeriodsState
{
	Size		n;
	Size		capacity;
	double	   *value;
	int64	   *time;
	AdTimeKind	kind;
} PeriodsState;

/* Keep a row; those without a time are passed over. */
static Datum
transition(FunctionCallInfo fcinfo, AdTimeKind kind)
{
	MemoryContext mcxt = ad_aggregate_context(fcinfo);
	PeriodsState *state;

	if (PG_ARGISNULL(0))
	{
		state = MemoryContextAllocZero(mcxt, sizeof(PeriodsState));
		state->kind = kind;
		state->capacity = 256;
		state->value = MemoryContextAlloc(mcxt, 256 * sizeof(double));
		state->time = MemoryContextAlloc(mcxt, 256 * sizeof(int64));
	}
	else
		state = (PeriodsState *) PG_GETARG_POINTER(0);

	if (!PG_ARGISNULL(2))
	{
		int64		t = PG_GETARG_INT64(2);

		if (state->kind == AD_TIME_NUMBER || !TIMESTAMP_NOT_FINITE(t))
		{
			if (state->n == state->capacity)
			{
				if (state->n >= AD_SERIES_MAX_POINTS)
					ereport(ERROR,
							(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
							 errmsg("series has too many rows: %zu", state->n + 1),
							 errdetail("The limit is %zu.", AD_SERIES_MAX_POINTS)));
				ad_series_need(state->n, 4 * sizeof(double));
				state->capacity *= 2;
				state->value = ad_repalloc_array(state->value, double,
												 state->capacity);
				state->time = ad_repalloc_array(state->time, int64,
												state->capacity);
			}
			state->value[state->n] = PG_ARGISNULL(1) ? NAN : PG_GETARG_FLOAT8(1);
			state->time[state->n++] = t;
		}
	}
	PG_RETURN_POINTER(state);
}

PG_FUNCTION_INFO_V1(ad_periods_tz_transfn);

/* The transition for times of type timestamptz. */
Datum
ad_periods_tz_transfn(PG_FUNCTION_ARGS)
{
	return transition(fcinfo, AD_TIME_TZ);
}

PG_FUNCTION_INFO_V1(ad_periods_local_transfn);

/* The transition for times of type timestamp. */
Datum
ad_periods_local_transfn(PG_FUNCTION_ARGS)
{
	return transition(fcinfo, AD_TIME_LOCAL);
}

PG_FUNCTION_INFO_V1(ad_periods_number_transfn);

/* The transition for numbered points. */
Datum
ad_periods_number_transfn(PG_FUNCTION_ARGS)
{
	return transition(fcinfo, AD_TIME_NUMBER);
}

PG_FUNCTION_INFO_V1(ad_periods_finalfn);

/* The periods as an array of ad_period, strongest first. */
Datum
ad_periods_finalfn(PG_FUNCTION_ARGS)
{
	PeriodsState *state;
	AdGrid		grid;
	AdSeriesProblem problem;
	Size		period[AD_SERIES_MAX_SEASONS];
	double		strength[AD_SERIES_MAX_SEASONS];
	int			count;
	Datum		items[AD_SERIES_MAX_SEASONS];
	Oid			element;
	TupleDesc	desc;
	int16		width;
	bool		byval;
	char		align;

	(void) ad_aggregate_context(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = (PeriodsState *) PG_GETARG_POINTER(0);
	memset(&problem, 0, sizeof(problem));
	if (!ad_grid_build(state->time, state->time, state->value, state->n,
					   AD_DUPLICATES_MEAN, state->kind != AD_TIME_NUMBER,
					   sizeof(uint32), &grid, &problem))
		ad_series_raise(&problem);
	count = grid.n == 0 ? 0 :
		ad_periods_find(grid.y, grid.n,
						state->kind == AD_TIME_NUMBER ? 0 : grid.step,
						grid.months, period, strength);

	element = get_element_type(get_fn_expr_rettype(fcinfo->flinfo));
	if (!OidIsValid(element))
		elog(ERROR, "could not determine the type of periods");
	desc = lookup_rowtype_tupdesc_copy(element, -1);
	for (int i = 0; i < count; i++)
	{
		Datum		values[3];
		bool		nulls[3] = {false, false, false};

		values[0] = Int64GetDatum((int64) period[i]);
		if (state->kind == AD_TIME_NUMBER)
		{
			values[1] = 0;
			nulls[1] = true;
		}
		else
		{
			Interval   *interval = palloc0(sizeof(Interval));

			if (grid.months > 0)
				interval->month = grid.months * (int) period[i];
			else
			{
				int64		usec = grid.step * (int64) period[i];

				interval->day = (int32) (usec / USECS_PER_DAY);
				interval->time = usec % USECS_PER_DAY;
			}
			values[1] = IntervalPGetDatum(interval);
		}
		values[2] = Float8GetDatum(strength[i]);
		items[i] = HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc),
													 values, nulls));
	}
	get_typlenbyvalalign(element, &width, &byval, &align);
	PG_RETURN_ARRAYTYPE_P(construct_array(items, count, element, width, byval,
										  align));
}
