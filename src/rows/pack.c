/*-------------------------------------------------------------------------
 *
 * pack.c
 *		ad_row(): fields as one packed row.
 *
 * Names come first, as an array of text, or from the one row that is given.
 * One function takes both forms, told apart by the type of its first argument,
 * which is text[] in no list of features: with two functions a call that
 * begins with a literal would be ambiguous.
 *
 * What does not change between the rows of a call site is written once: a row
 * then costs its values and one allocation.
 *
 *-------------------------------------------------------------------------
 */
#include "rows/ad_args.h"
#include "rows/ad_packed.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "nodes/primnodes.h"
#include "nodes/supportnodes.h"
#include "utils/array.h"
#include "utils/lsyscache.h"

PG_FUNCTION_INFO_V1(ad_row);
PG_FUNCTION_INFO_V1(ad_row_support);

/* A call site. */
typedef struct RowCall
{
	AdArgs		args;
	MemoryContext args_mcxt;	/* of them */
	bool		takes_names;	/* argument 0 is the names */
	ArrayType  *names;			/* those of the last row */
	MemoryContext mcxt;			/* of what follows, while they stay */
	int			nfields;		/* 0: the description is not written */
	bool	   *is_string;		/* per field */
	AdPackedKind *kind;			/* per field */
	AdCategory *category;		/* per field: the row's */
	uint64	   *slot;			/* per field: the row's */
	StringInfoData head;		/* the description */
} RowCall;

/* Raise an error for a name of a field that cannot be one. */
static void
check_name(const char *name, Size len, int position)
{
	if (len == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("name %d of a row is empty", position)));
	if (len > AD_MAX_NAME)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("name %d of a row (\"%s\") has %zu bytes, allowed are %d",
						position, ad_quote_clip_len(name, len), len,
						AD_MAX_NAME)));
}

/* The names in an array, n of them; each is one, and its own. */
static char **
read_names(ArrayType *array, int n)
{
	Datum	   *values;
	bool	   *nulls;
	char	  **names;
	int			given;

	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("array of names has %d dimensions, must have 1",
						ARR_NDIM(array))));
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT,
					  &values, &nulls, &given);
	if (given != n)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("number of names of a row is %d, but it has %d fields",
						given, n)));
	names = ad_palloc_array(char *, n);
	for (int j = 0; j < n; j++)
	{
		text	   *name;

		CHECK_FOR_INTERRUPTS();
		if (nulls[j])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("name %d of a row is NULL", j + 1)));
		name = DatumGetTextPP(values[j]);
		check_name(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name), j + 1);
		names[j] = pnstrdup(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));
		for (int k = 0; k < j; k++)
			if (strcmp(names[k], names[j]) == 0)
				ereport(ERROR,
						(errcode(ERRCODE_DUPLICATE_COLUMN),
						 errmsg("row has two names \"%s\"", names[j])));
	}
	return names;
}

/* How the values of a source are stored. */
static AdPackedKind
kind_of(const AdSource *s)
{
	switch (s->kind)
	{
		case AD_SRC_INT2:
		case AD_SRC_INT4:
		case AD_SRC_INT8:
		case AD_SRC_MONEY:
			return AD_PACKED_WHOLE;
		case AD_SRC_UNKNOWN:
			return AD_PACKED_UNTYPED;
		default:
			return s->class == AD_CLASS_CATEGORY ? AD_PACKED_CATEGORY :
				AD_PACKED_NUMBER;
	}
}

/* The source of a field. */
static inline AdSource *
source_of(AdArgs *a, int field)
{
	return &a->sources[a->form == AD_FORM_ARRAY ? 0 : field];
}

