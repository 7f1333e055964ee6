/*-------------------------------------------------------------------------
 *
 * sql_label.c
 *		What people say of rows: labels.
 *
 * A label is one of a version of a row: of the latest alert of its key, or of
 * the one with a watermark.  A row without an alert is labelled by its key
 * alone, or by both.
 *
 * A label's row decides about the retraining of a model, so it is read from
 * the alert or, by the owner of the job, as whom it is read, from the source,
 * and never given by the user.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_job_define.h"
#include "operate/ad_own.h"
#include "sql/ad_text.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

PG_FUNCTION_INFO_V1(ad_label);
PG_FUNCTION_INFO_V1(ad_label_version);

#define AD_MAX_KEY_LENGTH	((Size) 65536)

/* The parameters of statements over labels: $1, ... */
enum
{
	LABEL_JOB,
	LABEL_KEY,
	LABEL_WATERMARK,			/* as text; NULL: of the key alone */
	LABEL_GENERATION,			/* NULL: of the key alone */
	LABEL_PLACE,
	LABEL_IS_ANOMALY,
	LABEL_ROW,
	LABEL_NOTE,
	LABEL_BY,
	LABEL_PARAMETERS
};

static const Oid label_types[LABEL_PARAMETERS] = {
	INT4OID, TEXTOID, TEXTOID, INT4OID, INT8OID, BOOLOID, JSONBOID, TEXTOID, TEXTOID
};

/* A label that is being written. */
typedef struct Label
{
	AdJob	   *job;
	Datum		values[LABEL_PARAMETERS];
	char		nulls[LABEL_PARAMETERS + 1];
} Label;

/* Run a statement as the owner of the tables, with what is known of a label. */
static uint64
run(Label *l, const char *statement)
{
	return ad_own_run(statement, LABEL_PARAMETERS, label_types, l->values,
					  l->nulls);
}

/* Set a parameter. */
static void
set(Label *l, int parameter, Datum value, bool isnull)
{
	l->values[parameter] = isnull ? (Datum) 0 : value;
	l->nulls[parameter] = isnull ? 'n' : ' ';
}

/* Set a parameter to a column of the first row that came back. */
static void
set_from(Label *l, int parameter, int column)
{
	bool		isnull;
	Datum		d = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
								  column, &isnull);

	set(l, parameter, d, isnull);
}

