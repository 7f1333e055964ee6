/*-------------------------------------------------------------------------
 *
 * sql_own_job.c
 *		A job of one's own, by name.
 *
 * The table is read as its owner, and whose a job is is asked first: to change
 * it takes the rights of its owner.  Of jobs that the current user may not see,
 * nothing is said.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_job_define.h"
#include "operate/ad_own.h"
#include "sql/ad_text.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"

/* Raise the error of a job that is not there, or may not be seen. */
void
ad_job_no_job(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("job \"%s\" does not exist", name)));
}

/* A name as the result of a function, which SPI_finish() leaves alone. */
Datum
ad_job_name_result(const char *name)
{
	Size		length = strlen(name);
	text	   *result = SPI_palloc(VARHDRSZ + length);

	SET_VARSIZE(result, VARHDRSZ + length);
	memcpy(VARDATA(result), name, length);
	return PointerGetDatum(result);
}

/* A column of the first row that came back, which is not NULL. */
Datum
ad_job_column_of_row(int n)
{
	bool		isnull;
	Datum		d = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, n,
								  &isnull);

	if (isnull)
		elog(ERROR, "column %d of a job is NULL", n);
	return d;
}

/* What the current user was granted on a job: "read", "label", or NULL. */
static const char *
granted(Datum id)
{
	Oid			types[1] = {INT4OID};
	uint64		n = ad_own_run("SELECT g.role::oid, g.privilege FROM %s._ad_job_grant g WHERE g.job_id = $1",
							   1, types, &id, NULL);
	const char *most = NULL;

	for (uint64 i = 0; i < n; i++)
	{
		bool		isnull;
		HeapTuple	row = SPI_tuptable->vals[i];
		Oid			role = DatumGetObjectId(SPI_getbinval(row, SPI_tuptable->tupdesc,
														  1, &isnull));

		if (role != AD_ROLE_PUBLIC &&
			(role == AD_ROLE_NOBODY || !has_privs_of_role(GetUserId(), role)))
			continue;
		if (most == NULL || strcmp(most, "read") == 0)
			most = SPI_getvalue(row, SPI_tuptable->tupdesc, 2);
	}
	return most;
}

/* Whether the current user has the rights of a job's owner. */
bool
ad_job_is_own(Oid owner)
{
	return owner == AD_ROLE_NOBODY || !OidIsValid(owner) ? superuser() :
		has_privs_of_role(GetUserId(), owner);
}

/* Whether the current user may see a job.  Within SPI. */
bool
ad_job_is_seen(const AdJobRow *job)
{
	return ad_job_is_own(job->owner) || granted(Int32GetDatum(job->id)) != NULL;
}

/* Find a job by name; false if there is none. */
static bool
find(Datum name, const char *statement, AdJobRow *out)
{
	Oid			types[1] = {TEXTOID};

	if (ad_own_run(statement, 1, types, &name, NULL) == 0)
		return false;
	out->id = DatumGetInt32(ad_job_column_of_row(1));
	out->owner = DatumGetObjectId(ad_job_column_of_row(2));
	out->name = TextDatumGetCString(ad_job_column_of_row(3));
	return true;
}

/* Whether there is a job of a name that the current user may see.  Within SPI. */
bool
ad_job_exists(Datum name)
{
	AdJobRow	row;

	return ad_raw_length(name) <= AD_MAX_JOB_NAME &&
		find(name, "SELECT j.id, j.owner::oid, j.name FROM %s._ad_job j WHERE j.name = $1",
			 &row) &&
		ad_job_is_seen(&row);
}

/*
 * The job of a name, whose owner's rights the current user must have.  With a
 * lock, "FOR UPDATE" or a weaker one, it stays as it is until the transaction
 * ends; who may not change it cannot hold it up.  Within SPI.
 */
void
ad_job_own(Datum name, bool isnull, const char *lock, AdJobRow *out)
{
	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("name of the job cannot be NULL")));
	/* no job has a longer one */
	if (ad_raw_length(name) > AD_MAX_JOB_NAME ||
		!find(name, "SELECT j.id, j.owner::oid, j.name FROM %s._ad_job j WHERE j.name = $1",
			  out))
		ad_job_no_job(ad_text_quote(name));
	if (!ad_job_is_own(out->owner))
	{
		if (granted(Int32GetDatum(out->id)) == NULL)
			ad_job_no_job(ad_text_quote(name));
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for job \"%s\"", out->name),
				 errdetail("Only its owner may do that."),
				 errhint("ad_jobs shows the owner. Members of that role may do it, too.")));
	}
	if (lock != NULL &&
		(!find(name, psprintf("SELECT j.id, j.owner::oid, j.name FROM %%s._ad_job j WHERE j.name = $1 %s",
							  lock), out) ||
		 !ad_job_is_own(out->owner)))
		ad_job_no_job(ad_text_quote(name));
}

/*
 * The job of a name, whose rows the current user may label.  It is not dropped
 * until the transaction ends.  Within SPI.
 */
void
ad_job_may_label(Datum name, AdJobRow *out)
{
	const char *by_name = "SELECT j.id, j.owner::oid, j.name FROM %s._ad_job j WHERE j.name = $1";
	const char *privilege;

	if (ad_raw_length(name) > AD_MAX_JOB_NAME || !find(name, by_name, out))
		ad_job_no_job(ad_text_quote(name));
	privilege = ad_job_is_own(out->owner) ? "own" :
		granted(Int32GetDatum(out->id));
	if (privilege == NULL)
		ad_job_no_job(ad_text_quote(name));
	if (strcmp(privilege, "read") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for job \"%s\"", out->name),
				 errdetail("The privilege \"label\" is needed."),
				 errhint("The owner of the job can grant it with ad_grant_job().")));
	if (!find(name, psprintf("%s FOR KEY SHARE", by_name), out))
		ad_job_no_job(ad_text_quote(name));
}
