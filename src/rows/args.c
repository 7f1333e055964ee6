/*-------------------------------------------------------------------------
 *
 * args.c
 *		Feature arguments as columns, an array or a row; a packed row is in
 *		args_packed.c.
 *
 * Types are resolved once a call site; a row then costs a switch and a
 * conversion for each feature, and no allocation but for what detoasting a
 * value takes.  With a model, the features are those the model expects: by
 * position, or in the row form by name.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_compat.h"
#include "rows/ad_args.h"

#include "access/htup_details.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "parser/parse_coerce.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

/* The one error for a type that cannot be a feature. */
static void
unsupported_type(int position, const char *name, Oid type)
{
	Oid			base = getBaseType(type);
	bool		array = OidIsValid(get_element_type(base));
	bool		row = base == RECORDOID ||
		get_typtype(base) == TYPTYPE_COMPOSITE;

	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 name[0] ?
			 errmsg("feature %d (\"%s\") is of type %s, which is not supported",
					position, name, format_type_be(type)) :
			 errmsg("feature %d is of type %s, which is not supported",
					position, format_type_be(type)),
			 errdetail("A feature is a number, boolean, date, time, timestamp, interval, string, enum, uuid, oid, inet or cidr."),
			 array ? errhint("An array must be of numbers and the only feature argument.") :
			 row || ad_args_is_packed(base) ?
			 errhint("A row must be the only feature argument.") :
			 position == 1 && !name[0] && (base == JSONBOID || base == JSONOID) ?
			 errhint("Cast it to one of these types. A row that is a JSON object is scored by ad_score_row() and explained by ad_explain_row().") :
			 errhint("Cast it to one of these types.")));
}

/*
 * Whether the function of a cast may run although nobody wrote the cast: it
 * must be of a role that has the rights of the current user anyway, as a
 * superuser has, whose extensions' casts are.
 */
static bool
is_trusted(Oid function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	owner = ((Form_pg_proc) GETSTRUCT(tuple))->proowner;
	ReleaseSysCache(tuple);
	return has_privs_of_role(owner, GetUserId()) &&
		ad_proc_aclcheck(function, GetUserId()) == ACLCHECK_OK;
}

/*
 * Resolve one argument that is no row: an array, or of a type that can be
 * nothing else and has a cast to one?
 */
static bool
init_array(AdArgs *a, Oid type)
{
	static const Oid targets[] = {FLOAT8ARRAYOID, FLOAT4ARRAYOID};
	Oid			base = getBaseType(type);
	Oid			element = get_element_type(base);

	if (!OidIsValid(element))
	{
		AdSource	plain;

		if (ad_source_init(&plain, base, a->mcxt))
			return false;
		for (int i = 0; i < (int) lengthof(targets); i++)
		{
			Oid			function;

			if (find_coercion_pathway(targets[i], base, COERCION_EXPLICIT,
									  &function) == COERCION_PATH_FUNC &&
				is_trusted(function))
			{
				fmgr_info_cxt(function, &a->cast, a->mcxt);
				a->cast_nargs = get_func_nargs(function);
				a->has_cast = true;
				element = get_element_type(targets[i]);
				break;
			}
		}
		if (!a->has_cast)
			return false;
	}
	a->sources = MemoryContextAllocZero(a->mcxt, sizeof(AdSource));
	if (!ad_source_init(&a->sources[0], element, a->mcxt) ||
		a->sources[0].class != AD_CLASS_NUMBER)
		return false;
	a->form = AD_FORM_ARRAY;
	a->element = element;
	get_typlenbyvalalign(element, &a->typlen, &a->typbyval, &a->typalign);
	a->numbers_only = true;
	return true;
}

/* Resolve the arguments from "first" on by their types. */
void
ad_args_init(AdArgs *a, FunctionCallInfo fcinfo, int first,
			 MemoryContext mcxt)
{
	int			n = PG_NARGS() - first;

	memset(a, 0, sizeof(*a));
	a->mcxt = mcxt;
	a->first = first;
	if (n < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("no features are given")));

	if (n == 1)
	{
		Oid			type = get_fn_expr_argtype(fcinfo->flinfo, first);

		if (!OidIsValid(type))
			elog(ERROR, "could not determine the type of argument %d", first);
		if (type == RECORDOID || get_typtype(getBaseType(type)) == TYPTYPE_COMPOSITE)
		{
			a->form = AD_FORM_ROW;
			return;				/* the attributes come with the first row */
		}
		if (ad_args_is_packed(getBaseType(type)))
		{
			a->form = AD_FORM_PACKED;
			return;				/* its description comes with the first row */
		}
		if (init_array(a, type))
			return;
	}

	a->form = AD_FORM_COLUMNS;
	a->numbers_only = true;
	a->float8_only = true;
	ad_args_allocate(a, n, a->mcxt);
	a->sources = MemoryContextAllocZero(mcxt, n * sizeof(AdSource));
	a->names = MemoryContextAllocZero(mcxt, n * sizeof(char *));
	for (int j = 0; j < n; j++)
	{
		Oid			type = get_fn_expr_argtype(fcinfo->flinfo, first + j);

		if (!OidIsValid(type))
			elog(ERROR, "could not determine the type of argument %d",
				 first + j);
		if (!ad_source_init(&a->sources[j], type, mcxt))
			unsupported_type(j + 1, "", type);
		if (a->sources[j].class == AD_CLASS_CATEGORY)
			a->numbers_only = false;
		if (a->sources[j].kind != AD_SRC_FLOAT8)
			a->float8_only = false;
		a->names[j] = "";
	}
}

