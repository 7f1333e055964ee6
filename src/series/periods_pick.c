/*-------------------------------------------------------------------------
 *
 * periods_pick.c
 *		Finding periods: the one that explains a series best.
 *
 * Lengths that repeat are found octave by octave, in the series detrended
 * for the octave: the best maxima of the correlation at all multiples of a
 * length.  These, the calendar's and those of the events are then judged
 * exactly, each on the series detrended for itself.
 *
 * The best one is replaced by a part of itself to which it adds nothing of
 * significance: the multiple of a period repeats as well as the period, and
 * by chance better.
 *
 * The constants were not derived.  Each trades finding a weak period against
 * reporting one that is not there, or the period against a multiple of it;
 * sql/series_periods.sql tests what they give together: real series,
 * generated ones of many shapes, white noise and random walks.
 *
 *-------------------------------------------------------------------------
 */
#include "series/ad_periods_search.h"

#define OCTAVE_BEST		6		/* candidates of an octave */
#define OCTAVE_LEAST	0.05	/* correlation of a candidate */
#define FIRST_OCTAVE	4		/* the longest of the first */
#define SHORT_LENGTHS	128		/* octaves up to it are combed by folding */
#define OCTAVES			16		/* of 32,768 points */
#define EVENT_BEST		20		/* candidates of events */
#define EVENT_LEAST		0.3
#define FEWEST_EVENTS	4
#define MOST_EVENTS		0.5		/* share of all points */
#define CANDIDATES \
	(OCTAVES * OCTAVE_BEST + EVENT_BEST + AD_PERIODS_CALENDAR)

/*
 * A part is the period if it is half as strong as the multiple, and the
 * multiple adds less than so many deviations or so little of the energy.
 */
#define PART_STRENGTH	0.5
#define PART_DEVIATIONS	6
#define PART_SHARE		0.01
#define PART_EVENTS		0.02

#define EXACT			1e-6	/* unexplained: exact data, the shortest */
#define EXACT_FROM		10		/* shorter ones: folding is exact enough */

/*
 * Another length is as good: it misses at most so much more.  Of few cycles
 * the best fold is chosen by chance, and the harmonics know better.
 */
#define AS_GOOD			1.1
#define AS_GOOD_FEW		1.3
#define FEW_CYCLES		12
#define AS_GOOD_LEAST	1e-9

/* A calendar period within half a point and so many deviations of the
 * estimate is what is meant. */
#define CALENDAR_POINTS	0.5
#define CALENDAR_DEVIATIONS	3

/* A length that may be the period. */
typedef struct Candidate
{
	Size		period;
	double		strength;
	bool		events;
} Candidate;

/* The candidates of one choice. */
typedef struct Pick
{
	AdPeriodSearch *s;
	const AdPeriodsFound *found;
	double	   *comb;			/* longest + 2 */
	int			n;
	Candidate	candidate[CANDIDATES];
} Pick;

/* Judge a length, and keep it if it may be the period. */
static void
try_length(Pick *pick, Size period, bool events)
{
	AdPeriodFit fit;

	if (ad_periods_among(pick->found, period) || pick->n == CANDIDATES)
		return;
	for (int c = 0; !events && c < pick->n; c++)
		if (pick->candidate[c].period == period)
			return;
	fit = ad_periods_fit(pick->s, period, events);
	if (fit.cycles < AD_PERIODS_LEAST_CYCLES ||
		fit.strength < ad_periods_bar(period, fit.cycles))
		return;
	pick->candidate[pick->n].period = period;
	pick->candidate[pick->n].strength = fit.strength;
	pick->candidate[pick->n].events = events;
	pick->n++;
}

/*
 * Try the highest local maxima of pick->comb, whose first value belongs to
 * length "first", among from .. to.
 */
static void
try_maxima(Pick *pick, Size first, Size from, Size to, double least, int most,
		   bool events)
{
	Size		best[EVENT_BEST];
	int			n = 0;

	for (Size p = from; p <= to; p++)
	{
		const double *at = pick->comb + (p - first);
		int			place;

		if (*at <= least || (p > first && at[-1] > *at) || at[1] > *at)
			continue;
		for (place = n; place > 0 && pick->comb[best[place - 1] - first] < *at;
			 place--)
			if (place < most)
				best[place] = best[place - 1];
		if (place < most)
		{
			best[place] = p;
			n = Min(n + 1, most);
		}
	}
	for (int i = 0; i < n; i++)
		try_length(pick, best[i], events);
}

