/*-------------------------------------------------------------------------
 *
 * drift_bins.c
 *		Numbers of two times, in bins of the first.
 *
 * Shares of rows in bins are compared by the population stability index
 * (PSI: sum of (q - p) ln(q / p), an empty bin counting as min_share) and
 * Jensen-Shannon distance (base 2).  The Kolmogorov-Smirnov statistic is that
 * of the samples.  A feature of few distinct numbers has a bin for each.
 *
 * A model remembers less than a sketch: of a number, what share of the
 * sample its five quantiles bound.  Those are its bins, and the KS statistic
 * is taken at them, so it is a lower bound.  A number that several quantiles
 * are has a bin of its own; the share below it is not known but to be the
 * first one's level at most, so it is taken to be as near to the current
 * share as that allows for KS, and in the current proportion to that of the
 * number for PSI: either is a lower bound.
 *
 * If nothing has changed, PSI / (1/n + 1/m) is about chi-square with
 * bins - 1 degrees of freedom (Yurdakul 2018): a PSI below that
 * distribution's 0.999 quantile is noise.  Where a PSI is above and bins have
 * few rows, random splits tell (drift_noise.c).
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_elementary.h"
#include "math/ad_math.h"
#include "operate/ad_drift_compare.h"

#define TIED_ROWS		1000	/* of more, equal ones are many */

/* PSI and Jensen-Shannon distance of shares, and what chance makes of PSI. */
void
ad_drift_bins(AdDriftRow *row, const AdDriftBins *b, double n, double m,
			  const AdDriftOptions *o)
{
	double		psi = 0;
	double		js = 0;
	double		df = b->n - 1;

	for (int i = 0; i < b->n; i++)
	{
		double		p = Max(b->p[i], o->min_share);
		double		q = Max(b->q[i], o->min_share);
		double		middle = (b->p[i] + b->q[i]) / 2;

		psi += (q - p) * ad_log(q / p);
		if (b->p[i] > 0)
			js += b->p[i] / 2 * ad_log(b->p[i] / middle);
		if (b->q[i] > 0)
			js += b->q[i] / 2 * ad_log(b->q[i] / middle);
	}
	row->bins = *b;
	row->psi = psi;
	row->js = sqrt(Max(js, 0) / 0.69314718055994530942);
	row->psi_noise = 0;
	if (df > 0 && n > 0 && m > 0)
	{
		/* the chi-square quantile of Wilson and Hilferty 1931 */
		double		c = 2 / (9 * df);
		double		root = 1 - c + ad_normal_quantile(0.999) * sqrt(c);

		row->psi_noise = df * root * root * root * (1 / n + 1 / m);
	}
}

/* How many of n ascending numbers are at most x. */
static Size
at_most(const double *v, Size n, double x)
{
	Size		low = 0;

	while (low < n)
	{
		Size		mid = low + (n - low) / 2;

		if (v[mid] <= x)
			low = mid + 1;
		else
			n = mid;
	}
	return low;
}

/*
 * Shares between edges, which ascend, from the shares up to each; bins that
 * neither side has rows in are left out.
 */
static void
bins_of_cumulative(AdDriftBins *b, const double *p, const double *q,
				   const double *edges, int nedges)
{
	memset(b, 0, sizeof(*b));
	b->p = ad_palloc_array(double, nedges + 1);
	b->q = ad_palloc_array(double, nedges + 1);
	b->above = ad_palloc_array(double, nedges + 1);
	b->upto = ad_palloc_array(double, nedges + 1);
	for (int i = 0; i <= nedges; i++)
	{
		double		ps = (i == nedges ? 1 : p[i]) - (i == 0 ? 0 : p[i - 1]);
		double		qs = (i == nedges ? 1 : q[i]) - (i == 0 ? 0 : q[i - 1]);

		if (!(ps > 0) && !(qs > 0))
			continue;
		b->above[b->n] = i == 0 ? -INFINITY : edges[i - 1];
		b->upto[b->n] = i == nedges ? INFINITY : edges[i];
		b->p[b->n] = Max(ps, 0);
		b->q[b->n++] = Max(qs, 0);
	}
}

