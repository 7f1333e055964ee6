/*-------------------------------------------------------------------------
 *
 * ad_stream.h
 *		A series scored point by point, with a state of bounded size.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_STREAM_H
#define AD_STREAM_H

#include "series/ad_stl_options.h"

#include "pgtime.h"

#define AD_STREAM_FIRST		10	/* times seen before the step is known, */
#define AD_STREAM_MOST		64	/* or so many if they jitter */
#define AD_STREAM_PHASES	32	/* bins of times' place in a step */
#define AD_STREAM_MAX_SLOTS ((uint32) 1048576)	/* of all seasons */
#define AD_STREAM_MAX_BYTES ((Size) 16 * 1024 * 1024)	/* stored */
#define AD_STREAM_MAX_SHAPE	32	/* points of a shape */
#define AD_STREAM_BINS		256 /* of the tail: 16 octaves over 1, each 16 */
#define AD_STREAM_START		15	/* values whose median the level starts at */

/* What becomes of a point that is not after the newest. */
typedef enum AdLate
{
	AD_LATE_COUNT,
	AD_LATE_ERROR
} AdLate;

/* Options as given. */
typedef struct AdStreamOptions
{
	bool		automatic;		/* find the periods */
	int			nperiods;		/* 0 and not automatic: no season */
	AdSpan		periods[AD_SERIES_MAX_SEASONS];
	AdSpan		step;			/* not given: from the first times */
	double		level;			/* gains, 0 to 1: of the level, */
	double		trend;			/* of the trend */
	double		season;			/* and of a slot of a season */
	double		clip;			/* deviations a point may move the state by */
	double		q;				/* risk: share of normal points flagged */
	int			warmup;			/* points before the first verdict, 0: own */
	int			late;			/* AdLate */
	int			on_error;		/* AdOnError, of data at fault: of a call, not
								 * of the stream */
	char	   *timezone;		/* whose clock the seasons follow, or NULL */
	int			memory;			/* points that the past is made of */
	int			score_window;	/* points that window scores look back */
	int			shape;			/* points of a shape; 0: no shape score */
} AdStreamOptions;

/* One season. */
typedef struct AdStreamSeason
{
	int64		period;			/* microseconds; 0: see points */
	uint32		points;			/* period in points; 0: see period */
	uint32		slots;			/* 0: not laid out yet */
	double		per_time;		/* slots, if they have a length in time */
	double	   *value;			/* of each slot */
	float	   *left;			/* error of a slot's last point that the slot
								 * did not follow; NULL in the first form */
	uint32	   *seen;			/* points per slot, saturating */
} AdStreamSeason;

/* The tail of the scores; stream_bounds.c. */
typedef struct AdStreamTail
{
	double		n;				/* points counted, also those below it */
	double		next_fit;		/* n at which the bound is set next */
	double		flagged;		/* recent share of flagged points */
	bool		was_flagged;	/* the last point */
	bool		few;			/* points that are more than noise are few */
	float		count[AD_STREAM_BINS];	/* points in each bin */
} AdStreamTail;

/* Recent sizes of the error: a median that few points cannot move. */
typedef struct AdStreamRecent
{
	uint32		nsizes;			/* of the block */
	uint32		nblocks;		/* seen, counted to 6 */
	double		size[5];		/* the block */
	double		block[3];		/* medians of the last blocks */
	double		median;			/* of them */
} AdStreamRecent;

/* What the window score keeps; stream_shape.c. */
typedef struct AdStreamWindow
{
	uint64		n;				/* values */
	double		mean;			/* of the past, without season */
	double		variance;
	double		score;			/* trailing mean of clipped deviations */
	double		average;		/* of that score so far */
} AdStreamWindow;

/* What the shape score keeps; stream_shape.c. */
typedef struct AdStreamShape
{
	uint32		m;				/* points of a shape; 0: none is asked for */
	uint32		at;				/* place of the newest value in the ring */
	uint64		n;				/* values */
	uint64		updates;		/* of the inverse; 0: it is not begun */
	double		unit;			/* values are measured in it */
	double		mean_square;	/* of the values in that unit, less their mean */
	double		distance;		/* of the last shape */
	double		score;			/* trailing mean of the distances */
	double		average;		/* of that score so far */
	double	   *ring;			/* m last values */
	double	   *mean;			/* of each place of a shape */
	double	   *inverse;		/* of the covariance, m x m */
} AdStreamShape;

/* Points of a stream that looks for its periods; stream_season.c. */
typedef struct AdStreamHeld
{
	uint32		n;				/* points held; none: see capacity */
	uint32		capacity;		/* 0: none are held */
	uint32		next;			/* points at which to look next; 0: not */
	int64	   *time;			/* as the clock shows it */
	double	   *value;
} AdStreamHeld;

/* A clock; what is known of it is found again after reading. */
typedef struct AdStreamClock
{
	char	   *name;			/* of the time zone; NULL: times as they are */
	pg_tz	   *zone;
	int64		from;			/* Unix seconds: the offset holds */
	int64		until;			/* in [from, until) */
	int64		offset;			/* microseconds */
} AdStreamClock;

