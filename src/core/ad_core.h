/*-------------------------------------------------------------------------
 *
 * ad_core.h
 *		What every room stands on: limits, checked sizes, random numbers,
 *		hashing, bytes in and out, options.
 *
 * Nothing here knows about rows, models or SQL functions.  Every size
 * product goes through ad_mul_size(), every count that comes from bytes
 * through ad_rd_count(); that is the invariant of the room.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_CORE_H
#define AD_CORE_H

#include "postgres.h"

#include <math.h>

#include "core/ad_compat.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

/* Limits; each is named in the error that enforces it. */
#define AD_MAX_FEATURES		4096	/* features of a row */
#define AD_MAX_COLUMNS		4096	/* columns after encoding */
#define AD_MAX_BYTES		((Size) 512 * 1024 * 1024)	/* of a model, sketch */

/* Limits of texts, in bytes; a longer one is refused before it is copied. */
#define AD_MAX_QUERY_LENGTH	((Size) 256 * 1024)
#define AD_MAX_OPTIONS_LENGTH ((Size) 256 * 1024)	/* of a spec, of options */
#define AD_MAX_WORD_LENGTH	((Size) 255)	/* method, role, interval, zone */
#define AD_MAX_ROLE_LENGTH	((Size) NAMEDATALEN - 1)
#define AD_MAX_TITLE_LENGTH	((Size) 1024)	/* of a plot */
#define AD_MAX_NOTE_LENGTH	((Size) 65536)

/* What messages repeat. */
#define AD_MAX_QUOTED		64		/* characters of a user's text */
#define AD_MAX_REPEATED		1024	/* bytes of a query that failed */

/* sizes.c */
extern Size ad_add_size(Size a, Size b);
extern Size ad_mul_size(Size a, Size b);
extern Size ad_megabytes(Size bytes);
extern void *ad_palloc_array_impl(Size count, Size width);
extern void *ad_palloc0_array_impl(Size count, Size width);
extern void *ad_repalloc_array_impl(void *old, Size count, Size width);

/* An array of count items in the current context, overflow-checked. */
#define ad_palloc_array(type, count) \
	((type *) ad_palloc_array_impl((count), sizeof(type)))
#define ad_palloc0_array(type, count) \
	((type *) ad_palloc0_array_impl((count), sizeof(type)))
#define ad_repalloc_array(old, type, count) \
	((type *) ad_repalloc_array_impl((old), (count), sizeof(type)))

/* In a tight loop: look for a cancel every 1,024 items. */
#define AD_CHECK_EVERY_1024(i) \
	do { if (((i) & 1023) == 0) CHECK_FOR_INTERRUPTS(); } while (0)

/* Many bytes are copied and summed in pieces, between which a cancel is seen. */
#define AD_PIECE		((Size) 1024 * 1024)

/* Ask for memory that will be read soon, where the compiler can. */
#ifdef __GNUC__
#define ad_prefetch(address) __builtin_prefetch(address)
#else
#define ad_prefetch(address) ((void) 0)
#endif

/* quote.c */
extern char *ad_quote_clip(const char *s);
extern char *ad_quote_clip_len(const char *s, Size len);

/* random.c: xoshiro256++ seeded through SplitMix64 */
typedef struct AdRandom
{
	uint64		s[4];
} AdRandom;

