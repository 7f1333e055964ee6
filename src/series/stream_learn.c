/*-------------------------------------------------------------------------
 *
 * stream_learn.c
 *		What a stream expects of a point, and learns from it.
 *
 * The forecast is Holt-Winters' additive exponential smoothing made robust
 * after Gelper, Fried & Croux (2010), "Robust forecasting with exponential
 * and Holt-Winters smoothing", Journal of Forecasting 29: the state moves by
 * the forecast error clipped to a few deviations, so an outlier leaves little
 * behind.  Gains start as plain means (1 / points seen), level and each slot
 * for itself, and settle at the options' values.
 *
 * What is clipped could be kept wrong for ever.  So nothing is:
 *
 * - the clip is of the greater of the scale and the median of the last
 *	 errors, which the scale follows at once if it is greater;
 * - a run of errors of one sign beyond the clip is a shift: the level moves
 *	 by the lesser of the last two;
 * - a slot whose last two errors are both beyond the clip, on one side, moves
 *	 by the lesser: it is the median of what it was and two points.  Its first
 *	 three points are so too: no glitch stays in the season;
 * - an error may count for twenty times the scale in the scale itself, and for
 *	 all of it as long as there is none.
 *
 * With seasons the level stays 0 until all slots of a point are seen, so that
 * it does not run after the season; the slots hold the whole values.
 *
 * The error of a point is divided by what makes it greater than others: slots
 * that few points are in, and points missing before it, whose part of the
 * variance is learnt.
 *
 *-------------------------------------------------------------------------
 */
#include "series/ad_grid.h"
#include "series/ad_stream_parts.h"

#include <float.h>

#define SCALE_FAST		0.04	/* weight of an error while they are greater */
#define SCALE_CLIP		20.0	/* deviations that an error may count for */
#define RECENT_PART		0.74	/* of a normal's deviation: half of 1.4826 */
#define RECENT_NORMAL	1.4826	/* deviations of a normal's median size */
#define MIDDLE_GAIN		0.01
#define SIZE_GAIN		0.001	/* of the values' size */
#define MIDDLE_CLIP		5.0		/* spreads */
#define GAP_LIMIT		1000	/* points missing that count */
#define GAP_GAIN		0.005
#define GAP_PRIOR		10		/* gaps that the first guess counts for */
#define GAP_CLIP		4.0		/* deviations */
#define GAP_GROWTH_MAX	1.5		/* of the variance, a missing point */
#define ROUNDING		(1e3 * DBL_EPSILON)

/* Return x, but no farther from 0 than the limit. */
static inline double
clipped(double x, double limit)
{
	return Max(Min(x, limit), -limit);
}

/* Return the root of the sum of two squares, which may be beyond a double. */
static inline double
root_of_squares(double a, double b)
{
	double		most = Max(a, b);
	double		part = most > 0 ? Min(a, b) / most : 0;

	return most * sqrt(1.0 + part * part);
}

/* Return what a state may hold: values are bounded, and sums of few. */
static inline double
held(double x)
{
	return clipped(x, 4 * AD_STREAM_HUGE);
}

/* Return what a slot did not follow. */
static inline float
left_of(double rest)
{
	return (float) clipped(rest, FLT_MAX);
}

/* Return the middle one. */
static inline double
median_of_3(double a, double b, double c)
{
	return Max(Min(a, b), Min(Max(a, b), c));
}

/* Sort a few numbers. */
static void
sort_few(double *x, int n)
{
	for (int i = 1; i < n; i++)
		for (int j = i; j > 0 && x[j - 1] > x[j]; j--)
		{
			double		swap = x[j];

			x[j] = x[j - 1];
			x[j - 1] = swap;
		}
}

