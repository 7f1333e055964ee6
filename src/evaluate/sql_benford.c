/*-------------------------------------------------------------------------
 *
 * sql_benford.c
 *		ad_benford: leading digits of a column, and tests of them.
 *
 * The state of the aggregate is a bigint[] of counts, which the server hands
 * from worker to leader by itself; as anybody can call the transitions with
 * any array, and the functions with any row, their shape is checked.  Digits
 * are those of the decimal form of a number, as people read it: of a numeric
 * exactly, of a float those that it is printed with, so that 0.3 begins with
 * a 3.
 *
 *-------------------------------------------------------------------------
 */
#include "evaluate/ad_benford.h"
#include "evaluate/ad_evaluate_sql.h"
#include "sql/ad_result.h"
#include "sql/ad_text.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "common/int.h"
#include "common/shortest_dec.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"

PG_FUNCTION_INFO_V1(ad_benford_numeric_transfn);
PG_FUNCTION_INFO_V1(ad_benford_float8_transfn);
PG_FUNCTION_INFO_V1(ad_benford_float4_transfn);
PG_FUNCTION_INFO_V1(ad_benford_int8_transfn);
PG_FUNCTION_INFO_V1(ad_benford_combinefn);
PG_FUNCTION_INFO_V1(ad_benford_finalfn);
PG_FUNCTION_INFO_V1(ad_benford_tests);
PG_FUNCTION_INFO_V1(ad_benford_digits);

/* Places in the state: numbers by first two digits, then what has none. */
enum
{
	ZEROS = AD_BENFORD_CELLS,
	NEGATIVES,
	NOT_FINITE,
	COUNTS
};

/* The columns of type ad_benford_result. */
enum
{
	RESULT_N,
	RESULT_ZEROS,
	RESULT_NEGATIVES,
	RESULT_NOT_FINITE,
	RESULT_CHI_SQUARE,
	RESULT_P_VALUE,
	RESULT_MAD,
	RESULT_VERDICT,
	RESULT_COUNTS,
	RESULT_COLUMNS
};

/* The columns of ad_benford_tests(). */
enum
{
	TEST_NAME,
	TEST_N,
	TEST_CHI_SQUARE,
	TEST_DEGREES,
	TEST_P_VALUE,
	TEST_MAD,
	TEST_VERDICT,
	TEST_COLUMNS
};

/* The columns of ad_benford_digits(). */
enum
{
	DIGITS_DIGITS,
	DIGITS_OBSERVED,
	DIGITS_EXPECTED,
	DIGITS_SHARE,
	DIGITS_EXPECTED_SHARE,
	DIGITS_Z,
	DIGITS_COLUMNS
};

/*
 * The counts of an array, n of them, none negative, or an error; their sum,
 * too, is an int64.
 */
static int64 *
counts_of_array(ArrayType *array, int n)
{
	int64	   *counts = (int64 *) ARR_DATA_PTR(array);
	int64		sum = 0;
	bool		fits = true;

	if (ARR_NDIM(array) != 1 || ARR_DIMS(array)[0] != n ||
		ARR_HASNULL(array) || ARR_ELEMTYPE(array) != INT8OID)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("counts must be %d numbers of type bigint", n)));
	for (int i = 0; i < n && fits; i++)
		fits = counts[i] >= 0 && !pg_add_s64_overflow(sum, counts[i], &sum);
	if (!fits)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("counts must be at least 0, and their sum a bigint")));
	return counts;
}

/* Argument n as a state that may be changed in place. */
static ArrayType *
own_counts(FunctionCallInfo fcinfo, int n)
{
	return AggCheckCallContext(fcinfo, NULL) ? PG_GETARG_ARRAYTYPE_P(n) :
		PG_GETARG_ARRAYTYPE_P_COPY(n);
}

/* Count a row under a cell of the state, argument 0. */
static Datum
count_in(FunctionCallInfo fcinfo, int cell)
{
	ArrayType  *array = own_counts(fcinfo, 0);

	/* of the aggregate's own state only the shape is looked at */
	if (ARR_NDIM(array) != 1 || ARR_DIMS(array)[0] != COUNTS ||
		ARR_HASNULL(array) || ARR_ELEMTYPE(array) != INT8OID)
		(void) counts_of_array(array, COUNTS);
	if (pg_add_s64_overflow(((int64 *) ARR_DATA_PTR(array))[cell], 1,
							&((int64 *) ARR_DATA_PTR(array))[cell]))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("too many numbers")));
	PG_RETURN_ARRAYTYPE_P(array);
}

