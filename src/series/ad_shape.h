/*-------------------------------------------------------------------------
 *
 * ad_shape.h
 *		Shapes of a series: discords, changes, subsequences.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_SHAPE_H
#define AD_SHAPE_H

#include "core/ad_core.h"

/* discord.c */
#define AD_DISCORD_MAX_POINTS	((Size) 4194304)
#define AD_DISCORD_POINT_BYTES	(10 * sizeof(double) + 2)	/* worked with */

extern void ad_discord_profile(const double *y, Size n, Size m,
							   Size exclusion, double *distance,
							   int64 *neighbor);
extern void ad_series_cover(const double *window, Size n, Size m,
							double *out);

/* changepoint.c */
#define AD_CHANGEPOINTS_BYTES	(5 * sizeof(double) + 5 * sizeof(uint32))

extern Size ad_changepoints_pelt(const double *y, Size n, double penalty,
								 Size min_segment, uint32 *out);

/* subpca.c */
#define AD_SUBPCA_MAX_WINDOW	256
#define AD_SUBPCA_POINT_DOUBLES	2	/* worked with */

extern Size ad_subpca_window(Size n);
extern Size ad_subpca_known(const double *y, Size n, Size m, Size most);
extern void ad_subpca_scores(const double *y, const double *filled, Size n,
							 Size m, Size most, double *score);

#endif							/* AD_SHAPE_H */
