/*-------------------------------------------------------------------------
 *
 * simd_balls_impl.h
 *		The body of the kernel of balls, included once per SIMD level.
 *
 * See simd_widths_impl.h for what is defined.
 *
 *-------------------------------------------------------------------------
 */
#define NV				(AD_BALL_LANES / WIDTH)
#define LOAD(p)			(*(const VT *) (p))
#define STORE(p, v)		(*(VT *) (p) = (v))
#define UNROLL			_Pragma("GCC unroll 16")

/* What one ball of each lane makes of their values. */
static TARGET pg_attribute_always_inline void
KERNEL(ball) (const double *ball, int cols, const double *q, VT *value)
{
	const double *center = ball + 2 * AD_BALL_LANES;
	VT			sum[NV];

	UNROLL
	for (int v = 0; v < NV; v++)
		sum[v] = ZERO;
	for (int c = 0; c < cols; c++, center += AD_BALL_LANES)
	{
		UNROLL
		for (int v = 0; v < NV; v++)
		{
			VT			d = LOAD(center + v * WIDTH) - q[c];

			sum[v] += d * d;
		}
	}
	UNROLL
	for (int v = 0; v < NV; v++)
		value[v] = SELECT(sum[v] <= LOAD(ball + v * WIDTH),
						  LOAD(ball + AD_BALL_LANES + v * WIDTH), value[v]);
}

static TARGET void
KERNEL(balls) (const double *balls, int n, int cols, const double *q,
			   double *value)
{
	Size		stride = (Size) (cols + 2) * AD_BALL_LANES;
	VT			found[NV];

	UNROLL
	for (int v = 0; v < NV; v++)
		found[v] = ONE;
	for (int i = 0; i < n; i++, balls += stride)
		KERNEL(ball) (balls, cols, q, found);
	UNROLL
	for (int v = 0; v < NV; v++)
		STORE(value + v * WIDTH, found[v]);
}

#undef NV
#undef LOAD
#undef STORE
#undef UNROLL
