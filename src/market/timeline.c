/*-------------------------------------------------------------------------
 *
 * timeline.c
 *		A layering episode as a picture (SVG).
 *
 * Time runs to the right, price upwards.  An order is a bar at its price
 * from its placement to its cancel (dashed to the edge if it has none), as
 * thick as it is large; a cancel is a cross, a trade a disc.  Buys are blue
 * and sells red.  The span of a sequence is shaded, and what does not belong
 * to one is pale.  Quantities stand at what belongs to one, where there is
 * room, and every mark carries a tooltip with its figures.  Times are those
 * of UTC.
 *
 * The text depends on nothing but the events: no clock, no locale.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_picture.h"
#include "core/ad_xml.h"
#include "market/ad_dialect.h"
#include "market/ad_timeline.h"

#include <float.h>

#include "common/shortest_dec.h"

#define HEAD			66		/* height of title, summary and legend's begin */
#define TITLE_SIZE		15.0	/* as in picture.c */
#define TITLE_LINE		19
#define MAX_LABELS		300		/* quantities in a picture */
#define LABEL_SIZE		11.0
#define PRICE_ROOM		34.0	/* pixels a tick */

/* Where times and prices lie in the picture. */
typedef struct Scale
{
	AdArea		area;			/* low, high: prices */
	int64		t0;				/* microseconds */
	int64		t1;
	double		largest;		/* size */
} Scale;

/* Where quantities stand already. */
typedef struct Labels
{
	int			n;
	struct
	{
		double		x0;
		double		x1;
		double		y;			/* baseline */
	}			items[MAX_LABELS];
} Labels;

static double
x_of(const Scale *s, int64 t)
{
	double		share = ((double) t - (double) s->t0) /
		((double) s->t1 - (double) s->t0);

	return s->area.x + Max(Min(share, 1.0), 0.0) * s->area.width;
}

static double
y_of(const Scale *s, double price)
{
	return ad_area_y(&s->area, price);
}

/* Between 2 and 9, growing with the root of the size. */
static double
thickness(const Scale *s, const AdEvent *e)
{
	return 2 + 7 * sqrt(ad_event_size(e) / s->largest);
}

/* Append a text of the user's; a control character becomes a space. */
static void
append_text(StringInfo out, const char *s, Size len)
{
	ad_xml_append(out, s, len, ' ');
}

/* Append a number in its shortest digits. */
static void
append_number(StringInfo out, double d)
{
	char		buf[DOUBLE_SHORTEST_DECIMAL_LEN];

	double_to_shortest_decimal_buf(d, buf);
	appendStringInfoString(out, buf);
}

/* Append the tooltip of an event. */
static void
append_tooltip(StringInfo out, const AdEvent *e)
{
	appendStringInfo(out, "<title>%s %s ", ad_event_word(e->kind),
					 ad_side_word(e->side));
	appendStringInfoString(out, ad_quantity_text(ad_event_units(e)));
	appendStringInfoString(out, " @ ");
	if (isnan(e->price))
		appendStringInfoString(out, "no price");
	else
		append_number(out, e->price);
	appendStringInfoString(out, ", ");
	ad_append_time(out, e->ts);
	if (e->idlen > 0)
	{
		appendStringInfoString(out, ", order ");
		append_text(out, e->id, e->idlen);
	}
	appendStringInfoString(out, "</title>");
}