/* Write values as a job does: in ISO style, in its time zone. */
static int
enter_zone(const char *timezone)
{
	static const char *const settings[][2] = {
		{"datestyle", "ISO"},
		{"intervalstyle", "postgres"},
		{"extra_float_digits", "1"},
		{"bytea_output", "hex"}
	};
	int			nestlevel = NewGUCNestLevel();

	for (int i = 0; i < (int) lengthof(settings); i++)
		(void) set_config_option(settings[i][0], settings[i][1], PGC_USERSET,
								 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("timezone", timezone, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	return nestlevel;
}

/*
 * The text of an argument of any type: one of an unknown type is a string, a
 * number one as a job writes it.
 */
static Datum
text_argument(FunctionCallInfo fcinfo, int arg, const char *what)
{
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, arg);
	Datum		value = PG_GETARG_DATUM(arg);
	Oid			output;
	bool		varlena;

	if (type == UNKNOWNOID)
		value = CStringGetTextDatum(DatumGetCString(value));
	else if (OidIsValid(type) && type != TEXTOID)
	{
		getTypeOutputInfo(type, &output, &varlena);
		if (varlena)
			ad_check_length(value, what, AD_MAX_KEY_LENGTH);
		value = CStringGetTextDatum(OidOutputFunctionCall(output, value));
	}
	ad_check_length(value, what, AD_MAX_KEY_LENGTH);
	return value;
}

/*
 * Find the alert that a label is of: set its key, version and row.  The keys
 * of alerts of before 0.3.0 may be shortened.
 */
static bool
find_alert(Label *l)
{
	const char *order = "ORDER BY a.generation DESC, a.place DESC LIMIT 1";
	const char *which = l->nulls[LABEL_WATERMARK] == 'n' ? "true" :
		"(a.watermark = $3 OR a.place = $5)";

	if (run(l, psprintf("SELECT a.key, a.generation, a.place, a.\"row\" FROM %%s._ad_alert a "
						"WHERE a.job_id = $1 AND a.key IN ($2, %%s._ad_short($2)) AND %s %s",
						which, order)) == 0)
		return false;
	set_from(l, LABEL_KEY, 1);
	set_from(l, LABEL_GENERATION, 2);
	set_from(l, LABEL_PLACE, 3);
	set_from(l, LABEL_ROW, 4);
	return true;
}

/* The expression for a column of the source as text, or for its row as JSON. */
static char *
expression(const char *call, int nargs, Oid *types, Datum *values)
{
	bool		isnull;

	if (SPI_execute_with_args(psprintf("SELECT %s.%s", ad_internal_schema(), call),
							  nargs, types, values, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_with_args failed");
	return TextDatumGetCString(SPI_getbinval(SPI_tuptable->vals[0],
											 SPI_tuptable->tupdesc, 1, &isnull));
}

/*
 * Look for the row in the source, with its key and, if there is one, its
 * watermark; for the owner of the job, as whom the source is read.
 */
static bool
find_in_source(Label *l)
{
	AdJob	   *job = l->job;
	AdJobColumns source;
	Oid			types[] = {TEXTOID, TEXTARRAYOID, REGTYPEARRAYOID};
	Datum		values[3];
	char	   *key;
	char	   *row;
	char	   *where = "";
	int			nestlevel;
	bool		found = false;

	ad_job_columns_read(job, &source);
	values[0] = CStringGetTextDatum(psprintf("_q.%s", quote_identifier(job->key)));
	values[1] = ObjectIdGetDatum(ad_job_column(&source, job->key, "key"));
	types[1] = OIDOID;
	key = expression("_ad_text_of($1, $2::pg_catalog.regtype)", 2, types, values);
	types[1] = TEXTARRAYOID;
	values[0] = CStringGetTextDatum("_q.*");
	ad_job_columns_arrays(&source, &values[1], &values[2]);
	row = expression("_ad_json_of($1, $2, $3)", 3, types, values);
	if (l->nulls[LABEL_WATERMARK] == ' ')
		where = psprintf(" AND _q.%s OPERATOR(pg_catalog.=) $2::%s",
						 quote_identifier(job->watermark),
						 format_type_be_qualified(ad_job_column(&source, job->watermark, "watermark")));
	types[0] = types[1] = TEXTOID;
	values[0] = l->values[LABEL_KEY];
	values[1] = l->values[LABEL_WATERMARK];
	nestlevel = NewGUCNestLevel();
	(void) set_config_option("search_path", job->search_path,
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
							 true, 0, false);
	/* of a long one the beginning may be the key, which no index knows */
	for (int i = 0; i < 2 && !found; i++)
	{
		const char *same = i == 0 ?
			psprintf("%s OPERATOR(pg_catalog.=) $1", key) :
			psprintf("CASE WHEN pg_catalog.octet_length(%s) OPERATOR(pg_catalog.>) 1000 "
					 "THEN %s._ad_short(%s) OPERATOR(pg_catalog.=) $1 END",
					 key, ad_internal_schema(), key);

		if (i > 0 && ad_raw_length(values[0]) <= 200)
			break;
		if (SPI_execute_with_args(psprintf("SELECT %s FROM (\n%s\n) _q WHERE %s%s LIMIT 1",
										   row, source.sql, same, where),
								  *where ? 2 : 1, types, values, NULL, false, 1) != SPI_OK_SELECT)
			elog(ERROR, "SPI_execute_with_args failed");
		found = SPI_processed > 0;
	}
	AtEOXact_GUC(true, nestlevel);
	if (found)
	{
		set_from(l, LABEL_ROW, 1);
		/* an index takes no longer one */
		(void) run(l, "SELECT %s._ad_short($2)");
		set_from(l, LABEL_KEY, 1);
	}
	return found;
}

/* Find the row that a label is of, or raise an error that there is none. */
static void
find_row(Label *l)
{
	bool		reads = l->job->owner == GetUserId() && l->job->key != NULL;

	if (find_alert(l))
		return;
	if (reads && find_in_source(l))
	{
		if (l->nulls[LABEL_WATERMARK] == ' ' &&
			run(l, "SELECT s.generation FROM %s._ad_job_state s WHERE s.job_id = $1") > 0)
			set_from(l, LABEL_GENERATION, 1);
		return;
	}
	/* what was labelled and is gone since */
	if (run(l, "SELECT l.key, l.generation, l.place, l.\"row\" FROM %s._ad_label l "
			"WHERE l.job_id = $1 AND l.key IN ($2, %s._ad_short($2)) AND ($3 IS NULL OR l.place = $5) "
			"ORDER BY l.generation DESC NULLS LAST, l.place DESC NULLS LAST LIMIT 1") > 0)
	{
		set_from(l, LABEL_KEY, 1);
		set_from(l, LABEL_GENERATION, 2);
		set_from(l, LABEL_PLACE, 3);
		set_from(l, LABEL_ROW, 4);
		return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_NO_DATA_FOUND),
			 l->nulls[LABEL_WATERMARK] == 'n' ?
			 errmsg("job \"%s\" has no alert with key \"%s\"", l->job->name,
					ad_text_quote(l->values[LABEL_KEY])) :
			 errmsg("job \"%s\" has no alert with key \"%s\" and watermark \"%s\"",
					l->job->name, ad_text_quote(l->values[LABEL_KEY]),
					ad_text_quote(l->values[LABEL_WATERMARK])),
			 reads ? errdetail("There is no such row in its source either.") :
			 errdetail("Rows without an alert can be labeled by its owner.")));
}

/* Write a label, or take it back; how many labels were written or taken back. */
static int64
store(Label *l)
{
	uint64		gone;

	gone = run(l, "DELETE FROM %s._ad_label WHERE job_id = $1 AND key = $2 "
			   "AND generation IS NOT DISTINCT FROM $4 AND place IS NOT DISTINCT FROM $5");
	if (l->nulls[LABEL_IS_ANOMALY] == 'n')
		return (int64) gone;
	set(l, LABEL_BY, CStringGetTextDatum(GetUserNameFromId(GetUserId(), false)),
		false);
	return (int64) run(l, "INSERT INTO %s._ad_label (job_id, key, generation, place, is_anomaly, \"row\", note, labelled_by, labelled_at) "
					   "VALUES ($1, $2, $4, $5, $6, $7, $8, $9, clock_timestamp())");
}

/*
 * Set the place of a label's watermark (an integer, or microseconds), if the
 * type of watermarks is known, which it is when a run has been.
 */
static void
set_place(Label *l)
{
	static const struct
	{
		const char *name;
		Oid			type;
	}			known[] =
	{
		{"integer", INT8OID},
		{"timestamptz", TIMESTAMPTZOID},
		{"timestamp", TIMESTAMPOID},
		{"date", TIMESTAMPOID}
	};
	char	   *given = TextDatumGetCString(l->values[LABEL_WATERMARK]);
	char	   *type;
	Datum		place = (Datum) 0;

	(void) run(l, "SELECT s.type FROM %s._ad_job_state s WHERE s.job_id = $1");
	type = SPI_processed == 0 ? NULL :
		SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	for (int i = 0; type != NULL && i < (int) lengthof(known); i++)
		if (strcmp(known[i].name, type) == 0)
		{
			if (!ad_job_reads_as(given, known[i].type, &place))
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("watermark is \"%s\", must be a value of type %s",
								ad_quote_clip(given), known[i].name)));
			set(l, LABEL_PLACE, place, false);
		}
}

