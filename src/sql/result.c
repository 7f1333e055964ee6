/*-------------------------------------------------------------------------
 *
 * result.c
 *		What set-returning functions that materialise share, and checks of
 *		arguments.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_core.h"
#include "sql/ad_result.h"

#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/float.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

/* Raise an error unless a call may return a materialised set. */
ReturnSetInfo *
ad_result_info(FunctionCallInfo fcinfo)
{
	ReturnSetInfo *info = (ReturnSetInfo *) fcinfo->resultinfo;

	if (info == NULL || !IsA(info, ReturnSetInfo) ||
		!(info->allowedModes & SFRM_Materialize))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("set-valued function called in context that cannot accept a set")));
	return info;
}

/*
 * A place for the rows of a set-returning call, which has been given to the
 * executor, and their form, in *desc: blessed, and of that many columns.
 */
Tuplestorestate *
ad_result_begin(FunctionCallInfo fcinfo, int columns, TupleDesc *desc)
{
	ReturnSetInfo *info = ad_result_info(fcinfo);
	MemoryContext old =
		MemoryContextSwitchTo(info->econtext->ecxt_per_query_memory);

	if (get_call_result_type(fcinfo, NULL, desc) != TYPEFUNC_COMPOSITE ||
		(*desc)->natts != columns)
		elog(ERROR, "unexpected result type");
	*desc = BlessTupleDesc(CreateTupleDescCopy(*desc));
	info->returnMode = SFRM_Materialize;
	info->setResult =
		tuplestore_begin_heap((info->allowedModes & SFRM_Materialize_Random) != 0,
							  false, work_mem);
	info->setDesc = *desc;
	MemoryContextSwitchTo(old);
	return info->setResult;
}

/* Return a double as an SQL value; NaN is NULL. */
Datum
ad_float_or_null(double v, bool *isnull)
{
	*isnull = isnan(v);
	return Float8GetDatum(v);
}

/* Raise an error if one of the first n arguments, of these names, is NULL. */
void
ad_check_not_null(FunctionCallInfo fcinfo, const char *const *names, int n)
{
	for (int i = 0; i < n; i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("%s cannot be NULL", names[i])));
}

/* Raise an error unless a number may be a contamination. */
void
ad_check_contamination(double share)
{
	if (!(share > 0 && share <= 0.5))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("contamination is out of range: %s", float8out_internal(share)),
				 errdetail("Allowed values are greater than 0 and at most 0.5.")));
}

/* A budget in seconds, checked. */
double
ad_budget_seconds(const Interval *budget)
{
	double		days = budget->month * (double) DAYS_PER_MONTH + budget->day;
	double		seconds = days * SECS_PER_DAY +
		(double) budget->time / USECS_PER_SEC;

	if (!(seconds > 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("budget is out of range: %s",
						DatumGetCString(DirectFunctionCall1(interval_out,
															IntervalPGetDatum(budget)))),
				 errdetail("Allowed values are longer than 0 seconds.")));
	return seconds;
}

/*
 * End SPI with a varlena of the first row of its last result, copied to a
 * context; NULL if it is, or if there is no row.
 */
Datum
ad_spi_finish_with(FunctionCallInfo fcinfo, int column, MemoryContext caller)
{
	Datum		result = (Datum) 0;

	fcinfo->isnull = true;
	if (SPI_processed > 0)
		result = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
							   column, &fcinfo->isnull);
	if (!fcinfo->isnull)
	{
		MemoryContext old = MemoryContextSwitchTo(caller);

		result = PointerGetDatum(PG_DETOAST_DATUM_COPY(result));
		MemoryContextSwitchTo(old);
	}
	SPI_finish();
	return fcinfo->isnull ? (Datum) 0 : result;
}