/* Write what the rows of a call site have in common. */
static void
describe(FunctionCallInfo fcinfo, RowCall *call)
{
	AdArgs	   *a = &call->args;
	AdPackedHead head;
	MemoryContext old;
	char	  **names = a->names;

	if (call->mcxt == NULL)
		call->mcxt = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt,
										   "anomaly packed row",
										   ALLOCSET_SMALL_SIZES);
	call->nfields = 0;
	MemoryContextReset(call->mcxt);
	old = MemoryContextSwitchTo(call->mcxt);
	if (call->takes_names)
	{
		call->names = PG_GETARG_ARRAYTYPE_P_COPY(0);
		names = read_names(call->names, a->nfeatures);
	}
	head.has_names = call->takes_names || a->form == AD_FORM_ROW;
	head.nfields = a->nfeatures;
	head.fields = ad_palloc_array(AdPackedField, head.nfields);
	call->kind = ad_palloc_array(AdPackedKind, head.nfields);
	call->is_string = ad_palloc_array(bool, head.nfields);
	for (int j = 0; j < head.nfields; j++)
	{
		AdPackedField *f = &head.fields[j];
		AdSource   *s = source_of(a, j);

		/* of an array, its elements are numbers by now */
		f->kind = a->form == AD_FORM_ARRAY ? AD_PACKED_NUMBER : kind_of(s);
		f->feature.class = s->class;
		f->feature.type = s->name;
		f->feature.name = names[j];
		call->kind[j] = f->kind;
		call->is_string[j] = f->kind == AD_PACKED_CATEGORY ||
			f->kind == AD_PACKED_UNTYPED;
	}
	initStringInfo(&call->head);
	ad_packed_write_head(&call->head, &head);
	call->category = ad_palloc0_array(AdCategory, head.nfields);
	call->slot = ad_palloc0_array(uint64, head.nfields);
	MemoryContextSwitchTo(old);
	call->nfields = head.nfields;
}

/* Whether the names are those of the row before. */
static bool
same_names(FunctionCallInfo fcinfo, const RowCall *call)
{
	const struct varlena *given;

	if (!call->takes_names)
		return true;
	given = PG_GETARG_RAW_VARLENA_P(0);
	return VARATT_IS_4B_U(given) && VARSIZE(given) == VARSIZE(call->names) &&
		memcmp(given, call->names, VARSIZE(given)) == 0;
}

/* A new call site. */
static RowCall *
create_call(FunctionCallInfo fcinfo)
{
	MemoryContext mcxt = fcinfo->flinfo->fn_mcxt;
	RowCall    *call = MemoryContextAllocZero(mcxt, sizeof(RowCall));
	Oid			type;

	if (PG_NARGS() > 0)
	{
		type = get_fn_expr_argtype(fcinfo->flinfo, 0);
		call->takes_names = OidIsValid(type) &&
			getBaseType(type) == TEXTARRAYOID;
	}
	if (call->takes_names && PG_NARGS() == 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("no fields are given after the names of a row")));
	call->args_mcxt = AllocSetContextCreate(mcxt, "anomaly arguments",
											ALLOCSET_SMALL_SIZES);
	ad_args_init(&call->args, fcinfo, call->takes_names ? 1 : 0,
				 call->args_mcxt);
	if (call->args.form == AD_FORM_PACKED)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("row is packed already")));
	fcinfo->flinfo->fn_extra = call;
	return call;
}

/* Forget the type of the rows of a call site if this one is of another. */
static void
check_row_type(FunctionCallInfo fcinfo, RowCall *call)
{
	AdArgs	   *a = &call->args;
	int			first = a->first;
	HeapTupleHeader row;

	if (!OidIsValid(a->row_type) || PG_ARGISNULL(first))
		return;
	row = PG_GETARG_HEAPTUPLEHEADER(first);
	if (HeapTupleHeaderGetTypeId(row) == a->row_type &&
		HeapTupleHeaderGetTypMod(row) == a->row_typmod)
		return;
	call->nfields = 0;
	MemoryContextReset(call->args_mcxt);
	ad_args_init(a, fcinfo, first, call->args_mcxt);
}

/* The bits of a number. */
static inline uint64
bits_of(double number)
{
	uint64		bits;

	memcpy(&bits, &number, sizeof(bits));
	return bits;
}

/* Read the value of a field that has one into slot or category. */
static inline void
set_field(RowCall *call, int j, AdSource *s, Datum value)
{
	switch (s->kind)
	{
		case AD_SRC_INT2:
			call->slot[j] = (uint64) (int64) DatumGetInt16(value);
			return;
		case AD_SRC_INT4:
			call->slot[j] = (uint64) (int64) DatumGetInt32(value);
			return;
		case AD_SRC_INT8:
		case AD_SRC_MONEY:
			call->slot[j] = (uint64) DatumGetInt64(value);
			return;
		default:
			break;
	}
	if (s->class == AD_CLASS_CATEGORY)
		call->category[j] = ad_source_category(s, value);
	else
		call->slot[j] = bits_of(ad_source_number(s, value));
}

