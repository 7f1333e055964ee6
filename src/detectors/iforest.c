/*-------------------------------------------------------------------------
 *
 * iforest.c
 *		Isolation forest: growing the trees.
 *
 * Liu, Ting and Zhou, "Isolation Forest", ICDM 2008; with ndim > 1 the
 * extended forest of Hariri, Carrasco Kind and Brunner, "Extended Isolation
 * Forest", IEEE TKDE 2019.
 *
 * Each tree is grown on psi rows drawn without replacement, to a depth of
 * ceil(log2(psi)): at a node a column is drawn among those that still vary
 * and a threshold uniformly between its least and greatest value there.
 * Thresholds are doubles, so two values that differ at all can be parted.
 *
 * The "other" column of a categorical feature is 0 in every training row.
 * It may be split on once on a path all the same, as if some row had a 1:
 * the right child is an empty leaf, where only unseen categories arrive.
 *
 * Tree t's generator is derived from (seed, t) by a hash.
 *
 *-------------------------------------------------------------------------
 */
#include "detectors/ad_detectors.h"
#include "detectors/iforest.h"
#include "math/ad_linalg.h"
#include "math/ad_math.h"

/*
 * Least and greatest value of a column among rows lo .. hi - 1; 0 and 1 for
 * an "other" column, as if some row had a 1.
 */
void
ad_forest_range(const AdForestGrower *g, int column, int lo, int hi,
				double *least, double *greatest)
{
	const double *x = g->x + column;
	int			cols = g->m->cols;
	double		a = x[(Size) g->rows[lo] * cols];
	double		b = a;

	if (g->m->kinds[column] == AD_COLUMN_OTHER)
	{
		*least = 0;
		*greatest = 1;
		return;
	}

	for (int i = lo + 1; i < hi; i++)
	{
		double		v = x[(Size) g->rows[i] * cols];

		a = Min(a, v);
		b = Max(b, v);
	}
	*least = a;
	*greatest = b;
}

/*
 * Draw a column that varies in rows lo .. hi - 1, among those at
 * *nconstant and after; constant ones met are moved before it.  Returns the
 * position of the column, or -1 if there is none.
 */
static int
draw_column(AdForestGrower *g, int lo, int hi, int *nconstant,
			double *least, double *greatest)
{
	while (*nconstant < g->ncolumns)
	{
		int			at = *nconstant +
			(int) ad_random_below(&g->random, g->ncolumns - *nconstant);

		CHECK_FOR_INTERRUPTS();
		ad_forest_range(g, g->columns[at], lo, hi, least, greatest);
		if (*least < *greatest)
			return at;
		ad_forest_swap(g, at, *nconstant);
		(*nconstant)++;
	}
	return -1;
}

/* A point between two values that leaves the least one on its left. */
static double
draw_threshold(AdForestGrower *g, double least, double greatest)
{
	double		u = ad_random_double(&g->random);
	double		t = least + u * (greatest - least);

	/* the width of the whole float8 range is not a float8 */
	if (!isfinite(t))
		t = least * (1 - u) + greatest * u;
	if (!(t >= least && t < greatest))
		t = least;
	return t;
}

/* Put rows with x <= threshold first; returns where the others begin. */
static int
partition(AdForestGrower *g, int column, double threshold, int lo, int hi)
{
	const double *x = g->x + column;
	int			cols = g->m->cols;

	while (lo < hi)
	{
		if (x[(Size) g->rows[lo] * cols] <= threshold)
			lo++;
		else
		{
			int			r = g->rows[lo];

			g->rows[lo] = g->rows[--hi];
			g->rows[hi] = r;
		}
	}
	return lo;
}

static AdForestNode *
add_node(AdForestGrower *g)
{
	if (g->nnodes == g->maxnodes)
	{
		g->maxnodes *= 2;
		g->nodes = ad_repalloc_array(g->nodes, AdForestNode, g->maxnodes);
	}
	return &g->nodes[g->nnodes++];
}

