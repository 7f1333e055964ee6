/*-------------------------------------------------------------------------
 *
 * mahalanobis.c
 *		Squared Mahalanobis distance, classical or robust.
 *
 * Classical: from the mean, with the covariance of all rows (divisor rows).
 * It is factorised with its columns scaled, so that different units cost no
 * precision.  Where it is singular its pseudo-inverse serves, as scikit-learn's
 * EmpiricalCovariance has it: directions in which no row differs count
 * nothing.  Robust: mcd.c.
 *
 * Of one row, or of rows that are all the same, nothing but the place is
 * known: the score is the squared Euclidean distance from it.
 *
 * Payload: u32 robust, u32 singular (2: all rows are the same), u64 rows of the subset, u64 rows of the
 * estimate, a map.
 *
 *-------------------------------------------------------------------------
 */
#include "detectors/ad_detectors.h"
#include "detectors/linear.h"
#include "math/ad_spread.h"

#include <float.h>

typedef struct MahalanobisOptions
{
	bool		robust;
} MahalanobisOptions;

typedef struct Mahalanobis
{
	bool		robust;
	bool		singular;
	bool		is_point;		/* all rows were the same */
	uint64		support;
	uint64		reweighted;
	AdMap	   *map;
} Mahalanobis;

/*
 * Replace a covariance by the rows of its whitening; returns their number.
 * Eigenvalues that are as good as 0 are left out, by the limit that scipy's
 * pinvh has.
 */
static int
whitening(double *cov, int cols, double *values)
{
	double		greatest = 0;
	int			n = 0;

	ad_eigen(cov, cols, values);
	for (int i = 0; i < cols; i++)
		greatest = Max(greatest, fabs(values[i]));
	for (int i = 0; i < cols; i++)
	{
		double		sd;

		if (!(values[i] > greatest * cols * DBL_EPSILON))
			continue;
		sd = sqrt(values[i]);
		for (int j = 0; j < cols; j++)
			cov[(Size) n * cols + j] = cov[(Size) i * cols + j] / sd;
		n++;
	}
	return n;
}

/* Forget in a covariance the columns that vary by rounding alone. */
static void
drop_rounding(const AdMatrix *m, const double *mean, double *cov)
{
	int			cols = m->cols;

	for (int j = 0; j < cols; j++)
	{
		AdSpread	s;

		/* few columns are so narrow that they need a look */
		if (sqrt(cov[(Size) j * cols + j]) > 1e-14 * fabs(mean[j]))
			continue;
		CHECK_FOR_INTERRUPTS();
		ad_spread(m->x + j, m->rows, cols, (double) m->rows, &s);
		for (int i = 0; s.sd == 0 && i < cols; i++)
			cov[(Size) i * cols + j] = cov[(Size) j * cols + i] = 0;
	}
}

/* The classical estimate, in the form of the robust one. */
static void
classical(const AdMatrix *m, AdMcd *out)
{
	int			cols = m->cols;
	Size		cells = ad_mul_size(cols, cols);
	double	   *values = ad_palloc_array(double, cols);
	double	   *sd = ad_palloc_array(double, cols);
	double	   *cov = ad_palloc_array(double, cells);
	bool		varies = true;

	out->mean = ad_palloc_array(double, cols);
	ad_column_means(m->x, m->rows, cols, out->mean);
	ad_covariance(m->x, m->rows, cols, out->mean, (double) m->rows, cov);
	if (!ad_all_finite(cov, cells))
		ad_too_large("mahalanobis");
	drop_rounding(m, out->mean, cov);
	for (int j = 0; j < cols; j++)
	{
		sd[j] = sqrt(cov[(Size) j * cols + j]);
		varies &= sd[j] > DBL_MIN;
	}
	out->support = out->reweighted = m->rows;
	out->outputs = 0;
	if (varies)
	{
		out->w = ad_palloc_array(double, cells);
		for (int i = 0; i < cols; i++)
			for (int j = 0; j < cols; j++)
				out->w[(Size) i * cols + j] =
					cov[(Size) i * cols + j] / sd[i] / sd[j];
		out->outputs = whitening(out->w, cols, values);
		for (int i = 0; i < out->outputs; i++)
			for (int j = 0; j < cols; j++)
				out->w[(Size) i * cols + j] /= sd[j];
	}
	if (out->outputs < cols)
	{
		/* what a pseudo-inverse is depends on the units: the columns' own */
		out->w = cov;
		out->outputs = whitening(cov, cols, values);
	}
	out->singular = out->outputs < cols;
}

