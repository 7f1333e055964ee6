/*-------------------------------------------------------------------------
 *
 * sql_health.c
 *		What ad_health() needs of C: bounds and limits.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_job_define.h"
#include "math/ad_math.h"
#include "operate/ad_operate.h"
#include "operate/ad_own.h"
#include "sql/ad_text.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(ad_beta_quantile_sql);
PG_FUNCTION_INFO_V1(ad_health_limits);
PG_FUNCTION_INFO_V1(ad_alter_model);

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
	Datum		result;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("name cannot be NULL")));
	ad_registry_check(PG_GETARG_TEXT_PP(0), NULL, AD_PRIVILEGE_OWN, &row);
	if (!PG_ARGISNULL(1))
		ad_check_length(PG_GETARG_DATUM(1), "changes", AD_MAX_OPTIONS_LENGTH);
	if (PG_ARGISNULL(1) || !JB_ROOT_IS_OBJECT(PG_GETARG_JSONB_P(1)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("changes of model \"%s\" must be an object",
						text_to_cstring(PG_GETARG_TEXT_PP(0))),
				 errhint("For example: {\"health\": {\"max_age\": \"7 days\"}}.")));
	SPI_connect();
	limits = changed_limits(PG_GETARG_JSONB_P(1));
	values[0] = PG_GETARG_DATUM(0);
	values[1] = limits == NULL ? (Datum) 0 : JsonbPGetDatum(limits);
	nulls[1] = limits == NULL ? 'n' : ' ';
	if (JB_ROOT_COUNT(PG_GETARG_JSONB_P(1)) > 0)
		(void) ad_own_run("UPDATE %s._ad_model_name SET health = nullif(jsonb_strip_nulls(CASE WHEN $2 IS NOT NULL THEN coalesce(health, '{}') || $2 END), '{}') "
						  "WHERE name = $1", lengthof(types), types, values, nulls);
	result = ad_job_name_result(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	SPI_finish();
	return result;
}

/* ad_alter_model(name, changes) -> its name. */
Datum
ad_alter_model(PG_FUNCTION_ARGS)
{
	return ad_call_door(alter_model, fcinfo);
}
