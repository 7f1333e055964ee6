/*-------------------------------------------------------------------------
 *
 * group_train.c
 *		ad_train_groups: a query's rows become a model per entity, which
 *		together are the next version of a name.
 *
 * The query is put into one that makes a sketch per entity, in the order of
 * their names, so that a sort bounds the memory; PostgreSQL may run it in
 * parallel.  It runs as ad_train() runs one.  Sketches are fitted as they come
 * (group_fit.c), and stored afterwards.
 *
 * Trained again with the same spec, columns and min_rows, the entities whose
 * rows have not changed are not fitted, and what is stored of them is not
 * touched: see src/operate/groups.c.  Two trainings of one name wait for each
 * other from the beginning, since the second one builds on the first.
 *
 *-------------------------------------------------------------------------
 */
#include "operate/ad_progress.h"
#include "rows/ad_group_fit.h"
#include "rows/ad_group_store.h"
#include "rows/ad_entity.h"
#include "rows/ad_query.h"
#include "rows/ad_spec_value.h"
#include "rows/ad_store.h"
#include "sql/ad_result.h"
#include "sql/ad_text.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "tcop/pquery.h"
#include "tcop/utility.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/portal.h"
#include "utils/snapmgr.h"

PG_FUNCTION_INFO_V1(ad_train_groups);
PG_FUNCTION_INFO_V1(ad_refresh_groups);

/* The columns of the result. */
enum
{
	TRAIN_VERSION,
	TRAIN_FITTED,
	TRAIN_KEPT,
	TRAIN_FAILED,
	TRAIN_GONE,
	TRAIN_ROWS,
	TRAIN_UNNAMED,
	TRAIN_BYTES,
	TRAIN_COLUMNS
};

/*
 * Find the columns that name an entity: their numbers in t, and which they are,
 * by column.
 */
static bool *
find_by(AdGroupTask *t, const AdQuery *q)
{
	TupleDesc	columns = q->columns;
	bool	   *by = ad_palloc0_array(bool, columns->natts);

	for (int i = 0; i < t->nby; i++)
	{
		int			found = -1;
		AdEntityColumn unused;

		for (int c = 0; c < columns->natts; c++)
		{
			if (strcmp(NameStr(TupleDescAttr(columns, c)->attname), t->by[i]) != 0)
				continue;
			if (found >= 0)
				ereport(ERROR,
						(errcode(ERRCODE_AMBIGUOUS_COLUMN),
						 errmsg("training query has two columns \"%s\"", t->by[i]),
						 errhint("Name them with AS.")));
			found = c;
		}
		if (found < 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("training query has no column \"%s\"",
							ad_quote_clip(t->by[i])),
					 errdetail("Argument \"by\" names the column that has the entity of a row.")));
		ad_entity_column(&unused, TupleDescAttr(columns, found)->atttypid,
						 t->by[i], CurrentMemoryContext);
		by[found] = true;
		t->by_column[i] = found;
	}
	return by;
}

/* The names and types of the columns that are features, in JSON. */
static char *
describe_columns(const AdQuery *q)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < q->columns->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(q->columns, i);

		if (q->by[i])
			continue;
		appendStringInfoString(&buf, buf.len > 0 ? ", {\"name\": " : "[{\"name\": ");
		escape_json(&buf, NameStr(att->attname));
		appendStringInfoString(&buf, ", \"type\": ");
		escape_json(&buf, format_type_be(att->atttypid));
		appendStringInfoChar(&buf, '}');
	}
	appendStringInfoChar(&buf, ']');
	return buf.data;
}

/* Raise an error: the common model is none for these rows. */
static void
other_features(const AdGroupTask *t, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("model \"%s\" cannot be the fallback of model \"%s\"",
					t->fallback, t->name),
			 errdetail_internal("%s", detail),
			 errhint("Train it with the same columns, in the same order, except those that identify the entity.")));
}

/*
 * Raise an error unless the common model is there, may be used, and has the
 * features of the query.
 */
