/*-------------------------------------------------------------------------
 *
 * ocsvm.c
 *		One-class support vector machine.
 *
 * Schölkopf, Platt, Shawe-Taylor, Smola and Williamson, "Estimating the
 * support of a high-dimensional distribution", Neural Computation 2001.
 * The score is rho - f(x): above zero outside of the estimated support.
 *
 * Up to exact_rows rows the dual is solved by sequential minimal
 * optimisation (ocsvm_solve.c), and the score is on libsvm's scale, where
 * f(x) is the sum of alpha K(x_i, x) with alphas that add up to nu times
 * the rows.
 *
 * With more rows the primal is solved by stochastic gradient descent
 * (ocsvm_descent.c), over the columns themselves for a linear kernel, over
 * random Fourier features for the RBF one.  f is there the mean of K under
 * weights that add up to one, as in other linear one-class machines.
 *
 * Points are kept in single precision, centred and multiplied by the root
 * of gamma, which is what the kernels of math/simd_kernel.c want.
 *
 * Payload: u32 form, u32 rows of the fit, f64 gamma, f64 rho, f64 objective
 * (NaN: none), then
 *	form 0 (RBF): u32 n, n f64 alphas, per column f64 centre, per column n
 *		f32 coordinates of the support vectors;
 *	form 1 (linear): per column f64 weight;
 *	form 2 (random features): u32 n, n f64 weights, per column f64 centre,
 *		n f32 phases in turns, per column n f32 frequencies.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_fault.h"
#include "detectors/ad_detectors.h"
#include "detectors/ocsvm.h"
#include "detectors/reference.h"
#include "math/ad_kernel.h"
#include "math/ad_linalg.h"
#include "math/ad_math.h"
#include "math/ad_spread.h"

#include <float.h>

#define ON_SURFACE		2e-9	/* of rho; the solver's rounding leaves 1e-9 */
#define MAX_POINTS		1000000 /* support vectors or random features */

enum
{
	KERNEL_RBF, KERNEL_LINEAR
};

enum
{
	FORM_RBF, FORM_LINEAR, FORM_FEATURES
};

typedef struct OcsvmOptions
{
	double		nu;				/* bound on the share of outliers */
	int			kernel;
	double		gamma;			/* NaN: 1 / (columns * variance) */
	int			exact_rows;		/* most rows for the exact solution */
	int			features;		/* random ones, beyond exact_rows */
	double		tolerance;		/* of the exact solution */
} OcsvmOptions;

typedef struct Ocsvm
{
	uint32		form;
	uint32		rows;			/* of the fit */
	double		gamma;
	double		rho;
	double		objective;
	int			cols;
	uint32		n;				/* points */
	double		root;			/* of gamma */
	double	   *weight;			/* n, or cols if linear */
	double	   *center;			/* cols */
	float	   *phase;			/* n */
	float	   *points;			/* cols x n */
	double		highest;		/* score of a row that is infinite */
	float	   *x;				/* scratch: cols */
	float	   *feature;		/* scratch: n */
} Ocsvm;

/* The mean of every column, and the variance of all entries. */
static double
centers(const AdMatrix *m, double *center)
{
	Size		n = ad_mul_size(m->rows, m->cols);
	AdSpread	s;

	ad_column_means(m->x, m->rows, m->cols, center);
	ad_spread(m->x, n, 1, (double) n, &s);
	return s.sd * s.sd;
}

/* Report a value that does not fit; see ad_ocsvm_check_magnitude(). */
void
ad_ocsvm_too_large(double v)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("values are too large for double precision arithmetic"),
			 errdetail("A value times the root of gamma is %g, limit is %g.",
					   v, AD_OCSVM_MAX_MAGNITUDE),
			 errhint("Scale them with ad_prepare(scale => 'standard')."),
			 ad_errdata()));
}

/* The rows as points: column by column, centred and scaled. */
static float *
make_points(const AdRows *rows, const double *center, double root)
{
	int			cols = rows->cols;
	float	   *points = ad_palloc_array(float, ad_mul_size(rows->n, cols));

	for (Size i = 0; i < rows->n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		for (int c = 0; c < cols; c++)
		{
			double		v = (rows->x[i * cols + c] - center[c]) * root;

			ad_ocsvm_check_magnitude(v);
			points[c * rows->n + i] = (float) v;
		}
	}
	return points;
}

