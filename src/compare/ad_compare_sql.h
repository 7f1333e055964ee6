/*-------------------------------------------------------------------------
 *
 * ad_compare_sql.h
 *		What the SQL functions that compare detectors share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_COMPARE_SQL_H
#define AD_COMPARE_SQL_H

#include "compare/ad_compare.h"

#include "fmgr.h"

/* sql_compare_arguments.c */
extern AdCompareSpec *ad_compare_specs(FunctionCallInfo fcinfo, int arg,
									   int *count);
extern int	ad_compare_count(FunctionCallInfo fcinfo, int arg,
							 const char *name, int min, int max);
extern const char *ad_compare_column(FunctionCallInfo fcinfo, int arg,
									 const char *what);

#endif							/* AD_COMPARE_SQL_H */
