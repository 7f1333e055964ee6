/*-------------------------------------------------------------------------
 *
 * sql_health.c
 *		What ad_health() needs of C: bounds and limits, faults of models and jobs.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_job_define.h"
#include "math/ad_math.h"
#include "model/ad_model.h"
#include "operate/ad_operate.h"
#include "operate/ad_own.h"
#include "sql/ad_result.h"
#include "sql/ad_text.h"
#include "sql/ad_try.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"

PG_FUNCTION_INFO_V1(ad_beta_quantile_sql);
PG_FUNCTION_INFO_V1(ad_health_limits);
PG_FUNCTION_INFO_V1(ad_model_fault);
PG_FUNCTION_INFO_V1(ad_job_fault);
PG_FUNCTION_INFO_V1(ad_alter_model);
PG_FUNCTION_INFO_V1(ad_model_health);

/* _ad_beta_quantile(p, a, b) -> float8.  Strict. */
Datum
ad_beta_quantile_sql(PG_FUNCTION_ARGS)
{
	double		p = PG_GETARG_FLOAT8(0);
	double		a = PG_GETARG_FLOAT8(1);
	double		b = PG_GETARG_FLOAT8(2);

	if (!(p >= 0 && p <= 1 && a > 0 && b > 0 && isfinite(a) && isfinite(b)))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(ad_beta_quantile(p, a, b));
}

/* The name of a model that is to be there; none has a longer one. */
text *
ad_health_model_name(Datum name)
{
	if (ad_raw_length(name) > AD_MAX_MODEL_NAME)
		ad_registry_no_model(ad_text_quote(name));
	return DatumGetTextPP(name);
}

/* The text of an object as jsonb. */
static Datum
jsonb_of(const char *text)
{
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(text));
}

/* _ad_health_limits(given) -> all of them.  Strict. */
Datum
ad_health_limits(PG_FUNCTION_ARGS)
{
	Jsonb	   *given = PG_GETARG_JSONB_P(0);

	ad_health_limits_check(given, true);
	return jsonb_of(ad_health_limits_full(given));
}

/* Whether an error is none of what was tried. */
static bool
is_interrupt(const ErrorData *e)
{
	int			class = ERRCODE_TO_CATEGORY(e->sqlerrcode);

	return class == ERRCODE_OPERATOR_INTERVENTION ||
		class == ERRCODE_INSUFFICIENT_RESOURCES;
}

/* A version of a model that is looked at. */
typedef struct Bytes
{
	text	   *name;
	int32		version;
	char	   *digest;			/* out: of the bytes, in hexadecimal digits */
} Bytes;

