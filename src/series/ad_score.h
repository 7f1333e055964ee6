/*-------------------------------------------------------------------------
 *
 * ad_score.h
 *		One score of a series, of levels and of shapes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_SCORE_H
#define AD_SCORE_H

#include "series/ad_series_run.h"
#include "series/ad_shape.h"

/* The parts of the score of a decomposed series, and what is usual of them. */
typedef struct AdSeriesScore
{
	const double *window;		/* of each point; NaN: none */
	double	   *shape;			/* the same */
	double		window_unit;	/* the usual one */
	double		shape_unit;
} AdSeriesScore;

/* series_score.c */
extern bool ad_score_points(const AdScoreOptions *o, const AdSeriesRun *run,
							Size rows, AdSeriesScore *score, AdSeriesProblem *problem);

/* Return the score of a point: the greater part; NaN if it has none. */
static inline double
ad_score_point(const AdSeriesScore *score, Size point)
{
	double		window = score->window[point] / score->window_unit;
	double		shape = score->shape[point] / score->shape_unit;

	return isnan(window) || shape > window ? shape : window;
}

#endif							/* AD_SCORE_H */
