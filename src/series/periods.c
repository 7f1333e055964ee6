/*-------------------------------------------------------------------------
 *
 * periods.c
 *		Which periods does a series have, and how strong are they?
 *
 * After AUTOPERIOD (Vlachos, Yu & Castelli 2005, "On periodicity detection
 * and structural periodic similarity"): peaks of the periodogram propose
 * periods, the autocorrelation confirms them.  What is added makes it hold
 * on operations data:
 *
 *	- each candidate P is judged on the series less its moving mean over P
 *	  points, with wild values clipped: trend, slower seasons and level
 *	  shifts are gone whatever they are, and a random walk has nothing left;
 *	- calendar candidates (an hour, a day, a week; a year of months) are
 *	  always judged, and a candidate next to one is taken for it;
 *	- the strength is the autocorrelation at P, confirmed at 2 P; it must
 *	  exceed a bar that rises as the series has fewer cycles;
 *	- a divisor of P that does as well as P is the period; a multiple of a
 *	  period found before must stand out from the multiples between;
 *	- a period found is removed as the local mean of each phase and the
 *	  search starts again; at the end each is tried anew on the series
 *	  without the others.
 *
 * Long series are searched twice: their newest points in full resolution,
 * and the whole in averages for long periods.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_elementary.h"
#include "math/ad_fft.h"
#include "series/ad_periods.h"
#include "series/ad_smoother.h"

#define MAX_FOUND		3		/* periods of one search */
#define MAX_CALENDAR	4
#define BY_SCORE		12		/* spectral peaks over their surroundings */
#define BY_POWER		6		/* spectral peaks by power */
#define MAX_CANDIDATES	(MAX_CALENDAR + BY_SCORE + BY_POWER)
#define MAX_TRIED		(3 * MAX_CANDIDATES)
#define LONGEST			((Size) 32768)	/* points of one search */
#define FINE_LIMIT		((Size) 4096)	/* longer periods: coarse search */
#define BAR				0.45	/* least strength with endless cycles */
#define BAR_CYCLES		1.3		/* and more with few: this / cycles */
#define AS_GOOD			0.93	/* a divisor that does as well */
#define AS_GOOD_CALENDAR 0.85	/* and if it is a calendar one */
#define SIDE_CYCLES		9		/* cycles to each side of a phase's mean */

/* One candidate that was judged. */
typedef struct Judged
{
	Size		period;
	double		strength;		/* confirmed at twice the period */
	double		at;				/* autocorrelation at the period */
	int			multiple;		/* of a spectral peak's period; 1: itself */
	double	   *acf;			/* of the series detrended for it, n lags */
} Judged;

/* A search over one series. */
typedef struct Search
{
	Size		n;
	const bool *present;		/* points with a value */
	Size		calendar[MAX_CALENDAR];
	int			ncalendar;
	AdFft		fft;
	double	   *re;				/* scratch, length of the transform */
	double	   *im;
	double	   *x;				/* scratch, n */
	double	   *tmp;			/* scratch, n */
	double	   *sums;			/* scratch, n + 1 */
	uint32	   *counts;			/* scratch, n + 1 */
} Search;

/* Clip present values to so many deviations around their median. */
static void
clip(Search *s, double *x, double k)
{
	Size		m = 0;
	double		center,
				scale;

	for (Size i = 0; i < s->n; i++)
		if (s->present[i])
			s->tmp[m++] = x[i];
	if (m == 0)
		return;
	center = ad_series_median(s->tmp, m);
	m = 0;
	for (Size i = 0; i < s->n; i++)
		if (s->present[i])
			s->tmp[m++] = fabs(x[i] - center);
	scale = 1.4826 * ad_series_median(s->tmp, m);
	if (scale <= 0)
	{
		double		sum = 0;

		for (Size i = 0; i < s->n; i++)
			if (s->present[i])
				sum += (x[i] - center) * (x[i] - center);
		scale = sqrt(sum / (double) m);
	}
	for (Size i = 0; i < s->n; i++)
		if (s->present[i])
			x[i] = Min(Max(x[i], center - k * scale), center + k * scale);
}

/* out = mean of the present values within width / 2 points. */
static void
moving_mean(Search *s, const double *y, Size width, double *out)
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

/* s->x = y less its moving mean over the period, clipped; 0 where missing. */
static void
detrend(Search *s, const double *y, Size period)
{
	moving_mean(s, y, period | 1, s->x);
	for (Size i = 0; i < s->n; i++)
		s->x[i] = s->present[i] ? y[i] - s->x[i] : 0;
	clip(s, s->x, 3);
}

