/*-------------------------------------------------------------------------
 *
 * fit_rows.c
 *		A sample, fitted to some of its rows and scoring any.
 *
 * A fit is made on some of the rows of a sample, which are prepared for it
 * (prepare_fit.c), and scores any of them: calibration (held_out.c) says
 * which.  An ensemble is fitted to rows by calibrating each member on them;
 * members are no ensembles themselves, so each step is written for a detector
 * and then, over that, for an ensemble.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_fault.h"
#include "math/ad_linalg.h"
#include "math/ad_math.h"
#include "model/ad_beyond.h"
#include "model/ad_ensemble.h"
#include "model/ad_fit.h"
#include "model/ad_fitter.h"

#include <float.h>

#define MB				((Size) 1024 * 1024)
#define MAX_PAYLOADS	(128 * MB)	/* of an ensemble's members */
#define UNIT_ROWS		2048	/* scored for the unit of what is beyond */
#define ROUNDING_ROWS	((Size) 1024)	/* looked at for what is rounding */

/*
 * Raise an error unless a matrix is what detectors are promised: finite, or
 * NaN for those that accept missing values.  Rows cannot break the promise, a
 * forged sketch can.  Rows can have values whose squares are no numbers, or
 * all 0, which a detector that takes squares is not given.
 */
static void
check_matrix(const AdMatrix *m, const AdDetector *d, bool missing)
{
	double		greatest = 0;

	for (Size i = 0; i < m->rows; i++)
	{
		const double *x = m->x + i * m->cols;
		double		zero = 0;

		AD_CHECK_EVERY_1024(i);
		for (int c = 0; c < m->cols; c++)
		{
			if (!(missing && isnan(x[c])))
				zero += x[c] * 0.0;
			greatest = Max(greatest, fabs(x[c]));
		}
		if (zero != 0)
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("a value to fit is not finite"),
					 ad_errdata()));
	}
	if (!d->squares)
		return;
	if (greatest > AD_MAX_SQUARABLE)
		ad_too_large(d->name);
	if (greatest > 0 && greatest < AD_MIN_SQUARABLE)
		ad_too_small(d->name);
}

/*
 * Raise an error for values that differ by infinity, however they are scaled
 * later, if they are for a detector that takes squares.
 */
static void
check_ranges(const AdModel *m, const AdDetector *d)
{
	for (int j = 0; j < m->nfeatures; j++)
	{
		const AdModelFeature *f = &m->features[j];

		if (d->squares && f->class != AD_CLASS_CATEGORY &&
			isinf(f->stats.max - f->stats.min))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("values are too large for double precision arithmetic"),
					 errdetail("Detector \"%s\" needs differences and squares of them.",
							   d->name),
					 errhint("Divide them by a constant."),
					 ad_errdata()));
	}
}

/*
 * How far rounding may move a row: by a share of a usual one's columns, those
 * of a far one left aside.
 */
static double
usual_error(const AdMatrix *m)
{
	Size		n = Min(m->rows, ROUNDING_ROWS);
	double	   *size = ad_palloc_array(double, n);
	double		error;

	for (Size i = 0; i < n; i++)
	{
		const double *x = m->x + i * (m->rows / n) * m->cols;

		size[i] = 0;
		for (int c = 0; c < m->cols; c++)
			if (!isnan(x[c]))
				size[i] += fabs(x[c]);
	}
	error = ad_quantile(size, n, 0.95) * AD_SCORE_ROUNDING;
	pfree(size);
	return error;
}

