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
#include "series/ad_series_window.h"
#include "series/ad_stream.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#define POINT_BYTES		72		/* of a batch: arrays in and out, their
								 * Datums, the row of the result */

/* The columns of ad_stream_point. */
enum
{
	STREAM_EXPECTED,
	STREAM_EXPECTED_LOW,
	STREAM_EXPECTED_HIGH,
	STREAM_SCORE,
	STREAM_ANOMALY,
	STREAM_COLUMNS
};

/* The same without NULLs, as they lie in a tuple. */
typedef struct StreamRow
{
	double		expected;
	double		expected_low;
	double		expected_high;
	double		score;
	int16		anomaly;
} StreamRow;

#define ROW_BYTES	(offsetof(StreamRow, anomaly) + sizeof(int16))

/* The columns of ad_stream_update(). */
enum
{
	UPDATE_STATE,
	UPDATE_SCORES,
	UPDATE_ANOMALIES,
	UPDATE_COLUMNS
};

/* What a partition keeps. */
typedef struct StreamPartition
{
	AdSeriesPartition head;
	AdStream	stream;
} StreamPartition;

/* A batch of points of a stream, and what the stream says about them. */
typedef struct Batch
{
	int			n;
	Datum	   *times;
	bool	   *null_times;
	Datum	   *values;
	bool	   *null_values;
	Datum	   *scores;
	Datum	   *anomalies;
	bool	   *null_verdicts;	/* of scores and anomalies */
} Batch;

/* Read options of a stream from jsonb, with their intervals. */
static void
read_options(FmgrInfo *flinfo, Jsonb *given, void *options)
{
	AdStreamOptions *o = (AdStreamOptions *) options;

	(void) flinfo;
	ad_stream_options_parse(&given->root, o);
	ad_series_span(&o->period, "period");
	ad_series_span(&o->step, "step");
}

/* Begin the stream of a partition. */
static void
prepare(AdSeriesWindow *window, void *partition)
{
	StreamPartition *part = (StreamPartition *) partition;

	ad_stream_init(&part->stream, ad_series_window_options(window, 2));
}

static const AdSeriesFrame frame = {
	sizeof(StreamPartition), true, prepare,
	{"ad_stream", sizeof(AdStreamOptions), read_options}
};

/* Return a row without NULLs, in one piece, as ad_stl() makes it. */
static Datum
whole_row(const AdSeriesCall *call, const AdStreamPoint *point)
{
	Size		hoff = MAXALIGN(SizeofHeapTupleHeader);
	Size		length = hoff + ROW_BYTES;
	char	   *tuple = palloc(MAXALIGN(length));
	HeapTupleHeader td = (HeapTupleHeader) tuple;
	StreamRow  *row = (StreamRow *) (tuple + hoff);

	memcpy(td, call->null_row, SizeofHeapTupleHeader);
	HeapTupleHeaderSetDatumLength(td, length);
	td->t_infomask &= ~HEAP_HASNULL;
	td->t_hoff = (uint8) hoff;
	row->expected = point->expected;
	row->expected_low = point->low;
	row->expected_high = point->high;
	row->score = point->score;
	row->anomaly = (int16) point->anomaly;
	return HeapTupleHeaderGetDatum(td);
}

/* Return a row without a verdict: what was expected. */
static Datum
partial_row(const AdSeriesCall *call, const AdStreamPoint *point)
{
	Datum		values[STREAM_COLUMNS] = {0};
	bool		nulls[STREAM_COLUMNS] = {false};

	values[STREAM_EXPECTED] = Float8GetDatum(point->expected);
	values[STREAM_EXPECTED_LOW] = Float8GetDatum(point->low);
	values[STREAM_EXPECTED_HIGH] = Float8GetDatum(point->high);
	nulls[STREAM_SCORE] = nulls[STREAM_ANOMALY] = true;
	return HeapTupleGetDatum(heap_form_tuple(call->desc, values, nulls));
}

PG_FUNCTION_INFO_V1(ad_stream);

/*
 * Return what the stream says about the current row, from the rows before it.
 */
Datum
ad_stream(PG_FUNCTION_ARGS)
{
	WindowObject winobj = PG_WINDOW_OBJECT();
	StreamPartition *part = ad_series_window(fcinfo, &frame);
	const AdSeriesCall *call = fcinfo->flinfo->fn_extra;
	AdStreamPoint point;
	bool		null_value;
	bool		null_time;
	Datum		value;
	Datum		time;

	WinSetMarkPosition(winobj, WinGetCurrentPosition(winobj));
	value = WinGetFuncArgCurrent(winobj, 0, &null_value);
	time = WinGetFuncArgCurrent(winobj, 1, &null_time);
	if (null_time || TIMESTAMP_NOT_FINITE(DatumGetInt64(time)))
		PG_RETURN_NULL();
	ad_stream_point(&part->stream, GetMemoryChunkContext(part),
					DatumGetInt64(time), !null_value,
					null_value ? 0 : DatumGetFloat8(value), &point);
	if (point.late)
		PG_RETURN_NULL();
	if (point.judged && !null_value && !isnan(DatumGetFloat8(value)))
		return whole_row(call, &point);
	return partial_row(call, &point);
}