/* Grow an axis-parallel node over rows lo .. hi - 1. */
static void
grow(AdForestGrower *g, int lo, int hi, int depth, int nconstant)
{
	AdForestNode *node = add_node(g);
	double		least,
				greatest;
	int			at = -1;
	int			middle;

	if (hi - lo > 1 && depth < g->depth_limit)
		at = draw_column(g, lo, hi, &nconstant, &least, &greatest);
	if (at < 0)
	{
		node->column = -1;
		node->rows = hi - lo;
		node->threshold = 0;
		return;
	}
	node->column = g->columns[at];
	node->threshold = draw_threshold(g, least, greatest);
	node->rows = 0;
	middle = partition(g, node->column, node->threshold, lo, hi);

	/* an "other" column is used up on this path */
	if (g->m->kinds[node->column] == AD_COLUMN_OTHER)
		ad_forest_swap(g, at, nconstant++);
	grow(g, lo, middle, depth + 1, nconstant);
	grow(g, middle, hi, depth + 1, nconstant);
}

/*
 * Draw up to ndim columns that vary in rows lo .. hi - 1, among those at
 * *nconstant and after.  They end up at *nconstant .., constant ones met
 * before it.  Returns their number.
 */
int
ad_forest_draw_columns(AdForestGrower *g, int lo, int hi, int *nconstant)
{
	int			k = 0;
	int			chosen = *nconstant;
	double		least,
				greatest;

	while (k < g->ndim && chosen < g->ncolumns)
	{
		int			at = chosen +
			(int) ad_random_below(&g->random, g->ncolumns - chosen);

		CHECK_FOR_INTERRUPTS();
		ad_forest_range(g, g->columns[at], lo, hi, &least, &greatest);
		ad_forest_swap(g, at, chosen);
		if (least < greatest)
			k++;
		else
		{
			/* constant: move it before the chosen ones */
			ad_forest_swap(g, chosen, *nconstant);
			(*nconstant)++;
		}
		chosen++;
	}
	return k;
}

/* The projection of a row on the columns of a split. */
static inline double
project(const AdForestGrower *g, int row, int first, int k)
{
	const double *x = g->x + (Size) row * g->m->cols;
	double		dot = 0;

	for (int i = 0; i < k; i++)
		dot += g->coefficient[i] * x[g->columns[first + i]];
	return dot;
}

/*
 * Choose the split of the extended forest: a hyperplane through a random
 * point of the rows' bounding box, with a normal of ndim random
 * coordinates.
 */
static int
choose_random(AdForestGrower *g, int lo, int hi, int *nconstant,
			  double *threshold)
{
	int			k = ad_forest_draw_columns(g, lo, hi, nconstant);

	*threshold = 0;
	for (int i = 0; i < k; i++)
	{
		double		c = ad_random_normal(&g->random);
		double		u = ad_random_double(&g->random);
		double		least,
					greatest;

		/* constant columns were sorted out in between: read it again */
		ad_forest_range(g, g->columns[*nconstant + i], lo, hi,
						&least, &greatest);
		g->coefficient[i] = c;
		*threshold += c * (least * (1 - u) + greatest * u);
	}
	if (!isfinite(*threshold))
		ad_too_large("iforest");
	return k;
}

/* Grow a node whose split is a hyperplane, and write it. */
static void
grow_extended(AdForestGrower *g, int lo, int hi, int depth, int nconstant)
{
	int			k = 0;
	double		threshold = 0;
	int			left = lo;
	int			right = hi;

	if (hi - lo > 1 && depth < g->depth_limit)
		k = g->choose(g, lo, hi, &nconstant, &threshold);
	if (k == 0)
	{
		ad_wr_u16(g->payload, 0);
		ad_wr_u32(g->payload, hi - lo);
		return;
	}

	ad_wr_u16(g->payload, (uint16) k);
	for (int i = 0; i < k; i++)
	{
		ad_wr_u16(g->payload, (uint16) g->columns[nconstant + i]);
		ad_wr_f64(g->payload, g->coefficient[i]);
	}
	ad_wr_f64(g->payload, threshold);

	while (left < right)
	{
		if (project(g, g->rows[left], nconstant, k) <= threshold)
			left++;
		else
		{
			int			r = g->rows[left];

			g->rows[left] = g->rows[--right];
			g->rows[right] = r;
		}
	}

	/* "other" columns are used up on this path */
	for (int i = nconstant, end = nconstant + k; i < end; i++)
		if (g->m->kinds[g->columns[i]] == AD_COLUMN_OTHER)
			ad_forest_swap(g, i, nconstant++);
	grow_extended(g, lo, left, depth + 1, nconstant);
	grow_extended(g, left, hi, depth + 1, nconstant);
}

