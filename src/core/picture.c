/*-------------------------------------------------------------------------
 *
 * picture.c
 *		The page of a picture (SVG): head, styles, texts, legend.
 *
 * A picture is one text without links, scripts or fonts of its own.  It is
 * as wide as it was asked to be and shrinks where there is less room.  Its
 * colours are in one style sheet, whose rules begin with the picture's class,
 * so that a picture may stand inside a page without changing the rest; where
 * the reader prefers dark pages they are other ones.
 *
 * How wide a text is depends on fonts that only the reader has.  So it is
 * measured as in a wide one, and what may not fit is cut with dots: a text
 * never reaches beyond the picture.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_picture.h"
#include "core/ad_xml.h"

#include "mb/pg_wchar.h"

#define TITLE_SIZE		15.0
#define TITLE_Y			23
#define TEXT_SIZE		12.0
#define SYMBOL			22		/* room of a legend's symbol */
#define SPACE			16		/* between its entries */
#define DOTS			"..."

/* The rules of every picture; first what is light, then what is dark. */
static const char style[] =
"<style>\n"
".ad text{font-family:system-ui,sans-serif;font-size:12px;fill:#30363d;stroke:none}\n"
".ad .t{font-size:15px;font-weight:600;fill:#1b1f24}\n"
".ad .m{fill:#656d76}\n"
".ad .p{fill:#fff}\n"
".ad .f{fill:none;stroke:#c8cdd3}\n"
".ad .g{fill:none;stroke:#e9ecef}\n"
".ad .l{fill:none;stroke:#1f6fb4;stroke-width:1.3;stroke-linejoin:round;stroke-linecap:round}\n"
".ad .e{fill:#1f6fb4;fill-opacity:.17;stroke:none}\n"
".ad .w{fill:#8c959f;fill-opacity:.22;stroke:none}\n"
".ad .u{fill:#cf222e;stroke:#fff;stroke-width:.7}\n"
".ad .d{fill:#8250df;stroke:#fff;stroke-width:.7}\n"
".ad .n{fill:none;stroke:#57606a;stroke-width:2.5}\n"
".ad .x{fill:none;stroke:#1f6fb4;stroke-width:2.5}\n"
".ad .y{fill:none;stroke:#cf222e;stroke-width:2.5}\n"
".ad .o{fill:#57606a;stroke:#fff}\n"
".ad .v{fill:#1f6fb4;stroke:#fff}\n"
".ad .z{fill:#cf222e;stroke:#fff}\n"
".ad .s{fill:#f2cc60;fill-opacity:.35;stroke:none}\n"
".ad .h{fill:#1f6fb4;fill-opacity:.55;stroke:none}\n"
".ad .a{fill:#cf222e;fill-opacity:.6;stroke:none}\n"
".ad .b{fill:#57606a;fill-opacity:.5;stroke:none}\n"
".ad .c{fill:#d4a017;stroke:#fff}\n"
"@media (prefers-color-scheme:dark){\n"
".ad text{fill:#c9d1d9}\n"
".ad .t{fill:#f0f3f6}\n"
".ad .m{fill:#9198a1}\n"
".ad .p{fill:#0d1117}\n"
".ad .f{stroke:#3d444d}\n"
".ad .g{stroke:#21262d}\n"
".ad .l{stroke:#58a6ff}\n"
".ad .e{fill:#58a6ff;fill-opacity:.22}\n"
".ad .w{fill-opacity:.28}\n"
".ad .u{fill:#ff7b72;stroke:#0d1117}\n"
".ad .d{fill:#d2a8ff;stroke:#0d1117}\n"
".ad .n{stroke:#9198a1}\n"
".ad .x{stroke:#58a6ff}\n"
".ad .y{stroke:#ff7b72}\n"
".ad .o{fill:#9198a1;stroke:#0d1117}\n"
".ad .v{fill:#58a6ff;stroke:#0d1117}\n"
".ad .z{fill:#ff7b72;stroke:#0d1117}\n"
".ad .s{fill-opacity:.18}\n"
".ad .h{fill:#58a6ff}\n"
".ad .a{fill:#ff7b72}\n"
".ad .b{fill:#9198a1}\n"
".ad .c{fill:#e3b341;stroke:#0d1117}\n"
"}\n"
"</style>\n";

