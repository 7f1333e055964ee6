/*-------------------------------------------------------------------------
 *
 * ad_operate.h
 *		Named models: the registry and who may do what with it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_OPERATE_H
#define AD_OPERATE_H

#include "core/ad_core.h"
#include "utils/snapshot.h"

#define AD_MAX_MODEL_NAME	63	/* bytes */

#define AD_VERSION_ACTIVE	PG_INT32_MIN	/* whichever is active */

/* What a role may do with a model; each includes to score. */
typedef enum AdPrivilege
{
	AD_PRIVILEGE_NONE,
	AD_PRIVILEGE_SCORE,
	AD_PRIVILEGE_LABEL,			/* its labels count in ad_retrain() */
	AD_PRIVILEGE_READ,
	AD_PRIVILEGE_OWN
} AdPrivilege;

struct AdGroups;				/* ad_groups.h */

/* The row of a name. */
typedef struct AdRegistryName
{
	int32		active;			/* version, or 0 */
	int32		last_version;	/* highest ever given */
} AdRegistryName;

/* registry.c */
extern const char *ad_privilege_name(AdPrivilege privilege);
extern AdPrivilege ad_privilege_by_name(const char *name);
extern bool ad_registry_name(const text *name, Snapshot snapshot,
							 AdRegistryName *out);
extern AdPrivilege ad_registry_privilege(const text *name, Snapshot snapshot,
										 Oid user);
extern void ad_registry_no_model(const char *name) pg_attribute_noreturn();
extern void ad_registry_check(const text *name, Snapshot snapshot,
							  AdPrivilege need, AdRegistryName *out);
extern bool ad_registry_version(const text *name, int32 version,
								Snapshot snapshot, Datum *model,
								struct AdGroups **groups);
extern void ad_registry_check_trainer(const char *model,
									  const char *trained_by);
extern bool ad_registry_is(const text *name, int32 version,
						   const char *digest);
extern void ad_registry_fit(const text *name, int32 version,
							Snapshot snapshot, double *ms, int64 *bytes);
extern void ad_registry_find(const text *name, int32 *version,
							 AdPrivilege need, Datum *model,
							 struct AdGroups **groups);
extern Datum ad_registry_model(const text *name, int32 *version,
							   AdPrivilege need);

#endif							/* AD_OPERATE_H */
