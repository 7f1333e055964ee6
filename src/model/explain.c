/*-------------------------------------------------------------------------
 *
 * explain.c
 *		What each feature contributes to a row's score.
 *
 * Contributions add up to the score less a baseline that is the same for all
 * rows of a model.  A detector that can say what each of its columns
 * contributes does (AdDetector.explain); columns are then summed back to the
 * features they were made of.
 *
 * For the others features are left out one by one: what the score loses when
 * a feature is replaced by its typical value, its median or most frequent
 * category.  The baseline is the score of the row that is typical throughout.
 * What these differences miss of the whole is shared out in proportion to
 * them.  Where no feature alone makes a difference (each of two would do), it
 * is what a feature alone adds to the typical row that counts.
 *
 * Of a model that reduces its columns (reduce.c) the same is done, since what
 * is left out is left out of every component; only the cheap way shares what
 * the detector says of components among the columns.
 *
 * What a value beyond those of the fit counts by itself (beyond.c) is its
 * feature's.
 *
 * An ensemble that takes the mean is explained by its members, on the scale on
 * which it takes it; one that takes the mean of the highest, by those that are
 * of the row, from the typical row's score on, since their own baselines are
 * not the same for all rows.  Other ensembles by leaving features out.
 *
 *-------------------------------------------------------------------------
 */
#include "model/ad_beyond.h"
#include "model/ad_ensemble.h"
#include "model/ad_explain.h"
#include "model/ad_reduce.h"

#include <float.h>

/* Scratch of explaining rows of a model, and what is known of it. */
struct AdExplain
{
	double	   *columns;		/* per column: a detector's contributions */
	double	   *components;		/* the same per component, if there are some */
	double	   *row;			/* per feature: a row that is changed, and
								 * more */
	double	   *typical;		/* per feature */
	double		typical_score;
};

/* A number that can be calculated with. */
static double
bounded(double v)
{
	if (isnan(v))
		return 0;
	return Max(Min(v, DBL_MAX), -DBL_MAX);
}

/*
 * Return whether a feature makes a difference to the score: of an ensemble,
 * whose members prepare for themselves, if it does to one of them.
 */
static bool
is_used(const AdModel *m, int feature)
{
	if (m->nmembers == 0)
		return m->features[feature].encoding != AD_ENC_DROPPED;
	for (int k = 0; k < m->nmembers; k++)
		if (is_used(m->members[k], feature))
			return true;
	return false;
}

/*
 * Change contributions so that they add up to total, both finite: what is
 * missing is shared in proportion to their sizes.  If all are 0, those that
 * may contribute share it equally.  Features that were dropped contribute
 * nothing.  Overwrites the scratch row of the model.
 */
static void
settle(const AdModel *m, double *c, double total)
{
	int			n = m->nfeatures;
	double	   *share = m->explain->row;
	double		largest = 0;
	double		sum = 0;
	double		sizes = 0;
	double		missing;
	bool		finite = true;

	/* rounding must not take the sum beyond what is a number */
	if (fabs(total) > 1e300)
		total *= 1 - 1e-12;
	for (int j = 0; j < n; j++)
		largest = Max(largest, fabs(c[j]));
	if (largest == 0)
	{
		int			able = 0;

		for (int j = 0; j < n; j++)
			able += is_used(m, j);
		for (int j = 0; j < n; j++)
			c[j] = is_used(m, j) ? total / able : 0;
		return;
	}
	for (int j = 0; j < n; j++)
	{
		share[j] = c[j] / largest;
		sum += share[j];
		sizes += fabs(share[j]);
	}
	if (fabs(sum) == sizes && sum * total >= 0)
	{
		/* all of one sign: scaled, which loses no digits */
		for (int j = 0; j < n; j++)
			c[j] = total * (fabs(share[j]) / sizes);
		return;
	}
	missing = total / largest - sum;
	for (int j = 0; j < n; j++)
	{
		c[j] = (share[j] + missing * (fabs(share[j]) / sizes)) * largest;
		finite &= isfinite(c[j]) != 0;
	}
	for (int j = 0; j < n && !finite; j++)
		c[j] = total * (fabs(share[j]) / sizes);
}

/*
 * Sum a detector's contributions to those of features.  Where some are no
 * finite numbers, the row's infinite columns count alone, or if it has none,
 * the columns concerned.
 */
