/*-------------------------------------------------------------------------
 *
 * plot.c
 *		A decomposition as a picture: SVG text, no dependencies.
 *
 * Four panels over one axis: value, trend, season, remainder; anomalies are
 * marked on the first and the last, where lines show what is expected.  A
 * series with more points than pixels is drawn as one stroke from least to
 * greatest per pixel column, so the text stays small and no peak is lost.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_xml.h"
#include "series/ad_series_plot.h"

#define LEFT		64			/* margins, pixels */
#define RIGHT		12
#define TOP			34
#define BOTTOM		26
#define GAP			12			/* between panels */
#define MAX_MARKS	2000		/* anomalies drawn */

/* The panels, from above. */
enum
{
	PANEL_VALUE,
	PANEL_TREND,
	PANEL_SEASON,
	PANEL_REMAINDER,
	PANELS
};

/* One panel's place and scale. */
typedef struct Panel
{
	double		y;				/* top, pixels */
	double		height;
	double		low;			/* values at bottom and top */
	double		high;
} Panel;

/* Append a text of the user's; control characters are left out. */
static void
append_text(StringInfo b, const char *s)
{
	ad_xml_append(b, s, strlen(s), '\0');
}

/* Return the pixel of a point across. */
static double
x_of(Size i, Size n, int width)
{
	return LEFT + (double) (width - LEFT - RIGHT) *
		(n > 1 ? (double) i / (double) (n - 1) : 0.5);
}

/* Return the pixel of a value up, clipped to its panel. */
static double
y_of(const Panel *p, double v)
{
	double		share = p->high > p->low ?
		v / (p->high - p->low) - p->low / (p->high - p->low) : 0.5;

	return p->y + p->height * (1.0 - Max(Min(share, 1.0), 0.0));
}

/* Widen a range to hold finite values. */
static void
widen(Panel *p, const double *v, Size n)
{
	for (Size i = 0; i < n; i++)
		if (isfinite(v[i]))
		{
			p->low = Min(p->low, v[i]);
			p->high = Max(p->high, v[i]);
		}
}

/* Append one line; gaps at values that are not finite. */
static void
append_line(StringInfo b, const Panel *p, const double *v, Size n, int width,
			const char *class)
{
	int			columns = width - LEFT - RIGHT;
	bool		down = false;

	appendStringInfo(b, "<path class=\"%s\" d=\"", class);
	if (n <= (Size) columns * 2)
	{
		for (Size i = 0; i < n; i++)
		{
			if (!isfinite(v[i]))
			{
				down = false;
				continue;
			}
			appendStringInfo(b, "%s%.1f %.1f", down ? "L" : "M",
							 x_of(i, n, width), y_of(p, v[i]));
			down = true;
		}
	}
	else
		for (int c = 0; c < columns; c++)
		{
			Size		from = (Size) ((double) n * c / columns);
			Size		to = (Size) ((double) n * (c + 1) / columns);
			double		low = INFINITY;
			double		high = -INFINITY;

			CHECK_FOR_INTERRUPTS();
			for (Size i = from; i < to; i++)
				if (isfinite(v[i]))
				{
					low = Min(low, v[i]);
					high = Max(high, v[i]);
				}
			if (low > high)
			{
				down = false;
				continue;
			}
			appendStringInfo(b, "%s%d %.1fL%d %.1f", down ? "L" : "M",
							 LEFT + c, y_of(p, low), LEFT + c, y_of(p, high));
			down = true;
		}
	appendStringInfoString(b, "\"/>\n");
}

/* Append frame, name and range of a panel. */
static void
append_frame(StringInfo b, const Panel *p, int width, const char *name)
{
	appendStringInfo(b, "<rect class=\"f\" x=\"%d\" y=\"%.1f\" width=\"%d\" height=\"%.1f\"/>\n",
					 LEFT, p->y, width - LEFT - RIGHT, p->height);
	appendStringInfo(b, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.4g</text>\n",
					 LEFT - 5, p->y + 10, p->high);
	appendStringInfo(b, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.4g</text>\n",
					 LEFT - 5, p->y + p->height, p->low);
	appendStringInfo(b, "<text x=\"12\" y=\"%.1f\" transform=\"rotate(-90 12 %.1f)\" text-anchor=\"middle\">%s</text>\n",
					 p->y + p->height / 2, p->y + p->height / 2, name);
}

