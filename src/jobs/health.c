/*-------------------------------------------------------------------------
 *
 * health.c
 *		The limits at which ad_health() warns of a job, or of a model.
 *
 * What a job is not told, its model says for all its jobs, and else there are
 * defaults; those that depend on the rule are null here, and chosen by the view
 * ad_job_accuracy.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_job_define.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

typedef struct Limits
{
	double		min_precision;	/* of labelled alerts; NaN: by the rule */
	int			labels;			/* latest ones that are looked at */
	int			min_labels;		/* fewer say nothing */
	double		max_alert_rate; /* alerts per row; NaN: by the rule */
	char	   *interval;		/* of rows that are looked at */
	int			max_unlabelled; /* alerts; AD_NO_INT: most of very many */
	char	   *label_within;	/* time in which an alert is to be labelled */
	char	   *label_gap;		/* longest time without a label */
	double		max_score_drift;	/* excess of low p-values */
	char	   *max_age;		/* of a model; NULL: the setting */
	double		max_score_shift;	/* of a model; NaN: the setting */
} Limits;

#define MODEL_LIMITS	2		/* the last ones, of models only */

static const AdOption limits[] = {
	AD_FLOAT(Limits, min_precision, NAN, 0, 1),
	AD_INT(Limits, labels, 100, 10, 10000),
	AD_INT(Limits, min_labels, 20, 1, 10000),
	AD_FLOAT(Limits, max_alert_rate, NAN, 0, 1),
	AD_TEXT(Limits, interval, "1 day", 64),
	AD_INT(Limits, max_unlabelled, NAN, 0, 10000),
	AD_TEXT(Limits, label_within, "7 days", 64),
	AD_TEXT(Limits, label_gap, "30 days", 64),
	AD_FLOAT(Limits, max_score_drift, 0.1, 0, 1),
	AD_TEXT(Limits, max_age, NULL, 64),
	AD_FLOAT(Limits, max_score_shift, NAN, 0, 1000)
};

/* Raise an error unless a limit is a time of more than 0, at most 100 years. */
static void
check_time(const char *name, const char *given)
{
	Datum		value;
	Datum		bounds[2];
	static const char *const texts[] = {"0", "100 years"};

	if (given == NULL)
		return;
	if (!ad_job_reads_as(given, INTERVALOID, &value))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is \"%s\"", name, ad_quote_clip(given)),
				 errdetail("It is an interval.")));
	for (int i = 0; i < 2; i++)
		bounds[i] = DirectFunctionCall3(interval_in, CStringGetDatum(texts[i]),
										ObjectIdGetDatum(InvalidOid),
										Int32GetDatum(-1));
	if (!DatumGetBool(DirectFunctionCall2(interval_gt, value, bounds[0])) ||
		DatumGetBool(DirectFunctionCall2(interval_gt, value, bounds[1])))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is %s, must be more than 0 and at most %s", name,
						given, texts[1])));
}

/*
 * Raise what is wrong with limits that were given for a job, or a model, which
 * has some more.  NULL: none were.
 */
void
ad_health_limits_check(Jsonb *given, bool of_model)
{
	Limits		l;

	if (given == NULL)
		return;
	if (!JB_ROOT_IS_OBJECT(given))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("health must be an object"),
				 errhint("For example: {\"min_precision\": 0.2}.")));
	ad_options_parse(&given->root, "health", limits,
					 (int) lengthof(limits) - (of_model ? 0 : MODEL_LIMITS), NULL, &l);
	check_time("interval", l.interval);
	check_time("label_within", l.label_within);
	check_time("label_gap", l.label_gap);
	if (of_model)
		check_time("max_age", l.max_age);
}

/* Limits with every default spelled out, as the text of an object. */
char *
ad_health_limits_full(Jsonb *given)
{
	Limits		l;
	StringInfoData buf;

	ad_options_parse(&given->root, "health", limits, lengthof(limits), NULL, &l);
	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	ad_options_print(&buf, limits, lengthof(limits), &l);
	appendStringInfoChar(&buf, '}');
	return buf.data;
}