static void
check_fallback(const AdGroupTask *t, const AdQuery *q)
{
	int32		version = AD_VERSION_ACTIVE;
	bytea	   *bytes;
	AdModel    *m;
	int			j = 0;

	if (t->fallback == NULL)
		return;
	if (strcmp(t->fallback, t->name) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("model \"%s\" cannot be its own fallback", t->name)));
	bytes = DatumGetByteaPP(ad_registry_model(cstring_to_text(t->fallback),
											  &version, AD_PRIVILEGE_SCORE));
	m = ad_model_read((const uint8 *) VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	/* an array, or sketches: only the rows tell */
	if (strcmp(q->features, "_f.*") != 0)
		return;
	for (int i = 0; i < q->columns->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(q->columns, i);
		AdSource	source;

		if (q->by[i])
			continue;
		if (j >= m->nfeatures)
			other_features(t, psprintf("It has no feature \"%s\".", NameStr(att->attname)));
		if (strcmp(m->features[j].name, NameStr(att->attname)) != 0)
			other_features(t, psprintf("Its feature %d is \"%s\", but the query has \"%s\".",
									   j + 1, m->features[j].name, NameStr(att->attname)));
		if (ad_source_init(&source, att->atttypid, CurrentMemoryContext) &&
			source.class != m->features[j].class)
			other_features(t, psprintf("Its feature \"%s\" is of type %s, but that of the query is of type %s.",
									   m->features[j].name, m->features[j].type,
									   format_type_be(att->atttypid)));
		j++;
	}
	if (j < m->nfeatures)
		other_features(t, psprintf("The query has no column \"%s\".", m->features[j].name));
	MemoryContextDelete(m->mcxt);
}

/* The query that makes a sketch per entity. */
static char *
group_query(const AdGroupTask *t, const AdQuery *q)
{
	const char *internal = ad_internal_schema();
	StringInfoData sql;
	char	   *sketch;
	int			last = -1;
	int			n = 0;

	for (int i = 0; i < q->columns->natts; i++)
		if (!q->by[i])
		{
			last = i;
			n++;
		}
	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT %s._ad_entity(", internal);
	for (int i = 0; i < t->nby; i++)
		appendStringInfo(&sql, "%s_q._c%d", i > 0 ? ", " : "",
						 t->by_column[i] + 1);
	appendStringInfo(&sql, ") COLLATE pg_catalog.\"C\", pg_catalog.count(*), %s._ad_fingerprint(_f.*), ",
					 internal);
	sketch = n == 1 ? ad_query_sketch(q, last) : NULL;
	if (sketch)
		appendStringInfoString(&sql, sketch);
	else
		appendStringInfo(&sql, "%s._ad_sketch($1, %s)", internal, q->features);
	appendStringInfo(&sql, "%s GROUP BY 1 ORDER BY 1", ad_query_from(q));
	return sql.data;
}

/* Run the query, in what for its duration is a read-only transaction. */
static void
run(const char *sql, Jsonb *spec, DestReceiver *dest)
{
	bool		was_read_only = XactReadOnly;
	int			nestlevel = NewGUCNestLevel();
	Oid			types[] = {JSONBOID};
	Datum		values[] = {JsonbPGetDatum(spec)};
	SPIPlanPtr	plan;

	/* a hash table would hold all sketches at once */
	(void) set_config_option("enable_hashagg", "off", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	XactReadOnly = true;
	plan = ad_query_prepare(sql, 1, types);
	ad_query_stream(plan, 1, types, values, dest);
	XactReadOnly = was_read_only;
	AtEOXact_GUC(true, nestlevel);
}

/* Raise an error, or warn, if no entity has a model. */
static void
check_any(const AdGroupTask *t, const AdGroupFit *f)
{
	if (f->fitted + f->kept > 0 || (f->keep_gone && f->gone > 0))
		return;
	if (f->entities == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 f->unnamed > 0 ?
				 errmsg("all rows of the training query of model \"%s\" are without an entity", t->name) :
				 errmsg("training query of model \"%s\" returned no rows", t->name)));
	ereport(t->fallback ? WARNING : ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("none of " INT64_FORMAT " entities of model \"%s\" could be fitted",
					f->entities, t->name),
			 errdetail("The first entity: %s.", f->first_problem ? f->first_problem : ""),
			 t->fallback ? errhint("All rows are scored by the fallback.") :
			 errhint("Lower min_rows, or give a fallback: the version is then stored.")));
}

/* Add what is being trained to the context of an error. */
static void
error_context(void *arg)
{
	errcontext("training query of model \"%s\"", ((AdGroupTask *) arg)->name);
}