/* The greatest distance of two distribution functions of sorted numbers. */
static double
kolmogorov_smirnov(const double *x, Size n, const double *y, Size m)
{
	double		greatest = 0;
	Size		i = 0;
	Size		j = 0;

	while (i < n && j < m)
	{
		double		at = Min(x[i], y[j]);
		double		d;

		AD_CHECK_EVERY_1024(i + j);
		while (i < n && x[i] == at)
			i++;
		while (j < m && y[j] == at)
			j++;
		d = fabs((double) i / (double) n - (double) j / (double) m);
		greatest = Max(greatest, d);
	}
	return greatest;
}

/* The distinct numbers of both sides, which are sorted, into value. */
static void
pool_numbers(AdDriftValues *v, double *value, const double *x, Size n,
			 const double *y, Size m)
{
	Size		i = 0;
	Size		j = 0;

	v->n = 0;
	v->reference = ad_palloc0_array(double, n + m);
	v->current = ad_palloc0_array(double, n + m);
	v->reference_rows = (double) n;
	v->current_rows = (double) m;
	while (i < n || j < m)
	{
		double		at = j == m || (i < n && x[i] < y[j]) ? x[i] : y[j];

		AD_CHECK_EVERY_1024(i + j);
		value[v->n] = at;
		for (; i < n && x[i] == at; i++)
			v->reference[v->n]++;
		for (; j < m && y[j] == at; j++)
			v->current[v->n]++;
		v->n++;
	}
}

/* Whether two of n sorted numbers are equal. */
static bool
has_ties(const double *x, Size n)
{
	for (Size i = 1; i < n; i++)
		if (x[i] == x[i - 1])
			return true;
	return false;
}

/*
 * Raise the noise of few numbers.  Where the bins are distinct numbers of x,
 * others of y are where x could have had none: what they are is not in x.
 * Of few rows with equal numbers, where the edges are is a matter of luck.
 */
static void
numbers_by_chance(AdDriftRow *row, const AdDriftBins *b, bool distinct,
				  const double *x, Size n, const double *y, Size m,
				  const AdDriftOptions *o)
{
	AdDriftValues v;
	double	   *value;

	if (!distinct && (n > TIED_ROWS || !has_ties(x, n)))
	{
		ad_drift_urn(row, b, (double) n, (double) m, o);
		return;
	}
	value = ad_palloc_array(double, n + m);
	pool_numbers(&v, value, x, n, y, m);
	ad_drift_split_numbers(row, value, &v, o);
	pfree(value);
	pfree(v.reference);
	pfree(v.current);
}

/* Compare sorted numbers y with x, in bins of x. */
void
ad_drift_numbers(AdDriftRow *row, const double *x, Size n, const double *y,
				 Size m, const AdDriftOptions *o)
{
	double	   *edges = ad_palloc_array(double, 2 * o->bins);
	double	   *p = ad_palloc_array(double, 2 * o->bins);
	double	   *q = ad_palloc_array(double, 2 * o->bins);
	int			k = ad_drift_edges(x, n, o->bins, edges);
	AdDriftBins b;

	for (int i = 0; i < k; i++)
	{
		p[i] = (double) at_most(x, n, edges[i]) / (double) n;
		q[i] = (double) at_most(y, m, edges[i]) / (double) m;
	}
	bins_of_cumulative(&b, p, q, edges, k);
	ad_drift_bins(row, &b, (double) n, (double) m, o);
	if (ad_drift_is_rare(row, &b, (double) n, (double) m))
		numbers_by_chance(row, &b, k > 0 && edges[k - 1] == x[n - 1],
						  x, n, y, m, o);
	row->ks = kolmogorov_smirnov(x, n, y, m);
}

