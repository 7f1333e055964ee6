/*-------------------------------------------------------------------------
 *
 * kmeans.c
 *		Distance to cluster centres, plain or as CBLOF.
 *
 * kmeans: the distance to the nearest centre; with scale_by_spread divided
 * by the mean distance of that cluster's rows (a cluster whose rows are all
 * the same has the mean over all rows for its spread, or 1).
 *
 * cblof: He, Xu and Deng, "Discovering Cluster-based Local Outliers", 2003.
 * Clusters are large or small: by size, the large ones are the fewest that
 * hold alpha of the rows and are followed by one at most 1/beta as large; if
 * there is no such border the alpha condition alone decides, else the beta
 * condition; else all are large.  A row of a large cluster has the distance
 * to its centre, one of a small cluster the distance to the nearest large
 * one; with use_weights times the size of its own cluster.
 *
 * Both are: a row belongs to its nearest centre; its score is that cluster's
 * factor times the distance to the nearest large centre, or its own if that
 * is large.
 *
 * There are at most as many clusters as there are different rows.
 *
 * Payload: u32 clusters; per cluster u32 large, u64 rows, f64 factor and the
 * centre.
 *
 *-------------------------------------------------------------------------
 */
#include "detectors/ad_detectors.h"
#include "math/ad_linalg.h"

#include <float.h>

#define MAX_CLUSTERS	4096
#define ROWS_PER_CLUSTER	512

enum
{
	METHOD_KMEANS, METHOD_CBLOF
};

typedef struct KmeansOptions
{
	int			clusters;
	int			restarts;
	int			method;
	bool		scale_by_spread;
	double		alpha;
	double		beta;
	bool		use_weights;
	int			init;
	int			max_iter;
	double		tol;
} KmeansOptions;

typedef struct Cluster
{
	bool		large;
	uint64		rows;
	double		factor;
} Cluster;

typedef struct Kmeans
{
	int			n;
	Cluster    *clusters;
	bool		all_large;
	AdCenters  *centers;
} Kmeans;

/* Set the factors to 1 over the clusters' spreads. */
static void
scale_by_spread(const AdKmeans *k, const AdMatrix *m, Cluster *clusters)
{
	double	   *spread = ad_palloc0_array(double, k->clusters);
	double		overall = 0;

	for (Size i = 0; i < m->rows; i++)
	{
		double		d2;
		int			at;
		double		d;

		AD_CHECK_EVERY_1024(i);
		ad_centers_nearest(k->centers, m->x + i * m->cols, 1, &d2, &at);
		d = sqrt(d2);
		spread[at] += d;
		overall += d;
	}
	overall = overall > 0 ? overall / (double) m->rows : 1;
	for (int c = 0; c < k->clusters; c++)
	{
		double		s = clusters[c].rows > 0 ?
			spread[c] / (double) clusters[c].rows : 0;

		/* rows that differ by rounding alone are the same */
		s = s > 1e-12 * overall ? s : overall;
		clusters[c].factor = Min(1 / s, DBL_MAX);
	}
	pfree(spread);
}

/* Decide which clusters are large. */
static void
choose_large(const KmeansOptions *options, Size rows, Cluster *clusters, int n)
{
	int		   *order = ad_palloc_array(int, n);
	uint64		sum = 0;
	int			both = 0;
	int			alpha = 0;
	int			beta = 0;
	int			large;

	/* by size, of equal ones the first first */
	for (int i = 0; i < n; i++)
	{
		int			j = i;

		CHECK_FOR_INTERRUPTS();
		while (j > 0 && clusters[order[j - 1]].rows < clusters[i].rows)
		{
			order[j] = order[j - 1];
			j--;
		}
		order[j] = i;
	}
	for (int i = 1; i < n; i++)
	{
		bool		a,
					b;

		sum += clusters[order[i - 1]].rows;
		a = (double) sum >= (double) rows * options->alpha;
		b = (double) clusters[order[i - 1]].rows >=
			options->beta * (double) clusters[order[i]].rows;
		alpha = (a && !alpha) ? i : alpha;
		beta = (b && !beta) ? i : beta;
		both = (a && b && !both) ? i : both;
	}
	large = both ? both : alpha ? alpha : beta ? beta : n;
	for (int i = 0; i < n; i++)
		clusters[order[i]].large = i < large;
	pfree(order);
}

