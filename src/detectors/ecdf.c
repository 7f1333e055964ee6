/*-------------------------------------------------------------------------
 *
 * ecdf.c
 *		Empirical distribution functions of columns, for ECOD and COPOD.
 *
 * The model keeps every distinct value of every column, sorted, so the
 * functions are those of the fit's rows without loss, and a row's score
 * depends on the model alone.  (PyOD ranks training rows and rows to be
 * scored together, so that its scores change with the batch.)
 *
 * No row of the fit is in an empty tail.  A new row may be: a tail without
 * rows counts as half a row, so that a value beyond all others, infinity
 * among them, scores ln 2 above the outermost one, and stays finite.
 *
 * As an option the principal axes of the standardised columns are columns too,
 * beside the others: what is extreme only in a combination of columns is in
 * the tail of some axis.  Where a row is on an axis is rounded to 2^-30 of the
 * columns' standard deviation, so that rows which differ by rounding are equal.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_elementary.h"
#include "core/ad_fault.h"
#include "detectors/ecdf.h"
#include "math/ad_spread.h"

#include <float.h>

/* Skewness below this is none: rounding would choose the sign. */
#define NO_SKEW		1e-12
#define ROTATED		2			/* added to the variant */
#define UNIT		1073741824.0	/* 2^30 to a standard deviation */

enum
{
	SKEW_NONE, SKEW_LEFT, SKEW_RIGHT, SKEWS
};

/*
 * Which way n sorted values are skewed.  Differences from the middle one are
 * exact, if the values are whole numbers, and so the same at any offset.
 */
static int
skew_of(const double *v, Size n)
{
	double		shift = v[n / 2];
	double		mean = 0;
	double		m2 = 0;
	double		m3 = 0;
	int			exponent;

	if (ad_width(v[0], v[n - 1], ad_all_whole(v, n, 1)) == 0)
		return SKEW_NONE;
	/* near 1, so that no cube overflows or vanishes */
	(void) frexp(Max(v[n - 1] / 2 - shift / 2, shift / 2 - v[0] / 2),
				 &exponent);
	for (Size i = 0; i < n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		mean += ldexp(v[i] / 2 - shift / 2, -exponent);
	}
	mean /= (double) n;
	for (Size i = 0; i < n; i++)
	{
		double		d = ldexp(v[i] / 2 - shift / 2, -exponent) - mean;

		AD_CHECK_EVERY_1024(i);
		m2 += d * d;
		m3 += d * d * d;
	}
	m2 /= (double) n;
	m3 /= (double) n;
	if (!(fabs(m3) > NO_SKEW * m2 * sqrt(m2)))
		return SKEW_NONE;
	return m3 < 0 ? SKEW_LEFT : SKEW_RIGHT;
}

/*
 * Append the distribution functions of columns, which are in x row by row.
 * O(cols rows).
 */
static void
write_columns(const double *x, Size rows, int cols, StringInfo payload)
{
	double	   *v = ad_palloc_array(double, rows);
	uint64	   *scratch = ad_palloc_array(uint64, rows);
	uint32	   *counts = ad_palloc_array(uint32, rows);

	for (int c = 0; c < cols; c++)
	{
		Size		k = 0;

		CHECK_FOR_INTERRUPTS();
		for (Size i = 0; i < rows; i++)
		{
			AD_CHECK_EVERY_1024(i);
			v[i] = x[i * cols + c];
		}
		ad_sort_many(v, rows, scratch);
		ad_wr_u8(payload, skew_of(v, rows));
		for (Size i = 0; i < rows; i++)
		{
			AD_CHECK_EVERY_1024(i);
			if (k > 0 && v[k - 1] == v[i])
				counts[k - 1]++;
			else
			{
				v[k] = v[i];
				counts[k++] = 1;
			}
		}
		ad_wr_u32(payload, (uint32) k);
		ad_wr_f64_array(payload, v, k);
		if (k < rows)
			for (Size i = 0; i < k; i++)
			{
				AD_CHECK_EVERY_1024(i);
				ad_wr_u32(payload, counts[i]);
			}
	}
	pfree(v);
	pfree(scratch);
	pfree(counts);
}

