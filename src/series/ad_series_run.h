/*-------------------------------------------------------------------------
 *
 * ad_series_run.h
 *		A series from rows to verdicts.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_SERIES_RUN_H
#define AD_SERIES_RUN_H

#include "series/ad_grid.h"
#include "series/ad_stl.h"
#include "pgtime.h"

/* What kind of time a function was called with. */
typedef enum AdTimeKind
{
	AD_TIME_TZ,					/* timestamptz */
	AD_TIME_LOCAL,				/* timestamp without time zone */
	AD_TIME_NUMBER				/* bigint: no calendar */
} AdTimeKind;

/* A series from rows to verdicts. */
typedef struct AdSeriesRun
{
	AdGrid		grid;			/* n = 0: no row has a time */
	AdStlResult result;
	double	   *remainder;		/* of the grid's points */
	double	   *window;			/* window scores of the points */
} AdSeriesRun;

extern bool ad_series_run(const AdStlOptions *o, AdTimeKind kind,
						  pg_tz *zone, const double *value, int64 *time,
						  Size n, AdStlScratch *scratch, AdSeriesRun *run,
						  AdSeriesProblem *problem);
extern bool ad_series_run_array(const AdStlOptions *o, const double *y, Size n,
								AdSeriesRun *run, AdSeriesProblem *problem);
extern bool ad_series_array_periods(const AdStlOptions *o, const double *y,
									Size n, Size *periods, int *nperiods,
									AdSeriesProblem *problem);
extern int64 *ad_series_local(int64 *t, Size n, pg_tz *zone);
extern bool ad_series_any_finite(const double *y, Size n);

#endif							/* AD_SERIES_RUN_H */
