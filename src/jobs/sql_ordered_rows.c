/*-------------------------------------------------------------------------
 *
 * sql_ordered_rows.c
 *		The rows of a batch, by partition.
 *
 * Rows come in the order of time, whatever partition they are of; those of a
 * partition are told apart from others by the text of its columns.  Numerics
 * are equal whatever zeros they end in, and so their texts are made to be.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_ordered.h"
#include "sql/ad_receiver.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "tcop/pquery.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/portal.h"
#include "utils/snapmgr.h"

#define FIRST_SLOTS		256
#define FETCH_ROWS		100000

/* Append a column of a partition's key: whether it is NULL, length, text. */
static void
append_key(StringInfo buf, AdOrderedKey *k, Datum value, bool isnull)
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
put_slot(AdOrderedReader *r, uint32 index)
{
	uint32		i = r->parts[index].hash & (r->nslots - 1);

	while (r->slots[i] != PG_UINT32_MAX)
		i = (i + 1) & (r->nslots - 1);
	r->slots[i] = index;
}

static void
grow_slots(AdOrderedReader *r)
{
	r->nslots = Max(FIRST_SLOTS, r->nslots * 2);
	r->slots = MemoryContextAllocHuge(r->mcxt,
									  ad_mul_size(r->nslots, sizeof(uint32)));
	memset(r->slots, 0xff, (Size) r->nslots * sizeof(uint32));
	for (uint32 i = 0; i < r->nparts; i++)
		put_slot(r, i);
}

/* The part of the key in r->keys, found or made. */
static AdOrderedPart *
find_part(AdOrderedReader *r)
{
	uint32		hash = hash_bytes((unsigned char *) r->keys.data, r->keys.len);
	AdOrderedPart *p;

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
		AdOrderedPart *parts = MemoryContextAllocHuge(r->mcxt,
													  ad_mul_size(n, sizeof(AdOrderedPart)));

		if (r->nparts > 0)
			memcpy(parts, r->parts, r->nparts * sizeof(AdOrderedPart));
		r->parts = parts;
		r->max_parts = (uint32) n;
	}
	p = &r->parts[r->nparts];
	memset(p, 0, sizeof(AdOrderedPart));
	p->keys = MemoryContextAlloc(r->mcxt, r->keys.len);
	memcpy(p->keys, r->keys.data, r->keys.len);
	p->keys_len = (uint32) r->keys.len;
	p->hash = hash;
	put_slot(r, r->nparts++);
	return p;
}

/* A new row of a part. */
static AdOrderedRow *
add_row(AdOrderedReader *r, AdOrderedPart *p)
{
	Size		size = r->o->kind->row_size;
	AdOrderedRow *row;

	if (p->n == p->capacity)
	{
		Size		n = Max(4, (Size) p->capacity * 2);

		p->rows = p->rows ? repalloc_huge(p->rows, ad_mul_size(n, size)) :
			MemoryContextAllocHuge(r->mcxt, ad_mul_size(n, size));
		p->capacity = (uint32) n;
	}
	row = (AdOrderedRow *) (p->rows + p->n++ * size);
	memset(row, 0, size);
	return row;
}

/* Take one row. */
static bool
receive_slot(TupleTableSlot *slot, DestReceiver *self)
{
	AdOrderedReader *r = (AdOrderedReader *) self;
	AdOrdered  *o = r->o;
	MemoryContext old = MemoryContextSwitchTo(r->row_mcxt);
	AdOrderedRow *row;
	int64		place;

	slot_getallattrs(slot);
	resetStringInfo(&r->keys);
	for (int i = 0; i < o->nkeys; i++)
		append_key(&r->keys, &o->keys[i], slot->tts_values[i], slot->tts_isnull[i]);
	row = add_row(r, find_part(r));
	o->kind->take(r, row, slot->tts_values + o->nkeys, slot->tts_isnull + o->nkeys);
	place = row->place;
	if (r->rows++ == 0)
		r->first = r->last = place;
	if (place != r->last)
		r->before_last = r->last;
	r->last = place;
	MemoryContextSwitchTo(old);
	if ((r->rows & 1023) == 0)
	{
		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(r->row_mcxt);
	}
	return true;
}

/* A reader without rows; lives in the current context. */
AdOrderedReader *
ad_ordered_reader(AdOrdered *o)
{
	AdOrderedReader *r = palloc0(sizeof(AdOrderedReader));

	r->o = o;
	r->mcxt = CurrentMemoryContext;
	r->row_mcxt = AllocSetContextCreate(r->mcxt, "anomaly rows",
										ALLOCSET_DEFAULT_SIZES);
	initStringInfo(&r->keys);
	ad_receiver_init(&r->pub, receive_slot);
	return r;
}

