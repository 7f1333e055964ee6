/*-------------------------------------------------------------------------
 *
 * resampled.c
 *		Mean and spread of figures that were measured on overlapping folds.
 *
 * Fits of different folds share most of their rows, so their figures are less
 * independent than they look, and s²/n is too small a variance of the mean.
 * Nadeau and Bengio (Inference for the generalization error, Machine Learning
 * 52, 2003) put (1/n + test rows / training rows) s² in its place, with n - 1
 * degrees of freedom; Bouckaert and Frank (2004) do so for repeated folds.
 *
 *-------------------------------------------------------------------------
 */
#include "compare/ad_compare.h"

#include "math/ad_math.h"

/*
 * What n figures say, of which those that are NaN are left out.  "ratio" is
 * that of rows scored to rows fitted, 0 if the figures are independent.
 * Figures that are all equal have no spread: any mean but 0 is then certain.
 */
void
ad_resampled(const double *figures, int n, double ratio, double confidence,
			 AdResampled *out)
{
	double		sum = 0;
	double		squares = 0;
	double		t;

	memset(out, 0, sizeof(*out));
	out->deviation = out->error = out->low = out->high = out->p_value = NAN;
	for (int i = 0; i < n; i++)
		if (!isnan(figures[i]))
		{
			sum += figures[i];
			out->n++;
		}
	out->mean = out->n > 0 ? sum / out->n : NAN;
	if (out->n < 2)
		return;
	for (int i = 0; i < n; i++)
		if (!isnan(figures[i]))
			squares += (figures[i] - out->mean) * (figures[i] - out->mean);
	out->deviation = sqrt(squares / (out->n - 1));
	/* what rounding makes of equal figures is none */
	if (out->deviation <= 1e-14 * fabs(out->mean))
		out->deviation = 0;
	out->error = out->deviation * sqrt(1.0 / out->n + ratio);
	t = ad_student_limit(1 - confidence, out->n - 1);
	out->low = out->mean - t * out->error;
	out->high = out->mean + t * out->error;
	if (out->error > 0)
		out->p_value = ad_student_beyond(out->mean / out->error, out->n - 1);
	else
		out->p_value = out->mean == 0 ? 1 : 0;
}
