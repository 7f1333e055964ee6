/*-------------------------------------------------------------------------
 *
 * calibrate.c
 *		What a model remembers of scores: thresholds, p-values, probabilities.
 *
 * A set of scores is kept as its highest ones, exactly, and as quantiles of
 * the others at equally spaced ranks; a set that is small enough is kept
 * whole.  A model has two: the scores of the rows it was fitted to, for
 * thresholds and probabilities, and those of calibration rows that were held
 * out of the fit, for p-values.
 *
 * p-value: (1 + calibration scores at least as high) / (n + 1), which is
 * valid whatever the distribution (Vovk, Gammerman and Shafer 2005).  Where
 * only quantiles are known the count is rounded up, so it stays valid.
 *
 * Scores that differ by rounding are equal, and so at least as high: two
 * values that are each half of the data may score 7e-15 and 2e-14.  Near 0
 * that is not in proportion to the score, so a model knows how far rounding
 * takes it (AdDetector's rounding()).
 *
 * Probability: Gaussian scaling of Kriegel, Kröger, Schubert and Zimek 2011,
 * max(0, erf((s - mean) / (sd sqrt 2))).
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_elementary.h"
#include "math/ad_math.h"
#include "math/ad_spread.h"
#include "model/ad_calibration.h"
#include "model/ad_spec.h"

#include <float.h>

static const char *const method_names[] = {"split", "cross", NULL};

const AdOption ad_calibrate_options[] = {
	AD_FLOAT(AdCalibrate, share, 0.2, 0, 0.5),
	AD_FLOAT_ABOVE(AdCalibrate, contamination, 0.1, 0, 0.5),
	AD_ENUM(AdCalibrate, method, AD_HOLD_OUT_SPLIT, method_names),
};
const int	ad_n_calibrate_options = lengthof(ad_calibrate_options);

/* The rank, among n, of point i of a grid of m; ascending, both ends in. */
static inline Size
grid_rank(Size n, uint32 m, uint32 i)
{
	return m <= 1 ? n - 1 : (Size) ((uint64) i * (n - 1) / (m - 1));
}

/* Return how many scores a set keeps only quantiles of. */
static inline Size
below_tail(const AdScores *s)
{
	return (Size) s->n - s->ntail;
}

/* What a score may differ by from an equal one: rounding. */
static inline double
tolerance(const AdScores *s, double score)
{
	return Max(fabs(score) * AD_SCORE_ROUNDING, s->rounding);
}

/*
 * Summarise n > 0 finite scores, which are sorted; keeps max_tail of the
 * highest and as many quantiles.  rounding is what equal ones near 0 may
 * differ by.  Scores of infinite values are no part of mean and deviation.
 * In the current context.
 */
void
ad_scores_build(AdScores *s, double *scores, Size n, uint32 max_tail,
				double rounding)
{
	Size		rest;
	Size		finite = n;
	AdSpread	spread;

	uint64	   *scratch = ad_palloc_array(uint64, n);

	Assert(n > 0);
	ad_sort_many(scores, n, scratch);
	pfree(scratch);
	while (finite > 0 && scores[finite - 1] >= AD_INFINITE_SCORE)
		finite--;
	if (finite == 0)
		finite = n;
	ad_spread(scores, finite, 1, (double) finite, &spread);
	/* scores near the greatest double */
	if (!isfinite(spread.mean) || !isfinite(spread.sd))
	{
		spread.mean = scores[finite / 2];
		spread.sd = sqrt(DBL_MAX);
	}
	s->n = n;
	s->nfrequent = 0;
	s->rounding = rounding;
	s->mean = spread.mean;
	/* what rounding leaves of equal scores is no spread */
	s->sd = scores[finite - 1] <= scores[0] + tolerance(s, scores[0]) ? 0 :
		spread.sd;
	s->ntail = (uint32) Min(n, max_tail);
	s->tail = ad_palloc_array(double, s->ntail);
	for (uint32 i = 0; i < s->ntail; i++)
		s->tail[i] = scores[n - 1 - i];
	rest = below_tail(s);
	s->ngrid = (uint32) Min(rest, (Size) max_tail + 1);
	s->grid = ad_palloc_array(double, s->ngrid);
	for (uint32 i = 0; i < s->ngrid; i++)
		s->grid[i] = scores[grid_rank(rest, s->ngrid, i)];
}

/*
 * Return how many of the scores are at least as high as one; where only
 * quantiles are known, at most how many.
 */
