/*-------------------------------------------------------------------------
 *
 * prepare.c
 *		Features become columns: imputation, encoding, scaling.
 *
 * What is decided at the fit is stored in the model and applied identically
 * when scoring:
 *
 *	- a missing number becomes the median (or mean, or zero), a missing
 *	  category the most frequent one, or either is an error; a detector that
 *	  copes with missing numbers may keep them;
 *	- a timestamp is its epoch second, with calendar also hour and weekday
 *	  as sine and cosine, in the zone kept in the model; a time of day is
 *	  then its sine and cosine alone, and has no second that midnight tears;
 *	- a category with few values gets one column per value and one for "other",
 *	  which is 0 in every training row: an unseen category is then the only
 *	  row ever to have it.  With many values it becomes its share of rows,
 *	  0 for an unseen one: rarer than all that were seen;
 *	- of two correlated numbers the later is dropped, if asked for;
 *	- so is a feature without a single value: nothing is known of it, and
 *	  what it is given later counts nothing.  A model of no other features
 *	  has one column, which is 0 in every row;
 *	- number columns are scaled as the spec or the detector says.  A detector
 *	  that wants none, and so cares for differences only, gets whole numbers
 *	  beyond 2^32 less their median: both are exact, and what it computes is
 *	  rounded as near zero;
 *	- a column whose values differ by rounding alone (math/spread.c) is
 *	  constant: its scale is -1, which stands for a 1, and values so near to
 *	  its center are that.  Not so times, which are exact to microseconds.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_elementary.h"
#include "core/ad_fault.h"
#include "math/ad_math.h"
#include "math/ad_spread.h"
#include "model/ad_model.h"

#include <float.h>

#define WIDE	1e300			/* a scale whose values may differ by infinity */
#define FAR_FROM_ZERO	4294967296.0	/* 2^32 */
#define CONSTANT		(-1.0)	/* the scale of one but for rounding */

/* Name a feature for a message: its name, or its position. */
static char *
feature_label(const AdModelFeature *f, int j)
{
	if (f->name[0])
		return psprintf("%d (\"%s\")", j + 1, f->name);
	return psprintf("%d", j + 1);
}

/* Number the columns of the features; error if they are too many. */
void
ad_prepare_columns(AdModel *m)
{
	int64		ncols = 0;

	for (int j = 0; j < m->nfeatures; j++)
	{
		AdModelFeature *f = &m->features[j];

		switch (f->encoding)
		{
			case AD_ENC_DROPPED:
				f->ncols = 0;
				break;
			case AD_ENC_NUMBER:
			case AD_ENC_FREQUENCY:
				f->ncols = 1;
				break;
			case AD_ENC_CALENDAR:
				f->ncols = AD_CALENDAR_COLUMNS;
				break;
			case AD_ENC_CLOCK:
				f->ncols = 2;
				break;
			case AD_ENC_ONEHOT:
				f->ncols = (int) f->dict.n + 1;
				break;
		}
		f->first = (int) ncols;
		ncols += f->ncols;
		if (ncols > AD_MAX_COLUMNS)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("features need more than %d columns when encoded",
							AD_MAX_COLUMNS),
					 errhint("Lower onehot_max in ad_prepare(), or give fewer features."),
					 ad_errdata()));
	}
	/* detectors take no empty rows: without features, all are the same one */
	ncols = Max(ncols, 1);
	m->ncols = (int) ncols;
	m->kinds = ad_palloc0_array(uint8, ncols);
	m->plain = true;
	for (int j = 0; j < m->nfeatures; j++)
	{
		AdModelFeature *f = &m->features[j];

		if (f->encoding != AD_ENC_NUMBER || m->scaled ||
			m->impute == AD_IMPUTE_ERROR)
			m->plain = false;
		if (f->encoding == AD_ENC_ONEHOT)
		{
			memset(m->kinds + f->first, AD_COLUMN_INDICATOR, f->ncols - 1);
			m->kinds[f->first + f->ncols - 1] = AD_COLUMN_OTHER;
		}
	}
	m->columns = ad_palloc0_array(double, ncols);
}

/* Set the zone of calendar columns; NULL or "UTC" need no table. */
void
ad_prepare_zone(AdModel *m, const char *name)
{
	m->timezone_name = pstrdup(name);
	m->timezone = NULL;
	if (strcmp(name, "UTC") == 0)
		return;
	m->timezone = pg_tzset(name);
	if (m->timezone == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone \"%s\" not recognized",
						ad_quote_clip(name))));
}

/*
 * Sine and cosine of seconds of a day, 0 to 86,400.  From both sides of
 * midnight, so that times that are as far from it have equal cosines to the
 * bit.
 */
