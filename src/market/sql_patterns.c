/*-------------------------------------------------------------------------
 *
 * sql_patterns.c
 *		Window functions ad_quote_stuffing() and ad_marking_close().
 *
 * The first row of a partition reads all of it and finds what there is; the
 * row of its first message, or trade, reports it.
 *
 *-------------------------------------------------------------------------
 */
#include "market/ad_market_sql.h"
#include "market/ad_rows.h"

#include "utils/builtins.h"

#define STUFFING_COLUMNS	17
#define CLOSING_COLUMNS		18

PG_FUNCTION_INFO_V1(ad_quote_stuffing);
PG_FUNCTION_INFO_V1(ad_marking_close);

typedef struct PatternState		/* of one partition; starts zeroed */
{
	bool		started;
	AdPartition partition;
	AdStuffings episodes;		/* ad_quote_stuffing */
	uint32		next;			/* to give out */
	AdClosing	closing;		/* ad_marking_close */
	bool		found;
} PatternState;

/* A composite of the function's result type; no column is null. */
static Datum
result_datum(AdWindowSite *site, Datum *values, int n)
{
	bool		nulls[Max(STUFFING_COLUMNS, CLOSING_COLUMNS)] = {false};

	if (!site->result || site->result->natts != n)
		elog(ERROR, "market window function has a wrong result type");
	return HeapTupleGetDatum(heap_form_tuple(site->result, values, nulls));
}

/* The state of the current partition; true if it has yet to be filled. */
static bool
begin_partition(FunctionCallInfo fcinfo, AdMarketOwner owner,
				AdWindowSite **site, PatternState **st)
{
	WindowObject winobj = PG_WINDOW_OBJECT();
	AdPartition *p;

	*site = ad_window_site(fcinfo, owner);
	*st = WinGetPartitionLocalMemory(winobj, sizeof(PatternState));
	if ((*st)->started)
		return false;
	ad_window_options(winobj, *site);
	(*st)->partition.mcxt = GetMemoryChunkContext(*st);
	(*st)->started = true;
	p = &(*st)->partition;
	ad_window_load(winobj, *site, p);
	if ((*site)->options.layering.dedup)
		p->events = ad_rows_events(p->mcxt, p->events, &p->n, true, false,
								   ad_market_seed());
	return true;
}

/* An episode as a composite. */
static Datum
stuffing_datum(AdWindowSite *site, const AdStuffing *s, int64 number,
			   int64 skipped)
{
	Datum		values[STUFFING_COLUMNS];
	int			i = 0;

	values[i++] = Int64GetDatum(number);
	values[i++] = TimestampTzGetDatum(s->start);
	values[i++] = TimestampTzGetDatum(s->end);
	values[i++] = ad_span_datum(s->end - s->start);
	values[i++] = Int64GetDatum((int64) s->burst.messages);
	values[i++] = Int64GetDatum((int64) s->burst.orders);
	values[i++] = Int64GetDatum((int64) s->burst.cancels);
	values[i++] = Int64GetDatum((int64) s->buys);
	values[i++] = Int64GetDatum((int64) s->sells);
	values[i++] = Float8GetDatum(ad_stuffing_cancel_rate(&s->burst));
	values[i++] = Int64GetDatum((int64) s->peak);
	values[i++] = Int64GetDatum((int64) s->trades);
	values[i++] = ad_quantity_datum(s->placed_qty);
	values[i++] = ad_quantity_datum(s->traded_qty);
	values[i++] = Int64GetDatum((int64) s->first_row + 1);
	values[i++] = Int64GetDatum((int64) s->last_row + 1);
	values[i++] = Int64GetDatum(skipped);
	Assert(i == STUFFING_COLUMNS);
	return result_datum(site, values, i);
}

/* ad_quote_stuffing(...) OVER w: the episode that a row's message starts. */
Datum
ad_quote_stuffing(PG_FUNCTION_ARGS)
{
	AdWindowSite *site;
	PatternState *st;
	const AdStuffing *s;

	if (begin_partition(fcinfo, AD_OWNER_STUFFING, &site, &st))
	{
		st->episodes.mcxt = st->partition.mcxt;
		ad_stuffing_find(st->partition.events, st->partition.n,
						 &site->options.stuffing, &st->episodes);
		pfree(st->partition.events);
	}
	if (st->next >= st->episodes.n)
		PG_RETURN_NULL();
	s = &st->episodes.items[st->next];
	if (s->first_row != (uint32) WinGetCurrentPosition(PG_WINDOW_OBJECT()))
		PG_RETURN_NULL();
	PG_RETURN_DATUM(stuffing_datum(site, s, (int64) ++st->next,
								   st->partition.skipped));
}

/* What was found at the close, as a composite. */
static Datum
closing_datum(AdWindowSite *site, const AdClosing *c, int64 skipped)
{
	int64		close = site->options.closing.close;
	Datum		values[CLOSING_COLUMNS];
	int			i = 0;

	values[i++] = CStringGetTextDatum(ad_side_word(c->side));
	values[i++] = TimestampTzGetDatum(close);
	values[i++] = TimestampTzGetDatum(c->start);
	values[i++] = TimestampTzGetDatum(c->end);
	values[i++] = ad_span_datum(close - c->end);
	values[i++] = Int64GetDatum((int64) c->trades);
	values[i++] = ad_quantity_datum(c->qty[AD_BUY]);
	values[i++] = ad_quantity_datum(c->qty[AD_SELL]);
	values[i++] = Float8GetDatum(c->imbalance);
	values[i++] = Float8GetDatum(c->volume_share);
	values[i++] = Float8GetDatum(c->reference_price);
	values[i++] = Float8GetDatum(c->last_price);
	values[i++] = Float8GetDatum(c->move_bps);
	values[i++] = Int64GetDatum((int64) c->orders);
	values[i++] = Int64GetDatum((int64) c->cancels);
	values[i++] = Int64GetDatum((int64) c->first_row + 1);
	values[i++] = Int64GetDatum((int64) c->last_row + 1);
	values[i++] = Int64GetDatum(skipped);
	Assert(i == CLOSING_COLUMNS);
	return result_datum(site, values, i);
}

/* ad_marking_close(...) OVER w: on the first trade of a case, or NULL. */
Datum
ad_marking_close(PG_FUNCTION_ARGS)
{
	AdWindowSite *site;
	PatternState *st;

	if (begin_partition(fcinfo, AD_OWNER_CLOSING, &site, &st))
	{
		st->found = ad_closing_find(st->partition.events, st->partition.n,
									&site->options.closing, &st->closing);
		pfree(st->partition.events);
	}
	if (!st->found || st->closing.first_row !=
		(uint32) WinGetCurrentPosition(PG_WINDOW_OBJECT()))
		PG_RETURN_NULL();
	PG_RETURN_DATUM(closing_datum(site, &st->closing, st->partition.skipped));
}
