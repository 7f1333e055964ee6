/*-------------------------------------------------------------------------
 *
 * subknn.c
 *		Nearest neighbours of subsamples (Wu and Jermaine 2006; Sugiyama and
 *		Borgwardt 2013; mean over many draws: LeSiNN, Pang et al. 2015).
 *
 * Each draw is a few rows without replacement; the score is the mean over the
 * draws of the Euclidean distance to the nearest of its rows.  A number counts
 * up to so many standard deviations from the mean of the fit, so that no
 * single column decides, however long its tail.  A row with an infinite one
 * scores the greatest float8.
 *
 * A row is not its own neighbour: of a draw that has a row at distance 0, that
 * one is left out.  A draw of no other row tells nothing and is passed over;
 * the score is 0 if all are.  The rows of a fit among each other
 * (in_sample()) are known, so each leaves out itself and no other.  Where a
 * fit has no more rows than a draw, there is one draw of all of them.
 *
 * Rows are kept in single precision, counted from the median of each column,
 * so a few huge values take no digits from the others, and in one unit for all
 * columns, a power of two, which rounds nothing.  Kernels: math/simd_draws.c.
 *
 * Payload: u32 draws, u32 rows of each, f64 unit, per column f64 center and,
 * in units from there, f64 least and greatest; the rows as f32.
 *
 *-------------------------------------------------------------------------
 */
#include <float.h>

#include "core/ad_random.h"
#include "detectors/ad_detectors.h"
#include "math/ad_math.h"
#include "math/ad_simd.h"
#include "math/ad_spread.h"

#define LANES			AD_DRAW_LANES
#define TILE			AD_DRAW_TILE
#define MAX_DRAWS		10000
#define MAX_ROWS		4096	/* of a draw */
#define MAX_DRAWN		1048576 /* draws * rows */
#define MAX_CLIP		1e9		/* squares of floats stay finite */
#define MAX_FITTED		((Size) 256 * 1024 * 1024)	/* bytes of a model fitted */
#define MAX_LOADED		((Size) 1 << 30)	/* of one that was stored earlier */

typedef struct SubknnOptions
{
	int			draws;
	int			rows;
	double		clip;			/* standard deviations */
} SubknnOptions;

/* How a column is brought to single precision. */
typedef struct Column
{
	double		center;
	double		least;			/* in units from the center */
	double		greatest;
} Column;

typedef struct Subknn
{
	int			draws;
	int			rows;			/* of a draw */
	int			cols;
	int			tiles;			/* of a draw */
	Size		blocks;			/* of LANES draws */
	Size		block_size;		/* numbers of a block */
	double		unit;
	Column	   *column;
	float	   *drawn;			/* as math/ad_simd.h says */
	float	   *q;				/* the row to score */
	float	   *nearest;		/* per draw, of the last row */
	float	   *next;
} Subknn;

/* Make an empty scorer; error if it needs too much. */
static Subknn *
make_scorer(int draws, int rows, int cols, Size limit)
{
	Subknn	   *s = palloc0(sizeof(Subknn));
	Size		bytes;

	s->draws = draws;
	s->rows = rows;
	s->cols = cols;
	s->tiles = (rows + TILE - 1) / TILE;
	s->blocks = (draws + LANES - 1) / LANES;
	s->block_size = ad_mul_size((Size) s->tiles * TILE * LANES, cols);
	bytes = ad_mul_size(ad_mul_size(s->blocks, s->block_size), sizeof(float));
	if (bytes > limit)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("draws of this many columns need %zu MB, limit is %zu MB",
						ad_megabytes(bytes), limit / (1024 * 1024)),
				 errhint("Lower draws or rows.")));
	s->column = ad_palloc0_array(Column, cols);
	s->q = ad_palloc0_array(float, cols);
	s->nearest = ad_palloc0_array(float, s->blocks * LANES);
	s->next = ad_palloc0_array(float, s->blocks * LANES);
	/* aligned to lines of the cache */
	s->drawn = (float *)
		TYPEALIGN(LANES * sizeof(float),
				  ad_palloc_array(float, s->blocks * s->block_size + LANES));
	for (Size b = 0; b < s->blocks; b++)
	{
		CHECK_FOR_INTERRUPTS();
		for (Size i = 0; i < s->block_size; i++)
			s->drawn[b * s->block_size + i] = INFINITY;
	}
	return s;
}

/* Where the first column of a row of a draw is; the next is a stride on. */
#define STRIDE	(TILE * LANES)