static void
clock_columns(double seconds, double *out)
{
	if (seconds > SECS_PER_DAY / 2)
		seconds -= SECS_PER_DAY;
	ad_sincos_turn(seconds / SECS_PER_DAY, &out[0], &out[1]);
}

/*
 * Hour and weekday of epoch seconds as two sine and cosine pairs.  An
 * infinite time has none, and zeros would lie amidst all others: it lies
 * beyond them in these columns too, see set_corner().
 */
static void
calendar_columns(AdModel *m, double seconds, double *out)
{
	double		day_seconds;
	double		weekday;

	if (unlikely(isinf(seconds)))
	{
		for (int i = 0; i < 4; i++)
			out[i] = INFINITY;
		m->infinite_time = true;
		return;
	}
	/* a date is at most 2e14 */
	if (!(fabs(seconds) < 1e15))
	{
		memset(out, 0, 4 * sizeof(double));
		return;
	}
	if (m->timezone == NULL)
	{
		double		days = floor(seconds / SECS_PER_DAY);

		day_seconds = seconds - days * SECS_PER_DAY;
		weekday = fmod(fmod(days + 4, 7) + 7, 7);	/* 1970 began on Thursday */
	}
	else
	{
		pg_time_t	t = (pg_time_t) floor(seconds);
		struct pg_tm *tm = pg_localtime(&t, m->timezone);

		if (tm == NULL)
		{
			memset(out, 0, 4 * sizeof(double));
			return;
		}
		day_seconds = tm->tm_hour * 3600 + tm->tm_min * 60 + tm->tm_sec +
			(seconds - floor(seconds));
		weekday = tm->tm_wday;
	}

	clock_columns(day_seconds, out);
	/* Sunday as midnight */
	if (weekday > 3)
		weekday -= 7;
	ad_sincos_turn(weekday / 7.0, &out[2], &out[3]);
}

/*
 * Note what scoring has to know of scales: call it once they are set.
 * Differences of ordinary values of a wide column may be no numbers.
 */
void
ad_prepare_scaled(AdModel *m)
{
	m->rounded = false;
	m->wide = false;
	for (int c = 0; c < m->ncols; c++)
	{
		m->rounded |= m->scale[c] == CONSTANT;
		m->wide |= m->scale[c] > WIDE;
	}
}

/*
 * A value of column c, scaled.  The difference of two huge numbers may be
 * none, while each in units of the scale is one.
 */
static inline double
scale_value(const AdModel *m, int c, double v)
{
	double		scaled = (v - m->center[c]) / m->scale[c];

	if (unlikely(isinf(scaled)) && !isinf(v))
		scaled = v / m->scale[c] - m->center[c] / m->scale[c];
	return scaled;
}

/* Center and scale a row of columns. */
static inline void
scale_row(const AdModel *m, const double *x, double *out)
{
	if (unlikely(m->wide))
		for (int c = 0; c < m->ncols; c++)
			out[c] = scale_value(m, c, x[c]);
	else
		for (int c = 0; c < m->ncols; c++)
			out[c] = (x[c] - m->center[c]) / m->scale[c];
	if (likely(!m->rounded))
		return;
	for (int c = 0; c < m->ncols; c++)
		if (m->scale[c] == CONSTANT)
		{
			bool		near = fabs(out[c]) <= AD_ROUNDING * fabs(m->center[c]);

			out[c] = near ? 0 : -out[c];
		}
}

/*
 * Turn one row of raw features into columns.  A raw categorical feature is
 * its code in the model's dictionary, dict.n for any other value; NaN is
 * missing.  Allocates nothing.
 */
void
ad_prepare_row(AdModel *m, const double *raw, double *columns)
{
	if (m->plain)
	{
		for (int j = 0; j < m->nfeatures; j++)
			columns[j] = isnan(raw[j]) ? m->features[j].impute : raw[j];
		return;
	}

	m->infinite_time = false;
	columns[0] = 0;				/* if it is no feature's */
	for (int j = 0; j < m->nfeatures; j++)
	{
		AdModelFeature *f = &m->features[j];
		double	   *out = columns + f->first;
		double		v = raw[j];

		if (unlikely(isnan(v)))
		{
			if (m->impute == AD_IMPUTE_ERROR && f->encoding != AD_ENC_DROPPED)
				ereport(ERROR,
						(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						 errmsg("feature %s is missing", feature_label(f, j)),
						 errdetail("The model was fitted with ad_prepare(impute => 'error').")));
			v = f->impute;
		}
		switch (f->encoding)
		{
			case AD_ENC_DROPPED:
				break;
			case AD_ENC_NUMBER:
				out[0] = v;
				break;
			case AD_ENC_CALENDAR:
				out[0] = v;
				calendar_columns(m, v, out + 1);
				break;
			case AD_ENC_CLOCK:
				clock_columns(v, out);
				/* kept missing */
				if (unlikely(isnan(v)))
					out[0] = out[1] = v;
				break;
			case AD_ENC_ONEHOT:
				memset(out, 0, f->ncols * sizeof(double));
				out[(int) v] = 1.0;
				break;
			case AD_ENC_FREQUENCY:
				out[0] = f->frequency[(int) v];
				break;
		}
	}
	if (m->scaled)
		scale_row(m, columns, columns);
}

