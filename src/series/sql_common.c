/*-------------------------------------------------------------------------
 *
 * sql_common.c
 *		What the SQL functions over series share: options and intervals
 *		from jsonb, arrays in and out, time zones, errors and notices.
 *
 *-------------------------------------------------------------------------
 */
#include "series/ad_series_sql.h"

#include "catalog/pg_type.h"
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

/* Raise what is wrong with a series. */
void
ad_series_raise(const AdSeriesProblem *problem)
{
	ereport(ERROR,
			(errcode(problem->code),
			 errmsg("%s", problem->message),
			 problem->detail ? errdetail("%s", problem->detail) : 0,
			 problem->hint ? errhint("%s", problem->hint) : 0));
}

/* Error if n points of so many bytes need more memory than one series may. */
void
ad_series_need(Size n, Size bytes)
{
	AdSeriesProblem problem = {0};

	if (!ad_series_affordable(ad_mul_size(n, bytes), n, &problem))
		ad_series_raise(&problem);
}

/*
 * Read the interval of a span, if it is one.  Intervals that mean something
 * else under another IntervalStyle all have a minus sign, and no period has
 * one, so refusing it keeps the callers immutable.
 */
void
ad_series_span(AdSpan *span, const char *key)
{
	Interval   *interval;

	if (span->text == NULL)
		return;
	if (strchr(span->text, '-') != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"%s\" cannot be \"%s\"", key, span->text),
				 errdetail("Expected a positive interval or a number of points.")));
	interval = DatumGetIntervalP(DirectFunctionCall3(interval_in,
													 CStringGetDatum(span->text),
													 ObjectIdGetDatum(InvalidOid),
													 Int32GetDatum(-1)));
	span->months = interval->month;
	span->usec = interval->day * USECS_PER_DAY + interval->time;
	if (span->months == 0 && span->usec == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"%s\" cannot be \"%s\"", key, span->text),
				 errdetail("Expected a positive interval or a number of points.")));
}

/* Options of ad_stl from jsonb, with intervals read. */
void
ad_series_parse(Jsonb *options, AdStlOptions *o)
{
	ad_stl_options_parse(&options->root, o);
	for (int i = 0; i < o->nperiods; i++)
		ad_series_span(&o->periods[i], "period");
	ad_series_span(&o->step, "step");
	if (o->timezone)
		(void) ad_series_zone(o->timezone);
}

/* A time zone by name; error if there is none. */
void *
ad_series_zone(const char *name)
{
	pg_tz	   *zone = pg_tzset(name);

	if (zone == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone \"%s\" not recognized", ad_quote_clip(name))));
	return zone;
}

/*
 * Instants as the local wall clock shows them, in microseconds.  The offset
 * is looked up once between two changes of the clock.
 */
