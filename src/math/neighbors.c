/*-------------------------------------------------------------------------
 *
 * neighbors.c
 *		Building a set of rows to search, and asking it.
 *
 * Cosine distance is half the squared euclidean distance of rows scaled to
 * length 1, which is 0 for equal rows, whatever the rounding.  A row of
 * zeros has no direction: it gets one of its own, in one more column, and is
 * at distance 1 from all others.  A row with infinite values points where
 * they do.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_elementary.h"
#include "math/neighbors_impl.h"

#include <float.h>

/* x^p for 0 < x <= 1. */
static double
power(double x, double p)
{
	if (p == floor(p) && p <= 16)
	{
		double		result = 1;
		double		square = x;

		for (int e = (int) p; e > 0; e >>= 1, square *= square)
			if (e & 1)
				result *= square;
		return result;
	}
	return ad_exp2(p * (ad_log(x) * 1.44269504088896340736));
}

/*
 * The minkowski distance of two rows whose columns are "stride" apart in b.
 * Differences are divided by the greatest, so no power overflows.
 */
double
ad_neighbors_minkowski(const double *a, const double *b, Size stride,
					   int dims, double p)
{
	double		greatest = 0;
	double		sum = 0;

	for (int c = 0; c < dims; c++)
		greatest = Max(greatest, fabs(a[c] - b[c * stride]));
	if (greatest == 0 || isinf(greatest))
		return greatest;
	for (int c = 0; c < dims; c++)
	{
		double		d = fabs(a[c] - b[c * stride]);

		if (d == greatest)
			sum += 1;
		else if (d > 0)
			sum += power(d / greatest, p);
	}
	if (sum == 1)
		return greatest;
	return greatest * ad_exp2(ad_log(sum) * 1.44269504088896340736 / p);
}

/* Return whether the top of the heap orders before (d, i). */
static inline bool
before(double d1, uint32 i1, double d2, uint32 i2)
{
	return d1 < d2 || (d1 == d2 && i1 < i2);
}

/* Put (d, i) into the heap at or below "at". */
static inline void
sift_down(AdNeighborScratch *s, int at, int n, double d, uint32 i)
{
	for (;;)
	{
		int			child = 2 * at + 1;

		if (child >= n)
			break;
		if (child + 1 < n &&
			before(s->d[child], s->i[child], s->d[child + 1], s->i[child + 1]))
			child++;
		if (!before(d, i, s->d[child], s->i[child]))
			break;
		s->d[at] = s->d[child];
		s->i[at] = s->i[child];
		at = child;
	}
	s->d[at] = d;
	s->i[at] = i;
}

/*
 * A row of the set and its reduced distance: keep it if it is among the
 * nearest so far, or count it if it is within the radius.
 */
void
ad_neighbors_offer(const AdNeighbors *nb, AdNeighborScratch *s,
				   double reduced, uint32 index)
{
	if (unlikely(reduced == 0 && s->find_self && index < s->self))
	{
		uint32		other = s->self;

		/* rows come in any order: one found before gives way */
		s->self = index;
		if (other == AD_NO_SELF)
			return;
		index = other;
	}
	else if (index == s->self)
		return;
	if (s->k == 0)
	{
		if (ad_neighbors_real(nb, reduced) <= s->radius)
			s->within += nb->counts ? nb->counts[index] : 1;
		return;
	}
	if (s->list)
	{
		if (reduced <= s->worst)
			ad_list_insert(s, reduced, index);
		return;
	}
	if (s->found < s->k)
	{
		int			at = s->found++;

		while (at > 0 && before(s->d[(at - 1) / 2], s->i[(at - 1) / 2],
								reduced, index))
		{
			s->d[at] = s->d[(at - 1) / 2];
			s->i[at] = s->i[(at - 1) / 2];
			at = (at - 1) / 2;
		}
		s->d[at] = reduced;
		s->i[at] = index;
		if (s->found == s->k)
			s->worst = s->d[0];
		return;
	}
	if (before(reduced, index, s->d[0], s->i[0]))
	{
		sift_down(s, 0, s->k, reduced, index);
		s->worst = s->d[0];
	}
}

