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

typedef struct AdEnsembleOptions
{
	int			combine;		/* AdCombine */
} AdEnsembleOptions;

/* ensemble.c */
extern const AdDetector ad_detector_ensemble;
extern double ad_ensemble_combine(AdCombine combine, double *scores,
								  const AdCalibration *const *calibrations,
								  int n);
extern void ad_ensemble_load(AdReader *r, AdModel *m);

#endif							/* AD_ENSEMBLE_H */
