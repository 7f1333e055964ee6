/*-------------------------------------------------------------------------
 *
 * ad_stream.h
 *		A series scored point by point, with a state of constant size.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_STREAM_H
#define AD_STREAM_H

#include "series/ad_stl_options.h"

/* stream.c */
#define AD_STREAM_FIRST		10	/* times seen before the step is known */
#define AD_STREAM_MAX_SLOTS ((uint32) 1048576)	/* of a season */
#define AD_STREAM_MAX_BYTES ((Size) 16 * 1024 * 1024)	/* stored */

/* What becomes of a point that is not after the newest. */
typedef enum AdLate
{
	AD_LATE_COUNT,
	AD_LATE_ERROR
} AdLate;

/* Options as given. */
typedef struct AdStreamOptions
{
	AdSpan		period;			/* none: no season */
	AdSpan		step;			/* not given: from the first times */
	double		level;			/* gains, 0 to 1: of the level, */
	double		trend;			/* of the trend */
	double		season;			/* and of a slot of the season */
	double		clip;			/* deviations a point may move the state by */
	double		q;				/* risk: share of normal points flagged */
	int			warmup;			/* points before the first verdict, 0: own */
	int			late;			/* AdLate */
	int			on_error;		/* AdOnError, of data at fault: of a call, not
								 * of the stream */
} AdStreamOptions;

/* Everything that a stream remembers. */
typedef struct AdStream
{
	/* options, resolved */
	double		level_gain;		/* share of an error that it moves by */
	double		trend_gain;
	double		season_gain;
	double		clip;			/* deviations a point may move the state by */
	double		q;				/* risk */
	int64		period;			/* microseconds; 0: see points */
	uint32		points;			/* period in points; 0: see period */
	uint32		warmup;			/* points before the first verdict; 0: own */
	bool		late_error;		/* late points are errors */
	/* time */
	bool		number;			/* times count, instead of microseconds */
	int64		step;			/* microseconds; 0: not known yet */
	int64		last;			/* newest time */
	uint32		nfirst;			/* times seen while the step is unknown */
	int64		first[AD_STREAM_FIRST]; /* these times */
	/* counts */
	uint64		n;				/* points taken in */
	uint64		late;			/* points not after the newest */
	uint64		missing;		/* points without a value */
	uint64		anomalies;		/* points flagged */
	/* forecast */
	double		level;			/* without season */
	double		trend;			/* a point */
	double		scale;			/* of the forecast error */
	/* tail of the standardised error */
	double		tail_level;		/* peaks are excesses over this */
	double		tail_mean;		/* of the excesses */
	double		tail_square;	/* of the excesses, mean square */
	uint64		peaks;			/* seen so far */
	double		bound;			/* errors beyond are anomalies */
	/* season */
	uint32		slots;			/* 0: none, or not known yet */
	double	   *season;			/* of each slot */
	uint32	   *seen;			/* points per slot, saturating */
} AdStream;

/* What a stream says about a point. */
typedef struct AdStreamPoint
{
	bool		late;			/* refused: nothing else is set */
	bool		judged;			/* score and anomaly are set */
	double		expected;
	double		low;			/* what is expected at least */
	double		high;			/* and at most */
	double		score;			/* deviations from what was expected */
	int			anomaly;		/* -1: below, 1: above, 0: none */
} AdStreamPoint;

extern void ad_stream_options_parse(JsonbContainer *object,
									AdStreamOptions *o);
extern void ad_stream_init(AdStream *s, const AdStreamOptions *o);
extern void ad_stream_point(AdStream *s, MemoryContext mcxt, int64 t,
							bool has_value, double value,
							AdStreamPoint *out);
extern bytea *ad_stream_write(const AdStream *s);
extern void ad_stream_read(AdStream *s, const uint8 *data, Size len);

#endif							/* AD_STREAM_H */
