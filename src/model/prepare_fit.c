/*-------------------------------------------------------------------------
 *
 * prepare_fit.c
 *		What is decided of preparation, from the rows that are fitted to.
 *
 * Which columns there are follows from all rows.  What is in them (imputed
 * values, shares of categories, centers and scales) follows from the rows
 * that are fitted to, and from no other: a row that is held out is to be
 * scored as a later one is, and had it moved a center or a width, it would lie
 * nearer than that one, by half in a small heavy-tailed sample.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_fault.h"
#include "math/ad_math.h"
#include "math/ad_spread.h"
#include "model/ad_reduce.h"

#include <float.h>

#define FAR_FROM_ZERO	4294967296.0	/* 2^32 */
#define CONSTANT		AD_SCALE_CONSTANT
#define INSTANTS		1024	/* looked at for a usual one */

/* Return how many rows have a finite value of a feature. */
static uint64
present(const AdView *v, int j)
{
	return v->rows - v->features[j].missing - v->features[j].infinite;
}

/* Raise an error for a feature that is missing in some row. */
static void
refuse_missing(const AdView *v, const AdModelFeature *f, int j)
{
	uint64		missing = v->rows - present(v, j);

	if (missing > 0)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("feature %s is missing in " UINT64_FORMAT " of " UINT64_FORMAT " rows",
						ad_prepare_label(f, j), missing, v->rows),
				 errdetail("ad_prepare(impute => 'error') does not allow it."),
				 ad_errdata()));
}

/* Fill in a feature's dictionary, and which share of all rows has a value. */
static void
fill_dictionary(AdModelFeature *f, const AdView *v, int j)
{
	const AdViewFeature *vf = &v->features[j];
	int			keep = Min(vf->nvalues, AD_MAX_MODEL_VALUES);

	f->frequency = ad_palloc0_array(double, keep + 1);
	for (int i = 0; i < keep; i++)
	{
		uint32		code = ad_dict_code(&f->dict, vf->values[i].s,
										vf->values[i].len);

		f->dict.entries[code].count = vf->counts[i];
		f->frequency[i] = (double) vf->counts[i] / (double) present(v, j);
	}
}

/*
 * Choose encodings from the view: which columns there are is of all rows, what
 * is in them of those fitted to.
 */
static void
choose_encodings(AdModel *m, const AdView *v, const AdSpec *spec)
{
	for (int j = 0; j < m->nfeatures; j++)
	{
		AdModelFeature *f = &m->features[j];
		const AdViewFeature *vf = &v->features[j];

		if (m->impute == AD_IMPUTE_ERROR)
			refuse_missing(v, f, j);
		f->dropped_for = -1;
		if (present(v, j) == 0)
		{
			f->encoding = AD_ENC_DROPPED;
			f->impute = 0;
			if (f->class == AD_CLASS_CATEGORY)
				f->frequency = ad_palloc0_array(double, 1);
			continue;
		}
		if (f->class == AD_CLASS_CATEGORY)
		{
			fill_dictionary(f, v, j);
			f->encoding = (vf->distinct >= 0 &&
						   vf->distinct <= spec->prepare.onehot_max) ?
				AD_ENC_ONEHOT : AD_ENC_FREQUENCY;
		}
		else if (f->class == AD_CLASS_TIMESTAMP && spec->prepare.calendar)
			f->encoding = AD_ENC_CALENDAR;
		else if (f->class == AD_CLASS_TIME && spec->prepare.calendar)
			f->encoding = AD_ENC_CLOCK;
		else
			f->encoding = AD_ENC_NUMBER;
	}
}

/* The row of the sample that is the i-th of those given; NULL: of all. */
static inline const double *
row_of(const AdView *v, const Size *rows, Size i)
{
	return v->x + (rows ? rows[i] : i) * v->nfeatures;
}

/*
 * Count the categories of a feature in some rows alone, and return the code
 * that a missing one becomes: the most frequent, of all rows if they have one.
 */
