/*-------------------------------------------------------------------------
 *
 * dense_map.c
 *		Dense layers in models, and scoring with them.
 *
 * Little-endian: the weights (inputs x outputs) and then the biases, as bits
 * of single precision.  How many there are and what becomes of an output is
 * for the detector to say.
 *
 *-------------------------------------------------------------------------
 */
#include "math/ad_dense.h"

/* Append a trained layer. */
void
ad_dense_write(StringInfo buf, const AdDense *l)
{
	/* the biases are the row behind the last input's */
	for (int i = 0; i <= l->inputs; i++)
	{
		const float *row = l->p.value + i * l->width;

		CHECK_FOR_INTERRUPTS();
		for (int o = 0; o < l->outputs; o++)
		{
			uint32		bits;

			memcpy(&bits, &row[o], sizeof(bits));
			ad_wr_u32(buf, bits);
		}
	}
}

/*
 * Read a layer of that size, all finite, in the current context.  Allocates
 * no more than the bytes' own length, give or take the precision and padding.
 */
AdDenseMap *
ad_dense_read(AdReader *r, int inputs, int outputs, AdActivation activation)
{
	AdDenseMap *map = palloc0(sizeof(AdDenseMap));

	ad_rd_need(r, ad_mul_size(ad_mul_size(inputs + 1, outputs),
							  sizeof(float)));
	map->inputs = inputs;
	map->outputs = outputs;
	map->width = (int) AD_PAD_DENSE(outputs);
	map->activation = activation;
	map->w = (double *) ad_dense_floats(ad_mul_size(2 * (Size) map->width,
													inputs + 1));
	map->bias = map->w + (Size) inputs * map->width;
	map->y = (double *) ad_dense_floats(2 * (Size) map->width);
	for (int i = 0; i <= inputs; i++)
	{
		double	   *row = map->w + (Size) i * map->width;

		CHECK_FOR_INTERRUPTS();
		for (int o = 0; o < outputs; o++)
		{
			uint32		bits = ad_rd_u32(r);
			float		weight;

			memcpy(&weight, &bits, sizeof(weight));
			if (!isfinite(weight))
				ad_rd_corrupt(r, "a weight is not finite");
			row[o] = weight;
		}
	}
	return map;
}

/* Put a row through a layer; returns its outputs, which are scratch. */
const double *
ad_dense_apply(const AdDenseMap *map, const double *x)
{
	ad_dense_kernels->apply(map, x);
	return map->y;
}
