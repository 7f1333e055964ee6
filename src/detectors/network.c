/*-------------------------------------------------------------------------
 *
 * network.c
 *		Inputs, batches, trimming and the schedule of networks that detect.
 *
 * A network that learns well learns the anomalies too, and more steps only
 * add to that.  So training is short, a far value counts AD_NETWORK_CLIP
 * standard deviations at most, and of each batch the rows that are
 * reconstructed worst teach nothing.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_elementary.h"
#include "core/ad_random.h"
#include "detectors/network.h"
#include "math/ad_linalg.h"
#include "math/ad_math.h"
#include "math/ad_spread.h"

#include <float.h>

#define ROW_BITS		24		/* of a sort key, as many as a sample needs */
#define MAX_MEMORY		((Size) 256 * 1024 * 1024)
#define COPIES			5		/* of a layer's weights: the transposed, too */
#define CHECK_ROWS		64		/* put in a batch between looks for a cancel */
#define AHEAD			8		/* rows that are asked for before their turn */
#define LINE			8		/* doubles of a line of the cache */

/*
 * The columns of a matrix as inputs: numbers standardised, however they are
 * scaled.  Whether a row has a category is centred alone: else a rare one
 * would count more than one that was never seen.
 */
AdNetworkInputs *
ad_network_inputs(const AdMatrix *m)
{
	AdNetworkInputs *in = palloc0(sizeof(AdNetworkInputs));

	in->cols = m->cols;
	in->width = AD_PAD_DENSE(m->cols);
	in->mean = ad_palloc0_array(double, m->cols);
	in->unit = ad_palloc_array(double, m->cols);
	for (int j = 0; j < m->cols; j++)
	{
		AdSpread	s;

		CHECK_FOR_INTERRUPTS();
		ad_spread(m->x + j, m->rows, m->cols, (double) m->rows, &s);
		in->mean[j] = Max(-DBL_MAX, Min(s.mean, DBL_MAX));
		in->unit[j] = m->kinds[j] == AD_COLUMN_NUMBER && s.sd > 0 ?
			Min(s.sd, DBL_MAX) : 1;
	}
	return in;
}

/* Append inputs: the means, then the units. */
void
ad_network_inputs_write(StringInfo payload, const AdNetworkInputs *in)
{
	ad_wr_f64_array(payload, in->mean, in->cols);
	ad_wr_f64_array(payload, in->unit, in->cols);
}

/* Read and check them. */
AdNetworkInputs *
ad_network_inputs_read(AdReader *r, int cols)
{
	AdNetworkInputs *in = palloc0(sizeof(AdNetworkInputs));

	ad_rd_need(r, ad_mul_size(cols, 2 * sizeof(double)));
	in->cols = cols;
	in->width = AD_PAD_DENSE(cols);
	in->mean = ad_palloc_array(double, cols);
	in->unit = ad_palloc_array(double, cols);
	ad_rd_f64_array(r, in->mean, cols);
	ad_rd_f64_array(r, in->unit, cols);
	if (!ad_all_finite(in->mean, cols) || !ad_all_finite(in->unit, cols))
		ad_rd_corrupt(r, "a number is not finite");
	for (int j = 0; j < cols; j++)
		if (!(in->unit[j] > 0))
			ad_rd_corrupt(r, "a unit is not positive");
	return in;
}

/* A value in units from the mean, at most "clip" of them; no NaN. */
static inline double
standardise(const AdNetworkInputs *in, int j, double x, double clip)
{
	double		v = (x - in->mean[j]) / in->unit[j];

	return v > clip ? clip : v < -clip ? -clip : v;
}

/*
 * Fill in the inputs of a row to be scored.  Returns whether one of its values
 * is infinite, whose input is as far as any.
 */
bool
ad_network_input(const AdNetworkInputs *in, const double *x, double *out)
{
	bool		infinite = false;

	for (int j = 0; j < in->cols; j++)
	{
		infinite |= !(fabs(x[j]) <= DBL_MAX);
		out[j] = standardise(in, j, x[j], AD_NETWORK_CLIP_SCORE);
	}
	return infinite;
}

/*
 * Put the rows of an epoch in their order: by the upper 40 bits of a hash,
 * equal ones by their place in the sample, which a key has in the others.  A
 * partition may have more rows than a sample: then it has more of them.
 */
static void
order_rows(const AdTraining *t, int epoch, uint64 *order, uint64 *scratch)
{
	Size		n = t->m->rows;
	int			bits = ROW_BITS;
	uint64		row_mask;

	while (n >> bits > 0)
		bits++;
	row_mask = (UINT64CONST(1) << bits) - 1;
	for (Size i = 0; i < n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		order[i] = (ad_dense_hash(t->seed, AD_STREAM_BATCHES + epoch, i) &
					~row_mask) | i;
	}
	ad_sort_bits(order, n, 0, scratch);
	for (Size i = 0; i < n; i++)
		order[i] &= row_mask;
}

/* A row's place in its batch, and how badly it was reconstructed. */
typedef struct Loss
{
	double		loss;
	Size		row;			/* of the sample */
	int			at;
} Loss;

/* The greatest loss first; of equal ones the last row. */
static int
compare_losses(const void *a, const void *b)
{
	const Loss *l = a;
	const Loss *r = b;

	if (l->loss != r->loss)
		return l->loss > r->loss ? -1 : 1;
	return l->row > r->row ? -1 : l->row < r->row;
}

