/*-------------------------------------------------------------------------
 *
 * simd_linear.c
 *		Kernels of linear detectors: maps, distances to centres, scatter; and
 *		what is summed or counted of each column of a matrix.
 *
 * Each lane of a block is an output of its own and adds its terms in the
 * order of the columns, whatever the width of the registers: so the variants
 * are the same code compiled for other instruction sets, and give the same
 * bits (no fused multiply-add, see the Makefile).  Loops are written with
 * the compiler's generic vectors of AD_LANES doubles, which it splits where
 * registers are narrower.
 *
 *-------------------------------------------------------------------------
 */
#include "math/ad_linalg.h"

#include <float.h>

#define ROWS	4				/* rows that are added to a scatter at once */

/* AD_LANES doubles at any address of a double */
typedef double Lanes __attribute__((vector_size(64), aligned(8), may_alias));
typedef int64 Masks __attribute__((vector_size(64), aligned(8), may_alias));

#define LANES_AT(p)		(*(Lanes *) (p))
#define CONST_LANES(p)	(*(const Lanes *) (p))

AdMapNorms	ad_map_norms;
AdCentersNearest ad_centers_nearest;
AdScatterAdd ad_scatter_add;
AdColumnRanges ad_column_ranges;
AdColumnSums ad_column_sums;
AdColumnCounts ad_column_counts;

static pg_attribute_always_inline void
map_norms(const AdMap *m, const double *x, Size n, double *norms)
{
	int			cols = m->cols;
	int			blocks = m->blocks;
	const double *mean = m->mean;
	double	   *d = m->d;

	for (Size i = 0; i < n; i++, x += cols)
	{
		const double *w = m->w;
		Lanes		total = {0};
		double		norm;
		int			infinite = 0;

		for (int j = 0; j < cols; j++)
		{
			d[j] = x[j] - mean[j];
			infinite |= !(fabs(d[j]) <= DBL_MAX);
		}
		for (int b = 0; b < blocks; b++, w += (Size) cols * AD_LANES)
		{
			int			limit = m->limit[b];
			Lanes		acc = {0};

			for (int j = 0; j < limit; j++)
				acc += CONST_LANES(w + (Size) j * AD_LANES) * d[j];
			LANES_AT(m->y + b * AD_LANES) = acc;
			total += acc * acc;
		}
		norm = ((total[0] + total[4]) + (total[1] + total[5])) +
			((total[2] + total[6]) + (total[3] + total[7]));
		norms[i] = (!infinite && norm <= DBL_MAX) ? norm : DBL_MAX;
	}
}

static pg_attribute_always_inline void
centers_nearest(const AdCenters *c, const double *x, Size n, double *d2,
				int *nearest)
{
	int			cols = c->cols;
	int			blocks = c->blocks;

	for (Size i = 0; i < n; i++, x += cols)
	{
		const double *p = c->c;
		double		best;
		int			at = 0;

		for (int b = 0; b < blocks; b++, p += (Size) cols * AD_LANES)
		{
			Lanes		acc = {0};

			for (int j = 0; j < cols; j++)
			{
				Lanes		e = CONST_LANES(p + (Size) j * AD_LANES) - x[j];

				acc += e * e;
			}
			LANES_AT(c->d2 + b * AD_LANES) = acc;
		}
		best = c->d2[0];
		for (int k = 1; k < c->n; k++)
		{
			bool		less = c->d2[k] < best;

			best = less ? c->d2[k] : best;
			at = less ? k : at;
		}
		d2[i] = best;
		nearest[i] = at;
	}
}

static pg_attribute_always_inline void
scatter_add(const double *x, Size n, int cols, const double *mean,
			const double *weight, double *s)
{
	Size		lanes = AD_PAD_LANES(cols);
	double	   *c = ad_palloc0_array(double, lanes * ROWS);

	for (Size i = 0; i < n; i += ROWS)
	{
		int			rows = (int) Min(n - i, ROWS);
		double		w[ROWS] = {0};

		for (int r = 0; r < rows; r++)
		{
			const double *row = x + (i + r) * cols;

			w[r] = weight ? weight[i + r] : 1;
			for (int j = 0; j < cols; j++)
				c[r * lanes + j] = row[j] - mean[j];
		}
		for (int r = rows; r < ROWS; r++)
			memset(c + r * lanes, 0, lanes * sizeof(double));
		for (int j = 0; j < cols; j++)
		{
			double		a0 = w[0] * c[j];
			double		a1 = w[1] * c[lanes + j];
			double		a2 = w[2] * c[2 * lanes + j];
			double		a3 = w[3] * c[3 * lanes + j];
			double	   *out = s + j * lanes;

			for (Size l = j / AD_LANES * AD_LANES; l < lanes; l += AD_LANES)
				LANES_AT(out + l) += (CONST_LANES(c + l) * a0 +
									  CONST_LANES(c + lanes + l) * a1) +
					(CONST_LANES(c + 2 * lanes + l) * a2 +
					 CONST_LANES(c + 3 * lanes + l) * a3);
		}
	}
	pfree(c);
}

/*
 * AD_LANES columns of a matrix, or all if it has fewer.  The last ones are
 * read together with columns before them, which are skipped.
 */
typedef struct Strip
{
	const double *x;			/* in the first row */
	Size		stride;			/* to the next row */
	int			at;				/* first column */
	int			width;			/* columns */
	int			skip;			/* of them that are in the strip before */
} Strip;

static pg_attribute_always_inline Strip
strip_of(const double *x, int cols, int at)
{
	Strip		s = {x, cols, at, Min(cols, AD_LANES), 0};

	s.at = Min(at, cols - s.width);
	s.skip = at - s.at;
	s.x += s.at;
	return s;
}

