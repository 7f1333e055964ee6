/*-------------------------------------------------------------------------
 *
 * beyond.c
 *		Values beyond all that a fit saw.
 *
 * Words tell of them whatever the score (words.c).  With
 * ad_prepare(beyond_range => true) they count in the score too, under every
 * detector alike:
 *
 *		score = the detector's + unit * sum over numbers of max(0, d / s - 1)
 *
 * d is the distance of the value from the range that it is outside of, s its
 * standard deviation, the unit the width of the scores of rows of the fit.
 * The sum is 0 for every row of the fit; at two standard deviations beyond it
 * adds as much as lies between the least and the most anomalous of those.  A
 * number that was constant has no s: any other value counts 1, and what it
 * differs by, relative to the constant or to 1, if that is more; or nothing
 * (ad_auto), so that which constant it is changes no score.
 *
 * The range is that of what a fit was made on: of rows that calibration holds
 * out the scores have terms of their own, as those of later rows have, so
 * p-values stay valid.  Rows that are not in a sketch's sample count in, since
 * its tails have them; those held out are taken out of the tails.
 *
 *-------------------------------------------------------------------------
 */
#include "math/ad_math.h"
#include "math/ad_spread.h"
#include "model/ad_beyond.h"

#include "datatype/timestamp.h"
#include <float.h>

#define MAX_TERM	1e290		/* of a feature: nothing beside the greatest
								 * numbers */

/*
 * Return by how much a value of a feature, not a category, lies outside of a
 * range: 0 inside, or beside it by rounding; infinite for an infinite value.
 * Of a time of day it is how long it takes to the nearer end, on the clock.
 * Time moves on, so a timestamp after all others is beyond them only from as
 * long after as the range is.  A range or a value that is NaN: 0.
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
	if (f->class == AD_CLASS_TIMESTAMP && v > high)
		by -= high - low;
	return Max(by, 0);
}

/* What a value outside of a range counts, in units; not below 0. */
static double
units_beyond(const AdModelFeature *f, const AdBeyond *b, double v)
{
	double		by = ad_beyond_by(f, b->low, b->high, v);
	double		bound = v > b->high ? b->high : b->low;

	if (by == 0)
		return 0;
	if (b->spread == 0)
		return 1 + by / Max(fabs(bound), 1);
	/* the difference of two huge numbers may be none */
	if (isinf(by) && !isinf(v))
		return Max(fabs(v / b->spread - bound / b->spread) - 1, 0);
	return Max(by / b->spread - 1, 0);
}

/*
 * Make a range out of what is known; low NaN: nothing.  A deviation of 0 may
 * be that of rounding, which microseconds are not, or of a sample alone.
 */
static void
set_range(AdBeyond *b, const AdModelFeature *f, double low, double high,
		  double sd)
{
	b->low = b->high = b->spread = NAN;
	if (isnan(low))
		return;
	b->low = low;
	b->high = high;
	if (sd == 0)
		sd = (f->class == AD_CLASS_NUMBER ? ad_width(low, high, false) :
			  high - low) / 2;
	b->spread = Min(sd, DBL_MAX);
}

/* The range of n values of a feature. */
static void
range_of(AdBeyond *b, const AdModelFeature *f, const double *v, Size n)
{
	AdSpread	s = {.least = NAN};

	if (n > 0)
		ad_spread(v, n, 1, (double) n, &s);
	set_range(b, f, s.least, s.greatest, s.sd);
}

/* Gather some rows' values of a feature; rows NULL: the first n. */
static Size
gather(const AdView *v, int feature, const Size *rows, Size n, double *out)
{
	Size		found = 0;

	for (Size i = 0; i < n; i++)
	{
		double		x = v->x[(rows ? rows[i] : i) * v->nfeatures + feature];

		AD_CHECK_EVERY_1024(i);
		if (!isnan(x))
			out[found++] = x;
	}
	return found;
}

/*
 * Return the most extreme of a tail's values that is beyond a bound and is not
 * one of n others; all of both are beyond every other value there is.  Else
 * the bound.  sign: 1 for the greatest, -1 for the least.
 */
static double
extreme_but(const AdTail *tail, const double *others, Size n, double bound,
			int sign)
{
	double	   *a = ad_palloc_array(double, tail->n);
	double	   *b = ad_palloc_array(double, n);
	Size		na = 0;
	Size		nb = 0;

	for (int i = 0; i < tail->n; i++)
		if (tail->v[i] * sign > bound * sign)
			a[na++] = tail->v[i] * sign;
	for (Size i = 0; i < n; i++)
		if (others[i] * sign > bound * sign)
			b[nb++] = others[i] * sign;
	ad_sort_doubles(a, na);
	ad_sort_doubles(b, nb);
	while (na > 0 && nb > 0 && a[na - 1] == b[nb - 1])
	{
		na--;
		nb--;
	}
	if (na > 0)
		bound = a[na - 1] * sign;
	pfree(a);
	pfree(b);
	return bound;
}

/* Take the ranges of constants out, where only others count. */
static AdBeyond *
without_constants(const AdModel *m, AdBeyond *ranges)
{
	for (int j = 0; j < m->nfeatures && m->varying_only; j++)
		if (ranges[j].spread == 0)
			ranges[j].low = ranges[j].high = ranges[j].spread = NAN;
	return ranges;
}

