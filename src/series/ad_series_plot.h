/*-------------------------------------------------------------------------
 *
 * ad_series_plot.h
 *		A series and its decomposition as a picture.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_SERIES_PLOT_H
#define AD_SERIES_PLOT_H

#include "series/ad_stl.h"

/* plot.c */
extern char *ad_series_plot(const double *y, Size n,
							const AdStlResult *result, const double *remainder,
							const char *title, int width, int height,
							const char *first, const char *last);

#endif							/* AD_SERIES_PLOT_H */
