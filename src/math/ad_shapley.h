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
 * A split.  Splits, and all nodes, are numbered in level order: the children
 * of split i are the nodes 2 i + 1 and 2 i + 2, and node 0 is the root.
 */
typedef struct AdShapleySplit
{
	double		threshold;
	double		coefficient;	/* left if it times x <= threshold */

	/*
	 * Per child, of the rows here, those that go there; and of all rows,
	 * those that keep to the path there at all splits on the column.
	 */
	double		rows[2][2];
	double		length[2];		/* of the path to a child that is a leaf, else
								 * 1 */
	uint32		node;
	uint32		column;
	uint32		last;			/* the node that the last split on the column
								 * above led to; 0: there is none */
} AdShapleySplit;

/* A tree, and scratch for all its splits and nodes. */
typedef struct AdShapleyTree
{
	const AdShapleySplit *splits;
	uint32		nsplits;
	double	   *product;		/* per node, AD_SHAPLEY_POINTS each */
	double	   *inverse;		/* per split, and two more; likewise */
	double	   *gain;			/* likewise */
	uint32	   *edge;			/* per node: where what the edge to it gains */
	uint32	   *right;			/* per split: does the row go right? */
} AdShapleyTree;

/* Adds to AD_SHAPLEY_POINTS sums a column; see simd_shapley_impl.h. */
typedef void (*AdShapleyKernel) (const AdShapleyTree *tree, const double *x,
								 const double *at, double *sum);

extern AdShapleyKernel ad_shapley_kernel(void);

#endif							/* AD_SHAPLEY_H */
