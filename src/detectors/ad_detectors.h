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

#define AD_DECLARE(NAME, id, name) extern const AdDetector ad_detector_##name;

AD_DETECTOR_LIST(AD_DECLARE)

#undef AD_DECLARE

#endif							/* AD_DETECTORS_H */
