/*-------------------------------------------------------------------------
 *
 * stl.c
 *		STL: seasonal-trend decomposition by LOESS, for one period.
 *
 * Cleveland, Cleveland, McRae & Terpenning (1990), Journal of Official
 * Statistics 6, 3-73.  The steps and their corner cases follow the
 * published Fortran, so the results equal R's stl() and statsmodels' STL.
 *
 * What makes it fast is the order of the loops.  The cycle-subseries (all
 * Januaries, all Mondays at 10:05) are never gathered: smoothing phase p
 * over the cycles is, for all phases at once, a filter along the series
 * with stride n_p, so it runs over contiguous memory, and the interior of
 * the whole series is a single such sweep.  Phases below n mod n_p have one
 * cycle more than the others; only the cycles next to an end tell the two
 * groups apart.  Trend and low-pass LOESS are evaluated at their jump
 * points only.  Moving averages restart from an exact sum every segment,
 * four segments in step, so that they neither drift nor wait for one
 * addition after the other.
 *
 * Missing points have weight 0 in every weighted sum.  Their value is then
 * irrelevant except where a whole window has no weight; there the method
 * keeps the value, so a missing one is kept at trend + season of the
 * iteration before.
 *
 *-------------------------------------------------------------------------
 */
#include "series/ad_smoother.h"
#include "series/ad_stl.h"

#define SEGMENT			512		/* least points between two exact sums */
#define PIECE			8192	/* points of a sweep between interrupts */

/* Return the doubles of the work areas for n points and the given period. */
Size
ad_stl_work_doubles(Size n, Size period)
{
	return ad_mul_size(4, ad_add_size(n, 2 * period + 2 * AD_LOESS_PAD));
}

/* Divide a block into work areas. */
void
ad_stl_work_init(AdStlWork *work, Size n, Size period, double *block)
{
	Size		longest = n + 2 * period + 2 * AD_LOESS_PAD;

	work->kernels = ad_loess_kernels(ad_simd_width());
	work->n = n;
	work->period = period;
	work->detrended = block;
	work->cycle = block + longest;
	work->pass = block + 2 * longest;
	work->low = block + 3 * longest;
	/* what the kernels may read behind the end must be finite */
	memset(work->detrended + n, 0, AD_LOESS_PAD * sizeof(double));
	memset(work->pass + n, 0,
		   (2 * period + 2 * AD_LOESS_PAD) * sizeof(double));
}

/* Make one vertical sweep over "count" points, in pieces, with interrupts. */
static void
sweep(const AdLoessKernels *k, const double *w, Size width, double x0,
	  double limit, const double *x, const double *r, Size stride,
	  Size count, const double *kept, double *out)
{
	for (Size done = 0; done < count; done += PIECE)
	{
		Size		n = Min(PIECE, count - done);

		CHECK_FOR_INTERRUPTS();
		if (r == NULL)
			k->filter(w, width, x + done, stride, n, out + done);
		else if (isinf(limit))
			k->filter_weighted(w, width, x + done, r + done, stride, n,
							   kept + done, out + done);
		else
			k->filter_line(w, width, x + done, r + done, stride, n, x0,
						   limit, kept + done, out + done);
	}
}

/*
 * Return the weights of the window [left, right] at cycle c of m, and the limit
 * of ad_loess_edge(): interior windows share theirs.
 */
static const double *
cycle_weights(const AdLoess *l, Size m, Size c, Size left, Size right,
			  bool weighted, double *limit)
{
	if (l->window < m && left + l->half == c)
	{
		*limit = ad_loess_limit(m);
		if (l->degree == 0 || (double) l->half * (double) l->half <= *limit)
			*limit = INFINITY;
		return weighted ? l->tricube : l->filter;
	}
	(void) ad_loess_edge(l, m, (int64) c, left, right, weighted, limit);
	return l->edge;
}

/*
 * Smooth the cycles of phases [phase, phase + count), which have m cycles
 * each, skipping the evaluated ones in [skip_from, skip_to) (done already).
 * out is n + 2 period long: cycle c of the series is cycle c + 1 there.
 */
