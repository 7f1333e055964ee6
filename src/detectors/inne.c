/*-------------------------------------------------------------------------
 *
 * inne.c
 *		Isolation by nearest-neighbour ensembles (Bandaragoda et al. 2018).
 *
 * Each estimator draws a few rows without replacement; around each is a ball
 * that reaches to the nearest other one, its radius.  A row is judged by the
 * smallest ball that it lies in: its isolation is 1 minus the radius of the
 * centre's nearest neighbour over the ball's own; outside all balls it is 1.
 * The score is the mean over the estimators, between 0 and 1.  The radii
 * enter squared, as in the authors' program; the paper has them plain, which
 * ranks a little worse on most sets.
 *
 * A ball includes its surface, so that rows equal to a centre that was drawn
 * twice, whose ball has no extent, lie in it; its isolation is 0.  A fit of
 * one row has one such ball in each estimator.  An infinite row lies in none.
 *
 * Balls are kept smallest first, so the first that holds a row is the one.
 * In memory, samples of up to 16 rows stand side by side, largest ball first,
 * so the last one is (math/simd_balls.c); the balls of greater ones do, of
 * which few have to be looked at.
 *
 * Payload: u32 estimators, u32 sample size, then per estimator the squared
 * radii and the isolations of its balls and their centres, all f64.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_random.h"
#include "detectors/ad_detectors.h"
#include "detectors/reference.h"
#include "math/ad_simd.h"


#define LANES			AD_BLOCK_LANES
#define MAX_ESTIMATORS	10000
#define MAX_SAMPLE		1024
#define MAX_CENTERS		1048576 /* estimators * sample_size */
#define MAX_FITTED		((Size) 256 * 1024 * 1024)	/* bytes of a model fitted */
#define MAX_LOADED		((Size) 1 << 30)	/* of one that was stored earlier */

StaticAssertDecl(AD_BLOCK_LANES == AD_BALL_LANES,
				 "blocks and balls have other lanes");

typedef struct InneOptions
{
	int			estimators;
	double		sample_size;	/* rows of an estimator, or a share of them */
} InneOptions;

typedef struct Inne
{
	uint32		estimators;
	uint32		sample;
	int			cols;

	/* samples of up to LANES rows, as math/ad_simd.h says; or NULL */
	double	   *balls;
	Size		stride;			/* numbers of LANES samples */

	/* others */
	Size		blocks;			/* of an estimator */
	double	   *centers;		/* in blocks of LANES, column by column */
	double	   *radius;			/* squared; -1 in lanes without a ball */
	double	   *isolation;
	double	   *q;				/* the row to score, without NaN */
} Inne;

/* A ball while fitting. */
typedef struct Ball
{
	double		radius;			/* squared */
	Size		row;
	int			nearest;		/* position of the nearest other centre */
	int			at;				/* position as drawn */
} Ball;

static int
compare_balls(const void *a, const void *b)
{
	const Ball *x = a;
	const Ball *y = b;

	if (x->radius != y->radius)
		return x->radius < y->radius ? -1 : 1;
	return x->at - y->at;
}

/* Find each ball's nearest other centre.  O(sample^2 cols). */
static void
measure_balls(const AdMatrix *m, Ball *ball, int sample)
{
	for (int i = 0; i < sample; i++)
	{
		ball[i].radius = sample == 1 ? 0 : INFINITY;
		ball[i].nearest = i;
		ball[i].at = i;
	}
	for (int i = 0; i < sample; i++)
	{
		const double *a = m->x + ball[i].row * m->cols;

		CHECK_FOR_INTERRUPTS();
		for (int j = i + 1; j < sample; j++)
		{
			const double *b = m->x + ball[j].row * m->cols;
			double		sum = 0;

			for (int c = 0; c < m->cols; c++)
				sum += (a[c] - b[c]) * (a[c] - b[c]);
			sum = Min(sum, DBL_MAX);
			if (sum < ball[i].radius)
			{
				ball[i].radius = sum;
				ball[i].nearest = j;
			}
			if (sum < ball[j].radius)
			{
				ball[j].radius = sum;
				ball[j].nearest = i;
			}
		}
	}
}

/* Error if the centres of a model need too much once it is loaded. */
static void
check_loaded(Size bytes, Size limit)
{
	if (bytes > limit)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("estimators of this many columns need %zu MB, limit is %zu MB",
						ad_megabytes(bytes), limit / (1024 * 1024)),
				 errhint("Lower estimators.")));
}

