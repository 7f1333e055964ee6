/*-------------------------------------------------------------------------
 *
 * periods_spectrum.c
 *		Finding periods: what a series looks like, in frequencies and lags.
 *
 * Proposes periods from the periodogram, and makes what periods_pick.c
 * judges them by: the series without what is slower than a period, and the
 * autocorrelation of that.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_elementary.h"
#include "series/ad_periods_search.h"
#include "series/ad_smoother.h"

#define NORMAL_MAD		1.4826	/* makes it a normal deviation */
#define TINY			1e-300	/* instead of a divisor of 0 */

/* A detrended value beyond so many deviations counts as that many: a spike
 * correlates with nothing, so it only hides the season. */
#define DETRENDED_CLIP	3

/*
 * Peaks of the periodogram are compared with the median power of their
 * surroundings: a quarter of their frequency, and at least 8 steps of the
 * transform.  Wider groups follow red noise less well, narrower ones may
 * hold nothing but the peak.
 */
#define GROUP_STEPS		8
#define GROUP_PART		4

/*
 * How many peaks are proposed.  Those that stand out of their surroundings
 * find short, weak periods; those of most power a period that dominates a
 * broad group.  More of either cost time, an autocorrelation each.
 */
#define BY_SCORE		12
#define BY_POWER		6

StaticAssertDecl(BY_SCORE + BY_POWER == AD_PERIODS_PROPOSED,
				 "the callers' arrays hold what is proposed");

/* Clip present values to so many deviations around their median. */
void
ad_periods_clip(AdPeriodSearch *s, double *x, double deviations)
{
	Size		m = 0;
	double		center;
	double		scale;
	double		reach;

	for (Size i = 0; i < s->n; i++)
		if (s->present[i])
			s->sorted[m++] = x[i];
	if (m == 0)
		return;
	center = ad_series_median(s->sorted, m);
	m = 0;
	for (Size i = 0; i < s->n; i++)
		if (s->present[i])
			s->sorted[m++] = fabs(x[i] - center);
	scale = NORMAL_MAD * ad_series_median(s->sorted, m);
	if (scale <= 0)
	{
		/* most values are equal: the standard deviation of the others */
		double		sum = 0;

		for (Size i = 0; i < s->n; i++)
			if (s->present[i])
				sum += (x[i] - center) * (x[i] - center);
		scale = sqrt(sum / (double) m);
	}
	reach = deviations * scale;
	for (Size i = 0; i < s->n; i++)
		if (s->present[i])
			x[i] = Min(Max(x[i], center - reach), center + reach);
}

/* Set out to the mean of the present values within width / 2 points. */
void
ad_periods_moving_mean(AdPeriodSearch *s, const double *y, Size width,
					   double *out)
{
	Size		half = width / 2;

	s->sums[0] = 0;
	s->counts[0] = 0;
	for (Size i = 0; i < s->n; i++)
	{
		s->sums[i + 1] = s->sums[i] + (s->present[i] ? y[i] : 0);
		s->counts[i + 1] = s->counts[i] + (s->present[i] ? 1 : 0);
	}
	for (Size i = 0; i < s->n; i++)
	{
		Size		from = i > half ? i - half : 0;
		Size		to = Min(i + half + 1, s->n);

		out[i] = (s->sums[to] - s->sums[from]) /
			Max((double) (s->counts[to] - s->counts[from]), 1.0);
	}
}

/*
 * Set s->x to y less its moving mean over the period, clipped; 0 where
 * missing.  Trend, slower seasons and level shifts are gone from it.
 */
void
ad_periods_detrend(AdPeriodSearch *s, const double *y, Size period)
{
	ad_periods_moving_mean(s, y, period | 1, s->x);
	for (Size i = 0; i < s->n; i++)
		s->x[i] = s->present[i] ? y[i] - s->x[i] : 0;
	ad_periods_clip(s, s->x, DETRENDED_CLIP);
}

/*
 * Set r to the autocorrelation of s->x at n lags, each over the pairs of
 * points that are present: the transform of the power spectrum, divided by
 * that of the points' presence.
 */
void
ad_periods_autocorrelation(AdPeriodSearch *s, double *r)
{
	Size		n = s->n;
	Size		nn = s->fft.n;
	double		mean = 0;
	double		first;
	Size		m = 0;

	for (Size i = 0; i < n; i++)
		if (s->present[i])
		{
			mean += s->x[i];
			m++;
		}
	mean /= Max((double) m, 1.0);
	for (Size i = 0; i < nn; i++)
	{
		bool		here = i < n && s->present[i];

		s->re[i] = here ? s->x[i] - mean : 0;
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
		double		power = zr * zr + zi * zi;
		double		pairs = pr * pr + pi * pi;

		s->re[k] = s->re[j] = power;
		s->im[k] = s->im[j] = pairs;
	}
	ad_fft_forward(&s->fft, s->re, s->im);
	first = s->re[0] / Max(s->im[0], TINY);
	for (Size i = 0; i < n; i++)
	{
		double		pairs = s->im[i] / (double) nn;

		r[i] = pairs > 0.5 && first > 0 ? s->re[i] / s->im[i] / first : 0;
	}
}

/* A spectral peak. */
typedef struct Peak
{
	Size		k;				/* frequency, in transform steps */
	double		power;
	double		score;			/* power over its surroundings' median */
} Peak;

