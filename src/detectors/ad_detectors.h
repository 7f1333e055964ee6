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
extern const AdDetector ad_detector_zscore;
extern const AdDetector ad_detector_hbos;
extern const AdDetector ad_detector_ecod;
extern const AdDetector ad_detector_copod;
extern const AdDetector ad_detector_pca;
extern const AdDetector ad_detector_mahalanobis;
extern const AdDetector ad_detector_knn;
extern const AdDetector ad_detector_lof;
extern const AdDetector ad_detector_kmeans;
extern const AdDetector ad_detector_dbscan;
extern const AdDetector ad_detector_ocsvm;
extern const AdDetector ad_detector_gmm;
extern const AdDetector ad_detector_loda;
extern const AdDetector ad_detector_inne;
extern const AdDetector ad_detector_fair_forest;

#endif							/* AD_DETECTORS_H */
