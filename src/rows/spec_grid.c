/*-------------------------------------------------------------------------
 *
 * spec_grid.c
 *		ad_grid: all combinations of values of a spec's options.
 *
 * A function of PostgreSQL cannot take arguments of any name, so it has one,
 * an array, for each option of each detector; its pg_proc row says their
 * names, as with the constructors (spec.c).  What else a spec has, and any
 * option, goes into a jsonb object.
 *
 * Each option with values is a dimension.  The last one changes fastest.
 *
 *-------------------------------------------------------------------------
 */
#include "rows/ad_spec_value.h"
#include "sql/ad_text.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#define MAX_GRID		1000	/* combinations */
#define MAX_GRID_SIZE	((Size) 16 * 1024 * 1024)	/* bytes of the specs */
#define FIRST_NAMED		2		/* after the spec and the object of options */

PG_FUNCTION_INFO_V1(ad_grid);

/* An option and the values it is to have. */
typedef struct Dimension
{
	const char *part;			/* of the spec, where the option is; or NULL */
	const char *name;
	JsonbValue *values;
	int			n;
} Dimension;

typedef struct Grid
{
	Dimension  *dimensions;
	int			n;
	int			capacity;
} Grid;

/* The specs so far, and what tells the same ones. */
typedef struct Specs
{
	Datum	   *specs;			/* jsonb */
	char	  **canonical;		/* text of each */
	uint32	   *hashes;			/* of the texts */
	int			n;
	Size		size;			/* bytes of the specs */
} Specs;

/* Add an option; the value is all its values, if it is an array. */
static void
add_dimension(Grid *grid, const char *part, const char *name,
			  const JsonbValue *value)
{
	Dimension  *d;

	for (int i = 0; i < grid->n; i++)
		if (strcmp(grid->dimensions[i].name, name) == 0 && part == NULL &&
			grid->dimensions[i].part == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("option \"%s\" of the grid is given twice", name),
					 errdetail("It is an argument, and a key of the options.")));
	if (grid->n == grid->capacity)
	{
		grid->capacity = Max(16, 2 * grid->capacity);
		grid->dimensions = grid->n == 0 ?
			ad_palloc_array(Dimension, grid->capacity) :
			repalloc(grid->dimensions,
					 ad_mul_size(grid->capacity, sizeof(Dimension)));
	}
	d = &grid->dimensions[grid->n++];
	d->part = part;
	d->name = name;
	d->n = 0;
	if (value->type == jbvBinary && JsonContainerIsArray(value->val.binary.data))
	{
		JsonbIterator *it = JsonbIteratorInit(value->val.binary.data);
		JsonbValue	element;
		JsonbIteratorToken token;

		d->values = ad_palloc_array(JsonbValue,
									Max(1, JsonContainerSize(value->val.binary.data)));
		while ((token = JsonbIteratorNext(&it, &element, true)) != WJB_DONE)
			if (token == WJB_ELEM)
				d->values[d->n++] = element;
	}
	else
	{
		d->values = ad_palloc_array(JsonbValue, 1);
		d->values[d->n++] = *value;
	}
	if (d->n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"%s\" of the grid has no value",
						ad_quote_clip(name))));
}

/* Whether an option of a grid is a part of the spec with options of its own. */
static bool
is_part(const char *name, const JsonbValue *value)
{
	return value->type == jbvBinary &&
		JsonContainerIsObject(value->val.binary.data) &&
		(strcmp(name, "prepare") == 0 || strcmp(name, "sampling") == 0 ||
		 strcmp(name, "calibrate") == 0);
}

/* Add the options of an object, in jsonb's order of its keys. */
static void
add_object(Grid *grid, const char *part, JsonbContainer *object)
{
	JsonbIterator *it = JsonbIteratorInit(object);
	JsonbValue	key;
	JsonbValue	value;
	JsonbIteratorToken token;

	while ((token = JsonbIteratorNext(&it, &key, true)) != WJB_DONE)
	{
		char	   *name;

		if (token != WJB_KEY)
			continue;
		(void) JsonbIteratorNext(&it, &value, true);
		name = pnstrdup(key.val.string.val, key.val.string.len);
		if (part == NULL && is_part(name, &value))
			add_object(grid, name, value.val.binary.data);
		else
			add_dimension(grid, part, name, &value);
	}
}

