/*-------------------------------------------------------------------------
 *
 * periods_fold.c
 *		Finding periods: what a series looks like folded at a length.
 *
 * A period is judged on the series less its centred moving mean over that
 * period, with wild values clipped: trend, slower seasons and shifts of level
 * are gone whatever they are, and a random walk has nothing left.  The mean
 * holds whole periods only (half weights at the ends of an even one), so it
 * takes nothing of the season away.
 *
 * The measure is how much of the variance the mean of a point's phase in the
 * OTHER cycles foretells.  In one's own phase mean each point foretells a
 * part of itself, so the more phases, the better it looks; in this one a
 * multiple of the period is worse than the period and noise is worse than
 * nothing, without a correction.
 *
 * Short pulses are clipped away with the wild values, so these are looked at
 * by themselves, as events: +1, 0 or -1.
 *
 *-------------------------------------------------------------------------
 */
#include "series/ad_periods_search.h"
#include "series/ad_smoother.h"

#define NORMAL_MAD		1.4826	/* makes it a normal deviation */
#define MEAN_PART		0.6		/* of a mean deviation: the least scale */
#define ROW				64		/* points that a fold takes at a time, at
								 * least */
#define NEAR			0.03	/* of a median distance: the last one is near */
#define TINY			1e-300	/* instead of a divisor of 0 */

/* The bar rises as there are fewer cycles; any two values alternate a bit. */
#define BAR				0.25
#define BAR_CYCLES		1.5
#define BAR_ALTERNATING	0.5		/* of a period of two points */

/* So many cycles or more: points without a whole moving mean do not count. */
#define WHOLE_CYCLES	8

/* Cycles to each side of a phase's median: more make it less noisy, fewer
 * follow a season that changes. */
#define SIDE_CYCLES		9

/*
 * Events are values beyond so many deviations of the local level: the mean
 * of a twentieth of the series, or of five points, of clipped values.  Where
 * more than half of all values are equal they are a fifth of the greatest.
 */
#define LEVEL_PART		20
#define LEVEL_POINTS	5
#define LEVEL_CLIP		4
#define EVENT			5
#define EVENT_PART		0.2
#define EQUAL			1e-9	/* of the greatest deviation: no scale */

/* Return the sum of n values: of eight sums, so that it takes little time. */
static double
sum_of(const double *x, Size n)
{
	double		lane[8] = {0};
	double		rest = 0;
	Size		i = 0;

	for (; i + 8 <= n; i += 8)
		for (int l = 0; l < 8; l++)
			lane[l] += x[i + l];
	for (; i < n; i++)
		rest += x[i];
	return ((lane[0] + lane[4]) + (lane[2] + lane[6])) +
		((lane[1] + lane[5]) + (lane[3] + lane[7])) + rest;
}

/* Return the values of x that are present in from .. to - 1, and their number. */
static const double *
present_values(AdPeriodSearch *s, const double *x, Size from, Size to, Size *m)
{
	Size		count = 0;

	*m = to - from;
	if (ad_periods_complete(s))
		return x + from;
	for (Size i = from; i < to; i++)
	{
		s->values[count] = x[i];
		count += s->present[i] ? 1 : 0;
	}
	*m = count;
	return s->values;
}

/*
 * Return the median of m values, and 1.4826 times that of their distances
 * from it; s->distance holds these.  0 if there is no value.  The last ones
 * are where these are looked for first.
 */
static double
middle_and_scale(AdPeriodSearch *s, const double *values, Size m,
				 double *scale)
{
	double		reach = NEAR * s->scale;

	*scale = 0;
	if (m == 0)
		return 0;
	s->center = ad_series_median_near(values, m, s->center, reach, s->scratch);
	for (Size i = 0; i < m; i++)
		s->distance[i] = fabs(values[i] - s->center);
	s->scale = ad_series_median_near(s->distance, m, s->scale, reach,
									 s->scratch);
	*scale = NORMAL_MAD * s->scale;
	return s->center;
}

/*
 * Clip the values of x that are present in from .. to - 1 to so many
 * deviations around their median; the others are 0 and stay so.
 */
