/*-------------------------------------------------------------------------
 *
 * datum.c
 *		The one window onto SQL types: a Datum becomes a number or a
 *		category.
 *
 * What a value becomes never depends on a session setting, since scores are
 * IMMUTABLE: timestamps are seconds since 1970 in UTC, dates midnight UTC,
 * times seconds of the day, intervals seconds (a year of 365.25 days and a
 * month of 30, as EXTRACT(EPOCH) has it), money its smallest unit (where
 * its point stands is a setting).  An oid is a category: it names something,
 * how large it is says nothing.  Seconds as float8 still tell two
 * timestamps of this century apart that differ by a microsecond.
 *
 *-------------------------------------------------------------------------
 */
#include "sketch/ad_sketch.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/cash.h"
#include "utils/date.h"
#include "utils/inet.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#define EPOCH_SHIFT_DAYS	((double) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE))

#define HASH_LENGTH 17			/* bytes of "~" and a hash in hexadecimal */

/* The base types that values are read of, beside enums. */
typedef struct SourceType
{
	Oid			type;
	AdSourceKind kind;
	AdClass		class;
} SourceType;

static const SourceType source_types[] = {
	{INT2OID, AD_SRC_INT2, AD_CLASS_NUMBER},
	{INT4OID, AD_SRC_INT4, AD_CLASS_NUMBER},
	{INT8OID, AD_SRC_INT8, AD_CLASS_NUMBER},
	{FLOAT4OID, AD_SRC_FLOAT4, AD_CLASS_NUMBER},
	{FLOAT8OID, AD_SRC_FLOAT8, AD_CLASS_NUMBER},
	{NUMERICOID, AD_SRC_NUMERIC, AD_CLASS_NUMBER},
	{CASHOID, AD_SRC_MONEY, AD_CLASS_NUMBER},
	{BOOLOID, AD_SRC_BOOL, AD_CLASS_NUMBER},
	{DATEOID, AD_SRC_DATE, AD_CLASS_TIMESTAMP},
	{TIMESTAMPOID, AD_SRC_TIMESTAMP, AD_CLASS_TIMESTAMP},
	{TIMESTAMPTZOID, AD_SRC_TIMESTAMP, AD_CLASS_TIMESTAMP},
	{TIMEOID, AD_SRC_TIME, AD_CLASS_TIME},
	{INTERVALOID, AD_SRC_INTERVAL, AD_CLASS_INTERVAL},
	{TEXTOID, AD_SRC_TEXT, AD_CLASS_CATEGORY},
	{VARCHAROID, AD_SRC_TEXT, AD_CLASS_CATEGORY},
	{BPCHAROID, AD_SRC_BPCHAR, AD_CLASS_CATEGORY},
	{UUIDOID, AD_SRC_UUID, AD_CLASS_CATEGORY},
	{INETOID, AD_SRC_INET, AD_CLASS_CATEGORY},
	{CIDROID, AD_SRC_CIDR, AD_CLASS_CATEGORY},
	{NAMEOID, AD_SRC_NAME, AD_CLASS_CATEGORY},
	{CHAROID, AD_SRC_CHAR, AD_CLASS_CATEGORY},
	{OIDOID, AD_SRC_OID, AD_CLASS_CATEGORY},
	{UNKNOWNOID, AD_SRC_UNKNOWN, AD_CLASS_CATEGORY},
};

/* Find the kind and class of a base type; false if it is none of ours. */
static bool
find_kind(AdSource *s)
{
	for (Size i = 0; i < lengthof(source_types); i++)
		if (source_types[i].type == s->type)
		{
			s->kind = source_types[i].kind;
			s->class = source_types[i].class;
			return true;
		}
	if (get_typtype(s->type) != TYPTYPE_ENUM)
		return false;
	s->kind = AD_SRC_ENUM;
	s->class = AD_CLASS_CATEGORY;
	return true;
}

/*
 * Learn how to read values of a type; false if it is none of ours.  Names
 * and scratch are palloc'd in the given context.
 */
bool
ad_source_init(AdSource *s, Oid type, MemoryContext mcxt)
{
	MemoryContext old;

	memset(s, 0, sizeof(*s));
	s->type = getBaseType(type);
	if (!find_kind(s))
		return false;
	old = MemoryContextSwitchTo(mcxt);
	/* what the search path is must not matter */
	s->name = type < FirstNormalObjectId ? format_type_be(type) :
		format_type_be_qualified(type);
	if (strlen(s->name) > AD_MAX_TYPE_NAME)
		s->name[pg_mbcliplen(s->name, (int) strlen(s->name),
							 AD_MAX_TYPE_NAME)] = '\0';
	if (s->class == AD_CLASS_CATEGORY)
		s->scratch = palloc(AD_CATEGORY_SCRATCH);
	s->enum_value = InvalidOid;
	MemoryContextSwitchTo(old);
	return true;
}

