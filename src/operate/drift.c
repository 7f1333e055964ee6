/*-------------------------------------------------------------------------
 *
 * drift.c
 *		Has the data changed: a sketch against a sketch or a model.
 *
 * Each feature of the reference is cut into bins, by its own deciles or by
 * its most frequent values, and the shares of rows in them are compared
 * (drift_bins.c, drift_categories.c).  So are the scores, if there is a model
 * that remembers some.
 *
 * Small samples differ by chance.  A measure that chance exceeds once in
 * 1,000 is never held against a feature: a PSI below its noise, a change of
 * the missing share that Fisher's exact test does not see, new categories
 * that the reference can be expected not to have seen.
 *
 * Timestamps move on by themselves: their distribution is compared, but is
 * of no effect on the verdict.
 *
 *-------------------------------------------------------------------------
 */
#include "math/ad_math.h"
#include "operate/ad_drift_compare.h"

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
name_of(const AdDriftSide *s, int j)
{
	return s->model ? s->model->features[j].name :
		s->view->sketch->features[j].name;
}

static AdClass
class_of(const AdDriftSide *s, int j)
{
	return s->model ? s->model->features[j].class :
		s->view->sketch->features[j].class;
}

static const char *
type_of(const AdDriftSide *s, int j)
{
	return s->model ? s->model->features[j].type :
		s->view->sketch->features[j].type;
}

/* A side from a model or a sketch. */
static void
init_side(AdDriftSide *s, const AdModel *model, AdSketch *sketch)
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
describe(const AdDriftSide *s, int j)
{
	return name_of(s, j)[0] ? psprintf("\"%s\"", name_of(s, j)) :
		psprintf("%d", j + 1);
}

/*
 * For each feature of the reference, its position in the current: by name
 * where all have one, else by position.  Errors if they do not fit.
 */
static int *
match_features(const AdDriftSide *reference, const AdDriftSide *current)
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

/* The share of rows in which a feature is missing or infinite. */
static double
missing_share(const AdDriftSide *s, int j)
{
	const AdViewFeature *f = ad_drift_stats(s, j);

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
judge_row(AdDriftRow *row, const AdDriftSide *reference, const AdDriftSide *current,
		  bool moves_on, const AdDriftOptions *o)
{
	double		change = fabs(row->missing_current - row->missing_reference);

	if (!moves_on && row->psi > row->psi_noise)
		judge(row, "PSI", row->psi, o->psi_moderate, o->psi_significant);
	if (row->part == AD_DRIFT_FEATURE)
	{
		double		n = (double) reference->rows;
		double		m = (double) current->rows;

		if (ad_drift_share_changed(rint(row->missing_reference * n), n,
								   rint(row->missing_current * m), m))
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
score_sample(AdModel *m, const AdDriftSide *current, const int *at,
			 const AdDriftOptions *o, Size *n)
{
	const AdView *v = current->view;
	Size		rows = Min(v->n, (Size) o->score_rows);
	double	   *scores = ad_palloc_array(double, rows);
	double	   *raw = ad_palloc_array(double, m->nfeatures);
	double	   *x = ad_palloc_array(double, v->nfeatures);
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
		bool		refused = false;
		double		score;

		CHECK_FOR_INTERRUPTS();
		ad_view_infinite(v, (Size) ((double) i * (double) v->n /
									(double) rows), x);
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
		if (!isnan(score))
			scores[(*n)++] = Max(-DBL_MAX, Min(score, DBL_MAX));
	}
	ad_sort_doubles(scores, *n);
	return scores;
}

/* Compare a feature of numbers with that of the reference. */
static void
compare_numeric(AdDriftRow *row, const AdDriftSide *reference, int j,
				const AdDriftSide *current, int k, const AdDriftOptions *o)
{
	Size		nx;
	Size		ny;
	double	   *y = sorted_numbers(current->view, k, &ny);

	if (ny > 0 && reference->model)
		ad_drift_quantiles(row, reference->model, j, y, ny, o);
	else if (ny > 0)
	{
		double	   *x = sorted_numbers(reference->view, j, &nx);

		if (nx > 0)
			ad_drift_numbers(row, x, nx, y, ny, o);
		pfree(x);
	}
	pfree(y);
}

/* Fill the row of feature j of the reference, feature k of the current. */
static void
compare_feature(AdDriftRow *row, const AdDriftSide *reference, int j,
				const AdDriftSide *current, int k, const AdDriftOptions *o)
{
	AdClass		class = class_of(reference, j);

	init_row(row, AD_DRIFT_FEATURE);
	row->position = j + 1;
	row->name = name_of(reference, j);
	row->class = class;
	row->type = type_of(reference, j);
	row->missing_reference = missing_share(reference, j);
	row->missing_current = missing_share(current, k);
	if (class == AD_CLASS_CATEGORY)
		ad_drift_categories(row, reference, j, current, k, o);
	else
		compare_numeric(row, reference, j, current, k, o);
	judge_row(row, reference, current, class == AD_CLASS_TIMESTAMP, o);
}

/*
 * Fill the row of the scores; false if no row of the current has one, or the
 * model remembers none that compare with them.
 */
static bool
compare_scores(AdDriftRow *row, AdModel *model, const AdDriftSide *reference,
			   const AdDriftSide *current, const int *at,
			   const AdDriftOptions *o)
{
	Size		n;
	double	   *scores = score_sample(model, current, at, o, &n);
	AdScores	remembered;

	init_row(row, AD_DRIFT_SCORE);
	if (n == 0 || !ad_drift_reference_scores(model, &remembered))
		return false;
	ad_drift_scores(row, &remembered, scores, n, o);
	judge_row(row, reference, current, false, o);
	return true;
}

/* Fill the row over all: the worst verdict of n rows, and whose it is. */
static void
sum_up(AdDriftRow *all, const AdDriftRow *rows, int n)
{
	StringInfoData reason;

	init_row(all, AD_DRIFT_OVERALL);
	for (int i = 0; i < n; i++)
		all->verdict = Max(all->verdict, rows[i].verdict);
	if (all->verdict == AD_DRIFT_STABLE)
		return;
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

/*
 * Compare the current sketch with a model, or with the reference sketch if
 * there is none: one row per feature of the reference, one for the scores if
 * there is a model that remembers some, and one over all.  In the current
 * context; strings are the sketches' and the model's.
 */
AdDriftRow *
ad_drift(AdModel *model, AdSketch *reference, AdSketch *current,
		 const AdDriftOptions *o, int *nrows)
{
	AdDriftSide r;
	AdDriftSide c;
	int		   *at;
	int			n = 0;
	AdDriftRow *rows;

	init_side(&r, model, reference);
	init_side(&c, NULL, current);
	at = match_features(&r, &c);
	rows = ad_palloc_array(AdDriftRow, r.nfeatures + 2);
	for (int j = 0; j < r.nfeatures; j++)
	{
		CHECK_FOR_INTERRUPTS();
		compare_feature(&rows[n++], &r, j, &c, at[j], o);
	}
	if (model && model->has_scores && o->score_rows > 0 &&
		compare_scores(&rows[n], model, &r, &c, at, o))
		n++;
	sum_up(&rows[n], rows, n);
	*nrows = n + 1;
	return rows;
}
