/*-------------------------------------------------------------------------
 *
 * sql_stl_array.c
 *		ad_stl_array(): decomposition of a packed series, the fast lane.
 *
 * The result is a composite of nine arrays, some 70 bytes a point.  Forming
 * arrays and then copying them into a tuple would cost as much as the
 * decomposition itself, so the tuple is laid out first and the arrays are
 * written in their final place: trend, season and weight are the very
 * memory that the method works on.  The method wants AD_LOESS_PAD zeros
 * behind those three; what lies behind is the head of a later array, so
 * that is filled in afterwards.
 *
 *-------------------------------------------------------------------------
 */
#include "series/ad_series_run.h"
#include "series/ad_series_sql.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"

/* The arrays, in the order of the composite type ad_stl_arrays. */
enum
{
	OUT_TREND,
	OUT_SEASONAL,
	OUT_SEASONALS,
	OUT_REMAINDER,
	OUT_WEIGHT,
	OUT_LOW,
	OUT_HIGH,
	OUT_SCORE,
	OUT_WINDOW_SCORE,
	OUT_ANOMALY,
	OUT_COUNT
};

/* What a call site keeps. */
typedef struct ArrayCall
{
	bool		said;			/* the notice; see ad_series_short_notice */
	HeapTupleHeader header;		/* of a result that is NULL throughout */
	Size		optlen;			/* options parsed last */
	Jsonb	   *options;
	AdStlOptions o;
	MemoryContext mcxt;			/* of the options */
} ArrayCall;

/* The call site's state, with the options parsed (again only if changed). */
static ArrayCall *
call_state(FunctionCallInfo fcinfo, Jsonb *options)
{
	ArrayCall  *call = (ArrayCall *) fcinfo->flinfo->fn_extra;
	MemoryContext old;

	if (call == NULL)
	{
		TupleDesc	desc;
		Datum		values[OUT_COUNT] = {0};
		bool		nulls[OUT_COUNT];

		old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
		call = palloc0(sizeof(ArrayCall));
		if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "return type must be a row type");
		/* the server knows what belongs into the head of a row, not we */
		memset(nulls, true, sizeof(nulls));
		call->header = heap_form_tuple(BlessTupleDesc(desc), values, nulls)->t_data;
		call->mcxt = AllocSetContextCreate(CurrentMemoryContext,
										   "anomaly series options",
										   ALLOCSET_SMALL_SIZES);
		MemoryContextSwitchTo(old);
		fcinfo->flinfo->fn_extra = call;
	}
	if (call->options == NULL || call->optlen != VARSIZE(options) ||
		memcmp(call->options, options, call->optlen) != 0)
	{
		call->options = NULL;
		MemoryContextReset(call->mcxt);
		old = MemoryContextSwitchTo(call->mcxt);
		ad_series_parse(options, &call->o);
		call->optlen = VARSIZE(options);
		call->options = (Jsonb *) palloc(call->optlen);
		memcpy(call->options, options, call->optlen);
		MemoryContextSwitchTo(old);
	}
	return call;
}

PG_FUNCTION_INFO_V1(ad_stl_array);