static inline float *
row_of(const Subknn *s, int draw, int row)
{
	return s->drawn + draw / LANES * s->block_size +
		(Size) (row / TILE) * STRIDE * s->cols +
		row % TILE * LANES + draw % LANES;
}

/* A column's value in units from its center, clipped. */
static inline float
place(const Subknn *s, int c, double v)
{
	const Column *column = &s->column[c];
	double		z = (v - column->center) / s->unit;

	z = z < column->least ? column->least : z;
	return (float) (z > column->greatest ? column->greatest : z);
}

/* Find centers, the unit and the ends of columns. */
static void
measure_columns(const AdMatrix *m, double clip, Subknn *s)
{
	double	   *v = ad_palloc_array(double, m->rows);
	AdSpread   *spread = ad_palloc_array(AdSpread, m->cols);
	double		widest = 0;		/* deviation; an indicator counts as 1 */
	int			exponent;

	for (int c = 0; c < m->cols; c++)
	{
		CHECK_FOR_INTERRUPTS();
		ad_spread(m->x + c, m->rows, m->cols, (double) m->rows, &spread[c]);
		for (Size i = 0; i < m->rows; i++)
			v[i] = m->x[i * m->cols + c];
		ad_select(v, m->rows, (m->rows - 1) / 2);
		s->column[c].center = v[(m->rows - 1) / 2];
		widest = Max(widest, m->kinds[c] == AD_COLUMN_NUMBER ?
					 spread[c].sd : 1);
	}
	if (widest == 0)
		widest = 1;
	(void) frexp(widest, &exponent);
	s->unit = ldexp(1, exponent - 1);
	for (int c = 0; c < m->cols; c++)
	{
		Column	   *column = &s->column[c];
		double		mean = spread[c].mean;
		double		sd = spread[c].sd > 0 ? spread[c].sd : widest;

		if (m->kinds[c] == AD_COLUMN_NUMBER)
		{
			mean = (mean - column->center) / s->unit;
			sd = sd / s->unit;
			column->least = mean - clip * sd;
			column->greatest = mean + clip * sd;
		}
		else
		{
			column->least = (0 - column->center) / s->unit;
			column->greatest = (1 - column->center) / s->unit;
		}
	}
	pfree(v);
	pfree(spread);
}

/*
 * Fit to a matrix; "at", unless NULL, receives draw by draw which rows were
 * drawn (palloc'd).
 */
static Subknn *
draw_rows(const AdMatrix *m, const SubknnOptions *o, uint32 **at)
{
	int			rows = (int) Min(m->rows, (Size) o->rows);
	int			draws = m->rows > (Size) rows ? o->draws : 1;
	Subknn	   *s;
	Size	   *population;

	if ((int64) o->draws * o->rows > MAX_DRAWN)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("draws times rows is " INT64_FORMAT ", limit is %d",
						(int64) o->draws * o->rows, MAX_DRAWN)));
	s = make_scorer(draws, rows, m->cols, MAX_FITTED);
	measure_columns(m, o->clip, s);
	population = ad_palloc_array(Size, m->rows);
	if (at)
		*at = ad_palloc_array(uint32, (Size) draws * rows);
	for (Size i = 0; i < m->rows; i++)
		population[i] = i;
	for (int d = 0; d < draws; d++)
	{
		AdRandom	random;

		CHECK_FOR_INTERRUPTS();
		ad_random_seed(&random, m->seed, d);
		/* a partial shuffle, of any order of the population */
		for (int i = 0; i < rows; i++)
		{
			Size		j = i + (Size) ad_random_below(&random, m->rows - i);
			Size		row = population[j];
			float	   *to = row_of(s, d, i);

			population[j] = population[i];
			population[i] = row;
			for (int c = 0; c < m->cols; c++)
				to[c * STRIDE] = place(s, c, m->x[row * m->cols + c]);
			if (at)
				(*at)[(Size) d * rows + i] = (uint32) row;
		}
	}
	pfree(population);
	return s;
}

