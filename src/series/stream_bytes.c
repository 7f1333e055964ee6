/*-------------------------------------------------------------------------
 *
 * stream_bytes.c
 *		A stream as bytes, and back.
 *
 * Version 1 is of the first form (stream_first.c), which is read and written
 * as 0.2.0 did.  Nothing that is read is trusted: what could make the stream
 * read or allocate beyond its arrays is checked here, and what could make its
 * numbers absurd is kept within what a stream can hold.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_envelope.h"
#include "series/ad_grid.h"
#include "series/ad_stream_parts.h"

#define FIRST_VERSION	1
#define STREAM_VERSION	2
#define STREAM_SECTION	1
#define SLOT_BYTES		(sizeof(double) + sizeof(float) + sizeof(uint16))
#define SEEN_MAX		1000000 /* of a slot of the first form */
#define ZONE_MAX		1024	/* bytes of a time zone's name */
#define COUNT_MAX		1e9f	/* points in a bin of the tail */
#define RUN_MAX			1000000

/* Bits of the options. */
#define FLAG_LATE_ERROR	1
#define FLAG_AUTOMATIC	2
#define FLAG_HOLDS		4
#define FLAG_FLAGGED	8
#define FLAG_FEW		16
#define FLAG_NUMBER		32
#define FLAG_ALL		63

static const char *const RANGE = "a value is out of range";

/* Write the options. */
static void
write_options(StringInfo b, const AdStream *s)
{
	ad_wr_u32(b, (s->late_error ? FLAG_LATE_ERROR : 0) |
			  (s->automatic ? FLAG_AUTOMATIC : 0) |
			  (s->held.capacity > 0 ? FLAG_HOLDS : 0) |
			  (s->tail.was_flagged ? FLAG_FLAGGED : 0) |
			  (s->tail.few ? FLAG_FEW : 0) |
			  (s->number ? FLAG_NUMBER : 0));
	ad_wr_u32(b, s->warmup);
	ad_wr_f64(b, s->level_gain);
	ad_wr_f64(b, s->trend_gain);
	ad_wr_f64(b, s->season_gain);
	ad_wr_f64(b, s->clip);
	ad_wr_f64(b, s->q);
	ad_wr_u32(b, s->memory);
	ad_wr_u32(b, s->score_window);
	ad_wr_u32(b, s->shape.m);
	ad_wr_string(b, s->clock.name ? s->clock.name : "",
				 s->clock.name ? strlen(s->clock.name) : 0);
	ad_wr_align8(b);
}

/* Read the options. */
static void
read_options(AdReader *r, AdStream *s)
{
	uint32		flags = ad_rd_u32(r);
	uint32		m;
	const char *zone;
	Size		length;

	s->late_error = (flags & FLAG_LATE_ERROR) != 0;
	s->automatic = (flags & FLAG_AUTOMATIC) != 0;
	s->held.capacity = (flags & FLAG_HOLDS) ? 1 : 0;
	s->tail.was_flagged = (flags & FLAG_FLAGGED) != 0;
	s->tail.few = (flags & FLAG_FEW) != 0;
	s->number = (flags & FLAG_NUMBER) != 0;
	s->warmup = ad_rd_u32(r);
	s->level_gain = ad_rd_finite(r);
	s->trend_gain = ad_rd_finite(r);
	s->season_gain = ad_rd_finite(r);
	s->clip = ad_rd_finite(r);
	s->q = ad_rd_finite(r);
	s->memory = ad_rd_u32(r);
	s->score_window = ad_rd_u32(r);
	m = ad_rd_u32(r);
	zone = ad_rd_string(r, ZONE_MAX, &length);
	ad_rd_align8(r);
	if (flags > FLAG_ALL || (m != 0 && m != 16 && m != AD_STREAM_MAX_SHAPE) ||
		!(s->level_gain > 0 && s->level_gain <= 1) ||
		!(s->trend_gain >= 0 && s->trend_gain <= 1) ||
		!(s->season_gain > 0 && s->season_gain <= 1) ||
		!(s->clip >= 1 && s->clip <= 100) || !(s->q > 0 && s->q <= 0.02) ||
		s->memory < 1 || s->memory > PG_INT32_MAX ||
		s->score_window < 1 || s->score_window > PG_INT32_MAX)
		ad_rd_corrupt(r, RANGE);
	ad_stream_set_gains(s);
	ad_stream_shape_init(s, m);
	if (length > 0)
	{
		ad_rd_text_check(r, zone, length);
		ad_stream_zone(s, zone, length);
	}
}