static void
local_array(const int64 *t, Size n, void *zone, int64 *local)
{
	int64		from = 1;		/* the offset holds in [from, until) */
	int64		until = 0;
	int64		offset = 0;

	for (Size i = 0; i < n; i++)
	{
		int64		seconds;

		AD_CHECK_EVERY_1024(i);
		local[i] = t[i];
		if (t[i] == AD_NO_TIME)
			continue;
		/* Unix seconds, rounded down */
		seconds = t[i] / USECS_PER_SEC - (t[i] % USECS_PER_SEC < 0 ? 1 : 0) +
			(int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY;
		if (seconds < from || seconds >= until)
		{
			pg_time_t	now = (pg_time_t) seconds;
			pg_time_t	boundary;
			long		before,
						after;
			int			before_dst,
						after_dst;
			int			found = pg_next_dst_boundary(&now, &before,
													 &before_dst, &boundary,
													 &after, &after_dst,
													 (pg_tz *) zone);

			if (found < 0)
				continue;
			offset = (int64) before * USECS_PER_SEC;
			from = seconds;
			until = found == 0 ? PG_INT64_MAX : (int64) boundary;
		}
		local[i] = t[i] + offset;
	}
}

/*
 * The periods that the options ask of a grid, ascending and without
 * repeats.  False with the problem if one cannot be had.
 */
static bool
periods_of(const AdStlOptions *o, const AdGrid *grid, AdTimeKind kind,
		   Size *periods, int *nperiods, AdSeriesProblem *problem)
{
	*nperiods = 0;
	if (grid->n < 2)
	{
		/* one time has no step, so no period either: too short for any */
		if (o->nperiods > 0)
			periods[(*nperiods)++] = 2;
		return true;
	}
	if (o->automatic)
	{
		*nperiods = ad_periods_auto(grid->y, grid->n,
									kind == AD_TIME_NUMBER ? 0 : grid->step,
									grid->months, periods);
		return true;
	}
	for (int i = 0; i < o->nperiods; i++)
	{
		if (o->periods[i].points == 0 && kind == AD_TIME_NUMBER)
		{
			problem->code = ERRCODE_INVALID_PARAMETER_VALUE;
			problem->message = psprintf("period \"%s\" needs times, not numbers",
										o->periods[i].text);
			problem->hint = "Give the period in points.";
			return false;
		}
		if (!ad_grid_span(&o->periods[i], grid->step, grid->months,
						  &periods[i], problem))
			return false;
	}
	*nperiods = ad_periods_sort(periods, o->nperiods);
	return true;
}

/*
 * The periods of a packed series, ascending and without repeats.  False
 * with the problem if one cannot be had.
 */
bool
ad_series_array_periods(const AdStlOptions *o, const double *y, Size n,
						Size *periods, int *nperiods,
						AdSeriesProblem *problem)
{
	int64		step = 0;
	int			months = 0;

	*nperiods = 0;
	if (o->step.text)
	{
		if (o->step.usec == 0)
			months = (int) o->step.months;
		else
			step = o->step.usec + o->step.months * INT64CONST(2629746000000);
	}
	if (o->automatic)
	{
		*nperiods = ad_periods_auto(y, n, step, months, periods);
		return true;
	}
	for (int i = 0; i < o->nperiods; i++)
	{
		if (o->periods[i].points == 0 && step == 0 && months == 0)
		{
			problem->code = ERRCODE_INVALID_PARAMETER_VALUE;
			problem->message = psprintf("period \"%s\" needs the step of the series",
										o->periods[i].text);
			problem->hint = "Give the period in points, or the option \"step\".";
			return false;
		}
		if (!ad_grid_span(&o->periods[i], step, months, &periods[i], problem))
			return false;
	}
	*nperiods = ad_periods_sort(periods, o->nperiods);
	return true;
}

/*
 * The elements of a one-dimensional float8[], NULLs as NaN: in place if
 * there are none, else a copy.  *nmissing counts NULL and NaN.
 */
const double *
ad_series_values(ArrayType *array, Size *n, Size *nmissing)
{
	int			ndim = ARR_NDIM(array);
	const double *result;
	const char *p;
	bits8	   *nulls;
	Size		missing = 0;

	if (ndim > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("series must be a one-dimensional array, not one of %d dimensions",
						ndim)));
	*n = ndim == 0 ? 0 : (Size) ARR_DIMS(array)[0];
	p = ARR_DATA_PTR(array);
	nulls = ARR_NULLBITMAP(array);
	if (nulls == NULL)
		result = (const double *) p;
	else
	{
		double	   *copy = ad_palloc_array(double, *n);

		for (Size i = 0; i < *n; i++)
		{
			if (nulls[i / 8] & (1 << (i % 8)))
			{
				memcpy(&copy[i], p, sizeof(double));
				p += sizeof(double);
			}
			else
				copy[i] = NAN;
		}
		result = copy;
	}
	for (Size i = 0; i < *n; i++)
		missing += (result[i] != result[i]);
	*nmissing = missing;
	return result;
}

/* Is there any value to decompose? */
bool
ad_series_any_finite(const double *y, Size n)
{
	for (Size i = 0; i < n; i++)
		if (isfinite(y[i]))
			return true;
	return false;
}

