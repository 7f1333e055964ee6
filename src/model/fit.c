/*-------------------------------------------------------------------------
 *
 * fit.c
 *		From a sketch to a model, or to scores of its rows.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_fault.h"
#include "math/ad_linalg.h"
#include "math/ad_math.h"
#include "model/ad_ensemble.h"
#include "model/ad_fit.h"
#include "model/ad_telling.h"

Size		ad_fit_memory = 0;	/* see ad_model.h */

static MemoryContext fit_mcxt = NULL;	/* of the fit that is under way */
static const AdSketch *fit_sketch = NULL;	/* of the same */

#define FEW_ROWS		16		/* what is held out follows from values */

/*
 * Remember what share of the sample's values each feature's quantiles bound,
 * counted: of values that repeat it is more than the quantile's level.
 */
static void
remember_shares(AdModel *m, const AdView *v)
{
	int			d = m->nfeatures;
	double	   *limit = ad_palloc_array(double, d);
	int64	   *present = ad_palloc_array(int64, d);
	int64	   *at_most = ad_palloc_array(int64, d);

	for (int j = 0; j < d; j++)
		limit[j] = INFINITY;
	ad_count_at_most(v->x, v->n, d, limit, present);
	for (int k = 0; k < AD_MODEL_SHARES; k++)
	{
		for (int j = 0; j < d; j++)
		{
			const AdViewFeature *s = &m->features[j].stats;
			double		q[AD_MODEL_SHARES] = {s->q05, s->q25, s->median, s->q75,
			s->q95};

			/* rounding may have put a quantile below the one before */
			limit[j] = k == 0 ? q[0] : Max(q[k], limit[j]);
		}
		ad_count_at_most(v->x, v->n, d, limit, at_most);
		for (int j = 0; j < d; j++)
			if (m->features[j].class != AD_CLASS_CATEGORY && present[j] > 0)
				m->features[j].shares[k] = (double) at_most[j] /
					(double) present[j];
	}
	pfree(limit);
	pfree(present);
	pfree(at_most);
}

/* Bytes of the payloads of a fit. */
static Size
payload_bytes(const AdFit *fit)
{
	Size		total = 0;

	if (fit->nmembers == 0)
		return fit->payload.len;
	for (int k = 0; k < fit->nmembers; k++)
		total += payload_bytes(&fit->members[k]);
	return total;
}

/* Free what only scores, before the bytes are put together. */
static void
forget_scorer(AdFit *fit)
{
	for (int k = 0; k < fit->nmembers; k++)
		forget_scorer(&fit->members[k]);
	if (fit->nmembers == 0)
		MemoryContextDelete(fit->scoring);
}

/* Write the model of a calibrated fit into a context; its payload goes. */
static bytea *
write_model(AdFit *fit, MemoryContext mcxt)
{
	MemoryContext old = MemoryContextSwitchTo(mcxt);
	AdEnvelopeWriter w;
	StringInfo	buf = ad_envelope_begin(&w, 7 +
										ad_model_extra_sections(fit->model),
										payload_bytes(fit));
	StringInfoData spec;
	bool		contains_rows = fit->spec->detector->contains_rows;

	MemoryContextSwitchTo(old);
	initStringInfo(&spec);
	ad_spec_print(&spec, fit->spec);
	fit->model->spec = spec.data;
	ad_model_write_head(fit->model, &w, buf);
	ad_envelope_section(&w, AD_SECTION_CALIBRATION);
	ad_calibration_write(buf, &fit->calibration);
	ad_envelope_section(&w, AD_SECTION_EQUALS);
	ad_equals_write(buf, &fit->calibration);
	ad_envelope_section(&w, AD_SECTION_PAYLOAD);
	if (fit->nmembers > 0)
	{
		ad_wr_u32(buf, fit->model->combine);
		ad_wr_u32(buf, fit->nmembers);
		for (int k = 0; k < fit->nmembers; k++)
		{
			bytea	   *member = write_model(&fit->members[k], old);

			ad_wr_u64(buf, VARSIZE(member) - VARHDRSZ);
			ad_wr_bytes(buf, VARDATA(member), VARSIZE(member) - VARHDRSZ);
			pfree(member);
			contains_rows |= fit->members[k].spec->detector->contains_rows;
		}
		if (fit->model->combine == AD_COMBINE_TOP)
			ad_wr_u32(buf, fit->model->top);
		for (int k = 0; fit->model->weights && k < fit->nmembers; k++)
			ad_wr_f64(buf, fit->model->weights[k]);
	}
	else
	{
		ad_wr_bytes(buf, fit->payload.data, fit->payload.len);
		pfree(fit->payload.data);
	}
	return ad_envelope_end(&w, AD_MAGIC_MODEL, AD_MODEL_VERSION,
						   fit->spec->detector->id,
						   (contains_rows ? AD_MODEL_CONTAINS_ROWS : 0) |
						   (fit->model->weights ? AD_MODEL_WEIGHTED : 0) |
						   (fit->model->reduction ? AD_MODEL_REDUCED : 0));
}

/*
 * The seed of what is held out: of the rows and the user's.  By the user's
 * alone the same ranks of the first feature would be held out of every fit to
 * so many rows, which are in the order of their values; and p-values of all
 * fits would be wrong on one side.
 */
