/*-------------------------------------------------------------------------
 *
 * sql_sequences.c
 *		ad_layering_sequences(): the layering rules over a query.
 *
 * The query is read through an ordered cursor into one partition at a time,
 * so memory is that of the largest partition, and rows go straight from the
 * executor's slot into events, without the copies that a window's
 * tuplestore or SPI's result table would make.
 *
 * Columns are found by name.  The query becomes a subquery of one that
 * orders by the partition columns, ts and the row id; the planner pulls it
 * up and can use an index for the order.
 *
 *-------------------------------------------------------------------------
 */
#include "market/ad_market_sql.h"
#include "sql/ad_result.h"

#include "access/tupdesc.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "tcop/dest.h"
#include "tcop/pquery.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/portal.h"
#include "utils/typcache.h"

#define MAX_KEYS		16		/* partition columns */
#define FETCH_ROWS		100000
#define FRONT_COLUMNS	5		/* account, product, partition_key, first_id,
								 * trade_id */
#define KEEP_EVENTS		65536	/* larger event arrays are given back */

PG_FUNCTION_INFO_V1(ad_layering_sequences);

typedef struct KeyColumn
{
	char	   *name;
	Oid			type;
	int16		len;
	bool		byval;
	FmgrInfo   *eq;				/* the type's equality */
	Oid			collation;
	FmgrInfo	out;
	bool		number;			/* prints as a JSON number */
	Datum		value;			/* of the current partition */
	bool		isnull;
} KeyColumn;

/* Read rows from the executor; the partition at hand. */
typedef struct Reader
{
	DestReceiver pub;			/* must be first */
	AdMarketOptions options;
	AdRowReader row;
	int			nkeys;
	KeyColumn	keys[MAX_KEYS];
	int			ncolumns;		/* 5, or 6 with order_id */
	bool		has_id;
	int16		id_len;
	bool		id_byval;
	FmgrInfo	id_out;

	MemoryContext mcxt;			/* as long as the call */
	MemoryContext partition_cxt;	/* reset for each partition */
	MemoryContext scratch;		/* reset every so many rows */
	bool		open;			/* a partition is at hand */
	AdEvent    *events;
	Datum	   *ids;			/* of all rows of the partition */
	bool	   *id_nulls;
	uint32		n;				/* events */
	uint32		rows;			/* rows, with those skipped */
	uint32		capacity;
	AdArena		arena;
	int64		skipped;		/* of the partition */
	int64		all_skipped;
	int64		all_rows;

	Tuplestorestate *result;
	TupleDesc	result_desc;
} Reader;

/* A column of a descriptor by name, 0-based; -1 if there is none. */
static int
find_column(TupleDesc desc, const char *name)
{
	for (int i = 0; i < desc->natts; i++)
		if (!TupleDescAttr(desc, i)->attisdropped &&
			strcmp(NameStr(TupleDescAttr(desc, i)->attname), name) == 0)
			return i;
	return -1;
}

/* A column that must exist. */
static int
need_column(TupleDesc desc, const char *name)
{
	int			i = find_column(desc, name);

	if (i < 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("query has no column \"%s\"", ad_quote_clip(name)),
				 errhint("The query must have columns event_type, side, price, quantity, ts and the partition columns; order_id and a row id are optional.")));
	return i;
}

/* The id of a row of the partition as text, or NULL. */
static char *
row_id(Reader *r, uint32 row)
{
	if (!r->has_id || r->id_nulls[row])
		return NULL;
	return OutputFunctionCall(&r->id_out, r->ids[row]);
}

/* The partition's key as a JSON object. */
static Datum
key_json(Reader *r)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	for (int i = 0; i < r->nkeys; i++)
	{
		KeyColumn  *k = &r->keys[i];
		char	   *s;

		if (i > 0)
			appendStringInfoString(&buf, ", ");
		escape_json(&buf, k->name);
		appendStringInfoString(&buf, ": ");
		if (k->isnull)
		{
			appendStringInfoString(&buf, "null");
			continue;
		}
		s = OutputFunctionCall(&k->out, k->value);
		if (k->number)
			appendStringInfoString(&buf, s);
		else
			escape_json(&buf, s);
	}
	appendStringInfoChar(&buf, '}');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(buf.data));
}

/* A text value, or NULL. */
static void
set_text(Datum *values, bool *nulls, int i, const char *s)
{
	nulls[i] = s == NULL;
	values[i] = s ? CStringGetTextDatum(s) : (Datum) 0;
}

