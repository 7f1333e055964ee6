/*-------------------------------------------------------------------------
 *
 * sql_report_picture.c
 *		The pictures of ad_report(): scores by class, and a curve of
 *		precision over recall, as SVG.
 *
 * What they show comes as arrays, counted by the queries of the report; so a
 * picture is as long as it is wide, however many alerts there are.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/ad_picture.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(ad_report_scores);
PG_FUNCTION_INFO_V1(ad_report_curve);

#define WIDTH			720
#define HEIGHT			240
#define MAX_BINS		200
#define MAX_POINTS		1000
#define MAX_COUNT		1e15	/* of a bin */
#define TOP				60		/* of the area: title and legend are above */
#define TICK_HEIGHT		28		/* room of a tick up */
#define TICK_WIDTH		70		/* and across */

/* Classes of alerts, from the bottom of a bar to its top. */
static const AdLegendItem classes[] = {
	{"<path class=\"z\" d=\"M-8 -5h16v10h-16z\"/>", "confirmed"},
	{"<path class=\"v\" d=\"M-8 -5h16v10h-16z\"/>", "without a label"},
	{"<path class=\"o\" d=\"M-8 -5h16v10h-16z\"/>", "not confirmed"}
};
static const char class_letters[] = "zvo";

#define CLASSES			((int) lengthof(classes))

/* Read an array of numbers without NULLs, at most so many. */
static double *
numbers(Datum value, int max, int *n)
{
	ArrayType  *array = DatumGetArrayTypeP(value);
	Datum	   *elements;
	bool	   *nulls;
	double	   *out;

	deconstruct_array(array, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL,
					  TYPALIGN_DOUBLE, &elements, &nulls, n);
	if (*n < 1 || *n > max)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("picture has %d values, must be 1 to %d", *n, max)));
	out = ad_palloc_array(double, *n);
	for (int i = 0; i < *n; i++)
	{
		if (nulls[i] || !isfinite(DatumGetFloat8(elements[i])))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("values of a picture must be finite numbers")));
		out[i] = DatumGetFloat8(elements[i]);
	}
	return out;
}

/* Place an area, with its ticks, and append its frame and axis. */
static void
begin_area(StringInfo out, AdArea *area, double low, double high,
		   const char *caption)
{
	AdTicks    *up = palloc0(sizeof(AdTicks));
	AdTicks    *across = palloc0(sizeof(AdTicks));

	area->y = TOP;
	area->height = HEIGHT - TOP - AD_PICTURE_AXIS;
	ad_ticks_number(area->low, area->high, (int) (area->height / TICK_HEIGHT),
					false, up);
	area->x = Max(24, ad_ticks_width(up) + 10);
	area->width = WIDTH - area->x - AD_PICTURE_MARGIN;
	ad_ticks_number(low, high, (int) (area->width / TICK_WIDTH), false, across);
	ad_picture_frame(out, area, across, up);
	ad_picture_axis(out, area, across, caption, WIDTH);
}

/*
 * _ad_report_scores(low, high, confirmed, unlabelled, refused, threshold) ->
 * a histogram of scores from low to high, each array a count for each bin.
 * threshold: where a line is drawn, if it is within, or NULL.
 */