/* Label the row of a call; the watermark is argument 2, if there is one. */
static Datum
label(FunctionCallInfo fcinfo, bool version)
{
	int			rest = version ? 3 : 2;
	AdJobRow	row;
	Label		l;
	int			nestlevel;
	int64		n;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("job and key cannot be NULL")));
	if (version && PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("watermark cannot be NULL"),
				 errhint("Without a watermark ad_label() labels the latest alert of the key.")));
	if (!PG_ARGISNULL(rest + 1))
		ad_check_length(PG_GETARG_DATUM(rest + 1), "note", AD_MAX_NOTE_LENGTH);
	memset(l.nulls, 'n', LABEL_PARAMETERS);
	l.nulls[LABEL_PARAMETERS] = '\0';
	memset(l.values, 0, sizeof(l.values));
	SPI_connect();
	/* it cannot be dropped until the label is there to be dropped with it */
	ad_job_may_label(PG_GETARG_DATUM(0), &row);
	l.job = ad_job_read_options(row.id);
	nestlevel = enter_zone(l.job->timezone);
	set(&l, LABEL_JOB, Int32GetDatum(row.id), false);
	set(&l, LABEL_KEY, text_argument(fcinfo, 1, "key"), false);
	if (version)
	{
		set(&l, LABEL_WATERMARK, text_argument(fcinfo, 2, "watermark"), false);
		set_place(&l);
	}
	set(&l, LABEL_IS_ANOMALY, PG_GETARG_DATUM(rest), PG_ARGISNULL(rest));
	set(&l, LABEL_NOTE, PG_GETARG_DATUM(rest + 1), PG_ARGISNULL(rest + 1));
	find_row(&l);
	n = store(&l);
	AtEOXact_GUC(true, nestlevel);
	SPI_finish();
	return Int64GetDatum(n);
}

static Datum
label_latest(FunctionCallInfo fcinfo)
{
	return label(fcinfo, false);
}

static Datum
label_version(FunctionCallInfo fcinfo)
{
	return label(fcinfo, true);
}

/* ad_label(job, key, is_anomaly, note) -> labels written or taken back. */
Datum
ad_label(PG_FUNCTION_ARGS)
{
	return ad_call_door(label_latest, fcinfo);
}

/* ad_label(job, key, watermark, is_anomaly, note) -> the same of one version. */
Datum
ad_label_version(PG_FUNCTION_ARGS)
{
	return ad_call_door(label_version, fcinfo);
}
