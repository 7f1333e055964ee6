/*-------------------------------------------------------------------------
 *
 * sql_options.c
 *		Options of the market functions: the constructors that build them as
 *		jsonb, and the one parser that checks them.
 *
 * Options travel as jsonb; windows are numbers of seconds in it, or text
 * that an interval can be read from.  A constructor writes only what it was
 * given, sends it through the parser and prints the parsed options, every
 * default spelled out.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_options.h"
#include "market/ad_market_sql.h"

#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "utils/builtins.h"
#include "utils/json.h"

#define MAX_WINDOW_SECONDS	1e8
#define DEFAULT_MAX_ROWS	10000000
#define MAX_MAX_ROWS		100000000
#define MAX_CLOSE_SECONDS	1e10	/* to the year 2286; a microsecond holds */

/* Seconds from the Unix epoch to that of timestamps. */
#define EPOCH_SECONDS \
	((double) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY)

PG_FUNCTION_INFO_V1(ad_layering_options);
PG_FUNCTION_INFO_V1(ad_wash_trade_options);
PG_FUNCTION_INFO_V1(ad_quote_stuffing_options);
PG_FUNCTION_INFO_V1(ad_marking_close_options);

static const char *const rule_words[] = {"window", "strict", "anchored",
NULL};
static const char *const trade_rule_words[] = {"after", "before", "either",
NULL};
static const char *const on_bad_words[] = {"error", "skip", NULL};

/* What to do with a row that is no event. */
enum
{
	ON_BAD_ERROR,
	ON_BAD_SKIP
};

/* What the option tables fill; windows are read apart. */
typedef struct RawOptions
{
	int			rule;
	int			trade_rule;
	int			min_orders;
	int			min_cancels;
	bool		causal;
	int			on_bad;
	int			max_partition_rows;
	bool		replace_counts;
	bool		dedup;
	double		min_imbalance;
	int			min_price_levels;
	int			min_buy_trades;
	int			min_sell_trades;
	double		min_alternation_percentage;
	double		min_total_volume;
	double		price_change_threshold;
	bool		merge;
	double		orders_window;	/* seconds, like the next ones */
	double		cancel_window;
	double		trade_window;
	double		forget_after;	/* 0: never */
	double		window_size;
	int			min_messages;
	double		min_cancel_rate;
	int			min_trades;
	double		min_volume_share;
	double		min_move_bps;
} RawOptions;

#define AT(member) offsetof(RawOptions, member)

#define COMMON_OPTIONS \
	AD_ENUM(RawOptions, on_bad, ON_BAD_ERROR, on_bad_words), \
	AD_INT(RawOptions, max_partition_rows, DEFAULT_MAX_ROWS, 1, MAX_MAX_ROWS)

static const AdOption layering_table[] = {
	AD_ENUM(RawOptions, rule, AD_RULE_WINDOW, rule_words),
	AD_ENUM(RawOptions, trade_rule, AD_TRADE_AFTER, trade_rule_words),
	AD_INT(RawOptions, min_orders, 3, 1, 1000000),
	AD_INT(RawOptions, min_cancels, 3, 1, 1000000),
	AD_BOOL(RawOptions, causal, false),
	AD_BOOL(RawOptions, replace_counts, true),
	AD_BOOL(RawOptions, dedup, false),
	AD_FLOAT(RawOptions, min_imbalance, 0, 0, 1),
	AD_INT(RawOptions, min_price_levels, 0, 0, 1000000),
	COMMON_OPTIONS
};

static const AdOption wash_table[] = {
	AD_INT(RawOptions, min_buy_trades, 3, 1, 1000000),
	AD_INT(RawOptions, min_sell_trades, 3, 1, 1000000),
	AD_FLOAT(RawOptions, min_alternation_percentage, 60, 0, 100),
	AD_FLOAT(RawOptions, min_total_volume, 10000, 0, 1e15),
	AD_FLOAT(RawOptions, price_change_threshold, 1, 0, 1e9),
	AD_BOOL(RawOptions, merge, false),
	AD_BOOL(RawOptions, dedup, false),
	COMMON_OPTIONS
};

