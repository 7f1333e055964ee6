/*-------------------------------------------------------------------------
 *
 * picture_axis.c
 *		Axes of a picture, and lines and bands over them.
 *
 * Where there are more points than pixels, a column of pixels gets the least
 * and the greatest value of its points, in the order in which they come: the
 * text is as long as the picture is wide, and no peak is lost.  A line has a
 * gap where a point, or a whole column of them, has no value; a value alone
 * between two gaps is a dash.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_picture.h"

#include <float.h>

#define TICK_TEXT		12.0
#define ROUNDING		1e-12	/* of numbers: differences that say nothing */

/*
 * Set the values that an area shows: a little more than the given ones, which
 * are finite, low <= high; and more than one value if there is only one.
 */
void
ad_area_range(AdArea *area, double low, double high)
{
	double		pad = high / 25 - low / 25;

	/* a range that rounding alone makes is none */
	if (!(high / 2 - low / 2 > Max(fabs(low), fabs(high)) * ROUNDING))
		pad = Max(fabs(low), fabs(high)) / 20;
	pad = low == 0 && high == 0 ? 1 : Max(pad, DBL_MIN);
	area->low = Max(low - pad, -DBL_MAX);
	area->high = Min(high + pad, DBL_MAX);
}

/* Return the pixel of a value up; what is beyond the area is at its edge. */
double
ad_area_y(const AdArea *area, double value)
{
	/* halves, since the range may be longer than the greatest number */
	double		share = (value / 2 - area->low / 2) /
		(area->high / 2 - area->low / 2);

	return area->y + area->height * (1.0 - Max(Min(share, 1.0), 0.0));
}

/* Return the column of pixels, from 0 on, of a share of the axis. */
int
ad_area_column(const AdArea *area, double at)
{
	return (int) (Max(Min(at, 1.0), 0.0) * area->width);
}

/* Return the width of the widest label. */
double
ad_ticks_width(const AdTicks *ticks)
{
	double		width = 0;

	for (int i = 0; i < ticks->n; i++)
		width = Max(width, ad_picture_text_width(ticks->items[i].label,
												 TICK_TEXT));
	return width;
}

/*
 * Append the frame of an area, the grid of its ticks across and up, and the
 * labels of those up, as many as have room, to its left.
 */
void
ad_picture_frame(StringInfo out, const AdArea *area, const AdTicks *across,
				 const AdTicks *up)
{
	double		lowest = 0;		/* where the label before stands */

	appendStringInfoString(out, "<path class=\"g\" d=\"");
	for (int i = 0; i < across->n; i++)
		appendStringInfo(out, "M%.1f %.1fv%.1f",
						 area->x + across->items[i].at * area->width, area->y,
						 area->height);
	for (int i = 0; i < up->n; i++)
		appendStringInfo(out, "M%.1f %.1fh%.1f", area->x,
						 area->y + area->height * (1 - up->items[i].at),
						 area->width);
	appendStringInfo(out, "\"/>\n<rect class=\"f\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n",
					 area->x, area->y, area->width, area->height);
	for (int i = 0; i < up->n; i++)
	{
		double		y = area->y + area->height * (1 - up->items[i].at);

		if (i > 0 && lowest - y < TICK_TEXT)
			continue;
		lowest = y;
		ad_picture_text(out, area->x - 6, y + 4, "end", "",
						up->items[i].label, area->x - 8);
	}
}

/* Where texts of one line of labels may still stand. */
typedef struct Line
{
	double		y;
	double		from;			/* texts before end here */
	double		to;
	const char *class;
} Line;

/* Append a text around x, moved so that the picture has it, if it has room. */
static void
label(StringInfo out, Line *line, double x, const char *text)
{
	double		half = ad_picture_text_width(text, TICK_TEXT) / 2;
	double		middle = Min(Max(x, line->from + half), line->to - half);

	/* moved far it would stand at another tick */
	if (fabs(middle - x) > half || middle - half < line->from)
		return;
	ad_picture_text(out, middle, line->y, "middle", line->class, text,
					2 * half + 1);
	line->from = middle + half + 6;
}

