/*-------------------------------------------------------------------------
 *
 * sql_read.c
 *		Reading new versions of rows from a job's source, and scoring them.
 *
 * One query with a limit, read through a cursor a hundred rows at a time, so
 * that a batch takes little memory.  It is
 *
 *		SELECT _q.*, key, entity FROM (source) _q
 *		WHERE _q.watermark >= $1 AND _ad_job_takes(key, _q.watermark)
 *		ORDER BY _q.watermark, _q.key LIMIT n
 *
 * with nothing around the source that a foreign table or a view could not
 * bear.  What was seen is left out by a function that asks the set in memory.
 * On a shard that would be another server's memory, so there what was seen comes
 * too, and the limit has room for it.
 *
 * A row that cannot be read or scored fails the query.  Then the batch is read
 * carefully: first which versions it has, without their other columns, then
 * those by halves, each half in a subtransaction, until the row is alone.  All
 * of that is read with one snapshot.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_reading.h"
#include "operate/ad_own.h"
#include "sql/ad_text.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#define SLICE			100		/* rows of a cursor at a time */
#define MAX_PARAMS		8
#define SAMPLED_FIRST	100		/* rows of a run whose p-values are looked at */
#define SAMPLED_THEN	64		/* after which one in so many is */
#define MAX_KEYS		1000	/* of versions that are read by halves */

/* A query with its parameters. */
typedef struct ReadQuery
{
	StringInfoData sql;
	int			n;
	Oid			types[MAX_PARAMS];
	Datum		values[MAX_PARAMS];
} ReadQuery;

/* Add a parameter; its number. */
static int
add_param(ReadQuery *q, Oid type, Datum value)
{
	Assert(q->n < MAX_PARAMS);
	q->types[q->n] = type;
	q->values[q->n++] = value;
	return q->n;
}

/* Add a condition on the watermark; a date that must not be above is a whole one. */
static void
add_bound(ReadQuery *q, const AdModelBatch *m, const char *operator, int64 place)
{
	AdPlaceType type = m->source.type;

	if (type == AD_PLACE_DATE && operator[0] == '<')
		place = ad_place_add(place, 1 - USECS_PER_DAY);
	appendStringInfo(&q->sql, " AND _q.%s OPERATOR(pg_catalog.%s) $%d",
					 quote_identifier(m->b->job->watermark), operator,
					 add_param(q, ad_place_param_type(type), ad_place_value(type, place)));
}

/* The query goes on behind the last version of the batch before. */
static void
add_end(ReadQuery *q, const AdModelBatch *m)
{
	const AdRun *run = m->run;
	AdPlaceType type = m->source.type;
	int			place = add_param(q, ad_place_param_type(type),
								  ad_place_value(type, run->end_place));

	appendStringInfo(&q->sql, " AND (_q.%s, _q.%s) OPERATOR(pg_catalog.>) ($%d, $%d)",
					 quote_identifier(m->b->job->watermark),
					 quote_identifier(m->b->job->key), place,
					 add_param(q, run->end_key_type, run->end_key));
}

/*
 * Leave out what has none of some keys, text[].  The function that takes rows
 * does so too, but only where all of their columns have been computed.
 */
static void
add_keys(ReadQuery *q, const AdModelBatch *m, Datum keys)
{
	const char *key = m->source.key_text;

	appendStringInfo(&q->sql, " AND (%s OPERATOR(pg_catalog.=) ANY ($%d) OR pg_catalog.octet_length(%s) OPERATOR(pg_catalog.>) %d OR %s IS NULL)",
					 key, add_param(q, TEXTARRAYOID, keys), key, AD_MAX_KEY, key);
}

/*
 * Make the query; whole: with the columns of the source, else key and watermark;
 * some: it is for some versions alone, as keys, unless 0, say.
 */
