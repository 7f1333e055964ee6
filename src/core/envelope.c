/*-------------------------------------------------------------------------
 *
 * envelope.c
 *		The container that models and sketches are stored in.
 *
 * Little-endian, position independent:
 *
 *	 0	magic, 8 bytes
 *	 8	format version u16, kind u16 (detector id; 0 in a sketch), flags u32
 *	16	total length u64
 *	24	number of sections u32, zero u32
 *	32	digest, 16 bytes: SHA-256, cut, of everything but digest and CRC;
 *		zero in a sketch
 *	48	CRC-32C u32 of everything but itself, zero u32
 *	56	zero u64
 *	64	section table: id u32, zero u32, offset u64, length u64 each
 *		then the sections, in order, each 8-byte aligned, padded with zeros
 *
 * The CRC finds accidents, the digest names the content for people and
 * statistics, and neither is a defence: an attacker can recompute both, so
 * every reader checks the structure of its section.  Nor does a header say
 * anything of what follows it before opening the envelope has checked that.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_envelope.h"

#include "port/pg_crc32c.h"

#define TABLE_ENTRY		24
#define OFF_VERSION		8
#define OFF_KIND		10
#define OFF_LENGTH		16
#define OFF_NSECTIONS	24
#define OFF_DIGEST		32
#define OFF_CRC			48

static void
put_u32(uint8 *p, uint32 v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8) (v >> (8 * i));
}

static void
put_u64(uint8 *p, uint64 v)
{
	for (int i = 0; i < 8; i++)
		p[i] = (uint8) (v >> (8 * i));
}

static void
compute_digest(const uint8 *data, Size len, uint8 *out)
{
	uint8		full[PG_SHA256_DIGEST_LENGTH];
#if PG_VERSION_NUM >= 140000
	pg_cryptohash_ctx *ctx = pg_cryptohash_create(PG_SHA256);

	if (ctx == NULL ||
		pg_cryptohash_init(ctx) < 0 ||
		pg_cryptohash_update(ctx, data, OFF_DIGEST) < 0)
		elog(ERROR, "could not compute SHA-256");
	for (Size at = AD_ENVELOPE_HEADER; at < len; at += AD_PIECE)
	{
		CHECK_FOR_INTERRUPTS();
		if (pg_cryptohash_update(ctx, data + at, Min(AD_PIECE, len - at)) < 0)
			elog(ERROR, "could not compute SHA-256");
	}
	if (pg_cryptohash_final(ctx, full, sizeof(full)) < 0)
		elog(ERROR, "could not compute SHA-256");
	pg_cryptohash_free(ctx);
#else
	pg_sha256_ctx ctx;

	pg_sha256_init(&ctx);
	pg_sha256_update(&ctx, data, OFF_DIGEST);
	for (Size at = AD_ENVELOPE_HEADER; at < len; at += AD_PIECE)
	{
		CHECK_FOR_INTERRUPTS();
		pg_sha256_update(&ctx, data + at, Min(AD_PIECE, len - at));
	}
	pg_sha256_final(&ctx, full);
#endif
	memcpy(out, full, AD_DIGEST_LENGTH);
}

static uint32
compute_crc(const uint8 *data, Size len)
{
	pg_crc32c	crc;

	INIT_CRC32C(crc);
	COMP_CRC32C(crc, data, OFF_CRC);
	for (Size at = OFF_CRC + 4; at < len; at += AD_PIECE)
	{
		CHECK_FOR_INTERRUPTS();
		COMP_CRC32C(crc, data + at, Min(AD_PIECE, len - at));
	}
	FIN_CRC32C(crc);
	return crc;
}

/*
 * Begin an envelope of the given number of sections.  Sections are
 * appended to the returned buffer, each after ad_envelope_section().
 * "expected" bytes of content save the buffer from growing step by step.
 */
StringInfo
ad_envelope_begin(AdEnvelopeWriter *w, int nsections, Size expected)
{
	Size		head = VARHDRSZ + AD_ENVELOPE_HEADER + TABLE_ENTRY * nsections;

	Assert(nsections > 0 && nsections <= AD_MAX_SECTIONS);
	initStringInfo(&w->buf);
	enlargeStringInfo(&w->buf, (int) Min(ad_add_size(head, expected),
										 AD_MAX_BYTES));
	memset(w->buf.data, 0, head);
	w->buf.len = (int) head;
	w->nsections = 0;
	put_u32((uint8 *) w->buf.data + VARHDRSZ + OFF_NSECTIONS, nsections);
	return &w->buf;
}

