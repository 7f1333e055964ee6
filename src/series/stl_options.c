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
#include "series/ad_series.h"

#include "utils/builtins.h"
#include "utils/numeric.h"

#define OWNER	"ad_stl"	/* whose options they are, in messages */

static const char *const method_names[] = {"mad", "iqr", "sigma", "pot", NULL};
static const char *const duplicate_names[] = {"mean", "error", "last", NULL};
static const char *const on_error_names[] = {"error", "null", NULL};
static const char *const own_keys[] = {"period", "seasonal_window", "step", NULL};

#define OFF(field)	offsetof(AdStlOptions, field)
#define MAX_WINDOW	16777215

static const AdOption table[] = {
	{"seasonal_degree", AD_OPT_INT, OFF(s_degree), 0, 0, 1, NULL, NULL, false},
	{"seasonal_jump", AD_OPT_INT, OFF(s_jump), 0, 1, MAX_WINDOW, NULL, NULL, false},
	{"trend_window", AD_OPT_INT, OFF(t_window), 0, 3, MAX_WINDOW, NULL, NULL, false},
	{"trend_degree", AD_OPT_INT, OFF(t_degree), 1, 0, 1, NULL, NULL, false},
	{"trend_jump", AD_OPT_INT, OFF(t_jump), 0, 1, MAX_WINDOW, NULL, NULL, false},
	{"lowpass_window", AD_OPT_INT, OFF(l_window), 0, 3, MAX_WINDOW, NULL, NULL, false},
	{"lowpass_degree", AD_OPT_INT, OFF(l_degree), -1, 0, 1, NULL, NULL, false},
	{"lowpass_jump", AD_OPT_INT, OFF(l_jump), 0, 1, MAX_WINDOW, NULL, NULL, false},
	{"inner_iterations", AD_OPT_INT, OFF(inner), -1, 1, 100, NULL, NULL, false},
	{"outer_iterations", AD_OPT_INT, OFF(outer), -1, 0, 100, NULL, NULL, false},
	{"iterations", AD_OPT_INT, OFF(iterations), 2, 1, 100, NULL, NULL, false},
	{"robust", AD_OPT_BOOL, OFF(robust), 0, 0, 0, NULL, NULL, false},
	{"threshold", AD_OPT_FLOAT, OFF(threshold), NAN, 0, 1e6, NULL, NULL, true},
	{"threshold_method", AD_OPT_ENUM, OFF(method), 0, 0, 0, method_names, NULL, false},
	{"score_window", AD_OPT_INT, OFF(score_window), 0, 1, MAX_WINDOW, NULL, NULL, false},
	{"duplicates", AD_OPT_ENUM, OFF(duplicates), 0, 0, 0, duplicate_names, NULL, false},
	{"on_error", AD_OPT_ENUM, OFF(on_error), 0, 0, 0, on_error_names, NULL, false},
	{"timezone", AD_OPT_STRING, OFF(timezone), 0, 0, 0, NULL, NULL, false},
};

/* A jsonb number as a double. */
static double
number_of(const JsonbValue *v)
{
	return DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
											  NumericGetDatum(v->val.numeric)));
}

/* One period or step: a whole number of points, or an interval. */
static void
span_of(const char *key, const JsonbValue *v, double least, AdSpan *span)
{
	memset(span, 0, sizeof(AdSpan));
	/* a longer text is no interval */
	if (v->type == jbvString && v->val.string.len <= AD_MAX_QUOTED)
	{
		span->text = pnstrdup(v->val.string.val, v->val.string.len);
		return;
	}
	if (v->type == jbvNumeric)
	{
		double		d = number_of(v);

		if (!(d >= least && d <= (double) AD_SERIES_MAX_PERIOD))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("option \"%s\" is out of range: %s", key,
							ad_option_text(v)),
					 errdetail("Allowed: at least %.15g and at most %.15g points.",
							   least, (double) AD_SERIES_MAX_PERIOD)));
		if (d != floor(d))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("option \"%s\" cannot be \"%s\"", key,
							ad_option_text(v)),
					 errdetail("Expected a whole number of points, or an interval.")));
		span->points = (Size) d;
		return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("option \"%s\" cannot be \"%s\"", key, ad_option_text(v)),
			 errdetail("Expected a whole number of points, or an interval.")));
}

/* One seasonal window: odd, or "periodic" (0). */
static Size
window_of(const JsonbValue *v)
{
	double		d;

	if (v->type == jbvString && v->val.string.len == 8 &&
		strncmp(v->val.string.val, "periodic", 8) == 0)
		return 0;
	/* the constructor's text argument may carry a number */
	if (v->type == jbvString)
		d = strtod(pnstrdup(v->val.string.val, v->val.string.len), NULL);
	else
		d = v->type == jbvNumeric ? number_of(v) : 0;
	if (!(d >= 3 && d <= MAX_WINDOW && fmod(d, 2) == 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"%s\" cannot be \"%s\"", "seasonal_window",
						ad_option_text(v)),
				 errdetail("Expected an odd number of at least 3, or \"periodic\".")));
	return (Size) d;
}

/* The value of a key; false if absent or null. */
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
ad_series_key_span(JsonbContainer *object, const char *key, double least,
				   AdSpan *span)
{
	JsonbValue	v;

	if (!find_key(object, key, &v))
		return false;
	span_of(key, &v, least, span);
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
 * Fill o from a jsonb object.  Strings are palloc'd in the current context;
 * intervals stay text for the caller to read.
 */
void
ad_stl_options_parse(JsonbContainer *object, AdStlOptions *o)
{
	JsonbValue	v;

	memset(o, 0, sizeof(AdStlOptions));
	ad_options_parse(object, OWNER, table, lengthof(table), own_keys, o);
	check_odd("trend_window", o->t_window);
	check_odd("lowpass_window", o->l_window);
	if (o->method == AD_THRESHOLD_POT && o->threshold >= 0.5)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"%s\" is out of range: %g", "threshold",
						o->threshold),
				 errdetail("With the method \"pot\" it is a risk: greater than 0 and less than 0.5.")));

	o->automatic = true;
	if (find_key(object, "period", &v))
	{
		o->automatic = false;
		if (v.type == jbvBinary && JsonContainerIsArray(v.val.binary.data))
		{
			int			n = (int) JsonContainerSize(v.val.binary.data);

			if (n < 1 || n > AD_SERIES_MAX_SEASONS)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("option \"%s\" has %d elements", "period", n),
						 errdetail("Allowed: at least 1 and at most %d.",
								   AD_SERIES_MAX_SEASONS)));
			for (int i = 0; i < n; i++)
				span_of("period",
						getIthJsonbValueFromContainer(v.val.binary.data, i),
						2, &o->periods[i]);
			o->nperiods = n;
		}
		else
		{
			span_of("period", &v, 2, &o->periods[0]);
			o->nperiods = 1;
			if (o->periods[0].text && strcmp(o->periods[0].text, "auto") == 0)
			{
				o->automatic = true;
				o->nperiods = 0;
			}
			else if (o->periods[0].text &&
					 strcmp(o->periods[0].text, "none") == 0)
				o->nperiods = 0;
		}
	}
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
