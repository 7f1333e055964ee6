/*-------------------------------------------------------------------------
 *
 * registry.c
 *		Reading the registry of named models.
 *
 * Three tables in the private schema: _ad_model_name (a row a name, with
 * the active version), _ad_model_version (a row a version, with the bytes)
 * and _ad_model_grant.  No user has rights on them; what a role may do with
 * a model is decided here, from the grants, for the current user.  So the
 * tables need no row security, which would make a dump fail.
 *
 * They are read as a scan of their primary keys under the snapshot of the
 * running query, which makes a name mean what any other row means: a
 * query keeps the version it began with, and what a transaction rolled back
 * was never there.  Locks are kept until the end of the transaction, as
 * a query's are, since a toast pointer may be handed out.
 *
 * Columns are used by number; they are those of sql/install/80-operate.sql.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_options.h"
#include "operate/ad_copy.h"
#include "operate/ad_groups.h"
#include "operate/ad_operate.h"
#include "operate/ad_own.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/* column numbers */
#define NAME_NAME			1
#define NAME_ACTIVE			2
#define NAME_LAST_VERSION	3
#define VERSION_NAME		1
#define VERSION_VERSION		2
#define VERSION_MODEL		3
#define VERSION_DIGEST		8
#define VERSION_FIT_MS		12	/* not there until ALTER EXTENSION UPDATE */
#define VERSION_FIT_BYTES	13
#define GRANT_NAME			1
#define GRANT_ROLE			2
#define GRANT_PRIVILEGE		3

#define MAX_SEARCHED		10000	/* names, for one that is near */
#define MAX_NEAR			100

/*
 * Begin a scan of the rows of a name, by primary key; *rel is to be closed
 * with the scan.  version 0: all of them.  snapshot NULL: as they are now.
 */
static SysScanDesc
begin_scan(AdOwnRelation table, AdOwnRelation index, const text *name,
		   int32 version, Snapshot snapshot, Relation *rel)
{
	ScanKeyData key[2];

	*rel = table_open(ad_own_relation(table), AccessShareLock);
	ScanKeyInit(&key[0], 1, BTEqualStrategyNumber, F_TEXTEQ,
				PointerGetDatum(name));
	if (version != 0)
		ScanKeyInit(&key[1], VERSION_VERSION, BTEqualStrategyNumber,
					F_INT4EQ, Int32GetDatum(version));
	return systable_beginscan(*rel, ad_own_relation(index), true,
							  snapshot, version != 0 ? 2 : 1, key);
}

/* End a scan; the lock stays. */
static void
end_scan(SysScanDesc scan, Relation rel)
{
	systable_endscan(scan);
	table_close(rel, NoLock);
}

/* The row of a name, or false. */
bool
ad_registry_name(const text *name, Snapshot snapshot,
				 AdRegistryName *out)
{
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		found;

	if (ad_copy_name(name, snapshot, out))
		return true;
	scan = begin_scan(AD_REL_MODEL_NAME, AD_REL_MODEL_NAME_KEY, name, 0,
					  snapshot, &rel);
	tuple = systable_getnext(scan);
	found = HeapTupleIsValid(tuple);
	if (found)
	{
		bool		isnull;
		Datum		d = heap_getattr(tuple, NAME_ACTIVE, RelationGetDescr(rel),
									 &isnull);

		out->active = isnull ? 0 : DatumGetInt32(d);
		out->last_version =
			DatumGetInt32(heap_getattr(tuple, NAME_LAST_VERSION,
									   RelationGetDescr(rel), &isnull));
	}
	end_scan(scan, rel);
	return found;
}

/* The most a user may do with a model; O(grants of the model). */
AdPrivilege
ad_registry_privilege(const text *name, Snapshot snapshot,
					  Oid user)
{
	AdPrivilege result = AD_PRIVILEGE_NONE;
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tuple;

	if (superuser_arg(user))
		return AD_PRIVILEGE_OWN;
	if (ad_copy_privilege(name, snapshot, user, &result))
		return result;
	scan = begin_scan(AD_REL_MODEL_GRANT, AD_REL_MODEL_GRANT_KEY,
					  name, 0, snapshot, &rel);
	while (result != AD_PRIVILEGE_OWN &&
		   HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;
		Oid			role = DatumGetObjectId(heap_getattr(tuple, GRANT_ROLE,
														 RelationGetDescr(rel),
														 &isnull));
		char	   *word;
		AdPrivilege privilege;

		if (role == AD_ROLE_NOBODY ||
			(role != AD_ROLE_PUBLIC && !has_privs_of_role(user, role)))
			continue;
		word = TextDatumGetCString(heap_getattr(tuple, GRANT_PRIVILEGE,
												RelationGetDescr(rel),
												&isnull));
		privilege = ad_privilege_by_name(word);
		pfree(word);
		result = Max(result, privilege);
	}
	end_scan(scan, rel);
	return result;
}

