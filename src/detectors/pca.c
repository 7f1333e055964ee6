/*-------------------------------------------------------------------------
 *
 * pca.c
 *		Principal components: weighted distance, or reconstruction error.
 *
 * Shyu, Chen, Sarinnapakorn and Chang, "A Novel Anomaly Detection Scheme
 * Based on Principal Component Classifier", 2003.
 *
 * weighted: the sum over the leading components of the squared coordinate
 * over its variance (divisor rows - 1).  A component with less than 1e-9 of
 * the greatest variance is left out: rows cannot differ in it.
 * reconstruction: the squared length of what remains of a row when its
 * projection on the leading components is taken away.  That is the squared
 * length of the projection on the others; whichever are fewer are stored.
 * Were all of them kept in which the rows differ, nothing would remain of any
 * row: at least one is left out.  Where there is but one (a single column, or
 * columns that are multiples of it), the score is the squared distance from
 * the mean.
 *
 * There are as many components as are asked for, but no more than columns and
 * one less than rows.  Of one row, or of rows that are all the same, nothing
 * but the place is known: either score is the squared distance from it.
 *
 * Payload: u32 form (0: squared length of the outputs; 1: of the residual),
 * u32 method, u32 components, f64 share of the variance they hold, a map.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_fault.h"
#include "detectors/ad_detectors.h"
#include "detectors/linear.h"

#include <float.h>

enum
{
	METHOD_WEIGHTED, METHOD_RECONSTRUCTION
};

enum
{
	FORM_LENGTH, FORM_RESIDUAL
};

#define DEFAULT_SHARE	0.9		/* of reconstruction */

typedef struct PcaOptions
{
	double		components;		/* number, or share of the variance if < 1 */
	int			method;
} PcaOptions;

typedef struct Pca
{
	uint32		form;
	uint32		method;
	uint32		components;
	double		share;
	AdMap	   *map;
	double	   *residual;		/* scratch: cols */
} Pca;

/* Return how many leading components an option says; values descend. */
static int
count_components(const PcaOptions *options, const double *values, int cols)
{
	double		wanted = options->components;

	if (isnan(wanted))
	{
		if (options->method == METHOD_WEIGHTED)
			return cols;
		wanted = DEFAULT_SHARE;
	}
	if (wanted >= 1)
		return (int) Min(wanted, cols);
	return ad_principal_count(values, cols, wanted);
}

/* Fit and append the payload; see the file head. */
static void
pca_fit(const AdMatrix *m, const void *opts, StringInfo payload)
{
	const PcaOptions *options = opts;
	int			cols = m->cols;
	double	   *mean = ad_palloc_array(double, cols);
	double	   *v;
	double	   *values = ad_palloc_array(double, cols);
	double		total = 0;
	double		leading = 0;
	int			k;
	int			varying;
	int			from = 0;
	int			outputs;
	uint32		form = FORM_LENGTH;

	ad_check_columns(cols, "pca");
	v = ad_palloc_array(double, ad_mul_size(cols, cols));
	if (!ad_principal_axes(m->x, m->rows, cols, mean, v, values))
		ad_too_large("pca");
	for (int i = 0; i < cols; i++)
		total += values[i];
	/* n rows lie in a space of n - 1 dimensions: other axes are arbitrary */
	k = (int) Min((Size) count_components(options, values, cols),
				  total > 0 ? m->rows - 1 : 0);
	varying = ad_principal_varying(values, cols);

	if (options->method == METHOD_WEIGHTED)
	{
		k = Min(k, varying);
		for (int i = 0; i < k; i++)
			for (int c = 0; c < cols; c++)
				v[(Size) i * cols + c] /= sqrt(values[i]);
		outputs = k;
		if (k == 0)
			form = FORM_RESIDUAL;
	}
	else
	{
		k = Min(k, Max(varying - 1, 0));
		if (cols - k <= 2 * k)
		{
			from = k;
			outputs = cols - k;
		}
		else
		{
			form = FORM_RESIDUAL;
			outputs = k;
		}
	}
	for (int i = 0; i < k; i++)
		leading += values[i];

	ad_wr_u32(payload, form);
	ad_wr_u32(payload, (uint32) options->method);
	ad_wr_u32(payload, (uint32) k);
	ad_wr_f64(payload, total > 0 ? Min(leading / total, 1) : 1);
	if (!ad_all_finite(v + (Size) from * cols, (Size) outputs * cols))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("values are too close together for detector \"%s\"",
						"pca"),
				 errhint("Scale them with ad_prepare(scale => 'standard')."),
				 ad_errdata()));
	ad_map_write(payload, mean, v + (Size) from * cols, outputs, cols);
}

