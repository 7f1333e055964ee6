/*-------------------------------------------------------------------------
 *
 * sql_guard.c
 *		What may come into the tables of jobs from outside.
 *
 * The owner of a database may insert into the tables, since a dump is restored
 * that way; everybody may insert jobs of his own, through a view.  The query
 * of a job runs as the owner that its row names, so a trigger in C looks at
 * each row, whichever way it comes, as src/rows/guard.c does for models.  A
 * job that COPY brings with an owner whose rights the inserter does not have
 * is one of nobody: nobody runs it until a superuser gives it an owner.
 *
 * What belongs to a job comes in through views too.  What a view checks, it
 * checks after the unique indexes, whose errors say which keys there are; so
 * a trigger asks whose the job is before.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_core.h"
#include "jobs/ad_job_define.h"
#include "operate/ad_own.h"
#include "sql/ad_text.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "commands/sequence.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(ad_job_guard);
PG_FUNCTION_INFO_V1(ad_job_number);
PG_FUNCTION_INFO_V1(ad_role_guard);

/* Whose rows a statement may insert, as found for the last row. */
typedef struct Inserter
{
	Oid			user;			/* who inserts */
	Oid			table;			/* where */
	int32		job;			/* of this job, if its rights are not the
								 * table's */
	bool		restores;		/* may write the table itself */
} Inserter;

/*
 * Raise an error for a row whose options are none: views show them, to all who
 * see the job.
 */
static void
check_options(Relation rel, HeapTuple row)
{
	AdJob	   *job = palloc0(sizeof(AdJob));
	bool		isnull[2];
	Datum		kind = heap_getattr(row, ad_own_column(rel, "kind"),
									RelationGetDescr(rel), &isnull[0]);
	Datum		options = heap_getattr(row, ad_own_column(rel, "options"),
									   RelationGetDescr(rel), &isnull[1]);

	if (isnull[0] || isnull[1] || !JB_ROOT_IS_OBJECT(DatumGetJsonbP(options)))
		return;					/* constraints say so */
	job->kind = ad_job_kind(TextDatumGetCString(kind));
	ad_job_options_read(job, DatumGetJsonbP(options));
	ad_job_options_finish(job);
}

/*
 * _ad_job_number(), before a job is inserted.  Its number comes from the
 * sequence, on which nobody needs rights, and its time of creation from the
 * clock, unless the inserter may write the table itself (and so restores it).
 */
Datum
ad_job_number(PG_FUNCTION_ARGS)
{
	HeapTuple	row = ad_own_new_row(fcinfo->context, AD_REL_JOB, AD_REL_JOB);
	Relation	rel = ((TriggerData *) fcinfo->context)->tg_relation;
	TupleDesc	desc = RelationGetDescr(rel);
	int			id = ad_own_column(rel, "id");
	int			owner = ad_own_column(rel, "owner");
	int			created = ad_own_column(rel, "created_at");
	bool		restores = pg_class_aclcheck(RelationGetRelid(rel), GetUserId(),
											 ACL_INSERT) == ACLCHECK_OK;
	bool		isnull;
	bool		isset = false;
	Oid			role;
	Datum		value;

	(void) heap_getattr(row, id, desc, &isnull);
	if (isnull || !restores)
	{
		/* the rights are those of this function, not of the caller */
		value = Int32GetDatum((int32) nextval_internal(ad_own_relation(AD_REL_JOB_ID), false));
		row = heap_modify_tuple_by_cols(row, desc, 1, &id, &value, &isset);
	}
	if (!restores)
	{
		value = TimestampTzGetDatum(GetCurrentTimestamp());
		row = heap_modify_tuple_by_cols(row, desc, 1, &created, &value, &isset);
	}

	role = DatumGetObjectId(heap_getattr(row, owner, desc, &isnull));
	if (!isnull && role != AD_ROLE_NOBODY &&
		(role == AD_ROLE_PUBLIC || !has_privs_of_role(GetUserId(), role)))
	{
		char	   *name = role == AD_ROLE_PUBLIC ? NULL :
			GetUserNameFromId(role, true);

		if (name == NULL)
			name = "public";
		if (!ad_own_by_copy())
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("cannot make a job of role \"%s\"", name),
					 errdetail("Its query would run with privileges that the current user does not have.")));
		value = heap_getattr(row, ad_own_column(rel, "name"), desc, &isnull);
		ereport(WARNING,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("job \"%s\" is restored without its owner \"%s\"",
						isnull ? "" : ad_text_quote(value), name),
				 errhint("A superuser who has read its query can give it back: SELECT ad_alter_job(name, '{\"owner\": \"%s\"}').",
						 name)));
		value = ObjectIdGetDatum(AD_ROLE_NOBODY);
		row = heap_modify_tuple_by_cols(row, desc, 1, &owner, &value, &isset);
	}
	check_options(rel, row);
	return PointerGetDatum(row);
}