/* Find and puts out the sequences of the partition at hand. */
static void
finish_partition(Reader *r)
{
	AdSequences sequences = {0};
	MemoryContext old;
	Datum		values[FRONT_COLUMNS + AD_SEQUENCE_COLUMNS];
	bool		nulls[FRONT_COLUMNS + AD_SEQUENCE_COLUMNS];

	if (!r->open)
		return;
	r->open = false;
	old = MemoryContextSwitchTo(r->partition_cxt);
	sequences.mcxt = r->partition_cxt;
	ad_layering_find(r->events, r->n, &r->options.layering, &sequences);
	if (sequences.n > 0)
	{
		memset(nulls, 0, sizeof(nulls));
		for (int i = 0; i < 2; i++)
			set_text(values, nulls, i,
					 i < r->nkeys && !r->keys[i].isnull ?
					 OutputFunctionCall(&r->keys[i].out, r->keys[i].value) :
					 NULL);
		values[2] = key_json(r);
	}
	for (uint32 i = 0; i < sequences.n; i++)
	{
		const AdSequence *s = &sequences.items[i];

		MemoryContextSwitchTo(r->scratch);
		set_text(values, nulls, 3, row_id(r, s->first_row));
		set_text(values, nulls, 4, row_id(r, s->trade_row));
		ad_sequence_values(s, (int64) i + 1, r->skipped,
						   values + FRONT_COLUMNS, nulls + FRONT_COLUMNS);
		tuplestore_putvalues(r->result, r->result_desc, values, nulls);
		MemoryContextReset(r->scratch);
		CHECK_FOR_INTERRUPTS();
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(r->partition_cxt);
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

/* Whether a row belongs to the partition at hand. */
static bool
same_partition(Reader *r, const Datum *values, const bool *nulls)
{
	for (int i = 0; i < r->nkeys; i++)
	{
		KeyColumn  *k = &r->keys[i];

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
begin_partition(Reader *r, const Datum *values, const bool *nulls)
{
	MemoryContext old = MemoryContextSwitchTo(r->partition_cxt);

	for (int i = 0; i < r->nkeys; i++)
	{
		KeyColumn  *k = &r->keys[i];

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
grow_array(Reader *r, void *old, Size count, Size width)
{
	Size		size = ad_mul_size(count, width);

	return old ? repalloc_huge(old, size) :
		MemoryContextAllocHuge(r->mcxt, size);
}

/* Make room for another event. */
static void
grow(Reader *r)
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

/* Take one row of the query. */
static bool
receive_slot(TupleTableSlot *slot, DestReceiver *self)
{
	Reader	   *r = (Reader *) self;
	const Datum *values;
	const bool *nulls;
	AdEvent    *e;
	AdBadRow	bad = AD_ROW_GOOD;
	MemoryContext old = MemoryContextSwitchTo(r->scratch);

	slot_getallattrs(slot);
	values = slot->tts_values;
	nulls = slot->tts_isnull;
	if (!r->open || !same_partition(r, values, nulls))
	{
		finish_partition(r);
		begin_partition(r, values, nulls);
	}
	if (r->rows >= r->capacity)
		grow(r);
	values += r->nkeys;
	nulls += r->nkeys;

	e = &r->events[r->n];
	memset(e, 0, sizeof(AdEvent));
	for (int c = 0; c < r->ncolumns && bad == AD_ROW_GOOD; c++)
		bad = ad_row_column(&r->row, c, values[c], nulls[c], e);
	if (unlikely(bad != AD_ROW_GOOD))
	{
		if (!r->options.skip_bad)
		{
			Oid			types[AD_ROW_COLUMNS] = {TEXTOID, TEXTOID, 0, 0,
			TIMESTAMPTZOID, TEXTOID};

			types[2] = r->row.price_type;
			types[3] = r->row.quantity_type;
			ad_row_refuse(bad, &r->options.words,
						  ad_row_content(values, nulls, types, r->ncolumns));
		}
		r->skipped++;
	}
	else
	{
		e->row = r->rows;
		if (e->idlen > 0)
			e->id = ad_arena_copy(&r->arena, e->id, e->idlen);
		r->n++;
	}
	if (r->has_id)
	{
		int			c = r->ncolumns;

		r->id_nulls[r->rows] = nulls[c];
		if (!nulls[c])
		{
			MemoryContextSwitchTo(r->partition_cxt);
			r->ids[r->rows] = datumCopy(values[c], r->id_byval, r->id_len);
		}
	}
	MemoryContextSwitchTo(old);
	if ((++r->rows & 1023) == 0)
		MemoryContextReset(r->scratch);
	return true;
}

/* Nothing to prepare, clean up or free. */
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

/* Fill the names of the partition columns from an array, or the defaults. */
static void
partition_columns(Reader *r, ArrayType *given, TupleDesc desc)
{
	static const char *const defaults[][2] = {
		{"account_id", "product_id"}, {"account", "product"}
	};

	if (given)
	{
		Datum	   *elements;
		bool	   *nulls;
		int			n;

		deconstruct_array(given, TEXTOID, -1, false, TYPALIGN_INT, &elements,
						  &nulls, &n);
		if (n < 1 || n > MAX_KEYS)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("partition_by must name 1 to %d columns", MAX_KEYS)));
		for (int i = 0; i < n; i++)
		{
			if (nulls[i])
				ereport(ERROR,
						(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						 errmsg("partition_by cannot hold null")));
			r->keys[i].name = ad_text_argument(elements[i], "partition_by",
											   AD_MAX_WORD_LENGTH);
			(void) need_column(desc, r->keys[i].name);
		}
		r->nkeys = n;
		return;
	}
	for (int d = 0; d < (int) lengthof(defaults); d++)
		if (find_column(desc, defaults[d][0]) >= 0 &&
			find_column(desc, defaults[d][1]) >= 0)
		{
			for (int i = 0; i < 2; i++)
				r->keys[i].name = pstrdup(defaults[d][i]);
			r->nkeys = 2;
			return;
		}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("query has no columns \"account_id\" and \"product_id\""),
			 errhint("Name the partition columns: partition_by => ARRAY['...'].")));
}

/* The query that is run: its columns in our order, its rows in ours. */
static char *
ordered_query(Reader *r, const char *query, TupleDesc desc,
			  const char *order_by, bool presorted)
{
	static const char *const columns[] = {
		"event_type", "side", "price", "quantity", "ts", "order_id"
	};
	static const char *const casts[] = {
		"::pg_catalog.text", "::pg_catalog.text", "", "",
		"::pg_catalog.timestamptz", "::pg_catalog.text"
	};
	StringInfoData buf;
	int			len = (int) strlen(query);

	while (len > 0 && strchr("; \t\r\n", query[len - 1]))
		len--;
	initStringInfo(&buf);
	appendStringInfoString(&buf, "SELECT ");
	for (int i = 0; i < r->nkeys; i++)
		appendStringInfo(&buf, "q.%s, ", quote_identifier(r->keys[i].name));
	for (int i = 0; i < 5; i++)
	{
		(void) need_column(desc, columns[i]);
		appendStringInfo(&buf, "%sq.%s%s", i > 0 ? ", " : "", columns[i],
						 casts[i]);
	}
	r->ncolumns = 5;
	if (find_column(desc, columns[5]) >= 0)
	{
		appendStringInfo(&buf, ", q.%s%s", columns[5], casts[5]);
		r->ncolumns = 6;
	}
	r->has_id = order_by != NULL;
	if (r->has_id)
		appendStringInfo(&buf, ", q.%s", quote_identifier(order_by));
	appendStringInfo(&buf, " FROM (%.*s\n) q", len, query);
	if (!presorted)
	{
		appendStringInfoString(&buf, " ORDER BY ");
		for (int i = 0; i < r->nkeys; i++)
			appendStringInfo(&buf, "q.%s, ",
							 quote_identifier(r->keys[i].name));
		appendStringInfoString(&buf, "q.ts");
		if (r->has_id)
			appendStringInfo(&buf, ", q.%s", quote_identifier(order_by));
	}
	return buf.data;
}

/* The descriptor of a prepared query that must return rows. */
static TupleDesc
plan_desc(SPIPlanPtr plan)
{
	List	   *sources = SPI_plan_get_plan_sources(plan);
	CachedPlanSource *source;

	if (list_length(sources) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("query must be a single statement")));
	source = linitial(sources);
	if (source->resultDesc == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("query must return rows")));
	return source->resultDesc;
}