/* Where steps begin; stream_step.c. */
typedef struct AdStreamPhase
{
	uint32		n;				/* times in the histogram */
	int32		cut;			/* beginning, in halves of bins */
	int64		shift;			/* the same as a time; what follows is known
								 * from the seasons: */
	int64		length;			/* whose steps are counted from its start */
	double		step;			/* of it, */
	double		per_time;		/* and its reciprocal */
	uint16		bin[AD_STREAM_PHASES];	/* times at each place in a step */
} AdStreamPhase;

/* Everything that a stream remembers. */
typedef struct AdStream
{
	bool		first_form;		/* goes on as 0.2.0 did: see stream_first.c */
	/* options, resolved */
	double		level_gain;		/* share of an error that it moves by */
	double		trend_gain;
	double		season_gain;
	double		clip;			/* deviations a point may move the state by */
	double		q;				/* risk */
	uint32		warmup;			/* points before the first verdict; 0: own */
	uint32		memory;			/* points that the past is made of */
	uint32		score_window;	/* points that window scores look back */
	double		past_gain;		/* least of a mean of the past: 1 / memory, */
	double		window_gain;	/* 1 / score_window, */
	double		scale_gain;		/* of the scale, whose memory is shorter, */
	double		settled;		/* variance of a slot that has seen many
								 * points, in that of the error */
	bool		late_error;		/* late points are errors */
	bool		automatic;		/* finds its periods */
	AdStreamClock clock;
	/* time */
	bool		number;			/* times count, instead of microseconds */
	int64		step;			/* microseconds; 0: not known yet */
	int64		last;			/* newest time */
	int64		last_value;		/* time of the newest value */
	uint32		nfirst;			/* times seen while the step is unknown;
								 * AD_STREAM_MOST: it is known */
	uint32		skipped;		/* rows without a value since the last one */
	int64		first[AD_STREAM_MOST];	/* these times */
	/* counts */
	uint64		n;				/* points taken in */
	uint64		infinite;		/* points that nothing is learnt from */
	uint64		late;			/* points not after the newest */
	uint64		missing;		/* points without a value */
	uint64		anomalies;		/* points flagged */
	/* forecast; stream_learn.c */
	double		level;			/* without season */
	double		trend;			/* a point */
	AdStreamPhase phase;
	double		last_off;		/* of the newest value's time from the middle
								 * of its step */
	double		scale;			/* of the forecast error */
	uint64		nscale;			/* errors that it comes from */
	double		gap_growth;		/* of the error's variance, a missing point */
	double		gap_square;		/* mean square of clipped errors, no gap */
	uint64		ngaps;			/* points after gaps */
	double		magnitude;		/* of values, against what rounding makes */
	double		size[2];		/* of the last two values */
	double		middle;			/* of values, for slots never seen */
	double		spread;			/* of values around it */
	int32		run;			/* errors of one sign beyond the clip */
	double		run_error;		/* least that the last of them left */
	double		start[AD_STREAM_START]; /* first values, sorted */
	AdStreamRecent recent;
	/* verdict */
	double		bound;			/* errors beyond are anomalies */
	AdStreamTail tail;
	/* tail of the first form */
	double		tail_level;		/* peaks are excesses over this */
	double		tail_mean;		/* of the excesses */
	double		tail_square;	/* of the excesses, mean square */
	uint64		peaks;			/* seen so far */
	/* seasons, shortest first once they are laid out */
	int			nseasons;
	AdStreamSeason seasons[AD_SERIES_MAX_SEASONS];
	uint32		longest;		/* slots of the longest season; 0: none yet */
	AdStreamHeld held;
	/* other scores */
	AdStreamWindow window;
	AdStreamShape shape;
} AdStream;

/* What a stream says about a point. */
typedef struct AdStreamPoint
{
	bool		late;			/* refused: nothing else is set */
	bool		judged;			/* score and anomaly are set */
	bool		has_window;		/* window_score is */
	bool		has_shape;		/* shape_score is */
	bool		has_combined;	/* combined_score is */
	double		expected;
	double		low;			/* what is expected at least */
	double		high;			/* and at most */
	double		score;			/* deviations from what was expected */
	int			anomaly;		/* -1: below, 1: above, 0: none */
	double		window_score;	/* deviations of the last points from all */
	double		shape_score;	/* distance of their shape from all */
	double		combined_score; /* of both, over their means */
} AdStreamPoint;

/* stream_options.c */
extern void ad_stream_options_parse(JsonbContainer *object,
									AdStreamOptions *o);

/* sql_stream.c */
extern void ad_stream_check(const AdStreamOptions *o, Oid type);

/* stream.c */
extern void ad_stream_init(AdStream *s, const AdStreamOptions *o);
extern void ad_stream_point(AdStream *s, MemoryContext mcxt, int64 t,
							bool has_value, double value,
							AdStreamPoint *out);

/* stream_bytes.c */
extern bytea *ad_stream_write(const AdStream *s);
extern void ad_stream_read(AdStream *s, const uint8 *data, Size len);

/* stream_season.c */
extern uint32 ad_stream_slots(const AdStream *s);

#endif							/* AD_STREAM_H */
