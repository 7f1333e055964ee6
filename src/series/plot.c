/*-------------------------------------------------------------------------
 *
 * plot.c
 *		A decomposition as a picture: SVG text, no dependencies.
 *
 * Panels over one axis: value, trend, season (if there is one), remainder.
 * The first and the last show the range that is expected, as a band, and the
 * anomalies outside of it; the first also where values are missing.  Of
 * anomalies on one side that would hide each other the farthest is drawn.
 * So the text is as long as the picture is wide, however many points there
 * are, and nothing is kept for a point.
 *
 * Without a decomposition there is but the first panel, whose band is given
 * point by point, and the point that the picture is about has a ring.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_picture.h"
#include "core/ad_xml.h"
#include "series/ad_series_plot.h"

#include <float.h>

#define NAME_ROW		19		/* above a panel */
#define VALUE_SHARE		2.0		/* of the height, against the other panels */
#define LEAST_HEIGHT	24.0	/* of a panel, or there is no legend */
#define TICK_HEIGHT		20.0	/* room of a tick up */
#define LEAST_TICK_HEIGHT	9.0 /* the same, for the second one */
#define TICK_WIDTH		56.0	/* room of a number across, at least */
#define ROUNDING		1e-12	/* of values: differences that say nothing */
#define GAP_WIDTH		3.0		/* pixels of a gap that is marked */
#define MARK			4.0		/* half of a mark's width */
#define MARK_ROOM		8.0		/* pixels of one, where there are many points */

/* The panels, from above. */
enum
{
	PANEL_VALUE,
	PANEL_TREND,
	PANEL_SEASON,
	PANEL_REMAINDER,
	PANELS
};

/* One panel. */
typedef struct Panel
{
	AdArea		area;
	const char *name;
	AdPointValue value;
	AdPointValue low;			/* of the band, or NULL */
	AdPointValue high;
	AdTicks    *up;
	bool		empty;			/* no finite value */
	bool		hidden;			/* it would say nothing */
} Panel;

/* A picture on its way into text. */
typedef struct Drawing
{
	const AdSeriesPlot *plot;
	StringInfo	out;
	AdPoints	points;
	Panel		panels[PANELS];
	AdTicks    *across;
	Size		above;			/* anomalies */
	Size		below;
	bool		band;			/* a range is expected */
	bool		gaps;			/* wide enough to be marked */
} Drawing;

/* Return what is expected of a point. */
static double
expected_of(const AdSeriesPlot *plot, Size i)
{
	return ad_stl_expected(plot->result, i);
}

/* Return -1, 0 or +1: a point is below, within or above what is expected. */
static int
side_of(const AdSeriesPlot *plot, Size i)
{
	if (plot->result == NULL)
		return plot->side[i];
	return isnan(plot->remainder[i]) ? 0 :
		ad_stl_side(plot->result, i,
					ad_stl_deviation(plot->result, i, plot->y[i],
									 plot->remainder[i]));
}

/* The values of a point that panels show: see AdPointValue. */
static double
value_at(const void *source, Size i)
{
	return ((const AdSeriesPlot *) source)->y[i];
}

static double
low_at(const void *source, Size i)
{
	const AdSeriesPlot *plot = source;

	return plot->result == NULL ? plot->low[i] :
		expected_of(source, i) + plot->result->low;
}

static double
high_at(const void *source, Size i)
{
	const AdSeriesPlot *plot = source;

	return plot->result == NULL ? plot->high[i] :
		expected_of(source, i) + plot->result->high;
}

static double
trend_at(const void *source, Size i)
{
	return ((const AdSeriesPlot *) source)->result->trend[i];
}

static double
season_at(const void *source, Size i)
{
	return ((const AdSeriesPlot *) source)->result->season[i];
}

static double
remainder_at(const void *source, Size i)
{
	return ((const AdSeriesPlot *) source)->remainder[i];
}

static double
remainder_low_at(const void *source, Size i)
{
	return low_at(source, i) - season_at(source, i) - trend_at(source, i);
}

static double
remainder_high_at(const void *source, Size i)
{
	return high_at(source, i) - season_at(source, i) - trend_at(source, i);
}

/* Return the share of the axis at which a point is. */
static double
share_at(const void *source, Size i)
{
	const AdSeriesPlot *plot = source;
	const AdGrid *grid = plot->grid;

	if (plot->n == 1)
		return 0.5;
	if (grid && grid->months > 0)
		return (double) (ad_grid_time(grid, i) - ad_grid_time(grid, 0)) /
			(double) (ad_grid_time(grid, plot->n - 1) - ad_grid_time(grid, 0));
	return (double) i / (double) (plot->n - 1);
}