static void
sum_columns(const AdModel *m, const double *columns, double *out)
{
	bool		finite = true;
	bool		infinite = false;

	for (int c = 0; c < m->ncols; c++)
	{
		finite &= isfinite(columns[c]) != 0;
		infinite |= isinf(m->columns[c]) != 0;
	}
	for (int j = 0; j < m->nfeatures; j++)
	{
		const AdModelFeature *f = &m->features[j];

		out[j] = 0;
		for (int c = f->first; c < f->first + f->ncols; c++)
			if (finite)
				out[j] += columns[c];
			else if (infinite ? isinf(m->columns[c]) : !isfinite(columns[c]))
				out[j] = 1;
		out[j] = bounded(out[j]);
	}
}

/*
 * The score of a row, without terms of values beyond the fit's, as a number
 * that can be calculated with.
 */
static double
score_of(AdModel *m, const double *raw)
{
	return bounded(ad_model_own_score(m, raw));
}

/* The typical value of a feature: a number, or a category's code. */
static double
typical_value(const AdModelFeature *f, AdImpute impute)
{
	if (f->class == AD_CLASS_CATEGORY)
		return f->impute;
	if (f->encoding == AD_ENC_CLOCK && !isnan(f->arc.low))
		return f->arc.middle;
	/* the median of instants may lie at night, or on a Sunday */
	if (f->encoding == AD_ENC_CALENDAR && isfinite(f->impute) &&
		impute != AD_IMPUTE_ZERO)
		return f->impute;
	if (isfinite(f->stats.median))
		return f->stats.median;
	return isfinite(f->impute) ? f->impute : 0;
}

/* Return what explaining a model needs; made when it is first asked for. */
static AdExplain *
explain_of(AdModel *m)
{
	MemoryContext old;
	AdExplain  *e;

	if (m->explain)
		return m->explain;
	old = MemoryContextSwitchTo(m->mcxt);
	e = palloc0(sizeof(AdExplain));
	e->columns = ad_palloc0_array(double, m->ncols);
	e->components = m->reduction ? ad_palloc0_array(double, m->ndense) : NULL;
	e->row = ad_palloc0_array(double, m->nfeatures);
	e->typical = ad_palloc0_array(double, m->nfeatures);
	for (int j = 0; j < m->nfeatures; j++)
		e->typical[j] = typical_value(&m->features[j], m->impute);
	e->typical_score = score_of(m, e->typical);
	MemoryContextSwitchTo(old);
	m->explain = e;
	return e;
}

/* Leave features out one by one; see the file's head. */
static double
leave_out(AdModel *m, const double *raw, double score, double *contribution)
{
	AdExplain  *e = explain_of(m);
	bool		any = false;

	memcpy(e->row, raw, m->nfeatures * sizeof(double));
	for (int j = 0; j < m->nfeatures; j++)
	{
		contribution[j] = 0;
		if (!is_used(m, j) || raw[j] == e->typical[j])
			continue;
		CHECK_FOR_INTERRUPTS();
		e->row[j] = e->typical[j];
		contribution[j] = bounded(score - score_of(m, e->row));
		e->row[j] = raw[j];
		any |= contribution[j] != 0;
	}
	if (!any && score != e->typical_score)
	{
		memcpy(e->row, e->typical, m->nfeatures * sizeof(double));
		for (int j = 0; j < m->nfeatures; j++)
		{
			if (!is_used(m, j) || raw[j] == e->typical[j])
				continue;
			CHECK_FOR_INTERRUPTS();
			e->row[j] = raw[j];
			contribution[j] = bounded(score_of(m, e->row) - e->typical_score);
			e->row[j] = e->typical[j];
		}
	}
	return e->typical_score;
}

static double explain_row(AdModel *m, const double *raw, bool path,
						  double *contribution, double *baseline);

/*
 * Fill in which part of an ensemble's score of a row each member's is; returns
 * whether it is the same for all rows.
 */