/* Place and scale panel number k for a line of n values. */
static void
set_panel(Panel *p, int k, double height, const double *line, Size n)
{
	p->y = TOP + k * (height + GAP);
	p->height = height;
	p->low = INFINITY;
	p->high = -INFINITY;
	widen(p, line, n);
	if (p->low > p->high)
		p->low = p->high = 0;
	if (!(p->high > p->low))
	{
		/* nothing varies: draw it in the middle */
		double		half = Max(fabs(p->low) * 0.05, 1e-9);

		p->low -= half;
		p->high += half;
	}
}

/* Begin the picture: its size, style and title. */
static void
append_head(StringInfo b, int width, int height, const char *title)
{
	appendStringInfo(b, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\">\n",
					 width, height, width, height);
	appendStringInfoString(b,
						   "<style>text{font:10px sans-serif;fill:#333}.t{font-size:14px}"
						   ".f{fill:none;stroke:#ccc}path{fill:none;stroke:#1f5a94;stroke-width:1}"
						   ".b{stroke:#999;stroke-dasharray:4 3}"
						   ".u{fill:#c62828;stroke:none}.d{fill:#6a1b9a;stroke:none}</style>\n");
	appendStringInfo(b, "<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n",
					 width, height);
	if (title == NULL)
		return;
	appendStringInfoString(b, "<title>");
	append_text(b, title);
	appendStringInfo(b, "</title>\n<text class=\"t\" x=\"%d\" y=\"20\">", LEFT);
	append_text(b, title);
	appendStringInfoString(b, "</text>\n");
}

/* Append what is expected of the remainder, as lines across its panel. */
static void
append_bounds(StringInfo b, const Panel *p, const AdStlResult *result,
			  int width)
{
	for (int side = 0; side < 2; side++)
	{
		double		v = side == 0 ? result->low : result->high;

		if (isfinite(v) && v > p->low && v < p->high)
			appendStringInfo(b, "<path class=\"b\" d=\"M%d %.1fH%d\"/>\n",
							 LEFT, y_of(p, v), width - RIGHT);
	}
}

/* Append the anomalies, on the panels of the value and of the remainder. */
static void
append_marks(StringInfo b, const Panel *panels, const double *const *lines,
			 const AdStlResult *result, Size n, int width)
{
	static const int marked[] = {PANEL_VALUE, PANEL_REMAINDER};
	const double *remainder = lines[PANEL_REMAINDER];
	int			marks = 0;

	for (Size i = 0; i < n && marks < MAX_MARKS; i++)
	{
		int			side = isnan(remainder[i]) ? 0 :
			ad_stl_side(result, remainder[i]);

		if (side == 0)
			continue;
		marks++;
		for (int k = 0; k < (int) lengthof(marked); k++)
			appendStringInfo(b, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"2.5\"/>\n",
							 side > 0 ? "u" : "d", x_of(i, n, width),
							 y_of(&panels[marked[k]], lines[marked[k]][i]));
	}
}

/* Append the ends of the axis, and of the picture. */
static void
append_foot(StringInfo b, int width, int height, const char *first,
			const char *last)
{
	appendStringInfo(b, "<text x=\"%d\" y=\"%d\">", LEFT, height - 8);
	append_text(b, first);
	appendStringInfo(b, "</text>\n<text x=\"%d\" y=\"%d\" text-anchor=\"end\">",
					 width - RIGHT, height - 8);
	append_text(b, last);
	appendStringInfoString(b, "</text>\n</svg>\n");
}

/*
 * Draw the picture of a decomposition of n points.  title, first and last
 * (the axis' ends) may be NULL.
 */
char *
ad_series_plot(const double *y, Size n, const AdStlResult *result,
			   const double *remainder, const char *title, int width,
			   int height, const char *first, const char *last)
{
	static const char *const names[PANELS] = {"value", "trend", "season", "remainder"};
	const double *lines[PANELS];
	Panel		panels[PANELS];
	StringInfoData b;
	double		each = (height - TOP - BOTTOM - (PANELS - 1) * GAP) / (double) PANELS;

	lines[PANEL_VALUE] = y;
	lines[PANEL_TREND] = result->trend;
	lines[PANEL_SEASON] = result->season;
	lines[PANEL_REMAINDER] = remainder;
	for (int k = 0; k < PANELS; k++)
		set_panel(&panels[k], k, each, lines[k], n);

	initStringInfo(&b);
	append_head(&b, width, height, title);
	for (int k = 0; k < PANELS; k++)
	{
		append_frame(&b, &panels[k], width, names[k]);
		append_line(&b, &panels[k], lines[k], n, width, "l");
	}
	append_bounds(&b, &panels[PANEL_REMAINDER], result, width);
	append_marks(&b, panels, lines, result, n, width);
	append_foot(&b, width, height, first ? first : "1",
				last ? last : psprintf("%zu", n));
	return b.data;
}
