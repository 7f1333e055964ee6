/*-------------------------------------------------------------------------
 *
 * drift_plot.c
 *		What has changed, as a picture (SVG): a row a feature.
 *
 * A row has the bins that the feature's PSI is of, as wide as each other
 * whatever their numbers are, with two bars each: the share of the reference's
 * rows and that of the current ones.  Where bins are a tenth of the reference,
 * its bars are a straight line, and every other line is drift.  The greatest
 * drift comes first.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_picture.h"
#include "core/ad_xml.h"
#include "model/ad_value_text.h"
#include "operate/ad_drift_compare.h"
#include "operate/ad_drift_plot.h"

#include "mb/pg_wchar.h"

#define TEXT_SHARE		0.38	/* of the width, for texts */
#define MOST_TEXT		330.0	/* pixels for them */
#define BARS			44.0	/* height of the bars */
#define AXIS			18.0	/* of what is below them */
#define GAP				14.0	/* from a row to the next */
#define ROW				(BARS + AXIS + GAP)
#define LABEL_DIGITS	4		/* of a number at an edge */
#define LABEL_CHARACTERS 12		/* of a category */

/* A picture on its way into text. */
typedef struct Drawing
{
	const AdDriftPlot *plot;
	StringInfo	out;
	AdArea		area;			/* of a row's bars */
	bool		narrow;
} Drawing;

/* Significant drift first, of that the greatest PSI, then by position. */
static int
compare_rows(const void *a, const void *b)
{
	const AdDriftRow *x = *(const AdDriftRow *const *) a;
	const AdDriftRow *y = *(const AdDriftRow *const *) b;
	double		p = isnan(x->psi) ? -1 : x->psi;
	double		q = isnan(y->psi) ? -1 : y->psi;

	if (x->verdict != y->verdict)
		return x->verdict > y->verdict ? -1 : 1;
	if (p != q)
		return p > q ? -1 : 1;
	return x < y ? -1 : x > y;
}

/* Return what a row is called. */
static char *
name_of(const AdDriftRow *row)
{
	if (row->part == AD_DRIFT_SCORE)
		return "score of the model";
	return row->name[0] ? ad_quote_clip(row->name) :
		psprintf("feature %d", row->position);
}

/* Whether a bin is one number: see ad_drift_edges(). */
static bool
is_number(const AdDriftBins *b, int i)
{
	return isfinite(b->upto[i]) && b->above[i] == ad_drift_below(b->upto[i]);
}

/* Append a number of a feature, short or in full. */
static void
append_number(StringInfo text, const AdDriftRow *row, double v, bool in_full,
			  pg_tz *zone)
{
	AdValueKind kind = row->part == AD_DRIFT_SCORE ? AD_VALUE_NUMBER :
		ad_value_kind(row->class, row->type);

	/* a time of day says little where days pass, and has no room */
	if (!in_full && (kind == AD_VALUE_TIMESTAMP || kind == AD_VALUE_TIMESTAMPTZ))
		kind = AD_VALUE_DATE;
	if (!in_full && (kind == AD_VALUE_TIME || kind == AD_VALUE_INTERVAL))
		v = rint(v);
	if (kind == AD_VALUE_NUMBER)
		appendStringInfo(text, "%.*g", in_full ? LABEL_DIGITS + 2 : LABEL_DIGITS, v + 0.0);
	else
		ad_value_write(text, kind, v, kind == AD_VALUE_MONEY ? 2 : 0, zone, false);
}

/* Append what a bin has: its category, its number, or from where to where. */
static void
append_bin(StringInfo text, const AdDriftRow *row, int i, pg_tz *zone)
{
	const AdDriftBins *b = &row->bins;

	if (b->upto == NULL)
	{
		if (i < b->nvalues)
			appendStringInfoString(text, ad_quote_clip_len(b->values[i].s, b->values[i].len));
		else
			appendStringInfoString(text, "all others");
		return;
	}
	if (is_number(b, i))
	{
		append_number(text, row, b->upto[i], true, zone);
		return;
	}
	if (isfinite(b->above[i]))
	{
		appendStringInfoString(text, "above ");
		append_number(text, row, b->above[i], true, zone);
	}
	if (isfinite(b->upto[i]))
	{
		appendStringInfoString(text, isfinite(b->above[i]) ? ", at most " : "at most ");
		append_number(text, row, b->upto[i], true, zone);
	}
	if (text->len == 0)
		appendStringInfoString(text, "all");
}

/* Add a label, cut to the length that there is. */
static void
add_label(AdTicks *ticks, double at, const char *text, int characters)
{
	AdTick	   *tick = &ticks->items[ticks->n++];
	int			len = (int) strlen(text);
	int			keep = pg_mbcharcliplen(text, len, characters);

	keep = pg_mbcliplen(text, keep, AD_TICK_LENGTH - 4);
	tick->at = at;
	tick->period[0] = '\0';
	snprintf(tick->label, AD_TICK_LENGTH, "%.*s%s", keep, text,
			 keep < len ? "..." : "");
}

