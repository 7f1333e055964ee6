/*-------------------------------------------------------------------------
 *
 * neighbors_oracle.c
 *		Test of the neighbour search against a naive one.
 *
 * ad_test_neighbors(rows, columns, kind of data, metric, p, k, seed) builds
 * random rows, asks tree and scan for the k nearest rows of each and for
 * those within a radius, and compares with a sort of all distances by the
 * definitions.  A row that looks for itself must find what it finds if it
 * knows where it is, and rows searched for together what each finds alone.
 * Returns what differs, or NULL.
 *
 * ad_test_neighbors_time() returns ns a query.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <time.h>

#include "fmgr.h"
#include "utils/builtins.h"

#include "core/ad_random.h"
#include "math/ad_neighbors.h"
#include "math/ad_simd.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(ad_test_neighbors);
PG_FUNCTION_INFO_V1(ad_test_neighbors_time);

extern PGDLLEXPORT void _PG_init(void);

/* Define anomaly.simd for the functions linked into this library. */
void
_PG_init(void)
{
	ad_simd_init();
}

typedef struct Pair
{
	double		d;
	uint32		i;
} Pair;

enum
{
	NORMAL, WHOLE, CLUSTERS, HEAVY, CONSTANT, ZEROS, FAR, TINY, KINDS
};

static double
value(AdRandom *r, int kind, int64 row)
{
	double		x = ad_random_normal(r);

	switch (kind)
	{
		case WHOLE:				/* many ties and duplicates */
			return rint(x);
		case CLUSTERS:			/* of very different widths */
			return row % 4 * 10 + x * (row % 4 == 0 ? 1e-3 : 1);
		case HEAVY:
			return x * x * x * x * x;
		case CONSTANT:
			return 3;
		case ZEROS:				/* rows of zeros among others */
			return row % 3 == 0 ? 0 : x;
		case FAR:				/* from zero */
			return 1e9 + x;
		case TINY:
			return 1e-12 * x;
	}
	return x;
}

static double *
make_rows(int n, int cols, int kind, uint64 seed)
{
	double	   *x = palloc(sizeof(double) * n * cols);
	AdRandom	r;

	ad_random_seed(&r, seed, 0);
	for (int i = 0; i < n; i++)
		for (int c = 0; c < cols; c++)
			x[i * cols + c] = value(&r, kind, i);
	return x;
}

/* The distance by its definition. */
static double
naive_distance(const double *a, const double *b, int cols, int metric, double p)
{
	double		sum = 0,
				aa = 0,
				bb = 0,
				most = 0;

	for (int c = 0; c < cols; c++)
	{
		double		d = fabs(a[c] - b[c]);

		most = Max(most, d);
		if (metric == AD_METRIC_EUCLIDEAN)
			sum += d * d;
		else if (metric == AD_METRIC_MINKOWSKI)
			sum += pow(d, p);
		else if (metric == AD_METRIC_COSINE)
			sum += a[c] * b[c];
		else
			sum += d;
		aa += a[c] * a[c];
		bb += b[c] * b[c];
	}
	switch (metric)
	{
		case AD_METRIC_EUCLIDEAN:
			return sqrt(sum);
		case AD_METRIC_CHEBYSHEV:
			return most;
		case AD_METRIC_MINKOWSKI:
			return pow(sum, 1 / p);
		case AD_METRIC_COSINE:
			if (aa == 0 || bb == 0)
				return aa == bb ? 0 : 1;
			return 1 - sum / sqrt(aa * bb);
	}
	return sum;
}

static int
compare_pairs(const void *a, const void *b)
{
	const Pair *x = a;
	const Pair *y = b;

	if (x->d != y->d)
		return x->d < y->d ? -1 : 1;
	return x->i < y->i ? -1 : x->i > y->i;
}

/*
 * Return whether a search for all but the first row at distance 0 finds the
 * same as one that is told which row that is.
 */
