/*-------------------------------------------------------------------------
 *
 * sql_ordered.c
 *		Jobs that read each row once, in the order of time, by partition.
 *
 * A batch reads rows that it has not read, each once, in the order of time,
 * and only up to a time before which nothing is expected any more: a lag before
 * the clock, once the transactions have ended that held a writer's lock when
 * the clock said so.  So it needs neither to remember rows nor to read them
 * again.  What comes later than that, but after all that was read, is read too;
 * what comes below is counted as late.  A partition goes on from the state that
 * it is remembered by (sql_ordered_parts.c), so that what is found does not
 * depend on when the job ran, and how often.
 *
 * Times that count have no clock: the greatest there is takes its place, but
 * for those that are far above all others.
 *
 * Without a state, as of a job whose options have changed or that is told to
 * look again, it is read from as far back as the kind asks for, and what begins
 * before the floor is not told again.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_ordered.h"
#include "jobs/ad_reading.h"

#include "executor/spi.h"
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#define JUMP_FACTOR		1000	/* times the lag, or times this: a jump */
#define FOLLOW_AFTER	100		/* rows above a jump */

/* The place of a batch as bytes. */
static bytea *
write_place(const AdOrdered *o)
{
	const AdOrderedPlace *p = &o->place;
	StringInfoData options;
	StringInfoData w;

	initStringInfo(&options);
	o->kind->options(o, &options);
	initStringInfo(&w);
	appendStringInfoSpaces(&w, VARHDRSZ);
	ad_wr_u32(&w, o->kind->magic);
	ad_wr_u16(&w, o->kind->version);
	ad_wr_u64(&w, (uint64) p->known);
	ad_wr_u64(&w, (uint64) p->ready);
	ad_wr_u64(&w, (uint64) p->floor);
	ad_wr_u64(&w, (uint64) p->after);
	ad_wr_string(&w, options.data, options.len);
	if (o->kind->write_own)
		o->kind->write_own(o, &w);
	SET_VARSIZE(w.data, w.len);
	return (bytea *) w.data;
}

/*
 * Read the place of a job; whether it was reached with the options of now.  A
 * batch, if there is one, has what the kind keeps besides.
 */
static bool
read_place(const AdOrderedKind *kind, const bytea *stream, AdOrderedPlace *p,
		   AdOrdered *o, const StringInfo options)
{
	AdReader	r;
	uint16		version;
	Size		len;
	const char *then;

	ad_rd_init(&r, VARDATA(stream), VARSIZE(stream) - VARHDRSZ, kind->what);
	if (ad_rd_u32(&r) != kind->magic)
		ad_rd_corrupt(&r, "it does not begin as one");
	version = ad_rd_u16(&r);
	if (version != kind->version)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s has format version %d, this release reads up to %d",
						kind->what, version, kind->version),
				 errhint("Upgrade the extension.")));
	p->known = (int64) ad_rd_u64(&r);
	p->ready = (int64) ad_rd_u64(&r);
	p->floor = (int64) ad_rd_u64(&r);
	p->after = (int64) ad_rd_u64(&r);
	then = ad_rd_string(&r, AD_MAX_OPTIONS_LENGTH, &len);
	if (p->after > p->known)
		ad_rd_corrupt(&r, "a time is out of range");
	if (o == NULL)
		return true;
	if (len != (Size) options->len || memcmp(then, options->data, len) != 0)
		return false;
	if (kind->read_own)
		kind->read_own(o, &r);
	ad_rd_end(&r);
	return true;
}

/*
 * Where the job has come to.  Without a state it begins with what its
 * watermark, or option since, whichever is later, asks for.
 */
static void
find_place(AdOrdered *o)
{
	const AdJob *j = o->b->job;
	AdJobState *s = o->b->state;
	AdOrderedPlace *p = &o->place;
	StringInfoData options;

	initStringInfo(&options);
	o->kind->options(o, &options);
	if (s->stream && read_place(o->kind, s->stream, p, o, &options))
		return;
	memset(p, 0, sizeof(AdOrderedPlace));
	p->floor = s->has_w ? s->w : AD_PLACE_LEAST;
	if (j->since != NULL)
		p->floor = Max(p->floor, ad_place_since(j->since, o->source.type));
	p->known = o->kind->first(o, p->floor);
	p->after = p->ready = p->known;
	s->forgotten = 0;
	o->anew = true;
	ad_parts_clear(j->id);
}

