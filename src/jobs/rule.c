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
#include "jobs/ad_job_define.h"

#include "utils/builtins.h"
#include "utils/numeric.h"

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
