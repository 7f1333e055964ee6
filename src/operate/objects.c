/*-------------------------------------------------------------------------
 *
 * objects.c
 *		The extension's own tables, as they stand in this database.
 *
 * C reads and writes tables of the extension, some of them as their owner.
 * A name does not prove whose a table is: who may create in a schema, or made
 * it beforehand, can make one of the same name.  So a table is ours only if
 * it is a member of the extension.
 *
 * The tables stand in the private schema, where nobody else may create.
 * Until 0.2.0 they stood in the schema of the extension; that is so until
 * ALTER EXTENSION has been run, and is served too, but for what would call
 * functions there by name (ad_internal_schema()).
 *
 * What was found is kept until the relation cache is told of a change to one
 * of the tables: a drop, a rename, another schema, a rollback that takes them
 * away.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_compat.h"
#include "core/ad_core.h"
#include "operate/ad_own.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/index.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_proc.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#define EXTENSION	"anomaly"
#define PRIVATE		"_anomaly"

static const char *const names[AD_RELATIONS] = {
	[AD_REL_MODEL_NAME] = "_ad_model_name",
	[AD_REL_MODEL_NAME_KEY] = "_ad_model_name_pkey",
	[AD_REL_MODEL_VERSION] = "_ad_model_version",
	[AD_REL_MODEL_VERSION_KEY] = "_ad_model_version_pkey",
	[AD_REL_MODEL_GRANT] = "_ad_model_grant",
	[AD_REL_MODEL_GRANT_KEY] = "_ad_model_grant_pkey",
	[AD_REL_MODEL_GROUP] = "_ad_model_group",
	[AD_REL_MODEL_GROUP_KEY] = "_ad_model_group_pkey",
	[AD_REL_JOB] = "_ad_job",
	[AD_REL_JOB_KEY] = "_ad_job_pkey",
	[AD_REL_JOB_ID] = "_ad_job_id",
	[AD_REL_JOB_STATE] = "_ad_job_state",
	[AD_REL_JOB_SEEN] = "_ad_job_seen",
	[AD_REL_JOB_PART] = "_ad_job_part",
	[AD_REL_JOB_WATCH] = "_ad_job_watch",
	[AD_REL_JOB_METRIC] = "_ad_job_metric",
	[AD_REL_JOB_RUN] = "_ad_job_run",
	[AD_REL_JOB_ERROR] = "_ad_job_error",
	[AD_REL_JOB_ALERT] = "_ad_alert",
	[AD_REL_JOB_GRANT] = "_ad_job_grant",
	[AD_REL_HEALTH_LOG] = "_ad_health_log",
	[AD_REL_SCHEDULE] = "_ad_schedule",
	[AD_REL_DRIFT_RESULT] = "_ad_drift_result"
};

static Oid	found[AD_RELATIONS];	/* InvalidOid: look */

/* Forget a relation that has changed; InvalidOid: all of them. */
static void
forget(Datum arg, Oid relation)
{
	(void) arg;
	for (int i = 0; i < AD_RELATIONS; i++)
		if (relation == InvalidOid || relation == found[i])
			found[i] = InvalidOid;
}

/* The schema of an extension: where its public objects stand. */
static Oid
extension_schema(Oid extension)
{
	Relation	rel = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	Oid			schema = InvalidOid;

	ScanKeyInit(&key, Anum_pg_extension_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(extension));
	scan = systable_beginscan(rel, ExtensionOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		schema = ((Form_pg_extension) GETSTRUCT(tuple))->extnamespace;
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return schema;
}

/*
 * A relation of that name in a schema which belongs to the extension, itself
 * or, an index, with its table.
 */
static Oid
member(const char *name, Oid schema, Oid extension)
{
	Oid			rel = OidIsValid(schema) ? get_relname_relid(name, schema) :
		InvalidOid;
	Oid			owner = rel;

	if (!OidIsValid(rel))
		return InvalidOid;
	if (get_rel_relkind(rel) == RELKIND_INDEX)
		owner = IndexGetRelation(rel, true);
	return OidIsValid(owner) &&
		getExtensionOfObject(RelationRelationId, owner) == extension ?
		rel : InvalidOid;
}

/* Find a relation, or say that it is missing. */
static Oid
look(AdOwnRelation which)
{
	static bool registered = false;
	Oid			extension = get_extension_oid(EXTENSION, true);
	Oid			rel = InvalidOid;

	if (!registered)
	{
		CacheRegisterRelcacheCallback(forget, (Datum) 0);
		registered = true;
	}
	if (OidIsValid(extension))
	{
		rel = member(names[which], get_namespace_oid(PRIVATE, true), extension);
		if (!OidIsValid(rel))
			rel = member(names[which], extension_schema(extension), extension);
	}
	if (!OidIsValid(rel))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("relation \"%s\" of extension \"%s\" is missing",
						names[which], EXTENSION),
				 errhint("If the extension is of an older version, run ALTER EXTENSION %s UPDATE; if its schema \"%s\" was renamed, rename it back.",
						 EXTENSION, PRIVATE)));
	return found[which] = rel;
}