/* Prepare a view for a spec, but for the members of an ensemble. */
static void
prepare_one(AdFit *fit, AdView *v, const AdSpec *spec, uint64 seed)
{
	const AdSketch *sketch = v->sketch;
	AdModel    *m = ad_model_new(CurrentMemoryContext);

	memset(fit, 0, sizeof(*fit));
	m->detector = spec->detector;
	m->varying_only = spec->prepare.varying_only;
	m->rows = v->rows;
	m->sampled = v->n;
	m->nfeatures = v->nfeatures;
	m->features = ad_palloc0_array(AdModelFeature, v->nfeatures);
	for (int j = 0; j < v->nfeatures; j++)
	{
		m->features[j].name = sketch->features[j].name;
		m->features[j].type = sketch->features[j].type;
		m->features[j].class = sketch->features[j].class;
		m->features[j].stats = v->features[j];
		for (int i = 0; i < AD_MODEL_SHARES; i++)
			m->features[j].shares[i] = NAN;
		m->features[j].arc.low = NAN;
		if (m->features[j].class == AD_CLASS_TIME)
			ad_clock_arc(v, j, &m->features[j].arc);
	}
	fit->spec = spec;
	fit->seed = seed;
	fit->view = v;
	fit->model = m;
	check_ranges(m, spec->detector);
	fit->mcxt = CurrentMemoryContext;
	fit->raw = ad_palloc_array(double, v->nfeatures);
}

/*
 * Decide on the preparation from some rows (NULL: all n), and fill in their
 * matrix, in the current context.
 */
void
ad_fit_matrix(AdFit *fit, const Size *rows, Size n, AdMatrix *matrix)
{
	MemoryContext old = MemoryContextSwitchTo(fit->mcxt);
	const AdSpec *spec = fit->spec;

	if (n == fit->view->n)
		rows = NULL;
	matrix->x = ad_prepare_fit(fit->model, fit->view, rows, n, spec, old);
	MemoryContextSwitchTo(old);
	matrix->rows = n;
	matrix->cols = fit->model->ndense;
	matrix->kinds = fit->model->dense_kinds;
	matrix->seed = spec->sampling.seed;
	check_matrix(matrix, spec->detector,
				 spec->detector->accepts_missing != NULL &&
				 spec->detector->accepts_missing(spec->options));
	fit->error = usual_error(matrix);
}

/*
 * Make a view ready to be fitted by a spec, in the current context; the seed
 * is for what is held out.
 */
void
ad_fit_prepare(AdFit *fit, AdView *v, const AdSpec *spec, uint64 seed)
{
	prepare_one(fit, v, spec, seed);
	if (spec->nmembers == 0)
		return;
	/* what an ensemble prepares is described, members prepare for themselves */
	ad_prepare_fit(fit->model, v, NULL, v->n, spec, fit->mcxt);
	ad_ensemble_settle(fit->model, spec);
	fit->nmembers = spec->nmembers;
	fit->members = ad_palloc_array(AdFit, spec->nmembers);
	fit->scratch = ad_palloc_array(double, spec->nmembers);
	for (int k = 0; k < fit->nmembers; k++)
	{
		const AdSpec *member = &spec->members[k];

		prepare_one(&fit->members[k], v, member, seed);
		if (member->has_sampling &&
			member->sampling.rows != AD_DEFAULT_SAMPLE)
			fit->members[k].max_rows = member->sampling.rows;
	}
}

/* Raise an error if there is no score, and make it finite. */
static double
finite_score(const AdFit *fit, double score)
{
	if (isnan(score))
		elog(ERROR, "detector \"%s\" gives no score",
			 fit->spec->detector->name);
	return Max(-DBL_MAX, Min(score, DBL_MAX));
}

/* The score of a row under a detector, as if it came anew. */
double
ad_fit_own_score(AdFit *fit, Size i)
{
	AdModel    *m = fit->model;

	/* a row of many columns, or of many neighbours, takes a millisecond */
	CHECK_FOR_INTERRUPTS();
	ad_view_infinite(fit->view, i, fit->raw);
	ad_prepare_code(m, fit->raw);
	ad_prepare_row(m, fit->raw, m->columns);
	if (m->infinite_time)
	{
		double		score = ad_prepare_infinite_score(m);

		/* as a model does, which knows scores of its training rows */
		if (fit->calibration.training.ntail > 0)
			score = Max(score, fit->calibration.training.tail[0]);
		return finite_score(fit, score);
	}
	return finite_score(fit, m->detector->score(m->scorer, ad_model_dense(m)));
}

