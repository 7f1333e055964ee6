/*-------------------------------------------------------------------------
 *
 * catalogue.c
 *		The detectors there are.  A new one is one file and one line here.
 *
 *-------------------------------------------------------------------------
 */
#include "detectors/ad_detectors.h"
#include "model/ad_ensemble.h"

const AdDetector *const ad_detectors[] = {
	&ad_detector_iforest,
	&ad_detector_zscore,
	&ad_detector_hbos,
	&ad_detector_ecod,
	&ad_detector_copod,
	&ad_detector_pca,
	&ad_detector_mahalanobis,
	&ad_detector_knn,
	&ad_detector_lof,
	&ad_detector_kmeans,
	&ad_detector_dbscan,
	&ad_detector_ocsvm,
	&ad_detector_gmm,
	&ad_detector_loda,
	&ad_detector_inne,
	&ad_detector_fair_forest,
	&ad_detector_ensemble,
	NULL
};
