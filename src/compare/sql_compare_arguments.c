/*-------------------------------------------------------------------------
 *
 * sql_compare_arguments.c
 *		Arguments that functions which compare detectors share.
 *
 *-------------------------------------------------------------------------
 */
#include "compare/ad_compare_sql.h"
#include "model/ad_ensemble.h"
#include "rows/ad_spec_value.h"
#include "sql/ad_text.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#define MAX_SPECS_LENGTH	((Size) 16 * 1024 * 1024)

/* Add which spec is at fault to the context of an error. */
static void
spec_context(void *arg)
{
	errcontext("spec %d", *(const int *) arg + 1);
}

/* A spec of an element of the argument. */
static Jsonb *
read_spec(Datum value, bool is_text)
{
	char	   *text;

	if (!is_text)
		return ad_jsonb_argument(value, "spec");
	text = ad_text_argument(value, "spec", AD_MAX_OPTIONS_LENGTH);

	if (text[strspn(text, " \t\r\n")] == '{')
		return ad_jsonb_from_text(text);
	return ad_jsonb_from_text(ad_detector_spec(text));
}

/* All detectors with their defaults, but the ensemble, which needs members. */
static Datum *
all_detectors(int *n)
{
	Datum	   *names;

	for (*n = 0; ad_detectors[*n] != NULL;)
		(*n)++;
	names = ad_palloc_array(Datum, (Size) *n + 1);
	*n = 0;
	names[(*n)++] = CStringGetTextDatum(AD_AUTO);
	for (int i = 0; ad_detectors[i] != NULL; i++)
		if (ad_detectors[i] != &ad_detector_ensemble)
			names[(*n)++] = CStringGetTextDatum(ad_detectors[i]->name);
	return names;
}

/* Whether a text is that of an array: a brace, but no JSON object's. */
static bool
is_array_text(const char *text)
{
	static const char *const blanks = " \t\r\n";

	text	  +=strspn(text, blanks);

	if (*text ++!= '{')
		return false;
	text	  +=strspn(text, blanks);

	if (*text ++!= '"')
		return true;
	for (; *text !='\0' && *text !='"'; text ++)
		if (*text == '\\' && text[1] != '\0')
			text	  ++;

	if (*text !='\0')
		text	  ++;
	return text[strspn(text, blanks)] != ':';
}

/* The elements of the argument specs, whatever it is; in *is_text, what they are. */
static Datum *
spec_elements(FunctionCallInfo fcinfo, int arg, bool **nulls, int *n, bool *is_text)
{
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, arg);
	Oid			element;
	Datum		value;
	Datum	   *values;
	bool		is_array;

	*is_text = true;
	if (PG_ARGISNULL(arg))
		return all_detectors(n);
	value = PG_GETARG_DATUM(arg);
	type = getBaseType(type);
	element = get_element_type(type);
	is_array = OidIsValid(element);
	element = getBaseType(is_array ? element : type);
	if (element != TEXTOID && element != VARCHAROID && element != JSONBOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("specs cannot be of type %s", format_type_be(type)),
				 errdetail("Expected specs as jsonb or names of detectors as text, or an array of either.")));
	*is_text = element != JSONBOID;
	ad_check_length(value, "specs", MAX_SPECS_LENGTH);
	if (!is_array && *is_text)
	{
		char	   *text = ad_text_argument(value, "specs", MAX_SPECS_LENGTH);

		if ((is_array = is_array_text(text)))
			value = OidInputFunctionCall(F_ARRAY_IN, text, TEXTOID, -1);
	}
	if (!is_array)
	{
		values = ad_palloc_array(Datum, 1);
		values[0] = value;
		*n = 1;
		return values;
	}
	deconstruct_array(DatumGetArrayTypeP(value), element, -1, false, TYPALIGN_INT,
					  &values, nulls, n);
	return values;
}

/*
 * The specs of an argument, checked: jsonb or text, one or an array; NULL: all
 * detectors.  What is wrong with one says which it is.
 */
AdCompareSpec *
ad_compare_specs(FunctionCallInfo fcinfo, int arg, int *count)
{
	ErrorContextCallback callback;
	bool		is_text;
	bool	   *nulls = NULL;
	int			n;
	Datum	   *values = spec_elements(fcinfo, arg, &nulls, &n, &is_text);
	AdCompareSpec *specs;
	int			i;

	if (n < 1 || n > AD_MAX_COMPARED_SPECS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("number of specs is %d, allowed are 1 to %d", n,
						AD_MAX_COMPARED_SPECS)));
	specs = ad_palloc0_array(AdCompareSpec, n);
	callback.callback = spec_context;
	callback.arg = &i;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	for (i = 0; i < n; i++)
	{
		Jsonb	   *raising;

		CHECK_FOR_INTERRUPTS();
		if (nulls && nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("spec cannot be NULL")));
		specs[i].json = read_spec(values[i], is_text);
		/* what is wrong with a spec is said of it as given */
		ad_spec_parse(&specs[i].json->root, true, &specs[i].parsed);
		raising = ad_spec_raising(specs[i].json);
		ad_spec_parse(&raising->root, true, &specs[i].parsed);
	}
	error_context_stack = callback.previous;
	*count = n;
	return specs;
}

/* An integer argument, checked. */
int
ad_compare_count(FunctionCallInfo fcinfo, int arg, const char *name, int min, int max)
{
	int			v;

	if (PG_ARGISNULL(arg))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s cannot be NULL", name)));
	v = PG_GETARG_INT32(arg);
	if (v < min || v > max)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is out of range: %d", name, v),
				 errdetail("Allowed values are at least %d and at most %d.", min, max)));
	return v;
}

/* A column's name, or NULL. */
const char *
ad_compare_column(FunctionCallInfo fcinfo, int arg, const char *what)
{
	return PG_ARGISNULL(arg) ? NULL :
		ad_text_argument(PG_GETARG_DATUM(arg), what, AD_MAX_WORD_LENGTH);
}
