/*-------------------------------------------------------------------------
 *
 * sql_tune.c
 *		ad_tune: specs ranked on a query's rows, under a budget of time.
 *
 *-------------------------------------------------------------------------
 */
#include "compare/ad_compare_sql.h"
#include "compare/ad_tune.h"
#include "operate/ad_progress.h"
#include "sql/ad_result.h"
#include "sql/ad_text.h"

#include "portability/instr_time.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#define MAX_TRIALS		1000000

PG_FUNCTION_INFO_V1(ad_tune);

/* The arguments of ad_tune(). */
enum
{
	ARG_QUERY,
	ARG_LABEL,
	ARG_SPECS,
	ARG_FOLDS,
	ARG_METRIC,
	ARG_BUDGET,
	ARG_KEY,
	ARG_REPEATS,
	ARG_SEED,
	ARG_MEMORY_MB
};

/* Its columns. */
enum
{
	TUNE_RANK,
	TUNE_SPEC,
	TUNE_CHOSEN,
	TUNE_MEAN,
	TUNE_DEVIATION,
	TUNE_DIFFERENCE,
	TUNE_P_VALUE,
	TUNE_ROWS,
	TUNE_FOLDS,
	TUNE_MODEL_BYTES,
	TUNE_SECONDS,
	TUNE_STATUS,
	TUNE_ERROR,
	TUNE_COLUMNS
};

static const char *const status_names[] = {
	"finished", "dropped", "out of time", "not tried", "failed"
};

/* Seconds since the call began. */
static double
elapsed(const AdTune *t)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, *(const instr_time *) t->clock);
	return INSTR_TIME_GET_DOUBLE(now);
}

/* Whether the budget has ended. */
static bool
is_over(const AdTune *t)
{
	return elapsed(t) >= t->budget;
}

/* The metric that an argument names; one that is the better the higher. */
static AdCompareMetric
metric_argument(FunctionCallInfo fcinfo)
{
	char	   *name = ad_text_argument(PG_GETARG_DATUM(ARG_METRIC), "metric",
										AD_MAX_WORD_LENGTH);
	const char *known[AD_COMPARE_METRICS];
	int			n = 0;
	const char *nearest;

	for (int i = 0; i < AD_COMPARE_METRICS; i++)
	{
		/* lower is better, or it is none of one spec */
		if (i == AD_COMPARE_FALSE_POSITIVE_RATE || i == AD_COMPARE_AGREEMENT)
			continue;
		if (strcmp(name, ad_compare_metrics[i]) == 0)
			return i;
		known[n++] = ad_compare_metrics[i];
	}
	name = ad_quote_clip(name);
	nearest = ad_nearest(name, known, n);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown metric \"%s\"", name),
			 nearest ? errhint("Did you mean \"%s\"?", nearest) :
			 errhint("The metrics are %s.", ad_quoted_list(known, n))));
	return AD_COMPARE_METRICS;	/* keep the compiler quiet */
}

/* The arguments, checked as far as they can be without the rows. */
static void
read_arguments(FunctionCallInfo fcinfo, AdTune *t, AdCompareQuery *query)
{
	static const char *const names[] = {
		"query", "label", NULL, "folds", "metric", NULL, NULL, "repeats", "seed",
		"memory_mb"
	};
	Interval   *budget = PG_ARGISNULL(ARG_BUDGET) ? NULL :
		PG_GETARG_INTERVAL_P(ARG_BUDGET);

	for (int i = 0; i < (int) lengthof(names); i++)
		if (names[i] && PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("%s cannot be NULL", names[i]),
					 i == ARG_LABEL ?
					 errhint("Without labels, ad_benchmark() compares costs and rankings.") : 0));
	query->query = ad_text_argument(PG_GETARG_DATUM(ARG_QUERY), "query",
									AD_MAX_QUERY_LENGTH);
	query->label = ad_compare_column(fcinfo, ARG_LABEL, "label");
	query->key = ad_compare_column(fcinfo, ARG_KEY, "key");
	query->memory_mb = ad_compare_count(fcinfo, ARG_MEMORY_MB, "memory_mb",
										1, 1024 * 1024);
	t->design.folds = ad_compare_count(fcinfo, ARG_FOLDS, "folds", 2,
									   AD_MAX_FOLDS);
	t->design.repeats = ad_compare_count(fcinfo, ARG_REPEATS, "repeats", 1,
										 AD_MAX_REPEATS);
	t->design.holdout = NAN;
	t->design.seed = (uint64) PG_GETARG_INT64(ARG_SEED);
	t->metric = metric_argument(fcinfo);
	t->budget = budget ? ad_budget_seconds(budget) : INFINITY;
	t->specs = ad_compare_specs(fcinfo, ARG_SPECS, &t->nspecs);
}

