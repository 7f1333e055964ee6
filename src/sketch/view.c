/*-------------------------------------------------------------------------
 *
 * view.c
 *		What a fit sees of a sketch: canonical rows and statistics.
 *
 * The rows are put into an order that depends on their content alone, and
 * categories get codes by frequency and bytes.  From there on nothing can
 * depend on how the rows arrived, which is why equal rows give byte-identical
 * models.
 *
 *-------------------------------------------------------------------------
 */
#include "sketch/ad_sketch.h"

#include "math/ad_math.h"
#include "math/ad_spread.h"

typedef struct ValueOrder
{
	const AdDict *dict;
	const uint64 *counts;
} ValueOrder;

/* More frequent first, then by bytes. */
static int
compare_values(const void *a, const void *b, void *arg)
{
	const ValueOrder *o = arg;
	uint32		i = *(const uint32 *) a;
	uint32		j = *(const uint32 *) b;
	const AdDictEntry *ei = &o->dict->entries[i];
	const AdDictEntry *ej = &o->dict->entries[j];
	int			c;

	CHECK_FOR_INTERRUPTS();
	if (o->counts[i] != o->counts[j])
		return o->counts[i] > o->counts[j] ? -1 : 1;
	c = memcmp(o->dict->arena + ei->at, o->dict->arena + ej->at,
			   Min(ei->len, ej->len));
	return c != 0 ? c : ei->len - ej->len;
}

/* Say that a feature has no values, so far. */
static void
no_statistics(AdViewFeature *f)
{
	f->distinct = -1;
	f->min = f->max = f->mean = f->sd = NAN;
	f->q05 = f->q25 = f->median = f->q75 = f->q95 = NAN;
}

/*
 * The values of a categorical feature in canonical order, and its column
 * recoded to match.
 */
static void
view_category(AdView *v, int j)
{
	const AdSketch *s = v->sketch;
	const AdDict *d = &s->dicts[j];
	AdViewFeature *f = &v->features[j];
	ValueOrder	o;
	uint64	   *counts = ad_palloc0_array(uint64, d->n);
	uint32	   *order = ad_palloc_array(uint32, d->n);
	uint32	   *code = ad_palloc_array(uint32, d->n);
	uint32		n = 0;

	if (d->overflow)
	{
		uint64		present = 0;

		for (Size i = 0; i < v->n; i++)
		{
			double		code_of_row = v->x[i * v->nfeatures + j];

			AD_CHECK_EVERY_1024(i);
			if (!isnan(code_of_row))
			{
				counts[(uint32) code_of_row]++;
				present++;
			}
		}
		/* from the sample's scale to that of all rows */
		for (uint32 i = 0; i < d->n; i++)
			if (counts[i] > 0)
				counts[i] = Max((uint64) ((double) counts[i] /
										  (double) present *
										  (double) (s->rows - s->missing[j])),
								1);
	}
	else
		for (uint32 i = 0; i < d->n; i++)
			counts[i] = d->entries[i].count;

	for (uint32 i = 0; i < d->n; i++)
		if (counts[i] > 0)
			order[n++] = i;
	o.dict = d;
	o.counts = counts;
	qsort_arg(order, n, sizeof(uint32), compare_values, &o);

	f->nvalues = (int) n;
	f->values = ad_palloc_array(AdCategory, n);
	f->counts = ad_palloc_array(uint64, n);
	for (uint32 i = 0; i < n; i++)
	{
		const AdDictEntry *e = &d->entries[order[i]];

		code[order[i]] = i;
		f->values[i].s = d->arena + e->at;
		f->values[i].len = e->len;
		f->counts[i] = counts[order[i]];
	}
	for (Size i = 0; i < v->n; i++)
	{
		double	   *c = &v->x[i * v->nfeatures + j];

		AD_CHECK_EVERY_1024(i);
		if (!isnan(*c))
			*c = code[(uint32) *c];
	}
	no_statistics(f);
	f->distinct = d->overflow ? -1 : (int64) n;
	pfree(counts);
	pfree(order);
	pfree(code);
}

/* The statistics of the sample's values, n > 0 of them; reorders them. */
static void
sample_statistics(AdViewFeature *f, double *v, Size n, const AdSpread *s)
{
	static const double levels[] = {0.05, 0.25, 0.5, 0.75, 0.95};
	double		quantiles[lengthof(levels)];

	f->min = s->least;
	f->max = s->greatest;
	f->mean = s->mean;
	f->sd = s->sd;
	ad_quantiles(v, n, levels, lengthof(levels), quantiles);
	f->q05 = quantiles[0];
	f->q25 = quantiles[1];
	f->median = quantiles[2];
	f->q75 = quantiles[3];
	f->q95 = quantiles[4];
}

