/*-------------------------------------------------------------------------
 *
 * sql_watch_tables.c
 *		What a watch keeps in tables: the states of its columns, and metrics.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_watch.h"
#include "operate/ad_own.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"

/* A metric of a period that somebody said was an anomaly. */
typedef struct Label
{
	char	   *key;
	int64		place;
} Label;

/* A new subject, of which nothing is known. */
static AdWatchSubject *
new_subject(const char *name)
{
	AdWatchSubject *s = palloc0(sizeof(AdWatchSubject));

	s->name = pstrdup(name);
	s->known = palloc(sizeof(uint64));
	return s;
}

/* The subject of a name; NULL: there is none. */
static AdWatchSubject *
find_subject(List *subjects, const char *name)
{
	ListCell   *cell;

	foreach(cell, subjects)
	{
		AdWatchSubject *s = lfirst(cell);

		if (strcmp(s->name, name) == 0)
			return s;
	}
	return NULL;
}

/* Read the stored subjects of a job, or that of the table alone. */
static List *
read_subjects(int32 job, bool table_only)
{
	MemoryContext mcxt = CurrentMemoryContext;
	MemoryContext old;
	Oid			types[] = {INT4OID, BOOLOID};
	Datum		values[] = {Int32GetDatum(job), BoolGetDatum(table_only)};
	SPITupleTable *rows;
	List	   *subjects = NIL;

	(void) ad_own_run("SELECT subject, state FROM %s._ad_job_watch WHERE job_id = $1 AND (NOT $2 OR subject = '')",
					  lengthof(types), types, values, NULL);
	rows = SPI_tuptable;
	old = MemoryContextSwitchTo(mcxt);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;
		AdWatchSubject *s = new_subject(TextDatumGetCString(SPI_getbinval(rows->vals[i],
																		  rows->tupdesc, 1,
																		  &isnull)));
		Datum		state = SPI_getbinval(rows->vals[i], rows->tupdesc, 2, &isnull);

		ad_watch_subject_read(DatumGetByteaPP(state), s);
		subjects = lappend(subjects, s);
	}
	MemoryContextSwitchTo(old);
	SPI_freetuptable(rows);
	return subjects;
}

/* Find or make the subject at a place in the list of a batch. */
static void
take_subject(AdWatch *w, List **stored, const char *name)
{
	AdWatchSubject *s = find_subject(*stored, name);

	if (s != NULL)
		*stored = list_delete_ptr(*stored, s);
	else
		s = new_subject(name);
	w->subjects[w->nsubjects++] = s;
}

/*
 * Read what is kept of the table and, unless it is asked for alone, of each
 * column; what is kept of columns that are not watched any more comes behind.
 */
void
ad_watch_load(AdWatch *w, bool table_only)
{
	List	   *stored = read_subjects(w->b->job->id, table_only);
	ListCell   *cell;

	w->nsubjects = 0;
	w->subjects = ad_palloc_array(AdWatchSubject *,
								  1 + w->ncolumns + list_length(stored));
	take_subject(w, &stored, "");
	if (table_only)
		return;
	for (int i = 0; i < w->ncolumns; i++)
		take_subject(w, &stored, w->columns[i].name);
	foreach(cell, stored)
		w->subjects[w->nsubjects++] = lfirst(cell);
}

/* Delete what is kept of a column that is not watched any more. */
static void
forget_subject(int32 job, const char *name)
{
	Oid			types[] = {INT4OID, TEXTOID};
	Datum		values[] = {Int32GetDatum(job), CStringGetTextDatum(name)};

	(void) ad_own_run("DELETE FROM %s._ad_job_watch WHERE job_id = $1 AND subject = $2",
					  lengthof(types), types, values, NULL);
}

