/*-------------------------------------------------------------------------
 *
 * sql_benchmark_compare.c
 *		ad_benchmark_compare: what changed between two stored runs.
 *
 * A run is the rows of ad_benchmark(), wherever they were put: a table, a view
 * or a query of the caller's.  Of it the spec, the split and the figures fold by
 * fold are read, and nothing in them is trusted.
 *
 * Where both runs had the same rows in the same folds, figures are compared
 * fold by fold, which takes out what is hard or easy about a fold.  Otherwise
 * the means are, with the variance of both.  There are many tests, so what is
 * said to have changed goes by p-values that are adjusted for all of a call.
 *
 *-------------------------------------------------------------------------
 */
#include "compare/ad_compare_sql.h"
#include "evaluate/ad_fdr.h"
#include "math/ad_math.h"
#include "rows/ad_query.h"
#include "sql/ad_result.h"
#include "sql/ad_text.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#define MAX_RESULTS_LENGTH	((Size) 64 * 1024 * 1024)	/* of a spec */
#define MAX_FIGURES			1000000 /* folds of all specs of a run */
#define MAX_FIGURE			1e100	/* whose square is a number */

PG_FUNCTION_INFO_V1(ad_benchmark_compare);

/* What is compared beside the metrics. */
enum
{
	COST_FIT = AD_COMPARE_METRICS,
	COST_SCORE,
	COST_MODEL_BYTES,
	FIGURES
};

static const char *const costs[] = {
	"fit_rows_per_second", "score_rows_per_second", "model_bytes"
};

/* The columns of a run that are read, and of the result. */
enum
{
	RUN_SPEC,
	RUN_SPLIT,
	RUN_RESULTS,
	RUN_COLUMNS
};

enum
{
	CHANGE_SPEC,
	CHANGE_METRIC,
	CHANGE_A,
	CHANGE_B,
	CHANGE_DIFFERENCE,
	CHANGE_INTERVAL,
	CHANGE_P_VALUE,
	CHANGE_ADJUSTED,
	CHANGE_FOLDS,
	CHANGE_PAIRED,
	CHANGE_VERDICT,
	CHANGE_COLUMNS
};

/* A fold of a stored run. */
typedef struct Fold
{
	int64		repeat;
	int64		fold;
	double		ratio;			/* of rows scored to rows fitted */
	double		figures[FIGURES];	/* NaN: there is none */
} Fold;

/* A spec of a stored run. */
typedef struct Tried
{
	Jsonb	   *spec;
	char	   *text;			/* the same with its defaults, to look it up
								 * by */
	char	   *split;
	int			n;
	Fold	   *folds;
	struct Tried *other;		/* that of the other run, or NULL */
} Tried;

typedef struct StoredRun
{
	const char *what;			/* "run a" */
	int			n;
	Tried	   *specs;			/* in their order */
	Tried	  **sorted;			/* by their text */
	int64		figures;
} StoredRun;

/* What two figures of a spec say. */
typedef struct Change
{
	const Tried *tried;			/* of either run */
	int			figure;
	double		a;
	double		b;
	double		difference;
	double		low;
	double		high;
	double		p_value;
	int			folds;
	bool		paired;
	bool		in_a;
	bool		in_b;
} Change;

/* Add what is being done to the context of an error. */
static void
error_context(void *arg)
{
	errcontext("%s of ad_benchmark_compare", (const char *) arg);
}

/* Raise an error: what is in a run is not what ad_benchmark() writes. */
static void
no_run(const StoredRun *run, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s is not what ad_benchmark() returned", run->what),
			 errdetail_internal("%s", detail),
			 errhint("Store one with CREATE TABLE ... AS SELECT * FROM ad_benchmark(...).")));
}

/* A number of a JSON object; NaN: it is not there, or none that is measured. */
static double
member(JsonbContainer *object, const char *name)
{
	JsonbValue *v = getKeyJsonValueFromContainer(object, name, (int) strlen(name),
												 NULL);
	double		d;

	if (v == NULL || v->type != jbvNumeric)
		return NAN;
	d = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
										   NumericGetDatum(v->val.numeric)));
	return fabs(d) < MAX_FIGURE ? d : NAN;
}

