/*-------------------------------------------------------------------------
 *
 * spec.c
 *		Constructors of specs: ad_iforest(), ad_prepare(), ad_calibrate().
 *
 * One C function serves them all: it reads its own pg_proc row, so that the
 * names and defaults users see in \df are the only place where they stand
 * besides the option table, against which the result is checked.
 *
 *-------------------------------------------------------------------------
 */
#include "model/ad_ensemble.h"
#include "rows/ad_spec_value.h"
#include "sql/ad_text.h"

#include "access/htup_details.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

PG_FUNCTION_INFO_V1(ad_spec_constructor);
PG_FUNCTION_INFO_V1(ad_prepare_0_2);
PG_FUNCTION_INFO_V1(ad_detector_0_2);
PG_FUNCTION_INFO_V1(ad_lof_0_2);
PG_FUNCTION_INFO_V1(ad_calibrate_0_2);
PG_FUNCTION_INFO_V1(ad_ensemble_0_2);
PG_FUNCTION_INFO_V1(ad_detector_names);

/* A jsonb from JSON text; errors as jsonb's input has. */
Jsonb *
ad_jsonb_from_text(const char *text)
{
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in,
											  CStringGetDatum(text)));
}

/*
 * The spec of an SQL value: a detoasted jsonb, a detoasted text that names
 * a detector, or NULL for the defaults of no detector.
 */
void
ad_spec_from_value(struct varlena *value, bool is_text, bool need_detector,
				   AdSpec *spec)
{
	if (value == NULL)
		ad_spec_defaults(NULL, spec);
	else if (is_text)
		ad_spec_defaults(text_to_cstring((text *) value), spec);
	else
		ad_spec_parse(&((Jsonb *) value)->root, need_detector, spec);
}

/* Raise an error if two detoasted specs of one group, or partition, differ. */
void
ad_spec_check_same(const struct varlena *first, const struct varlena *spec)
{
	if (VARSIZE_ANY(spec) != VARSIZE_ANY(first) ||
		memcmp(spec, first, VARSIZE_ANY(spec)) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("spec changes between rows of a group"),
				 errhint("Group by the spec, or give a constant.")));
}

/*
 * A valid spec, less what it says of errors: of one fit, whoever asks for it
 * wants to know why it failed.
 */
Jsonb *
ad_spec_raising(Jsonb *spec)
{
	Datum		path[] = {CStringGetTextDatum("prepare"), CStringGetTextDatum("on_error")};
	ArrayType  *array = construct_array(path, lengthof(path), TEXTOID, -1,
										false, TYPALIGN_INT);

	return DatumGetJsonbP(DirectFunctionCall2(jsonb_delete_path,
											  JsonbPGetDatum(spec),
											  PointerGetDatum(array)));
}

/* Append a value of a type that constructors have, not NULL, as JSON. */
void
ad_json_append(StringInfo buf, Oid type, Datum value)
{
	Oid			output;
	bool		varlena;
	char	   *output_text;

	getTypeOutputInfo(type, &output, &varlena);
	output_text = OidOutputFunctionCall(output, value);
	switch (type)
	{
		case BOOLOID:
			appendStringInfoString(buf, DatumGetBool(value) ? "true" : "false");
			break;
		case INT4OID:
		case INT8OID:
			appendStringInfoString(buf, output_text);
			break;
		case FLOAT8OID:

			/*
			 * Not as float8out has it, since extra_float_digits must not
			 * matter.  JSON has no NaN or Infinity: as strings they are
			 * refused.
			 */
			if (isfinite(DatumGetFloat8(value)))
			{
				char		digits[DOUBLE_SHORTEST_DECIMAL_LEN];

				double_to_shortest_decimal_buf(DatumGetFloat8(value), digits);
				appendStringInfoString(buf, digits);
			}
			else
				escape_json(buf, output_text);
			break;
		case NUMERICOID:
			/* NaN and Infinity */
			if (strpbrk(output_text, "Nn"))
				escape_json(buf, output_text);
			else
				appendStringInfoString(buf, output_text);
			break;
		case JSONBOID:
			appendStringInfoString(buf, output_text);
			break;
		case FLOAT8ARRAYOID:
			{
				Datum	   *elements;
				bool	   *nulls;
				int			n;

				deconstruct_array(DatumGetArrayTypeP(value), FLOAT8OID,
								  sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
								  &elements, &nulls, &n);
				appendStringInfoChar(buf, '[');
				for (int i = 0; i < n; i++)
				{
					appendStringInfoString(buf, i > 0 ? ", " : "");
					if (nulls[i])
						appendStringInfoString(buf, "null");
					else
						ad_json_append(buf, FLOAT8OID, elements[i]);
				}
				appendStringInfoChar(buf, ']');
			}
			break;
		case JSONBARRAYOID:
		case INT4ARRAYOID:
			value = DirectFunctionCall1(array_to_json, value);
			appendStringInfoString(buf, TextDatumGetCString(value));
			break;
		default:
			escape_json(buf, output_text);
			break;
	}
}

