/*-------------------------------------------------------------------------
 *
 * guard.c
 *		What may come into the tables of the extension from outside, and go.
 *
 * The owner of a database may insert into the tables, since a dump is restored
 * that way; everybody may insert jobs of his own, through a view.  A row can
 * give rights away: the query of a job runs as the owner that the row names,
 * that of a model, when it is trained again, as who has the rights of the role
 * that wrote it.  So triggers in C look at each row, whichever way it comes
 * (COPY fires them too): it must not name a role whose rights the inserter
 * does not have.
 *
 * An INSERT of such a row is refused.  A COPY, which is how a restore comes,
 * goes on: the row is brought, but names nobody, which a warning says, and
 * what to do then.  A job of nobody is run by nobody until a superuser gives
 * it an owner.
 *
 * Labels are written here too: a label's row decides about the retraining of
 * a model, so it is read from the alert or from the source of the job, and
 * never given by the user.
 *
 * And what belongs to a job is deleted here.  It could be through the views
 * that show each role its own, but who has the privilege to DELETE from a view
 * may lock it, and the tables below, in any mode.
 *
 *-------------------------------------------------------------------------
 */
#include "rows/ad_rows.h"
#include "rows/ad_registry.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "tcop/pquery.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(ad_job_number);
PG_FUNCTION_INFO_V1(ad_version_guard);
PG_FUNCTION_INFO_V1(ad_label_store);
PG_FUNCTION_INFO_V1(ad_job_delete);

/*
 * The new row of a trigger that must be one of a table of the extension,
 * before insert, for each row.  Who hangs it anywhere else gets an error.
 */
static HeapTuple
new_row(FunctionCallInfo fcinfo, AdOwnRelation table)
{
	TriggerData *t = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) ||
		!TRIGGER_FIRED_BEFORE(t->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(t->tg_event) ||
		!TRIGGER_FIRED_BY_INSERT(t->tg_event) ||
		RelationGetRelid(t->tg_relation) != ad_own_relation(table))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("this function is the trigger of a table of the extension, and of no other")));
	return t->tg_trigtuple;
}

/* The number of a column, by name. */
static int
column(Relation rel, const char *name)
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
static bool
by_copy(void)
{
	return ActivePortal != NULL && ActivePortal->commandTag == CMDTAG_COPY;
}

/*
 * _ad_job_number(), before a job is inserted.  Its number comes from the
 * sequence, on which nobody needs rights, and its time of creation from the
 * clock, unless the inserter may write the table itself (and so restores it).
 */
Datum
ad_job_number(PG_FUNCTION_ARGS)
{
	HeapTuple	row = new_row(fcinfo, AD_REL_JOB);
	Relation	rel = ((TriggerData *) fcinfo->context)->tg_relation;
	TupleDesc	desc = RelationGetDescr(rel);
	int			id = column(rel, "id");
	int			owner = column(rel, "owner");
	int			created = column(rel, "created_at");
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
		if (!by_copy())
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("cannot make a job of role \"%s\"", name),
					 errdetail("Its query would run with rights that the current user does not have.")));
		value = heap_getattr(row, column(rel, "name"), desc, &isnull);
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

/*
 * _ad_version_guard(), before a version of a model is inserted: who trained
 * it must be a role whose rights the inserter has.  What ad_train() stores is
 * written as the owner of the table, and is the current user's.
 */
Datum
ad_version_guard(PG_FUNCTION_ARGS)
{
	HeapTuple	row = new_row(fcinfo, AD_REL_MODEL_VERSION);
	Relation	rel = ((TriggerData *) fcinfo->context)->tg_relation;
	TupleDesc	desc = RelationGetDescr(rel);
	int			trained_by = column(rel, "trained_by");
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
	if (!by_copy())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("cannot store a model in the name of role \"%s\"",
						ad_quote_clip(name)),
				 errdetail("Its query would be trusted with rights that the current user does not have.")));
	value = heap_getattr(row, column(rel, "name"), desc, &isnull);
	ereport(WARNING,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("model \"%s\" is restored without who trained it, \"%s\"",
					isnull ? "" : ad_text_quote(value), ad_quote_clip(name)),
			 errhint("It scores as before. Before ad_retrain() can be used, train it once with ad_train().")));
	value = CStringGetTextDatum("");
	return PointerGetDatum(heap_modify_tuple_by_cols(row, desc, 1, &trained_by,
													 &value, &isset));
}

