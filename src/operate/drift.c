/*-------------------------------------------------------------------------
 *
 * drift.c
 *		Has the data changed: a sketch against a sketch or a model.
 *
 * Each feature of the reference is cut into bins, by its own deciles or by
 * its most frequent values, and the shares of rows in them are compared:
 * population stability index (PSI: sum of (q - p) ln(q / p), an empty bin
 * counting as min_share) and Jensen-Shannon distance (base 2).  The
 * Kolmogorov-Smirnov statistic is that of the samples.  A feature of few
 * distinct numbers has a bin for each.
 *
 * A model remembers less than a sketch: of a number, what share of the
 * sample its five quantiles bound.  Those are its bins, and the KS statistic
 * is taken at them, so it is a lower bound.  A number that several quantiles
 * are has a bin of its own; the share below it is not known but to be the
 * first one's level at most, so it is taken to be as near to the current
 * share as that allows.
 *
 * Small samples differ by chance.  If nothing has changed,
 * PSI / (1/n + 1/m) is about chi-square with bins - 1 degrees of freedom
 * (Yurdakul 2018), so a PSI below that distribution's 0.999 quantile is
 * never held against a feature; nor is a change of the missing share within
 * 3.29 standard errors.  New categories come without any change where the
 * reference has many that it saw once: Good and Turing's estimate of what it
 * did not see is their number by n.
 *
 * Timestamps move on by themselves: their distribution is compared, but is
 * of no effect on the verdict.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_elementary.h"
#include "math/ad_math.h"
#include "operate/ad_drift.h"

#include <float.h>


#define CHANCE_Z	3.2905267314918945	/* two-sided, once in 1,000 */

static const AdOption table[] = {
	AD_INT(AdDriftOptions, bins, 10, 2, 1000),
	AD_INT(AdDriftOptions, categories, 20, 1, 1000),
	AD_FLOAT_ABOVE(AdDriftOptions, min_share, 0.0001, 0, 0.1),
	AD_FLOAT_ABOVE(AdDriftOptions, psi_moderate, 0.1, 0, 100),
	AD_FLOAT_ABOVE(AdDriftOptions, psi_significant, 0.25, 0, 100),
	AD_FLOAT_ABOVE(AdDriftOptions, missing_moderate, 0.05, 0, 1),
	AD_FLOAT_ABOVE(AdDriftOptions, missing_significant, 0.2, 0, 1),
	AD_FLOAT_ABOVE(AdDriftOptions, new_moderate, 0.01, 0, 1),
	AD_FLOAT_ABOVE(AdDriftOptions, new_significant, 0.1, 0, 1),
	AD_INT(AdDriftOptions, score_rows, 10000, 0, AD_MAX_SAMPLE),
};

/* One of the two that are compared: a view of a sketch, or a model. */
typedef struct Side
{
	const AdModel *model;		/* NULL: a sketch */
	const AdView *view;
	uint64		rows;			/* seen */
	double		sampled;
	int			nfeatures;
	bool		named;			/* every feature has a name */
} Side;

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

/* Shares of rows in bins, side by side. */
typedef struct Bins
{
	int			n;
	double	   *p;				/* of the reference */
	double	   *q;				/* of the current */
} Bins;

/* Parse the options of ad_drift(). */
void
ad_drift_options(JsonbContainer *object, AdDriftOptions *o)
{
	ad_options_parse(object, "ad_drift", table, lengthof(table), NULL, o);
}

/* A verdict in a word. */
const char *
ad_drift_verdict_name(AdDriftVerdict verdict)
{
	switch (verdict)
	{
		case AD_DRIFT_STABLE:
			return "stable";
		case AD_DRIFT_MODERATE:
			return "moderate";
		case AD_DRIFT_SIGNIFICANT:
			break;
	}
	return "significant";
}

static const char *
name_of(const Side *s, int j)
{
	return s->model ? s->model->features[j].name :
		s->view->sketch->features[j].name;
}

static AdClass
class_of(const Side *s, int j)
{
	return s->model ? s->model->features[j].class :
		s->view->sketch->features[j].class;
}

static const char *
type_of(const Side *s, int j)
{
	return s->model ? s->model->features[j].type :
		s->view->sketch->features[j].type;
}

static const AdViewFeature *
stats_of(const Side *s, int j)
{
	return s->model ? &s->model->features[j].stats : &s->view->features[j];
}