/* The unit of what is beyond the last fit's rows, from scores of some. */
static double
beyond_unit(AdFit *fit, double (*own) (AdFit *fit, Size i))
{
	Size		n = Min(fit->nrows, UNIT_ROWS);
	double		least = INFINITY;
	double		greatest = -INFINITY;

	if (fit->model->beyond_unit > 0)
		return fit->model->beyond_unit;
	for (Size k = 0; k < n; k++)
	{
		/* evenly, in what is an order by content or none */
		Size		i = (Size) ((uint64) k * fit->nrows / n);
		double		score = own(fit, fit->rows ? fit->rows[i] : i);

		if (score >= AD_INFINITE_SCORE)
			continue;
		least = Min(least, score);
		greatest = Max(greatest, score);
	}
	fit->model->beyond_unit = least <= greatest ?
		ad_beyond_unit(least, greatest) : 1;
	return fit->model->beyond_unit;
}

/* The score of a row, with what is beyond the last fit's if that counts. */
static double
whole_score(AdFit *fit, Size i,
			double (*own) (AdFit *fit, Size i))
{
	double		score = own(fit, i);
	AdModel    *m = fit->model;
	double		unit;

	if (m->beyond == NULL)
		return score;
	unit = beyond_unit(fit, own);
	ad_view_infinite(fit->view, i, fit->raw);
	return finite_score(fit, score + ad_beyond_terms(m, m->beyond, unit,
													 fit->raw, NULL));
}

/* The score of a row under a detector. */
static double
score_row(void *arg, Size i)
{
	return whole_score(arg, i, ad_fit_own_score);
}

/* What the members of an ensemble say of a row. */
static double
members_score(AdFit *fit, Size i)
{
	for (int k = 0; k < fit->nmembers; k++)
		fit->scratch[k] = score_row(&fit->members[k], i);
	return finite_score(fit, ad_ensemble_combine(fit->model, fit->scratch,
												 fit->scales,
												 fit->nmembers));
}

/* The score of a row under an ensemble. */
static double
score_members(void *arg, Size i)
{
	return whole_score(arg, i, members_score);
}

/* Make what is beyond the last fit's rows ready for the model. */
static void
settle_beyond(AdFit *fit)
{
	if (fit->model->beyond)
		(void) beyond_unit(fit, fit->nmembers > 0 ? members_score : ad_fit_own_score);
}

/* What scores of a detector may be off by; see AdFitter. */
double
ad_fit_rounding(const void *arg)
{
	const AdFit *fit = arg;
	const AdDetector *d = fit->spec->detector;
	double		off = AD_SCORE_ROUNDING;

	if (d->rounding)
		off = d->rounding(fit->model->scorer, fit->error);
	return off <= DBL_MAX ? off : 0;
}

/* Those of an ensemble's: of what its members' scores become. */
static double
members_rounding(const void *arg)
{
	const AdFit *fit = arg;

	return ad_ensemble_rounding(fit->model, fit->scales, fit->nmembers);
}

/* The shift and unit of a detector's scores; see AdFitter. */
static void
common_scale(const void *arg, double *shift, double *unit)
{
	const AdFit *fit = arg;
	const AdDetector *d = fit->spec->detector;

	*shift = 0;
	*unit = 1;
	if (d->common_scale)
		d->common_scale(fit->model->scorer, fit->spec->options, shift, unit);
}

/* Those of an ensemble's, whose members have been brought to one. */
static void
members_scale(const void *arg pg_attribute_unused(), double *shift,
			  double *unit)
{
	*shift = 0;
	*unit = 1;
}

