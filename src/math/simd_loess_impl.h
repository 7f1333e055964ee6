/*-------------------------------------------------------------------------
 *
 * simd_loess_impl.h
 *		The bodies of the LOESS kernels, included once per SIMD level.
 *
 * See simd_widths_impl.h for what is defined.  NV vectors make up the eight lanes.
 * Loads go through VT, whose alignment is that of a double.
 *
 *-------------------------------------------------------------------------
 */
#define NV				(AD_LOESS_LANES / WIDTH)
#define LOAD(p)			(*(const VT *) (p))
#define STORE(p, v)		(*(VT *) (p) = (v))
#define UNROLL			_Pragma("GCC unroll 8")

/* The lanes' sum, in one order for all levels. */
static inline TARGET double
KERNEL(lanes) (const double *l)
{
	return ((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7]));
}

/* sum of w[i] y[i] */
static TARGET double
KERNEL(dot) (const double *w, const double *y, Size nblocks)
{
	VT			a[NV];
	double		l[AD_LOESS_LANES];

	UNROLL
	for (int v = 0; v < NV; v++)
		a[v] = ZERO;
	for (Size b = 0; b < nblocks; b++, w += AD_LOESS_LANES, y += AD_LOESS_LANES)
	{
		UNROLL
		for (int v = 0; v < NV; v++)
			a[v] += LOAD(w + v * WIDTH) * LOAD(y + v * WIDTH);
	}
	UNROLL
	for (int v = 0; v < NV; v++)
		STORE(l + v * WIDTH, a[v]);
	return KERNEL(lanes) (l);
}

/* sums of w r and w r y */
static TARGET void
KERNEL(dot_weighted) (const double *w, const double *r, const double *y,
					  Size nblocks, AdLoessSums *sums)
{
	VT			s0[NV],
				t0[NV];
	double		l[AD_LOESS_LANES];

	UNROLL
	for (int v = 0; v < NV; v++)
		s0[v] = t0[v] = ZERO;
	for (Size b = 0; b < nblocks; b++, w += AD_LOESS_LANES,
		 r += AD_LOESS_LANES, y += AD_LOESS_LANES)
	{
		UNROLL
		for (int v = 0; v < NV; v++)
		{
			VT			wr = LOAD(w + v * WIDTH) * LOAD(r + v * WIDTH);

			s0[v] += wr;
			t0[v] += wr * LOAD(y + v * WIDTH);
		}
	}
	UNROLL
	for (int v = 0; v < NV; v++)
		STORE(l + v * WIDTH, s0[v]);
	sums->s0 = KERNEL(lanes) (l);
	UNROLL
	for (int v = 0; v < NV; v++)
		STORE(l + v * WIDTH, t0[v]);
	sums->t0 = KERNEL(lanes) (l);
}

/* the five sums of a weighted line */
static TARGET void
KERNEL(dot_line) (const double *w, const double *r, const double *y,
				  Size nblocks, double x0, AdLoessSums *sums)
{
	VT			s0[NV],
				s1[NV],
				s2[NV],
				t0[NV],
				t1[NV],
				x[NV];
	double		l[AD_LOESS_LANES];

	for (int i = 0; i < AD_LOESS_LANES; i++)
		l[i] = x0 + i;
	UNROLL
	for (int v = 0; v < NV; v++)
	{
		s0[v] = s1[v] = s2[v] = t0[v] = t1[v] = ZERO;
		x[v] = LOAD(l + v * WIDTH);
	}
	for (Size b = 0; b < nblocks; b++, w += AD_LOESS_LANES,
		 r += AD_LOESS_LANES, y += AD_LOESS_LANES)
	{
		UNROLL
		for (int v = 0; v < NV; v++)
		{
			VT			wr = LOAD(w + v * WIDTH) * LOAD(r + v * WIDTH);
			VT			wrx = wr * x[v];
			VT			yy = LOAD(y + v * WIDTH);

			s0[v] += wr;
			s1[v] += wrx;
			s2[v] += wrx * x[v];
			t0[v] += wr * yy;
			t1[v] += wrx * yy;
			x[v] += (double) AD_LOESS_LANES;
		}
	}
#define REDUCE(sum) \
	do { \
		UNROLL \
		for (int v = 0; v < NV; v++) \
			STORE(l + v * WIDTH, sum[v]); \
		sums->sum = KERNEL(lanes) (l); \
	} while (0)
	REDUCE(s0);
	REDUCE(s1);
	REDUCE(s2);
	REDUCE(t0);
	REDUCE(t1);
#undef REDUCE
}