/* The bytes of a row, but for its strings. */
static inline bytea *
begin_row(RowCall *call, Size strings, uint8 **missing, uint8 **slots)
{
	int			n = call->nfields;
	Size		bits = ((Size) n + 7) / 8;
	Size		fixed = VARHDRSZ + call->head.len + bits + 8 * (Size) n;
	bytea	   *row = palloc(fixed + strings);

	SET_VARSIZE(row, fixed + strings);
	memcpy(VARDATA(row), call->head.data, call->head.len);
	*missing = (uint8 *) VARDATA(row) + call->head.len;
	memset(*missing, 0, bits);
	*slots = *missing + bits;
	return row;
}

/* Pack what set_field() read; null: per field, whether it is missing. */
static bytea *
pack(RowCall *call, const bool *null)
{
	int			n = call->nfields;
	Size		strings = 0;
	uint8	   *missing;
	uint8	   *slots;
	bytea	   *row;
	char	   *at;

	for (int j = 0; j < n; j++)
		if (call->is_string[j] && !null[j])
			strings += call->category[j].len;
	row = begin_row(call, strings, &missing, &slots);
	at = (char *) slots + 8 * (Size) n;
	strings = 0;
	for (int j = 0; j < n; j++)
	{
		uint64		slot = call->slot[j];

		if (null[j])
		{
			missing[j >> 3] |= 1 << (j & 7);
			slot = call->kind[j] == AD_PACKED_NUMBER ? bits_of(NAN) : 0;
		}
		else if (call->is_string[j])
		{
			AdCategory	c = call->category[j];

			slot = (uint64) strings << 32 | (uint32) c.len;
			memcpy(at + strings, c.s, c.len);
			strings += c.len;
		}
		ad_packed_write_slot(slots + 8 * (Size) j, slot);
	}
	return row;
}

/*
 * ad_row([names text[],] VARIADIC "any") -> ad_row.  The fields are columns,
 * one array of numbers or one row; NULL in place of the array or row: NULL.
 */
Datum
ad_row(PG_FUNCTION_ARGS)
{
	RowCall    *call = fcinfo->flinfo->fn_extra;
	AdArgs	   *a;
	bool		few[64];
	bool	   *null = few;

	if (unlikely(call == NULL))
		call = create_call(fcinfo);
	a = &call->args;
	if (call->takes_names && PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("names of a row cannot be NULL")));
	if (a->form == AD_FORM_ROW)
		check_row_type(fcinfo, call);
	if (a->form != AD_FORM_COLUMNS && !ad_args_next(a, fcinfo, NULL))
		PG_RETURN_NULL();
	if (unlikely(call->nfields != a->nfeatures || !same_names(fcinfo, call)))
		describe(fcinfo, call);

	if (unlikely(call->nfields > (int) lengthof(few)))
		null = ad_palloc_array(bool, call->nfields);
	for (int j = 0; j < call->nfields; j++)
	{
		AdSource   *source = source_of(a, j);

		if (a->form == AD_FORM_ARRAY)
		{
			null[j] = isnan(a->x[j]);
			call->slot[j] = bits_of(a->x[j]);
			continue;
		}
		if (a->form == AD_FORM_ROW)
		{
			int			i = a->attribute[j];

			null[j] = a->nulls[i];
			if (!null[j])
				set_field(call, j, source, a->values[i]);
			continue;
		}
		null[j] = fcinfo->args[a->first + j].isnull;
		if (!null[j])
			set_field(call, j, source, fcinfo->args[a->first + j].value);
	}
	PG_RETURN_BYTEA_P(pack(call, null));
}

/*
 * What the planner is told of ad_row(): it has no collation.  A constant array
 * of names has one, which would be the call's; postgres_fdw sends no call whose
 * collation is that of a constant.
 */
Datum
ad_row_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);
	FuncExpr   *call;

	if (!IsA(request, SupportRequestSimplify))
		PG_RETURN_POINTER(NULL);
	call = ((SupportRequestSimplify *) request)->fcall;
	if (!OidIsValid(call->inputcollid))
		PG_RETURN_POINTER(NULL);
	call = copyObject(call);
	call->inputcollid = InvalidOid;
	PG_RETURN_POINTER(call);
}
