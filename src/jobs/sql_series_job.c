/*-------------------------------------------------------------------------
 *
 * sql_series_job.c
 *		The kind "series": points of many series, scored as they come.
 *
 * Rows are read once, in the order of time (sql_ordered.c), each into the state
 * of its series.  A series begins with its first row, as long as there are no
 * more than there may be; nothing is said of one that has not learnt yet what
 * is usual.  Option since is where alerts begin: what is before it is learnt
 * from, as far back as option history says.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_series_job.h"
#include "jobs/ad_retrain.h"
#include "operate/ad_own.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/lsyscache.h"

static const AdSeriesJob *
of(const AdOrdered *o)
{
	return (const AdSeriesJob *) o;
}

/* Append what a state depends on. */
static void
write_options(const AdOrdered *o, StringInfo w)
{
	const AdJob *job = o->b->job;
	char	   *given = job->options == NULL ? "" :
		JsonbToCString(NULL, &job->options->root, VARSIZE(job->options));

	ad_wr_u8(w, (uint8) job->method);
	ad_wr_u8(w, (uint8) of(o)->type);
	ad_wr_u32(w, job->method == AD_SERIES_WINDOW ? (uint32) job->window_points : 0);
	ad_wr_string(w, job->value_column, strlen(job->value_column));
	for (int i = 0; i < o->nkeys; i++)
		ad_wr_string(w, of(o)->columns[i], strlen(of(o)->columns[i]));
	ad_wr_string(w, given, strlen(given));
}

/* The place that lies a history before another. */
static int64
before(const char *history, AdPlaceType type, int64 place)
{
	AdLag		back;

	if (history == NULL)
		return AD_PLACE_LEAST;
	ad_lag_read(history, type, &back);
	return type == AD_PLACE_INTEGER || type == AD_PLACE_DATE ?
		ad_place_add(place, -back.number) : ad_place_shift(place, &back.interval, -1);
}

/* What is learnt from comes before what is told. */
static int64
first(const AdOrdered *o, int64 floor)
{
	int64		place = before(o->b->job->history, of(o)->type, floor);

	return place > AD_PLACE_LEAST ? place - 1 : place;
}

/* The columns of the key, the time, the value. */
static void
list(const AdOrdered *o, StringInfo buf)
{
	for (int i = 0; i < o->nkeys; i++)
		appendStringInfo(buf, "q.%s, ", quote_identifier(of(o)->columns[i]));
	appendStringInfo(buf, "%s, q.%s", o->time, quote_identifier(o->b->job->value_column));
}

/* The type of the value is that of the source, which was looked at. */
static void
describe(AdOrdered *o, TupleDesc desc)
{
	((AdSeriesJob *) o)->value_type = getBaseType(TupleDescAttr(desc, o->nkeys + 1)->atttypid);
}

static void
take(AdOrderedReader *r, AdOrderedRow *head, const Datum *values, const bool *nulls)
{
	AdSeriesRow *row = (AdSeriesRow *) head;

	head->place = ad_place_of(r->o->source.watermark_type, values[0]);
	row->value = nulls[1] ? NAN : ad_series_value(of(r->o)->value_type, values[1]);
}

/* Count the series again, after some made room. */
static void
recount(AdSeriesJob *j)
{
	Oid			types[] = {INT4OID};
	Datum		values[] = {Int32GetDatum(j->o.b->job->id)};
	bool		isnull;

	if (!j->evicted)
		return;
	(void) ad_own_run("SELECT pg_catalog.count(*), pg_catalog.count(*) FILTER (WHERE ends < 9223372036854775807) "
					  "FROM %s._ad_job_part WHERE job_id = $1", 1, types, values, NULL);
	j->series = (uint64) DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	j->dead = (uint64) DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
	SPI_freetuptable(SPI_tuptable);
}

static void
write_own(const AdOrdered *o, StringInfo w)
{
	recount((AdSeriesJob *) o);
	ad_series_counts_write(w, of(o));
}

static void
read_own(AdOrdered *o, AdReader *r)
{
	ad_series_counts_read(r, (AdSeriesJob *) o);
}

static void
started(AdOrdered *o)
{
	ad_series_labels((AdSeriesJob *) o);
}

static const AdOrderedKind ordered = {
	.what = AD_SERIES_STATE,
	.magic = 0x50534441,		/* "ADSP" */
	.version = 1,
	.row_size = sizeof(AdSeriesRow),
	.options = write_options,
	.first = first,
	.started = started,
	.list = list,
	.describe = describe,
	.take = take,
	.advance = ad_series_advance,
	.write_own = write_own,
	.read_own = read_own
};

/* The SQL of what tells rows at one time apart: their series, as text. */
static char *
series_text(char **columns, int n)
{
	StringInfoData buf;

	if (n == 0)
		return NULL;
	if (n == 1)
		return psprintf("q.%s::pg_catalog.text", quote_identifier(columns[0]));
	initStringInfo(&buf);
	appendStringInfoString(&buf, "ROW(");
	for (int i = 0; i < n; i++)
		appendStringInfo(&buf, "%sq.%s", i > 0 ? ", " : "", quote_identifier(columns[i]));
	appendStringInfoString(&buf, ")::pg_catalog.text");
	return buf.data;
}

