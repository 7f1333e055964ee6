/*-------------------------------------------------------------------------
 *
 * ad_scorer.h
 *		Rows of a source through a named model.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_SCORER_H
#define AD_SCORER_H

#include "jobs/ad_jobs.h"
#include "operate/ad_groups.h"

typedef struct AdScorer AdScorer;

extern AdScorer *ad_scorer_new(const AdJob *j, TupleDesc columns);
extern void ad_scorer_check(AdScorer *s);
extern void ad_scorer_rows(AdScorer *s, TupleDesc rows);
extern double ad_scorer_score(AdScorer *s, HeapTuple row);
extern double ad_scorer_p_value(AdScorer *s, HeapTuple row);
extern Datum ad_scorer_column(const AdScorer *s, HeapTuple row, int column,
							  bool *isnull);
extern bool ad_scorer_calibrated(const AdScorer *s);
extern double ad_scorer_least_p(const AdScorer *s);
extern AdGroupUse ad_scorer_used(const AdScorer *s);
extern int32 ad_scorer_version(const AdScorer *s);
extern void ad_scorer_describe(AdScorer *s, HeapTuple row, Jsonb **json,
							   Jsonb **explanation);

#endif							/* AD_SCORER_H */
