/*-------------------------------------------------------------------------
 *
 * tune.c
 *		Specs tried in rungs: many on few rows, few on all (successive halving;
 *		Jamieson and Talwalkar 2016, "Non-stochastic best arm identification").
 *
 * A rung is a size of the rows.  All specs that are left are cross-validated
 * on it, then the better half goes on to the next.  Where what a rung cost says
 * that the budget allows it, though, all of them go to all rows at once:
 * nothing is dropped, and what comes out does not depend on the clock.  If that
 * was a mistake, the worse half is dropped from one fold to the next.
 *
 * A rung ends early when the budget does.  The folds in which all were tried
 * that were left count; if there is none, the rung before says what is known.
 *
 *-------------------------------------------------------------------------
 */
#include "compare/ad_tune.h"

#include "operate/ad_progress.h"

#define LEAST_ROWS		2048	/* of a rung but the last */
#define LEAST_GROWTH	2		/* from a rung to the next, in rows */
#define LEAST_SPECS		2		/* that go on */
#define SLACK			2		/* few rows let all of them seem to take
								 * longer than they do: most of a fit does not
								 * grow */

/* A spec among others, by its mean so far. */
typedef struct Placed
{
	double		mean;
	int			spec;
} Placed;

/* Begin a rung. */
static AdTuneRung *
begin_rung(AdTune *t, Size rows)
{
	AdTuneRung *rung = &t->rungs[t->nrungs++];
	Size		n = t->nspecs;

	rung->rows = rows;
	rung->folds = 0;
	rung->figures = ad_palloc_array(double, ad_mul_size(n, t->ntrials));
	for (Size i = 0; i < n * t->ntrials; i++)
		rung->figures[i] = NAN;
	rung->trials = ad_palloc0_array(int, n);
	rung->model_bytes = ad_palloc0_array(double, n);
	rung->fit_seconds = ad_palloc0_array(double, n);
	rung->score_seconds = ad_palloc0_array(double, n);
	return rung;
}

/* Try a spec on the fold that is held out. */
static void
try_spec(AdTune *t, AdTuneRung *rung, const AdCompareSplit *split, int spec,
		 int trial, double *scores)
{
	AdCompareTrial result;

	ad_compare_trial(split, &t->specs[spec], scores, &result);
	rung->trials[spec]++;
	if (result.error)
	{
		if (t->tuned[spec].error == NULL)
			t->tuned[spec].error = result.error;
		t->tuned[spec].status = AD_TUNE_FAILED;
		return;
	}
	ad_progress_fits(t->progress, ++t->fits);
	rung->figures[spec * t->ntrials + trial] = result.metrics[t->metric];
	rung->model_bytes[spec] += (double) result.model_bytes;
	rung->fit_seconds[spec] += result.fit_seconds;
	rung->score_seconds[spec] += result.score_seconds;
}

/*
 * Try the specs that are left on a fold; false if the budget ended before all
 * of them were.
 */
static bool
try_fold(AdTune *t, AdTuneRung *rung, AdCompareSplit *split, const bool *left,
		 int trial)
{
	double	   *scores;
	bool		whole = true;

	ad_compare_fold(split, trial % t->design.folds);
	scores = ad_palloc_array(double, Max(ad_compare_fold_rows(split), 1));
	for (int s = 0; s < t->nspecs && whole; s++)
	{
		char		phase[64];

		CHECK_FOR_INTERRUPTS();
		if (!left[s] || t->tuned[s].status == AD_TUNE_FAILED)
			continue;
		if (t->is_over(t))
		{
			whole = false;
			break;
		}
		snprintf(phase, sizeof(phase), "rung %d, fold %d, spec %d", t->nrungs,
				 trial + 1, s + 1);
		ad_progress_phase(t->progress, phase);
		try_spec(t, rung, split, s, trial, scores);
	}
	pfree(scores);
	return whole;
}

/* The better mean first; of equal ones the first spec. */
static int
compare_placed(const void *a, const void *b)
{
	const Placed *i = a;
	const Placed *j = b;

	if (isnan(i->mean) != isnan(j->mean))
		return isnan(i->mean) ? 1 : -1;
	if (!isnan(i->mean) && i->mean != j->mean)
		return i->mean > j->mean ? -1 : 1;
	return i->spec < j->spec ? -1 : 1;
}