static void
inne_fit(const AdMatrix *m, const void *options, StringInfo payload)
{
	const InneOptions *o = options;
	int			wanted = o->sample_size > 1 ? (int) o->sample_size :
		ad_detector_part(o->sample_size, m->rows, 2, MAX_SAMPLE);
	int			sample = (int) Min(m->rows, (Size) wanted);
	Ball	   *ball = ad_palloc_array(Ball, sample);
	double	   *radius = ad_palloc_array(double, sample);
	Size	   *population = ad_palloc_array(Size, m->rows);
	Size		lanes;

	if ((int64) o->estimators * wanted > MAX_CENTERS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("estimators times sample_size is " INT64_FORMAT ", limit is %d",
						(int64) o->estimators * wanted, MAX_CENTERS)));
	lanes = (Size) o->estimators * ((sample + LANES - 1) / LANES) * LANES;
	check_loaded(ad_mul_size(ad_mul_size(lanes, m->cols), sizeof(double)),
				 MAX_FITTED);
	for (Size i = 0; i < m->rows; i++)
		population[i] = i;
	ad_wr_u32(payload, o->estimators);
	ad_wr_u32(payload, sample);
	for (int e = 0; e < o->estimators; e++)
	{
		AdRandom	random;

		ad_random_seed(&random, m->seed, e);
		/* a partial shuffle, of any order of the population */
		for (int i = 0; i < sample; i++)
		{
			Size		j = i + (Size) ad_random_below(&random, m->rows - i);
			Size		row = population[j];

			population[j] = population[i];
			population[i] = row;
			ball[i].row = row;
		}
		measure_balls(m, ball, sample);
		for (int i = 0; i < sample; i++)
			radius[i] = ball[i].radius;
		qsort(ball, sample, sizeof(Ball), compare_balls);
		for (int i = 0; i < sample; i++)
			ad_wr_f64(payload, ball[i].radius);
		for (int i = 0; i < sample; i++)
			ad_wr_f64(payload, ball[i].radius == 0 ? 0 :
					  1 - radius[ball[i].nearest] / ball[i].radius);
		for (int i = 0; i < sample; i++)
			ad_wr_f64_array(payload, m->x + ball[i].row * m->cols, m->cols);
	}
}

/* Make room for the balls of a model, none of which holds anything. */
static void
make_room(Inne *inne)
{
	Size		groups = (inne->estimators + LANES - 1) / LANES;
	Size		lanes;

	inne->blocks = (inne->sample + LANES - 1) / LANES;
	if (inne->blocks == 1)
	{
		Size		values = ad_mul_size(groups * inne->sample * LANES,
										 inne->cols + 2);

		check_loaded(ad_mul_size(values, sizeof(double)), MAX_LOADED);
		inne->stride = (Size) inne->sample * LANES * (inne->cols + 2);
		inne->balls = (double *)
			TYPEALIGN(LANES * sizeof(double),
					  ad_palloc0_array(double, values + LANES));
		for (Size i = 0; i < groups * inne->sample; i++)
			for (int l = 0; l < LANES; l++)
				inne->balls[i * LANES * (inne->cols + 2) + l] = -1;
		return;
	}
	lanes = inne->estimators * inne->blocks * LANES;
	check_loaded(ad_mul_size(lanes, inne->cols * sizeof(double)), MAX_LOADED);
	inne->centers = ad_palloc0_array(double, ad_mul_size(lanes, inne->cols));
	inne->radius = ad_palloc_array(double, lanes);
	inne->isolation = ad_palloc0_array(double, lanes);
	for (Size i = 0; i < lanes; i++)
		inne->radius[i] = -1;
}

/* Where a ball's numbers are; they are LANES apart in "center". */
typedef struct BallPlace
{
	double	   *radius;
	double	   *isolation;
	double	   *center;
} BallPlace;

static BallPlace
place_of(const Inne *inne, uint32 estimator, uint32 i)
{
	BallPlace	to;

	if (inne->balls)
	{
		double	   *ball = inne->balls + estimator / LANES * inne->stride +
			(Size) (inne->sample - 1 - i) * LANES * (inne->cols + 2) +
			estimator % LANES;

		to.radius = ball;
		to.isolation = ball + LANES;
		to.center = ball + 2 * LANES;
	}
	else
	{
		Size		block = estimator * inne->blocks + i / LANES;

		to.radius = inne->radius + block * LANES + i % LANES;
		to.isolation = inne->isolation + block * LANES + i % LANES;
		to.center = inne->centers + block * LANES * inne->cols + i % LANES;
	}
	return to;
}

