/*-------------------------------------------------------------------------
 *
 * ad_series_sql.h
 *		What the SQL functions over series share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_SERIES_SQL_H
#define AD_SERIES_SQL_H

#include "postgres.h"

#include "series/ad_stl.h"
#include "sql/ad_text.h"
#include "fmgr.h"
#include "funcapi.h"

#include "utils/array.h"

/* sql_common.c */
extern void ad_series_raise(const AdSeriesProblem *problem)
			pg_attribute_noreturn();
extern void ad_series_need(Size n, Size bytes);
extern void ad_series_parse(Jsonb *options, AdStlOptions *o);
extern void ad_series_span(AdSpan *span, const char *key);
extern const double *ad_series_values(ArrayType *array, Size *n,
									  Size *nmissing);
extern pg_tz *ad_series_zone(const char *name);
extern Size ad_series_array_bytes(Size items, Size present, Size width,
								  int ndim);
extern void ad_series_array_header(ArrayType *a, Oid type, Size items,
								   Size present, Size width, int ndim,
								   int rows);
extern void ad_series_short_notice(FmgrInfo *flinfo,
								   const AdStlResult *result);

#endif							/* AD_SERIES_SQL_H */