/* Write what is known of the time, and the counts. */
static void
write_time(StringInfo b, const AdStream *s)
{
	ad_wr_u64(b, (uint64) s->step);
	ad_wr_u64(b, (uint64) s->last);
	ad_wr_u64(b, (uint64) s->last_value);
	ad_wr_u32(b, s->nfirst);
	ad_wr_u32(b, s->skipped);
	ad_wr_f64(b, s->last_off);
	ad_wr_u32(b, s->phase.n);
	ad_wr_u32(b, (uint32) s->phase.cut);
	for (int i = 0; i < AD_STREAM_PHASES; i++)
		ad_wr_u16(b, s->phase.bin[i]);
	if (s->nfirst < AD_STREAM_MOST)
		for (uint32 i = 0; i < s->nfirst; i++)
			ad_wr_u64(b, (uint64) s->first[i]);
	ad_wr_u64(b, s->n);
	ad_wr_u64(b, s->infinite);
	ad_wr_u64(b, s->late);
	ad_wr_u64(b, s->missing);
	ad_wr_u64(b, s->anomalies);
}

/* Read where steps begin. */
static void
read_phase(AdReader *r, AdStreamPhase *phase)
{
	uint32		all = 0;

	phase->n = ad_rd_u32(r);
	phase->cut = (int32) ad_rd_u32(r);
	for (int i = 0; i < AD_STREAM_PHASES; i++)
	{
		phase->bin[i] = ad_rd_u16(r);
		all += phase->bin[i];
	}
	if (all != phase->n || phase->n >= AD_STREAM_TIMES ||
		phase->cut > AD_STREAM_CUT_LIMIT || phase->cut < -AD_STREAM_CUT_LIMIT)
		ad_rd_corrupt(r, RANGE);
}

/* Read what is known of the time, and the counts. */
static void
read_time(AdReader *r, AdStream *s)
{
	s->step = (int64) ad_rd_u64(r);
	s->last = (int64) ad_rd_u64(r);
	s->last_value = (int64) ad_rd_u64(r);
	s->nfirst = ad_rd_u32(r);
	s->skipped = ad_rd_u32(r);
	s->last_off = ad_rd_finite(r);
	read_phase(r, &s->phase);
	if (s->step < 0 || s->nfirst > AD_STREAM_MOST ||
		(s->nfirst == AD_STREAM_MOST && s->step == 0))
		ad_rd_corrupt(r, RANGE);
	if (s->nfirst < AD_STREAM_MOST)
		for (uint32 i = 0; i < s->nfirst; i++)
			s->first[i] = (int64) ad_rd_u64(r);
	s->n = ad_rd_u64(r);
	s->infinite = ad_rd_u64(r);
	s->late = ad_rd_u64(r);
	s->missing = ad_rd_u64(r);
	s->anomalies = ad_rd_u64(r);
}

/* Write what the forecast has learnt. */
static void
write_forecast(StringInfo b, const AdStream *s)
{
	ad_wr_f64(b, s->level);
	ad_wr_f64(b, s->trend);
	ad_wr_f64(b, s->scale);
	ad_wr_u64(b, s->nscale);
	ad_wr_f64(b, s->gap_growth);
	ad_wr_f64(b, s->gap_square);
	ad_wr_u64(b, s->ngaps);
	ad_wr_f64(b, s->magnitude);
	ad_wr_f64_array(b, s->size, 2);
	ad_wr_f64(b, s->middle);
	ad_wr_f64(b, s->spread);
	ad_wr_f64(b, s->run_error);
	ad_wr_u32(b, (uint32) s->run);
	ad_wr_u32(b, s->recent.nsizes);
	ad_wr_u32(b, s->recent.nblocks);
	ad_wr_align8(b);
	ad_wr_f64_array(b, s->recent.size, 5);
	ad_wr_f64_array(b, s->recent.block, 3);
	ad_wr_f64(b, s->recent.median);
	ad_wr_f64_array(b, s->start, AD_STREAM_START);
}