/* Say which rows of a batch are learnt; returns the sum of their losses. */
static double
trim(AdTrainingBatch *b, const double *loss, Loss *scratch)
{
	int			trimmed = b->rows - b->nkept;
	double		sum = 0;

	for (int i = 0; i < b->rows; i++)
	{
		b->kept[i] = true;
		scratch[i] = (Loss)
		{
			.loss = loss[i],.row = b->row[i],.at = i
		};
	}
	if (trimmed > 0)
		qsort(scratch, b->rows, sizeof(Loss), compare_losses);
	for (int i = 0; i < trimmed; i++)
		b->kept[scratch[i].at] = false;
	for (int i = 0; i < b->rows; i++)
		if (b->kept[i])
			sum += loss[i];
	return sum;
}

/* Copy rows of the matrix into a batch. */
static void
fill_batch(const AdTraining *t, const uint64 *order, int rows, AdTrainingBatch *b,
		   float *x, Size *row)
{
	const AdNetworkInputs *in = t->inputs;

	for (int i = 0; i < rows; i++)
	{
		const double *from = t->m->x + order[i] * in->cols;
		float	   *to = x + i * in->width;

		if (i % CHECK_ROWS == 0)
			CHECK_FOR_INTERRUPTS();
		for (int j = 0; i + AHEAD < rows && j < in->cols; j += LINE)
			ad_prefetch(t->m->x + order[i + AHEAD] * in->cols + j);
		row[i] = order[i];
		for (int j = 0; j < in->cols; j++)
			to[j] = (float) standardise(in, j, from[j], AD_NETWORK_CLIP);
	}
	b->rows = rows;
	b->nkept = Max(rows - (int) (t->trim * rows), 1);
}

/* Say how far training is, to who looks on: of all members' epochs. */
static void
report(const AdTraining *t, int epoch, int epochs)
{
	char		phase[64];
	int			done = t->member * epochs + epoch;

	if (ad_detector_phase == NULL)
		return;
	if (done == 0)
		snprintf(phase, sizeof(phase), "epoch 1 of %d", t->members * epochs);
	else
		snprintf(phase, sizeof(phase), "epoch %d of %d, loss %.4g", done + 1,
				 t->members * epochs, t->loss);
	ad_detector_phase(phase);
}

/* The number of steps that a training takes, and of epochs that they begin. */
static int
count_steps(const AdTraining *t, int *epochs)
{
	Size		batches = (t->m->rows + t->batch - 1) / t->batch;
	Size		steps = Min(ad_mul_size(batches, t->epochs), AD_NETWORK_STEPS);

	*epochs = (int) ((steps + batches - 1) / batches);
	return (int) steps;
}

/*
 * Train a network on the rows of t->m: see network.h.  Cancellable.  loss is
 * the mean over rows and columns of what forward() gives, of the last epoch.
 */
void
ad_network_train(AdTraining *t)
{
	Size		n = t->m->rows;
	int			epochs;
	int			total = count_steps(t, &epochs);
	uint64	   *order = ad_palloc_array(uint64, n);
	uint64	   *scratch = ad_palloc_array(uint64, n);
	int			most = (int) Min((Size) t->batch, n);
	float	   *x = ad_dense_floats(ad_mul_size(most, t->inputs->width));
	Size	   *row = ad_palloc_array(Size, most);
	double	   *loss = ad_palloc_array(double, most);
	Loss	   *losses = ad_palloc_array(Loss, most);
	AdAdam		adam = {0};
	AdTrainingBatch b = {.width = t->inputs->width,.x = x,.row = row,.seed = t->seed};

	b.kept = ad_palloc_array(bool, most);
	t->steps = 0;
	for (b.epoch = 0; b.epoch < epochs; b.epoch++)
	{
		double		sum = 0;
		double		kept = 0;

		report(t, b.epoch, epochs);
		order_rows(t, b.epoch, order, scratch);
		for (Size i = 0; i < n && t->steps < total; i += t->batch)
		{
			double		sine;
			double		cosine;

			fill_batch(t, order + i, (int) Min((Size) t->batch, n - i), &b, x,
					   row);
			b.step = t->steps;
			t->forward(t->net, &b, loss);
			sum += trim(&b, loss, losses);
			kept += b.nkept;
			t->backward(t->net, &b);
			ad_sincos_turn((double) t->steps / (2.0 * total), &sine, &cosine);
			ad_adam_next(&adam, t->learning_rate * 0.5 * (1 + cosine));
			t->step(t->net, &adam);
			t->steps++;
		}
		t->loss = sum / (kept * t->inputs->cols);
	}
	pfree(order);
	pfree(scratch);
}

/*
 * Raise an error for a network that would take too much memory: a training
 * has its weights, their gradients and two moments, and of each row of a batch
 * the outputs and their gradients; a model has those of all members.
 */
void
ad_network_check_memory(const AdTraining *t, const char *detector,
						Size weights, Size outputs)
{
	Size		batch = Min((Size) t->batch, t->m->rows);
	Size		need = ad_mul_size(weights, COPIES + t->members);

	need = ad_add_size(need, ad_mul_size(2 * batch, outputs));
	need = ad_mul_size(need, sizeof(float));
	if (need > MAX_MEMORY)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("detector \"%s\" needs %zu MB, limit is %zu MB",
						detector, ad_megabytes(need),
						MAX_MEMORY / (1024 * 1024)),
				 errhint("Lower hidden, members or batch in ad_%s(), or give fewer features.",
						 detector)));
}

/* Raise an error unless a layer has learnt numbers. */
void
ad_network_check(const AdDense *l, const char *detector)
{
	for (Size i = 0; i < l->p.n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		if (!isfinite(l->p.value[i]))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("training of detector \"%s\" does not converge",
							detector),
					 errhint("Lower learning_rate in ad_%s().", detector)));
	}
}

/* The rows that a fit can use, as all steps see. */
Size
ad_network_rows(int epochs, int batch)
{
	return Max(ad_mul_size(batch, AD_NETWORK_STEPS) / epochs, 1);
}
