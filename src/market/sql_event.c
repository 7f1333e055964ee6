/*-------------------------------------------------------------------------
 *
 * sql_event.c
 *		Order events from SQL values, and the type ad_order_event.
 *
 * Reading a row is the hot path of every market function: words are looked
 * up among spellings seen before (dialect.c), and a numeric of up to 16
 * digits is taken apart in place instead of through its text.  That reads
 * numeric's on-disk format, which pg_upgrade has kept fixed since 9.1; a
 * value that does not look as expected goes through numeric_out().
 *
 * ad_order_event packs an event into one value, so that a window function
 * pulls a row with a single fetch.
 *
 *-------------------------------------------------------------------------
 */
#include "market/ad_market_sql.h"

#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"

#define LONGEST_WORD	4096	/* bytes, with spaces around it */
#define LONGEST_ID		65536	/* the same of an order_id */
#define EVENT_HEADER	offsetof(AdOrderEventDatum, id)

PG_FUNCTION_INFO_V1(ad_order_event_in);
PG_FUNCTION_INFO_V1(ad_order_event_out);
PG_FUNCTION_INFO_V1(ad_order_event_recv);
PG_FUNCTION_INFO_V1(ad_order_event_send);
PG_FUNCTION_INFO_V1(ad_order_event_make);

/*
 * Take a numeric apart: mantissa * 10^exponent with at most 16 digits.
 * 1: done, 0: not in this way, -1: zero, negative, NaN or infinite.
 */
static int
numeric_parts(Datum value, int64 *mantissa, int *exponent)
{
	struct varlena *v = (struct varlena *) DatumGetPointer(value);
	const char *data;
	int			len;
	int			weight;
	int			ndigits;
	uint16		header;
	int64		m = 0;

	if (VARATT_IS_EXTENDED(v) && !VARATT_IS_SHORT(v))
		return 0;
	data = VARDATA_ANY(v);
	len = (int) VARSIZE_ANY_EXHDR(v);
	if (len < 2)
		return 0;
	memcpy(&header, data, 2);
	if ((header & 0xC000) == 0xC000)
		return -1;				/* NaN, infinities */
	if (header & 0x8000)
	{
		if (header & 0x2000)
			return -1;			/* negative, short form */
		weight = (header & 0x0040) ? (int) (header & 0x003F) - 64 :
			(int) (header & 0x003F);
		data += 2;
		len -= 2;
	}
	else
	{
		int16		w;

		if (len < 4)
			return 0;
		if ((header & 0xC000) == 0x4000)
			return -1;			/* negative */
		memcpy(&w, data + 2, 2);
		weight = w;
		data += 4;
		len -= 4;
	}
	ndigits = len / 2;
	if (ndigits == 0)
		return -1;				/* zero */
	if (ndigits > 4)
		return 0;
	for (int i = 0; i < ndigits; i++)
	{
		int16		d;

		memcpy(&d, data + 2 * i, 2);
		if (d < 0 || d >= 10000)
			return 0;
		m = m * 10000 + d;
	}
	*mantissa = m;
	*exponent = 4 * (weight - ndigits + 1);
	return 1;
}

static char *
numeric_text(Datum value)
{
	return DatumGetCString(DirectFunctionCall1(numeric_out, value));
}

/* A numeric price as the nearest double; false if it is not a price. */
static bool
price_from_numeric(Datum value, double *price)
{
	int64		m;
	int			e;
	int			parts = numeric_parts(value, &m, &e);

	if (parts < 0)
		return false;
	if (parts > 0 && m <= INT64CONST(9007199254740992) && e >= -22 && e <= 22)
	{
		/* both operands are exact, so the result is correctly rounded */
		*price = e < 0 ? (double) m / ad_pow10_double[-e] :
			(double) m * ad_pow10_double[e];
		return true;
	}
	*price = strtod(numeric_text(value), NULL);
	return *price > 0 && !isinf(*price);
}

/* A price of any supported type; false if it is not finite and positive. */
static bool
read_price(Oid type, Datum value, double *price)
{
	switch (type)
	{
		case NUMERICOID:
			return price_from_numeric(value, price);
		case FLOAT8OID:
			*price = DatumGetFloat8(value);
			break;
		case FLOAT4OID:
			*price = DatumGetFloat4(value);
			break;
		case INT8OID:
			*price = (double) DatumGetInt64(value);
			break;
		case INT4OID:
			*price = DatumGetInt32(value);
			break;
		default:
			*price = DatumGetInt16(value);
			break;
	}
	return *price > 0 && !isinf(*price);
}