/* Store the subjects that have changed; those behind the columns are dropped. */
static void
store_subjects(const AdWatch *w)
{
	Oid			types[] = {INT4OID, TEXTOID, BOOLOID, BYTEAOID};
	Datum		values[lengthof(types)];

	values[0] = Int32GetDatum(w->b->job->id);
	for (int i = 0; i < w->nsubjects; i++)
	{
		const AdWatchSubject *s = w->subjects[i];
		bytea	   *state;

		if (i > w->ncolumns)
		{
			forget_subject(w->b->job->id, s->name);
			continue;
		}
		if (!s->changed)
			continue;
		CHECK_FOR_INTERRUPTS();
		state = ad_watch_subject_write(s);
		values[1] = CStringGetTextDatum(s->name);
		values[2] = BoolGetDatum(s->gone);
		values[3] = PointerGetDatum(state);
		(void) ad_own_run("INSERT INTO %s._ad_job_watch (job_id, subject, gone, state) VALUES ($1, $2, $3, $4) "
						  "ON CONFLICT (job_id, subject) DO UPDATE SET gone = EXCLUDED.gone, state = EXCLUDED.state",
						  lengthof(types), types, values, NULL);
		pfree(state);
	}
}

/* The columns of points as arrays, from $2 on, in the order of the INSERT. */
enum
{
	POINT_PLACE, POINT_METRIC, POINT_VALUE, POINT_EXPECTED, POINT_LOWER,
	POINT_UPPER, POINT_SCORE, POINT_VERDICT, POINT_COLUMNS
};

/* A number or NULL. */
static Datum
number(double v, bool *isnull)
{
	*isnull = isnan(v);
	return Float8GetDatum(v);
}

/* One column of a point. */
static Datum
point_value(const AdWatchPoint *p, int column, bool *isnull)
{
	*isnull = false;
	switch (column)
	{
		case POINT_PLACE:
			return Int64GetDatum(p->place);
		case POINT_METRIC:
			return CStringGetTextDatum(ad_watch_metric_key(p->metric, p->subject->name));
		case POINT_VALUE:
			return number(p->value, isnull);
		case POINT_EXPECTED:
			return number(p->expected, isnull);
		case POINT_LOWER:
			return number(p->lower, isnull);
		case POINT_UPPER:
			return number(p->upper, isnull);
		case POINT_SCORE:
			return number(p->score, isnull);
		default:
			return CStringGetTextDatum(ad_watch_verdict_name(p->verdict));
	}
}

/* Store the metrics of a batch, in place of those of the same periods. */
static void
store_points(const AdWatch *w)
{
	static const Oid element[POINT_COLUMNS] = {
		INT8OID, TEXTOID, FLOAT8OID, FLOAT8OID, FLOAT8OID, FLOAT8OID, FLOAT8OID, TEXTOID
	};
	Oid			types[1 + POINT_COLUMNS] = {INT4OID};
	Datum		values[1 + POINT_COLUMNS];
	Datum	   *items = ad_palloc_array(Datum, Max(w->npoints, 1));
	bool	   *nulls = ad_palloc_array(bool, Max(w->npoints, 1));
	int			n = w->npoints;
	int			lbound = 1;

	values[0] = Int32GetDatum(w->b->job->id);
	for (int c = 0; c < POINT_COLUMNS; c++)
	{
		bool		is_text = element[c] == TEXTOID;

		for (int i = 0; i < n; i++)
			items[i] = point_value(&w->points[i], c, &nulls[i]);
		types[1 + c] = is_text ? TEXTARRAYOID : element[c] == INT8OID ? INT8ARRAYOID : FLOAT8ARRAYOID;
		values[1 + c] = PointerGetDatum(construct_md_array(items, nulls, 1, &n, &lbound, element[c],
														   is_text ? -1 : 8, !is_text && FLOAT8PASSBYVAL,
														   is_text ? TYPALIGN_INT : TYPALIGN_DOUBLE));
	}
	(void) ad_own_run("INSERT INTO %s._ad_job_metric (job_id, place, metric, value, expected, lower, upper, score, verdict) "
					  "SELECT $1, u.* FROM unnest($2, $3, $4, $5, $6, $7, $8, $9) u "
					  "ON CONFLICT (job_id, place, metric) DO UPDATE SET value = EXCLUDED.value, expected = EXCLUDED.expected, "
					  "lower = EXCLUDED.lower, upper = EXCLUDED.upper, score = EXCLUDED.score, verdict = EXCLUDED.verdict",
					  lengthof(types), types, values, NULL);
}