/* Read a finite number that is not below 0. */
static double
read_size(AdReader *r)
{
	double		x = ad_rd_finite(r);

	if (!(x >= 0))
		ad_rd_corrupt(r, RANGE);
	return x;
}

/* Read n finite numbers. */
static void
read_array(AdReader *r, double *x, Size n)
{
	for (Size i = 0; i < n; i++)
		x[i] = ad_rd_finite(r);
}

/* Read what the forecast has learnt. */
static void
read_forecast(AdReader *r, AdStream *s)
{
	s->level = ad_rd_finite(r);
	s->trend = ad_rd_finite(r);
	s->scale = read_size(r);
	s->nscale = ad_rd_u64(r);
	s->gap_growth = read_size(r);
	s->gap_square = read_size(r);
	s->ngaps = ad_rd_u64(r);
	s->magnitude = read_size(r);
	read_array(r, s->size, 2);
	s->middle = ad_rd_finite(r);
	s->spread = read_size(r);
	s->run_error = read_size(r);
	s->run = (int32) ad_rd_u32(r);
	s->recent.nsizes = ad_rd_u32(r);
	s->recent.nblocks = ad_rd_u32(r);
	ad_rd_align8(r);
	for (int i = 0; i < 5; i++)
		s->recent.size[i] = read_size(r);
	for (int i = 0; i < 3; i++)
		s->recent.block[i] = read_size(r);
	s->recent.median = read_size(r);
	read_array(r, s->start, AD_STREAM_START);
	if (s->run > RUN_MAX || s->run < -RUN_MAX || s->recent.nsizes >= 5 ||
		s->recent.nblocks >= 6)
		ad_rd_corrupt(r, RANGE);
}

/* Write the tail: its bins from the first to the last that has points. */
static void
write_tail(StringInfo b, const AdStream *s)
{
	const AdStreamTail *tail = &s->tail;
	uint32		from = 0;
	uint32		to = AD_STREAM_BINS;

	while (to > 0 && tail->count[to - 1] == 0)
		to--;
	while (from < to && tail->count[from] == 0)
		from++;
	ad_wr_f64(b, s->bound);
	ad_wr_f64(b, tail->n);
	ad_wr_f64(b, tail->next_fit);
	ad_wr_f64(b, tail->flagged);
	ad_wr_u32(b, from);
	ad_wr_u32(b, to);
	for (uint32 i = from; i < to; i++)
	{
		uint32		bits;

		memcpy(&bits, &tail->count[i], sizeof(bits));
		ad_wr_u32(b, bits);
	}
	ad_wr_align8(b);
}

/* Read a float of single precision. */
static float
read_float(AdReader *r)
{
	uint32		bits = ad_rd_u32(r);
	float		x;

	memcpy(&x, &bits, sizeof(x));
	if (!isfinite(x))
		ad_rd_corrupt(r, RANGE);
	return x;
}

/* Read the tail. */
static void
read_tail(AdReader *r, AdStream *s)
{
	AdStreamTail *tail = &s->tail;
	uint32		from;
	uint32		to;

	s->bound = read_size(r);
	tail->n = read_size(r);
	tail->next_fit = read_size(r);
	tail->flagged = read_size(r);
	from = ad_rd_u32(r);
	to = ad_rd_u32(r);
	if (to > AD_STREAM_BINS || from > to ||
		s->bound > AD_STREAM_MAX_SCORE || tail->n > COUNT_MAX)
		ad_rd_corrupt(r, RANGE);
	for (uint32 i = from; i < to; i++)
	{
		tail->count[i] = read_float(r);
		if (!(tail->count[i] >= 0 && tail->count[i] <= COUNT_MAX))
			ad_rd_corrupt(r, RANGE);
	}
	ad_rd_align8(r);
}

