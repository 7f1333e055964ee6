/*-------------------------------------------------------------------------
 *
 * iforest_axis.c
 *		Growing axis-parallel isolation trees.
 *
 * At a node a column is drawn among those that still vary and a threshold
 * uniformly between its least and greatest value there.  The threshold is
 * then rounded down to a float4, unless that moves it by more than
 * 1 / MAX_MOVE of the range, or out of it: it stays a float8 there, so that
 * two values that differ at all can be parted.  What is scored, explained and
 * stored is the threshold that parted the rows.
 *
 * The "other" column of a categorical feature is 0 in every training row.
 * It may be split on once on a path all the same, as if some row had a 1:
 * the right child is an empty leaf, where only unseen categories arrive.
 *
 * A tree of 256 rows takes some 1,500 looks at a row: they stay in the nearest
 * cache, column by column, and loops over them have no branch that depends on
 * a value.
 *
 *-------------------------------------------------------------------------
 */
#include "detectors/iforest.h"

#include <float.h>

#define MAX_MOVE	16
#define LANES		4			/* values that are compared at once */

/*
 * Least and greatest value of a column among n > 1 rows of a permutation; 0
 * and 1 for an "other" column, as if some row had a 1.
 */
static inline void
find_range(const AdForestGrower *g, int column, const uint16 *row, int n,
		   double *least, double *greatest)
{
	const double *x = g->by_column + (Size) column * g->psi;
	double		low[LANES];
	double		high[LANES];

	if (g->m->kinds[column] == AD_COLUMN_OTHER)
	{
		*least = 0;
		*greatest = 1;
		return;
	}
	if (n < LANES)
	{
		double		a = x[row[0]];
		double		b = x[row[1]];
		double		c = x[row[n - 1]];

		*least = Min(Min(a, b), c);
		*greatest = Max(Max(a, b), c);
		return;
	}
	/* several of each, one would wait for itself; first the last ones */
	for (int l = 0; l < LANES; l++)
		low[l] = high[l] = x[row[n - LANES + l]];
	for (int i = 0; i + LANES < n; i += LANES)
		for (int l = 0; l < LANES; l++)
		{
			double		v = x[row[i + l]];

			low[l] = v < low[l] ? v : low[l];
			high[l] = v > high[l] ? v : high[l];
		}
	for (int l = 1; l < LANES; l++)
	{
		low[0] = low[l] < low[0] ? low[l] : low[0];
		high[0] = high[l] > high[0] ? high[l] : high[0];
	}
	*least = low[0];
	*greatest = high[0];
}

/*
 * Draw a column that varies in n rows, among those at *nconstant and after;
 * constant ones met are moved before it.  Returns the position of the column,
 * or -1 if there is none.
 */
static inline int
draw_column(AdForestGrower *g, const uint16 *row, int n, int *nconstant,
			double *least, double *greatest)
{
	while (*nconstant < g->ncolumns)
	{
		int			at = *nconstant +
			(int) ad_random_below(&g->random, g->ncolumns - *nconstant);

		CHECK_FOR_INTERRUPTS();
		find_range(g, g->columns[at], row, n, least, greatest);
		if (*least < *greatest)
			return at;
		ad_forest_swap(g, at, *nconstant);
		(*nconstant)++;
	}
	return -1;
}

/* The greatest float4 that is at most a number; may be infinite. */
static inline float
float_below(double x)
{
	float		single = (float) x;
	int32		bits;
	int32		order;

	/* free of branches: half of all numbers are rounded up */
	memcpy(&bits, &single, sizeof(bits));
	order = bits ^ ((bits >> 31) & PG_INT32_MAX);
	order -= (double) single > x;
	bits = order ^ ((order >> 31) & PG_INT32_MAX);
	memcpy(&single, &bits, sizeof(bits));
	return single + 0.0F;		/* one zero only */
}

/*
 * Draw a threshold that leaves the least of two values on its left, and the
 * greatest on its right.  Returns what stands for it in a tree.
 */
