/*-------------------------------------------------------------------------
 *
 * train.c
 *		ad_train: a query's rows become the next version of a named model.
 *
 * The query must be one SELECT, and is put into one that fits its rows
 * (query.c), which the planner may run in parallel and which keeps the names
 * of the columns.  It runs as the caller, under the caller's rights and row
 * security, in what for its duration is a read-only transaction.  Only then
 * are the tables of the registry touched, so that their row of the name is
 * locked briefly.
 *
 *-------------------------------------------------------------------------
 */
#include "model/ad_model.h"
#include "operate/ad_progress.h"
#include "rows/ad_query.h"
#include "rows/ad_registry.h"
#include "rows/ad_spec_value.h"
#include "rows/ad_store.h"
#include "sql/ad_result.h"
#include "sql/ad_text.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "portability/instr_time.h"
#include "tcop/utility.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"

PG_FUNCTION_INFO_V1(ad_train);

/* Add what is being trained to the context of an error. */
static void
error_context(void *arg)
{
	errcontext("training query of model \"%s\"", (const char *) arg);
}

/* Say which column of a training query has labels, and is no feature. */
static void
find_labels(AdQuery *query, const char *labels, bool keyed)
{
	int			column = ad_query_find(query, labels, "label");
	bool	   *by = ad_palloc0_array(bool, query->columns->natts);

	if (keyed && column == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("column \"%s\" cannot be both the row key and the label",
						ad_quote_clip(labels))));
	by[column] = true;
	query->by = by;
}

/*
 * Fit the rows of a query; the model's bytes, or NULL if there are no rows.
 * labels: the column that is no feature; NULL: none.
 */
static bytea *
fit_rows(const char *name, const char *sql, Datum spec, Oid spec_type,
		 bool keyed, const char *labels, AdQuery *query)
{
	const char *internal = ad_internal_schema();
	ErrorContextCallback callback;
	char	   *fit;
	bytea	   *model;

	callback.callback = error_context;
	callback.arg = (void *) name;
	callback.previous = error_context_stack;
	error_context_stack = &callback;

	ad_query_read(sql, "training query", query);
	if (query->columns->natts == 1 &&
		TupleDescAttr(query->columns, 0)->atttypid == BYTEAOID)
	{
		if (labels)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("training query has no column \"%s\" of labels, as it returns sketches",
							ad_quote_clip(labels))));
		/* sketches; a comment may end the query, so a line ends it too */
		fit = psprintf("SELECT %s._ad_fit_sketch($1, %s._ad_merge(_q._c1)) FROM (\n%s\n) _q(_c1)",
					   internal, internal, query->text);
	}
	else
	{
		if (keyed && query->columns->natts < 2)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("keyed sampling needs a row key before the features"),
					 errhint("The first column of the training query is the key.")));
		if (labels)
			find_labels(query, labels, keyed);
		ad_query_features(query, keyed ? 0 : -1);
		fit = psprintf("SELECT %s._ad_fit($1, %s%s)%s", internal,
					   keyed ? "_q._c1, " : "", query->features,
					   ad_query_from(query));
	}

	model = ad_query_fit(fit, spec_type, spec);
	error_context_stack = callback.previous;
	return model;
}

/*
 * Say of a version which column has labels: what reads its training query
 * later is not to meet it, so the query is stored without.
 */
static void
store_labels(const AdQuery *query, const char *labels, AdStored *out)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoString(&buf, "{\"column\": ");
	escape_json(&buf, labels);
	appendStringInfoString(&buf, ", \"query\": ");
	escape_json(&buf, query->text);
	appendStringInfoChar(&buf, '}');
	out->labels = JsonbPGetDatum(ad_jsonb_from_text(buf.data));
	out->query = ad_query_of_features(query);
}

/*
 * ad_train(name, query, spec or detector, notes, keep, activate, labels) ->
 * version; that of 0.2.0 has no labels
 */
