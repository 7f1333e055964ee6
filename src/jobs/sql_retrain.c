/*-------------------------------------------------------------------------
 *
 * sql_retrain.c
 *		ad_retrain, ad_weight_members: train again what a name judges by.
 *
 * The name is one of a model, or else of a job, whose kind says what that
 * means.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_job_define.h"
#include "jobs/ad_retrain.h"
#include "operate/ad_operate.h"
#include "sql/ad_text.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/float.h"

PG_FUNCTION_INFO_V1(ad_retrain);
PG_FUNCTION_INFO_V1(ad_weight_members);

/* Train again what a job of the current user's judges by. */
static Jsonb *
retrain_job(Datum name, const AdRetrain *asked)
{
	AdJobRow	row;
	AdJob	   *job;

	ad_job_own(name, false, NULL, &row);
	job = ad_job_read(row.id);
	if (job == NULL)
		ad_job_no_job(row.name);
	if (job->kind->retrain == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("job \"%s\" has no model to train again", job->name),
				 errdetail("Jobs of kind \"%s\" search by rules.", job->kind->name),
				 errhint("Change its options with ad_alter_job().")));
	return job->kind->retrain(job, asked);
}

/* Raise an error unless a share is one. */
static double
share_argument(FunctionCallInfo fcinfo, int arg, const char *name)
{
	double		share = PG_ARGISNULL(arg) ? NAN : PG_GETARG_FLOAT8(arg);

	if (!(share >= 0 && share <= 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is %s, must be 0 to 1", name,
						PG_ARGISNULL(arg) ? "NULL" : float8out_internal(share))));
	return share;
}

/* The same arguments of both functions: name, margin, max_drift, min_labels. */
static Datum
train_again(FunctionCallInfo fcinfo, bool weigh)
{
	AdRetrain	asked;
	Datum		name = PG_GETARG_DATUM(0);
	AdRegistryName model;
	Jsonb	   *result;
	Jsonb	   *copy;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("name cannot be NULL")));
	asked.margin = share_argument(fcinfo, 1, "margin");
	asked.max_drift = share_argument(fcinfo, 2, "max_drift");
	if (PG_ARGISNULL(3) || PG_GETARG_INT32(3) < 2)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("min_labels is %s, must be at least 2",
						PG_ARGISNULL(3) ? "NULL" :
						psprintf("%d", PG_GETARG_INT32(3)))));
	asked.min_labels = PG_GETARG_INT32(3);
	asked.weigh = weigh;
	if (ad_raw_length(name) > AD_MAX_MODEL_NAME)
		ad_registry_no_model(ad_text_quote(name));

	SPI_connect();
	if (weigh || ad_registry_name(DatumGetTextPP(name), NULL, &model) ||
		!ad_job_exists(name))
		result = ad_retrain_model(TextDatumGetCString(name), &asked);
	else
		result = retrain_job(name, &asked);
	copy = SPI_palloc(VARSIZE(result));
	memcpy(copy, result, VARSIZE(result));
	SPI_finish();
	PG_RETURN_JSONB_P(copy);
}

static Datum
retrain(FunctionCallInfo fcinfo)
{
	return train_again(fcinfo, false);
}

static Datum
weight_members(FunctionCallInfo fcinfo)
{
	return train_again(fcinfo, true);
}

/* ad_retrain(name, margin, max_drift, min_labels) -> jsonb */
Datum
ad_retrain(PG_FUNCTION_ARGS)
{
	return ad_call_door(retrain, fcinfo);
}

/* ad_weight_members(name, margin, max_drift, min_labels) -> jsonb */
Datum
ad_weight_members(PG_FUNCTION_ARGS)
{
	return ad_call_door(weight_members, fcinfo);
}
