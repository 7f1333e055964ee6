/*-------------------------------------------------------------------------
 *
 * fit.c
 *		From a sketch to a model.
 *
 *-------------------------------------------------------------------------
 */
#include "model/ad_model.h"

/* Error unless a fit has the rows that an option of the detector asks for. */
void
ad_detector_need_rows(const AdMatrix *m, Size needed, const char *detector,
					  const char *option)
{
	if (m->rows < needed)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("detector \"%s\" needs at least %zu rows, there are %zu",
						detector, needed, m->rows),
				 errdetail("Option \"%s\" asks for them.", option)));
}

/* Draw reference rows; see ad_detector.h. */
Size *
ad_detector_reference_rows(const AdMatrix *m, int most, Size *n)
{
	Size	   *rows;
	AdRandom	random;
	Size		left = Min(m->rows, (Size) most);

	*n = left;
	rows = ad_palloc_array(Size, left);
	ad_random_seed(&random, m->seed, UINT64CONST(0x7265666572656e63));
	/* selection sampling (Knuth's algorithm S) */
	for (Size i = 0, k = 0; left > 0; i++)
		if (ad_random_below(&random, m->rows - i) < left)
		{
			rows[k++] = i;
			left--;
		}
	return rows;
}

/* What a fit works on. */
typedef struct Fit
{
	AdView	   *view;
	AdModel    *model;
	AdMatrix	matrix;
} Fit;

/*
 * Error unless a matrix is what detectors are promised: finite, or NaN for
 * those that accept missing values.  Rows cannot break the promise, a forged
 * sketch can.
 */
static void
check_matrix(const AdMatrix *m, bool missing)
{
	for (Size i = 0; i < m->rows; i++)
	{
		const double *x = m->x + i * m->cols;
		double		zero = 0;

		AD_CHECK_EVERY_1024(i);
		for (int c = 0; c < m->cols; c++)
			if (!(missing && isnan(x[c])))
				zero += x[c] * 0.0;
		if (zero != 0)
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("a value to fit is not finite")));
	}
}

/* Take a view of a sketch and prepare it, in the current context. */
static void
prepare(Fit *fit, AdSketch *sketch, const AdSpec *spec)
{
	AdView	   *v = ad_view_create(sketch);
	AdModel    *m = ad_model_new(CurrentMemoryContext);

	m->detector = spec->detector;
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
	}
	fit->view = v;
	fit->model = m;
	fit->matrix.x = ad_prepare_fit(m, v, spec);
	fit->matrix.rows = v->n;
	fit->matrix.cols = m->ncols;
	fit->matrix.kinds = m->kinds;
	fit->matrix.seed = spec->sampling.seed;
	check_matrix(&fit->matrix, spec->detector->accepts_missing != NULL &&
				 spec->detector->accepts_missing(spec->options));
}

/* Write the model of a prepared fit, in the current context. */
static bytea *
write_model(Fit *fit, const AdSpec *spec)
{
	AdEnvelopeWriter w;
	StringInfo	buf = ad_envelope_begin(&w, 4, 0);
	StringInfoData text;

	initStringInfo(&text);
	ad_spec_print(&text, spec);
	fit->model->spec = text.data;
	ad_model_write_head(fit->model, &w, buf);
	ad_envelope_section(&w, AD_SECTION_PAYLOAD);
	spec->detector->fit(&fit->matrix, spec->options, buf);
	return ad_envelope_end(&w, AD_MAGIC_MODEL, AD_MODEL_VERSION,
						   spec->detector->id,
						   spec->detector->contains_rows ?
						   AD_MODEL_CONTAINS_ROWS : 0);
}

/*
 * Fit the spec's detector to a sketch.  Returns the model's bytes in the
 * current context; everything else is freed.  Cancellable.  Byte-identical
 * for sketches that say the same.
 */
bytea *
ad_model_fit(AdSketch *sketch, const AdSpec *spec)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext,
												  "anomaly fit",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	Fit			fit;
	bytea	   *bytes;
	bytea	   *result;

	prepare(&fit, sketch, spec);
	bytes = write_model(&fit, spec);

	MemoryContextSwitchTo(old);
	result = palloc(VARSIZE(bytes));
	memcpy(result, bytes, VARSIZE(bytes));
	MemoryContextDelete(scratch);
	return result;
}

/*
 * Fit the spec's detector to a sketch that still has all of its rows, and
 * score those rows in-sample.  scores[i] is for the i-th row added.
 */
void
ad_model_outliers(AdSketch *sketch, const AdSpec *spec, double *scores)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext,
												  "anomaly fit",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	const AdDetector *d = spec->detector;
	Fit			fit;
	double	   *own;

	Assert(!sketch->large);
	prepare(&fit, sketch, spec);
	own = ad_palloc_array(double, fit.matrix.rows);
	if (d->in_sample)
		d->in_sample(&fit.matrix, spec->options, own);
	else
	{
		StringInfoData payload;
		AdReader	r;
		void	   *scorer;

		initStringInfo(&payload);
		d->fit(&fit.matrix, spec->options, &payload);
		ad_rd_init(&r, payload.data, payload.len, "model");
		scorer = d->load(&r, fit.matrix.cols);
		for (Size i = 0; i < fit.matrix.rows; i++)
		{
			AD_CHECK_EVERY_1024(i);
			own[i] = d->score(scorer, fit.matrix.x + i * fit.matrix.cols);
		}
	}
	for (Size i = 0; i < fit.matrix.rows; i++)
		scores[fit.view->order ? fit.view->order[i] : i] = own[i];
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
}
