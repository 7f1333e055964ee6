/*-------------------------------------------------------------------------
 *
 * sql_benchmark.c
 *		ad_benchmark: specs compared by cross-validation on a query's rows.
 *
 * The rows are read once (sql_compare_rows.c).  A repeat splits them and
 * sketches each once (split.c); each fold is then scored once by each spec's fit
 * to the others (trial.c).  So the work is linear in rows, specs and repeats,
 * and one model is in memory at a time.
 *
 *-------------------------------------------------------------------------
 */
#include "compare/ad_compare_sql.h"
#include "operate/ad_progress.h"
#include "rows/ad_spec_value.h"
#include "sql/ad_result.h"
#include "sql/ad_text.h"

#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/json.h"

#define MAX_TRIALS			1000000
#define CONFIDENCE			0.95	/* of the intervals */

PG_FUNCTION_INFO_V1(ad_benchmark);

/* The arguments of ad_benchmark(). */
enum
{
	ARG_QUERY,
	ARG_SPECS,
	ARG_LABEL,
	ARG_KEY,
	ARG_FOLD,
	ARG_FOLDS,
	ARG_REPEATS,
	ARG_HOLDOUT,
	ARG_SEED,
	ARG_MEMORY_MB
};

/* Its columns. */
enum
{
	BENCHMARK_N,
	BENCHMARK_SPEC,
	BENCHMARK_ROWS,
	BENCHMARK_LABELLED,
	BENCHMARK_ANOMALIES,
	BENCHMARK_FOLDS,
	BENCHMARK_METRICS,			/* of each: mean, deviation, interval */
	BENCHMARK_FIT = BENCHMARK_METRICS + 3 * AD_COMPARE_METRICS,
	BENCHMARK_SCORE,
	BENCHMARK_MODEL_BYTES,
	BENCHMARK_MEMORY,
	BENCHMARK_SPLIT,
	BENCHMARK_RESULTS,
	BENCHMARK_ERROR,
	BENCHMARK_COLUMNS
};

typedef struct Run
{
	AdCompareQuery query;
	AdCompareDesign design;
	AdCompareSpec *specs;
	int			nspecs;
	AdCompareRows *rows;
	int			nfolds;			/* of a repeat */
	int			ntrials;		/* of a spec */
	AdCompareTrial *trials;		/* nspecs x ntrials */
	uint64		fingerprint;	/* of all splits */
	uint64		fits;			/* made by then */
} Run;

/* The arguments, checked as far as they can be without the rows. */
static void
read_arguments(FunctionCallInfo fcinfo, Run *run)
{
	if (PG_ARGISNULL(ARG_QUERY))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("query cannot be NULL")));
	run->query.query = ad_text_argument(PG_GETARG_DATUM(ARG_QUERY), "query",
										AD_MAX_QUERY_LENGTH);
	run->query.label = ad_compare_column(fcinfo, ARG_LABEL, "label");
	run->query.key = ad_compare_column(fcinfo, ARG_KEY, "key");
	run->query.fold = ad_compare_column(fcinfo, ARG_FOLD, "fold");
	run->design.folds = ad_compare_count(fcinfo, ARG_FOLDS, "folds", 2, AD_MAX_FOLDS);
	run->design.repeats = ad_compare_count(fcinfo, ARG_REPEATS, "repeats", 1,
										   AD_MAX_REPEATS);
	run->design.holdout = PG_ARGISNULL(ARG_HOLDOUT) ? NAN : PG_GETARG_FLOAT8(ARG_HOLDOUT);
	if (!PG_ARGISNULL(ARG_HOLDOUT) &&
		!(run->design.holdout > 0 && run->design.holdout < 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("holdout is out of range: %s",
						float8out_internal(run->design.holdout)),
				 errdetail("Allowed values are greater than 0 and less than 1.")));
	if (run->query.fold && (run->design.repeats > 1 || !PG_ARGISNULL(ARG_HOLDOUT)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("folds that a column gives cannot be drawn as well"),
				 errhint("Leave out repeats and holdout, or fold.")));
	if (PG_ARGISNULL(ARG_SEED))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("seed cannot be NULL")));
	run->design.seed = (uint64) PG_GETARG_INT64(ARG_SEED);
	run->query.memory_mb = ad_compare_count(fcinfo, ARG_MEMORY_MB, "memory_mb", 1,
											1024 * 1024);
	run->specs = ad_compare_specs(fcinfo, ARG_SPECS, &run->nspecs);
}

