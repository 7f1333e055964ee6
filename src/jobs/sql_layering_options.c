/*-------------------------------------------------------------------------
 *
 * sql_layering_options.c
 *		The kind "layering": sequences of order events, once their windows have
 *		closed.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_job_define.h"
#include "market/ad_market_sql.h"
#include "operate/ad_own.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#define EVENTS_AT_A_TIME	100000

static const AdOption options[] = {
	AD_TEXT(AdJob, watermark, "ts", NAMEDATALEN - 1),
	AD_OPTION_AT("rule", AD_OPT_JSON, rule_option, 0, 0, 1024),
	AD_TEXT(AdJob, lag, "1 minute", 64),
	AD_OPTION_AT("cooldown", AD_OPT_TEXT, cooldown_option, 0, 0, 64),
	AD_OPTION_AT("limit_per_hour", AD_OPT_INT, limit_option, NAN, 1, PG_INT32_MAX),
	AD_TEXT(AdJob, since, NULL, 64),
	AD_WORDS(AdJob, partition_by, 1024),
	AD_TEXT(AdJob, order_by, NULL, NAMEDATALEN - 1),
	AD_JSON(AdJob, options, AD_MAX_OPTIONS_LENGTH),
	AD_ENUM(AdJob, on_error, AD_JOB_SKIP, ad_job_on_error_names),
	AD_SEED(AdJob, seen_limit, 1000000, 1000, 100000000),
	AD_TEXT(AdJob, late_check, "1 day", 64)
};

static const char *const fixed[] = {"watermark", "since", "partition_by", "order_by", NULL};

/* Whether a source has a column. */
static bool
has_column(const AdJobColumns *source, const char *name)
{
	for (int i = 0; i < source->n; i++)
		if (strcmp(source->names[i], name) == 0)
			return true;
	return false;
}

/*
 * A query of no rows with the columns of a source.  The source itself is not
 * asked: even planning it calls functions, and who changes a job need not be
 * the one who wrote it.
 */
static Datum
no_rows_like(const AdJobColumns *source)
{
	Oid			types[] = {TEXTARRAYOID, REGTYPEARRAYOID};
	Datum		values[2];
	bool		isnull;

	ad_job_columns_arrays(source, &values[0], &values[1]);
	if (SPI_execute_with_args(psprintf("SELECT format('SELECT %%s LIMIT 0', string_agg(format('NULL::%%s AS %%I', "
									   "CASE WHEN (SELECT y.typtype FROM pg_type y WHERE y.oid = t::oid) = 'p' THEN 'text'::regtype "
									   "ELSE %s._ad_plain_type(t) END, c), ', ' ORDER BY i)) "
									   "FROM unnest($1, $2) WITH ORDINALITY u(c, t, i)", ad_internal_schema()),
							  lengthof(types), types, values, NULL, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_with_args failed");
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
}

/* Raise what is wrong with the source and the options: look for sequences in no rows. */
static void
check_events(const AdJob *job, const AdJobColumns *source)
{
	Oid			types[] = {TEXTOID, JSONBOID, TEXTARRAYOID, TEXTOID};
	Datum		values[4];
	char		nulls[] = "    ";
	const char *order_by = job->order_by;
	int			nestlevel;

	if (order_by == NULL && has_column(source, "id"))
		order_by = "id";
	values[0] = no_rows_like(source);
	values[1] = JsonbPGetDatum(job->options);
	values[2] = (Datum) 0;
	nulls[2] = job->partition_by ? ' ' : 'n';
	if (job->partition_by)
	{
		Datum	   *items;
		int			n = 0;

		while (job->partition_by[n])
			n++;
		items = ad_palloc_array(Datum, Max(n, 1));
		for (int i = 0; i < n; i++)
			items[i] = CStringGetTextDatum(job->partition_by[i]);
		values[2] = PointerGetDatum(construct_array(items, n, TEXTOID, -1, false,
													TYPALIGN_INT));
	}
	nulls[3] = order_by ? ' ' : 'n';
	values[3] = order_by ? CStringGetTextDatum(order_by) : (Datum) 0;
	nestlevel = NewGUCNestLevel();
	(void) set_config_option("search_path", job->search_path,
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
							 true, 0, false);
	if (SPI_execute_with_args(psprintf("SELECT FROM %s._ad_layering_sequences($1, $2, $3, $4, false)",
									   ad_internal_schema()),
							  lengthof(types), types, values, nulls, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_with_args failed");
	AtEOXact_GUC(true, nestlevel);
}

/* Spell out every option, also of a job that an older version stored. */
static void
complete(AdJob *job)
{
	job->batch_size = EVENTS_AT_A_TIME;
	job->options = ad_market_options_full(job->options, AD_OWNER_LAYERING);
}

/* Raise what is wrong with a layering job. */
static void
check(AdJob *job, const AdJobColumns *source)
{
	Oid			type = ad_job_column(source, job->watermark, "watermark");

	if (job->rule != AD_RULE_SCORE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("rule is %s, must be on the score",
						JsonbToCString(NULL, &job->rule_option->root,
									   VARSIZE(job->rule_option))),
				 errhint("The score of layering is its severity, 0 to 100: {\"score\": 50}.")));
	if (type != TIMESTAMPTZOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("watermark has type %s", format_type_be(type)),
				 errhint("The column \"ts\" of order events is a timestamptz.")));
	if (job->options != NULL && !JB_ROOT_IS_OBJECT(job->options))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("options must be an object"),
				 errhint("Use ad_layering_options().")));
	complete(job);
	check_events(job, source);
}

const AdJobDefinition ad_job_define_layering = {
	.kind = "layering",
	.options = options,
	.noptions = lengthof(options),
	.fixed = fixed,
	.complete = complete,
	.check = check
};