/* Days since 2000 as seconds since 1970; infinities kept. */
static double
date_seconds(DateADT date)
{
	if (DATE_IS_NOBEGIN(date))
		return -INFINITY;
	if (DATE_IS_NOEND(date))
		return INFINITY;
	return ((double) date + EPOCH_SHIFT_DAYS) * SECS_PER_DAY;
}

/* Microseconds since 2000 as seconds since 1970; infinities kept. */
static double
timestamp_seconds(Timestamp t)
{
	int64		seconds;
	int64		rest;

	if (TIMESTAMP_IS_NOBEGIN(t))
		return -INFINITY;
	if (TIMESTAMP_IS_NOEND(t))
		return INFINITY;
	/* whole seconds exactly, then one rounding */
	seconds = t / USECS_PER_SEC;
	rest = t % USECS_PER_SEC;
	return (double) (seconds + (int64) EPOCH_SHIFT_DAYS * SECS_PER_DAY) +
		(double) rest / USECS_PER_SEC;
}

/* The types that are not read inline; see ad_source_number(). */
double
ad_source_slow_number(AdSource *s, Datum value)
{
	switch (s->kind)
	{
		case AD_SRC_INT2:
			return DatumGetInt16(value);
		case AD_SRC_FLOAT4:
			return DatumGetFloat4(value);
		case AD_SRC_NUMERIC:
			return DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
													  value));
		case AD_SRC_MONEY:
			return (double) DatumGetCash(value);
		case AD_SRC_BOOL:
			return DatumGetBool(value) ? 1.0 : 0.0;
		case AD_SRC_DATE:
			return date_seconds(DatumGetDateADT(value));
		case AD_SRC_TIMESTAMP:
			return timestamp_seconds(DatumGetTimestamp(value));
		case AD_SRC_TIME:
			return (double) DatumGetTimeADT(value) / USECS_PER_SEC;
		case AD_SRC_INTERVAL:
			{
				Interval   *i = DatumGetIntervalP(value);

#if PG_VERSION_NUM >= 170000
				if (INTERVAL_IS_NOBEGIN(i))
					return -INFINITY;
				if (INTERVAL_IS_NOEND(i))
					return INFINITY;
#endif
				return (double) i->time / USECS_PER_SEC +
					(double) i->day * SECS_PER_DAY +
					(double) (i->month / MONTHS_PER_YEAR) * 365.25 * SECS_PER_DAY +
					(double) (i->month % MONTHS_PER_YEAR) * 30.0 * SECS_PER_DAY;
			}
		case AD_SRC_UNKNOWN:
			/* a literal without a type, where the model has a number */
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("literal \"%s\" among the features has no type",
							ad_quote_clip(DatumGetCString(value))),
					 errhint("Cast it to the type of its feature.")));
			return 0;			/* keep the compiler quiet */
		default:
			elog(ERROR, "unexpected source kind %d", (int) s->kind);
			return 0;			/* keep the compiler quiet */
	}
}

/*
 * Cut a category that is too long: its first bytes and a hash of all of
 * them, so that different values stay different.  The result is in scratch,
 * AD_CATEGORY_SCRATCH bytes.
 */
AdCategory
ad_category_shorten(AdCategory c, char *scratch)
{
	int			keep;

	if (c.len <= AD_MAX_CATEGORY)
		return c;
	keep = pg_mbcliplen(c.s, c.len, AD_MAX_CATEGORY - HASH_LENGTH);
	memmove(scratch, c.s, keep);
	snprintf(scratch + keep, AD_CATEGORY_SCRATCH - keep, "~%016llx",
			 (unsigned long long) ad_hash64(c.s, c.len, 0));
	c.s = scratch;
	c.len = keep + HASH_LENGTH;
	return c;
}

/* Whether a category looks like one that was cut. */
bool
ad_category_is_short(AdCategory c)
{
	const char *hash = c.s + c.len - HASH_LENGTH;

	/* it ends within a character at most */
	return c.len <= AD_MAX_CATEGORY &&
		c.len > AD_MAX_CATEGORY - MAX_MULTIBYTE_CHAR_LEN &&
		hash[0] == '~' &&
		strspn(pnstrdup(hash + 1, HASH_LENGTH - 1),
			   "0123456789abcdef") == HASH_LENGTH - 1;
}

/* The label of an enum value, kept in scratch for the next row. */
static AdCategory
enum_label(AdSource *s, Oid value)
{
	AdCategory	c;
	HeapTuple	tuple;

	if (s->enum_value != value)
	{
		tuple = SearchSysCache1(ENUMOID, ObjectIdGetDatum(value));
		if (!HeapTupleIsValid(tuple))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
					 errmsg("enum value %u does not exist", value)));
		c.s = NameStr(((Form_pg_enum) GETSTRUCT(tuple))->enumlabel);
		c.len = (int) strlen(c.s);
		memcpy(s->scratch, c.s, c.len);
		s->enum_value = value;
		s->enum_len = c.len;
		ReleaseSysCache(tuple);
	}
	c.s = s->scratch;
	c.len = s->enum_len;
	return c;
}

