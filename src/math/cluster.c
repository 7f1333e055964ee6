/*-------------------------------------------------------------------------
 *
 * cluster.c
 *		k-means: seeding, Lloyd's iterations, restarts.
 *
 * Seeds are drawn as Arthur and Vassilvitskii (k-means++, SODA 2007) do, the
 * best of 2 + ln k candidates at each step; or they are the least distinct
 * rows in the order of their values, which makes a run that anything else
 * can repeat.  A cluster that loses its rows takes the row farthest from its
 * own centre.  Of several restarts the one of least inertia is kept.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_elementary.h"
#include "core/ad_random.h"
#include "math/ad_linalg.h"

#include <float.h>

#define MAX_TRIALS	8			/* candidates of a seed; one block of lanes */

typedef struct Run
{
	const double *x;
	Size		n;
	int			cols;
	Size		block;			/* rows between checks for a cancel */
	AdRandom	random;
	double	   *d2;				/* per row: to its centre */
	int		   *labels;
	Size	   *base;			/* k: a row of each cluster */
	double	   *sums;			/* k x cols, of differences from that row */
	Size	   *counts;			/* k */
} Run;

/* Put every row into the cluster of its nearest centre; returns changes. */
static Size
assign(Run *r, const AdCenters *c, int *labels, double *d2, int *scratch)
{
	Size		changes = 0;

	for (Size i = 0; i < r->n; i += r->block)
	{
		Size		n = Min(r->block, r->n - i);

		CHECK_FOR_INTERRUPTS();
		ad_centers_nearest(c, r->x + i * r->cols, n, d2 + i, scratch);
		for (Size j = 0; j < n; j++)
		{
			changes += labels[i + j] != scratch[j];
			labels[i + j] = scratch[j];
		}
	}
	return changes;
}

/* What drawing seeds needs. */
typedef struct Seeding
{
	int			trials;			/* candidates of a seed */
	AdCenters  *candidates;		/* MAX_TRIALS of them */
	Size		chosen[MAX_TRIALS]; /* the candidates' rows */
	double	   *nearest;		/* per row: squared distance to a seed */
	double	   *d2;				/* rows x trials: that with each candidate */
	double	   *cumulated;		/* per block of rows: sum of nearest up to it */
} Seeding;

/* Set the distances to the first seed. */
static void
measure_first(Run *r, Seeding *s, const double *seed)
{
	ad_centers_set(s->candidates, 0, seed);
	for (Size i = 0; i < r->n; i++)
	{
		double		d;
		int			ignored;

		if (i % r->block == 0)
			CHECK_FOR_INTERRUPTS();
		ad_centers_nearest(s->candidates, r->x + i * r->cols, 1, &d, &ignored);
		s->nearest[i] = s->candidates->d2[0];
	}
}

/* Add the distances up, block by block; returns their sum. */
static double
cumulate(Run *r, Seeding *s)
{
	double		total = 0;

	for (Size i = 0, b = 0; i < r->n; i += r->block, b++)
	{
		Size		end = Min(i + r->block, r->n);
		double		sum = 0;

		CHECK_FOR_INTERRUPTS();
		for (Size j = i; j < end; j++)
			sum += s->nearest[j];
		total += sum;
		s->cumulated[b] = total;
	}
	return total;
}

/* Draw the candidates, each row in proportion to its distance. */
static void
draw_candidates(Run *r, Seeding *s, double total)
{
	Size		blocks = (r->n + r->block - 1) / r->block;

	for (int t = 0; t < s->trials; t++)
	{
		double		u = ad_random_double(&r->random) * total;
		Size		b = 0;
		Size		at;
		Size		end;
		double		before;

		while (b + 1 < blocks && s->cumulated[b] <= u)
			b++;
		before = b > 0 ? s->cumulated[b - 1] : 0;
		at = b * r->block;
		end = Min(at + r->block, r->n);
		while (at + 1 < end && before + s->nearest[at] <= u)
			before += s->nearest[at++];
		/* rounding may land on a row that is a seed already */
		while (s->nearest[at] == 0)
			at = (at + 1) % r->n;
		s->chosen[t] = at;
		ad_centers_set(s->candidates, t, r->x + at * r->cols);
	}
}

/*
 * Take the candidate that leaves the least sum of distances; returns its
 * row.
 */