static void
smooth_phases(const AdStlWork *work, const AdStlParams *p, const AdLoess *l,
			  const double *x, const double *r, Size phase, Size count,
			  Size m, Size skip_from, Size skip_to, double *out)
{
	const AdLoessKernels *k = work->kernels;
	Size		np = p->period;
	Size		jump = Min(l->jump, m - 1);
	Size		last = 0;
	Size		left = 0;
	Size		right = m - 1;
	double		limit;

	if (count == 0)
		return;
	x += phase;
	out += phase;
	if (r)
		r += phase;

	for (Size c = 0;;)
	{
		if (l->window < m)
		{
			left = c > l->half ? Min(c - l->half, m - l->window) : 0;
			right = left + l->window - 1;
		}
		if (c < skip_from || c >= skip_to)
		{
			const double *w = cycle_weights(l, m, c, left, right, r != NULL,
											&limit);

			sweep(k, w, right - left + 1, (double) left - (double) c,
				  limit, x + left * np, r ? r + left * np : NULL, np, count,
				  x + c * np, out + (c + 1) * np);
		}
		if (c > last + 1)
			for (Size j = last + 1; j < c; j++)
				k->between(out + (last + 1) * np, out + (c + 1) * np,
						   (double) (j - last) / (double) (c - last), count,
						   out + (j + 1) * np);
		last = c;
		if (c + jump < m)
			c += jump;
		else
			break;
	}
	if (last != m - 1)
	{
		/* the last cycle, with the window of the last jump */
		(void) ad_loess_edge(l, m, (int64) (m - 1), left, right, r != NULL,
							 &limit);
		sweep(k, l->edge, right - left + 1,
			  (double) left - (double) (m - 1), limit, x + left * np,
			  r ? r + left * np : NULL, np, count, x + (m - 1) * np,
			  out + m * np);
		for (Size j = last + 1; j < m - 1; j++)
			k->between(out + (last + 1) * np, out + m * np,
					   (double) (j - last) / (double) (m - 1 - last), count,
					   out + (j + 1) * np);
	}

	/* one cycle before the first and one behind the last */
	left = 0;
	right = Min(l->window, m) - 1;
	(void) ad_loess_edge(l, m, -1, left, right, r != NULL, &limit);
	sweep(k, l->edge, right - left + 1, 1.0, limit, x, r, np, count,
		  out + np, out);
	left = m > l->window ? m - l->window : 0;
	right = m - 1;
	(void) ad_loess_edge(l, m, (int64) m, left, right, r != NULL, &limit);
	sweep(k, l->edge, right - left + 1, (double) left - (double) m, limit,
		  x + left * np, r ? r + left * np : NULL, np, count, out + m * np,
		  out + (m + 1) * np);
}

/* Smooth every cycle-subseries of x into work->cycle. */
static void
smooth_cycles(const AdStlWork *work, const AdStlParams *p, const AdLoess *l,
			  const double *x, Size n, const double *r)
{
	Size		np = p->period;
	Size		cycles = n / np;
	Size		extra = n % np;
	Size		skip_from = 0;
	Size		skip_to = 0;
	double	   *out = work->cycle;

	if (l->jump == 1 && l->window < cycles)
	{
		/* cycles [half, m - half) of all phases in one go */
		Size		first = l->half * np;
		double		limit = ad_loess_limit(cycles);

		/* the two groups share a window's weights but not this limit */
		if (l->degree == 0 || r == NULL)
			limit = INFINITY;
		else if (extra > 0)
			limit = NAN;
		if (!isnan(limit))
		{
			skip_from = l->half;
			skip_to = cycles - l->half;
			sweep(work->kernels, r ? l->tricube : l->filter, l->window,
				  -(double) l->half, limit, x, r, np, n - 2 * first,
				  x + first, out + np + first);
		}
	}
	smooth_phases(work, p, l, x, r, 0, extra, cycles + 1, skip_from,
				  skip_to > 0 ? skip_to + 1 : 0, out);
	smooth_phases(work, p, l, x, r, extra, np - extra, cycles, skip_from,
				  skip_to, out);
}

/* Set out to the means of "width" successive values: n - width + 1 of them. */
static void
moving_average(const double *x, Size n, Size width, double *out)
{
	Size		count = n - width + 1;
	Size		segment = Max(width, SEGMENT);
	double		scale = 1.0 / (double) width;
	Size		start = 0;

	while (start < count)
	{
		double		sum[4] = {0, 0, 0, 0};
		const double *from[4];
		Size		length[4];
		Size		common;

		CHECK_FOR_INTERRUPTS();
		for (int s = 0; s < 4; s++)
		{
			Size		begin = start + s * segment;

			length[s] = begin < count ? Min(segment, count - begin) : 0;
			from[s] = x + begin;
			if (length[s] > 0)
			{
				double		part[4] = {0, 0, 0, 0};
				Size		j = 0;

				for (; j + 4 <= width; j += 4)
				{
					part[0] += from[s][j];
					part[1] += from[s][j + 1];
					part[2] += from[s][j + 2];
					part[3] += from[s][j + 3];
				}
				for (; j < width; j++)
					part[0] += from[s][j];
				sum[s] = (part[0] + part[1]) + (part[2] + part[3]);
			}
		}
		common = length[3];
		for (Size j = 0; j < common; j++)
		{
			double	   *o = out + start + j;

			o[0] = sum[0] * scale;
			o[segment] = sum[1] * scale;
			o[2 * segment] = sum[2] * scale;
			o[3 * segment] = sum[3] * scale;
			sum[0] += from[0][j + width] - from[0][j];
			sum[1] += from[1][j + width] - from[1][j];
			sum[2] += from[2][j + width] - from[2][j];
			sum[3] += from[3][j + width] - from[3][j];
		}
		for (int s = 0; s < 4; s++)
			for (Size j = common; j < length[s]; j++)
			{
				out[start + s * segment + j] = sum[s] * scale;
				sum[s] += from[s][j + width] - from[s][j];
			}
		start += 4 * segment;
	}
}

