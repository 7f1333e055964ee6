/*-------------------------------------------------------------------------
 *
 * sql_state.c
 *		How far a job has come, read and written; what a version moves.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_run.h"
#include "operate/ad_own.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#define JUMP_FACTOR		1000	/* times the lag, or times this: a jump */
#define FOLLOW_AFTER	100		/* versions above a jump */

/* The columns that are read, in this order. */
enum
{
	STATE_TYPE, STATE_W, STATE_M, STATE_LOW, STATE_GATE, STATE_MARK,
	STATE_HOLDERS, STATE_GENERATION, STATE_SNAPSHOT, STATE_FILENODES,
	STATE_ORIGIN, STATE_JUMP, STATE_JUMPS, STATE_FORGOTTEN, STATE_FDR,
	STATE_STREAM, STATE_MARKED
};

#define STATE_COLUMNS \
	"type, w, m, low, gate, mark, mark_holders, generation, snapshot, filenodes, " \
	"origin, jump, jumps, forgotten, fdr, stream, marked_at"

/* A column of the first row that came back. */
static Datum
column(int i, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i + 1, isnull);
}

/* A place that may be NULL. */
static int64
place_column(int i, bool *has)
{
	bool		isnull;
	Datum		d = column(i, &isnull);

	*has = !isnull;
	return isnull ? 0 : DatumGetInt64(d);
}

static char *
text_column(int i)
{
	bool		isnull;
	Datum		d = column(i, &isnull);

	return isnull ? NULL : TextDatumGetCString(d);
}

static bytea *
bytes_column(int i)
{
	bool		isnull;
	Datum		d = column(i, &isnull);

	return isnull ? NULL : DatumGetByteaPCopy(d);
}

/* The texts of an array, as a list. */
static List *
texts_column(int i)
{
	bool		isnull;
	Datum		d = column(i, &isnull);
	Datum	   *elements;
	bool	   *nulls;
	int			n;
	List	   *texts = NIL;

	if (isnull)
		return NIL;
	deconstruct_array(DatumGetArrayTypeP(d), TEXTOID, -1, false, TYPALIGN_INT,
					  &elements, &nulls, &n);
	for (int k = 0; k < n; k++)
		if (!nulls[k])
			texts = lappend(texts, TextDatumGetCString(elements[k]));
	return texts;
}

/*
 * Read the state of a job, and lock it until the transaction ends; NULL: there
 * is none, or, unless it waits, another has it.  palloc'd.  Within SPI.
 */
AdJobState *
ad_state_read(const AdJob *j, bool wait)
{
	Oid			types[] = {INT4OID};
	Datum		values[] = {Int32GetDatum(j->id)};
	AdJobState *s = palloc0(sizeof(AdJobState));
	bool		has;

	if (ad_own_run(wait ? "SELECT " STATE_COLUMNS " FROM %s._ad_job_state WHERE job_id = $1 FOR UPDATE" :
				   "SELECT " STATE_COLUMNS " FROM %s._ad_job_state WHERE job_id = $1 FOR UPDATE SKIP LOCKED",
				   1, types, values, NULL) != 1)
		return NULL;
	s->type = text_column(STATE_TYPE);
	s->w = place_column(STATE_W, &s->has_w);
	s->m = place_column(STATE_M, &s->has_m);
	s->low = place_column(STATE_LOW, &has);
	if (!has)
		s->low = AD_PLACE_LEAST;
	s->gate = place_column(STATE_GATE, &s->has_gate);
	s->mark = place_column(STATE_MARK, &s->has_mark);
	s->holders = texts_column(STATE_HOLDERS);
	s->generation = DatumGetInt32(column(STATE_GENERATION, &has));
	s->snapshot = text_column(STATE_SNAPSHOT);
	s->filenodes = text_column(STATE_FILENODES);
	s->origin = text_column(STATE_ORIGIN);
	s->jump = place_column(STATE_JUMP, &s->has_jump);
	s->jumps = DatumGetInt32(column(STATE_JUMPS, &has));
	s->forgotten = place_column(STATE_FORGOTTEN, &has);
	s->fdr = bytes_column(STATE_FDR);
	s->stream = bytes_column(STATE_STREAM);
	s->marked_at = place_column(STATE_MARKED, &has);
	SPI_freetuptable(SPI_tuptable);
	return s;
}

