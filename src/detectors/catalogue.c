/*-------------------------------------------------------------------------
 *
 * catalogue.c
 *		The detectors there are, as model/ad_detector_ids.h lists them.
 *
 *-------------------------------------------------------------------------
 */
#include "detectors/ad_detectors.h"

#define ENTRY(NAME, id, name) &ad_detector_##name,

const AdDetector *const ad_detectors[] = {
	AD_DETECTOR_LIST(ENTRY)
	NULL
};