/* Return the points missing before one at time t. */
static double
gap_before(const AdStream *s, int64 t, double off)
{
	double		steps;

	if (s->step == 0)
		return Min(s->skipped, GAP_LIMIT);
	if (s->last_value == AD_NO_TIME)
		return 0;
	steps = ((double) t - (double) s->last_value - off + s->last_off) / (double) s->step;
	if (steps < 1.5)
		return 0;
	steps -= 0.5;
	return steps < GAP_LIMIT ? (double) (int) steps : GAP_LIMIT;
}

/*
 * Add up the slots of a point, and what the error's variance grows by because
 * few points were in them.
 */
static double
add_slots(const AdStream *s, int64 local, AdStreamForecast *f)
{
	double		growth = 0;

	for (int i = 0; i < s->nseasons; i++)
	{
		const AdStreamSeason *season = &s->seasons[i];
		uint32		slot = ad_stream_slot(s, season, local);
		uint32		seen = season->seen[slot];

		f->slot[i] = slot;
		f->season += season->value[slot];
		if (i == 0)
			f->has_season = seen > 0;
		if (seen == 0)
			f->unseen = true;
		else if (seen * s->settled < 1.0)
			growth += 1.0 / seen - s->settled;
	}
	return growth;
}

/*
 * Widen what is expected of a point whose slot has not been seen, or has seen
 * two points that differ.
 */
static void
widen(const AdStream *s, AdStreamForecast *f)
{
	if (f->unseen)
	{
		f->expected = s->middle;
		f->width = root_of_squares(f->width, AD_STREAM_NORMAL * s->spread);
		return;
	}
	for (int i = 0; i < s->nseasons; i++)
		if (s->seasons[i].seen[f->slot[i]] == 2)
		{
			double		left = fabs(s->seasons[i].left[f->slot[i]]);

			if (left > s->clip * f->width)
				f->width = root_of_squares(f->width, left);
		}
}

/* Foretell a point at time t, which the clock shows as local. */
void
ad_stream_forecast(AdStream *s, int64 t, int64 local, AdStreamForecast *f)
{
	double		growth = 0;

	f->unseen = false;
	f->has_season = s->nseasons == 0;
	f->season = 0;
	f->off = 0;
	if (s->step > 0)
	{
		f->off = ad_stream_follow_phase(s, local);
		local = ad_stream_in_phase(s, local);
	}
	if (s->longest > 0)
		growth = add_slots(s, local, f);
	f->gap = gap_before(s, t, f->off);
	growth += f->gap * s->gap_growth;
	f->expected = s->level + s->trend * (f->gap + 1.0) + f->season;
	/* never less than what rounding alone makes */
	f->floor = ROUNDING * s->magnitude;
	f->scale = Max(Max(s->scale, f->floor), RECENT_PART * s->recent.median);
	f->factor = growth > 0 ? sqrt(1.0 + growth) : 1.0;
	f->width = f->scale * f->factor;
	if (s->longest > 0)
		widen(s, f);
}

/* Follow the size of the values, which no single one moves. */
static void
learn_magnitude(AdStream *s, double value)
{
	double		size = fabs(value);
	double		middle = size;

	if (s->n >= 2)
		middle = median_of_3(size, s->size[0], s->size[1]);
	else if (s->n == 1)
		middle = Min(size, s->size[0]);
	s->size[1] = s->size[0];
	s->size[0] = size;
	s->magnitude += ad_stream_gain(s->n, SIZE_GAIN) * (middle - s->magnitude);
}

/* Follow the middle of the values and their spread, for slots never seen. */
static void
learn_middle(AdStream *s, double value)
{
	double		step = ad_stream_gain(s->n, MIDDLE_GAIN);
	double		off = value - s->middle;

	if (s->n > 5 && s->spread > 0)
		off = clipped(off, MIDDLE_CLIP * s->spread);
	if (s->n > 0)
		s->spread += step * (fabs(off) - s->spread);
	s->middle += step * off;
}

