/*-------------------------------------------------------------------------
 *
 * break.c
 *		Which of many scores are too high to be of the others' kind.
 *
 * Ranks say nothing of it: the highest score of a table is its highest,
 * whatever it is, and a share that is flagged is flagged in every table.  What
 * tells is a break in the tail.  Above a high quantile, scores of one kind
 * follow a generalised Pareto distribution, which a logarithm makes
 * exponential; then the normalized spacings i (y_i - y_{i+1}), of the i-th
 * highest, are independent and exponential with one mean (Rényi 1953; Weissman
 * 1978, "Estimation of parameters and large quantiles based on the k largest
 * observations").  Where the tail is lighter they shrink towards the top.  A
 * few that are long beside those below them are a break: what lies above came
 * from elsewhere.  Of w spacings beside m the share of the sum is Beta(w, m);
 * for w > 1 Chernoff's bound stands for its tail, for w = 1 it is (1 - f)^m.
 *
 * A break is looked for at every rank, in windows of several widths, and the
 * level is divided among them: by rank as 1 / i, since a lone outlier has one
 * spacing where i of them have i times theirs.  What lies above the most
 * significant break is taken away, and the rest is looked at anew, as long as
 * there is one: an outlier beyond all measure hides no others.
 *
 * The shape comes from quantiles (Pickands 1975) that a few outliers do not
 * move, the greatest at three levels, is taken greater by its error, and is not
 * negative: it errs towards finding nothing.  What more than a twentieth of the
 * scores lie above is a border between kinds of rows, and no break.  Scores that are equal are spread over the way down
 * to the next: they have been rounded, or rows repeat.  If the levels then lie
 * as unevenly as chance puts them, rows repeat, and count once.
 *
 *-------------------------------------------------------------------------
 */
#include "math/ad_break.h"

#include "core/ad_elementary.h"
#include "math/ad_math.h"

#define MAX_KEPT		65536	/* scores looked at, at most a quarter */
#define SHARE			4		/* 1 / that of the scores */
#define MIN_TAIL		20		/* scores looked at, of half of all if need be */
#define FEW				8		/* tell nothing */
#define BASE			50		/* spacings beside one, at least, */
#define BASE_PER_WIDTH	8		/* and beside w of them */
#define WIDER			4		/* from one width of a window to the next */
#define MAX_BREAKS		100
#define RARE			20		/* 1 / the share that can be anomalies */
#define LEVELS			3		/* that a shape is taken at, each half of the
								 * one before; the last of */
#define MANY			64		/* or more */
#define SHAPE_ERROR		2.0		/* over sqrt(k), added to the shape */
#define MAX_SHAPE		2.0
#define EULER			0.57721566490153286061
#define LN2				0.69314718055994530942

/* A tail that is looked at: k excesses over a level, in descending order. */
typedef struct Tail
{
	const double *score;		/* the highest first */
	Size		k;
	double		level;
	double		shape;
	double		scale;
	double		repeats;		/* scores that count as one */
	double	   *sum;			/* of the first i spacings, i = 0 .. k */
} Tail;

/* Where a break is. */
typedef struct Found
{
	double		log_p;			/* of it, for the number of places */
	Size		above;			/* scores above it */
} Found;

AdBreak *
ad_break_create(void)
{
	AdBreak    *b = palloc0(sizeof(AdBreak));

	b->capacity = 1024;
	b->kept = ad_palloc_array(double, b->capacity);
	return b;
}

/* Add a score, which is no NaN. */
void
ad_break_add(AdBreak *b, double score)
{
	b->n++;
	if (b->nkept == 2 * MAX_KEPT)
	{
		ad_select(b->kept, b->nkept, MAX_KEPT);
		memmove(b->kept, b->kept + MAX_KEPT, MAX_KEPT * sizeof(double));
		b->nkept = MAX_KEPT;
	}
	else if (b->nkept == b->capacity)
	{
		b->capacity *= 2;
		b->kept = repalloc(b->kept, ad_mul_size(b->capacity, sizeof(double)));
	}
	b->kept[b->nkept++] = score;
}

/* An excess, made exponential. */
static double
exponential(const Tail *t, double score)
{
	double		excess = t->shape * (score - t->level) / t->scale;

	/* of an infinite value's score, which is the largest number */
	if (isinf(excess))
		return (ad_log(score / 2 - t->level / 2) + ad_log(2 * t->shape / t->scale)) / t->shape;
	return ad_log(1 + excess) / t->shape;
}

/*
 * Fit a tail to its scores: level, shape and scale.  Returns false if there are
 * too few, or most are equal.
 */
static bool
fit_tail(Tail *t)
{
	double		half;

	if (t->k <= FEW)
		return false;
	t->k--;
	t->level = t->score[t->k];
	half = t->score[t->k / 2] - t->level;
	if (!(half > 0))
		return false;
	t->shape = 0;
	for (int i = 0; i < LEVELS - (t->k < MANY); i++)
	{
		double		lower = t->score[t->k >> (i + 1)] - t->score[t->k >> i];
		double		upper = t->score[t->k >> (i + 2)] - t->score[t->k >> (i + 1)];

		if (lower > 0 && upper > lower)
			t->shape = Max(t->shape, ad_log(upper / lower) / LN2);
	}
	t->shape = Min(t->shape + SHAPE_ERROR / sqrt((double) t->k), MAX_SHAPE);
	t->scale = half * t->shape / (ad_exp2(t->shape) - 1);
	return t->scale > 0;
}