/* Close the section before, if any, and open the next. */
void
ad_envelope_section(AdEnvelopeWriter *w, uint32 id)
{
	if (w->nsections > 0)
		w->ends[w->nsections - 1] = w->buf.len - VARHDRSZ;
	ad_wr_align8(&w->buf);
	w->ids[w->nsections] = id;
	w->starts[w->nsections] = w->buf.len - VARHDRSZ;
	w->nsections++;
}

/* Recompute digest and CRC of an envelope in place. */
static void
seal(uint8 *data, Size len)
{
	/* sketches (kind 0) are exchanged between workers and not cached */
	if (data[OFF_KIND] != 0 || data[OFF_KIND + 1] != 0)
		compute_digest(data, len, data + OFF_DIGEST);
	else
		memset(data + OFF_DIGEST, 0, AD_DIGEST_LENGTH);
	put_u32(data + OFF_CRC, compute_crc(data, len));
}

/* An envelope that never leaves the server needs neither. */
static bool
is_sealed(uint32 flags)
{
	return (flags & AD_FLAG_UNSEALED) == 0;
}

/* Finish: fill in the header, seal, and return the bytea. */
bytea *
ad_envelope_end(AdEnvelopeWriter *w, const char *magic, uint16 version,
				uint16 kind, uint32 flags)
{
	uint8	   *data;
	Size		len;

	w->ends[w->nsections - 1] = w->buf.len - VARHDRSZ;
	ad_wr_align8(&w->buf);
	data = (uint8 *) w->buf.data + VARHDRSZ;
	len = w->buf.len - VARHDRSZ;

	memcpy(data, magic, AD_MAGIC_LENGTH);
	put_u32(data + OFF_VERSION, version | ((uint32) kind << 16));
	put_u32(data + OFF_VERSION + 4, flags);
	put_u64(data + OFF_LENGTH, len);
	for (int i = 0; i < w->nsections; i++)
	{
		uint8	   *e = data + AD_ENVELOPE_HEADER + TABLE_ENTRY * i;

		put_u32(e, w->ids[i]);
		put_u64(e + 8, w->starts[i]);
		put_u64(e + 16, w->ends[i] - w->starts[i]);
	}
	if (is_sealed(flags))
		seal(data, len);
	SET_VARSIZE(w->buf.data, w->buf.len);
	return (bytea *) w->buf.data;
}

/* Raise an error unless the bytes begin with the magic of what is expected. */
static void
check_magic(const uint8 *data, Size len, const char *magic, const char *what)
{
	const char *other = NULL;

	if (len >= AD_MAGIC_LENGTH)
	{
		if (memcmp(data, magic, AD_MAGIC_LENGTH) == 0)
			return;
		if (memcmp(data, AD_MAGIC_MODEL, AD_MAGIC_LENGTH) == 0)
			other = "model";
		else if (memcmp(data, AD_MAGIC_SKETCH, AD_MAGIC_LENGTH) == 0)
			other = "sketch";
	}
	if (other)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("value is a %s, where a %s is expected",
						other, what)));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
			 errmsg("value is not a %s", what),
			 errdetail("Its first bytes are not those of a %s.", what)));
}

/* Read the header up to the digest: version, kind, flags, length, sections. */
static void
open_header(AdEnvelope *e, AdReader *r, uint16 max_version, uint32 known_flags)
{
	const char *what = r->what;
	uint64		total;
	uint32		nsections;

	if (r->len < AD_ENVELOPE_HEADER)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("%s is damaged", what),
				 errdetail("It has %zu bytes, its header alone has %d.",
						   r->len, AD_ENVELOPE_HEADER)));
	r->pos = OFF_VERSION;
	e->version = ad_rd_u16(r);
	e->kind = ad_rd_u16(r);
	e->flags = ad_rd_u32(r);
	if (e->version == 0)
		ad_rd_corrupt(r, "format version is zero");
	if (e->version > max_version)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s has format version %u, newest known is %u",
						what, e->version, max_version),
				 errhint("Upgrade the anomaly extension of this server.")));
	if (e->flags & ~known_flags)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s has unknown flags 0x%x", what,
						e->flags & ~known_flags),
				 errhint("Upgrade the anomaly extension of this server.")));
	total = ad_rd_u64(r);
	if (total != r->len)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("%s is damaged", what),
				 errdetail("It has %zu bytes, its header says "
						   UINT64_FORMAT ".", r->len, total)));
	e->len = r->len;
	nsections = ad_rd_u32(r);
	if (nsections == 0 || nsections > AD_MAX_SECTIONS)
		ad_rd_corrupt(r, "the number of sections is out of range");
	e->nsections = (int) nsections;
	if (ad_rd_u32(r) != 0)
		ad_rd_corrupt(r, "a reserved field is not zero");
}

