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
 * With labels an ensemble is fitted, its members are weighed by how they score
 * the labelled rows, and it is fitted again with the weights, so that all that
 * a model says of scores is said of the weighted one.
 *
 *-------------------------------------------------------------------------
 */
#include "model/ad_model.h"
#include "model/ad_telling.h"
#include "operate/ad_progress.h"
#include "rows/ad_query.h"
#include "rows/ad_registry.h"
#include "rows/ad_ships.h"
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

/* The arguments of ad_train() that versions before did not have. */
enum
{
	ARG_LABELS = 6, ARG_SHARDS, ARG_EXCLUDE
};

/* What is trained on what. */
typedef struct Training
{
	const char *name;			/* of the model */
	const char *sql;
	bool		keyed;			/* the first column is a key to sample by */
	const char *labels;			/* the column that has them; NULL: none */
	char	  **exclude;		/* columns that are no features, NULL after
								 * the last; NULL: none */
	AdShards	shards;
	AdQuery		query;			/* sql, once it is read */
} Training;

/* Add what is being trained to the context of an error. */
static void
error_context(void *arg)
{
	errcontext("training query of model \"%s\"", (const char *) arg);
}

/*
 * An SQL expression for the label of a row as a number, or NULL if the type of
 * its column has none.
 */
static const char *
label_expression(const AdQuery *query, int column)
{
	switch (getBaseType(TupleDescAttr(query->columns, column)->atttypid))
	{
		case BOOLOID:
			return psprintf("_q._c%d::pg_catalog.bool::pg_catalog.int4::pg_catalog.float8", column + 1);
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case FLOAT4OID:
		case FLOAT8OID:
		case NUMERICOID:
			return psprintf("_q._c%d::pg_catalog.float8", column + 1);
		default:
			return NULL;
	}
}

/* Say which column of a training query has labels, and is no feature. */
static void
find_labels(Training *t)
{
	int			column = ad_query_find(&t->query, t->labels, "label");
	char	   *names[] = {unconstify(char *, t->labels), NULL};

	if (label_expression(&t->query, column) == NULL)
		ad_query_wrong_label(t->labels, TupleDescAttr(t->query.columns, column)->atttypid);
	if (t->keyed && column == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("column \"%s\" cannot be both the row key and the label",
						ad_quote_clip(t->labels))));
	ad_query_exclude(&t->query, names);
}

/*
 * The query that fits the rows of one of columns, whose features it finds; its
 * rows may be fetched as sketches, as fit_rows() says.
 */
static char *
columns_query(Training *t, Datum spec, Oid spec_type, bytea **model, bool *done)
{
	AdQuery    *query = &t->query;
	char	   *fit;

	if (t->keyed && query->columns->natts < 2)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("keyed sampling needs a row key before the features"),
				 errhint("The first column of the training query is the key.")));
	if (t->labels)
		find_labels(t);
	if (t->labels && t->shards == AD_SHARDS_ONLY)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("training query of model \"%s\" cannot be run as sketches of foreign servers",
						t->name),
				 errdetail("It does not ship: rows with a label are scored here, to weigh members by."),
				 errhint("Leave out labels, or shards.")));
	if (t->exclude)
		ad_query_exclude(query, t->exclude);
	ad_query_features(query, t->keyed ? 0 : -1);
	if (t->shards != AD_SHARDS_OFF && !query->distributed)
		*model = ad_shards_fit(t->name, query, t->shards, spec, spec_type, done);
	fit = psprintf("SELECT %s._ad_fit($1, %s)%s", ad_internal_schema(),
				   ad_query_rows(query, t->keyed), ad_query_from(query));
	if (query->distributed)
		ad_shards_check(t->name, query, fit, t->shards, spec_type);
	return fit;
}

/* Raise an error if columns of a query are named that returns sketches. */
static void
check_sketches(const Training *t)
{
	const char *named = t->labels;

	if (named == NULL && t->exclude)
		named = t->exclude[0];
	if (named)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 t->labels ?
				 errmsg("training query has no column \"%s\" of labels, as it returns sketches",
						ad_quote_clip(named)) :
				 errmsg("training query has no column \"%s\" to exclude, as it returns sketches",
						ad_quote_clip(named))));
}

/*
 * Fit the rows of a query; the model's bytes, or NULL if there are no rows.
 * Where it reads foreign tables, sketches are fetched if shards lets them;
 * *done: they were.
 */
