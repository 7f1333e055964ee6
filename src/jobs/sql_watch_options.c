/*-------------------------------------------------------------------------
 *
 * sql_watch_options.c
 *		The kind "watch": metrics of a table, by period.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_job_define.h"
#include "jobs/ad_watch.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#define MAX_P_VALUE		0.02	/* that streams know */

static const AdOption options[] = {
	AD_OPTION_AT("time_column", AD_OPT_TEXT, watermark, 0, 0, NAMEDATALEN - 1),
	AD_TEXT(AdJob, period, "1 day", 64),
	AD_OPTION_AT("columns", AD_OPT_WORDS, watched, 0, 0, AD_MAX_OPTIONS_LENGTH),
	AD_WORDS(AdJob, metrics, AD_MAX_OPTIONS_LENGTH),
	AD_JSON(AdJob, bounds, AD_MAX_OPTIONS_LENGTH),
	AD_OPTION_AT("rule", AD_OPT_JSON, rule_option, 0, 0, 1024),
	AD_OPTION_AT("history", AD_OPT_INT, history_periods, NAN, 0, 10000),
	AD_INT(AdJob, keep, 1000, 1, 100000),
	AD_TEXT(AdJob, lag, NULL, 64),
	AD_OPTION_AT("cooldown", AD_OPT_TEXT, cooldown_option, 0, 0, 64),
	AD_OPTION_AT("limit_per_hour", AD_OPT_INT, limit_option, NAN, 1, PG_INT32_MAX),
	AD_TEXT(AdJob, since, NULL, 64),
	AD_TEXT(AdJob, late_check, "1 day", 64),
	AD_JOB_WATCH_OPTIONS
};

static const char *const fixed[] = {"time_column", "period", "since", NULL};

/* The names of all metrics, for a message. */
static char *
metric_names(void)
{
	const char *names[AD_WATCH_METRICS];

	for (int i = 0; i < AD_WATCH_METRICS; i++)
		names[i] = ad_watch_metrics[i].name;
	return ad_quoted_list(names, AD_WATCH_METRICS);
}

/* The metric of a name; an error if there is none. */
static AdWatchMetric
metric_of(const char *name, Size len, const char *where)
{
	int			metric = ad_watch_metric(name, len);

	if (metric < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s name a metric \"%s\", which does not exist", where,
						ad_quote_clip_len(name, len)),
				 errdetail("Valid metrics are %s.", metric_names())));
	return (AdWatchMetric) metric;
}

/* Seconds of an interval, a year of 365.25 days and a month of 30. */
static double
interval_seconds(Datum value)
{
	return DatumGetFloat8(DirectFunctionCall2(interval_part,
											  CStringGetTextDatum("epoch"),
											  value));
}

/* The number of a bound: a number, or an interval where it counts seconds. */
static double
bound_number(const JsonbValue *v, const char *key, const char *side)
{
	Datum		value = (Datum) 0;
	double		number = NAN;

	if (v->type == jbvNull)
		return NAN;
	if (v->type == jbvNumeric)
		number = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
													NumericGetDatum(v->val.numeric)));
	else if (v->type == jbvString && v->val.string.len <= (int) AD_MAX_WORD_LENGTH &&
			 ad_job_reads_as(pnstrdup(v->val.string.val, v->val.string.len),
							 INTERVALOID, &value))
		number = interval_seconds(value);
	if (!isfinite(number))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("bound \"%s\" of \"%s\" must be a number, or an interval",
						side, ad_quote_clip(key))));
	return number;
}

/* Read the bounds of one metric: {"min": x, "max": y}. */
static void
read_bound(const char *key, const JsonbValue *given, AdWatchBound *out)
{
	const char *dot = strchr(key, '.');
	JsonbIterator *it;
	JsonbValue	name;
	JsonbValue	value;
	JsonbIteratorToken token;

	out->metric = metric_of(key, dot ? (Size) (dot - key) : strlen(key), "bounds");
	out->column = dot ? pstrdup(dot + 1) : NULL;
	out->min = out->max = NAN;
	if (dot && !ad_watch_metrics[out->metric].of_column)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("metric \"%s\" is of the table and not of a column",
						ad_watch_metrics[out->metric].name)));
	if (given->type != jbvBinary || !JsonContainerIsObject(given->val.binary.data))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("bounds of \"%s\" must be an object", ad_quote_clip(key)),
				 errhint("It is {\"min\": 1}, {\"max\": 100} or both.")));
	it = JsonbIteratorInit(given->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &name, true)) != WJB_DONE)
	{
		if (token != WJB_KEY)
			continue;
		(void) JsonbIteratorNext(&it, &value, true);
		if (name.val.string.len == 3 && strncmp(name.val.string.val, "min", 3) == 0)
			out->min = bound_number(&value, key, "min");
		else if (name.val.string.len == 3 && strncmp(name.val.string.val, "max", 3) == 0)
			out->max = bound_number(&value, key, "max");
		else
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("bounds of \"%s\" have a member \"%s\"",
							ad_quote_clip(key),
							ad_quote_clip_len(name.val.string.val, name.val.string.len)),
					 errdetail("There are \"min\" and \"max\".")));
	}
	if (out->min > out->max)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("bounds of \"%s\" have a \"min\" of %g, greater than their \"max\" of %g",
						ad_quote_clip(key), out->min, out->max)));
}

