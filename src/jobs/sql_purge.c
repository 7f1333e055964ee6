/*-------------------------------------------------------------------------
 *
 * sql_purge.c
 *		What a job keeps of somebody, deleted.
 *
 * By key it is what has the key.  By entity it is what an alert is of, and
 * what is labelled without an alert, or with none any more: JSON writes some
 * types in another way than an alert's entity is written, so the value in the
 * row is read as its type again.  That runs as the current user.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_job_define.h"
#include "operate/ad_own.h"
#include "sql/ad_text.h"
#include "sql/ad_try.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(ad_purge_subject);

#define AD_MAX_KEY_LENGTH	((Size) 65536)

/* The parameters of the statements: $1, ... */
enum
{
	PURGE_JOB,
	PURGE_KEY,
	PURGE_ENTITY,
	PURGE_COLUMN,				/* of the entity in a labelled row */
	PURGE_TYPE,					/* of it; NULL: not known */
	PURGE_TIMEZONE,
	PURGE_KEYS,					/* that are purged */
	PURGE_PARAMETERS
};

static const Oid purge_types[PURGE_PARAMETERS] = {
	INT4OID, TEXTOID, TEXTOID, TEXTOID, REGTYPEOID, TEXTOID, TEXTARRAYOID
};

/* Where the type of an entity is looked for. */
typedef struct EntityType
{
	const AdJob *job;
	Oid			type;
} EntityType;

/* Find the type of a job's entity column. */
static void
find_entity_type(void *arg)
{
	EntityType *e = arg;
	AdJobColumns source;

	ad_job_columns_read(e->job, &source);
	e->type = ad_job_column(&source, e->job->entity, "entity");
}

/* The type of a job's entity, as far as its source is there to be read. */
static Oid
entity_type(const AdJob *job)
{
	EntityType	e = {job, InvalidOid};
	ErrorData  *error;

	if (job->entity == NULL || job->owner != GetUserId())
		return InvalidOid;		/* only its owner reads the source */
	error = ad_try(find_entity_type, &e);
	if (error == NULL)
		return e.type;
	if (ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION &&
		error->sqlerrcode != ERRCODE_INVALID_PARAMETER_VALUE)
		ThrowErrorData(error);
	return InvalidOid;			/* it is gone */
}

/* Run a statement as the current user; the first column of its one row. */
static Datum
ask(const char *sql, Datum *values, const char *nulls)
{
	bool		isnull;

	if (SPI_execute_with_args(sql, PURGE_PARAMETERS, (Oid *) purge_types, values,
							  nulls, false, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "SPI_execute_with_args failed");
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
}

/* The keys of what is purged, an array. */
static Datum
keys_of(const AdJob *job, Datum *values, char *nulls)
{
	const char *s = ad_internal_schema();
	const char *column = job->model == NULL ? "account" : job->entity;
	Oid			type;

	if (nulls[PURGE_KEY] == ' ')
		return ask(psprintf("SELECT ARRAY[$2, %s._ad_short($2)]", s), values, nulls);
	type = entity_type(job);
	nulls[PURGE_COLUMN] = column ? ' ' : 'n';
	values[PURGE_COLUMN] = column ? CStringGetTextDatum(column) : (Datum) 0;
	nulls[PURGE_TYPE] = OidIsValid(type) ? ' ' : 'n';
	values[PURGE_TYPE] = ObjectIdGetDatum(type);
	return ask(psprintf("SELECT ARRAY(SELECT a.key FROM %s._ad_own_alert a WHERE a.job_id = $1 AND a.entity = %s._ad_short($3) "
						"UNION SELECT l.key FROM %s._ad_visible_label l "
						"WHERE l.job = (SELECT o.name FROM %s._ad_own_job o WHERE o.id = $1) AND %s._ad_short($3) IN (%s._ad_short(l.\"row\" ->> $4), "
						"%s._ad_short(%s._ad_row_text(l.\"row\", $4, %s._ad_plain_type($5), $6))))",
						s, s, s, s, s, s, s, s, s), values, nulls);
}

static Datum
purge_subject(FunctionCallInfo fcinfo)
{
	const char *s;
	AdJobRow	row;
	AdJob	   *job;
	Datum		values[PURGE_PARAMETERS] = {0};
	char		nulls[] = "nnnnnnn";
	int64		n;

	SPI_connect();
	s = ad_internal_schema();
	ad_job_own(PG_GETARG_DATUM(0), PG_ARGISNULL(0), NULL, &row);
	for (int i = PURGE_KEY; i <= PURGE_ENTITY; i++)
		if (!PG_ARGISNULL(i))
		{
			values[i] = PG_GETARG_DATUM(i);
			nulls[i] = ' ';
			ad_check_length(values[i], i == PURGE_KEY ? "key" : "entity",
							AD_MAX_KEY_LENGTH);
		}
	if (PG_ARGISNULL(1) == PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("one of key and entity must be given, and not both"),
				 errhint("Use ad_purge_subject(job, key => '...') or ad_purge_subject(job, entity => '...').")));
	/* waits for a batch that is being done, and a label that is being written */
	ad_job_own(PG_GETARG_DATUM(0), false, "FOR UPDATE", &row);
	job = ad_job_read_options(row.id);
	/* who purges all jobs must not believe that this one is done */
	if (nulls[PURGE_ENTITY] == ' ' && job->model != NULL && job->entity == NULL)
		ereport(WARNING,
				(errmsg("job \"%s\" has no entity, so its rows cannot be found by \"%s\"",
						job->name, ad_text_quote(values[PURGE_ENTITY])),
				 errhint("Look for them in the column \"row\" of ad_alerts and ad_labels, and purge them by key.")));
	values[PURGE_JOB] = Int32GetDatum(row.id);
	values[PURGE_TIMEZONE] = CStringGetTextDatum(job->timezone);
	nulls[PURGE_JOB] = nulls[PURGE_TIMEZONE] = ' ';
	values[PURGE_KEYS] = keys_of(job, values, nulls);
	nulls[PURGE_KEYS] = ' ';
	n = DatumGetInt64(ask(psprintf("SELECT %s._ad_job_delete($1, 'subject', keys => $7)", s),
						  values, nulls));
	/* any value of any row may stand in there */
	(void) ad_own_run("UPDATE %s._ad_job_run r SET error = %s._ad_error_class(r.error_code) WHERE r.job_id = $1 AND r.error IS NOT NULL",
					  PURGE_PARAMETERS, purge_types, values, nulls);
	(void) ad_own_run("UPDATE %s._ad_job_error e SET message = %s._ad_error_class(e.error_code) WHERE e.job_id = $1",
					  PURGE_PARAMETERS, purge_types, values, nulls);
	SPI_finish();
	return Int64GetDatum(n);
}

/* ad_purge_subject(job, key, entity) -> alerts and labels that are gone. */
Datum
ad_purge_subject(PG_FUNCTION_ARGS)
{
	return ad_call_door(purge_subject, fcinfo);
}
