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

/* The pixel of a point across. */
static double
x_of(Size i, Size n, int width)
{
	return LEFT + (double) (width - LEFT - RIGHT) *
		(n > 1 ? (double) i / (double) (n - 1) : 0.5);
}

/* The pixel of a value up, clipped to its panel. */
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

/* One line; gaps at values that are not finite. */
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

/* Frame, name and range of a panel. */
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

/*
 * The picture of a decomposition of n points.  title, first and last (the
 * axis' ends) may be NULL.
 */
char *
ad_series_plot(const double *y, Size n, const AdStlResult *result,
			   const double *remainder, const char *title, int width,
			   int height, const char *first, const char *last)
{
	static const char *const names[] = {"value", "trend", "season", "remainder"};
	const double *lines[4];
	Panel		panels[4];
	StringInfoData b;
	double		each = (height - TOP - BOTTOM - 3 * GAP) / 4.0;
	int			marks = 0;

	lines[0] = y;
	lines[1] = result->trend;
	lines[2] = result->season;
	lines[3] = remainder;
	for (int k = 0; k < 4; k++)
	{
		panels[k].y = TOP + k * (each + GAP);
		panels[k].height = each;
		panels[k].low = INFINITY;
		panels[k].high = -INFINITY;
		widen(&panels[k], lines[k], n);
		if (panels[k].low > panels[k].high)
			panels[k].low = panels[k].high = 0;
		if (!(panels[k].high > panels[k].low))
		{
			/* nothing varies: draw it in the middle */
			double		half = Max(fabs(panels[k].low) * 0.05, 1e-9);

			panels[k].low -= half;
			panels[k].high += half;
		}
	}

	initStringInfo(&b);
	appendStringInfo(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\">\n",
					 width, height, width, height);
	appendStringInfoString(&b,
						   "<style>text{font:10px sans-serif;fill:#333}.t{font-size:14px}"
						   ".f{fill:none;stroke:#ccc}path{fill:none;stroke:#1f5a94;stroke-width:1}"
						   ".b{stroke:#999;stroke-dasharray:4 3}"
						   ".u{fill:#c62828;stroke:none}.d{fill:#6a1b9a;stroke:none}</style>\n");
	appendStringInfo(&b, "<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n",
					 width, height);
	if (title)
	{
		appendStringInfoString(&b, "<title>");
		append_text(&b, title);
		appendStringInfo(&b, "</title>\n<text class=\"t\" x=\"%d\" y=\"20\">", LEFT);
		append_text(&b, title);
		appendStringInfoString(&b, "</text>\n");
	}
	for (int k = 0; k < 4; k++)
	{
		append_frame(&b, &panels[k], width, names[k]);
		append_line(&b, &panels[k], lines[k], n, width, "l");
	}
	for (int side = 0; side < 2; side++)
	{
		double		v = side == 0 ? result->low : result->high;

		if (isfinite(v) && v > panels[3].low && v < panels[3].high)
			appendStringInfo(&b, "<path class=\"b\" d=\"M%d %.1fH%d\"/>\n",
							 LEFT, y_of(&panels[3], v), width - RIGHT);
	}
	for (Size i = 0; i < n && marks < MAX_MARKS; i++)
	{
		int			side = isnan(remainder[i]) ? 0 :
			ad_stl_side(result, remainder[i]);

		if (side == 0)
			continue;
		marks++;
		for (int k = 0; k < 4; k += 3)
			appendStringInfo(&b, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"2.5\"/>\n",
							 side > 0 ? "u" : "d", x_of(i, n, width),
							 y_of(&panels[k], k == 0 ? y[i] : remainder[i]));
	}
	appendStringInfo(&b, "<text x=\"%d\" y=\"%d\">", LEFT, height - 8);
	append_text(&b, first ? first : "1");
	appendStringInfo(&b, "</text>\n<text x=\"%d\" y=\"%d\" text-anchor=\"end\">",
					 width - RIGHT, height - 8);
	append_text(&b, last ? last : psprintf("%zu", n));
	appendStringInfoString(&b, "</text>\n</svg>\n");
	return b.data;
}