/* Autocorrelation of s->x over the pairs that are present, n lags. */
static void
autocorrelation(Search *s, double *r)
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
	first = s->re[0] / Max(s->im[0], 1e-300);
	for (Size i = 0; i < n; i++)
	{
		double		pairs = s->im[i] / (double) nn;

		r[i] = pairs > 0.5 && first > 0 ? s->re[i] / s->im[i] / first : 0;
	}
}

/* The calendar period near a lag, or the lag itself. */
static Size
snap(const Search *s, Size lag)
{
	for (int c = 0; c < s->ncalendar; c++)
		if (fabs((double) lag - (double) s->calendar[c]) <=
			Max(1.0, 0.02 * (double) s->calendar[c]) &&
			2 * s->calendar[c] <= s->n)
			return s->calendar[c];
	return lag;
}

/* Is it a calendar period? */
static bool
is_calendar(const Search *s, Size period)
{
	for (int c = 0; c < s->ncalendar; c++)
		if (s->calendar[c] == period)
			return true;
	return false;
}

/*
 * The lag of the strongest autocorrelation within spread of a period, with
 * the multiples' help; r is filled for the series detrended for it.  0 if
 * there is no such lag.
 */
static Size
best_lag(Search *s, const double *y, double period, double spread, double *r)
{
	Size		n = s->n;
	double		lo = Max(2.0, floor(period - spread));
	double		hi = Min(ceil(period + spread), (double) (n / 2));
	Size		lag;

	if (hi < lo)
		return 0;
	detrend(s, y, (Size) rint(period));
	autocorrelation(s, r);
	lag = (Size) lo;
	for (Size l = (Size) lo; l <= (Size) hi; l++)
		if (r[l] > r[lag])
			lag = l;
	if (spread > 0)
	{
		int			multiples = (int) Max(1.0, Min(6.0, 0.6 * (double) n / (double) lag));
		double		width = Max(1.0, 0.05 * (double) lag);
		double		best = -INFINITY;
		double		from = 0,
					to = 0;

		for (double g = Max(2.0, (double) lag - width);
			 g <= Min((double) lag + width, (double) (n / 2)) + 0.01;
			 g += 0.25)
		{
			double		sum = 0;

			for (int m = 1; m <= multiples; m++)
				sum += r[Min((Size) rint(m * g), n - 1)];
			if (sum > best + 1e-12)
			{
				best = sum;
				from = to = g;
			}
			else if (sum > best - 1e-12)
				to = g;
		}
		lag = (Size) rint((from + to) / 2);
	}
	return lag;
}

/* The least strength of a period: more with fewer cycles. */
static double
bar(const Search *s, Size period)
{
	return BAR + BAR_CYCLES * (double) period / (double) s->n;
}

/*
 * Judge a lag by its autocorrelation.  False if it is no peak at all, or
 * only one among the equal multiples of a period found before.
 */
static bool
judge(const Search *s, const double *r, Size lag, const Size *found,
	  int nfound, Judged *out)
{
	Size		q = Max(lag / 4, 1);
	double		left = lag > 1 ? INFINITY : -1;
	double		right = INFINITY;

	if (lag < 2 || lag >= s->n)
		return false;
	for (Size l = lag > q ? lag - q : 1; l < lag; l++)
		left = Min(left, r[l]);
	for (Size l = lag + 1; l < Min(lag + q + 1, s->n); l++)
		right = Min(right, r[l]);
	if (isinf(right))
		right = -1;
	if (r[lag] - Max(left, right) < 0.05)
		return false;

	for (int f = 0; f < nfound; f++)
	{
		Size		k = (Size) rint((double) lag / (double) found[f]);
		double		least = INFINITY;

		if (found[f] == lag)
			return false;
		if (k < 2 || fabs((double) lag - (double) (k * found[f])) >
			Max(1.0, 0.02 * (double) lag))
			continue;
		for (Size j = 1; j < k; j++)
			if (4 * j * found[f] >= lag && 4 * j * found[f] <= 3 * lag)
				least = Min(least, r[j * found[f]]);
		if (r[lag] - least < 0.15)
			return false;
	}

	out->period = lag;
	out->at = r[lag];
	out->strength = r[lag];
	if (10 * 2 * lag < 7 * s->n)
	{
		double		twice = Max(Max(r[2 * lag - 1], r[2 * lag]), r[2 * lag + 1]);

		out->strength = Min(r[lag], twice + 0.1);
	}
	return true;
}

