/*-------------------------------------------------------------------------
 *
 * sql_score.c
 *		ad_series_score() OVER (...) and ad_series_score_array().
 *
 * Both decompose as ad_stl() does and take the verdict from there; the window
 * function by the rows of a partition, the other one a packed series into
 * packed columns.  Shapes are those of the grid, so the two agree.
 *
 *-------------------------------------------------------------------------
 */
#include "series/ad_score.h"
#include "series/ad_series_sql.h"
#include "series/ad_stl_window.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"

/* The columns of ad_series_score_point and ad_series_score_arrays. */
enum
{
	SCORE_SCORE,
	SCORE_WINDOW,
	SCORE_SHAPE,
	SCORE_EXPECTED,
	SCORE_LOW,
	SCORE_HIGH,
	SCORE_ANOMALY,				/* the only one of type smallint */
	SCORE_COLUMNS
};

/* A row without NULLs as it lies in a tuple. */
typedef struct ScoreRow
{
	double		column[SCORE_ANOMALY];
	int16		anomaly;
} ScoreRow;

#define ROW_BYTES	(offsetof(ScoreRow, anomaly) + sizeof(int16))

/* Memory of a packed result, at most: the arrays, and the row made of them. */
#define ARRAYS_BYTES	(2 * (ROW_BYTES + 1))

/* The options of the window function as read, and what goes with them. */
typedef struct ScoreOptions
{
	AdScoreOptions o;
	AdStlTimes	times;
} ScoreOptions;

/* What a partition keeps. */
typedef struct ScorePartition
{
	AdStlPartition stl;			/* first: it has the head */
	AdSeriesScore score;
} ScorePartition;

/* Read the options of a packed series. */
static void
read_array_options(FmgrInfo *flinfo, Jsonb *given, void *options)
{
	AdScoreOptions *o = (AdScoreOptions *) options;

	(void) flinfo;
	ad_score_options_parse(&given->root, o);
	ad_series_spans(&o->stl);
}

const AdSeriesReader ad_score_reader = {
	"ad_series_score", sizeof(AdScoreOptions), read_array_options
};

/* Read the options of a partition; a time zone needs times that have one. */
static void
read_options(FmgrInfo *flinfo, Jsonb *given, void *options)
{
	ScoreOptions *score = (ScoreOptions *) options;

	read_array_options(flinfo, given, &score->o);
	score->times = ad_stl_window_times(flinfo, &score->o.stl);
}

static const AdSeriesReader reader = {
	"ad_series_score", sizeof(ScoreOptions), read_options
};

/* Score the partition, at its first row. */
static void
prepare(AdSeriesWindow *window, void *partition)
{
	ScorePartition *part = (ScorePartition *) partition;
	const ScoreOptions *options = ad_series_window_options(window, 2);
	AdSeriesProblem problem = {0};

	if (ad_stl_window_run(window, &options->o.stl, &options->times, &part->stl,
						  &problem) &&
		(part->stl.run.grid.n == 0 ||
		 ad_score_points(&options->o, &part->stl.run, part->stl.head.n,
						 &part->score, &problem)))
	{
		/* the rows have their own values */
		if (part->stl.run.grid.y)
			pfree(part->stl.run.grid.y);
		return;
	}
	ad_series_fault(options->o.stl.on_error, &problem);
	part->stl.null = true;
}

static const AdSeriesFrame frame = {
	sizeof(ScorePartition), true, prepare, &reader
};

/*
 * Set the columns of a point whose value is given, NaN where there is none;
 * the verdict is of no use then.
 */
static void
score_row(const AdStlResult *r, const AdSeriesScore *score, Size point,
		  double value, ScoreRow *row)
{
	double		fit = r->empty ? NAN : ad_stl_expected(r, point);
	double		remainder = value - r->season[point] - r->trend[point];

	row->column[SCORE_SCORE] = ad_score_point(score, point);
	row->column[SCORE_WINDOW] = score->window[point];
	row->column[SCORE_SHAPE] = score->shape[point];
	row->column[SCORE_EXPECTED] = fit;
	row->column[SCORE_LOW] = fit + r->low;
	row->column[SCORE_HIGH] = fit + r->high;
	row->anomaly = (int16) ad_stl_side(r, point,
									   ad_stl_deviation(r, point, value,
														remainder));
	if (isnan(value))
		row->column[SCORE_SCORE] = row->column[SCORE_WINDOW] =
			row->column[SCORE_SHAPE] = NAN;
}

/* Return a row without NULLs, in one piece. */
static Datum
whole_row(const AdSeriesCall *call, const ScoreRow *row)
{
	Size		hoff = MAXALIGN(SizeofHeapTupleHeader);
	char	   *tuple = palloc(hoff + MAXALIGN(ROW_BYTES));
	HeapTupleHeader td = (HeapTupleHeader) tuple;

	memcpy(td, call->null_row, SizeofHeapTupleHeader);
	HeapTupleHeaderSetDatumLength(td, hoff + ROW_BYTES);
	td->t_infomask &= ~HEAP_HASNULL;
	td->t_hoff = (uint8) hoff;
	memcpy(tuple + hoff, row, ROW_BYTES);
	return HeapTupleHeaderGetDatum(td);
}

/* Return a row some columns of which are NULL. */
static Datum
partial_row(const AdSeriesCall *call, const ScoreRow *row, bool verdict)
{
	Datum		values[SCORE_COLUMNS];
	bool		nulls[SCORE_COLUMNS];

	for (int i = 0; i < SCORE_ANOMALY; i++)
	{
		values[i] = Float8GetDatum(row->column[i]);
		nulls[i] = isnan(row->column[i]);
	}
	values[SCORE_ANOMALY] = Int16GetDatum(row->anomaly);
	nulls[SCORE_ANOMALY] = !verdict;
	return HeapTupleGetDatum(heap_form_tuple(call->desc, values, nulls));
}