/* Prepare a query; SPI has raised an error if it cannot be. */
static SPIPlanPtr
prepare(const char *query)
{
	SPIPlanPtr	plan = SPI_prepare(query, 0, NULL);

	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s",
			 SPI_result_code_string(SPI_result));
	return plan;
}

/* Look up what is to be known about the columns that are read. */
static void
describe_columns(Reader *r, TupleDesc desc)
{
	Oid			out;
	bool		varlena;

	for (int i = 0; i < r->nkeys; i++)
	{
		KeyColumn  *k = &r->keys[i];
		Form_pg_attribute att = TupleDescAttr(desc, i);
		TypeCacheEntry *type = lookup_type_cache(att->atttypid,
												 TYPECACHE_EQ_OPR_FINFO);

		if (!OidIsValid(type->eq_opr_finfo.fn_oid))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_FUNCTION),
					 errmsg("could not identify an equality operator for type %s",
							format_type_be(att->atttypid))));
		k->type = att->atttypid;
		k->len = att->attlen;
		k->byval = att->attbyval;
		k->eq = &type->eq_opr_finfo;
		k->collation = att->attcollation;
		k->number = k->type == INT2OID || k->type == INT4OID ||
			k->type == INT8OID;
		getTypeOutputInfo(k->type, &out, &varlena);
		fmgr_info_cxt(out, &k->out, r->mcxt);
	}
	ad_row_types(&r->row, TupleDescAttr(desc, r->nkeys + 2)->atttypid,
				 TupleDescAttr(desc, r->nkeys + 3)->atttypid);
	if (r->has_id)
	{
		Form_pg_attribute att = TupleDescAttr(desc, r->nkeys + r->ncolumns);

		r->id_len = att->attlen;
		r->id_byval = att->attbyval;
		getTypeOutputInfo(att->atttypid, &out, &varlena);
		fmgr_info_cxt(out, &r->id_out, r->mcxt);
	}
}

