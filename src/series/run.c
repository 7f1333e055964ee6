/*-------------------------------------------------------------------------
 *
 * run.c
 *		A series from rows to verdicts: local times, grid, periods, fit.
 *
 *-------------------------------------------------------------------------
 */
#include "series/ad_periods.h"
#include "series/ad_series_run.h"

#include "datatype/timestamp.h"
#include "utils/timestamp.h"

/*
 * Return instants as the wall clock of a time zone shows them, in
 * microseconds: palloc'd here; the instants themselves without a time zone.
 * The offset is looked up once between two changes of the clock.
 */
int64 *
ad_series_local(int64 *t, Size n, pg_tz *zone)
{
	int64	   *local;
	int64		from = 1;		/* the offset holds in [from, until) */
	int64		until = 0;
	int64		offset = 0;

	if (zone == NULL)
		return t;
	local = ad_palloc_array(int64, n);
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
													 zone);

			if (found < 0)
				continue;
			offset = (int64) before * USECS_PER_SEC;
			from = seconds;
			until = found == 0 ? PG_INT64_MAX : (int64) boundary;
		}
		local[i] = t[i] + offset;
	}
	return local;
}

/*
 * Find the periods that the options ask of a grid, ascending and without
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
		if (!ad_grid_span(&o->periods[i], grid->n, grid->step,
						  grid->months, &periods[i], problem))
			return false;
	}
	*nperiods = ad_periods_sort(periods, o->nperiods);
	return true;
}

/*
 * Find the periods of a packed series, ascending and without repeats.  False
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
			problem->hint = "Give the period in points, or the option \"step\" as an interval.";
			return false;
		}
		if (!ad_grid_span(&o->periods[i], n, step, months, &periods[i],
						  problem))
			return false;
	}
	*nperiods = ad_periods_sort(periods, o->nperiods);
	return true;
}

/* Tell whether there is any value to decompose. */
bool
ad_series_any_finite(const double *y, Size n)
{
	for (Size i = 0; i < n; i++)
		if (isfinite(y[i]))
			return true;
	return false;
}

/* Decompose the points of the grid: fit, verdicts, window scores. */
static void
decompose(const AdStlOptions *o, const Size *periods, int nperiods,
		  AdStlScratch *scratch, AdSeriesRun *run)
{
	const double *y = run->grid.y;
	Size		n = run->grid.n;

	ad_stl_decompose(y, n, o, periods, nperiods, scratch, &run->result);
	run->remainder = ad_palloc_array(double, n);
	run->window = ad_palloc_array(double, n);
	ad_stl_remainder(&run->result, y, run->remainder);
	ad_stl_judge(&run->result, o, y, run->remainder, scratch);
	ad_stl_window_score(&run->result, o, y, run->remainder, run->window);
	ad_stl_scratch_leave(scratch);
}

/*
 * Decompose n rows: grid, periods, fit, verdicts.  Times are true instants,
 * AD_NO_TIME for none; infinite ones become that.  The outcome is palloc'd
 * here.  False with the problem if the data are at fault.
 */
bool
ad_series_run(const AdStlOptions *o, AdTimeKind kind, pg_tz *zone,
			  const double *value, int64 *time, Size n,
			  AdStlScratch *scratch, AdSeriesRun *run, AdSeriesProblem *problem)
{
	int64	   *local;
	Size		periods[AD_SERIES_MAX_SEASONS];
	int			nperiods = 0;
	bool		good;
	Size		m;

	memset(run, 0, sizeof(AdSeriesRun));
	if (kind != AD_TIME_NUMBER)
		for (Size i = 0; i < n; i++)
			if (TIMESTAMP_NOT_FINITE(time[i]))
				time[i] = AD_NO_TIME;
	local = ad_series_local(time, n, zone);
	good = ad_grid_build(local, time, value, n, o->duplicates,
						 kind != AD_TIME_NUMBER, &o->step,
						 12 * sizeof(double), &run->grid, problem);
	if (local != time)
		pfree(local);
	m = run->grid.n;
	if (!good || m == 0)
		return good;
	if (!periods_of(o, &run->grid, kind, periods, &nperiods, problem))
		return false;

	if (!ad_series_affordable(ad_stl_bytes(m, periods, nperiods) +
							  3 * m * sizeof(double) + n * AD_GRID_ROW_BYTES,
							  m, problem))
		return false;
	decompose(o, periods, nperiods, scratch, run);
	return true;
}

/*
 * Decompose n points of a packed series (NaN: missing), which the outcome
 * points to: fit, verdicts.  False with the problem if the data are at fault.
 */
bool
ad_series_run_array(const AdStlOptions *o, const double *y, Size n,
					AdSeriesRun *run, AdSeriesProblem *problem)
{
	Size		periods[AD_SERIES_MAX_SEASONS];
	int			nperiods;

	memset(run, 0, sizeof(AdSeriesRun));
	run->grid.n = n;
	run->grid.y = unconstify(double *, y);
	if (!ad_series_array_periods(o, y, n, periods, &nperiods, problem) ||
		!ad_series_affordable(ad_stl_bytes(n, periods, nperiods) +
							  3 * n * sizeof(double), n, problem))
		return false;
	decompose(o, periods, nperiods, ad_stl_scratch_enter(), run);
	return true;
}