static double
count_categories(AdModelFeature *f, const AdView *v, int j, const Size *rows,
				 Size n)
{
	double		all = 0;
	uint32		most = 0;

	memset(f->frequency, 0, (f->dict.n + 1) * sizeof(double));
	for (Size i = 0; i < n; i++)
	{
		double		code = row_of(v, rows, i)[j];

		AD_CHECK_EVERY_1024(i);
		if (isnan(code))
			continue;
		all++;
		if (code < f->dict.n)
			f->frequency[(int) code]++;
	}
	for (uint32 i = 1; i < f->dict.n; i++)
		if (f->frequency[i] > f->frequency[most])
			most = i;
	for (uint32 i = 0; i < f->dict.n && all > 0; i++)
		f->frequency[i] /= all;
	return present(v, j) == v->rows ? 0 : most;
}

/*
 * Of the instants in some rows, one at an hour and a weekday that are usual:
 * the nearest of up to INSTANTS to the mean of their sines and cosines.
 */
static double
usual_instant(AdModel *m, const AdView *v, int j, const Size *rows, Size n)
{
	Size		step = Max(n / INSTANTS, 1);
	double		mean[AD_CALENDAR_COLUMNS - 1] = {0};
	double		columns[AD_CALENDAR_COLUMNS - 1];
	double		nearest = INFINITY;
	double		best = m->features[j].stats.median;

	for (int pass = 0; pass < 2; pass++)
		for (Size i = 0; i < n; i += step)
		{
			double		t = row_of(v, rows, i)[j];
			double		distance = 0;

			if (isnan(t))
				continue;
			ad_prepare_calendar(m, t, columns);
			for (int c = 0; c < AD_CALENDAR_COLUMNS - 1; c++)
			{
				if (pass == 0)
					mean[c] += columns[c] * step / n;
				distance += (columns[c] - mean[c]) * (columns[c] - mean[c]);
			}
			if (pass == 1 && distance < nearest)
			{
				nearest = distance;
				best = t;
			}
		}
	return best;
}

/* What a missing number of a feature becomes, if some rows are fitted to. */
static double
impute_number(AdModel *m, const AdView *v, int j, const Size *rows, Size n)
{
	const AdModelFeature *f = &m->features[j];
	double		center = f->stats.median;
	double	   *x;
	Size		found = 0;
	AdSpread	s;

	if (m->impute == AD_IMPUTE_ZERO)
		return 0;
	if (f->encoding == AD_ENC_CALENDAR)
		return usual_instant(m, v, j, rows, n);
	/* the mean and the median of seconds are at noon */
	if (f->encoding == AD_ENC_CLOCK && !isnan(f->arc.low))
		return f->arc.middle;
	/* where no row is imputed, none of them can have moved what is */
	if (rows == NULL || present(v, j) == v->rows)
		return m->impute == AD_IMPUTE_MEAN && isfinite(f->stats.mean) ?
			f->stats.mean : center;
	x = ad_palloc_array(double, n);
	for (Size i = 0; i < n; i++)
	{
		double		value = row_of(v, rows, i)[j];

		AD_CHECK_EVERY_1024(i);
		if (!isnan(value))
			x[found++] = value;
	}
	if (found > 0)
	{
		center = ad_quantile(x, found, 0.5);
		if (m->impute == AD_IMPUTE_MEAN)
		{
			ad_spread(x, found, 1, (double) found, &s);
			center = isfinite(s.mean) ? s.mean : center;
		}
	}
	pfree(x);
	return center;
}

/*
 * Choose what missing values become, and shares of categories, from the rows
 * that are fitted to (NULL: all).  A sketch of more rows than its sample has
 * counted more than it holds, which is of use if none is held out.
 */