/* Return the width of a character that begins here, in sizes of its font. */
static double
character_width(const char *c)
{
	if (IS_HIGHBIT_SET(*c))
		return pg_dsplen(c) > 1 ? 1.1 : 0.85;
	if (strchr("MW@%mw", *c))
		return 1.0;
	if (*c >= 'A' && *c <= 'Z')
		return 0.78;
	return strchr(" .,:;'|!ijl()[]-", *c) ? 0.42 : 0.64;
}

/* Return the width of a text, at most, in a font of this size. */
double
ad_picture_text_width(const char *text, double size)
{
	double		width = 0;

	for (const char *c = text; *c != '\0'; c += pg_mblen(c))
		width += character_width(c) * size;
	return width;
}

/* Append a text of the user's, without its end if that has no room. */
static void
append_cut(StringInfo out, const char *text, double size, double room)
{
	double		dots = ad_picture_text_width(DOTS, size);
	double		width = 0;
	Size		whole = strlen(text);
	Size		cut = whole;

	if (ad_picture_text_width(text, size) > room)
		for (cut = 0; cut < whole; cut += (Size) pg_mblen(text +cut))
		{
			width += character_width(text +cut) * size;
			if (width + dots > room)
				break;
		}
	ad_xml_append(out, text, cut, ' ');
	if (cut < whole)
		appendStringInfoString(out, DOTS);
}

/*
 * Append a text at a place, of at most so many pixels.  anchor is "start",
 * "middle" or "end"; class that of the style, or "".
 */
void
ad_picture_text(StringInfo out, double x, double y, const char *anchor,
				const char *class, const char *text, double room)
{
	appendStringInfo(out, "<text x=\"%.1f\" y=\"%.1f\"", x, y);
	if (class[0] != '\0')
		appendStringInfo(out, " class=\"%s\"", class);
	if (strcmp(anchor, "start") != 0)
		appendStringInfo(out, " text-anchor=\"%s\"", anchor);
	appendStringInfoChar(out, '>');
	append_cut(out, text, class[0] == 't' ? TITLE_SIZE : TEXT_SIZE, room);
	appendStringInfoString(out, "</text>\n");
}

/*
 * Begin a picture whose visible title the caller draws; the title is the
 * user's, and either may be NULL.
 */
void
ad_picture_open(StringInfo out, int width, int height, const char *title,
				const char *description)
{
	appendStringInfo(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"ad\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\" style=\"max-width:100%%;height:auto\">\n",
					 width, height, width, height);
	if (title)
	{
		appendStringInfoString(out, "<title>");
		ad_xml_append(out, title, strlen(title), ' ');
		appendStringInfoString(out, "</title>\n");
	}
	if (description)
		appendStringInfo(out, "<desc>%s</desc>\n", description);
	appendStringInfoString(out, style);
	appendStringInfo(out, "<rect class=\"p\" width=\"%d\" height=\"%d\"/>\n",
					 width, height);
}

/* Begin a picture with its title; see ad_picture_open(). */
void
ad_picture_begin(StringInfo out, int width, int height, const char *title,
				 const char *description)
{
	ad_picture_open(out, width, height, title, description);
	if (title)
		ad_picture_text(out, AD_PICTURE_MARGIN, TITLE_Y, "start", "t", title,
						width - 2 * AD_PICTURE_MARGIN);
}

/*
 * Append the entries of a legend, the middle of their first line at y, in as
 * many lines as they need; return the height of these.  out may be NULL: only
 * the height.
 */
double
ad_picture_legend(StringInfo out, const AdLegendItem *items, int n, double y,
				  double width)
{
	double		x = AD_PICTURE_MARGIN;
	double		height = n > 0 ? AD_PICTURE_LINE : 0;

	for (int i = 0; i < n; i++)
	{
		double		length = SYMBOL +
			ad_picture_text_width(items[i].text, TEXT_SIZE);

		if (x > AD_PICTURE_MARGIN && x + length > width - AD_PICTURE_MARGIN)
		{
			x = AD_PICTURE_MARGIN;
			y += AD_PICTURE_LINE;
			height += AD_PICTURE_LINE;
		}
		if (out)
		{
			appendStringInfo(out, "<g transform=\"translate(%.1f %.1f)\">%s</g>\n",
							 x + 8, y, items[i].symbol);
			ad_picture_text(out, x + SYMBOL, y + 4, "start", "",
							items[i].text,
							width - AD_PICTURE_MARGIN - x - SYMBOL);
		}
		x += length + SPACE;
	}
	return height;
}

/* End a picture. */
void
ad_picture_end(StringInfo out)
{
	appendStringInfoString(out, "</svg>\n");
}
