/*-------------------------------------------------------------------------
 *
 * sql_stream.c
 *		ad_stream() OVER (...) and ad_stream_array(): causal scores.
 *
 * The window function looks at the current row only and lets go of the rows
 * before it, so a partition of any length needs the memory of one stream.
 * The stored form takes a state, runs a batch through it and returns the
 * new state; both run the same code on the same state.
 *
 * Times are timestamps or numbers that count; a stream knows which, since
 * they give its periods and steps another unit.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_fault.h"
#include "series/ad_grid.h"
#include "series/ad_series_window.h"
#include "series/ad_stream.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/lsyscache.h"
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

/* The columns of ad_stream_array(). */
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
	Oid			type;			/* of the times */
	bool		catches;		/* on_error: a fault of the data ends it */
	bool		null;			/* it has: rows are NULL */
	AdStream	stream;
} StreamPartition;

/* A point on its way into a stream. */
typedef struct Step
{
	AdStream   *stream;
	MemoryContext mcxt;			/* of the stream */
	int64		time;
	bool		null_value;
	double		value;
	AdStreamPoint point;		/* what the stream says */
} Step;

/* A batch of points of a stream, and what the stream says about them. */
typedef struct Batch
{
	AdStream   *stream;
	int			n;
	int64	   *times;			/* AD_NO_TIME: none */
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

const AdSeriesReader ad_stream_reader = {
	"ad_stream", sizeof(AdStreamOptions), read_options
};

/* Refuse a span in the unit that the times do not have. */
static void
check_unit(const char *key, const char *given, const char *expected)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("option \"%s\" cannot be \"%s\"", key,
					ad_quote_clip(given)),
			 errdetail("Expected %s.", expected)));
}

/* Tell whether times of a type count, instead of being microseconds. */
static bool
is_number(Oid type)
{
	return type == INT8OID || type == INT4OID || type == INT2OID;
}

/* Begin a stream, of times of a type. */
static void
begin(AdStream *stream, const AdStreamOptions *o, Oid type)
{
	bool		number = is_number(type);

	if (number && o->period.text)
		check_unit("period", o->period.text,
				   "a number of points, since the times are numbers");
	if (number && o->step.text)
		check_unit("step", o->step.text,
				   "a whole number, since the times are numbers");
	if (!number && o->step.points > 0)
		check_unit("step", psprintf("%zu", o->step.points), "an interval");
	ad_stream_init(stream, o);
	stream->number = number;
}

/* Begin the stream of a partition. */
static void
prepare(AdSeriesWindow *window, void *partition)
{
	StreamPartition *part = (StreamPartition *) partition;
	const AdStreamOptions *o = ad_series_window_options(window, 2);

	part->type = get_fn_expr_argtype(window->flinfo, 1);
	begin(&part->stream, o, part->type);
	part->catches = o->on_error == AD_ON_ERROR_NULL;
}

