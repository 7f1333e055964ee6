/*-------------------------------------------------------------------------
 *
 * sql_columns.c
 *		The source of a job: a table, a view or a query, and its columns.
 *
 * A source means what it means to whoever wrote it, so it is read in his
 * search path, as the current user.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_options.h"
#include "jobs/ad_job_define.h"
#include "operate/ad_own.h"
#include "sql/ad_source_text.h"
#include "sql/ad_text.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

/* Find the relation that a source names, in the current search path. */
static Oid
relation_of(const AdJob *job, const char *name)
{
	Oid			relation = ad_source_find(name);

	if (!OidIsValid(relation))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation \"%s\" does not exist", ad_source_typed(job->source)),
				 errdetail("It is looked up with search_path %s, that of whoever gave the job its source.",
						   job->search_path),
				 errhint("A source is a table, a view, or a query. Write the schema before the name, or set search_path and give the source again with ad_alter_job().")));
	return relation;
}

/*
 * Read the source of a job: errors unless it is one SELECT, a table or a view.
 * Within SPI, whose memory the result is in.
 */
void
ad_job_columns_read(const AdJob *job, AdJobColumns *out)
{
	const char *internal = ad_internal_schema();
	int			nestlevel = NewGUCNestLevel();
	char	   *sql = job->source;
	Oid			types[1] = {TEXTOID};
	Datum		values[1];
	Datum		columns[3];
	Datum	   *items;
	char	   *name = ad_source_name(sql);

	(void) set_config_option("search_path", job->search_path,
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
							 true, 0, false);
	out->relation = InvalidOid;
	if (name != NULL)
	{
		out->relation = relation_of(job, name);
		sql = psprintf("SELECT * FROM %s",
					   quote_qualified_identifier(get_namespace_name(get_rel_namespace(out->relation)),
												  get_rel_name(out->relation)));
	}
	values[0] = CStringGetTextDatum(sql);
	if (SPI_execute_with_args(psprintf("SELECT q.sql, q.columns, q.types FROM %s._ad_query($1, 'source') q",
									   internal),
							  1, types, values, NULL, false, 1) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "SPI_execute_with_args failed");
	AtEOXact_GUC(true, nestlevel);

	for (int i = 0; i < 3; i++)
	{
		bool		isnull;

		columns[i] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
								   i + 1, &isnull);
		if (isnull)
			elog(ERROR, "column of a source is NULL");
	}
	out->sql = TextDatumGetCString(columns[0]);
	deconstruct_array(DatumGetArrayTypeP(columns[1]), TEXTOID, -1, false,
					  TYPALIGN_INT, &items, NULL, &out->n);
	out->names = ad_palloc_array(char *, out->n);
	for (int i = 0; i < out->n; i++)
		out->names[i] = TextDatumGetCString(items[i]);
	deconstruct_array(DatumGetArrayTypeP(columns[2]), REGTYPEOID, sizeof(Oid),
					  true, TYPALIGN_INT, &items, NULL, &out->n);
	out->types = ad_palloc_array(Oid, out->n);
	for (int i = 0; i < out->n; i++)
		out->types[i] = DatumGetObjectId(items[i]);
}

/* The names and types of the columns of a source, as text[] and regtype[]. */
void
ad_job_columns_arrays(const AdJobColumns *source, Datum *names, Datum *types)
{
	Datum	   *items = ad_palloc_array(Datum, source->n);

	for (int i = 0; i < source->n; i++)
		items[i] = CStringGetTextDatum(source->names[i]);
	*names = PointerGetDatum(construct_array(items, source->n, TEXTOID, -1, false,
											 TYPALIGN_INT));
	for (int i = 0; i < source->n; i++)
		items[i] = ObjectIdGetDatum(source->types[i]);
	*types = PointerGetDatum(construct_array(items, source->n, REGTYPEOID,
											 sizeof(Oid), true, TYPALIGN_INT));
}

/* The type of a column of a source; an error if it is not there, or twice. */
Oid
ad_job_column(const AdJobColumns *source, const char *name, const char *what)
{
	Oid			type = InvalidOid;

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s cannot be NULL", what)));
	for (int i = 0; i < source->n; i++)
		if (strcmp(source->names[i], name) == 0)
		{
			if (OidIsValid(type))
				ereport(ERROR,
						(errcode(ERRCODE_DUPLICATE_COLUMN),
						 errmsg("source has two columns \"%s\"", name),
						 errhint("Name them with AS.")));
			type = source->types[i];
		}
	if (!OidIsValid(type))
	{
		const char *nearest = ad_nearest(ad_quote_clip(name),
										 (const char *const *) source->names, source->n);

		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("source has no column \"%s\"", ad_quote_clip(name)),
				 errdetail("It is the %s column.", what),
				 nearest ? errhint("Did you mean \"%s\"?", nearest) : 0));
	}
	return type;
}

/* Whether a watermark of a type is a time, or an integer; an error for others. */
bool
ad_job_watermark_is_time(Oid type)
{
	switch (type)
	{
		case TIMESTAMPTZOID:
		case TIMESTAMPOID:
		case DATEOID:
			return true;
		case INT2OID:
		case INT4OID:
		case INT8OID:
			return false;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("watermark has type %s", format_type_be(type)),
					 errhint("It is a timestamptz, timestamp, date, bigint, integer or smallint that grows.")));
	}
	return false;
}