/* Return the pixel of a point across. */
static double
x_of(const Drawing *d, const AdArea *area, Size i)
{
	return area->x + area->width * share_at(d->plot, i);
}

/* Find the least and the greatest finite value; false if there is none. */
static bool
finite_range(const AdSeriesPlot *plot, AdPointValue value, double *low,
			 double *high)
{
	*low = INFINITY;
	*high = -INFINITY;
	for (Size i = 0; i < plot->n; i++)
	{
		double		v = value(plot, i);

		AD_CHECK_EVERY_1024(i);
		if (isfinite(v))
		{
			*low = Min(*low, v);
			*high = Max(*high, v);
		}
	}
	return *low <= *high;
}

/*
 * Set what a panel shows: its values, and as much of the band as has room.
 * What is but rounding of values of that size is drawn flat.
 */
static void
set_range(const Drawing *d, Panel *panel, double size)
{
	double		low;
	double		high;
	double		edge;
	double		unused;
	double		span;

	panel->empty = !finite_range(d->plot, panel->value, &low, &high);
	if (panel->empty)
		low = high = 0;
	span = high / 2 - low / 2;
	if (span <= size * ROUNDING)
	{
		low -= size / 20;
		high += size / 20;
	}
	else if (panel->low && d->band)
	{
		/* no more than doubles what the values take to each side */
		if (finite_range(d->plot, panel->low, &edge, &unused))
			low = Min(low, Max(edge, low - span));
		if (finite_range(d->plot, panel->high, &unused, &edge))
			high = Max(high, Min(edge, high + span));
	}
	ad_area_range(&panel->area, Max(low, -DBL_MAX), Min(high, DBL_MAX));
}

/* Count the anomalies, and look for gaps, in a picture that wide. */
static void
survey(Drawing *d)
{
	const AdSeriesPlot *plot = d->plot;
	double		least = GAP_WIDTH / plot->width;
	double		before = 0;

	d->band = plot->result == NULL ||
		(!plot->result->empty && isfinite(plot->result->low) &&
		 isfinite(plot->result->high));
	for (Size i = 0; i < plot->n; i++)
	{
		int			side = side_of(plot, i);

		AD_CHECK_EVERY_1024(i);
		d->above += side > 0 ? 1 : 0;
		d->below += side < 0 ? 1 : 0;
		if (!isnan(plot->y[i]))
		{
			if (i > 0 && isnan(plot->y[i - 1]) &&
				share_at(plot, i) - before > least)
				d->gaps = true;
			before = share_at(plot, i);
		}
	}
	if (plot->n > 1 && isnan(plot->y[plot->n - 1]) && 1 - before > least)
		d->gaps = true;
}

/* Shade the gaps of the value's panel. */
static void
draw_gaps(const Drawing *d, const AdArea *area)
{
	const AdSeriesPlot *plot = d->plot;
	double		from = area->x;

	if (!d->gaps)
		return;
	appendStringInfoString(d->out, "<path class=\"w\" d=\"");
	for (Size i = 0; i < plot->n; i++)
	{
		bool		last = i == plot->n - 1;
		double		to = x_of(d, area, i);

		AD_CHECK_EVERY_1024(i);
		if (isnan(plot->y[i]) && !last)
			continue;
		if (i > 0 && (isnan(plot->y[i]) || isnan(plot->y[i - 1])) &&
			to - from >= GAP_WIDTH)
			appendStringInfo(d->out, "M%.1f %.1fh%.1fv%.1fh%.1fz", from,
							 area->y, to - from, area->height, from - to);
		from = to;
	}
	appendStringInfoString(d->out, "\"/>\n");
}

/* Append the time or the number of a point. */
static void
append_place(StringInfo out, const AdSeriesPlot *plot, Size i)
{
	int64		shown;

	if (plot->grid == NULL)
		appendStringInfo(out, "%zu", i + 1);
	else if (!plot->calendar)
		appendStringInfo(out, INT64_FORMAT, ad_grid_time(plot->grid, i));
	else
	{
		shown = ad_time_shown(ad_grid_time(plot->grid, i), plot->zone);
		ad_append_date(out, shown);
		appendStringInfoChar(out, ' ');
		ad_append_time(out, shown);
	}
}

/* Append the mark of an anomaly: it points to where the value went. */
static void
draw_mark(const Drawing *d, const Panel *panel, Size i, int side)
{
	const AdSeriesPlot *plot = d->plot;
	double		x = x_of(d, &panel->area, i);
	double		y = ad_area_y(&panel->area, panel->value(plot, i));

	appendStringInfo(d->out, "<path class=\"%s\" d=\"M%.1f %.1fl%.1f %.1fh%.1fz\"",
					 side > 0 ? "u" : "d", x, y - side * MARK, MARK,
					 side * MARK * 1.8, -2 * MARK);
	if (panel != &d->panels[PANEL_VALUE])
	{
		appendStringInfoString(d->out, "/>\n");
		return;
	}
	appendStringInfoString(d->out, "><title>");
	append_place(d->out, plot, i);
	appendStringInfo(d->out, ": %.6g, expected %.6g to %.6g</title></path>\n",
					 plot->y[i], low_at(plot, i), high_at(plot, i));
}

