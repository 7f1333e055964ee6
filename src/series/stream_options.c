/*-------------------------------------------------------------------------
 *
 * stream_options.c
 *		Options of a stream.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_fault.h"
#include "core/ad_options.h"
#include "series/ad_stream.h"

static const char *const late_names[] = {"count", "error", NULL};
static const char *const own_keys[] = {"period", "step", NULL};

static const AdOption table[] = {
	AD_FLOAT_ABOVE(AdStreamOptions, level, 0.1, 0, 1),
	AD_FLOAT(AdStreamOptions, trend, 0, 0, 1),
	AD_FLOAT_ABOVE(AdStreamOptions, season, 0.1, 0, 1),
	AD_FLOAT(AdStreamOptions, clip, 3, 1, 100),
	AD_FLOAT_ABOVE(AdStreamOptions, q, 1e-4, 0, 0.02),
	AD_POINTS(AdStreamOptions, warmup, 0, 1, 100000000),
	AD_ENUM(AdStreamOptions, late, 0, late_names),
	AD_ENUM(AdStreamOptions, on_error, AD_ON_ERROR_RAISE, ad_on_error_names),
	AD_STRING(AdStreamOptions, timezone, NULL),
	AD_POINTS(AdStreamOptions, memory, 10000, 100, 100000000),
	AD_POINTS(AdStreamOptions, score_window, 50, 1, 100000),
	AD_POINTS(AdStreamOptions, shape, 0, 0, AD_STREAM_MAX_SHAPE),
};

/* Check the length of a period in points. */
static void
check_points(const AdSpan *period)
{
	if (period->points > AD_STREAM_MAX_SLOTS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("option \"%s\" is out of range: %zu", "period",
						period->points),
				 errdetail("The limit is %u.", AD_STREAM_MAX_SLOTS)));
}

/* Fill o from a jsonb object; intervals stay text for the caller. */
void
ad_stream_options_parse(JsonbContainer *object, AdStreamOptions *o)
{
	memset(o, 0, sizeof(AdStreamOptions));
	ad_options_parse(object, "ad_stream", table, lengthof(table), own_keys, o);
	(void) ad_series_key_periods(object, o->periods, &o->nperiods,
								 &o->automatic);
	for (int i = 0; i < o->nperiods; i++)
		check_points(&o->periods[i]);
	(void) ad_series_key_span(object, "step", 1, &o->step);
	if (o->shape != 0 && o->shape != 16 && o->shape != AD_STREAM_MAX_SHAPE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"%s\" cannot be \"%d\"", "shape", o->shape),
				 errdetail("Expected 0, 16 or 32.")));
}