static const AdOption stuffing_table[] = {
	AD_INT(RawOptions, min_messages, 100, 2, 1000000),
	AD_FLOAT(RawOptions, min_cancel_rate, 0.9, 0, 1),
	AD_BOOL(RawOptions, dedup, false),
	COMMON_OPTIONS
};

static const AdOption closing_table[] = {
	AD_INT(RawOptions, min_trades, 3, 1, 1000000),
	AD_FLOAT(RawOptions, min_imbalance, 0.8, 0, 1),
	AD_FLOAT(RawOptions, min_volume_share, 0.3, 0, 1),
	AD_FLOAT(RawOptions, min_move_bps, 10, 0, 1e6),
	AD_BOOL(RawOptions, dedup, false),
	COMMON_OPTIONS
};

typedef struct WindowOption
{
	const char *name;
	Size		offset;			/* of a double in RawOptions */
	double		dflt;			/* seconds */
} WindowOption;

static const WindowOption layering_windows[] = {
	{"orders_window", AT(orders_window), 10},
	{"cancel_window", AT(cancel_window), 5},
	{"opposite_trade_window", AT(trade_window), 2},
	{"forget_after", AT(forget_after), 0},
};

static const WindowOption wash_windows[] = {
	{"window_size", AT(window_size), 1800},
};

static const WindowOption stuffing_windows[] = {
	{"window_size", AT(window_size), 1},
};

static const WindowOption closing_windows[] = {
	{"window_size", AT(window_size), 600},
};

/* Keys outside the tables: windows, words, dialect; for events, the rest. */
static const char *const layering_also[] = {
	"orders_window", "cancel_window", "opposite_trade_window",
	"forget_after", "words", "dialect", NULL
};
static const char *const wash_also[] = {
	"window_size", "words", "dialect", NULL
};
static const char *const closing_also[] = {
	"close", "window_size", "words", "dialect", NULL
};
static const char *const event_also[] = {
	"rule", "trade_rule", "min_orders", "min_cancels", "causal",
	"orders_window", "cancel_window", "opposite_trade_window",
	"forget_after", "replace_counts", "dedup", "min_imbalance",
	"min_price_levels", "min_buy_trades", "min_sell_trades",
	"min_alternation_percentage", "min_total_volume",
	"price_change_threshold", "merge", "window_size", "min_messages",
	"min_cancel_rate", "min_trades", "min_volume_share", "min_move_bps",
	"close", "words", "dialect", NULL
};
static const AdOption event_table[] = {COMMON_OPTIONS};

/* What the options of a function are made of, by AdMarketOwner. */
static const struct
{
	const char *name;			/* in messages */
	const AdOption *table;
	int			noptions;
	const WindowOption *windows;
	int			nwindows;
	const char *const *also;
}			owners[] = {

	[AD_OWNER_LAYERING] = {
		"ad_layering", layering_table, lengthof(layering_table),
		layering_windows, lengthof(layering_windows), layering_also
	},
	[AD_OWNER_WASH] = {
		"ad_wash_trade", wash_table, lengthof(wash_table),
		wash_windows, lengthof(wash_windows), wash_also
	},
	[AD_OWNER_STUFFING] = {
		"ad_quote_stuffing", stuffing_table, lengthof(stuffing_table),
		stuffing_windows, lengthof(stuffing_windows), wash_also
	},
	[AD_OWNER_CLOSING] = {
		"ad_marking_close", closing_table, lengthof(closing_table),
		closing_windows, lengthof(closing_windows), closing_also
	},
	[AD_OWNER_EVENT] = {
		"ad_order_event", event_table, lengthof(event_table),
		NULL, 0, event_also
	},
};

/* A seed for hash tables, drawn once per backend. */
uint64
ad_market_seed(void)
{
	static uint64 seed = 0;

	if (seed == 0 && !pg_strong_random(&seed, sizeof(seed)))
		seed = (uint64) GetCurrentTimestamp();
	return seed;
}

