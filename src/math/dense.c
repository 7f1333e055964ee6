/*-------------------------------------------------------------------------
 *
 * dense.c
 *		Small dense layers that are trained: forward, backward, steps.
 *
 * All three products of a layer are the kernel "multiply": outputs are rows
 * by weights, the gradient by inputs is that by outputs by the transposed
 * weights, the gradient by weights is columns of inputs by that of outputs.
 * Each element is one sum in one order (ad_dense.h).
 *
 * Weights start as Glorot and Bengio (2010) say, uniform in +-sqrt(6 / (inputs
 * + outputs)), each by a hash of the seed, the layer and its place; biases at
 * 0.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_random.h"
#include "math/ad_dense.h"

#define CACHE_LINE		64
#define PIECE			((Size) 4 * 1024 * 1024)	/* products between looks
													 * for a cancel */
#define DECAY1			0.9
#define DECAY2			0.999
#define EPSILON			1e-8

/* A hash of a seed and two numbers, the same everywhere. */
uint64
ad_dense_hash(uint64 seed, uint64 a, uint64 b)
{
	uint64		h = ad_mix64(seed + UINT64CONST(0x9e3779b97f4a7c15));

	h = ad_mix64(h ^ ad_mix64(a + UINT64CONST(0x9e3779b97f4a7c15)));
	return ad_mix64(h ^ ad_mix64(b + UINT64CONST(0x9e3779b97f4a7c15)));
}

/* Zeros in the current context, where vectors lie in lines of the cache. */
float *
ad_dense_floats(Size n)
{
	Size		more = CACHE_LINE / sizeof(float);

	return (float *) TYPEALIGN(CACHE_LINE,
							   ad_palloc0_array(float, ad_add_size(n, more)));
}

/* Make n parameters, all 0. */
void
ad_parameters_create(AdParameters *p, Size n)
{
	p->n = n;
	p->value = ad_dense_floats(n);
	p->gradient = ad_dense_floats(n);
	p->moment1 = ad_dense_floats(n);
	p->moment2 = ad_dense_floats(n);
}

/* Make a layer with its first weights, in the current context. */
AdDense *
ad_dense_create(int inputs, int outputs, AdActivation activation, int batch,
				uint64 seed, int layer)
{
	AdDense    *l = palloc0(sizeof(AdDense));
	double		limit = sqrt(6.0 / ((double) inputs + outputs));
	Size		k = 0;

	l->inputs = inputs;
	l->outputs = outputs;
	l->width = AD_PAD_DENSE(outputs);
	l->activation = activation;
	ad_parameters_create(&l->p, ad_mul_size(inputs + 1, l->width));
	l->transposed = ad_dense_floats(ad_mul_size(outputs, AD_PAD_DENSE(inputs)));
	l->y = ad_dense_floats(ad_mul_size(batch, l->width));
	l->dy = ad_dense_floats(ad_mul_size(batch, l->width));
	for (int i = 0; i < inputs; i++)
	{
		CHECK_FOR_INTERRUPTS();
		for (int o = 0; o < outputs; o++)
		{
			double		u = ad_unit_double(ad_dense_hash(seed, layer, k++));

			l->p.value[i * l->width + o] = (float) ((2 * u - 1) * limit);
		}
	}
	return l;
}

/* The kernel, in pieces between which a cancel is seen. */
static void
multiply(const float *a, Size a_row, Size a_step, const float *b, Size b_row,
		 float *c, Size c_row, Size rows, Size steps, Size lanes)
{
	Size		piece = Max(PIECE / Max(steps * lanes, 1), 4);

	for (Size i = 0; i < rows; i += piece)
	{
		CHECK_FOR_INTERRUPTS();
		ad_dense_kernels->multiply(a + i * a_row, a_row, a_step, b, b_row,
								   c + i * c_row, c_row, Min(piece, rows - i),
								   steps, lanes);
	}
}

/* Fill in the outputs for rows of inputs. */
void
ad_dense_forward(AdDense *l, const float *x, Size x_row, int rows)
{
	const float *bias = l->p.value + l->inputs * l->width;
	Size		n = rows * l->width;

	for (int i = 0; i < rows; i++)
		memcpy(l->y + i * l->width, bias, l->width * sizeof(float));
	multiply(x, x_row, 1, l->p.value, l->width, l->y, l->width, rows,
			 l->inputs, l->width);
	if (l->activation == AD_ACTIVATION_TANH)
		ad_dense_kernels->tanh(l->y, n);
	else if (l->activation == AD_ACTIVATION_RELU)
		for (Size i = 0; i < n; i++)
			l->y[i] = l->y[i] > 0 ? l->y[i] : 0;
}

/* Put the weights in the columns' place. */
static void
transpose(AdDense *l)
{
	Size		width = AD_PAD_DENSE(l->inputs);

	for (int i = 0; i < l->inputs; i++)
		for (int o = 0; o < l->outputs; o++)
			l->transposed[o * width + i] = l->p.value[i * l->width + o];
}

/*
 * Set the gradients of the weights and biases from dy, the loss's gradient by
 * the outputs for those same inputs; and, unless NULL, dx, that by the inputs,
 * whose rows are padded.  dy becomes the gradient by what was activated.
 */
void
ad_dense_backward(AdDense *l, const float *x, Size x_row, int rows, float *dx)
{
	Size		n = rows * l->width;
	Size		width = AD_PAD_DENSE(l->inputs);
	float	   *bias = l->p.gradient + l->inputs * l->width;
	const float one = 1;

	if (l->activation == AD_ACTIVATION_TANH)
		for (Size i = 0; i < n; i++)
			l->dy[i] *= 1 - l->y[i] * l->y[i];
	else if (l->activation == AD_ACTIVATION_RELU)
		for (Size i = 0; i < n; i++)
			l->dy[i] = l->y[i] > 0 ? l->dy[i] : 0;

	memset(l->p.gradient, 0, l->p.n * sizeof(float));
	multiply(x, 1, x_row, l->dy, l->width, l->p.gradient, l->width,
			 l->inputs, rows, l->width);
	multiply(&one, 0, 0, l->dy, l->width, bias, l->width, 1, rows, l->width);
	if (dx == NULL)
		return;
	transpose(l);
	memset(dx, 0, rows * width * sizeof(float));
	multiply(l->dy, l->width, 1, l->transposed, width, dx, width, rows,
			 l->outputs, width);
}

/* Let a layer's weights and biases take a step. */
void
ad_dense_step(AdDense *l, const AdAdam *adam)
{
	ad_dense_kernels->adam(&l->p, adam);
}

/* Begin the next step, at a rate. */
void
ad_adam_next(AdAdam *adam, double rate)
{
	double		root;

	adam->decay1 = adam->steps == 0 ? DECAY1 : adam->decay1 * DECAY1;
	adam->decay2 = adam->steps == 0 ? DECAY2 : adam->decay2 * DECAY2;
	adam->steps++;
	root = sqrt(1 - adam->decay2);
	adam->rate = (float) (rate * root / (1 - adam->decay1));
	adam->epsilon = (float) (EPSILON * root);
}