static void
make_query(ReadQuery *q, const AdModelBatch *m, bool whole, int64 least,
		   int64 greatest, bool go_on, bool some, Datum keys)
{
	const AdJob *j = m->b->job;
	const AdJobSource *s = &m->source;
	char	   *watermark = pstrdup(quote_identifier(j->watermark));

	memset(q, 0, sizeof(*q));
	initStringInfo(&q->sql);
	if (whole)
		appendStringInfo(&q->sql, "SELECT _q.*, %s AS \"?key?\", %s AS \"?entity?\"",
						 s->key_text, s->entity_text == NULL ?
						 "NULL::pg_catalog.text" : s->entity_text);
	else
		appendStringInfo(&q->sql, "SELECT %s, _q.%s", s->key_text, watermark);
	appendStringInfo(&q->sql, " FROM (\n%s\n) _q WHERE ", s->sql);
	if (s->distributed)
		appendStringInfoString(&q->sql, "true");
	else
		appendStringInfo(&q->sql, "_anomaly._ad_job_takes(%s, _q.%s)",
						 s->key_text, watermark);
	if (go_on && s->key_sorts)
		add_end(q, m);
	else if (go_on)
		add_bound(q, m, ">=", m->run->end_place);
	else if (least > AD_PLACE_LEAST)
		add_bound(q, m, ">=", least);
	else
		appendStringInfo(&q->sql, " AND _q.%s IS NOT NULL", watermark);
	if (greatest < AD_PLACE_GREATEST)
		add_bound(q, m, "<=", greatest);
	if (keys != (Datum) 0)
		add_keys(q, m, keys);
	appendStringInfo(&q->sql, " ORDER BY _q.%s, ", watermark);
	if (s->key_sorts)
		appendStringInfo(&q->sql, "_q.%s", quote_identifier(j->key));
	else
		appendStringInfo(&q->sql, "%s COLLATE pg_catalog.\"C\"", s->key_text);
	if (!s->distributed)
		appendStringInfo(&q->sql, " LIMIT %d", j->batch_size);
	else if (!some)
		appendStringInfo(&q->sql, " LIMIT " INT64_FORMAT,
						 j->batch_size + ad_seen_count(m->run->seen));
}

/* Add a version that was read; the key is copied. */
static void
add_version(AdReading *r, const AdVersion *v, double p_value, bool bad)
{
	char	   *key = NULL;

	if (r->n == r->max)
	{
		r->max = Max(1024, r->max * 2);
		r->versions = r->versions == NULL ? ad_palloc_array(AdVersion, r->max) :
			ad_repalloc_array(r->versions, AdVersion, r->max);
		r->p_values = r->p_values == NULL ? ad_palloc_array(double, r->max) :
			ad_repalloc_array(r->p_values, double, r->max);
	}
	if (v->key != NULL)
		key = pnstrdup(v->key, v->length);
	r->versions[r->n] = *v;
	r->versions[r->n].key = key;
	r->p_values[r->n++] = p_value;
	r->bad += bad;
}

/* Whether a version is the one read last: a row that is there twice. */
static bool
is_last(const AdReading *r, const AdVersion *v)
{
	const AdVersion *last = &r->versions[r->n - 1];

	return r->n > 0 && last->place == v->place && last->has_place &&
		(last->key == NULL) == (v->key == NULL) &&
		(v->key == NULL || (last->length == v->length &&
							memcmp(last->key, v->key, v->length) == 0));
}

/* Note a row that cannot be scored. */
void
ad_bad_row(AdModelBatch *m, const AdVersion *v, const char *message, int sqlstate)
{
	const AdJob *j = m->b->job;
	Oid			types[] = {INT4OID, INT4OID, TEXTOID, INT8OID, TEXTOID, TEXTOID, TEXTOID, INT4OID};
	Datum		values[lengthof(types)];
	char		nulls[lengthof(types)];
	char	   *key = v->key == NULL ? NULL : ad_short_key(v->key, v->length);
	char	   *watermark = v->has_place ? ad_place_text(v->place, m->source.type) : NULL;

	m->run->fails = j->on_error == AD_JOB_ERROR || ++m->run->bad > AD_MAX_BAD_ROWS;
	if (j->on_error == AD_JOB_ERROR)
		ereport(ERROR,
				(errcode(sqlstate),
				 errmsg("row with key \"%s\" and watermark \"%s\" cannot be scored: %s",
						key == NULL ? "NULL" : ad_quote_clip(key),
						watermark == NULL ? "NULL" : watermark, message),
				 errhint("Leave such rows out with WHERE, or let the job skip them: ad_alter_job(name, '{\"on_error\": \"skip\"}').")));
	if (m->run->fails)
		ereport(ERROR,
				(errcode(sqlstate),
				 errmsg("more than %d rows of job \"%s\" cannot be scored: %s",
						AD_MAX_BAD_ROWS, j->name, message),
				 errhint("Look at ad_job_errors.")));
	memset(nulls, ' ', sizeof(nulls));
	values[0] = Int32GetDatum(j->id);
	values[1] = Int32GetDatum(m->b->state->generation);
	values[2] = key == NULL ? (Datum) 0 : CStringGetTextDatum(key);
	values[3] = Int64GetDatum(v->place);
	values[4] = watermark == NULL ? (Datum) 0 : CStringGetTextDatum(watermark);
	values[5] = CStringGetTextDatum(message);
	values[6] = CStringGetTextDatum(unpack_sql_state(sqlstate));
	values[7] = Int32GetDatum(m->run->number);
	nulls[2] = key == NULL ? 'n' : ' ';
	nulls[3] = nulls[4] = v->has_place ? ' ' : 'n';
	(void) ad_own_run("INSERT INTO %s._ad_job_error (job_id, generation, key, place, watermark, message, error_code, run, at) "
					  "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, clock_timestamp())",
					  lengthof(types), types, values, nulls);
}

