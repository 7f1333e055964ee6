/*-------------------------------------------------------------------------
 *
 * stl_options.c
 *		Options of the decomposition, from jsonb.
 *
 * Most keys go through the option table.  Three do not fit it, because a
 * season may be one or several, and a period points or an interval: period,
 * seasonal_window and step are read here.  Even windows are refused rather
 * than rounded up: the method is defined for odd ones.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_options.h"
#include "series/ad_shape.h"
#include "series/ad_stl_options.h"

#include "utils/builtins.h"
#include "utils/numeric.h"

static const char *const method_names[] = {"tail", "mad", "iqr", "sigma", "pot", NULL};
static const char *const duplicate_names[] = {"mean", "error", "last", NULL};
static const char *const own_keys[] = {"period", "seasonal_window", "step", NULL};

#define MAX_WINDOW	16777215
#define MAX_STEP	1e15		/* of numbered times */

/* The options of a decomposition; they differ in what "robust" is. */
#define DECOMPOSITION(is_robust) \
	AD_INT(AdStlOptions, seasonal_degree, 0, 0, 1), \
	AD_INT(AdStlOptions, seasonal_jump, 0, 1, MAX_WINDOW), \
	AD_POINTS(AdStlOptions, trend_window, 0, 3, MAX_WINDOW), \
	AD_INT(AdStlOptions, trend_degree, 1, 0, 1), \
	AD_INT(AdStlOptions, trend_jump, 0, 1, MAX_WINDOW), \
	AD_POINTS(AdStlOptions, lowpass_window, 0, 3, MAX_WINDOW), \
	AD_INT(AdStlOptions, lowpass_degree, -1, 0, 1), \
	AD_INT(AdStlOptions, lowpass_jump, 0, 1, MAX_WINDOW), \
	AD_INT(AdStlOptions, inner_iterations, -1, 1, 100), \
	AD_INT(AdStlOptions, outer_iterations, -1, 0, 100), \
	AD_INT(AdStlOptions, iterations, 2, 1, 100), \
	AD_BOOL(AdStlOptions, robust, is_robust), \
	AD_FLOAT_ABOVE(AdStlOptions, threshold, NAN, 0, 1e6), \
	AD_ENUM(AdStlOptions, threshold_method, -1, method_names), \
	AD_FLOAT_ABOVE(AdStlOptions, alarm_rate, NAN, 0, 0.1), \
	AD_POINTS(AdStlOptions, score_window, 0, 1, MAX_WINDOW), \
	AD_ENUM(AdStlOptions, duplicates, 0, duplicate_names), \
	AD_ENUM(AdStlOptions, on_error, AD_ON_ERROR_RAISE, ad_on_error_names), \
	AD_STRING(AdStlOptions, timezone, NULL),

static const AdOption table[] = {
	DECOMPOSITION(false)
};

static const AdOption score_table[] = {
	DECOMPOSITION(true)
	AD_POINTS(AdScoreOptions, m, 0, 2, AD_SUBPCA_MAX_WINDOW),
};

/*
 * Read one period, of two points or more, or one step, which may be long in
 * the units of the times: a whole number, or an interval.
 */
static void
span_of(const char *key, const JsonbValue *v, double min, AdSpan *span)
{
	double		max = min > 1 ? (double) AD_SERIES_MAX_PERIOD : MAX_STEP;
	double		d;

	memset(span, 0, sizeof(AdSpan));
	if (ad_option_number(v, &d))
	{
		if (!(d >= min && d <= max))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("option \"%s\" is out of range: %s", key,
							ad_option_text(v)),
					 errdetail("Allowed values are at least %.16g and at most %.16g points.",
							   min, max)));
		if (d == floor(d))
		{
			span->points = (Size) d;
			return;
		}
	}
	/* a longer text is no interval */
	else if (v->type == jbvString && v->val.string.len <= AD_MAX_QUOTED)
	{
		span->text = pnstrdup(v->val.string.val, v->val.string.len);
		return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("option \"%s\" cannot be \"%s\"", key, ad_option_text(v)),
			 errdetail(AD_SPAN_EXPECTED)));
}

/* Read one seasonal window: odd, or "periodic" (0). */
static Size
window_of(const JsonbValue *v)
{
	double		d;

	if (v->type == jbvString && v->val.string.len == 8 &&
		strncmp(v->val.string.val, "periodic", 8) == 0)
		return 0;
	if (!ad_option_number(v, &d) ||
		!(d >= 3 && d <= MAX_WINDOW && fmod(d, 2) == 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"%s\" cannot be \"%s\"", "seasonal_window",
						ad_option_text(v)),
				 errdetail("Expected an odd number of at least 3, or \"periodic\".")));
	return (Size) d;
}

/* Find the value of a key; false if absent or null. */
static bool
find_key(JsonbContainer *object, const char *key, JsonbValue *value)
{
	JsonbValue	k;
	JsonbValue *found;

	k.type = jbvString;
	k.val.string.val = unconstify(char *, key);
	k.val.string.len = (int) strlen(key);
	found = findJsonbValueFromContainer(object, JB_FOBJECT, &k);
	if (found == NULL || found->type == jbvNull)
		return false;
	*value = *found;
	return true;
}

