/*-------------------------------------------------------------------------
 *
 * waterfall.c
 *		A sum as a picture (SVG): from a first figure, part by part, to the
 *		whole.
 *
 * A row has two lines of text and a bar from the sum before it to the sum
 * behind it; thin lines lead from one to the next.  The texts stand to the
 * left of the bars or, in a narrow picture, above them.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_picture.h"
#include "core/ad_xml.h"
#include "rows/ad_waterfall.h"

#include <float.h>

#define ROW				36.0	/* height of a part */
#define NARROW_ROW		58.0
#define BAR				16.0	/* height of a bar */
#define FIGURE			62.0	/* room of how much it is */
#define TICK_WIDTH		64
#define TEXT_SHARE		0.42	/* of the width, for names */
#define MOST_TEXT		320.0	/* pixels for them */
#define TEXT_SIZE		12.0
#define LINE_BELOW		14.0	/* from a name to its value */

/* A picture on its way into text. */
typedef struct Drawing
{
	const AdWaterfall *w;
	StringInfo	out;
	AdArea		area;			/* low and high are those across */
	bool		narrow;
	double		row;			/* height of a row */
} Drawing;

/* A sum that is no greater than the greatest number. */
static double
plus(double a, double b)
{
	return Max(Min(a + b, DBL_MAX), -DBL_MAX);
}

/* Return the pixel of a value across. */
static double
across(const Drawing *d, double v)
{
	double		share = (v / 2 - d->area.low / 2) /
		(d->area.high / 2 - d->area.low / 2);

	return d->area.x + d->area.width * Max(Min(share, 1.0), 0.0);
}

/* Set the values at the ends: those of all sums, and the threshold. */
static void
set_range(Drawing *d)
{
	const AdWaterfall *w = d->w;
	double		sum = w->baseline;
	double		low = sum;
	double		high = sum;
	double		wide;

	for (int i = 0; i < w->n; i++)
	{
		sum = plus(sum, w->parts[i].size);
		low = Min(low, sum);
		high = Max(high, sum);
	}
	/* a threshold far from all of them would leave nothing to see */
	wide = high / 2 - low / 2;
	if (w->threshold >= low - 8 * wide && w->threshold <= high + 8 * wide)
	{
		low = Min(low, w->threshold);
		high = Max(high, w->threshold);
	}
	ad_area_range(&d->area, low, high);
	/* and room for figures to the right of the longest bar */
	d->area.high = plus(d->area.high, (d->area.high / 2 - d->area.low / 2) * 2 *
						FIGURE / d->area.width);
}

/* Append a line of text; in a narrow picture it hides lines behind it. */
static void
text_line(const Drawing *d, double y, const char *class, const char *text)
{
	double		x = AD_PICTURE_MARGIN + (d->narrow ? 4 : 0);
	double		room = (d->narrow ? d->w->width : d->area.x) - x -
		AD_PICTURE_MARGIN;

	if (d->narrow)
		appendStringInfo(d->out, "<rect class=\"p\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"14\"/>\n",
						 x - 2, y - 11,
						 Min(ad_picture_text_width(text, TEXT_SIZE) + 2, room));
	ad_picture_text(d->out, x, y, "start", class, text, room);
}

/* Append the lines of text of the row whose bar has its middle there. */
static void
texts(const Drawing *d, double middle, const char *name, const char *value)
{
	double		y = d->narrow ? middle - BAR / 2 - 5 : middle + 4;

	if (value[0] != '\0')
		y -= d->narrow ? LINE_BELOW : LINE_BELOW / 2;
	text_line(d, y, "", name);
	if (value[0] != '\0')
		text_line(d, y + LINE_BELOW, "m", value);
}

/* Append how much a bar is, beside it. */
static void
figure(const Drawing *d, double middle, double left, double right,
	   const char *text)
{
	double		length = ad_picture_text_width(text, TEXT_SIZE) + 6;

	if (right + length <= d->area.x + d->area.width)
		ad_picture_text(d->out, right + 5, middle + 4, "start", "", text, length);
	else if (left - length >= d->area.x)
		ad_picture_text(d->out, left - 5, middle + 4, "end", "", text, length);
}

/* Append a row of the sum itself: a dot, and what it is. */
static void
sum_row(const Drawing *d, double middle, const char *name, double v)
{
	double		x = across(d, v);
	char text[	64];

	snprintf(text, sizeof(text), "%s%s%.4g", d->narrow ? name : "",
			 d->narrow ? " " : "", v);
	if (!d->narrow)
		texts(d, middle, name, "");
	appendStringInfo(d->out, "<circle class=\"o\" cx=\"%.1f\" cy=\"%.1f\" r=\"4.5\"><title>%s %.6g</title></circle>\n",
					 x, middle, name, v);
	figure(d, middle, x - 5, x + 5, text);
}

