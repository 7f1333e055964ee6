/*-------------------------------------------------------------------------
 *
 * stream_season.c
 *		Seasons of a stream: their slots, the clock, periods found.
 *
 * The slot of a point comes from its time, not from a count, so gaps need no
 * care.  With a time zone the time is what a clock there shows; the offset is
 * looked up once between two changes of the clock.
 *
 * With period => 'auto' the points are held until there are AD_STREAM_HELD of
 * them, and whenever their number has doubled their periods are looked for as
 * ad_periods() does.  A stream that finds others than it had begins anew and
 * takes the held points in again, so that it is what it would have been had
 * the periods been known; its counts stay.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_fault.h"
#include "series/ad_grid.h"
#include "series/ad_periods.h"
#include "series/ad_stream_parts.h"

#include "datatype/timestamp.h"
#include "utils/timestamp.h"

#define FIRST_SEARCH	128		/* points, unless a warm-up is given */
#define LEAST_SEARCH	32		/* of them, whatever the warm-up */
#define GRID_LIMIT		(4 * AD_STREAM_HELD)	/* steps searched */

/* Return the slots of all seasons. */
uint32
ad_stream_slots(const AdStream *s)
{
	uint32		slots = 0;

	for (int i = 0; i < s->nseasons; i++)
		slots += s->seasons[i].slots;
	return slots;
}

/* Note what time zone the clock is in; error if there is none of the name. */
void
ad_stream_zone(AdStream *s, const char *name, Size length)
{
	s->clock.name = pnstrdup(name, length);
	s->clock.zone = pg_tzset(s->clock.name);
	if (s->clock.zone == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone \"%s\" not recognized",
						ad_quote_clip(s->clock.name))));
	s->clock.from = 1;
	s->clock.until = 0;
}

/* Return a time as the clock shows it. */
int64
ad_stream_local(AdStream *s, int64 t)
{
	AdStreamClock *clock = &s->clock;
	int64		seconds;

	if (clock->name == NULL)
		return t;
	/* Unix seconds, rounded down */
	seconds = t / USECS_PER_SEC - (t % USECS_PER_SEC < 0 ? 1 : 0) +
		(int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY;
	if (seconds < clock->from || seconds >= clock->until)
	{
		pg_time_t	now = (pg_time_t) seconds;
		pg_time_t	boundary;
		long		before,
					after;
		int			before_dst,
					after_dst;
		int			found = pg_next_dst_boundary(&now, &before, &before_dst,
												 &boundary, &after, &after_dst,
												 clock->zone);

		if (found < 0)
			return t;
		clock->offset = (int64) before * USECS_PER_SEC;
		clock->from = seconds;
		clock->until = found == 0 ? PG_INT64_MAX : (int64) boundary;
	}
	return t + clock->offset;
}

/* Return the slots that a season has, of a known step. */
static double
slots_of(const AdStream *s, const AdStreamSeason *season)
{
	if (season->points > 0)
		return season->points;
	return rint((double) season->period / (double) s->step);
}

/* Drop seasons that have no two slots, or as many as the one before. */
static void
drop_empty(AdStream *s)
{
	int			n = 0;

	for (int i = 0; i < s->nseasons; i++)
	{
		AdStreamSeason *season = &s->seasons[i];

		if (season->slots >= 2 &&
			(n == 0 || s->seasons[n - 1].slots != season->slots))
			s->seasons[n++] = *season;
	}
	s->nseasons = n;
}

/* Set the slots that pass in time. */
void
ad_stream_set_rates(AdStream *s)
{
	for (int i = 0; i < s->nseasons; i++)
		if (s->seasons[i].points == 0)
			s->seasons[i].per_time = (double) s->seasons[i].slots /
				(double) s->seasons[i].period;
}

/* Lay out the seasons, shortest first; the step is known. */
void
ad_stream_lay_out(AdStream *s, MemoryContext mcxt)
{
	double		all = 0;

	for (int i = 0; i < s->nseasons; i++)
	{
		double		slots = slots_of(s, &s->seasons[i]);

		all += slots;
		if (all > AD_STREAM_MAX_SLOTS)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("periods of the stream have too many points: %.0f",
							all),
					 errdetail("The limit is %u for all periods together.",
							   AD_STREAM_MAX_SLOTS),
					 ad_errdata()));
		s->seasons[i].slots = (uint32) slots;
		for (int j = i; j > 0 && s->seasons[j].slots < s->seasons[j - 1].slots; j--)
		{
			AdStreamSeason season = s->seasons[j];

			s->seasons[j] = s->seasons[j - 1];
			s->seasons[j - 1] = season;
		}
	}
	drop_empty(s);
	for (int i = 0; i < s->nseasons; i++)
	{
		AdStreamSeason *season = &s->seasons[i];
		Size		slots = season->slots;

		season->value = (double *)
			MemoryContextAllocZero(mcxt, slots * sizeof(double));
		season->left = (float *)
			MemoryContextAllocZero(mcxt, slots * sizeof(float));
		season->seen = (uint32 *)
			MemoryContextAllocZero(mcxt, slots * sizeof(uint32));
		s->longest = Max(s->longest, season->slots);
	}
	ad_stream_set_rates(s);
}