/* Return the bytes of a stored stream, argument 0, aligned. */
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

/* Begin a stream, or go on with the stored one; only a new one has options. */
static void
resume(FunctionCallInfo fcinfo, AdStream *stream)
{
	Size		len;
	uint8	   *aligned;

	if (PG_ARGISNULL(0))
	{
		AdStreamOptions o;

		read_options(fcinfo->flinfo,
					 ad_jsonb_argument(PG_GETARG_DATUM(3), "options"), &o);
		ad_stream_init(stream, &o);
		return;
	}
	aligned = state_argument(fcinfo, &len);
	if (JsonContainerSize(&ad_jsonb_argument(PG_GETARG_DATUM(3), "options")->root) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("options can only be given with the first batch"),
				 errdetail("Later ones are in the state.")));
	ad_stream_read(stream, aligned, len);
}

/* Read times and values of a batch, arguments 1 and 2. */
static void
read_batch(FunctionCallInfo fcinfo, Batch *batch)
{
	ArrayType  *times = PG_GETARG_ARRAYTYPE_P(1);
	ArrayType  *values = PG_GETARG_ARRAYTYPE_P(2);
	int			nvalues;

	if (ARR_NDIM(times) > 1 || ARR_NDIM(values) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("times and values must be one-dimensional arrays")));
	ad_series_need(Max(ArrayGetNItems(ARR_NDIM(times), ARR_DIMS(times)),
					   ArrayGetNItems(ARR_NDIM(values), ARR_DIMS(values))),
				   POINT_BYTES);
	deconstruct_array(times, TIMESTAMPTZOID, 8, FLOAT8PASSBYVAL, 'd',
					  &batch->times, &batch->null_times, &batch->n);
	deconstruct_array(values, FLOAT8OID, 8, FLOAT8PASSBYVAL, 'd',
					  &batch->values, &batch->null_values, &nvalues);
	if (batch->n != nvalues)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("there are %d times but %d values", batch->n,
						nvalues)));
}

/* Run the batch through the stream; what is not judged has no verdict. */
static void
run_batch(AdStream *stream, Batch *batch)
{
	batch->scores = ad_palloc_array(Datum, batch->n);
	batch->anomalies = ad_palloc_array(Datum, batch->n);
	batch->null_verdicts = ad_palloc_array(bool, batch->n);
	for (int i = 0; i < batch->n; i++)
	{
		bool		null_value = batch->null_values[i];
		AdStreamPoint point;

		AD_CHECK_EVERY_1024(i);
		batch->scores[i] = batch->anomalies[i] = (Datum) 0;
		batch->null_verdicts[i] = true;
		if (batch->null_times[i] ||
			TIMESTAMP_NOT_FINITE(DatumGetInt64(batch->times[i])))
			continue;
		ad_stream_point(stream, CurrentMemoryContext,
						DatumGetInt64(batch->times[i]), !null_value,
						null_value ? 0 : DatumGetFloat8(batch->values[i]),
						&point);
		if (!point.judged || null_value)
			continue;
		batch->null_verdicts[i] = false;
		batch->scores[i] = Float8GetDatum(point.score);
		batch->anomalies[i] = Int16GetDatum((int16) point.anomaly);
	}
}

/* Return the verdicts of a batch as an array of a type of so many bytes. */
static Datum
verdict_array(const Batch *batch, Datum *items, Oid type, int width,
			  bool byval, char align)
{
	int			dims[1];
	int			lower[1] = {1};

	if (batch->n == 0)
		return PointerGetDatum(construct_empty_array(type));
	dims[0] = batch->n;
	return PointerGetDatum(construct_md_array(items, batch->null_verdicts, 1,
											  dims, lower, type, width,
											  byval, align));
}

PG_FUNCTION_INFO_V1(ad_stream_update);

/* Run a batch through a stored stream. */
Datum
ad_stream_update(PG_FUNCTION_ARGS)
{
	AdStream	stream;
	Batch		batch;
	TupleDesc	desc;
	Datum		values[UPDATE_COLUMNS];
	bool		nulls[UPDATE_COLUMNS] = {false};

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_ARGISNULL(3))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("times, values and options of a stream cannot be NULL")));
	resume(fcinfo, &stream);
	read_batch(fcinfo, &batch);
	run_batch(&stream, &batch);

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[UPDATE_STATE] = PointerGetDatum(ad_stream_write(&stream));
	values[UPDATE_SCORES] = verdict_array(&batch, batch.scores, FLOAT8OID, 8,
										  FLOAT8PASSBYVAL, 'd');
	values[UPDATE_ANOMALIES] = verdict_array(&batch, batch.anomalies, INT2OID,
											 2, true, 's');
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc),
													  values, nulls)));
}

PG_FUNCTION_INFO_V1(ad_stream_info);

/* Return the counters of a stored stream as jsonb text members. */
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
