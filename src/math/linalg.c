/*-------------------------------------------------------------------------
 *
 * linalg.c
 *		Maps, centres, covariance, quantiles of chi-square.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_elementary.h"
#include "core/ad_fault.h"
#include "math/ad_linalg.h"

#include <float.h>

#define BLOCK	1024			/* rows between checks for a cancel */

/* A map of zeros, palloc'd in the current context. */
AdMap *
ad_map_create(int cols, int outputs)
{
	AdMap	   *m = palloc0(sizeof(AdMap));
	Size		lanes = AD_PAD_LANES(outputs);

	m->cols = cols;
	m->outputs = outputs;
	m->blocks = (int) (lanes / AD_LANES);
	m->limit = ad_palloc0_array(int, m->blocks + 1);
	m->w = ad_palloc0_array(double, ad_mul_size(lanes, cols) + 1);
	m->mean = ad_palloc0_array(double, cols);
	m->d = ad_palloc0_array(double, cols);
	m->y = ad_palloc0_array(double, lanes + 1);
	return m;
}

/* Set the coefficients of an output. */
void
ad_map_set(AdMap *m, int output, const double *row)
{
	double	   *w = m->w + (Size) (output / AD_LANES) * m->cols * AD_LANES +
		output % AD_LANES;

	for (int j = 0; j < m->cols; j++)
		w[(Size) j * AD_LANES] = row[j];
}

/* Find where the blocks' zeros begin; call it after the last ad_map_set. */
void
ad_map_finish(AdMap *m)
{
	for (int b = 0; b < m->blocks; b++)
	{
		const double *w = m->w + (Size) b * m->cols * AD_LANES;
		Size		n = (Size) m->cols * AD_LANES;

		while (n > 0 && w[n - 1] == 0)
			n--;
		m->limit[b] = (int) ((n + AD_LANES - 1) / AD_LANES);
	}
}

/* The weight of a column in an output of a map. */
static inline double
weight_of(const AdMap *m, int output, int column)
{
	return m->w[((Size) (output / AD_LANES) * m->cols + column) * AD_LANES +
				output % AD_LANES];
}

/* The outputs of a row some of whose numbers are infinite or missing. */
static void
apply_far(const AdMap *m, const double *x)
{
	for (int i = 0; i < m->outputs; i++)
	{
		double		sum = 0;
		double		far = 0;

		for (int j = 0; j < m->cols; j++)
		{
			double		d = x[j] - m->mean[j];

			if (isinf(d))
				far += d > 0 ? weight_of(m, i, j) : -weight_of(m, i, j);
			else if (!isnan(d))
				sum += weight_of(m, i, j) * d;
		}
		if (far != 0)
			sum = far > 0 ? INFINITY : -INFINITY;
		m->y[i] = isnan(sum) ? 0 : sum;
	}
}

/*
 * The outputs of one row, valid until the map's next use: never NaN.  A
 * missing number counts as the mean, and an infinite one makes infinite what it
 * has a part in; of some that contradict each other, the greater weight wins.
 */
const double *
ad_map_apply(const AdMap *m, const double *x)
{
	double		length;

	ad_map_norms(m, x, 1, &length);
	if (unlikely(!(length < DBL_MAX)))
		apply_far(m, x);
	return m->y;
}

/*
 * Add to each column's share what the outputs of row x stand for (parts): by
 * what the column adds to the output, whatever its sign, so that two which
 * cancel out do not seem to matter without bounds.
 */
void
ad_map_share(const AdMap *m, const double *x, const double *parts,
			 double *shares)
{
	for (int i = 0; i < m->outputs; i++)
	{
		double		sizes = 0;

		for (int j = 0; j < m->cols; j++)
			sizes += fabs(weight_of(m, i, j) * (x[j] - m->mean[j]));
		for (int j = 0; j < m->cols && sizes > 0; j++)
			shares[j] += parts[i] *
				(fabs(weight_of(m, i, j) * (x[j] - m->mean[j])) / sizes);
	}
}

