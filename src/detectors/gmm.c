/*-------------------------------------------------------------------------
 *
 * gmm.c
 *		Gaussian mixture with full covariances, fitted by EM.
 *
 * The score is minus the logarithm of the density; it may be negative.
 * Start, steps, regularisation and the test of convergence are those of
 * scikit-learn's GaussianMixture: k-means labels, then E and M steps until
 * the mean log likelihood changes by less than tol.
 *
 * An E and an M step are one pass over the rows, block by block, so that no
 * rows x components matrix is needed: scatters are taken about the means
 * that the responsibilities come from, and moved to the new means at the
 * end, from which they differ little.
 *
 * There are at most as many components as there are different rows.
 *
 * Payload: u32 components, u32 iterations, u32 converged, f64 mean log
 * likelihood; per component f64 constant (ln weight + ln determinant of the
 * whitening - cols/2 ln 2 pi), f64 weight, its mean, and the lower triangle
 * of its whitening row by row.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_elementary.h"
#include "core/ad_random.h"
#include "detectors/ad_detectors.h"
#include "math/ad_linalg.h"

#include <float.h>

#define MAX_COMPONENTS	1000
#define ROWS_PER_COMPONENT	2048
#define MAX_MEMORY		((Size) 256 * 1024 * 1024)
#define BLOCK			256		/* rows at once */
#define RIDGE			1e-6	/* of a variance, to a singular covariance */
#define LOG2_E			1.44269504088896340736
#define HALF_LOG_2PI	0.91893853320467274178
#define NEGLIGIBLE		-40.0	/* ln of a share that changes no double */

typedef struct GmmOptions
{
	int			components;
	int			restarts;
	double		reg_covar;
	int			max_iter;
	double		tol;
	int			init;
} GmmOptions;

/* A component, ready to give densities. */
typedef struct Component
{
	double		constant;
	double		weight;
	AdMap	   *map;
} Component;

typedef struct Gmm
{
	int			n;
	Component  *components;
	uint32		iterations;
	uint32		converged;
	double		likelihood;		/* mean ln density of the fit's rows */
	double	   *logs;			/* scratch: per component */
	double	   *transposed;		/* scratch: per column */
	double		lowest;			/* score of a component's mean; NaN: not yet
								 * known */
} Gmm;

/* What a pass gathers for a component. */
typedef struct Sums
{
	double		weight;			/* sum of responsibilities */
	double	   *sum;			/* of x - mean, cols */
	double	   *scatter;		/* about the mean, cols x padded */
} Sums;

typedef struct Em
{
	const AdMatrix *m;
	const GmmOptions *options;
	Gmm		   *g;
	Sums	   *sums;
	double	   *covariance;		/* scratch, cols x cols */
	double	   *norms;			/* components x BLOCK */
	double	   *origin;			/* cols: the mean a scatter is about */
	bool		singular;		/* a covariance was not positive definite */
} Em;

static Gmm *
gmm_create(int cols, int n)
{
	Gmm		   *g = palloc0(sizeof(Gmm));

	g->n = n;
	g->components = ad_palloc0_array(Component, n);
	g->logs = ad_palloc0_array(double, n);
	g->transposed = ad_palloc_array(double, cols);
	g->lowest = NAN;
	for (int k = 0; k < n; k++)
		g->components[k].map = ad_map_create(cols, cols);
	return g;
}

/*
 * Turn logs of the components' shares into the log of their sum; each
 * becomes its share of it if wanted.  All -Infinity: -Infinity.
 */
static double
log_sum(double *logs, int n, bool shares)
{
	double		largest = logs[0];
	double		sum = 0;

	for (int k = 1; k < n; k++)
		largest = Max(largest, logs[k]);
	if (!(largest > -INFINITY))
	{
		for (int k = 0; shares && k < n; k++)
			logs[k] = 1.0 / n;
		return -INFINITY;
	}
	if (n == 1)
	{
		logs[0] = shares ? 1 : logs[0];
		return largest;
	}
	for (int k = 0; k < n; k++)
	{
		double		below = logs[k] - largest;
		double		e = below == 0 ? 1 :
			below < NEGLIGIBLE ? 0 : ad_exp2(below * LOG2_E);

		sum += e;
		if (shares)
			logs[k] = e;
	}
	for (int k = 0; shares && k < n; k++)
		logs[k] /= sum;
	return largest + ad_log(sum);
}

