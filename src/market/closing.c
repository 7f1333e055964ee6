/*-------------------------------------------------------------------------
 *
 * closing.c
 *		Marking the close: the trades of a session's last minutes that are
 *		of one side, weigh much and move the price that way.
 *
 * A partition is one session; the caller says when it closes.  One pass.
 *
 *-------------------------------------------------------------------------
 */
#include "market/ad_closing.h"

/* Take a trade of the window. */
static void
take_trade(AdClosing *out, const AdEvent *e, double last[2])
{
	if (out->trades++ == 0)
	{
		out->first_row = e->row;
		out->start = e->ts;
	}
	out->last_row = e->row;
	out->end = e->ts;
	out->qty[e->side] = ad_quantity_add(out->qty[e->side], ad_event_units(e));
	if (!isnan(e->price))
	{
		last[e->side] = e->price;
		if (isnan(out->reference_price))
			out->reference_price = e->price;
	}
}

/*
 * Judge the trades from close - window to close, both included.  *out is
 * filled if they are a case.  Times must not decrease.
 */
bool
ad_closing_find(const AdEvent *events, uint32 n, const AdClosingConfig *c,
				AdClosing *out)
{
	int64		from = ad_time_sub(c->close, c->window);
	double		last[2] = {(double) NAN, (double) NAN};
	AdQuantity	before = 0;
	AdQuantity	inside;
	double		total;

	memset(out, 0, sizeof(AdClosing));
	out->reference_price = (double) NAN;
	for (uint32 i = 0; i < n; i++)
	{
		const AdEvent *e = &events[i];

		AD_CHECK_EVERY_1024(i);
		if (i > 0 && e->ts < events[i - 1].ts)
			ad_tape_unordered(i);
		if (e->ts > c->close)
			continue;
		if (e->ts >= from)
		{
			out->orders += e->kind == AD_EVENT_ORDER ||
				e->kind == AD_EVENT_REPLACE;
			out->cancels += e->kind == AD_EVENT_CANCEL ||
				e->kind == AD_EVENT_REPLACE;
			if (e->kind == AD_EVENT_TRADE)
				take_trade(out, e, last);
		}
		else if (e->kind == AD_EVENT_TRADE)
		{
			before = ad_quantity_add(before, ad_event_units(e));
			if (!isnan(e->price))
				out->reference_price = e->price;
		}
	}
	if (out->trades < (uint32) c->min_trades)
		return false;

	inside = ad_quantity_add(out->qty[AD_BUY], out->qty[AD_SELL]);
	total = ad_quantity_double(ad_quantity_add(before, inside));
	out->side = out->qty[AD_BUY] >= out->qty[AD_SELL] ? AD_BUY : AD_SELL;
	out->imbalance = ad_quantity_double(out->qty[out->side] -
										out->qty[1 - out->side]) /
		ad_quantity_double(inside);
	out->volume_share = ad_quantity_double(inside) / total;
	out->last_price = last[out->side];
	out->move_bps = out->reference_price > 0 && out->last_price > 0 ?
		(out->last_price - out->reference_price) / out->reference_price * 1e4 :
		(double) NAN;
	if (out->side == AD_SELL)
		out->move_bps = -out->move_bps;
	return out->imbalance >= c->min_imbalance &&
		out->volume_share >= c->min_volume_share &&
		(c->min_move_bps <= 0 || out->move_bps >= c->min_move_bps);
}