/*
 * The strip's values of a row.  By address: how a vector is returned depends
 * on the instruction set.
 */
static pg_attribute_always_inline void
get_row(const Strip *s, Size i, Lanes * row)
{
	const double *from = s->x + i * s->stride;

	if (s->width == AD_LANES)
		*row = CONST_LANES(from);
	else
		for (int j = 0; j < s->width; j++)
			(*row)[j] = from[j];
}

/* What a strip has of an array with an entry per column. */
static pg_attribute_always_inline void
get_lanes(const Strip *s, const double *from, Lanes * v)
{
	memcpy(v, from + s->at, s->width * sizeof(double));
}

static pg_attribute_always_inline void
put_lanes(const Strip *s, const Lanes * v, double *to)
{
	for (int j = s->skip; j < s->width; j++)
		to[s->at + j] = (*v)[j];
}

/* Per lane, a where the mask is set, else b. */
#define CHOOSE_LANES(mask, a, b) \
	((Lanes) (((mask) & (Masks) (a)) | (~(mask) & (Masks) (b))))

static pg_attribute_always_inline void
column_ranges(const double *x, Size n, int cols, double *least,
			  double *greatest)
{
	for (int at = 0; at < cols; at += AD_LANES)
	{
		Strip		s = strip_of(x, cols, at);
		Lanes		low = {0};
		Lanes		high = {0};
		Lanes		v = {0};

		get_lanes(&s, least, &low);
		get_lanes(&s, greatest, &high);
		for (Size i = 0; i < n; i++)
		{
			get_row(&s, i, &v);
			low = CHOOSE_LANES(v < low, v, low);
			high = CHOOSE_LANES(v > high, v, high);
		}
		put_lanes(&s, &low, least);
		put_lanes(&s, &high, greatest);
	}
}

static pg_attribute_always_inline void
column_sums(const double *x, Size n, int cols, const double *from,
			double *sum, double *squares)
{
	for (int at = 0; at < cols; at += AD_LANES)
	{
		Strip		s = strip_of(x, cols, at);
		Lanes		origin = {0};
		Lanes		total = {0};
		Lanes		square = {0};
		Lanes		v = {0};

		get_lanes(&s, from, &origin);
		get_lanes(&s, sum, &total);
		get_lanes(&s, squares, &square);
		for (Size i = 0; i < n; i++)
		{
			get_row(&s, i, &v);
			v -= origin;
			total += v;
			square += v * v;
		}
		put_lanes(&s, &total, sum);
		put_lanes(&s, &square, squares);
	}
}

static pg_attribute_always_inline void
column_counts(const double *x, Size n, int cols, const double *limit,
			  int64 *count)
{
	/* so few are counted faster than put side by side */
	for (int j = 0; j < cols && cols < AD_LANES; j++)
	{
		double		most = limit[j];
		int64		found = 0;

		for (Size i = 0; i < n; i++)
			found += x[i * cols + j] <= most;
		count[j] += found;
	}
	for (int at = 0; at < cols && cols >= AD_LANES; at += AD_LANES)
	{
		Strip		s = strip_of(x, cols, at);
		Lanes		most = {0};
		Lanes		v = {0};
		Masks		found = {0};

		get_lanes(&s, limit, &most);
		/* a mask that is set is -1 */
		for (Size i = 0; i < n; i++)
		{
			get_row(&s, i, &v);
			found -= v <= most;
		}
		for (int j = s.skip; j < s.width; j++)
			count[s.at + j] += found[j];
	}
}

/* The kernels for one instruction set. */
#define VARIANT(suffix, attribute) \
attribute static void \
map_norms_##suffix(const AdMap *m, const double *x, Size n, double *norms) \
{ \
	map_norms(m, x, n, norms); \
} \
attribute static void \
centers_nearest_##suffix(const AdCenters *c, const double *x, Size n, \
						 double *d2, int *nearest) \
{ \
	centers_nearest(c, x, n, d2, nearest); \
} \
attribute static void \
scatter_add_##suffix(const double *x, Size n, int cols, const double *mean, \
					 const double *weight, double *s) \
{ \
	scatter_add(x, n, cols, mean, weight, s); \
} \
attribute static void \
column_ranges_##suffix(const double *x, Size n, int cols, double *least, \
					   double *greatest) \
{ \
	column_ranges(x, n, cols, least, greatest); \
} \
attribute static void \
column_sums_##suffix(const double *x, Size n, int cols, const double *from, \
					 double *sum, double *squares) \
{ \
	column_sums(x, n, cols, from, sum, squares); \
} \
attribute static void \
column_counts_##suffix(const double *x, Size n, int cols, \
					   const double *limit, int64 *count) \
{ \
	column_counts(x, n, cols, limit, count); \
}

VARIANT(scalar,)
#ifdef AD_HAVE_X86
VARIANT(avx2, __attribute__((target("avx2"))))
VARIANT(avx512, __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq"))))
#endif

#define CHOOSE(suffix) \
	do { \
		ad_map_norms = map_norms_##suffix; \
		ad_centers_nearest = centers_nearest_##suffix; \
		ad_scatter_add = scatter_add_##suffix; \
		ad_column_ranges = column_ranges_##suffix; \
		ad_column_sums = column_sums_##suffix; \
		ad_column_counts = column_counts_##suffix; \
	} while (0)

/* Use the variants of a level. */
void
ad_linear_choose(AdSimdLevel level)
{
	CHOOSE(scalar);
#ifdef AD_HAVE_X86
	if (level == AD_SIMD_AVX2)
		CHOOSE(avx2);
	else if (level == AD_SIMD_AVX512)
		CHOOSE(avx512);
#endif
}