static void
subknn_fit(const AdMatrix *m, const void *options, StringInfo payload)
{
	Subknn	   *s = draw_rows(m, options, NULL);

	ad_wr_u32(payload, s->draws);
	ad_wr_u32(payload, s->rows);
	ad_wr_f64(payload, s->unit);
	for (int c = 0; c < s->cols; c++)
	{
		ad_wr_f64(payload, s->column[c].center);
		ad_wr_f64(payload, s->column[c].least);
		ad_wr_f64(payload, s->column[c].greatest);
	}
	for (int d = 0; d < s->draws; d++)
		for (int i = 0; i < s->rows; i++)
		{
			const float *row = row_of(s, d, i);

			CHECK_FOR_INTERRUPTS();
			for (int c = 0; c < s->cols; c++)
			{
				uint32		bits;

				memcpy(&bits, &row[c * STRIDE], sizeof(bits));
				ad_wr_u32(payload, bits);
			}
		}
}

/* Read a finite number of single precision. */
static float
read_float(AdReader *r)
{
	uint32		bits = ad_rd_u32(r);
	float		v;

	memcpy(&v, &bits, sizeof(v));
	if (!isfinite(v))
		ad_rd_corrupt(r, "a number is not finite");
	return v;
}

static void *
subknn_load(AdReader *r, int cols)
{
	uint32		draws = ad_rd_u32(r);
	uint32		rows = ad_rd_u32(r);
	Subknn	   *s;

	if (draws < 1 || draws > MAX_DRAWS || rows < 1 || rows > MAX_ROWS ||
		draws * rows > MAX_DRAWN)
		ad_rd_corrupt(r, "a parameter is out of range");
	ad_rd_need(r, ad_mul_size((Size) draws * rows, cols * sizeof(float)));
	s = make_scorer((int) draws, (int) rows, cols, MAX_LOADED);
	s->unit = ad_rd_finite(r);
	if (!(s->unit > 0))
		ad_rd_corrupt(r, "a unit is not positive");
	for (int c = 0; c < cols; c++)
	{
		Column	   *column = &s->column[c];

		column->center = ad_rd_finite(r);
		column->least = ad_rd_finite(r);
		column->greatest = ad_rd_finite(r);
		if (column->least > column->greatest ||
			!(Max(-column->least, column->greatest) < FLT_MAX))
			ad_rd_corrupt(r, "a column is out of range");
	}
	for (int d = 0; d < s->draws; d++)
		for (int i = 0; i < s->rows; i++)
		{
			float	   *row = row_of(s, d, i);

			CHECK_FOR_INTERRUPTS();
			for (int c = 0; c < cols; c++)
				row[c * STRIDE] = read_float(r);
		}
	ad_rd_end(r);
	return s;
}

/* Find the nearest row of every draw, and the one after it. */
static void
find_nearest(Subknn *s, const double *x)
{
	for (int c = 0; c < s->cols; c++)
		s->q[c] = place(s, c, x[c]);
	for (Size b = 0; b < s->blocks; b++)
	{
		CHECK_FOR_INTERRUPTS();
		ad_draw_kernel(s->drawn + b * s->block_size, s->tiles, s->cols, s->q,
					   s->nearest + b * LANES, s->next + b * LANES);
	}
}

/* The distance to the nearest other row of a draw; infinite: it has none. */
static inline float
other_row(const Subknn *s, int draw)
{
	return s->nearest[draw] > 0 ? s->nearest[draw] : s->next[draw];
}

static double
subknn_score(void *scorer, const double *x)
{
	Subknn	   *s = scorer;
	double		sum = 0;
	int			n = 0;

	for (int c = 0; c < s->cols; c++)
		if (unlikely(isinf(x[c])))
			return DBL_MAX;
	find_nearest(s, x);
	for (int d = 0; d < s->draws; d++)
	{
		float		distance = other_row(s, d);

		if (likely(distance <= FLT_MAX))
		{
			sum += distance;
			n++;
		}
	}
	return n > 0 ? Min(sum / n * s->unit, DBL_MAX) : 0;
}

/* Each leaves out itself, and counts its copies. */
static void
subknn_in_sample(const AdMatrix *m, const void *options, double *scores)
{
	uint32	   *at;
	Subknn	   *s = draw_rows(m, options, &at);
	Size		drawn = (Size) s->draws * s->rows;
	uint32	   *first = ad_palloc0_array(uint32, m->rows);
	uint32	   *chain = ad_palloc_array(uint32, drawn);

	/* where each row was drawn, the last first; 0: no more */
	for (Size i = 0; i < drawn; i++)
	{
		chain[i] = first[at[i]];
		first[at[i]] = (uint32) i + 1;
	}
	for (Size i = 0; i < m->rows; i++)
	{
		double		sum = 0;
		int			n = 0;

		AD_CHECK_EVERY_1024(i);
		find_nearest(s, m->x + i * m->cols);
		for (uint32 j = first[i]; j > 0; j = chain[j - 1])
			s->nearest[(j - 1) / s->rows] = s->next[(j - 1) / s->rows];
		for (int d = 0; d < s->draws; d++)
			if (s->nearest[d] <= FLT_MAX)
			{
				sum += s->nearest[d];
				n++;
			}
		scores[i] = n > 0 ? Min(sum / n * s->unit, DBL_MAX) : 0;
	}
}