/* The value of a key; false if it is absent or null. */
static bool
get_value(JsonbContainer *object, const char *key, JsonbValue *v)
{
	return getKeyJsonValueFromContainer(object, key, (int) strlen(key),
										v) != NULL && v->type != jbvNull;
}

/* An interval of a fixed length in seconds. */
static double
interval_seconds(const Interval *i, const char *name)
{
	if (i->month != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"%s\" must be a length of time without months or years",
						name)));
	return (double) i->time / USECS_PER_SEC + (double) i->day * SECS_PER_DAY;
}

/* Read a window; defaults to dflt. */
static double
read_window(JsonbContainer *object, const WindowOption *w)
{
	JsonbValue	v;
	double		seconds;
	char	   *string;

	if (!object || !get_value(object, w->name, &v))
		return w->dflt;
	if (v.type == jbvNumeric)
	{
		string = DatumGetCString(DirectFunctionCall1(numeric_out,
													 NumericGetDatum(v.val.numeric)));
		seconds = strtod(string, NULL);
	}
	/* a longer text is no interval */
	else if (v.type == jbvString && v.val.string.len <= AD_MAX_QUOTED)
	{
		string = pnstrdup(v.val.string.val, v.val.string.len);
		seconds = interval_seconds(DatumGetIntervalP(DirectFunctionCall3(interval_in,
																		 CStringGetDatum(string),
																		 ObjectIdGetDatum(InvalidOid),
																		 Int32GetDatum(-1))),
								   w->name);
	}
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"%s\" must be a number of seconds or an interval as text",
						w->name)));
	if (!(seconds >= 1e-6 && seconds <= MAX_WINDOW_SECONDS))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"%s\" is out of range: %s", w->name,
						ad_quote_clip(string)),
				 errdetail("Allowed values are greater than 0 and at most %.0f seconds.",
						   MAX_WINDOW_SECONDS)));
	return seconds;
}

/* Add the words of one meaning, an array of strings or one string. */
static void
read_words(JsonbValue *v, AdDialect *words, int kind, int code)
{
	JsonbIterator *it;
	JsonbValue	item;
	JsonbIteratorToken token;

	ad_dialect_clear(words, kind, code);
	if (v->type == jbvString)
	{
		ad_dialect_add(words, kind, code, v->val.string.val, v->val.string.len);
		return;
	}
	if (v->type != jbvBinary || !JsonContainerIsArray(v->val.binary.data))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("words of option \"words\" must be strings or arrays of strings")));
	it = JsonbIteratorInit(v->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &item, true)) != WJB_DONE)
		if (token == WJB_ELEM)
		{
			if (item.type != jbvString)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("words of option \"words\" must be strings or arrays of strings")));
			ad_dialect_add(words, kind, code, item.val.string.val,
						   item.val.string.len);
		}
}

/* Read option "dialect": the words of a message format. */
static void
read_dialect(JsonbContainer *object, AdMarketOptions *out)
{
	JsonbValue	v;

	if (!get_value(object, "dialect", &v))
		return;
	if (v.type == jbvString)
		out->dialect = ad_dialect_preset(&out->words, v.val.string.val,
										 v.val.string.len);
	if (out->dialect == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 v.type == jbvString ?
				 errmsg("unknown value for option \"dialect\": \"%s\"",
						ad_quote_clip_len(v.val.string.val,
										  v.val.string.len)) :
				 errmsg("option \"dialect\" must be text"),
				 errhint("Valid dialects are %s.", ad_dialect_presets())));
}