/*
 * Match columns to a model: number and classes, by position.  To be called
 * when the model changes; rows and arrays are matched as they come.
 */
void
ad_args_match(AdArgs *a, const AdModel *m)
{
	if (a->form == AD_FORM_ROW)
	{
		a->row_type = InvalidOid;	/* map again */
		return;
	}
	if (a->form == AD_FORM_PACKED)
	{
		a->head = NULL;
		return;
	}
	if (a->form == AD_FORM_JSON)
	{
		ad_json_match(a, m);
		return;
	}
	if (a->form == AD_FORM_ARRAY)
	{
		if (a->nfeatures == 0)
			ad_args_allocate(a, m->nfeatures, a->mcxt);
		else if (a->nfeatures != m->nfeatures)
		{
			pfree(a->x);
			pfree(a->category);
			ad_args_allocate(a, m->nfeatures, a->mcxt);
		}
		for (int j = 0; j < m->nfeatures; j++)
			ad_args_check_class(m, &a->sources[0], j);
		return;
	}
	if (a->nfeatures != m->nfeatures)
		ad_args_wrong_number(m, a->nfeatures);
	a->numbers_only = true;
	for (int j = 0; j < m->nfeatures; j++)
	{
		ad_args_check_class(m, &a->sources[j], j);
		if (a->sources[j].class == AD_CLASS_CATEGORY)
			a->numbers_only = false;
	}
}

/* Raise an error for a name that a row has twice. */
static void
ambiguous_attribute(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_DUPLICATE_COLUMN),
			 errmsg("row has two attributes \"%s\"", name),
			 errhint("Name them with AS.")));
}

/* Raise an error unless all attributes of a row have names of their own. */
static void
check_attributes(TupleDesc desc)
{
	for (int i = 0; i < desc->natts; i++)
	{
		const char *name = NameStr(TupleDescAttr(desc, i)->attname);

		CHECK_FOR_INTERRUPTS();
		if (TupleDescAttr(desc, i)->attisdropped)
			continue;
		for (int k = 0; k < i; k++)
			if (!TupleDescAttr(desc, k)->attisdropped &&
				strcmp(NameStr(TupleDescAttr(desc, k)->attname), name) == 0)
				ambiguous_attribute(name);
	}
}

/* Whether all attributes are called as ROW() calls them, f1 and so on. */
static bool
is_row_constructor(TupleDesc desc)
{
	char		name[NAMEDATALEN];

	if (desc->tdtypeid != RECORDOID || desc->natts == 0)
		return false;
	for (int i = 0; i < desc->natts; i++)
	{
		snprintf(name, sizeof(name), "f%d", i + 1);
		if (strcmp(NameStr(TupleDescAttr(desc, i)->attname), name) != 0)
			return false;
	}
	return true;
}

/*
 * Find the one attribute of a name; an error if there is none, or another.
 * Attributes that no model asks for may share their names.
 */
static int
find_attribute(TupleDesc desc, const char *name)
{
	int			found = -1;

	for (int i = 0; i < desc->natts; i++)
	{
		if (TupleDescAttr(desc, i)->attisdropped ||
			strcmp(NameStr(TupleDescAttr(desc, i)->attname), name) != 0)
			continue;
		if (found >= 0)
			ambiguous_attribute(name);
		found = i;
	}
	if (found < 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("row has no attribute \"%s\", which the model expects",
						name),
				 is_row_constructor(desc) ?
				 errhint("ROW() gives its values no names. Pass them as arguments, in the order of the features, or cast the row to a type that has names.") : 0));
	return found;
}

/*
 * Resolve the attributes of a row: all of them for a fit, those that the
 * model names for a score.  A score does so again whenever the model or the
 * type of the row changes, which may be at every row of a join, so what is
 * resolved then has a context of its own.
 */
