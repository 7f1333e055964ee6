/*-------------------------------------------------------------------------
 *
 * ad_ensemble.h
 *		Ensembles: one score of those of several models.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_ENSEMBLE_H
#define AD_ENSEMBLE_H

#include "model/ad_model.h"

#define AD_MAX_MEMBERS		32
#define AD_MAX_WEIGHT		1e6 /* of a member */

typedef struct AdEnsembleOptions
{
	int			combine;		/* AdCombine, but for AD_COMBINE_VOTE_MEAN */
	int			k;				/* of AD_COMBINE_TOP */
} AdEnsembleOptions;

/* ensemble.c */
extern const AdDetector ad_detector_ensemble;
extern void ad_ensemble_check(const AdEnsembleOptions *options);
extern void ad_ensemble_settle(AdModel *m, const AdSpec *spec);
extern void ad_ensemble_shares(const AdModel *m, const double *scores, int n,
							   const double *weights, double *shares);
extern double ad_ensemble_combine(const AdModel *m, double *scores,
								  const AdCalibration *const *calibrations,
								  int n);
extern double ad_ensemble_rounding(const AdModel *m,
								   const AdCalibration *const *calibrations,
								   int n);
extern void ad_ensemble_load(AdReader *r, AdModel *m);

#endif							/* AD_ENSEMBLE_H */