/* A side from a model or a sketch. */
static void
init_side(Side *s, const AdModel *model, AdSketch *sketch)
{
	memset(s, 0, sizeof(*s));
	if (model)
	{
		s->model = model;
		s->rows = model->rows;
		s->sampled = (double) model->sampled;
		s->nfeatures = model->nfeatures;
	}
	else
	{
		s->view = ad_view_create(sketch);
		s->rows = s->view->rows;
		s->sampled = (double) s->view->n;
		s->nfeatures = s->view->nfeatures;
	}
	s->named = true;
	for (int j = 0; j < s->nfeatures; j++)
		if (name_of(s, j)[0] == '\0')
			s->named = false;
}

/* What a feature is called in a message. */
static char *
describe(const Side *s, int j)
{
	return name_of(s, j)[0] ? psprintf("\"%s\"", name_of(s, j)) :
		psprintf("%d", j + 1);
}

/*
 * For each feature of the reference, its position in the current: by name
 * where all have one, else by position.  Errors if they do not fit.
 */
static int *
match_features(const Side *reference, const Side *current)
{
	int		   *at = ad_palloc_array(int, reference->nfeatures);
	bool		by_name = reference->named && current->named;

	if (!by_name && reference->nfeatures != current->nfeatures)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("reference has %d features, current has %d",
						reference->nfeatures, current->nfeatures)));
	for (int j = 0; j < reference->nfeatures; j++)
	{
		at[j] = by_name ? -1 : j;
		for (int k = 0; by_name && k < current->nfeatures && at[j] < 0; k++)
			if (strcmp(name_of(reference, j), name_of(current, k)) == 0)
				at[j] = k;
		if (at[j] < 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("current has no feature \"%s\"",
							name_of(reference, j))));
		if (class_of(reference, j) != class_of(current, at[j]))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("feature %s is %s in the reference and %s in the current",
							describe(reference, j), type_of(reference, j),
							type_of(current, at[j]))));
	}
	return at;
}

