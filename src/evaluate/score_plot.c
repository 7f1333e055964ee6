/*-------------------------------------------------------------------------
 *
 * score_plot.c
 *		A histogram of scores as a picture (SVG).
 *
 * The classes lie over each other, anomalies in front, all of them half
 * transparent.  Rows beyond the ends are bars of their own, apart from the
 * others, which the notes below explain.  What is not zero is a pixel high at least:
 * the rare rows are those that matter.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_elementary.h"
#include "core/ad_picture.h"
#include "evaluate/ad_score_bins.h"

#define NAME_ROW		19		/* what is counted, above the area */
#define TICK_HEIGHT		28		/* room of a tick up */
#define TICK_WIDTH		64		/* and across */
#define SLOT			8.0		/* width of a bar of rows beyond an end */
#define SLOT_GAP		5.0
#define MAX_POWERS		20		/* of ten, as ticks */

/* The styles of the classes. */
static const char *const class_styles[AD_SCORE_CLASSES] = {"b", "h", "a"};
static const char *const scale_names[] = {
	"rows", "share of each class", "rows, logarithmic"
};

/* A picture on its way into text. */
typedef struct Drawing
{
	const AdScoreBins *h;
	const AdScorePlotOptions *o;
	StringInfo	out;
	AdArea		area;			/* of the bins */
	AdArea		frame;			/* the same with what is beside them */
	AdScoreHeight scale;
	bool		labelled;		/* there is a class other than the unlabelled */
} Drawing;

/* Set the ticks of counts, or of shares, up. */
static void
ticks_up(const Drawing *d, AdTicks *up)
{
	int			most = (int) (d->area.height / TICK_HEIGHT);
	double		count = 1;

	if (d->scale != AD_HEIGHT_LOG)
	{
		ad_ticks_number(d->area.low, d->area.high, most,
						d->scale == AD_HEIGHT_ROWS, up);
		return;
	}
	up->n = 0;
	up->period[0] = '\0';
	for (int i = 0; i < MAX_POWERS; i++, count *= 10)
	{
		double		at = ad_log(count * 2) / ad_log(10) / d->area.high;

		if (at > 1)
			break;
		up->items[up->n].at = at;
		up->items[up->n].period[0] = '\0';
		snprintf(up->items[up->n++].label, AD_TICK_LENGTH,
				 count < 1e6 ? "%.0f" : "%.0e", count);
	}
}

/* Append a bar: how many rows of a class, from a pixel on. */
static void
bar(const Drawing *d, AdScoreClass class, uint64 count, double x, double width)
{
	double		bottom = d->area.y + d->area.height;
	double		height = bottom -
		ad_area_y(&d->area, ad_score_bar(d->h, class, count, d->scale));

	if (count == 0)
		return;
	height = Max(height, 1);
	appendStringInfo(d->out, "<path class=\"%s\" d=\"M%.2f %.1fv-%.1fh%.2fv%.1fz\"/>",
					 class_styles[class], x, bottom, height, width, height);
}

/*
 * Append the bars of all classes at a place, with what they are as a tooltip;
 * counts are those of each class.
 */
static void
bars(const Drawing *d, const uint64 *counts, double x, double width,
	 const char *from, const char *to)
{
	const char *separator = ": ";
	bool		any = false;

	for (int c = 0; c < AD_SCORE_CLASSES; c++)
		any |= counts[c] > 0;
	if (!any)
		return;
	appendStringInfo(d->out, "<g><title>%s to %s", from, to);
	for (int c = 0; c < AD_SCORE_CLASSES; c++)
	{
		if (counts[c] == 0)
			continue;
		appendStringInfoString(d->out, separator);
		ad_append_count(d->out, counts[c]);
		if (d->labelled)
			appendStringInfo(d->out, " %s (%.3g %%)", ad_score_class_names[c],
							 100 * (double) counts[c] / (double) d->h->total[c]);
		separator = ", ";
	}
	appendStringInfoString(d->out, "</title>");
	for (int c = 0; c < AD_SCORE_CLASSES; c++)
		bar(d, c, counts[c], x, width);
	appendStringInfoString(d->out, "</g>\n");
}

/* Append the bars of the bins, and those of rows beyond the ends. */
static void
all_bars(const Drawing *d)
{
	const AdScoreBins *h = d->h;
	double		width = d->area.width / h->n;
	double		gap = width > 6 ? 1 : width > 3 ? 0.5 : 0;
	uint64		counts[AD_SCORE_CLASSES];
	char		from[AD_TICK_LENGTH];
	char		to[AD_TICK_LENGTH];
	char		end[AD_TICK_LENGTH];

	for (int i = 0; i < h->n; i++)
	{
		for (int c = 0; c < AD_SCORE_CLASSES; c++)
			counts[c] = h->counts[c][i];
		ad_score_bins_edge(h, i, from);
		ad_score_bins_edge(h, i + 1, to);
		bars(d, counts, d->area.x + i * width + gap / 2, width - gap, from, to);
	}
	ad_score_bins_edge(h, 0, from);
	snprintf(end, sizeof(end), "%.6g", h->least);
	bars(d, h->below, d->area.x - SLOT_GAP - SLOT, SLOT, end, from);
	snprintf(end, sizeof(end), "%.6g", h->greatest);
	bars(d, h->above, d->area.x + d->area.width + SLOT_GAP, SLOT, to, end);
}

