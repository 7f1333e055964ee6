/*-------------------------------------------------------------------------
 *
 * simd_kernel.c
 *		Kernels of one point with many, for support vector machines.
 *
 * Points are held column by column in single precision: the loops go along
 * a column, so that the compiler turns them into vector instructions
 * without changing the order of any sum.  The variants are the same C
 * compiled for other instruction sets, so they give the same bits.  The
 * exponential and the cosine are polynomials with an error near single
 * precision; they are free of branches.
 *
 *-------------------------------------------------------------------------
 */
#include "math/ad_kernel.h"

#define BLOCK	256				/* points whose sums stay in the cache */
#define LANES	8				/* of sums in double precision */
#define MAGIC	12582912.0f		/* 1.5 * 2^23: adding it rounds */

typedef union FloatBits
{
	float		f;
	int32		i;
} FloatBits;

/* exp(-a) for a >= 0; 0 if that is below 2^-126, or if a is not a number. */
static pg_attribute_always_inline float
exp_minus(float a)
{
	float		t = a * -1.44269504088896341f;
	float		n;
	float		r;
	float		p;
	FloatBits	power;
	bool		none = !(t > -126.0f);

	t = none ? -126.0f : t;
	n = (t + MAGIC) - MAGIC;
	r = t - n;
	p = 1.525273380e-5f;
	p = p * r + 1.540353039e-4f;
	p = p * r + 1.333355815e-3f;
	p = p * r + 9.618129108e-3f;
	p = p * r + 5.550410866e-2f;
	p = p * r + 2.402265070e-1f;
	p = p * r + 6.931471806e-1f;
	p = p * r + 1.0f;
	power.i = ((int32) n + 127) * (1 << 23);
	p *= power.f;
	return none ? 0.0f : p;
}

/* The cosine of t turns; 0 if t is so large that its fraction is lost. */
static pg_attribute_always_inline float
cos_turn(float t)
{
	float		r = t - ((t + MAGIC) - MAGIC);
	float		z;
	float		p;

	/* sin of a quarter minus the distance from a whole turn */
	r = r < 0 ? -r : r;
	r = r <= 0.5f ? 0.25f - r : 0.0f;
	z = r * r;
	p = -15.0946426f;
	p = p * z + 42.0586939f;
	p = p * z - 76.7058598f;
	p = p * z + 81.6052493f;
	p = p * z - 41.3417022f;
	p = p * z + 6.28318531f;
	return p * r;
}

/* Four columns a pass, so that sums are stored less often. */
static pg_attribute_always_inline void
squares_body(const float *points, Size stride, Size n, int cols,
			 const float *x, float *out)
{
	int			c = 0;

	for (Size k = 0; k < n; k++)
		out[k] = 0;
	for (; c + 4 <= cols; c += 4)
	{
		const float *p = points + c * stride;
		const float *q = p + stride;
		const float *r = q + stride;
		const float *s = r + stride;
		float		v0 = x[c];
		float		v1 = x[c + 1];
		float		v2 = x[c + 2];
		float		v3 = x[c + 3];

		for (Size k = 0; k < n; k++)
		{
			float		d0 = p[k] - v0;
			float		d1 = q[k] - v1;
			float		d2 = r[k] - v2;
			float		d3 = s[k] - v3;

			out[k] = (((out[k] + d0 * d0) + d1 * d1) + d2 * d2) + d3 * d3;
		}
	}
	for (; c < cols; c++)
	{
		const float *p = points + c * stride;
		float		v = x[c];

		for (Size k = 0; k < n; k++)
		{
			float		d = p[k] - v;

			out[k] += d * d;
		}
	}
}

static pg_attribute_always_inline void
dots_body(const float *points, Size stride, Size n, int cols,
		  const float *x, const float *start, float *out)
{
	for (Size k = 0; k < n; k++)
		out[k] = start ? start[k] : 0;
	for (int c = 0; c < cols; c++)
	{
		const float *p = points + c * stride;
		float		v = x[c];

		for (Size k = 0; k < n; k++)
			out[k] += p[k] * v;
	}
}

