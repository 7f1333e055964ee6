/*-------------------------------------------------------------------------
 *
 * groups.c
 *		Reading models of groups.
 *
 * A version of a name that has a model per entity is a row of
 * _ad_model_version whose column "groups" says so, and rows of
 * _ad_model_group.  Those are of a set, and each is of all versions from one to
 * another: a new version for which an entity's rows are what they were finds the
 * row that is there.  So nothing is copied, and no row of a version ever
 * changes but in where it ends.
 *
 *-------------------------------------------------------------------------
 */
#include "operate/ad_groups.h"
#include "operate/ad_own.h"

#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"
#include "utils/rel.h"

/* column numbers; they are those of sql/install/81-operate-groups.sql */
enum
{
	GROUP_SET = 1,
	GROUP_ENTITY,
	GROUP_FIRST,
	GROUP_LAST,
	GROUP_ROWS,
	GROUP_FINGERPRINT,
	GROUP_MODEL,
	GROUP_PROBLEM
};

AdGroupUse	ad_group_last_use = AD_GROUP_NONE;

/* Raise an error for what does not say which models it means. */
static void
damaged(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("row of a version in _ad_model_version does not describe models of groups")));
}

/* A member of an object, of a type; false: it is null or missing. */
static bool
member(Jsonb *j, const char *name, int type, JsonbValue *v)
{
	if (!JB_ROOT_IS_OBJECT(j))
		damaged();
	if (getKeyJsonValueFromContainer(&j->root, name, (int) strlen(name), v) == NULL ||
		v->type == jbvNull)
		return false;
	if ((int) v->type != type)
		damaged();
	return true;
}

/* The columns that name an entity. */
static void
read_by(Jsonb *j, AdGroups *g)
{
	JsonbValue	v;
	JsonbContainer *array;

	if (!member(j, "by", jbvBinary, &v) ||
		!JsonContainerIsArray(v.val.binary.data))
		damaged();
	array = v.val.binary.data;
	g->nby = (int) JsonContainerSize(array);
	if (g->nby < 1 || g->nby > AD_MAX_GROUP_COLUMNS)
		damaged();
	g->by = ad_palloc_array(char *, g->nby);
	for (int i = 0; i < g->nby; i++)
	{
		JsonbValue *name = getIthJsonbValueFromContainer(array, i);

		if (name->type != jbvString)
			damaged();
		g->by[i] = pnstrdup(name->val.string.val, name->val.string.len);
	}
}

/*
 * What a row of _ad_model_version says of models of groups, palloc'd; NULL: it
 * is one model.  Raises an error for what a restore brought and is none of it.
 */
AdGroups *
ad_groups_of(HeapTuple version, TupleDesc desc, int digest)
{
	AdGroups   *g;
	Jsonb	   *j;
	JsonbValue	v;
	bool		isnull = true;
	Datum		d = (Datum) 0;

	/* until ALTER EXTENSION has been run, there is no such column */
	for (int i = desc->natts; isnull && i > 0; i--)
		if (!TupleDescAttr(desc, i - 1)->attisdropped &&
			strcmp(NameStr(TupleDescAttr(desc, i - 1)->attname), "groups") == 0)
		{
			d = heap_getattr(version, i, desc, &isnull);
			break;
		}
	if (isnull)
		return NULL;
	j = DatumGetJsonbP(d);
	g = palloc0(sizeof(AdGroups));
	g->version = DatumGetInt32(heap_getattr(version, 2, desc, &isnull));
	g->digest = TextDatumGetCString(heap_getattr(version, digest, desc, &isnull));
	if (!member(j, "set", jbvString, &v))
		damaged();
	g->set = *DatumGetUUIDP(DirectFunctionCall1(uuid_in,
												CStringGetDatum(pnstrdup(v.val.string.val,
																		 v.val.string.len))));
	read_by(j, g);
	if (!member(j, "min_rows", jbvNumeric, &v))
		damaged();
	g->min_rows = DatumGetInt64(DirectFunctionCall1(numeric_int8,
													NumericGetDatum(v.val.numeric)));
	if (member(j, "fallback", jbvString, &v))
		g->fallback = pnstrdup(v.val.string.val, v.val.string.len);
	return g;
}

