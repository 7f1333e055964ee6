/*-------------------------------------------------------------------------
 *
 * hbos.c
 *		Histogram-based outlier score.
 *
 * Goldstein and Dengel, "Histogram-based Outlier Score (HBOS)", KI 2012, in
 * the form that the Python library PyOD has made common: the sum over the
 * columns of -log2(h + alpha), h being the density of the value's bin in an
 * equal-width histogram of the column.  A value outside the histogram is
 * taken to be in the outermost bin if it is within tol widths of it, else it
 * scores what the column's emptiest bin scores; so does infinity.
 *
 * PyOD counts a value on an inner edge in the bin on its right and looks it
 * up in the bin on its left.  Here both are the bin on its right, and PyOD's
 * way is an option, with which its scores are met to the last digits.
 *
 * A number of bins by penalised likelihood (math/histogram.c) is meant for many
 * rows: of fewer than FEW_ROWS it seldom leaves more than one or two bins, in
 * which all rows are alike.  There are then at least as many as Sturges (1926)
 * has, 1 + log2 n, unless PyOD is followed.
 *
 * A few absurd values would stretch a histogram until all others share a bin.
 * So the outermost values of a column, one in a hundred at most, are left out
 * if they are five times as far from the next as all others lie apart; the
 * histogram ends with an empty bin then, which is what they score.
 *
 * Payload: u8 counting, f64 tol; per column f64 low, f64 high, u32 bins, and
 * the bins' scores as f64; since version 2 their mean over the fit's rows.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_elementary.h"
#include "detectors/ad_detectors.h"
#include "math/ad_math.h"
#include "math/ad_spread.h"

#include <float.h>

#define MIDDLE		0.5123		/* of a bin, so that no round number is its
								 * edge */
#define FEW_ROWS	200			/* from there on both rank alike */
#define LEAST_ROWS	10			/* of which one can be absurd */
#define MANY		100			/* rows, for each that may be absurd */
#define ABSURD		5			/* times as far as all others lie apart */
#define WIDE_CONSTANT	200		/* of others that are all equal; their
								 * histogram has the width 1 */
#define MAX_LOG		1100		/* a log2 of a float8 is within it */
#define MAX_BYTES	((Size) 32 * 1024 * 1024)	/* of all bins of a model */

enum
{
	COUNTING_CONSISTENT, COUNTING_PYOD, COUNTINGS
};

typedef struct HbosOptions
{
	int			bins;			/* 0: automatic */
	double		alpha;			/* added to the density */
	double		tol;			/* in bin widths */
	int			counting;
} HbosOptions;

typedef struct HbosColumn
{
	double		low;
	double		high;
	double		per_width;		/* bins per unit */
	int			bins;
	const double *edges;		/* bins + 1, ascending */
	const double *scores;		/* per bin */
	double		reach_low;		/* below low a value is still in bin 0 */
	double		reach_high;
	double		outside;		/* score of what is not in reach */
	double		mean;			/* score of the fit's rows */
} HbosColumn;

typedef struct Hbos
{
	int			counting;
	double		tol;
	int			cols;
	HbosColumn *columns;
} Hbos;

/*
 * Error if so many bins are too much to keep.  A fit holds five times their
 * bytes: of the payload, of the scorer's edges and scores, of the model.
 */
static void
check_bins(Size bins, int cols)
{
	Size		need = ad_mul_size(bins, sizeof(double));

	if (need > MAX_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("histograms of %d columns need %zu MB, limit is %zu MB",
						cols, ad_megabytes(need), MAX_BYTES / (1024 * 1024)),
				 errhint("Lower bins in ad_hbos(), or give fewer features.")));
}

/* A number of bins for n > 0 sorted values; see the file head. */
static int
automatic_bins(const HbosOptions *o, const double *v, Size n)
{
	int			bins = ad_histogram_bins(v, n);
	int			sturges = 1;

	if (o->counting == COUNTING_PYOD || n >= FEW_ROWS)
		return bins;
	while (((Size) 1 << (sturges - 1)) < n)
		sturges++;
	return Max(bins, sturges);
}