/*
 * The name nearest to one that no model has, of those that the current user may
 * use; NULL if none is near.  No other is as much as looked at by its letters.
 */
static const char *
nearest_model(const char *name)
{
	const char *near[MAX_NEAR];
	int			n = 0;
	Relation	rel = table_open(ad_own_relation(AD_REL_MODEL_NAME), AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	tuple;

	for (int i = 0; i < MAX_SEARCHED && n < MAX_NEAR &&
		 HeapTupleIsValid(tuple = systable_getnext(scan)); i++)
	{
		bool		isnull;
		text	   *other = DatumGetTextPP(heap_getattr(tuple, NAME_NAME,
														RelationGetDescr(rel), &isnull));

		CHECK_FOR_INTERRUPTS();
		if (ad_registry_privilege(other, NULL, GetUserId()) == AD_PRIVILEGE_NONE)
			continue;
		near[n] = text_to_cstring(other);
		if (ad_nearest(name, &near[n], 1) != NULL)
			n++;
	}
	end_scan(scan, rel);
	return ad_nearest(name, near, n);
}

/* Raise an error for a model that is not there; name is clipped already. */
void
ad_registry_no_model(const char *name)
{
	const char *nearest = nearest_model(name);

	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("model \"%s\" does not exist", name),
			 nearest ? errhint("Did you mean \"%s\"?", nearest) :
			 strncmp(name, "\\x", 2) == 0 ?
			 errhint("An untyped string is the name of a model. Cast the bytes of a model to bytea.") :
			 OidIsValid(ad_citus_catalog("pg_dist_shard")) && !OidIsValid(ad_copy_shard()) ?
			 errhint("If it was trained on the coordinator of this cluster of Citus, say there: SELECT ad_share_models().") :
			 errhint("The view ad_models has those that you may use.")));
}

/*
 * Raise an error unless the model is there and the current user has a
 * privilege on it; then its row.
 */
void
ad_registry_check(const text *name, Snapshot snapshot,
				  AdPrivilege need, AdRegistryName *out)
{
	/* a longer one may stand in the table, but not by our hand */
	if (VARSIZE_ANY_EXHDR(name) > AD_MAX_MODEL_NAME ||
		!ad_registry_name(name, snapshot, out))
		ad_registry_no_model(ad_quote_clip_len(VARDATA_ANY(name),
											   VARSIZE_ANY_EXHDR(name)));
	if (ad_registry_privilege(name, snapshot, GetUserId()) < need)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for model \"%s\"",
						text_to_cstring(name)),
				 errdetail("The privilege \"%s\" is needed.",
						   ad_privilege_name(need)),
				 errhint("An owner of the model can grant it with ad_grant_model().")));
}

/*
 * A version: its model as stored (a toast pointer, if it is not tiny), or what
 * its models of groups are, if it has a model per entity, else NULL; both
 * palloc'd.  False if there is no such version; model and groups may be NULL to
 * ask just that.
 */
bool
ad_registry_version(const text *name, int32 version,
					Snapshot snapshot, Datum *model, AdGroups **groups)
{
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		found;

	if (version <= 0)
		return false;
	if (ad_copy_version(name, version, snapshot, &found, model))
	{
		if (groups)
			*groups = NULL;
		return found;
	}
	scan = begin_scan(AD_REL_MODEL_VERSION, AD_REL_MODEL_VERSION_KEY,
					  name, version, snapshot, &rel);
	tuple = systable_getnext(scan);
	found = HeapTupleIsValid(tuple);
	if (found && model)
	{
		bool		isnull;

		*model = datumCopy(heap_getattr(tuple, VERSION_MODEL,
										RelationGetDescr(rel), &isnull),
						   false, -1);
	}
	if (found && groups)
		*groups = ad_groups_of(tuple, RelationGetDescr(rel), VERSION_DIGEST);
	end_scan(scan, rel);
	return found;
}

