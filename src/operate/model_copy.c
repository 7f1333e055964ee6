/*-------------------------------------------------------------------------
 *
 * model_copy.c
 *		Copies of named models on the servers of a cluster of Citus.
 *
 * Citus runs ad_score('m', ...) where the rows are, and the registry is on the
 * server where models are trained.  _ad_model_copy is to be a reference table,
 * a copy of which Citus keeps on every server, written in the transaction that
 * changes the registry: a row a name, with the active version and the grants
 * (rows/share.c writes it).  A worker asks it before its own registry, and for
 * all of a name: else who makes a name there, where anybody may who can log in,
 * would own what the coordinator has under it.
 *
 * A reference table is empty itself: its rows are in its one shard, a table
 * beside it with the number of the shard in its name.  So that is what is read,
 * as the registry is.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_compat.h"
#include "operate/ad_copy.h"
#include "operate/ad_own.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* column numbers */
#define COPY_NAME		1
#define COPY_VERSION	2
#define COPY_MODEL		3
#define COPY_GRANTS		4

/* A catalog of Citus; InvalidOid: there is no Citus, or it has none. */
Oid
ad_citus_catalog(const char *name)
{
	/* this is remembered, the extension is looked up */
	Oid			result = get_relname_relid(name, PG_CATALOG_NAMESPACE);

	return OidIsValid(result) && OidIsValid(get_extension_oid("citus", true)) ?
		result : InvalidOid;
}

/* Whether this is a worker of a cluster, and not its coordinator. */
bool
ad_citus_is_worker(void)
{
	Oid			catalog = ad_citus_catalog("pg_dist_local_group");
	AttrNumber	group = OidIsValid(catalog) ?
		get_attnum(catalog, "groupid") : InvalidAttrNumber;
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		result = false;

	if (group == InvalidAttrNumber)
		return false;
	rel = table_open(catalog, AccessShareLock);
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool		isnull;

		result = DatumGetInt32(heap_getattr(tuple, group, RelationGetDescr(rel),
											&isnull)) != 0;
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return result;
}

/* The shard of the table of copies; InvalidOid: there is none here. */
Oid
ad_copy_shard(void)
{
	Oid			catalog = ad_citus_catalog("pg_dist_shard");
	Oid			schema = get_namespace_oid("_anomaly", true);
	Oid			table = OidIsValid(catalog) && OidIsValid(schema) ?
		get_relname_relid(AD_COPY_TABLE, schema) : InvalidOid;
	AttrNumber	relation;
	AttrNumber	shard;
	Oid			index;
	Relation	rel;
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;
	Oid			result = InvalidOid;

	if (!OidIsValid(table))
		return InvalidOid;
	relation = get_attnum(catalog, "logicalrelid");
	shard = get_attnum(catalog, "shardid");
	if (relation == InvalidAttrNumber || shard == InvalidAttrNumber)
		return InvalidOid;
	rel = table_open(catalog, AccessShareLock);
	ScanKeyInit(&key, relation, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(table));
	index = get_relname_relid("pg_dist_shard_logical_relid_index", PG_CATALOG_NAMESPACE);
	scan = systable_beginscan(rel, index, OidIsValid(index), NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool		isnull;
		int64		number = DatumGetInt64(heap_getattr(tuple, shard,
														RelationGetDescr(rel), &isnull));

		result = get_relname_relid(psprintf("%s_" INT64_FORMAT, AD_COPY_TABLE, number),
								   schema);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return result;
}

/*
 * The row of a name, palloc'd; NULL: there is none, or the registry is here.
 * The lock stays.
 */
static HeapTuple
find_row(const text *name, Snapshot snapshot, TupleDesc *desc)
{
	Oid			shard = ad_citus_is_worker() ? ad_copy_shard() : InvalidOid;
	Oid			index;
	Relation	rel;
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;

	if (!OidIsValid(shard))
		return NULL;
	rel = table_open(shard, AccessShareLock);
	ScanKeyInit(&key, COPY_NAME, BTEqualStrategyNumber, F_TEXTEQ,
				PointerGetDatum(name));
	/* its index has the number too */
	index = get_relname_relid(psprintf("%s_pkey%s", AD_COPY_TABLE,
									   RelationGetRelationName(rel) + strlen(AD_COPY_TABLE)),
							  RelationGetNamespace(rel));
	scan = systable_beginscan(rel, index, OidIsValid(index), snapshot, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		tuple = heap_copytuple(tuple);
	*desc = CreateTupleDescCopy(RelationGetDescr(rel));
	systable_endscan(scan);
	table_close(rel, NoLock);
	return tuple;
}

/* The row of a name, or false; as ad_registry_name(). */
bool
ad_copy_name(const text *name, Snapshot snapshot, AdRegistryName *out)
{
	TupleDesc	desc;
	HeapTuple	tuple = find_row(name, snapshot, &desc);
	bool		isnull;

	if (tuple == NULL)
		return false;
	out->active = DatumGetInt32(heap_getattr(tuple, COPY_VERSION, desc, &isnull));
	out->last_version = out->active;
	return true;
}

/* The most a user may do with a copy, no more than read; false: there is none. */
bool
ad_copy_privilege(const text *name, Snapshot snapshot, Oid user, AdPrivilege *out)
{
	TupleDesc	desc;
	HeapTuple	tuple = find_row(name, snapshot, &desc);
	AdPrivilege result = AD_PRIVILEGE_NONE;
	Datum	   *grants;
	bool		isnull;
	int			n;

	if (tuple == NULL)
		return false;
	/* pairs of a role and a privilege */
	deconstruct_array(DatumGetArrayTypeP(heap_getattr(tuple, COPY_GRANTS, desc, &isnull)),
					  TEXTOID, -1, false, TYPALIGN_INT, &grants, NULL, &n);
	for (int i = 0; i + 1 < n; i += 2)
	{
		char	   *role = TextDatumGetCString(grants[i]);
		Oid			oid = get_role_oid(role, true);

		if (strcmp(role, "public") == 0 ||
			(OidIsValid(oid) && has_privs_of_role(user, oid)))
			result = Max(result, ad_privilege_by_name(TextDatumGetCString(grants[i + 1])));
	}
	*out = Min(result, AD_PRIVILEGE_READ);
	return true;
}

/*
 * Whether there is a copy of a name; then whether it is of a version, and its
 * model as stored, palloc'd, unless NULL.
 */
bool
ad_copy_version(const text *name, int32 version, Snapshot snapshot,
				bool *is_it, Datum *model)
{
	TupleDesc	desc;
	HeapTuple	tuple = find_row(name, snapshot, &desc);
	bool		isnull;

	if (tuple == NULL)
		return false;
	*is_it = DatumGetInt32(heap_getattr(tuple, COPY_VERSION, desc, &isnull)) == version;
	if (*is_it && model != NULL)
		*model = datumCopy(heap_getattr(tuple, COPY_MODEL, desc, &isnull),
						   false, -1);
	return true;
}
