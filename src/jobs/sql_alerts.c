/*-------------------------------------------------------------------------
 *
 * sql_alerts.c
 *		Alerts: which are new, which cooldown and limit let pass.
 *
 * Alerts are decided in the order in which they are asked for, that of place
 * and key, by themselves alone; so a run that is cut into other batches writes
 * the same.  What a batch must know of older alerts it asks for at once: those
 * of its entities within the cooldown, and how many there are in its hours.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_run.h"
#include "operate/ad_own.h"
#include "sql/ad_text.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#define PIECE			1000	/* alerts that one statement writes */

/* Times of alerts of one entity, in order. */
typedef struct Times
{
	char	   *entity;
	TimestampTz *at;
	int			n;
	int			max;
} Times;

/* An hour of the clock, and its alerts as far as the limit asks. */
typedef struct Hour
{
	TimestampTz begins;
	int64		n;
} Hour;

/* What decides whether an alert passes. */
typedef struct Gate
{
	const AdJob *job;
	Times	   *entities;		/* by name */
	int			nentities;
	Hour	   *hours;			/* by time */
	int			nhours;
} Gate;

static int
compare_entities(const void *a, const void *b)
{
	return strcmp(((const Times *) a)->entity, ((const Times *) b)->entity);
}

static int
compare_hours(const void *a, const void *b)
{
	TimestampTz x = ((const Hour *) a)->begins;
	TimestampTz y = ((const Hour *) b)->begins;

	return x < y ? -1 : x > y;
}

/* The beginning of the hour, in UTC, that a time is in. */
static TimestampTz
hour_of(TimestampTz at)
{
	TimestampTz begins = at / USECS_PER_HOUR * USECS_PER_HOUR;

	return begins > at ? begins - USECS_PER_HOUR : begins;
}

/* Add a time where it belongs, most often at the end. */
static void
add_time(Times *t, TimestampTz at)
{
	int			i = t->n;

	if (t->n == t->max)
	{
		t->max = Max(8, t->max * 2);
		t->at = t->at == NULL ? ad_palloc_array(TimestampTz, t->max) :
			ad_repalloc_array(t->at, TimestampTz, t->max);
	}
	for (; i > 0 && t->at[i - 1] > at; i--)
		t->at[i] = t->at[i - 1];
	t->at[i] = at;
	t->n++;
}

/* Whether there is a time between two, both left out. */
static bool
has_between(const Times *t, TimestampTz low, TimestampTz high)
{
	for (int i = t->n - 1; i >= 0 && t->at[i] > low; i--)
		if (t->at[i] < high)
			return true;
	return false;
}

/* The entity of a name; NULL: no hit has it. */
static Times *
find_entity(const Gate *g, char *name)
{
	Times		wanted = {0};

	wanted.entity = name;
	return bsearch(&wanted, g->entities, g->nentities, sizeof(Times),
				   compare_entities);
}

/* Collect the entities of hits, and read their alerts within the cooldown. */
static void
read_entities(Gate *g, const AdHit *hits, int n)
{
	Oid			types[] = {INT4OID, TEXTARRAYOID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		values[lengthof(types)];
	Datum	   *names = ad_palloc_array(Datum, n);
	TimestampTz low = DT_NOEND;
	TimestampTz high = DT_NOBEGIN;
	int			k = 0;

	g->entities = ad_palloc0_array(Times, n);
	for (int i = 0; i < n; i++)
		if (hits[i].entity != NULL)
		{
			g->entities[k++].entity = hits[i].entity;
			low = Min(low, hits[i].event_at);
			high = Max(high, hits[i].event_at);
		}
	qsort(g->entities, k, sizeof(Times), compare_entities);
	for (int i = 0; i < k; i++)
		if (g->nentities == 0 ||
			compare_entities(&g->entities[i], &g->entities[g->nentities - 1]) != 0)
		{
			names[g->nentities] = CStringGetTextDatum(g->entities[i].entity);
			g->entities[g->nentities++] = g->entities[i];
		}
	if (k == 0)
		return;
	values[0] = Int32GetDatum(g->job->id);
	values[1] = PointerGetDatum(construct_array(names, g->nentities, TEXTOID, -1,
												false, TYPALIGN_INT));
	values[2] = TimestampTzGetDatum(ad_place_shift(low, g->job->cooldown, -1));
	values[3] = TimestampTzGetDatum(ad_place_shift(high, g->job->cooldown, 1));
	(void) ad_own_run("SELECT entity, event_at FROM %s._ad_alert "
					  "WHERE job_id = $1 AND entity = ANY ($2) AND event_at >= $3 AND event_at <= $4 "
					  "ORDER BY entity, event_at",
					  lengthof(types), types, values, NULL);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;
		char	   *name = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);
		Times	   *t = find_entity(g, name);

		if (t != NULL)
			add_time(t, DatumGetTimestampTz(SPI_getbinval(SPI_tuptable->vals[i],
														  SPI_tuptable->tupdesc,
														  2, &isnull)));
		pfree(name);
	}
	SPI_freetuptable(SPI_tuptable);
}