/* out[i] = sum over k of w[k] x[i + k stride] */
static TARGET void
KERNEL(filter) (const double *w, Size nw, const double *x, Size stride,
				Size n, double *out)
{
	Size		i = 0;

	/* several at a time: wide registers would wait for their sums */
	for (; i + 4 * AD_LOESS_LANES <= n; i += 4 * AD_LOESS_LANES)
	{
		VT			a[4 * NV];
		const double *p = x + i;

		UNROLL
		for (int v = 0; v < 4 * NV; v++)
			a[v] = ZERO;
		for (Size k = 0; k < nw; k++, p += stride)
		{
			UNROLL
			for (int v = 0; v < 4 * NV; v++)
				a[v] += LOAD(p + v * WIDTH) * w[k];
		}
		UNROLL
		for (int v = 0; v < 4 * NV; v++)
			STORE(out + i + v * WIDTH, a[v]);
	}
	for (; i + AD_LOESS_LANES <= n; i += AD_LOESS_LANES)
	{
		VT			a[NV];
		const double *p = x + i;

		UNROLL
		for (int v = 0; v < NV; v++)
			a[v] = ZERO;
		for (Size k = 0; k < nw; k++, p += stride)
		{
			UNROLL
			for (int v = 0; v < NV; v++)
				a[v] += LOAD(p + v * WIDTH) * w[k];
		}
		UNROLL
		for (int v = 0; v < NV; v++)
			STORE(out + i + v * WIDTH, a[v]);
	}
	for (; i < n; i++)
	{
		double		a = 0;

		for (Size k = 0; k < nw; k++)
			a += x[i + k * stride] * w[k];
		out[i] = a;
	}
}

/* the same with robustness weights */
static TARGET void
KERNEL(filter_weighted) (const double *w, Size nw, const double *x,
						 const double *r, Size stride, Size n,
						 const double *kept, double *out)
{
	Size		i = 0;

	for (; i + AD_LOESS_LANES <= n; i += AD_LOESS_LANES)
	{
		VT			s[NV],
					t[NV];
		const double *px = x + i;
		const double *pr = r + i;

		UNROLL
		for (int v = 0; v < NV; v++)
			s[v] = t[v] = ZERO;
		for (Size k = 0; k < nw; k++, px += stride, pr += stride)
		{
			UNROLL
			for (int v = 0; v < NV; v++)
			{
				VT			wr = LOAD(pr + v * WIDTH) * w[k];

				s[v] += wr;
				t[v] += wr * LOAD(px + v * WIDTH);
			}
		}
		UNROLL
		for (int v = 0; v < NV; v++)
			STORE(out + i + v * WIDTH,
				  SELECT(s[v] > ZERO, t[v] / s[v],
						 LOAD(kept + i + v * WIDTH)));
	}
	for (; i < n; i++)
	{
		double		s = 0;
		double		t = 0;

		for (Size k = 0; k < nw; k++)
		{
			double		wr = r[i + k * stride] * w[k];

			s += wr;
			t += wr * x[i + k * stride];
		}
		out[i] = s > 0 ? t / s : kept[i];
	}
}

/*
 * The same with a line.  With a and c the weighted mean and variance of x,
 * the value at 0 is (t0 - a / c (t1 - a t0)) / s0, over normalised sums.
 */
static TARGET void
KERNEL(filter_line) (const double *w, Size nw, const double *x,
					 const double *r, Size stride, Size n, double x0,
					 double limit, const double *kept, double *out)
{
	Size		i = 0;

	for (; i + AD_LOESS_LANES <= n; i += AD_LOESS_LANES)
	{
		/* one vector at a time: five sums of eight lanes would not fit */
		for (int v = 0; v < NV; v++)
		{
			VT			s0 = ZERO,
						s1 = ZERO,
						s2 = ZERO,
						t0 = ZERO,
						t1 = ZERO,
						a,
						c,
						flat,
						sloped;
			const double *px = x + i + v * WIDTH;
			const double *pr = r + i + v * WIDTH;

			for (Size k = 0; k < nw; k++, px += stride, pr += stride)
			{
				double		d = x0 + (double) k;
				VT			wr = LOAD(pr) * w[k];
				VT			wrx = wr * d;
				VT			y = LOAD(px);

				s0 += wr;
				s1 += wrx;
				s2 += wrx * d;
				t0 += wr * y;
				t1 += wrx * y;
			}
			a = s1 / s0;
			c = s2 / s0 - a * a;
			flat = t0 / s0;
			sloped = flat - a / c * (t1 / s0 - a * flat);
			STORE(out + i + v * WIDTH,
				  SELECT(s0 > ZERO,
						 SELECT(c > limit - ZERO, sloped, flat),
						 LOAD(kept + i + v * WIDTH)));
		}
	}
	for (; i < n; i++)
	{
		double		s0 = 0,
					s1 = 0,
					s2 = 0,
					t0 = 0,
					t1 = 0;

		for (Size k = 0; k < nw; k++)
		{
			double		d = x0 + (double) k;
			double		wr = r[i + k * stride] * w[k];
			double		wrx = wr * d;
			double		y = x[i + k * stride];

			s0 += wr;
			s1 += wrx;
			s2 += wrx * d;
			t0 += wr * y;
			t1 += wrx * y;
		}
		if (s0 > 0)
		{
			double		a = s1 / s0;
			double		c = s2 / s0 - a * a;
			double		flat = t0 / s0;

			out[i] = c > limit ? flat - a / c * (t1 / s0 - a * flat) : flat;
		}
		else
			out[i] = kept[i];
	}
}

