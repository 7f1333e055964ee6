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
 *	top					the mean of the k highest of these
 *	vote				the share of members whose threshold is exceeded; equal
 *						shares are ranked by the mean of these
 *	pvalue				the mean of -ln(p), which is Fisher's statistic (1932)
 *						over twice the number of members
 *
 * Members may have weights, which add up to 1.  Then the mean is theirs, votes
 * count by them, and of n members the top is the mean of the highest scores
 * whose weights add up to k/n, one of them in part; the max that of 1/n, the
 * median that of the middle 1/n.  Equal weights give what no weights do.
 *
 * It stands in this room and not with the detectors because it needs models.
 *
 * Payload: u32 how to combine, u32 members, then for each u64 length, model;
 * of top at last u32 k.  With the flag AD_MODEL_WEIGHTED a f64 per member
 * follows.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_elementary.h"
#include "model/ad_ensemble.h"

#include <float.h>

/* What the mean adds to a share, at most: a share is still to read as one. */
#define VOTE_TIES		5e-10

static const char *const combine_names[] = {
	"mean", "max", "median", "vote", "pvalue", "top", NULL
};

static const AdOption ensemble_options[] = {
	AD_ENUM(AdEnsembleOptions, combine, AD_COMBINE_MEAN, combine_names),
	AD_INT(AdEnsembleOptions, k, 2, 1, AD_MAX_MEMBERS),
};

/* Members scale for themselves. */
static AdScale
ensemble_scale(const void *options pg_attribute_unused())
{
	return AD_SCALE_NONE;
}

/* Raise an error for a k of another combination than the top of k scores. */
void
ad_ensemble_check(const AdEnsembleOptions *options)
{
	AdEnsembleOptions dflt;

	ad_options_defaults(ensemble_options, lengthof(ensemble_options), &dflt);
	if (options->combine != AD_COMBINE_TOP && options->k != dflt.k)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"k\" cannot be %d where \"combine\" is \"%s\"",
						options->k, combine_names[options->combine]),
				 errhint("It can be set with combine => 'top' only.")));
}

/* Say how a model that is to be an ensemble combines scores. */
void
ad_ensemble_settle(AdModel *m, const AdSpec *spec)
{
	const AdEnsembleOptions *options = spec->options;

	m->weights = spec->weights;
	m->combine = options->combine == AD_COMBINE_VOTE ? AD_COMBINE_VOTE_MEAN :
		options->combine;
	m->top = options->k;
}

/* Sort a few numbers, ascending. */
static void
sort_few(double *x, int n)
{
	for (int i = 1; i < n; i++)
		for (int k = i; k > 0 && x[k - 1] > x[k]; k--)
		{
			double		swap = x[k];

			x[k] = x[k - 1];
			x[k - 1] = swap;
		}
}

/* The mean of n > 0 numbers, which may be the greatest there are. */
static double
mean_of(const double *x, int n)
{
	double		sum = 0;

	for (int k = 0; k < n; k++)
		sum += x[k] / n;
	/* shares of the greatest number may add up to more than it */
	return Max(-DBL_MAX, Min(sum, DBL_MAX));
}

/*
 * Fill in which part of a weighted score each of n > 0 members' scores, in
 * standard deviations, is.
 */
void
ad_ensemble_shares(const AdModel *m, const double *scores, int n,
				   const double *weights, double *shares)
{
	int			order[AD_MAX_MEMBERS];
	double		low = 0;
	double		high = 1;
	double		from = 0;

	switch (m->combine)
	{
		case AD_COMBINE_TOP:
			low = 1 - (double) Min(m->top, n) / n;
			break;
		case AD_COMBINE_MAX:
			low = 1 - 1.0 / n;
			break;
		case AD_COMBINE_MEDIAN:
			low = 0.5 - 0.5 / n;
			high = 0.5 + 0.5 / n;
			break;
		case AD_COMBINE_MEAN:
		case AD_COMBINE_PVALUE:
		case AD_COMBINE_VOTE:
		case AD_COMBINE_VOTE_MEAN:
			memcpy(shares, weights, n * sizeof(double));
			return;
	}
	for (int k = 0; k < n; k++)
	{
		int			i = k;

		for (; i > 0 && scores[order[i - 1]] > scores[k]; i--)
			order[i] = order[i - 1];
		order[i] = k;
	}
	for (int i = 0; i < n; i++)
	{
		double		to = i == n - 1 ? 1 : Min(from + weights[order[i]], 1);

		shares[order[i]] = Max(0, Min(to, high) - Max(from, low)) / (high - low);
		from = to;
	}
}