/* Count the alerts in each hour of hits, up to the limit. */
static void
read_hours(Gate *g, const AdHit *hits, int n)
{
	Oid			types[] = {TEXTOID, TIMESTAMPTZARRAYOID, INT4OID, TIMESTAMPTZARRAYOID};
	Datum		values[lengthof(types)];
	Datum	   *begins = ad_palloc_array(Datum, n);
	Datum	   *ends = ad_palloc_array(Datum, n);
	Hour	   *all = ad_palloc0_array(Hour, n);
	int			k = 0;

	g->hours = all;
	for (int i = 0; i < n; i++)
		if (!TIMESTAMP_NOT_FINITE(hits[i].event_at))
			all[k++].begins = hour_of(hits[i].event_at);
	qsort(all, k, sizeof(Hour), compare_hours);
	for (int i = 0; i < k; i++)
		if (g->nhours == 0 || all[i].begins != all[g->nhours - 1].begins)
		{
			begins[g->nhours] = TimestampTzGetDatum(all[i].begins);
			/* the last hour that there is has no end */
			ends[g->nhours] = TimestampTzGetDatum(all[i].begins < END_TIMESTAMP - USECS_PER_HOUR ?
												  all[i].begins + USECS_PER_HOUR : DT_NOEND);
			all[g->nhours++] = all[i];
		}
	values[0] = CStringGetTextDatum(g->job->name);
	values[1] = PointerGetDatum(construct_array(begins, g->nhours, TIMESTAMPTZOID,
												sizeof(int64), FLOAT8PASSBYVAL,
												TYPALIGN_DOUBLE));
	values[2] = Int32GetDatum(g->job->limit_per_hour);
	values[3] = PointerGetDatum(construct_array(ends, g->nhours, TIMESTAMPTZOID,
												sizeof(int64), FLOAT8PASSBYVAL,
												TYPALIGN_DOUBLE));
	(void) ad_own_run("SELECT u.i, (SELECT pg_catalog.count(*) FROM (SELECT FROM %s._ad_alert a WHERE a.job = $1 "
					  "AND a.event_at >= u.h AND a.event_at < u.e LIMIT $3) o) "
					  "FROM unnest($2, $4) WITH ORDINALITY u(h, e, i)",
					  lengthof(types), types, values, NULL);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;
		int64		at = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[i],
													 SPI_tuptable->tupdesc, 1, &isnull));

		g->hours[at - 1].n = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[i],
														 SPI_tuptable->tupdesc, 2, &isnull));
	}
	SPI_freetuptable(SPI_tuptable);
}

/* Whether an alert passes; then it counts for those after it. */
static bool
passes(Gate *g, const AdHit *h)
{
	Times	   *entity = NULL;
	Hour	   *hour = NULL;

	if (g->job->cooldown != NULL && h->entity != NULL)
	{
		entity = find_entity(g, h->entity);
		if (has_between(entity, ad_place_shift(h->event_at, g->job->cooldown, -1),
						ad_place_shift(h->event_at, g->job->cooldown, 1)))
			return false;
	}
	if (g->job->limit_per_hour > 0 && !TIMESTAMP_NOT_FINITE(h->event_at))
	{
		Hour		wanted;

		wanted.begins = hour_of(h->event_at);
		wanted.n = 0;
		hour = bsearch(&wanted, g->hours, g->nhours, sizeof(Hour), compare_hours);
		if (hour->n >= g->job->limit_per_hour)
			return false;
	}
	if (entity != NULL)
		add_time(entity, h->event_at);
	if (hour != NULL)
		hour->n++;
	return true;
}