/* The greatest time of rows up to a place, and how many are above it, to 100. */
static bool
greatest(AdOrdered *o, int64 upto, int64 *place, int64 *above)
{
	Oid			types[] = {ad_place_param_type(o->source.type)};
	Datum		values[] = {ad_ordered_bound(o, upto)};
	bool		isnull;
	Datum		d;

	PushActiveSnapshot(GetTransactionSnapshot());
	if (SPI_execute_with_args(psprintf("SELECT (SELECT pg_catalog.max(%s) FROM (\n%s\n) q WHERE %s OPERATOR(pg_catalog.<=) $1), "
									   "(SELECT pg_catalog.count(*) FROM (SELECT FROM (\n%s\n) q WHERE %s OPERATOR(pg_catalog.>) $1 LIMIT %d) s)",
									   o->time, o->source.sql, o->time,
									   o->source.sql, o->time, FOLLOW_AFTER),
							  1, types, values, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_with_args failed");
	PopActiveSnapshot();
	*above = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0],
										 SPI_tuptable->tupdesc, 2, &isnull));
	d = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	if (!isnull)
		*place = ad_place_of(o->source.watermark_type, d);
	SPI_freetuptable(SPI_tuptable);
	return !isnull;
}

/*
 * The greatest number among times that count, but for those far above it,
 * unless there are many, and nothing else is new.
 */
static int64
greatest_number(AdOrdered *o)
{
	int64		known = o->place.known;
	int64		far = o->place.known == o->place.after ? AD_PLACE_GREATEST :
		ad_place_add(known, JUMP_FACTOR * Max(o->lag.number, JUMP_FACTOR));
	int64		place = known;
	int64		above;

	if (!greatest(o, far, &place, &above))
		place = known;
	if (above >= FOLLOW_AFTER && place <= known)
		(void) greatest(o, AD_PLACE_GREATEST, &place, &above);
	else if (above > 0 && !o->b->sweep->far)
	{
		o->b->sweep->far = true;
		ereport(WARNING,
				(errmsg("source of job \"%s\" has rows with \"%s\" far above the others",
						o->b->job->name, o->b->job->watermark),
				 errdetail("Rows above " INT64_FORMAT " are not read until there are %d.",
						   far, FOLLOW_AFTER)));
	}
	return place;
}

/* Up to where rows may be read, when all have ended who may still add some. */
static int64
find_mark(AdOrdered *o)
{
	AdPlaceType type = o->source.type;
	TimestampTz now = GetCurrentTimestamp();

	if (type == AD_PLACE_INTEGER && o->b->has_until)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("until needs a watermark that is a time")));
	if (o->b->has_until)
		now = Min(now, o->b->until);
	return ad_place_from(type == AD_PLACE_INTEGER ? greatest_number(o) :
						 ad_place_clock(type, session_timezone, now),
						 type, &o->lag, session_timezone);
}

/* Note the rows that the kind has refused. */
static void
note_bad_rows(AdOrdered *o, AdOrderedReader *r)
{
	AdModelBatch m = {.b = o->b,.run = o->b->sweep};
	ListCell   *cell;

	m.source = o->source;
	foreach(cell, r->bad)
	{
		AdOrderedBad *bad = lfirst(cell);
		AdVersion	v = {bad->id, bad->id_len, true, bad->place};

		ad_bad_row(&m, &v, bad->error->detail ?
				   psprintf("%s. %s", bad->error->message, bad->error->detail) :
				   bad->error->message, bad->error->sqlerrcode);
	}
}

/*
 * Read the rows after those that were read, as many as a batch has or a few
 * more, never a part of those at one time.  Moves the place; whether there are
 * more.
 */
