/*-------------------------------------------------------------------------
 *
 * ad_shapley.h
 *		Sums over a tree's leaves that its Shapley values are made of.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_SHAPLEY_H
#define AD_SHAPLEY_H

#include "postgres.h"

#define AD_SHAPLEY_POINTS	4	/* of the quadrature, at a time */

/*
 * A split.  Splits and, after them, leaves are numbered, so that those above
 * come first; 0 is the root.
 */
typedef struct AdShapleySplit
{
	double		threshold;
	double		coefficient;	/* left if it times x <= threshold */
	double		keep[2];		/* of the rows, those that keep to the path to
								 * a child at all splits on the column */
	double		share[2];		/* of the rows here, those that go there */
	uint32		child[2];
	uint32		column;
	uint32		last;			/* the child that the last split on the column
								 * above led to; 0: there is none */
} AdShapleySplit;

/* A tree, and scratch for all its splits and leaves. */
typedef struct AdShapleyTree
{
	const AdShapleySplit *splits;
	const double *length;		/* of the path to each leaf */
	uint32		nsplits;
	uint32		nleaves;
	double	   *product;		/* AD_SHAPLEY_POINTS each */
	double	   *inverse;		/* likewise */
	double	   *gain;			/* likewise */
	double	   *known;
} AdShapleyTree;

/* Adds to AD_SHAPLEY_POINTS sums a column; see simd_shapley_impl.h. */
typedef void (*AdShapleyKernel) (const AdShapleyTree *tree, const double *x,
								 const double *at, double *sum);

extern AdShapleyKernel ad_shapley_kernel(void);

#endif							/* AD_SHAPLEY_H */
