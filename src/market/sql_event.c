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

PG_FUNCTION_INFO_V1(ad_order_event_in);
PG_FUNCTION_INFO_V1(ad_order_event_out);
PG_FUNCTION_INFO_V1(ad_order_event_recv);
PG_FUNCTION_INFO_V1(ad_order_event_send);
PG_FUNCTION_INFO_V1(ad_order_event_make);

/* Read a packed event; e->id points into the value. */
AdBadRow
ad_row_packed(Datum value, bool isnull, AdEvent *e)
{
	AdOrderEventDatum *d;

	if (isnull)
		return AD_ROW_EVENT_NULL;
	d = (AdOrderEventDatum *) PG_DETOAST_DATUM(value);
	e->kind = d->kind;
	e->side = d->side;
	e->scale = d->scale;
	e->idlen = d->idlen;
	e->id = d->idlen > 0 ? d->id : NULL;
	e->ts = d->ts;
	e->price = d->price;
	e->qty = d->qty;
	return AD_ROW_GOOD;
}

/* A packed value from an event. */
static AdOrderEventDatum *
pack(const AdEvent *e)
{
	Size		size = EVENT_HEADER + e->idlen;
	AdOrderEventDatum *d = palloc(size);

	SET_VARSIZE(d, size);
	d->kind = (uint8) e->kind;
	d->side = (uint8) e->side;
	d->scale = (uint8) e->scale;
	d->idlen = (uint8) e->idlen;
	d->ts = e->ts;
	d->price = e->price;
	d->qty = e->qty;
	if (e->idlen > 0)
		memcpy(d->id, e->id, e->idlen);
	return d;
}

typedef struct MakeState		/* of one call of ad_order_event() */
{
	AdRowReader reader;
	AdMarketOptions options;
	bool		parsed;
	Size		options_len;
	char	   *options_raw;
	int			id_arg;			/* or -1 */
	int			options_arg;	/* or -1 */
} MakeState;

/* Find the arguments' places and types for a call. */
static MakeState *
make_state(FunctionCallInfo fcinfo)
{
	MakeState  *s = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt,
										   sizeof(MakeState));

	ad_row_types(&s->reader,
				 get_fn_expr_argtype(fcinfo->flinfo, AD_COLUMN_PRICE),
				 get_fn_expr_argtype(fcinfo->flinfo, AD_COLUMN_QUANTITY));
	s->id_arg = s->options_arg = -1;
	for (int i = AD_COLUMN_ORDER_ID; i < PG_NARGS(); i++)
	{
		if (get_fn_expr_argtype(fcinfo->flinfo, i) == JSONBOID)
			s->options_arg = i;
		else
			s->id_arg = i;
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
	Datum		values[AD_COLUMNS];
	bool		nulls[AD_COLUMNS];
	Oid			types[AD_COLUMNS];
	int			n = s->id_arg >= 0 ? AD_COLUMNS : AD_COLUMN_ORDER_ID;

	for (int i = 0; i < n; i++)
	{
		int			arg = i < AD_COLUMN_ORDER_ID ? i : s->id_arg;

		values[i] = PG_GETARG_DATUM(arg);
		nulls[i] = PG_ARGISNULL(arg);
		types[i] = get_fn_expr_argtype(fcinfo->flinfo, arg);
	}
	ad_row_refuse(bad, &s->options.words,
				  ad_row_content(values, nulls, types, NULL, n));
}

/* ad_order_event(event_type, side, price, quantity, ts [, order_id][, options]) */
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
	for (int i = 0; i < AD_COLUMN_ORDER_ID && bad == AD_ROW_GOOD; i++)
		bad = ad_row_column(&s->reader, i, PG_GETARG_DATUM(i),
							PG_ARGISNULL(i), &e);
	if (bad == AD_ROW_GOOD && s->id_arg >= 0)
		bad = ad_row_column(&s->reader, AD_COLUMN_ORDER_ID,
							PG_GETARG_DATUM(s->id_arg),
							PG_ARGISNULL(s->id_arg), &e);
	if (unlikely(bad != AD_ROW_GOOD))
	{
		if (s->options.skip_bad)
			PG_RETURN_NULL();
		refuse_arguments(s, fcinfo, bad);
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
			 errdetail("%s Expected event_type,side,price,quantity,ts[,order_id].",
					   detail)));
}

