/*-------------------------------------------------------------------------
 *
 * autoencoder.c
 *		A network that learns to reconstruct rows through a narrow layer.
 *
 * Hawkins, He, Williams and Baxter, "Outlier Detection Using Replicator Neural
 * Networks", 2002.  What most rows have in common passes the narrow layer, and
 * what is peculiar to one does not: the score is the squared length of the
 * difference between a row's inputs and what comes out.
 *
 * hidden are the layers up to the narrow one, those behind it mirror them;
 * outputs of hidden layers go through the hyperbolic tangent, those of the
 * last one are left as they are.  How it is trained: network.c.  Several
 * members differ in their seeds; a row scores the mean of theirs.
 *
 * Payload: u32 hidden layers, u32 the size of each, u32 members, u32 steps of
 * a member, f64 loss of the last epoch, mean over members; inputs
 * (network.c); per member its layers (math/dense_map.c).
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_random.h"
#include "detectors/ad_detectors.h"
#include "detectors/network.h"

#include <float.h>

#define MAX_LAYERS		(2 * AD_MAX_INTS)

typedef struct AutoencoderOptions
{
	AdIntList	hidden;
	int			epochs;
	double		trim_share;
	int			members;
	double		learning_rate;
	int			batch;
} AutoencoderOptions;

/* The sizes of the layers, from the inputs to the outputs. */
typedef struct Shape
{
	int			n;				/* layers */
	int			size[MAX_LAYERS + 1];	/* size[i] inputs of layer i */
} Shape;

/* A network that is trained. */
typedef struct Net
{
	Shape		shape;
	AdDense    *layer[MAX_LAYERS];
} Net;

typedef struct Autoencoder
{
	Shape		shape;
	AdIntList	hidden;
	int			members;
	uint32		steps;
	double		loss;
	AdNetworkInputs *inputs;
	AdDenseMap **layer;			/* members x shape.n */
	double	   *input;			/* scratch: cols */
	double	   *term;			/* scratch: cols, of the last row's score */
} Autoencoder;

/* The layers for some hidden ones: those, and their mirror. */
static Shape
shape_of(const AdIntList *hidden, int cols)
{
	Shape		s = {.n = 2 * hidden->n};

	s.size[0] = s.size[s.n] = cols;
	for (int i = 0; i < hidden->n; i++)
		s.size[i + 1] = s.size[s.n - 1 - i] = hidden->v[i];
	return s;
}

/* What the outputs of a layer become. */
static AdActivation
activation_of(const Shape *s, int layer)
{
	return layer == s->n - 1 ? AD_ACTIVATION_NONE : AD_ACTIVATION_TANH;
}

/* Weights and biases of a network, without what pads them. */
static Size
count_weights(const Shape *s)
{
	Size		n = 0;

	for (int i = 0; i < s->n; i++)
		n = ad_add_size(n, ad_mul_size(s->size[i] + 1, s->size[i + 1]));
	return n;
}

/* Padded outputs of all layers for a row. */
static Size
count_outputs(const Shape *s)
{
	Size		n = 0;

	for (int i = 0; i < s->n; i++)
		n += AD_PAD_DENSE(s->size[i + 1]);
	return n;
}

/* Put a batch through the network; a row's loss is its squared residual. */
static void
net_forward(void *arg, const AdTrainingBatch *b, double *loss)
{
	Net		   *net = arg;
	AdDense    *last = net->layer[net->shape.n - 1];
	const float *x = b->x;
	Size		width = b->width;

	for (int i = 0; i < net->shape.n; i++)
	{
		ad_dense_forward(net->layer[i], x, width, b->rows);
		x = net->layer[i]->y;
		width = net->layer[i]->width;
	}
	for (int i = 0; i < b->rows; i++)
	{
		const float *input = b->x + i * b->width;
		const float *output = last->y + i * last->width;
		float	   *residual = last->dy + i * last->width;

		AD_CHECK_EVERY_1024(i);
		loss[i] = 0;
		for (int j = 0; j < last->outputs; j++)
		{
			residual[j] = output[j] - input[j];
			loss[i] += (double) residual[j] * residual[j];
		}
	}
}

/* Gradients of the mean of the kept rows' losses. */
static void
net_backward(void *arg, const AdTrainingBatch *b)
{
	Net		   *net = arg;
	int			n = net->shape.n;
	AdDense    *last = net->layer[n - 1];
	float		factor = 2.0f / b->nkept;

	for (int i = 0; i < b->rows; i++)
	{
		float	   *residual = last->dy + i * last->width;

		AD_CHECK_EVERY_1024(i);
		for (int j = 0; j < last->outputs; j++)
			residual[j] = b->kept[i] ? residual[j] * factor : 0;
	}
	for (int i = n - 1; i > 0; i--)
	{
		AdDense    *below = net->layer[i - 1];

		ad_dense_backward(net->layer[i], below->y, below->width, b->rows,
						  below->dy);
	}
	ad_dense_backward(net->layer[0], b->x, b->width, b->rows, NULL);
}

static void
net_step(void *arg, const AdAdam *adam)
{
	Net		   *net = arg;

	for (int i = 0; i < net->shape.n; i++)
		ad_dense_step(net->layer[i], adam);
}

static void *
net_create(const AdTraining *t)
{
	const Shape *shape = t->shape;
	Net		   *net = palloc0(sizeof(Net));
	int			batch = (int) Min((Size) t->batch, t->m->rows);

	net->shape = *shape;
	for (int i = 0; i < shape->n; i++)
		net->layer[i] = ad_dense_create(shape->size[i], shape->size[i + 1],
										activation_of(shape, i), batch,
										t->seed, i);
	return net;
}

