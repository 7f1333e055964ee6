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
#include "core/ad_options.h"
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

/* Options of ad_periods. */
typedef struct PeriodsOptions
{
	AdSpan		step;			/* not given: found */
	char	   *timezone;		/* or NULL */
	int			on_error;		/* AdOnError */
} PeriodsOptions;

static const AdOption table[] = {
	AD_STRING(PeriodsOptions, timezone, NULL),
	AD_ENUM(PeriodsOptions, on_error, AD_ON_ERROR_RAISE, ad_on_error_names),
};

static const char *const own_keys[] = {"step", NULL};

/* The rows seen so far. */
typedef struct PeriodsState
{
	AdSeriesRows rows;
	AdTimeKind	kind;
	PeriodsOptions o;
	pg_tz	   *zone;			/* of o.timezone, or NULL */
	bool		null;			/* on_error: the result is NULL */
} PeriodsState;

/* Read the options of ad_periods. */
static void
read_options(FmgrInfo *flinfo, Jsonb *given, void *options)
{
	PeriodsOptions *o = (PeriodsOptions *) options;

	(void) flinfo;
	ad_options_parse(&given->root, "ad_periods", table, lengthof(table),
					 own_keys, o);
	(void) ad_series_key_span(&given->root, "step", 1, &o->step);
	ad_series_span(&o->step, "step");
	if (o->timezone)
		(void) ad_series_zone(o->timezone);
}

const AdSeriesReader ad_periods_reader = {
	"ad_periods", sizeof(PeriodsOptions), read_options
};

/* Begin the state of a group, with its first row's options, if it has any. */
static PeriodsState *
begin(FunctionCallInfo fcinfo, AdTimeKind kind, MemoryContext mcxt)
{
	MemoryContext old = MemoryContextSwitchTo(mcxt);
	PeriodsState *state = palloc0(sizeof(PeriodsState));

	state->kind = kind;
	ad_series_rows_init(&state->rows, mcxt, FIRST_CAPACITY);
	if (PG_NARGS() > 3)
	{
		if (PG_ARGISNULL(3))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("options of %s cannot be NULL", "ad_periods")));
		read_options(fcinfo->flinfo,
					 ad_jsonb_argument(PG_GETARG_DATUM(3), "options"),
					 &state->o);
		state->zone = ad_series_time_zone(state->o.timezone, kind);
	}
	MemoryContextSwitchTo(old);
	return state;
}

/* Keep a row; those without a time are passed over. */
static Datum
transition(FunctionCallInfo fcinfo, AdTimeKind kind)
{
	MemoryContext mcxt = ad_aggregate_context(fcinfo);
	PeriodsState *state = PG_ARGISNULL(0) ? begin(fcinfo, kind, mcxt) :
		(PeriodsState *) PG_GETARG_POINTER(0);
	AdSeriesProblem problem = {0};
	int64		time;

	if (PG_ARGISNULL(2) || state->null)
		PG_RETURN_POINTER(state);
	time = PG_GETARG_INT64(2);
	if ((state->kind == AD_TIME_NUMBER || !TIMESTAMP_NOT_FINITE(time)) &&
		!ad_series_rows_add(&state->rows, time,
							PG_ARGISNULL(1) ? NAN : PG_GETARG_FLOAT8(1),
							&problem))
	{
		ad_series_fault(state->o.on_error, &problem);
		state->null = true;
		pfree(state->rows.value);
		pfree(state->rows.time);
	}
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

/* Return periods as an array of ad_period. */
static Datum
period_array(FunctionCallInfo fcinfo, const AdGrid *grid, AdTimeKind kind,
			 const Size *period, const double *strength, int count)
{
	Oid			element = get_element_type(get_fn_expr_rettype(fcinfo->flinfo));
	Datum		items[AD_SERIES_MAX_SEASONS];
	TupleDesc	desc;
	int16		width;
	bool		byval;
	char		align;

	if (!OidIsValid(element))
		elog(ERROR, "could not determine the type of periods");
	desc = BlessTupleDesc(lookup_rowtype_tupdesc_copy(element, -1));
	for (int i = 0; i < count; i++)
		items[i] = period_row(desc, grid, kind, period[i], strength[i]);
	get_typlenbyvalalign(element, &width, &byval, &align);
	return PointerGetDatum(construct_array(items, count, element, width, byval,
										   align));
}

PG_FUNCTION_INFO_V1(ad_periods_finalfn);

/* Return the periods as an array of ad_period, strongest first. */
Datum
ad_periods_finalfn(PG_FUNCTION_ARGS)
{
	PeriodsState *state;
	const AdSeriesRows *rows;
	int64	   *local;
	AdGrid		grid;
	AdSeriesProblem problem = {0};
	Size		period[AD_SERIES_MAX_SEASONS];
	double		strength[AD_SERIES_MAX_SEASONS];
	int			count;

	(void) ad_aggregate_context(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = (PeriodsState *) PG_GETARG_POINTER(0);
	if (state->null)
		PG_RETURN_NULL();
	rows = &state->rows;
	local = ad_series_local(rows->time, rows->n, state->zone);
	if (!ad_grid_build(local, rows->time, rows->value, rows->n,
					   AD_DUPLICATES_MEAN, state->kind != AD_TIME_NUMBER,
					   &state->o.step, sizeof(uint32), &grid, &problem))
	{
		ad_series_fault(state->o.on_error, &problem);
		PG_RETURN_NULL();
	}
	count = grid.n == 0 ? 0 :
		ad_periods_find(grid.y, grid.n,
						state->kind == AD_TIME_NUMBER ? 0 : grid.step,
						grid.months, period, strength);
	return period_array(fcinfo, &grid, state->kind, period, strength, count);
}