/* Decompose a packed series; NULL elements are missing points. */
Datum
ad_stl_array(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	Jsonb	   *options = ad_jsonb_argument(PG_GETARG_DATUM(1), "options");
	ArrayCall  *call = call_state(fcinfo, options);
	const AdStlOptions *o = &call->o;
	AdSeriesProblem problem;
	AdStlResult result;
	Size		periods[AD_SERIES_MAX_SEASONS];
	int			nperiods;
	Size		n,
				nmissing,
				present;
	const double *y;
	double	   *remainder;
	int			rows;
	Size		offset[OUT_COUNT + 1];
	Size		hoff;
	char	   *tuple;
	double	   *out[OUT_COUNT];
	bits8	   *bitmap[OUT_COUNT];
	int16	   *anomaly;
	HeapTupleHeader td;
	bool		nulls;
	AdStlScratch *scratch;

	memset(&problem, 0, sizeof(problem));
	memset(&result, 0, sizeof(result));
	if (ARR_NDIM(array) == 1 &&
		(Size) ARR_DIMS(array)[0] > AD_SERIES_MAX_POINTS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("series has too many points: %d", ARR_DIMS(array)[0]),
				 errdetail("The limit is %zu.", AD_SERIES_MAX_POINTS)));
	y = ad_series_values(array, &n, &nmissing);
	if (n == 0)
		PG_RETURN_NULL();
	if (!ad_series_any_finite(y, n))
		nmissing = n;
	if (!ad_series_array_periods(o, y, n, periods, &nperiods, &problem))
	{
		if (o->on_error == AD_ON_ERROR_RAISE)
			ad_series_raise(&problem);
		PG_RETURN_NULL();
	}
	rows = 0;
	for (int i = 0; i < nperiods; i++)
		rows += (2 * periods[i] <= n);
	rows = Max(rows, 1);

	/* lay out the tuple; a series without any value has NULL arrays' items */
	present = n - nmissing;
	nulls = nmissing > 0;
	hoff = MAXALIGN(SizeofHeapTupleHeader);
	offset[0] = hoff;
	for (int i = 0; i < OUT_COUNT; i++)
	{
		bool		whole = (i < OUT_REMAINDER || i == OUT_WEIGHT ||
							 i == OUT_LOW || i == OUT_HIGH) && present > 0;
		Size		items = i == OUT_SEASONALS ? n * (Size) rows : n;
		Size		have = whole ? items : i == OUT_WEIGHT ? n :
			i == OUT_SEASONALS ? 0 : present;

		offset[i + 1] = offset[i] +
			ad_series_array_bytes(items, have,
								  i == OUT_ANOMALY ? sizeof(int16) : sizeof(double),
								  i == OUT_SEASONALS ? 2 : 1);
	}
	if (!ad_series_affordable(offset[OUT_COUNT] +
							  ad_stl_bytes(n, periods, nperiods), n, &problem))
	{
		if (o->on_error == AD_ON_ERROR_RAISE)
			ad_series_raise(&problem);
		PG_RETURN_NULL();
	}
	if (!AllocSizeIsValid(offset[OUT_COUNT] + AD_LOESS_PAD * sizeof(double)))
	{
		problem.code = ERRCODE_PROGRAM_LIMIT_EXCEEDED;
		problem.message = psprintf("decomposition of %zu points does not fit into a value: %zu MB",
								   n, ad_megabytes(offset[OUT_COUNT]));
		problem.detail = "The limit is 1 GB.";
		if (o->on_error == AD_ON_ERROR_RAISE)
			ad_series_raise(&problem);
		PG_RETURN_NULL();
	}
	tuple = palloc(offset[OUT_COUNT] + AD_LOESS_PAD * sizeof(double));

	for (int i = 0; i < OUT_COUNT; i++)
	{
		bool		whole = (i < OUT_REMAINDER || i == OUT_WEIGHT ||
							 i == OUT_LOW || i == OUT_HIGH) && present > 0;
		Size		items = i == OUT_SEASONALS ? n * (Size) rows : n;
		Size		have = whole ? items : i == OUT_WEIGHT ? n :
			i == OUT_SEASONALS ? 0 : present;
		int			ndim = i == OUT_SEASONALS ? 2 : 1;

		if (have < items)
		{
			bitmap[i] = (bits8 *) (tuple + offset[i] + ARR_OVERHEAD_NONULLS(ndim));
			out[i] = (double *) (tuple + offset[i] +
								 ARR_OVERHEAD_WITHNULLS(ndim, items));
		}
		else
		{
			bitmap[i] = NULL;
			out[i] = (double *) (tuple + offset[i] + ARR_OVERHEAD_NONULLS(ndim));
		}
	}

	if (present > 0)
	{
		/* the method works in the tuple; zeros behind what it works on */
		result.trend = out[OUT_TREND];
		result.season = out[OUT_SEASONAL];
		result.weight = out[OUT_WEIGHT];
		memset(result.trend + n, 0, AD_LOESS_PAD * sizeof(double));
		memset(result.season + n, 0, AD_LOESS_PAD * sizeof(double));
		memset(result.weight + n, 0, AD_LOESS_PAD * sizeof(double));
		scratch = ad_stl_scratch_enter();
		ad_stl_decompose(y, n, o, periods, nperiods, scratch, &result);
		ad_series_short_notice(fcinfo->flinfo, &result);
		remainder = nulls ? ad_palloc_array(double, n) : out[OUT_REMAINDER];
		ad_stl_remainder(&result, y, remainder);
		ad_stl_judge(&result, o, remainder, scratch);
		ad_stl_scratch_leave(scratch);
		for (int s = 0; s < rows; s++)
			memcpy(out[OUT_SEASONALS] + (Size) s * n,
				   result.nseasons > 1 ? result.seasons[s] : result.season,
				   n * sizeof(double));
		{
			double	   *trend = result.trend;
			double	   *season = result.season;
			double	   *low = out[OUT_LOW];
			double	   *high = out[OUT_HIGH];

			for (Size i = 0; i < n; i++)
			{
				double		fit = trend[i] + season[i];

				low[i] = fit + result.low;
				high[i] = fit + result.high;
			}
		}
		CHECK_FOR_INTERRUPTS();
		if (nulls)
		{
			double	   *window = ad_palloc_array(double, n);
			Size		m = 0;

			ad_stl_window_score(&result, o, remainder, window);
			anomaly = (int16 *) out[OUT_ANOMALY];
			memset(bitmap[OUT_REMAINDER], 0, (n + 7) / 8);
			for (Size i = 0; i < n; i++)
			{
				if (isnan(remainder[i]))
					continue;
				bitmap[OUT_REMAINDER][i / 8] |= (1 << (i % 8));
				out[OUT_REMAINDER][m] = remainder[i];
				out[OUT_SCORE][m] = ad_stl_score(&result, remainder[i]);
				out[OUT_WINDOW_SCORE][m] = window[i];
				anomaly[m] = (int16) ad_stl_side(&result, remainder[i]);
				m++;
			}
		}
		else
		{
			double	   *score = out[OUT_SCORE];

			anomaly = (int16 *) out[OUT_ANOMALY];
			ad_stl_window_score(&result, o, remainder,
								out[OUT_WINDOW_SCORE]);
			for (Size i = 0; i < n; i++)
			{
				score[i] = ad_stl_score(&result, remainder[i]);
				anomaly[i] = (int16) ad_stl_side(&result, remainder[i]);
			}
		}
	}
	else
		memset(out[OUT_WEIGHT], 0, n * sizeof(double));

	/* headers last: they lie where the zeros were */
	for (int i = 0; i < OUT_COUNT; i++)
	{
		Size		items = i == OUT_SEASONALS ? n * (Size) rows : n;
		int			ndim = i == OUT_SEASONALS ? 2 : 1;
		bool		is_anomaly = i == OUT_ANOMALY;
		Size		have = bitmap[i] == NULL ? items :
			i == OUT_SEASONALS ? 0 : present;
		bits8	   *saved = NULL;

		if (bitmap[i] && present > 0)
		{
			/* one bitmap serves all arrays with the same gaps */
			saved = palloc((n + 7) / 8);
			memcpy(saved, bitmap[OUT_REMAINDER], (n + 7) / 8);
		}
		ad_series_array_header((ArrayType *) (tuple + offset[i]),
							   is_anomaly ? INT2OID : FLOAT8OID, items, have,
							   is_anomaly ? sizeof(int16) : sizeof(double),
							   ndim, rows);
		if (saved)
		{
			memcpy(bitmap[i], saved, (n + 7) / 8);
			pfree(saved);
		}
	}

	td = (HeapTupleHeader) tuple;
	memset(td, 0, hoff);
	memcpy(td, call->header, SizeofHeapTupleHeader);
	HeapTupleHeaderSetDatumLength(td, offset[OUT_COUNT]);
	td->t_infomask = (td->t_infomask & ~HEAP_HASNULL) | HEAP_HASVARWIDTH;
	td->t_hoff = (uint8) hoff;
	PG_RETURN_DATUM(HeapTupleHeaderGetDatum(td));
}