static bool
shares_of_members(AdModel *m, const double *raw, double *shares)
{
	double		scores[AD_MAX_MEMBERS];
	int			n = m->combine == AD_COMBINE_TOP ? Min(m->top, m->nmembers) :
		m->nmembers;

	for (int k = 0; k < m->nmembers; k++)
		shares[k] = n < m->nmembers ? 0 : m->weights ? m->weights[k] : 1.0 / n;
	if (n == m->nmembers)
		return true;
	for (int k = 0; k < m->nmembers; k++)
		scores[k] = ad_scores_standard(&m->members[k]->calibration.training,
									   ad_model_score(m->members[k], raw));
	if (m->weights)
		ad_ensemble_shares(m, scores, m->nmembers, m->weights, shares);
	for (int i = 0; i < n && m->weights == NULL; i++)
	{
		int			highest = -1;

		for (int k = 0; k < m->nmembers; k++)
			if (shares[k] == 0 && (highest < 0 || scores[k] > scores[highest]))
				highest = k;
		shares[highest] = 1.0 / n;
	}
	return false;
}

/*
 * Explain an ensemble's mean by its members; returns the baseline, or NaN if
 * that cannot be said in numbers.
 */
static double
explain_members(AdModel *m, const double *raw, bool path,
				double *contribution)
{
	AdExplain  *e = explain_of(m);
	double	   *part = e->row;
	double		baseline = 0;
	double		shares[AD_MAX_MEMBERS];
	bool		same = shares_of_members(m, raw, shares);

	memset(contribution, 0, m->nfeatures * sizeof(double));
	for (int k = 0; k < m->nmembers; k++)
	{
		const AdScores *scores = &m->members[k]->calibration.training;
		double		rest;
		double		score;
		double		unit = scores->sd;

		if (shares[k] == 0)
			continue;
		score = explain_row(m->members[k], raw, path, part, &rest);
		/* without a spread the member says 0 or 1 */
		if (unit == 0 && ad_scores_standard(scores, score) != 0)
			unit = score - rest;
		for (int j = 0; j < m->nfeatures && unit != 0; j++)
			contribution[j] += part[j] / unit * shares[k];
		baseline += ad_scores_standard(scores, rest) * shares[k];
	}
	for (int j = 0; j < m->nfeatures; j++)
		if (!isfinite(contribution[j]))
			return NAN;
	return same ? baseline : e->typical_score;
}

/*
 * Fill in what a detector says of the columns of the row that has just been
 * scored; returns the baseline, or NaN if it says nothing.
 */
static double
explain_columns(AdModel *m, bool path, double *contribution)
{
	AdExplain  *e = explain_of(m);
	const AdDetector *d = m->detector;
	double		baseline;

	if (d->explain == NULL || (m->reduction && !path))
		return NAN;
	baseline = d->explain(m->scorer, ad_model_dense(m), path,
						  m->reduction ? e->components : e->columns);
	if (isnan(baseline))
		return NAN;
	if (m->reduction)
		ad_reduce_explain(m, e->components, e->columns);
	sum_columns(m, e->columns, contribution);
	return baseline;
}

/* As ad_model_explain(), with the baseline. */
static double
explain_row(AdModel *m, const double *raw, bool path, double *contribution,
			double *baseline)
{
	AdExplain  *e = explain_of(m);
	double		score = score_of(m, raw);

	AssertModel(m);
	Assert(!isnan(score));
	*baseline = NAN;
	if (m->nmembers > 0)
	{
		if (m->combine == AD_COMBINE_MEAN || m->combine == AD_COMBINE_TOP)
			*baseline = explain_members(m, raw, path, contribution);
	}
	else
		*baseline = explain_columns(m, path, contribution);
	if (isnan(*baseline))
		*baseline = leave_out(m, raw, score, contribution);
	*baseline = bounded(*baseline);
	settle(m, contribution, bounded(score - *baseline));
	if (m->beyond)
	{
		score = bounded(score + ad_beyond_terms(m, m->beyond, m->beyond_unit,
												raw, e->row));
		for (int j = 0; j < m->nfeatures; j++)
			contribution[j] = bounded(contribution[j] + e->row[j]);
	}
	return score;
}

/*
 * Fill in what each feature of a raw row contributes to its score, which is
 * returned: finite numbers that add up to it, less the baseline.  "path": the
 * cheap way, for detectors that have two.  Allocates nothing but at a model's
 * first row.  Raises the same errors as preparing the row.
 */
double
ad_model_explain(AdModel *m, const double *raw, bool path,
				 double *contribution)
{
	double		baseline;

	return explain_row(m, raw, path, contribution, &baseline);
}
