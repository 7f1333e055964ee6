/*-------------------------------------------------------------------------
 *
 * json_row.c
 *		A row that is a JSON object: features by their names.
 *
 * JSON has three kinds of values that can be features; what a string is of, the
 * type says that the model was fitted to.  So of a row that to_jsonb() made of
 * a row of that type the score is the row's.  A value goes the way that
 * one of its type goes in the other forms (sketch/datum.c), and it is read
 * independently of settings, since scores are IMMUTABLE.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_compat.h"
#include "core/ad_core.h"
#include "rows/ad_args.h"

#include <ctype.h>

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/cash.h"
#include "utils/float.h"
#include "utils/inet.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#define MAX_NUMBER		2000	/* bytes of a string that is no text */

/* The types whose values are not read as all of their class. */
static const struct
{
	const char *name;
	Oid			type;
}			own_ways[] =

{
	{"real", FLOAT4OID},
	{"money", CASHOID},
	{"boolean", BOOLOID},
	{"character", BPCHAROID},
	{"uuid", UUIDOID},
	{"inet", INETOID},
	{"cidr", CIDROID},
	{"oid", OIDOID},
};

/* A value that is read. */
typedef struct JsonCell
{
	const AdModel *m;
	int			j;				/* its feature */
	const JsonbValue *v;
} JsonCell;

/* The type that values of a feature are read as. */
static Oid
type_of(const AdModelFeature *f)
{
	for (int i = 0; i < (int) lengthof(own_ways); i++)
		if (strcmp(f->type, own_ways[i].name) == 0)
			return own_ways[i].type;
	switch (f->class)
	{
		case AD_CLASS_NUMBER:
			return NUMERICOID;
		case AD_CLASS_TIMESTAMP:
			return TIMESTAMPOID;
		case AD_CLASS_TIME:
			return TIMEOID;
		case AD_CLASS_INTERVAL:
			return INTERVALOID;
		case AD_CLASS_CATEGORY:
			break;
	}
	return TEXTOID;
}

/* Whether a type is none of the server's own, but maybe a domain over one. */
static bool
may_be_domain(const AdModelFeature *f)
{
	return strchr(f->type, '.') != NULL;
}

/* What to call a JSON value. */
static const char *
kind_of(const JsonbValue *v)
{
	switch (v->type)
	{
		case jbvString:
			return "string";
		case jbvNumeric:
			return "number";
		case jbvBool:
			return "boolean";
		case jbvNull:
			return "null";
		default:
			return v->type == jbvBinary &&
				JsonContainerIsObject(v->val.binary.data) ? "object" : "array";
	}
}

static void wrong_kind(const JsonCell *value) pg_attribute_noreturn();
static void wrong_string(const JsonCell *value) pg_attribute_noreturn();

/* The one error for a value of a kind that the feature has not. */
static void
wrong_kind(const JsonCell *value)
{
	const AdModelFeature *f = &value->m->features[value->j];

	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("feature %d (\"%s\") is a JSON %s, but the model expects %s",
					value->j + 1, f->name, kind_of(value->v), f->type)));
}

/* The one error for a string that is no value of the feature's type. */
static void
wrong_string(const JsonCell *value)
{
	const AdModelFeature *f = &value->m->features[value->j];
	char	   *s = pnstrdup(value->v->val.string.val, value->v->val.string.len);

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("feature %d (\"%s\") is \"%s\", but the model expects %s",
					value->j + 1, f->name, ad_quote_clip(s), f->type),
			 f->class == AD_CLASS_TIMESTAMP || f->class == AD_CLASS_TIME ?
			 errdetail("Dates and times are in ISO 8601, zones as offsets from UTC.") :
			 f->class == AD_CLASS_NUMBER ?
			 errdetail("A number in a string is written in digits, or is NaN or Infinity; money is written as PostgreSQL shows it.") : 0));
}

/* Say which feature an input function is called for. */
static void
say_feature(void *arg)
{
	const JsonCell *value = arg;

	errcontext("feature %d (\"%s\") of a JSON row", value->j + 1,
			   value->m->features[value->j].name);
}

/* Call an input function of the server, which no setting affects. */
static Datum
input(PGFunction function, const JsonCell *value)
{
	char	   *s;
	ErrorContextCallback context = {error_context_stack, say_feature,
	(void *) value};
	Datum		result;

	/* its errors repeat all of it */
	if (value->v->val.string.len > MAX_NUMBER)
		wrong_string(value);
	s = pnstrdup(value->v->val.string.val, value->v->val.string.len);
	error_context_stack = &context;
	result = DirectFunctionCall3(function, CStringGetDatum(s),
								 ObjectIdGetDatum(InvalidOid),
								 Int32GetDatum(-1));
	error_context_stack = context.previous;
	return result;
}

/* The style that an interval is written in: the SQL standard's has no words. */
static int
interval_style(const JsonbValue *v)
{
	for (int i = 0; i < v->val.string.len; i++)
		if (v->val.string.val[i] == '@' ||
			isalpha((unsigned char) v->val.string.val[i]))
			return INTSTYLE_POSTGRES;
	return INTSTYLE_SQL_STANDARD;
}

