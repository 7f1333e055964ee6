/*-------------------------------------------------------------------------
 *
 * iforest.h
 *		What growing and scoring forests have in common: the isolation
 *		forest and the fair-cut forest (fair_forest.c).
 *
 * Payload (little-endian):
 *	u32 rows of a subsample (psi), u32 trees, u32 ndim
 *	ndim = 1: see iforest_trees.c.
 *	ndim > 1, and always in a fair-cut forest: per tree its nodes in pre-order:
 *		u16 number of columns k, 0 for a leaf; a leaf then has u32 rows; an
 *		inner node k times (u16 column, f64 coefficient) and f64 threshold;
 *		left if the sum of coefficient times x <= threshold.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_IFOREST_H
#define AD_IFOREST_H

#include "core/ad_random.h"
#include "math/ad_math.h"
#include "math/ad_simd.h"
#include "model/ad_detector.h"
#include "port/pg_bitutils.h"

#define AD_IFOREST_MAX_TREES	10000
#define AD_IFOREST_MAX_SAMPLE	65536
#define AD_IFOREST_MAX_TOTAL	4194304 /* trees * sample_size */
#define AD_IFOREST_MAX_DEPTH	16	/* of an axis-parallel tree */

/*
 * The trees of an axis-parallel forest, in level order, one after the other.
 * With n inner nodes before it, in its tree and those before, the children of
 * an inner node of tree t are nodes 2n + 1 + t and 2n + 2 + t of the forest;
 * the root of tree t is node 2 first[t] + t.  A row goes left if its value is
 * at most the threshold.
 */
typedef struct AdForestTrees
{
	uint32		ntrees;
	uint32		ninner;
	int			column_bits;
	uint32	   *first;			/* per tree, and the end: inner nodes before
								 * it */
	uint32	   *inner;			/* per 8 nodes, and the end: inner nodes
								 * before them << 8, and a bit each: it is no
								 * leaf */

	/*
	 * Per inner node, and one more: the bits of a float4, or AD_FOREST_LONG
	 * and the place of a float8.
	 */
	uint32	   *threshold;
	double	   *longs;
	uint8	   *column;			/* likewise: column_bits each */
	uint8	   *rows;			/* per leaf; AD_FOREST_MANY: see many */
	uint32	   *many;			/* leaf and rows, in turn */
	uint32		nmany;
} AdForestTrees;

#define AD_FOREST_LONG		0x7F800000U /* what no finite float4 has */
#define AD_FOREST_MANY		255
#define AD_FOREST_LEAF		PG_UINT32_MAX

/* A node of a tree of which levels are still to come. */
typedef struct AdForestNode
{
	uint32		value;			/* threshold; of a leaf: its rows */
	uint32		column;			/* AD_FOREST_LEAF: a leaf */
} AdForestNode;

/* Trees that grow; see ad_trees_begin(). */
typedef struct AdForestBuilder
{
	int			levels;
	AdForestNode *level;		/* of one tree: level d from 2^d on */
	uint32		count[AD_IFOREST_MAX_DEPTH + 1];
	uint32		ntrees;
	uint32	   *first;			/* per tree: inner nodes before it */
	Size		ninner;
	Size		nleaves;
	Size		max;			/* of either, allocated */
	uint8	   *inner;			/* per node */
	uint32	   *threshold;		/* as in AdForestTrees */
	uint16	   *column;
	uint32	   *rows;
	double	   *longs;
	Size		nlongs;
	Size		maxlongs;
} AdForestBuilder;

/* A forest that grows; see ad_forest_grow(). */
typedef struct AdForestGrower AdForestGrower;
struct AdForestGrower
{
	const AdMatrix *m;
	int			trees_wanted;
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
	double	   *x;				/* extended: psi x cols */
	int		   *rows;			/* extended: permutation of 0 .. psi - 1 */
	int		   *columns;		/* permutation; constant ones come first */
	int			ncolumns;		/* columns this tree may use */

	/* axis-parallel */
	AdForestBuilder *trees;
	double	   *by_column;		/* cols x psi */
	uint16	   *order;			/* permutation of 0 .. psi - 1 */
	uint16	   *spare;			/* another one */

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

/*
 * What a walk compares: the rank of a column's value, counted from "first",
 * in 16 bits.  A column has a key for each 65,535 thresholds.
 */
typedef struct AdForestKey
{
	uint32		column;
	uint32		first;
} AdForestKey;

#define AD_FOREST_KEY_RANKS PG_UINT16_MAX	/* thresholds of a key */
#define AD_FOREST_SEARCHES	5	/* keys that are searched at once */
#define AD_FOREST_TOGETHER	16	/* extended trees that are walked at once */

/* How an axis-parallel forest is walked. */
typedef enum AdForestStage
{
	AD_FOREST_COMPACT,			/* as it is stored: blocks are still to come */
	AD_FOREST_BLOCKS,
	AD_FOREST_NO_BLOCKS			/* as it is stored for ever: a forged one */
} AdForestStage;

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
	AdForestTrees trees;
	AdForestStage stage;
	uint32		scored;			/* rows, as long as there are no blocks */
	uint32	   *leaf;			/* where the row scored last arrived: see
								 * math/ad_simd.h */

