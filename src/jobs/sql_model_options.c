/*-------------------------------------------------------------------------
 *
 * sql_model_options.c
 *		The kind "model": rows scored by a named model.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_job_define.h"
#include "jobs/ad_scorer.h"
#include "operate/ad_operate.h"
#include "operate/ad_own.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"

static const AdOption options[] = {
	AD_TEXT(AdJob, model, NULL, AD_MAX_MODEL_NAME),
	AD_TEXT(AdJob, key, NULL, NAMEDATALEN - 1),
	AD_TEXT(AdJob, watermark, NULL, NAMEDATALEN - 1),
	AD_OPTION_AT("rule", AD_OPT_JSON, rule_option, 0, 0, 1024),
	AD_TEXT(AdJob, entity, NULL, NAMEDATALEN - 1),
	AD_INT(AdJob, batch_size, 10000, 1, 1000000),
	AD_TEXT(AdJob, lag, NULL, 64),
	AD_OPTION_AT("cooldown", AD_OPT_TEXT, cooldown_option, 0, 0, 64),
	AD_OPTION_AT("limit_per_hour", AD_OPT_INT, limit_option, NAN, 1, PG_INT32_MAX),
	AD_INT(AdJob, explain, 3, 0, 4096),
	AD_TEXT(AdJob, since, NULL, 64),
	AD_WORDS(AdJob, features, AD_MAX_OPTIONS_LENGTH),
	AD_ENUM(AdJob, on_error, AD_JOB_SKIP, ad_job_on_error_names),
	AD_SEED(AdJob, seen_limit, 1000000, 1000, 100000000),
	AD_TEXT(AdJob, late_check, "1 day", 64),
	AD_JOB_WATCH_OPTIONS,
	AD_TEXT(AdJob, model_by, NULL, NAMEDATALEN - 1)
};

static const char *const fixed[] = {"key", "watermark", "since", NULL};

/* What a job needs to know of its model. */
typedef struct Model
{
	bool		has_names;		/* its features have */
	char	   *missing;		/* features that the source lacks, or NULL */
	bool		calibrated;
	bool		groups;			/* it has a model per entity */
	int64		rows;			/* it is calibrated on; 0: not for the user to
								 * know */
	double		least_p;		/* of its p-values, likewise */
} Model;

/* A column of the row that came back; what "isnull" says it is else. */
static Datum
got(int n, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, n,
						 isnull);
}

/*
 * Look at the active version of a job's model, as the current user may see it;
 * errors if there is none, or if he may not score with it.
 */
static void
read_model(const AdJob *job, const AdJobColumns *source, Model *out)
{
	const char *internal = ad_internal_schema();
	Oid			types[] = {TEXTOID, TEXTARRAYOID};
	Datum		values[2];
	Datum		ignored;
	AdRegistryName row;
	bool		isnull;
	Datum		d;

	if (job->model == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("model cannot be NULL")));
	values[0] = CStringGetTextDatum(job->model);
	ad_job_columns_arrays(source, &values[1], &ignored);
	if (SPI_execute_with_args(psprintf("SELECT o.features -> 0 ->> 'name' IS NOT NULL, "
									   "(SELECT string_agg(format('\"%%s\"', f ->> 'name'), ', ') "
									   "FROM jsonb_array_elements(o.features) f WHERE f ->> 'name' <> ALL ($2)), "
									   "coalesce(o.spec -> 'calibrate', 'null') <> 'null', "
									   "(i.info #>> '{calibration,rows}')::bigint, "
									   "coalesce((i.info #>> '{calibration,least_p}')::double precision, CASE WHEN o.groups ->> 'fallback' IS NULL THEN (o.groups ->> 'least_p')::double precision END), o.groups IS NOT NULL "
									   "FROM %s._ad_visible_model o, LATERAL (SELECT CASE WHEN o.privilege IN ('read', 'own') AND o.groups IS NULL "
									   "THEN %s._ad_info($1) END AS info) i WHERE o.name = $1 AND o.active",
									   internal, internal),
							  lengthof(types), types, values, NULL, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_with_args failed");
	if (SPI_processed == 0)
	{
		/* says whether it is missing or denied */
		ad_registry_check(DatumGetTextPP(values[0]), NULL, AD_PRIVILEGE_SCORE,
						  &row);
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("model \"%s\" has no active version", job->model)));
	}
	out->has_names = DatumGetBool(got(1, &isnull));
	d = got(2, &isnull);
	out->missing = isnull ? NULL : TextDatumGetCString(d);
	out->calibrated = DatumGetBool(got(3, &isnull));
	d = got(4, &isnull);
	out->rows = isnull ? 0 : DatumGetInt64(d);
	d = got(5, &isnull);
	out->least_p = isnull ? 0 : DatumGetFloat8(d);
	out->groups = DatumGetBool(got(6, &isnull));
}