/* Read an interval.  How its signs are read is a setting, so that is set. */
static Datum
read_interval(const JsonCell *value)
{
	const int	before = IntervalStyle;
	volatile Datum result = 0;

	PG_TRY();
	{
		IntervalStyle = interval_style(value->v);
		result = input(interval_in, value);
	}
	PG_FINALLY();
	{
		IntervalStyle = before;
	}
	PG_END_TRY();
	return result;
}

/*
 * Read money as cash_out() writes it, in any locale: the digits are its
 * smallest units, and something is there that is no part of a number; letters
 * only if they are allowed.
 */
static bool
read_money(const JsonbValue *v, bool letters, double *x)
{
	const unsigned char *s = (const unsigned char *) v->val.string.val;
	int64		units = 0;
	int			ndigits = 0;
	bool		negative = false;
	bool symbol = false;

	for (int i = 0; i < v->val.string.len; i++)
	{
		if (isdigit(s[i]))
		{
			if (++ndigits > 18 + 1)
				return false;
			/* as negative, of which there is one more */
			if (units < (PG_INT64_MIN + (s[i] - '0')) / 10)
				return false;
			units = units * 10 - (s[i] - '0');
		}
		else if (s[i] == '-' || s[i] == '(')
			negative = true;
		else if (v->val.string.len - i >= 3 &&
				 memcmp(s + i, "\342\210\222", 3) == 0)
		{
			/* the minus sign of Unicode */
			negative = true;
			i += 2;
		}
		else if (isalpha(s[i]) && !IS_HIGHBIT_SET(s[i]) && !letters)
			return false;
		else if (strchr("+.,') ", s[i]) == NULL)
			symbol = true;
	}
	*x = negative ? (double) units : -(double) units;
	return ndigits > 0 && symbol;
}

/* Read a number that is in a string. */
static double
number_in_string(AdSource *s, const JsonCell *value)
{
	const JsonbValue *v = value->v;
	int			len = v->val.string.len;
	char	   *text;
	bool		flag;
	double		x;

	if (len == 0 || len > MAX_NUMBER)
		wrong_string(value);
	if (s->kind == AD_SRC_BOOL &&
		parse_bool_with_len(v->val.string.val, len, &flag))
		return flag ? 1 : 0;
	text = pnstrdup(v->val.string.val, len);

	if (strspn(text, "0123456789+-.eE") == (Size) len)
	{
		/* of money it would not be said what its units are */
		if (s->kind == AD_SRC_MONEY)
			wrong_string(value);
		return DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
												  input(numeric_in, value)));
	}
	if (pg_strcasecmp(text, "NaN") == 0)
		return NAN;
	if (pg_strcasecmp(text, "Infinity") == 0)
		return INFINITY;
	if (pg_strcasecmp(text, "-Infinity") == 0)
		return -INFINITY;
	if ((s->kind != AD_SRC_MONEY &&
		 !may_be_domain(&value->m->features[value->j])) ||
		!read_money(v, s->kind == AD_SRC_MONEY, &x))
		wrong_string(value);
	return x;
}

/* The value of a feature that is a number or a time. */
static double
read_number(AdSource *s, const JsonCell *value)
{
	const JsonbValue *v = value->v;
	double		x;
	bool		is_date;
	Datum		d;

	if (s->class == AD_CLASS_NUMBER)
	{
		if (v->type == jbvBool)
			return v->val.boolean ? 1 : 0;
		if (v->type == jbvNumeric)
			x = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
												   NumericGetDatum(v->val.numeric)));
		else if (v->type == jbvString)
			x = number_in_string(s, value);
		else
			wrong_kind(value);
		return s->kind == AD_SRC_FLOAT4 ? (float4) x : x;
	}
	if (v->type != jbvString)
		wrong_kind(value);
	if (s->class == AD_CLASS_INTERVAL)
		return ad_source_number(s, read_interval(value));
	if (s->class == AD_CLASS_TIME)
	{
		if (!ad_iso_time(v->val.string.val, v->val.string.len, &d))
			wrong_string(value);
		return ad_source_number(s, d);
	}
	if (!ad_iso_timestamp(v->val.string.val, v->val.string.len, &is_date, &d))
		wrong_string(value);
	s->kind = is_date ? AD_SRC_DATE : AD_SRC_TIMESTAMP;
	return ad_source_number(s, d);
}

