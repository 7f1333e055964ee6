/*-------------------------------------------------------------------------
 *
 * sql_window.c
 *		Reads a partition of a window into an array of events.
 *
 * Every WinGetFuncArgInPartition() copies the row out of the window's
 * tuplestore, and asking for a second argument of the same row even steps
 * back and copies it again.  So the packed form asks once per row, and the
 * plain form goes by columns over blocks of rows: it reads one argument of
 * a few rows in sequence, then the next one.  A few, because a tuplestore
 * in a temporary file steps back through the rows one by one, each of them
 * a read from the file unless it is still in the file's buffer of 8 kB:
 * with 128 rows, a block of the file was read 900 times.
 *
 * Arguments are evaluated in a scratch context that is reset every block:
 * the context a window function is called in lives until the call ends, and
 * one call reads the whole partition.
 *
 *-------------------------------------------------------------------------
 */
#include "market/ad_market_sql.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"

#define BLOCK_ROWS		8
#define MAX_WARNINGS	10

/*
 * What a call's arguments are: found once per query, in fn_extra.  The
 * forms are (ad_order_event [, options]) and (event_type, side, price,
 * quantity, ts [, order_id] [, options]).
 */
AdWindowSite *
ad_window_site(FunctionCallInfo fcinfo, AdMarketOwner owner)
{
	FmgrInfo   *flinfo = fcinfo->flinfo;
	AdWindowSite *site = flinfo->fn_extra;
	int			nargs = PG_NARGS();
	MemoryContext old;
	TupleDesc	desc;

	if (site)
		return site;

	old = MemoryContextSwitchTo(flinfo->fn_mcxt);
	site = palloc0(sizeof(AdWindowSite));
	site->owner = owner;
	site->nargs = nargs;
	site->options_arg = -1;
	site->reader.words = &site->options.words;
	if (nargs > 0 && get_fn_expr_argtype(flinfo, nargs - 1) == JSONBOID)
		site->options_arg = --nargs;
	site->packed = nargs == 1;
	site->ncolumns = nargs;
	if (!site->packed)
	{
		if (nargs != AD_COLUMN_ORDER_ID && nargs != AD_COLUMNS)
			elog(ERROR, "market window function called with %d arguments",
				 nargs);
		ad_row_types(&site->reader,
					 get_fn_expr_argtype(flinfo, AD_COLUMN_PRICE),
					 get_fn_expr_argtype(flinfo, AD_COLUMN_QUANTITY));
	}
	if (get_call_result_type(fcinfo, NULL, &desc) == TYPEFUNC_COMPOSITE)
		site->result = BlessTupleDesc(desc);
	flinfo->fn_extra = site;
	MemoryContextSwitchTo(old);
	return site;
}

/* Parse a site's options, unless they are those that it has; NULL: none. */
void
ad_site_options(AdWindowSite *site, Jsonb *options)
{
	MemoryContext old;

	if (site->parsed &&
		(options ? site->options_raw &&
		 site->options_len == VARSIZE(options) &&
		 memcmp(site->options_raw, options, site->options_len) == 0 :
		 site->options_raw == NULL))
		return;

	site->parsed = false;
	old = MemoryContextSwitchTo(GetMemoryChunkContext(site));
	ad_market_options(options, site->owner, &site->options);
	if (site->options_raw)
		pfree(site->options_raw);
	site->options_raw = NULL;
	if (options)
	{
		site->options_len = VARSIZE(options);
		site->options_raw = palloc(site->options_len);
		memcpy(site->options_raw, options, site->options_len);
	}
	site->parsed = true;
	MemoryContextSwitchTo(old);
}

/* Read the options at the current row; parses them only if they changed. */
void
ad_window_options(WindowObject winobj, AdWindowSite *site)
{
	bool		isnull = true;
	Datum		value = (Datum) 0;

	if (site->options_arg >= 0)
		value = WinGetFuncArgCurrent(winobj, site->options_arg, &isnull);
	ad_site_options(site, isnull ? NULL : ad_jsonb_argument(value, "options"));
}

/*
 * A column of a row.  Rows are asked for relative to the current one: a
 * partition that streams may have more rows than an int can number.
 */
static inline Datum
column_value(WindowObject winobj, int64 row, int column, bool current,
			 bool *isnull, bool *isout)
{
	*isout = false;
	if (current)
		return WinGetFuncArgCurrent(winobj, column, isnull);
	return WinGetFuncArgInPartition(winobj, column,
									(int) (row - WinGetCurrentPosition(winobj)),
									WINDOW_SEEK_CURRENT, false, isnull, isout);
}

/*
 * Read one row, the current one or any of the partition.  e->id points into
 * the order id's value, which is there until another column is asked for: a
 * column is read into the event before the next one is pulled.  Sets *isout
 * if the partition has no such row.
 */
AdBadRow
ad_window_row(WindowObject winobj, AdWindowSite *site, int64 row,
			  bool current, AdEvent *e, bool *isout)
{
	AdBadRow	bad = AD_ROW_GOOD;
	bool		isnull;
	Datum		value;

	memset(e, 0, sizeof(AdEvent));
	if (site->packed)
	{
		value = column_value(winobj, row, 0, current, &isnull, isout);
		return *isout ? AD_ROW_GOOD : ad_row_packed(value, isnull, e);
	}
	for (int c = 0; c < site->ncolumns && bad == AD_ROW_GOOD; c++)
	{
		value = column_value(winobj, row, c, current, &isnull, isout);
		if (*isout)
			return AD_ROW_GOOD;
		bad = ad_row_column(&site->reader, c, value, isnull, e);
	}
	return bad;
}

