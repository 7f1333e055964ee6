/*-------------------------------------------------------------------------
 *
 * generate.c
 *		Random values, blobs and series with known anomalies.
 *
 * Everything is a function of the seed and a position, so that rows can be
 * made in any order, by any worker, and a longer run begins with a shorter
 * one.  A position has a stream of random numbers of its own: SplitMix64
 * from a start that is a hash of seed, purpose and position.  Each value
 * takes one number of it, by the inverse of the distribution function.
 *
 * Rare events (anomalies, spikes, level shifts) come one a stratum: rows are
 * cut into strata of 1 / share rows, and each has its event at a place drawn
 * from its own stream.  So the first n rows have n * share events, give or
 * take one, and still no row depends on another.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_elementary.h"
#include "core/ad_random.h"
#include "evaluate/ad_generate.h"
#include "math/ad_uniform.h"

#define GAMMA		AD_UNIFORM_STEP
#define BOX			10.0		/* centers lie within, in each direction */
#define ATTEMPTS	32			/* to place an anomaly off the clusters */
#define PIECE		((Size) 4096)	/* values that are made at once */
#define MAX_TABLE	4096.0		/* longest season that is kept */

/* What the numbers of a seed are for; each purpose has its own streams. */
enum
{
	FOR_VALUES = 1,
	FOR_CENTERS,
	FOR_ROWS,
	FOR_ANOMALIES,
	FOR_SPIKES,
	FOR_SHIFTS
};

/* The key of all streams of a seed for a purpose. */
static inline uint64
stream_key(int64 seed, int purpose)
{
	return ad_mix64((uint64) seed + GAMMA * (uint64) purpose);
}

/* Start the stream of a position. */
static inline uint64
stream_start(uint64 key, int64 position)
{
	return ad_mix64(key + GAMMA * (uint64) position);
}

/* Next number of a stream. */
static inline uint64
stream_next(uint64 *stream)
{
	*stream += GAMMA;
	return ad_mix64(*stream);
}

/* The distribution of a name; false if there is none. */
bool
ad_distribution_parse(const char *name, Size len,
					  AdDistribution *distribution)
{
	if (len == 6 && memcmp(name, "normal", 6) == 0)
		*distribution = AD_DIST_NORMAL;
	else if (len == 7 && memcmp(name, "uniform", 7) == 0)
		*distribution = AD_DIST_UNIFORM;
	else if (len == 11 && memcmp(name, "exponential", 11) == 0)
		*distribution = AD_DIST_EXPONENTIAL;
	else
		return false;
	return true;
}

/* A value of the standard form of a distribution, from a uniform one. */
static inline double
standard_value(double u, AdDistribution distribution)
{
	switch (distribution)
	{
		case AD_DIST_NORMAL:
			return ad_normal_quantile(u);
		case AD_DIST_UNIFORM:
			return u;
		case AD_DIST_EXPONENTIAL:
			return -ad_log(u);
	}
	return 0;
}

/*
 * Value i of a seed: normal with that mean and standard deviation, uniform
 * between location and location + scale, or exponential with mean scale,
 * beginning at location.
 */
double
ad_random_at(int64 seed, int64 i, AdDistribution distribution,
			 double location, double scale)
{
	/* the key of the last seed: calls come by the million with one seed */
	static int64 last_seed = 0;
	static uint64 last_key = 0;
	static bool known = false;
	uint64		stream;

	if (unlikely(seed != last_seed || !known))
	{
		last_key = stream_key(seed, FOR_VALUES);
		last_seed = seed;
		known = true;
	}
	stream = stream_start(last_key, i);
	return location +
		scale * standard_value(ad_open_unit(stream_next(&stream)),
							   distribution);
}

/* A piece of ad_random_fill(), of a key. */
static void
fill_piece(uint64 key, int64 first, Size n, AdDistribution distribution,
		   double location, double scale, double *out)
{
	if (distribution == AD_DIST_UNIFORM)
	{
		ad_uniform_fill(key, first, n, location, scale, out);
		return;
	}
	ad_uniform_fill(key, first, n, 0, 1, out);
	for (Size k = 0; k < n; k++)
		out[k] = location + scale * standard_value(out[k], distribution);
}

