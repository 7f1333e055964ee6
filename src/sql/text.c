/*-------------------------------------------------------------------------
 *
 * text.c
 *		Arguments of any length: text, jsonb, and errors that repeat them.
 *
 * An argument may have a gigabyte.  Its length is known before it is
 * detoasted, so what is too long is refused before anything is copied.
 *
 * A query that fails is repeated by the server, in what it quotes, as the
 * query and in the context of the error; those are cut before they go on.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_core.h"
#include "sql/ad_text.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#define MAX_FILE_NAME	200		/* bytes, of a picture's */

/* Raise an error if a value of a variable-length type has too many bytes. */
void
ad_check_length(Datum value, const char *what, Size max)
{
	Size		length = ad_raw_length(value);

	if (length > max)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s is longer than %zu bytes", what, max),
				 errdetail("It has %zu bytes.", length)));
}

/* A text of at most so many bytes as a string. */
char *
ad_text_argument(Datum value, const char *what, Size max)
{
	ad_check_length(value, what, max);
	return TextDatumGetCString(value);
}

/* A jsonb of options or a spec. */
Jsonb *
ad_jsonb_argument(Datum value, const char *what)
{
	ad_check_length(value, what, AD_MAX_OPTIONS_LENGTH);
	return DatumGetJsonbP(value);
}

/* A text, or what is one in all but name, as a string. */
static char *
name_of(Datum value, Oid type, const char *what)
{
	if (type == NAMEOID)
		return pstrdup(NameStr(*DatumGetName(value)));
	return ad_text_argument(value, what, AD_MAX_WORD_LENGTH);
}

/*
 * Names: one text, or an array of texts; other types are an error, as is NULL
 * among them.  Palloc'd, NULL after the last.  No type: a text.
 */
char	  **
ad_names_argument(Datum value, Oid type, const char *what)
{
	Oid			base = OidIsValid(type) ? getBaseType(type) : TEXTOID;
	Oid			element = get_element_type(base);
	Oid			of = OidIsValid(element) ? getBaseType(element) : base;
	char	  **names;
	ArrayType  *array;
	Datum	   *elements;
	bool	   *nulls;
	int			n;

	if (of != TEXTOID && of != VARCHAROID && of != NAMEOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("%s cannot be of type %s", what, format_type_be(type)),
				 errdetail("Expected text or text[].")));
	if (!OidIsValid(element))
	{
		names = ad_palloc_array(char *, 2);
		names[0] = name_of(value, of, what);
		names[1] = NULL;
		return names;
	}
	ad_check_length(value, what, AD_MAX_OPTIONS_LENGTH);
	array = DatumGetArrayTypeP(value);
	deconstruct_array(array, ARR_ELEMTYPE(array), of == NAMEOID ? NAMEDATALEN : -1,
					  false, of == NAMEOID ? TYPALIGN_CHAR : TYPALIGN_INT,
					  &elements, &nulls, &n);
	names = ad_palloc_array(char *, (Size) n + 1);
	for (int i = 0; i < n; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("%s cannot hold null", what)));
		names[i] = name_of(elements[i], of, what);
	}
	names[n] = NULL;
	return names;
}

/* Raise an error unless a word is one of some; NULL ends them. */
void
ad_check_word(const char *argument, const char *word, const char *const *words,
			  const char *expected)
{
	for (; *words != NULL; words++)
		if (strcmp(word, *words) == 0)
			return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s is \"%s\", must be %s", argument, ad_quote_clip(word),
					expected)));
}

/* Check the name of a picture's file: it must not end the link. */
void
ad_check_file_name(const char *picture)
{
	if (picture[0] == '\0' || strlen(picture) > MAX_FILE_NAME ||
		strspn(picture, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/") != strlen(picture))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("picture is \"%s\", must be the name of a file",
						ad_quote_clip(picture)),
				 errdetail("Allowed values are 1 to %d letters, digits and any of . _ - /.",
						   MAX_FILE_NAME)));
}

/* What a message repeats of a text. */
char *
ad_text_quote(Datum value)
{
	struct varlena *head =
		PG_DETOAST_DATUM_SLICE(value, 0,
							   (AD_MAX_QUOTED + 1) * MAX_MULTIBYTE_CHAR_LEN);

	return ad_quote_clip_len(VARDATA_ANY(head), VARSIZE_ANY_EXHDR(head));
}