static void
choose_values(AdModel *m, const AdView *v, const Size *rows, Size n,
			  const AdSpec *spec)
{
	/* a component has no value without one of its columns */
	bool		keep_missing = spec->detector->accepts_missing != NULL &&
		spec->detector->accepts_missing(spec->options) &&
		isnan(spec->prepare.reduce);

	for (int j = 0; j < m->nfeatures; j++)
	{
		AdModelFeature *f = &m->features[j];

		if (f->encoding == AD_ENC_DROPPED)
			continue;
		if (f->class == AD_CLASS_CATEGORY)
			f->impute = rows ? count_categories(f, v, j, rows, n) : 0;
		else
			f->impute = keep_missing ? NAN : impute_number(m, v, j, rows, n);
	}
}

/* Return whether no feature of any sampled row is missing. */
static bool
complete(const AdView *v)
{
	for (int j = 0; j < v->nfeatures; j++)
		if (v->features[j].missing > 0 || v->features[j].infinite > 0)
			return false;
	return true;
}

/*
 * Some rows of the view (NULL: all) as a dense matrix, palloc'd in the current
 * context; or the view's own, where preparation changes nothing.
 */
static const double *
prepare_matrix(AdModel *m, const AdView *v, const Size *rows, Size n)
{
	double	   *x;
	double	   *raw;

	if (m->plain && rows == NULL && complete(v))
		return v->x;
	x = ad_palloc_array(double, ad_mul_size(n, m->ncols));
	raw = ad_palloc_array(double, m->nfeatures);

	for (Size i = 0; i < n; i++)
	{
		double	   *out = x + i * m->ncols;

		AD_CHECK_EVERY_1024(i);
		memcpy(raw, row_of(v, rows, i), m->nfeatures * sizeof(double));
		ad_prepare_code(m, raw);
		ad_prepare_row(m, raw, out);
	}
	pfree(raw);
	return x;
}

/*
 * Drop the later of two number features whose absolute correlation exceeds
 * the limit.  O(d^2 n) at worst.
 */
static void
drop_correlated(AdModel *m, const double *x, Size n, double limit)
{
	double	  **z = ad_palloc0_array(double *, m->nfeatures);
	bool		dropped = false;

	for (int j = 0; j < m->nfeatures; j++)
	{
		AdModelFeature *f = &m->features[j];
		double		norm = 0;
		AdSpread	spread;

		if (f->encoding != AD_ENC_NUMBER)
			continue;
		CHECK_FOR_INTERRUPTS();
		ad_spread(x + f->first, n, m->ncols, (double) n, &spread);
		/* a constant is a copy of nothing */
		if (!(spread.sd > 0 && spread.sd <= DBL_MAX))
			continue;
		z[j] = ad_palloc_array(double, n);
		for (Size i = 0; i < n; i++)
		{
			AD_CHECK_EVERY_1024(i);
			z[j][i] = (x[i * m->ncols + f->first] - spread.mean) / spread.sd;
			norm += z[j][i] * z[j][i];
		}
		norm = sqrt(norm);
		for (Size i = 0; i < n; i++)
			z[j][i] = norm > 0 ? z[j][i] / norm : 0;

		for (int k = 0; k < j; k++)
		{
			double		r = 0;

			if (z[k] == NULL)
				continue;
			CHECK_FOR_INTERRUPTS();
			for (Size i = 0; i < n; i++)
				r += z[j][i] * z[k][i];
			if (fabs(r) > limit)
			{
				f->encoding = AD_ENC_DROPPED;
				f->dropped_for = k;
				pfree(z[j]);
				z[j] = NULL;
				dropped = true;
				break;
			}
		}
	}
	for (int j = 0; j < m->nfeatures; j++)
		if (z[j])
			pfree(z[j]);
	pfree(z);
	if (dropped)
		ad_prepare_columns(m);
}

/*
 * The center of a column that is not scaled, of n > 0 values, which are
 * reordered: 0, or what makes whole numbers far from zero small.
 */
static double
near_center(const AdModelFeature *f, double *v, Size n)
{
	if (f->encoding == AD_ENC_FREQUENCY ||
		!(Max(fabs(f->stats.min), fabs(f->stats.max)) > FAR_FROM_ZERO) ||
		!ad_all_whole(v, n, 1))
		return 0;
	return rint(ad_quantile(v, n, 0.5));
}

