/*-------------------------------------------------------------------------
 *
 * ad_spread.h
 *		Mean and standard deviation of numbers, however far from zero.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_SPREAD_H
#define AD_SPREAD_H

#include "core/ad_core.h"

/* What numbers that are not whole may differ by, of the greatest, as equals. */
#define AD_ROUNDING		(8 * 2.2204460492503131e-16)

typedef struct AdSpread
{
	double		least;
	double		greatest;
	double		mean;			/* of equal numbers that number */
	double		sd;				/* 0 if they differ by rounding alone */
	bool		whole;			/* all are whole and below 2^53 */
} AdSpread;

/* spread.c: of n > 0 finite numbers, a stride apart */
extern double ad_width(double low, double high, bool whole);
extern bool ad_all_whole(const double *v, Size n, Size stride);
extern void ad_spread(const double *v, Size n, Size stride, double divisor,
					  AdSpread *s);
extern void ad_spread_columns(const double *x, Size n, int cols, double less,
							  AdSpread *s);

#endif							/* AD_SPREAD_H */
