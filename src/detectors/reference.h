/*-------------------------------------------------------------------------
 *
 * reference.h
 *		The rows that neighbour detectors keep, and how they are searched.
 *
 * In a payload: u32 metric, u32 rows, f64 p, then the rows as f64.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_REFERENCE_H
#define AD_REFERENCE_H

#include <float.h>

#include "math/ad_neighbors.h"
#include "model/ad_detector.h"

#define AD_MAX_REFERENCE_ROWS	1000000
#define AD_MAX_LIST_BYTES		((Size) 1024 * 1024 * 1024) /* of neighbours */

/* A set of rows in a loaded model, and the work area to search it. */
typedef struct AdReference
{
	const double *x;
	uint32		n;
	AdMetric	metric;
	AdNeighbors *nb;
	AdNeighborScratch *scratch;
	double	   *distance;		/* room for k */
	uint32	   *index;
} AdReference;

extern const char *const ad_metric_names[];

extern const double *ad_reference_rows(const AdMatrix *m, int max_rows,
									   Size *n);
extern void ad_reference_write(StringInfo payload, const double *x, Size n,
							   int cols, AdMetric metric, double p);
extern void ad_reference_load(AdReader *r, int cols, bool allow_empty, int k,
							  AdReference *ref);
extern void ad_reference_open(AdReference *ref, const double *x, Size n,
							  int cols, AdMetric metric, double p, int k);
extern int	ad_reference_nearest(AdReference *ref, const double *x, int k,
								 uint32 self);
extern uint32 ad_reference_self(AdReference *ref, const double *x);
extern void ad_reference_describe(const AdReference *ref, StringInfo json);

/* A score that is a number, whatever the distances were. */
static inline double
ad_reference_score(double score)
{
	return score <= DBL_MAX ? score : DBL_MAX;
}

#endif							/* AD_REFERENCE_H */
