/*-------------------------------------------------------------------------
 *
 * sql_watch_alert.c
 *		Alerts of a watch: one per metric and period.
 *
 * The key is the metric, the place the period's start.  The score is a number
 * of deviations; that of a bound which was given, or of a column that is gone,
 * is a million.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_watch.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#define MOST_SCORE		1e6

static const char *const verdict_names[] = {
	[AD_WATCH_NO_VALUE] = "no value",
	[AD_WATCH_LEARNING] = "learning",
	[AD_WATCH_LABELLED] = "labelled",
	[AD_WATCH_OK] = "ok",
	[AD_WATCH_LOW] = "low",
	[AD_WATCH_HIGH] = "high",
	[AD_WATCH_BELOW_MIN] = "below min",
	[AD_WATCH_ABOVE_MAX] = "above max"
};

/* As it stands in the view. */
const char *
ad_watch_verdict_name(AdWatchVerdict verdict)
{
	return verdict_names[verdict];
}

/* A place as the type of the time column writes it, in the job's time zone. */
static char *
place_text(const AdWatch *w, int64 place)
{
	Oid			type = ad_place_param_type(w->source.type);
	Oid			output;
	bool		varlena;

	getTypeOutputInfo(type, &output, &varlena);
	return OidOutputFunctionCall(output, ad_place_value(w->source.type, place));
}

/* A member of an object: a text, or null. */
static void
add_text(StringInfo buf, const char *name, const char *text)
{
	appendStringInfo(buf, "%s\"%s\": ", buf->len > 1 ? ", " : "", name);
	if (text == NULL)
		appendStringInfoString(buf, "null");
	else
		escape_json(buf, text);
}

/* A member of an object: a number; null for what JSON has none for. */
static void
add_number(StringInfo buf, const char *name, double v)
{
	appendStringInfo(buf, "%s\"%s\": ", buf->len > 1 ? ", " : "", name);
	if (isfinite(v))
		appendStringInfoString(buf, DatumGetCString(DirectFunctionCall1(float8out,
																		Float8GetDatum(v))));
	else
		appendStringInfoString(buf, "null");
}

static Jsonb *
jsonb_of(StringInfo buf)
{
	appendStringInfoChar(buf, '}');
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(buf->data)));
}

/* Whether a metric is measured in seconds. */
static bool
is_seconds(const AdWatchPoint *p)
{
	if (ad_watch_metrics[p->metric].scale != AD_SCALE_VALUE)
		return ad_watch_metrics[p->metric].scale == AD_SCALE_SECONDS;
	return p->subject->class == AD_CLASS_TIMESTAMP ||
		p->subject->class == AD_CLASS_TIME || p->subject->class == AD_CLASS_INTERVAL;
}

/* A value of a metric for people. */
static char *
value_text(const AdWatchPoint *p, double v)
{
	Interval	interval = {0};

	if (ad_watch_metrics[p->metric].scale == AD_SCALE_COUNT && fabs(v) < 1e15)
		return psprintf("%.0f", rint(v));
	if (!is_seconds(p) || !(fabs(v) < 1e12))
		return psprintf("%.4g", v);
	interval.time = (int64) rint(v) * USECS_PER_SEC;
	return DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(&interval)));
}

/* What there is to say of a point, as a sentence. */
static char *
sentence(const AdWatchPoint *p, bool is_open)
{
	const AdWatchMetricInfo *m = &ad_watch_metrics[p->metric];
	StringInfoData buf;

	initStringInfo(&buf);
	if (is_open)
		appendStringInfo(&buf, "The table has had no row for %s", value_text(p, p->value));
	else
	{
		appendStringInfo(&buf, "The %s", m->phrase);
		if (m->of_column)
			appendStringInfo(&buf, " of column %s", quote_identifier(p->subject->name));
		appendStringInfo(&buf, " was %s", value_text(p, p->value));
		if (p->subject->class == AD_CLASS_TIMESTAMP && m->scale == AD_SCALE_VALUE)
			appendStringInfoString(&buf, " after the period's start");
	}
	if (p->verdict == AD_WATCH_BELOW_MIN)
		appendStringInfo(&buf, "; it must be at least %s.", value_text(p, p->bound));
	else if (p->verdict == AD_WATCH_ABOVE_MAX)
		appendStringInfo(&buf, "; it must be at most %s.", value_text(p, p->bound));
	else if (m->above)
		appendStringInfo(&buf, "; expected were %s, at most %s.", value_text(p, p->expected),
						 value_text(p, p->upper));
	else
		appendStringInfo(&buf, "; expected was %s, from %s to %s.", value_text(p, p->expected),
						 value_text(p, p->lower), value_text(p, p->upper));
	return buf.data;
}

