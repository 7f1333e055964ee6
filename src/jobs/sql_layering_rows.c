/*-------------------------------------------------------------------------
 *
 * sql_layering_rows.c
 *		The rows of a batch of a layering job, by partition.
 *
 * Rows come in the order of time, whatever partition they are of; those of a
 * partition are told apart from others by the text of its columns.  Numerics
 * are equal whatever zeros they end in, and so their texts are made to be.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_layering_job.h"
#include "core/ad_bytes.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "tcop/pquery.h"
#include "utils/builtins.h"
#include "utils/portal.h"
#include "utils/snapmgr.h"

#define FIRST_SLOTS		256
#define FETCH_ROWS		100000

/* Append a column of a partition's key: whether it is NULL, length, text. */
static void
append_key(StringInfo buf, AdKeyColumn *k, Datum value, bool isnull)
{
	uint32		len = 0;
	const char *s = NULL;

	if (isnull)
	{
		appendStringInfoChar(buf, 1);
		return;
	}
	if (k->type == TEXTOID || k->type == VARCHAROID)
	{
		text	   *t = DatumGetTextPP(value);

		s = VARDATA_ANY(t);
		len = (uint32) VARSIZE_ANY_EXHDR(t);
	}
	else
	{
		char	   *copy = OutputFunctionCall(&k->out, value);

		len = (uint32) strlen(copy);
		s = copy;
		if (k->type == NUMERICOID && strchr(copy, '.'))
		{
			while (len > 0 && copy[len - 1] == '0')
				len--;
			if (len > 0 && copy[len - 1] == '.')
				len--;
		}
		else if (k->type == BPCHAROID)
			while (len > 0 && copy[len - 1] == ' ')
				len--;
		else if ((k->type == FLOAT8OID || k->type == FLOAT4OID) &&
				 strcmp(copy, "-0") == 0)
		{
			s = copy + 1;
			len = 1;
		}
	}
	appendStringInfoChar(buf, 0);
	ad_wr_string(buf, s, len);
}

/* Put a part into the table of slots. */
static void
put_slot(AdLayeringReader *r, uint32 index)
{
	uint32		i = r->parts[index].hash & (r->nslots - 1);

	while (r->slots[i] != PG_UINT32_MAX)
		i = (i + 1) & (r->nslots - 1);
	r->slots[i] = index;
}

static void
grow_slots(AdLayeringReader *r)
{
	r->nslots = Max(FIRST_SLOTS, r->nslots * 2);
	r->slots = MemoryContextAllocHuge(r->mcxt,
									  ad_mul_size(r->nslots, sizeof(uint32)));
	memset(r->slots, 0xff, (Size) r->nslots * sizeof(uint32));
	for (uint32 i = 0; i < r->nparts; i++)
		put_slot(r, i);
}

/* The part of the key in r->keys, found or made. */
static AdLayeringPart *
find_part(AdLayeringReader *r)
{
	uint32		hash = hash_bytes((unsigned char *) r->keys.data, r->keys.len);
	AdLayeringPart *p;

	if (r->nparts * 2 >= r->nslots)
		grow_slots(r);
	for (uint32 i = hash & (r->nslots - 1); r->slots[i] != PG_UINT32_MAX;
		 i = (i + 1) & (r->nslots - 1))
	{
		p = &r->parts[r->slots[i]];
		if (p->hash == hash && p->keys_len == (uint32) r->keys.len &&
			memcmp(p->keys, r->keys.data, p->keys_len) == 0)
			return p;
	}
	if (r->nparts == r->max_parts)
	{
		Size		n = Max(64, (Size) r->max_parts * 2);
		AdLayeringPart *parts = MemoryContextAllocHuge(r->mcxt,
													   ad_mul_size(n, sizeof(AdLayeringPart)));

		if (r->nparts > 0)
			memcpy(parts, r->parts, r->nparts * sizeof(AdLayeringPart));
		r->parts = parts;
		r->max_parts = (uint32) n;
	}
	p = &r->parts[r->nparts];
	memset(p, 0, sizeof(AdLayeringPart));
	p->keys = MemoryContextAlloc(r->mcxt, r->keys.len);
	memcpy(p->keys, r->keys.data, r->keys.len);
	p->keys_len = (uint32) r->keys.len;
	p->hash = hash;
	put_slot(r, r->nparts++);
	return p;
}

