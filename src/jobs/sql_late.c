/*-------------------------------------------------------------------------
 *
 * sql_late.c
 *		Rows that came too late: how many, and reading them again.
 *
 * What lies below the place that a job reads from, and no batch has scored.
 * That is what the source has there, less what was scored there, of which the
 * state counts what is no longer remembered.  Where rows are deleted the count
 * is too low; if that shows, as a number below zero, it begins anew.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_job_define.h"
#include "jobs/ad_run.h"
#include "operate/ad_own.h"
#include "sql/ad_text.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "pgtime.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(ad_job_late);
PG_FUNCTION_INFO_V1(ad_rescan);

/* The versions that are remembered below a place. */
static int64
count_seen(const AdJob *j, const AdJobState *s, int64 below)
{
	Oid			types[] = {INT4OID, INT4OID, INT8OID};
	Datum		values[] = {Int32GetDatum(j->id), Int32GetDatum(s->generation),
		Int64GetDatum(below)
	};
	bool		isnull;
	Datum		d;
	int64		n;

	(void) ad_own_run("SELECT pg_catalog.sum(CASE WHEN high < $3 THEN cardinality(places)::bigint "
					  "ELSE (SELECT count(*) FROM unnest(places) p WHERE p < $3) END)::bigint "
					  "FROM %s._ad_job_seen WHERE job_id = $1 AND generation = $2 AND low < $3",
					  lengthof(types), types, values, NULL);
	d = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	n = isnull ? 0 : DatumGetInt64(d);
	SPI_freetuptable(SPI_tuptable);
	return n;
}

/* The least place that a job was to read. */
static int64
least_place(const AdJob *j, const AdJobSource *source)
{
	return j->since == NULL ? AD_PLACE_LEAST :
		ad_place_since(j->since, source->type);
}

/* What a step of this file is about. */
typedef struct Late
{
	int32		job;
	bool		wait;			/* for a batch that is being done */
	int64		rows;			/* out; -1: not counted */
} Late;

/*
 * The rows below the place that a job reads from, but for the versions that
 * are stored.
 */
static int64
passed_versions(const AdJob *j, const AdJobState *s)
{
	AdJobSource source;
	int64		there;
	AdSeen	   *stored = NULL;

	ad_job_source(j, &source);
	PushActiveSnapshot(GetTransactionSnapshot());
	/* while all are, each row can be looked up, and the others only counted */
	if (s->forgotten == 0 && !source.distributed)
	{
		stored = ad_seen_stored(j, s);
		ad_takes_begin(stored, NULL);
	}
	there = ad_source_rows(j, &source, least_place(j, &source), s->low, stored != NULL);
	PopActiveSnapshot();
	if (stored == NULL)
		return there - count_seen(j, s, s->low);
	ad_takes_end();
	ad_seen_free(stored);
	return there;
}

/* Count what came too late for a job of the current user; -1: it is busy. */
static int64
count_late(int32 id, bool wait)
{
	AdJob	   *j = ad_job_read(id);
	AdJobState *s;
	Oid			types[] = {INT4OID, INT8OID, INT8OID};
	Datum		values[lengthof(types)];
	int64		late;

	if (j == NULL || j->owner != GetUserId())
		return -1;
	s = ad_state_read(j, wait);
	if (s == NULL)
		return -1;
	ad_batch_formats(j->timezone);
	late = j->kind->passed ? j->kind->passed(j, s) : passed_versions(j, s);
	if (s->forgotten < 0)
		s->forgotten = Max(0, late);
	else if (late < s->forgotten)
		s->forgotten = Max(1, late);	/* 0 would be: all are stored */
	late = Max(0, late - s->forgotten);
	values[0] = Int32GetDatum(id);
	values[1] = Int64GetDatum(late);
	values[2] = Int64GetDatum(s->forgotten);
	(void) ad_own_run("UPDATE %s._ad_job_state SET late_rows = $2, forgotten = $3, late_checked = clock_timestamp() WHERE job_id = $1",
					  lengthof(types), types, values, NULL);
	return late;
}

