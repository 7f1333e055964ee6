/*-------------------------------------------------------------------------
 *
 * sql_metrics.c
 *		Aggregates over labelled scores and over decisions.
 *
 * The aggregates over (score, is_anomaly) have one state, a ranking, and one
 * transition function, so that several of them in one query share the state
 * and its sorting.  Those with a third argument have transitions of their
 * own, only to name it in messages.  As aggregates, curves are arrays of a
 * composite type, for unnest(): an aggregate composes with GROUP BY and runs
 * in parallel.  The same names are set-returning functions over arrays.
 *
 * The counts of a confusion table are a bigint[4], which the server can
 * hand from worker to leader by itself; as with the server's own averages,
 * anybody can call the transition with any array, so its shape is checked.
 *
 *-------------------------------------------------------------------------
 */
#include "evaluate/ad_ranking.h"
#include "sql/ad_aggregate.h"
#include "sql/ad_text.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/array.h"
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
PG_FUNCTION_INFO_V1(ad_roc_curve_finalfn);
PG_FUNCTION_INFO_V1(ad_pr_curve_finalfn);
PG_FUNCTION_INFO_V1(ad_roc_curve);
PG_FUNCTION_INFO_V1(ad_pr_curve);
PG_FUNCTION_INFO_V1(ad_confusion_transfn);
PG_FUNCTION_INFO_V1(ad_confusion_combinefn);
PG_FUNCTION_INFO_V1(ad_confusion_finalfn);

/* Error if a score is NaN. */
static inline void
check_score(double score)
{
	if (unlikely(isnan(score)))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("score is NaN"),
				 errhint("Make it NULL to leave the row out.")));
}

/* Error if an argument is out of its range. */
static void
check_argument(const char *argument, int64 value, int64 min, int64 max)
{
	if (value < min || value > max)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is out of range: " INT64_FORMAT,
						argument, value),
				 errdetail("Allowed: at least " INT64_FORMAT " and at most " INT64_FORMAT ".",
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
	check_score(score);
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
			check_argument(argument, value, min, max);
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

	(void) ad_aggregate_context(fcinfo);
	bytes = PG_GETARG_BYTEA_PP(0);
	ad_rd_init(&in, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes), "ranking");
	PG_RETURN_POINTER(ad_ranking_read(&in, CurrentMemoryContext));
}

/* The ranking of a final function, or NULL if it lacks a class. */
static AdRanking *
final_ranking(FunctionCallInfo fcinfo)
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
	AdRanking  *r = final_ranking(fcinfo);

	if (r == NULL)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(ad_metric_roc_auc(r));
}

/* ad_average_precision(score, is_anomaly) -> float8 */
Datum
ad_average_precision_finalfn(PG_FUNCTION_ARGS)
{
	AdRanking  *r = final_ranking(fcinfo);

	if (r == NULL)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(ad_metric_average_precision(r));
}

/* ad_precision_at(score, is_anomaly, k) -> float8 */
Datum
ad_precision_at_finalfn(PG_FUNCTION_ARGS)
{
	AdRanking  *r = final_ranking(fcinfo);

	if (r == NULL)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(ad_metric_precision_at(r, r->parameter));
}

/* The descriptor of a composite type; release it when done. */
static TupleDesc
composite_desc(Oid type)
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
	AdRanking  *r = final_ranking(fcinfo);
	AdBestF1	best;
	TupleDesc	desc;
	Datum		values[4];
	bool		nulls[4] = {false};
	HeapTuple	tuple;

	if (r == NULL)
		PG_RETURN_NULL();
	ad_metric_best_f1(r, &best);
	values[0] = Float8GetDatum(best.threshold);
	values[1] = Float8GetDatum(best.precision);
	values[2] = Float8GetDatum(best.recall);
	values[3] = Float8GetDatum(best.f1);
	desc = composite_desc(get_func_rettype(fcinfo->flinfo->fn_oid));
	tuple = heap_form_tuple(desc, values, nulls);
	ReleaseTupleDesc(desc);
	PG_RETURN_DATUM(HeapTupleGetDatum(tuple));
}

