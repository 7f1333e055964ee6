/*-------------------------------------------------------------------------
 *
 * ad_stl_options.h
 *		Options of decomposition.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_STL_OPTIONS_H
#define AD_STL_OPTIONS_H

#include "core/ad_options.h"
#include "series/ad_series.h"
#include "utils/jsonb.h"

/* stl_options.c */

/* How bounds are set, see judge.c. */
typedef enum AdThresholdMethod
{
	AD_THRESHOLD_TAIL,
	AD_THRESHOLD_MAD,
	AD_THRESHOLD_IQR,
	AD_THRESHOLD_SIGMA,
	AD_THRESHOLD_POT
} AdThresholdMethod;

/* What becomes of several values at one point. */
typedef enum AdDuplicates
{
	AD_DUPLICATES_MEAN,
	AD_DUPLICATES_ERROR,
	AD_DUPLICATES_LAST
} AdDuplicates;

/* A length of time: points, or months and microseconds. */
typedef struct AdSpan
{
	Size		points;			/* > 0: the length in points */
	char	   *text;			/* else: an interval as the user wrote it */
	int64		months;			/* filled by ad_series_span() from text */
	int64		usec;
} AdSpan;

#define AD_SPAN_EXPECTED \
	"Expected a whole number of points, or a positive interval."

/* Options as given; 0 or NaN where the series decides. */
typedef struct AdStlOptions
{
	bool		automatic;		/* find the periods */
	int			nperiods;		/* 0 and not automatic: no season */
	AdSpan		periods[AD_SERIES_MAX_SEASONS];
	int			nwindows;		/* seasonal windows given */
	Size		windows[AD_SERIES_MAX_SEASONS]; /* 0: periodic */
	AdSpan		step;			/* of an array; text NULL: not given */
	int			seasonal_degree;	/* of LOESS: 0 or 1, as the others */
	int			seasonal_jump;	/* 0: a tenth of the window, as the others */
	int			trend_window;	/* points, odd; 0: R's */
	int			trend_degree;
	int			trend_jump;
	int			lowpass_window; /* points, odd; 0: R's */
	int			lowpass_degree; /* -1: like trend_degree */
	int			lowpass_jump;
	int			inner_iterations;	/* -1: 1 if robust, else 2 */
	int			outer_iterations;	/* -1: 15 if robust, else 0 */
	int			iterations;		/* rounds over several periods */
	bool		robust;			/* outliers get less weight */
	double		threshold;		/* NaN: the method's own */
	double		alarm_rate;		/* of the method "tail"; NaN: by the length */
	int			threshold_method;	/* AdThresholdMethod */
	int			score_window;	/* points to each side */
	int			duplicates;		/* AdDuplicates */
	int			on_error;		/* AdOnError, of a series that cannot be
								 * decomposed */
	char	   *timezone;		/* or NULL */
} AdStlOptions;

/* Options of ad_series_score. */
typedef struct AdScoreOptions
{
	AdStlOptions stl;			/* first: both are read by one table */
	int			m;				/* points of a shape; 0: by the series */
} AdScoreOptions;

extern bool ad_series_key_span(JsonbContainer *object, const char *key,
							   double min, AdSpan *span);
extern bool ad_series_key_periods(JsonbContainer *object, AdSpan *periods,
								  int *nperiods, bool *automatic);
extern void ad_stl_options_parse(JsonbContainer *object, AdStlOptions *o);
extern void ad_score_options_parse(JsonbContainer *object, AdScoreOptions *o);

/* Return how many robustness passes there are. */
static inline int
ad_stl_outer(const AdStlOptions *o)
{
	return o->outer_iterations >= 0 ? o->outer_iterations : o->robust ? 15 : 0;
}

#endif							/* AD_STL_OPTIONS_H */
