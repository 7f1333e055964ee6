/*-------------------------------------------------------------------------
 *
 * sql_wash.c
 *		Window function ad_wash_trade().
 *
 * The first row of a partition reads all of it and finds the windows; the
 * row of the trade that starts a window reports it.
 *
 *-------------------------------------------------------------------------
 */
#include "market/ad_market_sql.h"

#include "utils/builtins.h"

#define WASH_COLUMNS	18

PG_FUNCTION_INFO_V1(ad_wash_trade);

typedef struct WashState		/* of one partition; starts zeroed */
{
	bool		started;
	AdPartition partition;
	AdWashes	washes;
	uint32		next;			/* window to give out */
} WashState;

/*
 * The figures of a window, AD_WASH_FIGURES of them: from start_time to
 * last_price, as ad_wash_trade_window has them.
 */
void
ad_wash_figures(const AdWash *w, Datum *values, bool *nulls)
{
	int			i = 0;

	values[i++] = TimestampTzGetDatum(w->start);
	values[i++] = TimestampTzGetDatum(w->end);
	values[i++] = ad_span_datum(w->end - w->start);
	values[i++] = Int64GetDatum((int64) w->buys + w->sells);
	values[i++] = Int64GetDatum((int64) w->buys);
	values[i++] = Int64GetDatum((int64) w->sells);
	values[i++] = ad_quantity_datum(w->buy_qty);
	values[i++] = ad_quantity_datum(w->sell_qty);
	values[i++] = Int64GetDatum((int64) w->switches);
	values[i++] = Float8GetDatum(w->alternation);
	nulls[i] = isnan(w->price_change);
	values[i++] = Float8GetDatum(w->price_change);
	nulls[i] = isnan(w->first_price);
	values[i++] = Float8GetDatum(w->first_price);
	nulls[i] = isnan(w->last_price);
	values[i++] = Float8GetDatum(w->last_price);
	Assert(i == AD_WASH_FIGURES);
}

/* A window as a composite. */
static Datum
wash_datum(AdWindowSite *site, const AdWash *w, int64 number, int64 skipped)
{
	Datum		values[WASH_COLUMNS];
	bool		nulls[WASH_COLUMNS] = {false};
	int			i = 0;

	if (!site->result || site->result->natts != WASH_COLUMNS)
		elog(ERROR, "ad_wash_trade must return ad_wash_trade_window");
	values[i++] = Int64GetDatum(number);
	ad_wash_figures(w, values + i, nulls + i);
	i += AD_WASH_FIGURES;
	values[i++] = Int64GetDatum((int64) w->first_row + 1);
	values[i++] = Int64GetDatum((int64) w->last_row + 1);
	values[i++] = Int64GetDatum((int64) w->starts);
	values[i++] = Int64GetDatum(skipped);
	Assert(i == WASH_COLUMNS);
	return HeapTupleGetDatum(heap_form_tuple(site->result, values, nulls));
}

/* ad_wash_trade(...) OVER w: the window that a row's trade starts, or NULL. */
Datum
ad_wash_trade(PG_FUNCTION_ARGS)
{
	WindowObject winobj = PG_WINDOW_OBJECT();
	AdWindowSite *site = fcinfo->flinfo->fn_extra;
	WashState  *st;
	int64		row;
	AdWash	   *w;

	if (unlikely(site == NULL))
		site = ad_window_site(fcinfo, AD_OWNER_WASH);
	st = WinGetPartitionLocalMemory(winobj, sizeof(WashState));
	row = WinGetCurrentPosition(winobj);

	if (!st->started)
	{
		MemoryContext old;

		ad_window_options(winobj, site);
		st->partition.mcxt = GetMemoryChunkContext(st);
		st->started = true;
		ad_window_load(winobj, site, &st->partition);
		st->washes.mcxt = st->partition.mcxt;
		old = MemoryContextSwitchTo(st->partition.mcxt);
		ad_wash_find(st->partition.events, st->partition.n,
					 &site->options.wash, &st->washes);
		MemoryContextSwitchTo(old);
		pfree(st->partition.events);
	}

	if (st->next >= st->washes.n)
		PG_RETURN_NULL();
	w = &st->washes.items[st->next];
	if (w->first_row != (uint32) row)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(wash_datum(site, w, (int64) ++st->next,
							   st->partition.skipped));
}