/* Raise an error if the model cannot score the columns of the source. */
static void
check_columns(const AdJob *job, const AdJobColumns *source)
{
	TupleDesc	columns = CreateTemplateTupleDesc(source->n);
	AdJob		complete = *job;

	/* what is counted once a job is stored */
	while (complete.features != NULL && complete.features[complete.nfeatures] != NULL)
		complete.nfeatures++;
	for (int i = 0; i < source->n; i++)
		TupleDescInitEntry(columns, i + 1, source->names[i], source->types[i], -1, 0);
	ad_scorer_check(ad_scorer_new(&complete, columns));
}

/* Check that the model gives p-values as low as the rule asks for. */
static void
check_p_values(const AdJob *job, const Model *model)
{
	if (job->rule == AD_RULE_SCORE)
		return;
	if (!model->calibrated)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("model \"%s\" is not calibrated, so it has no p-values",
						job->model),
				 errhint("Train it with ad_calibrate() in its spec, or use a rule on the score: {\"score\": 0.7}.")));
	if (job->rule == AD_RULE_P_VALUE && model->rows > 0 &&
		1.0 / (double) (model->rows + 1) > job->rule_value)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("no p-value of model \"%s\" is as low as %g",
						job->model, job->rule_value),
				 errdetail("It is calibrated on " INT64_FORMAT " rows, so the least is 1/" INT64_FORMAT ".",
						   model->rows, model->rows + 1),
				 errhint("Train it on more rows, with a larger share in ad_calibrate(), or use a less strict rule.")));
	ad_job_rule_warn(job, model->least_p);
}

/* Raise what is wrong with a job over a model. */
static void
check(AdJob *job, const AdJobColumns *source)
{
	Model		model;

	(void) ad_job_column(source, job->key, "key");
	if (job->model_by != NULL)
		(void) ad_job_column(source, job->model_by, "model_by");
	if (job->entity == NULL)
		job->entity = job->model_by;
	if (job->entity != NULL)
		(void) ad_job_column(source, job->entity, "entity");
	else if (job->cooldown_option != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cooldown needs an entity column"),
				 errhint("It is the time in which an entity causes at most one alert.")));
	read_model(job, source, &model);
	if (job->model_by != NULL && !model.groups)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("model \"%s\" has no model per entity", job->model),
				 errhint("Train it with ad_train_groups(), or leave model_by out.")));
	if (job->model_by == NULL && model.groups && job->features != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("model \"%s\" has a model per entity", job->model),
				 errhint("Set the column of the entity: model_by => 'merchant'.")));
	if (job->features != NULL)
		for (int i = 0; job->features[i]; i++)
			(void) ad_job_column(source, job->features[i], "feature");
	else if (!model.has_names)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("features of model \"%s\" have no names", job->model),
				 errhint("Set the columns: features => ARRAY['a', 'b'].")));
	else if (model.missing != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("source lacks features of model \"%s\"", job->model),
				 errdetail("It has no column %s.", model.missing),
				 errhint("Use a query that gives them the names they had in training, or set the columns: features => ARRAY['a', 'b'].")));
	check_columns(job, source);
	check_p_values(job, &model);
}

const AdJobDefinition ad_job_define_model = {
	.kind = "model",
	.options = options,
	.noptions = lengthof(options),
	.fixed = fixed,
	.check = check
};