static void *
pca_load(AdReader *r, int cols)
{
	Pca		   *p = palloc0(sizeof(Pca));

	p->form = ad_rd_u32(r);
	p->method = ad_rd_u32(r);
	p->components = ad_rd_u32(r);
	p->share = ad_rd_finite(r);
	if (p->form > FORM_RESIDUAL || p->method > METHOD_RECONSTRUCTION ||
		p->components > (uint32) cols)
		ad_rd_corrupt(r, "a parameter of principal components is out of range");
	p->map = ad_map_read(r, cols);
	p->residual = ad_palloc0_array(double, cols);
	ad_rd_end(r);
	return p;
}

/* Squared length of x - mean less its projection on the map's rows. */
static double
residual(Pca *p)
{
	const AdMap *m = p->map;
	double	   *e = p->residual;
	double		sum = 0;

	memcpy(e, m->d, m->cols * sizeof(double));
	for (int b = 0; b < m->blocks; b++)
	{
		const double *w = m->w + (Size) b * m->cols * AD_LANES;
		const double *y = m->y + (Size) b * AD_LANES;

		for (int j = 0; j < m->cols; j++, w += AD_LANES)
			e[j] -= ((w[0] * y[0] + w[4] * y[4]) + (w[1] * y[1] + w[5] * y[5])) +
				((w[2] * y[2] + w[6] * y[6]) + (w[3] * y[3] + w[7] * y[7]));
	}
	for (int j = 0; j < m->cols; j++)
		sum += e[j] * e[j];
	return sum <= DBL_MAX ? sum : DBL_MAX;
}

/* See the file's head; DBL_MAX for a row with an infinite value. */
static double
pca_score(void *scorer, const double *x)
{
	Pca		   *p = scorer;
	double		score;

	ad_map_norms(p->map, x, 1, &score);
	if (p->form == FORM_RESIDUAL && score < DBL_MAX)
		return residual(p);
	return score;
}

/*
 * weighted: the terms of the quadratic form, each column's share of its
 * products with the others being half of them (the Shapley values of
 * replacing columns by their means).  reconstruction: the squares of what
 * remains.
 */
static double
pca_explain(void *scorer, const double *x, bool path pg_attribute_unused(),
			double *contribution)
{
	Pca		   *p = scorer;
	const AdMap *m = p->map;
	double		norm;

	ad_map_norms(p->map, x, 1, &norm);
	ad_map_transpose(m, contribution);
	for (int j = 0; j < m->cols; j++)
	{
		double		v = contribution[j];

		if (p->form == FORM_RESIDUAL)
			v = m->d[j] - v;
		contribution[j] = p->method == METHOD_WEIGHTED &&
			p->form == FORM_LENGTH ? m->d[j] * v : v * v;
	}
	return 0;
}

/* What is not weighted is the square of a distance. */
static double
pca_rounding(const void *scorer, double error)
{
	const Pca  *p = scorer;

	return p->form == FORM_RESIDUAL || p->method == METHOD_RECONSTRUCTION ?
		error * error : AD_SCORE_ROUNDING;
}

static void
pca_describe(const void *scorer, StringInfo json)
{
	const Pca  *p = scorer;

	appendStringInfo(json, "\"components\": %u, \"explained_variance\": %.6g",
					 p->components, p->share);
}

static const char *const method_names[] = {"weighted", "reconstruction", NULL};

static const AdOption pca_options[] = {
	AD_PART_BELOW(PcaOptions, components, NAN, AD_LINALG_MAX_COLUMNS),
	AD_ENUM(PcaOptions, method, METHOD_WEIGHTED, method_names),
};

/* Variances of columns in different units cannot be compared. */
static AdScale
pca_scale(const void *options pg_attribute_unused())
{
	return AD_SCALE_STANDARD;
}

const AdDetector ad_detector_pca = {
	.id = AD_DET_PCA,
	.name = "pca",
	.squares = true,
	.time = 0.08,
	.options = pca_options,
	.noptions = lengthof(pca_options),
	.options_size = sizeof(PcaOptions),
	.rows = ad_detector_enough_rows,
	.contains_rows = false,
	.scale = pca_scale,
	.fit = pca_fit,
	.load = pca_load,
	.score = pca_score,
	.explain = pca_explain,
	.rounding = pca_rounding,
	.describe = pca_describe,
};