/*
 * Set the robustness weights of the residuals |y - season - trend|: bisquare
 * with six times their median; 0 for missing points, which have no residual.
 */
static void
robustness(const AdStlWork *work, const double *y, Size n,
		   const uint32 *missing, Size nmissing, const double *season,
		   const double *trend, double *weight)
{
	double	   *residual = work->detrended;
	double	   *present = residual;
	Size		npresent = n;
	double		h;

	work->kernels->absolute(y, season, trend, n, residual);
	if (nmissing > 0)
	{
		Size		next = 0;

		present = work->low;
		npresent = 0;
		for (Size i = 0; i < n; i++)
		{
			if (next < nmissing && missing[next] == i)
				next++;
			else
				present[npresent++] = residual[i];
		}
	}
	CHECK_FOR_INTERRUPTS();
	h = npresent > 0 ?
		6.0 * ad_series_median_of(present, npresent, work->pass) : 0.0;
	work->kernels->bisquare(residual, h, n, weight);
	for (Size i = 0; i < nmissing; i++)
		weight[missing[i]] = 0;
	CHECK_FOR_INTERRUPTS();
}

/* Replace the season by the mean of each phase, taken over its cycles. */
static void
make_periodic(double *season, Size n, Size np)
{
	for (Size p = 0; p < np; p++)
	{
		double		sum = 0;
		Size		m = 0;

		AD_CHECK_EVERY_1024(p);
		for (Size i = p; i < n; i += np, m++)
			sum += season[i];
		for (Size i = p; i < n; i += np)
			season[i] = sum / (double) m;
	}
}

/*
 * Decompose y (n >= 2 periods; AD_LOESS_PAD zeros behind its end, as behind
 * those of the outputs) into season and trend, with the robustness weights
 * of the last pass.  "missing" lists in ascending order the points without
 * a value; y holds a placeholder there, which is overwritten.
 */
void
ad_stl_fit(const AdStlWork *work, const AdStlParams *p, double *y, Size n,
		   const uint32 *missing, Size nmissing, double *season,
		   double *trend, double *weight)
{
	const AdLoessKernels *k = work->kernels;
	Size		np = p->period;
	Size		longest = n + 2 * np;
	AdLoess		ls,
				lt,
				ll;
	const double *r = NULL;
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext,
												  "anomaly stl",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);

	Assert(n >= 2 * np && n <= work->n && np <= work->period);
	ad_loess_init(&ls, p->s_window, p->s_degree, p->s_jump, n / np + 1);
	ad_loess_init(&lt, p->t_window, p->t_degree, p->t_jump, n);
	ad_loess_init(&ll, p->l_window, p->l_degree, p->l_jump, n);

	memset(trend, 0, n * sizeof(double));
	if (nmissing > 0)
	{
		for (Size i = 0; i < n; i++)
			weight[i] = 1.0;
		for (Size i = 0; i < nmissing; i++)
			weight[missing[i]] = 0;
		r = weight;
	}

	for (int outer = 0;; outer++)
	{
		for (int inner = 0; inner < p->inner; inner++)
		{
			CHECK_FOR_INTERRUPTS();
			k->subtract(y, trend, n, work->detrended);
			smooth_cycles(work, p, &ls, work->detrended, n, r);
			moving_average(work->cycle, longest, np, work->pass);
			moving_average(work->pass, longest - np + 1, np, work->low);
			k->mean3(work->low, n, work->pass);
			ad_loess_smooth(&ll, k, work->pass, n, NULL, work->low);
			CHECK_FOR_INTERRUPTS();
			k->subtract(work->cycle + np, work->low, n, season);
			k->subtract(y, season, n, work->detrended);
			ad_loess_smooth(&lt, k, work->detrended, n, r, trend);
			for (Size i = 0; i < nmissing; i++)
				y[missing[i]] = season[missing[i]] + trend[missing[i]];
		}
		if (outer >= p->outer)
			break;
		if (outer == 0 && p->plain)
			for (Size i = 0; i < n; i++)
				p->plain[i] = season[i] + trend[i];
		robustness(work, y, n, missing, nmissing, season, trend, weight);
		r = weight;
	}
	if (p->outer <= 0 && nmissing == 0)
		for (Size i = 0; i < n; i++)
			weight[i] = 1.0;
	if (p->periodic)
		make_periodic(season, n, np);

	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
}