/* Compare sorted numbers y with what a model remembers of its feature. */
void
ad_drift_quantiles(AdDriftRow *row, const AdModel *model, int feature,
				   const double *y, Size m, const AdDriftOptions *o)
{
	const AdModelFeature *f = &model->features[feature];
	double		edges[AD_MODEL_SHARES] = {f->stats.q05, f->stats.q25,
	f->stats.median, f->stats.q75, f->stats.q95};
	static const double levels[AD_MODEL_SHARES] = {0.05, 0.25, 0.5, 0.75, 0.95};
	double		p[2 * AD_MODEL_SHARES];
	double		q[2 * AD_MODEL_SHARES];
	double		ends[2 * AD_MODEL_SHARES];
	int			last = 0;
	int			k = 0;
	AdDriftBins b;
	double		n = (double) model->sampled * (1 - row->missing_reference);

	row->ks = 0;
	for (int i = 0; i < AD_MODEL_SHARES; i++)
	{
		double		share = f->shares[i];

		if (isnan(share))
		{
			row->ks = NAN;
			return;
		}
		/* equal quantiles may differ by rounding; their shares are one */
		if (i > 0 && edges[i] <= edges[last])
			continue;
		last = i;
		if (i + 1 < AD_MODEL_SHARES && edges[i + 1] <= edges[i])
		{
			/* a number that is frequent: what is below is the level at most */
			double		before = k == 0 ? 0 : p[k - 1];
			double		most = Max(before, Min(levels[i], share));
			double		q_before = k == 0 ? 0 : q[k - 1];
			double		q_rise = (double) at_most(y, m, edges[i]) / (double) m -
				q_before;

			ends[k] = ad_drift_below(edges[i]);
			q[k] = Max(q_before, (double) at_most(y, m, ad_drift_below(edges[i])) /
					   (double) m);
			row->ks = Max(row->ks, fabs(Max(before, Min(q[k], most)) - q[k]));
			p[k] = q_rise > 0 ? Min(before + (share - before) *
									(q[k] - q_before) / q_rise, most) : before;
			k++;
		}
		ends[k] = edges[i];
		p[k] = share;
		q[k] = (double) at_most(y, m, edges[i]) / (double) m;
		row->ks = Max(row->ks, fabs(p[k] - q[k]));
		k++;
	}
	bins_of_cumulative(&b, p, q, ends, k);
	ad_drift_bins(row, &b, n, (double) m, o);
	if (ad_drift_is_rare(row, &b, n, (double) m))
		ad_drift_urn(row, &b, n, (double) m, o);
}

/*
 * What share of the scores that a model remembers is at most one; where it
 * remembers quantiles only, what is nearest to the share of now that they
 * allow, so that what is not known is not held against the scores.
 */
static double
scores_at_most(const AdScores *s, double score, double now)
{
	double		least;
	double		most;

	ad_scores_share_at_most(s, score, &least, &most);
	return Max(least, Min(now, most));
}

/* Return whether a score surely is that of half a bin of rows or more. */
static bool
is_frequent(const AdScores *s, double score, int bins)
{
	double		least;
	double		most;
	double		below;
	double		unused;

	ad_scores_share_at_most(s, score, &least, &most);
	ad_scores_share_at_most(s, ad_drift_below(score), &unused, &below);
	return least - below > 0.5 / bins;
}

/* Compare scores of now, sorted, with those a model remembers. */
void
ad_drift_scores(AdDriftRow *row, const AdScores *s, const double *y, Size m,
				const AdDriftOptions *o)
{
	double	   *p = ad_palloc_array(double, 2 * o->bins);
	double	   *q = ad_palloc_array(double, 2 * o->bins);
	double	   *ends = ad_palloc_array(double, 2 * o->bins);
	double		last = 0;
	int			k = 0;
	AdDriftBins b;

	row->ks = 0;
	for (int i = 1; i < o->bins; i++)
	{
		double		e = ad_scores_threshold(s, 1 - (double) i / o->bins);

		if (k > 0 && e <= last)
			continue;
		last = e;
		/* a score that is frequent has a bin of its own */
		for (int at = !is_frequent(s, e, o->bins); at < 2; at++)
		{
			double		v = at == 0 ? ad_drift_below(e) : e;

			ends[k] = v;
			q[k] = (double) at_most(y, m, v) / (double) m;
			p[k] = scores_at_most(s, v, q[k]);
			row->ks = Max(row->ks, fabs(p[k] - q[k]));
			k++;
		}
	}
	bins_of_cumulative(&b, p, q, ends, k);
	ad_drift_bins(row, &b, (double) s->n, (double) m, o);
	if (ad_drift_is_rare(row, &b, (double) s->n, (double) m))
		ad_drift_urn(row, &b, (double) s->n, (double) m, o);

	for (uint32 i = 0; i < s->ngrid + s->ntail; i++)
	{
		double		v = i < s->ngrid ? s->grid[i] : s->tail[i - s->ngrid];
		double		now = (double) at_most(y, m, v) / (double) m;

		row->ks = Max(row->ks, fabs(scores_at_most(s, v, now) - now));
	}
}
