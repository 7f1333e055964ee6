/*-------------------------------------------------------------------------
 *
 * sql_wash_job.c
 *		The kind "wash_trade": windows of wash trading become alerts.
 *
 * Events are read once, in the order of time (sql_ordered.c), and each
 * partition goes on from the trades of its last window (market's wash_log.c).
 * So the rows are those of ad_wash_trade() over whole partitions, whenever and
 * however often the job ran.  A window is decided when nothing can join it any
 * more, window_size after its first trade.
 *
 * A burst of n trades has nearly n windows.  A desk wants one alert: that of
 * the first window, unless per_burst is false.
 *
 * Without a state it reads from one window before the floor on, and so knows
 * whether the first window at the floor belongs to a burst before it.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_event_job.h"
#include "market/ad_wash_log.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/builtins.h"

#define WHAT			"state of a wash-trade job"

typedef struct WashBatch
{
	AdEventBatch head;			/* must be first */
	TupleDesc	desc;			/* of an alert's row; NULL: not made yet */
	TupleDesc	reason;			/* of one of its reasons */
} WashBatch;

/* The columns of an alert's row. */
static const struct
{
	const char *name;
	Oid			type;
}			row_columns[] = {
	{"account", TEXTOID}, {"product", TEXTOID}, {"partition_key", JSONBOID},
	{"first_id", TEXTOID}, {"last_id", TEXTOID}, {"start_time", TIMESTAMPTZOID},
	{"end_time", TIMESTAMPTZOID}, {"duration", INTERVALOID},
	{"trades", INT8OID}, {"buy_trades", INT8OID}, {"sell_trades", INT8OID},
	{"total_buy_qty", NUMERICOID}, {"total_sell_qty", NUMERICOID},
	{"side_switches", INT8OID}, {"alternation_percentage", FLOAT8OID},
	{"price_change_percentage", FLOAT8OID}, {"first_price", FLOAT8OID},
	{"last_price", FLOAT8OID}, {"windows", INT8OID}
};

/* Append what a state depends on. */
static void
write_options(const AdOrdered *o, StringInfo w)
{
	const AdWashConfig *c = &((const AdEventBatch *) o)->q->options.wash;
	char	   *volume = ad_quantity_text(c->min_volume);

	ad_wr_u32(w, (uint32) c->min_buy_trades);
	ad_wr_u32(w, (uint32) c->min_sell_trades);
	ad_wr_f64(w, c->min_alternation);
	ad_wr_string(w, volume, strlen(volume));
	ad_wr_u64(w, (uint64) c->window);
	ad_wr_u8(w, c->merge);
	ad_wr_u8(w, c->dedup);
	ad_event_write_columns(o, w);
}

/* Windows that reach up to the floor start a window before it. */
static int64
first_row(const AdWashConfig *c, int64 floor)
{
	return Max(ad_time_sub(floor, c->window), AD_PLACE_LEAST);
}

/* As AdOrderedKind has it. */
static int64
first(const AdOrdered *o, int64 floor)
{
	int64		place = first_row(&((const AdEventBatch *) o)->q->options.wash, floor);

	return place > AD_PLACE_LEAST ? place - 1 : place;
}

/* What the rows of alerts, and their reasons, look like. */
static void
describe_rows(WashBatch *l)
{
	MemoryContext old = MemoryContextSwitchTo(l->head.o.b->mcxt);
	TupleDesc	desc = CreateTemplateTupleDesc(lengthof(row_columns));

	for (int i = 0; i < (int) lengthof(row_columns); i++)
		TupleDescInitEntry(desc, (AttrNumber) (i + 1), row_columns[i].name,
						   row_columns[i].type, -1, 0);
	l->desc = BlessTupleDesc(desc);
	desc = CreateTemplateTupleDesc(3);
	TupleDescInitEntry(desc, 1, "figure", TEXTOID, -1, 0);
	TupleDescInitEntry(desc, 2, "value", NUMERICOID, -1, 0);
	TupleDescInitEntry(desc, 3, "at_least", NUMERICOID, -1, 0);
	l->reason = BlessTupleDesc(desc);
	MemoryContextSwitchTo(old);
}

/* A window as the row of its alert. */
static Jsonb *
window_row(WashBatch *l, char *const *keys, const AdWashDecided *d)
{
	const AdWash *w = &d->w;
	Datum		values[lengthof(row_columns)];
	bool		nulls[lengthof(row_columns)] = {false};
	int			i = 0;

	ad_set_text(values, nulls, i++, keys[0]);
	ad_set_text(values, nulls, i++, keys[1]);
	values[i++] = ad_partition_key(l->head.q->keys, l->head.q->nkeys, keys);
	ad_set_text(values, nulls, i++, ad_event_name(&d->first));
	ad_set_text(values, nulls, i++, ad_event_name(&d->last));
	ad_wash_figures(w, values + i, nulls + i);
	i += AD_WASH_FIGURES;
	values[i++] = Int64GetDatum((int64) w->starts);
	Assert(i == (int) lengthof(row_columns));
	return ad_event_json(&l->head, l->desc, values, nulls);
}