/* Store what a batch has found out, and forget the metrics of long ago. */
void
ad_watch_store(AdWatch *w)
{
	const AdJob *j = w->b->job;
	Oid			types[] = {INT4OID, INT8OID};
	Datum		values[] = {Int32GetDatum(j->id),
		Int64GetDatum(ad_calendar_before(&w->calendar, w->place.next, j->keep))
	};

	store_subjects(w);
	if (w->npoints == 0)
		return;
	store_points(w);
	(void) ad_own_run("DELETE FROM %s._ad_job_metric WHERE job_id = $1 AND place < $2",
					  lengthof(types), types, values, NULL);
}

/* Forget the states of all columns; metrics stay until they are written anew. */
void
ad_watch_clear(int32 job)
{
	Oid			types[] = {INT4OID};
	Datum		values[] = {Int32GetDatum(job)};

	(void) ad_own_run("DELETE FROM %s._ad_job_watch WHERE job_id = $1", 1, types,
					  values, NULL);
}

/* Read which metrics of some periods were labelled as anomalies. */
void
ad_watch_labels(AdWatch *w, int64 from, int64 below)
{
	MemoryContext mcxt = CurrentMemoryContext;
	MemoryContext old;
	Oid			types[] = {INT4OID, INT8OID, INT8OID};
	Datum		values[] = {Int32GetDatum(w->b->job->id), Int64GetDatum(from),
		Int64GetDatum(below)
	};
	SPITupleTable *rows;

	(void) ad_own_run("SELECT key, place FROM %s._ad_label WHERE job_id = $1 AND is_anomaly AND place >= $2 AND place < $3",
					  lengthof(types), types, values, NULL);
	rows = SPI_tuptable;
	old = MemoryContextSwitchTo(mcxt);
	w->labelled = NIL;
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		Label	   *l = palloc(sizeof(Label));
		bool		isnull;

		l->key = TextDatumGetCString(SPI_getbinval(rows->vals[i], rows->tupdesc, 1, &isnull));
		l->place = DatumGetInt64(SPI_getbinval(rows->vals[i], rows->tupdesc, 2, &isnull));
		w->labelled = lappend(w->labelled, l);
	}
	MemoryContextSwitchTo(old);
	SPI_freetuptable(rows);
}

/* Whether a metric of a period was labelled as an anomaly. */
bool
ad_watch_is_labelled(const AdWatch *w, const char *key, int64 place)
{
	ListCell   *cell;

	foreach(cell, w->labelled)
	{
		const Label *l = lfirst(cell);

		if (l->place == place && strcmp(l->key, key) == 0)
			return true;
	}
	return false;
}

/* How many rows the stored periods from one place on and below another had. */
int64
ad_watch_stored_rows(int32 job, int64 from, int64 below)
{
	Oid			types[] = {INT4OID, INT8OID, INT8OID};
	Datum		values[] = {Int32GetDatum(job), Int64GetDatum(from), Int64GetDatum(below)};
	bool		isnull;
	double		rows;

	(void) ad_own_run("SELECT sum(value) FROM %s._ad_job_metric WHERE job_id = $1 AND metric = 'rows' AND place >= $2 AND place < $3",
					  lengthof(types), types, values, NULL);
	rows = DatumGetFloat8(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_freetuptable(SPI_tuptable);
	return isnull ? 0 : (int64) rows;
}
