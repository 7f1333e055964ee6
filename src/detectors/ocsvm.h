/*-------------------------------------------------------------------------
 *
 * ocsvm.h
 *		The exact solution of a one-class support vector machine.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_OCSVM_H
#define AD_OCSVM_H

#include "core/ad_core.h"

typedef struct AdOcsvmProblem
{
	Size		n;				/* points */
	int			cols;
	float	   *points;			/* cols x n */
	bool		linear;			/* kernel x . y, else exp(-|x - y|^2) */
	double		nu;
	double		tolerance;

	/* the solution */
	double	   *alpha;			/* n, allocated by the caller; 0 .. 1 */
	double		rho;
	double		objective;		/* half of alpha' K alpha */
	uint64		iterations;
} AdOcsvmProblem;

/* ocsvm_solve.c */
extern void ad_ocsvm_solve(AdOcsvmProblem *p);

#endif							/* AD_OCSVM_H */
