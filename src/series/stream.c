/*-------------------------------------------------------------------------
 *
 * stream.c
 *		Scores of a stream: one pass, strictly causal, constant work a point.
 *
 * The forecast is Holt-Winters' additive exponential smoothing made robust
 * after Gelper, Fried & Croux (2010), "Robust forecasting with exponential
 * and Holt-Winters smoothing", Journal of Forecasting 29: the state moves
 * by the forecast error clipped to a few deviations, so an outlier leaves
 * little behind and a lasting shift is followed.  Gains start as plain
 * means (1 / points seen), level and each season slot for itself, and
 * settle at the options' values.
 *
 * The verdict is SPOT's (Siffer et al. 2017, see pareto.c): standardised
 * errors over a high level follow a generalised Pareto tail, extrapolated
 * to the risk q.  In constant memory the level follows its quantile by
 * Robbins-Monro steps and the tail is kept by its two moments; flagged
 * points do not enter the tail.
 *
 * The season slot of a point comes from its time, not from a count, so gaps
 * need no care.  Points that are not after the newest are refused and
 * counted.  Everything is a function of the state and the point alone, with
 * arithmetic that is the same everywhere: any division of a stream into
 * batches gives the same bits.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_envelope.h"
#include "core/ad_fault.h"
#include "core/ad_options.h"
#include "series/ad_grid.h"
#include "series/ad_pareto.h"
#include "series/ad_stream.h"

#include <float.h>

#define STREAM_VERSION	1
#define STREAM_SECTION	1
#define TAIL_SHARE		0.02	/* of errors above the tail's level */
#define TAIL_PRIOR		10		/* peaks that the first guess counts for */
#define TAIL_MEAN		0.4		/* first guess: a normal tail's */
#define TAIL_GROSS		20.0	/* mean excesses a peak may count for */
#define TAIL_LEVEL		2.33	/* first guess: a normal's, of two-sided 0.02 */
#define TAIL_STEP		0.05	/* of the tail's level towards its quantile */
#define MIN_TAIL_LEVEL	1.0
#define MAX_TAIL_LEVEL	10.0
#define MAX_SHAPE		0.5		/* of the tail: heavier ones have no variance */
#define MIN_BOUND		3.0		/* deviations that are always expected */
#define MAX_SCORE		1e6		/* of a finite point */
#define HUGE_POINT		1e300	/* larger ones count as infinite */
#define QUIET_POINTS	30		/* at least, before the first verdict */
#define UNCLIPPED_POINTS 10		/* whose errors are not clipped */
#define FIRST_CYCLES_GAIN 0.1	/* share of the level's gain in them */
#define MIN_WEIGHT		0.01	/* of a point, for scale and tail */
#define NORMAL_MEAN		1.2533141373155001	/* sqrt(pi / 2): deviations of a
											 * normal's mean absolute value */
#define SLOT_SEEN_MAX	1000000
#define FLAG_LATE_ERROR	1		/* as stored */
#define FLAG_NUMBER		2

static const char *const late_names[] = {"count", "error", NULL};
static const char *const own_keys[] = {"period", "step", NULL};

static const AdOption table[] = {
	AD_FLOAT_ABOVE(AdStreamOptions, level, 0.1, 0, 1),
	AD_FLOAT(AdStreamOptions, trend, 0, 0, 1),
	AD_FLOAT_ABOVE(AdStreamOptions, season, 0.1, 0, 1),
	AD_FLOAT(AdStreamOptions, clip, 3, 1, 100),
	AD_FLOAT_ABOVE(AdStreamOptions, q, 1e-4, 0, 0.02),
	AD_INT(AdStreamOptions, warmup, 0, 1, 100000000),
	AD_ENUM(AdStreamOptions, late, 0, late_names),
	AD_ENUM(AdStreamOptions, on_error, AD_ON_ERROR_RAISE, ad_on_error_names),
};