/* Whether a run is to count what came too late, since it is long ago. */
bool
ad_late_is_due(const AdJob *j)
{
	Oid			types[] = {INT4OID, TEXTOID};
	Datum		values[] = {Int32GetDatum(j->id), CStringGetTextDatum(j->late_check)};
	bool		isnull;
	bool		due;

	(void) ad_own_run("UPDATE %s._ad_job_state SET late_checked = clock_timestamp() WHERE job_id = $1 AND late_checked IS NULL",
					  1, types, values, NULL);
	(void) ad_own_run("SELECT late_checked + $2::interval < clock_timestamp() FROM %s._ad_job_state WHERE job_id = $1",
					  lengthof(types), types, values, NULL);
	due = SPI_processed == 1 &&
		DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull)) &&
		!isnull;
	SPI_freetuptable(SPI_tuptable);
	return due;
}

/* Count for a run, which has the job. */
int64
ad_late_count(int32 job)
{
	return count_late(job, true);
}

/*
 * _ad_job_late(job_id) -> rows that came too late for a job of the current
 * user; NULL: it is another's, is busy, or its source cannot be read.
 */
Datum
ad_job_late(PG_FUNCTION_ARGS)
{
	MemoryContext mcxt = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile int64 late = -1;

	if (XactReadOnly || RecoveryInProgress())
		PG_RETURN_NULL();
	BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		int			nestlevel = NewGUCNestLevel();

		SPI_connect();
		ad_job_path("pg_catalog, pg_temp");
		late = count_late(PG_GETARG_INT32(0), false);
		SPI_finish();
		AtEOXact_GUC(true, nestlevel);
		ReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(mcxt);
		CurrentResourceOwner = owner;
	}
	PG_CATCH();
	{
		ErrorData  *e;

		ad_takes_end();
		MemoryContextSwitchTo(mcxt);
		e = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(mcxt);
		CurrentResourceOwner = owner;
		if (ERRCODE_TO_CATEGORY(e->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION)
			ReThrowError(e);
		late = -1;
	}
	PG_END_TRY();
	if (late < 0)
		PG_RETURN_NULL();
	PG_RETURN_INT64(late);
}

/* The place that a text is, in the session's zone; an error if it is none. */
static int64
place_argument(const char *text, const AdJobSource *source)
{
	MemoryContext mcxt = CurrentMemoryContext;
	volatile int64 place = 0;

	PG_TRY();
	{
		place = ad_place_since(text, source->type);
	}
	PG_CATCH();
	{
		ErrorData  *e;

		MemoryContextSwitchTo(mcxt);
		e = CopyErrorData();
		if (ERRCODE_TO_CATEGORY(e->sqlerrcode) != ERRCODE_DATA_EXCEPTION)
			PG_RE_THROW();
		FlushErrorState();
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("since is \"%s\", must be a value of type %s",
						ad_quote_clip(text), ad_place_type_name(source->type)),
				 errhint("It is a value of the watermark column.")));
	}
	PG_END_TRY();
	return place;
}

/* No longer remember what was scored from a place on and is not read now. */
static void
forget_from(const AdJob *j, const AdJobState *s, int64 place)
{
	Oid			types[] = {INT4OID, INT4OID, INT8OID, INT8OID};
	Datum		values[] = {Int32GetDatum(j->id), Int32GetDatum(s->generation),
		Int64GetDatum(place), Int64GetDatum(s->low)
	};

	(void) ad_own_run("DELETE FROM %s._ad_job_seen WHERE job_id = $1 AND generation = $2 AND low >= $3 AND high < $4",
					  lengthof(types), types, values, NULL);
}

/*
 * Forget the rows from a place on that could not be scored, so that the next
 * run tries them again.  Returns how many they are.
 */
