/*-------------------------------------------------------------------------
 *
 * sql_event.c
 *		The type ad_order_event.
 *
 * A value packs an event, so that a window function pulls a row with a
 * single fetch.
 *
 *-------------------------------------------------------------------------
 */
#include "market/ad_market_sql.h"

#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"
#include "utils/datetime.h"

#define EVENT_HEADER	offsetof(AdOrderEventDatum, id)
#define IGNORED			"IGNORED"	/* the text of a row that changes nothing */

PG_FUNCTION_INFO_V1(ad_order_event_in);
PG_FUNCTION_INFO_V1(ad_order_event_out);
PG_FUNCTION_INFO_V1(ad_order_event_recv);
PG_FUNCTION_INFO_V1(ad_order_event_send);
PG_FUNCTION_INFO_V1(ad_order_event_make);

/* Read a packed event; its ids point into the value, NULL if there are none. */
AdBadRow
ad_row_packed(Datum value, bool isnull, AdEvent *e)
{
	AdOrderEventDatum *d;
	Size		more;

	if (isnull)
		return AD_ROW_EVENT_NULL;
	d = (AdOrderEventDatum *) PG_DETOAST_DATUM(value);
	if (unlikely(d->kind == AD_EVENT_IGNORE))
		return AD_ROW_IGNORED;
	e->kind = d->kind;
	e->side = d->side;
	e->flags = d->qty == 0 ? AD_EVENT_NO_QTY : 0;
	e->scale = d->scale;
	e->idlen = d->idlen;
	e->newlen = e->evlen = 0;
	e->id = d->idlen > 0 ? d->id : NULL;
	e->ts = d->ts;
	e->price = d->price;
	e->qty = d->qty;
	more = VARSIZE(d) - EVENT_HEADER - d->idlen;
	if (unlikely(more > 0))
	{
		e->id = d->id;
		e->newlen = (uint8) d->id[d->idlen + more - 2];
		e->evlen = (uint8) d->id[d->idlen + more - 1];
	}
	return AD_ROW_GOOD;
}

/* A packed value from an event. */
static AdOrderEventDatum *
pack(const AdEvent *e)
{
	Size		nids = (Size) e->idlen + e->newlen + e->evlen;
	bool		more = e->newlen > 0 || e->evlen > 0;
	Size		size = EVENT_HEADER + nids + (more ? 2 : 0);
	AdOrderEventDatum *d = palloc(size);

	SET_VARSIZE(d, size);
	d->kind = (uint8) e->kind;
	d->side = (uint8) e->side;
	d->scale = (uint8) e->scale;
	d->idlen = (uint8) e->idlen;
	d->ts = e->ts;
	d->price = e->price;
	d->qty = e->qty;
	if (nids > 0)
		memcpy(d->id, e->id, nids);
	if (more)
	{
		d->id[nids] = (char) e->newlen;
		d->id[nids + 1] = (char) e->evlen;
	}
	return d;
}

/* The packed form of a row that is ignored. */
static AdOrderEventDatum *
pack_ignored(void)
{
	AdEvent		e;

	memset(&e, 0, sizeof(e));
	e.kind = AD_EVENT_IGNORE;
	e.price = (double) NAN;
	return pack(&e);
}

typedef struct MakeState		/* of one call of ad_order_event() */
{
	AdRowReader reader;
	AdMarketOptions options;
	bool		parsed;
	Size		options_len;
	char	   *options_raw;
	int			args[AD_ALL_COLUMNS];	/* of the columns, or -1 */
	int			options_arg;	/* or -1 */
} MakeState;

/* Find the arguments' places and types for a call. */
static MakeState *
make_state(FunctionCallInfo fcinfo)
{
	MakeState  *s = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt,
										   sizeof(MakeState));
	int			column = AD_COLUMN_ORDER_ID;

	ad_row_types(&s->reader,
				 get_fn_expr_argtype(fcinfo->flinfo, AD_COLUMN_PRICE),
				 get_fn_expr_argtype(fcinfo->flinfo, AD_COLUMN_QUANTITY));
	s->options_arg = -1;
	for (int c = 0; c < AD_ALL_COLUMNS; c++)
		s->args[c] = c < column ? c : -1;
	for (int i = column; i < PG_NARGS(); i++)
	{
		if (get_fn_expr_argtype(fcinfo->flinfo, i) == JSONBOID)
			s->options_arg = i;
		else
			s->args[column++] = i;
	}
	s->reader.words = &s->options.words;
	fcinfo->flinfo->fn_extra = s;
	return s;
}