/* Read a key that is a span; false if absent. */
bool
ad_series_key_span(JsonbContainer *object, const char *key, double min,
				   AdSpan *span)
{
	JsonbValue	v;

	if (!find_key(object, key, &v))
		return false;
	span_of(key, &v, min, span);
	return true;
}

/*
 * Read the key of the periods: one, an array of them, or the word auto or
 * none.  False if it is absent.
 */
bool
ad_series_key_periods(JsonbContainer *object, AdSpan *periods, int *nperiods,
					  bool *automatic)
{
	JsonbValue	v;

	*nperiods = 0;
	*automatic = false;
	if (!find_key(object, "period", &v))
		return false;
	if (v.type == jbvBinary && JsonContainerIsArray(v.val.binary.data))
	{
		int			n = (int) JsonContainerSize(v.val.binary.data);

		if (n < 1 || n > AD_SERIES_MAX_SEASONS)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("option \"%s\" has %d elements", "period", n),
					 errdetail("Allowed values are at least 1 and at most %d.",
							   AD_SERIES_MAX_SEASONS)));
		for (int i = 0; i < n; i++)
			span_of("period",
					getIthJsonbValueFromContainer(v.val.binary.data, i),
					2, &periods[i]);
		*nperiods = n;
		return true;
	}
	span_of("period", &v, 2, &periods[0]);
	if (periods[0].text &&strcmp(periods[0].text, "auto") == 0)
		*automatic = true;
	else if (periods[0].text == NULL || strcmp(periods[0].text, "none") != 0)
		*nperiods = 1;
	return true;
}

/* Refuse an even window. */
static void
check_odd(const char *key, int window)
{
	if (window > 0 && window % 2 == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"%s\" cannot be \"%d\"", key, window),
				 errdetail("Expected an odd number of at least 3.")));
}

/*
 * Settle the method: a threshold alone is of "mad", which was the default
 * once.
 */
static void
resolve_method(AdStlOptions *o)
{
	if (o->threshold_method < 0)
		o->threshold_method = isnan(o->threshold) || !isnan(o->alarm_rate) ?
			AD_THRESHOLD_TAIL : AD_THRESHOLD_MAD;
	if (o->threshold_method == AD_THRESHOLD_TAIL && !isnan(o->threshold))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"%s\" is not of the method \"%s\"",
						"threshold", "tail"),
				 errhint("Use the option \"%s\".", "alarm_rate")));
	if (o->threshold_method != AD_THRESHOLD_TAIL && !isnan(o->alarm_rate))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"%s\" is not of the method \"%s\"",
						"alarm_rate", method_names[o->threshold_method]),
				 errhint("Use the option \"%s\".", "threshold")));
}

/* Read the period, seasonal window and step, and check the others. */
static void
finish(JsonbContainer *object, AdStlOptions *o)
{
	JsonbValue	v;

	check_odd("trend_window", o->trend_window);
	check_odd("lowpass_window", o->lowpass_window);
	resolve_method(o);
	if (o->threshold_method == AD_THRESHOLD_POT && o->threshold >= 0.5)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"%s\" is out of range: %g", "threshold",
						o->threshold),
				 errdetail("With the method \"pot\" it is a risk: greater than 0 and less than 0.5.")));

	if (!ad_series_key_periods(object, o->periods, &o->nperiods,
							   &o->automatic))
		o->automatic = true;
	if (find_key(object, "seasonal_window", &v))
	{
		if (v.type == jbvBinary && JsonContainerIsArray(v.val.binary.data))
		{
			int			n = (int) JsonContainerSize(v.val.binary.data);

			if (n < 1 || n > AD_SERIES_MAX_SEASONS ||
				(o->nperiods > 0 && n != o->nperiods))
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("option \"%s\" has %d elements",
								"seasonal_window", n),
						 errdetail("Expected one for each period.")));
			for (int i = 0; i < n; i++)
				o->windows[i] =
					window_of(getIthJsonbValueFromContainer(v.val.binary.data, i));
			o->nwindows = n;
		}
		else
		{
			o->windows[0] = window_of(&v);
			o->nwindows = 1;
		}
	}
	if (find_key(object, "step", &v))
		span_of("step", &v, 1, &o->step);
}

/*
 * Fill o from a jsonb object.  Strings are palloc'd in the current context;
 * intervals stay text for the caller to read.
 */
void
ad_stl_options_parse(JsonbContainer *object, AdStlOptions *o)
{
	memset(o, 0, sizeof(AdStlOptions));
	ad_options_parse(object, "ad_stl", table, lengthof(table), own_keys, o);
	finish(object, o);
}

/* The same for the options of ad_series_score. */
void
ad_score_options_parse(JsonbContainer *object, AdScoreOptions *o)
{
	memset(o, 0, sizeof(AdScoreOptions));
	ad_options_parse(object, "ad_series_score", score_table,
					 lengthof(score_table), own_keys, o);
	finish(object, &o->stl);
}
