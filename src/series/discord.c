/*-------------------------------------------------------------------------
 *
 * discord.c
 *		The exact matrix profile: every window's nearest other window.
 *
 * The distance is the Euclidean one between z-normalised windows of m
 * points, d = sqrt(2 m (1 - c)) with c their correlation (Yeh et al. 2016,
 * "Matrix Profile I").  A discord, the window farthest from its nearest
 * neighbour, is a shape that occurs only once.
 *
 * Covariances follow each diagonal by Kamgar's recurrence (mpx; Zimmerman
 * et al. 2019, "Matrix Profile XIV"), cov(i, j) = cov(i-1, j-1) + df_i dg_j
 * + df_j dg_i, one row at a time for all diagonals, so that the loop runs
 * over contiguous memory (math/simd_profile.c); each pair serves both of
 * its windows.  Every few hundred rows all covariances start afresh, which
 * keeps rounding from building up, and at the end each window's distance is
 * computed anew from its own and its neighbour's points.
 *
 * Windows without variation: two of them are at distance 0, one and any
 * other at sqrt(m), as their normalised form is the zero vector.  Windows
 * with a missing point have no distance and are nobody's neighbour.
 *
 *-------------------------------------------------------------------------
 */
#include "math/ad_profile.h"
#include "series/ad_shape.h"

#define PENALTY		(-8.0)		/* below every correlation */

/* Mean of m points. */
static double
mean_of(const double *x, Size m)
{
	double		sum[4] = {0, 0, 0, 0};
	Size		t = 0;

	for (; t + 4 <= m; t += 4)
	{
		sum[0] += x[t];
		sum[1] += x[t + 1];
		sum[2] += x[t + 2];
		sum[3] += x[t + 3];
	}
	for (; t < m; t++)
		sum[0] += x[t];
	return ((sum[0] + sum[1]) + (sum[2] + sum[3])) / (double) m;
}

/* The distance of two windows that both vary, from their points. */
static double
exact_distance(const double *a, const double *b, double ma, double mb,
			   double na, double nb, Size m)
{
	double		sum = 0;
	double		scale = sqrt((double) m);

	for (Size t = 0; t < m; t++)
	{
		double		d = (a[t] - ma) * na - (b[t] - mb) * nb;

		sum += d * d;
	}
	return sqrt(sum) * scale;
}

/*
 * For each of the n - m + 1 windows its distance to the nearest one that
 * starts more than "exclusion" points away, and that one's start.  Entries
 * without an answer are NaN and -1; both arrays are n long.
 */
