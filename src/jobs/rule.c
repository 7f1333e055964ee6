/*-------------------------------------------------------------------------
 *
 * rule.c
 *		The rule of a job: which rows become alerts.
 *
 * It is an object with one member: {"p_value": 0.001}, {"fdr": 0.05} or
 * {"score": 0.7}.
 *
 *-------------------------------------------------------------------------
 */
#include "evaluate/ad_fdr_online.h"
#include "jobs/ad_job_define.h"

#include "utils/builtins.h"
#include "utils/numeric.h"

#define LEAST_SHARE		0.001	/* of alerts among rows that a rule is for */

/* In the order of AdJobRule. */
static const char *const rule_names[] = {"score", "p_value", "fdr"};

/* What a message repeats of a rule. */
static char *
rule_text(Jsonb *rule)
{
	return rule == NULL ? "NULL" :
		ad_quote_clip(JsonbToCString(NULL, &rule->root, VARSIZE(rule)));
}

/* Raise an error for a rule whose one member is no number that there is. */
static void
no_rule(Jsonb *rule)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("rule is %s, must have a number \"p_value\", \"fdr\" or \"score\"",
					rule_text(rule))));
}

/* Read the rule of a job; raise an error if it is none. */
void
ad_job_rule_read(AdJob *job)
{
	JsonbIterator *it;
	JsonbValue	object;
	JsonbValue	name;
	JsonbValue	value;

	if (job->rule_option == NULL || !JB_ROOT_IS_OBJECT(job->rule_option) ||
		JB_ROOT_COUNT(job->rule_option) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("rule is %s, must be an object with one member",
						rule_text(job->rule_option)),
				 errhint("It is {\"p_value\": 0.001}, {\"fdr\": 0.05} or {\"score\": 0.7}.")));
	it = JsonbIteratorInit(&job->rule_option->root);
	(void) JsonbIteratorNext(&it, &object, true);
	(void) JsonbIteratorNext(&it, &name, true);
	(void) JsonbIteratorNext(&it, &value, true);
	if (value.type != jbvNumeric)
		no_rule(job->rule_option);
	job->rule_value =
		DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
										   NumericGetDatum(value.val.numeric)));
	for (int i = 0; i < (int) lengthof(rule_names); i++)
	{
		if (strlen(rule_names[i]) != (size_t) name.val.string.len ||
			strncmp(rule_names[i], name.val.string.val, name.val.string.len) != 0)
			continue;
		job->rule = (AdJobRule) i;
		if (!isfinite(job->rule_value))
			no_rule(job->rule_option);
		if (job->rule != AD_RULE_SCORE &&
			(job->rule_value <= 0 || job->rule_value >= 1))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("rule \"%s\" is %s, must be more than 0 and less than 1",
							rule_names[i], ad_option_text(&value))));
		return;
	}
	no_rule(job->rule_option);
}

/*
 * Warn of a rule that can hardly raise an alert, since the p-values of the
 * model are not so low; their least is NaN if it is not known.
 */
void
ad_job_rule_warn(const AdJob *job, double least_p)
{
	double		share = 1;

	if (job->rule == AD_RULE_SCORE || isnan(least_p) || least_p <= 0 ||
		(job->rule == AD_RULE_P_VALUE && least_p <= job->rule_value))
		return;
	if (job->rule == AD_RULE_FDR)
		share = ad_fdr_online_reach(job->rule_value, least_p,
									AD_FDR_JOB_HALF_LIFE).least_share;
	if (!(share > LEAST_SHARE))
		return;
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 job->rule == AD_RULE_FDR ?
			 errmsg("rule of job \"%s\" can hardly raise an alert where fewer than 1 row in %.0f is one",
					job->name, Max(1 / share, 1)) :
			 errmsg("rule of job \"%s\" cannot raise an alert", job->name),
			 errdetail("It is {\"%s\": %g}, and the least p-value of model \"%s\" is %g.",
					   rule_names[job->rule], job->rule_value, job->model, least_p),
			 errhint("Train the model on more rows, or raise the share that ad_calibrate() holds out.")));
}
