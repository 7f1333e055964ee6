/*-------------------------------------------------------------------------
 *
 * loda.c
 *		Lightweight on-line detector of anomalies.
 *
 * Pevny, "Loda: Lightweight on-line detector of anomalies", Machine Learning
 * 2016.  Each of many projections weighs a few columns (the root of their
 * number) by standard normals and keeps a histogram of the fit's rows; a row
 * scores the mean over the projections of -ln(share of rows in its bin).
 *
 * A bin without rows, and all that is outside of a histogram, counts as half
 * a row.  Infinity is outside.
 *
 * Where missing values are skipped, a row is scored by the projections that
 * do not need them, as in the paper; each of those is taken against its own
 * mean score over the fit, so that rows scored by different projections can
 * be compared.  With nothing missing that changes nothing.
 *
 * The number of bins is Birge and Rozenholc's, as in the paper, found on a
 * grid fine enough to shift no edge by more than a sixty-fourth of a bin.
 * With random widths each histogram has its own width, within a factor of
 * root 2, and its own origin, so that edges do not coincide.
 *
 * Payload: u8 random widths (for ad_info), u32 projections, u32 terms; per
 * projection the terms' columns as u16, their weights as f64, f64 low, f64
 * bins per unit, u32 rows, u32 bins, and the rows of each bin as u32.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_elementary.h"
#include "core/ad_random.h"
#include "detectors/ad_detectors.h"

#include <float.h>

#define MAX_PROJECTIONS		10000
#define MAX_BINS			1000
#define MAX_SLOTS			2002	/* random widths; slot 0 is outside */
#define CELLS_A_BIN			64
#define LANES				8
#define MAX_PER_UNIT		1e300	/* bins, where all rows are equal */

enum
{
	MISSING_SKIP, MISSING_IMPUTE
};

enum
{
	WIDTHS_EQUAL, WIDTHS_RANDOM
};

typedef struct LodaOptions
{
	int			projections;
	int			bins;			/* 0: automatic */
	int			widths;
	int			missing;
} LodaOptions;

/* Where a value falls: slot 0 is outside, then the bins. */
typedef struct LodaGrid
{
	double		low;
	double		per_width;		/* bins per unit */
	int			bins;
} LodaGrid;

typedef struct Loda
{
	int			cols;
	int			projections;	/* a multiple of LANES in the arrays */
	int			padded;
	int			terms;
	Size		slots;
	int32	   *columns;		/* per term, then per projection */
	double	   *weights;		/* likewise */
	double	   *low;			/* per projection */
	double	   *per_width;
	double	   *bins;
	int32	   *first;			/* slot 0 of a projection in shares */
	double	   *shares;			/* -ln(share), per slot */
	double	   *mean;			/* of a projection's scores in the fit */
	double		mean_of_all;
	double	   *value;			/* scratch: a row's projections */
} Loda;

/* The slot of a value, NaN included. */
static inline int
slot_of(double low, double per_width, double bins, double v)
{
	double		at = (v - low) * per_width;

	/* the last bin has its right edge */
	if (!(at >= 0 && at <= bins))
		return 0;
	return (int) Min(at, bins - 1) + 1;
}

/*
 * The number of bins B of largest penalised likelihood for n values in [low,
 * high], of 1 to below the root of n (Birge and Rozenholc 2006):
 *
 *		sum over the bins of N_b ln(B N_b / n), less (B - 1 + (ln B)^2.5)
 */
static int
automatic_bins(const double *v, Size n, double low, double high)
{
	int			max_bins = (int) Min(sqrt((double) n), (double) MAX_BINS + 1);
	int			best = 1;
	double		best_value = -INFINITY;
	int			cells = CELLS_A_BIN;
	uint32	   *upto;
	double		per_width;

	while (cells < CELLS_A_BIN * max_bins)
		cells *= 2;
	per_width = cells / (high - low);
	if (!isfinite(per_width))
		return 1;
	upto = ad_palloc0_array(uint32, (Size) cells + 1);
	for (Size i = 0; i < n; i++)
		upto[slot_of(low, per_width, cells, v[i])]++;
	for (int i = 1; i <= cells; i++)
		upto[i] += upto[i - 1];
	for (int bins = 1; bins < max_bins; bins++)
	{
		double		log_bins = ad_log(bins);
		double		value = 0;
		uint32		before = 0;

		CHECK_FOR_INTERRUPTS();
		for (int b = 1; b <= bins; b++)
		{
			uint32		after = upto[(int64) cells * b / bins];

			if (after > before)
				value += (after - before) *
					ad_log((double) bins * (after - before) / (double) n);
			before = after;
		}
		value -= bins - 1 + log_bins * log_bins * sqrt(log_bins);
		if (value > best_value)
		{
			best_value = value;
			best = bins;
		}
	}
	pfree(upto);
	return best;
}

