/*-------------------------------------------------------------------------
 *
 * reference.h
 *		The rows that neighbour detectors keep, and how they are searched.
 *
 * In a payload: u32 metric and flags, u32 rows, f64 p, u32 count of each row
 * if they are COUNTED, then the rows as f64.
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

/* Rows without their copies. */
typedef struct AdRows
{
	const double *x;
	Size		n;
	int			cols;
	const uint32 *counts;		/* rows equal to each, itself included; NULL:
								 * all differ */
	Size		total;			/* rows, copies included */
	const uint32 *which;		/* per row given: the one it equals; NULL with
								 * counts: that very one */
} AdRows;

/* A set of rows in a loaded model, and the work area to search it. */
typedef struct AdReference
{
	AdRows		rows;			/* "which" is not known */
	bool		leave_self;		/* a row to be scored that equals one of them
								 * has that one not among its neighbours */
	AdMetric	metric;
	AdNeighbors *nb;
	AdNeighborScratch *scratch;
	double	   *distance;		/* of the neighbours found: room for k */
	uint32	   *index;
	double	   *found_distance; /* the same before copies are counted */
	uint32	   *found_index;
} AdReference;

/* What is done with the n nearest others of a row, nearest first. */
typedef void (*AdReferenceVisit) (void *arg, uint32 row,
								  const double *distance,
								  const uint32 *index, int n);

extern const char *const ad_metric_names[];

extern int	ad_reference_neighbors(Size n);
extern void ad_reference_distinct(const double *x, Size n, int cols,
								  AdRows *rows);
extern void ad_reference_rows(const AdMatrix *m, int max_rows, AdRows *rows);
extern void ad_reference_write(StringInfo payload, const AdRows *rows,
							   AdMetric metric, double p);
extern void ad_reference_load(AdReader *r, int cols, bool allow_empty, int k,
							  AdReference *ref);
extern void ad_reference_open(AdReference *ref, const AdRows *rows,
							  AdMetric metric, double p, int k);
extern int	ad_reference_nearest(AdReference *ref, const double *x, int k,
								 uint32 self);
extern int	ad_reference_others(AdReference *ref, const double *x, int k);
extern void ad_reference_each(AdReference *ref, int k,
							  AdReferenceVisit visit, void *arg);
extern void ad_reference_describe(const AdReference *ref, StringInfo json);

/* Return how many rows equal row i, itself included. */
static inline uint32
ad_reference_count(const AdRows *rows, Size i)
{
	return rows->counts ? rows->counts[i] : 1;
}

/* Give each of the n rows that "rows" were made of the score of its like. */
static inline void
ad_reference_scores(const AdRows *rows, const double *distinct,
					double *scores, Size n)
{
	for (Size i = 0; i < n; i++)
		scores[i] = distinct[rows->which ? rows->which[i] : i];
}

/* A score that is a number, whatever the distances were. */
static inline double
ad_reference_score(double score)
{
	return score <= DBL_MAX ? score : DBL_MAX;
}

#endif							/* AD_REFERENCE_H */
