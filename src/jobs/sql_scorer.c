/*-------------------------------------------------------------------------
 *
 * sql_scorer.c
 *		Rows of a source through a named model.
 *
 * The functions that SQL calls are called here for each row that a cursor
 * brings: with the row, in which the model finds its features by their names,
 * or with the columns that the job says they are.  A row is scored once; what
 * only an alert needs, its p-value beside a score, its row as JSON and its
 * explanation, is made for it alone.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_scorer.h"
#include "operate/ad_own.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "nodes/makefuncs.h"
#include "parser/parse_func.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* A call of a function of the model and a row. */
typedef struct Call
{
	FmgrInfo	function;
	FunctionCallInfo info;
} Call;

struct AdScorer
{
	const AdJob *job;
	MemoryContext mcxt;
	MemoryContext row_mcxt;		/* reset with every row */
	int32		version;		/* of the model; 0: it is not there */
	bool		calibrated;
	bool		groups;			/* the model is one per entity */
	int			model_by;		/* column of the entity; -1: no argument */
	double		least_p;		/* NaN: not known */
	TupleDesc	columns;		/* of the source */
	int		   *features;		/* columns, if the job names them */
	bool	   *as_text;		/* columns that JSON shows as text */
	bool		any_as_text;
	TupleDesc	json;			/* the columns of that */
	TupleDesc	rows;			/* what is given; the source's columns first */
	Call		score;
	Call		p_value;
	Call		fits;			/* its info NULL: not made yet */
	SPIPlanPtr	plan;			/* of what an alert shows; NULL: none yet */
	Datum	   *values;
	bool	   *nulls;
};

/* Ask for the active version of the model, as who runs the job sees it. */
static void
find_model(AdScorer *s)
{
	Oid			types[] = {TEXTOID};
	Datum		values[1];
	bool		isnull;
	Datum		d;

	values[0] = CStringGetTextDatum(s->job->model);
	if (SPI_execute_with_args("SELECT v.version, pg_catalog.jsonb_exists(v.spec, 'calibrate'), "
							  "CASE WHEN v.privilege OPERATOR(pg_catalog.=) ANY (ARRAY['read'::pg_catalog.text, 'own'::pg_catalog.text]) AND v.groups IS NULL AND pg_catalog.jsonb_exists(v.spec, 'calibrate') "
							  "THEN (_anomaly._ad_info($1) OPERATOR(pg_catalog.#>>) '{calibration,least_p}'::pg_catalog.text[])::pg_catalog.float8 "
							  "WHEN (v.groups OPERATOR(pg_catalog.->>) 'fallback') IS NULL THEN (v.groups OPERATOR(pg_catalog.->>) 'least_p')::pg_catalog.float8 END, v.groups IS NOT NULL "
							  "FROM _anomaly._ad_visible_model v "
							  "WHERE v.name OPERATOR(pg_catalog.=) $1 AND v.active",
							  1, types, values, NULL, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_with_args failed");
	s->least_p = NAN;
	if (SPI_processed == 1)
	{
		s->version = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0],
												 SPI_tuptable->tupdesc, 1, &isnull));
		d = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull);
		s->calibrated = !isnull && DatumGetBool(d);
		d = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 3, &isnull);
		if (!isnull)
			s->least_p = DatumGetFloat8(d);
		s->groups = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0],
											   SPI_tuptable->tupdesc, 4, &isnull));
	}
	SPI_freetuptable(SPI_tuptable);
}

/*
 * Find out which columns to_jsonb() would show by a cast of a role that has
 * not the rights of the current user: they are shown as their type writes
 * them.  Types of the server have no such casts.
 */
static void
find_casts(AdScorer *s)
{
	Oid			types[] = {OIDOID};

	s->as_text = ad_palloc0_array(bool, s->columns->natts);
	for (int i = 0; i < s->columns->natts; i++)
	{
		Datum		type = ObjectIdGetDatum(TupleDescAttr(s->columns, i)->atttypid);
		bool		isnull;

		if (DatumGetObjectId(type) < FirstNormalObjectId)
			continue;
		if (SPI_execute_with_args("SELECT _anomaly._ad_json_casts($1::pg_catalog.regtype)",
								  1, types, &type, NULL, false, 1) != SPI_OK_SELECT)
			elog(ERROR, "SPI_execute_with_args failed");
		s->as_text[i] = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0],
												   SPI_tuptable->tupdesc, 1, &isnull));
		s->any_as_text = s->any_as_text || s->as_text[i];
		SPI_freetuptable(SPI_tuptable);
	}
	s->json = CreateTupleDescCopy(s->columns);
	for (int i = 0; i < s->columns->natts; i++)
		if (s->as_text[i])
			TupleDescInitEntry(s->json, i + 1, NameStr(TupleDescAttr(s->columns, i)->attname),
							   TEXTOID, -1, 0);
	s->json = BlessTupleDesc(s->json);
}