/* The cell of a number that is written out in decimals. */
static int
cell_of_text(const char *text)
{
	int			cell = ad_benford_cell(text);

	return cell < 0 ? ZEROS : text[0] == '-' ? NEGATIVES : cell;
}

/* ad_benford(numeric): count a row.  Strict, so NULL is ignored. */
Datum
ad_benford_numeric_transfn(PG_FUNCTION_ARGS)
{
	Numeric		v = PG_GETARG_NUMERIC(1);
	char	   *text;
	int			cell;

	if (numeric_is_nan(v))
		return count_in(fcinfo, NOT_FINITE);
	text = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(v)));

	/* 13 has no infinite numeric, and no function to ask for one */
	cell = strchr(text, 'I') ? NOT_FINITE : cell_of_text(text);
	pfree(text);
	return count_in(fcinfo, cell);
}

/* ad_benford(double precision): count a row.  Strict. */
Datum
ad_benford_float8_transfn(PG_FUNCTION_ARGS)
{
	double		v = PG_GETARG_FLOAT8(1);
	char text[	DOUBLE_SHORTEST_DECIMAL_LEN];

	if (!isfinite(v))
		return count_in(fcinfo, NOT_FINITE);
	double_to_shortest_decimal_buf(v, text);
	return count_in(fcinfo, cell_of_text(text));
}

/* ad_benford(real): count a row.  Strict. */
Datum
ad_benford_float4_transfn(PG_FUNCTION_ARGS)
{
	float		v = PG_GETARG_FLOAT4(1);
	char text[	FLOAT_SHORTEST_DECIMAL_LEN];

	if (!isfinite(v))
		return count_in(fcinfo, NOT_FINITE);
	float_to_shortest_decimal_buf(v, text);
	return count_in(fcinfo, cell_of_text(text));
}

/* ad_benford(bigint): count a row.  Strict. */
Datum
ad_benford_int8_transfn(PG_FUNCTION_ARGS)
{
	int64		v = PG_GETARG_INT64(1);

	if (v <= 0)
		return count_in(fcinfo, v == 0 ? ZEROS : NEGATIVES);
	while (v > 99)
		v /= 10;
	return count_in(fcinfo, (int) (v < 10 ? v * 10 : v) - 10);
}

/* Add the second state's counts to the first.  Strict. */
Datum
ad_benford_combinefn(PG_FUNCTION_ARGS)
{
	ArrayType  *array = own_counts(fcinfo, 0);
	int64	   *a = counts_of_array(array, COUNTS);
	const int64 *b = counts_of_array(PG_GETARG_ARRAYTYPE_P(1), COUNTS);

	for (int i = 0; i < COUNTS; i++)
		if (pg_add_s64_overflow(a[i], b[i], &a[i]))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("too many numbers")));
	PG_RETURN_ARRAYTYPE_P(array);
}

/* A text, or NULL for none. */
static Datum
text_or_null(const char *s, bool *isnull)
{
	*isnull = s == NULL;
	return s ? CStringGetTextDatum(s) : (Datum) 0;
}

/* The result of the aggregate; no rows: NULL.  Strict. */
Datum
ad_benford_finalfn(PG_FUNCTION_ARGS)
{
	const int64 *counts = counts_of_array(PG_GETARG_ARRAYTYPE_P(0), COUNTS);
	TupleDesc	desc;
	Datum		values[RESULT_COLUMNS];
	bool		nulls[RESULT_COLUMNS] = {false};
	Datum		cells[AD_BENFORD_CELLS];
	AdBenford	b;
	HeapTuple	tuple;

	ad_benford_judge(counts, AD_BENFORD_FIRST, &b);
	if (b.n + (double) counts[ZEROS] + (double) counts[NEGATIVES] +
		(double) counts[NOT_FINITE] == 0)
		PG_RETURN_NULL();
	for (int i = 0; i < AD_BENFORD_CELLS; i++)
		cells[i] = Int64GetDatum(counts[i]);
	values[RESULT_N] = Int64GetDatum((int64) b.n);
	values[RESULT_ZEROS] = Int64GetDatum(counts[ZEROS]);
	values[RESULT_NEGATIVES] = Int64GetDatum(counts[NEGATIVES]);
	values[RESULT_NOT_FINITE] = Int64GetDatum(counts[NOT_FINITE]);
	values[RESULT_CHI_SQUARE] = ad_float_or_null(b.chi_square,
												 &nulls[RESULT_CHI_SQUARE]);
	values[RESULT_P_VALUE] = ad_float_or_null(b.p_value, &nulls[RESULT_P_VALUE]);
	values[RESULT_MAD] = ad_float_or_null(b.mad, &nulls[RESULT_MAD]);
	values[RESULT_VERDICT] = text_or_null(b.verdict, &nulls[RESULT_VERDICT]);
	values[RESULT_COUNTS] =
		PointerGetDatum(construct_array(cells, AD_BENFORD_CELLS, INT8OID,
										sizeof(int64), FLOAT8PASSBYVAL,
										TYPALIGN_DOUBLE));
	desc = ad_composite_desc(get_func_rettype(fcinfo->flinfo->fn_oid));
	tuple = heap_form_tuple(desc, values, nulls);
	ReleaseTupleDesc(desc);
	PG_RETURN_DATUM(HeapTupleGetDatum(tuple));
}