void
ad_periods_clip(AdPeriodSearch *s, double *x, Size from, Size to,
				double deviations)
{
	Size		m;
	const double *values = present_values(s, x, from, to, &m);
	double		scale;
	double		center = middle_and_scale(s, values, m, &scale);
	double		low;
	double		high;

	scale = Max(scale, MEAN_PART * sum_of(s->distance, m) / Max((double) m, 1));
	low = center - deviations * scale;
	high = center + deviations * scale;
	for (Size i = from; i < to; i++)
		x[i] = Min(Max(x[i], low), high) * s->weight[i];
}

/* Set sums[i] to that of the points before i of y, which is 0 where missing. */
static void
sum_up(const double *y, Size n, double *sums)
{
	sums[0] = 0;
	for (Size i = 0; i < n; i++)
		sums[i + 1] = sums[i] + y[i];
}

/* Note the sums of a series that was changed. */
void
ad_periods_total(AdPeriodSearch *s)
{
	sum_up(s->y, s->n, s->totals);
}

/* The centred moving mean at a point near an end of the series. */
static double
end_mean(const AdPeriodSearch *s, const double *y, const double *sums,
		 Size width, Size i)
{
	Size		half = width / 2;
	Size		from = i > half ? i - half : 0;
	Size		to = Min(i + half + 1, s->n);
	double		sum = sums[to] - sums[from];
	double		count = s->counts[to] - s->counts[from];

	if (width % 2 == 0 && i >= half)
	{
		sum -= y[i - half] / 2;
		count -= s->weight[i - half] / 2;
	}
	if (width % 2 == 0 && i + half < s->n)
	{
		sum -= y[i + half] / 2;
		count -= s->weight[i + half] / 2;
	}
	return sum / Max(count, 0.5);
}

/*
 * Set out to the centred moving mean of y over "width" points present, 0 where
 * there is none; sums are those of y, which is 0 where missing.
 */
static void
moving_mean(const AdPeriodSearch *s, const double *restrict y,
			const double *restrict sums, Size width, double *restrict out)
{
	Size		n = s->n;
	Size		half = width / 2;
	Size		first = Min(half, n);
	Size		last = Max(n - first, first);
	double		part = width % 2 == 0 ? 0.5 : 0;
	const double *restrict counts = s->counts;
	const double *restrict weight = s->weight;

	for (Size i = 0; i < first; i++)
		out[i] = end_mean(s, y, sums, width, i);
	/* a count that is not 0 is half a point at least */
	for (Size i = first; i < last; i++)
	{
		double		sum = sums[i + half + 1] - sums[i - half];
		double		count = counts[i + half + 1] - counts[i - half];

		sum = sum - y[i - half] * part - y[i + half] * part;
		count = count - weight[i - half] * part - weight[i + half] * part;
		out[i] = sum / Max(count, 0.5);
	}
	for (Size i = last; i < n; i++)
		out[i] = end_mean(s, y, sums, width, i);
}

/*
 * Set s->x to the series less its moving mean over a period, clipped and of
 * mean 0; points that are missing or out of s->from .. s->to - 1 do not count
 * and are 0.
 */
void
ad_periods_detrend(AdPeriodSearch *s, Size period, double deviations)
{
	Size		n = s->n;
	bool		whole = n / period >= WHOLE_CYCLES;
	double	   *restrict x = s->x;
	const double *restrict y = s->y;
	const double *restrict weight = s->weight;
	double		mean;

	CHECK_FOR_INTERRUPTS();
	s->from = whole ? period / 2 : 0;
	s->to = n - s->from;
	moving_mean(s, s->y, s->totals, period, s->x);
	memset(x, 0, s->from * sizeof(double));
	memset(x + s->to, 0, s->from * sizeof(double));
	for (Size i = s->from; i < s->to; i++)
		x[i] = (y[i] - x[i]) * weight[i];
	ad_periods_clip(s, s->x, s->from, s->to, deviations);
	mean = sum_of(s->x, n) / Max(s->counts[s->to] - s->counts[s->from], 1);
	for (Size i = s->from; i < s->to; i++)
		x[i] -= mean * weight[i];
}

/* Return the root mean square of the series less its local level. */
double
ad_periods_spread(AdPeriodSearch *s)
{
	double		square = 0;

	moving_mean(s, s->y, s->totals, Max(s->n / LEVEL_PART, LEVEL_POINTS) | 1,
				s->x);
	for (Size i = 0; i < s->n; i++)
		if (s->present[i])
			square += (s->y[i] - s->x[i]) * (s->y[i] - s->x[i]);
	return sqrt(square / Max((double) s->npresent, 1));
}

