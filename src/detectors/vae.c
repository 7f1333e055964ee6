/*-------------------------------------------------------------------------
 *
 * vae.c
 *		Variational autoencoder: how improbable a row is under a small network.
 *
 * Kingma and Welling, "Auto-Encoding Variational Bayes", 2014; for anomalies An
 * and Cho, 2015.  The encoder gives a row a normal distribution over a few
 * latent numbers, the decoder makes the row's columns of those; each column
 * has a variance around that, learnt but the same for all rows.  What is
 * minimised is -log p(row | latent numbers) and how far their distribution is
 * from the standard normal one (Kullback and Leibler's divergence), with one
 * draw of them per row and step: a hash of seed, step and row.
 *
 * Nothing is drawn to score a row: its latent numbers are their means.  The
 * score is the sum of squared residuals over twice the columns' variances and
 * the divergence; the logarithms of the variances, the same for all rows, are
 * left out, so that it is 0 or more.  A network of this size learns little
 * more than the columns' variances and a few directions: the score is much
 * like a squared distance weighted by variances.
 *
 * hidden are the encoder's layers, mirrored by the decoder's; their outputs
 * are cut off below 0.  How it is trained: network.c.  Several members differ
 * in their seeds; a row scores the mean of theirs.
 *
 * Payload: u32 hidden layers, u32 the size of each, u32 latent numbers, u32
 * members, u32 steps of a member, f64 loss of the last epoch, mean over
 * members; inputs (network.c); per member its layers (math/dense_map.c), then
 * an f64 a column, the logarithm of its variance.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_elementary.h"
#include "core/ad_random.h"
#include "detectors/ad_detectors.h"
#include "detectors/network.h"

#include <float.h>

#define MAX_LAYERS		(2 * (AD_MAX_INTS + 1))
#define MAX_LATENT		512
#define LATENT_LIMIT	10.0	/* log variances are between minus and plus
								 * this: of latent numbers */
#define COLUMN_LIMIT	8.0		/* and of columns */
#define LOG2_E			1.44269504088896340736

typedef struct VaeOptions
{
	AdIntList	hidden;
	int			latent;
	int			epochs;
	double		trim_share;
	int			members;
	double		learning_rate;
	int			batch;
} VaeOptions;

/*
 * The layers: the encoder's, of which the last gives means and then log
 * variances, and behind them the decoder's.
 */
typedef struct Shape
{
	int			half;			/* layers of each */
	int			latent;
	int			inputs[MAX_LAYERS];
	int			outputs[MAX_LAYERS];
} Shape;

/* A network that is trained. */
typedef struct Net
{
	Shape		shape;
	AdDense    *layer[MAX_LAYERS];
	AdParameters log_variance;	/* of the columns */
	float	   *precision;		/* of the columns: 1 / variance */
	Size		width;			/* of a row of what follows, of a batch */
	float	   *noise;			/* drawn: standard normal */
	float	   *deviation;		/* of the latent numbers */
	float	   *z;				/* the latent numbers drawn */
	float	   *dz;				/* the loss's gradient by them */
} Net;

typedef struct Vae
{
	Shape		shape;
	int			cols;
	int			members;
	uint32		steps;
	double		loss;
	AdNetworkInputs *inputs;
	AdDenseMap **layer;			/* members x 2 shape.half */
	double	   *half_precision; /* members x cols: 1 / (2 variance) */
	double	   *input;			/* scratch: cols */
	double	   *term;			/* scratch: cols, of the last row's score */
} Vae;

/* The layers for some hidden ones. */
static Shape
shape_of(const AdIntList *hidden, int latent, int cols)
{
	Shape		s = {.half = hidden->n + 1,.latent = latent};
	int			last = 2 * s.half - 1;

	s.inputs[0] = s.outputs[last] = cols;
	for (int i = 0; i < hidden->n; i++)
	{
		s.outputs[i] = s.inputs[i + 1] = hidden->v[i];
		s.inputs[last - i] = s.outputs[last - i - 1] = hidden->v[i];
	}
	s.outputs[s.half - 1] = 2 * latent;
	s.inputs[s.half] = latent;
	return s;
}

