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
	bool		whole;			/* all of off are finite */
	const double *off;			/* of each point, from what is expected */
	double	   *expected;		/* what the rest of the series says of a
								 * point; NULL: what the decomposition does */
	double	   *own;			/* where off is kept, once expected is there */
	bool	   *suspect;		/* left out of the fit; NULL: none yet */
	Size		nsuspects;
	double		rate;			/* share of points of noise to flag */
	double		step;			/* all values are multiples of it; 0: no step */
	double		center;			/* of the deviations y - expected */
	double		scale;			/* robust deviation of them */
	double		floor;			/* what the method itself leaves of them */
	double		farthest;		/* of the deviations that are in the tail */
	double		bound;			/* of deviations from the center, of points in
								 * the fit */
	double		kept;			/* share of a lone spike that the fit leaves
								 * in its remainder */
	Size	   *alarms;			/* farthest points of episodes, ascending;
								 * NULL: each point beyond the bound is one */
	Size		nalarms;
	AdStlScratch *lent;			/* memory that fits share with the bound */
} AdVerdict;

/* tail.c */
extern double ad_series_step(const double *y, Size n);
extern double ad_tail_rate(Size n);
extern void ad_verdict_bound(AdVerdict *v);

/* leave_out.c */
extern void ad_verdict_leave_out(AdVerdict *v, const AdStlOptions *o,
								 const AdStlResult *result,
								 const double *remainder);

/* episodes.c */
extern void ad_verdict_episodes(AdVerdict *v, double share);

#endif							/* AD_VERDICT_H */