/* A quantity of any supported type; false if it cannot be one. */
static bool
read_quantity(Oid type, Datum value, AdEvent *e)
{
	int64		qty;
	uint8		scale = 0;
	bool		good;

	switch (type)
	{
		case NUMERICOID:
			{
				int64		m;
				int			x;
				int			parts = numeric_parts(value, &m, &x);

				if (parts > 0)
					good = ad_quantity_from_digits(m, x, &qty, &scale);
				else
					good = parts == 0 &&
						ad_quantity_from_text(numeric_text(value), &qty,
											  &scale);
				break;
			}
		case FLOAT8OID:
			good = ad_quantity_from_double(DatumGetFloat8(value), &qty,
										   &scale);
			break;
		case FLOAT4OID:
			{
				float4		f = DatumGetFloat4(value);
				char		buf[FLOAT_SHORTEST_DECIMAL_LEN];

				good = f > 0 && !isinf(f);
				if (good)
				{
					float_to_shortest_decimal_buf(f, buf);
					good = ad_quantity_from_text(buf, &qty, &scale);
				}
				break;
			}
		case INT8OID:
			qty = DatumGetInt64(value);
			good = ad_quantity_from_digits(qty, 0, &qty, &scale);
			break;
		case INT4OID:
			qty = DatumGetInt32(value);
			good = qty > 0;
			break;
		default:
			qty = DatumGetInt16(value);
			good = qty > 0;
			break;
	}
	if (good)
	{
		e->qty = qty;
		e->scale = scale;
	}
	return good;
}

/* Set the types of price and quantity; an error names what is accepted. */
void
ad_row_types(AdRowReader *r, Oid price_type, Oid quantity_type)
{
	Oid			types[2];

	types[0] = r->price_type = getBaseType(price_type);
	types[1] = r->quantity_type = getBaseType(quantity_type);
	for (int i = 0; i < 2; i++)
		if (types[i] != NUMERICOID && types[i] != FLOAT8OID &&
			types[i] != FLOAT4OID && types[i] != INT8OID &&
			types[i] != INT4OID && types[i] != INT2OID)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("%s cannot be of type %s",
							i == 0 ? "price" : "quantity",
							format_type_be(types[i])),
					 errdetail("Expected numeric, bigint, integer, smallint, double precision or real.")));
}

/*
 * Read one column of a row into an event.  e->id points into the value.
 * Columns are those of AD_ROW_COLUMNS.
 */
AdBadRow
ad_row_column(AdRowReader *r, int column, Datum value, bool isnull,
			  AdEvent *e)
{
	int			code;

	switch (column)
	{
		case 0:
		case 1:
			{
				text	   *t;

				if (isnull)
					return column == 0 ? AD_ROW_TYPE_NULL : AD_ROW_SIDE_NULL;
				/* no word is that long; see before it is detoasted */
				if (ad_raw_length(value) > LONGEST_WORD)
					return column == 0 ? AD_ROW_TYPE_UNKNOWN :
						AD_ROW_SIDE_UNKNOWN;
				t = DatumGetTextPP(value);
				code = ad_dialect_lookup(r->words, column == 0 ? AD_DIALECT_EVENT :
										 AD_DIALECT_SIDE, VARDATA_ANY(t),
										 (int) VARSIZE_ANY_EXHDR(t));
				if (code < 0)
					return column == 0 ? AD_ROW_TYPE_UNKNOWN :
						AD_ROW_SIDE_UNKNOWN;
				if (column == 0)
					e->kind = code;
				else
					e->side = code;
				break;
			}
		case 2:
			if (isnull)
				return AD_ROW_PRICE_NULL;
			if (!read_price(r->price_type, value, &e->price))
				return AD_ROW_PRICE_RANGE;
			break;
		case 3:
			if (isnull)
				return AD_ROW_QUANTITY_NULL;
			if (!read_quantity(r->quantity_type, value, e))
				return AD_ROW_QUANTITY_RANGE;
			break;
		case 4:
			if (isnull)
				return AD_ROW_TS_NULL;
			e->ts = DatumGetTimestampTz(value);
			if (TIMESTAMP_NOT_FINITE(e->ts))
				return AD_ROW_TS_INFINITE;
			break;
		default:
			e->id = NULL;
			e->idlen = 0;
			if (!isnull)
			{
				text	   *t;
				const char *s;
				Size		len;

				if (ad_raw_length(value) > LONGEST_ID)
					return AD_ROW_ID_LONG;
				t = DatumGetTextPP(value);
				s = VARDATA_ANY(t);
				len = VARSIZE_ANY_EXHDR(t);
				while (len > 0 && s[0] == ' ')
				{
					s++;
					len--;
				}
				while (len > 0 && s[len - 1] == ' ')
					len--;
				if (len > AD_MAX_ORDER_ID)
					return AD_ROW_ID_LONG;
				e->id = len > 0 ? s : NULL;
				e->idlen = (unsigned int) len;
			}
			break;
	}
	return AD_ROW_GOOD;
}

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

