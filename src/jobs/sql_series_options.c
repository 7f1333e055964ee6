/*-------------------------------------------------------------------------
 *
 * sql_series_options.c
 *		The kind "series": points of many series, scored as they come.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_job_define.h"
#include "jobs/ad_series_job.h"
#include "series/ad_series_sql.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"

#define MAX_WINDOW		100000

static const char *const methods[] = {"stream", "series", NULL};

static const AdOption options[] = {
	AD_TEXT(AdJob, value_column, NULL, NAMEDATALEN - 1),
	AD_OPTION_AT("time_column", AD_OPT_TEXT, watermark, 0, 0, NAMEDATALEN - 1),
	AD_WORDS(AdJob, series_columns, 2048),
	AD_JSON(AdJob, options, AD_MAX_OPTIONS_LENGTH),
	AD_OPTION_AT("rule", AD_OPT_JSON, rule_option, 0, 0, 1024),
	AD_ENUM(AdJob, method, AD_SERIES_STREAM, methods),
	AD_POINTS(AdJob, window_points, 2688, 50, MAX_WINDOW),
	AD_TEXT(AdJob, lag, NULL, 64),
	AD_OPTION_AT("cooldown", AD_OPT_TEXT, cooldown_option, 0, 0, 64),
	AD_OPTION_AT("limit_per_hour", AD_OPT_INT, limit_option, NAN, 1, PG_INT32_MAX),
	AD_TEXT(AdJob, since, NULL, 64),
	AD_TEXT(AdJob, history, NULL, 64),
	AD_INT(AdJob, max_series, 100000, 1, 100000000),
	AD_TEXT(AdJob, dead_after, NULL, 64),
	AD_INT(AdJob, batch_size, 100000, 1, 1000000),
	AD_ENUM(AdJob, on_error, AD_JOB_SKIP, ad_job_on_error_names),
	AD_TEXT(AdJob, late_check, "1 day", 64),
	AD_JOB_WATCH_OPTIONS,
	AD_SEED(AdJob, seen_limit, 1000000, 1000, 100000000)
};

static const char *const fixed[] = {
	"time_column", "series_columns", "method", "since", "seen_limit", NULL
};

/* Whether values of a type are numbers, and of what type below its domains. */
bool
ad_series_value_type(Oid type, Oid *base)
{
	*base = getBaseType(type);
	switch (*base)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case FLOAT4OID:
		case FLOAT8OID:
		case NUMERICOID:
		case INTERVALOID:
			return true;
		default:
			return false;
	}
}

/* Raise an error unless a job can score values of a type. */
void
ad_series_check_value(const AdJob *job, Oid type)
{
	Oid			base;

	if (!ad_series_value_type(type, &base))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("value column \"%s\" has type %s", job->value_column,
						format_type_be(type)),
				 errhint("It must be a number or an interval.")));
}

/* A value of such a type, of an interval in seconds. */
double
ad_series_value(Oid type, Datum value)
{
	switch (type)
	{
		case INT2OID:
			return DatumGetInt16(value);
		case INT4OID:
			return DatumGetInt32(value);
		case INT8OID:
			return (double) DatumGetInt64(value);
		case FLOAT4OID:
			return DatumGetFloat4(value);
		case NUMERICOID:
			return DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, value));
		case INTERVALOID:
			return DatumGetFloat8(DirectFunctionCall2(interval_part,
													  CStringGetTextDatum("epoch"), value));
		default:
			return DatumGetFloat8(value);
	}
}

/* Read the options of a method; times are of a type. */
void
ad_series_read_options(const AdJob *j, AdPlaceType type, AdStreamOptions *stream,
					   AdScoreOptions *score)
{
	Jsonb	   *given = j->options ? j->options :
		DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum("{}")));

	if (j->method == AD_SERIES_STREAM)
	{
		ad_stream_reader.read(NULL, given, stream);
		ad_stream_check(stream, ad_place_param_type(type));
		/* rows come in order; those of one time are counted */
		stream->late = AD_LATE_COUNT;
		return;
	}
	ad_score_reader.read(NULL, given, score);
	if (score->stl.timezone && type != AD_PLACE_TIMESTAMPTZ)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"%s\" needs times of type %s", "timezone",
						"timestamp with time zone")));
}