/* Write thresholds and trees of an axis-parallel forest. */
static void
write_forest(AdForestGrower *g)
{
	int			cols = g->m->cols;
	Size	   *start = ad_palloc0_array(Size, cols + 1);
	Size	   *count = ad_palloc0_array(Size, cols);
	double	   *thresholds;

	/* gather the thresholds by column */
	for (Size i = 0; i < g->nnodes; i++)
		if (g->nodes[i].column >= 0)
			start[g->nodes[i].column + 1]++;
	for (int c = 0; c < cols; c++)
		start[c + 1] += start[c];
	thresholds = ad_palloc_array(double, start[cols]);
	for (Size i = 0; i < g->nnodes; i++)
	{
		int			c = g->nodes[i].column;

		if (c >= 0)
			thresholds[start[c] + count[c]++] = g->nodes[i].threshold;
	}

	/* sort each column's and drop what is there twice */
	for (int c = 0; c < cols; c++)
	{
		double	   *t = thresholds + start[c];
		Size		n = 0;

		CHECK_FOR_INTERRUPTS();
		ad_sort_doubles(t, count[c]);
		for (Size i = 0; i < count[c]; i++)
			if (n == 0 || t[i] != t[n - 1])
				t[n++] = t[i];
		if (n > AD_IFOREST_MAX_RANK)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("isolation forest splits one column at %zu different values, limit is %d",
							n, AD_IFOREST_MAX_RANK),
					 errhint("Lower trees or sample_size.")));
		count[c] = n;
		ad_wr_u32(g->payload, (uint32) n);
		ad_wr_f64_array(g->payload, t, n);
	}

	for (Size i = 0; i < g->nnodes; i++)
	{
		const AdForestNode *node = &g->nodes[i];
		const double *t;
		Size		n;
		Size		rank = 0;

		AD_CHECK_EVERY_1024(i);
		if (node->column < 0)
		{
			ad_wr_u32(g->payload, AD_IFOREST_LEAF | node->rows);
			continue;
		}
		t = thresholds + start[node->column];
		n = count[node->column];
		/* free of branches: thresholds come in no order */
		while (n > 1)
		{
			Size		half = n / 2;

			rank += half & -(Size) (t[rank + half - 1] < node->threshold);
			n -= half;
		}
		ad_wr_u32(g->payload, ((uint32) rank << AD_IFOREST_SHIFT) |
				  (uint32) node->column);
	}
}

/*
 * Grow a forest and append its payload; see iforest.h for the form.  The
 * caller sets m, trees, sample_size, ndim, max_features, choose (NULL: one
 * column and a random threshold) and limit_depth; the rest is zero.
 */
void
ad_forest_grow(AdForestGrower *g, StringInfo payload)
{
	const AdMatrix *m = g->m;
	Size	   *population;
	int			ntree_columns;

	if ((int64) g->trees * g->sample_size > AD_IFOREST_MAX_TOTAL)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("trees times sample_size is " INT64_FORMAT ", limit is %d",
						(int64) g->trees * g->sample_size,
						AD_IFOREST_MAX_TOTAL)));

	g->payload = payload;
	g->psi = (int) Min(m->rows, (Size) g->sample_size);
	g->depth_limit = g->limit_depth(g->psi);
	g->x = ad_palloc_array(double, ad_mul_size(g->psi, m->cols));
	g->rows = ad_palloc_array(int, g->psi);
	g->columns = ad_palloc_array(int, m->cols);
	ntree_columns = Max((int) (g->max_features * m->cols + 0.5), 1);
	ntree_columns = Min(ntree_columns, m->cols);

	population = ad_palloc_array(Size, m->rows);
	for (Size i = 0; i < m->rows; i++)
		population[i] = i;

	ad_wr_u32(payload, g->psi);
	ad_wr_u32(payload, g->trees);
	ad_wr_u32(payload, g->ndim);
	if (g->choose)
		g->coefficient = ad_palloc_array(double, m->cols);
	else
	{
		g->maxnodes = 1024;
		g->nodes = ad_palloc_array(AdForestNode, g->maxnodes);
	}

	for (int t = 0; t < g->trees; t++)
	{
		CHECK_FOR_INTERRUPTS();
		ad_random_seed(&g->random, m->seed, t);

		/*
		 * A partial shuffle draws without replacement from any order of the
		 * population, so the last tree's order serves.
		 */
		for (int i = 0; i < g->psi; i++)
		{
			Size		j = i + (Size) ad_random_below(&g->random, m->rows - i);
			Size		row = population[j];

			population[j] = population[i];
			population[i] = row;
			memcpy(g->x + (Size) i * m->cols, m->x + row * m->cols,
				   m->cols * sizeof(double));
			g->rows[i] = i;
		}
		for (int c = 0; c < m->cols; c++)
			g->columns[c] = c;
		g->ncolumns = ntree_columns;
		if (ntree_columns < m->cols)
			for (int c = 0; c < ntree_columns; c++)
				ad_forest_swap(g, c, c + (int) ad_random_below(&g->random,
															   m->cols - c));
		if (g->choose)
			grow_extended(g, 0, g->psi, 0, 0);
		else
			grow(g, 0, g->psi, 0, 0);
	}
	if (!g->choose)
		write_forest(g);
}