/* Whether the current user has the rights of a job's owner. */
static bool
owns(int32 job)
{
	Relation	rel = table_open(ad_own_relation(AD_REL_JOB), AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	row;
	bool		own = false;

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(job));
	scan = systable_beginscan(rel, ad_own_relation(AD_REL_JOB_KEY), true,
							  GetActiveSnapshot(), 1, &key);
	row = systable_getnext(scan);
	if (HeapTupleIsValid(row))
	{
		bool		isnull;
		Oid			role = DatumGetObjectId(heap_getattr(row,
														 ad_own_column(rel, "owner"),
														 RelationGetDescr(rel), &isnull));

		own = !isnull && has_privs_of_role(GetUserId(), role);
	}
	systable_endscan(scan);
	table_close(rel, NoLock);
	return own;
}

/*
 * _ad_job_guard(), before a row that belongs to a job is inserted: it must be
 * a job of a role whose rights the inserter has, unless he may write the table
 * itself (and so restores it, in whatever order).  A job of another and one
 * that does not exist are told alike.  Asked once for rows of one job.
 */
Datum
ad_job_guard(PG_FUNCTION_ARGS)
{
	HeapTuple	row = ad_own_new_row(fcinfo->context, AD_REL_JOB_STATE,
									 AD_REL_JOB_GRANT);
	Relation	rel = ((TriggerData *) fcinfo->context)->tg_relation;
	Inserter   *asked = fcinfo->flinfo->fn_extra;
	Oid			user = GetUserId();
	bool		isnull;
	int32		job = DatumGetInt32(heap_getattr(row, 1, RelationGetDescr(rel),
												 &isnull));

	if (asked == NULL)
		asked = fcinfo->flinfo->fn_extra =
			MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(Inserter));
	else if (asked->user == user && asked->table == RelationGetRelid(rel) &&
			 (asked->restores || (!isnull && asked->job == job)))
		return PointerGetDatum(row);

	asked->user = InvalidOid;
	asked->restores = pg_class_aclcheck(RelationGetRelid(rel), user,
										ACL_INSERT) == ACLCHECK_OK;
	if (!asked->restores && (isnull || !owns(job)))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for job %s",
						isnull ? "NULL" : psprintf("%d", job))));
	asked->table = RelationGetRelid(rel);
	asked->job = isnull ? 0 : job;
	asked->user = user;
	return PointerGetDatum(row);
}

/*
 * _ad_role_guard(), before a row that belongs to a role is inserted, in column
 * "role": one whose rights the inserter has.  What a COPY brings for others is
 * left out, with a warning.
 */
Datum
ad_role_guard(PG_FUNCTION_ARGS)
{
	HeapTuple	row = ad_own_new_row(fcinfo->context, AD_REL_HEALTH_LOG,
									 AD_REL_DRIFT_RESULT);
	Relation	rel = ((TriggerData *) fcinfo->context)->tg_relation;
	bool		isnull;
	Oid			role = DatumGetObjectId(heap_getattr(row, ad_own_column(rel, "role"),
													 RelationGetDescr(rel), &isnull));
	bool		nobody = isnull || role == AD_ROLE_NOBODY;

	/* the owner of the tables writes what a function has asked the right to */
	if (GetUserId() == rel->rd_rel->relowner ||
		(!nobody && role != AD_ROLE_PUBLIC && has_privs_of_role(GetUserId(), role)))
		return PointerGetDatum(row);
	if (!ad_own_by_copy())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("cannot insert rows of another role into table \"%s\"",
						RelationGetRelationName(rel))));
	if (!nobody)
		ereport(WARNING,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("row of table \"%s\" is left out",
						RelationGetRelationName(rel)),
				 errdetail("It is of a role whose privileges the current user does not have.")));
	return PointerGetDatum(NULL);
}
