/*-------------------------------------------------------------------------
 *
 * sql_ordered_parts.c
 *		The partitions of a job: their states in _ad_job_part.
 *
 * A partition is known by the first bytes of the SHA-256 of its job and its
 * columns, which stand at the head of its state.  (Of the job too, so that the
 * one index by which it is looked up is not taken for another.)  A batch reads and writes the states of the
 * partitions that it has rows of, and of those in which time alone decides
 * something (column due).  A partition without a state is one of which nothing
 * need be remembered.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_ordered.h"
#include "operate/ad_own.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#define PIECE			500		/* partitions at a time, */
#define FIRST_PIECE		16		/* or fewer, until their size is known, */
#define PIECE_BYTES		((Size) 16 * 1024 * 1024)	/* of states so large */

/* A partition whose state is being moved on. */
typedef struct Part
{
	const AdOrderedPart *read;	/* its rows, or NULL */
	bytea	   *digest;
	bytea	   *state;			/* NULL: there is none */
	int64		due;			/* afterwards; if there is a state */
	int64		ends;
} Part;

/* What the partitions of a batch are moved on with. */
typedef struct Advance
{
	AdOrdered  *o;
	int32		job;
	MemoryContext mcxt;			/* reset after each piece */
	int			piece;			/* partitions of the next */
	Size		largest;		/* state so far */
} Advance;

static bytea *
make_bytea(const void *data, Size len)
{
	bytea	   *b = palloc(len + VARHDRSZ);

	SET_VARSIZE(b, len + VARHDRSZ);
	memcpy(VARDATA(b), data, len);
	return b;
}

/* The name of a partition of a job, from its columns. */
static bytea *
digest_of(int32 job, const char *keys, uint32 len)
{
	StringInfoData w;
	Datum		d;

	initStringInfo(&w);
	ad_wr_u32(&w, (uint32) job);
	ad_wr_bytes(&w, keys, len);
	d = DirectFunctionCall1(sha256_bytea,
							PointerGetDatum(make_bytea(w.data, w.len)));

	return make_bytea(VARDATA_ANY(DatumGetPointer(d)), AD_PART_DIGEST);
}

/*
 * The columns of a partition as texts, NULL for null, from the bytes that
 * append_key() made; those past n are NULL.  Checked: they may be a stranger's.
 */
void
ad_part_texts(const char *what, const char *keys, uint32 len, int n, char **texts)
{
	AdReader	r;

	ad_rd_init(&r, keys, len, what);
	for (int i = 0; i < AD_ORDERED_KEYS; i++)
	{
		const char *s;
		Size		size;

		texts[i] = NULL;
		if (i >= n || ad_rd_u8(&r) != 0)
			continue;
		s = ad_rd_string(&r, AD_MAX_BYTES, &size);
		texts[i] = ad_rd_text(&r, s, size);
	}
	ad_rd_end(&r);
}

/* Move a partition on; its new state, and when it is due, are in p then. */
static void
advance_part(Advance *a, Part *p)
{
	AdOrderedStep step = {.read = p->read,.due = AD_PART_NEVER,.ends = AD_PART_NEVER};
	AdReader	r;
	StringInfoData w;

	if (p->state)
	{
		Size		len;

		ad_rd_init(&r, VARDATA(p->state), VARSIZE(p->state) - VARHDRSZ, a->o->kind->what);
		step.keys = ad_rd_string(&r, AD_MAX_BYTES, &len);
		step.keys_len = (uint32) len;
		step.state = r.data + r.pos;
		step.state_len = r.len - r.pos;
	}
	if (p->read)
	{
		step.keys = p->read->keys;
		step.keys_len = p->read->keys_len;
	}
	initStringInfo(&w);
	appendStringInfoSpaces(&w, VARHDRSZ);
	ad_wr_string(&w, step.keys, step.keys_len);
	step.out = &w;
	p->state = NULL;
	if (a->o->kind->advance(a->o, &step))
	{
		SET_VARSIZE(w.data, w.len);
		p->state = (bytea *) w.data;
	}
	p->due = step.due;
	p->ends = step.ends;
	a->largest = Max(a->largest, (Size) w.len);
}

/* End a piece, and set the size of the next by the largest state so far. */
static void
end_piece(Advance *a)
{
	MemoryContextReset(a->mcxt);
	if (a->largest > 0)
		a->piece = (int) Max(1, Min(PIECE_BYTES / a->largest, PIECE));
}

/* The names of some partitions as an array. */
static Datum
digests(const Part *parts, int n, bool with_state)
{
	Datum	   *items = ad_palloc_array(Datum, Max(n, 1));
	int			k = 0;

	for (int i = 0; i < n; i++)
		if ((parts[i].state != NULL) == with_state)
			items[k++] = PointerGetDatum(parts[i].digest);
	return PointerGetDatum(construct_array(items, k, BYTEAOID, -1, false,
										   TYPALIGN_INT));
}