/* Text in: event_type,side,price,quantity,ts[,order_id]; the id is the rest. */
Datum
ad_order_event_in(PG_FUNCTION_ARGS)
{
	char	   *s = PG_GETARG_CSTRING(0);
	char	   *copy = pstrdup(s);
	char	   *field[AD_COLUMNS];
	int			n = 0;
	AdDialect  *words = palloc(sizeof(AdDialect));
	AdEvent		e;
	char	   *end;
	int64		qty;
	uint8		scale;
	int			code;

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
	errno = 0;
	e.price = strtod(field[AD_COLUMN_PRICE], &end);
	if (end == field[AD_COLUMN_PRICE] || *end != '\0' || !(e.price > 0) || isinf(e.price))
		bad_text(s, "The price must be a finite number greater than 0.");
	if (!ad_quantity_from_text(field[AD_COLUMN_QUANTITY], &qty, &scale))
		bad_text(s, "The quantity must be a decimal greater than 0, below 2^63 as its digits and with at most 18 decimals.");
	e.qty = qty;
	e.scale = scale;
	e.ts = DatumGetTimestampTz(DirectFunctionCall3(timestamptz_in,
												   CStringGetDatum(field[AD_COLUMN_TS]),
												   ObjectIdGetDatum(InvalidOid),
												   Int32GetDatum(-1)));
	if (TIMESTAMP_NOT_FINITE(e.ts))
		bad_text(s, "The ts must be finite.");
	if (n == AD_COLUMNS)
	{
		if (strlen(field[AD_COLUMN_ORDER_ID]) > AD_MAX_ORDER_ID)
			bad_text(s, "The order_id must have at most 255 bytes.");
		e.id = field[AD_COLUMN_ORDER_ID];
		e.idlen = (unsigned int) strlen(field[AD_COLUMN_ORDER_ID]);
	}
	PG_RETURN_POINTER(pack(&e));
}

/* Text out, as text in reads it; the time is in UTC whatever the settings. */
Datum
ad_order_event_out(PG_FUNCTION_ARGS)
{
	AdOrderEventDatum *d = (AdOrderEventDatum *) PG_GETARG_VARLENA_P(0);
	StringInfoData buf;
	char		price[DOUBLE_SHORTEST_DECIMAL_LEN];
	char		time[MAXDATELEN + 1];
	struct pg_tm tm;
	fsec_t		fsec;
	int			tz = 0;
	AdEvent		e;

	(void) ad_row_packed(PointerGetDatum(d), false, &e);
	double_to_shortest_decimal_buf(d->price, price);
	if (timestamp2tm(d->ts, NULL, &tm, &fsec, NULL, NULL) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range")));
	tm.tm_isdst = 0;			/* else the zone is left out */
	EncodeDateTime(&tm, fsec, true, tz, NULL, USE_XSD_DATES, time);
	initStringInfo(&buf);
	appendStringInfo(&buf, "%s,%s,%s,%s,%s", ad_event_word(d->kind),
					 ad_side_word(d->side), price,
					 ad_quantity_text(ad_event_units(&e)), time);
	if (d->idlen > 0)
	{
		appendStringInfoChar(&buf, ',');
		appendBinaryStringInfo(&buf, d->id, d->idlen);
	}
	PG_RETURN_CSTRING(buf.data);
}

/* Binary in: version 1, then the fields; everything is checked. */
Datum
ad_order_event_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	AdEvent		e;
	int			version = pq_getmsgbyte(buf);
	int			kind = pq_getmsgbyte(buf);
	int			side = pq_getmsgbyte(buf);
	int			scale = pq_getmsgbyte(buf);
	int			idlen = pq_getmsgbyte(buf);
	int64		qty;
	uint8		norm_scale;
	char	   *id;

	if (version != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("unsupported ad_order_event version number %d",
						version)));
	memset(&e, 0, sizeof(e));
	e.ts = pq_getmsgint64(buf);
	e.price = pq_getmsgfloat8(buf);
	qty = pq_getmsgint64(buf);
	if (kind < AD_EVENT_ORDER || kind > AD_EVENT_TRADE || side > AD_SELL ||
		!IS_VALID_TIMESTAMP(e.ts) || TIMESTAMP_NOT_FINITE(e.ts) ||
		!(e.price > 0) || isinf(e.price) || scale > AD_QTY_DECIMALS ||
		!ad_quantity_from_digits(qty, -scale, &qty, &norm_scale))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid ad_order_event in binary input"),
				 errdetail("Kind %d, side %d, scale %d, price, quantity or ts is out of range.",
						   kind, side, scale)));
	e.kind = kind;
	e.side = side;
	e.qty = qty;
	e.scale = norm_scale;
	if (idlen > 0)
	{
		int			nbytes;

		id = pq_getmsgtext(buf, idlen, &nbytes);
		if (nbytes > AD_MAX_ORDER_ID || strlen(id) != (size_t) nbytes)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
					 errmsg("invalid order_id in binary input")));
		e.id = id;
		e.idlen = (unsigned int) nbytes;
	}
	PG_RETURN_POINTER(pack(&e));
}

/* Binary out, as binary in reads it. */
Datum
ad_order_event_send(PG_FUNCTION_ARGS)
{
	AdOrderEventDatum *d = (AdOrderEventDatum *) PG_GETARG_VARLENA_P(0);
	char	   *id = pnstrdup(d->id, d->idlen);
	char	   *sent = pg_server_to_client(id, d->idlen);
	int			len = (int) strlen(sent);
	StringInfoData buf;

	if (len > AD_MAX_ORDER_ID)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("order_id of an order event is longer than 255 bytes")));
	pq_begintypsend(&buf);
	pq_sendint8(&buf, 1);
	pq_sendint8(&buf, d->kind);
	pq_sendint8(&buf, d->side);
	pq_sendint8(&buf, d->scale);
	pq_sendint8(&buf, (uint8) len);
	pq_sendint64(&buf, d->ts);
	pq_sendfloat8(&buf, d->price);
	pq_sendint64(&buf, d->qty);
	pq_sendbytes(&buf, sent, len);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}
