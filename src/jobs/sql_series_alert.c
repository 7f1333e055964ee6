/*-------------------------------------------------------------------------
 *
 * sql_series_alert.c
 *		Points of series that become alerts, and labels of them.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_series_job.h"
#include "operate/ad_own.h"
#include "sql/ad_text.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#define SHIFT_RUN		3		/* points beyond on one side: no spike */

static const char *const part_names[] = {"point", "window", "shape"};

/* A label: which point of which series. */
typedef struct Label
{
	int64		place;
	uint64		key;			/* fingerprint of the name */
} Label;

/* Whether a point is to be told, by the rule. */
bool
ad_series_alerts(const AdJob *j, const AdSeriesVerdict *v)
{
	double		s = v->score;

	if (!v->judged)
		return false;
	switch (j->rule)
	{
		case AD_RULE_VERDICT:
			return v->side != 0 && (j->rule_value == 0 || v->side == (int) j->rule_value);
		case AD_RULE_WINDOW_SCORE:
			s = v->part[1];
			break;
		case AD_RULE_SHAPE_SCORE:
			s = v->part[2];
			break;
		case AD_RULE_COMBINED_SCORE:
			s = v->combined;
			break;
		default:
			break;
	}
	return !isnan(s) && s >= j->rule_value;
}

/* Append a number as JSON has it; what it does not have as a string. */
static void
append_number(StringInfo buf, double x)
{
	if (isfinite(x))
		appendStringInfoString(buf, float8out_internal(x));
	else
		appendStringInfoString(buf, isnan(x) ? "null" : x > 0 ? "\"Infinity\"" : "\"-Infinity\"");
}

/* How far a part is above what is usual. */
static double
times_usual(const AdSeriesVerdict *v, int part)
{
	if (isnan(v->part[part]))
		return -1;
	return v->usual[part] > 0 ? v->part[part] / v->usual[part] :
		v->part[part] > 0 ? INFINITY : 0;
}

/* The part that says most. */
static int
greatest_part(const AdSeriesVerdict *v, const bool *done)
{
	int			best = -1;

	for (int i = 0; i < 3; i++)
		if (!done[i] && !isnan(v->part[i]) &&
			(best < 0 || times_usual(v, i) > times_usual(v, best)))
			best = i;
	return best;
}

/* What kind of anomaly a point is, so far as the scores tell. */
static const char *
what(const AdSeriesVerdict *v)
{
	bool		none[3] = {false};

	if (isinf(v->value))
		return "infinite";
	if (v->side != 0)
		return abs(v->run) >= SHIFT_RUN ? (v->side > 0 ? "shift up" : "shift down") :
			v->side > 0 ? "spike" : "dip";
	return greatest_part(v, none) == 2 ? "shape" :
		greatest_part(v, none) == 1 ? "level" : "point";
}

/* Say in a sentence what is unusual. */
static char *
sentence(const AdSeriesVerdict *v)
{
	if (v->value > v->high || v->value < v->low)
		return psprintf("%.6g is %s the %.6g to %.6g expected here: %s", v->value,
						v->value > v->high ? "above" : "below", v->low, v->high, what(v));
	return psprintf("%.6g is within the %.6g to %.6g expected here, but the last points are not as usual: %s",
					v->value, v->low, v->high, what(v));
}

/* Why a point is told, as jsonb. */
static Jsonb *
explanation(const AdSeriesVerdict *v)
{
	StringInfoData buf;
	bool		done[3] = {false};
	int			part;

	initStringInfo(&buf);
	appendStringInfoString(&buf, "{\"value\": ");
	append_number(&buf, v->value);
	appendStringInfoString(&buf, ", \"expected\": ");
	append_number(&buf, v->expected);
	appendStringInfoString(&buf, ", \"expected_low\": ");
	append_number(&buf, v->low);
	appendStringInfoString(&buf, ", \"expected_high\": ");
	append_number(&buf, v->high);
	appendStringInfo(&buf, ", \"what\": \"%s\", \"why\": ", what(v));
	escape_json(&buf, sentence(v));
	appendStringInfo(&buf, ", \"missing_before\": %.0f, \"parts\": [", v->missing);
	for (int i = 0; (part = greatest_part(v, done)) >= 0; i++)
	{
		done[part] = true;
		appendStringInfo(&buf, "%s{\"part\": \"%s\", \"score\": ", i > 0 ? ", " : "", part_names[part]);
		append_number(&buf, v->part[part]);
		appendStringInfo(&buf, ", \"%s\": ", part == 0 ? "bound" : "usual");
		append_number(&buf, v->usual[part]);
		appendStringInfoChar(&buf, '}');
	}
	appendStringInfoString(&buf, "]}");
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(buf.data)));
}