/* What the outputs of a layer become. */
static AdActivation
activation_of(const Shape *s, int layer)
{
	return layer % s->half == s->half - 1 ? AD_ACTIVATION_NONE :
		AD_ACTIVATION_RELU;
}

/* Numbers of a network that are trained, without what pads them. */
static Size
count_weights(const Shape *s)
{
	Size		n = s->inputs[0];

	for (int i = 0; i < 2 * s->half; i++)
		n = ad_add_size(n, ad_mul_size(s->inputs[i] + 1, s->outputs[i]));
	return n;
}

/* Padded outputs of all layers for a row, and what is drawn. */
static Size
count_outputs(const Shape *s)
{
	Size		n = 2 * AD_PAD_DENSE(s->latent);

	for (int i = 0; i < 2 * s->half; i++)
		n += AD_PAD_DENSE(s->outputs[i]);
	return n;
}

/* A log variance within its limits; NaN stays. */
static inline double
limited(double log_variance, double limit)
{
	return log_variance > limit ? limit :
		log_variance < -limit ? -limit : log_variance;
}

/* Fill in what is drawn for a batch. */
static void
draw_noise(Net *net, const AdTrainingBatch *b)
{
	int			latent = net->shape.latent;

	for (int i = 0; i < b->rows; i++)
	{
		float	   *noise = net->noise + i * net->width;

		AD_CHECK_EVERY_1024(i);
		for (int k = 0; k < latent; k++)
		{
			uint64		bits = ad_dense_hash(b->seed, AD_STREAM_NOISE + b->step,
											 b->row[i] * latent + k);
			double		p = ((bits >> 12) + 0.5) / 4503599627370496.0;

			noise[k] = (float) ad_normal_quantile(p);
		}
	}
}

/* Draw latent numbers; a row's loss is the divergence of theirs. */
static void
draw_latent(Net *net, const AdTrainingBatch *b, double *loss)
{
	const AdDense *code = net->layer[net->shape.half - 1];
	int			latent = net->shape.latent;

	draw_noise(net, b);
	for (int i = 0; i < b->rows; i++)
	{
		const float *mean = code->y + i * code->width;
		const float *raw = mean + latent;
		Size		at = i * net->width;

		AD_CHECK_EVERY_1024(i);
		loss[i] = 0;
		for (int k = 0; k < latent; k++)
		{
			double		log_variance = limited(raw[k], LATENT_LIMIT);
			double		deviation = ad_exp2(log_variance * (LOG2_E / 2));

			net->deviation[at + k] = (float) deviation;
			net->z[at + k] = mean[k] + (float) deviation * net->noise[at + k];
			loss[i] += 0.5 * (deviation * deviation +
							  (double) mean[k] * mean[k] - 1 - log_variance);
		}
	}
}

/* Put a batch through some layers. */
static void
put_through(Net *net, int from, int to, const float *x, Size width, int rows)
{
	for (int i = from; i < to; i++)
	{
		ad_dense_forward(net->layer[i], x, width, rows);
		x = net->layer[i]->y;
		width = net->layer[i]->width;
	}
}

