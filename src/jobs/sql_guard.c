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
 *-------------------------------------------------------------------------
 */
#include "core/ad_core.h"
#include "operate/ad_own.h"
#include "sql/ad_text.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "commands/sequence.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(ad_job_number);

/*
 * _ad_job_number(), before a job is inserted.  Its number comes from the
 * sequence, on which nobody needs rights, and its time of creation from the
 * clock, unless the inserter may write the table itself (and so restores it).
 */
Datum
ad_job_number(PG_FUNCTION_ARGS)
{
	HeapTuple	row = ad_own_new_row(fcinfo->context, AD_REL_JOB);
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
					 errdetail("Its query would run with rights that the current user does not have.")));
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
	return PointerGetDatum(row);
}