/* The elements of an array argument as a jsonb array. */
static JsonbValue
array_values(Datum value, const char *name)
{
	ArrayType  *array;
	Datum	   *elements;
	bool	   *nulls;
	int			n;
	int16		length;
	bool		by_value;
	char		align;
	StringInfoData json;
	Jsonb	   *jsonb;
	JsonbValue	result;

	ad_check_length(value, name, AD_MAX_OPTIONS_LENGTH);
	array = DatumGetArrayTypeP(value);
	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("\"%s\" must be an array of one dimension", name)));
	get_typlenbyvalalign(ARR_ELEMTYPE(array), &length, &by_value, &align);
	deconstruct_array(array, ARR_ELEMTYPE(array), length, by_value, align,
					  &elements, &nulls, &n);
	initStringInfo(&json);
	appendStringInfoChar(&json, '[');
	for (int i = 0; i < n; i++)
	{
		if (i > 0)
			appendStringInfoString(&json, ", ");
		if (nulls[i])
			appendStringInfoString(&json, "null");
		else
			ad_json_append(&json, ARR_ELEMTYPE(array), elements[i]);
	}
	appendStringInfoChar(&json, ']');
	jsonb = ad_jsonb_from_text(json.data);
	result.type = jbvBinary;
	result.val.binary.data = &jsonb->root;
	result.val.binary.len = (int) (VARSIZE(jsonb) - VARHDRSZ);
	return result;
}

/* Add the options that are arguments of their own. */
static void
add_arguments(Grid *grid, FunctionCallInfo fcinfo)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID,
										ObjectIdGetDatum(fcinfo->flinfo->fn_oid));
	Oid		   *types;
	char	  **names;
	char	   *modes;
	int			n;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u",
			 fcinfo->flinfo->fn_oid);
	n = get_func_arg_info(tuple, &types, &names, &modes);
	ReleaseSysCache(tuple);
	if (n != PG_NARGS() || names == NULL)
		elog(ERROR, "unexpected arguments of ad_grid");
	for (int i = FIRST_NAMED; i < n; i++)
		if (!PG_ARGISNULL(i))
		{
			JsonbValue	values = array_values(PG_GETARG_DATUM(i), names[i]);

			add_dimension(grid, NULL, names[i], &values);
		}
}

/* How many combinations a grid has, if they are not too many. */
static int
combinations(const Grid *grid)
{
	double		n = 1;

	for (int i = 0; i < grid->n; i++)
		n *= grid->dimensions[i].n;
	if (n > MAX_GRID)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("grid has %s specs, limit is %d",
						psprintf(n < 1e15 ? "%.0f" : "%g", n), MAX_GRID),
				 errhint("Give fewer values, or several grids one after the other.")));
	return (int) n;
}

/* An object of one member. */
static Datum
member_of(const char *name, JsonbValue *value)
{
	JsonbParseState *state = NULL;
	JsonbValue	key;
	JsonbValue *object;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	key.type = jbvString;
	key.val.string.val = (char *) name;
	key.val.string.len = (int) strlen(name);
	pushJsonbValue(&state, WJB_KEY, &key);
	pushJsonbValue(&state, WJB_VALUE, value);
	object = pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	return JsonbPGetDatum(JsonbValueToJsonb(object));
}

/* A spec with an option set. */
static Jsonb *
set_value(Jsonb *spec, const Dimension *d, int i)
{
	Datum		member = member_of(d->name, &d->values[i]);

	if (d->part)
	{
		JsonbValue	key;
		JsonbValue *part;
		JsonbValue	merged;
		Jsonb	   *object;

		key.type = jbvString;
		key.val.string.val = (char *) d->part;
		key.val.string.len = (int) strlen(d->part);
		part = findJsonbValueFromContainer(&spec->root, JB_FOBJECT, &key);
		if (part && part->type == jbvBinary)
			member = DirectFunctionCall2(jsonb_concat,
										 JsonbPGetDatum(JsonbValueToJsonb(part)),
										 member);
		object = DatumGetJsonbP(member);
		merged.type = jbvBinary;
		merged.val.binary.data = &object->root;
		merged.val.binary.len = (int) (VARSIZE(object) - VARHDRSZ);
		member = member_of(d->part, &merged);
	}
	return DatumGetJsonbP(DirectFunctionCall2(jsonb_concat,
											  JsonbPGetDatum(spec), member));
}