/* The same, of a job that must have one: an error if there is none. */
AdJobState *
ad_state_own(const AdJob *j)
{
	AdJobState *s = ad_state_read(j, true);

	if (s == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("job \"%s\" has no state, so it cannot be run", j->name),
				 errhint("Drop it with ad_drop_job(), and create it again.")));
	return s;
}

/* The parameters of what writes it. */
typedef struct Row
{
	int			n;
	Oid			types[32];
	Datum		values[32];
	char		nulls[32];
} Row;

static void
set(Row *r, Oid type, Datum value, bool isnull)
{
	Assert(r->n < (int) lengthof(r->types));
	r->types[r->n] = type;
	r->values[r->n] = value;
	r->nulls[r->n++] = isnull ? 'n' : ' ';
}

static void
set_text(Row *r, const char *s)
{
	set(r, TEXTOID, s == NULL ? (Datum) 0 : CStringGetTextDatum(s), s == NULL);
}

/* Write the state of a job, and how much it remembers; -1: as before. */
void
ad_state_write(const AdJob *j, const AdJobState *s, int64 seen)
{
	Row			r = {0};
	Datum	   *holders = ad_palloc_array(Datum, list_length(s->holders));
	ListCell   *cell;
	int			n = 0;

	foreach(cell, s->holders)
		holders[n++] = CStringGetTextDatum(lfirst(cell));
	set(&r, INT4OID, Int32GetDatum(j->id), false);
	set_text(&r, s->type);
	set(&r, INT8OID, Int64GetDatum(s->w), !s->has_w);
	set(&r, INT8OID, Int64GetDatum(s->m), !s->has_m);
	set(&r, INT8OID, Int64GetDatum(s->low), s->low == AD_PLACE_LEAST);
	set(&r, INT8OID, Int64GetDatum(s->gate), !s->has_gate);
	set(&r, INT8OID, Int64GetDatum(s->mark), !s->has_mark);
	set(&r, TEXTARRAYOID,
		PointerGetDatum(construct_array(holders, n, TEXTOID, -1, false, TYPALIGN_INT)),
		!s->has_mark);
	set(&r, INT4OID, Int32GetDatum(s->generation), false);
	set_text(&r, s->snapshot);
	set_text(&r, s->filenodes);
	set_text(&r, s->origin);
	set(&r, INT8OID, Int64GetDatum(s->jump), !s->has_jump);
	set(&r, INT4OID, Int32GetDatum(s->jumps), false);
	set(&r, INT8OID, Int64GetDatum(s->forgotten), false);
	set(&r, BYTEAOID, PointerGetDatum(s->fdr), s->fdr == NULL);
	set(&r, BYTEAOID, PointerGetDatum(s->stream), s->stream == NULL);
	set(&r, TIMESTAMPTZOID, TimestampTzGetDatum(s->marked_at), !s->has_mark);
	set(&r, INT8OID, Int64GetDatum(seen), seen < 0);
	(void) ad_own_run("UPDATE %s._ad_job_state SET (" STATE_COLUMNS ", seen) = "
					  "($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, coalesce($19, seen)) "
					  "WHERE job_id = $1", r.n, r.types, r.values, r.nulls);
}

/*
 * Move M by a version that was read, in the order of versions, unless its
 * watermark is set aside: it is infinite, beyond the clock, or, an integer,
 * absurdly far above all before.  Return false for one that is set aside.
 *
 * A jump of integers is followed once so many versions above it have been
 * read, and none below.
 */
bool
ad_state_move(AdJobState *s, AdPlaceType type, const AdLag *lag, int64 clock,
			  int64 place)
{
	int64		far;

	if (place == AD_PLACE_LEAST || place == AD_PLACE_GREATEST || place > clock)
		return false;
	if (!s->has_m)
	{
		s->has_m = true;
		s->m = place;
		return true;
	}
	if (type != AD_PLACE_INTEGER)
	{
		s->m = Max(s->m, place);
		return true;
	}
	far = ad_place_add(s->m, JUMP_FACTOR * Max(lag->number, JUMP_FACTOR));
	if (place <= far)
	{
		s->has_jump = false;
		s->jumps = 0;
		s->m = Max(s->m, place);
		return true;
	}
	if (!s->has_jump || place < s->jump)
	{
		s->has_jump = true;
		s->jump = place;
		s->jumps = 0;
	}
	else if (place > s->jump && ++s->jumps >= FOLLOW_AFTER)
	{
		s->has_jump = false;
		s->jumps = 0;
		s->m = place;
		return true;
	}
	return false;
}