static void
init_row(AdArgs *a, HeapTupleHeader row, const AdModel *m)
{
	MemoryContext mcxt;
	MemoryContext old;
	TupleDesc	desc;
	int			n = 0;

	a->row_type = HeapTupleHeaderGetTypeId(row);
	a->row_typmod = HeapTupleHeaderGetTypMod(row);
	desc = lookup_rowtype_tupdesc(a->row_type, a->row_typmod);
	if (m && a->row_mcxt == NULL)
		a->row_mcxt = AllocSetContextCreate(a->mcxt, "anomaly row type",
											ALLOCSET_DEFAULT_SIZES);
	if (m)
		MemoryContextReset(a->row_mcxt);
	mcxt = m ? a->row_mcxt : a->mcxt;
	old = MemoryContextSwitchTo(mcxt);
	a->desc = CreateTupleDescCopy(desc);
	ReleaseTupleDesc(desc);
	desc = a->desc;

	for (int i = 0; i < desc->natts; i++)
		if (!TupleDescAttr(desc, i)->attisdropped)
			n++;
	if (m)
		n = m->nfeatures;
	else
		check_attributes(desc);
	ad_args_allocate(a, n, mcxt);
	a->sources = palloc0(n * sizeof(AdSource));
	a->names = palloc0(n * sizeof(char *));
	a->attribute = palloc0(n * sizeof(int));
	a->values = palloc0(desc->natts * sizeof(Datum));
	a->nulls = palloc0(desc->natts * sizeof(bool));
	a->numbers_only = true;

	n = 0;
	for (int j = 0; j < (m ? m->nfeatures : desc->natts); j++)
	{
		Form_pg_attribute att = NULL;
		int			i = j;

		if (m)
		{
			ad_args_check_names(m, j);
			i = find_attribute(desc, m->features[j].name);
		}
		att = TupleDescAttr(desc, i);
		if (att->attisdropped)
			continue;
		if (!ad_source_init(&a->sources[n], att->atttypid, mcxt))
			unsupported_type(n + 1, NameStr(att->attname), att->atttypid);
		if (m)
			ad_args_check_class(m, &a->sources[n], j);
		if (a->sources[n].class == AD_CLASS_CATEGORY)
			a->numbers_only = false;
		a->names[n] = pstrdup(NameStr(att->attname));
		a->attribute[n] = i;
		n++;
	}
	MemoryContextSwitchTo(old);
}

/* Put one value where it belongs. */
static inline void
set_feature(AdArgs *a, int j, AdSource *s, Datum value, bool isnull)
{
	if (likely(s->class != AD_CLASS_CATEGORY))
		a->x[j] = isnull ? NAN : ad_source_number(s, value);
	else
	{
		a->x[j] = 0;
		if (isnull)
			a->category[j].s = NULL;
		else
			a->category[j] = ad_source_category(s, value);
	}
}

/*
 * Cast a value that has to be an array, unless that has been done.  The cast may
 * run anybody's code; nothing else that reads a row does.
 */
void
ad_args_cast(AdArgs *a, FunctionCallInfo fcinfo)
{
	Datum		value;

	if (!a->has_cast || a->is_cast || PG_ARGISNULL(a->first))
		return;
	value = PG_GETARG_DATUM(a->first);
	if (a->cast_nargs == 1)
		value = FunctionCall1(&a->cast, value);
	else if (a->cast_nargs == 2)
		value = FunctionCall2(&a->cast, value, Int32GetDatum(-1));
	else
		value = FunctionCall3(&a->cast, value, Int32GetDatum(-1),
							  BoolGetDatum(true));
	a->cast_value = value;
	a->is_cast = true;
}

/*
 * Whether the next array or row can be seen to fit a model that the arguments
 * are matched to, so that reading it raises no error; false: it may, or may
 * not.
 */
bool
ad_args_will_fit(const AdArgs *a, FunctionCallInfo fcinfo, const AdModel *m)
{
	const struct varlena *value;
	int32		head[4];

	Assert(a->form != AD_FORM_COLUMNS);
	if (a->has_cast || PG_ARGISNULL(a->first))
		return false;
	if (a->form == AD_FORM_PACKED)
		return ad_args_packed_fits(a, PG_GETARG_DATUM(a->first));
	value = (const struct varlena *) DatumGetPointer(PG_GETARG_DATUM(a->first));
	if (a->form == AD_FORM_ROW)
	{
		HeapTupleHeader row = (HeapTupleHeader) value;

		return VARATT_IS_4B_U(value) &&
			HeapTupleHeaderGetTypeId(row) == a->row_type &&
			HeapTupleHeaderGetTypMod(row) == a->row_typmod;
	}
	/* of an array, whatever its header: dimensions, flags, type, length */
	if (!(VARATT_IS_4B_U(value) ||
		  (VARATT_IS_1B(value) && !VARATT_IS_1B_E(value))) ||
		VARSIZE_ANY_EXHDR(value) < sizeof(head))
		return false;
	memcpy(head, VARDATA_ANY(value), sizeof(head));
	return head[0] == 1 && head[3] == m->nfeatures;
}