static bool
finds_itself(const AdNeighbors *nb, AdNeighborScratch *s, const double *row,
			 int k)
{
	double	   *d = palloc(sizeof(double) * k);
	uint32	   *id = palloc(sizeof(uint32) * k);
	double	   *others = palloc(sizeof(double) * k);
	uint32	   *others_id = palloc(sizeof(uint32) * k);
	uint32		self = AD_NO_SELF;
	uint32		found_self;
	int			n;

	if (ad_neighbors_nearest(nb, s, row, 1, AD_NO_SELF, d, id) > 0 && d[0] == 0)
		self = id[0];
	n = ad_neighbors_nearest(nb, s, row, k, self, d, id);
	return ad_neighbors_others(nb, s, row, k, &found_self, others, others_id) == n &&
		found_self == self && memcmp(d, others, n * sizeof(double)) == 0 &&
		memcmp(id, others_id, n * sizeof(uint32)) == 0;
}

/* Return whether rows searched for together find what each finds alone. */
static bool
finds_together(const AdNeighbors *nb, AdNeighborScratch *s, const double *x,
			   int n, int cols, int k)
{
	double	   *d = palloc(sizeof(double) * k);
	uint32	   *id = palloc(sizeof(uint32) * k);
	double	   *together = palloc(sizeof(double) * k * AD_OWN_ROWS);
	uint32	   *together_id = palloc(sizeof(uint32) * k * AD_OWN_ROWS);
	int			step = Max(n / 50, 1);

	for (int at = 0, rows = 1; at < n; at += rows * step, rows = rows % AD_OWN_ROWS + 1)
	{
		uint32		row[AD_OWN_ROWS];
		int			asked = 0;
		int			found;

		for (int i = at; i < n && asked < rows; i += step)
			row[asked++] = (uint32) i;
		found = ad_neighbors_own(nb, s, row, asked, k, together, together_id);
		for (int j = 0; j < asked; j++)
			if (ad_neighbors_nearest(nb, s, x + (Size) row[j] * cols, k, row[j], d, id) != found ||
				memcmp(d, together + j * k, found * sizeof(double)) != 0 ||
				memcmp(id, together_id + j * k, found * sizeof(uint32)) != 0)
				return false;
	}
	return true;
}

