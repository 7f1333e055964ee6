/*-------------------------------------------------------------------------
 *
 * ad_bytes.h
 *		Little-endian bytes in and out.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_BYTES_H
#define AD_BYTES_H

#include "core/ad_core.h"
#include "lib/stringinfo.h"

/* bytes.c: little-endian bytes in and out */
typedef struct AdReader
{
	const uint8 *data;			/* start, of any alignment */
	Size		len;			/* bytes in all */
	Size		pos;			/* next byte */
	const char *what;			/* "model" or "sketch", for messages */
	uint16		version;		/* of the format; of bytes just made: the last */
	bool		is_sound;		/* no accident has changed the bytes: known */
} AdReader;

extern void ad_copy_bytes(void *to, const void *from, Size len);
extern void ad_wr_u8(StringInfo w, uint8 v);
extern void ad_wr_u16(StringInfo w, uint16 v);
extern void ad_wr_u32(StringInfo w, uint32 v);
extern void ad_wr_u64(StringInfo w, uint64 v);
extern void ad_wr_f64(StringInfo w, double v);
extern void ad_wr_u32_array(StringInfo w, const uint32 *v, Size n);
extern void ad_wr_f64_array(StringInfo w, const double *v, Size n);
extern void ad_wr_u64_array(StringInfo w, const uint64 *v, Size n);
extern void ad_wr_bytes(StringInfo w, const void *data, Size len);
extern void ad_wr_string(StringInfo w, const char *s, Size len);
extern void ad_wr_align8(StringInfo w);

extern void ad_rd_init(AdReader *r, const void *data, Size len,
					   const char *what);
extern uint8 ad_rd_u8(AdReader *r);
extern uint16 ad_rd_u16(AdReader *r);
extern uint64 ad_rd_u64(AdReader *r);
extern double ad_rd_f64(AdReader *r);
extern double ad_rd_finite(AdReader *r);
extern void ad_rd_f64_array(AdReader *r, double *out, Size n);
extern void ad_rd_u32_array(AdReader *r, uint32 *out, Size n);
extern void ad_rd_u64_array(AdReader *r, uint64 *out, Size n);
extern uint32 ad_rd_count(AdReader *r, uint32 max, Size width);
extern const char *ad_rd_string(AdReader *r, Size max, Size *len);
extern void ad_rd_text_check(AdReader *r, const char *s, Size len);
extern char *ad_rd_text(AdReader *r, const char *s, Size len);
extern uint32 ad_rd_encoding(AdReader *r);
extern const char *ad_rd_text_from(AdReader *r, uint32 encoding, const char *s,
								   Size *len);
extern void ad_rd_align8(AdReader *r);
extern void ad_rd_end(AdReader *r);
extern void ad_rd_corrupt(const AdReader *r, const char *detail)
			pg_attribute_noreturn();

/* Raise an error unless that many bytes are left. */
static inline void
ad_rd_need(AdReader *r, Size bytes)
{
	if (unlikely(bytes > r->len - r->pos))
		ad_rd_corrupt(r, "unexpected end");
}

/* Inline: trees are read node by node. */
static inline uint32
ad_rd_u32(AdReader *r)
{
	const uint8 *p = r->data + r->pos;

	ad_rd_need(r, 4);
	r->pos += 4;
	return (uint32) p[0] | ((uint32) p[1] << 8) | ((uint32) p[2] << 16) |
		((uint32) p[3] << 24);
}

#endif							/* AD_BYTES_H */
