/*-------------------------------------------------------------------------
 *
 * ad_stl_point.h
 *		The columns of a decomposition as SQL sees it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_STL_POINT_H
#define AD_STL_POINT_H

#include "postgres.h"

#include "series/ad_stl.h"
#include "utils/array.h"

/*
 * The columns of the types ad_stl_point and ad_stl_arrays, in their order;
 * those of ad_decompose() end with them.
 */
typedef enum AdStlColumn
{
	AD_STL_TREND,
	AD_STL_SEASONAL,			/* sum of the seasons */
	AD_STL_SEASONALS,			/* an array: each season */
	AD_STL_REMAINDER,
	AD_STL_WEIGHT,
	AD_STL_EXPECTED_LOW,
	AD_STL_EXPECTED_HIGH,
	AD_STL_SCORE,
	AD_STL_WINDOW_SCORE,
	AD_STL_ANOMALY				/* the only one of type smallint */
} AdStlColumn;

#define AD_STL_COLUMNS	(AD_STL_ANOMALY + 1)

/* sql_stl_point.c */
extern void ad_stl_seasons_write(const AdStlResult *result, Size point,
								 char *place);
extern void ad_stl_point_values(const AdStlResult *result, Size point,
								Datum *values, bool *nulls);
extern void ad_stl_verdict_values(const AdStlResult *result, Size point,
								  double value, double remainder,
								  double window_score,
								  Datum *values, bool *nulls);

/* Return the seasons of a point: a trend alone has one, which is zero. */
static inline int
ad_stl_season_count(const AdStlResult *result)
{
	return Max(result->nseasons, 1);
}

/* Return the bytes of the array that ad_stl_seasons_write() writes. */
static inline Size
ad_stl_seasons_bytes(const AdStlResult *result)
{
	return ARR_OVERHEAD_NONULLS(1) +
		(Size) ad_stl_season_count(result) * sizeof(double);
}

#endif							/* AD_STL_POINT_H */
