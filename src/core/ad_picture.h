/*-------------------------------------------------------------------------
 *
 * ad_picture.h
 *		Pictures (SVG): page, texts, legend, axes, lines.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_PICTURE_H
#define AD_PICTURE_H

#include "core/ad_ticks.h"

/* Pixels from the edges of a picture, and of its texts. */
#define AD_PICTURE_MARGIN	12
#define AD_PICTURE_TITLE	34	/* height of the row of the title */
#define AD_PICTURE_NARROW	520 /* pixels, below which texts are above bars */
#define AD_PICTURE_LINE		17	/* from one line of text to the next */
#define AD_PICTURE_AXIS		36	/* height of the labels below an axis of times */
#define AD_PICTURE_DIGIT	7.0 /* width of a digit, at most */

/* A part of a picture that shows values over an axis. */
typedef struct AdArea
{
	double		x;				/* left, pixels */
	double		y;				/* top */
	double		width;
	double		height;
	double		low;			/* values at bottom and top, finite */
	double		high;
} AdArea;

/* Points along an axis, which need not exist as an array. */
typedef struct AdPoints
{
	Size		n;
	const void *source;			/* what these ask */
	double		(*at) (const void *source, Size i); /* share of the axis,
													 * ascending */
} AdPoints;

/* A value at a point; not finite: none. */
typedef double (*AdPointValue) (const void *source, Size i);

/* An entry of a legend: the symbol, drawn around (0, 0), is 16 pixels wide. */
typedef struct AdLegendItem
{
	const char *symbol;			/* SVG */
	const char *text;
} AdLegendItem;

/* picture.c */
extern double ad_picture_text_width(const char *text, double size);
extern void ad_picture_open(StringInfo out, int width, int height,
							const char *title, const char *description);
extern void ad_picture_begin(StringInfo out, int width, int height,
							 const char *title, const char *description);
extern void ad_picture_text(StringInfo out, double x, double y,
							const char *anchor, const char *class,
							const char *text, double room);
extern double ad_picture_legend(StringInfo out, const AdLegendItem *items,
								int n, double y, double width);
extern void ad_picture_end(StringInfo out);

/* picture_axis.c */
extern void ad_area_range(AdArea *area, double low, double high);
extern double ad_area_y(const AdArea *area, double value);
extern int	ad_area_column(const AdArea *area, double at);
extern double ad_ticks_width(const AdTicks *ticks);
extern void ad_picture_frame(StringInfo out, const AdArea *area,
							 const AdTicks *across, const AdTicks *up);
extern void ad_picture_axis(StringInfo out, const AdArea *area,
							const AdTicks *ticks, const char *caption,
							double width);
extern void ad_picture_line(StringInfo out, const AdArea *area,
							const AdPoints *points, AdPointValue value,
							const char *class);
extern void ad_picture_band(StringInfo out, const AdArea *area,
							const AdPoints *points, AdPointValue low,
							AdPointValue high, const char *class);

#endif							/* AD_PICTURE_H */