/* Read option "words": meanings as keys, words as values. */
static void
read_all_words(JsonbContainer *object, AdMarketOptions *out)
{
	static const struct
	{
		const char *key;
		int			kind;
		int			code;
	}			meanings[] =
	{
		{"order", AD_DIALECT_EVENT, AD_EVENT_ORDER},
		{"cancel", AD_DIALECT_EVENT, AD_EVENT_CANCEL},
		{"trade", AD_DIALECT_EVENT, AD_EVENT_TRADE},
		{"replace", AD_DIALECT_EVENT, AD_EVENT_REPLACE},
		{"expire", AD_DIALECT_EVENT, AD_EVENT_EXPIRE},
		{"ignore", AD_DIALECT_EVENT, AD_EVENT_IGNORE},
		{"buy", AD_DIALECT_SIDE, AD_BUY},
		{"sell", AD_DIALECT_SIDE, AD_SELL},
	};
	static const char *const keys[] = {"order", "cancel", "trade", "replace",
	"expire", "ignore", "buy", "sell", NULL};
	JsonbValue	v;
	JsonbValue	w;
	int			none;

	if (!get_value(object, "words", &v))
		return;
	if (v.type != jbvBinary)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"words\" must be a JSON object"),
				 errdetail("Its keys are order, cancel, trade, replace, expire, ignore, buy and sell.")));

	/* no table: every key must be one of those allowed */
	ad_options_parse(v.val.binary.data, "words", NULL, 0, keys, &none);

	/* first take the old words away, then add: meanings may swap words */
	for (int i = 0; i < (int) lengthof(meanings); i++)
		if (get_value(v.val.binary.data, meanings[i].key, &w))
			ad_dialect_clear(&out->words, meanings[i].kind, meanings[i].code);
	for (int i = 0; i < (int) lengthof(meanings); i++)
		if (get_value(v.val.binary.data, meanings[i].key, &w))
			read_words(&w, &out->words, meanings[i].kind, meanings[i].code);
	out->words_json = JsonbToCString(NULL, v.val.binary.data,
									 v.val.binary.len);
}

/* Option "min_total_volume" as a quantity. */
static AdQuantity
volume_units(double volume)
{
	AdEvent		e;
	int64		qty;
	uint8		scale;

	memset(&e, 0, sizeof(e));
	if (!ad_quantity_from_double(volume, &qty, &scale))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"min_total_volume\" has too many digits")));
	e.qty = qty;
	e.scale = scale;
	return ad_event_units(&e);
}

/* Seconds as microseconds. */
static int64
microseconds(double seconds)
{
	return (int64) rint(seconds * USECS_PER_SEC);
}

/* Option "close": seconds since 1970 in UTC, as a time of events. */
static int64
read_close(JsonbContainer *object)
{
	JsonbValue	v;
	double		seconds;

	if (!object || !get_value(object, "close", &v))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("ad_marking_close needs option \"close\", the time at which the session of a partition closes"),
				 errhint("ad_marking_close_options(close => ...) makes it from a timestamp.")));
	if (v.type != jbvNumeric)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"close\" must be a number of seconds since 1970-01-01 00:00 UTC"),
				 errhint("ad_marking_close_options(close => ...) makes it from a timestamp.")));
	seconds = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
												 NumericGetDatum(v.val.numeric)));
	if (!(seconds >= -MAX_CLOSE_SECONDS && seconds <= MAX_CLOSE_SECONDS))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"close\" is out of range: %g", seconds),
				 errdetail("Allowed values are %.0f seconds before and after 1970.",
						   MAX_CLOSE_SECONDS)));
	return microseconds(seconds - EPOCH_SECONDS);
}

/* The place of a window in the raw form. */
static double *
window_of(RawOptions *raw, const WindowOption *w)
{
	return (double *) ((char *) raw + w->offset);
}

/* Read options into the raw form. */
static void
read_raw(Jsonb *options, AdMarketOwner owner, RawOptions *raw)
{
	JsonbContainer *object = options ? &options->root : NULL;

	memset(raw, 0, sizeof(RawOptions));
	if (object)
		ad_options_parse(object, owners[owner].name, owners[owner].table,
						 owners[owner].noptions, owners[owner].also, raw);
	else
		ad_options_defaults(owners[owner].table, owners[owner].noptions, raw);
	for (int i = 0; i < owners[owner].nwindows; i++)
		*window_of(raw, &owners[owner].windows[i]) =
			read_window(object, &owners[owner].windows[i]);
}