/*
 * Center and width of a column's n > 0 values, whose spread is given and which
 * are reordered; a width of 0 is one that is rounding (spread.c).  all: they
 * are of all rows.
 */
static void
column_scale(const AdModelFeature *f, AdScale scale, bool all, double *v,
			 Size n, const AdSpread *spread, double *center, double *width)
{
	AdSpread	s = *spread;
	double		low;
	double		high;

	if (s.sd == 0 && s.least < s.greatest && f->class == AD_CLASS_TIMESTAMP)
	{
		double		shift = s.least;

		/* microseconds are real: from the first they are no rounding */
		for (Size i = 0; i < n; i++)
			v[i] -= shift;
		ad_spread(v, n, 1, (double) n, &s);
		*center = shift + (scale == AD_SCALE_NONE ? 0 : s.mean);
		*width = scale == AD_SCALE_NONE ? 0 : s.sd;
		return;
	}
	*center = s.mean;
	*width = s.sd;
	if (s.sd == 0 && s.least < s.greatest && f->encoding != AD_ENC_FREQUENCY)
	{
		*width = CONSTANT;
		return;
	}
	switch (scale)
	{
		case AD_SCALE_STANDARD:
			break;
		case AD_SCALE_ROBUST:
			*center = ad_quantile(v, n, 0.5);
			low = ad_quantile(v, n, 0.25);
			high = ad_quantile(v, n, 0.75);
			*width = ad_width(low, high, s.whole);
			break;
		case AD_SCALE_MINMAX:
			/* more rows may have been seen than are sampled */
			all = all && f->encoding != AD_ENC_FREQUENCY;
			low = all ? f->stats.min : s.least;
			high = all ? f->stats.max : s.greatest;
			*center = low;
			*width = ad_width(low, high, s.whole);
			break;
		default:
			*center = near_center(f, v, n);
			*width = 0;
			break;
	}
	/* shares that are all equal differ by rounding, which is no spread */
	if (f->encoding == AD_ENC_FREQUENCY && *width < 1e-12)
		*width = 0;
}

/* Choose center and scale of the columns from an unscaled matrix of rows. */
static void
choose_scales(AdModel *m, const double *x, Size rows, bool all, AdScale scale)
{
	double	   *scratch = ad_palloc_array(double, rows);
	AdSpread   *spread = ad_palloc_array(AdSpread, m->ncols);

	ad_spread_columns(x, rows, m->ncols, 0, spread);
	m->center = ad_palloc_array(double, m->ncols);
	m->scale = ad_palloc_array(double, m->ncols);
	for (int c = 0; c < m->ncols; c++)
	{
		m->center[c] = 0;
		m->scale[c] = 1;
	}
	for (int j = 0; j < m->nfeatures; j++)
	{
		AdModelFeature *f = &m->features[j];
		double		center;
		double		width;
		Size		n = 0;

		/* indicators and sines are on a common scale already */
		if (f->encoding == AD_ENC_DROPPED || f->encoding == AD_ENC_ONEHOT ||
			f->encoding == AD_ENC_CLOCK)
			continue;
		CHECK_FOR_INTERRUPTS();
		for (Size i = 0; i < rows; i++)
		{
			AD_CHECK_EVERY_1024(i);
			if (!isnan(x[i * m->ncols + f->first]))
				scratch[n++] = x[i * m->ncols + f->first];
		}
		if (n == 0)
			continue;
		column_scale(f, scale, all, scratch, n, &spread[f->first], &center,
					 &width);
		m->center[f->first] = isfinite(center) ? center : 0;
		/* a constant column stays as it is, but centred */
		if (width == CONSTANT)
			m->scale[f->first] = CONSTANT;
		else
			m->scale[f->first] = width > 0 ? Min(width, DBL_MAX) : 1;
	}
	pfree(scratch);
	pfree(spread);
	ad_prepare_scaled(m);
}

/*
 * Return whether a feature may have to be centered though none is scaled:
 * it is far from zero, or constant but for rounding.
 */