/* Add a row that may alert. */
static void
add_candidate(AdReading *r, HeapTuple row, double score, double p_value)
{
	AdCandidate *c;

	if (r->ncandidates == r->max_candidates)
	{
		r->max_candidates = Max(64, r->max_candidates * 2);
		r->candidates = r->candidates == NULL ?
			ad_palloc_array(AdCandidate, r->max_candidates) :
			ad_repalloc_array(r->candidates, AdCandidate, r->max_candidates);
	}
	c = &r->candidates[r->ncandidates++];
	c->version = r->n;			/* which comes next */
	c->score = score;
	c->p_value = p_value;
	c->row = heap_copytuple(row);
}

/*
 * Count a p-value of a row.  A rule on the score needs none, so then they are
 * asked for of the first rows of a run, and of few later ones.
 */
static void
count_p_value(AdModelBatch *m, HeapTuple row, double p_value)
{
	AdRun	   *run = m->run;

	if (m->b->job->rule == AD_RULE_SCORE && ad_scorer_calibrated(m->scorer) &&
		(run->looked++ < SAMPLED_FIRST || run->looked % SAMPLED_THEN == 0))
		p_value = ad_scorer_p_value(m->scorer, row);
	if (p_value >= 0 && p_value <= 1)
		run->bins[Min((int) (p_value * AD_P_BINS * (1 - 1e-12)), AD_P_BINS - 1)]++;
}

/* Score a row, and keep what the rule needs of it. */
static void
score_row(AdModelBatch *m, HeapTuple row, const AdVersion *v)
{
	const AdJob *j = m->b->job;
	double		score = NAN;
	double		p_value = NAN;
	bool		hit;

	if (j->rule == AD_RULE_SCORE)
	{
		score = ad_scorer_score(m->scorer, row);
		hit = score >= j->rule_value;
	}
	else
	{
		double		least_p = ad_scorer_least_p(m->scorer);
		double		limit = j->rule_value;

		/* a level is at most the rate, rounded up to what p-values can be */
		if (j->rule == AD_RULE_FDR)
			limit += isnan(least_p) ? 0 : 1.001 * least_p;
		p_value = ad_scorer_p_value(m->scorer, row);
		hit = p_value <= limit;
	}
	switch (ad_scorer_used(m->scorer))
	{
		case AD_GROUP_FALLBACK:
			m->reading.fallback++;
			break;
		case AD_GROUP_NONE:
			m->reading.unscored++;
			break;
		case AD_GROUP_OWN:
			break;
	}
	if (hit)
		add_candidate(&m->reading, row, score, p_value);
	count_p_value(m, row, p_value);
	add_version(&m->reading, v, p_value, false);
}

