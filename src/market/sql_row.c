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
#define ARENA_CHUNK		8192

const char *const ad_row_names[AD_ALL_COLUMNS] = {
	"event_type", "side", "price", "quantity", "ts", "order_id",
	"new_order_id", "event_id"
};

/*
 * Take a numeric apart: mantissa * 10^exponent with at most 16 digits.
 * 1: done, 0: not in this way, -1: NaN or infinite.
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
	bool		negative;

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
		negative = (header & 0x2000) != 0;
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
		negative = (header & 0xC000) == 0x4000;
		memcpy(&w, data + 2, 2);
		weight = w;
		data += 4;
		len -= 4;
	}
	ndigits = len / 2;
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
	*mantissa = negative ? -m : m;
	*exponent = ndigits == 0 ? 0 : 4 * (weight - ndigits + 1);
	return 1;
}

static char *
numeric_text(Datum value)
{
	return DatumGetCString(DirectFunctionCall1(numeric_out, value));
}

/* A numeric price as the nearest double; false if it is not finite. */
static bool
price_from_numeric(Datum value, double *price)
{
	int64		m;
	int			e;
	int			parts = numeric_parts(value, &m, &e);

	if (parts < 0)
		return false;
	if (parts > 0 && m <= INT64CONST(9007199254740992) &&
		m >= -INT64CONST(9007199254740992) && e >= -22 && e <= 22)
	{
		/* both operands are exact, so the result is correctly rounded */
		*price = e < 0 ? (double) m / ad_pow10_double[-e] :
			(double) m * ad_pow10_double[e];
		return true;
	}
	*price = strtod(numeric_text(value), NULL);
	return isfinite(*price);
}

/* A price of any supported type; false if it is not finite. */
static bool
read_price(Oid type, Datum value, double *price)
{
	switch (type)
	{
		case NUMERICOID:
			if (!price_from_numeric(value, price))
				return false;
			break;
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
	*price = ad_price_normal(*price);
	return isfinite(*price);
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
				 errdetail("Expected numeric, bigint, integer, smallint, double precision or real."),
				 type == TEXTOID || type == VARCHAROID || type == UNKNOWNOID ?
				 errhint("Cast it: %s::numeric.", ad_row_names[column]) : 0));
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
 * Read an id without the spaces around it; none if nothing is left.  False if
 * it is too long.  *id points into the value.
 */
static inline bool
read_id(Datum value, bool isnull, const char **id, Size *len)
{
	text	   *t;
	const char *s;
	Size		n;

	*id = NULL;
	*len = 0;
	if (isnull)
		return true;
	if (ad_raw_length(value) > MAX_ID_BYTES)
		return false;
	t = DatumGetTextPP(value);
	s = VARDATA_ANY(t);
	n = VARSIZE_ANY_EXHDR(t);
	while (n > 0 && s[0] == ' ')
	{
		s++;
		n--;
	}
	while (n > 0 && s[n - 1] == ' ')
		n--;
	*id = n > 0 ? s : NULL;
	*len = n;
	return n <= AD_MAX_ORDER_ID;
}

/* Room that lives as long as the partition. */
char *
ad_arena_alloc(AdArena *arena, Size len)
{
	char	   *room;

	if (arena->left < len)
	{
		arena->next = MemoryContextAlloc(arena->mcxt, ARENA_CHUNK);
		arena->left = ARENA_CHUNK;
	}
	room = arena->next;
	arena->next += len;
	arena->left -= len;
	return room;
}

/* Copy a text to where it lives as long as the partition. */
const char *
ad_arena_copy(AdArena *arena, const char *s, Size len)
{
	char	   *copy = ad_arena_alloc(arena, len);

	memcpy(copy, s, len);
	return copy;
}

/*
 * Copy the ids of an event that was just read to where they live as long as
 * the partition, one behind the other.
 */
void
ad_row_ids(AdArena *arena, const AdRowReader *r, AdEvent *e)
{
	char	   *copy;

	if (e->idlen + e->newlen + e->evlen == 0)
		return;
	copy = ad_arena_alloc(arena, (Size) e->idlen + e->newlen + e->evlen);
	ad_row_join_ids(copy, r, e);
}

/* Put the ids of an event that was just read one behind the other. */
void
ad_row_join_ids(char *room, const AdRowReader *r, AdEvent *e)
{
	char	   *to = room;

	if (e->idlen > 0)
		memcpy(to, e->id, e->idlen);
	to += e->idlen;
	if (e->newlen > 0)
		memcpy(to, r->new_id, e->newlen);
	to += e->newlen;
	if (e->evlen > 0)
		memcpy(to, r->event_id, e->evlen);
	e->id = room;
}

/*
 * Read one column of a row into an event, of which the kind is read first.
 * e->id and the reader's other ids point into the values: see ad_row_ids().
 * Nothing else of a row that is ignored is looked at.
 */
AdBadRow
ad_row_column(AdRowReader *r, AdRowColumn column, Datum value, bool isnull,
			  AdEvent *e)
{
	int			code;
	Size		len;

	switch (column)
	{
		case AD_COLUMN_EVENT_TYPE:
			if (isnull)
				return AD_ROW_TYPE_NULL;
			code = read_word(r->words, AD_DIALECT_EVENT, value);
			if (code < 0)
				return AD_ROW_TYPE_UNKNOWN;
			e->kind = code;
			if (code == AD_EVENT_IGNORE)
				return AD_ROW_IGNORED;
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
				e->price = (double) NAN;
			else if (!read_price(r->price_type, value, &e->price))
				return AD_ROW_PRICE_RANGE;
			break;
		case AD_COLUMN_QUANTITY:
			if (isnull && e->kind != AD_EVENT_CANCEL &&
				e->kind != AD_EVENT_EXPIRE)
				return AD_ROW_QUANTITY_NULL;
			if (isnull)
				e->flags = AD_EVENT_NO_QTY;
			else if (!read_quantity(r->quantity_type, value, e))
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
			if (!read_id(value, isnull, &e->id, &len))
				return AD_ROW_ID_LONG;
			e->idlen = (unsigned int) len;
			break;
		case AD_COLUMN_NEW_ORDER_ID:
			if (!read_id(value, isnull, &r->new_id, &len))
				return AD_ROW_NEW_ID_LONG;
			e->newlen = (uint8) len;
			break;
		case AD_COLUMN_EVENT_ID:
			if (!read_id(value, isnull, &r->event_id, &len))
				return AD_ROW_EVENT_ID_LONG;
			e->evlen = (uint8) len;
			break;
		case AD_ALL_COLUMNS:
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
		case AD_ROW_IGNORED:
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
		case AD_ROW_QUANTITY_NULL:
			message = gettext_noop("quantity of an order event can be null for a cancel or an expiry only");
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
			message = gettext_noop("price of an order event must be finite");
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
		case AD_ROW_NEW_ID_LONG:
			code = ERRCODE_PROGRAM_LIMIT_EXCEEDED;
			message = gettext_noop("new_order_id of an order event is longer than 255 bytes");
			break;
		case AD_ROW_EVENT_ID_LONG:
			code = ERRCODE_PROGRAM_LIMIT_EXCEEDED;
			message = gettext_noop("event_id of an order event is longer than 255 bytes");
			break;
	}
	ereport(ERROR,
			(errcode(code),
			 errmsg("%s", _(message)),
			 errdetail("Row: %s.", content),
			 allowed ? errhint("Valid words are %s. Option \"words\" sets others, on_bad => 'skip' ignores such rows.", allowed) :
			 errhint("Option on_bad => 'skip' ignores such rows.")));
}