/* Where a row is on axes, rounded; see the file head. */
static void
place_on_axes(const AdMap *axes, const double *x, double *out)
{
	const double *y = ad_map_apply(axes, x);

	for (int i = 0; i < axes->outputs; i++)
		out[i] = fabs(y[i]) < UNIT ? rint(y[i] * UNIT) / UNIT : y[i];
}

/*
 * Find the axes along which the rows vary, standardised, append their map and
 * return where the rows are on them.  A column that is constant has no part in
 * them, and a spread that is no number is the greatest there is.
 */
static double *
write_axes(const AdMatrix *m, StringInfo payload, int *outputs)
{
	Size		size = ad_mul_size(m->rows, m->cols);
	double	   *z = ad_palloc_array(double, size);
	double	   *mean = ad_palloc_array(double, m->cols);
	double	   *unit = ad_palloc_array(double, m->cols);
	double	   *ignored = ad_palloc_array(double, m->cols);
	double	   *axes = ad_palloc_array(double, ad_mul_size(m->cols, m->cols));
	double	   *variances = ad_palloc_array(double, m->cols);
	AdMap	   *map;

	for (int c = 0; c < m->cols; c++)
	{
		AdSpread	s;

		CHECK_FOR_INTERRUPTS();
		ad_spread(m->x + c, m->rows, m->cols, (double) m->rows, &s);
		mean[c] = isfinite(s.mean) ? s.mean : s.least / 2 + s.greatest / 2;
		unit[c] = s.sd > 0 ? Min(s.sd, DBL_MAX) : 0;
		for (Size i = 0; i < m->rows; i++)
			z[i * m->cols + c] = unit[c] == 0 ? 0 :
				m->x[i * m->cols + c] / unit[c] - mean[c] / unit[c];
	}
	/* rounding or tiny units may have left what is no number */
	for (Size i = 0; i < size; i++)
		if (!isfinite(z[i]))
			z[i] = 0;
	if (!ad_principal_axes(z, m->rows, m->cols, ignored, axes, variances))
		ad_too_large("ecod");
	*outputs = ad_principal_varying(variances, m->cols);
	for (int i = 0; i < *outputs; i++)
		for (int c = 0; c < m->cols; c++)
		{
			double	   *w = &axes[(Size) i * m->cols + c];

			*w = unit[c] == 0 ? 0 : *w / unit[c];
			*w = Max(Min(*w, DBL_MAX), -DBL_MAX);
		}
	ad_map_write(payload, mean, axes, *outputs, m->cols);
	map = ad_map_create(m->cols, *outputs);
	memcpy(map->mean, mean, m->cols * sizeof(double));
	for (int i = 0; i < *outputs; i++)
		ad_map_set(map, i, axes + (Size) i * m->cols);
	ad_map_finish(map);
	for (Size i = 0; i < m->rows; i++)
	{
		double	   *y = z + i * *outputs;

		AD_CHECK_EVERY_1024(i);
		place_on_axes(map, m->x + i * m->cols, y);
		for (int k = 0; k < *outputs; k++)
			y[k] = Max(Min(y[k], DBL_MAX), -DBL_MAX);
	}
	return z;
}

/* Fit: see ecdf.h for what is written. */
void
ad_ecdf_fit(const AdMatrix *m, const void *options, StringInfo payload)
{
	const AdEcdfOptions *o = options;
	double	   *y;
	int			outputs;

	ad_wr_u8(payload, o->variant + (o->rotate ? ROTATED : 0));
	ad_wr_u32(payload, (uint32) m->rows);
	if (!o->rotate)
	{
		write_columns(m->x, m->rows, m->cols, payload);
		return;
	}
	if (m->cols > AD_LINALG_MAX_COLUMNS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("option \"rotate\" takes at most %d columns, there are %d",
						AD_LINALG_MAX_COLUMNS, m->cols),
				 errdetail("A category has a column for each of its values."),
				 ad_errdata()));
	y = write_axes(m, payload, &outputs);
	write_columns(m->x, m->rows, m->cols, payload);
	write_columns(y, m->rows, outputs, payload);
	pfree(y);
}