/* Read the bounds of a watch; errors for what is none.  palloc'd. */
static void
read_bounds(Jsonb *bounds, AdWatchBound **out, int *n)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	key;
	JsonbValue	value;

	*n = 0;
	*out = NULL;
	if (bounds == NULL)
		return;
	if (!JB_ROOT_IS_OBJECT(bounds))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("bounds must be an object"),
				 errhint("It is {\"rows\": {\"min\": 1}, \"null_share.amount\": {\"max\": 0.01}}.")));
	*out = ad_palloc_array(AdWatchBound, JB_ROOT_COUNT(bounds));
	it = JsonbIteratorInit(&bounds->root);
	while ((token = JsonbIteratorNext(&it, &key, true)) != WJB_DONE)
	{
		if (token != WJB_KEY)
			continue;
		(void) JsonbIteratorNext(&it, &value, true);
		read_bound(pnstrdup(key.val.string.val, key.val.string.len), &value,
				   &(*out)[(*n)++]);
	}
}

/* Which metrics a watch is to follow, and its bounds; palloc'd. */
void
ad_watch_options(const AdJob *j, bool *metrics, AdWatchBound **bounds,
				 int *nbounds)
{
	for (int i = 0; i < AD_WATCH_METRICS; i++)
		metrics[i] = j->metrics == NULL;
	for (int i = 0; j->metrics != NULL && j->metrics[i] != NULL; i++)
		metrics[metric_of(j->metrics[i], strlen(j->metrics[i]), "metrics")] = true;
	read_bounds(j->bounds, bounds, nbounds);
	/* what has bounds is followed */
	for (int i = 0; i < *nbounds; i++)
		metrics[(*bounds)[i].metric] = true;
}

/* Raise an error for a rule that is none of a watch. */
static void
check_rule(const AdJob *job)
{
	if (job->rule == AD_RULE_FDR ||
		(job->rule == AD_RULE_P_VALUE && job->rule_value > MAX_P_VALUE) ||
		(job->rule == AD_RULE_SCORE && job->rule_value <= 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("rule is %s, must be a p-value of at most %g or a score greater than 0",
						JsonbToCString(NULL, &job->rule_option->root,
									   VARSIZE(job->rule_option)),
						MAX_P_VALUE),
				 errhint("Of a watch, {\"p_value\": 0.0001} is the share of usual values of a metric that may alert, and {\"score\": 6} a number of deviations.")));
}

/* Raise an error for periods that are none. */
static void
check_period(const AdJob *job, Oid type)
{
	AdCalendar	c = {0};
	Datum		period = (Datum) 0;

	if (!ad_job_reads_as(job->period, INTERVALOID, &period) ||
		!ad_calendar_init(&c, DatumGetIntervalP(period)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("period is \"%s\", must be 1 day, 7 days, or a part of a day",
						ad_quote_clip(job->period)),
				 errdetail("A part is of a minute or more, and divides the day.")));
	if (type == DATEOID && c.length < USECS_PER_DAY)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("period is \"%s\", must be 1 day or 7 days", job->period),
				 errdetail("The time column is a date.")));
}

/* Whether a name is that of one column. */
static int
columns_named(const AdJobColumns *source, const char *name)
{
	int			n = 0;

	for (int i = 0; i < source->n; i++)
		n += strcmp(source->names[i], name) == 0;
	return n;
}

/* Check the columns that are to be watched; say so if they are not all. */
static void
check_columns(const AdJob *job, const AdJobColumns *source)
{
	int			n = 0;

	if (job->watched != NULL)
	{
		for (; job->watched[n] != NULL; n++)
			(void) ad_job_column(source, job->watched[n], "watched");
		if (n > AD_WATCH_COLUMNS)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("number of columns is %d, a watch has at most %d", n,
							AD_WATCH_COLUMNS),
					 errhint("Several watches may be of one table.")));
		return;
	}
	for (int i = 0; i < source->n; i++)
		n += strcmp(source->names[i], job->watermark) != 0;
	if (n > AD_WATCH_COLUMNS)
		ereport(NOTICE,
				(errmsg("watch \"%s\" follows the first %d of %d columns", job->name,
						AD_WATCH_COLUMNS, n),
				 errhint("Set the columns: columns => ARRAY['a', 'b']. Several watches may be of one table.")));
}

/* Raise what is wrong with a watch. */
static void
check(AdJob *job, const AdJobColumns *source)
{
	Oid			type = ad_job_column(source, job->watermark, "time");
	bool		metrics[AD_WATCH_METRICS];
	AdWatchBound *bounds;
	int			nbounds;

	if (!ad_job_watermark_is_time(type))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("time column has type %s", format_type_be(type)),
				 errhint("It is a timestamptz, timestamp or date.")));
	check_rule(job);
	check_period(job, type);
	check_columns(job, source);
	ad_watch_options(job, metrics, &bounds, &nbounds);
	for (int i = 0; i < nbounds; i++)
		if (bounds[i].column != NULL && columns_named(source, bounds[i].column) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("source has no column \"%s\"",
							ad_quote_clip(bounds[i].column)),
					 errdetail("It has a bound.")));
}

const AdJobDefinition ad_job_define_watch = {
	.kind = "watch",
	.options = options,
	.noptions = lengthof(options),
	.fixed = fixed,
	.rule = "{\"p_value\": 0.0001}",
	.watermark = "time",
	.check = check
};
