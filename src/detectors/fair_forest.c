/*-------------------------------------------------------------------------
 *
 * fair_forest.c
 *		Fair-cut forest: splits by pooled gain instead of at random.
 *
 * Cortes, "Isolation forests: looking beyond tree depth", 2021.  At a node
 * a few candidate directions are drawn, each a random combination of ndim
 * columns (standardised by their spread in the node, so that units do not
 * matter), and the rows are projected on them.  A candidate is cut where
 * the variance that is left, pooled over both sides, is least, halfway
 * between two projections; of several candidates the one that explains the
 * largest share of its own variance is taken.  Trees grow until rows are
 * apart: clusters are cut from each other first, so that small clusters of
 * anomalies get shallow leaves too.
 *
 * Growing, payload and scoring are those of the extended isolation forest
 * (iforest.c, iforest_score.c), but for the depth: it is limited only for
 * the sake of the stack.
 *
 *-------------------------------------------------------------------------
 */
#include "detectors/ad_detectors.h"
#include "detectors/iforest.h"
#include "math/ad_math.h"

#include <float.h>

#define MAX_DEPTH	1000
#define CLOSE		1e-9		/* projections that rounding may unite */

typedef struct FairOptions
{
	int			trees;
	double		sample_size;	/* rows of a tree, or a share of them */
	int			ndim;			/* columns of a split */
	int			candidates;		/* directions tried at a node */
	double		max_features;	/* columns a tree may use, or a share of them */
} FairOptions;

/* Scratch of choosing a split. */
typedef struct FairScratch
{
	int			candidates;
	double	   *projection;		/* psi */
	double	   *place;			/* psi */
	double	   *coefficient;	/* of the best candidate */
	int		   *columns;		/* of the best candidate */
} FairScratch;

/* How often the least positive float8 is in a subnormal number that is >= 0. */
static inline double
subnormal_multiple(double v)
{
	int64		bits;

	memcpy(&bits, &v, sizeof(bits));
	return (double) bits;
}

/*
 * Fill in where n numbers within least .. greatest are, from 0 to 1; returns
 * the sum.
 */
static double
find_places(const double *v, int n, double least, double greatest,
			double *place)
{
	double		width = greatest - least;
	double		sum = 0;

	if (unlikely(!isfinite(width)))
	{
		/* the width of the whole float8 range is not a float8 */
		width = greatest / 2 - least / 2;
		for (int i = 0; i < n; i++)
			sum += place[i] = (v[i] / 2 - least / 2) / width;
		return sum;
	}
	if (unlikely(width < DBL_MIN))
	{
		/*
		 * Processors divide subnormal numbers a hundred times more slowly
		 * than the multiples of the least of them that their bits are.
		 */
		for (int i = 0; i < n; i++)
			sum += place[i] = subnormal_multiple(v[i] - least) /
				subnormal_multiple(width);
		return sum;
	}
	for (int i = 0; i < n; i++)
		sum += place[i] = (v[i] - least) / width;
	return sum;
}

/*
 * A random coefficient for a column that varies in rows lo .. hi - 1:
 * uniform in (-1, 1), over the column's standard deviation there.
 */
static double
draw_coefficient(AdForestGrower *g, int column, int lo, int hi)
{
	FairScratch *s = g->private;
	double		u = 2 * ad_random_double(&g->random) - 1;
	double		least,
				greatest;
	double		mean;
	double		ss = 0;
	double		sd = 0.5;
	double		c;

	ad_forest_range(g, column, lo, hi, &least, &greatest);
	if (g->m->kinds[column] != AD_COLUMN_OTHER)
	{
		const double *x = g->x + column;
		int			cols = g->m->cols;
		int			n = hi - lo;

		for (int i = 0; i < n; i++)
			s->place[i] = x[(Size) g->rows[lo + i] * cols];
		mean = find_places(s->place, n, least, greatest, s->place) / n;
		for (int i = 0; i < n; i++)
		{
			double		d = s->place[i] - mean;

			ss += d * d;
		}
		sd = sqrt(ss / n);
	}
	/* twice halved, for widths that are no float8 */
	c = u / sd * 0.5 / (greatest / 2 - least / 2);
	if (!(fabs(c) <= 1e300))
		c = u < 0 ? -1e300 : 1e300;
	return c;
}

