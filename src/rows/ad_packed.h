/*-------------------------------------------------------------------------
 *
 * ad_packed.h
 *		Packed rows: the type ad_row.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_PACKED_H
#define AD_PACKED_H

#include "core/ad_bytes.h"
#include "sketch/ad_sketch.h"

#define AD_PACKED_VERSION	1

/* How the value of a field is stored. */
typedef enum AdPackedKind
{
	AD_PACKED_WHOLE = 1,		/* an integer or money, in 64 bits */
	AD_PACKED_NUMBER = 2,		/* a float8; NaN: missing */
	AD_PACKED_CATEGORY = 3,		/* where its bytes are, and how many */
	AD_PACKED_UNTYPED = 4		/* a category, of a literal without a type */
} AdPackedKind;

#define AD_PACKED_MAX_KIND AD_PACKED_UNTYPED

typedef struct AdPackedField
{
	AdPackedKind kind;
	AdFeature	feature;		/* name "": none */
} AdPackedField;

/* What the rows of one description have in common. */
typedef struct AdPackedHead
{
	bool		has_names;
	uint32		encoding;
	int			nfields;
	AdPackedField *fields;
	Size		len;			/* bytes of the description; values follow */
} AdPackedHead;

/* The values of a row. */
typedef struct AdPackedValues
{
	const uint8 *missing;		/* a bit per field */
	const uint8 *slots;			/* 8 bytes per field */
	const char *strings;		/* bytes of categories */
	Size		strings_len;
} AdPackedValues;

extern void ad_packed_read_head(AdReader *r, AdPackedHead *head);
extern void ad_packed_write_head(StringInfo buf, const AdPackedHead *head);
extern void ad_packed_write_slot(uint8 *slot, uint64 value);
extern void ad_packed_values(const char *data, Size len, Size head_len,
							 int nfields, AdPackedValues *v);
extern void ad_packed_damaged(const char *detail) pg_attribute_noreturn();

/* The 8 bytes of a field. */
static inline uint64
ad_packed_slot(const AdPackedValues *v, int field)
{
	uint64		slot;

	memcpy(&slot, v->slots + 8 * (Size) field, sizeof(slot));
#ifdef WORDS_BIGENDIAN
	slot = pg_bswap64(slot);
#endif
	return slot;
}

/* Whether a field is missing. */
static inline bool
ad_packed_missing(const AdPackedValues *v, int field)
{
	return (v->missing[field >> 3] >> (field & 7)) & 1;
}

/* The value of a field as a number; NaN: missing. */
static inline double
ad_packed_number(const AdPackedValues *v, AdPackedKind kind, int field)
{
	uint64		slot = ad_packed_slot(v, field);
	double		number;

	if (kind == AD_PACKED_WHOLE)
		return ad_packed_missing(v, field) ? NAN : (double) (int64) slot;
	memcpy(&number, &slot, sizeof(number));
	return number;
}

/* The value of a field as a category; s NULL: missing. */
static inline AdCategory
ad_packed_category(const AdPackedValues *v, int field)
{
	AdCategory	c = {NULL, 0};
	uint64		slot;
	Size		at;
	Size		len;

	if (ad_packed_missing(v, field))
		return c;
	slot = ad_packed_slot(v, field);
	at = (Size) (slot >> 32);
	len = (Size) (slot & 0xFFFFFFFF);
	if (unlikely(len > AD_CATEGORY_SCRATCH || at > v->strings_len ||
				 len > v->strings_len - at))
		ad_packed_damaged("a string lies outside");
	c.s = v->strings + at;
	c.len = (int) len;
	return c;
}

#endif							/* AD_PACKED_H */
