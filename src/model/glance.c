/*-------------------------------------------------------------------------
 *
 * glance.c
 *		What a model's value says of costs and shares, without loading it.
 *
 * The planner asks about a constant model again for every table, partition
 * and path, so this reads a few bytes and keeps nothing: the header, the
 * table of sections, and of these the calibration or the headers of an
 * ensemble's members.  Neither checksum nor digest is looked at.  What it
 * says is good for an estimate and nothing else; bytes that hold together in
 * no way are a model of which nothing is known, not an error, for whoever
 * executes the query is told what is wrong, and may never come to it.
 *
 *-------------------------------------------------------------------------
 */
#include "model/ad_ensemble.h"
#include "model/ad_glance.h"

#include "access/detoast.h"

#define SECTION_ENTRY	24		/* bytes, in the table of sections */
#define MEMBER_HEADER	12		/* magic, format version, detector */

/* Sections of a model's value, of which only the places are known. */
typedef struct Glance
{
	struct varlena *value;		/* in any form */
	Size		len;			/* bytes of the model */
	uint16		version;
	uint16		kind;			/* detector id */
	uint32		nsections;
	uint8		table[AD_MAX_SECTIONS * SECTION_ENTRY];
} Glance;

/* Bytes of the value to read from there, or false: it has not that many. */
static bool
peek(const Glance *g, Size at, Size len, void *out)
{
	struct varlena *slice = g->value;

	if (at > g->len || len > g->len - at)
		return false;
	if (!VARATT_IS_EXTENDED(slice))
		memcpy(out, VARDATA(slice) + at, len);
	else if (VARATT_IS_SHORT(slice))
		memcpy(out, VARDATA_SHORT(slice) + at, len);
	else
	{
		slice = detoast_attr_slice(g->value, (int32) at, (int32) len);
		if (VARSIZE_ANY_EXHDR(slice) < len)
			return false;
		memcpy(out, VARDATA_ANY(slice), len);
		pfree(slice);
	}
	return true;
}

/* Begin: whether a value looks like a model. */
static bool
open_value(Glance *g, struct varlena *value)
{
	uint8		header[AD_ENVELOPE_HEADER];
	AdReader	r;

	g->value = value;
	g->len = toast_raw_datum_size(PointerGetDatum(value)) - VARHDRSZ;
	if (!peek(g, 0, sizeof(header), header) ||
		memcmp(header, AD_MAGIC_MODEL, AD_MAGIC_LENGTH) != 0)
		return false;
	ad_rd_init(&r, header, sizeof(header), "model");
	r.pos = AD_MAGIC_LENGTH;
	g->version = ad_rd_u16(&r);
	g->kind = ad_rd_u16(&r);
	(void) ad_rd_u32(&r);		/* flags */
	if (ad_rd_u64(&r) != g->len || g->version > AD_MODEL_VERSION)
		return false;
	g->nsections = ad_rd_u32(&r);
	return g->nsections <= AD_MAX_SECTIONS &&
		peek(g, AD_ENVELOPE_HEADER, g->nsections * SECTION_ENTRY, g->table);
}

/* Return where a section is; false if there is none. */
static bool
find_section(const Glance *g, uint32 id, Size *at, Size *len)
{
	AdReader	r;

	ad_rd_init(&r, g->table, g->nsections * SECTION_ENTRY, "model");
	for (uint32 i = 0; i < g->nsections; i++)
	{
		uint32		this = ad_rd_u32(&r);
		uint64		offset;
		uint64		length;

		(void) ad_rd_u32(&r);
		offset = ad_rd_u64(&r);
		length = ad_rd_u64(&r);
		if (this != id)
			continue;
		if (offset > g->len || length > g->len - offset)
			return false;
		*at = (Size) offset;
		*len = (Size) length;
		return true;
	}
	return false;
}

