/*-------------------------------------------------------------------------
 *
 * ad_fingerprint.h
 *		Fingerprints of values, by a key that nobody knows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_FINGERPRINT_H
#define AD_FINGERPRINT_H

#include "core/ad_core.h"

/* fingerprint.c: of a value, by a key that nobody knows */
typedef struct AdFingerprint
{
	uint64		h[2];
} AdFingerprint;

extern AdFingerprint ad_fingerprint(const void *data, Size len);

/* Return whether two are the same. */
static inline bool
ad_fingerprint_equal(const AdFingerprint *a, const AdFingerprint *b)
{
	return a->h[0] == b->h[0] && a->h[1] == b->h[1];
}

#endif							/* AD_FINGERPRINT_H */
