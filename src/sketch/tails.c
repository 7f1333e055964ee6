/*-------------------------------------------------------------------------
 *
 * tails.c
 *		The exact extremes of a numeric feature, and its distinct values
 *		while they are few.
 *
 * A tail is an unordered buffer with room for twice as many values as it
 * keeps.  When it is full it is cut back to the most extreme ones, the least
 * extreme of which becomes the threshold: a value that is not beyond it costs
 * one comparison.
 *
 *-------------------------------------------------------------------------
 */
#include "math/ad_math.h"
#include "sketch/ad_sketch.h"

/* An empty tail that is to keep some values, in the current context. */
void
ad_tail_init(AdTail *t, int keep)
{
	t->v = ad_palloc_array(double, 2 * keep);
	t->n = 0;
}

/* Cut a tail to its most extreme values (any order). */
void
ad_tail_cut(AdTail *t, int keep, bool high)
{
	if (t->n <= keep)
		return;
	if (high)
	{
		/* the largest end up last: move them to the front */
		ad_select(t->v, t->n, t->n - keep);
		memmove(t->v, t->v + t->n - keep, keep * sizeof(double));
	}
	else
		ad_select(t->v, t->n, keep - 1);
	t->n = keep;
}

/*
 * Add a value known to be beyond the threshold; returns the new threshold.
 */
double
ad_tail_add(AdTail *t, int keep, double v, bool high, double threshold)
{
	t->v[t->n++] = v;
	if (t->n == 2 * keep)
	{
		ad_tail_cut(t, keep, high);
		threshold = t->v[0];
		for (int i = 1; i < t->n; i++)
			threshold = high ? Min(threshold, t->v[i]) :
				Max(threshold, t->v[i]);
	}
	return threshold;
}

/* An empty set of numbers, its table in the current context. */
void
ad_numbers_init(AdNumbers *s)
{
	s->v = ad_palloc_array(double, AD_NUMBER_SLOTS);
	for (int i = 0; i < AD_NUMBER_SLOTS; i++)
		s->v[i] = NAN;
	s->n = 0;
	s->overflow = false;
}

/* Add a finite number; past AD_MAX_DISTINCT the set only says "many". */
void
ad_numbers_add(AdNumbers *s, double v)
{
	uint32		at;

	if (s->overflow)
		return;
	at = ad_number_slot(v);
	while (!isnan(s->v[at]))
	{
		if (s->v[at] == v)
			return;
		at = (at + 1) & (AD_NUMBER_SLOTS - 1);
	}
	if (s->n == AD_MAX_DISTINCT)
	{
		s->overflow = true;
		pfree(s->v);
		s->v = NULL;
		return;
	}
	s->v[at] = v;
	s->n++;
}
