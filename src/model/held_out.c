/*-------------------------------------------------------------------------
 *
 * held_out.c
 *		Calibration of a fit: which rows are held out, and scores of all.
 *
 * If rows are to be held out for p-values, the model is fitted to the others
 * and scores these, drawn at random, as it will score a row to come: so their
 * scores and that row's are exchangeable whatever the data, discrete ones
 * too, and however few they are (split conformal: Papadopoulos et al. 2002).
 *
 * Who asks for it has the model fitted to all rows instead, and every row
 * scored by a fit to the other folds (as in cross-conformal prediction: Vovk
 * 2015).  Fits to different rows do not score equal rows equally.  A row
 * counts by the higher of its scores, by its fold's fit and by the model, so
 * that rows equal to a new one are at least as high.
 *
 * The last fit made is the model's.
 *
 *-------------------------------------------------------------------------
 */
#include "model/ad_fitter.h"

#include <float.h>

#define MAX_FOLDS		10
#define THRESHOLD_ROWS	8192	/* scored for thresholds by default */
#define THRESHOLD_NEIGHBOR_ROWS 2048	/* of detectors that search for them */

/*
 * Return how many of n rows are held out: a share of them and of those that
 * the sample left out, at least one, and less than all but of a single row.
 */
static Size
count_held_out(const AdFitter *f, Size n)
{
	double		share = f->spec->calibrate.share;
	Size		k = (Size) (share * (double) (n + f->unsampled) + 0.5);

	if (!(share > 0))
		return 0;
	return n == 1 ? 1 : Max(1, Min(k, n - 1));
}

/*
 * Draw k of n rows (NULL: of all n) by a stream of random numbers, in ascending
 * order; the others go to rest, unless NULL.
 */
void
ad_calibration_draw(const Size *rows, Size n, Size k, uint64 seed,
					uint64 stream, Size *drawn, Size *rest)
{
	AdRandom	random;
	Size		left = k;

	ad_random_seed(&random, seed, stream);
	for (Size i = 0, d = 0, o = 0; i < n; i++)
	{
		Size		row = rows ? rows[i] : i;

		AD_CHECK_EVERY_1024(i);
		if (left > 0 && ad_random_below(&random, n - i) < left)
		{
			drawn[d++] = row;
			left--;
		}
		else if (rest)
			rest[o++] = row;
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
	{
		scores[i] = Max(-DBL_MAX, Min(scores[i] * unit + shift, DBL_MAX));
		scores[i] = Max(scores[i], f->score_row(f->fit, rows[i]));
	}
	/* a row with no others to fit to: nothing is stranger, p is 1 */
	if (n == 1)
		scores[0] = DBL_MAX;
}

/*
 * Summarise the scores of the rows fitted to, which may be reordered.  Returns
 * the scores, *n of them, in ascending order.
 */
static double *
summarise_training(const AdFitter *f, Size *rows, Size *n, uint32 max_tail,
				   AdCalibration *out)
{
	Size		limit = f->spec->detector->searches ?
		THRESHOLD_NEIGHBOR_ROWS : THRESHOLD_ROWS;
	double	   *scores;

	/* all of them only for a user who thinks of thresholds */
	if (*n > limit && !f->spec->has_calibrate)
	{
		Size	   *drawn = ad_palloc_array(Size, limit);

		ad_calibration_draw(rows, *n, limit, f->seed, AD_STREAM_HELD_OUT_ROWS,
							drawn, NULL);
		memcpy(rows, drawn, limit * sizeof(Size));
		pfree(drawn);
		*n = limit;
	}
	scores = ad_palloc_array(double, *n);
	for (int pass = 0; pass < (f->floored ? 2 : 1); pass++)
	{
		for (Size i = 0; i < *n; i++)
			scores[i] = f->score_row(f->fit, rows[i]);
		ad_scores_build(&out->training, scores, *n, max_tail,
						f->rounding(f->fit));
	}
	out->threshold = ad_sorted_threshold(scores, *n, out->contamination);
	return scores;
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
	Size		nheld_out = count_held_out(f, n);
	Size	   *fitted = ad_palloc_array(Size, n);
	Size	   *held_out = ad_palloc_array(Size, n);
	double	   *scores = ad_palloc_array(double, n);
	double	   *training;
	bool		single = n == 1;	/* nothing is stranger: p is 1 */

	memset(out, 0, sizeof(*out));
	out->contamination = options->contamination;
	memcpy(fitted, rows, n * sizeof(Size));
	if (nheld_out > 0 && options->method == AD_HOLD_OUT_CROSS)
	{
		out->method = AD_CALIBRATION_CROSS;
		nheld_out = n;
		fit_cross(f, fitted, n, scores);
	}
	else
	{
		if (nheld_out > 0)
			out->method = AD_CALIBRATION_SPLIT;
		if (nheld_out > 0 && n > 1)
		{
			ad_calibration_draw(rows, n, nheld_out, f->seed,
								AD_STREAM_HELD_OUT_ROWS, held_out, fitted);
			n -= nheld_out;
		}
		f->fit_rows(f->fit, fitted, n);
	}
	/* first: what is infinite scores no lower than these */
	training = summarise_training(f, fitted, &n, max_tail, out);
	if (out->method == AD_CALIBRATION_SPLIT)
		for (Size i = 0; i < nheld_out; i++)
			scores[i] = single ? DBL_MAX : f->score_row(f->fit, held_out[i]);
	if (out->method != AD_CALIBRATION_NONE)
		ad_scores_build(&out->held_out, scores, nheld_out, max_tail,
						f->rounding(f->fit));
	if (out->method == AD_CALIBRATION_SPLIT)
		ad_scores_frequent(&out->held_out, training, n);
	pfree(training);
	pfree(held_out);
	pfree(scores);
	pfree(fitted);
}
