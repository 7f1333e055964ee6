/*-------------------------------------------------------------------------
 *
 * stream.c
 *		Scores of a stream: one pass, strictly causal, constant work a point.
 *
 * A point goes through four parts, each in a file of its own, which
 * stream_judge.c puts together:
 *
 * - stream_learn.c: what is expected of it, and how far off it may be; and
 *	 what is learnt from it.
 * - stream_bounds.c: how far off is too far, by SPOT's extrapolation of the
 *	 tail of the errors to the risk q.
 * - stream_shape.c: what the last points say together: their distance from
 *	 all the past, and that of their shape.
 * - stream_season.c: seasons, whose slots come from the time of a point.
 *
 * Points that are not after the newest are refused and counted.  Everything
 * is a function of the state and the point alone, with arithmetic that is the
 * same everywhere: any division of a stream into batches gives the same bits.
 *
 * A state that 0.2.0 stored goes on as it did there: stream_first.c.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_fault.h"
#include "core/ad_options.h"
#include "series/ad_grid.h"
#include "series/ad_stream_parts.h"

#define SCALE_MEMORY	1000	/* points that the scale is of, at most */
#define MONTH			2629746e6	/* microseconds, mean */

/* Return an interval in microseconds. */
static int64
microseconds(const AdSpan *span)
{
	double		sum = (double) span->usec + (double) span->months * MONTH;

	return (int64) Min(sum, AD_STREAM_SPAN);
}

/* Set what follows from the options. */
void
ad_stream_set_gains(AdStream *s)
{
	s->past_gain = 1.0 / s->memory;
	s->window_gain = 1.0 / s->score_window;
	s->scale_gain = 1.0 / Min(s->memory, SCALE_MEMORY);
	s->settled = s->season_gain / (2.0 - s->season_gain);
}

/* Begin a new stream; intervals of the options have been read. */
void
ad_stream_init(AdStream *s, const AdStreamOptions *o)
{
	memset(s, 0, sizeof(AdStream));
	s->level_gain = o->level;
	s->trend_gain = o->trend;
	s->season_gain = o->season;
	s->clip = o->clip;
	s->q = o->q;
	s->warmup = (uint32) o->warmup;
	s->memory = (uint32) o->memory;
	s->score_window = (uint32) o->score_window;
	ad_stream_set_gains(s);
	s->late_error = o->late == AD_LATE_ERROR;
	s->automatic = o->automatic;
	if (o->automatic)
		s->held.capacity = 1;
	if (o->timezone)
		ad_stream_zone(s, o->timezone, strlen(o->timezone));
	for (int i = 0; i < o->nperiods; i++)
	{
		const AdSpan *period = &o->periods[i];

		s->seasons[i].points = (uint32) period->points;
		if (period->text)
			s->seasons[i].period = microseconds(period);
	}
	s->nseasons = o->nperiods;
	if (o->step.text)
		s->step = microseconds(&o->step);
	else
		s->step = (int64) o->step.points;
	s->last = AD_NO_TIME;
	s->last_value = AD_NO_TIME;
	ad_stream_tail_init(s);
	if (o->shape > 0)
	{
		ad_stream_shape_init(s, (uint32) o->shape);
		ad_stream_shape_room(&s->shape, CurrentMemoryContext);
	}
}

/* Count a point that is not after the newest, or refuse it. */
static void
refuse_late(AdStream *s, AdStreamPoint *out)
{
	if (s->late_error)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("point of the stream is not after the newest one"),
				 errhint("Option \"late\" can be \"count\"."),
				 ad_errdata()));
	s->late++;
	out->late = true;
}

/*
 * Take one point in.  What the stream allocates is in the given context.
 */
void
ad_stream_point(AdStream *s, MemoryContext mcxt, int64 t, bool has_value,
				double value, AdStreamPoint *out)
{
	AdStreamForecast f;
	int64		local;

	memset(out, 0, sizeof(AdStreamPoint));
	if (s->last != AD_NO_TIME && t <= s->last)
	{
		refuse_late(s, out);
		return;
	}
	s->last = t;
	ad_stream_prepare(s, mcxt, t);
	has_value = has_value && !isnan(value);
	if (s->first_form)
	{
		ad_stream_first_point(s, t, has_value, value, out);
		return;
	}
	local = ad_stream_local(s, t);
	if (!has_value)
	{
		ad_stream_forecast(s, t, local, &f);
		ad_stream_expect(s, &f, out);
		s->missing++;
		s->skipped = Min(s->skipped, PG_INT32_MAX) + 1;
		return;
	}
	ad_stream_take(s, t, local, value, out);
	if (unlikely(s->held.capacity > 0) && fabs(value) <= AD_STREAM_HUGE)
		ad_stream_hold(s, mcxt, local, value);
}