Datum
ad_report_scores(PG_FUNCTION_ARGS)
{
	double		low;
	double		high;
	double	   *counts[CLASSES];
	int			n = 0;
	double		most = 1;
	AdArea		area = {0};
	StringInfoData out;

	for (int i = 0; i < 2 + CLASSES; i++)
		if (PG_ARGISNULL(i))
			PG_RETURN_NULL();
	low = PG_GETARG_FLOAT8(0);
	high = PG_GETARG_FLOAT8(1);
	for (int c = 0; c < CLASSES; c++)
	{
		int			here;

		counts[c] = numbers(PG_GETARG_DATUM(2 + c), MAX_BINS, &here);
		if (c > 0 && here != n)
			ereport(ERROR,
					(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
					 errmsg("histograms have %d and %d bins", n, here)));
		n = here;
	}
	if (!isfinite(low) || !isfinite(high) || !isfinite(high - low) || low >= high)
		PG_RETURN_NULL();
	for (int i = 0; i < n; i++)
	{
		for (int c = 0; c < CLASSES; c++)
			if (counts[c][i] < 0 || counts[c][i] > MAX_COUNT)
				ereport(ERROR,
						(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
						 errmsg("count is %g, must be 0 to %g", counts[c][i],
								MAX_COUNT)));
		most = Max(most, counts[0][i] + counts[1][i] + counts[2][i]);
	}

	initStringInfo(&out);
	ad_picture_begin(&out, WIDTH, HEIGHT, "Scores of alerts", NULL);
	(void) ad_picture_legend(&out, classes, CLASSES, TOP - 20, WIDTH);
	area.low = 0;
	area.high = most * 1.05;
	begin_area(&out, &area, low, high, "score");
	for (int i = 0; i < n; i++)
	{
		double		sum = 0;

		for (int c = 0; c < CLASSES; c++)
		{
			double		y = ad_area_y(&area, sum + counts[c][i]);

			if (counts[c][i] > 0)
				appendStringInfo(&out, "<path class=\"%c\" d=\"M%.1f %.1fh%.1fV%.1fh%.1fz\"/>\n",
								 class_letters[c], area.x + area.width * i / n, y,
								 area.width / n, ad_area_y(&area, sum),
								 -area.width / n);
			sum += counts[c][i];
		}
	}
	if (!PG_ARGISNULL(2 + CLASSES))
	{
		double		at = (PG_GETARG_FLOAT8(2 + CLASSES) - low) / (high - low);

		if (at >= 0 && at <= 1)
			appendStringInfo(&out, "<path class=\"n\" stroke-dasharray=\"4 3\" d=\"M%.1f %.1fv%.1f\"><title>threshold %.6g</title></path>\n",
							 area.x + area.width * at, area.y, area.height,
							 PG_GETARG_FLOAT8(2 + CLASSES));
	}
	ad_picture_end(&out);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}

/* A curve as points: recall, ascending, and precision of each. */
typedef struct Curve
{
	const double *recall;
	const double *precision;
} Curve;

static double
recall_at(const void *source, Size i)
{
	return ((const Curve *) source)->recall[i];
}

static double
precision_at(const void *source, Size i)
{
	return ((const Curve *) source)->precision[i];
}

/*
 * _ad_report_curve(recall, precision) -> precision over recall, shares of 0
 * to 1, in the order of recall.
 */
Datum
ad_report_curve(PG_FUNCTION_ARGS)
{
	int			n;
	int			other;
	double	   *recall = numbers(PG_GETARG_DATUM(0), MAX_POINTS, &n);
	double	   *precision = numbers(PG_GETARG_DATUM(1), MAX_POINTS, &other);
	Curve		curve;
	AdPoints	points;
	AdArea		area = {0};
	StringInfoData out;

	if (n != other)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("curve has %d and %d values", n, other)));
	for (int i = 0; i < n; i++)
		if (recall[i] < (i > 0 ? recall[i - 1] : 0) || recall[i] > 1 ||
			precision[i] < 0 || precision[i] > 1)
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("values of a curve must be 0 to 1, and those of recall must ascend")));
	curve.recall = recall;
	curve.precision = precision;
	points.n = n;
	points.source = &curve;
	points.at = recall_at;
	initStringInfo(&out);
	ad_picture_begin(&out, WIDTH, HEIGHT, "Precision over recall", NULL);
	area.low = 0;
	area.high = 1.05;
	begin_area(&out, &area, 0, 1, "recall");
	ad_picture_line(&out, &area, &points, precision_at, "l");
	ad_picture_end(&out);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}
