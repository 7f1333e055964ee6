/*-------------------------------------------------------------------------
 *
 * in_sample.c
 *		Scores of the rows of a fit, each with all others.
 *
 *-------------------------------------------------------------------------
 */
#include "math/ad_math.h"
#include "model/ad_beyond.h"
#include "model/ad_ensemble.h"
#include "model/ad_fit.h"

/* The in-sample scores of all rows of a prepared detector. */
static void
score_one(AdFit *fit, double *scores)
{
	const AdDetector *d = fit->spec->detector;
	Size		n = fit->view->n;
	bool		in_sample = d->in_sample && !ad_fit_draws(fit, n);
	AdMatrix	m;

	if (in_sample)
	{
		ad_fit_matrix(fit, NULL, n, &m);
		d->in_sample(&m, fit->spec->options, scores);
		if (m.x != fit->view->x)
			pfree((void *) m.x);
	}
	if (!in_sample || fit->view->infinite)
		ad_fit_rows(fit, NULL, n);
	for (Size i = 0; i < n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		/* infinite numbers are missing in the matrix */
		if (!in_sample || ad_view_infinite(fit->view, i, fit->raw))
			scores[i] = ad_fit_own_score(fit, i);
	}
	if (fit->spec->prepare.beyond_range)
		ad_beyond_in_sample(fit->model, fit->view, scores);
}

/*
 * Those of an ensemble.  Nothing is held out: what the members' scores are
 * compared with is all of them.
 */
static void
score_members(AdFit *fit, double *scores)
{
	Size		n = fit->view->n;
	double	  **own = ad_palloc_array(double *, fit->nmembers);
	AdCalibration *scale = ad_palloc0_array(AdCalibration, fit->nmembers);
	double	   *sorted = ad_palloc_array(double, n);

	fit->scales = ad_palloc_array(const AdCalibration *, fit->nmembers);
	for (int k = 0; k < fit->nmembers; k++)
	{
		own[k] = ad_palloc_array(double, n);
		score_one(&fit->members[k], own[k]);
		memcpy(sorted, own[k], n * sizeof(double));
		ad_scores_build(&scale[k].training, sorted, n, AD_TAIL_SCORES,
						ad_fit_rounding(&fit->members[k]));
		scale[k].held_out = scale[k].training;
		scale[k].threshold =
			ad_sorted_threshold(sorted, n, fit->spec->calibrate.contamination);
		fit->scales[k] = &scale[k];
	}
	for (Size i = 0; i < n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		for (int k = 0; k < fit->nmembers; k++)
			fit->scratch[k] = own[k][i];
		scores[i] = ad_ensemble_combine(fit->model, fit->scratch, fit->scales,
										fit->nmembers);
	}
	if (fit->spec->prepare.beyond_range)
		ad_beyond_in_sample(fit->model, fit->view, scores);
}

/* The in-sample scores of all rows of a prepared sample. */
void
ad_fit_in_sample(AdFit *fit, double *scores)
{
	if (fit->nmembers > 0)
		score_members(fit, scores);
	else
		score_one(fit, scores);
}