/* Fill o from a jsonb object; intervals stay text for the caller. */
void
ad_stream_options_parse(JsonbContainer *object, AdStreamOptions *o)
{
	memset(o, 0, sizeof(AdStreamOptions));
	ad_options_parse(object, "ad_stream", table, lengthof(table), own_keys, o);
	(void) ad_series_key_span(object, "period", 2, &o->period);
	(void) ad_series_key_span(object, "step", 1, &o->step);
	if (o->period.points > AD_STREAM_MAX_SLOTS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("option \"%s\" is out of range: %zu", "period",
						o->period.points),
				 errdetail("The limit is %u.", AD_STREAM_MAX_SLOTS)));
}

/* Set the bound for the risk, from the tail's moments. */
static void
update_bound(AdStream *s)
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

/* Begin a new stream; intervals of the options have been read. */
void
ad_stream_init(AdStream *s, const AdStreamOptions *o)
{
	const int64 month = INT64CONST(2629746000000);

	memset(s, 0, sizeof(AdStream));
	s->level_gain = o->level;
	s->trend_gain = o->trend;
	s->season_gain = o->season;
	s->clip = o->clip;
	s->q = o->q;
	s->points = (uint32) o->period.points;
	if (o->period.text)
		s->period = o->period.usec + o->period.months * month;
	if (o->step.text)
		s->step = o->step.usec + o->step.months * month;
	else
		s->step = (int64) o->step.points;
	s->warmup = (uint32) o->warmup;
	s->late_error = o->late == AD_LATE_ERROR;
	s->last = AD_NO_TIME;
	s->tail_level = TAIL_LEVEL;
	s->tail_mean = TAIL_MEAN;
	s->tail_square = 2 * TAIL_MEAN * TAIL_MEAN;
	update_bound(s);
}

/* Lay out the season; the step is known. */
static void
lay_out(AdStream *s, MemoryContext mcxt)
{
	double		slots = 0;

	if (s->points > 0)
		slots = s->points;
	else if (s->period > 0)
	{
		slots = rint((double) s->period / (double) s->step);
		if (slots > AD_STREAM_MAX_SLOTS)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("period of the stream has too many points: %.0f",
							slots),
					 errdetail("The limit is %u.", AD_STREAM_MAX_SLOTS),
					 ad_errdata()));
	}
	s->slots = slots >= 2 ? (uint32) slots : 0;
	if (s->slots > 0)
	{
		s->season = (double *)
			MemoryContextAllocZero(mcxt, s->slots * sizeof(double));
		s->seen = (uint32 *)
			MemoryContextAllocZero(mcxt, s->slots * sizeof(uint32));
	}
}

/* Note a time while the step is unknown; the last one settles it. */
static void
learn_step(AdStream *s, MemoryContext mcxt, int64 t)
{
	s->first[s->nfirst++] = t;
	if (s->nfirst < AD_STREAM_FIRST)
		return;
	s->step = Max(ad_grid_step(s->first, AD_STREAM_FIRST), 1);
	lay_out(s, mcxt);
}

/*
 * Return the slot of a time: whole steps since the epoch, modulo the season.
 */
static uint32
slot_of(const AdStream *s, int64 t)
{
	int64		r;

	if (s->points > 0)
	{
		int64		k = t / s->step - (t % s->step < 0 ? 1 : 0);

		r = k % (int64) s->slots;
		if (r < 0)
			r += s->slots;
		return (uint32) r;
	}
	r = t % s->period;
	if (r < 0)
		r += s->period;
	return (uint32) Min((uint64) ((double) r / (double) s->period * s->slots),
						s->slots - 1);
}

