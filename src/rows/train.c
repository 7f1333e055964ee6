/*-------------------------------------------------------------------------
 *
 * train.c
 *		ad_train: a query's rows become the next version of a named model.
 *
 * The query must be one SELECT, and is put into one that fits its rows
 * (query.c), which the planner may run in parallel and which keeps the names
 * of the columns.  It runs as the caller, under the caller's rights and row
 * security, in what for its duration is a read-only transaction.  Only then
 * are the tables of the registry touched, so that their row of the name is
 * locked briefly.
 *
 *-------------------------------------------------------------------------
 */
#include "model/ad_model.h"
#include "operate/ad_progress.h"
#include "rows/ad_query.h"
#include "rows/ad_registry.h"
#include "rows/ad_spec_value.h"
#include "sql/ad_result.h"
#include "sql/ad_text.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "portability/instr_time.h"
#include "tcop/utility.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"

PG_FUNCTION_INFO_V1(ad_train);

/* Add what is being trained to the context of an error. */
static void
error_context(void *arg)
{
	errcontext("training query of model \"%s\"", (const char *) arg);
}

/* Fit the rows of a query; the model's bytes, or NULL if there are no rows. */
static bytea *
fit_rows(const char *name, const char *sql, Datum spec, Oid spec_type,
		 bool keyed, AdQuery *query)
{
	const char *internal = ad_internal_schema();
	ErrorContextCallback callback;
	char	   *fit;
	bytea	   *model;

	callback.callback = error_context;
	callback.arg = (void *) name;
	callback.previous = error_context_stack;
	error_context_stack = &callback;

	ad_query_read(sql, "training query", query);
	if (query->columns->natts == 1 &&
		TupleDescAttr(query->columns, 0)->atttypid == BYTEAOID)
	{
		/* sketches; a comment may end the query, so a line ends it too */
		fit = psprintf("SELECT %s._ad_fit_sketch($1, %s._ad_merge(_q._c1)) FROM (\n%s\n) _q(_c1)",
					   internal, internal, query->text);
	}
	else
	{
		if (keyed && query->columns->natts < 2)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("keyed sampling needs a row key before the features"),
					 errhint("The first column of the training query is the key.")));
		ad_query_features(query, keyed ? 0 : -1);
		fit = psprintf("SELECT %s._ad_fit($1, %s%s)%s", internal,
					   keyed ? "_q._c1, " : "", query->features,
					   ad_query_from(query));
	}

	model = ad_query_fit(fit, spec_type, spec);
	error_context_stack = callback.previous;
	return model;
}

/* The names and types of a model's features as jsonb. */
static Datum
features_json(const AdModel *m)
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
 * user, if it is new.  keep NULL: as it was.  Within SPI.
 */
static int32
next_version(text *name, Datum keep, bool keep_null)
{
	Oid			types[] = {TEXTOID, INT4OID};
	Datum		values[] = {PointerGetDatum(name), keep};
	char		nulls[] = {' ', keep_null ? 'n' : ' '};
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
	STORE_FIT_MS,
	STORE_FIT_BYTES,
	STORE_PARAMETERS
};

/*
 * Store a model, whose fit took ms milliseconds, as the next version of a name;
 * versions beyond those that
 * are kept go.  Returns the version.  Within SPI.
 */
static int32
store(text *name, bytea *bytes, const AdModel *m, double ms,
	  const char *query, Datum notes, bool notes_null, Datum keep,
	  bool keep_null, bool activate)
{
	Oid			types[STORE_PARAMETERS] = {TEXTOID, INT4OID, BYTEAOID,
		JSONBOID, TEXTOID, INT8OID, JSONBOID, TEXTOID, TEXTOID, TEXTOID,
		FLOAT8OID, INT8OID
	};
	Datum		values[STORE_PARAMETERS];
	char		nulls[STORE_PARAMETERS];
	StringInfoData digest;
	int32		version = next_version(name, keep, keep_null);

	initStringInfo(&digest);
	for (int i = 0; i < AD_DIGEST_LENGTH; i++)
		appendStringInfo(&digest, "%02x", m->digest[i]);
	memset(nulls, ' ', sizeof(nulls));
	values[STORE_NAME] = PointerGetDatum(name);
	values[STORE_VERSION] = Int32GetDatum(version);
	values[STORE_MODEL] = PointerGetDatum(bytes);
	values[STORE_SPEC] = JsonbPGetDatum(ad_jsonb_from_text(m->spec));
	values[STORE_QUERY] = CStringGetTextDatum(query);
	values[STORE_ROWS] = Int64GetDatum((int64) m->rows);
	values[STORE_FEATURES] = features_json(m);
	values[STORE_DIGEST] = CStringGetTextDatum(digest.data);
	values[STORE_USER] =
		CStringGetTextDatum(GetUserNameFromId(GetUserId(), false));
	values[STORE_NOTES] = notes;
	nulls[STORE_NOTES] = notes_null ? 'n' : ' ';
	values[STORE_FIT_MS] = Float8GetDatum(ms);
	values[STORE_FIT_BYTES] = Int64GetDatum((int64) ad_fit_memory);
	/* until ALTER EXTENSION has been run the last two have no columns */
	if (get_attnum(ad_own_relation(AD_REL_MODEL_VERSION), "fit_ms") == InvalidAttrNumber)
		(void) ad_own_run("INSERT INTO %s._ad_model_version (name, version, model, spec, query, rows, "
						  "features, digest, trained_at, trained_by, notes) "
						  "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, clock_timestamp(), $9, $10)",
						  STORE_FIT_MS, types, values, nulls);
	else
		(void) ad_own_run("INSERT INTO %s._ad_model_version (name, version, model, spec, query, rows, "
						  "features, digest, trained_at, trained_by, notes, fit_ms, fit_bytes) "
						  "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, clock_timestamp(), $9, $10, $11, $12)",
						  STORE_PARAMETERS, types, values, nulls);
	if (activate)
		(void) ad_own_run("UPDATE %s._ad_model_name SET active = $2 WHERE name = $1",
						  STORE_VERSION + 1, types, values, NULL);

	/* the active one stays, however old */
	(void) ad_own_run("DELETE FROM %s._ad_model_version v USING %s._ad_model_name n "
					  "WHERE n.name = $1 AND v.name = $1 AND v.version IS DISTINCT FROM n.active "
					  "AND v.version NOT IN (SELECT w.version FROM %s._ad_model_version w "
					  "WHERE w.name = $1 ORDER BY w.version DESC LIMIT n.keep)",
					  STORE_NAME + 1, types, values, NULL);
	return version;
}

