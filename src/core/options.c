/*-------------------------------------------------------------------------
 *
 * options.c
 *		Typed options from jsonb, driven by a table.
 *
 * Detectors, preparation, sampling, series and market all take their
 * options as jsonb.  A table names each key with its type, range, default
 * and place in a struct; parsing fills the struct, printing writes it back
 * in table order with every default spelled out, so equal options print
 * equal text.  An unknown key, a wrong type and a value out of range are
 * errors that name the key, the value and what is allowed; of an unknown key
 * that is the nearest name, or, if none is near, all of them.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_options.h"

#include "common/shortest_dec.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/numeric.h"
#include "utils/varlena.h"

#define MAX_COMPARED	255		/* bytes of a word, the server's own limit */
#define MAX_SUGGESTED	40		/* options compared or named for a hint */

const char *const ad_on_error_names[] = {"error", "null", NULL};

#define INT_AT(out, o)		(*(int *) ((char *) (out) + (o)->offset))
#define FLOAT_AT(out, o)	(*(double *) ((char *) (out) + (o)->offset))
#define BOOL_AT(out, o)		(*(bool *) ((char *) (out) + (o)->offset))
#define STRING_AT(out, o)	(*(char **) ((char *) (out) + (o)->offset))
#define SEED_AT(out, o)		(*(uint64 *) ((char *) (out) + (o)->offset))
#define WORDS_AT(out, o)	(*(char ***) ((char *) (out) + (o)->offset))
#define INTS_AT(out, o)		(*(AdIntList *) ((char *) (out) + (o)->offset))
#define JSON_AT(out, o)		(*(Jsonb **) ((char *) (out) + (o)->offset))

/*
 * The word nearest to the one given, or NULL if none is near: of its letters
 * more than a third would have to change.  Words are short: a user's has been
 * clipped by ad_quote_clip().
 */
const char *
ad_nearest(const char *word, const char *const *words, int n)
{
	const char *best = NULL;
	int			len = (int) strlen(word);
	int			max_distance = pg_mbstrlen_with_len(word, len) / 3;

	for (int i = 0; i < n && max_distance > 0; i++)
	{
		int			other = (int) strlen(words[i]);
		int			d;

		if (len > MAX_COMPARED || other > MAX_COMPARED)
			continue;
		d = varstr_levenshtein_less_equal(word, len, words[i], other, 1, 1, 1,
										  max_distance, false);
		if (d <= max_distance)
		{
			max_distance = d - 1;	/* the first of equal ones */
			best = words[i];
		}
	}
	return best;
}

/* Words in quotes and with commas between them, for a message; palloc'd. */
char *
ad_quoted_list(const char *const *words, int n)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < n; i++)
		appendStringInfo(&list, "%s\"%s\"", i > 0 ? ", " : "", words[i]);
	return list.data;
}

/* Whole numbers from how they are printed: "[64, 16]". */
static void
set_ints_default(const AdOption *o, AdIntList *list)
{
	const char *p = o->string_dflt;

	list->n = 0;
	while ((p = strpbrk(p, "0123456789")) != NULL && list->n < AD_MAX_INTS)
		list->v[list->n++] = (int) strtol(p, (char **) &p, 10);
}

static void
set_default(const AdOption *o, void *out)
{
	switch (o->type)
	{
		case AD_OPT_INT:
		case AD_OPT_ENUM:
			INT_AT(out, o) = isnan(o->dflt) ? AD_NO_INT : (int) o->dflt;
			break;
		case AD_OPT_FLOAT:
		case AD_OPT_PART:
			FLOAT_AT(out, o) = o->dflt;
			break;
		case AD_OPT_BOOL:
			BOOL_AT(out, o) = (o->dflt != 0);
			break;
		case AD_OPT_STRING:
		case AD_OPT_TEXT:
			STRING_AT(out, o) = o->string_dflt ? pstrdup(o->string_dflt) : NULL;
			break;
		case AD_OPT_WORDS:
			WORDS_AT(out, o) = NULL;
			break;
		case AD_OPT_INTS:
			set_ints_default(o, &INTS_AT(out, o));
			break;
		case AD_OPT_JSON:
			JSON_AT(out, o) = NULL;
			break;
		case AD_OPT_SEED:
			SEED_AT(out, o) = (uint64) o->dflt;
			break;
	}
}

