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
 *
 * Distribution functions, payload and the paper's score are in ecdf.c.
 *
 *-------------------------------------------------------------------------
 */
#include "detectors/ad_detectors.h"
#include "detectors/ecdf.h"

/* The score of a row: 0 or more, finite. */
static double
ecod_score(void *scorer, const double *x)
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
			double		greater = Max(tails[c].left, tails[c].right);

			/* the skewed one is greater only if it is both together */
			sum += Max(greater, skewed);
		}
	}
	return sum;
}

/* What each column adds to the score, less what it adds on average. */
static double
ecod_explain(void *scorer, const double *x,
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
		bool		both = ec->use_left + ec->use_right == 2;
		double		mean = both ? m->left + m->right : m->greater;
		AdEcdfTails t;

		ad_ecdf_tails(ec, x + c, 1, &t);
		contribution[c] = (both ? t.left + t.right : Max(t.left, t.right)) -
			mean;
		baseline += mean;
	}
	return baseline;
}

const AdDetector ad_detector_ecod = {
	.id = 4,
	.name = "ecod",
	.time = 0.4,
	.options = ad_ecdf_options,
	.noptions = AD_ECDF_NOPTIONS,
	.options_size = sizeof(AdEcdfOptions),
	.contains_rows = false,
	.scale = ad_ecdf_scale,
	.fit = ad_ecdf_fit,
	.load = ad_ecdf_load,
	.score = ecod_score,
	.explain = ecod_explain,
	.describe = ad_ecdf_describe,
};