/* Raise an error unless the rows can be split as asked; say what that lacks. */
static void
check_rows(Run *run)
{
	const AdCompareRows *r = run->rows;
	static const char *const classes[] = {"normal rows", "anomalies"};
	Size		bytes;

	run->nfolds = r->fold ? r->nfolds : isnan(run->design.holdout) ?
		run->design.folds : 1;
	if (r->fold && r->nfolds == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("fold column \"%s\" is NULL in all rows", run->query.fold)));
	if ((Size) run->nfolds > r->n)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("number of rows is %zu, fewer than %d folds", r->n,
						run->nfolds)));
	if ((double) run->nfolds * run->design.repeats * run->nspecs > MAX_TRIALS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%d specs times %d folds times %d repeats are more than %d fits",
						run->nspecs, run->nfolds, run->design.repeats, MAX_TRIALS)));
	run->ntrials = run->nfolds * run->design.repeats;
	bytes = ad_mul_size(ad_mul_size(run->nspecs, run->ntrials), sizeof(AdCompareTrial));
	ad_compare_check_memory(r, bytes);
	run->trials = MemoryContextAllocExtended(r->mcxt, bytes,
											 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int class = 0; run->query.label && class < 2; class++)
		if (r->count[class] < (Size) run->nfolds && r->count[1] > 0)
			ereport(NOTICE,
					(errmsg("number of %s is %zu, fewer than %d folds", classes[class],
							r->count[class], run->nfolds),
					 errdetail("Folds without any have no ROC AUC, average precision and precision at n.")));
	if (run->query.label && r->count[1] == 0)
		ereport(NOTICE,
				(errmsg("no row is labeled as an anomaly"),
				 errdetail("Results that need one are NULL.")));
}

/* Try all specs on a fold. */
static void
try_fold(Run *run, AdCompareSplit *split, int repeat, int fold)
{
	MemoryContext mcxt = AllocSetContextCreate(run->rows->mcxt, "anomaly scores",
											   ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(mcxt);
	int			t = repeat * run->nfolds + fold;
	double	  **scores = ad_palloc0_array(double *, run->nspecs);
	double	   *agreement = ad_palloc_array(double, run->nspecs);
	Size		n;

	ad_compare_fold(split, fold);
	n = ad_compare_fold_rows(split);
	if (n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("holdout of %g holds out none of %zu rows",
						run->design.holdout, run->rows->n)));
	ad_compare_check_memory(run->rows,
							ad_mul_size(ad_mul_size(n, run->nspecs), sizeof(double)));
	for (int s = 0; s < run->nspecs; s++)
	{
		AdCompareTrial *trial = &run->trials[s * run->ntrials + t];
		char		phase[64];

		snprintf(phase, sizeof(phase), "fold %d of %d, spec %d of %d", t + 1,
				 run->ntrials, s + 1, run->nspecs);
		ad_progress_phase(run->query.progress, phase);
		scores[s] = ad_palloc_array(double, n);
		ad_compare_trial(split, &run->specs[s], scores[s], trial);
		if (trial->error)
		{
			trial->error = MemoryContextStrdup(old, trial->error);
			scores[s] = NULL;
		}
		else
			ad_progress_fits(run->query.progress, ++run->fits);
		run->rows->scored += n;
		ad_progress_rows(run->query.progress, run->rows->scored);
	}
	ad_compare_agreement(scores, run->nspecs, n, agreement);
	for (int s = 0; s < run->nspecs; s++)
		run->trials[s * run->ntrials + t].metrics[AD_COMPARE_AGREEMENT] = agreement[s];
	MemoryContextSwitchTo(old);
	MemoryContextDelete(mcxt);
}

/* Append a member of a JSON object, null if it is NaN. */
static void
append_number(StringInfo buf, const char *name, double v)
{
	char		digits[DOUBLE_SHORTEST_DECIMAL_LEN];

	if (isnan(v) || isinf(v))
		strcpy(digits, "null");
	else
		double_to_shortest_decimal_buf(v, digits);
	appendStringInfo(buf, ", \"%s\": %s", name, digits);
}

