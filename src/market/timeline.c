/*-------------------------------------------------------------------------
 *
 * timeline.c
 *		A layering episode as a picture (SVG).
 *
 * Time runs to the right, price upwards.  An order is a bar at its price
 * from its placement to its cancel (dashed to the edge if it has none), as
 * thick as it is large; a cancel is a cross, a trade a disc.  Buys are blue
 * and sells red.  The span of a sequence is shaded, and what does not belong
 * to one is pale.  Every mark carries a tooltip with its figures.
 * Times are those of UTC.
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
#define PRICE_ROOM		34.0	/* pixels a tick */

/* Where times and prices lie in the picture. */
typedef struct Scale
{
	AdArea		area;			/* low, high: prices */
	int64		t0;				/* microseconds */
	int64		t1;
	double		largest;		/* size */
} Scale;

static double
x_of(const Scale *s, int64 t)
{
	return s->area.x + ((double) t - (double) s->t0) /
		((double) s->t1 - (double) s->t0) * s->area.width;
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

static const AdLegendItem legend[] = {
	{"<path class=\"n\" d=\"M-8 0h16\"/>", "order, placed to cancelled"},
	{"<path class=\"n\" d=\"M-4 -4l8 8m0 -8l-8 8\"/>", "cancel"},
	{"<circle class=\"o\" r=\"5\"/>", "trade"},
	{"<path class=\"x\" d=\"M-8 0h16\"/>", "BUY"},
	{"<path class=\"y\" d=\"M-8 0h16\"/>", "SELL"},
	{"<path class=\"s\" d=\"M-8 -5h16v10h-16z\"/>", "sequence"}
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
						 matched ? "" : ";stroke-dasharray:4 4");
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
	StringInfoData summary;
	double		y;
	Scale		s;
	Size		m = 0;

	initStringInfo(&summary);
	ad_append_date(&summary, AD_AT(tape, tape->head)->ts);
	appendStringInfo(&summary, " UTC, %u events, %u sequences",
					 tape->end - tape->head, sequences->n);
	y = HEAD - AD_PICTURE_LINE +
		ad_picture_legend(NULL, legend, nlegend, 0, c->width);
	if (c->height - y - AD_PICTURE_AXIS < c->height / 3.0)
	{
		y = HEAD - AD_PICTURE_LINE;
		nlegend = 0;
	}
	set_scale(&s, tape, c, y);
	ad_picture_begin(out, c->width, c->height, title, summary.data);
	ad_picture_text(out, AD_PICTURE_MARGIN, 40, "start", "m", summary.data,
					c->width - 2 * AD_PICTURE_MARGIN);
	(void) ad_picture_legend(out, legend, nlegend, 55, c->width);
	draw_frame(out, &s, c->width);
	draw_sequences(out, &s, sequences, c);
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
		draw_event(out, &s, tape, pos, member);
	}
	ad_picture_end(out);
}
