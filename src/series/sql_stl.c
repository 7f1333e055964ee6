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
#include "series/ad_stl_point.h"
#include "series/ad_stl_window.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/timestamp.h"

/* The options of ad_stl as read, and what goes with them. */
typedef struct StlOptions
{
	AdStlOptions o;
	AdStlTimes	times;
} StlOptions;

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

/*
 * Find the kind of the time argument and the time zone that it follows; error
 * if a time zone is named and the times have none.
 */
AdStlTimes
ad_stl_window_times(FmgrInfo *flinfo, const AdStlOptions *o)
{
	AdStlTimes	times;

	times.kind = time_kind(get_fn_expr_argtype(flinfo, 1));
	times.zone = ad_series_time_zone(o->timezone, times.kind);
	return times;
}

/*
 * Pull and decompose the rows of a partition; false with the problem if they
 * are at fault.
 */
bool
ad_stl_window_run(AdSeriesWindow *window, const AdStlOptions *o,
				  const AdStlTimes *times, AdStlPartition *part,
				  AdSeriesProblem *problem)
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
	good = ad_series_run(o, times->kind, times->zone, part->value, time, n,
						 ad_stl_scratch_enter(), &part->run, problem);
	pfree(time);
	if (good && part->run.remainder)
	{
		ad_series_short_notice(&window->call->said, &part->run.result);
		/* the rows have their own values */
		pfree(part->run.remainder);
		part->run.remainder = NULL;
	}
	return good;
}

/* Read the options. */
static void
read_options(FmgrInfo *flinfo, Jsonb *given, void *options)
{
	StlOptions *stl = (StlOptions *) options;

	ad_series_parse(given, &stl->o);
	stl->times = ad_stl_window_times(flinfo, &stl->o);
}

/* Decompose the partition, at its first row. */
static void
prepare(AdSeriesWindow *window, void *partition)
{
	AdStlPartition *part = (AdStlPartition *) partition;
	const StlOptions *options = ad_series_window_options(window, 2);
	AdSeriesProblem problem = {0};

	if (ad_stl_window_run(window, &options->o, &options->times, part, &problem))
	{
		if (part->run.grid.y)
			pfree(part->run.grid.y);
		return;
	}
	ad_series_fault(options->o.on_error, &problem);
	part->null = true;
}

static const AdSeriesReader reader = {
	"ad_stl", sizeof(StlOptions), read_options
};

static const AdSeriesFrame frame = {
	sizeof(AdStlPartition), true, prepare, &reader
};

/* Return a row without NULLs, in one piece. */
static Datum
whole_row(const AdSeriesCall *call, const AdStlPartition *part, Size slot,
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
partial_row(const AdSeriesCall *call, const AdStlPartition *part, Size slot)
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
	const AdStlPartition *part = ad_series_window(fcinfo, &frame);
	const AdSeriesCall *call = fcinfo->flinfo->fn_extra;
	Size		row = (Size) WinGetCurrentPosition(PG_WINDOW_OBJECT());
	uint32		slot = ad_stl_window_slot(part, row);

	if (slot == AD_NO_SLOT)
		PG_RETURN_NULL();
	if (isnan(part->value[row]) || part->run.result.empty)
		return partial_row(call, part, slot);
	return whole_row(call, part, slot, part->value[row]);
}