static void
kmeans_fit(const AdMatrix *m, const void *opts, StringInfo payload)
{
	const KmeansOptions *options = opts;
	AdKmeans	k;
	Cluster    *clusters;
	double	   *center = ad_palloc_array(double, m->cols);

	memset(&k, 0, sizeof(k));
	k.clusters = options->clusters;
	k.restarts = options->restarts;
	k.max_iter = options->max_iter;
	k.tol = options->tol;
	k.first = options->init == 1;
	k.seed = m->seed;
	ad_kmeans_run(&k, m->x, m->rows, m->cols);
	if (!isfinite(k.inertia))
		ad_too_large("kmeans");

	clusters = ad_palloc0_array(Cluster, k.clusters);
	for (Size i = 0; i < m->rows; i++)
		clusters[k.labels[i]].rows++;
	for (int c = 0; c < k.clusters; c++)
	{
		clusters[c].large = true;
		clusters[c].factor = 1;
	}
	if (options->method == METHOD_CBLOF)
	{
		choose_large(options, m->rows, clusters, k.clusters);
		if (options->use_weights)
			for (int c = 0; c < k.clusters; c++)
				clusters[c].factor = (double) clusters[c].rows;
	}
	else if (options->scale_by_spread)
		scale_by_spread(&k, m, clusters);

	ad_wr_u32(payload, (uint32) k.clusters);
	for (int c = 0; c < k.clusters; c++)
	{
		ad_wr_u32(payload, clusters[c].large);
		ad_wr_u64(payload, clusters[c].rows);
		ad_wr_f64(payload, clusters[c].factor);
		ad_centers_get(k.centers, c, center);
		ad_wr_f64_array(payload, center, m->cols);
	}
}

static void *
kmeans_load(AdReader *r, int cols)
{
	Kmeans	   *k = palloc0(sizeof(Kmeans));
	double	   *center = ad_palloc_array(double, cols);
	bool		any = false;

	k->n = (int) ad_rd_count(r, MAX_CLUSTERS, 20 + (Size) cols * 8);
	if (k->n < 1)
		ad_rd_corrupt(r, "there are no clusters");
	k->clusters = ad_palloc0_array(Cluster, k->n);
	k->centers = ad_centers_create(cols, k->n);
	k->all_large = true;
	for (int c = 0; c < k->n; c++)
	{
		Cluster    *cluster = &k->clusters[c];

		CHECK_FOR_INTERRUPTS();
		cluster->large = ad_rd_u32(r) != 0;
		cluster->rows = ad_rd_u64(r);
		cluster->factor = ad_rd_finite(r);
		if (cluster->factor < 0)
			ad_rd_corrupt(r, "a cluster's factor is negative");
		ad_rd_f64_array(r, center, cols);
		if (!ad_all_finite(center, cols))
			ad_rd_corrupt(r, "a number is not finite");
		ad_centers_set(k->centers, c, center);
		any |= cluster->large;
		k->all_large &= cluster->large;
	}
	if (!any)
		ad_rd_corrupt(r, "no cluster is large");
	pfree(center);
	ad_rd_end(r);
	return k;
}

/*
 * The centre that a row's distance is taken from, and its square; *own is the
 * row's cluster.
 */
static int
find_center(Kmeans *k, const double *x, double *d2, int *own)
{
	int			at;

	ad_centers_nearest(k->centers, x, 1, d2, own);
	at = *own;
	if (!k->all_large && !k->clusters[at].large)
	{
		*d2 = INFINITY;
		for (int c = 0; c < k->n; c++)
			if (k->clusters[c].large && !(k->centers->d2[c] >= *d2))
			{
				*d2 = k->centers->d2[c];
				at = c;
			}
	}
	return at;
}