/* A new row of a part. */
static AdLayeringRow *
add_row(AdLayeringReader *r, AdLayeringPart *p)
{
	if (p->n == p->capacity)
	{
		Size		n = Max(4, (Size) p->capacity * 2);
		Size		size = ad_mul_size(n, sizeof(AdLayeringRow));

		p->rows = p->rows ? repalloc_huge(p->rows, size) :
			MemoryContextAllocHuge(r->mcxt, size);
		p->capacity = (uint32) n;
	}
	memset(&p->rows[p->n], 0, sizeof(AdLayeringRow));
	return &p->rows[p->n++];
}

/* The id of a row; one that is too long is a bad row's. */
static bool
read_name(AdLayeringReader *r, Datum value, bool isnull, AdRowName *name)
{
	char	   *s;

	memset(name, 0, sizeof(AdRowName));
	if (isnull)
		return true;
	s = OutputFunctionCall(&r->q->id_out, value);
	name->len = (uint32) strlen(s);
	if (name->len > AD_MAX_ROW_NAME)
		return false;
	name->name = ad_arena_copy(&r->arena, s, name->len);
	return true;
}

/*
 * Keep what is wrong with a row, unless such rows are to be passed over.
 * Nothing but messages is made between the braces.
 */
static void
note_bad_row(AdLayeringReader *r, const AdLayeringRow *row,
			 const Datum *values, const bool *nulls)
{
	AdQueryReader *q = r->q;
	MemoryContext mcxt = CurrentMemoryContext;
	AdLayeringBad *bad;
	Oid			types[AD_COLUMNS];

	if (q->options.skip_bad)
		return;
	for (int c = 0; c < q->ncolumns; c++)
		types[c] = ad_row_type(&q->row, c);
	MemoryContextSwitchTo(r->mcxt);
	bad = palloc0(sizeof(AdLayeringBad));
	bad->ts = row->e.ts;
	bad->name = row->name;
	r->bad = lappend(r->bad, bad);
	MemoryContextSwitchTo(mcxt);
	PG_TRY();
	{
		ad_row_refuse(row->bad, &q->options.words,
					  ad_row_content(values, nulls, types, q->ncolumns));
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(r->mcxt);
		bad->error = CopyErrorData();
		FlushErrorState();
		MemoryContextSwitchTo(mcxt);
	}
	PG_END_TRY();
}

/* Take one row. */
static bool
receive_slot(TupleTableSlot *slot, DestReceiver *self)
{
	AdLayeringReader *r = (AdLayeringReader *) self;
	AdQueryReader *q = r->q;
	MemoryContext old = MemoryContextSwitchTo(r->row_mcxt);
	const Datum *values;
	const bool *nulls;
	AdLayeringRow *row;

	slot_getallattrs(slot);
	values = slot->tts_values;
	nulls = slot->tts_isnull;
	resetStringInfo(&r->keys);
	for (int i = 0; i < q->nkeys; i++)
		append_key(&r->keys, &q->keys[i], values[i], nulls[i]);
	row = add_row(r, find_part(r));
	values += q->nkeys;
	nulls += q->nkeys;

	/* the time first: it tells where a bad row stands */
	row->e.ts = DatumGetTimestampTz(values[AD_COLUMN_TS]);
	for (int c = 0; c < q->ncolumns && row->bad == AD_ROW_GOOD; c++)
		row->bad = ad_row_column(&q->row, c, values[c], nulls[c], &row->e);
	if (q->has_id && !read_name(r, values[q->ncolumns], nulls[q->ncolumns],
								&row->name))
		row->bad = AD_ROW_ID_LONG;
	if (unlikely(row->bad != AD_ROW_GOOD))
		note_bad_row(r, row, values, nulls);
	else if (row->e.idlen > 0)
		row->e.id = ad_arena_copy(&r->arena, row->e.id, row->e.idlen);
	if (r->rows++ == 0)
		r->first = r->last = row->e.ts;
	if (row->e.ts != r->last)
		r->before_last = r->last;
	r->last = row->e.ts;
	MemoryContextSwitchTo(old);
	if ((r->rows & 1023) == 0)
	{
		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(r->row_mcxt);
	}
	return true;
}

