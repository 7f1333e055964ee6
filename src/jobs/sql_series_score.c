/*-------------------------------------------------------------------------
 *
 * sql_series_score.c
 *		The points of a series, scored from its state.
 *
 * A stream is gone on with point by point.  The other method keeps the last
 * points of each series, and scores those that are new together with them: a
 * point is judged once, when it is among the newest, an eighth of the window
 * at a time.  What a stream says does not depend on when the job ran; what a
 * window says of a point may, by the points that came with it.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_series_job.h"
#include "jobs/ad_reading.h"
#include "operate/ad_own.h"
#include "series/ad_series_sql.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#define DEAD_STEPS		10
#define DEAD_LAGS		3
#define STRIDES			8		/* of a window */
#define LEAST_PART		4		/* of a window before the first verdict */
#define EVICTED			1000	/* dead series that make room at a time */

/* The points of a window, or those of a state and a batch. */
typedef struct Points
{
	int			n;
	int			judged;			/* the first of these were */
	int64	   *time;
	double	   *value;			/* NaN: none */
} Points;

/* When a series is dead if nothing comes. */
static int64
dead_at(const AdSeriesJob *j, const AdSeriesHead *h)
{
	const AdJob *job = j->o.b->job;
	const AdLag *lag = &j->o.lag;
	int64		step = h->step;
	int64		by_lag;
	int64		by_step;

	if (job->dead_after != NULL)
	{
		AdLag		after;

		ad_lag_read(job->dead_after, j->type, &after);
		return j->type == AD_PLACE_INTEGER || j->type == AD_PLACE_DATE ?
			ad_place_add(h->last, after.number) :
			ad_place_shift(h->last, &after.interval, 1);
	}
	if (step == 0 && h->points > 2)
		step = (int64) (((double) h->last - (double) h->first) / (double) (h->points - 1));
	if (step <= 0)
		return AD_PART_NEVER;
	by_step = (double) step > (double) PG_INT64_MAX / DEAD_STEPS ? AD_PLACE_GREATEST :
		ad_place_add(h->last, step * DEAD_STEPS);
	by_lag = h->last;
	for (int i = 0; i < DEAD_LAGS; i++)
		by_lag = j->type == AD_PLACE_INTEGER || j->type == AD_PLACE_DATE ?
			ad_place_add(by_lag, lag->number) : ad_place_shift(by_lag, &lag->interval, 1);
	return Max(by_step, by_lag);
}

/*
 * Let dead series make room for new ones, those that died first.  Whether there
 * is room then.
 */
bool
ad_series_evict(AdSeriesJob *j)
{
	Oid			types[] = {INT4OID};
	Datum		values[] = {Int32GetDatum(j->o.b->job->id)};
	uint64		n;

	if (j->dead == 0 || j->evicted)
		return false;
	j->evicted = true;
	n = ad_own_run("DELETE FROM %s._ad_job_part WHERE part IN (SELECT part FROM %s._ad_job_part WHERE job_id = $1 "
				   "AND ends < 9223372036854775807 ORDER BY ends LIMIT " CppAsString2(EVICTED) ")",
				   1, types, values, NULL);
	j->series -= Min(j->series, n);
	j->dead -= Min(j->dead, n);
	return n > 0;
}

/* Begin a series; false: there are as many as there may be. */
static bool
begin(AdSeriesJob *j, const AdOrderedStep *step)
{
	if (j->series >= (uint64) j->o.b->job->max_series && !ad_series_evict(j))
	{
		j->refused += step->read->n;
		j->refused_now += step->read->n;
		return false;
	}
	j->series++;
	return true;
}

/* Count a row of a series; false: it is a repeated point. */
static bool
count(AdSeriesHead *h, int64 place)
{
	if (h->points > 0 && place <= h->last)
	{
		h->points++;
		h->repeated++;
		return false;
	}
	if (h->points++ == 0)
		h->first = place;
	h->last = place;
	return true;
}

/* What a stream says of a point, with what it says it by. */
static void
stream_verdict(const AdStream *s, const AdStreamPoint *p, AdSeriesVerdict *v)
{
	v->judged = p->judged;
	v->side = p->judged ? p->anomaly : 0;
	v->expected = p->expected;
	v->low = p->low;
	v->high = p->high;
	v->score = p->score;
	v->combined = p->has_combined ? p->combined_score : NAN;
	v->part[0] = p->score;
	v->usual[0] = s->bound;
	v->part[1] = p->has_window ? p->window_score : NAN;
	v->usual[1] = s->window.average;
	v->part[2] = p->has_shape ? p->shape_score : NAN;
	v->usual[2] = s->shape.average;
	v->run = s->run;
}