static void
write_floats(StringInfo w, const float *v, Size n)
{
	for (Size i = 0; i < n; i++)
	{
		uint32		bits;

		AD_CHECK_EVERY_1024(i);
		memcpy(&bits, &v[i], sizeof(bits));
		ad_wr_u32(w, bits);
	}
}

static void
write_head(StringInfo w, uint32 form, const AdMatrix *m, double gamma,
		   double rho, double objective)
{
	ad_wr_u32(w, form);
	ad_wr_u32(w, (uint32) m->rows);
	ad_wr_f64(w, gamma);
	ad_wr_f64(w, rho);
	ad_wr_f64(w, objective);
}

/*
 * rho for a linear machine's weights, at most the given one, so that at
 * most a share nu of the rows is outside: of the values that score() has,
 * which are of rows in double precision.
 */
static double
bound_linear(const AdMatrix *m, const double *w, double nu, double rho)
{
	Size		outside = (Size) (nu * (double) m->rows);
	double	   *value;

	if (outside >= m->rows)
		return rho;
	value = ad_palloc_array(double, m->rows);
	for (Size i = 0; i < m->rows; i++)
	{
		AD_CHECK_EVERY_1024(i);
		value[i] = 0;
		for (int c = 0; c < m->cols; c++)
			value[i] += w[c] * m->x[i * m->cols + c];
	}
	ad_select(value, m->rows, outside);
	rho = Min(rho, value[outside]);
	pfree(value);
	return rho;
}

/* Fit by sequential minimal optimisation, equal rows taken together. */
static void
fit_exact(const AdMatrix *m, const AdRows *rows, const OcsvmOptions *o,
		  double gamma, const double *center, StringInfo payload)
{
	bool		linear = o->kernel == KERNEL_LINEAR;
	AdOcsvmProblem p;
	Size		n = 0;

	memset(&p, 0, sizeof(p));
	p.n = rows->n;
	p.rows = m->rows;
	p.counts = rows->counts;
	p.cols = m->cols;
	p.points = make_points(rows, center, linear ? 1 : sqrt(gamma));
	p.linear = linear;
	p.nu = o->nu;
	p.tolerance = o->tolerance;
	p.alpha = ad_palloc_array(double, p.n);
	ad_ocsvm_solve(&p);

	if (linear)
	{
		double	   *w = ad_palloc0_array(double, m->cols);

		for (Size i = 0; i < p.n; i++)
			for (int c = 0; c < m->cols && p.alpha[i] > 0; c++)
				w[c] += p.alpha[i] * p.points[c * p.n + i];
		write_head(payload, FORM_LINEAR, m, gamma,
				   bound_linear(m, w, o->nu, p.rho), p.objective);
		ad_wr_f64_array(payload, w, m->cols);
		return;
	}

	write_head(payload, FORM_RBF, m, gamma, p.rho, p.objective);
	/* keep the support vectors, in place */
	for (int c = 0; c < m->cols; c++)
	{
		n = 0;
		for (Size i = 0; i < p.n; i++)
			if (p.alpha[i] > 0)
				p.points[c * p.n + n++] = p.points[c * p.n + i];
	}
	n = 0;
	for (Size i = 0; i < p.n; i++)
		if (p.alpha[i] > 0)
			p.alpha[n++] = p.alpha[i];
	ad_wr_u32(payload, (uint32) n);
	ad_wr_f64_array(payload, p.alpha, n);
	ad_wr_f64_array(payload, center, m->cols);
	for (int c = 0; c < m->cols; c++)
		write_floats(payload, p.points + c * p.n, n);
}

/* Fit by stochastic gradient descent. */
static void
fit_descent(const AdMatrix *m, const OcsvmOptions *o, double gamma,
			const double *center, StringInfo payload)
{
	bool		linear = o->kernel == KERNEL_LINEAR;
	AdOcsvmDescent p;

	memset(&p, 0, sizeof(p));
	p.m = m;
	p.center = center;
	p.root = linear ? 1 : sqrt(gamma);
	p.nu = o->nu;
	p.features = linear ? 0 : (uint32) o->features;
	ad_ocsvm_descend(&p);

	if (linear)
		p.rho = bound_linear(m, p.weight, o->nu, p.rho);
	write_head(payload, linear ? FORM_LINEAR : FORM_FEATURES, m, gamma, p.rho,
			   NAN);
	if (linear)
	{
		ad_wr_f64_array(payload, p.weight, m->cols);
		return;
	}
	ad_wr_u32(payload, p.features);
	ad_wr_f64_array(payload, p.weight, p.features);
	ad_wr_f64_array(payload, center, m->cols);
	write_floats(payload, p.phase, p.features);
	write_floats(payload, p.frequency, (Size) p.features * m->cols);
}