/*
 * The ranges of the model's features over all that was seen but for the
 * sample's rows that are not among those given, in ascending order (NULL: all
 * are).  Categories have none.  palloc'd.
 */
AdBeyond *
ad_beyond_ranges(const AdModel *m, const AdView *v, const Size *rows, Size n)
{
	const AdSketch *s = v->sketch;
	AdBeyond   *ranges = ad_palloc_array(AdBeyond, m->nfeatures);
	double	   *x;
	Size	   *others = NULL;
	Size		nothers = v->n - n;

	if (nothers == 0)
	{
		for (int j = 0; j < m->nfeatures; j++)
			set_range(&ranges[j], &m->features[j], v->features[j].min,
					  v->features[j].max, v->features[j].sd);
		return without_constants(m, ranges);
	}
	x = ad_palloc_array(double, v->n);
	if (s->large)
	{
		others = ad_palloc_array(Size, nothers);
		for (Size i = 0, k = 0; i < v->n; i++)
		{
			AD_CHECK_EVERY_1024(i);
			if (k < n && rows[k] == i)
				k++;
			else
				others[i - k] = i;
		}
	}
	for (int j = 0; j < m->nfeatures; j++)
	{
		const AdModelFeature *f = &m->features[j];
		AdBeyond   *b = &ranges[j];
		bool		category = f->class == AD_CLASS_CATEGORY;
		Size		held_out;

		CHECK_FOR_INTERRUPTS();
		range_of(b, f, x, category ? 0 : gather(v, j, rows, n, x));
		/* values so rare that the rows have none have no range */
		if (isnan(b->low) || !s->large)
			continue;
		held_out = gather(v, j, others, nothers, x);
		set_range(b, f, extreme_but(&s->low[j], x, held_out, b->low, -1),
				  extreme_but(&s->high[j], x, held_out, b->high, 1),
				  b->spread);
	}
	pfree(x);
	if (others)
		pfree(others);
	return without_constants(m, ranges);
}

/*
 * Add to the scores of a view's rows, which are those of a fit to all of
 * them, what each counts beyond all others.
 */
void
ad_beyond_left_out(const AdModel *m, const AdView *v, double *scores)
{
	double	   *x = ad_palloc_array(double, v->n);
	double	   *units = ad_palloc0_array(double, v->n);
	double		least = INFINITY;
	double		greatest = -INFINITY;
	double		unit;

	for (int j = 0; j < m->nfeatures; j++)
	{
		const AdModelFeature *f = &m->features[j];
		Size		extremes[2] = {0, 0};
		Size		n = f->class == AD_CLASS_CATEGORY ? 0 :
			gather(v, j, NULL, v->n, x);

		CHECK_FOR_INTERRUPTS();
		for (Size i = 1; i < n; i++)
		{
			if (x[i] < x[extremes[0]])
				extremes[0] = i;
			if (x[i] > x[extremes[1]])
				extremes[1] = i;
		}
		for (int k = 0; k < 2 && n > 1; k++)
		{
			double		value = x[extremes[k]];
			AdBeyond	b;
			Size		at = 0;

			x[extremes[k]] = x[n - 1];
			range_of(&b, f, x, n - 1);
			x[extremes[k]] = value;
			if (!(units_beyond(f, &b, value) > 0) ||
				(m->varying_only && b.spread == 0))
				continue;
			/* it is the only one of its value */
			while (v->x[at * v->nfeatures + j] != value)
				at++;
			units[at] += units_beyond(f, &b, value);
		}
	}
	for (Size i = 0; i < v->n; i++)
	{
		if (scores[i] >= AD_INFINITE_SCORE)
			continue;
		least = Min(least, scores[i]);
		greatest = Max(greatest, scores[i]);
	}
	unit = least <= greatest ? ad_beyond_unit(least, greatest) : 1;
	for (Size i = 0; i < v->n; i++)
		scores[i] = Min(scores[i] + Min(unit * units[i], MAX_TERM), DBL_MAX);
	pfree(x);
	pfree(units);
}

/* The unit of terms, where rows of the fit have these scores. */
double
ad_beyond_unit(double least, double greatest)
{
	double		width = ad_width(least, greatest, false);

	return width > 0 ? Min(width, DBL_MAX) : Max(fabs(greatest), 1);
}

/*
 * Return what a raw row's values beyond ranges add to its score, and fill in
 * what each feature's does, unless terms is NULL.  Finite, not below 0.
 */
double
ad_beyond_terms(const AdModel *m, const AdBeyond *ranges, double unit,
				const double *raw, double *terms)
{
	double		sum = 0;

	for (int j = 0; j < m->nfeatures; j++)
	{
		double		term = 0;

		if (unlikely(raw[j] > ranges[j].high || raw[j] < ranges[j].low))
			term = Min(unit * units_beyond(&m->features[j], &ranges[j],
										   raw[j]), MAX_TERM);
		sum += term;
		if (terms)
			terms[j] = term;
	}
	return sum;
}

/* The score of a row under a model whose values beyond its ranges count. */
double
ad_beyond_score(AdModel *m, const double *raw)
{
	double		score = ad_model_own_score(m, raw);
	double		term = ad_beyond_terms(m, m->beyond, m->beyond_unit, raw, NULL);

	/* what has no term scores as without them */
	return term > 0 ? Min(score + term, DBL_MAX) : score;
}