/* Follow the median size of the last errors: of three medians of five. */
static void
learn_recent(AdStreamRecent *r, double size)
{
	const double *x = r->size;

	r->size[r->nsizes++] = size;
	if (r->nsizes < 5)
		return;
	r->nsizes = 0;
	/* the median of five, without a look at what order they have */
	r->block[r->nblocks % 3] =
		median_of_3(Max(Min(x[0], x[1]), Min(x[2], x[3])),
					Min(Max(x[0], x[1]), Max(x[2], x[3])), x[4]);
	r->nblocks++;
	if (r->nblocks >= 3)
		r->median = median_of_3(r->block[0], r->block[1], r->block[2]);
	else
		r->median = Min(r->block[0], r->nblocks > 1 ? r->block[1] : r->block[0]);
	/* so that it stays small: what counts is the place in the ring */
	if (r->nblocks == 6)
		r->nblocks = 3;
}

/*
 * Without a season, the first values have their median for a level; of the
 * last of them comes the scale, from all but the two that are farthest off.
 */
static void
learn_start(AdStream *s, double value)
{
	double		size[AD_STREAM_START];
	double		sum = 0;
	const int	kept = AD_STREAM_START - 2;
	int			n = (int) s->n;
	int			i = n;

	while (i > 0 && s->start[i - 1] > value)
	{
		s->start[i] = s->start[i - 1];
		i--;
	}
	s->start[i] = value;
	n++;
	s->level = n % 2 == 1 ? s->start[n / 2] :
		0.5 * s->start[n / 2 - 1] + 0.5 * s->start[n / 2];
	if (n < AD_STREAM_START)
		return;
	for (i = 0; i < n; i++)
		size[i] = fabs(s->start[i] - s->level);
	sort_few(size, n);
	for (i = 0; i < kept; i++)
		sum += size[i];
	s->scale = 1.25 * AD_STREAM_NORMAL * sum / kept;
	s->nscale = AD_STREAM_START;
	if (size[kept - 1] > 0)
		return;
	/* all but one or two are equal: these are what there is to know */
	s->tail.n = n;
	for (i = kept; i < n; i++)
		if (size[i] > 0)
		{
			s->scale += AD_STREAM_NORMAL * size[i] / n;
			ad_stream_tail_event(s, n / AD_STREAM_NORMAL);
		}
}

/* Give the first points of slots to them, the shortest season first. */
static void
learn_unseen(AdStream *s, const AdStreamForecast *f, double value)
{
	double		rest = value - s->level - f->season;

	for (int i = 0; i < s->nseasons; i++)
	{
		AdStreamSeason *season = &s->seasons[i];
		uint32		slot = f->slot[i];
		double		moved = ad_stream_gain(season->seen[slot], s->season_gain) * rest;

		season->value[slot] = held(season->value[slot] + moved);
		rest -= moved;
		season->left[slot] = left_of(rest);
		if (season->seen[slot] < AD_STREAM_MAX_SEEN)
			season->seen[slot]++;
	}
}

/* Move the level by an error after so many points missing; return how far. */
static double
learn_level(AdStream *s, double gap, double error, double limit)
{
	double		gain = s->longest > 0 ? s->level_gain :
		ad_stream_gain(s->n, s->level_gain);
	double		moved = gain * clipped(error, limit);

	s->level += s->trend * (gap + 1.0);
	s->trend = held(s->trend + s->trend_gain * moved);
	if (fabs(error) <= limit)
		s->run = 0;
	else if (error > 0)
		s->run = Max(s->run, 0) + 1;
	else
		s->run = Min(s->run, 0) - 1;
	if (abs(s->run) >= AD_STREAM_RUN)
	{
		moved = Min(fabs(error), s->run_error);
		if (error < 0)
			moved = -moved;
		s->run /= 2;
	}
	s->run_error = fabs(error) - fabs(moved);
	s->level = held(s->level + moved);
	return moved;
}