/* Fit and append the payload. */
static void
ocsvm_fit(const AdMatrix *m, const void *opts, StringInfo payload)
{
	const OcsvmOptions *o = opts;
	double	   *center = ad_palloc_array(double, m->cols);
	double		variance = centers(m, center);
	double		gamma = o->gamma;
	AdRows		rows;

	if (isnan(gamma))
	{
		if (!isfinite(variance))
			ad_ocsvm_check_magnitude(variance);
		gamma = 1 / (m->cols * variance);
		if (!(gamma > 0 && gamma <= 1e300))
			gamma = 1;			/* all entries are equal, or nearly */
	}
	/* a linear machine is not blind to where zero is */
	if (o->kernel == KERNEL_LINEAR)
		memset(center, 0, m->cols * sizeof(double));
	ad_reference_distinct(m->x, m->rows, m->cols, &rows);
	if (rows.n <= (Size) o->exact_rows)
		fit_exact(m, &rows, o, gamma, center, payload);
	else
		fit_descent(m, o, gamma, center, payload);
}

/* Read n floats, all finite. */
static float *
read_floats(AdReader *r, Size n)
{
	float	   *v;

	ad_rd_need(r, ad_mul_size(n, sizeof(float)));
	v = ad_palloc_array(float, n);
	for (Size i = 0; i < n; i++)
	{
		uint32		bits = ad_rd_u32(r);

		AD_CHECK_EVERY_1024(i);
		memcpy(&v[i], &bits, sizeof(bits));
		if (!isfinite(v[i]))
			ad_rd_corrupt(r, "a coordinate is not finite");
	}
	return v;
}

static double *
read_doubles(AdReader *r, Size n)
{
	double	   *v;

	ad_rd_need(r, ad_mul_size(n, sizeof(double)));
	v = ad_palloc_array(double, n);
	ad_rd_f64_array(r, v, n);
	for (Size i = 0; i < n; i++)
		if (!isfinite(v[i]))
			ad_rd_corrupt(r, "a number is not finite");
	return v;
}

/* Check a payload and make a scorer of it. */
static void *
ocsvm_load(AdReader *r, int cols)
{
	Ocsvm	   *s = palloc0(sizeof(Ocsvm));

	s->cols = cols;
	s->form = ad_rd_u32(r);
	s->rows = ad_rd_u32(r);
	s->gamma = ad_rd_finite(r);
	s->rho = ad_rd_finite(r);
	s->objective = ad_rd_f64(r);
	if (s->form > FORM_FEATURES || !(s->gamma > 0) || s->rows < 1 ||
		isinf(s->objective))
		ad_rd_corrupt(r, "a parameter of a support vector machine is out of range");
	s->root = sqrt(s->gamma);
	s->highest = DBL_MAX;
	if (s->form == FORM_LINEAR)
	{
		s->weight = read_doubles(r, cols);
		ad_rd_end(r);
		return s;
	}

	s->n = ad_rd_count(r, MAX_POINTS, sizeof(double));
	s->weight = read_doubles(r, s->n);
	s->center = read_doubles(r, cols);
	s->x = ad_palloc_array(float, cols);
	if (s->form == FORM_RBF)
	{
		for (uint32 i = 0; i < s->n; i++)
			if (!(s->weight[i] > 0 && s->weight[i] <= s->rows))
				ad_rd_corrupt(r, "a support vector's weight is out of range");
		s->highest = s->rho;
	}
	else
	{
		double		sum = s->rho;

		for (uint32 i = 0; i < s->n; i++)
			sum += fabs(s->weight[i]);
		s->highest = Min(sum, DBL_MAX);
		s->phase = read_floats(r, s->n);
		s->feature = ad_palloc_array(float, Max(s->n, 1));
	}
	s->points = read_floats(r, ad_mul_size(s->n, cols));
	ad_rd_end(r);
	return s;
}

/*
 * The score of a row: rho - f(x), finite.  An infinite value is as far away
 * as can be: the RBF kernel is 0 there, so the score is rho; random features
 * and a linear kernel give it the highest score they can give at all.
 */
