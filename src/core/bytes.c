/*-------------------------------------------------------------------------
 *
 * bytes.c
 *		Little-endian bytes in and out, for stored models and sketches.
 *
 * The reader is a bounds-checked cursor over hostile input: every read
 * checks what is left, every count is checked against a maximum and
 * against the bytes that its items would need before anything is
 * multiplied or allocated.  A failed check is an error (22P03) that names
 * the kind of value and what was wrong.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_bytes.h"

#include "mb/pg_wchar.h"

/* memcpy of what may be large. */
void
ad_copy_bytes(void *to, const void *from, Size len)
{
	for (Size at = 0; at < len; at += AD_PIECE)
	{
		CHECK_FOR_INTERRUPTS();
		memcpy((char *) to + at, (const char *) from + at,
			   Min(AD_PIECE, len - at));
	}
}

void
ad_wr_u8(StringInfo w, uint8 v)
{
	appendStringInfoCharMacro(w, (char) v);
}

void
ad_wr_u16(StringInfo w, uint16 v)
{
	uint8		b[2] = {(uint8) v, (uint8) (v >> 8)};

	appendBinaryStringInfo(w, (const char *) b, 2);
}

void
ad_wr_u32(StringInfo w, uint32 v)
{
	uint8		b[4];

	for (int i = 0; i < 4; i++)
		b[i] = (uint8) (v >> (8 * i));
	appendBinaryStringInfo(w, (const char *) b, 4);
}

void
ad_wr_u64(StringInfo w, uint64 v)
{
	uint8		b[8];

	for (int i = 0; i < 8; i++)
		b[i] = (uint8) (v >> (8 * i));
	appendBinaryStringInfo(w, (const char *) b, 8);
}

void
ad_wr_f64(StringInfo w, double v)
{
	uint64		u;

	memcpy(&u, &v, 8);
	ad_wr_u64(w, u);
}

/* Append n u32; one copy where the machine is little-endian. */
void
ad_wr_u32_array(StringInfo w, const uint32 *v, Size n)
{
#ifdef WORDS_BIGENDIAN
	for (Size i = 0; i < n; i++)
		ad_wr_u32(w, v[i]);
#else
	ad_wr_bytes(w, v, ad_mul_size(n, sizeof(uint32)));
#endif
}

/* Append n doubles; one copy where the machine is little-endian. */
void
ad_wr_f64_array(StringInfo w, const double *v, Size n)
{
#ifdef WORDS_BIGENDIAN
	for (Size i = 0; i < n; i++)
		ad_wr_f64(w, v[i]);
#else
	ad_wr_bytes(w, v, ad_mul_size(n, sizeof(double)));
#endif
}

/* Append n u64; one copy where the machine is little-endian. */
void
ad_wr_u64_array(StringInfo w, const uint64 *v, Size n)
{
#ifdef WORDS_BIGENDIAN
	for (Size i = 0; i < n; i++)
		ad_wr_u64(w, v[i]);
#else
	ad_wr_bytes(w, v, ad_mul_size(n, sizeof(uint64)));
#endif
}

/* Append bytes; refuses what would pass AD_MAX_BYTES, by name. */
void
ad_wr_bytes(StringInfo w, const void *data, Size len)
{
	if (len > AD_MAX_BYTES || (Size) w->len + len > AD_MAX_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("serialized value would exceed %zu MB",
						AD_MAX_BYTES / (1024 * 1024))));
	if (len < AD_PIECE)
	{
		appendBinaryStringInfo(w, data, (int) len);
		return;
	}
	enlargeStringInfo(w, (int) len);
	ad_copy_bytes(w->data + w->len, data, len);
	w->len += (int) len;
	w->data[w->len] = '\0';
}

/* Append a length-prefixed string (no terminator). */
void
ad_wr_string(StringInfo w, const char *s, Size len)
{
	ad_wr_u32(w, (uint32) len);
	ad_wr_bytes(w, s, len);
}

/* Pad with zeros to a multiple of 8, counted from after a varlena header. */
void
ad_wr_align8(StringInfo w)
{
	while ((w->len - VARHDRSZ) % 8 != 0)
		appendStringInfoCharMacro(w, '\0');
}

/* Start reading; data must stay as long as the reader. */
void
ad_rd_init(AdReader *r, const void *data, Size len, const char *what)
{
	r->data = data;
	r->len = len;
	r->pos = 0;
	r->what = what;
	r->version = PG_UINT16_MAX;
	r->is_sound = false;
}

/* The one error for bytes that do not hold together. */
void
ad_rd_corrupt(const AdReader *r, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
			 errmsg("%s is damaged", r->what),
			 errdetail("At byte %zu of its section: %s.", r->pos, detail)));
	pg_unreachable();
}

uint8
ad_rd_u8(AdReader *r)
{
	ad_rd_need(r, 1);
	return r->data[r->pos++];
}

uint16
ad_rd_u16(AdReader *r)
{
	uint16		v;

	ad_rd_need(r, 2);
	v = (uint16) (r->data[r->pos] | (r->data[r->pos + 1] << 8));
	r->pos += 2;
	return v;
}

uint64
ad_rd_u64(AdReader *r)
{
	uint64		v = 0;

	ad_rd_need(r, 8);
	for (int i = 7; i >= 0; i--)
		v = (v << 8) | r->data[r->pos + i];
	r->pos += 8;
	return v;
}

/* Any double, NaN and infinities included. */
double
ad_rd_f64(AdReader *r)
{
	uint64		u = ad_rd_u64(r);
	double		v;

	memcpy(&v, &u, 8);
	return v;
}