/* Take one row that the cursor brought; false: it is none of the batch. */
static bool
take_row(AdModelBatch *m, HeapTuple row, TupleDesc desc)
{
	const AdJobSource *s = &m->source;
	int			key_column = s->columns->natts + 1;
	bool		no_key;
	bool		isnull;
	Datum		key = heap_getattr(row, key_column, desc, &no_key);
	Datum		watermark = heap_getattr(row, s->watermark + 1, desc, &isnull);
	AdVersion	v;

	v.key = NULL;
	v.length = 0;
	if (!no_key)
	{
		text	   *whole = DatumGetTextPP(key);

		v.key = VARDATA_ANY(whole);
		v.length = VARSIZE_ANY_EXHDR(whole);
	}
	v.has_place = !isnull;
	v.place = isnull ? 0 : ad_place_of(s->watermark_type, watermark);
	if (s->distributed && !ad_takes(&v))
		return false;
	m->reading.met++;
	if (no_key || v.length > AD_MAX_KEY)
	{
		int			length = v.length;

		if (!no_key)
		{
			v.key = ad_short_key(v.key, v.length);
			v.length = strlen(v.key);
		}
		if (is_last(&m->reading, &v))
			return true;
		ad_bad_row(m, &v, no_key ? "key is NULL" :
				   psprintf("key has %d bytes, allowed are 1 to %d", length, AD_MAX_KEY),
				   no_key ? ERRCODE_NULL_VALUE_NOT_ALLOWED : ERRCODE_PROGRAM_LIMIT_EXCEEDED);
		add_version(&m->reading, &v, NAN, true);
	}
	else if (!is_last(&m->reading, &v))
		score_row(m, row, &v);
	return true;
}

/* Keep where a batch ended, from its last row. */
static void
keep_end(AdModelBatch *m, HeapTuple row, TupleDesc desc)
{
	AdRun	   *run = m->run;
	const AdJobSource *s = &m->source;
	Form_pg_attribute att = TupleDescAttr(desc, s->key);
	bool		isnull;
	Datum		d;

	d = heap_getattr(row, s->watermark + 1, desc, &isnull);
	run->end_place = ad_place_of(s->watermark_type, d);
	MemoryContextReset(run->end_mcxt);
	run->end_key_type = att->atttypid == VARCHAROID ? TEXTOID : getBaseType(att->atttypid);
	d = heap_getattr(row, s->key + 1, desc, &isnull);
	run->in_pass = !isnull && run->end_place != AD_PLACE_LEAST &&
		run->end_place != AD_PLACE_GREATEST;
	if (run->in_pass)
	{
		MemoryContext old = MemoryContextSwitchTo(run->end_mcxt);

		run->end_key = s->key_sorts ? datumCopy(d, att->attbyval, att->attlen) : (Datum) 0;
		MemoryContextSwitchTo(old);
	}
}

/* Run the query of the batch through a cursor, and take its rows. */
static void
read_query(AdModelBatch *m, ReadQuery *q)
{
	SPIPlanPtr	plan = SPI_prepare(q->sql.data, q->n, q->types);
	Portal		portal;
	bool		is_full = false;

	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	/* read-only: with the snapshot that is active, and no other */
	portal = SPI_cursor_open(NULL, plan, q->values, NULL, true);
	if (portal == NULL)
		elog(ERROR, "SPI_cursor_open failed: %s", SPI_result_code_string(SPI_result));
	for (;;)
	{
		SPITupleTable *rows;
		uint64		n;

		CHECK_FOR_INTERRUPTS();
		SPI_cursor_fetch(portal, true, SLICE);
		rows = SPI_tuptable;
		n = SPI_processed;
		if (n > 0)
			ad_scorer_rows(m->scorer, rows->tupdesc);
		for (uint64 i = 0; i < n && !is_full; i++)
			if (take_row(m, rows->vals[i], rows->tupdesc) &&
				m->reading.met == m->b->job->batch_size)
			{
				is_full = true;
				keep_end(m, rows->vals[i], rows->tupdesc);
			}
		SPI_freetuptable(rows);
		if (n < SLICE || is_full)
			break;
	}
	SPI_cursor_close(portal);
	SPI_freeplan(plan);
}

/*
 * Whether an error can be one of a row, and not of all that is read: whatever
 * a function raises, in a class of its own too, but what would fail another
 * row as well, or what may be gone when it is tried again.
 */
bool
ad_is_of_row(const ErrorData *e)
{
	switch (ERRCODE_TO_CATEGORY(e->sqlerrcode))
	{
		case ERRCODE_CONNECTION_EXCEPTION:
		case ERRCODE_INVALID_TRANSACTION_STATE:
		case ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION:
		case ERRCODE_INVALID_TRANSACTION_TERMINATION:
		case ERRCODE_INVALID_CATALOG_NAME:
		case ERRCODE_INVALID_SCHEMA_NAME:
		case ERRCODE_TRANSACTION_ROLLBACK:
		case ERRCODE_INSUFFICIENT_RESOURCES:
		case ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE:
		case ERRCODE_OPERATOR_INTERVENTION:
		case ERRCODE_SYSTEM_ERROR:
		case ERRCODE_CONFIG_FILE_ERROR:
		case ERRCODE_FDW_ERROR:
		case ERRCODE_INTERNAL_ERROR:
			return false;
		case ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION:
			/* what names a value can be wrong in, as of a regclass */
			return e->sqlerrcode == ERRCODE_INVALID_NAME ||
				e->sqlerrcode == ERRCODE_NAME_TOO_LONG ||
				e->sqlerrcode == ERRCODE_CANNOT_COERCE;
		default:
			return true;
	}
}

