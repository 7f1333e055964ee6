/*-------------------------------------------------------------------------
 *
 * ad_pareto.h
 *		Generalised Pareto tails: peaks over a threshold.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_PARETO_H
#define AD_PARETO_H

#include "core/ad_core.h"

/* pareto.c: generalised Pareto tails (peaks over threshold) */
typedef struct AdParetoTail
{
	double		level;			/* peaks are excesses over this */
	double		shape;			/* gamma */
	double		scale;			/* sigma */
	double		share;			/* of observations above the level */
} AdParetoTail;

extern void ad_pareto_fit(double *excess, Size n, AdParetoTail *tail);
extern double ad_pareto_quantile(const AdParetoTail *tail, double risk);

#endif							/* AD_PARETO_H */
