/*-------------------------------------------------------------------------
 *
 * watch_metrics.c
 *		The metrics of a watched table, and what they are in a period.
 *
 * Counts, shares of NULL and of the categories, least, greatest and mean
 * values are of all rows; quantiles, and the most frequent of numbers, of the
 * sketch's sample.  Distinct values are counted where the sketch knows them
 * all, and estimated else.
 *
 *-------------------------------------------------------------------------
 */
#include "jobs/ad_watch.h"

const AdWatchMetricInfo ad_watch_metrics[AD_WATCH_METRICS] = {
	[AD_WATCH_ROWS] = {"rows", "number of rows", AD_SCALE_COUNT, false, false, false, false},
	[AD_WATCH_FRESHNESS] = {"freshness", "time from the last row to the end", AD_SCALE_SECONDS, false, false, false, true},
	[AD_WATCH_GAP] = {"gap", "longest time without a row", AD_SCALE_SECONDS, false, false, false, true},
	[AD_WATCH_NULL_SHARE] = {"null_share", "share of NULL", AD_SCALE_SHARE, true, false, false, false},
	[AD_WATCH_DISTINCT] = {"distinct", "number of distinct values", AD_SCALE_COUNT, true, true, true, false},
	[AD_WATCH_UNIQUE_SHARE] = {"unique_share", "distinct values per value", AD_SCALE_SHARE, true, true, true, false},
	[AD_WATCH_TOP_SHARE] = {"top_share", "share of the most frequent value", AD_SCALE_SHARE, true, true, true, false},
	[AD_WATCH_NEW_SHARE] = {"new_share", "share of values never seen before", AD_SCALE_SHARE, true, false, true, true},
	[AD_WATCH_MEAN] = {"mean", "mean", AD_SCALE_VALUE, true, true, false, false},
	[AD_WATCH_Q05] = {"q05", "5 % quantile", AD_SCALE_VALUE, true, true, false, false},
	[AD_WATCH_MEDIAN] = {"median", "median", AD_SCALE_VALUE, true, true, false, false},
	[AD_WATCH_Q95] = {"q95", "95 % quantile", AD_SCALE_VALUE, true, true, false, false},
	[AD_WATCH_MIN] = {"min", "least value", AD_SCALE_VALUE, true, true, false, false},
	[AD_WATCH_MAX] = {"max", "greatest value", AD_SCALE_VALUE, true, true, false, false}
};

/* The metric of a name; -1: there is none. */
int
ad_watch_metric(const char *name, Size len)
{
	for (int i = 0; i < AD_WATCH_METRICS; i++)
		if (strlen(ad_watch_metrics[i].name) == len &&
			memcmp(ad_watch_metrics[i].name, name, len) == 0)
			return i;
	return -1;
}

/* What a metric is called, with the column that it is of; palloc'd. */
char *
ad_watch_metric_key(AdWatchMetric metric, const char *column)
{
	return ad_watch_metrics[metric].of_column ?
		psprintf("%s.%s", ad_watch_metrics[metric].name, column) :
		pstrdup(ad_watch_metrics[metric].name);
}

/* Whether a metric is one of a column, or, of NULL, of the table. */
bool
ad_watch_applies(AdWatchMetric metric, const AdWatchColumn *column)
{
	const AdWatchMetricInfo *m = &ad_watch_metrics[metric];

	if (column == NULL || !m->of_column)
		return column == NULL && !m->of_column;
	if (!m->numbers && !m->categories)
		return true;
	return column->has_values &&
		(column->class == AD_CLASS_CATEGORY ? m->categories : m->numbers);
}

/* Begin facts: none is known. */
static void
no_facts(AdWatchFacts *f)
{
	memset(f, 0, sizeof(AdWatchFacts));
	for (int i = 0; i < AD_WATCH_METRICS; i++)
		f->value[i] = NAN;
	f->spread = NAN;
	f->nhashes = -1;
}

/*
 * What is known of a table in a period; newest: the last row before it, least
 * of all if none is known.
 */
void
ad_watch_facts_table(const AdWatchPeriod *p, int64 newest, AdPlaceType type,
					 AdWatchFacts *out)
{
	int64		before = newest;
	int64		gap = 0;

	no_facts(out);
	out->value[AD_WATCH_ROWS] = (double) p->rows;
	for (int i = 0; i < AD_WATCH_SLOTS; i++)
	{
		if (p->first[i] > p->last[i])
			continue;
		gap = Max(gap, p->first[i] - (before == AD_PLACE_LEAST ? p->start : before));
		before = p->last[i];
	}
	/* a date has no time of the day to be fresh at */
	if (type == AD_PLACE_DATE && p->rows > 0)
		before = p->end;
	if (before == AD_PLACE_LEAST)
		return;
	out->value[AD_WATCH_FRESHNESS] = (double) (p->end - before) / USECS_PER_SEC;
	out->value[AD_WATCH_GAP] = (double) Max(gap, p->end - before) / USECS_PER_SEC;
	if (type == AD_PLACE_DATE && p->rows > 0)
		out->value[AD_WATCH_GAP] = 0;
}