/* The spec at a place of the grid. */
static Jsonb *
spec_at(Jsonb *spec, const Grid *grid, int place)
{
	int			number = place;
	int		   *values = ad_palloc_array(int, Max(grid->n, 1));

	for (int i = grid->n - 1; i >= 0; i--)
	{
		values[i] = number % grid->dimensions[i].n;
		number /= grid->dimensions[i].n;
	}
	for (int i = 0; i < grid->n; i++)
		spec = set_value(spec, &grid->dimensions[i], values[i]);
	return spec;
}

/* Check a spec, and keep it unless the same was there; copied to mcxt. */
static void
keep(Specs *out, Jsonb *spec, MemoryContext mcxt)
{
	AdSpec		parsed;
	StringInfoData text;
	uint32		hash;
	MemoryContext old;

	ad_spec_parse(&spec->root, true, &parsed);
	initStringInfo(&text);
	ad_spec_print(&text, &parsed);
	hash = hash_bytes((const unsigned char *) text.data, text.len);
	for (int i = 0; i < out->n; i++)
		if (out->hashes[i] == hash && strcmp(out->canonical[i], text.data) == 0)
			return;
	out->size += VARSIZE(spec) + text.len;

	if (out->size > MAX_GRID_SIZE)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("specs of the grid take more than %d MB",
						(int) (MAX_GRID_SIZE / (1024 * 1024)))));
	old = MemoryContextSwitchTo(mcxt);
	out->specs[out->n] = PointerGetDatum(DatumGetJsonbPCopy(JsonbPGetDatum(spec)));
	out->canonical[out->n] = pstrdup(text.data);
	out->hashes[out->n] = hash;
	MemoryContextSwitchTo(old);
	out->n++;
}

/* All specs of a grid, checked, the same ones once; palloc'd. */
static ArrayType *
grid_specs(Jsonb *spec, const Grid *grid)
{
	MemoryContext mcxt = CurrentMemoryContext;
	MemoryContext scratch = AllocSetContextCreate(mcxt, "ad_grid",
												  ALLOCSET_DEFAULT_SIZES);
	int			n = combinations(grid);
	Specs		out = {0};

	out.specs = ad_palloc_array(Datum, n);
	out.canonical = ad_palloc_array(char *, n);
	out.hashes = ad_palloc_array(uint32, n);
	for (int i = 0; i < n; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(scratch);

		CHECK_FOR_INTERRUPTS();
		keep(&out, spec_at(spec, grid, i), mcxt);
		MemoryContextSwitchTo(old);
		MemoryContextReset(scratch);
	}
	MemoryContextDelete(scratch);
	return construct_array(out.specs, out.n, JSONBOID, -1, false,
						   TYPALIGN_INT);
}

/* ad_grid(spec jsonb, options jsonb, …) -> jsonb[], see the file's head. */
Datum
ad_grid(PG_FUNCTION_ARGS)
{
	Grid		grid = {0};
	Jsonb	   *spec;
	AdSpec		parsed;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("spec cannot be NULL")));
	spec = ad_jsonb_argument(PG_GETARG_DATUM(0), "spec");
	ad_spec_parse(&spec->root, true, &parsed);
	if (!PG_ARGISNULL(1))
	{
		Jsonb	   *options = ad_jsonb_argument(PG_GETARG_DATUM(1), "options");

		if (!JB_ROOT_IS_OBJECT(options))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("options of the grid must be a JSON object"),
					 errhint("Example: {\"trees\": [50, 100], \"prepare\": {\"scale\": [\"none\", \"robust\"]}}")));
		add_object(&grid, NULL, &options->root);
	}
	add_arguments(&grid, fcinfo);
	PG_RETURN_ARRAYTYPE_P(grid_specs(spec, &grid));
}