/* Put a batch through the network; what is minimised, per row. */
static void
net_forward(void *arg, const AdTrainingBatch *b, double *loss)
{
	Net		   *net = arg;
	int			half = net->shape.half;
	AdDense    *last = net->layer[2 * half - 1];
	double		constant = 0;

	put_through(net, 0, half, b->x, b->width, b->rows);
	draw_latent(net, b, loss);
	put_through(net, half, 2 * half, net->z, net->width, b->rows);
	for (int j = 0; j < last->outputs; j++)
	{
		double		log_variance = limited(net->log_variance.value[j],
										   COLUMN_LIMIT);

		constant += 0.5 * log_variance;
		net->precision[j] = (float) ad_exp2(-log_variance * LOG2_E);
	}
	for (int i = 0; i < b->rows; i++)
	{
		const float *input = b->x + i * b->width;
		const float *output = last->y + i * last->width;
		float	   *residual = last->dy + i * last->width;
		double		sum = 0;

		AD_CHECK_EVERY_1024(i);
		for (int j = 0; j < last->outputs; j++)
		{
			residual[j] = output[j] - input[j];
			sum += (double) residual[j] * residual[j] * net->precision[j];
		}
		loss[i] += constant + 0.5 * sum;
	}
}

/* Gradients by the decoder's outputs and by the columns' log variances. */
static void
output_gradients(Net *net, const AdTrainingBatch *b)
{
	AdDense    *last = net->layer[2 * net->shape.half - 1];
	AdParameters *p = &net->log_variance;
	float		factor = 1.0f / b->nkept;

	memset(p->gradient, 0, p->n * sizeof(float));
	for (int i = 0; i < b->rows; i++)
	{
		float	   *dy = last->dy + i * last->width;

		AD_CHECK_EVERY_1024(i);
		for (int j = 0; j < last->outputs; j++)
		{
			float		slope = dy[j] * net->precision[j];

			if (b->kept[i])
				p->gradient[j] += 0.5f * factor * (1 - dy[j] * slope);
			dy[j] = b->kept[i] ? slope * factor : 0;
		}
	}
	for (int j = 0; j < last->outputs; j++)
		if (fabs(p->value[j]) >= COLUMN_LIMIT)
			p->gradient[j] = 0;
}

/* Gradients by the means and log variances of the latent numbers. */
static void
latent_gradients(Net *net, const AdTrainingBatch *b)
{
	AdDense    *code = net->layer[net->shape.half - 1];
	int			latent = net->shape.latent;

	for (int i = 0; i < b->rows; i++)
	{
		const float *mean = code->y + i * code->width;
		const float *raw = mean + latent;
		float	   *dmean = code->dy + i * code->width;
		float	   *dlog = dmean + latent;
		Size		at = i * net->width;
		float		factor = b->kept[i] ? 1.0f / b->nkept : 0;

		AD_CHECK_EVERY_1024(i);
		for (int k = 0; k < latent; k++)
		{
			float		dz = net->dz[at + k];
			float		s = net->deviation[at + k];

			dmean[k] = dz + factor * mean[k];
			dlog[k] = fabs(raw[k]) >= LATENT_LIMIT ? 0 :
				0.5f * (dz * net->noise[at + k] * s + factor * (s * s - 1));
		}
	}
}

/* Gradients of the mean of the kept rows' losses. */
static void
net_backward(void *arg, const AdTrainingBatch *b)
{
	Net		   *net = arg;
	int			half = net->shape.half;

	output_gradients(net, b);
	for (int i = 2 * half - 1; i > 0; i--)
	{
		AdDense    *below = net->layer[i - 1];

		if (i == half)
		{
			ad_dense_backward(net->layer[i], net->z, net->width, b->rows,
							  net->dz);
			latent_gradients(net, b);
		}
		else
			ad_dense_backward(net->layer[i], below->y, below->width, b->rows,
							  below->dy);
	}
	ad_dense_backward(net->layer[0], b->x, b->width, b->rows, NULL);
}

static void
net_step(void *arg, const AdAdam *adam)
{
	Net		   *net = arg;

	for (int i = 0; i < 2 * net->shape.half; i++)
		ad_dense_step(net->layer[i], adam);
	ad_dense_kernels->adam(&net->log_variance, adam);
}

