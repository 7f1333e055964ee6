/*-------------------------------------------------------------------------
 *
 * sql_labels.c
 *		Labels that are numbers: the type _ad_flag, and the casts to it.
 *
 * The aggregates over labeled scores exist for boolean and for this type,
 * which is a boolean with implicit casts from all numbers.  Overloads for
 * each type of number would make a label without a type ambiguous; this type
 * is in the category of booleans, where boolean is preferred.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_core.h"
#include "sql/ad_text.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/numeric.h"

PG_FUNCTION_INFO_V1(ad_flag_in);
PG_FUNCTION_INFO_V1(ad_flag_out);
PG_FUNCTION_INFO_V1(ad_flag_int2);
PG_FUNCTION_INFO_V1(ad_flag_int4);
PG_FUNCTION_INFO_V1(ad_flag_int8);
PG_FUNCTION_INFO_V1(ad_flag_float4);
PG_FUNCTION_INFO_V1(ad_flag_float8);
PG_FUNCTION_INFO_V1(ad_flag_numeric);

/* Reads what boolean reads.  Strict. */
Datum
ad_flag_in(PG_FUNCTION_ARGS)
{
	return boolin(fcinfo);
}

/* Strict. */
Datum
ad_flag_out(PG_FUNCTION_ARGS)
{
	return boolout(fcinfo);
}

/* Raise the error of a label that is neither 0 nor 1. */
static void
wrong_label(const char *value)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("label is %s", value),
			 errdetail(AD_LABEL_EXPECTED)));
}

/* Return a whole number as a label. */
static Datum
whole_label(int64 v)
{
	if (v != 0 && v != 1)
		wrong_label(psprintf(INT64_FORMAT, v));
	return BoolGetDatum(v == 1);
}

/* Return any number as a label. */
static Datum
float_label(double v)
{
	if (!(v == 0 || v == 1))
		wrong_label(float8out_internal(v));
	return BoolGetDatum(v == 1);
}

/* Strict. */
Datum
ad_flag_int2(PG_FUNCTION_ARGS)
{
	return whole_label(PG_GETARG_INT16(0));
}

/* Strict. */
Datum
ad_flag_int4(PG_FUNCTION_ARGS)
{
	return whole_label(PG_GETARG_INT32(0));
}

/* Strict. */
Datum
ad_flag_int8(PG_FUNCTION_ARGS)
{
	return whole_label(PG_GETARG_INT64(0));
}

/* Strict. */
Datum
ad_flag_float4(PG_FUNCTION_ARGS)
{
	return float_label(PG_GETARG_FLOAT4(0));
}

/* Strict. */
Datum
ad_flag_float8(PG_FUNCTION_ARGS)
{
	return float_label(PG_GETARG_FLOAT8(0));
}

/* Exact: what would round to 1 is not 1.  Strict. */
Datum
ad_flag_numeric(PG_FUNCTION_ARGS)
{
	Datum		v = PG_GETARG_DATUM(0);

	for (int label = 0; label <= 1; label++)
		if (DatumGetBool(DirectFunctionCall2(numeric_eq, v,
											 DirectFunctionCall1(int4_numeric, Int32GetDatum(label)))))
			return BoolGetDatum(label == 1);
	wrong_label(ad_quote_clip(DatumGetCString(DirectFunctionCall1(numeric_out, v))));
	return (Datum) 0;			/* not reached */
}