/* Forget the last fit and enter the context of the next, to some rows. */
static MemoryContext
begin_fit(AdFit *fit, const Size *rows, Size n)
{
	MemoryContext old;

	if (fit->fitted)
	{
		ad_fit_measure();
		/* the members' contexts go with it */
		for (int k = 0; k < fit->nmembers; k++)
			fit->members[k].fitted = NULL;
		MemoryContextReset(fit->fitted);
	}
	else
		fit->fitted = AllocSetContextCreate(CurrentMemoryContext,
											"anomaly fitted",
											ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(fit->fitted);
	if (!fit->spec->prepare.beyond_range)
		return old;
	fit->nrows = n;
	fit->rows = NULL;
	if (rows)
	{
		Size	   *copy = ad_palloc_array(Size, n);

		memcpy(copy, rows, n * sizeof(Size));
		fit->rows = copy;
	}
	fit->model->beyond_unit = 0;
	fit->model->beyond = ad_beyond_ranges(fit->model, fit->view, rows, n);
	return old;
}

/* Return whether a detector that is given n rows is fitted to some of them. */
bool
ad_fit_draws(const AdFit *fit, Size n)
{
	return fit->max_rows > 0 && n > fit->max_rows;
}

/*
 * Fit a detector to some rows, given in ascending order; a member that asks
 * for fewer, to so many of them.
 */
void
ad_fit_rows(void *arg, const Size *rows, Size n)
{
	AdFit	   *fit = arg;
	MemoryContext old = begin_fit(fit, rows, n);
	const AdDetector *d = fit->spec->detector;
	AdMatrix	m;
	AdReader	r;

	if (ad_fit_draws(fit, n))
	{
		Size	   *drawn = ad_palloc_array(Size, fit->max_rows);

		ad_calibration_draw(rows, n, fit->max_rows, fit->spec->sampling.seed,
							AD_STREAM_MEMBER_ROWS, drawn, NULL);
		rows = drawn;
		n = fit->max_rows;
	}

	ad_fit_matrix(fit, rows, n, &m);
	initStringInfo(&fit->payload);
	d->fit(&m, fit->spec->options, &fit->payload);
	if (m.x != fit->view->x)
		pfree((void *) m.x);
	ad_rd_init(&r, fit->payload.data, fit->payload.len, "model");
	fit->scoring = AllocSetContextCreate(fit->fitted, "anomaly scorer",
										 ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(fit->scoring);
	fit->model->scorer = d->load(&r, m.cols);
	if (d->expect)
		d->expect(fit->model->scorer, fit->view->n);
	MemoryContextSwitchTo(old);
}

/* Return whether rows may have infinite times with an hour and a weekday. */
static bool
is_floored(const AdFit *fit)
{
	return fit->view->infinite && fit->spec->prepare.calendar;
}

/* Fit the members of an ensemble to some rows, each with its calibration. */
static void
fit_members(void *arg, const Size *rows, Size n)
{
	AdFit	   *fit = arg;
	MemoryContext old = begin_fit(fit, rows, n);
	Size		total = 0;

	fit->scales = ad_palloc_array(const AdCalibration *, fit->nmembers);
	for (int k = 0; k < fit->nmembers; k++)
	{
		AdFit	   *member = &fit->members[k];
		AdFitter	fitter = {
			.spec = member->spec,
			.seed = member->seed,
			.unsampled = fit->unsampled,
			.floored = is_floored(member),
			.fit = member,
			.fit_rows = ad_fit_rows,
			.score_row = score_row,
			.rounding = ad_fit_rounding,
			.common_scale = common_scale
		};

		ad_calibration_make(&fitter, rows, n, &member->calibration);
		settle_beyond(member);
		fit->scales[k] = &member->calibration;
		total += member->payload.len;
		if (total > MAX_PAYLOADS)
			ereport(ERROR,
					(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
					 errmsg("an ensemble's members need %zu MB, limit is %zu MB",
							ad_megabytes(total), MAX_PAYLOADS / MB),
					 errhint("Give fewer or smaller members.")));
	}
	MemoryContextSwitchTo(old);
}

/* Fit to all rows but those held out, and keep the scores' summary. */
void
ad_fit_calibrate(AdFit *fit)
{
	bool		is_ensemble = fit->nmembers > 0;
	AdFitter	fitter = {
		.spec = fit->spec,
		.seed = fit->seed,
		.unsampled = fit->unsampled,
		.floored = is_floored(fit),
		.fit = fit,
		.fit_rows = is_ensemble ? fit_members : ad_fit_rows,
		.score_row = is_ensemble ? score_members : score_row,
		.rounding = is_ensemble ? members_rounding : ad_fit_rounding,
		.common_scale = is_ensemble ? members_scale : common_scale
	};
	Size	   *rows = ad_palloc_array(Size, fit->view->n);

	for (Size i = 0; i < fit->view->n; i++)
		rows[i] = i;
	ad_calibration_make(&fitter, rows, fit->view->n, &fit->calibration);
	settle_beyond(fit);
}
