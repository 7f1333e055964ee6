/*-------------------------------------------------------------------------
 *
 * sql_stream.c
 *		ad_stream() OVER (...) and ad_stream_update(): causal scores.
 *
 * The window function looks at the current row only and lets go of the rows
 * before it, so a partition of any length needs the memory of one stream.
 * The stored form takes a state, runs a batch through it and returns the
 * new state; both run the same code on the same state.
 *
 *-------------------------------------------------------------------------
 */
#include "series/ad_series_sql.h"
#include "series/ad_stream.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "windowapi.h"

#define STREAM_COLUMNS	5		/* of ad_stream_point */
#define POINT_BYTES		61		/* of a batch: arrays in and out, their Datums */

/* What a call site of the window function keeps. */
typedef struct StreamCall
{
	TupleDesc	desc;			/* ad_stream_point, blessed */
	HeapTupleHeader header;		/* of a row that is NULL throughout */
} StreamCall;

/* What a partition keeps. */
typedef struct StreamPartition
{
	bool		ready;
	AdStream	stream;
} StreamPartition;

/* Options of a stream from jsonb, with intervals read. */
static void
parse(Jsonb *options, AdStreamOptions *o)
{
	ad_stream_options_parse(&options->root, o);
	ad_series_span(&o->period, "period");
	ad_series_span(&o->step, "step");
}

PG_FUNCTION_INFO_V1(ad_stream);

/* What the stream says about the current row, from the rows before it. */
Datum
ad_stream(PG_FUNCTION_ARGS)
{
	WindowObject winobj = PG_WINDOW_OBJECT();
	StreamPartition *part;
	StreamCall *call = (StreamCall *) fcinfo->flinfo->fn_extra;
	AdStreamPoint p;
	bool		null_value,
				null_time;
	Datum		value,
				time;
	Datum		values[STREAM_COLUMNS] = {0};
	bool		nulls[STREAM_COLUMNS] = {false};

	part = WinGetPartitionLocalMemory(winobj, sizeof(StreamPartition));
	if (!part->ready)
	{
		bool		null;
		Datum		options = WinGetFuncArgCurrent(winobj, 2, &null);
		AdStreamOptions o;

		if (null)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("options of %s cannot be NULL", "ad_stream")));
		parse(ad_jsonb_argument(options, "options"), &o);
		ad_stream_init(&part->stream, &o);
		part->ready = true;
	}
	if (call == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);

		call = palloc0(sizeof(StreamCall));
		if (get_call_result_type(fcinfo, NULL, &call->desc) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "return type must be a row type");
		call->desc = BlessTupleDesc(call->desc);
		memset(nulls, true, sizeof(nulls));
		call->header = heap_form_tuple(call->desc, values, nulls)->t_data;
		memset(nulls, false, sizeof(nulls));
		MemoryContextSwitchTo(old);
		fcinfo->flinfo->fn_extra = call;
	}

	WinSetMarkPosition(winobj, WinGetCurrentPosition(winobj));
	value = WinGetFuncArgCurrent(winobj, 0, &null_value);
	time = WinGetFuncArgCurrent(winobj, 1, &null_time);
	if (null_time || TIMESTAMP_NOT_FINITE(DatumGetInt64(time)))
		PG_RETURN_NULL();
	ad_stream_point(&part->stream, GetMemoryChunkContext(part),
					DatumGetInt64(time), !null_value,
					null_value ? 0 : DatumGetFloat8(value), &p);
	if (p.late)
		PG_RETURN_NULL();
	if (p.judged && !null_value && !isnan(DatumGetFloat8(value)))
	{
		/* no NULLs: in one piece, as ad_stl() does */
		Size		hoff = MAXALIGN(SizeofHeapTupleHeader);
		Size		length = hoff + 4 * sizeof(double) + sizeof(int16);
		char	   *tuple = palloc(MAXALIGN(length));
		HeapTupleHeader td = (HeapTupleHeader) tuple;
		double	   *d = (double *) (tuple + hoff);

		memcpy(td, call->header, SizeofHeapTupleHeader);
		HeapTupleHeaderSetDatumLength(td, length);
		td->t_infomask &= ~HEAP_HASNULL;
		td->t_hoff = (uint8) hoff;
		d[0] = p.expected;
		d[1] = p.low;
		d[2] = p.high;
		d[3] = p.score;
		*(int16 *) (d + 4) = (int16) p.anomaly;
		return HeapTupleHeaderGetDatum(td);
	}
	values[0] = Float8GetDatum(p.expected);
	values[1] = Float8GetDatum(p.low);
	values[2] = Float8GetDatum(p.high);
	values[3] = Float8GetDatum(p.score);
	values[4] = Int16GetDatum((int16) p.anomaly);
	nulls[3] = nulls[4] = !p.judged || null_value ||
		isnan(DatumGetFloat8(value));
	return HeapTupleGetDatum(heap_form_tuple(call->desc, values, nulls));
}