/* Is point i farther out than point j, on one side? */
static bool
is_farther(const AdSeriesPlot *plot, Size i, Size j, int side)
{
	return side * plot->remainder[i] > side * plot->remainder[j];
}

/* Append the marks of a panel. */
static void
draw_marks(const Drawing *d, const Panel *panel)
{
	const AdSeriesPlot *plot = d->plot;
	bool		thin = (double) plot->n > 2 * panel->area.width;
	Size		farthest[2] = {0, 0};
	int			column[2] = {-1, -1};	/* of these; -1: none */

	for (Size i = 0; i < plot->n; i++)
	{
		int			side = side_of(plot, i);
		int			s = side > 0 ? 1 : 0;
		int			x;

		AD_CHECK_EVERY_1024(i);
		if (side == 0)
			continue;
		x = thin ? (int) (ad_area_column(&panel->area, share_at(plot, i)) / MARK_ROOM) : (int) i;
		if (x != column[s])
		{
			if (column[s] >= 0)
				draw_mark(d, panel, farthest[s], side);
			column[s] = x;
			farthest[s] = i;
		}
		else if (is_farther(plot, i, farthest[s], side))
			farthest[s] = i;
	}
	for (int s = 0; s < 2; s++)
		if (column[s] >= 0)
			draw_mark(d, panel, farthest[s], s == 1 ? 1 : -1);
}

/* Append a panel. */
static void
draw_panel(const Drawing *d, const Panel *panel)
{
	const AdArea *area = &panel->area;

	ad_picture_text(d->out, area->x, area->y - 5, "start", "m", panel->name,
					area->width);
	ad_picture_frame(d->out, area, d->across, panel->up);
	if (panel == &d->panels[PANEL_VALUE])
		draw_gaps(d, area);
	if (panel->low && d->band)
		ad_picture_band(d->out, area, &d->points, panel->low, panel->high,
						"e");
	ad_picture_line(d->out, area, &d->points, panel->value, "l");
	if (panel->low)
		draw_marks(d, panel);
	if (d->plot->result == NULL && isfinite(d->plot->y[d->plot->mark]))
		appendStringInfo(d->out, "<circle class=\"y\" cx=\"%.1f\" cy=\"%.1f\" r=\"9\"/>\n",
						 x_of(d, area, d->plot->mark), ad_area_y(area, d->plot->y[d->plot->mark]));
	if (panel->empty)
		ad_picture_text(d->out, area->x + area->width / 2,
						area->y + area->height / 2 + 4, "middle", "m",
						"no values", area->width);
}

/* Set the legend's entries; return how many there are. */
static int
set_legend(const Drawing *d, AdLegendItem *items)
{
	int			n = 0;

	items[n].symbol = "<path class=\"l\" d=\"M-8 0h16\"/>";
	items[n++].text = "value";
	if (d->band)
	{
		items[n].symbol = "<path class=\"e\" d=\"M-8 -5h16v10h-16z\"/>";
		items[n++].text = "expected";
	}
	if (d->above > 0)
	{
		items[n].symbol = "<path class=\"u\" d=\"M0 -4l4.5 8h-9z\"/>";
		items[n++].text = psprintf("%zu above", d->above);
	}
	if (d->below > 0)
	{
		items[n].symbol = "<path class=\"d\" d=\"M0 4l4.5 -8h-9z\"/>";
		items[n++].text = psprintf("%zu below", d->below);
	}
	if (d->gaps)
	{
		items[n].symbol = "<path class=\"w\" d=\"M-8 -5h16v10h-16z\"/>";
		items[n++].text = "missing";
	}
	return n;
}

/* Set the ticks across an area. */
static void
set_across(Drawing *d, const AdArea *area)
{
	const AdSeriesPlot *plot = d->plot;
	int64		first = plot->grid ? ad_grid_time(plot->grid, 0) : 1;
	int64		last = plot->grid ? ad_grid_time(plot->grid, plot->n - 1) :
		(int64) plot->n;
	double		room;

	if (plot->calendar)
	{
		ad_ticks_time(first, last, area->width, AD_PICTURE_DIGIT, plot->zone,
					  d->across);
		return;
	}
	room = Max(TICK_WIDTH, AD_PICTURE_DIGIT *
			   (double) strlen(psprintf(INT64_FORMAT, last)) + 18);
	ad_ticks_number((double) first, (double) last,
					(int) (area->width / room), true, d->across);
}

