/*-------------------------------------------------------------------------
 *
 * sql_common.c
 *		What the SQL functions over series share: options and intervals
 *		from jsonb, what a call site keeps, arrays and rows in, arrays out,
 *		time zones, errors and notices.
 *
 *-------------------------------------------------------------------------
 */
#include "series/ad_series_sql.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#define MONTH_USECS	2629746000000.0 /* mean, of a month */
#define MAX_SPAN	4e18		/* microseconds of a period or step */

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

/* Raise what is wrong with a series, unless its result is to be NULL. */
void
ad_series_fault(int on_error, const AdSeriesProblem *problem)
{
	if (on_error == AD_ON_ERROR_RAISE)
		ad_series_raise(problem);
}

/*
 * Return an interval, or NULL if the text is none.  To read one leaves
 * nothing behind but memory, so an error needs no subtransaction.
 */
static Interval *
read_interval(const char *text)
{
	MemoryContext mcxt = CurrentMemoryContext;
	Interval   *volatile result = NULL;

	PG_TRY();
	{
		result = DatumGetIntervalP(DirectFunctionCall3(interval_in,
													   CStringGetDatum(text),
													   ObjectIdGetDatum(InvalidOid),
													   Int32GetDatum(-1)));
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(mcxt);
		if (ERRCODE_TO_CATEGORY(geterrcode()) != ERRCODE_DATA_EXCEPTION)
			PG_RE_THROW();
		FlushErrorState();
	}
	PG_END_TRY();
	return result;
}

/*
 * Read the interval of a span, if it is one.  Intervals that mean something
 * else under another IntervalStyle all have a minus sign, and no period has
 * one, so refusing it keeps the callers immutable.
 */
void
ad_series_span(AdSpan *span, const char *key)
{
	Interval   *interval = NULL;

	if (span->text == NULL)
		return;
	if (strchr(span->text, '-') == NULL)
		interval = read_interval(span->text);
	if (interval != NULL)
	{
		double		usec = (double) interval->day * USECS_PER_DAY +
			(double) interval->time;

		if (interval->month >= 0 && usec >= 0 &&
			interval->month * MONTH_USECS + usec > 0 &&
			interval->month * MONTH_USECS + usec <= MAX_SPAN)
		{
			span->months = interval->month;
			span->usec = interval->day * USECS_PER_DAY + interval->time;
			return;
		}
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("option \"%s\" cannot be \"%s\"", key,
					ad_quote_clip(span->text)),
			 errdetail(AD_SPAN_EXPECTED)));
}

/* Read the intervals of the options of a decomposition. */
void
ad_series_spans(AdStlOptions *o)
{
	for (int i = 0; i < o->nperiods; i++)
		ad_series_span(&o->periods[i], "period");
	ad_series_span(&o->step, "step");
	if (o->timezone)
		(void) ad_series_zone(o->timezone);
}

/* Read the options of ad_stl from jsonb, with intervals read. */
void
ad_series_parse(Jsonb *options, AdStlOptions *o)
{
	ad_stl_options_parse(&options->root, o);
	ad_series_spans(o);
}

/* Return a time zone by name; error if there is none. */
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
 * Return the time zone that times follow, or NULL if none is named; error if
 * they are of a kind that has none.
 */
pg_tz *
ad_series_time_zone(const char *name, AdTimeKind kind)
{
	if (name == NULL)
		return NULL;
	if (kind != AD_TIME_TZ)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"%s\" needs times of type %s",
						"timezone", "timestamp with time zone")));
	return ad_series_zone(name);
}

/*
 * Set *y to the elements of a one-dimensional float8[], NULLs as NaN: in place
 * if there are none, else a copy.  *nmissing counts NULL and NaN.  False, with
 * the problem, if it has more dimensions or too many points.
 */
bool
ad_series_values(ArrayType *array, const double **y, Size *n, Size *nmissing,
				 AdSeriesProblem *problem)
{
	int			ndim = ARR_NDIM(array);
	const double *result;
	const char *p;
	bits8	   *nulls;
	Size		missing = 0;

	if (ndim > 1)
	{
		problem->code = ERRCODE_ARRAY_SUBSCRIPT_ERROR;
		problem->message = psprintf("series must be a one-dimensional array, not one of %d dimensions",
									ndim);
		return false;
	}
	*n = ndim == 0 ? 0 : (Size) ARR_DIMS(array)[0];
	if (*n > AD_SERIES_MAX_POINTS)
	{
		problem->code = ERRCODE_PROGRAM_LIMIT_EXCEEDED;
		problem->message = psprintf("series has too many points: %zu", *n);
		problem->detail = psprintf("The limit is %zu.", AD_SERIES_MAX_POINTS);
		return false;
	}
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
	*y = result;
	return true;
}

