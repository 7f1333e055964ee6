/*-------------------------------------------------------------------------
 *
 * trial.c
 *		One spec on one fold: fitted to the others, scored on it, measured.
 *
 * The model is bytes for a moment, as it would be if it were stored, then
 * loaded, and gone when the fold's rows are scored: it is in no tuple.
 *
 *-------------------------------------------------------------------------
 */
#include "compare/ad_compare.h"
#include "evaluate/ad_ranking.h"
#include "model/ad_model.h"
#include "operate/ad_progress.h"

const char *const ad_compare_metrics[AD_COMPARE_METRICS] = {
	"roc_auc", "average_precision", "precision_at_n", "f1",
	"balanced_accuracy", "false_positive_rate", "agreement"
};

/* What a trial works on and gives. */
typedef struct Work
{
	const AdCompareSplit *split;
	const AdCompareSpec *spec;
	double	   *scores;
	AdCompareTrial *out;
} Work;

/* Fit a spec to what is not held out; the model's bytes. */
static bytea *
fit(const AdCompareSplit *s, const AdCompareSpec *spec)
{
	AdSampling	sampling = s->others->sampling;
	AdSketch   *sketch;
	bytea	   *model;
	char	   *fault;

	/* a fit shrinks its sketch, and sees no more than its own would have */
	sampling.rows = spec->parsed.sampling.rows;
	sampling.memory_mb = spec->parsed.sampling.memory_mb;
	sketch = ad_sketch_create(&sampling, s->rows->features, s->rows->nfeatures,
							  CurrentMemoryContext);
	ad_sketch_merge(sketch, s->others);
	model = ad_model_fit(sketch, &spec->parsed, &fault);
	if (model == NULL)
		elog(ERROR, "unexpected spec: %s", fault);
	return model;
}

/* The codes that a model has for those of the rows' categories, per feature. */
static double **
recode(const AdCompareRows *r, const AdModel *m)
{
	double	  **codes = ad_palloc0_array(double *, r->nfeatures);

	for (int c = 0; c < r->ncategories; c++)
	{
		int			j = r->categories[c];
		const AdDict *from = &r->dicts[j];
		const AdDict *to = &m->features[j].dict;

		codes[j] = ad_palloc_array(double, from->n);
		for (uint32 i = 0; i < from->n; i++)
		{
			int64		code = ad_dict_find(to, from->arena + from->entries[i].at,
											from->entries[i].len);

			AD_CHECK_EVERY_1024(i);
			codes[j][i] = code >= 0 ? (double) code : (double) to->n;
		}
	}
	return codes;
}

/* Score the rows that are held out. */
static void
score(const AdCompareSplit *s, AdModel *m, double *scores)
{
	const AdCompareRows *r = s->rows;
	double	  **codes = recode(r, m);
	double	   *raw = ad_palloc_array(double, r->nfeatures);
	const uint32 *row = s->order + s->start[s->fold];
	Size		n = ad_compare_fold_rows(s);

	for (Size i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		memcpy(raw, ad_compare_row(r, row[i]), r->nfeatures * sizeof(double));
		for (int c = 0; c < r->ncategories; c++)
		{
			double	   *v = &raw[r->categories[c]];

			if (!isnan(*v))
				*v = codes[r->categories[c]][(uint32) *v];
		}
		scores[i] = ad_model_score(m, raw);
		if (((i + 1) & (AD_PROGRESS_EVERY - 1)) == 0)
			ad_progress_rows(r->progress, r->scored + i + 1);
	}
}

/* Measure scores against the labels, where there are any. */
static void
measure(const AdCompareSplit *s, const AdModel *m, const double *scores,
		AdCompareTrial *out)
{
	const uint32 *row = s->order + s->start[s->fold];
	AdRanking  *ranking = ad_ranking_create(CurrentMemoryContext);
	double		count[2][2] = {{0, 0}, {0, 0}}; /* by label, then decision */
	AdConfusion confusion;

	for (Size i = 0; i < out->rows; i++)
	{
		int			label = s->rows->label[row[i]];

		AD_CHECK_EVERY_1024(i);
		if (label == AD_UNLABELLED)
			continue;
		ad_ranking_add(ranking, scores[i], label == 1);
		count[label][scores[i] > m->calibration.threshold]++;
	}
	ad_metric_confusion(count[1][1], count[0][1], count[0][0], count[1][0],
						&confusion);
	out->metrics[AD_COMPARE_F1] = confusion.f1;
	out->metrics[AD_COMPARE_BALANCED_ACCURACY] = confusion.balanced_accuracy;
	out->metrics[AD_COMPARE_FALSE_POSITIVE_RATE] =
		count[0][1] + count[0][0] > 0 ? count[0][1] / (count[0][1] + count[0][0]) : NAN;
	if (!ad_ranking_both_classes(ranking))
		return;
	out->metrics[AD_COMPARE_ROC_AUC] = ad_metric_roc_auc(ranking);
	out->metrics[AD_COMPARE_AVERAGE_PRECISION] = ad_metric_average_precision(ranking);
	out->metrics[AD_COMPARE_PRECISION_AT_N] =
		ad_metric_precision_at(ranking, (int64) out->anomalies);
}

/* Fit, score and measure. */
static void
try_spec(void *arg)
{
	Work	   *w = arg;
	const AdCompareSplit *s = w->split;
	AdCompareTrial *out = w->out;
	double		started = ad_compare_seconds();
	bytea	   *model;
	AdModel    *m;

	ad_fit_memory = 0;
	model = fit(s, w->spec);
	out->fit_seconds = ad_compare_seconds() - started +
		s->seconds * (double) out->fit_rows;
	out->model_bytes = VARSIZE(model) - VARHDRSZ;
	started = ad_compare_seconds();
	m = ad_model_read((const uint8 *) VARDATA(model), out->model_bytes);
	score(s, m, w->scores);
	out->score_seconds = ad_compare_seconds() - started;
	out->memory = Max(ad_fit_memory, MemoryContextMemAllocated(m->mcxt, true));
	measure(s, m, w->scores, out);
}

/*
 * Try a spec on the fold that is held out.  "scores" has room for its rows, in
 * the order that the split has them; they are as ad_score() would have them.
 * What the agreement is only other specs tell.
 */
void
ad_compare_trial(const AdCompareSplit *split, const AdCompareSpec *spec,
				 double *scores, AdCompareTrial *out)
{
	MemoryContext mcxt = AllocSetContextCreate(CurrentMemoryContext,
											   "anomaly trial",
											   ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(mcxt);
	Work		w = {.split = split,.spec = spec,.scores = scores,.out = out};
	Size		first = split->start[split->fold];

	memset(out, 0, sizeof(*out));
	for (int i = 0; i < AD_COMPARE_METRICS; i++)
		out->metrics[i] = NAN;
	out->rows = ad_compare_fold_rows(split);
	for (Size i = 0; i < out->rows; i++)
		out->anomalies += split->rows->label[split->order[first + i]] == 1;
	if (split->others == NULL)
		out->error = "there are no rows to fit to";
	else
	{
		out->fit_rows = (Size) split->others->rows;
		out->error = ad_compare_catch(try_spec, &w);
	}
	MemoryContextSwitchTo(old);
	if (out->error)
	{
		out->error = pstrdup(out->error);
		for (int i = 0; i < AD_COMPARE_METRICS; i++)
			out->metrics[i] = NAN;
	}
	MemoryContextDelete(mcxt);
}