/* Append the row of a part, and the line that leads to it. */
static void
part_row(const Drawing *d, double middle, const AdWaterfallPart *part,
		 double from, double to)
{
	double		left = across(d, Min(from, to));
	double		right = across(d, Max(from, to));
	char text[	32];

	snprintf(text, sizeof(text), fabs(part->size) >= 1000 && fabs(part->size) < 1e7 ? "%+.0f" : "%+.3g",
			 part->size);
	appendStringInfoString(d->out, "<g><title>");
	ad_xml_append(d->out, part->name, strlen(part->name), ' ');
	if (part->value[0] != '\0')
		appendStringInfoString(d->out, ": ");
	ad_xml_append(d->out, part->value, strlen(part->value), ' ');
	appendStringInfo(d->out, " %+.6g</title>\n", part->size);
	texts(d, middle, part->name, part->value);
	if (part->size != 0)
	{
		double		width = Max(right - left, 1);

		left = Min(left, d->area.x + d->area.width - width);
		appendStringInfo(d->out, "<path class=\"%s\" d=\"M%.1f %.1fh%.1fv%.1fh-%.1fz\"/>\n",
						 part->size > 0 ? "a" : "h", left, middle - BAR / 2,
						 width, BAR, width);
	}
	figure(d, middle, left, right, text);
	appendStringInfoString(d->out, "</g>\n");
}

/* Append all rows, and the lines between them. */
static void
rows(const Drawing *d)
{
	const AdWaterfall *w = d->w;
	double		middle = d->area.y + (d->narrow ? BAR : d->row / 2);
	double		sum = w->baseline;

	appendStringInfoString(d->out, "<path class=\"f\" d=\"");
	for (int i = 0; i <= w->n; i++)
	{
		appendStringInfo(d->out, "M%.1f %.1fv%.1f", across(d, sum),
						 middle + i * d->row, d->row);
		if (i < w->n)
			sum = plus(sum, w->parts[i].size);
	}
	appendStringInfoString(d->out, "\"/>\n");
	sum = w->baseline;
	sum_row(d, middle, "baseline", sum);
	for (int i = 0; i < w->n; i++)
	{
		double		to = plus(sum, w->parts[i].size);

		middle += d->row;
		part_row(d, middle, &w->parts[i], sum, to);
		sum = to;
	}
	sum_row(d, middle + d->row, "score", sum);
}

/* Fill the entries of the legend; returns how many. */
static int
legend(const AdWaterfall *w, AdLegendItem *items)
{
	int			n = 0;

	items[n].symbol = "<path class=\"a\" d=\"M-8 -5h16v10h-16z\"/>";
	items[n++].text = "raises the score";
	items[n].symbol = "<path class=\"h\" d=\"M-8 -5h16v10h-16z\"/>";
	items[n++].text = "lowers it";
	if (!isnan(w->threshold))
	{
		items[n].symbol = "<path class=\"n\" stroke-dasharray=\"4 3\" d=\"M-8 0h16\"/>";
		items[n++].text = psprintf("threshold %.4g", w->threshold);
	}
	return n;
}

/* Append a picture. */
void
ad_waterfall(StringInfo out, const AdWaterfall *w)
{
	Drawing		d = {.w = w,.out = out,.narrow = w->width < AD_PICTURE_NARROW};
	AdTicks    *ticks = palloc0(sizeof(AdTicks));
	AdTicks    *none = palloc0(sizeof(AdTicks));
	AdLegendItem items[3];
	int			nitems = legend(w, items);
	double		top = w->title ? AD_PICTURE_TITLE : AD_PICTURE_MARGIN - 4;
	double		legend_y = top + 8;

	top += ad_picture_legend(NULL, items, nitems, legend_y, w->width) + 6;
	d.row = d.narrow ? NARROW_ROW : ROW;
	d.area.x = d.narrow ? AD_PICTURE_MARGIN :
		Min(w->width * TEXT_SHARE, MOST_TEXT);
	d.area.width = w->width - d.area.x - AD_PICTURE_MARGIN;
	d.area.y = top;
	d.area.height = d.narrow ? d.row * (w->n + 1) + 2 * BAR :
		d.row * (w->n + 2);
	set_range(&d);
	ad_picture_begin(out, w->width,
					 (int) ceil(top + d.area.height + AD_PICTURE_AXIS),
					 w->title, "What each feature adds to a score.");
	(void) ad_picture_legend(out, items, nitems, legend_y, w->width);
	ad_ticks_number(d.area.low, d.area.high,
					(int) (d.area.width / TICK_WIDTH), false, ticks);
	ad_picture_frame(out, &d.area, ticks, none);
	ad_picture_axis(out, &d.area, ticks, "score", w->width);
	if (w->threshold >= d.area.low && w->threshold <= d.area.high)
		appendStringInfo(out, "<path class=\"n\" stroke-dasharray=\"4 3\" d=\"M%.1f %.1fv%.1f\"/>\n",
						 across(&d, w->threshold), d.area.y, d.area.height);
	rows(&d);
	ad_picture_end(out);
}