/* Write the seasons. */
static void
write_seasons(StringInfo b, const AdStream *s)
{
	ad_wr_u32(b, (uint32) s->nseasons);
	ad_wr_align8(b);
	for (int i = 0; i < s->nseasons; i++)
	{
		const AdStreamSeason *season = &s->seasons[i];

		ad_wr_u64(b, (uint64) season->period);
		ad_wr_u32(b, season->points);
		ad_wr_u32(b, season->slots);
		ad_wr_f64_array(b, season->value, season->slots);
		for (uint32 j = 0; j < season->slots; j++)
		{
			uint32		bits;

			memcpy(&bits, &season->left[j], sizeof(bits));
			ad_wr_u32(b, bits);
		}
		for (uint32 j = 0; j < season->slots; j++)
			ad_wr_u16(b, (uint16) season->seen[j]);
		ad_wr_align8(b);
	}
}

/* Check the length of a season against those before it and the time. */
static void
check_season(AdReader *r, const AdStream *s, int i)
{
	const AdStreamSeason *season = &s->seasons[i];
	bool		laid_out = s->nfirst == AD_STREAM_MOST;

	if (season->period < 0 || season->points > AD_STREAM_MAX_SLOTS ||
		season->points == 1 || (season->points == 0) == (season->period == 0) ||
		(laid_out ? season->slots < 2 || s->step == 0 : season->slots > 0) ||
		(laid_out && season->points > 0 && season->points != season->slots) ||
		(laid_out && i > 0 && season->slots <= s->seasons[i - 1].slots))
		ad_rd_corrupt(r, RANGE);
}

/* Read the seasons. */
static void
read_seasons(AdReader *r, AdStream *s)
{
	uint32		all = 0;
	uint32		n = ad_rd_u32(r);

	if (n > AD_SERIES_MAX_SEASONS)
		ad_rd_corrupt(r, RANGE);
	ad_rd_align8(r);
	for (uint32 i = 0; i < n; i++)
	{
		AdStreamSeason *season = &s->seasons[i];

		season->period = (int64) ad_rd_u64(r);
		season->points = ad_rd_u32(r);
		season->slots = ad_rd_count(r, AD_STREAM_MAX_SLOTS - all, SLOT_BYTES);
		all += season->slots;
		check_season(r, s, (int) i);
		season->value = ad_palloc_array(double, season->slots);
		season->left = ad_palloc_array(float, season->slots);
		season->seen = ad_palloc_array(uint32, season->slots);
		read_array(r, season->value, season->slots);
		for (uint32 j = 0; j < season->slots; j++)
			season->left[j] = read_float(r);
		for (uint32 j = 0; j < season->slots; j++)
			season->seen[j] = ad_rd_u16(r);
		ad_rd_align8(r);
		s->longest = Max(s->longest, season->slots);
	}
	s->nseasons = (int) n;
}

/* Write the points held. */
static void
write_held(StringInfo b, const AdStream *s)
{
	ad_wr_u32(b, s->held.n);
	ad_wr_u32(b, s->held.next);
	for (uint32 i = 0; i < s->held.n; i++)
		ad_wr_u64(b, (uint64) s->held.time[i]);
	ad_wr_f64_array(b, s->held.value, s->held.n);
}

/* Read the points held. */
static void
read_held(AdReader *r, AdStream *s)
{
	AdStreamHeld *held = &s->held;

	held->n = ad_rd_count(r, AD_STREAM_HELD, sizeof(int64) + sizeof(double));
	held->next = ad_rd_u32(r);
	if (held->n >= AD_STREAM_HELD || held->next > AD_STREAM_HELD ||
		(held->n > 0 && held->capacity == 0) ||
		(held->n > 0 && held->n >= held->next && s->step > 0))
		ad_rd_corrupt(r, RANGE);
	if (held->n == 0)
		return;
	held->capacity = held->n;
	held->time = ad_palloc_array(int64, held->n);
	held->value = ad_palloc_array(double, held->n);
	for (uint32 i = 0; i < held->n; i++)
		held->time[i] = (int64) ad_rd_u64(r);
	read_array(r, held->value, held->n);
}

