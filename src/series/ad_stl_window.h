/*-------------------------------------------------------------------------
 *
 * ad_stl_window.h
 *		A partition decomposed, for window functions that read it by rows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_STL_WINDOW_H
#define AD_STL_WINDOW_H

#include "series/ad_series_run.h"
#include "series/ad_series_window.h"

/* What the times of a call are. */
typedef struct AdStlTimes
{
	AdTimeKind	kind;			/* of the time argument */
	pg_tz	   *zone;			/* of the option timezone, or NULL */
} AdStlTimes;

/* What a partition keeps. */
typedef struct AdStlPartition
{
	AdSeriesPartition head;
	bool		null;			/* every row is NULL: on_error */
	double	   *value;			/* of a row; NaN: NULL */
	AdSeriesRun run;			/* its outcome, without remainders */
} AdStlPartition;

/* sql_stl.c */
extern AdStlTimes ad_stl_window_times(FmgrInfo *flinfo, const AdStlOptions *o);
extern bool ad_stl_window_run(AdSeriesWindow *window, const AdStlOptions *o,
							  const AdStlTimes *times, AdStlPartition *part,
							  AdSeriesProblem *problem);

/*
 * Return the point of the current row, or AD_NO_SLOT if the row is not on the
 * grid and so has no result.
 */
static inline uint32
ad_stl_window_slot(const AdStlPartition *part, Size row)
{
	if (part->null || part->run.grid.n == 0 || row >= part->head.n)
		return AD_NO_SLOT;
	return part->run.grid.slot[row];
}

#endif							/* AD_STL_WINDOW_H */
