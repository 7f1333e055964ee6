/*-------------------------------------------------------------------------
 *
 * tune_rank.c
 *		What the rungs say: specs in order, and the one to use.
 *
 * A spec is ranked by the last rung that says something of all of its specs,
 * and of those by the mean.  It is compared with the best of all in the folds
 * of its own rung, which the best came through as well: the same rows.
 *
 * The spec to use is the cheapest of those that are as good as the best, less
 * noise: within one standard error of the difference, as Breiman et al. (1984)
 * choose the size of a tree.  The cheapest has the smallest model, by a tenth or
 * more, which unlike its seconds is the same in each run.
 *
 *-------------------------------------------------------------------------
 */
#include "compare/ad_tune.h"

#define CHEAPER		0.9			/* of a model's bytes: worth the change */

/* The folds of a rung that count for a spec. */
static int
counted(const AdTuneRung *rung, int spec)
{
	/* of the first fold, those that were tried are better than nothing */
	return Min(rung->trials[spec], Max(rung->folds, 1));
}

/* The last rung that a spec is to be ranked by; -1: none. */
static int
rung_of(const AdTune *t, int spec)
{
	for (int k = t->nrungs - 1; k >= 0; k--)
	{
		const AdTuneRung *rung = &t->rungs[k];

		if (rung->trials[spec] > 0 && (rung->folds > 0 || k == 0))
			return k;
	}
	return -1;
}

/* Mean and spread of a spec's figures. */
static void
sum_up(const AdTune *t, int spec)
{
	AdTuned    *s = &t->tuned[spec];
	const AdTuneRung *rung;
	AdResampled r;

	s->mean = s->deviation = s->model_bytes = s->seconds = NAN;
	s->against.p_value = s->against.mean = NAN;
	s->rung = rung_of(t, spec);
	if (s->rung < 0)
		return;
	rung = &t->rungs[s->rung];
	s->counted = counted(rung, spec);
	ad_resampled(rung->figures + spec * t->ntrials, s->counted, 0, 0.95, &r);
	s->folds = r.n;
	if (s->status == AD_TUNE_FAILED)
		return;
	s->mean = r.mean;
	s->deviation = r.deviation;
	s->model_bytes = rung->model_bytes[spec] / rung->trials[spec];
	s->seconds = (rung->fit_seconds[spec] + rung->score_seconds[spec]) /
		rung->trials[spec];
}

/* Say how far a spec came that was neither dropped nor failed. */
static void
settle_status(const AdTune *t, int spec)
{
	AdTuned    *s = &t->tuned[spec];

	if (s->status == AD_TUNE_FAILED || s->status == AD_TUNE_DROPPED)
		return;
	if (t->in_time)
		s->status = AD_TUNE_FINISHED;
	else
		s->status = s->rung < 0 ? AD_TUNE_NOT_TRIED : AD_TUNE_OUT_OF_TIME;
}

/* Order specs, best first. */
static int
compare_specs(const void *a, const void *b, void *arg)
{
	const AdTune *t = arg;
	int			i = *(const int *) a;
	int			j = *(const int *) b;
	const AdTuned *x = &t->tuned[i];
	const AdTuned *y = &t->tuned[j];

	if (isnan(x->mean) != isnan(y->mean))
		return isnan(x->mean) ? 1 : -1;
	if (!isnan(x->mean))
	{
		if (x->rung != y->rung)
			return x->rung > y->rung ? -1 : 1;
		if (x->counted != y->counted)
			return x->counted > y->counted ? -1 : 1;
		if (x->mean != y->mean)
			return x->mean > y->mean ? -1 : 1;
	}
	return i < j ? -1 : 1;
}

/* Compare a spec with the best, in the folds of its rung. */
static void
compare_with_best(const AdTune *t, int best, int spec)
{
	AdTuned    *s = &t->tuned[spec];
	const AdTuneRung *rung = &t->rungs[s->rung];
	int			n = s->counted;
	const double *a = rung->figures + best * t->ntrials;
	const double *b = rung->figures + spec * t->ntrials;
	double	   *d = ad_palloc_array(double, n);

	for (int i = 0; i < n; i++)
	{
		d[i] = a[i] - b[i];
		if (fabs(d[i]) < AD_METRIC_ROUNDING)
			d[i] = 0;
	}
	ad_resampled(d, n, 1.0 / (t->design.folds - 1), 0.95, &s->against);
	pfree(d);
}

/* Whether a spec is as good as the best, less noise. */
static bool
is_as_good(const AdTune *t, int best, int spec)
{
	const AdTuned *s = &t->tuned[spec];

	return spec == best ||
		(!isnan(s->mean) && s->rung == t->tuned[best].rung &&
		 s->counted == t->tuned[best].counted &&
		 s->against.n > 1 && s->against.mean <= s->against.error);
}

/* Rank the specs by what the rungs have, and choose one. */
void
ad_tune_rank(AdTune *t)
{
	int			best;

	t->order = ad_palloc_array(int, t->nspecs);
	for (int s = 0; s < t->nspecs; s++)
	{
		t->order[s] = s;
		sum_up(t, s);
		settle_status(t, s);
	}
	qsort_arg(t->order, t->nspecs, sizeof(int), compare_specs, t);
	best = t->order[0];
	t->chosen = -1;
	if (isnan(t->tuned[best].mean))
		return;
	/* what was tried alone, or in part of a fold, is no choice */
	if (t->rungs[t->tuned[best].rung].folds > 0)
		t->chosen = best;
	for (int i = 1; i < t->nspecs; i++)
	{
		int			s = t->order[i];

		if (t->tuned[s].rung < 0 || isnan(t->tuned[s].mean))
			continue;
		compare_with_best(t, best, s);
		if (t->chosen >= 0 && is_as_good(t, best, s) &&
			t->tuned[s].model_bytes < CHEAPER * t->tuned[t->chosen].model_bytes)
			t->chosen = s;
	}
}