/* out[i] = a + delta i */
static TARGET void
KERNEL(line) (double a, double delta, Size n, double *out)
{
	Size		i = 0;

	if (n >= AD_LOESS_LANES)
	{
		VT			x[NV];
		double		l[AD_LOESS_LANES];

		for (int j = 0; j < AD_LOESS_LANES; j++)
			l[j] = j;
		UNROLL
		for (int v = 0; v < NV; v++)
			x[v] = LOAD(l + v * WIDTH);
		for (; i + AD_LOESS_LANES <= n; i += AD_LOESS_LANES)
		{
			UNROLL
			for (int v = 0; v < NV; v++)
			{
				STORE(out + i + v * WIDTH, x[v] * delta + a);
				x[v] += (double) AD_LOESS_LANES;
			}
		}
	}
	for (; i < n; i++)
		out[i] = (double) i * delta + a;
}

/* out[i] = a[i] + (b[i] - a[i]) f */
static TARGET void
KERNEL(between) (const double *a, const double *b, double f, Size n,
				 double *out)
{
	Size		i = 0;

	for (; i + WIDTH <= n; i += WIDTH)
		STORE(out + i, LOAD(a + i) + (LOAD(b + i) - LOAD(a + i)) * f);
	for (; i < n; i++)
		out[i] = a[i] + (b[i] - a[i]) * f;
}

/* out[i] = a[i] - b[i] */
static TARGET void
KERNEL(subtract) (const double *a, const double *b, Size n, double *out)
{
	Size		i = 0;

	for (; i + WIDTH <= n; i += WIDTH)
		STORE(out + i, LOAD(a + i) - LOAD(b + i));
	for (; i < n; i++)
		out[i] = a[i] - b[i];
}

/* out[i] = mean of a[i .. i+2] */
static TARGET void
KERNEL(mean3) (const double *a, Size n, double *out)
{
	const double third = 1.0 / 3.0;
	Size		i = 0;

	for (; i + WIDTH <= n; i += WIDTH)
		STORE(out + i, (LOAD(a + i) + LOAD(a + i + 1) + LOAD(a + i + 2)) * third);
	for (; i < n; i++)
		out[i] = (a[i] + a[i + 1] + a[i + 2]) * third;
}

/* out[i] = |y[i] - a[i] - b[i]| */
static TARGET void
KERNEL(absolute) (const double *y, const double *a, const double *b, Size n,
				  double *out)
{
	Size		i = 0;

	for (; i + WIDTH <= n; i += WIDTH)
	{
		VT			d = LOAD(y + i) - LOAD(a + i) - LOAD(b + i);

		STORE(out + i, SELECT(d < ZERO, ZERO - d, d));
	}
	for (; i < n; i++)
	{
		double		d = y[i] - a[i] - b[i];

		out[i] = d < 0 ? 0 - d : d;
	}
}

/* bisquare weights: 1 up to .001 h, 0 from .999 h on */
static TARGET void
KERNEL(bisquare) (const double *r, double h, Size n, double *out)
{
	const double h9 = .999 * h;
	const double h1 = .001 * h;
	const double inverse = h > 0 ? 1.0 / h : 0.0;
	Size		i = 0;

	for (; i + WIDTH <= n; i += WIDTH)
	{
		VT			x = LOAD(r + i);
		VT			u = x * inverse;
		VT			q = ONE - u * u;

		STORE(out + i,
			  SELECT(x <= h1 - ZERO, ONE,
					 SELECT(x <= h9 - ZERO, q * q, ZERO)));
	}
	for (; i < n; i++)
	{
		double		u = r[i] * inverse;
		double		q = 1.0 - u * u;

		out[i] = r[i] <= h1 ? 1.0 : r[i] <= h9 ? q * q : 0.0;
	}
}

static const AdLoessKernels KERNEL(kernels) = {
	KERNEL(dot),
	KERNEL(dot_weighted),
	KERNEL(dot_line),
	KERNEL(filter),
	KERNEL(filter_weighted),
	KERNEL(filter_line),
	KERNEL(line),
	KERNEL(between),
	KERNEL(subtract),
	KERNEL(mean3),
	KERNEL(absolute),
	KERNEL(bisquare)
};

#undef NV
#undef LOAD
#undef STORE
#undef UNROLL