	/*
	 * axis-parallel, once some rows have been scored: made by
	 * iforest_blocks.c
	 */
	MemoryContext mcxt;			/* of what follows */
	AdForestBlock *blocks;		/* see math/ad_simd.h */
	AdRanks    *columns;
	AdForestKey *keys;
	int			nkeys;
	AdForestWidth width;		/* by the number of keys */
	int			walked;			/* trees in blocks: even */
	uint16	   *codes;			/* per tree and leaf, into lengths */
	double	   *lengths;		/* distinct path lengths */
	int16	   *key;			/* scratch: one row's keys */

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

/* Return how many of the nodes before one are inner ones. */
static inline uint32
ad_trees_inner_before(const AdForestTrees *t, uint32 node)
{
	uint32		eight = t->inner[node / 8];

	return (eight >> 8) +
		pg_number_of_ones[eight & ((1U << (node % 8)) - 1)];
}

/* Return whether a node is an inner one: 0 or 1. */
static inline uint32
ad_trees_is_inner(const AdForestTrees *t, uint32 node)
{
	return (t->inner[node / 8] >> (node % 8)) & 1;
}

/* The column of the n-th inner node. */
static inline uint32
ad_trees_column(const AdForestTrees *t, uint32 n)
{
	Size		at = (Size) n * t->column_bits;
	const uint8 *p = t->column + at / 8;
	uint32		bits;

#ifdef WORDS_BIGENDIAN
	bits = (uint32) p[0] | (uint32) p[1] << 8 | (uint32) p[2] << 16;
#else
	memcpy(&bits, p, sizeof(bits));
#endif
	return (bits >> (at % 8)) & ((1U << t->column_bits) - 1);
}

/* The threshold of the n-th inner node. */
static inline double
ad_trees_threshold(const AdForestTrees *t, uint32 n)
{
	uint32		bits = t->threshold[n];
	float		single;

	if (unlikely((bits & AD_FOREST_LONG) == AD_FOREST_LONG))
		return t->longs[bits ^ AD_FOREST_LONG];
	memcpy(&single, &bits, sizeof(single));
	return single;
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

/* iforest_axis.c */
extern void ad_forest_grow_axis(AdForestGrower *g, const uint32 *rows);

/* iforest_trees.c */
extern void ad_trees_begin(AdForestBuilder *b, uint32 ntrees, int levels);
extern uint32 ad_trees_keep_long(AdForestBuilder *b, double threshold);
extern void ad_trees_end_tree(AdForestBuilder *b);
extern void ad_trees_write(const AdForestBuilder *b, int cols,
						   StringInfo payload);
extern void ad_trees_free(AdForestBuilder *b);
extern void ad_trees_read(AdReader *r, AdForest *f);
extern uint32 ad_trees_many_rows(const AdForestTrees *t, uint32 leaf);
extern double ad_iforest_expected_depth(uint32 rows);

/* Add a node of the tree that grows: to the right of its level's last. */
static inline void
ad_trees_add(AdForestBuilder *b, int depth, uint32 column, uint32 value)
{
	AdForestNode *node = &b->level[((Size) 1 << depth) + b->count[depth]++];

	node->column = column;
	node->value = value;
}

/* The rows of a leaf, by its number among the leaves. */
static inline uint32
ad_trees_rows(const AdForestTrees *t, uint32 leaf)
{
	uint8		rows = t->rows[leaf];

	return likely(rows != AD_FOREST_MANY) ? rows : ad_trees_many_rows(t, leaf);
}

/* iforest_blocks.c */
extern void ad_forest_make_blocks(AdForest *f);

/* iforest_score.c */
extern void *ad_forest_load(AdReader *r, int cols, bool hyperplanes,
							int (*limit_depth) (int psi));
extern void *ad_iforest_load(AdReader *r, int cols);
extern double ad_iforest_score(void *scorer, const double *x);
extern void ad_iforest_expect(void *scorer, Size rows);
extern void ad_iforest_describe(const void *scorer, StringInfo json);
extern int	ad_iforest_depth_limit(int psi);

/* iforest_hyper.c */
typedef struct AdForestWalker AdForestWalker;
extern AdForestWalker *ad_forest_walker(const AdForest *f);
extern void ad_forest_hyper_lengths(const AdForest *f, const uint32 *roots,
									uint32 n, const double *x,
									double *length);
extern bool ad_forest_walk_row(AdForestWalker *w, const AdForest *f,
							   const double *x, double *length);

/* iforest_explain.c */
extern double ad_iforest_explain(void *scorer, const double *x, bool path,
								 double *contribution);

#endif							/* AD_IFOREST_H */
