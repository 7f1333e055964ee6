/*-------------------------------------------------------------------------
 *
 * ad_tuple.h
 *		Rows of a result, written as the bytes of tuples.
 *
 * heap_form_tuple() asks of every column its type, length and alignment, and
 * copies it through a function for its kind; for a function that returns
 * thousands of small rows that is more work than their figures are.  Here the
 * caller knows the types, and texts which many rows have are ready to be
 * copied.
 *
 * The columns are put one after another, in their order, into a StringInfo:
 * up to eight of them, of types integer, double precision and text.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_TUPLE_H
#define AD_TUPLE_H

#include "postgres.h"

#include "access/htup_details.h"
#include "lib/stringinfo.h"
#include "utils/tuplestore.h"

#define AD_TUPLE_COLUMNS	8	/* at most: their bitmap is one byte */
#define AD_TUPLE_HEADER \
	MAXALIGN(offsetof(HeapTupleHeaderData, t_bits) + BITMAPLEN(AD_TUPLE_COLUMNS))

/* Bytes that are copied without looking how many they are. */
#define AD_TUPLE_AT_ONCE	32
#define AD_TUPLE_BEGIN		64

/* A part of tuples, as it stands in them: a text, or how they begin. */
typedef struct AdTuplePart
{
	char	   *bytes;			/* AD_TUPLE_BEGIN at least can be read */
	int			len;
} AdTuplePart;

/* tuple.c */
extern AdTuplePart ad_tuple_part(const char *bytes, int len);
extern AdTuplePart ad_tuple_text(const char *s);
extern void ad_tuple_put_long(StringInfo row, const AdTuplePart *text);
extern void ad_tuple_lengthen(StringInfo row, int at);
extern void ad_tuple_store(StringInfo row, Tuplestorestate *store);

/* Return where the next bytes of a row go, with room for some. */
static inline char *
ad_tuple_room(StringInfo row, int bytes)
{
	if (unlikely(row->maxlen - row->len <= bytes))
		enlargeStringInfo(row, bytes);
	return row->data + row->len;
}

/* Begin a row of that many columns. */
static inline void
ad_tuple_begin(StringInfo row, int columns)
{
	HeapTupleHeader header;

	Assert(columns <= AD_TUPLE_COLUMNS);
	row->len = 0;
	header = (HeapTupleHeader) ad_tuple_room(row, AD_TUPLE_HEADER);
	memset(header, 0, AD_TUPLE_HEADER);
	header->t_infomask = HEAP_HASVARWIDTH;
	HeapTupleHeaderSetNatts(header, columns);
	header->t_hoff = AD_TUPLE_HEADER;
	header->t_bits[0] = (bits8) ((1 << columns) - 1);
	row->len = AD_TUPLE_HEADER;
}

/* Begin a row as others begin, whose first column is an integer. */
static inline void
ad_tuple_begin_as(StringInfo row, const AdTuplePart *others, int32 first)
{
	char	   *to;

	row->len = 0;
	to = ad_tuple_room(row, Max(others->len, AD_TUPLE_BEGIN));
	memcpy(to, others->bytes, AD_TUPLE_BEGIN);
	if (unlikely(others->len > AD_TUPLE_BEGIN))
		memcpy(to, others->bytes, others->len);
	memcpy(to + AD_TUPLE_HEADER, &first, sizeof(first));
	row->len = others->len;
}

/* Make the next column, which has that index, NULL. */
static inline void
ad_tuple_put_null(StringInfo row, int column)
{
	HeapTupleHeader header = (HeapTupleHeader) row->data;

	header->t_infomask |= HEAP_HASNULL;
	header->t_bits[0] &= (bits8) ~(1 << column);
}

/* Put the bytes of a number, at a place that is aligned for it. */
static inline void
ad_tuple_put_fixed(StringInfo row, int at, const void *value, int size)
{
	char	   *to = ad_tuple_room(row, 2 * size);

	Assert(at >= row->len && at < row->len + size);
	memset(to, 0, size);
	memcpy(to + (at - row->len), value, size);
	row->len = at + size;
}

static inline void
ad_tuple_put_int32(StringInfo row, int32 value)
{
	ad_tuple_put_fixed(row, (int) INTALIGN(row->len), &value, sizeof(value));
}

static inline void
ad_tuple_put_float8(StringInfo row, double value)
{
	ad_tuple_put_fixed(row, (int) DOUBLEALIGN(row->len), &value,
					   sizeof(value));
}

static inline void
ad_tuple_put_text(StringInfo row, const AdTuplePart *text)
{
	char	   *to = ad_tuple_room(row, AD_TUPLE_AT_ONCE);

	if (unlikely(text->len > AD_TUPLE_AT_ONCE))
	{
		ad_tuple_put_long(row, text);
		return;
	}
	memcpy(to, text->bytes, AD_TUPLE_AT_ONCE);
	row->len += text->len;
}

/*
 * Begin a text that is then appended to the row; return where it begins, for
 * ad_tuple_end_text().
 */
static inline int
ad_tuple_begin_text(StringInfo row)
{
	(void) ad_tuple_room(row, VARHDRSZ_SHORT);
	row->len += VARHDRSZ_SHORT;
	return row->len - VARHDRSZ_SHORT;
}

static inline void
ad_tuple_end_text(StringInfo row, int at)
{
	int			size = row->len - at;

	if (likely(size <= VARATT_SHORT_MAX))
		SET_VARSIZE_SHORT(row->data + at, size);
	else
		ad_tuple_lengthen(row, at);
}

#endif							/* AD_TUPLE_H */