/*
 * Sum the spacings of a tail, equal scores spread, and find out how many count
 * as one.
 */
static void
sum_spacings(Tail *t)
{
	Size		levels = 0;
	double		mean = 0;
	double		square = 0;

	t->sum[0] = 0;
	for (Size i = 0, next; i < t->k; i = next)
	{
		double		gap;
		double		rate;

		for (next = i + 1; next < t->k && t->score[next] == t->score[i];)
			next++;
		gap = (exponential(t, t->score[i]) - exponential(t, t->score[next])) /
			(double) (next - i);
		for (Size j = i; j < next; j++)
			t->sum[j + 1] = t->sum[j] + (double) (j + 1) * gap;
		/* of one level; its inverse rate */
		rate = (t->sum[next] - t->sum[i]) / (double) (next - i);
		mean += rate;
		square += rate * rate;
		levels++;
	}
	mean /= (double) levels;
	t->repeats = mean > 0 ? (double) t->k / (double) levels *
		Min(square / (double) levels / (mean * mean) - 1, 1) : 1;
	t->repeats = Max(t->repeats, 1);
}

/* The logarithm of the chance of so great a share f of w spacings beside m. */
static double
log_chance(double f, double w, double m)
{
	double		expected = w / (w + m);

	if (w == 1)
		return m * ad_log(1 - f);
	return w * ad_log(f / expected) + m * ad_log((1 - f) / (1 - expected));
}

/* The rank, from 1, of the longest of the spacings from one on. */
static Size
longest(const Tail *t, Size first, Size w)
{
	Size		best = first;

	for (Size i = first; i < first + w; i++)
		if (t->sum[i] - t->sum[i - 1] >= t->sum[best] - t->sum[best - 1])
			best = i;
	return best;
}

/* Find the most significant break of a tail, with at most so many above it. */
static void
find_break(const Tail *t, Size limit, Found *found)
{
	Size		most = Min(t->k / 2, BASE * BASE_PER_WIDTH);
	double		places;
	int			widths = 0;

	found->log_p = 0;
	found->above = 0;
	for (Size w = 1; w <= most / 2; w *= WIDER)
		widths++;
	places = widths * (ad_log((double) t->k) + EULER);
	for (Size w = 1; w <= most / 2; w *= WIDER)
	{
		Size		m = Min(Max((Size) (BASE * t->repeats), w * BASE_PER_WIDTH), t->k / 2);

		for (Size r = 1; r + w - 1 + m <= t->k && r <= limit; r++)
		{
			Size		end = r + w - 1;
			double		beside = t->sum[end + m] - t->sum[end];
			double		f = t->sum[end] - t->sum[r - 1];
			double		log_p;

			AD_CHECK_EVERY_1024(r);
			/* no longer than those below: the usual case */
			if (!(beside > 0) || f * (double) m <= beside * (double) w)
				continue;
			f /= f + beside;
			log_p = f < 1 ? log_chance(f, (double) w, (double) m) / t->repeats :
				-INFINITY;
			log_p += ad_log(places * (double) end);
			if (log_p < found->log_p && longest(t, r, w) <= limit)
			{
				found->log_p = log_p;
				found->above = longest(t, r, w);
			}
		}
	}
}

/*
 * Find which scores are too high for the others, with the given risk of finding
 * any where all are of one kind.  Returns how many, and in *cut what they are
 * higher than; infinity if there are none.  Orders what is kept.
 */
uint64
ad_break_find(AdBreak *b, double risk, double *cut)
{
	Size		looked_at = Max(b->n / SHARE, Min(b->n / 2, MIN_TAIL));
	Size		above = 0;
	double	   *score = b->kept;
	Tail		t;

	*cut = INFINITY;
	ad_sort_doubles(score, b->nkept);
	for (Size i = 0; i < b->nkept / 2; i++)
	{
		double		low = score[i];

		score[i] = score[b->nkept - 1 - i];
		score[b->nkept - 1 - i] = low;
	}
	looked_at = Min(looked_at, Min(b->nkept, MAX_KEPT));
	t.sum = ad_palloc_array(double, looked_at + 1);
	for (int i = 0; i < MAX_BREAKS && above < Max(b->n / RARE, 1); i++)
	{
		Found		found;

		t.score = score + above;
		t.k = looked_at - above;
		if (!fit_tail(&t))
			break;
		sum_spacings(&t);
		find_break(&t, Max(b->n / RARE, 1) - above, &found);
		if (found.above == 0 || found.log_p >= ad_log(risk))
			break;
		above += found.above;
	}
	pfree(t.sum);
	if (above == 0)
		return 0;
	*cut = score[above];
	/* of equal ones none is higher */
	while (above > 0 && score[above - 1] == *cut)
		above--;
	return above;
}
