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

/* Return the median of those values of x that are used, and their number. */
static double
median_of_used(AdPeriodSearch *s, const double *x, const bool *used,
			   double center, bool deviations, Size *m)
{
	*m = 0;
	for (Size i = 0; i < s->n; i++)
		if (used[i])
			s->scratch[(*m)++] = deviations ? fabs(x[i] - center) : x[i];
	return *m > 0 ? ad_series_median(s->scratch, *m) : 0;
}

/*
 * Clip those values of x that are used to so many deviations around their
 * median.
 */
void
ad_periods_clip(AdPeriodSearch *s, double *x, const bool *used,
				double deviations)
{
	Size		m;
	double		center = median_of_used(s, x, used, 0, false, &m);
	double		scale = NORMAL_MAD * median_of_used(s, x, used, center, true,
													&m);
	double		mean = 0;
	double		low;
	double		high;

	for (Size i = 0; i < m; i++)
		mean += s->scratch[i];
	scale = Max(scale, MEAN_PART * mean / Max((double) m, 1));
	low = center - deviations * scale;
	high = center + deviations * scale;
	for (Size i = 0; i < s->n; i++)
		if (used[i])
			x[i] = Min(Max(x[i], low), high);
}

/* Set out to the centred moving mean of y over "width" points present. */
static void
moving_mean(AdPeriodSearch *s, const double *y, Size width, double *out)
{
	Size		n = s->n;
	Size		half = width / 2;
	bool		even = width % 2 == 0;

	s->sums[0] = 0;
	s->counts[0] = 0;
	for (Size i = 0; i < n; i++)
	{
		s->sums[i + 1] = s->sums[i] + (s->present[i] ? y[i] : 0);
		s->counts[i + 1] = s->counts[i] + (s->present[i] ? 1 : 0);
	}
	for (Size i = 0; i < n; i++)
	{
		Size		from = i > half ? i - half : 0;
		Size		to = Min(i + half + 1, n);
		double		sum = s->sums[to] - s->sums[from];
		double		count = (double) (s->counts[to] - s->counts[from]);

		if (even && i >= half && s->present[i - half])
		{
			sum -= y[i - half] / 2;
			count -= 0.5;
		}
		if (even && i + half < n && s->present[i + half])
		{
			sum -= y[i + half] / 2;
			count -= 0.5;
		}
		out[i] = count > 0 ? sum / count : 0;
	}
}

/*
 * Set s->x to the series less its moving mean over a period, clipped and of
 * mean 0; s->used tells which points count, the others are 0.
 */
void
ad_periods_detrend(AdPeriodSearch *s, Size period, double deviations)
{
	Size		n = s->n;
	Size		half = period / 2;
	bool		whole = n / period >= WHOLE_CYCLES;
	double		mean = 0;
	double		m = 0;

	CHECK_FOR_INTERRUPTS();
	moving_mean(s, s->y, period, s->x);
	for (Size i = 0; i < n; i++)
	{
		s->used[i] = s->present[i] &&
			(!whole || (i >= half && i + half < n));
		s->x[i] = s->used[i] ? s->y[i] - s->x[i] : 0;
	}
	ad_periods_clip(s, s->x, s->used, deviations);
	for (Size i = 0; i < n; i++)
		if (s->used[i])
		{
			mean += s->x[i];
			m += 1;
		}
	mean /= Max(m, 1);
	for (Size i = 0; i < n; i++)
		if (s->used[i])
			s->x[i] -= mean;
}

