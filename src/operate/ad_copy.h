/*-------------------------------------------------------------------------
 *
 * ad_copy.h
 *		Copies of named models on the servers of a cluster of Citus.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_COPY_H
#define AD_COPY_H

#include "operate/ad_operate.h"

#define AD_COPY_TABLE	"_ad_model_copy"

extern Oid	ad_citus_catalog(const char *name);
extern bool ad_citus_is_worker(void);
extern Oid	ad_copy_shard(void);
extern bool ad_copy_name(const text *name, Snapshot snapshot,
						 AdRegistryName *out);
extern bool ad_copy_privilege(const text *name, Snapshot snapshot, Oid user,
							  AdPrivilege *out);
extern bool ad_copy_version(const text *name, int32 version,
							Snapshot snapshot, bool *is_it, Datum *model);

#endif							/* AD_COPY_H */
