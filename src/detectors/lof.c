/*-------------------------------------------------------------------------
 *
 * lof.c
 *		Local outlier factor (Breunig, Kriegel, Ng and Sander 2000).
 *
 * The reachability of row i from its neighbour j is the distance, but no
 * less than j's own k-th distance; the local density of i is 1 over the mean
 * of it, and its score the mean of its neighbours' densities over its own.
 *
 * As scikit-learn has it: exactly k neighbours (ties by index, where the
 * paper takes all that are as near as the k-th), and 1e-10 added to the mean
 * reachability, so that more than k equal rows have a finite density.  With
 * k or fewer rows, k is one less than there are; a row alone scores 1.  A row
 * that is infinitely far scores the greatest float8.  A row is not its own
 * neighbour: one that equals a row of the model leaves that one out.
 *
 * distinct_neighbors counts equal rows as one, and fits to what is left.
 *
 * Payload: u32 neighbours, u32 0, reference rows, then per row f64 k-th
 * distance, and per row f64 density.
 *
 *-------------------------------------------------------------------------
 */
#include "detectors/ad_detectors.h"
#include "detectors/reference.h"

#define MIN_REACH 1e-10

typedef struct LofOptions
{
	int			neighbors;
	int			metric;
	int			reference_rows;
	double		p;
	bool		distinct_neighbors; /* equal rows count once */
} LofOptions;

typedef struct Lof
{
	int			neighbors;
	AdReference ref;
	double	   *reach;			/* per row: distance of its k-th neighbour */
	double	   *density;
} Lof;

/* Density from n distances and neighbours; finite and greater than 0. */
static double
local_density(const double *distance, const uint32 *index, int n,
			  const double *reach)
{
	double		sum = 0;

	for (int j = 0; j < n; j++)
		sum += Max(distance[j], reach[index[j]]);
	return 1 / (Min(sum / n, DBL_MAX / 16) + MIN_REACH);
}

/* Mean density of the neighbours over one's own. */
static double
factor(const uint32 *index, int n, const double *density, double own)
{
	double		sum = 0;

	for (int j = 0; j < n; j++)
		sum += density[index[j]] / own;
	return ad_reference_score(sum / n);
}

/* The neighbours of rows, k each, and the distances of the last. */
typedef struct Lists
{
	int			k;
	double	   *distance;
	uint32	   *index;
	double	   *reach;
} Lists;

static void
note_neighbors(void *arg, uint32 row, const double *distance,
			   const uint32 *index, int n)
{
	Lists	   *lists = arg;
	Size		at = (Size) row * lists->k;

	Assert(n == lists->k);
	memcpy(lists->distance + at, distance, n * sizeof(double));
	memcpy(lists->index + at, index, n * sizeof(uint32));
	lists->reach[row] = Min(distance[n - 1], DBL_MAX / 16);
}

/*
 * The k neighbours of every row of a set, its k-th distance and its density.
 * distance and index have room for n times k.
 */
static void
describe_rows(AdReference *ref, int k, double *distance, uint32 *index,
			  double *reach, double *density)
{
	Lists		lists = {k, distance, index, reach};

	ad_reference_each(ref, k, note_neighbors, &lists);
	for (Size i = 0; i < ref->rows.n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		density[i] = local_density(distance + i * k, index + i * k, k, reach);
	}
}

/* Return how many neighbours n rows can have of those asked for. */
static int
possible_neighbors(int asked, Size n)
{
	return (int) Min((Size) asked, n - 1);
}

/* Let equal rows count once, if the options say so. */
static void
count_once(const LofOptions *o, AdRows *rows)
{
	if (!o->distinct_neighbors)
		return;
	rows->counts = NULL;
	rows->total = rows->n;
}

/* Room for the neighbours of n rows; refuses what is too much. */
static void
make_lists(Size n, int k, double **distance, uint32 **index)
{
	Size		bytes = ad_mul_size(ad_mul_size(n, k),
									sizeof(double) + sizeof(uint32));

	if (bytes > AD_MAX_LIST_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("neighbors of %zu rows need %zu MB, limit is %zu MB",
						n, ad_megabytes(bytes),
						AD_MAX_LIST_BYTES / (1024 * 1024)),
				 errhint("Lower neighbors, or fit a model on fewer reference_rows and score with ad_score().")));
	*distance = ad_palloc_array(double, n * k);
	*index = ad_palloc_array(uint32, n * k);
}

static void
lof_fit(const AdMatrix *m, const void *options, StringInfo payload)
{
	const LofOptions *o = options;
	AdRows		rows;
	int			k;
	double	   *reach;
	double	   *density;

	ad_reference_rows(m, o->reference_rows, &rows);
	count_once(o, &rows);
	k = possible_neighbors(o->neighbors, rows.total);
	reach = ad_palloc0_array(double, rows.n);
	density = ad_palloc_array(double, rows.n);
	if (k == 0)
		density[0] = 1 / MIN_REACH;
	else
	{
		AdReference ref;
		double	   *distance;
		uint32	   *index;

		make_lists(rows.n, k, &distance, &index);
		ad_reference_open(&ref, &rows, o->metric, o->p, k);
		describe_rows(&ref, k, distance, index, reach, density);
		pfree(distance);
		pfree(index);
	}
	ad_wr_u32(payload, Max(k, 1));
	ad_wr_u32(payload, 0);
	ad_reference_write(payload, &rows, o->metric, o->p);
	ad_wr_f64_array(payload, reach, rows.n);
	ad_wr_f64_array(payload, density, rows.n);
}

