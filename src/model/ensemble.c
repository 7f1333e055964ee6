/*-------------------------------------------------------------------------
 *
 * ensemble.c
 *		Several models that score a row as one.
 *
 * An ensemble is a model whose payload is the models of its members, all of
 * the same features, each with a preparation of its own.  What it combines
 * are not raw scores, whose scales have nothing in common, but what the
 * members' calibrations make of them (Aggarwal and Sathe 2017, chapter 5):
 *
 *	mean, max, median	of the scores in standard deviations from the mean of
 *						the training scores
 *	vote				the share of members whose threshold is exceeded
 *	pvalue				the mean of -ln(p), which is Fisher's statistic (1932)
 *						over twice the number of members
 *
 * It stands in this room and not with the detectors because it needs models.
 *
 * Payload: u32 how to combine, u32 members, then for each u64 length, model.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_elementary.h"
#include "model/ad_ensemble.h"

#include <float.h>

static const char *const combine_names[] = {
	"mean", "max", "median", "vote", "pvalue", NULL
};

static const AdOption ensemble_options[] = {
	AD_ENUM(AdEnsembleOptions, combine, AD_COMBINE_MEAN, combine_names),
};

/* Members scale for themselves. */
static AdScale
ensemble_scale(const void *options pg_attribute_unused())
{
	return AD_SCALE_NONE;
}

/*
 * One score of n > 0 members' scores, which are changed.  Always finite for
 * finite scores.
 */
double
ad_ensemble_combine(AdCombine combine, double *scores,
					const AdCalibration *const *calibrations, int n)
{
	double		sum = 0;

	for (int k = 0; k < n; k++)
	{
		const AdCalibration *c = calibrations[k];

		switch (combine)
		{
			case AD_COMBINE_VOTE:
				scores[k] = scores[k] > c->threshold;
				break;
			case AD_COMBINE_PVALUE:
				scores[k] = -ad_log(ad_scores_pvalue(&c->held_out, scores[k]));
				break;
			default:
				scores[k] = ad_scores_standard(&c->training, scores[k]);
				break;
		}
		sum += scores[k] / n;
	}
	if (combine == AD_COMBINE_MAX || combine == AD_COMBINE_MEDIAN)
	{
		/* n is small */
		for (int i = 1; i < n; i++)
			for (int k = i; k > 0 && scores[k - 1] > scores[k]; k--)
			{
				double		swap = scores[k];

				scores[k] = scores[k - 1];
				scores[k - 1] = swap;
			}
		if (combine == AD_COMBINE_MAX)
			return scores[n - 1];
		return scores[(n - 1) / 2] * 0.5 + scores[n / 2] * 0.5;
	}
	/* shares of the greatest number may add up to more than it */
	return Max(-DBL_MAX, Min(sum, DBL_MAX));
}

/*
 * Read and check the members of a model whose schema has been read.  Their
 * features must be those of the model, since they are given its rows.
 */
void
ad_ensemble_load(AdReader *r, AdModel *m)
{
	uint32		combine = ad_rd_u32(r);
	uint32		n = ad_rd_count(r, AD_MAX_MEMBERS, 8);

	if (combine > AD_COMBINE_PVALUE || n == 0)
		ad_rd_corrupt(r, "a parameter is out of range");
	m->combine = combine;
	m->members = ad_palloc0_array(AdModel *, n);
	for (uint32 k = 0; k < n; k++)
	{
		uint64		len = ad_rd_u64(r);
		AdModel    *member;

		if (len > r->len - r->pos)
			ad_rd_corrupt(r, "a member is longer than the model");
		member = ad_model_read_member(r, (Size) len);
		r->pos += (Size) len;
		if (member->nfeatures != m->nfeatures)
			ad_rd_corrupt(r, "a member does not fit the ensemble");
		for (int j = 0; j < m->nfeatures; j++)
			if (member->features[j].class != m->features[j].class ||
				member->features[j].dict.n != m->features[j].dict.n)
				ad_rd_corrupt(r, "a member does not fit the ensemble");
		if (!member->has_scores ||
			(m->combine == AD_COMBINE_PVALUE &&
			 member->calibration.method == AD_CALIBRATION_NONE))
			ad_rd_corrupt(r, "a member is not calibrated");
		m->members[k] = member;
	}
	ad_rd_end(r);
	m->nmembers = (int) n;
}

/* The score of one row of raw features under all members. */
double
ad_ensemble_score(AdModel *m, const double *raw)
{
	double		scores[AD_MAX_MEMBERS];
	const AdCalibration *calibrations[AD_MAX_MEMBERS];

	for (int k = 0; k < m->nmembers; k++)
	{
		scores[k] = ad_model_score(m->members[k], raw);
		calibrations[k] = &m->members[k]->calibration;
	}
	return ad_ensemble_combine(m->combine, scores, calibrations, m->nmembers);
}

const AdDetector ad_detector_ensemble = {
	.id = AD_DET_ENSEMBLE,
	.name = "ensemble",
	.options = ensemble_options,
	.noptions = lengthof(ensemble_options),
	.options_size = sizeof(AdEnsembleOptions),
	.rows = ad_detector_enough_rows,
	.scale = ensemble_scale,
};