/* The n values of a seed from i = first on, as ad_random_at() gives them. */
void
ad_random_fill(int64 seed, int64 first, Size n, AdDistribution distribution,
			   double location, double scale, double *out)
{
	uint64		key = stream_key(seed, FOR_VALUES);

	for (Size done = 0; done < n; done += PIECE)
	{
		CHECK_FOR_INTERRUPTS();
		/* the last one made is not beyond the last number */
		fill_piece(key, (int64) ((uint64) first + done), Min(n - done, PIECE),
				   distribution, location, scale, out + done);
	}
}

/* Before the first stratum; share 0: no events. */
static void
strata_init(AdStrata *s, double share, int64 seed, int purpose)
{
	s->share = share;
	s->key = stream_key(seed, purpose);
	s->j = -1;
	s->end = share > 0 ? 0 : PG_INT64_MAX;
	s->at = -1;
	s->bits = 0;
}

/* Whether row (from 0, and not below the last one) has an event. */
static inline bool
strata_event(AdStrata *s, int64 row)
{
	while (unlikely(row >= s->end))
	{
		int64		start = s->end;
		double		end = ceil((double) (s->j + 2) / s->share);
		uint64		stream;

		s->j++;
		s->end = Max(start + 1, (int64) Min(end, 4e18));
		stream = stream_start(s->key, s->j);
		s->at = start + (int64) (stream_next(&stream) %
								 (uint64) (s->end - start));
		s->bits = stream_next(&stream);
	}
	return row == s->at;
}

/* Place the centers, in the current context, and start at the first row. */
void
ad_blobs_init(AdBlobs *b)
{
	uint64		key = stream_key(b->seed, FOR_CENTERS);

	b->next = 0;
	b->row_key = stream_key(b->seed, FOR_ROWS);
	b->centers = ad_palloc_array(double,
								 ad_mul_size(b->clusters, b->features));
	for (int c = 0; c < b->clusters; c++)
	{
		uint64		stream = stream_start(key, c);
		double	   *center = b->centers + (Size) c * b->features;

		CHECK_FOR_INTERRUPTS();
		for (int j = 0; j < b->features; j++)
			center[j] = BOX * (2 * ad_open_unit(stream_next(&stream)) - 1);
	}
	strata_init(&b->anomaly, b->contamination, b->seed, FOR_ANOMALIES);
}

/* Whether a point is off every cluster, by the norm of its rows and more. */
static bool
is_far(const AdBlobs *b, const double *x)
{
	double		reach = b->spread * (sqrt((double) b->features) + 3);

	for (int c = 0; c < b->clusters; c++)
	{
		const double *center = b->centers + (Size) c * b->features;
		double		sum = 0;

		for (int j = 0; j < b->features; j++)
			sum += (x[j] - center[j]) * (x[j] - center[j]);
		if (sum < reach * reach)
			return false;
	}
	return true;
}

/*
 * Make the next row; true if it is an anomaly.  A normal row is a cluster's
 * center and normal noise; an anomaly is uniform in half as large a box
 * again as the centers', drawn anew while it is near a cluster (but not for
 * ever: the clusters may fill the box).
 */
bool
ad_blobs_next(AdBlobs *b, double *x)
{
	bool		is_anomaly = strata_event(&b->anomaly, b->next);
	uint64		stream = stream_start(b->row_key, b->next);

	b->next++;
	if (is_anomaly)
	{
		int			attempt = 0;

		do
		{
			CHECK_FOR_INTERRUPTS();
			for (int j = 0; j < b->features; j++)
				x[j] = 1.5 * BOX * (2 * ad_open_unit(stream_next(&stream)) - 1);
		} while (!is_far(b, x) && ++attempt < ATTEMPTS);
	}
	else
	{
		const double *center = b->centers +
			(Size) (stream_next(&stream) % (uint64) b->clusters) * b->features;

		for (int j = 0; j < b->features; j++)
			x[j] = center[j] + b->spread *
				ad_normal_quantile(ad_open_unit(stream_next(&stream)));
	}
	return is_anomaly;
}

