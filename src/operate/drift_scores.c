/*-------------------------------------------------------------------------
 *
 * drift_scores.c
 *		The scores that a model remembers, as new rows would have them.
 *
 * Rows that were held out of the fit are scored as new ones are, and so are
 * the fit's own, but of detectors whose models hold rows that they find
 * again: those say what such rows score when left out.
 *
 *-------------------------------------------------------------------------
 */
#include "math/ad_math.h"
#include "operate/ad_drift_compare.h"

#define MAX_SCORES		8192	/* put together anew */

/*
 * The scores that a detector gives to the rows of its fit, with those of
 * left-out rows in place of the lowest, which are 0.
 */
static void
replace_zeros(AdScores *s, const AdScores *training, double *left_out, Size n)
{
	Size		total = (Size) Min(training->n, MAX_SCORES);
	double	   *scores = ad_palloc_array(double, total);
	Size		zeros = 0;

	ad_sort_doubles(left_out, n);
	for (Size i = 0; i < total; i++)
	{
		double		above = total == 1 ? 0.5 :
			1 - (double) i / (double) (total - 1);

		scores[i] = ad_scores_threshold(training, above);
		zeros += (scores[i] <= 0);
	}
	for (Size i = 0; i < zeros; i++)
		scores[i] = left_out[(Size) (((double) i + 0.5) * (double) n /
									 (double) zeros)];
	ad_scores_build(s, scores, total, AD_TAIL_SCORES, training->rounding);
	pfree(scores);
}

/*
 * What scores of new rows are to be compared with, in the current context;
 * false if the model does not know it.
 */
bool
ad_drift_reference_scores(const AdModel *model, AdScores *s)
{
	const AdCalibration *c = &model->calibration;

	if (c->method != AD_CALIBRATION_NONE)
	{
		*s = c->held_out;
		return true;
	}
	/* which scores of members made one of the ensemble's is not known */
	for (int k = 0; k < model->nmembers; k++)
		if (model->members[k]->detector->left_out)
			return false;
	*s = c->training;
	if (model->nmembers == 0 && model->detector->left_out)
	{
		Size		n;
		double	   *left_out = model->detector->left_out(model->scorer, &n);

		if (n > 0)
			replace_zeros(s, &c->training, left_out, n);
		pfree(left_out);
	}
	return true;
}