/* See the file's head; DBL_MAX for a row with an infinite value. */
static double
kmeans_score(void *scorer, const double *x)
{
	Kmeans	   *k = scorer;
	double		d2;
	double		score;
	int			at;

	(void) find_center(k, x, &d2, &at);
	/* a factor of 0 times infinity is no number, and counts as the most */
	score = sqrt(d2) * k->clusters[at].factor;
	return score <= DBL_MAX ? score : DBL_MAX;
}

/* The squares that the distance is the root of. */
static double
kmeans_explain(void *scorer, const double *x,
			   bool path pg_attribute_unused(), double *contribution)
{
	Kmeans	   *k = scorer;
	double		d2;
	int			own;

	ad_centers_get(k->centers, find_center(k, x, &d2, &own), contribution);
	for (int j = 0; j < k->centers->cols; j++)
		contribution[j] = (x[j] - contribution[j]) * (x[j] - contribution[j]);
	return 0;
}

/* A distance, by the factor of the cluster. */
static double
kmeans_rounding(const void *scorer, double error)
{
	const Kmeans *k = scorer;
	double		greatest = 0;

	for (int c = 0; c < k->n; c++)
		greatest = Max(greatest, k->clusters[c].factor);
	return greatest * error;
}

static void
kmeans_describe(const void *scorer, StringInfo json)
{
	const Kmeans *k = scorer;
	int			large = 0;
	uint64		smallest = k->clusters[0].rows;
	uint64		largest = smallest;

	for (int c = 0; c < k->n; c++)
	{
		large += k->clusters[c].large;
		smallest = Min(smallest, k->clusters[c].rows);
		largest = Max(largest, k->clusters[c].rows);
	}
	appendStringInfo(json, "\"clusters\": %d, \"large_clusters\": %d, \"smallest_cluster\": " UINT64_FORMAT ", \"largest_cluster\": " UINT64_FORMAT,
					 k->n, large, smallest, largest);
}

static const char *const method_names[] = {"kmeans", "cblof", NULL};
static const char *const init_names[] = {"kmeans++", "first", NULL};

static const AdOption kmeans_options[] = {
	AD_INT(KmeansOptions, clusters, 8, 1, MAX_CLUSTERS),
	AD_INT(KmeansOptions, restarts, 3, 1, 1000),
	AD_ENUM(KmeansOptions, method, METHOD_KMEANS, method_names),
	AD_BOOL(KmeansOptions, scale_by_spread, false),
	AD_FLOAT(KmeansOptions, alpha, 0.9, 0.5, 1),
	AD_FLOAT(KmeansOptions, beta, 5, 1, INFINITY),
	AD_BOOL(KmeansOptions, use_weights, false),
	AD_ENUM(KmeansOptions, init, 0, init_names),
	AD_INT(KmeansOptions, max_iter, 300, 1, 1000000),
	AD_FLOAT(KmeansOptions, tol, 1e-4, 0, 1),
};

/* Enough for the least of its clusters. */
static Size
kmeans_rows(const void *options)
{
	return ad_mul_size(((const KmeansOptions *) options)->clusters,
					   ROWS_PER_CLUSTER);
}

/* Distances add up columns in different units. */
static AdScale
kmeans_scale(const void *options pg_attribute_unused())
{
	return AD_SCALE_STANDARD;
}

const AdDetector ad_detector_kmeans = {
	.id = AD_DET_KMEANS,
	.name = "kmeans",
	.squares = true,
	.time = 0.1,
	.options = kmeans_options,
	.noptions = lengthof(kmeans_options),
	.options_size = sizeof(KmeansOptions),
	.rows = kmeans_rows,
	.contains_rows = false,
	.scale = kmeans_scale,
	.fit = kmeans_fit,
	.load = kmeans_load,
	.score = kmeans_score,
	.explain = kmeans_explain,
	.rounding = kmeans_rounding,
	.describe = kmeans_describe,
};