/*
 * ad_layering_sequences(query, options, partition_by, order_by, presorted):
 * the sequences of every partition of a query.
 */
static Datum
run_layering_sequences(FunctionCallInfo fcinfo)
{
	Reader	   *r;
	char	   *query;
	char	   *order_by = NULL;
	bool		presorted = !PG_ARGISNULL(4) && PG_GETARG_BOOL(4);
	SPIPlanPtr	plan;
	Portal		portal;
	TupleDesc	desc;
	MemoryContext caller = CurrentMemoryContext;

	(void) ad_result_info(fcinfo);
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("query cannot be null")));
	query = ad_text_argument(PG_GETARG_DATUM(0), "query", AD_MAX_QUERY_LENGTH);

	r = palloc0(sizeof(Reader));
	r->mcxt = caller;
	r->partition_cxt = AllocSetContextCreate(caller, "anomaly partition",
											 ALLOCSET_DEFAULT_SIZES);
	r->scratch = AllocSetContextCreate(caller, "anomaly rows",
									   ALLOCSET_DEFAULT_SIZES);
	r->arena.mcxt = r->partition_cxt;
	ad_market_options(PG_ARGISNULL(1) ? NULL :
					  ad_jsonb_argument(PG_GETARG_DATUM(1), "options"),
					  AD_OWNER_LAYERING, &r->options);
	r->row.words = &r->options.words;
	r->pub.receiveSlot = receive_slot;
	r->pub.rStartup = receive_startup;
	r->pub.rShutdown = receive_nothing;
	r->pub.rDestroy = receive_nothing;
	r->pub.mydest = DestNone;

	r->result = ad_result_begin(fcinfo, FRONT_COLUMNS + AD_SEQUENCE_COLUMNS,
								&r->result_desc);

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	desc = plan_desc(prepare(query));
	partition_columns(r, PG_ARGISNULL(2) ? NULL : PG_GETARG_ARRAYTYPE_P(2),
					  desc);
	if (!PG_ARGISNULL(3))
	{
		order_by = ad_text_argument(PG_GETARG_DATUM(3), "order_by", AD_MAX_WORD_LENGTH);
		(void) need_column(desc, order_by);
	}
	else if (find_column(desc, "id") >= 0)
		order_by = pstrdup("id");

	/* read only: a query that writes is refused */
	plan = prepare(ordered_query(r, query, desc, order_by, presorted));
	portal = SPI_cursor_open(NULL, plan, NULL, NULL, true);
	describe_columns(r, portal->tupDesc);
	while (PortalRunFetch(portal, FETCH_FORWARD, FETCH_ROWS, &r->pub) > 0)
		CHECK_FOR_INTERRUPTS();
	finish_partition(r);
	SPI_cursor_close(portal);
	SPI_finish();

	if (r->all_skipped > 0)
		ereport(WARNING,
				(errmsg("skipped " INT64_FORMAT " of " INT64_FORMAT
						" rows of the query that are not order events",
						r->all_skipped, r->all_rows)));
	PG_RETURN_NULL();
}

/* The same; what fails repeats little of the query. */
Datum
ad_layering_sequences(PG_FUNCTION_ARGS)
{
	return ad_call_clipped(run_layering_sequences, fcinfo);
}
