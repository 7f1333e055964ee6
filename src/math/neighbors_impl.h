/*-------------------------------------------------------------------------
 *
 * neighbors_impl.h
 *		What the files of the neighbour search share, and nobody else.
 *
 * Distances are compared in a reduced form that spares the root: squares
 * for euclidean and cosine (on rows of length 1), the distance itself
 * otherwise.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_NEIGHBORS_IMPL_H
#define AD_NEIGHBORS_IMPL_H

#include "math/ad_neighbors.h"
#include "math/ad_simd.h"

/* A node of a tree: its children are nodes or, all of them, leaves. */
typedef struct AdTreeNode
{
	uint32		first;			/* of its children, which follow each other */
	uint16		children;
	bool		leaves;			/* they are leaves */
} AdTreeNode;

#define AD_TREE_DEPTH	8		/* more than log16 of any number of leaves */
#define AD_LEAF_ROWS	64		/* of a leaf, at most */

typedef struct AdNeighborTree
{
	AdTreeNode *nodes;
	double	   *boxes;			/* per node and column: least values of its
								 * children, then greatest */
	double	   *blocks;			/* of AD_BLOCK_LANES rows, column by column */
	uint32	   *ids;			/* per lane of each block: the row */
	Size		leaf_rows;		/* of all leaves but the last; a multiple of
								 * AD_BLOCK_LANES */
	Size		n;
	uint32		nnodes;
	uint32		max_nodes;
	void	   *memory[2];		/* of boxes and blocks, as allocated */
} AdNeighborTree;

typedef struct AdNeighborScan AdNeighborScan;

struct AdNeighbors
{
	Size		n;
	int			cols;			/* of a row as given */
	int			dims;			/* of a row as searched: cosine has one more */
	AdMetric	metric;
	AdNorm		norm;			/* of kernels and bounds */
	double		p;
	double		widen;			/* minkowski: 2-norm <= widen * distance */
	const double *rows;			/* n x dims */
	const uint32 *counts;		/* how often each counts within a radius; NULL:
								 * once */
	AdNeighborTree *tree;		/* one of the two */
	AdNeighborScan *scan;
};

#define AD_LIST_MAX		64

struct AdNeighborScratch
{
	double	   *q;				/* the row asked for, as searched */
	uint32		self;			/* row to leave out, or AD_NO_SELF */
	bool		find_self;		/* it is the first of those at distance 0 */

	/* nearest: a heap of the best so far, the worst of them on top */
	int			k;				/* how many are wanted */
	int			maxk;
	int			found;
	double	   *d;				/* reduced */
	uint32	   *i;

	/* but up to AD_LIST_MAX of them are a list, nearest first */
	bool		list;
	int			list_size;		/* k and some more, a multiple of 8 */
	double	   *list_d;			/* INFINITY: not found yet */
	int64	   *list_i;			/* then AD_NO_SELF */

	/* within: a count; k is 0 */
	double		radius;
	int			within;

	/* reduced: what lies beyond is of no interest */
	double		worst;

	/* scan */
	uint8	   *codes;			/* of the rows searched for, AD_OWN_ROWS */
	double		error[AD_OWN_ROWS]; /* of rounding, of each */
	uint32		square[AD_OWN_ROWS];	/* sum of its codes' squares */
	uint32	   *lane_min;		/* of each, per lane of each chunk of blocks */
	uint32	   *sums;			/* per row, of one */
	uint64	   *summed;			/* per chunk: of which search its sums are */
	uint64		search;			/* a number, to tell them apart */
	uint32	   *select;			/* to find the k-th least in */
	uint32	   *lanes;			/* with rows of interest */
	uint32	   *candidates;

	Size		work;			/* nodes and blocks (tree), candidates (scan) read */
};

/* simd_tree.c: search a tree; put a row not beyond the worst into the list. */
typedef void (*AdTreeWalk) (const AdNeighbors *nb, AdNeighborScratch *s);
typedef void (*AdListInsert) (AdNeighborScratch *s, double reduced,
							  uint32 index);

extern AdTreeWalk ad_tree_walk[AD_NORMS + 1];	/* the last: minkowski */
extern AdListInsert ad_list_insert;

/* A distance from its reduced form. */
static inline double
ad_neighbors_real(const AdNeighbors *nb, double reduced)
{
	if (nb->metric == AD_METRIC_EUCLIDEAN)
		return sqrt(reduced);
	if (nb->metric == AD_METRIC_COSINE)
		return reduced * 0.5;
	return reduced;
}

/* neighbors.c */
extern void ad_neighbors_offer(const AdNeighbors *nb, AdNeighborScratch *s,
							   double reduced, uint32 index);
extern double ad_neighbors_minkowski(const double *a, const double *b,
									 Size stride, int dims, double p);

/* neighbors_plan.c */
extern void ad_neighbors_choose_plan(AdNeighbors *nb, int k,
									 AdNeighborPlan plan);

/* neighbors_tree.c */
extern AdNeighborTree *ad_tree_build(const AdNeighbors *nb);
extern void ad_tree_free(AdNeighborTree *t);
extern Size ad_tree_row(const AdNeighborTree *t, Size i);

/* neighbors_scan.c */
extern AdNeighborScan *ad_scan_build(const AdNeighbors *nb, double typical);
extern void ad_scan_free(AdNeighborScan *t);
extern void ad_scan_scratch(const AdNeighbors *nb, AdNeighborScratch *s);
extern void ad_scan_search(const AdNeighbors *nb, AdNeighborScratch *s);
extern void ad_scan_look(const AdNeighbors *nb, AdNeighborScratch *s,
						 const uint32 *rows, int n);
extern void ad_scan_found(const AdNeighbors *nb, AdNeighborScratch *s, int at);
extern void ad_exact_search(const AdNeighbors *nb, AdNeighborScratch *s);

/* Search with whatever there is. */
static inline void
ad_neighbors_search(const AdNeighbors *nb, AdNeighborScratch *s)
{
	CHECK_FOR_INTERRUPTS();
	if (nb->tree)
		ad_tree_walk[nb->metric == AD_METRIC_MINKOWSKI ? AD_NORMS : nb->norm] (nb, s);
	else if (nb->scan)
		ad_scan_search(nb, s);
	else
		ad_exact_search(nb, s);
}

/* Let a list have no rows. */
static inline void
ad_neighbors_empty(AdNeighborScratch *s)
{
	for (int i = 0; i < s->list_size; i++)
	{
		s->list_d[i] = INFINITY;
		s->list_i[i] = AD_NO_SELF;
	}
}

/* Prepare a search for the k nearest rows. */
static inline void
ad_neighbors_begin(AdNeighborScratch *s, int k, uint32 self)
{
	s->k = k;
	s->found = 0;
	s->self = self;
	s->find_self = false;
	s->worst = INFINITY;
	s->list = k <= AD_LIST_MAX;
	if (!s->list)
		return;
	s->list_size = TYPEALIGN(8, k);
	ad_neighbors_empty(s);
}

/* The reduced distance of the worst of the rows found. */
static inline double
ad_neighbors_worst(const AdNeighborScratch *s)
{
	return s->list ? s->list_d[s->found - 1] : s->d[0];
}

#endif							/* AD_NEIGHBORS_IMPL_H */