/* Bytes of an array of "items" elements of which "present" are not NULL. */
Size
ad_series_array_bytes(Size items, Size present, Size width, int ndim)
{
	Size		header = present < items ?
		(Size) ARR_OVERHEAD_WITHNULLS(ndim, items) :
		(Size) ARR_OVERHEAD_NONULLS(ndim);

	return MAXALIGN(header + present * width);
}

/*
 * Write an array's header; the caller fills data and, if some elements are
 * absent, the bitmap (zeroed here).  Of two dimensions, the first is rows.
 */
void
ad_series_array_header(ArrayType *a, Oid type, Size items, Size present,
					   Size width, int ndim, int rows)
{
	bool		nulls = present < items;
	Size		header = nulls ? (Size) ARR_OVERHEAD_WITHNULLS(ndim, items) :
		(Size) ARR_OVERHEAD_NONULLS(ndim);

	memset(a, 0, header);
	SET_VARSIZE(a, header + present * width);
	a->ndim = ndim;
	a->dataoffset = nulls ? (int32) header : 0;
	a->elemtype = type;
	if (ndim == 2)
	{
		ARR_DIMS(a)[0] = rows;
		ARR_DIMS(a)[1] = (int) (items / (Size) rows);
		ARR_LBOUND(a)[0] = ARR_LBOUND(a)[1] = 1;
	}
	else
	{
		ARR_DIMS(a)[0] = (int) items;
		ARR_LBOUND(a)[0] = 1;
	}
}

/*
 * Say once per query that a series is too short for its period.
 * flinfo->fn_extra must start with a bool that is kept for this.
 */
void
ad_series_short_notice(FmgrInfo *flinfo, Size n, Size period)
{
	bool	   *said = (bool *) flinfo->fn_extra;

	if (said == NULL || *said)
		return;
	*said = true;
	ereport(NOTICE,
			(errmsg("series has fewer than two periods: trend only"),
			 errdetail("The series has %zu points, the period %zu. Further short series of this query are not announced.",
					   n, period)));
}

/*
 * Decompose n rows: grid, periods, fit, verdicts.  Times are true instants,
 * AD_NO_TIME for none; infinite ones become that.  The outcome is palloc'd
 * here.  False with the problem if the data are at fault.
 */
bool
ad_series_run(FmgrInfo *flinfo, const AdStlOptions *o, AdTimeKind kind,
			  void *zone, const double *value, int64 *time, Size n,
			  AdStlRoom *room, AdSeriesRun *run, AdSeriesProblem *problem)
{
	int64	   *local = time;
	Size		periods[AD_SERIES_MAX_SEASONS];
	int			nperiods = 0;
	bool		good;
	Size		m;

	memset(run, 0, sizeof(AdSeriesRun));
	if (kind != AD_TIME_NUMBER)
		for (Size i = 0; i < n; i++)
			if (TIMESTAMP_NOT_FINITE(time[i]))
				time[i] = AD_NO_TIME;
	if (zone)
	{
		local = ad_palloc_array(int64, n);
		local_array(time, n, zone, local);
	}
	good = ad_grid_build(local, time, value, n, o->duplicates,
						 kind != AD_TIME_NUMBER, 12 * sizeof(double),
						 &run->grid, problem);
	if (local != time)
		pfree(local);
	m = run->grid.n;
	if (!good || m == 0)
		return good;
	if (!periods_of(o, &run->grid, kind, periods, &nperiods, problem))
		return false;

	if (!ad_series_affordable(ad_stl_bytes(m, periods, nperiods) +
							  3 * m * sizeof(double) +
							  n * (2 * sizeof(double) + sizeof(uint32)),
							  m, problem))
		return false;
	ad_stl_decompose(run->grid.y, m, o, periods, nperiods, room, &run->result);
	if (run->result.ndropped > 0 && run->result.nseasons == 0)
		ad_series_short_notice(flinfo, m, run->result.dropped);
	run->remainder = ad_palloc_array(double, m);
	run->window = ad_palloc_array(double, m);
	ad_stl_remainder(&run->result, run->grid.y, run->remainder);
	ad_stl_judge(&run->result, o, run->remainder, room);
	ad_stl_window_score(&run->result, o, run->remainder, run->window);
	ad_stl_room_leave(room);
	return true;
}
