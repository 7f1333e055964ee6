/*-------------------------------------------------------------------------
 *
 * stream_judge.c
 *		What a stream says about a point that has a value.
 *
 *-------------------------------------------------------------------------
 */
#include "series/ad_stream_parts.h"

#define QUIET_POINTS	30		/* at least, before the first verdict */
#define QUIET_AUTO		1024	/* of a stream that looks for its periods */
#define QUIET_EQUAL		100		/* if all of them are equal, */
#define QUIET_FEW		150		/* or most: of a season that is not known */
#define QUIET_SCALE		10		/* errors, before they have a scale */

/* Tell whether the stream judges its next point. */
static bool
judges(const AdStream *s)
{
	uint64		quiet = s->warmup;

	if (quiet == 0)
		quiet = s->held.capacity > 0 && s->longest == 0 ? QUIET_AUTO :
			Max(2 * (uint64) s->longest, QUIET_POINTS);
	if (s->n < quiet)
		return false;
	if (s->longest == 0)
		return s->n >= AD_STREAM_START;
	return s->nscale >= QUIET_SCALE;
}

/*
 * Tell whether most points are equal so far, and too few to say what others
 * there are.
 */
static bool
few_equal(const AdStream *s, const AdStreamForecast *f)
{
	if (s->scale <= f->floor)
		return s->n < QUIET_EQUAL;
	return s->n < QUIET_FEW && s->tail.few &&
		(s->longest > 0 || s->recent.median <= f->floor);
}

/* Set what is expected of a point. */
void
ad_stream_expect(const AdStream *s, const AdStreamForecast *f, AdStreamPoint *out)
{
	out->expected = f->expected;
	out->low = f->expected - s->bound * f->width;
	out->high = f->expected + s->bound * f->width;
}

/* Flag a point. */
static void
flag(AdStream *s, bool above, AdStreamPoint *out)
{
	out->anomaly = above ? 1 : -1;
	s->anomalies++;
}

/* Take in a point that has a value. */
void
ad_stream_take(AdStream *s, int64 t, int64 local, double value,
			   AdStreamPoint *out)
{
	AdStreamForecast f;
	double		error;

	ad_stream_forecast(s, t, local, &f);
	ad_stream_expect(s, &f, out);
	out->judged = judges(s);
	if (fabs(value) > AD_STREAM_HUGE)
	{
		/* beyond every finite value, and nothing to learn from */
		out->score = INFINITY;
		if (out->judged)
			flag(s, value > 0, out);
		s->infinite++;
		ad_stream_scores(s, out);
		return;
	}
	error = fabs(value - f.expected);
	out->score = f.width > 0 ? error / f.width :
		error > 0 ? AD_STREAM_MAX_SCORE : 0;
	out->score = Min(out->score, AD_STREAM_MAX_SCORE);
	if (out->judged && out->score > s->bound && !few_equal(s, &f))
		flag(s, value > f.expected, out);
	if (f.has_season)
		ad_stream_window_add(s, value - f.season);
	if (s->shape.m > 0)
		ad_stream_shape_add(s, value);
	ad_stream_scores(s, out);
	ad_stream_learn(s, &f, value, out->score, out->anomaly != 0);
	s->last_value = t;
	s->last_off = f.off;
	s->skipped = 0;
	s->n++;
}
