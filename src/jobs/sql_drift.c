/*-------------------------------------------------------------------------
 *
 * sql_drift.c
 *		Drift of a model, measured on a query or the newest rows of a job, and
 *		kept for ad_health().
 *
 * The rows are read as the current user, in the search path of whoever wrote
 * the query, in what is for that time a read-only query; what comes of it is
 * his.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_job_define.h"
#include "jobs/ad_run.h"
#include "operate/ad_operate.h"
#include "operate/ad_own.h"
#include "sql/ad_text.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/guc.h"

PG_FUNCTION_INFO_V1(ad_check_drift);
PG_FUNCTION_INFO_V1(ad_measure_drift);
PG_FUNCTION_INFO_V1(ad_retrain_scheduled);

#define NEWEST_ROWS		10000	/* of a job */

/* What is measured. */
typedef struct Measured
{
	char	   *model;
	int32		version;
	AdJob		source;			/* its query and search path, perhaps features */
	char	   *what;			/* the query or the job, in words */
	bool		newest;			/* a job: its newest rows only */
} Measured;

/* The names of the features of the active version; NULL: they have none. */
static char **
feature_names(Measured *m, int *n)
{
	Oid			types[] = {TEXTOID};
	Datum		values[1];
	char	  **names;

	values[0] = CStringGetTextDatum(m->model);
	if (SPI_execute_with_args(psprintf("SELECT v.version, f.e ->> 'name' FROM %s._ad_visible_model v, "
									   "jsonb_array_elements(v.features) WITH ORDINALITY f(e, i) "
									   "WHERE v.name = $1 AND v.active ORDER BY f.i", ad_internal_schema()),
							  1, types, values, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_with_args failed");
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("model \"%s\" has no active version", m->model),
				 errhint("Choose one with ad_activate().")));
	*n = (int) SPI_processed;
	m->version = ad_own_result(1);
	names = ad_palloc_array(char *, *n);
	for (int i = 0; i < *n; i++)
	{
		names[i] = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2);
		if (names[i] == NULL)
			return NULL;
	}
	return names;
}

/*
 * The columns of the source to look at, as a select list: the features by
 * name, or as a job names them; all, where they have no names.  *row is the row
 * of them, packed, so that it can be read on shards, or NULL: all, or more than
 * can be packed.
 */
static char *
select_list(Measured *m, const AdJobColumns *source, char **row)
{
	StringInfoData list;
	StringInfoData labels;
	StringInfoData fields;
	int			n;
	char	  **names = feature_names(m, &n);

	*row = NULL;
	if (names == NULL)
		return pstrdup("_q.*");
	initStringInfo(&list);
	initStringInfo(&labels);
	initStringInfo(&fields);
	for (int i = 0; i < n; i++)
	{
		const char *column = names[i];

		if (m->source.features != NULL)
		{
			for (int k = 0; k <= i; k++)
				if (m->source.features[k] == NULL)
					ereport(ERROR,
							(errcode(ERRCODE_DATATYPE_MISMATCH),
							 errmsg("number of features is %d, but the model expects %d",
									k, n)));
			column = m->source.features[i];
		}
		(void) ad_job_column(source, column, "feature");
		appendStringInfo(&list, "%s_q.%s AS %s", i > 0 ? ", " : "",
						 quote_identifier(column), quote_identifier(names[i]));
		appendStringInfo(&labels, "%s%s", i > 0 ? ", " : "",
						 quote_literal_cstr(names[i]));
		appendStringInfo(&fields, ", _f.%s", quote_identifier(names[i]));
	}
	if (n < FUNC_MAX_ARGS)
		*row = psprintf("_anomaly._ad_pack(ARRAY[%s]::pg_catalog.text[]%s)",
						labels.data, fields.data);
	return list.data;
}

