/*-------------------------------------------------------------------------
 *
 * ad_ranking.h
 *		Labelled scores and their metrics.
 *
 *-------------------------------------------------------------------------
 */
#ifndef AD_RANKING_H
#define AD_RANKING_H

#include "core/ad_bytes.h"

/* Limits; each is named in the error that enforces it. */
#define AD_MAX_RANKED		60000000	/* rows of a ranking or partition */
#define AD_MAX_CURVE		1000000 /* points of a curve */
#define AD_MIN_CURVE		3

/*
 * ranking.c: labelled scores.  A score is kept as a key, an unsigned integer
 * in the same order; one array for each label, so that a row takes 8 bytes.
 */
typedef struct AdKeys
{
	uint64	   *v;				/* NULL while there is none */
	Size		n;
	Size		capacity;
	bool		sorted;			/* ascending */
} AdKeys;

typedef struct AdRanking
{
	MemoryContext mcxt;			/* of the arrays */
	AdKeys		keys[2];		/* normal rows, anomalies */
	int64		parameter;		/* of the metric; 0: none given yet */
} AdRanking;

/* A walk over the distinct scores of a ranking, from the highest down. */
typedef struct AdRankingWalk
{
	const AdRanking *ranking;
	Size		left[2];		/* keys not yet passed, by label */
	uint64		steps;
	double		score;			/* of this step */
	uint64		tp;				/* anomalies that score at least that */
	uint64		fp;				/* normal rows that do */
} AdRankingWalk;

/* The key of a score that is not NaN; the two zeros are one. */
static inline uint64
ad_key_of_score(double score)
{
	uint64		u;

	score += 0.0;
	memcpy(&u, &score, 8);
	return (u >> 63) ? ~u : u | (UINT64CONST(1) << 63);
}

/* The score of a key. */
static inline double
ad_score_of_key(uint64 key)
{
	uint64		u = (key >> 63) ? key & ~(UINT64CONST(1) << 63) : ~key;
	double		score;

	memcpy(&score, &u, 8);
	return score;
}

extern AdRanking *ad_ranking_create(MemoryContext mcxt);
extern void ad_ranking_grow(AdRanking *r, AdKeys *keys);
extern void ad_ranking_merge(AdRanking *a, AdRanking *b);
extern void ad_ranking_sort(AdRanking *r);
extern void ad_ranking_write(AdRanking *r, StringInfo w);
extern AdRanking *ad_ranking_read(AdReader *in, MemoryContext mcxt);
extern void ad_ranking_walk(AdRankingWalk *w, const AdRanking *r);
extern bool ad_ranking_step(AdRankingWalk *w);
extern void ad_sort_keys(uint64 **v, uint64 **scratch, Size n);

/* Add a row; the score is not NaN. */
static inline void
ad_ranking_add(AdRanking *r, double score, bool is_anomaly)
{
	AdKeys	   *keys = &r->keys[is_anomaly ? 1 : 0];

	if (unlikely(keys->n == keys->capacity ||
				 r->keys[0].n + r->keys[1].n >= AD_MAX_RANKED))
		ad_ranking_grow(r, keys);
	keys->v[keys->n++] = ad_key_of_score(score);
	keys->sorted = false;
}

/* metrics.c: what a ranking, or a confusion table, says */
typedef struct AdBestF1
{
	double		threshold;		/* a row is anomalous if it scores this */
	double		precision;
	double		recall;
	double		f1;
} AdBestF1;

typedef struct AdCurvePoint
{
	double		threshold;
	uint64		tp;				/* rows that score at least that */
	uint64		fp;
} AdCurvePoint;

typedef struct AdConfusion
{
	double		precision;		/* NaN where it is 0 / 0, as are the others */
	double		recall;
	double		f1;
	double		balanced_accuracy;
	double		mcc;
} AdConfusion;

extern bool ad_ranking_both_classes(const AdRanking *r);
extern double ad_metric_roc_auc(AdRanking *r);
extern double ad_metric_average_precision(AdRanking *r);
extern double ad_metric_precision_at(AdRanking *r, int64 k);
extern void ad_metric_best_f1(AdRanking *r, AdBestF1 *best);
extern AdCurvePoint *ad_metric_roc_curve(AdRanking *r, int64 points,
										 Size *n);
extern AdCurvePoint *ad_metric_pr_curve(AdRanking *r, int64 points, Size *n);
extern void ad_metric_confusion(double tp, double fp, double tn, double fn,
								AdConfusion *c);

#endif							/* AD_RANKING_H */
