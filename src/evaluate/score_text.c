/*-------------------------------------------------------------------------
 *
 * score_text.c
 *		A histogram of scores as text, and what is said below histograms.
 *
 * A line a bin, a column a class.  A bar that has no room for a character,
 * but rows, is a dot.
 *
 *-------------------------------------------------------------------------
 */
#include "evaluate/ad_score_bins.h"

#define MIN_BAR			4		/* characters of the longest bar, at least */

/* Return the sum over the classes. */
static uint64
sum_of(const uint64 *counts)
{
	uint64		sum = 0;

	for (int c = 0; c < AD_SCORE_CLASSES; c++)
		sum += counts[c];
	return sum;
}

/* Append how many rows are beyond an end. */
static void
beyond(StringInfo out, const AdScoreBins *h, const uint64 *counts,
	   const char *where, int edge, double farthest, const char *end)
{
	const char *separator = " (";
	char		label[AD_TICK_LENGTH];

	if (sum_of(counts) == 0)
		return;
	ad_score_bins_edge(h, edge, label);
	ad_append_count(out, sum_of(counts));
	appendStringInfo(out, " %s %s, %s %.4g", where, label,
					 edge == 0 ? "down to" : "up to", farthest);
	if (h->total[AD_SCORE_UNLABELLED] < sum_of(h->total))
	{
		for (int c = AD_SCORE_CLASSES - 1; c >= 0; c--)
		{
			if (counts[c] == 0)
				continue;
			appendStringInfoString(out, separator);
			ad_append_count(out, counts[c]);
			appendStringInfo(out, " %s", ad_score_class_names[c]);
			separator = ", ";
		}
		appendStringInfoChar(out, ')');
	}
	appendStringInfoString(out, end);
}

/*
 * Append what a histogram does not show, each with an end of line: rows
 * beyond the ends, scores that are no number, a threshold out of reach.
 */
void
ad_score_notes(StringInfo out, const AdScoreBins *h,
			   const AdScorePlotOptions *o, const char *end)
{
	beyond(out, h, h->below, "below", 0, h->least, end);
	beyond(out, h, h->above, "above", h->n, h->greatest, end);
	if (h->odd > 0)
	{
		ad_append_count(out, h->odd);
		appendStringInfo(out, " infinite or not a number%s", end);
	}
	if (o->threshold < h->edges[0] || o->threshold > h->edges[h->n])
		appendStringInfo(out, "threshold %.4g is out of the picture%s",
						 o->threshold, end);
}

/* Append a text, filled up with spaces. */
static void
padded(StringInfo out, const char *text, int width, bool right)
{
	int			pad = Max(width - (int) strlen(text), 0);

	appendStringInfo(out, "%*s%s%*s", right ? pad : 0, "", text,
					 right ? 0 : pad, "");
}

/* Return what stands beside a bar. */
static const char *
figure(const AdScoreBins *h, AdScoreClass class, uint64 count,
	   AdScoreHeight scale)
{
	StringInfoData text;

	initStringInfo(&text);
	if (scale == AD_HEIGHT_SHARE)
		appendStringInfo(&text, "%.1f %%",
						 100 * (double) count / Max((double) h->total[class], 1));
	else
		ad_append_count(&text, count);
	return text.data;
}

/* How a text is laid out. */
typedef struct Layout
{
	int			label;			/* characters of an edge */
	int			figure;			/* of what stands beside a bar */
	int			bar;			/* of the longest bar */
	AdScoreHeight scale;
	double		highest;
	int			classes;
} Layout;

/* Append a class's column of a line. */
static void
append_column(StringInfo out, const AdScoreBins *h, const Layout *l,
			  AdScoreClass class, uint64 count)
{
	double		share = ad_score_bar(h, class, count, l->scale) / l->highest;
	int			length = (int) rint(share * l->bar);

	appendStringInfoString(out, "  ");
	for (int i = 0; i < length; i++)
		appendStringInfoChar(out, '#');
	if (length == 0 && count > 0)
		appendStringInfoChar(out, '.');
	padded(out, "", l->bar - Max(length, count > 0 ? 1 : 0), false);
	appendStringInfoChar(out, ' ');
	padded(out, count > 0 ? figure(h, class, count, l->scale) : "-", l->figure,
		   true);
}

/* Set the layout of a text of so many characters. */
static void
lay_out(Layout *l, const AdScoreBins *h, const AdScorePlotOptions *o)
{
	memset(l, 0, sizeof(*l));
	l->scale = ad_score_bins_scale(h, o);
	l->highest = Max(ad_score_bins_highest(h, l->scale), 1e-300);
	for (int i = 0; i <= h->n; i++)
	{
		char		label[AD_TICK_LENGTH];

		ad_score_bins_edge(h, i, label);
		l->label = Max(l->label, (int) strlen(label));
	}
	for (int c = 0; c < AD_SCORE_CLASSES; c++)
	{
		if (h->total[c] == 0)
			continue;
		l->classes++;
		for (int i = 0; i < h->n; i++)
			l->figure = Max(l->figure,
							(int) strlen(figure(h, c, h->counts[c][i],
												l->scale)));
	}
	l->bar = (o->width - 2 * l->label - 4) / l->classes - l->figure - 3;
	l->bar = Max(l->bar, MIN_BAR);
}

/* Append the head: the classes and how many rows they have. */
static void
append_head(StringInfo out, const AdScoreBins *h, const Layout *l)
{
	padded(out, "score", 2 * l->label + 4, false);
	for (int c = AD_SCORE_CLASSES - 1; c >= 0; c--)
	{
		StringInfoData text;

		if (h->total[c] == 0)
			continue;
		initStringInfo(&text);
		appendStringInfo(&text, "  %s (",
						 h->total[AD_SCORE_UNLABELLED] == sum_of(h->total) ?
						 "rows" : ad_score_class_names[c]);
		ad_append_count(&text, h->total[c]);
		appendStringInfoChar(&text, ')');
		padded(out, text.data, l->bar + l->figure + 3, false);
	}
	while (out->len > 0 && out->data[out->len - 1] == ' ')
		out->data[--out->len] = '\0';
}

/* Append a histogram as lines, without an end of line after the last. */
void
ad_score_text(StringInfo out, const AdScoreBins *h,
			  const AdScorePlotOptions *o)
{
	Layout		l;
	char		label[AD_TICK_LENGTH];

	lay_out(&l, h, o);
	append_head(out, h, &l);
	for (int i = 0; i < h->n; i++)
	{
		bool		last = i == h->n - 1;

		appendStringInfoChar(out, '\n');
		ad_score_bins_edge(h, i, label);
		padded(out, label, l.label, true);
		appendStringInfoString(out, " to ");
		ad_score_bins_edge(h, i + 1, label);
		padded(out, label, l.label, true);
		for (int c = AD_SCORE_CLASSES - 1; c >= 0; c--)
			if (h->total[c] > 0)
				append_column(out, h, &l, c, h->counts[c][i]);
		if (o->threshold >= h->edges[i] &&
			(o->threshold < h->edges[i + 1] || (last && o->threshold == h->edges[i + 1])))
			appendStringInfo(out, "  threshold %.4g", o->threshold);
	}
	appendStringInfoChar(out, '\n');
	ad_score_notes(out, h, o, "\n");
	out->data[--out->len] = '\0';
}
