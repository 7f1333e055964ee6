/*-------------------------------------------------------------------------
 *
 * ad_jobs.h
 *		The job that this session runs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_JOBS_H
#define AD_JOBS_H

#include "postgres.h"

/* sql_lock.c */
extern const char *ad_job_running(void);

#endif							/* AD_JOBS_H */
