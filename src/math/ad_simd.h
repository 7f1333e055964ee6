/*-------------------------------------------------------------------------
 *
 * ad_simd.h
 *		Kernels that have SIMD variants, chosen at run time.
 *
 * The build is portable; variants are compiled by target attribute and
 * picked by what the processor has.  Every variant gives the same bits as
 * its scalar twin.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_SIMD_H
#define AD_SIMD_H

#include "core/ad_core.h"

/* Whether variants for x86 are compiled, beside the portable code. */
#if defined(__x86_64__) && defined(__GNUC__)
#define AD_HAVE_X86
#endif

/* Every 64-bit ARM has these: there is no older level. */
#if defined(__aarch64__) && defined(__GNUC__) && defined(__ARM_NEON) && \
	!defined(__AARCH64EB__)
#define AD_HAVE_NEON
#endif

typedef enum AdSimdLevel
{
	AD_SIMD_SCALAR, AD_SIMD_NEON, AD_SIMD_AVX2, AD_SIMD_AVX512
} AdSimdLevel;

/* simd.c */
extern void ad_simd_init(void);
extern AdSimdLevel ad_simd_level(void);

/*
 * simd_forest.c: walk all trees of a forest for one row.
 *
 * A block is four levels of a tree: node 0, its children 1 and 2, and so on.
 * The walk goes right at a node if key[column] is greater than its threshold,
 * so never where that is AD_FOREST_LEFT; the last of the sixteen nodes is
 * such.  All trees are of one depth.  Their first blocks stand side by side,
 * then come those of the next four levels, tree by tree, and so on.  Where
 * the depth is not a multiple of four, the first block is filled from its
 * bottom: the nodes at the left border of its upper levels lead left.
 *
 * leaf[] receives where a row arrives: from 0 to 2^depth - 1.  The number of
 * trees is even, and blocks are aligned to their size.  Up to 64 columns a
 * number c is stored as c + 256 * (c + 128), from 65 on as c; key[] then has
 * as many entries as its width says.
 */
#define AD_FOREST_LEVELS	4
#define AD_FOREST_CHILDREN	16
#define AD_FOREST_LEFT		PG_INT16_MAX

typedef struct AdForestBlock
{
	int16		threshold[AD_FOREST_CHILDREN];
	uint16		column[AD_FOREST_CHILDREN];
} AdForestBlock;

/* How many columns there are, at most. */
typedef enum AdForestWidth
{
	AD_FOREST_16, AD_FOREST_32, AD_FOREST_64, AD_FOREST_WIDE
} AdForestWidth;

#define AD_FOREST_WIDTHS	4

typedef void (*AdForestWalk) (const AdForestBlock *blocks, int trees,
							  int depth, const int16 *key, uint32 *leaf);

extern AdForestWalk ad_forest_walk[AD_FOREST_WIDTHS];
extern void ad_forest_begin(void);
extern void ad_forest_choose(AdSimdLevel level);

/*
 * simd_hyper.c: walk trees with splits on at most two columns.
 *
 * A block is three levels of a tree: split 0, its children 1 and 2, and so
 * on; or parts of trees that have one or two levels, which begin at a lower
 * split.  At a split d is y[pivot] + ratio * y[other] - threshold, in single
 * precision; the walk goes to its second child if d is above 0, to its first
 * if it is below, and is uncertain where |d| is at most margin +
 * ratio[7]; threshold[7] is so great that no row is beyond it.  The word columns is pivot +
 * 65536 * other, with bit 31 set if bit 3 of pivot is, and bit 15 if that of
 * other is.  way[] says what is below: a block and the split to enter it by,
 * or AD_HYPER_LEAF and a leaf.  Where a part of the tree is less deep, the
 * splits that are not there lead to their first child.
 *
 * leaf[] receives, per tree, AD_HYPER_LEAF and the leaf, or AD_HYPER_UNSURE
 * beside it.  roots[] are ways, none of them a leaf; AD_HYPER_TOGETHER more
 * follow, to a block whose ways lead to itself, and as many entries of leaf[]
 * that mean nothing.  Blocks are aligned to half their size; y[] is finite
 * and has at least 16 entries.
 */