/* SplitMix64's finaliser: a bijection that mixes every bit. */
static inline uint64
ad_mix64(uint64 z)
{
	z = (z ^ (z >> 30)) * UINT64CONST(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64CONST(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static inline uint64
ad_rotl64(uint64 x, int k)
{
	return (x << k) | (x >> (64 - k));
}

static inline uint64
ad_random_next(AdRandom *r)
{
	uint64		result = ad_rotl64(r->s[0] + r->s[3], 23) + r->s[0];
	uint64		t = r->s[1] << 17;

	r->s[2] ^= r->s[0];
	r->s[3] ^= r->s[1];
	r->s[1] ^= r->s[2];
	r->s[0] ^= r->s[3];
	r->s[2] ^= t;
	r->s[3] = ad_rotl64(r->s[3], 45);
	return result;
}

/* Uniform in [0, 1) with 53 bits. */
static inline double
ad_random_double(AdRandom *r)
{
	return (double) (ad_random_next(r) >> 11) * (1.0 / 9007199254740992.0);
}

/* The 128-bit product of two numbers: low half returned, high half stored. */
static inline uint64
ad_multiply(uint64 a, uint64 b, uint64 *high)
{
#ifdef HAVE_INT128
	uint128		product = (uint128) a * b;

	*high = (uint64) (product >> 64);
	return (uint64) product;
#else
	uint64		a0 = (uint32) a,
				a1 = a >> 32,
				b0 = (uint32) b,
				b1 = b >> 32;
	uint64		middle = a1 * b0 + ((a0 * b0) >> 32);
	uint64		cross = a0 * b1 + (uint32) middle;

	*high = a1 * b1 + (middle >> 32) + (cross >> 32);
	return a * b;
#endif
}

extern void ad_random_seed(AdRandom *r, uint64 seed, uint64 stream);
extern uint64 ad_random_below(AdRandom *r, uint64 n);
extern double ad_random_normal(AdRandom *r);
extern uint64 ad_hash64(const void *data, Size len, uint64 seed);

/* fingerprint.c: of a value, by a key that nobody knows */
typedef struct AdFingerprint
{
	uint64		h[2];
} AdFingerprint;

extern AdFingerprint ad_fingerprint(const void *data, Size len);

/* Whether two are the same. */
static inline bool
ad_fingerprint_equal(const AdFingerprint *a, const AdFingerprint *b)
{
	return a->h[0] == b->h[0] && a->h[1] == b->h[1];
}

/* bytes.c: little-endian bytes in and out */
typedef struct AdReader
{
	const uint8 *data;			/* start, of any alignment */
	Size		len;			/* bytes in all */
	Size		pos;			/* next byte */
	const char *what;			/* "model" or "sketch", for messages */
	uint16		version;		/* of the format; of bytes just made: the last */
} AdReader;

extern void ad_copy_bytes(void *to, const void *from, Size len);
extern void ad_wr_u8(StringInfo w, uint8 v);
extern void ad_wr_u16(StringInfo w, uint16 v);
extern void ad_wr_u32(StringInfo w, uint32 v);
extern void ad_wr_u64(StringInfo w, uint64 v);
extern void ad_wr_f64(StringInfo w, double v);
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
extern void ad_rd_u64_array(AdReader *r, uint64 *out, Size n);
extern uint32 ad_rd_count(AdReader *r, uint32 max, Size width);
extern const char *ad_rd_string(AdReader *r, Size max, Size *len);
extern void ad_rd_text_check(AdReader *r, const char *s, Size len);
extern char *ad_rd_text(AdReader *r, const char *s, Size len);
extern void ad_rd_align8(AdReader *r);
extern void ad_rd_end(AdReader *r);
extern void ad_rd_corrupt(const AdReader *r, const char *detail)
			pg_attribute_noreturn();

/* Error unless that many bytes are left. */
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

/* envelope.c: the container of models and sketches */
#define AD_ENVELOPE_HEADER	64	/* bytes before the section table */
#define AD_MAX_SECTIONS		16
#define AD_DIGEST_LENGTH	16
#define AD_FLAG_UNSEALED	0x80000000U /* no CRC: between workers only */

typedef struct AdSection
{
	uint32		id;				/* what it holds */
	const uint8 *data;
	Size		len;
} AdSection;

typedef struct AdEnvelope
{
	uint16		version;		/* format version */
	uint16		kind;			/* detector id, or 0 */
	uint32		flags;
	Size		len;			/* total length */
	uint8		digest[AD_DIGEST_LENGTH];
	int			nsections;
	AdSection	sections[AD_MAX_SECTIONS];
} AdEnvelope;

typedef struct AdEnvelopeWriter
{
	StringInfoData buf;			/* varlena header first */
	int			nsections;
	uint32		ids[AD_MAX_SECTIONS];
	Size		starts[AD_MAX_SECTIONS];
	Size		ends[AD_MAX_SECTIONS];
} AdEnvelopeWriter;

extern StringInfo ad_envelope_begin(AdEnvelopeWriter *w, int nsections,
									Size expected);
extern void ad_envelope_section(AdEnvelopeWriter *w, uint32 id);
extern bytea *ad_envelope_end(AdEnvelopeWriter *w, const char *magic,
							  uint16 version, uint16 kind, uint32 flags);
extern void ad_envelope_open(AdEnvelope *e, const uint8 *data, Size len,
							 const char *magic, const char *what,
							 uint16 max_version, uint32 known_flags);
extern void ad_envelope_reader(const AdEnvelope *e, uint32 id,
							   const char *what, AdReader *r);
extern bool ad_envelope_has(const AdEnvelope *e, uint32 id);

#define AD_MAGIC_LENGTH 8
#define AD_MAGIC_MODEL	"ADMODEL\n"
#define AD_MAGIC_SKETCH "ADSKETC\n"

/* options.c: typed options from jsonb, over a table */
typedef enum AdOptionType
{
	AD_OPT_INT,					/* int */
	AD_OPT_FLOAT,				/* double */
	AD_OPT_BOOL,				/* bool */
	AD_OPT_ENUM,				/* int: index into values */
	AD_OPT_STRING,				/* char *, palloc'd; NULL allowed */
	AD_OPT_SEED					/* uint64, from a whole number */
} AdOptionType;

typedef struct AdOption
{
	const char *name;			/* the key */
	AdOptionType type;
	Size		offset;			/* of the member in the options struct */
	double		dflt;			/* default; enum: index; NaN: none (float) */
	double		min;
	double		max;			/* inclusive */
	const char *const *values;	/* enum: names, NULL-terminated */
	const char *string_dflt;	/* string: default or NULL */
	bool		min_open;		/* float: min itself is refused */
} AdOption;

extern void ad_options_defaults(const AdOption *table, int n, void *out);
extern char *ad_option_text(const JsonbValue *v);
extern void ad_options_parse(JsonbContainer *object, const char *owner,
							 const AdOption *table, int n,
							 const char *const *also_allowed, void *out);
extern void ad_options_print(StringInfo buf, const AdOption *table, int n,
							 const void *options);
extern const char *ad_nearest(const char *word, const char *const *words,
							  int n);

/* elementary.c: functions that are the same on every machine */
extern double ad_log(double x);
extern double ad_exp2(double x);
extern void ad_sincos_turn(double turn, double *s, double *c);
extern double ad_normal_quantile(double p);
extern double ad_erf(double x);

#endif							/* AD_CORE_H */
