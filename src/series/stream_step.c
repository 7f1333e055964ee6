/*-------------------------------------------------------------------------
 *
 * stream_step.c
 *		The step of a stream's times, and their phase against it.
 *
 * Ten times tell their step, as ad_stl() finds it, if their spacings are
 * nearly whole steps.  Times that jitter more are waited for until there are
 * AD_STREAM_MOST; their mean spacing is then known to a percent, and is taken
 * for the roundest length within what it may be off.
 *
 * A point belongs to the step that it lies in, but where a step begins is a
 * matter of the times: those that jitter around a full minute would share a
 * slot or leave one out if steps began there.  So a histogram of the times'
 * place in a step is kept, and steps begin in the middle of where no times
 * are, by as much as leaves most of them on one side.  It is looked at after
 * 10 times, 20 and so on, later after each 512, and the place is moved only
 * if it is much worse than another.
 *
 *-------------------------------------------------------------------------
 */
#include "series/ad_grid.h"
#include "series/ad_stream_parts.h"

#define WHOLE_OFF		0.01	/* of a step: spacings are whole steps, */
#define WHOLE_PART		0.8		/* if so many of them are */
#define FOUND_OFF		0.15	/* ad_grid_step() finds the step of times */
#define FOUND_PART		0.5		/* of which so many are no farther off */
#define ONE_STEP		1.9		/* steps, which are no two */
#define WALK_GAIN		0.1
#define WALKS			3
#define SPACINGS_OFF	4.0		/* errors of a mean that a round length may be
								 * off */
#define ROUND_TENS		6
#define PHASE_REACH		4		/* bins to each side of a beginning */
#define CUTS			(2 * AD_STREAM_PHASES)	/* places of a beginning */

/* Return how far a spacing is from a whole number of steps, in steps. */
static double
off_steps(double spacing, double step)
{
	double		steps = Max(rint(spacing / step), 1.0);

	return fabs(spacing / step - steps);
}

/*
 * Tell whether a part of the spacings of times that ascend are whole steps,
 * but for so much of one.
 */
static bool
are_steps(const int64 *t, int n, double step, double off, double part)
{
	int			whole = 0;

	for (int i = 1; i < n; i++)
		if (off_steps((double) t[i] - (double) t[i - 1], step) <= off)
			whole++;
	return whole >= part * (n - 1);
}

/* Return the roundest length of a time no farther than "near" from a step. */
static double
round_length(double step, double near)
{
	static const double units[] = {86400, 3600, 900, 300, 60, 15, 5, 1};
	double		tens = 1e6;

	for (int i = 0; i <= ROUND_TENS; i++, tens /= 10)
		for (int u = 0; u < (int) lengthof(units); u++)
		{
			double		unit = units[u] * tens;
			double		length = rint(step / unit) * unit;

			if (length > 0 && fabs(length - step) <= near)
				return length;
		}
	return step;
}

/*
 * Walk from one of the first times to another in steps of about the given
 * length, in phase with them; return the mean step.  "ahead" is how far ahead
 * of its time the walk begins, and then ends.
 */
static double
walk(const AdStream *s, int from, int to, double step, double *ahead)
{
	int			next = from < to ? 1 : -1;
	double		length = *ahead;
	double		steps = 0;

	for (int i = from; i != to; i += next)
	{
		double		spacing = ((double) s->first[i + next] - (double) s->first[i]) * next;
		double		taken = rint((spacing - *ahead) / step);

		length += spacing;
		steps += taken;
		*ahead = (1.0 - WALK_GAIN) * (*ahead + taken * step - spacing);
	}
	return steps > 0 ? (length + *ahead) / steps : step;
}

/*
 * Return the mean spacing of n times that ascend, of which one is about the
 * length given; 0 if some are missing.
 */
static double
mean_spacing(const int64 *t, int n, double step)
{
	for (int i = 1; i < n; i++)
		if ((double) t[i] - (double) t[i - 1] > ONE_STEP * step)
			return 0;
	return ((double) t[n - 1] - (double) t[0]) / (n - 1);
}

/*
 * Return the step of n first times that jitter, of which one is about the
 * length given: the mean spacing, if none is missing; else as found, or, if
 * that is no step of them, that of walks.
 */
static double
jittered_step(const AdStream *s, int n, double step)
{
	double		mean = mean_spacing(s->first, n, step);
	double		off = 0;
	double		ahead = 0;

	if (mean > 0)
		step = mean;
	else if (are_steps(s->first, n, step, FOUND_OFF, FOUND_PART))
		return step;
	else
		for (int i = 0; i < WALKS; i++)
		{
			step = walk(s, 0, n - 1, step, &ahead);
			ahead = -ahead;
			step = walk(s, n - 1, 0, step, &ahead);
			ahead = -ahead;
		}
	for (int i = 1; i < n; i++)
		off += off_steps((double) s->first[i] - (double) s->first[i - 1], step);
	/* the errors of all spacings but those of the ends cancel */
	return s->number ? rint(step) :
		round_length(step, SPACINGS_OFF * step * off / n / n);
}

/*
 * Return the step of n times that ascend; what is given if they have none, or
 * are farther apart than any series.
 */