/*
 * Return the bytes of an array of "items" elements of which "present" are not
 * NULL.
 */
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

/* Read the options of a packed series. */
static void
read_options(FmgrInfo *flinfo, Jsonb *given, void *options)
{
	(void) flinfo;
	ad_series_parse(given, (AdStlOptions *) options);
}

const AdSeriesReader ad_stl_reader = {
	"ad_stl", sizeof(AdStlOptions), read_options
};

/* Say once per query, which keeps *said, that a series was too short. */
void
ad_series_short_notice(bool *said, const AdStlResult *result)
{
	if (result->ndropped == 0 || result->nseasons > 0 || *said)
		return;
	*said = true;
	ereport(NOTICE,
			(errmsg("series has fewer than two periods: trend only"),
			 errdetail("The series has %zu points, the period %zu. Further short series of this query are not reported.",
					   result->n, result->dropped)));
}

/*
 * Return what the call site keeps, made at its first call.  "row": the
 * function returns a row.
 */
AdSeriesCall *
ad_series_call(FunctionCallInfo fcinfo, bool row)
{
	FmgrInfo   *flinfo = fcinfo->flinfo;
	AdSeriesCall *call = (AdSeriesCall *) flinfo->fn_extra;
	MemoryContext old;

	if (call)
		return call;
	old = MemoryContextSwitchTo(flinfo->fn_mcxt);
	call = palloc0(sizeof(AdSeriesCall));
	if (row)
	{
		TupleDesc	desc;
		Datum	   *values;
		bool	   *nulls;

		if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "return type must be a row type");
		values = ad_palloc0_array(Datum, desc->natts);
		nulls = ad_palloc_array(bool, desc->natts);
		/* the server knows what belongs into the head of a row, not we */
		memset(nulls, true, (Size) desc->natts * sizeof(bool));
		call->desc = BlessTupleDesc(desc);
		call->null_row = heap_form_tuple(call->desc, values, nulls)->t_data;
		pfree(values);
		pfree(nulls);
	}
	call->mcxt = AllocSetContextCreate(CurrentMemoryContext,
									   "anomaly series options",
									   ALLOCSET_SMALL_SIZES);
	MemoryContextSwitchTo(old);
	flinfo->fn_extra = call;
	return call;
}

/* Return the given options as read, reading them only if they changed. */
void *
ad_series_call_options(FmgrInfo *flinfo, AdSeriesCall *call, Jsonb *given,
					   const AdSeriesReader *reader)
{
	MemoryContext old;

	if (call->given && VARSIZE(call->given) == VARSIZE(given) &&
		memcmp(call->given, given, VARSIZE(given)) == 0)
		return call->options;
	call->given = NULL;
	MemoryContextReset(call->mcxt);
	old = MemoryContextSwitchTo(call->mcxt);
	call->options = palloc0(reader->size);
	reader->read(flinfo, given, call->options);
	call->given = (Jsonb *) palloc(VARSIZE(given));
	memcpy(call->given, given, VARSIZE(given));
	MemoryContextSwitchTo(old);
	return call->options;
}

/* Begin a series without rows, which grows in the given context. */
void
ad_series_rows_init(AdSeriesRows *rows, MemoryContext mcxt, Size capacity)
{
	rows->n = 0;
	rows->capacity = capacity;
	rows->value = MemoryContextAlloc(mcxt, capacity * sizeof(double));
	rows->time = MemoryContextAlloc(mcxt, capacity * sizeof(int64));
}

/*
 * Make room for more rows; false, with the problem, if the series becomes too
 * long.
 */
bool
ad_series_rows_grow(AdSeriesRows *rows, AdSeriesProblem *problem)
{
	if (rows->n >= AD_SERIES_MAX_POINTS)
	{
		problem->code = ERRCODE_PROGRAM_LIMIT_EXCEEDED;
		problem->message = psprintf("series has too many rows: %zu",
									rows->n + 1);
		problem->detail = psprintf("The limit is %zu.", AD_SERIES_MAX_POINTS);
		return false;
	}
	if (!ad_series_affordable(ad_mul_size(rows->n, 4 * sizeof(double)),
							  rows->n, problem))
		return false;
	rows->capacity *= 2;
	rows->value = ad_repalloc_array(rows->value, double, rows->capacity);
	rows->time = ad_repalloc_array(rows->time, int64, rows->capacity);
	return true;
}