/* Lengths that are looked at together, and the points detrended for them. */
typedef struct Octave
{
	Size		from;
	Size		last;
	Size		points;
} Octave;

/* Try the octaves that are laid out: one or, if no point is missing, two. */
static void
try_octaves(Pick *pick, const Octave *octave, int n)
{
	AdPeriodSearch *s = pick->s;
	bool		complete = ad_periods_complete(s);

	if (!complete)
		ad_periods_lay(s, ad_periods_weights(s, s->from, s->to), s->im);
	else if (n == 1)
		memset(s->im, 0, s->fft.n * sizeof(double));
	ad_fft_correlate(&s->fft, s->re, s->im);
	for (int i = 0; i < n; i++)
	{
		const Octave *o = &octave[i];

		ad_periods_comb(s, i == 0 ? s->re : s->im, complete ? NULL : s->im,
						o->points, o->from - 1, o->last + 1, pick->comb);
		try_maxima(pick, o->from - 1, o->from, o->last, OCTAVE_LEAST,
				   OCTAVE_BEST, false);
	}
}

/* Collect the candidates of the series, octave by octave. */
static void
collect_octaves(Pick *pick)
{
	AdPeriodSearch *s = pick->s;
	Octave		octave[2];
	int			n = 0;

	for (Size from = AD_PERIODS_SHORTEST, to = FIRST_OCTAVE;
		 from <= s->longest; from = to + 1, to *= 2)
	{
		Size		last = Min(to, s->longest);
		Size		first = from > AD_PERIODS_SHORTEST ? from - 1 : from;

		ad_periods_detrend(s, last, AD_PERIODS_CLIP);
		if (last <= SHORT_LENGTHS)
		{
			ad_periods_comb_short(s, first, last + 1, pick->comb);
			try_maxima(pick, first, from, last, OCTAVE_LEAST, OCTAVE_BEST,
					   false);
			continue;
		}
		octave[n].from = from;
		octave[n].last = last;
		octave[n].points = s->to - s->from;
		ad_periods_lay(s, s->x, n == 0 ? s->re : s->im);
		n++;
		if (n == lengthof(octave) || last == s->longest ||
			!ad_periods_complete(s))
		{
			try_octaves(pick, octave, n);
			n = 0;
		}
	}
}

/* Collect the candidates. */
static void
collect(Pick *pick)
{
	AdPeriodSearch *s = pick->s;
	Size		longest = s->longest;

	collect_octaves(pick);
	for (int c = 0; c < s->ncalendar; c++)
		try_length(pick, s->calendar[c], false);
	ad_periods_find_events(s);
	if (s->nevents < FEWEST_EVENTS ||
		(double) s->nevents > MOST_EVENTS * (double) s->npresent)
		return;
	ad_periods_lay(s, s->events, s->re);
	ad_periods_lay(s, s->weight, s->im);
	ad_fft_correlate(&s->fft, s->re, s->im);
	ad_periods_comb(s, s->re, s->im, s->n, AD_PERIODS_SHORTEST, longest + 1,
					pick->comb);
	try_maxima(pick, AD_PERIODS_SHORTEST, AD_PERIODS_SHORTEST, longest,
			   EVENT_LEAST, EVENT_BEST, true);
}

/* Return the best candidate; of those that are exact the shortest. */
static const Candidate *
best_candidate(const Pick *pick)
{
	const Candidate *best = NULL;

	for (int i = 0; i < pick->n; i++)
	{
		const Candidate *c = &pick->candidate[i];
		double		miss = 1 - c->strength;
		double		least;

		if (best == NULL)
		{
			best = c;
			continue;
		}
		least = 1 - best->strength;
		if (miss <= EXACT && least <= EXACT ? c->period < best->period :
			miss < least || (miss <= least && c->period < best->period))
			best = c;
	}
	return best;
}

