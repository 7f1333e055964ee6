/*-------------------------------------------------------------------------
 *
 * sql_report.c
 *		ad_report(): a report on a model or a job, for a file.
 *
 * What it says is put together by statements of sql/install/99-report.sql,
 * over the views that show the current user what he may see; here is only
 * what can be wrong with the arguments.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/ad_core.h"
#include "operate/ad_own.h"
#include "sql/ad_result.h"
#include "sql/ad_text.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(ad_report);

#define MAX_TOP			1000

enum
{
	ARG_NAME, ARG_WHAT, ARG_FORMAT, ARG_TOP, ARG_PICTURE, ARGS
};

/* Whether there is a model, and a job, of the name that the user may see. */
static void
look_up(Datum name, bool *model, bool *job)
{
	Oid			type = TEXTOID;
	const char *schema = ad_internal_schema();
	bool		isnull;

	if (SPI_execute_with_args(psprintf("SELECT EXISTS (SELECT FROM %s._ad_visible_model v WHERE v.name OPERATOR(pg_catalog.=) $1 AND v.active), "
									   "EXISTS (SELECT FROM %s._ad_visible_job v WHERE v.name OPERATOR(pg_catalog.=) $1)",
									   schema, schema),
							  1, &type, &name, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_with_args failed");
	*model = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0],
										SPI_tuptable->tupdesc, 1, &isnull));
	*job = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0],
									  SPI_tuptable->tupdesc, 2, &isnull));
}

/* Return what the name means: "model" or "job". */
static const char *
subject(const char *name, Datum value, const char *what)
{
	bool		model;
	bool		job;

	look_up(value, &model, &job);
	if (what == NULL && model && job)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there are a model and a job \"%s\"",
						ad_quote_clip(name)),
				 errhint("Choose one: what => 'model' or what => 'job'.")));
	if (what == NULL ? !model && !job : strcmp(what, "model") == 0 ? !model : !job)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("%s \"%s\" does not exist",
						what ? what : "model or job", ad_quote_clip(name))));
	return what ? what : model ? "model" : "job";
}

static Datum
report(FunctionCallInfo fcinfo)
{
	static const char *const whats[] = {"model", "job", NULL};
	static const char *const formats[] = {"markdown", "html", "svg", NULL};
	Oid			types[ARGS] = {TEXTOID, TEXTOID, TEXTOID, INT4OID, TEXTOID};
	Datum		values[ARGS];
	char		nulls[ARGS + 1] = "     ";
	char	   *name;
	const char *what = NULL;
	MemoryContext caller = CurrentMemoryContext;

	if (PG_ARGISNULL(ARG_NAME) || PG_ARGISNULL(ARG_FORMAT) || PG_ARGISNULL(ARG_TOP))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("name, format and top cannot be NULL")));
	name = ad_text_argument(PG_GETARG_DATUM(ARG_NAME), "name", AD_MAX_WORD_LENGTH);
	ad_check_word("format", ad_text_argument(PG_GETARG_DATUM(ARG_FORMAT), "format", AD_MAX_WORD_LENGTH),
				  formats, "markdown, html or svg");
	if (!PG_ARGISNULL(ARG_WHAT))
	{
		what = ad_text_argument(PG_GETARG_DATUM(ARG_WHAT), "what", AD_MAX_WORD_LENGTH);
		ad_check_word("what", what, whats, "model or job");
	}
	if (PG_GETARG_INT32(ARG_TOP) < 0 || PG_GETARG_INT32(ARG_TOP) > MAX_TOP)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("top is %d, must be 0 to %d",
						PG_GETARG_INT32(ARG_TOP), MAX_TOP)));
	if (!PG_ARGISNULL(ARG_PICTURE))
		ad_check_file_name(ad_text_argument(PG_GETARG_DATUM(ARG_PICTURE), "picture", AD_MAX_WORD_LENGTH));

	SPI_connect();
	for (int i = 0; i < ARGS; i++)
	{
		values[i] = PG_GETARG_DATUM(i);
		nulls[i] = PG_ARGISNULL(i) ? 'n' : ' ';
	}
	values[ARG_WHAT] = CStringGetTextDatum(subject(name, values[ARG_NAME], what));
	nulls[ARG_WHAT] = ' ';
	if (SPI_execute_with_args(psprintf("SELECT %s._ad_report_text($1, $2, $3, $4, $5)",
									   ad_internal_schema()),
							  ARGS, types, values, nulls, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_with_args failed");
	return ad_spi_finish_with(fcinfo, 1, caller);
}

/*
 * ad_report(name, what, format, top, picture) -> Markdown, HTML or SVG; NULL
 * for the pictures of a report that has none.
 */
Datum
ad_report(PG_FUNCTION_ARGS)
{
	return ad_call_door(report, fcinfo);
}
