/*-------------------------------------------------------------------------
 *
 * simd_draws_impl.h
 *		The body of the kernel of draws, included once per SIMD level.
 *
 * Defined for it: KERNEL(name), TARGET, VT (a vector of WIDTH floats), MIN,
 * MAX, SQRT.
 *
 *-------------------------------------------------------------------------
 */
#define NV				(AD_DRAW_LANES / WIDTH)
#define LOAD(p)			(*(const VT *) (p))
#define STORE(p, v)		(*(VT *) (p) = (v))
#define UNROLL			_Pragma("GCC unroll 16")

static TARGET void
KERNEL(nearest) (const float *block, int tiles, int cols, const float *q,
				 float *nearest, float *next)
{
	const VT	zero = {0};
	VT			best[NV];
	VT			second[NV];

	UNROLL
	for (int v = 0; v < NV; v++)
		best[v] = second[v] = zero + INFINITY;
	for (int t = 0; t < tiles; t++)
	{
		VT			sum[AD_DRAW_TILE][NV];

		UNROLL
		for (int r = 0; r < AD_DRAW_TILE; r++)
			UNROLL
			for (int v = 0; v < NV; v++)
				sum[r][v] = zero;
		for (int c = 0; c < cols; c++)
		{
			VT			x = zero + q[c];

			UNROLL
			for (int r = 0; r < AD_DRAW_TILE; r++)
				UNROLL
				for (int v = 0; v < NV; v++)
				{
					VT			d = x - LOAD(block + r * AD_DRAW_LANES + v * WIDTH);

					sum[r][v] += d * d;
				}
			block += AD_DRAW_TILE * AD_DRAW_LANES;
		}
		UNROLL
		for (int r = 0; r < AD_DRAW_TILE; r++)
			UNROLL
			for (int v = 0; v < NV; v++)
			{
				second[v] = MIN(second[v], MAX(best[v], sum[r][v]));
				best[v] = MIN(best[v], sum[r][v]);
			}
	}
	UNROLL
	for (int v = 0; v < NV; v++)
	{
		STORE(nearest + v * WIDTH, SQRT(best[v]));
		STORE(next + v * WIDTH, SQRT(second[v]));
	}
}

#undef NV
#undef LOAD
#undef STORE
#undef UNROLL
#undef KERNEL
#undef TARGET
#undef VT
#undef WIDTH
#undef MIN
#undef MAX
#undef SQRT