/*
 * Let the hours and weekdays of infinite times lie at one of the
 * AD_CALENDAR_CORNERS of all that is beyond every value, in the model's
 * columns as ad_prepare_row() left them.
 */
static void
set_corner(AdModel *m, int corner)
{
	for (int j = 0; j < m->nfeatures; j++)
	{
		const AdModelFeature *f = &m->features[j];
		double	   *out = m->columns + f->first;

		if (f->encoding == AD_ENC_CALENDAR && isinf(out[0]))
			for (int i = 0; i < AD_CALENDAR_COLUMNS - 1; i++)
				out[i + 1] = (corner >> i & 1) ? -INFINITY : INFINITY;
	}
}

/*
 * Score the row in the model's columns, which has an infinite time.  Which
 * side of an hour is emptier depends on the rows of the fit, so that the
 * highest score of all corners is taken, and its columns are left behind;
 * but no row that the model was fitted to scores higher.
 */
double
ad_prepare_infinite_score(AdModel *m)
{
	double		highest = -INFINITY;
	int			best = 0;

	for (int corner = 0; corner < AD_CALENDAR_CORNERS; corner++)
	{
		double		score;

		set_corner(m, corner);
		score = m->detector->score(m->scorer, m->columns);
		if (score > highest)
		{
			highest = score;
			best = corner;
		}
	}
	set_corner(m, best);
	/* what explains it wants the scorer as this row left it */
	highest = m->detector->score(m->scorer, m->columns);
	return m->has_scores ? Max(highest, m->calibration.training.tail[0]) :
		highest;
}

/* Return what a missing value of a feature becomes. */
static double
impute_value(const AdModelFeature *f, AdImpute impute, bool keep_missing)
{
	if (f->class == AD_CLASS_CATEGORY)
		return 0;				/* the most frequent value's code */
	if (keep_missing)
		return NAN;
	/* the mean and the median of seconds are at noon */
	if (f->encoding == AD_ENC_CLOCK && !isnan(f->arc.low) &&
		impute != AD_IMPUTE_ZERO)
		return f->arc.middle;
	switch (impute)
	{
		case AD_IMPUTE_MEAN:
			return isfinite(f->stats.mean) ? f->stats.mean : f->stats.median;
		case AD_IMPUTE_ZERO:
			return 0;
		default:
			return f->stats.median;
	}
}