/* A point of a curve as SQL has it; NaN is NULL. */
typedef double Row[3];

/* An array of points. */
static Datum
array_of_points(FunctionCallInfo fcinfo, Row *rows, Size n)
{
	Oid			type = get_element_type(get_func_rettype(fcinfo->flinfo->fn_oid));
	TupleDesc	desc = composite_desc(type);
	Datum	   *elements = ad_palloc_array(Datum, n);

	for (Size i = 0; i < n; i++)
	{
		Datum		values[3];
		bool		nulls[3];

		AD_CHECK_EVERY_1024(i);
		for (int c = 0; c < 3; c++)
		{
			values[c] = Float8GetDatum(rows[i][c]);
			nulls[c] = isnan(rows[i][c]);
		}
		elements[i] = HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
	}
	ReleaseTupleDesc(desc);
	return PointerGetDatum(construct_array(elements, (int) n, type, -1, false,
										   TYPALIGN_DOUBLE));
}

/* Rows (fpr, tpr, threshold) of a ROC curve, palloc'd; both classes. */
static Row *
roc_rows(AdRanking *r, Size *n)
{
	AdCurvePoint *points = ad_metric_roc_curve(r, r->parameter, n);
	Row		   *rows = ad_palloc_array(Row, *n);

	for (Size i = 0; i < *n; i++)
	{
		rows[i][0] = (double) points[i].fp / (double) r->keys[0].n;
		rows[i][1] = (double) points[i].tp / (double) r->keys[1].n;
		rows[i][2] = points[i].threshold;
	}
	pfree(points);
	return rows;
}

/*
 * Rows (precision, recall, threshold) of a precision-recall curve, from the
 * lowest threshold up, palloc'd; the last has no threshold, so NaN.
 */
static Row *
pr_rows(AdRanking *r, Size *n)
{
	AdCurvePoint *points = ad_metric_pr_curve(r, r->parameter, n);
	Row		   *rows = ad_palloc_array(Row, *n + 1);

	for (Size i = 0; i < *n; i++)
	{
		const AdCurvePoint *p = &points[*n - 1 - i];

		rows[i][0] = (double) p->tp / (double) (p->tp + p->fp);
		rows[i][1] = (double) p->tp / (double) r->keys[1].n;
		rows[i][2] = p->threshold;
	}
	rows[*n][0] = 1;
	rows[*n][1] = 0;
	rows[*n][2] = NAN;
	(*n)++;
	pfree(points);
	return rows;
}

/* ad_roc_curve(score, is_anomaly [, points]) -> ad_roc_point[] */
Datum
ad_roc_curve_finalfn(PG_FUNCTION_ARGS)
{
	AdRanking  *r = final_ranking(fcinfo);
	Row		   *rows;
	Size		n;

	if (r == NULL)
		PG_RETURN_NULL();
	rows = roc_rows(r, &n);
	PG_RETURN_DATUM(array_of_points(fcinfo, rows, n));
}

/* ad_pr_curve(score, is_anomaly [, points]) -> ad_pr_point[] */
Datum
ad_pr_curve_finalfn(PG_FUNCTION_ARGS)
{
	AdRanking  *r = final_ranking(fcinfo);
	Row		   *rows;
	Size		n;

	if (r == NULL)
		PG_RETURN_NULL();
	rows = pr_rows(r, &n);
	PG_RETURN_DATUM(array_of_points(fcinfo, rows, n));
}

/*
 * The ranking of two arrays of one length, in the current context.  A pair
 * with a NULL in it is passed over.
 */