/* The trials of a spec as JSON. */
static Jsonb *
results_of(const Run *run, const AdCompareTrial *trials)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int t = 0; t < run->ntrials; t++)
	{
		const AdCompareTrial *trial = &trials[t];
		int			fold = t % run->nfolds;

		CHECK_FOR_INTERRUPTS();
		appendStringInfo(&buf, "%s{\"repeat\": %d, \"fold\": " INT64_FORMAT,
						 t == 0 ? "[" : ", ", t / run->nfolds + 1,
						 run->rows->fold ? run->rows->fold_values[fold] : (int64) fold + 1);
		append_number(&buf, "rows", (double) trial->rows);
		append_number(&buf, "anomalies", (double) trial->anomalies);
		append_number(&buf, "fit_rows", (double) trial->fit_rows);
		if (trial->error)
		{
			appendStringInfoString(&buf, ", \"error\": ");
			escape_json(&buf, trial->error);
		}
		else
		{
			for (int i = 0; i < AD_COMPARE_METRICS; i++)
				append_number(&buf, ad_compare_metrics[i], trial->metrics[i]);
			append_number(&buf, "fit_seconds", trial->fit_seconds);
			append_number(&buf, "score_seconds", trial->score_seconds);
			append_number(&buf, "model_bytes", (double) trial->model_bytes);
			append_number(&buf, "peak_memory", (double) trial->memory);
		}
		appendStringInfoChar(&buf, '}');
	}
	appendStringInfoChar(&buf, ']');
	return ad_jsonb_from_text(buf.data);
}