/* Start a pass: nothing gathered yet. */
static void
clear_sums(Em *em)
{
	int			cols = em->m->cols;

	for (int k = 0; k < em->g->n; k++)
	{
		em->sums[k].weight = 0;
		memset(em->sums[k].sum, 0, cols * sizeof(double));
		memset(em->sums[k].scatter, 0,
			   cols * AD_PAD_LANES(cols) * sizeof(double));
	}
}

/* Gather n <= BLOCK rows with their weights for a component. */
static void
gather(Em *em, int k, const double *x, Size n, const double *weight)
{
	int			cols = em->m->cols;
	const double *mean = em->g->components[k].map->mean;
	Sums	   *s = &em->sums[k];

	for (Size i = 0; i < n; i++)
	{
		if (weight[i] == 0)
			continue;
		s->weight += weight[i];
		for (int j = 0; j < cols; j++)
			s->sum[j] += weight[i] * (x[i * cols + j] - mean[j]);
	}
	ad_scatter_add(x, n, cols, mean, weight, s->scatter);
}

/*
 * Replace a finite covariance by its Cholesky factor.  Where it has none, as
 * that of a component of few rows may without reg_covar, RIDGE of each
 * variance is added to it: directions without variance get a little.
 */
static void
factorise(double *a, int cols)
{
	double	   *whole = ad_palloc_array(double, ad_mul_size(cols, cols));

	memcpy(whole, a, (Size) cols * cols * sizeof(double));
	for (double ridge = RIDGE; !ad_cholesky(a, cols); ridge *= 10)
	{
		CHECK_FOR_INTERRUPTS();
		memcpy(a, whole, (Size) cols * cols * sizeof(double));
		for (int i = 0; i < cols; i++)
		{
			double	   *variance = &a[(Size) i * cols + i];

			*variance += ridge * (*variance > DBL_MIN / RIDGE ? *variance : 1);
		}
		if (!ad_all_finite(a, (Size) cols * cols))
			ad_too_large("gmm");
	}
	pfree(whole);
}

/* The M step's end: parameters from what was gathered. */
static void
update(Em *em)
{
	int			cols = em->m->cols;
	Size		lanes = AD_PAD_LANES(cols);
	double		total = 0;

	for (int k = 0; k < em->g->n; k++)
		total += em->sums[k].weight + 10 * DBL_EPSILON;
	for (int k = 0; k < em->g->n; k++)
	{
		Component  *c = &em->g->components[k];
		Sums	   *s = &em->sums[k];
		double		n = s->weight + 10 * DBL_EPSILON;
		double	   *a = em->covariance;
		double		logdet = 0;

		for (int j = 0; j < cols; j++)
			s->sum[j] /= n;
		for (int i = 0; i < cols; i++)
			for (int j = i; j < cols; j++)
				a[(Size) i * cols + j] = a[(Size) j * cols + i] =
					s->scatter[i * lanes + j] / n - s->sum[i] * s->sum[j];
		for (int i = 0; i < cols; i++)
		{
			a[(Size) i * cols + i] = Max(a[(Size) i * cols + i], 0) +
				em->options->reg_covar;
			c->map->mean[i] += s->sum[i];
		}
		if (!ad_all_finite(a, (Size) cols * cols))
			ad_too_large("gmm");
		factorise(a, cols);
		for (int i = 0; i < cols; i++)
			logdet -= ad_log(a[(Size) i * cols + i]);
		ad_lower_inverse(a, cols);
		for (int i = 0; i < cols; i++)
			ad_map_set(c->map, i, a + (Size) i * cols);
		ad_map_finish(c->map);
		c->weight = n / total;
		c->constant = ad_log(c->weight) + logdet - cols * HALF_LOG_2PI;
	}
}

