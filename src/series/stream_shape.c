/*-------------------------------------------------------------------------
 *
 * stream_shape.c
 *		What the last points of a stream say together.
 *
 * The score of a point says whether that point was unexpected; a forecast
 * that follows a stream gets used to what lasts.  The window score does not:
 * it is the trailing mean of the sizes of (value - season), in deviations from
 * all the past, of which no point counts for more than five.  Mean and
 * variance of the past have gain 1/t, down to 1/memory.
 *
 * The shape score is a streaming form of sub-sequence PCA: the Mahalanobis
 * distance of the last m values from their mean, whose covariance is that of
 * all windows of m values so far, with gain 1/t down to 1/memory.  Its inverse
 * follows by Sherman and Morrison (1950).  A window's weight is at most
 * m / distance^2, so that an anomaly does not make itself usual.  Neighbouring
 * windows are much alike: every other one moves the inverse.
 *
 * It begins with no more than the deviation of the first 2 m values, the season
 * in it: shapes have it too.  That of the window score would do harm, which in
 * the second cycle knows a value or two: by so small a unit all distances are
 * great, no window has a weight to learn from, and so they stay.
 *
 * Forgetting makes the inverse grow without limit in directions that no window
 * has, as those of a constant stream.  So a small step along one axis after
 * the other is added to the windows that it learns from, which is a ridge of
 * the covariance.
 *
 * Their scales are nothing alike: the combined score is the mean of the
 * trailing means of both, each over its own mean so far.  Young ones vary more
 * than old ones, so they are drawn towards 1, which says that all is as usual:
 * before anything is known, nothing is unusual.
 *
 *-------------------------------------------------------------------------
 */
#include "series/ad_stream_parts.h"

#define WINDOW_FIRST	7		/* values before there is a score */
#define YOUNG			10		/* windows that say as much as no score */
#define WINDOW_CLIP		5.0		/* deviations that a point may count for */
#define PAST_POINTS		30		/* before values of the past are clipped */
#define RIDGE			0.01	/* of the variance */
#define FIRST_RIDGE		0.1		/* of the inverse, before anything is learnt */
#define VALUE_LIMIT		1e6		/* units */
#define WEIGHT_LIMIT	1e-3	/* least that the ridge is made up for */
#define LARGE			1e150	/* a square is finite */
#define SMALL			1e-145	/* and no subnormal */

/* Follow a trailing mean, and its own mean. */
static inline void
follow(const AdStream *s, uint64 n, double x, double *score, double *average)
{
	*score += ad_stream_gain(n, s->window_gain) * (x - *score);
	*average += ad_stream_gain(n, s->past_gain) * (*score - *average);
}

/* Add a value less its season to the window score. */
void
ad_stream_window_add(AdStream *s, double value)
{
	AdStreamWindow *w = &s->window;
	double		gain = ad_stream_gain(w->n, s->past_gain);
	double		off = Max(Min(value - w->mean, LARGE), -LARGE);
	double		deviation = sqrt(w->variance);
	double		size = 0;

	if (w->n >= WINDOW_FIRST - 1)
	{
		size = fabs(off);
		size = size < WINDOW_CLIP * deviation ? size / deviation :
			size > 0 ? WINDOW_CLIP : 0;
	}
	follow(s, w->n, size, &w->score, &w->average);
	if (w->n > PAST_POINTS && deviation > 0)
		off = Max(Min(off, WINDOW_CLIP * deviation), -WINDOW_CLIP * deviation);
	w->mean += gain * off;
	w->variance = (1.0 - gain) * (w->variance + gain * off * off);
	w->n++;
}

/* Begin the shapes of a new stream. */
void
ad_stream_shape_init(AdStream *s, uint32 m)
{
	memset(&s->shape, 0, sizeof(AdStreamShape));
	s->shape.m = m;
}

/* Allocate what shapes need. */
void
ad_stream_shape_room(AdStreamShape *shape, MemoryContext mcxt)
{
	Size		m = shape->m;

	shape->ring = (double *) MemoryContextAllocZero(mcxt, m * sizeof(double));
	shape->mean = (double *) MemoryContextAllocZero(mcxt, m * sizeof(double));
	shape->inverse = (double *)
		MemoryContextAllocZero(mcxt, m * m * sizeof(double));
}

/* Measure values, season and all as shapes have them, before there is a unit. */
static void
measure_value(AdStream *s, double value)
{
	AdStreamShape *shape = &s->shape;
	double		gain = ad_stream_gain(shape->n, s->past_gain);
	double		off = Max(Min(value - shape->mean[0], LARGE), -LARGE);

	shape->mean[0] += gain * off;
	shape->mean_square += gain * ((1.0 - gain) * off * off - shape->mean_square);
}

/*
 * Begin the inverse, once there are enough values to measure them by; false
 * if they do not differ.
 */
static bool
begin_inverse(AdStreamShape *shape)
{
	Size		m = shape->m;
	double		unit = sqrt(shape->mean_square);

	if (!(unit > SMALL))
		return false;
	/* the ring holds values as they are until now */
	for (Size i = 0; i < m; i++)
		shape->ring[i] = Max(Min(shape->ring[i] / unit, VALUE_LIMIT), -VALUE_LIMIT);
	shape->unit = unit;
	shape->mean_square = 1.0;
	memset(shape->inverse, 0, m * m * sizeof(double));
	for (Size i = 0; i < m; i++)
	{
		shape->mean[i] = shape->ring[(shape->at + m - i) % m];
		shape->inverse[i * m + i] = 1.0 / FIRST_RIDGE;
	}
	shape->updates = 1;
	return true;
}