/* Return the root mean square of the series less its local level. */
double
ad_periods_spread(AdPeriodSearch *s)
{
	double		square = 0;

	moving_mean(s, s->y, Max(s->n / LEVEL_PART, LEVEL_POINTS) | 1, s->x);
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
	double		center;
	double		scale;
	double		greatest = 0;
	double		reach;
	double		mean = 0;
	Size		m;

	memcpy(s->x, s->y, n * sizeof(double));
	ad_periods_clip(s, s->x, s->present, LEVEL_CLIP);
	moving_mean(s, s->x, Max(n / LEVEL_PART, LEVEL_POINTS) | 1, level);
	for (Size i = 0; i < n; i++)
		s->x[i] = s->present[i] ? s->y[i] - level[i] : 0;
	center = median_of_used(s, s->x, s->present, 0, false, &m);
	scale = NORMAL_MAD * median_of_used(s, s->x, s->present, center, true, &m);
	for (Size i = 0; i < n; i++)
		if (s->present[i])
			greatest = Max(greatest, fabs(s->x[i] - center));
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

/*
 * Set comb[p - from] to the correlation of x with itself at all multiples of
 * p, for p in from .. to: about the strength at p, for all lengths at once.
 * The autocorrelation is the transform of the power spectrum; that of the
 * points' presence counts the pairs.  -1 where there is no pair.
 */
void
ad_periods_comb(AdPeriodSearch *s, const double *x, const bool *used,
				Size from, Size to, double *comb)
{
	Size		n = s->n;
	Size		nn = s->fft.n;
	double		first;

	for (Size i = 0; i < nn; i++)
	{
		bool		here = i < n && used[i];

		s->re[i] = here ? x[i] : 0;
		s->im[i] = here ? 1 : 0;
	}
	/* two real transforms in one: of the values and of their presence */
	ad_fft_forward(&s->fft, s->re, s->im);
	for (Size k = 0; k <= nn / 2; k++)
	{
		Size		j = (nn - k) & (nn - 1);
		double		zr = (s->re[k] + s->re[j]) / 2;
		double		zi = (s->im[k] - s->im[j]) / 2;
		double		pr = (s->im[k] + s->im[j]) / 2;
		double		pi = (s->re[j] - s->re[k]) / 2;

		s->re[k] = s->re[j] = zr * zr + zi * zi;
		s->im[k] = s->im[j] = pr * pr + pi * pi;
	}
	ad_fft_forward(&s->fft, s->re, s->im);
	first = s->re[0] / Max(s->im[0], TINY);
	for (Size p = from; p <= to; p++)
	{
		double		products = 0;
		double		pairs = 0;

		for (Size lag = p; lag < n; lag += p)
		{
			products += s->re[lag];
			pairs += s->im[lag];
		}
		comb[p - from] = pairs > 0.5 * (double) nn && first > 0 ?
			products / pairs / first : -1;
	}
}

/*
 * Fold x at a period into s->sum, s->square and s->count, and return how
 * much of it the other cycles foretell.
 */
AdPeriodFit
ad_periods_fold(AdPeriodSearch *s, const double *x, const bool *used,
				Size period)
{
	AdPeriodFit fit = {-1, 0};
	double		total = 0;
	double		missed = 0;
	double		compared = 0;

	memset(s->sum, 0, period * sizeof(double));
	memset(s->square, 0, period * sizeof(double));
	memset(s->count, 0, period * sizeof(double));
	for (Size from = 0; from < s->n; from += period)
	{
		Size		length = Min(period, s->n - from);

		for (Size p = 0; p < length; p++)
		{
			double		v = x[from + p];	/* 0 where not used */

			s->sum[p] += v;
			s->square[p] += v * v;
			s->count[p] += used[from + p] ? 1 : 0;
		}
	}
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
	if (events)
		return ad_periods_fold(s, s->events, s->present, period);
	ad_periods_detrend(s, period, AD_PERIODS_CLIP);
	return ad_periods_fold(s, s->x, s->used, period);
}

/*
 * Set what folding at a period adds to folding at a part of it: the share of
 * the energy, and how many deviations that is from what noise would add.
 */
void
ad_periods_gain(AdPeriodSearch *s, Size part, Size period, bool events,
				double *share, double *deviations)
{
	const bool *used = events ? s->present : s->used;
	double		total = 0;
	double		between = 0;
	double		within = 0;
	double		freedom = 0;

	if (events)
		memcpy(s->x, s->events, s->n * sizeof(double));
	else
		ad_periods_detrend(s, period, AD_PERIODS_CLIP);
	for (Size i = 0; i < s->n; i++)
		total += s->x[i] * s->x[i];
	(void) ad_periods_fold(s, s->x, used, part);
	for (Size i = 0, p = 0; i < s->n; i++, p = p + 1 == part ? 0 : p + 1)
		if (used[i])
			s->x[i] -= s->sum[p] / s->count[p];
	(void) ad_periods_fold(s, s->x, used, period);
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

	moving_mean(s, s->y, period, s->x);
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
		for (Size i = from; i < to; i++)
			season[i] = s->sum[(i - from) % period] - mean;
	}
	for (Size i = 0; i < n; i++)
		if (s->present[i])
			s->y[i] -= season[i];
}