static uint64
scores_at_least(const AdScores *s, double score)
{
	uint32		low = 0;
	uint32		high;

	if (s->ntail > 0 && score > s->tail[s->ntail - 1])
	{
		/* the tail descends: the first below the score */
		high = s->ntail;
		while (low < high)
		{
			uint32		mid = (low + high) / 2;

			if (s->tail[mid] >= score)
				low = mid + 1;
			else
				high = mid;
		}
		return low;
	}
	/* the first quantile that is at least as high */
	high = s->ngrid;
	while (low < high)
	{
		uint32		mid = (low + high) / 2;

		if (s->grid[mid] < score)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == 0)
		return s->n;
	return s->n - 1 - grid_rank(below_tail(s), s->ngrid, low - 1);
}

/* The score of a rank from below, 0 .. n - 1; interpolated in the grid. */
static double
score_at(const AdScores *s, Size rank)
{
	Size		rest = below_tail(s);
	uint32		i;
	Size		at;
	Size		next;

	if (rank >= rest)
		return s->tail[s->n - 1 - rank];
	if (s->ngrid <= 1 || rank == rest - 1)
		return s->grid[s->ngrid - 1];
	i = (uint32) ((uint64) rank * (s->ngrid - 1) / (rest - 1));
	/* integer division may have gone one too far or not far enough */
	while (i > 0 && grid_rank(rest, s->ngrid, i) > rank)
		i--;
	while (i + 2 < s->ngrid && grid_rank(rest, s->ngrid, i + 1) <= rank)
		i++;
	at = grid_rank(rest, s->ngrid, i);
	next = grid_rank(rest, s->ngrid, i + 1);
	if (rank == at || next == at)
		return s->grid[i];
	return s->grid[i] + (s->grid[i + 1] - s->grid[i]) *
		((double) (rank - at) / (double) (next - at));
}

/* Return where among n scores that which a share of them exceeds lies. */
static double
position_of(Size n, double share, Size *rank)
{
	double		position = (1 - share) * (double) (n - 1);

	*rank = (Size) Max(0, Min(position, (double) (n - 1)));
	return position - (double) *rank;
}

/* Between two scores, which may be far apart. */
static double
between(double low, double high, double t)
{
	double		v = low + (high - low) * t;

	return isfinite(v) ? v : low;
}

/*
 * The score that a share of the scores exceeds, interpolated between
 * neighbours as numpy.percentile does (and so PyOD's threshold).
 */
double
ad_scores_threshold(const AdScores *s, double share)
{
	Size		rank;
	double		t = position_of(s->n, share, &rank);

	return between(score_at(s, rank),
				   score_at(s, Min(rank + 1, (Size) s->n - 1)), t);
}

/* The same of n > 0 scores in ascending order, which are all known. */
double
ad_sorted_threshold(const double *scores, Size n, double share)
{
	Size		rank;
	double		t = position_of(n, share, &rank);

	return between(scores[rank], scores[Min(rank + 1, n - 1)], t);
}

