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
 * Set the shape scores of the grid's points that have one of "rows" rows (0:
 * all do), in their order; NaN at the others.  "work" is scratch for two times
 * the grid.
 */
static void
score_shapes(const AdGrid *grid, Size rows, int m, double *work, double *shape)
{
	Size		count = 0;

	for (Size i = 0; i < grid->n; i++)
		shape[i] = rows > 0 ? NAN : 0;
	for (Size i = 0; i < rows; i++)
		if (grid->slot[i] != AD_NO_SLOT)
			shape[grid->slot[i]] = 0;
	CHECK_FOR_INTERRUPTS();
	for (Size i = 0; i < grid->n; i++)
		if (!isnan(shape[i]))
			work[count++] = grid->y[i];
	ad_subpca_scores(work, count, m > 0 ? (Size) m : ad_subpca_window(count),
					 work + grid->n);
	count = 0;
	for (Size i = 0; i < grid->n; i++)
		if (!isnan(shape[i]))
			shape[i] = work[grid->n + count++];
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
	score_shapes(&run->grid, rows, o->m, work, score->shape);
	score->window = run->window;
	score->window_unit = unit_of(score->window, n, LEAST_WINDOW, work);
	score->shape_unit = unit_of(score->shape, n, 0, work);
	pfree(work);
	return true;
}