/* Compare for the highest score first, for qsort. */
static int
by_score(const void *a, const void *b)
{
	double		x = ((const Peak *) a)->score;
	double		y = ((const Peak *) b)->score;

	return (x < y) - (x > y);
}

/* Compare for the highest power first, for qsort. */
static int
by_power(const void *a, const void *b)
{
	double		x = ((const Peak *) a)->power;
	double		y = ((const Peak *) b)->power;

	return (x < y) - (x > y);
}

/* Fit a straight line to the points that are present. */
static void
fit_line(const AdPeriodSearch *s, const double *y, double *level,
		 double *slope)
{
	double		m = 0;
	double		st = 0;
	double		sy = 0;
	double		stt = 0;
	double		sty = 0;

	for (Size i = 0; i < s->n; i++)
		if (s->present[i])
		{
			m += 1;
			st += (double) i;
			sy += y[i];
			stt += (double) i * (double) i;
			sty += (double) i * y[i];
		}
	*slope = m * stt - st * st > 0 ?
		(m * sty - st * sy) / (m * stt - st * st) : 0;
	*level = (sy - *slope * st) / Max(m, 1);
}

/*
 * Put y less its line, under a Hann window, into s->re and s->im, with zeros
 * behind.  The window's cosine goes on by rotation.
 */
static void
window_series(AdPeriodSearch *s, const double *y)
{
	double		level;
	double		slope;
	double		cosine;
	double		sine;
	double		step_cosine;
	double		step_sine;

	fit_line(s, y, &level, &slope);
	ad_sincos_turn(0.5 / (double) s->n, &sine, &cosine);
	ad_sincos_turn(1.0 / (double) s->n, &step_sine, &step_cosine);
	for (Size i = 0; i < s->fft.n; i++)
	{
		double		next;

		s->re[i] = s->im[i] = 0;
		if (i >= s->n)
			continue;
		if (s->present[i])
			s->re[i] = (y[i] - level - slope * (double) i) *
				(0.5 - 0.5 * cosine);
		next = cosine * step_cosine - sine * step_sine;
		sine = sine * step_cosine + cosine * step_sine;
		cosine = next;
	}
}

/*
 * Find the peaks of a periodogram from the frequency that two cycles have,
 * group by group of neighbouring frequencies; return their number.
 */
static Size
find_peaks(const AdPeriodSearch *s, const double *power, Peak *peaks)
{
	Size		half = s->fft.n / 2;
	double	   *group = ad_palloc_array(double, half + 1);
	Size		npeaks = 0;

	for (Size from = (2 * s->fft.n + s->n - 1) / s->n; from < half;)
	{
		Size		to = Min(Max(from + GROUP_STEPS, from + from / GROUP_PART),
							 half);
		double		middle;

		memcpy(group, power + from, (to - from) * sizeof(double));
		middle = ad_series_median(group, to - from);
		for (Size k = from; k < to; k++)
			if (power[k] >= power[k - 1] && power[k] > power[k + 1])
			{
				peaks[npeaks].k = k;
				peaks[npeaks].power = power[k];
				peaks[npeaks].score = power[k] / Max(middle, TINY);
				npeaks++;
			}
		from = to;
	}
	pfree(group);
	return npeaks;
}

/*
 * Add the periods of the first peaks that are not there yet and have two
 * cycles; return the new number.
 */
static int
add_periods(const AdPeriodSearch *s, const Peak *peaks, Size npeaks,
			double *period, double *spread, int count)
{
	for (Size i = 0; i < npeaks; i++)
	{
		double		p = (double) s->fft.n / (double) peaks[i].k;
		bool		known = false;

		for (int j = 0; j < count && !known; j++)
			known = (period[j] == p);
		if (known || 2 * p > (double) s->n)
			continue;
		period[count] = p;
		/* to the next frequency, and rounding to whole points */
		spread[count] = p / (double) peaks[i].k + 1;
		count++;
	}
	return count;
}

/*
 * Fill in the periods that the periodogram proposes, and how far off each may
 * be; return their number, at most AD_PERIODS_PROPOSED.
 */
int
ad_periods_propose(AdPeriodSearch *s, const double *y, double *period,
				   double *spread)
{
	Size		half = s->fft.n / 2;
	Peak	   *peaks = ad_palloc_array(Peak, half / 2 + 2);
	double	   *power = ad_palloc_array(double, half + 1);
	Size		npeaks;
	int			count;

	window_series(s, y);
	ad_fft_forward(&s->fft, s->re, s->im);
	for (Size k = 0; k <= half; k++)
		power[k] = s->re[k] * s->re[k] + s->im[k] * s->im[k];
	npeaks = find_peaks(s, power, peaks);
	qsort(peaks, npeaks, sizeof(Peak), by_score);
	count = add_periods(s, peaks, Min(npeaks, BY_SCORE), period, spread, 0);
	qsort(peaks, npeaks, sizeof(Peak), by_power);
	count = add_periods(s, peaks, Min(npeaks, BY_POWER), period, spread,
						count);
	pfree(peaks);
	pfree(power);
	return count;
}

/* Return the energy of the phase means of s->x folded at a period. */
double
ad_periods_fold_energy(const AdPeriodSearch *s, Size period)
{
	double		energy = 0;

	for (Size p = 0; p < period; p++)
	{
		double		sum = 0;
		double		m = 0;

		for (Size i = p; i < s->n; i += period)
			if (s->present[i])
			{
				sum += s->x[i];
				m += 1;
			}
		if (m > 0)
			energy += sum * sum / m;
	}
	return energy;
}
