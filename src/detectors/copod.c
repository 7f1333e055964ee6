/*-------------------------------------------------------------------------
 *
 * copod.c
 *		COPOD: tails of empirical distribution functions.
 *
 * Li, Zhao, Botta, Ionescu and Hu, "COPOD: Copula-Based Outlier Detection",
 * ICDM 2020.  A row scores the improbability of its tails: by default the sum
 * over the columns of the greater of the tail that the column's skewness
 * chooses (both together if it has none) and the mean of both, as PyOD does;
 * as an option the greatest of the sums of left, right and chosen tails,
 * which is what the paper says.
 *
 * Distribution functions, payload and the paper's score are in ecdf.c.
 *
 *-------------------------------------------------------------------------
 */
#include "detectors/ad_detectors.h"
#include "detectors/ecdf.h"

/* The greater of the skewed tail and the mean of both. */
static inline double
term(const AdEcdfColumn *ec, const AdEcdfTails *t)
{
	double		skewed = t->left * ec->use_left + t->right * ec->use_right;
	double		mean = (t->left + t->right) / 2;

	return Max(skewed, mean);
}

/* The mean of the greater of one tail and the mean of both. */
static double
term_mean(const AdEcdfColumn *ec, const AdEcdfMeans *m)
{
	double		other = ec->use_left == 1 ? m->right : m->left;

	if (ec->use_left + ec->use_right == 2)
		return m->left + m->right;
	return (m->left + m->right) / 2 + (m->greater - other) / 2;
}

/* The score of a row: 0 or more, finite. */
static double
copod_score(void *scorer, const double *x)
{
	const AdEcdf *e = scorer;

	if (e->variant == AD_ECDF_PAPER)
		return ad_ecdf_paper(e, x);
	return ad_ecdf_sum(e, x, term);
}

/* Fill in what each column adds to the score, less its average in the fit. */
static double
copod_explain(void *scorer, const double *x,
			  bool path pg_attribute_unused(), double *contribution)
{
	const AdEcdf *e = scorer;

	if (e->variant == AD_ECDF_PAPER)
		return ad_ecdf_explain_paper(e, x, contribution);
	return ad_ecdf_explain(e, x, term, term_mean, contribution);
}

const AdDetector ad_detector_copod = {
	.id = AD_DET_COPOD,
	.name = "copod",
	.time = 0.22,
	.options = ad_ecdf_options,
	.noptions = AD_ECDF_NOPTIONS - 1,	/* none to rotate */
	.options_size = sizeof(AdEcdfOptions),
	.rows = ad_detector_rank_rows,
	.contains_rows = false,
	.scale = ad_ecdf_scale,
	.fit = ad_ecdf_fit,
	.load = ad_ecdf_load,
	.score = copod_score,
	.explain = copod_explain,
	.describe = ad_ecdf_describe,
};