/* -ln of a share of the rows; no rows count as half a one. */
static inline double
tail(uint32 count, uint32 rows)
{
	return -ad_log((count > 0 ? (double) count : 0.5) / rows);
}

/*
 * Read a column.  Columns without equal values share their tails, which
 * *all_differ keeps from the first of them on.
 */
static void
load_column(AdReader *r, AdEcdf *e, AdEcdfColumn *c, AdEcdfMeans *means,
			AdEcdfTails **all_differ, AdEcdfMeans *all_differ_means)
{
	int			skew = ad_rd_u8(r);
	uint32		k = ad_rd_count(r, e->rows, sizeof(double));
	double	   *values;
	AdEcdfTails *tails;
	uint32	   *counts;
	uint64		sum = 0;

	if (skew >= SKEWS || k < 1)
		ad_rd_corrupt(r, "a column's skew or number of values is out of range");
	c->use_left = skew != SKEW_RIGHT;
	c->use_right = skew != SKEW_LEFT;
	values = ad_palloc_array(double, k);
	ad_rd_f64_array(r, values, k);
	for (uint32 i = 0; i < k; i++)
		if (!isfinite(values[i]) || (i > 0 && !(values[i] > values[i - 1])))
			ad_rd_corrupt(r, "values do not ascend");
	e->values += k;
	ad_ranks_build(&c->ranks, values, k);

	if (k == e->rows && *all_differ != NULL)
	{
		c->tails = *all_differ;
		*means = *all_differ_means;
		return;
	}
	if (k < e->rows)
		ad_rd_need(r, (Size) k * sizeof(uint32));
	tails = ad_palloc_array(AdEcdfTails, (Size) k + 1);
	counts = ad_palloc_array(uint32, k);
	for (uint32 i = 0; i <= k; i++)
	{
		AD_CHECK_EVERY_1024(i);
		tails[i].left = tail((uint32) sum, e->rows);
		tails[i].right = tail(e->rows - (uint32) sum, e->rows);
		if (i < k)
		{
			uint32		count = k < e->rows ? ad_rd_u32(r) : 1;

			sum += count;
			if (count == 0 || sum > e->rows)
				ad_rd_corrupt(r, "values are in more rows than there are");
			counts[i] = count;
		}
	}
	if (sum != e->rows)
		ad_rd_corrupt(r, "values are in fewer rows than there are");
	for (uint32 i = 0; i < k; i++)
	{
		/* a value counts for both of its tails */
		double		share = (double) counts[i] / e->rows;
		double		left = tails[i + 1].left;
		double		right = tails[i].right;

		AD_CHECK_EVERY_1024(i);
		means->left += share * left;
		means->right += share * right;
		means->greater += share * Max(left, right);
	}
	pfree(counts);
	if (k == e->rows)
	{
		*all_differ = tails;
		*all_differ_means = *means;
	}
	c->tails = tails;
}

/* Check a payload and make a scorer of it. */
void *
ad_ecdf_load(AdReader *r, int cols)
{
	AdEcdf	   *e = palloc0(sizeof(AdEcdf));
	AdEcdfTails *all_differ = NULL;
	AdEcdfMeans all_differ_means = {0, 0, 0};

	e->cols = e->all = cols;
	e->variant = ad_rd_u8(r);
	e->rows = ad_rd_u32(r);
	if (e->variant >= AD_ECDF_VARIANTS + ROTATED || e->rows < 1)
		ad_rd_corrupt(r, "the variant or the number of rows is out of range");
	if (e->variant >= ROTATED)
	{
		e->variant -= ROTATED;
		e->axes = ad_map_read(r, cols);
		e->all += e->axes->outputs;
	}
	e->columns = ad_palloc0_array(AdEcdfColumn, e->all);
	e->means = ad_palloc0_array(AdEcdfMeans, e->all);
	e->x = ad_palloc0_array(double, e->all);
	e->parts = ad_palloc0_array(double, e->all);
	for (int c = 0; c < e->all; c++)
	{
		CHECK_FOR_INTERRUPTS();
		load_column(r, e, &e->columns[c], &e->means[c], &all_differ,
					&all_differ_means);
	}
	ad_rd_end(r);
	return e;
}

