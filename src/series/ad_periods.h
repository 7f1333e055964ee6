/*-------------------------------------------------------------------------
 *
 * ad_periods.h
 *		The periods that a series has.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_PERIODS_H
#define AD_PERIODS_H

#include "core/ad_core.h"

/* periods.c */
extern int	ad_periods_find(const double *y, Size n, int64 step, int months,
							Size *period, double *strength);
extern int	ad_periods_sort(Size *periods, int n);
extern int	ad_periods_auto(const double *y, Size n, int64 step, int months,
							Size *periods);

#endif							/* AD_PERIODS_H */
