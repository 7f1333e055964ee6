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
 *
 * The text depends on nothing but the events: no clock, no locale.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_xml.h"
#include "market/ad_dialect.h"
#include "market/ad_timeline.h"

#include <float.h>

#include "common/shortest_dec.h"

#define MARGIN_LEFT		84
#define MARGIN_RIGHT	24
#define MARGIN_TOP		56
#define MARGIN_BOTTOM	64
#define TIME_TICKS		6
#define PRICE_TICKS		6
#define USECS			INT64CONST(1000000)
#define USECS_DAY		(INT64CONST(86400) * USECS)

static const char *const colours[] = {"#1f6fb4", "#c9342b"};

#define MIN_SPAN		1e-300	/* of prices: more than the least numbers */

/* Where times and prices lie in the picture. */
typedef struct Scale
{
	int64		t0;
	double		t_span;			/* microseconds */
	double		p0;
	double		p_span;
	double		left;
	double		top;
	double		width;
	double		height;
	double		largest;		/* size */
	int64		epoch;			/* days from 1970-01-01 to time 0 */
} Scale;

static double
x_of(const Scale *s, int64 t)
{
	return s->left + ((double) t - (double) s->t0) / s->t_span * s->width;
}

static double
y_of(const Scale *s, double price)
{
	return s->top + s->height - (price - s->p0) / s->p_span * s->height;
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

/* Append a time of day in UTC, to the millisecond. */
static void
append_time(StringInfo out, int64 t)
{
	int64		us = t % USECS_DAY;

	if (us < 0)
		us += USECS_DAY;
	appendStringInfo(out, "%02d:%02d:%02d.%03d",
					 (int) (us / USECS / 3600), (int) (us / USECS / 60 % 60),
					 (int) (us / USECS % 60), (int) (us % USECS / 1000));
}

/* Append a date: days since 1970-01-01 in the Gregorian calendar. */
static void
append_date(StringInfo out, const Scale *s, int64 t)
{
	int64		days = t / USECS_DAY;
	int64		era;
	int64		doe;
	int64		yoe;
	int64		doy;
	int64		mp;
	int64		day;
	int64		month;
	int64		year;

	if (t % USECS_DAY < 0)
		days--;
	days += s->epoch + 719468;	/* from 0000-03-01 */
	era = (days >= 0 ? days : days - 146096) / 146097;
	doe = days - era * 146097;
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;
	day = doy - (153 * mp + 2) / 5 + 1;
	month = mp < 10 ? mp + 3 : mp - 9;
	year = yoe + era * 400 + (month <= 2 ? 1 : 0);
	appendStringInfo(out, "%04d-%02d-%02d", (int) year, (int) month,
					 (int) day);
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
	append_number(out, e->price);
	appendStringInfoString(out, ", ");
	append_time(out, e->ts);
	if (e->idlen > 0)
	{
		appendStringInfoString(out, ", order ");
		append_text(out, e->id, e->idlen);
	}
	appendStringInfoString(out, "</title>");
}

/*
 * A step of 1, 2 or 5 times a power of ten that gives about n ticks; span is
 * finite and at least MIN_SPAN.
 */
static double
nice_step(double span, int n)
{
	double		raw = span / n;
	double		power = 1;
	double		m;

	while (power > raw)
		power /= 10;
	while (power * 10 <= raw)
		power *= 10;
	m = raw / power;
	return power * (m < 1.5 ? 1 : m < 3.5 ? 2 : m < 7.5 ? 5 : 10);
}

/* Decimals that a step needs. */
static int
step_decimals(double step)
{
	int			n = 0;

	while (n < 8 && fabs(step - rint(step)) > 1e-6 * step)
	{
		step *= 10;
		n++;
	}
	return n;
}

/* Set the scale to the events of a tape. */
static void
set_scale(Scale *s, const AdTape *tape, const AdTimelineConfig *c,
		  int64 epoch)
{
	double		lowest = (double) INFINITY;
	double		highest = 0;
	int64		t1 = AD_AT(tape, tape->end - 1)->ts;
	double		pad;

	s->t0 = AD_AT(tape, tape->head)->ts;
	s->largest = 0;
	s->epoch = epoch;
	for (uint32 pos = tape->head; pos < tape->end; pos++)
	{
		const AdEvent *e = AD_AT(tape, pos);

		lowest = Min(lowest, e->price);
		highest = Max(highest, e->price);
		s->largest = Max(s->largest, ad_event_size(e));
	}
	pad = Max((highest - lowest) * 0.08, highest * 1e-5);
	s->p0 = lowest - pad;
	/* prices may be as large and as small as numbers are */
	s->p_span = Max(Min(highest - lowest + 2 * pad, DBL_MAX), MIN_SPAN);
	pad = Max(((double) t1 - (double) s->t0) * 0.03, 1000);
	s->t0 = ad_time_sub(s->t0, (int64) pad);
	s->t_span = (double) t1 - (double) s->t0 + pad;
	s->left = MARGIN_LEFT;
	s->top = MARGIN_TOP;
	s->width = c->width - MARGIN_LEFT - MARGIN_RIGHT;
	s->height = c->height - MARGIN_TOP - MARGIN_BOTTOM;
}

/* Draw grid, axes and legend. */
static void
draw_frame(StringInfo out, const Scale *s)
{
	double		step = nice_step(s->p_span, PRICE_TICKS);
	int			decimals = step_decimals(step);
	double		bottom = s->top + s->height;
	double		highest = Min(s->p0 + s->p_span, DBL_MAX);
	static const struct
	{
		const char *text;
		int			x;
	}			legend[] =
	{
		{"order, placed to cancelled", 34}, {"cancel", 254}, {"trade", 338}
	};

	for (double p = ceil(s->p0 / step) * step; p <= highest; p += step)
	{
		appendStringInfo(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#e4e4e4\"/>\n",
						 s->left, y_of(s, p), s->left + s->width, y_of(s, p));
		appendStringInfo(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%.*f</text>\n",
						 s->left - 8, y_of(s, p) + 4, decimals, p);
	}
	for (int i = 0; i <= TIME_TICKS; i++)
	{
		double		x = s->left + s->width * i / TIME_TICKS;
		double		after = s->t_span * i / TIME_TICKS;
		double		near = Min(after, 9e18);	/* the span may be longer */

		appendStringInfo(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#e4e4e4\"/>\n<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">",
						 x, s->top, x, bottom, x, bottom + 18);
		append_time(out, ad_time_add(ad_time_add(s->t0, (int64) near),
									 (int64) (after - near)));
		appendStringInfoString(out, "</text>\n");
	}
	appendStringInfo(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"none\" stroke=\"#888\"/>\n",
					 s->left, s->top, s->width, s->height);

	appendStringInfo(out, "<g transform=\"translate(%.1f,%.1f)\">\n",
					 s->left, bottom + 42);
	appendStringInfoString(out, "<line x1=\"0\" y1=\"-4\" x2=\"28\" y2=\"-4\" stroke=\"#555\" stroke-width=\"5\"/>\n"
						   "<path d=\"M236 -8l8 8m0 -8l-8 8\" stroke=\"#555\" stroke-width=\"2\"/>\n"
						   "<circle cx=\"326\" cy=\"-4\" r=\"6\" fill=\"#555\"/>\n");
	for (int i = 0; i < (int) lengthof(legend); i++)
		appendStringInfo(out, "<text x=\"%d\" y=\"0\">%s</text>\n",
						 legend[i].x, legend[i].text);
	appendStringInfo(out, "<text x=\"410\" y=\"0\" fill=\"%s\">BUY</text>\n<text x=\"446\" y=\"0\" fill=\"%s\">SELL</text>\n</g>\n",
					 colours[AD_BUY], colours[AD_SELL]);
}

/* Draw one event; pale if it belongs to no sequence shown. */
static void
draw_event(StringInfo out, const Scale *s, const AdTape *tape, uint32 pos,
		   bool member)
{
	const AdEvent *e = AD_AT(tape, pos);
	const char *colour = colours[e->side];
	double		x = x_of(s, e->ts);
	double		y = y_of(s, e->price);
	bool		matched = (e->flags & AD_EVENT_MATCHED) != 0;

	appendStringInfo(out, "<g opacity=\"%s\">", member ? "1" : "0.3");
	if (e->kind == AD_EVENT_ORDER)
		appendStringInfo(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" stroke-width=\"%.1f\"%s/>",
						 x, y, matched ? x_of(s, AD_AT(tape, e->link)->ts) :
						 s->left + s->width, y, colour,
						 matched ? thickness(s, e) : 1.5,
						 matched ? "" : " stroke-dasharray=\"4 4\"");
	else if (e->kind == AD_EVENT_CANCEL)
		appendStringInfo(out, "<path d=\"M%.1f %.1fl10 10m0 -10l-10 10\" stroke=\"%s\" stroke-width=\"2.5\" fill=\"none\"/>",
						 x - 5, y - 5, colour);
	else
		appendStringInfo(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" fill=\"%s\" stroke=\"#fff\"/>",
						 x, y, 3 + thickness(s, e) / 2, colour);
	append_tooltip(out, e);
	appendStringInfoString(out, "</g>\n");
}

/*
 * Append the picture of a tape's events, which must be matched, and of the
 * sequences found in them, with their members.  epoch is the number of days
 * from 1970-01-01 to time 0.
 */
void
ad_timeline_draw(StringInfo out, AdTape *tape, const AdSequences *sequences,
				 const AdTimelineConfig *c, int64 epoch)
{
	Scale		s;
	Size		m = 0;

	set_scale(&s, tape, c, epoch);
	appendStringInfo(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"12\">\n",
					 c->width, c->height, c->width, c->height);
	appendStringInfoString(out, "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n");
	appendStringInfo(out, "<text x=\"%d\" y=\"22\" font-size=\"15\" font-weight=\"bold\">",
					 MARGIN_LEFT);
	if (c->title)
		append_text(out, c->title, strlen(c->title));
	else
		appendStringInfoString(out, "Order events");
	appendStringInfo(out, "</text>\n<text x=\"%d\" y=\"42\" fill=\"#555\">",
					 MARGIN_LEFT);
	append_date(out, &s, AD_AT(tape, tape->head)->ts);
	appendStringInfo(out, " UTC, %u events, %u sequences</text>\n",
					 tape->end - tape->head, sequences->n);

	for (uint32 i = 0; i < sequences->n; i++)
	{
		const AdSequence *q = &sequences->items[i];
		double		x0 = x_of(&s, q->start);
		double		x1 = Max(x_of(&s, q->end), x0 + 1);

		if (c->sequence > 0 && (uint32) c->sequence != i + 1)
			continue;
		appendStringInfo(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"#f5e6b8\" opacity=\"0.6\"><title>sequence %u: %s, %u orders</title></rect>\n",
						 x0, s.top, x1 - x0, s.height, i + 1,
						 ad_side_word(q->side), q->norders);
	}
	draw_frame(out, &s);
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
	appendStringInfoString(out, "</svg>\n");
}
