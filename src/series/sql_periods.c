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

#define FIRST_CAPACITY	256		/* rows of a state, at first */

/* The columns of ad_period. */
enum
{
	PERIOD_POINTS,
	PERIOD_PERIOD,
	PERIOD_STRENGTH,
	PERIOD_COLUMNS
};

/* The rows seen so far. */
typedef struct PeriodsState
{
	AdSeriesRows rows;
	AdTimeKind	kind;
} PeriodsState;

/* Keep a row; those without a time are passed over. */
static Datum
transition(FunctionCallInfo fcinfo, AdTimeKind kind)
{
	MemoryContext mcxt = ad_aggregate_context(fcinfo);
	PeriodsState *state;
	int64		time;

	if (PG_ARGISNULL(0))
	{
		state = MemoryContextAllocZero(mcxt, sizeof(PeriodsState));
		state->kind = kind;
		ad_series_rows_init(&state->rows, mcxt, FIRST_CAPACITY);
	}
	else
		state = (PeriodsState *) PG_GETARG_POINTER(0);

	if (PG_ARGISNULL(2))
		PG_RETURN_POINTER(state);
	time = PG_GETARG_INT64(2);
	if (state->kind == AD_TIME_NUMBER || !TIMESTAMP_NOT_FINITE(time))
		ad_series_rows_add(&state->rows, time,
						   PG_ARGISNULL(1) ? NAN : PG_GETARG_FLOAT8(1));
	PG_RETURN_POINTER(state);
}

PG_FUNCTION_INFO_V1(ad_periods_tz_transfn);

/* Take a row in, for times of type timestamptz. */
Datum
ad_periods_tz_transfn(PG_FUNCTION_ARGS)
{
	return transition(fcinfo, AD_TIME_TZ);
}

PG_FUNCTION_INFO_V1(ad_periods_local_transfn);

/* Take a row in, for times of type timestamp. */
Datum
ad_periods_local_transfn(PG_FUNCTION_ARGS)
{
	return transition(fcinfo, AD_TIME_LOCAL);
}

PG_FUNCTION_INFO_V1(ad_periods_number_transfn);

/* Take a row in, for numbered points. */
Datum
ad_periods_number_transfn(PG_FUNCTION_ARGS)
{
	return transition(fcinfo, AD_TIME_NUMBER);
}

/*
 * Return the length of a period of so many points on a grid with a calendar.
 */
static Interval *
period_interval(const AdGrid *grid, Size points)
{
	Interval   *interval = palloc0(sizeof(Interval));

	if (grid->months > 0)
		interval->month = grid->months * (int) points;
	else
	{
		int64		usec = grid->step * (int64) points;

		interval->day = (int32) (usec / USECS_PER_DAY);
		interval->time = usec % USECS_PER_DAY;
	}
	return interval;
}

/*
 * Return a period as a row of type ad_period; numbered points have no
 * interval.
 */
static Datum
period_row(TupleDesc desc, const AdGrid *grid, AdTimeKind kind, Size points,
		   double strength)
{
	Datum		values[PERIOD_COLUMNS] = {0};
	bool		nulls[PERIOD_COLUMNS] = {false};

	values[PERIOD_POINTS] = Int64GetDatum((int64) points);
	if (kind == AD_TIME_NUMBER)
		nulls[PERIOD_PERIOD] = true;
	else
		values[PERIOD_PERIOD] =
			IntervalPGetDatum(period_interval(grid, points));
	values[PERIOD_STRENGTH] = Float8GetDatum(strength);
	return HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
}

PG_FUNCTION_INFO_V1(ad_periods_finalfn);

/* Return the periods as an array of ad_period, strongest first. */
Datum
ad_periods_finalfn(PG_FUNCTION_ARGS)
{
	PeriodsState *state;
	const AdSeriesRows *rows;
	AdGrid		grid;
	AdSeriesProblem problem = {0};
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
	rows = &state->rows;
	if (!ad_grid_build(rows->time, rows->time, rows->value, rows->n,
					   AD_DUPLICATES_MEAN, state->kind != AD_TIME_NUMBER,
					   NULL, sizeof(uint32), &grid, &problem))
		ad_series_raise(&problem);
	count = grid.n == 0 ? 0 :
		ad_periods_find(grid.y, grid.n,
						state->kind == AD_TIME_NUMBER ? 0 : grid.step,
						grid.months, period, strength);

	element = get_element_type(get_fn_expr_rettype(fcinfo->flinfo));
	if (!OidIsValid(element))
		elog(ERROR, "could not determine the type of periods");
	desc = BlessTupleDesc(lookup_rowtype_tupdesc_copy(element, -1));
	for (int i = 0; i < count; i++)
		items[i] = period_row(desc, &grid, state->kind, period[i],
							  strength[i]);
	get_typlenbyvalalign(element, &width, &byval, &align);
	PG_RETURN_ARRAYTYPE_P(construct_array(items, count, element, width, byval,
										  align));
}
