/*-------------------------------------------------------------------------
 *
 * neighbors_scan.c
 *		Neighbour search for many dimensions: a scan over one-byte codes.
 *
 * Where no tree helps, every row has to be looked at; what can be saved is
 * bytes.  Each value is rounded to one of 256 steps, of one width for all
 * columns; of 128 where squares are added, so that the sum of two products
 * fits in 16 bits.  The distance of two rows' codes, in steps, exceeds that
 * of the rows by no more than the rounding errors of both (the triangle
 * inequality); values beyond the last step are moved to it, which only
 * shortens distances.  So from an upper limit of the distance follows one of
 * the whole number that the kernel adds up, and only rows under that limit
 * are looked at in full.
 *
 * For the k nearest, the k-th least among the least sums of each lane of
 * each chunk of rows, or a little more, is no less than the k-th least of
 * all: rows up to it come first, and the k-th distance among them limits the
 * rest.  That is a matter of speed; what is found is exact whatever the codes.
 *
 * Several rows of the set are searched for together: each chunk is read once
 * for all of them.  Their sums, which would not fit into the cache, are not
 * kept; those of the few chunks that have rows of interest are added up again.
 *
 *-------------------------------------------------------------------------
 */
#include "math/neighbors_impl.h"

#include <float.h>

#include "math/ad_math.h"

#define LANES		AD_BLOCK_LANES
#define BATCH		8			/* rows whose distances go together */
#define SPREAD_ROWS 1000		/* rows looked at for a column's spread */
#define CHUNK_LEAST	8			/* blocks added up at a time */
#define CHUNK_MOST	64
#define STEPS_2		24			/* of a typical distance, per root of dims */
#define STEPS_1		16			/* per column */
#define STEPS_MAX	32

struct AdNeighborScan
{
	int			groups;			/* of four columns */
	Size		blocks;
	Size		length;			/* blocks of a chunk, except the last */
	Size		chunks;
	double		step;
	double		error;			/* greatest rounding error of a row, steps */
	int			top;			/* greatest code */
	double	   *center;			/* per column: the code in the middle */
	uint8	   *codes;
	uint32	   *squares;		/* per row: those of its codes; norm 2 only */
};

/*
 * The code of a value; *error receives the rounding error in steps, without
 * what was cut off.
 */
static inline uint8
encode(const AdNeighborScan * t, int column, double x, double *error)
{
	double		v = (x - t->center[column]) / t->step + (t->top / 2 + 1);

	if (!(v > 0))
		v = 0;
	if (v > t->top)
		v = t->top;
	*error = fabs(v - floor(v + 0.5));
	return (uint8) (v + 0.5);
}

/*
 * The codes of a row, and the sum of their squares; returns its rounding error
 * in the norm of the set.
 */
static double
encode_row(const AdNeighbors *nb, const AdNeighborScan * t, const double *x,
		   uint8 *code, Size group_stride, uint32 *square)
{
	double		sum = 0;

	*square = 0;
	for (int c = 0; c < nb->dims; c++)
	{
		double		error;
		uint8		own = encode(t, c, x[c], &error);

		code[(c / 4) * group_stride + c % 4] = own;
		*square += (uint32) own * own;
		if (nb->norm == AD_NORM_2)
			sum += error * error;
		else if (nb->norm == AD_NORM_1)
			sum += error;
		else
			sum = Max(sum, error);
	}
	return nb->norm == AD_NORM_2 ? sqrt(sum) : sum;
}

/*
 * Build the codes, in the current context.  "typical" is the distance of a
 * neighbour in the norm of the set, 0 if not known.
 */