static void
mahalanobis_fit(const AdMatrix *m, const void *opts, StringInfo payload)
{
	const MahalanobisOptions *options = opts;
	AdMcd		estimate;
	bool		is_point;

	ad_check_columns(m->cols, "mahalanobis");
	if (options->robust)
		ad_mcd_run(m, &estimate);
	else
		classical(m, &estimate);
	is_point = estimate.outputs == 0;
	if (is_point)
	{
		estimate.w = ad_palloc0_array(double, ad_mul_size(m->cols, m->cols));
		for (int j = 0; j < m->cols; j++)
			estimate.w[(Size) j * m->cols + j] = 1;
		estimate.outputs = m->cols;
		/* the mean of equal rows is rounded, they are not */
		memcpy(estimate.mean, m->x, m->cols * sizeof(double));
	}
	if (!ad_all_finite(estimate.mean, m->cols) ||
		!ad_all_finite(estimate.w, (Size) estimate.outputs * m->cols))
		ad_too_large("mahalanobis");
	ad_wr_u32(payload, options->robust);
	ad_wr_u32(payload, is_point ? 2 : estimate.singular);
	ad_wr_u64(payload, estimate.support);
	ad_wr_u64(payload, estimate.reweighted);
	ad_map_write(payload, estimate.mean, estimate.w, estimate.outputs,
				 m->cols);
}

static void *
mahalanobis_load(AdReader *r, int cols)
{
	Mahalanobis *p = palloc0(sizeof(Mahalanobis));
	uint32		singular;

	p->robust = ad_rd_u32(r) != 0;
	singular = ad_rd_u32(r);
	p->singular = singular != 0;
	p->is_point = singular == 2;
	p->support = ad_rd_u64(r);
	p->reweighted = ad_rd_u64(r);
	p->map = ad_map_read(r, cols);
	ad_rd_end(r);
	return p;
}

/* The squared distance; DBL_MAX for a row with an infinite value. */
static double
mahalanobis_score(void *scorer, const double *x)
{
	double		score;

	ad_map_norms(((Mahalanobis *) scorer)->map, x, 1, &score);
	return score;
}

/*
 * (x - mean)_j times the j-th element of the inverse covariance times (x -
 * mean): the Shapley values of replacing columns by their means (Mayrhofer
 * and Filzmoser, "Multivariate outlier explanations using Shapley values and
 * Mahalanobis distances", 2023).
 */
static double
mahalanobis_explain(void *scorer, const double *x,
					bool path pg_attribute_unused(), double *contribution)
{
	const AdMap *m = ((Mahalanobis *) scorer)->map;
	double		norm;

	ad_map_norms(m, x, 1, &norm);
	ad_map_transpose(m, contribution);
	for (int j = 0; j < m->cols; j++)
		contribution[j] *= m->d[j];
	return 0;
}

/* From a point, the square of a distance. */
static double
mahalanobis_rounding(const void *scorer, double error)
{
	return ((const Mahalanobis *) scorer)->is_point ? error * error :
		AD_SCORE_ROUNDING;
}

static void
mahalanobis_describe(const void *scorer, StringInfo json)
{
	const Mahalanobis *p = scorer;

	appendStringInfo(json, "\"rank\": %d, \"singular\": %s",
					 p->is_point ? 0 : p->map->outputs,
					 p->singular ? "true" : "false");
	if (p->robust)
		appendStringInfo(json, ", \"support\": " UINT64_FORMAT ", \"reweighted_support\": " UINT64_FORMAT,
						 p->support, p->reweighted);
}

static const AdOption mahalanobis_options[] = {
	AD_BOOL(MahalanobisOptions, robust, false),
};

/* The distance does not depend on the scale. */
static AdScale
mahalanobis_scale(const void *options pg_attribute_unused())
{
	return AD_SCALE_NONE;
}

const AdDetector ad_detector_mahalanobis = {
	.id = AD_DET_MAHALANOBIS,
	.name = "mahalanobis",
	.squares = true,
	.time = 0.09,
	.options = mahalanobis_options,
	.noptions = lengthof(mahalanobis_options),
	.options_size = sizeof(MahalanobisOptions),
	.rows = ad_detector_enough_rows,
	.contains_rows = false,
	.scale = mahalanobis_scale,
	.fit = mahalanobis_fit,
	.load = mahalanobis_load,
	.score = mahalanobis_score,
	.explain = mahalanobis_explain,
	.rounding = mahalanobis_rounding,
	.describe = mahalanobis_describe,
};