/* Run SQL as the current user; the first column of its first row. */
static Datum
ask(const char *sql, int nargs, Oid *types, Datum *values, bool *isnull)
{
	*isnull = true;
	if (SPI_execute_with_args(sql, nargs, types, values, NULL, false, 1) !=
		SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_with_args failed");
	return SPI_processed == 0 ? (Datum) 0 :
		SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, isnull);
}

/* The same as the owner of the tables; "%s" is their schema. */
static Datum
ask_as_owner(const char *sql, int nargs, Oid *types, Datum *values,
			 bool *isnull)
{
	*isnull = true;
	return ad_registry_run(sql, nargs, types, values, NULL) == 0 ? (Datum) 0 :
		SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, isnull);
}

/*
 * _ad_label_store(job_id, key, is_anomaly, note): label the row with a key,
 * NULL: take a label back.  The row is that of the alert, else, for the owner
 * of the job, of the source, else of the label that there is.  Errors: no
 * privilege to label, no such row, the job is gone.
 */
Datum
ad_label_store(PG_FUNCTION_ARGS)
{
	Oid			types[6] = {INT4OID, TEXTOID, BOOLOID, JSONBOID, TEXTOID, TEXTOID};
	Datum		values[6];
	char		nulls[7] = "      ";
	Oid			owner_types[2] = {INT4OID, OIDOID};
	Datum		owner_values[2];
	const char *internal = ad_internal_schema();
	char	   *privilege;
	char	   *name;
	bool		isnull;
	bool		reads;			/* the source, as who owns the job */
	Datum		row;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("job and key cannot be NULL")));
	values[0] = PG_GETARG_DATUM(0);
	values[1] = PG_GETARG_DATUM(1);
	owner_values[0] = values[0];
	owner_values[1] = ObjectIdGetDatum(GetUserId());
	SPI_connect();
	row = ask(psprintf("SELECT p.privilege FROM %s._ad_job_privilege p WHERE p.job_id OPERATOR(pg_catalog.=) $1",
					   internal), 1, types, values, &isnull);
	privilege = isnull ? "none" : TextDatumGetCString(row);
	if (strcmp(privilege, "own") != 0 && strcmp(privilege, "label") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for the job"),
				 errdetail("The privilege \"label\" is needed.")));
	/* it cannot be dropped until the label is there to be dropped with it */
	row = ask_as_owner("SELECT j.name FROM %s._ad_job j WHERE j.id = $1 FOR KEY SHARE",
					   1, types, values, &isnull);
	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("job %d does not exist", PG_GETARG_INT32(0))));
	name = TextDatumGetCString(row);
	(void) ask_as_owner("SELECT j.id FROM %s._ad_job j "
						"WHERE j.id = $1 AND j.kind = 'model' AND j.owner::oid = $2",
						2, owner_types, owner_values, &isnull);
	reads = !isnull;

	row = ask_as_owner("SELECT a.\"row\" FROM %s._ad_alert a WHERE a.job_id = $1 AND a.key = $2",
					   2, types, values, &isnull);
	if (isnull && reads)
		row = ask(psprintf("SELECT %s._ad_job_row($1, $2)", internal), 2, types,
				  values, &isnull);
	if (isnull)
		row = ask_as_owner("SELECT l.\"row\" FROM %s._ad_label l WHERE l.job_id = $1 AND l.key = $2",
						   2, types, values, &isnull);
	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("job \"%s\" has no alert with key \"%s\"", name,
						ad_text_quote(PG_GETARG_DATUM(1))),
				 reads ? errdetail("There is no such row in its source either.") :
				 errdetail("Rows without an alert can be labelled by its owner.")));

	(void) ad_registry_run("DELETE FROM %s._ad_label WHERE job_id = $1 AND key = $2",
						   2, types, values, NULL);
	if (!PG_ARGISNULL(2))
	{
		values[2] = PG_GETARG_DATUM(2);
		values[3] = row;
		values[4] = PG_ARGISNULL(3) ? (Datum) 0 : PG_GETARG_DATUM(3);
		nulls[4] = PG_ARGISNULL(3) ? 'n' : ' ';
		values[5] = CStringGetTextDatum(GetUserNameFromId(GetUserId(), false));
		(void) ad_registry_run("INSERT INTO %s._ad_label (job_id, key, is_anomaly, \"row\", note, labelled_by, labelled_at) "
							   "VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp())",
							   6, types, values, nulls);
	}
	SPI_finish();
	PG_RETURN_VOID();
}

