/*-------------------------------------------------------------------------
 *
 * ad_seen.h
 *		A set of versions of rows: key and place.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_SEEN_H
#define AD_SEEN_H

#include "core/ad_core.h"

/* A version.  What it points to is the holder's. */
typedef struct AdVersion
{
	const char *key;			/* no NUL at its end; NULL: none */
	int			length;			/* of the key, in bytes */
	bool		has_place;		/* false: its watermark is NULL */
	int64		place;
} AdVersion;

typedef struct AdSeen AdSeen;

extern AdSeen *ad_seen_new(MemoryContext parent, Size max_bytes);
extern void ad_seen_free(AdSeen *s);
extern bool ad_seen_has(const AdSeen *s, const AdVersion *v);
extern bool ad_seen_add(AdSeen *s, const AdVersion *v);
extern AdSeen *ad_seen_above(AdSeen *s, int64 place);
extern int64 ad_seen_count(const AdSeen *s);
extern int64 ad_seen_below(const AdSeen *s, int64 place);
extern int64 ad_seen_bound(const AdSeen *s, int64 keep);

#endif							/* AD_SEEN_H */