/* Read the rows into a sketch; how many they are. */
static Datum
sketch_rows(Measured *m, int64 *rows)
{
	AdJobColumns source;
	StringInfoData sql;
	MemoryContext mcxt = CurrentMemoryContext;
	MemoryContext old;
	bool		isnull;
	Datum		sketch;
	char	   *list;
	char	   *row;
	int			nestlevel;

	ad_job_columns_read(&m->source, &source);
	list = select_list(m, &source, &row);
	initStringInfo(&sql);
	/* a comment may end the query, so a line ends it too */
	appendStringInfo(&sql, "SELECT pg_catalog.count(*), _anomaly._ad_sketch('{}'::pg_catalog.jsonb, %s) FROM (SELECT %s FROM (\n%s\n) _q",
					 row ? row : "_f", list, source.sql);
	if (m->newest)
		appendStringInfo(&sql, " WHERE _q.%s IS NOT NULL ORDER BY _q.%s DESC LIMIT %d",
						 quote_identifier(m->source.watermark),
						 quote_identifier(m->source.watermark), NEWEST_ROWS);
	appendStringInfo(&sql, "%s) _f", row ? "" : " OFFSET 0");
	nestlevel = NewGUCNestLevel();
	(void) set_config_option("search_path", m->source.search_path, PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	if (m->newest)
		ad_batch_formats(m->source.timezone);
	if (SPI_execute(sql.data, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute failed");
	AtEOXact_GUC(true, nestlevel);
	*rows = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	sketch = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull);
	if (isnull || *rows == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there are no rows to measure drift of model \"%s\" on",
						m->model)));
	old = MemoryContextSwitchTo(mcxt);
	sketch = PointerGetDatum(DatumGetByteaPCopy(sketch));
	MemoryContextSwitchTo(old);
	return sketch;
}

/* Measure, and keep what comes of it; the verdict. */
static char *
measure(Measured *m)
{
	Oid			types[] = {TEXTOID, BYTEAOID, INT4OID, TEXTOID, TEXTOID, TEXTOID, FLOAT8OID, INT8OID};
	Datum		values[lengthof(types)];
	char		nulls[] = "        ";
	int64		rows;
	char	   *verdict;
	bool		isnull;
	int			nestlevel = NewGUCNestLevel();

	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	values[1] = sketch_rows(m, &rows);
	values[0] = CStringGetTextDatum(m->model);
	if (SPI_execute_with_args(psprintf("SELECT max(d.verdict) FILTER (WHERE d.part = 'overall'), max(d.reason) FILTER (WHERE d.part = 'overall'), "
									   "max(d.psi) FILTER (WHERE d.part = 'score') "
									   "FROM %s._ad_drift(%s._ad_model($1, NULL), $2, '{}') d",
									   ad_internal_schema(), ad_internal_schema()),
							  2, types, values, NULL, false, 0) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "SPI_execute_with_args failed");
	verdict = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	types[1] = TEXTOID;
	values[1] = CStringGetTextDatum(GetUserNameFromId(GetUserId(), false));
	values[2] = Int32GetDatum(m->version);
	values[3] = CStringGetTextDatum(m->what);
	values[4] = CStringGetTextDatum(verdict);
	values[5] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull);
	nulls[5] = isnull ? 'n' : ' ';
	values[6] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 3, &isnull);
	nulls[6] = isnull ? 'n' : ' ';
	values[7] = Int64GetDatum(rows);
	(void) ad_own_run("INSERT INTO %s._ad_drift_result (model, role, version, source, verdict, reason, psi, rows, at) "
					  "VALUES ($1, $2::%s._ad_role, $3, $4, $5, $6, $7, $8, clock_timestamp()) "
					  "ON CONFLICT (model, role) DO UPDATE SET (version, source, verdict, reason, psi, rows, at) = "
					  "(EXCLUDED.version, EXCLUDED.source, EXCLUDED.verdict, EXCLUDED.reason, EXCLUDED.psi, EXCLUDED.rows, EXCLUDED.at)",
					  lengthof(types), types, values, nulls);
	AtEOXact_GUC(true, nestlevel);
	return verdict;
}