AdNeighborScan *
ad_scan_build(const AdNeighbors *nb, double typical)
{
	AdNeighborScan *t = palloc0(sizeof(AdNeighborScan));
	int			dims = nb->dims;
	Size		m = Min(nb->n, SPREAD_ROWS);
	double	   *v = ad_palloc_array(double, m);
	double		spread = 0;

	t->groups = (dims + 3) / 4;
	t->blocks = (nb->n + LANES - 1) / LANES;
	/* longer chunks where there are more of them */
	t->length = CHUNK_LEAST;
	while (t->length * t->length * 32 < t->blocks && t->length < CHUNK_MOST)
		t->length *= 2;
	t->chunks = (t->blocks + t->length - 1) / t->length;
	t->top = nb->norm == AD_NORM_2 ? 127 : 255;
	t->center = ad_palloc_array(double, dims);
	for (int c = 0; c < dims; c++)
	{
		double		low,
					high;

		CHECK_FOR_INTERRUPTS();
		for (Size i = 0; i < m; i++)
			v[i] = nb->rows[(nb->n * i / m) * dims + c];
		low = ad_quantile(v, m, 0.01);
		high = ad_quantile(v, m, 0.99);
		t->center[c] = low * 0.5 + high * 0.5;
		spread = Max(spread, high - low);
	}
	pfree(v);
	if (nb->norm == AD_NORM_2)
		t->step = typical / (STEPS_2 * sqrt(dims));
	else if (nb->norm == AD_NORM_1)
		t->step = typical / ((double) STEPS_1 * dims);
	else
		t->step = typical / STEPS_MAX;
	t->step = Max(t->step, spread / t->top);
	if (!(t->step > DBL_MIN && t->step < DBL_MAX))
		t->step = 1;

	t->codes = ad_palloc0_array(uint8, ad_mul_size(t->blocks * LANES,
												   4 * t->groups));
	if (nb->norm == AD_NORM_2)
		t->squares = ad_palloc0_array(uint32, t->blocks * LANES);
	for (Size i = 0; i < nb->n; i++)
	{
		uint8	   *code = t->codes + (i / LANES) * LANES * 4 * t->groups +
			(i % LANES) * 4;
		uint32		square;
		double		error;

		AD_CHECK_EVERY_1024(i);
		error = encode_row(nb, t, nb->rows + i * dims, code, LANES * 4,
						   &square);
		t->error = Max(t->error, error);
		if (t->squares)
			t->squares[i] = square;
	}
	return t;
}

void
ad_scan_free(AdNeighborScan * t)
{
	pfree(t->center);
	pfree(t->codes);
	if (t->squares)
		pfree(t->squares);
	pfree(t);
}

/* Add what a scan needs to a work area. */
void
ad_scan_scratch(const AdNeighbors *nb, AdNeighborScratch *s)
{
	const		AdNeighborScan *t = nb->scan;

	Size		lanes = t->chunks * LANES;

	s->codes = ad_palloc0_array(uint8, AD_OWN_ROWS * 4 * t->groups);
	s->sums = ad_palloc_array(uint32, t->blocks * LANES);
	s->summed = ad_palloc0_array(uint64, t->chunks);
	s->lane_min = ad_palloc_array(uint32, ad_mul_size(AD_OWN_ROWS, lanes));
	s->select = ad_palloc_array(uint32, lanes);
	/* a selection writes whole vectors */
	s->lanes = ad_palloc_array(uint32, lanes + LANES);
	s->candidates = ad_palloc_array(uint32, (t->blocks + 1) * LANES);
}

/* Offer rows by their exact distances, BATCH of them at a time. */
static void
offer_rows(const AdNeighbors *nb, AdNeighborScratch *s, const uint32 *rows,
		   int n)
{
	int			dims = nb->dims;
	const double *q = s->q;
	const double *x[BATCH];
	double		sum[BATCH];

	s->work += n;
	for (int j = 0; j < BATCH; j++)
	{
		x[j] = nb->rows + (Size) rows[Min(j, n - 1)] * dims;
		sum[j] = 0;
	}
	if (nb->metric == AD_METRIC_MINKOWSKI)
		for (int j = 0; j < n; j++)
			sum[j] = ad_neighbors_minkowski(q, x[j], 1, dims, nb->p);
	else if (nb->norm == AD_NORM_2)
		for (int c = 0; c < dims; c++)
			for (int j = 0; j < BATCH; j++)
			{
				double		d = q[c] - x[j][c];

				sum[j] += d * d;
			}
	else if (nb->norm == AD_NORM_1)
		for (int c = 0; c < dims; c++)
			for (int j = 0; j < BATCH; j++)
				sum[j] += fabs(q[c] - x[j][c]);
	else
		for (int c = 0; c < dims; c++)
			for (int j = 0; j < BATCH; j++)
			{
				double		d = fabs(q[c] - x[j][c]);

				sum[j] = d > sum[j] ? d : sum[j];
			}
	for (int j = 0; j < n; j++)
		if (sum[j] <= s->worst)
			ad_neighbors_offer(nb, s, sum[j], rows[j]);
}

