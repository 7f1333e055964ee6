/*-------------------------------------------------------------------------
 *
 * ad_periods_search.h
 *		One search for periods: what its two files share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_PERIODS_SEARCH_H
#define AD_PERIODS_SEARCH_H

#include "core/ad_core.h"
#include "math/ad_fft.h"

#define AD_PERIODS_CALENDAR	4	/* calendar candidates of one search */

/* A search over one series. */
typedef struct AdPeriodSearch
{
	Size		n;				/* points */
	const bool *present;		/* points with a value */
	Size		calendar[AD_PERIODS_CALENDAR];	/* periods always tried */
	int			ncalendar;
	AdFft		fft;			/* of at least 2 n points */
	double	   *re;				/* scratch, length of the transform */
	double	   *im;
	double	   *x;				/* the series as detrended last, n */
	double	   *sorted;			/* scratch, n */
	double	   *sums;			/* scratch, n + 1 */
	uint32	   *counts;			/* scratch, n + 1 */
} AdPeriodSearch;

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

/* Is it a calendar period? */
static inline bool
ad_periods_is_calendar(const AdPeriodSearch *s, Size period)
{
	for (int c = 0; c < s->ncalendar; c++)
		if (s->calendar[c] == period)
			return true;
	return false;
}

/* periods_spectrum.c */
extern void ad_periods_clip(AdPeriodSearch *s, double *x, double deviations);
extern void ad_periods_moving_mean(AdPeriodSearch *s, const double *y,
								   Size width, double *out);
extern void ad_periods_detrend(AdPeriodSearch *s, const double *y,
							   Size period);
extern void ad_periods_autocorrelation(AdPeriodSearch *s, double *r);
extern int	ad_periods_propose(AdPeriodSearch *s, const double *y,
							   double *period, double *spread);
extern double ad_periods_fold_energy(const AdPeriodSearch *s, Size period);

#define AD_PERIODS_PROPOSED	18	/* at most, by ad_periods_propose() */

/* periods_pick.c */
extern Size ad_periods_pick(AdPeriodSearch *s, const double *y,
							const AdPeriodsFound *found, Size limit,
							double *strength);

#endif							/* AD_PERIODS_SEARCH_H */