/* Set the scale to the events of a tape, below y. */
static void
set_scale(Scale *s, const AdTape *tape, const AdTimelineConfig *c, double y)
{
	double		lowest = (double) INFINITY;
	double		highest = -(double) INFINITY;
	double		pad_price;
	int64		first = AD_AT(tape, tape->head)->ts;
	int64		last = AD_AT(tape, tape->end - 1)->ts;
	int64		pad = (int64) Max(((double) last - (double) first) * 0.03, 1000);

	s->largest = 0;
	for (uint32 pos = tape->head; pos < tape->end; pos++)
	{
		const AdEvent *e = AD_AT(tape, pos);

		if (!isnan(e->price))
		{
			lowest = Min(lowest, e->price);
			highest = Max(highest, e->price);
		}
		s->largest = Max(s->largest, ad_event_size(e));
	}
	s->t0 = ad_time_sub(first, pad);
	s->t1 = ad_time_add(last, pad);
	s->area.y = y;
	s->area.height = Max(c->height - y - AD_PICTURE_AXIS, 20);
	if (lowest > highest)
		lowest = highest = 0;	/* no event has a price */
	pad_price = highest / 25 - lowest / 25;
	if (lowest > 0)
		pad_price = Min(pad_price, lowest / 2);
	ad_area_range(&s->area, Max(lowest - pad_price, -DBL_MAX),
				  Min(highest + highest / 25 - lowest / 25, DBL_MAX));
}

/* The last is the quantity of the thickest bar. */
static AdLegendItem const legend[] = {
	{"<path class=\"n\" d=\"M-8 0h16\" style=\"stroke-width:5;stroke-opacity:.5\"/>", "order, placed to cancelled"},
	{"<path class=\"n\" d=\"M-8 0h16\" style=\"stroke-width:1.5;stroke-dasharray:4 4\"/>", "order not cancelled"},
	{"<path class=\"n\" d=\"M-4 -4l8 8m0 -8l-8 8\"/>", "cancel"},
	{"<circle class=\"o\" r=\"5\"/>", "trade"},
	{"<path class=\"x\" d=\"M-8 0h16\"/>", "BUY"},
	{"<path class=\"y\" d=\"M-8 0h16\"/>", "SELL"},
	{"<path class=\"s\" d=\"M-8 -5h16v10h-16z\"/>", "sequence"},
	{"<path class=\"o\" d=\"M-8 1v-2l16 -3.5v9z\"/>", NULL}
};

/* Draw grid and axes. */
static void
draw_frame(StringInfo out, Scale *s, int width)
{
	AdTicks    *up = palloc0(sizeof(AdTicks));
	AdTicks    *across = palloc0(sizeof(AdTicks));

	ad_ticks_number(s->area.low, s->area.high,
					(int) (s->area.height / PRICE_ROOM), false, up);
	s->area.x = Max(ad_ticks_width(up) + 10, 24);
	s->area.width = width - s->area.x - AD_PICTURE_MARGIN;
	ad_ticks_time(s->t0, s->t1, s->area.width, AD_PICTURE_DIGIT, NULL, across);
	ad_picture_frame(out, &s->area, across, up);
	ad_picture_axis(out, &s->area, across, "UTC", width);
}

/* Shade the span of the sequences that are shown. */
static void
draw_sequences(StringInfo out, const Scale *s, const AdSequences *sequences,
			   const AdTimelineConfig *c)
{
	for (uint32 i = 0; i < sequences->n; i++)
	{
		const AdSequence *q = &sequences->items[i];
		double		x0 = x_of(s, q->start);
		double		x1 = Max(x_of(s, q->end), x0 + 1);

		AD_CHECK_EVERY_1024(i);
		if (c->sequence > 0 && (uint32) c->sequence != i + 1)
			continue;
		appendStringInfo(out, "<rect class=\"s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"><title>sequence %u: %s, %u orders</title></rect>\n",
						 x0, s->area.y, x1 - x0, s->area.height, i + 1,
						 ad_side_word(q->side), q->norders);
	}
}

/*
 * Append the title, in as many lines as it needs but at most a quarter of the
 * picture, and return how many pixels they take beyond the first.  out may be
 * NULL: only the height.
 */