static AdRanking *
ranking_of_arrays(ArrayType *scores, ArrayType *labels)
{
	AdRanking  *r = ad_ranking_create(CurrentMemoryContext);
	Datum	   *score;
	Datum	   *label;
	bool	   *no_score;
	bool	   *no_label;
	int			nscores;
	int			nlabels;

	if (ARR_NDIM(scores) > 1 || ARR_NDIM(labels) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("arrays must have one dimension")));
	deconstruct_array(scores, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL,
					  TYPALIGN_DOUBLE, &score, &no_score, &nscores);
	deconstruct_array(labels, BOOLOID, 1, true, TYPALIGN_CHAR, &label,
					  &no_label, &nlabels);
	if (nscores != nlabels)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("arrays must have the same number of elements"),
				 errdetail("There are %d scores and %d labels.",
						   nscores, nlabels)));
	for (int i = 0; i < nscores; i++)
	{
		AD_CHECK_EVERY_1024(i);
		if (no_score[i] || no_label[i])
			continue;
		check_score(DatumGetFloat8(score[i]));
		ad_ranking_add(r, DatumGetFloat8(score[i]), DatumGetBool(label[i]));
	}
	return r;
}

/* What a set-returning curve keeps between calls. */
typedef struct CurveRows
{
	Row		   *rows;
	Size		n;				/* 0 if a class is missing */
} CurveRows;

/*
 * A curve of (scores, labels, points) as rows: made by the first call, handed
 * out a row a call.
 */
static Datum
curve_of_arrays(FunctionCallInfo fcinfo,
				Row *(*make) (AdRanking *, Size *))
{
	FuncCallContext *ctx;
	CurveRows  *curve;
	Datum		values[3];
	bool		nulls[3];

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext old;
		TupleDesc	desc;
		AdRanking  *r = NULL;

		ctx = SRF_FIRSTCALL_INIT();
		old = MemoryContextSwitchTo(ctx->multi_call_memory_ctx);
		if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "return type must be a row type");
		ctx->tuple_desc = BlessTupleDesc(desc);
		curve = palloc0(sizeof(CurveRows));
		ctx->user_fctx = curve;
		if (!PG_ARGISNULL(2))
			check_argument("points", PG_GETARG_INT64(2), AD_MIN_CURVE,
						   AD_MAX_CURVE);
		if (!PG_ARGISNULL(0) && !PG_ARGISNULL(1))
			r = ranking_of_arrays(PG_GETARG_ARRAYTYPE_P(0),
								  PG_GETARG_ARRAYTYPE_P(1));
		if (r && ad_ranking_both_classes(r))
		{
			r->parameter = PG_ARGISNULL(2) ? 0 : PG_GETARG_INT64(2);
			curve->rows = make(r, &curve->n);
		}
		MemoryContextSwitchTo(old);
	}

	ctx = SRF_PERCALL_SETUP();
	curve = ctx->user_fctx;
	if (ctx->call_cntr >= curve->n)
		SRF_RETURN_DONE(ctx);
	for (int c = 0; c < 3; c++)
	{
		values[c] = Float8GetDatum(curve->rows[ctx->call_cntr][c]);
		nulls[c] = isnan(curve->rows[ctx->call_cntr][c]);
	}
	SRF_RETURN_NEXT(ctx, HeapTupleGetDatum(heap_form_tuple(ctx->tuple_desc,
														   values, nulls)));
}

/* ad_roc_curve(scores, labels, points) -> setof ad_roc_point */
Datum
ad_roc_curve(PG_FUNCTION_ARGS)
{
	return curve_of_arrays(fcinfo, roc_rows);
}

/* ad_pr_curve(scores, labels, points) -> setof ad_pr_point */
Datum
ad_pr_curve(PG_FUNCTION_ARGS)
{
	return curve_of_arrays(fcinfo, pr_rows);
}

/* Places in the state of a confusion table. */
enum
{
	TRUE_POSITIVES,
	FALSE_POSITIVES,
	TRUE_NEGATIVES,
	FALSE_NEGATIVES,
	COUNTS
};

