/*-------------------------------------------------------------------------
 *
 * iforest.h
 *		What growing and scoring an isolation forest have in common.
 *
 * Payload (little-endian):
 *	u32 rows of a subsample (psi), u32 trees, u32 ndim
 *	ndim = 1: per column u32 number of thresholds, then the thresholds as
 *		f64, strictly ascending; then per tree its nodes in pre-order, u32
 *		each: a leaf is 0x80000000 | rows in it, an inner node
 *		rank << 12 | column; left if x <= threshold[rank].
 *	ndim > 1: per tree its nodes in pre-order: u16 number of columns k, 0 for
 *		a leaf; a leaf then has u32 rows; an inner node k times (u16 column,
 *		f64 coefficient) and f64 threshold; left if the sum of coefficient
 *		times x <= threshold.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_IFOREST_H
#define AD_IFOREST_H

#include "math/ad_simd.h"
#include "model/ad_detector.h"

#define AD_IFOREST_MAX_TREES	10000
#define AD_IFOREST_MAX_SAMPLE	65536
#define AD_IFOREST_MAX_TOTAL	4194304 /* trees * sample_size */
#define AD_IFOREST_LEAF			0x80000000U

typedef struct AdIforestOptions
{
	int			trees;
	int			sample_size;
	int			ndim;			/* columns of a split; > 1: extended forest */
	double		max_features;	/* share of the columns a tree may use */
} AdIforestOptions;

extern void ad_iforest_fit(const AdMatrix *m, const void *options,
						   StringInfo payload);
extern void *ad_iforest_load(AdReader *r, int cols);
extern double ad_iforest_score(void *scorer, const double *x);
extern void ad_iforest_describe(const void *scorer, StringInfo json);
extern double ad_iforest_expected_depth(double n);
extern int	ad_iforest_depth_limit(int psi);

#endif							/* AD_IFOREST_H */
