/*-------------------------------------------------------------------------
 *
 * ecod.c
 *		ECOD: tails of empirical distribution functions.
 *
 * Li, Zhao, Hu, Botta, Ionescu and Chen, "ECOD: Unsupervised Outlier
 * Detection Using Empirical Cumulative Distribution Functions", IEEE TKDE
 * 2022.  A row scores the improbability of its tails: by default the sum over
 * the columns of the greatest of left tail, right tail and the one that the
 * column's skewness chooses (of both together if it has none), as PyOD does;
 * as an option the greatest of the three sums, which is what the paper says.
 * Another option takes principal axes as columns, too.
 *
 * Distribution functions, payload and the paper's score are in ecdf.c.
 *
 *-------------------------------------------------------------------------
 */
#include "detectors/ad_detectors.h"
#include "detectors/ecdf.h"

/* The greatest of both tails and the skewed one. */
static inline double
term(const AdEcdfColumn *ec, const AdEcdfTails *t)
{
	double		skewed = t->left * ec->use_left + t->right * ec->use_right;
	double		greater = Max(t->left, t->right);

	/* the skewed one is greater only if it is both together */
	return Max(greater, skewed);
}

/* The mean of that. */
static double
term_mean(const AdEcdfColumn *ec, const AdEcdfMeans *m)
{
	return ec->use_left + ec->use_right == 2 ? m->left + m->right : m->greater;
}

/* The score of a row: 0 or more, finite. */
static double
ecod_score(void *scorer, const double *x)
{
	const AdEcdf *e = scorer;

	if (e->variant == AD_ECDF_PAPER)
		return ad_ecdf_paper(e, x);
	return ad_ecdf_sum(e, x, term);
}

/* Fill in what each column adds to the score, less its average in the fit. */
static double
ecod_explain(void *scorer, const double *x,
			 bool path pg_attribute_unused(), double *contribution)
{
	const AdEcdf *e = scorer;

	if (e->variant == AD_ECDF_PAPER)
		return ad_ecdf_explain_paper(e, x, contribution);
	return ad_ecdf_explain(e, x, term, term_mean, contribution);
}

const AdDetector ad_detector_ecod = {
	.id = AD_DET_ECOD,
	.name = "ecod",
	.time = 0.23,
	.options = ad_ecdf_options,
	.noptions = AD_ECDF_NOPTIONS,
	.options_size = sizeof(AdEcdfOptions),
	.rows = ad_detector_rank_rows,
	.contains_rows = false,
	.scale = ad_ecdf_scale,
	.fit = ad_ecdf_fit,
	.load = ad_ecdf_load,
	.score = ecod_score,
	.explain = ecod_explain,
	.describe = ad_ecdf_describe,
};