/* Return whether CRC and digest are there, and have to be checked. */
static bool
must_check(const AdEnvelope *e)
{
	return is_sealed(e->flags) && !e->is_sound;
}

/* Check the CRC and the digest, and the zeros between them. */
static void
check_seal(AdEnvelope *e, AdReader *r)
{
	uint8		digest[AD_DIGEST_LENGTH];
	uint32		crc;

	r->pos = OFF_CRC;
	crc = ad_rd_u32(r);
	if (must_check(e) && crc != compute_crc(r->data, r->len))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("%s is damaged", r->what),
				 errdetail("Its checksum does not match.")));
	if (ad_rd_u32(r) != 0 || ad_rd_u64(r) != 0)
		ad_rd_corrupt(r, "a reserved field is not zero");
	memcpy(e->digest, r->data + OFF_DIGEST, AD_DIGEST_LENGTH);
	if (e->kind == 0 || !is_sealed(e->flags))
		memset(digest, 0, AD_DIGEST_LENGTH);
	else if (must_check(e))
		compute_digest(r->data, r->len, digest);
	else
		return;
	if (memcmp(e->digest, digest, AD_DIGEST_LENGTH) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("%s is damaged", r->what),
				 errdetail("Its digest does not match.")));
}

/* Read the section table: in order, aligned, without overlap, to the end. */
static void
open_sections(AdEnvelope *e, AdReader *r)
{
	Size		at = AD_ENVELOPE_HEADER + (Size) TABLE_ENTRY * e->nsections;

	r->pos = AD_ENVELOPE_HEADER;
	ad_rd_need(r, (Size) TABLE_ENTRY * e->nsections);
	for (int i = 0; i < e->nsections; i++)
	{
		AdSection  *s = &e->sections[i];
		uint32		zero;
		uint64		offset;
		uint64		length;

		s->id = ad_rd_u32(r);
		zero = ad_rd_u32(r);
		offset = ad_rd_u64(r);
		length = ad_rd_u64(r);
		if (zero != 0 || offset != TYPEALIGN(8, at) || offset > r->len ||
			length > r->len - offset)
			ad_rd_corrupt(r, "a section lies outside");
		for (int j = 0; j < i; j++)
			if (e->sections[j].id == s->id)
				ad_rd_corrupt(r, "a section occurs twice");
		s->data = r->data + offset;
		s->len = (Size) length;
		at = (Size) (offset + length);
	}
	if (TYPEALIGN(8, at) != r->len)
		ad_rd_corrupt(r, "bytes follow the last section");
}

/* Open an envelope; check its seal unless it is known to be sound. */
static void
open_envelope(AdEnvelope *e, const uint8 *data, Size len, const char *magic,
			  const char *what, uint16 max_version, uint32 known_flags)
{
	AdReader	r;

	check_magic(data, len, magic, what);
	ad_rd_init(&r, data, len, what);
	open_header(e, &r, max_version, known_flags);
	check_seal(e, &r);
	open_sections(e, &r);
}

/*
 * Check and open an envelope.  "what" names the kind of value for
 * messages.  data must outlive the envelope; it need not be aligned, since
 * the readers take it byte by byte (a varlena's data is not).
 * Everything in the header and the section table is checked here; the
 * sections' content is their readers' business.
 */
void
ad_envelope_open(AdEnvelope *e, const uint8 *data, Size len,
				 const char *magic, const char *what,
				 uint16 max_version, uint32 known_flags)
{
	e->is_sound = false;
	open_envelope(e, data, len, magic, what, max_version, known_flags);
}

/*
 * The same of bytes that this process has opened before, all of them: what
 * CRC and digest could tell is known.
 */
void
ad_envelope_reopen(AdEnvelope *e, const uint8 *data, Size len,
				   const char *magic, const char *what,
				   uint16 max_version, uint32 known_flags)
{
	e->is_sound = true;
	open_envelope(e, data, len, magic, what, max_version, known_flags);
}

/* Return whether there is a section with this id. */
bool
ad_envelope_has(const AdEnvelope *e, uint32 id)
{
	for (int i = 0; i < e->nsections; i++)
		if (e->sections[i].id == id)
			return true;
	return false;
}

/* A reader over one section; error if it is missing. */
void
ad_envelope_reader(const AdEnvelope *e, uint32 id, const char *what,
				   AdReader *r)
{
	for (int i = 0; i < e->nsections; i++)
		if (e->sections[i].id == id)
		{
			ad_rd_init(r, e->sections[i].data, e->sections[i].len, what);
			r->version = e->version;
			r->is_sound = e->is_sound;
			return;
		}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
			 errmsg("%s is damaged", what),
			 errdetail("Section %u is missing.", id)));
}
