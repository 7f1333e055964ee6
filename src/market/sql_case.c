/*-------------------------------------------------------------------------
 *
 * sql_case.c
 *		ad_layering_case(): what a compliance officer files about a sequence,
 *		as JSON and as a picture.
 *
 * The events are the history of one account in one product.  The sequences
 * that are found in it are the peers of the one that is asked for: a figure
 * that is usual for the account is told from one that is not.
 *
 *-------------------------------------------------------------------------
 */
#include "market/ad_market_sql.h"
#include "market/ad_timeline.h"

#include "common/shortest_dec.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/json.h"

#define LEAST_CONTEXT	INT64CONST(2000000) /* around a sequence, at least */
#define MANY_EVENTS		2000	/* a picture with more has members only */

PG_FUNCTION_INFO_V1(ad_layering_case);

/* A metric that has peers. */
typedef struct Metric
{
	const char *name;
	enum
	{
		METRIC_DOUBLE,
		METRIC_COUNT,
		METRIC_QUANTITY
	}			kind;
	Size		offset;			/* in AdMetrics */
} Metric;

#define DOUBLE(member)		{#member, METRIC_DOUBLE, offsetof(AdMetrics, member)}
#define COUNT(member)		{#member, METRIC_COUNT, offsetof(AdMetrics, member)}
#define QUANTITY(member)	{#member, METRIC_QUANTITY, offsetof(AdMetrics, member)}

static const Metric metrics[] = {
	DOUBLE(severity),
	DOUBLE(duration_s),
	COUNT(placed_orders),
	QUANTITY(placed_qty),
	COUNT(cancelled_orders),
	QUANTITY(cancelled_qty),
	COUNT(matched_cancels),
	DOUBLE(cancel_ratio),
	DOUBLE(cancel_qty_ratio),
	COUNT(price_levels),
	DOUBLE(price_span_bps),
	DOUBLE(median_time_to_cancel_s),
	DOUBLE(max_time_to_cancel_s),
	COUNT(opp_trades),
	QUANTITY(opp_trade_qty),
	DOUBLE(opp_trade_vwap),
	DOUBLE(spoof_to_trade_qty_ratio),
	QUANTITY(spoof_side_fill_qty),
	DOUBLE(spoof_side_fill_ratio),
	DOUBLE(own_order_imbalance),
	DOUBLE(order_to_trade_ratio),
	DOUBLE(cancel_to_trade_gap_s),
	DOUBLE(cancelled_after_trade_qty_ratio),
	DOUBLE(mean_distance_bps),
	DOUBLE(mean_placement_gap_s),
	DOUBLE(size_cv)
};

/*
 * The texts that a case is about.  "says" is what was compared with a public
 * text, of the edition named; docs/market-case.md says with which.
 */
static const struct
{
	const char *text;
	const char *reference;
	const char *says;
	const char *edition;
}			regulations[] =

{
	{
		"Commission Delegated Regulation (EU) 2016/522",
		"Annex II, Section 1, point 5(e): layering and spoofing",
		"multiple or large orders, often away from the touch, on one side of the order book, in order to execute a trade on the other side; after the trade the orders are removed",
		"Official Journal L 88, 5.4.2016"
	},
	{
		"FINRA Rule 5210",
		"Supplementary Material .03: disruptive quoting and trading activity",
		"a frequent pattern: multiple limit orders on one side change supply and demand, orders on the opposite side are executed, then the original orders are cancelled",
		"in force since 15 December 2016, Regulatory Notice 17-22"
	},
	{
		"Commodity Exchange Act",
		"section 4c(a)(5)(C), 7 U.S.C. 6c(a)(5)(C): spoofing",
		"bidding or offering with the intent to cancel the bid or offer before execution",
		"as added by the Dodd-Frank Act, section 747, 2010"
	},
	{
		"CME Group Rule 575",
		"disruptive practices prohibited",
		"no order with the intent, at the time of order entry, to cancel the order before execution or to modify it to avoid execution",
		"as adopted on 15 September 2014"
	}
};

/* Start a member of a JSON object or list; "open" is what began it. */
static void
key(StringInfo out, const char *name)
{
	char		last = out->len > 0 ? out->data[out->len - 1] : '{';

	if (last != '{' && last != '[')
		appendStringInfoString(out, ", ");
	if (name)
		appendStringInfo(out, "\"%s\": ", name);
}

static void
text_member(StringInfo out, const char *name, const char *value)
{
	key(out, name);
	escape_json(out, value);
}

/* A number; what does not exist is null. */
static void
number_member(StringInfo out, const char *name, double value)
{
	char		digits[DOUBLE_SHORTEST_DECIMAL_LEN];

	key(out, name);
	if (isfinite(value))
	{
		double_to_shortest_decimal_buf(value, digits);
		appendStringInfoString(out, digits);
	}
	else
		appendStringInfoString(out, "null");
}

static void
quantity_member(StringInfo out, const char *name, AdQuantity units)
{
	key(out, name);
	appendStringInfoString(out, ad_quantity_text(units));
}