/* Go on with a stream. */
static void
advance_stream(AdSeriesJob *j, AdOrderedStep *step, AdSeriesHead *h, AdReader *r)
{
	AdStream   *s = palloc(sizeof(AdStream));
	bytea	   *written;

	if (r != NULL)
	{
		Size		len;
		const char *stored = ad_rd_string(r, AD_STREAM_MAX_BYTES, &len);
		uint8	   *aligned = palloc(len + 1);

		ad_rd_end(r);
		memcpy(aligned, stored, len);
		ad_stream_read(s, aligned, len);
	}
	else
	{
		ad_stream_init(s, &j->stream);
		s->number = j->type == AD_PLACE_INTEGER;
	}
	for (uint32 i = 0; i < step->read->n; i++)
	{
		const AdSeriesRow *row = (const AdSeriesRow *) ad_ordered_row(&j->o, step->read, i);
		AdStreamPoint p;
		AdSeriesVerdict v = {0};
		int64		before = s->last_value;
		bool		has_value;

		AD_CHECK_EVERY_1024(i);
		if (!count(h, row->head.place))
			continue;
		has_value = !isnan(row->value) &&
			!ad_series_is_labelled(j, step, row->head.place);
		ad_stream_point(s, CurrentMemoryContext, row->head.place, has_value,
						row->value, &p);
		if (!has_value || !p.judged || row->head.place < j->o.place.floor)
			continue;
		stream_verdict(s, &p, &v);
		if (!ad_series_alerts(j->o.b->job, &v))
			continue;
		v.place = row->head.place;
		v.value = row->value;
		if (s->step > 0 && before != AD_NO_TIME)
			v.missing = Max(0, rint(((double) v.place - (double) before) / (double) s->step) - 1);
		ad_series_hit(j, step, &v);
	}
	h->step = s->step;
	written = ad_stream_write(s);
	ad_series_head_write(step->out, h);
	ad_wr_string(step->out, VARDATA(written), VARSIZE(written) - VARHDRSZ);
}

/* What kind of times the series have. */
static AdTimeKind
time_kind(const AdSeriesJob *j)
{
	return j->type == AD_PLACE_INTEGER ? AD_TIME_NUMBER :
		j->type == AD_PLACE_TIMESTAMPTZ ? AD_TIME_TZ : AD_TIME_LOCAL;
}

/* Note that the points of a window cannot be scored. */
static void
note_fault(AdSeriesJob *j, const AdOrderedStep *step, int64 place,
		   const AdSeriesProblem *problem)
{
	AdModelBatch m = {.b = j->o.b,.run = j->o.b->sweep};
	char	   *key = ad_series_key(step->keys, step->keys_len, j->o.nkeys);
	AdVersion	v = {key, (int) strlen(key), true, place};

	m.source = j->o.source;
	ad_bad_row(&m, &v, problem->message, problem->code);
}

/* Score n points together, and judge those from "first" on. */
static void
judge_window(AdSeriesJob *j, const AdOrderedStep *step, AdSeriesHead *h,
			 const Points *p, int from, int first, int to)
{
	const AdStlOptions *o = &j->score.stl;
	Size		n = (Size) (to - from);
	int64	   *time = ad_palloc_array(int64, n);
	AdSeriesProblem problem = {0};
	AdSeriesRun run;
	AdSeriesScore score;
	AdStlResult *result = &run.result;

	memcpy(time, &p->time[from], n * sizeof(int64));
	if (!ad_series_run(o, time_kind(j), o->timezone && j->type == AD_PLACE_TIMESTAMPTZ ?
					   ad_series_zone(o->timezone) : NULL,
					   &p->value[from], time, n, ad_stl_scratch_enter(), &run, &problem) ||
		(run.grid.n > 0 && !ad_score_points(&j->score, &run, n, &score, &problem)))
	{
		note_fault(j, step, p->time[to - 1], &problem);
		return;
	}
	if (run.grid.n == 0)
		return;
	h->step = run.grid.step > 0 ? run.grid.step : 0;
	for (int i = first; i < to; i++)
	{
		Size		at = run.grid.slot[i - from];
		AdSeriesVerdict v = {0};
		double		deviation;

		if (at == AD_NO_SLOT || isnan(p->value[i]) || result->empty || p->time[i] < j->o.place.floor)
			continue;
		deviation = ad_stl_deviation(result, at, p->value[i], p->value[i] - result->season[at] - result->trend[at]);
		v.judged = true;
		v.place = p->time[i];
		v.value = p->value[i];
		v.side = ad_stl_side(result, at, deviation);
		v.expected = ad_stl_expected(result, at);
		v.low = v.expected + result->low;
		v.high = v.expected + result->high;
		v.score = v.combined = ad_score_point(&score, at);
		v.part[0] = ad_stl_score(result, deviation);
		v.usual[0] = (result->high - result->center) * result->inverse;
		v.part[1] = score.window[at];
		v.usual[1] = score.window_unit;
		v.part[2] = score.shape[at];
		v.usual[2] = score.shape_unit;
		for (Size k = at; k > 0 && isnan(run.grid.y[k - 1]); k--)
			v.missing++;
		if (isnan(v.score))
			v.score = v.part[0];
		if (ad_series_alerts(j->o.b->job, &v))
			ad_series_hit(j, step, &v);
	}
}

