/*-------------------------------------------------------------------------
 *
 * score_bins.c
 *		Scores counted in bins.
 *
 * Scores are kept as rankings keep them, 8 bytes a row, so that what is shown
 * is decided when all are known: the edges of the bins are round numbers,
 * counts are exact, and nothing depends on the order of the rows or on who
 * merged them.
 *
 * Few scores far from all others would leave one bar of the rest.  So, unless
 * the ends are given, bins reach as far beyond the first and the last
 * hundredth of the rows as REACH times what lies between these; rows farther
 * out are counted apart.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_elementary.h"
#include "evaluate/ad_score_bins.h"

#include <float.h>

#define REACH			4
#define TAIL			0.01	/* share of the rows at either end */
#define ONE_SCORE		5		/* bins around it, if it is the only one */
#define LN10			2.30258509299404568402

const char *const ad_score_class_names[AD_SCORE_CLASSES] = {
	"without a label", "normal", "anomalies"
};

/* Return the keys of a class, or NULL if it has none. */
static AdKeys *
keys_of(const AdScoreSet *set, AdScoreClass class)
{
	AdRanking  *r = class == AD_SCORE_UNLABELLED ? set->unlabelled :
		set->labelled;
	AdKeys	   *keys;

	if (r == NULL)
		return NULL;
	keys = &r->keys[class == AD_SCORE_ANOMALY ? 1 : 0];
	return keys->n > 0 ? keys : NULL;
}

/*
 * Add a row; what the set is made of is allocated in mcxt.  A score that is
 * not finite is only counted.
 */
void
ad_score_set_add(AdScoreSet *set, MemoryContext mcxt, double score,
				 AdScoreClass class)
{
	AdRanking **r = class == AD_SCORE_UNLABELLED ? &set->unlabelled :
		&set->labelled;

	if (!isfinite(score))
	{
		set->odd++;
		return;
	}
	if (unlikely(*r == NULL))
		*r = ad_ranking_create(mcxt);
	ad_ranking_add(*r, score, class == AD_SCORE_ANOMALY);
}