/* W' y of the row that ad_map_norms() mapped last. */
void
ad_map_transpose(const AdMap *m, double *out)
{
	memset(out, 0, m->cols * sizeof(double));
	for (int b = 0; b < m->blocks; b++)
	{
		const double *w = m->w + (Size) b * m->cols * AD_LANES;
		const double *y = m->y + (Size) b * AD_LANES;

		for (int j = 0; j < m->cols; j++, w += AD_LANES)
			out[j] += ((w[0] * y[0] + w[4] * y[4]) + (w[1] * y[1] + w[5] * y[5])) +
				((w[2] * y[2] + w[6] * y[6]) + (w[3] * y[3] + w[7] * y[7]));
	}
}

/* n points at the origin, palloc'd in the current context. */
AdCenters *
ad_centers_create(int cols, int n)
{
	AdCenters  *c = palloc0(sizeof(AdCenters));
	Size		lanes = AD_PAD_LANES(n);

	c->cols = cols;
	c->n = n;
	c->blocks = (int) (lanes / AD_LANES);
	c->c = ad_palloc0_array(double, ad_mul_size(lanes, cols));
	c->d2 = ad_palloc0_array(double, lanes);
	return c;
}

void
ad_centers_set(AdCenters *c, int i, const double *x)
{
	double	   *p = c->c + (Size) (i / AD_LANES) * c->cols * AD_LANES +
		i % AD_LANES;

	for (int j = 0; j < c->cols; j++)
		p[(Size) j * AD_LANES] = x[j];
}

void
ad_centers_get(const AdCenters *c, int i, double *x)
{
	const double *p = c->c + (Size) (i / AD_LANES) * c->cols * AD_LANES +
		i % AD_LANES;

	for (int j = 0; j < c->cols; j++)
		x[j] = p[(Size) j * AD_LANES];
}

/* Error if a detector's matrix would be too wide to factorise. */
void
ad_check_columns(int cols, const char *detector)
{
	if (cols > AD_LINALG_MAX_COLUMNS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("detector \"%s\" takes at most %d columns, there are %d",
						detector, AD_LINALG_MAX_COLUMNS, cols),
				 errdetail("A category has a column for each of its values."),
				 ad_errdata()));
}

/*
 * Error for differences or squares beyond what a float8 holds; the one for
 * all detectors.
 */
void
ad_too_large(const char *detector)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("values are too large for double precision arithmetic"),
			 errdetail("Detector \"%s\" needs differences and squares of them.",
					   detector),
			 errhint("Scale them with ad_prepare(scale => 'standard'), or divide them by a constant."),
			 ad_errdata()));
}

/* Error for differences that are not 0, but their squares are. */
void
ad_too_small(const char *detector)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("values are too small for double precision arithmetic"),
			 errdetail("Detector \"%s\" needs differences and squares of them.",
					   detector),
			 errhint("Scale them with ad_prepare(scale => 'standard'), or multiply them by a constant."),
			 ad_errdata()));
}

bool
ad_all_finite(const double *v, Size n)
{
	for (Size i = 0; i < n; i++)
		if (!isfinite(v[i]))
			return false;
	return true;
}

/*
 * Means of the columns, n > 0; not finite if a sum is not.  Sums are of
 * differences from the first row: the mean of equal numbers is that number,
 * and whole numbers far from zero lose nothing.
 */
void
ad_column_means(const double *x, Size n, int cols, double *mean)
{
	Size		block = Max((Size) BLOCK * 16 / cols, 1);
	double	   *squares = ad_palloc0_array(double, cols);

	memset(mean, 0, cols * sizeof(double));
	for (Size i = 0; i < n; i += block)
	{
		CHECK_FOR_INTERRUPTS();
		ad_column_sums(x + i * cols, Min(block, n - i), cols, x, mean, squares);
	}
	for (int j = 0; j < cols; j++)
		mean[j] = x[j] + mean[j] / (double) n;
	pfree(squares);
}

