/*-------------------------------------------------------------------------
 *
 * sql_stl.c
 *		ad_stl() OVER (...): decomposition of a partition, row by row.
 *
 * The first row of a partition pulls every row's value and time, lays them
 * on a grid, decomposes it and keeps the outcome in the partition's memory;
 * every row then reads its point.  What the rows cost besides is the server
 * forming a tuple, so a result without NULLs is written in one piece after
 * a head that heap_form_tuple() made once.
 *
 *-------------------------------------------------------------------------
 */
#include "series/ad_series_run.h"
#include "series/ad_series_window.h"
#include "series/ad_stl_point.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/timestamp.h"

/* The options of ad_stl as read, and what goes with them. */
typedef struct StlOptions
{
	AdStlOptions o;
	AdTimeKind	kind;			/* of the time argument */
	pg_tz	   *zone;			/* of o.timezone, or NULL */
} StlOptions;

/* What a partition keeps. */
typedef struct StlPartition
{
	AdSeriesPartition head;
	bool		null;			/* every row is NULL: on_error */
	double	   *value;			/* of a row; NaN: NULL */
	AdSeriesRun run;			/* its outcome */
} StlPartition;

/* A row without NULLs as it lies in a tuple: this, the seasons, ... */
typedef struct StlRowHead
{
	double		trend;
	double		seasonal;
} StlRowHead;

/* ... and this; see AdStlColumn. */
typedef struct StlRowTail
{
	double		remainder;
	double		weight;
	double		expected_low;
	double		expected_high;
	double		score;
	double		window_score;
	int16		anomaly;
} StlRowTail;

#define ROW_TAIL_BYTES	(offsetof(StlRowTail, anomaly) + sizeof(int16))

/* Return the kind of time a type is. */
static AdTimeKind
time_kind(Oid type)
{
	switch (type)
	{
		case TIMESTAMPTZOID:
			return AD_TIME_TZ;
		case TIMESTAMPOID:
			return AD_TIME_LOCAL;
		default:
			return AD_TIME_NUMBER;
	}
}

/* Read the options; a time zone needs times that have one. */
static void
read_options(FmgrInfo *flinfo, Jsonb *given, void *options)
{
	StlOptions *stl = (StlOptions *) options;

	ad_series_parse(given, &stl->o);
	stl->kind = time_kind(get_fn_expr_argtype(flinfo, 1));
	stl->zone = ad_series_time_zone(stl->o.timezone, stl->kind);
}

/* Pull and decompose the rows; false with the problem if they are at fault. */
static bool
decompose(AdSeriesWindow *window, const StlOptions *options,
		  StlPartition *part, AdSeriesProblem *problem)
{
	Size		n;
	int64	   *time;
	bool		good;

	/* of what the rows alone need; the grid may have more points or fewer */
	if (!ad_series_window_rows(window, AD_SERIES_MAX_POINTS,
							   AD_GRID_ROW_BYTES, &n, problem))
		return false;
	part->head.n = n;
	time = ad_palloc_array(int64, n);
	part->value = ad_series_window_values(window, n, time);
	good = ad_series_run(&options->o, options->kind, options->zone,
						 part->value, time, n, ad_stl_scratch_enter(),
						 &part->run, problem);
	pfree(time);
	if (good && part->run.remainder)
	{
		ad_series_short_notice(&window->call->said, &part->run.result);
		/* the rows have their own values */
		pfree(part->run.remainder);
		pfree(part->run.grid.y);
	}
	return good;
}

/* Decompose the partition, at its first row. */
static void
prepare(AdSeriesWindow *window, void *partition)
{
	StlPartition *part = (StlPartition *) partition;
	const StlOptions *options = ad_series_window_options(window, 2);
	AdSeriesProblem problem = {0};

	if (decompose(window, options, part, &problem))
		return;
	ad_series_fault(options->o.on_error, &problem);
	part->null = true;
}

static const AdSeriesReader reader = {
	"ad_stl", sizeof(StlOptions), read_options
};

static const AdSeriesFrame frame = {
	sizeof(StlPartition), true, prepare, &reader
};

/* Return a row without NULLs, in one piece. */
static Datum
whole_row(const AdSeriesCall *call, const StlPartition *part, Size slot,
		  double value)
{
	const AdStlResult *r = &part->run.result;
	Size		hoff = MAXALIGN(SizeofHeapTupleHeader);
	Size		seasons = ad_stl_seasons_bytes(r);
	Size		length = hoff + sizeof(StlRowHead) + seasons + ROW_TAIL_BYTES;
	char	   *tuple = palloc(MAXALIGN(length));
	HeapTupleHeader td = (HeapTupleHeader) tuple;
	StlRowHead *head = (StlRowHead *) (tuple + hoff);
	char	   *array = (char *) (head + 1);
	StlRowTail *tail = (StlRowTail *) (array + seasons);
	double		fit = ad_stl_expected(r, slot);
	double		remainder = value - r->season[slot] - r->trend[slot];
	double		deviation = ad_stl_deviation(r, slot, value, remainder);
	double		window_score = part->run.window[slot];

	memcpy(td, call->null_row, SizeofHeapTupleHeader);
	HeapTupleHeaderSetDatumLength(td, length);
	td->t_infomask = (td->t_infomask & ~HEAP_HASNULL) | HEAP_HASVARWIDTH;
	td->t_hoff = (uint8) hoff;
	head->trend = r->trend[slot];
	head->seasonal = r->season[slot];
	ad_stl_seasons_write(r, slot, array);
	tail->remainder = remainder;
	tail->weight = r->weight[slot];
	tail->expected_low = fit + r->low;
	tail->expected_high = fit + r->high;
	tail->score = ad_stl_score(r, deviation);
	/* values infinite both ways at one point leave it no mean */
	tail->window_score = isnan(window_score) ? tail->score : window_score;
	tail->anomaly = (int16) ad_stl_side(r, slot, deviation);
	return HeapTupleHeaderGetDatum(td);
}

/*
 * Return a row of a missing point: what was expected, and nothing of the
 * value.
 */
static Datum
partial_row(const AdSeriesCall *call, const StlPartition *part, Size slot)
{
	Datum		values[AD_STL_COLUMNS];
	bool		nulls[AD_STL_COLUMNS];

	ad_stl_point_values(&part->run.result, slot, values, nulls);
	return HeapTupleGetDatum(heap_form_tuple(call->desc, values, nulls));
}

PG_FUNCTION_INFO_V1(ad_stl);

/* Return the decomposition of the current row. */
Datum
ad_stl(PG_FUNCTION_ARGS)
{
	const StlPartition *part = ad_series_window(fcinfo, &frame);
	const AdSeriesCall *call = fcinfo->flinfo->fn_extra;
	Size		row = (Size) WinGetCurrentPosition(PG_WINDOW_OBJECT());
	Size		slot;

	if (part->null || part->run.grid.n == 0 || row >= part->head.n)
		PG_RETURN_NULL();
	slot = part->run.grid.slot[row];
	if (slot == AD_NO_SLOT)
		PG_RETURN_NULL();
	if (isnan(part->value[row]) || part->run.result.empty)
		return partial_row(call, part, slot);
	return whole_row(call, part, slot, part->value[row]);
}