/* PSI and Jensen-Shannon distance of shares, and what chance makes of PSI. */
static void
compare_bins(AdDriftRow *row, const Bins *b, double n, double m,
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

/* Just below a number: by more than what rounding makes of it. */
static double
just_below(double x)
{
	return x - Max(fabs(x) * 1e-12, DBL_MIN);
}

/* The numbers of a feature in the sample of a sketch, ascending. */
static double *
sorted_numbers(const AdView *v, int j, Size *n)
{
	double	   *x = ad_palloc_array(double, v->n);

	*n = 0;
	for (Size i = 0; i < v->n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		if (!isnan(v->x[i * v->nfeatures + j]))
			x[(*n)++] = v->x[i * v->nfeatures + j];
	}
	ad_sort_doubles(x, *n);
	return x;
}

/*
 * The upper edges of all bins but the last, which has none: quantiles; or if
 * the distinct numbers are few, each with what is just below it before it,
 * so that a bin is one number, and others are in bins between.  Returns how
 * many, at most 2 * bins.
 */
static int
make_edges(const double *x, Size n, int bins, double *edges)
{
	int			distinct = 0;
	int			k = 0;

	for (Size i = 0; i < n && distinct <= bins; i++)
		if (i == 0 || x[i] != x[i - 1])
		{
			if (distinct < bins)
			{
				edges[2 * distinct] = just_below(x[i]);
				edges[2 * distinct + 1] = x[i];
			}
			distinct++;
		}
	if (distinct <= bins)
		return 2 * distinct;
	for (int i = 1; i < bins; i++)
	{
		double		at = (double) i / bins * (double) (n - 1);
		Size		low = (Size) at;
		double		e = x[low];

		/* equal neighbours give just that number */
		if (low + 1 < n && x[low + 1] != e)
			e = e * (1 - (at - (double) low)) + x[low + 1] * (at - (double) low);
		if (k == 0 || e > edges[k - 1])
			edges[k++] = e;
	}
	return k;
}

/*
 * Shares between edges from the shares up to each; bins that neither side
 * has rows in are left out.
 */
static void
bins_of_cumulative(Bins *b, const double *p, const double *q, int nedges)
{
	b->n = 0;
	b->p = ad_palloc_array(double, nedges + 1);
	b->q = ad_palloc_array(double, nedges + 1);
	for (int i = 0; i <= nedges; i++)
	{
		double		ps = (i == nedges ? 1 : p[i]) - (i == 0 ? 0 : p[i - 1]);
		double		qs = (i == nedges ? 1 : q[i]) - (i == 0 ? 0 : q[i - 1]);

		if (!(ps > 0) && !(qs > 0))
			continue;
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

/* Compare sorted numbers y with x, in bins of x. */
static void
compare_numbers(AdDriftRow *row, const double *x, Size n, const double *y,
				Size m, const AdDriftOptions *o)
{
	double	   *edges = ad_palloc_array(double, 2 * o->bins);
	double	   *p = ad_palloc_array(double, 2 * o->bins);
	double	   *q = ad_palloc_array(double, 2 * o->bins);
	int			k = make_edges(x, n, o->bins, edges);
	Bins		b;

	for (int i = 0; i < k; i++)
	{
		p[i] = (double) at_most(x, n, edges[i]) / (double) n;
		q[i] = (double) at_most(y, m, edges[i]) / (double) m;
	}
	bins_of_cumulative(&b, p, q, k);
	compare_bins(row, &b, (double) n, (double) m, o);
	row->ks = kolmogorov_smirnov(x, n, y, m);
}

/* Compare sorted numbers y with what a model remembers of its feature. */
static void
compare_with_quantiles(AdDriftRow *row, const AdModel *model, int feature,
					   const double *y, Size m, const AdDriftOptions *o)
{
	const AdModelFeature *f = &model->features[feature];
	double		edges[AD_MODEL_SHARES] = {f->stats.q05, f->stats.q25,
	f->stats.median, f->stats.q75, f->stats.q95};
	static const double levels[AD_MODEL_SHARES] = {0.05, 0.25, 0.5, 0.75, 0.95};
	double		p[2 * AD_MODEL_SHARES];
	double		q[2 * AD_MODEL_SHARES];
	int			last = 0;
	int			k = 0;
	Bins		b;

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
			double		below = (double) at_most(y, m, just_below(edges[i])) /
				(double) m;

			q[k] = k == 0 ? below : Max(below, q[k - 1]);
			p[k] = Max(k == 0 ? 0 : p[k - 1], Min(q[k], Min(levels[i], share)));
			row->ks = Max(row->ks, fabs(p[k] - q[k]));
			k++;
		}
		p[k] = share;
		q[k] = (double) at_most(y, m, edges[i]) / (double) m;
		row->ks = Max(row->ks, fabs(p[k] - q[k]));
		k++;
	}
	bins_of_cumulative(&b, p, q, k);
	compare_bins(row, &b, (double) model->sampled *
				 (1 - row->missing_reference), (double) m, o);
}

/* The values of a categorical feature of a side. */
static void
read_categories(Categories *c, const Side *s, int j)
{
	const AdViewFeature *f = stats_of(s, j);
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
	return share + CHANCE_Z * (sqrt(Max(once + 2 * twice, 1)) / r->total +
							   sqrt(share * (1 - share) / c->total));
}

/*
 * Compare the values of a categorical feature: the reference's most frequent
 * have a bin each, the rest is one more.
 */
static void
compare_categories(AdDriftRow *row, const Side *reference, int j,
				   const Side *current, int k, const AdDriftOptions *o)
{
	Categories	r;
	Categories	c;
	AdDict		dict;
	double	   *found;
	double		p_rest;
	double		q_rest;
	double		added = 0;
	Bins		b;

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

	b.n = Min(r.n, o->categories);
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
	compare_bins(row, &b, r.exact, c.exact, o);
}

/* The share of rows in which a feature is missing or infinite. */
static double
missing_share(const Side *s, int j)
{
	const AdViewFeature *f = stats_of(s, j);

	return s->rows == 0 ? NAN :
		((double) f->missing + (double) f->infinite) / (double) s->rows;
}

/* Raise a row's verdict by one measure. */
static void
judge(AdDriftRow *row, const char *what, double value, double moderate,
	  double significant)
{
	AdDriftVerdict verdict = value >= significant ? AD_DRIFT_SIGNIFICANT :
		value >= moderate ? AD_DRIFT_MODERATE : AD_DRIFT_STABLE;
	char	   *reason;

	if (verdict == AD_DRIFT_STABLE || verdict < row->verdict)
		return;
	reason = psprintf("%s %.3g, limit %.3g", what, value,
					  verdict == AD_DRIFT_SIGNIFICANT ? significant : moderate);
	row->reason = row->reason && verdict == row->verdict ?
		psprintf("%s; %s", row->reason, reason) : reason;
	row->verdict = verdict;
}

/* The verdict on a feature or the scores. */
static void
judge_row(AdDriftRow *row, const Side *reference, const Side *current,
		  bool moves_on, const AdDriftOptions *o)
{
	double		change = fabs(row->missing_current - row->missing_reference);

	if (!moves_on && row->psi > row->psi_noise)
		judge(row, "PSI", row->psi, o->psi_moderate, o->psi_significant);
	if (row->part == AD_DRIFT_FEATURE)
	{
		double		n = (double) reference->rows;
		double		m = (double) current->rows;
		double		share = (row->missing_reference * n +
							 row->missing_current * m) / (n + m);

		if (change > CHANCE_Z * sqrt(share * (1 - share) * (1 / n + 1 / m)))
			judge(row, "change of the missing share", change,
				  o->missing_moderate, o->missing_significant);
		if (row->new_share > row->new_noise)
			judge(row, "share of new categories", row->new_share,
				  o->new_moderate, o->new_significant);
	}
}

/* A row that says nothing yet. */
static void
init_row(AdDriftRow *row, AdDriftPart part)
{
	memset(row, 0, sizeof(*row));
	row->part = part;
	row->name = "";
	row->psi = row->psi_noise = row->ks = row->js = NAN;
	row->missing_reference = row->missing_current = row->new_share = NAN;
	row->nnew = row->nvanished = -1;
}

/*
 * Score up to o->score_rows rows of the current sample, evenly spread, by
 * the model; returns the scores, ascending.  Rows that the model refuses for
 * a missing value are left out.
 */
static double *
score_sample(AdModel *m, const Side *current, const int *at,
			 const AdDriftOptions *o, Size *n)
{
	const AdView *v = current->view;
	Size		rows = Min(v->n, (Size) o->score_rows);
	double	   *scores = ad_palloc_array(double, rows);
	double	   *raw = ad_palloc_array(double, m->nfeatures);
	double	  **codes = ad_palloc0_array(double *, m->nfeatures);

	/* what a category of the sketch is to the model */
	for (int j = 0; j < m->nfeatures; j++)
		if (m->features[j].class == AD_CLASS_CATEGORY)
		{
			const AdViewFeature *f = &v->features[at[j]];
			const AdDict *d = &m->features[j].dict;

			codes[j] = ad_palloc_array(double, f->nvalues);
			for (int i = 0; i < f->nvalues; i++)
			{
				int64		code = ad_dict_find(d, f->values[i].s,
												f->values[i].len);

				codes[j][i] = code >= 0 ? (double) code : (double) d->n;
			}
		}
	*n = 0;
	for (Size i = 0; i < rows; i++)
	{
		const double *x = v->x + (Size) ((double) i * (double) v->n /
										 (double) rows) * v->nfeatures;
		bool		refused = false;
		double		score;

		CHECK_FOR_INTERRUPTS();
		for (int j = 0; j < m->nfeatures; j++)
		{
			raw[j] = x[at[j]];
			if (isnan(raw[j]))
				refused |= (m->impute == AD_IMPUTE_ERROR);
			else if (codes[j])
				raw[j] = raw[j] < v->features[at[j]].nvalues ?
					codes[j][(uint32) raw[j]] :
					(double) m->features[j].dict.n;
		}
		if (refused)
			continue;
		score = ad_model_score(m, raw);
		if (isfinite(score))
			scores[(*n)++] = score;
	}
	ad_sort_doubles(scores, *n);
	return scores;
}

/*
 * What share of the scores that a model remembers is at most one; where it
 * remembers quantiles only, interpolated.
 */
static double
scores_at_most(const AdScores *s, double score)
{
	double		rest = (double) s->n - s->ntail;
	uint32		low;
	double		count;

	if (score >= s->tail[s->ntail - 1])
		return 1 - ad_scores_tail_above(s, score) / (double) s->n;
	low = ad_scores_grid_above(s, score);
	if (low == 0)
		return 0;
	/* low quantiles are at most the score; the first has rank 0 */
	if (rest == s->ngrid || low == s->ngrid || s->ngrid == 1)
		count = low == s->ngrid ? rest : low;
	else
		count = 1 + (rest - 1) / (s->ngrid - 1) *
			(low - 1 + (score - s->grid[low - 1]) /
			 (s->grid[low] - s->grid[low - 1]));
	return count / (double) s->n;
}

/* Compare scores of now, sorted, with those a model remembers. */
static void
compare_scores(AdDriftRow *row, const AdScores *s, const double *y, Size m,
			   const AdDriftOptions *o)
{
	double	   *p = ad_palloc_array(double, 2 * o->bins);
	double	   *q = ad_palloc_array(double, 2 * o->bins);
	double		last = 0;
	int			k = 0;
	Bins		b;

	row->ks = 0;
	for (int i = 1; i < o->bins; i++)
	{
		double		e = ad_scores_threshold(s, 1 - (double) i / o->bins);
		double		below = just_below(e);
		bool		frequent = scores_at_most(s, e) -
			scores_at_most(s, below) > 0.5 / o->bins;

		if (k > 0 && e <= last)
			continue;
		last = e;
		/* a score that is frequent has a bin of its own */
		for (int at = !frequent; at < 2; at++)
		{
			double		v = at == 0 ? below : e;

			p[k] = scores_at_most(s, v);
			q[k] = (double) at_most(y, m, v) / (double) m;
			row->ks = Max(row->ks, fabs(p[k] - q[k]));
			k++;
		}
	}
	bins_of_cumulative(&b, p, q, k);
	compare_bins(row, &b, (double) s->n, (double) m, o);

	for (uint32 i = 0; i < s->ngrid + s->ntail; i++)
	{
		double		v = i < s->ngrid ? s->grid[i] : s->tail[i - s->ngrid];
		double		d = fabs(scores_at_most(s, v) -
							 (double) at_most(y, m, v) / (double) m);

		row->ks = Max(row->ks, d);
	}
}

/*
 * Compare the current sketch with a model, or with the reference sketch if
 * there is none: a row a feature of the reference, one for the scores if
 * there is a model that remembers some, and one over all.  In the current
 * context; strings are the sketches' and the model's.
 */
AdDriftRow *
ad_drift(AdModel *model, AdSketch *reference, AdSketch *current,
		 const AdDriftOptions *o, int *nrows)
{
	Side		r;
	Side		c;
	int		   *at;
	int			n = 0;
	AdDriftRow *rows;
	AdDriftRow *all;
	StringInfoData reason;

	init_side(&r, model, reference);
	init_side(&c, NULL, current);
	at = match_features(&r, &c);
	rows = ad_palloc_array(AdDriftRow, r.nfeatures + 2);

	for (int j = 0; j < r.nfeatures; j++)
	{
		AdDriftRow *row = &rows[n++];

		CHECK_FOR_INTERRUPTS();
		init_row(row, AD_DRIFT_FEATURE);
		row->position = j + 1;
		row->name = name_of(&r, j);
		row->missing_reference = missing_share(&r, j);
		row->missing_current = missing_share(&c, at[j]);
		if (class_of(&r, j) == AD_CLASS_CATEGORY)
			compare_categories(row, &r, j, &c, at[j], o);
		else
		{
			Size		nx;
			Size		ny;
			double	   *y = sorted_numbers(c.view, at[j], &ny);

			if (ny > 0 && model)
				compare_with_quantiles(row, model, j, y, ny, o);
			else if (ny > 0)
			{
				double	   *x = sorted_numbers(r.view, j, &nx);

				if (nx > 0)
					compare_numbers(row, x, nx, y, ny, o);
				pfree(x);
			}
			pfree(y);
		}
		judge_row(row, &r, &c, class_of(&r, j) == AD_CLASS_TIMESTAMP, o);
	}

	if (model && model->has_scores && o->score_rows > 0)
	{
		AdDriftRow *row = &rows[n];
		Size		ny;
		double	   *y = score_sample(model, &c, at, o, &ny);

		init_row(row, AD_DRIFT_SCORE);
		if (ny > 0)
		{
			/* rows held out of the fit are scored as new ones are */
			compare_scores(row,
						   model->calibration.method == AD_CALIBRATION_NONE ?
						   &model->calibration.training :
						   &model->calibration.held_out, y, ny, o);
			judge_row(row, &r, &c, false, o);
			n++;
		}
	}

	all = &rows[n];
	init_row(all, AD_DRIFT_OVERALL);
	for (int i = 0; i < n; i++)
		all->verdict = Max(all->verdict, rows[i].verdict);
	if (all->verdict != AD_DRIFT_STABLE)
	{
		initStringInfo(&reason);
		for (int i = 0; i < n; i++)
		{
			if (rows[i].verdict != all->verdict)
				continue;
			if (reason.len > 0)
				appendStringInfoString(&reason, ", ");
			if (rows[i].part == AD_DRIFT_SCORE)
				appendStringInfoString(&reason, "scores");
			else if (rows[i].name[0])
				appendStringInfoString(&reason, rows[i].name);
			else
				appendStringInfo(&reason, "feature %d", rows[i].position);
		}
		all->reason = reason.data;
	}
	*nrows = n + 1;
	return rows;
}
