/*-------------------------------------------------------------------------
 *
 * sql_options.c
 *		ad_stl_options(), ad_stream_options() and the like: constructors of
 *		options.
 *
 * A period may be a number, an interval, text or an array of them, and a
 * seasonal window a number or the word periodic, so those arguments are
 * declared "any" and turned into jsonb here; NULL arguments are left out.
 * The result is checked by the same parser that reads it later, so a
 * mistake shows where it is made.
 *
 *-------------------------------------------------------------------------
 */
#include "series/ad_series_sql.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

/*
 * Return an interval as text that reads back equal under every IntervalStyle.
 * 13 and 14 read no more than 32 bits of a number, so there is none of
 * microseconds alone.
 */
static char *
interval_text(const Interval *i)
{
	int64		second = i->time / USECS_PER_SEC;

	return psprintf("%d mons %d days %lld hours %d secs %d microseconds",
					i->month, i->day,
					(long long) (second / SECS_PER_HOUR),
					(int) (second % SECS_PER_HOUR),
					(int) (i->time % USECS_PER_SEC));
}

/* Turn one value of a supported type into a JSON scalar. */
static void
scalar_value(Datum d, Oid type, const char *key, JsonbValue *v)
{
	type = getBaseType(type);
	switch (type)
	{
		case FLOAT4OID:
		case FLOAT8OID:
			{
				double		number = type == FLOAT4OID ?
					DatumGetFloat4(d) : DatumGetFloat8(d);

				if (isfinite(number))
				{
					v->type = jbvNumeric;
					v->val.numeric = DatumGetNumeric(type == FLOAT4OID ?
													 DirectFunctionCall1(float4_numeric, d) :
													 DirectFunctionCall1(float8_numeric, d));
					return;
				}
				/* no number of JSON's: who reads the key says what may be */
				v->type = jbvString;
				v->val.string.val = pstrdup(isnan(number) ? "NaN" :
											number > 0 ? "Infinity" : "-Infinity");
				break;
			}
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case NUMERICOID:
			{
				Datum		n = d;

				if (type == INT2OID)
					n = DirectFunctionCall1(int2_numeric, d);
				else if (type == INT4OID)
					n = DirectFunctionCall1(int4_numeric, d);
				else if (type == INT8OID)
					n = DirectFunctionCall1(int8_numeric, d);
				v->val.numeric = DatumGetNumeric(n);
				v->type = jbvNumeric;
				if (!numeric_is_nan(v->val.numeric))
					return;
				v->type = jbvString;
				v->val.string.val = pstrdup("NaN");
				break;
			}
		case BOOLOID:
			v->type = jbvBool;
			v->val.boolean = DatumGetBool(d);
			return;
		case TEXTOID:
		case VARCHAROID:
			v->type = jbvString;
			v->val.string.val = ad_text_argument(d, key, AD_MAX_WORD_LENGTH);
			break;
		case UNKNOWNOID:
			v->type = jbvString;
			v->val.string.val = pnstrdup(DatumGetCString(d), AD_MAX_WORD_LENGTH);
			break;
		case INTERVALOID:
			v->type = jbvString;
			v->val.string.val = interval_text(DatumGetIntervalP(d));
			break;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("option \"%s\" cannot be of type %s", key,
							format_type_be(type)),
					 errdetail("Expected a number, text or an interval, or an array of them.")));
	}
	v->val.string.len = (int) strlen(v->val.string.val);
}

/* Add one argument to the object under its key, unless it is NULL. */
static void
add_argument(FunctionCallInfo fcinfo, int argno, const char *key,
			 JsonbParseState **state)
{
	JsonbValue	v;
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, argno);
	Oid			element;

	if (PG_ARGISNULL(argno))
		return;
	v.type = jbvString;
	v.val.string.val = unconstify(char *, key);
	v.val.string.len = (int) strlen(key);
	(void) pushJsonbValue(state, WJB_KEY, &v);

	element = get_element_type(getBaseType(type));
	if (OidIsValid(element))
	{
		ArrayType  *array = PG_GETARG_ARRAYTYPE_P(argno);
		int16		width;
		bool		byval;
		char		align;
		Datum	   *items;
		bool	   *nulls;
		int			n;

		get_typlenbyvalalign(element, &width, &byval, &align);
		deconstruct_array(array, element, width, byval, align, &items,
						  &nulls, &n);
		(void) pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
		for (int i = 0; i < n; i++)
		{
			if (nulls[i])
				ereport(ERROR,
						(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						 errmsg("option \"%s\" cannot have NULL elements",
								key)));
			scalar_value(items[i], element, key, &v);
			(void) pushJsonbValue(state, WJB_ELEM, &v);
		}
		(void) pushJsonbValue(state, WJB_END_ARRAY, NULL);
		return;
	}
	scalar_value(PG_GETARG_DATUM(argno), type, key, &v);
	(void) pushJsonbValue(state, WJB_VALUE, &v);
}