/*
 * ad_<detector>(…), ad_prepare(…), ad_sampling(…), ad_calibrate(…) -> jsonb.
 * An argument
 * that is NULL is left out, so its default applies.
 */
Datum
ad_spec_constructor(PG_FUNCTION_ARGS)
{
	HeapTuple	tuple;
	Oid		   *types;
	char	  **names;
	char	   *modes;
	int			n;
	const char *name;
	bool		part;
	StringInfoData buf;
	Jsonb	   *spec;
	AdSpec		parsed;

	tuple = SearchSysCache1(PROCOID,
							ObjectIdGetDatum(fcinfo->flinfo->fn_oid));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u",
			 fcinfo->flinfo->fn_oid);
	name = pstrdup(NameStr(((Form_pg_proc) GETSTRUCT(tuple))->proname));
	n = get_func_arg_info(tuple, &types, &names, &modes);
	ReleaseSysCache(tuple);
	/* one of an older version is private */
	name += name[0] == '_';
	if (strncmp(name, "ad_", 3) != 0 || n != PG_NARGS())
		elog(ERROR, "unexpected spec constructor \"%s\"", name);
	name += 3;
	part = strcmp(name, "prepare") == 0 || strcmp(name, "sampling") == 0 ||
		strcmp(name, "calibrate") == 0;

	initStringInfo(&buf);
	if (part)
		appendStringInfo(&buf, "{\"%s\": {", name);
	else
		appendStringInfo(&buf, "{\"detector\": \"%s\"", name);
	for (int i = 0; i < n; i++)
	{
		if (PG_ARGISNULL(i))
			continue;
		if (buf.data[buf.len - 1] != '{')
			appendStringInfoString(&buf, ", ");
		if (get_typlen(types[i]) == -1)
			ad_check_length(PG_GETARG_DATUM(i), names[i],
							AD_MAX_OPTIONS_LENGTH);
		escape_json(&buf, names[i]);
		appendStringInfoString(&buf, ": ");
		ad_json_append(&buf, types[i], PG_GETARG_DATUM(i));
	}
	appendStringInfoString(&buf, part ? "}}" : "}");

	spec = ad_jsonb_from_text(buf.data);
	ad_spec_parse(&spec->root, !part, &parsed);
	PG_RETURN_JSONB_P(spec);
}

/* _ad_prepare(…) -> jsonb: ad_prepare(…) with the arguments of 0.2.0. */
Datum
ad_prepare_0_2(PG_FUNCTION_ARGS)
{
	return ad_spec_constructor(fcinfo);
}

/*
 * _ad_iforest(…), _ad_fair_forest(…), _ad_inne(…), _ad_ecod(…) -> jsonb: the
 * constructors with the arguments of 0.2.0.
 */
Datum
ad_detector_0_2(PG_FUNCTION_ARGS)
{
	return ad_spec_constructor(fcinfo);
}

/* _ad_lof(…) -> jsonb: ad_lof(…) with the arguments of 0.2.0. */
Datum
ad_lof_0_2(PG_FUNCTION_ARGS)
{
	return ad_spec_constructor(fcinfo);
}

/* _ad_calibrate(…) -> jsonb: the same of ad_calibrate(…). */
Datum
ad_calibrate_0_2(PG_FUNCTION_ARGS)
{
	return ad_spec_constructor(fcinfo);
}

/* _ad_ensemble(…) -> jsonb: ad_ensemble(…) with the arguments of 0.2.0. */
Datum
ad_ensemble_0_2(PG_FUNCTION_ARGS)
{
	return ad_spec_constructor(fcinfo);
}

/* _ad_detectors() -> names of the detectors, without the ensemble. */
Datum
ad_detector_names(PG_FUNCTION_ARGS)
{
	Datum	   *names;
	int			n = 0;

	(void) fcinfo;
	while (ad_detectors[n] != NULL)
		n++;
	names = ad_palloc_array(Datum, n);
	n = 0;
	for (int i = 0; ad_detectors[i] != NULL; i++)
		if (ad_detectors[i] != &ad_detector_ensemble)
			names[n++] = CStringGetTextDatum(ad_detectors[i]->name);
	PG_RETURN_ARRAYTYPE_P(construct_array(names, n, TEXTOID, -1, false,
										  TYPALIGN_INT));
}

/*
 * A spec argument: a jsonb; or a text, which names a detector or is the text
 * of a spec (a literal without a type is a text).
 */
Jsonb *
ad_spec_argument(FunctionCallInfo fcinfo, int arg)
{
	Oid		   *types;
	int			nargs;
	char	   *name;

	(void) get_func_signature(fcinfo->flinfo->fn_oid, &types, &nargs);
	if (types[arg] != TEXTOID)
		return ad_jsonb_argument(PG_GETARG_DATUM(arg), "spec");
	name = ad_text_argument(PG_GETARG_DATUM(arg), "spec", AD_MAX_OPTIONS_LENGTH);
	if (name[strspn(name, " \t\r\n")] == '{')
		return ad_jsonb_from_text(name);
	return ad_jsonb_from_text(ad_detector_spec(name));
}