static Size
best_candidate(Run *r, Seeding *s)
{
	int			trials = s->trials;
	double		sums[MAX_TRIALS] = {0};
	int			best = 0;

	for (Size i = 0; i < r->n; i++)
	{
		double		d;
		int			ignored;

		AD_CHECK_EVERY_1024(i);
		ad_centers_nearest(s->candidates, r->x + i * r->cols, 1, &d, &ignored);
		for (int t = 0; t < trials; t++)
		{
			double		e = Min(s->candidates->d2[t], s->nearest[i]);

			s->d2[i * trials + t] = e;
			sums[t] += e;
		}
	}
	for (int t = 1; t < trials; t++)
		if (sums[t] < sums[best])
			best = t;
	for (Size i = 0; i < r->n; i++)
		s->nearest[i] = s->d2[i * trials + best];
	return s->chosen[best];
}

/* k-means++ seeds; returns how many, fewer if there are no more rows. */
static int
seed_plus_plus(Run *r, int k, double *centers)
{
	Seeding		s;
	Size		width = r->cols * sizeof(double);
	Size		row = (Size) ad_random_below(&r->random, r->n);
	int			found = 1;

	s.trials = Min(2 + (int) ad_log(k), MAX_TRIALS);
	s.candidates = ad_centers_create(r->cols, MAX_TRIALS);
	s.nearest = ad_palloc_array(double, r->n);
	s.cumulated = ad_palloc_array(double, r->n / r->block + 1);
	s.d2 = ad_palloc_array(double, ad_mul_size(r->n, s.trials));
	memcpy(centers, r->x + row * r->cols, width);
	measure_first(r, &s, centers);
	for (;;)
	{
		double		total = cumulate(r, &s);

		if (found == k || !(total > 0))
			break;
		draw_candidates(r, &s, total);
		row = best_candidate(r, &s);
		memcpy(centers + (Size) found * r->cols, r->x + row * r->cols, width);
		found++;
	}
	pfree(s.nearest);
	pfree(s.d2);
	pfree(s.cumulated);
	return found;
}

/* Compare rows value by value. */
static int
compare_rows(const double *a, const double *b, int cols)
{
	for (int j = 0; j < cols; j++)
		if (a[j] != b[j])
			return a[j] < b[j] ? -1 : 1;
	return 0;
}

/* The k least distinct rows; returns how many there are.  O(n log k + k²). */
static int
seed_first(Run *r, int k, double *centers)
{
	int			found = 0;
	Size		width = r->cols * sizeof(double);

	for (Size i = 0; i < r->n; i++)
	{
		const double *row = r->x + i * r->cols;
		int			low = 0;
		int			high = found;
		bool		equal = false;

		AD_CHECK_EVERY_1024(i);
		while (low < high)
		{
			int			middle = (low + high) / 2;
			int			c = compare_rows(row, centers + (Size) middle * r->cols,
										 r->cols);

			if (c == 0)
			{
				equal = true;
				break;
			}
			if (c < 0)
				high = middle;
			else
				low = middle + 1;
		}
		if (equal || low == k)
			continue;
		if (found < k)
			found++;
		memmove(centers + (Size) (low + 1) * r->cols,
				centers + (Size) low * r->cols, (found - 1 - low) * width);
		memcpy(centers + (Size) low * r->cols, row, width);
	}
	return found;
}

/* Give a cluster without rows the row that is farthest from its centre. */
static void
fill_empty(Run *r, int k)
{
	for (int c = 0; c < k; c++)
	{
		Size		far = r->n;
		int			from;

		if (r->counts[c] > 0)
			continue;
		for (Size i = 0; i < r->n; i++)
		{
			AD_CHECK_EVERY_1024(i);
			if (r->counts[r->labels[i]] > 1 &&
				(far == r->n || r->d2[i] > r->d2[far]))
				far = i;
		}
		if (far == r->n)
			return;				/* no cluster has a row to spare */
		from = r->labels[far];
		for (int j = 0; j < r->cols; j++)
		{
			r->sums[(Size) from * r->cols + j] -= r->x[far * r->cols + j] -
				r->x[r->base[from] * r->cols + j];
			r->sums[(Size) c * r->cols + j] = 0;
		}
		r->base[c] = far;
		r->counts[from]--;
		r->counts[c] = 1;
		r->labels[far] = c;
		r->d2[far] = 0;
	}
}

/*
 * Set the centres to the means of their clusters; returns the sum of the
 * squares that they moved.  The centre of equal rows is that row, to the bit.
 */
