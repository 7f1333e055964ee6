/*-------------------------------------------------------------------------
 *
 * sql_metrics.c
 *		Aggregates over labelled scores.
 *
 * The aggregates over (score, is_anomaly) have one state, a ranking, and one
 * transition function, so that several of them in one query share the state
 * and its sorting.  Those with a third argument have transitions of their
 * own, only to name it in messages.  The curves' final functions are in
 * sql_curves.c.
 *
 *-------------------------------------------------------------------------
 */
#include "evaluate/ad_evaluate_sql.h"
#include "sql/ad_aggregate.h"

#include "access/htup_details.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

PG_FUNCTION_INFO_V1(ad_ranking_transfn);
PG_FUNCTION_INFO_V1(ad_ranking_k_transfn);
PG_FUNCTION_INFO_V1(ad_ranking_points_transfn);
PG_FUNCTION_INFO_V1(ad_ranking_combinefn);
PG_FUNCTION_INFO_V1(ad_ranking_serialfn);
PG_FUNCTION_INFO_V1(ad_ranking_deserialfn);
PG_FUNCTION_INFO_V1(ad_roc_auc_finalfn);
PG_FUNCTION_INFO_V1(ad_average_precision_finalfn);
PG_FUNCTION_INFO_V1(ad_precision_at_finalfn);
PG_FUNCTION_INFO_V1(ad_best_f1_finalfn);

/* The columns of type ad_best_f1_result. */
enum
{
	BEST_F1_THRESHOLD,
	BEST_F1_PRECISION,
	BEST_F1_RECALL,
	BEST_F1_F1,
	BEST_F1_COLUMNS
};

/* Raise an error if an argument is out of its range. */
void
ad_check_range(const char *argument, int64 value, int64 min, int64 max)
{
	if (value < min || value > max)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is out of range: " INT64_FORMAT,
						argument, value),
				 errdetail("Allowed values are at least " INT64_FORMAT " and at most " INT64_FORMAT ".",
						   min, max)));
}

/*
 * The state of a transition with this row added, or NULL if there is none
 * yet.  A row without a score or a label is passed over; *counts says so.
 */
static AdRanking *
add_row(FunctionCallInfo fcinfo, bool *counts)
{
	AdRanking  *r = PG_ARGISNULL(0) ? NULL :
		(AdRanking *) PG_GETARG_POINTER(0);
	double		score;

	*counts = !PG_ARGISNULL(1) && !PG_ARGISNULL(2);
	if (!*counts)
		return r;
	score = PG_GETARG_FLOAT8(1);
	ad_check_score(score);
	if (unlikely(r == NULL))
		r = ad_ranking_create(ad_aggregate_context(fcinfo));
	ad_ranking_add(r, score, PG_GETARG_BOOL(2));
	return r;
}

/* The same, with a third argument that must not change. */
static Datum
add_row_with(FunctionCallInfo fcinfo, const char *argument,
			 int64 min, int64 max)
{
	bool		counts;
	AdRanking  *r = add_row(fcinfo, &counts);
	int64		value;

	if (r == NULL)
		PG_RETURN_NULL();
	if (counts)
	{
		if (PG_ARGISNULL(3))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("\"%s\" cannot be NULL", argument)));
		value = PG_GETARG_INT64(3);
		if (unlikely(value != r->parameter || value == 0))
		{
			if (r->parameter != 0)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("\"%s\" changes between rows of a group",
								argument)));
			ad_check_range(argument, value, min, max);
			r->parameter = value;
		}
	}
	PG_RETURN_POINTER(r);
}

/* Aggregates over (score, is_anomaly): add a row. */
Datum
ad_ranking_transfn(PG_FUNCTION_ARGS)
{
	bool		counts;
	AdRanking  *r = add_row(fcinfo, &counts);

	if (r == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(r);
}

/* Aggregates over (score, is_anomaly, k): add a row. */
Datum
ad_ranking_k_transfn(PG_FUNCTION_ARGS)
{
	return add_row_with(fcinfo, "k", 1, PG_INT64_MAX);
}

/* Aggregates over (score, is_anomaly, points): add a row. */
Datum
ad_ranking_points_transfn(PG_FUNCTION_ARGS)
{
	return add_row_with(fcinfo, "points",
						AD_MIN_CURVE, AD_MAX_CURVE);
}

/* Combine two partial states; either may be NULL. */
Datum
ad_ranking_combinefn(PG_FUNCTION_ARGS)
{
	MemoryContext mcxt = ad_aggregate_context(fcinfo);
	AdRanking  *a = PG_ARGISNULL(0) ? NULL :
		(AdRanking *) PG_GETARG_POINTER(0);
	AdRanking  *b = PG_ARGISNULL(1) ? NULL :
		(AdRanking *) PG_GETARG_POINTER(1);

	if (b == NULL)
	{
		if (a == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(a);
	}
	if (a == NULL)
	{
		a = ad_ranking_create(mcxt);
		a->parameter = b->parameter;
	}
	if (a->parameter != b->parameter)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("third argument changes between rows of a group")));
	ad_ranking_merge(a, b);
	PG_RETURN_POINTER(a);
}