/* What is done in a subtransaction, which an error of a row undoes. */
typedef void (*Attempt) (AdModelBatch *m, void *what);

/*
 * Try something; false: it failed because of a row, and all is as it was
 * before.  Another error goes on.
 */
static bool
try(AdModelBatch *m, Attempt attempt, void *what, ErrorData **error)
{
	MemoryContext mcxt = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	AdReading	before = m->reading;
	int			bad = m->run->bad;
	volatile bool done = true;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(mcxt);
	PG_TRY();
	{
		attempt(m, what);
		ReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(mcxt);
		CurrentResourceOwner = owner;
	}
	PG_CATCH();
	{
		ad_takes_end();
		MemoryContextSwitchTo(mcxt);
		*error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(mcxt);
		CurrentResourceOwner = owner;
		done = false;
	}
	PG_END_TRY();
	if (!done)
	{
		/* arrays that have grown stay; what was added goes */
		m->reading.n = before.n;
		m->reading.fallback = before.fallback;
		m->reading.unscored = before.unscored;
		m->reading.bad = before.bad;
		m->reading.met = before.met;
		m->reading.ncandidates = before.ncandidates;
		m->run->bad = bad;
		if (m->run->fails || !ad_is_of_row(*error))
			ReThrowError(*error);
	}
	return done;
}

/* A query to try, with what it may take. */
typedef struct Try
{
	const AdSeen *only;
	ReadQuery	query;
} Try;

static void
try_rows(AdModelBatch *m, void *what)
{
	Try		   *t = what;

	ad_takes_begin(m->run->seen, t->only);
	read_query(m, &t->query);
	ad_takes_end();
}

/*
 * Read and score versions between two places that were not seen, or of these
 * only some, whose keys may be given.  False: a row failed, and nothing was
 * read.
 */
static bool
read_rows(AdModelBatch *m, const AdSeen *only, Datum keys, int64 least,
		  int64 greatest, ErrorData **error)
{
	Try			t;

	t.only = only;
	make_query(&t.query, m, true, least, greatest, only == NULL && m->run->in_pass, only != NULL, keys);
	return try(m, try_rows, &t, error);
}

/* Read and score versions between two places.  False: a row failed. */
bool
ad_read_rows(AdModelBatch *m, int64 least, int64 greatest, ErrorData **error)
{
	return read_rows(m, NULL, (Datum) 0, least, greatest, error);
}

/* Versions that were found, without their rows. */
typedef struct Found
{
	AdModelBatch *m;
	ReadQuery	query;
	AdReading	list;
} Found;

static void
try_versions(AdModelBatch *m, void *what)
{
	Found	   *f = what;

	ad_takes_begin(m->run->seen, NULL);
	ad_execute_narrow(f->query.sql.data, f->query.n, f->query.types, f->query.values);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		AdVersion	v;
		bool		no_key;
		bool		isnull;
		Datum		key = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc,
										1, &no_key);
		Datum		watermark = SPI_getbinval(SPI_tuptable->vals[i],
											  SPI_tuptable->tupdesc, 2, &isnull);
		text	   *t = no_key ? NULL : DatumGetTextPP(key);
		char	   *kept = no_key ? NULL : ad_short_key(VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t));

		AD_CHECK_EVERY_1024(i);
		v.key = kept;
		v.length = no_key ? 0 : strlen(kept);
		v.has_place = !isnull;
		v.place = isnull ? 0 : ad_place_of(m->source.watermark_type, watermark);
		if (m->source.distributed && !ad_takes(&v))
			continue;
		if (f->list.met == m->b->job->batch_size)
			break;
		if (!is_last(&f->list, &v))
			add_version(&f->list, &v, NAN, false);
		f->list.met++;
	}
	SPI_freetuptable(SPI_tuptable);
	ad_takes_end();
}

