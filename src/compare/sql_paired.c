/*-------------------------------------------------------------------------
 *
 * sql_paired.c
 *		ad_paired_test: the figures of two detectors in the same folds.
 *
 *-------------------------------------------------------------------------
 */
#include "compare/ad_compare.h"
#include "sql/ad_result.h"
#include "sql/ad_text.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/float.h"

#define MAX_FOLDS	100000		/* of one test */
#define CONFIDENCE	0.95		/* of an interval that is not returned */
#define MAX_FIGURE	1e100		/* whose squares are numbers, and their sum */

PG_FUNCTION_INFO_V1(ad_paired_test);

/* The columns of ad_paired_test(). */
enum
{
	PAIRED_FOLDS,
	PAIRED_DIFFERENCE,
	PAIRED_DEVIATION,
	PAIRED_T,
	PAIRED_DF,
	PAIRED_P_VALUE,
	PAIRED_COLUMNS
};

/* The figures of an argument, NaN where it has NULL, and how many. */
static double *
figures(Datum value, const char *name, int *n)
{
	ArrayType  *array;
	Datum	   *values;
	bool	   *nulls;
	double	   *out;

	ad_check_length(value, name, ad_mul_size(MAX_FOLDS + 1, 2 * sizeof(double)));
	array = DatumGetArrayTypeP(value);
	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("\"%s\" must be an array of one dimension", name)));
	deconstruct_array(array, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL,
					  TYPALIGN_DOUBLE, &values, &nulls, n);
	if (*n > MAX_FOLDS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("\"%s\" has %d folds, limit is %d", name, *n,
						MAX_FOLDS)));
	out = ad_palloc_array(double, Max(*n, 1));
	for (int i = 0; i < *n; i++)
	{
		out[i] = nulls[i] ? NAN : DatumGetFloat8(values[i]);
		if (fabs(out[i]) > MAX_FIGURE)
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("figure of \"%s\" is out of range: %s", name,
							float8out_internal(out[i])),
					 errdetail("Allowed values are at least -1e+100 and at most 1e+100.")));
	}
	return out;
}

/* The rows tested for each that is fitted to; NULL: one in n folds. */
static double
test_per_train(FunctionCallInfo fcinfo, int arg, int n)
{
	double		ratio;

	if (PG_ARGISNULL(arg))
		return n > 1 ? 1.0 / (n - 1) : 0;
	ratio = PG_GETARG_FLOAT8(arg);
	if (!(ratio >= 0 && ratio <= 1e6))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"test_per_train\" is out of range: %s",
						float8out_internal(ratio)),
				 errdetail("Allowed values are at least 0 and at most 1000000.")));
	return ratio;
}

/*
 * The differences of two detectors' figures; those of a rounding are none:
 * metrics are shares.
 */
static double *
differences(const double *a, const double *b, int n)
{
	double	   *d = ad_palloc_array(double, Max(n, 1));

	for (int i = 0; i < n; i++)
	{
		d[i] = a[i] - b[i];
		if (fabs(d[i]) < AD_METRIC_ROUNDING)
			d[i] = 0;
	}
	return d;
}

/*
 * ad_paired_test(a float8[], b float8[], test_per_train float8) -> (folds,
 * difference, deviation, t, df, p_value); NULL if a or b is.
 */
Datum
ad_paired_test(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	double	   *a;
	double	   *b;
	int			na;
	int			nb;
	AdResampled r;
	double		t;
	Datum		values[PAIRED_COLUMNS];
	bool		nulls[PAIRED_COLUMNS] = {false};

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	a = figures(PG_GETARG_DATUM(0), "a", &na);
	b = figures(PG_GETARG_DATUM(1), "b", &nb);
	if (na != nb)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("\"a\" has %d folds, but \"b\" has %d", na, nb),
				 errhint("The test is paired: the figure of the same fold must be at the same place.")));
	ad_resampled(differences(a, b, na), na, test_per_train(fcinfo, 2, na),
				 CONFIDENCE, &r);
	/* without a spread, its limit */
	t = r.n < 2 ? NAN : r.error > 0 ? r.mean / r.error :
		r.mean == 0 ? 0 : copysign(INFINITY, r.mean);
	values[PAIRED_FOLDS] = Int32GetDatum(r.n);
	values[PAIRED_DIFFERENCE] = ad_float_or_null(r.mean, &nulls[PAIRED_DIFFERENCE]);
	values[PAIRED_DEVIATION] = ad_float_or_null(r.deviation, &nulls[PAIRED_DEVIATION]);
	values[PAIRED_T] = ad_float_or_null(t, &nulls[PAIRED_T]);
	values[PAIRED_DF] = Int32GetDatum(Max(r.n - 1, 0));
	values[PAIRED_P_VALUE] = ad_float_or_null(r.p_value, &nulls[PAIRED_P_VALUE]);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