/* A whole number of a JSON object; 0: there is none. */
static int64
whole_member(JsonbContainer *object, const char *name)
{
	double		d = member(object, name);

	return fabs(d) < 9e18 ? (int64) d : 0;
}

/* Read a fold of a stored run. */
static void
read_fold(JsonbContainer *object, Fold *f)
{
	double		rows = member(object, "rows");
	double		fit_rows = member(object, "fit_rows");
	double		seconds;

	f->repeat = whole_member(object, "repeat");
	f->fold = whole_member(object, "fold");
	f->ratio = rows > 0 && fit_rows >= 1 ? rows / fit_rows : NAN;
	for (int i = 0; i < AD_COMPARE_METRICS; i++)
		f->figures[i] = member(object, ad_compare_metrics[i]);
	seconds = member(object, "fit_seconds");
	f->figures[COST_FIT] = seconds > 1e-12 ? fit_rows / seconds : NAN;
	seconds = member(object, "score_seconds");
	f->figures[COST_SCORE] = seconds > 1e-12 ? rows / seconds : NAN;
	f->figures[COST_MODEL_BYTES] = member(object, "model_bytes");
}

/* Read the folds of a spec. */
static void
read_folds(StoredRun *run, Jsonb *results, Tried *t)
{
	if (!JB_ROOT_IS_ARRAY(results) || JB_ROOT_IS_SCALAR(results))
		no_run(run, "Column \"fold_results\" must be a JSON array.");
	t->n = (int) JB_ROOT_COUNT(results);
	run->figures += t->n;
	if (run->figures > MAX_FIGURES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s has more than %d folds", run->what, MAX_FIGURES)));
	t->folds = ad_palloc0_array(Fold, t->n);
	for (int i = 0; i < t->n; i++)
	{
		JsonbValue *v = getIthJsonbValueFromContainer(&results->root, (uint32) i);

		AD_CHECK_EVERY_1024(i);
		if (v == NULL || v->type != jbvBinary ||
			!JsonContainerIsObject(v->val.binary.data))
			no_run(run, "Column \"fold_results\" must be a JSON array of objects.");
		read_fold(v->val.binary.data, &t->folds[i]);
	}
}

/* The numbers of the columns of a run that are read, as SPI has them. */
static void
find_columns(const StoredRun *run, TupleDesc columns, int *at)
{
	static const char *const names[RUN_COLUMNS] = {"spec", "split", "fold_results"};
	static const Oid types[RUN_COLUMNS] = {JSONBOID, TEXTOID, JSONBOID};

	for (int c = 0; c < RUN_COLUMNS; c++)
	{
		at[c] = SPI_fnumber(columns, names[c]);
		if (at[c] <= 0)
			no_run(run, psprintf("It has no column \"%s\".", names[c]));
		if (SPI_gettypeid(columns, at[c]) != types[c])
			no_run(run, psprintf("Its column \"%s\" is of type %s, not %s.", names[c],
								 format_type_be(SPI_gettypeid(columns, at[c])),
								 format_type_be(types[c])));
	}
}

/* Spell a spec out, defaults included. */
static void
spell_out(void *arg)
{
	Tried	   *t = arg;
	StringInfoData buf;
	AdSpec		spec;

	ad_spec_parse(&t->spec->root, true, &spec);
	initStringInfo(&buf);
	ad_spec_print(&buf, &spec);
	t->text = buf.data;
}

/* Read a row of a run. */
static void
read_row(StoredRun *run, HeapTuple row, TupleDesc columns, const int *at)
{
	Datum		values[RUN_COLUMNS];
	Tried	   *t;

	for (int c = 0; c < RUN_COLUMNS; c++)
	{
		bool		isnull;

		values[c] = SPI_getbinval(row, columns, at[c], &isnull);
		if (isnull)
			no_run(run, psprintf("Its column \"%s\" is NULL in a row.",
								 SPI_fname(columns, at[c])));
	}
	if (run->n == AD_MAX_COMPARED_SPECS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s has more than %d rows", run->what, AD_MAX_COMPARED_SPECS)));
	t = &run->specs[run->n++];
	ad_check_length(values[RUN_SPEC], "spec", AD_MAX_OPTIONS_LENGTH);
	t->spec = DatumGetJsonbPCopy(values[RUN_SPEC]);
	/* a spec that is none, or none any more, is what it is called */
	if (!JB_ROOT_IS_OBJECT(t->spec) || ad_compare_catch(spell_out, t) != NULL)
		t->text = JsonbToCString(NULL, &t->spec->root, VARSIZE(t->spec));
	t->split = ad_text_argument(values[RUN_SPLIT], "split", AD_MAX_WORD_LENGTH);
	ad_check_length(values[RUN_RESULTS], "fold_results", MAX_RESULTS_LENGTH);
	read_folds(run, DatumGetJsonbP(values[RUN_RESULTS]), t);
}

/* Order specs by their text, equal ones as they come. */
static int
compare_specs(const void *a, const void *b)
{
	const Tried *i = *(Tried *const *) a;
	const Tried *j = *(Tried *const *) b;
	int			order = strcmp(i->text, j->text);

	return order != 0 ? order : i < j ? -1 : 1;
}

/*
 * Read a run by a query, or the name of a table, as the caller and read-only.
 * Within SPI.
 */
static void
read_run(char *source, StoredRun *run)
{
	bool		was_read_only = XactReadOnly;
	ErrorContextCallback callback;
	AdQuery		query;
	Portal		portal;
	int			at[RUN_COLUMNS];

	callback.callback = error_context;
	callback.arg = unconstify(char *, run->what);
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	ad_query_read(source, run->what, &query);
	find_columns(run, query.columns, at);
	run->specs = ad_palloc0_array(Tried, AD_MAX_COMPARED_SPECS);
	/* an error ends the (sub)transaction, which puts this back */
	XactReadOnly = true;
	portal = SPI_cursor_open_with_args(NULL, query.text, 0, NULL, NULL, NULL, true, 0);
	for (;;)
	{
		SPI_cursor_fetch(portal, true, 10);
		if (SPI_processed == 0)
			break;
		for (uint64 i = 0; i < SPI_processed; i++)
			read_row(run, SPI_tuptable->vals[i], SPI_tuptable->tupdesc, at);
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
	XactReadOnly = was_read_only;
	error_context_stack = callback.previous;
	if (run->n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s has no rows", run->what)));
	run->sorted = ad_palloc_array(Tried *, run->n);
	for (int i = 0; i < run->n; i++)
		run->sorted[i] = &run->specs[i];
	qsort(run->sorted, run->n, sizeof(Tried *), compare_specs);
}

/* Find each spec in the other run; of equal ones the first is the first. */
static void
match(StoredRun *a, StoredRun *b)
{
	int			i = 0;
	int			j = 0;

	while (i < a->n && j < b->n)
	{
		int			order = strcmp(a->sorted[i]->text, b->sorted[j]->text);

		if (order == 0)
		{
			a->sorted[i]->other = b->sorted[j];
			b->sorted[j]->other = a->sorted[i];
		}
		i += order <= 0;
		j += order >= 0;
	}
}

/* Whether two runs of a spec had the same rows in the same folds. */
static bool
same_folds(const Tried *a, const Tried *b)
{
	if (strcmp(a->split, b->split) != 0 || a->n != b->n)
		return false;
	for (int i = 0; i < a->n; i++)
		if (a->folds[i].repeat != b->folds[i].repeat ||
			a->folds[i].fold != b->folds[i].fold)
			return false;
	return true;
}

/* The figures of a spec, fold by fold, and how folds overlap. */
static double
figures_of(const Tried *t, int figure, double *out)
{
	double		ratio = 0;
	int			n = 0;

	for (int i = 0; i < t->n; i++)
	{
		out[i] = t->folds[i].figures[figure];
		if (isnan(t->folds[i].ratio))
			continue;
		ratio += t->folds[i].ratio;
		n++;
	}
	return n > 0 ? ratio / n : 0;
}

/* Compare a figure of two runs of a spec. */
static void
compare(const Tried *a, const Tried *b, double confidence, Change *c)
{
	double	   *figures[2];
	AdResampled own[2];
	AdResampled d;
	double		ratio[2];
	double		error;

	figures[0] = ad_palloc_array(double, a->n);
	figures[1] = ad_palloc_array(double, b->n);
	ratio[0] = figures_of(a, c->figure, figures[0]);
	ratio[1] = figures_of(b, c->figure, figures[1]);
	ad_resampled(figures[0], a->n, ratio[0], confidence, &own[0]);
	ad_resampled(figures[1], b->n, ratio[1], confidence, &own[1]);
	c->a = own[0].mean;
	c->b = own[1].mean;
	c->paired = same_folds(a, b);
	if (c->paired)
	{
		for (int i = 0; i < a->n; i++)
			figures[1][i] -= figures[0][i];
		ad_resampled(figures[1], a->n, ratio[0], confidence, &d);
		c->difference = d.mean;
		c->low = d.low;
		c->high = d.high;
		c->p_value = d.p_value;
		c->folds = d.n;
	}
	else
	{
		c->folds = Min(own[0].n, own[1].n);
		c->difference = c->b - c->a;
		error = sqrt(own[0].error * own[0].error + own[1].error * own[1].error);
		if (c->folds > 1)
		{
			double		t = ad_student_limit(1 - confidence, c->folds - 1);

			c->low = c->difference - t * error;
			c->high = c->difference + t * error;
			c->p_value = error > 0 ? ad_student_beyond(c->difference / error, c->folds - 1) :
				c->difference == 0 ? 1 : 0;
		}
	}
	pfree(figures[0]);
	pfree(figures[1]);
}

/* What a change means; NULL: nothing can be said. */
static const char *
verdict(const Change *c, double adjusted, double level)
{
	bool		less_is_better = c->figure == AD_COMPARE_FALSE_POSITIVE_RATE ||
		c->figure == COST_MODEL_BYTES;

	if (!c->in_a || !c->in_b)
		return c->in_a ? "only in a" : "only in b";
	if (isnan(adjusted))
		return NULL;
	if (adjusted > level)
		return "no change";
	if (c->figure == AD_COMPARE_AGREEMENT)
		return c->difference > 0 ? "more" : "less";
	return (c->difference > 0) != less_is_better ? "better" : "worse";
}

/* Return the row of a change. */
static void
put_change(const Change *c, double adjusted, double level, Tuplestorestate *store,
		   TupleDesc desc)
{
	Datum		values[CHANGE_COLUMNS] = {0};
	bool		nulls[CHANGE_COLUMNS] = {false};
	const char *word = verdict(c, adjusted, level);
	Datum		ends[2] = {Float8GetDatum(c->low), Float8GetDatum(c->high)};

	values[CHANGE_SPEC] = JsonbPGetDatum(c->tried->spec);
	values[CHANGE_METRIC] = CStringGetTextDatum(c->figure < AD_COMPARE_METRICS ?
												ad_compare_metrics[c->figure] :
												costs[c->figure - AD_COMPARE_METRICS]);
	values[CHANGE_A] = ad_float_or_null(c->a, &nulls[CHANGE_A]);
	values[CHANGE_B] = ad_float_or_null(c->b, &nulls[CHANGE_B]);
	values[CHANGE_DIFFERENCE] = ad_float_or_null(c->difference, &nulls[CHANGE_DIFFERENCE]);
	nulls[CHANGE_INTERVAL] = isnan(c->low);
	values[CHANGE_INTERVAL] = PointerGetDatum(construct_array(ends, 2, FLOAT8OID,
															  sizeof(float8),
															  FLOAT8PASSBYVAL,
															  TYPALIGN_DOUBLE));
	values[CHANGE_P_VALUE] = ad_float_or_null(c->p_value, &nulls[CHANGE_P_VALUE]);
	values[CHANGE_ADJUSTED] = ad_float_or_null(adjusted, &nulls[CHANGE_ADJUSTED]);
	values[CHANGE_FOLDS] = Int32GetDatum(c->folds);
	values[CHANGE_PAIRED] = BoolGetDatum(c->paired);
	nulls[CHANGE_PAIRED] = !c->in_a || !c->in_b;
	nulls[CHANGE_VERDICT] = word == NULL;
	values[CHANGE_VERDICT] = word ? CStringGetTextDatum(word) : (Datum) 0;
	tuplestore_putvalues(store, desc, values, nulls);
}

/* Compare two specs, either of which may be NULL: a change for each figure. */
static void
compare_tried(const Tried *a, const Tried *b, double level, Change *out)
{
	const Tried *own = a ? a : b;
	double	   *figures = ad_palloc_array(double, own->n);

	CHECK_FOR_INTERRUPTS();
	for (int i = 0; i < FIGURES; i++)
	{
		Change	   *c = &out[i];

		memset(c, 0, sizeof(*c));
		c->tried = own;
		c->figure = i;
		c->in_a = a != NULL;
		c->in_b = b != NULL;
		c->a = c->b = c->difference = c->low = c->high = c->p_value = NAN;
		if (a && b)
			compare(a, b, 1 - level, c);
		else
		{
			AdResampled r;

			ad_resampled(figures, own->n, figures_of(own, i, figures), 1 - level, &r);
			c->folds = r.n;
			*(a ? &c->a : &c->b) = r.mean;
		}
	}
	pfree(figures);
}

/* ad_benchmark_compare(a, b, level) -> a row a spec and figure. */
static Datum
run_compare(FunctionCallInfo fcinfo)
{
	static const char *const arguments[] = {"a", "b", "level"};
	StoredRun	runs[2] = {{.what = "run a"}, {.what = "run b"}};
	TupleDesc	desc;
	Tuplestorestate *store;
	double		level;
	Change	   *changes;
	double	   *adjusted;
	int			n = 0;

	ad_check_not_null(fcinfo, arguments, lengthof(arguments));
	level = PG_GETARG_FLOAT8(2);
	if (!(level > 0 && level < 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("level is out of range: %s", float8out_internal(level)),
				 errdetail("Allowed values are greater than 0 and less than 1.")));
	store = ad_result_begin(fcinfo, CHANGE_COLUMNS, &desc);
	SPI_connect();
	for (int r = 0; r < 2; r++)
		read_run(ad_text_argument(PG_GETARG_DATUM(r), arguments[r], AD_MAX_QUERY_LENGTH),
				 &runs[r]);
	match(&runs[0], &runs[1]);
	changes = ad_palloc_array(Change, ad_mul_size((Size) runs[0].n + runs[1].n, FIGURES));
	for (int i = 0; i < runs[0].n; i++, n += FIGURES)
		compare_tried(&runs[0].specs[i], runs[0].specs[i].other, level, changes + n);
	for (int i = 0; i < runs[1].n; i++)
		if (runs[1].specs[i].other == NULL)
		{
			compare_tried(NULL, &runs[1].specs[i], level, changes + n);
			n += FIGURES;
		}
	adjusted = ad_palloc_array(double, n);
	for (int i = 0; i < n; i++)
		adjusted[i] = changes[i].p_value;
	ad_fdr_adjust(adjusted, n, AD_FDR_BH);
	for (int i = 0; i < n; i++)
		put_change(&changes[i], adjusted[i], level, store, desc);
	SPI_finish();
	return (Datum) 0;
}

/* The same; what fails repeats little of the query. */
Datum
ad_benchmark_compare(PG_FUNCTION_ARGS)
{
	return ad_call_clipped(run_compare, fcinfo);
}
