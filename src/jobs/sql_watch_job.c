/*-------------------------------------------------------------------------
 *
 * sql_watch_job.c
 *		Jobs that watch a table: a batch reads the periods that have closed.
 *
 * A period has closed when no more rows are expected in it: the clock less the
 * lag has passed its end, and who held a writer's lock on the source's tables
 * at that time has ended.  What comes into it later is counted as late, and
 * changes nothing.
 *
 * The first periods, before the watch was made or before option since, are
 * history: they are learnt from as they would have been, and raise no alert.
 *
 * Between periods a run asks only whether the last row is too long ago.  When
 * that may be is stored, so that it is a comparison until then.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_watch.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#define BATCH_COLUMNS	300		/* periods of a batch times columns */
#define BATCH_PERIODS	30
#define HISTORY_DAYS	90
#define HISTORY_WEEKS	60
#define HISTORY_HOURS	35		/* days, of periods of an hour and more */
#define HISTORY_MINUTES	14		/* days, of shorter ones */
#define MAX_HISTORY		10000	/* periods */
#define COUNTED			400		/* periods whose rows are counted again */

/* Find out about the source and its periods, in the job's time zone. */
void
ad_watch_begin(AdWatch *w, const AdJob *j)
{
	ad_batch_formats(j->timezone);
	ad_job_source(j, &w->source);
	if (w->source.type == AD_PLACE_INTEGER)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("time column of watch \"%s\" has become an integer", j->name)));
	ad_lag_read(j->lag, w->source.type, &w->lag);
	w->calendar.type = w->source.type;
	w->calendar.zone = session_timezone;
	if (!ad_calendar_init(&w->calendar,
						  DatumGetIntervalP(DirectFunctionCall3(interval_in,
																CStringGetDatum(j->period),
																ObjectIdGetDatum(InvalidOid),
																Int32GetDatum(-1)))))
		elog(ERROR, "period of a watch is \"%s\"", j->period);
}

/* Read how far a watch has come; an error if that was by another clock. */
static void
read_place(AdWatch *w, const AdJob *j, const AdJobState *s)
{
	AdPlaceType was;

	if (s->type != NULL && ad_place_type_named(s->type, &was) &&
		was != w->source.type)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("time column of watch \"%s\" has become another type", j->name),
				 errdetail("It was a %s, and is a %s.", ad_place_type_name(was),
						   ad_place_type_name(w->source.type)),
				 errhint("Drop the watch, and create it again.")));
	ad_watch_place_read(s->stream, &w->place);
}

/* Up to when rows may be read, of what was ready before. */
static int64
find_ready(AdWatch *w, int64 ready)
{
	TimestampTz now = GetCurrentTimestamp();
	int64		mark;

	if (w->b->has_until)
		now = Min(now, w->b->until);
	w->clock = ad_place_clock(w->source.type, session_timezone, now);
	mark = w->source.type == AD_PLACE_DATE ?
		ad_place_shift(w->clock, &w->lag.interval, -1) :
		ad_place_from(w->clock, w->source.type, &w->lag, session_timezone);
	return ad_holders_ready(w->b->state, &w->source, mark, ready);
}

/* How many periods are learnt from before the first that may alert. */
static int64
history_of(const AdWatch *w, const AdJob *j)
{
	int64		length = w->calendar.length;
	int64		days = length >= USECS_PER_HOUR ? HISTORY_HOURS : HISTORY_MINUTES;

	if (j->history_periods != AD_NO_INT)
		return j->history_periods;
	if (length >= USECS_PER_DAY)
		return length == USECS_PER_DAY ? HISTORY_DAYS : HISTORY_WEEKS;
	return Min(days * (USECS_PER_DAY / length), MAX_HISTORY);
}

/*
 * Begin to learn, from the history before the first period that may alert,
 * as far as there are rows.
 */
void
ad_watch_learn_from(AdWatch *w, const AdJob *j, AdJobState *s, int64 alert_from)
{
	AdWatchPlace *p = &w->place;
	int64		last = Min(alert_from, ad_calendar_start(&w->calendar, p->ready));
	int64		least;

	p->alert_from = alert_from;
	p->next = ad_calendar_before(&w->calendar, last, history_of(w, j));
	if (p->next < last)
	{
		if (ad_watch_edge(w, j, false, p->next, last, &least))
			p->next = Max(p->next, ad_calendar_start(&w->calendar, least));
		else
			p->next = last;
	}
	p->counted = p->next;
	p->newest = AD_PLACE_LEAST;
	p->stale = AD_PLACE_GREATEST;
	s->forgotten = 0;
	ad_watch_clear(j->id);
}