/* Return how many of the highest scores, which are all known, exceed one. */
static uint32
tail_above(const AdScores *s, double score)
{
	uint32		low = 0;
	uint32		high = s->ntail;

	while (low < high)
	{
		uint32		mid = (low + high) / 2;

		if (s->tail[mid] > score)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* The first quantile that exceeds a score; their number if none does. */
static uint32
grid_above(const AdScores *s, double score)
{
	uint32		low = 0;
	uint32		high = s->ngrid;

	while (low < high)
	{
		uint32		mid = (low + high) / 2;

		if (s->grid[mid] <= score)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/*
 * Return how many of the scores are higher than one; where only quantiles are
 * known, at most how many.
 */
static uint64
scores_above(const AdScores *s, double score)
{
	uint32		low;

	if (score >= s->tail[s->ntail - 1])
		return tail_above(s, score);
	low = grid_above(s, score);
	if (low == 0)
		return s->n;
	return s->n - 1 - grid_rank(below_tail(s), s->ngrid, low - 1);
}

/* The share of the scores that exceed one, 0 to 1, as near as is known. */
double
ad_scores_share_above(const AdScores *s, double score)
{
	Size		rest = below_tail(s);
	uint32		low;
	double		rank;
	double		t;

	if (isnan(score))
		return 0;
	if (s->ntail > 0 && score >= s->tail[s->ntail - 1])
		return tail_above(s, score) / (double) s->n;
	low = grid_above(s, score);
	if (low == 0)
		return 1;
	rank = (double) grid_rank(rest, s->ngrid, low - 1);
	if (low < s->ngrid)
	{
		t = (score - s->grid[low - 1]) / (s->grid[low] - s->grid[low - 1]);
		if (t >= 0 && t <= 1)
			rank += t * ((double) grid_rank(rest, s->ngrid, low) - rank);
	}
	return ((double) s->n - 1 - rank) / (double) s->n;
}

/*
 * The share of the scores that are at most one, 0 to 1: the least and the
 * most it can be, which differ where only quantiles are known.
 */
void
ad_scores_share_at_most(const AdScores *s, double score, double *least,
						double *most)
{
	Size		rest = below_tail(s);
	uint32		low;

	if (score >= s->tail[s->ntail - 1])
	{
		*least = *most = 1 - tail_above(s, score) / (double) s->n;
		return;
	}
	low = grid_above(s, score);
	*least = low == 0 ? 0 :
		(double) grid_rank(rest, s->ngrid, low - 1) + 1;
	*most = low == s->ngrid ? (double) rest :
		(double) grid_rank(rest, s->ngrid, low);
	*least /= (double) s->n;
	*most /= (double) s->n;
}

/*
 * Remember the scores that a share of all rows have, those held out and n > 0
 * others, whose scores are in ascending order, if that share of the rows held
 * out does not score as high: their p-values are to be no less than the share.
 * That they are the greater of two makes them no less valid.  In the current
 * context.
 */
void
ad_scores_frequent(AdScores *s, const double *training, Size n)
{
	double		total = (double) n + (double) s->n;
	uint64		highest = 0;
	Size		end = n;

	s->frequent = ad_palloc_array(AdFrequent, AD_MAX_FREQUENT);
	while (end > 0 && s->nfrequent < AD_MAX_FREQUENT)
	{
		double		score = training[end - 1];
		double		slack = tolerance(s, score);
		uint64		from = scores_at_least(s, score - slack);
		Size		begin = end;
		double		equal;
		uint64		count;

		while (begin > 0 && training[begin - 1] >= score - slack)
			begin--;
		equal = (double) (end - begin) +
			(double) (from - scores_above(s, score + slack));
		end = begin;
		if (equal * AD_MAX_FREQUENT < total)
			continue;
		/* 1 + count of s->n + 1 is the share, or a little more */
		count = (uint64) Max(0, ceil(equal / total * ((double) s->n + 1) - 1));
		count = Min(count, s->n);
		if (count <= Max(from, highest))
			continue;
		highest = count;
		s->frequent[s->nfrequent].score = score;
		s->frequent[s->nfrequent].count = count;
		s->nfrequent++;
	}
}

/*
 * The conformal p-value of a score.  Scores that differ by rounding count as
 * equal.
 */
double
ad_scores_pvalue(const AdScores *s, double score)
{
	uint64		count;

	score -= tolerance(s, score);
	count = scores_at_least(s, score);
	for (uint32 i = 0; i < s->nfrequent && s->frequent[i].score >= score; i++)
		count = Max(count, s->frequent[i].count);
	return (1.0 + (double) count) / ((double) s->n + 1.0);
}

/*
 * The randomised p-value of a score: as if a share u, 0 to 1, of the equal
 * scores were higher, and of the row itself.  Of u drawn uniformly it is
 * uniform where the scores are exchangeable, discrete ones too.  Where only
 * quantiles are known both counts are at most too high, so it is valid.
 */
double
ad_scores_pvalue_random(const AdScores *s, double score, double u)
{
	double		slack = tolerance(s, score);
	double		from = (double) scores_at_least(s, score - slack);
	double		above = (double) scores_above(s, score + slack);

	return (above + u * (from - above + 1)) / ((double) s->n + 1);
}

/* The score in standard deviations from the mean; 0 or 1 without spread. */
double
ad_scores_standard(const AdScores *s, double score)
{
	double		z;

	if (s->sd == 0)
		return score > s->mean + tolerance(s, s->mean) ? 1 : 0;
	z = (score - s->mean) / s->sd;
	return isfinite(z) ? z : (z > 0 ? DBL_MAX : -DBL_MAX);
}

/* The probability that a score is an outlier's, 0 to 1. */
double
ad_scores_probability(const AdScores *s, double score)
{
	double		z = ad_scores_standard(s, score);

	if (s->sd == 0)
		return z;
	return z <= 0 ? 0 : ad_erf(z * 0.70710678118654752440);
}

static void
write_scores(StringInfo buf, const AdScores *s)
{
	ad_wr_u64(buf, s->n);
	ad_wr_f64(buf, s->mean);
	ad_wr_f64(buf, s->sd);
	ad_wr_u32(buf, s->ntail);
	ad_wr_u32(buf, s->ngrid);
	ad_wr_f64_array(buf, s->tail, s->ntail);
	ad_wr_f64_array(buf, s->grid, s->ngrid);
}

/* Append a calibration to a section. */
void
ad_calibration_write(StringInfo buf, const AdCalibration *c)
{
	ad_wr_u32(buf, c->method);
	ad_wr_f64(buf, c->contamination);
	ad_wr_f64(buf, c->threshold);
	write_scores(buf, &c->training);
	if (c->method != AD_CALIBRATION_NONE)
		write_scores(buf, &c->held_out);
}

static void
read_scores(AdReader *r, AdScores *s)
{
	s->n = ad_rd_u64(r);
	s->nfrequent = 0;
	s->rounding = 0;
	s->mean = ad_rd_finite(r);
	s->sd = ad_rd_finite(r);
	s->ntail = ad_rd_count(r, AD_MAX_SCORES, sizeof(double));
	s->ngrid = ad_rd_count(r, AD_MAX_SCORES, sizeof(double));
	if (s->n < 1 || s->n > AD_MAX_SAMPLE || s->ntail < 1 || s->sd < 0 ||
		s->n < (uint64) s->ntail + s->ngrid ||
		(s->ngrid == 0) != (s->n == s->ntail))
		ad_rd_corrupt(r, "the number of its scores is out of range");
	ad_rd_need(r, ad_mul_size(s->ntail + s->ngrid, sizeof(double)));
	s->tail = ad_palloc_array(double, s->ntail);
	ad_rd_f64_array(r, s->tail, s->ntail);
	s->grid = ad_palloc_array(double, s->ngrid);
	ad_rd_f64_array(r, s->grid, s->ngrid);
	for (uint32 i = 0; i < s->ntail; i++)
		if (!isfinite(s->tail[i]) || (i > 0 && s->tail[i] > s->tail[i - 1]))
			ad_rd_corrupt(r, "its highest scores are not in order");
	for (uint32 i = 0; i < s->ngrid; i++)
		if (!isfinite(s->grid[i]) || (i > 0 && s->grid[i] < s->grid[i - 1]) ||
			s->grid[i] > s->tail[s->ntail - 1])
			ad_rd_corrupt(r, "the quantiles of its scores are not in order");
}

/* Append what makes scores equal, and which are frequent, to a section. */
void
ad_equals_write(StringInfo buf, const AdCalibration *c)
{
	const AdScores *s = &c->held_out;

	ad_wr_f64(buf, c->training.rounding);
	ad_wr_u32(buf, s->nfrequent);
	for (uint32 i = 0; i < s->nfrequent; i++)
	{
		ad_wr_f64(buf, s->frequent[i].score);
		ad_wr_u64(buf, s->frequent[i].count);
	}
}

/*
 * Read and check it, for a calibration that has been read, in the current
 * context.
 */
void
ad_equals_read(AdReader *r, AdCalibration *c)
{
	AdScores   *s = &c->held_out;
	double		rounding = ad_rd_finite(r);
	uint32		n = ad_rd_count(r, AD_MAX_FREQUENT,
								sizeof(double) + sizeof(uint64));

	if (rounding < 0)
		ad_rd_corrupt(r, "the rounding of its scores is negative");
	c->training.rounding = rounding;
	s->rounding = rounding;
	s->nfrequent = n;
	s->frequent = ad_palloc_array(AdFrequent, n);
	for (uint32 i = 0; i < n; i++)
	{
		AdFrequent *f = &s->frequent[i];

		f->score = ad_rd_finite(r);
		f->count = ad_rd_u64(r);
		if (f->count > s->n ||
			(i > 0 && (f->score >= f[-1].score || f->count <= f[-1].count)))
			ad_rd_corrupt(r, "its frequent scores are not in order");
	}
	ad_rd_end(r);
}

/* Read and check a calibration, in the current context. */
void
ad_calibration_read(AdReader *r, AdCalibration *c)
{
	uint32		method = ad_rd_u32(r);

	if (method > AD_CALIBRATION_CROSS)
		ad_rd_corrupt(r, "its calibration is of an unknown method");
	c->method = method;
	c->contamination = ad_rd_f64(r);
	if (!(c->contamination > 0 && c->contamination <= 0.5))
		ad_rd_corrupt(r, "its contamination is out of range");
	c->threshold = ad_rd_finite(r);
	read_scores(r, &c->training);
	if (c->method != AD_CALIBRATION_NONE)
		read_scores(r, &c->held_out);
	ad_rd_end(r);
}
