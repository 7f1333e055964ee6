/*-------------------------------------------------------------------------
 *
 * ad_series_plot.h
 *		A series and its decomposition as a picture.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_SERIES_PLOT_H
#define AD_SERIES_PLOT_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "pgtime.h"
#include "series/ad_grid.h"
#include "series/ad_stl.h"

/* What a picture shows, and how. */
typedef struct AdSeriesPlot
{
	const double *y;			/* values; NaN: missing */
	Size		n;				/* points, at least 1 */
	const AdStlResult *result;	/* NULL: there is none, but these: */
	const double *low;			/* what is expected of each point; NaN:
								 * nothing */
	const double *high;
	const int8 *side;			/* -1 or 1: anomalies below or above */
	Size		mark;			/* the point that it is about */
	const double *remainder;	/* of each point */
	const AdGrid *grid;			/* where the points are; NULL: numbered, from
								 * 1 */
	bool		calendar;		/* the grid counts microseconds */
	pg_tz	   *zone;			/* they are instants, shown in it; NULL: they
								 * are what is shown */
	const char *caption;		/* below the end of the axis, or NULL */
	const char *title;			/* or NULL */
	const char *first;			/* of the ends of the axis, or NULL */
	const char *last;
	int			width;			/* pixels */
	int			height;
} AdSeriesPlot;

/* plot.c */
extern void ad_series_plot(StringInfo out, const AdSeriesPlot *plot);

#endif							/* AD_SERIES_PLOT_H */
