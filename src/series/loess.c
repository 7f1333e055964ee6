/*-------------------------------------------------------------------------
 *
 * loess.c
 *		Locally weighted regression over equally spaced points.
 *
 * Cleveland & Devlin (1988) as it is used inside STL (Cleveland, Cleveland,
 * McRae & Terpenning 1990, "STL: a seasonal-trend decomposition procedure
 * based on loess", Journal of Official Statistics 6, 3-73): tricube
 * weights over the nearest "window" points, degree 0 or 1, evaluated at
 * every "jump"-th point with straight lines between.
 *
 * On equally spaced points all interior windows have the same tricube
 * weights, and a symmetric window makes the line's slope irrelevant at its
 * middle: without robustness weights the smoother is one fixed filter
 * there, and only windows that touch an end need their own weights.  With
 * robustness weights the tricube factors are still shared; the sums are
 * not.  Corner cases follow the published Fortran: the effective width
 * grows by (window - n) / 2 when the window is longer than the series, the
 * slope is left out when the points' spread is below a thousandth of the
 * series' length, a window without weight keeps the value, and the last
 * point is evaluated with the window of the last jump.
 *
 *-------------------------------------------------------------------------
 */
#include "series/ad_smoother.h"

/* Multiply-adds between two looks for a cancel. */
#define WORK_PER_CHECK	65536

/*
 * Return the tricube weight at distance d for bandwidth h, with STL's two
 * cut-offs.
 */
static inline double
tricube(double d, double h)
{
	double		u;

	if (d <= .001 * h)
		return 1.0;
	if (d > .999 * h)
		return 0.0;
	u = d / h;
	u = 1.0 - u * u * u;
	return u * u * u;
}

/*
 * Prepare a smoother for series of n points.  Arrays are palloc'd in the
 * current context; "window" must be odd.
 */
void
ad_loess_init(AdLoess *l, Size window, int degree, Size jump, Size n)
{
	Size		used = Min(window, n);
	double		sum = 0;

	l->window = window;
	l->half = (window - 1) / 2;
	l->degree = degree;
	l->jump = Max(jump, 1);
	l->nblocks = (used + AD_LOESS_LANES - 1) / AD_LOESS_LANES;
	l->edge = ad_palloc0_array(double, used + AD_LOESS_PAD);
	l->tricube = ad_palloc0_array(double, used + AD_LOESS_PAD);
	l->filter = ad_palloc0_array(double, used + AD_LOESS_PAD);
	if (window >= n)
		return;					/* no window is an interior one */

	for (Size j = 0; j < window; j++)
	{
		l->tricube[j] = tricube(fabs((double) j - (double) l->half),
								(double) l->half);
		sum += l->tricube[j];
	}
	for (Size j = 0; j < window; j++)
		l->filter[j] = l->tricube[j] / sum;
}

/*
 * Return the variance below which a window of a series of n points gets no
 * slope.
 */
double
ad_loess_limit(Size n)
{
	double		spread = .001 * (double) (n - 1);

	return spread * spread;
}

/*
 * Put into l->edge the weights of the window [left, right] for the value at
 * xs (which may lie outside it) in a series of n points.  Unweighted, these
 * are the final coefficients, slope included; weighted, the bare tricube
 * factors.  *limit is the variance a weighted window needs for a slope, or
 * infinity if there is none to have.  Return false if all factors are 0.
 */
bool
ad_loess_edge(const AdLoess *l, Size n, int64 xs, Size left, Size right,
			  bool weighted, double *limit)
{
	Size		width = right - left + 1;
	double		first = (double) left - (double) xs;
	double		h = Max((double) xs - (double) left,
						(double) right - (double) xs);
	double		sum = 0;
	double	   *w = l->edge;

	if (l->window > n)
		h += (double) ((l->window - n) / 2);

	for (Size j = 0; j < width; j++)
	{
		w[j] = tricube(fabs(first + (double) j), h);
		sum += w[j];
	}
	for (Size j = width; j % AD_LOESS_LANES != 0; j++)
		w[j] = 0;

	/* the spread of points within a window is at most half its width */
	*limit = ad_loess_limit(n);
	if (l->degree == 0 || h <= 0 ||
		0.25 * (double) (width - 1) * (double) (width - 1) <= *limit)
		*limit = INFINITY;

	if (sum <= 0)
		return false;
	if (weighted)
		return true;

	for (Size j = 0; j < width; j++)
		w[j] /= sum;
	if (!isinf(*limit))
	{
		double		a = 0;
		double		c = 0;

		for (Size j = 0; j < width; j++)
			a += w[j] * (first + (double) j);
		for (Size j = 0; j < width; j++)
		{
			double		d = first + (double) j - a;

			c += w[j] * d * d;
		}
		if (c > *limit)
		{
			double		b = -a / c;

			for (Size j = 0; j < width; j++)
				w[j] *= b * (first + (double) j - a) + 1.0;
		}
	}
	return true;
}