/*
 * Whether a version is there now and its model has a digest (as hexadecimal
 * digits): a name, and the numbers of its versions, may come back for another
 * model.
 */
bool
ad_registry_is(const text *name, int32 version, const char *digest)
{
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		result = false;

	if (version <= 0)
		return false;
	scan = begin_scan(AD_REL_MODEL_VERSION, AD_REL_MODEL_VERSION_KEY,
					  name, version, NULL, &rel);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool		isnull;
		Datum		d = heap_getattr(tuple, VERSION_DIGEST,
									 RelationGetDescr(rel), &isnull);

		result = !isnull && strcmp(TextDatumGetCString(d), digest) == 0;
	}
	end_scan(scan, rel);
	return result;
}

/* How long the fit of a version took and the memory that it had; NaN, -1: not known. */
void
ad_registry_fit(const text *name, int32 version, Snapshot snapshot, double *ms,
				int64 *bytes)
{
	Relation	rel;
	SysScanDesc scan = begin_scan(AD_REL_MODEL_VERSION,
								  AD_REL_MODEL_VERSION_KEY, name, version,
								  snapshot, &rel);
	HeapTuple	tuple = systable_getnext(scan);

	*ms = NAN;
	*bytes = -1;
	if (HeapTupleIsValid(tuple) &&
		RelationGetDescr(rel)->natts >= VERSION_FIT_BYTES)
	{
		bool		isnull;
		Datum		d = heap_getattr(tuple, VERSION_FIT_MS,
									 RelationGetDescr(rel), &isnull);

		if (!isnull)
			*ms = DatumGetFloat8(d);
		d = heap_getattr(tuple, VERSION_FIT_BYTES, RelationGetDescr(rel),
						 &isnull);
		if (!isnull)
			*bytes = DatumGetInt64(d);
	}
	end_scan(scan, rel);
}

/*
 * The version of a name as the running query sees it, for the current user;
 * *version AD_VERSION_ACTIVE is replaced.  As ad_registry_version().
 */
void
ad_registry_find(const text *name, int32 *version, AdPrivilege need,
				 Datum *model, AdGroups **groups)
{
	Snapshot	snapshot = GetActiveSnapshot();
	AdRegistryName row;

	ad_registry_check(name, snapshot, need, &row);
	if (*version == AD_VERSION_ACTIVE)
	{
		if (row.active == 0)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("model \"%s\" has no active version",
							text_to_cstring(name)),
					 errhint("Choose one with ad_activate().")));
		*version = row.active;
	}
	if (!ad_registry_version(name, *version, snapshot, model, groups))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("model \"%s\" has no version %d",
						text_to_cstring(name), *version)));
}

/* The same of a name that is to have one model; an error if it has many. */
Datum
ad_registry_model(const text *name, int32 *version,
				  AdPrivilege need)
{
	AdGroups   *groups;
	Datum		model;

	ad_registry_find(name, version, need, &model, &groups);
	if (groups != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("model \"%s\" has a model per entity",
						text_to_cstring(name)),
				 errhint("Use ad_group_model() for the model of one entity; ad_model_groups() lists the entities.")));
	return model;
}

/*
 * The query of a model would run with the privileges of the current user: raise an
 * error unless who wrote it has them.
 */
void
ad_registry_check_trainer(const char *model, const char *trained_by)
{
	Oid			trainer = get_role_oid(trained_by, true);
	char	   *user;

	if (OidIsValid(trainer) && has_privs_of_role(trainer, GetUserId()))
		return;
	user = GetUserNameFromId(GetUserId(), false);
	if (trained_by[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("nobody is known to have trained model \"%s\"", model),
				 errdetail("It was restored by a role without the privileges of the role that trained it. Its query would run with the privileges of \"%s\".", user),
				 errhint("Read the query in ad_models, and train once with ad_train().")));
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("training query of model \"%s\" is that of role \"%s\"",
					model, trained_by),
			 errdetail("It would run with the privileges of \"%s\".", user),
			 errhint("SET ROLE to it; or read the query in ad_models, and train with ad_train().")));
}