static const AdSeriesFrame frame = {
	sizeof(StreamPartition), true, prepare, &ad_stream_reader
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

/* Take a point in. */
static void
take_point(void *arg)
{
	Step	   *step = (Step *) arg;

	ad_stream_point(step->stream, step->mcxt, step->time, !step->null_value,
					step->value, &step->point);
}

/*
 * Return a time of a type as what a stream counts; AD_NO_TIME: none.  Text is
 * of an untyped constant, which with numbers among the times could be
 * anything, and was a timestamp before.
 */
static int64
time_value(Datum time, Oid type)
{
	switch (type)
	{
		case INT2OID:
			return DatumGetInt16(time);
		case INT4OID:
			return DatumGetInt32(time);
		case INT8OID:
			return DatumGetInt64(time);
		case DATEOID:
			time = DirectFunctionCall1(date_timestamp, time);
			break;
		case TEXTOID:
			time = DirectFunctionCall3(timestamptz_in,
									   CStringGetDatum(ad_text_argument(time, "time",
																		AD_MAX_WORD_LENGTH)),
									   ObjectIdGetDatum(InvalidOid),
									   Int32GetDatum(-1));
			break;
	}
	return TIMESTAMP_NOT_FINITE(DatumGetInt64(time)) ? AD_NO_TIME :
		DatumGetInt64(time);
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
	Step		step;
	Datum		value;
	Datum		time;
	bool		null_time;

	WinSetMarkPosition(winobj, WinGetCurrentPosition(winobj));
	value = WinGetFuncArgCurrent(winobj, 0, &step.null_value);
	time = WinGetFuncArgCurrent(winobj, 1, &null_time);
	step.time = null_time ? AD_NO_TIME : time_value(time, part->type);
	if (step.time == AD_NO_TIME || part->null)
		PG_RETURN_NULL();
	step.stream = &part->stream;
	step.mcxt = GetMemoryChunkContext(part);
	step.value = step.null_value ? 0 : DatumGetFloat8(value);
	if (!part->catches)
		take_point(&step);
	else if (ad_fault_catch(take_point, &step))
	{
		part->null = true;
		PG_RETURN_NULL();
	}
	if (step.point.late)
		PG_RETURN_NULL();
	if (step.point.judged && !step.null_value && !isnan(step.value))
		return whole_row(call, &step.point);
	return partial_row(call, &step.point);
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

/* Tell whether options have any key but that of the call. */
static bool
has_own_options(Jsonb *given)
{
	JsonbValue	key;

	key.type = jbvString;
	key.val.string.val = "on_error";
	key.val.string.len = (int) strlen("on_error");
	return JsonContainerSize(&given->root) >
		(findJsonbValueFromContainer(&given->root, JB_FOBJECT, &key) ? 1 : 0);
}

/*
 * Begin a stream, or go on with the stored one, whose options are its own:
 * only that of the call may be given.  Times are of the given type.
 */
static void
resume(FunctionCallInfo fcinfo, const AdStreamOptions *o, Jsonb *given,
	   Oid type, AdStream *stream)
{
	Size		len;
	uint8	   *aligned;

	if (PG_ARGISNULL(0))
	{
		begin(stream, o, type);
		return;
	}
	aligned = state_argument(fcinfo, &len);
	if (has_own_options(given))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("options can only be given with the first batch"),
				 errdetail("Later ones are in the state.")));
	ad_stream_read(stream, aligned, len);
	if (stream->number != is_number(type))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("times of the stream cannot be of type %s",
						format_type_be(type)),
				 errdetail(stream->number ?
						   "The times of the batches before are numbers." :
						   "The times of the batches before are timestamps.")));
}

/* Return the type of an array of times; error if it is none. */
static Oid
time_type(const ArrayType *times)
{
	Oid			type = getBaseType(ARR_ELEMTYPE(times));

	if (type != TIMESTAMPTZOID && type != TIMESTAMPOID && type != DATEOID &&
		!is_number(type))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("times of a stream cannot be of type %s",
						format_type_be(ARR_ELEMTYPE(times))),
				 errdetail("Expected timestamps, dates or whole numbers.")));
	return type;
}

/* Read the times of a batch. */
static void
read_times(ArrayType *array, Oid type, Batch *batch)
{
	int16		width;
	bool		byval;
	char		align;
	Datum	   *times;
	bool	   *nulls;

	get_typlenbyvalalign(type, &width, &byval, &align);
	deconstruct_array(array, type, width, byval, align, &times, &nulls,
					  &batch->n);
	batch->times = ad_palloc_array(int64, batch->n);
	for (int i = 0; i < batch->n; i++)
		batch->times[i] = nulls[i] ? AD_NO_TIME : time_value(times[i], type);
	pfree(times);
	pfree(nulls);
}

/*
 * Read times and values of a batch; false, with the problem, if they are not
 * as many, or more than a series may have.
 */
