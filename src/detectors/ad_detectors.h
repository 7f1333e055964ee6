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
extern const AdDetector ad_detector_ocsvm;
extern const AdDetector ad_detector_fair_forest;

#endif							/* AD_DETECTORS_H */