/* Write what the scores of windows and shapes keep. */
static void
write_scores(StringInfo b, const AdStream *s)
{
	const AdStreamWindow *w = &s->window;
	const AdStreamShape *shape = &s->shape;
	Size		m = shape->m;

	ad_wr_u64(b, w->n);
	ad_wr_f64(b, w->mean);
	ad_wr_f64(b, w->variance);
	ad_wr_f64(b, w->score);
	ad_wr_f64(b, w->average);
	if (m == 0)
		return;
	ad_wr_u32(b, shape->at);
	ad_wr_align8(b);
	ad_wr_u64(b, shape->n);
	ad_wr_u64(b, shape->updates);
	ad_wr_f64(b, shape->unit);
	ad_wr_f64(b, shape->mean_square);
	ad_wr_f64(b, shape->distance);
	ad_wr_f64(b, shape->score);
	ad_wr_f64(b, shape->average);
	ad_wr_f64_array(b, shape->ring, m);
	ad_wr_f64_array(b, shape->mean, m);
	ad_wr_f64_array(b, shape->inverse, m * m);
}

/* Read what the scores of windows and shapes keep. */
static void
read_scores(AdReader *r, AdStream *s)
{
	AdStreamWindow *w = &s->window;
	AdStreamShape *shape = &s->shape;
	Size		m = shape->m;

	w->n = ad_rd_u64(r);
	w->mean = ad_rd_finite(r);
	w->variance = read_size(r);
	w->score = read_size(r);
	w->average = read_size(r);
	if (m == 0)
		return;
	shape->at = ad_rd_u32(r);
	ad_rd_align8(r);
	shape->n = ad_rd_u64(r);
	shape->updates = ad_rd_u64(r);
	shape->unit = read_size(r);
	shape->mean_square = read_size(r);
	shape->distance = read_size(r);
	shape->score = read_size(r);
	shape->average = read_size(r);
	if (shape->at >= m || (shape->updates > 0 && !(shape->unit > 0)))
		ad_rd_corrupt(r, RANGE);
	ad_stream_shape_room(shape, CurrentMemoryContext);
	read_array(r, shape->ring, m);
	read_array(r, shape->mean, m);
	read_array(r, shape->inverse, m * m);
}

/* Write a stream of the first form. */
static void
write_first(StringInfo b, const AdStream *s)
{
	const AdStreamSeason none = {0};
	const AdStreamSeason *season = s->nseasons > 0 ? &s->seasons[0] : &none;

	ad_wr_f64(b, s->level_gain);
	ad_wr_f64(b, s->trend_gain);
	ad_wr_f64(b, s->season_gain);
	ad_wr_f64(b, s->clip);
	ad_wr_f64(b, s->q);
	ad_wr_u64(b, (uint64) season->period);
	ad_wr_u32(b, season->points);
	ad_wr_u32(b, s->warmup);
	ad_wr_u32(b, s->late_error ? 1 : 0);
	ad_wr_u32(b, Min(s->nfirst, AD_STREAM_FIRST));
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
	ad_wr_u32(b, season->slots);
	for (uint32 i = 0; i < season->slots; i++)
		ad_wr_u32(b, season->seen[i]);
	ad_wr_align8(b);
	ad_wr_f64_array(b, season->value, season->slots);
}

/* Read the season of a stream of the first form. */
static void
read_first_season(AdReader *r, AdStream *s, AdStreamSeason *season)
{
	season->slots = ad_rd_count(r, AD_STREAM_MAX_SLOTS, sizeof(uint32));
	if (season->points == 1 || season->slots == 1 ||
		(season->slots > 0 && s->step == 0) ||
		(season->slots > 0 && season->points == 0 && season->period == 0) ||
		(season->slots > 0 && season->points > 0 &&
		 season->slots != season->points))
		ad_rd_corrupt(r, RANGE);
	s->nseasons = season->points > 0 || season->period > 0 ? 1 : 0;
	if (season->slots > 0)
	{
		season->seen = ad_palloc_array(uint32, season->slots);
		season->value = ad_palloc_array(double, season->slots);
		s->nfirst = AD_STREAM_MOST;
	}
	for (uint32 i = 0; i < season->slots; i++)
	{
		uint32		seen = ad_rd_u32(r);

		season->seen[i] = Min(seen, SEEN_MAX);
	}
	ad_rd_align8(r);
	read_array(r, season->value, season->slots);
	s->longest = season->slots;
}

