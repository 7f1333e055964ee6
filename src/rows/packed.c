/*-------------------------------------------------------------------------
 *
 * packed.c
 *		The type ad_row: a row with the types and names of its fields.
 *
 * A row of SQL has a type that only its own server knows, and columns have
 * types that only their query knows.  Neither reaches another server whole, and
 * an engine that checks the types of arguments knows neither.  A packed row
 * brings what a sketch or a model has to know:
 *
 *	1 byte		version of the format
 *	1 byte		flags: 1, the fields have names
 *	1 byte		character encoding
 *	1 byte		zero
 *	4 bytes		length of the description, which ends before the values
 *	4 bytes		number of fields
 *	per field:	kind, class, lengths of type and name (a byte each), both
 *	values:		a bit per field, whether it is missing; 8 bytes per field, a
 *				whole number, a float8, or where in the strings a category is;
 *				strings
 *
 * All of it is little-endian.  Values are what a feature makes of them
 * (datum.c), so no setting matters to what a row says; whole numbers keep all
 * their bits, for the first field may be the key of a sample.
 *
 * Rows of one call have one description, byte for byte.  Who reads them
 * compares it with the last one's, and takes it apart but once (args.c).
 *
 * A value in a database is sound and in its encoding: bytes from outside are
 * checked, and converted, where they come in.
 *
 *-------------------------------------------------------------------------
 */
#include "rows/ad_packed.h"

#include "fmgr.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#define FLAG_NAMES	1
#define HEAD_LENGTH 12			/* bytes before the fields */
#define FIELD_LENGTH 4			/* bytes of a field before its type */
#define WHAT		"packed row"

PG_FUNCTION_INFO_V1(ad_row_in);
PG_FUNCTION_INFO_V1(ad_row_of_text);
PG_FUNCTION_INFO_V1(ad_row_of_name);
PG_FUNCTION_INFO_V1(ad_row_out);
PG_FUNCTION_INFO_V1(ad_row_recv);
PG_FUNCTION_INFO_V1(ad_row_send);

/* The one error for bytes that do not hold together. */
void
ad_packed_damaged(const char *detail)
{
	AdReader	r;

	ad_rd_init(&r, NULL, 0, WHAT);
	ad_rd_corrupt(&r, detail);
}

/* Read a type or name, which is in the server's encoding then. */
static char *
read_name(AdReader *r, uint32 encoding, Size len, Size most)
{
	const char *s;

	ad_rd_need(r, len);
	s = (const char *) r->data + r->pos;
	r->pos += len;
	s = ad_rd_text_from(r, encoding, s, &len);
	if (len > most)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("name \"%s\" in a packed row has %zu bytes in encoding %s, allowed are %zu",
						ad_quote_clip_len(s, len), len,
						GetDatabaseEncodingName(), most)));
	return pnstrdup(s, len);
}

/* Read a field of the description. */
static void
read_field(AdReader *r, const AdPackedHead *head, AdPackedField *field)
{
	uint8		kind = ad_rd_u8(r);
	uint8		class = ad_rd_u8(r);
	uint8		type_len = ad_rd_u8(r);
	uint8		name_len = ad_rd_u8(r);
	bool		category = class == AD_CLASS_CATEGORY;

	if (kind < AD_PACKED_WHOLE || kind > AD_PACKED_MAX_KIND)
		ad_rd_corrupt(r, "a field is of an unknown kind");
	if (class < 1 || class > AD_MAX_CLASS ||
		category != (kind == AD_PACKED_CATEGORY || kind == AD_PACKED_UNTYPED) ||
		(kind == AD_PACKED_WHOLE && class != AD_CLASS_NUMBER))
		ad_rd_corrupt(r, "a field's class contradicts its kind");
	if (name_len > AD_MAX_NAME || (name_len > 0) != head->has_names)
		ad_rd_corrupt(r, "a field's name is missing or too long");
	field->kind = kind;
	field->feature.class = class;
	field->feature.type = read_name(r, head->encoding, type_len,
									AD_MAX_TYPE_NAME);
	field->feature.name = read_name(r, head->encoding, name_len, AD_MAX_NAME);
}