/* Parse the options of a call, unless they are those of the call before. */
static inline void
parse_options(MakeState *s, FunctionCallInfo fcinfo)
{
	Jsonb	   *options = NULL;
	MemoryContext old;

	if (s->options_arg >= 0 && !PG_ARGISNULL(s->options_arg))
		options = ad_jsonb_argument(PG_GETARG_DATUM(s->options_arg),
									"options");
	if (options ? s->options_raw && s->options_len == VARSIZE(options) &&
		memcmp(s->options_raw, options, s->options_len) == 0 :
		s->parsed && !s->options_raw)
		return;

	old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	ad_market_options(options, AD_OWNER_EVENT, &s->options);
	if (s->options_raw)
		pfree(s->options_raw);
	s->options_raw = NULL;
	if (options)
	{
		s->options_len = VARSIZE(options);
		s->options_raw = palloc(s->options_len);
		memcpy(s->options_raw, options, s->options_len);
	}
	s->parsed = true;
	MemoryContextSwitchTo(old);
}

/* Say why the arguments of a call are no event. */
static void
refuse_arguments(MakeState *s, FunctionCallInfo fcinfo, AdBadRow bad)
{
	Datum		values[AD_ALL_COLUMNS];
	bool		nulls[AD_ALL_COLUMNS];
	Oid			types[AD_ALL_COLUMNS];
	int			n = 0;

	for (; n < AD_ALL_COLUMNS && s->args[n] >= 0; n++)
	{
		values[n] = PG_GETARG_DATUM(s->args[n]);
		nulls[n] = PG_ARGISNULL(s->args[n]);
		types[n] = get_fn_expr_argtype(fcinfo->flinfo, s->args[n]);
	}
	while (n > AD_COLUMNS && nulls[n - 1])
		n--;
	ad_row_refuse(bad, &s->options.words,
				  ad_row_content(values, nulls, types, NULL, n));
}

/*
 * ad_order_event(event_type, side, price, quantity, ts [, order_id][, options]
 * [, new_order_id [, event_id]])
 */
Datum
ad_order_event_make(PG_FUNCTION_ARGS)
{
	MakeState  *s = fcinfo->flinfo->fn_extra;
	AdEvent		e;
	AdBadRow	bad = AD_ROW_GOOD;

	if (unlikely(s == NULL))
		s = make_state(fcinfo);
	parse_options(s, fcinfo);

	memset(&e, 0, sizeof(e));
	for (int c = 0; c < AD_ALL_COLUMNS && s->args[c] >= 0 && bad == AD_ROW_GOOD; c++)
		bad = ad_row_column(&s->reader, c, PG_GETARG_DATUM(s->args[c]),
							PG_ARGISNULL(s->args[c]), &e);
	if (unlikely(bad == AD_ROW_IGNORED))
		PG_RETURN_POINTER(pack_ignored());
	if (unlikely(bad != AD_ROW_GOOD))
	{
		if (s->options.skip_bad)
			PG_RETURN_NULL();
		refuse_arguments(s, fcinfo, bad);
	}
	if (e.newlen > 0 || e.evlen > 0)
	{
		char		ids[3 * AD_MAX_ORDER_ID];

		ad_row_join_ids(ids, &s->reader, &e);
		PG_RETURN_POINTER(pack(&e));
	}
	PG_RETURN_POINTER(pack(&e));
}

/* Say that text is not an ad_order_event. */
static void
bad_text(const char *s, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid input syntax for type %s: \"%s\"",
					"ad_order_event", ad_quote_clip(s)),
			 errdetail("%s Expected event_type,side,price,quantity,ts[,order_id] or event_type,side,price,quantity,ts,\"order_id\",\"new_order_id\",\"event_id\".",
					   detail)));
}

