/*-------------------------------------------------------------------------
 *
 * held_out.c
 *		Calibration of a fit: which rows are held out, and scores of all.
 *
 * If rows are to be held out for p-values, the model is fitted to the others;
 * with few rows (fewer than MIN_HELD_OUT would be held out) it is fitted to
 * all of them, and every row is scored by a fit to the other folds
 * (cross-conformal: Vovk 2015).
 *
 * The last fit made is the model's.
 *
 *-------------------------------------------------------------------------
 */
#include "model/ad_fitter.h"

#include <float.h>

#define MIN_HELD_OUT	1000	/* rows; fewer: cross-conformal */
#define MAX_FOLDS		10
#define THRESHOLD_ROWS	8192	/* scored for thresholds by default */
#define THRESHOLD_NEIGHBOR_ROWS 2048	/* of detectors that search for them */

/* Draw k of n rows, in ascending order; the others go to rest, unless NULL. */
static void
draw(const Size *rows, Size n, Size k, uint64 seed, Size *drawn, Size *rest)
{
	AdRandom	random;
	Size		left = k;

	ad_random_seed(&random, seed, AD_STREAM_HELD_OUT_ROWS);
	for (Size i = 0, d = 0, o = 0; i < n; i++)
	{
		AD_CHECK_EVERY_1024(i);
		if (left > 0 && ad_random_below(&random, n - i) < left)
		{
			drawn[d++] = rows[i];
			left--;
		}
		else if (rest)
			rest[o++] = rows[i];
	}
}

/* Deal n rows into folds at random; returns the fold of each. */
static Size *
deal_folds(Size n, Size folds, uint64 seed)
{
	Size	   *fold = ad_palloc_array(Size, n);
	AdRandom	random;

	ad_random_seed(&random, seed, AD_STREAM_FOLDS);
	for (Size i = 0; i < n; i++)
		fold[i] = i % folds;
	for (Size i = n - 1; i > 0; i--)
	{
		Size		k = (Size) ad_random_below(&random, i + 1);
		Size		swap = fold[i];

		fold[i] = fold[k];
		fold[k] = swap;
	}
	return fold;
}

/*
 * Score every row by a fit to the other folds; less the shift of that fit,
 * and in its unit.
 */
static void
score_folds(const AdFitter *f, const Size *rows, Size n, double *scores)
{
	double		share = f->spec->calibrate.share;
	Size		folds = Min(n, (Size) Max(2, Min(rint(1 / share), MAX_FOLDS)));
	Size	   *fold = deal_folds(n, folds, f->seed);
	Size	   *others = ad_palloc_array(Size, n);

	for (Size k = 0; k < folds; k++)
	{
		Size		nothers = 0;
		double		shift;
		double		unit;

		for (Size i = 0; i < n; i++)
			if (fold[i] != k)
				others[nothers++] = rows[i];
		f->fit_rows(f->fit, others, nothers);
		f->common_scale(f->fit, &shift, &unit);
		for (Size i = 0; i < n; i++)
			if (fold[i] == k)
				scores[i] = (f->score_row(f->fit, rows[i]) - shift) /
					unit;
	}
	pfree(fold);
	pfree(others);
}

/* Score all rows by fits to the other folds, then fit to all of them. */
static void
fit_cross(const AdFitter *f, const Size *rows, Size n, double *scores)
{
	double		shift;
	double		unit;

	if (n > 1)
		score_folds(f, rows, n, scores);
	f->fit_rows(f->fit, rows, n);
	f->common_scale(f->fit, &shift, &unit);
	for (Size i = 0; i < n && n > 1; i++)
		scores[i] = Max(-DBL_MAX, Min(scores[i] * unit + shift, DBL_MAX));
	/* a row with no others to fit to: nothing is stranger, p is 1 */
	if (n == 1)
		scores[0] = DBL_MAX;
}

/* Summarise the scores of the rows fitted to, which may be reordered. */
static void
summarise_training(const AdFitter *f, Size *rows, Size n, uint32 max_tail,
				   AdCalibration *out)
{
	Size		limit = f->spec->detector->searches ?
		THRESHOLD_NEIGHBOR_ROWS : THRESHOLD_ROWS;
	double	   *scores;

	/* all of them only for a user who thinks of thresholds */
	if (n > limit && !f->spec->has_calibrate)
	{
		Size	   *drawn = ad_palloc_array(Size, limit);

		draw(rows, n, limit, f->seed, drawn, NULL);
		memcpy(rows, drawn, limit * sizeof(Size));
		pfree(drawn);
		n = limit;
	}
	scores = ad_palloc_array(double, n);
	for (Size i = 0; i < n; i++)
		scores[i] = f->score_row(f->fit, rows[i]);
	ad_scores_build(&out->training, scores, n, max_tail);
	out->threshold = ad_sorted_threshold(scores, n, out->contamination);
	pfree(scores);
}

/*
 * Fit to some rows, in ascending order, or to those of them that are not
 * held out, and summarise the scores of both, in the current context.
 */
void
ad_calibration_make(const AdFitter *f, const Size *rows, Size n,
					AdCalibration *out)
{
	const AdCalibrate *options = &f->spec->calibrate;
	uint32		max_tail = f->spec->has_calibrate ? AD_TAIL_SCORES : AD_FEW_TAIL_SCORES;
	Size		nheld_out = (Size) (options->share *
									(double) (n + f->unsampled) + 0.5);
	Size	   *fitted = ad_palloc_array(Size, n);
	Size	   *held_out = ad_palloc_array(Size, n);
	double	   *scores = ad_palloc_array(double, n);

	memset(out, 0, sizeof(*out));
	out->contamination = options->contamination;
	memcpy(fitted, rows, n * sizeof(Size));
	if (!(options->share > 0))
		f->fit_rows(f->fit, fitted, n);
	else if (nheld_out >= MIN_HELD_OUT)
	{
		out->method = AD_CALIBRATION_SPLIT;
		draw(rows, n, nheld_out, f->seed, held_out, fitted);
		n -= nheld_out;
		f->fit_rows(f->fit, fitted, n);
		for (Size i = 0; i < nheld_out; i++)
			scores[i] = f->score_row(f->fit, held_out[i]);
	}
	else
	{
		out->method = AD_CALIBRATION_CROSS;
		nheld_out = n;
		fit_cross(f, fitted, n, scores);
	}
	if (out->method != AD_CALIBRATION_NONE)
		ad_scores_build(&out->held_out, scores, nheld_out, max_tail);
	pfree(held_out);
	pfree(scores);
	summarise_training(f, fitted, n, max_tail, out);
	pfree(fitted);
}