/* Read the description of a row, palloc'd; an error if it is damaged. */
void
ad_packed_read_head(AdReader *r, AdPackedHead *head)
{
	uint8		version = ad_rd_u8(r);
	uint8		flags = ad_rd_u8(r);

	if (version == 0)
		ad_rd_corrupt(r, "format version is zero");
	if (version > AD_PACKED_VERSION || (flags & ~FLAG_NAMES) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("packed row has format version %u with flags 0x%x, newest known is %d",
						version, flags, AD_PACKED_VERSION),
				 errhint("Upgrade the anomaly extension of this server.")));
	head->has_names = (flags & FLAG_NAMES) != 0;
	head->encoding = ad_rd_u8(r);
	if (!PG_VALID_BE_ENCODING((int) head->encoding))
		ad_rd_corrupt(r, "its character encoding is unknown");
	if (ad_rd_u8(r) != 0)
		ad_rd_corrupt(r, "a reserved field is not zero");
	head->len = ad_rd_u32(r);
	head->nfields = (int) ad_rd_count(r, AD_MAX_FEATURES + 1, FIELD_LENGTH);
	if (head->nfields == 0)
		ad_rd_corrupt(r, "it has no fields");
	head->fields = ad_palloc_array(AdPackedField, head->nfields);
	for (int i = 0; i < head->nfields; i++)
		read_field(r, head, &head->fields[i]);
	if (r->pos != head->len)
		ad_rd_corrupt(r, "its description has another length");
}

/* Append the description of rows, and set its length. */
void
ad_packed_write_head(StringInfo buf, const AdPackedHead *head)
{
	int			start = buf->len;
	StringInfoData length;

	ad_wr_u8(buf, AD_PACKED_VERSION);
	ad_wr_u8(buf, head->has_names ? FLAG_NAMES : 0);
	ad_wr_u8(buf, GetDatabaseEncoding());
	ad_wr_u8(buf, 0);
	ad_wr_u32(buf, 0);
	ad_wr_u32(buf, head->nfields);
	for (int i = 0; i < head->nfields; i++)
	{
		const AdPackedField *f = &head->fields[i];
		Size		type_len = strlen(f->feature.type);
		Size		name_len = strlen(f->feature.name);

		Assert(type_len <= AD_MAX_TYPE_NAME && name_len <= AD_MAX_NAME);
		ad_wr_u8(buf, f->kind);
		ad_wr_u8(buf, f->feature.class);
		ad_wr_u8(buf, (uint8) type_len);
		ad_wr_u8(buf, (uint8) name_len);
		ad_wr_bytes(buf, f->feature.type, type_len);
		ad_wr_bytes(buf, f->feature.name, name_len);
	}
	initStringInfo(&length);
	ad_wr_u32(&length, (uint32) (buf->len - start));
	memcpy(buf->data + start + 4, length.data, 4);
	pfree(length.data);
}

/* Write the 8 bytes of a field. */
void
ad_packed_write_slot(uint8 *slot, uint64 value)
{
#ifdef WORDS_BIGENDIAN
	value = pg_bswap64(value);
#endif
	memcpy(slot, &value, sizeof(value));
}

/* Find the values of a row behind its description. */
void
ad_packed_values(const char *data, Size len, Size head_len, int nfields,
				 AdPackedValues *v)
{
	Size		bits = ((Size) nfields + 7) / 8;
	Size		fixed = head_len + bits + 8 * (Size) nfields;

	if (unlikely(len < fixed))
		ad_packed_damaged("unexpected end");
	v->missing = (const uint8 *) data + head_len;
	v->slots = v->missing + bits;
	v->strings = data + fixed;
	v->strings_len = len - fixed;
}

/* Raise an error unless the names of a row's fields are its own. */
static void
check_names(AdReader *r, const AdPackedHead *head)
{
	for (int i = 0; head->has_names && i < head->nfields; i++)
	{
		CHECK_FOR_INTERRUPTS();
		for (int k = 0; k < i; k++)
			if (strcmp(head->fields[i].feature.name,
					   head->fields[k].feature.name) == 0)
				ad_rd_corrupt(r, "a name occurs twice");
	}
}

/*
 * Raise an error unless the value of a field is as ad_row() writes it.
 * Returns it, if it is a category, in the server's encoding; "at" is where its
 * bytes begin, and moves behind them.
 */
static AdCategory
check_value(AdReader *r, const AdPackedHead *head, const AdPackedValues *v,
			int i, Size *at)
{
	AdCategory	c = {NULL, 0};
	bool		missing = ad_packed_missing(v, i);
	uint64		slot = ad_packed_slot(v, i);
	Size		len;

	switch (head->fields[i].kind)
	{
		case AD_PACKED_NUMBER:
			/* NaN is missing too, but as a key it is not NULL */
			if (missing && !isnan(ad_packed_number(v, AD_PACKED_NUMBER, i)))
				ad_rd_corrupt(r, "a missing number is not NaN");
			return c;
		case AD_PACKED_WHOLE:
			if (missing && slot != 0)
				ad_rd_corrupt(r, "a missing value is not zero");
			return c;
		case AD_PACKED_CATEGORY:
		case AD_PACKED_UNTYPED:
			break;
	}
	if (missing)
	{
		if (slot != 0)
			ad_rd_corrupt(r, "a missing value is not zero");
		return c;
	}
	c = ad_packed_category(v, i);
	if (slot >> 32 != *at)
		ad_rd_corrupt(r, "strings are not in their order");
	*at += c.len;
	if ((int) head->encoding != GetDatabaseEncoding() &&
		ad_category_is_short(c))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("packed row was made in a database with encoding %s, this one has %s",
						pg_encoding_to_char((int) head->encoding),
						GetDatabaseEncodingName()),
				 errdetail("It has values longer than %d bytes, which it knows by a hash of their bytes.",
						   AD_MAX_CATEGORY)));
	len = c.len;
	c.s = ad_rd_text_from(r, head->encoding, c.s, &len);
	c.len = (int) len;
	if ((int) head->encoding != GetDatabaseEncoding())
		c = ad_category_shorten(c, palloc(AD_CATEGORY_SCRATCH));
	return c;
}