/* A spectral peak. */
typedef struct Peak
{
	Size		k;				/* frequency, in transform steps */
	double		power;
	double		score;			/* power over its surroundings' median */
} Peak;

/* Highest score first, for qsort. */
static int
by_score(const void *a, const void *b)
{
	double		x = ((const Peak *) a)->score;
	double		y = ((const Peak *) b)->score;

	return (x < y) - (x > y);
}

/* Highest power first, for qsort. */
static int
by_power(const void *a, const void *b)
{
	double		x = ((const Peak *) a)->power;
	double		y = ((const Peak *) b)->power;

	return (x < y) - (x > y);
}

/*
 * Periods proposed by the periodogram, with their uncertainty; returns
 * their number, at most BY_SCORE + BY_POWER.
 */
static int
propose(Search *s, const double *y, double *period, double *spread)
{
	Size		n = s->n;
	Size		nn = s->fft.n;
	double		st = 0,
				sy = 0,
				stt = 0,
				sty = 0,
				m = 0,
				slope,
				level;
	Peak	   *peaks = ad_palloc_array(Peak, nn / 4 + 2);
	double	   *power = ad_palloc_array(double, nn / 2 + 1);
	double	   *group = ad_palloc_array(double, nn / 2 + 1);
	Size		npeaks = 0;
	Size		kmin = (2 * nn + n - 1) / n;
	int			count = 0;

	for (Size i = 0; i < n; i++)
		if (s->present[i])
		{
			m += 1;
			st += (double) i;
			sy += y[i];
			stt += (double) i * (double) i;
			sty += (double) i * y[i];
		}
	slope = m * stt - st * st > 0 ? (m * sty - st * sy) / (m * stt - st * st) : 0;
	level = (sy - slope * st) / Max(m, 1);
	/* a Hann window, its cosine by rotation */
	{
		double		c,
					sn,
					cs,
					ss;

		ad_sincos_turn(0.5 / (double) n, &sn, &c);
		ad_sincos_turn(1.0 / (double) n, &ss, &cs);
		for (Size i = 0; i < nn; i++)
		{
			double		next;

			s->re[i] = s->im[i] = 0;
			if (i >= n)
				continue;
			if (s->present[i])
				s->re[i] = (y[i] - level - slope * (double) i) * (0.5 - 0.5 * c);
			next = c * cs - sn * ss;
			sn = sn * cs + c * ss;
			c = next;
		}
	}
	ad_fft_forward(&s->fft, s->re, s->im);
	for (Size k = 0; k <= nn / 2; k++)
		power[k] = s->re[k] * s->re[k] + s->im[k] * s->im[k];

	/* peaks, group by group of neighbouring frequencies */
	for (Size from = kmin; from < nn / 2;)
	{
		Size		to = Min(Max(from + 8, from + from / 4), nn / 2);
		double		middle;

		memcpy(group, power + from, (to - from) * sizeof(double));
		middle = ad_series_median(group, to - from);
		for (Size k = from; k < to; k++)
			if (power[k] >= power[k - 1] && power[k] > power[k + 1])
			{
				peaks[npeaks].k = k;
				peaks[npeaks].power = power[k];
				peaks[npeaks].score = power[k] / Max(middle, 1e-300);
				npeaks++;
			}
		from = to;
	}
	for (int round = 0; round < 2; round++)
	{
		int			limit = round == 0 ? BY_SCORE : BY_POWER;

		qsort(peaks, npeaks, sizeof(Peak), round == 0 ? by_score : by_power);
		for (Size i = 0; i < npeaks && i < (Size) limit; i++)
		{
			double		p = (double) nn / (double) peaks[i].k;
			bool		known = false;

			for (int j = 0; j < count && !known; j++)
				known = (period[j] == p);
			if (known || 2 * p > (double) n)
				continue;
			period[count] = p;
			spread[count] = p / (double) peaks[i].k + 1;
			count++;
		}
	}
	pfree(peaks);
	pfree(power);
	pfree(group);
	return count;
}

/* Energy of the phase means of s->x folded at a period. */
static double
fold_energy(const Search *s, Size period)
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

/* Is the period among those found? */
static bool
among(const Size *found, int nfound, Size period)
{
	for (int f = 0; f < nfound; f++)
		if (found[f] == period)
			return true;
	return false;
}

/*
 * The one period of y that explains it best, 0 if there is none; "found"
 * are those removed before, "limit" (if not 0) the longest to look for.
 */