/*
 * Sort n projections and find the cut that leaves the least pooled variance,
 * and the gap that it is in the middle of; place[] is scratch.  Returns the
 * share of the variance that it explains, or a negative number if all are
 * equal.
 */
static double
best_cut(double *p, int n, double *place, double *threshold, double *gap)
{
	double		best = -1;
	double		least,
				greatest;
	double		total = 0;
	double		left = 0;
	double		mean;

	ad_sort_doubles(p, n);
	least = p[0];
	greatest = p[n - 1];
	if (!(least < greatest))
		return -1;
	mean = find_places(p, n, least, greatest, place) / n;
	for (int i = 0; i < n; i++)
	{
		double		d = place[i] - mean;

		total += d * d;
	}

	/*
	 * Deviations from the mean sum to zero, so that the sum of squares
	 * between the sides is left^2 (1 / n_left + 1 / n_right).
	 */
	for (int i = 0; i < n - 1; i++)
	{
		double		between;

		left += place[i] - mean;
		if (p[i] == p[i + 1])
			continue;
		between = left * left * ((double) n /
								 ((double) (i + 1) * (n - 1 - i)));
		if (between > best)
		{
			double		t = p[i] + (p[i + 1] - p[i]) / 2;

			best = between;
			*threshold = t < p[i + 1] ? t : p[i];
			*gap = p[i + 1] - p[i];
		}
	}
	return best / total;
}

/*
 * Project rows lo .. hi - 1, less the first of them, on the columns at first
 * ..; an unseen category, which no row has, is left to the threshold.
 * Differences keep what far from zero the products would round away.  Returns
 * the first row's own projection, and the sum of its terms' sizes in *size.
 */
static double
project_rows(const AdForestGrower *g, int lo, int hi, int first, int k,
			 double *p, double *size)
{
	int			cols = g->m->cols;
	const double *origin = g->x + (Size) g->rows[lo] * cols;
	double		base = 0;

	*size = 0;
	for (int j = 0; j < k; j++)
	{
		double		term = g->coefficient[j] * origin[g->columns[first + j]];

		base += term;
		*size += fabs(term);
	}
	for (int i = lo; i < hi; i++)
	{
		const double *x = g->x + (Size) g->rows[i] * cols;
		double		dot = 0;

		for (int j = 0; j < k; j++)
			dot += g->coefficient[j] * (x[g->columns[first + j]] -
										origin[g->columns[first + j]]);
		p[i - lo] = dot;
	}
	return base;
}

/*
 * Return whether a split parts rows lo .. hi - 1 as they will be projected,
 * not less the first of them.  Rows that differ by rounding alone it may not.
 */
static bool
parts_rows(const AdForestGrower *g, int lo, int hi, int first, int k,
		   double threshold)
{
	int			cols = g->m->cols;
	int			left = 0;

	for (int i = lo; i < hi; i++)
	{
		const double *x = g->x + (Size) g->rows[i] * cols;
		double		dot = 0;

		for (int j = 0; j < k; j++)
			dot += g->coefficient[j] * x[g->columns[first + j]];
		left += dot <= threshold;
	}
	return left > 0 && left < hi - lo;
}