/*
 * Return the position of a draw's nearest other row to q, -1: it has none.
 */
static int
nearest_other(const Subknn *s, int draw)
{
	float		least = INFINITY;
	int			at = -1;
	bool		left_out = false;

	for (int i = 0; i < s->rows; i++)
	{
		const float *row = row_of(s, draw, i);
		float		sum = 0;

		for (int c = 0; c < s->cols; c++)
		{
			float		d = s->q[c] - row[c * STRIDE];

			sum += d * d;
		}
		if (sum == 0 && !left_out)
			left_out = true;
		else if (sum < least)
		{
			least = sum;
			at = i;
		}
	}
	return at;
}

/*
 * The squares that each distance is the root of, in proportion; infinite for
 * what is.
 */
static double
subknn_explain(void *scorer, const double *x,
			   bool path pg_attribute_unused(), double *contribution)
{
	Subknn	   *s = scorer;
	int			n = 0;
	bool		infinite = false;

	for (int c = 0; c < s->cols; c++)
	{
		contribution[c] = isinf(x[c]) ? INFINITY : 0;
		infinite |= isinf(x[c]) != 0;
	}
	if (infinite)
		return 0;
	for (int d = 0; d < s->draws; d++)
	{
		double		distance = other_row(s, d);
		int			at = distance <= FLT_MAX ? nearest_other(s, d) : -1;
		const float *row;

		CHECK_FOR_INTERRUPTS();
		if (at < 0)
			continue;
		n++;
		if (distance == 0)
			continue;
		row = row_of(s, d, at);
		for (int c = 0; c < s->cols; c++)
		{
			double		by = (double) s->q[c] - row[c * STRIDE];

			contribution[c] += by * by / distance;
		}
	}
	for (int c = 0; c < s->cols && n > 0; c++)
		contribution[c] *= s->unit / n;
	return 0;
}

/*
 * A distance, of places in single precision.  In-sample, where they are not
 * known, they are as large as rows are.
 */
static double
subknn_rounding(const void *scorer, double error)
{
	const Subknn *s = scorer;
	double		greatest = 0;

	if (s == NULL)
		return error / AD_SCORE_ROUNDING * FLT_EPSILON;
	for (int c = 0; c < s->cols; c++)
		greatest = Max(greatest, Max(-s->column[c].least,
									 s->column[c].greatest));
	return error + greatest * FLT_EPSILON * s->unit;
}

static void
subknn_describe(const void *scorer, StringInfo json)
{
	const Subknn *s = scorer;

	appendStringInfo(json, "\"draws\": %d, \"rows\": %d", s->draws, s->rows);
}

static const AdOption subknn_options[] = {
	AD_INT(SubknnOptions, draws, 30, 1, MAX_DRAWS),
	AD_INT(SubknnOptions, rows, 32, 1, MAX_ROWS),
	AD_FLOAT_ABOVE(SubknnOptions, clip, 6, 0, MAX_CLIP),
};

/* As many as its draws have. */
static Size
subknn_rows(const void *options)
{
	const SubknnOptions *o = options;

	return ad_mul_size(o->draws, o->rows);
}

/* Distances add up columns in different units. */
static AdScale
subknn_scale(const void *options pg_attribute_unused())
{
	return AD_SCALE_STANDARD;
}

const AdDetector ad_detector_subknn = {
	.id = AD_DET_SUBKNN,
	.name = "subknn",
	.squares = true,
	.time = 0.5,
	.options = subknn_options,
	.noptions = lengthof(subknn_options),
	.options_size = sizeof(SubknnOptions),
	.rows = subknn_rows,
	.contains_rows = true,
	.scale = subknn_scale,
	.fit = subknn_fit,
	.load = subknn_load,
	.score = subknn_score,
	.explain = subknn_explain,
	.in_sample = subknn_in_sample,
	.rounding = subknn_rounding,
	.describe = subknn_describe,
};
