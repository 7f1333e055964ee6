/*-------------------------------------------------------------------------
 *
 * registry.c
 *		Named models: activate, drop, rename, grant; and what is in them.
 *
 * No user has rights on the registry's tables.  A function asks the grants
 * for the current user, then writes as the owner of the tables, the way
 * foreign keys do, in a search path where nobody else's
 * operators are found.  Errors restore both, when the (sub)transaction is
 * cleaned up.
 *
 * A change locks the row of the name first and asks the grants then, with
 * the rows as they are under the lock: two changes of one model are one after
 * the other, and what the first took away the second has not.
 *
 *-------------------------------------------------------------------------
 */
#include "rows/ad_registry.h"
#include "rows/ad_store.h"
#include "sql/ad_text.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

PG_FUNCTION_INFO_V1(ad_activate);
PG_FUNCTION_INFO_V1(ad_drop_model);
PG_FUNCTION_INFO_V1(ad_drop_model_0_3);
PG_FUNCTION_INFO_V1(ad_rename_model);
PG_FUNCTION_INFO_V1(ad_grant_model);
PG_FUNCTION_INFO_V1(ad_revoke_model);
PG_FUNCTION_INFO_V1(ad_model_by_name);
PG_FUNCTION_INFO_V1(ad_model_privilege);
PG_FUNCTION_INFO_V1(ad_role_in);
PG_FUNCTION_INFO_V1(ad_role_out);

/* The name of a model that is to be there; none has a longer one. */
text *
ad_model_name_argument(Datum value)
{
	if (unlikely(ad_raw_length(value) > AD_MAX_MODEL_NAME))
		ad_registry_no_model(ad_text_quote(value));
	return DatumGetTextPP(value);
}

/* A text that may be the name of a new model; error for others. */
text *
ad_registry_new_name(Datum value)
{
	Size		len = ad_raw_length(value);

	if (len == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("name of a model is empty")));
	if (len > AD_MAX_MODEL_NAME)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("name of a model has %zu bytes, allowed are 1 to %d",
						len, AD_MAX_MODEL_NAME)));
	return DatumGetTextPP(value);
}

/* Lock a name for a change, as its owner; errors as ad_registry_check(). */
static void
lock_owned(text *name, AdRegistryName *out)
{
	Oid			types[1] = {TEXTOID};
	Datum		values[1] = {PointerGetDatum(name)};

	/* who may not change it cannot hold it up either */
	ad_registry_check(name, NULL, AD_PRIVILEGE_OWN, out);
	(void) ad_own_run("SELECT 1 FROM %s._ad_model_name WHERE name = $1 FOR UPDATE",
					  1, types, values, NULL);
	ad_registry_check(name, NULL, AD_PRIVILEGE_OWN, out);
}

/*
 * Lock a name that may not be there yet until the transaction ends, so that
 * who makes it second finds it.  Two names that hash alike wait for each other
 * without need.
 */
void
ad_registry_lock_name(const text *name)
{
	LOCKTAG		tag;

	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, ad_own_relation(AD_REL_MODEL_NAME),
					   hash_bytes((const unsigned char *) VARDATA_ANY(name),
								  VARSIZE_ANY_EXHDR(name)), 0);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
}

/* Raise an error for a version that is not there. */
static void
no_version(const text *name, int32 version)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("model \"%s\" has no version %d",
					text_to_cstring(name), version)));
}

