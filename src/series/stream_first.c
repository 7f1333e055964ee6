/*-------------------------------------------------------------------------
 *
 * stream_first.c
 *		A stream whose state 0.1.0 or 0.2.0 stored, which goes on as it did.
 *
 * Level, trend and one season move by clipped errors alone, the scale is that
 * of the last hundred, and the tail is kept by its two moments: a wrong start
 * is kept for long, see stream_learn.c.  Such states cannot become those of
 * today, since what they would have to know is not in them; a stream begun
 * anew is of today's form.
 *
 *-------------------------------------------------------------------------
 */
#include "series/ad_pareto.h"
#include "series/ad_stream_parts.h"

#include <float.h>

#define TAIL_SHARE		0.02	/* of errors above the tail's level */
#define TAIL_PRIOR		10		/* peaks that the first guess counts for */
#define TAIL_GROSS		20.0	/* mean excesses a peak may count for */
#define TAIL_STEP		0.05	/* of the tail's level towards its quantile */
#define MAX_SHAPE		0.5		/* of the tail: heavier ones have no variance */
#define MIN_BOUND		3.0		/* deviations that are always expected */
#define QUIET_POINTS	30		/* at least, before the first verdict */
#define UNCLIPPED_POINTS 10		/* whose errors are not clipped */
#define FIRST_CYCLES_GAIN 0.1	/* share of the level's gain in them */
#define MIN_WEIGHT		0.01	/* of a point, for scale and tail */
#define SLOT_SEEN_MAX	1000000

/* Return the slots of the season; 0: none, or not known yet. */
static inline uint32
slots_of(const AdStream *s)
{
	return s->nseasons > 0 ? s->seasons[0].slots : 0;
}

/* Return the slot of a time. */
static uint32
slot_of(const AdStream *s, int64 t)
{
	const AdStreamSeason *season = &s->seasons[0];
	int64		r;
	double		slot;

	if (season->points > 0)
		return ad_stream_slot(s, season, t);
	r = t % season->period;
	if (r < 0)
		r += season->period;
	slot = (double) r / (double) season->period * season->slots;
	return Min((uint32) slot, season->slots - 1);
}

/* Set the bound for the risk, from the tail's moments. */
void
ad_stream_first_bound(AdStream *s)
{
	double		variance = s->tail_square - s->tail_mean * s->tail_mean;
	double		ratio = s->tail_mean * s->tail_mean / Max(variance, 1e-300);
	AdParetoTail tail;

	/* method of moments: mean and variance of the generalised Pareto */
	tail.level = s->tail_level;
	tail.shape = Max(Min(0.5 * (1.0 - ratio), MAX_SHAPE), -MAX_SHAPE);
	tail.scale = s->tail_mean * (1.0 - tail.shape);
	tail.share = TAIL_SHARE;
	s->bound = Max(ad_pareto_quantile(&tail, s->q), MIN_BOUND);
}

/* Set what is expected of the next point, whose season is given. */
static void
expect(const AdStream *s, double season, AdStreamPoint *out)
{
	out->expected = s->level + s->trend + season;
	out->low = out->expected - s->bound * s->scale;
	out->high = out->expected + s->bound * s->scale;
}

/* Return how many points come before the first verdict. */
static uint64
quiet_points(const AdStream *s)
{
	uint32		slots = slots_of(s);

	if (s->warmup > 0)
		return s->warmup;
	if (slots == 0 && s->nseasons > 0)
		slots = s->seasons[0].points;
	return Max(2 * (uint64) slots, QUIET_POINTS);
}

/* Flag a point beyond the bound, if the stream judges already. */
static void
flag(AdStream *s, bool above, AdStreamPoint *out)
{
	if (!out->judged)
		return;
	out->anomaly = above ? 1 : -1;
	s->anomalies++;
}

/* Score the forecast's error in units of the scale. */
static void
judge(AdStream *s, double error, AdStreamPoint *out)
{
	double		z = s->scale > 0 ? fabs(error) / s->scale :
		error != 0 ? AD_STREAM_MAX_SCORE : 0;

	out->score = Min(z, AD_STREAM_MAX_SCORE);
	if (out->score > s->bound)
		flag(s, error > 0, out);
}