/* Find a column of the source, of which there is one of the name. */
static int
find_column(const AdScorer *s, const char *name, const char *what)
{
	int			found = -1;

	for (int c = 0; c < s->columns->natts; c++)
		if (strcmp(NameStr(TupleDescAttr(s->columns, c)->attname), name) == 0)
		{
			if (found >= 0)
				ereport(ERROR,
						(errcode(ERRCODE_DUPLICATE_COLUMN),
						 errmsg("source has two columns \"%s\"", name),
						 errhint("Name them with AS.")));
			found = c;
		}
	if (found < 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("source has no column \"%s\"", ad_quote_clip(name)),
				 errdetail("It is the %s column.", what)));
	return found;
}

/* The columns of the source that are features, as the job names them. */
static void
find_features(AdScorer *s)
{
	const AdJob *j = s->job;

	s->model_by = j->model_by ? find_column(s, j->model_by, "model_by") : -1;
	if (j->nfeatures == 0)
		return;
	s->features = ad_palloc_array(int, j->nfeatures);
	for (int i = 0; i < j->nfeatures; i++)
		s->features[i] = find_column(s, j->features[i], "feature");
}

/* What a job's model says of rows with some columns; palloc'd.  Within SPI. */
AdScorer *
ad_scorer_new(const AdJob *j, TupleDesc columns)
{
	AdScorer   *s = palloc0(sizeof(AdScorer));

	s->job = j;
	s->mcxt = CurrentMemoryContext;
	s->row_mcxt = AllocSetContextCreate(s->mcxt, "anomaly row of a job",
										ALLOCSET_DEFAULT_SIZES);
	s->columns = columns;
	find_model(s);
	find_features(s);
	find_casts(s);
	return s;
}

bool
ad_scorer_calibrated(const AdScorer *s)
{
	return s->calibrated;
}

/* The least p-value that the model can give; NaN: not known. */
double
ad_scorer_least_p(const AdScorer *s)
{
	return s->least_p;
}

/* The version of the model that is active; 0: none that may be seen. */
int32
ad_scorer_version(const AdScorer *s)
{
	return s->version;
}

/* The first argument of a call that is a feature: others name model and entity. */
static int
first_feature(const AdScorer *s)
{
	return s->model_by < 0 ? 1 : 2;
}

/*
 * The type of argument i of a call: the model's name, the entity if it is one,
 * then the features.
 */
static Oid
argument_type(const AdScorer *s, int i)
{
	int			column;

	if (i == 0)
		return TEXTOID;
	if (i >= first_feature(s) && s->features == NULL)
		return RECORDOID;
	column = i < first_feature(s) ? s->model_by : s->features[i - first_feature(s)];
	return TupleDescAttr(s->columns, column)->atttypid;
}

/* How many arguments a call has. */
static int
argument_count(const AdScorer *s)
{
	return first_feature(s) + (s->features == NULL ? 1 : s->job->nfeatures);
}

/* The column of argument i, which is not the row. */
static int
argument_column(const AdScorer *s, int i)
{
	return i < first_feature(s) ? s->model_by : s->features[i - first_feature(s)];
}

/* Make a call of a function, by its name, ready. */
static void
make_call(AdScorer *s, const char *name, Call *call)
{
	Oid			types[] = {TEXTOID, ANYOID};
	Oid			function = LookupFuncName(list_make2(makeString("_anomaly"),
													 makeString(pstrdup(name))),
										  2, types, false);
	int			n = argument_count(s);
	List	   *args = NIL;

	for (int i = 0; i < n; i++)
	{
		Param	   *p = makeNode(Param);

		p->paramkind = PARAM_EXTERN;
		p->paramid = i + 1;
		p->paramtype = argument_type(s, i);
		p->paramtypmod = -1;
		args = lappend(args, p);
	}
	fmgr_info_cxt(function, &call->function, s->mcxt);
	fmgr_info_set_expr((Node *) makeFuncExpr(function, FLOAT8OID, args, InvalidOid,
											 InvalidOid, COERCE_EXPLICIT_CALL),
					   &call->function);
	call->info = palloc0(SizeForFunctionCallInfo(n));
	InitFunctionCallInfoData(*call->info, &call->function, n, InvalidOid, NULL, NULL);
	call->info->args[0].value = CStringGetTextDatum(s->job->model);
}

