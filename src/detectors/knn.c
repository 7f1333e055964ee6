/*-------------------------------------------------------------------------
 *
 * knn.c
 *		Distance to the k nearest rows (Ramaswamy, Rastogi and Shim 2000;
 *		mean: Angiulli and Pizzuti 2002).
 *
 * Unless their number is given, the neighbours are the root of the rows that
 * the model keeps, from 5 to 50: five are so few that a cluster of six
 * anomalies hides them, and there is room for many of those among many rows;
 * with more than the root, of few rows the greatest distance is that to the far
 * side.
 *
 * A row is not its own neighbour: one that equals a row of the model leaves
 * that one out.  With fewer rows than neighbours asked for, those there are
 * count; with none, the score is 0.  A row that is infinitely far scores the
 * greatest float8.
 *
 * Payload: u32 neighbours, u32 method, reference rows.
 *
 *-------------------------------------------------------------------------
 */
#include "detectors/ad_detectors.h"
#include "detectors/reference.h"

enum
{
	LARGEST, MEAN, MEDIAN
};

static const char *const method_names[] = {"largest", "mean", "median", NULL};

typedef struct KnnOptions
{
	int			neighbors;		/* AD_NO_INT: by the number of rows */
	int			method;
	int			metric;
	int			reference_rows;
	double		p;
} KnnOptions;

typedef struct Knn
{
	int			neighbors;
	int			method;
	AdReference ref;
} Knn;

/* How many neighbours count among so many rows, copies included. */
static int
count_neighbors(const KnnOptions *o, Size rows)
{
	return o->neighbors != AD_NO_INT ? o->neighbors :
		ad_reference_neighbors(rows);
}

/* The score that n distances make, in ascending order. */
static double
combine(const double *d, int n, int method)
{
	double		sum = 0;

	if (n == 0)
		return 0;
	switch (method)
	{
		case MEAN:
			for (int i = 0; i < n; i++)
				sum += d[i];
			return ad_reference_score(sum / n);
		case MEDIAN:
			if (n % 2 == 0)
				return ad_reference_score(d[n / 2 - 1] * 0.5 + d[n / 2] * 0.5);
			return ad_reference_score(d[n / 2]);
		default:
			return ad_reference_score(d[n - 1]);
	}
}

static void
knn_fit(const AdMatrix *m, const void *options, StringInfo payload)
{
	const KnnOptions *o = options;
	AdRows		rows;

	ad_reference_rows(m, o->reference_rows, &rows);
	ad_wr_u32(payload, (uint32) Min((Size) count_neighbors(o, rows.total),
									rows.total));
	ad_wr_u32(payload, o->method);
	ad_reference_write(payload, &rows, o->metric, o->p);
}

static void *
knn_load(AdReader *r, int cols)
{
	Knn		   *knn = palloc0(sizeof(Knn));
	uint32		neighbors = ad_rd_u32(r);
	uint32		method = ad_rd_u32(r);

	if (neighbors < 1 || neighbors > AD_MAX_NEIGHBORS || method > MEDIAN)
		ad_rd_corrupt(r, "a parameter is out of range");
	knn->neighbors = (int) neighbors;
	knn->method = (int) method;
	ad_reference_load(r, cols, false, knn->neighbors, &knn->ref);
	ad_rd_end(r);
	return knn;
}

static double
knn_score(void *scorer, const double *x)
{
	Knn		   *knn = scorer;
	int			n = ad_reference_others(&knn->ref, x, knn->neighbors);

	return combine(knn->ref.distance, n, knn->method);
}

/* Where the scores of a fit's own rows go. */
typedef struct Own
{
	int			method;
	double	   *scores;
} Own;

static void
score_own(void *arg, uint32 row, const double *distance,
		  const uint32 *index pg_attribute_unused(), int n)
{
	Own		   *own = arg;

	own->scores[row] = combine(distance, n, own->method);
}

static void
knn_in_sample(const AdMatrix *m, const void *options, double *scores)
{
	const KnnOptions *o = options;
	AdReference ref;
	AdRows		rows;
	Own			own = {.method = o->method};
	int			k;

	ad_reference_distinct(m->x, m->rows, m->cols, &rows);
	own.scores = ad_palloc_array(double, rows.n);
	k = count_neighbors(o, rows.total);
	ad_reference_open(&ref, &rows, o->metric, o->p, k);
	ad_reference_each(&ref, k, score_own, &own);
	ad_reference_scores(&rows, own.scores, scores, m->rows);
}

/* A distance. */
static double
knn_rounding(const void *scorer pg_attribute_unused(), double error)
{
	return error;
}

static void
knn_describe(const void *scorer, StringInfo json)
{
	const Knn  *knn = scorer;

	appendStringInfo(json, "\"neighbors\": %d, ", knn->neighbors);
	ad_reference_describe(&knn->ref, json);
}

static const AdOption knn_options[] = {
	AD_INT(KnnOptions, neighbors, NAN, 1, AD_MAX_NEIGHBORS),
	AD_ENUM(KnnOptions, method, LARGEST, method_names),
	AD_ENUM(KnnOptions, metric, AD_METRIC_EUCLIDEAN, ad_metric_names),
	AD_INT(KnnOptions, reference_rows, 10000, 1, AD_MAX_REFERENCE_ROWS),
	AD_FLOAT(KnnOptions, p, 2, 1, AD_MAX_MINKOWSKI_P),
};

/* As many as it keeps. */
static Size
knn_rows(const void *options)
{
	return (Size) ((const KnnOptions *) options)->reference_rows;
}

static AdScale
knn_scale(const void *options pg_attribute_unused())
{
	return AD_SCALE_STANDARD;
}

const AdDetector ad_detector_knn = {
	.id = AD_DET_KNN,
	.name = "knn",
	.squares = true,
	.time = 7.5,
	.options = knn_options,
	.noptions = lengthof(knn_options),
	.options_size = sizeof(KnnOptions),
	.rows = knn_rows,
	.contains_rows = true,
	.scale = knn_scale,
	.fit = knn_fit,
	.load = knn_load,
	.score = knn_score,
	.searches = true,
	.in_sample = knn_in_sample,
	.rounding = knn_rounding,
	.describe = knn_describe,
};
