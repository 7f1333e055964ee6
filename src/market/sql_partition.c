/*-------------------------------------------------------------------------
 *
 * sql_partition.c
 *		The rows of a query as partitions of events.
 *
 * Rows go straight from the executor's slot into events.  A row with another
 * key than the one before ends the partition at hand, whose sequences are
 * then put out.
 *
 *-------------------------------------------------------------------------
 */
#include "market/ad_query_reader.h"
#include "sql/ad_receiver.h"

#include "executor/tuptable.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/json.h"

#define KEEP_EVENTS		65536	/* larger event arrays are given back */

/* The id of a row of the partition as text, or NULL. */
static char *
row_id(AdQueryReader *r, uint32 row)
{
	if (!r->has_id || r->id_nulls[row])
		return NULL;
	return OutputFunctionCall(&r->id_out, r->ids[row]);
}

/* A column of the partition's key as text; NULL if there is none. */
static char *
key_text(AdQueryReader *r, int i)
{
	AdKeyColumn *k = &r->keys[i];

	return i < r->nkeys && !k->isnull ? OutputFunctionCall(&k->out, k->value) :
		NULL;
}

/* A partition's key as a JSON object; texts are the columns, NULL for null. */
Datum
ad_partition_key(const AdKeyColumn *keys, int nkeys, char *const *texts)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	for (int i = 0; i < nkeys; i++)
	{
		if (i > 0)
			appendStringInfoString(&buf, ", ");
		escape_json(&buf, keys[i].name);
		appendStringInfoString(&buf, ": ");
		if (texts[i] == NULL)
			appendStringInfoString(&buf, "null");
		else if (keys[i].number)
			appendStringInfoString(&buf, texts[i]);
		else
			escape_json(&buf, texts[i]);
	}
	appendStringInfoChar(&buf, '}');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(buf.data));
}

/* A text value, or NULL. */
void
ad_set_text(Datum *values, bool *nulls, int i, const char *s)
{
	nulls[i] = s == NULL;
	values[i] = s ? CStringGetTextDatum(s) : (Datum) 0;
}

/* Forget the partition at hand; large arrays are given back. */
static void
forget_partition(AdQueryReader *r)
{
	MemoryContextReset(r->partition_mcxt);
	r->arena.left = 0;
	r->all_skipped += r->skipped;
	r->all_rows += r->rows;
	r->n = r->rows = 0;
	r->skipped = 0;
	if (r->capacity > KEEP_EVENTS)
	{
		pfree(r->events);
		r->events = NULL;
		if (r->has_id)
		{
			pfree(r->ids);
			pfree(r->id_nulls);
		}
		r->ids = NULL;
		r->id_nulls = NULL;
		r->capacity = 0;
	}
}

/* Find and put out the sequences of the partition at hand, if there is one. */
void
ad_partition_finish(AdQueryReader *r)
{
	AdSequences sequences = {0};
	MemoryContext old;
	char	   *keys[AD_MAX_KEYS];
	Datum		values[AD_FRONT_COLUMNS + AD_SEQUENCE_COLUMNS];
	bool		nulls[AD_FRONT_COLUMNS + AD_SEQUENCE_COLUMNS];

	if (!r->open)
		return;
	r->open = false;
	old = MemoryContextSwitchTo(r->partition_mcxt);
	sequences.mcxt = r->partition_mcxt;
	ad_layering_find(r->events, r->n, &r->options.layering, &sequences);
	if (sequences.n > 0)
	{
		for (int i = 0; i < AD_MAX_KEYS; i++)
			keys[i] = key_text(r, i);
		memset(nulls, 0, sizeof(nulls));
		ad_set_text(values, nulls, AD_FRONT_ACCOUNT, keys[0]);
		ad_set_text(values, nulls, AD_FRONT_PRODUCT, keys[1]);
		values[AD_FRONT_PARTITION_KEY] = ad_partition_key(r->keys, r->nkeys,
														  keys);
	}
	for (uint32 i = 0; i < sequences.n; i++)
	{
		const AdSequence *s = &sequences.items[i];

		MemoryContextSwitchTo(r->row_mcxt);
		ad_set_text(values, nulls, AD_FRONT_FIRST_ID, row_id(r, s->first_row));
		ad_set_text(values, nulls, AD_FRONT_TRADE_ID, row_id(r, s->trade_row));
		ad_sequence_values(s, (int64) i + 1, r->skipped,
						   values + AD_FRONT_COLUMNS, nulls + AD_FRONT_COLUMNS);
		tuplestore_putvalues(r->result, r->result_desc, values, nulls);
		MemoryContextReset(r->row_mcxt);
		CHECK_FOR_INTERRUPTS();
	}
	MemoryContextSwitchTo(old);
	forget_partition(r);
}

/* Whether a row belongs to the partition at hand. */
static bool
same_partition(AdQueryReader *r, const Datum *values, const bool *nulls)
{
	for (int i = 0; i < r->nkeys; i++)
	{
		AdKeyColumn *k = &r->keys[i];

		if (k->isnull != nulls[i])
			return false;
		if (nulls[i])
			continue;
		if (k->byval ? k->value == values[i] :
			datum_image_eq(k->value, values[i], false, k->len))
			continue;

		/* equal values may differ in their bytes */
		if (!DatumGetBool(FunctionCall2Coll(k->eq, k->collation, k->value,
											values[i])))
			return false;
	}
	return true;
}