int64
ad_stream_step(const int64 *t, Size n, int64 given)
{
	int64		step = 0;
	int64		first = t[0];
	int64		last = t[0];

	for (Size i = 1; i < n; i++)
	{
		first = Min(first, t[i]);
		last = Max(last, t[i]);
	}
	if ((double) last - (double) first < AD_STREAM_SPAN)
		step = ad_grid_step(t, n);
	return step > 0 ? step : given;
}

/* Note a time while the step is unknown; return whether it is known now. */
bool
ad_stream_learn_step(AdStream *s, int64 t)
{
	uint32		n;
	int64		step;

	s->first[s->nfirst++] = t;
	n = s->nfirst;
	if (n != AD_STREAM_FIRST && n != AD_STREAM_MOST)
		return false;
	step = ad_stream_step(s->first, n, 1);
	if (!s->first_form && n == AD_STREAM_FIRST &&
		!are_steps(s->first, (int) n, (double) step, WHOLE_OFF, WHOLE_PART))
		return false;
	if (n == AD_STREAM_MOST && (double) t - (double) s->first[0] < AD_STREAM_SPAN)
		step = (int64) Max(rint(jittered_step(s, (int) n, (double) step)), 1.0);
	s->step = step;
	return true;
}

/*
 * Return how many times are near a beginning of steps, the nearer the more:
 * about all of them if they are everywhere.  Cuts are at the edges of bins and
 * in their middle.
 */
static uint32
beside(const uint16 *bin, int cut)
{
	uint32		sum = 0;

	for (int i = -PHASE_REACH; i < PHASE_REACH; i++)
	{
		int			b = (CUTS + cut) / 2 + i;
		int			off = abs(CUTS + cut - (2 * b + 1));

		if (off < 2 * PHASE_REACH)
			sum += (2 * PHASE_REACH - off) * bin[b % AD_STREAM_PHASES];
	}
	return sum;
}

/* Move the beginning of steps to where the fewest times are, if it is not. */
static void
place_cut(AdStreamPhase *phase, uint32 n)
{
	uint32		near[CUTS];
	uint32		least = PG_UINT32_MAX;
	int			now = (phase->cut % CUTS + CUTS) % CUTS;
	int			best = 0;
	int			longest = 0;
	int			moved;

	for (int i = 0; i < CUTS; i++)
	{
		near[i] = beside(phase->bin, i);
		least = Min(least, near[i]);
	}
	if (near[now] <= 2 * least + n / 10)
		return;
	/* the middle of the longest run of places that are as good */
	for (int i = 0; i < CUTS; i++)
	{
		int			run = 0;

		while (run < CUTS && near[(i + run) % CUTS] <= least + n / AD_STREAM_PHASES)
			run++;
		if (run > longest)
		{
			longest = run;
			best = i + run / 2;
		}
	}
	moved = (best - now) % CUTS;
	if (moved > CUTS / 2)
		moved -= CUTS;
	else if (moved < -CUTS / 2)
		moved += CUTS;
	phase->cut += moved;
	if (abs(phase->cut) > AD_STREAM_CUT_LIMIT)
		phase->cut %= CUTS;
}

/* Halve the histogram. */
static void
forget(AdStreamPhase *phase)
{
	phase->n = 0;
	for (int i = 0; i < AD_STREAM_PHASES; i++)
	{
		phase->bin[i] /= 2;
		phase->n += phase->bin[i];
	}
}

/*
 * Set by how much steps begin later than they would, and what they are: those
 * of the first season, if it has a length in time.
 */
void
ad_stream_set_phase(AdStream *s)
{
	AdStreamPhase *phase = &s->phase;
	const AdStreamSeason *season = &s->seasons[0];

	phase->length = phase->step = s->step;
	if (s->longest > 0 && season->points == 0)
	{
		phase->length = season->period;
		phase->step = (double) season->period / season->slots;
	}
	phase->per_time = 1.0 / phase->step;
	phase->shift = (int64) rint(phase->step * phase->cut / CUTS);
}

/*
 * Count a time, as the clock shows it, in the histogram; return how far it is
 * from the middle of its step.  The step is known.
 */
double
ad_stream_follow_phase(AdStream *s, int64 local)
{
	AdStreamPhase *phase = &s->phase;
	double		steps;
	int			bin;

	if (phase->n == 0)
		ad_stream_set_phase(s);
	steps = (double) (local % phase->length) * phase->per_time;
	bin = (int) ((steps - floor(steps)) * AD_STREAM_PHASES);
	bin = Min(bin, AD_STREAM_PHASES - 1);
	phase->bin[bin]++;
	phase->n++;
	if (phase->n == 1 || phase->n >= AD_STREAM_TIMES ||
		(phase->n % 10 == 0 && (phase->n / 10 & (phase->n / 10 - 1)) == 0))
	{
		if (phase->n == 1)
			phase->cut = (2 * bin + 1 + AD_STREAM_PHASES) % CUTS;
		else
			place_cut(phase, phase->n);
		if (phase->n >= AD_STREAM_TIMES)
			forget(phase);
		ad_stream_set_phase(s);
	}
	steps -= (double) phase->cut / CUTS;
	return (steps - floor(steps) - 0.5) * phase->step;
}
