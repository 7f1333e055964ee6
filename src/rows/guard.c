/*-------------------------------------------------------------------------
 *
 * guard.c
 *		What may come into the table of model versions from outside.
 *
 * The owner of a database may insert into the tables of the extension, since
 * a dump is restored that way.  A row can give rights away: the query of a
 * model, when it is trained again, runs as who has the rights of the role
 * that wrote it.  So a trigger in C looks at each row, whichever way it comes
 * (COPY fires it too): it must not name a role whose rights the inserter does
 * not have.
 *
 * An INSERT of such a row is refused.  A COPY, which is how a restore comes,
 * goes on: the row is brought, but names nobody, which a warning says, and
 * what to do then.  src/jobs/sql_guard.c does the same for jobs.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_core.h"
#include "operate/ad_own.h"
#include "sql/ad_text.h"

#include "access/htup_details.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/rel.h"

PG_FUNCTION_INFO_V1(ad_version_guard);

/*
 * _ad_version_guard(), before a version of a model is inserted: who trained
 * it must be a role whose rights the inserter has.  What ad_train() stores is
 * written as the owner of the table, and is the current user's.
 */
Datum
ad_version_guard(PG_FUNCTION_ARGS)
{
	HeapTuple	row = ad_own_new_row(fcinfo->context, AD_REL_MODEL_VERSION,
									 AD_REL_MODEL_VERSION);
	Relation	rel = ((TriggerData *) fcinfo->context)->tg_relation;
	TupleDesc	desc = RelationGetDescr(rel);
	int			trained_by = ad_own_column(rel, "trained_by");
	bool		isnull;
	bool		isset = false;
	Datum		value = heap_getattr(row, trained_by, desc, &isnull);
	char	   *name;
	Oid			role;

	if (isnull || GetUserId() == rel->rd_rel->relowner ||
		superuser_arg(GetUserId()))
		return PointerGetDatum(row);
	name = TextDatumGetCString(value);
	if (name[0] == '\0')
		return PointerGetDatum(row);
	role = get_role_oid(name, true);
	/* one that is made later may have any rights */
	if (OidIsValid(role) && has_privs_of_role(GetUserId(), role))
		return PointerGetDatum(row);
	if (!ad_own_by_copy())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("cannot store a model in the name of role \"%s\"",
						ad_quote_clip(name)),
				 errdetail("Its query would be trusted with privileges that the current user does not have.")));
	value = heap_getattr(row, ad_own_column(rel, "name"), desc, &isnull);
	ereport(WARNING,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("model \"%s\" is restored without who trained it, \"%s\"",
					isnull ? "" : ad_text_quote(value), ad_quote_clip(name)),
			 errhint("It scores as before. Before ad_retrain() can be used, train it once with ad_train().")));
	value = CStringGetTextDatum("");
	return PointerGetDatum(heap_modify_tuple_by_cols(row, desc, 1, &trained_by,
													 &value, &isset));
}