/* Read the elements of an array into x; false for a NULL array. */
static bool
next_array(AdArgs *a, FunctionCallInfo fcinfo, const AdModel *m)
{
	Datum		value;
	ArrayType  *array;
	int			n;

	if (PG_ARGISNULL(a->first))
		return false;
	ad_args_cast(a, fcinfo);
	value = a->has_cast ? a->cast_value : PG_GETARG_DATUM(a->first);
	a->is_cast = false;
	array = DatumGetArrayTypeP(value);
	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("array of features has %d dimensions, must have 1",
						ARR_NDIM(array))));
	n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	if (m && n != m->nfeatures)
		ad_args_wrong_number(m, n);
	if (a->nfeatures == 0)
	{
		ad_args_allocate(a, n, a->mcxt);
		a->names = MemoryContextAllocZero(a->mcxt, n * sizeof(char *));
		for (int j = 0; j < n; j++)
			a->names[j] = "";
	}
	else if (n != a->nfeatures)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("array of features has %d elements, others have %d",
						n, a->nfeatures)));

	if (a->element == FLOAT8OID && !ARR_HASNULL(array))
		memcpy(a->x, ARR_DATA_PTR(array), n * sizeof(double));
	else if (a->element == FLOAT4OID && !ARR_HASNULL(array))
	{
		const float4 *from = (const float4 *) ARR_DATA_PTR(array);

		for (int j = 0; j < n; j++)
			a->x[j] = from[j];
	}
	else
	{
		Datum	   *values;
		bool	   *nulls;

		deconstruct_array(array, a->element, a->typlen, a->typbyval,
						  a->typalign, &values, &nulls, &n);
		for (int j = 0; j < n; j++)
			set_feature(a, j, &a->sources[0], values[j], nulls[j]);
	}
	return true;
}

/* Read the attributes of a row; false for a NULL row. */
static bool
next_row(AdArgs *a, FunctionCallInfo fcinfo, const AdModel *m)
{
	HeapTupleHeader row;
	HeapTupleData tuple;

	if (PG_ARGISNULL(a->first))
		return false;
	row = PG_GETARG_HEAPTUPLEHEADER(a->first);
	if (HeapTupleHeaderGetTypeId(row) != a->row_type ||
		HeapTupleHeaderGetTypMod(row) != a->row_typmod)
	{
		if (OidIsValid(a->row_type) && m == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("rows of different types cannot be fitted together")));
		init_row(a, row, m);
	}
	tuple.t_len = HeapTupleHeaderGetDatumLength(row);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = row;
	heap_deform_tuple(&tuple, a->desc, a->values, a->nulls);
	for (int j = 0; j < a->nfeatures; j++)
		set_feature(a, j, &a->sources[j], a->values[a->attribute[j]],
					a->nulls[a->attribute[j]]);
	return true;
}

/* The same where not all features are columns of float8. */
bool
ad_args_next_mixed(AdArgs *a, FunctionCallInfo fcinfo, const AdModel *m)
{
	switch (a->form)
	{
		case AD_FORM_ARRAY:
			return next_array(a, fcinfo, m);
		case AD_FORM_ROW:
			return next_row(a, fcinfo, m);
		case AD_FORM_PACKED:
			if (PG_ARGISNULL(a->first))
				return false;
			ad_args_next_packed(a, PG_GETARG_DATUM(a->first), m);
			return true;
		case AD_FORM_JSON:
			return ad_json_next(a, fcinfo, m);
		case AD_FORM_COLUMNS:
			break;
	}
	for (int j = 0; j < a->nfeatures; j++)
		set_feature(a, j, &a->sources[j],
					fcinfo->args[a->first + j].value,
					fcinfo->args[a->first + j].isnull);
	return true;
}

/* The features as a sketch wants them, in the current context. */
AdFeature *
ad_args_features(const AdArgs *a)
{
	AdFeature  *features = ad_palloc_array(AdFeature, a->nfeatures);

	for (int j = 0; j < a->nfeatures; j++)
	{
		const AdSource *s = &a->sources[a->form == AD_FORM_ARRAY ? 0 : j];

		features[j].name = a->names[j];
		features[j].type = s->name;
		features[j].class = s->class;
	}
	return features;
}