/* Say of a tuple that stands alone what its columns are; it becomes a datum. */
static Datum
as_datum(HeapTuple row, TupleDesc desc)
{
	HeapTupleHeaderSetDatumLength(row->t_data, row->t_len);
	HeapTupleHeaderSetTypeId(row->t_data, desc->tdtypeid);
	HeapTupleHeaderSetTypMod(row->t_data, desc->tdtypmod);
	return PointerGetDatum(row->t_data);
}

/*
 * Raise an error if the model cannot score the source's columns, whatever is in
 * them: their number, types or names are not those of its features.
 */
void
ad_scorer_check(AdScorer *s)
{
	MemoryContext old = MemoryContextSwitchTo(s->mcxt);
	FunctionCallInfo info;

	if (s->model_by >= 0 && s->version != 0 && !s->groups)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("model \"%s\" no longer has a model per entity",
						s->job->model),
				 errhint("Train it with ad_train_groups(), or take model_by from the job with ad_alter_job().")));
	if (s->fits.info == NULL)
	{
		TupleDesc	desc = BlessTupleDesc(CreateTupleDescCopy(s->columns));
		bool	   *nulls = ad_palloc_array(bool, desc->natts);
		Datum	   *values = ad_palloc0_array(Datum, desc->natts);

		memset(nulls, true, desc->natts * sizeof(bool));
		make_call(s, "_ad_fits", &s->fits);
		info = s->fits.info;
		for (int i = 1; i < argument_count(s); i++)
			info->args[i].isnull = true;
		if (s->features == NULL)
		{
			int			i = first_feature(s);

			info->args[i].value = as_datum(heap_form_tuple(desc, values, nulls), desc);
			info->args[i].isnull = false;
		}
	}
	MemoryContextSwitchTo(s->row_mcxt);
	s->fits.info->isnull = false;
	(void) FunctionCallInvoke(s->fits.info);
	MemoryContextSwitchTo(old);
	MemoryContextReset(s->row_mcxt);
}

/* Be ready for rows of a cursor, whose columns begin with the source's. */
void
ad_scorer_rows(AdScorer *s, TupleDesc rows)
{
	MemoryContext old = MemoryContextSwitchTo(s->mcxt);

	if (s->rows != NULL)
	{
		MemoryContextSwitchTo(old);
		return;
	}
	s->rows = BlessTupleDesc(CreateTupleDescCopy(rows));
	s->values = ad_palloc_array(Datum, rows->natts);
	s->nulls = ad_palloc_array(bool, rows->natts);
	make_call(s, "_ad_score", &s->score);
	make_call(s, "_ad_pvalue", &s->p_value);
	MemoryContextSwitchTo(old);
}

/* A column of a row that was given, from 0 on. */
Datum
ad_scorer_column(const AdScorer *s, HeapTuple row, int column, bool *isnull)
{
	return heap_getattr(row, column + 1, s->rows, isnull);
}

/* Call a function with a row; NaN for NULL. */
static double
call_with(AdScorer *s, Call *call, HeapTuple row)
{
	FunctionCallInfo info = call->info;
	MemoryContext old = MemoryContextSwitchTo(s->row_mcxt);
	Datum		result;
	int			first = first_feature(s);

	if (s->features == NULL)
	{
		info->args[first].value = as_datum(row, s->rows);
		info->args[first].isnull = false;
		if (s->model_by >= 0)
			info->args[1].value = heap_getattr(row, s->model_by + 1, s->rows,
											   &info->args[1].isnull);
	}
	else
	{
		heap_deform_tuple(row, s->rows, s->values, s->nulls);
		for (int i = 1; i < argument_count(s); i++)
		{
			info->args[i].value = s->values[argument_column(s, i)];
			info->args[i].isnull = s->nulls[argument_column(s, i)];
		}
	}
	info->isnull = false;
	result = FunctionCallInvoke(info);
	MemoryContextSwitchTo(old);
	MemoryContextReset(s->row_mcxt);
	return info->isnull ? NAN : DatumGetFloat8(result);
}