/* The model that is measured: the current user must be allowed to read it. */
static void
begin(FunctionCallInfo fcinfo, Measured *m)
{
	AdRegistryName row;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("model cannot be NULL")));
	PreventCommandIfReadOnly("ad_check_drift()");
	memset(m, 0, sizeof(Measured));
	ad_registry_check(ad_health_model_name(PG_GETARG_DATUM(0)), NULL, AD_PRIVILEGE_READ, &row);
	m->model = text_to_cstring(PG_GETARG_TEXT_PP(0));
}

/* Measure on a query. */
static void
on_query(Measured *m, Datum query, const char *search_path)
{
	m->source.source = ad_text_argument(query, "query", AD_MAX_QUERY_LENGTH);
	m->source.search_path = pstrdup(search_path);
	m->what = m->source.source;
}

/* Measure on the newest rows of a job, which the current user owns. */
static void
on_job(Measured *m, int32 id)
{
	AdJob	   *job = ad_job_read(id);

	if (job == NULL || job->owner != GetUserId())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("drift is measured on a job by its owner only")));
	m->source = *job;
	m->newest = true;
	m->what = psprintf("job %s", job->name);
}

static Datum
check_drift(FunctionCallInfo fcinfo)
{
	Measured	m;
	Datum		result;

	begin(fcinfo, &m);
	if (PG_ARGISNULL(1) == PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("drift is measured on a query or on a job"),
				 errhint("Give one of them: query => 'SELECT ...', or job => 'name'.")));
	SPI_connect();
	if (PG_ARGISNULL(1))
	{
		AdJobRow	job;

		ad_job_own(PG_GETARG_DATUM(2), false, NULL, &job);
		on_job(&m, job.id);
	}
	else
		on_query(&m, PG_GETARG_DATUM(1), namespace_search_path);
	result = ad_job_name_result(measure(&m));
	SPI_finish();
	return result;
}

/* ad_check_drift(model, query, job) -> verdict. */
Datum
ad_check_drift(PG_FUNCTION_ARGS)
{
	return ad_call_door(check_drift, fcinfo);
}

static Datum
measure_drift(FunctionCallInfo fcinfo)
{
	Measured	m;

	begin(fcinfo, &m);
	SPI_connect();
	if (!PG_ARGISNULL(3))
		on_job(&m, PG_GETARG_INT32(3));
	else
	{
		if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("query and search path cannot be NULL")));
		on_query(&m, PG_GETARG_DATUM(1), text_to_cstring(PG_GETARG_TEXT_PP(2)));
	}
	(void) measure(&m);
	SPI_finish();
	return (Datum) 0;
}

/* _ad_measure_drift(model, query, search_path, job_id): what pg_cron runs. */
Datum
ad_measure_drift(PG_FUNCTION_ARGS)
{
	return ad_call_door(measure_drift, fcinfo);
}

/*
 * _ad_retrain_model(model, margin, max_drift, min_labels): what pg_cron runs.
 * ad_retrain() is found as the extension has it, in the caller's search path;
 * why a version is not activated, a warning says.
 */
Datum
ad_retrain_scheduled(PG_FUNCTION_ARGS)
{
	Oid			types[] = {TEXTOID, FLOAT8OID, FLOAT8OID, INT4OID};
	Jsonb	   *result;
	JsonbValue	v;

	for (int i = 0; i < 4; i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("arguments cannot be NULL")));
	result = DatumGetJsonbP(OidFunctionCall4(ad_public_function("ad_retrain", lengthof(types), types),
											 PG_GETARG_DATUM(0), PG_GETARG_DATUM(1),
											 PG_GETARG_DATUM(2), PG_GETARG_DATUM(3)));
	if (getKeyJsonValueFromContainer(&result->root, "activated", 9, &v) != NULL &&
		v.type == jbvBool && !v.val.boolean)
		ereport(WARNING,
				(errmsg("new version of model \"%s\" is not activated",
						text_to_cstring(PG_GETARG_TEXT_PP(0))),
				 errdetail("%s", JsonbToCString(NULL, &result->root, VARSIZE(result)))));
	PG_RETURN_VOID();
}
