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
 * standard deviation, the unit the width of the scores of rows of the fit.  At
 * two standard deviations beyond, the sum adds as much as lies between the
 * least and the most anomalous of those.  A number that was constant has no s:
 * any other value counts 1, and what it differs by, relative to the constant or
 * to 1, if that is more; or nothing (ad_auto), so that which constant it is
 * changes no score.
 *
 * The range is that of what a fit was made on, but for the least or greatest
 * value if it is farther from the next than all but the two lie apart: one
 * absurd value would hide itself, as each row of the fit would be within the
 * range by nature, and every later one.  What is left out counts in neither
 * the range nor s.  The outermost of usual values, whose tails may be long,
 * are not left out: rows of the fit that have them add nothing.
 *
 * Of rows that calibration holds out the scores have terms of their own, as
 * those of later rows have, so p-values stay valid.  Rows that are not in a
 * sketch's sample count in, since its tails have them; those held out are
 * taken out of the tails.
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
	bool		exact;
	double		by;

	if (!(v > high || v < low))
		return 0;
	if (isinf(v))
		return INFINITY;
	exact = f->class != AD_CLASS_NUMBER ||
		(v == rint(v) && bound == rint(bound));
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
 * Set the spread of a range.  A deviation of 0 may be that of rounding, which
 * microseconds are not, or of a sample alone.
 */
static void
set_spread(AdBeyond *b, const AdModelFeature *f, double sd)
{
	if (sd == 0)
		sd = (f->class == AD_CLASS_NUMBER ?
			  ad_width(b->low, b->high, false) : b->high - b->low) / 2;
	b->spread = Min(sd, DBL_MAX);
}

/* Return the standard deviation of those of n values that are in a range. */
static double
spread_within(double *v, Size n, double low, double high)
{
	AdSpread	s = {.sd = 0};
	Size		found = 0;

	for (Size i = 0; i < n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		if (v[i] >= low && v[i] <= high)
			v[found++] = v[i];
	}
	if (found > 0)
		ad_spread(v, found, 1, (double) found, &s);
	return s.sd;
}

/* The most extreme of values and the next to it, which may be its equal. */
typedef struct Extremes
{
	double		first;
	double		second;
} Extremes;

/*
 * Find them among n > 0 values; of a single one both are that.  sign: 1 for
 * the greatest, -1 for the least.
 */
static Extremes
extremes_of(const double *v, Size n, int sign)
{
	double		first = v[0] * sign;
	double		second = -INFINITY;
	Extremes	e;

	for (Size i = 1; i < n; i++)
	{
		double		x = v[i] * sign;

		AD_CHECK_EVERY_1024(i);
		if (x > second)
		{
			second = Min(x, first);
			first = Max(x, first);
		}
	}
	e.first = first * sign;
	e.second = (n > 1 ? second : first) * sign;
	return e;
}

/* How far two values of a feature lie apart, in either order. */
static double
apart(const AdModelFeature *f, double a, double b)
{
	return ad_width(Min(a, b), Max(a, b), f->class != AD_CLASS_NUMBER);
}

/*
 * The end of a range of n values: the first one, or the second if the first
 * is farther from it than all but the outermost lie apart.  What differs from
 * a constant stays where constants have no range, for it leaves none.
 */
static double
end_of(const AdModel *m, int feature, Size n, Extremes end, Extremes other)
{
	const AdModelFeature *f = &m->features[feature];
	double		width = apart(f, end.second,
							  n > 3 ? other.second : other.first);

	if (n < 3 || (width == 0 && m->varying_only) ||
		!(apart(f, end.first, end.second) > width))
		return end.first;
	return end.second;
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
 * Return the extremes of all values that were seen but n others, from those
 * of the ones known otherwise and a tail, which holds all beyond them.
 */
static Extremes
with_tail(Extremes e, const AdTail *tail, const double *others, Size n,
		  int sign)
{
	double	   *a = ad_palloc_array(double, tail->n);
	double	   *b = ad_palloc_array(double, n);
	Size		na = 0;
	Size		nb = 0;
	double		found[2];
	int			nfound = 0;

	for (int i = 0; i < tail->n; i++)
		if (tail->v[i] * sign > e.second * sign)
			a[na++] = tail->v[i] * sign;
	for (Size i = 0; i < n; i++)
		if (others[i] * sign > e.second * sign)
			b[nb++] = others[i] * sign;
	ad_sort_doubles(a, na);
	ad_sort_doubles(b, nb);
	while (na > 0 && nfound < 2)
	{
		double		x = a[--na];

		if (nb > 0 && b[nb - 1] == x)
			nb--;
		else
			found[nfound++] = x * sign;
	}
	if (nfound == 2)
		e.second = found[1];
	else if (nfound == 1 && found[0] != e.first)
		e.second = e.first;
	if (nfound > 0)
		e.first = found[0];
	pfree(a);
	pfree(b);
	return e;
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

/* The sample's rows that are not among n given ones in ascending order. */
static Size *
rows_but(const AdView *v, const Size *rows, Size n)
{
	Size	   *others = ad_palloc_array(Size, v->n - n);

	for (Size i = 0, k = 0; i < v->n && n < v->n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		if (k < n && rows[k] == i)
			k++;
		else
			others[i - k] = i;
	}
	return others;
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
	double	   *x = ad_palloc_array(double, v->n);
	double	   *y = ad_palloc_array(double, v->n);
	Size	   *others = rows_but(v, rows, n);

	for (int j = 0; j < m->nfeatures; j++)
	{
		const AdModelFeature *f = &m->features[j];
		AdBeyond   *b = &ranges[j];
		bool		category = f->class == AD_CLASS_CATEGORY;
		Size		found = category ? 0 : gather(v, j, rows, n, x);
		Extremes	low;
		Extremes	high;

		CHECK_FOR_INTERRUPTS();
		b->low = b->high = b->spread = NAN;
		/* values so rare that the rows have none have no range */
		if (found == 0)
			continue;
		low = extremes_of(x, found, -1);
		high = extremes_of(x, found, 1);
		if (s->large)
		{
			Size		held_out = gather(v, j, others, v->n - n, y);

			low = with_tail(low, &s->low[j], y, held_out, -1);
			high = with_tail(high, &s->high[j], y, held_out, 1);
		}
		b->low = end_of(m, j, found, low, high);
		b->high = end_of(m, j, found, high, low);
		set_spread(b, f, spread_within(x, found, b->low, b->high));
	}
	pfree(x);
	pfree(y);
	pfree(others);
	return without_constants(m, ranges);
}

/*
 * Add to the scores of a view's rows, which are those of a fit to all of
 * them, what each counts beyond the others.
 */
void
ad_beyond_in_sample(const AdModel *m, const AdView *v, double *scores)
{
	AdBeyond   *ranges = ad_beyond_ranges(m, v, NULL, v->n);
	double	   *raw = ad_palloc_array(double, m->nfeatures);
	double		least = INFINITY;
	double		greatest = -INFINITY;
	double		unit;

	for (Size i = 0; i < v->n; i++)
	{
		if (scores[i] >= AD_INFINITE_SCORE)
			continue;
		least = Min(least, scores[i]);
		greatest = Max(greatest, scores[i]);
	}
	unit = least <= greatest ? ad_beyond_unit(least, greatest) : 1;
	for (Size i = 0; i < v->n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		ad_view_infinite(v, i, raw);
		scores[i] = Min(scores[i] + ad_beyond_terms(m, ranges, unit, raw,
													NULL), DBL_MAX);
	}
	pfree(ranges);
	pfree(raw);
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