/* Where the watch has come to; without a state it begins. */
static void
find_place(AdWatch *w)
{
	const AdJob *j = w->b->job;
	AdJobState *s = w->b->state;

	if (s->stream != NULL)
	{
		read_place(w, j, s);
		w->place.ready = find_ready(w, w->place.ready);
		return;
	}
	s->type = pstrdup(ad_place_type_name(w->source.type));
	w->place.ready = find_ready(w, AD_PLACE_LEAST);
	if (w->place.ready == AD_PLACE_LEAST)
		return;					/* somebody writes: next time */
	ad_watch_learn_from(w, j, s,
						ad_calendar_start(&w->calendar, j->since == NULL ? w->place.ready :
										  ad_place_since(j->since, w->source.type)));
}

/* The periods that have closed, as many as a batch has; whether there are more. */
static bool
find_periods(AdWatch *w)
{
	int			most = Max(Min(BATCH_COLUMNS / Max(w->ncolumns, 1), BATCH_PERIODS), 1);
	int64		start = w->place.next;

	w->periods = ad_palloc0_array(AdWatchPeriod, most);
	while (w->nperiods < most)
	{
		int64		end = ad_calendar_next(&w->calendar, start);

		if (end > w->place.ready)
			return false;
		w->periods[w->nperiods].start = start;
		w->periods[w->nperiods++].end = start = end;
	}
	return ad_calendar_next(&w->calendar, start) <= w->place.ready;
}

/* Judge a metric of a period, and ask for its alert. */
static void
judge(AdWatch *w, AdWatchSubject *s, AdWatchMetric metric,
	  const AdWatchFacts *facts, const AdWatchPeriod *p)
{
	AdWatchPoint *point;
	bool		labelled = w->labelled != NIL &&
		ad_watch_is_labelled(w, ad_watch_metric_key(metric, s->name), p->start);

	if (w->npoints == w->max_points)
	{
		w->max_points = Max(256, w->max_points * 2);
		w->points = w->points == NULL ? ad_palloc_array(AdWatchPoint, w->max_points) :
			ad_repalloc_array(w->points, AdWatchPoint, w->max_points);
	}
	point = &w->points[w->npoints++];
	ad_watch_judge(w, s, metric, facts, p->start, labelled, point);
	if (point->verdict >= AD_WATCH_LOW && p->start >= w->place.alert_from)
		ad_watch_alert(w, point, p->end);
}

/* Judge the table in a period. */
static void
judge_table(AdWatch *w, const AdWatchPeriod *p)
{
	AdWatchFacts facts;

	ad_watch_facts_table(p, w->place.newest, w->source.type, &facts);
	for (int m = 0; m < AD_WATCH_METRICS; m++)
		/* rows are counted anyway: see ad_watch_stored_rows() */
		if (ad_watch_applies(m, NULL) && (w->metrics[m] || m == AD_WATCH_ROWS))
			judge(w, w->subjects[0], m, &facts, p);
	for (int i = 0; i < AD_WATCH_SLOTS; i++)
		w->place.newest = Max(w->place.newest, p->last[i]);
}

/* Judge the columns in a period. */
static void
judge_columns(AdWatch *w, const AdWatchPeriod *p)
{
	MemoryContext mcxt = AllocSetContextCreate(CurrentMemoryContext, "anomaly view",
											   ALLOCSET_DEFAULT_SIZES);
	AdView	   *view = NULL;
	double		origin = (double) p->start / USECS_PER_SEC +
		(double) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY;

	if (p->rows > 0 && p->sketch != NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(mcxt);

		view = ad_view_create(p->sketch);
		MemoryContextSwitchTo(old);
	}
	for (int i = 0; i < w->ncolumns; i++)
	{
		AdWatchSubject *s = w->subjects[1 + i];
		AdWatchFacts facts;

		if (!w->columns[i].there)
			continue;
		CHECK_FOR_INTERRUPTS();
		ad_watch_facts_column(p, &w->columns[i], i, view, origin, &facts);
		ad_watch_learn_column(s, &facts);
		if (w->metrics[AD_WATCH_NEW_SHARE])
			ad_watch_know(s, &facts);
		for (int m = 0; m < AD_WATCH_METRICS; m++)
			if (w->metrics[m] && ad_watch_applies(m, &w->columns[i]))
				judge(w, s, m, &facts, p);
	}
	MemoryContextDelete(mcxt);
}

