/*-------------------------------------------------------------------------
 *
 * ad_series.h
 *		Decomposition, seasonality, streaming scores and shape anomalies of
 *		time series, over arrays.
 *
 * Nothing here sees SQL values: the files sql_*.c turn rows and arrays into
 * doubles and times into int64 microseconds.  What the data of one series
 * can make wrong is reported through AdSeriesProblem, so that they
 * may answer with an error or with NULLs (option on_error).
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_SERIES_H
#define AD_SERIES_H

#include <float.h>

#include "core/ad_core.h"
#include "math/ad_loess.h"

/* Limits; each is named in the error that enforces it. */
#define AD_SERIES_MAX_POINTS	((Size) 16777216)	/* points of a grid */
#define AD_SERIES_MAX_SEASONS	8	/* periods of one decomposition */
#define AD_SERIES_MAX_PERIOD	((Size) 4194304)	/* points of a period */
#define AD_SERIES_MEMORY		512 /* MB of one series, by default */

/* What is wrong with a series; message NULL: nothing. */
typedef struct AdSeriesProblem
{
	int			code;			/* SQLSTATE */
	const char *message;		/* primary message, palloc'd or constant */
	const char *detail;			/* or NULL */
	const char *hint;			/* or NULL */
} AdSeriesProblem;

/* memory.c */

/*
 * Memory to work in.  Fresh pages cost more than the method itself, so a
 * backend keeps one room of moderate size for all series and queries; a
 * larger one is of the memory context of the run, and goes with it.
 */
typedef struct AdStlRoom
{
	double	   *kept;			/* in TopMemoryContext, or NULL */
	Size		kept_size;		/* doubles */
	double	   *large;			/* of this run, or NULL */
	Size		large_size;		/* doubles */
	MemoryContext context;		/* of this run */
} AdStlRoom;

extern AdStlRoom *ad_stl_room_enter(void);
extern double *ad_stl_room(AdStlRoom *room, Size doubles);
extern void ad_stl_room_leave(AdStlRoom *room);
extern bool ad_series_affordable(Size bytes, Size n,
								 AdSeriesProblem *problem);

/* loess.c */

/* One LOESS smoother: Cleveland & Devlin's with tricube weights. */
typedef struct AdLoess
{
	Size		window;			/* points of a window, odd */
	Size		half;			/* (window - 1) / 2 */
	int			degree;			/* 0 or 1 */
	Size		jump;			/* distance between evaluated points */
	Size		nblocks;		/* blocks of eight that hold a window */
	double	   *tricube;		/* weights of an interior window, padded */
	double	   *filter;			/* the same, summing to 1 */
	double	   *edge;			/* scratch: weights of another window */
} AdLoess;

extern void ad_loess_init(AdLoess *l, Size window, int degree, Size jump,
						  Size n);
extern bool ad_loess_edge(const AdLoess *l, Size n, int64 xs, Size left,
						  Size right, bool weighted, double *limit);
extern double ad_loess_limit(Size n);
extern void ad_loess_smooth(const AdLoess *l, const AdLoessKernels *k,
							const double *y, Size n, const double *r,
							double *out);

/* select.c */
extern double ad_series_select(double *a, Size n, Size rank);
extern double ad_series_median(double *a, Size n);
extern double ad_series_median_of(const double *a, Size n, double *scratch);

/* stl.c */

/* The parameters of Cleveland et al. 1990, resolved for one series. */
typedef struct AdStlParams
{
	Size		period;			/* n_p */
	bool		periodic;		/* a season without change */
	Size		s_window;		/* n_s, odd */
	int			s_degree;
	Size		s_jump;
	Size		t_window;		/* n_t, odd */
	int			t_degree;
	Size		t_jump;
	Size		l_window;		/* n_l, odd */
	int			l_degree;
	Size		l_jump;
	int			inner;			/* n_i */
	int			outer;			/* n_o */
} AdStlParams;

/* Work areas for one series of n points and a period. */
typedef struct AdStlWork
{
	const AdLoessKernels *kernels;
	Size		n;				/* capacity */
	Size		period;			/* capacity */
	double	   *detrended;		/* n */
	double	   *cycle;			/* n + 2 period */
	double	   *pass;			/* n + 2 period */
	double	   *low;			/* n + 2 period */
} AdStlWork;

extern Size ad_stl_work_doubles(Size n, Size period);
extern void ad_stl_work_init(AdStlWork *work, Size n, Size period,
							 double *block);
extern void ad_stl_fit(const AdStlWork *work, const AdStlParams *params,
					   double *y, Size n, const uint32 *missing,
					   Size nmissing, double *season, double *trend,
					   double *weight);