/* A number as a numeric. */
static Datum
number(double d)
{
	return DirectFunctionCall1(float8_numeric, Float8GetDatum(d));
}

/* Add a reason to an array: a figure, its value and the option it reached. */
static void
push_reason(WashBatch *l, JsonbParseState **state, const char *figure,
			Datum value, Datum at_least)
{
	Datum		values[3] = {CStringGetTextDatum(figure), value, at_least};
	bool		nulls[3] = {false};
	Jsonb	   *reason = ad_event_json(&l->head, l->reason, values, nulls);
	JsonbValue	v;

	v.type = jbvBinary;
	v.val.binary.data = &reason->root;
	v.val.binary.len = VARSIZE(reason) - VARHDRSZ;
	(void) pushJsonbValue(state, WJB_ELEM, &v);
}

/* Why a window is reported: every condition that it meets. */
static Jsonb *
reasons(WashBatch *l, const AdWash *w)
{
	const AdWashConfig *c = &l->head.q->options.wash;
	JsonbParseState *state = NULL;

	(void) pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	push_reason(l, &state, "alternation_percentage", number(w->alternation),
				number(c->min_alternation));
	push_reason(l, &state, "total_volume",
				ad_quantity_datum(ad_quantity_add(w->buy_qty, w->sell_qty)),
				ad_quantity_datum(c->min_volume));
	push_reason(l, &state, "buy_trades", number(w->buys), number(c->min_buy_trades));
	push_reason(l, &state, "sell_trades", number(w->sells), number(c->min_sell_trades));
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY, NULL));
}

/* Take a window that is decided, if an alert is to be told of it. */
static void
take_window(WashBatch *l, char *const *keys, const AdWashDecided *d)
{
	const AdJob *j = l->head.o.b->job;
	MemoryContext old = CurrentMemoryContext;
	AdEventHit *h;

	if (d->w.alternation < j->rule_value || (d->again && j->per_burst))
		return;
	if (l->desc == NULL)
		describe_rows(l);
	h = ad_event_hit(&l->head, keys, &d->first, AD_BUY, d->w.start);
	h->decided = d->decided;
	h->hit.score = d->w.alternation;
	h->hit.row = window_row(l, keys, d);
	h->hit.explanation = reasons(l, &d->w);
	MemoryContextSwitchTo(old);
}

/* Go on with the trades of a partition. */
static bool
advance(AdOrdered *o, AdOrderedStep *step)
{
	WashBatch  *l = (WashBatch *) o;
	AdWashLog  *log = ad_wash_log_create(CurrentMemoryContext,
										 &l->head.q->options.wash, o->place.floor);

	if (step->state)
		ad_wash_log_read(log, step->state, step->state_len);
	if (step->read)
		for (uint32 i = 0; i < step->read->n; i++)
		{
			const AdEventRow *row = (const AdEventRow *) ad_ordered_row(o, step->read, i);

			if (!row->head.bad)
				ad_wash_log_add(log, &row->e, &row->name);
		}
	ad_wash_log_settle(log, o->place.complete);
	if (log->ndecided > 0)
	{
		char	   *texts[AD_ORDERED_KEYS];

		ad_part_texts(WHAT, step->keys, step->keys_len, o->nkeys, texts);
		for (uint32 i = 0; i < log->ndecided; i++)
			take_window(l, texts, &log->decided[i]);
	}
	if (log->n == 0)
		return false;
	step->due = log->due;
	ad_wash_log_write(log, step->out);
	return true;
}

static const AdOrderedKind wash_ordered = {
	.what = WHAT,
	.magic = 0x48534157,		/* "WASH" */
	.version = 1,
	.row_size = sizeof(AdEventRow),
	.options = write_options,
	.first = first,
	.list = ad_event_list,
	.describe = ad_event_describe,
	.take = ad_event_take,
	.advance = advance
};

/* One batch of a wash-trade job; whether there may be more to do. */
bool
ad_wash_batch(AdBatch *b)
{
	WashBatch  *l = palloc0(sizeof(WashBatch));
	bool		more;

	ad_batch_formats("UTC");
	ad_event_source(&l->head, b, AD_OWNER_WASH, &wash_ordered);
	more = ad_ordered_batch(&l->head.o, b);
	ad_event_alerts(&l->head);
	ad_event_watermark(&l->head, l->head.q->options.wash.window);
	return more;
}

/* As AdJobKind has it. */
int64
ad_wash_passed(const AdJob *j, const AdJobState *s)
{
	return ad_ordered_passed(&wash_ordered, j, s);
}

/* The same: windows that start at a place or later are found again. */
int64
ad_wash_rescan(const AdJob *j, AdJobState *s, int64 from)
{
	AdMarketOptions options;

	ad_market_options(j->options, AD_OWNER_WASH, &options);
	return ad_ordered_rescan(&wash_ordered, j, s, from,
							 first_row(&options.wash, from));
}
