/*-------------------------------------------------------------------------
 *
 * stream_bounds.c
 *		How far off a point of a stream is too far.
 *
 * SPOT (Siffer, Fouque, Termier & Largouet 2017, "Anomaly detection in streams
 * with extreme value theory", KDD): standardised errors over a high level
 * follow a generalised Pareto tail, extrapolated to the risk q.
 *
 * In memory that does not grow the tail is a histogram of the errors over
 * one deviation, with 16 bins an octave: of any scale, and a point is a count
 * in it, however far off.  The level lies deeper in the tail the more points
 * there are: 1.5 sqrt(n) of them are over it.  Shape and scale are the moment
 * estimates of Dekkers, Einmahl & de Haan (1989), "A moment estimator for the
 * index of an extreme-value distribution", Annals of Statistics 17; the shape
 * is drawn towards 1/4, of tails somewhat heavier than an exponential's.  The
 * risk is lowered a little, and more so while points are few, so that q holds
 * for tails that are not quite as fitted.
 *
 * While few points are more than noise, the bound is also a multiple of the
 * farthest: no law can be read off one or two.  Of c exponential ones the next
 * is beyond m times the farthest with a chance of 1 / binomial(c + m, c); with
 * m = 1 + 33 / c that is 1 or 2 per 1,000 for any c from 3 to 60.
 *
 * Flagged points would make the tail heavier, and those left out would make
 * it too light: a point is left out that is far beyond the bound, or that
 * follows another flagged one, unless flags are so frequent that the bound
 * must be wrong.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_elementary.h"
#include "series/ad_stream_parts.h"

#define FIRST_BOUND		8.0		/* deviations, as long as nothing is known */
#define MIN_BOUND		3.0		/* deviations that are always expected */
#define OCTAVE_BITS		4		/* 16 bins */
#define PER_OCTAVE		(1 << OCTAVE_BITS)
#define LEVEL_ROOTS		1.5		/* points over the level, of sqrt(n) */
#define LEVEL_MORE		5		/* and so many more */
#define LEVEL_SHARE		0.15	/* of all, at most */
#define SHAPE_PRIOR		0.25	/* of the tail, */
#define SHAPE_WEIGHT	80		/* and the points that it counts for */
#define MIN_SHAPE		(-0.5)
#define MAX_SHAPE		0.7
#define RISK_PART		0.8		/* of q that is aimed at, */
#define RISK_POINTS		200		/* and half of it after so many points */
#define VERY_FEW		10		/* points */
#define FEW_POINTS		60
#define FEW_BEYOND		33
#define TAIL_MEMORY		200000	/* points; then all count for half */
#define FIT_PART		64		/* of the points come in until the next fit, */
#define FIT_EVERY		256		/* but no more than so many */
#define FLAG_GAIN		(1.0 / 256)
#define OFTEN			0.01	/* flags that are too many: the bound is wrong */
#define VERY_OFTEN		0.02	/* even if they follow each other */

/* Lower edges of bins, and logarithms of their middles over 1. */
static double bin_edge[AD_STREAM_BINS + 1];
static double bin_log[AD_STREAM_BINS];

/* Fill the tables, once. */
static void
fill_tables(void)
{
	if (bin_edge[0] > 0)
		return;
	for (int i = AD_STREAM_BINS; i >= 0; i--)
		bin_edge[i] = (double) (UINT64CONST(1) << (i >> OCTAVE_BITS)) *
			(1.0 + (double) (i % PER_OCTAVE) / PER_OCTAVE);
	for (int i = 0; i < AD_STREAM_BINS; i++)
		bin_log[i] = ad_log(0.5 * (bin_edge[i] + bin_edge[i + 1]));
}

/* Return the bin of z >= 1: exponent and first bits of its fraction. */
static inline int
bin_of(double z)
{
	uint64		bits;
	int64		bin;

	memcpy(&bits, &z, sizeof(bits));
	bin = (int64) (bits >> (52 - OCTAVE_BITS)) - (INT64CONST(1023) << OCTAVE_BITS);
	return (int) Min(bin, AD_STREAM_BINS - 1);
}