/* Offer every row: for few rows, and while there are no codes. */
void
ad_exact_search(const AdNeighbors *nb, AdNeighborScratch *s)
{
	uint32		rows[BATCH];

	for (Size i = 0; i < nb->n; i += BATCH)
	{
		int			n = (int) Min(nb->n - i, BATCH);

		if (i % (128 * BATCH) == 0)
			CHECK_FOR_INTERRUPTS();
		for (int j = 0; j < n; j++)
			rows[j] = (uint32) (i + j);
		offer_rows(nb, s, rows, n);
	}
}

/* The greatest sum of codes that a row of interest may have. */
static uint32
greatest_sum(const AdNeighbors *nb, double worst, double error)
{
	const		AdNeighborScan *t = nb->scan;
	double		limit = worst;

	if (nb->metric == AD_METRIC_MINKOWSKI)
		limit *= nb->widen;
	else if (nb->norm == AD_NORM_2)
		limit = sqrt(limit);
	limit = (limit / t->step + error + t->error) * (1 + 1e-9) + 1e-6;
	if (nb->norm == AD_NORM_2)
		limit *= limit;
	if (!(limit < PG_UINT32_MAX - 1))
		return PG_UINT32_MAX - 1;
	return (uint32) limit;
}

/* The least sums of the lanes of each chunk, of the at'th row searched for. */
static inline uint32 *
lane_min_of(const AdNeighborScan * t, const AdNeighborScratch *s, int at)
{
	return s->lane_min + at * t->chunks * LANES;
}

/* The rows of a chunk, those that are missing in its last block included. */
static inline Size
chunk_rows(const AdNeighborScan * t, Size c)
{
	return Min(t->length, t->blocks - c * t->length) * LANES;
}

/*
 * Add up the codes of a chunk for the at'th row searched for.  Lanes without a
 * row get the greatest number.
 */
static void
sum_chunk(const AdNeighbors *nb, const AdNeighborScratch *s, int at, Size c,
		  uint32 *sums)
{
	const		AdNeighborScan *t = nb->scan;
	Size		first = c * t->length;
	Size		n = chunk_rows(t, c);
	uint32	   *lane_min = lane_min_of(t, s, at) + c * LANES;

	ad_scan_kernel[nb->norm] (t->codes + first * LANES * 4 * t->groups,
							  t->squares ? t->squares + first * LANES : NULL,
							  n / LANES, t->groups,
							  s->codes + at * 4 * t->groups, s->square[at],
							  sums, lane_min);
	if (first * LANES + n > nb->n)
	{
		for (int l = 0; l < LANES; l++)
			lane_min[l] = PG_UINT32_MAX;
		for (Size i = 0; i < n; i++)
		{
			if (first * LANES + i >= nb->n)
				sums[i] = PG_UINT32_MAX;
			lane_min[i % LANES] = Min(lane_min[i % LANES], sums[i]);
		}
	}
}

/* Offer the rows of the first n candidates. */
static void
offer_candidates(const AdNeighbors *nb, AdNeighborScratch *s, Size n)
{
	for (Size i = 0; i < n; i += BATCH)
	{
		AD_CHECK_EVERY_1024(i);
		offer_rows(nb, s, s->candidates + i, (int) Min(n - i, BATCH));
		if (s->k == 0 && s->within >= s->found)
			return;
	}
}

/* Count the rows within a radius. */
static void
scan_within(const AdNeighbors *nb, AdNeighborScratch *s)
{
	const		AdNeighborScan *t = nb->scan;
	uint32		limit = greatest_sum(nb, s->worst, s->error[0]);

	for (Size c = 0; c < t->chunks && s->within < s->found; c++)
	{
		CHECK_FOR_INTERRUPTS();
		sum_chunk(nb, s, 0, c, s->sums);
		offer_candidates(nb, s,
						 ad_scan_select(s->sums, chunk_rows(t, c), 0, limit,
										(uint32) (c * t->length * LANES),
										s->candidates));
	}
}

/* Return how many of n numbers are at most a limit. */
static inline Size
count_at_most(const uint32 *v, Size n, uint32 limit)
{
	uint32		count = 0;

	for (Size i = 0; i < n; i++)
		count += v[i] <= limit;
	return count;
}

/*
 * A limit that at least "wanted" of n numbers do not exceed, and few more of
 * them: counting has no branches, so halving what is left takes less time
 * than a selection.
 */
static uint32
limit_of(const uint32 *v, Size n, Size wanted)
{
	uint32		low = PG_UINT32_MAX;
	uint32		high = 0;

	for (Size i = 0; i < n; i++)
	{
		low = Min(low, v[i]);
		high = Max(high, v[i]);
	}
	while (low < high)
	{
		uint32		middle = low + (high - low) / 2;
		Size		count = count_at_most(v, n, middle);

		if (count < wanted)
			low = middle + 1;
		else
		{
			high = middle;
			if (count <= wanted + wanted / 16)
				break;
		}
	}
	return high;
}