/* An E step, gathering for the M step; returns the mean log likelihood. */
static double
pass(Em *em)
{
	const AdMatrix *m = em->m;
	Gmm		   *g = em->g;
	double		total = 0;

	clear_sums(em);
	for (Size i = 0; i < m->rows; i += BLOCK)
	{
		Size		n = Min(BLOCK, m->rows - i);
		const double *x = m->x + i * m->cols;

		for (int k = 0; k < g->n; k++)
		{
			CHECK_FOR_INTERRUPTS();
			ad_map_norms(g->components[k].map, x, n, em->norms + k * BLOCK);
		}
		for (Size r = 0; r < n; r++)
		{
			for (int k = 0; k < g->n; k++)
				g->logs[k] = g->components[k].constant -
					0.5 * em->norms[k * BLOCK + r];
			total += log_sum(g->logs, g->n, true);
			for (int k = 0; k < g->n; k++)
				em->norms[k * BLOCK + r] = g->logs[k];
		}
		for (int k = 0; k < g->n; k++)
		{
			CHECK_FOR_INTERRUPTS();
			gather(em, k, x, n, em->norms + k * BLOCK);
		}
	}
	return total / (double) m->rows;
}

/* The first M step: a row belongs to its k-means cluster. */
static void
start(Em *em, const AdKmeans *k)
{
	const AdMatrix *m = em->m;

	clear_sums(em);
	for (int c = 0; c < em->g->n; c++)
		ad_centers_get(k->centers, c, em->g->components[c].map->mean);
	for (Size i = 0; i < m->rows; i += BLOCK)
	{
		Size		n = Min(BLOCK, m->rows - i);

		for (int c = 0; c < em->g->n; c++)
		{
			double	   *weight = em->norms;
			bool		any = false;

			CHECK_FOR_INTERRUPTS();
			for (Size r = 0; r < n; r++)
			{
				weight[r] = k->labels[i + r] == c;
				any |= weight[r] != 0;
			}
			if (any)
				gather(em, c, m->x + i * m->cols, n, weight);
		}
	}
	update(em);
}

/* Fit from a seed of k-means; the number of components may shrink. */
static Gmm *
fit_once(const AdMatrix *m, const GmmOptions *options, uint64 seed)
{
	AdKmeans	k;
	Em			em;
	double		last = -INFINITY;
	int			cols = m->cols;

	memset(&k, 0, sizeof(k));
	k.clusters = options->components;
	k.restarts = 1;
	k.max_iter = 300;
	k.tol = 1e-4;
	k.first = options->init == 1;
	k.seed = seed;
	ad_kmeans_run(&k, m->x, m->rows, cols);
	if (!isfinite(k.inertia))
		ad_too_large("gmm");

	memset(&em, 0, sizeof(em));
	em.m = m;
	em.options = options;
	em.g = gmm_create(cols, k.clusters);
	em.sums = ad_palloc0_array(Sums, k.clusters);
	for (int c = 0; c < k.clusters; c++)
	{
		em.sums[c].sum = ad_palloc_array(double, cols);
		em.sums[c].scatter = ad_palloc_array(double,
											 ad_mul_size(cols, AD_PAD_LANES(cols)));
	}
	em.covariance = ad_palloc_array(double, ad_mul_size(cols, cols));
	em.norms = ad_palloc_array(double, k.clusters * BLOCK);
	start(&em, &k);
	for (int i = 1; i <= options->max_iter; i++)
	{
		double		likelihood = pass(&em);

		update(&em);
		em.g->iterations = (uint32) i;
		em.g->likelihood = likelihood;
		if (fabs(likelihood - last) < options->tol)
		{
			em.g->converged = 1;
			break;
		}
		last = likelihood;
	}
	return em.g;
}

