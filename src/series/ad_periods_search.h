/*-------------------------------------------------------------------------
 *
 * ad_periods_search.h
 *		One search for periods: what its files share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_PERIODS_SEARCH_H
#define AD_PERIODS_SEARCH_H

#include "core/ad_core.h"
#include "math/ad_fft.h"

#define AD_PERIODS_CALENDAR	4	/* calendar candidates of one search */
#define AD_PERIODS_SHORTEST	2
#define AD_PERIODS_LEAST_CYCLES	1.9 /* that can be compared */

/* Values beyond so many deviations are clipped. */
#define AD_PERIODS_CLIP			3.0

/* A search over one series. */
typedef struct AdPeriodSearch
{
	Size		n;				/* points */
	Size		npresent;		/* of them with a value */
	const bool *present;		/* which */
	double	   *weight;			/* 1 of a point present, else 0 */
	double	   *counts;			/* points present before each, n + 1 */
	double	   *y;				/* the series without what was found, n; 0
								 * where missing */
	double	   *totals;			/* sums of y before each point, n + 1 */
	Size		longest;		/* period to look for */
	Size		calendar[AD_PERIODS_CALENDAR];	/* periods always tried */
	int			ncalendar;
	AdFft		fft;			/* of at least 2 n points */
	double	   *re;				/* scratch, length of the transform */
	double	   *im;
	double	   *x;				/* the series as detrended last, n */
	Size		from;			/* points of x that count, if present */
	Size		to;				/* the end of these */
	double	   *events;			/* signs of wild values less their mean, n */
	Size		nevents;		/* of them not 0 */
	double	   *sum;			/* of each phase of the last fold, n */
	double	   *square;
	double	   *count;
	double		center;			/* last median, a guess of the next */
	double		scale;			/* and last median distance from it */
	double	   *scratch;		/* n */
	double	   *values;			/* scratch, n */
	double	   *distance;		/* scratch, n */
	double	   *sums;			/* scratch, n + 1 */
} AdPeriodSearch;

/* Are all points present? */
static inline bool
ad_periods_complete(const AdPeriodSearch *s)
{
	return s->npresent == s->n;
}

/* How well a series repeats at a period. */
typedef struct AdPeriodFit
{
	double		strength;		/* part of the variance that the other cycles
								 * foretell; at most 1 */
	double		cycles;			/* that were compared */
} AdPeriodFit;

/* Periods that are known already. */
typedef struct AdPeriodsFound
{
	const Size *period;
	int			n;
} AdPeriodsFound;

/* Tell whether a period is among those found. */
static inline bool
ad_periods_among(const AdPeriodsFound *found, Size period)
{
	for (int f = 0; f < found->n; f++)
		if (found->period[f] == period)
			return true;
	return false;
}

/* periods_fold.c */
extern void ad_periods_total(AdPeriodSearch *s);
extern void ad_periods_detrend(AdPeriodSearch *s, Size period,
							   double deviations);
extern void ad_periods_clip(AdPeriodSearch *s, double *x, Size from, Size to,
							double deviations);
extern void ad_periods_find_events(AdPeriodSearch *s);
extern void ad_periods_fold_sum(const double *x, Size n, Size period,
								double *sum);
extern const double *ad_periods_weights(AdPeriodSearch *s, Size from, Size to);
extern AdPeriodFit ad_periods_fold(AdPeriodSearch *s, bool events,
								   Size period);
extern double ad_periods_bar(Size period, double cycles);
extern AdPeriodFit ad_periods_fit(AdPeriodSearch *s, Size period,
								  bool events);
extern void ad_periods_gain(AdPeriodSearch *s, Size part, Size period,
							bool events, double *share, double *deviations);
extern void ad_periods_take_out(AdPeriodSearch *s, Size period);
extern double ad_periods_spread(AdPeriodSearch *s);

/* periods_comb.c */
extern void ad_periods_comb_short(AdPeriodSearch *s, Size from, Size to,
								  double *comb);
extern void ad_periods_lay(const AdPeriodSearch *s, const double *x,
						   double *out);
extern void ad_periods_comb(const AdPeriodSearch *s, const double *products,
							const double *pairs, Size points, Size from,
							Size to, double *comb);

/* periods_length.c */
extern Size ad_periods_inside(AdPeriodSearch *s, Size period,
							  const AdPeriodsFound *found);
extern Size ad_periods_exact_length(AdPeriodSearch *s, Size period);

/* periods_pick.c */
extern Size ad_periods_pick(AdPeriodSearch *s, const AdPeriodsFound *found,
							double *strength);

#endif							/* AD_PERIODS_SEARCH_H */