/* u = inverse x.  The inverse is symmetric: its rows are its columns. */
static void
multiply(const double *inverse, const double *x, double *pg_restrict u,
		 Size m)
{
	for (Size i = 0; i < m; i++)
		u[i] = 0;
	for (Size j = 0; j < m; j += 4)
	{
		const double *row = inverse + j * m;

		for (Size i = 0; i < m; i++)
			u[i] = u[i] + x[j] * row[i] + x[j + 1] * row[i + m] +
				x[j + 2] * row[i + 2 * m] + x[j + 3] * row[i + 3 * m];
	}
}

/* inverse = a inverse - b u u' */
static void
update(double *pg_restrict inverse, const double *u, double a, double b,
	   Size m)
{
	for (Size j = 0; j < m; j++)
	{
		double	   *row = inverse + j * m;
		double		factor = b * u[j];

		for (Size i = 0; i < m; i++)
			row[i] = a * row[i] - factor * u[i];
	}
}

/*
 * Learn from a window, whose product with the inverse is u and whose distance
 * is known; changes u.
 */
static void
learn_window(AdStream *s, double *u, double square, double part)
{
	AdStreamShape *shape = &s->shape;
	Size		m = shape->m;
	double		gain = ad_stream_gain(shape->updates + m - 1, s->past_gain);
	Size		axis = (Size) (shape->updates % m);
	const double *row = shape->inverse + axis * m;
	double		step;
	double		k;

	step = sqrt((double) m * RIDGE * shape->mean_square / Max(part, WEIGHT_LIMIT));
	if ((shape->updates / m) % 2 == 1)
		step = -step;
	square += step * (2 * u[axis] + step * row[axis]);
	for (Size i = 0; i < m; i++)
		u[i] += step * row[i];
	k = gain * part / (1.0 - gain);
	update(shape->inverse, u, 1.0 / (1.0 - gain),
		   k / ((1.0 + k * square) * (1.0 - gain)), m);
	shape->updates++;
}

/* Measure the last m values against all windows so far, and learn from them. */
static void
add_window(AdStream *s)
{
	AdStreamShape *shape = &s->shape;
	Size		m = shape->m;
	double		x[AD_STREAM_MAX_SHAPE];
	double		u[AD_STREAM_MAX_SHAPE];
	double		square = 0;
	double		part;
	double		gain = ad_stream_gain(shape->n - m - 1, s->past_gain);

	for (Size i = 0; i < m; i++)
		x[i] = shape->ring[(shape->at + m - i) & (m - 1)] - shape->mean[i];
	multiply(shape->inverse, x, u, m);
	for (Size i = 0; i < m; i++)
		square += x[i] * u[i];
	if (!(square >= 0 && square < LARGE))
	{
		/* rounding has ended it, or hostile bytes began it */
		shape->updates = 0;
		shape->n = 0;
		return;
	}
	shape->distance = sqrt(square / (double) m);
	part = square > (double) m ? (double) m / square : 1.0;
	for (Size i = 0; i < m; i++)
		shape->mean[i] += gain * part * x[i];
	shape->mean_square += gain * part * (x[0] * x[0] - shape->mean_square);
	if (shape->n % 2 == 0)
		learn_window(s, u, square, part);
}

/* Add a value to the shape score. */
void
ad_stream_shape_add(AdStream *s, double value)
{
	AdStreamShape *shape = &s->shape;

	shape->at = (shape->at + 1) % shape->m;
	if (shape->updates > 0)
		value = Max(Min(value / shape->unit, VALUE_LIMIT), -VALUE_LIMIT);
	else
		measure_value(s, value);
	shape->ring[shape->at] = value;
	shape->n++;
	if (shape->n < 2 * shape->m ||
		(shape->updates == 0 && !begin_inverse(shape)))
		return;
	add_window(s);
	if (shape->updates > 0)
		follow(s, shape->n - 2 * shape->m, shape->distance, &shape->score,
			   &shape->average);
}

/* Return a score over its mean so far, drawn towards 1 while it is young. */
static inline double
relative(const AdStream *s, uint64 n, double score, double average)
{
	double		all = (double) n + YOUNG * s->score_window;

	return average > 0 ? 1.0 + (double) n * (score - average) / (average * all) : 1.0;
}

/* Set the scores of the last points. */
void
ad_stream_scores(const AdStream *s, AdStreamPoint *out)
{
	const AdStreamWindow *w = &s->window;
	const AdStreamShape *shape = &s->shape;

	out->has_combined = true;
	out->combined_score = relative(s, w->n, w->score, w->average);
	out->has_window = w->n >= WINDOW_FIRST;
	out->window_score = w->score;
	out->has_shape = shape->updates > 0;
	if (!out->has_shape)
		return;
	out->shape_score = shape->distance;
	out->combined_score = 0.5 * (out->combined_score +
								 relative(s, shape->n, shape->score, shape->average));
}
