/*-------------------------------------------------------------------------
 *
 * sql_job.c
 *		A job, as it is stored.
 *
 * The one place that knows how.  A job is read for a user who has the rights
 * of its owner; so what is read may be run only if he is the owner, which is
 * for the caller to ask.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_job_define.h"
#include "jobs/ad_retrain.h"
#include "jobs/ad_run.h"
#include "operate/ad_own.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

/* Every kind of jobs. */
static const AdJobKind model_kind = {"model", ad_model_batch, NULL, NULL,
ad_retrain_model_job};
static const AdJobKind layering_kind = {"layering", ad_layering_batch,
ad_layering_passed, ad_layering_rescan, NULL};
static const AdJobKind wash_kind = {"wash_trade", ad_wash_batch,
ad_wash_passed, ad_wash_rescan, NULL};
static const AdJobKind series_kind = {"series", ad_series_batch,
ad_series_passed, ad_series_rescan, ad_series_retrain};
static const AdJobKind watch_kind = {"watch", ad_watch_batch, ad_watch_passed,
ad_watch_rescan, ad_watch_retrain};
static const AdJobKind *const kinds[] = {&model_kind, &layering_kind, &wash_kind,
&series_kind, &watch_kind};

/* The columns that are read, in this order. */
enum
{
	JOB_NAME = 1,
	JOB_OWNER,
	JOB_KIND,
	JOB_SOURCE,
	JOB_OPTIONS,
	JOB_SEARCH_PATH,
	JOB_TIMEZONE
};

/* The kind of a name; an error if there is none. */
const AdJobKind *
ad_job_kind(const char *name)
{
	for (int i = 0; i < (int) lengthof(kinds); i++)
		if (strcmp(kinds[i]->name, name) == 0)
			return kinds[i];
	elog(ERROR, "job has the unknown kind \"%s\"", name);
	return NULL;
}

/* Fill in a job from the row that was read, in the current context. */
static AdJob *
fill(int32 id)
{
	AdJob	   *job = palloc0(sizeof(AdJob));
	Oid			owner = DatumGetObjectId(ad_job_column_of_row(JOB_OWNER));

	job->id = id;
	job->name = TextDatumGetCString(ad_job_column_of_row(JOB_NAME));
	job->owner = owner;
	job->owner_name = owner == AD_ROLE_NOBODY ? NULL :
		GetUserNameFromId(owner, true);
	if (job->owner_name == NULL)
	{
		job->owner = InvalidOid;
		job->owner_name = pstrdup("");
	}
	job->kind = ad_job_kind(TextDatumGetCString(ad_job_column_of_row(JOB_KIND)));
	job->source = TextDatumGetCString(ad_job_column_of_row(JOB_SOURCE));
	job->search_path = TextDatumGetCString(ad_job_column_of_row(JOB_SEARCH_PATH));
	job->timezone = TextDatumGetCString(ad_job_column_of_row(JOB_TIMEZONE));
	ad_job_options_read(job, DatumGetJsonbPCopy(ad_job_column_of_row(JOB_OPTIONS)));
	return job;
}

/* Read a job with its options by a statement; as below. */
static AdJob *
read_by(const char *statement, int32 id)
{
	MemoryContext mcxt = CurrentMemoryContext;
	MemoryContext old;
	Oid			types[1] = {INT4OID};
	Datum		values[1] = {Int32GetDatum(id)};
	SPITupleTable *rows;
	AdJob	   *job = NULL;
	uint64		n;

	n = ad_own_run(statement, 1, types, values, NULL);
	rows = SPI_tuptable;
	old = MemoryContextSwitchTo(mcxt);
	if (n == 1)
		job = fill(id);
	MemoryContextSwitchTo(old);
	SPI_freetuptable(rows);
	return job;
}

#define BY_NUMBER \
	"SELECT j.name, j.owner::oid, j.kind, j.source, j.options, j.search_path, j.timezone " \
	"FROM %s._ad_job j WHERE j.id = $1"

/*
 * Read a job with its options as they are stored, and keep it from being
 * dropped until the transaction ends.  NULL: there is none.  Whose it is, the
 * caller asks.  Within SPI; palloc'd in the current context.  Raises an error
 * if its kind or its options are none that this version knows.
 */
AdJob *
ad_job_read_options(int32 id)
{
	return read_by(BY_NUMBER " FOR KEY SHARE", id);
}

/* A job of which the current user has the rights of the owner, or NULL. */
static AdJob *
own(AdJob *job)
{
	if (job == NULL || !ad_job_is_own(job->owner))
		return NULL;
	ad_job_options_finish(job);
	return job;
}

/*
 * Read a job of which the current user has the rights of the owner, ready to
 * be run.  NULL: there is none.  As above.
 */
AdJob *
ad_job_read(int32 id)
{
	return own(ad_job_read_options(id));
}

/* The same for who but looks: it may be dropped meanwhile. */
AdJob *
ad_job_look(int32 id)
{
	return own(read_by(BY_NUMBER, id));
}