/*
 * Move level, trend and the season's slot by the error; return how far a
 * point may move the state, which is the error clipped.
 */
static double
learn_level(AdStream *s, double error, uint32 slot)
{
	double		moved = error;
	double		gain = Max(s->level_gain, 1.0 / (double) (s->n + 1));
	double		before = s->level;

	/* while little is known, nothing is clipped */
	if (s->n >= UNCLIPPED_POINTS && s->scale > 0)
		moved = Max(Min(error, s->clip * s->scale), -s->clip * s->scale);
	if (slots_of(s) > 0)
	{
		double		own = 1.0 / (double) (s->seasons[0].seen[slot] + 1);
		double		share = Max(s->season_gain, own);

		/*
		 * In its first cycles a slot takes the error, not the level: else the
		 * level runs after the season.
		 */
		if (s->seasons[0].seen[slot] < 2)
		{
			if (s->n > slots_of(s) / 2 && s->seasons[0].seen[slot] == 0)
				gain = 0;
			share = own;
			moved = s->seasons[0].seen[slot] == 0 ? error : moved;
			gain *= FIRST_CYCLES_GAIN;
		}
		s->seasons[0].value[slot] += share * (1.0 - gain) * moved;
		if (s->seasons[0].seen[slot] < SLOT_SEEN_MAX)
			s->seasons[0].seen[slot]++;
	}
	s->level += s->trend + gain * moved;
	s->trend += s->trend_gain * (s->level - before - s->trend);
	return moved;
}

/*
 * Follow the scale: mean absolute error, times what makes it a normal
 * deviation.  A slot's first point says nothing of it.
 */
static void
learn_scale(AdStream *s, double moved, double value, uint32 slot)
{
	double		size = fabs(moved) * AD_STREAM_NORMAL;
	double		weight = 1.0 / (double) (s->n + 1);

	if (slots_of(s) > 0 && s->seasons[0].seen[slot] <= 1)
		return;
	if (slots_of(s) > 0)
		weight = s->n > slots_of(s) ?
			1.0 / (double) (s->n - slots_of(s) + 1) : 1.0;
	weight = Max(weight, MIN_WEIGHT);
	s->scale += weight * (size - s->scale);
	/* never below what rounding alone makes */
	s->scale = Max(s->scale, 1e3 * DBL_EPSILON * fabs(value));
}

/* Follow the tail of the scores, of a point that is none of the anomalies. */
static void
learn_tail(AdStream *s, double z)
{
	bool		peak = z > s->tail_level;

	if (peak)
	{
		double		excess = Min(z - s->tail_level,
								 TAIL_GROSS * s->tail_mean);
		double		weight;

		s->peaks++;
		weight = Max(1.0 / (double) (s->peaks + TAIL_PRIOR), MIN_WEIGHT);
		s->tail_mean += weight * (excess - s->tail_mean);
		s->tail_square += weight * (excess * excess - s->tail_square);
	}
	s->tail_level += TAIL_STEP * ((peak ? 1.0 : 0.0) - TAIL_SHARE);
	s->tail_level = Max(Min(s->tail_level, AD_STREAM_MAX_LEVEL), AD_STREAM_MIN_LEVEL);
	if (peak)
		ad_stream_first_bound(s);
}

/* Take in a point of a stream whose season has been prepared. */
void
ad_stream_first_point(AdStream *s, int64 t, bool has_value, double value,
					  AdStreamPoint *out)
{
	uint32		slot = 0;
	double		error;
	double		moved;

	if (slots_of(s) > 0)
		slot = slot_of(s, t);
	expect(s, slots_of(s) > 0 ? s->seasons[0].value[slot] : 0, out);
	if (!has_value)
	{
		s->missing++;
		return;
	}

	out->judged = s->n >= quiet_points(s);
	if (fabs(value) > AD_STREAM_HUGE)
	{
		/* beyond every finite value, and nothing to learn from */
		out->score = INFINITY;
		flag(s, value > 0, out);
	}
	else if (s->n == 0)
		s->level = value;
	else
	{
		error = value - out->expected;
		judge(s, error, out);
		moved = learn_level(s, error, slot);
		learn_scale(s, moved, value, slot);
		if (out->judged && out->anomaly == 0)
			learn_tail(s, out->score);
	}
	s->n++;
}
