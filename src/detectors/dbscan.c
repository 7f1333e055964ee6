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
 * A row to be scored that equals a core point scores 0 as that does: as the
 * definition counts, it would be one.
 *
 * Without an eps and min_samples, that is the root of the number of rows, as
 * knn has it: a group of anomalies is no cluster unless it has that many.
 * Without an eps, it is the 90th percentile of the distances to the
 * (min_samples - 1)-th other row, so that nine rows in ten are core points.
 * (The knee of their curve, where it is farthest below the line between its
 * ends, depends on the farthest row of all.)  If that is 0, as where most rows
 * are copies, it is the least positive distance, and 1 if there is none.
 *
 * Payload: f64 eps, u32 min_samples, u32 0, core points.
 *
 *-------------------------------------------------------------------------
 */
#include "detectors/ad_detectors.h"
#include "detectors/reference.h"
#include "math/ad_math.h"

#define TIES	1e-9			/* relative */
#define REACHED	0.9				/* of the rows, without an eps */
#define USUAL_SAMPLES	5

typedef struct DbscanOptions
{
	double		eps;			/* NaN: by the rows' distances */
	int			min_samples;	/* AD_NO_INT: with an eps USUAL_SAMPLES, else
								 * by the number of rows */
	int			metric;
	int			reference_rows;
	double		p;
} DbscanOptions;

#define LEFT_OUT_ROWS	2048	/* core points that are left out, at most */

typedef struct Dbscan
{
	double		eps;
	uint32		min_samples;
	AdReference ref;
} Dbscan;

/*
 * The eps by the distances of rows to their k-th other one, reach[], each
 * taken as often as the row counts: one of them, or 1.
 */
static double
usual_reach(const AdRows *rows, const double *reach)
{
	double	   *d = ad_palloc_array(double, rows->total);
	Size		n = 0;
	Size		at;
	double		eps;

	for (Size i = 0; i < rows->n; i++)
		for (uint32 left = ad_reference_count(rows, i); left > 0; left--)
			d[n++] = reach[i];
	ad_sort_doubles(d, n);
	while (n > 1 && isinf(d[n - 1]))
		n--;
	/* the least that so many do not exceed */
	at = (Size) ceil(REACHED * (double) n);
	at -= at > 0;
	while (at + 1 < n && d[at] == 0)
		at++;
	eps = d[at] > 0 && isfinite(d[at]) ? d[at] : 1;
	pfree(d);
	/* distances that differ by rounding alone are the same */
	return eps * (1 + TIES);
}

/* How many rows within eps make a core point, among some rows. */
static int
count_samples(const DbscanOptions *o, const AdRows *rows)
{
	if (o->min_samples != AD_NO_INT)
		return o->min_samples;
	return isnan(o->eps) ? ad_reference_neighbors(rows->total) : USUAL_SAMPLES;
}

/* Note the distance of a row's farthest neighbour. */
static void
note_reach(void *arg, uint32 row, const double *distance,
		   const uint32 *index pg_attribute_unused(), int n)
{
	double	   *reach = arg;

	reach[row] = n > 0 ? distance[n - 1] : 0;
}

/*
 * Find the core points of rows: core[i] says whether row i is one.  Returns
 * eps.
 */
static double
find_core(const AdRows *rows, const DbscanOptions *o, bool *core)
{
	AdReference ref;
	int			others = count_samples(o, rows) - 1;
	int			k = (int) Min((Size) Max(others, 1), rows->total - 1);
	double	   *reach;
	double		eps;

	ad_reference_open(&ref, rows, o->metric, o->p, Max(others, 1));
	if (!isnan(o->eps))
	{
		for (Size at = 0; at < rows->n; at++)
		{
			Size		i = ad_neighbors_order(ref.nb, at);
			Size		copies = ad_reference_count(rows, i) - 1;
			int			needed = others - (int) Min(copies, (Size) others);

			core[i] = needed == 0 ||
				ad_neighbors_within(ref.nb, ref.scratch,
									rows->x + i * rows->cols, o->eps,
									(uint32) i, needed) >= needed;
		}
		return o->eps;
	}

	reach = ad_palloc_array(double, rows->n);
	ad_reference_each(&ref, k, note_reach, reach);
	eps = usual_reach(rows, reach);
	/* the distances say which rows are core points, too */
	for (Size i = 0; i < rows->n; i++)
		core[i] = others == 0 ||
			(rows->total > (Size) others && reach[i] <= eps);
	pfree(reach);
	return eps;
}

/* The core points among rows, one after another. */
static AdRows
gather_core(const AdRows *rows, const bool *core)
{
	int			cols = rows->cols;
	double	   *x = ad_palloc_array(double, ad_mul_size(rows->n, cols));
	uint32	   *counts = ad_palloc_array(uint32, rows->n);
	AdRows		result = {.x = x,.cols = cols};

	for (Size i = 0; i < rows->n; i++)
		if (core[i])
		{
			memcpy(x + result.n * cols, rows->x + i * cols,
				   cols * sizeof(double));
			counts[result.n++] = ad_reference_count(rows, i);
			result.total += ad_reference_count(rows, i);
		}
	if (result.total > result.n)
		result.counts = counts;
	return result;
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
	AdRows		rows;
	AdRows		core_rows;
	bool	   *core;

	ad_reference_rows(m, o->reference_rows, &rows);
	core = ad_palloc_array(bool, rows.n);
	ad_wr_f64(payload, find_core(&rows, o, core));
	ad_wr_u32(payload, count_samples(o, &rows));
	ad_wr_u32(payload, 0);
	core_rows = gather_core(&rows, core);
	ad_reference_write(payload, &core_rows, o->metric, o->p);
}