/* Move the slots of a point by what the level left of its error. */
static void
learn_slots(AdStream *s, const AdStreamForecast *f, double rest, double limit)
{
	for (int i = 0; i < s->nseasons; i++)
	{
		AdStreamSeason *season = &s->seasons[i];
		uint32		slot = f->slot[i];
		uint32		seen = season->seen[slot];
		double		left = season->left[slot];
		double		moved;

		if (seen == 1)
			moved = 0.5 * rest;
		else if (fabs(rest) > limit && fabs(left) > limit &&
				 (rest > 0) == (left > 0))
		{
			moved = rest > 0 ? Min(rest, left) : Max(rest, left);
			seen = 2;
		}
		else
			moved = ad_stream_gain(seen, s->season_gain) * clipped(rest, limit);
		season->value[slot] = held(season->value[slot] + moved);
		rest -= moved;
		season->left[slot] = left_of(rest);
		season->seen[slot] = Min(seen + 1, AD_STREAM_MAX_SEEN);
	}
}

/*
 * Follow the scale: mean size of the errors, times what makes it a normal
 * deviation.  Return whether it was nothing and the error is something.
 */
static bool
learn_scale(AdStream *s, const AdStreamForecast *f, double size)
{
	double		step = ad_stream_gain(s->nscale, s->scale_gain);
	double		most = Max(SCALE_CLIP, 1.5 * s->bound) * s->scale;
	bool		first = s->scale <= f->floor && size > 10 * f->scale;

	learn_recent(&s->recent, size);
	if (RECENT_PART * s->recent.median > s->scale)
		step = Max(step, SCALE_FAST);
	size *= AD_STREAM_NORMAL;
	if (s->scale > f->floor && s->nscale >= (s->longest > 0 ? 5 : AD_STREAM_START))
		size = Min(size, most);
	s->scale += step * (size - s->scale);
	s->nscale++;
	return first;
}

/* Learn by how much the variance of the error grows with a missing point. */
static void
learn_gap(AdStream *s, const AdStreamForecast *f, double error)
{
	double		square = Min(fabs(error) / f->scale, GAP_CLIP);

	square *= square;
	if (f->gap == 0)
	{
		s->gap_square += ad_stream_gain(s->nscale, GAP_GAIN) * (square - s->gap_square);
		return;
	}
	if (s->gap_square <= 0)
		return;
	s->gap_growth += ad_stream_gain(s->ngaps + GAP_PRIOR, GAP_GAIN) *
		((square / s->gap_square - 1.0) / f->gap - s->gap_growth);
	s->gap_growth = Min(s->gap_growth, GAP_GROWTH_MAX);
	s->gap_growth = Max(s->gap_growth, s->level_gain * s->level_gain);
	s->ngaps++;
}

/* Learn from a point, of which the stream has said what it expects. */
void
ad_stream_learn(AdStream *s, const AdStreamForecast *f, double value,
				double z, bool flagged)
{
	double		error = value - f->expected;
	double		limit;
	double		moved;

	if (s->n == 0)
		s->gap_growth = s->level_gain * s->level_gain;
	learn_magnitude(s, value);
	if (s->longest > 0 || s->n < AD_STREAM_START)
		learn_middle(s, value);
	if (s->longest == 0 && s->n < AD_STREAM_START)
	{
		learn_start(s, value);
		return;
	}
	if (f->unseen)
	{
		learn_unseen(s, f, value);
		return;
	}
	limit = s->clip * f->factor *
		Max(f->scale, RECENT_NORMAL * s->recent.median);
	moved = learn_level(s, f->gap, error, limit);
	if (s->longest > 0)
		learn_slots(s, f, error - moved, limit);
	if (f->scale > 0)
		learn_gap(s, f, error);
	if (learn_scale(s, f, fabs(error) / f->factor))
		ad_stream_tail_event(s, fabs(error) / f->factor / s->scale);
	else if (s->nscale > AD_STREAM_START)
		ad_stream_tail_add(s, z, flagged);
}
