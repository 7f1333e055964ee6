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
#define CONSTANT		AD_SCALE_CONSTANT

/* Name a feature for a message: its name, or its position. */
char *
ad_prepare_label(const AdModelFeature *f, int j)
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
	m->reduction = NULL;
	m->ndense = m->ncols;
	m->dense_kinds = m->kinds;
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
void
ad_prepare_calendar(AdModel *m, double seconds, double *out)
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

/* Center and scale a row of columns in place. */
void
ad_prepare_scale(const AdModel *m, double *columns)
{
	scale_row(m, columns, columns);
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
						 errmsg("feature %s is missing", ad_prepare_label(f, j)),
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
				ad_prepare_calendar(m, v, out + 1);
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

/* Let categories of a row of a view that the dictionary has not be others. */
void
ad_prepare_code(const AdModel *m, double *raw)
{
	for (int j = 0; j < m->nfeatures; j++)
		if (m->features[j].class == AD_CLASS_CATEGORY && !isnan(raw[j]))
			raw[j] = Min(raw[j], (double) m->features[j].dict.n);
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
		score = m->detector->score(m->scorer, ad_model_dense(m));
		if (score > highest)
		{
			highest = score;
			best = corner;
		}
	}
	set_corner(m, best);
	/* what explains it wants the scorer as this row left it */
	highest = m->detector->score(m->scorer, ad_model_dense(m));
	return m->has_scores ? Max(highest, m->calibration.training.tail[0]) :
		highest;
}