/* Lay out the seasons once the step is known, learning it if it is not. */
void
ad_stream_prepare(AdStream *s, MemoryContext mcxt, int64 t)
{
	uint32		n = s->nfirst;

	if (n == AD_STREAM_MOST || (s->first_form && s->nseasons == 0))
		return;
	if (s->step == 0 && !ad_stream_learn_step(s, t))
		return;
	s->nfirst = AD_STREAM_MOST;
	ad_stream_lay_out(s, mcxt);
	if (s->first_form)
		return;
	for (uint32 i = 0; i < n; i++)
		ad_stream_follow_phase(s, ad_stream_local(s, s->first[i]));
}

/*
 * Return a period of so many steps as a time, which is the calendar's where
 * that is as near as the step is known.
 */
static int64
period_of(const AdStream *s, Size points, double step)
{
	static const int64 units[] = {
		INT64CONST(604800000000), INT64CONST(86400000000),
		INT64CONST(3600000000), INT64CONST(60000000)
	};
	double		period = (double) points * step;

	for (int i = 0; i < (int) lengthof(units) && !s->number; i++)
	{
		double		whole = rint(period / (double) units[i]);

		if (whole >= 1 && fabs(whole * (double) units[i] - period) <= 1e-3 * period)
			period = whole * (double) units[i];
	}
	return (int64) Max(Min(rint(period), AD_STREAM_SPAN), 2);
}

/* Return the whole steps from one time to another; no more than a grid has. */
static double
steps_between(int64 from, int64 to, double step)
{
	double		steps = rint(((double) to - (double) from) / step);

	return Max(Min(steps, GRID_LIMIT), 0);
}

/*
 * Find the periods of the points held, in the current context, and set them
 * as the seasons of a stream; return whether they are others than it has.
 */
static bool
find_periods(const AdStream *s, AdStreamSeason *seasons, int *nseasons)
{
	double		step = (double) ad_stream_step(s->held.time, s->held.n, s->step);
	uint32		from = s->held.n - 1;
	int64		newest = s->held.time[from];
	double	   *y;
	Size		n;
	Size		periods[AD_SERIES_MAX_SEASONS];
	bool		other;

	while (from > 0 && steps_between(s->held.time[from - 1], newest, step) < GRID_LIMIT - 1)
		from--;
	n = (Size) steps_between(s->held.time[from], newest, step) + 1;
	y = ad_palloc_array(double, n);
	for (Size i = 0; i < n; i++)
		y[i] = NAN;
	for (uint32 i = from; i < s->held.n; i++)
	{
		Size		at = (Size) steps_between(s->held.time[from], s->held.time[i],
											  step);

		y[Min(at, n - 1)] = s->held.value[i];
	}
	*nseasons = ad_periods_auto(y, n, s->number ? 0 : (int64) rint(step), 0, periods);
	other = *nseasons != s->nseasons;
	for (int i = 0; i < *nseasons; i++)
	{
		memset(&seasons[i], 0, sizeof(AdStreamSeason));
		seasons[i].period = period_of(s, periods[i], step);
		other = other || seasons[i].period != s->seasons[i].period;
	}
	return other;
}

