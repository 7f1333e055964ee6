/*-------------------------------------------------------------------------
 *
 * sql_frame.c
 *		The frame of window functions over series: partitions and rows.
 *
 * What is made for a partition lives in the partition's memory, which the
 * server frees with it; what is made for the call site (result type,
 * options) lives as long as the query (see AdSeriesCall).
 *
 *-------------------------------------------------------------------------
 */
#include "series/ad_grid.h"
#include "series/ad_series_window.h"

/* Prepare a partition, at its first row, in its memory. */
void
ad_series_window_prepare(FunctionCallInfo fcinfo, const AdSeriesFrame *frame,
						 AdSeriesPartition *partition)
{
	MemoryContext old =
		MemoryContextSwitchTo(GetMemoryChunkContext(partition));
	AdSeriesWindow window;

	window.frame = frame;
	window.flinfo = fcinfo->flinfo;
	window.winobj = PG_WINDOW_OBJECT();
	window.call = ad_series_call(fcinfo, frame->row);
	frame->prepare(&window, partition);
	partition->ready = true;
	MemoryContextSwitchTo(old);
}

/*
 * Return the options in an argument, read as the frame says; error if they
 * are NULL.  They hold until a partition brings others.
 */
void *
ad_series_window_options(AdSeriesWindow *window, int arg)
{
	const AdSeriesReader *reader = window->frame->reader;
	bool		null;
	Datum		given = WinGetFuncArgCurrent(window->winobj, arg, &null);

	if (null)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("options of %s cannot be NULL", reader->owner)));
	return ad_series_call_options(window->flinfo, window->call,
								  ad_jsonb_argument(given, "options"), reader);
}

/*
 * Count the partition's rows, of which each needs so many bytes.  False,
 * with the problem, if they are more than the limit or need more memory
 * than one series may have.
 */
bool
ad_series_window_rows(AdSeriesWindow *window, Size limit, Size bytes, Size *n,
					  AdSeriesProblem *problem)
{
	*n = (Size) WinGetPartitionRowCount(window->winobj);
	if (*n > limit)
	{
		problem->code = ERRCODE_PROGRAM_LIMIT_EXCEEDED;
		problem->message = psprintf("series has too many rows: %zu", *n);
		problem->detail = psprintf("The limit is %zu.", limit);
		return false;
	}
	return ad_series_affordable(ad_mul_size(*n, bytes), *n, problem);
}

/*
 * Pull the values (argument 0) of the partition's n rows, NULLs as NaN, and
 * unless "time" is NULL their times (argument 1) into it, NULLs as
 * AD_NO_TIME.  The result is palloc'd here.
 */
double *
ad_series_window_values(AdSeriesWindow *window, Size n, int64 *time)
{
	double	   *value = ad_palloc_array(double, n);

	for (Size i = 0; i < n; i++)
	{
		bool		null;
		bool		out;
		Datum		d;

		/* the server looks for a cancel in each call */
		d = WinGetFuncArgInPartition(window->winobj, 0, (int) i,
									 WINDOW_SEEK_HEAD, false, &null, &out);
		value[i] = null ? NAN : DatumGetFloat8(d);
		if (time == NULL)
			continue;
		d = WinGetFuncArgInPartition(window->winobj, 1, (int) i,
									 WINDOW_SEEK_HEAD, false, &null, &out);
		time[i] = null ? AD_NO_TIME : DatumGetInt64(d);
	}
	return value;
}