/* ad_activate(name, version) -> the version before, or NULL. */
Datum
ad_activate(PG_FUNCTION_ARGS)
{
	text	   *name = ad_model_name_argument(PG_GETARG_DATUM(0));
	int32		version = PG_GETARG_INT32(1);
	AdRegistryName row;
	Oid			types[2] = {TEXTOID, INT4OID};
	Datum		values[2] = {PointerGetDatum(name), Int32GetDatum(version)};

	ad_check_public(fcinfo->flinfo->fn_oid);
	SPI_connect();
	lock_owned(name, &row);
	if (!ad_registry_version(name, version, NULL, NULL, NULL))
		no_version(name, version);
	if (version != row.active)
		(void) ad_own_run("UPDATE %s._ad_model_name SET active = $2 WHERE name = $1",
						  2, types, values, NULL);
	ad_share(name);
	SPI_finish();
	if (row.active == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT32(row.active);
}

/*
 * Jobs that use a model keep it from being dropped, or are dropped with it; the
 * SQL of the jobs room knows them.
 */
static void
drop_jobs(text *name, bool cascade)
{
	Oid			types[2] = {TEXTOID, BOOLOID};
	Datum		values[2] = {PointerGetDatum(name), BoolGetDatum(cascade)};

	if (SPI_execute_with_args(psprintf("SELECT %s._ad_model_jobs($1, $2)",
									   ad_internal_schema()),
							  2, types, values, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_with_args failed");
}

/*
 * What is scheduled of a model follows it to its new name, or goes; that of a
 * role only where it has lost its rights.  The jobs room knows.
 */
static void
move_schedules(text *name, text *new_name, Datum role)
{
	Oid			types[] = {TEXTOID, TEXTOID, TEXTOID};
	Datum		values[3] = {PointerGetDatum(name), PointerGetDatum(new_name), role};
	char		nulls[] = {' ', new_name == NULL ? 'n' : ' ', role == (Datum) 0 ? 'n' : ' '};

	if (SPI_execute_with_args(psprintf("SELECT %s._ad_model_schedules($1, $2, $3)",
									   ad_internal_schema()),
							  3, types, values, nulls, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_with_args failed");
}

/* Drop a model, or a version of it; "jobs": look for jobs that use it. */
static Datum
drop_model(FunctionCallInfo fcinfo, bool jobs)
{
	text	   *name;
	AdRegistryName row;
	Oid			types[2] = {TEXTOID, INT4OID};
	Datum		values[2];
	Datum		sets = (Datum) 0;
	uint64		n;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	name = ad_model_name_argument(PG_GETARG_DATUM(0));
	values[0] = PointerGetDatum(name);
	SPI_connect();
	lock_owned(name, &row);
	sets = ad_store_sets(name);
	if (PG_ARGISNULL(1))
	{
		if (jobs)
		{
			drop_jobs(name, PG_NARGS() > 2 && !PG_ARGISNULL(2) &&
					  PG_GETARG_BOOL(2));
			move_schedules(name, NULL, (Datum) 0);
			(void) ad_own_run("DELETE FROM %s._ad_drift_result WHERE model = $1",
							  1, types, values, NULL);
		}
		n = ad_own_run("DELETE FROM %s._ad_model_version WHERE name = $1",
					   1, types, values, NULL);
		(void) ad_own_run("DELETE FROM %s._ad_model_grant WHERE name = $1",
						  1, types, values, NULL);
		(void) ad_own_run("DELETE FROM %s._ad_model_name WHERE name = $1",
						  1, types, values, NULL);
	}
	else
	{
		int32		version = PG_GETARG_INT32(1);

		values[1] = PG_GETARG_DATUM(1);
		if (version == row.active)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_IN_USE),
					 errmsg("version %d of model \"%s\" is active",
							version, text_to_cstring(name)),
					 errhint("Activate another, or drop the model without a version.")));
		n = ad_own_run("DELETE FROM %s._ad_model_version WHERE name = $1 AND version = $2",
					   2, types, values, NULL);
		if (n == 0)
			no_version(name, version);
	}
	ad_store_sweep(sets);
	ad_share(name);
	SPI_finish();
	PG_RETURN_INT32((int32) n);
}

/* ad_drop_model(name, version) of 0.2.0, until ALTER EXTENSION has been run. */
Datum
ad_drop_model(PG_FUNCTION_ARGS)
{
	return drop_model(fcinfo, false);
}

static Datum
drop_model_and_jobs(FunctionCallInfo fcinfo)
{
	return drop_model(fcinfo, true);
}

/* ad_drop_model(name, version, cascade) -> versions dropped. */
Datum
ad_drop_model_0_3(PG_FUNCTION_ARGS)
{
	return ad_call_door(drop_model_and_jobs, fcinfo);
}

static Datum
rename_model(FunctionCallInfo fcinfo)
{
	static const char *const statements[] = {
		"UPDATE %s._ad_model_name SET name = $2 WHERE name = $1",
		"UPDATE %s._ad_model_version SET name = $2 WHERE name = $1",
		"UPDATE %s._ad_model_grant SET name = $2 WHERE name = $1"
	};
	text	   *name = ad_model_name_argument(PG_GETARG_DATUM(0));
	text	   *new_name = ad_registry_new_name(PG_GETARG_DATUM(1));
	AdRegistryName row;
	AdRegistryName other;
	Oid			types[2] = {TEXTOID, TEXTOID};
	Datum		values[2] = {PointerGetDatum(name), PointerGetDatum(new_name)};

	SPI_connect();
	lock_owned(name, &row);
	ad_registry_lock_name(new_name);
	if (ad_registry_name(new_name, NULL, &other))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("model \"%s\" already exists",
						text_to_cstring(new_name))));
	/* there is nothing more until ALTER EXTENSION has been run */
	if (get_attnum(ad_own_relation(AD_REL_JOB), "model") == InvalidAttrNumber)
	{
		move_schedules(name, new_name, (Datum) 0);
		(void) ad_own_run("UPDATE %s._ad_drift_result SET model = $2 WHERE model = $1",
						  2, types, values, NULL);
	}
	for (int i = 0; i < (int) lengthof(statements); i++)
		(void) ad_own_run(statements[i], 2, types, values, NULL);
	/* jobs follow; until ALTER EXTENSION has been run they have a column */
	(void) ad_own_run(get_attnum(ad_own_relation(AD_REL_JOB), "model") == InvalidAttrNumber ?
					  "UPDATE %s._ad_job SET options = options || jsonb_build_object('model', $2) WHERE options ->> 'model' = $1" :
					  "UPDATE %s._ad_job SET model = $2 WHERE model = $1",
					  2, types, values, NULL);
	/* and models that it is the fallback of */
	if (get_attnum(ad_own_relation(AD_REL_MODEL_VERSION), "groups") != InvalidAttrNumber)
		(void) ad_own_run("UPDATE %s._ad_model_version SET groups = groups || jsonb_build_object('fallback', $2) WHERE groups ->> 'fallback' = $1",
						  2, types, values, NULL);
	ad_share(name);
	ad_share(new_name);
	SPI_finish();
	PG_RETURN_VOID();
}