/*
 * Parse options; NULL means every default.  Strings are palloc'd in the
 * current context.
 */
void
ad_market_options(Jsonb *options, AdMarketOwner owner, AdMarketOptions *out)
{
	RawOptions	raw;

	memset(out, 0, offsetof(AdMarketOptions, words));
	out->words_json = NULL;
	out->dialect = NULL;
	ad_dialect_init(&out->words);
	read_raw(options, owner, &raw);
	if (options)
	{
		read_dialect(&options->root, out);
		read_all_words(&options->root, out);
	}
	out->skip_bad = raw.on_bad == ON_BAD_SKIP;
	out->layering.rule = (AdRule) raw.rule;
	out->layering.trade_rule = (AdTradeRule) raw.trade_rule;
	out->layering.orders_window = microseconds(raw.orders_window);
	out->layering.cancel_window = microseconds(raw.cancel_window);
	out->layering.trade_window = microseconds(raw.trade_window);
	out->layering.min_orders = raw.min_orders;
	out->layering.min_cancels = raw.min_cancels;
	out->layering.causal = raw.causal;
	out->layering.forget = microseconds(raw.forget_after);
	out->layering.amend = !raw.replace_counts;
	out->layering.dedup = raw.dedup;
	out->layering.min_imbalance = raw.min_imbalance;
	out->layering.min_price_levels = raw.min_price_levels;
	out->layering.max_events = (uint32) raw.max_partition_rows;
	out->layering.seed = ad_market_seed();
	out->wash.min_buy_trades = raw.min_buy_trades;
	out->wash.min_sell_trades = raw.min_sell_trades;
	out->wash.min_alternation = raw.min_alternation_percentage;
	out->wash.window = microseconds(raw.window_size);
	out->wash.price_change = raw.price_change_threshold;
	out->wash.merge = raw.merge;
	out->wash.dedup = raw.dedup;
	out->wash.seed = ad_market_seed();
	out->wash.max_events = (uint32) raw.max_partition_rows;
	if (owner == AD_OWNER_WASH && raw.min_total_volume > 0)
		out->wash.min_volume = volume_units(raw.min_total_volume);
	out->stuffing.window = microseconds(raw.window_size);
	out->stuffing.min_messages = raw.min_messages;
	out->stuffing.min_cancel_rate = raw.min_cancel_rate;
	out->closing.window = microseconds(raw.window_size);
	out->closing.min_trades = raw.min_trades;
	out->closing.min_imbalance = raw.min_imbalance;
	out->closing.min_volume_share = raw.min_volume_share;
	out->closing.min_move_bps = raw.min_move_bps;
	if (owner == AD_OWNER_CLOSING)
		out->closing.close = read_close(options ? &options->root : NULL);
}

/* Start a member of a JSON object. */
static void
key(StringInfo buf, const char *name)
{
	appendStringInfo(buf, "%s\"%s\": ", buf->len > 1 ? ", " : "", name);
}

static void
text_member(StringInfo buf, FunctionCallInfo fcinfo, int arg, const char *name)
{
	if (PG_ARGISNULL(arg))
		return;
	key(buf, name);
	escape_json(buf, ad_text_argument(PG_GETARG_DATUM(arg), name,
									  AD_MAX_WORD_LENGTH));
}

static void
int_member(StringInfo buf, FunctionCallInfo fcinfo, int arg, const char *name)
{
	if (PG_ARGISNULL(arg))
		return;
	key(buf, name);
	appendStringInfo(buf, "%d", PG_GETARG_INT32(arg));
}

/* A double that JSON can hold; NaN and infinities become text: refused. */
static void
double_value(StringInfo buf, double d)
{
	char		digits[DOUBLE_SHORTEST_DECIMAL_LEN];

	double_to_shortest_decimal_buf(d, digits);
	if (isfinite(d))
		appendStringInfoString(buf, digits);
	else
		escape_json(buf, digits);
}

