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

/* The score of a row: 0 or more, finite. */
static double
copod_score(void *scorer, const double *x)
{
	const AdEcdf *e = scorer;
	AdEcdfTails tails[AD_ECDF_BLOCK];
	double		sum = 0;

	if (e->variant == AD_ECDF_PAPER)
		return ad_ecdf_paper(e, x);
	for (int first = 0; first < e->cols; first += AD_ECDF_BLOCK)
	{
		const AdEcdfColumn *columns = e->columns + first;
		int			n = Min(e->cols - first, AD_ECDF_BLOCK);

		ad_ecdf_tails(columns, x + first, n, tails);
		for (int c = 0; c < n; c++)
		{
			double		skewed = tails[c].left * columns[c].use_left +
				tails[c].right * columns[c].use_right;
			double		mean = (tails[c].left + tails[c].right) / 2;

			sum += Max(skewed, mean);
		}
	}
	return sum;
}

/* What each column adds to the score, less what it adds on average. */
static double
copod_explain(void *scorer, const double *x,
			  bool path pg_attribute_unused(), double *contribution)
{
	const AdEcdf *e = scorer;
	double		baseline = 0;

	if (e->variant == AD_ECDF_PAPER)
		return ad_ecdf_explain_paper(e, x, contribution);
	for (int c = 0; c < e->cols; c++)
	{
		const AdEcdfColumn *ec = &e->columns[c];
		const AdEcdfMeans *m = &e->means[c];
		double		mean;
		AdEcdfTails t;
		double		skewed;

		ad_ecdf_tails(ec, x + c, 1, &t);
		skewed = t.left * ec->use_left + t.right * ec->use_right;
		if (ec->use_left + ec->use_right == 2)
			mean = m->left + m->right;
		else
		{
			/* the greater of one tail and the mean of both */
			double		other = ec->use_left == 1 ? m->right : m->left;

			mean = (m->left + m->right) / 2 + (m->greater - other) / 2;
		}
		contribution[c] = Max(skewed, (t.left + t.right) / 2) - mean;
		baseline += mean;
	}
	return baseline;
}

const AdDetector ad_detector_copod = {
	.id = 5,
	.name = "copod",
	.time = 0.4,
	.options = ad_ecdf_options,
	.noptions = AD_ECDF_NOPTIONS,
	.options_size = sizeof(AdEcdfOptions),
	.contains_rows = false,
	.scale = ad_ecdf_scale,
	.fit = ad_ecdf_fit,
	.load = ad_ecdf_load,
	.score = copod_score,
	.explain = copod_explain,
	.describe = ad_ecdf_describe,
};