static Size
pick(Search *s, const double *y, const Size *found, int nfound, Size limit,
	 double *strength)
{
	MemoryContext mcxt = AllocSetContextCreate(CurrentMemoryContext,
											   "anomaly periods",
											   ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(mcxt);
	Judged		tried[MAX_TRIED];
	int			ntried = 0;
	double		period[MAX_CANDIDATES];
	double		spread[MAX_CANDIDATES];
	int			ncand = 0;
	int			best = -1;
	Size		result = 0;
	double		longest = limit > 0 ? 1.06 * (double) limit : (double) s->n;

	for (int c = 0; c < s->ncalendar; c++)
	{
		period[ncand] = (double) s->calendar[c];
		spread[ncand++] = 0;
	}
	ncand += propose(s, y, period + ncand, spread + ncand);

	for (int multiple = 1; multiple <= 3 && best < 0; multiple++)
	{
		for (int c = 0; c < ncand; c++)
		{
			double		p = period[c] * multiple;
			double	   *r;
			Size		lag;
			Size		snapped;
			bool		known = false;

			if (p > longest || p < 3 || 2 * p > (double) s->n ||
				(multiple > 1 && 3 * p > (double) s->n))
				continue;
			CHECK_FOR_INTERRUPTS();
			r = ad_palloc_array(double, s->n);
			lag = best_lag(s, y, p, spread[c] * multiple, r);
			snapped = lag > 0 ? snap(s, lag) : 0;
			if (snapped != lag)
				lag = best_lag(s, y, (double) snapped, 0, r);
			for (int t = 0; t < ntried && !known; t++)
				known = (tried[t].period == lag);
			if (lag == 0 || known ||
				!judge(s, r, lag, found, nfound, &tried[ntried]))
			{
				pfree(r);
				continue;
			}
			tried[ntried].multiple = multiple;
			tried[ntried++].acf = r;
		}
		for (int t = 0; t < ntried; t++)
		{
			double		weight = tried[t].strength *
				(is_calendar(s, tried[t].period) ? 1.02 : 1.0);

			if (tried[t].multiple == multiple &&
				tried[t].strength >= bar(s, tried[t].period) &&
				(best < 0 || weight > tried[best].strength *
				 (is_calendar(s, tried[best].period) ? 1.02 : 1.0)))
				best = t;
		}
	}

	if (best >= 0 && tried[best].multiple > 1)
	{
		/* a common multiple of two: take the stronger of them, if any */
		Size		whole = tried[best].period;
		int			part = -1;

		for (int t = 0; t < ntried; t++)
		{
			Size		d = tried[t].period;
			double		k = rint((double) whole / (double) d);

			if (tried[t].multiple == 1 && 10 * d < 7 * whole &&
				tried[t].strength >= 0.6 * bar(s, d) &&
				fabs((double) whole - k * (double) d) <=
				Max(2.0, 0.03 * (double) whole) &&
				(part < 0 || tried[t].strength > tried[part].strength))
				part = t;
		}
		if (part >= 0)
			best = part;
	}
	if (best >= 0)
	{
		Size		whole = tried[best].period;
		int			chosen = best;

		/* the shortest divisor that does about as well */
		for (int t = 0; t < ntried; t++)
		{
			Size		d = tried[t].period;
			double		k = rint((double) whole / (double) d);
			const double *r = tried[t].acf;
			double		far = Max(Max(r[whole - 1], r[whole]), r[whole + 1]);

			if (d < tried[chosen].period && k >= 2 &&
				tried[t].strength >= bar(s, d) &&
				fabs((double) whole - k * (double) d) <=
				Max(1.0, 0.02 * (double) whole) &&
				tried[t].at >= far * (is_calendar(s, d) ?
									  AS_GOOD_CALENDAR : AS_GOOD))
				chosen = t;
		}
		result = tried[chosen].period;
		*strength = tried[chosen].strength;
		if (chosen == best && !is_calendar(s, whole))
		{
			double	   *r = ad_palloc_array(double, s->n);

			/* a divisor that the spectrum did not propose */
			for (int k = 5; k >= 2; k--)
			{
				double		d = (double) whole / k;
				double		far;
				Size		lag;

				if (rint(d) < 3)
					continue;
				lag = best_lag(s, y, d, 1, r);
				if (lag < 3 || among(found, nfound, lag))
					continue;
				far = Max(Max(r[whole - 1], r[whole]), r[whole + 1]);
				if (r[lag] >= AS_GOOD * far && r[lag] >= bar(s, lag))
				{
					result = lag;
					*strength = r[lag];
					break;
				}
			}
		}
		if (!is_calendar(s, result) && result > 20)
		{
			/* the exact length: whose phase means hold most energy */
			Size		width = Max((Size) (0.04 * (double) result), 1);
			Size		center = result;
			double		most = -1;

			detrend(s, y, center);
			for (Size q = center - width; q <= center + width; q++)
			{
				double		energy;

				CHECK_FOR_INTERRUPTS();
				if (2 * q > s->n || among(found, nfound, q))
					continue;
				energy = fold_energy(s, q);
				if (energy > most)
				{
					most = energy;
					result = q;
				}
			}
		}
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(mcxt);
	return result;
}

/* season = local mean of each phase of y, less its moving mean. */
static void
phase_means(Search *s, const double *y, Size period, double *season)
{
	Size		n = s->n;
	Size		side = SIDE_CYCLES * period;

	detrend(s, y, period);
	for (Size p = 0; p < period && p < n; p++)
	{
		double		sum = 0;
		double		m = 0;
		Size		next = p;

		for (Size i = p; i < n; i += period)
		{
			for (; next < n && next <= i + side; next += period)
				if (s->present[next])
				{
					sum += s->x[next];
					m += 1;
				}
			if (i > side + p && i - side >= period && s->present[i - side - period])
			{
				sum -= s->x[i - side - period];
				m -= 1;
			}
			season[i] = m > 0 ? sum / m : 0;
		}
	}
}

/*
 * Search n <= LONGEST points (NaN: missing) for periods in order of
 * finding; returns their number, at most MAX_FOUND.
 */
static int
search(const double *values, Size n, const Size *calendar, int ncalendar,
	   Size *found, double *strength)
{
	Search		s;
	bool	   *present = ad_palloc_array(bool, n);
	double	   *rest = ad_palloc_array(double, n);
	double	   *level = ad_palloc_array(double, n);
	double	   *seasons[MAX_FOUND];
	int			count = 0;
	Size		npresent = 0;
	Size		nn = 16;

	if (n < 8)
		return 0;
	memset(&s, 0, sizeof(s));
	for (Size i = 0; i < n; i++)
	{
		present[i] = isfinite(values[i]);
		rest[i] = present[i] ? values[i] : 0;
		npresent += present[i];
	}
	if (npresent < 8)
		return 0;
	s.n = n;
	s.present = present;
	while (nn < 2 * n)
		nn *= 2;
	ad_fft_init(&s.fft, nn);
	s.re = ad_palloc_array(double, nn);
	s.im = ad_palloc_array(double, nn);
	s.x = ad_palloc_array(double, n);
	s.tmp = ad_palloc_array(double, n);
	s.sums = ad_palloc_array(double, n + 1);
	s.counts = ad_palloc_array(uint32, n + 1);
	for (int c = 0; c < ncalendar; c++)
		if (calendar[c] >= 4 && 2 * calendar[c] <= n)
			s.calendar[s.ncalendar++] = calendar[c];

	/* clip wild values about the local level */
	memcpy(s.x, rest, n * sizeof(double));
	clip(&s, s.x, 4);
	moving_mean(&s, s.x, Max(n / 20, 5) | 1, level);
	for (Size i = 0; i < n; i++)
		rest[i] = present[i] ? rest[i] - level[i] : 0;
	clip(&s, rest, 5);
	for (Size i = 0; i < n; i++)
		rest[i] = present[i] ? rest[i] + level[i] : 0;

	while (count < MAX_FOUND)
	{
		Size		p = pick(&s, rest, found, count, 0, &strength[count]);

		if (p == 0)
			break;
		seasons[count] = ad_palloc_array(double, n);
		phase_means(&s, rest, p, seasons[count]);
		for (Size i = 0; i < n; i++)
			rest[i] -= seasons[count][i];
		found[count++] = p;
	}
	if (count > 1)
		for (int round = 0; round < 2; round++)
			for (int j = 0; j < count;)
			{
				Size		others[MAX_FOUND];
				int			nothers = 0;
				Size		p;

				for (int i = 0; i < count; i++)
					if (i != j)
						others[nothers++] = found[i];
				for (Size i = 0; i < n; i++)
					rest[i] += seasons[j][i];
				p = pick(&s, rest, others, nothers, found[j], &strength[j]);
				if (p == 0)
				{
					count--;
					for (int i = j; i < count; i++)
					{
						found[i] = found[i + 1];
						strength[i] = strength[i + 1];
						seasons[i] = seasons[i + 1];
					}
					continue;
				}
				found[j] = p;
				phase_means(&s, rest, p, seasons[j]);
				for (Size i = 0; i < n; i++)
					rest[i] -= seasons[j][i];
				j++;
			}
	return count;
}

/*
 * Find the periods of n points (NaN: missing).  step: microseconds of a
 * step, or 0; months: calendar months of a step, or 0.  Fills period and
 * strength (room for AD_SERIES_MAX_SEASONS) strongest first; returns their
 * number.
 */
int
ad_periods_find(const double *y, Size n, int64 step, int months,
				Size *period, double *strength)
{
	MemoryContext mcxt = AllocSetContextCreate(CurrentMemoryContext,
											   "anomaly period search",
											   ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(mcxt);
	static const int64 spans[] = {
		INT64CONST(3600000000), INT64CONST(86400000000),
		INT64CONST(604800000000)
	};
	Size		calendar[MAX_CALENDAR];
	int			ncalendar = 0;
	int			count;
	Size		m = Min(n, LONGEST);

	if (months > 0 && 12 % months == 0 && 12 / months >= 4)
		calendar[ncalendar++] = 12 / (Size) months;
	else if (months == 0 && step > 0)
		for (int i = 0; i < (int) lengthof(spans); i++)
		{
			double		exact = (double) spans[i] / (double) step;

			if (exact >= 3.9 && exact <= (double) n &&
				fabs(exact - rint(exact)) <= 0.1)
				calendar[ncalendar++] = (Size) rint(exact);
		}

	count = search(y + (n - m), m, calendar, ncalendar, period, strength);
	if (n > LONGEST)
	{
		Size		q = (n + LONGEST - 1) / LONGEST;
		Size		nc = n / q;
		double	   *coarse = ad_palloc_array(double, nc);
		Size		ccal[MAX_CALENDAR];
		int			nccal = 0;
		Size		cp[MAX_FOUND];
		double		cs[MAX_FOUND];
		int			found;

		for (Size i = 0; i < nc; i++)
		{
			double		sum = 0;
			Size		k = 0;

			for (Size j = 0; j < q; j++)
				if (isfinite(y[i * q + j]))
				{
					sum += y[i * q + j];
					k++;
				}
			coarse[i] = k > 0 ? sum / (double) k : NAN;
		}
		for (int c = 0; c < ncalendar; c++)
			if (calendar[c] % q == 0)
				ccal[nccal++] = calendar[c] / q;
		found = search(coarse, nc, ccal, nccal, cp, cs);
		for (int i = 0; i < found && count < AD_SERIES_MAX_SEASONS; i++)
		{
			Size		p = cp[i] * q;

			for (int c = 0; c < ncalendar; c++)
				if (fabs((double) p - (double) calendar[c]) <= (double) q)
					p = calendar[c];
			if (p > FINE_LIMIT && !among(period, count, p))
			{
				period[count] = p;
				strength[count++] = cs[i];
			}
		}
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(mcxt);

	/* pairs at the lag may vary a little more than all points do */
	for (int i = 0; i < count; i++)
		strength[i] = Min(strength[i], 1.0);
	for (int i = 1; i < count; i++)
		for (int j = i; j > 0 && strength[j - 1] < strength[j]; j--)
		{
			Size		t = period[j];
			double		u = strength[j];

			period[j] = period[j - 1];
			strength[j] = strength[j - 1];
			period[j - 1] = t;
			strength[j - 1] = u;
		}
	return count;
}

/* The periods to decompose with, ascending; returns their number. */
int
ad_periods_auto(const double *y, Size n, int64 step, int months, Size *periods)
{
	double		strength[AD_SERIES_MAX_SEASONS];
	int			count = ad_periods_find(y, n, step, months, periods, strength);

	return ad_periods_sort(periods, count);
}

/* Sort ascending and drop repeats; returns how many are left. */
int
ad_periods_sort(Size *periods, int n)
{
	int			m = 0;

	for (int i = 1; i < n; i++)
		for (int j = i; j > 0 && periods[j - 1] > periods[j]; j--)
		{
			Size		t = periods[j];

			periods[j] = periods[j - 1];
			periods[j - 1] = t;
		}
	for (int i = 0; i < n; i++)
		if (m == 0 || periods[i] != periods[m - 1])
			periods[m++] = periods[i];
	return m;
}