/* Lay out the season once the step is known, learning it if it is not. */
static void
prepare_season(AdStream *s, MemoryContext mcxt, int64 t)
{
	if (s->slots > 0 || (s->points == 0 && s->period == 0) ||
		s->nfirst >= AD_STREAM_FIRST)
		return;
	if (s->step > 0)
	{
		s->nfirst = AD_STREAM_FIRST;
		lay_out(s, mcxt);
	}
	else
		learn_step(s, mcxt, t);
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
	return s->warmup > 0 ? s->warmup :
		Max(2 * (uint64) (s->slots > 0 ? s->slots : s->points), QUIET_POINTS);
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
		error != 0 ? MAX_SCORE : 0;

	out->score = Min(z, MAX_SCORE);
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
	if (s->slots > 0)
	{
		double		own = 1.0 / (double) (s->seen[slot] + 1);
		double		share = Max(s->season_gain, own);

		/*
		 * In its first cycles a slot takes the error, not the level: else the
		 * level runs after the season.
		 */
		if (s->seen[slot] < 2)
		{
			if (s->n > s->slots / 2 && s->seen[slot] == 0)
				gain = 0;
			share = own;
			moved = s->seen[slot] == 0 ? error : moved;
			gain *= FIRST_CYCLES_GAIN;
		}
		s->season[slot] += share * (1.0 - gain) * moved;
		if (s->seen[slot] < SLOT_SEEN_MAX)
			s->seen[slot]++;
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
	double		size = fabs(moved) * NORMAL_MEAN;
	double		weight = 1.0 / (double) (s->n + 1);

	if (s->slots > 0 && s->seen[slot] <= 1)
		return;
	if (s->slots > 0)
		weight = s->n > s->slots ?
			1.0 / (double) (s->n - s->slots + 1) : 1.0;
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
	s->tail_level = Max(Min(s->tail_level, MAX_TAIL_LEVEL), MIN_TAIL_LEVEL);
	if (peak)
		update_bound(s);
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
 * Take one point in.  The season is allocated in the given context, once.
 */
void
ad_stream_point(AdStream *s, MemoryContext mcxt, int64 t, bool has_value,
				double value, AdStreamPoint *out)
{
	uint32		slot = 0;
	double		error;
	double		moved;

	memset(out, 0, sizeof(AdStreamPoint));
	if (s->last != AD_NO_TIME && t <= s->last)
	{
		refuse_late(s, out);
		return;
	}
	s->last = t;
	prepare_season(s, mcxt, t);
	if (s->slots > 0)
		slot = slot_of(s, t);
	expect(s, s->slots > 0 ? s->season[slot] : 0, out);
	if (!has_value || isnan(value))
	{
		s->missing++;
		return;
	}

	out->judged = s->n >= quiet_points(s);
	if (fabs(value) > HUGE_POINT)
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

/* Return the stream as bytes, palloc'd here. */
bytea *
ad_stream_write(const AdStream *s)
{
	AdEnvelopeWriter w;
	StringInfo	b = ad_envelope_begin(&w, 1,
									  512 + 12 * (Size) s->slots);

	ad_envelope_section(&w, STREAM_SECTION);
	ad_wr_f64(b, s->level_gain);
	ad_wr_f64(b, s->trend_gain);
	ad_wr_f64(b, s->season_gain);
	ad_wr_f64(b, s->clip);
	ad_wr_f64(b, s->q);
	ad_wr_u64(b, (uint64) s->period);
	ad_wr_u32(b, s->points);
	ad_wr_u32(b, s->warmup);
	ad_wr_u32(b, (s->late_error ? FLAG_LATE_ERROR : 0) |
			  (s->number ? FLAG_NUMBER : 0));
	ad_wr_u32(b, s->nfirst);
	ad_wr_u64(b, (uint64) s->step);
	ad_wr_u64(b, (uint64) s->last);
	for (int i = 0; i < AD_STREAM_FIRST; i++)
		ad_wr_u64(b, (uint64) s->first[i]);
	ad_wr_u64(b, s->n);
	ad_wr_u64(b, s->late);
	ad_wr_u64(b, s->missing);
	ad_wr_u64(b, s->anomalies);
	ad_wr_f64(b, s->level);
	ad_wr_f64(b, s->trend);
	ad_wr_f64(b, s->scale);
	ad_wr_f64(b, s->tail_level);
	ad_wr_f64(b, s->tail_mean);
	ad_wr_f64(b, s->tail_square);
	ad_wr_u64(b, s->peaks);
	ad_wr_u32(b, s->slots);
	for (uint32 i = 0; i < s->slots; i++)
		ad_wr_u32(b, s->seen[i]);
	ad_wr_align8(b);
	ad_wr_f64_array(b, s->season, s->slots);
	return ad_envelope_end(&w, AD_MAGIC_STREAM, STREAM_VERSION, 0, 0);
}

/* Read a stream from bytes, which are checked throughout; palloc'd here. */
void
ad_stream_read(AdStream *s, const uint8 *data, Size len)
{
	AdEnvelope	e;
	AdReader	r;
	uint32		flags;

	memset(s, 0, sizeof(AdStream));
	ad_envelope_open(&e, data, len, AD_MAGIC_STREAM, "stream state",
					 STREAM_VERSION, 0);
	ad_envelope_reader(&e, STREAM_SECTION, "stream state", &r);
	s->level_gain = ad_rd_finite(&r);
	s->trend_gain = ad_rd_finite(&r);
	s->season_gain = ad_rd_finite(&r);
	s->clip = ad_rd_finite(&r);
	s->q = ad_rd_finite(&r);
	s->period = (int64) ad_rd_u64(&r);
	s->points = ad_rd_u32(&r);
	s->warmup = ad_rd_u32(&r);
	flags = ad_rd_u32(&r);
	s->late_error = (flags & FLAG_LATE_ERROR) != 0;
	s->number = (flags & FLAG_NUMBER) != 0;
	s->nfirst = ad_rd_u32(&r);
	s->step = (int64) ad_rd_u64(&r);
	s->last = (int64) ad_rd_u64(&r);
	for (int i = 0; i < AD_STREAM_FIRST; i++)
		s->first[i] = (int64) ad_rd_u64(&r);
	s->n = ad_rd_u64(&r);
	s->late = ad_rd_u64(&r);
	s->missing = ad_rd_u64(&r);
	s->anomalies = ad_rd_u64(&r);
	s->level = ad_rd_finite(&r);
	s->trend = ad_rd_finite(&r);
	s->scale = ad_rd_finite(&r);
	s->tail_level = ad_rd_finite(&r);
	s->tail_mean = ad_rd_finite(&r);
	s->tail_square = ad_rd_finite(&r);
	s->peaks = ad_rd_u64(&r);
	s->slots = ad_rd_count(&r, AD_STREAM_MAX_SLOTS, sizeof(uint32));
	if (!(s->level_gain > 0 && s->level_gain <= 1) ||
		!(s->trend_gain >= 0 && s->trend_gain <= 1) ||
		!(s->season_gain > 0 && s->season_gain <= 1) ||
		!(s->clip >= 1 && s->clip <= 100) || !(s->q > 0 && s->q <= 0.02) ||
		flags > (FLAG_LATE_ERROR | FLAG_NUMBER) ||
		(s->number && s->period > 0) ||
		s->period < 0 || s->step < 0 || s->nfirst > AD_STREAM_FIRST ||
		s->points > AD_STREAM_MAX_SLOTS || s->scale < 0 ||
		s->tail_mean < 0 || s->tail_square < 0 ||
		s->tail_level < MIN_TAIL_LEVEL || s->tail_level > MAX_TAIL_LEVEL ||
		s->points == 1 || s->slots == 1 ||
		(s->slots > 0 && s->step == 0) ||
		(s->slots > 0 && s->points == 0 && s->period == 0) ||
		(s->slots > 0 && s->points > 0 && s->slots != s->points))
		ad_rd_corrupt(&r, "a value is out of range");
	if (s->slots > 0)
	{
		s->seen = ad_palloc_array(uint32, s->slots);
		s->season = ad_palloc_array(double, s->slots);
		for (uint32 i = 0; i < s->slots; i++)
		{
			uint32		seen = ad_rd_u32(&r);

			s->seen[i] = Min(seen, SLOT_SEEN_MAX);
		}
		ad_rd_align8(&r);
		for (uint32 i = 0; i < s->slots; i++)
			s->season[i] = ad_rd_finite(&r);
	}
	else
		ad_rd_align8(&r);
	ad_rd_end(&r);
	update_bound(s);
}
