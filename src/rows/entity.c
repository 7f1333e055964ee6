/*-------------------------------------------------------------------------
 *
 * entity.c
 *		The name of an entity, from values of columns.
 *
 * An entity is told from others by a text, as it is kept in _ad_model_group:
 * the value of the column as its type writes it; of several columns an array of
 * those in JSON.  Only types are taken of which equal values are written alike,
 * in any session; a numeric is written without zeros at its end, a char(n)
 * without blanks.  A long text is shortened, and ends with its MD5.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_core.h"
#include "rows/ad_entity.h"
#include "sql/ad_text.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"

PG_FUNCTION_INFO_V1(ad_entity_of);

/* Whether values of a type can name entities. */
bool
ad_entity_type(Oid type)
{
	switch (getBaseType(type))
	{
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case NAMEOID:
		case CHAROID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case NUMERICOID:
		case OIDOID:
		case BOOLOID:
		case UUIDOID:
		case INETOID:
		case CIDROID:
			return true;
		default:
			return get_typtype(getBaseType(type)) == TYPTYPE_ENUM;
	}
}

/*
 * Be ready for values of a type.  Raises an error for one whose values cannot
 * name entities; "name" is the column's, or NULL.
 */
void
ad_entity_column(AdEntityColumn *c, Oid type, const char *name,
				 MemoryContext mcxt)
{
	Oid			out;
	bool		varlena;

	c->type = getBaseType(type);
	if (c->type == UNKNOWNOID)
		return;
	if (!ad_entity_type(type))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 name ? errmsg("column \"%s\" is of type %s, which cannot name entities",
							   name, format_type_be(type)) :
				 errmsg("entity is of type %s, which cannot name entities",
						format_type_be(type)),
				 errhint("Cast it to text.")));
	getTypeOutputInfo(c->type, &out, &varlena);
	fmgr_info_cxt(out, &c->out, mcxt);
}

/* The text of a value; *copy is to be freed, if it is not NULL. */
static const char *
text_of(AdEntityColumn *c, Datum value, int *len, void **copy)
{
	char	   *s;

	*copy = NULL;
	switch (c->type)
	{
		case UNKNOWNOID:
			s = DatumGetCString(value);
			*len = (int) strlen(s);
			return s;
		case NUMERICOID:
			value = DirectFunctionCall1(numeric_trim_scale, value);
			*copy = s = OutputFunctionCall(&c->out, value);
			*len = (int) strlen(s);
			return s;
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
			{
				text	   *t = DatumGetTextPP(value);

				if ((Pointer) t != DatumGetPointer(value))
					*copy = t;
				s = VARDATA_ANY(t);
				*len = (int) VARSIZE_ANY_EXHDR(t);
				while (c->type == BPCHAROID && *len > 0 && s[*len - 1] == ' ')
					(*len)--;
				return s;
			}
		default:
			*copy = s = OutputFunctionCall(&c->out, value);
			*len = (int) strlen(s);
			return s;
	}
}

/*
 * Write the name of an entity to a buffer.  False: one of the values is NULL, so
 * it has none.
 */
bool
ad_entity_name(AdEntityColumn *columns, int n, const NullableDatum *values,
			   StringInfo buf)
{
	resetStringInfo(buf);
	for (int i = 0; i < n; i++)
		if (values[i].isnull)
			return false;
	if (n > 1)
		appendStringInfoChar(buf, '[');
	for (int i = 0; i < n; i++)
	{
		int			len;
		void	   *copy;
		const char *s = text_of(&columns[i], values[i].value, &len, &copy);

		if (n == 1)
			appendBinaryStringInfo(buf, s, len);
		else
		{
			char	   *word = pnstrdup(s, len);

			if (i > 0)
				appendStringInfoString(buf, ", ");
			escape_json(buf, word);
			pfree(word);
		}
		if (copy)
			pfree(copy);
	}
	if (n > 1)
		appendStringInfoChar(buf, ']');
	if (unlikely(buf->len > AD_MAX_KEY))
	{
		char	   *cut = ad_short_key(buf->data, buf->len);

		resetStringInfo(buf);
		appendStringInfoString(buf, cut);
		pfree(cut);
	}
	return true;
}

/* What a call site of _ad_entity() keeps. */
typedef struct EntityCall
{
	AdEntityColumn columns[AD_MAX_GROUP_COLUMNS];
	StringInfoData buf;
} EntityCall;

/* _ad_entity(VARIADIC "any") -> text: the name of an entity, or NULL */
Datum
ad_entity_of(PG_FUNCTION_ARGS)
{
	EntityCall *call = fcinfo->flinfo->fn_extra;

	if (call == NULL)
	{
		MemoryContext mcxt = fcinfo->flinfo->fn_mcxt;
		MemoryContext old = MemoryContextSwitchTo(mcxt);

		if (PG_NARGS() > AD_MAX_GROUP_COLUMNS)
			elog(ERROR, "entity has %d columns", PG_NARGS());
		call = palloc0(sizeof(EntityCall));
		for (int i = 0; i < PG_NARGS(); i++)
			ad_entity_column(&call->columns[i],
							 get_fn_expr_argtype(fcinfo->flinfo, i), NULL, mcxt);
		initStringInfo(&call->buf);
		MemoryContextSwitchTo(old);
		fcinfo->flinfo->fn_extra = call;
	}
	if (!ad_entity_name(call->columns, PG_NARGS(), fcinfo->args, &call->buf))
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text_with_len(call->buf.data, call->buf.len));
}