/* The histogram of n values, which may be none. */
static void
choose_grid(const LodaOptions *o, AdRandom *random, const double *v, Size n,
			LodaGrid *grid)
{
	double		low = n > 0 ? v[0] : 0;
	double		high = low;
	int			bins = o->bins;

	for (Size i = 1; i < n; i++)
	{
		low = Min(low, v[i]);
		high = Max(high, v[i]);
	}
	grid->low = low;
	grid->bins = 1;
	grid->per_width = MAX_PER_UNIT;
	if (low == high)
		return;					/* any other value is outside */
	if (bins == 0)
		bins = automatic_bins(v, n, low, high);
	grid->bins = bins;
	grid->per_width = bins / (high - low);
	if (o->widths == WIDTHS_RANDOM)
	{
		double		narrower = ad_exp2(ad_random_double(random) - 0.5);
		double		shift = ad_random_double(random);

		grid->per_width *= narrower;
		grid->low = low - shift / grid->per_width;
		grid->bins = (int) Min((high - grid->low) * grid->per_width,
							   2.0 * MAX_BINS) + 1;
	}
	if (!isfinite(grid->low) || !(grid->per_width <= MAX_PER_UNIT) ||
		!(grid->per_width > 0))
	{
		/* a range too wide or too narrow for float8: one bin, all within */
		grid->low = low;
		grid->bins = 1;
		grid->per_width = Max(Min(1 / (high - low), MAX_PER_UNIT), DBL_MIN);
	}
}

/* The sum of a row's weighted columns. */
static inline double
project(const double *x, const int *columns, const double *weights, int terms)
{
	double		sum = weights[0] * x[columns[0]];

	for (int t = 1; t < terms; t++)
		sum += weights[t] * x[columns[t]];
	return sum;
}

/* Fit: see the file head for what is written. */
static void
loda_fit(const AdMatrix *m, const void *options, StringInfo payload)
{
	const LodaOptions *o = options;
	int			terms = Max((int) sqrt((double) m->cols), 1);
	int		   *columns = ad_palloc_array(int, m->cols);
	double	   *weights = ad_palloc_array(double, terms);
	double	   *v = ad_palloc_array(double, m->rows);
	uint32	   *counts = ad_palloc_array(uint32, MAX_SLOTS);
	AdRandom	random;

	ad_wr_u8(payload, o->widths);
	ad_wr_u32(payload, o->projections);
	ad_wr_u32(payload, terms);
	for (int p = 0; p < o->projections; p++)
	{
		Size		n = 0;
		Size		inside = 0;
		LodaGrid	grid;

		ad_random_seed(&random, m->seed ^ AD_STREAM_LODA, p);
		for (int c = 0; c < m->cols; c++)
			columns[c] = c;
		for (int t = 0; t < terms; t++)
		{
			int			other = t + (int) ad_random_below(&random, m->cols - t);
			int			c = columns[other];

			columns[other] = columns[t];
			columns[t] = c;
			weights[t] = ad_random_normal(&random);
			ad_wr_u16(payload, c);
		}
		ad_wr_f64_array(payload, weights, terms);

		for (Size i = 0; i < m->rows; i++)
		{
			AD_CHECK_EVERY_1024(i);
			v[n] = project(m->x + i * m->cols, columns, weights, terms);
			/* a value is missing, or the sum is not a float8 */
			if (isfinite(v[n]))
				n++;
		}
		choose_grid(o, &random, v, n, &grid);
		memset(counts, 0, (grid.bins + 1) * sizeof(uint32));
		for (Size i = 0; i < n; i++)
			counts[slot_of(grid.low, grid.per_width, grid.bins, v[i])]++;
		inside = n - counts[0];
		ad_wr_f64(payload, grid.low);
		ad_wr_f64(payload, grid.per_width);
		ad_wr_u32(payload, (uint32) inside);
		ad_wr_u32(payload, grid.bins);
		for (int b = 1; b <= grid.bins; b++)
			ad_wr_u32(payload, counts[b]);
	}
	pfree(columns);
	pfree(weights);
	pfree(v);
	pfree(counts);
}

/*
 * Read the rows of a histogram's bins into the -ln of their shares, slot 0
 * first; returns their mean over the rows.
 */
