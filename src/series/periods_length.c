/*-------------------------------------------------------------------------
 *
 * periods_length.c
 *		Finding periods: the exact length, and a season inside a season.
 *
 * Folding tells lengths apart by whole points only, and of few cycles badly:
 * next to 365 days of four years, 362 is about as good.  The phases of the
 * season's harmonics over the whole series tell much more (the error of a
 * frequency falls with the 3/2th power of the length), so a length found by
 * folding is moved to where its strongest harmonics hold most energy.
 *
 * Of few cycles trend and season are not independent, so harmonics and a
 * quadratic trend are fitted together by least squares; of many, each
 * harmonic's energy is enough.
 *
 * A day inside a week repeats weekly too, and the week is found first.  The
 * day shows as a harmonic that towers over those next to it.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_elementary.h"
#include "math/ad_linalg.h"
#include "series/ad_periods_search.h"

/* Harmonics that the length is fitted by: so many of the first. */
#define HARMONICS		12
#define FITTED			6
#define HARMONIC_NOISE	6		/* times the noise's energy: one that matters */
#define LENGTH_CLIP		5
#define FEW_CLIP		6
#define FEW_CYCLES		12		/* fewer: with a trend, by least squares */
#define TRENDS			3		/* level, slope and bend */
#define PER_CYCLE		200		/* points of a cycle that are enough */
#define EXACT_TERMS		1e-12	/* of the energy: the least noise */

/*
 * The length is looked for within so many times P^2 / n, about what a step of
 * frequency is, at least two points, at most a share of the length; first
 * roughly, then between two rough steps.
 */
#define REACH			1.5
#define REACH_POINTS	2.0
#define REACH_SHARE		0.08
#define ROUGH_STEPS		24		/* to each side */
#define FINE_STEPS		10
#define SURE_REACH		0.3		/* points: folding is exact by itself */

/*
 * A season inside a season: its harmonic stands out so many times of all
 * within a factor of two, and its phases hold this share of the variance; one
 * that stands out far needs less.  A day of a year is the 365th harmonic;
 * more are not looked at.
 */
#define INSIDE_ABOVE	4
#define INSIDE_SHARE	0.15
#define INSIDE_FAR		25
#define INSIDE_LEAST	0.02
#define INSIDE_MOST		400

/* Harmonics to find the length by, and the series in means of a few points. */
typedef struct Length
{
	int			harmonic[FITTED];
	int			nharmonics;
	bool		few;			/* cycles */
	Size		n;				/* means */
	Size		width;			/* points of a mean */
	double	   *value;
	double	   *weight;			/* points present */
} Length;

/* Turn the last fold's sums into means less their mean; return how many
 * points a phase has. */
static double
make_profile(AdPeriodSearch *s, Size period)
{
	double		mean = 0;
	double		points = 0;

	for (Size p = 0; p < period; p++)
	{
		s->sum[p] /= Max(s->count[p], 1);
		mean += s->sum[p];
		points += s->count[p];
	}
	mean /= (double) period;
	for (Size p = 0; p < period; p++)
		s->sum[p] -= mean;
	return points / (double) period;
}

/* Set power[k] to that of a profile's harmonic, for k in 1 .. most. */
static void
harmonic_power(const double *profile, Size period, Size most, double *power)
{
	double	   *cosine = ad_palloc_array(double, period);
	double	   *sine = ad_palloc_array(double, period);

	for (Size p = 0; p < period; p++)
		ad_sincos_turn((double) p / (double) period, &sine[p], &cosine[p]);
	for (Size k = 1; k <= most; k++)
	{
		double		re = 0;
		double		im = 0;

		CHECK_FOR_INTERRUPTS();
		for (Size p = 0, at = 0; p < period; p++)
		{
			re += profile[p] * cosine[at];
			im += profile[p] * sine[at];
			at += k;
			if (at >= period)
				at -= period;
		}
		power[k] = re * re + im * im;
	}
	pfree(cosine);
	pfree(sine);
}

/* Return the part of a profile's variance that its mean cycle of "part" has. */
static double
share_of(const double *profile, Size period, Size part)
{
	double		whole = 0;
	double		mean = 0;
	Size		cycles = period / part;

	for (Size p = 0; p < period; p++)
		whole += profile[p] * profile[p];
	for (Size p = 0; p < part; p++)
	{
		double		sum = 0;

		for (Size c = 0; c < cycles; c++)
			sum += profile[p + c * part];
		mean += sum * sum / (double) cycles;
	}
	return whole > 0 ? mean / whole : 0;
}

/* Does harmonic k tower so many times over all others within a factor of 2? */
static bool
stands_out(const double *power, Size most, Size k, double times)
{
	for (Size j = (k + 1) / 2; j <= Min(2 * k, most); j++)
		if (j % k != 0 && power[k] <= times * power[j])
			return false;
	return true;
}

