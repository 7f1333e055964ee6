/*-------------------------------------------------------------------------
 *
 * sql_curves.c
 *		ad_roc_curve and ad_pr_curve.
 *
 * As aggregates, curves are arrays of a composite type, for unnest(): an
 * aggregate composes with GROUP BY and runs in parallel.  The same names are
 * set-returning functions over arrays.
 *
 *-------------------------------------------------------------------------
 */
#include "evaluate/ad_evaluate_sql.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/lsyscache.h"

PG_FUNCTION_INFO_V1(ad_roc_curve_finalfn);
PG_FUNCTION_INFO_V1(ad_pr_curve_finalfn);
PG_FUNCTION_INFO_V1(ad_roc_curve);
PG_FUNCTION_INFO_V1(ad_pr_curve);

/* The columns of types ad_roc_point and ad_pr_point. */
enum
{
	ROC_FPR,
	ROC_TPR,
	ROC_THRESHOLD,
	ROW_COLUMNS
};

enum
{
	PR_PRECISION,
	PR_RECALL,
	PR_THRESHOLD
};

/* A point of a curve as SQL has it; NaN is NULL. */
typedef double Row[ROW_COLUMNS];

/* A point as a row value. */
static Datum
point_datum(TupleDesc desc, const double *row)
{
	Datum		values[ROW_COLUMNS];
	bool		nulls[ROW_COLUMNS];

	for (int c = 0; c < ROW_COLUMNS; c++)
	{
		values[c] = Float8GetDatum(row[c]);
		nulls[c] = isnan(row[c]);
	}
	return HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
}

/* An array of points. */
static Datum
array_of_points(FunctionCallInfo fcinfo, Row *rows, Size n)
{
	Oid			type = get_element_type(get_func_rettype(fcinfo->flinfo->fn_oid));
	TupleDesc	desc = ad_composite_desc(type);
	Datum	   *elements = ad_palloc_array(Datum, n);

	for (Size i = 0; i < n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		elements[i] = point_datum(desc, rows[i]);
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
		rows[i][ROC_FPR] = (double) points[i].fp / (double) r->keys[0].n;
		rows[i][ROC_TPR] = (double) points[i].tp / (double) r->keys[1].n;
		rows[i][ROC_THRESHOLD] = points[i].threshold;
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

		rows[i][PR_PRECISION] = (double) p->tp / (double) (p->tp + p->fp);
		rows[i][PR_RECALL] = (double) p->tp / (double) r->keys[1].n;
		rows[i][PR_THRESHOLD] = p->threshold;
	}
	rows[*n][PR_PRECISION] = 1;
	rows[*n][PR_RECALL] = 0;
	rows[*n][PR_THRESHOLD] = NAN;
	(*n)++;
	pfree(points);
	return rows;
}

/* ad_roc_curve(score, is_anomaly [, points]) -> ad_roc_point[] */
Datum
ad_roc_curve_finalfn(PG_FUNCTION_ARGS)
{
	AdRanking  *r = ad_final_ranking(fcinfo);
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
	AdRanking  *r = ad_final_ranking(fcinfo);
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
		ad_check_score(DatumGetFloat8(score[i]));
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
 * out one row per call.
 */
static Datum
curve_of_arrays(FunctionCallInfo fcinfo,
				Row *(*make) (AdRanking *, Size *))
{
	FuncCallContext *ctx;
	CurveRows  *curve;
	Datum		point;

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
			ad_check_range("points", PG_GETARG_INT64(2), AD_MIN_CURVE,
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
	/* not within the macro, which counts the call first */
	point = point_datum(ctx->tuple_desc, curve->rows[ctx->call_cntr]);
	SRF_RETURN_NEXT(ctx, point);
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