static bytea *
fit_rows(Training *t, Datum spec, Oid spec_type, bool *done)
{
	ErrorContextCallback callback;
	char	   *sketch;
	char	   *fit;
	bytea	   *model = NULL;

	*done = false;
	callback.callback = error_context;
	callback.arg = unconstify(char *, t->name);
	callback.previous = error_context_stack;
	error_context_stack = &callback;

	ad_query_read(t->sql, "training query", &t->query);
	sketch = t->query.columns->natts == 1 ? ad_query_sketch(&t->query, 0) : NULL;
	if (sketch)
	{
		check_sketches(t);
		/* a comment may end the query, so a line ends it too */
		fit = psprintf("SELECT %s._ad_fit_sketch($1, %s) FROM (\n%s\n) _q(_c1)",
					   ad_internal_schema(), sketch, t->query.text);
		if (t->shards != AD_SHARDS_OFF)
		{
			model = ad_shards_merge(t->name, fit, t->shards, spec, spec_type);
			*done = true;
		}
	}
	else
		fit = columns_query(t, spec, spec_type, &model, done);

	if (!*done)
		model = ad_query_fit(fit, spec_type, spec);
	error_context_stack = callback.previous;
	return model;
}

/*
 * The spec of a model with the weights that the labelled rows of the query that
 * it was fitted to give its members; 0: they say nothing.
 */
static Datum
weighted_spec(const char *name, const AdQuery *query, const char *labels,
			  bytea *bytes, bool by_sketches)
{
	const char *internal = ad_internal_schema();
	const AdModel *m = ad_model_read((const uint8 *) VARDATA_ANY(bytes),
									 VARSIZE_ANY_EXHDR(bytes));
	const char *label = label_expression(query, ad_query_find(query, labels, "label"));
	Oid			types[] = {BYTEAOID, JSONBOID};
	Datum		values[] = {PointerGetDatum(bytes),
	JsonbPGetDatum(ad_jsonb_from_text(m->spec))};
	ErrorContextCallback callback;
	bool		isnull;
	Datum		spec;

	if (m->nmembers == 0)
	{
		ereport(NOTICE,
				(errmsg("labels do not affect model \"%s\", which has no members to weightt", name),
				 errhint("ad_auto() and ad_ensemble() have some.")));
		return (Datum) 0;
	}
	if (by_sketches)
		ereport(NOTICE,
				(errmsg("rows of model \"%s\" with a label come from foreign servers, to weigh its members by",
						name)));
	callback.callback = error_context;
	callback.arg = (void *) name;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	ad_query_read_only(psprintf("SELECT $2 OPERATOR(pg_catalog.||) pg_catalog.jsonb_build_object('weights', _w.w OPERATOR(pg_catalog.->) 'weights'), "
								"(_w.w OPERATOR(pg_catalog.->>) 'roc_auc') IS NOT NULL "
								"FROM (SELECT %s._ad_weigh($1, _m.s, _m.l) AS w FROM ("
								"SELECT %s._ad_member_scores($1, %s) AS s, %s AS l%s WHERE %s IS NOT NULL%s) _m) _w",
								internal, internal, query->features, label,
								ad_query_from(query), label,
	/* or a server of shards would send the model with each row */
								query->distributed ? " OFFSET 0" : ""),
					   lengthof(types), types, values);
	error_context_stack = callback.previous;
	if (!DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0],
									SPI_tuptable->tupdesc, 2, &isnull)))
	{
		ereport(NOTICE,
				(errmsg("labels of model \"%s\" weigh nothing, as they are not of both kinds", name),
				 errdetail("There must be rows with a label that is true or 1, and with one that is false or 0.")));
		return (Datum) 0;
	}
	spec = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	return spec;
}

/* As fit_rows(), with members that the labels, if there are some, weigh. */
static bytea *
fit_weighed(Training *t, Datum spec, Oid spec_type, int progress)
{
	bool		by_sketches;
	bytea	   *bytes = fit_rows(t, spec, spec_type, &by_sketches);
	Datum		weighted;

	if (t->labels == NULL || bytes == NULL)
		return bytes;
	ad_progress_phase(progress, "weighing");
	weighted = weighted_spec(t->name, &t->query, t->labels, bytes, by_sketches);
	if (weighted == (Datum) 0)
		return bytes;
	return fit_rows(t, weighted, JSONBOID, &by_sketches);
}

/* Raise an error for a training query that gives nothing to fit to. */
static void
nothing_to_fit(const char *name, const AdQuery *query)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 ad_query_has_rows(query) ?
			 errmsg("all rows of the training query of model \"%s\" are NULL", name) :
			 errmsg("training query of model \"%s\" returned no rows", name)));
}

/*
 * Say what a version was trained on: the query without what it was told to
 * exclude.  What reads it later is not to meet labels, so it is stored without
 * them, and beside that the one with them.
 */