/* Place the panels below y, with room for the widest label to their left. */
static void
place_panels(Drawing *d, double y, double unit)
{
	double		left = 24;

	for (int k = 0; k < PANELS; k++)
	{
		Panel	   *panel = &d->panels[k];
		AdArea	   *area = &panel->area;

		if (panel->hidden)
			continue;
		area->height = unit * (k == PANEL_VALUE ? VALUE_SHARE : 1);
		area->y = y + NAME_ROW;
		y = area->y + area->height;
		if (panel->empty)
			continue;
		/* two, if they can be had, to show a scale */
		for (int most = (int) (area->height / TICK_HEIGHT);; most++)
		{
			ad_ticks_number(area->low, area->high, most, false, panel->up);
			if (panel->up->n > 1 || most > area->height / LEAST_TICK_HEIGHT)
				break;
		}
		left = Max(left, ad_ticks_width(panel->up) + 10);
	}
	for (int k = 0; k < PANELS; k++)
	{
		d->panels[k].area.x = left;
		d->panels[k].area.width = d->plot->width - left - AD_PICTURE_MARGIN;
	}
}

/* Append the labels of the axis: those given, or those of its ticks. */
static void
draw_axis(const Drawing *d, const AdArea *area)
{
	const AdSeriesPlot *plot = d->plot;
	double		y = area->y + area->height + 15;
	double		room = area->width / 2 - 8;

	if (plot->first == NULL && plot->last == NULL)
	{
		ad_picture_axis(d->out, area, d->across, plot->caption, plot->width);
		return;
	}
	ad_picture_text(d->out, area->x, y, "start", "",
					plot->first ? plot->first : "1", room);
	ad_picture_text(d->out, area->x + area->width, y, "end", "",
					plot->last ? plot->last : psprintf("%zu", plot->n), room);
}

/* Say in words what the picture shows. */
static char *
describe(const Drawing *d)
{
	StringInfoData text;

	initStringInfo(&text);
	append_place(&text, d->plot, 0);
	appendStringInfoString(&text, " to ");
	append_place(&text, d->plot, d->plot->n - 1);
	appendStringInfo(&text, ": %zu points, %zu above and %zu below what is expected",
					 d->plot->n, d->above, d->below);
	return text.data;
}

/* Append the picture of a decomposition. */
void
ad_series_plot(StringInfo out, const AdSeriesPlot *plot)
{
	static const Panel panels[PANELS] = {
		{.name = "value",.value = value_at,.low = low_at,.high = high_at},
		{.name = "trend",.value = trend_at},
		{.name = "season",.value = season_at},
		{.name = "remainder",.value = remainder_at,.low = remainder_low_at,.high = remainder_high_at}
	};
	Drawing		d = {.plot = plot,.out = out,.points = {plot->n, plot, share_at}};
	AdLegendItem items[5];
	int			nitems;
	double		top = plot->title ? AD_PICTURE_TITLE : 6;
	double		legend;
	double		rest;
	double		units = VALUE_SHARE - 1;
	double		size = 0;

	memcpy(d.panels, panels, sizeof(panels));
	for (int k = PANEL_TREND; k < PANELS; k++)
		d.panels[k].hidden = plot->result == NULL ||
			(k == PANEL_SEASON && plot->result->nseasons == 0);
	survey(&d);
	d.across = palloc0(sizeof(AdTicks));
	rest = plot->height - top - AD_PICTURE_AXIS;
	for (int k = 0; k < PANELS; k++)
	{
		d.panels[k].up = palloc0(sizeof(AdTicks));
		if (d.panels[k].hidden)
			continue;
		set_range(&d, &d.panels[k], size);
		if (k == PANEL_VALUE)
			size = Max(fabs(d.panels[k].area.low), fabs(d.panels[k].area.high));
		rest -= NAME_ROW;
		units += 1;
	}
	nitems = set_legend(&d, items);
	legend = ad_picture_legend(NULL, items, nitems, 0, plot->width);
	if ((rest - legend) / units < LEAST_HEIGHT)
		legend = nitems = 0;

	ad_picture_begin(out, plot->width, plot->height, plot->title,
					 describe(&d));
	(void) ad_picture_legend(out, items, nitems, top + 6, plot->width);
	place_panels(&d, top + legend, Max((rest - legend) / units, 4));
	set_across(&d, &d.panels[PANEL_VALUE].area);
	for (int k = 0; k < PANELS; k++)
		if (!d.panels[k].hidden)
			draw_panel(&d, &d.panels[k]);
	draw_axis(&d, &d.panels[plot->result == NULL ? PANEL_VALUE : PANEL_REMAINDER].area);
	ad_picture_end(out);
}