/* The time of the members of an ensemble together; 0: not known. */
static double
members_time(const Glance *g)
{
	uint8		bytes[MEMBER_HEADER];
	AdReader	r;
	Size		at;
	Size		len;
	Size		end;
	uint32		n;
	double		time = 0;

	if (!find_section(g, AD_SECTION_PAYLOAD, &at, &len) || len < 8 ||
		!peek(g, at, 8, bytes))
		return 0;
	end = at + len;
	at += 8;
	ad_rd_init(&r, bytes, 8, "model");
	(void) ad_rd_u32(&r);		/* how they are combined */
	n = ad_rd_u32(&r);
	if (n > AD_MAX_MEMBERS)
		return 0;
	for (uint32 i = 0; i < n; i++)
	{
		const AdDetector *detector;
		uint64		size;

		if (end - at < 8 || !peek(g, at, 8, bytes))
			return 0;
		at += 8;
		ad_rd_init(&r, bytes, 8, "model");
		size = ad_rd_u64(&r);
		if (size < MEMBER_HEADER || size > end - at ||
			!peek(g, at, MEMBER_HEADER, bytes) ||
			memcmp(bytes, AD_MAGIC_MODEL, AD_MAGIC_LENGTH) != 0)
			return 0;
		at += (Size) size;
		ad_rd_init(&r, bytes, MEMBER_HEADER, "model");
		r.pos = AD_MAGIC_LENGTH + 2;
		detector = ad_detector_by_id(ad_rd_u16(&r));
		if (detector == NULL)
			return 0;
		time += detector->time;
	}
	return time;
}

/* The time of a score in microseconds, about; 0: not known. */
double
ad_glance_time(struct varlena *value)
{
	Glance		g;
	const AdDetector *detector;

	if (!open_value(&g, value))
		return 0;
	detector = ad_detector_by_id(g.kind);
	if (detector == &ad_detector_ensemble)
		return members_time(&g);
	return detector ? detector->time : 0;
}

/*
 * The share of the rows of the fit that the model calls anomalies, 0 to 1;
 * NaN: not known.
 */
double
ad_glance_anomalies(struct varlena *value)
{
	uint8		head[4 + 2 * 8 + 3 * 8 + 2 * 4];
	uint8	   *numbers;
	Glance		g;
	AdReader	r;
	AdScores	s;
	Size		at;
	Size		len;
	Size		size;
	double		threshold;
	double		share = NAN;

	/* as ad_calibration_read() has it */
	if (!open_value(&g, value) ||
		!find_section(&g, AD_SECTION_CALIBRATION, &at, &len) ||
		len < sizeof(head) || !peek(&g, at, sizeof(head), head))
		return NAN;
	ad_rd_init(&r, head, sizeof(head), "model");
	(void) ad_rd_u32(&r);		/* method */
	(void) ad_rd_f64(&r);		/* contamination */
	threshold = ad_rd_f64(&r);
	s.n = ad_rd_u64(&r);
	s.mean = ad_rd_f64(&r);
	s.sd = ad_rd_f64(&r);
	s.ntail = ad_rd_u32(&r);
	s.ngrid = ad_rd_u32(&r);
	if (s.n < 1 || s.n > AD_MAX_SAMPLE ||
		s.ntail < 1 || s.ntail > AD_MAX_SCORES || s.ngrid > AD_MAX_SCORES ||
		s.n < (uint64) s.ntail + s.ngrid)
		return NAN;
	size = (Size) (s.ntail + s.ngrid) * sizeof(double);
	if (size > len - sizeof(head))
		return NAN;

	numbers = palloc(size);
	if (peek(&g, at + sizeof(head), size, numbers))
	{
		s.tail = ad_palloc_array(double, s.ntail + s.ngrid);
		s.grid = s.tail + s.ntail;
		ad_rd_init(&r, numbers, size, "model");
		ad_rd_f64_array(&r, s.tail, s.ntail + s.ngrid);
		share = ad_scores_share_above(&s, threshold);
		pfree(s.tail);
	}
	pfree(numbers);
	return share >= 0 && share <= 1 ? share : NAN;
}
