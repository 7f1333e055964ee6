/*-------------------------------------------------------------------------
 *
 * ad_layering_job.h
 *		Jobs of kind layering: what the files of it share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_LAYERING_JOB_H
#define AD_LAYERING_JOB_H

#include "jobs/ad_ordered.h"
#include "market/ad_order_log.h"
#include "market/ad_query_reader.h"

/* A batch of such a job. */
typedef struct AdLayering
{
	AdOrdered	o;				/* must be first */
	AdQueryReader *q;			/* what the columns are */
	AdArena		arena;			/* ids of orders and rows */
} AdLayering;

/* sql_layering_rows.c */
extern const AdOrderedKind ad_layering_ordered;

/* sql_layering_job.c */
extern void ad_layering_decided(AdLayering *l, char *const *keys,
								const AdDecided *d);

#endif							/* AD_LAYERING_JOB_H */
