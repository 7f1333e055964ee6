/*-------------------------------------------------------------------------
 *
 * ad_result.h
 *		What set-returning functions that materialise share, and checks of
 *		arguments.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_RESULT_H
#define AD_RESULT_H

#include "postgres.h"

#include "fmgr.h"
#include "datatype/timestamp.h"
#include "funcapi.h"
#include "utils/tuplestore.h"

extern ReturnSetInfo *ad_result_info(FunctionCallInfo fcinfo);
extern Tuplestorestate *ad_result_begin(FunctionCallInfo fcinfo, int columns,
										TupleDesc *desc);
extern Datum ad_float_or_null(double v, bool *isnull);
extern Datum ad_spi_finish_with(FunctionCallInfo fcinfo, int column,
								MemoryContext caller);
extern void ad_check_not_null(FunctionCallInfo fcinfo,
							  const char *const *names, int n);
extern void ad_check_contamination(double share);
extern double ad_budget_seconds(const Interval *budget);

#endif							/* AD_RESULT_H */