void
ad_discord_profile(const double *y, Size n, Size m, Size exclusion,
				   double *distance, int64 *neighbor)
{
	MemoryContext mcxt;
	MemoryContext old;
	AdSimdWidth width = ad_simd_width();
	AdProfileRow row = ad_profile_row(width);
	const AdLoessKernels *kernels = ad_loess_kernels(width);
	Size		windows;
	double	   *x,
			   *mu,
			   *inv,
			   *df,
			   *dg,
			   *penalty,
			   *best,
			   *index,
			   *cov,
			   *centered;
	bool	   *flat;
	bool	   *valid;
	double		center = 0;
	double		scale = 0;
	Size		present = 0;
	Size		run = 0;
	Size		gap = 0;
	Size		restart = Max(4 * m, 256);
	int64		first_flat = -1;
	int64		last_flat = -1;

	for (Size i = 0; i < n; i++)
	{
		distance[i] = NAN;
		neighbor[i] = -1;
	}
	if (n < m || n - m + 1 <= exclusion + 1)
		return;
	windows = n - m + 1;

	mcxt = AllocSetContextCreate(CurrentMemoryContext,
								 "anomaly matrix profile",
								 ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(mcxt);
	x = ad_palloc0_array(double, n + AD_LOESS_PAD);
	mu = ad_palloc_array(double, windows);
	inv = ad_palloc0_array(double, windows + AD_LOESS_PAD);
	df = ad_palloc0_array(double, windows + AD_LOESS_PAD);
	dg = ad_palloc0_array(double, windows + AD_LOESS_PAD);
	penalty = ad_palloc0_array(double, windows + AD_LOESS_PAD);
	best = ad_palloc_array(double, windows + AD_LOESS_PAD);
	index = ad_palloc_array(double, windows + AD_LOESS_PAD);
	cov = ad_palloc0_array(double, windows + AD_LOESS_PAD);
	centered = ad_palloc0_array(double, m + AD_LOESS_PAD);
	flat = ad_palloc0_array(bool, windows);
	valid = ad_palloc0_array(bool, windows);

	/* correlations do not change with level and scale: make them moderate */
	for (Size i = 0; i < n; i++)
		if (isfinite(y[i]))
		{
			scale = Max(scale, fabs(y[i]));
			present++;
		}
	if (present == 0 || scale <= 0)
		scale = 1;
	for (Size i = 0; i < n; i++)
		if (isfinite(y[i]))
			center += y[i] / scale / (double) Max(present, 1);
	for (Size i = 0; i < n; i++)
		x[i] = isfinite(y[i]) ? y[i] / scale - center : 0;

	for (Size i = 0; i < n; i++)
	{
		gap = isfinite(y[i]) ? gap + 1 : 0;
		run = i > 0 && gap > 1 && y[i] == y[i - 1] ? run + 1 : 1;
		if (i + 1 >= m)
		{
			Size		w = i + 1 - m;
			double		norm = 0;

			CHECK_FOR_INTERRUPTS();
			valid[w] = gap >= m;
			flat[w] = valid[w] && run >= m;
			mu[w] = mean_of(x + w, m);
			for (Size t = 0; t < m; t++)
				norm += (x[w + t] - mu[w]) * (x[w + t] - mu[w]);
			if (valid[w] && !flat[w] && norm > 0)
				inv[w] = 1.0 / sqrt(norm);
			else
			{
				/* too little variation to tell from rounding: flat */
				flat[w] = valid[w];
				penalty[w] = PENALTY;
			}
			best[w] = -2;
			index[w] = -1;
			if (flat[w])
			{
				if (first_flat < 0)
					first_flat = (int64) w;
				last_flat = (int64) w;
			}
		}
	}
	for (Size w = 1; w < windows; w++)
	{
		df[w] = 0.5 * (x[w + m - 1] - x[w - 1]);
		dg[w] = (x[w + m - 1] - mu[w]) + (x[w - 1] - mu[w - 1]);
	}

	for (Size i = 0; i + exclusion + 1 < windows; i++)
	{
		Size		first = i + exclusion + 1;
		Size		count = windows - first;
		double		row_best = best[i];
		double		row_index = -1;
		double		df_i = df[i];
		double		dg_i = dg[i];

		CHECK_FOR_INTERRUPTS();
		if (i % restart == 0)
		{
			for (Size t = 0; t < m; t++)
				centered[t] = x[i + t] - mu[i];
			for (Size done = 0; done < count; done += 8192)
			{
				CHECK_FOR_INTERRUPTS();
				kernels->filter(centered, m, x + first + done, 1,
								Min(8192, count - done), cov + done);
			}
			df_i = dg_i = 0;
		}
		if (penalty[i] < 0)
		{
			/* the recurrence goes on, the row's own answers do not count */
			double		none = INFINITY;
			double		nowhere = -1;

			row(cov, count, df_i, dg_i, 0, df + first, dg + first,
				inv + first, penalty + first, best + first, index + first,
				(double) i, &none, &nowhere);
			continue;
		}
		row(cov, count, df_i, dg_i, inv[i], df + first, dg + first,
			inv + first, penalty + first, best + first, index + first,
			(double) i, &row_best, &row_index);
		if (row_index >= 0)
		{
			best[i] = row_best;
			index[i] = row_index + (double) first;
		}
	}

	for (Size i = 0; i < windows; i++)
	{
		AD_CHECK_EVERY_1024(i);
		if (!valid[i])
			continue;
		if (!flat[i])
		{
			Size		j = index[i] >= 0 ? (Size) index[i] : 0;

			if (index[i] >= 0 && best[i] > -2)
			{
				distance[i] = exact_distance(x + i, x + j, mu[i], mu[j],
											 inv[i], inv[j], m);
				neighbor[i] = (int64) j;
			}
		}
		/* a flat window somewhere far enough */
		if (first_flat >= 0)
		{
			int64		f = -1;

			if ((int64) i - first_flat > (int64) exclusion)
				f = first_flat;
			else if (last_flat - (int64) i > (int64) exclusion)
				f = last_flat;
			if (f >= 0)
			{
				double		d = flat[i] ? 0 : sqrt((double) m);

				if (isnan(distance[i]) || d < distance[i])
				{
					distance[i] = d;
					neighbor[i] = f;
				}
			}
		}
		if (flat[i] && isnan(distance[i]))
		{
			/* none: any window that varies is at sqrt(m) */
			for (Size j = 0; j < windows; j++)
			{
				AD_CHECK_EVERY_1024(j);
				if (valid[j] && !flat[j] &&
					llabs((int64) j - (int64) i) > (int64) exclusion)
				{
					distance[i] = sqrt((double) m);
					neighbor[i] = (int64) j;
					break;
				}
			}
		}
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(mcxt);
}

/*
 * For each of n points the greatest value of the windows of m points that
 * hold it; NaN where there is none.  Amortised O(1) a point.
 */
void
ad_series_cover(const double *window, Size n, Size m, double *out)
{
	Size	   *queue = ad_palloc_array(Size, n);
	Size		head = 0;
	Size		tail = 0;

	for (Size i = 0; i < n; i++)
	{
		/* windows starting in [i - m + 1, i] hold point i */
		if (i + m <= n && !isnan(window[i]))
		{
			while (tail > head && window[queue[tail - 1]] <= window[i])
				tail--;
			queue[tail++] = i;
		}
		while (tail > head && queue[head] + m <= i)
			head++;
		out[i] = tail > head ? window[queue[head]] : NAN;
	}
	pfree(queue);
}
