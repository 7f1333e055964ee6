/*-------------------------------------------------------------------------
 *
 * sql_series_state.c
 *		What is kept of a series, and of all series of a job.
 *
 * A state begins with counts and times, so that a view reads no more of it.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_series_job.h"
#include "sql/ad_result.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(ad_job_series_head);
PG_FUNCTION_INFO_V1(ad_job_series_counts);

#define FORM			1
#define HEAD_BYTES		48
#define MAX_READ_KEY	16384	/* bytes of a key that the view reads at once */

void
ad_series_head_write(StringInfo w, const AdSeriesHead *h)
{
	ad_wr_u8(w, FORM);
	ad_wr_u8(w, h->dead);
	ad_wr_u64(w, h->points);
	ad_wr_u64(w, (uint64) h->first);
	ad_wr_u64(w, (uint64) h->last);
	ad_wr_u64(w, h->repeated);
	ad_wr_u64(w, (uint64) h->step);
}

void
ad_series_head_read(AdReader *r, AdSeriesHead *h)
{
	if (ad_rd_u8(r) != FORM)
		ad_rd_corrupt(r, "it does not begin as one");
	h->dead = ad_rd_u8(r) != 0;
	h->points = ad_rd_u64(r);
	h->first = (int64) ad_rd_u64(r);
	h->last = (int64) ad_rd_u64(r);
	h->repeated = ad_rd_u64(r);
	h->step = (int64) ad_rd_u64(r);
	if (h->first > h->last || h->step < 0)
		ad_rd_corrupt(r, "a time is out of range");
}

/* What is counted over all series, behind the place of a job. */
void
ad_series_counts_write(StringInfo w, const AdSeriesJob *j)
{
	ad_wr_u64(w, j->series);
	ad_wr_u64(w, j->dead);
	ad_wr_u64(w, j->refused);
}

void
ad_series_counts_read(AdReader *r, AdSeriesJob *j)
{
	j->series = ad_rd_u64(r);
	j->dead = ad_rd_u64(r);
	j->refused = ad_rd_u64(r);
}

/* Append a text of a row, in quotes if it needs them. */
static void
append_member(StringInfo buf, const char *s)
{
	bool		quote = *s == '\0' || strpbrk(s, "\"\\(), \t\r\n") != NULL;

	if (!quote)
	{
		appendStringInfoString(buf, s);
		return;
	}
	appendStringInfoChar(buf, '"');
	for (; *s; s++)
	{
		if (*s == '"' || *s == '\\')
			appendStringInfoChar(buf, *s);
		appendStringInfoChar(buf, *s);
	}
	appendStringInfoChar(buf, '"');
}

/*
 * The name of a series: the text of its one column, of several the text of
 * their row, (a,b).  Without columns, "series".  palloc'd.
 */
char *
ad_series_key(const char *keys, uint32 len, int n)
{
	char	   *texts[AD_ORDERED_KEYS];
	StringInfoData buf;

	if (n == 0)
		return pstrdup("series");
	ad_part_texts(AD_SERIES_STATE, keys, len, n, texts);
	if (n == 1)
		return texts[0] ? texts[0] : pstrdup("(null)");
	initStringInfo(&buf);
	appendStringInfoChar(&buf, '(');
	for (int i = 0; i < n; i++)
	{
		if (i > 0)
			appendStringInfoChar(&buf, ',');
		if (texts[i])
			append_member(&buf, texts[i]);
	}
	appendStringInfoChar(&buf, ')');
	return buf.data;
}

/* The columns of _ad_job_series_head(). */
enum
{
	HEAD_SERIES, HEAD_POINTS, HEAD_FIRST, HEAD_LAST, HEAD_STEP, HEAD_REPEATED,
	HEAD_DEAD, HEAD_COLUMNS
};

/* What is read for a view. */
typedef struct Read
{
	bytea	   *bytes;
	int			n;				/* columns of the key */
	char	   *key;
	AdSeriesHead head;
	AdSeriesJob counts;
} Read;

/*
 * Read bytes, which may be anybody's; false: they are damaged.  A view of what
 * many see must not fail for that.  To read leaves nothing behind but memory,
 * so an error needs no subtransaction.
 */
