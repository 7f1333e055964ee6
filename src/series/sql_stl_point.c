/*-------------------------------------------------------------------------
 *
 * sql_stl_point.c
 *		A point of a decomposition as the columns of ad_stl_point.
 *
 * What is said of a point without a value is what was expected there
 * (ad_stl_point_values), and nothing of the value (ad_stl_verdict_values).
 *
 *-------------------------------------------------------------------------
 */
#include "series/ad_series_sql.h"
#include "series/ad_stl_point.h"

#include "catalog/pg_type.h"

/* Write the seasons of a point as a float8[] to a place aligned to 8 bytes. */
void
ad_stl_seasons_write(const AdStlResult *result, Size point, char *place)
{
	int			count = ad_stl_season_count(result);
	double	   *data = (double *) (place + ARR_OVERHEAD_NONULLS(1));

	ad_series_array_header((ArrayType *) place, FLOAT8OID, (Size) count,
						   (Size) count, sizeof(double), 1, 1);
	if (result->nseasons <= 1)
		data[0] = result->season[point];
	else
		for (int s = 0; s < count; s++)
			data[s] = result->seasons[s][point];
}

/*
 * Set the AD_STL_COLUMNS values to what was expected at a point: its parts,
 * weight and bounds, NULL if the series has no finite value at all.  The
 * columns of the verdict are NULL.
 */
void
ad_stl_point_values(const AdStlResult *result, Size point, Datum *values,
					bool *nulls)
{
	double		fit = ad_stl_expected(result, point);
	char	   *seasons;

	memset(values, 0, AD_STL_COLUMNS * sizeof(Datum));
	memset(nulls, true, AD_STL_COLUMNS * sizeof(bool));
	values[AD_STL_WEIGHT] = Float8GetDatum(result->weight[point]);
	nulls[AD_STL_WEIGHT] = false;
	if (result->empty)
		return;

	seasons = palloc(ad_stl_seasons_bytes(result));
	ad_stl_seasons_write(result, point, seasons);
	values[AD_STL_TREND] = Float8GetDatum(result->trend[point]);
	values[AD_STL_SEASONAL] = Float8GetDatum(result->season[point]);
	values[AD_STL_SEASONALS] = PointerGetDatum(seasons);
	values[AD_STL_EXPECTED_LOW] = Float8GetDatum(fit + result->low);
	values[AD_STL_EXPECTED_HIGH] = Float8GetDatum(fit + result->high);
	nulls[AD_STL_TREND] = nulls[AD_STL_SEASONAL] = false;
	nulls[AD_STL_SEASONALS] = false;
	nulls[AD_STL_EXPECTED_LOW] = nulls[AD_STL_EXPECTED_HIGH] = false;
}

/* Set the columns that need the point's value, which is there. */
void
ad_stl_verdict_values(const AdStlResult *result, Size point, double value,
					  double remainder, double window_score, Datum *values, bool *nulls)
{
	double		deviation = ad_stl_deviation(result, point, value, remainder);

	values[AD_STL_REMAINDER] = Float8GetDatum(remainder);
	values[AD_STL_SCORE] = Float8GetDatum(ad_stl_score(result, deviation));
	values[AD_STL_WINDOW_SCORE] = Float8GetDatum(window_score);
	values[AD_STL_ANOMALY] =
		Int16GetDatum((int16) ad_stl_side(result, point, deviation));
	nulls[AD_STL_REMAINDER] = nulls[AD_STL_SCORE] = false;
	nulls[AD_STL_WINDOW_SCORE] = nulls[AD_STL_ANOMALY] = false;
}
