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

/* Bytes made ready to be copied into rows, in the current context. */
AdTuplePart
ad_tuple_part(const char *bytes, int len)
{
	AdTuplePart part;

	part.len = len;
	part.bytes = palloc0(Max(len, AD_TUPLE_BEGIN));
	memcpy(part.bytes, bytes, len);
	return part;
}

/* The same of a text with its header. */
AdTuplePart
ad_tuple_text(const char *s)
{
	StringInfoData text;
	AdTuplePart part;
	int			at;

	initStringInfo(&text);
	at = ad_tuple_begin_text(&text);
	appendStringInfoString(&text, s);
	ad_tuple_end_text(&text, at);
	part = ad_tuple_part(text.data, text.len);
	pfree(text.data);
	return part;
}

/* Put a text of any length. */
void
ad_tuple_put_long(StringInfo row, const AdTuplePart *text)
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
