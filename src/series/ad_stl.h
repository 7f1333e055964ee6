/*-------------------------------------------------------------------------
 *
 * ad_stl.h
 *		Decomposition into trend, seasons and remainder, and its verdicts.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_STL_H
#define AD_STL_H

#include "math/ad_loess.h"
#include "series/ad_stl_options.h"

/* stl.c */

/* The parameters of Cleveland et al. 1990, resolved for one series. */
typedef struct AdStlParams
{
	Size		period;			/* n_p */
	bool		periodic;		/* a season without change */
	Size		s_window;		/* n_s, odd */
	int			s_degree;		/* 0 or 1, as the others */
	Size		s_jump;			/* distance between evaluated cycles */
	Size		t_window;		/* n_t, odd */
	int			t_degree;
	Size		t_jump;			/* distance between evaluated points */
	Size		l_window;		/* n_l, odd */
	int			l_degree;
	Size		l_jump;			/* distance between evaluated points */
	int			inner;			/* n_i: rounds of season and trend */
	int			outer;			/* n_o: robustness passes */
	double	   *plain;			/* set to season and trend before the first of
								 * these; may be NULL */
} AdStlParams;

/* Work areas for one series of n points and a period. */
typedef struct AdStlWork
{
	const AdLoessKernels *kernels;
	Size		n;				/* capacity */
	Size		period;			/* capacity */
	double	   *detrended;		/* n: the series without trend, or season */
	double	   *cycle;			/* n + 2 period: cycle-subseries smoothed */
	double	   *pass;			/* n + 2 period: moving averages of them */
	double	   *low;			/* n + 2 period: what is slower than a cycle */
} AdStlWork;

extern Size ad_stl_work_doubles(Size n, Size period);
extern void ad_stl_work_init(AdStlWork *work, Size n, Size period,
							 double *block);
extern void ad_stl_fit(const AdStlWork *work, const AdStlParams *params,
					   double *y, Size n, const uint32 *missing,
					   Size nmissing, double *season, double *trend,
					   double *weight);

/* mstl.c */

/*
 * A decomposition.  The caller may provide trend, season and weight (n
 * points and AD_LOESS_PAD zeros each); what is NULL is allocated.
 */
typedef struct AdStlResult
{
	Size		n;				/* points */
	int			nseasons;		/* 0: trend only */
	Size		periods[AD_SERIES_MAX_SEASONS];
	double	   *seasons[AD_SERIES_MAX_SEASONS]; /* one each; if one: season */
	double	   *trend;
	double	   *season;			/* sum of the seasons */
	double	   *weight;			/* of the last pass; 0: missing, or an outlier */
	bool		empty;			/* no finite value: everything is NaN */
	Size		nmissing;		/* points without a finite value */
	double		largest;		/* of the other values, without sign */
	int			ndropped;		/* periods longer than half the series */
	Size		dropped;		/* one of them */
	double	   *plain;			/* of a robust fit: trend and season before
								 * any point had less weight; may be NULL */
	/* judge */
	double	   *expected;		/* of each point, by the method "tail"; NULL:
								 * by others, trend + season */
	double		center;			/* of the deviations from that */
	double		scale;			/* of the deviations */
	double		inverse;		/* 1 / scale */
	bool		by_remainder;	/* window scores are of remainders, by these: */
	double		remainder_center;
	double		remainder_inverse;	/* 1 / their scale */
	double		low;			/* deviations below are anomalies */
	double		high;			/* deviations above are anomalies */
	const Size *alarms;			/* ascending: the only points of these that
								 * are; NULL: all of them */
	Size		nalarms;
} AdStlResult;

extern Size ad_stl_trend_window(Size n);
extern Size ad_stl_bytes(Size n, const Size *periods, int nperiods);
extern void ad_stl_decompose(const double *y, Size n, const AdStlOptions *o,
							 const Size *periods, int nperiods,
							 AdStlScratch *scratch, AdStlResult *result);

/* judge.c */
extern void ad_stl_remainder(const AdStlResult *result, const double *y,
							 double *remainder);
extern void ad_stl_judge(AdStlResult *result, const AdStlOptions *o,
						 const double *y, const double *remainder,
						 AdStlScratch *scratch);
extern void ad_stl_window_score(const AdStlResult *result,
								const AdStlOptions *o, const double *y,
								const double *remainder, double *out);

/* Return what is expected of a point. */
static inline double
ad_stl_expected(const AdStlResult *result, Size point)
{
	return result->expected ? result->expected[point] :
		result->trend[point] + result->season[point];
}

/*
 * Return how far a value at a point is from what is expected; without the
 * method "tail" that is the remainder.
 */
static inline double
ad_stl_deviation(const AdStlResult *result, Size point, double value,
				 double remainder)
{
	return result->expected ? value - result->expected[point] : remainder;
}

/* Return the standardised deviation. */
static inline double
ad_stl_score(const AdStlResult *result, double deviation)
{
	return fabs(deviation - result->center) * result->inverse;
}

extern bool ad_stl_alarm(const AdStlResult *result, Size point);

/* -1, 0 or +1: below, within or above what is expected of a point. */
static inline int
ad_stl_side(const AdStlResult *result, Size point, double deviation)
{
	int			side = (deviation > result->high) - (deviation < result->low);

	return side != 0 && result->alarms && !ad_stl_alarm(result, point) ?
		0 : side;
}

#endif							/* AD_STL_H */