/* A time, in UTC whatever the settings. */
static void
time_member(StringInfo out, const char *name, TimestampTz ts)
{
	char text[	MAXDATELEN + 1];
	struct pg_tm tm;
	fsec_t		fsec;
	int			tz = 0;

	if (timestamp2tm(ts, NULL, &tm, &fsec, NULL, NULL) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range")));
	tm.tm_isdst = 0;			/* else the zone is left out */
	EncodeDateTime(&tm, fsec, true, tz, NULL, USE_XSD_DATES, text);
	text_member(out, name, text);
}

/* The value of a metric as a double; NaN if it does not exist. */
static double
metric_value(const AdSequence *s, const Metric *metric)
{
	const char *at = (const char *) &s->m + metric->offset;

	if (!s->m.measured)
		return (double) NAN;
	switch (metric->kind)
	{
		case METRIC_COUNT:
			return (double) *(const int64 *) at;
		case METRIC_QUANTITY:
			return ad_quantity_double(*(const AdQuantity *) at);
		default:
			return *(const double *) at;
	}
}

/* Append every metric with its place among those of the account's sequences. */
static void
append_metrics(StringInfo out, const AdSequences *all, const AdSequence *s)
{
	key(out, "metrics");
	appendStringInfoChar(out, '{');
	for (int i = 0; i < (int) lengthof(metrics); i++)
	{
		double		value = metric_value(s, &metrics[i]);
		uint32		peers = 0;
		uint32		below = 0;

		for (uint32 k = 0; k < all->n; k++)
		{
			double		other = metric_value(&all->items[k], &metrics[i]);

			AD_CHECK_EVERY_1024(k);
			peers += !isnan(other);
			below += other <= value;
		}
		key(out, metrics[i].name);
		appendStringInfoChar(out, '{');
		if (metrics[i].kind == METRIC_QUANTITY && s->m.measured)
			quantity_member(out, "value",
							*(const AdQuantity *) ((const char *) &s->m +
												   metrics[i].offset));
		else
			number_member(out, "value", value);
		/* alone it has no place */
		number_member(out, "percentile", isnan(value) || peers < 2 ?
					  (double) NAN : 100.0 * below / peers);
		number_member(out, "peers", peers);
		appendStringInfoChar(out, '}');
	}
	appendStringInfoChar(out, '}');
}

/* Append what the severity is the mean of, 0 to 1 each. */
static void
append_severity(StringInfo out, const AdSequence *s,
				const AdLayeringConfig *c)
{
	const AdMetrics *m = &s->m;
	double		levels = m->measured && m->placed_orders > 0 ?
		(double) (m->price_levels - 1) / 4 : (double) NAN;
	const struct
	{
		const char *name;
		double		value;
	}			parts[] = {
		{"cancel_ratio", m->cancel_ratio},
		{"price_levels", levels},
		{"spoof_to_trade_qty_ratio", m->spoof_to_trade_qty_ratio / 10},
		{"time_to_cancel", 1 - m->median_time_to_cancel_s /
		((double) c->cancel_window / 1e6)},
		{"own_order_imbalance", fabs(m->own_order_imbalance)},
		{"not_filled", 1 - m->spoof_side_fill_ratio}
	};

	key(out, "severity_parts");
	appendStringInfoChar(out, '{');
	for (int i = 0; i < (int) lengthof(parts); i++)
		number_member(out, parts[i].name, isnan(parts[i].value) ?
					  (double) NAN : Max(0, Min(1, parts[i].value)));
	appendStringInfoChar(out, '}');
}

/* Append one event that belongs to the sequence. */
static void
append_event(StringInfo out, const AdEvent *e)
{
	key(out, NULL);
	appendStringInfoChar(out, '{');
	number_member(out, "row", (double) e->row + 1);
	time_member(out, "ts", e->ts);
	text_member(out, "event_type", ad_event_word(e->kind));
	text_member(out, "side", ad_side_word(e->side));
	number_member(out, "price", e->price);
	quantity_member(out, "quantity", ad_event_units(e));
	if (e->idlen > 0)
		text_member(out, "order_id", pnstrdup(e->id, e->idlen));
	appendStringInfoChar(out, '}');
}

/* Append the events of a sequence, and count them. */
static void
append_events(StringInfo out, const AdTape *tape, const AdSequences *all,
			  uint32 number)
{
	key(out, "events");
	appendStringInfoChar(out, '[');
	for (Size i = 0; i < all->nmembers; i++)
	{
		AD_CHECK_EVERY_1024(i);
		if (all->members[i].seq + 1 == number)
			append_event(out, AD_AT(tape, all->members[i].pos));
	}
	appendStringInfoChar(out, ']');
}

/* Append the texts that a case is about. */
static void
append_regulations(StringInfo out)
{
	key(out, "regulations");
	appendStringInfoChar(out, '[');
	for (int i = 0; i < (int) lengthof(regulations); i++)
	{
		key(out, NULL);
		appendStringInfoChar(out, '{');
		text_member(out, "text", regulations[i].text);
		text_member(out, "reference", regulations[i].reference);
		text_member(out, "says", regulations[i].says);
		text_member(out, "edition", regulations[i].edition);
		appendStringInfoChar(out, '}');
	}
	appendStringInfoChar(out, ']');
}

/* The case as jsonb. */
static Datum
case_report(const AdTape *tape, const AdSequences *all, uint32 number,
			const char *title, AdWindowSite *site, Jsonb *options,
			int rows, int64 skipped)
{
	const AdSequence *s = &all->items[number - 1];
	Jsonb	   *full = ad_market_options_full(options, AD_OWNER_LAYERING);
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoChar(&out, '{');
	if (title)
		text_member(&out, "title", title);
	text_member(&out, "pattern", "layering");
	number_member(&out, "sequence_no", number);
	number_member(&out, "sequences", all->n);
	number_member(&out, "rows", rows);
	number_member(&out, "skipped_rows", (double) skipped);
	text_member(&out, "side", ad_side_word(s->side));
	text_member(&out, "rule", ad_found_word(s->found));
	time_member(&out, "start_time", s->start);
	time_member(&out, "end_time", s->end);
	time_member(&out, "trade_time", s->trade_time);
	number_member(&out, "orders", s->norders);
	number_member(&out, "counted_cancels", s->ncancels);
	quantity_member(&out, "counted_cancel_qty", s->cancel_qty);
	quantity_member(&out, "opposite_qty", s->opp_qty);
	number_member(&out, "severity", s->m.severity);
	append_severity(&out, s, &site->options.layering);
	append_metrics(&out, all, s);
	append_events(&out, tape, all, number);
	key(&out, "options");
	(void) JsonbToCString(&out, &full->root, VARSIZE(full));
	append_regulations(&out);
	appendStringInfoChar(&out, '}');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(out.data));
}