static bool
reads(void (*function) (Read *read), Read *read)
{
	MemoryContext mcxt = CurrentMemoryContext;
	volatile bool good = true;

	PG_TRY();
	{
		function(read);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(mcxt);
		if (ERRCODE_TO_CATEGORY(geterrcode()) != ERRCODE_DATA_EXCEPTION)
			PG_RE_THROW();
		FlushErrorState();
		good = false;
	}
	PG_END_TRY();
	return good;
}

/* Read the name and the head of a series. */
static void
read_head(Read *read)
{
	AdReader	r;
	const char *keys;
	Size		len;

	ad_rd_init(&r, VARDATA_ANY(read->bytes), VARSIZE_ANY_EXHDR(read->bytes), AD_SERIES_STATE);
	keys = ad_rd_string(&r, AD_MAX_BYTES, &len);
	ad_series_head_read(&r, &read->head);
	read->key = ad_series_key(keys, (uint32) len, read->n);
}

/* Read the counts of a job. */
static void
read_counts(Read *read)
{
	AdReader	r;
	Size		len;

	ad_rd_init(&r, VARDATA_ANY(read->bytes), VARSIZE_ANY_EXHDR(read->bytes), AD_SERIES_STATE);
	(void) ad_rd_u32(&r);
	(void) ad_rd_u16(&r);
	for (int i = 0; i < 4; i++)
		(void) ad_rd_u64(&r);
	(void) ad_rd_string(&r, AD_MAX_BYTES, &len);
	ad_series_counts_read(&r, &read->counts);
}

/*
 * _ad_job_series_head(state, columns) -> what is counted of a series, from the
 * first bytes of its state; NULL if they are damaged.  Strict.
 */
Datum
ad_job_series_head(PG_FUNCTION_ARGS)
{
	Datum		values[HEAD_COLUMNS];
	bool		nulls[HEAD_COLUMNS] = {false};
	Read		read = {.n = Max(0, Min(PG_GETARG_INT32(1), AD_ORDERED_KEYS))};
	TupleDesc	desc;
	AdReader	r;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	read.bytes = (bytea *) PG_DETOAST_DATUM_SLICE(PG_GETARG_DATUM(0), 0, MAX_READ_KEY);
	if (VARSIZE_ANY_EXHDR(read.bytes) == MAX_READ_KEY)
	{
		/* the key is at its head */
		ad_rd_init(&r, VARDATA_ANY(read.bytes), sizeof(uint32), AD_SERIES_STATE);
		if (ad_rd_u32(&r) > MAX_READ_KEY - sizeof(uint32) - HEAD_BYTES)
			read.bytes = PG_GETARG_BYTEA_PP(0);
	}
	if (!reads(read_head, &read))
		PG_RETURN_NULL();
	values[HEAD_SERIES] = CStringGetTextDatum(read.key);
	values[HEAD_POINTS] = Int64GetDatum((int64) read.head.points);
	values[HEAD_FIRST] = Int64GetDatum(read.head.first);
	values[HEAD_LAST] = Int64GetDatum(read.head.last);
	values[HEAD_STEP] = Int64GetDatum(read.head.step);
	nulls[HEAD_STEP] = read.head.step == 0;
	values[HEAD_REPEATED] = Int64GetDatum((int64) read.head.repeated);
	values[HEAD_DEAD] = BoolGetDatum(read.head.dead);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/*
 * _ad_job_series_counts(place) -> series, dead ones, rows refused, from the
 * bytes of a job's place; NULL if they are damaged.  Strict.
 */
Datum
ad_job_series_counts(PG_FUNCTION_ARGS)
{
	Datum		values[3];
	bool		nulls[3] = {false};
	Read		read = {.bytes = PG_GETARG_BYTEA_PP(0)};
	TupleDesc	desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (!reads(read_counts, &read))
		PG_RETURN_NULL();
	values[0] = Int64GetDatum((int64) read.counts.series);
	values[1] = Int64GetDatum((int64) read.counts.dead);
	values[2] = Int64GetDatum((int64) read.counts.refused);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