/* The value of a feature that is a category. */
static AdCategory
read_category(AdSource *s, const JsonCell *value)
{
	const JsonbValue *v = value->v;
	const AdDict *dict = &value->m->features[value->j].dict;
	AdCategory	c;
	Datum		d;

	if (v->type != jbvString && !(v->type == jbvNumeric && s->kind == AD_SRC_OID))
		wrong_kind(value);
	switch (s->kind)
	{
		case AD_SRC_UUID:
			d = input(uuid_in, value);
			break;
		case AD_SRC_INET:
			d = input(inet_in, value);
			break;
		case AD_SRC_CIDR:
			d = input(cidr_in, value);
			break;
		case AD_SRC_OID:
			if (v->type == jbvNumeric)
			{
				c.s = DatumGetCString(DirectFunctionCall1(numeric_out,
														  NumericGetDatum(v->val.numeric)));
				c.len = (int) strlen(c.s);
				return c;
			}
			d = input(oidin, value);
			break;
		default:
			d = PointerGetDatum(cstring_to_text_with_len(v->val.string.val,
														 v->val.string.len));
	}
	c = ad_source_category(s, d);
	/* a domain may be over char(n), whose blanks are of no account */
	if (c.len > 0 && c.s[c.len - 1] == ' ' &&
		may_be_domain(&value->m->features[value->j]) &&
		ad_dict_find(dict, c.s, c.len) < 0)
		while (c.len > 0 && c.s[c.len - 1] == ' ')
			c.len--;
	return c;
}

/* Be ready for rows that are JSON. */
void
ad_json_init(AdArgs *a, int first, MemoryContext mcxt)
{
	memset(a, 0, sizeof(*a));
	a->mcxt = mcxt;
	a->first = first;
	a->form = AD_FORM_JSON;
}

/* Be ready for rows for a model: features of the names and types that it has. */
void
ad_json_match(AdArgs *a, const AdModel *m)
{
	MemoryContext old;

	if (a->row_mcxt == NULL)
		a->row_mcxt = AllocSetContextCreate(a->mcxt, "anomaly JSON row",
											ALLOCSET_DEFAULT_SIZES);
	MemoryContextReset(a->row_mcxt);
	for (int j = 0; j < m->nfeatures; j++)
		ad_args_check_names(m, j);
	ad_args_allocate(a, m->nfeatures, a->row_mcxt);
	old = MemoryContextSwitchTo(a->row_mcxt);
	a->sources = palloc0(m->nfeatures * sizeof(AdSource));
	a->attribute = palloc0(m->nfeatures * sizeof(int));
	MemoryContextSwitchTo(old);
	a->numbers_only = true;
	for (int j = 0; j < m->nfeatures; j++)
	{
		AdSource   *s = &a->sources[j];

		(void) ad_source_init(s, type_of(&m->features[j]), a->row_mcxt);
		if (s->class != m->features[j].class)
			(void) ad_source_init(s, m->features[j].class == AD_CLASS_CATEGORY ?
								  TEXTOID : NUMERICOID, a->row_mcxt);
		s->class = m->features[j].class;
		a->attribute[j] = (int) strlen(m->features[j].name);
		if (s->class == AD_CLASS_CATEGORY)
			a->numbers_only = false;
	}
}

/* The row in an argument. */
static JsonbContainer *
row_of(FunctionCallInfo fcinfo, int arg)
{
	Jsonb	   *row = PG_GETARG_JSONB_P(arg);

	if (!JB_ROOT_IS_OBJECT(row))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("row is a JSON %s, must be an object",
						JB_ROOT_IS_SCALAR(row) ? "scalar" : "array")));
	return &row->root;
}

/* Read the keys of an object that are features; false for a NULL row. */
bool
ad_json_next(AdArgs *a, FunctionCallInfo fcinfo, const AdModel *m)
{
	JsonbContainer *row;

	if (PG_ARGISNULL(a->first))
		return false;
	row = row_of(fcinfo, a->first);
	for (int j = 0; j < m->nfeatures; j++)
	{
		JsonbValue	buf;
		JsonCell	value = {m, j, &buf};

		if (getKeyJsonValueFromContainer(row, m->features[j].name,
										 a->attribute[j], &buf) == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("row has no key \"%s\", which the model expects",
							m->features[j].name)));
		if (a->sources[j].class == AD_CLASS_CATEGORY)
		{
			a->x[j] = 0;
			a->category[j].s = NULL;
			if (buf.type != jbvNull)
				a->category[j] = read_category(&a->sources[j], &value);
		}
		else
			a->x[j] = buf.type == jbvNull ? NAN :
				read_number(&a->sources[j], &value);
	}
	return true;
}

/* The value of a key that names the entity of a row, and its type. */
NullableDatum
ad_json_entity(FunctionCallInfo fcinfo, int arg, const char *name, Oid *type)
{
	JsonbValue	buf;
	NullableDatum result = {0, false};

	*type = InvalidOid;
	if (getKeyJsonValueFromContainer(row_of(fcinfo, arg), name,
									 (int) strlen(name), &buf) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("row has no key \"%s\", which names the entity",
						name)));
	switch (buf.type)
	{
		case jbvNull:
			result.isnull = true;
			break;
		case jbvString:
			*type = TEXTOID;
			result.value = PointerGetDatum(cstring_to_text_with_len(buf.val.string.val,
																	buf.val.string.len));
			break;
		case jbvNumeric:
			*type = NUMERICOID;
			result.value = NumericGetDatum(buf.val.numeric);
			break;
		case jbvBool:
			*type = BOOLOID;
			result.value = BoolGetDatum(buf.val.boolean);
			break;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("key \"%s\" of the row is a JSON %s, which cannot name entities",
							name, kind_of(&buf))));
	}
	return result;
}