/* Return what stands below a bin beside others that are numbers. */
static const char *
beside_numbers(const AdDriftBins *b, int i)
{
	if (i == 0)
		return b->n > 1 && is_number(b, 1) ? "less" : NULL;
	if (!is_number(b, i - 1))
		return NULL;
	return i == b->n - 1 ? "more" : "other";
}

/* Set the labels below the bars: of a bin, or between two of them. */
static void
set_labels(const Drawing *d, const AdDriftRow *row, AdTicks *ticks)
{
	const AdDriftBins *b = &row->bins;

	for (int i = 0; i < b->n && ticks->n < AD_MAX_TICKS; i++)
	{
		StringInfoData text;
		double		at = (i + 0.5) / b->n;

		initStringInfo(&text);
		if (b->upto == NULL)
		{
			append_bin(&text, row, i, d->plot->zone);
			add_label(ticks, at, text.data, LABEL_CHARACTERS);
		}
		else if (is_number(b, i))
		{
			append_number(&text, row, b->upto[i], false, d->plot->zone);
			add_label(ticks, at, text.data, AD_TICK_LENGTH);
		}
		else if (beside_numbers(b, i))
			add_label(ticks, at, beside_numbers(b, i), AD_TICK_LENGTH);
		else if (i + 1 < b->n && isfinite(b->upto[i]) && !is_number(b, i + 1))
		{
			append_number(&text, row, b->upto[i], false, d->plot->zone);
			add_label(ticks, (i + 1.0) / b->n, text.data, AD_TICK_LENGTH);
		}
		pfree(text.data);
	}
}

/* Append a bar. */
static void
bar(const Drawing *d, const char *class, double share, double most, double x,
	double width)
{
	double		height = Max(share / most * d->area.height, 1);

	if (share > 0)
		appendStringInfo(d->out, "<path class=\"%s\" d=\"M%.2f %.1fv-%.1fh%.2fv%.1fz\"/>",
						 class, x, d->area.y + d->area.height, height, width,
						 height);
}

/* Append the bars of a row, and what is below them. */
static void
bars(const Drawing *d, const AdDriftRow *row)
{
	const AdDriftBins *b = &row->bins;
	AdTicks    *labels = palloc0(sizeof(AdTicks));
	AdTicks    *none = palloc0(sizeof(AdTicks));
	double		width = d->area.width / b->n;
	double		most = 0;

	for (int i = 0; i < b->n; i++)
		most = Max(most, Max(b->p[i], b->q[i]));
	most = Max(most, 1e-300) * 1.05;
	ad_picture_frame(d->out, &d->area, none, none);
	set_labels(d, row, labels);
	ad_picture_axis(d->out, &d->area, labels, NULL, d->plot->width);
	for (int i = 0; i < b->n; i++)
	{
		double		x = d->area.x + i * width;
		StringInfoData text;

		initStringInfo(&text);
		append_bin(&text, row, i, d->plot->zone);
		appendStringInfoString(d->out, "<g><title>");
		ad_xml_append(d->out, text.data, text.len, ' ');
		appendStringInfo(d->out, ": reference %.3g %%, current %.3g %%</title>",
						 100 * b->p[i], 100 * b->q[i]);
		bar(d, "b", b->p[i], most, x + width * 0.1, width * 0.4);
		bar(d, "h", b->q[i], most, x + width * 0.5, width * 0.4);
		appendStringInfoString(d->out, "</g>\n");
		pfree(text.data);
	}
}

/* Append what the verdict on a row rests on. */
static void
append_reason(StringInfo text, const AdDriftRow *row)
{
	if (row->reason)
		appendStringInfoString(text, row->reason);
	else if (!isnan(row->psi))
		appendStringInfo(text, "PSI %.3g%s", row->psi,
						 row->class == AD_CLASS_TIMESTAMP ? " (time moves on)" : "");
	else
		appendStringInfoString(text, "nothing to compare");
}

/* Append what else has changed; nothing if nothing has. */
static void
append_other(StringInfo text, const AdDriftRow *row)
{
	if (row->missing_reference > 0 || row->missing_current > 0)
		appendStringInfo(text, "missing: %.3g %%, now %.3g %%",
						 100 * row->missing_reference,
						 100 * row->missing_current);
	if (row->nnew > 0)
		appendStringInfo(text, "%snew: %s%s (%.3g %%)", text->len > 0 ? "; " : "",
						 ad_quote_clip_len(row->added[0].s, row->added[0].len),
						 row->nnew > 1 ? psprintf(" and %d more", row->nnew - 1) : "",
						 100 * row->new_share);
}