/* The type of a column of the source; an error if it is gone. */
static Oid
column_type(const AdJobSource *source, const char *name, const char *what)
{
	for (int i = 0; i < source->columns->natts; i++)
		if (strcmp(NameStr(TupleDescAttr(source->columns, i)->attname), name) == 0)
			return TupleDescAttr(source->columns, i)->atttypid;
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("source has no column \"%s\"", name),
			 errdetail("It is the %s column.", what)));
	return InvalidOid;
}

/* A state from times of another type is no state. */
static void
check_type(const AdBatch *b, const AdSeriesJob *j)
{
	AdPlaceType was;

	if (b->state->type != NULL && b->state->stream != NULL &&
		ad_place_type_named(b->state->type, &was) && was != j->type)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("watermark of job \"%s\" has become another type", b->job->name),
				 errdetail("The job has come to %s; the column \"%s\" is of type %s.",
						   ad_place_text(b->state->m, was), b->job->watermark,
						   format_type_be(j->o.source.watermark_type))));
}

/* Find out about the source and its columns. */
static void
look_at_source(AdSeriesJob *j, const AdBatch *b)
{
	const AdJob *job = b->job;
	AdOrdered  *o = &j->o;
	Oid			type;

	o->kind = &ordered;
	ad_job_source(job, &o->source);
	j->type = o->source.type;
	check_type(b, j);
	type = column_type(&o->source, job->value_column, "value");
	ad_series_check_value(job, type);
	o->nkeys = job->nseries_columns;
	j->columns = job->series_columns;
	for (int i = 0; i < o->nkeys; i++)
		(void) column_type(&o->source, j->columns[i], "series");
	ad_lag_read(job->lag, j->type, &o->lag);
	o->limit = job->batch_size;
	o->id_text = series_text(j->columns, o->nkeys);
	ad_series_read_options(job, j->type, &j->stream, &j->score);
}

/* Say once in a run that there are more series than there may be. */
static void
warn(const AdSeriesJob *j)
{
	AdRun	   *run = j->o.b->sweep;

	if (j->refused_now == 0 || run->refused)
		return;
	run->refused = true;
	ereport(WARNING,
			(errmsg("job \"%s\" has %d series, as many as it may have", j->o.b->job->name,
					j->o.b->job->max_series),
			 errdetail("Rows of others are not scored; so far they are " UINT64_FORMAT ".", j->refused),
			 errhint("Raise max_series with ad_alter_job(), or leave series out with WHERE.")));
}

/* As AdJobKind has it. */
bool
ad_series_batch(AdBatch *b)
{
	AdSeriesJob *j = palloc0(sizeof(AdSeriesJob));
	AdJobState *s = b->state;
	bool		more;

	ad_batch_formats(b->job->timezone);
	look_at_source(j, b);
	more = ad_ordered_batch(&j->o, b);
	b->rows -= (int64) j->refused_now;
	ad_series_raise_alerts(j);
	warn(j);
	if (j->o.place.known > j->o.place.after)
	{
		/* alerts go on behind what was read */
		s->has_w = s->has_m = true;
		s->m = j->o.place.known;
		s->w = Max(ad_place_add(j->o.place.known, 1), j->o.place.floor);
	}
	return more;
}

/* The same. */
int64
ad_series_passed(const AdJob *j, const AdJobState *s)
{
	return ad_ordered_passed(&ordered, j, s);
}

/* The same: points from a place on are scored again, by states learnt anew. */
int64
ad_series_rescan(const AdJob *j, AdJobState *s, int64 from)
{
	AdPlaceType type;

	if (s->type == NULL || !ad_place_type_named(s->type, &type))
		return 0;
	return ad_ordered_rescan(&ordered, j, s, from, before(j->history, type, from));
}

/* Learn every state anew at the next run, but what was told is not told again. */
Jsonb *
ad_series_retrain(const AdJob *j, const AdRetrain *asked)
{
	AdJobState *s = ad_state_own(j);
	Oid			types[] = {INT4OID};
	Datum		values[] = {Int32GetDatum(j->id)};
	StringInfoData buf;
	bool		isnull;
	int64		labels;

	(void) asked;
	(void) ad_own_run("SELECT pg_catalog.count(*) FROM %s._ad_label l WHERE l.job_id = $1 AND l.is_anomaly AND l.place IS NOT NULL",
					  1, types, values, NULL);
	labels = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	s->stream = NULL;
	ad_state_write(j, s, -1);
	initStringInfo(&buf);
	appendStringInfoString(&buf, "{\"job\": ");
	escape_json(&buf, j->name);
	appendStringInfo(&buf, ", \"activated\": true, \"labelled_anomalies\": " INT64_FORMAT ", \"history\": ", labels);
	if (j->history)
		escape_json(&buf, j->history);
	else
		appendStringInfoString(&buf, "null");
	appendStringInfoString(&buf, ", \"reasons\": [\"the next run learns every series anew, without the points that are labelled anomalies\"]}");
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(buf.data)));
}
