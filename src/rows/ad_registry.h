/*-------------------------------------------------------------------------
 *
 * ad_registry.h
 *		What the functions that write the registry share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_REGISTRY_H
#define AD_REGISTRY_H

#include "operate/ad_operate.h"

#define AD_REGISTRY_GRANT \
	"INSERT INTO %s._ad_model_grant (name, role, privilege) " \
	"VALUES ($1, $2::%s._ad_role, $3) ON CONFLICT DO NOTHING"

/* registry.c */
extern uint64 ad_registry_run(const char *statement, int nargs,
							  const Oid *types, const Datum *values,
							  const char *nulls);
extern int32 ad_registry_result(int column);
extern text *ad_registry_new_name(Datum value);
extern void ad_registry_lock_name(const text *name);

#endif							/* AD_REGISTRY_H */