/*
 * Return the strongest season that repeats inside a period and stands out of
 * it by itself; 0: none.
 */
Size
ad_periods_inside(AdPeriodSearch *s, Size period, const AdPeriodsFound *found)
{
	Size		most = Min(period / 2, 2 * INSIDE_MOST);
	double	   *power = ad_palloc_array(double, most + 1);
	double	   *profile = ad_palloc_array(double, period);
	double		strongest = -1;
	Size		result = 0;

	ad_periods_detrend(s, period, AD_PERIODS_CLIP);
	(void) ad_periods_fold(s, false, period);
	(void) make_profile(s, period);
	memcpy(profile, s->sum, period * sizeof(double));
	harmonic_power(profile, period, most, power);
	for (Size k = 3; k <= Min(period / 3, INSIDE_MOST) && k < most; k++)
	{
		Size		part = period / k;
		double		share;
		AdPeriodFit fit;

		if (period % k != 0 || ad_periods_among(found, part))
			continue;
		share = share_of(profile, period, part);
		if (share <= INSIDE_LEAST ||
			!stands_out(power, most, k,
						share > INSIDE_SHARE ? INSIDE_ABOVE : INSIDE_FAR))
			continue;
		fit = ad_periods_fit(s, part, false);
		if (fit.strength >= ad_periods_bar(part, fit.cycles) &&
			fit.strength > strongest)
		{
			strongest = fit.strength;
			result = part;
		}
	}
	pfree(power);
	pfree(profile);
	return result;
}

/* Choose the harmonics of a period that matter, strongest first. */
static void
choose_harmonics(AdPeriodSearch *s, Size period, Length *l)
{
	double		power[HARMONICS + 1];
	Size		most = Min(period / 2, HARMONICS);
	double		within = 0;
	double		square = 0;
	double		points;
	double		noise;

	ad_periods_detrend(s, period, LENGTH_CLIP);
	(void) ad_periods_fold(s, false, period);
	for (Size p = 0; p < period; p++)
	{
		square += s->square[p];
		within += s->square[p] - s->sum[p] * s->sum[p] / Max(s->count[p], 1);
	}
	points = make_profile(s, period);
	noise = Max(within / Max((points - 1) * (double) period, 1),
				EXACT_TERMS * square / Max(points * (double) period, 1));
	harmonic_power(s->sum, period, most, power);
	l->nharmonics = 0;
	while (l->nharmonics < FITTED)
	{
		Size		best = 0;

		for (Size k = 1; k <= most; k++)
			if (power[k] * points / (double) period > HARMONIC_NOISE * noise &&
				(best == 0 || power[k] > power[best]))
				best = k;
		if (best == 0)
			break;
		l->harmonic[l->nharmonics++] = (int) best;
		power[best] = -1;
	}
	if (l->nharmonics == 0)
		l->harmonic[l->nharmonics++] = 1;
}

/* Fill in the means of a few points each that the length is fitted to. */
static void
make_means(AdPeriodSearch *s, Size period, Length *l)
{
	l->few = s->n / period < FEW_CYCLES;
	if (l->few)
	{
		memcpy(s->x, s->y, s->n * sizeof(double));
		s->from = 0;
		s->to = s->n;
		ad_periods_clip(s, s->x, 0, s->n, FEW_CLIP);
	}
	else
		ad_periods_detrend(s, period, LENGTH_CLIP);
	l->width = Max(period / PER_CYCLE, 1);
	l->n = s->n / l->width;
	l->value = ad_palloc_array(double, l->n);
	l->weight = ad_palloc_array(double, l->n);
	for (Size i = 0; i < l->n; i++)
	{
		double		sum = 0;
		double		m = 0;

		for (Size j = i * l->width; j < (i + 1) * l->width; j++)
			if (s->present[j] && j >= s->from && j < s->to)
			{
				sum += s->x[j];
				m += 1;
			}
		l->value[i] = m > 0 ? sum / m : 0;
		l->weight[i] = m;
	}
}

/*
 * Set the sine and cosine of each harmonic of a length at the first mean, and
 * those of a step to the next one.
 */
static void
begin_turning(const Length *l, double length, double *first, double *step)
{
	double		turn = (double) l->width / length;

	for (int h = 0; h < l->nharmonics; h++)
	{
		ad_sincos_turn(turn / 2 * l->harmonic[h], &first[2 * h],
					   &first[2 * h + 1]);
		ad_sincos_turn(turn * l->harmonic[h], &step[2 * h], &step[2 * h + 1]);
	}
}

/* Turn sines and cosines by a step each. */
static inline void
turn_on(double *at, const double *step, int n)
{
	for (int h = 0; h < 2 * n; h += 2)
	{
		double		sine = at[h];

		at[h] = sine * step[h + 1] + at[h + 1] * step[h];
		at[h + 1] = at[h + 1] * step[h + 1] - sine * step[h];
	}
}