/* Forget what a subject has learnt, for it is of another kind now. */
static void
begin_anew(AdWatchSubject *s)
{
	AdWatchSubject anew = {0};

	anew.name = s->name;
	anew.known = s->known;
	anew.changed = true;
	*s = anew;
}

/*
 * See which columns are gone, are there again, or have become another type,
 * and say so once.
 */
static void
look_at_columns(AdWatch *w)
{
	int64		start = w->periods[0].start;
	bool		alerts = w->periods[w->nperiods - 1].start >= w->place.alert_from;

	for (int i = 0; i < w->ncolumns; i++)
	{
		const AdWatchColumn *c = &w->columns[i];
		AdWatchSubject *s = w->subjects[1 + i];
		int			class = c->has_values ? (int) c->class : 0;
		bool		known = s->streams[AD_WATCH_NULL_SHARE] != NULL || s->class != 0;

		if (!c->there && !s->gone && alerts)
			ad_watch_alert_column(w, c->name, "gone", start);
		s->changed |= s->gone != !c->there;
		s->gone = !c->there;
		if (s->gone)
			continue;
		if (known && s->class != class)
		{
			begin_anew(s);
			if (alerts)
				ad_watch_alert_column(w, c->name, "changed", start);
		}
		s->class = class;
	}
	/* of all columns, those that are not among them any more */
	for (int i = 1 + w->ncolumns; i < w->nsubjects && w->b->job->watched == NULL; i++)
		if (alerts)
			ad_watch_alert_column(w, w->subjects[i]->name, "gone", start);
}

/* Count the rows that were read, of not too many periods. */
static void
count_rows(AdWatch *w)
{
	AdJobState *s = w->b->state;
	AdWatchPlace *p = &w->place;
	int64		kept = Min(w->b->job->keep, COUNTED);

	for (int i = 0; i < w->nperiods; i++)
		s->forgotten += (int64) w->periods[i].rows;
	if (p->counted >= ad_calendar_before(&w->calendar, p->next, 2 * kept))
		return;
	p->counted = ad_calendar_before(&w->calendar, p->next, kept);
	s->forgotten = ad_watch_stored_rows(w->b->job->id, p->counted, p->next);
}

/* The most deviating first, of each period: so a cooldown lets it pass. */
static int
compare_hits(const void *a, const void *b)
{
	const AdHit *x = a;
	const AdHit *y = b;

	if (x->place != y->place)
		return x->place < y->place ? -1 : 1;
	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	return strcmp(x->key, y->key);
}

/* Write the alerts of a batch. */
static void
raise_alerts(AdWatch *w)
{
	int64		rows = w->b->rows;

	if (w->nhits > 1)
		qsort(w->hits, w->nhits, sizeof(AdHit), compare_hits);
	ad_job_alert(w->b, w->hits, w->nhits);
	/* alerts of before are not rows */
	w->b->rows = rows;
}

/* Read the periods of a batch, judge and store them. */
static void
do_periods(AdWatch *w)
{
	int64		first = w->periods[0].start;
	int64		last = w->periods[w->nperiods - 1].end;

	ad_watch_load(w, false);
	if (first < w->place.alert_from)
		ad_watch_labels(w, first, Min(last, w->place.alert_from));
	ad_watch_read(w);
	look_at_columns(w);
	for (int i = 0; i < w->nperiods; i++)
	{
		judge_table(w, &w->periods[i]);
		judge_columns(w, &w->periods[i]);
	}
	w->place.next = last;
	ad_watch_store(w);
	count_rows(w);
}

/*
 * Judge how long no row has come: now, or, to find out when that is to be
 * asked, at some time later.
 */
static AdWatchVerdict
judge_age(AdWatch *w, AdWatchMetric metric, int64 now, AdWatchPoint *out)
{
	ad_watch_load(w, true);
	ad_watch_judge_open(w, w->subjects[0], metric,
						ad_calendar_start(&w->calendar, now),
						(double) (now - w->latest) / USECS_PER_SEC, out);
	return out->verdict;
}

/*
 * Set when the last row may be too long ago: the least of the bounds and of
 * what is learnt, of the period that is open.
 */