/*
 * A sum of codes that at least "wanted" rows do not exceed, from the least of
 * each lane of each chunk.
 */
static uint32
likely_sum(const AdNeighbors *nb, AdNeighborScratch *s, int at, Size wanted)
{
	const		AdNeighborScan *t = nb->scan;
	const uint32 *lane_min = lane_min_of(t, s, at);

	/* about eight lanes of groups of chunks for each neighbour wanted */
	Size		group = Max(t->chunks * LANES / (8 * wanted), 1);
	Size		groups = 0;		/* lanes of them */

	for (Size c = 0; c < t->chunks; c += group, groups += LANES)
	{
		uint32		least[LANES];

		memcpy(least, lane_min + c * LANES, sizeof(least));
		for (Size i = c + 1; i < Min(c + group, t->chunks); i++)
			for (int l = 0; l < LANES; l++)
				least[l] = Min(least[l], lane_min[i * LANES + l]);
		memcpy(s->select + groups, least, sizeof(least));
	}
	if (wanted < groups && wanted < nb->n)
		return Min(limit_of(s->select, groups, wanted), PG_UINT32_MAX - 1);
	return PG_UINT32_MAX - 1;
}

/*
 * Offer the rows whose sums are low .. high, those of the at'th row searched
 * for; chunks that have not been added up for it are.
 */
static void
offer_between(const AdNeighbors *nb, AdNeighborScratch *s, int at, uint32 low,
			  uint32 high)
{
	const		AdNeighborScan *t = nb->scan;
	Size		lanes = ad_scan_select(lane_min_of(t, s, at),
									   t->chunks * LANES, 0, high, 0, s->lanes);
	Size		last = t->chunks;
	Size		n = 0;

	for (Size j = 0; j < lanes; j++)
	{
		Size		c = s->lanes[j] / LANES;
		Size		first = c * t->length * LANES;

		if (c == last)
			continue;
		last = c;
		if (s->summed[c] != s->search)
			sum_chunk(nb, s, at, c, s->sums + first);
		s->summed[c] = s->search;
		n += ad_scan_select(s->sums + first, chunk_rows(t, c), low, high,
							(uint32) first, s->candidates + n);
	}
	offer_candidates(nb, s, n);
}

/*
 * Look at all codes for n rows of the set, which are searched for next, at = 0
 * .. n - 1, by ad_scan_found().
 */
void
ad_scan_look(const AdNeighbors *nb, AdNeighborScratch *s, const uint32 *rows,
			 int n)
{
	const		AdNeighborScan *t = nb->scan;

	for (int j = 0; j < n; j++)
		s->error[j] = encode_row(nb, t, nb->rows + (Size) rows[j] * nb->dims,
								 s->codes + j * 4 * t->groups, 4,
								 &s->square[j]);
	for (Size c = 0; c < t->chunks; c++)
	{
		CHECK_FOR_INTERRUPTS();
		for (int j = 0; j < n; j++)
			sum_chunk(nb, s, j, c, s->sums);
	}
}

/* The nearest rows of the at'th row that was looked at. */
void
ad_scan_found(const AdNeighbors *nb, AdNeighborScratch *s, int at)
{
	uint32		likely = likely_sum(nb, s, at, s->k + (s->find_self ||
													   s->self != AD_NO_SELF));
	uint32		limit;

	s->search++;
	offer_between(nb, s, at, 0, likely);

	/* what else may be as near as they are */
	limit = greatest_sum(nb, s->worst, s->error[at]);
	if (limit > likely)
		offer_between(nb, s, at, likely + 1, limit);
}

/* Search all rows by their codes. */
void
ad_scan_search(const AdNeighbors *nb, AdNeighborScratch *s)
{
	const		AdNeighborScan *t = nb->scan;

	s->error[0] = encode_row(nb, t, s->q, s->codes, 4, &s->square[0]);
	if (s->k == 0)
	{
		scan_within(nb, s);
		return;
	}
	for (Size c = 0; c < t->chunks; c++)
	{
		CHECK_FOR_INTERRUPTS();
		sum_chunk(nb, s, 0, c, s->sums + c * t->length * LANES);
		s->summed[c] = s->search + 1;
	}
	ad_scan_found(nb, s, 0);
}