/* Start the partition of a row. */
static void
begin_partition(AdQueryReader *r, const Datum *values, const bool *nulls)
{
	MemoryContext old = MemoryContextSwitchTo(r->partition_mcxt);

	for (int i = 0; i < r->nkeys; i++)
	{
		AdKeyColumn *k = &r->keys[i];

		k->isnull = nulls[i];
		k->value = nulls[i] ? (Datum) 0 :
			k->len == -1 ? PointerGetDatum(PG_DETOAST_DATUM_COPY(values[i])) :
			datumCopy(values[i], k->byval, k->len);
	}
	r->open = true;
	MemoryContextSwitchTo(old);
}

/* An array that lives as long as the call, made or made larger. */
static void *
grow_array(AdQueryReader *r, void *old, Size count, Size width)
{
	Size		size = ad_mul_size(count, width);

	return old ? repalloc_huge(old, size) :
		MemoryContextAllocHuge(r->mcxt, size);
}

/* Make room for another event. */
static void
grow(AdQueryReader *r)
{
	uint32		limit = r->options.layering.max_events;
	uint32		capacity = Max(1024, r->capacity * 2);

	if (r->rows >= limit)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("partition has more than %u rows", limit),
				 errhint("Partition more finely, or raise option \"max_partition_rows\".")));
	capacity = Max(Min(capacity, limit), 1);
	r->events = grow_array(r, r->events, capacity, sizeof(AdEvent));
	if (r->has_id)
	{
		r->ids = grow_array(r, r->ids, capacity, sizeof(Datum));
		r->id_nulls = grow_array(r, r->id_nulls, capacity, sizeof(bool));
	}
	r->capacity = capacity;
}

/* Say why a row of the query is no event. */
static void
refuse_row(AdQueryReader *r, AdBadRow bad, const Datum *values,
		   const bool *nulls)
{
	Oid			types[AD_READ_COLUMNS];

	for (int c = 0; c < r->ncolumns; c++)
		types[c] = ad_row_type(&r->row, r->columns[c]);
	ad_row_refuse(bad, &r->options.words,
				  ad_row_content(values, nulls, types, r->columns,
								 r->ncolumns));
}

/* Take one row of the query. */
static bool
receive_slot(TupleTableSlot *slot, DestReceiver *self)
{
	AdQueryReader *r = (AdQueryReader *) self;
	const Datum *values;
	const bool *nulls;
	AdEvent    *e;
	AdBadRow	bad = AD_ROW_GOOD;
	MemoryContext old = MemoryContextSwitchTo(r->row_mcxt);

	slot_getallattrs(slot);
	values = slot->tts_values;
	nulls = slot->tts_isnull;
	if (!r->open || !same_partition(r, values, nulls))
	{
		ad_partition_finish(r);
		begin_partition(r, values, nulls);
	}
	if (r->rows >= r->capacity)
		grow(r);
	values += r->nkeys;
	nulls += r->nkeys;

	e = &r->events[r->n];
	memset(e, 0, sizeof(AdEvent));
	for (int c = 0; c < r->ncolumns && bad == AD_ROW_GOOD; c++)
		bad = ad_row_column(&r->row, r->columns[c], values[c], nulls[c], e);
	if (bad == AD_ROW_IGNORED)
		;						/* passed over in silence */
	else if (unlikely(bad != AD_ROW_GOOD))
	{
		if (!r->options.skip_bad)
			refuse_row(r, bad, values, nulls);
		r->skipped++;
	}
	else
	{
		e->row = r->rows;
		ad_row_ids(&r->arena, &r->row, e);
		r->n++;
	}
	if (r->has_id)
	{
		int			c = r->ncolumns;

		r->id_nulls[r->rows] = nulls[c];
		if (!nulls[c])
		{
			MemoryContextSwitchTo(r->partition_mcxt);
			r->ids[r->rows] = datumCopy(values[c], r->id_byval, r->id_len);
		}
	}
	MemoryContextSwitchTo(old);
	if ((++r->rows & 1023) == 0)
		MemoryContextReset(r->row_mcxt);
	return true;
}

/* A reader, without options, that keeps what it reads in the current context. */
AdQueryReader *
ad_query_reader_create(void)
{
	AdQueryReader *r = palloc0(sizeof(AdQueryReader));

	r->mcxt = CurrentMemoryContext;
	r->partition_mcxt = AllocSetContextCreate(r->mcxt, "anomaly partition",
											  ALLOCSET_DEFAULT_SIZES);
	r->row_mcxt = AllocSetContextCreate(r->mcxt, "anomaly rows",
										ALLOCSET_DEFAULT_SIZES);
	r->arena.mcxt = r->partition_mcxt;
	r->row.words = &r->options.words;
	ad_receiver_init(&r->pub, receive_slot);
	return r;
}