/*
 * Append the labels of an axis below an area of a picture of that width; in a
 * second line what the labels are a part of, and at its end the caption: a
 * time zone, what is counted; or NULL.
 */
void
ad_picture_axis(StringInfo out, const AdArea *area, const AdTicks *ticks,
				const char *caption, double width)
{
	Line		first = {area->y + area->height + 15, 2, width - 2, ""};
	Line		second = {first.y + 15, 2, width - 2, "m"};
	const char *before = ticks->period;
	int			next = 0;

	for (int i = 0; i < ticks->n; i++)
		label(out, &first, area->x + ticks->items[i].at * area->width,
			  ticks->items[i].label);
	if (caption)
	{
		double		room = Min(ad_picture_text_width(caption, TICK_TEXT) + 1,
							   width / 3);

		ad_picture_text(out, width - AD_PICTURE_MARGIN, second.y, "end", "m",
						caption, room);
		second.to = width - AD_PICTURE_MARGIN - room - 6;
	}
	/* where the axis begins, unless what comes next needs the place */
	while (next < ticks->n && strcmp(ticks->items[next].period, before) == 0)
		next++;
	if (before[0] != '\0')
	{
		double		length = ad_picture_text_width(before, TICK_TEXT);

		if (next == ticks->n || area->x + length * 1.5 + 6 <
			area->x + ticks->items[next].at * area->width)
			label(out, &second, area->x + length / 2, before);
	}
	for (; next < ticks->n; next++)
	{
		const char *period = ticks->items[next].period;

		if (strcmp(period, before) != 0)
			label(out, &second, area->x + ticks->items[next].at * area->width,
				  period);
		before = period;
	}
}

/* A path on its way into text; lengths are tenths of a pixel. */
typedef struct Pen
{
	StringInfo	out;
	int			x;				/* where it is */
	int			y;
	bool		down;			/* the point before was drawn */
	bool		alone;			/* ... and no other since the gap */
} Pen;

/* Append a length, in as few characters as will do. */
static void
append_length(StringInfo out, int tenths)
{
	int			length = abs(tenths);

	if (tenths < 0)
		appendStringInfoChar(out, '-');
	if (length >= 10 || length == 0)
		appendStringInfo(out, "%d", length / 10);
	if (length % 10 != 0)
		appendStringInfo(out, ".%d", length % 10);
}

/* Draw on to a point, or begin there. */
static void
draw(Pen *pen, double to_x, double to_y)
{
	int			x = (int) rint(to_x * 10);
	int			y = (int) rint(to_y * 10);
	int			dx = x - pen->x;
	int			dy = y - pen->y;

	pen->x = x;
	pen->y = y;
	if (!pen->down)
	{
		appendStringInfo(pen->out, "M%.1f %.1f", x / 10.0, y / 10.0);
		pen->down = pen->alone = true;
		return;
	}
	if (dx == 0 && dy == 0)
		return;
	pen->alone = false;
	appendStringInfoChar(pen->out, dy == 0 ? 'h' : dx == 0 ? 'v' : 'l');
	if (dx != 0)
		append_length(pen->out, dx);
	if (dx != 0 && dy > 0)
		appendStringInfoChar(pen->out, ' ');
	if (dy != 0)
		append_length(pen->out, dy);
}

/* Leave a gap. */
static void
lift(Pen *pen)
{
	if (pen->down && pen->alone)
		appendStringInfoString(pen->out, "m-1.5 0h3");
	pen->down = false;
}

/* What the points of a column of pixels have. */
typedef struct Column
{
	int			x;				/* its number; -1: none yet */
	double		first;			/* the extreme that comes first */
	double		second;			/* the other */
	bool		found;			/* there is a value */
} Column;

/* Draw a column. */
static void
draw_column(Pen *pen, const AdArea *area, const Column *c)
{
	if (c->x < 0)
		return;
	if (!c->found)
	{
		lift(pen);
		return;
	}
	draw(pen, area->x + c->x + 0.5, ad_area_y(area, c->first));
	draw(pen, area->x + c->x + 0.5, ad_area_y(area, c->second));
}

