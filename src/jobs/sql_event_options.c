/*-------------------------------------------------------------------------
 *
 * sql_event_options.c
 *		The kinds over order events: "layering", sequences once their windows
 *		have closed, and "wash_trade", windows of trades once they have.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_job_define.h"
#include "market/ad_query_reader.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#define EVENTS_AT_A_TIME	100000

#define EVENT_OPTIONS \
	AD_TEXT(AdJob, watermark, "ts", NAMEDATALEN - 1), \
	AD_OPTION_AT("rule", AD_OPT_JSON, rule_option, 0, 0, 1024), \
	AD_TEXT(AdJob, lag, "1 minute", 64), \
	AD_OPTION_AT("cooldown", AD_OPT_TEXT, cooldown_option, 0, 0, 64), \
	AD_OPTION_AT("limit_per_hour", AD_OPT_INT, limit_option, NAN, 1, PG_INT32_MAX), \
	AD_TEXT(AdJob, since, NULL, 64), \
	AD_WORDS(AdJob, partition_by, 4096), \
	AD_WORDS(AdJob, order_by, 4096), \
	AD_JSON(AdJob, columns, AD_MAX_OPTIONS_LENGTH), \
	AD_JSON(AdJob, options, AD_MAX_OPTIONS_LENGTH), \
	AD_ENUM(AdJob, on_error, AD_JOB_SKIP, ad_job_on_error_names), \
	AD_SEED(AdJob, seen_limit, 1000000, 1000, 100000000), \
	AD_TEXT(AdJob, late_check, "1 day", 64), \
	AD_JOB_WATCH_OPTIONS

static const AdOption layering_options[] = {EVENT_OPTIONS};

static const AdOption wash_options[] = {
	EVENT_OPTIONS,
	AD_BOOL(AdJob, per_burst, true)
};

static const char *const fixed[] = {"watermark", "since", "partition_by", "order_by", "columns", NULL};

/* What rows of a source would be; what is of no type of its own is a text. */
static TupleDesc
describe(const AdJobColumns *source)
{
	TupleDesc	desc = CreateTemplateTupleDesc(source->n);

	for (int i = 0; i < source->n; i++)
		TupleDescInitEntry(desc, (AttrNumber) (i + 1), source->names[i],
						   get_typtype(source->types[i]) == TYPTYPE_PSEUDO ?
						   TEXTOID : source->types[i], -1, 0);
	return desc;
}

/* The watermark is the column of the time, whatever it is called. */
static void
derive(AdJob *job)
{
	ad_columns_check(job->columns);
	job->watermark = ad_columns_name(job->columns, ad_row_names[AD_COLUMN_TS]);
}

/* Spell out every option, also of a job that an older version stored. */
static void
complete(AdJob *job, AdMarketOwner owner)
{
	job->batch_size = EVENTS_AT_A_TIME;
	job->options = ad_market_options_full(job->options, owner);
}

/*
 * Raise what is wrong with a job.  Its source is not asked: even planning it
 * calls functions, and who changes a job need not be the one who wrote it.
 */
static void
check(AdJob *job, const AdJobColumns *source, AdMarketOwner owner,
	  const char *score, const char *constructor)
{
	AdQueryReader *q = ad_query_reader_create();

	if (job->rule != AD_RULE_SCORE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("rule is %s, must be on the score",
						JsonbToCString(NULL, &job->rule_option->root,
									   VARSIZE(job->rule_option))),
				 errhint("%s", _(score))));
	if (job->rule_value > 100)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("rule is %s, but no score is above 100",
						JsonbToCString(NULL, &job->rule_option->root,
									   VARSIZE(job->rule_option))),
				 errhint("%s", _(score))));
	if (job->options != NULL && !JB_ROOT_IS_OBJECT(job->options))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("options must be an object"),
				 errhint("Use %s().", constructor)));
	complete(job, owner);
	ad_query_columns(q, job->columns, job->partition_by, job->order_by,
					 describe(source));
}

static void
complete_layering(AdJob *job)
{
	complete(job, AD_OWNER_LAYERING);
}

static void
check_layering(AdJob *job, const AdJobColumns *source)
{
	check(job, source, AD_OWNER_LAYERING,
		  gettext_noop("The score of layering is its severity, 0 to 100: {\"score\": 50}."),
		  "ad_layering_options");
}

static void
complete_wash(AdJob *job)
{
	complete(job, AD_OWNER_WASH);
}

static void
check_wash(AdJob *job, const AdJobColumns *source)
{
	check(job, source, AD_OWNER_WASH,
		  gettext_noop("The score of wash trades is the percentage of trades at which the side changes, 0 to 100: {\"score\": 80}."),
		  "ad_wash_trade_options");
}

const AdJobDefinition ad_job_define_layering = {
	.kind = "layering",
	.options = layering_options,
	.noptions = lengthof(layering_options),
	.fixed = fixed,
	.has_clock = true,
	.derive = derive,
	.complete = complete_layering,
	.check = check_layering
};

const AdJobDefinition ad_job_define_wash = {
	.kind = "wash_trade",
	.options = wash_options,
	.noptions = lengthof(wash_options),
	.fixed = fixed,
	.has_clock = true,
	.derive = derive,
	.complete = complete_wash,
	.check = check_wash
};