/* Return the height of a row's texts where they are above the bars. */
static double
lines_above(const Drawing *d, const AdDriftRow *row)
{
	StringInfoData other;

	if (!d->narrow)
		return 0;
	initStringInfo(&other);
	append_other(&other, row);
	return (other.len > 0 ? 3 : 2) * AD_PICTURE_LINE + 4;
}

/* Append the lines of text of a row, whose first is there. */
static void
texts(const Drawing *d, const AdDriftRow *row, double y)
{
	static const char *const marks[] = {"o", "c", "z"};
	double		x = AD_PICTURE_MARGIN + 14;
	double		room = (d->narrow ? d->plot->width : d->area.x) - x -
		AD_PICTURE_MARGIN;
	StringInfoData text;

	initStringInfo(&text);
	append_reason(&text, row);
	appendStringInfoString(d->out, "<g><title>");
	ad_xml_append(d->out, name_of(row), strlen(name_of(row)), ' ');
	appendStringInfo(d->out, ": %s: ", ad_drift_verdict_name(row->verdict));
	ad_xml_append(d->out, text.data, text.len, ' ');
	appendStringInfo(d->out, "</title>\n<circle class=\"%s\" cx=\"%d\" cy=\"%.1f\" r=\"4.5\"/>\n",
					 marks[row->verdict], AD_PICTURE_MARGIN + 5, y - 4);
	ad_picture_text(d->out, x, y, "start", "", name_of(row), room);
	ad_picture_text(d->out, x, y + AD_PICTURE_LINE, "start", "m", text.data,
					room);
	resetStringInfo(&text);
	append_other(&text, row);
	if (text.len > 0)
		ad_picture_text(d->out, x, y + 2 * AD_PICTURE_LINE, "start", "m",
						text.data, room);
	appendStringInfoString(d->out, "</g>\n");
}

/*
 * Return the rows to draw, at most top, in their order; *n is how many there
 * are before and after.
 */
static const AdDriftRow **
choose_rows(const AdDriftRow *rows, int *n, int top)
{
	const AdDriftRow **chosen = ad_palloc_array(const AdDriftRow *, *n);
	int			k = 0;

	for (int i = 0; i < *n; i++)
		if (rows[i].part != AD_DRIFT_OVERALL)
			chosen[k++] = &rows[i];
	qsort(chosen, k, sizeof(chosen[0]), compare_rows);
	*n = Min(k, top);
	return chosen;
}

/* Append a picture of what ad_drift() returned, n rows. */
void
ad_drift_plot(StringInfo out, const AdDriftRow *rows, int n,
			  const AdDriftPlot *plot)
{
	static const AdLegendItem items[] = {
		{"<path class=\"b\" d=\"M-8 -5h16v10h-16z\"/>", "reference"},
		{"<path class=\"h\" d=\"M-8 -5h16v10h-16z\"/>", "current"},
		{"<circle class=\"z\" r=\"4.5\"/>", "significant"},
		{"<circle class=\"c\" r=\"4.5\"/>", "moderate"},
		{"<circle class=\"o\" r=\"4.5\"/>", "stable"}
	};
	Drawing		d = {.plot = plot,.out = out,.narrow = plot->width < AD_PICTURE_NARROW};
	int			all = n - 1;
	const AdDriftRow **chosen = choose_rows(rows, &n, plot->top);
	double		y = plot->title ? AD_PICTURE_TITLE : AD_PICTURE_MARGIN - 4;
	double		legend_y = y + 8;
	double		height;

	y += ad_picture_legend(NULL, items, lengthof(items), legend_y, plot->width) + GAP;
	height = y + (all > n ? AD_PICTURE_LINE : 0);
	for (int i = 0; i < n; i++)
		height += lines_above(&d, chosen[i]) + ROW;
	d.area.x = d.narrow ? AD_PICTURE_MARGIN :
		Min(plot->width * TEXT_SHARE, MOST_TEXT);
	d.area.width = plot->width - d.area.x - AD_PICTURE_MARGIN;
	d.area.height = BARS;
	ad_picture_begin(out, plot->width, (int) ceil(height), plot->title,
					 "Shares of rows, in bins of the reference, of the reference and of the current rows.");
	(void) ad_picture_legend(out, items, lengthof(items), legend_y, plot->width);
	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		d.area.y = y + lines_above(&d, chosen[i]);
		texts(&d, chosen[i], y + 12);
		if (chosen[i]->bins.n > 0)
			bars(&d, chosen[i]);
		y = d.area.y + ROW;
	}
	if (all > n)
		ad_picture_text(out, AD_PICTURE_MARGIN, y + 8, "start", "m",
						psprintf("%d more with less drift", all - n),
						plot->width - 2 * AD_PICTURE_MARGIN);
	ad_picture_end(out);
}
