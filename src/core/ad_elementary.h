/*-------------------------------------------------------------------------
 *
 * ad_elementary.h
 *		Elementary functions that are the same on every machine.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_ELEMENTARY_H
#define AD_ELEMENTARY_H

#include "core/ad_core.h"

/* elementary.c: functions that are the same on every machine */
extern double ad_log(double x);
extern double ad_exp2(double x);
extern void ad_sincos_turn(double turn, double *s, double *c);
extern double ad_normal_quantile(double p);
extern double ad_erf(double x);

#endif							/* AD_ELEMENTARY_H */
