/*-------------------------------------------------------------------------
 *
 * ad_fdr.h
 *		P-values adjusted for how many there are.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_FDR_H
#define AD_FDR_H

#include "core/ad_core.h"

/* fdr.c: adjusted p-values */
typedef enum AdFdrMethod
{
	AD_FDR_BH,					/* Benjamini and Hochberg */
	AD_FDR_BY					/* Benjamini and Yekutieli */
} AdFdrMethod;

extern void ad_fdr_adjust(double *p, Size n, AdFdrMethod method);

/* sql_fdr.c */
extern void ad_fdr_check_p(double p);

#endif							/* AD_FDR_H */