/* A double that must be finite. */
double
ad_rd_finite(AdReader *r)
{
	double		v = ad_rd_f64(r);

	if (!isfinite(v))
		ad_rd_corrupt(r, "a number is not finite");
	return v;
}

/* Read n doubles into out. */
void
ad_rd_f64_array(AdReader *r, double *out, Size n)
{
	ad_rd_need(r, ad_mul_size(n, sizeof(double)));
#ifdef WORDS_BIGENDIAN
	for (Size i = 0; i < n; i++)
		out[i] = ad_rd_f64(r);
#else
	memcpy(out, r->data + r->pos, n * sizeof(double));
	r->pos += n * sizeof(double);
#endif
}

/* Read n u32 into out. */
void
ad_rd_u32_array(AdReader *r, uint32 *out, Size n)
{
	ad_rd_need(r, ad_mul_size(n, sizeof(uint32)));
#ifdef WORDS_BIGENDIAN
	for (Size i = 0; i < n; i++)
		out[i] = ad_rd_u32(r);
#else
	memcpy(out, r->data + r->pos, n * sizeof(uint32));
	r->pos += n * sizeof(uint32);
#endif
}

/* Read n u64 into out. */
void
ad_rd_u64_array(AdReader *r, uint64 *out, Size n)
{
	ad_rd_need(r, ad_mul_size(n, sizeof(uint64)));
#ifdef WORDS_BIGENDIAN
	for (Size i = 0; i < n; i++)
		out[i] = ad_rd_u64(r);
#else
	memcpy(out, r->data + r->pos, n * sizeof(uint64));
	r->pos += n * sizeof(uint64);
#endif
}

/*
 * A count of items of at least the given width each: at most max, and no
 * more than the bytes that are left can hold.
 */
uint32
ad_rd_count(AdReader *r, uint32 max, Size width)
{
	uint32		n = ad_rd_u32(r);

	if (n > max)
		ad_rd_corrupt(r, "a count is out of range");
	if (width > 0 && n > (r->len - r->pos) / width)
		ad_rd_corrupt(r, "a count exceeds the bytes that are left");
	return n;
}

/* A length-prefixed string, in place and not terminated. */
const char *
ad_rd_string(AdReader *r, Size max, Size *len)
{
	uint32		n = ad_rd_u32(r);
	const char *s;

	if (n > max)
		ad_rd_corrupt(r, "a string is too long");
	ad_rd_need(r, n);
	s = (const char *) r->data + r->pos;
	r->pos += n;
	*len = n;
	return s;
}

/* Raise an error unless a string is text in the server's encoding. */
void
ad_rd_text_check(AdReader *r, const char *s, Size len)
{
	if (memchr(s, 0, len) != NULL ||
		!pg_verify_mbstr(GetDatabaseEncoding(), s, (int) len, true))
		ad_rd_corrupt(r, "a string is not text in the server's encoding");
}

/* The same, returning a terminated copy in the current context. */
char *
ad_rd_text(AdReader *r, const char *s, Size len)
{
	ad_rd_text_check(r, s, len);
	return pnstrdup(s, len);
}

/* The number of a character encoding that a database can have. */
uint32
ad_rd_encoding(AdReader *r)
{
	uint32		encoding = ad_rd_u32(r);

	if (!PG_VALID_BE_ENCODING(encoding))
		ad_rd_corrupt(r, "its character encoding is unknown");
	return encoding;
}

/* Whether all bytes of a string are ASCII, which means the same everywhere. */
static bool
is_ascii(const char *s, Size len)
{
	for (Size i = 0; i < len; i++)
		if (IS_HIGHBIT_SET(s[i]))
			return false;
	return true;
}

/*
 * A string of that encoding in the server's: in place where it is the same,
 * or palloc'd.  An error if it is no text, or has no equivalent here.
 */
const char *
ad_rd_text_from(AdReader *r, uint32 encoding, const char *s, Size *len)
{
	int			ours = GetDatabaseEncoding();
	const char *converted;

	if (memchr(s, 0, *len) != NULL)
		ad_rd_corrupt(r, "a string contains a zero byte");
	if ((int) encoding == ours)
	{
		ad_rd_text_check(r, s, *len);
		return s;
	}
	if (is_ascii(s, *len))
		return s;
	/* nobody knows what these bytes stand for */
	if (encoding == PG_SQL_ASCII || ours == PG_SQL_ASCII)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s was made in a database with encoding %s, this one has %s",
						r->what, pg_encoding_to_char((int) encoding),
						GetDatabaseEncodingName()),
				 errdetail("It has text beyond ASCII, which cannot be converted."),
				 errhint("Make it again here.")));
	if (!pg_verify_mbstr((int) encoding, s, (int) *len, true))
		ad_rd_corrupt(r, "a string is not text in the encoding that it has");
	converted = (const char *)
		pg_do_encoding_conversion((unsigned char *) unconstify(char *, s),
								  (int) *len, (int) encoding, ours);
	*len = strlen(converted);
	return converted;
}

/* Skip padding, which must be zero. */
void
ad_rd_align8(AdReader *r)
{
	while (r->pos % 8 != 0)
		if (ad_rd_u8(r) != 0)
			ad_rd_corrupt(r, "padding is not zero");
}

/* Raise an error unless everything has been read. */
void
ad_rd_end(AdReader *r)
{
	if (r->pos != r->len)
		ad_rd_corrupt(r, "bytes are left over");
}