/* The four counts of an array, or an error. */
static int64 *
counts_of_array(ArrayType *array)
{
	if (ARR_NDIM(array) != 1 || ARR_DIMS(array)[0] != COUNTS ||
		ARR_HASNULL(array) || ARR_ELEMTYPE(array) != INT8OID)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("counts must be %d numbers of type bigint", COUNTS)));
	return (int64 *) ARR_DATA_PTR(array);
}

/* Argument n as a state that may be changed in place. */
static ArrayType *
own_counts(FunctionCallInfo fcinfo, int n)
{
	return AggCheckCallContext(fcinfo, NULL) ? PG_GETARG_ARRAYTYPE_P(n) :
		PG_GETARG_ARRAYTYPE_P_COPY(n);
}

/* ad_confusion(predicted, actual): add a row.  Strict, so NULL is passed. */
Datum
ad_confusion_transfn(PG_FUNCTION_ARGS)
{
	ArrayType  *array = own_counts(fcinfo, 0);
	int64	   *counts = counts_of_array(array);
	bool		predicted = PG_GETARG_BOOL(1);
	bool		actual = PG_GETARG_BOOL(2);

	if (predicted)
		counts[actual ? TRUE_POSITIVES : FALSE_POSITIVES]++;
	else
		counts[actual ? FALSE_NEGATIVES : TRUE_NEGATIVES]++;
	PG_RETURN_ARRAYTYPE_P(array);
}

/* Add the second state's counts to the first.  Strict. */
Datum
ad_confusion_combinefn(PG_FUNCTION_ARGS)
{
	ArrayType  *array = own_counts(fcinfo, 0);
	int64	   *a = counts_of_array(array);
	const int64 *b = counts_of_array(PG_GETARG_ARRAYTYPE_P(1));

	for (int i = 0; i < COUNTS; i++)
		a[i] = (int64) ((uint64) a[i] + (uint64) b[i]);
	PG_RETURN_ARRAYTYPE_P(array);
}

/* The result of a confusion table; no rows: NULL.  Strict. */
Datum
ad_confusion_finalfn(PG_FUNCTION_ARGS)
{
	const int64 *counts = counts_of_array(PG_GETARG_ARRAYTYPE_P(0));
	AdConfusion c;
	double		shares[5];
	TupleDesc	desc;
	Datum		values[COUNTS + 5];
	bool		nulls[COUNTS + 5] = {false};
	bool		empty = true;
	HeapTuple	tuple;

	ad_metric_confusion((double) counts[TRUE_POSITIVES],
						(double) counts[FALSE_POSITIVES],
						(double) counts[TRUE_NEGATIVES],
						(double) counts[FALSE_NEGATIVES], &c);
	values[0] = Int64GetDatum(counts[TRUE_POSITIVES]);
	values[1] = Int64GetDatum(counts[FALSE_POSITIVES]);
	values[2] = Int64GetDatum(counts[TRUE_NEGATIVES]);
	values[3] = Int64GetDatum(counts[FALSE_NEGATIVES]);
	for (int i = 0; i < COUNTS; i++)
		empty = empty && counts[i] == 0;
	if (empty)
		PG_RETURN_NULL();

	shares[0] = c.precision;
	shares[1] = c.recall;
	shares[2] = c.f1;
	shares[3] = c.balanced_accuracy;
	shares[4] = c.mcc;
	for (int i = 0; i < 5; i++)
	{
		values[COUNTS + i] = Float8GetDatum(shares[i]);
		nulls[COUNTS + i] = isnan(shares[i]);
	}
	desc = composite_desc(get_func_rettype(fcinfo->flinfo->fn_oid));
	tuple = heap_form_tuple(desc, values, nulls);
	ReleaseTupleDesc(desc);
	PG_RETURN_DATUM(HeapTupleGetDatum(tuple));
}