/* Set s->events to the signs of wild values, less their mean. */
void
ad_periods_find_events(AdPeriodSearch *s)
{
	Size		n = s->n;
	double	   *level = s->events;	/* overwritten by what it is needed for */
	const double *values;
	double		center;
	double		scale;
	double		greatest = 0;
	double		reach;
	double		mean = 0;
	Size		m;

	memcpy(s->x, s->y, n * sizeof(double));
	ad_periods_clip(s, s->x, 0, n, LEVEL_CLIP);
	sum_up(s->x, n, s->sums);
	moving_mean(s, s->x, s->sums, Max(n / LEVEL_PART, LEVEL_POINTS) | 1, level);
	for (Size i = 0; i < n; i++)
		s->x[i] = s->present[i] ? s->y[i] - level[i] : 0;
	values = present_values(s, s->x, 0, n, &m);
	center = middle_and_scale(s, values, m, &scale);
	for (Size i = 0; i < m; i++)
		greatest = Max(greatest, s->distance[i]);
	reach = scale > EQUAL * greatest ? EVENT * scale : EVENT_PART * greatest;
	s->nevents = 0;
	for (Size i = 0; i < n; i++)
	{
		double		d = s->x[i] - center;
		bool		wild = s->present[i] && fabs(d) > reach;

		s->events[i] = !wild ? 0 : d > 0 ? 1 : -1;
		mean += s->events[i];
		s->nevents += wild ? 1 : 0;
	}
	mean /= Max((double) s->npresent, 1);
	for (Size i = 0; i < n; i++)
		if (s->present[i])
			s->events[i] -= mean;
}

/* Set sum[p] to the sum of the n values of x at phase p of a period. */
void
ad_periods_fold_sum(const double *restrict x, Size n, Size period,
					double *restrict sum)
{
	/* rows of a few periods: short ones take their time to begin */
	Size		row = period * ((ROW + period - 1) / period);

	if (row > n)
		row = period;
	memset(sum, 0, row * sizeof(double));
	for (Size from = 0; from < n; from += row)
	{
		Size		length = Min(row, n - from);

		for (Size p = 0; p < length; p++)
			sum[p] += x[from + p];
	}
	for (Size from = period; from < row; from += period)
		for (Size p = 0; p < period; p++)
			sum[p] += sum[from + p];
}

/* Return the weights of from .. to - 1, with zeros outside. */
const double *
ad_periods_weights(AdPeriodSearch *s, Size from, Size to)
{
	memset(s->values, 0, s->n * sizeof(double));
	memcpy(s->values + from, s->weight + from, (to - from) * sizeof(double));
	return s->values;
}

/* Set s->count to the points in from .. to - 1 of each phase of a period. */
static void
count_phases(AdPeriodSearch *s, Size from, Size to, Size period)
{
	Size		cycles = (to - from) / period;
	Size		more = (to - from) % period;

	if (!ad_periods_complete(s))
	{
		ad_periods_fold_sum(ad_periods_weights(s, from, to), s->n, period,
							s->count);
		return;
	}
	for (Size p = 0; p < period; p++)
		s->count[p] = (double) cycles;
	for (Size i = 0, p = from % period; i < more; i++)
	{
		s->count[p] += 1;
		p = p + 1 == period ? 0 : p + 1;
	}
}

/*
 * Fold s->x, or the events, at a period into s->sum, s->square and s->count,
 * and return how much of it the other cycles foretell.
 */
AdPeriodFit
ad_periods_fold(AdPeriodSearch *s, bool events, Size period)
{
	AdPeriodFit fit = {-1, 0};
	const double *x = events ? s->events : s->x;
	double		total = 0;
	double		missed = 0;
	double		compared = 0;

	for (Size i = 0; i < s->n; i++)
		s->distance[i] = x[i] * x[i];
	ad_periods_fold_sum(x, s->n, period, s->sum);
	ad_periods_fold_sum(s->distance, s->n, period, s->square);
	count_phases(s, events ? 0 : s->from, events ? s->n : s->to, period);
	for (Size p = 0; p < period; p++)
	{
		double		m = s->count[p];
		double		w = m / (m - 1);

		if (m < 2)
			continue;
		compared += m;
		total += s->square[p];
		missed += w * w * Max(s->square[p] - s->sum[p] * s->sum[p] / m, 0);
	}
	if (total > 0)
		fit.strength = 1 - missed / total;
	fit.cycles = compared / (double) period;
	return fit;
}