/* Choose encodings and imputed values from the view. */
static void
choose_encodings(AdModel *m, const AdView *v, const AdSpec *spec)
{
	bool		keep_missing = spec->detector->accepts_missing != NULL &&
		spec->detector->accepts_missing(spec->options);

	for (int j = 0; j < m->nfeatures; j++)
	{
		AdModelFeature *f = &m->features[j];
		const AdViewFeature *vf = &v->features[j];
		uint64		present = v->rows - vf->missing - vf->infinite;

		if (m->impute == AD_IMPUTE_ERROR && present < v->rows)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("feature %s is missing in " UINT64_FORMAT " of " UINT64_FORMAT " rows",
							feature_label(f, j), v->rows - present, v->rows),
					 errdetail("ad_prepare(impute => 'error') does not allow it."),
					 ad_errdata()));

		f->dropped_for = -1;
		if (present == 0)
		{
			f->encoding = AD_ENC_DROPPED;
			f->impute = 0;
			if (f->class == AD_CLASS_CATEGORY)
				f->frequency = ad_palloc0_array(double, 1);
			continue;
		}
		if (f->class == AD_CLASS_CATEGORY)
		{
			int			keep = Min(vf->nvalues, AD_MAX_MODEL_VALUES);

			f->frequency = ad_palloc0_array(double, keep + 1);
			for (int i = 0; i < keep; i++)
			{
				uint32		code = ad_dict_code(&f->dict, vf->values[i].s,
												vf->values[i].len);

				f->dict.entries[code].count = vf->counts[i];
				f->frequency[i] = (double) vf->counts[i] / (double) present;
			}
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
		f->impute = impute_value(f, m->impute, keep_missing);
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
 * The view's rows as a dense matrix, palloc'd in the current context; or
 * the view's own, where preparation changes nothing.
 */
static const double *
prepare_matrix(AdModel *m, const AdView *v)
{
	double	   *x;
	double	   *raw;

	if (m->plain && complete(v))
		return v->x;
	x = ad_palloc_array(double, ad_mul_size(v->n, m->ncols));
	raw = ad_palloc_array(double, m->nfeatures);

	for (Size i = 0; i < v->n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		memcpy(raw, v->x + i * m->nfeatures, m->nfeatures * sizeof(double));
		for (int j = 0; j < m->nfeatures; j++)
			if (m->features[j].class == AD_CLASS_CATEGORY && !isnan(raw[j]))
				raw[j] = Min(raw[j], (double) m->features[j].dict.n);
		ad_prepare_row(m, raw, x + i * m->ncols);
	}
	pfree(raw);
	return x;
}

/*
 * Drop the later of two number features whose absolute correlation exceeds
 * the limit.  O(d^2 n) at worst.
 */
static void
drop_correlated(AdModel *m, const AdView *v, const double *x, double limit)
{
	Size		n = v->n;
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
 * Center and width of a column's n > 0 values, which are reordered; a width
 * of 0 is one that is rounding (spread.c).
 */
static void
column_scale(const AdModelFeature *f, AdScale scale, double *v, Size n,
			 double *center, double *width)
{
	AdSpread	s;
	double		low;
	double		high;

	ad_spread(v, n, 1, (double) n, &s);
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
			low = f->encoding == AD_ENC_FREQUENCY ? s.least : f->stats.min;
			high = f->encoding == AD_ENC_FREQUENCY ? s.greatest : f->stats.max;
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

/* Choose center and scale of the columns from the unscaled matrix. */
static void
choose_scales(AdModel *m, const AdView *v, const double *x, AdScale scale)
{
	double	   *scratch = ad_palloc_array(double, v->n);

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
		for (Size i = 0; i < v->n; i++)
		{
			AD_CHECK_EVERY_1024(i);
			if (!isnan(x[i * m->ncols + f->first]))
				scratch[n++] = x[i * m->ncols + f->first];
		}
		if (n == 0)
			continue;
		column_scale(f, scale, scratch, n, &center, &width);
		m->center[f->first] = isfinite(center) ? center : 0;
		/* a constant column stays as it is, but centred */
		if (width == CONSTANT)
			m->scale[f->first] = CONSTANT;
		else
			m->scale[f->first] = width > 0 ? Min(width, DBL_MAX) : 1;
	}
	pfree(scratch);
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

/*
 * Decide on the preparation, store it in the model, and return the view's
 * rows prepared.  The model's features must have their name, class and
 * statistics.  Both go to the current context.
 */
const double *
ad_prepare_fit(AdModel *m, const AdView *v, const AdSpec *spec)
{
	AdScale		scale = spec->prepare.scale;
	bool		centered = false;
	const double *x;

	m->impute = spec->prepare.impute;
	ad_prepare_zone(m, spec->prepare.timezone);
	choose_encodings(m, v, spec);
	ad_prepare_columns(m);
	if (!isnan(spec->prepare.drop_correlated))
	{
		drop_correlated(m, v, prepare_matrix(m, v),
						spec->prepare.drop_correlated);
	}

	if (scale == AD_SCALE_AUTO)
	{
		scale = spec->detector->scale(spec->options);
		centered = scale == AD_SCALE_NONE && spec->nmembers == 0 &&
			any_to_center(m);
	}
	x = prepare_matrix(m, v);
	if (scale != AD_SCALE_NONE || centered)
	{
		double	   *scaled = ad_palloc_array(double,
											 ad_mul_size(v->n, m->ncols));

		choose_scales(m, v, x, scale);
		m->scaled = true;
		m->plain = false;
		for (Size i = 0; i < v->n; i++)
		{
			AD_CHECK_EVERY_1024(i);
			scale_row(m, x + i * m->ncols, scaled + i * m->ncols);
			/* the difference of two huge numbers may be none */
			for (int c = 0; c < m->ncols; c++)
			{
				double	   *e = &scaled[i * m->ncols + c];

				if (isinf(*e))
					*e = scale_value(m, c, x[i * m->ncols + c]);
				/* a huge number in units of small ones may be none */
				if (isinf(*e))
					*e = *e > 0 ? DBL_MAX : -DBL_MAX;
			}
		}
		if (x != v->x)
			pfree((void *) x);
		x = scaled;
	}
	return x;
}