/*
 * Read three texts in quotes, doubled within, and nothing else; they are moved
 * to where they begin, one behind the other.  False: it is something else.
 */
static bool
read_quoted(char *s, Size len[3])
{
	char	   *from = s;
	char	   *to = s;

	/* look before anything is moved */
	for (int i = 0; i < 3; i++)
	{
		if (*from++ != '"')
			return false;
		while (*from != '\0' && (*from != '"' || from[1] == '"'))
			from += *from == '"' ? 2 : 1;
		if (*from++ != '"' || *from++ != (i < 2 ? ',' : '\0'))
			return false;
	}
	from = s;
	for (int i = 0; i < 3; i++)
	{
		char	   *start = to;

		for (from++; *from != '"' || from[1] == '"'; from++)
		{
			*to++ = *from;
			from += *from == '"';
		}
		len[i] = to - start;
		from += 2;
	}
	return true;
}

/* Read the ids of an event's text: the order id as it stands, or all three. */
static void
read_ids(const char *s, char *ids, AdEvent *e)
{
	Size		len[3] = {strlen(ids), 0, 0};

	(void) read_quoted(ids, len);
	for (int i = 0; i < 3; i++)
		if (len[i] > AD_MAX_ORDER_ID)
			bad_text(s, i == 0 ? "The order_id must have at most 255 bytes." :
					 "An id must have at most 255 bytes.");
	e->id = ids;
	e->idlen = (unsigned int) len[0];
	e->newlen = (uint8) len[1];
	e->evlen = (uint8) len[2];
}

/* Read price and quantity of an event's text; empty: none. */
static void
read_numbers(const char *s, const char *price, const char *quantity,
			 AdEvent *e)
{
	char	   *end;
	int64		qty;
	uint8		scale;

	errno = 0;
	e->price = strtod(price, &end);
	if (*price == '\0')
		e->price = (double) NAN;
	else if (end == price || *end != '\0' || !isfinite(e->price))
		bad_text(s, "The price must be a finite number.");
	e->price = ad_price_normal(e->price);
	if (*quantity == '\0' &&
		(e->kind == AD_EVENT_CANCEL || e->kind == AD_EVENT_EXPIRE))
		e->flags = AD_EVENT_NO_QTY;
	else if (ad_quantity_from_text(quantity, &qty, &scale))
	{
		e->qty = qty;
		e->scale = scale;
	}
	else
		bad_text(s, "The quantity must be a decimal greater than 0, below 2^63 as its digits and with at most 18 decimals.");
}

/* Text in: see bad_text(); a single order id is the rest. */
Datum
ad_order_event_in(PG_FUNCTION_ARGS)
{
	char	   *s = PG_GETARG_CSTRING(0);
	char	   *copy = pstrdup(s);
	char	   *field[AD_COLUMNS];
	int			n = 0;
	AdDialect  *words = palloc(sizeof(AdDialect));
	AdEvent		e;
	int			code;

	if (strcmp(s, IGNORED) == 0)
		PG_RETURN_POINTER(pack_ignored());
	field[n++] = copy;
	for (char *p = copy; *p && n < AD_COLUMNS; p++)
		if (*p == ',')
		{
			*p = '\0';
			field[n++] = p + 1;
		}
	if (n < AD_COLUMN_ORDER_ID)
		bad_text(s, "There are too few fields.");

	memset(&e, 0, sizeof(e));
	ad_dialect_init(words);
	code = ad_dialect_lookup(words, AD_DIALECT_EVENT, field[AD_COLUMN_EVENT_TYPE],
							 (int) strlen(field[AD_COLUMN_EVENT_TYPE]));
	if (code < 0)
		bad_text(s, "The event_type is not known.");
	e.kind = code;
	code = ad_dialect_lookup(words, AD_DIALECT_SIDE, field[AD_COLUMN_SIDE],
							 (int) strlen(field[AD_COLUMN_SIDE]));
	if (code < 0)
		bad_text(s, "The side is not known.");
	e.side = code;
	read_numbers(s, field[AD_COLUMN_PRICE], field[AD_COLUMN_QUANTITY], &e);
	e.ts = DatumGetTimestampTz(DirectFunctionCall3(timestamptz_in,
												   CStringGetDatum(field[AD_COLUMN_TS]),
												   ObjectIdGetDatum(InvalidOid),
												   Int32GetDatum(-1)));
	if (TIMESTAMP_NOT_FINITE(e.ts))
		bad_text(s, "The ts must be finite.");
	if (n == AD_COLUMNS)
		read_ids(s, field[AD_COLUMN_ORDER_ID], &e);
	PG_RETURN_POINTER(pack(&e));
}