/*
 * The picture: the sequence and what happened a little before and after it.
 * False if it has too many events for one.
 */
static bool
case_picture(StringInfo out, const AdTape *tape, const AdSequences *all,
			 uint32 number, const char *title)
{
	const AdSequence *s = &all->items[number - 1];
	int64		context = Max((s->end - s->start) / 4, LEAST_CONTEXT);
	int64		from = ad_time_sub(s->start, context);
	int64		to = ad_time_add(s->end, context);
	AdTimelineConfig config = {900, 460, (int) number, false, NULL};
	AdTape		part = *tape;
	uint32		members = 0;

	while (part.head < part.end && AD_AT(tape, part.head)->ts < from)
		part.head++;
	while (part.end > part.head && AD_AT(tape, part.end - 1)->ts > to)
		part.end--;
	for (Size i = 0; i < all->nmembers; i++)
		members += all->members[i].seq + 1 == number;
	config.members_only = part.end - part.head > MANY_EVENTS;
	if (members > AD_MAX_TIMELINE)
		return false;
	config.title = title ? title :
		psprintf("Layering: %u orders to %s, severity %.0f", s->norders,
				 s->side == AD_BUY ? "buy" : "sell", s->m.severity);
	ad_timeline_draw(out, &part, all, &config);
	return true;
}

/*
 * ad_layering_case(events, options, sequence_no, title, OUT report, OUT
 * picture): NULL for no events; an error if they have no such sequence.
 */
Datum
ad_layering_case(PG_FUNCTION_ARGS)
{
	AdWindowSite *site = palloc0(sizeof(AdWindowSite));
	AdSequences sequences = {0};
	AdTape		tape;
	ArrayType  *array;
	Jsonb	   *options = NULL;
	char	   *title = NULL;
	int			number = PG_ARGISNULL(2) ? 1 : PG_GETARG_INT32(2);
	int			rows;
	int64		skipped;
	StringInfoData out;
	TupleDesc	desc;
	Datum		values[2];
	bool		nulls[2] = {false, false};

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "ad_layering_case must return a row");
	array = PG_GETARG_ARRAYTYPE_P(0);
	rows = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	if (!PG_ARGISNULL(1))
		options = ad_jsonb_argument(PG_GETARG_DATUM(1), "options");
	if (!PG_ARGISNULL(3))
		title = ad_text_argument(PG_GETARG_DATUM(3), "title",
								 AD_MAX_TITLE_LENGTH);
	site->owner = AD_OWNER_LAYERING;
	ad_site_options(site, options);
	skipped = ad_timeline_load(array, site, &tape, &sequences);
	if (number < 1 || (uint32) number > sequences.n)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("events have %u sequences, not one with sequence_no %d",
						sequences.n, number),
				 errhint("The events and the options must be those with which the sequence was found.")));
	initStringInfo(&out);
	values[0] = case_report(&tape, &sequences, (uint32) number, title, site,
							options, rows, skipped);
	nulls[1] = !case_picture(&out, &tape, &sequences, (uint32) number, title);
	values[1] = PointerGetDatum(cstring_to_text_with_len(out.data, out.len));
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc),
													  values, nulls)));
}