/* Fill a struct with the defaults of its table. */
void
ad_options_defaults(const AdOption *table, int n, void *out)
{
	for (int i = 0; i < n; i++)
		set_default(&table[i], out);
}

/* A jsonb value as text for a message. */
char *
ad_option_text(const JsonbValue *v)
{
	switch (v->type)
	{
		case jbvNull:
			return pstrdup("null");
		case jbvBool:
			return pstrdup(v->val.boolean ? "true" : "false");
		case jbvNumeric:
			return ad_quote_clip(numeric_normalize(v->val.numeric));
		case jbvString:
			return ad_quote_clip_len(v->val.string.val, v->val.string.len);
		case jbvBinary:
			return ad_quote_clip(JsonbToCString(NULL, v->val.binary.data,
												v->val.binary.len));
		default:
			return pstrdup("(array or object)");
	}
}

/* A bound as text for a message: whole numbers with all their digits. */
static char *
bound_text(double bound)
{
	return fabs(bound) < 1e16 && bound == floor(bound) ?
		psprintf("%.0f", bound) : psprintf("%g", bound);
}

static void
wrong_type(const AdOption *o, const JsonbValue *v, const char *expected)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("option \"%s\" cannot be \"%s\"", o->name, ad_option_text(v)),
			 errdetail("Expected %s.", expected)));
}

static void
out_of_range(const AdOption *o, const JsonbValue *v)
{
	char	   *text = ad_option_text(v);

	if (isinf(o->max))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"%s\" is out of range: %s", o->name, text),
				 errdetail("Allowed values are %s %s.",
						   o->min_open ? "greater than" : "at least",
						   bound_text(o->min))));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("option \"%s\" is out of range: %s", o->name, text),
			 errdetail("Allowed values are %s %s and at most %s.",
					   o->min_open ? "greater than" : "at least",
					   bound_text(o->min), bound_text(o->max))));
}

/* The same of a share or a whole number; "one" if the number given is 1. */
static void
part_out_of_range(const AdOption *o, const JsonbValue *v, bool one)
{
	char	   *text = ad_option_text(v);

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("option \"%s\" is out of range: %s", o->name, text),
			 o->min_open ?
			 errdetail("Allowed values are a share above 0 and below 1, or a whole number of at most %s.",
					   bound_text(o->max)) :
			 errdetail("Allowed values are a share above 0 and at most 1.0, or a whole number of at least %s and at most %s.",
					   bound_text(Max(o->min, 2)), bound_text(o->max)),
			 one ? errhint("For all of them use the share 1.0.") : 0));
}

/* A jsonb number as a double; NaN if it is not one that fits. */
static double
number_value(const JsonbValue *v)
{
	return DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
											  NumericGetDatum(v->val.numeric)));
}

/*
 * Read a number, which may stand in quotes; false if it is none.  One too
 * great is infinite.
 */
bool
ad_option_number(const JsonbValue *v, double *number)
{
	char	   *text;
	char	   *end;

	if (v->type == jbvNumeric)
	{
		*number = number_value(v);
		return true;
	}
	if (v->type != jbvString || v->val.string.len > AD_MAX_QUOTED)
		return false;
	text = pnstrdup(v->val.string.val, v->val.string.len);

	/* strtod() knows more forms: 0x1F, nan, infinity */
	if (text[strspn(text, " +-.0123456789eE")] != '\0')
		return false;
	*number = strtod(text, &end);
	return end != text &&end[strspn(end, " ")] == '\0';
}

