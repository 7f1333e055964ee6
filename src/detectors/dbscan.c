/*-------------------------------------------------------------------------
 *
 * dbscan.c
 *		DBSCAN (Ester, Kriegel, Sander and Xu 1996) as a score.
 *
 * A row is a core point if min_samples rows, itself included, are at most
 * eps away.  The score is the distance to the nearest core point over eps: 0
 * for a core point itself, at most 1 for a row that belongs to a cluster,
 * more than 1 for noise.  Which cluster is no matter, so only core points
 * are kept.  With no core point everything is noise and scores the greatest
 * float8, as a row that is infinitely far does.
 *
 * Without an eps, it is the knee of the curve of sorted distances to the
 * (min_samples - 1)-th other row: the point farthest below the straight line
 * between the curve's ends (Satopaa et al. 2011).  If that is 0, it is the
 * least positive distance, and 1 if there is none.
 *
 * Payload: f64 eps, u32 min_samples, u32 0, core points.
 *
 *-------------------------------------------------------------------------
 */
#include "detectors/ad_detectors.h"
#include "detectors/reference.h"
#include "math/ad_math.h"

#define TIES	1e-9			/* relative */

typedef struct DbscanOptions
{
	double		eps;			/* NaN: the knee */
	int			min_samples;
	int			metric;
	int			reference_rows;
	double		p;
} DbscanOptions;

#define LEFT_OUT_ROWS	2048	/* core points that are left out, at most */

typedef struct Dbscan
{
	int			cols;
	double		eps;
	uint32		min_samples;
	AdReference ref;
} Dbscan;

/* The knee of the curve of n distances, which are sorted. */
static double
knee(double *d, Size n)
{
	double		best = -INFINITY;
	Size		at = 0;

	ad_sort_doubles(d, n);
	while (n > 1 && isinf(d[n - 1]))
		n--;
	for (Size i = 0; i < n && n > 1; i++)
	{
		double		height = d[n - 1] - d[0];
		double		below = (double) i / (double) (n - 1) -
			(height > 0 ? (d[i] - d[0]) / height : 0);

		if (below > best)
		{
			best = below;
			at = i;
		}
	}
	while (at + 1 < n && d[at] == 0)
		at++;
	return d[at] > 0 && isfinite(d[at]) ? d[at] : 1;
}

/*
 * Find the core points of n rows: core[i] says whether row i is one.
 * Returns how many there are, and eps in *eps.
 */
static Size
find_core(const double *x, Size n, int cols, const DbscanOptions *o,
		  bool *core, double *eps)
{
	AdReference ref;
	int			others = o->min_samples - 1;
	Size		found = 0;

	ad_reference_open(&ref, x, n, cols, o->metric, o->p, Max(others, 1));
	*eps = o->eps;
	if (isnan(o->eps))
	{
		double	   *reach = ad_palloc_array(double, n);
		double	   *sorted;
		int			k = (int) Min((Size) Max(others, 1), n - 1);

		for (Size at = 0; at < n; at++)
		{
			Size		i = ad_neighbors_order(ref.nb, at);
			int			m = ad_reference_nearest(&ref, x + i * cols, k,
												 (uint32) i);

			reach[i] = m > 0 ? ref.distance[m - 1] : 0;
		}
		sorted = ad_palloc_array(double, n);
		memcpy(sorted, reach, n * sizeof(double));
		/* distances that differ by rounding alone are the same */
		*eps = knee(sorted, n) * (1 + TIES);

		/* the distances say which rows are core points, too */
		for (Size i = 0; i < n; i++)
		{
			core[i] = others == 0 || (n > (Size) others && reach[i] <= *eps);
			found += core[i];
		}
		pfree(sorted);
		pfree(reach);
		return found;
	}
	for (Size at = 0; at < n; at++)
	{
		Size		i = ad_neighbors_order(ref.nb, at);

		core[i] = others == 0 ||
			ad_neighbors_within(ref.nb, ref.scratch, x + i * cols, *eps,
								(uint32) i, others) >= others;
		found += core[i];
	}
	return found;
}

/* The core points among n rows, one after another. */
static double *
gather_core(const double *x, Size n, int cols, const bool *core, Size found)
{
	double	   *rows = ad_palloc_array(double, ad_mul_size(Max(found, 1), cols));
	Size		k = 0;

	for (Size i = 0; i < n; i++)
		if (core[i])
			memcpy(rows + k++ * cols, x + i * cols, cols * sizeof(double));
	return rows;
}

/* The score of a row, by the core points. */
static double
core_score(AdReference *ref, const double *x, double eps)
{
	if (ad_reference_nearest(ref, x, 1, AD_NO_SELF) == 0)
		return DBL_MAX;
	return ad_reference_score(ref->distance[0] / eps);
}