/* Append the threshold, if the picture has it. */
static void
threshold(const Drawing *d)
{
	const AdScoreBins *h = d->h;
	double		v = d->o->threshold;
	double		at;

	if (!(v >= h->edges[0] && v <= h->edges[h->n]))
		return;
	at = (v / 2 - h->edges[0] / 2) / (h->edges[h->n] / 2 - h->edges[0] / 2);
	appendStringInfo(d->out, "<path class=\"n\" stroke-dasharray=\"4 3\" d=\"M%.1f %.1fv%.1f\"><title>threshold %.6g</title></path>\n",
					 d->area.x + d->area.width * at, d->area.y, d->area.height, v);
}

/* Fill the entries of the legend; returns how many. */
static int
legend(const Drawing *d, AdLegendItem *items)
{
	int			n = 0;

	for (int c = AD_SCORE_CLASSES - 1; c >= 0; c--)
	{
		StringInfoData text;

		if (d->h->total[c] == 0)
			continue;
		initStringInfo(&text);
		appendStringInfo(&text, "%s (",
						 d->labelled ? ad_score_class_names[c] : "rows");
		ad_append_count(&text, d->h->total[c]);
		appendStringInfoChar(&text, ')');
		items[n].symbol = psprintf("<path class=\"%s\" d=\"M-8 -5h16v10h-16z\"/>",
								   class_styles[c]);
		items[n++].text = text.data;
	}
	if (!isnan(d->o->threshold))
	{
		items[n].symbol = "<path class=\"n\" stroke-dasharray=\"4 3\" d=\"M-8 0h16\"/>";
		items[n++].text = psprintf("threshold %.4g", d->o->threshold);
	}
	return n;
}

/* Place the area between what is above it and what is below it. */
static void
place(Drawing *d, double top, double bottom, AdTicks *up)
{
	bool		left = false;
	bool		right = false;

	for (int c = 0; c < AD_SCORE_CLASSES; c++)
	{
		left |= d->h->below[c] > 0;
		right |= d->h->above[c] > 0;
	}
	d->area.y = top;
	d->area.height = Max(bottom - top, 20);
	d->area.low = 0;
	d->area.high = ad_score_bins_highest(d->h, d->scale) * 1.05;
	ticks_up(d, up);
	d->frame = d->area;
	d->frame.x = Max(24, ad_ticks_width(up) + 10);
	d->frame.width = d->o->width - d->frame.x - AD_PICTURE_MARGIN;
	d->area.x = d->frame.x + (left ? SLOT + 2 * SLOT_GAP : 0);
	d->area.width = d->frame.x + d->frame.width - d->area.x -
		(right ? SLOT + 2 * SLOT_GAP : 0);
}

/* Set the ticks of scores, of the bins, as shares of the frame. */
static void
ticks_across(const Drawing *d, AdTicks *across)
{
	ad_ticks_number(d->h->edges[0], d->h->edges[d->h->n],
					(int) (d->area.width / TICK_WIDTH), false, across);
	for (int i = 0; i < across->n; i++)
		across->items[i].at = (d->area.x - d->frame.x +
							   across->items[i].at * d->area.width) / d->frame.width;
}

/* Append a picture. */
void
ad_score_plot(StringInfo out, const AdScoreBins *h,
			  const AdScorePlotOptions *o)
{
	Drawing		d = {.h = h,.o = o,.out = out};
	AdTicks    *up = palloc0(sizeof(AdTicks));
	AdTicks    *across = palloc0(sizeof(AdTicks));
	AdLegendItem items[AD_SCORE_CLASSES + 1];
	int			nitems;
	int			lines = 0;
	double		top = o->title ? AD_PICTURE_TITLE : AD_PICTURE_MARGIN - 4;
	StringInfoData notes;

	d.scale = ad_score_bins_scale(h, o);
	d.labelled = h->total[AD_SCORE_NORMAL] + h->total[AD_SCORE_ANOMALY] > 0;
	nitems = legend(&d, items);
	initStringInfo(&notes);
	ad_score_notes(&notes, h, o, "\n");
	for (int i = 0; i < notes.len; i++)
		lines += notes.data[i] == '\n';
	ad_picture_begin(out, o->width, o->height, o->title,
					 "Histogram of scores.");
	top += ad_picture_legend(out, items, nitems, top + 8, o->width);
	top += NAME_ROW;
	place(&d, top, o->height - AD_PICTURE_AXIS - lines * AD_PICTURE_LINE, up);
	ad_picture_text(out, AD_PICTURE_MARGIN, top - 6, "start", "m",
					scale_names[d.scale], o->width - 2 * AD_PICTURE_MARGIN);
	ticks_across(&d, across);
	ad_picture_frame(out, &d.frame, across, up);
	ad_picture_axis(out, &d.frame, across, "score", o->width);
	all_bars(&d);
	threshold(&d);
	for (char *line = notes.data; *line != '\0'; lines--)
	{
		char	   *end = strchr(line, '\n');

		*end = '\0';
		ad_picture_text(out, AD_PICTURE_MARGIN,
						o->height - 9 - (lines - 1) * AD_PICTURE_LINE, "start",
						"m", line, o->width - 2 * AD_PICTURE_MARGIN);
		line = end + 1;
	}
	ad_picture_end(out);
}