/* Start at the first row. */
void
ad_generated_series_init(AdGeneratedSeries *s)
{
	s->next = 0;
	s->noise_key = stream_key(s->seed, FOR_VALUES);
	s->shifted = 0;
	strata_init(&s->spike, s->spikes, s->seed, FOR_SPIKES);
	strata_init(&s->shift, s->shifts, s->seed, FOR_SHIFTS);
}

/* What the season adds at a step, 0 <= step < period. */
static inline double
season_at(const AdGeneratedSeries *s, double step)
{
	double		sine,
				cosine;

	ad_sincos_turn(step / s->period, &sine, &cosine);
	return s->amplitude * sine;
}

/*
 * The next value, given its noise and its season's part (0: none).  Level
 * shifts lead away from the level, up or down, and back again by turns, so
 * that a row's level depends on the last shift alone.
 */
static inline double
next_value(AdGeneratedSeries *s, double noise, double season,
		   AdPointKind *kind)
{
	int64		row = s->next++;
	double		value = s->level + s->trend * (double) s->next + season;
	bool		spikes = strata_event(&s->spike, row);

	*kind = AD_POINT_NORMAL;
	if (strata_event(&s->shift, row))
	{
		*kind = AD_POINT_SHIFT;
		if (s->shift.j % 2 == 1)
			s->shifted = 0;
		else
			s->shifted = (s->shift.bits & 1) ? s->shift_size : -s->shift_size;
	}
	value += s->shifted + noise;

	/* a row is one kind of anomaly */
	if (spikes && *kind == AD_POINT_NORMAL)
	{
		double		size = s->spike_size * (1 + ad_open_unit(s->spike.bits));

		*kind = AD_POINT_SPIKE;
		value += (s->spike.bits & 1) ? size : -size;
	}
	return value;
}

/*
 * The next value.  The first is at i = 1, and its noise is ad_random_at(seed,
 * i).
 */
double
ad_generated_series_next(AdGeneratedSeries *s, AdPointKind *kind)
{
	int64		i = s->next + 1;
	uint64		stream = stream_start(s->noise_key, i);
	double		noise = s->noise_scale *
		standard_value(ad_open_unit(stream_next(&stream)), s->noise);

	return next_value(s, noise, s->period > 0 ?
					  season_at(s, fmod((double) i, s->period)) : 0, kind);
}

/* The next n values, as ad_generated_series_next() gives them. */
void
ad_generated_series_fill(AdGeneratedSeries *s, Size n, double *out)
{
	double	   *season = NULL;
	Size		period = 0;
	Size		step;

	/* a season of whole steps comes again */
	if (s->period > 0 && s->period <= MAX_TABLE && s->period == rint(s->period))
	{
		period = (Size) s->period;
		season = ad_palloc_array(double, period);
		for (Size k = 0; k < period; k++)
			season[k] = season_at(s, (double) k);
	}
	step = period > 0 ? (Size) (s->next % (int64) period) : 0;
	for (Size done = 0; done < n; done += PIECE)
	{
		Size		end = done + Min(n - done, PIECE);
		AdPointKind kind;

		CHECK_FOR_INTERRUPTS();
		fill_piece(s->noise_key, s->next + 1, end - done, s->noise, 0,
				   s->noise_scale, out + done);
		for (Size k = done; k < end; k++)
		{
			double		part = 0;

			if (season)
			{
				step = step + 1 == period ? 0 : step + 1;
				part = season[step];
			}
			else if (s->period > 0)
				part = season_at(s, fmod((double) (s->next + 1), s->period));
			out[k] = next_value(s, out[k], part, &kind);
		}
	}
	if (season)
		pfree(season);
}