/*
 * A relation of the extension in this database; an error if there is none.
 * Looking takes some microseconds, once until something changes.
 */
Oid
ad_own_relation(AdOwnRelation which)
{
	if (likely(OidIsValid(found[which])))
		return found[which];
	return look(which);
}

/* The name, quoted, of the schema that the tables stand in; palloc'd. */
const char *
ad_own_schema(void)
{
	Oid			schema = get_rel_namespace(ad_own_relation(AD_REL_MODEL_NAME));

	return quote_identifier(get_namespace_name(schema));
}

/*
 * The name, quoted, of the schema whose functions SQL text of ours may call.
 * An error while the SQL of an older version is installed, which has none: in
 * the schema of the extension a function of somebody else could be entered.
 */
const char *
ad_internal_schema(void)
{
	Oid			schema = get_rel_namespace(ad_own_relation(AD_REL_MODEL_NAME));

	if (schema != get_namespace_oid(PRIVATE, true))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("extension \"%s\" of this database is older than its library",
						EXTENSION),
				 errhint("Run ALTER EXTENSION %s UPDATE.", EXTENSION)));
	return PRIVATE;
}

/*
 * The function of a schema that a private one stands for: of its name less the
 * underscore, and its arguments, to which later versions may have added some.
 */
static Oid
public_of(Form_pg_proc private, Oid schema)
{
	CatCList   *list = SearchSysCacheList1(PROCNAMEARGSNSP,
										   CStringGetDatum(NameStr(private->proname) + 1));
	Oid			found = InvalidOid;

	for (int i = 0; i < list->n_members && !OidIsValid(found); i++)
	{
		Form_pg_proc form = (Form_pg_proc) GETSTRUCT(&list->members[i]->tuple);

		if (form->pronamespace == schema &&
			form->pronargs >= private->pronargs &&
			memcmp(form->proargtypes.values, private->proargtypes.values,
				   private->pronargs * sizeof(Oid)) == 0)
			found = form->oid;
	}
	ReleaseSysCacheList(list);
	return found;
}

/*
 * Raise an error unless the current user may execute the public function that
 * a private one stands for, if this is a private one: who was forbidden
 * ad_train() must not get in by _ad_train().
 */
void
ad_check_public(Oid function)
{
	HeapTuple	tuple;
	Form_pg_proc form;
	Oid			extension = get_extension_oid(EXTENSION, true);
	Oid			public = InvalidOid;
	Oid			schema;

	if (get_func_namespace(function) != get_namespace_oid(PRIVATE, true))
		return;
	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	form = (Form_pg_proc) GETSTRUCT(tuple);
	schema = OidIsValid(extension) ? extension_schema(extension) : InvalidOid;
	if (OidIsValid(schema))
		public = public_of(form, schema);
	if (!OidIsValid(public) ||
		getExtensionOfObject(ProcedureRelationId, public) != extension ||
		ad_proc_aclcheck(public, GetUserId()) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for function %s",
						NameStr(form->proname) + 1)));
	ReleaseSysCache(tuple);
}

/*
 * A public function of the extension, by its name and arguments, that the
 * current user may execute; an error else.
 */
Oid
ad_public_function(const char *name, int nargs, const Oid *types)
{
	Oid			extension = get_extension_oid(EXTENSION, false);
	oidvector  *arguments = buildoidvector(types, nargs);
	Oid			function = GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid,
										   CStringGetDatum(name),
										   PointerGetDatum(arguments),
										   ObjectIdGetDatum(extension_schema(extension)));

	if (!OidIsValid(function) ||
		getExtensionOfObject(ProcedureRelationId, function) != extension ||
		ad_proc_aclcheck(function, GetUserId()) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for function %s", name)));
	return function;
}