/* The text of a uuid, in scratch. */
static AdCategory
uuid_text(AdSource *s, Datum value)
{
	static const char hex[] = "0123456789abcdef";
	const pg_uuid_t *u = DatumGetUUIDP(value);
	char	   *p = s->scratch;
	AdCategory	c;

	for (int i = 0; i < UUID_LEN; i++)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		*p++ = hex[u->data[i] >> 4];
		*p++ = hex[u->data[i] & 15];
	}
	c.s = s->scratch;
	c.len = 36;
	return c;
}

/*
 * The text of a "char", in scratch: a byte, none for 0, and what is no
 * character by itself in octal, as from PostgreSQL 16 on.
 */
static AdCategory
byte_text(AdSource *s, Datum value)
{
	unsigned char byte = (unsigned char) DatumGetChar(value);
	AdCategory	c;

	s->scratch[0] = (char) byte;
	c.s = s->scratch;
	c.len = byte != 0;
	if (IS_HIGHBIT_SET(byte))
		c.len = snprintf(s->scratch, AD_CATEGORY_SCRATCH, "\\%o", byte);
	return c;
}

/*
 * The value of a categorical source.  The bytes are the Datum's own, or in
 * the source's scratch, or palloc'd in the current context; they last for
 * the row.
 */
AdCategory
ad_source_category(AdSource *s, Datum value)
{
	AdCategory	c;

	switch (s->kind)
	{
		case AD_SRC_TEXT:
		case AD_SRC_BPCHAR:
			{
				struct varlena *t = PG_DETOAST_DATUM_PACKED(value);

				c.s = VARDATA_ANY(t);
				c.len = (int) VARSIZE_ANY_EXHDR(t);
				if (s->kind == AD_SRC_BPCHAR)
					while (c.len > 0 && c.s[c.len - 1] == ' ')
						c.len--;
				return ad_category_shorten(c, s->scratch);
			}
		case AD_SRC_ENUM:
			return enum_label(s, DatumGetObjectId(value));
		case AD_SRC_UUID:
			return uuid_text(s, value);
		case AD_SRC_INET:
			c.s = DatumGetCString(DirectFunctionCall1(inet_out, value));
			c.len = (int) strlen(c.s);
			return c;
		case AD_SRC_CIDR:
			c.s = DatumGetCString(DirectFunctionCall1(cidr_out, value));
			c.len = (int) strlen(c.s);
			return c;
		case AD_SRC_NAME:
			c.s = NameStr(*DatumGetName(value));
			c.len = (int) strlen(c.s);
			return c;
		case AD_SRC_CHAR:
			return byte_text(s, value);
		case AD_SRC_OID:
			c.s = s->scratch;
			c.len = snprintf(s->scratch, AD_CATEGORY_SCRATCH, "%u",
							 DatumGetObjectId(value));
			return c;
		case AD_SRC_UNKNOWN:
			c.s = DatumGetCString(value);
			c.len = (int) strlen(c.s);
			return ad_category_shorten(c, s->scratch);
		default:
			elog(ERROR, "unexpected source kind %d", (int) s->kind);
			return (AdCategory)
			{
				NULL, 0
			};					/* keep the compiler quiet */
	}
}

/* The hash of a row key that is a whole number, in full 64 bits. */
uint64
ad_whole_hash(int64 whole)
{
	return ad_hash64(&whole, sizeof(whole), 0);
}

/* The same of any other number. */
uint64
ad_number_hash(double number)
{
	number += 0.0;
	return ad_hash64(&number, sizeof(number), 1);
}

/* The same of a category. */
uint64
ad_category_hash(AdCategory c)
{
	return ad_hash64(c.s, c.len, 2);
}

/*
 * A hash of a row key.  Whole numbers hash alike in every integer type,
 * and in full 64 bits.
 */
uint64
ad_source_hash(AdSource *s, Datum value)
{
	switch (s->kind)
	{
		case AD_SRC_INT2:
			return ad_whole_hash(DatumGetInt16(value));
		case AD_SRC_INT4:
			return ad_whole_hash(DatumGetInt32(value));
		case AD_SRC_INT8:
		case AD_SRC_MONEY:
			return ad_whole_hash(DatumGetInt64(value));
		default:
			if (s->class == AD_CLASS_CATEGORY)
				return ad_category_hash(ad_source_category(s, value));
			return ad_number_hash(ad_source_number(s, value));
	}
}