Datum
ad_test_neighbors(PG_FUNCTION_ARGS)
{
	int			n = PG_GETARG_INT32(0);
	int			cols = PG_GETARG_INT32(1);
	int			kind = PG_GETARG_INT32(2) % KINDS;
	int			metric = PG_GETARG_INT32(3) % AD_METRICS;
	double		p = PG_GETARG_FLOAT8(4);
	int			k = PG_GETARG_INT32(5);
	uint64		seed = PG_GETARG_INT64(6);
	double	   *x = make_rows(n, cols, kind, seed);
	double	   *other = make_rows(50, cols, kind, seed + 1);
	/* formulas that add up alike must agree to the bit */
	bool		exact = metric <= AD_METRIC_CHEBYSHEV ||
		(metric == AD_METRIC_MINKOWSKI && (p == 1 || p == 2));
	AdNeighbors *nb[3];
	AdNeighborScratch *s[3];
	Pair	   *naive = palloc(sizeof(Pair) * n);
	double	   *d[3];
	uint32	   *id[3];
	int			own_rows = Min(n, 20);
	int			queries = own_rows + 15;

	if (metric == AD_METRIC_MINKOWSKI && p == 1)
		metric = AD_METRIC_MANHATTAN;
	if (metric == AD_METRIC_MINKOWSKI && p == 2)
		metric = AD_METRIC_EUCLIDEAN;
	for (int t = 0; t < 3; t++)
	{
		nb[t] = ad_neighbors_build(x, n, cols, metric, p, k, t);
		s[t] = ad_neighbors_scratch(nb[t], k);
		d[t] = palloc(sizeof(double) * k);
		id[t] = palloc(sizeof(uint32) * k);
	}
	for (int t = 0; t < 3; t++)
		if (!finds_together(nb[t], s[t], x, n, cols, k))
			PG_RETURN_TEXT_P(cstring_to_text(psprintf("plan %d finds others for rows together", t)));
	for (int q = 0; q < queries; q++)
	{
		bool		own = q < own_rows;
		uint32		self = own ? (uint32) ((int64) q * n / own_rows) : AD_NO_SELF;
		const double *row = own ? x + self * cols : other + (q - own_rows) * cols;
		int			found[3];
		int			m = 0;
		double		radius;
		int			inside = 0;

		for (int i = 0; i < n; i++)
			if ((uint32) i != self)
			{
				naive[m].d = naive_distance(row, x + i * cols, cols, metric, p);
				naive[m++].i = i;
			}
		qsort(naive, m, sizeof(Pair), compare_pairs);
		for (int t = 0; t < 3; t++)
		{
			found[t] = ad_neighbors_nearest(nb[t], s[t], row, k, self, d[t], id[t]);
			if (found[t] != Min(k, m))
				PG_RETURN_TEXT_P(cstring_to_text(psprintf("query %d: plan %d finds %d of %d",
														  q, t, found[t], Min(k, m))));
			for (int j = 0; j < found[t]; j++)
			{
				double		error = fabs(d[t][j] - naive[j].d);

				if (d[t][j] != d[0][j] || id[t][j] != id[0][j] ||
					(exact && (d[t][j] != naive[j].d || id[t][j] != naive[j].i)) ||
					!(error <= 1e-13 + 1e-12 * naive[j].d))
					PG_RETURN_TEXT_P(cstring_to_text(psprintf("query %d, neighbour %d: plan %d finds %u at %.17g, not %u at %.17g",
															  q, j, t, id[t][j], d[t][j],
															  naive[j].i, naive[j].d)));
			}
		}
		for (int t = 0; t < 3; t++)
			if (!finds_itself(nb[t], s[t], row, k))
				PG_RETURN_TEXT_P(cstring_to_text(psprintf("query %d: plan %d does not find itself", q, t)));
		if (found[0] == 0)
			continue;
		radius = d[0][found[0] - 1];
		if (exact)
			for (int i = 0; i < m; i++)
				inside += naive[i].d <= radius;
		for (int t = 0; t < 3; t++)
		{
			int			count = ad_neighbors_within(nb[t], s[t], row, radius, self, n);
			int			few = ad_neighbors_within(nb[t], s[t], row, radius, self, 3);

			if (t == 0 && !exact)
				inside = count;
			if (count != inside || count < found[0] || few != Min(count, 3))
				PG_RETURN_TEXT_P(cstring_to_text(psprintf("query %d: plan %d has %d (%d) within %.17g, not %d",
														  q, t, count, few, radius, inside)));
		}
	}
	PG_RETURN_NULL();
}

Datum
ad_test_neighbors_time(PG_FUNCTION_ARGS)
{
	int			n = PG_GETARG_INT32(0);
	int			cols = PG_GETARG_INT32(1);
	int			kind = PG_GETARG_INT32(2) % KINDS;
	int			metric = PG_GETARG_INT32(3) % AD_METRICS;
	int			k = PG_GETARG_INT32(4);
	int			plan = PG_GETARG_INT32(5);
	int			queries = PG_GETARG_INT32(6);
	double	   *x = make_rows(n, cols, kind, 1);
	double	   *q = make_rows(queries, cols, kind, 2);
	double	   *d = palloc(sizeof(double) * k);
	AdNeighbors *nb;
	AdNeighborScratch *s;
	clock_t		start = clock();	/* of the processor: others may run */
	clock_t		built,
				end;

	nb = ad_neighbors_build(x, n, cols, metric, 3, k, plan);
	built = clock();
	s = ad_neighbors_scratch(nb, k);
	for (int i = 0; i < queries; i++)
		ad_neighbors_nearest(nb, s, q + i * cols, k, AD_NO_SELF, d, NULL);
	end = clock();
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("%s: built in %.2f ms, %.2f us a query",
											  ad_neighbors_plan(nb),
											  (built - start) * 1e3 / CLOCKS_PER_SEC,
											  (end - built) * 1e6 / CLOCKS_PER_SEC / queries)));
}