/* The bytes of a stored stream, argument 0, aligned. */
static uint8 *
state_argument(FunctionCallInfo fcinfo, Size *len)
{
	bytea	   *state;
	uint8	   *aligned;

	ad_check_length(PG_GETARG_DATUM(0), "state of a stream",
					AD_STREAM_MAX_BYTES);
	state = PG_GETARG_BYTEA_PP(0);
	*len = VARSIZE_ANY_EXHDR(state);
	aligned = palloc(*len + 1);
	memcpy(aligned, VARDATA_ANY(state), *len);
	return aligned;
}

PG_FUNCTION_INFO_V1(ad_stream_update);

/* Run a batch through a stored stream. */
Datum
ad_stream_update(PG_FUNCTION_ARGS)
{
	AdStream	s;
	ArrayType  *times;
	ArrayType  *points;
	Datum	   *t,
			   *v;
	bool	   *tnull,
			   *vnull;
	int			nt,
				nv;
	Datum	   *scores,
			   *anomalies;
	bool	   *nulls;
	TupleDesc	desc;
	Datum		values[3];
	bool		none[3] = {false, false, false};
	int			lb = 1;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_ARGISNULL(3))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("times, values and options of a stream cannot be NULL")));
	if (PG_ARGISNULL(0))
	{
		AdStreamOptions o;

		parse(ad_jsonb_argument(PG_GETARG_DATUM(3), "options"), &o);
		ad_stream_init(&s, &o);
	}
	else
	{
		Size		len;
		uint8	   *aligned = state_argument(fcinfo, &len);

		if (JsonContainerSize(&ad_jsonb_argument(PG_GETARG_DATUM(3), "options")->root) > 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("options can only be given with the first batch"),
					 errdetail("Later ones are in the state.")));
		ad_stream_read(&s, aligned, len);
	}

	times = PG_GETARG_ARRAYTYPE_P(1);
	points = PG_GETARG_ARRAYTYPE_P(2);
	if (ARR_NDIM(times) > 1 || ARR_NDIM(points) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("times and values must be one-dimensional arrays")));
	ad_series_need(Max(ArrayGetNItems(ARR_NDIM(times), ARR_DIMS(times)),
					   ArrayGetNItems(ARR_NDIM(points), ARR_DIMS(points))),
				   POINT_BYTES);
	deconstruct_array(times, TIMESTAMPTZOID, 8, FLOAT8PASSBYVAL, 'd', &t,
					  &tnull, &nt);
	deconstruct_array(points, FLOAT8OID, 8, FLOAT8PASSBYVAL, 'd', &v, &vnull,
					  &nv);
	if (nt != nv)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("there are %d times but %d values", nt, nv)));

	scores = ad_palloc_array(Datum, nt);
	anomalies = ad_palloc_array(Datum, nt);
	nulls = ad_palloc_array(bool, nt);
	for (int i = 0; i < nt; i++)
	{
		AdStreamPoint p;

		AD_CHECK_EVERY_1024(i);
		scores[i] = anomalies[i] = (Datum) 0;
		nulls[i] = true;
		if (tnull[i] || TIMESTAMP_NOT_FINITE(DatumGetInt64(t[i])))
			continue;
		ad_stream_point(&s, CurrentMemoryContext, DatumGetInt64(t[i]),
						!vnull[i], vnull[i] ? 0 : DatumGetFloat8(v[i]), &p);
		if (!p.judged || vnull[i])
			continue;
		nulls[i] = false;
		scores[i] = Float8GetDatum(p.score);
		anomalies[i] = Int16GetDatum((int16) p.anomaly);
	}

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = PointerGetDatum(ad_stream_write(&s));
	if (nt == 0)
	{
		values[1] = PointerGetDatum(construct_empty_array(FLOAT8OID));
		values[2] = PointerGetDatum(construct_empty_array(INT2OID));
	}
	else
	{
		values[1] = PointerGetDatum(construct_md_array(scores, nulls, 1, &nt,
													   &lb, FLOAT8OID, 8,
													   FLOAT8PASSBYVAL, 'd'));
		values[2] = PointerGetDatum(construct_md_array(anomalies, nulls, 1,
													   &nt, &lb, INT2OID, 2,
													   true, 's'));
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc),
													  values, none)));
}

PG_FUNCTION_INFO_V1(ad_stream_info);

/* Counters of a stored stream as jsonb text members. */
Datum
ad_stream_info(PG_FUNCTION_ARGS)
{
	Size		len;
	uint8	   *aligned = state_argument(fcinfo, &len);
	AdStream	s;
	char	   *text;

	ad_stream_read(&s, aligned, len);
	text = psprintf("{\"points\": " UINT64_FORMAT ", \"late\": " UINT64_FORMAT
					", \"missing\": " UINT64_FORMAT ", \"anomalies\": "
					UINT64_FORMAT ", \"slots\": %u, \"step_seconds\": %.6f}",
					s.n, s.late, s.missing, s.anomalies, s.slots,
					(double) s.step / 1e6);

	PG_RETURN_DATUM(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}
