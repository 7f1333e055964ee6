/*-------------------------------------------------------------------------
 *
 * weigh.c
 *		Weights of an ensemble's members, from labelled rows.
 *
 * Some ways to combine the members are candidates: each alone, each two, and
 * all, equally.  A candidate counts by exp(m (c A + r B)).  A is how often it
 * scores a labelled anomaly above a labelled ordinary row (its ROC AUC).  B is
 * how much rarer the anomalies' scores are than the ordinary rows' by its
 * members: the difference of the means of -ln of the share of the training
 * rows above, which is what decides where anomalies are few; but by the order
 * of the anomalies among themselves it is noisy, so r is small.  m = 1 / (1/p +
 * 1/n) of p anomalies and n ordinary rows says how much that is to be trusted.
 * The weights are the mean of the candidates' (exponential weights: Vovk 1990;
 * Littlestone and Warmuth 1994), shrunk to equal ones as if k labels more had
 * said so: (m weights + k equal) / (m + k).  So few labels change little; and
 * what c, r and k are matters little, see bench/results/labels.md.
 *
 * A label's row is counted in a bin of each candidate's score, and sums are of
 * whole numbers, so that labels may be many, and in any order.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ad_elementary.h"
#include "model/ad_weigh.h"

#include <float.h>

#define BINS			2048
#define SHARPNESS		8.0		/* c */
#define RARITY			0.5		/* r */
#define PRIOR			3.0		/* k */
#define UNITS			1000	/* weights are whole numbers of these */
#define RAREST			1e-3	/* smaller shares are as rare */
#define RARITY_UNITS	65536.0 /* its sums are whole numbers of these */

/* Counts of a candidate: by bin of ordinary rows and of anomalies. */
typedef uint64 Counts[2][BINS];

struct AdWeigher
{
	AdModel		model;			/* how it combines; weights: a candidate's */
	const AdCalibration **calibrations;
	int			nmembers;
	int			ncandidates;
	double	   *weights;		/* per candidate and member */
	Counts	   *counts;			/* per candidate; the first are the members */
	uint64		rows[2];
	int64		rarity[2][AD_MAX_MEMBERS];	/* sums */
};

/* Add a candidate of some members, or of all (-1), equally. */
static void
add_candidate(AdWeigher *w, int a, int b)
{
	double	   *weights = w->weights + w->ncandidates++ * w->nmembers;

	for (int k = 0; k < w->nmembers; k++)
		weights[k] = a < 0 ? 1.0 / w->nmembers :
			((k == a) + (k == b)) / 2.0;
}

/*
 * Begin with an ensemble, which must stay as long, in the current context.
 */
AdWeigher *
ad_weigher_create(const AdModel *m)
{
	AdWeigher  *w = palloc0(sizeof(AdWeigher));
	int			n = m->nmembers;
	int			ncandidates = n + n * (n - 1) / 2 + (n > 2);

	Assert(n > 0 && n <= AD_MAX_MEMBERS);
	w->model = *m;
	w->nmembers = n;
	w->calibrations = ad_palloc_array(const AdCalibration *, n);
	for (int k = 0; k < n; k++)
		w->calibrations[k] = &m->members[k]->calibration;
	w->weights = ad_palloc_array(double, ad_mul_size(ncandidates, n));
	w->counts = palloc0(ad_mul_size(ncandidates, sizeof(Counts)));
	for (int k = 0; k < n; k++)
		add_candidate(w, k, k);
	for (int a = 0; a < n; a++)
		for (int b = 0; b < a; b++)
			add_candidate(w, a, b);
	if (n > 2)
		add_candidate(w, -1, -1);
	return w;
}

