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
#define PIECE		8192		/* covariances between interrupts */

/*
 * The matrix profile of a series on its way.  The arrays are of its windows
 * unless said otherwise, padded where the kernels read them.
 */
typedef struct Profile
{
	Size		n;				/* points */
	Size		m;				/* points of a window */
	Size		windows;
	Size		exclusion;		/* starts this near are no neighbours */
	double	   *x;				/* the points, scaled and centred; 0: missing */
	double	   *mean;
	double	   *inverse;		/* 1 / norm of the centred window; 0: none */
	double	   *df;				/* of the recurrence, see above */
	double	   *dg;
	double	   *penalty;		/* PENALTY: its correlations do not count */
	double	   *best;			/* greatest correlation so far */
	double	   *index;			/* and whose; -1: none */
	double	   *cov;			/* of the row's window with later ones */
	double	   *centered;		/* m: the row's window */
	bool	   *flat;			/* no variation */
	bool	   *valid;			/* no point is missing */
	int64		first_flat;		/* -1: none */
	int64		last_flat;
} Profile;

/* Allocate what a profile works with, in the current context. */
static void
allocate(Profile *p)
{
	Size		padded = p->windows + AD_LOESS_PAD;

	p->x = ad_palloc0_array(double, p->n + AD_LOESS_PAD);
	p->mean = ad_palloc_array(double, p->windows);
	p->inverse = ad_palloc0_array(double, padded);
	p->df = ad_palloc0_array(double, padded);
	p->dg = ad_palloc0_array(double, padded);
	p->penalty = ad_palloc0_array(double, padded);
	p->best = ad_palloc_array(double, padded);
	p->index = ad_palloc_array(double, padded);
	p->cov = ad_palloc0_array(double, padded);
	p->centered = ad_palloc0_array(double, p->m + AD_LOESS_PAD);
	p->flat = ad_palloc0_array(bool, p->windows);
	p->valid = ad_palloc0_array(bool, p->windows);
}

/* Return the mean of m points. */
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

/* Return the distance of two windows that both vary, from their points. */
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
 * Copy the points, scaled and centred: correlations do not change with level
 * and scale, and sums of moderate values neither overflow nor round away.
 */
static void
level_series(Profile *p, const double *y)
{
	Size		n = p->n;
	double		center = 0;
	double		scale = 0;
	Size		present = 0;

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
		p->x[i] = isfinite(y[i]) ? y[i] / scale - center : 0;
}

/* Set what is known of window w, given whether its points are there, equal. */
static void
prepare_window(Profile *p, Size w, bool valid, bool equal)
{
	const double *x = p->x + w;
	double		mean = mean_of(x, p->m);
	double		norm = 0;

	p->valid[w] = valid;
	p->flat[w] = valid && equal;
	p->mean[w] = mean;
	for (Size t = 0; t < p->m; t++)
		norm += (x[t] - mean) * (x[t] - mean);
	if (valid && !equal && norm > 0)
		p->inverse[w] = 1.0 / sqrt(norm);
	else
	{
		/* too little variation to tell from rounding: flat */
		p->flat[w] = valid;
		p->penalty[w] = PENALTY;
	}
	p->best[w] = -2;
	p->index[w] = -1;
	if (p->flat[w])
	{
		if (p->first_flat < 0)
			p->first_flat = (int64) w;
		p->last_flat = (int64) w;
	}
}

/* Set what is known of each window, and the factors of the recurrence. */
static void
prepare_windows(Profile *p, const double *y)
{
	const double *x = p->x;
	Size		m = p->m;
	Size		equal = 0;		/* points up to here that are equal */
	Size		whole = 0;		/* points up to here without a gap */

	p->first_flat = p->last_flat = -1;
	for (Size i = 0; i < p->n; i++)
	{
		whole = isfinite(y[i]) ? whole + 1 : 0;
		equal = i > 0 && whole > 1 && y[i] == y[i - 1] ? equal + 1 : 1;
		if (i + 1 >= m)
		{
			CHECK_FOR_INTERRUPTS();
			prepare_window(p, i + 1 - m, whole >= m, equal >= m);
		}
	}
	for (Size w = 1; w < p->windows; w++)
	{
		p->df[w] = 0.5 * (x[w + m - 1] - x[w - 1]);
		p->dg[w] = (x[w + m - 1] - p->mean[w]) + (x[w - 1] - p->mean[w - 1]);
	}
}

/* Compute the covariances of window i with "count" windows from "first". */
static void
start_afresh(Profile *p, const AdLoessKernels *kernels, Size i, Size first,
			 Size count)
{
	for (Size t = 0; t < p->m; t++)
		p->centered[t] = p->x[i + t] - p->mean[i];
	for (Size done = 0; done < count; done += PIECE)
	{
		CHECK_FOR_INTERRUPTS();
		kernels->filter(p->centered, p->m, p->x + first + done, 1,
						Min(PIECE, count - done), p->cov + done);
	}
}

