/*-------------------------------------------------------------------------
 *
 * metrics.c
 *		What a ranking of labelled scores, or a confusion table, says.
 *
 * Definitions and the treatment of ties are those of scikit-learn: rows
 * with one score stand or fall together, since no threshold tells them
 * apart.  The area under the ROC curve is exact in integers (twice the pairs
 * in the right order, plus the ties) until its one division, so it is the
 * same whatever the plan.
 *
 * The metrics of a ranking want both classes; the caller sees to that.
 *
 *-------------------------------------------------------------------------
 */
#include "evaluate/ad_ranking.h"

/* A sum that keeps its rounding errors (Neumaier 1974). */
typedef struct ExactSum
{
	double		sum;
	double		lost;
} ExactSum;

/* Add x to a sum. */
static inline void
exact_add(ExactSum *s, double x)
{
	double		t = s->sum + x;

	if (fabs(s->sum) >= fabs(x))
		s->lost += (s->sum - t) + x;
	else
		s->lost += (x - t) + s->sum;
	s->sum = t;
}

/* Whether there are both normal rows and anomalies. */
bool
ad_ranking_both_classes(const AdRanking *r)
{
	return r->keys[0].n > 0 && r->keys[1].n > 0;
}

/* Share of pairs of an anomaly and a normal row that are ranked right. */
double
ad_metric_roc_auc(AdRanking *r)
{
	AdRankingWalk w;
	uint64		twice = 0;		/* below 2 * (AD_MAX_RANKED / 2)^2 */
	uint64		tp = 0;
	uint64		fp = 0;

	ad_ranking_sort(r);
	ad_ranking_walk(&w, r);
	while (ad_ranking_step(&w))
	{
		twice += (w.fp - fp) * (tp + w.tp);
		tp = w.tp;
		fp = w.fp;
	}
	return (double) twice / (2.0 * (double) tp * (double) fp);
}

/* Sum over the thresholds of precision times the gain of recall. */
double
ad_metric_average_precision(AdRanking *r)
{
	AdRankingWalk w;
	ExactSum	s = {0, 0};
	double		positives = (double) r->keys[1].n;
	uint64		tp = 0;

	ad_ranking_sort(r);
	ad_ranking_walk(&w, r);
	while (ad_ranking_step(&w))
	{
		if (w.tp > tp)
			exact_add(&s, (double) (w.tp - tp) / positives *
					  ((double) w.tp / (double) (w.tp + w.fp)));
		tp = w.tp;
	}
	return s.sum + s.lost;
}

/*
 * Share of anomalies among the k rows that score highest, or among all if
 * there are fewer.  If the k-th place falls among ties, the value expected
 * when their order is drawn by lot.
 */
double
ad_metric_precision_at(AdRanking *r, int64 k)
{
	AdRankingWalk w;
	uint64		places = Min((uint64) k, r->keys[0].n + r->keys[1].n);
	uint64		tp = 0;
	uint64		fp = 0;
	double		found = 0;

	ad_ranking_sort(r);
	ad_ranking_walk(&w, r);
	while (ad_ranking_step(&w))
	{
		if (w.tp + w.fp >= places)
		{
			uint64		tied = w.tp + w.fp - tp - fp;

			found = (double) tp + (double) (w.tp - tp) *
				((double) (places - tp - fp) / (double) tied);
			break;
		}
		tp = w.tp;
		fp = w.fp;
	}
	return found / (double) places;
}

/* The highest threshold with the greatest F1. */
void
ad_metric_best_f1(AdRanking *r, AdBestF1 *best)
{
	AdRankingWalk w;
	double		positives = (double) r->keys[1].n;

	best->f1 = -1;
	ad_ranking_sort(r);
	ad_ranking_walk(&w, r);
	while (ad_ranking_step(&w))
	{
		double		tp = (double) w.tp;
		double		flagged = (double) (w.tp + w.fp);
		double		f1 = 2 * tp / (flagged + positives);

		if (f1 > best->f1)
		{
			best->f1 = f1;
			best->threshold = w.score;
			best->precision = tp / flagged;
			best->recall = tp / positives;
		}
	}
}

/* A curve while it is made. */
typedef struct Curve
{
	AdCurvePoint *points;
	Size		n;
	Size		capacity;
	double		per_length;		/* buckets a curve's length; 0: keep all */
	int64		bucket;			/* of the last point kept */
	double		anomalies;
	double		normal;
} Curve;