/* Read, fit and store.  Within SPI. */
static void
train(AdGroupTask *t, AdGroupFit *f)
{
	ErrorContextCallback callback;
	AdSpec		spec;
	AdQuery		query;
	instr_time	start;
	instr_time	took;

	t->spec = ad_spec_raising(t->spec);
	ad_spec_parse(&t->spec->root, true, &spec);
	if (spec.sampling.keyed)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("keyed sampling is not for a model per entity"),
				 errhint("Leave \"keyed\" out of ad_sampling().")));
	callback.callback = error_context;
	callback.arg = t;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	ad_query_read(t->query, "training query", &query);
	/* what is made of a group cannot be made in parts: its rows come here */
	query.gathered = query.distributed;
	query.distributed = false;
	query.by = find_by(t, &query);
	ad_query_features(&query, -1);
	check_fallback(t, &query);
	t->columns = describe_columns(&query);
	t->query = query.text;

	f->name = t->name;
	f->spec = &spec;
	f->min_rows = t->min_rows;
	f->max_bytes = t->max_bytes;
	f->keep_gone = t->keep_gone;
	f->base = ad_group_base(t, &f->least_p);
	ad_group_fit_begin(f);
	ad_fit_memory = 0;
	INSTR_TIME_SET_CURRENT(start);
	run(group_query(t, &query), t->spec, &f->pub);
	ad_group_fit_end(f);
	INSTR_TIME_SET_CURRENT(took);
	INSTR_TIME_SUBTRACT(took, start);
	t->fit_ms = INSTR_TIME_GET_MILLISEC(took);
	t->fit_bytes = (int64) ad_fit_memory;
	error_context_stack = callback.previous;
	check_any(t, f);
	ad_progress_phase(f->progress, "storing");
	t->version = ad_group_store(t, f);
}

/* Train, and return what came of it. */
static Datum
run_task(FunctionCallInfo fcinfo, AdGroupTask *t, AdGroupFit *f)
{
	TupleDesc	desc;
	Datum		values[TRAIN_COLUMNS];
	bool		nulls[TRAIN_COLUMNS] = {false};

	train(t, f);
	ad_progress_around_fit = -1;
	SPI_finish();
	ad_progress_end(f->progress);
	/* not before: what is made within SPI goes with it */
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE ||
		desc->natts != TRAIN_COLUMNS)
		elog(ERROR, "unexpected result type");
	desc = BlessTupleDesc(desc);
	values[TRAIN_VERSION] = Int32GetDatum(t->version);
	values[TRAIN_FITTED] = Int64GetDatum(f->fitted);
	values[TRAIN_KEPT] = Int64GetDatum(f->kept);
	values[TRAIN_FAILED] = Int64GetDatum(f->failed);
	values[TRAIN_GONE] = Int64GetDatum(f->gone);
	values[TRAIN_ROWS] = Int64GetDatum(f->rows);
	values[TRAIN_UNNAMED] = Int64GetDatum(f->unnamed);
	values[TRAIN_BYTES] = Int64GetDatum(f->bytes);
	return HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
}

/* Begin: progress, SPI, and the lock of who trains a name. */
static void
begin(AdGroupTask *t, AdGroupFit *f)
{
	AdRegistryName row;

	memset(f, 0, sizeof(*f));
	PreventCommandIfReadOnly("ad_train_groups()");
	f->progress = ad_progress_begin_in(CurrentMemoryContext, "train groups",
									   t->name, NAN);
	ad_progress_phase(f->progress, "planning");
	ad_progress_around_fit = f->progress;
	SPI_connect();
	if (ad_registry_name(cstring_to_text(t->name), NULL, &row))
		ad_registry_check(cstring_to_text(t->name), NULL, AD_PRIVILEGE_OWN, &row);
	ad_group_lock(t->name);
}

