/*-------------------------------------------------------------------------
 *
 * catalogue.c
 *		The detectors there are, as model/ad_detector_ids.h lists them.
 *
 *-------------------------------------------------------------------------
 */
#include "detectors/ad_detectors.h"

#define ENTRY(NAME, id, name) &ad_detector_##name,
#define CASE(NAME, id, name) case AD_DET_##NAME: return &ad_detector_##name;

const AdDetector *const ad_detectors[] = {
	AD_DETECTOR_LIST(ENTRY)
	NULL
};

/* The detector of an id, or NULL.  Two cases of one id do not compile. */
const AdDetector *
ad_detector_by_id(uint16 id)
{
	switch (id)
	{
			AD_DETECTOR_LIST(CASE)
		default:
			return NULL;
	}
}