/* Read a model as whoever scores with it does; an error if it is damaged. */
static void
read_bytes(void *arg)
{
	Bytes	   *b = arg;
	Datum		value;
	struct AdGroups *groups;
	bytea	   *bytes;
	AdModel    *m;
	StringInfoData digest;

	/* models of entities are read as their rows come */
	if (!ad_registry_version(b->name, b->version, NULL, &value, &groups) ||
		groups != NULL)
		return;
	bytes = DatumGetByteaPP(value);
	m = ad_model_read((const uint8 *) VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	initStringInfo(&digest);
	for (int i = 0; i < AD_DIGEST_LENGTH; i++)
		appendStringInfo(&digest, "%02x", m->digest[i]);
	b->digest = digest.data;
}

/*
 * _ad_model_fault(name) -> what is wrong with the bytes of the active version
 * of a model that the current user may score with; NULL: nothing.  Strict.
 */
Datum
ad_model_fault(PG_FUNCTION_ARGS)
{
	AdRegistryName row;
	Bytes		b = {ad_health_model_name(PG_GETARG_DATUM(0)), 0, NULL};
	MemoryContext mcxt = AllocSetContextCreate(CurrentMemoryContext, "anomaly model that is looked at",
											   ALLOCSET_DEFAULT_SIZES);
	MemoryContext old;
	ErrorData  *error;
	char	   *fault = NULL;

	ad_registry_check(b.name, NULL, AD_PRIVILEGE_SCORE, &row);
	if (row.active == 0)
		PG_RETURN_NULL();
	b.version = row.active;
	old = MemoryContextSwitchTo(mcxt);
	error = ad_try(read_bytes, &b);
	MemoryContextSwitchTo(old);
	if (error != NULL && is_interrupt(error))
		ThrowErrorData(error);
	if (error != NULL)
		fault = pstrdup(error->detail != NULL ? error->detail :
						error->message != NULL ? error->message : "");
	else if (b.digest != NULL && !ad_registry_is(b.name, b.version, b.digest))
		fault = pstrdup("They are not those that were trained, by their digest.");
	MemoryContextDelete(mcxt);
	if (fault == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(fault));
}

/* Check a job, as if it were changed; no row of its source is read. */
static void
check_job(void *arg)
{
	int32		id = *(int32 *) arg;
	AdJob	   *job = ad_job_look(id);

	if (job != NULL && OidIsValid(job->owner))
		ad_job_check(job, false);
}

/*
 * _ad_job_fault(job_id) -> why a job of the current user's cannot run: a
 * table, a column, a model that is not there, or not of the type that it was;
 * NULL: nothing is known.  Strict.
 */
Datum
ad_job_fault(PG_FUNCTION_ARGS)
{
	int32		id = PG_GETARG_INT32(0);
	MemoryContext mcxt = CurrentMemoryContext;
	int			nestlevel = NewGUCNestLevel();
	ErrorData  *error;
	char	   *fault = NULL;

	/* it is not asked for its warnings */
	(void) set_config_option("client_min_messages", "error", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("log_min_messages", "error", PGC_SUSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	SPI_connect();
	error = ad_try(check_job, &id);
	if (error != NULL && is_interrupt(error))
		ThrowErrorData(error);
	/* what is wrong with the rule, another check says */
	if (error != NULL &&
		(error->sqlerrcode == ERRCODE_INVALID_BINARY_REPRESENTATION ||
		 ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION))
		fault = MemoryContextStrdup(mcxt, psprintf("%s%s%s", error->message,
												   error->detail ? ". " : "",
												   error->detail ? error->detail : ""));
	SPI_finish();
	AtEOXact_GUC(true, nestlevel);
	if (fault == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(fault));
}

/* The limits of a model with some changed; "health" of the changes only. */
static Jsonb *
changed_limits(Jsonb *changes)
{
	JsonbIterator *it = JsonbIteratorInit(&changes->root);
	JsonbIteratorToken token;
	JsonbValue	key;
	JsonbValue	value;
	Jsonb	   *limits = NULL;

	while ((token = JsonbIteratorNext(&it, &key, true)) != WJB_DONE)
	{
		if (token != WJB_KEY)
			continue;
		(void) JsonbIteratorNext(&it, &value, true);
		if (key.val.string.len != 6 || strncmp(key.val.string.val, "health", 6) != 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("a model has no \"%s\" that could be changed",
							ad_quote_clip_len(key.val.string.val, key.val.string.len)),
					 errhint("There is health. Other names are given with ad_rename_model(), owners with ad_grant_model().")));
		if (value.type != jbvNull)
			limits = JsonbValueToJsonb(&value);
		if (limits != NULL)
			ad_health_limits_check(limits, true);
	}
	return limits;
}

static Datum
alter_model(FunctionCallInfo fcinfo)
{
	AdRegistryName row;
	Oid			types[] = {TEXTOID, JSONBOID};
	Datum		values[2];
	char		nulls[] = "  ";
	Jsonb	   *limits;
	text	   *name;
	Datum		result;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("name cannot be NULL")));
	name = ad_health_model_name(PG_GETARG_DATUM(0));
	ad_registry_check(name, NULL, AD_PRIVILEGE_OWN, &row);
	if (!PG_ARGISNULL(1))
		ad_check_length(PG_GETARG_DATUM(1), "changes", AD_MAX_OPTIONS_LENGTH);
	if (PG_ARGISNULL(1) || !JB_ROOT_IS_OBJECT(PG_GETARG_JSONB_P(1)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("changes of model \"%s\" must be an object",
						text_to_cstring(name)),
				 errhint("For example: {\"health\": {\"max_age\": \"7 days\"}}.")));
	SPI_connect();
	limits = changed_limits(PG_GETARG_JSONB_P(1));
	values[0] = PointerGetDatum(name);
	values[1] = limits == NULL ? (Datum) 0 : JsonbPGetDatum(limits);
	nulls[1] = limits == NULL ? 'n' : ' ';
	if (JB_ROOT_COUNT(PG_GETARG_JSONB_P(1)) > 0)
		(void) ad_own_run("UPDATE %s._ad_model_name SET health = nullif(jsonb_strip_nulls(CASE WHEN $2 IS NOT NULL THEN coalesce(health, '{}') || $2 END), '{}') "
						  "WHERE name = $1", lengthof(types), types, values, nulls);
	result = ad_job_name_result(text_to_cstring(name));
	SPI_finish();
	return result;
}

/* ad_alter_model(name, changes) -> its name. */
Datum
ad_alter_model(PG_FUNCTION_ARGS)
{
	return ad_call_door(alter_model, fcinfo);
}

static Datum
model_health(FunctionCallInfo fcinfo)
{
	Oid			types[] = {TEXTOID};
	Datum		values[] = {PG_GETARG_DATUM(0)};
	MemoryContext caller = CurrentMemoryContext;
	const char *schema = ad_internal_schema();

	if (ad_raw_length(values[0]) > AD_MAX_MODEL_NAME)
		PG_RETURN_NULL();
	SPI_connect();
	if (SPI_execute_with_args(psprintf("SELECT %s._ad_health_limits(coalesce((SELECT l.health FROM %s._ad_model_limits l WHERE l.name = $1), '{}')) "
									   "WHERE EXISTS (SELECT FROM %s._ad_visible_model v WHERE v.name = $1)",
									   schema, schema, schema),
							  1, types, values, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_with_args failed");
	return ad_spi_finish_with(fcinfo, 1, caller);
}

/*
 * ad_model_health(name) -> limits, or NULL if the current user sees no such
 * model.  Strict.
 */
Datum
ad_model_health(PG_FUNCTION_ARGS)
{
	return ad_call_door(model_health, fcinfo);
}