static int64
forget_bad(const AdJob *j, const AdJobState *s, int64 from)
{
	Oid			types[] = {INT4OID, INT4OID, INT8OID};
	Datum		values[] = {Int32GetDatum(j->id), Int32GetDatum(s->generation),
		Int64GetDatum(from)
	};

	(void) ad_own_run("UPDATE %s._ad_job_seen c SET (keys, places) = "
					  "(SELECT coalesce(pg_catalog.array_agg(u.k ORDER BY u.i), '{}'), coalesce(pg_catalog.array_agg(u.p ORDER BY u.i), '{}') "
					  "FROM unnest(c.keys, c.places) WITH ORDINALITY u(k, p, i) WHERE NOT EXISTS "
					  "(SELECT FROM %s._ad_job_error e WHERE e.job_id = $1 AND e.generation = $2 AND e.place >= $3 "
					  "AND e.place = u.p AND e.key IS NOT DISTINCT FROM u.k)) "
					  "WHERE c.job_id = $1 AND c.generation = $2 AND EXISTS "
					  "(SELECT FROM %s._ad_job_error e WHERE e.job_id = $1 AND e.generation = $2 AND e.place >= $3 "
					  "AND e.place BETWEEN c.low AND c.high)",
					  lengthof(types), types, values, NULL);
	(void) ad_own_run("DELETE FROM %s._ad_job_seen WHERE job_id = $1 AND generation = $2 AND cardinality(keys) = 0",
					  2, types, values, NULL);
	return (int64) ad_own_run("DELETE FROM %s._ad_job_error WHERE job_id = $1 AND generation = $2 AND place >= $3",
							  lengthof(types), types, values, NULL);
}

/*
 * Let a job read from a place on again.  What it remembers it does not score
 * again, and no version alerts twice; rows that could not be scored it does not
 * remember any more.  Returns how many rows are read again.
 */
static int64
rescan(const AdJob *j, AdJobState *s, const AdJobSource *source, const char *from)
{
	int64		place = place_argument(from, source);
	int64		again;
	int64		bad;			/* of those that are read anyway */
	int64		below;
	int64		late;
	int64		low = s->low;

	if (j->kind->rescan)
	{
		(void) forget_bad(j, s, place);
		return j->kind->rescan(j, s, place);
	}
	if (place >= low)
		return forget_bad(j, s, place);
	PushActiveSnapshot(GetTransactionSnapshot());
	below = ad_source_rows(j, source, least_place(j, source), place, false);
	again = ad_source_rows(j, source, place, low, false);
	PopActiveSnapshot();
	late = s->forgotten < 0 ? 0 : below + again - s->forgotten - count_seen(j, s, low);
	/* which of those below were scored is not known, if some came too late */
	if (s->forgotten == 0)
		forget_from(j, s, place);
	else if (late <= 0)
		s->forgotten = Max(0, below - count_seen(j, s, place));
	else
		s->forgotten = Max(0, s->forgotten - again + count_seen(j, s, low) - count_seen(j, s, place));
	bad = forget_bad(j, s, low);
	(void) forget_bad(j, s, place);
	s->low = place;
	s->has_w = s->has_mark = s->has_jump = false;
	s->holders = NIL;
	if (s->has_gate)
		s->has_m = false;
	s->has_gate = false;
	return again + bad;
}

/* ad_rescan(job, since) -> how many rows will be read again. */
Datum
ad_rescan(PG_FUNCTION_ARGS)
{
	AdJob	   *j;
	AdJobState *s;
	AdJobSource source;
	AdJobRow	row;
	char	   *from;
	int			nestlevel;
	int64		again;

	PreventCommandIfReadOnly("ad_rescan()");
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("job and since cannot be NULL")));
	from = ad_text_argument(PG_GETARG_DATUM(1), "since", AD_MAX_WORD_LENGTH);
	nestlevel = NewGUCNestLevel();
	SPI_connect();
	ad_job_path("pg_catalog, pg_temp");
	ad_job_own(PG_GETARG_DATUM(0), false, NULL, &row);
	j = ad_job_read(row.id);
	if (j == NULL)
		ad_job_no_job(ad_quote_clip(row.name));
	if (!OidIsValid(j->owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("job \"%s\" has no owner, so nobody can run it", row.name),
				 errhint("A superuser who has read its query can give it one: ad_alter_job(name, '{\"owner\": \"...\"}').")));
	if (j->owner != GetUserId())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("job \"%s\" is read again by its owner only",
						row.name),
				 errhint("SET ROLE first.")));
	s = ad_state_own(j);
	ad_batch_formats(j->timezone);
	ad_job_source(j, &source);
	again = rescan(j, s, &source, from);
	ad_state_write(j, s, -1);
	SPI_finish();
	AtEOXact_GUC(true, nestlevel);
	PG_RETURN_INT64(again);
}