/* The row of a point as jsonb: its series, time and value. */
static Jsonb *
row(const AdSeriesJob *j, const AdOrderedStep *step, const char *watermark,
	const AdSeriesVerdict *v)
{
	const AdJob *job = j->o.b->job;
	char	   *texts[AD_ORDERED_KEYS];
	StringInfoData buf;

	ad_part_texts(AD_SERIES_STATE, step->keys, step->keys_len, j->o.nkeys, texts);
	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	for (int i = 0; i < j->o.nkeys; i++)
	{
		escape_json(&buf, j->columns[i]);
		appendStringInfoString(&buf, ": ");
		if (texts[i])
			escape_json(&buf, ad_short_key(texts[i], (int) strlen(texts[i])));
		else
			appendStringInfoString(&buf, "null");
		appendStringInfoString(&buf, ", ");
	}
	escape_json(&buf, job->watermark);
	appendStringInfoString(&buf, ": ");
	if (j->type == AD_PLACE_INTEGER)
		appendStringInfoString(&buf, watermark);
	else
		escape_json(&buf, watermark);
	appendStringInfoString(&buf, ", ");
	escape_json(&buf, job->value_column);
	appendStringInfoString(&buf, ": ");
	append_number(&buf, v->value);
	appendStringInfoChar(&buf, '}');
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(buf.data)));
}

/* Take a point that is to be told. */
void
ad_series_hit(AdSeriesJob *j, const AdOrderedStep *step, const AdSeriesVerdict *v)
{
	MemoryContext old = MemoryContextSwitchTo(j->o.b->mcxt);
	AdHit	   *h;
	Oid			output;
	bool		varlena;

	if (j->nhits == j->max_hits)
	{
		j->max_hits = Max(64, j->max_hits * 2);
		j->hits = j->hits ? repalloc_huge(j->hits, ad_mul_size(j->max_hits, sizeof(AdHit))) :
			palloc(j->max_hits * sizeof(AdHit));
	}
	h = &j->hits[j->nhits++];
	memset(h, 0, sizeof(AdHit));
	h->key = ad_series_key(step->keys, step->keys_len, j->o.nkeys);
	h->key = ad_short_key(h->key, (int) strlen(h->key));
	h->entity = h->key;
	h->place = v->place;
	getTypeOutputInfo(ad_place_param_type(j->type), &output, &varlena);
	h->watermark = OidOutputFunctionCall(output, ad_place_value(j->type, v->place));
	h->has_event_at = j->type != AD_PLACE_INTEGER;
	if (h->has_event_at)
		h->event_at = ad_place_time(v->place, j->type, session_timezone);
	h->score = v->score;
	h->p_value = NAN;
	h->row = row(j, step, h->watermark, v);
	h->explanation = explanation(v);
	MemoryContextSwitchTo(old);
}

/* By time, then by series, so that the order is always the same. */
static int
compare_hits(const void *a, const void *b)
{
	const AdHit *x = a;
	const AdHit *y = b;

	if (x->place != y->place)
		return x->place < y->place ? -1 : 1;
	return strcmp(x->key, y->key);
}

/* Write the alerts of a batch. */
void
ad_series_raise_alerts(AdSeriesJob *j)
{
	if (j->nhits > 1)
		qsort(j->hits, j->nhits, sizeof(AdHit), compare_hits);
	ad_job_alert(j->o.b, j->hits, j->nhits);
}

/* Fingerprint of a series' name. */
static uint64
name_of(const char *key)
{
	uint64		h = UINT64CONST(14695981039346656037);

	for (; *key; key++)
		h = (h ^ (uint8) *key) * UINT64CONST(1099511628211);
	return h;
}

/* Read which points of the job are labelled anomalies. */
void
ad_series_labels(AdSeriesJob *j)
{
	Oid			types[] = {INT4OID, INT8OID};
	Datum		values[] = {Int32GetDatum(j->o.b->job->id), Int64GetDatum(j->o.before)};
	HASHCTL		ctl = {0};
	uint64		n = ad_own_run("SELECT l.key, l.place FROM %s._ad_label l WHERE l.job_id = $1 AND l.is_anomaly AND l.place > $2",
							   lengthof(types), types, values, NULL);

	if (n == 0)
		return;
	ctl.keysize = ctl.entrysize = sizeof(Label);
	ctl.hcxt = j->o.b->mcxt;
	j->labelled = hash_create("anomaly labels", (long) Min(n, 100000), &ctl,
							  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	for (uint64 i = 0; i < n; i++)
	{
		Label		l;
		bool		isnull;

		CHECK_FOR_INTERRUPTS();
		memset(&l, 0, sizeof(l));
		l.key = name_of(SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1));
		l.place = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2, &isnull));
		(void) hash_search(j->labelled, &l, HASH_ENTER, NULL);
	}
	SPI_freetuptable(SPI_tuptable);
}

/* Whether a point is labelled an anomaly; then nothing is learnt from it. */
bool
ad_series_is_labelled(AdSeriesJob *j, const AdOrderedStep *step, int64 place)
{
	Label		l;
	char	   *key;

	if (j->labelled == NULL)
		return false;
	memset(&l, 0, sizeof(l));
	key = ad_series_key(step->keys, step->keys_len, j->o.nkeys);
	l.key = name_of(ad_short_key(key, (int) strlen(key)));
	l.place = place;
	return hash_search(j->labelled, &l, HASH_FIND, NULL) != NULL;
}