/*
 * The range of a histogram of n sorted values.  A constant is in the middle of
 * a bin, whatever it is, unless PyOD is followed, where it is on an edge.
 */
static void
choose_range(const HbosOptions *o, const double *v, Size n, int bins,
			 double *low, double *high)
{
	double		width;
	double		middle = v[0] / 2 + v[n - 1] / 2;

	ad_histogram_range(v, n, low, high);
	if (o->counting == COUNTING_PYOD ||
		ad_width(v[0], v[n - 1], ad_all_whole(v, n, 1)) > 0)
		return;
	/* bins wide enough to differ from themselves, and from rounding */
	width = Max(1.0 / bins, 4 * AD_ROUNDING * fabs(middle));
	*low = Max(middle - (bins / 2 + MIDDLE) * width, -DBL_MAX);
	*high = Min(middle + (bins - bins / 2 - MIDDLE) * width, DBL_MAX);
}

/* Values of a column that are not absurd. */
typedef struct Usual
{
	const double *v;			/* sorted */
	Size		n;
	bool		below;			/* less than these are left out */
	bool		above;			/* greater ones are */
} Usual;

/* Whether a gap is many times as wide as what lies within. */
static bool
is_wide(double gap, double within)
{
	return gap / ABSURD > (within > 0 ? within : WIDE_CONSTANT);
}

/*
 * Leave out what is beyond the widest gap among the outermost values, a number
 * of them above and below at most, if that is so much wider than all else; returns
 * whether there is such a gap.
 */
static bool
leave_out(Usual *u, Size *below, Size *above)
{
	const double *v = u->v;
	Size		low = 0;		/* what would be left: low .. high - 1 */
	Size		high = u->n;
	double		gap_below = 0;
	double		gap_above = 0;
	bool		both;

	for (Size i = 1; i <= *below; i++)
		if (v[i] - v[i - 1] > gap_below)
		{
			gap_below = v[i] - v[i - 1];
			low = i;
		}
	for (Size i = u->n - 1; i >= u->n - *above; i--)
		if (v[i] - v[i - 1] > gap_above)
		{
			gap_above = v[i] - v[i - 1];
			high = i;
		}
	both = is_wide(Min(gap_below, gap_above), v[high - 1] - v[low]);
	if (!both && !is_wide(gap_below, v[u->n - 1] - v[low]))
		low = 0;
	if (!both && !is_wide(gap_above, v[high - 1] - v[0]))
		high = u->n;
	*below -= low;
	*above -= u->n - high;
	u->below |= low > 0;
	u->above |= high < u->n;
	u->v += low;
	both = low > 0 || high < u->n;
	u->n = high - low;
	return both;
}

/* Those of n > 0 sorted values that are not absurd; see the file head. */
static Usual
usual_values(const HbosOptions *o, const double *v, Size n)
{
	Usual		u = {.v = v,.n = n};
	Size		below = n < LEAST_ROWS ? 0 : Max(n / MANY, 1);
	Size		above = below;

	if (o->counting == COUNTING_PYOD || o->bins == 1)
		return u;
	while (leave_out(&u, &below, &above))
		;
	return u;
}

/*
 * The range of a column's histogram, and its bins: as many as are asked for, of
 * which one is beyond the values, at an end where some are left out.
 */
static int
choose_bins(const HbosOptions *o, const Usual *u, double *low, double *high)
{
	int			beyond = u->below || u->above;
	int			bins = o->bins - beyond;
	double		width;

	if (o->bins == 0)
		bins = Min(automatic_bins(o, u->v, u->n), AD_MAX_BINS - beyond);
	choose_range(o, u->v, u->n, bins, low, high);
	width = *high / bins - *low / bins;
	if (u->above)
		*high = Min(*high + width, DBL_MAX);
	else if (u->below)
		*low = Max(*low - width, -DBL_MAX);
	return bins + beyond;
}