/* Room for one more hit, with its time. */
static AdHit *
new_hit(AdWatch *w, int64 start)
{
	AdHit	   *h;

	if (w->nhits == w->max_hits)
	{
		w->max_hits = Max(16, w->max_hits * 2);
		w->hits = w->hits == NULL ? ad_palloc_array(AdHit, w->max_hits) :
			ad_repalloc_array(w->hits, AdHit, w->max_hits);
	}
	h = &w->hits[w->nhits++];
	memset(h, 0, sizeof(AdHit));
	h->place = start;
	h->watermark = place_text(w, start);
	h->has_event_at = true;
	h->event_at = ad_place_time(start, w->source.type, w->calendar.zone);
	h->p_value = NAN;
	h->score = MOST_SCORE;
	return h;
}

/* Ask for the alert of a point, whose period ends, or is not over (least). */
void
ad_watch_alert(AdWatch *w, const AdWatchPoint *p, int64 end)
{
	AdHit	   *h = new_hit(w, p->place);
	bool		is_open = end == AD_PLACE_LEAST;
	bool		broken = p->verdict == AD_WATCH_BELOW_MIN || p->verdict == AD_WATCH_ABOVE_MAX;
	const char *column = ad_watch_metrics[p->metric].of_column ? p->subject->name : NULL;
	StringInfoData row;
	StringInfoData why;

	h->key = ad_watch_metric_key(p->metric, p->subject->name);
	h->entity = pstrdup(column != NULL ? column : h->key);
	if (!broken && isfinite(p->score))
		h->score = p->score;
	initStringInfo(&row);
	appendStringInfoChar(&row, '{');
	add_text(&row, "metric", ad_watch_metrics[p->metric].name);
	add_text(&row, "column", column);
	add_text(&row, "period", h->watermark);
	add_text(&row, "until", is_open ? NULL : place_text(w, end));
	add_number(&row, "seen", p->value);
	add_number(&row, "expected", p->expected);
	h->row = jsonb_of(&row);
	initStringInfo(&why);
	appendStringInfoChar(&why, '{');
	add_number(&why, "expected", p->expected);
	add_number(&why, "lower", p->lower);
	add_number(&why, "upper", p->upper);
	add_number(&why, "seen", p->value);
	add_text(&why, "verdict", ad_watch_verdict_name(p->verdict));
	add_number(&why, "bound", p->bound);
	add_text(&why, "text", sentence(p, is_open));
	h->explanation = jsonb_of(&why);
}

/* Ask for an alert that a column is gone, or has become another. */
void
ad_watch_alert_column(AdWatch *w, const char *column, const char *what,
					  int64 start)
{
	AdHit	   *h = new_hit(w, start);
	StringInfoData row;
	StringInfoData why;

	h->key = psprintf("column.%s", column);
	h->entity = pstrdup(column);
	initStringInfo(&row);
	appendStringInfoChar(&row, '{');
	add_text(&row, "metric", "column");
	add_text(&row, "column", column);
	add_text(&row, "period", h->watermark);
	add_text(&row, "seen", what);
	add_text(&row, "expected", NULL);
	h->row = jsonb_of(&row);
	initStringInfo(&why);
	appendStringInfoChar(&why, '{');
	add_text(&why, "verdict", what);
	add_text(&why, "text", psprintf(strcmp(what, "gone") == 0 ?
									"The source has no column %s any more." :
									"Column %s has become another type, and is learnt anew.",
									quote_identifier(column)));
	h->explanation = jsonb_of(&why);
}
