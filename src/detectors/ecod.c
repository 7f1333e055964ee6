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
	double		sum = 0;

	if (e->variant == AD_ECDF_PAPER)
		return ad_ecdf_paper(e, x);
	for (int c = 0; c < e->cols; c++)
	{
		const AdEcdfColumn *column = &e->columns[c];
		double		left,
					right;

		ad_ecdf_tails(column, x[c], &left, &right);
		/* the greater tail is always the greatest, unless both are added */
		sum += Max(Max(left, right),
				   left * column->use_left + right * column->use_right);
	}
	return sum;
}

const AdDetector ad_detector_ecod = {
	.id = 4,
	.name = "ecod",
	.options = ad_ecdf_options,
	.noptions = AD_ECDF_NOPTIONS,
	.options_size = sizeof(AdEcdfOptions),
	.contains_rows = false,
	.scale = ad_ecdf_scale,
	.fit = ad_ecdf_fit,
	.load = ad_ecdf_load,
	.score = ecod_score,
	.describe = ad_ecdf_describe,
};