static pg_attribute_always_inline void
rbf_body(const float *points, Size stride, Size n, int cols,
		 const float *x, float *out)
{
	for (Size first = 0; first < n; first += BLOCK)
	{
		Size		m = Min(n - first, BLOCK);
		float	   *o = out + first;

		squares_body(points + first, stride, m, cols, x, o);
		for (Size k = 0; k < m; k++)
			o[k] = exp_minus(o[k]);
	}
}

static pg_attribute_always_inline double
weighted_sum(const float *v, const double *weight, Size n, double *lane)
{
	Size		k = 0;
	double		sum = 0;

	for (; k + LANES <= n; k += LANES)
		for (int l = 0; l < LANES; l++)
			lane[l] += weight[k + l] * v[k + l];
	for (int l = 0; k < n; k++, l++)
		lane[l] += weight[k] * v[k];
	for (int l = 0; l < LANES; l++)
		sum += lane[l];
	return sum;
}

static pg_attribute_always_inline double
rbf_sum_body(const float *points, Size stride, Size n, int cols,
			 const float *x, const double *weight)
{
	float		out[BLOCK];
	double		lane[LANES] = {0};
	double		sum = 0;

	for (Size first = 0; first < n; first += BLOCK)
	{
		Size		m = Min(n - first, BLOCK);

		rbf_body(points + first, stride, m, cols, x, out);
		sum = weighted_sum(out, weight + first, m, lane);
	}
	return sum;
}

static pg_attribute_always_inline void
cosines_body(const float *points, Size stride, Size n, int cols,
			 const float *x, const float *phase, float *out)
{
	for (Size first = 0; first < n; first += BLOCK)
	{
		Size		m = Min(n - first, BLOCK);
		float	   *o = out + first;

		dots_body(points + first, stride, m, cols, x, phase + first, o);
		for (Size k = 0; k < m; k++)
			o[k] = cos_turn(o[k]);
	}
}

static pg_attribute_always_inline void
add_body(double *g, Size n, double a, const float *p, double b,
		 const float *q)
{
	for (Size k = 0; k < n; k++)
		g[k] += a * p[k] + b * q[k];
}

/* A variant of every kernel, by the name of its instruction set. */
#define VARIANT(suffix, attribute) \
attribute static void \
rbf_##suffix(const float *points, Size stride, Size n, int cols, \
			 const float *x, float *out) \
{ \
	rbf_body(points, stride, n, cols, x, out); \
} \
attribute static void \
dot_##suffix(const float *points, Size stride, Size n, int cols, \
			 const float *x, float *out) \
{ \
	dots_body(points, stride, n, cols, x, NULL, out); \
} \
attribute static double \
rbf_sum_##suffix(const float *points, Size stride, Size n, int cols, \
				 const float *x, const double *weight) \
{ \
	return rbf_sum_body(points, stride, n, cols, x, weight); \
} \
attribute static void \
cosines_##suffix(const float *points, Size stride, Size n, int cols, \
				 const float *x, const float *phase, float *out) \
{ \
	cosines_body(points, stride, n, cols, x, phase, out); \
} \
attribute static void \
add_##suffix(double *g, Size n, double a, const float *p, double b, \
			 const float *q) \
{ \
	add_body(g, n, a, p, b, q); \
} \
static const AdKernels kernels_##suffix = { \
	rbf_##suffix, dot_##suffix, rbf_sum_##suffix, cosines_##suffix, \
	add_##suffix \
};

VARIANT(scalar,)
#ifdef AD_HAVE_X86
VARIANT(avx2, __attribute__((target("avx2"))))
#endif

const AdKernels *ad_kernels = &kernels_scalar;

/* Point at the variant for a level. */
void
ad_kernel_choose(AdSimdLevel level)
{
	ad_kernels = &kernels_scalar;
#ifdef AD_HAVE_X86
	if (level >= AD_SIMD_AVX2)
		ad_kernels = &kernels_avx2;
#endif
}
