/*-------------------------------------------------------------------------
 *
 * storage.c
 *		Finding columns of users' tables that compress models.
 *
 * Compression makes no model, sketch or stream state smaller, and takes most
 * of the time of storing one.  Where they are can only be seen in the tables
 * themselves.  A table is looked into here, and not by a query, so that
 * asking runs no code and waits for nothing: the caller may read the
 * column, in the table or in one that it is a partition or a child of, which
 * has no row security for him, all can be locked at once, and of the first
 * pages the first value that is there is looked at, of which the magic is
 * read.  What is told is whether that is one of ours.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_envelope.h"
#include "sql/ad_result.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/indexing.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#define PAGES	4				/* looked at */

PG_FUNCTION_INFO_V1(ad_column_holds);

/* What a value begins like, or NULL. */
static const char *
kind_of(Datum value)
{
	static const struct
	{
		const char *magic;
		const char *kind;
	}			kinds[] = {
		{AD_MAGIC_MODEL, "models"},
		{AD_MAGIC_SKETCH, "sketches"},
		{AD_MAGIC_STREAM, "stream states"},
		{AD_MAGIC_FDR, "false discovery states"}
	};
	struct varlena *start = PG_DETOAST_DATUM_SLICE(value, 0, AD_MAGIC_LENGTH);

	if (VARSIZE_ANY_EXHDR(start) < AD_MAGIC_LENGTH)
		return NULL;
	for (int i = 0; i < (int) lengthof(kinds); i++)
		if (memcmp(VARDATA_ANY(start), kinds[i].magic, AD_MAGIC_LENGTH) == 0)
			return kinds[i].kind;
	return NULL;
}

/* What the first value of a column in the first pages is, or NULL. */
static const char *
scan_pages(Relation rel, AttrNumber attribute)
{
	const char *kind = NULL;
	TableScanDesc scan;
	HeapTuple	tuple;

	scan = table_beginscan_strat(rel, GetActiveSnapshot(), 0, NULL, true,
								 false);
	heap_setscanlimits(scan, 0, Min(PAGES, RelationGetNumberOfBlocks(rel)));
	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		bool		isnull;
		Datum		value = heap_getattr(tuple, attribute,
										 RelationGetDescr(rel), &isnull);

		if (isnull)
			continue;
		kind = kind_of(value);
		break;
	}
	table_endscan(scan);
	return kind;
}

/* The same, or NULL if its values cannot be locked at once. */
static const char *
look_into(Relation rel, AttrNumber attribute)
{
	Oid			toast = rel->rd_rel->reltoastrelid;
	const char *kind;

	if (!OidIsValid(toast))
		return scan_pages(rel, attribute);
	if (!ConditionalLockRelationOid(toast, AccessShareLock))
		return NULL;
	kind = scan_pages(rel, attribute);
	UnlockRelationOid(toast, AccessShareLock);
	return kind;
}

/* The tables that one is a partition or a child of. */
static List *
parents_of(Oid relid)
{
	Relation	inherits = table_open(InheritsRelationId, AccessShareLock);
	List	   *parents = NIL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_inherits_inhrelid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(inherits, InheritsRelidSeqnoIndexId, true, NULL,
							  1, &key);
	while ((tuple = systable_getnext(scan)) != NULL)
		parents = lappend_oid(parents,
							  ((Form_pg_inherits) GETSTRUCT(tuple))->inhparent);
	systable_endscan(scan);
	table_close(inherits, AccessShareLock);
	return parents;
}

/* Whether the caller reads all of a column if he names a table, locked. */
static bool
may_name(Oid relid, const char *column)
{
	AttrNumber	attribute = get_attnum(relid, column);

	/* who may not use its schema cannot name it, whatever was granted on it */
	return attribute != InvalidAttrNumber &&
		ad_schema_aclcheck(get_rel_namespace(relid),
						   GetUserId()) == ACLCHECK_OK &&
		(pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) == ACLCHECK_OK ||
		 pg_attribute_aclcheck(relid, attribute, GetUserId(),
							   ACL_SELECT) == ACLCHECK_OK) &&
		check_enable_rls(relid, InvalidOid, true) != RLS_ENABLED;
}

/*
 * Whether the caller may read a column of a table, which is locked: by its
 * name, or that of a table that it is a part of, where rights on the parts do
 * not count.
 */
static bool
may_read(Oid relid, const char *column)
{
	ListCell   *lc;

	check_stack_depth();
	if (may_name(relid, column))
		return true;
	foreach(lc, parents_of(relid))
	{
		Oid			parent = lfirst_oid(lc);
		bool		may;

		if (!ConditionalLockRelationOid(parent, AccessShareLock))
			continue;
		/* it may have been dropped before it was locked */
		may = SearchSysCacheExists1(RELOID, ObjectIdGetDatum(parent)) &&
			may_read(parent, column);
		UnlockRelationOid(parent, AccessShareLock);
		if (may)
			return true;
	}
	return false;
}

/* Whether a table may be looked into, and not run anything. */
static bool
is_plain(Relation rel, AttrNumber attribute)
{
	Form_pg_attribute a;

	if ((rel->rd_rel->relkind != RELKIND_RELATION &&
		 rel->rd_rel->relkind != RELKIND_MATVIEW) ||
		rel->rd_rel->relpersistence == RELPERSISTENCE_TEMP ||
		rel->rd_rel->relam != HEAP_TABLE_AM_OID ||
		!RelationIsPopulated(rel) ||
		RelationGetNumberOfBlocks(rel) == 0 ||
		attribute < 1 || attribute > RelationGetNumberOfAttributes(rel))
		return false;
	a = TupleDescAttr(RelationGetDescr(rel), attribute - 1);
	if (a->attisdropped || getBaseType(a->atttypid) != BYTEAOID)
		return false;
	return may_read(RelationGetRelid(rel), NameStr(a->attname));
}

/*
 * _ad_column_holds(relation oid, attribute smallint) -> text.  Strict; NULL
 * also of what cannot be looked into.
 */
Datum
ad_column_holds(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);
	AttrNumber	attribute = PG_GETARG_INT16(1);
	const char *kind = NULL;
	Relation	rel;

	if (!ConditionalLockRelationOid(relid, AccessShareLock))
		PG_RETURN_NULL();
	/* it may have been dropped before it was locked */
	rel = try_relation_open(relid, NoLock);
	if (rel == NULL)
	{
		UnlockRelationOid(relid, AccessShareLock);
		PG_RETURN_NULL();
	}
	if (is_plain(rel, attribute))
		kind = look_into(rel, attribute);
	relation_close(rel, AccessShareLock);
	if (kind == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(kind));
}