/* Fit: see the file head for what is written. */
static void
hbos_fit(const AdMatrix *m, const void *options, StringInfo payload)
{
	const HbosOptions *o = options;
	double	   *v = ad_palloc_array(double, m->rows);
	uint64	   *scratch = ad_palloc_array(uint64, m->rows);
	uint32	   *counts = ad_palloc_array(uint32, AD_MAX_BINS);
	double	   *scores = ad_palloc_array(double, AD_MAX_BINS);
	Size		total = 0;		/* bins */

	check_bins((Size) o->bins * m->cols, m->cols);
	ad_wr_u8(payload, o->counting);
	ad_wr_f64(payload, o->tol);
	for (int c = 0; c < m->cols; c++)
	{
		int			bins;
		double		mean = 0;
		double		low,
					high;
		double		nominal;
		Usual		usual;

		CHECK_FOR_INTERRUPTS();
		for (Size i = 0; i < m->rows; i++)
		{
			AD_CHECK_EVERY_1024(i);
			v[i] = m->x[i * m->cols + c];
		}
		ad_sort_many(v, m->rows, scratch);
		usual = usual_values(o, v, m->rows);
		bins = choose_bins(o, &usual, &low, &high);
		total += bins;
		check_bins(total, m->cols);
		ad_histogram_count(usual.v, usual.n, low, high, bins, counts);
		nominal = high / bins - low / bins;
		for (int b = 0; b < bins; b++)
		{
			double		width = ad_histogram_edge(low, high, bins, b + 1) -
				ad_histogram_edge(low, high, bins, b);
			double		density = 0;

			/* rounding of the edges may leave a bin no width */
			if (o->counting != COUNTING_PYOD || !(width > nominal / 2))
				width = nominal;
			if (counts[b] > 0)
				density = counts[b] / Max(width, DBL_MIN) / (double) m->rows;
			scores[b] = -ad_log(Min(density, DBL_MAX / 2) + o->alpha) /
				ad_log(2);
			mean += (double) counts[b] / (double) m->rows * scores[b];
		}
		/* what is left out scores what an empty bin does */
		mean += (double) (m->rows - usual.n) / (double) m->rows *
			-ad_log(o->alpha) / ad_log(2);
		ad_wr_f64(payload, low);
		ad_wr_f64(payload, high);
		ad_wr_u32(payload, bins);
		ad_wr_f64_array(payload, scores, bins);
		ad_wr_f64(payload, mean);
	}
	pfree(v);
	pfree(scratch);
	pfree(counts);
	pfree(scores);
}

/* Check a payload and make a scorer of it. */
static void *
hbos_load(AdReader *r, int cols)
{
	Hbos	   *h = palloc0(sizeof(Hbos));
	double	   *scores;
	double	   *edges;

	h->cols = cols;
	h->counting = ad_rd_u8(r);
	h->tol = ad_rd_finite(r);
	if (h->counting >= COUNTINGS || !(h->tol >= 0))
		ad_rd_corrupt(r, "a histogram's parameter is out of range");
	h->columns = ad_palloc0_array(HbosColumn, cols);
	/* in one piece each, which goes back to the system when it is freed */
	scores = ad_palloc_array(double, r->len / sizeof(double));
	edges = ad_palloc_array(double, r->len / sizeof(double) + cols);
	for (int c = 0; c < cols; c++)
	{
		HbosColumn *hc = &h->columns[c];

		CHECK_FOR_INTERRUPTS();
		hc->low = ad_rd_finite(r);
		hc->high = ad_rd_finite(r);
		if (!(hc->low < hc->high))
			ad_rd_corrupt(r, "a histogram has no width");
		hc->bins = (int) ad_rd_count(r, AD_MAX_BINS, sizeof(double));
		if (hc->bins < 1)
			ad_rd_corrupt(r, "a histogram has no bins");
		ad_rd_f64_array(r, scores, hc->bins);
		hc->outside = scores[0];
		for (int b = 0; b < hc->bins; b++)
		{
			if (!(fabs(scores[b]) <= MAX_LOG))
				ad_rd_corrupt(r, "the score of a bin is out of range");
			hc->outside = Max(hc->outside, scores[b]);
		}
		hc->mean = r->version >= 2 ? ad_rd_f64(r) : 0;
		if (!(fabs(hc->mean) <= MAX_LOG))
			ad_rd_corrupt(r, "the mean score of a column is out of range");
		for (int b = 0; b <= hc->bins; b++)
			edges[b] = ad_histogram_edge(hc->low, hc->high, hc->bins, b);
		hc->edges = edges;
		hc->scores = scores;
		hc->per_width = hc->bins / (hc->high - hc->low);
		if (!isfinite(hc->per_width))
			hc->per_width = 0;	/* bins are then searched from the first */
		hc->reach_low = (edges[1] - edges[0]) * h->tol;
		hc->reach_high = (edges[hc->bins] - edges[hc->bins - 1]) * h->tol;
		scores += hc->bins;
		edges += hc->bins + 1;
	}
	ad_rd_end(r);
	return h;
}