static void *
dbscan_load(AdReader *r, int cols)
{
	Dbscan	   *dbscan = palloc0(sizeof(Dbscan));

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
	AdReference *ref = &dbscan->ref;

	double		score = core_score(ref, x, dbscan->eps);

	if (score > 0 || !ref->leave_self)
		return score;
	/* a core point: it is no noise, however far the others are */
	if (ad_reference_others(ref, x, 1) == 0)
		return 0;
	return Min(ref->distance[0] / dbscan->eps, 1);
}

static void
dbscan_in_sample(const AdMatrix *m, const void *options, double *scores)
{
	const DbscanOptions *o = options;
	AdRows		rows;
	AdRows		core_rows;
	bool	   *core;
	double	   *distinct;
	double		eps;
	AdReference ref;

	ad_reference_distinct(m->x, m->rows, m->cols, &rows);
	core = ad_palloc_array(bool, rows.n);
	distinct = ad_palloc_array(double, rows.n);
	eps = find_core(&rows, o, core);
	core_rows = gather_core(&rows, core);
	ad_reference_open(&ref, &core_rows, o->metric, o->p, 1);
	for (Size i = 0; i < rows.n; i++)
		distinct[i] = core[i] ? 0 :
			core_score(&ref, rows.x + i * m->cols, eps);
	ad_reference_scores(&rows, distinct, scores, m->rows);
}

/* Core points, evenly spread: the distance to the nearest other one. */
static double *
dbscan_left_out(void *scorer, Size *n)
{
	Dbscan	   *dbscan = scorer;
	AdReference *ref = &dbscan->ref;
	const AdRows *rows = &ref->rows;
	double	   *scores;
	Size		row = 0;
	Size		before = 0;		/* core points before this row's copies */

	/* models of 0.2.0 alone have scores of core points that are 0 */
	*n = ref->leave_self ? 0 : Min(rows->total, LEFT_OUT_ROWS);
	scores = ad_palloc_array(double, *n);
	for (Size i = 0; i < *n; i++)
	{
		Size		at = i * rows->total / *n;

		CHECK_FOR_INTERRUPTS();
		while (at - before >= ad_reference_count(rows, row))
			before += ad_reference_count(rows, row++);
		scores[i] = ad_reference_nearest(ref, rows->x + row * rows->cols, 1,
										 (uint32) row) == 0 ? DBL_MAX :
			ad_reference_score(ref->distance[0] / dbscan->eps);
	}
	return scores;
}

/* A distance, over eps. */
static double
dbscan_rounding(const void *scorer, double error)
{
	const Dbscan *dbscan = scorer;

	return dbscan ? error / dbscan->eps : AD_SCORE_ROUNDING;
}

static void
dbscan_describe(const void *scorer, StringInfo json)
{
	const Dbscan *dbscan = scorer;

	appendStringInfo(json, "\"eps\": %.17g, \"min_samples\": %u, \"core_points\": %zu, \"search\": \"%s\"",
					 dbscan->eps, dbscan->min_samples, dbscan->ref.rows.total,
					 ad_neighbors_plan(dbscan->ref.nb));
}

static const AdOption dbscan_options[] = {
	AD_FLOAT_ABOVE(DbscanOptions, eps, NAN, 0, DBL_MAX),
	AD_INT(DbscanOptions, min_samples, NAN, 1, AD_MAX_NEIGHBORS),
	AD_ENUM(DbscanOptions, metric, AD_METRIC_EUCLIDEAN, ad_metric_names),
	AD_INT(DbscanOptions, reference_rows, 10000, 1, AD_MAX_REFERENCE_ROWS),
	AD_FLOAT(DbscanOptions, p, 2, 1, AD_MAX_MINKOWSKI_P),
};

/* As many as it keeps. */
static Size
dbscan_rows(const void *options)
{
	return (Size) ((const DbscanOptions *) options)->reference_rows;
}

static AdScale
dbscan_scale(const void *options pg_attribute_unused())
{
	return AD_SCALE_STANDARD;
}

const AdDetector ad_detector_dbscan = {
	.id = AD_DET_DBSCAN,
	.name = "dbscan",
	.squares = true,
	.time = 4.2,
	.options = dbscan_options,
	.noptions = lengthof(dbscan_options),
	.options_size = sizeof(DbscanOptions),
	.rows = dbscan_rows,
	.contains_rows = true,
	.scale = dbscan_scale,
	.fit = dbscan_fit,
	.load = dbscan_load,
	.score = dbscan_score,
	.in_sample = dbscan_in_sample,
	.left_out = dbscan_left_out,
	.rounding = dbscan_rounding,
	.describe = dbscan_describe,
};