static void *
net_create(const AdTraining *t)
{
	const Shape *shape = t->shape;
	Net		   *net = palloc0(sizeof(Net));
	int			batch = (int) Min((Size) t->batch, t->m->rows);
	Size		cols = AD_PAD_DENSE(shape->inputs[0]);
	Size		drawn;

	net->shape = *shape;
	for (int i = 0; i < 2 * shape->half; i++)
		net->layer[i] = ad_dense_create(shape->inputs[i], shape->outputs[i],
										activation_of(shape, i), batch,
										t->seed, i);
	ad_parameters_create(&net->log_variance, cols);
	net->precision = ad_dense_floats(cols);
	net->width = AD_PAD_DENSE(shape->latent);
	drawn = ad_mul_size(batch, net->width);
	net->noise = ad_dense_floats(drawn);
	net->deviation = ad_dense_floats(drawn);
	net->z = ad_dense_floats(drawn);
	net->dz = ad_dense_floats(drawn);
	return net;
}

static void
net_write(StringInfo buf, const void *arg)
{
	const Net  *net = arg;

	for (int i = 0; i < 2 * net->shape.half; i++)
	{
		ad_network_check(net->layer[i], "vae");
		ad_dense_write(buf, net->layer[i]);
	}
	for (int j = 0; j < net->shape.inputs[0]; j++)
		ad_wr_f64(buf, limited(net->log_variance.value[j], COLUMN_LIMIT));
}

/* Fit and append the payload; see the file head. */
static void
vae_fit(const AdMatrix *m, const void *opts, StringInfo payload)
{
	const VaeOptions *o = opts;
	Shape		shape = shape_of(&o->hidden, o->latent, m->cols);
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

	ad_network_check_memory(&t, "vae", count_weights(&shape),
							count_outputs(&shape));
	t.inputs = ad_network_inputs(m);
	ad_network_sizes_write(payload, &o->hidden);
	ad_wr_u32(payload, o->latent);
	ad_network_fit(&t, payload);
}

/* Read the layers of all members, and the variances of the columns. */
static void
read_nets(AdReader *r, Vae *v)
{
	int			layers = 2 * v->shape.half;

	v->layer = ad_palloc_array(AdDenseMap *, v->members * layers);
	v->half_precision = ad_palloc_array(double,
										ad_mul_size(v->members, v->cols));
	for (int k = 0; k < v->members; k++)
	{
		double	   *precision = v->half_precision + (Size) k * v->cols;

		for (int i = 0; i < layers; i++)
			v->layer[k * layers + i] =
				ad_dense_read(r, v->shape.inputs[i], v->shape.outputs[i],
							  activation_of(&v->shape, i));
		for (int j = 0; j < v->cols; j++)
		{
			double		log_variance = ad_rd_finite(r);

			if (fabs(log_variance) > COLUMN_LIMIT)
				ad_rd_corrupt(r, "the variance of a column is out of range");
			precision[j] = 0.5 * ad_exp2(-log_variance * LOG2_E);
		}
	}
}

/* Check a payload and make a scorer of it. */
static void *
vae_load(AdReader *r, int cols)
{
	Vae		   *v = palloc0(sizeof(Vae));
	AdIntList	hidden = {0};
	int			latent;

	ad_network_sizes_read(r, &hidden);
	latent = ad_network_size_read(r, MAX_LATENT,
								  "a number of latent numbers is out of range");
	ad_network_trained_read(r, &v->members, &v->steps, &v->loss);
	v->cols = cols;
	v->shape = shape_of(&hidden, latent, cols);
	v->inputs = ad_network_inputs_read(r, cols);
	v->input = ad_palloc_array(double, cols);
	v->term = ad_palloc0_array(double, cols);
	ad_rd_need(r, ad_mul_size(ad_mul_size(count_weights(&v->shape),
										  v->members), sizeof(float)));
	read_nets(r, v);
	ad_rd_end(r);
	return v;
}