static void
store_query(const Training *t, AdStored *out)
{
	StringInfoData buf;

	out->query = t->query.text;
	if (t->labels == NULL && t->exclude == NULL)
		return;
	out->query = ad_query_of_features(&t->query, -1);
	if (t->labels == NULL)
		return;
	initStringInfo(&buf);
	appendStringInfoString(&buf, "{\"column\": ");
	escape_json(&buf, t->labels);
	appendStringInfoString(&buf, ", \"query\": ");
	escape_json(&buf, t->exclude == NULL ? t->query.text :
				ad_query_of_features(&t->query,
									 ad_query_find(&t->query, t->labels, "label")));
	appendStringInfoChar(&buf, '}');
	out->labels = JsonbPGetDatum(ad_jsonb_from_text(buf.data));
}

/* The argument shards, if the function has it. */
static AdShards
shards_argument(FunctionCallInfo fcinfo)
{
	if (PG_NARGS() <= ARG_SHARDS || PG_ARGISNULL(ARG_SHARDS))
		return AD_SHARDS_AUTO;
	return ad_shards_by_name(ad_text_argument(PG_GETARG_DATUM(ARG_SHARDS), "shards",
											  AD_MAX_WORD_LENGTH));
}

/* Read what to train, and on what; an error if that is wrong by itself. */
static void
read_arguments(FunctionCallInfo fcinfo, Training *t)
{
	static const char *const arguments[] = {"name", "query", "spec"};

	ad_check_not_null(fcinfo, arguments, lengthof(arguments));
	t->name = text_to_cstring(ad_registry_new_name(PG_GETARG_DATUM(0)));
	t->sql = ad_text_argument(PG_GETARG_DATUM(1), "query", AD_MAX_QUERY_LENGTH);
	ad_check_length(PG_GETARG_DATUM(2), "spec", AD_MAX_OPTIONS_LENGTH);
	if (!PG_ARGISNULL(3))
		ad_check_length(PG_GETARG_DATUM(3), "notes", AD_MAX_NOTE_LENGTH);
	if (PG_NARGS() > ARG_LABELS && !PG_ARGISNULL(ARG_LABELS))
		t->labels = ad_text_argument(PG_GETARG_DATUM(ARG_LABELS), "labels",
									 AD_MAX_WORD_LENGTH);
	if (PG_NARGS() > ARG_EXCLUDE && !PG_ARGISNULL(ARG_EXCLUDE))
		t->exclude = ad_names_argument(PG_GETARG_DATUM(ARG_EXCLUDE),
									   TEXTARRAYOID, "exclude");
	if (t->exclude && t->exclude[0] == NULL)
		t->exclude = NULL;
	if (!PG_ARGISNULL(4) && PG_GETARG_INT32(4) < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("keep is %d, must be at least 1", PG_GETARG_INT32(4))));
	t->shards = shards_argument(fcinfo);
}

/*
 * ad_train(name, query, spec or detector, notes, keep, activate, labels,
 * shards, exclude) -> version; that of 0.2.0 has not those from labels on
 */
static Datum
run_train(FunctionCallInfo fcinfo)
{
	Training	t = {0};
	Oid		   *types;
	int			nargs;
	text	   *name;
	struct varlena *spec_value;
	AdSpec		spec;
	AdRegistryName row;
	AdStored	stored = {0};
	bytea	   *bytes;
	int32		version;
	instr_time	start;
	instr_time	took;
	int			progress;

	ad_check_public(fcinfo->flinfo->fn_oid);
	read_arguments(fcinfo, &t);
	name = cstring_to_text(t.name);
	spec_value = PG_DETOAST_DATUM(PG_GETARG_DATUM(2));

	/* what can be wrong is said before the rows are read */
	(void) get_func_signature(fcinfo->flinfo->fn_oid, &types, &nargs);
	ad_spec_from_value(spec_value, types[2] == TEXTOID, true, &spec);
	if (spec.prepare.on_error == AD_ON_ERROR_NULL)
		spec_value = (struct varlena *) ad_spec_raising((Jsonb *) spec_value);
	t.keyed = spec.sampling.keyed;
	PreventCommandIfReadOnly("ad_train()");
	if (ad_registry_name(name, NULL, &row))
		ad_registry_check(name, NULL, AD_PRIVILEGE_OWN, &row);

	progress = ad_progress_begin_in(CurrentMemoryContext, "train", t.name, NAN);
	ad_progress_phase(progress, "planning");
	ad_progress_around_fit = progress;
	SPI_connect();
	ad_fit_memory = 0;
	ad_telling_begin();
	INSTR_TIME_SET_CURRENT(start);
	bytes = fit_weighed(&t, PointerGetDatum(spec_value), types[2], progress);
	INSTR_TIME_SET_CURRENT(took);
	INSTR_TIME_SUBTRACT(took, start);
	ad_progress_around_fit = -1;
	ad_progress_phase(progress, "storing");
	if (bytes == NULL)
		nothing_to_fit(t.name, &t.query);
	if (PG_NARGS() > ARG_EXCLUDE)
		ad_telling_notice(false);
	stored.name = name;
	store_query(&t, &stored);
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