/*
 * Return all arguments of a constructor as an object.  One of an earlier
 * version has fewer: the keys that it lacks are the last ones.
 */
static Jsonb *
collect(FunctionCallInfo fcinfo, const char *const *keys, int n)
{
	JsonbParseState *state = NULL;
	JsonbValue *object;

	if (PG_NARGS() > n)
		elog(ERROR, "options have more arguments than keys");
	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < PG_NARGS(); i++)
		add_argument(fcinfo, i, keys[i], &state);
	object = pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	return JsonbValueToJsonb(object);
}

/* Return the arguments of a constructor as options, checked by their reader. */
static Datum
construct(FunctionCallInfo fcinfo, const char *const *keys, int n,
		  const AdSeriesReader *reader)
{
	Jsonb	   *result = collect(fcinfo, keys, n);

	reader->read(fcinfo->flinfo, result, palloc0(reader->size));
	PG_RETURN_JSONB_P(result);
}

PG_FUNCTION_INFO_V1(ad_stl_options);

/* Return the options of the decomposition, checked. */
Datum
ad_stl_options(PG_FUNCTION_ARGS)
{
	static const char *const keys[] = {
		"period", "robust", "seasonal_window", "seasonal_degree",
		"seasonal_jump", "trend_window", "trend_degree", "trend_jump",
		"lowpass_window", "lowpass_degree", "lowpass_jump",
		"inner_iterations", "outer_iterations", "iterations", "threshold",
		"threshold_method", "score_window", "duplicates", "timezone",
		"step", "on_error", "alarm_rate"
	};

	return construct(fcinfo, keys, lengthof(keys), &ad_stl_reader);
}

PG_FUNCTION_INFO_V1(ad_series_score_options);

/* Return the options of the score of a series, checked. */
Datum
ad_series_score_options(PG_FUNCTION_ARGS)
{
	static const char *const keys[] = {
		"period", "m", "score_window", "robust", "alarm_rate", "timezone",
		"step", "duplicates", "on_error", "seasonal_window", "trend_window",
		"threshold_method", "threshold"
	};

	return construct(fcinfo, keys, lengthof(keys), &ad_score_reader);
}

PG_FUNCTION_INFO_V1(ad_stream_options);

/* Return the options of a stream, checked. */
Datum
ad_stream_options(PG_FUNCTION_ARGS)
{
	static const char *const keys[] = {
		"period", "step", "q", "level", "trend", "season", "clip", "warmup",
		"late", "on_error", "timezone", "memory", "score_window", "shape"
	};

	return construct(fcinfo, keys, lengthof(keys), &ad_stream_reader);
}

PG_FUNCTION_INFO_V1(ad_periods_options);

/* Return the options of the search for periods, checked. */
Datum
ad_periods_options(PG_FUNCTION_ARGS)
{
	static const char *const keys[] = {"step", "timezone", "on_error"};

	return construct(fcinfo, keys, lengthof(keys), &ad_periods_reader);
}

PG_FUNCTION_INFO_V1(ad_discord_options);

/* Return the options of the matrix profile, checked. */
Datum
ad_discord_options(PG_FUNCTION_ARGS)
{
	static const char *const keys[] = {"exclusion", "on_error"};

	return construct(fcinfo, keys, lengthof(keys), &ad_discord_reader);
}

PG_FUNCTION_INFO_V1(ad_subpca_options);

/* Return the options of sub-sequence PCA, checked. */
Datum
ad_subpca_options(PG_FUNCTION_ARGS)
{
	static const char *const keys[] = {"on_error"};

	return construct(fcinfo, keys, lengthof(keys), &ad_subpca_reader);
}

PG_FUNCTION_INFO_V1(ad_changepoints_options);

/* Return the options of the search for changes, checked. */
Datum
ad_changepoints_options(PG_FUNCTION_ARGS)
{
	static const char *const keys[] = {
		"method", "penalty", "min_segment", "on_error"
	};

	return construct(fcinfo, keys, lengthof(keys), &ad_changepoints_reader);
}