/* A state for the exchange between workers.  Strict. */
Datum
ad_ranking_serialfn(PG_FUNCTION_ARGS)
{
	StringInfoData buf;

	(void) ad_aggregate_context(fcinfo);
	initStringInfo(&buf);
	ad_wr_u32(&buf, 0);			/* place of the varlena header */
	ad_aggregate_write_release(&buf);
	ad_ranking_write((AdRanking *) PG_GETARG_POINTER(0), &buf);
	SET_VARSIZE(buf.data, buf.len);
	PG_RETURN_BYTEA_P(buf.data);
}

/* The state that ad_ranking_serialfn wrote.  Strict. */
Datum
ad_ranking_deserialfn(PG_FUNCTION_ARGS)
{
	bytea	   *bytes;
	AdReader	in;
	AdRanking  *r;

	(void) ad_aggregate_context(fcinfo);
	bytes = PG_GETARG_BYTEA_PP(0);
	ad_rd_init(&in, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes), "ranking");
	ad_aggregate_check_release(&in);
	r = ad_ranking_read(&in, CurrentMemoryContext);
	ad_rd_end(&in);
	PG_RETURN_POINTER(r);
}

/* The ranking of a final function, or NULL if it lacks a class. */
AdRanking *
ad_final_ranking(FunctionCallInfo fcinfo)
{
	AdRanking  *r;

	(void) ad_aggregate_context(fcinfo);
	if (PG_ARGISNULL(0))
		return NULL;
	r = (AdRanking *) PG_GETARG_POINTER(0);
	return ad_ranking_both_classes(r) ? r : NULL;
}

/* ad_roc_auc(score, is_anomaly) -> float8 */
Datum
ad_roc_auc_finalfn(PG_FUNCTION_ARGS)
{
	AdRanking  *r = ad_final_ranking(fcinfo);

	if (r == NULL)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(ad_metric_roc_auc(r));
}

/* ad_average_precision(score, is_anomaly) -> float8 */
Datum
ad_average_precision_finalfn(PG_FUNCTION_ARGS)
{
	AdRanking  *r = ad_final_ranking(fcinfo);

	if (r == NULL)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(ad_metric_average_precision(r));
}

/* ad_precision_at(score, is_anomaly, k) -> float8 */
Datum
ad_precision_at_finalfn(PG_FUNCTION_ARGS)
{
	AdRanking  *r = ad_final_ranking(fcinfo);

	if (r == NULL)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(ad_metric_precision_at(r, r->parameter));
}

/* The descriptor of a composite type; release it when done. */
TupleDesc
ad_composite_desc(Oid type)
{
	TupleDesc	desc = lookup_rowtype_tupdesc_noerror(type, -1, true);

	if (desc == NULL)
		elog(ERROR, "type %u is not a row type", type);
	return desc;
}

/* ad_best_f1(score, is_anomaly) -> ad_best_f1_result */
Datum
ad_best_f1_finalfn(PG_FUNCTION_ARGS)
{
	AdRanking  *r = ad_final_ranking(fcinfo);
	AdBestF1	best;
	TupleDesc	desc;
	Datum		values[BEST_F1_COLUMNS];
	bool		nulls[BEST_F1_COLUMNS] = {false};
	HeapTuple	tuple;

	if (r == NULL)
		PG_RETURN_NULL();
	ad_metric_best_f1(r, &best);
	values[BEST_F1_THRESHOLD] = Float8GetDatum(best.threshold);
	values[BEST_F1_PRECISION] = Float8GetDatum(best.precision);
	values[BEST_F1_RECALL] = Float8GetDatum(best.recall);
	values[BEST_F1_F1] = Float8GetDatum(best.f1);
	desc = ad_composite_desc(get_func_rettype(fcinfo->flinfo->fn_oid));
	tuple = heap_form_tuple(desc, values, nulls);
	ReleaseTupleDesc(desc);
	PG_RETURN_DATUM(HeapTupleGetDatum(tuple));
}
