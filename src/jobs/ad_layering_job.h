/*-------------------------------------------------------------------------
 *
 * ad_layering_job.h
 *		Jobs of kind layering: what the files of it share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_LAYERING_JOB_H
#define AD_LAYERING_JOB_H

#include "jobs/ad_event_job.h"

/* sql_layering_rows.c */
extern const AdOrderedKind ad_layering_ordered;

/* sql_layering_job.c */
extern void ad_layering_decided(AdEventBatch *l, char *const *keys,
								const AdDecided *d);

#endif							/* AD_LAYERING_JOB_H */
