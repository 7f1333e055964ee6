/*-------------------------------------------------------------------------
 *
 * ad_evaluate_sql.h
 *		What the SQL functions over labelled scores share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_EVALUATE_SQL_H
#define AD_EVALUATE_SQL_H

#include "evaluate/ad_ranking.h"

#include "fmgr.h"
#include "funcapi.h"

/* sql_metrics.c */
extern void ad_check_range(const char *argument, int64 value, int64 min,
						   int64 max);
extern AdRanking *ad_final_ranking(FunctionCallInfo fcinfo);
extern TupleDesc ad_composite_desc(Oid type);

/* Raise an error if a score is NaN. */
static inline void
ad_check_score(double score)
{
	if (unlikely(isnan(score)))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("score is NaN"),
				 errhint("Make it NULL to leave the row out.")));
}

#endif							/* AD_EVALUATE_SQL_H */