/* The keys of versions, text[]; 0: they are too many to compare with. */
static Datum
keys_of(const AdVersion *versions, int n)
{
	Datum	   *keys;
	int			nkeys = 0;

	if (n > MAX_KEYS)
		return (Datum) 0;
	keys = ad_palloc_array(Datum, n);
	for (int i = 0; i < n; i++)
		if (versions[i].key != NULL)
			keys[nkeys++] = PointerGetDatum(cstring_to_text_with_len(versions[i].key,
																	 versions[i].length));
	return PointerGetDatum(construct_array(keys, nkeys, TEXTOID, -1, false,
										   TYPALIGN_INT));
}

/* Read the versions from lo to before hi of a list, by halves where one fails. */
static void
read_halves(AdModelBatch *m, const AdReading *list, int lo, int hi)
{
	AdSeen	   *only = ad_seen_new(CurrentMemoryContext, MaxAllocHugeSize);
	ErrorData  *error;
	bool		done;

	CHECK_FOR_INTERRUPTS();
	for (int i = lo; i < hi; i++)
		(void) ad_seen_add(only, &list->versions[i]);
	done = read_rows(m, only, keys_of(&list->versions[lo], hi - lo),
					 list->versions[lo].place, list->versions[hi - 1].place, &error);
	ad_seen_free(only);
	if (done)
		return;
	if (hi - lo == 1)
	{
		/* a model that has been trained again meanwhile fails every row */
		ad_scorer_check(m->scorer);
		ad_bad_row(m, &list->versions[lo], error->message, error->sqlerrcode);
		add_version(&m->reading, &list->versions[lo], NAN, true);
		m->reading.met++;
	}
	else
	{
		FreeErrorData(error);
		read_halves(m, list, lo, lo + (hi - lo) / 2);
		read_halves(m, list, lo + (hi - lo) / 2, hi);
	}
}

/*
 * Read the batch so that rows that fail are noted, and the others scored.
 * Raises the error again if it is no row's.
 */
void
ad_read_carefully(AdModelBatch *m, ErrorData *error)
{
	Found		f;
	ErrorData  *another;
	AdRun	   *run = m->run;

	memset(&f, 0, sizeof(f));
	make_query(&f.query, m, false, m->from,
			   m->has_until ? m->until : AD_PLACE_GREATEST, run->in_pass, false, (Datum) 0);
	if (!try(m, try_versions, &f, &another))
		ReThrowError(error);
	run->in_pass = false;
	if (f.list.n > 0)
		read_halves(m, &f.list, 0, f.list.n);
	m->reading.met = f.list.met;
	run->in_pass = false;
}

/* Note the rows that have no watermark. */
static void
try_without(AdModelBatch *m, void *what)
{
	const AdJobSource *s = &m->source;
	char	   *watermark = pstrdup(quote_identifier(m->b->job->watermark));
	SPITupleTable *rows;
	uint64		n;

	(void) what;
	ad_takes_begin(m->run->seen, NULL);
	ad_execute_narrow(psprintf("SELECT %s FROM (\n%s\n) _q WHERE _q.%s IS NULL%s LIMIT " INT64_FORMAT,
							   s->key_text, s->sql, watermark,
							   s->distributed ? "" : psprintf(" AND _anomaly._ad_job_takes(%s, _q.%s)",
															  s->key_text, watermark),
							   AD_MAX_BAD_ROWS + 1 + (s->distributed ? ad_seen_count(m->run->seen) : 0)),
					  0, NULL, NULL);
	ad_takes_end();
	rows = SPI_tuptable;
	n = SPI_processed;
	for (uint64 i = 0; i < n; i++)
	{
		char	   *key = SPI_getvalue(rows->vals[i], rows->tupdesc, 1);
		AdVersion	v = {0};

		if (key != NULL)
		{
			v.key = ad_short_key(key, strlen(key));
			v.length = strlen(v.key);
		}
		if (ad_seen_add(m->run->seen, &v))
			ad_bad_row(m, &v, "watermark is NULL", ERRCODE_NULL_VALUE_NOT_ALLOWED);
	}
	SPI_freetuptable(rows);
}

/* Note the rows that have no watermark, which no comparison would find. */
void
ad_read_without_watermark(AdModelBatch *m)
{
	ErrorData  *error;

	if (!m->source.not_null && !try(m, try_without, NULL, &error))
		ReThrowError(error);
}