/* A row as it is searched; NaN is taken for infinite.  May be in place. */
static void
search_row(const AdNeighbors *nb, const double *x, double *out)
{
	int			cols = nb->cols;
	double		greatest = 0;
	double		sum = 0;

	for (int c = 0; c < cols; c++)
		out[c] = isnan(x[c]) ? INFINITY : x[c];
	if (nb->metric != AD_METRIC_COSINE)
		return;

	for (int c = 0; c < cols; c++)
		greatest = Max(greatest, fabs(out[c]));
	out[cols] = greatest == 0 ? 1 : 0;
	if (greatest == 0)
		return;
	for (int c = 0; c < cols; c++)
	{
		if (isinf(greatest))
			out[c] = isinf(out[c]) ? (out[c] > 0 ? 1 : -1) : 0;
		else
			out[c] /= greatest;
		sum += out[c] * out[c];
	}
	sum = sqrt(sum);
	for (int c = 0; c < cols; c++)
		out[c] /= sum;
}

/* Take the rows found, nearest first, out of list or heap; see nearest(). */
static int
sort_found(const AdNeighbors *nb, AdNeighborScratch *s, double *distance,
		   uint32 *index)
{
	if (s->list)
	{
		for (int at = 0; at < s->found; at++)
			distance[at] = ad_neighbors_real(nb, s->list_d[at]);
		for (int at = 0; at < s->found && index; at++)
			index[at] = (uint32) s->list_i[at];
		return s->found;
	}
	for (int at = s->found - 1; at >= 0; at--)
	{
		double		d = s->d[0];
		uint32		i = s->i[0];

		if (at > 0)
			sift_down(s, 0, at, s->d[at], s->i[at]);
		distance[at] = ad_neighbors_real(nb, d);
		if (index)
			index[at] = i;
	}
	return s->found;
}

/*
 * Make a set of n rows searchable.  Rows are finite.  The set is palloc'd in
 * the current context and keeps a pointer to the rows.  k is the number of
 * neighbours that will be asked for, as far as known: only speed depends on
 * it.  O(n log n) but for the probes, O(n) each.
 */
AdNeighbors *
ad_neighbors_build(const double *x, Size n, int cols, AdMetric metric,
				   double p, int k, AdNeighborPlan plan)
{
	AdNeighbors *nb = palloc0(sizeof(AdNeighbors));

	if (metric == AD_METRIC_MINKOWSKI && p == 1)
		metric = AD_METRIC_MANHATTAN;
	if (metric == AD_METRIC_MINKOWSKI && p == 2)
		metric = AD_METRIC_EUCLIDEAN;
	nb->n = n;
	nb->cols = cols;
	nb->dims = cols + (metric == AD_METRIC_COSINE);
	nb->metric = metric;
	nb->norm = metric == AD_METRIC_MANHATTAN ? AD_NORM_1 :
		metric == AD_METRIC_CHEBYSHEV ? AD_NORM_MAX : AD_NORM_2;
	nb->p = p;
	nb->widen = 1;
	if (metric == AD_METRIC_MINKOWSKI && p > 2)
		nb->widen = ad_exp2(ad_log(cols) * 1.44269504088896340736 *
							(0.5 - 1 / p)) * (1 + 1e-12);
	nb->rows = x;
	if (metric == AD_METRIC_COSINE)
	{
		double	   *rows = ad_palloc_array(double, ad_mul_size(n, nb->dims));

		for (Size i = 0; i < n; i++)
		{
			AD_CHECK_EVERY_1024(i);
			search_row(nb, x + i * cols, rows + i * nb->dims);
		}
		nb->rows = rows;
	}
	if (n > 0)
		ad_neighbors_choose_plan(nb, k, plan);
	return nb;
}

/* A work area for up to k neighbours, in the current context. */
AdNeighborScratch *
ad_neighbors_scratch(const AdNeighbors *nb, int k)
{
	AdNeighborScratch *s = palloc0(sizeof(AdNeighborScratch));

	s->maxk = Max(k, 1);
	s->q = ad_palloc_array(double, nb->dims);
	s->d = ad_palloc_array(double, s->maxk);
	s->i = ad_palloc_array(uint32, s->maxk);
	s->list_d = (double *)
		TYPEALIGN(64, ad_palloc_array(double, 2 * AD_LIST_MAX + 8));
	s->list_i = (int64 *) (s->list_d + AD_LIST_MAX);
	if (nb->scan)
		ad_scan_scratch(nb, s);
	return s;
}