static inline uint32
draw_threshold(AdForestGrower *g, double least, double greatest,
			   double *threshold)
{
	double		u = ad_random_double(&g->random);
	double		width = greatest - least;
	double		t = least + u * width;
	float		single;
	uint32		bits;

	/* the width of the whole float8 range is not a float8 */
	if (unlikely(!isfinite(width)))
	{
		t = least * (1 - u) + greatest * u;
		width = DBL_MAX;
	}
	if (unlikely(!(t >= least && t < greatest)))
		t = least;
	single = float_below(t);
	if (unlikely(!(single >= least && (t - single) * MAX_MOVE <= width)))
	{
		*threshold = t;
		return ad_trees_keep_long(g->trees, t);
	}
	*threshold = single;
	memcpy(&bits, &single, sizeof(bits));
	return bits;
}

/*
 * Copy n rows: those with x <= threshold in front, the others behind them.
 * Returns where these begin.
 */
static inline int
partition(const AdForestGrower *g, int column, double threshold,
		  const uint16 *row, int n, uint16 *out)
{
	const double *x = g->by_column + (Size) column * g->psi;
	uint16	   *last = out + n - 1;
	int			nleft = 0;

	for (int i = 0; i < n; i++)
	{
		out[nleft] = row[i];
		last[nleft - i] = row[i];
		nleft += x[row[i]] <= threshold;
	}
	return nleft;
}

/* Count the rows that partition() puts in front. */
static inline int
count_left(const AdForestGrower *g, int column, double threshold,
		   const uint16 *row, int n)
{
	const double *x = g->by_column + (Size) column * g->psi;
	int			nleft = 0;

	for (int i = 0; i < n; i++)
		nleft += x[row[i]] <= threshold;
	return nleft;
}

/* Add a leaf. */
static inline void
add_leaf(AdForestGrower *g, int depth, int n)
{
	ad_trees_add(g->trees, depth, AD_FOREST_LEAF, n);
}

/*
 * Grow a node over n rows, at least two, above the last level.  The rows are
 * in a permutation; other is as much of another, which is overwritten.
 */
static void
grow(AdForestGrower *g, uint16 *row, uint16 *other, int n, int depth,
	 int nconstant)
{
	double		least,
				greatest,
				threshold;
	uint32		value;
	int			column;
	int			at = draw_column(g, row, n, &nconstant, &least, &greatest);
	int			nleft;

	if (at < 0)
	{
		add_leaf(g, depth, n);
		return;
	}
	column = g->columns[at];
	value = draw_threshold(g, least, greatest, &threshold);
	ad_trees_add(g->trees, depth, column, value);

	/* an "other" column is used up on this path */
	if (g->m->kinds[column] == AD_COLUMN_OTHER)
		ad_forest_swap(g, at, nconstant++);
	depth++;
	if (depth == g->depth_limit)
	{
		nleft = count_left(g, column, threshold, row, n);
		add_leaf(g, depth, nleft);
		add_leaf(g, depth, n - nleft);
		return;
	}
	nleft = partition(g, column, threshold, row, n, other);
	if (nleft > 1)
		grow(g, other, row, nleft, depth, nconstant);
	else
		add_leaf(g, depth, nleft);
	if (n - nleft > 1)
		grow(g, other + nleft, row + nleft, n - nleft, depth, nconstant);
	else
		add_leaf(g, depth, n - nleft);
}

/* Grow an axis-parallel tree on some rows of the matrix, psi of them. */
void
ad_forest_grow_axis(AdForestGrower *g, const uint32 *rows)
{
	int			cols = g->m->cols;

	for (int c = 0; c < cols; c++)
	{
		const double *x = g->m->x + c;
		double	   *out = g->by_column + (Size) c * g->psi;

		for (int i = 0; i < g->psi; i++)
			out[i] = x[(Size) rows[i] * cols];
	}
	for (int i = 0; i < g->psi; i++)
		g->order[i] = (uint16) i;
	if (g->psi > 1)
		grow(g, g->order, g->spare, g->psi, 0, 0);
	else
		add_leaf(g, 0, g->psi);
	ad_trees_end_tree(g->trees);
}
