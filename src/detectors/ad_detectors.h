/*-------------------------------------------------------------------------
 *
 * ad_detectors.h
 *		The detectors' tables, for the catalogue.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_DETECTORS_H
#define AD_DETECTORS_H

#include "model/ad_detector.h"

extern const AdDetector ad_detector_iforest;
extern const AdDetector ad_detector_pca;
extern const AdDetector ad_detector_mahalanobis;
extern const AdDetector ad_detector_kmeans;
extern const AdDetector ad_detector_gmm;

#endif							/* AD_DETECTORS_H */