/* stl_options.c */
typedef enum AdThresholdMethod
{
	AD_THRESHOLD_MAD,
	AD_THRESHOLD_IQR,
	AD_THRESHOLD_SIGMA,
	AD_THRESHOLD_POT
} AdThresholdMethod;

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
	int64		months;			/* filled by sql_options.c from text */
	int64		usec;
} AdSpan;

/* Options as given; 0 or NaN where the series decides. */
typedef struct AdStlOptions
{
	bool		automatic;		/* find the periods */
	int			nperiods;		/* 0 and not automatic: no season */
	AdSpan		periods[AD_SERIES_MAX_SEASONS];
	int			nwindows;		/* seasonal windows given */
	Size		windows[AD_SERIES_MAX_SEASONS]; /* 0: periodic */
	AdSpan		step;			/* of an array; text NULL: not given */
	int			s_degree;
	int			s_jump;
	int			t_window;
	int			t_degree;
	int			t_jump;
	int			l_window;
	int			l_degree;		/* -1: like t_degree */
	int			l_jump;
	int			inner;			/* -1: 1 if robust, else 2 */
	int			outer;			/* -1: 15 if robust, else 0 */
	int			iterations;		/* rounds over several periods */
	bool		robust;
	double		threshold;		/* NaN: the method's own */
	int			method;			/* AdThresholdMethod */
	int			score_window;	/* points to each side */
	int			duplicates;		/* AdDuplicates */
	int			on_error;		/* 0: error, 1: null */
	char	   *timezone;		/* or NULL */
} AdStlOptions;

extern bool ad_series_key_span(JsonbContainer *object, const char *key,
							   double least, AdSpan *span);
extern void ad_stl_options_parse(JsonbContainer *object, AdStlOptions *o);

/* grid.c */

/* Rows laid on an equally spaced grid. */
typedef struct AdGrid
{
	Size		n;				/* points of the grid */
	int64		start;			/* time of point 0 */
	int64		step;			/* microseconds, or units of an integer time */
	int			months;			/* > 0: a step is so many calendar months */
	double	   *y;				/* values; NaN: missing; padded */
	uint32	   *slot;			/* row's point, or AD_NO_SLOT */
} AdGrid;

#define AD_NO_SLOT	PG_UINT32_MAX
#define AD_NO_TIME	PG_INT64_MIN	/* time of a row that has none */

extern bool ad_grid_build(const int64 *t, const int64 *utc, const double *v,
						  Size n, AdDuplicates duplicates, bool calendar,
						  Size each, AdGrid *grid, AdSeriesProblem *problem);
extern int64 ad_grid_time(const AdGrid *grid, Size i);
extern bool ad_grid_span(const AdSpan *span, int64 step, int months,
						 Size *points, AdSeriesProblem *problem);

/* mstl.c */

/*
 * A decomposition.  The caller may provide trend, season and weight (n
 * points and AD_LOESS_PAD zeros each); what is NULL is allocated.
 */
typedef struct AdStlResult
{
	Size		n;
	int			nseasons;		/* 0: trend only */
	Size		periods[AD_SERIES_MAX_SEASONS];
	double	   *seasons[AD_SERIES_MAX_SEASONS]; /* one each; if one: season */
	double	   *trend;
	double	   *season;			/* sum of the seasons */
	double	   *weight;
	bool		empty;			/* no finite value: everything is NaN */
	int			ndropped;		/* periods longer than half the series */
	Size		dropped;		/* one of them */
	/* judge */
	double		center;			/* of the remainders */
	double		scale;			/* of the remainders */
	double		inverse;		/* 1 / scale */
	double		low;			/* remainders below are anomalies */
	double		high;			/* remainders above are anomalies */
} AdStlResult;

extern Size ad_stl_bytes(Size n, const Size *periods, int nperiods);
extern void ad_stl_decompose(const double *y, Size n, const AdStlOptions *o,
							 const Size *periods, int nperiods,
							 AdStlRoom *room, AdStlResult *result);

/* judge.c */
extern void ad_stl_remainder(const AdStlResult *result, const double *y,
							 double *remainder);
extern void ad_stl_judge(AdStlResult *result, const AdStlOptions *o,
						 const double *remainder, AdStlRoom *room);
extern void ad_stl_window_score(const AdStlResult *result,
								const AdStlOptions *o,
								const double *remainder, double *out);

/* The standardised remainder. */
static inline double
ad_stl_score(const AdStlResult *result, double remainder)
{
	return fabs(remainder - result->center) * result->inverse;
}