static void *
inne_load(AdReader *r, int cols)
{
	Inne	   *inne = palloc0(sizeof(Inne));

	inne->estimators = ad_rd_u32(r);
	inne->sample = ad_rd_u32(r);
	if (inne->estimators < 1 || inne->estimators > MAX_ESTIMATORS ||
		inne->sample < 1 || inne->sample > MAX_SAMPLE ||
		inne->estimators * inne->sample > MAX_CENTERS)
		ad_rd_corrupt(r, "a parameter is out of range");
	ad_rd_need(r, ad_mul_size((Size) inne->estimators * inne->sample,
							  (cols + 2) * sizeof(double)));
	inne->cols = cols;
	make_room(inne);
	inne->q = ad_palloc_array(double, cols);
	for (uint32 e = 0; e < inne->estimators; e++)
	{
		CHECK_FOR_INTERRUPTS();
		for (uint32 i = 0; i < inne->sample; i++)
			*place_of(inne, e, i).radius = ad_rd_f64(r);
		for (uint32 i = 0; i < inne->sample; i++)
			*place_of(inne, e, i).isolation = ad_rd_f64(r);
		for (uint32 i = 0; i < inne->sample; i++)
		{
			BallPlace	to = place_of(inne, e, i);

			if (!(*to.radius >= 0 && *to.radius <= DBL_MAX) ||
				!(*to.isolation >= 0 && *to.isolation <= 1))
				ad_rd_corrupt(r, "a ball is out of range");
			for (int c = 0; c < cols; c++)
				to.center[c * LANES] = ad_rd_finite(r);
		}
	}
	ad_rd_end(r);
	return inne;
}

/* The isolation of inne->q in a sample whose balls stand side by side. */
static double
isolation_of(const Inne *inne, uint32 estimator)
{
	Size		end = (estimator + 1) * inne->blocks;

	for (Size b = estimator * inne->blocks; b < end; b++)
	{
		double		d[LANES];

		ad_block_kernel(inne->centers + b * LANES * inne->cols, inne->cols,
						inne->q, d);
		for (int l = 0; l < LANES; l++)
			if (d[l] <= inne->radius[b * LANES + l])
				return inne->isolation[b * LANES + l];
	}
	return 1;
}

static double
inne_score(void *scorer, const double *x)
{
	Inne	   *inne = scorer;
	double		sum = 0;

	for (int c = 0; c < inne->cols; c++)
		inne->q[c] = isnan(x[c]) ? INFINITY : x[c];
	for (uint32 e = 0; e < inne->estimators && inne->balls; e += LANES)
	{
		double		isolation[LANES];
		uint32		n = Min(inne->estimators - e, LANES);

		AD_CHECK_EVERY_1024(e);
		ad_ball_kernel(inne->balls + e / LANES * inne->stride, inne->sample,
					   inne->cols, inne->q, isolation);
		for (uint32 l = 0; l < n; l++)
			sum += isolation[l];
	}
	for (uint32 e = 0; e < inne->estimators && !inne->balls; e++)
	{
		AD_CHECK_EVERY_1024(e);
		sum += isolation_of(inne, e);
	}
	return sum / inne->estimators;
}

static void
inne_describe(const void *scorer, StringInfo json)
{
	const Inne *inne = scorer;

	appendStringInfo(json, "\"estimators\": %u, \"sample_size\": %u",
					 inne->estimators, inne->sample);
}

static const AdOption inne_options[] = {
	AD_INT(InneOptions, estimators, 200, 1, MAX_ESTIMATORS),
	AD_PART(InneOptions, sample_size, 8, 2, MAX_SAMPLE),
};

/* As many as its estimators draw. */
static Size
inne_rows(const void *options)
{
	const InneOptions *o = options;

	/* a share is one of the rows of a usual sample */
	return o->sample_size > 1 ?
		ad_mul_size(o->estimators, (Size) o->sample_size) : AD_ENOUGH_ROWS;
}

static AdScale
inne_scale(const void *options pg_attribute_unused())
{
	return AD_SCALE_STANDARD;
}

const AdDetector ad_detector_inne = {
	.id = AD_DET_INNE,
	.name = "inne",
	.squares = true,
	.time = 1.6,
	.options = inne_options,
	.noptions = lengthof(inne_options),
	.options_size = sizeof(InneOptions),
	.rows = inne_rows,
	.contains_rows = true,
	.scale = inne_scale,
	.fit = inne_fit,
	.load = inne_load,
	.score = inne_score,
	.describe = inne_describe,
};