/* Choose the split of a node; see AdForestGrower. */
static int
choose_fair(AdForestGrower *g, int lo, int hi, int *nconstant,
			double *threshold)
{
	FairScratch *s = g->private;
	int			n = hi - lo;
	int			best_k = 0;
	double		best = -2;

	for (int t = 0; t < s->candidates; t++)
	{
		int			k = ad_forest_draw_columns(g, lo, hi, nconstant);
		double		cut = 0;
		double		gain;
		double		base;
		double		gap = 0;
		double		size;

		if (k == 0)
			break;
		if (k == 1)
			g->coefficient[0] = 1;
		else
			for (int i = 0; i < k; i++)
				g->coefficient[i] =
					draw_coefficient(g, g->columns[*nconstant + i], lo, hi);
		base = project_rows(g, lo, hi, *nconstant, k, s->projection, &size);
		gain = best_cut(s->projection, n, s->place, &cut, &gap);
		if (gain < 0)
		{
			/*
			 * No row is parted from another: either the columns are "other"
			 * ones, 0 in every row, and the cut is to part a row that has a
			 * 1, or they cancel each other out.
			 */
			double		unseen = 0;

			for (int i = 0; i < k; i++)
				if (g->m->kinds[g->columns[*nconstant + i]] == AD_COLUMN_OTHER)
					unseen += g->coefficient[i];
			cut = s->projection[0] + unseen / 2;
			gain = unseen != 0 ? 0 : -1;
		}
		else if (!(gap > CLOSE * (size + s->projection[n - 1] -
								  s->projection[0])) &&
				 !parts_rows(g, lo, hi, *nconstant, k, base + cut))
			gain = -1;
		if (gain > best)
		{
			best = gain;
			best_k = k;
			*threshold = base + cut;
			memcpy(s->coefficient, g->coefficient, k * sizeof(double));
			memcpy(s->columns, g->columns + *nconstant, k * sizeof(int));
		}
	}
	if (best_k == 0 || best < 0)
		return 0;

	/* bring the best candidate's columns to where they are looked for */
	if (s->candidates > 1)
		for (int i = 0; i < best_k; i++)
		{
			int			at = *nconstant + i;

			while (g->columns[at] != s->columns[i])
				at++;
			ad_forest_swap(g, at, *nconstant + i);
		}
	memcpy(g->coefficient, s->coefficient, best_k * sizeof(double));
	return best_k;
}

/* Return how deep a tree may grow: until every row is apart. */
static int
fair_depth_limit(int psi)
{
	return Max(Min(psi - 1, MAX_DEPTH), 1);
}

/* Grow a forest and append its payload. */
static void
fair_forest_fit(const AdMatrix *m, const void *opts, StringInfo payload)
{
	const FairOptions *options = opts;
	AdForestGrower g;
	FairScratch s;

	memset(&g, 0, sizeof(g));
	g.m = m;
	g.trees_wanted = options->trees;
	g.sample_size = ad_forest_sample_size(options->sample_size, m->rows);
	g.ndim = Min(options->ndim, m->cols);
	g.max_features = ad_forest_max_features(options->max_features, m->cols);
	g.choose = choose_fair;
	g.limit_depth = fair_depth_limit;
	g.private = &s;
	s.candidates = options->candidates;
	s.projection = ad_palloc_array(double, g.sample_size);
	s.place = ad_palloc_array(double, g.sample_size);
	s.coefficient = ad_palloc_array(double, m->cols);
	s.columns = ad_palloc_array(int, m->cols);
	ad_forest_grow(&g, payload);
}

/* Check a payload and make a scorer of it. */
static void *
fair_forest_load(AdReader *r, int cols)
{
	return ad_forest_load(r, cols, true, fair_depth_limit);
}

static const AdOption fair_options[] = {
	AD_INT(FairOptions, trees, 200, 1, AD_IFOREST_MAX_TREES),
	AD_PART(FairOptions, sample_size, 256, 2, AD_IFOREST_MAX_SAMPLE),
	AD_INT(FairOptions, ndim, 2, 1, AD_MAX_COLUMNS),
	AD_INT(FairOptions, candidates, 1, 1, 1000),
	AD_PART(FairOptions, max_features, 1, 1, AD_MAX_COLUMNS),
};

/* As many as its trees draw. */
static Size
fair_rows(const void *options)
{
	const FairOptions *o = options;

	return ad_forest_rows(o->trees, o->sample_size);
}

/* Directions are standardised at every node. */
static AdScale
fair_scale(const void *options pg_attribute_unused())
{
	return AD_SCALE_NONE;
}

const AdDetector ad_detector_fair_forest = {
	.id = AD_DET_FAIR_FOREST,
	.name = "fair_forest",
	.time = 2,
	.options = fair_options,
	.noptions = lengthof(fair_options),
	.options_size = sizeof(FairOptions),
	.rows = fair_rows,
	.contains_rows = false,
	.scale = fair_scale,
	.fit = fair_forest_fit,
	.load = fair_forest_load,
	.score = ad_iforest_score,
	.explain = ad_iforest_explain,
	.describe = ad_iforest_describe,
};