PG_FUNCTION_INFO_V1(ad_quote_text);
PG_FUNCTION_INFO_V1(ad_check_value_length);

/* _ad_quote(text) -> text */
Datum
ad_quote_text(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(ad_text_quote(PG_GETARG_DATUM(0))));
}

/* _ad_check_length(value, what, most) -> true */
Datum
ad_check_value_length(PG_FUNCTION_ARGS)
{
	if (get_typlen(get_fn_expr_argtype(fcinfo->flinfo, 0)) == -1)
		ad_check_length(PG_GETARG_DATUM(0), ad_text_quote(PG_GETARG_DATUM(1)),
						(Size) Max(PG_GETARG_INT32(2), 0));
	PG_RETURN_BOOL(true);
}

/*
 * A key as it is kept: of one that is too long the first 200 characters and
 * the MD5 of it, as _ad_short() has it.  palloc'd.
 */
char *
ad_short_key(const char *key, int length)
{
	text	   *md5;

	if (length <= AD_MAX_KEY)
		return pnstrdup(key, length);
	md5 = DatumGetTextPP(DirectFunctionCall1(md5_text,
											 PointerGetDatum(cstring_to_text_with_len(key, length))));
	return psprintf("%.*s... %s", pg_mbcharcliplen(key, length, 200), key,
					text_to_cstring(md5));
}

/* Cut what a message quotes, each by itself. */
static char *
clip_quoted(char *text)
{
	StringInfoData out;
	bool		inside = false;

	if (text == NULL || strlen(text) <= AD_MAX_QUOTED)
		return text;

	initStringInfo(&out);
	for (;;)
	{
		Size		len = strcspn(text, "\"");

		if (inside && len > AD_MAX_QUOTED)
			appendStringInfoString(&out, ad_quote_clip_len(text, len));
		else
			appendBinaryStringInfo(&out, text, (int) len);
		text	  +=len;

		if (*text == '\0')
			return out.data;
		appendStringInfoChar(&out, *text ++);
		inside = !inside;
	}
}

/* Cut a long text, but for a last line such as we add to contexts. */
static char *
clip_long(char *text)
{
	const char *last;

	if (text == NULL || strlen(text) <= AD_MAX_REPEATED)
		return text;

	last = strrchr(text, '\n');
	if (last == NULL || strlen(last) > 2 * AD_MAX_QUOTED)
		last = "";
	return psprintf("%.*s...%s", pg_mbcliplen(text, strlen(text), AD_MAX_REPEATED),
					text, last);
}

/* What is left of an error when the most of a long query is gone. */
static void
clip_error(ErrorData *error)
{
	error->message = clip_long(error->message);
	error->detail = clip_long(error->detail);
	error->context = clip_long(error->context);
	if (error->internalquery != NULL &&
		strlen(error->internalquery) > AD_MAX_REPEATED)
	{
		/* its position is one in the whole */
		error->internalquery = clip_long(error->internalquery);
		error->internalpos = 0;
	}
}

/* Call a function that runs a user's query; errors repeat little of that. */
Datum
ad_call_clipped(PGFunction function, FunctionCallInfo fcinfo)
{
	MemoryContext context = CurrentMemoryContext;
	volatile Datum result = (Datum) 0;

	PG_TRY();
	{
		result = function(fcinfo);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		error->message = clip_quoted(error->message);
		error->detail = clip_quoted(error->detail);
		clip_error(error);
		ReThrowError(error);
	}
	PG_END_TRY();
	return result;
}

/*
 * Call a function whose statements are not the user's: what they add to the
 * context of an error is left out, and what called the function stays.  Errors
 * repeat little of a query.
 */
Datum
ad_call_door(PGFunction function, FunctionCallInfo fcinfo)
{
	MemoryContext context = CurrentMemoryContext;
	volatile Datum result = (Datum) 0;

	PG_TRY();
	{
		result = function(fcinfo);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		error->context = NULL;
		clip_error(error);
		/* who stands outside says so again */
		ThrowErrorData(error);
	}
	PG_END_TRY();
	return result;
}
