/*-------------------------------------------------------------------------
 *
 * ocsvm.h
 *		The two solvers of a one-class support vector machine.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_OCSVM_H
#define AD_OCSVM_H

#include "model/ad_detector.h"

/* The greatest magnitude whose square is a float4. */
#define AD_OCSVM_MAX_MAGNITUDE	1e15

typedef struct AdOcsvmProblem
{
	Size		n;				/* points, which differ */
	Size		rows;			/* that they stand for */
	const uint32 *counts;		/* per point, of those; NULL: one each */
	int			cols;
	float	   *points;			/* cols x n */
	bool		linear;			/* kernel x . y, else exp(-|x - y|^2) */
	double		nu;
	double		tolerance;

	/* the solution */
	double	   *alpha;			/* n, allocated by the caller; 0 .. count */
	double		rho;
	double		objective;		/* half of alpha' K alpha */
	uint64		iterations;
} AdOcsvmProblem;

/* What gradient descent works on. */
typedef struct AdOcsvmDescent
{
	const AdMatrix *m;
	const double *center;		/* cols */
	double		root;			/* of gamma */
	double		nu;
	uint32		features;		/* random ones; 0: the columns themselves */

	/* the solution */
	double	   *weight;			/* per feature, or per column */
	double		rho;
	float	   *phase;			/* per feature: in turns */
	float	   *frequency;		/* cols x features */

	/* scratch: a row */
	float	   *x;				/* cols */
	float	   *z;				/* its features, or x */
	Size		nz;				/* how many */
} AdOcsvmDescent;

/* ocsvm.c */
extern void ad_ocsvm_too_large(double v) pg_attribute_noreturn();

/* Raise an error unless a value and its square fit single precision. */
static inline void
ad_ocsvm_check_magnitude(double v)
{
	if (!(fabs(v) <= AD_OCSVM_MAX_MAGNITUDE))
		ad_ocsvm_too_large(v);
}

/* ocsvm_solve.c */
extern void ad_ocsvm_solve(AdOcsvmProblem *p);

/* ocsvm_descent.c */
extern void ad_ocsvm_descend(AdOcsvmDescent *p);

#endif							/* AD_OCSVM_H */
