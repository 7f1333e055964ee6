/*-------------------------------------------------------------------------
 *
 * ad_dense.h
 *		Small dense layers: forward, backward, and a step of Adam.
 *
 * Training is in single precision, scoring in double precision with the same
 * weights.  Every sum has one order: a layer's output adds its bias and then
 * its inputs in their order, a gradient the rows of a batch in theirs.  The
 * lanes of a vector are different sums, so that the width of the registers
 * changes nothing, and nothing is a fused multiply-add: every variant gives
 * the bits of its scalar twin.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_DENSE_H
#define AD_DENSE_H

#include "core/ad_bytes.h"
#include "math/ad_simd.h"

#define AD_DENSE_LANES		16	/* rows of matrices are padded to it */
#define AD_PAD_DENSE(n)		(((Size) (n) + AD_DENSE_LANES - 1) / AD_DENSE_LANES * AD_DENSE_LANES)

/* What an output becomes; stored in models. */
typedef enum AdActivation
{
	AD_ACTIVATION_NONE, AD_ACTIVATION_TANH, AD_ACTIVATION_RELU
} AdActivation;

/* Steps of Adam (Kingma and Ba 2015): start with zeros, see ad_adam_next(). */
typedef struct AdAdam
{
	int			steps;			/* so far */
	double		decay1;			/* 0.9 to that number */
	double		decay2;			/* 0.999 to it */
	float		rate;			/* of this step, with the correction of the
								 * moments' bias */
	float		epsilon;		/* likewise */
} AdAdam;

/* Numbers that are trained: a layer's, or others. */
typedef struct AdParameters
{
	Size		n;				/* a multiple of AD_DENSE_LANES */
	float	   *value;			/* n */
	float	   *gradient;		/* n; what trains them sets it at each step */
	float	   *moment1;		/* n; of Adam */
	float	   *moment2;		/* n */
} AdParameters;

/*
 * A layer that is trained on batches.  Rows of its matrices are padded with
 * zeros to AD_DENSE_LANES; those of the weights are inputs.
 */
typedef struct AdDense
{
	int			inputs;
	int			outputs;
	Size		width;			/* of a row of outputs, padded */
	AdActivation activation;
	AdParameters p;				/* weights, inputs x width; then width biases */
	float	   *transposed;		/* scratch: outputs x padded inputs */
	float	   *y;				/* batch x width: outputs for the last batch */
	float	   *dy;				/* batch x width: the loss's gradient by them */
} AdDense;

/* The same for scoring: of one row at a time, in double precision. */
typedef struct AdDenseMap
{
	int			inputs;
	int			outputs;
	int			width;			/* padded */
	AdActivation activation;
	double	   *w;				/* inputs x width */
	double	   *bias;			/* width */
	double	   *y;				/* width: outputs for the last row */
} AdDenseMap;

/*
 * simd_dense.c: kernels.  multiply: c[i][j] += the sum over k of a[i * a_row + k * a_step] b[k][j],
 * added in the order of k; lanes is a multiple of AD_DENSE_LANES.
 */
typedef struct AdDenseKernels
{
	void		(*multiply) (const float *a, Size a_row, Size a_step,
							 const float *b, Size b_row,
							 float *c, Size c_row,
							 Size rows, Size steps, Size lanes);
	/* v[i] = tanh(v[i]); n is a multiple of AD_DENSE_LANES */
	void		(*tanh) (float *v, Size n);
	/* a step of n numbers */
	void		(*adam) (AdParameters *p, const AdAdam *adam);
	/* y of a row x of doubles, activation included */
	void		(*apply) (const AdDenseMap *map, const double *x);
} AdDenseKernels;

extern const AdDenseKernels *ad_dense_kernels;
extern void ad_dense_choose(AdSimdLevel level);

/* dense.c */
extern void ad_parameters_create(AdParameters *p, Size n);
extern float *ad_dense_floats(Size n);
extern uint64 ad_dense_hash(uint64 seed, uint64 a, uint64 b);
extern AdDense *ad_dense_create(int inputs, int outputs,
								AdActivation activation, int batch,
								uint64 seed, int layer);
extern void ad_dense_forward(AdDense *l, const float *x, Size x_row, int rows);
extern void ad_dense_backward(AdDense *l, const float *x, Size x_row, int rows,
							  float *dx);
extern void ad_dense_step(AdDense *l, const AdAdam *adam);
extern void ad_adam_next(AdAdam *adam, double rate);

/* dense_map.c: a layer's bytes, and scoring with them */
extern void ad_dense_write(StringInfo buf, const AdDense *l);
extern AdDenseMap *ad_dense_read(AdReader *r, int inputs, int outputs,
								 AdActivation activation);
extern const double *ad_dense_apply(const AdDenseMap *map, const double *x);

#endif							/* AD_DENSE_H */
