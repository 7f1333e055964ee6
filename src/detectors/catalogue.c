/*-------------------------------------------------------------------------
 *
 * catalogue.c
 *		The detectors there are.  A new one is one file and one line here.
 *
 *-------------------------------------------------------------------------
 */
#include "detectors/ad_detectors.h"

const AdDetector *const ad_detectors[] = {
	&ad_detector_iforest,
	&ad_detector_knn,
	&ad_detector_lof,
	&ad_detector_dbscan,
	&ad_detector_inne,
	NULL
};
