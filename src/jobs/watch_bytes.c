/*-------------------------------------------------------------------------
 *
 * watch_bytes.c
 *		What a watch keeps, as bytes and back.
 *
 * Nothing that is read is trusted: what could make a watch read or allocate
 * beyond its arrays is checked here, streams by themselves.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_watch.h"
#include "core/ad_bytes.h"

#define PLACE_MAGIC		0x50574441	/* "ADWP" */
#define SUBJECT_MAGIC	0x53574441	/* "ADWS" */
#define VERSION			1
#define PLACE_WHAT		"state of a watch"
#define SUBJECT_WHAT	"state of a watched column"

#define FLAG_GONE		1
#define FLAG_KNOWN_FULL	2
#define FLAG_ALL		3

/* Begin bytes. */
static void
begin(StringInfo w, uint32 magic)
{
	initStringInfo(w);
	appendStringInfoSpaces(w, VARHDRSZ);
	ad_wr_u32(w, magic);
	ad_wr_u16(w, VERSION);
}

static bytea *
end(StringInfo w)
{
	SET_VARSIZE(w->data, w->len);
	return (bytea *) w->data;
}

/* Begin to read bytes. */
static void
begin_reading(AdReader *r, const bytea *stored, uint32 magic, const char *what)
{
	uint16		version;

	ad_rd_init(r, VARDATA_ANY(stored), VARSIZE_ANY_EXHDR(stored), what);
	if (ad_rd_u32(r) != magic)
		ad_rd_corrupt(r, "it does not begin as one");
	version = ad_rd_u16(r);
	if (version != VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s has format version %d, this release reads up to %d",
						what, version, VERSION),
				 errhint("Upgrade the extension.")));
}

/* How far a watch has come as bytes. */
bytea *
ad_watch_place_write(const AdWatchPlace *p)
{
	StringInfoData w;

	begin(&w, PLACE_MAGIC);
	ad_wr_u64(&w, (uint64) p->ready);
	ad_wr_u64(&w, (uint64) p->next);
	ad_wr_u64(&w, (uint64) p->counted);
	ad_wr_u64(&w, (uint64) p->alert_from);
	ad_wr_u64(&w, (uint64) p->newest);
	ad_wr_u64(&w, (uint64) p->stale);
	return end(&w);
}

/* The same the other way. */
void
ad_watch_place_read(const bytea *stored, AdWatchPlace *p)
{
	AdReader	r;

	begin_reading(&r, stored, PLACE_MAGIC, PLACE_WHAT);
	p->ready = (int64) ad_rd_u64(&r);
	p->next = (int64) ad_rd_u64(&r);
	p->counted = (int64) ad_rd_u64(&r);
	p->alert_from = (int64) ad_rd_u64(&r);
	p->newest = (int64) ad_rd_u64(&r);
	p->stale = (int64) ad_rd_u64(&r);
	ad_rd_end(&r);
	if (TIMESTAMP_NOT_FINITE(p->next) || !IS_VALID_TIMESTAMP(p->next) ||
		p->counted > p->next)
		ad_rd_corrupt(&r, "a time is out of range");
}

/* What is kept of a column, or of the table, as bytes. */
bytea *
ad_watch_subject_write(const AdWatchSubject *s)
{
	StringInfoData w;

	begin(&w, SUBJECT_MAGIC);
	ad_wr_u8(&w, (uint8) s->class);
	ad_wr_u8(&w, (uint8) ((s->gone ? FLAG_GONE : 0) |
						  (s->known_full ? FLAG_KNOWN_FULL : 0)));
	ad_wr_f64(&w, s->spread);
	ad_wr_f64(&w, s->unit);
	ad_wr_u32(&w, (uint32) s->nknown);
	ad_wr_u64_array(&w, s->known, s->nknown);
	for (int i = 0; i < AD_WATCH_METRICS; i++)
	{
		bytea	   *stream;

		if (s->streams[i] == NULL)
			continue;
		stream = ad_stream_write(s->streams[i]);
		ad_wr_u8(&w, (uint8) i);
		ad_wr_string(&w, VARDATA(stream), VARSIZE(stream) - VARHDRSZ);
		pfree(stream);
	}
	/* behind the last metric */
	ad_wr_u8(&w, PG_UINT8_MAX);
	return end(&w);
}

/* The same the other way, but for the name; palloc'd. */
void
ad_watch_subject_read(const bytea *stored, AdWatchSubject *s)
{
	AdReader	r;
	uint8		flags;
	int			last = -1;
	uint8		metric;

	begin_reading(&r, stored, SUBJECT_MAGIC, SUBJECT_WHAT);
	s->class = ad_rd_u8(&r);
	flags = ad_rd_u8(&r);
	s->spread = ad_rd_finite(&r);
	s->unit = ad_rd_finite(&r);
	s->gone = (flags & FLAG_GONE) != 0;
	s->known_full = (flags & FLAG_KNOWN_FULL) != 0;
	if (s->class > AD_MAX_CLASS || flags > FLAG_ALL || s->spread < 0 ||
		s->unit < 0)
		ad_rd_corrupt(&r, "a value is out of range");
	s->nknown = (int) ad_rd_count(&r, AD_WATCH_KNOWN, sizeof(uint64));
	s->known = ad_palloc_array(uint64, Max(s->nknown, 1));
	ad_rd_u64_array(&r, s->known, s->nknown);
	for (int i = 1; i < s->nknown; i++)
		if (s->known[i - 1] >= s->known[i])
			ad_rd_corrupt(&r, "categories are not in order");
	while ((metric = ad_rd_u8(&r)) != PG_UINT8_MAX)
	{
		const char *bytes;
		uint8	   *copy;
		Size		len;

		if (metric >= AD_WATCH_METRICS || (int) metric <= last)
			ad_rd_corrupt(&r, "a metric is out of order");
		last = metric;
		bytes = ad_rd_string(&r, AD_STREAM_MAX_BYTES, &len);
		/* streams are read where they are aligned */
		copy = palloc(len);
		memcpy(copy, bytes, len);
		s->streams[metric] = palloc(sizeof(AdStream));
		ad_stream_read(s->streams[metric], copy, len);
		pfree(copy);
	}
	ad_rd_end(&r);
}
