/*-------------------------------------------------------------------------
 *
 * ad_beyond.h
 *		Values beyond all that a fit saw.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_BEYOND_H
#define AD_BEYOND_H

#include "model/ad_model.h"

/* beyond.c */
extern double ad_beyond_by(const AdModelFeature *f, double low, double high,
						   double v);

#endif							/* AD_BEYOND_H */