/* Append a text in quotes. */
static void
append_quoted(StringInfo buf, const char *s, Size len)
{
	appendStringInfoString(buf, ",\"");
	for (Size i = 0; i < len; i++)
	{
		if (s[i] == '"')
			appendStringInfoChar(buf, '"');
		appendStringInfoChar(buf, s[i]);
	}
	appendStringInfoChar(buf, '"');
}

/* Append the ids of an event so that they read back. */
static void
append_ids(StringInfo buf, const AdEvent *e)
{
	Size		len[3];

	if (e->newlen == 0 && e->evlen == 0)
	{
		char	   *id = pnstrdup(e->id ? e->id : "", e->idlen);

		if (e->idlen == 0)
			return;
		if (!read_quoted(id, len))
		{
			appendStringInfoChar(buf, ',');
			appendBinaryStringInfo(buf, e->id, (int) e->idlen);
			return;
		}
	}
	append_quoted(buf, e->id, e->idlen);
	append_quoted(buf, e->id + e->idlen, e->newlen);
	append_quoted(buf, e->id + e->idlen + e->newlen, e->evlen);
}

/* Text out, as text in reads it; the time is in UTC whatever the settings. */
Datum
ad_order_event_out(PG_FUNCTION_ARGS)
{
	StringInfoData buf;
	char		price[DOUBLE_SHORTEST_DECIMAL_LEN] = "";
	char		time[MAXDATELEN + 1];
	struct pg_tm tm;
	fsec_t		fsec;
	int			tz = 0;
	AdEvent		e;

	memset(&e, 0, sizeof(e));
	if (ad_row_packed(PG_GETARG_DATUM(0), false, &e) == AD_ROW_IGNORED)
		PG_RETURN_CSTRING(pstrdup(IGNORED));
	if (!isnan(e.price))
		double_to_shortest_decimal_buf(e.price, price);
	if (timestamp2tm(e.ts, NULL, &tm, &fsec, NULL, NULL) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range")));
	tm.tm_isdst = 0;			/* else the zone is left out */
	EncodeDateTime(&tm, fsec, true, tz, NULL, USE_XSD_DATES, time);
	initStringInfo(&buf);
	appendStringInfo(&buf, "%s,%s,%s,%s,%s", ad_event_word(e.kind),
					 ad_side_word(e.side), price,
					 e.flags & AD_EVENT_NO_QTY ? "" :
					 ad_quantity_text(ad_event_units(&e)), time);
	append_ids(&buf, &e);
	PG_RETURN_CSTRING(buf.data);
}

/* Whether the fields of an event that was received can be one's. */
static bool
sound_fields(AdEvent *e, int kind, int side, int scale, int64 qty)
{
	uint8		normal = 0;

	if (kind < AD_EVENT_ORDER || kind > AD_EVENT_EXPIRE || side > AD_SELL ||
		scale > AD_QTY_DECIMALS || !IS_VALID_TIMESTAMP(e->ts) ||
		TIMESTAMP_NOT_FINITE(e->ts) || isinf(e->price))
		return false;
	if (qty == 0 && scale == 0 &&
		(kind == AD_EVENT_CANCEL || kind == AD_EVENT_EXPIRE))
		e->flags = AD_EVENT_NO_QTY;
	else if (!ad_quantity_from_digits(qty, -scale, &qty, &normal))
		return false;
	e->kind = kind;
	e->side = side;
	e->qty = qty;
	e->scale = normal;
	e->price = ad_price_normal(e->price);
	return true;
}

/* An id in binary input, in the encoding of the server. */
static char *
receive_id(StringInfo buf, int len, int *nbytes)
{
	char	   *id;

	*nbytes = 0;
	if (len == 0)
		return "";
	id = pq_getmsgtext(buf, len, nbytes);
	if (*nbytes > AD_MAX_ORDER_ID || strlen(id) != (size_t) *nbytes)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid order_id in binary input")));
	return id;
}

/*
 * Binary in: the version, then the fields; everything is checked.  Version 2
 * has two more lengths, of the new order id and the event's id.
 */
Datum
ad_order_event_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	AdEvent		e;
	int			version = pq_getmsgbyte(buf);
	int			kind = pq_getmsgbyte(buf);
	int			side;
	int			scale;
	int			len[3] = {0, 0, 0};
	int64		qty;
	StringInfoData ids;

	if (version != 1 && version != 2)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("unsupported ad_order_event version number %d",
						version)));
	if (version == 2 && kind == AD_EVENT_IGNORE)
		PG_RETURN_POINTER(pack_ignored());
	side = pq_getmsgbyte(buf);
	scale = pq_getmsgbyte(buf);
	for (int i = 0; i < (version == 1 ? 1 : 3); i++)
		len[i] = pq_getmsgbyte(buf);
	memset(&e, 0, sizeof(e));
	e.ts = pq_getmsgint64(buf);
	e.price = pq_getmsgfloat8(buf);
	qty = pq_getmsgint64(buf);
	if (!sound_fields(&e, kind, side, scale, qty))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid ad_order_event in binary input"),
				 errdetail("Kind %d, side %d, scale %d, price, quantity or ts is out of range.",
						   kind, side, scale)));
	initStringInfo(&ids);
	for (int i = 0; i < 3; i++)
	{
		char	   *id = receive_id(buf, len[i], &len[i]);

		appendBinaryStringInfo(&ids, id, len[i]);
	}
	e.id = ids.data;
	e.idlen = (unsigned int) len[0];
	e.newlen = (uint8) len[1];
	e.evlen = (uint8) len[2];
	PG_RETURN_POINTER(pack(&e));
}