/* The names of columns in an argument: text, or text[]. */
static void
by_argument(FunctionCallInfo fcinfo, int arg, AdGroupTask *t)
{
	Oid		   *types;
	int			nargs;
	Datum	   *names;
	bool	   *nulls;

	(void) get_func_signature(fcinfo->flinfo->fn_oid, &types, &nargs);
	if (types[arg] == TEXTOID)
	{
		t->nby = 1;
		t->by = ad_palloc_array(char *, 1);
		t->by[0] = ad_text_argument(PG_GETARG_DATUM(arg), "by", AD_MAX_WORD_LENGTH);
		return;
	}
	ad_check_length(PG_GETARG_DATUM(arg), "by", AD_MAX_OPTIONS_LENGTH);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(arg), TEXTOID, -1, false,
					  TYPALIGN_INT, &names, &nulls, &t->nby);
	if (t->nby < 1 || t->nby > AD_MAX_GROUP_COLUMNS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("by has %d columns, must have 1 to %d", t->nby,
						AD_MAX_GROUP_COLUMNS)));
	t->by = ad_palloc_array(char *, t->nby);
	for (int i = 0; i < t->nby; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("by cannot contain NULL")));
		t->by[i] = ad_text_argument(names[i], "by", AD_MAX_WORD_LENGTH);
		for (int k = 0; k < i; k++)
			if (strcmp(t->by[i], t->by[k]) == 0)
				ereport(ERROR,
						(errcode(ERRCODE_DUPLICATE_COLUMN),
						 errmsg("by has column \"%s\" twice", t->by[i])));
	}
}

/*
 * ad_train_groups(name, query, by, spec or detector, fallback, min_rows,
 * keep_gone, max_bytes, notes, keep, activate) -> what came of it
 */
static Datum
run_train_groups(FunctionCallInfo fcinfo)
{
	static const char *const arguments[] = {"name", "query", "by", "spec"};
	AdGroupTask t = {0};
	AdGroupFit	f;

	ad_check_public(fcinfo->flinfo->fn_oid);
	ad_check_not_null(fcinfo, arguments, lengthof(arguments));
	t.name = text_to_cstring(ad_registry_new_name(PG_GETARG_DATUM(0)));
	t.query = ad_text_argument(PG_GETARG_DATUM(1), "query", AD_MAX_QUERY_LENGTH);
	by_argument(fcinfo, 2, &t);
	t.spec = ad_spec_argument(fcinfo, 3);
	if (!PG_ARGISNULL(4))
		t.fallback = text_to_cstring(ad_model_name_argument(PG_GETARG_DATUM(4)));
	t.min_rows = PG_ARGISNULL(5) ? 0 : PG_GETARG_INT32(5);
	if (t.min_rows < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("min_rows is %s, must be at least 1",
						PG_ARGISNULL(5) ? "NULL" : psprintf("%d", PG_GETARG_INT32(5)))));
	t.keep_gone = PG_ARGISNULL(6) || PG_GETARG_BOOL(6);
	t.max_bytes = PG_ARGISNULL(7) ? 0 : PG_GETARG_INT64(7);
	if (t.max_bytes < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max_bytes is %s, must be at least 1",
						PG_ARGISNULL(7) ? "NULL" : psprintf(INT64_FORMAT, PG_GETARG_INT64(7)))));
	if (!PG_ARGISNULL(8))
	{
		ad_check_length(PG_GETARG_DATUM(8), "notes", AD_MAX_NOTE_LENGTH);
		t.notes = PG_GETARG_DATUM(8);
	}
	if (!PG_ARGISNULL(9) && (t.keep = PG_GETARG_INT32(9)) < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("keep is %d, must be at least 1", t.keep)));
	t.activate = PG_ARGISNULL(10) || PG_GETARG_BOOL(10);
	t.reuse = true;
	begin(&t, &f);
	return run_task(fcinfo, &t, &f);
}

/* The same; errors show no statements of ours. */
Datum
ad_train_groups(PG_FUNCTION_ARGS)
{
	return ad_call_door(run_train_groups, fcinfo);
}

/* ad_refresh_groups(name, keep_gone, everything, activate) -> what came of it */
static Datum
run_refresh_groups(FunctionCallInfo fcinfo)
{
	AdGroupTask t = {0};
	AdGroupFit	f;

	ad_check_public(fcinfo->flinfo->fn_oid);
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("name cannot be NULL")));
	t.name = text_to_cstring(ad_model_name_argument(PG_GETARG_DATUM(0)));
	begin(&t, &f);
	ad_group_task_read(&t);
	if (!PG_ARGISNULL(1))
		t.keep_gone = PG_GETARG_BOOL(1);
	t.reuse = PG_ARGISNULL(2) || !PG_GETARG_BOOL(2);
	t.activate = PG_ARGISNULL(3) || PG_GETARG_BOOL(3);
	return run_task(fcinfo, &t, &f);
}

Datum
ad_refresh_groups(PG_FUNCTION_ARGS)
{
	return ad_call_door(run_refresh_groups, fcinfo);
}