/*
 * What _ad_job_delete() deletes, by name.  $1 is the job, $2 a time, $3 an
 * integer watermark, $4 a role, $5 a privilege, $6 some keys.
 */
static const struct
{
	const char *what;
	const char *sql;
	bool		counts;			/* whether its rows count in the result */
}			deletions[] = {
	{"alert", "DELETE FROM %s._ad_alert WHERE job_id = $1 AND scored_at < $2", true},
	{"run", "DELETE FROM %s._ad_job_run WHERE job_id = $1 AND started < $2", true},
	{"key", "DELETE FROM %s._ad_job_seen WHERE job_id = $1 AND (at < timezone('UTC', $2) OR no < $3)", true},
	{"grant", "DELETE FROM %s._ad_job_grant WHERE job_id = $1 AND role::oid = $4 AND privilege = $5", true},
	{"subject", "DELETE FROM %s._ad_alert WHERE job_id = $1 AND key = ANY ($6)", true},
	{"subject", "DELETE FROM %s._ad_label WHERE job_id = $1 AND key = ANY ($6)", true},
	{"subject", "DELETE FROM %s._ad_job_seen WHERE job_id = $1 AND key = ANY ($6)", false},
	{"job", "DELETE FROM %s._ad_job_state WHERE job_id = $1", false},
	{"job", "DELETE FROM %s._ad_job_seen WHERE job_id = $1", false},
	{"job", "DELETE FROM %s._ad_job_run WHERE job_id = $1", false},
	{"job", "DELETE FROM %s._ad_alert WHERE job_id = $1", true},
	{"job", "DELETE FROM %s._ad_label WHERE job_id = $1", false},
	{"job", "DELETE FROM %s._ad_job_grant WHERE job_id = $1", false},
	{"job", "DELETE FROM %s._ad_job WHERE id = $1", false}
};

/*
 * _ad_job_delete(job_id, what, before, before_no, role, privilege, keys) -> how
 * many rows are gone, those that count.  What is NULL deletes nothing.
 * Error for who does not own the job.
 */
Datum
ad_job_delete(PG_FUNCTION_ARGS)
{
	Oid			types[6] = {INT4OID, TIMESTAMPTZOID, INT8OID, OIDOID, TEXTOID, TEXTARRAYOID};
	static const int argument[6] = {0, 2, 3, 4, 5, 6};
	Datum		values[6];
	char		nulls[7] = "      ";
	char	   *what;
	bool		isnull;
	bool		known = false;
	int64		n = 0;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("job and what to delete of it cannot be NULL")));
	for (int i = 0; i < 6; i++)
	{
		nulls[i] = PG_ARGISNULL(argument[i]) ? 'n' : ' ';
		values[i] = PG_ARGISNULL(argument[i]) ? (Datum) 0 :
			PG_GETARG_DATUM(argument[i]);
	}
	what = text_to_cstring(PG_GETARG_TEXT_PP(1));
	SPI_connect();
	(void) ask(psprintf("SELECT o.id FROM %s._ad_own_job o WHERE o.id OPERATOR(pg_catalog.=) $1",
						ad_internal_schema()), 1, types, values, &isnull);
	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for job %d", PG_GETARG_INT32(0))));
	for (int i = 0; i < (int) lengthof(deletions); i++)
	{
		uint64		rows;

		if (strcmp(deletions[i].what, what) != 0)
			continue;
		known = true;
		rows = ad_registry_run(deletions[i].sql, 6, types, values, nulls);
		if (deletions[i].counts)
			n += (int64) rows;
	}
	if (!known)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot delete \"%s\" of a job", what)));
	SPI_finish();
	PG_RETURN_INT64(n);
}