/* A row of another encoding in the server's. */
static bytea *
convert(const AdPackedHead *head, const AdPackedValues *v,
		const AdCategory *category)
{
	StringInfoData buf;
	Size		bits = ((Size) head->nfields + 7) / 8;
	uint8	   *slots;
	Size		at = 0;

	initStringInfo(&buf);
	appendBinaryStringInfo(&buf, "\0\0\0\0", VARHDRSZ);
	ad_packed_write_head(&buf, head);
	ad_wr_bytes(&buf, v->missing, bits + 8 * (Size) head->nfields);
	slots = (uint8 *) buf.data + buf.len - 8 * (Size) head->nfields;
	for (int i = 0; i < head->nfields; i++)
	{
		if (category[i].s == NULL)
			continue;
		ad_packed_write_slot(slots + 8 * (Size) i,
							 (uint64) at << 32 | (uint32) category[i].len);
		at += category[i].len;
	}
	for (int i = 0; i < head->nfields; i++)
		if (category[i].s != NULL)
			ad_wr_bytes(&buf, category[i].s, category[i].len);
	SET_VARSIZE(buf.data, buf.len);
	return (bytea *) buf.data;
}

/* Check the bytes of a row from outside; returns it in the server's encoding. */
static bytea *
check_row(bytea *value)
{
	const char *data = VARDATA_ANY(value);
	Size		len = VARSIZE_ANY_EXHDR(value);
	AdReader	r;
	AdPackedHead head;
	AdPackedValues v;
	AdCategory *category;
	Size		at = 0;

	ad_rd_init(&r, data, len, WHAT);
	ad_packed_read_head(&r, &head);
	check_names(&r, &head);
	ad_packed_values(data, len, head.len, head.nfields, &v);
	for (int i = head.nfields; i % 8 != 0; i++)
		if (ad_packed_missing(&v, i))
			ad_rd_corrupt(&r, "padding is not zero");
	category = ad_palloc_array(AdCategory, head.nfields);
	for (int i = 0; i < head.nfields; i++)
		category[i] = check_value(&r, &head, &v, i, &at);
	if (at != v.strings_len)
		ad_rd_corrupt(&r, "bytes are left over");
	if ((int) head.encoding == GetDatabaseEncoding())
		return value;
	return convert(&head, &v, category);
}

/* The row that a text is of, as bytea writes bytes. */
static bytea *
row_of_text(const char *text)
{
	/* ad_row('DE') is a literal of this type to the parser, and no call */
	if (strncmp(text, "\\x", 2) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("text is not that of a packed row: \"%s\"",
						ad_quote_clip(text)),
				 errhint("If it is the only field of a row, cast it to text.")));
	return check_row(DatumGetByteaPP(DirectFunctionCall1(byteain,
														 CStringGetDatum(text))));
}

/* Input: bytes as bytea has them. */
Datum
ad_row_in(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P(row_of_text(PG_GETARG_CSTRING(0)));
}

/* The cast from text: the same. */
Datum
ad_row_of_text(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P(row_of_text(text_to_cstring(PG_GETARG_TEXT_PP(0))));
}

/* The same of a name. */
Datum
ad_row_of_name(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P(row_of_text(NameStr(*PG_GETARG_NAME(0))));
}

/* Output: the same. */
Datum
ad_row_out(PG_FUNCTION_ARGS)
{
	bytea	   *value = PG_GETARG_BYTEA_PP(0);

	PG_RETURN_DATUM(DirectFunctionCall1(byteaout, PointerGetDatum(value)));
}

/* Binary input. */
Datum
ad_row_recv(PG_FUNCTION_ARGS)
{
	Datum		value = DirectFunctionCall1(bytearecv, PG_GETARG_DATUM(0));

	PG_RETURN_BYTEA_P(check_row(DatumGetByteaPP(value)));
}

/* Binary output. */
Datum
ad_row_send(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P(PG_GETARG_BYTEA_P_COPY(0));
}
