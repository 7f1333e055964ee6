/*-------------------------------------------------------------------------
 *
 * ad_registry.h
 *		Names of models as arguments, and how they are written.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_REGISTRY_H
#define AD_REGISTRY_H

#include "operate/ad_operate.h"
#include "operate/ad_own.h"

#define AD_REGISTRY_GRANT \
	"INSERT INTO %s._ad_model_grant (name, role, privilege) " \
	"VALUES ($1, $2::%s._ad_role, $3) ON CONFLICT DO NOTHING"

/* registry.c */
extern text *ad_model_name_argument(Datum value);
extern text *ad_registry_new_name(Datum value);
extern void ad_registry_lock_name(const text *name);

/* share.c */
extern void ad_share(text *name);

#endif							/* AD_REGISTRY_H */