static double
move_centers(Run *r, int n, double *centers)
{
	int			cols = r->cols;
	double		shift = 0;

	memset(r->sums, 0, (Size) n * cols * sizeof(double));
	memset(r->counts, 0, n * sizeof(Size));
	for (Size i = 0; i < r->n; i++)
	{
		int			label = r->labels[i];
		double	   *sum = r->sums + (Size) label * cols;
		const double *row = r->x + i * cols;
		const double *base;

		AD_CHECK_EVERY_1024(i);
		if (r->counts[label]++ == 0)
			r->base[label] = i;
		base = r->x + r->base[label] * cols;
		for (int j = 0; j < cols; j++)
			sum[j] += row[j] - base[j];
	}
	fill_empty(r, n);
	for (int i = 0; i < n; i++)
		for (int j = 0; r->counts[i] > 0 && j < cols; j++)
		{
			double		v = r->x[r->base[i] * cols + j] +
				r->sums[(Size) i * cols + j] / (double) r->counts[i];
			double		e = v - centers[(Size) i * cols + j];

			shift += e * e;
			centers[(Size) i * cols + j] = v;
		}
	return shift;
}

/* Lloyd's iterations from the given centres; returns the inertia. */
static double
lloyd(Run *r, const AdKmeans *k, double tol, double *centers, AdCenters *c)
{
	int			n = k->clusters;
	int			cols = r->cols;
	int		   *scratch = ad_palloc_array(int, r->block);
	double		inertia = 0;

	for (Size i = 0; i < r->n; i++)
		r->labels[i] = -1;
	for (int iteration = 0;; iteration++)
	{
		Size		changes;
		double		shift;

		for (int i = 0; i < n; i++)
			ad_centers_set(c, i, centers + (Size) i * cols);
		changes = assign(r, c, r->labels, r->d2, scratch);
		if (changes == 0 || iteration >= k->max_iter)
			break;

		shift = move_centers(r, n, centers);
		if (shift <= tol)
		{
			/* near enough: labels of the last centres, and done */
			for (int i = 0; i < n; i++)
				ad_centers_set(c, i, centers + (Size) i * cols);
			assign(r, c, r->labels, r->d2, scratch);
			break;
		}
	}
	for (Size i = 0; i < r->n; i++)
		inertia += r->d2[i];
	pfree(scratch);
	return inertia;
}

/*
 * Cluster rows; see AdKmeans.  Results are palloc'd in the current context.
 * Distances that are not finite numbers make the inertia one that is not.
 */
void
ad_kmeans_run(AdKmeans *k, const double *x, Size n, int cols)
{
	Run			r;
	double	   *centers;
	double		tol = -1;
	int			restarts = k->first ? 1 : k->restarts;

	memset(&r, 0, sizeof(r));
	r.x = x;
	r.n = n;
	r.cols = cols;
	k->clusters = (int) Min((Size) k->clusters, n);
	r.block = Max((Size) 1024 * 1024 / cols / k->clusters, 16);
	r.block = Min(r.block, 4096);
	r.d2 = ad_palloc_array(double, n);
	r.labels = ad_palloc_array(int, n);
	r.sums = ad_palloc_array(double, ad_mul_size(k->clusters, cols));
	r.counts = ad_palloc_array(Size, k->clusters);
	r.base = ad_palloc0_array(Size, k->clusters);
	centers = ad_palloc_array(double, ad_mul_size(k->clusters + 1, cols));

	if (k->tol > 0)
	{
		/* mean variance of the columns */
		double	   *mean = ad_palloc_array(double, cols);

		tol = 0;
		ad_column_means(x, n, cols, mean);
		for (Size i = 0; i < n; i++)
		{
			AD_CHECK_EVERY_1024(i);
			for (int j = 0; j < cols; j++)
			{
				double		e = x[i * cols + j] - mean[j];

				tol += e * e;
			}
		}
		tol *= k->tol / (double) n / cols;
		pfree(mean);
	}

	k->centers = NULL;
	for (int t = 0; t < restarts; t++)
	{
		AdCenters  *c;
		double		inertia;
		int			found;

		ad_random_seed(&r.random, k->seed, (uint64) t);
		found = k->first ? seed_first(&r, k->clusters, centers) :
			seed_plus_plus(&r, k->clusters, centers);
		k->clusters = found;
		c = ad_centers_create(cols, found);
		inertia = lloyd(&r, k, tol, centers, c);
		if (k->centers == NULL || inertia < k->inertia)
		{
			int		   *labels = k->centers ? k->labels :
				ad_palloc_array(int, n);

			k->labels = r.labels;
			r.labels = labels;
			k->centers = c;
			k->inertia = inertia;
		}
	}
	pfree(r.d2);
	pfree(r.labels);
	pfree(r.sums);
	pfree(r.counts);
	pfree(r.base);
	pfree(centers);
}
