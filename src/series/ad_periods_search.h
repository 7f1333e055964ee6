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
	double	   *y;				/* the series without what was found, n; 0
								 * where missing */
	Size		longest;		/* period to look for */
	Size		calendar[AD_PERIODS_CALENDAR];	/* periods always tried */
	int			ncalendar;
	AdFft		fft;			/* of at least 2 n points */
	double	   *re;				/* scratch, length of the transform */
	double	   *im;
	double	   *x;				/* the series as detrended last, n */
	bool	   *used;			/* points of x that count, n */
	double	   *events;			/* signs of wild values less their mean, n */
	Size		nevents;		/* of them not 0 */
	double	   *sum;			/* of each phase of the last fold, n */
	double	   *square;
	double	   *count;
	double	   *scratch;		/* n */
	double	   *sums;			/* scratch, n + 1 */
	uint32	   *counts;			/* scratch, n + 1 */
} AdPeriodSearch;

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
extern void ad_periods_detrend(AdPeriodSearch *s, Size period,
							   double deviations);
extern void ad_periods_clip(AdPeriodSearch *s, double *x, const bool *used,
							double deviations);
extern void ad_periods_find_events(AdPeriodSearch *s);
extern void ad_periods_comb(AdPeriodSearch *s, const double *x,
							const bool *used, Size from, Size to,
							double *comb);
extern AdPeriodFit ad_periods_fold(AdPeriodSearch *s, const double *x,
								   const bool *used, Size period);
extern double ad_periods_bar(Size period, double cycles);
extern AdPeriodFit ad_periods_fit(AdPeriodSearch *s, Size period,
								  bool events);
extern void ad_periods_gain(AdPeriodSearch *s, Size part, Size period,
							bool events, double *share, double *deviations);
extern void ad_periods_take_out(AdPeriodSearch *s, Size period);
extern double ad_periods_spread(AdPeriodSearch *s);

/* periods_length.c */
extern Size ad_periods_inside(AdPeriodSearch *s, Size period,
							  const AdPeriodsFound *found);
extern Size ad_periods_exact_length(AdPeriodSearch *s, Size period);

/* periods_pick.c */
extern Size ad_periods_pick(AdPeriodSearch *s, const AdPeriodsFound *found,
							double *strength);

#endif							/* AD_PERIODS_SEARCH_H */