/* Raise an error unless the labels can tell specs apart; fewer folds if few. */
static void
check_labels(AdTune *t, const AdCompareQuery *query)
{
	static const char *const classes[] = {"normal rows", "anomalies"};
	const AdCompareRows *r = t->rows;

	for (int class = 0; class < 2; class++)
	{
		if (r->count[class] < 2)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("number of %s is %zu, but at least 2 are needed",
							classes[class], r->count[class]),
					 errdetail("They are identified by the column \"%s\".",
							   ad_quote_clip(query->label))));
		if (r->count[class] < (Size) t->design.folds)
		{
			ereport(NOTICE,
					(errmsg("number of %s is %zu, fewer than %d folds", classes[class],
							r->count[class], t->design.folds),
					 errdetail("There are %zu folds.", r->count[class])));
			t->design.folds = (int) r->count[class];
		}
	}
	if ((double) t->design.folds * t->design.repeats * t->nspecs > MAX_TRIALS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%d specs times %d folds times %d repeats are more than %d fits",
						t->nspecs, t->design.folds, t->design.repeats, MAX_TRIALS)));
}

/* Say how far the budget allowed specs to be compared, if not all were. */
static void
tell_in_time(const AdTune *t, const Interval *budget)
{
	const AdTuned *best = &t->tuned[t->order[0]];
	int			finished = 0;
	int			n = 0;
	char	   *text;

	for (int s = 0; s < t->nspecs; s++)
	{
		finished += t->tuned[s].status == AD_TUNE_FINISHED;
		n += t->tuned[s].status != AD_TUNE_FAILED;
	}
	if (finished == n)
		return;
	text = DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(budget)));

	if (isnan(best->mean))
		ereport(NOTICE,
				(errmsg("budget of %s ended before a spec was tried", text)));
	else
		ereport(NOTICE,
				(errmsg("budget of %s allowed %d of %d specs to be compared in all folds of all rows",
						text, finished, n),
				 errdetail("The best ones were compared on %zu of %zu rows, in %d of %d folds.",
						   t->rungs[best->rung].rows, t->rows->n, best->counted,
						   t->ntrials)));
}

/* Return the row of a spec. */
static void
put_spec(const AdTune *t, int rank, Tuplestorestate *store, TupleDesc desc)
{
	int			spec = t->order[rank];
	const AdTuned *s = &t->tuned[spec];
	Datum		values[TUNE_COLUMNS] = {0};
	bool		nulls[TUNE_COLUMNS] = {false};
	bool		is_best = rank == 0 && !isnan(s->mean);

	values[TUNE_RANK] = Int32GetDatum(rank + 1);
	values[TUNE_SPEC] = JsonbPGetDatum(t->specs[spec].json);
	values[TUNE_CHOSEN] = BoolGetDatum(spec == t->chosen);
	values[TUNE_MEAN] = ad_float_or_null(s->mean, &nulls[TUNE_MEAN]);
	values[TUNE_DEVIATION] = ad_float_or_null(s->deviation, &nulls[TUNE_DEVIATION]);
	values[TUNE_DIFFERENCE] = ad_float_or_null(is_best ? 0 : 0 - s->against.mean,
											   &nulls[TUNE_DIFFERENCE]);
	values[TUNE_P_VALUE] = ad_float_or_null(s->against.p_value, &nulls[TUNE_P_VALUE]);
	nulls[TUNE_ROWS] = s->rung < 0;
	values[TUNE_ROWS] = Int64GetDatum(s->rung < 0 ? 0 : (int64) t->rungs[s->rung].rows);
	values[TUNE_FOLDS] = Int32GetDatum(s->folds);
	nulls[TUNE_MODEL_BYTES] = isnan(s->model_bytes);
	values[TUNE_MODEL_BYTES] = Int64GetDatum(isnan(s->model_bytes) ? 0 :
											 (int64) rint(s->model_bytes));
	values[TUNE_SECONDS] = ad_float_or_null(s->seconds, &nulls[TUNE_SECONDS]);
	values[TUNE_STATUS] = CStringGetTextDatum(status_names[s->status]);
	nulls[TUNE_ERROR] = s->error == NULL;
	if (s->error)
		values[TUNE_ERROR] = CStringGetTextDatum(s->error);
	tuplestore_putvalues(store, desc, values, nulls);
}

/* ad_tune(query, label, specs, …) -> a row a spec, best first. */
static Datum
run_tune(FunctionCallInfo fcinfo)
{
	AdTune		t = {0};
	AdCompareQuery query = {0};
	instr_time	started;
	TupleDesc	desc;
	Tuplestorestate *store;

	INSTR_TIME_SET_CURRENT(started);
	t.clock = &started;
	t.elapsed = elapsed;
	t.is_over = is_over;
	read_arguments(fcinfo, &t, &query);
	store = ad_result_begin(fcinfo, TUNE_COLUMNS, &desc);
	t.progress = ad_progress_begin_in(CurrentMemoryContext, "tune",
									  psprintf("%d specs", t.nspecs), NAN);
	query.progress = t.progress;
	ad_progress_phase(t.progress, "reading rows");
	t.rows = ad_compare_read(&query);
	check_labels(&t, &query);
	ad_tune_run(&t);
	if (!isinf(t.budget))
		tell_in_time(&t, PG_GETARG_INTERVAL_P(ARG_BUDGET));
	for (int i = 0; i < t.nspecs; i++)
		put_spec(&t, i, store, desc);
	MemoryContextDelete(t.rows->mcxt);
	ad_progress_end(t.progress);
	return (Datum) 0;
}

/* The same; what fails repeats little of the query. */
Datum
ad_tune(PG_FUNCTION_ARGS)
{
	return ad_call_clipped(run_tune, fcinfo);
}