static void
double_member(StringInfo buf, FunctionCallInfo fcinfo, int arg,
			  const char *name)
{
	if (PG_ARGISNULL(arg))
		return;
	key(buf, name);
	double_value(buf, PG_GETARG_FLOAT8(arg));
}

static void
bool_member(StringInfo buf, FunctionCallInfo fcinfo, int arg, const char *name)
{
	if (PG_ARGISNULL(arg))
		return;
	key(buf, name);
	appendStringInfoString(buf, PG_GETARG_BOOL(arg) ? "true" : "false");
}

static void
interval_member(StringInfo buf, FunctionCallInfo fcinfo, int arg,
				const char *name)
{
	if (PG_ARGISNULL(arg))
		return;
	key(buf, name);
	double_value(buf, interval_seconds(PG_GETARG_INTERVAL_P(arg), name));
}

/* A time of events as seconds since 1970. */
static double
close_seconds(int64 close)
{
	return (double) (close + (int64) (EPOCH_SECONDS * USECS_PER_SEC)) /
		USECS_PER_SEC;
}

static void
close_member(StringInfo buf, FunctionCallInfo fcinfo, int arg,
			 const char *name)
{
	TimestampTz close;

	if (PG_ARGISNULL(arg))
		return;
	close = PG_GETARG_TIMESTAMPTZ(arg);
	if (TIMESTAMP_NOT_FINITE(close))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be finite", name)));
	key(buf, name);
	double_value(buf, close_seconds(close));
}

static void
jsonb_member(StringInfo buf, FunctionCallInfo fcinfo, int arg,
			 const char *name)
{
	Jsonb	   *j;

	if (PG_ARGISNULL(arg))
		return;
	j = ad_jsonb_argument(PG_GETARG_DATUM(arg), name);
	key(buf, name);
	(void) JsonbToCString(buf, &j->root, VARSIZE(j));
}

/* Options as jsonb with every default spelled out; raises what parsing does. */
Jsonb *
ad_market_options_full(Jsonb *options, AdMarketOwner owner)
{
	AdMarketOptions *parsed = palloc(sizeof(AdMarketOptions));
	RawOptions	raw;
	StringInfoData buf;

	ad_market_options(options, owner, parsed);
	read_raw(options, owner, &raw);
	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	ad_options_print(&buf, owners[owner].table, owners[owner].noptions, &raw);
	for (int i = 0; i < owners[owner].nwindows; i++)
	{
		const WindowOption *w = &owners[owner].windows[i];
		double		seconds = *window_of(&raw, w);

		key(&buf, w->name);
		if (seconds > 0)
			double_value(&buf, seconds);
		else
			appendStringInfoString(&buf, "null");
	}
	if (owner == AD_OWNER_CLOSING)
	{
		key(&buf, "close");
		double_value(&buf, close_seconds(parsed->closing.close));
	}
	if (parsed->dialect)
	{
		key(&buf, "dialect");
		escape_json(&buf, parsed->dialect);
	}
	if (parsed->words_json)
	{
		key(&buf, "words");
		appendStringInfoString(&buf, parsed->words_json);
	}
	appendStringInfoChar(&buf, '}');
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in,
											  CStringGetDatum(buf.data)));
}

/* What a constructor was given as jsonb, in full. */
static Datum
print_options(StringInfo given, AdMarketOwner owner)
{
	Datum		options;

	appendStringInfoChar(given, '}');
	options = DirectFunctionCall1(jsonb_in, CStringGetDatum(given->data));
	return JsonbPGetDatum(ad_market_options_full(DatumGetJsonbP(options),
												 owner));
}