/* Begin a stream anew with the seasons found; take in the points held. */
static void
begin_anew(AdStream *s, MemoryContext mcxt, const AdStreamSeason *seasons,
		   int nseasons)
{
	AdStream	anew = *s;

	for (int i = 0; i < s->nseasons; i++)
	{
		pfree(s->seasons[i].value);
		pfree(s->seasons[i].left);
		pfree(s->seasons[i].seen);
	}
	/* what is learnt, from last_value on, but the time, is zero at first */
	anew.last_value = AD_NO_TIME;
	anew.skipped = 0;
	anew.n = 0;
	memset(&anew.level, 0, offsetof(AdStream, bound) - offsetof(AdStream, level));
	memset(&anew.window, 0, sizeof(AdStreamWindow));
	ad_stream_tail_init(&anew);
	if (s->shape.m > 0)
	{
		ad_stream_shape_init(&anew, s->shape.m);
		anew.shape.ring = s->shape.ring;
		anew.shape.mean = s->shape.mean;
		anew.shape.inverse = s->shape.inverse;
	}
	memcpy(anew.seasons, seasons, nseasons * sizeof(AdStreamSeason));
	anew.nseasons = nseasons;
	anew.longest = 0;
	ad_stream_lay_out(&anew, mcxt);
	for (uint32 i = 0; i < s->held.n; i++)
	{
		AdStreamPoint said = {0};

		ad_stream_take(&anew, s->held.time[i], s->held.time[i],
					   s->held.value[i], &said);
	}
	anew.n = s->n;
	anew.anomalies = s->anomalies;
	anew.last_value = s->last_value;
	*s = anew;
}

/* Look for the periods of the points held, and follow those that there are. */
static void
look(AdStream *s, MemoryContext mcxt)
{
	MemoryContext work = AllocSetContextCreate(CurrentMemoryContext,
											   "anomaly stream periods",
											   ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(work);
	AdStreamSeason seasons[AD_SERIES_MAX_SEASONS];
	int			nseasons;
	bool		other = find_periods(s, seasons, &nseasons);

	MemoryContextSwitchTo(old);
	MemoryContextDelete(work);
	if (other)
		begin_anew(s, mcxt, seasons, nseasons);
}

/* Make room for one more point. */
static void
grow(AdStreamHeld *held, MemoryContext mcxt)
{
	uint32		capacity = Min(2 * held->capacity, AD_STREAM_HELD);

	if (held->time == NULL)
	{
		held->time = (int64 *) MemoryContextAlloc(mcxt, capacity * sizeof(int64));
		held->value = (double *) MemoryContextAlloc(mcxt, capacity * sizeof(double));
	}
	else
	{
		held->time = (int64 *) repalloc(held->time, capacity * sizeof(int64));
		held->value = (double *) repalloc(held->value, capacity * sizeof(double));
	}
	held->capacity = capacity;
}

/*
 * Hold a point of a stream that looks for its periods; look if it is time,
 * and let go of the points after the last time.
 */
void
ad_stream_hold(AdStream *s, MemoryContext mcxt, int64 t, double value)
{
	AdStreamHeld *held = &s->held;

	if (held->next == 0)
		held->next = s->warmup == 0 ? FIRST_SEARCH :
			Min(Max(s->warmup, LEAST_SEARCH), AD_STREAM_HELD);
	if (held->time == NULL || held->n == held->capacity)
		grow(held, mcxt);
	held->time[held->n] = t;
	held->value[held->n++] = value;
	if (held->n < held->next || s->step == 0)
		return;
	look(s, mcxt);
	if (held->n < AD_STREAM_HELD)
	{
		held->next = Min(2 * held->next, AD_STREAM_HELD);
		return;
	}
	pfree(held->time);
	pfree(held->value);
	memset(held, 0, sizeof(AdStreamHeld));
}