/* The score of a value in its column. */
static inline double
column_score(const HbosColumn *hc, double v, bool pyod)
{
	const double *edges = hc->edges;
	int			last = hc->bins - 1;
	double		at;
	int			b;

	if (unlikely(v < hc->low))
		return hc->low - v <= hc->reach_low ? hc->scores[0] : hc->outside;
	if (unlikely(v > hc->high))
		return v - hc->high <= hc->reach_high ? hc->scores[last] : hc->outside;

	/* rounding may be off by one bin, overflow by all: the edges decide */
	at = (v - hc->low) * hc->per_width;
	b = at > 0 ? (int) Min(at, last) : 0;
	if (pyod)
	{
		while (b > 0 && v <= edges[b])
			b--;
		while (b < last && v > edges[b + 1])
			b++;
	}
	else
	{
		while (b > 0 && v < edges[b])
			b--;
		while (b < last && v >= edges[b + 1])
			b++;
	}
	return hc->scores[b];
}

/* The score of a row: finite. */
static double
hbos_score(void *scorer, const double *x)
{
	const Hbos *h = scorer;
	double		sum = 0;

	if (h->counting == COUNTING_PYOD)
		for (int c = 0; c < h->cols; c++)
			sum += column_score(&h->columns[c], x[c], true);
	else
		for (int c = 0; c < h->cols; c++)
			sum += column_score(&h->columns[c], x[c], false);
	return sum;
}

/* Fill in what each column adds to the score, less its average in the fit. */
static double
hbos_explain(void *scorer, const double *x,
			 bool path pg_attribute_unused(), double *contribution)
{
	const Hbos *h = scorer;
	double		baseline = 0;

	for (int c = 0; c < h->cols; c++)
	{
		const HbosColumn *hc = &h->columns[c];

		contribution[c] = column_score(hc, x[c],
									   h->counting == COUNTING_PYOD) - hc->mean;
		baseline += hc->mean;
	}
	return baseline;
}

/* Append what ad_info() says beyond the spec. */
static void
hbos_describe(const void *scorer, StringInfo json)
{
	const Hbos *h = scorer;

	appendStringInfoString(json, "\"bins\": [");
	for (int c = 0; c < h->cols; c++)
		appendStringInfo(json, "%s%d", c > 0 ? ", " : "", h->columns[c].bins);
	appendStringInfoChar(json, ']');
}

static const char *const countings[] = {"consistent", "pyod", NULL};

static const AdOption hbos_options[] = {
	AD_INT(HbosOptions, bins, 10, 0, AD_MAX_BINS),
	AD_FLOAT_ABOVE(HbosOptions, alpha, 0.1, 0, 1),
	AD_FLOAT(HbosOptions, tol, 0.5, 0, 1),
	AD_ENUM(HbosOptions, counting, COUNTING_CONSISTENT, countings),
};

/* As PyOD: the values as they are. */
static AdScale
hbos_scale(const void *options pg_attribute_unused())
{
	return AD_SCALE_NONE;
}

const AdDetector ad_detector_hbos = {
	.id = AD_DET_HBOS,
	.name = "hbos",
	.squares = true,
	.time = 0.05,
	.options = hbos_options,
	.noptions = lengthof(hbos_options),
	.options_size = sizeof(HbosOptions),
	.rows = ad_detector_rank_rows,
	.contains_rows = false,
	.scale = hbos_scale,
	.fit = hbos_fit,
	.load = hbos_load,
	.score = hbos_score,
	.explain = hbos_explain,
	.describe = hbos_describe,
};
