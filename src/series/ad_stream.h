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
	int			late;			/* AdLate */
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
extern void ad_stream_point(AdStream *s, MemoryContext mcxt, int64 t,
							bool has_value, double value,
							AdStreamPoint *out);
extern bytea *ad_stream_write(const AdStream *s);
extern void ad_stream_read(AdStream *s, const uint8 *data, Size len);

#endif							/* AD_STREAM_H */