/* The columns of hits as arrays, from $5 on, in the order of the INSERT. */
enum
{
	HIT_KEY, HIT_PLACE, HIT_WATERMARK, HIT_ENTITY, HIT_EVENT_AT, HIT_SCORE,
	HIT_P_VALUE, HIT_EXPLANATION, HIT_ROW, HIT_VERSION, HIT_COLUMNS
};

static const struct
{
	Oid			type;
	Oid			array;
	int16		length;
	char		align;
}			hit_columns[HIT_COLUMNS] = {
	{TEXTOID, TEXTARRAYOID, -1, TYPALIGN_INT},
	{INT8OID, INT8ARRAYOID, 8, TYPALIGN_DOUBLE},
	{TEXTOID, TEXTARRAYOID, -1, TYPALIGN_INT},
	{TEXTOID, TEXTARRAYOID, -1, TYPALIGN_INT},
	{TIMESTAMPTZOID, TIMESTAMPTZARRAYOID, 8, TYPALIGN_DOUBLE},
	{FLOAT8OID, FLOAT8ARRAYOID, 8, TYPALIGN_DOUBLE},
	{FLOAT8OID, FLOAT8ARRAYOID, 8, TYPALIGN_DOUBLE},
	{JSONBOID, JSONBARRAYOID, -1, TYPALIGN_INT},
	{JSONBOID, JSONBARRAYOID, -1, TYPALIGN_INT},
	{INT4OID, INT4ARRAYOID, 4, TYPALIGN_INT}
};

/* A text or NULL as a value. */
static Datum
text_or_null(const char *s, bool *isnull)
{
	*isnull = s == NULL;
	return s == NULL ? (Datum) 0 : CStringGetTextDatum(s);
}

/* One column of a hit. */
static Datum
hit_value(const AdHit *h, int column, bool *isnull)
{
	*isnull = false;
	switch (column)
	{
		case HIT_KEY:
			return CStringGetTextDatum(h->key);
		case HIT_PLACE:
			return Int64GetDatum(h->place);
		case HIT_WATERMARK:
			return text_or_null(h->watermark, isnull);
		case HIT_ENTITY:
			return text_or_null(h->entity, isnull);
		case HIT_EVENT_AT:
			return TimestampTzGetDatum(h->event_at);
		case HIT_SCORE:
			return Float8GetDatum(h->score);
		case HIT_P_VALUE:
			*isnull = isnan(h->p_value);
			return Float8GetDatum(h->p_value);
		case HIT_EXPLANATION:
			*isnull = h->explanation == NULL;
			return PointerGetDatum(h->explanation);
		case HIT_ROW:
			return PointerGetDatum(h->row);
		default:
			*isnull = h->model_version == 0;
			return Int32GetDatum(h->model_version);
	}
}

/* One column of some hits as an array. */
static Datum
column_array(AdHit **hits, int n, int column)
{
	Datum	   *values = ad_palloc_array(Datum, n);
	bool	   *nulls = ad_palloc_array(bool, n);
	int			lbound = 1;

	for (int i = 0; i < n; i++)
		values[i] = hit_value(hits[i], column, &nulls[i]);
	return PointerGetDatum(construct_md_array(values, nulls, 1, &n, &lbound,
											  hit_columns[column].type,
											  hit_columns[column].length,
											  hit_columns[column].length > 0 &&
											  (hit_columns[column].length < 8 || FLOAT8PASSBYVAL),
											  hit_columns[column].align));
}