/* Drop the worse half of the specs that are left; false: none is. */
static bool
halve(AdTune *t, const AdTuneRung *rung, bool *left)
{
	Placed	   *placed = ad_palloc_array(Placed, t->nspecs);
	int			n = 0;
	int			keep;

	for (int s = 0; s < t->nspecs; s++)
	{
		AdResampled r;

		if (!left[s] || t->tuned[s].status == AD_TUNE_FAILED)
			continue;
		ad_resampled(rung->figures + s * t->ntrials, rung->folds, 0, 0.95, &r);
		placed[n].mean = r.mean;
		placed[n++].spec = s;
	}
	qsort(placed, n, sizeof(Placed), compare_placed);
	keep = Max(LEAST_SPECS, (n + 1) / 2);
	for (int i = keep; i < n; i++)
	{
		left[placed[i].spec] = false;
		t->tuned[placed[i].spec].status = AD_TUNE_DROPPED;
	}
	pfree(placed);
	return keep < n;
}

/* Seconds of processor time that a spec takes for a fold of so many rows. */
static double
fold_cost(const AdTuneRung *rung, int spec, Size rows)
{
	/* of more rows a fit does not see more */
	double		more = (double) Min(rows, AD_ENOUGH_ROWS) /
		(double) Min(rung->rows, AD_ENOUGH_ROWS);

	return rung->trials[spec] == 0 ? 0 :
		(rung->fit_seconds[spec] * more +
		 rung->score_seconds[spec] * (double) rows / (double) rung->rows) /
		rung->trials[spec];
}

/*
 * Whether "slack" times the rest of the budget lets the specs that are left be
 * tried in so many folds of so many rows, by what those of a rung cost since
 * "before".
 */
static bool
is_affordable(const AdTune *t, const AdTuneRung *rung, const bool *left,
			  Size rows, int folds, double before, double slack)
{
	double		now = t->elapsed(t);
	double		spent = 0;
	double		wanted = 0;

	for (int s = 0; s < t->nspecs; s++)
	{
		spent += rung->fit_seconds[s] + rung->score_seconds[s];
		if (left[s] && t->tuned[s].status != AD_TUNE_FAILED)
			wanted += fold_cost(rung, s, rows) * folds;
	}
	/* on the clock all of it takes longer */
	if (spent > 0)
		wanted *= Max((now - before) / spent, 1);
	return wanted <= slack * (t->budget - now);
}

/*
 * Cross-validate the specs that are left on rows; false as try_fold().  From
 * fold to fold of all rows, as many as there is no time for are dropped.
 */
static bool
climb(AdTune *t, AdCompareRows *rows, bool *left)
{
	AdTuneRung *rung = begin_rung(t, rows->n);
	double		before = t->elapsed(t);
	bool		whole = true;

	for (int repeat = 0; repeat < t->design.repeats && whole; repeat++)
	{
		AdCompareSplit *split;

		whole = !t->is_over(t);
		if (!whole)
			break;
		ad_rung_deal(rows, &t->design, repeat);
		split = ad_compare_split(rows, &t->design, repeat, t->specs, t->nspecs);
		for (int fold = 0; fold < t->design.folds && whole; fold++)
		{
			while (rows == t->rows && rung->folds > 0 &&
				   !is_affordable(t, rung, left, rows->n,
								  t->ntrials - rung->folds, before, 1) &&
				   halve(t, rung, left))
				;
			whole = try_fold(t, rung, split, left,
							 repeat * t->design.folds + fold);
			if (whole)
				rung->folds++;
		}
		ad_compare_free(split);
	}
	return whole;
}

/*
 * How many times more rows each rung has than the last, so that at most
 * AD_MAX_RUNGS lead to all rows.
 */
static double
growth(Size rows)
{
	return Max(LEAST_GROWTH,
			   pow((double) rows / LEAST_ROWS, 1.0 / (AD_MAX_RUNGS / 2)));
}

/* Try all specs as far as the budget allows; then rank them. */
void
ad_tune_run(AdTune *t)
{
	Size		all = t->rows->n;
	double		factor = growth(all);
	bool	   *left = ad_palloc_array(bool, t->nspecs);
	Size		rows = LEAST_ROWS;
	bool		whole = true;

	t->ntrials = t->design.folds * t->design.repeats;
	t->tuned = ad_palloc0_array(AdTuned, t->nspecs);
	memset(left, true, t->nspecs * sizeof(bool));
	/* without a budget the small ones would tell nothing more */
	if (isinf(t->budget))
		rows = all;
	while (whole && (double) rows * LEAST_GROWTH < (double) all)
	{
		double		before = t->elapsed(t);
		AdCompareRows *some = ad_rung_rows(t->rows, (double) rows / (double) all,
										   &t->design);
		const AdTuneRung *rung;

		whole = climb(t, some, left);
		MemoryContextDelete(some->mcxt);
		rung = &t->rungs[t->nrungs - 1];
		if (!whole || is_affordable(t, rung, left, all, t->ntrials, before, SLACK))
			break;
		(void) halve(t, rung, left);
		rows = (Size) ((double) rows * factor);
	}
	if (whole)
		whole = climb(t, t->rows, left);
	t->in_time = whole;
	ad_tune_rank(t);
}