static double
draw_title(StringInfo out, const char *title, const AdTimelineConfig *c)
{
	double		room = c->width - 2 * AD_PICTURE_MARGIN;
	int			max_lines = Max(c->height / 4 / TITLE_LINE, 1);
	const char *rest = title;
	double		y = 23;

	for (int line = 1; line < max_lines &&
		 ad_picture_text_width(rest, TITLE_SIZE) > room; line++)
	{
		char	   *fits = NULL;
		Size		length = 0;

		/* the most words that have room */
		for (Size n = 0; rest[n] != '\0'; n++)
		{
			char	   *words;

			if (rest[n] != ' ' || n == 0)
				continue;
			words = pnstrdup(rest, n);
			if (ad_picture_text_width(words, TITLE_SIZE) > room)
				break;
			fits = words;
			length = n;
		}
		if (fits == NULL)
			break;
		if (out)
			ad_picture_text(out, AD_PICTURE_MARGIN, y, "start", "t", fits,
							room);
		y += TITLE_LINE;
		rest += length + 1;
	}
	if (out)
		ad_picture_text(out, AD_PICTURE_MARGIN, y, "start", "t", rest, room);
	return y - 23;
}

/*
 * Append a quantity at (x, y), or so that it ends at "left", if it has room
 * beside those before it.
 */
static void
draw_quantity(StringInfo out, const Scale *s, Labels *labels,
			  const AdEvent *e, double x, double left, double y)
{
	char	   *text = ad_quantity_text(ad_event_units(e));
	double		width = ad_picture_text_width(text, LABEL_SIZE);

	if (x + width > s->area.x + s->area.width)
		x = left - width;
	if (x < s->area.x || y - LABEL_SIZE < s->area.y ||
		y > s->area.y + s->area.height || labels->n == MAX_LABELS)
		return;
	for (int i = 0; i < labels->n; i++)
		if (x < labels->items[i].x1 && x + width > labels->items[i].x0 &&
			fabs(y - labels->items[i].y) < LABEL_SIZE)
			return;
	labels->items[labels->n].x0 = x;
	labels->items[labels->n].x1 = x + width;
	labels->items[labels->n++].y = y;
	appendStringInfo(out, "<text x=\"%.1f\" y=\"%.1f\" style=\"font-size:11px\">%s</text>\n",
					 x, y, text);
}

/* Draw one event; pale if it belongs to no sequence shown. */
static void
draw_event(StringInfo out, const Scale *s, const AdTape *tape, uint32 pos,
		   bool member)
{
	const AdEvent *e = AD_AT(tape, pos);
	bool		buy = e->side == AD_BUY;
	double		x = x_of(s, e->ts);
	double		y = isnan(e->price) ? s->area.y : y_of(s, e->price);
	bool		matched = (e->flags & AD_EVENT_MATCHED) != 0;

	appendStringInfo(out, "<g opacity=\"%s\">", member ? "1" : "0.3");
	if (e->kind == AD_EVENT_ORDER)
		appendStringInfo(out, "<path class=\"%s\" d=\"M%.1f %.1fH%.1f\" style=\"stroke-width:%.1f%s\">",
						 buy ? "x" : "y", x, y,
						 matched ? x_of(s, AD_AT(tape, e->link)->ts) :
						 s->area.x + s->area.width,
						 matched ? thickness(s, e) : 1.5,
						 matched ? ";stroke-opacity:.5" : ";stroke-dasharray:4 4");
	else if (e->kind != AD_EVENT_TRADE)
		appendStringInfo(out, "<path class=\"%s\" d=\"M%.1f %.1fl10 10m0 -10l-10 10\">",
						 buy ? "x" : "y", x - 5, y - 5);
	else
		appendStringInfo(out, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\">",
						 buy ? "v" : "z", x, y, 3 + thickness(s, e) / 2);
	append_tooltip(out, e);
	appendStringInfoString(out, e->kind == AD_EVENT_TRADE ?
						   "</circle></g>\n" : "</path></g>\n");
}

/* Append the quantity of an order or a trade: above the bar, beside the disc. */
static void
draw_event_quantity(StringInfo out, const Scale *s, Labels *labels,
					const AdEvent *e)
{
	double		x = x_of(s, e->ts);
	double		y = isnan(e->price) ? s->area.y : y_of(s, e->price);
	double		half = thickness(s, e) / 2;

	if (e->kind == AD_EVENT_ORDER)
		draw_quantity(out, s, labels, e, x,
					  s->area.x + s->area.width, y - half - 3);
	else if (e->kind == AD_EVENT_TRADE)
		draw_quantity(out, s, labels, e, x + half + 6, x - half - 6,
					  y + 4);
}

