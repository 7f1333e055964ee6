/*-------------------------------------------------------------------------
 *
 * sql_benchmark_picture.c
 *		The picture of ad_benchmark_report(): a figure of each spec, with its
 *		interval, as SVG.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/ad_picture.h"
#include "sql/ad_text.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(ad_benchmark_picture);

#define WIDTH			720
#define TOP				40		/* of the area: the title is above */
#define ROW				20		/* height of a spec's line */
#define NAMES			340		/* room of their names */
#define MAX_ROWS		40
#define MAX_VALUE		1e6
#define TICK_WIDTH		70

/* The arguments. */
enum
{
	ARG_TITLE, ARG_NAMES, ARG_LOW, ARG_MEAN, ARG_HIGH
};

/* The elements of an array, n of them (-1: any), none of them NULL. */
static Datum *
elements(Datum value, Oid type, int *n)
{
	ArrayType  *array = DatumGetArrayTypeP(value);
	bool		is_text = type == TEXTOID;
	Datum	   *out;
	bool	   *nulls;
	int			found;

	deconstruct_array(array, type, is_text ? -1 : (int) sizeof(float8),
					  !is_text && FLOAT8PASSBYVAL,
					  is_text ? TYPALIGN_INT : TYPALIGN_DOUBLE, &out, &nulls, &found);
	if (found < 1 || found > MAX_ROWS || (*n >= 0 && found != *n))
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("picture has %d values, must be %d to %d", found,
						*n >= 0 ? *n : 1, *n >= 0 ? *n : MAX_ROWS)));
	for (int i = 0; i < found; i++)
		if (nulls[i] ||
			(!is_text && !(fabs(DatumGetFloat8(out[i])) <= MAX_VALUE)))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("values of a picture must be numbers of at most %g",
							MAX_VALUE)));
	*n = found;
	return out;
}

/* The pixel of a value across. */
static double
across_at(const AdArea *area, double value)
{
	double		share = (value - area->low) / (area->high - area->low);

	return area->x + area->width * Max(Min(share, 1.0), 0.0);
}

/*
 * _ad_benchmark_picture(title, names, low, mean, high) -> a line a name, from
 * the top down: the mean, and its interval.
 */
Datum
ad_benchmark_picture(PG_FUNCTION_ARGS)
{
	int			n = -1;
	Datum	   *names = elements(PG_GETARG_DATUM(ARG_NAMES), TEXTOID, &n);
	Datum	   *low = elements(PG_GETARG_DATUM(ARG_LOW), FLOAT8OID, &n);
	Datum	   *mean = elements(PG_GETARG_DATUM(ARG_MEAN), FLOAT8OID, &n);
	Datum	   *high = elements(PG_GETARG_DATUM(ARG_HIGH), FLOAT8OID, &n);
	char	   *title = ad_text_argument(PG_GETARG_DATUM(ARG_TITLE), "title",
										 AD_MAX_OPTIONS_LENGTH);
	double		least = INFINITY;
	double		most = -INFINITY;
	AdArea		area = {0};
	AdTicks    *across = palloc0(sizeof(AdTicks));
	AdTicks    *up = palloc0(sizeof(AdTicks));
	StringInfoData out;

	for (int i = 0; i < n; i++)
	{
		least = Min(least, Min(DatumGetFloat8(low[i]), DatumGetFloat8(mean[i])));
		most = Max(most, Max(DatumGetFloat8(high[i]), DatumGetFloat8(mean[i])));
	}
	ad_area_range(&area, least, most);
	area.x = NAMES;
	area.y = TOP;
	area.width = WIDTH - NAMES - AD_PICTURE_MARGIN;
	area.height = ROW * n;
	ad_ticks_number(area.low, area.high, (int) (area.width / TICK_WIDTH), false,
					across);
	initStringInfo(&out);
	ad_picture_begin(&out, WIDTH, (int) (TOP + area.height + AD_PICTURE_AXIS), title,
					 NULL);
	ad_picture_frame(&out, &area, across, up);
	ad_picture_axis(&out, &area, across, NULL, WIDTH);
	for (int i = 0; i < n; i++)
	{
		double		y = area.y + ROW * (i + 0.5);
		double		from = across_at(&area, DatumGetFloat8(low[i]));
		double		to = across_at(&area, DatumGetFloat8(high[i]));

		ad_picture_text(&out, NAMES - 8, y + 4, "end", "",
						TextDatumGetCString(names[i]), NAMES - 8 - AD_PICTURE_MARGIN);
		appendStringInfo(&out, "<path class=\"x\" d=\"M%.1f %.1fH%.1f\"/>\n",
						 Min(from, to), y, Max(from, to));
		appendStringInfo(&out, "<circle class=\"v\" cx=\"%.1f\" cy=\"%.1f\" r=\"4.5\"><title>%.6g</title></circle>\n",
						 across_at(&area, DatumGetFloat8(mean[i])), y,
						 DatumGetFloat8(mean[i]));
	}
	ad_picture_end(&out);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}
