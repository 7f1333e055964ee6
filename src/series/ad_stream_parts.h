/*-------------------------------------------------------------------------
 *
 * ad_stream_parts.h
 *		A stream: what its files share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_STREAM_PARTS_H
#define AD_STREAM_PARTS_H

#include "series/ad_stream.h"

#define AD_STREAM_HUGE		1e300	/* larger values count as infinite */
#define AD_STREAM_MAX_SCORE	1e6 /* of a finite point */
#define AD_STREAM_MAX_SEEN	65535	/* of a slot */
#define AD_STREAM_SPAN		4e18	/* microseconds of a period or a step */
#define AD_STREAM_HELD		4096	/* points held to find periods in */
#define AD_STREAM_RUN		6	/* errors of one sign that are a shift */
#define AD_STREAM_TIMES		1024	/* whose place in a step is counted; then
									 * half of them */
#define AD_STREAM_CUT_LIMIT (1 << 20)	/* halves of bins */
#define AD_STREAM_MIN_LEVEL	1.0 /* of the tail of the first form */
#define AD_STREAM_MAX_LEVEL	10.0
#define AD_STREAM_NORMAL	1.2533141373155001	/* sqrt(pi / 2): deviations of
												 * a normal's mean absolute
												 * value */

/* A point on its way: what is expected of it, and how far off that may be. */
typedef struct AdStreamForecast
{
	uint32		slot[AD_SERIES_MAX_SEASONS];	/* of each season */
	bool		unseen;			/* a slot was never seen: its season is
								 * unknown */
	bool		has_season;		/* there is none, or the shortest is known */
	double		season;			/* sum of the slots */
	double		off;			/* of its time from the middle of its step */
	double		gap;			/* points missing before this one */
	double		expected;
	double		floor;			/* error that rounding alone makes */
	double		scale;			/* of the error, of a point like others */
	double		factor;			/* of this point's error, to it */
	double		width;			/* of this point's error */
} AdStreamForecast;

/*
 * Return the gain of a mean, of n values before: 1 / (n + 1), but not less
 * than so much.
 */
static inline double
ad_stream_gain(uint64 n, double least)
{
	double		count = (double) (n + 1);

	return count * least >= 1.0 ? least : 1.0 / count;
}

/* Return whole times of a length since the epoch, rounded down. */
static inline int64
ad_stream_whole(int64 t, int64 length)
{
	return t / length - (t % length < 0 ? 1 : 0);
}

/* Return a time against the beginning of the steps. */
static inline int64
ad_stream_in_phase(const AdStream *s, int64 t)
{
	int64		shift = s->phase.shift;

	/* of times at the ends of what there is, the phase is not kept */
	if (shift > 0 ? t < PG_INT64_MIN + shift : t > PG_INT64_MAX + shift)
		return t;
	return t - shift;
}

/*
 * Return the slot of a time: whole steps since the epoch, modulo the season,
 * or the part of the period that has passed.
 */
static inline uint32
ad_stream_slot(const AdStream *s, const AdStreamSeason *season, int64 t)
{
	int64		r;
	double		slot;

	if (season->points > 0)
	{
		r = ad_stream_whole(t, s->step) % (int64) season->slots;
		return (uint32) (r < 0 ? r + season->slots : r);
	}
	r = t % season->period;
	if (r < 0)
		r += season->period;
	slot = (double) r * season->per_time;
	return Min((uint32) slot, season->slots - 1);
}

/* stream_step.c */
extern int64 ad_stream_step(const int64 *t, Size n, int64 given);
extern bool ad_stream_learn_step(AdStream *s, int64 t);
extern void ad_stream_set_phase(AdStream *s);
extern double ad_stream_follow_phase(AdStream *s, int64 local);

/* stream_season.c */
extern void ad_stream_prepare(AdStream *s, MemoryContext mcxt, int64 t);
extern int64 ad_stream_local(AdStream *s, int64 t);
extern void ad_stream_lay_out(AdStream *s, MemoryContext mcxt);
extern void ad_stream_zone(AdStream *s, const char *name, Size length);
extern void ad_stream_set_rates(AdStream *s);
extern void ad_stream_hold(AdStream *s, MemoryContext mcxt, int64 t,
						   double value);

/* stream_learn.c */
extern void ad_stream_forecast(AdStream *s, int64 t, int64 local,
							   AdStreamForecast *f);
extern void ad_stream_learn(AdStream *s, const AdStreamForecast *f,
							double value, double z, bool flagged);

/* stream_bounds.c */
extern void ad_stream_tail_init(AdStream *s);
extern void ad_stream_tail_add(AdStream *s, double z, bool flagged);
extern void ad_stream_tail_event(AdStream *s, double z);

/* stream_shape.c */
extern void ad_stream_shape_init(AdStream *s, uint32 m);
extern void ad_stream_shape_room(AdStreamShape *shape, MemoryContext mcxt);
extern void ad_stream_window_add(AdStream *s, double value);
extern void ad_stream_shape_add(AdStream *s, double value);
extern void ad_stream_scores(const AdStream *s, AdStreamPoint *out);

/* stream.c */
extern void ad_stream_set_gains(AdStream *s);

/* stream_judge.c */
extern void ad_stream_expect(const AdStream *s, const AdStreamForecast *f,
							 AdStreamPoint *out);
extern void ad_stream_take(AdStream *s, int64 t, int64 local, double value,
						   AdStreamPoint *out);

/* stream_first.c */
extern void ad_stream_first_point(AdStream *s, int64 t, bool has_value,
								  double value, AdStreamPoint *out);
extern void ad_stream_first_bound(AdStream *s);

#endif							/* AD_STREAM_PARTS_H */
