/*-------------------------------------------------------------------------
 *
 * definitions.c
 *		How jobs are defined: the options of each kind.
 *
 * The options of a job are one jsonb in the table _ad_job.  A kind names them
 * in a table over AdJob (core/options.c), which gives each its type, range and
 * default.  To add one is a member of AdJob, a line in the table of each kind
 * that has it, and an argument of that name of the function that creates jobs
 * of the kind: creating, changing, storing and showing it follow.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_job_define.h"

#include "utils/builtins.h"
#include "utils/timestamp.h"

const char *const ad_job_on_error_names[] = {"skip", "error", NULL};

static const AdJobDefinition *const definitions[] = {
	&ad_job_define_model,
	&ad_job_define_layering,
	&ad_job_define_wash,
	&ad_job_define_series,
	&ad_job_define_watch
};

/* Find how jobs of a kind are defined. */
const AdJobDefinition *
ad_job_definition(const char *kind)
{
	for (int i = 0; i < (int) lengthof(definitions); i++)
		if (strcmp(definitions[i]->kind, kind) == 0)
			return definitions[i];
	elog(ERROR, "jobs of kind \"%s\" have no definition", kind);
	return NULL;
}

/* Read the options of a job of a kind, with the defaults of those not given. */
void
ad_job_options_read(AdJob *job, Jsonb *options)
{
	const AdJobDefinition *d = ad_job_definition(job->kind->name);

	ad_options_parse(&options->root, "a job", d->options, d->noptions, NULL,
					 job);
	if (d->derive != NULL)
		d->derive(job);
}

/* How many words there are. */
static int
count(char *const *words)
{
	int			n = 0;

	while (words != NULL && words[n] != NULL)
		n++;
	return n;
}

/* A text as an interval; an error if it is none. */
static Interval *
interval_of(const char *given)
{
	return DatumGetIntervalP(DirectFunctionCall3(interval_in,
												 CStringGetDatum(given),
												 ObjectIdGetDatum(InvalidOid),
												 Int32GetDatum(-1)));
}

/* Set what a run asks of a job and its options hold in another form. */
void
ad_job_options_finish(AdJob *job)
{
	const AdJobDefinition *d = ad_job_definition(job->kind->name);

	ad_job_rule_read(job, d);
	if (d->complete != NULL)
		d->complete(job);
	job->nfeatures = count(job->features);
	job->nseries_columns = count(job->series_columns);
	job->limit_per_hour = job->limit_option == AD_NO_INT ? 0 : job->limit_option;
	job->cooldown = job->cooldown_option == NULL ? NULL :
		interval_of(job->cooldown_option);
	(void) interval_of(job->late_check);	/* views show it as one */
	ad_health_limits_check(job->health, false);
}

/* The options of a job as jsonb, every default spelled out. */
Jsonb *
ad_job_options_full(const AdJob *job)
{
	const AdJobDefinition *d = ad_job_definition(job->kind->name);
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	ad_options_print(&buf, d->options, d->noptions, job);
	appendStringInfoChar(&buf, '}');
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in,
											  CStringGetDatum(buf.data)));
}
