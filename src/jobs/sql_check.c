/*-------------------------------------------------------------------------
 *
 * sql_check.c
 *		What is wrong with a job is said when it is made or changed.
 *
 * Both go through ad_job_check(): it completes the options of a job with the
 * defaults that depend on others, and raises an error for a job that cannot
 * work.  Its search path is that of the server; the source is read in the
 * job's.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_job_define.h"
#include "sql/ad_text.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/numeric.h"

#define MAX_LAG_NUMBER		INT64CONST(1000000000000000)
#define MAX_INTERVAL		"100 years" /* the times that it leads to must
										 * exist */

/* Compare an interval with one given as text. */
static int
compare_interval(Datum interval, const char *text)
{
	Datum		other = DirectFunctionCall3(interval_in, CStringGetDatum(text),
											ObjectIdGetDatum(InvalidOid),
											Int32GetDatum(-1));

	return DatumGetInt32(DirectFunctionCall2(interval_cmp, interval, other));
}

/*
 * Raise an error unless a text is an interval, of at least, or more than, 0
 * and at most 100 years.
 */
void
ad_job_check_interval(const char *text, const char *name, bool positive)
{
	Datum		value = (Datum) 0;

	if (!ad_job_reads_as(text, INTERVALOID, &value))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is \"%s\"", name, ad_quote_clip(text)),
				 errdetail("It is an interval.")));
	if (positive && compare_interval(value, "0") <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is %s, must be more than 0", name, text)));
	if (compare_interval(value, "0") < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is %s, cannot be negative", name, text)));
	if (compare_interval(value, MAX_INTERVAL) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is %s, must be at most %s", name, text,
						MAX_INTERVAL)));
}

/* Check a lag, which is of the kind of the watermark. */
static void
check_lag(const char *lag, bool is_time)
{
	Datum		value = (Datum) 0;

	if (!ad_job_reads_as(lag, is_time ? INTERVALOID : INT8OID, &value))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("lag is \"%s\"", ad_quote_clip(lag)),
				 is_time ?
				 errdetail("For a watermark that is a time it is an interval.") :
				 errdetail("For a watermark that is an integer it is an integer.")));
	if (is_time)
	{
		ad_job_check_interval(lag, "lag", false);
		return;
	}
	if (DatumGetInt64(value) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("lag is %s, cannot be negative", lag)));
	if (DatumGetInt64(value) > MAX_LAG_NUMBER)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("lag is %s, must be at most " INT64_FORMAT, lag,
						MAX_LAG_NUMBER)));
}

/*
 * Check where a job begins.  "now" is now, not the time of the first run, and
 * "yesterday" not the day before each run, so words for times become the time.
 */
static void
check_since(AdJob *job, Oid type, bool is_time)
{
	Oid			types[1] = {TEXTOID};
	Datum		values[1];
	Datum		value;
	int			nestlevel;

	if (job->since == NULL)
		return;
	nestlevel = NewGUCNestLevel();
	(void) set_config_option("timezone", job->timezone, PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	if (!ad_job_reads_as(job->since, is_time ? type : INT8OID, &value))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("since is \"%s\", must be a value of type %s",
						ad_quote_clip(job->since), format_type_be(type)),
				 is_time ? errhint("It is a value of the watermark column, or \"now\".") :
				 errhint("It is a value of the watermark column; \"now\" is for one that is a time.")));
	values[0] = CStringGetTextDatum(job->since);
	if (SPI_execute_with_args("SELECT CASE WHEN lower(btrim($1)) = 'now' THEN to_json(clock_timestamp()) #>> '{}' "
							  "WHEN $1 ~* '\\m(now|today|tomorrow|yesterday)\\M' THEN to_json($1::timestamptz) #>> '{}' "
							  "ELSE $1 END", 1, types, values, NULL, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_with_args failed");
	job->since = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	AtEOXact_GUC(true, nestlevel);
}

/*
 * Begin to read the source of a job, and no row of it: what its owner may not
 * read, a table or a column, is said now and not by each run.
 */
static void
check_rights(const AdJob *job, const AdJobColumns *source)
{
	int			nestlevel = NewGUCNestLevel();

	(void) set_config_option("search_path", job->search_path, PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	if (SPI_execute(psprintf("SELECT FROM (\n%s\n) _q LIMIT 0", source->sql),
					true, 0) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute failed");
	AtEOXact_GUC(true, nestlevel);
}

/* Say how the time of order events is named, if the source calls it otherwise. */
static void
check_clock(const AdJob *job, const AdJobColumns *source)
{
	for (int i = 0; i < source->n; i++)
		if (strcmp(source->names[i], job->watermark) == 0)
			return;
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("source has no column \"%s\"", ad_quote_clip(job->watermark)),
			 errdetail("It is the watermark column."),
			 errhint("Set the column of the time with argument \"columns\": columns => '{\"ts\": \"...\"}'.")));
}

/*
 * Raise what is wrong with a job; complete its options.  "reads": the source
 * may be planned, which calls functions, since the current user wrote it and
 * will be whom it is read as.  Within SPI, in the server's search path.
 */
void
ad_job_check(AdJob *job, bool reads)
{
	const AdJobDefinition *d = ad_job_definition(job->kind->name);
	AdJobColumns source;
	Oid			type;
	bool		is_time;

	if (job->source == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("source cannot be NULL")));
	if (job->cooldown_option != NULL)
		ad_job_check_interval(job->cooldown_option, "cooldown", true);
	ad_job_check_interval(job->late_check, "late_check", true);
	ad_health_limits_check(job->health, false);
	ad_job_rule_read(job, d);
	ad_job_columns_read(job, &source);
	if (d->has_clock)
		check_clock(job, &source);
	type = ad_job_column(&source, job->watermark,
						 d->watermark ? d->watermark : "watermark");
	is_time = ad_job_watermark_is_time(type);
	if (d->has_clock && type != TIMESTAMPTZOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("watermark has type %s", format_type_be(type)),
				 errhint("The column \"%s\" of order events is a timestamptz.", job->watermark)));
	if (job->lag == NULL)
		job->lag = pstrdup(d->lags[is_time ? 0 : 1] ? d->lags[is_time ? 0 : 1] :
						   is_time ? "5 minutes" : "1000");
	check_lag(job->lag, is_time);
	check_since(job, type, is_time);
	if (reads)
		check_rights(job, &source);
	d->check(job, &source);
}