/* The values of a row as text for a message: "name value, ..."; palloc'd. */
char *
ad_row_content(const Datum *values, const bool *nulls, const Oid *types,
			   int n)
{
	static const char *const names[AD_ROW_COLUMNS] = {
		"event_type", "side", "price", "quantity", "ts", "order_id"
	};
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < n; i++)
	{
		Oid			out;
		bool		varlena;
		char	   *s;

		appendStringInfo(&buf, "%s%s ", i > 0 ? ", " : "",
						 n == 1 ? "event" : names[i]);
		if (nulls[i])
		{
			appendStringInfoString(&buf, "null");
			continue;
		}
		getTypeOutputInfo(types[i], &out, &varlena);
		s = types[i] == TEXTOID ? ad_text_quote(values[i]) :
			ad_quote_clip(OidOutputFunctionCall(out, values[i]));
		appendStringInfo(&buf, "\"%s\"", s);
	}
	return buf.data;
}

/* Say why a row cannot be used. */
void
ad_row_refuse(AdBadRow bad, const AdDialect *words, const char *content)
{
	const char *message = NULL;
	const char *allowed = NULL;
	int			code = ERRCODE_NULL_VALUE_NOT_ALLOWED;

	switch (bad)
	{
		case AD_ROW_GOOD:
			elog(ERROR, "order event is good");
			break;
		case AD_ROW_EVENT_NULL:
			message = gettext_noop("order event cannot be null");
			break;
		case AD_ROW_TYPE_NULL:
			message = gettext_noop("event_type of an order event cannot be null");
			break;
		case AD_ROW_SIDE_NULL:
			message = gettext_noop("side of an order event cannot be null");
			break;
		case AD_ROW_PRICE_NULL:
			message = gettext_noop("price of an order event cannot be null");
			break;
		case AD_ROW_QUANTITY_NULL:
			message = gettext_noop("quantity of an order event cannot be null");
			break;
		case AD_ROW_TS_NULL:
			message = gettext_noop("ts of an order event cannot be null");
			break;
		case AD_ROW_TYPE_UNKNOWN:
			code = ERRCODE_INVALID_PARAMETER_VALUE;
			message = gettext_noop("unknown event_type of an order event");
			allowed = ad_dialect_list(words, AD_DIALECT_EVENT);
			break;
		case AD_ROW_SIDE_UNKNOWN:
			code = ERRCODE_INVALID_PARAMETER_VALUE;
			message = gettext_noop("unknown side of an order event");
			allowed = ad_dialect_list(words, AD_DIALECT_SIDE);
			break;
		case AD_ROW_PRICE_RANGE:
			code = ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE;
			message = gettext_noop("price of an order event must be finite and greater than 0");
			break;
		case AD_ROW_QUANTITY_RANGE:
			code = ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE;
			message = gettext_noop("quantity of an order event must be greater than 0, below 2^63 as its digits and have at most 18 decimals");
			break;
		case AD_ROW_TS_INFINITE:
			code = ERRCODE_DATETIME_VALUE_OUT_OF_RANGE;
			message = gettext_noop("ts of an order event must be finite");
			break;
		case AD_ROW_ID_LONG:
			code = ERRCODE_PROGRAM_LIMIT_EXCEEDED;
			message = gettext_noop("order_id of an order event is longer than 255 bytes");
			break;
	}
	ereport(ERROR,
			(errcode(code),
			 errmsg("%s", _(message)),
			 errdetail("Row: %s.", content),
			 allowed ? errhint("Known words: %s. Option \"words\" names others, on_bad => 'skip' passes such rows over.", allowed) :
			 errhint("Option on_bad => 'skip' passes such rows over.")));
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

	ad_row_types(&s->reader, get_fn_expr_argtype(fcinfo->flinfo, 2),
				 get_fn_expr_argtype(fcinfo->flinfo, 3));
	s->id_arg = s->options_arg = -1;
	for (int i = 5; i < PG_NARGS(); i++)
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

/* ad_order_event(event_type, side, price, quantity, ts [, order_id][, options]) */
Datum
ad_order_event_make(PG_FUNCTION_ARGS)
{
	MakeState  *s = fcinfo->flinfo->fn_extra;
	AdEvent		e;
	AdBadRow	bad = AD_ROW_GOOD;

	if (unlikely(s == NULL))
		s = make_state(fcinfo);

	if (s->options_arg >= 0 && !PG_ARGISNULL(s->options_arg))
	{
		Jsonb	   *options =
			ad_jsonb_argument(PG_GETARG_DATUM(s->options_arg), "options");

		if (!s->options_raw || s->options_len != VARSIZE(options) ||
			memcmp(s->options_raw, options, s->options_len) != 0)
		{
			MemoryContext old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);

			ad_market_options(options, AD_OWNER_EVENT, &s->options);
			if (s->options_raw)
				pfree(s->options_raw);
			s->options_len = VARSIZE(options);
			s->options_raw = palloc(s->options_len);
			memcpy(s->options_raw, options, s->options_len);
			s->parsed = true;
			MemoryContextSwitchTo(old);
		}
	}
	else if (!s->parsed || s->options_raw)
	{
		MemoryContext old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);

		ad_market_options(NULL, AD_OWNER_EVENT, &s->options);
		s->parsed = true;
		s->options_raw = NULL;
		MemoryContextSwitchTo(old);
	}

	memset(&e, 0, sizeof(e));
	for (int i = 0; i < 5 && bad == AD_ROW_GOOD; i++)
		bad = ad_row_column(&s->reader, i, PG_GETARG_DATUM(i),
							PG_ARGISNULL(i), &e);
	if (bad == AD_ROW_GOOD && s->id_arg >= 0)
		bad = ad_row_column(&s->reader, 5, PG_GETARG_DATUM(s->id_arg),
							PG_ARGISNULL(s->id_arg), &e);
	if (unlikely(bad != AD_ROW_GOOD))
	{
		Datum		values[AD_ROW_COLUMNS];
		bool		nulls[AD_ROW_COLUMNS];
		Oid			types[AD_ROW_COLUMNS];
		int			n = s->id_arg >= 0 ? 6 : 5;

		if (s->options.skip_bad)
			PG_RETURN_NULL();
		for (int i = 0; i < n; i++)
		{
			int			arg = i < 5 ? i : s->id_arg;

			values[i] = PG_GETARG_DATUM(arg);
			nulls[i] = PG_ARGISNULL(arg);
			types[i] = get_fn_expr_argtype(fcinfo->flinfo, arg);
		}
		ad_row_refuse(bad, &s->options.words,
					  ad_row_content(values, nulls, types, n));
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
	char	   *field[AD_ROW_COLUMNS];
	int			n = 0;
	AdDialect  *words = palloc(sizeof(AdDialect));
	AdEvent		e;
	char	   *end;
	int64		qty;
	uint8		scale;
	int			code;

	field[n++] = copy;
	for (char *p = copy; *p && n < AD_ROW_COLUMNS; p++)
		if (*p == ',')
		{
			*p = '\0';
			field[n++] = p + 1;
		}
	if (n < 5)
		bad_text(s, "There are too few fields.");

	memset(&e, 0, sizeof(e));
	ad_dialect_init(words);
	code = ad_dialect_lookup(words, AD_DIALECT_EVENT, field[0],
							 (int) strlen(field[0]));
	if (code < 0)
		bad_text(s, "The event_type is not known.");
	e.kind = code;
	code = ad_dialect_lookup(words, AD_DIALECT_SIDE, field[1],
							 (int) strlen(field[1]));
	if (code < 0)
		bad_text(s, "The side is not known.");
	e.side = code;
	errno = 0;
	e.price = strtod(field[2], &end);
	if (end == field[2] || *end != '\0' || !(e.price > 0) || isinf(e.price))
		bad_text(s, "The price must be a finite number greater than 0.");
	if (!ad_quantity_from_text(field[3], &qty, &scale))
		bad_text(s, "The quantity must be a decimal greater than 0, below 2^63 as its digits and with at most 18 decimals.");
	e.qty = qty;
	e.scale = scale;
	e.ts = DatumGetTimestampTz(DirectFunctionCall3(timestamptz_in,
												   CStringGetDatum(field[4]),
												   ObjectIdGetDatum(InvalidOid),
												   Int32GetDatum(-1)));
	if (TIMESTAMP_NOT_FINITE(e.ts))
		bad_text(s, "The ts must be finite.");
	if (n == AD_ROW_COLUMNS)
	{
		if (strlen(field[5]) > AD_MAX_ORDER_ID)
			bad_text(s, "The order_id must have at most 255 bytes.");
		e.id = field[5];
		e.idlen = (unsigned int) strlen(field[5]);
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
