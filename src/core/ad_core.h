/*-------------------------------------------------------------------------
 *
 * ad_core.h
 *		What every room stands on: limits, checked sizes, cancels, quoting.
 *
 * Every size product goes through ad_mul_size(); that, and that every count
 * from bytes goes through ad_rd_count() (ad_bytes.h), is the invariant of the
 * room.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_CORE_H
#define AD_CORE_H

#include "postgres.h"

#include <math.h>

#include "core/ad_compat.h"
#include "miscadmin.h"
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
#define AD_MAX_QUOTED		64	/* characters of a user's text */
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

#endif							/* AD_CORE_H */
