/*-------------------------------------------------------------------------
 *
 * beyond.c
 *		Values beyond all that a fit saw.
 *
 *-------------------------------------------------------------------------
 */
#include "math/ad_spread.h"
#include "model/ad_beyond.h"

#include "datatype/timestamp.h"

/*
 * Return by how much a value of a feature, not a category, lies outside of a
 * range: 0 inside, or beside it by rounding; infinite for an infinite value.
 * Of a time of day it is how long it takes to the nearer end, on the clock.
 * A range or a value that is NaN: 0.
 */
double
ad_beyond_by(const AdModelFeature *f, double low, double high, double v)
{
	double		bound = v > high ? high : low;
	bool		exact = f->class != AD_CLASS_NUMBER ||
		(v == rint(v) && bound == rint(bound));
	double		by;

	if (!(v > high || v < low))
		return 0;
	if (isinf(v))
		return INFINITY;
	by = ad_width(Min(v, bound), Max(v, bound), exact);
	if (f->class == AD_CLASS_TIME)
		by = Min(by, SECS_PER_DAY - (high - low) - by);
	return Max(by, 0);
}
