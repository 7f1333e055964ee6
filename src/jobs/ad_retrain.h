/*-------------------------------------------------------------------------
 *
 * ad_retrain.h
 *		Training again what a job judges by.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_RETRAIN_H
#define AD_RETRAIN_H

#include "jobs/ad_jobs.h"

/* What is asked of ad_retrain(); all in range. */
typedef struct AdRetrain
{
	double		margin;			/* a metric may be worse by so much, 0 to 1 */
	double		max_drift;		/* of scores, 0 to 1 */
	int			min_labels;		/* fewer say nothing; at least 2 */
	bool		weigh;			/* only if labels weigh the members */
} AdRetrain;

/* sql_retrain_model.c */
extern Jsonb *ad_retrain_model(const char *model, const AdRetrain *asked);
extern Jsonb *ad_retrain_model_job(const AdJob *j, const AdRetrain *asked);

/* sql_retrain_labels.c: metrics of two versions on the labelled rows */
typedef struct AdRetrainMetrics
{
	int64		labels;
	int64		anomalies;
	bool		compared;		/* there are both kinds of labels */
	double		roc_auc[2];		/* of the champion, of the challenger */
	double		average_precision[2];
} AdRetrainMetrics;

extern void ad_retrain_metrics(const char *model, Datum champion,
							   Datum challenger, Datum features0,
							   Datum features1, AdRetrainMetrics *out);

extern Datum ad_retrain_weigh(const char *model, Datum champion,
							  Datum features);

#endif							/* AD_RETRAIN_H */