static int
compare_numbers(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return x < y ? -1 : x > y;
}

/* What numbers are: how many are distinct, how many the most frequent has. */
static void
count_numbers(const AdView *v, int feature, Size *n, Size *distinct, Size *most)
{
	double	   *x = ad_palloc_array(double, Max(v->n, 1));
	Size		run = 0;

	*n = *distinct = *most = 0;
	for (Size i = 0; i < v->n; i++)
		if (!isnan(v->x[i * v->nfeatures + feature]))
			x[(*n)++] = v->x[i * v->nfeatures + feature];
	CHECK_FOR_INTERRUPTS();
	qsort(x, *n, sizeof(double), compare_numbers);
	for (Size i = 0; i < *n; i++)
	{
		run = i > 0 && x[i] == x[i - 1] ? run + 1 : 1;
		if (run == 1)
			(*distinct)++;
		*most = Max(*most, run);
	}
	pfree(x);
}

/* Set a metric, and how many it is of. */
static void
set(AdWatchFacts *f, AdWatchMetric metric, double value, double of)
{
	f->value[metric] = value;
	f->of[metric] = of;
}

/* What is known of a column of numbers or times; times are since the origin. */
static void
facts_of_numbers(const AdWatchSeen *seen, const AdView *v, int feature,
				 double origin, AdWatchFacts *f, double *distinct)
{
	const AdViewFeature *x = &v->features[feature];
	Size		n;
	Size		different;
	Size		most;

	count_numbers(v, feature, &n, &different, &most);
	if (!v->sketch->large)
		*distinct = (double) different;
	else
		*distinct = x->distinct >= 0 ? (double) x->distinct :
			ad_distinct_estimate(seen->distinct);
	if (n == 0 || seen->n == 0)
		return;
	set(f, AD_WATCH_TOP_SHARE, (double) most / (double) n, (double) n);
	set(f, AD_WATCH_MEAN, seen->mean - origin, (double) seen->n);
	set(f, AD_WATCH_Q05, x->q05 - origin, (double) n);
	set(f, AD_WATCH_MEDIAN, x->median - origin, (double) n);
	set(f, AD_WATCH_Q95, x->q95 - origin, (double) n);
	set(f, AD_WATCH_MIN, x->min - origin, (double) n);
	set(f, AD_WATCH_MAX, x->max - origin, (double) n);
	if (n > 1)
		f->spread = x->q95 - x->q05;
	if (isinf(f->spread))
		f->spread = NAN;
}

/* What is known of a column of categories. */
static void
facts_of_categories(const AdWatchPeriod *p, const AdWatchSeen *seen,
					const AdView *v, int feature, AdWatchFacts *f,
					double *distinct)
{
	const AdViewFeature *x = &v->features[feature];
	double		n = (double) (p->rows - seen->nulls);

	*distinct = x->distinct >= 0 ? (double) x->distinct :
		ad_distinct_estimate(seen->distinct);
	if (x->nvalues > 0)
		set(f, AD_WATCH_TOP_SHARE, Min((double) x->counts[0] / n, 1.0), n);
	if (x->distinct < 0 || x->distinct > AD_WATCH_KNOWN)
		return;
	f->nhashes = x->nvalues;
	f->hashes = ad_palloc_array(uint64, Max(x->nvalues, 1));
	f->counts = x->counts;
	for (int i = 0; i < x->nvalues; i++)
		f->hashes[i] = ad_hash64(x->values[i].s, x->values[i].len, 0);
}

/* What is known of a column in a period: i, of the period's. */
void
ad_watch_facts_column(const AdWatchPeriod *p, const AdWatchColumn *column,
					  int i, const AdView *view, double origin,
					  AdWatchFacts *out)
{
	const AdWatchSeen *seen = &p->seen[i];
	double		n = (double) (p->rows - seen->nulls);
	double		distinct = NAN;

	no_facts(out);
	if (p->rows == 0)
		return;
	set(out, AD_WATCH_NULL_SHARE, (double) seen->nulls / (double) p->rows,
		(double) p->rows);
	if (column->feature < 0 || n <= 0)
		return;
	if (column->class == AD_CLASS_CATEGORY)
		facts_of_categories(p, seen, view, column->feature, out, &distinct);
	else
		facts_of_numbers(seen, view, column->feature,
						 column->class == AD_CLASS_TIMESTAMP ? origin : 0,
						 out, &distinct);
	distinct = Min(distinct, n);
	set(out, AD_WATCH_DISTINCT, rint(distinct), n);
	set(out, AD_WATCH_UNIQUE_SHARE, distinct / n, n);
}