/* As ad_ensemble_combine() of standardised scores and of weighted votes. */
static double
combine_weighted(const AdModel *m, const double *scores, double votes, int n)
{
	double		shares[AD_MAX_MEMBERS];
	double		sum = 0;

	ad_ensemble_shares(m, scores, n, m->weights, shares);
	for (int k = 0; k < n; k++)
		sum += scores[k] * shares[k];
	sum = Max(-DBL_MAX, Min(sum, DBL_MAX));
	if (m->combine == AD_COMBINE_VOTE || m->combine == AD_COMBINE_VOTE_MEAN)
		return Min(votes, 1) + VOTE_TIES * 0.5 * (1 + sum / (1 + fabs(sum)));
	return sum;
}

/*
 * One score of n > 0 members' scores, which are changed.  Always finite for
 * finite scores.
 */
double
ad_ensemble_combine(const AdModel *m, double *scores,
					const AdCalibration *const *calibrations, int n)
{
	double		votes = 0;
	double		mean;
	int			top;

	for (int k = 0; k < n; k++)
	{
		const AdCalibration *c = calibrations[k];

		if (scores[k] > c->threshold)
			votes += m->weights ? m->weights[k] : 1;
		if (m->combine == AD_COMBINE_PVALUE)
			scores[k] = -ad_log(ad_scores_pvalue(&c->held_out, scores[k]));
		else
			scores[k] = ad_scores_standard(&c->training, scores[k]);
	}
	if (m->weights)
		return combine_weighted(m, scores, votes, n);
	switch (m->combine)
	{
		case AD_COMBINE_MAX:
			sort_few(scores, n);
			return scores[n - 1];
		case AD_COMBINE_MEDIAN:
			sort_few(scores, n);
			return scores[(n - 1) / 2] * 0.5 + scores[n / 2] * 0.5;
		case AD_COMBINE_TOP:
			sort_few(scores, n);
			top = Min(m->top, n);
			return mean_of(scores + n - top, top);
		case AD_COMBINE_VOTE:
			return votes / n;
		case AD_COMBINE_VOTE_MEAN:
			mean = mean_of(scores, n);
			return votes / n +
				VOTE_TIES * 0.5 * (1 + mean / (1 + fabs(mean)));
		case AD_COMBINE_MEAN:
		case AD_COMBINE_PVALUE:
			break;
	}
	return mean_of(scores, n);
}

/* What combined scores may be off by, if those of n members are by theirs. */
double
ad_ensemble_rounding(const AdModel *m,
					 const AdCalibration *const *calibrations, int n)
{
	double		off = AD_SCORE_ROUNDING;

	if (m->combine == AD_COMBINE_VOTE || m->combine == AD_COMBINE_PVALUE ||
		m->combine == AD_COMBINE_VOTE_MEAN)
		return off;
	for (int k = 0; k < n; k++)
	{
		const AdScores *s = &calibrations[k]->training;

		if (s->sd > 0)
			off = Max(off, s->rounding / s->sd);
	}
	return off <= DBL_MAX ? off : 0;
}

/* Read and check the weights of members. */
static void
read_weights(AdReader *r, AdModel *m, int n)
{
	double	   *weights = ad_palloc_array(double, n);
	double		sum = 0;

	ad_rd_f64_array(r, weights, n);
	for (int k = 0; k < n; k++)
	{
		if (!(weights[k] >= 0 && weights[k] <= 1))
			ad_rd_corrupt(r, "a parameter is out of range");
		sum += weights[k];
	}
	if (!(fabs(sum - 1) <= 1e-6))
		ad_rd_corrupt(r, "a parameter is out of range");
	m->weights = weights;
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

	if (combine > AD_MAX_COMBINE || n == 0)
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
	if (m->combine == AD_COMBINE_TOP)
	{
		uint32		top = ad_rd_u32(r);

		if (top < 1 || top > AD_MAX_MEMBERS)
			ad_rd_corrupt(r, "a parameter is out of range");
		m->top = (int) top;
	}
	if (m->flags & AD_MODEL_WEIGHTED)
		read_weights(r, m, (int) n);
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
	return ad_ensemble_combine(m, scores, calibrations, m->nmembers);
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