#define AD_HYPER_LEVELS		3
#define AD_HYPER_LANES		8
#define AD_HYPER_LEAF		0x80000000U
#define AD_HYPER_UNSURE		0x40000000U
#define AD_HYPER_ENTRY_SHIFT	25	/* of a way: below it is the block */
#define AD_HYPER_TOGETHER	12	/* trees that are walked in turn */

typedef struct AdHyperBlock
{
	float		ratio[AD_HYPER_LANES];
	float		threshold[AD_HYPER_LANES];
	uint32		columns[AD_HYPER_LANES];
	uint32		way[AD_HYPER_LANES];
} AdHyperBlock;

/* How many columns there are, at most. */
typedef enum AdHyperWidth
{
	AD_HYPER_8, AD_HYPER_16, AD_HYPER_WIDE
} AdHyperWidth;

#define AD_HYPER_WIDTHS		3

typedef void (*AdHyperWalk) (const AdHyperBlock *blocks, const uint32 *roots,
							 int trees, const float *y, float margin,
							 uint32 *leaf);

extern AdHyperWalk ad_hyper_walk[AD_HYPER_WIDTHS];
extern void ad_hyper_choose(AdSimdLevel level);

/*
 * simd_neighbors.c: distances from a row to many.
 *
 * A block holds AD_BLOCK_LANES rows of doubles column by column; its kernel
 * gives the sums of squares of the differences to q.  A scan kernel gives
 * these, the sum of absolute values or the greatest of the differences of
 * codes of one byte: groups of four columns, in each group four bytes a row.
 * Codes whose squares are added are at most 127; squares[] has the sum of
 * those of each row, and "square" of q.  lane_min[] receives the least sum of each lane.  A
 * selection finds the numbers that are low .. high: out[], which needs room for
 * one block more, receives their places from "base" on.
 */
#define AD_BLOCK_LANES		16

typedef enum AdNorm
{
	AD_NORM_2, AD_NORM_1, AD_NORM_MAX
} AdNorm;

#define AD_NORMS			3

typedef void (*AdBlockKernel) (const double *block, int cols,
							   const double *q, double *out);
typedef void (*AdScanKernel) (const uint8 *codes, const uint32 *squares,
							  Size blocks, int groups, const uint8 *q,
							  uint32 square, uint32 *sums, uint32 *lane_min);

typedef Size (*AdScanSelect) (const uint32 *v, Size n, uint32 low, uint32 high,
							  uint32 base, uint32 *out);

extern AdBlockKernel ad_block_kernel;
extern AdScanKernel ad_scan_kernel[AD_NORMS];
extern AdScanSelect ad_scan_select;
extern void ad_neighbors_choose(AdSimdLevel level);

/* simd_tree.c: the walk through the tree of a neighbour search. */
extern void ad_tree_choose(AdSimdLevel level);

/*
 * simd_draws.c: the nearest row of each of many small samples.
 *
 * A block holds AD_DRAW_LANES draws side by side: tile by tile of
 * AD_DRAW_TILE rows, in a tile column by column, in a column row by row, the
 * numbers of all draws.  nearest[] receives, per draw, the Euclidean distance
 * from q to the nearest of its rows, next[] that to the one after it, which
 * is as far if there are two.  Rows of INFINITY fill up a tile; a draw of a
 * single row has an infinite next one.  q is finite.
 */
#define AD_DRAW_LANES		16
#define AD_DRAW_TILE		4

typedef void (*AdDrawKernel) (const float *block, int tiles, int cols,
							  const float *q, float *nearest, float *next);

extern AdDrawKernel ad_draw_kernel;
extern void ad_draws_choose(AdSimdLevel level);

/*
 * simd_balls.c: the ball that holds a row, in each of many small samples.
 *
 * The balls of AD_BALL_LANES samples stand side by side: of the first ball of
 * each the squared radii, the values, and column by column the centers; then
 * of the second, and so on.  value[] receives, per sample, the value of the
 * last ball that q is in or on, 1 if there is none; a negative radius holds
 * nothing.
 */
#define AD_BALL_LANES		16

typedef void (*AdBallKernel) (const double *balls, int n, int cols,
							  const double *q, double *value);

extern AdBallKernel ad_ball_kernel;
extern void ad_balls_choose(AdSimdLevel level);

#endif							/* AD_SIMD_H */
