/*-------------------------------------------------------------------------
 *
 * ad_citus.h
 *		Tables that Citus keeps on other servers, as far as we care.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_CITUS_H
#define AD_CITUS_H

#include "postgres.h"

#include "executor/spi.h"
#include "nodes/parsenodes.h"
#include "nodes/pathnodes.h"

/* Where the one aggregate of a plan is computed. */
typedef enum AdCitusFit
{
	AD_CITUS_HERE,				/* from rows that come here */
	AD_CITUS_IN_PARTS,			/* on the shards, and merged here */
	AD_CITUS_AS_A_WHOLE			/* in one task */
} AdCitusFit;

extern bool ad_citus_reads(Query *query);
extern AdCitusFit ad_citus_fit_of(SPIPlanPtr plan);
extern void ad_citus_check_columns(PlannerInfo *root);

#endif							/* AD_CITUS_H */
