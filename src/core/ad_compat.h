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

/*
 * 14 replaced the sha2 functions by a generic interface.  The header of 13
 * includes OpenSSL's, which need not be there where the server's are, for no
 * more than the state; so this stands for it, at more than twice its size.
 */
#if PG_VERSION_NUM >= 140000
#include "common/cryptohash.h"
#include "common/sha2.h"
#else
#define PG_SHA256_DIGEST_LENGTH	32

typedef union pg_sha256_ctx
{
	uint64		align;
	uint8		state[256];
} pg_sha256_ctx;

extern void pg_sha256_init(pg_sha256_ctx *ctx);
extern void pg_sha256_update(pg_sha256_ctx *ctx, const uint8 *data,
							 size_t len);
extern void pg_sha256_final(pg_sha256_ctx *ctx, uint8 *dest);
#endif

/* 18 replaced this attribute by pg_noreturn, which stands elsewhere. */
#ifndef pg_attribute_noreturn
#if defined(__GNUC__)
#define pg_attribute_noreturn() __attribute__((noreturn))
#else
#define pg_attribute_noreturn()
#endif
#endif

/* 16 made one function of the checks of privileges on objects. */
#if PG_VERSION_NUM >= 160000
#define ad_proc_aclcheck(function, role) \
	object_aclcheck(ProcedureRelationId, function, role, ACL_EXECUTE)
#define ad_schema_aclcheck(schema, role) \
	object_aclcheck(NamespaceRelationId, schema, role, ACL_USAGE)
#else
#define ad_proc_aclcheck(function, role) \
	pg_proc_aclcheck(function, role, ACL_EXECUTE)
#define ad_schema_aclcheck(schema, role) \
	pg_namespace_aclcheck(schema, role, ACL_USAGE)
#endif

/* 14 renamed the predefined roles. */
#if PG_VERSION_NUM >= 140000
#define AD_ROLE_READ_ALL_STATS	ROLE_PG_READ_ALL_STATS
#else
#define AD_ROLE_READ_ALL_STATS	DEFAULT_ROLE_READ_ALL_STATS
#endif

/* 15 made the timeline that WAL is written on something to ask for. */
#if PG_VERSION_NUM >= 150000
#define ad_current_timeline()	GetWALInsertionTimeLine()
#else
#define ad_current_timeline()	((void) RecoveryInProgress(), ThisTimeLineID)
#endif

/* 14 names the owner of a cached plan; that of one that is not saved is none. */
#if PG_VERSION_NUM >= 140000
#define ad_release_plan(plan)	ReleaseCachedPlan(plan, NULL)
#else
#define ad_release_plan(plan)	ReleaseCachedPlan(plan, false)
#endif

/* 16 keeps the privileges that a plan needs in a list of their own. */
#if PG_VERSION_NUM >= 160000
#define ad_check_plan_rights(stmt) \
	ExecCheckPermissions((stmt)->rtable, (stmt)->permInfos, true)
#else
#define ad_check_plan_rights(stmt)	ExecCheckRTPerms((stmt)->rtable, true)
#endif

/* 14 began to tell this of which query the expression is. */
#if PG_VERSION_NUM >= 140000
#define ad_pull_varnos(root, node)	pull_varnos(root, node)
#else
#define ad_pull_varnos(root, node)	pull_varnos(node)
#endif

#endif							/* AD_COMPAT_H */
