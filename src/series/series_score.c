/*-------------------------------------------------------------------------
 *
 * series_score.c
 *		One score of a series: unusual levels, or unusual shapes.
 *
 * The window score of the decomposition sees levels, sub-sequence PCA sees
 * shapes.  They have no unit in common, so each is divided by what it is at
 * most points, its median, and the greater one counts.  Which is which
 * differs from series to series, and on labelled ones the greater is better
 * than either (docs/series.md has the figures).
 *
 * Where most points have no deviation at all, the median is zero, or what
 * rounding left, and the mean stands for it: the rarer a deviation, the
 * farther it is above that.  A part that is zero everywhere counts nothing.
 *
 *-------------------------------------------------------------------------
 */
#include "series/ad_score.h"
#include "series/ad_smoother.h"

#define ROUNDING		1e-12	/* of the greatest part: nothing below */
#define FILLED_PART		4		/* of a shape may be filled, or none */
#define LEAST_WINDOW	0.01	/* deviations, where all that there is rounds */

/*
 * Return what a part is at most points that have one, or its mean if most are
 * no more than "least" or rounding; infinite if all are, so that it counts
 * nothing.  "work" is scratch for two times n.
 */
static double
unit_of(const double *part, Size n, double least, double *work)
{
	double		greatest = 0;
	double		sum = 0;
	double		unit;
	Size		m = 0;

	for (Size i = 0; i < n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		if (isnan(part[i]))
			continue;
		work[m++] = part[i];
		sum += part[i];
		greatest = Max(greatest, part[i]);
	}
	if (greatest <= least)
		return INFINITY;
	unit = ad_series_median_of(work, m, work + n);
	return unit > Max(least, ROUNDING * greatest) ? unit : sum / (double) m;
}

/*
 * Fill the points without a value: by their season, over a straight line
 * between their neighbours less theirs.
 */
static void
fill_points(const double *y, const double *season, Size n, double *filled)
{
	Size		last = n;		/* the last point with a value; n: none yet */

	memcpy(filled, y, n * sizeof(double));
	for (Size i = 0; i < n;)
	{
		Size		to = i;
		double		a;
		double		b;

		while (to < n && !isfinite(y[to]))
			to++;
		b = to < n ? y[to] - season[to] : 0;
		a = last < n ? y[last] - season[last] : b;
		if (to == n)
			b = a;
		for (Size j = i; j < to; j++)
			filled[j] = season[j] + a +
				(b - a) * (double) (j - i + 1) / (double) (to - i + 1);
		last = to;
		i = to + 1;
	}
}

/*
 * Score the shapes of the points that have a value, in their order, as if
 * there were no others.  "work" is scratch for two times n.
 */
static void
score_present(const double *y, Size n, Size m, double *work, double *shape)
{
	Size		count = 0;

	for (Size i = 0; i < n; i++)
		if (isfinite(y[i]))
			work[count++] = y[i];
	ad_subpca_scores(work, work, count, m, m, work + n);
	count = 0;
	for (Size i = 0; i < n; i++)
		shape[i] = isfinite(y[i]) ? work[n + count++] : NAN;
}

/*
 * Set the shape scores of the points; NaN at those without a value, and where
 * too few points around have one: what a shape looks like between them is not
 * known.  "work" is scratch for two times the grid.
 *
 * Shapes are those of windows without a gap; if there are gaps in more than a
 * quarter of them, also of those with few filled points; and if that leaves
 * less than half, as of a series that rests by night, those of the points that
 * have a value.
 */
static void
score_shapes(const AdSeriesRun *run, int given, double *work, double *shape)
{
	const double *y = run->grid.y;
	Size		n = run->grid.n;
	Size		present = 0;
	Size		most = 0;
	Size		m;

	for (Size i = 0; i < n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		present += isfinite(y[i]) ? 1 : 0;
	}
	m = given > 0 ? (Size) given : ad_subpca_window(present);
	if (present < n && ad_subpca_known(y, n, m, 0) < present - present / 4)
		most = m / FILLED_PART;
	if (present < n && ad_subpca_known(y, n, m, most) < present / 2)
	{
		score_present(y, n, m, work, shape);
		return;
	}
	fill_points(y, run->result.season, n, work);
	ad_subpca_scores(y, work, n, m, most, shape);
}

/*
 * Score the points of a decomposed series of so many rows (0: packed).  The
 * shapes are palloc'd here; the window scores stay the run's.  False with the
 * problem if that needs more memory than one series may have.
 */
bool
ad_score_points(const AdScoreOptions *o, const AdSeriesRun *run, Size rows,
				AdSeriesScore *score, AdSeriesProblem *problem)
{
	Size		n = run->grid.n;
	double	   *work;

	/* seven of the decomposition and its seasons stay, three are made here */
	if (!ad_series_affordable(ad_mul_size(n, (10 + AD_SUBPCA_POINT_DOUBLES +
											  (Size) run->result.nseasons) *
										  sizeof(double)) +
							  rows * AD_GRID_ROW_BYTES, n, problem))
		return false;
	score->shape = ad_palloc_array(double, n);
	work = ad_palloc_array(double, 2 * n);
	score_shapes(run, o->m, work, score->shape);
	score->window = run->window;
	score->window_unit = unit_of(score->window, n, LEAST_WINDOW, work);
	score->shape_unit = unit_of(score->shape, n, 0, work);
	pfree(work);
	return true;
}
