/*-------------------------------------------------------------------------
 *
 * group_inspect.c
 *		Looking at a model per entity; and the fingerprint of rows.
 *
 *-------------------------------------------------------------------------
 */
#include "operate/ad_groups.h"
#include "rows/ad_registry.h"
#include "sql/ad_result.h"
#include "sql/ad_text.h"

#include "access/htup_details.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

PG_FUNCTION_INFO_V1(ad_model_groups);
PG_FUNCTION_INFO_V1(ad_group_model);
PG_FUNCTION_INFO_V1(ad_fingerprint_transfn);
PG_FUNCTION_INFO_V1(ad_fingerprint_combinefn);

/* The columns of ad_model_groups(). */
enum
{
	GROUPS_ENTITY,
	GROUPS_ROWS,
	GROUPS_BYTES,
	GROUPS_VERSION,
	GROUPS_PROBLEM,
	GROUPS_COLUMNS
};

/* The version of a call, whose name and version are arguments; privilege read. */
static AdGroups *
version_of_call(FunctionCallInfo fcinfo, int arg)
{
	int32		version = PG_ARGISNULL(arg) ? AD_VERSION_ACTIVE : PG_GETARG_INT32(arg);
	text	   *name = ad_model_name_argument(PG_GETARG_DATUM(0));
	AdGroups   *g;
	Datum		model;

	ad_registry_find(name, &version, AD_PRIVILEGE_READ, &model, &g);
	if (g == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("version %d of model \"%s\" has no model per entity",
						version, text_to_cstring(name))));
	return g;
}

/* ad_model_groups(name, version) -> a row per entity; NULL name: none */
Datum
ad_model_groups(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	Tuplestorestate *store = ad_result_begin(fcinfo, GROUPS_COLUMNS, &desc);
	MemoryContext mcxt;
	MemoryContext old;
	AdGroups   *g;
	AdGroupScan scan;
	AdGroup		row;

	if (PG_ARGISNULL(0))
		return (Datum) 0;
	g = version_of_call(fcinfo, 1);
	mcxt = AllocSetContextCreate(CurrentMemoryContext, "anomaly groups",
								 ALLOCSET_DEFAULT_SIZES);
	ad_group_scan_begin(g, GetActiveSnapshot(), &scan);
	old = MemoryContextSwitchTo(mcxt);
	while (ad_group_scan_next(&scan, &row))
	{
		Datum		values[GROUPS_COLUMNS] = {0};
		bool		nulls[GROUPS_COLUMNS] = {false};

		values[GROUPS_ENTITY] = PointerGetDatum(row.entity);
		values[GROUPS_ROWS] = Int64GetDatum(row.rows);
		nulls[GROUPS_BYTES] = !row.has_model;
		if (row.has_model)
			values[GROUPS_BYTES] = Int32GetDatum((int32) ad_raw_length(row.model));
		values[GROUPS_VERSION] = Int32GetDatum(row.first);
		nulls[GROUPS_PROBLEM] = row.has_model;
		if (!row.has_model)
			values[GROUPS_PROBLEM] = CStringGetTextDatum(row.problem ? row.problem : "");
		tuplestore_putvalues(store, desc, values, nulls);
		MemoryContextReset(mcxt);
	}
	MemoryContextSwitchTo(old);
	ad_group_scan_end(&scan);
	MemoryContextDelete(mcxt);
	return (Datum) 0;
}

/*
 * ad_group_model(name, entity, version) -> the bytes of an entity's model; NULL
 * if it has none, and for a NULL name or entity.
 */
Datum
ad_group_model(PG_FUNCTION_ARGS)
{
	AdGroups   *g;
	AdGroup		row;
	text	   *entity;
	char	   *key;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	g = version_of_call(fcinfo, 2);
	entity = PG_GETARG_TEXT_PP(1);
	key = ad_short_key(VARDATA_ANY(entity), (int) VARSIZE_ANY_EXHDR(entity));
	if (!ad_group_find(g, key, (int) strlen(key), GetActiveSnapshot(), &row) ||
		!row.has_model)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(row.model);
}

/*
 * Transition of _ad_fingerprint(record): add the hash of a row to those before.
 * The sum does not depend on their order.  Strict.
 */
Datum
ad_fingerprint_transfn(PG_FUNCTION_ARGS)
{
	uint64		sum = (uint64) PG_GETARG_INT64(0);
	HeapTupleHeader row = PG_GETARG_HEAPTUPLEHEADER(1);
	uint32		hoff = row->t_hoff;
	uint32		length = HeapTupleHeaderGetDatumLength(row);
	uint64		hash = 0;

	if (row->t_infomask & HEAP_HASNULL)
		hash = hash_bytes_extended((const unsigned char *) row->t_bits,
								   (int) BITMAPLEN(HeapTupleHeaderGetNatts(row)), 0);
	hash = hash_bytes_extended((const unsigned char *) row + hoff,
							   (int) (length - hoff), hash);
	PG_RETURN_INT64((int64) (sum + hash));
}

/* Add two sums. */
Datum
ad_fingerprint_combinefn(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64((int64) ((uint64) PG_GETARG_INT64(0) +
							 (uint64) PG_GETARG_INT64(1)));
}