/* Set the three columns of each metric. */
static void
set_metrics(const Run *run, const AdCompareTrial *trials, double ratio,
			Datum *values, bool *nulls)
{
	double	   *figures = ad_palloc_array(double, run->ntrials);

	for (int i = 0; i < AD_COMPARE_METRICS; i++)
	{
		int			at = BENCHMARK_METRICS + 3 * i;
		AdResampled r;
		Datum		ends[2];

		for (int t = 0; t < run->ntrials; t++)
			figures[t] = trials[t].metrics[i];
		ad_resampled(figures, run->ntrials, ratio, CONFIDENCE, &r);
		values[at] = ad_float_or_null(r.mean, &nulls[at]);
		values[at + 1] = ad_float_or_null(r.deviation, &nulls[at + 1]);
		nulls[at + 2] = isnan(r.low);
		if (nulls[at + 2])
			continue;
		/* no figure is beyond 1, and none but a correlation below 0 */
		ends[0] = Float8GetDatum(Max(r.low, i == AD_COMPARE_AGREEMENT ? -1 : 0));
		ends[1] = Float8GetDatum(Min(r.high, 1));
		values[at + 2] = PointerGetDatum(construct_array(ends, 2, FLOAT8OID, sizeof(float8),
														 FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	}
}

/* What the trials of a spec cost, and how many there were. */
typedef struct Costs
{
	int			n;				/* trials without an error */
	double		ratio;			/* rows scored to rows fitted, on average */
	double		fit_rows;
	double		fit_seconds;
	double		rows;
	double		score_seconds;
	double		model_bytes;	/* the mean */
	Size		memory;			/* the most */
	const AdCompareTrial *failed;	/* the first one, or NULL */
} Costs;

/* Sum up the trials of a spec. */
static void
sum_up(const Run *run, const AdCompareTrial *trials, Costs *c)
{
	memset(c, 0, sizeof(*c));
	for (int t = 0; t < run->ntrials; t++)
	{
		const AdCompareTrial *trial = &trials[t];

		if (trial->error)
		{
			if (c->failed == NULL)
				c->failed = trial;
			continue;
		}
		c->n++;
		c->ratio += (double) trial->rows / (double) trial->fit_rows;
		c->fit_rows += (double) trial->fit_rows;
		c->fit_seconds += trial->fit_seconds;
		c->rows += (double) trial->rows;
		c->score_seconds += trial->score_seconds;
		c->model_bytes += (double) trial->model_bytes;
		c->memory = Max(c->memory, trial->memory);
	}
	if (c->n > 0)
	{
		c->ratio /= c->n;
		c->model_bytes /= c->n;
	}
}

/* Set a column to a rate a second, NULL if there is none. */
static void
set_rate(double rows, double seconds, Datum *value, bool *isnull)
{
	*value = ad_float_or_null(seconds > 0 ? rows / seconds : NAN, isnull);
}

/* Return the row of a spec. */
static void
put_spec(const Run *run, int s, Tuplestorestate *store, TupleDesc desc)
{
	const AdCompareRows *r = run->rows;
	const AdCompareTrial *trials = &run->trials[s * run->ntrials];
	Datum		values[BENCHMARK_COLUMNS] = {0};
	bool		nulls[BENCHMARK_COLUMNS] = {false};
	Costs		costs;

	sum_up(run, trials, &costs);
	values[BENCHMARK_N] = Int32GetDatum(s + 1);
	values[BENCHMARK_SPEC] = JsonbPGetDatum(run->specs[s].json);
	values[BENCHMARK_ROWS] = Int64GetDatum((int64) r->n);
	values[BENCHMARK_LABELLED] = Int64GetDatum((int64) (r->count[0] + r->count[1]));
	values[BENCHMARK_ANOMALIES] = Int64GetDatum((int64) r->count[1]);
	values[BENCHMARK_FOLDS] = Int32GetDatum(costs.n);
	set_metrics(run, trials, costs.ratio, values, nulls);
	set_rate(costs.fit_rows, costs.fit_seconds, &values[BENCHMARK_FIT],
			 &nulls[BENCHMARK_FIT]);
	set_rate(costs.rows, costs.score_seconds, &values[BENCHMARK_SCORE],
			 &nulls[BENCHMARK_SCORE]);
	nulls[BENCHMARK_MODEL_BYTES] = nulls[BENCHMARK_MEMORY] = costs.n == 0;
	values[BENCHMARK_MODEL_BYTES] = Int64GetDatum((int64) rint(costs.model_bytes));
	values[BENCHMARK_MEMORY] = Int64GetDatum((int64) costs.memory);
	values[BENCHMARK_SPLIT] = CStringGetTextDatum(psprintf("%016llx",
														   (unsigned long long) run->fingerprint));
	values[BENCHMARK_RESULTS] = JsonbPGetDatum(results_of(run, trials));
	nulls[BENCHMARK_ERROR] = costs.failed == NULL;
	if (costs.failed)
		values[BENCHMARK_ERROR] =
			CStringGetTextDatum(psprintf("%d of %d fits failed, the first: %s",
										 run->ntrials - costs.n, run->ntrials,
										 costs.failed->error));
	tuplestore_putvalues(store, desc, values, nulls);
}

/* ad_benchmark(query, specs, …) -> a row a spec. */
static Datum
run_benchmark(FunctionCallInfo fcinfo)
{
	Run			run = {0};
	TupleDesc	desc;
	Tuplestorestate *store;
	MemoryContext scratch;
	MemoryContext old;

	read_arguments(fcinfo, &run);
	store = ad_result_begin(fcinfo, BENCHMARK_COLUMNS, &desc);
	run.query.progress = ad_progress_begin_in(CurrentMemoryContext, "benchmark",
											  psprintf("%d specs", run.nspecs), NAN);
	ad_progress_phase(run.query.progress, "reading rows");
	run.rows = ad_compare_read(&run.query);
	check_rows(&run);
	run.rows->progress = run.query.progress;
	ad_progress_rows(run.query.progress, 0);
	ad_progress_expect(run.query.progress, (double) run.rows->n * run.nspecs *
					   run.design.repeats * (isnan(run.design.holdout) ? 1 : run.design.holdout));
	for (int repeat = 0; repeat < run.design.repeats; repeat++)
	{
		AdCompareSplit *split;

		ad_progress_phase(run.query.progress, "sketching rows");
		split = ad_compare_split(run.rows, &run.design, repeat, run.specs, run.nspecs);
		run.fingerprint = ad_mix64(run.fingerprint ^ split->fingerprint);
		for (int fold = 0; fold < run.nfolds; fold++)
			try_fold(&run, split, repeat, fold);
		ad_compare_free(split);
	}
	ad_progress_phase(run.query.progress, "summing up");
	scratch = AllocSetContextCreate(CurrentMemoryContext, "anomaly spec",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(scratch);
	for (int s = 0; s < run.nspecs; s++)
	{
		put_spec(&run, s, store, desc);
		MemoryContextReset(scratch);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	MemoryContextDelete(run.rows->mcxt);
	ad_progress_end(run.query.progress);
	return (Datum) 0;
}

/* The same; what fails repeats little of the query. */
Datum
ad_benchmark(PG_FUNCTION_ARGS)
{
	return ad_call_clipped(run_benchmark, fcinfo);
}