/* Whether a row is of a version; if so, what it says, palloc'd. */
static bool
read_group(HeapTuple tuple, TupleDesc desc, int32 version, AdGroup *out)
{
	bool		isnull;
	Datum		d;

	out->first = DatumGetInt32(heap_getattr(tuple, GROUP_FIRST, desc, &isnull));
	d = heap_getattr(tuple, GROUP_LAST, desc, &isnull);
	out->ends = !isnull;
	out->last = isnull ? 0 : DatumGetInt32(d);
	if (out->first > version || (out->ends && out->last < version))
		return false;
	out->entity = DatumGetTextPCopy(heap_getattr(tuple, GROUP_ENTITY, desc, &isnull));
	out->rows = DatumGetInt64(heap_getattr(tuple, GROUP_ROWS, desc, &isnull));
	out->fingerprint = DatumGetInt64(heap_getattr(tuple, GROUP_FINGERPRINT, desc, &isnull));
	d = heap_getattr(tuple, GROUP_MODEL, desc, &isnull);
	out->has_model = !isnull;
	out->model = isnull ? (Datum) 0 : datumCopy(d, false, -1);
	d = heap_getattr(tuple, GROUP_PROBLEM, desc, &isnull);
	out->problem = isnull ? NULL : TextDatumGetCString(d);
	return true;
}

/*
 * Find the row of an entity in a version, as a snapshot sees it; false: there
 * is none.  palloc'd.  The locks stay, since a toast pointer is handed out.
 */
bool
ad_group_find(const AdGroups *g, const char *entity, int len,
			  Snapshot snapshot, AdGroup *out)
{
	Relation	rel = table_open(ad_own_relation(AD_REL_MODEL_GROUP), AccessShareLock);
	text	   *key = cstring_to_text_with_len(entity, len);
	ScanKeyData keys[3];
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		found = false;

	ScanKeyInit(&keys[0], GROUP_SET, BTEqualStrategyNumber, F_UUID_EQ,
				UUIDPGetDatum(&g->set));
	ScanKeyInit(&keys[1], GROUP_ENTITY, BTEqualStrategyNumber, F_TEXTEQ,
				PointerGetDatum(key));
	ScanKeyInit(&keys[2], GROUP_FIRST, BTLessEqualStrategyNumber, F_INT4LE,
				Int32GetDatum(g->version));
	scan = systable_beginscan(rel, ad_own_relation(AD_REL_MODEL_GROUP_KEY), true,
							  snapshot, lengthof(keys), keys);
	while (!found && HeapTupleIsValid(tuple = systable_getnext(scan)))
		found = read_group(tuple, RelationGetDescr(rel), g->version, out);
	systable_endscan(scan);
	table_close(rel, NoLock);
	pfree(key);
	return found;
}

/* Begin a scan of all entities of a version; snapshot NULL: as they are now. */
void
ad_group_scan_begin(const AdGroups *g, Snapshot snapshot, AdGroupScan *scan)
{
	ScanKeyData key;

	scan->version = g->version;
	scan->mcxt = CurrentMemoryContext;
	scan->rel = table_open(ad_own_relation(AD_REL_MODEL_GROUP), AccessShareLock);
	scan->index = index_open(ad_own_relation(AD_REL_MODEL_GROUP_KEY), AccessShareLock);
	ScanKeyInit(&key, GROUP_SET, BTEqualStrategyNumber, F_UUID_EQ,
				UUIDPGetDatum(&g->set));
	scan->scan = systable_beginscan_ordered(scan->rel, scan->index, snapshot, 1,
											&key);
}

/* The next entity; false: there is none.  palloc'd. */
bool
ad_group_scan_next(AdGroupScan *scan, AdGroup *out)
{
	for (;;)
	{
		/* the scan may keep what it allocates on the way */
		MemoryContext old = MemoryContextSwitchTo(scan->mcxt);
		HeapTuple	tuple = systable_getnext_ordered(scan->scan,
													 ForwardScanDirection);

		MemoryContextSwitchTo(old);
		CHECK_FOR_INTERRUPTS();
		if (!HeapTupleIsValid(tuple))
			return false;
		if (read_group(tuple, RelationGetDescr(scan->rel), scan->version, out))
			return true;
	}
}

/* End a scan; the lock stays. */
void
ad_group_scan_end(AdGroupScan *scan)
{
	systable_endscan_ordered(scan->scan);
	index_close(scan->index, NoLock);
	table_close(scan->rel, NoLock);
}
