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

#define POINT_BYTES		88		/* of a batch: arrays in, on their way and out */

/* The columns of ad_stream_point. */
enum
{
	STREAM_EXPECTED,
	STREAM_EXPECTED_LOW,
	STREAM_EXPECTED_HIGH,
	STREAM_SCORE,
	STREAM_ANOMALY,
	STREAM_WINDOW_SCORE,
	STREAM_SHAPE_SCORE,
	STREAM_COMBINED_SCORE,
	STREAM_COLUMNS
};

/*
 * The same as they lie in a tuple, NULLs left out: of these there is none, or
 * one that the bitmap behind the header names.
 */
typedef struct StreamRow
{
	double		expected;
	double		expected_low;
	double		expected_high;
	double		score;
	int16		anomaly;
	double		other[3];		/* scores of windows, of shapes, of both */
} StreamRow;

/* The columns of ad_stream_array(). */
enum
{
	UPDATE_STATE,
	UPDATE_SCORES,
	UPDATE_ANOMALIES,
	UPDATE_WINDOW_SCORES,		/* not of ad_stream_update() */
	UPDATE_SHAPE_SCORES,
	UPDATE_COMBINED_SCORES,
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

/*
 * A batch of points of a stream, and what the stream says about them: of those
 * of which it says it, one behind the other.
 */
typedef struct Batch
{
	AdStream   *stream;
	int			n;
	const int64 *times;			/* AD_NO_TIME: none */
	const double *values;		/* NaN: none */
	bool		others;			/* the scores of windows are asked for */
	int			judged;			/* points that are */
	int			windowed;		/* points with a score of windows, */
	int			shaped;			/* of shapes, */
	int			combined;		/* of both */
	bits8	   *is_judged;
	bits8	   *is_windowed;
	bits8	   *is_shaped;
	bits8	   *is_combined;
	double	   *scores;
	int16	   *anomalies;
	double	   *window_scores;
	double	   *shape_scores;
	double	   *combined_scores;
} Batch;

/* Read options of a stream from jsonb, with their intervals. */
static void
read_options(FmgrInfo *flinfo, Jsonb *given, void *options)
{
	AdStreamOptions *o = (AdStreamOptions *) options;

	(void) flinfo;
	ad_stream_options_parse(&given->root, o);
	for (int i = 0; i < o->nperiods; i++)
		ad_series_span(&o->periods[i], "period");
	ad_series_span(&o->step, "step");
	if (o->timezone)
		(void) ad_series_zone(o->timezone);
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

/* Raise an error for options that times of a type cannot have. */
void
ad_stream_check(const AdStreamOptions *o, Oid type)
{
	bool		number = is_number(type);

	if (o->timezone)
		(void) ad_series_time_zone(o->timezone,
								   type == TIMESTAMPTZOID || type == TEXTOID ?
								   AD_TIME_TZ : AD_TIME_LOCAL);
	for (int i = 0; number && i < o->nperiods; i++)
		if (o->periods[i].text)
			check_unit("period", o->periods[i].text,
					   "a number of points, since the times are numbers");
	if (number && o->step.text)
		check_unit("step", o->step.text,
				   "a whole number, since the times are numbers");
	if (!number && o->step.points > 0)
		check_unit("step", psprintf("%zu", o->step.points), "an interval");
}

/* Begin a stream, of times of a type. */
static void
begin(AdStream *stream, const AdStreamOptions *o, Oid type)
{
	ad_stream_check(o, type);
	ad_stream_init(stream, o);
	stream->number = is_number(type);
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

/*
 * Return a row with verdict and window score, in one piece, as ad_stl() does.
 * There may be no shape score, and of 0.2.0's type there is no other.
 */
static Datum
whole_row(const AdSeriesCall *call, const AdStreamPoint *point)
{
	Size		hoff = MAXALIGN(SizeofHeapTupleHeader + BITMAPLEN(STREAM_COLUMNS));
	Size		length = hoff + sizeof(StreamRow);
	char	   *tuple = palloc(MAXALIGN(length));
	HeapTupleHeader td = (HeapTupleHeader) tuple;
	StreamRow  *row = (StreamRow *) (tuple + hoff);
	double	   *other = row->other;

	memcpy(td, call->null_row, SizeofHeapTupleHeader);
	td->t_infomask &= ~HEAP_HASNULL;
	td->t_hoff = (uint8) hoff;
	row->expected = point->expected;
	row->expected_low = point->low;
	row->expected_high = point->high;
	row->score = point->score;
	row->anomaly = (int16) point->anomaly;
	if (call->desc->natts == STREAM_WINDOW_SCORE)
	{
		length = hoff + offsetof(StreamRow, anomaly) + sizeof(int16);
		HeapTupleHeaderSetDatumLength(td, length);
		return HeapTupleHeaderGetDatum(td);
	}
	*other++ = point->window_score;
	if (point->has_shape)
		*other++ = point->shape_score;
	else
	{
		td->t_infomask |= HEAP_HASNULL;
		td->t_bits[0] = 0xFF & ~(1 << STREAM_SHAPE_SCORE);
		length -= sizeof(double);
	}
	*other = point->combined_score;
	HeapTupleHeaderSetDatumLength(td, length);
	return HeapTupleHeaderGetDatum(td);
}

/* Return a row that lacks some columns. */
static Datum
partial_row(const AdSeriesCall *call, const AdStreamPoint *point)
{
	Datum		values[STREAM_COLUMNS] = {0};
	bool		nulls[STREAM_COLUMNS] = {false};

	values[STREAM_EXPECTED] = Float8GetDatum(point->expected);
	values[STREAM_EXPECTED_LOW] = Float8GetDatum(point->low);
	values[STREAM_EXPECTED_HIGH] = Float8GetDatum(point->high);
	values[STREAM_SCORE] = Float8GetDatum(point->score);
	values[STREAM_ANOMALY] = Int16GetDatum(point->anomaly);
	nulls[STREAM_SCORE] = nulls[STREAM_ANOMALY] = !point->judged;
	values[STREAM_WINDOW_SCORE] = Float8GetDatum(point->window_score);
	values[STREAM_SHAPE_SCORE] = Float8GetDatum(point->shape_score);
	values[STREAM_COMBINED_SCORE] = Float8GetDatum(point->combined_score);
	nulls[STREAM_WINDOW_SCORE] = !point->has_window;
	nulls[STREAM_SHAPE_SCORE] = !point->has_shape;
	nulls[STREAM_COMBINED_SCORE] = !point->has_combined;
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
	if (step.point.judged && step.point.has_window)
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
	Datum	   *items;
	bool	   *nulls;
	int64	   *times;

	get_typlenbyvalalign(type, &width, &byval, &align);
	if (width == sizeof(int64) && !ARR_HASNULL(array))
	{
		const int64 *data = (const int64 *) ARR_DATA_PTR(array);

		batch->times = data;
		if (is_number(type))
			return;
		for (int i = 0; i < batch->n; i++)
			if (TIMESTAMP_NOT_FINITE(data[i]))
				batch->times = NULL;
		if (batch->times)
			return;
	}
	deconstruct_array(array, type, width, byval, align, &items, &nulls,
					  &batch->n);
	times = ad_palloc_array(int64, batch->n);
	for (int i = 0; i < batch->n; i++)
		times[i] = nulls[i] ? AD_NO_TIME : time_value(items[i], type);
	batch->times = times;
	pfree(items);
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
	Size		missing;

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
	batch->n = (int) ntimes;
	read_times(times, type, batch);
	return ad_series_values(values, &batch->values, &nvalues, &missing, problem);
}

/* Make room for what the stream says about a batch. */
static void
make_room(Batch *batch)
{
	Size		n = (Size) batch->n;

	batch->is_judged = palloc0(n / 8 + 1);
	batch->scores = ad_palloc_array(double, n);
	batch->anomalies = ad_palloc_array(int16, n);
	if (!batch->others)
		return;
	batch->is_windowed = palloc0(n / 8 + 1);
	batch->is_shaped = palloc0(n / 8 + 1);
	batch->is_combined = palloc0(n / 8 + 1);
	batch->window_scores = ad_palloc_array(double, n);
	batch->shape_scores = ad_palloc_array(double, n);
	batch->combined_scores = ad_palloc_array(double, n);
}

/* Note the scores of windows and shapes that point i has. */
static void
add_others(Batch *batch, int i, const AdStreamPoint *point)
{
	bits8		bit = 1 << (i % 8);

	if (point->has_window)
	{
		batch->is_windowed[i / 8] |= bit;
		batch->window_scores[batch->windowed++] = point->window_score;
	}
	if (point->has_shape)
	{
		batch->is_shaped[i / 8] |= bit;
		batch->shape_scores[batch->shaped++] = point->shape_score;
	}
	if (point->has_combined)
	{
		batch->is_combined[i / 8] |= bit;
		batch->combined_scores[batch->combined++] = point->combined_score;
	}
}

/* Run the batch through the stream; what is not judged has no verdict. */
static void
run_batch(void *arg)
{
	Batch	   *batch = (Batch *) arg;

	make_room(batch);
	for (int i = 0; i < batch->n; i++)
	{
		double		value = batch->values[i];
		AdStreamPoint point;

		AD_CHECK_EVERY_1024(i);
		if (batch->times[i] == AD_NO_TIME)
			continue;
		ad_stream_point(batch->stream, CurrentMemoryContext, batch->times[i],
						true, value, &point);
		if (batch->others)
			add_others(batch, i, &point);
		if (!point.judged)
			continue;
		batch->is_judged[i / 8] |= 1 << (i % 8);
		batch->anomalies[batch->judged] = (int16) point.anomaly;
		batch->scores[batch->judged++] = point.score;
	}
}

/* Return what is said about a batch as an array of items of so many bytes. */
static Datum
verdict_array(const Batch *batch, const void *items, int present,
			  const bits8 *bitmap, Oid type, Size width)
{
	Size		n = (Size) batch->n;
	ArrayType  *result;

	if (n == 0)
		return PointerGetDatum(construct_empty_array(type));
	result = palloc(ad_series_array_bytes(n, (Size) present, width, 1));
	ad_series_array_header(result, type, n, (Size) present, width, 1, 0);
	if ((Size) present < n)
		memcpy((char *) result + ARR_OVERHEAD_NONULLS(1), bitmap, (n + 7) / 8);
	memcpy(ARR_DATA_PTR(result), items, (Size) present * width);
	return PointerGetDatum(result);
}

/* Set the columns of a batch. */
static void
set_columns(const Batch *b, Datum *values, bool *nulls)
{
	values[UPDATE_STATE] = PointerGetDatum(ad_stream_write(b->stream));
	values[UPDATE_SCORES] = verdict_array(b, b->scores, b->judged,
										  b->is_judged, FLOAT8OID, 8);
	values[UPDATE_ANOMALIES] = verdict_array(b, b->anomalies, b->judged,
											 b->is_judged, INT2OID, 2);
	for (int i = UPDATE_WINDOW_SCORES; i < UPDATE_COLUMNS; i++)
		nulls[i] = !b->others;
	if (!b->others)
		return;
	values[UPDATE_WINDOW_SCORES] = verdict_array(b, b->window_scores,
												 b->windowed, b->is_windowed,
												 FLOAT8OID, 8);
	values[UPDATE_COMBINED_SCORES] = verdict_array(b, b->combined_scores,
												   b->combined, b->is_combined,
												   FLOAT8OID, 8);
	nulls[UPDATE_SHAPE_SCORES] = b->stream->shape.m == 0;
	if (b->stream->shape.m > 0)
		values[UPDATE_SHAPE_SCORES] = verdict_array(b, b->shape_scores,
													b->shaped, b->is_shaped,
													FLOAT8OID, 8);
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
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	batch.others = desc->natts > UPDATE_WINDOW_SCORES;
	times = PG_GETARG_ARRAYTYPE_P(times_arg);
	type = time_type(times);
	given = ad_jsonb_argument(PG_GETARG_DATUM(3), "options");
	read_options(fcinfo->flinfo, given, &o);
	resume(fcinfo, &o, given, type, &stream);
	if (stream.first_form)
		batch.others = false;
	good = read_batch(times, PG_GETARG_ARRAYTYPE_P(values_arg), type, &batch,
					  &problem);
	if (!good)
		ad_series_fault(o.on_error, &problem);
	else if (o.on_error == AD_ON_ERROR_RAISE)
		run_batch(&batch);
	else
		good = ad_fault_catch(run_batch, &batch) == NULL;

	if (good)
		set_columns(&batch, values, nulls);
	else
	{
		memset(nulls, true, sizeof(nulls));
		values[UPDATE_STATE] = PG_GETARG_DATUM(0);
		nulls[UPDATE_STATE] = PG_ARGISNULL(0);
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
					s.n + s.infinite, s.late, s.missing, s.anomalies, ad_stream_slots(&s),
					s.number ? psprintf("\"step\": " INT64_FORMAT, s.step) :
					psprintf("\"step_seconds\": %.6f", (double) s.step / 1e6));

	PG_RETURN_DATUM(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}
