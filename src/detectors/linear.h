/*-------------------------------------------------------------------------
 *
 * linear.h
 *		What detectors that map a row linearly have in common.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_LINEAR_H
#define AD_LINEAR_H

#include "math/ad_linalg.h"
#include "model/ad_detector.h"

/* mcd.c: a robust location and the whitening of a robust covariance */
typedef struct AdMcd
{
	double	   *mean;			/* cols */
	double	   *w;				/* outputs x cols; squared length of w (x -
								 * mean) is the distance */
	int			outputs;
	Size		support;		/* rows of the subset */
	Size		reweighted;		/* rows of the final estimate */
	bool		singular;		/* whether the subset was */
} AdMcd;

extern void ad_mcd_run(const AdMatrix *m, AdMcd *out);

#endif							/* AD_LINEAR_H */
