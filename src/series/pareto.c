/*-------------------------------------------------------------------------
 *
 * pareto.c
 *		Peaks over threshold: a generalised Pareto tail and its quantile.
 *
 * Siffer, Fouque, Termier & Largouet (2017), "Anomaly detection in streams
 * with extreme value theory", KDD: the excesses over a high level follow a
 * generalised Pareto distribution, whose extrapolation gives the value that
 * is exceeded with a chosen small risk.  The parameters come from
 * probability-weighted moments (Hosking & Wallis 1987), a closed form that
 * is stable for few excesses, where the paper searches for a likelihood
 * root.  Excesses beyond twenty times their median are left out: one wild
 * outlier must not raise the threshold above itself.  The shape is kept
 * within [-0.5, 0.5].
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_elementary.h"
#include "math/ad_math.h"
#include "series/ad_pareto.h"

#define GROSS		20.0		/* times the median excess: not of the tail */
#define MAX_SHAPE	0.5

/*
 * Fit shape and scale to n >= 1 non-negative excesses, which get sorted.
 * level and share are the caller's.
 */
void
ad_pareto_fit(double *excess, Size n, AdParetoTail *tail)
{
	double		cut;
	double		a0 = 0;
	double		a1 = 0;
	Size		m = n;

	ad_sort_doubles(excess, n);
	cut = GROSS * excess[n / 2];
	while (m > 1 && excess[m - 1] > cut)
		m--;
	for (Size i = 0; i < m; i++)
	{
		/* a1 estimates E[x (1 - F(x))] */
		a0 += excess[i];
		a1 += excess[i] * (1.0 - ((double) i + 0.65) / (double) m);
	}
	a0 /= (double) m;
	a1 /= (double) m;

	if (m < 3 || !(a0 - 2 * a1 > 0))
		tail->shape = 0;
	else
		tail->shape = 2.0 - a0 / (a0 - 2 * a1);
	tail->shape = Max(Min(tail->shape, MAX_SHAPE), -MAX_SHAPE);
	/* keep the mean: sigma = mean (1 - gamma) */
	tail->scale = a0 * (1.0 - tail->shape);
}

/* Return the value exceeded with the given probability of all observations. */
double
ad_pareto_quantile(const AdParetoTail *tail, double risk)
{
	double		u = ad_log(tail->share / risk);

	if (tail->share <= risk)
		return tail->level;
	if (fabs(tail->shape) < 1e-6)
		return tail->level + tail->scale * u;
	return tail->level + tail->scale / tail->shape *
		(ad_exp2(tail->shape * u / 0.69314718055994530942) - 1.0);
}