/* Are there more points than an area has room for? */
static bool
too_many(const AdArea *area, const AdPoints *points)
{
	return (double) points->n > 2 * area->width;
}

/* Append a line through the values of points. */
void
ad_picture_line(StringInfo out, const AdArea *area, const AdPoints *points,
				AdPointValue value, const char *class)
{
	bool		thin = too_many(area, points);
	Pen			pen = {out, 0, 0, false, false};
	Column		c = {-1, 0, 0, false};

	appendStringInfo(out, "<path class=\"%s\" d=\"", class);
	for (Size i = 0; i < points->n; i++)
	{
		double		v = value(points->source, i);
		double		at = points->at(points->source, i);
		int			x;

		AD_CHECK_EVERY_1024(i);
		if (!thin)
		{
			if (isfinite(v))
				draw(&pen, area->x + at * area->width, ad_area_y(area, v));
			else
				lift(&pen);
			continue;
		}
		x = Min(ad_area_column(area, at), (int) area->width - 1);
		if (x != c.x)
		{
			draw_column(&pen, area, &c);
			c.x = x;
			c.found = false;
		}
		if (!isfinite(v))
			continue;
		if (!c.found)
			c.first = c.second = v;
		/* the extreme that is new comes behind the one that stays */
		else if (v > Max(c.first, c.second))
		{
			c.first = Min(c.first, c.second);
			c.second = v;
		}
		else if (v < Min(c.first, c.second))
		{
			c.first = Max(c.first, c.second);
			c.second = v;
		}
		c.found = true;
	}
	draw_column(&pen, area, &c);
	lift(&pen);
	appendStringInfoString(out, "\"/>\n");
}

/* A place of a band's edges. */
typedef struct Edge
{
	double		x;				/* pixels */
	double		low;
	double		high;
} Edge;

/* Append the part of a band between two gaps, and begin another. */
static void
draw_part(StringInfo out, const AdArea *area, const Edge *edges, int *n)
{
	Pen			pen = {out, 0, 0, false, false};
	int			m = *n;

	*n = 0;
	if (m < 2)
		return;
	for (int i = 0; i < m; i++)
		draw(&pen, edges[i].x, ad_area_y(area, edges[i].high));
	for (int i = m - 1; i >= 0; i--)
		draw(&pen, edges[i].x, ad_area_y(area, edges[i].low));
	appendStringInfoChar(out, 'z');
}

/*
 * Append the band between two values of points; of a column of pixels from
 * the least to the greatest.
 */
void
ad_picture_band(StringInfo out, const AdArea *area, const AdPoints *points,
				AdPointValue low, AdPointValue high, const char *class)
{
	bool		thin = too_many(area, points);
	Edge	   *edges = ad_palloc_array(Edge,
										thin ? (Size) area->width + 1 :
										points->n + 1);
	int			n = 0;
	int			column = -1;

	appendStringInfo(out, "<path class=\"%s\" d=\"", class);
	for (Size i = 0; i < points->n; i++)
	{
		double		from = low(points->source, i);
		double		to = high(points->source, i);
		double		at = points->at(points->source, i);
		int			x = Min(ad_area_column(area, at), (int) area->width - 1);

		AD_CHECK_EVERY_1024(i);
		if (!isfinite(from) || !isfinite(to))
		{
			draw_part(out, area, edges, &n);
			column = -1;
		}
		else if (thin && x == column)
		{
			edges[n - 1].low = Min(edges[n - 1].low, from);
			edges[n - 1].high = Max(edges[n - 1].high, to);
		}
		else
		{
			edges[n].x = area->x + (thin ? x + 0.5 : at * area->width);
			edges[n].low = from;
			edges[n++].high = to;
			column = x;
		}
	}
	draw_part(out, area, edges, &n);
	appendStringInfoString(out, "\"/>\n");
	pfree(edges);
}