static double
ocsvm_score(void *scorer, const double *x)
{
	Ocsvm	   *s = scorer;
	double		f = 0;
	double		score;

	if (s->form == FORM_LINEAR)
	{
		for (int c = 0; c < s->cols; c++)
		{
			if (unlikely(!isfinite(x[c])))
				return s->highest;
			f += s->weight[c] * x[c];
		}
	}
	else
	{
		for (int c = 0; c < s->cols; c++)
			s->x[c] = (float) ((x[c] - s->center[c]) * s->root);
		if (s->form == FORM_RBF)
			f = ad_kernels->rbf_sum(s->points, s->n, s->n, s->cols, s->x,
									s->weight);
		else
		{
			double		lane[8] = {0};

			for (int c = 0; c < s->cols; c++)
				if (unlikely(!isfinite(s->x[c])))
					return s->highest;
			ad_kernels->cosines(s->points, s->n, s->n, s->cols, s->x,
								s->phase, s->feature);
			for (uint32 i = 0; i < s->n; i++)
				lane[i & 7] += s->weight[i] * s->feature[i];
			f = ((lane[0] + lane[1]) + (lane[2] + lane[3])) +
				((lane[4] + lane[5]) + (lane[6] + lane[7]));
		}
	}
	score = s->rho - f;
	/* on the surface but for rounding: equal rows must score equal in any fit */
	if (fabs(score) <= ON_SURFACE * fabs(s->rho))
		return 0;
	if (unlikely(!isfinite(score)))
		score = score < 0 ? -DBL_MAX : s->highest;
	return score;
}

/* What the solver leaves. */
static double
ocsvm_rounding(const void *scorer, double error pg_attribute_unused())
{
	return ON_SURFACE * fabs(((const Ocsvm *) scorer)->rho);
}

/* Append what ad_info() says beyond the spec. */
static void
ocsvm_describe(const void *scorer, StringInfo json)
{
	static const char *const forms[] = {"exact", "linear", "random features"};
	const Ocsvm *s = scorer;

	appendStringInfo(json, "\"form\": \"%s\", \"rows_used\": %u, \"gamma\": %.17g, \"rho\": %.17g",
					 forms[s->form], s->rows, s->gamma, s->rho);
	if (s->form == FORM_RBF)
		appendStringInfo(json, ", \"support_vectors\": %u", s->n);
	if (!isnan(s->objective))
		appendStringInfo(json, ", \"objective\": %.17g", s->objective);
}

/* The exact form adds up weights whose sum grows with the rows. */
static void
ocsvm_common_scale(const void *scorer, const void *options, double *shift,
				   double *unit)
{
	const Ocsvm *s = scorer;
	const OcsvmOptions *o = options;

	*shift = 0;
	*unit = isnan(s->objective) ? 1 : o->nu * s->rows;
}

static const char *const kernel_names[] = {"rbf", "linear", NULL};

static const AdOption ocsvm_options[] = {
	AD_FLOAT_ABOVE(OcsvmOptions, nu, 0.5, 0, 1),
	AD_ENUM(OcsvmOptions, kernel, KERNEL_RBF, kernel_names),
	AD_FLOAT_ABOVE(OcsvmOptions, gamma, NAN, 0, 1e300),
	AD_INT(OcsvmOptions, exact_rows, 10000, 0, 100000),
	AD_INT(OcsvmOptions, features, 512, 1, 65536),
	AD_FLOAT_ABOVE(OcsvmOptions, tolerance, 0.0001, 0, 1),
};

/* So many that a fit which is not to be exact is not. */
static Size
ocsvm_rows(const void *options)
{
	return (Size) ((const OcsvmOptions *) options)->exact_rows + 1;
}

/* Distances want columns of one spread. */
static AdScale
ocsvm_scale(const void *options pg_attribute_unused())
{
	return AD_SCALE_STANDARD;
}

const AdDetector ad_detector_ocsvm = {
	.id = AD_DET_OCSVM,
	.name = "ocsvm",
	.squares = true,
	.time = 0.83,
	.options = ocsvm_options,
	.noptions = lengthof(ocsvm_options),
	.options_size = sizeof(OcsvmOptions),
	.rows = ocsvm_rows,
	.contains_rows = true,
	.scale = ocsvm_scale,
	.fit = ocsvm_fit,
	.load = ocsvm_load,
	.score = ocsvm_score,
	.common_scale = ocsvm_common_scale,
	.rounding = ocsvm_rounding,
	.describe = ocsvm_describe,
};