static void
gmm_fit(const AdMatrix *m, const void *opts, StringInfo payload)
{
	const GmmOptions *options = opts;
	int			restarts = options->init == 1 ? 1 : options->restarts;
	MemoryContext outer = CurrentMemoryContext;
	MemoryContext best_mcxt = NULL;
	Gmm		   *best = NULL;
	double	   *row = ad_palloc_array(double, m->cols);
	Size		need;

	ad_check_columns(m->cols, "gmm");
	need = ad_mul_size(ad_mul_size(AD_PAD_LANES(m->cols) * sizeof(double),
								   m->cols),
					   2 * Min((Size) options->components, m->rows));
	if (need > MAX_MEMORY)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("detector \"%s\" needs %zu MB, limit is %zu MB", "gmm",
						ad_megabytes(need), MAX_MEMORY / (1024 * 1024)),
				 errhint("Lower components in ad_gmm(), or give fewer features.")));

	for (int t = 0; t < restarts; t++)
	{
		MemoryContext own = AllocSetContextCreate(outer, "anomaly mixture",
												  ALLOCSET_DEFAULT_SIZES);
		Gmm		   *g;

		MemoryContextSwitchTo(own);
		g = fit_once(m, options, ad_mix64(m->seed + (uint64) t));
		MemoryContextSwitchTo(outer);
		if (best == NULL || g->likelihood > best->likelihood)
		{
			if (best_mcxt)
				MemoryContextDelete(best_mcxt);
			best_mcxt = own;
			best = g;
		}
		else
			MemoryContextDelete(own);
	}

	if (!isfinite(best->likelihood))
		ad_too_large("gmm");
	ad_wr_u32(payload, (uint32) best->n);
	ad_wr_u32(payload, best->iterations);
	ad_wr_u32(payload, best->converged);
	ad_wr_f64(payload, best->likelihood);
	for (int k = 0; k < best->n; k++)
	{
		const Component *c = &best->components[k];

		ad_wr_f64(payload, c->constant);
		ad_wr_f64(payload, c->weight);
		ad_wr_f64_array(payload, c->map->mean, m->cols);
		for (int i = 0; i < m->cols; i++)
		{
			const double *w = c->map->w + i % AD_LANES +
				(Size) (i / AD_LANES) * m->cols * AD_LANES;

			for (int j = 0; j <= i; j++)
				row[j] = w[(Size) j * AD_LANES];
			ad_wr_f64_array(payload, row, i + 1);
		}
	}
}

static void *
gmm_load(AdReader *r, int cols)
{
	Size		width = 16 + (Size) cols * 8 + (Size) cols * (cols + 1) / 2 * 8;
	uint32		n = ad_rd_u32(r);
	uint32		iterations = ad_rd_u32(r);
	uint32		converged = ad_rd_u32(r);
	double		likelihood = ad_rd_finite(r);
	Gmm		   *g;
	double	   *row = ad_palloc0_array(double, cols);

	if (n < 1 || n > MAX_COMPONENTS || converged > 1)
		ad_rd_corrupt(r, "a parameter of a mixture is out of range");
	ad_rd_need(r, ad_mul_size(n, width));
	g = gmm_create(cols, (int) n);
	g->iterations = iterations;
	g->converged = converged;
	g->likelihood = likelihood;
	for (uint32 k = 0; k < n; k++)
	{
		Component  *c = &g->components[k];

		c->constant = ad_rd_finite(r);
		c->weight = ad_rd_finite(r);
		ad_rd_f64_array(r, c->map->mean, cols);
		if (!ad_all_finite(c->map->mean, cols))
			ad_rd_corrupt(r, "a number is not finite");
		memset(row, 0, cols * sizeof(double));
		for (int i = 0; i < cols; i++)
		{
			CHECK_FOR_INTERRUPTS();
			ad_rd_f64_array(r, row, i + 1);
			if (!ad_all_finite(row, i + 1))
				ad_rd_corrupt(r, "a number is not finite");
			ad_map_set(c->map, i, row);
		}
		ad_map_finish(c->map);
	}
	ad_rd_end(r);
	return g;
}