/* Write the states of some partitions. */
static void
store(int32 job, Part *parts, int n)
{
	Oid			types[] = {INT4OID, BYTEAARRAYOID, INT8ARRAYOID, INT8ARRAYOID,
	BYTEAARRAYOID};
	Datum		values[lengthof(types)];
	Datum	   *due = ad_palloc_array(Datum, Max(n, 1));
	Datum	   *ends = ad_palloc_array(Datum, Max(n, 1));
	Datum	   *states = ad_palloc_array(Datum, Max(n, 1));
	int			k = 0;

	values[0] = Int32GetDatum(job);
	for (int i = 0; i < n; i++)
		if (parts[i].state)
		{
			due[k] = Int64GetDatum(parts[i].due);
			ends[k] = Int64GetDatum(parts[i].ends);
			states[k++] = PointerGetDatum(parts[i].state);
		}
	values[1] = digests(parts, n, true);
	values[2] = PointerGetDatum(construct_array(due, k, INT8OID, 8,
												FLOAT8PASSBYVAL,
												TYPALIGN_DOUBLE));
	values[3] = PointerGetDatum(construct_array(ends, k, INT8OID, 8,
												FLOAT8PASSBYVAL,
												TYPALIGN_DOUBLE));
	values[4] = PointerGetDatum(construct_array(states, k, BYTEAOID, -1, false,
												TYPALIGN_INT));
	if (k > 0)
		(void) ad_own_run("INSERT INTO %s._ad_job_part AS p (job_id, part, due, ends, state) "
						  "SELECT $1, u.part, u.due, u.ends, u.state FROM unnest($2, $3, $4, $5) u(part, due, ends, state) "
						  "ON CONFLICT (part) DO UPDATE SET due = EXCLUDED.due, ends = EXCLUDED.ends, state = EXCLUDED.state",
						  lengthof(types), types, values, NULL);
	if (k < n)
	{
		values[1] = digests(parts, n, false);
		(void) ad_own_run("DELETE FROM %s._ad_job_part WHERE job_id + 0 = $1 AND part = ANY ($2)",
						  2, types, values, NULL);
	}
}

/* A bytea of a row that was read, copied. */
static bytea *
bytes_column(uint64 row, int column)
{
	bool		isnull;
	Datum		d = SPI_getbinval(SPI_tuptable->vals[row],
								  SPI_tuptable->tupdesc, column, &isnull);

	return isnull ? NULL : DatumGetByteaPCopy(d);
}

/* Move on partitions that rows were read of. */
static void
advance_read(Advance *a, const AdOrderedPart *read, int n)
{
	Oid			types[] = {INT4OID, BYTEAARRAYOID};
	Datum		values[lengthof(types)];
	Part	   *parts = ad_palloc0_array(Part, n);

	for (int i = 0; i < n; i++)
	{
		parts[i].read = &read[i];
		parts[i].digest = digest_of(a->job, read[i].keys,
									read[i].keys_len);
	}
	values[0] = Int32GetDatum(a->job);
	values[1] = digests(parts, n, false);
	/* one by one: the table may hold many more */
	(void) ad_own_run("SELECT u.i, (SELECT p.state FROM %s._ad_job_part p WHERE p.part = u.part AND p.job_id + 0 = $1) "
					  "FROM unnest($2) WITH ORDINALITY u(part, i)",
					  lengthof(types), types, values, NULL);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;
		Datum		d = SPI_getbinval(SPI_tuptable->vals[i],
									  SPI_tuptable->tupdesc, 1, &isnull);

		parts[DatumGetInt64(d) - 1].state = bytes_column(i, 2);
	}
	SPI_freetuptable(SPI_tuptable);
	for (int i = 0; i < n; i++)
		advance_part(a, &parts[i]);
	store(a->job, parts, n);
}

/* Move on partitions in which something is due; whether there may be more. */
static bool
advance_due(Advance *a)
{
	Oid			types[] = {INT4OID, INT8OID, INT4OID};
	Datum		values[] = {Int32GetDatum(a->job),
	Int64GetDatum(a->o->place.complete), Int32GetDatum(a->piece)};
	Part	   *parts;
	int			n;

	(void) ad_own_run("SELECT part, state FROM %s._ad_job_part WHERE job_id = $1 AND due <= $2 "
					  "ORDER BY due LIMIT $3",
					  lengthof(types), types, values, NULL);
	n = (int) SPI_processed;
	parts = ad_palloc0_array(Part, Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		parts[i].digest = bytes_column(i, 1);
		parts[i].state = bytes_column(i, 2);
	}
	SPI_freetuptable(SPI_tuptable);
	for (int i = 0; i < n; i++)
		advance_part(a, &parts[i]);
	if (n > 0)
		store(a->job, parts, n);
	return n == a->piece;
}

/*
 * Move on the partitions that rows were read of, and those in which something
 * is due.  Within SPI.
 */
void
ad_parts_advance(AdOrdered *o, AdOrderedReader *r)
{
	Advance		a = {o, o->b->job->id, NULL, FIRST_PIECE, 0};
	MemoryContext old = CurrentMemoryContext;
	bool		more = true;

	a.mcxt = AllocSetContextCreate(old, "anomaly partitions",
								   ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(a.mcxt);
	for (uint32 i = 0, n; i < r->nparts; i += n)
	{
		CHECK_FOR_INTERRUPTS();
		n = Min(r->nparts - i, (uint32) a.piece);
		advance_read(&a, &r->parts[i], (int) n);
		end_piece(&a);
	}
	while (more)
	{
		CHECK_FOR_INTERRUPTS();
		more = advance_due(&a);
		end_piece(&a);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(a.mcxt);
}

/* Forget the partitions of a job that ended. */
void
ad_parts_end(int32 job, int64 known)
{
	Oid			types[] = {INT4OID, INT8OID};
	Datum		values[] = {Int32GetDatum(job), Int64GetDatum(known)};

	(void) ad_own_run("DELETE FROM %s._ad_job_part WHERE job_id = $1 AND ends <= $2",
					  2, types, values, NULL);
}

/* Forget all partitions of a job. */
void
ad_parts_clear(int32 job)
{
	Oid			types[] = {INT4OID};
	Datum		values[] = {Int32GetDatum(job)};

	(void) ad_own_run("DELETE FROM %s._ad_job_part WHERE job_id = $1", 1, types,
					  values, NULL);
}