/* Read a stream of the first form. */
static void
read_first(AdReader *r, AdStream *s)
{
	AdStreamSeason *season = &s->seasons[0];

	s->first_form = true;
	s->level_gain = ad_rd_finite(r);
	s->trend_gain = ad_rd_finite(r);
	s->season_gain = ad_rd_finite(r);
	s->clip = ad_rd_finite(r);
	s->q = ad_rd_finite(r);
	season->period = (int64) ad_rd_u64(r);
	season->points = ad_rd_u32(r);
	s->warmup = ad_rd_u32(r);
	s->late_error = ad_rd_u32(r) != 0;
	s->nfirst = ad_rd_u32(r);
	s->step = (int64) ad_rd_u64(r);
	s->last = (int64) ad_rd_u64(r);
	for (int i = 0; i < AD_STREAM_FIRST; i++)
		s->first[i] = (int64) ad_rd_u64(r);
	s->n = ad_rd_u64(r);
	s->late = ad_rd_u64(r);
	s->missing = ad_rd_u64(r);
	s->anomalies = ad_rd_u64(r);
	s->level = ad_rd_finite(r);
	s->trend = ad_rd_finite(r);
	s->scale = ad_rd_finite(r);
	s->tail_level = ad_rd_finite(r);
	s->tail_mean = ad_rd_finite(r);
	s->tail_square = ad_rd_finite(r);
	s->peaks = ad_rd_u64(r);
	if (!(s->level_gain > 0 && s->level_gain <= 1) ||
		!(s->trend_gain >= 0 && s->trend_gain <= 1) ||
		!(s->season_gain > 0 && s->season_gain <= 1) ||
		!(s->clip >= 1 && s->clip <= 100) || !(s->q > 0 && s->q <= 0.02) ||
		season->period < 0 || s->step < 0 || s->nfirst > AD_STREAM_FIRST ||
		season->points > AD_STREAM_MAX_SLOTS || s->scale < 0 ||
		s->tail_mean < 0 || s->tail_square < 0 ||
		s->tail_level < AD_STREAM_MIN_LEVEL ||
		s->tail_level > AD_STREAM_MAX_LEVEL)
		ad_rd_corrupt(r, RANGE);
	if (s->nfirst == AD_STREAM_FIRST)
		s->nfirst = AD_STREAM_MOST;
	read_first_season(r, s, season);
	ad_stream_first_bound(s);
}

/* Return the stream as bytes, palloc'd here. */
bytea *
ad_stream_write(const AdStream *s)
{
	AdEnvelopeWriter w;
	StringInfo	b = ad_envelope_begin(&w, 1,
									  4096 + 16 * (Size) ad_stream_slots(s));

	ad_envelope_section(&w, STREAM_SECTION);
	if (s->first_form)
	{
		write_first(b, s);
		return ad_envelope_end(&w, AD_MAGIC_STREAM, FIRST_VERSION, 0, 0);
	}
	write_options(b, s);
	write_time(b, s);
	write_forecast(b, s);
	write_tail(b, s);
	write_seasons(b, s);
	write_held(b, s);
	write_scores(b, s);
	return ad_envelope_end(&w, AD_MAGIC_STREAM, STREAM_VERSION, 0, 0);
}

/* Read a stream from bytes, which are checked throughout; palloc'd here. */
void
ad_stream_read(AdStream *s, const uint8 *data, Size len)
{
	AdEnvelope	e;
	AdReader	r;

	memset(s, 0, sizeof(AdStream));
	ad_envelope_open(&e, data, len, AD_MAGIC_STREAM, "stream state",
					 STREAM_VERSION, 0);
	ad_envelope_reader(&e, STREAM_SECTION, "stream state", &r);
	if (e.version == FIRST_VERSION)
		read_first(&r, s);
	else
	{
		read_options(&r, s);
		read_time(&r, s);
		read_forecast(&r, s);
		read_tail(&r, s);
		read_seasons(&r, s);
		ad_stream_set_rates(s);
		ad_stream_set_phase(s);
		read_held(&r, s);
		read_scores(&r, s);
	}
	ad_rd_end(&r);
}
