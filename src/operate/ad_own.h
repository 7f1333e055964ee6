/*-------------------------------------------------------------------------
 *
 * ad_own.h
 *		The extension's own tables: finding them, writing them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_OWN_H
#define AD_OWN_H

#include "postgres.h"

#include "access/htup.h"
#include "utils/relcache.h"

/* As roles stand in the tables. */
#define AD_ROLE_PUBLIC		InvalidOid
#define AD_ROLE_NOBODY		OID_MAX /* a role that does not exist here */

/* Relations of the extension that C reads or writes. */
typedef enum AdOwnRelation
{
	AD_REL_MODEL_NAME,
	AD_REL_MODEL_NAME_KEY,
	AD_REL_MODEL_VERSION,
	AD_REL_MODEL_VERSION_KEY,
	AD_REL_MODEL_GRANT,
	AD_REL_MODEL_GRANT_KEY,
	AD_REL_MODEL_GROUP,
	AD_REL_MODEL_GROUP_KEY,
	AD_REL_JOB,
	AD_REL_JOB_KEY,
	AD_REL_JOB_ID,
	/* what belongs to a job, whose number is the first column */
	AD_REL_JOB_STATE,
	AD_REL_JOB_SEEN,
	AD_REL_JOB_PART,
	AD_REL_JOB_WATCH,
	AD_REL_JOB_METRIC,
	AD_REL_JOB_RUN,
	AD_REL_JOB_ERROR,
	AD_REL_JOB_ALERT,
	AD_REL_JOB_GRANT,
	/* what belongs to a role */
	AD_REL_HEALTH_LOG,
	AD_REL_SCHEDULE,
	AD_REL_DRIFT_RESULT,
	AD_RELATIONS				/* how many there are */
} AdOwnRelation;

/* objects.c */
extern Oid	ad_own_relation(AdOwnRelation which);
extern const char *ad_own_schema(void);
extern const char *ad_internal_schema(void);
extern void ad_check_public(Oid function);
extern Oid	ad_public_function(const char *name, int nargs, const Oid *types);
extern Oid	ad_own_owner(void);

/* own_tables.c */
extern uint64 ad_own_run(const char *statement, int nargs, const Oid *types,
						 const Datum *values, const char *nulls);
extern int32 ad_own_result(int column);
extern HeapTuple ad_own_new_row(Node *context, AdOwnRelation first,
								AdOwnRelation last);
extern int	ad_own_column(Relation rel, const char *name);
extern bool ad_own_by_copy(void);

#endif							/* AD_OWN_H */