/*
 * Fit by least squares the trend and, if length is not 0, harmonics of it to
 * the means; return the energy fitted.  Set c to the trend's terms if c is
 * not NULL.
 */
static double
fit_terms(const Length *l, double length, double *c)
{
	double		a[(TRENDS + 2 * FITTED) * (TRENDS + 2 * FITTED)] = {0};
	double		b[TRENDS + 2 * FITTED] = {0};
	double		row[TRENDS + 2 * FITTED];
	double		step[2 * FITTED];
	int			nharmonics = length > 0 ? l->nharmonics : 0;
	int			cols = TRENDS + 2 * nharmonics;
	double		energy = 0;

	if (nharmonics > 0)
		begin_turning(l, length, row + TRENDS, step);
	for (Size i = 0; i < l->n; i++)
	{
		double		t = 2 * ((double) i + 0.5) / (double) l->n - 1;

		row[0] = 1;
		row[1] = t;
		row[2] = t * t - 1.0 / 3;
		if (i > 0)
			turn_on(row + TRENDS, step, nharmonics);
		for (int j = 0; j < cols; j++)
		{
			double		w = l->weight[i] * row[j];

			b[j] += w * l->value[i];
			for (int k = 0; k <= j; k++)
				a[j * cols + k] += w * row[k];
		}
	}
	for (int j = 0; j < cols; j++)
		for (int k = 0; k < j; k++)
			a[k * cols + j] = a[j * cols + k];
	if (!ad_cholesky(a, cols))
		return -1;
	for (int j = 0; j < cols; j++)
	{
		for (int k = 0; k < j; k++)
			b[j] -= a[j * cols + k] * b[k];
		b[j] /= a[j * cols + j];
		energy += b[j] * b[j];
	}
	for (int j = cols - 1; c != NULL && j >= 0; j--)
	{
		for (int k = j + 1; k < cols; k++)
			b[j] -= a[k * cols + j] * b[k];
		b[j] /= a[j * cols + j];
		if (j < TRENDS)
			c[j] = b[j];
	}
	return energy;
}

/* Take the trend out of the means, so that it does not drown the season. */
static void
take_trend(Length *l)
{
	double		c[TRENDS] = {0};

	(void) fit_terms(l, 0, c);
	for (Size i = 0; i < l->n; i++)
	{
		double		t = 2 * ((double) i + 0.5) / (double) l->n - 1;

		l->value[i] -= c[0] + c[1] * t + c[2] * (t * t - 1.0 / 3);
	}
}

/* Return the energy that the harmonics of a length hold in the means. */
static double
energy_at(const Length *l, double length)
{
	double		energy = 0;

	CHECK_FOR_INTERRUPTS();
	if (l->few)
		return fit_terms(l, length, NULL);
	for (int h = 0; h < l->nharmonics; h++)
	{
		double		re = 0;
		double		im = 0;
		double		cosine = 1;
		double		sine = 0;
		double		c;
		double		s;

		ad_sincos_turn(l->harmonic[h] * (double) l->width / length, &s, &c);
		for (Size i = 0; i < l->n; i++)
		{
			double		v = l->weight[i] * l->value[i];
			double		next = cosine * c - sine * s;

			re += v * cosine;
			im += v * sine;
			sine = sine * c + cosine * s;
			cosine = next;
		}
		energy += re * re + im * im;
	}
	return energy;
}

/* Return the length of most energy in steps around a middle. */
static double
best_length(const Length *l, double middle, double step, int steps)
{
	double		best = middle;
	double		highest = energy_at(l, middle);

	for (int i = -steps; i <= steps; i++)
	{
		double		energy = i == 0 ? highest :
			energy_at(l, middle + i * step);

		if (energy > highest)
		{
			highest = energy;
			best = middle + i * step;
		}
	}
	return best;
}

/* Return the whole length next to a period that its harmonics fit best. */
Size
ad_periods_exact_length(AdPeriodSearch *s, Size period)
{
	Length		l;
	double		p = (double) period;
	double		reach = REACH * p * p / (double) s->n;
	double		best;

	if (reach < SURE_REACH)
		return period;
	reach = Min(Max(reach, REACH_POINTS), REACH_SHARE * p);
	choose_harmonics(s, period, &l);
	make_means(s, period, &l);
	if (l.few)
		take_trend(&l);
	best = best_length(&l, p, reach / ROUGH_STEPS, ROUGH_STEPS);
	best = best_length(&l, best, reach / ROUGH_STEPS / FINE_STEPS, FINE_STEPS);
	pfree(l.value);
	pfree(l.weight);
	return (Size) rint(best);
}
