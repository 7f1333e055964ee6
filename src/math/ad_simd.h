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

typedef enum AdSimdLevel
{
	AD_SIMD_SCALAR, AD_SIMD_AVX2, AD_SIMD_AVX512
} AdSimdLevel;

/* simd.c */
extern void ad_simd_init(void);
extern AdSimdLevel ad_simd_level(void);

/*
 * simd_forest.c: walk all trees of a forest for one row.
 *
 * Trees are complete binary trees of the same depth, AD_FOREST_LANES to a
 * group, interleaved: node i of lane l of a group is at [i * LANES + l],
 * root 0, children 2i + 1 and 2i + 2, groups (2^depth - 1) * LANES apart.
 * A node is rank << AD_FOREST_SHIFT | column; the walk goes right if
 * node < key[column].  leaf[] receives, per lane, the leaf's position times
 * LANES plus the lane.  key[] has at least AD_FOREST_LANES entries.
 */
#define AD_FOREST_LANES		16
#define AD_FOREST_SHIFT		12	/* bits for the column */
#define AD_FOREST_MAX_RANK	524286	/* so that a key stays below 2^31 */

typedef void (*AdForestWalk) (const uint32 *nodes, int groups, int depth,
							  const uint32 *key, int cols, uint32 *leaf);

extern AdForestWalk ad_forest_walk;
extern void ad_forest_choose(AdSimdLevel level);

/*
 * simd_neighbors.c: distances from a row to many.
 *
 * A block holds AD_BLOCK_LANES rows of doubles column by column; its kernel
 * gives the sum of squares, the sum of absolute values or the greatest of
 * the differences to q, per row and without the root, and returns which of
 * them are at most "worst" as bits.  A scan kernel does
 * the same over codes of one byte (squaring at most 127): groups of four
 * columns, in each group four bytes a row.  lane_min[] receives the least sum
 * of each lane.
 */
#define AD_BLOCK_LANES		16

typedef enum AdNorm
{
	AD_NORM_2, AD_NORM_1, AD_NORM_MAX
} AdNorm;

#define AD_NORMS			3

typedef uint32 (*AdBlockKernel) (const double *block, int cols,
								 const double *q, double worst, double *out);
typedef void (*AdScanKernel) (const uint8 *codes, Size blocks, int groups,
							  const uint8 *q, uint32 *sums,
							  uint32 *lane_min);

extern AdBlockKernel ad_block_kernel[AD_NORMS];
extern AdScanKernel ad_scan_kernel[AD_NORMS];
extern void ad_neighbors_choose(AdSimdLevel level);

#endif							/* AD_SIMD_H */
