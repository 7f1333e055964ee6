/*-------------------------------------------------------------------------
 *
 * ad_neighbors.h
 *		The nearest rows of a set, exactly.
 *
 * One search for all neighbour detectors.  Rows are kept either in a k-d
 * tree or as a list scanned through codes of one byte a column; which of
 * the two is chosen when the set is built, by trying both on some of its
 * rows and counting what they would read.  Both give the same distances,
 * bit for bit, and the same neighbours: of rows at one distance, the ones
 * of smaller index.
 *
 * A query allocates nothing: its work area is the caller's.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_NEIGHBORS_H
#define AD_NEIGHBORS_H

#include "core/ad_core.h"

/* Stored in models: never renumber. */
typedef enum AdMetric
{
	AD_METRIC_EUCLIDEAN = 0,
	AD_METRIC_MANHATTAN = 1,
	AD_METRIC_CHEBYSHEV = 2,
	AD_METRIC_MINKOWSKI = 3,
	AD_METRIC_COSINE = 4		/* 1 - cosine of the angle */
} AdMetric;

#define AD_METRICS				5
#define AD_MAX_MINKOWSKI_P		100
#define AD_MAX_NEIGHBORS		1000
#define AD_NO_SELF				PG_UINT32_MAX
#define AD_OWN_ROWS				8	/* rows of the set searched for together */

/* Which structure to use; anything but AUTO is for tests. */
typedef enum AdNeighborPlan
{
	AD_NEIGHBORS_AUTO, AD_NEIGHBORS_TREE, AD_NEIGHBORS_SCAN
} AdNeighborPlan;

typedef struct AdNeighbors AdNeighbors;
typedef struct AdNeighborScratch AdNeighborScratch;

extern AdNeighbors *ad_neighbors_build(const double *x, Size n, int cols,
									   AdMetric metric, double p, int k,
									   AdNeighborPlan plan);
extern AdNeighborScratch *ad_neighbors_scratch(const AdNeighbors *nb, int k);
extern int	ad_neighbors_nearest(const AdNeighbors *nb, AdNeighborScratch *s,
								 const double *q, int k, uint32 self,
								 double *distance, uint32 *index);
extern int	ad_neighbors_others(const AdNeighbors *nb, AdNeighborScratch *s,
								const double *q, int k, uint32 *self,
								double *distance, uint32 *index);
extern int	ad_neighbors_own(const AdNeighbors *nb, AdNeighborScratch *s,
							 const uint32 *rows, int n, int k,
							 double *distance, uint32 *index);
extern void ad_neighbors_weigh(AdNeighbors *nb, const uint32 *counts);
extern int	ad_neighbors_within(const AdNeighbors *nb, AdNeighborScratch *s,
								const double *q, double radius, uint32 self,
								int max_found);
extern const char *ad_neighbors_plan(const AdNeighbors *nb);
extern Size ad_neighbors_order(const AdNeighbors *nb, Size i);

#endif							/* AD_NEIGHBORS_H */
