/*-------------------------------------------------------------------------
 *
 * drift_categories.c
 *		Categories of two times.
 *
 * The most frequent values of the reference have a bin each.  New categories
 * come without any change where the reference has many that it saw once:
 * Good and Turing's estimate of what it did not see is their number by n.
 *
 *-------------------------------------------------------------------------
 */
#include "operate/ad_drift_compare.h"

/* The values of a categorical feature of a side, most frequent first. */
typedef struct Categories
{
	int			n;
	AdCategory *values;
	double	   *counts;
	double		total;			/* rows with a value */
	double		exact;			/* of how many rows the counts are */
	bool		complete;		/* no value is left out */
} Categories;

/* The values of a categorical feature of a side. */
static void
read_categories(Categories *c, const AdDriftSide *s, int j)
{
	const AdViewFeature *f = ad_drift_stats(s, j);
	double		present = (double) s->rows - (double) f->missing -
		(double) f->infinite;
	double		sum = 0;

	if (s->model)
	{
		const AdDict *d = &s->model->features[j].dict;

		c->n = (int) d->n;
		c->values = ad_palloc_array(AdCategory, c->n);
		c->counts = ad_palloc_array(double, c->n);
		for (int i = 0; i < c->n; i++)
		{
			c->values[i].s = d->arena + d->entries[i].at;
			c->values[i].len = d->entries[i].len;
			c->counts[i] = (double) d->entries[i].count;
		}
	}
	else
	{
		c->n = f->nvalues;
		c->values = f->values;
		c->counts = ad_palloc_array(double, c->n);
		for (int i = 0; i < c->n; i++)
			c->counts[i] = (double) f->counts[i];
	}
	for (int i = 0; i < c->n; i++)
		sum += c->counts[i];
	c->complete = f->distinct >= 0 && f->distinct <= c->n;
	c->total = c->complete ? sum : Max(sum, present);
	c->exact = f->distinct >= 0 ? c->total :
		s->sampled * (1 - ((double) f->missing + (double) f->infinite) /
					  Max((double) s->rows, 1));
}

/*
 * The share of new categories that chance exceeds once in 1,000: what Good
 * and Turing estimate that the reference did not see, and the errors of that
 * and of the current share.
 */
static double
unseen(const Categories *r, const Categories *c)
{
	double		once = 0;
	double		twice = 0;
	double		share;

	for (int i = 0; i < r->n; i++)
	{
		once += (r->counts[i] == 1);
		twice += (r->counts[i] == 2);
	}
	share = Min(once / r->total, 1);
	return share + AD_DRIFT_CHANCE * (sqrt(Max(once + 2 * twice, 1)) / r->total +
									  sqrt(share * (1 - share) / c->total));
}

/*
 * Raise what is noise of few rows: found has the current counts of the
 * reference's values.
 */
static void
categories_by_chance(AdDriftRow *row, const Categories *r, const Categories *c,
					 const AdDict *dict, const double *found, bool ask_psi,
					 bool ask_new, const AdDriftOptions *o)
{
	AdDriftValues v;
	double		reference = r->total;
	double		current = c->total;

	v.n = 0;
	v.reference = ad_palloc0_array(double, (Size) r->n + c->n + 1);
	v.current = ad_palloc0_array(double, (Size) r->n + c->n + 1);
	v.reference_rows = r->exact;
	v.current_rows = c->exact;
	for (int i = 0; i < r->n; i++)
	{
		v.reference[v.n] = r->counts[i];
		v.current[v.n++] = found[i];
		reference -= r->counts[i];
		current -= found[i];
	}
	for (int i = 0; i < c->n && r->complete; i++)
		if (ad_dict_find(dict, c->values[i].s, c->values[i].len) < 0)
		{
			v.current[v.n++] = c->counts[i];
			current -= c->counts[i];
		}
	/* what neither side lists */
	v.reference[v.n] = Max(reference, 0);
	v.current[v.n++] = Max(current, 0);
	ad_drift_split_categories(row, &v, ask_psi, ask_new, o);
	pfree(v.reference);
	pfree(v.current);
}

/*
 * Compare the values of a categorical feature: the reference's most frequent
 * have a bin each, the rest is one more.
 */
void
ad_drift_categories(AdDriftRow *row, const AdDriftSide *reference, int j,
					const AdDriftSide *current, int k, const AdDriftOptions *o)
{
	Categories	r;
	Categories	c;
	AdDict		dict;
	double	   *found;
	double		p_rest;
	double		q_rest;
	double		added = 0;
	bool		ask_psi;
	bool		ask_new;
	AdDriftBins b;

	read_categories(&r, reference, j);
	read_categories(&c, current, k);
	if (!(r.total > 0) || !(c.total > 0))
		return;
	ad_dict_init(&dict);
	for (int i = 0; i < r.n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		(void) ad_dict_code(&dict, r.values[i].s, r.values[i].len);
	}
	found = ad_palloc0_array(double, Max(r.n, 1));
	row->nnew = r.complete ? 0 : -1;
	for (int i = 0; i < c.n; i++)
	{
		int64		code = ad_dict_find(&dict, c.values[i].s, c.values[i].len);

		AD_CHECK_EVERY_1024(i);
		if (code >= 0 && code < r.n)
			found[code] = c.counts[i];
		else if (r.complete)
		{
			if (row->nnew < AD_DRIFT_LISTED)
				row->added[row->nnew] = c.values[i];
			row->nnew++;
			added += c.counts[i];
		}
	}
	row->new_share = r.complete ? added / c.total : NAN;
	row->new_noise = unseen(&r, &c);
	row->nvanished = c.complete ? 0 : -1;
	for (int i = 0; i < r.n && c.complete; i++)
		if (found[i] == 0)
		{
			if (row->nvanished < AD_DRIFT_LISTED)
				row->vanished[row->nvanished] = r.values[i];
			row->nvanished++;
		}

	memset(&b, 0, sizeof(b));
	b.n = b.nvalues = Min(r.n, o->categories);
	b.values = r.values;
	b.p = ad_palloc_array(double, b.n + 1);
	b.q = ad_palloc_array(double, b.n + 1);
	p_rest = r.total;
	q_rest = c.total;
	for (int i = 0; i < b.n; i++)
	{
		b.p[i] = r.counts[i] / r.total;
		b.q[i] = found[i] / c.total;
		p_rest -= r.counts[i];
		q_rest -= found[i];
	}
	if (p_rest > 0 || q_rest > 0)
	{
		b.p[b.n] = Max(p_rest, 0) / r.total;
		b.q[b.n++] = Max(q_rest, 0) / c.total;
	}
	ad_drift_bins(row, &b, r.exact, c.exact, o);
	if (ad_drift_is_many(r.exact, c.exact))
		return;
	ask_psi = ad_drift_is_rare(row, &b, r.exact, c.exact) ||
		(row->psi > row->psi_noise && r.n > o->categories);
	ask_new = row->new_share > row->new_noise;
	if (ask_psi || ask_new)
		categories_by_chance(row, &r, &c, &dict, found, ask_psi, ask_new, o);
}