/* Return the value of a weighted window from its sums. */
static inline double
window_value(const AdLoessSums *s, double limit, double kept)
{
	double		a,
				c,
				flat;

	if (!(s->s0 > 0))
		return kept;
	flat = s->t0 / s->s0;
	if (isinf(limit))
		return flat;
	a = s->s1 / s->s0;
	c = s->s2 / s->s0 - a * a;
	if (!(c > limit))
		return flat;
	return flat - a / c * (s->t1 / s->s0 - a * flat);
}

/* Return the smoothed value at i from the window [left, right]. */
static double
evaluate(const AdLoess *l, const AdLoessKernels *k, const double *y, Size n,
		 const double *r, Size i, Size left, Size right)
{
	bool		interior = l->window < n && left + l->half == i &&
		right - left + 1 == l->window;
	Size		width = right - left + 1;
	Size		nblocks = (width + AD_LOESS_LANES - 1) / AD_LOESS_LANES;
	const double *w = l->edge;
	double		limit;
	AdLoessSums sums;

	if (interior)
	{
		if (r == NULL)
			return k->dot(l->filter, y + left, nblocks);
		w = l->tricube;
		limit = ad_loess_limit(n);
		if (l->degree == 0 ||
			(double) l->half * (double) l->half <= limit)
			limit = INFINITY;
	}
	else
	{
		if (!ad_loess_edge(l, n, (int64) i, left, right, r != NULL, &limit))
			return y[i];
		if (r == NULL)
			return k->dot(w, y + left, nblocks);
	}

	if (isinf(limit))
		k->dot_weighted(w, r + left, y + left, nblocks, &sums);
	else
		k->dot_line(w, r + left, y + left, nblocks,
					(double) left - (double) i, &sums);
	return window_value(&sums, limit, y[i]);
}

/*
 * Smooth n points into out, with robustness weights r or none (NULL).
 * y, r: AD_LOESS_PAD readable finite values behind the end.
 */
void
ad_loess_smooth(const AdLoess *l, const AdLoessKernels *k, const double *y,
				Size n, const double *r, double *out)
{
	Size		jump;
	Size		left = 0;
	Size		right = 0;
	Size		i;
	Size		last = 0;
	Size		work = 0;

	if (n < 2)
	{
		if (n == 1)
			out[0] = y[0];
		return;
	}
	jump = Min(l->jump, n - 1);

	for (i = 0; i < n; i += jump)
	{
		if (l->window >= n)
		{
			left = 0;
			right = n - 1;
		}
		else
		{
			left = i > l->half ? Min(i - l->half, n - l->window) : 0;
			right = left + l->window - 1;
			if (jump == 1 && r == NULL && i == l->half)
			{
				/* all interior points in one sweep, a piece at a time */
				Size		count = n - 2 * l->half;
				Size		piece = Max(WORK_PER_CHECK / l->window, 64);

				for (Size done = 0; done < count; done += piece)
				{
					CHECK_FOR_INTERRUPTS();
					k->filter(l->filter, l->window, y + done, 1,
							  Min(piece, count - done), out + i + done);
				}
				i += count - 1;
				last = i;
				continue;
			}
		}
		out[i] = evaluate(l, k, y, n, r, i, left, right);
		if (jump > 1 && i > 0)
			k->line(out[last], (out[i] - out[last]) / (double) jump, jump,
					out + last);
		last = i;
		work += right - left + 1 + jump;
		if (work > WORK_PER_CHECK)
		{
			work = 0;
			CHECK_FOR_INTERRUPTS();
		}
	}
	if (jump > 1 && last != n - 1)
	{
		out[n - 1] = evaluate(l, k, y, n, r, n - 1, left, right);
		k->line(out[last], (out[n - 1] - out[last]) / (double) (n - 1 - last),
				n - 1 - last, out + last);
	}
}