/* Add what a large sketch knows beyond its sample, which has n values. */
static void
exact_statistics(AdViewFeature *f, const AdSketch *s, int j, Size n)
{
	for (int i = 0; i < s->low[j].n; i++)
	{
		double		t = s->low[j].v[i];

		f->min = (isnan(f->min) || t < f->min) ? t : f->min;
	}
	for (int i = 0; i < s->high[j].n; i++)
	{
		double		t = s->high[j].v[i];

		f->max = (isnan(f->max) || t > f->max) ? t : f->max;
	}
	if (!s->numbers[j].overflow)
		f->distinct = s->numbers[j].n;
	/* values so rare that the sample has none */
	if (n == 0 && !isnan(f->min))
	{
		f->mean = f->median = f->q05 = f->q25 = f->q75 = f->q95 = f->min;
		f->sd = 0;
	}
}

/* Count the distinct values of a small sketch. */
static void
count_distinct(AdViewFeature *f, const double *v, Size n)
{
	AdNumbers	set;

	ad_numbers_init(&set);
	for (Size i = 0; i < n && !set.overflow; i++)
		ad_numbers_add(&set, v[i]);
	if (!set.overflow)
	{
		f->distinct = set.n;
		pfree(set.v);
	}
}

/* Fill the statistics of a numeric feature; its spread is known. */
static void
view_number(AdView *v, int j, double *scratch, const AdSpread *spread)
{
	const AdSketch *s = v->sketch;
	AdViewFeature *f = &v->features[j];
	Size		n = 0;

	for (Size i = 0; i < v->n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		if (!isnan(v->x[i * v->nfeatures + j]))
			scratch[n++] = v->x[i * v->nfeatures + j];
	}
	no_statistics(f);
	if (n > 0)
		sample_statistics(f, scratch, n, spread);
	if (s->large)
		exact_statistics(f, s, j, n);
	else
		count_distinct(f, scratch, n);
}

/* Let a feature's infinite numbers be missing: a fit knows none. */
static void
forget_infinite(AdView *v, int j)
{
	v->infinite = true;
	for (Size i = 0; i < v->n; i++)
	{
		double	   *x = &v->x[i * v->nfeatures + j];

		AD_CHECK_EVERY_1024(i);
		if (isinf(*x))
			*x = NAN;
	}
}

/*
 * Fill in a row of the view as it came, with its infinite numbers; returns
 * whether it has any.
 */
bool
ad_view_infinite(const AdView *v, Size row, double *x)
{
	const double *own = v->sketch->x + v->order[row] * v->nfeatures;
	bool		any = false;

	memcpy(x, v->x + row * v->nfeatures, v->nfeatures * sizeof(double));
	for (int j = 0; j < v->nfeatures && v->infinite; j++)
		if (isinf(own[j]))
		{
			x[j] = own[j];
			any = true;
		}
	return any;
}

/* Fill the statistics of all features. */
static void
view_features(AdView *v)
{
	const AdSketch *s = v->sketch;
	double	   *scratch = ad_palloc_array(double, v->n);
	AdSpread   *spread = ad_palloc_array(AdSpread, v->nfeatures);

	/* those of categories, too, which are not looked at */
	if (v->n > 0)
		ad_spread_columns(v->x, v->n, v->nfeatures, 0, spread);
	v->features = ad_palloc0_array(AdViewFeature, v->nfeatures);
	for (int j = 0; j < v->nfeatures; j++)
	{
		CHECK_FOR_INTERRUPTS();
		v->features[j].missing = s->missing[j];
		v->features[j].infinite = s->infinite[j];
		if (s->features[j].class == AD_CLASS_CATEGORY)
			view_category(v, j);
		else
			view_number(v, j, scratch, &spread[j]);
	}
	pfree(scratch);
	pfree(spread);
}

/*
 * Take a view of a sketch, palloc'd in the current context.  Cuts the
 * sketch's sample to k, which changes nothing it says.  Strings are the
 * sketch's.
 */
AdView *
ad_view_create(AdSketch *s)
{
	AdView	   *v = palloc0(sizeof(AdView));
	int			d = s->nfeatures;

	AssertSketchRows(s);
	ad_sample_cut(s);
	v->sketch = s;
	v->rows = s->rows;
	v->n = s->n;
	v->nfeatures = d;

	v->order = ad_sample_order(s);
	v->x = ad_palloc_array(double, ad_mul_size(s->n, d));
	for (Size i = 0; i < s->n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		memcpy(v->x + i * d, s->x + v->order[i] * d, d * sizeof(double));
	}
	for (int j = 0; j < d; j++)
		if (s->infinite[j] > 0)
			forget_infinite(v, j);

	view_features(v);
	return v;
}
