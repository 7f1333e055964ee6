/*-------------------------------------------------------------------------
 *
 * ticks.c
 *		Round numbers on an axis.
 *
 * A step is 1, 2 or 5 times a power of ten.  A tick is the whole number of
 * steps that it is, times that power, divided where the power is below one:
 * so 0.3 is what it says, not three times something near 0.1.  Labels have
 * the digits that tell the ticks of the axis apart, and numbers that would be
 * long all have one exponent.  Nothing here asks the mathematical library, so
 * the text is the same everywhere.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_ticks.h"

#include <float.h>

#define LONG_NUMBER		7		/* digits before the point that are too many */
#define LONG_FRACTION	6		/* digits behind it */
#define LEAST_STEP		1e-280	/* powers of ten near it are whole */
#define EXACT			4503599627370496.0	/* whole numbers up to it are, and
											 * their halves */

/* Return ten to a power of at most 300. */
static double
power10(int exponent)
{
	double		power = 1;

	for (int i = 0; i < exponent; i++)
		power *= 10;
	return power;
}

/* Return the number of digits before the point, less one; v >= LEAST_STEP. */
static int
exponent_of(double v)
{
	int			exponent = 0;

	for (; v >= 10; exponent++)
		v /= 10;
	for (; v < 1; exponent--)
		v *= 10;
	return exponent;
}

/* Return a whole number times a power of ten. */
static double
scaled(double whole, int exponent)
{
	return exponent >= 0 ? whole * power10(exponent) :
		whole / power10(-exponent);
}

/* Add a tick at a share of the axis; what is beyond an end is left out. */
static AdTick *
add(AdTicks *ticks, double at)
{
	AdTick	   *tick;

	if (ticks->n == AD_MAX_TICKS || !(at >= -1e-9 && at <= 1 + 1e-9))
		return NULL;
	tick = &ticks->items[ticks->n++];
	tick->at = Max(Min(at, 1), 0);
	tick->period[0] = '\0';
	return tick;
}

/*
 * Write a number of steps, with the decimals that tell steps apart; largest
 * is that of all that are written, whose exponent they have if it is long.
 */
void
ad_step_label(const AdStep *step, double k, double largest,
			  char label[AD_TICK_LENGTH])
{
	double		whole = k * step->multiple + 0.0;	/* and no zero with a sign */
	int			common = 0;

	if (exponent_of(Max(largest, LEAST_STEP)) >= LONG_NUMBER ||
		step->exponent < -LONG_FRACTION)
		common = exponent_of(Max(largest, step->length));
	if (common == 0)
		snprintf(label, AD_TICK_LENGTH, "%.*f", Max(-step->exponent, 0),
				 scaled(whole, step->exponent));
	else if (whole == 0)
		strlcpy(label, "0", AD_TICK_LENGTH);
	else
		snprintf(label, AD_TICK_LENGTH, "%.*fe%d",
				 Max(common - step->exponent, 0),
				 scaled(whole, step->exponent - common), common);
}

/* Set ticks at the ends of an axis on which no step can be told. */
static void
only_ends(double low, double high, AdTicks *ticks)
{
	for (int i = 0; i < (high > low ? 2 : 1); i++)
		snprintf(add(ticks, i)->label, AD_TICK_LENGTH, "%.4g",
				 i == 0 ? low : high);
}

/*
 * Choose a round step of which at most so many are between two finite numbers,
 * low <= high; false if none can be told.  "whole": the numbers count
 * something, and have no parts.
 */
bool
ad_step_choose(double low, double high, int most, bool whole, AdStep *step)
{
	static const int multiples[] = {1, 2, 5, 10};
	double		largest = Max(fabs(low), fabs(high));
	double		raw;
	int			i = 0;

	most = Max(most, 1);
	/* the range may be longer than the greatest number */
	raw = high / most - low / most;
	if (whole)
		raw = Max(raw, 1);
	/* steps that a double cannot count are no steps */
	raw = Max(raw, largest / EXACT);
	/* one step may be longer than the greatest number, and has no exponent */
	if (raw < LEAST_STEP || raw > DBL_MAX)
		return false;
	step->exponent = exponent_of(raw);
	while (i < 3 &&
		   scaled(multiples[i], step->exponent) < raw * (1 - 1e-9))
		i++;
	step->length = Min(scaled(multiples[i], step->exponent), DBL_MAX);
	step->multiple = multiples[i];
	if (step->multiple == 10)
	{
		step->exponent++;
		step->multiple = 1;
	}
	return true;
}

/* Return a whole number of steps: what it is in decimals, rounded once. */
double
ad_step_times(const AdStep *step, double k)
{
	/* and no zero with a sign */
	double		v = scaled(k * step->multiple + 0.0, step->exponent);

	return Max(Min(v, DBL_MAX), -DBL_MAX);
}

/*
 * Set at most about so many ticks between two finite numbers, low <= high.
 * "whole": the numbers count something, and have no parts.
 */
void
ad_ticks_number(double low, double high, int most, bool whole, AdTicks *ticks)
{
	double		largest = Max(fabs(low), fabs(high));
	AdStep		step;

	ticks->n = 0;
	ticks->period[0] = '\0';
	most = Max(Min(most, AD_MAX_TICKS - 2), 1);
	if (!ad_step_choose(low, high, most, whole, &step))
	{
		only_ends(low, high, ticks);
		return;
	}
	for (double k = ceil(low / step.length - 1e-9);
		 k <= high / step.length + 1e-9; k++)
	{
		double		value = ad_step_times(&step, k);
		AdTick	   *tick;

		tick = add(ticks, high > low ?
				   (value / 2 - low / 2) / (high / 2 - low / 2) : 0.5);
		if (tick)
			ad_step_label(&step, k, largest, tick->label);
	}
	if (ticks->n == 0)
		only_ends(low, high, ticks);
}
