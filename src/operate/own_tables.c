/*-------------------------------------------------------------------------
 *
 * own_tables.c
 *		Writing the extension's tables, and rows that come into them.
 *
 * No user has rights on the tables.  A function asks first what the current
 * user may do, then writes as the owner of the tables, the way foreign keys
 * do, in a search path where nobody else's operators are found.  Errors
 * restore both, when the (sub)transaction is cleaned up.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_core.h"
#include "operate/ad_own.h"

#include "access/table.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "tcop/pquery.h"
#include "utils/guc.h"
#include "utils/rel.h"

/* Who owns the tables, so as whom they are written. */
Oid
ad_own_owner(void)
{
	Relation	rel = table_open(ad_own_relation(AD_REL_MODEL_NAME),
								 AccessShareLock);
	Oid			owner = rel->rd_rel->relowner;

	table_close(rel, NoLock);
	return owner;
}

/*
 * Run a statement over the extension's tables as their owner; "%s" in it is
 * their schema.  Within SPI.  Return how many rows it is about; what it
 * returns is in SPI_tuptable.
 */
uint64
ad_own_run(const char *statement, int nargs, const Oid *types,
		   const Datum *values, const char *nulls)
{
	const char *q = ad_own_schema();
	Oid			user;
	int			context;
	int			nestlevel = NewGUCNestLevel();
	StringInfoData sql;
	int			result;

	initStringInfo(&sql);
	for (const char *s = statement; *s; s++)
	{
		if (s[0] == '%' && s[1] == 's')
		{
			appendStringInfoString(&sql, q);
			s++;
		}
		else
			appendStringInfoChar(&sql, *s);
	}

	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(ad_own_owner(),
						   context | SECURITY_LOCAL_USERID_CHANGE);
	(void) set_config_option("search_path", "pg_catalog, pg_temp",
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
							 true, 0, false);
	result = SPI_execute_with_args(sql.data, nargs, (Oid *) types,
								   (Datum *) values, nulls, false, 0);
	if (result < 0)
		elog(ERROR, "SPI_execute_with_args failed: %s",
			 SPI_result_code_string(result));
	AtEOXact_GUC(true, nestlevel);
	SetUserIdAndSecContext(user, context);
	return SPI_processed;
}

/* Return an integer of the first row that came back; 0 for NULL. */
int32
ad_own_result(int column)
{
	bool		isnull;
	Datum		d = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
								  column, &isnull);

	return isnull ? 0 : DatumGetInt32(d);
}

/*
 * Return the new row of a trigger that must be one of some tables of the
 * extension, from the first to the last, before insert, for each row.  Who
 * hangs it anywhere else gets an error.
 */
HeapTuple
ad_own_new_row(Node *context, AdOwnRelation first, AdOwnRelation last)
{
	TriggerData *t = (TriggerData *) context;
	bool		ours = false;

	if (context != NULL && IsA(context, TriggerData) &&
		TRIGGER_FIRED_BEFORE(t->tg_event) &&
		TRIGGER_FIRED_FOR_ROW(t->tg_event) &&
		TRIGGER_FIRED_BY_INSERT(t->tg_event))
		for (AdOwnRelation i = first; !ours && i <= last; i++)
			ours = RelationGetRelid(t->tg_relation) == ad_own_relation(i);
	if (!ours)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("this function is the trigger of a table of the extension, and of no other")));
	return t->tg_trigtuple;
}

/* Return the number of a column, by name. */
int
ad_own_column(Relation rel, const char *name)
{
	int			n = SPI_fnumber(RelationGetDescr(rel), name);

	if (n <= 0)
		elog(ERROR, "table \"%s\" has no column \"%s\"",
			 RelationGetRelationName(rel), name);
	return n;
}

/*
 * Whether a row comes by COPY.  A function that a COPY calls and that inserts
 * by itself counts too; what differs is only who is told.
 */
bool
ad_own_by_copy(void)
{
	return ActivePortal != NULL && ActivePortal->commandTag == CMDTAG_COPY;
}