/* Minus the log density; DBL_MAX where it is 0, and for an infinite value. */
static double
gmm_score(void *scorer, const double *x)
{
	Gmm		   *g = scorer;
	double		score;

	for (int k = 0; k < g->n; k++)
	{
		double		norm;

		ad_map_norms(g->components[k].map, x, 1, &norm);
		g->logs[k] = norm < DBL_MAX ? g->components[k].constant - 0.5 * norm :
			-INFINITY;
	}
	score = -log_sum(g->logs, g->n, false);
	return score <= DBL_MAX ? score : DBL_MAX;
}

/*
 * Each component's terms of its distance, as in mahalanobis.c, by the
 * component's share of the row.  Counted from the densest of the means.
 */
static double
gmm_explain(void *scorer, const double *x, bool path pg_attribute_unused(),
			double *contribution)
{
	Gmm		   *g = scorer;
	int			cols = g->components[0].map->cols;

	if (isnan(g->lowest))
	{
		double		lowest = DBL_MAX;

		for (int k = 0; k < g->n; k++)
		{
			CHECK_FOR_INTERRUPTS();
			lowest = Min(lowest, gmm_score(g, g->components[k].map->mean));
		}
		g->lowest = lowest;
	}
	if (gmm_score(g, x) < DBL_MAX)
		(void) log_sum(g->logs, g->n, true);
	else
		for (int k = 0; k < g->n; k++)
			g->logs[k] = 1.0 / g->n;
	memset(contribution, 0, cols * sizeof(double));
	for (int k = 0; k < g->n; k++)
	{
		const AdMap *m = g->components[k].map;

		if (g->logs[k] == 0)
			continue;
		ad_map_transpose(m, g->transposed);
		for (int j = 0; j < cols; j++)
			contribution[j] += 0.5 * g->logs[k] * m->d[j] * g->transposed[j];
	}
	return g->lowest;
}

static void
gmm_describe(const void *scorer, StringInfo json)
{
	const Gmm  *g = scorer;

	appendStringInfo(json, "\"components\": %d, \"weights\": [", g->n);
	for (int k = 0; k < g->n; k++)
		appendStringInfo(json, "%s%.6g", k > 0 ? ", " : "",
						 g->components[k].weight);
	appendStringInfo(json, "], \"mean_log_likelihood\": %.6g, \"iterations\": %u, \"converged\": %s",
					 g->likelihood, g->iterations,
					 g->converged ? "true" : "false");
}

static const char *const init_names[] = {"kmeans++", "first", NULL};

static const AdOption gmm_options[] = {
	AD_INT(GmmOptions, components, 1, 1, MAX_COMPONENTS),
	AD_INT(GmmOptions, restarts, 1, 1, 100),
	AD_FLOAT(GmmOptions, reg_covar, 1e-6, 0, 1e6),
	AD_INT(GmmOptions, max_iter, 100, 1, 100000),
	AD_FLOAT(GmmOptions, tol, 1e-3, 0, 1),
	AD_ENUM(GmmOptions, init, 0, init_names),
};

/* Enough for the least of its components. */
static Size
gmm_rows(const void *options)
{
	return ad_mul_size(((const GmmOptions *) options)->components,
					   ROWS_PER_COMPONENT);
}

/* k-means and reg_covar depend on the scale. */
static AdScale
gmm_scale(const void *options pg_attribute_unused())
{
	return AD_SCALE_STANDARD;
}

const AdDetector ad_detector_gmm = {
	.id = AD_DET_GMM,
	.name = "gmm",
	.squares = true,
	.time = 0.08,
	.options = gmm_options,
	.noptions = lengthof(gmm_options),
	.options_size = sizeof(GmmOptions),
	.rows = gmm_rows,
	.contains_rows = false,
	.scale = gmm_scale,
	.fit = gmm_fit,
	.load = gmm_load,
	.score = gmm_score,
	.explain = gmm_explain,
	.describe = gmm_describe,
};