/* Set an option that is a share or a whole number; see AD_PART. */
static void
set_part(const AdOption *o, const JsonbValue *v, void *out)
{
	double		d;

	if (v->type != jbvNumeric)
		wrong_type(o, v, "a number");
	d = number_value(v);
	if (!(d > 0 && d <= o->max))
		part_out_of_range(o, v, false);
	if (d >= 1 && d != floor(d))
		wrong_type(o, v, o->min_open ? "a share below 1, or a whole number" :
				   "a share of at most 1, or a whole number");
	/* written with a point it is a share */
	if (d >= 1 && d < o->min &&
		strchr(DatumGetCString(DirectFunctionCall1(numeric_out,
												   NumericGetDatum(v->val.numeric))), '.') == NULL)
		part_out_of_range(o, v, true);
	FLOAT_AT(out, o) = d;
}

/* Raise an error for a value of more bytes than an option takes. */
static void
check_bytes(const AdOption *o, Size length, Size max)
{
	if (length > max)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("option \"%s\" is longer than %zu bytes", o->name, max),
				 errdetail("It has %zu bytes.", length)));
}

/* A string, or a number as it is written; palloc'd. */
static char *
text_value(const AdOption *o, const JsonbValue *v)
{
	if (v->type == jbvNumeric)
		return numeric_normalize(v->val.numeric);
	if (v->type != jbvString)
		wrong_type(o, v, "a string");
	check_bytes(o, v->val.string.len, (Size) o->max);
	return pnstrdup(v->val.string.val, v->val.string.len);
}

/* An array of strings; palloc'd, NULL after the last. */
static char **
words_value(const AdOption *o, const JsonbValue *v)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	item;
	char	  **words;
	int			n = 0;

	if (v->type != jbvBinary || !JsonContainerIsArray(v->val.binary.data))
		wrong_type(o, v, "an array of strings");
	check_bytes(o, v->val.binary.len, (Size) o->max);
	words = ad_palloc_array(char *, JsonContainerSize(v->val.binary.data) + 1);
	it = JsonbIteratorInit(v->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &item, true)) != WJB_DONE)
		if (token == WJB_ELEM)
		{
			if (item.type != jbvString)
				wrong_type(o, &item, "an array of strings");
			words[n++] = pnstrdup(item.val.string.val, item.val.string.len);
		}
	words[n] = NULL;
	return words;
}

/* Set whole numbers from an array of them. */
static void
set_ints(const AdOption *o, const JsonbValue *v, AdIntList *list)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	item;

	if (v->type != jbvBinary || !JsonContainerIsArray(v->val.binary.data) ||
		JsonContainerSize(v->val.binary.data) == 0)
		wrong_type(o, v, "an array of whole numbers");
	if (JsonContainerSize(v->val.binary.data) > AD_MAX_INTS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"%s\" has %u numbers, limit is %d", o->name,
						JsonContainerSize(v->val.binary.data), AD_MAX_INTS)));
	list->n = 0;
	it = JsonbIteratorInit(v->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &item, true)) != WJB_DONE)
	{
		double		d;

		if (token != WJB_ELEM)
			continue;
		d = item.type == jbvNumeric ? number_value(&item) : NAN;
		if (d != floor(d))
			wrong_type(o, &item, "an array of whole numbers");
		if (!(d >= o->min && d <= o->max))
			out_of_range(o, &item);
		list->v[list->n++] = (int) d;
	}
}

/* The index of a word among those allowed. */
static int
enum_value(const AdOption *o, const JsonbValue *v)
{
	StringInfoData allowed;

	if (v->type == jbvString)
		for (int i = 0; o->values[i]; i++)
			if (strlen(o->values[i]) == (size_t) v->val.string.len &&
				strncmp(o->values[i], v->val.string.val,
						v->val.string.len) == 0)
				return i;
	initStringInfo(&allowed);
	for (int i = 0; o->values[i]; i++)
		appendStringInfo(&allowed, "%s\"%s\"", i == 0 ? "one of " : ", ",
						 o->values[i]);
	wrong_type(o, v, allowed.data);
	return 0;
}