/* The counts in argument 0, a row of type ad_benford_result; NULL: none. */
static const int64 *
counts_of_result(FunctionCallInfo fcinfo)
{
	HeapTupleHeader row = PG_GETARG_HEAPTUPLEHEADER(0);
	bool		isnull;
	Datum		counts = GetAttributeByNum(row, RESULT_COUNTS + 1, &isnull);

	return isnull ? NULL :
		counts_of_array(DatumGetArrayTypeP(counts), AD_BENFORD_CELLS);
}

/* ad_benford_tests(result) -> a row for each test.  Strict. */
Datum
ad_benford_tests(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	Tuplestorestate *store = ad_result_begin(fcinfo, TEST_COLUMNS, &desc);
	const int64 *counts = PG_ARGISNULL(0) ? NULL : counts_of_result(fcinfo);

	for (int t = 0; t < AD_BENFORD_TESTS && counts; t++)
	{
		Datum		values[TEST_COLUMNS];
		bool		nulls[TEST_COLUMNS] = {false};
		AdBenford	b;

		ad_benford_judge(counts, t, &b);
		values[TEST_NAME] = CStringGetTextDatum(ad_benford_test_names[t]);
		values[TEST_N] = Int64GetDatum((int64) b.n);
		values[TEST_CHI_SQUARE] = ad_float_or_null(b.chi_square,
												   &nulls[TEST_CHI_SQUARE]);
		values[TEST_DEGREES] = Int32GetDatum(b.cells - 1);
		values[TEST_P_VALUE] = ad_float_or_null(b.p_value, &nulls[TEST_P_VALUE]);
		values[TEST_MAD] = ad_float_or_null(b.mad, &nulls[TEST_MAD]);
		values[TEST_VERDICT] = text_or_null(b.verdict, &nulls[TEST_VERDICT]);
		tuplestore_putvalues(store, desc, values, nulls);
	}
	return (Datum) 0;
}

/* The test that argument 1 names. */
static AdBenfordTest
test_argument(FunctionCallInfo fcinfo)
{
	char	   *name;

	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("\"%s\" cannot be NULL", "test")));
	name = ad_text_argument(PG_GETARG_DATUM(1), "test", AD_MAX_WORD_LENGTH);
	for (int t = 0; t < AD_BENFORD_TESTS; t++)
		if (strcmp(name, ad_benford_test_names[t]) == 0)
			return t;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("test is \"%s\", must be \"first\", \"second\" or \"first two\"",
					ad_quote_clip(name))));
}

/* ad_benford_digits(result, test) -> a row for each digit or pair of digits. */
Datum
ad_benford_digits(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	Tuplestorestate *store = ad_result_begin(fcinfo, DIGITS_COLUMNS, &desc);
	AdBenfordTest test = test_argument(fcinfo);
	const int64 *counts = PG_ARGISNULL(0) ? NULL : counts_of_result(fcinfo);
	AdBenford	b;

	if (counts == NULL)
		return (Datum) 0;
	ad_benford_judge(counts, test, &b);
	for (int i = 0; i < b.cells; i++)
	{
		Datum		values[DIGITS_COLUMNS];
		bool		nulls[DIGITS_COLUMNS] = {false};

		nulls[DIGITS_SHARE] = nulls[DIGITS_Z] = b.n == 0;
		values[DIGITS_DIGITS] = Int32GetDatum(b.least + i);
		values[DIGITS_OBSERVED] = Int64GetDatum((int64) b.observed[i]);
		values[DIGITS_EXPECTED] = Float8GetDatum(b.n * b.share[i]);
		values[DIGITS_SHARE] = Float8GetDatum(b.observed[i] / b.n);
		values[DIGITS_EXPECTED_SHARE] = Float8GetDatum(b.share[i]);
		values[DIGITS_Z] = Float8GetDatum(ad_benford_z(&b, i));
		tuplestore_putvalues(store, desc, values, nulls);
	}
	return (Datum) 0;
}