static bool
read_rows(AdOrdered *o, AdOrderedReader **reader)
{
	AdOrderedPlace *p = &o->place;
	AdOrderedRange range = {.after = p->known,.upto = p->ready,.limit = o->limit};
	AdOrderedReader *r;
	ErrorData  *error;
	bool		full = false;

	p->complete = p->ready;
	if (p->ready <= p->known)
		r = ad_ordered_reader(o);
	else if ((r = ad_ordered_try(o, &range, &error)) == NULL)
	{
		r = ad_ordered_read_carefully(o, range.after, &range.upto, range.limit,
									  error);
		r->last = range.upto;
		full = true;
	}
	else if (r->rows >= range.limit && r->first == r->last)
	{
		/* more at one time than a batch has */
		range.upto = r->last;
		range.limit = 0;
		r = ad_ordered_reader(o);
		ad_ordered_read(r, &range);
		full = true;
	}
	else if (r->rows >= range.limit)
	{
		ad_ordered_forget(r);
		full = true;
	}
	*reader = r;
	if (full || r->rows > 0)
		p->known = r->last;
	if (full)
		p->complete = p->known;
	o->b->state->forgotten += r->rows;
	return full;
}

/*
 * One batch, for a kind that has looked at its source; whether there may be
 * more to do.  Alerts and watermark are the kind's, afterwards.  Within SPI.
 */
bool
ad_ordered_batch(AdOrdered *o, AdBatch *b)
{
	AdOrderedReader *r;
	bool		more;

	Assert(o->nkeys <= AD_ORDERED_KEYS && o->kind->row_size >= sizeof(AdOrderedRow));
	o->b = b;
	o->time = psprintf("q.%s", quote_identifier(b->job->watermark));
	o->keys = ad_palloc0_array(AdOrderedKey, Max(o->nkeys, 1));
	b->state->type = pstrdup(ad_place_type_name(o->source.type));
	find_place(o);
	o->place.ready = ad_holders_ready(o->b->state, &o->source, find_mark(o),
									  o->place.ready);
	o->before = o->place.known;
	if (o->kind->started)
		o->kind->started(o);
	if (!b->sweep->nulls_looked && !o->source.not_null)
		ad_ordered_timeless(o);
	b->sweep->nulls_looked = true;
	more = read_rows(o, &r);
	note_bad_rows(o, r);
	ad_parts_advance(o, r);
	b->rows = r->rows - list_length(r->bad);
	b->state->stream = write_place(o);
	return more;
}

/*
 * How many rows the source has up to the last that was read, since where the
 * job began; those that were not read came too late.  Within SPI.
 */
int64
ad_ordered_passed(const AdOrderedKind *kind, const AdJob *j, const AdJobState *s)
{
	AdOrderedPlace p;
	AdJobSource source;
	int64		there;

	if (s->stream == NULL)
		return 0;
	(void) read_place(kind, s->stream, &p, NULL, NULL);
	ad_job_source(j, &source);
	PushActiveSnapshot(GetTransactionSnapshot());
	there = ad_source_rows(j, &source, p.after + 1, p.known + 1, false);
	PopActiveSnapshot();
	return there;
}

/*
 * Let a job find what begins at a place or later again, for which it reads from
 * another on: what has an alert gets no other.  Returns how many rows are read
 * again.  Within SPI.
 */
int64
ad_ordered_rescan(const AdOrderedKind *kind, const AdJob *j, AdJobState *s,
				  int64 from, int64 first)
{
	AdOrderedPlace p;
	AdJobSource source;
	int64		again;

	if (s->stream == NULL)
		return 0;
	(void) read_place(kind, s->stream, &p, NULL, NULL);
	if (from > p.known)
		return 0;
	ad_job_source(j, &source);
	PushActiveSnapshot(GetTransactionSnapshot());
	again = ad_source_rows(j, &source, first, p.known + 1, false);
	PopActiveSnapshot();
	s->stream = NULL;
	s->has_w = true;
	s->w = from;
	return again;
}