static void
dbscan_fit(const AdMatrix *m, const void *options, StringInfo payload)
{
	const DbscanOptions *o = options;
	Size		n;
	const double *x = ad_reference_rows(m, o->reference_rows, &n);
	bool	   *core = ad_palloc_array(bool, n);
	double		eps;
	Size		found = find_core(x, n, m->cols, o, core, &eps);

	ad_wr_f64(payload, eps);
	ad_wr_u32(payload, o->min_samples);
	ad_wr_u32(payload, 0);
	ad_reference_write(payload, gather_core(x, n, m->cols, core, found), found,
					   m->cols, o->metric, o->p);
}

static void *
dbscan_load(AdReader *r, int cols)
{
	Dbscan	   *dbscan = palloc0(sizeof(Dbscan));

	dbscan->cols = cols;
	dbscan->eps = ad_rd_finite(r);
	dbscan->min_samples = ad_rd_u32(r);
	if (!(dbscan->eps > 0) || dbscan->min_samples < 1 ||
		dbscan->min_samples > AD_MAX_NEIGHBORS || ad_rd_u32(r) != 0)
		ad_rd_corrupt(r, "a parameter is out of range");
	ad_reference_load(r, cols, true, 1, &dbscan->ref);
	ad_rd_end(r);
	return dbscan;
}

static double
dbscan_score(void *scorer, const double *x)
{
	Dbscan	   *dbscan = scorer;

	return core_score(&dbscan->ref, x, dbscan->eps);
}

static void
dbscan_in_sample(const AdMatrix *m, const void *options, double *scores)
{
	const DbscanOptions *o = options;
	bool	   *core = ad_palloc_array(bool, m->rows);
	double		eps;
	Size		found = find_core(m->x, m->rows, m->cols, o, core, &eps);
	AdReference ref;

	ad_reference_open(&ref, gather_core(m->x, m->rows, m->cols, core, found),
					  found, m->cols, o->metric, o->p, 1);
	for (Size i = 0; i < m->rows; i++)
		scores[i] = core[i] ? 0 : core_score(&ref, m->x + i * m->cols, eps);
}

/* Core points, evenly spread: the distance to the nearest other one. */
static double *
dbscan_left_out(void *scorer, Size *n)
{
	Dbscan	   *dbscan = scorer;
	AdReference *ref = &dbscan->ref;
	double	   *scores;

	*n = Min(ref->n, LEFT_OUT_ROWS);
	scores = ad_palloc_array(double, *n);
	for (Size i = 0; i < *n; i++)
	{
		Size		row = i * ref->n / *n;

		CHECK_FOR_INTERRUPTS();
		scores[i] = ad_reference_nearest(ref, ref->x + row * dbscan->cols, 1,
										 (uint32) row) == 0 ? DBL_MAX :
			ad_reference_score(ref->distance[0] / dbscan->eps);
	}
	return scores;
}

static void
dbscan_describe(const void *scorer, StringInfo json)
{
	const Dbscan *dbscan = scorer;

	appendStringInfo(json, "\"eps\": %.17g, \"core_points\": %u, \"search\": \"%s\"",
					 dbscan->eps, dbscan->ref.n,
					 ad_neighbors_plan(dbscan->ref.nb));
}

static const AdOption dbscan_options[] = {
	AD_FLOAT_ABOVE(DbscanOptions, eps, NAN, 0, DBL_MAX),
	AD_INT(DbscanOptions, min_samples, 5, 1, AD_MAX_NEIGHBORS),
	AD_ENUM(DbscanOptions, metric, AD_METRIC_EUCLIDEAN, ad_metric_names),
	AD_INT(DbscanOptions, reference_rows, 10000, 1, AD_MAX_REFERENCE_ROWS),
	AD_FLOAT(DbscanOptions, p, 2, 1, AD_MAX_MINKOWSKI_P),
};

static AdScale
dbscan_scale(const void *options pg_attribute_unused())
{
	return AD_SCALE_STANDARD;
}

const AdDetector ad_detector_dbscan = {
	.id = AD_DET_DBSCAN,
	.name = "dbscan",
	.squares = true,
	.time = 7,
	.options = dbscan_options,
	.noptions = lengthof(dbscan_options),
	.options_size = sizeof(DbscanOptions),
	.contains_rows = true,
	.scale = dbscan_scale,
	.fit = dbscan_fit,
	.load = dbscan_load,
	.score = dbscan_score,
	.in_sample = dbscan_in_sample,
	.left_out = dbscan_left_out,
	.describe = dbscan_describe,
};