static uint64
held_out_seed(const AdView *v, uint64 seed)
{
	uint64		h = 0;

	/* so few have hardly a gap between them */
	if (v->n < FEW_ROWS)
		h = ad_hash64(v->x, ad_mul_size(v->n, v->nfeatures) * sizeof(double),
					  0);
	return ad_mix64(seed ^ ad_sample_gaps(v->x, v->n, v->nfeatures, h));
}

/* Return whether any rows are held out, of the fit or of a member's. */
static bool
holds_out(const AdSpec *spec)
{
	for (int k = 0; k < spec->nmembers; k++)
		if (spec->members[k].calibrate.share > 0)
			return true;
	return spec->calibrate.share > 0;
}

/* What is asked of a fit. */
typedef struct Task
{
	AdSketch   *sketch;
	const AdSpec *spec;
	MemoryContext mcxt;			/* for the model */
	bytea	   *model;			/* the result of fit_model() */
	double	   *scores;			/* that of score_outliers() */
} Task;

/*
 * Note how much memory the fit that is under way has: its sample's and its
 * own.  To be called where it has most, before some of it is freed.
 */
void
ad_fit_measure(void)
{
	Size		bytes;

	if (fit_mcxt == NULL)
		return;
	bytes = MemoryContextMemAllocated(fit_mcxt, true) +
		MemoryContextMemAllocated(fit_sketch->mcxt, true);
	ad_fit_memory = Max(ad_fit_memory, bytes);
}

/*
 * Do a task in memory that is freed afterwards.  Returns NULL; or, where the
 * spec says so, the message of an error that the data are to blame for,
 * palloc'd in the current context.
 */
static char *
run_task(void (*work) (void *), Task *task)
{
	MemoryContext old = CurrentMemoryContext;
	MemoryContext scratch = AllocSetContextCreate(old, "anomaly fit",
												  ALLOCSET_DEFAULT_SIZES);
	char	   *message = NULL;

	task->mcxt = old;
	fit_mcxt = scratch;
	fit_sketch = task->sketch;
	MemoryContextSwitchTo(scratch);
	if (task->spec->prepare.on_error == AD_ON_ERROR_NULL)
		message = ad_fault_catch(work, task);
	else
		work(task);
	MemoryContextSwitchTo(old);
	ad_fit_measure();
	fit_mcxt = NULL;
	if (message)
		message = pstrdup(message);
	MemoryContextDelete(scratch);
	return message;
}

/* Fit a model. */
static void
fit_model(void *arg)
{
	Task	   *task = arg;
	AdSketch   *sketch = task->sketch;
	Size		full = ad_sketch_full(sketch);
	Size		wanted = ad_spec_rows(task->spec, full);
	uint64		seed = task->spec->sampling.seed;
	AdView	   *view;
	AdFit		fit;

	ad_sketch_shrink(sketch, wanted);
	view = ad_view_create(sketch);
	ad_telling_look(view);
	if (holds_out(task->spec))
		seed = held_out_seed(view, seed);
	ad_fit_prepare(&fit, view, task->spec, seed);
	/* a sketch with fewer rows than are wanted is full */
	if (sketch->k == wanted)
		fit.unsampled = (Size) Min(sketch->rows, full) - sketch->n;
	ad_fit_calibrate(&fit);
	remember_shares(fit.model, fit.view);
	ad_fit_measure();
	forget_scorer(&fit);
	task->model = write_model(&fit, task->mcxt);
}

/*
 * Fit the spec's detector to a sketch, which is shrunk to what that can use.
 * Returns the model's bytes in the current context; everything else is freed.
 * Cancellable.  Byte-identical for sketches that say the same.
 *
 * With on_error => 'null', an error that the data are to blame for gives
 * NULL, and its message in *fault; else that is NULL.
 */
bytea *
ad_model_fit(AdSketch *sketch, const AdSpec *spec, char **fault)
{
	Task		task = {.sketch = sketch,.spec = spec};

	*fault = run_task(fit_model, &task);
	if (*fault)
		return NULL;
	/* the buffer grew by doubling */
	return repalloc(task.model, VARSIZE(task.model));
}

/* Score the rows of a fit. */
static void
score_outliers(void *arg)
{
	Task	   *task = arg;
	AdFit		fit;
	double	   *own;

	Assert(!task->sketch->large);
	ad_fit_prepare(&fit, ad_view_create(task->sketch), task->spec,
				   task->spec->sampling.seed);
	own = ad_palloc_array(double, fit.view->n);
	ad_fit_in_sample(&fit, own);
	for (Size i = 0; i < fit.view->n; i++)
		task->scores[fit.view->order[i]] = own[i];
}

/*
 * Fit the spec's detector to a sketch that still has all of its rows, and
 * score those rows in-sample.  scores[i] is for the i-th row added.  Returns
 * NULL; or, with on_error => 'null', the message of an error that the data
 * are to blame for: there are no scores.
 */
char *
ad_model_outliers(AdSketch *sketch, const AdSpec *spec, double *scores)
{
	Task		task = {.sketch = sketch,.spec = spec,.scores = scores};

	return run_task(score_outliers, &task);
}