static bool
any_to_center(const AdModel *m)
{
	for (int j = 0; j < m->nfeatures; j++)
	{
		const AdViewFeature *s = &m->features[j].stats;

		if (m->features[j].class == AD_CLASS_CATEGORY)
			continue;
		if (Max(fabs(s->min), fabs(s->max)) > FAR_FROM_ZERO ||
			(s->min < s->max && ad_width(s->min, s->max, false) == 0))
			return true;
	}
	return false;
}

/* Center and scale a matrix; returns it, or a copy of the view's. */
static const double *
scale_matrix(const AdModel *m, const AdView *v, const double *x, Size n)
{
	Size		size = ad_mul_size(n, m->ncols);
	double	   *scaled = (double *) x;

	if (x == v->x)
	{
		scaled = ad_palloc_array(double, size);
		memcpy(scaled, x, size * sizeof(double));
	}
	for (Size i = 0; i < n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		ad_prepare_scale(m, scaled + i * m->ncols);
	}
	/* a huge number in units of small ones may be none */
	for (Size i = 0; i < size; i++)
		if (isinf(scaled[i]))
			scaled[i] = scaled[i] > 0 ? DBL_MAX : -DBL_MAX;
	return scaled;
}

/*
 * The scaling of a detector's columns unless the spec says how: variances of
 * columns in different units cannot be compared.
 */
static AdScale
chosen_scale(const AdSpec *spec)
{
	if (!isnan(spec->prepare.reduce) && spec->nmembers == 0)
		return AD_SCALE_STANDARD;
	return spec->detector->scale(spec->options);
}

/* Encode and scale; as ad_prepare_fit(), but for the reduction. */
static const double *
encode_and_scale(AdModel *m, const AdView *v, const Size *rows, Size n,
				 const AdSpec *spec, MemoryContext out)
{
	AdScale		scale = spec->prepare.scale;
	bool		centered = false;
	MemoryContext old;
	const double *x;

	m->impute = spec->prepare.impute;
	m->scaled = m->rounded = m->wide = false;
	ad_prepare_zone(m, spec->prepare.timezone);
	choose_encodings(m, v, spec);
	ad_prepare_columns(m);
	choose_values(m, v, rows, n, spec);
	if (!isnan(spec->prepare.drop_correlated))
	{
		x = prepare_matrix(m, v, rows, n);
		drop_correlated(m, x, n, spec->prepare.drop_correlated);
		if (x != v->x)
			pfree((void *) x);
	}

	if (scale == AD_SCALE_AUTO)
	{
		scale = chosen_scale(spec);
		centered = scale == AD_SCALE_NONE && spec->nmembers == 0 &&
			any_to_center(m);
	}
	old = MemoryContextSwitchTo(out);
	x = prepare_matrix(m, v, rows, n);
	MemoryContextSwitchTo(old);
	if (scale == AD_SCALE_NONE && !centered)
		return x;
	choose_scales(m, x, n, rows == NULL, scale);
	m->scaled = true;
	m->plain = false;
	MemoryContextSwitchTo(out);
	x = scale_matrix(m, v, x, n);
	MemoryContextSwitchTo(old);
	return x;
}

/*
 * Decide on the preparation from some rows of a view, in ascending order
 * (NULL: all), store it in the model, and return these rows prepared; "out"
 * owns the matrix, unless it is the view's, and the current context the rest.
 * The model's features must have their name, class and statistics.  What was
 * decided before is forgotten.
 */
const double *
ad_prepare_fit(AdModel *m, const AdView *v, const Size *rows, Size n,
			   const AdSpec *spec, MemoryContext out)
{
	const double *x;
	const double *reduced;

	ad_reduce_forget(m);
	x = encode_and_scale(m, v, rows, n, spec, out);
	/* the members of an ensemble reduce for themselves */
	if (isnan(spec->prepare.reduce) || spec->nmembers > 0)
		return x;
	reduced = ad_reduce_fit(m, x, n, spec->prepare.reduce, out);
	if (reduced != x && x != v->x)
		pfree((void *) x);
	return reduced;
}
