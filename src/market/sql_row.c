/*-------------------------------------------------------------------------
 *
 * sql_row.c
 *		Order events from SQL values.
 *
 * Reading a row is the hot path of every market function: words are looked
 * up among spellings seen before (dialect.c), and a numeric of up to 16
 * digits is taken apart in place instead of through its text.  That reads
 * numeric's on-disk format, which pg_upgrade has kept fixed since 9.1; a
 * value that does not look as expected goes through numeric_out().
 *
 *-------------------------------------------------------------------------
 */
#include "market/ad_market_sql.h"

#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#define MAX_WORD_BYTES	4096	/* with spaces around it */
#define MAX_ID_BYTES	65536	/* the same of an order_id */

const char *const ad_row_names[AD_COLUMNS] = {
	"event_type", "side", "price", "quantity", "ts", "order_id"
};

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

/* Raise an error unless a price or a quantity may be of a type. */
static void
check_type(Oid type, AdRowColumn column)
{
	if (type != NUMERICOID && type != FLOAT8OID && type != FLOAT4OID &&
		type != INT8OID && type != INT4OID && type != INT2OID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("%s cannot be of type %s", ad_row_names[column],
						format_type_be(type)),
				 errdetail("Expected numeric, bigint, integer, smallint, double precision or real.")));
}

/* Set the types of price and quantity; an error names what is accepted. */
void
ad_row_types(AdRowReader *r, Oid price_type, Oid quantity_type)
{
	r->price_type = getBaseType(price_type);
	r->quantity_type = getBaseType(quantity_type);
	check_type(r->price_type, AD_COLUMN_PRICE);
	check_type(r->quantity_type, AD_COLUMN_QUANTITY);
}

/* The type that a column is read as. */
Oid
ad_row_type(const AdRowReader *r, AdRowColumn column)
{
	switch (column)
	{
		case AD_COLUMN_PRICE:
			return r->price_type;
		case AD_COLUMN_QUANTITY:
			return r->quantity_type;
		case AD_COLUMN_TS:
			return TIMESTAMPTZOID;
		default:
			return TEXTOID;
	}
}

/*
 * Read a word that means an event or a side; a code, -1 if it means nothing.
 */
static inline int
read_word(AdDialect *words, int kind, Datum value)
{
	text	   *t;

	/* no word is that long; see before it is detoasted */
	if (ad_raw_length(value) > MAX_WORD_BYTES)
		return -1;
	t = DatumGetTextPP(value);
	return ad_dialect_lookup(words, kind, VARDATA_ANY(t),
							 (int) VARSIZE_ANY_EXHDR(t));
}

/*
 * Read an order id without the spaces around it; none if nothing is left.
 * False if it is too long.  e->id points into the value.
 */
static inline bool
read_order_id(Datum value, AdEvent *e)
{
	text	   *t;
	const char *s;
	Size		len;

	if (ad_raw_length(value) > MAX_ID_BYTES)
		return false;
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
		return false;
	e->id = len > 0 ? s : NULL;
	e->idlen = (unsigned int) len;
	return true;
}

/*
 * Read one column of a row into an event.  e->id points into the value.
 */
AdBadRow
ad_row_column(AdRowReader *r, AdRowColumn column, Datum value, bool isnull,
			  AdEvent *e)
{
	int			code;

	switch (column)
	{
		case AD_COLUMN_EVENT_TYPE:
			if (isnull)
				return AD_ROW_TYPE_NULL;
			code = read_word(r->words, AD_DIALECT_EVENT, value);
			if (code < 0)
				return AD_ROW_TYPE_UNKNOWN;
			e->kind = code;
			break;
		case AD_COLUMN_SIDE:
			if (isnull)
				return AD_ROW_SIDE_NULL;
			code = read_word(r->words, AD_DIALECT_SIDE, value);
			if (code < 0)
				return AD_ROW_SIDE_UNKNOWN;
			e->side = code;
			break;
		case AD_COLUMN_PRICE:
			if (isnull)
				return AD_ROW_PRICE_NULL;
			if (!read_price(r->price_type, value, &e->price))
				return AD_ROW_PRICE_RANGE;
			break;
		case AD_COLUMN_QUANTITY:
			if (isnull)
				return AD_ROW_QUANTITY_NULL;
			if (!read_quantity(r->quantity_type, value, e))
				return AD_ROW_QUANTITY_RANGE;
			break;
		case AD_COLUMN_TS:
			if (isnull)
				return AD_ROW_TS_NULL;
			e->ts = DatumGetTimestampTz(value);
			if (TIMESTAMP_NOT_FINITE(e->ts))
				return AD_ROW_TS_INFINITE;
			break;
		case AD_COLUMN_ORDER_ID:
			e->id = NULL;
			e->idlen = 0;
			if (!isnull && !read_order_id(value, e))
				return AD_ROW_ID_LONG;
			break;
		case AD_COLUMNS:
			break;
	}
	return AD_ROW_GOOD;
}

/*
 * The values of a row as text for a message: "name value, ..."; palloc'd.
 * "columns" says which they are; NULL: the first.
 */
char *
ad_row_content(const Datum *values, const bool *nulls, const Oid *types,
			   const AdRowColumn *columns, int n)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < n; i++)
	{
		Oid			out;
		bool		varlena;
		char	   *s;

		appendStringInfo(&buf, "%s%s ", i > 0 ? ", " : "",
						 n == 1 ? "event" : ad_row_names[columns ? columns[i] : (AdRowColumn) i]);
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