static void *
lof_load(AdReader *r, int cols)
{
	Lof		   *lof = palloc0(sizeof(Lof));
	uint32		neighbors = ad_rd_u32(r);
	Size		n;

	if (neighbors < 1 || neighbors > AD_MAX_NEIGHBORS || ad_rd_u32(r) != 0)
		ad_rd_corrupt(r, "a parameter is out of range");
	lof->neighbors = (int) neighbors;
	ad_reference_load(r, cols, false, lof->neighbors, &lof->ref);
	n = lof->ref.rows.n;
	ad_rd_need(r, 2 * n * sizeof(double));
	lof->reach = ad_palloc_array(double, n);
	lof->density = ad_palloc_array(double, n);
	ad_rd_f64_array(r, lof->reach, n);
	ad_rd_f64_array(r, lof->density, n);
	for (Size i = 0; i < n; i++)
		if (!(lof->reach[i] >= 0 && lof->reach[i] <= DBL_MAX) ||
			!(lof->density[i] > 0 && lof->density[i] <= DBL_MAX))
			ad_rd_corrupt(r, "a distance or density is out of range");
	ad_rd_end(r);
	return lof;
}

static double
lof_score(void *scorer, const double *x)
{
	Lof		   *lof = scorer;
	AdReference *ref = &lof->ref;
	int			n = ad_reference_others(ref, x, lof->neighbors);

	if (n == 0)
		return 1;
	if (isinf(ref->distance[n - 1]))
		return DBL_MAX;
	return factor(ref->index, n, lof->density,
				  local_density(ref->distance, ref->index, n, lof->reach));
}

static void
lof_in_sample(const AdMatrix *m, const void *options, double *scores)
{
	const LofOptions *o = options;
	int			k;
	AdRows		rows;
	AdReference ref;
	double	   *distance;
	uint32	   *index;
	double	   *reach;
	double	   *density;
	double	   *distinct;

	ad_reference_distinct(m->x, m->rows, m->cols, &rows);
	count_once(o, &rows);
	k = possible_neighbors(o->neighbors, rows.total);
	distinct = ad_palloc_array(double, rows.n);
	if (k == 0)
		distinct[0] = 1;
	else
	{
		make_lists(rows.n, k, &distance, &index);
		reach = ad_palloc_array(double, rows.n);
		density = ad_palloc_array(double, rows.n);
		ad_reference_open(&ref, &rows, o->metric, o->p, k);
		describe_rows(&ref, k, distance, index, reach, density);
		for (Size i = 0; i < rows.n; i++)
		{
			AD_CHECK_EVERY_1024(i);
			distinct[i] = factor(index + i * k, k, density, density[i]);
		}
	}
	ad_reference_scores(&rows, distinct, scores, m->rows);
}

/* Return how many rows have more equal ones than a row has neighbours. */
static Size
crowded_rows(const Lof *lof)
{
	const AdRows *rows = &lof->ref.rows;
	Size		crowded = 0;

	for (Size i = 0; i < rows->n && rows->counts; i++)
		if (rows->counts[i] > (uint32) lof->neighbors)
			crowded += rows->counts[i];
	return crowded;
}

static void
lof_describe(const void *scorer, StringInfo json)
{
	const Lof  *lof = scorer;
	Size		crowded = crowded_rows(lof);

	appendStringInfo(json, "\"neighbors\": %d, ", lof->neighbors);
	ad_reference_describe(&lof->ref, json);
	if (crowded > 0)
		appendStringInfo(json, ", \"crowded_rows\": %zu, \"hint\": "
						 "\"Beside rows with as many equal ones any row scores very high; see distinct_neighbors of ad_lof().\"",
						 crowded);
}

static const AdOption lof_options[] = {
	AD_INT(LofOptions, neighbors, 20, 1, AD_MAX_NEIGHBORS),
	AD_ENUM(LofOptions, metric, AD_METRIC_EUCLIDEAN, ad_metric_names),
	AD_INT(LofOptions, reference_rows, 10000, 1, AD_MAX_REFERENCE_ROWS),
	AD_FLOAT(LofOptions, p, 2, 1, AD_MAX_MINKOWSKI_P),
	AD_BOOL(LofOptions, distinct_neighbors, false),
};

/* As many as it keeps. */
static Size
lof_rows(const void *options)
{
	return (Size) ((const LofOptions *) options)->reference_rows;
}

static AdScale
lof_scale(const void *options pg_attribute_unused())
{
	return AD_SCALE_STANDARD;
}

const AdDetector ad_detector_lof = {
	.id = AD_DET_LOF,
	.name = "lof",
	.squares = true,
	.time = 5.3,
	.options = lof_options,
	.noptions = lengthof(lof_options),
	.options_size = sizeof(LofOptions),
	.rows = lof_rows,
	.contains_rows = true,
	.scale = lof_scale,
	.fit = lof_fit,
	.load = lof_load,
	.score = lof_score,
	.searches = true,
	.in_sample = lof_in_sample,
	.describe = lof_describe,
};