/*
 * ad_train(name, query, spec or detector, notes, keep, activate) -> version
 */
static Datum
run_train(FunctionCallInfo fcinfo)
{
	static const char *const arguments[] = {"name", "query", "spec"};
	Oid		   *types;
	int			nargs;
	text	   *name;
	char	   *sql;
	struct varlena *spec_value;
	AdSpec		spec;
	AdRegistryName row;
	AdQuery		query;
	bytea	   *bytes;
	int32		version;
	instr_time	start;
	instr_time	took;
	int			progress;

	ad_check_public(fcinfo->flinfo->fn_oid);
	ad_check_not_null(fcinfo, arguments, lengthof(arguments));
	name = ad_registry_new_name(PG_GETARG_DATUM(0));
	sql = ad_text_argument(PG_GETARG_DATUM(1), "query", AD_MAX_QUERY_LENGTH);
	ad_check_length(PG_GETARG_DATUM(2), "spec", AD_MAX_OPTIONS_LENGTH);
	if (!PG_ARGISNULL(3))
		ad_check_length(PG_GETARG_DATUM(3), "notes", AD_MAX_NOTE_LENGTH);
	spec_value = PG_DETOAST_DATUM(PG_GETARG_DATUM(2));
	if (!PG_ARGISNULL(4) && PG_GETARG_INT32(4) < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("keep is %d, must be at least 1", PG_GETARG_INT32(4))));

	/* what can be wrong is said before the rows are read */
	(void) get_func_signature(fcinfo->flinfo->fn_oid, &types, &nargs);
	ad_spec_from_value(spec_value, types[2] == TEXTOID, true, &spec);
	if (spec.prepare.on_error == AD_ON_ERROR_NULL)
		spec_value = (struct varlena *) ad_spec_raising((Jsonb *) spec_value);
	PreventCommandIfReadOnly("ad_train()");
	if (ad_registry_name(name, NULL, &row))
		ad_registry_check(name, NULL, AD_PRIVILEGE_OWN, &row);

	progress = ad_progress_begin_in(CurrentMemoryContext, "train",
									text_to_cstring(name), NAN);
	ad_progress_phase(progress, "planning");
	ad_progress_around_fit = progress;
	SPI_connect();
	ad_fit_memory = 0;
	INSTR_TIME_SET_CURRENT(start);
	bytes = fit_rows(text_to_cstring(name), sql,
					 PointerGetDatum(spec_value), types[2],
					 spec.sampling.keyed, &query);
	INSTR_TIME_SET_CURRENT(took);
	INSTR_TIME_SUBTRACT(took, start);
	ad_progress_around_fit = -1;
	ad_progress_phase(progress, "storing");
	if (bytes == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 ad_query_has_rows(&query) ?
				 errmsg("all rows of the training query of model \"%s\" are NULL",
						text_to_cstring(name)) :
				 errmsg("training query of model \"%s\" returned no rows",
						text_to_cstring(name))));
	version = store(name, bytes,
					ad_model_read((const uint8 *) VARDATA_ANY(bytes),
								  VARSIZE_ANY_EXHDR(bytes)),
					INSTR_TIME_GET_MILLISEC(took), query.text,
					PG_ARGISNULL(3) ? (Datum) 0 : PG_GETARG_DATUM(3),
					PG_ARGISNULL(3),
					PG_ARGISNULL(4) ? (Datum) 0 : PG_GETARG_DATUM(4),
					PG_ARGISNULL(4),
					PG_ARGISNULL(5) || PG_GETARG_BOOL(5));
	SPI_finish();
	ad_progress_end(progress);
	PG_RETURN_INT32(version);
}

/* The same; what fails repeats little of the query. */
Datum
ad_train(PG_FUNCTION_ARGS)
{
	return ad_call_clipped(run_train, fcinfo);
}