/* Return the strength that a period of so many cycles must have. */
double
ad_periods_bar(Size period, double cycles)
{
	double		bar = BAR + BAR_CYCLES / Max(cycles, AD_PERIODS_LEAST_CYCLES);

	return period == AD_PERIODS_SHORTEST ? Max(bar, BAR_ALTERNATING) : bar;
}

/* Judge a period, by the events or on the series detrended for it. */
AdPeriodFit
ad_periods_fit(AdPeriodSearch *s, Size period, bool events)
{
	if (!events)
		ad_periods_detrend(s, period, AD_PERIODS_CLIP);
	return ad_periods_fold(s, events, period);
}

/*
 * Set what folding at a period adds to folding at a part of it: the share of
 * the energy, and how many deviations that is from what noise would add.
 */
void
ad_periods_gain(AdPeriodSearch *s, Size part, Size period, bool events,
				double *share, double *deviations)
{
	double		total = 0;
	double		between = 0;
	double		within = 0;
	double		freedom = 0;

	if (events)
	{
		memcpy(s->x, s->events, s->n * sizeof(double));
		s->from = 0;
		s->to = s->n;
	}
	else
		ad_periods_detrend(s, period, AD_PERIODS_CLIP);
	for (Size i = 0; i < s->n; i++)
		total += s->x[i] * s->x[i];
	(void) ad_periods_fold(s, false, part);
	for (Size i = s->from, p = s->from % part; i < s->to; i++)
	{
		if (s->present[i])
			s->x[i] -= s->sum[p] / s->count[p];
		p = p + 1 == part ? 0 : p + 1;
	}
	(void) ad_periods_fold(s, false, period);
	for (Size p = 0; p < period; p++)
		if (s->count[p] >= 2)
		{
			double		mean_square = s->sum[p] * s->sum[p] / s->count[p];

			between += mean_square;
			within += s->square[p] - mean_square;
			freedom += s->count[p] - 1;
		}
	within = Max(within, 0) / Max(freedom, 1);
	between -= within * (double) (period - part);
	*share = between / Max(total, TINY);
	*deviations = between / Max(within * sqrt(2.0 * (double) period), TINY);
}

/* Return the median of the values of a phase in the cycles around point i. */
static double
local_median(AdPeriodSearch *s, Size i, Size period)
{
	Size		side = SIDE_CYCLES * period;
	Size		half = period / 2;
	Size		from = i % period;
	Size		m = 0;

	if (i >= side + from)
		from = i - side;
	for (Size j = from; j < s->n && j <= i + side; j += period)
		if (s->present[j] && j >= half && j + half < s->n)
			s->scratch[m++] = s->y[j] - s->x[j];
	return m > 0 ? ad_series_median(s->scratch, m) : 0;
}

/*
 * Take a season out of the series: the median of each phase, in the cycles
 * around, of what is above the moving mean.  It is unclipped, so pulses go as
 * a whole, and follows a season that changes.
 */
void
ad_periods_take_out(AdPeriodSearch *s, Size period)
{
	Size		n = s->n;
	Size		block = Max(SIDE_CYCLES / 2, 1) * period;
	double	   *season = s->sums;

	moving_mean(s, s->y, s->totals, period, s->x);
	for (Size from = 0; from < n; from += block)
	{
		Size		to = Min(from + block, n);
		Size		middle = Min(from + block / 2 / period * period, n);
		double		mean = 0;

		CHECK_FOR_INTERRUPTS();
		for (Size p = 0; p < period; p++)
		{
			s->sum[p] = local_median(s, middle + p, period);
			mean += s->sum[p];
		}
		mean /= (double) period;
		for (Size i = from, p = 0; i < to; i++)
		{
			season[i] = s->sum[p] - mean;
			p = p + 1 == period ? 0 : p + 1;
		}
	}
	for (Size i = 0; i < n; i++)
		if (s->present[i])
			s->y[i] -= season[i];
	ad_periods_total(s);
}