/* Whether an event can be said in version 1, which older releases read. */
static bool
is_version_1(const AdEvent *e)
{
	return e->kind <= AD_EVENT_TRADE && e->price > 0 &&
		!(e->flags & AD_EVENT_NO_QTY) && e->newlen == 0 && e->evlen == 0;
}

/* Binary out, as binary in reads it. */
Datum
ad_order_event_send(PG_FUNCTION_ARGS)
{
	AdEvent		e;
	char	   *sent[3];
	int			len[3];
	StringInfoData buf;
	bool		old;

	memset(&e, 0, sizeof(e));
	pq_begintypsend(&buf);
	if (ad_row_packed(PG_GETARG_DATUM(0), false, &e) == AD_ROW_IGNORED)
	{
		pq_sendint8(&buf, 2);
		pq_sendint8(&buf, AD_EVENT_IGNORE);
		PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
	}
	len[0] = (int) e.idlen;
	len[1] = e.newlen;
	len[2] = e.evlen;
	for (int i = 0; i < 3; i++)
	{
		char	   *id = pnstrdup(len[i] > 0 ? e.id : "", len[i]);

		if (len[i] > 0)
			e.id += len[i];
		sent[i] = pg_server_to_client(id, len[i]);
		len[i] = (int) strlen(sent[i]);
		if (len[i] > AD_MAX_ORDER_ID)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("order_id of an order event is longer than 255 bytes")));
	}
	old = is_version_1(&e);
	pq_sendint8(&buf, old ? 1 : 2);
	pq_sendint8(&buf, (uint8) e.kind);
	pq_sendint8(&buf, (uint8) e.side);
	pq_sendint8(&buf, (uint8) e.scale);
	for (int i = 0; i < (old ? 1 : 3); i++)
		pq_sendint8(&buf, (uint8) len[i]);
	pq_sendint64(&buf, e.ts);
	pq_sendfloat8(&buf, e.price);
	pq_sendint64(&buf, e.qty);
	for (int i = 0; i < 3; i++)
		pq_sendbytes(&buf, sent[i], len[i]);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}
