/*-------------------------------------------------------------------------
 *
 * group_sweep.c
 *		Models of entities that no version has any more go.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_core.h"
#include "rows/ad_store.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/lsyscache.h"

/* Whether there are models of groups: not until ALTER EXTENSION has been run. */
bool
ad_store_has_groups(void)
{
	return get_attnum(ad_own_relation(AD_REL_MODEL_VERSION), "groups") != InvalidAttrNumber;
}

/*
 * The sets of models of groups that versions of a name have, text[]; 0: none.
 * To be asked before versions go, for ad_store_sweep().  Within SPI.
 */
Datum
ad_store_sets(text *name)
{
	Oid			types[] = {TEXTOID};
	Datum		values[] = {PointerGetDatum(name)};
	bool		isnull;
	Datum		d;

	if (!ad_store_has_groups())
		return (Datum) 0;
	(void) ad_own_run("SELECT array_agg(DISTINCT v.groups ->> 'set') FROM %s._ad_model_version v "
					  "WHERE v.name = $1 AND v.groups IS NOT NULL",
					  lengthof(types), types, values, NULL);
	d = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	return isnull ? (Datum) 0 : d;
}

/*
 * Delete the models of entities, of some sets, that no version has any more, of
 * whatever name: a restore may say that a set of another is its own.  Within
 * SPI.
 */
void
ad_store_sweep(Datum sets)
{
	Oid			types[] = {TEXTARRAYOID};
	Datum		values[] = {sets};

	if (sets == (Datum) 0)
		return;
	(void) ad_own_run("DELETE FROM %s._ad_model_group g WHERE g.group_set = ANY ($1::uuid[]) "
					  "AND NOT EXISTS (SELECT FROM (SELECT v.version, (v.groups ->> 'set')::uuid AS group_set "
					  "FROM %s._ad_model_version v WHERE v.groups ->> 'set' = ANY ($1::uuid[]::text[]) OFFSET 0) w "
					  "WHERE w.group_set = g.group_set AND w.version >= g.first AND w.version <= coalesce(g.last, w.version))",
					  lengthof(types), types, values, NULL);
}