/* Replace a candidate by the shortest part that it adds nothing to. */
static void
shorten(Pick *pick, Candidate *c)
{
	Size		period = c->period;
	double		least = PART_STRENGTH * c->strength;

	for (Size part = AD_PERIODS_SHORTEST; part <= period / 2; part++)
	{
		AdPeriodFit fit;
		double		share;
		double		deviations;

		if (period % part != 0 || ad_periods_among(pick->found, part))
			continue;
		fit = ad_periods_fit(pick->s, part, c->events);
		if (fit.strength < ad_periods_bar(part, fit.cycles) ||
			fit.strength < least)
			continue;
		ad_periods_gain(pick->s, part, period, c->events, &share, &deviations);
		if (deviations < PART_DEVIATIONS ||
			share < (c->events ? PART_EVENTS : PART_SHARE))
		{
			c->period = part;
			c->strength = fit.strength;
			return;
		}
	}
}

/* Take another length for the candidate's if it is about as good. */
static void
move_to(Pick *pick, Candidate *c, Size period)
{
	double		as_good = pick->s->n / Max(period, 1) < FEW_CYCLES ?
		AS_GOOD_FEW : AS_GOOD;
	AdPeriodFit fit;

	if (period == c->period || period < AD_PERIODS_SHORTEST ||
		period > pick->s->longest || ad_periods_among(pick->found, period))
		return;
	fit = ad_periods_fit(pick->s, period, false);
	if (1 - fit.strength <= as_good * (1 - c->strength) + AS_GOOD_LEAST &&
		fit.cycles >= AD_PERIODS_LEAST_CYCLES)
	{
		c->period = period;
		c->strength = fit.strength;
	}
}

/*
 * Take the calendar's period for one that cannot be told from it: the error
 * of the length of a sine in noise is known (Rife & Boorstyn 1974).
 */
static void
move_to_calendar(Pick *pick, Candidate *c)
{
	double		p = (double) c->period;
	double		n = (double) pick->s->npresent;
	double		strength = Max(Min(c->strength, 1.0), 0.01);
	double		deviation = p * p / (2 * M_PI) *
		sqrt(6 * (1 - strength) / strength / (n * n * n));

	for (int i = 0; i < pick->s->ncalendar; i++)
	{
		double		off = fabs((double) pick->s->calendar[i] - p);

		if (off <= CALENDAR_POINTS + CALENDAR_DEVIATIONS * deviation)
			move_to(pick, c, pick->s->calendar[i]);
	}
}

/* Make the length of a candidate exact. */
static void
sharpen(Pick *pick, Candidate *c)
{
	if (c->period >= EXACT_FROM)
		move_to(pick, c, ad_periods_exact_length(pick->s, c->period));
	move_to_calendar(pick, c);
}

/* Take a season inside a candidate for it; false if there is none. */
static bool
take_inside(Pick *pick, Candidate *c)
{
	Size		inside = ad_periods_inside(pick->s, c->period, pick->found);

	if (inside == 0)
		return false;
	c->period = inside;
	c->strength = ad_periods_fit(pick->s, inside, false).strength;
	return true;
}

/*
 * Pick the one period of the series that explains it best, 0 if there is
 * none, with its strength; "found" are those taken out before.
 */
Size
ad_periods_pick(AdPeriodSearch *s, const AdPeriodsFound *found,
				double *strength)
{
	Pick		pick;
	const Candidate *best;
	Candidate	chosen;

	pick.s = s;
	pick.found = found;
	pick.comb = ad_palloc_array(double, s->longest + 2);
	pick.n = 0;
	collect(&pick);
	pfree(pick.comb);
	best = best_candidate(&pick);
	if (best == NULL)
		return 0;
	chosen = *best;
	shorten(&pick, &chosen);
	if (!chosen.events)
	{
		if (!take_inside(&pick, &chosen))
		{
			Size		before = chosen.period;

			sharpen(&pick, &chosen);
			/* only of the exact length may another be a whole part */
			if (chosen.period != before && take_inside(&pick, &chosen))
				sharpen(&pick, &chosen);
		}
		else
			sharpen(&pick, &chosen);
	}
	*strength = chosen.strength;
	return chosen.period;
}
