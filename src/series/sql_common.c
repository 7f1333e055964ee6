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
pg_tz *
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
 * Say once per query that a series was too short for its period.
 * flinfo->fn_extra must start with a bool that is kept for this.
 */
void
ad_series_short_notice(FmgrInfo *flinfo, const AdStlResult *result)
{
	bool	   *said = (bool *) flinfo->fn_extra;

	if (result->ndropped == 0 || result->nseasons > 0 || said == NULL || *said)
		return;
	*said = true;
	ereport(NOTICE,
			(errmsg("series has fewer than two periods: trend only"),
			 errdetail("The series has %zu points, the period %zu. Further short series of this query are not announced.",
					   result->n, result->dropped)));
}
