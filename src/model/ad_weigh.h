/*-------------------------------------------------------------------------
 *
 * ad_weigh.h
 *		Weights of an ensemble's members, from labelled rows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_WEIGH_H
#define AD_WEIGH_H

#include "model/ad_ensemble.h"

typedef struct AdWeigher AdWeigher;

/* What labelled rows say. */
typedef struct AdWeighed
{
	uint64		rows[2];		/* labelled ordinary, and anomalies */
	bool		both;			/* there are both, so that there are weights */
	bool		equal;			/* all weights are the same */
	double		weights[AD_MAX_MEMBERS];	/* they add up to 1 */
	double		roc_auc[AD_MAX_MEMBERS];	/* of each member alone */
} AdWeighed;

/* weigh.c */
extern AdWeigher *ad_weigher_create(const AdModel *m);
extern void ad_weigher_add(AdWeigher *w, const double *scores, bool anomaly);
extern void ad_weigher_finish(const AdWeigher *w, AdWeighed *out);

#endif							/* AD_WEIGH_H */