/* -1, 0 or +1: below, within or above what is expected. */
static inline int
ad_stl_side(const AdStlResult *result, double remainder)
{
	return (remainder > result->high) - (remainder < result->low);
}

/* tail.c: generalised Pareto tails (peaks over threshold) */
typedef struct AdTail
{
	double		level;			/* peaks are excesses over this */
	double		shape;			/* gamma */
	double		scale;			/* sigma */
	double		share;			/* of observations above the level */
} AdTail;

extern void ad_tail_fit(double *excess, Size n, AdTail *tail);
extern double ad_tail_quantile(const AdTail *tail, double risk);

/* periods.c */
extern int	ad_periods_find(const double *y, Size n, int64 step, int months,
							Size *period, double *strength);
extern int	ad_periods_sort(Size *periods, int n);
extern int	ad_periods_auto(const double *y, Size n, int64 step, int months,
							Size *periods);

/* stream.c */
#define AD_STREAM_FIRST		10	/* times seen before the step is known */
#define AD_STREAM_MAX_SLOTS ((uint32) 1048576)	/* of a season */
#define AD_STREAM_MAX_BYTES ((Size) 16 * 1024 * 1024)	/* stored */

typedef struct AdStreamOptions
{
	AdSpan		period;			/* none: no season */
	AdSpan		step;			/* not given: from the first times */
	double		level;			/* gains, 0 to 1 */
	double		trend;
	double		season;
	double		clip;			/* deviations a point may move the state by */
	double		q;				/* risk: share of normal points flagged */
	int			warmup;			/* points before the first verdict, 0: own */
	int			late;			/* 0: count, 1: error */
} AdStreamOptions;

/* Everything that a stream remembers. */
typedef struct AdStream
{
	/* options, resolved */
	double		level_gain;
	double		trend_gain;
	double		season_gain;
	double		clip;
	double		q;
	int64		period;			/* microseconds; 0: see points */
	uint32		points;			/* period in points; 0: see period */
	uint32		warmup;
	bool		late_error;
	/* time */
	int64		step;			/* microseconds; 0: not known yet */
	int64		last;			/* newest time */
	uint32		nfirst;			/* times seen while the step is unknown */
	int64		first[AD_STREAM_FIRST];
	/* counts */
	uint64		n;				/* points taken in */
	uint64		late;			/* points not after the newest */
	uint64		missing;		/* points without a value */
	uint64		anomalies;
	/* forecast */
	double		level;
	double		trend;
	double		scale;			/* of the forecast error */
	/* tail of the standardised error */
	double		tail_level;
	double		tail_mean;		/* of the excesses */
	double		tail_square;	/* of the excesses, mean square */
	uint64		peaks;
	double		bound;			/* errors beyond are anomalies */
	/* season */
	uint32		slots;			/* 0: none, or not known yet */
	double	   *season;
	uint32	   *seen;			/* points per slot, saturating */
} AdStream;

/* What a stream says about a point. */
typedef struct AdStreamPoint
{
	bool		late;			/* refused: nothing else is set */
	bool		judged;			/* score and anomaly are set */
	double		expected;
	double		low;
	double		high;
	double		score;
	int			anomaly;
} AdStreamPoint;

extern void ad_stream_options_parse(JsonbContainer *object,
									AdStreamOptions *o);
extern void ad_stream_init(AdStream *s, const AdStreamOptions *o);
extern void ad_stream_point(AdStream *s, MemoryContext context, int64 t,
							bool has_value, double value,
							AdStreamPoint *out);
extern bytea *ad_stream_write(const AdStream *s);
extern void ad_stream_read(AdStream *s, const uint8 *data, Size len);

/* discord.c */
#define AD_DISCORD_MAX_POINTS	((Size) 4194304)
#define AD_DISCORD_POINT_BYTES	(10 * sizeof(double) + 2) /* worked with */

extern void ad_discord_profile(const double *y, Size n, Size m,
							   Size exclusion, double *distance,
							   int64 *neighbor);
extern void ad_series_cover(const double *window, Size n, Size m,
							double *out);

/* changepoint.c */
#define AD_CHANGEPOINTS_BYTES	(5 * sizeof(double) + 5 * sizeof(uint32))

extern Size ad_changepoints_pelt(const double *y, Size n, double penalty,
								 Size least, uint32 *out);

/* subpca.c */
#define AD_SUBPCA_MAX_WINDOW	256

extern void ad_subpca_scores(const double *y, Size n, Size m, double *score);

/* plot.c */
extern char *ad_series_plot(const double *y, Size n,
							const AdStlResult *result, const double *remainder,
							const char *title, int width, int height,
							const char *first, const char *last);

#endif							/* AD_SERIES_H */
