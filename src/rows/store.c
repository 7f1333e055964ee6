/*-------------------------------------------------------------------------
 *
 * store.c
 *		A version of a named model becomes a row of the registry.
 *
 *-------------------------------------------------------------------------
 */
#include "rows/ad_spec_value.h"
#include "rows/ad_registry.h"
#include "rows/ad_store.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"

/* The names and types of a model's features as jsonb. */
Datum
ad_store_features(const AdModel *m)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoChar(&buf, '[');
	for (int j = 0; j < m->nfeatures; j++)
	{
		appendStringInfoString(&buf, j > 0 ? ", {\"name\": " : "{\"name\": ");
		if (m->features[j].name[0])
			escape_json(&buf, m->features[j].name);
		else
			appendStringInfoString(&buf, "null");
		appendStringInfoString(&buf, ", \"type\": ");
		escape_json(&buf, m->features[j].type);
		appendStringInfoChar(&buf, '}');
	}
	appendStringInfoChar(&buf, ']');
	return JsonbPGetDatum(ad_jsonb_from_text(buf.data));
}

/*
 * Take the next version of a name, which is made, and belongs to the current
 * user, if it is new.  keep 0: as it was.  Within SPI.
 */
int32
ad_store_next(text *name, int32 keep)
{
	Oid			types[] = {TEXTOID, INT4OID};
	Datum		values[] = {PointerGetDatum(name), Int32GetDatum(keep)};
	char		nulls[] = {' ', keep == 0 ? 'n' : ' '};
	int32		version;

	/* this waits for another training of the name, and then is the next */
	ad_registry_lock_name(name);
	(void) ad_own_run("INSERT INTO %s._ad_model_name AS n (name, last_version, keep) "
					  "VALUES ($1, 1, $2) "
					  "ON CONFLICT (name) DO UPDATE "
					  "SET last_version = n.last_version + 1, keep = coalesce($2, n.keep) "
					  "RETURNING last_version",
					  lengthof(types), types, values, nulls);
	version = ad_own_result(1);
	if (version == 1)
	{
		Oid			grant_types[] = {TEXTOID, TEXTOID, TEXTOID};
		Datum		grant_values[] = {
			PointerGetDatum(name),
			CStringGetTextDatum(GetUserNameFromId(GetUserId(), false)),
			CStringGetTextDatum("own")
		};

		(void) ad_own_run(AD_REGISTRY_GRANT, lengthof(grant_types),
						  grant_types, grant_values, NULL);
	}
	else
	{
		AdRegistryName row;

		ad_registry_check(name, NULL, AD_PRIVILEGE_OWN, &row);
	}
	return version;
}

/* The parameters of the statements that store a version: $1, ... */
enum
{
	STORE_NAME,
	STORE_VERSION,
	STORE_MODEL,
	STORE_SPEC,
	STORE_QUERY,
	STORE_ROWS,
	STORE_FEATURES,
	STORE_DIGEST,
	STORE_USER,
	STORE_NOTES,
	STORE_GROUPS,
	STORE_FIT_MS,
	STORE_FIT_BYTES,
	STORE_PARAMETERS
};

/* Say of a version that it is one model. */
void
ad_store_model(AdStored *s, bytea *bytes)
{
	const AdModel *m = ad_model_read((const uint8 *) VARDATA_ANY(bytes),
									 VARSIZE_ANY_EXHDR(bytes));
	StringInfoData digest;

	initStringInfo(&digest);
	for (int i = 0; i < AD_DIGEST_LENGTH; i++)
		appendStringInfo(&digest, "%02x", m->digest[i]);
	s->bytes = bytes;
	s->spec = JsonbPGetDatum(ad_jsonb_from_text(m->spec));
	s->rows = (int64) m->rows;
	s->features = ad_store_features(m);
	s->digest = digest.data;
	s->groups = (Datum) 0;
}

/*
 * Store a version, the next of its name unless it has a number; versions beyond
 * those that are kept go.  Returns its number.  Within SPI.
 */
int32
ad_store_version(const AdStored *s)
{
	static const Oid types[STORE_PARAMETERS] = {TEXTOID, INT4OID, BYTEAOID,
		JSONBOID, TEXTOID, INT8OID, JSONBOID, TEXTOID, TEXTOID, TEXTOID, JSONBOID, FLOAT8OID, INT8OID
	};
	Datum		values[STORE_PARAMETERS];
	char		nulls[STORE_PARAMETERS];
	int32		version = s->version ? s->version : ad_store_next(s->name, s->keep);
	Datum		sets = ad_store_sets(s->name);

	memset(nulls, ' ', sizeof(nulls));
	values[STORE_NAME] = PointerGetDatum(s->name);
	values[STORE_VERSION] = Int32GetDatum(version);
	values[STORE_MODEL] = PointerGetDatum(s->bytes);
	values[STORE_SPEC] = s->spec;
	values[STORE_QUERY] = CStringGetTextDatum(s->query);
	values[STORE_ROWS] = Int64GetDatum(s->rows);
	values[STORE_FEATURES] = s->features;
	values[STORE_DIGEST] = CStringGetTextDatum(s->digest);
	values[STORE_USER] =
		CStringGetTextDatum(GetUserNameFromId(GetUserId(), false));
	values[STORE_NOTES] = s->notes;
	nulls[STORE_NOTES] = s->notes == (Datum) 0 ? 'n' : ' ';
	values[STORE_GROUPS] = s->groups;
	nulls[STORE_GROUPS] = s->groups == (Datum) 0 ? 'n' : ' ';
	values[STORE_FIT_MS] = Float8GetDatum(s->fit_ms);
	values[STORE_FIT_BYTES] = Int64GetDatum(s->fit_bytes);
	nulls[STORE_FIT_MS] = nulls[STORE_FIT_BYTES] = isnan(s->fit_ms) ? 'n' : ' ';
	(void) ad_own_run(ad_store_has_groups() ?
					  "INSERT INTO %s._ad_model_version (name, version, model, spec, query, rows, "
					  "features, digest, trained_at, trained_by, notes, groups, fit_ms, fit_bytes) "
					  "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, clock_timestamp(), $9, $10, $11, $12, $13)" :
					  "INSERT INTO %s._ad_model_version (name, version, model, spec, query, rows, "
					  "features, digest, trained_at, trained_by, notes) "
					  "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, clock_timestamp(), $9, $10)",
					  STORE_PARAMETERS, types, values, nulls);
	if (s->labels != (Datum) 0)
	{
		Oid			labels_types[] = {TEXTOID, INT4OID, JSONBOID};
		Datum		labels[] = {values[STORE_NAME], values[STORE_VERSION], s->labels};

		(void) ad_own_run("UPDATE %s._ad_model_version SET labels = $3 WHERE name = $1 AND version = $2",
						  lengthof(labels), labels_types, labels, NULL);
	}
	if (s->activate)
		(void) ad_own_run("UPDATE %s._ad_model_name SET active = $2 WHERE name = $1",
						  STORE_VERSION + 1, types, values, NULL);

	/* the active one stays, however old */
	(void) ad_own_run("DELETE FROM %s._ad_model_version v USING %s._ad_model_name n "
					  "WHERE n.name = $1 AND v.name = $1 AND v.version IS DISTINCT FROM n.active "
					  "AND v.version NOT IN (SELECT w.version FROM %s._ad_model_version w "
					  "WHERE w.name = $1 ORDER BY w.version DESC LIMIT n.keep)",
					  STORE_NAME + 1, types, values, NULL);
	ad_store_sweep(sets);
	ad_share(s->name);
	return version;
}
