/*-------------------------------------------------------------------------
 *
 * rule.c
 *		The rule of a job: which rows become alerts.
 *
 * It is an object with one member: {"p_value": 0.001}, {"fdr": 0.05} or
 * {"score": 0.7}; of series other scores, or {"verdict": "anomaly"}.
 *
 *-------------------------------------------------------------------------
 */
#include "evaluate/ad_fdr_online.h"
#include "jobs/ad_job_define.h"

#include "utils/builtins.h"
#include "utils/numeric.h"

#define LEAST_SHARE		0.001	/* of alerts among rows that a rule is for */

/* In the order of AdJobRule. */
static const char *const rule_names[] = {
	"score", "p_value", "fdr", "window_score", "shape_score", "combined_score", "verdict"
};

/* In the order of values: 0, 1, -1. */
static const char *const verdicts[] = {"anomaly", "above", "below"};

#define PLAIN_RULES		((1 << AD_RULE_SCORE) | (1 << AD_RULE_P_VALUE) | (1 << AD_RULE_FDR))

/* What a message repeats of a rule. */
static char *
rule_text(Jsonb *rule)
{
	return rule == NULL ? "NULL" :
		ad_quote_clip(JsonbToCString(NULL, &rule->root, VARSIZE(rule)));
}

/* Raise an error for a rule whose one member is none that there is. */
static void
no_rule(const AdJob *job, unsigned int rules)
{
	if (rules == PLAIN_RULES)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("rule is %s, must have a number \"p_value\", \"fdr\" or \"score\"",
						rule_text(job->rule_option))));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("rule is %s, must have \"verdict\" or a number \"score\", \"window_score\", \"shape_score\" or \"combined_score\"",
					rule_text(job->rule_option)),
			 errhint("A verdict is \"anomaly\", \"above\" or \"below\".")));
}

/* Set the value of a rule from that of its member; false: it is none. */
static bool
read_value(AdJob *job, const JsonbValue *v)
{
	if (job->rule == AD_RULE_VERDICT)
	{
		for (int i = 0; v->type == jbvString && i < (int) lengthof(verdicts); i++)
			if (strlen(verdicts[i]) == (size_t) v->val.string.len &&
				strncmp(verdicts[i], v->val.string.val, v->val.string.len) == 0)
			{
				job->rule_value = i == 2 ? -1 : i;
				return true;
			}
		return false;
	}
	if (v->type != jbvNumeric)
		return false;
	job->rule_value =
		DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
										   NumericGetDatum(v->val.numeric)));
	return isfinite(job->rule_value);
}

/* Read the rule of a job; raise an error if it is none. */
void
ad_job_rule_read(AdJob *job, const AdJobDefinition *d)
{
	unsigned int rules = d->rules ? d->rules : PLAIN_RULES;
	JsonbIterator *it;
	JsonbValue	object;
	JsonbValue	name;
	JsonbValue	value;

	if (job->rule_option == NULL && d->rule)
		job->rule_option = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(d->rule)));
	if (job->rule_option == NULL || !JB_ROOT_IS_OBJECT(job->rule_option) ||
		JB_ROOT_COUNT(job->rule_option) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("rule is %s, must be an object with one member",
						rule_text(job->rule_option)),
				 rules == PLAIN_RULES ?
				 errhint("It is {\"p_value\": 0.001}, {\"fdr\": 0.05} or {\"score\": 0.7}.") :
				 errhint("It is {\"verdict\": \"anomaly\"} or {\"score\": 8}.")));
	it = JsonbIteratorInit(&job->rule_option->root);
	(void) JsonbIteratorNext(&it, &object, true);
	(void) JsonbIteratorNext(&it, &name, true);
	(void) JsonbIteratorNext(&it, &value, true);
	for (int i = 0; i < (int) lengthof(rule_names); i++)
	{
		if ((rules & (1 << i)) == 0 ||
			strlen(rule_names[i]) != (size_t) name.val.string.len ||
			strncmp(rule_names[i], name.val.string.val, name.val.string.len) != 0)
			continue;
		job->rule = (AdJobRule) i;
		if (!read_value(job, &value))
			no_rule(job, rules);
		if ((job->rule == AD_RULE_P_VALUE || job->rule == AD_RULE_FDR) &&
			(job->rule_value <= 0 || job->rule_value >= 1))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("rule \"%s\" is %s, must be more than 0 and less than 1",
							rule_names[i], ad_option_text(&value))));
		return;
	}
	no_rule(job, rules);
}

/*
 * Warn of a rule that can hardly raise an alert, since the p-values of the
 * model are not so low; their least is NaN if it is not known.
 */
void
ad_job_rule_warn(const AdJob *job, double least_p)
{
	double		share = 1;

	if ((job->rule != AD_RULE_P_VALUE && job->rule != AD_RULE_FDR) || isnan(least_p) || least_p <= 0 ||
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
			 errdetail("It is {\"%s\": %g}, and the smallest p-value of model \"%s\" is %g.",
					   rule_names[job->rule], job->rule_value, job->model, least_p),
			 errhint("Train the model on more rows, or raise the share that ad_calibrate() holds out.")));
}