static void
set_stale(AdWatch *w)
{
	AdWatchPlace *p = &w->place;
	double		limit = INFINITY;
	AdWatchPoint point;

	p->stale = AD_PLACE_GREATEST;
	if (w->latest == AD_PLACE_LEAST || w->source.type == AD_PLACE_DATE)
		return;
	for (int i = 0; i < w->nbounds; i++)
		if (w->bounds[i].metric == AD_WATCH_GAP ||
			w->bounds[i].metric == AD_WATCH_FRESHNESS)
			limit = isnan(w->bounds[i].max) ? limit : Min(limit, w->bounds[i].max);
	if (w->metrics[AD_WATCH_GAP])
	{
		(void) judge_age(w, AD_WATCH_GAP, Max(p->next, w->latest), &point);
		if (!isnan(point.upper))
			limit = Min(limit, point.upper);
	}
	if (limit < 1e11)
		p->stale = ad_place_add(w->latest, (int64) (Max(limit, 0) * USECS_PER_SEC));
}

/* Ask for alerts if the last row is too long ago, though no period has closed. */
static void
look_at_age(AdWatch *w)
{
	static const AdWatchMetric metrics[] = {AD_WATCH_GAP, AD_WATCH_FRESHNESS};
	AdWatchPlace *p = &w->place;
	int64		now = ad_place_shift(w->clock, &w->lag.interval, -1);
	AdWatchPoint point;

	if (now <= p->stale)
		return;
	(void) ad_watch_edge(w, w->b->job, true, w->latest, w->clock,
						 &w->latest);
	set_stale(w);
	if (now <= p->stale || ad_calendar_start(&w->calendar, now) < p->alert_from)
		return;
	for (int i = 0; i < (int) lengthof(metrics); i++)
	{
		AdWatchVerdict verdict;

		if (!w->metrics[metrics[i]])
			continue;
		verdict = judge_age(w, metrics[i], now, &point);
		/* what is learnt of the end of periods says nothing of now */
		if (verdict == AD_WATCH_ABOVE_MAX ||
			(verdict == AD_WATCH_HIGH && metrics[i] == AD_WATCH_GAP))
			ad_watch_alert(w, &point, AD_PLACE_LEAST);
	}
}

/* One batch of a watch; whether there may be more to do. */
bool
ad_watch_batch(AdBatch *b)
{
	AdWatch    *w = palloc0(sizeof(AdWatch));
	AdJobState *s = b->state;
	bool		more;

	w->b = b;
	ad_watch_begin(w, b->job);
	find_place(w);
	if (w->place.ready == AD_PLACE_LEAST)
		return false;
	ad_watch_options(b->job, w->metrics, &w->bounds, &w->nbounds);
	ad_watch_columns(w);
	more = find_periods(w);
	if (w->nperiods > 0)
		do_periods(w);
	w->latest = w->place.newest;
	if (w->nperiods > 0 && !more)
		set_stale(w);
	if (!more)
		look_at_age(w);
	raise_alerts(w);
	s->has_w = s->has_m = true;
	s->w = s->m = w->place.next;
	s->stream = ad_watch_place_write(&w->place);
	return more;
}

/*
 * How many rows the source has in the last periods that were read; those that
 * were not read came too late.  Within SPI.
 */
int64
ad_watch_passed(const AdJob *j, const AdJobState *s)
{
	AdWatch    *w;

	if (s->stream == NULL)
		return 0;
	w = palloc0(sizeof(AdWatch));
	ad_watch_begin(w, j);
	read_place(w, j, s);
	return ad_watch_rows(w, j, w->place.counted, w->place.next);
}

/*
 * Let a watch read the periods from a place on again: what it knows it learns
 * anew from the history before.  What has an alert gets no other.  Returns how
 * many rows are read again.  Within SPI.
 */
int64
ad_watch_rescan(const AdJob *j, AdJobState *s, int64 from)
{
	AdWatch    *w;
	int64		until;

	if (s->stream == NULL || !IS_VALID_TIMESTAMP(from))
		return 0;
	w = palloc0(sizeof(AdWatch));
	ad_watch_begin(w, j);
	read_place(w, j, s);
	until = w->place.next;
	from = ad_calendar_start(&w->calendar, from);
	if (from >= until)
		return 0;
	ad_watch_learn_from(w, j, s, from);
	s->stream = ad_watch_place_write(&w->place);
	return ad_watch_rows(w, j, w->place.next, until);
}