/* ad_rename_model(name, new_name) */
Datum
ad_rename_model(PG_FUNCTION_ARGS)
{
	return ad_call_door(rename_model, fcinfo);
}

/*
 * Grant, or revoke, what the arguments of a call say.  What was granted to
 * roles that have been dropped since goes at the same time.  Somebody has
 * to own the model afterwards.
 */
static void
change_grant(FunctionCallInfo fcinfo, const char *statement)
{
	text	   *name = ad_model_name_argument(PG_GETARG_DATUM(0));
	char	   *role = ad_text_argument(PG_GETARG_DATUM(1), "role",
										AD_MAX_ROLE_LENGTH);
	char	   *privilege = ad_text_argument(PG_GETARG_DATUM(2), "privilege",
											 AD_MAX_WORD_LENGTH);
	AdRegistryName row;
	Oid			types[3] = {TEXTOID, TEXTOID, TEXTOID};
	Datum		values[3] = {PointerGetDatum(name), CStringGetTextDatum(role),
	CStringGetTextDatum(privilege)};

	(void) ad_privilege_by_name(privilege);
	if (strcmp(role, "public") != 0)
		(void) get_role_oid(role, false);
	SPI_connect();
	lock_owned(name, &row);
	(void) ad_own_run("DELETE FROM %s._ad_model_grant WHERE name = $1 AND role::text = ''",
					  1, types, values, NULL);
	(void) ad_own_run(statement, 3, types, values, NULL);
	if (ad_own_run("SELECT 1 FROM %s._ad_model_grant WHERE name = $1 AND privilege = 'own'",
				   1, types, values, NULL) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("model \"%s\" has no other owner",
						text_to_cstring(name)),
				 errhint("Grant \"own\" to another role first.")));
	if (get_attnum(ad_own_relation(AD_REL_JOB), "model") == InvalidAttrNumber)
		move_schedules(name, NULL, values[1]);
	ad_share(name);
	SPI_finish();
}

/* ad_grant_model(name, role, privilege) */
Datum
ad_grant_model(PG_FUNCTION_ARGS)
{
	change_grant(fcinfo, AD_REGISTRY_GRANT);
	PG_RETURN_VOID();
}

/* ad_revoke_model(name, role, privilege) */
Datum
ad_revoke_model(PG_FUNCTION_ARGS)
{
	change_grant(fcinfo,
				 "DELETE FROM %s._ad_model_grant WHERE name = $1 "
				 "AND role::oid = $2::%s._ad_role::oid AND privilege = $3");
	PG_RETURN_VOID();
}

/* ad_model(name, version) -> the bytes, as they are stored. */
Datum
ad_model_by_name(PG_FUNCTION_ARGS)
{
	int32		version;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	version = PG_ARGISNULL(1) ? AD_VERSION_ACTIVE : PG_GETARG_INT32(1);
	PG_RETURN_DATUM(ad_registry_model(ad_model_name_argument(PG_GETARG_DATUM(0)), &version,
									  AD_PRIVILEGE_READ));
}

/* _ad_model_privilege(name) -> text, or NULL. */
Datum
ad_model_privilege(PG_FUNCTION_ARGS)
{
	AdPrivilege privilege = ad_registry_privilege(ad_model_name_argument(PG_GETARG_DATUM(0)),
												  GetActiveSnapshot(),
												  GetUserId());

	if (privilege == AD_PRIVILEGE_NONE)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(ad_privilege_name(privilege)));
}

/*
 * _ad_role from its name.  A role that does not exist must not make
 * a restore or a subscription fail, nor be somebody else: it is nobody.
 */
Datum
ad_role_in(PG_FUNCTION_ARGS)
{
	char	   *name = PG_GETARG_CSTRING(0);
	Oid			role;

	if (strcmp(name, "public") == 0)
		PG_RETURN_OID(AD_ROLE_PUBLIC);
	if (name[0] == '\0')
		PG_RETURN_OID(AD_ROLE_NOBODY);
	role = get_role_oid(name, true);
	if (!OidIsValid(role))
	{
		ereport(WARNING,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("role \"%s\" does not exist, so it is granted nothing",
						ad_quote_clip(name))));
		role = AD_ROLE_NOBODY;
	}
	PG_RETURN_OID(role);
}

/* The name of an _ad_role; empty for one that was dropped. */
Datum
ad_role_out(PG_FUNCTION_ARGS)
{
	Oid			role = PG_GETARG_OID(0);
	char	   *name;

	if (role == AD_ROLE_PUBLIC)
		PG_RETURN_CSTRING(pstrdup("public"));
	name = role == AD_ROLE_NOBODY ? NULL : GetUserNameFromId(role, true);
	PG_RETURN_CSTRING(name ? name : pstrdup(""));
}