/*
 * How many values of each column are at most a limit, NaN being none; a limit
 * that is NaN has none.
 */
void
ad_count_at_most(const double *x, Size n, int cols, const double *limit,
				 int64 *count)
{
	Size		block = Max((Size) BLOCK * 16 / cols, 1);

	memset(count, 0, cols * sizeof(int64));
	for (Size i = 0; i < n; i += block)
	{
		CHECK_FOR_INTERRUPTS();
		ad_column_counts(x + i * cols, Min(block, n - i), cols, limit, count);
	}
}

/* A scatter's upper blocks as a whole matrix, divided. */
static void
scatter_matrix(const double *s, int cols, double divisor, double *a)
{
	Size		lanes = AD_PAD_LANES(cols);

	for (int i = 0; i < cols; i++)
		for (int j = i; j < cols; j++)
			a[(Size) i * cols + j] = a[(Size) j * cols + i] =
				s[i * lanes + j] / divisor;
}

/* Covariance about a mean, cols x cols; cancellable. */
void
ad_covariance(const double *x, Size n, int cols, const double *mean,
			  double divisor, double *cov)
{
	Size		block = Max((Size) BLOCK * 64 / cols / cols, 4);
	double	   *s = ad_palloc0_array(double,
									 ad_mul_size(cols, AD_PAD_LANES(cols)));

	for (Size i = 0; i < n; i += block)
	{
		CHECK_FOR_INTERRUPTS();
		ad_scatter_add(x + i * cols, Min(block, n - i), cols, mean, NULL, s);
	}
	scatter_matrix(s, cols, divisor, cov);
	pfree(s);
}

/* ln Gamma(x) for x > 0, by Stirling's series at x + m >= 20. */
static double
log_gamma(double x)
{
	double		product = 1;
	double		z;

	while (x < 20)
		product *= x++;
	z = 1 / (x * x);
	return (x - 0.5) * ad_log(x) - x + 0.91893853320467274178 +
		(1.0 / 12 - z * (1.0 / 360 - z * (1.0 / 1260 - z * (1.0 / 1680 -
															z / 1188)))) / x -
		ad_log(product);
}

/* The regularised lower incomplete gamma function P(a, x), x > 0. */
static double
gamma_p(double a, double x)
{
	double		front = ad_exp2((a * ad_log(x) - x - log_gamma(a)) *
								1.44269504088896340736);

	if (x < a + 1)
	{
		double		term = 1 / a;
		double		sum = term;

		for (int i = 1; i < 100000 && term > sum * 1e-17; i++)
		{
			term *= x / (a + i);
			sum += term;
		}
		return sum * front;
	}
	else
	{
		/* continued fraction of Q(a, x), by Lentz's method */
		double		b = x + 1 - a;
		double		c = 1 / DBL_MIN;
		double		d = 1 / b;
		double		h = d;

		for (int i = 1; i < 100000; i++)
		{
			double		an = -i * (i - a);
			double		delta;

			b += 2;
			d = an * d + b;
			d = fabs(d) < DBL_MIN ? DBL_MIN : d;
			c = b + an / c;
			c = fabs(c) < DBL_MIN ? DBL_MIN : c;
			d = 1 / d;
			delta = d * c;
			h *= delta;
			if (fabs(delta - 1) < 1e-16)
				break;
		}
		return 1 - front * h;
	}
}

/* The p-quantile of the chi-square distribution, 0 < p < 1, by bisection. */
double
ad_chi2_quantile(double df, double p)
{
	double		low = 0;
	double		high = df + 10;

	while (gamma_p(df / 2, high / 2) < p)
		high *= 2;
	for (int i = 0; i < 200; i++)
	{
		double		middle = low + (high - low) / 2;

		if (middle <= low || middle >= high)
			break;
		if (gamma_p(df / 2, middle / 2) < p)
			low = middle;
		else
			high = middle;
	}
	return high;
}
