/*-------------------------------------------------------------------------
 *
 * ad_math.h
 *		Order statistics over arrays of doubles.
 *
 * Deterministic: the same input gives the same bits on every machine.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_MATH_H
#define AD_MATH_H

#include "core/ad_core.h"

/* select.c */
extern void ad_select(double *v, Size n, Size k);
extern uint64 ad_select_u64(const uint64 *v, Size n, Size k);
extern double ad_quantile(double *v, Size n, double q);
extern void ad_quantiles(double *v, Size n, const double *q, int nq,
						 double *result);
extern void ad_sort_doubles(double *v, Size n);

#endif							/* AD_MATH_H */