static void
net_write(StringInfo buf, const void *arg)
{
	const Net  *net = arg;

	for (int i = 0; i < net->shape.n; i++)
	{
		ad_network_check(net->layer[i], "autoencoder");
		ad_dense_write(buf, net->layer[i]);
	}
}

/* Fit and append the payload; see the file head. */
static void
autoencoder_fit(const AdMatrix *m, const void *opts, StringInfo payload)
{
	const AutoencoderOptions *o = opts;
	Shape		shape = shape_of(&o->hidden, m->cols);
	AdTraining	t = {
		.m = m,
		.epochs = o->epochs,
		.batch = o->batch,
		.trim = o->trim_share,
		.learning_rate = o->learning_rate,
		.members = o->members,
		.shape = &shape,
		.create = net_create,
		.forward = net_forward,
		.backward = net_backward,
		.step = net_step,
		.write = net_write
	};

	ad_network_check_memory(&t, "autoencoder", count_weights(&shape),
							count_outputs(&shape));
	t.inputs = ad_network_inputs(m);
	ad_network_sizes_write(payload, &o->hidden);
	ad_network_fit(&t, payload);
}

/* Check a payload and make a scorer of it. */
static void *
autoencoder_load(AdReader *r, int cols)
{
	Autoencoder *a = palloc0(sizeof(Autoencoder));

	ad_network_sizes_read(r, &a->hidden);
	ad_network_trained_read(r, &a->members, &a->steps, &a->loss);
	a->shape = shape_of(&a->hidden, cols);
	a->inputs = ad_network_inputs_read(r, cols);
	a->input = ad_palloc_array(double, cols);
	a->term = ad_palloc0_array(double, cols);
	ad_rd_need(r, ad_mul_size(ad_mul_size(count_weights(&a->shape), a->members),
							  sizeof(float)));
	a->layer = ad_palloc_array(AdDenseMap *, a->members * a->shape.n);
	for (int i = 0; i < a->members * a->shape.n; i++)
	{
		int			l = i % a->shape.n;

		a->layer[i] = ad_dense_read(r, a->shape.size[l], a->shape.size[l + 1],
									activation_of(&a->shape, l));
	}
	ad_rd_end(r);
	return a;
}

/*
 * The sum over the columns of squared residuals, mean over the members; 0 or
 * more, and finite.  DBL_MAX for a row with an infinite value, whose terms are
 * those of one at the clip.
 */
static double
autoencoder_score(void *scorer, const double *x)
{
	Autoencoder *a = scorer;
	int			cols = a->inputs->cols;
	AdDenseMap **layer = a->layer;
	double		sum = 0;
	bool		infinite = ad_network_input(a->inputs, x, a->input);

	for (int k = 0; k < a->members; k++)
	{
		const double *y = a->input;

		for (int i = 0; i < a->shape.n; i++)
			y = ad_dense_apply(*layer++, y);
		for (int j = 0; j < cols; j++)
		{
			double		residual = a->input[j] - y[j];
			double		term = residual * residual;

			a->term[j] = k == 0 ? term : a->term[j] + term;
		}
	}
	for (int j = 0; j < cols; j++)
		sum += a->term[j] /= a->members;
	/* weights that no fit makes may give a residual no number has */
	return sum <= DBL_MAX && !infinite ? sum : DBL_MAX;
}

/* The terms of the score. */
static double
autoencoder_explain(void *scorer, const double *x pg_attribute_unused(),
					bool path pg_attribute_unused(), double *contribution)
{
	const Autoencoder *a = scorer;

	memcpy(contribution, a->term, a->inputs->cols * sizeof(double));
	return 0;
}

/* Append what ad_info() says beyond the spec. */
static void
autoencoder_describe(const void *scorer, StringInfo json)
{
	const Autoencoder *a = scorer;

	appendStringInfoString(json, "\"layers\": ");
	for (int i = 0; i <= a->shape.n; i++)
		appendStringInfo(json, "%s%d", i == 0 ? "[" : ", ", a->shape.size[i]);
	appendStringInfo(json, "], \"weights\": %zu, \"steps\": %u, \"loss\": %.6g",
					 count_weights(&a->shape) * a->members, a->steps, a->loss);
}

static const AdOption autoencoder_options[] = {
	AD_INTS(AutoencoderOptions, hidden, "[64, 16]", 1, AD_NETWORK_MAX_WIDTH),
	AD_INT(AutoencoderOptions, epochs, 10, 1, 1000),
	AD_FLOAT(AutoencoderOptions, trim_share, 0.2, 0, 0.9),
	AD_INT(AutoencoderOptions, members, 1, 1, AD_NETWORK_MAX_MEMBERS),
	AD_FLOAT_ABOVE(AutoencoderOptions, learning_rate, 0.001, 0, 1),
	AD_INT(AutoencoderOptions, batch, 256, 1, 8192),
};

static Size
autoencoder_rows(const void *options)
{
	const AutoencoderOptions *o = options;

	return ad_network_rows(o->epochs, o->batch);
}

const AdDetector ad_detector_autoencoder = {
	.id = AD_DET_AUTOENCODER,
	.name = "autoencoder",
	.time = 0.85,
	.options = autoencoder_options,
	.noptions = lengthof(autoencoder_options),
	.options_size = sizeof(AutoencoderOptions),
	.rows = autoencoder_rows,
	.contains_rows = false,
	.scale = ad_network_scale,
	.fit = autoencoder_fit,
	.load = autoencoder_load,
	.score = autoencoder_score,
	.explain = autoencoder_explain,
	.describe = autoencoder_describe,
};
