/*-------------------------------------------------------------------------
 *
 * ad_series_window.h
 *		The frame of window functions over series.
 *
 * Such a function works once for a partition, at its first row, and then
 * reads what it found row by row.  It says what a partition keeps and how
 * that is prepared (AdSeriesFrame); README.md shows how to add one.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_SERIES_WINDOW_H
#define AD_SERIES_WINDOW_H

#include "postgres.h"

#include "series/ad_series_sql.h"
#include "windowapi.h"

/* The head of what every window function keeps for a partition. */
typedef struct AdSeriesPartition
{
	bool		ready;			/* prepared */
	Size		n;				/* rows; 0 if they are not held */
} AdSeriesPartition;

/* A window function at the first row of a partition. */
typedef struct AdSeriesWindow
{
	const struct AdSeriesFrame *frame;
	FmgrInfo   *flinfo;
	WindowObject winobj;
	AdSeriesCall *call;			/* what the call site keeps */
} AdSeriesWindow;

/* What a window function over series says of itself. */
typedef struct AdSeriesFrame
{
	Size		size;			/* of its partition, AdSeriesPartition first */
	bool		row;			/* it returns a row */
	/* fill the partition, which is zeros, in the partition's memory */
	void		(*prepare) (AdSeriesWindow *window, void *partition);
	const AdSeriesReader *reader;	/* of its options */
} AdSeriesFrame;

/* sql_frame.c */
extern void ad_series_window_prepare(FunctionCallInfo fcinfo,
									 const AdSeriesFrame *frame,
									 AdSeriesPartition *partition);
extern void *ad_series_window_options(AdSeriesWindow *window, int arg);
extern bool ad_series_window_rows(AdSeriesWindow *window, Size limit,
								  Size bytes, Size *n,
								  AdSeriesProblem *problem);
extern double *ad_series_window_values(AdSeriesWindow *window, Size n,
									   int64 *time);

/* Return what the current row's partition keeps, prepared at its first row. */
static inline void *
ad_series_window(FunctionCallInfo fcinfo, const AdSeriesFrame *frame)
{
	AdSeriesPartition *partition =
		WinGetPartitionLocalMemory(PG_WINDOW_OBJECT(), frame->size);

	if (unlikely(!partition->ready))
		ad_series_window_prepare(fcinfo, frame, partition);
	return partition;
}

#endif							/* AD_SERIES_WINDOW_H */
