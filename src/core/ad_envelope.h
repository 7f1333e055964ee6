/*-------------------------------------------------------------------------
 *
 * ad_envelope.h
 *		The container of models and sketches.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_ENVELOPE_H
#define AD_ENVELOPE_H

#include "core/ad_bytes.h"

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
	bool		is_sound;		/* its seal need not be checked */
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
extern void ad_envelope_reopen(AdEnvelope *e, const uint8 *data, Size len,
							   const char *magic, const char *what,
							   uint16 max_version, uint32 known_flags);
extern void ad_envelope_reader(const AdEnvelope *e, uint32 id,
							   const char *what, AdReader *r);
extern bool ad_envelope_has(const AdEnvelope *e, uint32 id);

#define AD_MAGIC_LENGTH 8
#define AD_MAGIC_MODEL	"ADMODEL\n"
#define AD_MAGIC_SKETCH "ADSKETC\n"
#define AD_MAGIC_STREAM "ADSTRM1\n"
#define AD_MAGIC_FDR "ADFDRO1\n"

#endif							/* AD_ENVELOPE_H */