/*
 * The rows that a tree draws: a number, which may be more than there are, or a
 * share of them.
 */
int
ad_forest_sample_size(double wanted, Size rows)
{
	return wanted > 1 ? (int) wanted :
		ad_detector_part(wanted, rows, 2, AD_IFOREST_MAX_SAMPLE);
}

/* The share of the columns that a tree may use: given so, or as a number. */
double
ad_forest_max_features(double wanted, int cols)
{
	return wanted > 1 ? Min(wanted / cols, 1) : wanted;
}

/* The rows that the trees draw; a share is one of those of a usual sample. */
Size
ad_forest_rows(int trees, double sample_size)
{
	return sample_size > 1 ? ad_mul_size(trees, (Size) sample_size) :
		AD_ENOUGH_ROWS;
}

/* Grow an isolation forest and append its payload. */
static void
iforest_fit(const AdMatrix *m, const void *opts, StringInfo payload)
{
	const AdIforestOptions *options = opts;
	AdForestGrower g;

	memset(&g, 0, sizeof(g));
	g.m = m;
	g.trees = options->trees;
	g.sample_size = ad_forest_sample_size(options->sample_size, m->rows);
	g.ndim = options->ndim;
	g.max_features = ad_forest_max_features(options->max_features, m->cols);
	g.choose = options->ndim > 1 ? choose_random : NULL;
	g.limit_depth = ad_iforest_depth_limit;
	ad_forest_grow(&g, payload);
}

static const AdOption iforest_options[] = {
	AD_INT(AdIforestOptions, trees, 100, 1, AD_IFOREST_MAX_TREES),
	AD_PART(AdIforestOptions, sample_size, 256, 2, AD_IFOREST_MAX_SAMPLE),
	AD_INT(AdIforestOptions, ndim, 1, 1, AD_MAX_COLUMNS),
	AD_PART(AdIforestOptions, max_features, 1, 1, AD_MAX_COLUMNS),
};

/* As many as its trees draw. */
static Size
iforest_rows(const void *options)
{
	const AdIforestOptions *o = options;

	return ad_forest_rows(o->trees, o->sample_size);
}

/* Axis-parallel splits need no scaling, hyperplanes do. */
static AdScale
iforest_scale(const void *options)
{
	return ((const AdIforestOptions *) options)->ndim > 1 ?
		AD_SCALE_STANDARD : AD_SCALE_NONE;
}

const AdDetector ad_detector_iforest = {
	.id = AD_DET_IFOREST,
	.name = "iforest",
	.time = 0.6,
	.options = iforest_options,
	.noptions = lengthof(iforest_options),
	.options_size = sizeof(AdIforestOptions),
	.rows = iforest_rows,
	.contains_rows = false,
	.scale = iforest_scale,
	.fit = iforest_fit,
	.load = ad_iforest_load,
	.score = ad_iforest_score,
	.explain = ad_iforest_explain,
	.describe = ad_iforest_describe,
};