/* Write alerts. */
static void
write_alerts(AdBatch *b, AdHit **hits, int n, TimestampTz now)
{
	Oid			types[4 + HIT_COLUMNS] = {INT4OID, INT4OID, TIMESTAMPTZOID, TEXTOID};
	Datum		values[4 + HIT_COLUMNS];

	values[0] = Int32GetDatum(b->job->id);
	values[1] = Int32GetDatum(b->state->generation);
	values[2] = TimestampTzGetDatum(now);
	values[3] = CStringGetTextDatum(b->job->name);
	for (int first = 0; first < n; first += PIECE)
	{
		MemoryContext piece = AllocSetContextCreate(CurrentMemoryContext,
													"anomaly alerts",
													ALLOCSET_DEFAULT_SIZES);
		MemoryContext old = MemoryContextSwitchTo(piece);

		for (int c = 0; c < HIT_COLUMNS; c++)
		{
			types[4 + c] = hit_columns[c].array;
			values[4 + c] = column_array(hits + first, Min(PIECE, n - first), c);
		}
		MemoryContextSwitchTo(old);
		(void) ad_own_run("INSERT INTO %s._ad_alert (job_id, generation, scored_at, job, key, place, watermark, entity, event_at, "
						  "score, p_value, explanation, \"row\", model_version) "
						  "SELECT $1, $2, $3, $4, u.* FROM unnest($5, $6, $7, $8, $9, $10, $11, $12, $13, $14) u "
						  "ON CONFLICT DO NOTHING",
						  lengthof(types), types, values, NULL);
		MemoryContextDelete(piece);
		CHECK_FOR_INTERRUPTS();
	}
}

/* Say which hits are alerts already: a version alerts once in a generation. */
static bool *
find_written(AdBatch *b, AdHit *hits, int n)
{
	Oid			types[] = {INT4OID, INT4OID, TEXTARRAYOID, INT8ARRAYOID};
	Datum		values[lengthof(types)];
	AdHit	  **all = ad_palloc_array(AdHit *, n);
	bool	   *written = ad_palloc0_array(bool, n);

	for (int i = 0; i < n; i++)
		all[i] = &hits[i];
	values[0] = Int32GetDatum(b->job->id);
	values[1] = Int32GetDatum(b->state->generation);
	values[2] = column_array(all, n, HIT_KEY);
	values[3] = column_array(all, n, HIT_PLACE);

	/*
	 * with EXISTS and no statistics yet, a join would read all alerts of the
	 * job
	 */
	(void) ad_own_run("SELECT u.i FROM unnest($3, $4) WITH ORDINALITY u(key, place, i) "
					  "WHERE (SELECT true FROM %s._ad_alert a WHERE a.job_id = $1 AND a.generation = $2 "
					  "AND a.key = u.key AND a.place = u.place LIMIT 1)",
					  lengthof(types), types, values, NULL);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;

		written[DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[i],
											SPI_tuptable->tupdesc, 1, &isnull)) - 1] = true;
	}
	SPI_freetuptable(SPI_tuptable);
	return written;
}

/*
 * Write the alerts that hits, in order, ask for, if they are new and cooldown
 * and limit let them pass.  Counts in the batch what became of them; what had
 * been written before is none of its rows.  Within SPI.
 */
void
ad_job_alert(AdBatch *b, AdHit *hits, int n)
{
	Gate		g = {0};
	TimestampTz now = GetCurrentTimestamp();
	bool	   *written;
	AdHit	  **passed;
	int			npassed = 0;

	if (n == 0)
		return;
	g.job = b->job;
	for (int i = 0; i < n; i++)
	{
		if (!hits[i].has_event_at)
			hits[i].event_at = now;
		hits[i].key = ad_short_key(hits[i].key, strlen(hits[i].key));
		if (hits[i].entity != NULL)
			hits[i].entity = ad_short_key(hits[i].entity, strlen(hits[i].entity));
	}
	written = find_written(b, hits, n);
	if (b->job->cooldown != NULL)
		read_entities(&g, hits, n);
	if (b->job->limit_per_hour > 0)
		read_hours(&g, hits, n);
	passed = ad_palloc_array(AdHit *, n);
	for (int i = 0; i < n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		if (written[i])
			b->rows--;
		else if (passes(&g, &hits[i]))
			passed[npassed++] = &hits[i];
		else
			b->suppressed++;
	}
	write_alerts(b, passed, npassed, now);
	b->alerts += npassed;
}