/*
 * The k rows nearest to q, nearest first, ties by index; "self" is left out.
 * Returns how many there are: fewer than k only if the set has fewer.
 * distance and index have room for k; index may be NULL.  A row with an
 * infinite column is infinitely far from all (but see cosine).
 */
int
ad_neighbors_nearest(const AdNeighbors *nb, AdNeighborScratch *s,
					 const double *q, int k, uint32 self,
					 double *distance, uint32 *index)
{
	k = (int) Min((Size) Min(k, s->maxk), nb->n);
	if (k <= 0)
		return 0;
	search_row(nb, q, s->q);
	ad_neighbors_begin(s, k, self);
	ad_neighbors_search(nb, s);
	return sort_found(nb, s, distance, index);
}

/*
 * The same, where the row left out is the first of those at distance 0, if
 * there are any: *self receives it, or AD_NO_SELF.
 */
int
ad_neighbors_others(const AdNeighbors *nb, AdNeighborScratch *s,
					const double *q, int k, uint32 *self,
					double *distance, uint32 *index)
{
	*self = AD_NO_SELF;
	k = (int) Min((Size) Min(k, s->maxk), nb->n);
	if (k <= 0)
		return 0;
	search_row(nb, q, s->q);
	ad_neighbors_begin(s, k, AD_NO_SELF);
	s->find_self = true;
	ad_neighbors_search(nb, s);
	*self = s->self;
	return sort_found(nb, s, distance, index);
}

/*
 * The k nearest of each of n <= AD_OWN_ROWS rows of the set, which leave
 * themselves out, as ad_neighbors_nearest() finds them, k apart in distance
 * and index.  Returns how many each has.
 */
int
ad_neighbors_own(const AdNeighbors *nb, AdNeighborScratch *s,
				 const uint32 *rows, int n, int k, double *distance,
				 uint32 *index)
{
	int			wanted = (int) Min((Size) Min(k, s->maxk), nb->n);
	int			found = 0;

	if (wanted <= 0)
		return 0;
	if (nb->scan)
		ad_scan_look(nb, s, rows, n);
	for (int j = 0; j < n; j++)
	{
		memcpy(s->q, nb->rows + (Size) rows[j] * nb->dims,
			   nb->dims * sizeof(double));
		ad_neighbors_begin(s, wanted, rows[j]);
		if (nb->scan)
			ad_scan_found(nb, s, j);
		else
			ad_neighbors_search(nb, s);
		found = sort_found(nb, s, distance + (Size) j * k,
						   index ? index + (Size) j * k : NULL);
	}
	return found;
}

/*
 * Let each row count that many times within a radius.  The counts, which are
 * kept by the caller, are no matter to the nearest rows.
 */
void
ad_neighbors_weigh(AdNeighbors *nb, const uint32 *counts)
{
	nb->counts = counts;
}

/*
 * Return how many rows are at most "radius" from q, not counting "self";
 * stops looking when there are max_found or more, and returns at most that.
 */
int
ad_neighbors_within(const AdNeighbors *nb, AdNeighborScratch *s,
					const double *q, double radius, uint32 self, int max_found)
{
	if (nb->n == 0)
		return 0;
	search_row(nb, q, s->q);
	s->k = 0;
	s->list = false;
	s->self = self;
	s->find_self = false;
	s->found = max_found;
	s->within = 0;
	s->radius = radius;
	/* a little more than the radius: each row is compared with it exactly */
	s->worst = radius * (1 + 1e-12);
	if (nb->metric == AD_METRIC_EUCLIDEAN)
		s->worst *= s->worst * (1 + 1e-12);
	else if (nb->metric == AD_METRIC_COSINE)
		s->worst *= 2;
	if (s->worst < DBL_MIN)
		s->worst = DBL_MIN;		/* a square may have vanished */
	ad_neighbors_search(nb, s);
	return Min(s->within, max_found);
}

/* Which structure was chosen, in words. */
const char *
ad_neighbors_plan(const AdNeighbors *nb)
{
	return nb->tree ? "tree" : "scan";
}

/*
 * The i-th row of the order in which queries for the set's own rows are
 * fastest: rows near each other follow each other.
 */
Size
ad_neighbors_order(const AdNeighbors *nb, Size i)
{
	return nb->tree ? ad_tree_row(nb->tree, i) : i;
}
