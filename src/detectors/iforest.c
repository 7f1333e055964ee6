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
 * ceil(log2(psi)); with splits on one column as iforest_axis.c says.
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

/* Grow a tree of hyperplanes on some rows of the matrix, psi of them. */
static void
grow_extended_tree(AdForestGrower *g, const uint32 *rows)
{
	int			cols = g->m->cols;

	for (int i = 0; i < g->psi; i++)
	{
		memcpy(g->x + (Size) i * cols, g->m->x + (Size) rows[i] * cols,
			   cols * sizeof(double));
		g->rows[i] = i;
	}
	grow_extended(g, 0, g->psi, 0, 0);
}

/* Reserve what growing needs. */
static void
begin_growing(AdForestGrower *g, StringInfo payload)
{
	const AdMatrix *m = g->m;

	g->payload = payload;
	g->psi = (int) Min(m->rows, (Size) g->sample_size);
	g->depth_limit = g->limit_depth(g->psi);
	g->columns = ad_palloc_array(int, m->cols);
	if (g->choose)
	{
		g->x = ad_palloc_array(double, ad_mul_size(g->psi, m->cols));
		g->rows = ad_palloc_array(int, g->psi);
		g->coefficient = ad_palloc_array(double, m->cols);
	}
	else
	{
		g->by_column = ad_palloc_array(double, ad_mul_size(g->psi, m->cols));
		g->order = ad_palloc_array(uint16, g->psi);
		g->spare = ad_palloc_array(uint16, (Size) g->psi + 1);
		g->trees = palloc(sizeof(AdForestBuilder));
		ad_trees_begin(g->trees, g->trees_wanted, g->depth_limit);
	}
	ad_wr_u32(payload, g->psi);
	ad_wr_u32(payload, g->trees_wanted);
	ad_wr_u32(payload, g->ndim);
}

/*
 * Grow a forest and append its payload; see iforest.h for the form.  The
 * caller sets m, trees_wanted, sample_size, ndim, max_features, choose (NULL: one
 * column and a random threshold) and limit_depth; the rest is zero.
 */
void
ad_forest_grow(AdForestGrower *g, StringInfo payload)
{
	const AdMatrix *m = g->m;
	uint32	   *population;
	int			ntree_columns;

	if ((int64) g->trees_wanted * g->sample_size > AD_IFOREST_MAX_TOTAL)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("trees times sample_size is " INT64_FORMAT ", limit is %d",
						(int64) g->trees_wanted * g->sample_size,
						AD_IFOREST_MAX_TOTAL)));
	begin_growing(g, payload);
	ntree_columns = Max((int) (g->max_features * m->cols + 0.5), 1);
	ntree_columns = Min(ntree_columns, m->cols);
	population = ad_palloc_array(uint32, m->rows);
	for (Size i = 0; i < m->rows; i++)
		population[i] = (uint32) i;

	for (int t = 0; t < g->trees_wanted; t++)
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
			uint32		row = population[j];

			population[j] = population[i];
			population[i] = row;
		}
		for (int c = 0; c < m->cols; c++)
			g->columns[c] = c;
		g->ncolumns = ntree_columns;
		if (ntree_columns < m->cols)
			for (int c = 0; c < ntree_columns; c++)
				ad_forest_swap(g, c, c + (int) ad_random_below(&g->random,
															   m->cols - c));
		if (g->choose)
			grow_extended_tree(g, population);
		else
			ad_forest_grow_axis(g, population);
	}
	if (!g->choose)
		ad_trees_write(g->trees, m->cols, payload);
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
	g.trees_wanted = options->trees;
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
	.time = 0.3,
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
	.expect = ad_iforest_expect,
	.describe = ad_iforest_describe,
};