static bool
read_batch(ArrayType *times, ArrayType *values, Oid type, Batch *batch,
		   AdSeriesProblem *problem)
{
	Size		ntimes = (Size) ArrayGetNItems(ARR_NDIM(times), ARR_DIMS(times));
	Size		nvalues = (Size) ArrayGetNItems(ARR_NDIM(values), ARR_DIMS(values));

	if (!ad_series_affordable(ad_mul_size(Max(ntimes, nvalues), POINT_BYTES),
							  Max(ntimes, nvalues), problem))
		return false;
	problem->code = ERRCODE_ARRAY_SUBSCRIPT_ERROR;
	if (ARR_NDIM(times) > 1 || ARR_NDIM(values) > 1)
		problem->message = "times and values must be one-dimensional arrays";
	else if (ntimes != nvalues)
		problem->message = psprintf("there are %zu times but %zu values",
									ntimes, nvalues);
	if (problem->message)
		return false;
	read_times(times, type, batch);
	deconstruct_array(values, FLOAT8OID, 8, FLOAT8PASSBYVAL, 'd',
					  &batch->values, &batch->null_values, &batch->n);
	return true;
}

/* Run the batch through the stream; what is not judged has no verdict. */
static void
run_batch(void *arg)
{
	Batch	   *batch = (Batch *) arg;

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
		if (batch->times[i] == AD_NO_TIME)
			continue;
		ad_stream_point(batch->stream, CurrentMemoryContext, batch->times[i],
						!null_value,
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

/*
 * Run a batch through a stored stream, with values and times in the given
 * arguments.  A batch whose data are at fault leaves, with on_error, the state
 * as it was, and has NULL for verdicts.
 */
static Datum
update(FunctionCallInfo fcinfo, int values_arg, int times_arg)
{
	AdStream	stream;
	Batch		batch = {.stream = &stream};
	AdStreamOptions o;
	AdSeriesProblem problem = {0};
	ArrayType  *times;
	Jsonb	   *given;
	Oid			type;
	TupleDesc	desc;
	Datum		values[UPDATE_COLUMNS] = {0};
	bool		nulls[UPDATE_COLUMNS] = {false};
	bool		good;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_ARGISNULL(3))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("times, values and options of a stream cannot be NULL")));
	times = PG_GETARG_ARRAYTYPE_P(times_arg);
	type = time_type(times);
	given = ad_jsonb_argument(PG_GETARG_DATUM(3), "options");
	read_options(fcinfo->flinfo, given, &o);
	resume(fcinfo, &o, given, type, &stream);
	good = read_batch(times, PG_GETARG_ARRAYTYPE_P(values_arg), type, &batch,
					  &problem);
	if (!good)
		ad_series_fault(o.on_error, &problem);
	else if (o.on_error == AD_ON_ERROR_RAISE)
		run_batch(&batch);
	else
		good = ad_fault_catch(run_batch, &batch) == NULL;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (good)
	{
		values[UPDATE_STATE] = PointerGetDatum(ad_stream_write(&stream));
		values[UPDATE_SCORES] = verdict_array(&batch, batch.scores, FLOAT8OID,
											  8, FLOAT8PASSBYVAL, 'd');
		values[UPDATE_ANOMALIES] = verdict_array(&batch, batch.anomalies,
												 INT2OID, 2, true, 's');
	}
	else
	{
		values[UPDATE_STATE] = PG_GETARG_DATUM(0);
		nulls[UPDATE_STATE] = PG_ARGISNULL(0);
		nulls[UPDATE_SCORES] = nulls[UPDATE_ANOMALIES] = true;
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc),
													  values, nulls)));
}

PG_FUNCTION_INFO_V1(ad_stream_array);

/* ad_stream_array(state, values, times, options) -> state and verdicts */
Datum
ad_stream_array(PG_FUNCTION_ARGS)
{
	return update(fcinfo, 1, 2);
}

PG_FUNCTION_INFO_V1(ad_stream_update);

/* The same with times before values, as 0.2.0 had it. */
Datum
ad_stream_update(PG_FUNCTION_ARGS)
{
	return update(fcinfo, 2, 1);
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
					UINT64_FORMAT ", \"slots\": %u, %s}",
					s.n, s.late, s.missing, s.anomalies, s.slots,
					s.number ? psprintf("\"step\": " INT64_FORMAT, s.step) :
					psprintf("\"step_seconds\": %.6f", (double) s.step / 1e6));

	PG_RETURN_DATUM(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}
