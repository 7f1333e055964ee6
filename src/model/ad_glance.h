/*-------------------------------------------------------------------------
 *
 * ad_glance.h
 *		Estimates of a model, from any bytes, without loading it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_GLANCE_H
#define AD_GLANCE_H

#include "postgres.h"

/* glance.c: for estimates, of any bytes */
extern double ad_glance_time(struct varlena *value);
extern double ad_glance_anomalies(struct varlena *value);

#endif							/* AD_GLANCE_H */