/* The score of a row, whose header is written to; NaN: NULL. */
double
ad_scorer_score(AdScorer *s, HeapTuple row)
{
	return call_with(s, &s->score, row);
}

/* What the row that was scored last was scored with. */
AdGroupUse
ad_scorer_used(const AdScorer *s)
{
	return s->groups ? ad_group_last_use : AD_GROUP_OWN;
}

/* The p-value of a row. */
double
ad_scorer_p_value(AdScorer *s, HeapTuple row)
{
	return call_with(s, &s->p_value, row);
}

/* Prepare the query of what an alert shows. */
static void
prepare_description(AdScorer *s)
{
	int			n = argument_count(s);
	Oid		   *types = ad_palloc_array(Oid, n + 1);
	StringInfoData sql;

	types[0] = RECORDOID;
	for (int i = 0; i < n; i++)
		types[i + 1] = argument_type(s, i);
	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT pg_catalog.to_jsonb($1), ");
	if (s->job->explain == 0)
	{
		appendStringInfoString(&sql, "NULL::pg_catalog.jsonb");
		n = 0;
	}
	else
	{
		appendStringInfo(&sql, "(SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('feature', _x.feature, 'value', _x.value, "
						 "'contribution', _x.contribution, 'direction', _x.direction, 'typical', _x.typical) ORDER BY _x.rank) "
						 "FROM _anomaly._ad_explain($2, '{\"top\": %d, \"beyond\": true}'::pg_catalog.jsonb", s->job->explain);
		for (int i = 1; i < n; i++)
			appendStringInfo(&sql, ", $%d", i + 2);
		appendStringInfoString(&sql, ") _x)");
	}
	s->plan = SPI_prepare(sql.data, n + 1, types);
	if (s->plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
}

/* A row of the source as the record that becomes JSON. */
static Datum
json_record(AdScorer *s)
{
	int			n = s->columns->natts;
	Datum	   *values = ad_palloc_array(Datum, n);

	memcpy(values, s->values, n * sizeof(Datum));
	for (int i = 0; i < n; i++)
		if (s->as_text[i] && !s->nulls[i])
		{
			Oid			out;
			bool		varlena;

			getTypeOutputInfo(TupleDescAttr(s->columns, i)->atttypid, &out, &varlena);
			values[i] = CStringGetTextDatum(OidOutputFunctionCall(out, values[i]));
		}
	return HeapTupleGetDatum(heap_form_tuple(s->json, values, s->nulls));
}

/*
 * What an alert shows of a row: itself as JSON, and the explanation, NULL if
 * none is asked for.  palloc'd in the scorer's context.  Within SPI.
 */
void
ad_scorer_describe(AdScorer *s, HeapTuple row, Jsonb **json, Jsonb **explanation)
{
	int			n = argument_count(s);
	Datum	   *values;
	char	   *nulls;
	bool		isnull;
	Datum		d;
	MemoryContext old;

	if (s->plan == NULL)
		prepare_description(s);
	old = MemoryContextSwitchTo(s->row_mcxt);
	values = ad_palloc_array(Datum, n + 1);
	nulls = ad_palloc_array(char, n + 1);
	memset(nulls, ' ', n + 1);
	heap_deform_tuple(row, s->rows, s->values, s->nulls);
	values[0] = json_record(s);
	values[1] = s->score.info->args[0].value;
	for (int i = 1; i < n; i++)
		if (i >= first_feature(s) && s->features == NULL)
			values[i + 1] = HeapTupleGetDatum(row);
		else
		{
			values[i + 1] = s->values[argument_column(s, i)];
			nulls[i + 1] = s->nulls[argument_column(s, i)] ? 'n' : ' ';
		}
	MemoryContextSwitchTo(old);
	if (SPI_execute_plan(s->plan, values, nulls, true, 1) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "SPI_execute_plan failed");
	old = MemoryContextSwitchTo(s->mcxt);
	d = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	*json = DatumGetJsonbPCopy(d);
	d = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull);
	*explanation = isnull ? NULL : DatumGetJsonbPCopy(d);
	MemoryContextSwitchTo(old);
	SPI_freetuptable(SPI_tuptable);
	MemoryContextReset(s->row_mcxt);
}