PG_FUNCTION_INFO_V1(ad_series_score);

/* Return the score of the current row. */
Datum
ad_series_score(PG_FUNCTION_ARGS)
{
	const ScorePartition *part = ad_series_window(fcinfo, &frame);
	const AdStlPartition *stl = &part->stl;
	const AdSeriesCall *call = fcinfo->flinfo->fn_extra;
	Size		row = (Size) WinGetCurrentPosition(PG_WINDOW_OBJECT());
	uint32		slot = ad_stl_window_slot(stl, row);
	ScoreRow	out;
	bool		whole = true;

	if (slot == AD_NO_SLOT)
		PG_RETURN_NULL();
	score_row(&stl->run.result, &part->score, slot, stl->value[row], &out);
	for (int i = 0; i < SCORE_ANOMALY; i++)
		whole = whole && !isnan(out.column[i]);
	if (whole)
		return whole_row(call, &out);
	return partial_row(call, &out, !isnan(stl->value[row]) &&
					   !stl->run.result.empty);
}

/* Make an array of n float8 of which NaN are NULL; palloc'd here. */
static Datum
float_array(const double *values, Size n)
{
	Size		present = 0;
	ArrayType  *array;
	bits8	   *bitmap;
	double	   *data;

	for (Size i = 0; i < n; i++)
		present += isnan(values[i]) ? 0 : 1;
	array = palloc(ad_series_array_bytes(n, present, sizeof(double), 1));
	ad_series_array_header(array, FLOAT8OID, n, present, sizeof(double), 1, 1);
	bitmap = ARR_NULLBITMAP(array);
	data = (double *) ARR_DATA_PTR(array);
	for (Size i = 0; i < n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		if (isnan(values[i]))
			continue;
		*data++ = values[i];
		if (bitmap)
			bitmap[i / 8] |= (1 << (i % 8));
	}
	return PointerGetDatum(array);
}

/* Make the array of n verdicts, which are NULL where the value is NaN. */
static Datum
verdict_array(const int16 *anomaly, const double *y, Size n, bool empty)
{
	Size		present = 0;
	ArrayType  *array;
	bits8	   *bitmap;
	int16	   *data;

	for (Size i = 0; i < n; i++)
		present += empty || isnan(y[i]) ? 0 : 1;
	array = palloc(ad_series_array_bytes(n, present, sizeof(int16), 1));
	ad_series_array_header(array, INT2OID, n, present, sizeof(int16), 1, 1);
	bitmap = ARR_NULLBITMAP(array);
	data = (int16 *) ARR_DATA_PTR(array);
	for (Size i = 0; i < n; i++)
	{
		if (empty || isnan(y[i]))
			continue;
		*data++ = anomaly[i];
		if (bitmap)
			bitmap[i / 8] |= (1 << (i % 8));
	}
	return PointerGetDatum(array);
}

/* Return the columns of a scored series as a row of arrays. */
static Datum
array_row(const AdSeriesCall *call, const AdSeriesRun *run,
		  const AdSeriesScore *score)
{
	Size		n = run->grid.n;
	double	   *column[SCORE_ANOMALY];
	int16	   *anomaly = ad_palloc_array(int16, n);
	Datum		values[SCORE_COLUMNS];
	bool		nulls[SCORE_COLUMNS] = {false};

	for (int c = 0; c < SCORE_ANOMALY; c++)
		column[c] = ad_palloc_array(double, n);
	for (Size i = 0; i < n; i++)
	{
		ScoreRow	row;

		AD_CHECK_EVERY_1024(i);
		score_row(&run->result, score, i, run->grid.y[i], &row);
		for (int c = 0; c < SCORE_ANOMALY; c++)
			column[c][i] = row.column[c];
		anomaly[i] = row.anomaly;
	}
	for (int c = 0; c < SCORE_ANOMALY; c++)
	{
		values[c] = float_array(column[c], n);
		pfree(column[c]);
	}
	values[SCORE_ANOMALY] = verdict_array(anomaly, run->grid.y, n,
										  run->result.empty);
	pfree(anomaly);
	return HeapTupleGetDatum(heap_form_tuple(call->desc, values, nulls));
}

PG_FUNCTION_INFO_V1(ad_series_score_array);

/* Score a packed series; NULL elements are missing points. */
Datum
ad_series_score_array(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	Jsonb	   *options = ad_jsonb_argument(PG_GETARG_DATUM(1), "options");
	AdSeriesCall *call = ad_series_call(fcinfo, true);
	const AdScoreOptions *o;
	AdSeriesProblem problem = {0};
	AdSeriesRun run;
	AdSeriesScore score;
	const double *y;
	Size		n;
	Size		nmissing;

	o = ad_series_call_options(fcinfo->flinfo, call, options, &ad_score_reader);
	if (!ad_series_values(array, &y, &n, &nmissing, &problem))
	{
		ad_series_fault(o->stl.on_error, &problem);
		PG_RETURN_NULL();
	}
	if (n == 0)
		PG_RETURN_NULL();
	if (!ad_series_run_array(&o->stl, y, n, &run, &problem) ||
		!ad_score_points(o, &run, 0, &score, &problem) ||
		!ad_series_affordable(ad_mul_size(n, ARRAYS_BYTES +
										  (13 + (Size) run.result.nseasons) *
										  sizeof(double)), n, &problem))
	{
		ad_series_fault(o->stl.on_error, &problem);
		PG_RETURN_NULL();
	}
	ad_series_short_notice(&call->said, &run.result);
	pfree(run.remainder);
	return array_row(call, &run, &score);
}