/* Return how many of sorted keys are less than a key. */
static Size
less_than(const AdKeys *keys, uint64 key)
{
	Size		low = 0;
	Size		high = keys->n;

	while (low < high)
	{
		Size		middle = low + (high - low) / 2;

		if (keys->v[middle] < key)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Return how many scores of a set have a lesser key. */
static uint64
rows_before(const AdScoreSet *set, uint64 key)
{
	uint64		rows = 0;

	for (int c = 0; c < AD_SCORE_CLASSES; c++)
		if (keys_of(set, c))
			rows += less_than(keys_of(set, c), key);
	return rows;
}

/* Return the score at a place in the order of all, from 0 on. */
static double
score_at(const AdScoreSet *set, uint64 place)
{
	uint64		low = 0;		/* the greatest key that no more are before */

	for (int bit = 63; bit >= 0; bit--)
	{
		uint64		key = low | (UINT64CONST(1) << bit);

		if (rows_before(set, key) <= place)
			low = key;
	}
	return ad_score_of_key(low);
}

/* Set the ends of what is shown. */
static void
choose_ends(const AdScoreSet *set, uint64 rows,
			const AdScorePlotOptions *o, double *low, double *high)
{
	uint64		tail = (uint64) (TAIL * (double) rows);
	double		first = score_at(set, tail);
	double		last = score_at(set, rows - 1 - tail);
	double		least = -DBL_MAX;
	double		greatest = DBL_MAX;

	if (first < last)
	{
		least = Max(first - (last - first) * REACH, -DBL_MAX);
		greatest = Min(last + (last - first) * REACH, DBL_MAX);
	}
	/* the outermost scores that are in reach */
	*low = score_at(set, rows_before(set, ad_key_of_score(least)));
	*high = score_at(set, rows_before(set, ad_key_of_score(greatest) + 1) - 1);
	/* a threshold that is in reach is shown */
	if (o->threshold >= least && o->threshold <= greatest)
	{
		*low = Min(*low, o->threshold);
		*high = Max(*high, o->threshold);
	}
	if (!isnan(o->low))
	{
		*low = o->low;
		*high = Max(*high, *low);
	}
	if (!isnan(o->high))
	{
		*high = o->high;
		*low = Min(*low, *high);
	}
}

/* Set the edges: multiples of a round step, in at most so many bins. */
static void
choose_edges(AdScoreBins *h, double low, double high, int bins)
{
	/* of one score, a few bins around it */
	if (!(low < high))
	{
		double		pad = Max(fabs(low) / 20, DBL_MIN);

		high = low == 0 ? 1 : Min(low + pad, DBL_MAX);
		low = low == 0 ? -1 : Max(low - pad, -DBL_MAX);
		bins = Min(bins, ONE_SCORE);
	}
	h->edges = ad_palloc_array(double, bins + 1);
	for (int most = bins; most > 0; most--)
	{
		double		first;
		int			n = 0;

		if (!ad_step_choose(low, high, most, false, &h->step))
			break;
		first = floor(low / h->step.length);
		while (ad_step_times(&h->step, first) > low)
			first--;
		while (ad_step_times(&h->step, first + 1) <= low)
			first++;
		h->first = first;
		do
			h->edges[n] = ad_step_times(&h->step, first + n);
		while (h->edges[n] < high && ++n <= bins);
		h->n = n;
		if (n > 0 && n <= bins && h->edges[0] <= low)
			return;
	}
	/* no step can be told, or there is but one bin */
	h->n = 1;
	h->first = NAN;
	h->edges[0] = low;
	h->edges[1] = high;
}

/* Count the scores of a class. */
static void
count_class(AdScoreBins *h, AdScoreClass class, const AdKeys *keys)
{
	Size		before;
	Size		all_but_above;

	h->counts[class] = ad_palloc0_array(uint64, h->n);
	if (keys == NULL)
		return;
	h->total[class] = keys->n;
	h->below[class] = before = less_than(keys, ad_key_of_score(h->edges[0]));
	all_but_above = less_than(keys, ad_key_of_score(h->edges[h->n]) + 1);
	h->above[class] = keys->n - all_but_above;
	for (int i = 0; i < h->n; i++)
	{
		Size		to = i == h->n - 1 ? all_but_above :
			less_than(keys, ad_key_of_score(h->edges[i + 1]));

		h->counts[class][i] = to - before;
		before = to;
	}
}

/*
 * Count the scores of a set, which is sorted on the way; false if it has none
 * that is finite.  In the current context.
 */
bool
ad_score_bins_build(AdScoreBins *h, AdScoreSet *set,
					const AdScorePlotOptions *o)
{
	uint64		rows = 0;
	double		low;
	double		high;

	memset(h, 0, sizeof(*h));
	h->odd = set->odd;
	h->least = INFINITY;
	h->greatest = -INFINITY;
	if (set->labelled)
		ad_ranking_sort(set->labelled);
	if (set->unlabelled)
		ad_ranking_sort(set->unlabelled);
	for (int c = 0; c < AD_SCORE_CLASSES; c++)
	{
		AdKeys	   *keys = keys_of(set, c);

		if (keys == NULL)
			continue;
		rows += keys->n;
		h->least = Min(h->least, ad_score_of_key(keys->v[0]));
		h->greatest = Max(h->greatest, ad_score_of_key(keys->v[keys->n - 1]));
	}
	if (rows == 0)
		return false;
	choose_ends(set, rows, o, &low, &high);
	choose_edges(h, low, high, o->bins);
	for (int c = 0; c < AD_SCORE_CLASSES; c++)
		count_class(h, c, keys_of(set, c));
	return true;
}

/* Return what heights are: shares if there are two classes, unless said. */
AdScoreHeight
ad_score_bins_scale(const AdScoreBins *h, const AdScorePlotOptions *o)
{
	if (o->scale != AD_HEIGHT_AUTO)
		return o->scale;
	return h->total[AD_SCORE_NORMAL] > 0 && h->total[AD_SCORE_ANOMALY] > 0 ?
		AD_HEIGHT_SHARE : AD_HEIGHT_ROWS;
}

/*
 * Return the height of a bar in units of its scale; a logarithm, to base ten,
 * counts from that of a half on, so that one row can be seen.
 */
double
ad_score_bar(const AdScoreBins *h, AdScoreClass class, uint64 count,
			 AdScoreHeight scale)
{
	if (count == 0)
		return 0;
	switch (scale)
	{
		case AD_HEIGHT_SHARE:
			return (double) count / (double) h->total[class];
		case AD_HEIGHT_LOG:
			return ad_log((double) count * 2) / LN10;
		default:
			return (double) count;
	}
}

/* Return the height of the highest bar. */
double
ad_score_bins_highest(const AdScoreBins *h, AdScoreHeight scale)
{
	double		highest = 0;

	for (int c = 0; c < AD_SCORE_CLASSES; c++)
	{
		for (int i = 0; i < h->n; i++)
			highest = Max(highest,
						  ad_score_bar(h, c, h->counts[c][i], scale));
		highest = Max(highest, ad_score_bar(h, c, h->below[c], scale));
		highest = Max(highest, ad_score_bar(h, c, h->above[c], scale));
	}
	return highest;
}

/* Write an edge. */
void
ad_score_bins_edge(const AdScoreBins *h, int i, char label[AD_TICK_LENGTH])
{
	if (isnan(h->first))
		snprintf(label, AD_TICK_LENGTH, "%.6g", h->edges[i]);
	else
		ad_step_label(&h->step, h->first + i,
					  Max(fabs(h->edges[0]), fabs(h->edges[h->n])), label);
}

/* Append a count, with commas between thousands. */
void
ad_append_count(StringInfo out, uint64 count)
{
	char		digits[32];
	int			len = snprintf(digits, sizeof(digits), UINT64_FORMAT, count);

	for (int i = 0; i < len; i++)
	{
		if (i > 0 && (len - i) % 3 == 0)
			appendStringInfoChar(out, ',');
		appendStringInfoChar(out, digits[i]);
	}
}
