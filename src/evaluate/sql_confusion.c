/*-------------------------------------------------------------------------
 *
 * sql_confusion.c
 *		ad_confusion: a table of decisions and what they were.
 *
 * The counts are a bigint[4], which the server can hand from worker to
 * leader by itself; as with the server's own averages, anybody can call the
 * transition with any array, so its shape is checked.
 *
 *-------------------------------------------------------------------------
 */
#include "evaluate/ad_evaluate_sql.h"
#include "sql/ad_result.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/lsyscache.h"

PG_FUNCTION_INFO_V1(ad_confusion_transfn);
PG_FUNCTION_INFO_V1(ad_confusion_combinefn);
PG_FUNCTION_INFO_V1(ad_confusion_finalfn);

/* Places in the state, and the first columns of type ad_confusion_result. */
enum
{
	TRUE_POSITIVES,
	FALSE_POSITIVES,
	TRUE_NEGATIVES,
	FALSE_NEGATIVES,
	COUNTS,

	/* the columns after them */
	PRECISION = COUNTS,
	RECALL,
	F1,
	BALANCED_ACCURACY,
	MCC,
	COLUMNS
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
	TupleDesc	desc;
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS] = {false};
	bool		empty = true;
	HeapTuple	tuple;

	for (int i = 0; i < COUNTS; i++)
	{
		values[i] = Int64GetDatum(counts[i]);
		empty = empty && counts[i] == 0;
	}
	if (empty)
		PG_RETURN_NULL();

	ad_metric_confusion((double) counts[TRUE_POSITIVES],
						(double) counts[FALSE_POSITIVES],
						(double) counts[TRUE_NEGATIVES],
						(double) counts[FALSE_NEGATIVES], &c);
	values[PRECISION] = ad_float_or_null(c.precision, &nulls[PRECISION]);
	values[RECALL] = ad_float_or_null(c.recall, &nulls[RECALL]);
	values[F1] = ad_float_or_null(c.f1, &nulls[F1]);
	values[BALANCED_ACCURACY] = ad_float_or_null(c.balanced_accuracy,
												 &nulls[BALANCED_ACCURACY]);
	values[MCC] = ad_float_or_null(c.mcc, &nulls[MCC]);
	desc = ad_composite_desc(get_func_rettype(fcinfo->flinfo->fn_oid));
	tuple = heap_form_tuple(desc, values, nulls);
	ReleaseTupleDesc(desc);
	PG_RETURN_DATUM(HeapTupleGetDatum(tuple));
}
