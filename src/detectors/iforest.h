/*-------------------------------------------------------------------------
 *
 * iforest.h
 *		What growing and scoring forests have in common: the isolation
 *		forest and the fair-cut forest (fair_forest.c).
 *
 * Payload (little-endian):
 *	u32 rows of a subsample (psi), u32 trees, u32 ndim
 *	ndim = 1: per column u32 number of thresholds, then the thresholds as
 *		f64, strictly ascending; then per tree its nodes in pre-order, u32
 *		each: a leaf is 0x80000000 | rows in it, an inner node
 *		rank << 12 | column; left if x <= threshold[rank].
 *	ndim > 1, and always in a fair-cut forest: per tree its nodes in pre-order: u16 number of columns k, 0 for
 *		a leaf; a leaf then has u32 rows; an inner node k times (u16 column,
 *		f64 coefficient) and f64 threshold; left if the sum of coefficient
 *		times x <= threshold.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_IFOREST_H
#define AD_IFOREST_H

#include "core/ad_random.h"
#include "math/ad_math.h"
#include "math/ad_simd.h"
#include "model/ad_detector.h"

#define AD_IFOREST_MAX_TREES	10000
#define AD_IFOREST_MAX_SAMPLE	65536
#define AD_IFOREST_MAX_TOTAL	4194304 /* trees * sample_size */
#define AD_IFOREST_LEAF			0x80000000U
#define AD_IFOREST_SHIFT		12	/* bits of a node for the column */
#define AD_IFOREST_MAX_RANK		524286	/* below 2^19 - 1 */

/* A node of an axis-parallel tree that grows. */
typedef struct AdForestNode
{
	double		threshold;
	int32		column;			/* -1: leaf */
	uint32		rows;			/* of a leaf */
} AdForestNode;

/* A forest that grows; see ad_forest_grow(). */
typedef struct AdForestGrower AdForestGrower;
struct AdForestGrower
{
	const AdMatrix *m;
	int			trees;
	int			sample_size;
	int			ndim;			/* columns of a split */
	double		max_features;	/* share of the columns a tree may use */

	/*
	 * Choose the split of rows lo .. hi - 1, at least two: fill coefficient
	 * and threshold, move the columns to *nconstant .. (columns found
	 * constant go before it) and return their number, 0 for none.  NULL: one
	 * random column, one random threshold.
	 */
	int			(*choose) (AdForestGrower *g, int lo, int hi, int *nconstant,
						   double *threshold);
	int			(*limit_depth) (int psi);
	void	   *private;		/* of choose */

	AdRandom	random;
	int			depth_limit;
	int			psi;			/* rows of the subsample */
	double	   *x;				/* psi x cols */
	int		   *rows;			/* permutation of 0 .. psi - 1 */
	int		   *columns;		/* permutation; constant ones come first */
	int			ncolumns;		/* columns this tree may use */

	/* axis-parallel: all nodes of all trees, in pre-order */
	AdForestNode *nodes;
	Size		nnodes;
	Size		maxnodes;

	/* extended: the payload, written as it grows */
	StringInfo	payload;
	double	   *coefficient;
};

static inline void
ad_forest_swap(AdForestGrower *g, int i, int j)
{
	int			c = g->columns[i];

	g->columns[i] = g->columns[j];
	g->columns[j] = c;
}

typedef struct AdIforestOptions
{
	int			trees;
	double		sample_size;	/* rows of a tree, or a share of them */
	int			ndim;			/* columns of a split; > 1: extended forest */
	double		max_features;	/* columns a tree may use, or a share of them */
} AdIforestOptions;

/* A node of an extended tree; the left child follows its parent. */
typedef struct AdHyperNode
{
	double		threshold;		/* of a leaf: its path length */
	uint32		right;			/* 0: leaf */
	uint32		first;			/* of its terms; of a leaf: its rows */
	uint32		nterms;
} AdHyperNode;

typedef struct AdHyperTerm
{
	double		coefficient;
	uint32		column;
} AdHyperTerm;

/* The leaves of a path length. */
typedef struct AdForestLeaf
{
	uint32		rows;
	uint32		depth;
} AdForestLeaf;

/*
 * What a walk compares: the rank of a column's value, counted from "first",
 * in 16 bits.  A column has a key for each 65,535 thresholds.
 */
typedef struct AdForestKey
{
	uint32		column;
	uint32		first;
} AdForestKey;

/* A loaded forest. */
typedef struct AdForest
{
	uint32		psi;
	uint32		ntrees;
	uint32		ndim;
	bool		hyperplanes;	/* the extended form */
	uint32		ninner;			/* inner nodes of all trees */
	int			cols;
	double		normal;			/* c(psi) */

	/* axis-parallel */
	int			depth;
	AdRanks    *columns;
	AdForestKey *keys;
	int			nkeys;
	AdForestWidth width;		/* by the number of keys */
	AdForestBlock *blocks;		/* see math/ad_simd.h */
	int			walked;			/* trees in blocks: even */
	uint16	   *codes;			/* per tree and leaf, into lengths */
	double	   *lengths;		/* distinct path lengths */
	AdForestLeaf *leaves;		/* what leaves have them */
	int16	   *key;			/* scratch: one row's keys */
	uint32	   *leaf;			/* where the row scored last arrived */

	/* extended */
	AdHyperNode *hyper;
	uint32		nhyper;
	AdHyperTerm *terms;
	uint32		nterms;
	uint32	   *roots;
	uint32		nthird;			/* inner nodes on each third level: blocks */
	int			most_terms;		/* of a node */
	struct AdForestWalker *walker;	/* NULL: of no use */

	struct AdForestExplainer *explainer;	/* NULL until it is needed */
} AdForest;

/* The child of a node of an extended forest that a row goes to. */
static inline uint32
ad_forest_hyper_step(const AdForest *f, const AdHyperNode *node, uint32 at,
					 const double *x)
{
	const AdHyperTerm *term = f->terms + node->first;
	double		dot = 0;

	for (uint32 i = 0; i < node->nterms; i++)
		dot += term[i].coefficient * x[term[i].column];
	/* infinities of both signs make NaN, which goes right */
	return dot <= node->threshold ? at + 1 : node->right;
}

/* iforest.c */
extern int	ad_forest_sample_size(double wanted, Size rows);
extern double ad_forest_max_features(double wanted, int cols);
extern Size ad_forest_rows(int trees, double sample_size);
extern void ad_forest_grow(AdForestGrower *g, StringInfo payload);
extern void ad_forest_range(const AdForestGrower *g, int column, int lo,
							int hi, double *least, double *greatest);
extern int	ad_forest_draw_columns(AdForestGrower *g, int lo, int hi,
								   int *nconstant);

/* iforest_score.c */
extern void *ad_forest_load(AdReader *r, int cols, bool hyperplanes,
							int (*limit_depth) (int psi));
extern void *ad_iforest_load(AdReader *r, int cols);
extern double ad_iforest_score(void *scorer, const double *x);
extern void ad_iforest_describe(const void *scorer, StringInfo json);
extern int	ad_iforest_depth_limit(int psi);
extern uint32 ad_forest_split(const AdForest *f, Size tree, int depth,
							  Size position, double *threshold);

/* iforest_hyper.c */
typedef struct AdForestWalker AdForestWalker;
extern AdForestWalker *ad_forest_walker(const AdForest *f);
extern bool ad_forest_walk_row(AdForestWalker *w, const AdForest *f,
							   const double *x, double *length);

/* iforest_explain.c */
extern double ad_iforest_explain(void *scorer, const double *x, bool path,
								 double *contribution);

#endif							/* AD_IFOREST_H */
