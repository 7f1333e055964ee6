/*-------------------------------------------------------------------------
 *
 * share.c
 *		Writing the copies of named models that a cluster of Citus has.
 *
 * A name's row in _ad_model_copy is written again, in the transaction of the
 * change, by whatever changes its active version or its grants.  Citus writes
 * it on every server, or on none.  Models per entity have no copy.
 *
 *-------------------------------------------------------------------------
 */
#include "operate/ad_copy.h"
#include "rows/ad_registry.h"
#include "sql/ad_text.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(ad_share_models);

/*
 * Write the copy of a name, if models are shared.  A worker may have names of its
 * own, which no other server knows.  Within SPI.
 */
void
ad_share(text *name)
{
	Oid			types[] = {TEXTOID, INT4OID, BYTEAOID, TEXTARRAYOID};
	Datum		values[lengthof(types)] = {PointerGetDatum(name)};
	AdRegistryName row;
	uint64		n;
	bool		isnull;

	if (!OidIsValid(ad_copy_shard()))
		return;
	if (ad_citus_is_worker())
	{
		if (ad_copy_name(name, NULL, &row))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("model \"%s\" is a copy of the one of the coordinator of this cluster",
							text_to_cstring(name)),
					 errhint("Change it there.")));
		return;
	}
	(void) ad_own_run("DELETE FROM %s." AD_COPY_TABLE " WHERE name = $1", 1,
					  types, values, NULL);
	n = ad_own_run("SELECT v.version, v.model, ARRAY(SELECT unnest(ARRAY[g.role::text, g.privilege]) FROM %s._ad_model_grant g "
				   "WHERE g.name = v.name AND g.role::text <> '') "
				   "FROM %s._ad_model_name n JOIN %s._ad_model_version v ON v.name = n.name AND v.version = n.active "
				   "WHERE n.name = $1 AND v.groups IS NULL", 1, types, values, NULL);
	if (n == 0)
		return;
	for (int i = 1; i < (int) lengthof(types); i++)
		values[i] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i, &isnull);
	(void) ad_own_run("INSERT INTO %s." AD_COPY_TABLE " (name, version, model, grants) VALUES ($1, $2, $3, $4)",
					  lengthof(types), types, values, NULL);
}

static Datum
share_models(FunctionCallInfo fcinfo)
{
	SPITupleTable *names;
	uint64		n;

	(void) fcinfo;
	PreventCommandIfReadOnly("ad_share_models()");
	if (!has_privs_of_role(GetUserId(), ad_own_owner()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to share models"),
				 errdetail("Only the owner of the tables of extension \"anomaly\" may do that.")));
	if (!OidIsValid(ad_citus_catalog("pg_dist_shard")))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("extension \"citus\" is not installed"),
				 errhint("ad_publish_model() copies models to foreign servers.")));
	if (ad_citus_is_worker())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("this server is a worker of its cluster"),
				 errhint("Models are shared from the coordinator.")));
	SPI_connect();
	if (!OidIsValid(ad_copy_shard()) &&
		SPI_execute(psprintf("SELECT pg_catalog.create_reference_table('%s." AD_COPY_TABLE "'::pg_catalog.regclass)",
							 ad_internal_schema()), false, 0) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute failed");
	CommandCounterIncrement();
	if (!OidIsValid(ad_copy_shard()))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("this server of the cluster has no copies of reference tables"),
				 errhint("Add the coordinator: SELECT citus_set_coordinator_host('...').")));
	/* of names that are gone without our knowledge, too */
	(void) ad_own_run("DELETE FROM %s." AD_COPY_TABLE, 0, NULL, NULL, NULL);
	n = ad_own_run("SELECT name FROM %s._ad_model_name ORDER BY name", 0, NULL, NULL, NULL);
	names = SPI_tuptable;
	for (uint64 i = 0; i < n; i++)
	{
		bool		isnull;

		CHECK_FOR_INTERRUPTS();
		ad_share(DatumGetTextPP(SPI_getbinval(names->vals[i], names->tupdesc, 1, &isnull)));
	}
	SPI_finish();
	PG_RETURN_INT64((int64) n);
}

/* ad_share_models() -> how many there are */
Datum
ad_share_models(PG_FUNCTION_ARGS)
{
	return ad_call_door(share_models, fcinfo);
}