/* Begin a tail. */
void
ad_stream_tail_init(AdStream *s)
{
	fill_tables();
	memset(&s->tail, 0, sizeof(AdStreamTail));
	s->bound = FIRST_BOUND;
}

/* Return the bound of the tail over the lower edge of a bin, with c points. */
static double
extrapolate(const AdStream *s, int level, double c)
{
	const AdStreamTail *tail = &s->tail;
	double		n = tail->n;
	double		start = bin_edge[level];
	double		log_start = ad_log(start);
	double		risk = s->q * RISK_PART * n / (n + RISK_POINTS);
	double		m1 = 0;
	double		m2 = 0;
	double		below;
	double		shape;
	double		scale;
	double		u;

	for (int i = AD_STREAM_BINS - 1; i >= level; i--)
	{
		double		x = bin_log[i] - log_start;

		m1 += tail->count[i] * x;
		m2 += tail->count[i] * x * x;
	}
	m1 /= c;
	m2 /= c;
	/* the part of the shape that is below 0 */
	below = m2 > m1 * m1 * 1.0001 ? 1.0 - 0.5 / (1.0 - m1 * m1 / m2) : -2.0;
	shape = Max(Min(m1 + below, MAX_SHAPE), MIN_SHAPE);
	shape = (shape * c + SHAPE_PRIOR * SHAPE_WEIGHT) / (c + SHAPE_WEIGHT);
	scale = start * m1 * (1.0 - Min(shape - m1, 0.0));
	u = ad_log(c / (n * risk));
	if (u <= 0)
		return start;
	if (fabs(shape) < 1e-6)
		return start + scale * u;
	return start + scale / shape *
		(ad_exp2(shape * u / 0.69314718055994530942) - 1.0);
}

/* Set the bound for the risk, from the tail as it is now. */
static void
fit(AdStream *s)
{
	AdStreamTail *tail = &s->tail;
	double		n = tail->n;
	double		wanted = Min(LEVEL_ROOTS * sqrt(n) + LEVEL_MORE,
							 LEVEL_SHARE * n);
	double		c = 0;
	int			level = AD_STREAM_BINS;
	int			farthest = -1;

	fill_tables();
	while (level > 0 && (c < wanted || c <= 0))
	{
		level--;
		c += tail->count[level];
		if (farthest < 0 && c > 0)
			farthest = level;
	}
	s->bound = c < 3 ? FIRST_BOUND : extrapolate(s, level, c);
	tail->few = c < VERY_FEW;
	if (c > 0 && c < FEW_POINTS)
		s->bound = Max(s->bound, bin_edge[farthest + 1] * (1 + FEW_BEYOND / c));
	s->bound = Max(Min(s->bound, AD_STREAM_MAX_SCORE), MIN_BOUND);
	tail->next_fit = n + Max(1.0, Min(n / FIT_PART, FIT_EVERY));
}

/* Count a point in the tail. */
static void
count(AdStreamTail *tail, double z)
{
	if (z >= 1)
		tail->count[bin_of(z)] += 1;
	tail->n += 1;
	if (tail->n <= TAIL_MEMORY)
		return;
	for (int i = 0; i < AD_STREAM_BINS; i++)
		tail->count[i] *= 0.5f;
	tail->n *= 0.5;
	tail->next_fit = 0;
}

/* Add the score of a point, flagged or not. */
void
ad_stream_tail_add(AdStream *s, double z, bool flagged)
{
	AdStreamTail *tail = &s->tail;
	bool		enters = true;

	tail->flagged += FLAG_GAIN * ((flagged ? 1.0 : 0.0) - tail->flagged);
	if (flagged && !tail->few)
	{
		if ((tail->was_flagged && tail->flagged < VERY_OFTEN) ||
			(z > 2 * s->bound && tail->flagged < OFTEN))
			enters = false;
		z = Min(z, 1.5 * s->bound);
	}
	tail->was_flagged = flagged;
	if (!enters)
		return;
	count(tail, z);
	if (flagged || tail->n >= tail->next_fit)
		fit(s);
}

/* Add a point that ends a time of equal ones, in units of its own scale. */
void
ad_stream_tail_event(AdStream *s, double z)
{
	count(&s->tail, z);
	fit(s);
}
