/*-------------------------------------------------------------------------
 *
 * simd_dense_impl.h
 *		The bodies of the kernels of dense layers, included once per SIMD
 *		level by simd_dense.c.
 *
 * It defines KERNEL(name), TARGET, WIDTH (floats of a vector), VF, VD and VI
 * (vectors of floats, half as many doubles, and int32), ROWS and VECTORS (of a
 * tile that stays in registers).
 *
 *-------------------------------------------------------------------------
 */
#define HALF			(WIDTH / 2)
#define TILE			(VECTORS * WIDTH)	/* lanes of a tile */
#define LOAD(p)			(*(const VF *) (p))
#define STORE(p, v)		(*(VF *) (p) = (v))
#define LOAD_D(p)		(*(const VD *) (p))
#define STORE_D(p, v)	(*(VD *) (p) = (v))
#define UNROLL			_Pragma("GCC unroll 16")

/* A tile of a product: so many rows and vectors, which are constants. */
static pg_attribute_always_inline TARGET void
KERNEL(tile) (const float *a, Size a_row, Size a_step, const float *b,
			  Size b_row, float *c, Size c_row, Size steps, const int rows,
			  const int vectors)
{
	VF			sum[ROWS][VECTORS];

	UNROLL
	for (int i = 0; i < rows; i++)
	{
		UNROLL
		for (int v = 0; v < vectors; v++)
			sum[i][v] = LOAD(c + i * c_row + v * WIDTH);
	}
	for (Size k = 0; k < steps; k++, a += a_step, b += b_row)
	{
		UNROLL
		for (int i = 0; i < rows; i++)
		{
			float		factor = a[i * a_row];

			UNROLL
			for (int v = 0; v < vectors; v++)
				sum[i][v] += LOAD(b + v * WIDTH) * factor;
		}
	}
	UNROLL
	for (int i = 0; i < rows; i++)
	{
		UNROLL
		for (int v = 0; v < vectors; v++)
			STORE(c + i * c_row + v * WIDTH, sum[i][v]);
	}
}

/* A strip of a product, of so many vectors. */
static pg_attribute_always_inline TARGET void
KERNEL(strip) (const float *a, Size a_row, Size a_step, const float *b,
			   Size b_row, float *c, Size c_row, Size rows, Size steps,
			   const int vectors)
{
	Size		i = 0;

	for (; i + ROWS <= rows; i += ROWS)
		KERNEL(tile) (a + i * a_row, a_row, a_step, b, b_row, c + i * c_row,
					  c_row, steps, ROWS, vectors);
	for (; i < rows; i++)
		KERNEL(tile) (a + i * a_row, a_row, a_step, b, b_row, c + i * c_row,
					  c_row, steps, 1, vectors);
}

static TARGET void
KERNEL(multiply) (const float *a, Size a_row, Size a_step, const float *b,
				  Size b_row, float *c, Size c_row, Size rows, Size steps,
				  Size lanes)
{
	Size		j = 0;

	for (; j + TILE <= lanes; j += TILE)
		KERNEL(strip) (a, a_row, a_step, b + j, b_row, c + j, c_row, rows,
					   steps, VECTORS);
	for (; j < lanes; j += WIDTH)
		KERNEL(strip) (a, a_row, a_step, b + j, b_row, c + j, c_row, rows,
					   steps, 1);
}

static TARGET void
KERNEL(tanh) (float *v, Size n)
{
	for (Size i = 0; i < n; i += WIDTH)
	{
		VF			x = LOAD(v + i);
		VI			low = x < -TANH_LIMIT;
		VI			high = x > TANH_LIMIT;
		VF			limit = x * 0 + TANH_LIMIT;
		VF			z;

		x = (VF) (((VI) x & ~(low | high)) | ((VI) limit & high) |
				  ((VI) (-limit) & low));
		z = x * x;
		STORE(v + i, TANH_RATIO(x, z, float));
	}
}

/*
 * Every operation is rounded once, a root and a quotient too.  Moments of what
 * is not learnt any more go to 0, where they would stay too small to be fast.
 */
static TARGET void
KERNEL(adam) (AdParameters *p, const AdAdam *adam)
{
	float	   *value = p->value;
	float	   *first = p->moment1;
	float	   *second = p->moment2;
	const float *gradient = p->gradient;
	float		rate = adam->rate;
	float		epsilon = adam->epsilon;

	for (Size i = 0; i < p->n; i++)
	{
		float		g = gradient[i];
		float		m = DECAY1 * first[i] + (1 - DECAY1) * g;
		float		v = DECAY2 * second[i] + (1 - DECAY2) * (g * g);

		m = fabsf(m) < LEAST_MOMENT ? 0 : m;
		v = v < LEAST_MOMENT ? 0 : v;
		first[i] = m;
		second[i] = v;
		value[i] -= rate * m / (sqrtf(v) + epsilon);
	}
}

/* Some vectors of a layer's outputs for one row. */
static pg_attribute_always_inline TARGET void
KERNEL(outputs) (const AdDenseMap *map, const double *x, int at,
				 const int vectors)
{
	const double *w = map->w + at;
	VD			sum[2 * VECTORS];

	UNROLL
	for (int v = 0; v < vectors; v++)
		sum[v] = LOAD_D(map->bias + at + v * HALF);
	for (int k = 0; k < map->inputs; k++, w += map->width)
	{
		UNROLL
		for (int v = 0; v < vectors; v++)
			sum[v] += LOAD_D(w + v * HALF) * x[k];
	}
	UNROLL
	for (int v = 0; v < vectors; v++)
		STORE_D(map->y + at + v * HALF, sum[v]);
}

static TARGET void
KERNEL(apply) (const AdDenseMap *map, const double *x)
{
	double	   *y = map->y;
	int			at = 0;

	for (; at + TILE <= map->width; at += TILE)
		KERNEL(outputs) (map, x, at, 2 * VECTORS);
	for (; at < map->width; at += AD_DENSE_LANES)
		KERNEL(outputs) (map, x, at, AD_DENSE_LANES / HALF);
	if (map->activation == AD_ACTIVATION_RELU)
		for (int i = 0; i < map->width; i++)
			y[i] = y[i] > 0 ? y[i] : 0;
	else if (map->activation == AD_ACTIVATION_TANH)
		for (int i = 0; i < map->width; i += HALF)
		{
			VD			v;
			VD			z;

			for (int k = 0; k < HALF; k++)
			{
				y[i + k] = y[i + k] > TANH_LIMIT ? TANH_LIMIT : y[i + k];
				y[i + k] = y[i + k] < -TANH_LIMIT ? -TANH_LIMIT : y[i + k];
			}
			v = LOAD_D(y + i);
			z = v * v;
			STORE_D(y + i, TANH_RATIO(v, z, double));
		}
}

static const AdDenseKernels KERNEL(kernels) = {
	KERNEL(multiply), KERNEL(tanh), KERNEL(adam), KERNEL(apply)
};

#undef HALF
#undef TILE
#undef LOAD
#undef STORE
#undef LOAD_D
#undef STORE_D
#undef UNROLL
