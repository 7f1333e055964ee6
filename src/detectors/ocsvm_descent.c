/*-------------------------------------------------------------------------
 *
 * ocsvm_descent.c
 *		Stochastic gradient descent for the one-class primal.
 *
 * What it sees of a row are the columns themselves (a linear kernel), or
 * random Fourier features (Rahimi and Recht, NIPS 2007) that stand for the
 * RBF kernel.  Steps are 1 / (nu t), the weights of the last epochs are
 * averaged, and rho is then the quantile nu of f over the rows, which is
 * what it is at the optimum.  With nu below 1 / rows no row is outside,
 * whatever it is: they all descend as 1 / rows does.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_random.h"
#include "detectors/ocsvm.h"
#include "math/ad_kernel.h"
#include "math/ad_math.h"

#define MAX_FEATURE_BYTES ((Size) 128 * 1024 * 1024)	/* of random features */
#define EPOCHS			6
#define AVERAGED		2		/* of these, the last ones */

/* Draw the random features, if there are to be any. */
static void
draw_features(AdOcsvmDescent *p)
{
	AdRandom	random;
	uint32		n = p->features;
	Size		total = ad_mul_size(n, p->m->cols);

	if (ad_mul_size(total, sizeof(float)) > MAX_FEATURE_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("features of %d columns need %zu MB, limit is %zu MB",
						p->m->cols, ad_megabytes(total * sizeof(float)),
						MAX_FEATURE_BYTES / (1024 * 1024)),
				 errhint("Lower features in ad_ocsvm(), or give fewer columns.")));
	p->nz = n > 0 ? n : (uint32) p->m->cols;
	p->x = ad_palloc_array(float, p->m->cols);
	p->z = n > 0 ? ad_palloc_array(float, n) : p->x;
	if (n == 0)
		return;
	p->phase = ad_palloc_array(float, n);
	p->frequency = ad_palloc_array(float, total);
	ad_random_seed(&random, p->m->seed, AD_STREAM_FOURIER_FEATURES);

	/* exp(-|d|^2) is the mean of cos(w d) with w normal of variance 2 */
	for (Size i = 0; i < total; i++)
	{
		AD_CHECK_EVERY_1024(i);
		p->frequency[i] = (float) (ad_random_normal(&random) *
								   (1.41421356237309504880 /
									6.28318530717958647693));
	}
	for (uint32 i = 0; i < n; i++)
		p->phase[i] = (float) ad_random_double(&random);
}

/* Make what is seen of a row. */
static void
row_features(AdOcsvmDescent *p, Size row)
{
	int			cols = p->m->cols;
	const double *x = p->m->x + row * cols;

	/* thousands of features of thousands of columns take milliseconds */
	CHECK_FOR_INTERRUPTS();
	for (int c = 0; c < cols; c++)
	{
		double		v = (x[c] - p->center[c]) * p->root;

		ad_ocsvm_check_magnitude(v);
		p->x[c] = (float) v;
	}
	if (p->features > 0)
		ad_kernels->cosines(p->frequency, p->features, p->features, cols,
							p->x, p->phase, p->z);
}

/* w . z of the row whose features were made last. */
static double
row_value(const AdOcsvmDescent *p, const double *w)
{
	double		lane[8] = {0};
	Size		k = 0;

	for (; k + 8 <= p->nz; k += 8)
		for (int l = 0; l < 8; l++)
			lane[l] += w[k + l] * p->z[k + l];
	for (int l = 0; k < p->nz; k++, l++)
		lane[l] += w[k] * p->z[k];
	return ((lane[0] + lane[1]) + (lane[2] + lane[3])) +
		((lane[4] + lane[5]) + (lane[6] + lane[7]));
}

/* The unit of dot products in which rows have a mean squared length of 1. */
static double
product_unit(AdOcsvmDescent *p)
{
	double		length = 0;

	if (p->features > 0)
		return 2.0 / p->features;
	for (Size i = 0; i < p->m->rows; i++)
	{
		row_features(p, i);
		for (Size k = 0; k < p->nz; k++)
			length += (double) p->z[k] * p->z[k] / (double) p->m->rows;
	}
	return length > 0 ? 1 / length : 1;
}

/*
 * Descend through the epochs, each in an order of its own; adds the weights
 * of the averaged ones up.
 */
static void
descend(AdOcsvmDescent *p, double unit, double *sum)
{
	Size		rows = p->m->rows;
	Size	   *order = ad_palloc_array(Size, rows);
	double	   *w = p->weight;
	double		scale = 1;		/* the weights are scale times w */
	double		rho = 0;
	double		t = 0;
	double		nu = Max(p->nu, 1 / (double) rows);
	AdRandom	random;

	for (Size i = 0; i < rows; i++)
		order[i] = i;
	ad_random_seed(&random, p->m->seed, AD_STREAM_DESCENT);
	for (int epoch = 0; epoch < EPOCHS; epoch++)
	{
		bool		averaged = epoch >= EPOCHS - AVERAGED;

		for (Size i = 0; i < rows; i++)
		{
			Size		j = i + (Size) ad_random_below(&random, rows - i);
			Size		row = order[j];
			bool		outside;

			order[j] = order[i];
			order[i] = row;
			row_features(p, row);
			outside = unit * scale * row_value(p, w) < rho;

			/*
			 * w -= eta (w - [outside] z / nu), rho += eta (1 - [outside] /
			 * nu)
			 */
			t++;
			scale *= 1 - 1 / (t + 1);
			rho += (1 - (outside ? 1 / nu : 0)) / (t + 1);
			if (outside)
			{
				double		step = 1 / (nu * (t + 1) * scale);

				for (Size k = 0; k < p->nz; k++)
					w[k] += step * p->z[k];
			}
			if (averaged)
				for (Size k = 0; k < p->nz; k++)
					sum[k] += scale * w[k];
		}
	}
	pfree(order);
}

/* Solve: fills weight, rho and the features.  O(rows), a few epochs. */
void
ad_ocsvm_descend(AdOcsvmDescent *p)
{
	Size		rows = p->m->rows;
	double	   *value = ad_palloc_array(double, rows);
	double	   *sum;
	double		unit;
	Size		outside = (Size) (p->nu * (double) rows);

	draw_features(p);
	unit = product_unit(p);
	p->weight = ad_palloc0_array(double, p->nz);
	sum = ad_palloc0_array(double, p->nz);
	descend(p, unit, sum);
	for (Size k = 0; k < p->nz; k++)
		p->weight[k] = (p->features > 0 ? unit : 1) * sum[k] /
			((double) AVERAGED * rows);
	for (Size i = 0; i < rows; i++)
	{
		row_features(p, i);
		value[i] = row_value(p, p->weight);
	}
	p->rho = ad_quantile(value, rows, p->nu);
	if (p->features > 0 && outside < rows)
	{
		ad_select(value, rows, outside);
		p->rho = Min(p->rho, value[outside]);
	}
	pfree(value);
	pfree(sum);
}