/* Find each window's greatest correlation, a row of pairs at a time. */
static void
scan_pairs(Profile *p)
{
	AdSimdWidth width = ad_simd_width();
	AdProfileRow row = ad_profile_row(width);
	const AdLoessKernels *kernels = ad_loess_kernels(width);
	Size		restart = Max(4 * p->m, 256);

	for (Size i = 0; i + p->exclusion + 1 < p->windows; i++)
	{
		Size		first = i + p->exclusion + 1;
		Size		count = p->windows - first;
		bool		counts = !(p->penalty[i] < 0);

		/* the recurrence goes on where the row's own answers do not count */
		double		row_best = counts ? p->best[i] : INFINITY;
		double		row_index = -1;
		double		df_i = p->df[i];
		double		dg_i = p->dg[i];

		CHECK_FOR_INTERRUPTS();
		if (i % restart == 0)
		{
			start_afresh(p, kernels, i, first, count);
			df_i = dg_i = 0;
		}
		row(p->cov, count, df_i, dg_i, counts ? p->inverse[i] : 0,
			p->df + first, p->dg + first, p->inverse + first,
			p->penalty + first, p->best + first, p->index + first,
			(double) i, &row_best, &row_index);
		if (counts && row_index >= 0)
		{
			p->best[i] = row_best;
			p->index[i] = row_index + (double) first;
		}
	}
}

/*
 * Return some window that varies, as all of them are sqrt(m) from flat window
 * i; -1 if there is none far enough.
 */
static int64
any_varying(const Profile *p, Size i)
{
	for (Size j = 0; j < p->windows; j++)
	{
		AD_CHECK_EVERY_1024(j);
		if (p->valid[j] && !p->flat[j] &&
			llabs((int64) j - (int64) i) > (int64) p->exclusion)
			return (int64) j;
	}
	return -1;
}

/* Return a flat window far enough from another; -1 if there is none. */
static int64
any_flat(const Profile *p, Size i)
{
	if (p->first_flat < 0)
		return -1;
	if ((int64) i - p->first_flat > (int64) p->exclusion)
		return p->first_flat;
	if (p->last_flat - (int64) i > (int64) p->exclusion)
		return p->last_flat;
	return -1;
}

/* Set distance and neighbour of window i, whose points are all there. */
static void
answer(const Profile *p, Size i, double *distance, int64 *neighbor)
{
	int64		flat;

	if (!p->flat[i] && p->index[i] >= 0 && p->best[i] > -2)
	{
		Size		j = (Size) p->index[i];

		*distance = exact_distance(p->x + i, p->x + j, p->mean[i], p->mean[j],
								   p->inverse[i], p->inverse[j], p->m);
		*neighbor = (int64) j;
	}
	flat = any_flat(p, i);
	if (flat >= 0)
	{
		double		d = p->flat[i] ? 0 : sqrt((double) p->m);

		if (isnan(*distance) || d < *distance)
		{
			*distance = d;
			*neighbor = flat;
		}
	}
	if (p->flat[i] && isnan(*distance))
	{
		*neighbor = any_varying(p, i);
		if (*neighbor >= 0)
			*distance = sqrt((double) p->m);
	}
}

/*
 * Set for each of the n - m + 1 windows its distance to the nearest one that
 * starts more than "exclusion" points away, and that one's start.  Entries
 * without an answer are NaN and -1; both arrays are n long.
 */
void
ad_discord_profile(const double *y, Size n, Size m, Size exclusion,
				   double *distance, int64 *neighbor)
{
	MemoryContext mcxt;
	MemoryContext old;
	Profile		p;

	for (Size i = 0; i < n; i++)
	{
		distance[i] = NAN;
		neighbor[i] = -1;
	}
	if (n < m || n - m + 1 <= exclusion + 1)
		return;

	mcxt = AllocSetContextCreate(CurrentMemoryContext,
								 "anomaly matrix profile",
								 ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(mcxt);
	p.n = n;
	p.m = m;
	p.windows = n - m + 1;
	p.exclusion = exclusion;
	allocate(&p);
	level_series(&p, y);
	prepare_windows(&p, y);
	scan_pairs(&p);
	for (Size i = 0; i < p.windows; i++)
	{
		AD_CHECK_EVERY_1024(i);
		if (p.valid[i])
			answer(&p, i, &distance[i], &neighbor[i]);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(mcxt);
}

/*
 * Set for each of n points the greatest value of the windows of m points that
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