/* Set one option from a jsonb value. */
static void
set_option(const AdOption *o, const JsonbValue *v, void *out)
{
	double		d;

	/* null says "the default", as an SQL NULL argument does */
	if (v->type == jbvNull)
	{
		set_default(o, out);
		return;
	}

	switch (o->type)
	{
		case AD_OPT_INT:
		case AD_OPT_SEED:
			if (v->type != jbvNumeric && !(o->quoted && v->type == jbvString))
				wrong_type(o, v, "a whole number");
			if (!ad_option_number(v, &d) || d != floor(d))
				wrong_type(o, v, "a whole number");
			if (!(d >= o->min && d <= o->max))
				out_of_range(o, v);
			if (o->type == AD_OPT_INT)
				INT_AT(out, o) = (int) d;
			else
				SEED_AT(out, o) = (uint64) d;
			break;
		case AD_OPT_FLOAT:
			if (v->type != jbvNumeric)
				wrong_type(o, v, "a number");
			d = number_value(v);
			if (!(d >= o->min && d <= o->max) ||
				(o->min_open && d == o->min))
				out_of_range(o, v);
			FLOAT_AT(out, o) = d;
			break;
		case AD_OPT_PART:
			set_part(o, v, out);
			break;
		case AD_OPT_BOOL:
			if (v->type != jbvBool)
				wrong_type(o, v, "true or false");
			BOOL_AT(out, o) = v->val.boolean;
			break;
		case AD_OPT_STRING:
			if (v->type != jbvString)
				wrong_type(o, v, "a string");
			check_bytes(o, v->val.string.len, AD_MAX_WORD_LENGTH);
			STRING_AT(out, o) = pnstrdup(v->val.string.val,
										 v->val.string.len);
			break;
		case AD_OPT_TEXT:
			STRING_AT(out, o) = text_value(o, v);
			break;
		case AD_OPT_WORDS:
			WORDS_AT(out, o) = words_value(o, v);
			break;
		case AD_OPT_INTS:
			set_ints(o, v, &INTS_AT(out, o));
			break;
		case AD_OPT_JSON:
			JSON_AT(out, o) = JsonbValueToJsonb((JsonbValue *) v);
			check_bytes(o, VARSIZE(JSON_AT(out, o)), (Size) o->max);
			break;
		case AD_OPT_ENUM:
			INT_AT(out, o) = enum_value(o, v);
			break;
	}
}

/* Set the option of a name that is in a table, from a jsonb value. */
void
ad_option_set(const AdOption *table, int n, const char *name,
			  const JsonbValue *v, void *out)
{
	for (int i = 0; i < n; i++)
		if (strcmp(table[i].name, name) == 0)
			set_option(&table[i], v, out);
}

static bool
key_is(const JsonbValue *key, const char *name)
{
	return strlen(name) == (size_t) key->val.string.len &&
		strncmp(name, key->val.string.val, key->val.string.len) == 0;
}

/* Raise the error of a key that nobody knows; see ad_options_parse(). */
static void
unknown_option(const JsonbValue *key, const char *owner,
			   const AdOption *table, int n, const char *const *also_allowed)
{
	const char *words[MAX_SUGGESTED];
	int			nwords = 0;
	char	   *name = ad_quote_clip_len(key->val.string.val,
										 key->val.string.len);
	const char *nearest;

	for (int i = 0; i < n && nwords < MAX_SUGGESTED; i++)
		words[nwords++] = table[i].name;
	for (int i = 0; also_allowed && also_allowed[i] &&
		 nwords < MAX_SUGGESTED; i++)
		words[nwords++] = also_allowed[i];
	nearest = ad_nearest(name, words, nwords);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown option \"%s\" for %s", name, owner),
			 nearest ? errhint("Did you mean \"%s\"?", nearest) :
			 errhint("The options are %s.", ad_quoted_list(words, nwords))));
}

/*
 * Fill a struct from a jsonb object: defaults first, then what the object
 * says.  "owner" names whose options they are, for messages.  Keys in
 * also_allowed (NULL-terminated, may be NULL) belong to somebody else and
 * are passed over.  Raises the errors that the file head names.
 */