/* A row's columns and, after them, where it is on the axes. */
const double *
ad_ecdf_rotate(const AdEcdf *e, const double *x)
{
	memcpy(e->x, x, e->cols * sizeof(double));
	place_on_axes(e->axes, x, e->x + e->cols);
	return e->x;
}

/* What columns add, from parts, with what axes add shared among them. */
void
ad_ecdf_share(const AdEcdf *e, const double *x, double *contribution)
{
	memcpy(contribution, e->parts, e->cols * sizeof(double));
	if (e->axes)
		ad_map_share(e->axes, x, e->parts + e->cols, contribution);
}

/*
 * The score as both papers have it: the greatest of the sums of the left
 * tails, of the right ones, and of those that the skew chooses.
 */
double
ad_ecdf_paper(const AdEcdf *e, const double *x)
{
	AdEcdfTails tails[AD_ECDF_BLOCK];
	double		lefts = 0;
	double		rights = 0;
	double		skewed = 0;

	x = ad_ecdf_row(e, x);
	for (int first = 0; first < e->all; first += AD_ECDF_BLOCK)
	{
		const AdEcdfColumn *columns = e->columns + first;
		int			n = Min(e->all - first, AD_ECDF_BLOCK);

		ad_ecdf_tails(columns, x + first, n, tails);
		for (int c = 0; c < n; c++)
		{
			lefts += tails[c].left;
			rights += tails[c].right;
			skewed += tails[c].left * columns[c].use_left +
				tails[c].right * columns[c].use_right;
		}
	}
	return Max(Max(lefts, rights), skewed);
}

/*
 * Fill in what each column adds to the greatest of the three sums, less what
 * it adds to the skewed one on average; returns that sum's mean.
 */
double
ad_ecdf_explain_paper(const AdEcdf *e, const double *x, double *contribution)
{
	double		sums[3] = {0, 0, 0};
	double		baseline = 0;
	const double *v = ad_ecdf_row(e, x);
	int			greatest;

	/* first which sum it is, then its terms */
	for (int pass = 0; pass < 2; pass++)
	{
		greatest = sums[0] > sums[1] ? 0 : 1;
		greatest = sums[2] >= sums[greatest] ? 2 : greatest;
		for (int c = 0; c < e->all; c++)
		{
			const AdEcdfColumn *ec = &e->columns[c];
			double		mean = e->means[c].left * ec->use_left +
				e->means[c].right * ec->use_right;
			AdEcdfTails t;
			double		terms[3];

			ad_ecdf_tails(ec, v + c, 1, &t);
			terms[0] = t.left;
			terms[1] = t.right;
			terms[2] = t.left * ec->use_left + t.right * ec->use_right;
			if (pass == 0)
			{
				for (int i = 0; i < 3; i++)
					sums[i] += terms[i];
				baseline += mean;
			}
			e->parts[c] = terms[greatest] - mean;
		}
	}
	ad_ecdf_share(e, x, contribution);
	return baseline;
}

/* Append what ad_info() says beyond the spec. */
void
ad_ecdf_describe(const void *scorer, StringInfo json)
{
	const AdEcdf *e = scorer;

	appendStringInfo(json, "\"rows\": %u, \"values\": %zu", e->rows,
					 e->values);
	if (e->axes)
		appendStringInfo(json, ", \"axes\": %d", e->axes->outputs);
}

static const char *const variants[] = {"dimensionwise", "paper", NULL};

const AdOption ad_ecdf_options[AD_ECDF_NOPTIONS] = {
	AD_ENUM(AdEcdfOptions, variant, AD_ECDF_DIMENSIONWISE, variants),
	AD_BOOL(AdEcdfOptions, rotate, false),
};

/* Ranks have no unit. */
AdScale
ad_ecdf_scale(const void *options pg_attribute_unused())
{
	return AD_SCALE_NONE;
}