/* ad_layering_options(...): options of the layering functions as jsonb. */
Datum
ad_layering_options(PG_FUNCTION_ARGS)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	text_member(&buf, fcinfo, 0, "rule");
	text_member(&buf, fcinfo, 1, "trade_rule");
	interval_member(&buf, fcinfo, 2, "orders_window");
	interval_member(&buf, fcinfo, 3, "cancel_window");
	interval_member(&buf, fcinfo, 4, "opposite_trade_window");
	int_member(&buf, fcinfo, 5, "min_orders");
	int_member(&buf, fcinfo, 6, "min_cancels");
	text_member(&buf, fcinfo, 7, "on_bad");
	jsonb_member(&buf, fcinfo, 8, "words");
	bool_member(&buf, fcinfo, 9, "causal");
	interval_member(&buf, fcinfo, 10, "forget_after");
	int_member(&buf, fcinfo, 11, "max_partition_rows");
	if (PG_NARGS() > 12)		/* since 0.3.0 */
	{
		text_member(&buf, fcinfo, 12, "dialect");
		bool_member(&buf, fcinfo, 13, "replace_counts");
		bool_member(&buf, fcinfo, 14, "dedup");
		double_member(&buf, fcinfo, 15, "min_imbalance");
		int_member(&buf, fcinfo, 16, "min_price_levels");
	}
	return print_options(&buf, AD_OWNER_LAYERING);
}

/* ad_wash_trade_options(...): options of ad_wash_trade as jsonb. */
Datum
ad_wash_trade_options(PG_FUNCTION_ARGS)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	int_member(&buf, fcinfo, 0, "min_buy_trades");
	int_member(&buf, fcinfo, 1, "min_sell_trades");
	double_member(&buf, fcinfo, 2, "min_alternation_percentage");
	double_member(&buf, fcinfo, 3, "min_total_volume");
	interval_member(&buf, fcinfo, 4, "window_size");
	double_member(&buf, fcinfo, 5, "price_change_threshold");
	bool_member(&buf, fcinfo, 6, "merge");
	text_member(&buf, fcinfo, 7, "on_bad");
	jsonb_member(&buf, fcinfo, 8, "words");
	int_member(&buf, fcinfo, 9, "max_partition_rows");
	if (PG_NARGS() > 10)		/* since 0.3.0 */
	{
		text_member(&buf, fcinfo, 10, "dialect");
		bool_member(&buf, fcinfo, 11, "dedup");
	}
	return print_options(&buf, AD_OWNER_WASH);
}

/* ad_quote_stuffing_options(...): options of ad_quote_stuffing as jsonb. */
Datum
ad_quote_stuffing_options(PG_FUNCTION_ARGS)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	interval_member(&buf, fcinfo, 0, "window_size");
	int_member(&buf, fcinfo, 1, "min_messages");
	double_member(&buf, fcinfo, 2, "min_cancel_rate");
	text_member(&buf, fcinfo, 3, "on_bad");
	jsonb_member(&buf, fcinfo, 4, "words");
	int_member(&buf, fcinfo, 5, "max_partition_rows");
	text_member(&buf, fcinfo, 6, "dialect");
	bool_member(&buf, fcinfo, 7, "dedup");
	return print_options(&buf, AD_OWNER_STUFFING);
}

/* ad_marking_close_options(...): options of ad_marking_close as jsonb. */
Datum
ad_marking_close_options(PG_FUNCTION_ARGS)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	close_member(&buf, fcinfo, 0, "close");
	interval_member(&buf, fcinfo, 1, "window_size");
	int_member(&buf, fcinfo, 2, "min_trades");
	double_member(&buf, fcinfo, 3, "min_imbalance");
	double_member(&buf, fcinfo, 4, "min_volume_share");
	double_member(&buf, fcinfo, 5, "min_move_bps");
	text_member(&buf, fcinfo, 6, "on_bad");
	jsonb_member(&buf, fcinfo, 7, "words");
	int_member(&buf, fcinfo, 8, "max_partition_rows");
	text_member(&buf, fcinfo, 9, "dialect");
	bool_member(&buf, fcinfo, 10, "dedup");
	return print_options(&buf, AD_OWNER_CLOSING);
}