static double
load_shares(AdReader *r, uint32 rows, int bins, double *shares)
{
	uint64		sum = 0;
	double		mean = 0;

	shares[0] = rows > 0 ? -ad_log(0.5 / rows) : 0;
	for (int b = 1; b <= bins; b++)
	{
		uint32		count = ad_rd_u32(r);

		sum += count;
		if (sum > rows)
			ad_rd_corrupt(r, "bins have more rows than there are");
		shares[b] = count > 0 ? -ad_log((double) count / rows) : shares[0];
		if (count > 0)
			mean += (double) count / rows * shares[b];
	}
	if (sum != rows)
		ad_rd_corrupt(r, "bins have fewer rows than there are");
	return mean;
}

/* Read projection p and its histogram, which follows those before it. */
static void
load_projection(AdReader *r, Loda *l, int p)
{
	uint32		rows;
	uint32		nbins;

	for (int t = 0; t < l->terms; t++)
	{
		int32	   *column = &l->columns[(Size) t * l->padded + p];

		*column = ad_rd_u16(r);
		if (*column >= l->cols)
			ad_rd_corrupt(r, "a projection's column does not exist");
	}
	for (int t = 0; t < l->terms; t++)
		l->weights[(Size) t * l->padded + p] = ad_rd_finite(r);
	l->low[p] = ad_rd_finite(r);
	l->per_width[p] = ad_rd_finite(r);
	if (!(l->per_width[p] > 0))
		ad_rd_corrupt(r, "the width of a bin is not positive");
	rows = ad_rd_u32(r);
	nbins = ad_rd_count(r, MAX_SLOTS - 1, sizeof(uint32));
	if (nbins < 1)
		ad_rd_corrupt(r, "a histogram has no bins");
	l->bins[p] = nbins;
	l->first[p] = (int32) l->slots;
	l->mean[p] = load_shares(r, rows, (int) nbins, l->shares + l->slots);
	l->slots += nbins + 1;
	l->mean_of_all += l->mean[p];
}

/* Check a payload and make a scorer of it. */
static void *
loda_load(AdReader *r, int cols)
{
	Loda	   *l = palloc0(sizeof(Loda));
	Size		padded;
	uint32		projections;
	uint32		terms;

	(void) ad_rd_u8(r);
	projections = ad_rd_u32(r);
	terms = ad_rd_u32(r);
	if (projections < 1 || projections > MAX_PROJECTIONS ||
		terms < 1 || terms > (uint32) cols)
		ad_rd_corrupt(r, "a number of projections or terms is out of range");
	/* each has its terms, grid, counts and at least one bin */
	ad_rd_need(r, ad_mul_size(projections, (Size) terms * 10 + 28));
	l->cols = cols;
	l->projections = (int) projections;
	l->terms = (int) terms;
	padded = (projections + LANES - 1) / LANES * LANES;
	l->padded = (int) padded;

	/* what pads them projects to the one slot of its histogram, of score 0 */
	l->columns = ad_palloc0_array(int32, ad_mul_size(terms, padded));
	l->weights = ad_palloc0_array(double, ad_mul_size(terms, padded));
	l->low = ad_palloc0_array(double, padded);
	l->per_width = ad_palloc0_array(double, padded);
	l->bins = ad_palloc0_array(double, padded);
	l->first = ad_palloc0_array(int32, padded);
	l->mean = ad_palloc0_array(double, padded);
	l->shares = ad_palloc0_array(double,
								 (r->len - r->pos) / sizeof(uint32) + 2);
	l->value = ad_palloc_array(double, padded);
	l->slots = 2;
	for (int p = 0; p < l->projections; p++)
	{
		CHECK_FOR_INTERRUPTS();
		load_projection(r, l, p);
	}
	ad_rd_end(r);
	l->mean_of_all /= l->projections;
	return l;
}

/* Return whether a projection needs a missing value. */
static bool
needs_missing(const Loda *l, int p, const double *x)
{
	for (int t = 0; t < l->terms; t++)
		if (isnan(x[l->columns[(Size) t * l->padded + p]]))
			return true;
	return false;
}

/* The score of a row some of whose values are missing. */
static double
score_missing(const Loda *l, const double *x)
{
	double		sum = 0;
	int			used = 0;

	for (int p = 0; p < l->projections; p++)
	{
		if (needs_missing(l, p, x))
			continue;
		sum += l->shares[l->first[p] + slot_of(l->low[p], l->per_width[p],
											   l->bins[p], l->value[p])] -
			l->mean[p];
		used++;
	}
	return l->mean_of_all + (used > 0 ? sum / used : 0);
}

