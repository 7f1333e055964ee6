/*-------------------------------------------------------------------------
 *
 * ad_drift_plot.h
 *		What has changed, as a picture.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_DRIFT_PLOT_H
#define AD_DRIFT_PLOT_H

#include "operate/ad_drift.h"

#define AD_DRIFT_PLOT_BINS	40	/* of a feature, at most */

/* How it is drawn. */
typedef struct AdDriftPlot
{
	char	   *title;			/* or NULL */
	int			width;			/* pixels */
	int			top;			/* features, at most */
	pg_tz	   *zone;			/* that moments are shown in; NULL: UTC */
} AdDriftPlot;

/* drift_plot.c */
extern void ad_drift_plot(StringInfo out, const AdDriftRow *rows, int n,
						  const AdDriftPlot *plot);

#endif							/* AD_DRIFT_PLOT_H */