/* A place to compare the watermark with. */
Datum
ad_ordered_bound(const AdOrdered *o, int64 place)
{
	return ad_place_value(o->source.type,
						  o->source.type == AD_PLACE_DATE ? ad_place_day(place) : place);
}

/* The query that a range is read by. */
static char *
range_query(const AdOrdered *o, const AdOrderedRange *range)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoString(&buf, "SELECT ");
	o->kind->list(o, &buf);
	appendStringInfo(&buf, " FROM (\n%s\n) q WHERE %s OPERATOR(pg_catalog.>) $1 "
					 "AND %s OPERATOR(pg_catalog.<=) $2", o->source.sql, o->time,
					 o->time);
	if (range->one && o->id_text && range->id)
		appendStringInfo(&buf, " AND %s COLLATE pg_catalog.\"C\" OPERATOR(pg_catalog.=) $3", o->id_text);
	else if (range->one && o->id_text)
		appendStringInfo(&buf, " AND %s IS NULL", o->id_text);
	appendStringInfo(&buf, " ORDER BY %s", o->time);
	if (o->sort)
		appendStringInfo(&buf, ", %s", o->sort);
	if (range->limit > 0)
		appendStringInfo(&buf, " LIMIT " INT64_FORMAT, range->limit);
	return buf.data;
}

/* Look up what is to be known about the columns that are read. */
static void
describe(AdOrdered *o, TupleDesc desc)
{
	for (int i = 0; i < o->nkeys; i++)
	{
		Oid			out;
		bool		varlena;

		o->keys[i].type = TupleDescAttr(desc, i)->atttypid;
		getTypeOutputInfo(o->keys[i].type, &out, &varlena);
		fmgr_info_cxt(out, &o->keys[i].out, o->b->mcxt);
	}
	o->kind->describe(o, desc);
}

/*
 * Read the rows that a range says, with a snapshot of its own, in the order of
 * time.  Within SPI.
 */
void
ad_ordered_read(AdOrderedReader *r, const AdOrderedRange *range)
{
	AdOrdered  *o = r->o;
	Oid			type = ad_place_param_type(o->source.type);
	Oid			types[] = {type, type, TEXTOID};
	Datum		values[] = {ad_ordered_bound(o, range->after),
		ad_ordered_bound(o, range->upto),
		range->id ? CStringGetTextDatum(range->id) : (Datum) 0
	};
	char		nulls[] = {' ', ' ', range->id ? ' ' : 'n'};
	SPIPlanPtr	plan = SPI_prepare(range_query(o, range), lengthof(types), types);
	Portal		portal;

	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s",
			 SPI_result_code_string(SPI_result));

	/* read only: a query that writes is refused */
	PushActiveSnapshot(GetTransactionSnapshot());
	portal = SPI_cursor_open(NULL, plan, values, nulls, true);
	describe(o, portal->tupDesc);
	while (PortalRunFetch(portal, FETCH_FORWARD, FETCH_ROWS, &r->pub) > 0)
		CHECK_FOR_INTERRUPTS();
	SPI_cursor_close(portal);
	PopActiveSnapshot();
	SPI_freeplan(plan);
}

/* Forget the rows that were read at the last place; there are others. */
void
ad_ordered_forget(AdOrderedReader *r)
{
	int64		last = r->last;

	r->last = r->before_last;
	for (uint32 i = 0; i < r->nparts; i++)
	{
		AdOrderedPart *p = &r->parts[i];

		while (p->n > 0 && ad_ordered_row(r->o, p, p->n - 1)->place == last)
		{
			p->n--;
			r->rows--;
		}
	}
	while (r->bad != NIL && ((AdOrderedBad *) llast(r->bad))->place == last)
		r->bad = list_delete_last(r->bad);
}

/* Keep what is wrong with a row that the kind refuses; the id is not copied. */
void
ad_ordered_refuse(AdOrderedReader *r, int64 place, const char *id, int id_len,
				  ErrorData *error)
{
	MemoryContext old = MemoryContextSwitchTo(r->mcxt);
	AdOrderedBad *bad = palloc0(sizeof(AdOrderedBad));

	bad->place = place;
	bad->id = id;
	bad->id_len = id_len;
	bad->error = error;
	r->bad = lappend(r->bad, bad);
	MemoryContextSwitchTo(old);
}
