/*-------------------------------------------------------------------------
 *
 * tuple.c
 *		Rows of a result, written as the bytes of tuples.
 *
 * The form is that of heap_fill_tuple(): a text of up to 126 bytes has a
 * header of one byte and is not aligned, a longer one has four bytes, after
 * zeros up to the next multiple of four.
 *
 *-------------------------------------------------------------------------
 */
#include "rows/ad_tuple.h"

/* A text made ready for rows, in the current context. */
AdTupleText
ad_tuple_text(const char *s)
{
	Size		len = strlen(s);
	bool		is_short = len + VARHDRSZ_SHORT <= VARATT_SHORT_MAX;
	Size		header = is_short ? VARHDRSZ_SHORT : VARHDRSZ;
	AdTupleText text;

	text.len = (int) (header + len);
	text.bytes = palloc0(Max(header + len, AD_TUPLE_AT_ONCE));
	if (is_short)
		SET_VARSIZE_SHORT(text.bytes, text.len);
	else
		SET_VARSIZE(text.bytes, text.len);
	memcpy(text.bytes + header, s, len);
	return text;
}

/* Put a text of any length. */
void
ad_tuple_put_long(StringInfo row, const AdTupleText *text)
{
	char	   *to = ad_tuple_room(row, VARHDRSZ + text->len);
	int			padding = VARATT_IS_SHORT(text->bytes) ? 0 :
		(int) (INTALIGN(row->len) - row->len);

	memset(to, 0, padding);
	memcpy(to + padding, text->bytes, text->len);
	row->len += padding + text->len;
}

/* Give the text that begins there, too long for a header of one byte, another. */
void
ad_tuple_lengthen(StringInfo row, int at)
{
	int			len = row->len - at - VARHDRSZ_SHORT;
	int			start = (int) INTALIGN(at);

	(void) ad_tuple_room(row, 2 * VARHDRSZ);
	memmove(row->data + start + VARHDRSZ, row->data + at + VARHDRSZ_SHORT, len);
	memset(row->data + at, 0, start - at);
	SET_VARSIZE(row->data + start, VARHDRSZ + len);
	row->len = start + VARHDRSZ + len;
}

/* Store a row of which all columns were put. */
void
ad_tuple_store(StringInfo row, Tuplestorestate *store)
{
	HeapTupleData tuple;

	tuple.t_len = row->len;
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = (HeapTupleHeader) row->data;
	tuplestore_puttuple(store, &tuple);
}
