/*-------------------------------------------------------------------------
 *
 * ad_grid.h
 *		Rows laid on an equally spaced grid.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_GRID_H
#define AD_GRID_H

#include "series/ad_stl_options.h"

/* grid.c */

/* Rows laid on an equally spaced grid. */
typedef struct AdGrid
{
	Size		n;				/* points of the grid */
	int64		start;			/* time of point 0 */
	int64		step;			/* microseconds, or units of an integer time */
	int			months;			/* > 0: a step is so many calendar months */
	double	   *y;				/* values; NaN: missing; padded */
	uint32	   *slot;			/* row's point, or AD_NO_SLOT */
} AdGrid;

#define AD_NO_SLOT	PG_UINT32_MAX
#define AD_NO_TIME	PG_INT64_MIN	/* time of a row that has none */

/* of a row: its value, its time and its point */
#define AD_GRID_ROW_BYTES	(sizeof(double) + sizeof(int64) + sizeof(uint32))

extern bool ad_grid_build(const int64 *t, const int64 *utc, const double *v,
						  Size n, AdDuplicates duplicates, bool calendar,
						  const AdSpan *step, Size each, AdGrid *grid, AdSeriesProblem *problem);
extern int64 ad_grid_step(const int64 *t, Size n);
extern int64 ad_grid_time(const AdGrid *grid, Size i);
extern bool ad_grid_span(const AdSpan *span, Size n, int64 step, int months,
						 Size *points, AdSeriesProblem *problem);

#endif							/* AD_GRID_H */