/* Read the points of a state, with room for more. */
static void
read_points(AdReader *r, Points *p, uint32 more)
{
	p->n = 0;
	if (r != NULL)
		p->n = (int) ad_rd_count(r, 1000000, sizeof(int64) + sizeof(double));
	p->time = ad_palloc_array(int64, (Size) p->n + more);
	p->value = ad_palloc_array(double, (Size) p->n + more);
	for (int i = 0; i < p->n; i++)
		p->time[i] = (int64) ad_rd_u64(r);
	for (int i = 0; i < p->n; i++)
		p->value[i] = ad_rd_f64(r);
	if (r != NULL)
		ad_rd_end(r);
	p->judged = p->n;
}

/* Go on with a window. */
static void
advance_window(AdSeriesJob *j, AdOrderedStep *step, AdSeriesHead *h, AdReader *r)
{
	int			window = j->o.b->job->window_points;
	int			stride = Max(1, window / STRIDES);
	MemoryContext mcxt = AllocSetContextCreate(CurrentMemoryContext, "anomaly window",
											   ALLOCSET_DEFAULT_SIZES);
	Points		p;
	int			from;

	read_points(r, &p, step->read->n);
	for (uint32 i = 0; i < step->read->n; i++)
	{
		const AdSeriesRow *row = (const AdSeriesRow *) ad_ordered_row(&j->o, step->read, i);

		if (!count(h, row->head.place))
			continue;
		p.time[p.n] = row->head.place;
		p.value[p.n++] = ad_series_is_labelled(j, step, row->head.place) ? NAN : row->value;
	}
	for (int first = p.judged; first < p.n; first += stride)
	{
		int			to = Min(first + stride, p.n);
		MemoryContext old;

		CHECK_FOR_INTERRUPTS();
		/* what is read only to be remembered need not be scored */
		if (to < window / LEAST_PART || p.time[to - 1] < j->o.place.floor)
			continue;
		old = MemoryContextSwitchTo(mcxt);
		judge_window(j, step, h, &p, Max(0, to - window), first, to);
		MemoryContextSwitchTo(old);
		MemoryContextReset(mcxt);
	}
	from = Max(0, p.n - window);
	ad_series_head_write(step->out, h);
	ad_wr_u32(step->out, (uint32) (p.n - from));
	for (int i = from; i < p.n; i++)
		ad_wr_u64(step->out, (uint64) p.time[i]);
	ad_wr_f64_array(step->out, &p.value[from], (Size) (p.n - from));
}

/* Nothing came for too long: the state stays as it is. */
static void
die(AdSeriesJob *j, AdOrderedStep *step, AdSeriesHead *h, AdReader *r)
{
	if (!h->dead)
		j->dead++;
	h->dead = true;
	step->due = AD_PART_NEVER;
	step->ends = h->last;
	ad_series_head_write(step->out, h);
	ad_wr_bytes(step->out, r->data + r->pos, r->len - r->pos);
}

/* As AdOrderedKind has it. */
bool
ad_series_advance(AdOrdered *o, AdOrderedStep *step)
{
	AdSeriesJob *j = (AdSeriesJob *) o;
	AdSeriesHead h = {0};
	AdReader	r;

	if (step->state != NULL)
	{
		ad_rd_init(&r, step->state, step->state_len, AD_SERIES_STATE);
		ad_series_head_read(&r, &h);
	}
	else if (!begin(j, step))
		return false;
	if (step->read == NULL)
	{
		die(j, step, &h, &r);
		return true;
	}
	if (h.dead)
	{
		h.dead = false;
		j->dead -= Min(j->dead, 1);
	}
	if (o->b->job->method == AD_SERIES_STREAM)
		advance_stream(j, step, &h, step->state ? &r : NULL);
	else
		advance_window(j, step, &h, step->state ? &r : NULL);
	step->due = dead_at(j, &h);
	step->ends = AD_PART_NEVER;
	return true;
}
