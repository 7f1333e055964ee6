/*-------------------------------------------------------------------------
 *
 * ad_compat.h
 *		Differences between PostgreSQL 13 and 18, in one place.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_COMPAT_H
#define AD_COMPAT_H

#include "postgres.h"

#if PG_VERSION_NUM < 130000
#error "anomaly needs PostgreSQL 13 or later"
#endif

/* 16 moved the varlena access macros out of postgres.h. */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* 14 replaced the sha2 functions by a generic interface. */
#if PG_VERSION_NUM >= 140000
#include "common/cryptohash.h"
#endif
#include "common/sha2.h"

/* 18 replaced this attribute by pg_noreturn, which stands elsewhere. */
#ifndef pg_attribute_noreturn
#if defined(__GNUC__)
#define pg_attribute_noreturn() __attribute__((noreturn))
#else
#define pg_attribute_noreturn()
#endif
#endif

/* 14 renamed the predefined roles. */
#if PG_VERSION_NUM >= 140000
#define AD_ROLE_READ_ALL_STATS	ROLE_PG_READ_ALL_STATS
#else
#define AD_ROLE_READ_ALL_STATS	DEFAULT_ROLE_READ_ALL_STATS
#endif

#endif							/* AD_COMPAT_H */
