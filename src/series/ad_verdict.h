/*-------------------------------------------------------------------------
 *
 * ad_verdict.h
 *		What the verdicts of the method "tail" are made from.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_VERDICT_H
#define AD_VERDICT_H

#include "series/ad_stl.h"

/* A series on its way to verdicts. */
typedef struct AdVerdict
{
	const double *y;			/* NaN: missing; infinite: missing to the fit */
	Size		n;
	double	   *expected;		/* what the rest of the series says of a point */
	bool	   *suspect;		/* left out of the fit; NULL: none yet */
	Size		nsuspects;
	double		rate;			/* share of points of noise to flag */
	double		step;			/* all values are multiples of it; 0: no step */
	double		unparted;		/* what several seasons leave of each other */
	double		center;			/* of the deviations y - expected */
	double		scale;			/* robust deviation of them */
	double		floor;			/* what rounding alone leaves of them */
	double		bound;			/* of deviations from the center, of points in
								 * the fit */
	double		kept;			/* share of a lone spike that the fit leaves
								 * in its remainder */
	AdStlScratch *lent;			/* memory that fits share with the bound */
	double	   *values;			/* scratch: n + 1 */
	double	   *other;			/* scratch: n + 1 */
} AdVerdict;

/* tail.c */
extern double ad_series_step(const double *y, Size n);
extern double ad_tail_rate(Size n);
extern double ad_tail_bound(double *values, Size n, double rate,
							double *scratch);
extern void ad_verdict_bound(AdVerdict *v);

/* leave_out.c */
extern void ad_verdict_leave_out(AdVerdict *v, const AdStlOptions *o,
								 const AdStlResult *result,
								 AdStlScratch *lent);

#endif							/* AD_VERDICT_H */