/*
 * Append the events of a tape, then their quantities, so that these lie
 * above.  Members of the sequences that are shown come first to their labels.
 */
static void
draw_events(StringInfo out, const Scale *s, AdTape *tape,
			const AdSequences *sequences, const AdTimelineConfig *c)
{
	Labels	   *labels = palloc0(sizeof(Labels));
	Size		m = 0;
	StringInfoData texts;

	initStringInfo(&texts);
	for (uint32 pos = tape->head; pos < tape->end; pos++)
	{
		bool		member = false;

		AD_CHECK_EVERY_1024(pos);
		for (; m < sequences->nmembers && sequences->members[m].pos <= pos;
			 m++)
			if (sequences->members[m].pos == pos &&
				(c->sequence <= 0 ||
				 sequences->members[m].seq + 1 == (uint32) c->sequence))
				member = true;
		if (member || !c->members_only)
			draw_event(out, s, tape, pos, member);
		if (member || sequences->n == 0)
			draw_event_quantity(&texts, s, labels, AD_AT(tape, pos));
	}
	appendStringInfoString(out, texts.data);
}

/* Append the largest quantity of a tape. */
static void
append_largest(StringInfo out, const AdTape *tape)
{
	AdQuantity	largest = 0;

	for (uint32 pos = tape->head; pos < tape->end; pos++)
		largest = Max(largest, ad_event_units(AD_AT(tape, pos)));
	appendStringInfoString(out, ad_quantity_text(largest));
}

/*
 * Append the picture of a tape's events, which must be matched, and of the
 * sequences found in them, with their members.
 */
void
ad_timeline_draw(StringInfo out, AdTape *tape, const AdSequences *sequences,
				 const AdTimelineConfig *c)
{
	const char *title = c->title ? c->title : "Order events";
	int			nlegend = (int) lengthof(legend);
	AdLegendItem items[lengthof(legend)];
	StringInfoData summary;
	StringInfoData largest;
	double		more = draw_title(NULL, title, c);
	double		y;
	Scale		s;

	memcpy(items, legend, sizeof(legend));
	initStringInfo(&summary);
	initStringInfo(&largest);
	ad_append_date(&summary, AD_AT(tape, tape->head)->ts);
	appendStringInfo(&summary, " UTC, %u event%s, ", tape->end - tape->head,
					 tape->end - tape->head == 1 ? "" : "s");
	if (c->sequence > 0)
		appendStringInfo(&summary, "sequence %d of %u", c->sequence,
						 sequences->n);
	else
		appendStringInfo(&summary, "%u sequence%s", sequences->n,
						 sequences->n == 1 ? "" : "s");
	appendStringInfoString(&largest, "quantity, thickest: ");
	append_largest(&largest, tape);
	items[nlegend - 1].text = largest.data;
	y = HEAD + more - AD_PICTURE_LINE +
		ad_picture_legend(NULL, items, nlegend, 0, c->width);
	if (c->height - y - AD_PICTURE_AXIS < c->height / 3.0)
	{
		y = HEAD + more - AD_PICTURE_LINE;
		nlegend = 0;
	}
	set_scale(&s, tape, c, y);
	ad_picture_open(out, c->width, c->height, title, summary.data);
	(void) draw_title(out, title, c);
	ad_picture_text(out, AD_PICTURE_MARGIN, 40 + more, "start", "m",
					summary.data, c->width - 2 * AD_PICTURE_MARGIN);
	(void) ad_picture_legend(out, items, nlegend, 55 + more, c->width);
	draw_frame(out, &s, c->width);
	draw_sequences(out, &s, sequences, c);
	draw_events(out, &s, tape, sequences, c);
	ad_picture_end(out);
}
