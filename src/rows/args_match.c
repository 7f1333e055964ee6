/*-------------------------------------------------------------------------
 *
 * args_match.c
 *		What a model expects of features, in whichever form they come; and
 *		which types are ours.
 *
 *-------------------------------------------------------------------------
 */
#include "rows/ad_args.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/*
 * Whether the input of a type is that function of ours.  By name, which nobody
 * can use but who may create base types, a superuser.
 */
static bool
has_input(Oid type, const char *function)
{
	Oid			input;
	Oid			ioparam;
	HeapTuple	tuple;
	Form_pg_proc proc;
	Datum		source;
	bool		isnull;
	bool		same;

	if (type < FirstNormalObjectId || get_typtype(type) != TYPTYPE_BASE)
		return false;
	getTypeInputInfo(type, &input, &ioparam);
	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(input));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", input);
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	source = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosrc, &isnull);
	same = proc->prolang == ClanguageId && !isnull &&
		strcmp(TextDatumGetCString(source), function) == 0;
	ReleaseSysCache(tuple);
	return same;
}

/* Whether a type is ad_row. */
bool
ad_args_is_packed(Oid type)
{
	return has_input(type, "ad_row_in");
}

/* Whether a type is ad_sketch_state. */
bool
ad_args_is_sketch(Oid type)
{
	return has_input(type, "ad_sketch_state_in");
}

/* Room for a row of n features, in the given context. */
void
ad_args_allocate(AdArgs *a, int n, MemoryContext mcxt)
{
	if (n < 1 || n > AD_MAX_FEATURES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("number of features is %d, allowed are 1 to %d",
						n, AD_MAX_FEATURES)));
	a->nfeatures = n;
	a->x = MemoryContextAllocZero(mcxt, n * sizeof(double));
	a->category = MemoryContextAllocZero(mcxt, n * sizeof(AdCategory));
}

/* Raise an error unless a source can be feature j of the model. */
void
ad_args_check_class(const AdModel *m, AdSource *s, int j)
{
	const AdModelFeature *f = &m->features[j];

	if (s->class == f->class)
		return;
	/* an untyped NULL fits anything; any other untyped value is an error */
	if (s->kind == AD_SRC_UNKNOWN)
	{
		s->class = f->class;
		return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 f->name[0] ?
			 errmsg("feature %d (\"%s\") is of type %s, but the model expects %s",
					j + 1, f->name, s->name, f->type) :
			 errmsg("feature %d is of type %s, but the model expects %s",
					j + 1, s->name, f->type)));
}

/* Append what a model expects to a string: "amount numeric, country text". */
static char *
expected_features(const AdModel *m)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int j = 0; j < m->nfeatures && j < 10; j++)
		appendStringInfo(&buf, "%s%s%s%s", j > 0 ? ", " : "",
						 m->features[j].name,
						 m->features[j].name[0] ? " " : "",
						 m->features[j].type);
	if (m->nfeatures > 10)
		appendStringInfoString(&buf, ", and others");
	return buf.data;
}

void
ad_args_wrong_number(const AdModel *m, int given)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("number of features is %d, but the model expects %d",
					given, m->nfeatures),
			 errdetail("Expected: %s.", expected_features(m))));
}

/*
 * Raise an error unless feature j of a model can be found by its name: it has
 * one, which no feature before it has.  Releases up to 0.2.0 fitted rows with
 * two attributes of one name.
 */
void
ad_args_check_names(const AdModel *m, int j)
{
	const char *name = m->features[j].name;

	if (name[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("model has no feature names, so a row cannot be matched to it"),
				 errdetail("Expected: %s.", expected_features(m)),
				 errhint("Give the features as columns, or fit the model from rows.")));
	for (int k = 0; k < j; k++)
		if (strcmp(m->features[k].name, name) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_COLUMN),
					 errmsg("model has two features \"%s\", so a row cannot be matched to it",
							name),
					 errdetail("Expected: %s.", expected_features(m)),
					 errhint("Give the features as columns, or fit the model again.")));
}