/* The score of a row: finite. */
static double
loda_score(void *scorer, const double *x)
{
	const Loda *l = scorer;
	int			padded = l->padded;
	double	   *value = l->value;
	double		lane[LANES] = {0};
	double		sum = 0;
	bool		missing = false;

	for (int p = 0; p < padded; p++)
		value[p] = l->weights[p] * x[l->columns[p]];
	for (int t = 1; t < l->terms; t++)
	{
		const double *weights = l->weights + (Size) t * padded;
		const int32 *columns = l->columns + (Size) t * padded;

		for (int p = 0; p < padded; p++)
			value[p] += weights[p] * x[columns[p]];
	}
	for (int c = 0; c < l->cols; c++)
		missing |= isnan(x[c]) != 0;
	if (unlikely(missing))
		return score_missing(l, x);

	for (int p = 0; p < padded; p += LANES)
		for (int i = 0; i < LANES; i++)
			lane[i] += l->shares[l->first[p + i] +
								 slot_of(l->low[p + i], l->per_width[p + i],
										 l->bins[p + i], value[p + i])];
	for (int i = 0; i < LANES; i++)
		sum += lane[i];
	return sum / l->projections;
}

/*
 * Each projection's part of the score, less its mean over the fit, is shared
 * by its columns in proportion to what they weigh in it for this row.
 */
static double
loda_explain(void *scorer, const double *x,
			 bool path pg_attribute_unused(), double *contribution)
{
	const Loda *l = scorer;
	int			used = 0;

	memset(contribution, 0, l->cols * sizeof(double));
	for (int p = 0; p < l->projections; p++)
	{
		double		value = 0;
		double		size = 0;
		double		part;

		if (needs_missing(l, p, x))
			continue;
		for (int t = 0; t < l->terms; t++)
		{
			Size		at = (Size) t * l->padded + p;
			double		term = l->weights[at] * x[l->columns[at]];

			value += term;
			size += fabs(term);
		}
		part = l->shares[l->first[p] + slot_of(l->low[p], l->per_width[p],
											   l->bins[p], value)] -
			l->mean[p];
		used++;
		for (int t = 0; t < l->terms; t++)
		{
			Size		at = (Size) t * l->padded + p;
			int			c = l->columns[at];
			double		term = fabs(l->weights[at] * x[c]);

			if (size > 0 && size <= DBL_MAX)
				contribution[c] += part * (term / size);
			else if (size == 0)
				contribution[c] += part / l->terms;
			else if (!(term <= DBL_MAX))
				contribution[c] += part;	/* infinity outweighs the others */
		}
	}
	for (int c = 0; c < l->cols && used > 0; c++)
		contribution[c] /= used;
	return l->mean_of_all;
}

/* Append what ad_info() says beyond the spec. */
static void
loda_describe(const void *scorer, StringInfo json)
{
	const Loda *l = scorer;
	double		bins = 0;

	for (int p = 0; p < l->projections; p++)
		bins += l->bins[p];
	appendStringInfo(json, "\"projections\": %d, \"columns_each\": %d, \"bins\": %.0f",
					 l->projections, l->terms, bins);
}

/* More rows make more bins, and smaller ones. */
static void
loda_common_scale(const void *scorer,
				  const void *options pg_attribute_unused(),
				  double *shift, double *unit)
{
	*shift = ((const Loda *) scorer)->mean_of_all;
	*unit = 1;
}

static const char *const widths[] = {"equal", "random", NULL};
static const char *const missings[] = {"skip", "impute", NULL};

static const AdOption loda_options[] = {
	AD_INT(LodaOptions, projections, 100, 1, MAX_PROJECTIONS),
	AD_INT(LodaOptions, bins, 0, 0, MAX_BINS),
	AD_ENUM(LodaOptions, widths, WIDTHS_EQUAL, widths),
	AD_ENUM(LodaOptions, missing, MISSING_SKIP, missings),
};

/* Projections add columns up, so they need one unit. */
static AdScale
loda_scale(const void *options pg_attribute_unused())
{
	return AD_SCALE_STANDARD;
}

static bool
loda_accepts_missing(const void *options)
{
	return ((const LodaOptions *) options)->missing == MISSING_SKIP;
}

const AdDetector ad_detector_loda = {
	.id = AD_DET_LODA,
	.name = "loda",
	.time = 0.32,
	.options = loda_options,
	.noptions = lengthof(loda_options),
	.options_size = sizeof(LodaOptions),
	.rows = ad_detector_enough_rows,
	.contains_rows = false,
	.scale = loda_scale,
	.accepts_missing = loda_accepts_missing,
	.fit = loda_fit,
	.load = loda_load,
	.score = loda_score,
	.common_scale = loda_common_scale,
	.explain = loda_explain,
	.describe = loda_describe,
};