/* Say why a row of the partition cannot be used. */
void
ad_window_refuse(WindowObject winobj, AdWindowSite *site, int64 row,
				 AdBadRow bad)
{
	Datum		values[AD_COLUMNS];
	bool		nulls[AD_COLUMNS];
	Oid			types[AD_COLUMNS];
	bool		isout;

	for (int c = 0; c < site->ncolumns; c++)
	{
		int16		len;
		bool		by_value;

		values[c] = column_value(winobj, row, c, false, &nulls[c], &isout);
		types[c] = ad_row_type(&site->reader, c);
		if (nulls[c])
			continue;
		/* the next pull frees what this one points to */
		if (types[c] == TEXTOID)
			values[c] = PointerGetDatum(cstring_to_text(ad_text_quote(values[c])));
		else
		{
			get_typlenbyval(types[c], &len, &by_value);
			values[c] = datumCopy(values[c], by_value, len);
		}
	}
	ad_row_refuse(bad, &site->options.words,
				  ad_row_content(values, nulls, types, NULL,
								 site->packed ? 1 : site->ncolumns));
}

/* Report skipped rows of a partition, but not for thousands of them. */
void
ad_window_warn(AdWindowSite *site, int64 skipped, int64 rows)
{
	if (site->warnings >= MAX_WARNINGS)
		return;
	site->warnings++;
	if (rows > 0)
		ereport(WARNING,
				(errmsg("skipped " INT64_FORMAT " of " INT64_FORMAT
						" rows of a partition that are not order events",
						skipped, rows),
				 site->warnings == MAX_WARNINGS ?
				 errdetail("Further partitions are not reported; column skipped_rows counts them.") : 0));
	else
		ereport(WARNING,
				(errmsg("skipped " INT64_FORMAT
						" rows of a partition so far that are not order events",
						skipped)));
}

/* Drop the rows that are no events (kind 0). */
static uint32
drop_others(AdEvent *events, uint32 n)
{
	uint32		kept = 0;

	for (uint32 i = 0; i < n; i++)
		if (events[i].kind != 0)
			events[kept++] = events[i];
	return kept;
}

/*
 * Read the whole partition into p->events, which is allocated in p->mcxt.
 * A row that cannot be used is an error, or is skipped and counted, as the
 * options say.
 */
void
ad_window_load(WindowObject winobj, AdWindowSite *site, AdPartition *p)
{
	int64		rows = WinGetPartitionRowCount(winobj);
	uint32		max_rows = site->options.layering.max_events;
	MemoryContext scratch;
	MemoryContext old;
	AdArena		arena = {p->mcxt, NULL, 0};
	bool		others = false;

	if (rows > max_rows)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("partition has " INT64_FORMAT " rows, limit is %u",
						rows, max_rows),
				 errhint("Partition more finely, raise option \"max_partition_rows\", or use rule \"anchored\", which streams.")));
	p->events = MemoryContextAllocHuge(p->mcxt,
									   ad_mul_size(Max(rows, 1),
												   sizeof(AdEvent)));
	p->skipped = 0;

	scratch = AllocSetContextCreate(p->mcxt, "anomaly window rows",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(scratch);
	for (int64 start = 0; start < rows; start += BLOCK_ROWS)
	{
		int64		end = Min(rows, start + BLOCK_ROWS);

		CHECK_FOR_INTERRUPTS();
		memset(&p->events[start], 0, (end - start) * sizeof(AdEvent));
		for (int c = 0; c < site->ncolumns; c++)
			for (int64 row = start; row < end; row++)
			{
				AdEvent    *e = &p->events[row];
				bool		isnull;
				bool		isout;
				Datum		value;
				AdBadRow	bad;

				if (c > 0 && e->kind == 0)
					continue;
				value = WinGetFuncArgInPartition(winobj, c, (int) row,
												 WINDOW_SEEK_HEAD, false,
												 &isnull, &isout);
				if (site->packed)
					bad = ad_row_packed(value, isnull, e);
				else
					bad = ad_row_column(&site->reader, c, value, isnull, e);
				e->row = (uint32) row;
				if (unlikely(bad != AD_ROW_GOOD))
				{
					e->kind = 0;
					others = true;
					if (bad == AD_ROW_IGNORED)
						continue;
					if (!site->options.skip_bad)
						ad_window_refuse(winobj, site, row, bad);
					p->skipped++;
				}
				else if (site->packed && e->id)
					e->id = ad_arena_copy(&arena, e->id, (Size) e->idlen +
										  e->newlen + e->evlen);
				else if (c == AD_COLUMN_ORDER_ID && e->idlen > 0)
					e->id = ad_arena_copy(&arena, e->id, e->idlen);
			}
		MemoryContextReset(scratch);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);

	p->n = (uint32) rows;
	if (others)
		p->n = drop_others(p->events, p->n);
	if (p->skipped > 0)
		ad_window_warn(site, p->skipped, rows);
}