/* Check a length of time, of the kind of the times. */
static void
check_length(const char *given, const char *name, bool is_time)
{
	Datum		value = (Datum) 0;

	if (given == NULL)
		return;
	if (!ad_job_reads_as(given, is_time ? INTERVALOID : INT8OID, &value))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is \"%s\"", name, ad_quote_clip(given)),
				 is_time ? errdetail("It is an interval.") : errdetail("It is an integer.")));
	if (is_time)
		ad_job_check_interval(given, name, true);
	else if (DatumGetInt64(value) <= 0 || DatumGetInt64(value) > PG_INT64_MAX / 1000)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is %s, must be more than 0", name, given)));
}

/* Check the columns. */
static void
check_columns(const AdJob *job, const AdJobColumns *source)
{
	Oid			type = ad_job_column(source, job->value_column, "value");
	int			n = 0;

	ad_series_check_value(job, type);
	for (; job->series_columns && job->series_columns[n]; n++)
	{
		(void) ad_job_column(source, job->series_columns[n], "series");
		for (int i = 0; i < n; i++)
			if (strcmp(job->series_columns[i], job->series_columns[n]) == 0)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("series_columns has \"%s\" twice",
								ad_quote_clip(job->series_columns[n]))));
	}
	if (n > AD_ORDERED_KEYS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("number of series_columns is %d, allowed are up to %d", n, AD_ORDERED_KEYS)));
}

/* Raise what is wrong with a job over series. */
static void
check(AdJob *job, const AdJobColumns *source)
{
	Oid			type = ad_job_column(source, job->watermark, "time");
	bool		is_time = ad_job_watermark_is_time(type);
	AdStreamOptions stream;
	AdScoreOptions score;
	AdPlaceType place;

	check_columns(job, source);
	(void) ad_place_type(type, &place);
	if (job->options != NULL && !JB_ROOT_IS_OBJECT(job->options))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("options must be an object"),
				 errhint("Use ad_stream_options(), or ad_series_score_options() with method \"series\".")));
	ad_series_read_options(job, place, &stream, &score);
	check_length(job->dead_after, "dead_after", is_time);
	check_length(job->history, "history", is_time);
	if (job->method == AD_SERIES_WINDOW && job->rule == AD_RULE_COMBINED_SCORE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("rule \"%s\" needs method \"%s\"", "combined_score", "stream"),
				 errhint("The score of method \"series\" is of both levels and shapes.")));
	if (job->method == AD_SERIES_STREAM && job->rule == AD_RULE_SHAPE_SCORE && stream.shape == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("rule \"%s\" needs option \"%s\" of the stream", "shape_score", "shape"),
				 errhint("ad_stream_options(shape => 16)")));
}

/* Whether two options are the same; NULL: none. */
static bool
same(Jsonb *a, Jsonb *b)
{
	static const char *const none = "{}";
	char	   *x = a ? JsonbToCString(NULL, &a->root, VARSIZE(a)) : pstrdup(none);
	char	   *y = b ? JsonbToCString(NULL, &b->root, VARSIZE(b)) : pstrdup(none);

	return strcmp(x, y) == 0;
}

/* Say that what was learnt is of no use any more. */
static void
changed(const AdJob *before, const AdJob *after)
{
	if (strcmp(before->value_column, after->value_column) == 0 &&
		same(before->options, after->options) &&
		(after->method != AD_SERIES_WINDOW || before->window_points == after->window_points))
		return;
	ereport(NOTICE,
			(errmsg("series of job \"%s\" are learned again", after->name),
			 errdetail("The next run reads the source from the beginning, or as far back as option history says, and continues with alerts where it was.")));
}

const AdJobDefinition ad_job_define_series = {
	.kind = "series",
	.options = options,
	.noptions = lengthof(options),
	.fixed = fixed,
	.rules = (1 << AD_RULE_SCORE) | (1 << AD_RULE_WINDOW_SCORE) | (1 << AD_RULE_SHAPE_SCORE) |
	(1 << AD_RULE_COMBINED_SCORE) | (1 << AD_RULE_VERDICT),
	.rule = "{\"verdict\": \"anomaly\"}",
	.watermark = "time",
	.lags = {"1 minute", "0"},
	.check = check,
	.changed = changed
};