static void
receive_startup(DestReceiver *self, int operation, TupleDesc desc)
{
	(void) self;
	(void) operation;
	(void) desc;
}

static void
receive_nothing(DestReceiver *self)
{
	(void) self;
}

/* A reader without rows; lives in the current context. */
AdLayeringReader *
ad_layering_reader(AdQueryReader *q)
{
	AdLayeringReader *r = palloc0(sizeof(AdLayeringReader));

	r->q = q;
	r->mcxt = CurrentMemoryContext;
	r->row_mcxt = AllocSetContextCreate(r->mcxt, "anomaly rows",
										ALLOCSET_DEFAULT_SIZES);
	r->arena.mcxt = r->mcxt;
	initStringInfo(&r->keys);
	r->pub.receiveSlot = receive_slot;
	r->pub.rStartup = receive_startup;
	r->pub.rShutdown = receive_nothing;
	r->pub.rDestroy = receive_nothing;
	r->pub.mydest = DestNone;
	return r;
}

/*
 * Read the rows of a query that a range says, with a snapshot of its own, in
 * the order of time.  Within SPI.
 */
void
ad_layering_read(AdLayeringReader *r, const char *sql,
				 const AdLayeringRange *range)
{
	Oid			types[] = {TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID};
	Datum		values[] = {TimestampTzGetDatum(range->after),
		TimestampTzGetDatum(range->upto),
		range->id ? CStringGetTextDatum(range->id) : (Datum) 0
	};
	char		nulls[] = {' ', ' ', range->id ? ' ' : 'n'};
	StringInfoData buf;
	char	   *order_by = NULL;
	SPIPlanPtr	plan;
	Portal		portal;

	if (r->q->has_id)
		order_by = pstrdup(quote_identifier(r->q->order_by));
	initStringInfo(&buf);
	appendStringInfoString(&buf, "SELECT ");
	ad_query_list(r->q, &buf);
	appendStringInfo(&buf, " FROM (\n%s\n) q WHERE q.ts OPERATOR(pg_catalog.>) $1 "
					 "AND q.ts OPERATOR(pg_catalog.<=) $2", sql);
	if (range->one && order_by && range->id)
		appendStringInfo(&buf, " AND q.%s::pg_catalog.text COLLATE pg_catalog.\"C\" OPERATOR(pg_catalog.=) $3", order_by);
	else if (range->one && order_by)
		appendStringInfo(&buf, " AND q.%s IS NULL", order_by);
	appendStringInfoString(&buf, " ORDER BY q.ts");
	if (order_by)
		appendStringInfo(&buf, ", q.%s", order_by);
	if (range->limit > 0)
		appendStringInfo(&buf, " LIMIT " INT64_FORMAT, range->limit);
	plan = SPI_prepare(buf.data, lengthof(types), types);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s",
			 SPI_result_code_string(SPI_result));

	/* read only: a query that writes is refused */
	PushActiveSnapshot(GetTransactionSnapshot());
	portal = SPI_cursor_open(NULL, plan, values, nulls, true);
	ad_query_describe(r->q, portal->tupDesc);
	while (PortalRunFetch(portal, FETCH_FORWARD, FETCH_ROWS, &r->pub) > 0)
		CHECK_FOR_INTERRUPTS();
	SPI_cursor_close(portal);
	PopActiveSnapshot();
	SPI_freeplan(plan);
}

/* Forget the rows that were read at the last time; there are others. */
void
ad_layering_forget(AdLayeringReader *r)
{
	int64		ts = r->last;

	r->last = r->before_last;
	for (uint32 i = 0; i < r->nparts; i++)
	{
		AdLayeringPart *p = &r->parts[i];

		while (p->n > 0 && p->rows[p->n - 1].e.ts == ts)
		{
			p->n--;
			r->rows--;
		}
	}
	while (r->bad != NIL && ((AdLayeringBad *) llast(r->bad))->ts == ts)
		r->bad = list_delete_last(r->bad);
}