static Datum
run_train(FunctionCallInfo fcinfo)
{
	static const char *const arguments[] = {"name", "query", "spec"};
	Oid		   *types;
	int			nargs;
	text	   *name;
	char	   *sql;
	char	   *labels = NULL;
	struct varlena *spec_value;
	AdSpec		spec;
	AdRegistryName row;
	AdQuery		query;
	AdStored	stored = {0};
	bytea	   *bytes;
	int32		version;
	instr_time	start;
	instr_time	took;
	int			progress;

	ad_check_public(fcinfo->flinfo->fn_oid);
	ad_check_not_null(fcinfo, arguments, lengthof(arguments));
	name = ad_registry_new_name(PG_GETARG_DATUM(0));
	sql = ad_text_argument(PG_GETARG_DATUM(1), "query", AD_MAX_QUERY_LENGTH);
	ad_check_length(PG_GETARG_DATUM(2), "spec", AD_MAX_OPTIONS_LENGTH);
	if (!PG_ARGISNULL(3))
		ad_check_length(PG_GETARG_DATUM(3), "notes", AD_MAX_NOTE_LENGTH);
	if (PG_NARGS() > 6 && !PG_ARGISNULL(6))
		labels = ad_text_argument(PG_GETARG_DATUM(6), "labels", AD_MAX_WORD_LENGTH);
	spec_value = PG_DETOAST_DATUM(PG_GETARG_DATUM(2));
	if (!PG_ARGISNULL(4) && PG_GETARG_INT32(4) < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("keep is %d, must be at least 1", PG_GETARG_INT32(4))));

	/* what can be wrong is said before the rows are read */
	(void) get_func_signature(fcinfo->flinfo->fn_oid, &types, &nargs);
	ad_spec_from_value(spec_value, types[2] == TEXTOID, true, &spec);
	if (spec.prepare.on_error == AD_ON_ERROR_NULL)
		spec_value = (struct varlena *) ad_spec_raising((Jsonb *) spec_value);
	PreventCommandIfReadOnly("ad_train()");
	if (ad_registry_name(name, NULL, &row))
		ad_registry_check(name, NULL, AD_PRIVILEGE_OWN, &row);

	progress = ad_progress_begin_in(CurrentMemoryContext, "train",
									text_to_cstring(name), NAN);
	ad_progress_phase(progress, "planning");
	ad_progress_around_fit = progress;
	SPI_connect();
	ad_fit_memory = 0;
	INSTR_TIME_SET_CURRENT(start);
	bytes = fit_rows(text_to_cstring(name), sql,
					 PointerGetDatum(spec_value), types[2],
					 spec.sampling.keyed, labels, &query);
	INSTR_TIME_SET_CURRENT(took);
	INSTR_TIME_SUBTRACT(took, start);
	ad_progress_around_fit = -1;
	ad_progress_phase(progress, "storing");
	if (bytes == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 ad_query_has_rows(&query) ?
				 errmsg("all rows of the training query of model \"%s\" are NULL",
						text_to_cstring(name)) :
				 errmsg("training query of model \"%s\" returned no rows",
						text_to_cstring(name))));
	stored.name = name;
	stored.query = query.text;
	if (labels)
		store_labels(&query, labels, &stored);
	stored.notes = PG_ARGISNULL(3) ? (Datum) 0 : PG_GETARG_DATUM(3);
	stored.keep = PG_ARGISNULL(4) ? 0 : PG_GETARG_INT32(4);
	stored.activate = PG_ARGISNULL(5) || PG_GETARG_BOOL(5);
	ad_store_model(&stored, bytes);
	stored.fit_ms = INSTR_TIME_GET_MILLISEC(took);
	stored.fit_bytes = (int64) ad_fit_memory;
	version = ad_store_version(&stored);
	SPI_finish();
	ad_progress_end(progress);
	PG_RETURN_INT32(version);
}

/* The same; what fails repeats little of the query. */
Datum
ad_train(PG_FUNCTION_ARGS)
{
	return ad_call_clipped(run_train, fcinfo);
}