/* Start a curve of at most that many points; 0: as many as there are. */
static void
curve_start(Curve *c, const AdRanking *r, int64 points)
{
	c->capacity = 64;
	c->points = ad_palloc_array(AdCurvePoint, c->capacity);
	c->n = 0;
	/* two of the points are the ends */
	c->per_length = points > 0 ? (double) (points - 2) / 2 : 0;
	c->bucket = -1;
	c->normal = (double) r->keys[0].n;
	c->anomalies = (double) r->keys[1].n;
}

/* Append a point. */
static void
curve_append(Curve *c, double threshold, uint64 tp, uint64 fp)
{
	AdCurvePoint *p;

	if (c->n >= AD_MAX_CURVE)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("curve has more than %d points", AD_MAX_CURVE),
				 errhint("Set the number of points with a third argument.")));
	if (c->n == c->capacity)
	{
		c->capacity *= 2;
		c->points = ad_repalloc_array(c->points, AdCurvePoint, c->capacity);
	}
	p = &c->points[c->n++];
	p->threshold = threshold;
	p->tp = tp;
	p->fp = fp;
}

/*
 * Append a point, unless the curve is thinned and has a point nearby: its
 * length, measured along both axes in shares, is cut into equal parts that
 * keep a point each.
 */
static void
curve_consider(Curve *c, double threshold, uint64 tp, uint64 fp)
{
	if (c->per_length > 0)
	{
		int64		bucket = (int64) (c->per_length *
									  ((double) tp / c->anomalies +
									   (double) fp / c->normal));

		if (bucket == c->bucket)
			return;
		c->bucket = bucket;
	}
	curve_append(c, threshold, tp, fp);
}

/*
 * The ROC curve from (0, 0), whose threshold is infinite, to (1, 1).  As
 * scikit-learn does by default, a threshold between two others is left out
 * if its point is halfway between theirs, so on a straight line.  The result
 * is palloc'd.
 */
AdCurvePoint *
ad_metric_roc_curve(AdRanking *r, int64 points, Size *n)
{
	AdRankingWalk w;
	Curve		c;
	AdCurvePoint last = {0, 0, 0};
	uint64		last_dtp = 0;	/* the step that led to last */
	uint64		last_dfp = 0;
	uint64		steps = 0;

	ad_ranking_sort(r);
	curve_start(&c, r, points);
	curve_append(&c, INFINITY, 0, 0);
	ad_ranking_walk(&w, r);
	while (ad_ranking_step(&w))
	{
		uint64		dtp = w.tp - last.tp;
		uint64		dfp = w.fp - last.fp;

		/* the first threshold stays, whatever the next */
		if (steps == 1 ||
			(steps > 1 && (dtp != last_dtp || dfp != last_dfp)))
			curve_consider(&c, last.threshold, last.tp, last.fp);
		last.threshold = w.score;
		last.tp = w.tp;
		last.fp = w.fp;
		last_dtp = dtp;
		last_dfp = dfp;
		steps++;
	}
	curve_append(&c, last.threshold, last.tp, last.fp);
	*n = c.n;
	return c.points;
}

/*
 * Points of the precision-recall curve from the highest threshold to the
 * lowest; where it ends at precision 1 and recall 0 has no threshold and is
 * the caller's to add.  The result is palloc'd.
 */
AdCurvePoint *
ad_metric_pr_curve(AdRanking *r, int64 points, Size *n)
{
	AdRankingWalk w;
	Curve		c;
	double		rows = (double) (r->keys[0].n + r->keys[1].n);

	ad_ranking_sort(r);
	curve_start(&c, r, points);
	ad_ranking_walk(&w, r);
	while (ad_ranking_step(&w))
	{
		if ((double) (w.tp + w.fp) < rows)
			curve_consider(&c, w.score, w.tp, w.fp);
		else
			curve_append(&c, w.score, w.tp, w.fp);
	}
	*n = c.n;
	return c.points;
}

/* What follows from the four counts; NaN where that is 0 / 0. */
void
ad_metric_confusion(double tp, double fp, double tn, double fn,
					AdConfusion *c)
{
	c->precision = tp / (tp + fp);
	c->recall = tp / (tp + fn);
	c->f1 = 2 * tp / (2 * tp + fp + fn);
	c->balanced_accuracy = (c->recall + tn / (tn + fp)) / 2;
	c->mcc = (tp * tn - fp * fn) /
		sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn));
}