void
ad_options_parse(JsonbContainer *object, const char *owner,
				 const AdOption *table, int n,
				 const char *const *also_allowed, void *out)
{
	JsonbIterator *it;
	JsonbValue	key;
	JsonbValue	value;
	JsonbIteratorToken token;

	ad_options_defaults(table, n, out);
	if (!JsonContainerIsObject(object))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("options of %s must be a JSON object", owner)));

	it = JsonbIteratorInit(object);
	while ((token = JsonbIteratorNext(&it, &key, true)) != WJB_DONE)
	{
		bool		found = false;

		if (token != WJB_KEY)
			continue;
		(void) JsonbIteratorNext(&it, &value, true);

		for (int i = 0; i < n && !found; i++)
			if (key_is(&key, table[i].name))
			{
				set_option(&table[i], &value, out);
				found = true;
			}
		for (int i = 0; also_allowed && also_allowed[i] && !found; i++)
			found = key_is(&key, also_allowed[i]);

		if (!found)
			unknown_option(&key, owner, table, n, also_allowed);
	}
}

/* Append a number, or null; not as float8out, with its extra_float_digits. */
static void
print_float(StringInfo buf, double d)
{
	char		digits[DOUBLE_SHORTEST_DECIMAL_LEN];

	if (!isfinite(d))
	{
		appendStringInfoString(buf, "null");
		return;
	}
	double_to_shortest_decimal_buf(d, digits);
	appendStringInfoString(buf, digits);
}

/* Append an array of words, or null. */
static void
print_words(StringInfo buf, char *const *words)
{
	if (words == NULL)
	{
		appendStringInfoString(buf, "null");
		return;
	}
	appendStringInfoChar(buf, '[');
	for (int i = 0; words[i]; i++)
	{
		if (i > 0)
			appendStringInfoString(buf, ", ");
		escape_json(buf, words[i]);
	}
	appendStringInfoChar(buf, ']');
}

/* Append an array of whole numbers. */
static void
print_ints(StringInfo buf, const AdIntList *list)
{
	for (int i = 0; i < list->n; i++)
		appendStringInfo(buf, "%s%d", i == 0 ? "[" : ", ", list->v[i]);
	appendStringInfoChar(buf, ']');
}

/*
 * Append the options to buf as JSON members in table order, each preceded
 * by a comma if the buffer does not end in "{".  Numbers are printed with
 * the shortest digits that read back equal.
 */
void
ad_options_print(StringInfo buf, const AdOption *table, int n,
				 const void *options)
{
	for (int i = 0; i < n; i++)
	{
		const AdOption *o = &table[i];

		if (buf->len > 0 && buf->data[buf->len - 1] != '{')
			appendStringInfoString(buf, ", ");
		appendStringInfo(buf, "\"%s\": ", o->name);
		switch (o->type)
		{
			case AD_OPT_INT:
				if (INT_AT(options, o) == AD_NO_INT)
					appendStringInfoString(buf, "null");
				else
					appendStringInfo(buf, "%d", INT_AT(options, o));
				break;
			case AD_OPT_SEED:
				appendStringInfo(buf, UINT64_FORMAT, SEED_AT(options, o));
				break;
			case AD_OPT_FLOAT:
				print_float(buf, FLOAT_AT(options, o));
				break;
			case AD_OPT_PART:
				print_float(buf, FLOAT_AT(options, o));
				if (FLOAT_AT(options, o) == 1 && o->min > 1)
					appendStringInfoString(buf, ".0");
				break;
			case AD_OPT_BOOL:
				appendStringInfoString(buf,
									   BOOL_AT(options, o) ? "true" : "false");
				break;
			case AD_OPT_STRING:
			case AD_OPT_TEXT:
				if (STRING_AT(options, o))
					escape_json(buf, STRING_AT(options, o));
				else
					appendStringInfoString(buf, "null");
				break;
			case AD_OPT_WORDS:
				print_words(buf, WORDS_AT(options, o));
				break;
			case AD_OPT_INTS:
				print_ints(buf, &INTS_AT(options, o));
				break;
			case AD_OPT_JSON:
				if (JSON_AT(options, o))
					(void) JsonbToCString(buf, &JSON_AT(options, o)->root,
										  VARSIZE(JSON_AT(options, o)));
				else
					appendStringInfoString(buf, "null");
				break;
			case AD_OPT_ENUM:
				escape_json(buf, o->values[INT_AT(options, o)]);
				break;
		}
	}
}