/* Count a labelled row, by the members' scores of it, which are finite. */
void
ad_weigher_add(AdWeigher *w, const double *scores, bool anomaly)
{
	double		copy[AD_MAX_MEMBERS];

	for (int c = 0; c < w->ncandidates; c++)
	{
		double		score;
		int			bin;

		memcpy(copy, scores, w->nmembers * sizeof(double));
		w->model.weights = w->weights + c * w->nmembers;
		score = ad_ensemble_combine(&w->model, copy, w->calibrations,
									w->nmembers);
		/* fine where most scores are, in standard deviations */
		bin = (int) ((1 + score / (1 + fabs(score))) * (BINS / 2));
		w->counts[c][anomaly][Max(0, Min(bin, BINS - 1))]++;
	}
	for (int k = 0; k < w->nmembers; k++)
	{
		double		share = ad_scores_share_above(&w->calibrations[k]->training,
												  scores[k]);

		w->rarity[anomaly][k] -= (int64) rint(ad_log(Max(share, RAREST)) *
											  RARITY_UNITS);
	}
	w->rows[anomaly]++;
}

/* How often an anomaly is in a higher bin than an ordinary row; equal: half. */
static double
area(Counts counts, const uint64 *rows)
{
	double		below = 0;
	double		pairs = 0;

	for (int i = 0; i < BINS; i++)
	{
		double		n = (double) counts[0][i];

		pairs += (double) counts[1][i] * (below + n / 2);
		below += n;
	}
	return pairs / ((double) rows[0] * (double) rows[1]);
}

/*
 * Round weights to whole numbers of units that add up to 1, unless they are
 * equal but for less than one: returns whether they are.
 */
static bool
round_weights(double *weights, int n)
{
	int			left = UNITS;
	int			units[AD_MAX_MEMBERS];
	bool		equal = true;

	for (int k = 0; k < n; k++)
		equal &= fabs(weights[k] - 1.0 / n) < 1.0 / UNITS;
	if (equal)
		return true;
	for (int k = 0; k < n; k++)
	{
		units[k] = (int) (weights[k] * UNITS);
		left -= units[k];
	}
	while (left > 0)
	{
		int			next = 0;

		for (int k = 1; k < n; k++)
			if (weights[k] * UNITS - units[k] >
				weights[next] * UNITS - units[next])
				next = k;
		units[next]++;
		left--;
	}
	for (int k = 0; k < n; k++)
		weights[k] = (double) units[k] / UNITS;
	return false;
}

/* How much rarer anomalies are than ordinary rows by a candidate's members. */
static double
rarity(const AdWeigher *w, const double *weights)
{
	double		sum = 0;

	for (int k = 0; k < w->nmembers; k++)
		sum += weights[k] *
			((double) w->rarity[1][k] / (double) w->rows[1] -
			 (double) w->rarity[0][k] / (double) w->rows[0]) / RARITY_UNITS;
	return sum;
}

/* Say what the labelled rows say; without both kinds nothing. */
void
ad_weigher_finish(const AdWeigher *w, AdWeighed *out)
{
	int			n = w->nmembers;
	double	   *power = ad_palloc_array(double, w->ncandidates);
	double		best = -INFINITY;
	double		total = 0;
	double		trust;

	memset(out, 0, sizeof(*out));
	memcpy(out->rows, w->rows, sizeof(out->rows));
	out->both = w->rows[0] > 0 && w->rows[1] > 0;
	if (!out->both)
		return;
	trust = 1 / (1 / (double) w->rows[0] + 1 / (double) w->rows[1]);
	for (int c = 0; c < w->ncandidates; c++)
	{
		double		auc = area(w->counts[c], w->rows);

		if (c < n)
			out->roc_auc[c] = auc;
		power[c] = trust * (SHARPNESS * auc +
							RARITY * rarity(w, w->weights + c * n));
		best = Max(best, power[c]);
	}
	for (int c = 0; c < w->ncandidates; c++)
	{
		double		counts = ad_exp2((power[c] - best) / 0.6931471805599453);

		total += counts;
		for (int k = 0; k < n; k++)
			out->weights[k] += counts * w->weights[c * n + k];
	}
	for (int k = 0; k < n; k++)
		out->weights[k] = (trust * out->weights[k] / total + PRIOR / n) /
			(trust + PRIOR);
	out->equal = round_weights(out->weights, n);
}