/* How far the latent numbers' distribution is from the standard normal one. */
static double
divergence(const double *code, int latent)
{
	double		sum = 0;

	for (int k = 0; k < latent; k++)
	{
		double		log_variance = limited(code[latent + k], LATENT_LIMIT);

		sum += ad_exp2(log_variance * LOG2_E) - 1 - log_variance +
			code[k] * code[k];
	}
	return 0.5 * sum;
}

/*
 * See the file head; mean over the members; 0 or more, and finite.  DBL_MAX for
 * a row with an infinite value, whose terms are those of one at the clip.
 */
static double
vae_score(void *scorer, const double *x)
{
	Vae		   *v = scorer;
	AdDenseMap **layer = v->layer;
	const double *precision = v->half_precision;
	double		sum = 0;
	bool		infinite = ad_network_input(v->inputs, x, v->input);

	memset(v->term, 0, v->cols * sizeof(double));
	for (int k = 0; k < v->members; k++, precision += v->cols)
	{
		const double *y = v->input;

		for (int i = 0; i < v->shape.half; i++)
			y = ad_dense_apply(*layer++, y);
		sum += divergence(y, v->shape.latent);
		/* the first of these outputs are the means */
		for (int i = 0; i < v->shape.half; i++)
			y = ad_dense_apply(*layer++, y);
		for (int j = 0; j < v->cols; j++)
		{
			double		residual = v->input[j] - y[j];

			v->term[j] += residual * residual * precision[j];
		}
	}
	for (int j = 0; j < v->cols; j++)
		sum += v->term[j];
	sum /= v->members;
	/* rounding; and weights that no fit makes may give what no number is */
	return sum < 0 ? 0 : sum <= DBL_MAX && !infinite ? sum : DBL_MAX;
}

/*
 * The columns' terms of the score.  The divergence belongs to no column: the
 * caller shares it in proportion to them.
 */
static double
vae_explain(void *scorer, const double *x pg_attribute_unused(),
			bool path pg_attribute_unused(), double *contribution)
{
	const Vae  *v = scorer;

	for (int j = 0; j < v->cols; j++)
		contribution[j] = v->term[j] / v->members;
	return 0;
}

/* Append what ad_info() says beyond the spec. */
static void
vae_describe(const void *scorer, StringInfo json)
{
	const Vae  *v = scorer;
	const Shape *s = &v->shape;

	appendStringInfo(json, "\"layers\": [%d", v->cols);
	for (int i = 0; i < 2 * s->half; i++)
		appendStringInfo(json, ", %d",
						 i == s->half - 1 ? s->latent : s->outputs[i]);
	appendStringInfo(json, "], \"weights\": %zu, \"steps\": %u, \"loss\": %.6g",
					 count_weights(s) * v->members, v->steps, v->loss);
}

static const AdOption vae_options[] = {
	AD_INTS(VaeOptions, hidden, "[32]", 1, AD_NETWORK_MAX_WIDTH),
	AD_INT(VaeOptions, latent, 4, 1, MAX_LATENT),
	AD_INT(VaeOptions, epochs, 30, 1, 1000),
	AD_FLOAT(VaeOptions, trim_share, 0.1, 0, 0.9),
	AD_INT(VaeOptions, members, 1, 1, AD_NETWORK_MAX_MEMBERS),
	AD_FLOAT_ABOVE(VaeOptions, learning_rate, 0.001, 0, 1),
	AD_INT(VaeOptions, batch, 256, 1, 8192),
};

static Size
vae_rows(const void *options)
{
	const VaeOptions *o = options;

	return ad_network_rows(o->epochs, o->batch);
}

const AdDetector ad_detector_vae = {
	.id = AD_DET_VAE,
	.name = "vae",
	.time = 0.35,
	.options = vae_options,
	.noptions = lengthof(vae_options),
	.options_size = sizeof(VaeOptions),
	.rows = vae_rows,
	.contains_rows = false,
	.scale = ad_network_scale,
	.fit = vae_fit,
	.load = vae_load,
	.score = vae_score,
	.explain = vae_explain,
	.describe = vae_describe,
};
